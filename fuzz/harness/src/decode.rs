//! Target of `ragchew decode`: datagrams between a few addresses, told in every detail, as text and as JSON. It may not
//! panic, write what a terminal would obey, or show a passphrase; and it says no more than the capture justifies.
//! Source: design 6, 9; `docs/decode.md`.

use crate::files::{PLANTED, holds_planted};
use crate::input::Bytes;
use clap::Parser;
use ragchew_cli::decode::{DecodeArgs, tell};
use ragchew_core::shown::is_hidden;
use ragchew_core::time::Wall;
use ragchew_transport::capture::{Capture, Datagram};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

const BEGAN: u64 = 1_700_000_000_000_000_000;
/// Octets of a datagram at most.
const LONGEST: usize = 600;
/// Octets that are told of a capture at most: so many of it, and so many of each datagram with its details.
const LONGEST_TALE: [usize; 2] = [16_384, 8_192];

/// Passphrases of the captures and of the vectors, and one that nobody has.
const PASSPHRASES: [&str; 8] =
    ["bench-pass", "inner-pass", "obp-secret-1", "obp-secret-5", "OpenBridgeKey-01", "s3cr3t", "passw0rd", PLANTED];

/// The story, for people and with every passphrase.
pub(crate) const STORY: u8 = 0;
/// Every message, as JSON and with every passphrase.
pub(crate) const MESSAGES: u8 = 4;
/// What may be asked; from [`MESSAGES`] on it is told as JSON.
pub(crate) const WAYS: u8 = 8;

static ASKED: LazyLock<Vec<DecodeArgs>> = LazyLock::new(|| {
    let passphrases: Vec<&str> = PASSPHRASES.iter().flat_map(|passphrase| ["--passphrase", *passphrase]).collect();
    let words: [(&[&str], bool); WAYS as usize] = [
        (&[], true),
        (&["--messages"], false),
        (&["--calls"], true),
        (&["--positions"], false),
        (&["--json", "--messages"], true),
        (&["--json"], true),
        (&["--json", "--calls", "--port", "62031"], false),
        (&["--json", "--positions", "--messages"], false),
    ];
    let args = |(words, knows): &(&[&str], bool)| {
        let secrets = if *knows { &passphrases[..] } else { &[] };
        DecodeArgs::parse_from(["decode", "x.pcap"].iter().chain(*words).chain(secrets))
    };
    words.iter().map(args).collect()
});

/// The first octet says what is asked; then datagrams, each with an octet for who speaks to whom, one for the time that
/// passed, two for its length, and its bytes.
pub(crate) fn decode(data: &[u8]) {
    let (json, capture, told) = run(data);
    let [base, each] = LONGEST_TALE;
    assert!(told.len() <= base + each * capture.datagrams.len(), "{} octets", told.len());
    if let Some(bad) = told.chars().find(|&c| is_hidden(c) && c != '\n') {
        panic!("{bad:?} would reach a terminal");
    }
    assert!(said_openly(&capture) || !holds_planted(&told), "the passphrase is shown");
    if json {
        for line in told.lines() {
            let object: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
            assert!(object.is_object(), "{line}");
        }
    }
}

/// What `ragchew decode` says of a target's bytes.
pub fn told(data: &[u8]) -> String {
    run(data).2
}

fn run(data: &[u8]) -> (bool, Capture, String) {
    let mut bytes = Bytes::new(data);
    let which = bytes.byte() % WAYS;
    let (capture, mut out) = (capture(&mut bytes, true), Vec::new());
    tell(&capture, "x.pcap", &ASKED[usize::from(which)], false, &mut out).expect("memory takes everything");
    (which >= MESSAGES, capture, String::from_utf8(out).expect("what is told is text"))
}

/// Whether somebody says the planted passphrase where it is no secret: in anything but an RPTO or an answer.
fn said_openly(capture: &Capture) -> bool {
    let secret = |payload: &[u8]| payload.starts_with(b"RPTO") || payload.starts_with(b"RPTK");
    let mut open = capture.datagrams.iter().filter(|datagram| !secret(&datagram.payload));
    open.any(|datagram| holds_planted(&String::from_utf8_lossy(&datagram.payload)))
}

/// Four hosts; the last is on IPv6.
fn host(number: u8) -> SocketAddr {
    match number % 4 {
        3 => (Ipv6Addr::LOCALHOST, 62_031).into(),
        n => ([10, 0, 0, n], 62_031).into(),
    }
}

/// The datagrams of a script; with `leaps`, some are months apart.
pub(crate) fn capture(bytes: &mut Bytes<'_>, leaps: bool) -> Capture {
    let (mut capture, mut at) = (Capture::default(), BEGAN);
    while !bytes.is_empty() {
        let (who, passed) = (bytes.byte(), bytes.byte());
        at = match passed {
            0xff => at.saturating_sub(1_000_000_000),
            // The clock hears the time, or loses it.
            0xfe if leaps => at.saturating_add(100 * 86_400_000_000_000),
            0xfd if leaps => BEGAN / 1_000,
            0x80.. => at + u64::from(passed & 0x7f) * 1_000_000_000,
            _ => at + u64::from(passed) * 10_000_000,
        };
        let length = usize::from(bytes.short()).min(LONGEST);
        let payload = bytes.take(length).into();
        capture.datagrams.push(Datagram { at: Wall(at), source: host(who), destination: host(who >> 4), payload });
    }
    capture
}

/// A seed of datagrams 60 ms apart: who speaks to whom, and what.
pub(crate) fn seed<'a>(asked: u8, datagrams: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut seed = vec![asked];
    for (who, payload) in datagrams {
        seed.extend([who, 6]);
        seed.extend((payload.len() as u16).to_be_bytes());
        seed.extend(payload);
    }
    seed
}
