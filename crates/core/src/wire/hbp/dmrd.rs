//! DMRD, one burst on its way between a client and a server: the hot path. Owns the frame around the burst; never looks
//! into the 33 octets, which belong to `dmr`. Source: `wire.md` 1.7.
//!
//! Three lengths arrive (53, 55 and 71 octets) and one leaves: 55 (`wire.md` 6, trap 1).

use core::ops::Range;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, RadioId, Slot, StreamId, id3, to_id3};
use crate::wire::Malformed;

/// First four octets.
pub const OPCODE: &[u8; 4] = b"DMRD";
/// Sequence number, one octet, wraps.
pub const SEQ: usize = 4;
/// Source radio, id3.
pub const SOURCE: Range<usize> = 5..8;
/// Destination talkgroup or radio, id3.
pub const DESTINATION: Range<usize> = 8..11;
/// The client's ID in both directions, id4.
pub const CLIENT: Range<usize> = 11..15;
/// Slot, call type, frame type and data type or burst index.
pub const BITS: usize = 15;
/// Stream ID, four opaque octets.
pub const STREAM: Range<usize> = 16..20;
/// The burst.
pub const BURST: Range<usize> = 20..53;
/// Bit errors in the burst (of 141 checked bits of a voice burst), 0 if unknown. Not in the 53-octet form.
pub const BER: usize = 53;
/// Magnitude of the signal level in -dBm, 0 if unknown. Not in the 53-octet form.
pub const RSSI: usize = 54;

/// In [`BITS`]: set for slot 2.
pub const SLOT_BIT: u8 = 0x80;
/// In [`BITS`]: set for a unit (private) call.
pub const UNIT_BIT: u8 = 0x40;
/// In [`BITS`]: the frame type.
pub const FRAME_TYPE_MASK: u8 = 0x30;
/// In [`BITS`]: burst index or data type.
pub const LOW_MASK: u8 = 0x0F;

/// Octets of the form that is always sent.
pub const LENGTH: usize = 55;
/// Octets of the original form, without BER and RSSI.
pub const SHORT_LENGTH: usize = 53;
/// Octets of the form with a UUID, which is ignored.
pub const TRUNKING_LENGTH: usize = 71;

const HEAD: usize = BURST.start;
const BURST_LENGTH: usize = BURST.end - BURST.start;
const TYPE_VOICE: u8 = 0x00;
const TYPE_VOICE_SYNC: u8 = 0x10;
const TYPE_DATA_SYNC: u8 = 0x20;
const TYPE_INVALID: u8 = 0x30;

/// Place of a voice burst in its superframe of 360 ms; A carries the sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BurstIndex {
    /// First, with voice sync.
    A,
    /// Second, embedded LC fragment 1.
    B,
    /// Third, embedded LC fragment 2.
    C,
    /// Fourth, embedded LC fragment 3.
    D,
    /// Fifth, embedded LC fragment 4.
    E,
    /// Sixth, no fragment of the LC.
    F,
}

impl BurstIndex {
    /// All six in order.
    pub const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];
    /// 0 for A to 5 for F.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a burst is, from frame type and low nibble together (`wire.md` 1.7, 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FrameKind {
    /// Privacy header, data type 0.
    PiHeader,
    /// Voice LC header, data type 1: a call begins.
    VoiceHeader,
    /// Terminator with LC, data type 2: a call ends.
    Terminator,
    /// CSBK, data type 3.
    Csbk,
    /// Multi-block control header, data type 4.
    MbcHeader,
    /// Multi-block control continuation, data type 5.
    MbcContinuation,
    /// Data header, data type 6.
    DataHeader,
    /// Rate 1/2 data, data type 7.
    Rate12,
    /// Rate 3/4 data, data type 8.
    Rate34,
    /// Idle, data type 9.
    Idle,
    /// Rate 1 data, data type 10.
    Rate1,
    /// Data types 11 to 15: pass only within a data stream (`wire.md` 6, trap 37).
    Reserved(u8),
    /// Voice burst A to F.
    Voice(BurstIndex),
    /// Frame type 3, or a voice burst without an index from 1 to 5: to be dropped (`wire.md` 6, trap 37).
    Invalid,
}

