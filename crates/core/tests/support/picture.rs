//! What somebody knows of the server who hears nothing but its events: the simplest consumer that the contract of reports
//! allows, with mark and sweep for a resync. Decides nothing. Source: design §5.

use ragchew_core::id::{CallNo, SessionNo};
use ragchew_core::report::{ReportEvent, SubscriptionSource, What};
use std::collections::{BTreeMap, BTreeSet};

/// A session as it was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// Connected, software, description, OPTIONS: the last word of each.
    pub(crate) said: BTreeMap<&'static str, What>,
    /// Slot and number on RF, conference and source.
    pub(crate) subscriptions: BTreeMap<(u8, u32), (u32, SubscriptionSource)>,
    pub(crate) calls: BTreeSet<CallNo>,
}

/// The picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) sessions: BTreeMap<SessionNo, Known>,
    /// Sessions that were told of since the resync began.
    told: BTreeSet<SessionNo>,
    /// Resyncs that were complete.
    pub(crate) resyncs: u32,
}

impl Picture {
    fn session(&mut self, session: SessionNo) -> &mut Known {
        self.told.insert(session);
        self.sessions.entry(session).or_default()
    }

    /// Takes one event.
    pub(crate) fn apply(&mut self, event: &ReportEvent) {
        let what = event.what;
        match what {
            What::ResyncBegan { .. } => self.told.clear(),
            What::ResyncEnded { .. } => {
                self.sessions.retain(|session, _| self.told.contains(session));
                self.resyncs += 1;
            }
            What::Retold { who } => *self.session(who.session) = Known::default(),
            What::Gone { session } => drop(self.sessions.remove(&session)),
            What::Disconnected { who, .. } => drop(self.sessions.remove(&who.session)),
            What::Connected { who, .. } => drop(self.session(who.session).said.insert("connected", what)),
            What::Software { who, .. } => drop(self.session(who.session).said.insert("software", what)),
            What::Described { who, .. } => drop(self.session(who.session).said.insert("described", what)),
            What::Options { who, .. } => drop(self.session(who.session).said.insert("options", what)),
            What::Subscribed { who, slot, rf_tg, conference, source } => {
                let known = self.session(who.session);
                known.subscriptions.insert((slot.number(), rf_tg.0), (conference.0, source));
            }
            What::Unsubscribed { who, slot, rf_tg, .. } => {
                self.session(who.session).subscriptions.remove(&(slot.number(), rf_tg.0));
            }
            What::CallStarted { call, .. } => drop(self.session(call.from.session).calls.insert(call.call)),
            What::CallEnded { call, .. } => {
                if let Some(known) = self.sessions.get_mut(&call.from.session) {
                    known.calls.remove(&call.call);
                }
            }
            _ => {}
        }
    }

    /// Takes what was reported.
    pub(crate) fn apply_all<'a>(&mut self, events: impl IntoIterator<Item = &'a ReportEvent>) {
        events.into_iter().for_each(|event| self.apply(event));
    }

    /// Subscriptions of all sessions.
    pub(crate) fn subscriptions(&self) -> usize {
        self.sessions.values().map(|known| known.subscriptions.len()).sum()
    }

    /// Calls of all sessions.
    pub(crate) fn calls(&self) -> usize {
        self.sessions.values().map(|known| known.calls.len()).sum()
    }
}
