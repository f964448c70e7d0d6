//! Tells once more how things are, in pages of at most [`CONTROL_ROWS`] events: everything, or one session. Owns the order and
//! the place in it; changes nothing. Between two pages anything may happen: what is there when the last page is told, and was
//! there all the time, is told, and what is not told is gone. Source: design §5 (paged resync), R-228.

use crate::access::session::LoginState;
use crate::access::{Access, options_event};
use crate::control::Cursor;
use crate::id::{SessionNo, Slot};
use crate::limits::CONTROL_ROWS;
use crate::refs::SessionRef;
use crate::report::What;
use crate::routing::Routing;
use crate::turn::Turn;

/// Events of a session before its subscriptions: itself, its three texts, its OPTIONS, a call on each slot.
const HEAD: usize = 7;

/// One page of everything; where the next one begins.
pub(crate) fn all(turn: &mut Turn<'_>, access: &Access, routing: &Routing, mut cursor: Cursor) -> Option<Cursor> {
    let mut page = Page { left: CONTROL_ROWS };
    let epoch = cursor.epoch;
    if (cursor.session, cursor.left) == (SessionNo(0), None) {
        page.left -= 1;
        turn.report(What::ResyncBegan { epoch });
    }
    while let Some((number, session)) = access.sessions().from(cursor.session) {
        // Where that session went, its subscriptions went with it.
        let left = cursor.left.filter(|_| number == cursor.session);
        match page.session(turn, access, routing, session, left) {
            Told::Whole => cursor = Cursor { session: SessionNo(number.0.saturating_add(1)), left: None, epoch },
            Told::UpTo(left) => return Some(Cursor { session: number, left, epoch }),
        }
    }
    if page.left == 0 {
        return Some(cursor);
    }
    turn.report(What::ResyncEnded { epoch });
    None
}

/// One page of one session; where the next one begins.
pub(crate) fn one(turn: &mut Turn<'_>, access: &Access, routing: &Routing, cursor: Cursor) -> Option<Cursor> {
    let found = access.sessions().from(cursor.session).filter(|&(number, _)| number == cursor.session);
    let running = found.filter(|&(_, session)| is_running(access, session));
    let Some((_, session)) = running else {
        let at = turn.now.wall;
        turn.report_again(at, What::Gone { session: cursor.session });
        return None;
    };
    let mut page = Page { left: CONTROL_ROWS };
    match page.session(turn, access, routing, session, cursor.left) {
        Told::Whole => None,
        Told::UpTo(left) => Some(Cursor { left, ..cursor }),
    }
}

fn is_running(access: &Access, session: SessionRef) -> bool {
    access.sessions().get(session).is_some_and(|record| record.state == LoginState::Running)
}

/// How far a session was told.
enum Told {
    Whole,
    /// Up to there; what is left, as in [`Cursor::left`].
    UpTo(Option<(Slot, u32)>),
}

/// Room for so many events.
struct Page {
    left: usize,
}

impl Page {
    fn session(
        &mut self,
        turn: &mut Turn<'_>,
        access: &Access,
        routing: &Routing,
        session: SessionRef,
        left: Option<(Slot, u32)>,
    ) -> Told {
        if !is_running(access, session) {
            return Told::Whole;
        }
        let (slot, many) = match left {
            Some(left) => left,
            None if self.left < HEAD => return Told::UpTo(None),
            None => {
                self.head(turn, access, routing, session);
                (Slot::Two, u32::MAX)
            }
        };
        let mut left = (slot, many);
        loop {
            let (slot, many) = left;
            let many = self.subscriptions(turn, routing, session, slot, many);
            match (slot, many) {
                (Slot::Two, 0) => left = (Slot::One, u32::MAX),
                (Slot::One, 0) => return Told::Whole,
                _ => return Told::UpTo(Some((slot, many))),
            }
        }
    }

    fn head(&mut self, turn: &mut Turn<'_>, access: &Access, routing: &Routing, session: SessionRef) {
        let Some(record) = access.sessions().get(session) else { return };
        let Some(about) = &record.about else { return };
        let who = record.tag();
        let mut tell = |at, what| {
            self.left = self.left.saturating_sub(1);
            turn.report_again(at, what);
        };
        tell(about.since, What::Retold { who });
        for what in about.told(who, record.path.remote) {
            tell(about.since, what);
        }
        if let Some(voided) = about.voided {
            tell(about.since, options_event(record, voided));
        }
        for (at, what) in routing.calls_of(session) {
            tell(at, what);
        }
    }

    /// Tells what is left of a line's subscriptions, the last first; how many are still left.
    fn subscriptions(
        &mut self,
        turn: &mut Turn<'_>,
        routing: &Routing,
        session: SessionRef,
        slot: Slot,
        left: u32,
    ) -> u32 {
        let mut left = left.min(routing.subscriptions_of(session, slot));
        while left > 0 && self.left > 0 {
            left -= 1;
            if let Some(what) = routing.subscription_of(session, slot, left) {
                self.left -= 1;
                let at = turn.now.wall;
                turn.report_again(at, what);
            }
        }
        left
    }
}
