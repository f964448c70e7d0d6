//! RPTC, the client's description of itself, and DMRC, its local twin between MMDVMHost and DMRGateway. Owns both byte
//! tables; never refuses a field, because they arrive cut, padded and in any encoding. Source: `wire.md` 1.4, 1.9.

use core::ops::Range;

use super::field::{
    LATITUDE_LIMIT, LONGITUDE_LIMIT, Text, decimal, decimal_to, micro_degrees, print, print_decimal, print_degrees,
    signed_decimal, trim,
};
use crate::id::ClientId;
use crate::wire::{Malformed, array_at, part};

/// First four octets of RPTC.
pub const OPCODE: &[u8; 4] = b"RPTC";
/// The client's ID, id4.
pub const CLIENT: Range<usize> = 4..8;
/// Callsign.
pub const CALLSIGN: Range<usize> = 8..16;
/// Frequency on which the station receives, Hz, 9 digits.
pub const RX_FREQUENCY: Range<usize> = 16..25;
/// Frequency on which the station transmits, Hz, 9 digits.
pub const TX_FREQUENCY: Range<usize> = 25..34;
/// Power, W, 2 digits.
pub const POWER: Range<usize> = 34..36;
/// Colour code, 2 digits.
pub const COLOUR_CODE: Range<usize> = 36..38;
/// Latitude, degrees, `%08f` cut to 8.
pub const LATITUDE: Range<usize> = 38..46;
/// Longitude, degrees, `%09f` cut to 9.
pub const LONGITUDE: Range<usize> = 46..55;
/// Antenna height, m, 3 digits.
pub const HEIGHT: Range<usize> = 55..58;
/// Location.
pub const LOCATION: Range<usize> = 58..78;
/// Description.
pub const DESCRIPTION: Range<usize> = 78..97;
/// Slots in use, one character `0` to `4`.
pub const SLOTS: Range<usize> = 97..98;
/// URL.
pub const URL: Range<usize> = 98..222;
/// Software ID.
pub const SOFTWARE: Range<usize> = 222..262;
/// Package ID, such as `MMDVM_MMDVM_HS_Hat`.
pub const PACKAGE: Range<usize> = 262..302;

/// Octets of a complete RPTC; what follows is ignored.
pub const LENGTH: usize = 302;
/// Octets up to the slots: fewer are refused.
pub const MIN_LENGTH: usize = 98;
/// Most that the two digits of the power say, W.
pub const MAX_POWER: u8 = 99;
/// Largest colour code.
pub const MAX_COLOUR_CODE: u8 = 15;

/// The fields of DMRC after opcode and ID, which are as in RPTC up to the colour code.
pub mod local {
    use core::ops::Range;

    /// First four octets of DMRC.
    pub const OPCODE: &[u8; 4] = b"DMRC";
    /// Slots in use, one character.
    pub const SLOTS: Range<usize> = 38..39;
    /// Version of the software.
    pub const VERSION: Range<usize> = 39..79;
    /// Name of the software or hardware.
    pub const SOFTWARE: Range<usize> = 79..119;
    /// Octets of a DMRC.
    pub const LENGTH: usize = 119;
}

/// Which slots a client says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slots {
    /// `0`, which has no agreed meaning.
    Unspecified,
    /// `1`: slot 1 of a duplex repeater.
    One,
    /// `2`: slot 2 of a duplex repeater.
    Two,
    /// `3`: both slots of a duplex repeater.
    Both,
    /// `4`: a simplex hotspot, which uses slot 2 only (`wire.md` 6, trap 27).
    Simplex,
}

impl Slots {
    /// From the character on the wire.
    pub const fn from_char(character: u8) -> Option<Self> {
        match character {
            b'0' => Some(Self::Unspecified),
            b'1' => Some(Self::One),
            b'2' => Some(Self::Two),
            b'3' => Some(Self::Both),
            b'4' => Some(Self::Simplex),
            _ => None,
        }
    }

    /// The character on the wire.
    pub const fn to_char(self) -> u8 {
        b'0' + self as u8
    }
}

