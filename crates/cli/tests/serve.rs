//! The real binary serves: logins by the thousand, calls bit for bit, the echo, restarts and strangers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

mod support;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Hotspot, IN_TIME, PATIENCE, Server, free_port};

const PASSPHRASE: &[u8] = b"hush-hush-77";

fn config(port: u16) -> String {
    format!(
        "listeners:\n- name: hotspots\n  bind: '127.0.0.1:{port}'\n  passphrase: hush-hush-77\n  max_clients: 2000\n  \
         defaults: {{ ts2: [91] }}\n  clients:\n    2341003: {{ ts2: [92] }}\n    2341004: {{ ts1: [91], ts2: [] }}\n"
    )
}

/// How long the first thread of a server, which is the one that serves, stood still because others had the processor.
fn held_up(server: &Server) -> Duration {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", server.child.id())).unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// How many times longer than usual this machine takes to start a program: `true`, usually 2 ms.
fn slowness() -> u32 {
    let start = || {
        let began = Instant::now();
        assert!(Command::new("true").output().unwrap().status.success());
        began.elapsed()
    };
    let best = (0..5).map(|_| start()).min().unwrap();
    (best.as_millis() as u32 / 2).max(1)
}

/// A server that answers: a stranger's ping gets its refusal. How long that took since the process was made, but for the time
/// in which others had the processor.
fn serving(name: &str, port: u16) -> (Server, Duration) {
    let stranger = UdpSocket::bind("127.0.0.99:0").unwrap();
    stranger.connect(("127.0.0.1", port)).unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let mut started = Instant::now();
    let mut server = Server::start(name, &config(port));
    let mut buffer = [0; 64];
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if server.child.try_wait().unwrap().is_some() {
            // Another program of this machine was quicker to take the port, and may have left it again.
            // The folder of the first goes with it.
            drop(server);
            (started, server) = (Instant::now(), Server::start(name, &config(port)));
        }
        // Refused by the system until the port is open.
        if stranger.send(b"RPTPING\0\0\0\x07").is_ok() && stranger.recv(&mut buffer).is_ok() {
            assert!(buffer.starts_with(b"MSTNAK"));
            let took = started.elapsed().saturating_sub(held_up(&server));
            return (server, took);
        }
    }
    panic!("the server does not answer");
}

fn hotspot(port: u16, id: u32) -> Hotspot {
    let hotspot = Hotspot::at(port, id);
    hotspot.log_in(PASSPHRASE);
    hotspot
}

/// A call to TG 91 on slot 2, as `testdata/vectors.json` has it, from `id` as `stream`, with a superframe for each letter.
fn call(id: u32, tg: u32, stream: u32, superframes: usize) -> Vec<[u8; 55]> {
    let text = include_str!("../../../testdata/vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let frame = |part: &str| -> [u8; 55] {
        let id = format!("dmrd.grp_ts2.{part}");
        let all = vectors["vectors"].as_array().unwrap();
        let hex = all.iter().find(|v| v["id"] == id.as_str()).unwrap()["hex"].as_str().unwrap();
        let bytes: Vec<u8> = (0..55).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    };
    let letters = ["A", "B", "C", "D", "E", "F"];
    let parts = std::iter::once("head").chain(std::iter::repeat_n(letters, superframes).flatten()).chain(["term"]);
    let number = |(seq, part): (usize, &str)| {
        let mut frame = frame(part);
        frame[4] = seq as u8;
        frame[8..11].copy_from_slice(&tg.to_be_bytes()[1..]);
        frame[11..15].copy_from_slice(&id.to_be_bytes());
        frame[16..20].copy_from_slice(&stream.to_be_bytes());
        frame[53] = seq as u8;
        frame
    };
    parts.enumerate().map(number).collect()
}

/// What a receiver of `frame` gets: the same but for its own ID.
fn for_receiver(frame: &[u8; 55], id: u32) -> Vec<u8> {
    let mut expected = *frame;
    expected[11..15].copy_from_slice(&id.to_be_bytes());
    expected.to_vec()
}

/// The first of some tries that takes less than `limit`, else the best of them: a busy machine slows down some, a slow
/// server all.
fn best(tries: usize, limit: Duration, attempt: impl Fn(usize) -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for n in 0..tries {
        best = best.min(attempt(n));
        if best < limit {
            break;
        }
    }
    best
}

