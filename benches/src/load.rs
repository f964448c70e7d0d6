//! The load: clients that log in, speak and listen, thousands of them on a few sockets. Owns the clients' side of a run; every
//! loop is bounded in count and time.

use crate::child::PASSPHRASE;
use ragchew_benches::frames::{Frame, Part, Speaker, Template, identify};
use ragchew_benches::net::{BATCH, Batch, Departure, Socket, wall};
use ragchew_benches::plan::{Plan, address, client_at, id};
use ragchew_core::wire::hbp::login_hash;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// Sockets of the load: one for speakers, the others for receivers.
const SOCKETS: usize = 11;
/// Frames that may be on their way in a drain: the server never waits for us, and no buffer overflows.
const WINDOW: usize = 512;
/// Without progress for this long, what is missing is lost.
const GIVE_UP: Duration = Duration::from_millis(200);
/// One burst of one slot.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(60);

/// All clients of a plan.
pub struct Load {
    pub plan: Plan,
    pub sockets: Vec<Socket>,
    templates: Vec<Template>,
    batch: Batch,
    stream: u32,
}

/// What a drain took.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    pub delivered: usize,
    pub took: Duration,
}

/// What came of paced calls.
#[derive(Clone, Debug, Default)]
pub struct Paced {
    /// Frames that should have arrived.
    pub expected: usize,
    /// Nanoseconds from the send call to the receiver's queue, of each that did; sorted.
    pub latencies: Vec<u64>,
}

impl Paced {
    /// Microseconds that so many hundredths stay below.
    pub fn percentile(&self, hundredths: f64) -> f64 {
        let at = (self.latencies.len() as f64 * hundredths / 100.0) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).map_or(f64::NAN, |ns| *ns as f64 / 1e3)
    }

    /// Share that did not arrive.
    pub fn lost(&self) -> f64 {
        1.0 - self.latencies.len() as f64 / self.expected.max(1) as f64
    }

    /// Takes in another run.
    pub fn add(&mut self, mut other: Self) {
        self.expected += other.expected;
        self.latencies.append(&mut other.latencies);
        self.latencies.sort_unstable();
    }
}

