//! The orderly end: open calls end, every client is told three times, then the sessions close. Goes on in steps, so that
//! thousands of clients do not make one huge turn. Source: design §5, `wire.md` 1.6.

use crate::access::Access;
use crate::access::session::LoginState;
use crate::limits::{DRAIN_COPIES, DRAIN_INTERVAL, EFFECTS_SOFT_LIMIT};
use crate::refs::SessionRef;
use crate::report::SessionEnd;
use crate::routing::Routing;
use crate::time::Mono;
use crate::turn::{Due, Turn};
use crate::wire::hbp::ServerMessage;
use serde::{Deserialize, Serialize};

/// Clients told in one step.
const PER_STEP: usize = EFFECTS_SOFT_LIMIT / 2;

/// How far the orderly end is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Drain {
    sessions: Vec<SessionRef>,
    next: usize,
    copies_left: u8,
    /// When the next round of copies may begin.
    round_at: Mono,
}

impl Drain {
    /// Ends the calls; the clients are told in the steps that follow at once.
    pub(crate) fn begin(turn: &mut Turn<'_>, access: &Access, routing: &mut Routing) -> Self {
        routing.end_all_calls(turn);
        turn.due(turn.now.mono, Due::Drain);
        Self {
            sessions: access.sessions().refs(),
            next: 0,
            copies_left: DRAIN_COPIES,
            round_at: turn.now.mono + DRAIN_INTERVAL,
        }
    }

    /// Tells some more clients, or closes some more sessions.
    pub(crate) fn step(&mut self, turn: &mut Turn<'_>, access: &mut Access, routing: &mut Routing) {
        let batch: Vec<SessionRef> = self.sessions.iter().skip(self.next).take(PER_STEP).copied().collect();
        self.next += batch.len();
        for session in batch {
            if self.copies_left == 0 {
                access.end(turn, routing, session, SessionEnd::Drained);
            } else if let Some(record) = access.sessions().get(session).filter(|r| r.state == LoginState::Running) {
                turn.answer(record.path, ServerMessage::Close(Some(record.client)));
            }
        }
        if self.next < self.sessions.len() {
            return turn.due(turn.now.mono, Due::Drain);
        }
        if self.copies_left == 0 {
            return turn.effects.set_drained();
        }
        self.next = 0;
        self.copies_left -= 1;
        let at = self.round_at.max(turn.now.mono);
        self.round_at = at + DRAIN_INTERVAL;
        turn.due(if self.copies_left == 0 { turn.now.mono } else { at }, Due::Drain);
    }
}
