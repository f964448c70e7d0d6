//! EMB: colour code, privacy indicator and LCSS of voice bursts B–F, in QR(16,7,6). Never looks at the fragment between
//! its halves. Source: `wire.md` 5.4.

use super::{ColourCode, FecError};

/// Link control start/stop: which part of an embedded LC the fragment of this burst is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lcss {
    /// A single fragment, or none (burst F).
    Single = 0,
    /// First fragment (burst B).
    First = 1,
    /// Last fragment (burst E).
    Last = 2,
    /// Continuation (bursts C and D).
    Continuation = 3,
}

impl Lcss {
    /// The LCSS of voice burst `index` (0 = A … 5 = F); `None` for burst A, which has a sync, and beyond F.
    pub const fn of_voice_burst(index: u8) -> Option<Self> {
        match index {
            1 => Some(Self::First),
            2 | 3 => Some(Self::Continuation),
            4 => Some(Self::Last),
            5 => Some(Self::Single),
            _ => None,
        }
    }

    const fn from_low_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Single,
            1 => Self::First,
            2 => Self::Last,
            _ => Self::Continuation,
        }
    }
}

/// The EMB of a voice burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Emb {
    /// Colour code of the sender.
    pub colour_code: ColourCode,
    /// Privacy indicator (PI): the voice is enciphered.
    pub privacy: bool,
    /// What the fragment is.
    pub lcss: Lcss,
}

impl Emb {
    /// The 16-bit word; its high byte goes before the fragment, its low byte after.
    pub const fn encode(self) -> u16 {
        codeword(self.colour_code.get() << 3 | (self.privacy as u8) << 2 | self.lcss as u8)
    }

    /// Reads a word in which at most two bits are wrong.
    ///
    /// # Errors
    /// [`FecError::Uncorrectable`] for more; three wrong bits are always noticed.
    pub fn decode(word: u16) -> Result<Self, FecError> {
        let value = correct(word).ok_or(FecError::Uncorrectable)?;
        Ok(Self {
            colour_code: ColourCode::from_low_bits(value >> 3),
            privacy: value & 4 != 0,
            lcss: Lcss::from_low_bits(value),
        })
    }
}

/// Codewords of 0x40, 0x20, … 0x01: four colour code bits, PI, two LCSS bits.
const ROWS: [u16; 7] = [0x804F, 0x411E, 0x21B7, 0x11E2, 0x09C9, 0x04E5, 0x0273];

/// All codewords by value.
const CODEWORDS: [u16; 128] = {
    let mut table = [0; 128];
    let mut value = 0;
    while value < 128 {
        let mut row = 0;
        while row < 7 {
            if value >> (6 - row) & 1 == 1 {
                table[value] ^= ROWS[row];
            }
            row += 1;
        }
        value += 1;
    }
    table
};

const fn codeword(value: u8) -> u16 {
    CODEWORDS[(value & 0x7f) as usize]
}

/// The value whose codeword differs from `word` in at most two bits.
fn correct(word: u16) -> Option<u8> {
    let plain = (word >> 9) as u8;
    if codeword(plain) == word {
        return Some(plain);
    }
    (0..128).find(|&value| (codeword(value) ^ word).count_ones() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_one_or_two_bits_is_repaired_and_every_one_of_three_refused() {
        for value in 0..128 {
            let word = codeword(value);
            assert_eq!(correct(word), Some(value));
            for a in 0..16 {
                assert_eq!(correct(word ^ 1 << a), Some(value));
                for b in 0..a {
                    assert_eq!(correct(word ^ 1 << a ^ 1 << b), Some(value));
                    for c in 0..b {
                        assert_eq!(correct(word ^ 1 << a ^ 1 << b ^ 1 << c), None);
                    }
                }
            }
        }
    }

    #[test]
    fn decoding_undoes_encoding_for_every_emb() {
        for value in 0..128u8 {
            let emb = Emb {
                colour_code: ColourCode::from_low_bits(value >> 3),
                privacy: value & 4 != 0,
                lcss: Lcss::from_low_bits(value),
            };
            assert_eq!(emb.encode() >> 9, u16::from(value));
            assert_eq!(Emb::decode(emb.encode()), Ok(emb));
        }
    }

    #[test]
    fn bursts_b_to_f_carry_first_continuation_continuation_last_single() {
        let lcss: Vec<u8> = (1..=5).filter_map(Lcss::of_voice_burst).map(|lcss| lcss as u8).collect();
        assert_eq!(lcss, [1, 3, 3, 2, 0]);
        assert_eq!((Lcss::of_voice_burst(0), Lcss::of_voice_burst(6)), (None, None));
    }
}
