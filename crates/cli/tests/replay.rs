//! `ragchew replay` as a script sees it: its exit codes. What it replays is tested in the transport.
#![allow(clippy::unwrap_used)] // Helpers of tests, too.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn captures(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures")).join(file)
}

fn replay(words: &[&str]) -> (Option<i32>, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_ragchew"))
        .arg("replay")
        .args(words)
        .current_dir(captures(""))
        .output()
        .unwrap();
    (ran.status.code(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn the_exit_code_says_equal_different_usage_or_unreadable() {
    let right = ["hblink3_dmrgateway.pcap", "--passphrase", "bench-pass", "--golden", "hblink3_dmrgateway.golden"];
    assert_eq!(replay(&right).0, Some(0));
    let other = ["adn_dmrgateway.pcap", "--passphrase", "bench-pass", "--golden", "hblink3_dmrgateway.golden"];
    assert_eq!(replay(&other).0, Some(1));
    assert_eq!(replay(&["--passphrase", "x"]).0, Some(2));
    assert_eq!(replay(&["hblink3_dmrgateway.golden", "--passphrase", "x"]).0, Some(3));
}

#[test]
fn a_passphrase_is_taken_from_a_file_so_that_nobody_sees_it_on_the_command_line() {
    let scratch = std::env::temp_dir().join(format!("ragchew-replay-secret-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let file = scratch.join("passphrase");
    let words = [
        "hblink3_dmrgateway.pcap",
        "--passphrase-file",
        file.to_str().unwrap(),
        "--golden",
        "hblink3_dmrgateway.golden",
    ];
    for (line, code) in [("bench-pass\n", 0), ("other\n", 1), ("bench\npass\n", 2)] {
        fs::write(&file, line).unwrap();
        let (got, text) = replay(&words);
        assert_eq!(got, Some(code), "{text}");
    }
    fs::remove_dir_all(scratch).unwrap();
    assert_eq!(replay(&words).0, Some(2));
    assert!(replay(&["--help"]).1.contains("--passphrase-file <FILE>"));
}

#[test]
fn a_cut_capture_is_named_and_a_golden_written_is_the_one_compared() {
    let scratch = std::env::temp_dir().join(format!("ragchew-replay-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let (cut, golden) = (scratch.join("cut.pcap"), scratch.join("cut.golden"));
    fs::write(&cut, &fs::read(captures("hblink3_dmrgateway.pcap")).unwrap()[..3_000]).unwrap();
    let (cut, golden) = (cut.to_str().unwrap(), golden.to_str().unwrap());
    let (code, text) = replay(&[cut, "--passphrase", "bench-pass", "--write-golden", golden]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("cut.pcap: record ") && text.contains("the file ends in the middle of it"), "{text}");
    assert!(text.contains("complete as G9BF"), "{text}");
    let (code, text) = replay(&[cut, "--passphrase", "bench-pass", "--golden", golden]);
    assert!(code == Some(3) && text.contains("golden: equal"), "{text}");
    fs::remove_dir_all(scratch).unwrap();
}

#[test]
fn a_configuration_takes_the_clients_and_its_errors_are_named() {
    let scratch = std::env::temp_dir().join(format!("ragchew-replay-config-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let file = scratch.join("ragchew.yaml");
    let listener =
        "listeners:\n- { name: a, bind: '127.0.0.1:62031', passphrase: bench-pass, defaults: { ts2: [3100] } }\n";
    fs::write(&file, listener).unwrap();
    let golden = "hblink3_mmdvmhost.golden";
    let words = ["hblink3_mmdvmhost.pcap", "--config", file.to_str().unwrap(), "--golden", golden];
    let (code, text) = replay(&words);
    assert_eq!(code, Some(0), "{text}");
    fs::write(&file, listener.to_owned() + "polcy: {}\n").unwrap();
    let (code, text) = replay(&words);
    assert!(code == Some(2) && text.contains("ragchew.yaml:3:1: polcy"), "{text}");
    fs::remove_dir_all(scratch).unwrap();
}
