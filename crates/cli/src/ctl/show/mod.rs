//! The answers of a server for people. Owns which columns and sentences there are; asks nothing. Source: design §7.

mod lists;
mod server;

use super::failure::Failure;
use super::table::Look;
use ragchew_offload::desk::{
    Calls, Command, Counters, Done, Perf, Records, ReloadAnswer, SessionRecords, Sessions, Status, Talkgroups, Workers,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{self, Write};

/// Why an answer is not shown.
#[derive(Debug)]
pub(crate) enum Unshown {
    /// It cannot be written.
    Output(io::Error),
    /// It is none.
    Answer(Failure),
}

impl From<io::Error> for Unshown {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Writes the answer to a command.
///
/// # Errors
/// It cannot be written, or is not what answers this command.
pub(super) fn answer(out: &mut dyn Write, command: &Command, value: Value, look: &Look) -> Result<(), Unshown> {
    match command {
        Command::Status => server::status(out, &typed::<Status>(value)?, look)?,
        Command::Sessions { .. } => lists::sessions(out, &typed::<Sessions>(value)?, look)?,
        Command::Talkgroups { .. } => lists::talkgroups(out, &typed::<Talkgroups>(value)?, look)?,
        Command::Calls => lists::calls(out, &typed::<Calls>(value)?, look)?,
        Command::Workers => server::workers(out, &typed::<Workers>(value)?, look)?,
        Command::Perf => server::perf(out, &typed::<Perf>(value)?, look)?,
        Command::Counters => server::counters(out, &typed::<Counters>(value)?, look)?,
        Command::Records(_) => lists::records(out, &typed::<Records>(value)?, look)?,
        Command::SessionRecords(_) => lists::session_records(out, &typed::<SessionRecords>(value)?, look)?,
        Command::Reload { .. } => server::reload(out, &typed::<ReloadAnswer>(value)?, look)?,
        Command::Worker { .. }
        | Command::Kick { .. }
        | Command::Unlink { .. }
        | Command::Drain { .. }
        | Command::Stop
        | Command::Logs { .. }
        | Command::Watch => server::done(out, &typed::<Done>(value)?)?,
    }
    Ok(())
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Unshown> {
    serde_json::from_value(value).map_err(|e| {
        let version = env!("CARGO_PKG_VERSION");
        let why =
            format!("the answer is not one that this version ({version}) understands: {e}. --json shows it as it is");
        Unshown::Answer(Failure::no_answer(why))
    })
}
