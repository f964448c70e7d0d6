//! RS(12,9) over GF(256): the three parity bytes of a full LC, with the masks that tell a header from a terminator.
//! Checks only: what is still wrong after BPTC is not worth a guess, since the ids of DMRD stand beside the LC.
//! Source: `wire.md` 5.6.

/// Mask of a voice LC header's parity.
pub const HEADER_MASK: u8 = 0x96;
/// Mask of a terminator's parity.
pub const TERMINATOR_MASK: u8 = 0x99;

/// Generator x³ + 0x0E x² + 0x38 x + 0x40, without its leading term, highest power first.
const GENERATOR: [u8; 3] = [0x0E, 0x38, 0x40];
/// Field polynomial x⁸ + x⁴ + x³ + x² + 1, without its leading term.
const FIELD: u8 = 0x1D;

/// The three parity bytes of `lc` before masking, in order of transmission (highest power first).
pub const fn parity(lc: &[u8; 9]) -> [u8; 3] {
    let [mut a, mut b, mut c] = [0; 3];
    let mut index = 0;
    while index < lc.len() {
        let feedback = PRODUCTS[(lc[index] ^ a) as usize];
        [a, b, c] = [b ^ feedback[0], c ^ feedback[1], feedback[2]];
        index += 1;
    }
    [a, b, c]
}

/// LC and masked parity: the 12 bytes that go into BPTC(196,96).
pub const fn encode(lc: &[u8; 9], mask: u8) -> [u8; 12] {
    let [p0, p1, p2] = parity(lc);
    let [a, b, c, d, e, f, g, h, i] = *lc;
    [a, b, c, d, e, f, g, h, i, p0 ^ mask, p1 ^ mask, p2 ^ mask]
}

/// The LC of 12 bytes whose parity matches under `mask`. Up to three wrong bytes never pass.
pub fn check(block: &[u8; 12], mask: u8) -> Option<[u8; 9]> {
    let [a, b, c, d, e, f, g, h, i, ..] = *block;
    let lc = [a, b, c, d, e, f, g, h, i];
    (encode(&lc, mask) == *block).then_some(lc)
}

/// The generator's coefficients times each element of the field.
const PRODUCTS: [[u8; 3]; 256] = {
    let mut table = [[0; 3]; 256];
    let mut value = 0;
    while value < 256 {
        let mut index = 0;
        while index < 3 {
            table[value][index] = multiply(value as u8, GENERATOR[index]);
            index += 1;
        }
        value += 1;
    }
    table
};

const fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { FIELD } else { 0 };
        b >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_worked_example_of_the_specification_holds() {
        let lc = [0, 0, 0, 0, 0, 0x5b, 0x23, 0xca, 0xce];
        assert_eq!(parity(&lc), [0x29, 0xda, 0x58]);
        assert_eq!(encode(&lc, HEADER_MASK)[9..], [0xbf, 0x4c, 0xce]);
        assert_eq!(encode(&lc, TERMINATOR_MASK)[9..], [0xb0, 0x43, 0xc1]);
    }

    proptest! {
        #[test]
        fn checking_undoes_encoding_and_the_other_mask_is_refused(lc: [u8; 9]) {
            prop_assert_eq!(check(&encode(&lc, HEADER_MASK), HEADER_MASK), Some(lc));
            prop_assert_eq!(check(&encode(&lc, TERMINATOR_MASK), TERMINATOR_MASK), Some(lc));
            prop_assert_eq!(check(&encode(&lc, HEADER_MASK), TERMINATOR_MASK), None);
            prop_assert_eq!(check(&encode(&lc, TERMINATOR_MASK), HEADER_MASK), None);
        }

        #[test]
        fn one_to_three_wrong_bytes_are_refused(
            lc: [u8; 9],
            at in proptest::sample::subsequence((0..12).collect::<Vec<usize>>(), 1..=3),
            noise in proptest::array::uniform3(1u8..),
        ) {
            let mut block = encode(&lc, HEADER_MASK);
            for (index, noise) in at.into_iter().zip(noise) {
                block[index] ^= noise;
            }
            prop_assert_eq!(check(&block, HEADER_MASK), None);
        }
    }
}
