//! What is kept of a story until it can be told in order: entries, repeats folded into the first, up to a limit, and a count of
//! what found no place. Owns folding, the limits of a story and its order; knows no protocol. Source: `docs/decode.md`.

use super::Detail;
use super::entry::Entry;
use crate::limits::{FOLD_WITHIN, TOLD_CALLS, TOLD_MESSAGES, TOLD_UNKNOWN};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A direction between two addresses.
pub(super) type Lane = (SocketAddr, SocketAddr);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is an entry of its own, at this place.
    New(usize),
    /// It is counted into the same one before.
    Folded,
    /// It is not kept.
    Nowhere,
}

/// Datagrams that are not understood, by why and by ports.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown {
    /// Why, from which port and to which: how many.
    pub(super) rows: BTreeMap<(&'static str, u16, u16), u64>,
    /// How many more, for which there was no row.
    pub(super) others: u64,
}

impl Unknown {
    pub(super) fn count(&mut self, why: &'static str, from: u16, to: u16) {
        let full = self.rows.len() >= TOLD_UNKNOWN;
        match self.rows.get_mut(&(why, from, to)) {
            Some(times) => *times += 1,
            None if full => self.others += 1,
            None => drop(self.rows.insert((why, from, to), 1)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The entries of a story.
pub(super) struct Kept {
    detail: Detail,
    entries: Vec<Entry>,
    messages: usize,
    /// Calls that have an entry, or will have one when they end.
    calls: usize,
    /// The entry into which the next repeat goes.
    folds: BTreeMap<(Lane, String), usize>,
    /// Where two addresses last said something for the first time.
    news: BTreeMap<Lane, usize>,
    left_out: u64,
}

impl Kept {
    pub(super) fn new(detail: Detail) -> Self {
        Self {
            detail,
            entries: Vec::new(),
            messages: 0,
            calls: 0,
            folds: BTreeMap::new(),
            news: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Adds a message of a login, or counts it to the same one before if the two speakers said nothing new since: what
    /// goes round and round is told twice, and a second login after something happened is told anew.
    pub(super) fn message(&mut self, entry: Entry) -> Placed {
        let between = (entry.wire.from.min(entry.wire.to), entry.wire.from.max(entry.wire.to));
        let new = self.news.get(&between).copied();
        let (placed, is_new) = self.fold(entry, |place| new.is_none_or(|new| place > new));
        if let (Placed::New(place), true) = (placed, is_new) {
            self.news.insert(between, place);
        }
        placed
    }

    /// Adds a message that is repeated as a rule, or counts it to the same one before.
    pub(super) fn usual(&mut self, entry: Entry) {
        self.fold(entry, |_| true);
    }

    /// What became of a message that may be counted into one at a place that `may` admits, and whether it is the first.
    fn fold(&mut self, entry: Entry, may: impl Fn(usize) -> bool) -> (Placed, bool) {
        if self.detail != Detail::Story {
            return (self.alone(entry), false);
        }
        let key = ((entry.wire.from, entry.wire.to), text(&entry));
        let before = self.folds.get(&key).copied();
        if let Some(first) = before.filter(|place| may(*place)).and_then(|place| self.entries.get_mut(place)) {
            if entry.at.0.saturating_sub(first.last.0) <= FOLD_WITHIN.0 {
                first.times += 1;
                first.last = first.last.max(entry.at);
                return (Placed::Folded, false);
            }
        }
        let placed = self.alone(entry);
        if let Placed::New(place) = placed {
            self.folds.insert(key, place);
        }
        (placed, before.is_none())
    }

    /// Adds a message into which none is folded here.
    pub(super) fn alone(&mut self, entry: Entry) -> Placed {
        match self.detail {
            Detail::Calls => return Placed::Nowhere,
            Detail::Messages => {}
            Detail::Story if self.messages >= TOLD_MESSAGES => {
                self.leave_out(1);
                return Placed::Nowhere;
            }
            Detail::Story => self.messages += 1,
        }
        self.entries.push(entry);
        Placed::New(self.entries.len() - 1)
    }

    /// The entry at a place that [`Placed::New`] told.
    pub(super) fn entry(&mut self, place: usize) -> Option<&mut Entry> {
        self.entries.get_mut(place)
    }

    /// Whether there is room for one more call; if not, the datagram that would begin it is left out.
    pub(super) fn call_begins(&mut self) -> bool {
        let room = self.calls < TOLD_CALLS;
        if room {
            self.calls += 1;
        } else {
            self.leave_out(1);
        }
        room
    }

    /// Adds a call for which there was room when it began.
    pub(super) fn call(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// So many datagrams are not told.
    pub(super) fn leave_out(&mut self, datagrams: u64) {
        if self.detail != Detail::Messages {
            self.left_out += datagrams;
        }
    }

    /// What was added since the last time, where nothing is kept.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.entries.drain(..)
    }

    /// Everything in order of time, and how many datagrams are not in it.
    pub(super) fn finish(mut self) -> (Vec<Entry>, u64) {
        // A stable sort: what is of the same moment stays in the order in which it was told.
        self.entries.sort_by_key(|entry| entry.at);
        (self.entries, self.left_out)
    }
}

/// Everything that an entry says: what differs in nothing of it is a repeat.
fn text(entry: &Entry) -> String {
    let parts = [entry.event, &entry.wire.who, &entry.headline].into_iter();
    let more = entry.details.iter().chain(&entry.flags).map(String::as_str);
    parts.chain(more).collect::<Vec<_>>().join("\n")
}
