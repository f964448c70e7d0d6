//! Time as values: [`Mono`] for every timer, [`Wall`] for stamps that people or other servers read, and the one heap of
//! deadlines. Owns no clock and never asks for one: each input carries its [`Now`]. Source: design §2.

use core::cmp::Reverse;
use core::num::NonZeroU64;
use core::ops::Add;
use serde::{Deserialize, Serialize};
use std::collections::BinaryHeap;

/// Nanoseconds of a clock that never steps back and counts suspended time (CLOCK_BOOTTIME).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mono(pub u64);

/// A [`Mono`] that leaves room for "none" in its eight octets: there may be millions of them. The very first nanosecond
/// counts as the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// That moment.
    pub(crate) const fn at(mono: Mono) -> Self {
        match NonZeroU64::new(mono.0) {
            Some(nanoseconds) => Self(nanoseconds),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// When it is.
    pub(crate) const fn mono(self) -> Mono {
        Mono(self.0.get())
    }
}

/// Nanoseconds since 1970-01-01 UTC, as the system believes it; may step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub u64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(pub u64);

/// The moment of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Now {
    /// For timers.
    pub mono: Mono,
    /// For stamps.
    pub wall: Wall,
}

impl Span {
    /// So many milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }
    /// So many seconds.
    pub const fn secs(n: u64) -> Self {
        Self::millis(n.saturating_mul(1_000))
    }
    /// So many minutes.
    pub const fn minutes(n: u64) -> Self {
        Self::secs(n.saturating_mul(60))
    }
    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Mono {
    /// The time from `earlier` to this moment; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Mono {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Add<Span> for Wall {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// The heap of everything that is due at a time. Equal times come out in the order in which they were set, so that the
/// same history gives the same order on every machine.
///
/// A record keeps at most one live entry here: [`Deadlines::set`] is called when the record is made and when the entry
/// pops before the record's own deadline (a refresh only writes the record). Entries of dead records are recognised by
/// the generation in their key and cost nothing but their place until they pop.
#[derive(Clone, Debug)]
pub struct Deadlines<K> {
    heap: BinaryHeap<Reverse<Entry<K>>>,
    order: u64,
}

/// Entries for which there is room from the start.
const USUAL_DEADLINES: usize = 1_024;

#[derive(Clone, Copy, Debug)]
struct Entry<K> {
    at: Mono,
    order: u64,
    key: K,
}

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl<K> Eq for Entry<K> {}
impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Entry<K> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { heap: BinaryHeap::with_capacity(USUAL_DEADLINES), order: 0 }
    }
}

impl<K: Copy> Deadlines<K> {
    /// Adds an entry for `key` at `at`.
    pub fn set(&mut self, at: Mono, key: K) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at, order: self.order, key }));
    }

    /// Every entry with its place in the order of setting, in the order in which they come up.
    pub(crate) fn in_order(&self) -> Vec<(Mono, u64, K)> {
        let mut entries: Vec<_> = self.heap.iter().map(|Reverse(entry)| (entry.at, entry.order, entry.key)).collect();
        entries.sort_unstable_by_key(|&(at, order, _)| (at, order));
        entries
    }

    /// Entries that were ever set.
    pub(crate) fn last_order(&self) -> u64 {
        self.order
    }

    /// The heap that [`Self::in_order`] and [`Self::last_order`] tell of.
    pub(crate) fn from_entries(entries: Vec<(Mono, u64, K)>, order: u64) -> Self {
        let mut heap = Self::default();
        heap.heap.extend(entries.into_iter().map(|(at, order, key)| Reverse(Entry { at, order, key })));
        heap.order = order;
        heap
    }

    /// The earliest time in the heap.
    pub fn next(&self) -> Option<Mono> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the earliest entry that is due at `now`.
    pub fn pop_due(&mut self, now: Mono) -> Option<(Mono, K)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.key))
    }

    /// Entries held, dead ones included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_of_time_and_then_of_setting() {
        let mut heap = Deadlines::default();
        for (at, key) in [(30, 'd'), (10, 'a'), (20, 'b'), (20, 'c')] {
            heap.set(Mono(at), key);
        }
        assert_eq!(heap.next(), Some(Mono(10)));
        assert_eq!(heap.pop_due(Mono(9)), None);
        let due: Vec<_> = core::iter::from_fn(|| heap.pop_due(Mono(20))).map(|(_, key)| key).collect();
        assert_eq!(due, ['a', 'b', 'c']);
        assert_eq!(heap.len(), 1);
    }

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(Mono(5).since(Mono(9)), Span(0));
        assert_eq!(Mono(u64::MAX) + Span::secs(1), Mono(u64::MAX));
    }
}
