//! The `sql` role on databases of its own folder, with a fake clock.

mod files;
mod many;
mod orphan;
mod rows;
mod troubles;

use super::Sql;
use crate::event::{Subject, Told, Trouble};
use crate::supervise;
use crate::worker::{
    Answer, Ask, Begin, CallRecord, FromWorker, Out, PROTOCOL, RecordQuery, Role, SessionRecord, SqlSettings,
};
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use ragchew_core::report::{CallEnd, CallTag, Destination, SessionTag, SubscriptionSource, Text, What};
use ragchew_core::time::{Mono, Now, Span, Wall};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// 2026-11-21 09:06:16 UTC.
const EPOCH_MS: u64 = 1_795_251_976_000;
const BOOT: &str = "00000000000000b1";

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ragchew-sql-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ragchew.db")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn begin(file: Option<&Path>, boot: &str) -> Begin {
    Begin {
        protocol: PROTOCOL,
        role: supervise::Role::Sql,
        incarnation: 1,
        boot_id: boot.to_owned(),
        server_id: 2341,
        memory: 0,
        sql: SqlSettings { file: file.map(Path::to_owned), keep_days: 0, views: Vec::new() },
    }
}

/// A worker with its clock, and what it said.
struct Bench {
    sql: Sql,
    now: Mono,
    out: Out,
}

impl Bench {
    fn new(begin: &Begin) -> Self {
        let wall = Wall(EPOCH_MS * 1_000_000);
        let mut sql = Sql::open(begin, Now { mono: Mono(0), wall });
        sql.names(&[(ListenerId(1), "hotspots".to_owned())]);
        Self { sql, now: Mono(0), out: Out::default() }
    }

    fn file(folder: &Folder) -> Self {
        Self::new(&begin(Some(&folder.file()), BOOT))
    }

    /// A worker that has opened its database.
    fn opened(folder: &Folder) -> Self {
        let mut bench = Self::file(folder);
        bench.pass(0);
        assert!(bench.said().is_empty());
        bench
    }

    fn take(&mut self, told: Vec<Told>) {
        self.sql.take(self.now, told, &mut self.out);
    }

    /// Lets time pass, with every step that is due in it.
    fn pass(&mut self, ms: u64) {
        let end = self.now + Span::millis(ms);
        for _ in 0..10_000 {
            match self.sql.next() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            self.sql.step(self.now, &mut self.out);
        }
        self.now = end;
    }

    /// Takes events and has them kept.
    fn keep(&mut self, told: Vec<Told>) {
        self.take(told);
        self.pass(250);
        assert_eq!(self.sql.held(), 0, "{:?}", self.out.said);
    }

    fn said(&mut self) -> Vec<FromWorker> {
        std::mem::take(&mut self.out.said)
    }

    /// What was said but of what is safe: troubles and, negated, their ends.
    fn troubles(&mut self) -> Vec<(Trouble, bool)> {
        let said = self.said();
        let troubles = said.iter().filter_map(|said| match said {
            FromWorker::Trouble { trouble, .. } => Some((*trouble, true)),
            FromWorker::Well { trouble } => Some((*trouble, false)),
            _ => None,
        });
        troubles.collect()
    }

    fn safe(&mut self) -> Vec<u64> {
        let said = self.said();
        said.iter().filter_map(|said| if let FromWorker::Safe { seq } = said { Some(*seq) } else { None }).collect()
    }

    fn calls(&mut self, query: RecordQuery) -> Vec<CallRecord> {
        match self.sql.answer(self.now, &Ask::Calls(query)).unwrap() {
            Answer::Calls(page) => page.rows,
            other => panic!("{other:?}"),
        }
    }

    fn sessions(&mut self, query: RecordQuery) -> Vec<SessionRecord> {
        match self.sql.answer(self.now, &Ask::Sessions(query)).unwrap() {
            Answer::Sessions(page) => page.rows,
            other => panic!("{other:?}"),
        }
    }

    fn tables(&self) -> &Connection {
        &self.sql.store.as_ref().unwrap().connection
    }

    fn number(&self, sql: &str) -> i64 {
        number(self.tables(), sql)
    }
}

fn number(tables: &Connection, sql: &str) -> i64 {
    tables.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Every row of every table but the times of migrations and batches, as text.
fn dump(tables: &Connection) -> Vec<String> {
    let mut all = Vec::new();
    for table in ["call", "client_session", "subscription", "event_drop", "kv", "heard"] {
        let mut statement = tables.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..columns).map(|n| format!("{:?}", row.get_ref(n).unwrap())).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    let last_at = format!("{:?}", rusqlite::types::ValueRef::Text(b"last_at"));
    all.retain(|row| !row.contains(&last_at));
    all
}

fn told(seq: u64, what: What) -> Told {
    Told { seq, at: Wall((EPOCH_MS + seq * 10) * 1_000_000), retold: false, what: Subject::Core(what) }
}

fn retold(seq: u64, what: What) -> Told {
    Told { retold: true, ..told(seq, what) }
}

fn who(session: u64) -> SessionTag {
    let client = ClientId(2_345_000 + u32::try_from(session).unwrap());
    SessionTag { session: SessionNo(session), listener: ListenerId(1), client }
}

fn connected(session: u64) -> What {
    What::Connected {
        who: who(session),
        remote: "192.0.2.7:50000".parse().unwrap(),
        callsign: Text::new(b"M0TST"),
        rx_hz: 438_000_000,
        tx_hz: 430_000_000,
        colour_code: 1,
        slots: 3,
    }
}

fn disconnected(session: u64) -> What {
    let cause = ragchew_core::report::SessionEnd::Closed;
    What::Disconnected { who: who(session), remote: "192.0.2.7:50000".parse().unwrap(), cause }
}

fn subscribed(session: u64, tg: u32) -> What {
    let (rf_tg, conference) = (RfTg(tg), ConferenceTg(tg));
    What::Subscribed { who: who(session), slot: Slot::Two, rf_tg, conference, source: SubscriptionSource::Static }
}

fn call(no: u64, session: u64, source: u32, tg: u32) -> CallTag {
    CallTag {
        call: CallNo(no),
        from: who(session),
        stream: StreamId(0x1000 + u32::try_from(no).unwrap()),
        source: RadioId(source),
        slot: Slot::Two,
        rf_tg: RfTg(tg),
        destination: Destination::Conference(ConferenceTg(tg)),
    }
}

fn started(call: CallTag) -> What {
    What::CallStarted { call, late_entry: false }
}

fn ended(call: CallTag, ms: u64) -> What {
    let duration = Span::millis(ms);
    What::CallEnded { call, cause: CallEnd::Terminator, duration, frames: 50, lost: 2, reordered: 1 }
}

/// A session that connects, subscribes and makes a call.
fn story() -> Vec<Told> {
    vec![
        told(1, connected(1)),
        told(2, subscribed(1, 235)),
        told(3, started(call(1, 1, 2_345_678, 235))),
        told(4, ended(call(1, 1, 2_345_678, 235), 3_000)),
        told(5, started(call(2, 1, 2_345_679, 91))),
    ]
}
