//! What hinders a batch, and that it is kept once when that is over.

use super::*;
use crate::limits::SQL_RETRY_CAP;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A worker that meets the trouble says it once, holds everything, and keeps it once when the trouble is over.
fn recovers(bench: &mut Bench, trouble: Trouble, end: impl FnOnce(&mut Bench)) {
    bench.take(story());
    bench.pass(20_000);
    assert_eq!(bench.troubles(), [(trouble, true)]);
    assert_eq!(bench.sql.held(), 5);
    end(bench);
    bench.pass(SQL_RETRY_CAP.as_millis());
    let said = bench.said();
    assert_eq!(said, [FromWorker::Well { trouble }, FromWorker::Safe { seq: 5 }]);
    assert_eq!(bench.number("SELECT count(*) FROM call"), 2);
    assert_eq!(bench.number("SELECT count(*) FROM event_drop"), 0);
    bench.pass(20_000);
    assert!(bench.said().is_empty());
}

#[test]
fn a_full_disk_is_said_once_and_everything_held_is_kept_when_there_is_room() {
    let folder = Folder::new("full");
    let mut bench = Bench::opened(&folder);
    bench.tables().execute_batch("CREATE TABLE ballast(x)").unwrap();
    let pages = bench.number("PRAGMA page_count");
    bench.tables().execute_batch(&format!("INSERT INTO ballast VALUES (zeroblob({}))", 3_000)).unwrap();
    let limit = bench.number(&format!("PRAGMA max_page_count = {pages}"));
    assert!(limit >= pages);
    // The tables have a page each with room for a few rows: long texts need more.
    fill(&bench);
    recovers(&mut bench, Trouble::DiskFull, |bench| {
        bench.number("PRAGMA max_page_count = 1000000");
    });
}

/// Leaves no room in the pages that there are.
fn fill(bench: &Bench) {
    let mut rows = 0;
    let row =
        "INSERT INTO client_session(boot_id, session_no, server_id, system, client_id, connected_at, told_no, ended_at)
               VALUES ('filler', ?1, 0, 'x', 0, 0, 0, 0)";
    while bench.tables().execute(row, [rows]).is_ok() {
        rows += 1;
    }
    while bench.tables().execute("INSERT INTO kv VALUES ('filler' || ?1, 0)", [rows]).is_ok() {
        rows += 1;
    }
}

