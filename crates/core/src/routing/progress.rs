//! How a stream gets on: sequence numbers modulo 256, losses, repeats, and its rate. Judges one frame at a time; knows
//! nothing of who speaks or hears. Source, `behaviour.md` 3.4, S-120 to S-127.

use crate::limits::{RATE_GUARD_BURST, RATE_GUARD_FREE_FRAMES, RATE_GUARD_PER_SECOND, RECENT_FRAMES, SEQUENCE_RESYNC};
use crate::rate::Bucket;
use crate::refusal::Refusal;
use crate::time::{Mono, Span};
use serde::{Deserialize, Serialize};

/// Counters and memory of one stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    started: Mono,
    last: Option<(u8, Mono)>,
    /// Frames that were new, whether or not the rate let them pass.
    seen: u64,
    accepted: u32,
    lost: u32,
    reordered: u32,
    burst: Bucket,
    /// Hashes of the last frames, each at the place of its sequence number.
    #[serde(with = "crate::carried::array")]
    recent: [u64; RECENT_FRAMES],
}

impl Progress {
    pub(crate) fn new(started: Mono) -> Self {
        let recent = [0; RECENT_FRAMES];
        Self { started, last: None, seen: 0, accepted: 0, lost: 0, reordered: 0, burst: Bucket::default(), recent }
    }

    /// Judges the frame with sequence number `seq` whose content (sequence number included) hashes to `hash`.
    pub(crate) fn accept(&mut self, seq: u8, hash: u64, now: Mono) -> Result<(), Refusal> {
        // 0 marks an empty place.
        let hash = hash.max(1);
        let repeated = self.recent.get(usize::from(seq) % RECENT_FRAMES) == Some(&hash);
        if let Some((last, at)) = self.last {
            let delta = seq.wrapping_sub(last);
            let resync = now.since(at) >= SEQUENCE_RESYNC;
            match delta {
                _ if repeated => return Err(Refusal::Duplicate),
                _ if resync => {}
                0 => return Err(Refusal::Duplicate),
                1..=127 => self.lost = self.lost.saturating_add(u32::from(delta) - 1),
                128..=255 => {
                    self.reordered = self.reordered.saturating_add(1);
                    return Err(Refusal::Late);
                }
            }
        }
        self.last = Some((seq, now));
        if let Some(place) = self.recent.get_mut(usize::from(seq) % RECENT_FRAMES) {
            *place = hash;
        }
        self.seen = self.seen.saturating_add(1);
        if self.is_too_fast(now) {
            return Err(Refusal::RateGuard);
        }
        self.accepted = self.accepted.saturating_add(1);
        Ok(())
    }

    /// Too fast on the average, or too much at once: what a slow stream has saved up is not paid out.
    fn is_too_fast(&mut self, now: Mono) -> bool {
        if !self.burst.take(RATE_GUARD_BURST, now) {
            return true;
        }
        let elapsed = u128::from(now.since(self.started).0);
        self.seen > RATE_GUARD_FREE_FRAMES
            && u128::from(self.seen) * u128::from(Span::secs(1).0) > u128::from(RATE_GUARD_PER_SECOND) * elapsed
    }

    /// Sequence number that would follow.
    pub(crate) fn next_seq(&self) -> u8 {
        self.last.map_or(0, |(seq, _)| seq.wrapping_add(1))
    }

    /// Frames that passed.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Frames that are missing.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// Frames that came too late.
    pub(crate) fn reordered(&self) -> u32 {
        self.reordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds sequence numbers at 60 ms, each with a content of its own.
    fn run(seqs: &[u8]) -> (Vec<Result<(), Refusal>>, Progress) {
        let mut progress = Progress::new(Mono(0));
        let verdicts = seqs
            .iter()
            .enumerate()
            .map(|(i, &seq)| progress.accept(seq, 1_000 + i as u64, Mono(0) + Span::millis(60 * i as u64)))
            .collect();
        (verdicts, progress)
    }

    #[test]
    fn the_counter_wraps_without_loss() {
        let (verdicts, progress) = run(&[254, 255, 0, 1]);
        assert!(verdicts.iter().all(Result::is_ok));
        assert_eq!((progress.accepted(), progress.lost(), progress.next_seq()), (4, 0, 2));
    }

    #[test]
    fn losses_at_the_wrap_are_counted_and_do_not_mute() {
        let (verdicts, progress) = run(&[254, 255, 2, 3]);
        assert!(verdicts.iter().all(Result::is_ok));
        assert_eq!(progress.lost(), 2);
    }

    #[test]
    fn repeats_and_late_frames_are_dropped_by_name() {
        let (verdicts, progress) = run(&[10, 12, 11, 12]);
        assert_eq!(verdicts, [Ok(()), Ok(()), Err(Refusal::Late), Err(Refusal::Duplicate)]);
        assert_eq!((progress.lost(), progress.reordered()), (1, 1));
    }

    #[test]
    fn the_same_content_again_is_a_repeat_even_after_a_pause() {
        let mut progress = Progress::new(Mono(0));
        assert_eq!(progress.accept(10, 77, Mono(0)), Ok(()));
        assert_eq!(progress.accept(11, 78, Mono(1)), Ok(()));
        assert_eq!(progress.accept(10, 77, Mono(0) + Span::secs(2)), Err(Refusal::Duplicate));
        assert_eq!(progress.accept(10, 79, Mono(0) + Span::secs(2)), Ok(()));
        assert_eq!(progress.lost(), 0);
    }

    #[test]
    fn content_is_remembered_for_64_frames_and_not_for_65() {
        let again = |seq: u8| {
            let (_, mut progress) = run(&(0..=RECENT_FRAMES as u8).collect::<Vec<_>>());
            let after_a_pause = Mono(0) + Span::secs(10);
            progress.accept(seq, 1_000 + u64::from(seq), after_a_pause)
        };
        assert_eq!((again(1), again(0)), (Err(Refusal::Duplicate), Ok(())));
    }

    #[test]
    fn a_stream_faster_than_the_guard_is_thinned_until_its_average_falls() {
        let mut progress = Progress::new(Mono(0));
        let passed = |progress: &mut Progress, seq: u8, millis: u64| {
            progress.accept(seq, u64::from(seq) + 1, Mono(0) + Span::millis(millis)).is_ok()
        };
        let early: Vec<_> = (0..40).map(|i| passed(&mut progress, i, u64::from(i) * 12)).collect();
        assert_eq!(early.iter().filter(|ok| **ok).count(), 18);
        // 41 frames are 25 a second after 1.64 s.
        assert!(!passed(&mut progress, 40, 1_639));
        assert!(passed(&mut progress, 41, 1_680));
    }

    #[test]
    fn what_a_slow_stream_saves_up_is_not_paid_out_at_once() {
        let mut progress = Progress::new(Mono(0));
        let minute = Mono(0) + Span::secs(60);
        assert_eq!(progress.accept(0, 1, Mono(0)), Ok(()));
        let passed = (0..200u64).filter(|&n| progress.accept(n as u8 + 1, n + 2, minute).is_ok()).count();
        assert_eq!(passed, 50);
    }

    #[test]
    fn a_stream_of_more_frames_than_can_be_counted_is_too_fast() {
        let mut progress = Progress { seen: u64::MAX, ..Progress::new(Mono(0)) };
        assert_eq!(progress.accept(0, 1, Mono(u64::MAX)), Err(Refusal::RateGuard));
        assert_eq!(progress.accept(1, 2, Mono(0)), Err(Refusal::RateGuard));
    }
}
