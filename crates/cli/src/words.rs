//! Numbers, times and causes in words, as tables and the live view show them. Owns their form; decides nothing.
//! Source: design §7.

use ragchew_core::id::RfTg;
use ragchew_core::report::{CallEnd, Destination};
use ragchew_core::shown::is_hidden;
use ragchew_core::time::{Span, Wall};
use ragchew_offload::log::Stamp;
use serde_json::Value;

/// How long something lasts or lasted, in its two largest units: `3d 4h`, `5m 12s`, `7s`.
pub(crate) fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days}d {}h", hours % 24),
        () if hours > 0 => format!("{hours}h {}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m {}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

/// Whole seconds from one moment to another, both in milliseconds since 1970; 0 when the clock was set back.
pub(crate) fn seconds_between(from_ms: u64, to_ms: u64) -> u64 {
    to_ms.saturating_sub(from_ms) / 1_000
}

/// The length of a call: `4.3s`.
pub(crate) fn length(millis: u64) -> String {
    format!("{}.{}s", millis / 1_000, millis / 100 % 10)
}

/// `12.3 %`.
pub(crate) fn per_mille(share: u64) -> String {
    format!("{}.{} %", share / 10, share % 10)
}

/// Missing frames in per mille of all; none when there were no frames at all.
pub(crate) fn loss(frames: u32, lost: u32) -> Option<u64> {
    (u64::from(lost) * 1_000).checked_div(u64::from(frames) + u64::from(lost))
}

/// `23.4 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// `2026-11-21 09:06:16` of a moment in milliseconds since 1970.
pub(crate) fn stamp(millis: u64) -> String {
    let text = Stamp::from(Wall(Span::millis(millis).0)).to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// Where a call goes.
pub(crate) fn destination(destination: Destination, rf_tg: RfTg) -> String {
    match destination {
        Destination::Conference(conference) => format!("TG {conference}"),
        Destination::Echo => "the echo".to_owned(),
        Destination::Nowhere(_) => format!("TG {rf_tg} (nowhere)"),
    }
}

/// Why a call ended; nothing for the usual end.
pub(crate) fn call_end(cause: Option<CallEnd>) -> &'static str {
    match cause {
        Some(CallEnd::Terminator) => "",
        Some(CallEnd::Timeout) => "went silent",
        Some(CallEnd::Replaced) => "keyed again",
        Some(CallEnd::TooLong) => "too long",
        Some(CallEnd::SessionEnded) => "logged out",
        None => "its end was not told",
    }
}

/// Text that came from elsewhere, without what a terminal would obey or what turns text.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().filter(|&c| !is_hidden(c)).collect()
}

/// JSON on one line. What people cannot see in its texts is escaped, so that it may be shown as it is.
pub(crate) fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text += &format!("\\u{unit:04x}"));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_their_two_largest_units() {
        let wanted =
            [(0, "0s"), (59, "59s"), (312, "5m 12s"), (3_600, "1h 0m"), (86_399, "23h 59m"), (273_600, "3d 4h")];
        for (seconds, text) in wanted {
            assert_eq!(age(seconds), text);
        }
        assert_eq!((seconds_between(5_000, 9_900), seconds_between(9_000, 5_000)), (4, 0));
    }

    #[test]
    fn shares_lengths_and_sizes_have_one_decimal() {
        assert_eq!(
            (length(4_360), per_mille(31), bytes(24_536_680)),
            ("4.3s".into(), "3.1 %".into(), "23.4 MiB".into())
        );
        assert_eq!((loss(90, 10), loss(0, 0), loss(u32::MAX, u32::MAX)), (Some(100), None, Some(500)));
        assert_eq!(bytes(u64::MAX), "17592186044415.9 MiB");
    }

    #[test]
    fn a_text_from_elsewhere_commands_no_terminal() {
        assert_eq!(harmless("a\x1b[31m\u{202e}b\r\n\u{9b}c"), "a[31mbc");
        let value = serde_json::json!({ "a\u{9b}31m": ["\u{202e}\n", "Köln \u{e0041}"] });
        let shown = json(&value);
        assert_eq!(shown, r#"{"a\u009b31m":["\u202e\n","Köln \udb40\udc41"]}"#);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        assert_eq!(stamp(1_700_000_000_123), "2023-11-14 22:13:20");
    }
}
