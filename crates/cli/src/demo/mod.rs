//! `ragchew demo`: the whole server on loopback, with simulated hotspots that hold a conversation, and the live view. Owns the
//! threads of it; nothing of it reaches a network. Source: design §7.

mod hotspot;
pub mod script;
mod stage;

use crate::Exit;
use crate::view::View;
use crate::view::lines::Lines;
use crossbeam_channel::Receiver;
#[cfg(feature = "tui")]
use crossbeam_channel::RecvTimeoutError;
use ragchew_core::id::ListenerId;
use ragchew_core::report::Numbered;
use stage::Stage;
use std::io::{self, IsTerminal, Write};
#[cfg(feature = "tui")]
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  ended in order
  2  wrong usage of the command line
  3  an address cannot be bound; nothing was started
  4  the recording cannot be made; nothing was started
  5  the running server failed";

/// What the demonstration can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,
    /// Seed of the conversation: the same seed, the same conversation
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// UDP port on 127.0.0.1 [default: one that is free]
    #[arg(long, default_value_t = 0, value_name = "PORT", hide_default_value = true)]
    port: u16,
    /// Record everything that the server's core is given and says into FILE, for `ragchew replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print the events as lines in place of the live view; the default without a terminal
    #[arg(long)]
    plain: bool,
}

/// Runs the demonstration until it is ended.
pub(crate) fn demo(args: &DemoArgs) -> Exit {
    let stage = match Stage::open(args.port, args.seed, args.record.as_deref()) {
        Ok(stage) => stage,
        Err((exit, line)) => {
            let _ = writeln!(io::stderr(), "ragchew: {line}\nragchew: nothing was started");
            return exit;
        }
    };
    let view = stage.view();
    let until = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let live = !args.plain && io::stdout().is_terminal();
    let shown = if live { watch(&stage.events, view, until) } else { print(&stage.events, until) };
    if let Err(error) = shown {
        // Who stops reading has seen enough.
        if error.kind() != io::ErrorKind::BrokenPipe {
            let _ = writeln!(io::stderr(), "ragchew: the terminal failed: {error}");
        }
    }
    stage.close()
}

/// Prints what happens, a line an event, until the time is over or the server ends.
fn print(events: &Receiver<Numbered>, until: Option<Instant>) -> io::Result<()> {
    let mut lines = Lines::default();
    lines.name(ListenerId(0), "demo".to_owned());
    let mut out = io::stdout().lock();
    loop {
        let event = match until {
            Some(until) => events.recv_deadline(until).ok(),
            None => events.recv().ok(),
        };
        let Some(Numbered { event, .. }) = event else { return Ok(()) };
        if let Some(line) = lines.line(&event) {
            writeln!(out, "{line}")?;
        }
    }
}

#[cfg(not(feature = "tui"))]
fn watch(events: &Receiver<Numbered>, _view: View, until: Option<Instant>) -> io::Result<()> {
    let _ = writeln!(io::stderr(), "{}", crate::NO_LIVE_VIEW);
    print(events, until)
}

/// Shows the live view until somebody presses q, the time is over, or the server ends.
#[cfg(feature = "tui")]
fn watch(events: &Receiver<Numbered>, mut view: View, until: Option<Instant>) -> io::Result<()> {
    crate::view::live::show(&mut view, &mut |view, pause| {
        loop {
            match events.recv_deadline(pause) {
                Ok(Numbered { event, .. }) => view.apply(event.at, event.retold, &event.what),
                Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // However many events there are: the picture comes in between.
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return ControlFlow::Break(());
            }
            if now >= pause {
                return ControlFlow::Continue(());
            }
        }
    })
}
