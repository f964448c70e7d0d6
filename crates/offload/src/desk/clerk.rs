//! The clerk: reads what a request asks, checks its parameters, and either answers from the hub's picture or says what has to
//! be fetched or done. Pure. Owns the rules of parameters; carries out nothing. Source: design §5, R-240 to R-245.

use super::answers::{Done, Status};
use super::audit::{Audit, Change, Peer};
use super::lists;
use super::protocol::{Command, Complaint, Request, Response, WorkerAction};
use crate::limits::{
    ANSWER_AT_MOST, ANSWER_WITHIN, LONGEST_DRAIN, MOST_LOG_LINES, MOST_RECORDS, MOST_ROWS, USUAL_LOG_LINES,
    USUAL_RECORDS, USUAL_ROWS,
};
use crate::picture::Picture;
use crate::supervise::{Role, WorkerName};
use crate::worker::{Ask, RecordQuery};
use ragchew_core::Span;
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRefusal};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RfTg, SessionNo, Slot};
use serde::Serialize;

/// What the hub knows besides the picture.
pub trait Facts {
    /// The server in numbers. What the picture holds (sessions, talkgroups, calls, completeness) is put in by the clerk.
    fn status(&self) -> Status;
    /// Listeners of the configuration in force.
    fn listeners(&self) -> &[(ListenerId, String)];
    /// Workers of the configuration in force.
    fn workers(&self) -> &[WorkerName];
}

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub enum Served {
    /// It is answered, or refused.
    Answered {
        /// To be sent.
        response: Response,
        /// For the log: a change was refused.
        audit: Option<Audit>,
    },
    /// The hub has to do something first.
    Sent {
        /// What.
        errand: Errand,
        /// A change, whose outcome is to be written down.
        change: Option<Change>,
        /// How long the answer may take.
        within: Span,
    },
}

/// What the hub has to do for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Ask this worker and pass its answer on.
    AskWorker {
        /// Whom.
        worker: WorkerName,
        /// What.
        ask: Ask,
    },
    /// Ask every worker how it is; the answer is [`super::Workers`].
    Workers,
    /// Ask the reactor and every worker how busy they are; the answer is [`super::Perf`].
    Perf,
    /// Ask the reactor and every worker what they counted; the answer is [`super::Counters`].
    Counters,
    /// Pass this to the core; [`outcome`] makes the answer of its reply.
    Control(ControlCommand),
    /// Read the configuration again; the answer is [`super::ReloadAnswer`].
    Reload {
        /// Only say what would change.
        dry_run: bool,
    },
    /// Refuse what is new, wait for the end of the calls on the air, then stop.
    Drain {
        /// At most so long; none: as long as a call may last.
        wait: Option<Span>,
    },
    /// Begin the orderly end.
    Stop,
    /// Start, stop or restart workers.
    Worker {
        /// Which; none: each, one after the other.
        worker: Option<WorkerName>,
        /// What to do.
        action: WorkerAction,
    },
    /// Show lines of the log as items, then answer; with `follow`, go on.
    Logs {
        /// Old ones, at most.
        lines: u32,
        /// Those that come.
        follow: bool,
    },
    /// Tell everything that there is and then every event, as items.
    Watch,
}

/// Serves a request.
pub fn serve(peer: Peer, request: &Request, picture: &Picture, facts: &impl Facts) -> Served {
    let change = Change::of(peer, &request.command);
    match read(request, picture, facts) {
        // No change comes here: each is sent to whoever owns the state.
        Ok((_, Step::Answer(value))) => {
            Served::Answered { response: Response::Ok { id: request.id, value }, audit: None }
        }
        Ok((within, Step::Errand(errand))) => Served::Sent { errand, change, within },
        Err(complaint) => {
            let audit = change.map(|change| change.settle(Err(&complaint)));
            Served::Answered { response: Response::Error { id: Some(request.id), complaint }, audit }
        }
    }
}

