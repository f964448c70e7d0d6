//! Tells everything that the picture holds, in pages of events, to somebody who comes new: between the pages the events that
//! happen meanwhile go to the same listener, and after both it has the same picture. Owns the order and the place in it.
//! Source: design §5.

use super::{Picture, Session, Subscription};
use crate::limits::TOLD_ROWS;
use ragchew_core::id::{CallNo, RfTg, SessionNo, Slot};
use ragchew_core::report::What;
use ragchew_core::time::Wall;

/// The hub's own resyncs have this bit in their number, so that none is taken for one of the core.
const OF_THE_HUB: u32 = 1 << 31;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    epoch: u32,
    next: Next,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Begin,
    /// The first session behind this one.
    Sessions(Option<SessionNo>),
    /// What this session still has behind that subscription; behind none, all of them.
    Subscriptions(SessionNo, Option<(Slot, RfTg)>),
    /// The first call behind this one.
    Calls(Option<CallNo>),
    End,
}

impl Place {
    /// The very beginning. `number` tells apart what one listener is told; it may wrap.
    pub const fn start(number: u32) -> Self {
        Self { epoch: number | OF_THE_HUB, next: Next::Begin }
    }
}

/// Some of everything that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most [`TOLD_ROWS`], with the time since when it is so; to be told as [`retold`](crate::event::Told::retold).
    pub events: Vec<(Wall, What)>,
    /// Where the next page begins; none: everything was told.
    pub next: Option<Place>,
}

impl Picture {
    /// One page from this place. The first event of all is [`What::ResyncBegan`], the last [`What::ResyncEnded`] of the
    /// same number, both at `now`.
    pub fn rows(&self, now: Wall, from: Place) -> Page {
        let mut events = Vec::with_capacity(TOLD_ROWS);
        let mut next = from.next;
        // A step tells at most five events.
        while events.len() + MOST_A_STEP <= TOLD_ROWS {
            match self.tell(now, Place { next, ..from }, &mut events) {
                Some(then) => next = then,
                None => return Page { events, next: None },
            }
        }
        Page { events, next: Some(Place { next, ..from }) }
    }

    /// One step from this place; where the next one is.
    fn tell(&self, now: Wall, at: Place, events: &mut Vec<(Wall, What)>) -> Option<Next> {
        Some(match at.next {
            Next::Begin => {
                events.push((now, What::ResyncBegan { epoch: at.epoch }));
                Next::Sessions(None)
            }
            Next::Sessions(after) => match self.sessions(after).next() {
                Some(session) => {
                    tell_session(session, events);
                    Next::Subscriptions(session.who.session, None)
                }
                None => Next::Calls(None),
            },
            Next::Subscriptions(number, after) => {
                let session = self.session(number);
                let told = session.and_then(|session| {
                    let behind = |subscription: &&Subscription| after.is_none_or(|after| subscription.key() > after);
                    Some((session, session.subscriptions().iter().find(behind)?))
                });
                match told {
                    Some((session, subscription)) => {
                        events.push(subscribed(session, subscription));
                        Next::Subscriptions(number, Some(subscription.key()))
                    }
                    None => Next::Sessions(Some(number)),
                }
            }
            Next::Calls(after) => {
                let from = CallNo(after.map_or(0, |after| after.0.saturating_add(1)));
                match self.on_air.range(from..).next() {
                    Some((&number, on_air)) => {
                        let (call, late_entry) = (on_air.call, on_air.late_entry);
                        events.push((on_air.since, What::CallStarted { call, late_entry }));
                        Next::Calls(Some(number))
                    }
                    None => Next::End,
                }
            }
            Next::End => {
                events.push((now, What::ResyncEnded { epoch: at.epoch }));
                return None;
            }
        })
    }
}

/// Events of one step, at most: those of [`tell_session`].
const MOST_A_STEP: usize = 5;

/// What a session is, without its subscriptions.
fn tell_session(session: &Session, events: &mut Vec<(Wall, What)>) {
    let Session { who, remote, callsign, rx_hz, tx_hz, colour_code, slots, .. } = *session;
    let since = session.since;
    events.push((since, What::Retold { who }));
    events.push((since, What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code, slots }));
    if session.has_software {
        events.push((since, What::Software { who, software: session.software, package: session.package }));
    }
    if session.is_described {
        let (location, description) = (session.location, session.description);
        events.push((since, What::Described { who, callsign, location, description }));
    }
    if let Some(options) = session.options {
        let super::Options { statics, single, dial, ua_timer, voided } = options;
        events.push((since, What::Options { who, statics, single, dial, ua_timer, voided }));
    }
}

fn subscribed(session: &Session, subscription: &Subscription) -> (Wall, What) {
    let Subscription { slot, rf_tg, conference, source } = *subscription;
    let what = What::Subscribed { who: session.who, slot, rf_tg, conference, source };
    (session.since, what)
}
