//! The life of a worker as one table: from which state which cause leads where. Owns the causes, the table and the names of
//! what it refuses; knows no time and no worker. The manual shows the same table. Source: design §5, `runtime.md` S1-19.

use super::State;

/// What moves a worker from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It is to be started.
    Start,
    /// It said that it is ready.
    Ready,
    /// It failed a health check.
    CheckFailed,
    /// It passed one.
    CheckPassed,
    /// It failed as many checks in a row as it may, or said something that no worker says: it is to be replaced.
    Verdict,
    /// It is to end and to stay down.
    Stop,
    /// It is to end and to be started again.
    Restart,
    /// It ended because it was to stay down.
    EndedToStay,
    /// It ended because it was to be started again.
    EndedToReturn,
    /// It ended by itself or was replaced, and will be started again.
    Died,
    /// It ended by itself or was replaced, and that too often.
    GaveUp,
    /// The delay before its restart is over.
    Due,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 12] = [
        Self::Start,
        Self::Ready,
        Self::CheckFailed,
        Self::CheckPassed,
        Self::Verdict,
        Self::Stop,
        Self::Restart,
        Self::EndedToStay,
        Self::EndedToReturn,
        Self::Died,
        Self::GaveUp,
        Self::Due,
    ];

    /// For people, as the manual has it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Start => "it is to be started",
            Self::Ready => "it says that it is ready",
            Self::CheckFailed => "it fails a health check",
            Self::CheckPassed => "it passes a health check",
            Self::Verdict => "it failed too many checks in a row, or talks nonsense",
            Self::Stop => "it is to stop",
            Self::Restart => "it is to be restarted",
            Self::EndedToStay => "it ended and is to stay down",
            Self::EndedToReturn => "it ended and is to be started again",
            Self::Died => "it ended by itself or was replaced",
            Self::GaveUp => "it did so too often",
            Self::Due => "the delay before its restart is over",
        }
    }
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// There is no worker of that name.
    Unknown,
    /// There is one already.
    AlreadyKnown,
    /// There are as many workers as there may be.
    TooMany,
    /// It runs, or is about to.
    AlreadyUp,
    /// It does not run.
    NotUp,
    /// It has said so before.
    AlreadyReady,
    /// It is ending, and what it says no longer counts.
    Ending,
    /// Nobody asked it to end, so it died.
    NotAsked,
    /// It does not wait for a restart.
    NotWaiting,
    /// All workers are being restarted one after the other already.
    Rolling,
    /// The server is ending.
    ServerEnds,
}

impl Refused {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Unknown,
        Self::AlreadyKnown,
        Self::TooMany,
        Self::AlreadyUp,
        Self::NotUp,
        Self::AlreadyReady,
        Self::Ending,
        Self::NotAsked,
        Self::NotWaiting,
        Self::Rolling,
        Self::ServerEnds,
    ];

    /// For scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "no_such_worker",
            Self::AlreadyKnown => "already_known",
            Self::TooMany => "too_many_workers",
            Self::AlreadyUp => "already_up",
            Self::NotUp => "not_up",
            Self::AlreadyReady => "already_ready",
            Self::Ending => "ending",
            Self::NotAsked => "not_asked",
            Self::NotWaiting => "not_waiting",
            Self::Rolling => "already_rolling",
            Self::ServerEnds => "server_ends",
        }
    }

    /// For people: why, and what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "there is no worker of that name; `ragchew ctl workers` lists them",
            Self::AlreadyKnown => "there is a worker of that name already",
            Self::TooMany => "there are as many workers as there may be",
            Self::AlreadyUp => "the worker runs already; restart it to have a fresh one",
            Self::NotUp => "the worker does not run; start it",
            Self::AlreadyReady => "the worker was ready before",
            Self::Ending => "the worker is ending",
            Self::NotAsked => "nobody asked the worker to end",
            Self::NotWaiting => "the worker does not wait for a restart",
            Self::Rolling => "all workers are being restarted already; wait for the end of that",
            Self::ServerEnds => "the server is ending",
        }
    }
}

