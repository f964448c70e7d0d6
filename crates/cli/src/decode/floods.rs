//! Captures that somebody made to be long: repeats are folded, and what has no room is counted.

use super::text;
use super::*;
use crate::limits::{FOLD_WITHIN, TOLD_CALLS, TOLD_LIST, TOLD_MESSAGES, TOLD_PARTIES, TOLD_UNKNOWN};
use ragchew_core::id::ClientId;
use ragchew_core::time::{Span, Wall};
use ragchew_transport::capture::Datagram;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

const SERVER: &str = "192.0.2.1:62031";
const CLIENT: &str = "192.0.2.7:4000";
const ID: [u8; 4] = 2_345_001u32.to_be_bytes();

/// A capture that grows by what is said, every 10 ms.
struct Flood(Capture, Wall);

impl Flood {
    fn new() -> Self {
        Self(Capture::default(), Wall(1_700_000_000_000_000_000))
    }

    fn pass(&mut self, span: Span) {
        self.1 = self.1 + span;
    }

    fn say(&mut self, source: &str, destination: &str, payload: &[u8]) {
        self.between(source.parse().unwrap(), destination.parse().unwrap(), payload);
    }

    fn between(&mut self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        self.pass(Span::millis(10));
        self.0.datagrams.push(Datagram { at: self.1, source, destination, payload: payload.into() });
    }

    fn up(&mut self, payload: &[u8]) {
        self.say(CLIENT, SERVER, payload);
    }

    /// RPTL, challenge, RPTK and what the server says to it.
    fn login(&mut self, verdict: &[u8]) {
        self.up(&[b"RPTL", &ID[..]].concat());
        self.say(SERVER, CLIENT, b"RPTACK\x01\x02\x03\x04");
        self.up(&[b"RPTK", &ID[..], &[7; 32]].concat());
        self.say(SERVER, CLIENT, &[verdict, &ID[..]].concat());
    }

    fn options(&mut self, text: &str) {
        self.up(&[b"RPTO", &ID[..], text.as_bytes()].concat());
    }

    /// A burst of TG 91 on slot 2: its number in the order is that in the capture.
    fn burst(&mut self, source: u32, client: u32, stream: u32, bits: u8) {
        let mut frame = [0u8; 55];
        frame[..4].copy_from_slice(b"DMRD");
        frame[5..8].copy_from_slice(&source.to_be_bytes()[1..]);
        frame[10] = 91;
        frame[11..15].copy_from_slice(&client.to_be_bytes());
        frame[15] = 0x80 | bits;
        frame[16..20].copy_from_slice(&stream.to_be_bytes());
        frame[4] = self.0.datagrams.len() as u8;
        self.up(&frame);
    }

