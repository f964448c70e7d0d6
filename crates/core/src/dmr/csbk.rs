//! Control signalling block (CSBK): ten bytes and a masked CRC in BPTC(196,96). Owns its fields; never acts on them.
//! Source: `wire.md` 5.10.

use super::crc::{self, BlockKind};
use super::{FecError, InfoBits, bptc};
use crate::id::RadioId;

/// CSBK opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CsbkOpcode {
    /// Unit to unit voice service request (0x04).
    UnitVoiceRequest,
    /// Unit to unit voice service answer (0x05).
    UnitVoiceAnswer,
    /// Negative acknowledgement (0x26); its target and source are reversed.
    Nack,
    /// Downlink activation (0x38).
    DownlinkActivate,
    /// Preamble of CSBKs or data (0x3D).
    Preamble,
    /// Anything else, 0–63.
    Other(u8),
}

impl CsbkOpcode {
    /// From the low six bits of the first byte.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0x3f {
            0x04 => Self::UnitVoiceRequest,
            0x05 => Self::UnitVoiceAnswer,
            0x26 => Self::Nack,
            0x38 => Self::DownlinkActivate,
            0x3d => Self::Preamble,
            other => Self::Other(other),
        }
    }

    /// 0–63.
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::UnitVoiceRequest => 0x04,
            Self::UnitVoiceAnswer => 0x05,
            Self::Nack => 0x26,
            Self::DownlinkActivate => 0x38,
            Self::Preamble => 0x3d,
            Self::Other(bits) => bits & 0x3f,
        }
    }
}

/// A CSBK without its CRC, bytes in order of transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Csbk(pub [u8; 10]);

impl Csbk {
    /// A preamble (last block, standard feature set): `data_follows` tells data from CSBKs, `blocks` is how many follow.
    pub const fn preamble(data_follows: bool, group: bool, blocks: u8, target: [u8; 3], source: RadioId) -> Self {
        let ([t0, t1, t2], [s0, s1, s2]) = (target, source.to_bytes());
        let flags = (data_follows as u8) << 7 | (group as u8) << 6;
        Self([0x80 | CsbkOpcode::Preamble.to_bits(), 0, flags, blocks, t0, t1, t2, s0, s1, s2])
    }

    /// The information bits, with the CRC.
    pub const fn encode(self) -> InfoBits {
        bptc::encode(crc::seal(self.0, BlockKind::Csbk))
    }

    /// Reads the information bits of a burst of data type CSBK.
    ///
    /// # Errors
    /// [`FecError::Uncorrectable`] beyond BPTC(196,96), [`FecError::Checksum`] if the CRC is wrong or another kind's.
    pub fn decode(info: InfoBits) -> Result<Self, FecError> {
        crc::unseal(bptc::decode(info)?, BlockKind::Csbk).map(Self).ok_or(FecError::Checksum)
    }

    /// Last block flag (0x80).
    pub const fn last_block(self) -> bool {
        self.0[0] & 0x80 != 0
    }

    /// Protect flag (0x40): the rest is enciphered.
    pub const fn protected(self) -> bool {
        self.0[0] & 0x40 != 0
    }

    /// What it says, if it is of the standard feature set.
    pub const fn opcode(self) -> CsbkOpcode {
        CsbkOpcode::from_bits(self.0[0])
    }

    /// Feature set id.
    pub const fn fid(self) -> u8 {
        self.0[1]
    }

    /// Who is addressed (id3): a radio, or a talkgroup if [`Self::preamble_group`]. Bytes 7–9 of a NACK, else 4–6.
    pub const fn target(self) -> [u8; 3] {
        if matches!(self.opcode(), CsbkOpcode::Nack) { self.bytes_7_to_9() } else { self.bytes_4_to_6() }
    }

    /// Who speaks. Bytes 4–6 of a NACK, else 7–9.
    pub const fn source(self) -> RadioId {
        RadioId::from_bytes(match self.opcode() {
            CsbkOpcode::Nack => self.bytes_4_to_6(),
            _ => self.bytes_7_to_9(),
        })
    }

    /// In a preamble: data follows, not CSBKs (0x80 of byte 2).
    pub const fn preamble_data_follows(self) -> bool {
        self.0[2] & 0x80 != 0
    }

    /// In a preamble: the target is a talkgroup (0x40 of byte 2).
    pub const fn preamble_group(self) -> bool {
        self.0[2] & 0x40 != 0
    }

    /// In a preamble: how many blocks follow.
    pub const fn preamble_blocks(self) -> u8 {
        self.0[3]
    }

    const fn bytes_4_to_6(self) -> [u8; 3] {
        let [_, _, _, _, a, b, c, ..] = self.0;
        [a, b, c]
    }

    const fn bytes_7_to_9(self) -> [u8; 3] {
        let [.., a, b, c] = self.0;
        [a, b, c]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dmr::DataHeader;

    #[test]
    fn a_nack_has_its_ids_reversed() {
        let block = |opcode: CsbkOpcode| Csbk([0x80 | opcode.to_bits(), 0, 0, 0, 1, 2, 3, 4, 5, 6]);
        let request = block(CsbkOpcode::UnitVoiceRequest);
        assert_eq!((request.target(), request.source()), ([1, 2, 3], RadioId(0x040506)));
        let nack = block(CsbkOpcode::Nack);
        assert_eq!((nack.target(), nack.source()), ([4, 5, 6], RadioId(0x010203)));
    }

    #[test]
    fn every_opcode_keeps_its_number() {
        for bits in 0..64 {
            assert_eq!(CsbkOpcode::from_bits(bits | 0xc0).to_bits(), bits);
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_and_it_is_no_data_header(content: [u8; 10]) {
            let csbk = Csbk(content);
            prop_assert_eq!(Csbk::decode(csbk.encode()), Ok(csbk));
            prop_assert_eq!(DataHeader::decode(csbk.encode()), Err(FecError::Checksum));
        }
    }
}
