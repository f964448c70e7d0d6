//! Batches: when one is written, and what follows when that fails. Owns the order of cures: look where the file is, open it,
//! write; a cure that worked is followed by another attempt at once, any other failure by a pause that doubles. Source:
//! design §5, `runtime.md` S2-14.

use super::Sql;
use super::fault::{Fault, Kind, Retry};
use super::rescue::{self, Rescued};
use super::store::{self, Moved, Store};
use crate::event::Trouble;
use crate::worker::Out;
use ragchew_core::Mono;

/// Attempts of one batch: as it is, after one cure, after another.
const ATTEMPTS: usize = 3;

impl Sql {
    /// Writes what is held, or at least shows that it could.
    pub(super) fn write(&mut self, now: Mono, out: &mut Out) {
        for _ in 0..ATTEMPTS {
            match self.attempt(now, out) {
                Ok(()) => {
                    self.retry = Retry::default();
                    return;
                }
                Err(fault) => {
                    self.counts.failures += 1;
                    if !self.cure(now, &fault, out) {
                        break;
                    }
                }
            }
        }
        self.retry.fail(now);
    }

    /// Something other than a batch failed.
    pub(super) fn failed(&mut self, now: Mono, fault: &Fault, out: &mut Out) {
        self.counts.failures += 1;
        self.cure(now, fault, out);
        self.retry.fail(now);
    }

    /// Whether the database is no longer where it was opened.
    pub(super) fn is_moved(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.moved() != Moved::No)
    }

    fn attempt(&mut self, now: Mono, out: &mut Out) -> Result<(), Fault> {
        self.bring_back(now, out)?;
        if let Some(fault) = self.suspect.take() {
            return Err(fault);
        }
        let mut store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.begin, self.wall(now), self.patience, out)?,
        };
        let done = self.keep(&mut store, now, out);
        self.store = Some(store);
        done
    }

    fn keep(&mut self, store: &mut Store, now: Mono, out: &mut Out) -> Result<(), Fault> {
        let began = (self.stopwatch)();
        // A database that was begun anew knows nothing of what its predecessor kept.
        let seen = self.seen.max(store.safe);
        let (seen, tally) = store.keep(&self.begin, &self.names, seen, &self.held, self.wall(now))?;
        let took = (self.stopwatch)().since(began);
        self.seen = seen;
        self.counts.batches += 1;
        self.counts.kept += tally.kept;
        self.counts.known += tally.known;
        self.counts.refused += tally.refused;
        self.counts.missing += tally.missing;
        self.since = None;
        self.troubles.settle(took, out);
        if !self.held.is_empty() {
            self.held.clear();
            out.safe(seen);
        }
        Ok(())
    }

    /// If the database was taken away while it was open, what the connection still has is written under its name again.
    fn bring_back(&mut self, now: Mono, out: &mut Out) -> Result<(), Fault> {
        let Some(store) = self.store.take() else { return Ok(()) };
        let moved = store.moved();
        if moved == Moved::No {
            self.store = Some(store);
            return Ok(());
        }
        match rescue::rewrite(store, moved, self.wall(now), out) {
            Rescued::Whole(detail) | Rescued::Lost(detail) => {
                self.counts.rewritten += 1;
                self.troubles.raise(Trouble::Removed, &detail, out);
                Ok(())
            }
            Rescued::Later(store, fault) => {
                self.store = Some(*store);
                Err(fault)
            }
        }
    }

    /// Does what a fault calls for. Answers whether another attempt may succeed at once.
    fn cure(&mut self, now: Mono, fault: &Fault, out: &mut Out) -> bool {
        match fault.kind {
            Kind::Full => self.troubles.raise(Trouble::DiskFull, &fault.detail, out),
            Kind::Locked => self.troubles.raise(Trouble::Locked, &fault.detail, out),
            Kind::Corrupt => return self.begin_anew(now, &fault.detail, out),
            Kind::Unwritable | Kind::Row => {
                self.troubles.raise(Trouble::Unwritable, &fault.detail, out);
                // It is opened anew, unless the connection is all that is left of a database that was taken away.
                if !self.is_moved() {
                    self.store.take().into_iter().for_each(Store::abandon);
                }
            }
        }
        false
    }

    /// Sets a damaged database aside.
    fn begin_anew(&mut self, now: Mono, detail: &str, out: &mut Out) -> bool {
        self.store.take().into_iter().for_each(Store::abandon);
        let Some(file) = self.begin.sql.file.clone() else {
            self.troubles.raise(Trouble::Corrupt, detail, out);
            return true;
        };
        // What is damaged is what a link leads to.
        match rescue::set_aside(&store::led_to(&file), "corrupt", self.wall(now)) {
            Ok(aside) => {
                self.counts.set_aside += 1;
                let detail = format!("{detail}; it is now {}", aside.display());
                self.troubles.raise(Trouble::Corrupt, &detail, out);
                true
            }
            Err(fault) => {
                let detail = format!("{detail}; it could not be set aside: {}", fault.detail);
                self.troubles.raise(Trouble::Unwritable, &detail, out);
                false
            }
        }
    }
}