impl FrameKind {
    /// From the bits octet; slot and call type do not matter. A voice sync with a nonzero low nibble is burst A.
    pub const fn from_bits(bits: u8) -> Self {
        let low = bits & LOW_MASK;
        match bits & FRAME_TYPE_MASK {
            TYPE_VOICE => match low {
                1 => Self::Voice(BurstIndex::B),
                2 => Self::Voice(BurstIndex::C),
                3 => Self::Voice(BurstIndex::D),
                4 => Self::Voice(BurstIndex::E),
                5 => Self::Voice(BurstIndex::F),
                _ => Self::Invalid,
            },
            TYPE_VOICE_SYNC => Self::Voice(BurstIndex::A),
            TYPE_DATA_SYNC => Self::from_data_type(low),
            _ => Self::Invalid,
        }
    }

    const fn from_data_type(data_type: u8) -> Self {
        match data_type {
            0 => Self::PiHeader,
            1 => Self::VoiceHeader,
            2 => Self::Terminator,
            3 => Self::Csbk,
            4 => Self::MbcHeader,
            5 => Self::MbcContinuation,
            6 => Self::DataHeader,
            7 => Self::Rate12,
            8 => Self::Rate34,
            9 => Self::Idle,
            10 => Self::Rate1,
            other => Self::Reserved(other),
        }
    }

    /// Frame type and low nibble as in the bits octet, slot and unit bits clear. [`FrameKind::Invalid`] gives frame
    /// type 3, a reserved type outside 11 to 15 the nearest of these.
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::PiHeader => TYPE_DATA_SYNC,
            Self::VoiceHeader => TYPE_DATA_SYNC | 1,
            Self::Terminator => TYPE_DATA_SYNC | 2,
            Self::Csbk => TYPE_DATA_SYNC | 3,
            Self::MbcHeader => TYPE_DATA_SYNC | 4,
            Self::MbcContinuation => TYPE_DATA_SYNC | 5,
            Self::DataHeader => TYPE_DATA_SYNC | 6,
            Self::Rate12 => TYPE_DATA_SYNC | 7,
            Self::Rate34 => TYPE_DATA_SYNC | 8,
            Self::Idle => TYPE_DATA_SYNC | 9,
            Self::Rate1 => TYPE_DATA_SYNC | 10,
            Self::Reserved(data_type @ 11..=15) => TYPE_DATA_SYNC | data_type,
            Self::Reserved(0..=10) => TYPE_DATA_SYNC | 11,
            Self::Reserved(_) => TYPE_DATA_SYNC | 15,
            Self::Voice(BurstIndex::A) => TYPE_VOICE_SYNC,
            Self::Voice(index) => TYPE_VOICE | index as u8,
            Self::Invalid => TYPE_INVALID,
        }
    }

    /// Belongs to a voice call: header, privacy header, bursts A to F, terminator.
    pub const fn is_voice(self) -> bool {
        matches!(self, Self::VoiceHeader | Self::PiHeader | Self::Voice(_) | Self::Terminator)
    }

    /// Belongs to data or control: data types 3 to 8 and 10. Neither idle nor reserved types.
    pub const fn is_data(self) -> bool {
        matches!(
            self,
            Self::Csbk
                | Self::MbcHeader
                | Self::MbcContinuation
                | Self::DataHeader
                | Self::Rate12
                | Self::Rate34
                | Self::Rate1
        )
    }
}

/// A DMRD whose length and opcode are checked; every accessor is O(1) and cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmrdView<'a> {
    head: &'a [u8; HEAD],
    burst: &'a [u8; BURST_LENGTH],
    trailer: [u8; 2],
}

