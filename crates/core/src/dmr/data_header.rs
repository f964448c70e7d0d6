//! Data header: ten bytes and a masked CRC in BPTC(196,96) before a data message. Owns its fields; never assembles
//! messages. Source: `wire.md` 5.10.

use super::crc::{self, BlockKind};
use super::{FecError, InfoBits, bptc};
use crate::id::RadioId;

/// Data packet format, the low four bits of the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataFormat {
    /// Unified data transport (0).
    Unified,
    /// Response (1).
    Response,
    /// Unconfirmed data (2).
    Unconfirmed,
    /// Confirmed data (3).
    Confirmed,
    /// Short data, defined (0xD).
    ShortDefined,
    /// Short data, raw or status (0xE).
    ShortRaw,
    /// Proprietary: a second header that counts as one block (0xF).
    Proprietary,
    /// Anything else, 0–15.
    Other(u8),
}

impl DataFormat {
    /// From the low four bits of the first byte.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0x0f {
            0x0 => Self::Unified,
            0x1 => Self::Response,
            0x2 => Self::Unconfirmed,
            0x3 => Self::Confirmed,
            0xd => Self::ShortDefined,
            0xe => Self::ShortRaw,
            0xf => Self::Proprietary,
            other => Self::Other(other),
        }
    }

    /// 0–15.
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::Unified => 0x0,
            Self::Response => 0x1,
            Self::Unconfirmed => 0x2,
            Self::Confirmed => 0x3,
            Self::ShortDefined => 0xd,
            Self::ShortRaw => 0xe,
            Self::Proprietary => 0xf,
            Self::Other(bits) => bits & 0x0f,
        }
    }
}

/// A data header without its CRC, bytes in order of transmission. Ids and flags mean nothing in a proprietary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataHeader(pub [u8; 10]);

impl DataHeader {
    /// The information bits, with the CRC.
    pub const fn encode(self) -> InfoBits {
        bptc::encode(crc::seal(self.0, BlockKind::DataHeader))
    }

    /// Reads the information bits of a burst of data type data header.
    ///
    /// # Errors
    /// [`FecError::Uncorrectable`] beyond BPTC(196,96), [`FecError::Checksum`] if the CRC is wrong or another kind's.
    pub fn decode(info: InfoBits) -> Result<Self, FecError> {
        crc::unseal(bptc::decode(info)?, BlockKind::DataHeader).map(Self).ok_or(FecError::Checksum)
    }

    /// The destination is a talkgroup (0x80 of byte 0).
    pub const fn group(self) -> bool {
        self.0[0] & 0x80 != 0
    }

    /// A response is requested (0x40 of byte 0).
    pub const fn response_requested(self) -> bool {
        self.0[0] & 0x40 != 0
    }

    /// The headers inside are compressed (0x20 of byte 0), except in short data.
    pub const fn header_compression(self) -> bool {
        self.0[0] & 0x20 != 0
    }

    /// Data packet format.
    pub const fn format(self) -> DataFormat {
        DataFormat::from_bits(self.0[0])
    }

    /// Service access point, 0–15 (4 = IP).
    pub const fn sap(self) -> u8 {
        self.0[1] >> 4
    }

    /// Number of padding octets, 0–31, in confirmed and unconfirmed data.
    pub const fn pad_octets(self) -> u8 {
        self.0[0] & 0x10 | self.0[1] & 0x0f
    }

    /// Destination (id3): a talkgroup or a radio.
    pub const fn destination(self) -> [u8; 3] {
        let [_, _, a, b, c, ..] = self.0;
        [a, b, c]
    }

    /// Source.
    pub const fn source(self) -> RadioId {
        let [_, _, _, _, _, a, b, c, ..] = self.0;
        RadioId::from_bytes([a, b, c])
    }

    /// This header with another destination; encoding it makes the CRC right again.
    pub const fn with_destination(self, destination: [u8; 3]) -> Self {
        let [a, b, _, _, _, rest @ ..] = self.0;
        let ([c, d, e], [f, g, h, i, j]) = (destination, rest);
        Self([a, b, c, d, e, f, g, h, i, j])
    }

    /// First try of a whole message (0x80 of byte 8), in confirmed and unconfirmed data.
    pub const fn full_message(self) -> bool {
        self.0[8] & 0x80 != 0
    }

    /// How many blocks follow, where the format says so; 0–127. Responses count as MMDVMHost's DMRDataHeader.cpp does.
    pub const fn blocks_to_follow(self) -> Option<u8> {
        match self.format() {
            DataFormat::Response | DataFormat::Unconfirmed | DataFormat::Confirmed => Some(self.0[8] & 0x7f),
            DataFormat::ShortDefined | DataFormat::ShortRaw => Some((self.0[0] & 0x30) + (self.0[1] & 0x0f)),
            DataFormat::Unified => Some((self.0[8] & 3) + 1),
            DataFormat::Proprietary | DataFormat::Other(_) => None,
        }
    }

    /// Resynchronisation flag of confirmed data (0x80 of byte 9).
    pub const fn resync(self) -> bool {
        self.0[9] & 0x80 != 0
    }

    /// N(S), the send sequence number of confirmed data, 0–7.
    pub const fn send_sequence(self) -> u8 {
        self.0[9] >> 4 & 7
    }

    /// Fragment sequence number of confirmed data, 0–15.
    pub const fn fragment_number(self) -> u8 {
        self.0[9] & 0x0f
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dmr::Csbk;

    #[test]
    fn each_format_counts_its_blocks_in_its_own_way() {
        let blocks = |b0, b1, b8| DataHeader([b0, b1, 0, 0, 0, 0, 0, 0, b8, 0]).blocks_to_follow();
        assert_eq!(blocks(0x02, 0, 0x85), Some(5));
        assert_eq!(blocks(0x43, 0, 0x7f), Some(127));
        assert_eq!(blocks(0x01, 0, 0x01), Some(1));
        assert_eq!(blocks(0x3d, 0x0f, 0), Some(63));
        assert_eq!(blocks(0x0e, 0xa2, 0xff), Some(2));
        assert_eq!(blocks(0x00, 0, 0x03), Some(4));
        assert_eq!(blocks(0x0f, 0, 0x03), None);
    }

    #[test]
    fn every_format_keeps_its_number() {
        for bits in 0..16 {
            assert_eq!(DataFormat::from_bits(bits | 0xf0).to_bits(), bits);
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_and_it_is_no_csbk(content: [u8; 10]) {
            let header = DataHeader(content);
            prop_assert_eq!(DataHeader::decode(header.encode()), Ok(header));
            prop_assert_eq!(Csbk::decode(header.encode()), Err(FecError::Checksum));
        }

        #[test]
        fn a_new_destination_changes_three_bytes(content: [u8; 10], destination: [u8; 3]) {
            let header = DataHeader(content).with_destination(destination);
            prop_assert_eq!(header.destination(), destination);
            prop_assert_eq!(&header.0[..2], &content[..2]);
            prop_assert_eq!(&header.0[5..], &content[5..]);
        }
    }
}
