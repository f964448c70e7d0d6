//! The contract of events holds: `docs/events.md` names every event with its family, class and fields, and each comes out of
//! its envelope as it went in. A new event does not compile here until it has a sample, and fails until it has its row.

#![allow(clippy::unwrap_used, clippy::panic)]

use ragchew_core::Wall;
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{
    CallEnd, CallTag, Class, Destination, SCHEMA, SessionEnd, SessionTag, SubscriptionEnd, SubscriptionSource, Text,
    What,
};
use ragchew_core::time::Span;
use ragchew_offload::event::{Health, QueueName, Subject, Told, Trouble, Unopened, envelope, from_envelope};
use ragchew_offload::supervise::{Ending, Role, State};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../docs/events.md");

/// The event that comes next, in the order of the enums; none after the last.
fn next(what: &What) -> Option<What> {
    let listener = ListenerId(3);
    let client = ClientId(2_345_001);
    let who = SessionTag { session: SessionNo(17), listener, client };
    let remote = ([192, 0, 2, 1], 62_031).into();
    let (slot, rf_tg, conference) = (Slot::Two, RfTg(9), ConferenceTg(91));
    let (stream, source) = (StreamId(0xdead_beef), RadioId(2_345_678));
    let destination = Destination::Conference(conference);
    let call = CallTag { call: CallNo(5), from: who, stream, source, slot, rf_tg, destination };
    let callsign = Text::new(b"M0TST");
    let why = Refusal::NoChallenge;
    Some(match what {
        What::LoginStarted { .. } => What::LoginRefused { listener, client, remote, why },
        What::LoginRefused { .. } => What::Authenticated { who, remote },
        What::Authenticated { .. } => {
            let (rx_hz, tx_hz) = (430_000_000, 439_000_000);
            What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code: 1, slots: b'3' }
        }
        What::Connected { .. } => What::Software { who, software: Text::new(b"MMDVM"), package: Text::new(b"HS") },
        What::Software { .. } => {
            What::Described { who, callsign, location: Text::new(b"Bath"), description: Text::new(b"hill") }
        }
        What::Described { .. } => {
            let (dial, ua_timer) = (ConferenceTg(0), Span::minutes(10));
            What::Options { who, statics: [1, 2], single: true, dial, ua_timer, voided: 3 }
        }
        What::Options { .. } => What::OptionsRefused { who, why },
        What::OptionsRefused { .. } => What::Disconnected { who, remote, cause: SessionEnd::LoggedInAgain },
        What::Disconnected { .. } => What::Moved { who, from: remote, to: remote },
        What::Moved { .. } => {
            What::Subscribed { who, slot, rf_tg, conference, source: SubscriptionSource::UserActivated }
        }
        What::Subscribed { .. } => {
            What::Unsubscribed { who, slot, rf_tg, conference, cause: SubscriptionEnd::Displaced }
        }
        What::Unsubscribed { .. } => What::CallStarted { call, late_entry: true },
        What::CallStarted { .. } => {
            let (cause, duration) = (CallEnd::Terminator, Span::millis(2_500));
            What::CallEnded { call, cause, duration, frames: 40, lost: 2, reordered: 1 }
        }
        What::CallEnded { .. } => What::CallRefused { who, stream, source, slot, destination: 91, why },
        What::CallRefused { .. } => What::Kicked { who },
        What::Kicked { .. } => What::Retold { who },
        What::Retold { .. } => What::Gone { session: SessionNo(17) },
        What::Gone { .. } => What::ResyncBegan { epoch: 7 },
        What::ResyncBegan { .. } => What::ResyncEnded { epoch: 7 },
        What::ResyncEnded { .. } => What::EchoStarted { who, slot, rf_tg, frames: 50 },
        What::EchoStarted { .. } => What::Reloaded { kept: 10, closed: 1 },
        What::Reloaded { .. } => return None,
    })
}

/// The same for what the server says of itself.
fn next_health(health: &Health) -> Option<Health> {
    let (queue, worker, trouble) = (QueueName::Worker(Role::Sql), Role::Sql, Trouble::DiskFull);
    Some(match health {
        Health::ServerStarted { .. } => Health::ServerStopping,
        Health::ServerStopping => Health::QueuePressure { queue, class: Class::State },
        Health::QueuePressure { .. } => Health::QueueRecovered { queue, refused: [3, 2, 1] },
        Health::QueueRecovered { .. } => Health::EventsLost { queue: QueueName::Reactor, count: 6 },
        Health::EventsLost { .. } => Health::Resynced { queue },
        Health::Resynced { .. } => {
            Health::WorkerState { worker, state: State::Failed, incarnation: 2, ending: Some(Ending::Signal(9)) }
        }
        Health::WorkerState { .. } => Health::WorkerTrouble { worker, trouble },
        Health::WorkerTrouble { .. } => Health::WorkerWell { worker, trouble },
        Health::WorkerWell { .. } => return None,
    })
}

/// One of each.
fn samples() -> Vec<Subject> {
    let (listener, client, remote) = (ListenerId(3), ClientId(2_345_001), ([192, 0, 2, 1], 62_031).into());
    let first = What::LoginStarted { listener, client, remote };
    let core = std::iter::successors(Some(first), next).map(Subject::Core);
    let first = Health::ServerStarted { version: "0.1.0".into() };
    let health = std::iter::successors(Some(first), next_health).map(Subject::Health);
    core.chain(health).collect()
}

