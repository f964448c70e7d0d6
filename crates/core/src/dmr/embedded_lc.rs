//! Embedded LC: an LC in four 32-bit fragments of voice bursts B–E, protected by Hamming(16,11) rows, a parity row and a
//! 5-bit sum. Owns the coding and the assembly of a stream's fragments; never judges what an LC says.
//! Source: `wire.md` 5.7.

use super::hamming::HAMMING_16_11;
use super::{Burst, FecError, Lcss, LinkControl, crc};
use serde::{Deserialize, Serialize};

/// Rows of the matrix; column 0 is bit 15, the last row is the sum of the others.
type Matrix = [u16; 8];

/// The fragments of bursts B, C, D, E.
pub fn encode(lc: LinkControl) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i] = lc.0;
    let bits = u128::from_be_bytes([0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i]);
    let sum = u32::from(crc::checksum5(&lc.0));
    let row = |data: u32| HAMMING_16_11.encode(data) as u16;
    let long = |shift: u32| row((bits >> shift) as u32);
    let short = |index: u32| row(((bits >> (40 - 10 * index)) as u32) << 1 | (sum >> (4 - index) & 1));
    let rows = [long(61), long(50), short(0), short(1), short(2), short(3), short(4)];
    let [r0, r1, r2, r3, r4, r5, r6] = rows;
    to_fragments([r0, r1, r2, r3, r4, r5, r6, sum_of(&rows)])
}

/// The LC of the fragments of bursts B, C, D, E. One wrong bit in each row is repaired.
///
/// # Errors
/// [`FecError::Uncorrectable`] if a row has two wrong bits, or if more than one column disagrees with the parity row
/// after the repair; [`FecError::Checksum`] if the 5-bit sum is wrong.
pub fn decode(fragments: [u32; 4]) -> Result<LinkControl, FecError> {
    let [rows @ .., parity] = to_matrix(fragments);
    let mut repaired = [0; 7];
    for (row, received) in repaired.iter_mut().zip(rows) {
        *row = HAMMING_16_11.correct(u32::from(received)).ok_or(FecError::Uncorrectable)? as u16;
    }
    // The parity row has no code of its own. A row that was repaired into a wrong codeword differs in four columns or
    // more, so a single column that disagrees is an error of the parity row itself.
    if (sum_of(&repaired) ^ parity).count_ones() > 1 {
        return Err(FecError::Uncorrectable);
    }
    let [r0, r1, short @ ..] = repaired;
    let long = u128::from(r0 >> 5) << 11 | u128::from(r1 >> 5);
    let bits = short.iter().fold(long, |bits, row| bits << 10 | u128::from(row >> 6));
    let sum = short.iter().fold(0, |sum, row| sum << 1 | (row >> 5 & 1) as u8);
    let [_, _, _, _, _, _, _, lc @ ..] = bits.to_be_bytes();
    if crc::checksum5(&lc) == sum { Ok(LinkControl(lc)) } else { Err(FecError::Checksum) }
}

/// Gathers the fragments of one stream into LCs. Create one per stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddedLcAssembler {
    fragments: [u32; 3],
    have: u8,
}

impl EmbeddedLcAssembler {
    /// An assembler that waits for a first fragment.
    pub const fn new() -> Self {
        Self { fragments: [0; 3], have: 0 }
    }

    /// Forgets what was gathered: a burst is missing, or a new stream begins.
    pub fn reset(&mut self) {
        self.have = 0;
    }

    /// Takes the fragment of the next voice burst. The LC, when this was the last of four in order and they are sound;
    /// anything out of order starts over, and a first fragment always starts anew.
    pub fn push(&mut self, lcss: Lcss, fragment: u32) -> Option<LinkControl> {
        let have = core::mem::take(&mut self.have);
        let expected = match lcss {
            Lcss::First => 0,
            Lcss::Continuation if have == 1 || have == 2 => have,
            Lcss::Last if have == 3 => {
                let [b, c, d] = self.fragments;
                return decode([b, c, d, fragment]).ok();
            }
            _ => return None,
        };
        if let Some(place) = self.fragments.get_mut(usize::from(expected)) {
            *place = fragment;
            self.have = expected + 1;
        }
        None
    }

