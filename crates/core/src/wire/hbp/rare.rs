//! The rare messages: talker alias, GPS, mobile position, signal report, interrupt, beacon. Owns their layouts, several of
//! which exist in more than one form under the same opcode; gives them no effect. Source: `wire.md` 1.9.

use core::ops::Range;

use super::field::{LATITUDE_LIMIT, LONGITUDE_LIMIT, micro_degrees, print_signed_degrees};
use crate::id::{ClientId, RadioId, Slot};
use crate::wire::{Malformed, array_at, part};

/// DMRA: opcode, then id3 source, block, 7 alias octets; or id4 client before these; or that cut to 15 octets.
pub const TALKER_ALIAS: &[u8; 4] = b"DMRA";
/// Octets of a DMRA without client ID, and of the one that DMRGateway cuts.
pub const TALKER_ALIAS_LENGTH: usize = 15;
/// Octets of a DMRA with client ID.
pub const TALKER_ALIAS_LONG_LENGTH: usize = 19;
/// DMRG: like DMRA without the block, 7 octets of GPS LC (`wire.md` 5.9).
pub const GPS: &[u8; 4] = b"DMRG";
/// Octets of a DMRG without client ID, and of the one that DMRGateway cuts.
pub const GPS_LENGTH: usize = 14;
/// Octets of a DMRG with client ID.
pub const GPS_LONG_LENGTH: usize = 18;
/// Where the client's ID stands in those forms that have one.
pub const CLIENT: Range<usize> = 4..8;

/// RPTG: opcode, id4, latitude `%+08.4f`, longitude `%+09.4f`.
pub const POSITION: &[u8; 4] = b"RPTG";
/// Latitude in RPTG, degrees.
pub const POSITION_LATITUDE: Range<usize> = 8..16;
/// Longitude in RPTG, degrees.
pub const POSITION_LONGITUDE: Range<usize> = 16..25;
/// Octets of an RPTG.
pub const POSITION_LENGTH: usize = 25;

/// RPTRSSI: opcode, 8 hexadecimal digits of the ID, `:`, slot, level in dBm as text.
pub const RSSI: &[u8; 7] = b"RPTRSSI";
/// RPTINTR: opcode, ID as id4 or 8 hexadecimal digits, `:`, slot.
pub const INTERRUPT: &[u8; 7] = b"RPTINTR";
/// RPTSBKN: opcode, ID as id4 or 8 hexadecimal digits.
pub const BEACON: &[u8; 7] = b"RPTSBKN";
/// Where the ID begins in these three.
pub const EXTENSION_CLIENT: usize = 7;

/// Layout of DMRA and DMRG, told by length and session (`wire.md` 1.9).
struct Mobile<'a> {
    client: Option<ClientId>,
    /// Source, block if there is one, content.
    rest: &'a [u8],
}

impl<'a> Mobile<'a> {
    fn classify(bytes: &'a [u8], short: usize, session: ClientId) -> Self {
        let client = array_at(bytes, CLIENT.start).map(|id| ClientId::from_bytes(*id));
        let client = client.filter(|id| bytes.len() != short || *id == session);
        let start = if client.is_some() { CLIENT.end } else { CLIENT.start };
        Self { client, rest: part(bytes, start..bytes.len()) }
    }
}

/// A DMRA with a length that exists. Its layout depends on the session: [`TalkerAliasMessage::classify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkerAliasView<'a>(&'a [u8]);

impl<'a> TalkerAliasView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::TalkerAliasLength`] unless 15 or 19 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes.len() {
            _ if !bytes.starts_with(TALKER_ALIAS) => Err(Malformed::UnknownOpcode),
            TALKER_ALIAS_LENGTH | TALKER_ALIAS_LONG_LENGTH => Ok(Self(bytes)),
            _ => Err(Malformed::TalkerAliasLength),
        }
    }

    /// The datagram.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The client's ID, where the length alone says that there is one.
    pub fn client(&self) -> Option<ClientId> {
        long_client(self.0, TALKER_ALIAS_LONG_LENGTH)
    }
}

fn long_client(bytes: &[u8], long: usize) -> Option<ClientId> {
    array_at(bytes, CLIENT.start).filter(|_| bytes.len() == long).map(|id| ClientId::from_bytes(*id))
}

