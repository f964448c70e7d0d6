//! What the supervisor is told and what it wants done: plain values. Owns their form; decides nothing. Source: design §5,
//! `runtime.md` S4.

use super::{Ending, Group, Refused, State, WorkerName};
use crate::worker::Vitals;
use ragchew_core::time::{Mono, Span};

/// What becomes of a worker that ended without being asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// It is started again, by the [`Numbers`](super::Numbers).
    #[default]
    Restart,
    /// It stays down until an operator starts it.
    AlarmOnly,
}

/// What happened. `W` names workers; it is a parameter so that tests may have more of them than there are roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<W = WorkerName> {
    /// There is such a worker. It is not started.
    Register {
        /// Which.
        worker: W,
        /// Where it belongs.
        group: Group,
        /// Whether it is started again.
        policy: RestartPolicy,
    },
    /// An operator, or the server's start, wants it up. Closes the breaker.
    Start {
        /// Which.
        worker: W,
    },
    /// An operator wants it down.
    Stop {
        /// Which.
        worker: W,
    },
    /// An operator wants a fresh one. Closes the breaker.
    Restart {
        /// Which.
        worker: W,
    },
    /// Every worker that is up is to be restarted, each when the one before runs.
    RollAll,
    /// [`Action::Spawn`] was carried out.
    Spawned {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// [`Action::Spawn`] could not be carried out.
    NotSpawned {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
        /// The system's error number.
        errno: i32,
    },
    /// It works.
    Ready {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// The answer to [`Action::AskVitals`].
    Vitals {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
        /// How it is.
        vitals: Vitals,
        /// Bytes of memory that it may have; 0: not limited.
        limit: u64,
    },
    /// The question of [`Action::AskVitals`] could not be brought to it. That the answer is late needs no input.
    NoAnswer {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// For so long it may be busy, and may leave questions unanswered.
    Maintenance {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
        /// How long; cut to [`MAX_MAINTENANCE`](crate::limits::MAX_MAINTENANCE).
        for_ms: u32,
    },
    /// It said something that no worker says.
    Garbage {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// It kept everything and is about to end.
    Finished {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// It is gone: its process was waited for, its thread joined or given up.
    Ended {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
        /// How.
        ending: Ending,
    },
    /// The server ends: every worker is to stop, those of inner groups first.
    StopAll,
    /// Time has passed; wanted at [`Supervisor::next`](super::Supervisor::next).
    Tick,
}

/// What has to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<W = WorkerName> {
    /// Start it; answered by [`Input::Spawned`] or [`Input::NotSpawned`].
    Spawn {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// Ask it to keep what it can and to end.
    AskStop {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// End it now; answered by [`Input::Ended`].
    Kill {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// Ask how it is; answered by [`Input::Vitals`], or not at all.
    AskVitals {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
    },
    /// It is in another state: a health event.
    Changed {
        /// Which.
        worker: W,
        /// In which.
        state: State,
        /// Which start of it; 0 before the first.
        incarnation: u32,
        /// How it ended, when this change comes from its end.
        ending: Option<Ending>,
    },
    /// It did not end in time; a [`Action::Kill`] follows.
    Late {
        /// Which.
        worker: W,
        /// Which start of it.
        incarnation: u32,
        /// It had kept everything before.
        finished: bool,
    },
    /// What an operator wanted is not done.
    Refused {
        /// About which worker; none: about all.
        worker: Option<W>,
        /// Why.
        why: Refused,
    },
    /// [`Input::RollAll`] is at its end.
    Rolled {
        /// The worker that did not come up again; those behind it were left as they were.
        stuck: Option<W>,
    },
    /// No worker is left.
    AllStopped,
}

/// How a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<W = WorkerName> {
    /// Which.
    pub worker: W,
    /// Where it belongs.
    pub group: Group,
    /// In which state.
    pub state: State,
    /// Its last start; 0 before the first.
    pub incarnation: u32,
    /// When that was.
    pub started: Option<Mono>,
    /// How often it was started again after it had died, in all.
    pub restarts: u32,
    /// How many of them count for the breaker.
    pub attempts: u8,
    /// How it ended the last time.
    pub ending: Option<Ending>,
    /// Checks that it failed in a row.
    pub unhealthy: u8,
    /// What was measured last in this incarnation.
    pub vitals: Option<Vitals>,
    /// When it will be started again.
    pub due: Option<Mono>,
    /// The delay before that.
    pub delay: Option<Span>,
}
