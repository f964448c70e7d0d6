//! One connection of the command socket: what came and is not read yet, which requests are open, what waits to be read by
//! the other side, and when it has been silent for too long. Owns the limits of a connection; knows no poll and no clock, so
//! that it is tested with any stream. Source: design §5, R-241, R-245.

use super::audit::{Audit, Peer};
use super::line::{self, Line, Lines, Rejected};
use super::protocol::{Complaint, Request, Response};
use crate::desk::answers::Missed;
use crate::limits::{
    CONNECTION_SILENCE, CONNECTION_WAITING, GARBAGE_LINES, ITEMS_AGAIN, ITEMS_WAITING, OPEN_REQUESTS, READ_BUDGET,
    WRITE_PIECE,
};
use ragchew_core::Mono;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};

/// What happened to a line that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Taken,
    /// The reader is too slow: it is left out and counted, and the reader will be told.
    Missed,
    /// Nobody waits for it: the request or its connection is over.
    Gone,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The other side left.
    Left,
    /// It was silent for too long.
    Silent,
    /// An answer did not fit.
    Overflowed,
    /// It sent no requests, again and again.
    Garbage,
}

/// An open request.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Items that were left out and not told yet.
    missed: u64,
    /// Its answer goes on until the other side leaves.
    lasting: bool,
}

/// What reading brought.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// To be carried out.
    pub(super) requests: Vec<Request>,
    /// Of changes that were refused right here.
    pub(super) audits: Vec<Audit>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) stream: S,
    pub(super) peer: Peer,
    lines: Lines,
    open: BTreeMap<u64, Open>,
    out: VecDeque<u8>,
    garbage: u32,
    /// When the last request came, the last one was answered, or something was read of what waited.
    alive: Mono,
    /// When the other side was last seen to have read everything or some of what waits for it.
    read_at: Mono,
    /// There may be more to read than the last turn took.
    pub(super) unread: bool,
    /// The other side will send no more.
    ended: bool,
    /// Nobody is there any more to read.
    hung_up: bool,
    over: Option<Over>,
    pub(super) counts: Counts,
}

/// What connections count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) rejected: u64,
    pub(super) missed: u64,
}

impl<S: Read + Write> Connection<S> {
    pub(super) fn new(stream: S, peer: Peer, now: Mono) -> Self {
        Self {
            stream,
            peer,
            lines: Lines::default(),
            open: BTreeMap::new(),
            out: VecDeque::new(),
            garbage: 0,
            alive: now,
            read_at: now,
            unread: true,
            ended: false,
            hung_up: false,
            over: None,
            counts: Counts::default(),
        }
    }

    /// Whether it is over, and why. What it left open stays with whoever carries it out.
    pub(super) fn over(&self) -> Option<Over> {
        let done = self.ended && self.open.is_empty() && self.out.is_empty();
        let left = !self.unread && (done || self.hung_up);
        self.over.or(left.then_some(Over::Left))
    }

    /// Nobody is at the other end any more; what was sent before that is still to be read.
    pub(super) fn hung_up(&mut self) {
        self.hung_up = true;
        self.out = VecDeque::new();
    }

    /// Reads at most [`READ_BUDGET`] and takes the requests in it.
    pub(super) fn read(&mut self, now: Mono, taken: &mut Taken) {
        let mut buffer = [0; READ_BUDGET / 4];
        for _ in 0..4 {
            if self.over.is_some() || self.ended {
                self.unread = false;
                return;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(n) => self.cut(now, buffer.get(..n).unwrap_or_default(), taken),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.unread = false;
                    return;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.over = Some(Over::Left),
            }
        }
        self.unread = !self.ended && self.over.is_none();
    }

    fn cut(&mut self, now: Mono, mut bytes: &[u8], taken: &mut Taken) {
        while self.over.is_none() {
            let Some(line) = self.lines.next(&mut bytes) else { return };
            match line {
                Line::Whole(line) if line.trim_ascii().is_empty() => {}
                Line::Whole(line) => self.line(now, line::parse(&line), taken),
                Line::TooLong => self.line(now, Err(Rejected::too_long()), taken),
            }
        }
    }

    fn line(&mut self, now: Mono, parsed: Result<Request, Rejected>, taken: &mut Taken) {
        self.alive = now;
        self.begin_reading(now);
        let admitted = parsed.and_then(|request| self.admit(request));
        let rejected = match admitted {
            Ok(request) => {
                self.garbage = 0;
                self.counts.requests += 1;
                return taken.requests.push(request);
            }
            Err(rejected) => rejected,
        };
        self.counts.rejected += 1;
        self.garbage = if rejected.garbage { self.garbage + 1 } else { 0 };
        if let Some(change) = rejected.change {
            taken.audits.push(Audit::refused(self.peer, change, &rejected.complaint));
        }
        // An error with the number of an open request would pass for its answer.
        let id = rejected.id.filter(|id| !self.open.contains_key(id));
        self.push(&Response::Error { id, complaint: rejected.complaint });
        if self.garbage >= GARBAGE_LINES {
            self.flush(now);
            self.over.get_or_insert(Over::Garbage);
        }
    }

