//! Link control (LC): the nine bytes that say what a call is and between whom. Owns their fields; how they are protected
//! on the air is `full_lc` and `embedded_lc`. Source: `wire.md` 5.5.

use crate::id::{RadioId, RfTg};
use serde::{Deserialize, Serialize};

/// Full link control opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flco {
    /// Group voice call (0).
    GroupVoice,
    /// Unit to unit voice call (3).
    UnitVoice,
    /// Talker alias: 0 is the header, 1–3 the blocks after it (4–7).
    TalkerAlias(u8),
    /// Position of the talker (8).
    GpsInfo,
    /// Anything else, 0–63.
    Other(u8),
}

impl Flco {
    /// From the low six bits of an LC's first byte.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0x3f {
            0 => Self::GroupVoice,
            3 => Self::UnitVoice,
            block @ 4..=7 => Self::TalkerAlias(block - 4),
            8 => Self::GpsInfo,
            other => Self::Other(other),
        }
    }

    /// 0–63; alias blocks above 3 count as 3.
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::GroupVoice => 0,
            Self::UnitVoice => 3,
            Self::TalkerAlias(block @ 0..=2) => 4 + block,
            Self::TalkerAlias(_) => 7,
            Self::GpsInfo => 8,
            Self::Other(bits) => bits & 0x3f,
        }
    }
}

/// An LC, bytes in order of transmission. Service options, destination and source mean something only in voice LCs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkControl(pub [u8; 9]);

impl LinkControl {
    /// Feature set id of the standard.
    pub const FID_STANDARD: u8 = 0x00;
    /// Feature set id of Motorola.
    pub const FID_MOTOROLA: u8 = 0x10;

    /// A group call with service options 0 (as MMDVMHost; `wire.md` 5.5).
    pub const fn group(destination: RfTg, source: RadioId) -> Self {
        Self::build([0, 0, 0], destination.to_bytes(), source.to_bytes())
    }

    /// A unit call with service options 0.
    pub const fn unit(destination: RadioId, source: RadioId) -> Self {
        Self::build([3, 0, 0], destination.to_bytes(), source.to_bytes())
    }

    /// This LC with another destination: FLCO, feature set and service options of the received header stay.
    pub const fn with_destination(self, destination: [u8; 3]) -> Self {
        let [a, b, c, _, _, _, g, h, i] = self.0;
        Self::build([a, b, c], destination, [g, h, i])
    }

    /// This LC with another source.
    pub const fn with_source(self, source: [u8; 3]) -> Self {
        let [a, b, c, d, e, f, ..] = self.0;
        Self::build([a, b, c], [d, e, f], source)
    }

    /// Protect flag (PF): the rest is enciphered.
    pub const fn protected(self) -> bool {
        self.0[0] & 0x80 != 0
    }

    /// What kind of LC it is, if it is of the standard feature set.
    pub const fn flco(self) -> Flco {
        Flco::from_bits(self.0[0])
    }

    /// Feature set id.
    pub const fn fid(self) -> u8 {
        self.0[1]
    }

    /// Clear and of the standard feature set: alias and position may be read.
    pub const fn is_standard(self) -> bool {
        !self.protected() && self.fid() == Self::FID_STANDARD
    }

    /// A clear or protected voice LC (FLCO 0 or 3): the kind that a talkgroup rewrite may replace.
    pub const fn is_voice(self) -> bool {
        matches!(self.flco(), Flco::GroupVoice | Flco::UnitVoice)
    }

    /// Service options byte.
    pub const fn service_options(self) -> u8 {
        self.0[2]
    }

    /// Service option: emergency (0x80).
    pub const fn emergency(self) -> bool {
        self.0[2] & 0x80 != 0
    }

    /// Service option: privacy (0x40).
    pub const fn privacy(self) -> bool {
        self.0[2] & 0x40 != 0
    }

    /// Service option: broadcast (0x08).
    pub const fn broadcast(self) -> bool {
        self.0[2] & 0x08 != 0
    }

    /// Service option: open voice call mode (0x04).
    pub const fn ovcm(self) -> bool {
        self.0[2] & 0x04 != 0
    }

    /// Service option: priority, 0–3.
    pub const fn priority(self) -> u8 {
        self.0[2] & 0x03
    }

