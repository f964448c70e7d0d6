//! How pieces of state travel in a snapshot where serde alone would not do: long arrays, the heap of deadlines, the rows of
//! buckets, lists that are counted. Owns forms, not state; every length that comes in is checked. Source: design §2 (snapshot).

mod at_most;

pub(crate) use at_most::at_most;

use crate::rate::{Rows, WAYS};
use crate::table::TableKey;
use crate::time::{Deadlines, Mono};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Highest number of anything that is numbered without end. Nobody gets there: at a million a second it takes 290,000 years.
/// So what goes on counting from a snapshot never overflows.
pub(crate) const HIGHEST: u64 = u64::MAX / 2;

/// Arrays of any length, which serde knows up to 32 only.
pub(crate) mod array {
    use super::*;

    pub(crate) fn serialize<S: Serializer, T: Serialize, const N: usize>(
        array: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        array.as_slice().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error> {
        let found = Vec::deserialize(deserializer)?;
        let length = found.len();
        found.try_into().map_err(|_| D::Error::invalid_length(length, &"another number of elements"))
    }
}

/// In the order in which they come up, which is the same for the same entries however the heap lies.
impl<K: Serialize + Copy> Serialize for Deadlines<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.in_order(), self.last_order()).serialize(serializer)
    }
}

impl<'de, K: Deserialize<'de> + Copy> Deserialize<'de> for Deadlines<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (entries, order) = <(Vec<(Mono, u64, K)>, u64)>::deserialize(deserializer)?;
        if order > HIGHEST || entries.iter().any(|&(_, place, _)| place > order) {
            return Err(D::Error::custom("more deadlines than can have been set"));
        }
        Ok(Self::from_entries(entries, order))
    }
}

/// Most rows that a snapshot may ask for; a table of strangers has 2,048.
const MOST_ROWS: u32 = 1 << 16;

/// The places that are taken; the key goes along, because which place is whose depends on it.
impl<T: Serialize + Copy> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places = self.rows.iter().flatten().enumerate();
        let taken: Vec<(u32, u64, T)> =
            places.filter(|(_, (tag, _))| *tag != 0).map(|(at, &(tag, value))| (at as u32, tag, value)).collect();
        (self.key, self.rows.len() as u32, taken).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Copy + Default> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (key, rows, taken) = <(TableKey, u32, Vec<(u32, u64, T)>)>::deserialize(deserializer)?;
        if rows > MOST_ROWS {
            return Err(D::Error::custom("more rows than a table has"));
        }
        let mut table = Self::new(key, rows as usize);
        for (at, tag, value) in taken {
            let row = table.rows.get_mut(at as usize / WAYS);
            let place = row.and_then(|row| row.get_mut(at as usize % WAYS));
            *place.ok_or_else(|| D::Error::custom("a place that the table does not have"))? = (tag, value);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::{Buckets, Rate};
    use crate::time::Span;

    #[test]
    fn the_heap_comes_back_in_its_order_and_goes_on_counting() {
        let mut heap = Deadlines::default();
        for (at, key) in [(30, 4u8), (10, 1), (20, 2), (20, 3)] {
            heap.set(Mono(at), key);
        }
        let bytes = postcard::to_allocvec(&heap).unwrap();
        let mut back: Deadlines<u8> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_allocvec(&back).unwrap(), bytes);
        back.set(Mono(20), 9);
        heap.set(Mono(20), 9);
        let drain = |heap: &mut Deadlines<u8>| -> Vec<_> { core::iter::from_fn(|| heap.pop_due(Mono(99))).collect() };
        assert_eq!(drain(&mut back), drain(&mut heap));
    }

    #[test]
    fn a_heap_that_cannot_have_been_counted_is_refused() {
        let read = |entries: Vec<(u64, u64, u8)>, order: u64| {
            postcard::from_bytes::<Deadlines<u8>>(&postcard::to_allocvec(&(entries, order)).unwrap())
        };
        assert!(read(vec![(u64::MAX, HIGHEST, 1)], HIGHEST).is_ok());
        assert!(read(vec![(5, 8, 1)], 7).is_err());
        assert!(read(Vec::new(), HIGHEST + 1).is_err());
    }

    #[test]
    fn buckets_come_back_as_empty_as_they_were_and_places_that_do_not_exist_are_refused() {
        let mut buckets = Buckets::new(TableKey([3; 16]), Rate::new(2, Span::secs(10)), 8);
        assert!(buckets.take(b"a", Mono(5)) && buckets.take(b"a", Mono(5)));
        let bytes = postcard::to_allocvec(&buckets).unwrap();
        let mut back: Buckets = postcard::from_bytes(&bytes).unwrap();
        assert!(!back.take(b"a", Mono(5)) && back.take(b"b", Mono(5)));
        let wrong = postcard::to_allocvec(&(TableKey([0; 16]), 1u32, vec![(4u32, 1u64, Mono(0))])).unwrap();
        assert!(postcard::from_bytes::<Rows<Mono>>(&wrong).is_err());
        let many = postcard::to_allocvec(&(TableKey([0; 16]), u32::MAX, Vec::<(u32, u64, Mono)>::new())).unwrap();
        assert!(postcard::from_bytes::<Rows<Mono>>(&many).is_err());
    }
}
