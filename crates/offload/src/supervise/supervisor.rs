//! The supervisor: takes what happened, goes by the table of states and by the numbers, and says what has to be done. Owns
//! the registry of workers. Starts and ends nothing itself. Source: design §5, `runtime.md` S1-04, S2-17, S4.

use super::entry::{After, Entry, Life};
use super::table::step;
use super::{Action, Cause, Ending, Group, Input, Numbers, Refused, RestartPolicy, State, Status, WorkerName};
use crate::limits::MAX_WORKERS;
use crate::worker::Vitals;
use ragchew_core::time::{Mono, Span};
use std::collections::VecDeque;

/// Which workers there are, and what has to be done about them.
#[derive(Clone, Debug)]
pub struct Supervisor<W = WorkerName> {
    numbers: Numbers,
    /// In the order in which they were registered.
    entries: Vec<Entry<W>>,
    roll: Option<Roll<W>>,
    end: End,
    stale: u64,
}

/// Workers that are restarted one after the other.
#[derive(Clone, Debug)]
struct Roll<W> {
    /// The one that is under way.
    current: Option<W>,
    rest: VecDeque<W>,
}

/// Whether the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    UnderWay,
    Told,
}

impl<W: Copy + Eq> Supervisor<W> {
    /// One without workers.
    pub const fn new(numbers: Numbers) -> Self {
        Self { numbers, entries: Vec::new(), roll: None, end: End::No, stale: 0 }
    }

    /// Takes what happened at `now` and adds what has to be done, in order. What comes of an incarnation that is gone is
    /// ignored.
    pub fn handle(&mut self, now: Mono, input: Input<W>, actions: &mut Vec<Action<W>>) {
        match input {
            Input::Register { worker, group, policy } => self.register(worker, group, policy, actions),
            Input::Start { worker } => self.operate(now, worker, Cause::Start, actions),
            Input::Stop { worker } => self.operate(now, worker, Cause::Stop, actions),
            Input::Restart { worker } => self.operate(now, worker, Cause::Restart, actions),
            Input::RollAll => self.begin_roll(actions),
            Input::StopAll => self.begin_end(),
            Input::Tick => self.tick(now, actions),
            Input::Spawned { worker, incarnation }
            | Input::NotSpawned { worker, incarnation, .. }
            | Input::Ready { worker, incarnation }
            | Input::Vitals { worker, incarnation, .. }
            | Input::NoAnswer { worker, incarnation }
            | Input::Maintenance { worker, incarnation, .. }
            | Input::Garbage { worker, incarnation }
            | Input::Finished { worker, incarnation }
            | Input::Ended { worker, incarnation, .. } => match self.live(worker, incarnation) {
                Some(at) => self.heard(now, at, input, actions),
                None => self.stale += 1,
            },
        }
        self.go_on_rolling(now, actions);
        self.go_on_ending(now, actions);
    }

    /// When [`Input::Tick`] is wanted next, if at all.
    pub fn next(&self) -> Option<Mono> {
        self.entries.iter().filter_map(|entry| entry.deadline).min()
    }

    /// Every worker, in the order in which they were registered.
    pub fn workers(&self) -> impl Iterator<Item = Status<W>> {
        self.entries.iter().map(Entry::status)
    }

    /// How that worker stands.
    pub fn worker(&self, worker: W) -> Option<Status<W>> {
        self.workers().find(|status| status.worker == worker)
    }

    /// Whether that incarnation lives, so that what it says counts.
    pub fn is_live(&self, worker: W, incarnation: u32) -> bool {
        self.live(worker, incarnation).is_some()
    }

    /// Inputs that were ignored because their incarnation was gone.
    pub const fn stale(&self) -> u64 {
        self.stale
    }

    /// The numbers that it goes by.
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    fn live(&self, worker: W, incarnation: u32) -> Option<usize> {
        self.entries.iter().position(|e| e.worker == worker && e.incarnation == incarnation && e.state.is_up())
    }

    fn register(&mut self, worker: W, group: Group, policy: RestartPolicy, actions: &mut Vec<Action<W>>) {
        let why = if self.entries.iter().any(|entry| entry.worker == worker) {
            Refused::AlreadyKnown
        } else if self.entries.len() >= MAX_WORKERS {
            Refused::TooMany
        } else if self.end != End::No {
            Refused::ServerEnds
        } else {
            self.entries.push(Entry::new(worker, group, policy));
            return;
        };
        actions.push(Action::Refused { worker: Some(worker), why });
    }

    /// What an operator wants.
    fn operate(&mut self, now: Mono, worker: W, cause: Cause, actions: &mut Vec<Action<W>>) {
        let found = self.entries.iter_mut().find(|entry| entry.worker == worker).ok_or(Refused::Unknown);
        let done = match found {
            Ok(_) if self.end != End::No && cause != Cause::Stop => Err(Refused::ServerEnds),
            Ok(entry) => entry.operate(now, cause, &self.numbers, actions),
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            actions.push(Action::Refused { worker: Some(worker), why });
        }
    }

