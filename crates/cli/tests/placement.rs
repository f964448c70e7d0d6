//! Where a worker runs changes nothing of what anybody hears or of what is kept; and a worker that is a process has nothing of
//! the server but its one socket. Hostile clients of the command socket harm nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Helpers of tests, too.

mod support;

use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::control::{Control, socket_of};
use support::frames::Voice;
use support::records::{calls, not_whole, wait_for_table};
use support::traffic::{Traffic, hotspot, listeners};
use support::{Server, free_port, listener, until};

/// Frames of the calls of the scenario, which come at once: as many as a stream may be ahead of the air.
const LENGTH: usize = 18;
/// From the last frame of a call until all of the next two was heard, at most: so long (`STREAM_LIVE`, 360 ms) it keeps its
/// line from others.
const BRISK: Duration = Duration::from_millis(350);
/// How soon the records must be there for a call that stays open to be open yet (`STREAM_TIMEOUT`, 5 s).
const STILL_OPEN: Duration = Duration::from_secs(4);

fn config(port: u16, more: &str) -> String {
    format!(
        "listeners:\n- name: hotspots\n  bind: '127.0.0.1:{port}'\n  passphrase: hush-hush-77\n  \
         acl: {{ subscriber: 'DENY:2341004' }}\n  defaults: {{ ts2: [91] }}\n  clients:\n    \
         2341003: {{ ts2: [], map: [{{ slot: 2, rf_tg: 8, conference_tg: 91 }}] }}\n{more}"
    )
}

/// What each of four hotspots heard, and what `records` says of it.
type Outcome = (Vec<Vec<Vec<u8>>>, Vec<Value>);

/// The outcome of the first run in which nothing stood still for so long that it was another scenario.
fn scenario(name: &str, more: &str) -> Outcome {
    (0..10).find_map(|_| run(name, more)).expect("a run in which nothing stands still")
}

/// A whole call, one with a hole, two at once, one that is not admitted, a late entry and one that stays open.
fn run(name: &str, more: &str) -> Option<Outcome> {
    let port = free_port();
    let mut server = Server::start(name, &config(port, more));
    server.wait_for("serving");
    let mut control = Control::open(&server);
    until("the worker runs", || control.worker()["state"] == "running");
    let all: Vec<_> = (1..=4).map(|n| hotspot(port, 2_341_000 + n)).collect();
    let mut heard = vec![Vec::new(); all.len()];
    let (mut is_brisk, mut lasts) = (true, [Instant::now(); 2]);
    let mut say = |who: usize, talkgroup: u32, stream: u32, places: &[usize]| {
        let voice = Voice::new(2_341_001 + who as u32, talkgroup);
        let mut sent = Instant::now();
        for &place in places {
            sent = Instant::now();
            all[who].socket.send(&voice.frame(place, LENGTH, stream)).unwrap();
            heard[who].extend(all[who].waiting());
        }
        all.iter().zip(&mut heard).for_each(|(hotspot, heard)| heard.extend(hotspot.waiting()));
        is_brisk &= lasts[0].elapsed() < BRISK;
        lasts = [lasts[1], sent];
    };
    let whole: Vec<_> = (0..LENGTH).collect();
    say(0, 91, 1, &whole);
    say(0, 91, 2, &[&whole[..7], &whole[9..]].concat());
    say(0, 91, 3, &whole[..9]);
    say(1, 91, 4, &whole);
    say(0, 91, 3, &whole[9..]);
    say(3, 91, 5, &whole[..5]);
    say(2, 8, 6, &whole[4..]);
    say(0, 3_100, 7, &whole);
    say(0, 91, 8, &whole[..12]);
    if !is_brisk {
        return None;
    }
    let records = records(&mut control, lasts[1])?;
    server.signal("TERM");
    assert_eq!(server.end(), (Some(0), String::new()));
    Some((heard, records))
}

