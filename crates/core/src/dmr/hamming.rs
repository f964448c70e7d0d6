//! The Hamming codes of DMR: (15,11), (13,9), (16,11,4) and (17,12). Words are right-aligned numbers with the first
//! transmitted bit highest and the parity bits last; knows nothing of what they carry. Source: `wire.md` 5.6, 5.7.

/// A systematic Hamming code of `DATA` data and `PARITY` parity bits.
#[derive(Debug)]
pub struct Hamming<const DATA: usize, const PARITY: usize> {
    /// For each parity bit, first one first, the data bits that it sums.
    masks: [u32; PARITY],
    /// For each syndrome, the bit to flip, or [`REFUSED`].
    repairs: [u32; 32],
}

/// Rows of BPTC(196,96). A perfect code: every word is at most one bit from a codeword.
pub const HAMMING_15_11: Hamming<11, 4> = Hamming::new([P0, P1, P2, P3]);

/// Columns of BPTC(196,96).
pub const HAMMING_13_9: Hamming<9, 4> =
    Hamming::new([&[0, 1, 3, 5, 6], &[0, 1, 2, 4, 6, 7], &[0, 1, 2, 3, 5, 7, 8], &[0, 2, 4, 5, 8]]);

/// Rows of the embedded LC: (15,11) and a fifth parity bit, which makes two wrong bits visible.
pub const HAMMING_16_11: Hamming<11, 5> = Hamming::new([P0, P1, P2, P3, &[0, 2, 5, 6, 8, 9, 10]]);

/// Rows of the short LC (parity equations as in MMDVMHost's Hamming.cpp).
pub const HAMMING_17_12: Hamming<12, 5> = Hamming::new([
    &[0, 1, 2, 3, 6, 7, 9],
    &[0, 1, 2, 3, 4, 7, 8, 10],
    &[1, 2, 3, 4, 5, 8, 9, 11],
    &[0, 1, 4, 5, 7, 10],
    &[0, 1, 2, 5, 6, 8, 11],
]);

const P0: &[u32] = &[0, 1, 2, 3, 5, 7, 8];
const P1: &[u32] = &[1, 2, 3, 4, 6, 8, 9];
const P2: &[u32] = &[2, 3, 4, 5, 7, 9, 10];
const P3: &[u32] = &[0, 1, 2, 4, 6, 7, 10];

const REFUSED: u32 = u32::MAX;

impl<const DATA: usize, const PARITY: usize> Hamming<DATA, PARITY> {
    /// From the data bits (0 = first transmitted) that each parity bit sums.
    const fn new(taps: [&[u32]; PARITY]) -> Self {
        let mut code = Self { masks: [0; PARITY], repairs: [REFUSED; 32] };
        let mut row = 0;
        while row < PARITY {
            let mut tap = 0;
            while tap < taps[row].len() {
                code.masks[row] |= 1 << (DATA as u32 - 1 - taps[row][tap]);
                tap += 1;
            }
            row += 1;
        }
        code.repairs[0] = 0;
        let mut bit = 0;
        while bit < DATA + PARITY {
            code.repairs[code.syndrome(1 << bit) as usize] = 1 << bit;
            bit += 1;
        }
        code
    }

    /// The codeword of `DATA` bits; higher bits are ignored.
    pub const fn encode(&self, data: u32) -> u32 {
        let data = data & ((1 << DATA) - 1);
        data << PARITY | self.parity(data)
    }

    /// The codeword at most one bit from `word`; `None` if the code can tell that more bits are wrong.
    pub const fn correct(&self, word: u32) -> Option<u32> {
        let word = word & ((1 << (DATA + PARITY)) - 1);
        match self.repair(self.syndrome(word)) {
            Some(flip) => Some(word ^ flip),
            None => None,
        }
    }

    /// The data bits that parity bit `index` sums: bit `DATA - 1` is the first data bit.
    pub(super) const fn mask(&self, index: usize) -> u32 {
        if index < PARITY { self.masks[index] } else { 0 }
    }

    /// The bit that a syndrome (first parity bit highest) says is wrong; 0 for none.
    pub(super) const fn repair(&self, syndrome: u32) -> Option<u32> {
        match self.repairs[(syndrome & 31) as usize] {
            REFUSED => None,
            flip => Some(flip),
        }
    }

    const fn syndrome(&self, word: u32) -> u32 {
        self.parity(word >> PARITY) ^ word & ((1 << PARITY) - 1)
    }

    const fn parity(&self, data: u32) -> u32 {
        let mut parity = 0;
        let mut row = 0;
        while row < PARITY {
            parity = parity << 1 | (data & self.masks[row]).count_ones() & 1;
            row += 1;
        }
        parity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every codeword comes back, whole and with any one bit wrong. Returns how many of the words with two wrong bits
    /// are refused, and how many there are.
    fn exercise<const DATA: usize, const PARITY: usize>(code: &Hamming<DATA, PARITY>) -> (u32, u32) {
        let (mut refused, mut all) = (0, 0);
        for data in 0..1 << DATA {
            let word = code.encode(data);
            assert_eq!(word >> PARITY, data);
            assert_eq!(code.correct(word), Some(word));
            for a in 0..DATA + PARITY {
                assert_eq!(code.correct(word ^ 1 << a), Some(word));
                for b in 0..a {
                    let repaired = code.correct(word ^ 1 << a ^ 1 << b);
                    assert_ne!(repaired, Some(word));
                    refused += u32::from(repaired.is_none());
                    all += 1;
                }
            }
        }
        (refused, all)
    }

    #[test]
    fn one_wrong_bit_is_repaired_by_every_code() {
        let (refused, _) = exercise(&HAMMING_15_11);
        assert_eq!(refused, 0, "a perfect code has nothing to refuse");
        let (refused, all) = exercise(&HAMMING_13_9);
        assert!(0 < refused && refused < all);
        let (refused, all) = exercise(&HAMMING_17_12);
        assert!(0 < refused && refused < all);
    }

    #[test]
    fn two_wrong_bits_in_an_embedded_lc_row_are_refused_never_miscorrected() {
        let (refused, all) = exercise(&HAMMING_16_11);
        assert_eq!(refused, all);
    }
}
