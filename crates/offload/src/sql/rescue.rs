//! What is done about a database that is damaged, and about one that was taken away while it was open. Owns the names under
//! which files are set aside; never removes or overwrites a file that it did not make. Source: design §5, `runtime.md` S2-14.

use super::fault::{Fault, Kind};
use super::store::{self, Moved, Store, trio};
use crate::limits::SQL_SET_ASIDE;
use crate::log::Stamp;
use crate::worker::Out;
use ragchew_core::time::Wall;
use std::fs;
use std::path::{Path, PathBuf};

/// Renames a database and what lies beside it to `NAME.WHY-TIME`, and answers that name.
pub(super) fn set_aside(path: &Path, why: &str, wall: Wall) -> Result<PathBuf, Fault> {
    if beside(path, why) >= SQL_SET_ASIDE {
        let detail =
            format!("{SQL_SET_ASIDE} databases that were set aside lie beside {}; remove some", path.display());
        return Err(Fault::new(Kind::Unwritable, detail));
    }
    let aside = free(path, why, wall)?;
    for (from, to) in trio(path).iter().zip(trio(&aside)) {
        if store::file_id(from)?.is_some() {
            fs::rename(from, to)?;
        }
    }
    Ok(aside)
}

/// Databases that were set aside for this reason.
fn beside(path: &Path, why: &str) -> usize {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return 0 };
    let start = format!("{}.{why}-", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&start) && !name.ends_with("-wal") && !name.ends_with("-shm")).count()
}

/// A name that neither a database nor what belongs to one bears.
fn free(path: &Path, why: &str, wall: Wall) -> Result<PathBuf, Fault> {
    // As in `20261121T090616Z`: colons are no part of names everywhere.
    let stamp: String = Stamp::from(wall).to_string().chars().filter(|c| !"-:".contains(*c)).collect();
    let stamp = stamp.split('.').next().unwrap_or_default().to_owned();
    for number in 1..=2 * SQL_SET_ASIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{why}-{stamp}Z"));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let name = PathBuf::from(name);
        if trio(&name).iter().all(|path| matches!(store::file_id(path), Ok(None))) {
            return Ok(name);
        }
    }
    Err(Fault::new(Kind::Unwritable, format!("no name is free beside {}", path.display())))
}

/// What a rescue came to.
pub(super) enum Rescued {
    /// The file is there again with everything that was kept; to be opened.
    Whole(String),
    /// Nothing could be saved; a new one is to be begun.
    Lost(String),
    /// It cannot be done now; the open connection still has everything.
    Later(Box<Store>, Fault),
}

/// Brings what an open connection still has back under the database's name.
pub(super) fn rewrite(store: Store, moved: Moved, wall: Wall, out: &mut Out) -> Rescued {
    let Some(path) = store.place.as_ref().map(|place| place.path.clone()) else {
        return Rescued::Lost("it was in memory".to_owned());
    };
    if moved == Moved::Aside && empty_log(&store).is_ok() {
        store.abandon();
        return Rescued::Whole(format!("what lay beside {} was removed; the database has everything", path.display()));
    }
    match write_anew(&store, &path, wall, out) {
        Ok(anew) => {
            let settled = clear(&store, &path, wall).and_then(|()| Ok(fs::rename(&anew, &path)?));
            match settled {
                Ok(()) => {
                    store.abandon();
                    Rescued::Whole(format!("{} was written anew from the open one", path.display()))
                }
                Err(fault) => {
                    discard(&anew);
                    Rescued::Later(Box::new(store), fault)
                }
            }
        }
        // Without its folder there is nowhere to write; it may come back.
        Err(fault) if fault.kind == Kind::Unwritable && fs::metadata(folder(&path)).is_err() => {
            Rescued::Later(Box::new(store), fault)
        }
        // There will be room again, or whoever holds it lets go.
        Err(fault) if matches!(fault.kind, Kind::Full | Kind::Locked) => Rescued::Later(Box::new(store), fault),
        Err(fault) => match clear(&store, &path, wall) {
            Ok(()) => {
                store.abandon();
                Rescued::Lost(format!(
                    "{} could not be written anew ({}); a new one was begun",
                    path.display(),
                    fault.detail
                ))
            }
            Err(fault) => Rescued::Later(Box::new(store), fault),
        },
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves everything from the write-ahead log, which nobody else sees any more, into the database.
fn empty_log(store: &Store) -> Result<(), Fault> {
    let busy: i64 = store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(Fault::new(Kind::Locked, "the write-ahead log is in use")) }
}

fn write_anew(store: &Store, path: &Path, wall: Wall, out: &mut Out) -> Result<PathBuf, Fault> {
    let count = |what: &str| -> Result<u64, Fault> {
        let number: i64 = store.connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let size = count("page_count")?.saturating_mul(count("page_size")?);
    store::announced(size).into_iter().for_each(|ms| out.maintenance(ms));
    let anew = free(path, "anew", wall)?;
    store::make(&anew)?;
    let name = anew.to_string_lossy().into_owned();
    match store.connection.execute("VACUUM INTO ?1", [name]) {
        Ok(_) => Ok(anew),
        Err(e) => {
            discard(&anew);
            Err(e.into())
        }
    }
}

/// Removes an unfinished copy that was made here.
fn discard(anew: &Path) {
    // If it stays it is in nobody's way: its name is never chosen again.
    for path in trio(anew) {
        drop(fs::remove_file(path));
    }
}

/// Frees the names of the database: what is ours and remained beside it goes, since a new database must not be read with an
/// old log; what somebody else put there is set aside.
fn clear(store: &Store, path: &Path, wall: Wall) -> Result<(), Fault> {
    for (number, path) in trio(path).iter().enumerate() {
        if number > 0 && store.is_ours(number, path) {
            fs::remove_file(path)?;
        }
    }
    let mut is_any = false;
    for path in trio(path) {
        is_any |= store::file_id(&path)?.is_some();
    }
    if is_any {
        set_aside(path, "replaced", wall)?;
    }
    Ok(())
}
