//! Hash tables of the core: seeded, bounded, and without a way to iterate them, so that no order of theirs can reach an
//! effect. Owns the only `HashMap` of the crate. Source: design §2 rule 1.
#![allow(clippy::disallowed_types)]

mod carried;

use core::hash::{BuildHasher, Hash};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::collections::HashMap;

/// Key of the tables' hashes, derived from the server's seed: what a remote peer chooses must not be able to collide.
#[derive(Default, Clone, Copy, Serialize, Deserialize)]
pub struct TableKey(pub [u8; 16]);

impl core::fmt::Debug for TableKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TableKey(..)")
    }
}

impl TableKey {
    /// Keyed hash of bytes, without the length prefix of [`Hash`].
    pub fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        self.build_hasher().hash(bytes)
    }
}

impl BuildHasher for TableKey {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

/// A map of at most `limit` entries.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    map: HashMap<K, V, TableKey>,
    limit: usize,
}

/// The table holds as many entries as its limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

impl<K: Eq + Hash, V> Table<K, V> {
    /// An empty table of at most `limit` entries.
    pub fn new(key: TableKey, limit: usize) -> Self {
        Self { map: HashMap::with_hasher(key), limit }
    }

    /// Makes room for `more` entries before they come.
    pub fn reserve(&mut self, more: usize) {
        self.map.reserve(more.min(self.limit));
    }

    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// The value of `key`, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// Sets the value of `key`; refused when that needs a place and none is free.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, TableFull> {
        if self.map.len() >= self.limit && !self.map.contains_key(&key) {
            return Err(TableFull);
        }
        Ok(self.map.insert(key, value))
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key)
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether a new key would be refused.
    pub fn is_full(&self) -> bool {
        self.map.len() >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_refuses_new_keys_and_still_changes_old_ones() {
        let mut table = Table::new(TableKey([7; 16]), 2);
        assert_eq!(table.insert(1, 'a'), Ok(None));
        assert_eq!(table.insert(2, 'b'), Ok(None));
        assert_eq!(table.insert(3, 'c'), Err(TableFull));
        assert_eq!(table.insert(2, 'd'), Ok(Some('b')));
        assert_eq!(table.remove(&1), Some('a'));
        assert_eq!(table.insert(3, 'c'), Ok(None));
        assert_eq!((table.get(&3), table.get(&1), table.len()), (Some(&'c'), None, 2));
    }

    #[test]
    fn the_key_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", TableKey([0xab; 16])), "TableKey(..)");
    }
}