#[test]
fn serving_starts_within_100_ms_of_the_process() {
    let limit = Duration::from_millis(100) * slowness();
    let took = best(15, limit, |n| serving(&format!("start{n}"), free_port()).1);
    println!("serving {took:?} after the start of the process");
    assert!(took < limit, "{took:?}");
}

#[test]
fn a_call_keeps_every_bit_and_reaches_only_those_on_its_talkgroup() {
    let port = free_port();
    let (_server, _) = serving("call", port);
    let (a, b, c) = (hotspot(port, 2_341_001), hotspot(port, 2_341_002), hotspot(port, 2_341_003));
    let frames = call(2_341_001, 91, 7, 2);
    for frame in &frames {
        a.socket.send(frame).unwrap();
        assert_eq!(b.receive(b"DMRD"), for_receiver(frame, 2_341_002));
    }
    assert_eq!(a.waiting(), [[0u8; 0]; 0]);
    assert_eq!(c.waiting(), [[0u8; 0]; 0]);

    // The next speaker is heard by one whose line nobody has spoken on: that of the first is his for another 360 ms.
    let d = hotspot(port, 2_341_004);
    for frame in &call(2_341_002, 91, 8, 1) {
        b.socket.send(frame).unwrap();
        let mut on_slot_1 = *frame;
        on_slot_1[15] &= 0x7F;
        assert_eq!(d.receive(b"DMRD"), for_receiver(&on_slot_1, 2_341_004));
    }
    assert_eq!(b.waiting(), [[0u8; 0]; 0]);
    assert_eq!(c.waiting(), [[0u8; 0]; 0]);
}

#[test]
fn whoever_speaks_to_the_echo_hears_himself_and_nobody_else_does() {
    let port = free_port();
    let (_server, _) = serving("echo", port);
    let (a, b) = (hotspot(port, 2_341_001), hotspot(port, 2_341_002));
    let frames = call(2_341_001, 9990, 9, 1);
    let mut spoken = Instant::now();
    for frame in &frames {
        spoken = Instant::now();
        a.socket.send(frame).unwrap();
    }
    let back: Vec<Vec<u8>> = frames.iter().map(|_| a.receive(b"DMRD")).collect();
    assert!(spoken.elapsed() >= Duration::from_millis(2_000 + 60 * (frames.len() as u64 - 1)));
    let stream = &back[0][16..20];
    assert_ne!(stream, &frames[0][16..20]);
    for (sent, heard) in frames.iter().zip(&back) {
        assert_eq!(&heard[..16], &sent[..16]);
        assert_eq!(&heard[16..20], stream);
        assert_eq!(&heard[20..], &sent[20..]);
    }
    assert_eq!(b.waiting(), [[0u8; 0]; 0]);
}

#[test]
fn after_a_kill_and_a_restart_a_client_learns_of_it_by_its_next_ping() {
    let port = free_port();
    let (mut server, _) = serving("kill", port);
    let a = hotspot(port, 2_341_001);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let (_server, _) = serving("again", port);
    // The system may hand over that nobody was there for a moment.
    let _ = a.socket.send(b"");
    a.send(b"RPTPING", b"");
    assert_eq!(a.receive(b"MSTNAK"), [b"MSTNAK", &a.id[..]].concat());
    a.log_in(PASSPHRASE);
}

#[test]
fn a_server_that_ends_in_mid_call_ends_the_call_and_tells_every_client_three_times() {
    let tries = 4;
    let ended = (1..=tries).any(|n| ends_in_mid_call(&format!("midcall{n}"), n == tries));
    assert!(ended);
}

/// Whether everybody was told; unless it is the `last` try, a server may say that it had no time for that.
fn ends_in_mid_call(name: &str, last: bool) -> bool {
    let port = free_port();
    let (mut server, _) = serving(name, port);
    let (a, b) = (hotspot(port, 2_341_001), hotspot(port, 2_341_002));
    let frames = call(2_341_001, 91, 7, 3);
    for frame in &frames[..10] {
        a.socket.send(frame).unwrap();
        b.receive(b"DMRD");
    }
    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    assert!(asked.elapsed() < IN_TIME);
    if !last && server.lines.iter().any(|line| line.contains("stopped before all was said")) {
        return false;
    }
    let last = b.receive(b"DMRD");
    assert_eq!((last[15], last[4], &last[16..20]), (0xA2, 10, &frames[0][16..20]));
    for hotspot in [&a, &b] {
        for _ in 0..3 {
            assert_eq!(hotspot.receive(b"MSTCL"), [b"MSTCL", &hotspot.id[..]].concat());
        }
    }
    true
}

