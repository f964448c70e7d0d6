//! What hub and worker say to each other: plain values, the same in every placement, as postcard behind a length on a socket.
//! Owns their form and its number; sends nothing. Source: design §5, `runtime.md` S0-11, S1-06, S2-05 to S2-11, S4-12.

use crate::event::{Told, Trouble};
use crate::supervise::Role;
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Number of this form. A worker of another one is refused at its first word.
pub const PROTOCOL: u16 = 2;

/// Number of a question; the answer carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestNo(pub u64);

/// From the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first word.
    Begin(Begin),
    /// The listeners of the configuration that is in force now.
    Names(Vec<(ListenerId, String)>),
    /// Events, in order.
    Told(Vec<Told>),
    /// A question; to be answered once.
    Ask(RequestNo, Ask),
    /// What is there is kept, then the worker ends.
    Stop,
}

/// What a worker is told when it starts: all that it needs and nothing that others need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// [`PROTOCOL`].
    pub protocol: u16,
    /// Its role.
    pub role: Role,
    /// Which start of it; stands in everything that it says.
    pub incarnation: u32,
    /// Names this start of the server: sixteen hexadecimal digits.
    pub boot_id: String,
    /// Of the configuration; 0 for none.
    pub server_id: u32,
    /// Bytes of memory that it may have.
    pub memory: u64,
    /// Settings of the `sql` role.
    pub sql: SqlSettings,
}

/// Settings of the `sql` role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlSettings {
    /// The database; none: in memory, gone with the server.
    pub file: Option<PathBuf>,
    /// Days after which calls and sessions are forgotten; 0: never.
    pub keep_days: u32,
    /// Compatibility views that are wanted, of `feed`, `last_heard`, `lstheard_log`, `tg_count`, `user_count`.
    pub views: Vec<String>,
}

/// From a worker. On a socket each stands behind the incarnation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first word: it works.
    Ready {
        /// [`PROTOCOL`].
        protocol: u16,
    },
    /// Every event up to this number will survive the worker's end.
    Safe {
        /// Of the stream.
        seq: u64,
    },
    /// The answer to a question.
    Answer(RequestNo, Result<Answer, String>),
    /// Something is wrong with the place where it puts things.
    Trouble {
        /// What.
        trouble: Trouble,
        /// What the system or the library said.
        detail: String,
    },
    /// That is over.
    Well {
        /// What it was.
        trouble: Trouble,
    },
    /// For so long it will look busy.
    Maintenance {
        /// Milliseconds.
        for_ms: u32,
    },
    /// The last word: everything that could be kept is kept.
    Finished,
    /// The last word of a role that went wrong; what it said.
    Panic(String),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// How it is; the health check.
    Vitals,
    /// What it counted.
    Counters,
    /// Ended calls (`sql`).
    Calls(RecordQuery),
    /// Sessions, those that have ended included (`sql`).
    Sessions(RecordQuery),
}

/// Which records are wanted, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordQuery {
    /// Of this client.
    pub client: Option<ClientId>,
    /// On this talkgroup.
    pub talkgroup: Option<ConferenceTg>,
    /// Of this radio.
    pub source: Option<RadioId>,
    /// Each radio once, with its last call ("last heard").
    pub last_heard: bool,
    /// At most so many; the worker has a limit of its own.
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<i64>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Ask::Vitals`].
    Vitals(Vitals),
    /// To [`Ask::Counters`]: names and counts.
    Counters(Vec<(String, u64)>),
    /// To [`Ask::Calls`].
    Calls(Page<CallRecord>),
    /// To [`Ask::Sessions`].
    Sessions(Page<SessionRecord>),
}

/// How a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// Share of the time since the last question in which it worked, in per mille.
    pub busy: u16,
    /// Bytes of memory that it has in use.
    pub memory: u64,
    /// Turns of its loop since its start.
    pub turns: u64,
    /// Microseconds of the longest turn since its start.
    pub longest_turn_us: u64,
    /// Events that it has taken since its start.
    pub taken: u64,
    /// Events that it holds and has not kept yet.
    pub held: u32,
}

/// Some records of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The newest first.
    pub rows: Vec<T>,
    /// For [`RecordQuery::after`] of the next page; none: there is no more.
    pub next: Option<i64>,
}

/// A call of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Start of the server that it belongs to.
    pub boot_id: String,
    /// Number in that boot.
    pub call: CallNo,
    /// Name of the listener.
    pub system: String,
    /// The client that brought it.
    pub client: ClientId,
    /// What that client calls itself.
    pub callsign: String,
    /// The radio that spoke.
    pub source: RadioId,
    /// The conference; for a call that went nowhere, the talkgroup on RF.
    pub talkgroup: ConferenceTg,
    /// 1 or 2.
    pub slot: u8,
    /// `group_voice`, `echo` or `refused`.
    pub kind: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    /// The same; none while it is on the air.
    pub ended_ms: Option<u64>,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Frames that came.
    pub frames: u32,
    /// Frames that were missing.
    pub lost: u32,
    /// `terminator`, `timeout` and so on; `lost` when the end was not told.
    pub end_reason: String,
}

/// A session of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Start of the server that it belongs to.
    pub boot_id: String,
    /// Number in that boot.
    pub session: u64,
    /// Name of the listener.
    pub system: String,
    /// The client.
    pub client: ClientId,
    /// What it calls itself.
    pub callsign: String,
    /// Address and port.
    pub remote: String,
    /// What it runs.
    pub software: String,
    /// Milliseconds since 1970.
    pub connected_ms: u64,
    /// The same; none while it is logged in.
    pub ended_ms: Option<u64>,
    /// `closed`, `timed_out` and so on; `lost` when the end was not told.
    pub end_reason: String,
}
