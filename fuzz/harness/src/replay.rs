//! Targets of what is replayed and what is recorded: captures of other servers as inputs of the core, and the mask that
//! keeps secrets out of recordings. Source: design 4, 8, 9.

use crate::input::Bytes;
use ragchew_core::access::options::Options;
use ragchew_core::config::Passphrase;
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

/// Any datagram as it would be recorded: nothing in it but secrets has changed, and those are gone.
pub(crate) fn mask(data: &[u8]) {
    let (mut out, mut again) = (vec![b'x'; 9], Vec::new());
    masked(data, &mut out);
    masked(&out, &mut again);
    assert_eq!(out, again, "what is masked stays as it is");
    let (head, text) = data.split_at(data.len().min(8));
    let (shown_head, shown) = out.split_at(head.len());
    assert_eq!(shown_head, head);
    match data.get(..4) {
        Some(b"RPTK") => assert!(shown.len() == text.len() && shown.iter().all(|&octet| octet == b'*')),
        Some(b"RPTO") => {
            let (said, recorded) = (Options::parse(text), Options::parse(shown));
            let key = said.key.as_ref().map(|_| b"*".to_vec());
            assert_eq!(recorded, Options { key, ..said }, "it asks for the same, with another key");
            options(text, shown);
        }
        _ => assert_eq!(shown, text),
    }
}

/// Names of what is never recorded, as far as they are written plainly.
const PLAIN: [&[u8]; 4] = [b"KEY=", b"PASS=", b"PASSWORD=", b"SECRET="];

/// Item for item: the same, or with asterisk or apostrophe for values; and of a secret never the value.
fn options(text: &[u8], shown: &[u8]) {
    let items = |text: &'_ [u8]| -> Vec<Vec<u8>> { text.split(|&b| b == b';').map(<[u8]>::to_vec).collect() };
    let (said, shown) = (items(text), items(shown));
    assert_eq!(said.len(), shown.len(), "as many items");
    for (said, shown) in said.iter().zip(&shown) {
        assert!(shown.len() <= said.len());
        if !shown.iter().any(|octet| matches!(octet, b'*' | b'\'')) && said.last() != Some(&b'=') {
            assert_eq!(said, shown, "nothing else is changed");
        }
        if let Some(name) = PLAIN.iter().find(|name| said.starts_with(name)) {
            assert!(matches!(&shown[name.len()..], b"" | b"*" | b"'"), "{:?}", String::from_utf8_lossy(shown));
        }
    }
}