/// Every transition. A worker whose state does not change stays where it is, and nobody is told.
pub const TABLE: [(State, Cause, State); 43] = {
    use {Cause as C, State as S};
    [
        (S::Registered, C::Start, S::Starting),
        (S::Registered, C::Restart, S::Starting),
        (S::Registered, C::Stop, S::Stopped),
        //
        (S::Starting, C::Ready, S::Running),
        (S::Starting, C::CheckFailed, S::Unhealthy),
        (S::Starting, C::Verdict, S::Stopping),
        (S::Starting, C::Stop, S::Stopping),
        (S::Starting, C::Restart, S::Stopping),
        (S::Starting, C::Died, S::Failed),
        (S::Starting, C::GaveUp, S::Broken),
        //
        (S::Running, C::CheckPassed, S::Running),
        (S::Running, C::CheckFailed, S::Unhealthy),
        (S::Running, C::Verdict, S::Stopping),
        (S::Running, C::Stop, S::Stopping),
        (S::Running, C::Restart, S::Stopping),
        (S::Running, C::Died, S::Failed),
        (S::Running, C::GaveUp, S::Broken),
        //
        (S::Unhealthy, C::Ready, S::Running),
        (S::Unhealthy, C::CheckPassed, S::Running),
        (S::Unhealthy, C::CheckFailed, S::Unhealthy),
        (S::Unhealthy, C::Verdict, S::Stopping),
        (S::Unhealthy, C::Stop, S::Stopping),
        (S::Unhealthy, C::Restart, S::Stopping),
        (S::Unhealthy, C::Died, S::Failed),
        (S::Unhealthy, C::GaveUp, S::Broken),
        // Who asks again decides whether it comes back; how long it may take stays as it was.
        (S::Stopping, C::Start, S::Stopping),
        (S::Stopping, C::Stop, S::Stopping),
        (S::Stopping, C::Restart, S::Stopping),
        (S::Stopping, C::Verdict, S::Stopping),
        (S::Stopping, C::EndedToStay, S::Stopped),
        (S::Stopping, C::EndedToReturn, S::Starting),
        (S::Stopping, C::Died, S::Failed),
        (S::Stopping, C::GaveUp, S::Broken),
        //
        (S::Stopped, C::Start, S::Starting),
        (S::Stopped, C::Restart, S::Starting),
        (S::Stopped, C::Stop, S::Stopped),
        //
        (S::Failed, C::Due, S::Starting),
        (S::Failed, C::Start, S::Starting),
        (S::Failed, C::Restart, S::Starting),
        (S::Failed, C::Stop, S::Stopped),
        //
        (S::Broken, C::Start, S::Starting),
        (S::Broken, C::Restart, S::Starting),
        (S::Broken, C::Stop, S::Broken),
    ]
};

/// Where `cause` leads from `from`.
///
/// # Errors
/// It leads nowhere, and why.
pub fn step(from: State, cause: Cause) -> Result<State, Refused> {
    match TABLE.iter().find(|row| (row.0, row.1) == (from, cause)) {
        Some(&(_, _, to)) => Ok(to),
        None => Err(refusal(from, cause)),
    }
}

/// Why the table has no such row.
const fn refusal(from: State, cause: Cause) -> Refused {
    match (from, cause) {
        (_, Cause::Due) => Refused::NotWaiting,
        (State::Starting | State::Running | State::Unhealthy, Cause::Start) => Refused::AlreadyUp,
        (State::Starting | State::Running | State::Unhealthy, Cause::EndedToStay | Cause::EndedToReturn) => {
            Refused::NotAsked
        }
        (State::Running, Cause::Ready) => Refused::AlreadyReady,
        (State::Stopping, _) => Refused::Ending,
        _ => Refused::NotUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_of_state_and_cause_leads_somewhere_or_is_refused_by_name() {
        let (mut led, mut refused) = (0, BTreeSet::new());
        for from in State::ALL {
            for cause in Cause::ALL {
                let rows: Vec<_> = TABLE.iter().filter(|row| (row.0, row.1) == (from, cause)).collect();
                match (rows.as_slice(), step(from, cause)) {
                    ([(_, _, to)], Ok(found)) => {
                        assert_eq!(found, *to);
                        led += 1;
                    }
                    ([], Err(why)) => {
                        refused.insert(why);
                    }
                    (rows, found) => panic!("{from:?} {cause:?}: {rows:?} {found:?}"),
                }
            }
        }
        assert_eq!(led, TABLE.len());
        let by_the_table = [
            Refused::AlreadyUp,
            Refused::NotUp,
            Refused::AlreadyReady,
            Refused::Ending,
            Refused::NotAsked,
            Refused::NotWaiting,
        ];
        assert_eq!(refused, BTreeSet::from(by_the_table));
    }

    #[test]
    fn every_refusal_has_a_name_and_a_text_of_its_own() {
        let names: BTreeSet<_> = Refused::ALL.iter().map(|why| why.name()).collect();
        let texts: BTreeSet<_> = Refused::ALL.iter().map(|why| why.text()).collect();
        assert_eq!((names.len(), texts.len()), (Refused::ALL.len(), Refused::ALL.len()));
    }

    #[test]
    fn only_an_operator_leads_out_of_broken_and_nothing_leads_back_to_registered() {
        let out: Vec<_> = TABLE.iter().filter(|row| row.0 == State::Broken && row.2 != State::Broken).collect();
        assert!(out.iter().all(|row| matches!(row.1, Cause::Start | Cause::Restart)) && out.len() == 2, "{out:?}");
        assert!(TABLE.iter().all(|row| row.2 != State::Registered));
    }

    #[test]
    fn the_manual_shows_this_table_and_no_other() {
        let manual = include_str!("../../../../docs/operating.md");
        let table = manual.split("| state | cause | then |\n| --- | --- | --- |\n").nth(1).expect("a table of states");
        let theirs: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect();
        let row = |(from, cause, to): &(State, Cause, State)| {
            format!("| {} | {} | {} |", from.name(), cause.text(), to.name())
        };
        let ours: Vec<_> = TABLE.iter().map(row).collect();
        assert_eq!(theirs, ours, "\n{}", ours.join("\n"));
    }
}
