//! The hub on a thread of its own, between a channel of events and a worker that is a thread: what reaches the worker, what the
//! command socket says, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests, too.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlReply, ControlRequest, RequestId};
use ragchew_core::id::{ClientId, ListenerId, SessionNo};
use ragchew_core::report::{Numbered, ReportEvent, SessionEnd, SessionTag, Text, What};
use ragchew_core::time::Wall;
use ragchew_offload::desk::Desk;
use ragchew_offload::hub::{Bell, Boot, Busy, Ears, Ground, Heard, Hub, HubPlan, Outside, WorkerPlan};
use ragchew_offload::log::{Format, LogWriter, Names, Output};
use ragchew_offload::supervise::{Numbers, Role};
use ragchew_offload::worker::{Placement, SqlSettings, Workshop, make};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A packet plane that refuses nothing, answers everything but a drain, and tells when it is gone.
struct Plane {
    replies: Vec<ControlReply>,
    alive: Sender<()>,
    stopped: Sender<()>,
}

impl Outside for Plane {
    fn control(&mut self, request: ControlRequest) -> Result<(), Busy> {
        if !matches!(request.command, ControlCommand::LastCalls(_)) {
            self.replies.push(ControlReply { id: request.id, outcome: ControlOutcome::Kicked(1) });
        }
        Ok(())
    }
    fn figures(&mut self) -> Result<(), Busy> {
        Ok(()) // Never answers: who asks hears that the reactor is missing.
    }
    fn reload(&mut self, _: RequestId, _: bool) -> Result<(), Busy> {
        Err(Busy)
    }
    fn stop(&mut self) -> Result<(), Busy> {
        self.stopped.try_send(()).map_err(|_| Busy)
    }
    fn heard(&mut self) -> Option<Heard> {
        let _ = &self.alive;
        self.replies.pop().map(Heard::Reply)
    }
}

struct Server {
    dir: PathBuf,
    events: Option<Sender<Numbered>>,
    bell: Bell,
    plane: Receiver<()>,
    stopped: Receiver<()>,
    hub: Option<JoinHandle<()>>,
    log: Option<LogWriter>,
    seq: u64,
}