/// The answer to an [`Errand::Control`].
///
/// # Errors
/// Nothing was done, and why.
pub fn outcome(outcome: ControlOutcome) -> Result<Done, Complaint> {
    let many = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let what = match outcome {
        ControlOutcome::Kicked(sessions) => format!("{} closed", many(sessions, "session")),
        ControlOutcome::Unlinked(talkgroups) => format!("{} dropped", many(talkgroups, "talkgroup")),
        ControlOutcome::LastCalls { calls } => format!("{} on the air", many(calls, "call")),
        ControlOutcome::Told(_) => "told".to_owned(),
        ControlOutcome::Refused(why) => {
            let code = match why {
                ControlRefusal::NoSuchClient => "no_such_client",
                ControlRefusal::NoSuchTalkgroup => "no_such_talkgroup",
                ControlRefusal::Draining => "draining",
            };
            return Err(Complaint::new(code, why.text()));
        }
    };
    Ok(Done { what })
}

/// What reading a request comes to.
enum Step {
    Answer(serde_json::Value),
    Errand(Errand),
}

fn read(request: &Request, picture: &Picture, facts: &impl Facts) -> Result<(Span, Step), Complaint> {
    let longest = ANSWER_AT_MOST.as_millis();
    let within = match request.within_ms {
        None => ANSWER_WITHIN,
        Some(millis) => Span::millis(in_range("within_ms", millis, 1, longest)?),
    };
    let step = match &request.command {
        Command::Status => answer(&status(picture, facts))?,
        Command::Sessions { limit, after, client } => {
            let limit = rows("limit", *limit, USUAL_ROWS, MOST_ROWS)?;
            answer(&lists::sessions(picture, facts.listeners(), limit, after.map(SessionNo), *client))?
        }
        Command::Talkgroups { limit, after } => {
            let limit = rows("limit", *limit, USUAL_ROWS, MOST_ROWS)?;
            answer(&lists::talkgroups(picture, limit, after.map(ConferenceTg)))?
        }
        Command::Calls => answer(&lists::calls(picture, facts.listeners()))?,
        Command::Records(query) => records(query, facts, Ask::Calls)?,
        Command::SessionRecords(query) => records(query, facts, Ask::Sessions)?,
        Command::Workers => Step::Errand(Errand::Workers),
        Command::Perf => Step::Errand(Errand::Perf),
        Command::Counters => Step::Errand(Errand::Counters),
        Command::Watch => Step::Errand(Errand::Watch),
        Command::Logs { lines, follow } => {
            let lines = in_range("lines", u64::from(lines.unwrap_or(USUAL_LOG_LINES)), 0, u64::from(MOST_LOG_LINES))?;
            Step::Errand(Errand::Logs { lines: lines as u32, follow: *follow })
        }
        Command::Kick { client, listener } => Step::Errand(Errand::Control(kick(*client, listener.as_deref(), facts)?)),
        Command::Unlink { client, slot, talkgroup } => {
            Step::Errand(Errand::Control(unlink(*client, *slot, *talkgroup)?))
        }
        Command::Worker { worker, action } => Step::Errand(supervised(worker, *action, facts)?),
        Command::Reload { dry_run } => Step::Errand(Errand::Reload { dry_run: *dry_run }),
        Command::Drain { wait_s } => {
            let longest = LONGEST_DRAIN.as_millis() / 1_000;
            let wait = wait_s.map(|wait| in_range("wait_s", u64::from(wait), 0, longest)).transpose()?;
            Step::Errand(Errand::Drain { wait: wait.map(Span::secs) })
        }
        Command::Stop => Step::Errand(Errand::Stop),
    };
    Ok((within, step))
}

fn answer(value: &impl Serialize) -> Result<Step, Complaint> {
    let value = serde_json::to_value(value);
    value.map(Step::Answer).map_err(|e| Complaint::new("internal", format!("the answer cannot be written: {e}")))
}

fn status(picture: &Picture, facts: &impl Facts) -> Status {
    Status {
        sessions: picture.session_count(),
        talkgroups: picture.conference_count(),
        calls_on_air: picture.on_air_count(),
        calls: picture.calls(),
        complete: picture.is_complete(),
        ..facts.status()
    }
}

