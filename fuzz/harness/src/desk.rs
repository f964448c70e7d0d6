//! Targets of what other processes on this machine say to the server: lines on the command socket, and the frames of a
//! worker. Neither may panic, hang, or hold more than its limit. Source: design 5, R-245; `runtime.md` S4-17.

use crate::input::Bytes;
use ragchew_core::Wall;
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId};
use ragchew_core::report::What;
use ragchew_offload::desk::{Line, Lines, parse};
use ragchew_offload::event::{Subject, Told, Trouble, envelope, from_envelope};
use ragchew_offload::limits::{LINE_BYTES, LONGEST_MESSAGE};
use ragchew_offload::supervise::Role;
use ragchew_offload::worker::{
    Answer, Ask, Begin, Broken, CallRecord, FromWorker, PROTOCOL, Page, Reader, RecordQuery, RequestNo, SessionRecord,
    SqlSettings, ToWorker, Vitals, Writer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Bytes of a complaint at most, however long what it complains of.
const LONGEST_COMPLAINT: usize = 1_024;

/// Any bytes on a command socket, in pieces of the size that the first octet says.
pub(crate) fn command(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let piece = usize::from(bytes.byte()).max(1);
    let stream = bytes.rest();
    let whole = cut([stream]);
    assert_eq!(cut(stream.chunks(piece)), whole, "lines are the same however they come");
    for line in whole {
        let Line::Whole(line) = line else { continue };
        assert!(line.len() <= LINE_BYTES);
        match parse(&line) {
            Ok(request) => {
                let written = serde_json::to_vec(&request).expect("a request can be written");
                assert_eq!(parse(&written).as_ref(), Ok(&request), "written and read again");
            }
            Err(rejected) => {
                let complaint = &rejected.complaint;
                assert!(complaint.why.len() <= LONGEST_COMPLAINT, "{}", complaint.why);
                assert!(!complaint.code.is_empty() && !complaint.why.is_empty());
            }
        }
        event(&line);
    }
}

/// A line as an event, which programs on the other side read.
fn event(line: &[u8]) {
    let Ok(value) = serde_json::from_slice(line) else { return };
    let Ok(told) = from_envelope(&value) else { return };
    let once = envelope(&told, "0123456789abcdef", 2_341);
    let read = from_envelope(&once).expect("what is written is an event");
    assert_eq!(envelope(&read, "0123456789abcdef", 2_341), once, "written and read again");
}

fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Line> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            found.extend(lines.next(&mut piece));
        }
    }
    found
}

/// Any frames, to the hub or to a worker as the first octet says.
pub(crate) fn worker(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (to_hub, piece) = (bytes.byte() % 2 == 0, usize::from(bytes.byte()).max(1));
    let stream = bytes.take(LONGEST_MESSAGE);
    if to_hub {
        frames::<(u32, FromWorker)>(stream, piece);
    } else {
        frames::<ToWorker>(stream, piece);
    }
}

/// What is read is the same however it comes, and what is written of it is read as the same.
fn frames<T: Serialize + DeserializeOwned + PartialEq + Debug>(stream: &[u8], piece: usize) {
    let (messages, garbage) = read::<T>(stream, stream.len().max(1));
    assert_eq!((&messages, garbage), (&read::<T>(stream, piece).0, read::<T>(stream, piece).1));
    let mut writer = Writer::default();
    messages.iter().for_each(|message| writer.push(message));
    let mut written = Vec::new();
    writer.write(&mut written).expect("memory takes everything");
    assert!(written.len() <= stream.len(), "{} octets became {}", stream.len(), written.len());
    let (again, garbage) = read::<T>(&written, written.len().max(1));
    assert_eq!((again, garbage), (messages, false));
}

/// The messages of a stream, and whether something in it is none.
fn read<T: DeserializeOwned>(stream: &[u8], piece: usize) -> (Vec<T>, bool) {
    let (mut reader, mut messages) = (Reader::default(), Vec::new());
    for mut piece in stream.chunks(piece) {
        while !piece.is_empty() {
            match reader.read(&mut piece) {
                Ok(_) => {}
                Err(Broken::Closed) => break,
                Err(broken) => panic!("{broken}"),
            }
            loop {
                match reader.message() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(_) => return (messages, true),
                }
            }
        }
    }
    assert!(messages.len() <= stream.len() / 4, "a frame has four octets of length");
    (messages, false)
}

