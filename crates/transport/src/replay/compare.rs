//! In what a core's answers and frames differ from those that were recorded. Owns what counts as the same frame; bytes
//! 11–14 never count, because they hold the receiver's own ID. Source: `wire.md` 1.7.

use super::Party;
use super::scene::{Course, Request, Scene};
use ragchew_core::id::{ClientId, StreamId};
use ragchew_core::wire::hbp::{DmrdView, dmrd};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// The fields in which two frames of one place in a stream can differ.
const FIELDS: [(&str, Range<usize>); 7] = [
    ("source", dmrd::SOURCE),
    ("destination", dmrd::DESTINATION),
    ("bits", dmrd::BITS..dmrd::BITS + 1),
    ("burst", dmrd::BURST),
    ("ber", dmrd::BER..dmrd::BER + 1),
    ("rssi", dmrd::RSSI..dmrd::RSSI + 1),
    ("length", dmrd::LENGTH..dmrd::LENGTH + 1),
];

/// One thing in which the replay differs from the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A request was answered otherwise; empty: not at all.
    Answer {
        /// Whose request.
        client: Option<ClientId>,
        /// Its opcode.
        request: &'static str,
        /// When, in milliseconds since the first datagram of the capture.
        at_ms: i64,
        /// What the recorded server answered.
        recorded: Vec<u8>,
        /// What the core answered.
        sent: Vec<u8>,
    },
    /// A control datagram that answers nothing came from one side only.
    Unasked {
        /// To whom.
        client: Option<ClientId>,
        /// When, in milliseconds since the first datagram of the capture.
        at_ms: i64,
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether the recorded server sent it; else the core did.
        recorded: bool,
    },
    /// Frames of one stream differ in one way.
    Frames {
        /// To whom.
        client: Option<ClientId>,
        /// Of which stream.
        stream: StreamId,
        /// In what.
        how: Frames,
        /// How many.
        count: u64,
        /// Sequence number of the first.
        first_seq: u8,
    },
}

/// How frames differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frames {
    /// Recorded, and not sent by the core.
    Missing,
    /// Sent by the core, and not recorded.
    Added,
    /// In this field.
    Field(&'static str),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { client, request, at_ms, recorded, sent } => {
                let (recorded, sent) = (words(recorded), words(sent));
                write!(f, "client {}: {request} at {at_ms} ms: recorded {recorded}, sent {sent}", shown(*client))
            }
            Self::Unasked { client, at_ms, bytes, recorded } => {
                let who = if *recorded { "recorded only" } else { "sent only" };
                write!(f, "client {}: unasked {} at {at_ms} ms: {who}", shown(*client), words(bytes))
            }
            Self::Frames { client, stream, how, count, first_seq } => {
                write!(f, "client {}: stream {:08x}: ", shown(*client), stream.0)?;
                match how {
                    Frames::Missing => f.write_str("recorded only")?,
                    Frames::Added => f.write_str("sent only")?,
                    Frames::Field(field) => write!(f, "other {field}")?,
                }
                write!(f, ": {count} frames from seq {first_seq}")
            }
        }
    }
}

/// An ID, or a dash.
pub(super) fn shown(client: Option<ClientId>) -> String {
    client.map_or_else(|| "-".to_owned(), |client| client.to_string())
}

