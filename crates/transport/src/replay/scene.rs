//! What a capture shows: who the server was, who its clients were, what each side said and which answer belongs to which
//! request. Reads only; the core has no part in it yet. Source: `wire.md` 1.1 to 1.3, 1.6.

use super::Timed;
use crate::capture::Capture;
use crate::limits::CAPTURED_REQUESTS;
use ragchew_core::id::{ClientId, StreamId};
use ragchew_core::time::Span;
use ragchew_core::wire::hbp::client::{ANSWER, CLOSE, LOGIN, OPTIONS, PING};
use ragchew_core::wire::hbp::{DmrdView, ServerMessage, config};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;

/// An answer that comes later than this after its request belongs to a later one; clients repeat theirs after 10 s.
const ANSWER_TIME: Span = Span::secs(5);

/// Why a capture cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SceneError {
    /// Nobody logs in, so that there is no server to be seen.
    NoServer,
    /// Clients log in to more than one.
    SeveralServers(Vec<SocketAddr>),
    /// Nothing was sent to the server that was named.
    SilentServer(SocketAddr),
    /// The address or the ID of the far end belongs to a client of the capture.
    FarEndTaken,
}

impl fmt::Display for SceneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => f.write_str("no client logs in (no RPTL), so that the server has to be named"),
            Self::SeveralServers(servers) => {
                let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
                write!(f, "clients log in to several servers, one has to be named: {}", servers.join(", "))
            }
            Self::SilentServer(server) => write!(f, "nobody sends anything to {server}"),
            Self::FarEndTaken => f.write_str("the address or ID of the far end belongs to a client of the capture"),
        }
    }
}

impl std::error::Error for SceneError {}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Login,
    Answer,
    Config,
    Options,
    Ping,
    Close,
}

impl Request {
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 6] = [
            (PING, Self::Ping),
            (CLOSE, Self::Close),
            (LOGIN, Self::Login),
            (ANSWER, Self::Answer),
            (config::OPCODE, Self::Config),
            (OPTIONS, Self::Options),
        ];
        known.iter().find(|(opcode, _)| bytes.starts_with(opcode)).map(|&(_, request)| request)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Login => "RPTL",
            Self::Answer => "RPTK",
            Self::Config => "RPTC",
            Self::Options => "RPTO",
            Self::Ping => "RPTPING",
            Self::Close => "RPTCL",
        }
    }
}

/// A client of the capture: an address that sent something to the server.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    pub(super) address: SocketAddr,
    /// As its last RPTL said, or any frame of it.
    pub(super) id: Option<ClientId>,
}

/// One datagram between a client and the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'c> {
    pub(super) at: Timed,
    /// Index into [`Scene::clients`].
    pub(super) client: usize,
    pub(super) bytes: &'c [u8],
    pub(super) course: Course,
}

/// Which way a datagram went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// From a client to the server; the line with its answer, if there was one.
    Up { answer: Option<usize> },
    /// From the server to a client, and nothing that the far end said.
    Down,
    /// The same; the far end has to say it, because nobody else in the capture did.
    FarEnd,
}

/// What a capture shows.
#[derive(Clone, Debug)]
pub(super) struct Scene<'c> {
    pub(super) server: SocketAddr,
    pub(super) clients: Vec<Captured>,
    pub(super) lines: Vec<Line<'c>>,
    /// Lines from the server that answer nothing and are no frames.
    pub(super) unasked: Vec<usize>,
    /// Group talkgroups of slot 1 and slot 2.
    pub(super) talkgroups: [BTreeSet<u32>; 2],
}

impl<'c> Scene<'c> {
    pub(super) fn of(capture: &'c Capture, server: Option<SocketAddr>) -> Result<Self, SceneError> {
        let server = match server {
            Some(server) => server,
            None => find_server(capture)?,
        };
        let mut scene = Self {
            server,
            clients: Vec::new(),
            lines: Vec::new(),
            unasked: Vec::new(),
            talkgroups: [BTreeSet::new(), BTreeSet::new()],
        };
        scene.read_lines(capture);
        if scene.clients.is_empty() {
            return Err(SceneError::SilentServer(server));
        }
        scene.pair_answers();
        scene.give_to_far_end();
        Ok(scene)
    }

    /// Challenges: the line of each RPTL that was answered with one, and the salt.
    pub(super) fn challenges(&self) -> impl Iterator<Item = (&Line<'c>, ClientId, [u8; 4])> {
        self.lines.iter().filter_map(|line| {
            let Course::Up { answer: Some(answer) } = line.course else { return None };
            let (request, id) = (Request::of(line.bytes)?, client_in(line.bytes, 4)?);
            match ServerMessage::parse(self.lines.get(answer)?.bytes) {
                Ok(ServerMessage::Ack(Some(salt))) if request == Request::Login => Some((line, id, salt)),
                _ => None,
            }
        })
    }

    fn read_lines(&mut self, capture: &'c Capture) {
        let to_server: HashSet<_> =
            capture.datagrams.iter().filter(|d| d.destination == self.server).map(|d| d.source).collect();
        let mut known = BTreeMap::new();
        let mut clock: Option<(u64, Timed)> = None;
        for datagram in &capture.datagrams {
            let up = datagram.destination == self.server;
            let address = if up { datagram.source } else { datagram.destination };
            if !(up || datagram.source == self.server && to_server.contains(&address)) {
                continue;
            }
            let (start, last) = clock.unwrap_or_else(|| (datagram.at.0, Timed::start(datagram.at)));
            // A clock that was set back stands still until its old time is reached.
            let since = Span(datagram.at.0.saturating_sub(start)).max(last.since);
            let at = Timed { since, wall: datagram.at };
            clock = Some((start, at));
            let client = *known.entry(address).or_insert_with(|| {
                self.clients.push(Captured { address, id: None });
                self.clients.len() - 1
            });
            self.note(client, up, &datagram.payload);
            let course = if up { Course::Up { answer: None } } else { Course::Down };
            self.lines.push(Line { at, client, bytes: &datagram.payload, course });
        }
    }

