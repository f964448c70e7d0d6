//! Ragchew's core: what should happen. Bytes and time in, effects out.
#![forbid(unsafe_code)]

pub mod dmr;
pub mod id;
pub mod time;
pub mod wire;
