//! What a server may do wrong, with the message and the code that say so.

use super::{Scratch, say, server};
use crate::args::Args;
use crate::ctl::client::{Came, patience};
use crate::ctl::failure::{Ended, Failure};
use crate::ctl::feed::{Fed, Feed};
use crate::ctl::place::Places;
use crate::ctl::{Unshown, carry_out, pages, stream, table::Look};
use clap::Parser;
use ragchew_core::id::{ListenerId, SessionNo};
use ragchew_core::report::What;
use ragchew_core::time::Wall;
use ragchew_offload::desk::Command;
use ragchew_offload::event::{Subject, Told, envelope};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn at(path: &Path) -> Places {
    Places { paths: vec![path.to_owned()], note: None }
}

/// Far longer than an answer takes that comes, in seconds.
const LONG: u64 = 60;

/// What `ragchew ctl status` makes, within so many seconds, of a server that answers with this text and then waits or closes.
fn status_of(text: &'static str, closes: bool, within: u64) -> Result<Value, Failure> {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, move |_, _, stream| {
        say(stream, text);
        !closes
    });
    let mut client = at(&here.socket()).connect(Duration::from_secs(5)).unwrap();
    let answer = client.ask(Command::Status, Some(within));
    drop(client);
    assert_eq!(served.join().unwrap(), [format!(r#"{{"id":1,"within_ms":{within}000,"command":"status"}}"#)]);
    answer
}

/// Of one that closes.
fn failure(text: &'static str) -> (Ended, String) {
    let Failure { ended, why } = status_of(text, true, LONG).unwrap_err();
    (ended, why)
}

#[test]
fn an_answer_is_taken_however_it_comes() {
    let value = json!({ "what": "a\u{e4}" });
    let answer = "{\"ok\":{\"id\":1,\"value\":{\"what\":\"aä\"}}}\n";
    assert_eq!(status_of(answer, false, LONG), Ok(value.clone()));
    // Empty lines, and answers to somebody else, are passed over.
    let others = "\n{\"item\":{\"id\":1,\"value\":0}}\n{\"ok\":{\"id\":7,\"value\":0}}\n{\"ok\":{\"id\":1,\"value\":{\"what\":\"aä\"}}}\n";
    assert_eq!(status_of(others, true, LONG), Ok(value.clone()));

    let here = Scratch::new();
    let served = server(&here.socket(), 1, move |_, _, stream| {
        answer.as_bytes().chunks(1).for_each(|byte| std::io::Write::write_all(stream, byte).unwrap());
        false
    });
    let mut client = at(&here.socket()).connect(Duration::from_secs(5)).unwrap();
    assert_eq!(client.ask(Command::Status, None), Ok(value));
    assert_eq!(served.join().unwrap(), [r#"{"id":1,"command":"status"}"#]);
}

#[test]
fn a_server_that_does_not_answer_in_time_ends_with_4_and_says_how_to_wait_longer() {
    let began = Instant::now();
    let Failure { ended, why } = status_of("", false, 1).unwrap_err();
    assert!(ended == Ended::NoAnswer && why.contains("did not answer in time; give it longer with --within"), "{why}");
    assert!(began.elapsed() >= patience(Some(1)));
    let Failure { ended, why } = status_of("{\"ok\":{\"id\":1,\"val", false, 1).unwrap_err();
    assert!(ended == Ended::NoAnswer && why.contains("did not answer in time"), "half a line: {why}");
}

#[test]
fn a_server_that_closes_too_early_ends_with_4() {
    for text in ["", "{\"ok\":{\"id\":1,\"val", "{\"item\":{\"id\":1,\"value\":0}}\n"] {
        let (ended, why) = failure(text);
        assert!(
            ended == Ended::NoAnswer && why.contains("closed the connection before its answer was complete"),
            "{why}"
        );
    }
}

#[test]
fn what_is_not_understood_ends_with_4_and_names_both_versions() {
    for text in ["HTTP/1.1 400 Bad Request\r\n", "{\"yes\":{\"id\":1}}\n", "[]\n", "\u{1b}[2J{}\n"] {
        let (ended, why) = failure(text);
        assert!(ended == Ended::NoAnswer && why.contains("says nothing that this version"), "{why}");
        assert!(!why.contains('\u{1b}'), "{why:?}");
    }
}

#[test]
fn a_line_without_end_is_not_read_for_ever() {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, |_, _, stream| {
        let piece = vec![b'x'; 1 << 20];
        while std::io::Write::write_all(stream, &piece).is_ok() {}
        false
    });
    let mut client = at(&here.socket()).connect(Duration::from_secs(5)).unwrap();
    let Failure { ended, why } = client.ask(Command::Status, Some(60)).unwrap_err();
    assert!(ended == Ended::NoAnswer && why.contains("a line of more than"), "{why}");
    drop(client);
    served.join().unwrap();
}

#[test]
fn a_refusal_ends_with_1_and_a_missing_answer_with_4() {
    let refused = r#"{"error":{"id":1,"code":"no_such_client","why":"no session of this client"}}"#;
    let refused: &'static str = Box::leak(format!("{refused}\n").into_boxed_str());
    assert_eq!(failure(refused), (Ended::Refused, "no session of this client (no_such_client)".into()));
    let late = "{\"error\":{\"id\":1,\"code\":\"timeout\",\"why\":\"sql did not answer within 1000 ms\"}}\n";
    assert_eq!(failure(late), (Ended::NoAnswer, "sql did not answer within 1000 ms (timeout)".into()));
    // What is said to nobody in particular is said to us.
    let busy = "{\"error\":{\"id\":null,\"code\":\"busy\",\"why\":\"64 connections are open\"}}\n";
    assert_eq!(failure(busy), (Ended::Refused, "64 connections are open (busy)".into()));
}

#[test]
fn where_no_server_runs_every_place_that_was_tried_is_named() {
    let here = Scratch::new();
    let (nowhere, dead) = (here.0.join("nowhere/control.sock"), here.socket());
    drop(UnixListener::bind(&dead).unwrap());
    let places = Places { paths: vec![nowhere.clone(), dead.clone()], note: Some("r.yaml cannot be read: no".into()) };
    let Failure { ended, why } = places.connect(Duration::from_secs(1)).unwrap_err();
    let wanted = format!(
        "no server runs here, or it uses another state directory; tried: {} (is not there), {} (its server has ended), \
         r.yaml cannot be read: no. Name it with --socket PATH, --state DIR or --config FILE",
        nowhere.display(),
        dead.display()
    );
    assert_eq!((ended, why), (Ended::NoServer, wanted));

    std::fs::write(here.0.join("file"), "").unwrap();
    let long = here.0.join("x".repeat(120));
    let Failure { ended, why } = at(&long).connect(Duration::from_secs(1)).unwrap_err();
    assert!(ended == Ended::NoServer && why.contains("this is no command socket that can be used"), "{why}");
}

#[test]
fn who_may_not_use_the_socket_is_told_who_may() {
    let here = Scratch::new();
    let _listener = UnixListener::bind(here.socket()).unwrap();
    std::fs::set_permissions(here.socket(), std::fs::Permissions::from_mode(0o000)).unwrap();
    match at(&here.socket()).connect(Duration::from_secs(1)) {
        // Root is let in whatever the mode is.
        Ok(_) => assert_eq!(own_uid(), 0),
        Err(Failure { ended, why }) => {
            assert_eq!(ended, Ended::NoServer);
            assert!(
                why.contains("permission denied; the socket belongs to user") && why.contains("mode 0000"),
                "{why}"
            );
        }
    }
}

fn own_uid() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

#[test]
fn a_server_that_takes_no_connection_is_given_up() {
    let here = Scratch::new();
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(here.socket()).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let mut waiting = Vec::new();
    let gives_up = loop {
        match at(&here.socket()).connect(Duration::from_millis(50)) {
            Ok(client) if waiting.len() < 100 => waiting.push(client),
            other => break other,
        }
    };
    let Failure { ended, why } = gives_up.unwrap_err();
    assert!(ended == Ended::NoAnswer && why.contains("the server takes no connection"), "{why}");
}

#[test]
fn the_socket_is_the_one_that_was_named_else_that_of_the_configuration_else_the_one_in_the_state_directory() {
    let here = Scratch::new();
    let file = here.0.join("r.yaml");
    let places = |text: &str, socket: Option<&str>| {
        std::fs::write(&file, text).unwrap();
        let words = ["ragchew", "--config", file.to_str().unwrap(), "--state", "/s", "check"];
        let args = Args::try_parse_from(words).unwrap();
        Places::find(&args, socket.map(Path::new)).map(|places| places.paths)
    };
    let one = |path: &str| Ok(vec![PathBuf::from(path)]);
    assert_eq!(places("", Some("/named")), one("/named"));
    assert_eq!(places("", None), one("/s/control.sock"));
    let own = here.0.join("own.sock");
    // Other errors of the file, and passphrases that cannot be read, are no matter.
    let text = "listeners: [{ name: a, bind: x, passphrase: { file: /nowhere } }]\nruntime: { control: { socket: own.sock } }\n";
    assert_eq!(places(text, None), Ok(vec![own]));
    let off = places("runtime: { control: { enabled: false } }\n", None).unwrap_err();
    assert!(off.ended == Ended::NoServer && off.why.contains("runtime.control.enabled is false"), "{}", off.why);
    std::fs::write(&file, "a: [").unwrap();
    let args = Args::try_parse_from(["ragchew", "--config", file.to_str().unwrap(), "--state", "/s", "check"]).unwrap();
    let broken = Places::find(&args, None).unwrap();
    assert!(broken.note.is_some_and(|note| note.contains("r.yaml:")) && broken.paths.len() == 1);
}

/// A page of rows from this number on, of nine in all.
fn page_of(line: &str) -> String {
    let asked: Value = serde_json::from_str(line).unwrap();
    let (after, limit) = (asked["after"].as_u64().unwrap_or(0), asked["limit"].as_u64().unwrap().min(4));
    let rows: Vec<_> = (after + 1..=9).take(limit as usize).collect();
    let next = rows.last().filter(|last| **last < 9);
    format!("{}\n", json!({ "ok": { "id": asked["id"], "value": { "rows": rows, "next": next, "new": "field" } } }))
}

fn paged(limit: Option<u32>, script: fn(&str) -> String) -> (Result<Value, Failure>, usize) {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, move |_, line, stream| {
        say(stream, &script(line));
        true
    });
    let mut client = at(&here.socket()).connect(Duration::from_secs(5)).unwrap();
    let whole = pages::ask(&mut client, &Command::Sessions { limit, after: None, client: None }, None);
    drop(client);
    (whole, served.join().unwrap().len())
}

#[test]
fn long_lists_are_put_together_and_a_limit_bounds_them() {
    let (whole, asked) = paged(None, page_of);
    assert_eq!(whole.unwrap(), json!({ "rows": [1, 2, 3, 4, 5, 6, 7, 8, 9], "next": null, "new": "field" }));
    assert_eq!(asked, 3);
    assert_eq!(paged(Some(6), page_of), (Ok(json!({ "rows": [1, 2, 3, 4, 5, 6], "next": 6, "new": "field" })), 2));
    assert_eq!(paged(Some(4), page_of), (Ok(json!({ "rows": [1, 2, 3, 4], "next": 4, "new": "field" })), 1));
}

#[test]
fn a_list_whose_pages_do_not_end_is_given_up() {
    let circle = |line: &str| {
        let asked: Value = serde_json::from_str(line).unwrap();
        format!("{}\n", json!({ "ok": { "id": asked["id"], "value": { "rows": [1], "next": 5 } } }))
    };
    let (whole, asked) = paged(None, circle);
    assert!(whole.unwrap_err().why.contains("a list whose pages do not end"));
    assert_eq!(asked, 2);
}

/// What `ragchew ctl WORDS` prints, and how it ends, when the server answers with `lines`.
fn printed(words: &[&str], lines: &'static str) -> (Result<Ended, Unshown>, String) {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, move |_, _, stream| {
        say(stream, lines);
        false
    });
    let words = [&["ragchew", "ctl"], words].concat();
    let Some(crate::args::Command::Ctl(ctl)) = Args::try_parse_from(words).unwrap().command else { unreachable!() };
    let mut client = at(&here.socket()).connect(Duration::from_secs(5)).unwrap();
    let mut out = Vec::new();
    let ended = carry_out(&mut out, &mut client, &ctl, &ctl.what.command(), &Look::default());
    drop(client);
    served.join().unwrap();
    (ended, String::from_utf8(out).unwrap())
}

