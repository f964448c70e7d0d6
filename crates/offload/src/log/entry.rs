//! An event as a line: level, scope, marker and named fields, then written as text or as JSON. Pure. Text of clients is
//! made printable here. Source: `reporting.md` 8 (markers), `freedmr2-design.md` §12.

use super::compat;
use super::names::Names;
use super::stamp::Stamp;
use super::words::{CallFigures, refusal_marker, session_end, source_name, subscription_end};
use super::{Format, Level};
use ragchew_core::id::Slot;
use ragchew_core::report::{CallEnd, CallTag, Destination, ReportEvent, SessionTag, What};
use ragchew_core::shown::is_hidden;
use ragchew_core::time::{Span, Wall};
use std::fmt::Write;

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text; quoted when it holds more than one word.
    Text(String),
    /// A whole number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A number that is already written with its decimals.
    Decimal(String),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
macro_rules! number_value {
    ($($ty:ty),*) => {
        $(impl From<$ty> for Value {
            fn from(number: $ty) -> Self {
                Self::Number(u64::from(number))
            }
        })*
    };
}
number_value!(u8, u16, u32, u64);

/// An event in words, before it has a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// How much it matters.
    pub level: Level,
    /// Name of the listener; none for the server as a whole.
    pub listener: Option<String>,
    /// Stable name of the event, for scripts.
    pub name: &'static str,
    /// What operators grep.
    pub marker: String,
    /// Everything else, in order.
    pub fields: Vec<(&'static str, Value)>,
}

/// The line of an event, without a line break; none when the form has no line for it.
pub fn render(event: &ReportEvent, names: &Names, format: Format) -> Option<String> {
    // What is told once more was in the log at its time.
    let again = matches!(
        event.what,
        What::Retold { .. } | What::Gone { .. } | What::ResyncBegan { .. } | What::ResyncEnded { .. }
    );
    if event.retold || again {
        return None;
    }
    match format {
        Format::Compat => compat::event(event, names),
        Format::Text => Some(entry(event, names).text(event.at)),
        Format::Json => Some(entry(event, names).json(event.at)),
    }
}

/// A line of the server itself.
pub fn render_line(at: Wall, level: Level, text: &str, format: Format) -> String {
    let text: String = text.chars().flat_map(printable).collect();
    let stamp = Stamp::from(at);
    match format {
        Format::Text => format!("{stamp} {} {text}", level.name()),
        Format::Compat => format!("{} {} (GLOBAL) {text}", level.name(), stamp.python()),
        Format::Json => {
            let entry = Entry { level, listener: None, name: "line", marker: String::new(), fields: Vec::new() };
            Entry { fields: vec![("text", Value::Text(text))], ..entry }.json(at)
        }
    }
}

/// A character as it may stand in a line: controls, and what turns or hides text, are escaped.
pub(super) fn printable(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if is_hidden(c) { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

/// Text of a client: padding cut, made printable.
fn client_text(bytes: &[u8]) -> Value {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    Value::Text(text.trim_end().chars().flat_map(printable).collect())
}

impl Entry {
    /// `TIME LEVEL (LISTENER) MARKER key=value…`
    fn text(&self, at: Wall) -> String {
        let mut line = format!("{} {} ", Stamp::from(at), self.level.name());
        if let Some(listener) = &self.listener {
            let _ = write!(line, "({listener}) ");
        }
        line.push_str(&self.marker);
        for (name, value) in &self.fields {
            let _ = match value {
                Value::Text(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
                    write!(line, " {name}={text:?}")
                }
                Value::Text(text) | Value::Decimal(text) => write!(line, " {name}={text}"),
                Value::Number(number) => write!(line, " {name}={number}"),
                Value::Flag(flag) => write!(line, " {name}={flag}"),
            };
        }
        line
    }

    /// `{"time":…,"level":…,"listener":…,"event":…,…}`
    fn json(&self, at: Wall) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let level = self.level.name().to_ascii_lowercase();
        let mut line = format!("{{\"time\":\"{}\",\"level\":\"{level}\"", Stamp::from(at));
        if let Some(listener) = &self.listener {
            let _ = write!(line, ",\"listener\":{}", quoted(listener));
        }
        let _ = write!(line, ",\"event\":\"{}\"", self.name);
        for (name, value) in &self.fields {
            let _ = match value {
                Value::Text(text) => write!(line, ",\"{name}\":{}", quoted(text)),
                Value::Decimal(text) => write!(line, ",\"{name}\":{text}"),
                Value::Number(number) => write!(line, ",\"{name}\":{number}"),
                Value::Flag(flag) => write!(line, ",\"{name}\":{flag}"),
            };
        }
        line.push('}');
        line
    }
}

/// Collects the fields of one event.
struct Draft<'n> {
    names: &'n Names,
    fields: Vec<(&'static str, Value)>,
}

impl Draft<'_> {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn who(self, who: &SessionTag) -> Self {
        let callsign = self.names.callsign(who.session);
        let draft = self.with("peer", who.client.0).with("session", who.session.0);
        if callsign.as_bytes()[0] == 0 { draft } else { draft.with("callsign", client_text(callsign.as_bytes())) }
    }

    fn slot_tg(self, slot: Slot, tg: u32) -> Self {
        self.with("ts", slot.number()).with("tgid", tg)
    }

    fn call(self, call: &CallTag) -> Self {
        let draft = self
            .with("stream", call.stream.0)
            .with("sub", call.source.0)
            .with("peer", call.from.client.0)
            .slot_tg(call.slot, call.rf_tg.0)
            .with("call", call.call.0);
        match call.destination {
            Destination::Conference(conference) => draft.with("conference", conference.0),
            Destination::Echo => draft.with("conference", "echo"),
            Destination::Nowhere(why) => draft.with("conference", "none").with("reason", why.name()),
        }
    }

    fn end(self, listener: Option<String>, level: Level, name: &'static str, marker: impl Into<String>) -> Entry {
        Entry { level, listener, name, marker: marker.into(), fields: self.fields }
    }
}

