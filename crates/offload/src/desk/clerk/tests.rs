//! What the clerk answers, refuses and sends on.

use super::*;
use crate::desk::{Calls, Sessions, Talkgroups};
use crate::limits::{PAGE_MEMBERS, ROW_MEMBERS};
use ragchew_core::id::{CallNo, RadioId, StreamId};
use ragchew_core::report::{CallTag, Destination, SessionTag, SubscriptionSource, Text, What};
use ragchew_core::time::Wall;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const PEER: Peer = Peer { uid: 1_000, pid: 77 };

struct Known {
    listeners: Vec<(ListenerId, String)>,
    workers: Vec<WorkerName>,
}

impl Facts for Known {
    fn status(&self) -> Status {
        Status { name: "Ragchew".into(), pid: 5, calls: 999, ..Status::default() }
    }
    fn listeners(&self) -> &[(ListenerId, String)] {
        &self.listeners
    }
    fn workers(&self) -> &[WorkerName] {
        &self.workers
    }
}

fn known() -> Known {
    let listeners = vec![(ListenerId(0), "hotspots".to_owned()), (ListenerId(4), "club".to_owned())];
    Known { listeners, workers: vec![Role::Sql] }
}

fn tag(session: u64) -> SessionTag {
    SessionTag { session: SessionNo(session), listener: ListenerId(4), client: ClientId(2_340_000 + session as u32) }
}

/// So many sessions on TG 91, each on a talkgroup of its own besides, and one call.
fn picture(sessions: u64) -> Picture {
    let mut picture = Picture::default();
    for session in 1..=sessions {
        let (who, remote) = (tag(session), ([192, 0, 2, 1], 62_031).into());
        let callsign = Text::new(b"M0TST");
        let mut told = vec![What::Connected { who, remote, callsign, rx_hz: 1, tx_hz: 2, colour_code: 1, slots: b'3' }];
        for tg in [91, 1_000 + session as u32] {
            let (rf_tg, conference, source) = (RfTg(9), ConferenceTg(tg), SubscriptionSource::Static);
            let slot = if tg == 91 { Slot::One } else { Slot::Two };
            told.push(What::Subscribed { who, slot, rf_tg, conference, source });
        }
        told.iter().for_each(|what| picture.apply(Wall(1_500_000_000), what));
    }
    let (stream, source, destination) = (StreamId(7), RadioId(5), Destination::Conference(ConferenceTg(91)));
    let (call, from, slot, rf_tg) = (CallNo(12), tag(1), Slot::One, RfTg(9));
    let call = CallTag { call, from, stream, source, slot, rf_tg, destination };
    picture.apply(Wall(2_500_000_000), &What::CallStarted { call, late_entry: false });
    picture
}

fn ask(picture: &Picture, request: Value) -> Served {
    let request: Request = serde_json::from_value(request).unwrap();
    serve(PEER, &request, picture, &known())
}

