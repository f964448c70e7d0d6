//! One open database: how it is opened, whether it is still the file that bears its name, and how a batch gets into it. Owns
//! the connection and the look at its three files; decides nothing about faults. Source: design §5, `runtime.md` S2-14.

use super::fault::{Fault, Kind};
use super::ledger::{self, Ledger, Tally, stored, stored_ms};
use super::{schema, views};
use crate::event::Told;
use crate::limits::SQL_JOURNAL;
use crate::log::Names;
use crate::worker::{Begin, Out};
use ragchew_core::time::{Span, Wall};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Mode of a database that is made here: its group may read.
const MODE: u32 = 0o640;
/// Symbolic links that are followed, one after the other.
const LINKS: usize = 8;
/// Statements that stay prepared.
const PREPARED: usize = 48;
/// Bytes above which building something anew is announced, and how many are taken to be built in a millisecond.
const LONG_WORK: u64 = 16 * 1_048_576;
const WORK_PER_MS: u64 = 4_096;

/// Device and inode.
type FileId = (u64, u64);

/// Which of the files of a database are no longer those that were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// None.
    No,
    /// The write-ahead log or its index, but not the database.
    Aside,
    /// The database itself.
    Database,
}

/// A database on a disk.
pub(super) struct Place {
    /// Without symbolic links: SQLite puts the other two beside the file, not beside the link.
    pub(super) path: PathBuf,
    files: [Option<FileId>; 3],
}

/// An open database that has every table.
pub(super) struct Store {
    pub(super) connection: Connection,
    /// None: in memory.
    pub(super) place: Option<Place>,
    /// See [`Ledger::base`].
    base: i64,
    /// The last number of this boot that is kept in it.
    pub(super) safe: u64,
}

