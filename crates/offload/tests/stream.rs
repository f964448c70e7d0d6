//! The hub with its `sql` worker under load: a busy server's events all reach the database, and what a database that stands
//! still makes it lose is told, and told again as far as it is state.
//!
//! With `RAGCHEW_CHAOS` the load lasts a minute instead of five seconds and the machine has to be fast enough for it;
//! `--nocapture` shows the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Helpers of tests, too.

use crossbeam_channel::{Receiver, Sender, bounded};
use ragchew_core::control::{ControlRequest, RequestId};
use ragchew_core::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use ragchew_core::report::{CallEnd, CallTag, Destination, Numbered, ReportEvent, SessionTag, Text, What};
use ragchew_core::time::{Span, Wall};
use ragchew_offload::hub::{Bell, Boot, Busy, Ears, Ground, Heard, Hub, HubPlan, Outside, WorkerPlan};
use ragchew_offload::limits::{EVENTS_TO_HUB, QUEUE_CAPACITY};
use ragchew_offload::log::{Format, LogWriter, Names, Output};
use ragchew_offload::supervise::{Numbers, Role};
use ragchew_offload::worker::{Placement, SqlSettings, Workshop, make};
use rusqlite::Connection;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A packet plane of which nothing is asked.
struct Nobody;

impl Outside for Nobody {
    fn control(&mut self, _: ControlRequest) -> Result<(), Busy> {
        Err(Busy)
    }
    fn figures(&mut self) -> Result<(), Busy> {
        Err(Busy)
    }
    fn reload(&mut self, _: RequestId, _: bool) -> Result<(), Busy> {
        Err(Busy)
    }
    fn stop(&mut self) -> Result<(), Busy> {
        Err(Busy)
    }
    fn heard(&mut self) -> Option<Heard> {
        None
    }
}

struct Server {
    dir: PathBuf,
    events: Sender<Numbered>,
    waiting: Receiver<Numbered>,
    bell: Bell,
    hub: JoinHandle<()>,
    _log: LogWriter,
    seq: u64,
    deepest: usize,
}

impl Server {
    fn start(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ragchew-stream-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let (tail, lines) = bounded(64);
        let (writer, log) =
            LogWriter::start(&Output::File(dir.join("log")), Format::Text, Names::default(), Some(tail)).unwrap();
        let ground = Ground::new().unwrap();
        let bell = ground.bell();
        let (events, queue) = bounded(EVENTS_TO_HUB);
        let sql = SqlSettings { file: Some(dir.join("ragchew.db")), keep_days: 0, views: Vec::new() };
        let plan = HubPlan {
            boot: Boot { id: "00000000000000ee".into(), server_id: 2341 },
            name: "Test".into(),
            version: "0".into(),
            workers: vec![WorkerPlan { role: Role::Sql, placement: Placement::Thread, memory: 1 << 30, sql }],
            numbers: Numbers::default(),
            workshop: Workshop { make, word: "worker" },
            listeners: vec![(ListenerId(0), "hotspots".into())],
            desk: None,
        };
        let ears = Ears { events: queue.clone(), lines, outside: Box::new(Nobody) };
        let hub = Hub::new(ground, plan, ears, log).unwrap();
        let hub = thread::spawn(move || hub.run());
        Self { dir, events, waiting: queue, bell, hub, _log: writer, seq: 0, deepest: 0 }
    }

