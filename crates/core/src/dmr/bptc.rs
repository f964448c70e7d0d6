//! BPTC(196,96): 12 bytes in a product of Hamming(15,11) rows and Hamming(13,9) columns, interleaved over a burst. Knows
//! no checksum: what the 12 bytes are is for the callers. Source: `wire.md` 5.6.

use super::hamming::{HAMMING_13_9, HAMMING_15_11};
use super::{FecError, InfoBits};

const ROWS: usize = 13;
const DATA_ROWS: usize = 9;
const COLUMNS: usize = 15;
const PARITY_COLUMNS: usize = 4;
/// Rounds of column and row repair.
const MAX_ROUNDS: usize = 5;

/// Column 0 is bit 14 of a row. The reserved bits of row 0 are zero; the leading bit R3 is in no row or column.
type Matrix = [u16; ROWS];

/// The 196 information bits of 12 bytes.
pub const fn encode(data: [u8; 12]) -> InfoBits {
    let data = number(data);
    let mut info = InfoBits::ZERO;
    let mut bit = 0;
    while bit < 96 {
        if data >> bit & 1 == 1 {
            info = info.xor(BASIS[bit]);
        }
        bit += 1;
    }
    info
}

/// The 12 bytes of 196 information bits. Up to three wrong bits are always repaired, and nearly all patterns of up to
/// eight; beyond that the result may be another word's, so the callers' checksums decide.
///
/// # Errors
/// [`FecError::Uncorrectable`] if rows and columns still disagree after five rounds.
pub fn decode(info: InfoBits) -> Result<[u8; 12], FecError> {
    let mut matrix = deinterleave(info);
    for _ in 0..MAX_ROUNDS {
        let columns = repair_columns(&mut matrix);
        let rows = repair_rows(&mut matrix);
        if columns && rows {
            return Ok(data_of(&matrix));
        }
    }
    // The last round may have been the one that put everything right.
    if repair_columns(&mut matrix) && repair_rows(&mut matrix) {
        return Ok(data_of(&matrix));
    }
    Err(FecError::Uncorrectable)
}

/// The code is linear: a word is the sum of these, one for each data bit, the last data bit first.
const BASIS: [InfoBits; 96] = {
    let mut basis = [InfoBits::ZERO; 96];
    let mut bit = 0;
    while bit < 96 {
        basis[bit] = interleave(&matrix_of(1 << bit));
        bit += 1;
    }
    basis
};

const fn number(data: [u8; 12]) -> u128 {
    let mut number = 0;
    let mut index = 0;
    while index < 12 {
        number = number << 8 | data[index] as u128;
        index += 1;
    }
    number
}

const fn matrix_of(data: u128) -> Matrix {
    let mut matrix = [0; ROWS];
    let mut row = 0;
    while row < DATA_ROWS {
        let bits = (data >> (88 - 11 * row)) as u32;
        let bits = if row == 0 { bits & 0xff } else { bits };
        matrix[row] = HAMMING_15_11.encode(bits) as u16;
        row += 1;
    }
    let mut index = 0;
    while index < ROWS - DATA_ROWS {
        matrix[DATA_ROWS + index] = column_parity(&matrix, index);
        index += 1;
    }
    matrix
}

/// Parity bit `index` of all 15 columns at once.
const fn column_parity(matrix: &Matrix, index: usize) -> u16 {
    let mask = HAMMING_13_9.mask(index);
    let mut parity = 0;
    let mut row = 0;
    while row < DATA_ROWS {
        if mask >> (DATA_ROWS - 1 - row) & 1 == 1 {
            parity ^= matrix[row];
        }
        row += 1;
    }
    parity
}

fn data_of(matrix: &Matrix) -> [u8; 12] {
    let number = matrix.iter().take(DATA_ROWS).fold(0, |n, row| n << 11 | u128::from(row >> PARITY_COLUMNS));
    let [_, _, _, _, data @ ..] = number.to_be_bytes();
    data
}

