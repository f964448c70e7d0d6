//! The desk: the listening socket and its connections on the hub's poll. Owns the sockets and what all connections together
//! may cost; has no thread, no clock, and carries out nothing. Source: design §5, R-240, R-241, R-245.

use super::audit::{Audit, Peer};
use super::connection::{Connection, Counts, Delivery, Over, Taken};
use super::place::Place;
use super::protocol::{Complaint, Request, Response};
use crate::limits::{ACCEPT_AGAIN, ACCEPT_BUDGET, AUDITS_WAITING, CONNECTIONS};
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use ragchew_core::Mono;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// A connection, as requests and answers name it. It finds nothing once the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionRef {
    place: usize,
    number: u64,
}

#[cfg(test)]
impl ConnectionRef {
    pub(super) const fn none() -> Self {
        Self { place: 0, number: 0 }
    }
}

/// Tokens of the poll that the desk needs: one for the socket and one for each connection.
pub const TOKENS: usize = CONNECTIONS + 1;

/// One place for a connection.
type Seat = Option<(u64, Connection<UnixStream>)>;

/// The desk.
#[derive(Debug)]
pub struct Desk {
    listener: UnixListener,
    /// Removes the file.
    _place: Place,
    poll: Option<(Registry, Token)>,
    seats: Vec<Seat>,
    /// Connections since the start.
    number: u64,
    requests: Vec<(ConnectionRef, Peer, Request)>,
    audits: Vec<Audit>,
    /// When connections are to be taken that the last turn left.
    accept_at: Option<Mono>,
    gone: Counts,
    busy: u64,
    ended: [u64; 4],
}

