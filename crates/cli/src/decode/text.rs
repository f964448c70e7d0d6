//! A told capture as lines for people and as JSON objects. Owns columns, colours and names of fields; decides nothing.
//! Fields: `docs/decode.md`.

use super::entry::{Entry, count};
use super::story::Story;
use crate::limits::{TOLD_CALLS, TOLD_MESSAGES, TOLD_PARTIES};
use crate::words;
use ragchew_core::time::Wall;
use ragchew_offload::log::Stamp;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Where the details of an entry begin.
const INDENT: usize = 13;

/// Colours, or none.
struct Paint(bool);

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `10:31:45.886` of a moment.
fn clock(at: Wall) -> String {
    stamp_part(at, 11, 23)
}

/// `2026-11-21` of a moment.
fn day(at: Wall) -> String {
    stamp_part(at, 0, 10)
}

fn stamp_part(at: Wall, from: usize, to: usize) -> String {
    Stamp::from(at).to_string().get(from..to).unwrap_or_default().to_owned()
}

/// What was left out of the capture, by name.
fn skipped(story: &Story<'_>) -> String {
    let skipped = story.capture.skipped;
    let parts = [(skipped.foreign, "no UDP"), (skipped.fragments, "fragments"), (skipped.cut, "cut short")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect()
}

/// Writes the story for people.
pub(super) fn write(out: &mut impl Write, file: &str, story: &Story<'_>, colour: bool) -> io::Result<()> {
    let paint = Paint(colour);
    let when = story
        .span
        .map_or_else(String::new, |(first, last)| format!(" from {} to {}", Stamp::from(first), Stamp::from(last)));
    writeln!(out, "{file}: {}{when}{}", count(story.datagrams, "datagram"), skipped(story))?;
    for line in story.links.lines() {
        writeln!(out, "  {line}")?;
    }
    let (width, mut today) = (story.links.width(), None);
    let ending = story.tell(&mut |entry| {
        let day = day(entry.at);
        if today.as_ref() != Some(&day) {
            writeln!(out, "\n{}", paint.wrap("2", &day))?;
            today = Some(day);
        }
        line(out, entry, width, &paint)
    })?;
    if !ending.unknown.is_empty() {
        writeln!(out, "\nnot understood:")?;
    }
    for ((why, from, to), times) in &ending.unknown.rows {
        writeln!(out, "  {why} from port {from} to port {to}: {}", count(*times, "time"))?;
    }
    if ending.unknown.others > 0 {
        writeln!(out, "  of other reasons, or from and to other ports: {}", count(ending.unknown.others, "time"))?;
    }
    if ending.left_out > 0 {
        writeln!(out, "\n{}", paint.wrap("31", &left_out(ending.left_out)))?;
    }
    if today.is_none() && ending.unknown.is_empty() {
        writeln!(out, "  nothing to show")?;
    }
    match &story.capture.broken {
        Some(broken) => writeln!(out, "\n{}", paint.wrap("31", &format!("the capture breaks at {broken}"))),
        None => Ok(()),
    }
}

/// What does not stand there, and what to do about it.
fn left_out(datagrams: u64) -> String {
    format!(
        "left out: {}; a story holds {TOLD_MESSAGES} messages, {TOLD_CALLS} calls and {TOLD_PARTIES} sessions \
         (--messages tells everything, --calls only calls, --port only those of a port)",
        count(datagrams, "datagram")
    )
}

fn line(out: &mut impl Write, entry: &Entry, width: usize, paint: &Paint) -> io::Result<()> {
    let again = match entry.times {
        1 => String::new(),
        _ if entry.event == "ping" => format!(", until {}", clock(entry.last)),
        times => format!("; {times} times until {}", clock(entry.last)),
    };
    let headline = match entry.event {
        "refused" | "server_closes" | "stun" => paint.wrap("31", &entry.headline),
        _ if entry.is_call() => paint.wrap("1", &entry.headline),
        _ => entry.headline.clone(),
    };
    let (at, sign) = (paint.wrap("2", &clock(entry.at)), entry.wire.way.sign());
    writeln!(out, "{at} {:<width$} {sign} {headline}{again}", entry.wire.who)?;
    for detail in &entry.details {
        writeln!(out, "{:INDENT$}  {detail}", "")?;
    }
    for flag in &entry.flags {
        writeln!(out, "{:INDENT$}{}", "", paint.wrap("31", &format!("! {flag}")))?;
    }
    Ok(())
}

/// Writes the story as JSON, one object a line.
pub(super) fn json_lines(out: &mut impl Write, file: &str, story: &Story<'_>) -> io::Result<()> {
    let skipped = story.capture.skipped;
    let head = json!({
        "event": "capture",
        "file": file,
        "datagrams": story.datagrams,
        "first": story.span.map(|(first, _)| Stamp::from(first).to_string()),
        "last": story.span.map(|(_, last)| Stamp::from(last).to_string()),
        "skipped": { "foreign": skipped.foreign, "fragments": skipped.fragments, "cut": skipped.cut },
        "parties": story.links.lines(),
    });
    writeln!(out, "{}", words::json(&head))?;
    let ending = story.tell(&mut |entry| writeln!(out, "{}", words::json(&object(entry))))?;
    for ((why, from, to), times) in &ending.unknown.rows {
        let line = json!({ "event": "unknown", "reason": why, "from_port": from, "to_port": to, "times": times });
        writeln!(out, "{}", words::json(&line))?;
    }
    if ending.unknown.others > 0 {
        writeln!(out, "{}", json!({ "event": "unknown", "reason": "others", "times": ending.unknown.others }))?;
    }
    let broken = story.capture.broken.as_ref().map(ToString::to_string);
    let end = json!({ "event": "end", "calls": ending.calls, "left_out": ending.left_out, "broken": broken });
    writeln!(out, "{}", words::json(&end))
}

fn object(entry: &Entry) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("event", entry.event.into());
    put("at", Stamp::from(entry.at).to_string().into());
    put("who", entry.wire.who.clone().into());
    put("from", entry.wire.from.to_string().into());
    put("to", entry.wire.to.to_string().into());
    put("way", entry.wire.way.name().into());
    put("text", entry.headline.clone().into());
    put("flags", entry.flags.clone().into());
    if entry.times > 1 {
        put("times", entry.times.into());
        put("last", Stamp::from(entry.last).to_string().into());
    }
    object.extend(entry.fields.clone());
    Value::Object(object)
}
