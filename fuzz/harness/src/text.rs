//! Targets of the two text languages: OPTIONS and access control lists. Each text is checked against a second, naive
//! reading or writing of the same thing. Source: `wire.md` 1.5, `behaviour.md` 1.7 and 6.1.

use crate::input::Bytes;
use ragchew_core::access::acl::{Acl, MAX_CLIENT, MAX_ID};
use ragchew_core::access::options::{Options, is_blank, may_be_local};
use ragchew_core::config::{UaTimer, may_be_dialled, may_be_static};
use ragchew_core::id::Slot;
use ragchew_core::limits::MAX_STATIC;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The minutes that an OPTIONS text names for a timer. The largest numbers of 32 bits all mean the longest span.
fn minutes(timer: UaTimer) -> u64 {
    if timer.0.0 == u64::MAX { u64::from(u32::MAX) } else { timer.0.as_millis() / 60_000 }
}

/// Any text as OPTIONS.
pub(crate) fn options(data: &[u8]) {
    let options = Options::parse(data);
    assert_eq!(Options::parse(data), options, "the same text means the same");
    for slot in Slot::BOTH {
        let of_slot: Vec<_> = options.statics.iter().filter(|wanted| wanted.slot == slot).collect();
        assert!(of_slot.len() <= MAX_STATIC, "{} statics", of_slot.len());
        let distinct: BTreeSet<_> = of_slot.iter().map(|wanted| wanted.rf_tg).collect();
        assert_eq!(distinct.len(), of_slot.len(), "each number once");
    }
    for wanted in &options.statics {
        assert!(may_be_static(wanted.conference.0), "{wanted:?}");
        assert!(wanted.rf_tg.0 == wanted.conference.0 || may_be_local(wanted.rf_tg.0), "{wanted:?}");
    }
    assert!(options.dial.flatten().is_none_or(|dial| may_be_dialled(dial.0)));
    assert!(options.key.as_ref().is_none_or(|key| !key.is_empty() && key.len() <= data.len()));
    if is_blank(data) {
        assert_eq!(options, Options::default());
    }
    let text = rendered(&options);
    let again = Options::parse(text.as_bytes());
    let unvoided = Options { voided: 0, ..options };
    assert_eq!(again, unvoided, "{text:?}");
}

/// The text that asks for `options`, in the longest form of each item.
fn rendered(options: &Options) -> String {
    let mut text = String::from("TS1=");
    for wanted in &options.statics {
        let (net, slot, local) = (wanted.conference.0, wanted.slot.number(), wanted.rf_tg.0);
        let shown = if net == local { write!(text, "{net}:{slot},") } else { write!(text, "{net}:{slot}:{local},") };
        shown.expect("a String takes everything");
    }
    let mut item = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(text, ";{name}={value}").expect("a String takes everything");
        }
    };
    let switch = |value: Option<bool>| value.map(|on| u8::from(on).to_string());
    item("DIAL", options.dial.map(|dial| dial.map_or(0, |tg| tg.0).to_string()));
    item("TIMER", options.ua_timer.map(|timer| minutes(timer).to_string()));
    item("SINGLE", switch(options.single));
    item("VOICE", switch(options.ident));
    item("VOICETG", options.ident_tg.map(|tg| tg.map_or(0, |tg| tg.0).to_string()));
    item("LANG", options.language.map(|language| language.name().to_owned()));
    let key = options.key.as_ref().map(|key| String::from_utf8(key.clone()).expect("a key is ASCII"));
    item("KEY", key);
    text
}

/// Any text as an access control list; the first octet says of what.
pub(crate) fn acl(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let max = if bytes.byte() & 1 == 0 { MAX_CLIENT } else { MAX_ID };
    let text = String::from_utf8_lossy(bytes.rest());
    match Acl::parse(&text, max) {
        Ok(acl) => {
            let naive = Naive::read(&text, max).expect("what the parser takes, the naive reading takes");
            for number in naive.interesting(max) {
                assert_eq!(acl.admits(number), naive.admits(number), "{number} by {text:?}");
            }
        }
        Err(error) => {
            assert!(Naive::read(&text, max).is_none(), "refused: {error}");
            let shown = error.to_string();
            assert!(shown.len() <= 10 * text.len() + 100, "{} octets about {}", shown.len(), text.len());
        }
    }
}

struct Naive {
    permit: bool,
    ranges: Vec<(u32, u32)>,
}

impl Naive {
    fn read(text: &str, max: u32) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let whole = if text.is_empty() { "PERMIT:ALL" } else { &text };
        let at = whole.find(':')?;
        let permit = match whole[..at].trim() {
            "PERMIT" => true,
            "DENY" => false,
            _ => return None,
        };
        let mut ranges = Vec::new();
        for entry in whole[at + 1..].split(',') {
            match entry.trim() {
                "" => {}
                "ALL" => return Some(Self { permit, ranges: vec![(1, max)] }),
                entry => ranges.push(Self::range(entry, max)?),
            }
        }
        Some(Self { permit, ranges })
    }

    fn range(entry: &str, max: u32) -> Option<(u32, u32)> {
        let dash = entry.find('-');
        let (low, high) = dash.map_or((entry, entry), |at| (&entry[..at], &entry[at + 1..]));
        let (low, high): (u32, u32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        let inside = |n| n >= 1 && n <= max;
        (inside(low) || inside(high)).then_some((low.min(high), low.max(high)))
    }

    fn interesting(&self, max: u32) -> Vec<u32> {
        let ends = self.ranges.iter().flat_map(|&(low, high)| [low, high]);
        let around = ends.flat_map(|n| [n.saturating_sub(1), n, n.saturating_add(1)]);
        around.chain([0, 1, max, max.saturating_add(1), u32::MAX]).collect()
    }

    fn admits(&self, number: u32) -> bool {
        let mut listed = false;
        for &(low, high) in &self.ranges {
            listed |= low <= number && number <= high;
        }
        if self.permit { listed } else { !listed }
    }
}