fn answered<T: DeserializeOwned>(picture: &Picture, request: Value) -> T {
    match ask(picture, request) {
        Served::Answered { response: Response::Ok { id: 1, value }, audit: None } => {
            serde_json::from_value(value).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn errand(request: Value) -> Errand {
    match ask(&Picture::default(), request) {
        Served::Sent { errand, .. } => errand,
        other => panic!("{other:?}"),
    }
}

/// Code, sentence and the line of the audit of a refusal.
fn refused(request: Value) -> (String, String, Option<String>) {
    match ask(&Picture::default(), request) {
        Served::Answered { response: Response::Error { id: Some(1), complaint }, audit } => {
            (complaint.code, complaint.why, audit.map(|audit| audit.to_string()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_status_has_the_numbers_of_the_hub_and_of_its_picture() {
    let status: Status = answered(&picture(3), json!({ "id": 1, "command": "status" }));
    assert_eq!((status.name.as_str(), status.pid), ("Ragchew", 5));
    assert_eq!((status.sessions, status.talkgroups, status.calls_on_air, status.calls), (3, 4, 1, 12));
    assert!(status.complete);
}

#[test]
fn sessions_come_in_pages_and_each_once() {
    let picture = picture(150);
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page: Sessions = answered(&picture, json!({ "id": 1, "command": "sessions", "after": after }));
        seen.extend(page.rows.iter().map(|row| row.session.0));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((pages, seen), (3, (1..=150).collect()));
    let one: Sessions = answered(&picture, json!({ "id": 1, "command": "sessions", "client": 2_340_007 }));
    assert_eq!((one.rows.len(), one.next), (1, None));
    let row = &one.rows[0];
    assert_eq!((row.listener.as_str(), row.callsign.as_str(), row.slots, row.since_ms), ("club", "M0TST", 3, 1_500));
    assert_eq!((row.subscriptions.len(), row.subscriptions[1].talkgroup), (2, ConferenceTg(1_007)));
    let exact: Sessions = answered(&picture, json!({ "id": 1, "command": "sessions", "after": 86, "limit": 64 }));
    assert_eq!((exact.rows.len(), exact.next), (64, None), "no page that would be empty");
}

#[test]
fn a_talkgroup_with_many_members_shows_some_and_says_how_many() {
    let picture = picture(3_000);
    let page: Talkgroups = answered(&picture, json!({ "id": 1, "command": "talkgroups", "limit": 2 }));
    let first = &page.rows[0];
    assert_eq!((first.talkgroup, first.members.len(), first.members_in_all), (ConferenceTg(91), ROW_MEMBERS, 3_000));
    assert_eq!((first.calls_on_air, first.members[0].slot, first.members[0].rf_tg), (1, 1, RfTg(9)));
    assert_eq!(page.next, Some(1_001));
    let rest: Talkgroups = answered(&picture, json!({ "id": 1, "command": "talkgroups", "after": page.next }));
    assert_eq!((rest.rows.len(), rest.rows[0].talkgroup), (64, ConferenceTg(1_002)));
    assert!(rest.rows.iter().map(|row| row.members.len()).sum::<usize>() <= PAGE_MEMBERS + ROW_MEMBERS);
}

#[test]
fn calls_are_told_with_where_they_go() {
    let calls: Calls = answered(&picture(1), json!({ "id": 1, "command": "calls" }));
    let call = &calls.on_air[0];
    assert_eq!((call.call, call.callsign.as_str(), call.started_ms, call.ended), (CallNo(12), "M0TST", 2_500, None));
    assert_eq!((call.destination, calls.on_air_in_all), (Destination::Conference(ConferenceTg(91)), 1));
}

#[test]
fn the_fullest_page_fits_what_a_connection_holds() {
    let mut picture = Picture::default();
    for session in 1..=u64::from(MOST_ROWS) {
        let (who, remote) = (tag(session), "[2001:db8:1111:2222:3333:4444:5555:6666]:62031".parse().unwrap());
        // Latin-1 is the longest form of a text in JSON, but for controls, which are left out.
        let (callsign, full) = (Text::new(&[0xe4; 8]), [0xe4; 40]);
        picture.apply(
            Wall(1),
            &What::Connected { who, remote, callsign, rx_hz: u32::MAX, tx_hz: u32::MAX, colour_code: 15, slots: b'3' },
        );
        picture.apply(Wall(1), &What::Software { who, software: Text::new(&full), package: Text::new(&full) });
        picture.apply(
            Wall(1),
            &What::Described { who, callsign, location: Text::new(&full), description: Text::new(&full) },
        );
        for tg in 0..96 {
            let (rf_tg, conference, source) =
                (RfTg(16_000_000 + tg), ConferenceTg(16_000_000 + tg), SubscriptionSource::UserActivated);
            picture.apply(Wall(1), &What::Subscribed { who, slot: Slot::Two, rf_tg, conference, source });
        }
    }
    for command in ["sessions", "talkgroups"] {
        let Served::Answered { response, .. } =
            ask(&picture, json!({ "id": 1, "command": command, "limit": MOST_ROWS }))
        else {
            panic!("no answer")
        };
        let bytes = serde_json::to_vec(&response).unwrap().len();
        assert!(bytes < crate::limits::CONNECTION_WAITING, "{command}: {bytes}");
        assert!(bytes > 100_000, "{command} is not that full: {bytes}");
    }
}

#[test]
fn what_others_have_to_answer_is_sent_on() {
    let records = errand(json!({ "id": 1, "command": "records", "client": 5 }));
    let query = RecordQuery { client: Some(ClientId(5)), limit: USUAL_RECORDS, ..RecordQuery::default() };
    assert_eq!(records, Errand::AskWorker { worker: Role::Sql, ask: Ask::Calls(query) });
    assert_eq!(errand(json!({ "id": 1, "command": "watch" })), Errand::Watch);
    let logs = errand(json!({ "id": 1, "command": "logs", "follow": true }));
    assert_eq!(logs, Errand::Logs { lines: USUAL_LOG_LINES, follow: true });
    let kick = errand(json!({ "id": 1, "command": "kick", "client": 5, "listener": "club" }));
    assert_eq!(kick, Errand::Control(ControlCommand::Kick { client: ClientId(5), listener: Some(ListenerId(4)) }));
    let unlink = errand(json!({ "id": 1, "command": "unlink", "client": 5, "slot": 2, "talkgroup": 91 }));
    let expected = ControlCommand::Unlink { client: ClientId(5), slot: Some(Slot::Two), rf_tg: Some(RfTg(91)) };
    assert_eq!(unlink, Errand::Control(expected));
    let drain = errand(json!({ "id": 1, "command": "drain", "wait_s": 30 }));
    assert_eq!(drain, Errand::Drain { wait: Some(Span::secs(30)) });
    let restart = errand(json!({ "id": 1, "command": "worker", "worker": "all", "action": "restart" }));
    assert_eq!(restart, Errand::Worker { worker: None, action: WorkerAction::Restart });
}

#[test]
fn a_change_is_written_down_once_whether_it_was_sent_on_or_refused() {
    let kick = json!({ "id": 1, "command": "kick", "client": 5 });
    let Served::Sent { change: Some(change), within, .. } = ask(&Picture::default(), kick) else { panic!("not sent") };
    assert_eq!(within, ANSWER_WITHIN);
    let audit = change.settle(Ok(&outcome(ControlOutcome::Kicked(1)).unwrap().what));
    assert_eq!(audit.to_string(), "*CONTROL* kick client 5: 1 session closed (asked by user 1000, process 77)");
    let (code, _, audit) = refused(json!({ "id": 1, "command": "kick", "client": 5, "listener": "clup" }));
    assert_eq!(code, "no_such_listener");
    assert!(audit.unwrap().contains("kick client 5 listener clup: refused, no_such_listener"));
    assert_eq!(refused(json!({ "id": 1, "command": "sessions", "limit": 0 })).2, None, "a question is no change");
}

#[test]
fn parameters_that_cannot_be_are_refused_with_what_may_be() {
    let bad = |request: Value, says: &str| {
        let (code, why, _) = refused(request);
        assert_eq!(code, "bad_parameter");
        assert!(why.contains(says), "{why}");
    };
    bad(json!({ "id": 1, "command": "unlink", "client": 5, "slot": 3 }), "1 or 2");
    bad(json!({ "id": 1, "command": "unlink", "client": 5, "slot": 0 }), "1 or 2");
    bad(json!({ "id": 1, "command": "unlink", "client": 5, "talkgroup": 16_777_216 }), "1 to 16777215");
    bad(json!({ "id": 1, "command": "unlink", "client": 0 }), "`client`");
    bad(json!({ "id": 1, "command": "talkgroups", "limit": 129 }), "1 to 128");
    bad(json!({ "id": 1, "command": "records", "limit": 5_000 }), "1 to 1000");
    bad(json!({ "id": 1, "command": "status", "within_ms": 0 }), "1 to 60000");
    bad(json!({ "id": 1, "command": "logs", "lines": 5_000 }), "0 to 1000");
    bad(json!({ "id": 1, "command": "drain", "wait_s": 90_000 }), "0 to 86400");
    bad(json!({ "id": 1, "command": "worker", "worker": "all", "action": "stop" }), "name the worker");
}

#[test]
fn names_that_are_not_known_are_answered_with_those_that_are() {
    let (code, why, _) = refused(json!({ "id": 1, "command": "kick", "client": 5, "listener": "clup" }));
    assert_eq!(
        (code.as_str(), why.as_str()),
        ("no_such_listener", "there is no listener \"clup\"; there are hotspots, club")
    );
    let (code, why, _) = refused(json!({ "id": 1, "command": "worker", "worker": "sqll", "action": "stop" }));
    assert_eq!((code.as_str(), why.as_str()), ("no_such_worker", "there is no worker \"sqll\"; there are sql"));
    let none = Known { workers: Vec::new(), ..known() };
    let request: Request = serde_json::from_value(json!({ "id": 1, "command": "records" })).unwrap();
    let served = serve(PEER, &request, &Picture::default(), &none);
    assert!(
        matches!(served, Served::Answered { response: Response::Error { complaint, .. }, .. } if complaint.why.contains("reporting.sql"))
    );
}

#[test]
fn the_core_s_refusals_have_codes_and_sentences() {
    let refused = |why| outcome(ControlOutcome::Refused(why)).unwrap_err();
    assert_eq!(refused(ControlRefusal::NoSuchClient).code, "no_such_client");
    assert_eq!(refused(ControlRefusal::Draining).why, ControlRefusal::Draining.text());
    assert_eq!(outcome(ControlOutcome::Unlinked(2)).unwrap().what, "2 talkgroups dropped");
}
