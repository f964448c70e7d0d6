//! The end of the real server under load, however it is asked for and whoever does not want to end: clients are told, open
//! calls stand in the table with their end, and it takes no longer than five seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Helpers of tests, too.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::control::{Control, Watch, is_state};
use support::records::{Row, calls, wait_for_table};
use support::traffic::{Told, Traffic, listeners};
use support::{Server, free_port, until};

fn serving(name: &str) -> (Server, u16, Control) {
    let port = free_port();
    let server = Server::start(name, &listeners(port));
    server.wait_for("serving");
    let mut control = Control::open(&server);
    until("the worker runs", || control.worker()["state"] == "running");
    wait_for_table(&server.dir.join("state/ragchew.db"));
    (server, port, control)
}

/// How long the end may take, whatever there is to do.
const LONGEST: Duration = Duration::from_secs(5);

/// What came of a server that was asked to end while twenty people talk.
struct End {
    took: Duration,
    said: (Option<i32>, String),
    lines: Vec<String>,
    told: Told,
    kept: BTreeMap<u32, Vec<Row>>,
}

impl End {
    fn of(mut server: Server, asked: Instant, traffic: Traffic) -> Self {
        let said = server.end();
        let took = asked.elapsed();
        traffic.silence();
        let told = traffic.finish();
        let lines = server.lines.iter().collect();
        Self { took, said, lines, told, kept: calls(&server.dir.join("state/ragchew.db")) }
    }

    /// Whether the server says that it had no time for something: that one of these came about.
    fn admits(&self, late: &[&str]) -> bool {
        let admits = |line: &String| late.iter().any(|words| line.contains(words));
        self.took >= LONGEST
            || self.lines.iter().any(admits)
            || !self.lines.last().is_some_and(|line| line.ends_with("ended"))
    }

    fn assert_in_order(&self) {
        assert_eq!(self.said, (Some(0), String::new()));
        assert!(self.took < LONGEST, "{:?}", self.took);
        assert_eq!(self.told.closed, vec![3; self.told.closed.len()], "every client is told three times");
    }
}

/// What a server says that had no time for all of its clients, or for the hub.
const LATE: [&str; 2] = ["stopped before all was said", "was late and is left behind"];
/// The same of its worker.
const LATE_WORKER: [&str; 2] = ["did not end in time", "before the end and are missing"];

/// The first of some ends that is not `late`, else the last: other programs hold up some, a slow server is late in all.
fn in_time<E>(late: impl Fn(&E) -> bool, mut attempt: impl FnMut() -> E) -> E {
    let mut end = attempt();
    for _ in 1..5 {
        if !late(&end) {
            break;
        }
        end = attempt();
    }
    end
}

/// Twenty calls are on the air when the server is asked to end.
fn ends_under_load(name: &str, ask: impl Fn(&Server, &mut Control)) {
    let late = [LATE, LATE_WORKER].concat();
    let end = in_time(
        |end: &End| end.admits(&late),
        || {
            let (server, port, mut control) = serving(name);
            let traffic = Traffic::endless(&server, port);
            traffic.go_on_for(300);
            let asked = Instant::now();
            ask(&server, &mut control);
            End::of(server, asked, traffic)
        },
    );
    println!("{name}: ended {:?} after it was asked", end.took);
    end.assert_in_order();
    assert_eq!(end.told.spoken.len(), 20);
    // No call is missing, and there is no other.
    let begun: Vec<_> = end.told.spoken.iter().map(|call| call.stream).collect();
    assert!(begun.iter().all(|stream| end.kept.contains_key(stream)) && end.kept.len() == 20, "{:?}", end.kept);
    let is_cut_off = |row: &Row| row.ended && row.reason == "session_ended";
    assert!(end.kept.values().all(|rows| matches!(&rows[..], [row] if is_cut_off(row))), "{:?}", end.kept);
}

#[test]
fn sigterm_in_the_middle_of_twenty_calls_ends_them_in_the_table_too() {
    ends_under_load("sigterm", |server, _| server.signal("TERM"));
}

#[test]
fn the_command_stop_in_the_middle_of_twenty_calls_ends_them_in_the_table_too() {
    ends_under_load("stop", |_, control| {
        let answer = control.ask(json!({ "command": "stop" })).unwrap();
        assert_eq!(answer["what"], "the server is stopping");
    });
}

fn still(control: &mut Control) -> i32 {
    let pid = control.worker()["pid"].as_i64().unwrap() as i32;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    pid
}

#[test]
fn a_worker_that_does_not_heed_a_restart_is_named_and_killed_after_a_second() {
    let (server, _, mut control) = serving("deaf");
    let mut watch = Watch::open(&server);
    still(&mut control);
    let asked = Instant::now();
    control.ask(json!({ "command": "worker", "worker": "sql", "action": "restart" })).unwrap();
    server.wait_for("(REPORT) the worker sql did not end in time and is killed");
    let named = asked.elapsed();
    watch.wait("it runs again", |event| is_state(event, "running") && event["body"]["incarnation"] == 2);
    let back = asked.elapsed();
    println!("a deaf worker was killed after {named:?} and was back after {back:?}");
    assert!(named >= Duration::from_secs(1), "{named:?}");
    assert_eq!(control.worker()["last_ending"], "killed");
}

#[test]
fn a_worker_that_does_not_heed_the_end_is_named_and_killed_and_the_server_ends_in_time() {
    let (end, pid) = in_time(
        |(end, _): &(End, i32)| end.admits(&LATE),
        || {
            let (server, port, mut control) = serving("deaf-end");
            let traffic = Traffic::start(&server, port);
            traffic.go_on_for(200);
            let pid = still(&mut control);
            let asked = Instant::now();
            server.signal("TERM");
            (End::of(server, asked, traffic), pid)
        },
    );
    println!("deaf at the end: ended after {:?}", end.took);
    end.assert_in_order();
    assert!(end.took >= Duration::from_secs(1), "{:?}", end.took);
    let named = "(REPORT) the worker sql did not end in time and is killed";
    assert!(end.lines.iter().any(|line| line.contains(named)), "{:#?}", end.lines);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the worker is left behind");
}