    /// What the living incarnation at this place says, or what is said of it.
    fn heard(&mut self, now: Mono, at: usize, input: Input<W>, actions: &mut Vec<Action<W>>) {
        let numbers = &self.numbers;
        let Some(entry) = self.entries.get_mut(at) else { return };
        match input {
            Input::Spawned { .. } if entry.state == State::Starting => entry.begun(now, numbers),
            Input::Ready { .. } => entry.ready(actions),
            Input::Vitals { vitals, limit, .. } => entry.vitals(now, vitals, limit, numbers, actions),
            Input::NoAnswer { .. } if entry.life.asked => {
                entry.life.asked = false;
                entry.missed(now, numbers, actions);
            }
            Input::Maintenance { for_ms, .. } => entry.life.announce(now, Span::millis(for_ms.into())),
            Input::Finished { .. } => entry.life.finished = true,
            Input::Garbage { .. } => entry.garbage(actions),
            Input::NotSpawned { errno, .. } => self.ended(now, at, Ending::NoStart(errno), actions),
            Input::Ended { ending, .. } => self.ended(now, at, ending, actions),
            _ => {}
        }
    }

    fn ended(&mut self, now: Mono, at: usize, reported: Ending, actions: &mut Vec<Action<W>>) {
        let goes_on = self.end == End::No;
        let Some(entry) = self.entries.get_mut(at) else { return };
        entry.ended(now, reported, &self.numbers, actions);
        if goes_on && entry.state == State::Failed && entry.deadline.is_some_and(|due| due <= now) {
            entry.due(now, &self.numbers, actions);
        }
    }

    fn tick(&mut self, now: Mono, actions: &mut Vec<Action<W>>) {
        for entry in &mut self.entries {
            if entry.deadline.is_some_and(|deadline| deadline <= now) {
                entry.due(now, &self.numbers, actions);
            }
        }
    }

    fn begin_roll(&mut self, actions: &mut Vec<Action<W>>) {
        let why = match (self.end, &self.roll) {
            (End::No, None) => {
                let is_up = |e: &&Entry<W>| e.state.is_up() && e.state != State::Stopping;
                let rest = self.entries.iter().filter(is_up).map(|entry| entry.worker).collect();
                self.roll = Some(Roll { current: None, rest });
                return;
            }
            (End::No, Some(_)) => Refused::Rolling,
            _ => Refused::ServerEnds,
        };
        actions.push(Action::Refused { worker: None, why });
    }

    /// Restarts the next one when the one before runs.
    fn go_on_rolling(&mut self, now: Mono, actions: &mut Vec<Action<W>>) {
        while let Some(roll) = &mut self.roll {
            let state = |worker: W| self.entries.iter().find(|e| e.worker == worker).map(|e| e.state);
            match roll.current.map(state) {
                None | Some(Some(State::Running)) => {}
                Some(Some(State::Starting | State::Unhealthy | State::Stopping | State::Failed)) => return,
                Some(Some(State::Registered | State::Stopped | State::Broken) | None) => {
                    actions.push(Action::Rolled { stuck: roll.current });
                    self.roll = None;
                    return;
                }
            }
            roll.current = None;
            let Some(next) = roll.rest.pop_front() else {
                actions.push(Action::Rolled { stuck: None });
                self.roll = None;
                return;
            };
            // What was stopped meanwhile, or comes back anyway, is left alone.
            if matches!(state(next), Some(State::Starting | State::Running | State::Unhealthy)) {
                roll.current = Some(next);
                self.operate(now, next, Cause::Restart, actions);
            }
        }
    }

    fn begin_end(&mut self) {
        if self.end == End::No {
            self.end = End::UnderWay;
            self.roll = None;
        }
    }

    /// Asks those to stop below whom nobody is left.
    fn go_on_ending(&mut self, now: Mono, actions: &mut Vec<Action<W>>) {
        if self.end != End::UnderWay {
            return;
        }
        let up: Vec<Group> = self.entries.iter().filter(|e| e.state.is_up()).map(|e| e.group).collect();
        for entry in &mut self.entries {
            let waits = entry.state.is_up() && up.iter().any(|group| group.is_below(entry.group));
            let was_asked = entry.state == State::Stopping && entry.after == After::Stay;
            if !waits && !was_asked {
                // Every state but those that are left alone here has this row.
                let _ = entry.operate(now, Cause::Stop, &self.numbers, actions);
            }
        }
        if up.is_empty() {
            self.end = End::Told;
            actions.push(Action::AllStopped);
        }
    }
}

/// How one worker takes what happens to it.
impl<W: Copy + Eq> Entry<W> {
    /// Goes where the table leads and tells of it.
    fn go(&mut self, cause: Cause, ending: Option<Ending>, actions: &mut Vec<Action<W>>) -> Result<State, Refused> {
        let to = step(self.state, cause)?;
        if to != self.state {
            self.state = to;
            actions.push(Action::Changed { worker: self.worker, state: to, incarnation: self.incarnation, ending });
        }
        Ok(to)
    }

