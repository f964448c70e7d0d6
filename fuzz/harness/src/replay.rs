//! Targets of what is replayed and what is recorded: captures of other servers as inputs of the core, and the mask that
//! keeps secrets out of recordings. Source: design 4, 8, 9.

use crate::input::Bytes;
use ragchew_core::access::options::{Options, is_blank};
use ragchew_core::config::{Language, Passphrase};
use ragchew_core::shown::is_hidden;
use ragchew_transport::capture::Capture;
use ragchew_transport::record::mask as masked;
use ragchew_transport::replay::{FarEnd, Replay, Setup, default_config, replay as played};

/// Datagrams between a few addresses, as in the target `decode`, played to a core.
pub(crate) fn replay(data: &[u8]) {
    let Some((capture, result)) = run(data) else { return };
    assert!(result.elsewhere.is_empty(), "something was sent to nobody of the capture");
    let parties = result.clients.len();
    assert!(parties <= capture.datagrams.len(), "{parties} clients in {} datagrams", capture.datagrams.len());
    let said: u64 = result.clients.iter().flat_map(|party| party.said.values()).sum();
    assert!(said <= capture.datagrams.len() as u64, "{said} frames");
    for difference in &result.differences {
        let text = difference.to_string();
        assert!(!text.contains(|c: char| is_hidden(c)), "{text:?} would reach a terminal");
    }
}

/// Frames that clients of a capture say in its replay, if it can be replayed.
pub fn frames_replayed(data: &[u8]) -> Option<u64> {
    run(data).map(|(_, result)| result.clients.iter().flat_map(|party| party.said.values()).sum())
}

fn run(data: &[u8]) -> Option<(Capture, Replay)> {
    let mut bytes = Bytes::new(data);
    bytes.byte();
    let capture = crate::decode::capture(&mut bytes, false);
    let config = default_config(&capture, None, Passphrase::new(*b"bench-pass")).ok()?;
    let setup = Setup { server: None, config, far_end: FarEnd::default() };
    let result = played(&capture, &setup).ok()?;
    Some((capture, result))
}

/// Any datagram as it would be recorded: of an RPTO what the core understands of it, of an RPTK nothing.
pub(crate) fn mask(data: &[u8]) {
    let (mut out, mut again) = (vec![b'x'; 9], Vec::new());
    masked(data, &mut out);
    masked(&out, &mut again);
    assert_eq!(out, again, "what is masked stays as it is");
    assert!(out.len() <= data.len());
    let (head, text) = data.split_at(data.len().min(8));
    let (shown_head, shown) = out.split_at(head.len());
    assert_eq!(shown_head, head);
    match data.get(..4) {
        Some(b"RPTK") => assert!(shown.len() == text.len() && shown.iter().all(|&octet| octet == b'*')),
        Some(b"RPTO") => {
            let (said, recorded) = (Options::parse(text), Options::parse(shown));
            let key = said.key.as_ref().map(|_| b"*".to_vec());
            assert_eq!(recorded, Options { key, ..said }, "it asks for the same, with another key");
            assert_eq!(is_blank(text), is_blank(shown), "it asks at all");
            let shown = std::str::from_utf8(shown).expect("what is recorded of OPTIONS is ASCII");
            shown.split(';').for_each(|item| assert!(is_open(item), "{item:?} may be a secret"));
        }
        _ => assert_eq!(shown, text),
    }
}

/// What an item may begin with, besides the numbered lists.
const KEYS: [&str; 17] = [
    "TS1",
    "TS1_STATIC",
    "TS2",
    "TS2_STATIC",
    "DIAL",
    "DEFAULT_REFLECTOR",
    "STARTREF",
    "TIMER",
    "DEFAULT_UA_TIMER",
    "RELINKTIME",
    "VOICE",
    "IDENT",
    "OVERRIDE_IDENT_TG",
    "VOICETG",
    "IDENTTG",
    "SINGLE",
    "LANG",
];

/// Whether an item says nothing that is not known beforehand but numbers.
fn is_open(item: &str) -> bool {
    let Some((key, value)) = item.split_once('=') else { return matches!(item, "" | "'" | "*") };
    let numbered =
        key.strip_prefix("TS").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b"_+".contains(&b)));
    let entry = |entry: &str| {
        Language::named(entry.trim()).is_some()
            || entry.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || ":*-+".contains(c))
    };
    match key {
        "" => value.is_empty(),
        "KEY" | "PASS" => matches!(value, "" | "*"),
        key => (numbered || KEYS.contains(&key)) && value.split(',').all(entry),
    }
}