/// A control datagram: its opcode, and in hex what follows; `nothing` if it is empty.
pub(super) fn words(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let opcode = ["MSTPONG", "RPTACK", "MSTNAK", "MSTCL"].into_iter().find(|o| bytes.starts_with(o.as_bytes()));
    let (name, rest) = opcode.map_or(("datagram", bytes), |o| (o, bytes.get(o.len()..).unwrap_or(&[])));
    if rest.is_empty() { name.to_owned() } else { format!("{name} {}", hex(rest)) }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares the whole replay with the recording.
pub(super) fn differences(scene: &Scene<'_>, clients: &[Party], far_end: &Party) -> Vec<Difference> {
    let mut all = Vec::new();
    for (index, party) in clients.iter().enumerate() {
        answers(scene, index, party, &mut all);
        unasked(scene, index, party, &mut all);
        let recorded = scene.lines.iter().filter(|line| line.client == index);
        let down = recorded.filter(|line| !matches!(line.course, Course::Up { .. })).map(|line| line.bytes);
        frames(down, party, &mut all);
    }
    // What the captured clients said has to reach the far end as it was said.
    let up = scene.lines.iter().filter(|line| matches!(line.course, Course::Up { .. })).map(|line| line.bytes);
    frames(up, far_end, &mut all);
    all
}

fn answers(scene: &Scene<'_>, client: usize, party: &Party, all: &mut Vec<Difference>) {
    let mut sent: BTreeMap<usize, &[u8]> = BTreeMap::new();
    for control in &party.sent {
        if let Some(line) = control.answers {
            sent.entry(line).or_insert(&control.bytes);
        }
    }
    for (index, line) in scene.lines.iter().enumerate().filter(|(_, line)| line.client == client) {
        let Course::Up { answer } = line.course else { continue };
        let Some(request) = Request::of(line.bytes) else { continue };
        let recorded = answer.and_then(|answer| scene.lines.get(answer)).map_or(&[][..], |answer| answer.bytes);
        let sent = sent.get(&index).copied().unwrap_or(&[]);
        if recorded != sent {
            all.push(Difference::Answer {
                client: party.client,
                request: request.name(),
                at_ms: line.at.since.as_millis() as i64,
                recorded: recorded.to_vec(),
                sent: sent.to_vec(),
            });
        }
    }
}

fn unasked(scene: &Scene<'_>, client: usize, party: &Party, all: &mut Vec<Difference>) {
    let lines = scene.unasked.iter().filter_map(|&line| scene.lines.get(line)).filter(|line| line.client == client);
    let mut recorded: Vec<_> = lines.map(|line| (line.at.since.as_millis() as i64, line.bytes)).collect();
    let is_control = |bytes: &[u8]| DmrdView::parse(bytes).is_err();
    for sent in party.sent.iter().filter(|sent| sent.answers.is_none() && is_control(&sent.bytes)) {
        match recorded.iter().position(|(_, bytes)| *bytes == sent.bytes) {
            Some(same) => drop(recorded.remove(same)),
            None => all.push(Difference::Unasked {
                client: party.client,
                at_ms: sent.at_ms,
                bytes: sent.bytes.clone(),
                recorded: false,
            }),
        }
    }
    all.extend(recorded.into_iter().map(|(at_ms, bytes)| Difference::Unasked {
        client: party.client,
        at_ms,
        bytes: bytes.to_vec(),
        recorded: true,
    }));
}

/// A frame's place: its stream, its sequence number, and the how manieth of that number it is.
type Place = (StreamId, u8, u64);
/// The frame in its 55 bytes, and the length that it had.
type Frame = [u8; dmrd::LENGTH + 1];

fn frames<'b>(recorded: impl Iterator<Item = &'b [u8]>, party: &Party, all: &mut Vec<Difference>) {
    let (recorded, order) = placed(recorded);
    let (sent, sent_order) = placed(party.sent.iter().map(|sent| sent.bytes.as_slice()));
    let mut found: BTreeMap<(StreamId, Frames), (u64, u8)> = BTreeMap::new();
    let mut note = |place: Place, how: Frames| found.entry((place.0, how)).or_insert((0, place.1)).0 += 1;
    for place in order {
        match (recorded.get(&place), sent.get(&place)) {
            (Some(then), Some(now)) => {
                let differs = |range: &Range<usize>| then.get(range.clone()) != now.get(range.clone());
                FIELDS
                    .iter()
                    .filter(|(_, range)| differs(range))
                    .for_each(|(field, _)| note(place, Frames::Field(field)));
            }
            _ => note(place, Frames::Missing),
        }
    }
    sent_order.into_iter().filter(|place| !recorded.contains_key(place)).for_each(|place| note(place, Frames::Added));
    all.extend(found.into_iter().map(|((stream, how), (count, first_seq))| Difference::Frames {
        client: party.client,
        stream,
        how,
        count,
        first_seq,
    }));
}

fn placed<'b>(datagrams: impl Iterator<Item = &'b [u8]>) -> (BTreeMap<Place, Frame>, Vec<Place>) {
    let (mut frames, mut order) = (BTreeMap::new(), Vec::new());
    let mut times: BTreeMap<(StreamId, u8), u64> = BTreeMap::new();
    for bytes in datagrams {
        let Ok(view) = DmrdView::parse(bytes) else { continue };
        let time = times.entry((view.stream(), view.seq())).or_insert(0);
        let mut frame = [bytes.len() as u8; dmrd::LENGTH + 1];
        frame[..dmrd::LENGTH].copy_from_slice(&view.to_frame());
        frames.insert((view.stream(), view.seq(), *time), frame);
        order.push((view.stream(), view.seq(), *time));
        *time += 1;
    }
    (frames, order)
}
