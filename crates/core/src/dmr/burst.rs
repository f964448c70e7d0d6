//! The 33-byte burst as a map of bit ranges, and the 196 information bits of a data burst. Owns where each field lies;
//! never decides what the bits mean. Bit 0 is the most significant bit of byte 0. Source: `wire.md` 5.1.

use core::ops::BitXor;

use super::{Emb, FecError, SlotType, SyncPattern};

/// Bits in one half of the information bits.
const HALF: u32 = 98;
const HALF_MASK: u128 = (1 << HALF) - 1;

/// One vocoder frame (72 bits with its own error protection, 20 ms of voice), as transmitted.
pub type VocoderFrame = [u8; 9];

/// Vocoder frame of silence, the padding of generated voice (`wire.md` 5.12).
pub const SILENCE: VocoderFrame = [0xB9, 0xE8, 0x81, 0x52, 0x61, 0x73, 0x00, 0x2A, 0x6B];

/// The 196 information bits of a data, header or terminator burst, in order of transmission.
///
/// Bits 0–97 are burst bits 0–97, bits 98–195 are burst bits 166–263.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InfoBits {
    first: u128,
    second: u128,
}

impl InfoBits {
    /// Number of bits.
    pub const LEN: usize = 196;
    /// All bits clear.
    pub const ZERO: Self = Self { first: 0, second: 0 };

    /// From two halves of 98 bits each, right-aligned, first transmitted bit highest; higher bits are ignored.
    pub const fn from_halves(first: u128, second: u128) -> Self {
        Self { first: first & HALF_MASK, second: second & HALF_MASK }
    }

    /// The two halves of 98 bits, right-aligned.
    pub const fn halves(self) -> (u128, u128) {
        (self.first, self.second)
    }

    /// Bit `index` (0–195) as 0 or 1; 0 beyond the end.
    pub const fn bit(self, index: usize) -> u8 {
        let mask = Self::single(index);
        (self.first & mask.first != 0 || self.second & mask.second != 0) as u8
    }

    /// Only bit `index` (0–195) set; nothing beyond the end.
    pub const fn single(index: usize) -> Self {
        match index {
            0..=97 => Self { first: 1 << (97 - index), second: 0 },
            98..=195 => Self { first: 0, second: 1 << (195 - index) },
            _ => Self::ZERO,
        }
    }

    /// The sum of two words (exclusive or).
    pub const fn xor(self, other: Self) -> Self {
        Self { first: self.first ^ other.first, second: self.second ^ other.second }
    }

    /// Number of bits in which two words differ.
    pub const fn distance(self, other: Self) -> u32 {
        (self.first ^ other.first).count_ones() + (self.second ^ other.second).count_ones()
    }
}

impl BitXor for InfoBits {
    type Output = Self;
    fn bitxor(self, other: Self) -> Self {
        self.xor(other)
    }
}

/// A burst: the 33 bytes that DMRD carries from byte 20 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Burst(pub [u8; Burst::LEN]);

impl Default for Burst {
    fn default() -> Self {
        Self([0; Self::LEN])
    }
}

impl Burst {
    /// Length in bytes.
    pub const LEN: usize = 33;