/// One block of a talker alias. Not to be acknowledged; the embedded LC is the dependable source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkerAliasMessage {
    /// 15 octets without client ID: MMDVMHost since August 2020.
    Bare {
        /// Who talks.
        source: RadioId,
        /// Block 0 to 3.
        block: u8,
        /// Alias octets of the LC.
        text: [u8; 7],
    },
    /// 19 octets: MMDVMHost before August 2020.
    WithClient {
        /// The client's ID.
        client: ClientId,
        /// Who talks.
        source: RadioId,
        /// Block 0 to 3.
        block: u8,
        /// Alias octets of the LC.
        text: [u8; 7],
    },
    /// 15 octets with client ID, cut by DMRGateway: tells that there is an alias and no more.
    Truncated {
        /// The client's ID.
        client: ClientId,
        /// Who talks.
        source: RadioId,
        /// Block 0 to 3.
        block: u8,
        /// The first alias octets.
        text: [u8; 3],
    },
}

impl TalkerAliasMessage {
    /// Tells the layouts apart: 19 octets hold the client's ID; 15 do if `session`'s ID stands in its place.
    ///
    /// # Errors
    /// Those of [`TalkerAliasView::parse`]; [`Malformed::TalkerAliasBlock`] above block 3.
    pub fn classify(bytes: &[u8], session: ClientId) -> Result<Self, Malformed> {
        let mobile = Mobile::classify(TalkerAliasView::parse(bytes)?.0, TALKER_ALIAS_LENGTH, session);
        let message = match (mobile.client, mobile.rest) {
            (None, &[a, b, c, block, ref text @ ..]) => {
                text.first_chunk().map(|text| Self::Bare { source: RadioId::from_bytes([a, b, c]), block, text: *text })
            }
            (Some(client), &[a, b, c, block, ref text @ ..]) => {
                let source = RadioId::from_bytes([a, b, c]);
                let whole = text.first_chunk().map(|text| Self::WithClient { client, source, block, text: *text });
                whole.or(text.first_chunk().map(|text| Self::Truncated { client, source, block, text: *text }))
            }
            _ => None,
        };
        message
            .ok_or(Malformed::TalkerAliasLength)
            .and_then(|message| if message.block() > 3 { Err(Malformed::TalkerAliasBlock) } else { Ok(message) })
    }

    const fn block(&self) -> u8 {
        match self {
            Self::Bare { block, .. } | Self::WithClient { block, .. } | Self::Truncated { block, .. } => *block,
        }
    }

    /// Writes the layout that this is into the front of the array; the length says how much of it is the message.
    pub fn emit(&self) -> ([u8; TALKER_ALIAS_LONG_LENGTH], usize) {
        match self {
            Self::Bare { source, block, text } => join(&[TALKER_ALIAS, &source.to_bytes(), &[*block], text]),
            Self::WithClient { client, source, block, text } => {
                join(&[TALKER_ALIAS, &client.to_bytes(), &source.to_bytes(), &[*block], text])
            }
            Self::Truncated { client, source, block, text } => {
                join(&[TALKER_ALIAS, &client.to_bytes(), &source.to_bytes(), &[*block], text])
            }
        }
    }
}

/// Parts one after the other, and their length; what exceeds `N` is left out.
pub(crate) fn join<const N: usize>(parts: &[&[u8]]) -> ([u8; N], usize) {
    let mut out = [0; N];
    let mut len = 0;
    for (to, from) in out.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
        len += 1;
    }
    (out, len)
}

/// A DMRG with a length that exists. Its layout depends on the session: [`GpsMessage::classify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpsView<'a>(&'a [u8]);

impl<'a> GpsView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::GpsLength`] unless 14 or 18 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes.len() {
            _ if !bytes.starts_with(GPS) => Err(Malformed::UnknownOpcode),
            GPS_LENGTH | GPS_LONG_LENGTH => Ok(Self(bytes)),
            _ => Err(Malformed::GpsLength),
        }
    }

    /// The datagram.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The client's ID, where the length alone says that there is one.
    pub fn client(&self) -> Option<ClientId> {
        long_client(self.0, GPS_LONG_LENGTH)
    }
}

