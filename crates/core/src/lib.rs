//! Ragchew's core: what should happen. Bytes and time in, effects out; no sockets, clocks, threads, files, environment,
//! logging or random source. The same seed and the same inputs at the same times give the same effects, byte for byte.
//! Source: design §2.
#![forbid(unsafe_code)]

pub mod access;
pub mod config;
pub mod effects;
pub mod id;
pub mod limits;
pub mod net;
pub mod rate;
pub mod refusal;
pub mod report;
mod seed;
pub mod table;
pub mod time;
pub mod wire;

pub use config::Config;
pub use effects::Effects;
pub use seed::{ScriptedSalt, Seed};
pub use time::{Mono, Now, Span, Wall};

use net::Path;

/// One thing that reaches the core.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came in.
    Datagram {
        /// Where from, and to which socket and address of ours.
        path: Path,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// What is due at `now` happens, in order of time, at most [`limits::DEADLINES_PER_TURN`] entries a call.
    Deadline,
    /// A new checked configuration; the core computes the difference and keeps every session it can.
    Replace(Box<Config>),
    /// Orderly end: calls are ended, clients told; [`Effects::drained`] says when it is complete.
    Drain,
}

/// All state of the packet plane, as plain data.
#[derive(Debug)]
pub struct Core {
    config: Box<Config>,
}

impl Core {
    /// A core without sessions.
    pub fn new(config: Config, _seed: Seed, _now: Now) -> Self {
        Self { config: Box::new(config) }
    }

    /// Works off one input; what comes of it is added to `effects`.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>, _effects: &mut Effects) {
        let _ = &self.config;
    }

    /// When [`Input::Deadline`] is wanted next.
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    /// Refusals by reason since the start.
    pub fn refusals(&self) -> &refusal::Refusals {
        todo!()
    }

    /// Sessions that are logged in completely.
    pub fn running_sessions(&self) -> usize {
        0
    }
}