    /// The first 33 bytes of `bytes`; `None` if there are fewer.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self)
    }

    /// The bytes in order of transmission.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Information bits: burst bits 0–97 and 166–263.
    pub fn info(&self) -> InfoBits {
        InfoBits::from_halves(read(&self.0, 0) >> (128 - HALF), read(&self.0, 17))
    }

    /// Replaces the information bits and keeps burst bits 98–165.
    pub fn set_info(&mut self, info: InfoBits) {
        let (first, second) = info.halves();
        let head = read(&self.0, 0) & !(HALF_MASK << (128 - HALF));
        write(&mut self.0, 0, head | first << (128 - HALF));
        let tail = read(&self.0, 17) & !HALF_MASK;
        write(&mut self.0, 17, tail | second);
    }

    /// Slot type word (20 bits): burst bits 98–107 and 156–165.
    pub fn slot_type_bits(&self) -> u32 {
        (self.field(98, 10) << 10 | self.field(156, 10)) as u32
    }

    /// Replaces the slot type word; bits above 20 are ignored.
    pub fn set_slot_type_bits(&mut self, word: u32) {
        self.set_field(98, 10, u64::from(word >> 10));
        self.set_field(156, 10, u64::from(word));
    }

    /// Sync, or EMB and embedded fragment: burst bits 108–155 (48 bits).
    pub fn sync_bits(&self) -> u64 {
        self.field(108, 48)
    }

    /// Replaces burst bits 108–155; bits above 48 are ignored.
    pub fn set_sync_bits(&mut self, bits: u64) {
        self.set_field(108, 48, bits);
    }

    /// EMB word: burst bits 108–115 and 148–155.
    pub fn emb_bits(&self) -> u16 {
        (self.field(108, 8) << 8 | self.field(148, 8)) as u16
    }

    /// Replaces the EMB word.
    pub fn set_emb_bits(&mut self, word: u16) {
        self.set_field(108, 8, u64::from(word >> 8));
        self.set_field(148, 8, u64::from(word));
    }

    /// Embedded fragment: burst bits 116–147.
    pub fn fragment(&self) -> u32 {
        self.field(116, 32) as u32
    }

    /// Replaces the embedded fragment and nothing else.
    pub fn set_fragment(&mut self, fragment: u32) {
        self.set_field(116, 32, u64::from(fragment));
    }

    /// The sync pattern in the middle, if there is one (`SyncPattern::detect`).
    pub fn sync(&self) -> Option<SyncPattern> {
        SyncPattern::detect(self.sync_bits())
    }

    /// The slot type, repaired if need be. Meaningful only in bursts with data sync.
    pub fn slot_type(&self) -> Result<SlotType, FecError> {
        SlotType::decode(self.slot_type_bits())
    }

    /// The EMB, repaired if need be. Meaningful only in voice bursts B–F.
    pub fn emb(&self) -> Result<Emb, FecError> {
        Emb::decode(self.emb_bits())
    }

    /// The three vocoder frames of a voice burst: bits 0–71; 72–107 and 156–191; 192–263.
    pub fn vocoder_frames(&self) -> [VocoderFrame; 3] {
        let [first, second, third] = &mut [VocoderFrame::default(); 3];
        first.copy_from_slice(&self.0[..9]);
        third.copy_from_slice(&self.0[24..]);
        let middle = u128::from(self.field(72, 36)) << 36 | u128::from(self.field(156, 36));
        second.copy_from_slice(&middle.to_be_bytes()[7..]);
        [*first, *second, *third]
    }

    /// Replaces the three vocoder frames and keeps burst bits 108–155.
    pub fn set_vocoder_frames(&mut self, frames: &[VocoderFrame; 3]) {
        let [first, second, third] = frames;
        self.0[..9].copy_from_slice(first);
        self.0[24..].copy_from_slice(third);
        let mut middle = [0; 16];
        middle[7..].copy_from_slice(second);
        let middle = u128::from_be_bytes(middle);
        self.set_field(72, 36, (middle >> 36) as u64);
        self.set_field(156, 36, middle as u64);
    }

    /// `len` bits (at most 64) from burst bit `start` on; all fields of the middle lie in bytes 9–24.
    fn field(&self, start: u32, len: u32) -> u64 {
        (read(&self.0, MIDDLE) >> shift(start, len)) as u64 & (u64::MAX >> (64 - len))
    }

    fn set_field(&mut self, start: u32, len: u32, value: u64) {
        let mask = u128::from(u64::MAX >> (64 - len)) << shift(start, len);
        let value = u128::from(value) << shift(start, len) & mask;
        let rest = read(&self.0, MIDDLE) & !mask;
        write(&mut self.0, MIDDLE, rest | value);
    }
}

/// First byte of the 16 that hold every field between bits 72 and 199.
const MIDDLE: usize = 9;

/// Distance of a field's last bit from the end of the middle 128 bits.
const fn shift(start: u32, len: u32) -> u32 {
    (MIDDLE as u32 * 8 + 128) - (start + len)
}

