//! What operators ask of sessions: to close them, and to tell what there is once more, page by page in the order of the
//! logins. Owns where a page ends; what stands on the lines is told by routing. Source: design §5, R-240 to R-246.

use super::session::{AccessSession, LoginState};
use super::{Access, options_event};
use crate::config::Config;
use crate::control::{ControlOutcome, ControlRefusal, Cursor};
use crate::id::{ClientId, ListenerId, SessionNo, Slot};
use crate::limits::CONTROL_ROWS;
use crate::operator::Page;
use crate::refs::SessionRef;
use crate::report::{SessionEnd, What};
use crate::routing::Routing;
use crate::turn::Turn;

/// Rows that the beginning of a session takes at most: itself, what it said in three, OPTIONS, a call on each slot.
const BEGINNING: usize = 7;
/// Rows that the end of a session takes at most: the reason, a call on each slot, the end.
const END: usize = 4;

/// How far a session was told: all of it, or up to where [`Cursor::left`] says.
type Told = Result<(), Option<(Slot, u32)>>;

impl Access {
    /// The sessions of a client, one a listener, in the order of the listeners.
    pub(crate) fn sessions_of(
        &self,
        config: &Config,
        client: ClientId,
        listener: Option<ListenerId>,
    ) -> Vec<SessionRef> {
        let wanted = config.listeners.iter().map(|known| known.id).filter(|&id| listener.is_none_or(|only| only == id));
        wanted.filter_map(|id| self.sessions.find(id, client)).collect()
    }

    /// Closes sessions and tells their clients.
    pub(crate) fn kick(
        &mut self,
        turn: &mut Turn<'_>,
        routing: &mut Routing,
        sessions: &[SessionRef],
    ) -> ControlOutcome {
        let (page, mut kicked) = (Page::new(turn), 0);
        for &session in sessions {
            let Some(who) = self.sessions.get(session).map(AccessSession::tag) else { continue };
            if !page.fits(turn, END) {
                break;
            }
            turn.report(What::Kicked { who });
            self.end(turn, routing, session, SessionEnd::Kicked);
            kicked += 1;
        }
        match kicked {
            0 => ControlOutcome::Refused(ControlRefusal::NoSuchClient),
            kicked => ControlOutcome::Kicked(kicked),
        }
    }

    /// One page of everything that there is; where the next one begins.
    pub(crate) fn resync(&self, turn: &mut Turn<'_>, routing: &Routing, cursor: Cursor) -> Option<Cursor> {
        let (page, Cursor { session: mut number, mut left, epoch }) = (Page::new(turn), cursor);
        if number == SessionNo::default() {
            turn.report(What::ResyncBegan { epoch });
        }
        // Sessions in mid-login are passed over, and take their share of the page all the same.
        for _ in 0..CONTROL_ROWS {
            let Some((found, session)) = self.sessions.from(number) else {
                if page.fits(turn, 1) {
                    turn.report(What::ResyncEnded { epoch });
                    return None;
                }
                return Some(Cursor { session: number, left: None, epoch });
            };
            if found != number {
                left = None;
            }
            if let Err(left) = self.tell(turn, routing, session, left, page) {
                return Some(Cursor { session: found, left, epoch });
            }
            (number, left) = (SessionNo(found.0 + 1), None);
        }
        Some(Cursor { session: number, left, epoch })
    }

    /// One page of one session; where the next one begins.
    pub(crate) fn retell(&self, turn: &mut Turn<'_>, routing: &Routing, cursor: Cursor) -> Option<Cursor> {
        let Cursor { session: number, left, .. } = cursor;
        match self.sessions.from(number).filter(|&(found, _)| found == number) {
            None => {
                turn.retell(None, What::Gone { session: number });
                None
            }
            Some((_, session)) => {
                let left = self.tell(turn, routing, session, left, Page::new(turn)).err()?;
                Some(Cursor { left, ..cursor })
            }
        }
    }

    /// Tells a session from the place in it that `left` names, as far as the page goes.
    fn tell(
        &self,
        turn: &mut Turn<'_>,
        routing: &Routing,
        session: SessionRef,
        left: Option<(Slot, u32)>,
        page: Page,
    ) -> Told {
        let Some(record) = self.sessions.get(session).filter(|r| r.state == LoginState::Running) else { return Ok(()) };
        if left.is_none() {
            if !page.fits(turn, BEGINNING) {
                return Err(None);
            }
            let since = Some(record.since);
            turn.retell(None, What::Retold { who: record.tag() });
            for what in record.said.events(record.tag(), record.path.remote) {
                turn.retell(since, what);
            }
            if let Some(asked) = &record.asked {
                turn.retell(None, options_event(record, asked.voided));
            }
            routing.tell_calls(turn, session);
        }
        match routing.tell_subscriptions(turn, session, left, page) {
            None => Ok(()),
            left => Err(left),
        }
    }
}
