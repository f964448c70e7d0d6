//! The command socket: operators ask, each request has one answer. Owns the words of the protocol (a line of JSON each way),
//! the connections and what each of them may cost, and the audit; carries out nothing itself. Source: design §5, §7,
//! `runtime.md` S4-12, S4-34.

mod answers;
mod protocol;

pub use answers::{
    ByClass, CallEnded, CallRow, Calls, Counters, Done, LogLine, MemberRow, Missed, OptionsRow, Perf, PerfRow, Queue,
    Records, ReloadAnswer, SessionRecords, SessionRow, Sessions, Status, SubscriptionRow, TalkgroupRow, Talkgroups,
    TroubleRow, WorkerRow, Workers,
};
pub use protocol::{Command, Complaint, Request, Response, WorkerAction};