    /// Destination (id3): a talkgroup or a radio, as the FLCO says.
    pub const fn destination(self) -> [u8; 3] {
        let [_, _, _, d, e, f, ..] = self.0;
        [d, e, f]
    }

    /// The talkgroup of a group voice LC.
    pub const fn group_destination(self) -> Option<RfTg> {
        match self.flco() {
            Flco::GroupVoice => Some(RfTg::from_bytes(self.destination())),
            _ => None,
        }
    }

    /// The called radio of a unit voice LC.
    pub const fn unit_destination(self) -> Option<RadioId> {
        match self.flco() {
            Flco::UnitVoice => Some(RadioId::from_bytes(self.destination())),
            _ => None,
        }
    }

    /// Source of a voice LC.
    pub const fn source(self) -> RadioId {
        let [_, _, _, _, _, _, g, h, i] = self.0;
        RadioId::from_bytes([g, h, i])
    }

    /// The seven bytes after FLCO and feature set: what alias blocks and positions fill.
    pub const fn payload(self) -> [u8; 7] {
        let [_, _, payload @ ..] = self.0;
        payload
    }

    /// A clear LC of the standard feature set with these seven bytes.
    pub const fn from_payload(flco: Flco, payload: [u8; 7]) -> Self {
        let [c, d, e, f, g, h, i] = payload;
        Self([flco.to_bits(), Self::FID_STANDARD, c, d, e, f, g, h, i])
    }

    const fn build(head: [u8; 3], destination: [u8; 3], source: [u8; 3]) -> Self {
        let ([a, b, c], [d, e, f], [g, h, i]) = (head, destination, source);
        Self([a, b, c, d, e, f, g, h, i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_unit_lcs_have_no_service_options() {
        let group = LinkControl::group(RfTg(91), RadioId(2_345_678));
        assert_eq!(group.0, [0, 0, 0, 0, 0, 0x5b, 0x23, 0xca, 0xce]);
        assert_eq!((group.group_destination(), group.unit_destination()), (Some(RfTg(91)), None));
        let unit = LinkControl::unit(RadioId(2_351_234), RadioId(2_345_678));
        assert_eq!(unit.0, [3, 0, 0, 0x23, 0xe0, 0x82, 0x23, 0xca, 0xce]);
        assert_eq!((unit.group_destination(), unit.unit_destination()), (None, Some(RadioId(2_351_234))));
        assert_eq!(unit.source(), RadioId(2_345_678));
    }

    #[test]
    fn a_new_destination_keeps_what_the_header_said() {
        let lc = LinkControl([0x80, 0x10, 0x2f, 1, 2, 3, 4, 5, 6]);
        assert_eq!(lc.with_destination([7, 8, 9]).0, [0x80, 0x10, 0x2f, 7, 8, 9, 4, 5, 6]);
        assert_eq!(lc.with_source([7, 8, 9]).0, [0x80, 0x10, 0x2f, 1, 2, 3, 7, 8, 9]);
    }

    #[test]
    fn service_options_are_read_bit_by_bit() {
        let read = |options| {
            let lc = LinkControl([0, 0, options, 0, 0, 0, 0, 0, 0]);
            (lc.emergency(), lc.privacy(), lc.broadcast(), lc.ovcm(), lc.priority())
        };
        assert_eq!(read(0x80), (true, false, false, false, 0));
        assert_eq!(read(0x40), (false, true, false, false, 0));
        assert_eq!(read(0x08), (false, false, true, false, 0));
        assert_eq!(read(0x04), (false, false, false, true, 0));
        assert_eq!(read(0x33), (false, false, false, false, 3));
    }

    #[test]
    fn every_opcode_keeps_its_number() {
        for bits in 0..64 {
            assert_eq!(Flco::from_bits(bits).to_bits(), bits);
            assert_eq!(Flco::from_bits(bits | 0xc0).to_bits(), bits);
        }
    }

    #[test]
    fn a_protected_or_foreign_lc_is_not_standard() {
        assert!(LinkControl([4, 0, 0, 0, 0, 0, 0, 0, 0]).is_standard());
        assert!(!LinkControl([0x84, 0, 0, 0, 0, 0, 0, 0, 0]).is_standard());
        assert!(!LinkControl([4, 0x10, 0, 0, 0, 0, 0, 0, 0]).is_standard());
    }
}
