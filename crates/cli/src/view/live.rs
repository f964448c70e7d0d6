//! The live view's turn: events in, a picture out, keys in. Owns the terminal while it is shown and gives it back whatever
//! happens; knows nothing of where events come from. Source: design §7 (`demo`, `top`).

use super::{View, screen};
use crate::limits::PICTURE_PACE;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Takes what happens until that moment into the view; breaks when there is no more to come.
pub(crate) type Feed<'f> = &'f mut dyn FnMut(&mut View, Instant) -> ControlFlow<()>;

/// Shows the view until somebody presses q or the feed ends.
///
/// # Errors
/// The terminal failed.
pub(crate) fn show(view: &mut View, feed: Feed<'_>) -> io::Result<()> {
    let terminal = ratatui::try_init()?;
    let shown = turn(terminal, view, feed);
    // Whatever happened: a terminal left raw is of no use to anybody.
    ratatui::restore();
    shown
}

fn turn(mut terminal: DefaultTerminal, view: &mut View, feed: Feed<'_>) -> io::Result<()> {
    loop {
        if feed(view, Instant::now() + Duration::from_nanos(PICTURE_PACE.0)).is_break() {
            return Ok(());
        }
        let now = ragchew_transport::clock::now().wall;
        terminal.draw(|frame| screen::draw(frame, view, now))?;
        while poll(Duration::ZERO)? {
            let Event::Key(key) = read()? else { continue };
            let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(());
            }
        }
    }
}
