//! What the scenarios stand on: a core on a clock that only a test moves, clients that log in and talk, and the
//! judgements. Knows the core by bytes and time in and effects out only. Source: `behaviour.md` 11.0.

pub(crate) mod asserts;
pub(crate) mod calls;
pub(crate) mod client;
pub(crate) mod coding;
pub(crate) mod picture;
pub(crate) mod random;
pub(crate) mod vectors;
pub(crate) mod world;

pub(crate) use asserts::{Heard, Kind};
pub(crate) use calls::{Call, SentCall, call};
pub(crate) use client::{A, B, C, D, Name};
pub(crate) use world::World;
