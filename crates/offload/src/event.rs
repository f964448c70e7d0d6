//! What the hub passes on: what the core reports and what the server says of itself, in one numbered stream. A number that is
//! missing is an event that was lost, wherever that was. Owns the health events; renders nothing. Source: design §5, R-218,
//! `freedmr2-design.md` 18.7.

mod envelope;

pub use envelope::{Family, Unopened, envelope, from_envelope};

use crate::supervise::{Ending, State, WorkerName};
use ragchew_core::report::{Class, What};
use ragchew_core::time::Wall;
use serde::{Deserialize, Serialize};

/// One event of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Place in the stream of this boot.
    pub seq: u64,
    /// When.
    pub at: Wall,
    /// It is not new: it says once more how things are.
    pub retold: bool,
    /// What.
    pub what: Subject,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // The large one is by far the usual one.
pub enum Subject {
    /// The packet plane.
    Core(What),
    /// The server as a whole, and how its reporting fares.
    Health(Health),
}

impl Subject {
    /// How much it matters.
    pub const fn class(&self) -> Class {
        match self {
            Self::Core(what) => what.class(),
            // They tell of losses: a loss of their own would hide the first.
            Self::Health(_) => Class::Edge,
        }
    }
}

/// Which queue is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueName {
    /// From the reactor to the hub.
    Reactor,
    /// From the hub to this worker.
    Worker(WorkerName),
}

/// What can be wrong with the place where a worker puts things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The disk has no room.
    DiskFull,
    /// The file cannot be opened or written.
    Unwritable,
    /// The file was damaged and set aside under another name; a new one was begun.
    Corrupt,
    /// The file was removed under the worker; it was written anew.
    Removed,
    /// Another program holds the database.
    Locked,
    /// It takes longer than events come.
    Slow,
}

impl Trouble {
    /// What is wrong, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::DiskFull => "the disk is full",
            Self::Unwritable => "the database cannot be opened or written",
            Self::Corrupt => "the database was damaged; it was set aside and a new one begun",
            Self::Removed => "the database was removed while it was in use; it was written anew",
            Self::Locked => "another program holds the database",
            Self::Slow => "the database is slower than the events come",
        }
    }

    /// What to do about it.
    pub const fn cure(self) -> &'static str {
        match self {
            Self::DiskFull => "make room or shorten reporting.sql.keep_days; nothing needs a restart",
            Self::Unwritable => "see to the owner and mode of the file and its directory; nothing needs a restart",
            Self::Corrupt => "look at the disk; the old file has its name with .corrupt and the time",
            Self::Removed => "stop the server before the database is moved or removed",
            Self::Locked => "end what holds it, or give it less time; nothing needs a restart",
            Self::Slow => "use a faster disk, or place the database elsewhere with reporting.sql.file",
        }
    }
}

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The server serves.
    ServerStarted {
        /// Of the program.
        version: String,
    },
    /// The orderly end has begun.
    ServerStopping,
    /// A queue refuses events of this class.
    QueuePressure {
        /// Which.
        queue: QueueName,
        /// The most important class that it refuses.
        class: Class,
    },
    /// It takes everything again.
    QueueRecovered {
        /// Which.
        queue: QueueName,
        /// What it refused meanwhile, by class as in [`Class::ALL`].
        refused: [u64; 3],
    },
    /// So many numbers before this event are missing.
    EventsLost {
        /// Where.
        queue: QueueName,
        /// How many.
        count: u64,
    },
    /// What was lost has been told again as far as it is state.
    Resynced {
        /// Where.
        queue: QueueName,
    },
    /// A worker is in another state.
    WorkerState {
        /// Which.
        worker: WorkerName,
        /// In which.
        state: State,
        /// Which start of it.
        incarnation: u32,
        /// How it ended, if it did.
        ending: Option<Ending>,
    },
    /// Something is wrong with the place where a worker puts things; said once until it is well.
    WorkerTrouble {
        /// Which.
        worker: WorkerName,
        /// What.
        trouble: Trouble,
    },
    /// That trouble is over.
    WorkerWell {
        /// Which.
        worker: WorkerName,
        /// What it was.
        trouble: Trouble,
    },
}