#[test]
fn json_is_what_the_server_said_and_a_missing_part_ends_with_4() {
    let perf = "{\"ok\":{\"id\":1,\"value\":{\"rows\":[],\"missing\":[\"sql\"],\"new\":{\"a\":1.5}}}}\n";
    let (ended, text) = printed(&["perf", "--json"], perf);
    assert!(matches!(ended, Ok(Ended::NoAnswer)), "{ended:?}");
    assert_eq!(text, "{\"missing\":[\"sql\"],\"new\":{\"a\":1.5},\"rows\":[]}\n");
    let (ended, text) = printed(&["perf"], perf);
    assert!(matches!(ended, Ok(Ended::NoAnswer)), "{ended:?}");
    assert!(text.ends_with("nobody answered\n! no answer in time from: sql\n"), "{text}");
}

#[test]
fn an_answer_of_another_version_ends_with_4_and_json_still_shows_it() {
    let odd = "{\"ok\":{\"id\":1,\"value\":{\"rows\":7}}}\n";
    let (ended, _) = printed(&["perf"], odd);
    assert!(matches!(ended, Err(Unshown::Answer(Failure { ended: Ended::NoAnswer, .. }))), "{ended:?}");
    assert_eq!(printed(&["--json", "perf"], odd).1, "{\"rows\":7}\n");
}