    fn objects(&self, words: &[&str]) -> Vec<Value> {
        let mut out = Vec::new();
        let lens = lens(words);
        text::json_lines(&mut out, "capture", &Story::open(&self.0, &lens)).unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many entries of each event are told, and of how many datagrams nothing is.
    fn told(&self, words: &[&str]) -> (BTreeMap<&'static str, usize>, u64) {
        let (lens, mut told) = (lens(words), BTreeMap::new());
        let ending = Story::open(&self.0, &lens).tell(&mut |entry| {
            *told.entry(entry.event).or_default() += 1;
            Ok(())
        });
        (told, ending.unwrap().left_out)
    }

    fn parties(&self) -> Vec<String> {
        Story::open(&self.0, &lens(&[])).links.lines()
    }

    fn words(&self) -> String {
        let mut out = Vec::new();
        text::write(&mut out, "capture", &Story::open(&self.0, &lens(&[])), false).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn lens(words: &[&str]) -> Lens {
    Lens::new(&DecodeArgs::try_parse_from(["ragchew-decode", "x.pcap"].iter().chain(words)).unwrap())
}

/// Entries of an event.
fn of<'a>(objects: &'a [Value], event: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["event"] == event).collect()
}

#[test]
fn logins_that_go_round_and_round_are_told_twice_with_their_number_and_their_last_time() {
    let mut flood = Flood::new();
    (0..1_000).for_each(|_| flood.login(b"MSTNAK"));
    let objects = flood.objects(&[]);
    // The capture, two rounds of four, the end.
    assert_eq!(objects.len(), 10, "{objects:#?}");
    for event in ["login", "challenge", "answer", "refused"] {
        let told = of(&objects, event);
        let times = |n: usize| told[n]["times"].as_u64().unwrap_or(1);
        assert_eq!((told.len(), times(0), times(1)), (2, 1, 999), "{event}");
        let until = &flood.0.datagrams[3_996..];
        let last = ragchew_offload::log::Stamp::from(until.last().unwrap().at).to_string();
        assert!(event != "refused" || told[1]["last"] == last.as_str(), "{}", told[1]);
    }
    assert!(flood.words().contains("< refuses the answer; 999 times until 22:14:00.000"), "{}", flood.words());
    assert_eq!(flood.objects(&["--messages"]).len(), 4_002);
}

#[test]
fn a_login_after_something_new_or_after_a_while_is_told_anew() {
    let mut flood = Flood::new();
    let logins = |flood: &Flood| of(&flood.objects(&[]), "login").len();
    (0..5).for_each(|_| flood.login(b"MSTNAK"));
    assert_eq!(logins(&flood), 2);
    flood.pass(FOLD_WITHIN);
    flood.pass(Span::millis(1));
    (0..5).for_each(|_| flood.login(b"MSTNAK"));
    assert_eq!(logins(&flood), 3);
    // Another outcome.
    (0..5).for_each(|_| flood.login(b"RPTACK"));
    flood.login(b"RPTACK");
    assert_eq!(logins(&flood), 4);
    let accepted: u64 =
        of(&flood.objects(&[]), "accepted").iter().map(|told| told["times"].as_u64().unwrap_or(1)).sum();
    assert_eq!(accepted, 6);
}

#[test]
fn pings_that_are_refused_again_and_again_stay_one_run() {
    let mut flood = Flood::new();
    for _ in 0..500 {
        flood.up(&[b"RPTPING", &ID[..]].concat());
        flood.say(SERVER, CLIENT, &[b"MSTNAK", &ID[..]].concat());
    }
    let objects = flood.objects(&[]);
    let pings = of(&objects, "ping");
    assert_eq!((pings.len(), pings[2]["times"].as_u64()), (3, Some(498)), "{pings:#?}");
    assert_eq!(of(&objects, "refused").len(), 2);
}

#[test]
fn options_of_always_another_text_are_told_up_to_the_limit_and_leave_the_calls_their_room() {
    let mut flood = Flood::new();
    (0..TOLD_MESSAGES + 7).for_each(|n| flood.options(&format!("TS2={}", 10 + n)));
    // No run of pings has room, either; each of them counts.
    for _ in 0..3 {
        flood.up(&[b"RPTPING", &ID[..]].concat());
        flood.say(SERVER, CLIENT, &[b"MSTPONG", &ID[..]].concat());
    }
    flood.burst(2_345_678, 2_345_001, 9, 0x10);
    assert_eq!(flood.told(&[]), (BTreeMap::from([("options", TOLD_MESSAGES), ("voice", 1)]), 13));
    assert_eq!(flood.told(&["--calls"]), (BTreeMap::from([("voice", 1)]), 0));
    let all = BTreeMap::from([("options", TOLD_MESSAGES + 7), ("ping", 3), ("pong", 3), ("burst", 1)]);
    assert_eq!(flood.told(&["--messages"]), (all, 0));
}

#[test]
fn one_call_more_than_a_story_holds_is_left_out_and_the_others_are_whole() {
    let mut flood = Flood::new();
    (0..=TOLD_CALLS as u32).for_each(|n| flood.burst(2_345_678, 2_345_001, n + 1, 0x10));
    // The last call that has room goes on; a data call has none.
    flood.burst(2_345_678, 2_345_001, TOLD_CALLS as u32, 1);
    flood.burst(2_345_678, 2_345_001, 1, 0x26);
    assert_eq!(flood.told(&["--calls"]), (BTreeMap::from([("voice", TOLD_CALLS)]), 2));
    let words = flood.words();
    let end = "\nleft out: 2 datagrams; a story holds 65536 messages, 32768 calls and 65536 sessions (--messages tells \
               everything, --calls only calls, --port only those of a port)\n";
    assert!(words.contains(" 2 frames, 1 lost\n") && words.ends_with(end), "{}", &words[words.len() - 400..]);
}

#[test]
fn addresses_and_ids_beyond_their_limit_have_no_role_and_the_head_says_so() {
    let mut flood = Flood::new();
    let address = |n: usize| SocketAddr::from(([10, (n >> 16) as u8, (n >> 8) as u8, n as u8], 4_000));
    let server: SocketAddr = SERVER.parse().unwrap();
    (0..=TOLD_PARTIES).for_each(|n| flood.between(address(n), server, &[b"RPTL", &ID[..]].concat()));
    let parties = flood.parties();
    assert_eq!(parties.len(), TOLD_PARTIES + 1);
    assert_eq!(parties[TOLD_PARTIES], "more addresses or IDs than 65536; the others are not named here");
    assert_eq!(flood.told(&[]), (BTreeMap::from([("login", TOLD_PARTIES)]), 1));
    assert_eq!(flood.told(&["--calls"]), (BTreeMap::new(), 0));
    assert_eq!(flood.told(&["--messages"]), (BTreeMap::from([("login", TOLD_PARTIES + 1)]), 0));

    let mut flood = Flood::new();
    (0..=TOLD_PARTIES as u32).for_each(|n| flood.up(&[b"RPTL", &(n + 1).to_be_bytes()[..]].concat()));
    let parties = flood.parties();
    assert_eq!(parties.len(), 2);
    assert!(parties[0].contains(" 31 32 and 65504 more at 192.0.2.7:4000"), "{}", parties[0]);
    // The last one is believed, for not all are known.
    let (from, to) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let last = Story::open(&flood.0, &lens(&[])).links.wire(from, to, Some(ClientId(65_537)));
    assert_eq!(last.who, "65537");
}

#[test]
fn datagrams_that_nobody_understands_are_counted_together_beyond_the_rows() {
    let mut flood = Flood::new();
    for n in 0..TOLD_UNKNOWN + 9 {
        flood.between(SocketAddr::from(([192, 0, 2, 7], n as u16)), SERVER.parse().unwrap(), b"noise...");
    }
    flood.between(SocketAddr::from(([192, 0, 2, 7], 0)), SERVER.parse().unwrap(), b"noise...");
    let objects = flood.objects(&[]);
    let rows = of(&objects, "unknown");
    assert_eq!((rows.len(), rows[0]["times"].as_u64()), (TOLD_UNKNOWN + 1, Some(2)));
    assert_eq!((&rows[TOLD_UNKNOWN]["reason"], &rows[TOLD_UNKNOWN]["times"]), (&"others".into(), &9.into()));
    assert!(flood.words().contains("of other reasons, or from and to other ports: 9 times"));
}

#[test]
fn a_call_lists_no_more_contradictions_ids_or_headers_than_a_list_may_have() {
    let mut flood = Flood::new();
    (0..=2 * TOLD_LIST as u32).for_each(|n| flood.burst(2_345_000 + n, 2_345_000 + n, 9, 0x10));
    let objects = flood.objects(&[]);
    let voice = of(&objects, "voice")[0];
    assert_eq!(voice["ids"].as_array().unwrap().len(), TOLD_LIST);
    let flags = voice["flags"].as_array().unwrap();
    let changes = flags.iter().filter(|flag| flag.as_str().unwrap().starts_with("the call changes")).count();
    assert_eq!(changes, TOLD_LIST);
    assert!(flags.contains(&"and more contradictions than these 32".into()), "{flags:?}");
    assert!(flags.contains(&"frames bear more than 32 IDs".into()), "{flags:?}");
}
