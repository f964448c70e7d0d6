//! The orderly end: open calls end, every client is told three times, then the sessions close. Goes on in steps, so that
//! thousands of clients do not make one huge turn. Source: design §5, `wire.md` 1.6.

use crate::access::Access;
use crate::access::session::LoginState;
use crate::carried::at_most;
use crate::limits::{DRAIN_COPIES, DRAIN_INTERVAL, EFFECTS_SOFT_LIMIT, MAX_CALLS, MAX_SESSIONS};
use crate::refs::{CallRef, SessionRef};
use crate::report::SessionEnd;
use crate::routing::Routing;
use crate::time::Mono;
use crate::turn::{Due, Turn};
use crate::wire::hbp::ServerMessage;
use serde::{Deserialize, Serialize};

/// What the next step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    EndCalls,
    Tell { copies_left: u8 },
    CloseSessions,
}

/// How far the orderly end is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Drain {
    #[serde(deserialize_with = "at_most::<_, _, MAX_CALLS>")]
    calls: Vec<CallRef>,
    #[serde(deserialize_with = "at_most::<_, _, MAX_SESSIONS>")]
    sessions: Vec<SessionRef>,
    stage: Stage,
    /// Index of the next call or session of this stage.
    next: usize,
    /// When the next round of copies may begin.
    round_at: Mono,
}

impl Drain {
    /// Begins it; all happens in the steps that follow at once.
    pub(crate) fn begin(turn: &mut Turn<'_>, access: &Access, routing: &Routing) -> Self {
        turn.due(turn.now.mono, Due::Drain);
        let (calls, now) = (routing.call_refs(), turn.now.mono);
        // Control goes before voice: a client is told a moment after it heard its call end.
        let round_at = if calls.is_empty() { now } else { now + DRAIN_INTERVAL };
        Self { calls, sessions: access.sessions().refs(), stage: Stage::EndCalls, next: 0, round_at }
    }

    /// Goes on until a stage is done or the effects hold enough.
    pub(crate) fn step(&mut self, turn: &mut Turn<'_>, access: &mut Access, routing: &mut Routing) {
        let count = if self.stage == Stage::EndCalls { self.calls.len() } else { self.sessions.len() };
        for _ in 0..EFFECTS_SOFT_LIMIT / 2 {
            if self.next >= count || turn.effects.past_soft_limit() {
                break;
            }
            self.one(turn, access, routing);
            self.next += 1;
        }
        if self.next < count {
            return turn.due(turn.now.mono, Due::Drain);
        }
        self.next = 0;
        match self.stage {
            Stage::EndCalls => self.begin_round(turn, DRAIN_COPIES),
            Stage::Tell { copies_left } => self.begin_round(turn, copies_left.saturating_sub(1)),
            Stage::CloseSessions => turn.effects.set_drained(),
        }
    }

    /// One call or session of this stage.
    fn one(&self, turn: &mut Turn<'_>, access: &mut Access, routing: &mut Routing) {
        let session = self.sessions.get(self.next).copied();
        match (self.stage, session) {
            (Stage::EndCalls, _) => {
                if let Some(&call) = self.calls.get(self.next) {
                    routing.end_call(turn, call);
                }
            }
            (Stage::Tell { .. }, Some(session)) => {
                let running = access.sessions().get(session).filter(|record| record.state == LoginState::Running);
                if let Some(record) = running {
                    turn.answer(record.path, ServerMessage::Close(Some(record.client)));
                }
            }
            (Stage::CloseSessions, Some(session)) => access.end(turn, routing, session, SessionEnd::Drained),
            (_, None) => {}
        }
    }

    fn begin_round(&mut self, turn: &mut Turn<'_>, copies_left: u8) {
        if copies_left == 0 {
            self.stage = Stage::CloseSessions;
            return turn.due(turn.now.mono, Due::Drain);
        }
        self.stage = Stage::Tell { copies_left };
        let at = self.round_at.max(turn.now.mono);
        self.round_at = at + DRAIN_INTERVAL;
        turn.due(at, Due::Drain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Effects;
    use crate::seed::{Secrets, Seed};
    use crate::time::Now;
    use crate::turn::Shared;
    use crate::{Config, config::Policy};

    #[test]
    fn without_copies_left_sessions_are_closed() {
        let secrets = Secrets::new(Seed::Key([0; 32]));
        let (mut access, mut routing) =
            (Access::new(&Config::default(), &secrets), Routing::new(Policy::default(), &secrets));
        let (mut shared, mut effects) = (Shared::new(secrets), Effects::default());
        let mut turn = Turn { now: Now::default(), shared: &mut shared, effects: &mut effects };
        let mut drain = Drain::begin(&mut turn, &access, &routing);
        drain.stage = Stage::Tell { copies_left: 0 };
        drain.step(&mut turn, &mut access, &mut routing);
        assert_eq!(drain.stage, Stage::CloseSessions);
        drain.step(&mut turn, &mut access, &mut routing);
        assert!(effects.drained());
    }
}