fn slots_char(slots: Option<Slots>) -> [u8; 1] {
    [slots.map_or(b' ', Slots::to_char)]
}

fn slots_in(field: &[u8]) -> Option<Slots> {
    field.first().and_then(|character| Slots::from_char(*character))
}

/// An RPTC of at least [`MIN_LENGTH`] octets. Texts are trimmed of spaces and NULs and may be no UTF-8; numbers that are
/// empty, missing, no decimals or out of range are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigView<'a> {
    bytes: &'a [u8],
    client: ClientId,
}

impl<'a> ConfigView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::ConfigLength`] under [`MIN_LENGTH`] octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        match array_at(bytes, CLIENT.start) {
            Some(client) if bytes.len() >= MIN_LENGTH => {
                Ok(Self { bytes: part(bytes, 0..LENGTH), client: ClientId::from_bytes(*client) })
            }
            _ => Err(Malformed::ConfigLength),
        }
    }

    /// The datagram without what follows octet 302: what a retransmission is compared by.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The client's ID.
    pub const fn client(&self) -> ClientId {
        self.client
    }

    fn text(&self, range: Range<usize>) -> &'a [u8] {
        trim(part(self.bytes, range))
    }

    /// Callsign; whether it is printable is not checked.
    pub fn callsign(&self) -> &'a [u8] {
        self.text(CALLSIGN)
    }

    /// Frequency on which the station receives, Hz.
    pub fn rx_frequency(&self) -> Option<u32> {
        decimal(self.text(RX_FREQUENCY))
    }

    /// Frequency on which the station transmits, Hz.
    pub fn tx_frequency(&self) -> Option<u32> {
        decimal(self.text(TX_FREQUENCY))
    }

    /// Power, 0 to 99 W.
    pub fn power(&self) -> Option<u8> {
        decimal_to(self.text(POWER), MAX_POWER)
    }

    /// Colour code, 0 to 15.
    pub fn colour_code(&self) -> Option<u8> {
        decimal_to(self.text(COLOUR_CODE), MAX_COLOUR_CODE)
    }

    /// Latitude, micro-degrees, north positive, within ±90°.
    pub fn latitude(&self) -> Option<i32> {
        micro_degrees(self.text(LATITUDE), LATITUDE_LIMIT)
    }

    /// Longitude, micro-degrees, east positive, within ±180°.
    pub fn longitude(&self) -> Option<i32> {
        micro_degrees(self.text(LONGITUDE), LONGITUDE_LIMIT)
    }

    /// Antenna height, -99 to 999 m.
    pub fn height(&self) -> Option<i16> {
        signed_decimal(self.text(HEIGHT))
    }

    /// Location.
    pub fn location(&self) -> &'a [u8] {
        self.text(LOCATION)
    }

    /// Description.
    pub fn description(&self) -> &'a [u8] {
        self.text(DESCRIPTION)
    }

    /// Slots in use.
    pub fn slots(&self) -> Option<Slots> {
        slots_in(part(self.bytes, SLOTS))
    }

    /// URL.
    pub fn url(&self) -> &'a [u8] {
        self.text(URL)
    }

    /// Software ID.
    pub fn software(&self) -> &'a [u8] {
        self.text(SOFTWARE)
    }

    /// Package ID.
    pub fn package(&self) -> &'a [u8] {
        self.text(PACKAGE)
    }

    /// Whether this is a simplex hotspot: it says so, or both frequencies are the same (`wire.md` 1.4).
    pub fn is_simplex(&self) -> bool {
        self.slots() == Some(Slots::Simplex)
            || self.rx_frequency().is_some_and(|frequency| self.tx_frequency() == Some(frequency))
    }
}

