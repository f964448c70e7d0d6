//! The tables and how older ones become the present ones. Owns every `CREATE` but those of the views; changes no row but
//! where a migration has to. Source: design §5, `reporting.md` 2.2.

use super::fault::{Fault, Kind};
use rusqlite::{Connection, TransactionBehavior};

/// Marks a database as ours ("RGCW"), so that nobody else's is ever written into.
pub(super) const APPLICATION: i64 = 0x5247_4357;

/// The migrations in order; the first makes everything in an empty file.
///
/// Times are milliseconds since 1970 in UTC. `start_no`, `end_no` and `told_no` are places in the stream of events of all
/// boots: the number of the event in its boot and what the boots before it used.
pub(super) const MIGRATIONS: [(i64, &str); 2] = [
    (
        1,
        "CREATE TABLE kv(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
         CREATE TABLE call(
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             boot_id TEXT NOT NULL, call_no INTEGER NOT NULL, server_id INTEGER NOT NULL,
             session_no INTEGER NOT NULL, system TEXT NOT NULL, client_id INTEGER NOT NULL,
             callsign TEXT NOT NULL DEFAULT '', stream_id INTEGER NOT NULL, src_id INTEGER NOT NULL,
             slot INTEGER NOT NULL, rf_tg INTEGER NOT NULL, dst_id INTEGER NOT NULL, kind TEXT NOT NULL,
             refusal TEXT, late_entry INTEGER, started_at INTEGER NOT NULL, ended_at INTEGER,
             duration_ms INTEGER NOT NULL DEFAULT 0, frames INTEGER NOT NULL DEFAULT 0,
             lost INTEGER NOT NULL DEFAULT 0, reordered INTEGER NOT NULL DEFAULT 0, end_reason TEXT,
             start_no INTEGER, end_no INTEGER, told_no INTEGER NOT NULL,
             UNIQUE(boot_id, call_no));
         CREATE INDEX call_client ON call(client_id, id, src_id);
         CREATE INDEX call_talkgroup ON call(dst_id, id, src_id);
         CREATE INDEX call_source ON call(src_id, id);
         CREATE INDEX call_started ON call(started_at);
         CREATE INDEX call_open ON call(told_no) WHERE ended_at IS NULL;
         CREATE TABLE client_session(
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             boot_id TEXT NOT NULL, session_no INTEGER NOT NULL, server_id INTEGER NOT NULL,
             system TEXT NOT NULL, client_id INTEGER NOT NULL, callsign TEXT NOT NULL DEFAULT '',
             remote TEXT NOT NULL DEFAULT '', software TEXT NOT NULL DEFAULT '', package TEXT NOT NULL DEFAULT '',
             location TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '',
             rx_hz INTEGER, tx_hz INTEGER, colour_code INTEGER, slots INTEGER,
             connected_at INTEGER NOT NULL, ended_at INTEGER, end_reason TEXT, told_no INTEGER NOT NULL,
             UNIQUE(boot_id, session_no));
         CREATE INDEX session_client ON client_session(client_id, id);
         CREATE INDEX session_ended ON client_session(ended_at) WHERE ended_at IS NOT NULL;
         CREATE INDEX session_open ON client_session(told_no) WHERE ended_at IS NULL;
         CREATE TABLE subscription(
             session_no INTEGER NOT NULL, slot INTEGER NOT NULL, rf_tg INTEGER NOT NULL,
             conference_tg INTEGER NOT NULL, client_id INTEGER NOT NULL, source TEXT NOT NULL,
             paused INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL, told_no INTEGER NOT NULL,
             PRIMARY KEY(session_no, slot, rf_tg)) WITHOUT ROWID;
         CREATE INDEX subscription_conference ON subscription(conference_tg);
         CREATE TABLE event_drop(
             boot_id TEXT NOT NULL, from_seq INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL,
             queue TEXT, PRIMARY KEY(boot_id, from_seq)) WITHOUT ROWID;
         CREATE INDEX event_drop_at ON event_drop(at);",
    ),
    (
        // The newest call of each radio, kept by triggers: who was heard last costs what is shown, not what is stored.
        2,
        "CREATE TABLE heard(src_id INTEGER PRIMARY KEY, call_id INTEGER NOT NULL);
         INSERT INTO heard SELECT src_id, max(id) FROM call GROUP BY src_id;
         CREATE UNIQUE INDEX heard_call ON heard(call_id);
         CREATE TRIGGER call_is_heard AFTER INSERT ON call BEGIN
             INSERT INTO heard(src_id, call_id) VALUES (NEW.src_id, NEW.id)
             ON CONFLICT(src_id) DO UPDATE SET call_id = excluded.call_id;
         END;
         CREATE TRIGGER call_is_forgotten AFTER DELETE ON call BEGIN
             DELETE FROM heard WHERE call_id = OLD.id;
         END;",
    ),
];

/// The migrations that `connection` still needs.
pub(super) fn pending(connection: &Connection) -> Result<Vec<(i64, &'static str)>, Fault> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects == 0 {
        return Ok(MIGRATIONS.to_vec());
    }
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application != APPLICATION {
        return Err(Fault::new(Kind::Unwritable, "the file is a database of another program; name another file"));
    }
    let done = connection.query_row("SELECT coalesce(max(id), 0) FROM schema_migrations", [], |row| row.get(0));
    let done: i64 = done.map_err(|e| missing(e.into()))?;
    let newest = MIGRATIONS.map(|(id, _)| id).into_iter().max().unwrap_or(0);
    if done > newest {
        let detail = format!("the database has schema {done}, this version knows {newest}; name another file");
        return Err(Fault::new(Kind::Unwritable, detail));
    }
    Ok(MIGRATIONS.into_iter().filter(|&(id, _)| id > done).collect())
}

/// Does one migration, whole or not at all.
pub(super) fn migrate(connection: &mut Connection, (id, sql): (i64, &str), wall_ms: i64) -> Result<(), Fault> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    change.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION};
         CREATE TABLE IF NOT EXISTS schema_migrations(id INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL);"
    ))?;
    change.execute_batch(sql)?;
    change.execute("INSERT INTO schema_migrations(id, applied_at) VALUES (?1, ?2)", (id, wall_ms))?;
    Ok(change.commit()?)
}

/// A database of ours without a table of its own schema is damaged, whoever did it.
pub(super) fn missing(fault: Fault) -> Fault {
    match fault.kind {
        Kind::Unwritable => Fault::new(Kind::Corrupt, fault.detail),
        _ => fault,
    }
}
