//! The command socket with real connections and a fake clock: whoever sends garbage, sends nothing or reads nothing harms its
//! own connection alone.

#![allow(clippy::unwrap_used)]

use mio::{Events, Poll, Token};
use ragchew_core::{Mono, Span};
use ragchew_offload::desk::{Command, ConnectionRef, Delivery, Desk, Peer, Request, Response};
use ragchew_offload::limits::{
    AUDITS_WAITING, CONNECTION_SILENCE, CONNECTION_WAITING, CONNECTIONS, GARBAGE_LINES, LINE_BYTES, OPEN_REQUESTS,
    WRITE_PIECE,
};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A desk with its poll, in a directory of its own.
struct Shop {
    desk: Desk,
    poll: Poll,
    now: Mono,
    folder: PathBuf,
}

impl Shop {
    fn open() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rc-shop-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let mut desk = Desk::open(&folder.join("ctl.sock"), 0o600).unwrap();
        let poll = Poll::new().unwrap();
        desk.register(poll.registry(), Token(100)).unwrap();
        Self { desk, poll, now: Mono(Span::secs(1_000).0), folder }
    }

    /// What the hub does in a turn, without waiting.
    fn turn(&mut self) {
        let mut events = Events::with_capacity(256);
        self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for event in &events {
            assert!(self.desk.owns(event.token()));
            self.desk.ready(self.now, event.token(), event.is_write_closed());
        }
        if self.desk.next(self.now).is_some_and(|at| at <= self.now) {
            self.desk.step(self.now);
        }
    }

    /// Turns until it is so.
    fn until(&mut self, mut so: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !so(self) {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not come about");
            self.turn();
        }
    }

    fn client(&mut self) -> Client {
        let before = self.count("connections");
        let stream = UnixStream::connect(self.folder.join("ctl.sock")).unwrap();
        stream.set_nonblocking(true).unwrap();
        self.until(|shop| shop.count("connections") > before);
        Client { stream, read: Vec::new() }
    }

    fn count(&self, name: &str) -> u64 {
        self.desk.counters().into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The requests that this many lines bring.
    fn requests(&mut self, count: usize) -> Vec<(ConnectionRef, Peer, Request)> {
        let mut found = Vec::new();
        self.until(|shop| {
            found.extend(shop.desk.take_requests());
            found.len() >= count
        });
        found
    }

    fn ok(&mut self, to: ConnectionRef, id: u64, value: Value) -> Delivery {
        self.desk.answer(self.now, to, &Response::Ok { id, value })
    }

    fn item(&mut self, to: ConnectionRef, id: u64, value: Value) -> Delivery {
        self.desk.answer(self.now, to, &Response::Item { id, value })
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Client {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Client {
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Reads what is there; whether the other side has closed.
    fn read(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1_024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(n) => self.read.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }

    /// Whole lines that came since the last time.
    fn lines(&mut self) -> Vec<Value> {
        self.read();
        let end = self.read.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.read.drain(..end).collect();
        lines
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

/// The next answer that comes.
fn answer(shop: &mut Shop, client: &mut Client) -> Value {
    let mut lines = Vec::new();
    shop.until(|_| {
        lines.extend(client.lines());
        !lines.is_empty()
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn a_request_is_answered_on_its_connection_and_its_asker_is_known() {
    let mut shop = Shop::open();
    let (mut one, mut other) = (shop.client(), shop.client());
    one.send("{\"id\":1,\"command\":\"status\"}\n{\"id\":2,\"command\":\"calls\"}\n");
    let requests = shop.requests(2);
    let (to, peer, first) = &requests[0];
    assert_eq!((first.id, &first.command, peer.pid), (1, &Command::Status, std::process::id()));
    assert_eq!(shop.ok(*to, 2, json!("second")), Delivery::Taken);
    assert_eq!(answer(&mut shop, &mut one), json!({ "ok": { "id": 2, "value": "second" } }));
    assert_eq!(shop.ok(*to, 1, json!("first")), Delivery::Taken);
    assert_eq!(answer(&mut shop, &mut one)["ok"]["value"], "first");
    assert_eq!(shop.ok(*to, 1, json!("again")), Delivery::Gone, "exactly one answer each");
    assert!(other.lines().is_empty());
}

#[test]
fn who_sends_and_leaves_is_still_heard() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    client.send("{\"id\":1,\"command\":\"stop\"}\n");
    drop(client);
    let (to, _, request) = shop.requests(1).remove(0);
    assert_eq!(request.command, Command::Stop);
    shop.until(|shop| shop.desk.connections() == 0);
    assert_eq!(shop.ok(to, 1, json!(1)), Delivery::Gone);
}

#[test]
fn who_has_said_everything_gets_its_answers_and_then_the_end() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    client.send("{\"id\":1,\"command\":\"status\"}\n");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let (to, ..) = shop.requests(1).remove(0);
    shop.turn();
    assert_eq!(shop.ok(to, 1, json!("late")), Delivery::Taken);
    assert_eq!(answer(&mut shop, &mut client)["ok"]["value"], "late");
    shop.until(|shop| shop.desk.connections() == 0);
}

#[test]
fn garbage_is_refused_and_three_lines_of_it_in_a_row_end_the_connection() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    for _ in 0..5 {
        client.send("nonsense\n\n{\"id\":9}\n{\"id\":1,\"command\":\"status\"}\n");
        let (to, ..) = shop.requests(1).remove(0);
        assert_eq!(shop.ok(to, 1, json!(1)), Delivery::Taken);
    }
    let lines = client.lines();
    assert_eq!(lines.len(), 15);
    assert_eq!((&lines[0]["error"]["code"], &lines[0]["error"]["id"]), (&json!("not_json"), &Value::Null));
    assert_eq!((&lines[1]["error"]["code"], &lines[1]["error"]["id"]), (&json!("bad_request"), &json!(9)));
    client.send(&"nonsense\n".repeat(GARBAGE_LINES as usize + 5));
    shop.until(|shop| shop.desk.connections() == 0);
    assert_eq!(client.lines().len(), GARBAGE_LINES as usize, "each is told, the last one too");
    assert_eq!(shop.count("closed_garbage"), 1);
}

#[test]
fn a_command_that_is_not_known_is_no_garbage() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    client.send(&"{\"id\":1,\"command\":\"dance\"}\n".repeat(10));
    let mut lines = Vec::new();
    shop.until(|_| {
        lines.extend(client.lines());
        lines.len() == 10
    });
    assert!(lines.iter().all(|line| line["error"]["code"] == "unknown_command" && line["error"]["id"] == 1));
    assert_eq!(shop.desk.connections(), 1);
}

#[test]
fn who_is_silent_for_too_long_is_closed_unless_it_waits_for_something() {
    let mut shop = Shop::open();
    let (_silent, mut slow, mut watcher) = (shop.client(), shop.client(), shop.client());
    watcher.send("{\"id\":1,\"command\":\"watch\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    shop.now = shop.now + Span(CONNECTION_SILENCE.0 - 1);
    slow.send("{\"id\":1,\"comm");
    shop.turn();
    assert_eq!((shop.desk.connections(), shop.desk.next(shop.now)), (3, Some(shop.now + Span(1))));
    shop.now = shop.now + Span(1);
    shop.turn();
    assert_eq!((shop.desk.connections(), shop.count("closed_silent")), (1, 2), "half a line is no line");
    assert!(slow.read(), "closed");
    shop.now = shop.now + Span::secs(86_400);
    shop.turn();
    assert_eq!(shop.item(to, 1, json!("still there")), Delivery::Taken);
    shop.ok(to, 1, json!("end"));
    shop.now = shop.now + CONNECTION_SILENCE;
    shop.turn();
    assert_eq!(shop.desk.connections(), 0);
}

#[test]
fn one_connection_more_than_there_may_be_is_told_so_and_the_others_stay() {
    let mut shop = Shop::open();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| shop.client()).collect();
    for _ in 0..3_000 {
        let mut late = shop.client();
        let lines = late.lines();
        assert_eq!(lines[0]["error"]["code"], "busy");
        assert!(late.read(), "closed");
    }
    assert_eq!((shop.desk.connections(), shop.count("refused_busy")), (CONNECTIONS, 3_000));
    clients.remove(5);
    shop.until(|shop| shop.desk.connections() < CONNECTIONS);
    let mut next = shop.client();
    next.send("{\"id\":1,\"command\":\"status\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    assert_eq!(shop.ok(to, 1, json!(1)), Delivery::Taken);
}

#[test]
fn many_connections_at_once_are_all_taken_in_turns() {
    let mut shop = Shop::open();
    let path = shop.folder.join("ctl.sock");
    let streams: Vec<_> = (0..CONNECTIONS).map(|_| UnixStream::connect(&path).unwrap()).collect();
    shop.until(|shop| shop.desk.connections() == CONNECTIONS);
    drop(streams);
    shop.until(|shop| shop.desk.connections() == 0);
}

#[test]
fn requests_beyond_those_that_may_be_open_are_refused_and_written_down_when_they_change_something() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    for id in 0..OPEN_REQUESTS {
        client.send(&format!("{{\"id\":{id},\"command\":\"status\"}}\n"));
    }
    let requests = shop.requests(OPEN_REQUESTS);
    client.send("{\"id\":99,\"command\":\"stop\"}\n");
    assert_eq!(answer(&mut shop, &mut client)["error"]["code"], "busy");
    client.send("{\"id\":3,\"command\":\"kick\",\"client\":1}\n");
    let refused = answer(&mut shop, &mut client);
    assert_eq!((&refused["error"]["code"], &refused["error"]["id"]), (&json!("duplicate_id"), &Value::Null));
    let audits: Vec<String> = shop.desk.take_audits().iter().map(ToString::to_string).collect();
    assert_eq!(audits.len(), 2);
    assert!(
        audits[0].contains("stop: refused, busy") && audits[1].contains("kick: refused, duplicate_id"),
        "{audits:?}"
    );
    let to = requests[0].0;
    assert_eq!(shop.ok(to, 3, json!(3)), Delivery::Taken);
    client.send("{\"id\":3,\"command\":\"calls\"}\n");
    assert_eq!(shop.requests(1)[0].2.command, Command::Calls);
}

#[test]
fn a_flood_of_refused_changes_is_written_down_whole_and_waits_meanwhile() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    let line = "{\"id\":1,\"command\":\"kick\"}\n";
    client.send(&line.repeat(2_000));
    for _ in 0..100 {
        shop.turn();
        client.lines();
    }
    let (mut most, mut all) = (0, 0);
    shop.until(|shop| {
        let audits = shop.desk.take_audits().len();
        client.lines();
        (most, all) = (most.max(audits), all + audits);
        all == 2_000
    });
    assert!(most < AUDITS_WAITING + 16 * 1_024 / line.len() + 2, "{most}");
}

#[test]
fn a_watcher_that_does_not_read_loses_items_and_is_told_how_many() {
    let mut shop = Shop::open();
    let mut watcher = shop.client();
    watcher.send("{\"id\":1,\"command\":\"watch\"}\n{\"id\":2,\"command\":\"status\"}\n");
    let (to, ..) = shop.requests(2).remove(0);
    let (mut sent, mut taken) = (0, 0);
    while sent < 20_000 {
        taken += u64::from(shop.item(to, 1, json!({ "number": sent, "filler": "x".repeat(200) })) == Delivery::Taken);
        sent += 1;
    }
    assert!(taken < sent && !shop.desk.has_room(to));
    assert_eq!(shop.count("items_missed"), sent - taken);
    assert_eq!(shop.ok(to, 2, json!("fits")), Delivery::Taken, "an answer finds room all the same");
    let mut lines = Vec::new();
    shop.until(|shop| {
        lines.extend(watcher.lines());
        shop.desk.has_room(to) && lines.iter().any(|line| line["item"]["value"]["missed"].is_u64())
    });
    assert_eq!(shop.item(to, 1, json!("next")), Delivery::Taken);
    shop.until(|_| {
        lines.extend(watcher.lines());
        lines.last().is_some_and(|line| line["item"]["value"] == "next")
    });
    let numbers = lines.iter().filter_map(|line| line["item"]["value"]["number"].as_u64());
    assert_eq!(numbers.collect::<Vec<_>>(), (0..taken).collect::<Vec<_>>(), "in order, and none twice");
    let missed: u64 = lines.iter().filter_map(|line| line["item"]["value"]["missed"].as_u64()).sum();
    assert_eq!(missed, sent - taken);
    assert_eq!(lines.iter().filter(|line| line["ok"]["value"] == "fits").count(), 1);
}

#[test]
fn a_connection_has_one_answer_that_goes_on_and_is_refused_a_second() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    client.send("{\"id\":1,\"command\":\"watch\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    for command in ["{\"id\":2,\"command\":\"watch\"}\n", "{\"id\":2,\"command\":\"logs\",\"follow\":true}\n"] {
        client.send(command);
        assert_eq!(answer(&mut shop, &mut client)["error"]["code"], "busy", "{command}");
    }
    client.send("{\"id\":3,\"command\":\"status\"}\n");
    assert_eq!(shop.requests(1).len(), 1, "what ends is taken beside it");
    shop.ok(to, 1, json!("end"));
    client.send("{\"id\":4,\"command\":\"watch\"}\n");
    assert_eq!(shop.requests(1).len(), 1, "one after the other is fine");
}

/// Reads so many bytes, which are there.
fn read_exactly(client: &mut Client, bytes: usize) {
    client.stream.set_nonblocking(false).unwrap();
    client.stream.read_exact(&mut vec![0; bytes]).unwrap();
    client.stream.set_nonblocking(true).unwrap();
}

#[test]
fn a_watcher_that_reads_nothing_is_closed_and_one_that_reads_a_little_stays() {
    let mut shop = Shop::open();
    let (mut deaf, mut slow) = (shop.client(), shop.client());
    let [deaf_at, slow_at] = [&mut deaf, &mut slow].map(|client| {
        client.send("{\"id\":1,\"command\":\"watch\"}\n");
        shop.requests(1).remove(0).0
    });
    shop.now = shop.now + Span::secs(86_400);
    for to in [deaf_at, slow_at] {
        while shop.item(to, 1, json!("x".repeat(1_000))) == Delivery::Taken {}
    }
    // A megabyte that waits is not read in five minutes; a little of it is, each time at the last moment.
    for _ in 0..10 {
        read_exactly(&mut slow, 2 * WRITE_PIECE);
        shop.now = shop.now + CONNECTION_SILENCE;
        shop.turn();
        assert_eq!(shop.item(slow_at, 1, json!("x".repeat(1_000))), Delivery::Missed);
    }
    assert_eq!((shop.desk.connections(), shop.count("closed_silent")), (1, 1));
    assert!(shop.desk.is_open(slow_at, 1) && !shop.desk.is_open(deaf_at, 1));
}

#[test]
fn a_long_answer_may_be_read_slowly_to_its_end() {
    let mut shop = Shop::open();
    let mut slow = shop.client();
    slow.send("{\"id\":1,\"command\":\"sessions\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    shop.ok(to, 1, json!("x".repeat(700_000)));
    let mut left = 700_000;
    while left > 0 {
        let piece = left.min(2 * WRITE_PIECE);
        read_exactly(&mut slow, piece);
        left -= piece;
        // Once the system has all of it the connection may end: what it has is still read.
        shop.now = shop.now + CONNECTION_SILENCE;
        shop.turn();
    }
}

#[test]
fn a_long_answer_of_which_less_than_a_piece_is_read_is_given_up() {
    let mut shop = Shop::open();
    let mut starving = shop.client();
    starving.send("{\"id\":1,\"command\":\"sessions\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    shop.ok(to, 1, json!("x".repeat(700_000)));
    read_exactly(&mut starving, WRITE_PIECE - 1);
    shop.now = shop.now + CONNECTION_SILENCE;
    shop.turn();
    assert_eq!((shop.desk.connections(), shop.count("closed_silent")), (0, 1));
}

#[test]
fn what_a_watcher_asked_before_it_left_is_done_also_when_something_was_told_to_it_since() {
    let mut shop = Shop::open();
    let mut watcher = shop.client();
    watcher.send("{\"id\":1,\"command\":\"watch\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    watcher.send("{\"id\":2,\"command\":\"stop\"}\n");
    drop(watcher);
    shop.item(to, 1, json!("nobody is there"));
    let (_, _, request) = shop.requests(1).remove(0);
    assert_eq!(request.id, 2);
    shop.until(|shop| shop.desk.connections() == 0);
}

#[test]
fn what_a_watcher_asked_before_it_left_is_done_also_when_it_was_behind() {
    let mut shop = Shop::open();
    let mut watcher = shop.client();
    watcher.send("{\"id\":1,\"command\":\"watch\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    while shop.item(to, 1, json!("x".repeat(1_000))) != Delivery::Missed {}
    watcher.send("{\"id\":2,\"command\":\"stop\"}\n");
    drop(watcher);
    let (_, _, request) = shop.requests(1).remove(0);
    assert_eq!(request.id, 2);
    shop.until(|shop| shop.desk.connections() == 0);
}

#[test]
fn an_item_is_made_only_when_there_is_room_for_it() {
    let mut shop = Shop::open();
    let mut watcher = shop.client();
    watcher.send("{\"id\":1,\"command\":\"watch\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    let mut made = 0;
    let mut last = Delivery::Taken;
    for _ in 0..20_000 {
        last = shop.desk.item(shop.now, to, 1, || {
            made += 1;
            json!("x".repeat(200))
        });
    }
    assert_eq!(last, Delivery::Missed);
    assert_eq!(made, 20_000 - shop.count("items_missed"));
    assert_eq!(shop.desk.item(shop.now, to, 2, || panic!("nobody asked")), Delivery::Gone);
}

#[test]
fn answers_that_nobody_reads_close_their_connection_and_no_other() {
    let mut shop = Shop::open();
    let (mut deaf, mut other) = (shop.client(), shop.client());
    let mut closed = false;
    for round in 0..2_000_u64 {
        if deaf.stream.write_all(format!("{{\"id\":{round},\"command\":\"sessions\"}}\n").as_bytes()).is_err() {
            closed = true;
            break;
        }
        shop.turn();
        for (to, _, request) in shop.desk.take_requests() {
            shop.ok(to, request.id, json!("x".repeat(10_000)));
        }
    }
    assert!(closed);
    assert_eq!((shop.desk.connections(), shop.count("closed_overflowed")), (1, 1));
    other.send("{\"id\":1,\"command\":\"status\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    assert_eq!(shop.ok(to, 1, json!(1)), Delivery::Taken);
    assert_eq!(answer(&mut shop, &mut other)["ok"]["id"], 1);
}

#[test]
fn an_answer_that_is_larger_than_a_connection_holds_closes_it() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    client.send("{\"id\":1,\"command\":\"sessions\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    assert_eq!(shop.ok(to, 1, json!("x".repeat(CONNECTION_WAITING))), Delivery::Gone);
    assert_eq!(shop.desk.connections(), 0);
    assert!(client.read(), "closed");
}

#[test]
fn a_line_without_an_end_costs_no_more_than_a_line() {
    let mut shop = Shop::open();
    let mut client = shop.client();
    let piece = "x".repeat(8 * 1_024);
    for _ in 0..8 * LINE_BYTES / piece.len() {
        client.send(&piece);
        shop.turn();
        shop.turn();
    }
    client.send("\n{\"id\":1,\"command\":\"status\"}\n");
    let (to, ..) = shop.requests(1).remove(0);
    shop.ok(to, 1, json!(1));
    let lines = client.lines();
    assert_eq!((&lines[0]["error"]["code"], &lines[1]["ok"]["id"]), (&json!("line_too_long"), &json!(1)));
}

/// A generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Something that a broken or evil program could send.
    fn noise(&mut self) -> Vec<u8> {
        let good = "{\"id\":7,\"command\":\"sessions\",\"limit\":5}\n{\"id\":8,\"command\":\"unlink\",\"client\":1,\"slot\":2}\n";
        let mut bytes = good.as_bytes().to_vec();
        match self.roll(4) {
            0 => (0..self.roll(3_000)).map(|_| self.roll(256) as u8).collect(),
            1 => {
                bytes.truncate(self.roll(bytes.len() as u64) as usize);
                bytes
            }
            2 => {
                for _ in 0..1 + self.roll(4) {
                    let at = self.roll(bytes.len() as u64) as usize;
                    bytes[at] = self.roll(256) as u8;
                }
                bytes
            }
            _ => bytes,
        }
    }
}

#[test]
fn random_bytes_on_many_connections_leave_a_good_one_served() {
    let mut shop = Shop::open();
    let mut good = shop.client();
    let mut dice = Dice(7);
    let mut evil: Vec<Client> = Vec::new();
    for round in 0..3_000_u64 {
        if evil.len() < 20 {
            evil.push(shop.client());
        }
        let pick = dice.roll(evil.len() as u64) as usize;
        let noise = dice.noise();
        // Most never read, some leave in the middle of a line.
        let broken = evil[pick].stream.write_all(&noise).is_err();
        if broken || dice.roll(40) == 0 {
            evil.swap_remove(pick);
        }
        if round % 50 == 0 {
            good.send(&format!("{{\"id\":{round},\"command\":\"status\"}}\n"));
        }
        shop.turn();
        for (to, peer, request) in shop.desk.take_requests() {
            assert_eq!(peer.pid, std::process::id());
            shop.ok(to, request.id, json!({ "to": request.id }));
        }
        shop.desk.take_audits();
        if round % 50 == 0 {
            let mut lines = Vec::new();
            shop.until(|shop| {
                for (to, _, request) in shop.desk.take_requests() {
                    shop.ok(to, request.id, json!({ "to": request.id }));
                }
                lines.extend(good.lines());
                !lines.is_empty()
            });
            assert_eq!(lines, [json!({ "ok": { "id": round, "value": { "to": round } } })]);
        }
    }
    assert!(shop.count("rejected") > 100 && shop.count("closed_garbage") > 10);
    drop((evil, good));
    shop.until(|shop| shop.desk.connections() == 0);
}
