//! The `sql` role: calls, sessions and subscriptions in an SQLite database that tools may read while it is written. Owns the
//! schema and its migrations, batches, retention and the compatibility views; keeps nothing of secrets, because events hold
//! none. Source: design §5, `reporting.md` 2.2.

mod fault;
mod ledger;
mod query;
mod rescue;
mod retention;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod views;
mod words;
mod writer;

use crate::event::Told;
use crate::limits::{SQL_BATCH, SQL_BATCH_AFTER, SQL_LAST_WAIT, SQL_LOCK_WAIT, SQL_WATCH, WINDOW};
use crate::log::Names;
use crate::worker::{Answer, Ask, Begin, Out, RecordQuery, Role, Vitals};
use fault::{Fault, Kind, Retry, Troubles};
use ragchew_core::id::ListenerId;
use ragchew_core::time::{Mono, Now, Span, Wall};
use retention::Retention;
use std::time::{Duration, Instant};
use store::Store;

/// The `sql` role.
pub struct Sql {
    begin: Begin,
    names: Names,
    /// The last moment at which both clocks were known.
    clock: Now,
    /// Taken and not kept yet, in order.
    held: Vec<Told>,
    /// When the first of them came.
    since: Option<Mono>,
    /// The last number that is kept.
    seen: u64,
    store: Option<Store>,
    /// Found by a question, to be cured by the next batch.
    suspect: Option<Fault>,
    troubles: Troubles,
    retry: Retry,
    watch_at: Mono,
    retention: Retention,
    counts: Counts,
    /// How long a statement may wait for another program.
    patience: Span,
    /// Measures how long a batch takes.
    stopwatch: Box<dyn FnMut() -> Mono + Send>,
}

/// What is counted since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    taken: u64,
    kept: u64,
    known: u64,
    refused: u64,
    missing: u64,
    dropped: u64,
    batches: u64,
    failures: u64,
    set_aside: u64,
    rewritten: u64,
    pruned: u64,
}

impl Sql {
    /// The role with the settings of `begin`. The database is opened by the first [`Role::step`], and tried again for as
    /// long as it cannot be.
    pub fn open(begin: &Begin, now: Now) -> Self {
        let start = Instant::now();
        let stopwatch = move || Mono(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Self {
            begin: begin.clone(),
            names: Names::default(),
            clock: now,
            held: Vec::new(),
            since: None,
            seen: 0,
            store: None,
            suspect: None,
            troubles: Troubles::default(),
            retry: Retry::default(),
            watch_at: now.mono,
            retention: Retention::new(begin.sql.keep_days, now.mono),
            counts: Counts::default(),
            patience: SQL_LOCK_WAIT,
            stopwatch: Box::new(stopwatch),
        }
    }

    /// Events that are held and not kept yet.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn wall(&self, now: Mono) -> Wall {
        self.clock.wall + now.since(self.clock.mono)
    }

    /// Whether a batch may be written at `now`.
    fn may_write(&self, now: Mono) -> bool {
        self.retry.at.is_none_or(|at| at <= now)
    }

    /// Keeps what is held within the limit. The hub never gives so much; if it did, the oldest go, and their numbers are
    /// missing in the next batch, which says so.
    fn bound(&mut self) {
        let many = self.held.len().saturating_sub(WINDOW);
        self.counts.dropped += many as u64;
        self.held.drain(..many);
    }

    fn prune(&mut self, now: Mono, out: &mut Out) {
        let wall = self.wall(now);
        let Some(store) = &mut self.store else { return };
        match self.retention.step(&mut store.connection, now, wall) {
            Ok(gone) => self.counts.pruned += gone as u64,
            Err(fault) => self.failed(now, &fault, out),
        }
    }

