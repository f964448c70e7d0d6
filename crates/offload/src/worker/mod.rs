//! What a worker is, wherever it runs: a role that is given events and questions and says what it has kept. Owns the trait
//! and the messages; the same role runs as a process, as a thread, or on the hub's own thread. Source: design §5,
//! `runtime.md` S0-01 to S0-17, S2-14.

mod confine;
mod frame;
mod host;
mod make;
mod message;
mod serve;

pub use message::{
    Answer, Ask, Begin, CallRecord, FromWorker, PROTOCOL, Page, RecordQuery, RequestNo, SessionRecord, SqlSettings,
    ToWorker, Vitals,
};

pub use confine::confine;
pub use frame::{Broken, Reader, Writer};
pub(crate) use host::Host;
pub use host::Workshop;
pub use make::make;
pub use serve::{Make, serve, serve_child};

use crate::event::{Told, Trouble};
use ragchew_core::Mono;
use ragchew_core::id::ListenerId;
use serde::{Deserialize, Serialize};

/// Where a worker runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// In a process of its own: whatever happens to it happens to it alone.
    #[default]
    Process,
    /// On a thread of the server's process: for machines where a process is dear.
    Thread,
    /// On the hub's own thread: for roles that never block, and for tests.
    Single,
}

impl Placement {
    /// Every one, with its word in the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("process", Self::Process), ("thread", Self::Thread), ("single", Self::Single)];

    /// Its word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Thread => "thread",
            Self::Single => "single",
        }
    }
}

/// The work of a worker. Every call may take its time: it never runs on the thread that moves packets.
pub trait Role: Send {
    /// The names of the listeners of the configuration that is in force.
    fn names(&mut self, names: &[(ListenerId, String)]);
    /// Events, in order. They are the role's to keep until it says [`Out::safe`]; the hub keeps them too until then, and
    /// gives them to the next incarnation again if this one ends first.
    fn take(&mut self, now: Mono, told: Vec<Told>, out: &mut Out);
    /// When [`Role::step`] is wanted next, if at all.
    fn next(&self) -> Option<Mono>;
    /// What was due happens.
    fn step(&mut self, now: Mono, out: &mut Out);
    /// Events that it was given and has not kept yet.
    fn held(&self) -> u32;
    /// A question of an operator.
    ///
    /// # Errors
    /// One line that says why there is no answer and what to do.
    fn answer(&mut self, now: Mono, ask: &Ask) -> Result<Answer, String>;
    /// The last call: what can still be kept is kept.
    fn finish(&mut self, now: Mono, out: &mut Out);
}

/// What a role says by the way.
#[derive(Debug, Default)]
pub struct Out {
    /// In the order in which it was said.
    pub said: Vec<FromWorker>,
}

impl Out {
    /// Every event up to this number will survive the end of the worker.
    pub fn safe(&mut self, seq: u64) {
        self.said.push(FromWorker::Safe { seq });
    }

    /// Something is wrong; said once until [`Out::well`].
    pub fn trouble(&mut self, trouble: Trouble, detail: impl Into<String>) {
        self.said.push(FromWorker::Trouble { trouble, detail: detail.into() });
    }

    /// That is over.
    pub fn well(&mut self, trouble: Trouble) {
        self.said.push(FromWorker::Well { trouble });
    }

    /// For so long the worker will look busy: bounded work such as a migration.
    pub fn maintenance(&mut self, for_ms: u32) {
        self.said.push(FromWorker::Maintenance { for_ms });
    }
}
