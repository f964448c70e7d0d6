//! `ragchew demo`: the whole server on loopback, with simulated hotspots that hold a conversation, and the live view. Owns the
//! threads of it; nothing of it reaches a network. Source: design §7.

mod hotspot;
pub mod script;
mod stage;

use crate::Exit;
use crate::view::View;
use crossbeam_channel::Receiver;
use ragchew_core::report::ReportEvent;
use ragchew_offload::log::{Format, Names, render};
use stage::Stage;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  ended in order
  2  wrong usage of the command line
  3  an address cannot be bound; nothing was started
  5  the running server failed";

/// What the demonstration can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Seed of the conversation: the same seed, the same conversation
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// UDP port on 127.0.0.1 [default: one that is free]
    #[arg(long, default_value_t = 0, value_name = "PORT", hide_default_value = true)]
    port: u16,
    /// Print the events as lines in place of the live view; the default without a terminal
    #[arg(long)]
    plain: bool,
}

/// Runs the demonstration until it is ended.
pub(crate) fn demo(args: &DemoArgs) -> Exit {
    let stage = match Stage::open(args.port, args.seed) {
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
fn print(events: &Receiver<ReportEvent>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    let mut names = Names::default();
    names.set_listeners([(ragchew_core::id::ListenerId(0), "demo".to_owned())]);
    let mut out = io::stdout().lock();
    loop {
        let event = match until {
            Some(until) => events.recv_deadline(until).ok(),
            None => events.recv().ok(),
        };
        let Some(event) = event else { return Ok(()) };
        view.apply(&event);
        names.learn(&event);
        if let Some(line) = render(&event, &names, Format::Text) {
            writeln!(out, "{line}")?;
        }
        names.forget(&event);
    }
}

#[cfg(not(feature = "tui"))]
fn watch(events: &Receiver<ReportEvent>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    let _ =
        writeln!(io::stderr(), "this program was built without the live view (cargo feature `tui`); here are lines");
    print(events, view, until)
}

/// Shows the live view until somebody presses q, the time is over, or the server ends.
#[cfg(feature = "tui")]
fn watch(events: &Receiver<ReportEvent>, view: &mut View, until: Option<Instant>) -> io::Result<()> {
    use crate::view::screen::draw;
    use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};

    /// Pictures per second: ten are enough to see a call begin.
    const PACE: Duration = Duration::from_millis(100);
    let mut terminal = ratatui::try_init()?;
    let mut result = Ok(());
    while until.is_none_or(|until| Instant::now() < until) {
        loop {
            match events.try_recv() {
                Ok(event) => view.apply(&event),
                Err(crossbeam_channel::TryRecvError::Empty) => break,
                Err(crossbeam_channel::TryRecvError::Disconnected) => {
                    ratatui::restore();
                    return result;
                }
            }
        }
        let now = ragchew_transport::clock::now().wall;
        result = terminal.draw(|frame| draw(frame, view, now)).map(drop);
        let pressed = result.is_ok() && poll(PACE)?;
        let quit = pressed
            && match read()? {
                Event::Key(key) => {
                    let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
                    interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
                }
                _ => false,
            };
        if quit || result.is_err() {
            break;
        }
    }
    ratatui::restore();
    result
}