    /// Takes one of the bursts B–F, reading its EMB; one that cannot be read breaks the sequence. Not for burst A, which
    /// has a sync and neither continues nor breaks anything.
    pub fn push_burst(&mut self, burst: &Burst) -> Option<LinkControl> {
        match burst.emb() {
            Ok(emb) => self.push(emb.lcss, burst.fragment()),
            Err(_) => {
                self.reset();
                None
            }
        }
    }

    /// Takes the fragment of voice burst `index` (0 = A … 5 = F) as DMRD numbers them, without trust in its EMB. Burst A
    /// is passed over.
    pub fn push_indexed(&mut self, index: u8, fragment: u32) -> Option<LinkControl> {
        if index == 0 {
            return None;
        }
        if index - 1 == self.have || index == 1 {
            return self.push(Lcss::of_voice_burst(index)?, fragment);
        }
        self.reset();
        None
    }
}

fn sum_of(rows: &[u16; 7]) -> u16 {
    rows.iter().fold(0, |sum, row| sum ^ row)
}

/// Column by column, top to bottom: byte k of the transmission is column k, its highest bit row 0.
fn to_fragments(matrix: Matrix) -> [u32; 4] {
    let left = transpose(u64::from_be_bytes(matrix.map(|row| (row >> 8) as u8)));
    let right = transpose(u64::from_be_bytes(matrix.map(|row| row as u8)));
    [(left >> 32) as u32, left as u32, (right >> 32) as u32, right as u32]
}

fn to_matrix(fragments: [u32; 4]) -> Matrix {
    let [b, c, d, e] = fragments.map(u64::from);
    let left = transpose(b << 32 | c).to_be_bytes();
    let right = transpose(d << 32 | e).to_be_bytes();
    core::array::from_fn(|row| u16::from_be_bytes([left[row], right[row]]))
}