/// A position from the GPS LC. Location is personal data: reported only if the operator says so (`wire.md` 5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpsMessage {
    /// 14 octets without client ID.
    Bare {
        /// Who is there.
        source: RadioId,
        /// LC octets 2 to 8.
        position: [u8; 7],
    },
    /// 18 octets.
    WithClient {
        /// The client's ID.
        client: ClientId,
        /// Who is there.
        source: RadioId,
        /// LC octets 2 to 8.
        position: [u8; 7],
    },
    /// 14 octets with client ID, cut by DMRGateway: holds no usable position.
    Truncated {
        /// The client's ID.
        client: ClientId,
        /// Who is there.
        source: RadioId,
        /// LC octets 2 to 4.
        position: [u8; 3],
    },
}

impl GpsMessage {
    /// Tells the layouts apart as [`TalkerAliasMessage::classify`] does.
    ///
    /// # Errors
    /// Those of [`GpsView::parse`].
    pub fn classify(bytes: &[u8], session: ClientId) -> Result<Self, Malformed> {
        let mobile = Mobile::classify(GpsView::parse(bytes)?.0, GPS_LENGTH, session);
        let (source, content) = mobile.rest.split_first_chunk().ok_or(Malformed::GpsLength)?;
        let source = RadioId::from_bytes(*source);
        let whole = content.first_chunk().copied();
        let message = match (mobile.client, whole) {
            (None, Some(position)) => Some(Self::Bare { source, position }),
            (Some(client), Some(position)) => Some(Self::WithClient { client, source, position }),
            (Some(client), None) => {
                content.first_chunk().map(|position| Self::Truncated { client, source, position: *position })
            }
            (None, None) => None,
        };
        message.ok_or(Malformed::GpsLength)
    }

    /// Writes the layout that this is into the front of the array; the length says how much of it is the message.
    pub fn emit(&self) -> ([u8; GPS_LONG_LENGTH], usize) {
        match self {
            Self::Bare { source, position } => join(&[GPS, &source.to_bytes(), position]),
            Self::WithClient { client, source, position } => {
                join(&[GPS, &client.to_bytes(), &source.to_bytes(), position])
            }
            Self::Truncated { client, source, position } => {
                join(&[GPS, &client.to_bytes(), &source.to_bytes(), position])
            }
        }
    }
}

/// An RPTG: where a mobile station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionView<'a>(&'a [u8; POSITION_LENGTH]);

impl<'a> PositionView<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`]; [`Malformed::PositionLength`] unless 25 octets.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(POSITION) {
            return Err(Malformed::UnknownOpcode);
        }
        bytes.try_into().map(Self).map_err(|_| Malformed::PositionLength)
    }

    /// The datagram.
    pub const fn bytes(&self) -> &'a [u8; POSITION_LENGTH] {
        self.0
    }

    /// The client's ID.
    pub const fn client(&self) -> ClientId {
        ClientId::from_bytes([self.0[4], self.0[5], self.0[6], self.0[7]])
    }

    /// Latitude, micro-degrees, north positive.
    pub fn latitude(&self) -> Option<i32> {
        micro_degrees(&self.0[POSITION_LATITUDE], LATITUDE_LIMIT)
    }

    /// Longitude, micro-degrees, east positive.
    pub fn longitude(&self) -> Option<i32> {
        micro_degrees(&self.0[POSITION_LONGITUDE], LONGITUDE_LIMIT)
    }
}

/// An RPTG by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The client's ID.
    pub client: ClientId,
    /// Latitude, micro-degrees, north positive; the wire carries steps of 100.
    pub latitude: Option<i32>,
    /// Longitude, micro-degrees, east positive; the wire carries steps of 100.
    pub longitude: Option<i32>,
}

impl Position {
    /// Writes it, rounded to four decimals; blank where `None`.
    pub fn emit(&self) -> [u8; POSITION_LENGTH] {
        let latitude = print_signed_degrees::<8>(self.latitude, LATITUDE_LIMIT);
        let longitude = print_signed_degrees::<9>(self.longitude, LONGITUDE_LIMIT);
        join(&[POSITION, &self.client.to_bytes(), &latitude, &longitude]).0
    }
}

impl From<PositionView<'_>> for Position {
    fn from(view: PositionView<'_>) -> Self {
        Self { client: view.client(), latitude: view.latitude(), longitude: view.longitude() }
    }
}

/// How an extension writes an ID: sources disagree (`wire.md` 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// Four octets, big-endian.
    Binary,
    /// Eight hexadecimal digits; read in either case, written in upper case.
    Hex,
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Reads eight hexadecimal digits at `at`.
fn hex_id(bytes: &[u8], at: usize) -> Result<ClientId, Malformed> {
    let text = array_at::<8>(bytes, at).ok_or(Malformed::HexId)?;
    let value = text.iter().try_fold(0, |value: u32, digit| Some(value << 4 | char::from(*digit).to_digit(16)?));
    value.map(ClientId).ok_or(Malformed::HexId)
}

