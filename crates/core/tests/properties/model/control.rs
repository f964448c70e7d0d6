//! What operators ask for: kick, unlink, last calls. Source: design §5, R-240 to R-246.

use super::Model;
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRefusal};
use ragchew_core::report::{SessionEnd, SubscriptionEnd, SubscriptionSource, What};

impl Model {
    /// An operator asks for something; the answer.
    pub(crate) fn operate(&mut self, now: u64, command: ControlCommand) -> ControlOutcome {
        self.now = now;
        if self.drain.is_some() {
            return ControlOutcome::Refused(ControlRefusal::Draining);
        }
        match command {
            ControlCommand::Kick { client, listener } => self.kick(client.0, listener.map(|listener| listener.0)),
            ControlCommand::Unlink { client, slot, rf_tg } => {
                self.unlink(client.0, slot.map(|slot| slot.index()), rf_tg.map(|rf_tg| rf_tg.0))
            }
            ControlCommand::LastCalls(on) => {
                self.last_calls = on;
                let calls = self.calls.iter().filter(|call| !call.too_long).count() as u32;
                ControlOutcome::LastCalls { calls }
            }
            ControlCommand::Resync(_) | ControlCommand::Retell(_) => panic!("the scenarios look at what is told again"),
        }
    }

    /// Sessions of a client, listener by listener.
    fn sessions_of(&self, client: u32, listener: Option<u16>) -> Vec<u64> {
        let listeners =
            self.setup.listeners.iter().map(|one| one.id).filter(|&id| listener.is_none_or(|one| one == id));
        let of = |id| self.sessions().find(|s| (s.listener, s.client) == (id, client)).map(|s| s.number);
        listeners.filter_map(of).collect()
    }

    fn kick(&mut self, client: u32, listener: Option<u16>) -> ControlOutcome {
        let sessions = self.sessions_of(client, listener);
        for &session in &sessions {
            self.events.push(What::Kicked { who: self.s(session).tag() });
            self.end(session, SessionEnd::Kicked);
        }
        match sessions.len() as u32 {
            0 => ControlOutcome::Refused(ControlRefusal::NoSuchClient),
            closed => ControlOutcome::Kicked(closed),
        }
    }

    fn unlink(&mut self, client: u32, slot: Option<usize>, rf: Option<u32>) -> ControlOutcome {
        let sessions = self.sessions_of(client, None);
        // In mid-login nobody is logged in.
        if !sessions.iter().any(|&session| self.s(session).running) {
            return ControlOutcome::Refused(ControlRefusal::NoSuchClient);
        }
        let mut dropped = 0;
        for (session, line) in sessions.into_iter().flat_map(|session| [(session, 0), (session, 1)]) {
            for leg in self.of_line(session, line) {
                let user = leg.source == SubscriptionSource::UserActivated;
                if user && slot.is_none_or(|slot| slot == line) && rf.is_none_or(|rf| rf == leg.rf) {
                    self.drop_leg(leg.number, SubscriptionEnd::Unlinked);
                    dropped += 1;
                }
            }
        }
        self.made.unlinked += u64::from(dropped);
        match dropped {
            0 => ControlOutcome::Refused(ControlRefusal::NoSuchTalkgroup),
            _ => ControlOutcome::Unlinked(dropped),
        }
    }
}
