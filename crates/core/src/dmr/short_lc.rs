//! Short LC: 28 bits of a repeater's state, coded for the CACH as 68 bits. Network servers never see it (HBP does not
//! carry the CACH); it is here for completeness of the air interface. Source: MMDVMHost's DMRShortLC.cpp, «fec.shortlc.0».

use super::hamming::HAMMING_17_12;
use super::{FecError, crc};

/// Length in bytes of the coded form: 68 bits and four zero bits.
pub const CODED_LEN: usize = 9;

/// A short LC: 28 bits, opcode in the highest four (0 null, 1 activity update).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShortLc(u32);

impl ShortLc {
    /// From 28 bits; `None` if there are more.
    pub const fn new(bits: u32) -> Option<Self> {
        if bits >> 28 == 0 { Some(Self(bits)) } else { None }
    }

    /// The 28 bits, right-aligned.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Opcode (SLCO), 0–15.
    pub const fn opcode(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The 68 coded bits, with the CRC.
    pub fn encode(self) -> [u8; CODED_LEN] {
        let crc = crc::crc8(&self.0.to_be_bytes());
        encode_payload(u64::from(self.0) << 8 | u64::from(crc))
    }

    /// Reads 68 coded bits; the four after them are ignored.
    ///
    /// # Errors
    /// [`FecError::Uncorrectable`] as [`decode_payload`], [`FecError::Checksum`] if the CRC is wrong.
    pub fn decode(coded: &[u8; CODED_LEN]) -> Result<Self, FecError> {
        let payload = decode_payload(coded)?;
        let lc = (payload >> 8) as u32;
        if crc::crc8(&lc.to_be_bytes()) == payload as u8 { Ok(Self(lc)) } else { Err(FecError::Checksum) }
    }
}

const ROW_BITS: usize = 17;
const ROW_MASK: u32 = (1 << ROW_BITS) - 1;

/// Codes 36 bits (right-aligned, higher ones ignored): three rows of Hamming(17,12) and their sum, interleaved.
pub fn encode_payload(payload: u64) -> [u8; CODED_LEN] {
    let [a, b, c] = [24, 12, 0].map(|shift| HAMMING_17_12.encode((payload >> shift) as u32));
    let matrix = [a, b, c, a ^ b ^ c].into_iter().fold(0, |m, row| m << ROW_BITS | u128::from(row));
    let coded = (0..68).fold(0, |coded, at| coded | (matrix >> (67 - at) & 1) << (71 - place(at)));
    let [_, _, _, _, _, _, _, bytes @ ..] = u128::to_be_bytes(coded);
    bytes
}

/// The 36 bits of 68 coded ones. One wrong bit in each row is repaired.
///
/// # Errors
/// [`FecError::Uncorrectable`] if a row cannot be repaired, or if more than one column disagrees with the sum row after
/// the repair.
pub fn decode_payload(coded: &[u8; CODED_LEN]) -> Result<u64, FecError> {
    let coded = coded.iter().fold(0u128, |coded, &byte| coded << 8 | u128::from(byte));
    let matrix = (0..68).fold(0u128, |matrix, at| matrix << 1 | coded >> (71 - place(at)) & 1);
    let row = |index: usize| (matrix >> (ROW_BITS * (3 - index))) as u32 & ROW_MASK;
    let (mut payload, mut sum) = (0, row(3));
    for index in 0..3 {
        let word = HAMMING_17_12.correct(row(index)).ok_or(FecError::Uncorrectable)?;
        payload = payload << 12 | u64::from(word >> 5);
        sum ^= word;
    }
    if sum.count_ones() > 1 { Err(FecError::Uncorrectable) } else { Ok(payload) }
}

/// Where bit `at` of the matrix is transmitted.
const fn place(at: usize) -> usize {
    if at == 67 { 67 } else { at * 4 % 67 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_than_28_bits_are_no_short_lc() {
        assert_eq!(ShortLc::new(1 << 28), None);
        assert_eq!(ShortLc::new(0x0123_4567).map(ShortLc::opcode), Some(1));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_and_any_single_wrong_bit_is_repaired(bits in 0u32..1 << 28, bit in 0usize..68) {
            let lc = ShortLc::new(bits).unwrap();
            let mut coded = lc.encode();
            prop_assert_eq!(ShortLc::decode(&coded), Ok(lc));
            coded[bit / 8] ^= 0x80 >> (bit % 8);
            prop_assert_eq!(ShortLc::decode(&coded), Ok(lc));
        }

        #[test]
        fn two_wrong_bits_in_a_row_are_refused(
            payload in 0u64..1 << 36, row in 0usize..4, at in proptest::sample::subsequence((0..17).collect::<Vec<_>>(), 2),
        ) {
            let mut coded = encode_payload(payload);
            prop_assert_eq!(decode_payload(&coded), Ok(payload));
            for bit in at.into_iter().map(|column| place(row * ROW_BITS + column)) {
                coded[bit / 8] ^= 0x80 >> (bit % 8);
            }
            prop_assert_eq!(decode_payload(&coded), Err(FecError::Uncorrectable));
        }

        #[test]
        fn a_sound_word_with_a_wrong_crc_is_refused(bits in 0u32..1 << 28, noise in 1u64..256) {
            let crc = u64::from(crc::crc8(&bits.to_be_bytes()));
            let coded = encode_payload(u64::from(bits) << 8 | (crc ^ noise));
            prop_assert_eq!(ShortLc::decode(&coded), Err(FecError::Checksum));
        }
    }
}