/// Repairs each column that has one wrong bit. True if all columns were sound.
fn repair_columns(matrix: &mut Matrix) -> bool {
    let syndromes: [u16; 4] = core::array::from_fn(|index| column_parity(matrix, index) ^ matrix[DATA_ROWS + index]);
    if syndromes == [0; 4] {
        return true;
    }
    for column in 0..COLUMNS {
        let syndrome = syndromes.iter().fold(0, |s, word| s << 1 | u32::from(word >> column & 1));
        if let Some(flip) = HAMMING_13_9.repair(syndrome) {
            for (row, bits) in matrix.iter_mut().enumerate() {
                *bits ^= ((flip >> (ROWS - 1 - row) & 1) as u16) << column;
            }
        }
    }
    false
}

/// Repairs each row that has one wrong bit; the parity rows are codewords too, as sums of codewords. True if all rows
/// were sound.
fn repair_rows(matrix: &mut Matrix) -> bool {
    let mut sound = true;
    for row in matrix {
        if let Some(repaired) = HAMMING_15_11.correct(u32::from(*row)) {
            sound &= repaired == u32::from(*row);
            *row = repaired as u16;
        }
    }
    sound
}

/// Where a bit of the matrix is transmitted.
const fn place(row: usize, column: usize) -> usize {
    (1 + COLUMNS * row + column) * 181 % InfoBits::LEN
}

const fn interleave(matrix: &Matrix) -> InfoBits {
    let mut info = InfoBits::ZERO;
    let mut row = 0;
    while row < ROWS {
        let mut column = 0;
        while column < COLUMNS {
            if matrix[row] >> (COLUMNS - 1 - column) & 1 == 1 {
                info = info.xor(InfoBits::single(place(row, column)));
            }
            column += 1;
        }
        row += 1;
    }
    info
}

fn deinterleave(info: InfoBits) -> Matrix {
    core::array::from_fn(|row| (0..COLUMNS).fold(0, |bits, column| bits << 1 | u16::from(info.bit(place(row, column)))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_two_wrong_bits_are_repaired() {
        let data = *b"\x00\x00\x00\x00\x00\x5b\x23\xca\xce\xbf\x4c\xce";
        let word = encode(data);
        for a in 0..InfoBits::LEN {
            assert_eq!(decode(word ^ InfoBits::single(a)), Ok(data));
            for b in 0..a {
                assert_eq!(decode(word ^ InfoBits::single(a) ^ InfoBits::single(b)), Ok(data), "{a} {b}");
            }
        }
    }

    #[test]
    fn two_wrong_bits_in_each_of_two_rows_and_columns_are_beyond_the_code() {
        let data = [0x5a; 12];
        let square = [(1, 3), (1, 6), (4, 3), (4, 6)].map(|(row, column)| InfoBits::single(place(row, column)));
        assert_ne!(decode(square.into_iter().fold(encode(data), InfoBits::xor)), Ok(data));
    }

    #[test]
    fn most_noise_is_refused() {
        let refused = crate::dmr::vectors::noise(500).filter(|&word| decode(word) == Err(FecError::Uncorrectable));
        assert!(refused.count() > 400);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_through_up_to_three_wrong_bits(
            data: [u8; 12], wrong in proptest::sample::subsequence((0..196).collect::<Vec<usize>>(), 0..=3),
        ) {
            let received = wrong.into_iter().fold(encode(data), |word, bit| word ^ InfoBits::single(bit));
            prop_assert_eq!(decode(received), Ok(data));
        }

        #[test]
        fn a_whole_damaged_column_is_repaired(data: [u8; 12], column in 0..COLUMNS, noise: u16) {
            let received = (0..ROWS)
                .filter(|row| noise >> row & 1 == 1)
                .fold(encode(data), |word, row| word ^ InfoBits::single(place(row, column)));
            prop_assert_eq!(decode(received), Ok(data));
        }

        #[test]
        fn any_word_is_refused_or_read_as_the_data_of_a_codeword(first: u128, second: u128) {
            let received = InfoBits::from_halves(first, second);
            if let Ok(data) = decode(received) {
                prop_assert_eq!(decode(encode(data)), Ok(data));
            }
        }
    }
}
