//! Targets of what other processes on this machine say to the server: lines on the command socket, and the frames of a
//! worker. Neither may panic, hang, or hold more than its limit. Source: design 5, R-245; `runtime.md` S4-17.

use crate::input::Bytes;
use ragchew_core::Wall;
use ragchew_core::id::{ClientId, ListenerId, SessionNo};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SessionEnd, SessionTag, What};
use ragchew_offload::desk::{Line, Lines, parse};
use ragchew_offload::event::{Health, Subject, Told, envelope, from_envelope};
use ragchew_offload::limits::{LINE_BYTES, LONGEST_MESSAGE};
use ragchew_offload::supervise::Role;
use ragchew_offload::worker::{
    Answer, Ask, Begin, Broken, FromWorker, PROTOCOL, Reader, RecordQuery, RequestNo, SqlSettings, ToWorker, Vitals,
    Writer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    if to_hub {
        frames::<(u32, FromWorker)>(bytes.rest(), piece);
    } else {
        frames::<ToWorker>(bytes.rest(), piece);
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
    assert!(messages.len() <= stream.len() / 4 && stream.len() <= LONGEST_MESSAGE);
    (messages, false)
}

/// Events of several kinds.
fn events() -> Vec<Told> {
    let who = SessionTag { session: SessionNo(7), listener: ListenerId(1), client: ClientId(2_341_001) };
    let remote = "[fe80::1%3]:62031".parse().expect("an address");
    let what = [
        Subject::Core(What::LoginRefused {
            listener: ListenerId(1),
            client: ClientId(1),
            remote,
            why: Refusal::ALL[0],
        }),
        Subject::Core(What::Disconnected { who, remote, cause: SessionEnd::Kicked }),
        Subject::Health(Health::ServerStopping),
    ];
    let told = |(seq, what)| Told { seq, at: Wall(1_700_000_000_000_000_000), retold: seq == 1, what };
    (0..).zip(what).map(told).collect()
}

/// What hub and workers say to each other, and events as lines: name and bytes of a seed. Names of frames begin with `to_`.
pub(crate) fn conversations() -> Vec<(&'static str, Vec<u8>)> {
    let sql = SqlSettings { file: Some("calls.db".into()), keep_days: 30, views: vec!["feed".to_owned()] };
    let boot_id = "0123456789abcdef".to_owned();
    let begin =
        Begin { protocol: PROTOCOL, role: Role::Sql, incarnation: 3, boot_id, server_id: 2_341, memory: 1, sql };
    let to_worker = [
        ToWorker::Begin(begin),
        ToWorker::Names(vec![(ListenerId(1), "hotspots".to_owned())]),
        ToWorker::Told(events()),
        ToWorker::Ask(RequestNo(1), Ask::Vitals),
        ToWorker::Ask(RequestNo(2), Ask::Calls(RecordQuery { client: Some(ClientId(1)), ..RecordQuery::default() })),
        ToWorker::Stop,
    ];
    let vitals = Vitals { busy: 3, memory: 1 << 20, turns: 9, longest_turn_us: 80, taken: 4, held: 1 };
    let to_hub = [
        FromWorker::Ready { protocol: PROTOCOL },
        FromWorker::Safe { seq: 9 },
        FromWorker::Answer(RequestNo(1), Ok(Answer::Vitals(vitals))),
        FromWorker::Answer(RequestNo(2), Err("no such table".to_owned())),
        FromWorker::Maintenance { for_ms: 100 },
        FromWorker::Finished,
        FromWorker::Panic("oh".to_owned()),
    ];
    let mut lines = vec![200];
    for told in events() {
        lines.extend(envelope(&told, "0123456789abcdef", 2_341).to_string().bytes().chain([b'\n']));
    }
    let to_hub: Vec<_> = to_hub.into_iter().map(|said| (3u32, said)).collect();
    let frames = |head: [u8; 2], write: &dyn Fn(&mut Writer)| {
        let (mut writer, mut bytes) = (Writer::default(), head.to_vec());
        write(&mut writer);
        writer.write(&mut bytes).expect("memory takes everything");
        bytes
    };
    vec![
        ("events", lines),
        ("to_worker", frames([1, 255], &|writer| to_worker.iter().for_each(|message| writer.push(message)))),
        ("to_hub.whole", frames([0, 255], &|writer| to_hub.iter().for_each(|message| writer.push(message)))),
        ("to_hub", frames([0, 9], &|writer| to_hub.iter().for_each(|message| writer.push(message)))),
    ]
}
