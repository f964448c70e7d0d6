//! The events of a running server as they come over the command socket, and again after it was gone. Owns what a listener has
//! to heed (numbers, boots, what was missed; docs/events.md); shows nothing. Source: design §5, §7, R-222.

use super::client::{Came, Client, patience};
use super::failure::{Ended, Failure};
use super::place::Places;
use crate::limits::RECONNECT;
use ragchew_core::id::{ListenerId, SessionNo};
use ragchew_core::report::What;
use ragchew_offload::desk::{Command, Missed, Response, Sessions};
use ragchew_offload::event::{Subject, Told, Unopened, from_envelope};
use ragchew_offload::limits::MOST_ROWS;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What came.
#[derive(Debug, PartialEq)]
pub(crate) enum Fed {
    /// Another start of the server: nothing of what was known holds.
    Began,
    /// An event, and how it was written.
    Told(Box<Told>, Value),
    /// An event that this version does not know.
    Unknown(Value),
    /// Events are missing: what is known may be wrong until a resync ends.
    Lost,
    /// A listener has this name.
    Named(ListenerId, String),
    /// The server has gone, and why it seems so. It is looked for again.
    Gone(String),
}

/// The events of a server.
#[derive(Debug)]
pub(crate) struct Feed {
    places: Places,
    within: Option<u64>,
    client: Option<Client>,
    /// When to look for it again.
    again_at: Instant,
    boot: Option<String>,
    seq: Option<u64>,
    /// Numbers of the requests for names and for events.
    asked: (u64, u64),
    /// Listeners of sessions whose login has not been told yet.
    listeners: BTreeMap<SessionNo, String>,
    ready: VecDeque<Fed>,
}

impl Feed {
    /// Of the server at these places.
    ///
    /// # Errors
    /// None is there now.
    pub(crate) fn open(places: Places, within: Option<u64>) -> Result<Self, Failure> {
        let mut feed = Self {
            places,
            within,
            client: None,
            again_at: Instant::now(),
            boot: None,
            seq: None,
            asked: (0, 0),
            listeners: BTreeMap::new(),
            ready: VecDeque::new(),
        };
        feed.connect()?;
        Ok(feed)
    }

    /// Where the server is; for the head of the live view.
    #[cfg(feature = "tui")]
    pub(crate) fn place(&self) -> String {
        self.client.as_ref().map(|client| client.path().display().to_string()).unwrap_or_default()
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let mut client = self.places.connect(patience(self.within))?;
        let names = Command::Sessions { limit: Some(MOST_ROWS), after: None, client: None };
        self.asked = (client.send(names, self.within)?, client.send(Command::Watch, None)?);
        self.listeners.clear();
        self.seq = None;
        self.client = Some(client);
        Ok(())
    }

    /// What comes next until that moment; nothing by then is none.
    ///
    /// # Errors
    /// The server refuses, or is of another version.
    pub(crate) fn next(&mut self, until: Option<Instant>) -> Result<Option<Fed>, Failure> {
        loop {
            if let Some(fed) = self.ready.pop_front() {
                return Ok(Some(fed));
            }
            if self.client.is_none() && !self.reconnect(until) {
                return Ok(None);
            }
            let Some(client) = &mut self.client else { continue };
            match client.read(until) {
                Ok(Came::Nothing) => return Ok(None),
                Ok(Came::Line(response)) => self.take(response)?,
                Err(failure) => self.gone(failure.why),
            }
        }
    }

    /// Tries to reach the server until that moment.
    fn reconnect(&mut self, until: Option<Instant>) -> bool {
        loop {
            let now = Instant::now();
            let wait = self.again_at.saturating_duration_since(now);
            if let Some(left) = until.map(|until| until.saturating_duration_since(now)).filter(|left| *left < wait) {
                std::thread::sleep(left);
                return false;
            }
            std::thread::sleep(wait);
            self.again_at = Instant::now() + Duration::from_nanos(RECONNECT.0);
            if self.connect().is_ok() {
                return true;
            }
        }
    }

    fn gone(&mut self, why: String) {
        self.client = None;
        self.again_at = Instant::now() + Duration::from_nanos(RECONNECT.0);
        self.ready.push_back(Fed::Lost);
        self.ready.push_back(Fed::Gone(why));
    }

    fn take(&mut self, response: Response) -> Result<(), Failure> {
        match response {
            Response::Item { id, value } if id == self.asked.1 => self.item(value),
            Response::Ok { id, value } if id == self.asked.0 => {
                let sessions = serde_json::from_value::<Sessions>(value).unwrap_or_default();
                self.listeners = sessions.rows.into_iter().map(|row| (row.session, row.listener)).collect();
                Ok(())
            }
            // Without names, listeners have numbers.
            Response::Error { id: Some(id), .. } if id == self.asked.0 => Ok(()),
            Response::Error { complaint, .. } => Err(Failure::complaint(&complaint)),
            Response::Ok { id, .. } if id == self.asked.1 => {
                self.gone("the server ended its events".to_owned());
                Ok(())
            }
            Response::Ok { .. } | Response::Item { .. } => Ok(()),
        }
    }

    fn item(&mut self, value: Value) -> Result<(), Failure> {
        if let Ok(Missed { missed }) = serde_json::from_value(value.clone()) {
            // Only asking again tells what was missed.
            self.gone(format!("{missed} events came faster than they were read"));
            return Ok(());
        }
        let boot = value.get("boot_id").and_then(Value::as_str);
        if boot.is_some() && boot != self.boot.as_deref() {
            self.boot = boot.map(str::to_owned);
            self.ready.push_back(Fed::Began);
        }
        match from_envelope(&value) {
            Ok(told) => {
                self.count(told.seq);
                self.name(&told);
                self.ready.push_back(Fed::Told(Box::new(told), value));
            }
            Err(Unopened::UnknownEvent(_)) => {
                if let Some(seq) = value.get("seq").and_then(Value::as_u64) {
                    self.count(seq);
                }
                self.ready.push_back(Fed::Unknown(value));
            }
            Err(other @ (Unopened::OtherSchema(_) | Unopened::Broken(_))) => {
                return Err(Failure { ended: Ended::NoAnswer, why: other.to_string() });
            }
        }
        Ok(())
    }

    /// Heeds the number of an event: when some are missing, something was lost.
    fn count(&mut self, seq: u64) {
        if self.seq.is_some_and(|last| seq > last + 1) {
            self.ready.push_back(Fed::Lost);
        }
        self.seq = Some(seq);
    }

    /// The name of a listener, known from a session that came by it.
    fn name(&mut self, told: &Told) {
        let Subject::Core(What::Connected { who, .. }) = told.what else { return };
        if let Some(name) = self.listeners.remove(&who.session) {
            self.ready.push_back(Fed::Named(who.listener, name));
        }
    }
}