#[test]
fn a_place_that_cannot_be_written_is_tried_again_with_longer_pauses() {
    let folder = Folder::new("unwritable");
    let parent = folder.0.join("parent");
    std::fs::write(&parent, "a file where a folder should be").unwrap();
    let mut bench = Bench::new(&begin(Some(&parent.join("ragchew.db")), BOOT));
    let mut attempts = Vec::new();
    for _ in 0..8 {
        bench.sql.step(bench.now, &mut bench.out);
        let next = bench.sql.next().unwrap();
        attempts.push(next.since(bench.now).as_millis());
        bench.now = next;
    }
    assert_eq!(attempts, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    assert_eq!(bench.troubles(), [(Trouble::Unwritable, true)]);
    assert!(bench.sql.answer(bench.now, &Ask::Calls(RecordQuery::default())).is_err());
    bench.take(story());
    std::fs::remove_file(&parent).unwrap();
    std::fs::create_dir(&parent).unwrap();
    bench.pass(SQL_RETRY_CAP.as_millis());
    assert_eq!(bench.said(), [FromWorker::Well { trouble: Trouble::Unwritable }, FromWorker::Safe { seq: 5 }]);
}

#[test]
fn a_folder_in_the_database_s_place_is_a_trouble_that_ends() {
    let folder = Folder::new("folder");
    std::fs::create_dir(folder.file()).unwrap();
    let mut bench = Bench::file(&folder);
    recovers(&mut bench, Trouble::Unwritable, |_| std::fs::remove_dir(folder.file()).unwrap());
}

#[test]
fn a_database_that_another_program_holds_is_waited_for() {
    let folder = Folder::new("locked");
    let mut bench = Bench::opened(&folder);
    // As if the wait for the lock were over at once.
    bench.tables().busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    recovers(&mut bench, Trouble::Locked, |_| other.execute_batch("ROLLBACK").unwrap());
}

#[test]
fn one_trouble_gives_way_to_another() {
    let folder = Folder::new("change");
    let mut bench = Bench::opened(&folder);
    bench.tables().busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    bench.take(story());
    bench.pass(300);
    other
        .execute_batch("UPDATE kv SET value = 'f' WHERE key = 'boot_id'; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    bench.tables().pragma_update(None, "query_only", true).unwrap();
    bench.pass(300);
    let expected = [(Trouble::Locked, true), (Trouble::Locked, false), (Trouble::Unwritable, true)];
    assert_eq!(bench.troubles(), expected);
}

#[test]
fn the_orderly_end_keeps_what_is_held_and_does_not_wait_for_a_disk_that_is_full() {
    let folder = Folder::new("finish");
    let mut bench = Bench::opened(&folder);
    bench.take(story());
    bench.sql.finish(bench.now, &mut bench.out);
    assert_eq!(bench.safe(), [5]);
    assert_eq!(folder.names(), ["ragchew.db"]);
    let bench = Bench::opened(&folder);
    assert_eq!(bench.number("SELECT count(*) FROM call"), 2);
    let is_full = |_: &Folder, bench: &Bench| {
        let pages = bench.number("PRAGMA page_count");
        bench.number(&format!("PRAGMA max_page_count = {pages}"));
        fill(bench);
        None
    };
    assert!(ends_in_time(Trouble::DiskFull, is_full));
    // Nor for another program.
    let is_locked = |folder: &Folder, _: &Bench| {
        let other = Connection::open(folder.file()).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        Some(other)
    };
    assert!(ends_in_time(Trouble::Locked, is_locked));
}

/// Whether the orderly end of a worker that is hindered takes less than 800 ms, at its best: the machine has other work, too.
fn ends_in_time(trouble: Trouble, hinder: impl Fn(&Folder, &Bench) -> Option<Connection>) -> bool {
    (0..5).any(|_| {
        let folder = Folder::new("hindered");
        let mut bench = Bench::opened(&folder);
        let _other = hinder(&folder, &bench);
        bench.take(vec![told(6, connected(6))]);
        let began = Instant::now();
        bench.sql.finish(bench.now, &mut bench.out);
        let took = began.elapsed();
        assert_eq!(bench.troubles(), [(trouble, true)]);
        took < Duration::from_millis(800)
    })
}

#[test]
fn three_slow_batches_in_a_row_are_said_and_a_quick_one_ends_it() {
    let mut bench = Bench::new(&begin(None, BOOT));
    let (clock, pace) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let read = pace.clone();
    bench.sql.stopwatch = Box::new(move || {
        let pace = read.load(Ordering::Relaxed);
        Mono(clock.fetch_add(pace, Ordering::Relaxed))
    });
    bench.pass(0);
    let paces_ms = [1_100, 1_100, 900, 1_100, 1_100, 1_100, 1_100, 10];
    let mut said = Vec::new();
    for (seq, pace_ms) in (1..).zip(paces_ms) {
        pace.store(pace_ms * 1_000_000, Ordering::Relaxed);
        bench.keep(vec![told(seq, connected(seq))]);
        said.extend(bench.troubles().into_iter().map(|(trouble, is_on)| (seq, trouble, is_on)));
    }
    assert_eq!(said, [(6, Trouble::Slow, true), (8, Trouble::Slow, false)]);
}

#[test]
fn an_event_that_a_table_refuses_does_not_hold_up_the_others() {
    let mut bench = Bench::new(&begin(None, BOOT));
    bench.pass(0);
    let guard = "CREATE TRIGGER guard BEFORE INSERT ON call WHEN NEW.src_id = 13 BEGIN SELECT RAISE(ABORT, 'no'); END";
    bench.tables().execute_batch(guard).unwrap();
    bench.keep(vec![told(1, started(call(1, 1, 13, 91))), told(2, started(call(2, 1, 14, 91)))]);
    assert_eq!(bench.calls(RecordQuery::default()).len(), 1);
    assert_eq!(bench.safe(), [2]);
}
