//! The named rewrites: the only ways in which a frame may leave other than it came, each with the bits that it may touch.
//! Never decides when one is due. Source, `behaviour.md` 3.8.

use crate::dmr::{Burst, FullLcCoding};
use crate::effects::FRAME_LEN;
use crate::id::RfTg;
use crate::wire::hbp::dmrd;
use crate::wire::hbp::{BurstIndex, FrameKind};
use core::ops::Range;

/// A rewrite and the bits of the 55-octet frame that it may change; bit 0 is the most significant of octet 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Its name.
    pub name: &'static str,
    /// The bits that it may change.
    pub bits: &'static [Range<usize>],
}

const fn octets(range: Range<usize>) -> Range<usize> {
    range.start * 8..range.end * 8
}

const fn first_bit(octet: usize) -> Range<usize> {
    octet * 8..octet * 8 + 1
}

const fn burst_bits(range: Range<usize>) -> Range<usize> {
    dmrd::BURST.start * 8 + range.start..dmrd::BURST.start * 8 + range.end
}

/// Every rewrite there is.
pub const REWRITES: &[Rewrite] = &[
    Rewrite { name: "set_repeater_id", bits: &[octets(dmrd::CLIENT)] },
    Rewrite { name: "set_slot_bit", bits: &[first_bit(dmrd::BITS)] },
    Rewrite { name: "set_destination_tg", bits: &[octets(dmrd::DESTINATION)] },
    Rewrite { name: "replace_header_lc", bits: &[burst_bits(0..98), burst_bits(166..264)] },
    Rewrite { name: "replace_terminator_lc", bits: &[burst_bits(0..98), burst_bits(166..264)] },
    Rewrite { name: "replace_embedded_lc", bits: &[burst_bits(116..148)] },
    Rewrite { name: "add_trailer", bits: &[octets(dmrd::BER..dmrd::RSSI + 1)] },
    Rewrite { name: "renumber_echo", bits: &[octets(dmrd::SEQ..dmrd::SEQ + 1), octets(dmrd::STREAM)] },
];

/// What a mapped talkgroup changes in a frame: the destination, and the LC where the frame carries one. `fragments` are
/// those of this superframe: the talkgroup's LC, or a block of the speaker's alias.
pub(crate) fn map_talkgroup(
    frame: &mut [u8; FRAME_LEN],
    kind: FrameKind,
    rf_tg: RfTg,
    coding: &FullLcCoding,
    fragments: &[u32; 4],
) {
    set_destination_tg(frame, rf_tg);
    match kind {
        FrameKind::VoiceHeader => with_burst(frame, |burst| coding.apply_header(burst)),
        FrameKind::Terminator => with_burst(frame, |burst| coding.apply_terminator(burst)),
        // Voice only: a CSBK or MBC of the same low nibble has its sync there (fault F-04). A and F carry no LC.
        FrameKind::Voice(index) => replace_embedded_lc(frame, index, fragments),
        _ => {}
    }
}

fn set_destination_tg(frame: &mut [u8; FRAME_LEN], rf_tg: RfTg) {
    if let Some(place) = frame.get_mut(dmrd::DESTINATION) {
        place.copy_from_slice(&rf_tg.to_bytes());
    }
}

fn replace_embedded_lc(frame: &mut [u8; FRAME_LEN], index: BurstIndex, fragments: &[u32; 4]) {
    let fragment = match index {
        BurstIndex::A | BurstIndex::F => return,
        _ => fragments.get(index.index().wrapping_sub(1)),
    };
    if let Some(&fragment) = fragment {
        with_burst(frame, |burst| burst.set_fragment(fragment));
    }
}

fn with_burst(frame: &mut [u8; FRAME_LEN], change: impl FnOnce(&mut Burst)) {
    let Some(place) = frame.get_mut(dmrd::BURST) else { return };
    let Some(mut burst) = Burst::from_slice(place) else { return };
    change(&mut burst);
    place.copy_from_slice(burst.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dmr::LinkControl;
    use crate::id::RadioId;
    use proptest::prelude::*;

    fn allowed(names: &[&str]) -> Vec<Range<usize>> {
        REWRITES.iter().filter(|r| names.contains(&r.name)).flat_map(|r| r.bits.iter().cloned()).collect()
    }

    fn kinds() -> Vec<(FrameKind, &'static [&'static str])> {
        let mut kinds: Vec<(FrameKind, &[&str])> = vec![
            (FrameKind::VoiceHeader, &["set_destination_tg", "replace_header_lc"]),
            (FrameKind::Terminator, &["set_destination_tg", "replace_terminator_lc"]),
            (FrameKind::Voice(BurstIndex::A), &["set_destination_tg"]),
            (FrameKind::Voice(BurstIndex::F), &["set_destination_tg"]),
            (FrameKind::PiHeader, &["set_destination_tg"]),
            (FrameKind::Csbk, &["set_destination_tg"]),
            (FrameKind::MbcHeader, &["set_destination_tg"]),
            (FrameKind::MbcContinuation, &["set_destination_tg"]),
            (FrameKind::DataHeader, &["set_destination_tg"]),
            (FrameKind::Rate34, &["set_destination_tg"]),
        ];
        for index in [BurstIndex::B, BurstIndex::C, BurstIndex::D, BurstIndex::E] {
            kinds.push((FrameKind::Voice(index), &["set_destination_tg", "replace_embedded_lc"]));
        }
        kinds
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_mapped_talkgroup_changes_no_bit_outside_the_declared_ranges(
            bytes in proptest::collection::vec(any::<u8>(), FRAME_LEN),
            tg in 1u32..16_777_215,
            source in 1u32..16_776_415,
        ) {
            let before: [u8; FRAME_LEN] = bytes.try_into().unwrap();
            let coding = FullLcCoding::new(LinkControl::group(RfTg(tg), RadioId(source)));
            for (kind, names) in kinds() {
                let mut after = before;
                map_talkgroup(&mut after, kind, RfTg(tg), &coding, &coding.fragments());
                let ranges = allowed(names);
                for bit in 0..FRAME_LEN * 8 {
                    let changed = (before[bit / 8] ^ after[bit / 8]) >> (7 - bit % 8) & 1 == 1;
                    prop_assert!(!changed || ranges.iter().any(|r| r.contains(&bit)), "{kind:?} bit {bit}");
                }
                prop_assert_eq!(&after[dmrd::DESTINATION], &RfTg(tg).to_bytes());
            }
        }
    }
}
