//! What can go wrong with a database, and what is said of it. Owns the kinds of faults and the memory of what was said, so
//! that each trouble is said once and its end once; cures nothing. Source: design §5, `runtime.md` S2-14.

use crate::event::Trouble;
use crate::limits::{SQL_RETRY, SQL_RETRY_CAP, SQL_SLOW, SQL_SLOW_ROW};
use crate::worker::Out;
use ragchew_core::Mono;
use ragchew_core::time::Span;
use rusqlite::ErrorCode;
use std::collections::BTreeSet;
use std::io;

/// What a fault calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Room.
    Full,
    /// Opening it anew, later.
    Unwritable,
    /// Patience.
    Locked,
    /// Another file.
    Corrupt,
    /// Nothing: one row is refused for what it holds.
    Row,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// What the system or the library said.
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        // Growing the shared index is the one place where SQLite calls a full disk an input/output error.
        let is_index = error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        let kind = match error.sqlite_error_code() {
            _ if is_index => Kind::Full,
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Kind::Corrupt,
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Kind::Row,
            _ => Kind::Unwritable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
            _ => Kind::Unwritable,
        };
        Self::new(kind, error.to_string())
    }
}

/// What is wrong now, as it was said.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    said: BTreeSet<Trouble>,
    slow_row: u32,
}

impl Troubles {
    /// Says that something is wrong, unless that was said. Of those that keep it from writing, one holds at a time.
    pub(super) fn raise(&mut self, trouble: Trouble, detail: &str, out: &mut Out) {
        const HINDERING: [Trouble; 3] = [Trouble::DiskFull, Trouble::Unwritable, Trouble::Locked];
        if !self.said.insert(trouble) {
            return;
        }
        if HINDERING.contains(&trouble) {
            for other in HINDERING.into_iter().filter(|&other| other != trouble) {
                self.end(other, out);
            }
        }
        out.trouble(trouble, detail);
    }

    fn end(&mut self, trouble: Trouble, out: &mut Out) {
        if self.said.remove(&trouble) {
            out.well(trouble);
        }
    }

    /// A batch was kept in this time: whatever hindered is over.
    pub(super) fn settle(&mut self, took: Span, out: &mut Out) {
        let over: Vec<_> = self.said.iter().copied().filter(|&trouble| trouble != Trouble::Slow).collect();
        for trouble in over {
            self.end(trouble, out);
        }
        if took <= SQL_SLOW {
            self.slow_row = 0;
            self.end(Trouble::Slow, out);
            return;
        }
        self.slow_row = self.slow_row.saturating_add(1);
        if self.slow_row >= SQL_SLOW_ROW {
            let detail = format!("{SQL_SLOW_ROW} batches in a row took more than {} ms", SQL_SLOW.as_millis());
            self.raise(Trouble::Slow, &detail, out);
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        self.said.contains(&Trouble::Slow)
    }
}

/// When it is tried again.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) at: Option<Mono>,
    pause: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { at: None, pause: SQL_RETRY }
    }
}

impl Retry {
    /// It failed at `now`.
    pub(super) fn fail(&mut self, now: Mono) {
        self.at = Some(now + self.pause);
        self.pause = Span(self.pause.0.saturating_mul(2)).min(SQL_RETRY_CAP);
    }
}
