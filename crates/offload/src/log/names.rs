//! What lines need beyond the event at hand: names of listeners, and what a session said of itself at login. Learns from
//! events; holds no more sessions than the server can carry. Source: design §5 (texts go by session).

use ragchew_core::id::{ListenerId, SessionNo};
use ragchew_core::limits::MAX_SESSIONS;
use ragchew_core::report::{ReportEvent, SessionTag, Text, What};
use std::collections::HashMap;

/// Names by number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    listeners: HashMap<ListenerId, String>,
    callsigns: HashMap<SessionNo, Text<8>>,
    /// What the session that told it last runs: the line that shows it comes right behind.
    software: Option<(SessionNo, Software)>,
}

/// What a client runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Software {
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
                // Ends of sessions can be lost in a full queue; starting over costs a few callsigns in later lines.
                if self.callsigns.len() >= 2 * MAX_SESSIONS && !self.callsigns.contains_key(&who.session) {
                    self.callsigns.clear();
                }
                self.callsigns.insert(who.session, callsign);
            }
            What::Software { who, software, package } => {
                self.software = Some((who.session, Software { software, package }));
            }
            _ => {}
        }
    }

    /// Forgets the session that an event ends. To be called after the event was rendered.
    pub fn forget(&mut self, event: &ReportEvent) {
        match event.what {
            What::Disconnected { who: SessionTag { session, .. }, .. } | What::Gone { session } => {
                self.callsigns.remove(&session);
            }
            _ => {}
        }
    }

    pub(super) fn callsign(&self, session: SessionNo) -> Text<8> {
        self.callsigns.get(&session).copied().unwrap_or_default()
    }

    pub(super) fn software(&self, session: SessionNo) -> Software {
        self.software.filter(|(of, _)| *of == session).map(|(_, software)| software).unwrap_or_default()
    }
}
