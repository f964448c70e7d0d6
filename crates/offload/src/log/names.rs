//! What lines need beyond the event at hand: names of listeners, and what a session said of itself at login. Learns from
//! events; holds no more sessions than the server can carry. Source: design §5 (texts go by session).

use ragchew_core::id::{ListenerId, SessionNo};
use ragchew_core::limits::MAX_SESSIONS;
use ragchew_core::report::{ReportEvent, Text, What};
use std::collections::HashMap;

/// Names by number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    listeners: HashMap<ListenerId, String>,
    sessions: HashMap<SessionNo, SessionText>,
}

/// What a session said of itself; padded with NUL as it came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SessionText {
    pub(super) callsign: Text<8>,
    pub(super) software: Text<40>,
    pub(super) package: Text<40>,
}

impl Names {
    /// Puts the listeners of a configuration in the place of the former ones. Names of listeners that are gone stay known
    /// until another has their number, since their last sessions are still to be told of.
    pub fn set_listeners(&mut self, listeners: impl IntoIterator<Item = (ListenerId, String)>) {
        self.listeners.extend(listeners);
    }

    /// The name of a listener.
    pub fn listener(&self, id: ListenerId) -> String {
        self.listeners.get(&id).cloned().unwrap_or_else(|| format!("listener-{}", id.0))
    }

    /// Remembers what an event says of a session. To be called before the event is rendered.
    pub fn learn(&mut self, event: &ReportEvent) {
        match event.what {
            What::Connected { who, callsign, .. } | What::Described { who, callsign, .. } => {
                self.session_mut(who.session, |text| text.callsign = callsign);
            }
            What::Software { who, software, package } => {
                self.session_mut(who.session, |text| (text.software, text.package) = (software, package));
            }
            _ => {}
        }
    }

    /// Forgets the session that an event ends. To be called after the event was rendered.
    pub fn forget(&mut self, event: &ReportEvent) {
        if let What::Disconnected { who, .. } = event.what {
            self.sessions.remove(&who.session);
        }
    }

    pub(super) fn session(&self, session: SessionNo) -> SessionText {
        self.sessions.get(&session).copied().unwrap_or_default()
    }

    fn session_mut(&mut self, session: SessionNo, change: impl FnOnce(&mut SessionText)) {
        // Ends of sessions can be lost in a full queue; starting over costs a few callsigns in later lines.
        if self.sessions.len() >= 2 * MAX_SESSIONS && !self.sessions.contains_key(&session) {
            self.sessions.clear();
        }
        change(self.sessions.entry(session).or_default());
    }
}
