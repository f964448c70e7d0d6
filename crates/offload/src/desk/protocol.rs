//! The words of the command socket: one JSON object a line, in both directions. A connection may ask again without waiting;
//! answers carry the number of their request. Source: design §5, R-240 to R-247.

use crate::worker::RecordQuery;
use ragchew_core::id::ClientId;
use serde::{Deserialize, Serialize};

/// One line from an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by whoever asks.
    pub id: u64,
    /// How long the answer may take in milliseconds; without it, five seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// What is asked.
    #[serde(flatten)]
    pub command: Command,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// The server in a few lines.
    Status,
    /// Who is logged in.
    Sessions {
        /// At most so many.
        #[serde(default)]
        limit: Option<u32>,
        /// Those behind this session number.
        #[serde(default)]
        after: Option<u64>,
        /// Of this client alone.
        #[serde(default)]
        client: Option<ClientId>,
    },
    /// Talkgroups with their members.
    Talkgroups {
        /// At most so many.
        #[serde(default)]
        limit: Option<u32>,
        /// Those behind this talkgroup.
        #[serde(default)]
        after: Option<u32>,
    },
    /// Calls on the air, and the last ones that ended.
    Calls,
    /// Every worker with its state.
    Workers,
    /// Starts, stops or restarts a worker.
    Worker {
        /// Its name; `all` for a restart of each, one after the other.
        worker: String,
        /// What to do.
        action: WorkerAction,
    },
    /// How busy everybody is, and how full the queues are.
    Perf,
    /// What was counted, by everybody.
    Counters,
    /// Calls that the database holds.
    Records(RecordQuery),
    /// Sessions that the database holds.
    SessionRecords(RecordQuery),
    /// The last lines of the log, and with `follow` all that come.
    Logs {
        /// At most so many old ones.
        #[serde(default)]
        lines: Option<u32>,
        /// Go on.
        #[serde(default)]
        follow: bool,
    },
    /// Everything that there is, then every event that comes.
    Watch,
    /// Closes the sessions of a client.
    Kick {
        /// Whose.
        client: ClientId,
        /// On this listener alone.
        #[serde(default)]
        listener: Option<String>,
    },
    /// Drops talkgroups that a client keyed up.
    Unlink {
        /// Whose.
        client: ClientId,
        /// 1 or 2; without it, both.
        #[serde(default)]
        slot: Option<u8>,
        /// This one alone.
        #[serde(default)]
        talkgroup: Option<u32>,
    },
    /// Reads the configuration again.
    Reload {
        /// Only says what would change.
        #[serde(default)]
        dry_run: bool,
    },
    /// Refuses new calls and logins, waits for the end of those on the air, then stops.
    Drain {
        /// At most so many seconds.
        #[serde(default)]
        wait_s: Option<u32>,
    },
    /// Ends the server in order, now.
    Stop,
}

/// What to do with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerAction {
    /// Starts it, also when its breaker is open.
    Start,
    /// Ends it in order; it stays down.
    Stop,
    /// Ends it in order and starts it again.
    Restart,
}

/// One line to an operator. A request has any number of `item`s and exactly one `ok` or `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// A part of an answer that goes on: a line of the log, an event.
    Item {
        /// Of the request.
        id: u64,
        /// What.
        value: serde_json::Value,
    },
    /// The answer.
    Ok {
        /// Of the request.
        id: u64,
        /// What.
        value: serde_json::Value,
    },
    /// Nothing was done.
    Error {
        /// Of the request; none when the line was none.
        id: Option<u64>,
        /// Why, and what to do.
        #[serde(flatten)]
        complaint: Complaint,
    },
}

/// Why nothing was done, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// For scripts: `unknown_command`, `no_such_client`, `timeout`, `busy`, …
    pub code: String,
    /// For people.
    pub why: String,
}

impl Command {
    /// As it is written.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Sessions { .. } => "sessions",
            Self::Talkgroups { .. } => "talkgroups",
            Self::Calls => "calls",
            Self::Workers => "workers",
            Self::Worker { .. } => "worker",
            Self::Perf => "perf",
            Self::Counters => "counters",
            Self::Records(_) => "records",
            Self::SessionRecords(_) => "session_records",
            Self::Logs { .. } => "logs",
            Self::Watch => "watch",
            Self::Kick { .. } => "kick",
            Self::Unlink { .. } => "unlink",
            Self::Reload { .. } => "reload",
            Self::Drain { .. } => "drain",
            Self::Stop => "stop",
        }
    }

    /// Whether it changes something, so that it is written down who asked.
    pub fn is_change(&self) -> bool {
        !matches!(self, Self::Reload { dry_run: true }) && Self::changes(self.name())
    }

    /// Whether a command of this name may change something.
    pub(super) fn changes(name: &str) -> bool {
        ["worker", "kick", "unlink", "reload", "drain", "stop"].contains(&name)
    }

    /// Whether its answer may go on for as long as the asker listens.
    pub const fn goes_on(&self) -> bool {
        matches!(self, Self::Watch | Self::Logs { follow: true, .. })
    }
}

/// Characters of something that came in, as far as a complaint or the log repeats it.
const REPEATED: usize = 120;

impl Complaint {
    /// With this code and this sentence.
    pub fn new(code: &str, why: impl Into<String>) -> Self {
        Self { code: code.to_owned(), why: why.into() }
    }

    /// The begin of a text that came in, short enough to be repeated.
    pub(super) fn cut(text: &str) -> &str {
        text.char_indices().nth(REPEATED).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
    }
}
