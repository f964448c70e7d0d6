//! Every answer as people see it.

use crate::ctl::show;
use crate::ctl::table::{Look, Table};
use ragchew_offload::desk::Command;
use ragchew_offload::worker::RecordQuery;
use serde_json::{Value, json};

/// A minute after the last thing that happened.
const LOOK: Look = Look { width: None, colour: false, now_ms: 1_700_000_060_000 };

fn shown(command: &Command, value: Value) -> String {
    let mut out = Vec::new();
    show::answer(&mut out, command, value, &LOOK).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn golden(command: &Command, value: Value, wanted: &str) {
    let shown = shown(command, value);
    assert_eq!(shown.trim_end(), wanted.trim(), "\n{shown}");
}

/// A row of `sessions` with this number.
pub(super) fn session(number: u64) -> Value {
    json!({
        "session": number, "listener": "hotspots", "client": 2_345_000 + number, "callsign": "Q1ANA",
        "remote": "192.0.2.1:62031", "rx_hz": 434_000_000, "tx_hz": 434_000_000, "colour_code": 1, "slots": 3,
        "software": "MMDVM_MMDVM_HS", "package": "", "location": "", "description": "", "options": null,
        "since_ms": 1_699_726_460_000_u64, "subscriptions_in_all": 5, "subscriptions": [
            { "slot": 1, "rf_tg": 91, "talkgroup": 91, "source": "static" },
            { "slot": 2, "rf_tg": 8, "talkgroup": 2350, "source": "map" },
            { "slot": 2, "rf_tg": 235, "talkgroup": 235, "source": "user_activated" },
        ],
    })
}

fn call(number: u64, destination: Value, ended: Value) -> Value {
    json!({
        "call": number, "session": 1, "listener": "hotspots", "client": 2_345_001, "callsign": "Q1ANA", "source": 2_345_678,
        "slot": 2, "rf_tg": 91, "destination": destination, "stream": 7, "late_entry": number == 1,
        "started_ms": 1_700_000_051_600_u64, "ended": ended,
    })
}

fn queue() -> Value {
    json!({ "depth": 3, "high_water": 812, "capacity": 16384, "refused": { "sample": 0, "state": 0, "edge": 0 } })
}

fn status(change: impl Fn(&mut Value)) -> Value {
    let mut value = json!({
        "name": "Ragchew", "version": "0.1.0", "boot_id": "9f0c31d27a44be10", "server_id": 2341, "pid": 4711,
        "started_ms": 1_699_726_460_000_u64, "uptime_s": 273_600, "sessions": 12, "talkgroups": 4, "calls_on_air": 2,
        "calls": 23, "workers": { "running": 1, "broken": 1 }, "queue": queue(), "last_calls": false, "stopping": false,
        "complete": true,
    });
    change(&mut value);
    value
}

#[test]
fn status_is_a_few_lines() {
    golden(
        &Command::Status,
        status(|_| {}),
        "\
server      Ragchew, server ID 2341, Ragchew 0.1.0
up          3d 4h, since 2023-11-11 18:14:20 UTC
process     4711, boot 9f0c31d27a44be10
clients     12
talkgroups  4
calls       2 on the air, 23 since the start
workers     1 running, 1 broken
events      3 of 16384 wait, 812 at most; nothing refused",
    );
    let troubled = shown(
        &Command::Status,
        status(|status| {
            status["server_id"] = 0.into();
            status["workers"] = json!({});
            status["queue"]["refused"]["state"] = 5.into();
            for (name, is) in [("last_calls", true), ("stopping", true), ("complete", false)] {
                status[name] = is.into();
            }
        }),
    );
    for words in [
        "no server ID",
        "workers     none\n",
        "refused: 0 samples, 5 states, 0 edges\n",
        "\n! new calls and logins are refused;",
        "\n! the server is stopping\n",
        "\n! events were lost;",
    ] {
        assert!(troubled.contains(words), "{words:?} is not in\n{troubled}");
    }
}

#[test]
fn sessions_stand_below_each_other_with_their_talkgroups() {
    let command = Command::Sessions { limit: None, after: None, client: None };
    let mut second = session(20_000_002);
    second["subscriptions"] = json!([]);
    second["subscriptions_in_all"] = 0.into();
    second["slots"] = 4.into();
    second["callsign"] = "Q2\u{1b}BEN".into();
    golden(
        &command,
        json!({ "rows": [session(1), second], "next": 9 }),
        "\
CALLSIGN        ID  LISTENER  ADDRESS            FOR  SLOTS    SOFTWARE        TALKGROUPS (* keyed up)
Q1ANA      2345001  hotspots  192.0.2.1:62031  3d 4h  1+2      MMDVM_MMDVM_HS  TS1 91, TS2 8=2350 235* and 2 more
Q2BEN     22345002  hotspots  192.0.2.1:62031  3d 4h  simplex  MMDVM_MMDVM_HS
and more: --limit says how many are shown",
    );
    assert!(shown(&command, json!({ "rows": [], "next": null })).ends_with("\nnobody is logged in\n"));
}

#[test]
fn talkgroups_show_who_is_on_them() {
    let member = |client: u32, callsign: &str, source: &str| json!({ "session": 1, "client": client, "callsign": callsign, "slot": 2, "rf_tg": 91, "source": source });
    let members = [member(2_345_001, "Q1ANA", "static"), member(2_345_002, "", "user_activated")];
    let rows = json!([
        { "talkgroup": 91, "members": members, "members_in_all": 140, "calls_on_air": 1 },
        { "talkgroup": 235, "members": [], "members_in_all": 0, "calls_on_air": 0 },
    ]);
    golden(
        &Command::Talkgroups { limit: None, after: None },
        json!({ "rows": rows, "next": null }),
        "\
TALKGROUP  CALLS  MEMBERS  WHO (slot, * keyed up)
       91      1      140  Q1ANA/2 2345002/2* and 138 more
      235      0        0",
    );
}

#[test]
fn calls_on_the_air_come_before_those_that_ended() {
    let ended = |cause: Value, lost: u32| json!({ "ended_ms": 1_699_999_748_000_u64, "duration_ms": 4_360, "cause": cause, "frames": 90, "lost": lost, "reordered": 0 });
    let on_air = [call(9, json!({ "conference": 91 }), Value::Null)];
    let heard = [
        call(8, json!("echo"), ended("timeout".into(), 10)),
        call(1, json!({ "nowhere": "not_routed" }), ended(Value::Null, 0)),
    ];
    golden(
        &Command::Calls,
        json!({ "on_air": on_air, "on_air_in_all": 2, "heard": heard }),
        "\
ENDED       LENGTH   CLIENT  CALLSIGN    RADIO  TO               SLOT    LOSS  END
on the air    8.4s  2345001  Q1ANA     2345678  TG 91               2
5m 12s ago    4.3s  2345001  Q1ANA     2345678  the echo            2  10.0 %  went silent
5m 12s ago    4.3s  2345001  Q1ANA     2345678  TG 91 (nowhere)     2   0.0 %  joined late, its end was not told
and 1 more on the air",
    );
}

fn worker(name: &str, state: &str) -> Value {
    json!({
        "name": name, "state": state, "incarnation": 2, "placement": "process", "pid": 4712, "restarts": 1,
        "memory": 24_536_680, "memory_limit": 134_217_728, "busy": 31, "queue": queue(), "last_ending": { "signal": 9 },
        "trouble": null, "loss": null,
    })
}

#[test]
fn workers_show_their_trouble_what_is_lost_and_the_cure() {
    let mut broken = worker("web", "broken");
    for name in ["pid", "memory", "busy", "last_ending"] {
        broken[name] = Value::Null;
    }
    broken["memory_limit"] = 0.into();
    broken["loss"] = "the page is not served".into();
    let mut sql = worker("sql", "running");
    sql["trouble"] = json!({
        "trouble": "disk_full", "text": "the disk is full", "detail": "disk I/O error", "cure": "make room",
    });
    golden(
        &Command::Workers,
        json!({ "rows": [sql, broken], "missing": ["sql"] }),
        "\
WORKER  STATE    START  PLACEMENT   PID  RESTARTS   BUSY                 MEMORY    QUEUE  LAST END
sql     running     #2  process    4712         1  3.1 %  23.4 MiB of 128.0 MiB  3/16384  signal 9
web     broken      #2  process       -         1      -                      -  3/16384  -
! sql: the disk is full (disk I/O error)
  make room
! web is broken: the page is not served
  it stays down until: ragchew ctl workers start web
! no answer in time from: sql",
    );
}

#[test]
fn figures_and_counts_have_a_row_each() {
    let rows = json!([{
        "name": "reactor", "turns": 1_234_567, "busy": 123, "longest_turn_us": 4_056, "queue_depth": 0,
        "queue_high_water": 12, "queue_capacity": 16384,
    }]);
    golden(
        &Command::Perf,
        json!({ "rows": rows, "missing": [] }),
        "\
WHO        BUSY    TURNS  LONGEST TURN  QUEUE  HIGHEST   ROOM
reactor  12.3 %  1234567      4.056 ms      0       12  16384",
    );
    let by = json!({ "desk": { "connections": 5 }, "reactor": { "datagrams": 12, "refused_late": 0 } });
    golden(
        &Command::Counters,
        json!({ "by": by, "missing": [] }),
        "\
WHO      WHAT          COUNT
desk     connections       5
reactor  datagrams        12
reactor  refused_late      0",
    );
}

#[test]
fn records_of_the_database_have_their_times_in_utc() {
    let record = json!({
        "boot_id": "b", "call": 5, "system": "hotspots", "client": 2_345_001, "callsign": "Q1ANA", "source": 2_345_678,
        "talkgroup": 91, "slot": 2, "kind": "group_voice", "started_ms": 1_700_000_000_123_u64, "ended_ms": 1_700_000_004_483_u64,
        "duration_ms": 4_360, "frames": 0, "lost": 0, "end_reason": "terminator",
    });
    let mut running = record.clone();
    running["ended_ms"] = Value::Null;
    running["end_reason"] = "".into();
    golden(
        &Command::Records(RecordQuery::default()),
        json!({ "rows": [running, record], "next": null }),
        "\
STARTED (UTC)            LENGTH   CLIENT  CALLSIGN    RADIO  TALKGROUP  SLOT  KIND         LOSS  END
2023-11-14 22:13:20  on the air  2345001  Q1ANA     2345678         91     2  group_voice
2023-11-14 22:13:20        4.3s  2345001  Q1ANA     2345678         91     2  group_voice     -  terminator",
    );
    let session = json!({
        "boot_id": "b", "session": 5, "system": "hotspots", "client": 2_345_001, "callsign": "Q1ANA", "remote": "192.0.2.1:62031",
        "software": "MMDVM", "connected_ms": 1_700_000_000_123_u64, "ended_ms": null, "end_reason": "",
    });
    let mut over = session.clone();
    over["ended_ms"] = 1_700_000_007_200_u64.into();
    over["end_reason"] = "closed".into();
    golden(
        &Command::SessionRecords(RecordQuery::default()),
        json!({ "rows": [session, over], "next": null }),
        "\
CONNECTED (UTC)      FOR   CLIENT  CALLSIGN  LISTENER  ADDRESS          SOFTWARE  END
2023-11-14 22:13:20  59s  2345001  Q1ANA     hotspots  192.0.2.1:62031  MMDVM     logged in
2023-11-14 22:13:20   7s  2345001  Q1ANA     hotspots  192.0.2.1:62031  MMDVM     closed",
    );
}

#[test]
fn a_reload_says_what_changed_or_would() {
    let dry = Command::Reload { dry_run: true };
    let answer = |dry_run: bool, changes: &[&str], findings: &[&str]| json!({ "dry_run": dry_run, "changes": changes, "findings": findings });
    golden(
        &dry,
        answer(true, &["server.name: another"], &["f:1:2: warning: x"]),
        "\
! f:1:2: warning: x
would change:
  server.name: another",
    );
    golden(&dry, answer(true, &[], &[]), "nothing would change");
    golden(&dry, answer(false, &[], &[]), "the configuration was read again; nothing differs");
    golden(&dry, answer(false, &["a"], &[]), "the configuration was read again; changed:\n  a");
    golden(&Command::Stop, json!({ "what": "the server is stopping" }), "the server is stopping");
}

#[test]
fn on_a_terminal_a_table_is_cut_and_coloured_and_elsewhere_it_is_whole() {
    let mut table = Table::new(&["NAME", ">N"]);
    table.coloured(Some("31"), ["a long name".to_owned(), "12".to_owned()]);
    let mut out = Vec::new();
    table.write(&mut out, &Look { width: Some(9), colour: true, ..LOOK }, "nothing").unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "\x1b[2mNAME    …\x1b[0m\n\x1b[31ma long n…\x1b[0m\n");
    let mut out = Vec::new();
    table.write(&mut out, &LOOK, "nothing").unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "NAME          N\na long name  12\n");
}
