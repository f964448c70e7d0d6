//! Slot type: colour code and data type of a data burst, in Golay(20,8). Never looks at the information bits.
//! Source: `wire.md` 5.3.

use super::FecError;
use serde::{Deserialize, Serialize};

/// Colour code of a repeater or hotspot, 0–15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColourCode(u8);

impl ColourCode {
    /// Colour code 1, the usual one of generated bursts; clients put their own in its place.
    pub const ONE: Self = Self(1);

    /// `None` above 15.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 16 { Some(Self(value)) } else { None }
    }

    /// The low four bits of `bits`.
    pub(super) const fn from_low_bits(bits: u8) -> Self {
        Self(bits & 0x0f)
    }

    /// 0–15.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// What a data burst carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// Privacy indicator header.
    PiHeader = 0,
    /// Voice LC header.
    VoiceHeader = 1,
    /// Terminator with LC.
    Terminator = 2,
    /// Control signalling block.
    Csbk = 3,
    /// Multi-block control header.
    MbcHeader = 4,
    /// Multi-block control continuation.
    MbcContinuation = 5,
    /// Data header.
    DataHeader = 6,
    /// Rate ½ data: 12 bytes in BPTC(196,96).
    Rate12 = 7,
    /// Rate ¾ data: 18 bytes in the trellis code.
    Rate34 = 8,
    /// Idle.
    Idle = 9,
    /// Rate 1 data: 24 bytes, unprotected.
    Rate1 = 10,
}

impl DataType {
    /// The data type of a number as in DMRD and the slot type; `None` above 10.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
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
            _ => return None,
        })
    }

    /// 0–10.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Colour code and data type of a data burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotType {
    /// Colour code of the sender.
    pub colour_code: ColourCode,
    /// What the burst carries.
    pub data_type: DataType,
}

impl SlotType {
    /// The 20-bit word.
    pub const fn encode(self) -> u32 {
        golay(self.colour_code.get() << 4 | self.data_type.number())
    }

    /// Reads a 20-bit word in which at most three bits are wrong.
    ///
    /// # Errors
    /// [`FecError::Uncorrectable`] for more (codewords are 8 bits apart: four wrong bits are always noticed),
    /// [`FecError::Reserved`] for data types above 10.
    pub fn decode(word: u32) -> Result<Self, FecError> {
        let value = golay_correct(word).ok_or(FecError::Uncorrectable)?;
        let data_type = DataType::from_number(value & 0x0f).ok_or(FecError::Reserved)?;
        Ok(Self { colour_code: ColourCode::from_low_bits(value >> 4), data_type })
    }
}

/// Codewords of 0x80, 0x40, … 0x01.
const ROWS: [u32; 8] = [0x803DA, 0x40D99, 0x206CD, 0x10367, 0x08DC6, 0x04A97, 0x0293E, 0x018EB];

/// All codewords by value.
const CODEWORDS: [u32; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        let mut row = 0;
        while row < 8 {
            if value >> (7 - row) & 1 == 1 {
                table[value] ^= ROWS[row];
            }
            row += 1;
        }
        value += 1;
    }
    table
};

const fn golay(value: u8) -> u32 {
    CODEWORDS[value as usize]
}

/// The value whose codeword differs from `word` in at most three of 20 bits.
fn golay_correct(word: u32) -> Option<u8> {
    let word = word & 0xf_ffff;
    let plain = (word >> 12) as u8;
    if golay(plain) == word {
        return Some(plain);
    }
    (0..=u8::MAX).find(|&value| (golay(value) ^ word).count_ones() <= 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codewords_differ_in_at_least_eight_bits() {
        let distance = (1..=255).map(|value| golay(value).count_ones()).min();
        assert_eq!(distance, Some(8));
    }

    #[test]
    fn reserved_data_types_are_named_as_such() {
        assert_eq!(SlotType::decode(golay(0x1b)), Err(FecError::Reserved));
        assert_eq!(ColourCode::new(16), None);
    }

    proptest! {
        #[test]
        fn up_to_three_wrong_bits_are_repaired(
            value: u8, wrong in proptest::sample::subsequence((0..20).collect::<Vec<u32>>(), 0..=3),
        ) {
            let received = wrong.iter().fold(golay(value), |word, bit| word ^ 1 << bit);
            prop_assert_eq!(golay_correct(received), Some(value));
        }

        #[test]
        fn four_wrong_bits_are_refused(
            value: u8, wrong in proptest::sample::subsequence((0..20).collect::<Vec<u32>>(), 4),
        ) {
            let received = wrong.iter().fold(golay(value), |word, bit| word ^ 1 << bit);
            prop_assert_eq!(golay_correct(received), None);
        }

        #[test]
        fn decoding_undoes_encoding(colour_code in 0u8..16, data_type in 0u8..=10) {
            let slot_type = SlotType {
                colour_code: ColourCode::new(colour_code).unwrap(),
                data_type: DataType::from_number(data_type).unwrap(),
            };
            prop_assert_eq!(SlotType::decode(slot_type.encode()), Ok(slot_type));
        }
    }
}