    /// Opens a request, if one more may be open.
    fn admit(&mut self, request: Request) -> Result<Request, Rejected> {
        let refuse = |code: &str, why: String| {
            let change = request.command.is_change().then(|| request.command.name());
            Rejected { id: Some(request.id), complaint: Complaint::new(code, why), garbage: false, change }
        };
        if self.open.contains_key(&request.id) {
            return Err(refuse(
                "duplicate_id",
                format!("request {} has no answer yet; choose another `id`", request.id),
            ));
        }
        if self.open.len() >= OPEN_REQUESTS {
            return Err(refuse("busy", format!("{OPEN_REQUESTS} requests have no answer yet; wait for one")));
        }
        let lasting = request.command.goes_on();
        if lasting && self.open.values().any(|open| open.lasting) {
            return Err(refuse(
                "busy",
                "this connection has an answer that goes on already; open another connection for one more".to_owned(),
            ));
        }
        self.open.insert(request.id, Open { missed: 0, lasting });
        Ok(request)
    }

    /// Sends one of many lines for an open request. It is made only when there is room for it.
    pub(super) fn item(&mut self, now: Mono, id: u64, value: impl FnOnce() -> serde_json::Value) -> Delivery {
        let full = self.out.len() > ITEMS_WAITING;
        let Some(open) = self.open.get_mut(&id).filter(|_| self.over.is_none()) else { return Delivery::Gone };
        if full || open.missed > 0 {
            open.missed += 1;
            self.counts.missed += 1;
            return Delivery::Missed;
        }
        self.answer(now, &Response::Item { id, value: value() })
    }

    /// Sends a line for an open request; one that is no item closes it.
    pub(super) fn answer(&mut self, now: Mono, response: &Response) -> Delivery {
        let (id, item) = match response {
            Response::Item { id, .. } => (*id, true),
            Response::Ok { id, .. } | Response::Error { id: Some(id), .. } => (*id, false),
            Response::Error { id: None, .. } => return Delivery::Gone,
        };
        let waiting = self.out.len();
        let Some(open) = self.open.get_mut(&id).filter(|_| self.over.is_none()) else { return Delivery::Gone };
        let Ok(line) = serde_json::to_vec(response) else { return Delivery::Gone };
        if item && (open.missed > 0 || waiting > ITEMS_WAITING || waiting + line.len() >= CONNECTION_WAITING) {
            open.missed += 1;
            self.counts.missed += 1;
            return Delivery::Missed;
        }
        if !item {
            // What was left out is told before the end.
            self.tell_missed(id);
            self.open.remove(&id);
            self.alive = now;
        }
        self.begin_reading(now);
        self.put(line);
        self.flush(now);
        if self.over.is_some() { Delivery::Gone } else { Delivery::Taken }
    }

    /// Whether a reader has read so much that more of what goes on may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.over.is_none() && self.out.len() < ITEMS_AGAIN
    }

    /// Whether the request has no answer yet.
    pub(super) fn is_open(&self, id: u64) -> bool {
        self.over.is_none() && self.open.contains_key(&id)
    }

    /// Sends what the other side takes.
    pub(super) fn flush(&mut self, now: Mono) {
        // What was sent before the other side left is still to be read: an answer to nobody would end that.
        while !self.hung_up {
            self.write_out(now);
            let behind = |(&id, open): (&u64, &Open)| (open.missed > 0).then_some(id);
            let Some(id) = self.open.iter().find_map(behind).filter(|_| self.has_room()) else { return };
            self.tell_missed(id);
        }
    }

    fn write_out(&mut self, now: Mono) {
        while !self.out.is_empty() && self.over.is_none() {
            let front = self.out.as_slices().0;
            match self.stream.write(front.get(..WRITE_PIECE).unwrap_or(front)) {
                Ok(n) if n > 0 => {
                    self.out.drain(..n);
                    (self.read_at, self.alive) = (now, now);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // What it sent before it left may still be there to read; reading finds the end.
                Ok(_) | Err(_) => {
                    self.hung_up();
                    self.unread = true;
                }
            }
        }
        if self.out.capacity() > READ_BUDGET {
            self.out = VecDeque::new();
        }
    }

    fn tell_missed(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.missed > 0) else { return };
        let missed = std::mem::take(&mut open.missed);
        let value = serde_json::to_value(Missed { missed }).unwrap_or_default();
        self.push(&Response::Item { id, value });
    }

    fn push(&mut self, response: &Response) {
        if let Ok(line) = serde_json::to_vec(response) {
            self.put(line);
        }
    }

    /// Puts a line into what waits; when it has no room there, the connection is over.
    fn put(&mut self, line: Vec<u8>) {
        if self.hung_up {
            return;
        }
        if self.out.len() + line.len() + 1 > CONNECTION_WAITING {
            self.over.get_or_insert(Over::Overflowed);
            self.out = VecDeque::new();
            return;
        }
        self.out.extend(line);
        self.out.push_back(b'\n');
    }

    /// Something is about to wait: the time that the other side has to read it begins now, unless more waits already.
    fn begin_reading(&mut self, now: Mono) {
        if self.out.is_empty() {
            self.read_at = now;
        }
    }

    /// When it will have been silent for too long: it asks nothing and waits for nothing, or reads no [`WRITE_PIECE`] of what
    /// it waits for.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let asks_nothing = (self.open.is_empty() && self.out.is_empty()).then(|| self.alive + CONNECTION_SILENCE);
        let reads_nothing = (!self.out.is_empty()).then(|| self.read_at + CONNECTION_SILENCE);
        [asks_nothing, reads_nothing].into_iter().flatten().min()
    }

    /// Closes it when it has been silent for too long.
    pub(super) fn step(&mut self, now: Mono) {
        // The system tells that there is room only when there is much; a slow reader has made a little.
        if self.deadline().is_some_and(|at| at <= now) {
            self.flush(now);
        }
        if self.deadline().is_some_and(|at| at <= now) {
            self.over.get_or_insert(Over::Silent);
        }
    }
}
