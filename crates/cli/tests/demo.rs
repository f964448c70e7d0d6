//! The demonstration as a newcomer starts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

use std::process::Command;

#[test]
fn the_demonstration_logs_everybody_in_talks_and_ends_by_itself() {
    let run = Command::new(env!("CARGO_BIN_EXE_ragchew")).args(["demo", "--plain", "--seconds", "5"]).output().unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    let count = |words: &str| said.lines().filter(|line| line.contains(words)).count();
    assert_eq!(count("has sent repeater configuration"), 12, "{said}");
    assert!(count("*CALL START*") >= 2, "{said}");
    assert!(count("Login refused") >= 1, "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let run = Command::new(env!("CARGO_BIN_EXE_ragchew")).args(["demo", "--plain", "--port", &port]).output().unwrap();
    assert_eq!(run.status.code(), Some(3));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains(&format!("127.0.0.1:{port} is in use")), "{said}");
}
