//! `ragchew decode` as a script sees it: exit codes, JSON, and no colour where there is no terminal.
#![allow(clippy::unwrap_used)] // Helpers of tests, too.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn captures(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures")).join(file)
}

fn decode(words: &[&str]) -> Output {
    let ragchew = env!("CARGO_BIN_EXE_ragchew");
    Command::new(ragchew).arg("decode").args(words).current_dir(captures("")).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_capture_is_told_without_colour_and_as_one_object_a_line() {
    let told = decode(&["fbp5_adn-adn.pcap", "--passphrase", "obp-secret-5"]);
    assert_eq!(told.status.code(), Some(0));
    assert!(text(&told).contains("codes verified") && !text(&told).contains('\x1b'), "{}", text(&told));
    let json = decode(&["fbp5_adn-adn.pcap", "--json"]);
    let objects: Vec<serde_json::Value> = text(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["event"], &objects[0]["datagrams"]), (&"capture".into(), &36.into()));
    let end = objects.last().unwrap();
    assert_eq!((&end["event"], &end["calls"], &end["broken"]), (&"end".into(), &2.into(), &().into()));
}

#[test]
fn the_exit_code_says_read_usage_or_unreadable() {
    assert_eq!(decode(&["dmrgateway_local-side.pcap", "--calls"]).status.code(), Some(0));
    assert_eq!(decode(&["dmrgateway_local-side.pcap", "--calls", "--messages"]).status.code(), Some(2));
    assert_eq!(decode(&[]).status.code(), Some(2));
    assert_eq!(decode(&["no-such.pcap"]).status.code(), Some(3));
    assert_eq!(decode(&["README.md"]).status.code(), Some(3));
}

#[test]
fn a_cut_capture_is_told_up_to_its_break() {
    let cut = std::env::temp_dir().join(format!("ragchew-decode-{}.pcap", std::process::id()));
    fs::write(&cut, &fs::read(captures("hblink3_dmrgateway.pcap")).unwrap()[..3_000]).unwrap();
    let told = decode(&[cut.to_str().unwrap()]);
    fs::remove_file(&cut).unwrap();
    assert_eq!(told.status.code(), Some(3));
    let text = text(&told);
    assert!(
        text.contains("configuration accepted: logged in") && text.contains("the file ends in the middle of it"),
        "{text}"
    );
}
