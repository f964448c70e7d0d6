//! Forgetting: what is older than `keep_days` goes, a little at a time. Owns the pace; takes nothing that is younger.
//! Source: `reporting.md` 2.2.

use super::fault::Fault;
use super::ledger::{stored, stored_ms};
use crate::limits::{SQL_PRUNE, SQL_PRUNE_EVERY, SQL_PRUNE_PAUSE};
use ragchew_core::Mono;
use ragchew_core::time::{Span, Wall};
use rusqlite::{Connection, TransactionBehavior, params};

/// How old something may get, and when it is looked at again.
#[derive(Debug)]
pub(super) struct Retention {
    keep: Option<Span>,
    pub(super) at: Option<Mono>,
}

impl Retention {
    /// `keep_days` 0 keeps everything for ever.
    pub(super) fn new(keep_days: u32, now: Mono) -> Self {
        let keep = (keep_days > 0).then(|| Span::secs(u64::from(keep_days) * 86_400));
        Self { keep, at: keep.map(|_| now + SQL_PRUNE_PAUSE) }
    }

    /// Forgets at most [`SQL_PRUNE`] rows and answers how many.
    pub(super) fn step(&mut self, tables: &mut Connection, now: Mono, wall: Wall) -> Result<usize, Fault> {
        let Some(keep) = self.keep else { return Ok(0) };
        let oldest = stored_ms(Wall(wall.0.saturating_sub(keep.0)));
        let gone = prune(tables, oldest)?;
        self.at = Some(now + if gone < SQL_PRUNE { SQL_PRUNE_EVERY } else { SQL_PRUNE_PAUSE });
        Ok(gone)
    }
}

fn prune(tables: &mut Connection, oldest: i64) -> Result<usize, Fault> {
    const OLD: [&str; 3] = [
        "DELETE FROM call WHERE id IN (SELECT id FROM call WHERE started_at < ?1 ORDER BY started_at LIMIT ?2)",
        "DELETE FROM client_session WHERE id IN
             (SELECT id FROM client_session WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
        "DELETE FROM event_drop WHERE (boot_id, from_seq) IN
             (SELECT boot_id, from_seq FROM event_drop WHERE at < ?1 ORDER BY at LIMIT ?2)",
    ];
    let change = tables.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut gone = 0;
    for sql in OLD {
        let room = stored(SQL_PRUNE.saturating_sub(gone) as u64);
        gone += change.prepare_cached(sql)?.execute(params![oldest, room])?;
    }
    change.commit()?;
    Ok(gone)
}