impl Desk {
    /// Listens at this path, with this mode of the socket file.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn open(path: &Path, mode: u32) -> Result<Self, String> {
        let (place, listener) = Place::bind(path, mode)?;
        let seats = std::iter::repeat_with(|| None).take(CONNECTIONS).collect();
        Ok(Self {
            listener,
            _place: place,
            poll: None,
            seats,
            number: 0,
            requests: Vec::new(),
            audits: Vec::new(),
            accept_at: None,
            gone: Counts::default(),
            busy: 0,
            ended: [0; 4],
        })
    }

    /// Joins a poll with [`TOKENS`] tokens from `first`.
    ///
    /// # Errors
    /// What the system says.
    pub fn register(&mut self, registry: &Registry, first: Token) -> io::Result<()> {
        registry.register(&mut self.listener, first, Interest::READABLE)?;
        self.poll = Some((registry.try_clone()?, first));
        Ok(())
    }

    /// Whether an event of the poll is for the desk.
    pub fn owns(&self, token: Token) -> bool {
        let first = self.poll.as_ref().map(|(_, first)| first.0);
        first.is_some_and(|first| (first..first + TOKENS).contains(&token.0))
    }

    /// The poll says that something happened there. `hung_up`: that nobody is at the other end
    /// ([`mio::event::Event::is_write_closed`]).
    pub fn ready(&mut self, now: Mono, token: Token, hung_up: bool) {
        let Some(at) = self.poll.as_ref().and_then(|(_, first)| token.0.checked_sub(first.0)) else { return };
        match at.checked_sub(1) {
            None => self.accept(now),
            Some(place) => {
                if let Some((_, connection)) = self.seats.get_mut(place).and_then(Option::as_mut) {
                    if hung_up {
                        connection.hung_up();
                    }
                    connection.unread = true;
                    connection.flush(now);
                }
                self.read(now, place);
            }
        }
    }

    /// When [`Self::step`] is wanted next; at once when a turn left something unread.
    pub fn next(&self, now: Mono) -> Option<Mono> {
        let connections = self.seats.iter().flatten().filter_map(|(_, connection)| {
            let unread = connection.unread && self.audits.len() < AUDITS_WAITING;
            if unread { Some(now) } else { connection.deadline() }
        });
        connections.chain(self.accept_at).min()
    }

    /// What was due happens: unread bytes are read on, silent connections are closed.
    pub fn step(&mut self, now: Mono) {
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept(now);
        }
        for place in 0..self.seats.len() {
            if let Some((_, connection)) = self.seats.get_mut(place).and_then(Option::as_mut) {
                connection.step(now);
                self.read(now, place);
            }
        }
    }

    /// Requests that came; each is answered once, by [`Self::answer`].
    pub fn take_requests(&mut self) -> Vec<(ConnectionRef, Peer, Request)> {
        std::mem::take(&mut self.requests)
    }

    /// Lines of the audit about changes that were refused here already. Until they are taken, little more is read.
    pub fn take_audits(&mut self) -> Vec<Audit> {
        std::mem::take(&mut self.audits)
    }

    /// Sends an item, or the answer, which is the last of its request.
    pub fn answer(&mut self, now: Mono, to: ConnectionRef, response: &Response) -> Delivery {
        let Some(connection) = self.connection(to) else { return Delivery::Gone };
        let delivery = connection.answer(now, response);
        self.settle(to.place);
        delivery
    }

    /// Sends one of many lines of an answer, made only when there is room for it.
    pub fn item(
        &mut self,
        now: Mono,
        to: ConnectionRef,
        id: u64,
        value: impl FnOnce() -> serde_json::Value,
    ) -> Delivery {
        let Some(connection) = self.connection(to) else { return Delivery::Gone };
        let delivery = connection.item(now, id, value);
        self.settle(to.place);
        delivery
    }

    /// Whether the reader is quick enough to be told more of what goes on without end.
    pub fn has_room(&mut self, to: ConnectionRef) -> bool {
        self.connection(to).is_some_and(|connection| connection.has_room())
    }

    /// Whether somebody still waits for an answer to this request.
    pub fn is_open(&mut self, to: ConnectionRef, id: u64) -> bool {
        self.connection(to).is_some_and(|connection| connection.is_open(id))
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.seats.iter().flatten().count()
    }

    /// What was counted since the start.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let here = self.seats.iter().flatten().map(|(_, connection)| connection.counts);
        let all = here.fold(self.gone, add);
        let [left, silent, overflowed, garbage] = self.ended;
        vec![
            ("connections", self.number),
            ("refused_busy", self.busy),
            ("left", left),
            ("closed_silent", silent),
            ("closed_overflowed", overflowed),
            ("closed_garbage", garbage),
            ("requests", all.requests),
            ("rejected", all.rejected),
            ("items_missed", all.missed),
        ]
    }

    fn connection(&mut self, to: ConnectionRef) -> Option<&mut Connection<UnixStream>> {
        let (number, connection) = self.seats.get_mut(to.place)?.as_mut()?;
        (*number == to.number).then_some(connection)
    }

    fn read(&mut self, now: Mono, place: usize) {
        let Some((number, connection)) = self.seats.get_mut(place).and_then(Option::as_mut) else { return };
        if connection.unread && self.audits.len() < AUDITS_WAITING {
            let (to, peer) = (ConnectionRef { place, number: *number }, connection.peer);
            let mut taken = Taken::default();
            connection.read(now, &mut taken);
            connection.flush(now);
            self.requests.extend(taken.requests.into_iter().map(|request| (to, peer, request)));
            self.audits.extend(taken.audits);
        }
        self.settle(place);
    }

    /// Gives up a connection that is over.
    fn settle(&mut self, place: usize) {
        let Some(seat) = self.seats.get_mut(place) else { return };
        let Some(over) = seat.as_ref().and_then(|(_, connection)| connection.over()) else { return };
        if let Some((_, mut connection)) = seat.take() {
            self.gone = add(self.gone, connection.counts);
            let kind = match over {
                Over::Left => 0,
                Over::Silent => 1,
                Over::Overflowed => 2,
                Over::Garbage => 3,
            };
            if let Some(count) = self.ended.get_mut(kind) {
                *count += 1;
            }
            if let Some((registry, _)) = &self.poll {
                let _ = registry.deregister(&mut connection.stream);
            }
        }
    }

    fn accept(&mut self, now: Mono) {
        self.accept_at = None;
        for _ in 0..ACCEPT_BUDGET {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(now, stream),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                // The poll tells of a connection once: what found no room has to be asked for again.
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_AGAIN);
                    return;
                }
            }
        }
        self.accept_at = Some(now);
    }

    fn admit(&mut self, now: Mono, mut stream: UnixStream) {
        self.number += 1;
        let Some(place) = self.seats.iter().position(Option::is_none) else {
            self.busy += 1;
            let why = format!("{CONNECTIONS} connections are open; close one and try again");
            let busy = Response::Error { id: None, complaint: Complaint::new("busy", why) };
            if let Ok(mut line) = serde_json::to_vec(&busy) {
                line.push(b'\n');
                let _ = stream.write(&line);
            }
            return;
        };
        // A process that this one cannot see, as from outside a container, has the number 0.
        let (Ok(credentials), Some((registry, first))) = (getsockopt(&stream, PeerCredentials), &self.poll) else {
            return;
        };
        let token = Token(first.0 + 1 + place);
        if registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).is_err() {
            return;
        }
        let peer = Peer { uid: credentials.uid(), pid: credentials.pid().unsigned_abs() };
        if let Some(seat) = self.seats.get_mut(place) {
            *seat = Some((self.number, Connection::new(stream, peer, now)));
        }
        self.read(now, place);
    }
}

fn add(sum: Counts, one: Counts) -> Counts {
    Counts {
        requests: sum.requests + one.requests,
        rejected: sum.rejected + one.rejected,
        missed: sum.missed + one.missed,
    }
}