impl Server {
    fn start(name: &str, placement: Placement, file: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("ragchew-hub-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let output = Output::File(dir.join("log"));
        let (tail, lines) = bounded(64);
        let (writer, log) = LogWriter::start(&output, Format::Text, Names::default(), Some(tail)).unwrap();
        let ground = Ground::new().unwrap();
        let bell = ground.bell();
        let (events, queue) = bounded(1_024);
        let (alive, plane) = bounded(1);
        let (stop, stopped) = bounded(4);
        let sql = SqlSettings { file: file.then(|| dir.join("ragchew.db")), keep_days: 0, views: Vec::new() };
        let plan = HubPlan {
            boot: Boot { id: "00000000000000ff".into(), server_id: 2341 },
            name: "Test".into(),
            version: "0".into(),
            workers: vec![WorkerPlan { role: Role::Sql, placement, memory: 1 << 30, sql }],
            numbers: Numbers::default(),
            workshop: Workshop { make, word: "worker" },
            listeners: vec![(ListenerId(0), "hotspots".into())],
            desk: Some(Desk::open(&dir.join("control.sock"), 0o600).unwrap()),
        };
        let outside = Box::new(Plane { replies: Vec::new(), alive, stopped: stop });
        let hub = Hub::new(ground, plan, Ears { events: queue, lines, outside }, log).unwrap();
        let hub = std::thread::spawn(move || hub.run());
        Self { dir, events: Some(events), bell, plane, stopped, hub: Some(hub), log: Some(writer), seq: 0 }
    }

    fn tell(&mut self, what: What) {
        self.seq += 1;
        let event = ReportEvent { at: Wall(self.seq * 1_000_000), retold: false, what };
        self.events.as_ref().unwrap().send(Numbered { seq: self.seq, event }).unwrap();
        self.bell.ring();
    }

    /// Waits for the worker.
    fn runs(&self) {
        ask_until(&self.socket(), &json!({"id": 1, "command": "workers"}), |answer| {
            answer["ok"]["value"]["rows"][0]["state"] == "running"
        });
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("control.sock")
    }

    /// Lets the reactor end, and waits for the hub, which takes what it has of the plane with it.
    fn end(&mut self) {
        let hub = self.hub.take().unwrap();
        drop(self.events.take());
        self.bell.ring();
        assert_eq!(self.plane.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the hub goes on");
        hub.join().unwrap();
    }

    /// The whole log, once nobody writes to it any more.
    fn whole_log(&mut self) -> String {
        assert!(self.log.take().unwrap().finish(PATIENCE).in_time);
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.events.take());
        if let Some(hub) = self.hub.take() {
            let _ = hub.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The answer to one request.
fn ask(socket: &Path, request: &Value) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    writeln!(stream, "{request}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Asks until the answer is right.
fn ask_until(socket: &Path, request: &Value, right: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask(socket, request);
        if right(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "{answer:#}");
    }
}

fn who(session: u64) -> SessionTag {
    SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(2_340_000 + session as u32) }
}

fn connected(session: u64) -> What {
    let remote = ([192, 0, 2, 1], 62_031).into();
    let callsign = Text::new(b"M0TST");
    What::Connected { who: who(session), remote, callsign, rx_hz: 1, tx_hz: 2, colour_code: 1, slots: b'3' }
}

fn records(server: &Server, sessions: usize) -> Value {
    let request = json!({"id": 1, "command": "session_records", "limit": 10});
    ask_until(&server.socket(), &request, |answer| {
        answer["ok"]["value"]["rows"].as_array().is_some_and(|rows| rows.len() == sessions)
    })
}

#[test]
fn what_the_core_reports_reaches_the_database_on_a_thread_and_on_the_hubs_own() {
    let mut all = Vec::new();
    for (placement, file) in [(Placement::Thread, true), (Placement::Single, false)] {
        let mut server = Server::start(placement.word(), placement, file);
        server.tell(connected(1));
        server.tell(connected(2));
        let remote = ([192, 0, 2, 1], 62_031).into();
        server.tell(What::Disconnected { who: who(1), remote, cause: SessionEnd::Closed });
        let rows =
            ask_until(&server.socket(), &json!({"id": 1, "command": "session_records", "limit": 10}), |answer| {
                answer["ok"]["value"]["rows"]
                    .as_array()
                    .is_some_and(|rows| rows.len() == 2 && rows.iter().any(|row| row["end_reason"] == "closed"))
            });
        all.push(rows);
        let shown = ask(&server.socket(), &json!({"id": 2, "command": "sessions"}));
        assert_eq!(shown["ok"]["value"]["rows"].as_array().unwrap().len(), 1, "{shown}");
        server.end();
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn events_that_follow_each_other_closely_wake_the_hub_a_few_times_only() {
    let mut server = Server::start("gather", Placement::Thread, true);
    records(&server, 0);
    let turns = |server: &Server| {
        let answer = ask(&server.socket(), &json!({"id": 1, "command": "perf", "within_ms": 1}));
        let rows = answer["ok"]["value"]["rows"].as_array().unwrap().clone();
        rows.iter().find(|row| row["name"] == "hub").unwrap()["turns"].as_u64().unwrap()
    };
    let (before, began) = (turns(&server), Instant::now());
    // As the reactor tells them: each in a turn of its own, some time after the last.
    for session in 1..=200 {
        let at = began + session as u32 * Duration::from_millis(1);
        while Instant::now() < at {
            std::thread::yield_now();
        }
        server.tell(connected(session));
    }
    let (woken, windows) = (turns(&server) - before, began.elapsed().as_millis() as u64 / 20 + 1);
    println!("{woken} turns in {windows} windows");
    // A window may end three times besides its deadline: by its first event and by what the worker answers.
    assert!(woken < 4 * windows + 10, "{woken} turns in {windows} windows");
    let status = json!({"id": 2, "command": "status"});
    ask_until(&server.socket(), &status, |answer| answer["ok"]["value"]["sessions"] == 200);
}

#[test]
fn no_sender_survives_the_stop() {
    let mut server = Server::start("stop", Placement::Thread, true);
    server.tell(connected(1));
    records(&server, 1);
    let events = server.events.clone().unwrap();
    server.end_with_a_clone(events);
    // The plane's ends went with the hub, and the log's queue has no other end left: its thread ends by itself.
    assert_eq!(server.plane.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(server.stopped.try_recv(), Err(TryRecvError::Disconnected));
    assert!(server.log.take().unwrap().finish(PATIENCE).in_time);
    assert!(!server.socket().exists(), "the command socket is removed");
}

impl Server {
    /// As [`Server::end`]; a sender that somebody forgot would keep the hub for ever.
    fn end_with_a_clone(&mut self, forgotten: Sender<Numbered>) {
        drop(self.events.take());
        self.bell.ring();
        assert!(!self.hub.as_ref().unwrap().is_finished());
        drop(forgotten);
        self.end();
    }
}

/// Tells a worker that runs many events and ends at once: the rows that are kept, unless the worker took longer than the end
/// may take, which the log admits.
fn kept_at_the_end(told: u64, round: u32) -> Option<u64> {
    // A folder of its own: a worker that was left behind may still be at work in that of the round before.
    let mut server = Server::start(&format!("kept-{round}"), Placement::Thread, true);
    server.runs();
    (1..=told).for_each(|session| server.tell(connected(session)));
    server.end();
    let log = server.whole_log();
    if ["did not end in time", "left behind at the end"].iter().any(|words| log.contains(words)) {
        return None;
    }
    let tables = rusqlite::Connection::open(server.dir.join("ragchew.db")).unwrap();
    let rows: i64 = tables.query_row("SELECT count(*) FROM client_session", [], |row| row.get(0)).unwrap();
    Some(rows as u64)
}

#[test]
fn everything_that_was_told_before_the_end_is_kept() {
    // More than a batch: the rest is kept because the worker is asked to end.
    let kept = (0..10).find_map(|round| kept_at_the_end(700, round));
    assert_eq!(kept, Some(700), "none: the worker was late each time");
}

#[test]
fn who_does_not_answer_is_named_and_the_others_are_shown() {
    let server = Server::start("missing", Placement::Thread, true);
    server.runs();
    // A worker that was held up for as long is named as well.
    let answer = ask_until(&server.socket(), &json!({"id": 9, "command": "perf", "within_ms": 200}), |answer| {
        answer["ok"]["value"]["missing"] == json!(["reactor"])
    });
    let value = &answer["ok"]["value"];
    assert_eq!(answer["ok"]["id"], 9);
    let names: Vec<_> = value["rows"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["hub", "sql"]);
}

#[test]
fn a_drain_whose_answer_is_late_goes_on_all_the_same_and_the_log_says_that_it_may() {
    let server = Server::start("late", Placement::Thread, true);
    let answer = ask(&server.socket(), &json!({"id": 3, "command": "drain", "within_ms": 1}));
    assert_eq!(answer["error"]["code"], "timeout", "{answer}");
    let status = ask(&server.socket(), &json!({"id": 4, "command": "status"}));
    assert_eq!(status["ok"]["value"]["last_calls"], true, "{status}");
    server.stopped.recv_timeout(PATIENCE).unwrap();
    // The plane has not said yet that it stops: no new call begins until it does.
    let status = ask(&server.socket(), &json!({"id": 5, "command": "status"}));
    let value = &status["ok"]["value"];
    assert_eq!((&value["last_calls"], &value["stopping"]), (&json!(true), &json!(false)), "{status}");
    let right = |lines: &str| lines.contains("*CONTROL* drain: not answered, and perhaps done, timeout");
    let until = Instant::now() + PATIENCE;
    while !right(&std::fs::read_to_string(server.dir.join("log")).unwrap()) {
        assert!(Instant::now() < until, "no line of the audit");
    }
}

#[test]
fn a_change_is_done_once_and_stands_in_the_log_with_who_asked() {
    let server = Server::start("audit", Placement::Thread, true);
    let answer = ask(&server.socket(), &json!({"id": 3, "command": "kick", "client": 2_340_001}));
    assert_eq!(answer["ok"]["value"]["what"], "1 session closed");
    let answer = ask(&server.socket(), &json!({"id": 4, "command": "reload"}));
    assert_eq!(answer["error"]["code"], "busy");
    let answer = ask(&server.socket(), &json!({"id": 5, "command": "stop"}));
    assert!(answer["ok"]["value"]["what"].as_str().unwrap().contains("stopping"), "{answer}");
    server.stopped.recv_timeout(PATIENCE).unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    // The log is written by a thread of its own: follow it until the last of them stands there.
    let mut stream = UnixStream::connect(server.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    writeln!(stream, "{}", json!({"id": 6, "command": "logs", "lines": 100, "follow": true})).unwrap();
    let mut audited = Vec::new();
    for line in BufReader::new(stream).lines() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let line = answer["item"]["value"]["line"].as_str().unwrap().to_owned();
        audited.extend(line.contains("*CONTROL*").then_some(line));
        if audited.last().is_some_and(|line| line.contains("*CONTROL* stop")) {
            break;
        }
    }
    let count = |words: &str| audited.iter().filter(|line| line.contains(words)).count();
    let asked = format!("asked by user {uid}, process {}", std::process::id());
    let counts = (count("kick client 2340001: 1 session closed"), count("reload: refused, busy"), count(&asked));
    assert_eq!(counts, (1, 1, 3), "{audited:#?}");
}
