//! An event as the world sees it: one JSON object with who says it, its place in the stream, its family and its body. Owns
//! that form and its inverse; `docs/events.md` describes it and is tested against it. Sends nothing. Source.

use super::{Health, Subject, Told};
use ragchew_core::report::{SCHEMA, What};
use ragchew_core::time::{Span, Wall};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The server as a whole.
    Server,
    /// Logins and sessions of clients.
    Client,
    /// Who is on which talkgroup.
    Subscription,
    /// Voice.
    Call,
    /// Data calls.
    Data,
    /// Links to other servers.
    Mesh,
    /// Loops between servers.
    Loop,
    /// How the reporting itself fares.
    Health,
}

impl Family {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Subscription => "subscription",
            Self::Call => "call",
            Self::Data => "data",
            Self::Mesh => "mesh",
            Self::Loop => "loop",
            Self::Health => "health",
        }
    }
}

impl Subject {
    /// What it belongs to.
    pub const fn family(&self) -> Family {
        match self {
            Self::Core(what) => match what {
                What::Reloaded { .. } | What::ResyncBegan { .. } | What::ResyncEnded { .. } => Family::Server,
                What::LoginStarted { .. }
                | What::LoginRefused { .. }
                | What::Authenticated { .. }
                | What::Connected { .. }
                | What::Software { .. }
                | What::Described { .. }
                | What::Options { .. }
                | What::OptionsRefused { .. }
                | What::Disconnected { .. }
                | What::Moved { .. }
                | What::Kicked { .. }
                | What::Retold { .. }
                | What::Gone { .. } => Family::Client,
                What::Subscribed { .. } | What::Unsubscribed { .. } => Family::Subscription,
                What::CallStarted { .. }
                | What::CallEnded { .. }
                | What::CallRefused { .. }
                | What::EchoStarted { .. } => Family::Call,
            },
            Self::Health(health) => match health {
                Health::ServerStarted { .. } | Health::ServerStopping => Family::Server,
                Health::QueuePressure { .. }
                | Health::QueueRecovered { .. }
                | Health::EventsLost { .. }
                | Health::Resynced { .. }
                | Health::WorkerState { .. }
                | Health::WorkerTrouble { .. }
                | Health::WorkerWell { .. } => Family::Health,
            },
        }
    }

    /// Its name and its body.
    fn parts(&self) -> (String, Map<String, Value>) {
        let value = match self {
            Self::Core(what) => serde_json::to_value(what),
            Self::Health(health) => serde_json::to_value(health),
        };
        match value {
            Ok(Value::Object(named)) => match named.into_iter().next() {
                Some((name, Value::Object(body))) => (name, body),
                Some((name, _)) => (name, Map::new()),
                None => Default::default(),
            },
            Ok(Value::String(name)) => (name, Map::new()),
            // Events hold numbers and texts alone, so that this does not come about.
            _ => Default::default(),
        }
    }
}

/// The envelope of an event. Its time is cut to milliseconds.
pub fn envelope(told: &Told, boot_id: &str, server_id: u32) -> Value {
    let (event, body) = told.what.parts();
    let mut envelope = Map::new();
    let mut put = |name: &str, value: Value| envelope.insert(name.to_owned(), value);
    put("schema", SCHEMA.into());
    put("server_id", server_id.into());
    put("boot_id", boot_id.into());
    put("seq", told.seq.into());
    put("ts_ms", Span(told.at.0).as_millis().into());
    put("family", told.what.family().name().into());
    put("event", event.into());
    if told.retold {
        put("retold", true.into());
    }
    put("body", body.into());
    Value::Object(envelope)
}

/// Why an envelope was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It is of another version of the contract: fields may mean something else.
    OtherSchema(u64),
    /// An event that this version does not know, and that may be passed over.
    UnknownEvent(String),
    /// It is no envelope, or one with a field that cannot be.
    Broken(String),
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSchema(schema) => {
                write!(f, "events of schema {schema}, where {SCHEMA} is understood: use the same version on both sides")
            }
            Self::UnknownEvent(event) => write!(f, "an event {event:?} that this version does not know"),
            Self::Broken(why) => write!(f, "this is no event: {why}"),
        }
    }
}

/// The event in an envelope.
///
/// # Errors
/// It is of another schema, of another kind, or broken.
pub fn from_envelope(envelope: &Value) -> Result<Told, Unopened> {
    let number = |name: &str| {
        let number = envelope.get(name).and_then(Value::as_u64);
        number.ok_or_else(|| Unopened::Broken(format!("`{name}` is missing or no number")))
    };
    let schema = number("schema")?;
    if schema != u64::from(SCHEMA) {
        return Err(Unopened::OtherSchema(schema));
    }
    let (seq, at) = (number("seq")?, Wall(Span::millis(number("ts_ms")?).0));
    let retold = envelope.get("retold").and_then(Value::as_bool).unwrap_or(false);
    let event = envelope.get("event").and_then(Value::as_str);
    let event = event.ok_or_else(|| Unopened::Broken("`event` is missing".to_owned()))?;
    let body = envelope.get("body").filter(|body| body.is_object()).cloned();
    let body = body.ok_or_else(|| Unopened::Broken("`body` is missing".to_owned()))?;
    Ok(Told { seq, at, retold, what: subject(event, body)? })
}

fn subject(event: &str, body: Value) -> Result<Subject, Unopened> {
    let (core, health) = (knows::<What>(event), knows::<Health>(event));
    // A name without fields stands alone.
    let alone = body.as_object().is_some_and(Map::is_empty);
    let named = Value::Object(Map::from_iter([(event.to_owned(), if alone { Value::Null } else { body })]));
    let broken = |e: serde_json::Error| Unopened::Broken(format!("{event}: {e}"));
    match (core, health) {
        (true, _) => serde_json::from_value(named).map(Subject::Core).map_err(broken),
        (_, true) => serde_json::from_value(named).map(Subject::Health).map_err(broken),
        _ => Err(Unopened::UnknownEvent(event.chars().take(64).collect())),
    }
}

/// Whether a kind of events has one of that name: then the name is understood, whatever is said of its body.
fn knows<T: DeserializeOwned>(event: &str) -> bool {
    let named = serde_json::json!({ event: 0 });
    serde_json::from_value::<T>(named).err().is_none_or(|e| !e.to_string().starts_with("unknown variant"))
}
