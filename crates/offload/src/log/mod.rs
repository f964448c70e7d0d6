//! The log: a bounded, lossy queue and one thread that renders what comes out of it and writes it. Whoever logs never
//! waits; what finds no room is counted and said as soon as there is room again. Source: design §5, `reporting.md` 8.

mod compat;
mod entry;
mod names;
mod stamp;
#[cfg(test)]
mod tests;
mod trace;
mod words;
mod writer;

pub use entry::{Entry, Value, render, render_line};
pub use names::Names;
pub use stamp::Stamp;
pub use trace::TraceToLog;
pub use writer::{Ending, LogWriter, Output};

use crossbeam_channel::{Sender, TrySendError};
use ragchew_core::report::ReportEvent;
use ragchew_core::time::Wall;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may not work as meant.
    Warning,
    /// What operators want to see.
    Info,
    /// What developers want to see.
    Debug,
}

impl Level {
    /// As the field writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `TIME LEVEL (LISTENER) MARKER key=value…`, with the markers that operators grep.
    #[default]
    Text,
    /// Lines as FreeDMR and its relatives write them, in their order of fields.
    Compat,
    /// One object a line.
    Json,
}

/// What the writer is given.
#[derive(Clone, Debug)]
pub enum LogItem {
    /// Something that the core observed.
    Event(ReportEvent),
    /// A line of the server itself.
    Line {
        /// When.
        at: Wall,
        /// How much it matters.
        level: Level,
        /// What it says, without a line break.
        text: String,
    },
    /// The listeners of the configuration now in force.
    Listeners(Vec<(ragchew_core::id::ListenerId, String)>),
    /// Opens the file again, after it was rotated.
    Reopen,
    /// Nothing: wakes the writer, which looks what else is wanted of it.
    Look,
}

/// The sending end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogSender {
    items: Sender<LogItem>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Items that found no room since the writer last said so.
    lost: AtomicU64,
    /// Lines that the output had not taken when the writer last looked.
    unwritten: AtomicU64,
    /// Set by a signal: open the file again before the next line.
    reopen: Arc<AtomicBool>,
    /// No item after those in the queue is wanted.
    finish: AtomicBool,
}

impl LogSender {
    /// Gives an item to the writer, or counts it as lost.
    pub fn send(&self, item: LogItem) {
        match self.items.try_send(item) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Says something, now.
    pub fn line(&self, level: Level, text: impl Into<String>) {
        self.send(LogItem::Line { at: wall(), level, text: text.into() });
    }

    /// A flag that, once set, makes the writer open its file again before the next line; what a signal may set.
    pub fn reopen_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.reopen)
    }
}

/// The wall clock.
pub(crate) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
