//! What goes on for as long as somebody listens: lines of the log, and events. Owns their end: Ctrl-C and a reader that went
//! away are none to speak of. Source: design §7, `runtime.md` S4-34.

use super::client::{Came, Client, patience};
use super::failure::{Ended, Failure};
use super::feed::{Fed, Feed};
use super::place::Places;
use super::show::Unshown;
use crate::view::lines::Lines;
use crate::words::{harmless, json};
use ragchew_core::report::ReportEvent;
use ragchew_core::time::{Span, Wall};
use ragchew_offload::desk::{Command, LogLine, Missed, Response};
use ragchew_offload::event::{Subject, Told};
use ragchew_offload::log::Stamp;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// From here on Ctrl-C ends the program at once, without a word and with code 0. Every line is written out before.
fn end_quietly_on_interrupt() {
    let always = Arc::new(AtomicBool::new(true));
    // Where that is refused, Ctrl-C ends it as it ends any program.
    let _ = signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGINT, 0, always);
}

/// Shows lines of the log; with `follow`, those that come.
pub(super) fn logs(
    out: &mut dyn Write,
    client: &mut Client,
    command: &Command,
    within: Option<u64>,
    as_json: bool,
) -> Result<Ended, Unshown> {
    if command.goes_on() {
        end_quietly_on_interrupt();
    }
    let number = client.send(command.clone(), within).map_err(Unshown::Answer)?;
    loop {
        let until = (!command.goes_on()).then(|| Instant::now() + patience(within));
        match client.read(until).map_err(Unshown::Answer)? {
            Came::Nothing => return Err(Unshown::Answer(client.late())),
            Came::Line(Response::Item { id, value }) if id == number => log_line(out, &value, as_json)?,
            Came::Line(Response::Ok { id, .. }) if id == number => return Ok(Ended::Done),
            Came::Line(Response::Error { id, complaint }) if id.is_none_or(|id| id == number) => {
                return Err(Unshown::Answer(Failure::complaint(&complaint)));
            }
            Came::Line(_) => {}
        }
    }
}

fn log_line(out: &mut dyn Write, value: &Value, as_json: bool) -> Result<(), Unshown> {
    if as_json {
        writeln!(out, "{}", json(value))?;
    } else if let Ok(LogLine { line }) = serde_json::from_value(value.clone()) {
        writeln!(out, "{}", harmless(&line))?;
    } else if let Ok(Missed { missed }) = serde_json::from_value(value.clone()) {
        writeln!(out, "({missed} lines were left out: they came faster than they were read)")?;
    }
    Ok(out.flush()?)
}

/// Shows every event as a line. With `stays`, a server that goes is waited for.
pub(crate) fn watch(
    out: &mut dyn Write,
    places: Places,
    within: Option<u64>,
    as_json: bool,
    stays: bool,
) -> Result<Ended, Unshown> {
    end_quietly_on_interrupt();
    let mut feed = Feed::open(places, within).map_err(Unshown::Answer)?;
    let mut lines = Lines::default();
    loop {
        let fed = feed.next(None).map_err(Unshown::Answer)?;
        match fed {
            Some(Fed::Told(_, value) | Fed::Unknown(value)) if as_json => writeln!(out, "{}", json(&value))?,
            Some(Fed::Told(told, value)) => told_line(out, &mut lines, &told, &value)?,
            Some(Fed::Unknown(value)) => event_line(out, &value)?,
            Some(Fed::Named(listener, name)) => lines.name(listener, name),
            Some(Fed::Gone(why)) if stays => {
                let _ = writeln!(io::stderr(), "ragchew: {}; looking for the server again", harmless(&why));
            }
            Some(Fed::Gone(why)) => return Err(Unshown::Answer(Failure::no_answer(why))),
            Some(Fed::Began | Fed::Lost) | None => {}
        }
        out.flush()?;
    }
}

fn told_line(out: &mut dyn Write, lines: &mut Lines, told: &Told, value: &Value) -> io::Result<()> {
    let Subject::Core(what) = told.what else { return event_line(out, value) };
    match lines.line(&ReportEvent { at: told.at, retold: told.retold, what }) {
        Some(line) => writeln!(out, "{}", harmless(&line)),
        None => Ok(()),
    }
}

/// An event of which the log has no line: its name and its fields.
fn event_line(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let at = Wall(Span::millis(value.get("ts_ms").and_then(Value::as_u64).unwrap_or(0)).0);
    let event = value.get("event").and_then(Value::as_str).unwrap_or_default();
    let body = value.get("body").filter(|body| body.as_object().is_some_and(|body| !body.is_empty()));
    let body = body.map(|body| format!(" {body}")).unwrap_or_default();
    writeln!(out, "{} INFO (REPORT) {}{}", Stamp::from(at), harmless(event), harmless(&body))
}