    fn operate(
        &mut self,
        now: Mono,
        cause: Cause,
        numbers: &Numbers,
        actions: &mut Vec<Action<W>>,
    ) -> Result<(), Refused> {
        let from = self.state;
        let to = step(from, cause)?;
        if cause != Cause::Stop {
            self.forget_failures();
        }
        let after = if cause == Cause::Stop { After::Stay } else { After::Return };
        match to {
            State::Starting => self.start(now, cause, None, numbers, actions),
            State::Stopping if from == State::Stopping => self.after = after,
            State::Stopping => self.ask_stop(now, cause, after, numbers, actions),
            _ => {
                self.deadline = None;
                self.go(cause, None, actions)?;
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        now: Mono,
        cause: Cause,
        ending: Option<Ending>,
        numbers: &Numbers,
        actions: &mut Vec<Action<W>>,
    ) {
        if step(self.state, cause) == Ok(State::Starting) {
            self.begin(now, numbers);
            let _ = self.go(cause, ending, actions);
            actions.push(Action::Spawn { worker: self.worker, incarnation: self.incarnation });
        }
    }

    fn ask_stop(&mut self, now: Mono, cause: Cause, after: After, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        if self.go(cause, None, actions) == Ok(State::Stopping) {
            self.after = after;
            self.deadline = Some(now + numbers.join_timeout);
            actions.push(Action::AskStop { worker: self.worker, incarnation: self.incarnation });
        }
    }

    fn kill(&mut self, actions: &mut Vec<Action<W>>) {
        self.deadline = None;
        if !std::mem::replace(&mut self.life.killed, true) {
            actions.push(Action::Kill { worker: self.worker, incarnation: self.incarnation });
        }
    }

    fn ready(&mut self, actions: &mut Vec<Action<W>>) {
        if !self.life.ready && self.go(Cause::Ready, None, actions).is_ok() {
            self.life.ready = true;
            self.life.failed = 0;
        }
    }

    fn vitals(&mut self, now: Mono, vitals: Vitals, limit: u64, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        self.life.vitals = Some(vitals);
        if !std::mem::take(&mut self.life.asked) || self.state == State::Stopping {
            return;
        }
        if self.life.is_well(now, &vitals, limit, numbers) {
            self.passed(now, numbers);
            let _ = self.go(Cause::CheckPassed, None, actions);
        } else {
            self.fail(now, numbers, actions);
        }
    }

    /// A question has no answer.
    fn missed(&mut self, now: Mono, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        if !self.life.is_excused(now) && self.state != State::Stopping {
            self.fail(now, numbers, actions);
        }
    }

    fn fail(&mut self, now: Mono, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        let is_too_many = self.failed(numbers);
        let _ = self.go(Cause::CheckFailed, None, actions);
        if is_too_many {
            self.ask_stop(now, Cause::Verdict, After::Replace, numbers, actions);
        }
    }

    /// Nothing that it says can be trusted, so it is not asked to keep anything either.
    fn garbage(&mut self, actions: &mut Vec<Action<W>>) {
        let was_stopping = self.state == State::Stopping;
        if self.go(Cause::Verdict, None, actions) == Ok(State::Stopping) {
            self.life.garbage = true;
            if !was_stopping {
                self.after = After::Replace;
            }
            self.kill(actions);
        }
    }

    fn ended(&mut self, now: Mono, reported: Ending, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        let ending = self.life.ending(reported);
        self.ending = Some(ending);
        match (self.state, self.after) {
            (State::Stopping, After::Stay) => {
                self.deadline = None;
                let _ = self.go(Cause::EndedToStay, Some(ending), actions);
            }
            (State::Stopping, After::Return) => {
                self.start(now, Cause::EndedToReturn, Some(ending), numbers, actions);
            }
            _ => {
                let cause = self.died(now, numbers);
                let _ = self.go(cause, Some(ending), actions);
            }
        }
    }

    /// Its deadline has come.
    fn due(&mut self, now: Mono, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        match self.state {
            State::Starting | State::Running | State::Unhealthy => self.check(now, numbers, actions),
            State::Stopping => {
                let Life { finished, .. } = self.life;
                actions.push(Action::Late { worker: self.worker, incarnation: self.incarnation, finished });
                self.kill(actions);
            }
            State::Failed => {
                self.count_restart();
                self.start(now, Cause::Due, None, numbers, actions);
            }
            State::Registered | State::Stopped | State::Broken => self.deadline = None,
        }
    }

    /// The answer to the last question is due, and the next one is asked.
    fn check(&mut self, now: Mono, numbers: &Numbers, actions: &mut Vec<Action<W>>) {
        let planned = self.deadline.unwrap_or(now) + numbers.health_interval;
        self.deadline = Some(if planned > now { planned } else { now + numbers.health_interval });
        if self.life.asked || !self.life.ready {
            self.missed(now, numbers, actions);
        }
        let unanswered = self.life.asked && self.life.is_excused(now);
        if self.life.ready && self.state != State::Stopping && !unanswered {
            self.life.asked = true;
            actions.push(Action::AskVitals { worker: self.worker, incarnation: self.incarnation });
        }
    }
}
