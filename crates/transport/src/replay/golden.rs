//! The golden form of a replay: a text that people review and that stays the same from run to run. Owns its words and how
//! two of them are compared; blank lines and what follows ` #` are for people and do not count.

use super::compare::{hex, shown, words};
use super::{Login, Party, Replay, Sent};
use ragchew_core::id::StreamId;
use ragchew_core::wire::hbp::{BurstIndex, DmrdView, FrameKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

/// What stands behind a difference until somebody has looked at it and said why.
pub const REVIEW: &str = "to be reviewed: why?";

/// The first line in which a replay is not its golden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// Line of the golden, from 1; one behind its last if the replay goes on.
    pub line: usize,
    /// What the golden says there; none at its end.
    pub golden: Option<String>,
    /// What the replay gives; none at its end.
    pub replay: Option<String>,
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_end = |text: &Option<String>| text.clone().unwrap_or_else(|| "(nothing more)".to_owned());
        write!(f, "line {}:\n  golden {}\n  replay {}", self.line, or_end(&self.golden), or_end(&self.replay))
    }
}

/// Where `replay` is not `golden`; `None` if they say the same.
pub fn first_difference(golden: &str, replay: &str) -> Option<FirstDifference> {
    let (mut left, mut right) = (lines(golden), lines(replay));
    let mut last = 0;
    loop {
        let (golden, replay) = (left.next(), right.next().map(|(_, text)| text));
        let line = golden.map_or(last + 1, |(line, _)| line);
        let golden = golden.map(|(_, text)| text);
        if golden != replay {
            return Some(FirstDifference {
                line,
                golden: golden.map(str::to_owned),
                replay: replay.map(str::to_owned),
            });
        }
        golden?;
        last = line;
    }
}

/// The lines that count, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let told = |(n, line): (usize, &'_ str)| {
        let end = if line.starts_with('#') { 0 } else { line.find(" #").unwrap_or(line.len()) };
        (n + 1, line.get(..end).unwrap_or("").trim_end().len())
    };
    text.lines().enumerate().map(move |(n, line)| (told((n, line)), line)).filter_map(|((n, end), line)| {
        let line = line.get(..end)?;
        (!line.is_empty()).then_some((n, line))
    })
}

impl Replay {
    /// The golden form: logins, everything that each client was sent, what was refused, and in what it differs from the
    /// recording.
    pub fn golden(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_golden(&mut text);
        text
    }

    fn write_golden(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "server {}", self.server)?;
        let [ts1, ts2] = &self.talkgroups;
        writeln!(out, "talkgroups of the capture: slot 1 {}; slot 2 {}", list(ts1), list(ts2))?;
        match &self.broken {
            None => writeln!(out, "capture read to its end")?,
            Some(broken) => writeln!(out, "capture breaks off: {broken}")?,
        }
        for client in &self.clients {
            write_party(out, "client", client)?;
        }
        write_party(out, "far end", &self.far_end)?;
        if !self.elsewhere.is_empty() {
            writeln!(out, "\nelsewhere")?;
        }
        for (address, sent) in &self.elsewhere {
            write!(out, "  to {address}")?;
            write_sent(out, sent)?;
        }
        writeln!(out, "\ndiffers from the recording, besides bytes 11-14 of frames")?;
        if self.differences.is_empty() {
            writeln!(out, "  in nothing")?;
        }
        for difference in &self.differences {
            writeln!(out, "  {difference}  # {REVIEW}")?;
        }
        Ok(())
    }
}

fn list(talkgroups: &BTreeSet<u32>) -> String {
    let all: Vec<_> = talkgroups.iter().map(u32::to_string).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn write_party(out: &mut String, role: &str, party: &Party) -> fmt::Result {
    let state = if party.running { "logged in" } else { "not logged in" };
    writeln!(out, "\n{role} {} at {}: {state} at the end", shown(party.client), party.address)?;
    for (at_ms, step) in &party.logins {
        writeln!(out, "  {at_ms:>6} ms login {step}")?;
    }
    writeln!(out, "  said {}", streams(&party.said))?;
    writeln!(out, "  was sent {}", streams(&party.heard()))?;
    for sent in &party.sent {
        write_sent(out, sent)?;
    }
    let refused: Vec<_> = party.refused.iter().map(|(name, times)| format!("{name} {times}")).collect();
    writeln!(out, "  refused {}", if refused.is_empty() { "nothing".to_owned() } else { refused.join(", ") })
}

fn streams(frames: &BTreeMap<StreamId, u64>) -> String {
    let all: Vec<_> = frames.iter().map(|(stream, n)| format!("{n} frames of stream {:08x}", stream.0)).collect();
    if all.is_empty() { "no frames".to_owned() } else { all.join(", ") }
}

fn write_sent(out: &mut String, sent: &Sent) -> fmt::Result {
    match DmrdView::parse(&sent.bytes) {
        Ok(frame) => writeln!(
            out,
            "  {:>6} ms DMRD seq {:>3} {} to {} {} client {} slot {} {} stream {:08x} ber {} rssi {} length {} burst {}",
            sent.at_ms,
            frame.seq(),
            frame.source(),
            if frame.is_unit() { "radio" } else { "group" },
            frame.destination_raw(),
            frame.client(),
            frame.slot(),
            kind(frame.kind()),
            frame.stream().0,
            frame.ber(),
            frame.rssi(),
            sent.bytes.len(),
            hex(frame.burst()),
        ),
        Err(_) => writeln!(out, "  {:>6} ms {}", sent.at_ms, words(&sent.bytes)),
    }
}

fn kind(kind: FrameKind) -> String {
    match kind {
        FrameKind::VoiceHeader => "header".to_owned(),
        FrameKind::Terminator => "terminator".to_owned(),
        FrameKind::Voice(index) => {
            let letter = ['A', 'B', 'C', 'D', 'E', 'F'].get(BurstIndex::index(index)).copied().unwrap_or('?');
            format!("voice {letter}")
        }
        other => {
            let mut text = String::new();
            let _ = write!(text, "{other:?}");
            text.to_lowercase()
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenged => f.write_str("challenged"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Running(callsign) => write!(f, "complete as {callsign}"),
            Self::Refused(why) => write!(f, "refused: {}", why.name()),
            Self::Ended(why) => write!(f, "over: {why}"),
        }
    }
}
