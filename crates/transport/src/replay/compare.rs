//! In what a core's answers and frames differ from those that were recorded. Owns what counts as the same frame; bytes
//! 11–14 never count, because they hold the receiver's own ID. Source: `wire.md` 1.7.

use super::Party;
use super::scene::{Course, Line, Request, Scene};
use ragchew_core::id::{ClientId, StreamId};
use ragchew_core::wire::hbp::{DmrdView, dmrd};
use std::collections::{BTreeMap, HashMap};
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
    let lines = by_client(scene, 0..scene.lines.len());
    let alone = by_client(scene, scene.unasked.iter().copied());
    for ((party, lines), alone) in clients.iter().zip(lines).zip(alone) {
        answers(scene, &lines, party, &mut all);
        unasked(&alone, party, &mut all);
        let down = lines.iter().filter(|(_, line)| !matches!(line.course, Course::Up { .. }));
        frames(down.map(|(_, line)| line.bytes), party, &mut all);
    }
    // What the captured clients said has to reach the far end as it was said.
    let up = scene.lines.iter().filter(|line| matches!(line.course, Course::Up { .. })).map(|line| line.bytes);
    frames(up, far_end, &mut all);
    all
}

/// A line with its place in [`Scene::lines`].
type Placed<'s, 'c> = (usize, &'s Line<'c>);

/// Those of `places` that are of each client, so that no client costs what the others said.
fn by_client<'s, 'c>(scene: &'s Scene<'c>, places: impl Iterator<Item = usize>) -> Vec<Vec<Placed<'s, 'c>>> {
    let mut all = vec![Vec::new(); scene.clients.len()];
    for (place, line) in places.filter_map(|place| Some((place, scene.lines.get(place)?))) {
        if let Some(of_client) = all.get_mut(line.client) {
            of_client.push((place, line));
        }
    }
    all
}

fn answers(scene: &Scene<'_>, lines: &[Placed<'_, '_>], party: &Party, all: &mut Vec<Difference>) {
    let mut sent: BTreeMap<usize, &[u8]> = BTreeMap::new();
    for control in &party.sent {
        if let Some(line) = control.answers {
            sent.entry(line).or_insert(&control.bytes);
        }
    }
    for (index, line) in lines {
        let Course::Up { answer } = line.course else { continue };
        let Some(request) = Request::of(line.bytes) else { continue };
        let recorded = answer.and_then(|answer| scene.lines.get(answer)).map_or(&[][..], |answer| answer.bytes);
        let sent = sent.get(index).copied().unwrap_or(&[]);
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

fn unasked(lines: &[Placed<'_, '_>], party: &Party, all: &mut Vec<Difference>) {
    // How many of the same bytes each side has beyond the other.
    let mut sent: HashMap<&[u8], usize> = HashMap::new();
    let mut recorded: HashMap<&[u8], usize> = HashMap::new();
    let is_control = |bytes: &[u8]| DmrdView::parse(bytes).is_err();
    let unasked = || party.sent.iter().filter(|sent| sent.answers.is_none() && is_control(&sent.bytes));
    unasked().for_each(|one| *sent.entry(&one.bytes).or_default() += 1);
    lines.iter().for_each(|(_, line)| *recorded.entry(line.bytes).or_default() += 1);
    // The first of equal ones belong to each other; those that are left over are the last.
    let is_left_over = |bytes: &[u8], of: &mut HashMap<&[u8], usize>| match of.get_mut(bytes) {
        Some(partners) if *partners > 0 => {
            *partners -= 1;
            false
        }
        _ => true,
    };
    let mut note = |at_ms: i64, bytes: &[u8], recorded: bool| {
        all.push(Difference::Unasked { client: party.client, at_ms, bytes: bytes.to_vec(), recorded });
    };
    for one in unasked().filter(|one| is_left_over(&one.bytes, &mut recorded)) {
        note(one.at_ms, &one.bytes, false);
    }
    for (_, line) in lines.iter().filter(|(_, line)| is_left_over(line.bytes, &mut sent)) {
        note(line.at.since.as_millis() as i64, line.bytes, true);
    }
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
