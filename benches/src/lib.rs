//! What the programs of the benches share: frames of calls, batched sockets, and requests to valgrind. Owns no measurement.
#![allow(clippy::missing_safety_doc)]

pub mod frames;
pub mod net;
pub mod plan;
pub mod valgrind;