fn told(what: Subject, retold: bool) -> Told {
    Told { seq: 12, at: Wall(Span::millis(1_700_000_000_123).0), retold, what }
}

/// Event → family, class and fields, as the program has them.
fn in_the_program() -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let row = |what: Subject| {
        let class = serde_json::to_value(what.class()).unwrap();
        let value = envelope(&told(what, false), "00112233445566778", 2341);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let fields = value["body"].as_object().unwrap().keys().cloned().collect();
        (text(&value["event"]), (text(&value["family"]), text(&class), fields))
    };
    samples().into_iter().map(row).collect()
}

/// The same, as the page has them.
fn on_the_page() -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let table = PAGE.split("| event | family | class | fields | meaning |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, event, family, class, fields, meaning, _] = cells[..] else { panic!("not five cells: {line}") };
        assert!(!meaning.is_empty(), "{line}");
        let fields = fields.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (event.trim_matches('`').to_owned(), (family.to_owned(), class.to_owned(), fields))
    };
    rows.map(row).collect()
}

#[test]
fn the_page_has_every_event_with_its_family_class_and_fields_and_no_other() {
    let (program, page) = (in_the_program(), on_the_page());
    assert_eq!(program.len(), samples().len(), "two events have one name");
    for (event, row) in &program {
        assert_eq!(page.get(event), Some(row), "docs/events.md: {event}");
    }
    assert_eq!(page.keys().collect::<Vec<_>>(), program.keys().collect::<Vec<_>>());
    assert!(PAGE.contains(&format!("`schema` | number | {SCHEMA}")), "the page is of another schema");
}

#[test]
fn the_page_names_the_parts_of_what_events_have_in_common() {
    let sample = |name: &str| {
        let values = samples().into_iter().map(|what| envelope(&told(what, true), "0", 1));
        values.into_iter().find(|value| value["event"] == name).unwrap()
    };
    let started = sample("call_started");
    for part in [&started, &started["body"]["call"], &started["body"]["call"]["from"]] {
        for field in part.as_object().unwrap().keys() {
            assert!(PAGE.contains(&format!("| `{field}` | ")), "docs/events.md lacks {field}");
        }
    }
}

#[test]
fn every_event_comes_out_of_its_envelope_as_it_went_in() {
    for what in samples() {
        for retold in [false, true] {
            let event = told(what.clone(), retold);
            let value = envelope(&event, "0011223344556677", 2341);
            assert_eq!(value.get("retold").is_some(), retold);
            let line = serde_json::to_string(&value).unwrap();
            assert_eq!(from_envelope(&serde_json::from_str(&line).unwrap()), Ok(event));
        }
    }
}

#[test]
fn an_envelope_has_ids_slots_and_times_as_numbers() {
    let all: BTreeMap<_, _> = samples()
        .into_iter()
        .map(|what| told(what, false))
        .map(|told| {
            let value = envelope(&told, "0011223344556677", 2341);
            (value["event"].as_str().unwrap().to_owned(), value)
        })
        .collect();
    let expected = json!({
        "schema": 1, "server_id": 2341, "boot_id": "0011223344556677", "seq": 12, "ts_ms": 1_700_000_000_123_u64,
        "family": "call", "event": "call_ended",
        "body": {
            "call": {
                "call": 5, "from": { "session": 17, "listener": 3, "client": 2_345_001 }, "stream": 0xdead_beef_u32,
                "source": 2_345_678, "slot": 2, "rf_tg": 9, "destination": { "conference": 91 },
            },
            "cause": "terminator", "duration_ms": 2_500, "frames": 40, "lost": 2, "reordered": 1,
        },
    });
    assert_eq!(all["call_ended"], expected);
    assert_eq!(all["server_stopping"]["body"], json!({}));
    assert_eq!(all["connected"]["body"]["slots"], 3);
    assert_eq!(
        all["worker_state"]["body"],
        json!({
            "worker": "sql", "state": "failed", "incarnation": 2, "ending": { "signal": 9 },
        })
    );
}

#[test]
fn what_cannot_be_opened_says_why() {
    let good = envelope(&told(samples().remove(0), false), "0", 1);
    let with = |name: &str, value: Value| {
        let mut other = good.clone();
        other[name] = value;
        from_envelope(&other).unwrap_err()
    };
    assert_eq!(with("schema", json!(SCHEMA + 1)), Unopened::OtherSchema(u64::from(SCHEMA) + 1));
    assert_eq!(with("event", json!("danced")), Unopened::UnknownEvent("danced".into()));
    for (name, value) in [("seq", json!("x")), ("body", json!(5)), ("body", json!({})), ("event", json!(1))] {
        assert!(matches!(with(name, value), Unopened::Broken(_)), "{name}");
    }
    assert!(matches!(from_envelope(&json!([1])), Err(Unopened::Broken(_))));
    let mut newer = good.clone();
    newer["body"]["since_then"] = json!(1);
    assert!(from_envelope(&newer).is_ok(), "a field that was added later is passed over");
}