#[test]
fn a_call_goes_on_while_strangers_send_rubbish() {
    let port = free_port();
    let (_server, _) = serving("strangers", port);
    let (a, b) = (hotspot(port, 2_341_001), hotspot(port, 2_341_002));
    let strangers: Vec<_> = (0..20)
        .map(|n| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, n + 1), 0)).unwrap();
            socket.connect(("127.0.0.1", port)).unwrap();
            socket
        })
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let opcodes: [&[u8]; 8] = [b"RPTL", b"RPTK", b"RPTC", b"RPTO", b"RPTPING", b"RPTCL", b"DMRD", b""];
    // As many frames as may come at once.
    for frame in &call(2_341_001, 91, 7, 2) {
        for stranger in strangers.iter().cycle().take(200) {
            let mut datagram = opcodes[random() as usize % 8].to_vec();
            if random() % 2 == 0 {
                datagram.extend_from_slice(&a.id);
            }
            datagram.extend((0..random() % 600).map(|_| random() as u8));
            let _ = stranger.send(&datagram);
        }
        a.socket.send(frame).unwrap();
        assert_eq!(b.receive(b"DMRD"), for_receiver(frame, 2_341_002));
    }
    assert_eq!(a.waiting(), [[0u8; 0]; 0]);
}

/// One of the thousand, somewhere in its login.
struct Login {
    hotspot: Hotspot,
    step: usize,
}

#[test]
fn a_thousand_clients_log_in_at_once_through_one_port_within_a_second() {
    // A soft limit of 1,024 open files is usual; a process may raise its own.
    let me = std::process::id().to_string();
    let _ = Command::new("prlimit").args(["--pid", &me, "--nofile=4096:"]).status();
    let limit = Duration::from_secs(1) * slowness();
    let took = best(10, limit, |n| log_in_a_thousand(&format!("thousand{n}")));
    println!("a thousand clients logged in within {took:?}");
    assert!(took < limit, "{took:?}");
}

/// As many clients wait for an answer at most: what they send finds room in a socket whose server stands still.
const WAITING: usize = 250;

/// How long a thousand logins take together, but for the time in which others had the server's processor.
fn log_in_a_thousand(name: &str) -> Duration {
    let port = free_port();
    let (server, _) = serving(name, port);
    let mut logins: Vec<Login> = (0..1_000u32)
        .map(|n| {
            // Each from an address of its own: what limits a source must not limit the thousand.
            let source = Ipv4Addr::new(127, 0, 10 + (n / 250) as u8, 1 + (n % 250) as u8);
            let socket = UdpSocket::bind((source, 0)).unwrap();
            socket.connect(("127.0.0.1", port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            Login { hotspot: Hotspot { socket, id: (2_350_000 + n).to_be_bytes() }, step: 0 }
        })
        .collect();
    let (started, held_up_before) = (Instant::now(), held_up(&server));
    let (mut begun, mut done) = (0, 0);
    let mut buffer = [0; 64];
    while done < logins.len() && started.elapsed() < PATIENCE {
        for login in logins.iter().take(done + WAITING).skip(begun) {
            login.hotspot.send(b"RPTL", b"");
            begun += 1;
        }
        for login in logins.iter_mut().filter(|login| login.step < 3) {
            let Ok(length) = login.hotspot.socket.recv(&mut buffer) else { continue };
            assert!(length == 10 && buffer.starts_with(b"RPTACK"));
            login.step += 1;
            match login.step {
                1 => login.hotspot.answer(&buffer[6..10], PASSPHRASE),
                2 => login.hotspot.describe(),
                _ => done += 1,
            }
        }
    }
    let took = started.elapsed().saturating_sub(held_up(&server) - held_up_before);
    assert_eq!(done, 1_000);
    took
}
