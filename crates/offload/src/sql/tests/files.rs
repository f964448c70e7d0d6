//! Databases that are damaged, removed, replaced or somebody else's.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The one file whose name begins so.
fn named(folder: &Folder, start: &str) -> PathBuf {
    let names: Vec<_> = folder.names().into_iter().filter(|name| name.starts_with(start)).collect();
    let main = names.iter().find(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    folder.0.join(main.unwrap_or_else(|| panic!("{start}: {:?}", folder.names())))
}

/// Everything that was told lies in the file that bears the name.
fn has_the_story(folder: &Folder) {
    let tables = Connection::open(folder.file()).unwrap();
    assert_eq!(number(&tables, "SELECT count(*) FROM call"), 2);
    assert_eq!(number(&tables, "SELECT count(*) FROM client_session"), 1);
    assert_eq!(number(&tables, "SELECT count(*) FROM subscription"), 1);
    let check: String = tables.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_new_database_is_readable_by_its_group_alone() {
    let folder = Folder::new("mode");
    let mut bench = Bench::opened(&folder);
    bench.keep(story());
    assert_eq!(folder.names(), ["ragchew.db", "ragchew.db-shm", "ragchew.db-wal"]);
    for name in folder.names() {
        assert_eq!(fs::metadata(folder.0.join(&name)).unwrap().permissions().mode() & 0o777, 0o640, "{name}");
    }
}

#[test]
fn a_file_that_is_no_database_is_set_aside_as_it_is() {
    let folder = Folder::new("garbage");
    let garbage = vec![0x5a; 20_000];
    fs::write(folder.file(), &garbage).unwrap();
    let mut bench = Bench::file(&folder);
    bench.keep(story());
    let said = bench.said();
    assert!(
        matches!(&said[0], FromWorker::Trouble { trouble: Trouble::Corrupt, detail } if detail.contains(".corrupt-"))
    );
    assert_eq!(said[1..], [FromWorker::Well { trouble: Trouble::Corrupt }, FromWorker::Safe { seq: 5 }]);
    assert_eq!(named(&folder, "ragchew.db.corrupt-").file_name().unwrap(), "ragchew.db.corrupt-20261121T090616Z");
    assert_eq!(fs::read(named(&folder, "ragchew.db.corrupt-")).unwrap(), garbage);
    has_the_story(&folder);
}

#[test]
fn a_database_that_is_damaged_while_it_is_open_is_set_aside_and_the_batch_goes_into_a_new_one() {
    let folder = Folder::new("damaged");
    let mut bench = Bench::opened(&folder);
    bench.keep((1..400).map(|seq| told(seq, connected(seq))).collect());
    bench.tables().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let size = usize::try_from(fs::metadata(folder.file()).unwrap().len()).unwrap();
    fs::write(folder.file(), vec![0xa5; size]).unwrap();
    bench.tables().release_memory().unwrap();
    bench.said();
    bench.keep(vec![told(400, started(call(1, 1, 5, 91)))]);
    let troubles = bench.troubles();
    assert_eq!(troubles, [(Trouble::Corrupt, true), (Trouble::Corrupt, false)]);
    assert_eq!(fs::metadata(named(&folder, "ragchew.db.corrupt-")).unwrap().len(), size as u64);
    // The new one has what was held, and no gap: the numbers before are in the other.
    assert_eq!(bench.calls(RecordQuery::default()).len(), 1);
    assert_eq!(bench.number("SELECT count(*) FROM event_drop"), 0);
}

#[test]
fn a_question_that_meets_damage_has_it_cured() {
    let folder = Folder::new("asked");
    let mut bench = Bench::opened(&folder);
    bench.keep((1..400).map(|seq| told(seq, started(call(seq, 1, 5, 91)))).collect());
    bench.tables().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let size = usize::try_from(fs::metadata(folder.file()).unwrap().len()).unwrap();
    fs::write(folder.file(), vec![0xa5; size]).unwrap();
    bench.tables().release_memory().unwrap();
    assert!(bench.sql.answer(bench.now, &Ask::Calls(RecordQuery::default())).is_err());
    assert_eq!(bench.sql.next(), Some(Mono(0)));
    bench.said();
    bench.pass(0);
    assert_eq!(bench.troubles(), [(Trouble::Corrupt, true), (Trouble::Corrupt, false)]);
    assert!(bench.calls(RecordQuery::default()).is_empty());
}

#[test]
fn a_table_that_somebody_dropped_is_damage() {
    let folder = Folder::new("dropped");
    let mut bench = Bench::opened(&folder);
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("DROP TABLE client_session").unwrap();
    bench.take(story());
    bench.pass(2_000);
    let expected = [
        (Trouble::Unwritable, true),
        (Trouble::Corrupt, true),
        (Trouble::Unwritable, false),
        (Trouble::Corrupt, false),
    ];
    let mut troubles = bench.troubles();
    troubles[2..].sort();
    assert_eq!(troubles, expected);
    has_the_story(&folder);
}

#[test]
fn the_number_of_databases_that_are_set_aside_is_bounded() {
    let folder = Folder::new("many");
    for round in 0..crate::limits::SQL_SET_ASIDE {
        fs::write(folder.file(), vec![0x5a; 20_000]).unwrap();
        let mut bench = Bench::file(&folder);
        bench.keep(story());
        assert_eq!(bench.troubles().len(), 2, "{round}");
    }
    let before = folder.names().len();
    fs::write(folder.file(), vec![0x5a; 20_000]).unwrap();
    let mut bench = Bench::file(&folder);
    bench.take(story());
    bench.pass(20_000);
    assert_eq!(bench.troubles(), [(Trouble::Unwritable, true)]);
    assert_eq!(folder.names().len(), before);
    fs::remove_file(named(&folder, "ragchew.db.corrupt-")).unwrap();
    bench.pass(10_000);
    assert_eq!(bench.sql.held(), 0);
    has_the_story(&folder);
}

#[test]
fn a_database_that_is_removed_is_written_anew_with_everything_that_was_kept() {
    for with_log in [false, true] {
        let folder = Folder::new("removed");
        let mut bench = Bench::opened(&folder);
        bench.keep(story()[..4].to_vec());
        for name in folder.names() {
            if with_log || name == "ragchew.db" {
                fs::remove_file(folder.0.join(name)).unwrap();
            }
        }
        bench.said();
        // Without an event it is noticed, too.
        bench.pass(2_000);
        assert_eq!(bench.troubles(), [(Trouble::Removed, true), (Trouble::Removed, false)]);
        bench.keep(story()[4..].to_vec());
        assert_eq!(folder.names(), ["ragchew.db", "ragchew.db-shm", "ragchew.db-wal"]);
        assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o640);
        has_the_story(&folder);
        assert_eq!(bench.number("SELECT count(*) FROM event_drop"), 0);
    }
}

#[test]
fn a_log_that_is_removed_costs_nothing() {
    for end in ["-wal", "-shm"] {
        let folder = Folder::new("log");
        let mut bench = Bench::opened(&folder);
        bench.keep(story()[..4].to_vec());
        fs::remove_file(folder.0.join(format!("ragchew.db{end}"))).unwrap();
        bench.said();
        bench.keep(story()[4..].to_vec());
        assert_eq!(bench.troubles(), [(Trouble::Removed, true), (Trouble::Removed, false)]);
        assert_eq!(folder.names(), ["ragchew.db", "ragchew.db-shm", "ragchew.db-wal"]);
        has_the_story(&folder);
    }
}

#[test]
fn what_was_put_in_the_place_of_the_database_is_set_aside() {
    let folder = Folder::new("replaced");
    let mut bench = Bench::opened(&folder);
    bench.keep(story()[..4].to_vec());
    let other = folder.0.join("other");
    fs::write(&other, "somebody's").unwrap();
    fs::rename(&other, folder.file()).unwrap();
    bench.said();
    bench.keep(story()[4..].to_vec());
    assert_eq!(bench.troubles(), [(Trouble::Removed, true), (Trouble::Removed, false)]);
    assert_eq!(fs::read_to_string(named(&folder, "ragchew.db.replaced-")).unwrap(), "somebody's");
    has_the_story(&folder);
}

#[test]
fn a_folder_that_is_gone_is_waited_for_with_what_the_open_database_has() {
    let folder = Folder::new("gone");
    let mut bench = Bench::opened(&folder);
    bench.keep(story()[..4].to_vec());
    fs::remove_dir_all(&folder.0).unwrap();
    bench.said();
    bench.take(story()[4..].to_vec());
    bench.pass(20_000);
    assert_eq!(bench.troubles(), [(Trouble::Unwritable, true)]);
    fs::create_dir(&folder.0).unwrap();
    bench.pass(10_000);
    let mut troubles = bench.troubles();
    troubles.sort();
    assert_eq!(troubles, [(Trouble::Unwritable, false), (Trouble::Removed, false), (Trouble::Removed, true)]);
    assert_eq!(bench.sql.held(), 0);
    has_the_story(&folder);
}

#[test]
fn somebody_else_s_database_is_never_written_into() {
    let folder = Folder::new("foreign");
    let foreign = Connection::open(folder.file()).unwrap();
    foreign.execute_batch("CREATE TABLE call(precious); INSERT INTO call VALUES (1)").unwrap();
    let mut bench = Bench::file(&folder);
    bench.take(story());
    bench.pass(20_000);
    assert_eq!(bench.troubles(), [(Trouble::Unwritable, true)]);
    assert_eq!(number(&foreign, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_eq!(number(&foreign, "SELECT precious FROM call"), 1);
}

#[test]
fn a_link_to_the_database_is_followed_when_it_is_set_aside() {
    let folder = Folder::new("link");
    let far = folder.0.join("far");
    fs::create_dir(&far).unwrap();
    fs::write(far.join("real.db"), vec![0x5a; 20_000]).unwrap();
    std::os::unix::fs::symlink(far.join("real.db"), folder.file()).unwrap();
    let mut bench = Bench::file(&folder);
    bench.take(story());
    bench.pass(2_000);
    assert_eq!(bench.sql.held(), 0, "{:?}", bench.said());
    assert!(far.join("real.db.corrupt-20261121T090616Z").exists());
    has_the_story(&folder);
}