#[test]
fn the_log_comes_line_by_line_without_what_a_terminal_would_obey() {
    let log = "{\"item\":{\"id\":1,\"value\":{\"line\":\"one \\u001b[2J\"}}}\n{\"item\":{\"id\":1,\"value\":{\"missed\":3}}}\n\
               {\"ok\":{\"id\":1,\"value\":{\"what\":\"1 lines\"}}}\n";
    let (ended, text) = printed(&["logs", "-n", "2"], log);
    assert!(matches!(ended, Ok(Ended::Done)), "{ended:?}");
    assert_eq!(text, "one [2J\n(3 lines were left out: they came faster than they were read)\n");
    let (_, text) = printed(&["logs", "--json"], log);
    assert_eq!(text, "{\"line\":\"one \\u001b[2J\"}\n{\"missed\":3}\n");
}

fn event(seq: u64, boot: &str, what: What) -> String {
    let told = Told { seq, at: Wall(1_000_000), retold: false, what: Subject::Core(what) };
    format!("{}\n", json!({ "item": { "id": 2, "value": envelope(&told, boot, 0) } }))
}

/// Everything that the feed gives until the server has gone so often.
fn fed(feed: &mut Feed, times: usize) -> Vec<Fed> {
    let (mut all, mut gone) = (Vec::new(), 0);
    let until = Instant::now() + Duration::from_secs(20);
    while gone < times {
        let fed = feed.next(Some(until)).unwrap().expect("nothing came in time");
        gone += usize::from(matches!(fed, Fed::Gone(_)));
        all.push(fed);
    }
    all
}

