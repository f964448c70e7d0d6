//! The real binary records while hotspots log in, talk, fail, and the configuration is read again; the recording replays
//! byte for byte, holds no secret, is read by Wireshark's tools, and costs nothing but itself when it cannot be written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

mod support;

use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use support::{Hotspot, Server, free_port};

const PASSPHRASE: &str = "hush-hush-77";
const OWN: &str = "swordfish-9.q";
const WRONG: &str = "wrong-wrong-00";
const KEY: &str = "open-sesame-4";

fn config(port: u16, more: &str) -> String {
    format!(
        "listeners:\n- name: hotspots\n  bind: '127.0.0.1:{port}'\n  passphrase: {PASSPHRASE}\n  \
         defaults: {{ ts2: [91] }}\n  clients:\n    2341003: {{ passphrase: {OWN}, ts2: [], \
         map: [{{ slot: 2, rf_tg: 8, conference_tg: 91 }}] }}\n{more}"
    )
}

/// Header, voice and terminator of a call on slot 2, as `testdata/vectors.json` has them.
fn call(id: u32, tg: u32, stream: u32) -> Vec<Vec<u8>> {
    let text = include_str!("../../../testdata/vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let all = vectors["vectors"].as_array().unwrap();
    let parts = ["head", "A", "B", "C", "D", "E", "F", "A", "B", "C", "D", "E", "F", "term"];
    let frame = |(seq, part): (usize, &&str)| {
        let id_of = format!("dmrd.grp_ts2.{part}");
        let hex = all.iter().find(|v| v["id"] == id_of.as_str()).unwrap()["hex"].as_str().unwrap();
        let mut frame: Vec<u8> = (0..55).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        frame[4] = seq as u8;
        frame[8..11].copy_from_slice(&tg.to_be_bytes()[1..]);
        frame[11..15].copy_from_slice(&id.to_be_bytes());
        frame[16..20].copy_from_slice(&stream.to_be_bytes());
        frame[53] = seq as u8;
        frame
    };
    parts.iter().enumerate().map(frame).collect()
}

fn replay(dir: &Path, words: &[&str]) -> (Option<i32>, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_ragchew")).arg("replay").args(words).current_dir(dir).output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
}

/// The hash that a hotspot answered, and the challenge.
fn answer(hotspot: &Hotspot, passphrase: &str) -> [u8; 32] {
    hotspot.send(b"RPTL", b"");
    let challenge = hotspot.receive(b"RPTACK");
    hotspot.answer(&challenge[6..10], passphrase.as_bytes());
    Sha256::new().chain_update(&challenge[6..10]).chain_update(passphrase).finalize().into()
}

/// A server that records into `trace.pcapng`, and everything that may happen to it; the answers that were given.
fn recorded(name: &str) -> (Server, Vec<[u8; 32]>) {
    let port = free_port();
    let mut server = Server::start_with(name, &config(port, ""), &["run", "--record", "trace.pcapng"]);
    server.wait_for("serving");
    let [a, b, c, d] = [1, 2, 3, 4].map(|n| Hotspot::at(port, 2_341_000 + n));
    let mut answers = Vec::new();
    for (hotspot, passphrase) in [(&a, PASSPHRASE), (&b, PASSPHRASE), (&c, OWN)] {
        answers.push(answer(hotspot, passphrase));
        hotspot.receive(b"RPTACK");
        hotspot.describe();
        hotspot.receive(b"RPTACK");
    }
    answers.push(answer(&d, WRONG));
    d.receive(b"MSTNAK");
    b.send(b"RPTO", format!("TS2=91,92;KEY={KEY}").as_bytes());
    b.receive(b"RPTACK");
    b.send(b"RPTO", format!("TS2=91;PASS={PASSPHRASE}").as_bytes());
    b.receive(b"RPTACK");
    for frame in call(2_341_001, 91, 7) {
        a.socket.send(&frame).unwrap();
        assert_eq!(b.receive(b"DMRD")[16..20], frame[16..20]);
        let mapped = c.receive(b"DMRD");
        assert_eq!((&mapped[8..11], &mapped[16..20]), (&[0, 0, 8][..], &frame[16..20]));
    }
    let echo = call(2_341_002, 9990, 8);
    for frame in &echo {
        b.socket.send(frame).unwrap();
    }
    echo.iter().for_each(|_| drop(b.receive(b"DMRD")));
    server.configure(&config(port, "policy: { busy_join: contend }\n"));
    server.signal("HUP");
    server.wait_for("kept=3 closed=0");
    a.send(b"RPTPING", b"");
    a.receive(b"MSTPONG");
    server.signal("TERM");
    a.receive(b"MSTCL");
    assert_eq!(server.end(), (Some(0), String::new()));
    (server, answers)
}

/// The forms in which a secret might lie in a file.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let hash = Sha256::digest(secret).to_vec();
    let mut forms = vec![secret.to_vec(), secret.iter().rev().copied().collect(), hash.clone()];
    forms.extend([hex(secret), hex(secret).to_uppercase(), hex(&hash)].map(String::into_bytes));
    forms.push(secret.iter().flat_map(|&b| [b, 0]).collect());
    forms.push(secret.iter().flat_map(|&b| [0, b]).collect());
    // Base64 at each of the three places where it may begin, without the characters that its neighbours share.
    for lead in 0..3 {
        let encoded = base64(&[&vec![0; lead][..], secret].concat());
        let (from, to) = ((lead * 8).div_ceil(6), (lead + secret.len()) * 8 / 6);
        forms.push(encoded[from..to].to_vec());
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |n: usize| bytes.get(n / 8).is_some_and(|byte| byte >> (7 - n % 8) & 1 == 1);
    let letter = |n: usize| LETTERS[(0..6).fold(0, |value, k| value << 1 | usize::from(bit(6 * n + k)))];
    (0..(bytes.len() * 8).div_ceil(6)).map(letter).collect()
}

fn find(trace: &[u8], wanted: &[u8]) -> bool {
    trace.windows(wanted.len()).any(|found| found == wanted)
}

#[test]
fn what_the_real_server_recorded_replays_byte_for_byte_and_holds_no_secret() {
    let (server, answers) = recorded("record");
    let path = server.dir.join("trace.pcapng");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, text) = replay(&server.dir, &["trace.pcapng"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("recorded by ragchew ") && text.contains("equal, byte for byte"), "{text}");
    let (code, text) = replay(&server.dir, &["trace.pcapng", "--secrets", "ragchew.yaml", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, report["exit"].as_u64()), (Some(0), Some(0)), "{text}");
    assert!(report["compared"].as_u64().unwrap() > 50, "{text}");
    assert_eq!(replay(&server.dir, &["trace.pcapng", "--passphrase", PASSPHRASE]).0, Some(2));

    let trace = fs::read(&path).unwrap();
    assert!(find(&trace, b"client:2341003") && find(&trace, b"M0TST") && find(&trace, b"KEY=*"));
    for secret in [PASSPHRASE, OWN, WRONG, KEY] {
        for form in forms(secret.as_bytes()) {
            assert!(!find(&trace, &form), "{secret} is in the recording as {}", String::from_utf8_lossy(&form));
        }
    }
    for hash in answers {
        assert!(!find(&trace, &hash[..8]), "an answer is in the recording");
    }
    assert!(
        find(&[&trace[..], &base64(b"x hush-hush-77")].concat(), &forms(PASSPHRASE.as_bytes())[10]),
        "it would be found"
    );

    let edited = server.dir.join("edited.pcapng");
    let mut bytes = trace.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&edited, &bytes).unwrap();
    let (code, text) = replay(&server.dir, &["edited.pcapng"]);
    assert!(code == Some(3) && text.contains("edited or damaged"), "{text}");
    for length in (64..trace.len()).step_by(61 * 97) {
        fs::write(&edited, &trace[..length]).unwrap();
        let (code, text) = replay(&server.dir, &["edited.pcapng"]);
        assert!(code == Some(3) && text.contains("the file ends"), "{length}: {text}");
    }
}