fn bad(why: String) -> Complaint {
    Complaint::new("bad_parameter", why)
}

fn in_range(name: &str, value: u64, least: u64, most: u64) -> Result<u64, Complaint> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(bad(format!("`{name}` is {value}; it may be {least} to {most}")))
}

fn rows(name: &str, asked: Option<u32>, usual: u32, most: u32) -> Result<usize, Complaint> {
    in_range(name, u64::from(asked.unwrap_or(usual)), 1, u64::from(most)).map(|rows| rows as usize)
}

fn records(query: &RecordQuery, facts: &impl Facts, ask: fn(RecordQuery) -> Ask) -> Result<Step, Complaint> {
    let limit = if query.limit == 0 { USUAL_RECORDS } else { query.limit };
    in_range("limit", u64::from(limit), 1, u64::from(MOST_RECORDS))?;
    if !facts.workers().contains(&Role::Sql) {
        let why = "the server keeps no database: there is no worker `sql` in its configuration (reporting.sql)";
        return Err(Complaint::new("no_such_worker", why));
    }
    let ask = ask(RecordQuery { limit, ..query.clone() });
    Ok(Step::Errand(Errand::AskWorker { worker: Role::Sql, ask }))
}

fn client_id(client: ClientId) -> Result<ClientId, Complaint> {
    in_range("client", u64::from(client.0), 1, u64::from(u32::MAX - 1)).map(|_| client)
}

fn kick(client: ClientId, listener: Option<&str>, facts: &impl Facts) -> Result<ControlCommand, Complaint> {
    let client = client_id(client)?;
    let find = |name: &str| {
        let found = facts.listeners().iter().find(|(_, known)| known == name);
        found.map(|&(id, _)| id).ok_or_else(|| {
            let known = names(facts.listeners().iter().map(|(_, name)| name.as_str()));
            Complaint::new(
                "no_such_listener",
                format!("there is no listener {:?}; there are {known}", Complaint::cut(name)),
            )
        })
    };
    Ok(ControlCommand::Kick { client, listener: listener.map(find).transpose()? })
}

/// Talkgroups have 24 bits.
const MOST_TALKGROUP: u64 = 0xff_ffff;

fn unlink(client: ClientId, slot: Option<u8>, talkgroup: Option<u32>) -> Result<ControlCommand, Complaint> {
    let client = client_id(client)?;
    let slot = match slot {
        None => None,
        Some(1) => Some(Slot::One),
        Some(2) => Some(Slot::Two),
        Some(other) => return Err(bad(format!("`slot` is {other}; it is 1 or 2, or left out for both"))),
    };
    let rf_tg = talkgroup.map(|tg| in_range("talkgroup", u64::from(tg), 1, MOST_TALKGROUP).map(|_| RfTg(tg)));
    Ok(ControlCommand::Unlink { client, slot, rf_tg: rf_tg.transpose()? })
}

fn supervised(name: &str, action: WorkerAction, facts: &impl Facts) -> Result<Errand, Complaint> {
    if name == "all" {
        return match action {
            WorkerAction::Restart => Ok(Errand::Worker { worker: None, action }),
            WorkerAction::Start | WorkerAction::Stop => {
                Err(bad("`all` is for a restart, one after the other; name the worker to start or stop".to_owned()))
            }
        };
    }
    let found = Role::named(name).filter(|role| facts.workers().contains(role));
    let worker = found.ok_or_else(|| {
        let known = names(facts.workers().iter().map(|role| role.name()));
        Complaint::new("no_such_worker", format!("there is no worker {:?}; there are {known}", Complaint::cut(name)))
    })?;
    Ok(Errand::Worker { worker: Some(worker), action })
}

/// Names that a complaint lists.
const LISTED: usize = 20;

fn names<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = known.collect();
    match all.get(..LISTED) {
        _ if all.is_empty() => "none".to_owned(),
        Some(first) if all.len() > LISTED => format!("{} and {} more", first.join(", "), all.len() - LISTED),
        _ => all.join(", "),
    }
}

#[cfg(test)]
mod tests;
