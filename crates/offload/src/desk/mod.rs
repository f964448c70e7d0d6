//! The command socket: operators ask, each request has one answer. Owns the words of the protocol (a line of JSON each way),
//! the connections and what each of them may cost, and the audit; carries out nothing itself. Source: design §5, §7,
//! `runtime.md` S4-12, S4-34.
//!
//! The hub takes requests from the [`Desk`], has each [`serve`]d from its picture, carries out the [`Errand`]s with a row of
//! [`Pending`] for what others answer, and gives every answer back to the desk.

mod answers;
mod audit;
mod clerk;
mod connection;
mod line;
mod lists;
mod pending;
mod place;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

pub use answers::{
    ByClass, CallEnded, CallRow, Calls, Counters, Done, LogLine, MemberRow, Missed, OptionsRow, Perf, PerfRow, Queue,
    Records, ReloadAnswer, SessionRecords, SessionRow, Sessions, Status, SubscriptionRow, TalkgroupRow, Talkgroups,
    TroubleRow, WorkerRow, Workers,
};
pub use audit::{Audit, Change, Peer};
pub use clerk::{Errand, Facts, Served, outcome, serve};
pub use connection::Delivery;
pub use line::{Line, Lines, Rejected, parse};
pub use pending::{Asker, Pending, Settled, Ticket};
pub use protocol::{Command, Complaint, Request, Response, WorkerAction};
pub use server::{ConnectionRef, Desk, TOKENS};