    /// Keeps the client's ID, and the talkgroup of a frame.
    fn note(&mut self, client: usize, up: bool, bytes: &[u8]) {
        let Some(captured) = self.clients.get_mut(client) else { return };
        if up && Request::of(bytes) == Some(Request::Login) {
            captured.id = client_in(bytes, 4).or(captured.id);
        }
        if let Ok(frame) = DmrdView::parse(bytes) {
            captured.id = captured.id.or(Some(frame.client()));
            if let Some(talkgroups) = self.talkgroups.get_mut(frame.slot().index()).filter(|_| !frame.is_unit()) {
                talkgroups.insert(frame.destination_raw());
            }
        }
    }

    /// Finds the request of each answer: the oldest of its kind that is still open.
    fn pair_answers(&mut self) {
        let mut open: Vec<VecDeque<(usize, Request)>> = vec![VecDeque::new(); self.clients.len()];
        for index in 0..self.lines.len() {
            let Some(&Line { at, client, bytes, course }) = self.lines.get(index) else { return };
            let Some(open) = open.get_mut(client) else { return };
            if course != Course::Down {
                if let Some(request) = Request::of(bytes) {
                    if open.len() >= CAPTURED_REQUESTS {
                        open.pop_front();
                    }
                    open.push_back((index, request));
                }
                continue;
            }
            let Ok(message) = ServerMessage::parse(bytes) else { continue };
            if matches!(message, ServerMessage::Frame(_)) {
                continue;
            }
            let is_late =
                |line: usize| self.lines.get(line).is_none_or(|asked| at.since.0 - asked.at.since.0 > ANSWER_TIME.0);
            while open.front().is_some_and(|&(line, _)| is_late(line)) {
                open.pop_front();
            }
            let id = self.clients.get(client).and_then(|client| client.id);
            let asked = place_of(&message, open, id).and_then(|place| open.remove(place));
            match asked.and_then(|(line, _)| self.lines.get_mut(line)) {
                Some(line) => line.course = Course::Up { answer: Some(index) },
                None => self.unasked.push(index),
            }
        }
    }

    /// Marks the frames that the server sent and no captured client said: each once, however many clients got it.
    fn give_to_far_end(&mut self) {
        let frames = |lines: &[Line<'c>], up: bool| -> Vec<(usize, usize, DmrdView<'c>)> {
            let wanted = |line: &Line<'_>| matches!(line.course, Course::Up { .. }) == up;
            let frame = |(n, line): (usize, &Line<'c>)| Some((n, line.client, DmrdView::parse(line.bytes).ok()?));
            lines.iter().enumerate().filter(|(_, line)| wanted(line)).filter_map(frame).collect()
        };
        let said: HashSet<StreamId> = frames(&self.lines, true).iter().map(|(_, _, frame)| frame.stream()).collect();
        let mut copies: HashMap<(usize, [u8; 55]), u64> = HashMap::new();
        let mut spoken: HashMap<[u8; 55], u64> = HashMap::new();
        for (index, client, frame) in frames(&self.lines, false) {
            if said.contains(&frame.stream()) {
                continue;
            }
            let bytes = super::with_client(&frame, ClientId(0));
            let copy = copies.entry((client, bytes)).or_insert(0);
            *copy += 1;
            let times = spoken.entry(bytes).or_insert(0);
            if *copy > *times {
                *times += 1;
                if let Some(line) = self.lines.get_mut(index) {
                    line.course = Course::FarEnd;
                }
            }
        }
    }
}

/// Which of the open requests `message` answers.
fn place_of(message: &ServerMessage<'_>, open: &VecDeque<(usize, Request)>, client: Option<ClientId>) -> Option<usize> {
    let first = |fits: &dyn Fn(Request) -> bool| open.iter().position(|&(_, request)| fits(request));
    let login = |request| request == Request::Login;
    let acknowledged = |request| matches!(request, Request::Answer | Request::Config | Request::Options);
    match message {
        // An ID where the salt would be is an acknowledgement, unless nothing waits for one.
        ServerMessage::Ack(Some(octets)) if client.is_some_and(|id| id.to_bytes() == *octets) => {
            first(&acknowledged).or_else(|| first(&login))
        }
        ServerMessage::Ack(Some(_)) => first(&login),
        ServerMessage::Ack(None) => first(&|request| login(request) || acknowledged(request)),
        ServerMessage::Pong(_) => first(&|request| request == Request::Ping),
        ServerMessage::Nak(_) => first(&|_| true),
        _ => None,
    }
}

fn client_in(bytes: &[u8], at: usize) -> Option<ClientId> {
    bytes.get(at..)?.first_chunk().map(|id| ClientId::from_bytes(*id))
}

fn find_server(capture: &Capture) -> Result<SocketAddr, SceneError> {
    let logins = capture.datagrams.iter().filter(|d| d.payload.len() == 8 && d.payload.starts_with(LOGIN));
    let servers: BTreeSet<_> = logins.map(|d| d.destination).collect();
    let mut servers: Vec<_> = servers.into_iter().collect();
    match servers.len() {
        0 => Err(SceneError::NoServer),
        1 => servers.pop().ok_or(SceneError::NoServer),
        _ => Err(SceneError::SeveralServers(servers)),
    }
}