/// The database and what SQLite keeps beside it.
pub(super) fn trio(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// Who a file is; none if there is nothing of that name.
pub(super) fn file_id(path: &Path) -> io::Result<Option<FileId>> {
    match fs::metadata(path) {
        Ok(data) => Ok(Some((data.dev(), data.ino()))),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

/// What a symbolic link leads to, whether that is there or not.
pub(super) fn led_to(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(to) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

/// Makes an empty file of the right mode; whatever bears the name already stays.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(MODE))
}

/// Milliseconds for the announcement of work on so many bytes; none: not worth one.
pub(super) fn announced(bytes: u64) -> Option<u32> {
    let ms = u32::try_from(bytes / WORK_PER_MS).unwrap_or(u32::MAX).saturating_add(1_000);
    (bytes > LONG_WORK).then_some(ms)
}

impl Store {
    /// Opens the database that `begin` names, makes or migrates its tables, and takes it over for this boot.
    pub(super) fn open(begin: &Begin, wall: Wall, patience: Span, out: &mut Out) -> Result<Self, Fault> {
        let path = begin.sql.file.as_deref().map(Self::prepare).transpose()?;
        let mut connection = Self::connect(path.as_deref(), patience)?;
        let size = path.as_deref().and_then(|path| fs::metadata(path).ok()).map_or(0, |data| data.len());
        let mut announce = announced(size);
        for migration in schema::pending(&connection)? {
            announce.take().into_iter().for_each(|ms| out.maintenance(ms));
            schema::migrate(&mut connection, migration, stored_ms(wall))?;
        }
        for statement in ledger::STATEMENTS {
            connection.prepare_cached(statement).map_err(|e| schema::missing(e.into()))?;
        }
        let changes = views::changes(&connection, &begin.sql.views)?;
        if !changes.is_empty() {
            announce.take().into_iter().for_each(|ms| out.maintenance(ms));
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change.execute_batch(&changes.join(";\n"))?;
            change.commit()?;
        }
        let mut store = Self { connection, place: None, base: 0, safe: 0 };
        store.adopt(&begin.boot_id, wall)?;
        if let Some(path) = path {
            let files = trio(&path).map(|path| file_id(&path).ok().flatten());
            store.place = Some(Place { path, files });
        }
        Ok(store)
    }

    fn prepare(path: &Path) -> Result<PathBuf, Fault> {
        let path = &led_to(path);
        match make(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => fs::canonicalize(path),
        }
        .map_err(|e| {
            let Fault { kind, detail } = e.into();
            Fault::new(kind, format!("{}: {detail}", path.display()))
        })
    }

    fn connect(path: Option<&Path>, patience: Span) -> Result<Connection, Fault> {
        let connection = match path {
            Some(path) => {
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?
            }
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_nanos(patience.0))?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        // The answer is the mode that holds; some file systems cannot share memory, and then it is not WAL.
        let mode: String = connection.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0))?;
        let synchronous = if mode == "delete" { "full" } else { "normal" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        let limit = stored(SQL_JOURNAL);
        connection.query_row(&format!("PRAGMA journal_size_limit = {limit}"), [], |_| Ok(()))?;
        Ok(connection)
    }

    /// Makes this boot the one that writes. What former boots left open is over, and nobody saw how.
    fn adopt(&mut self, boot: &str, wall: Wall) -> Result<(), Fault> {
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let former = boot_of(&change)?;
        if former.as_deref() != Some(boot) {
            let last = ledger::kv(&change, "last_at")?.unwrap_or_else(|| stored_ms(wall));
            for (table, began) in [("call", "started_at"), ("client_session", "connected_at")] {
                let sql = format!(
                    "UPDATE {table} SET ended_at = max({began}, ?1), end_reason = 'lost'
                     WHERE ended_at IS NULL AND boot_id <> ?2"
                );
                change.execute(&sql, params![last, boot])?;
            }
            let used = match &former {
                Some(former) => ledger::kv(&change, &ledger::safe_key(former))?.unwrap_or(0),
                None => 0,
            };
            let base = ledger::kv(&change, "base")?.unwrap_or(0).saturating_add(used);
            change.execute_batch(
                "DELETE FROM subscription; DELETE FROM kv WHERE key GLOB 'safe_seq:*' OR key GLOB 'resync_*'",
            )?;
            change.execute("INSERT OR REPLACE INTO kv(key, value) VALUES ('boot_id', ?1)", [boot])?;
            ledger::set_kv(&change, "base", base)?;
        }
        self.base = ledger::kv(&change, "base")?.unwrap_or(0);
        self.safe = u64::try_from(ledger::kv(&change, &ledger::safe_key(boot))?.unwrap_or(0)).unwrap_or(0);
        Ok(change.commit()?)
    }

    /// Keeps a batch, whole or not at all. Answers the last number that is kept now.
    pub(super) fn keep(
        &mut self,
        begin: &Begin,
        names: &Names,
        seen: u64,
        batch: &[Told],
        wall: Wall,
    ) -> Result<(u64, Tally), Fault> {
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let writer = boot_of(&change)?;
        if writer.as_deref() != Some(begin.boot_id.as_str()) {
            let other = writer.unwrap_or_default();
            let detail = format!("start {other} of a server writes it, too; name another file for one of them");
            return Err(Fault::new(Kind::Locked, detail));
        }
        // A thread that was left behind may have gone on beside its successor: what one has kept the other passes over.
        let kept = ledger::kv(&change, &ledger::safe_key(&begin.boot_id))?.unwrap_or_default();
        let seen = seen.max(u64::try_from(kept).unwrap_or_default());
        let mut ledger = Ledger {
            tables: &change,
            boot: &begin.boot_id,
            server: begin.server_id,
            base: self.base,
            names,
            seen,
            tally: Tally::default(),
        };
        for told in batch {
            ledger.take(told)?;
        }
        let Ledger { seen, tally, .. } = ledger;
        ledger::set_kv(&change, &ledger::safe_key(&begin.boot_id), stored(seen))?;
        ledger::set_kv(&change, "last_at", stored_ms(wall))?;
        change.commit()?;
        self.safe = seen;
        Ok((seen, tally))
    }

    /// Whether the files still are those that were opened. What cannot be looked at is taken to be unchanged.
    pub(super) fn moved(&self) -> Moved {
        let Some(place) = &self.place else { return Moved::No };
        let mut moved = Moved::No;
        for (number, path) in trio(&place.path).iter().enumerate() {
            let was = place.files.get(number).copied().flatten();
            if was.is_none() || file_id(path).map_or(was, |is| is) == was {
                continue;
            }
            if number == 0 {
                return Moved::Database;
            }
            moved = Moved::Aside;
        }
        moved
    }

    /// Whether the file `number` of the trio, as it is now, is the one that was opened.
    pub(super) fn is_ours(&self, number: usize, path: &Path) -> bool {
        let was = self.place.as_ref().and_then(|place| place.files.get(number).copied().flatten());
        was.is_some() && file_id(path).is_ok_and(|is| is == was)
    }

    /// Closes it without a last word to the file: what is damaged or no longer ours is left as it is.
    pub(super) fn abandon(self) {
        // If it cannot be had, SQLite closes as usual; that writes nothing that was not to be written.
        drop(self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
    }
}

fn boot_of(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT CAST(value AS TEXT) FROM kv WHERE key = 'boot_id'";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<String>>(0)).optional()?.flatten())
}
