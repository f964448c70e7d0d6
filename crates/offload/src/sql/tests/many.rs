//! Much of everything: what questions and batches cost. It is counted, not timed: how long a step takes is the machine's affair
//! and that of its other work.

use super::super::schema;
use super::*;
use crate::limits::WINDOW;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Steps of the database, of which a machine does some ten in a microsecond.
struct Steps(Arc<AtomicU64>);

impl Steps {
    /// They are counted in pieces of so many.
    const PIECE: u32 = 100;

    fn of(tables: &Connection) -> Self {
        let pieces = Arc::new(AtomicU64::new(0));
        let counted = pieces.clone();
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        tables.progress_handler(Self::PIECE as i32, Some(count)).unwrap();
        Self(pieces)
    }

    /// Those since the last time.
    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed) * u64::from(Self::PIECE)
    }
}

/// A million calls of 5,000 radios, 1,000 clients and 200 talkgroups, made by the database itself before it had the newest
/// schema.
fn million(folder: &Folder) {
    let mut tables = Connection::open(folder.file()).unwrap();
    schema::migrate(&mut tables, schema::MIGRATIONS[0], 0).unwrap();
    let indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'call' AND sql IS NOT NULL";
    let mut statement = tables.prepare(indexes).unwrap();
    let indexes = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let indexes: Vec<(String, String)> = indexes.map(Result::unwrap).collect();
    drop(statement);
    assert_eq!(indexes.len(), 5);
    // Indexes are made faster at the end.
    for (name, _) in &indexes {
        tables.execute_batch(&format!("DROP INDEX {name}")).unwrap();
    }
    tables
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = off; PRAGMA cache_size = -200000; BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
             INSERT INTO call(boot_id, call_no, server_id, session_no, system, client_id, stream_id, src_id, slot, rf_tg,
                 dst_id, kind, started_at, ended_at, duration_ms, end_reason, start_no, end_no, told_no)
             SELECT 'past', i, 1, i % 1000, 'hotspots', 2345000 + i * 7919 % 1000, i, 1000 + i * 104729 % 5000, 2,
                 i * 31 % 200, i * 31 % 200, 'group_voice', i * 1000, i * 1000 + 5000, 5000, 'terminator',
                 2 * i, 2 * i + 1, 2 * i
             FROM n; COMMIT;",
        )
        .unwrap();
    for (_, sql) in indexes {
        tables.execute_batch(&sql).unwrap();
    }
}

#[test]
fn a_million_calls_answer_each_question_in_100_000_steps() {
    let folder = Folder::new("million");
    let began = Instant::now();
    million(&folder);
    let made = began.elapsed();
    let mut begin = begin(Some(&folder.file()), BOOT);
    begin.sql.views = vec!["feed".to_owned()];
    let mut bench = Bench::new(&begin);
    let began = Instant::now();
    bench.pass(0);
    println!("a million calls: made in {made:?}, migrated with the view in {:?}", began.elapsed());
    let said = bench.said();
    assert!(matches!(said[..], [FromWorker::Maintenance { for_ms: 1_000.. }]), "{said:?}");
    let client = Some(ClientId(2_345_500));
    let talkgroup = Some(ConferenceTg(77));
    let page = RecordQuery { limit: 100, ..RecordQuery::default() };
    let queries = [
        RecordQuery { last_heard: true, ..page.clone() },
        RecordQuery { client, ..page.clone() },
        RecordQuery { talkgroup, ..page.clone() },
        RecordQuery { source: Some(RadioId(1_500)), ..page.clone() },
        RecordQuery { talkgroup, last_heard: true, ..page.clone() },
        RecordQuery { client, talkgroup, ..page.clone() },
        RecordQuery { talkgroup, after: Some(1_000), ..page.clone() },
    ];
    let steps = Steps::of(bench.tables());
    for query in queries {
        let rows = bench.calls(query.clone());
        assert!(rows.len() <= 100 && !rows.is_empty() || query.client == client, "{query:?}");
        let took = steps.take();
        println!("{took} steps for {query:?}");
        assert!(took < 100_000, "{took} steps for {query:?}");
    }
    assert_eq!(bench.number("SELECT count(*) FROM (SELECT * FROM feed WHERE id > 2000000 ORDER BY id)"), 1);
    let took = steps.take();
    println!("{took} steps for the end of the feed");
    assert!(took < 100_000, "{took} steps for the end of the feed");
    // Whoever looks through all of them is found out by this.
    assert_eq!(bench.number("SELECT count(*) FROM call WHERE frames = 1"), 0);
    assert!(steps.take() > 1_000_000);
}

#[test]
fn a_minute_of_a_busy_server_is_kept_with_time_to_spare() {
    let folder = Folder::new("minute");
    let mut bench = Bench::opened(&folder);
    let steps = Steps::of(bench.tables());
    let events = 60_000_u64;
    let began = Instant::now();
    let mut events_left = (1..=events).map(|seq| {
        let (no, session) = (seq / 2, seq / 2 % 500);
        let call = call(no, session, 1_000 + u32::try_from(no % 5_000).unwrap(), 91);
        told(seq, if seq % 2 == 0 { started(call) } else { ended(call, 500) })
    });
    loop {
        // The hub gives what has come in a few milliseconds.
        let some: Vec<_> = events_left.by_ref().take(20).collect();
        if some.is_empty() {
            break;
        }
        bench.take(some);
        bench.pass(20);
        assert!(bench.sql.held() < WINDOW);
    }
    bench.pass(250);
    let (took, steps, batches) = (began.elapsed(), steps.take(), bench.sql.counts.batches);
    let rate = events as f64 / took.as_secs_f64();
    println!("{events} events in {took:?}: {rate:.0} a second, {steps} steps in {batches} batches");
    assert_eq!(bench.safe().last(), Some(&events));
    assert!(bench.number("SELECT count(*) FROM call") >= 30_000);
    assert!(steps < 300 * events && batches < 500, "{steps} steps in {batches} batches");
}
