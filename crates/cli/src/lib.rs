//! The parts of the `ragchew` binary: configuration, commands, and the wiring of core, transport and offload. A library
//! only so that tests and fuzzers reach them; its interface promises nothing. Source: design §1, 6, 7.
#![forbid(unsafe_code)]

pub mod config;