#[test]
fn wiresharks_tools_read_a_recording() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: tshark is not installed");
        return;
    }
    let (server, _) = recorded("tshark");
    // Our own blocks are frames without a protocol to tshark.
    let fields = [
        "-Y",
        "udp",
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "ip.src",
        "-e",
        "udp.dstport",
        "-e",
        "udp.payload",
    ];
    let options = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-r", "trace.pcapng"];
    let read = |more: &[&str]| {
        let ran = Command::new("tshark").args(options).args(more).current_dir(&server.dir).output().unwrap();
        (String::from_utf8(ran.stdout).unwrap(), ran.status.success(), String::from_utf8(ran.stderr).unwrap())
    };
    let (text, success, err) = read(&fields);
    assert!(success && !err.contains("corrupt"), "{err}");
    let (_, report) = replay(&server.dir, &["trace.pcapng", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(text.lines().count() as u64 > report["compared"].as_u64().unwrap(), "{text}");
    let voice = text.lines().filter(|line| line.contains("444d5244")).count();
    assert!(voice >= 14 * 5, "{voice} bursts");
    assert!(text.lines().all(|line| line.contains("127.0.0.1")), "{text}");
    let bad = read(&["-Y", "ip.checksum.status == 0 || udp.checksum.status == 0 || _ws.malformed"]).0;
    assert_eq!(bad, "");
    let comments = read(&["-Y", "frame.comment", "-T", "fields", "-e", "frame.comment"]).0;
    assert_eq!(comments.matches("the passphrase was right").count(), 3, "{comments}");
    assert_eq!(comments.matches("the passphrase was wrong").count(), 1, "{comments}");
}

#[test]
fn a_recording_that_cannot_be_written_on_costs_the_recording_and_no_call() {
    let port = free_port();
    let mut server = Server::start_with("full", &config(port, ""), &["run", "--record", "/dev/full"]);
    server.wait_for("the recording was ended, everything else goes on: No space left on device");
    let [a, b] = [1, 2].map(|n| Hotspot::at(port, 2_341_000 + n));
    a.log_in(PASSPHRASE.as_bytes());
    b.log_in(PASSPHRASE.as_bytes());
    for frame in call(2_341_001, 91, 7) {
        a.socket.send(&frame).unwrap();
        b.receive(b"DMRD");
    }
    server.signal("TERM");
    let seen = server.wait_for("ended");
    assert!(!seen.iter().any(|line| line.contains("recording")), "{seen:#?}");
    assert_eq!(server.end(), (Some(0), String::new()));
}

#[test]
fn a_file_that_is_there_is_not_written_over_and_nothing_is_started() {
    let mut server = Server::start_with("there", &config(free_port(), ""), &["run", "--record", "ragchew.yaml"]);
    let (code, err) = server.end();
    assert_eq!(code, Some(4));
    assert!(err.starts_with("--record: ragchew.yaml cannot be made: File exists"), "{err}");
}
