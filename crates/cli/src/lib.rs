//! The parts of the `ragchew` binary: configuration, commands, and the wiring of core, transport and offload. A library
//! only so that tests and fuzzers reach them; its interface promises nothing. Source: design §1, 6, 7.
#![forbid(unsafe_code)]

pub mod args;
mod check;
pub mod config;
mod ctl;
pub mod decode;
pub mod demo;
mod file;
mod hotspot;
pub mod limits;
mod replay;
mod run;
mod shell;
mod state;
mod top;
pub mod view;
mod words;

use args::{Args, Command, RunArgs};
use config::{Finding, Line, Numbers, Plan, Source, Surroundings};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Said where the live view is wanted and is not there.
#[cfg(not(feature = "tui"))]
const NO_LIVE_VIEW: &str = "this program was built without the live view (cargo feature `tui`); here are lines";

/// How a command ended; the numbers are promised in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// As it should.
    Ok = 0,
    /// The configuration has errors; nothing was started.
    Configuration = 1,
    /// An address cannot be bound; nothing was started.
    CannotBind = 3,
    /// The state directory or the log cannot be used; nothing was started.
    CannotStart = 4,
    /// The running server failed, or the result of a check cannot be written.
    Failed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Does what the arguments say.
pub fn execute(args: &Args) -> ExitCode {
    match &args.command {
        Some(Command::Check { json }) => check::check(args, *json).into(),
        // Its exit codes are its own.
        Some(Command::Replay(replay)) => replay::run(args.config.as_deref(), replay),
        Some(Command::Demo(demo)) => demo::demo(demo).into(),
        Some(Command::Decode(args)) => decode::run(args),
        Some(Command::Ctl(ctl)) => ctl::run(args, ctl).into(),
        Some(Command::Top(top)) => top::run(args, top).into(),
        Some(Command::Completions { shell }) => shell::completions(*shell).into(),
        Some(Command::Man) => shell::man().into(),
        Some(Command::Worker { .. }) => worker(),
        Some(Command::Run(run)) => run::run(args, run).into(),
        None => run::run(args, &RunArgs::default()).into(),
    }
}

/// Works for the server at the other end of standard input, which says what to do; the name on the command line is for
/// whoever looks at the processes.
fn worker() -> ExitCode {
    let workshop = run::reporting::workshop();
    ExitCode::from(ragchew_offload::worker::serve_child(workshop.make, ragchew_offload::worker::confine) as u8)
}

/// The file that was named, or the source that is found.
fn source(named: Option<&Path>) -> Source {
    config::locate(named, config::PLACES.map(Path::new))
}

/// Loads `source` with the real world around it.
fn load(
    source: &Source,
    numbers: &mut Numbers,
    generated: &dyn Fn() -> Result<ragchew_core::config::Passphrase, String>,
) -> Result<Plan, Vec<Finding>> {
    let env = |name: &str| env::var(name).ok();
    config::load(source, &Surroundings { base: source.base(), env: &env, generated }, numbers)
}

/// Whether a stream wants colour: it is a terminal and nobody said no (`NO_COLOR`, `TERM=dumb`).
fn wants_colour(stream: &impl IsTerminal) -> bool {
    let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_colour && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes findings, one a line. A reader that went away is no matter.
fn write_findings(out: &mut impl Write, source: &Source, findings: &[Finding], colour: bool) -> io::Result<()> {
    let file = source.to_string();
    for finding in findings {
        writeln!(out, "{}", Line { file: &file, finding, colour })?;
    }
    Ok(())
}
