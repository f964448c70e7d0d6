//! How long each stage of the end may take: all of them share one limit, counted from the signal. Owns no clock and no
//! thread. Source: design §5 (one shutdown path, within 5 s).

use crate::limits::{END_LIMIT, LOG_LIMIT, THREADS_LIMIT};
use ragchew_core::Mono;
use ragchew_transport::{DRAIN_LIMIT, FLUSH_LIMIT};
use std::time::Duration;

// What is left is for the work between the waits.
const _: () = assert!(DRAIN_LIMIT.0 + FLUSH_LIMIT.0 + THREADS_LIMIT.0 + LOG_LIMIT.0 < END_LIMIT.0);

/// The limits of an end whose reactor is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    threads: Mono,
    log: Mono,
}

impl Closing {
    /// The end began at `since`, and the reactor ended at `now`.
    pub(super) fn new(since: Option<Mono>, now: Mono) -> Self {
        let limit = since.unwrap_or(now) + END_LIMIT;
        let threads = (now + THREADS_LIMIT).min(Mono(limit.0.saturating_sub(LOG_LIMIT.0)));
        Self { threads, log: limit }
    }

    /// How long the next thread may take from `now` on.
    pub(super) fn thread(&self, now: Mono) -> Duration {
        Duration::from_nanos(self.threads.since(now).0)
    }

    /// How long the log may take from `now` on.
    pub(super) fn log(&self, now: Mono) -> Duration {
        Duration::from_nanos(self.log.since(now).0.min(LOG_LIMIT.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::Span;

    /// When everything is over of an end at 1 s, when the reactor took `reactor` and everything else as long as it may.
    fn over(reactor: Span, threads: usize) -> (Mono, Duration) {
        let since = Mono(0) + Span::secs(1);
        let mut now = since + reactor;
        let closing = Closing::new(Some(since), now);
        for _ in 0..threads {
            now = now + Span(closing.thread(now).as_nanos() as u64);
        }
        let log = closing.log(now);
        (now + Span(log.as_nanos() as u64), log)
    }

    #[test]
    fn the_whole_orderly_end_fits_into_five_seconds_however_late_each_stage_is() {
        let longest = Span(DRAIN_LIMIT.0 + FLUSH_LIMIT.0);
        for reactor in [Span(0), longest, Span(longest.0 + 300_000_000), Span::millis(4_900)] {
            for threads in [0, 1, 2, 3, 10] {
                let (end, _) = over(reactor, threads);
                assert!(end <= Mono(0) + Span::secs(6), "{reactor:?} {threads}: {end:?}");
            }
        }
        assert_eq!(over(longest, 3).1, Duration::from_millis(400), "the log has its time");
    }

    #[test]
    fn an_end_without_a_signal_has_limits_too() {
        let closing = Closing::new(None, Mono(7));
        assert_eq!(closing.thread(Mono(7)), Duration::from_nanos(THREADS_LIMIT.0));
        assert_eq!(closing.log(Mono(7)), Duration::from_millis(400));
    }
}
