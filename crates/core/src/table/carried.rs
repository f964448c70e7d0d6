//! How a table travels in a snapshot: as its pairs, sorted by key, so that the same entries are the same bytes whatever
//! the hashes are. The one place that walks through a table; no effect can see the order. Source: design §2 (snapshot).

use super::{Table, TableFull, TableKey};
use crate::carried::at_most;
use crate::limits::MAX_SUBSCRIPTIONS;
use core::hash::Hash;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

impl<K: Serialize + Ord, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<(&K, &V)> = self.map.iter().collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(b.0));
        serializer.collect_seq(pairs)
    }
}

/// The table has neither a key nor a limit of its own before `Table::settle`; the largest of all holds subscriptions.
impl<'de, K: Deserialize<'de> + Eq + Hash, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs: Vec<(K, V)> = at_most::<_, _, MAX_SUBSCRIPTIONS>(deserializer)?;
        let mut map = HashMap::with_capacity_and_hasher(pairs.len(), TableKey([0; 16]));
        map.extend(pairs);
        Ok(Self { map, limit: usize::MAX })
    }
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// Gives a table that came out of a snapshot its key and its limit.
    ///
    /// # Errors
    /// It holds more than that.
    pub(crate) fn settle(&mut self, key: TableKey, limit: usize) -> Result<(), TableFull> {
        if self.map.len() > limit {
            return Err(TableFull);
        }
        let mut settled = HashMap::with_capacity_and_hasher(self.map.len(), key);
        settled.extend(core::mem::take(&mut self.map));
        *self = Self { map: settled, limit };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_entries_are_the_same_bytes_whatever_the_key_and_the_order_of_coming() {
        let mut bytes = Vec::new();
        for (key, order) in [(1, [1, 2, 3]), (9, [3, 1, 2])] {
            let mut table = Table::new(TableKey([key; 16]), 8);
            order.into_iter().for_each(|n: u32| assert_eq!(table.insert(n, n * 10), Ok(None)));
            bytes.push(postcard::to_allocvec(&table).unwrap());
        }
        assert_eq!(bytes[0], bytes[1]);
        assert_eq!(bytes[0], [3, 1, 10, 2, 20, 3, 30]);
        let mut back: Table<u32, u32> = postcard::from_bytes(&bytes[0]).unwrap();
        assert_eq!(back.settle(TableKey([4; 16]), 2), Err(TableFull));
        assert_eq!(back.settle(TableKey([4; 16]), 3), Ok(()));
        assert_eq!(back.insert(4, 40), Err(TableFull));
        assert_eq!(back.get(&2), Some(&20));
    }
}