/// Transposes an 8×8 bit matrix, rows in byte order, by swapping blocks of 1, 2 and 4.
const fn transpose(mut x: u64) -> u64 {
    let t = (x ^ x >> 7) & 0x00AA_00AA_00AA_00AA;
    x ^= t ^ t << 7;
    let t = (x ^ x >> 14) & 0x0000_CCCC_0000_CCCC;
    x ^= t ^ t << 14;
    let t = (x ^ x >> 28) & 0x0000_0000_F0F0_F0F0;
    x ^ t ^ t << 28
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flip(fragments: [u32; 4], bit: usize) -> [u32; 4] {
        let mut fragments = fragments;
        fragments[bit / 32] ^= 1 << (31 - bit % 32);
        fragments
    }

    /// The transmitted position of a bit of the matrix.
    fn place(row: usize, column: usize) -> usize {
        column * 8 + row
    }

    fn feed(assembler: &mut EmbeddedLcAssembler, bursts: &[(Lcss, u32)]) -> Vec<LinkControl> {
        bursts.iter().filter_map(|&(lcss, fragment)| assembler.push(lcss, fragment)).collect()
    }

    #[test]
    fn a_broken_sequence_yields_nothing_and_the_next_whole_one_does() {
        use Lcss::{Continuation, First, Last, Single};
        let lc = LinkControl([0, 0, 0, 0, 0, 0x5b, 0x23, 0xca, 0xce]);
        let [b, c, d, e] = encode(lc);
        let whole = [(First, b), (Continuation, c), (Continuation, d), (Last, e), (Single, 0)];
        let broken: [&[(Lcss, u32)]; 7] = [
            &[(Continuation, c), (Continuation, d), (Last, e)],
            &[(First, b), (Continuation, c), (Last, e)],
            &[(First, b), (Continuation, c), (Single, 0), (Continuation, d), (Last, e)],
            &[(First, b), (Continuation, c), (Continuation, d), (Continuation, d), (Last, e)],
            &[(First, b), (Continuation, c), (First, b), (Continuation, d), (Last, e)],
            &[(First, b), (Last, e)],
            &[(First, b), (Continuation, c), (Continuation, d)],
        ];
        for sequence in broken {
            let mut assembler = EmbeddedLcAssembler::new();
            assert_eq!(feed(&mut assembler, sequence), []);
            assert_eq!(feed(&mut assembler, &whole), [lc]);
            assert_eq!(feed(&mut assembler, &whole), [lc]);
        }
    }

    #[test]
    fn fragments_are_gathered_by_the_index_of_their_burst_too() {
        let lc = LinkControl([0, 0, 0, 0, 0, 9, 0, 0x13, 0x88]);
        let [b, c, d, e] = encode(lc);
        let mut assembler = EmbeddedLcAssembler::new();
        let mut run = |bursts: &[(u8, u32)]| -> Vec<_> {
            bursts.iter().filter_map(|&(index, fragment)| assembler.push_indexed(index, fragment)).collect()
        };
        assert_eq!(run(&[(3, d), (4, e), (5, 0), (0, 7), (1, b), (2, c), (3, d), (4, e), (5, 0)]), [lc]);
        assert_eq!(run(&[(1, b), (2, c), (4, e)]), []);
        assert_eq!(run(&[(1, b), (2, c), (2, c), (3, d), (4, e)]), []);
        assert_eq!(run(&[(1, b), (2, c), (3, d), (9, e), (4, e)]), []);
        assert_eq!(run(&[(1, b), (0, 0), (2, c), (3, d), (4, e)]), [lc]);
    }

    #[test]
    fn more_fragments_than_there_are_begin_anew() {
        let lc = LinkControl([0, 0, 0, 0, 0, 9, 0, 0x13, 0x88]);
        let [b, c, d, e] = encode(lc);
        let mut assembler = EmbeddedLcAssembler { fragments: [0; 3], have: u8::MAX };
        assert_eq!(assembler.push_indexed(2, c), None);
        assert_eq!([(1, b), (2, c), (3, d)].map(|(index, part)| assembler.push_indexed(index, part)), [None; 3]);
        assert_eq!(assembler.push_indexed(4, e), Some(lc));
    }

    #[test]
    fn a_burst_whose_emb_is_unreadable_breaks_the_sequence() {
        let lc = LinkControl([0, 0, 0, 0, 0, 9, 0, 0x13, 0x88]);
        let coding = crate::dmr::FullLcCoding::new(lc);
        let bursts = [1, 2, 3, 4]
            .map(|index| crate::dmr::voice_burst(&[[0; 9]; 3], index, &coding, crate::dmr::ColourCode::ONE));
        let mut assembler = EmbeddedLcAssembler::new();
        assert_eq!(bursts.iter().filter_map(|burst| assembler.push_burst(burst)).collect::<Vec<_>>(), [lc]);
        let mut damaged = bursts;
        damaged[2].set_emb_bits(damaged[2].emb_bits() ^ 0b111);
        assert_eq!(damaged.iter().filter_map(|burst| assembler.push_burst(burst)).count(), 0);
    }

    #[test]
    fn a_wrong_checksum_is_told_from_wrong_bits() {
        // Rows are sound sums of codewords, but belong to no LC with that checksum.
        let a = encode(LinkControl([0, 0, 0, 0, 0, 0, 0, 0, 31]));
        let b = encode(LinkControl([0, 0, 0, 0, 0, 0, 0, 31, 30]));
        let mixed = core::array::from_fn(|i| a[i] ^ b[i]);
        assert_eq!(decode(mixed), Err(FecError::Checksum));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_and_any_single_wrong_bit_is_repaired(lc: [u8; 9], bit in 0usize..128) {
            let fragments = encode(LinkControl(lc));
            prop_assert_eq!(decode(fragments), Ok(LinkControl(lc)));
            prop_assert_eq!(decode(flip(fragments, bit)), Ok(LinkControl(lc)));
        }

        #[test]
        fn one_wrong_bit_in_every_row_is_repaired(lc: [u8; 9], columns in proptest::array::uniform8(0usize..16)) {
            let received = columns.into_iter().enumerate()
                .fold(encode(LinkControl(lc)), |f, (row, column)| flip(f, place(row, column)));
            prop_assert_eq!(decode(received), Ok(LinkControl(lc)));
        }

        #[test]
        fn two_wrong_bits_in_any_row_are_refused(
            lc: [u8; 9], row in 0usize..8, columns in proptest::sample::subsequence((0..16).collect::<Vec<usize>>(), 2),
        ) {
            let received = columns.into_iter().fold(encode(LinkControl(lc)), |f, column| flip(f, place(row, column)));
            prop_assert_eq!(decode(received), Err(FecError::Uncorrectable));
        }
    }
}