impl<'a> DmrdView<'a> {
    /// Takes 53, 55 or 71 octets; BER and RSSI of the short form read 0, the UUID of the long form is ignored.
    ///
    /// # Errors
    /// [`Malformed::UnknownOpcode`], [`Malformed::TooShort`] under 53 octets, [`Malformed::FrameLength`] otherwise.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(OPCODE) {
            return Err(Malformed::UnknownOpcode);
        }
        let (head, rest) = bytes.split_first_chunk().ok_or(Malformed::TooShort)?;
        let (burst, tail) = rest.split_first_chunk().ok_or(Malformed::TooShort)?;
        let trailer = match (bytes.len(), tail) {
            (SHORT_LENGTH, _) => [0, 0],
            (LENGTH | TRUNKING_LENGTH, [ber, rssi, ..]) => [*ber, *rssi],
            _ => return Err(Malformed::FrameLength),
        };
        Ok(Self { head, burst, trailer })
    }

    /// The 53 or 55 octets of a frame in which another protocol put its own opcode.
    pub(crate) fn parse_body(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        let (burst, tail) = rest.split_first_chunk()?;
        let trailer = match tail {
            [] => [0, 0],
            [ber, rssi] => [*ber, *rssi],
            _ => return None,
        };
        Some(Self { head, burst, trailer })
    }

    /// Sequence number.
    pub const fn seq(&self) -> u8 {
        self.head[SEQ]
    }

    /// Source radio; 0 and values above [`RadioId::MAX`] do occur and are the receiver's to refuse (`wire.md` 1.8).
    pub const fn source(&self) -> RadioId {
        RadioId(id3([self.head[5], self.head[6], self.head[7]]))
    }

    /// Destination, 24 bits: an RF talkgroup or a radio, as [`DmrdView::is_unit`] says.
    pub const fn destination_raw(&self) -> u32 {
        id3([self.head[8], self.head[9], self.head[10]])
    }

    /// The client's ID.
    pub const fn client(&self) -> ClientId {
        ClientId::from_bytes([self.head[11], self.head[12], self.head[13], self.head[14]])
    }

    /// The bits octet as it came.
    pub const fn bits(&self) -> u8 {
        self.head[BITS]
    }

    /// Timeslot.
    pub const fn slot(&self) -> Slot {
        if self.bits() & SLOT_BIT == 0 { Slot::One } else { Slot::Two }
    }

    /// Whether this is a unit (private) call; else a group call.
    pub const fn is_unit(&self) -> bool {
        self.bits() & UNIT_BIT != 0
    }

    /// What the burst is.
    pub const fn kind(&self) -> FrameKind {
        FrameKind::from_bits(self.bits())
    }

    /// Stream; 0 does occur and is the receiver's to refuse.
    pub const fn stream(&self) -> StreamId {
        StreamId::from_bytes([self.head[16], self.head[17], self.head[18], self.head[19]])
    }

    /// The burst.
    pub const fn burst(&self) -> &'a [u8; BURST_LENGTH] {
        self.burst
    }

    /// Sequence number, bits and burst: what is equal in two frames only when one repeats the other.
    pub fn contents(&self) -> [u8; 2 + BURST_LENGTH] {
        let mut contents = [0; 2 + BURST_LENGTH];
        let (head, burst) = contents.split_at_mut(2);
        head.copy_from_slice(&[self.seq(), self.bits()]);
        burst.copy_from_slice(self.burst);
        contents
    }

    /// Bit errors in the burst, 0 if unknown.
    pub const fn ber(&self) -> u8 {
        self.trailer[0]
    }

    /// Signal level in -dBm (47 is -47 dBm), 0 if unknown.
    pub const fn rssi(&self) -> u8 {
        self.trailer[1]
    }

    /// The frame in the form that is sent, every octet after the opcode as it came: what forwarding patches by the offsets above.
    pub fn to_frame(&self) -> [u8; LENGTH] {
        let mut frame = [0; LENGTH];
        frame[..HEAD].copy_from_slice(self.head);
        frame[..SEQ].copy_from_slice(OPCODE);
        frame[BURST].copy_from_slice(self.burst);
        frame[BER..].copy_from_slice(&self.trailer);
        frame
    }
}