fn word(fed: &Fed) -> String {
    match fed {
        Fed::Began => "began".into(),
        Fed::Told(told, _) => told.seq.to_string(),
        Fed::Unknown(_) => "unknown".into(),
        Fed::Lost => "lost".into(),
        Fed::Named(listener, name) => format!("{}={name}", listener.0),
        Fed::Gone(_) => "gone".into(),
    }
}

const GONE: What = What::Gone { session: SessionNo(1) };

#[test]
fn events_go_on_after_a_restart_and_gaps_are_noticed() {
    let here = Scratch::new();
    let served = server(&here.socket(), 2, |at, line, stream| {
        if !line.contains("watch") {
            return true;
        }
        let boot = ["b0", "b1"][at];
        let unknown = event(4, boot, GONE).replace("\"gone\"", "\"heard_of_later\"");
        [event(3, boot, GONE), unknown, event(7, boot, GONE)].iter().for_each(|line| say(stream, line));
        false
    });
    let mut feed = Feed::open(at(&here.socket()), None).unwrap();
    let words: Vec<_> = fed(&mut feed, 2).iter().map(word).collect();
    let once = ["began", "3", "unknown", "lost", "7", "lost", "gone"];
    assert_eq!(words, [once, once].concat());
    served.join().unwrap();
}

