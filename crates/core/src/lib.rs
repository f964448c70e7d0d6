//! Ragchew's core: what should happen. Bytes and time in, effects out; no sockets, clocks, threads, files, environment,
//! logging or random source. The same seed and the same inputs at the same times give the same effects, byte for byte.
//! Source: design §2.
#![forbid(unsafe_code)]

pub mod access;
mod carried;
pub mod config;
pub mod control;
pub mod dmr;
mod drain;
pub mod effects;
pub mod id;
pub mod limits;
pub mod net;
mod operator;
pub mod rate;
mod refs;
pub mod refusal;
pub mod report;
pub mod routing;
mod seed;
pub mod shown;
pub mod snapshot;
pub mod table;
pub mod time;
mod turn;
mod voice;
pub mod wire;
mod witness;

pub use config::Config;
pub use effects::Effects;
pub use routing::TableSizes;
pub use seed::{ScriptedSalt, Seed};
pub use snapshot::{Snapshot, SnapshotError};
pub use time::{Mono, Now, Span, Wall};
pub use witness::Witness;

use access::Access;
use drain::Drain;
use net::Path;
use refusal::Refusal;
use routing::Routing;
use seed::Secrets;
use turn::{Due, Shared, Turn};

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
    /// An operator, or who tells the world, asks for something; [`Effects::replies`] has the answer.
    Control(control::ControlRequest),
    /// Orderly end: calls are ended, clients told; [`Effects::drained`] says when it is complete.
    Drain,
}

/// All state of the packet plane, as plain data.
#[derive(Debug)]
pub struct Core {
    config: Box<Config>,
    shared: Shared,
    access: Access,
    routing: Routing,
    drain: Option<Drain>,
}

impl Core {
    /// A core without sessions.
    pub fn new(config: Config, seed: Seed, _now: Now) -> Self {
        let secrets = Secrets::new(seed);
        let access = Access::new(&config, &secrets);
        let routing = Routing::new(config.policy, &secrets);
        Self { config: Box::new(config), shared: Shared::new(secrets), access, routing, drain: None }
    }

    /// Works off one input; what comes of it is added to `effects`.
    pub fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        self.shared.witness = Witness::default();
        let mut turn = Turn { now, shared: &mut self.shared, effects };
        match input {
            Input::Datagram { .. } if self.drain.is_some() => turn.refuse(Refusal::Draining),
            Input::Datagram { path, bytes } => {
                self.access.receive(&mut turn, &self.config, &mut self.routing, path, bytes);
            }
            Input::Deadline => self.deadline(now, effects),
            Input::Replace(config) => self.replace(now, config, effects),
            Input::Control(request) => self.control(now, request, effects),
            Input::Drain => {
                if self.drain.is_none() {
                    self.drain = Some(Drain::begin(&mut turn, &self.access, &self.routing));
                }
            }
        }
    }

    /// Works off a recorded datagram; what `witness` tells is not asked of the secrets. Only for replays: whoever can give
    /// a witness can log in.
    pub fn handle_witnessed(
        &mut self,
        now: Now,
        path: Path,
        bytes: &[u8],
        witness: Option<Witness>,
        effects: &mut Effects,
    ) {
        self.shared.testimony = witness;
        self.handle(now, Input::Datagram { path, bytes }, effects);
        self.shared.testimony = None;
    }

    /// When [`Input::Deadline`] is wanted next.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.shared.deadlines.next()
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Refusals by reason since the start.
    pub fn refusals(&self) -> &refusal::Refusals {
        &self.shared.refusals
    }

    /// Sessions that are logged in completely.
    pub fn running_sessions(&self) -> usize {
        self.access.sessions().running()
    }

    /// How many records of each kind are held.
    pub fn table_sizes(&self) -> TableSizes {
        let mut sizes = TableSizes {
            sessions: self.access.sessions().len(),
            deadlines: self.shared.deadlines.len(),
            ..TableSizes::default()
        };
        self.routing.fill_sizes(&mut sizes);
        sizes
    }

    fn deadline(&mut self, now: Now, effects: &mut Effects) {
        for _ in 0..limits::DEADLINES_PER_TURN {
            let Some((at, due)) = self.shared.deadlines.pop_due(now.mono) else { return };
            let mut turn = Turn { now, shared: &mut self.shared, effects };
            match due {
                Due::Session(session) => self.access.due(&mut turn, &mut self.routing, session, at),
                Due::Call(call) => self.routing.call_due(&mut turn, call),
                Due::Subscription(subscription) => self.routing.subscription_due(&mut turn, subscription, at),
                Due::Echo(echo) => self.routing.echo_due(&mut turn, echo),
                Due::StreamMemory => {
                    if let Some(again) = self.routing.memory_due(now.mono) {
                        turn.due(again, Due::StreamMemory);
                    }
                }
                Due::Drain => {
                    if let Some(drain) = self.drain.as_mut() {
                        drain.step(&mut turn, &mut self.access, &mut self.routing);
                    }
                }
            }
            if effects.past_soft_limit() {
                return;
            }
        }
    }

    fn replace(&mut self, now: Now, config: Box<Config>, effects: &mut Effects) {
        if self.drain.is_some() {
            return effects.push_retired(config);
        }
        let mut turn = Turn { now, shared: &mut self.shared, effects };
        self.routing.set_policy(config.policy);
        let (kept, closed) = self.access.replace(&mut turn, &config, &mut self.routing);
        turn.report(report::What::Reloaded { kept, closed });
        effects.push_retired(core::mem::replace(&mut self.config, config));
    }
}
