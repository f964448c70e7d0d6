//! `ragchew demo`: the whole server on loopback, with simulated hotspots that hold a conversation, and the live view. Owns the
//! threads of it; nothing of it reaches a network. Source: design §7.

mod hotspot;
pub mod script;
mod stage;

use crate::Exit;
use crate::view::View;
use crossbeam_channel::Receiver;
use ragchew_core::report::Numbered;
use ragchew_offload::log::{Format, Names, render};
use stage::Stage;
use std::io::{self, IsTerminal, Write};
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
    let mut view = stage.view();
    let until = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let live = !args.plain && io::stdout().is_terminal();
    let shown = if live { watch(&stage.events, &mut view, until) } else { print(&stage.events, &mut view, until) };
    if let Err(error) = shown {
        // Who stops reading has seen enough.
        if error.kind() != io::ErrorKind::BrokenPipe {
            let _ = writeln!(io::stderr(), "ragchew: the terminal failed: {error}");
        }
    }
    stage.close()
}

/// Prints what happens, a line an event, until the time is over or the server ends.
fn print(events: &Receiver<Numbered>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    let mut names = Names::default();
    names.set_listeners([(ragchew_core::id::ListenerId(0), "demo".to_owned())]);
    let mut out = io::stdout().lock();
    loop {
        let event = match until {
            Some(until) => events.recv_deadline(until).ok(),
            None => events.recv().ok(),
        };
        let Some(Numbered { event, .. }) = event else { return Ok(()) };
        view.apply(&event);
        names.learn(&event);
        if let Some(line) = render(&event, &names, Format::Text) {
            writeln!(out, "{line}")?;
        }
        names.forget(&event);
    }
}

#[cfg(not(feature = "tui"))]
fn watch(events: &Receiver<Numbered>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    let _ =
        writeln!(io::stderr(), "this program was built without the live view (cargo feature `tui`); here are lines");
    print(events, view, until)
}

/// Shows the live view until somebody presses q, the time is over, or the server ends.
#[cfg(feature = "tui")]
fn watch(events: &Receiver<Numbered>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    let terminal = ratatui::try_init()?;
    let shown = show(terminal, events, view, until);
    // Whatever happened: a terminal left raw is of no use to anybody.
    ratatui::restore();
    shown
}

#[cfg(feature = "tui")]
fn show(
    mut terminal: ratatui::DefaultTerminal,
    events: &Receiver<Numbered>,
    view: &mut View,
    until: Option<Instant>,
) -> io::Result<()> {
    use crossbeam_channel::TryRecvError;
    use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};

    /// Ten pictures a second are enough to see a call begin.
    const PACE: Duration = Duration::from_millis(100);
    while until.is_none_or(|until| Instant::now() < until) {
        loop {
            match events.try_recv() {
                Ok(numbered) => view.apply(&numbered.event),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        let now = ragchew_transport::clock::now().wall;
        terminal.draw(|frame| crate::view::screen::draw(frame, view, now))?;
        if !poll(PACE)? {
            continue;
        }
        if let Event::Key(key) = read()? {
            let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(());
            }
        }
    }
    Ok(())
}
