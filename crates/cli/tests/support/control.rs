//! An operator on the command socket: asks, is answered, watches. Owns one connection and the thread that reads it.

use super::{PATIENCE, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn socket_of(server: &Server) -> PathBuf {
    server.dir.join("state/control.sock")
}

pub(crate) struct Control {
    stream: UnixStream,
    lines: Receiver<Value>,
    asked: u64,
}

impl Control {
    /// Whoever was told that the server is busy tries again, within bounds.
    pub(crate) fn open(server: &Server) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut control = Self::connect(server);
            if control.ask(json!({ "command": "status" })).is_ok() {
                return control;
            }
            assert!(Instant::now() < until, "the command socket takes nobody");
        }
    }

    fn connect(server: &Server) -> Self {
        let stream = UnixStream::connect(socket_of(server)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { stream, lines, asked: 0 }
    }

    fn send(&mut self, mut request: Value) -> u64 {
        self.asked += 1;
        request["id"] = self.asked.into();
        // Whether it was taken is seen by the answer.
        let _ = self.stream.write_all(format!("{request}\n").as_bytes());
        self.asked
    }

    /// The answer, or the complaint; a connection that ends is a complaint too.
    pub(crate) fn ask(&mut self, request: Value) -> Result<Value, Value> {
        let asked = self.send(request);
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { return Err(json!("no answer")) };
            if line["ok"]["id"] == asked {
                return Ok(line["ok"]["value"].clone());
            }
            if !line["error"].is_null() {
                return Err(line["error"].clone());
            }
        }
    }

    /// The row of the `sql` worker.
    pub(crate) fn worker(&mut self) -> Value {
        self.ask(json!({ "command": "workers" })).unwrap()["rows"][0].clone()
    }
}

/// Whoever watches the events.
pub(crate) struct Watch {
    control: Control,
    /// Everything that was told and is no event of a call or client.
    pub(crate) health: Vec<Value>,
}

impl Watch {
    pub(crate) fn open(server: &Server) -> Self {
        let mut control = Control::open(server);
        control.send(json!({ "command": "watch" }));
        Self { control, health: Vec::new() }
    }

    /// Takes events until one is so.
    pub(crate) fn wait(&mut self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.next(until) {
                Some(event) if so(&event) => return event,
                Some(_) => {}
                None => panic!("not told: {what}; the last words: {:#?}", self.health.iter().rev().take(12)),
            }
        }
    }

    /// Takes events for so long.
    pub(crate) fn listen(&mut self, length: Duration) {
        let until = Instant::now() + length;
        while self.next(until).is_some() {}
    }

    fn next(&mut self, until: Instant) -> Option<Value> {
        let left = until.saturating_duration_since(Instant::now());
        let line = self.control.lines.recv_timeout(left).ok()?;
        assert!(line["error"].is_null(), "{line}");
        let event = line["item"]["value"].clone();
        if event["family"] == "health" {
            self.health.push(event.clone());
        }
        Some(event)
    }
}

/// Whether an event says that the worker is in this state.
pub(crate) fn is_state(event: &Value, state: &str) -> bool {
    event["event"] == "worker_state" && event["body"]["state"] == state
}
