//! Newtypes for the numbers of DMR networking. Owns their ranges and byte orders; never turns an [`RfTg`] into a
//! [`ConferenceTg`] by itself: only a subscription does that (`routing::subscription`). Source: `wire.md` §1.1, §1.7.

use core::fmt;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads a big-endian 24-bit number ("id3"), the form of radio IDs and talkgroups on the wire.
pub const fn id3(bytes: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

/// Writes the low 24 bits of `value` big-endian.
pub const fn to_id3(value: u32) -> [u8; 3] {
    let [_, a, b, c] = value.to_be_bytes();
    [a, b, c]
}

macro_rules! number {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// DMR ID of a hotspot, repeater or gateway on the access side ("repeater id", id4 on the wire): 6-digit repeater
    /// IDs, 7-digit user IDs and 9-digit hotspot IDs all occur, so it needs 32 bits.
    ClientId
}
number! {
    /// DMR ID of a radio (24 bits, id3 on the wire); 1 … 16776415 are valid sources.
    RadioId
}
number! {
    /// Talkgroup number as a terminal sees it on RF (24 bits). Means a conference only through a subscription.
    RfTg
}
number! {
    /// Network-wide identity of a talkgroup: the conference bridge itself (24 bits).
    ConferenceTg
}
number! {
    /// Opaque stream identity, never rewritten on forwarding. 0 is not a stream.
    StreamId
}
number! {
    /// Identity of a server in the mesh: 4 to 7 decimal digits.
    ServerId
}

impl ClientId {
    /// The ID of FreeDMR status probes: answered with a challenge, granted nothing (`wire.md` 1.1).
    pub const PROBE: Self = Self(u32::MAX);
    /// The wire form: big-endian.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
    /// From the wire form.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }
}

impl StreamId {
    /// The wire form: four bytes as they came.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
    /// From the wire form.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }
}

macro_rules! id3_number {
    ($name:ident) => {
        impl $name {
            /// The wire form: low 24 bits, big-endian.
            pub const fn to_bytes(self) -> [u8; 3] {
                to_id3(self.0)
            }
            /// From the wire form.
            pub const fn from_bytes(bytes: [u8; 3]) -> Self {
                Self(id3(bytes))
            }
        }
    };
}
id3_number!(RadioId);
id3_number!(RfTg);
id3_number!(ConferenceTg);

impl RadioId {
    /// Largest valid source; what lies above are ETSI gateway addresses (`wire.md` 1.8).
    pub const MAX: Self = Self(16_776_415);
}

/// A timeslot of a client: a line with its own capacity. In JSON it is 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Timeslot 1; bit 0x80 of the DMRD bits byte clear.
    One,
    /// Timeslot 2; bit 0x80 set.
    Two,
}

impl Slot {
    /// Both slots in order.
    pub const BOTH: [Self; 2] = [Self::One, Self::Two];
    /// 0 or 1, for tables of two.
    pub const fn index(self) -> usize {
        self as usize
    }
    /// 1 or 2, as people say it.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }
    /// The other slot.
    pub const fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number(), f)
    }
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = serializer.is_human_readable();
        serializer.serialize_u8(if readable { self.number() } else { *self as u8 })
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let first = u8::from(deserializer.is_human_readable());
        match u8::deserialize(deserializer)?.checked_sub(first) {
            Some(0) => Ok(Self::One),
            Some(1) => Ok(Self::Two),
            _ => Err(D::Error::custom("a slot is 1 or 2")),
        }
    }
}

/// Number of a listener, stable across reloads as long as its name is in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerId(pub u16);

/// Number of a session since the server's start; never used twice. What reports and logs name it by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionNo(pub u64);

/// Number of a call since the server's start; never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallNo(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_three_bytes_are_big_endian_and_lose_the_top_byte() {
        assert_eq!(RadioId::from_bytes([0x23, 0xca, 0xce]), RadioId(2_345_678));
        assert_eq!(RfTg(0xff00_005b).to_bytes(), [0, 0, 0x5b]);
    }

    #[test]
    fn slots_number_from_one_and_index_from_zero() {
        assert_eq!(Slot::BOTH.map(Slot::number), [1, 2]);
        assert_eq!(Slot::BOTH.map(Slot::index), [0, 1]);
        assert_eq!(Slot::BOTH.map(Slot::other), [Slot::Two, Slot::One]);
    }

    #[test]
    fn a_slot_is_its_number_in_json_and_its_index_in_one_byte_elsewhere() {
        for slot in Slot::BOTH {
            assert_eq!(serde_json::to_string(&slot).unwrap(), slot.number().to_string());
            assert_eq!(serde_json::from_str::<Slot>(&slot.number().to_string()).unwrap(), slot);
            let bytes = postcard::to_allocvec(&slot).unwrap();
            assert_eq!(bytes, [slot.index() as u8]);
            assert_eq!(postcard::from_bytes::<Slot>(&bytes).unwrap(), slot);
        }
        assert!(serde_json::from_str::<Slot>("0").is_err() && serde_json::from_str::<Slot>("3").is_err());
        assert!(postcard::from_bytes::<Slot>(&[2]).is_err());
    }
}
