//! `ragchew ctl`: one question or order to a running server over its command socket, and the answer. Owns the client's side;
//! decides nothing that the server decides. Source: design §5, §7, R-240 to R-247.

pub(crate) mod args;
mod client;
pub(crate) mod failure;
pub(crate) mod feed;
mod pages;
pub(crate) mod place;
mod show;
pub(crate) mod stream;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use crate::args::Args;
use crate::wants_colour;
use args::CtlArgs;
use client::{Client, patience};
use failure::{Ended, Failure};
use place::Places;
use ragchew_offload::desk::Command;
use serde_json::Value;
pub(crate) use show::Unshown;
use std::io::{self, ErrorKind, IsTerminal, Write};
use table::Look;

/// Does what the arguments say.
pub(crate) fn run(args: &Args, ctl: &CtlArgs) -> Ended {
    let mut out = io::stdout().lock();
    let look = look(&out);
    settle(
        "ctl",
        Places::find(args, ctl.way.socket.as_deref()).map_err(Unshown::Answer).and_then(|places| {
            let command = ctl.what.command();
            if matches!(command, Command::Watch) {
                return stream::watch(&mut out, places, ctl.way.within, ctl.json, false);
            }
            let mut client = places.connect(patience(ctl.way.within)).map_err(Unshown::Answer)?;
            carry_out(&mut out, &mut client, ctl, &command, &look)
        }),
    )
}

/// How tables look on this stream.
fn look(out: &io::StdoutLock<'_>) -> Look {
    let width = out.is_terminal().then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
    let now_ms = ragchew_core::time::Span(ragchew_transport::clock::now().wall.0).as_millis();
    Look { width, colour: wants_colour(out), now_ms }
}

/// Sends the command and shows what comes of it.
fn carry_out(
    out: &mut dyn Write,
    client: &mut Client,
    ctl: &CtlArgs,
    command: &Command,
    look: &Look,
) -> Result<Ended, Unshown> {
    if matches!(command, Command::Logs { .. }) {
        return stream::logs(out, client, command, ctl.way.within, ctl.json);
    }
    let value = pages::ask(client, command, ctl.way.within).map_err(Unshown::Answer)?;
    let missing = value.get("missing").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    if ctl.json {
        writeln!(out, "{}", crate::words::json(&value))?;
    } else {
        show::answer(out, command, value, look)?;
    }
    out.flush()?;
    Ok(if missing { Ended::NoAnswer } else { Ended::Done })
}

/// Says on standard error what went wrong; the exit code.
pub(crate) fn settle(word: &str, done: Result<Ended, Unshown>) -> Ended {
    let Failure { ended, why } = match done {
        Ok(ended) => return ended,
        // A reader that went away has read what it wanted.
        Err(Unshown::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return Ended::Done,
        Err(Unshown::Output(error)) => Failure::no_answer(format!("standard output cannot be written: {error}")),
        Err(Unshown::Answer(failure)) => failure,
    };
    for line in why.lines() {
        let _ = writeln!(io::stderr(), "ragchew {word}: {}", crate::words::harmless(line));
    }
    ended
}