/// An RPTC by its meaning, to keep or to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeaterConfig {
    /// The client's ID.
    pub client: ClientId,
    /// Callsign.
    pub callsign: Text<8>,
    /// Frequency on which the station receives, Hz.
    pub rx_frequency: Option<u32>,
    /// Frequency on which the station transmits, Hz.
    pub tx_frequency: Option<u32>,
    /// Power, W.
    pub power: Option<u8>,
    /// Colour code, 0 to 15.
    pub colour_code: Option<u8>,
    /// Latitude, micro-degrees, north positive.
    pub latitude: Option<i32>,
    /// Longitude, micro-degrees, east positive.
    pub longitude: Option<i32>,
    /// Antenna height, m.
    pub height: Option<i16>,
    /// Location.
    pub location: Text<20>,
    /// Description.
    pub description: Text<19>,
    /// Slots in use.
    pub slots: Option<Slots>,
    /// URL.
    pub url: Text<124>,
    /// Software ID.
    pub software: Text<40>,
    /// Package ID.
    pub package: Text<40>,
}

impl RepeaterConfig {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Those of [`ConfigView::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        ConfigView::parse(bytes).map(Self::from)
    }

    /// Writes it as MMDVMHost and DMRGateway do: padded with spaces, numbers capped at their width, coordinates with as
    /// many decimals as fit. What is `None` is left blank.
    pub fn emit(&self) -> [u8; LENGTH] {
        let mut bytes = [b' '; LENGTH];
        bytes[..CLIENT.start].copy_from_slice(OPCODE);
        bytes[CLIENT].copy_from_slice(&self.client.to_bytes());
        bytes[CALLSIGN].copy_from_slice(self.callsign.padded());
        bytes[RX_FREQUENCY].copy_from_slice(&print_decimal::<9>(self.rx_frequency));
        bytes[TX_FREQUENCY].copy_from_slice(&print_decimal::<9>(self.tx_frequency));
        bytes[POWER].copy_from_slice(&print_decimal::<2>(self.power.map(u32::from)));
        bytes[COLOUR_CODE].copy_from_slice(&print_decimal::<2>(self.colour_code.map(u32::from)));
        bytes[LATITUDE].copy_from_slice(&print_degrees::<8>(self.latitude, LATITUDE_LIMIT));
        bytes[LONGITUDE].copy_from_slice(&print_degrees::<9>(self.longitude, LONGITUDE_LIMIT));
        bytes[HEIGHT].copy_from_slice(&print_height(self.height));
        bytes[LOCATION].copy_from_slice(self.location.padded());
        bytes[DESCRIPTION].copy_from_slice(self.description.padded());
        bytes[SLOTS].copy_from_slice(&slots_char(self.slots));
        bytes[URL].copy_from_slice(self.url.padded());
        bytes[SOFTWARE].copy_from_slice(self.software.padded());
        bytes[PACKAGE].copy_from_slice(self.package.padded());
        bytes
    }
}

fn print_height(height: Option<i16>) -> [u8; 3] {
    height.map_or([b' '; 3], |metres| print(format_args!("{:03}", metres.clamp(-99, 999))))
}

impl From<ConfigView<'_>> for RepeaterConfig {
    fn from(view: ConfigView<'_>) -> Self {
        Self {
            client: view.client(),
            callsign: Text::new(view.callsign()),
            rx_frequency: view.rx_frequency(),
            tx_frequency: view.tx_frequency(),
            power: view.power(),
            colour_code: view.colour_code(),
            latitude: view.latitude(),
            longitude: view.longitude(),
            height: view.height(),
            location: Text::new(view.location()),
            description: Text::new(view.description()),
            slots: view.slots(),
            url: Text::new(view.url()),
            software: Text::new(view.software()),
            package: Text::new(view.package()),
        }
    }
}

/// A DMRC as it came. It never reaches a server unless somebody points MMDVMHost past its gateway (`wire.md` 1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalConfigView<'a> {
    bytes: &'a [u8; local::LENGTH],
}

impl<'a> LocalConfigView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::LocalConfigLength`] unless 119 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(local::OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        bytes.try_into().map(|bytes| Self { bytes }).map_err(|_| Malformed::LocalConfigLength)
    }

