//! What is known of one worker, and what its checks and its end mean by the numbers. Owns the counting; changes no state and
//! wants nothing done. Source: `runtime.md` S4-22 to S4-27.

use super::{Cause, Ending, Group, Numbers, RestartPolicy, State, Status};
use crate::limits::MAX_MAINTENANCE;
use crate::worker::Vitals;
use ragchew_core::time::{Mono, Span};

/// A worker.
#[derive(Clone, Debug)]
pub(super) struct Entry<W> {
    pub(super) worker: W,
    pub(super) group: Group,
    pub(super) policy: RestartPolicy,
    pub(super) state: State,
    pub(super) incarnation: u32,
    pub(super) started: Option<Mono>,
    pub(super) ending: Option<Ending>,
    /// What follows its end, while it is stopping.
    pub(super) after: After,
    /// The next check, the kill or the restart, by its state.
    pub(super) deadline: Option<Mono>,
    /// Of this incarnation.
    pub(super) life: Life,
    restarts: u32,
    attempts: u8,
    /// It was started again at once since it was last well.
    forgiven: bool,
    /// Since when every check is passed.
    well_since: Option<Mono>,
    delay: Option<Span>,
}

/// What follows the end of a worker that was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It stays down.
    Stay,
    /// It is started again at once.
    Return,
    /// It is started again like one that died.
    Replace,
}

/// What is known of one incarnation.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    pub(super) ready: bool,
    /// A question is out.
    pub(super) asked: bool,
    pub(super) finished: bool,
    pub(super) killed: bool,
    pub(super) garbage: bool,
    /// Checks that it failed in a row.
    pub(super) failed: u8,
    pub(super) vitals: Option<Vitals>,
    maintenance: Option<Maintenance>,
}

/// A time in which it may look busy.
#[derive(Clone, Copy, Debug)]
struct Maintenance {
    began: Mono,
    until: Mono,
}

impl Life {
    /// It may be busy until `now + length`. Announcements without a passed check between them are one, so that none of them
    /// goes on for ever.
    pub(super) fn announce(&mut self, now: Mono, length: Span) {
        let began = self.maintenance.map_or(now, |maintenance| maintenance.began);
        let until = (now + length).min(began + MAX_MAINTENANCE);
        self.maintenance = Some(Maintenance { began, until });
    }

    /// Whether it may be busy now.
    pub(super) fn is_excused(&self, now: Mono) -> bool {
        self.maintenance.is_some_and(|maintenance| now < maintenance.until)
    }

    /// Whether these vitals are those of a worker that is well.
    pub(super) fn is_well(&self, now: Mono, vitals: &Vitals, limit: u64, numbers: &Numbers) -> bool {
        let busy = vitals.busy > numbers.max_busy && !self.is_excused(now);
        let large = limit > 0 && u128::from(vitals.memory) * 1_000 > u128::from(limit) * u128::from(numbers.max_memory);
        !busy && !large
    }

    /// How it ended, whatever the system called it.
    pub(super) fn ending(&self, reported: Ending) -> Ending {
        match (self.garbage, self.killed) {
            (true, _) => Ending::Garbage,
            (false, true) => Ending::Killed,
            (false, false) => reported,
        }
    }
}

impl<W: Copy> Entry<W> {
    pub(super) fn new(worker: W, group: Group, policy: RestartPolicy) -> Self {
        Self {
            worker,
            group,
            policy,
            state: State::Registered,
            incarnation: 0,
            started: None,
            ending: None,
            after: After::Stay,
            deadline: None,
            life: Life::default(),
            restarts: 0,
            attempts: 0,
            forgiven: false,
            well_since: None,
            delay: None,
        }
    }

    /// Another incarnation begins.
    pub(super) fn begin(&mut self, now: Mono, numbers: &Numbers) {
        self.incarnation = self.incarnation.wrapping_add(1);
        self.life = Life::default();
        self.after = After::Stay;
        self.delay = None;
        self.well_since = None;
        self.begun(now, numbers);
    }

    /// Its time counts from now.
    pub(super) fn begun(&mut self, now: Mono, numbers: &Numbers) {
        self.started = Some(now);
        self.deadline = Some(now + numbers.grace);
    }

    /// An operator closes the breaker.
    pub(super) fn forget_failures(&mut self) {
        self.attempts = 0;
        self.forgiven = false;
    }

    /// A restart that nobody asked for.
    pub(super) fn count_restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
    }

    /// It passed a check.
    pub(super) fn passed(&mut self, now: Mono, numbers: &Numbers) {
        self.life.failed = 0;
        if !self.life.is_excused(now) {
            self.life.maintenance = None;
        }
        self.well_since.get_or_insert(now);
        self.settle(now, numbers);
    }

    /// It failed a check. Says whether that was one too many.
    pub(super) fn failed(&mut self, numbers: &Numbers) -> bool {
        self.life.failed = self.life.failed.saturating_add(1);
        self.well_since = None;
        self.life.failed >= numbers.max_unhealthy
    }

    /// After a grace period of health, what was before no longer counts.
    fn settle(&mut self, now: Mono, numbers: &Numbers) {
        if self.well_since.is_some_and(|since| now.since(since) >= numbers.grace) {
            self.forget_failures();
        }
    }

    /// It died, or was replaced: whether it comes back, and when.
    pub(super) fn died(&mut self, now: Mono, numbers: &Numbers) -> Cause {
        self.settle(now, numbers);
        self.deadline = None;
        if self.policy == RestartPolicy::AlarmOnly {
            return Cause::GaveUp;
        }
        let lived = now.since(self.started.unwrap_or(now));
        if lived < numbers.quick_failure && !self.forgiven && self.after != After::Replace {
            self.forgiven = true;
            return self.wait(now, Span::default());
        }
        if self.attempts >= numbers.max_restarts {
            return Cause::GaveUp;
        }
        let doubled =
            numbers.restart_delay.0.saturating_mul(1u64.checked_shl(self.attempts.into()).unwrap_or(u64::MAX));
        self.attempts += 1;
        self.wait(now, Span(doubled).min(numbers.restart_delay_cap))
    }

    fn wait(&mut self, now: Mono, delay: Span) -> Cause {
        self.delay = Some(delay);
        self.deadline = Some(now + delay);
        Cause::Died
    }

    /// As operators see it.
    pub(super) fn status(&self) -> Status<W> {
        let waits = self.state == State::Failed;
        Status {
            worker: self.worker,
            group: self.group,
            state: self.state,
            incarnation: self.incarnation,
            started: self.started,
            restarts: self.restarts,
            attempts: self.attempts,
            ending: self.ending,
            unhealthy: self.life.failed,
            vitals: self.life.vitals,
            due: self.deadline.filter(|_| waits),
            delay: self.delay.filter(|_| waits),
        }
    }
}
