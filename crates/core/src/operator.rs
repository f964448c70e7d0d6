//! What operators ask for, handed to the owners of the state, and the answer. Owns the order of work and the size of a page;
//! changes no state itself but the switch of the last calls. Source: design §1 (`control`), §5, R-240 to R-246.

use crate::control::{ControlCommand, ControlOutcome, ControlRefusal, ControlReply, ControlRequest};
use crate::effects::Effects;
use crate::limits::CONTROL_ROWS;
use crate::time::Now;
use crate::turn::Turn;
use crate::{Core, report::ReportEvent};

/// The room for what one request tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Events that there are when it is full.
    end: usize,
}

impl Page {
    /// A page that begins behind what was told already.
    pub(crate) fn new(turn: &Turn<'_>) -> Self {
        Self { end: turn.effects.events().len() + CONTROL_ROWS }
    }

    /// Whether so many rows fit.
    pub(crate) fn fits(self, turn: &Turn<'_>, rows: usize) -> bool {
        let told: &[ReportEvent] = turn.effects.events();
        told.len() + rows <= self.end
    }
}

impl Core {
    /// Works off one request and answers it.
    pub(crate) fn control(&mut self, now: Now, request: ControlRequest, effects: &mut Effects) {
        let ControlRequest { id, command } = request;
        let draining = self.drain.is_some();
        let mut turn = Turn { now, shared: &mut self.shared, effects };
        let outcome = match command {
            ControlCommand::Resync(cursor) => {
                ControlOutcome::Told(self.access.resync(&mut turn, &self.routing, cursor))
            }
            ControlCommand::Retell(cursor) => {
                ControlOutcome::Told(self.access.retell(&mut turn, &self.routing, cursor))
            }
            _ if draining => ControlOutcome::Refused(ControlRefusal::Draining),
            ControlCommand::Kick { client, listener } => {
                let sessions = self.access.sessions_of(&self.config, client, listener);
                self.access.kick(&mut turn, &mut self.routing, &sessions)
            }
            ControlCommand::Unlink { client, slot, rf_tg } => {
                let sessions = self.access.sessions_of(&self.config, client, None);
                self.routing.unlink(&mut turn, &sessions, slot, rf_tg)
            }
            ControlCommand::LastCalls(on) => {
                turn.shared.last_calls = on;
                ControlOutcome::LastCalls { calls: self.routing.calls_on_the_air() }
            }
        };
        effects.push_reply(ControlReply { id, outcome });
    }
}
