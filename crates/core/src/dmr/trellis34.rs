//! Rate ¾ trellis code: 18 bytes in 98 dibits, read with a Viterbi decoder. Needed only to read data; forwarding keeps the
//! burst. Knows no serial numbers or checksums. Source: `wire.md` 5.11.

use super::{FecError, InfoBits};

/// Tribits of a block with the zero tribit that ends it.
const STEPS: usize = 49;
const STATES: usize = 8;
const DIBITS: usize = 98;

/// Largest number of wrong bits in a block that is accepted. Random bits are 8 to 16 bits from the nearest block: the code
/// has little to spare, so more than a few repairs are guesses.
pub const MAX_ERRORS: u32 = 6;

/// Constellation points by state (row) and tribit (column); the next state is the tribit.
const POINTS: [[u8; STATES]; STATES] = [
    [0, 8, 4, 12, 2, 10, 6, 14],
    [4, 12, 2, 10, 6, 14, 0, 8],
    [1, 9, 5, 13, 3, 11, 7, 15],
    [5, 13, 3, 11, 7, 15, 1, 9],
    [3, 11, 7, 15, 1, 9, 5, 13],
    [7, 15, 1, 9, 5, 13, 3, 11],
    [2, 10, 6, 14, 0, 8, 4, 12],
    [6, 14, 0, 8, 4, 12, 2, 10],
];

/// The two dibits of each point. Levels: +3 = 01, +1 = 00, −1 = 10, −3 = 11.
const DIBITS_OF: [u8; 16] = [
    0b0010, 0b1010, 0b0111, 0b1111, 0b1110, 0b0110, 0b1011, 0b0011, 0b1101, 0b0101, 0b1000, 0b0000, 0b0001, 0b1001,
    0b0100, 0b1100,
];

/// The information bits of 18 bytes.
pub fn encode(block: &[u8; 18]) -> InfoBits {
    let mut info = InfoBits::ZERO;
    let mut state = 0;
    for step in 0..STEPS {
        let tribit = tribit(block, step);
        let point = dibits(state, tribit);
        for (half, dibit) in [point >> 2, point & 3].into_iter().enumerate() {
            let at = 2 * transmitted(2 * step + half);
            if dibit & 2 != 0 {
                info = info ^ InfoBits::single(at);
            }
            if dibit & 1 != 0 {
                info = info ^ InfoBits::single(at + 1);
            }
        }
        state = tribit;
    }
    info
}

/// The 18 bytes whose coded form is nearest to `info`. Any one wrong bit is repaired, and most pairs.
///
/// # Errors
/// [`FecError::Uncorrectable`] if the nearest form differs in more than [`MAX_ERRORS`] bits. A block within that may
/// still be wrong: the checksums of confirmed data and of the message decide.
pub fn decode(info: InfoBits) -> Result<[u8; 18], FecError> {
    const UNREACHED: u32 = u32::MAX / 2;
    let mut cost = [UNREACHED; STATES];
    cost[0] = 0;
    let mut origins_of = [[0u8; STATES]; STEPS];
    for (step, origins) in origins_of.iter_mut().enumerate() {
        let received = received(info, step);
        let mut next = [UNREACHED; STATES];
        for (tribit, (next, origin)) in next.iter_mut().zip(origins).enumerate() {
            for (state, cost) in cost.iter().enumerate() {
                let through = cost + (dibits(state as u8, tribit as u8) ^ received).count_ones();
                if through < *next {
                    (*next, *origin) = (through, state as u8);
                }
            }
        }
        cost = next;
    }
    // The block ends with a zero tribit, so the path ends in state 0.
    if cost[0] > MAX_ERRORS {
        return Err(FecError::Uncorrectable);
    }
    Ok(trace(&origins_of))
}

/// Walks the best path back from state 0 and gathers its tribits.
fn trace(origins: &[[u8; STATES]; STEPS]) -> [u8; 18] {
    let mut block = [0; 18];
    let mut state = 0u8;
    for (step, origins) in origins.iter().enumerate().rev() {
        for bit in (0..3).filter(|bit| state >> (2 - bit) & 1 == 1) {
            if let Some(byte) = block.get_mut((3 * step + bit) / 8) {
                *byte |= 0x80 >> ((3 * step + bit) % 8);
            }
        }
        state = origins[usize::from(state & 7)];
    }
    block
}

/// Tribit `step` of a block; 0 beyond its end.
fn tribit(block: &[u8; 18], step: usize) -> u8 {
    (3 * step..3 * step + 3)
        .fold(0, |tribit, bit| tribit << 1 | block.get(bit / 8).map_or(0, |byte| byte >> (7 - bit % 8) & 1))
}

/// The four bits that a tribit adds in a state.
const fn dibits(state: u8, tribit: u8) -> u8 {
    DIBITS_OF[(POINTS[(state & 7) as usize][(tribit & 7) as usize] & 15) as usize]
}

/// The four received bits of a step.
fn received(info: InfoBits, step: usize) -> u8 {
    [2 * step, 2 * step + 1].into_iter().fold(0, |bits, dibit| {
        let at = 2 * transmitted(dibit);
        bits << 2 | info.bit(at) << 1 | info.bit(at + 1)
    })
}

/// Where dibit `index` is transmitted: pairs with index mod 8 in {0, 1} first, then {2, 3}, {4, 5}, {6, 7}.
const fn transmitted(index: usize) -> usize {
    const PLACES: [u8; DIBITS] = {
        let mut places = [0; DIBITS];
        let (mut pair, mut at) = (0, 0);
        while pair < 8 {
            let mut index = pair;
            while index < DIBITS {
                places[index] = at;
                places[index + 1] = at + 1;
                at += 2;
                index += 8;
            }
            pair += 2;
        }
        places
    };
    if index < DIBITS { PLACES[index] as usize } else { index }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dibits_are_interleaved_once_each() {
        let mut seen = [false; DIBITS];
        for index in 0..DIBITS {
            assert!(!core::mem::replace(&mut seen[transmitted(index)], true));
        }
        let order: Vec<usize> = (0..5).map(|at| (0..DIBITS).find(|&i| transmitted(i) == at).unwrap()).collect();
        assert_eq!(order, [0, 1, 8, 9, 16]);
    }

    #[test]
    fn noise_is_refused() {
        for word in crate::dmr::vectors::noise(500) {
            assert_eq!(decode(word), Err(FecError::Uncorrectable));
        }
    }

    #[test]
    fn every_single_wrong_bit_is_repaired() {
        let block = *b"rate three quarter";
        let word = encode(&block);
        for bit in 0..InfoBits::LEN {
            assert_eq!(decode(word ^ InfoBits::single(bit)), Ok(block), "{bit}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding_through_a_wrong_bit(block: [u8; 18], bit in 0usize..196) {
            prop_assert_eq!(decode(encode(&block)), Ok(block));
            prop_assert_eq!(decode(encode(&block) ^ InfoBits::single(bit)), Ok(block));
        }

        #[test]
        fn a_decoded_block_is_as_near_as_the_one_that_was_sent(
            block: [u8; 18], wrong in proptest::sample::subsequence((0..196).collect::<Vec<usize>>(), 0..=MAX_ERRORS as usize),
        ) {
            let received = wrong.iter().fold(encode(&block), |word, &bit| word ^ InfoBits::single(bit));
            let decoded = decode(received).unwrap();
            prop_assert!(encode(&decoded).distance(received) as usize <= wrong.len());
        }
    }
}
