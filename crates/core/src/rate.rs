//! Token buckets in a table of fixed size. Owns how fast strangers may cost us work; never bans anybody: a bucket that is
//! pushed out by others starts again full. Source: `wire.md` 1.3, design §8.

use crate::table::TableKey;
use crate::time::{Mono, Span};
use serde::{Deserialize, Serialize};

/// How a bucket fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Time for one token.
    pub per_token: Span,
}

impl Rate {
    /// `burst` tokens at once, then one per `per_token`.
    pub const fn new(burst: u32, per_token: Span) -> Self {
        Self { burst, per_token }
    }
    const fn depth(self) -> u64 {
        self.per_token.0.saturating_mul(self.burst as u64)
    }
}

/// One bucket, kept as the moment at which it will be full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    full_at: Mono,
}

impl Bucket {
    /// Takes a token; false when there is none.
    pub fn take(&mut self, rate: Rate, now: Mono) -> bool {
        let full_at = Mono(self.full_at.0.max(now.0)) + rate.per_token;
        if full_at.since(now).0 > rate.depth() {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

/// Places of a row.
pub(crate) const WAYS: usize = 4;

/// Small values by key, four places a row. Its memory is set when it is made and never grows: without a place for a key,
/// the value of its row that ranks lowest makes room. Keys are bytes, because which row one falls into can be seen from
/// outside and has to be the same on every machine.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    pub(crate) key: TableKey,
    pub(crate) rows: Vec<[(u64, T); WAYS]>,
}

impl<T: Copy + Default> Rows<T> {
    /// `rows` of four places each.
    pub fn new(key: TableKey, rows: usize) -> Self {
        Self { key, rows: vec![[(0, T::default()); WAYS]; rows.max(1)] }
    }

    /// The value of `who`, if it has a place.
    pub fn get(&self, who: &[u8]) -> Option<&T> {
        let tag = self.tag(who);
        self.rows.get(self.row(tag))?.iter().find(|(t, _)| *t == tag).map(|(_, value)| value)
    }

    /// The value of `who`, if it has a place, to change it.
    pub fn get_mut(&mut self, who: &[u8]) -> Option<&mut T> {
        let tag = self.tag(who);
        let row = self.row(tag);
        self.rows.get_mut(row)?.iter_mut().find(|(t, _)| *t == tag).map(|(_, value)| value)
    }

    /// The value of `who`, in a place that is made for it when it has none.
    pub fn entry(&mut self, who: &[u8], rank: impl Fn(&T) -> u64) -> Option<&mut T> {
        let tag = self.tag(who);
        let row = self.row(tag);
        let row = self.rows.get_mut(row)?;
        let place = match row.iter().position(|(t, _)| *t == tag) {
            Some(place) => place,
            None => {
                let lowest = (0..WAYS).min_by_key(|&i| row.get(i).map(|(_, value)| rank(value)))?;
                *row.get_mut(lowest)? = (tag, T::default());
                lowest
            }
        };
        row.get_mut(place).map(|(_, value)| value)
    }

    /// Never 0, which marks an empty place.
    fn tag(&self, who: &[u8]) -> u64 {
        self.key.hash_bytes(who) | 1
    }

    fn row(&self, tag: u64) -> usize {
        ((tag >> 1) % self.rows.len().max(1) as u64) as usize
    }
}

/// Buckets by key, in a table of fixed size; the bucket that is fullest makes room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Buckets {
    rate: Rate,
    rows: Rows<Bucket>,
}

impl Buckets {
    /// `rows` of four buckets.
    pub fn new(key: TableKey, rate: Rate, rows: usize) -> Self {
        Self { rate, rows: Rows::new(key, rows) }
    }

    /// Takes a token of `who`; false when there is none.
    pub fn take(&mut self, who: &[u8], now: Mono) -> bool {
        let rate = self.rate;
        self.rows.entry(who, |bucket| bucket.full_at.0).is_none_or(|bucket| bucket.take(rate, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STRANGER_ROWS;
    const RATE: Rate = Rate::new(3, Span::secs(10));

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_token_a_period() {
        let mut bucket = Bucket::default();
        let at = |s: u64| Mono(1) + Span::secs(s);
        assert_eq!([0, 0, 0, 0].map(|s| bucket.take(RATE, at(s))), [true, true, true, false]);
        assert!(!bucket.take(RATE, at(9)));
        assert!(bucket.take(RATE, at(10)));
        assert!(!bucket.take(RATE, at(11)));
        assert_eq!([100; 4].map(|s| bucket.take(RATE, at(s))), [true, true, true, false]);
    }

    #[test]
    fn a_stranger_more_than_a_row_has_places_takes_that_of_the_fullest_bucket_and_the_table_stays_as_it_is() {
        let mut buckets = Buckets::new(TableKey([1; 16]), RATE, STRANGER_ROWS);
        let in_first_row = |who: &[u8; 4]| buckets.rows.row(buckets.rows.tag(who)) == 0;
        let whos: Vec<_> = (0..u32::MAX).map(u32::to_be_bytes).filter(in_first_row).take(WAYS + 1).collect();
        for (n, who) in whos.iter().enumerate() {
            (0..=n.min(2)).for_each(|_| assert!(buckets.take(who, Mono(1))));
        }
        let known: Vec<_> = whos.iter().map(|who| buckets.rows.get(who).is_some()).collect();
        assert_eq!(known, [false, true, true, true, true]);
        assert!(!buckets.take(&whos[4], Mono(1)), "what makes room does not forgive");
        assert_eq!(buckets.rows.rows.len(), STRANGER_ROWS);
    }

    #[test]
    fn a_flood_of_keys_never_grows_the_table_and_leaves_recent_buckets_counting() {
        let mut buckets = Buckets::new(TableKey([1; 16]), RATE, 64);
        for who in 0..100_000u32 {
            buckets.take(&who.to_be_bytes(), Mono(1));
        }
        assert_eq!(buckets.rows.rows.len(), 64);
        let mut one = Buckets::new(TableKey([1; 16]), RATE, 64);
        assert_eq!([b"nine"; 4].map(|who| one.take(who, Mono(1))), [true, true, true, false]);
        assert!(one.take(b"eight", Mono(1)) && !one.take(b"nine", Mono(1)));
    }
}