/// The event in words.
fn entry(event: &ReportEvent, names: &Names) -> Entry {
    let draft = Draft { names, fields: Vec::new() };
    match &event.what {
        What::LoginStarted { .. }
        | What::LoginRefused { .. }
        | What::Authenticated { .. }
        | What::Connected { .. }
        | What::Software { .. }
        | What::Described { .. }
        | What::Disconnected { .. }
        | What::Kicked { .. }
        | What::Retold { .. }
        | What::Gone { .. }
        | What::Moved { .. } => session_entry(&event.what, draft),
        What::Options { .. } | What::OptionsRefused { .. } | What::Subscribed { .. } | What::Unsubscribed { .. } => {
            subscription_entry(&event.what, draft)
        }
        What::CallStarted { .. }
        | What::CallEnded { .. }
        | What::CallRefused { .. }
        | What::EchoStarted { .. }
        | What::ResyncBegan { .. }
        | What::ResyncEnded { .. }
        | What::Reloaded { .. } => call_entry(&event.what, draft),
    }
}

fn session_entry(what: &What, draft: Draft<'_>) -> Entry {
    let names = draft.names;
    let on = |listener| Some(names.listener(listener));
    match what {
        What::LoginStarted { listener, client, remote } => draft
            .with("peer", client.0)
            .with("remote", remote.to_string())
            .end(on(*listener), Level::Info, "login_started", "Repeater Logging in with Radio ID"),
        What::LoginRefused { listener, client, remote, why } => draft
            .with("peer", client.0)
            .with("remote", remote.to_string())
            .with("reason", why.name())
            .with("text", why.text())
            .end(on(*listener), Level::Warning, "login_refused", "Login refused"),
        What::Authenticated { who, remote } => draft.who(who).with("remote", remote.to_string()).end(
            on(who.listener),
            Level::Info,
            "authenticated",
            "has completed the login exchange successfully",
        ),
        What::Connected { who, remote, rx_hz, tx_hz, colour_code, slots, .. } => draft
            .who(who)
            .with("remote", remote.to_string())
            .with("rx_hz", *rx_hz)
            .with("tx_hz", *tx_hz)
            .with("colour_code", *colour_code)
            .with("slots", client_text(&[*slots]))
            .end(on(who.listener), Level::Info, "connected", "has sent repeater configuration"),
        What::Software { who, software, package } => draft
            .who(who)
            .with("software", client_text(software.as_bytes()))
            .with("package", client_text(package.as_bytes()))
            .end(on(who.listener), Level::Info, "software", "Repeater software"),
        What::Described { who, location, description, .. } => draft
            .who(who)
            .with("location", client_text(location.as_bytes()))
            .with("description", client_text(description.as_bytes()))
            .end(on(who.listener), Level::Info, "described", "Repeater description"),
        What::Disconnected { who, remote, cause } => {
            let (name, marker, level) = session_end(*cause);
            draft.who(who).with("remote", remote.to_string()).with("cause", name).end(
                on(who.listener),
                level,
                "disconnected",
                marker,
            )
        }
        What::Kicked { who } => {
            draft.who(who).end(on(who.listener), Level::Info, "kicked", "Repeater is disconnected by an operator")
        }
        What::Moved { who, from, to } => draft.who(who).with("from", from.to_string()).with("to", to.to_string()).end(
            on(who.listener),
            Level::Info,
            "moved",
            "Repeater moved to another address",
        ),
        _ => draft.end(None, Level::Debug, "unknown", ""),
    }
}