/// The records of all calls, without what is another in every run; none if the one that stays open, whose last frame was sent
/// then, has ended by itself meanwhile.
fn records(control: &mut Control, last: Instant) -> Option<Vec<Value>> {
    let mut records = Vec::new();
    let query = json!({ "command": "records", "limit": 100 });
    let in_all = control.ask(json!({ "command": "calls" })).unwrap();
    let expected = in_all["on_air"].as_array().unwrap().len() + in_all["heard"].as_array().unwrap().len();
    until("every call is kept", || {
        records = control.ask(query.clone()).unwrap()["rows"].as_array().unwrap().clone();
        let is_open = records.iter().filter(|row| row["ended_ms"].is_null()).count() == 1;
        records.len() == expected && is_open || last.elapsed() > STILL_OPEN
    });
    for row in &mut records {
        for key in ["boot_id", "started_ms", "ended_ms", "duration_ms"] {
            assert!(row.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
    }
    (last.elapsed() < STILL_OPEN).then_some(records)
}

#[test]
fn in_each_placement_everybody_hears_the_same_frames_and_the_same_calls_are_kept() {
    let process = scenario("process", "");
    let counts: Vec<_> = process.0.iter().map(Vec::len).collect();
    println!("frames heard by each: {counts:?}; records: {}", process.1.len());
    assert!(counts.iter().skip(1).all(|count| *count > 40) && process.1.len() >= 6, "{:#?}", process.1);
    for (name, more) in [
        ("thread", "reporting: { sql: { placement: thread } }\n"),
        ("single", "reporting: { sql: { placement: single, file: ':memory:' } }\n"),
    ] {
        let other = scenario(name, more);
        assert!(process.0 == other.0, "{name}: other frames");
        assert_eq!(process.1, other.1, "{name}");
    }
}

/// A server whose only peculiarity is its port.
fn usual(name: &str) -> (Server, Control) {
    let server = Server::start_with_an_open_file(name, &format!("listeners:\n{}", listener("hotspots", free_port())));

    server.wait_for("serving");
    let mut control = Control::open(&server);
    until("the worker runs", || control.worker()["state"] == "running");
    wait_for_table(&server.dir.join("state/ragchew.db"));
    (server, control)
}

#[test]
fn a_relative_state_directory_is_the_same_one_for_a_worker() {
    let (mut server, _) = usual("relative");
    server.signal("TERM");
    assert_eq!(server.end(), (Some(0), String::new()));
    assert!(calls(&server.dir.join("state/ragchew.db")).is_empty());
}

#[test]
fn a_worker_inherits_its_socket_and_nothing_else() {
    let (server, mut control) = usual("inherit");
    let pid = control.worker()["pid"].as_u64().unwrap();
    let place = |what: &str| format!("/proc/{pid}/{what}");
    let left_open = format!("/proc/{}/fd/9", server.child.id());
    assert!(fs::read_link(left_open).unwrap().ends_with("ragchew.yaml"), "the test itself left nothing open");
    assert_eq!(fs::read(place("environ")).unwrap(), b"");
    assert_eq!(fs::read_link(place("cwd")).unwrap(), Path::new("/"));
    let mut open: Vec<(u32, PathBuf)> = fs::read_dir(place("fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, fs::read_link(entry.path()).ok()?)))
        .collect();
    open.sort();
    println!("open in the worker: {open:?}");
    let socket = open[0].1.clone();
    assert!(open[0].0 == 0 && socket.to_str().unwrap().starts_with("socket:["), "{open:?}");
    let state = fs::canonicalize(server.dir.join("state")).unwrap();
    let ours = ["ragchew.db", "ragchew.db-wal", "ragchew.db-shm"].map(|name| state.join(name));
    for (number, file) in &open {
        let allowed = *file == socket || file == Path::new("/dev/null") || ours.contains(file);
        assert!(allowed, "{number} is {}", file.display());
    }
    assert_eq!((&open[1].1, &open[2].1), (&PathBuf::from("/dev/null"), &PathBuf::from("/dev/null")));
}

/// Bytes that a process has for itself, with its share of what it has in common with others.
fn proportional(pid: u64) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

#[test]
fn an_idle_server_with_its_worker_takes_at_most_40_megabytes() {
    let (server, mut control) = usual("idle");
    let (own, worker) =
        (proportional(server.child.id().into()), proportional(control.worker()["pid"].as_u64().unwrap()));
    println!("an idle server takes {own} bytes, its worker {worker}, together {:.1} MB", (own + worker) as f64 / 1e6);
    assert!(own + worker <= 40_000_000, "{own} + {worker}");
}

/// A client of the command socket that is up to no good.
fn hostile(path: &Path, number: usize) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_nonblocking(true).unwrap();
    let words: Vec<u8> = match number % 5 {
        // Silent.
        0 => Vec::new(),
        // Never reads what it asked for.
        1 => [b"{\"id\":1,\"command\":\"watch\"}\n".to_vec(), b"{\"id\":2,\"command\":\"talkgroups\"}\n".repeat(200)]
            .concat(),
        // No JSON, and never the end of a line.
        2 => vec![b'{'; 200_000],
        3 => (0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
        // Half a request.
        _ => b"{\"id\":1,\"comm".to_vec(),
    };
    // As much as it takes.
    let _ = stream.write_all(&words);
    Some(stream)
}

#[test]
fn a_thousand_hostile_clients_of_the_command_socket_cost_no_frame() {
    let me = std::process::id().to_string();
    let _ = Command::new("prlimit").args(["--pid", &me, "--nofile=4096:"]).status();
    let port = free_port();
    let mut server = Server::start("hostile", &listeners(port));
    server.wait_for("serving");
    let traffic = Traffic::start(&server, port);
    traffic.go_on_for(200);
    let path = socket_of(&server);
    let (mut open, mut connected) = (Vec::new(), 0);
    let began = Instant::now();
    // Two hundred at once, the oldest makes room for the next.
    for number in 0..1_000 {
        until("a connection is taken", || match hostile(&path, number) {
            Some(stream) => {
                open.push(stream);
                true
            }
            None => false,
        });
        connected += 1;
        if open.len() > 200 {
            drop(open.remove(0));
        }
    }
    // They stay while some seconds are spoken.
    traffic.go_on_for(1_000);
    let took = began.elapsed();
    let mut buffer = [0; 4_096];
    let busy = open.iter_mut().filter_map(|stream| stream.read(&mut buffer).ok().filter(|length| *length > 0)).count();
    drop(open);
    // Whoever means it well is answered again.
    let mut control = Control::open(&server);
    assert_eq!(control.worker()["state"], "running");
    traffic.last_calls();
    let told = traffic.finish();
    println!(
        "{connected} hostile clients in {took:?}, {busy} of the last were told something; {} frames, none lost, slowest {:?}",
        told.latencies.len(),
        told.latencies.iter().map(|(_, took)| *took).max().unwrap_or(Duration::ZERO),
    );
    assert_eq!(told.lost, [""; 0]);
    let file = server.dir.join("state/ragchew.db");
    until("every call is kept", || not_whole(&file, &told.spoken).is_empty());
    server.signal("TERM");
    assert_eq!(server.end(), (Some(0), String::new()));
}
