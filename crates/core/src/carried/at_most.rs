//! Lists that come in are counted while they are read, so that a few bytes cannot ask for much memory: a vacant place of a
//! slot map is two bytes in a snapshot and a whole record in memory. Owns the counting; the numbers stand in `limits`.
//! Source: design §2 (snapshot), §8.

use core::fmt;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Reads a list of at most `N` elements, or what serde makes of one: slot maps with their vacant places.
pub(crate) fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(AtMost(deserializer, N))
}

/// A deserializer that has nothing but a list.
struct AtMost<D>(D, usize);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AtMost<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Counting { visitor, left: self.1 })
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Gives its visitor a list that is counted.
struct Counting<V> {
    visitor: V,
    left: usize,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Counting<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(CountedList { list, left: self.left })
    }
}

/// A list with the number of elements that may still come.
struct CountedList<A> {
    list: A,
    left: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for CountedList<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let element = self.list.next_element_seed(seed)?;
        if element.is_some() {
            self.left = self.left.checked_sub(1).ok_or_else(|| A::Error::custom("more elements than there may be"))?;
        }
        Ok(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.list.size_hint().map(|hint| hint.min(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::{DefaultKey, SlotMap};

    #[derive(Deserialize)]
    struct Three(#[serde(deserialize_with = "at_most::<_, _, 3>")] SlotMap<DefaultKey, u8>);

    #[test]
    fn vacant_places_count_and_one_too_many_is_refused() {
        let mut map = SlotMap::new();
        let keys = [map.insert(1u8), map.insert(2)];
        assert_eq!(keys.map(|key| map.remove(key)), [Some(1), Some(2)]);
        // The first place of a slot map is never used.
        let three = postcard::to_allocvec(&map).unwrap();
        assert!(postcard::from_bytes::<Three>(&three).is_ok_and(|read| read.0.is_empty()));
        for value in 3..6 {
            map.insert(value);
        }
        let four = postcard::to_allocvec(&map).unwrap();
        assert!(postcard::from_bytes::<Three>(&four).is_err());
    }
}