/// 16 bytes from byte `at` (0–17) on as one big-endian number.
fn read(bytes: &[u8; Burst::LEN], at: usize) -> u128 {
    let mut word = [0; 16];
    word.copy_from_slice(&bytes[at..at + 16]);
    u128::from_be_bytes(word)
}

fn write(bytes: &mut [u8; Burst::LEN], at: usize, word: u128) {
    bytes[at..at + 16].copy_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Burst bits in which two bursts differ.
    fn changed(a: &Burst, b: &Burst) -> Vec<usize> {
        (0..264).filter(|&bit| (a.0[bit / 8] ^ b.0[bit / 8]) >> (7 - bit % 8) & 1 == 1).collect()
    }

    fn zero_and(set: impl Fn(&mut Burst)) -> Vec<usize> {
        let mut burst = Burst::default();
        set(&mut burst);
        changed(&Burst::default(), &burst)
    }

    #[test]
    fn every_field_lies_in_the_bits_of_the_map() {
        let info = InfoBits::from_halves(u128::MAX, u128::MAX);
        assert_eq!(zero_and(|b| b.set_info(info)), (0..98).chain(166..264).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_slot_type_bits(u32::MAX)), (98..108).chain(156..166).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_sync_bits(u64::MAX)), (108..156).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_emb_bits(u16::MAX)), (108..116).chain(148..156).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_fragment(u32::MAX)), (116..148).collect::<Vec<_>>());
        let frames = |n: usize| core::array::from_fn(|i| [if i == n { 0xff } else { 0 }; 9]);
        assert_eq!(zero_and(|b| b.set_vocoder_frames(&frames(0))), (0..72).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_vocoder_frames(&frames(1))), (72..108).chain(156..192).collect::<Vec<_>>());
        assert_eq!(zero_and(|b| b.set_vocoder_frames(&frames(2))), (192..264).collect::<Vec<_>>());
    }

    #[test]
    fn information_bits_are_numbered_in_order_of_transmission() {
        for index in 0..InfoBits::LEN {
            let at = if index < 98 { index } else { index + 68 };
            assert_eq!(zero_and(|b| b.set_info(InfoBits::single(index))), [at]);
            assert_eq!(InfoBits::single(index).bit(index), 1);
        }
        assert_eq!(InfoBits::single(196), InfoBits::ZERO);
    }

    #[test]
    fn fewer_than_33_bytes_are_no_burst() {
        assert_eq!(Burst::from_slice(&[0; 32]), None);
        assert_eq!(Burst::from_slice(&[7; 35]), Some(Burst([7; 33])));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_and_the_rest_stays(
            bytes: [u8; 33], first: u128, second: u128, word: u32, sync: u64, emb: u16, frames: [[u8; 9]; 3],
        ) {
            let burst = Burst(bytes);
            let set = |f: &dyn Fn(&mut Burst)| { let mut b = burst; f(&mut b); b };

            let info = InfoBits::from_halves(first, second);
            let b = set(&|b| b.set_info(info));
            prop_assert_eq!((b.info(), b.slot_type_bits(), b.sync_bits()), (info, burst.slot_type_bits(), burst.sync_bits()));
            let b = set(&|b| b.set_slot_type_bits(word));
            prop_assert_eq!((b.slot_type_bits(), b.info(), b.sync_bits()), (word & 0xf_ffff, burst.info(), burst.sync_bits()));
            let b = set(&|b| b.set_sync_bits(sync));
            prop_assert_eq!(b.sync_bits(), sync & 0xffff_ffff_ffff);
            prop_assert_eq!(b.vocoder_frames(), burst.vocoder_frames());
            let b = set(&|b| b.set_emb_bits(emb));
            prop_assert_eq!((b.emb_bits(), b.fragment()), (emb, burst.fragment()));
            let b = set(&|b| b.set_fragment(word));
            prop_assert_eq!((b.fragment(), b.emb_bits()), (word, burst.emb_bits()));
            let b = set(&|b| b.set_vocoder_frames(&frames));
            prop_assert_eq!((b.vocoder_frames(), b.sync_bits()), (frames, burst.sync_bits()));
        }
    }
}