    /// As the reactor does it: nothing waits.
    fn tell(&mut self, what: What) {
        self.seq += 1;
        let event = ReportEvent { at: Wall(self.seq * 1_000_000), retold: false, what };
        self.events.try_send(Numbered { seq: self.seq, event }).expect("the hub does not keep up");
        self.deepest = self.deepest.max(self.waiting.len());
        self.bell.ring();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn database(&self) -> Connection {
        let connection = Connection::open(self.dir.join("ragchew.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    }

    /// The reactor ends; the folder is left for a last look.
    fn end(self) -> PathBuf {
        drop((self.events, self.waiting));
        self.bell.ring();
        self.hub.join().unwrap();
        self.dir
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "it does not come about: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn who(session: u64) -> SessionTag {
    SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(2_340_000 + session as u32) }
}

fn connected(session: u64) -> What {
    let (callsign, remote) = (Text::new(b"M0TST"), ([192, 0, 2, 1], 62_031).into());
    What::Connected { who: who(session), remote, callsign, rx_hz: 1, tx_hz: 2, colour_code: 1, slots: b'3' }
}

fn call(number: u64) -> CallTag {
    CallTag {
        call: CallNo(number),
        from: who(1 + number % 50),
        stream: StreamId(number as u32),
        source: RadioId(2_340_000 + (number % 500) as u32),
        slot: Slot::Two,
        rf_tg: RfTg(91),
        destination: Destination::Conference(ConferenceTg(91)),
    }
}

fn started(number: u64) -> What {
    What::CallStarted { call: call(number), late_entry: false }
}

fn ended(number: u64) -> What {
    let (cause, duration) = (CallEnd::Terminator, Span::millis(40));
    What::CallEnded { call: call(number), cause, duration, frames: 20, lost: 0, reordered: 0 }
}

/// A number of the database; none before the tables are there, which come a moment after the file.
fn counted(tables: &Connection, sql: &str) -> Option<u64> {
    tables.query_row(sql, [], |row| row.get(0)).ok().map(|found: i64| found as u64)
}

fn number(tables: &Connection, sql: &str) -> u64 {
    counted(tables, sql).unwrap()
}

#[test]
fn a_thousand_events_a_second_reach_the_database_without_a_drop() {
    let is_chaos = std::env::var_os("RAGCHEW_CHAOS").is_some();
    let seconds = if is_chaos { 60 } else { 5 };
    let mut server = Server::start("thousand");
    (1..=50).for_each(|session| server.tell(connected(session)));
    let (began, calls) = (Instant::now(), seconds * 500);
    for number in 1..=calls {
        let due = began + Duration::from_millis(2) * number as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        server.tell(started(number));
        // Four are on the air at any time.
        if number > 4 {
            server.tell(ended(number - 4));
        }
    }
    (calls - 3..=calls).for_each(|number| server.tell(ended(number)));
    let (took, deepest, told) = (began.elapsed(), server.deepest, server.seq);
    let tables = server.database();
    let whole = "SELECT count(*) FROM call WHERE end_reason = 'terminator' AND ended_at IS NOT NULL";
    until("every call is kept", || counted(&tables, whole) == Some(calls));
    println!(
        "{told} events in {took:?} ({:.0}/s), all {calls} calls kept; at most {deepest} events waited for the hub",
        told as f64 / took.as_secs_f64()
    );
    assert!(!is_chaos || took < Duration::from_secs(seconds) * 3 / 2, "this machine was too busy to say so much");
    assert_eq!(number(&tables, "SELECT count(*) FROM call"), calls);
    assert_eq!(number(&tables, "SELECT count(*) FROM event_drop"), 0);
    drop(tables);
    let dir = server.end();
    let _ = std::fs::remove_dir_all(dir);
}

#[test]
fn what_a_database_that_stands_still_makes_the_hub_lose_is_told_and_closed_by_a_resync() {
    let mut server = Server::start("still");
    until("the database is there", || server.dir.join("ragchew.db-shm").exists());
    (1..=50).for_each(|session| server.tell(connected(session)));
    until("the first are kept", || counted(&server.database(), "SELECT count(*) FROM client_session") == Some(50));
    let other = server.database();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // More than a queue holds; the log has to keep up, or it would leave out the words that are looked for.
    let calls = QUEUE_CAPACITY as u64 * 3 / 4;
    for number in 1..=calls {
        server.tell(started(number));
        server.tell(ended(number));
        if number % 500 == 0 {
            let line = format!("call={number} conference=91 duration=");
            until("the log keeps up", || server.log().contains(&line));
        }
    }
    // Too late for the queue: states, and a call that goes on.
    (51..=150).for_each(|session| server.tell(connected(session)));
    server.tell(started(calls + 1));
    until("the hub has heard everything", || server.waiting.is_empty());
    until("the pressure is told", || server.log().contains("even calls are not recorded any more"));
    other.execute_batch("ROLLBACK").unwrap();
    let began = Instant::now();
    until("the loss is closed", || server.log().contains("what is now was told again from the hub to the worker sql"));
    // What is told again needs half a queue, the end of the pressure less.
    until("the pressure is over", || server.log().contains("from the hub to the worker sql has room again"));
    let tables = server.database();
    until("what there is now is kept", || {
        number(&tables, "SELECT count(*) FROM client_session") == 150
            && number(&tables, "SELECT count(*) FROM call WHERE ended_at IS NULL") == 1
    });
    let took = began.elapsed();
    let (kept, missing) = (
        number(&tables, "SELECT count(*) FROM call WHERE end_reason = 'terminator'"),
        number(&tables, "SELECT sum(count) FROM event_drop"),
    );
    println!("of {calls} calls {kept} were kept, {missing} events are noted as missing; whole again after {took:?}");
    // Begin and end of each call that is not there, and what was told again.
    assert!(missing >= 2 * (calls - kept) && kept > 0 && kept < calls, "{missing} {kept}");
    let open = number(&tables, "SELECT call_no FROM call WHERE ended_at IS NULL");
    assert_eq!(open, calls + 1, "the call on the air is told again");
    let twice = "SELECT count(*) FROM (SELECT call_no FROM call GROUP BY call_no HAVING count(*) > 1)";
    assert_eq!(number(&tables, twice), 0);
    drop((tables, other));
    let dir = server.end();
    let _ = std::fs::remove_dir_all(dir);
}