    fn ask<T>(&mut self, query: impl FnOnce(&rusqlite::Connection) -> Result<T, Fault>) -> Result<T, String> {
        let Some(store) = &self.store else {
            return Err("the database is not open; `ctl workers` says what is wrong with it".to_owned());
        };
        query(&store.connection).map_err(|fault| {
            let said = format!("the database does not answer: {}; ask again", fault.detail);
            if matches!(fault.kind, Kind::Corrupt | Kind::Unwritable) {
                self.suspect = Some(fault);
            }
            said
        })
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let Counts { taken, kept, known, refused, missing, dropped, batches, failures, set_aside, rewritten, pruned } =
            self.counts;
        let counts = [
            ("taken", taken),
            ("kept", kept),
            ("known_before", known),
            ("refused_by_a_table", refused),
            ("missing", missing),
            ("dropped", dropped),
            ("batches", batches),
            ("failed_batches", failures),
            ("databases_set_aside", set_aside),
            ("databases_written_anew", rewritten),
            ("rows_forgotten", pruned),
        ];
        counts.map(|(name, count)| (name.to_owned(), count)).to_vec()
    }
}

impl Role for Sql {
    fn names(&mut self, names: &[(ListenerId, String)]) {
        self.names.set_listeners(names.iter().cloned());
    }

    fn take(&mut self, now: Mono, told: Vec<Told>, out: &mut Out) {
        // What is told again may be as old as the server.
        if let Some(last) = told.iter().rfind(|told| !told.retold) {
            self.clock = Now { mono: now, wall: last.at };
        }
        self.counts.taken += told.len() as u64;
        self.held.extend(told);
        if !self.held.is_empty() {
            self.since.get_or_insert(now);
        }
        if self.held.len() >= SQL_BATCH && self.may_write(now) {
            self.write(now, out);
        }
        self.bound();
    }

    fn next(&self) -> Option<Mono> {
        if self.retry.at.is_some() {
            return self.retry.at;
        }
        if self.store.is_none() || self.suspect.is_some() {
            return Some(Mono::default());
        }
        let batch = self.since.map(|since| since + SQL_BATCH_AFTER);
        let watch = self.begin.sql.file.is_some().then_some(self.watch_at);
        [batch, watch, self.retention.at].into_iter().flatten().min()
    }

    fn step(&mut self, now: Mono, out: &mut Out) {
        if !self.may_write(now) {
            return;
        }
        let is_due = self.since.is_some_and(|since| since + SQL_BATCH_AFTER <= now);
        let is_moved = now >= self.watch_at && self.is_moved();
        if is_due || is_moved || self.retry.at.is_some() || self.store.is_none() || self.suspect.is_some() {
            self.write(now, out);
        }
        if now >= self.watch_at {
            self.watch_at = now + SQL_WATCH;
        }
        if self.retry.at.is_none() && self.retention.at.is_some_and(|at| at <= now) {
            self.prune(now, out);
        }
    }

    fn held(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    fn answer(&mut self, _now: Mono, ask: &Ask) -> Result<Answer, String> {
        match ask {
            Ask::Vitals => {
                let held = Role::held(self);
                Ok(Answer::Vitals(Vitals { taken: self.counts.taken, held, ..Vitals::default() }))
            }
            Ask::Counters => Ok(Answer::Counters(self.counters())),
            Ask::Calls(query) => self.ask(|tables| query::calls(tables, query)).map(Answer::Calls),
            Ask::Sessions(RecordQuery { source: Some(_), .. } | RecordQuery { last_heard: true, .. }) => {
                Err("a session has no radio of its own; ask for calls".to_owned())
            }
            Ask::Sessions(query) => self.ask(|tables| query::sessions(tables, query)).map(Answer::Sessions),
        }
    }

    fn finish(&mut self, now: Mono, out: &mut Out) {
        self.patience = SQL_LAST_WAIT;
        if let Some(store) = &self.store {
            // If it cannot be set, the usual wait holds, which still ends in time.
            drop(store.connection.busy_timeout(Duration::from_nanos(SQL_LAST_WAIT.0)));
        }
        if !self.held.is_empty() {
            self.write(now, out);
        }
        if let Some(store) = self.store.take() {
            // Closing empties the write-ahead log; a slow disk may do that at the next start.
            if self.troubles.is_slow() {
                store.abandon();
            }
        }
    }
}
