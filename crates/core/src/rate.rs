//! Token buckets in a table of fixed size. Owns how fast strangers may cost us work; never bans anybody: a bucket that is
//! pushed out by others starts again full. Source: `wire.md` 1.3, design §8.

use crate::table::TableKey;
use crate::time::{Mono, Span};
use core::hash::Hash;

/// How a bucket fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

    /// Whether a token could be taken.
    pub fn has_token(&self, rate: Rate, now: Mono) -> bool {
        let mut copy = *self;
        copy.take(rate, now)
    }
}

const WAYS: usize = 4;

/// Buckets by key, four places a row. Its memory is set when it is made and never grows.
#[derive(Clone, Debug)]
pub struct Buckets {
    key: TableKey,
    rate: Rate,
    rows: Vec<[(u64, Bucket); WAYS]>,
}

impl Buckets {
    /// `rows` (a power of two is best) of four buckets.
    pub fn new(key: TableKey, rate: Rate, rows: usize) -> Self {
        Self { key, rate, rows: vec![[(0, Bucket::default()); WAYS]; rows.max(1)] }
    }

    /// Takes a token of `who`; false when there is none. Without a bucket for `who`, the one in its row that is fullest
    /// makes place.
    pub fn take<K: Hash>(&mut self, who: &K, now: Mono) -> bool {
        let rate = self.rate;
        self.bucket(who).is_none_or(|bucket| bucket.take(rate, now))
    }

    /// Whether `who` has a token left; takes nothing and makes no bucket.
    pub fn has_token<K: Hash>(&self, who: &K, now: Mono) -> bool {
        let tag = self.tag(who);
        let Some(row) = self.rows.get(self.row(tag)) else { return true };
        row.iter().find(|(t, _)| *t == tag).is_none_or(|(_, bucket)| bucket.has_token(self.rate, now))
    }

    fn tag<K: Hash>(&self, who: &K) -> u64 {
        self.key.hash_one(who) | 1
    }

    fn row(&self, tag: u64) -> usize {
        (tag >> 1) as usize % self.rows.len().max(1)
    }

    fn bucket<K: Hash>(&mut self, who: &K) -> Option<&mut Bucket> {
        let tag = self.tag(who);
        let row = self.row(tag);
        let row = self.rows.get_mut(row)?;
        let place = match row.iter().position(|(t, _)| *t == tag) {
            Some(place) => place,
            None => {
                let fullest = (0..WAYS).min_by_key(|&i| row.get(i).map(|(_, bucket)| bucket.full_at))?;
                *row.get_mut(fullest)? = (tag, Bucket::default());
                fullest
            }
        };
        row.get_mut(place).map(|(_, bucket)| bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn a_flood_of_keys_never_grows_the_table_and_leaves_recent_buckets_counting() {
        let mut buckets = Buckets::new(TableKey([1; 16]), RATE, 64);
        for who in 0..100_000u32 {
            buckets.take(&who, Mono(1));
        }
        assert_eq!(buckets.rows.len(), 64);
        let mut one = Buckets::new(TableKey([1; 16]), RATE, 64);
        assert_eq!([9u32; 4].map(|who| one.take(&who, Mono(1))), [true, true, true, false]);
        assert!(one.take(&8u32, Mono(1)) && !one.has_token(&9u32, Mono(1)) && one.has_token(&7u32, Mono(1)));
    }
}
