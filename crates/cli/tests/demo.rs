//! The demonstration as a newcomer starts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

use std::process::{Command, Output};

fn ragchew(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ragchew")).args(words).output().unwrap()
}

#[test]
fn the_demonstration_logs_everybody_in_talks_and_ends_by_itself() {
    let mut told = Vec::new();
    // Where everything is slow, five seconds end before everybody had his turn.
    let all = ["5", "15", "45"].into_iter().any(|seconds| {
        let run = ragchew(&["demo", "--plain", "--seconds", seconds]);
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
        let count = |words: &str| said.lines().filter(|line| line.contains(words)).count();
        let counts = ["has sent repeater configuration", "*CALL START*", "Login refused"].map(count);
        told.push((counts, said));
        counts[0] == 12 && counts[1] >= 2 && counts[2] >= 1
    });
    assert!(all, "{told:#?}");
}

#[test]
fn a_recording_of_the_demonstration_replays_byte_for_byte() {
    let trace = std::env::temp_dir().join(format!("ragchew-demo-{}.pcapng", std::process::id()));
    let _ = std::fs::remove_file(&trace);
    let path = trace.to_str().unwrap();
    let run = ragchew(&["demo", "--plain", "--seconds", "4", "--record", path]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let replayed = ragchew(&["replay", path]);
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    let again = ragchew(&["demo", "--plain", "--seconds", "1", "--record", path]);
    std::fs::remove_file(&trace).unwrap();
    assert!(replayed.status.success() && said.contains("equal, byte for byte"), "{said}");
    assert_eq!(again.status.code(), Some(4), "what is there is not overwritten");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let run = ragchew(&["demo", "--plain", "--port", &port]);
    assert_eq!(run.status.code(), Some(3));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains(&format!("127.0.0.1:{port} is in use")), "{said}");
}
