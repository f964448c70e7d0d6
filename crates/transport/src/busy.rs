//! How much of its time the reactor's thread works, from the two looks at the clock that each turn has anyway. Owns the sums;
//! reads no clock. Source: design §5, `runtime.md` S2-05.

use crate::counters::Perf;
use ragchew_core::{Mono, Span};

/// How much of its time the thread works.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Busy {
    began: Option<Mono>,
    /// When the poll last came back.
    woke: Mono,
    until: Mono,
    worked: Span,
    longest: Span,
}

impl Busy {
    /// The poll begins.
    pub(crate) fn worked_until(&mut self, now: Mono) {
        if self.began.is_none() {
            (self.began, self.woke) = (Some(now), now);
        }
        let turn = now.since(self.woke);
        self.worked.0 += turn.0;
        self.longest = self.longest.max(turn);
        self.until = now;
    }

    /// The poll came back.
    pub(crate) fn rested_until(&mut self, now: Mono) {
        (self.woke, self.until) = (now, now);
    }

    pub(crate) fn perf(&self, [queue_depth, queue_high_water, queue_capacity]: [u64; 3]) -> Perf {
        let observed_ns = self.began.map_or(0, |began| self.until.since(began).0);
        let (busy_ns, longest_turn_ns) = (self.worked.0, self.longest.0);
        Perf { observed_ns, busy_ns, longest_turn_ns, queue_depth, queue_high_water, queue_capacity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_two_polls_is_work_and_the_longest_turn_is_kept() {
        let mut busy = Busy::default();
        let at = |ms| Mono(1) + Span::millis(ms);
        for (begins, comes_back) in [(0, 10), (12, 20), (27, 30)] {
            busy.worked_until(at(begins));
            busy.rested_until(at(comes_back));
        }
        let perf = busy.perf([1, 2, 3]);
        assert_eq!((perf.observed_ns, perf.busy_ns), (30_000_000, 9_000_000));
        assert_eq!(perf.longest_turn_ns, 7_000_000);
        assert_eq!((perf.queue_depth, perf.queue_high_water, perf.queue_capacity), (1, 2, 3));
    }
}