fn print_hex(client: ClientId) -> [u8; 8] {
    let mut value = client.0;
    [(); 8].map(|()| {
        value = value.rotate_left(4);
        DIGITS[(value & 15) as usize]
    })
}

fn slot_text(text: &[u8]) -> Result<Slot, Malformed> {
    match text {
        b":1" => Ok(Slot::One),
        b":2" => Ok(Slot::Two),
        _ => Err(Malformed::SlotText),
    }
}

const fn print_slot(slot: Slot) -> [u8; 2] {
    [b':', b'0' + slot.number()]
}

/// A request to stop the incoming call on a slot: RPTINTR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The client's ID.
    pub client: ClientId,
    /// How the ID is written.
    pub form: IdForm,
    /// Whose call is to stop.
    pub slot: Slot,
}

impl Interrupt {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`], [`Malformed::InterruptLength`], [`Malformed::HexId`], [`Malformed::SlotText`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(INTERRUPT) {
            return Err(Malformed::UnknownOpcode);
        }
        let (client, form) = match (bytes.len(), array_at(bytes, EXTENSION_CLIENT)) {
            (13, Some(id)) => (ClientId::from_bytes(*id), IdForm::Binary),
            (17, _) => (hex_id(bytes, EXTENSION_CLIENT)?, IdForm::Hex),
            _ => return Err(Malformed::InterruptLength),
        };
        let slot = slot_text(part(bytes, bytes.len() - 2..bytes.len()))?;
        Ok(Self { client, form, slot })
    }

    /// Writes it into the front of the array; the length says how much of it is the message.
    pub fn emit(&self) -> ([u8; 17], usize) {
        match self.form {
            IdForm::Binary => join(&[INTERRUPT, &self.client.to_bytes(), &print_slot(self.slot)]),
            IdForm::Hex => join(&[INTERRUPT, &print_hex(self.client), &print_slot(self.slot)]),
        }
    }
}

/// A signal report: RPTRSSI. Ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rssi<'a> {
    /// The client's ID.
    pub client: ClientId,
    /// Where it was measured.
    pub slot: Slot,
    /// Level in dBm as text, such as `-120.0`; 1 to 8 octets.
    pub level: &'a [u8],
}

impl<'a> Rssi<'a> {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`], [`Malformed::RssiLength`], [`Malformed::HexId`], [`Malformed::SlotText`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(RSSI) {
            return Err(Malformed::UnknownOpcode);
        }
        if !(18..=25).contains(&bytes.len()) {
            return Err(Malformed::RssiLength);
        }
        let client = hex_id(bytes, EXTENSION_CLIENT)?;
        Ok(Self { client, slot: slot_text(part(bytes, 15..17))?, level: part(bytes, 17..bytes.len()) })
    }

    /// Writes it into the front of the array; the length says how much of it is the message.
    pub fn emit(&self) -> ([u8; 25], usize) {
        join(&[RSSI, &print_hex(self.client), &print_slot(self.slot), self.level])
    }
}

/// A server's wish that the client transmit its beacon: RPTSBKN. Clients look at the opcode only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeaconRequest {
    /// The client's ID.
    pub client: ClientId,
    /// How the ID is written.
    pub form: IdForm,
}

impl BeaconRequest {
    /// Takes a whole datagram.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`], [`Malformed::BeaconLength`], [`Malformed::HexId`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(BEACON) {
            return Err(Malformed::UnknownOpcode);
        }
        match (bytes.len(), array_at(bytes, EXTENSION_CLIENT)) {
            (11, Some(id)) => Ok(Self { client: ClientId::from_bytes(*id), form: IdForm::Binary }),
            (15, _) => Ok(Self { client: hex_id(bytes, EXTENSION_CLIENT)?, form: IdForm::Hex }),
            _ => Err(Malformed::BeaconLength),
        }
    }

    /// Writes it into the front of the array; the length says how much of it is the message.
    pub fn emit(&self) -> ([u8; 15], usize) {
        match self.form {
            IdForm::Binary => join(&[BEACON, &self.client.to_bytes()]),
            IdForm::Hex => join(&[BEACON, &print_hex(self.client)]),
        }
    }
}
