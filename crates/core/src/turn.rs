//! What every room needs while one input is worked off: the moment, the effects, the heap of deadlines, the counters.

use crate::Witness;
use crate::effects::Effects;
use crate::id::CallNo;
use crate::id::SessionNo;
use crate::net::Path;
use crate::refs::{CallRef, EchoRef, SessionRef, SubscriptionRef};
use crate::refusal::{Refusal, Refusals};
use crate::report::{ReportEvent, What};
use crate::seed::Secrets;
use crate::time::{Deadlines, Mono, Now, Wall};
use crate::wire::MAX_DATAGRAM;
use crate::wire::hbp::ServerMessage;
use serde::{Deserialize, Serialize};

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Due {
    /// A session's silence, or its announced end.
    Session(SessionRef),
    /// A call's silence, or its talk limit.
    Call(CallRef),
    /// The oldest ended stream may be forgotten.
    StreamMemory,
    /// A subscription expires or comes back.
    Subscription(SubscriptionRef),
    /// The next frame of an echo.
    Echo(EchoRef),
    /// The next step of the orderly end.
    Drain,
}

/// State that belongs to no room: the heap, the counters, the numbers given out and the secrets.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) deadlines: Deadlines<Due>,
    pub(crate) refusals: Refusals,
    pub(crate) secrets: Secrets,
    /// What the secrets said about the input that is worked off.
    pub(crate) witness: Witness,
    /// What they shall have said, in a replay.
    pub(crate) testimony: Option<Witness>,
    /// New calls and logins are refused, what runs goes on.
    pub(crate) last_calls: bool,
    sessions: u64,
    calls: u64,
}

impl Shared {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self::restored(secrets, Deadlines::default(), Refusals::default(), [0; 2], false)
    }

    /// What a snapshot carried.
    pub(crate) fn restored(
        secrets: Secrets,
        deadlines: Deadlines<Due>,
        refusals: Refusals,
        [sessions, calls]: [u64; 2],
        last_calls: bool,
    ) -> Self {
        let witness = Witness::default();
        Self { deadlines, refusals, secrets, witness, testimony: None, last_calls, sessions, calls }
    }

    /// Numbers of sessions and calls given out so far.
    pub(crate) fn given(&self) -> [u64; 2] {
        [self.sessions, self.calls]
    }
}

/// One input being worked off.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) shared: &'a mut Shared,
    pub(crate) effects: &'a mut Effects,
}

impl Turn<'_> {
    pub(crate) fn report(&mut self, what: What) {
        self.effects.push_event(ReportEvent { at: self.now.wall, retold: false, what });
    }

    /// Says once more how things are; `since` when, where that is known.
    pub(crate) fn retell(&mut self, since: Option<Wall>, what: What) {
        self.effects.push_event(ReportEvent { at: since.unwrap_or(self.now.wall), retold: true, what });
    }

    pub(crate) fn refuse(&mut self, why: Refusal) {
        self.shared.refusals.count(why);
    }

    pub(crate) fn due(&mut self, at: Mono, due: Due) {
        self.shared.deadlines.set(at, due);
    }

    pub(crate) fn answer(&mut self, path: Path, message: ServerMessage<'_>) {
        let mut buffer = [0; MAX_DATAGRAM];
        self.effects.push_control(path, message.emit(&mut buffer));
    }

    pub(crate) fn next_session(&mut self) -> SessionNo {
        self.shared.sessions += 1;
        SessionNo(self.shared.sessions)
    }

    pub(crate) fn next_call(&mut self) -> CallNo {
        self.shared.calls += 1;
        CallNo(self.shared.calls)
    }
}
