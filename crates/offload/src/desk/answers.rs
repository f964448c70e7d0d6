//! The typed value of every answer and item of the command socket, for both ends of it. Owns their names and units; a field
//! may be added, none changes its meaning or goes away without [`ragchew_core::report::SCHEMA`]. Fetches nothing.
//! Source: design §5, §7, `runtime.md` S4-12, S4-34.

use crate::event::Trouble;
use crate::supervise::{Ending, State};
use crate::worker::{CallRecord, Page, SessionRecord};
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, RadioId, RfTg, SessionNo, StreamId};
use ragchew_core::report::{CallEnd, Destination, SubscriptionSource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// To `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What the configuration calls the server.
    pub name: String,
    /// Of the program.
    pub version: String,
    /// Names this start of the server: sixteen hexadecimal digits.
    pub boot_id: String,
    /// Of the configuration; 0 for none.
    pub server_id: u32,
    /// Process number.
    pub pid: u32,
    /// When it started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Seconds since then.
    pub uptime_s: u64,
    /// Clients that are logged in.
    pub sessions: u32,
    /// Talkgroups with at least one subscriber.
    pub talkgroups: u32,
    /// Calls on the air.
    pub calls_on_air: u32,
    /// Calls that began since the start, as far as the hub was told.
    pub calls: u64,
    /// How many workers are in each state; states without a worker are not listed.
    pub workers: BTreeMap<State, u32>,
    /// Events on their way from the reactor to the hub.
    pub queue: Queue,
    /// New calls and logins are refused; those on the air go on.
    pub last_calls: bool,
    /// The orderly end has begun.
    pub stopping: bool,
    /// The hub's picture is whole. `false` while what was lost is being told again.
    pub complete: bool,
}

/// How full a queue of events is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Events that wait.
    pub depth: u32,
    /// The most that ever waited.
    pub high_water: u32,
    /// Events that may wait.
    pub capacity: u32,
    /// What it refused since the start.
    pub refused: ByClass,
}

/// A count for each class of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByClass {
    /// One of many of its kind.
    pub sample: u64,
    /// How something is now.
    pub state: u64,
    /// A begin or an end.
    pub edge: u64,
}

impl From<[u64; 3]> for ByClass {
    /// In the order of [`ragchew_core::report::Class::ALL`].
    fn from([sample, state, edge]: [u64; 3]) -> Self {
        Self { sample, state, edge }
    }
}

/// To `sessions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// In the order of their numbers.
    pub rows: Vec<SessionRow>,
    /// For `after` of the next page; none: there is no more.
    pub next: Option<u64>,
}

/// A client that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Number since the start of the server.
    pub session: SessionNo,
    /// Name of the listener it came by.
    pub listener: String,
    /// Its DMR ID.
    pub client: ClientId,
    /// What it calls itself.
    pub callsign: String,
    /// Address and port.
    pub remote: String,
    /// Receive frequency in Hz.
    pub rx_hz: u32,
    /// Transmit frequency in Hz.
    pub tx_hz: u32,
    /// Its colour code, 0 to 15.
    pub colour_code: u8,
    /// As it says: 1 or 2 for one slot, 3 for both, 4 for simplex.
    pub slots: u8,
    /// What it runs.
    pub software: String,
    /// The package that this is of.
    pub package: String,
    /// Where it says that it is.
    pub location: String,
    /// What it says of itself.
    pub description: String,
    /// What its OPTIONS made of it; none when they were not told.
    pub options: Option<OptionsRow>,
    /// Logged in since, in milliseconds since 1970.
    pub since_ms: u64,
    /// Its subscriptions by slot and talkgroup, the first of them ([`crate::limits::ROW_SUBSCRIPTIONS`]).
    pub subscriptions: Vec<SubscriptionRow>,
    /// How many there are.
    pub subscriptions_in_all: u32,
}

/// What OPTIONS made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionsRow {
    /// Static talkgroups on slot 1 and on slot 2.
    pub statics: [u16; 2],
    /// One user-activated talkgroup at a time.
    pub single: bool,
    /// Default reflector; 0 for none.
    pub dial: ConferenceTg,
    /// How long a user-activated talkgroup lasts, in milliseconds.
    pub ua_timer_ms: u64,
    /// Items that were not understood.
    pub voided: u16,
}

/// A subscription, as its session has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRow {
    /// 1 or 2.
    pub slot: u8,
    /// The talkgroup on RF.
    pub rf_tg: RfTg,
    /// The conference that it means.
    pub talkgroup: ConferenceTg,
    /// Whence it came.
    pub source: SubscriptionSource,
}

/// To `talkgroups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talkgroups {
    /// In the order of their numbers.
    pub rows: Vec<TalkgroupRow>,
    /// For `after` of the next page; none: there is no more.
    pub next: Option<u32>,
}

/// A talkgroup that somebody is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkgroupRow {
    /// The conference.
    pub talkgroup: ConferenceTg,
    /// Who is on it by session and slot, the first of them ([`crate::limits::ROW_MEMBERS`]).
    pub members: Vec<MemberRow>,
    /// How many there are.
    pub members_in_all: u32,
    /// Calls on the air to it.
    pub calls_on_air: u32,
}