/// A DMRD by its meaning. Emitting normalises what the view tolerates: low nibble of a voice sync, invalid frame types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dmrd {
    /// Sequence number.
    pub seq: u8,
    /// Source radio.
    pub source: RadioId,
    /// Destination talkgroup or radio, 24 bits.
    pub destination: u32,
    /// The client's ID.
    pub client: ClientId,
    /// Timeslot.
    pub slot: Slot,
    /// Whether this is a unit (private) call.
    pub unit: bool,
    /// What the burst is.
    pub kind: FrameKind,
    /// Stream.
    pub stream: StreamId,
    /// The burst.
    pub burst: [u8; BURST_LENGTH],
    /// Bit errors in the burst, 0 if unknown.
    pub ber: u8,
    /// Signal level in -dBm, 0 if unknown.
    pub rssi: u8,
}

impl Dmrd {
    /// Reads a datagram.
    ///
    /// # Errors
    /// Those of [`DmrdView::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        DmrdView::parse(bytes).map(Self::from)
    }

    /// Writes the 55-octet form; of source and destination the low 24 bits.
    pub fn emit(&self) -> [u8; LENGTH] {
        let mut frame = [0; LENGTH];
        frame[..SEQ].copy_from_slice(OPCODE);
        frame[SEQ] = self.seq;
        frame[SOURCE].copy_from_slice(&self.source.to_bytes());
        frame[DESTINATION].copy_from_slice(&to_id3(self.destination));
        frame[CLIENT].copy_from_slice(&self.client.to_bytes());
        frame[BITS] = self.bits();
        frame[STREAM].copy_from_slice(&self.stream.to_bytes());
        frame[BURST].copy_from_slice(&self.burst);
        frame[BER] = self.ber;
        frame[RSSI] = self.rssi;
        frame
    }

    const fn bits(&self) -> u8 {
        let slot = match self.slot {
            Slot::One => 0,
            Slot::Two => SLOT_BIT,
        };
        let unit = if self.unit { UNIT_BIT } else { 0 };
        slot | unit | self.kind.to_bits()
    }
}