#[test]
fn listeners_have_the_names_that_their_sessions_have() {
    let here = Scratch::new();
    let who = ragchew_core::report::SessionTag {
        session: SessionNo(5),
        listener: ListenerId(3),
        client: ragchew_core::id::ClientId(2_345_001),
    };
    let connected = What::Connected {
        who,
        remote: ([192, 0, 2, 1], 5).into(),
        callsign: ragchew_core::report::Text::new(b"Q1ANA"),
        rx_hz: 0,
        tx_hz: 0,
        colour_code: 1,
        slots: b'3',
    };
    let row = super::tables::session(5);
    let served = server(&here.socket(), 1, move |_, line, stream| {
        if line.contains("sessions") {
            say(stream, &format!("{}\n", json!({ "ok": { "id": 1, "value": { "rows": [row], "next": null } } })));
            return true;
        }
        say(stream, &event(1, "b", connected));
        say(stream, "{\"item\":{\"id\":2,\"value\":{\"missed\":12}}}\n");
        false
    });
    let mut feed = Feed::open(at(&here.socket()), None).unwrap();
    let words: Vec<_> = fed(&mut feed, 1).iter().map(word).collect();
    assert_eq!(words, ["began", "3=hotspots", "1", "lost", "gone"]);
    served.join().unwrap();
}

#[test]
fn events_of_another_schema_are_refused_by_name() {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, |_, line, stream| {
        if line.contains("watch") {
            say(stream, &event(1, "b", GONE).replace("\"schema\":1", "\"schema\":99"));
        }
        true
    });
    let mut out = Vec::new();
    let ended = stream::watch(&mut out, at(&here.socket()), None, false, true);
    assert!(
        matches!(&ended, Err(Unshown::Answer(f)) if f.ended == Ended::NoAnswer && f.why.contains("schema 99")),
        "{ended:?}"
    );
    served.join().unwrap();
}

#[test]
fn watching_ends_when_the_server_goes_and_json_keeps_the_envelopes() {
    let watched = |json: bool| {
        let here = Scratch::new();
        let served = server(&here.socket(), 1, |_, line, stream| {
            if line.contains("watch") {
                say(stream, &event(1, "b", What::Reloaded { kept: 2, closed: 1 }));
                let health = "{\"item\":{\"id\":2,\"value\":{\"schema\":1,\"boot_id\":\"b\",\"seq\":2,\"ts_ms\":1,\"family\":\"server\",\
                              \"event\":\"server_started\",\"body\":{\"version\":\"9\"}}}}\n";
                say(stream, health);
            }
            !line.contains("watch")
        });
        let mut out = Vec::new();
        let ended = stream::watch(&mut out, at(&here.socket()), None, json, false);
        assert!(matches!(&ended, Err(Unshown::Answer(f)) if f.ended == Ended::NoAnswer), "{ended:?}");
        served.join().unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = watched(false);
    assert!(text.ends_with("1970-01-01T00:00:00.001Z INFO (REPORT) server_started {\"version\":\"9\"}\n"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    let values: Vec<Value> = watched(true).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&values[0]["event"], &values[1]["seq"], values.len()), (&"reloaded".into(), &2.into(), 2));
}

#[test]
fn a_connection_in_which_nothing_comes_says_so() {
    let here = Scratch::new();
    let served = server(&here.socket(), 1, |_, _, _| true);
    let mut client = at(&here.socket()).connect(Duration::from_secs(1)).unwrap();
    assert_eq!(client.read(Some(Instant::now())), Ok(Came::Nothing));
    drop(client);
    served.join().unwrap();
}