    /// The datagram.
    pub const fn bytes(&self) -> &'a [u8; local::LENGTH] {
        self.bytes
    }

    /// The client's ID.
    pub const fn client(&self) -> ClientId {
        ClientId::from_bytes([self.bytes[4], self.bytes[5], self.bytes[6], self.bytes[7]])
    }
}

/// A DMRC by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalConfig {
    /// The client's ID.
    pub client: ClientId,
    /// Callsign.
    pub callsign: Text<8>,
    /// Frequency on which the station receives, Hz.
    pub rx_frequency: Option<u32>,
    /// Frequency on which the station transmits, Hz.
    pub tx_frequency: Option<u32>,
    /// Power, W.
    pub power: Option<u8>,
    /// Colour code, 0 to 15.
    pub colour_code: Option<u8>,
    /// Slots in use.
    pub slots: Option<Slots>,
    /// Version of the software.
    pub version: Text<40>,
    /// Name of the software or hardware.
    pub software: Text<40>,
}

impl LocalConfig {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Those of [`LocalConfigView::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        LocalConfigView::parse(bytes).map(Self::from)
    }

    /// Writes it; numbers are capped at their width, what is `None` is left blank.
    pub fn emit(&self) -> [u8; local::LENGTH] {
        let mut bytes = [b' '; local::LENGTH];
        bytes[..CLIENT.start].copy_from_slice(local::OPCODE);
        bytes[CLIENT].copy_from_slice(&self.client.to_bytes());
        bytes[CALLSIGN].copy_from_slice(self.callsign.padded());
        bytes[RX_FREQUENCY].copy_from_slice(&print_decimal::<9>(self.rx_frequency));
        bytes[TX_FREQUENCY].copy_from_slice(&print_decimal::<9>(self.tx_frequency));
        bytes[POWER].copy_from_slice(&print_decimal::<2>(self.power.map(u32::from)));
        bytes[COLOUR_CODE].copy_from_slice(&print_decimal::<2>(self.colour_code.map(u32::from)));
        bytes[local::SLOTS].copy_from_slice(&slots_char(self.slots));
        bytes[local::VERSION].copy_from_slice(self.version.padded());
        bytes[local::SOFTWARE].copy_from_slice(self.software.padded());
        bytes
    }
}

impl From<LocalConfigView<'_>> for LocalConfig {
    fn from(view: LocalConfigView<'_>) -> Self {
        let bytes = view.bytes;
        Self {
            client: view.client(),
            callsign: Text::new(&bytes[CALLSIGN]),
            rx_frequency: decimal(&bytes[RX_FREQUENCY]),
            tx_frequency: decimal(&bytes[TX_FREQUENCY]),
            power: decimal_to(&bytes[POWER], MAX_POWER),
            colour_code: decimal_to(&bytes[COLOUR_CODE], MAX_COLOUR_CODE),
            slots: slots_in(&bytes[local::SLOTS]),
            version: Text::new(&bytes[local::VERSION]),
            software: Text::new(&bytes[local::SOFTWARE]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::{bytes_of, of_kind};
    use proptest::prelude::*;

    #[test]
    fn mmdvmhost_and_dmrgateway_configurations_round_trip_to_the_byte() {
        let vectors: Vec<_> = of_kind("hbp").into_iter().chain(of_kind("hbp-fields")).collect();
        let configs: Vec<_> = vectors.iter().filter(|vector| vector.bytes.len() == LENGTH).collect();
        for vector in &configs {
            assert_eq!(RepeaterConfig::parse(&vector.bytes).unwrap().emit().as_slice(), vector.bytes, "{}", vector.id);
        }
        assert_eq!(configs.len(), 4);
    }

    #[test]
    fn the_parsed_vector_has_the_fields_that_the_reference_read() {
        let vectors = of_kind("hbp-fields");
        for vector in &vectors {
            let ranges = [
                ("CALLSIGN", CALLSIGN),
                ("RX_FREQ", RX_FREQUENCY),
                ("TX_FREQ", TX_FREQUENCY),
                ("TX_POWER", POWER),
                ("COLORCODE", COLOUR_CODE),
                ("LATITUDE", LATITUDE),
                ("LONGITUDE", LONGITUDE),
                ("HEIGHT", HEIGHT),
                ("LOCATION", LOCATION),
                ("DESCRIPTION", DESCRIPTION),
                ("SLOTS", SLOTS),
                ("URL", URL),
                ("SOFTWARE_ID", SOFTWARE),
                ("PACKAGE_ID", PACKAGE),
            ];
            assert_eq!(vector.entry["fields"].as_object().unwrap().len(), ranges.len());
            for (name, range) in ranges {
                assert_eq!(vector.entry["fields"][name].as_str().unwrap().as_bytes(), &vector.bytes[range], "{name}");
            }
        }
        assert_eq!(vectors.len(), 1);
    }

    #[test]
    fn typed_fields_have_their_units() {
        let bytes = bytes_of("hbp", "hbp.rptc");
        let view = ConfigView::parse(&bytes).unwrap();
        assert_eq!((view.client(), view.callsign()), (ClientId(2_345_678), b"M0ABC".as_slice()));
        assert_eq!((view.rx_frequency(), view.tx_frequency()), (Some(430_450_000), Some(439_450_000)));
        assert_eq!((view.power(), view.colour_code(), view.height()), (Some(1), Some(1), Some(10)));
        assert_eq!((view.latitude(), view.longitude()), (Some(51_500_000), Some(-120_000)));
        assert_eq!((view.location(), view.description()), (b"London, IO91".as_slice(), b"Test hotspot".as_slice()));
        assert_eq!((view.slots(), view.is_simplex()), (Some(Slots::Both), false));
        assert_eq!((view.url(), view.software()), (b"https://example.net".as_slice(), b"20240101_PS4".as_slice()));
        assert_eq!(view.package(), b"MMDVM_MMDVM_HS_Hat");
    }

    #[test]
    fn a_disabled_location_reads_zero_and_four_means_simplex() {
        let bytes = bytes_of("hbp", "hbp.rptc_gateway_nolocation");
        let view = ConfigView::parse(&bytes).unwrap();
        assert_eq!((view.latitude(), view.longitude(), view.slots()), (Some(0), Some(0), Some(Slots::Simplex)));
        assert!(view.is_simplex());
        let bytes = bytes_of("hbp", "hbp.rptc_negative_coords");
        let view = ConfigView::parse(&bytes).unwrap();
        assert_eq!((view.latitude(), view.longitude()), (Some(-34_603_700), Some(-58_381_590)));
    }

    #[test]
    fn equal_frequencies_alone_mean_simplex_but_missing_ones_do_not() {
        let mut config = RepeaterConfig::parse(&bytes_of("hbp", "hbp.rptc")).unwrap();
        config.tx_frequency = config.rx_frequency;
        assert!(ConfigView::parse(&config.emit()).unwrap().is_simplex());
        (config.rx_frequency, config.tx_frequency) = (None, None);
        assert!(!ConfigView::parse(&config.emit()).unwrap().is_simplex());
    }

    #[test]
    fn unclean_text_is_read_as_meant() {
        let mut bytes = bytes_of("hbp", "hbp.rptc");
        bytes[CALLSIGN].copy_from_slice(b" M0ABC\0\0");
        bytes[POWER].copy_from_slice(b"5\0");
        bytes[COLOUR_CODE].copy_from_slice(b"08");
        bytes[HEIGHT].copy_from_slice(b"-10");
        bytes[DESCRIPTION].copy_from_slice(b"caf\xC3\xA9 cut in two \xC3\0");
        let view = ConfigView::parse(&bytes).unwrap();
        assert_eq!((view.callsign(), view.power()), (b"M0ABC".as_slice(), Some(5)));
        assert_eq!((view.colour_code(), view.height()), (Some(8), Some(-10)));
        assert_eq!(view.description(), b"caf\xC3\xA9 cut in two \xC3");
        bytes[COLOUR_CODE].copy_from_slice(b"16");
        bytes[SLOTS].copy_from_slice(b"x");
        let view = ConfigView::parse(&bytes).unwrap();
        assert_eq!((view.colour_code(), view.slots()), (None, None));
    }

    #[test]
    fn short_configurations_lack_fields_and_long_ones_lose_their_tail() {
        let mut bytes = bytes_of("hbp", "hbp.rptc");
        let whole = RepeaterConfig::parse(&bytes).unwrap();
        bytes.extend_from_slice(b"tail");
        assert_eq!(ConfigView::parse(&bytes).unwrap().bytes().len(), LENGTH);
        assert_eq!(RepeaterConfig::parse(&bytes).unwrap(), whole);
        assert_eq!(ConfigView::parse(&bytes[..MIN_LENGTH - 1]), Err(Malformed::ConfigLength));
        let view = ConfigView::parse(&bytes[..MIN_LENGTH]).unwrap();
        assert_eq!((view.slots(), view.url(), view.package()), (Some(Slots::Both), [].as_slice(), [].as_slice()));
        assert_eq!(ConfigView::parse(&bytes[..106]).unwrap().url(), b"https://");
    }

    #[test]
    fn a_local_configuration_round_trips_and_has_one_length() {
        let config = LocalConfig {
            client: ClientId(2_345_678),
            callsign: Text::new(b"M0ABC"),
            rx_frequency: Some(430_450_000),
            tx_frequency: Some(439_450_000),
            power: Some(1),
            colour_code: Some(15),
            slots: Some(Slots::Both),
            version: Text::new(b"20240101"),
            software: Text::new(b"MMDVM_HS_Hat"),
        };
        let bytes = config.emit();
        assert_eq!(&bytes[..39], b"DMRC\x00\x23\xCA\xCEM0ABC   43045000043945000001153");
        assert_eq!(LocalConfig::parse(&bytes), Ok(config));
        assert_eq!(LocalConfigView::parse(&bytes[..118]), Err(Malformed::LocalConfigLength));
    }

    fn any_text<const N: usize>() -> impl Strategy<Value = Text<N>> {
        proptest::collection::vec(any::<u8>(), 0..2 * N).prop_map(|octets| Text::new(&octets))
    }

    prop_compose! {
        fn any_config()(
            (client, callsign, location, description) in (any::<u32>(), any_text(), any_text(), any_text()),
            (url, software, package, slots) in (any_text(), any_text(), any_text(), any::<u8>()),
            frequencies in proptest::array::uniform2(proptest::option::of(0..1_000_000_000u32)),
            (power, colour_code) in (proptest::option::of(0..100u8), proptest::option::of(0..16u8)),
            latitude in proptest::option::of(-90_000_000..=90_000_000),
            longitude in proptest::option::of(-180_000_000..=180_000_000),
            height in proptest::option::of(-99..1000i16),
        ) -> RepeaterConfig {
            let [rx_frequency, tx_frequency] = frequencies;
            RepeaterConfig {
                client: ClientId(client), callsign, rx_frequency, tx_frequency, power, colour_code, latitude, longitude,
                height, location, description, slots: Slots::from_char(slots), url, software, package,
            }
        }
    }

    proptest! {
        #[test]
        fn a_configuration_survives_but_for_the_decimals_that_do_not_fit(config in any_config()) {
            let read = RepeaterConfig::parse(&config.emit()).unwrap();
            for (sent, got) in [(config.latitude, read.latitude), (config.longitude, read.longitude)] {
                prop_assert_eq!(sent.is_some(), got.is_some());
                let (sent, got) = (sent.unwrap_or(0), got.unwrap_or(0));
                prop_assert!(sent.abs() - got.abs() >= 0 && sent.abs() - got.abs() < 100);
            }
            let (latitude, longitude) = (read.latitude, read.longitude);
            prop_assert_eq!(read, RepeaterConfig { latitude, longitude, ..config });
            prop_assert_eq!(RepeaterConfig::parse(&read.emit()), Ok(read));
        }
    }
}