impl From<DmrdView<'_>> for Dmrd {
    fn from(view: DmrdView<'_>) -> Self {
        Self {
            seq: view.seq(),
            source: view.source(),
            destination: view.destination_raw(),
            client: view.client(),
            slot: view.slot(),
            unit: view.is_unit(),
            kind: view.kind(),
            stream: view.stream(),
            burst: *view.burst(),
            ber: view.ber(),
            rssi: view.rssi(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::{bytes_of, of_kind};
    use proptest::prelude::*;

    #[test]
    fn every_frame_vector_gives_its_fields_and_its_bytes_again() {
        let vectors = of_kind("dmrd");
        for vector in &vectors {
            let (view, parsed) = (DmrdView::parse(&vector.bytes).unwrap(), &vector.entry["parsed"]);
            assert_eq!(view.to_frame()[..53], vector.bytes[..53], "{}", vector.id);
            assert_eq!(Dmrd::from(view).emit(), view.to_frame(), "{}", vector.id);
            assert_eq!((view.burst().as_slice(), view.ber(), view.rssi()), (&vector.bytes[BURST], 0, 0));
            let expect = |name: &str, value: u64| {
                if let Some(said) = parsed[name].as_u64() {
                    assert_eq!(value, said, "{} {name}", vector.id);
                }
            };
            expect("seq", view.seq().into());
            expect("slot", view.slot().number().into());
            expect("src", view.source().0.into());
            expect("dst", view.destination_raw().into());
            expect("frame_type", ((view.kind().to_bits() & FRAME_TYPE_MASK) >> 4).into());
            expect("dtype_vseq", (view.kind().to_bits() & LOW_MASK).into());
            if let Some(stream) = parsed["stream"].as_str() {
                assert_eq!(format!("{:08x}", view.stream().0), stream);
            }
            if let Some(call_type) = parsed["call_type"].as_str() {
                assert_eq!(view.is_unit(), call_type == "unit", "{}", vector.id);
            }
        }
        assert_eq!(vectors.len(), 28);
    }

    #[test]
    fn a_complete_call_is_header_six_bursts_and_terminator() {
        for call in ["grp_ts2", "grp_ts1", "unit_ts2"] {
            let kinds = ["head", "A", "B", "C", "D", "E", "F", "term"].map(|part| {
                let bytes = bytes_of("dmrd", &format!("dmrd.{call}.{part}"));
                DmrdView::parse(&bytes).unwrap().kind()
            });
            let [a, b, c, d, e, f] = BurstIndex::ALL.map(FrameKind::Voice);
            assert_eq!(kinds, [FrameKind::VoiceHeader, a, b, c, d, e, f, FrameKind::Terminator]);
            assert!(kinds.iter().all(|kind| kind.is_voice() && !kind.is_data()));
        }
    }

    #[test]
    fn csbk_and_data_header_are_data_by_their_exact_type() {
        let kind = |id| DmrdView::parse(&bytes_of("dmrd", id)).unwrap().kind();
        assert_eq!(kind("dmrd.csbk_group_ts2"), FrameKind::Csbk);
        assert_eq!(kind("dmrd.datahdr_unit_ts2"), FrameKind::DataHeader);
        let data: Vec<u8> = (0..16).filter(|low| FrameKind::from_bits(0x20 | low).is_data()).collect();
        assert_eq!(data, [3, 4, 5, 6, 7, 8, 10]);
    }

    #[test]
    fn stream_zero_is_legible_so_that_its_refusal_can_be_counted() {
        let vectors = of_kind("dmrd-negative");
        for vector in &vectors {
            assert_eq!(DmrdView::parse(&vector.bytes).unwrap().stream(), StreamId(0), "{}", vector.id);
        }
        assert_eq!(vectors.len(), 1);
    }

    #[test]
    fn only_53_55_and_71_octets_are_frames_and_55_leave() {
        let mut bytes = [0xAB; 512];
        bytes[..4].copy_from_slice(OPCODE);
        for length in 0..=512 {
            let parsed = DmrdView::parse(&bytes[..length]).map(|view| view.to_frame());
            match length {
                0..4 => assert_eq!(parsed, Err(Malformed::UnknownOpcode)),
                4..53 => assert_eq!(parsed, Err(Malformed::TooShort)),
                53 => assert_eq!(parsed.unwrap()[53..], [0, 0]),
                55 | 71 => assert_eq!(parsed.unwrap()[..], bytes[..55]),
                _ => assert_eq!(parsed, Err(Malformed::FrameLength)),
            }
        }
    }

    #[test]
    fn every_bits_octet_has_one_meaning_and_only_tolerated_ones_change() {
        for bits in 0..=255u8 {
            let (frame_type, low) = (bits >> 4 & 3, bits & 15);
            let kind = FrameKind::from_bits(bits);
            let invalid = frame_type == 3 || (frame_type == 0 && !(1..=5).contains(&low));
            assert_eq!(kind == FrameKind::Invalid, invalid, "{bits:02x}");
            assert!(!invalid || !(kind.is_voice() || kind.is_data()));
            match (frame_type, low) {
                (1, _) => assert_eq!(kind.to_bits(), 0x10),
                _ if invalid => assert_eq!(kind.to_bits(), 0x30),
                _ => assert_eq!(kind.to_bits(), bits & 0x3F),
            }
        }
    }

    fn any_kind() -> impl Strategy<Value = FrameKind> {
        any::<u8>().prop_map(FrameKind::from_bits)
    }

    prop_compose! {
        fn any_dmrd()(
            (seq, source, destination, client) in (any::<u8>(), 0..1u32 << 24, 0..1u32 << 24, any::<u32>()),
            (two, unit, kind, stream) in (any::<bool>(), any::<bool>(), any_kind(), any::<u32>()),
            (burst, ber, rssi) in (proptest::array::uniform32(any::<u8>()), any::<u8>(), any::<u8>()),
        ) -> Dmrd {
            let mut long = [seq; 33];
            long[..32].copy_from_slice(&burst);
            Dmrd {
                seq, source: RadioId(source), destination, client: ClientId(client),
                slot: if two { Slot::Two } else { Slot::One }, unit, kind, stream: StreamId(stream), burst: long, ber, rssi,
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_survives_emit_and_parse(dmrd in any_dmrd()) {
            prop_assert_eq!(Dmrd::parse(&dmrd.emit()), Ok(dmrd));
        }
    }
}