impl Load {
    pub fn new(plan: Plan) -> Self {
        let bind = |_| {
            let socket = Socket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).expect("no free port");
            socket.buffers(64 << 20, true);
            socket.tell_local();
            socket.tell_time();
            socket
        };
        let speaker = |group| Speaker { client: id(plan.speaker(group)), talkgroup: plan.talkgroup(group) };
        Self {
            plan,
            sockets: (0..SOCKETS).map(bind).collect(),
            templates: (0..plan.groups).map(|group| Template::new(speaker(group))).collect(),
            batch: Batch::default(),
            stream: 1,
        }
    }

    pub fn ports(&self) -> Vec<u16> {
        self.sockets.iter().map(Socket::port).collect()
    }

    fn socket_of(&self, client: usize) -> usize {
        self.plan.socket(client, self.sockets.len())
    }

    fn tell(&mut self, to: SocketAddrV4, client: usize, message: &[u8]) {
        let socket = self.socket_of(client);
        self.batch.send(&self.sockets[socket], to, &[Departure { from: address(client), bytes: message }]);
    }

    /// Logs all clients in, `window` at a time, each with its talkgroup on slot 2. How long it took and how many datagrams
    /// had to be repeated.
    ///
    /// # Panics
    /// When a minute is not enough.
    pub fn log_in(&mut self, server: SocketAddrV4, window: usize) -> (Duration, usize) {
        let started = Instant::now();
        let count = self.plan.clients();
        let mut logins: Vec<(u8, Instant, Vec<u8>)> = vec![(0, started, Vec::new()); count];
        let (mut begun, mut done, mut repeated) = (0, 0, 0);
        let mut looked = started;
        while done < count {
            assert!(started.elapsed() < Duration::from_secs(60), "{done} of {count} clients logged in within a minute");
            while begun < count && begun - done < window {
                self.advance(server, begun, &[], &mut logins[begun]);
                begun += 1;
            }
            Socket::wait(&self.sockets.iter().collect::<Vec<_>>(), 1);
            for at in 0..self.sockets.len() {
                for (client, answer) in self.answers(at) {
                    let known = client < begun && answer.starts_with(b"RPTACK") && logins[client].0 < 5;
                    if known {
                        self.advance(server, client, &answer, &mut logins[client]);
                        done += usize::from(logins[client].0 == 5);
                    }
                }
            }
            if looked.elapsed() > Duration::from_millis(250) {
                looked = Instant::now();
                for (client, login) in logins.iter_mut().enumerate().take(begun) {
                    if login.0 < 5 && login.1.elapsed() > Duration::from_secs(1) {
                        login.1 = looked;
                        let message = login.2.clone();
                        self.tell(server, client, &message);
                        repeated += 1;
                    }
                }
            }
        }
        (started.elapsed(), repeated)
    }

    /// The next message of a login.
    fn advance(&mut self, server: SocketAddrV4, client: usize, answer: &[u8], login: &mut (u8, Instant, Vec<u8>)) {
        let name = id(client).to_be_bytes();
        let message = match login.0 {
            0 => [b"RPTL", &name[..]].concat(),
            1 => {
                let Some(salt) = answer.get(6..10).and_then(|salt| salt.try_into().ok()) else { return };
                [b"RPTK", &name[..], &login_hash(salt, PASSPHRASE)].concat()
            }
            2 => {
                let mut config = vec![b' '; 302];
                config[..8].copy_from_slice(&[b"RPTC", &name[..]].concat());
                config[97] = b'3';
                config
            }
            3 => {
                let talkgroup = self.plan.talkgroup(self.plan.group(client));
                [b"RPTO", &name[..], format!("TS2={talkgroup};").as_bytes()].concat()
            }
            _ => Vec::new(),
        };
        *login = (login.0 + 1, Instant::now(), message);
        if !login.2.is_empty() {
            let message = std::mem::take(&mut login.2);
            self.tell(server, client, &message);
            login.2 = message;
        }
    }

    /// What waits in one socket, with the clients it is for.
    fn answers(&mut self, socket: usize) -> Vec<(usize, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let got = self.batch.receive(&self.sockets[socket], true);
            all.extend((0..got).map(|at| {
                let arrival = self.batch.get(at);
                (client_at(arrival.local), arrival.bytes.to_vec())
            }));
            if got < BATCH {
                return all;
            }
        }
    }

    /// Forgets what waits.
    pub fn discard(&mut self) {
        for at in 0..self.sockets.len() {
            while self.batch.receive(&self.sockets[at], false) > 0 {}
        }
    }

    /// Every client pings once; how many get their answer within two seconds.
    pub fn ping(&mut self, server: SocketAddrV4) -> usize {
        self.discard();
        let count = self.plan.clients();
        let mut alive = vec![false; count];
        let started = Instant::now();
        let mut sent = 0;
        while started.elapsed() < Duration::from_secs(2) && alive.iter().any(|a| !a) {
            for client in sent..count.min(sent + 256) {
                self.tell(server, client, &[b"RPTPING", &id(client).to_be_bytes()[..]].concat());
            }
            sent = count.min(sent + 256);
            Socket::wait(&self.sockets.iter().collect::<Vec<_>>(), 1);
            for at in 0..self.sockets.len() {
                for (client, answer) in self.answers(at) {
                    if client < count && answer.starts_with(b"MSTPONG") {
                        alive[client] = true;
                    }
                }
            }
        }
        alive.iter().filter(|a| **a).count()
    }

    /// A call of all groups at once, its frames in rounds as fast as they are forwarded. Headers and terminators pass before
    /// and after the time that counts.
    pub fn drain(&mut self, to: SocketAddrV4, rounds: usize, mut mark: impl FnMut()) -> Drained {
        self.discard();
        let stream = self.next_streams();
        self.push(to, &self.round(Part::Header, 0, stream));
        let voice: Vec<_> = (0..rounds).flat_map(|n| self.round(Part::Voice(n), n as u8 + 1, stream)).collect();
        mark();
        let drained = self.push(to, &voice);
        mark();
        self.push(to, &self.round(Part::Terminator, rounds as u8 + 1, stream));
        drained
    }

    fn next_streams(&mut self) -> u32 {
        let stream = self.stream;
        self.stream += self.plan.groups as u32;
        stream
    }

    fn round(&self, part: Part, seq: u8, stream: u32) -> Vec<(Ipv4Addr, Frame)> {
        let frame = |group: usize| {
            let frame = self.templates[group].frame(part, seq, stream + group as u32);
            (address(self.plan.speaker(group)), frame)
        };
        (0..self.plan.groups).map(frame).collect()
    }

    /// Sends frames with a bounded number on their way, and counts what arrives.
    fn push(&mut self, to: SocketAddrV4, frames: &[(Ipv4Addr, Frame)]) -> Drained {
        let expected = frames.len() * self.plan.receivers;
        let started = Instant::now();
        let (mut sent, mut delivered, mut last) = (0, 0, started);
        while delivered < expected && last.elapsed() < GIVE_UP {
            while sent < frames.len() && sent < delivered / self.plan.receivers + WINDOW {
                let some: Vec<_> =
                    frames[sent..].iter().take(32).map(|(from, bytes)| Departure { from: *from, bytes }).collect();
                sent += self.batch.send(&self.sockets[0], to, &some);
            }
            for at in 1..self.sockets.len() {
                let got = self.batch.receive(&self.sockets[at], false);
                if got > 0 {
                    delivered += (0..got).filter(|n| identify(self.batch.get(*n).bytes).is_some()).count();
                    last = Instant::now();
                }
            }
        }
        Drained { delivered, took: last - started }
    }

    /// Calls of all groups at the pace of the air, so many voice frames long.
    pub fn paced(&mut self, to: SocketAddrV4, voice: usize) -> Paced {
        self.discard();
        let stream = self.next_streams();
        let (groups, parts) = (self.plan.groups, Part::call(voice).collect::<Vec<_>>());
        let mut sent_at = vec![0_u64; groups * parts.len()];
        let mut result = Paced { expected: sent_at.len() * self.plan.receivers, latencies: Vec::new() };
        let started = Instant::now();
        for (round, part) in parts.iter().enumerate() {
            for group in 0..groups {
                let due = started + FRAME_INTERVAL * round as u32 + FRAME_INTERVAL * group as u32 / groups as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let frame = self.templates[group].frame(*part, round as u8, stream + group as u32);
                let from = address(self.plan.speaker(group));
                sent_at[round * groups + group] = wall();
                self.batch.send(&self.sockets[0], to, &[Departure { from, bytes: &frame }]);
                if group % 4 == 0 {
                    self.gather(stream, &sent_at, &mut result);
                }
            }
        }
        let until = Instant::now() + Duration::from_millis(300);
        while result.latencies.len() < result.expected && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
            self.gather(stream, &sent_at, &mut result);
        }
        result.latencies.sort_unstable();
        result
    }

    /// Takes what arrived. The sequence number tells the round: of those with that number modulo 256 the last that was sent.
    fn gather(&mut self, stream: u32, sent_at: &[u64], result: &mut Paced) {
        let groups = self.plan.groups;
        for at in 1..self.sockets.len() {
            loop {
                let got = self.batch.receive(&self.sockets[at], true);
                for place in 0..got {
                    let arrival = self.batch.get(place);
                    let Some((found, seq)) = identify(arrival.bytes) else { continue };
                    let group = found.wrapping_sub(stream) as usize;
                    if group >= groups {
                        continue;
                    }
                    let rounds = (usize::from(seq)..sent_at.len() / groups).step_by(256);
                    let sent = rounds.map(|round| sent_at[round * groups + group]).rfind(|sent| *sent > 0);
                    result.latencies.extend(sent.map(|sent| arrival.at.saturating_sub(sent)));
                }
                if got < BATCH {
                    break;
                }
            }
        }
    }
}
