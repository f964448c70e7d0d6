//! The end of the real server under load, however it is asked for and whoever does not want to end: clients are told, open
//! calls stand in the table with their end, and it takes no longer than five seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Helpers of tests, too.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::time::{Duration, Instant};
use support::control::{Control, Watch, is_state};
use support::records::calls;
use support::traffic::{Traffic, listeners};
use support::{Server, free_port, until};

fn serving(name: &str) -> (Server, u16, Control) {
    let port = free_port();
    let server = Server::start(name, &listeners(port));
    server.wait_for("serving");
    let mut control = Control::open(&server);
    until("the worker runs", || control.worker()["state"] == "running");
    (server, port, control)
}

/// Twenty calls are on the air when the server is asked to end.
fn ends_under_load(name: &str, ask: impl FnOnce(&Server, &mut Control)) {
    let (mut server, port, mut control) = serving(name);
    let traffic = Traffic::start(&server, port);
    // Fifteen frames of each: all are in the middle of their first call.
    traffic.go_on_for(300);
    let asked = Instant::now();
    ask(&server, &mut control);
    let (code, text) = server.end();
    let took = asked.elapsed();
    traffic.silence();
    let told = traffic.finish();
    println!("{name}: ended {took:?} after it was asked");
    assert_eq!((code, text), (Some(0), String::new()));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(told.closed, vec![3; told.closed.len()], "every client is told three times");
    let kept = calls(&server.dir.join("state/ragchew.db"));
    let reasons: Vec<_> = kept.values().flatten().map(|row| (row.ended, row.reason.as_str())).collect();
    let cut_off = reasons.iter().filter(|(_, reason)| *reason == "session_ended").count();
    assert_eq!(cut_off, 20, "{reasons:?}");
    let whole = |(ended, reason): &(bool, &str)| *ended && ["session_ended", "terminator"].contains(reason);
    assert!(reasons.iter().all(whole), "{reasons:?}");
    assert!(kept.values().all(|rows| rows.len() == 1), "{kept:?}");
    // Nothing that the server still took is missing.
    let begun: Vec<_> = told.spoken.iter().filter(|call| call.began_before(asked)).collect();
    assert!(begun.len() >= 20 && begun.iter().all(|call| kept.contains_key(&call.stream)));
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
    assert!((Duration::from_millis(1_000)..Duration::from_millis(2_000)).contains(&named), "{named:?}");
    assert_eq!(control.worker()["last_ending"], "killed");
}

#[test]
fn a_worker_that_does_not_heed_the_end_is_named_and_killed_and_the_server_ends_in_time() {
    let (mut server, port, mut control) = serving("deaf-end");
    let traffic = Traffic::start(&server, port);
    traffic.go_on_for(200);
    let pid = still(&mut control);
    let asked = Instant::now();
    server.signal("TERM");
    server.wait_for("(REPORT) the worker sql did not end in time and is killed");
    let named = asked.elapsed();
    let (code, text) = server.end();
    let took = asked.elapsed();
    traffic.silence();
    let told = traffic.finish();
    println!("deaf at the end: killed after {named:?}, ended after {took:?}");
    assert_eq!((code, text), (Some(0), String::new()));
    assert!((Duration::from_millis(1_000)..Duration::from_millis(3_000)).contains(&named), "{named:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(told.closed, vec![3; told.closed.len()], "every client is told three times");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the worker is left behind");
}
