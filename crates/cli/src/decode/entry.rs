//! One thing that happened in a capture, in words and as fields. Owns the cleaning of text that came from the network;
//! knows no protocol.

use crate::limits::TOLD_LIST;
use ragchew_core::shown::is_hidden;
use ragchew_core::time::Wall;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Which way a datagram went between the two that a link joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From a client to its server, from MMDVMHost to its gateway.
    Up,
    /// The other way.
    Down,
    /// Between equals, or nobody knows.
    Across,
}

impl Way {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Up => ">",
            Self::Down => "<",
            Self::Across => "-",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Across => "across",
        }
    }
}

/// Who spoke with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    /// The client's ID, the sender's network ID, or an address.
    pub(super) who: String,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) way: Way,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: Wall,
    pub(super) wire: Wire,
    /// Stable name, for JSON.
    pub(super) event: &'static str,
    pub(super) headline: String,
    /// More lines about it.
    pub(super) details: Vec<String>,
    /// What is wrong with it.
    pub(super) flags: Vec<String>,
    pub(super) fields: Map<String, Value>,
    /// How often it came, when repeats are folded.
    pub(super) times: u64,
    pub(super) last: Wall,
}

impl Entry {
    pub(super) fn new(at: Wall, wire: Wire, event: &'static str, headline: impl Into<String>) -> Self {
        Self {
            at,
            wire,
            event,
            headline: headline.into(),
            details: Vec::new(),
            flags: Vec::new(),
            fields: Map::new(),
            times: 1,
            last: at,
        }
    }

    /// Adds a field of the JSON object.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a flag, if there is one.
    pub(super) fn flagged(mut self, flag: Option<&str>) -> Self {
        self.flags.extend(flag.map(str::to_owned));
        self
    }

    pub(super) fn is_call(&self) -> bool {
        matches!(self.event, "voice" | "data")
    }
}

/// Different things of one kind, as many as a list may have.
#[derive(Clone, Debug)]
pub(super) struct Few<T> {
    kept: BTreeSet<T>,
    /// Whether there were more.
    pub(super) more: bool,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { kept: BTreeSet::new(), more: false }
    }
}

impl<T: Ord> Few<T> {
    pub(super) fn insert(&mut self, thing: T) {
        if self.kept.len() < TOLD_LIST || self.kept.contains(&thing) {
            self.kept.insert(thing);
        } else {
            self.more = true;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }
}

/// Text from the network, fit for a terminal: no control characters, nothing that turns the writing around.
pub(super) fn clean(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// `n thing`, in the plural unless 1.
pub(super) fn count(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Milliseconds with a decimal.
pub(super) fn millis(nanos: u64) -> String {
    format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10)
}

/// Milliseconds for JSON, to the microsecond.
pub(super) fn json_millis(nanos: u64) -> Value {
    ((nanos / 1_000) as f64 / 1_000.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_network_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(clean(b"M0ABC\x1b[2J\r\n"), "M0ABC\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(clean("a\u{202e}b".as_bytes()), "a\u{fffd}b");
        assert_eq!(clean(b"caf\xc3\xa9 \xff"), "café \u{fffd}");
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!((count(1, "frame"), count(2, "frame")), ("1 frame".to_owned(), "2 frames".to_owned()));
        assert_eq!((millis(60_040_000), millis(0)), ("60.0 ms".to_owned(), "0.0 ms".to_owned()));
    }
}