fn subscription_entry(what: &What, draft: Draft<'_>) -> Entry {
    let names = draft.names;
    let on = |who: &SessionTag| Some(names.listener(who.listener));
    match what {
        What::Options { who, statics, single, dial, ua_timer, voided } => draft
            .who(who)
            .with("ts1_statics", statics[0])
            .with("ts2_statics", statics[1])
            .with("single", *single)
            .with("dial", dial.0)
            .with("ua_timer_min", ua_timer.0 / Span::minutes(1).0)
            .with("voided", *voided)
            .end(on(who), Level::Info, "options", "(OPTIONS) has sent options"),
        What::OptionsRefused { who, why } => draft.who(who).with("reason", why.name()).with("text", why.text()).end(
            on(who),
            Level::Warning,
            "options_refused",
            "(OPTIONS) options refused",
        ),
        What::Subscribed { who, slot, rf_tg, conference, source } => draft
            .who(who)
            .slot_tg(*slot, rf_tg.0)
            .with("conference", conference.0)
            .with("source", source_name(*source))
            .end(on(who), Level::Info, "subscribed", "(ROUTER) Conference Bridge ACTIVE"),
        What::Unsubscribed { who, slot, rf_tg, conference, cause } => {
            let (cause, marker) = subscription_end(*cause);
            draft.who(who).slot_tg(*slot, rf_tg.0).with("conference", conference.0).with("cause", cause).end(
                on(who),
                Level::Info,
                "unsubscribed",
                marker,
            )
        }
        _ => draft.end(None, Level::Debug, "unknown", ""),
    }
}

fn call_entry(what: &What, draft: Draft<'_>) -> Entry {
    let names = draft.names;
    let on = |who: &SessionTag| Some(names.listener(who.listener));
    match what {
        What::CallStarted { call, late_entry } => draft.call(call).with("late_entry", *late_entry).end(
            on(&call.from),
            Level::Info,
            "call_start",
            "*CALL START*",
        ),
        What::CallEnded { call, cause, duration, frames, lost, reordered } => {
            let figures = CallFigures::new(*duration, *frames, *lost);
            let (cause, marker) = call_end(*cause);
            draft
                .call(call)
                .with("duration", Value::Decimal(figures.seconds))
                .with("rate", Value::Decimal(figures.rate))
                .with("loss", Value::Decimal(figures.loss))
                .with("frames", *frames)
                .with("lost", *lost)
                .with("reordered", *reordered)
                .with("cause", cause)
                .end(on(&call.from), Level::Info, "call_end", marker)
        }
        What::CallRefused { who, stream, source, slot, destination, why } => draft
            .with("stream", stream.0)
            .with("sub", source.0)
            .with("peer", who.client.0)
            .slot_tg(*slot, *destination)
            .with("reason", why.name())
            .with("text", why.text())
            .end(on(who), Level::Info, "call_refused", refusal_marker(*why)),
        What::EchoStarted { who, slot, rf_tg, frames } => draft
            .who(who)
            .slot_tg(*slot, rf_tg.0)
            .with("frames", *frames)
            .end(on(who), Level::Info, "echo_start", "*ECHO START*"),
        What::Reloaded { kept, closed } => draft.with("kept", *kept).with("closed", *closed).end(
            None,
            Level::Info,
            "reloaded",
            "The new configuration is in force",
        ),
        _ => draft.end(None, Level::Debug, "unknown", ""),
    }
}

/// Name and marker of the end of a call.
pub(super) fn call_end(cause: CallEnd) -> (&'static str, &'static str) {
    match cause {
        CallEnd::Terminator => ("terminator", "*CALL END*"),
        CallEnd::Timeout => ("timeout", "*TIME OUT*"),
        CallEnd::Replaced => ("replaced", "*CALL END*"),
        CallEnd::TooLong => ("too_long", "*CALL END*"),
        CallEnd::SessionEnded => ("session_ended", "*CALL END*"),
    }
}