/// A subscription, as its talkgroup has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Number of the session.
    pub session: SessionNo,
    /// Its DMR ID.
    pub client: ClientId,
    /// What it calls itself.
    pub callsign: String,
    /// 1 or 2.
    pub slot: u8,
    /// The talkgroup on RF.
    pub rf_tg: RfTg,
    /// Whence the subscription came.
    pub source: SubscriptionSource,
}

/// To `calls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Calls on the air, the oldest first ([`crate::limits::CALL_ROWS`] at most).
    pub on_air: Vec<CallRow>,
    /// How many are on the air.
    pub on_air_in_all: u32,
    /// Calls that ended, the newest first.
    pub heard: Vec<CallRow>,
}

/// A call on the air, or one that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Number since the start of the server.
    pub call: CallNo,
    /// The session that brought it.
    pub session: SessionNo,
    /// Name of the listener of that session.
    pub listener: String,
    /// The client that brought it.
    pub client: ClientId,
    /// What that client calls itself; empty when it has left.
    pub callsign: String,
    /// The radio that speaks.
    pub source: RadioId,
    /// 1 or 2.
    pub slot: u8,
    /// The talkgroup on RF.
    pub rf_tg: RfTg,
    /// Where it goes, as in events.
    pub destination: Destination,
    /// Stream identity on the wire.
    pub stream: StreamId,
    /// It was joined after its begin.
    pub late_entry: bool,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How it ended; none while it is on the air.
    pub ended: Option<CallEnded>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnded {
    /// When, in milliseconds since 1970.
    pub ended_ms: u64,
    /// How long it was, in milliseconds.
    pub duration_ms: u64,
    /// Why; none when its end was not told.
    pub cause: Option<CallEnd>,
    /// Frames that came.
    pub frames: u32,
    /// Frames that were missing.
    pub lost: u32,
    /// Frames that came too late.
    pub reordered: u32,
}

/// To `workers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// In the order in which they start.
    pub rows: Vec<WorkerRow>,
    /// Who did not say in time how it is: its row has what the hub knows by itself.
    pub missing: Vec<String>,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its name, as commands take it.
    pub name: String,
    /// Where it is in its life.
    pub state: State,
    /// Which start of it; 0 before the first.
    pub incarnation: u32,
    /// `process`, `thread` or `single`.
    pub placement: String,
    /// Process number, if it is a process that runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// Bytes of memory in use, when it last said so.
    pub memory: Option<u64>,
    /// Bytes of memory that it may have; 0 for no limit.
    pub memory_limit: u64,
    /// Share of its time in which it worked, in per mille, when it last said so.
    pub busy: Option<u16>,
    /// Events on their way to it.
    pub queue: Queue,
    /// How it ended last, if it ever did.
    pub last_ending: Option<Ending>,
    /// What is wrong with the place where it puts things.
    pub trouble: Option<TroubleRow>,
    /// What is missing while it is down, for people; none while it works.
    pub loss: Option<String>,
}

/// What is wrong with the place where a worker puts things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleRow {
    /// What, for scripts.
    pub trouble: Trouble,
    /// The same, for people.
    pub text: String,
    /// What the system or the library said.
    pub detail: String,
    /// What to do.
    pub cure: String,
}

impl TroubleRow {
    /// Of a worker that said so.
    pub fn new(trouble: Trouble, detail: impl Into<String>) -> Self {
        Self { trouble, text: trouble.text().to_owned(), detail: detail.into(), cure: trouble.cure().to_owned() }
    }
}

/// To `perf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perf {
    /// The reactor, the hub, then the workers.
    pub rows: Vec<PerfRow>,
    /// Who did not answer in time.
    pub missing: Vec<String>,
}

/// How busy somebody is, and how full its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerfRow {
    /// `reactor`, `hub` or the name of a worker.
    pub name: String,
    /// Turns of its loop since its start.
    pub turns: u64,
    /// Share of the time since the last question in which it worked, in per mille.
    pub busy: u16,
    /// Microseconds of the longest turn since its start.
    pub longest_turn_us: u64,
    /// Events that wait for it; for the reactor, those that wait for the hub.
    pub queue_depth: u32,
    /// The most that ever waited.
    pub queue_high_water: u32,
    /// Events that may wait.
    pub queue_capacity: u32,
}

/// To `counters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Who counted (`reactor`, `hub`, `desk`, a worker), then name and count since its start.
    pub by: BTreeMap<String, BTreeMap<String, u64>>,
    /// Who did not answer in time.
    pub missing: Vec<String>,
}

/// To `records`.
pub type Records = Page<CallRecord>;

/// To `session_records`.
pub type SessionRecords = Page<SessionRecord>;

/// Item of `logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// As it stands in the log, without a line break.
    pub line: String,
}

/// Item of `logs` and `watch`: items before this one were left out, because the reader was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// How many.
    pub missed: u64,
}

/// To `reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// Nothing was changed: it was only asked what would.
    pub dry_run: bool,
    /// What differs from the configuration that was in force, a line each.
    pub changes: Vec<String>,
    /// What the check found, a line each; warnings, for with an error nothing is reloaded.
    pub findings: Vec<String>,
}

/// To `kick`, `unlink`, `drain`, `stop`, `worker`, and at the end of `logs` and `watch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What was done, for people.
    pub what: String,
}
