//! The eight 48-bit sync patterns and how they are recognised through bit errors. Never rewrites a sync: servers forward
//! it unchanged. Source: `wire.md` 5.2.

/// What follows the sync: voice (burst A) or data, header, terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncContent {
    /// Burst A of a voice superframe.
    Voice,
    /// A burst with slot type and information bits.
    Data,
}

/// Who sent the sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncSource {
    /// Base station; what generated bursts use.
    BaseStation,
    /// Mobile station; hotspots may send it.
    Mobile,
    /// Direct mode, slot 1.
    DirectSlot1,
    /// Direct mode, slot 2.
    DirectSlot2,
}

/// A sync pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyncPattern {
    /// Who sent it.
    pub source: SyncSource,
    /// What follows.
    pub content: SyncContent,
}

impl SyncPattern {
    /// Largest number of wrong bits in a recognised sync. Patterns are at least 10 bits apart, so there is one nearest.
    pub const MAX_ERRORS: u32 = 4;
    /// Base station voice, the sync of generated bursts A.
    pub const BS_VOICE: Self = Self { source: SyncSource::BaseStation, content: SyncContent::Voice };
    /// Base station data, the sync of generated headers and terminators.
    pub const BS_DATA: Self = Self { source: SyncSource::BaseStation, content: SyncContent::Data };

    /// All patterns, base station first.
    pub const ALL: [Self; 8] = {
        use SyncContent::{Data, Voice};
        use SyncSource::{BaseStation, DirectSlot1, DirectSlot2, Mobile};
        [
            Self { source: BaseStation, content: Voice },
            Self { source: BaseStation, content: Data },
            Self { source: Mobile, content: Voice },
            Self { source: Mobile, content: Data },
            Self { source: DirectSlot1, content: Voice },
            Self { source: DirectSlot1, content: Data },
            Self { source: DirectSlot2, content: Voice },
            Self { source: DirectSlot2, content: Data },
        ]
    };

    /// The pattern, right-aligned in 48 bits (MMDVMHost's values).
    pub const fn bits(self) -> u64 {
        match (self.source, self.content) {
            (SyncSource::BaseStation, SyncContent::Voice) => 0x755F_D7DF_75F7,
            (SyncSource::BaseStation, SyncContent::Data) => 0xDFF5_7D75_DF5D,
            (SyncSource::Mobile, SyncContent::Voice) => 0x7F7D_5DD5_7DFD,
            (SyncSource::Mobile, SyncContent::Data) => 0xD5D7_F77F_D757,
            (SyncSource::DirectSlot1, SyncContent::Voice) => 0x5D57_7F77_57FF,
            (SyncSource::DirectSlot1, SyncContent::Data) => 0xF7FD_D5DD_FD55,
            (SyncSource::DirectSlot2, SyncContent::Voice) => 0x7DFF_D5F5_5D5F,
            (SyncSource::DirectSlot2, SyncContent::Data) => 0xD755_7F5F_F7F5,
        }
    }

    /// The pattern that differs from `bits` (48, right-aligned) in at most [`Self::MAX_ERRORS`] bits.
    pub fn detect(bits: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| (pattern.bits() ^ bits).count_ones() <= Self::MAX_ERRORS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_are_far_enough_apart_for_one_nearest() {
        for (i, a) in SyncPattern::ALL.iter().enumerate() {
            for b in &SyncPattern::ALL[i + 1..] {
                let distance = (a.bits() ^ b.bits()).count_ones();
                assert!(distance >= 10, "{a:?} {b:?} {distance}");
            }
        }
    }

    #[test]
    fn an_embedded_fragment_of_zeros_is_no_sync() {
        assert_eq!(SyncPattern::detect(0x1100_0000_00E2), None);
    }

    proptest! {
        #[test]
        fn up_to_four_wrong_bits_are_tolerated_and_five_are_not(
            index in 0usize..8, wrong in proptest::sample::subsequence((0..48).collect::<Vec<u32>>(), 0..=5),
        ) {
            let pattern = SyncPattern::ALL[index];
            let received = wrong.iter().fold(pattern.bits(), |bits, bit| bits ^ 1 << bit);
            prop_assert_eq!(SyncPattern::detect(received), (wrong.len() <= 4).then_some(pattern));
        }
    }
}
