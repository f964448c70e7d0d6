//! OPTIONS in words: what was asked for and what was void. Never shows PASS or KEY, nor anything that could be one: only
//! keys that are known and values that can be nothing but numbers. Source: `wire.md` 1.5.

use ragchew_core::access::options::{Options, is_known, read};
use ragchew_core::config::UaTimer;
use ragchew_core::id::Slot;
use serde_json::{Value, json};

/// An explained text.
pub(super) struct Explained {
    pub(super) words: String,
    /// What could not be taken.
    pub(super) void: Vec<String>,
    pub(super) fields: Value,
}

/// Explains the text of an RPTO.
pub(super) fn explain(text: &[u8]) -> Explained {
    let options = Options::parse(text);
    let mut words = Vec::new();
    for slot in Slot::BOTH {
        let listed: Vec<_> = options.statics.iter().filter(|wanted| wanted.slot == slot).map(talkgroup).collect();
        words.extend((!listed.is_empty()).then(|| format!("slot {slot} TG {}", listed.join(", "))));
    }
    words.extend(options.dial.map(|dial| match dial {
        Some(tg) => format!("default reflector {tg}"),
        None => "no default reflector".to_owned(),
    }));
    words.extend(options.ua_timer.map(|timer| match timer {
        timer if timer == UaTimer::from_minutes(0) => "user-activated talkgroups stay".to_owned(),
        timer => format!("user-activated talkgroups for {} min", timer.0.as_millis() / 60_000),
    }));
    words.extend(options.single.map(|single| format!("single mode {}", switch(single))));
    words.extend(options.ident.map(|ident| format!("spoken identification {}", switch(ident))));
    words.extend(options.ident_tg.flatten().map(|tg| format!("identification on TG {tg}")));
    words.extend(options.language.map(|language| format!("language {}", language.name())));
    let (void, hidden, others) = items(text);
    words.extend((hidden > 0).then(|| "a key or password (not shown)".to_owned()));
    words.extend((others > 0).then(|| format!("{} ignored", super::entry::count(others, "unknown key"))));
    let statics: Vec<_> = options
        .statics
        .iter()
        .map(|wanted| json!({ "slot": wanted.slot.number(), "rf_tg": wanted.rf_tg.0, "tg": wanted.conference.0 }))
        .collect();
    let fields = json!({
        "statics": statics,
        "dial": options.dial.map(|dial| dial.map_or(0, |tg| tg.0)),
        "timer_minutes": options.ua_timer.map(|timer| timer.0.as_millis() / 60_000),
        "single": options.single,
        "ident": options.ident,
        "language": options.language.map(|language| language.name()),
        "secret": hidden > 0,
        "unknown_keys": others,
        "voided": options.voided,
        "void": void,
    });
    Explained { words: if words.is_empty() { "nothing".to_owned() } else { words.join("; ") }, void, fields }
}

fn talkgroup(wanted: &ragchew_core::access::options::Wanted) -> String {
    if wanted.rf_tg.0 == wanted.conference.0 {
        wanted.conference.to_string()
    } else {
        format!("{} as {}", wanted.conference, wanted.rf_tg)
    }
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Items, or entries of lists, that are void; how many hold a secret; how many have unknown keys.
fn items(text: &[u8]) -> (Vec<String>, u64, u64) {
    let text = read(text);
    let (mut void, mut hidden, mut others) = (Vec::new(), 0, 0);
    for (n, item) in text.split(';').enumerate().filter(|(_, item)| !item.trim().is_empty()) {
        let Some((key, value)) = item.split_once('=') else {
            void.push(format!("item {} has no =", n + 1));
            continue;
        };
        let key = key.trim().to_ascii_uppercase();
        match key.as_str() {
            "PASS" | "KEY" => hidden += 1,
            "USERLINK" => {}
            key if is_known(key) => void.extend(void_entries(key, value)),
            _ => others += 1,
        }
    }
    (void, hidden, others)
}

/// `TS1_1` to `TS2_9`.
fn is_numbered(key: &str) -> bool {
    matches!(key.as_bytes(), [b'T', b'S', b'1' | b'2', b'_', b'1'..=b'9'])
}

/// The entries of a value that cannot be taken for themselves.
fn void_entries(key: &str, value: &str) -> Vec<String> {
    // `TS1_2` counts only beside `TS1_1`; alone it would say nothing.
    let list = if is_numbered(key) { key.get(..3).unwrap_or(key) } else { key };
    let void = |entry: &&str| Options::parse(format!("{list}={entry}").as_bytes()).voided > 0;
    let entries = value.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.filter(void).map(|entry| format!("{key}={}", shown(entry))).collect()
}

/// A value that can be nothing but numbers, or how long it is.
fn shown(entry: &str) -> String {
    let open = entry.len() <= 24 && entry.bytes().all(|b| b.is_ascii_digit() || b":-*. ".contains(&b));
    if open { entry.to_owned() } else { format!("({} characters)", entry.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_and_what_is_void_is_said() {
        let explained = explain(b"TS1=91;TS2=2350,9,3100-3102;SINGLE=1;TIMER=10;DIAL=0;UserLink=1;VOICE=x");
        assert_eq!(
            explained.words,
            "slot 1 TG 91; slot 2 TG 2350, 3100, 3101, 3102; no default reflector; \
             user-activated talkgroups for 10 min; single mode on"
        );
        assert_eq!(explained.void, ["TS2=9", "VOICE=(1 characters)"]);
        assert_eq!(explained.fields["voided"], 2);
    }

    #[test]
    fn no_form_of_a_secret_is_shown() {
        let texts = [
            "PASS=hush77;KEY=hush77",
            "pass = hush77",
            "hush77",
            "TS2=hush77,91",
            "hush77=1",
            "TS1_1=hush77",
            "LANG=hush77",
        ];
        for text in texts {
            let explained = explain(text.as_bytes());
            let all = format!("{} {:?} {}", explained.words, explained.void, explained.fields);
            assert!(!all.contains("hush77"), "{text}: {all}");
        }
        assert_eq!(explain(b"PASS=hush77").words, "a key or password (not shown)");
        assert_eq!(explain(b"").words, "nothing");
    }

    #[test]
    fn the_numbered_form_is_checked_by_the_rules_of_its_list() {
        assert_eq!(explain(b"TS2_1=2350;TS2_2=9").void, ["TS2_2=9"]);
        assert_eq!(explain(b"TS2_1=2350;TS2_2=91").words, "slot 2 TG 2350, 91");
    }
}