/// Events of the server as a whole; those of the packet plane come from scripts.
const HEALTH: [(&str, &str); 9] = [
    ("server_started", r#"{"version":"0.1.0"}"#),
    ("server_stopping", "{}"),
    ("queue_pressure", r#"{"queue":"reactor","class":"state"}"#),
    ("queue_recovered", r#"{"queue":"reactor","refused":[3,2,1]}"#),
    ("events_lost", r#"{"queue":{"worker":"sql"},"count":7}"#),
    ("resynced", r#"{"queue":{"worker":"sql"}}"#),
    ("worker_state", r#"{"worker":"sql","state":"running","incarnation":2,"ending":null}"#),
    ("worker_trouble", r#"{"worker":"sql","trouble":"disk_full"}"#),
    ("worker_well", r#"{"worker":"sql","trouble":"disk_full"}"#),
];

/// An event of every kind.
fn events(core: &[What]) -> Vec<Told> {
    let health = HEALTH.iter().enumerate().map(|(seq, (event, body))| {
        let line = format!(r#"{{"schema":1,"seq":{seq},"ts_ms":1700000000123,"event":"{event}","body":{body}}}"#);
        from_envelope(&serde_json::from_str(&line).expect("JSON")).expect("an event")
    });
    let core = core.iter().enumerate().map(|(n, &what)| Told {
        seq: 100 + n as u64,
        at: Wall(1_700_000_000_000_000_000),
        retold: n == 1,
        what: Subject::Core(what),
    });
    health.chain(core).collect()
}

fn to_worker(core: &[What]) -> Vec<ToWorker> {
    let sql = SqlSettings { file: Some("calls.db".into()), keep_days: 30, views: vec!["feed".to_owned()] };
    let boot_id = "0123456789abcdef".to_owned();
    let begin =
        Begin { protocol: PROTOCOL, role: Role::Sql, incarnation: 3, boot_id, server_id: 2_341, memory: 1, sql };
    let query = RecordQuery { client: Some(ClientId(1)), ..RecordQuery::default() };
    let asks = [Ask::Vitals, Ask::Counters, Ask::Calls(query.clone()), Ask::Sessions(query)];
    let asks = (0..).zip(asks).map(|(number, ask)| ToWorker::Ask(RequestNo(number), ask));
    let names = ToWorker::Names(vec![(ListenerId(1), "hotspots".to_owned())]);
    [ToWorker::Begin(begin), names, ToWorker::Told(events(core))]
        .into_iter()
        .chain(asks)
        .chain([ToWorker::Stop])
        .collect()
}

fn to_hub() -> Vec<(u32, FromWorker)> {
    let vitals = Vitals { busy: 3, memory: 1 << 20, turns: 9, longest_turn_us: 80, taken: 4, held: 1 };
    let text = || "0123456789abcdef".to_owned();
    let call = CallRecord {
        boot_id: text(),
        call: CallNo(7),
        system: text(),
        client: ClientId(2_341_001),
        callsign: text(),
        source: RadioId(2_341_001),
        talkgroup: ConferenceTg(91),
        slot: 2,
        kind: "group_voice".to_owned(),
        started_ms: 1,
        ended_ms: Some(2),
        duration_ms: 1,
        frames: 3,
        lost: 0,
        end_reason: "terminator".to_owned(),
    };
    let session = SessionRecord {
        boot_id: text(),
        session: 7,
        system: text(),
        client: ClientId(2_341_001),
        callsign: text(),
        remote: "[fe80::1%3]:62031".to_owned(),
        software: text(),
        connected_ms: 1,
        ended_ms: None,
        end_reason: String::new(),
    };
    let answers = [
        Ok(Answer::Vitals(vitals)),
        Ok(Answer::Counters(vec![("kept".to_owned(), 3)])),
        Ok(Answer::Calls(Page { rows: vec![call], next: Some(3) })),
        Ok(Answer::Sessions(Page { rows: vec![session], next: None })),
        Err("no such table".to_owned()),
    ];
    let answers = (0..).zip(answers).map(|(number, answer)| FromWorker::Answer(RequestNo(number), answer));
    let others = [
        FromWorker::Ready { protocol: PROTOCOL },
        FromWorker::Safe { seq: 9 },
        FromWorker::Trouble { trouble: Trouble::DiskFull, detail: "no room".to_owned() },
        FromWorker::Well { trouble: Trouble::DiskFull },
        FromWorker::Maintenance { for_ms: 100 },
        FromWorker::Finished,
        FromWorker::Panic("oh".to_owned()),
    ];
    others.into_iter().chain(answers).map(|said| (3, said)).collect()
}

/// What hub and workers say to each other, and events as lines, with these of the core: name and bytes of a seed. Names of
/// frames begin with `to_`.
pub(crate) fn conversations(core: &[What]) -> Vec<(&'static str, Vec<u8>)> {
    let mut lines = vec![200];
    for told in events(core) {
        lines.extend(envelope(&told, "0123456789abcdef", 2_341).to_string().bytes().chain([b'\n']));
    }
    let frames = |head: [u8; 2], write: &dyn Fn(&mut Writer)| {
        let (mut writer, mut bytes) = (Writer::default(), head.to_vec());
        write(&mut writer);
        writer.write(&mut bytes).expect("memory takes everything");
        bytes
    };
    vec![
        ("events", lines),
        ("to_worker", frames([1, 255], &|writer| to_worker(core).iter().for_each(|message| writer.push(message)))),
        ("to_hub.whole", frames([0, 255], &|writer| to_hub().iter().for_each(|message| writer.push(message)))),
        ("to_hub", frames([0, 9], &|writer| to_hub().iter().for_each(|message| writer.push(message)))),
    ]
}

/// Names of the commands and of the events among the lines of a seed of `command`.
pub fn commands_and_events(data: &[u8]) -> [BTreeSet<String>; 2] {
    let mut names = [BTreeSet::new(), BTreeSet::new()];
    for line in cut([data.get(1..).unwrap_or_default()]) {
        let Line::Whole(line) = line else { continue };
        names[0].extend(parse(&line).map(|request| request.command.name().to_owned()));
        let value =
            serde_json::from_slice::<serde_json::Value>(&line).ok().filter(|value| from_envelope(value).is_ok());
        names[1].extend(value.and_then(|value| Some(value["event"].as_str()?.to_owned())));
    }
    names
}

/// Whether a seed of `worker` holds exactly what is said in its direction, with these events of the core.
pub fn is_whole_conversation(data: &[u8], core: &[What]) -> bool {
    match data {
        [1, _, stream @ ..] => read::<ToWorker>(stream, stream.len()) == (to_worker(core), false),
        [0, _, stream @ ..] => read::<(u32, FromWorker)>(stream, stream.len()) == (to_hub(), false),
        _ => false,
    }
}
