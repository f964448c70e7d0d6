//! Carries a plan out: the core and the model get the same inputs at the same times, and after each of them everything
//! that can be observed is compared. The clock stops at every deadline of either. Owns the clients' side of the exchange.

use super::actions::{Action, CLIENTS, Fault, Plan, Stream, Talk};
use super::coding::{Burst, FullLc, put_fragment, put_full_lc};
use super::model::frame::{frame_bytes, lc, template};
use super::model::{Due, Model, Sent};
use super::setup::Setup;
use proptest::test_runner::TestCaseError;
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::{Core, Effects, Input, Mono, Now, Seed, Wall};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Milliseconds that the machine has run when a case begins: not a whole minute, so that challenges change in mid-case.
pub(crate) const BEGAN: u64 = 1_234_567_890;
/// Deadline inputs that one moment may take.
const AT_ONCE: usize = 50;
/// A client pings this often.
const PING: u64 = 25_000;

pub(crate) type Outcome = Result<(), TestCaseError>;

/// An input of the core, to be played again.
#[derive(Clone, Debug)]
pub(crate) enum Taped {
    Datagram(Path, Vec<u8>),
    Deadline,
    Replace(Setup),
    Drain,
}

#[derive(Clone, Debug)]
struct Client {
    id: u32,
    path: Path,
    salt: [u8; 4],
    next_ping: Option<u64>,
    stream: u32,
}

pub(crate) struct Stage {
    core: Core,
    effects: Effects,
    pub(crate) model: Model,
    setup: Setup,
    now: u64,
    clients: Vec<Client>,
    queue: BTreeMap<(u64, u64), (Path, Vec<u8>)>,
    order: u64,
    streams: u32,
    pub(crate) tape: Option<Vec<(Now, Taped)>>,
    /// Everything that was reported.
    pub(crate) seen: Vec<What>,
    infinite: bool,
}

pub(crate) fn moment(millis: u64) -> Now {
    Now { mono: Mono((BEGAN + millis) * 1_000_000), wall: Wall((1_790_000_000_000 + millis) * 1_000_000) }
}

/// Where client `who` sends from; 4 and 5 share an address, as behind a proxy.
fn path_of(who: usize, away: usize, socket: u16) -> Path {
    let n = if who == 5 { 4 } else { who as u8 };
    let remote = match away {
        0 => SocketAddr::from(([10, 0, 0, n], 62_000)),
        1 => SocketAddr::from(([10, 0, 0, n], 62_001)),
        2 => SocketAddr::from(([10, 0, 1, n], 62_000)),
        // The address of the first client.
        _ => SocketAddr::from(([10, 0, 0, 0], 62_000)),
    };
    Path { socket: SocketId(socket), local: LocalIp::V4([192, 0, 2, 1]), remote }
}

fn with_id(opcode: &str, id: u32) -> Vec<u8> {
    [opcode.as_bytes(), &id.to_be_bytes()].concat()
}

fn rptc(id: u32, callsign: &str, slots: u8) -> Vec<u8> {
    let tx = if slots == b'0' { "434000000" } else { "439000000" };
    let text = format!(
        "{callsign:<8}434000000{tx}010151.50000-0.120000010{:<20}{:<19}{}{:<124}{:<40}{:<40}",
        "London",
        "Test",
        char::from(slots),
        "https://example.net",
        "20210617",
        "MMDVM"
    );
    [with_id("RPTC", id).as_slice(), text.as_bytes()].concat()
}

pub(crate) fn rendered(effects: &Effects) -> Vec<(Path, Vec<u8>)> {
    let render = |transmit| {
        let mut buffer = [0; FRAME_LEN];
        let length = effects.render(transmit, &mut buffer);
        buffer[..length].to_vec()
    };
    effects.transmits().iter().map(|transmit| (transmit.path, render(transmit))).collect()
}

impl Stage {
    pub(crate) fn new(setup: &Setup) -> Self {
        let client = |who| Client {
            id: 2_341_001 + who as u32,
            path: path_of(who, 0, 0),
            salt: [0; 4],
            next_ping: None,
            stream: 0x77,
        };
        Self {
            core: Core::new(setup.config(), Seed::Key([7; 32]), moment(0)),
            effects: Effects::with_capacity(64),
            model: Model::new(setup.clone(), BEGAN),
            setup: setup.clone(),
            now: 0,
            clients: (0..CLIENTS).map(client).collect(),
            queue: BTreeMap::new(),
            order: 0,
            streams: 0x100,
            tape: None,
            seen: Vec::new(),
            infinite: setup.listeners.iter().any(|l| l.ua_minutes == 0),
        }
    }

    /// Carries the whole plan out, then lets everybody fall silent until nothing is left.
    pub(crate) fn play(&mut self, plan: &Plan) -> Outcome {
        for action in plan.opening.iter().chain(&plan.actions) {
            self.act(action)
                .map_err(|error| TestCaseError::fail(format!("{error}\nat {} ms, {action:?}", self.now)))?;
        }
        self.wait(1_000)?;
        self.fall_silent()
    }

    fn fall_silent(&mut self) -> Outcome {
        self.clients.iter_mut().for_each(|client| client.next_ping = None);
        self.queue.clear();
        self.wait(66_000 + 185_000)?;
        let sizes = self.core.table_sizes();
        if self.model.sizes() != [0; 6] || self.core.running_sessions() != 0 {
            return Err(TestCaseError::fail(format!("after all sessions ended {sizes:?} is left")));
        }
        if self.infinite {
            return Ok(());
        }
        self.wait(660_000)?;
        match self.core.table_sizes().deadlines {
            0 => Ok(()),
            left => Err(TestCaseError::fail(format!("{left} entries are left in the heap of deadlines"))),
        }
    }

    fn act(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Login { who, away, socket, right, steps, twice, slots, text } => {
                self.note_text(text);
                self.login(*who, path_of(*who, *away, *socket), *right, *steps, *twice, *slots, text)
            }
            Action::Ping { who, away, other_local } => {
                let mut path = self.way(*who, *away);
                if *other_local {
                    path.local = LocalIp::V4([192, 0, 2, 2]);
                }
                self.send(path, with_id("RPTPING", self.clients[*who].id))
            }
            Action::Close { who, away, silent } => {
                if *silent {
                    self.clients[*who].next_ping = None;
                }
                self.send(self.way(*who, *away), with_id("RPTCL", self.clients[*who].id))
            }
            Action::Silence { who } => {
                self.clients[*who].next_ping = None;
                Ok(())
            }
            Action::Options { who, away, text } => {
                self.note_text(text);
                let rpto = [with_id("RPTO", self.clients[*who].id), text.clone().into_bytes()].concat();
                self.send(self.way(*who, *away), rpto)
            }
            Action::Describe { who, away, slots, callsign, short } => {
                let mut rptc = rptc(self.clients[*who].id, callsign, *slots);
                if *short {
                    rptc.truncate(97);
                }
                self.send(self.way(*who, *away), rptc)
            }
            Action::Talk(talk) => {
                self.talk(talk);
                Ok(())
            }
            Action::Data { who, slot, tg, bits, zero } => {
                let stream = if *zero == 1 { 0 } else { self.next_stream() };
                let (id, source) = (self.clients[*who].id, if *zero == 2 { 0 } else { self.clients[*who].id });
                let bits = bits | if *slot == 2 { 0x80 } else { 0 };
                let frame = frame_bytes(0, source, *tg, id, bits, stream, &template("A"), [0, 0]);
                self.send(self.way(*who, 0), frame.to_vec())
            }
            Action::Alias { who, source, long, block } => {
                let id = self.clients[*who].id;
                let id_part = if *long { id.to_be_bytes().to_vec() } else { Vec::new() };
                let radio = (id + 1_000 * *source as u32).to_be_bytes();
                self.send(self.way(*who, 0), [b"DMRA", &id_part[..], &radio[1..], &[*block], b"M0ABC B"].concat())
            }
            Action::Noise { socket, what } => {
                let noise =
                    [vec![], b"XXXXYYYYY".to_vec(), b"DMRD1234567".to_vec(), [b"DMRD".to_vec(), vec![0; 50]].concat()];
                let bytes = noise.get(*what).cloned().unwrap_or_else(|| with_id("RPTL", u32::MAX));
                self.send(path_of(*what, 2, *socket), bytes)
            }
            Action::Wait(millis) => self.wait(*millis),
            Action::Settle(after) => {
                let last = self.queue.keys().next_back().map_or(self.now, |&(at, _)| at);
                self.wait(last - self.now + after)
            }
            Action::Reload(setup) => {
                self.infinite |= setup.listeners.iter().any(|l| l.ua_minutes == 0);
                self.reload(setup)
            }
            Action::Drain => {
                self.note(Taped::Drain);
                self.core.handle(moment(self.now), Input::Drain, &mut self.effects);
                self.model.begin_drain(self.now);
                self.compare()?;
                self.advance(self.now)
            }
        }
    }

    fn note_text(&mut self, text: &str) {
        self.infinite |= text.contains("TIMER=0");
    }

    /// Where a client sends from now: from where it logged in, unless it is `away`.
    fn way(&self, who: usize, away: usize) -> Path {
        let path = self.clients[who].path;
        if away == 0 { path } else { path_of(who, away, path.socket.0) }
    }

    fn next_stream(&mut self) -> u32 {
        self.streams += 0x1001;
        self.streams
    }

    #[allow(clippy::too_many_arguments)] // The fields of the action.
    fn login(
        &mut self,
        who: usize,
        path: Path,
        right: bool,
        steps: usize,
        twice: bool,
        slots: u8,
        text: &str,
    ) -> Outcome {
        let id = self.clients[who].id;
        let passphrase = self.setup.on_socket(path.socket.0).map_or("", |listener| listener.passphrase_of(id));
        let passphrase = if right { passphrase } else { "wrong" };
        for step in 1..=steps {
            let message = match step {
                1 => with_id("RPTL", id),
                2 => {
                    let hash = Sha256::digest([&self.clients[who].salt, passphrase.as_bytes()].concat());
                    [with_id("RPTK", id).as_slice(), &hash[..]].concat()
                }
                3 => rptc(id, "G0ABC", slots),
                _ => [with_id("RPTO", id), text.to_owned().into_bytes()].concat(),
            };
            for _ in 0..if twice { 2 } else { 1 } {
                self.send(path, message.clone())?;
            }
        }
        if right && steps >= 2 {
            self.clients[who].path = path;
            self.clients[who].next_ping = Some(self.now + PING);
        }
        Ok(())
    }

    /// Puts the frames of a transmission into the queue.
    fn talk(&mut self, talk: &Talk) {
        let stream = match talk.stream {
            Stream::New => self.next_stream(),
            Stream::Own => self.clients[talk.who].stream,
            Stream::Others => self.streams,
        };
        self.clients[talk.who].stream = stream;
        let path = self.way(talk.who, talk.away);
        let mut late = 0;
        let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
        for (n, frame) in self.frames(talk, stream).into_iter().enumerate() {
            let faults: Vec<_> = talk.faults.iter().filter(|(at, _)| *at == n).map(|(_, fault)| *fault).collect();
            late += faults.iter().map(|f| if let Fault::Late(by) = f { *by } else { 0 }).sum::<u64>();
            let lost = |&(at, fault): &(usize, Fault)| matches!(fault, Fault::Lost(m) if (at..at + m).contains(&n));
            if talk.faults.iter().any(lost) {
                continue;
            }
            let at = self.now + talk.delay + late + talk.pace * n as u64;
            frames.push((at, frame.clone()));
            for fault in faults {
                match fault {
                    Fault::Twice => frames.push((at + 1, frame.clone())),
                    Fault::Swapped => frames.last_mut().unwrap().0 = at + talk.pace + 1,
                    _ => {}
                }
            }
        }
        for (at, frame) in frames {
            self.order += 1;
            self.queue.insert((at, self.order), (path, frame));
        }
    }

    fn frames(&self, talk: &Talk, stream: u32) -> Vec<Vec<u8>> {
        let id = self.clients[talk.who].id;
        let source = [id, id + 1_000, 1, 16_776_416][talk.radio];
        let own = lc(talk.head, talk.tg, source);
        let mut bursts: Vec<(u8, Burst)> = Vec::new();
        if talk.header {
            let mut burst = template("head");
            put_full_lc(&mut burst, FullLc::Header, own);
            bursts.push((0x21, burst));
        }
        for n in talk.skip..talk.skip + talk.bursts {
            let index = n % 6;
            let mut burst = template(["A", "B", "C", "D", "E", "F"][index]);
            burst[..4].copy_from_slice(&stream.to_be_bytes());
            burst[4..8].copy_from_slice(&(n as u32).to_be_bytes());
            if (1..5).contains(&index) {
                let block = (n / 6 / 2 % 3) as u8;
                let alias = [4 + block, 0, b'M', b'0', block, b'A', b'B', b'C', stream as u8];
                put_fragment(&mut burst, index - 1, if talk.alias && n / 6 % 2 == 1 { alias } else { own });
            }
            bursts.push(([0x10, 1, 2, 3, 4, 5][index], burst));
        }
        if talk.terminator {
            let mut burst = template("term");
            put_full_lc(&mut burst, FullLc::Terminator, own);
            bursts.push((0x22, burst));
        }
        let slot_bit = if talk.slot == 2 { 0x80 } else { 0 };
        let frame = |(n, (bits, burst))| {
            let seq = talk.first_seq.wrapping_add(n as u8);
            let mut bytes = frame_bytes(seq, source, talk.tg, id, bits | slot_bit, stream, &burst, [5, 70]).to_vec();
            bytes.resize(talk.length, 0xaa);
            bytes
        };
        bursts.into_iter().enumerate().map(frame).collect()
    }

    /// Lets the clock run: frames that were queued and pings come at their times.
    fn wait(&mut self, millis: u64) -> Outcome {
        let until = self.now + millis;
        loop {
            let frame = self.queue.keys().next().map(|&(at, _)| at);
            let ping = (0..CLIENTS).filter_map(|who| Some((self.clients[who].next_ping?, who))).min();
            let next = frame.into_iter().chain(ping.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            self.advance(next)?;
            match ping.filter(|&(at, _)| at <= next) {
                Some((_, who)) => {
                    self.clients[who].next_ping = Some(next + PING);
                    self.send(self.clients[who].path, with_id("RPTPING", self.clients[who].id))?;
                }
                None => {
                    let (_, (path, bytes)) = self.queue.pop_first().unwrap();
                    self.send(path, bytes)?;
                }
            }
        }
        self.advance(until)
    }

    /// Lets everything happen that is due up to `to`, moment by moment.
    fn advance(&mut self, to: u64) -> Outcome {
        let millis = |at: Mono| (at.0 / 1_000_000).saturating_sub(BEGAN);
        loop {
            let next = self.core.next_deadline().map(millis).into_iter().chain(self.model.next()).min();
            let Some(next) = next.filter(|&next| next <= to) else { break };
            self.now = self.now.max(next);
            self.happen()?;
        }
        self.now = to;
        Ok(())
    }

    /// What is due at this moment. The order of things at one moment is free: any order that explains the core will do.
    fn happen(&mut self) -> Outcome {
        let mut rounds = 0;
        while self.core.next_deadline().is_some_and(|at| at <= moment(self.now).mono) || rounds == 0 {
            self.note(Taped::Deadline);
            self.core.handle(moment(self.now), Input::Deadline, &mut self.effects);
            rounds += 1;
            if rounds > AT_ONCE {
                return Err(TestCaseError::fail("the core asks for the same moment again and again"));
            }
        }
        let mut due = self.model.due(self.now);
        // Sessions that end at one moment: their order decides who is served first later on.
        let ended = |event: &ReportEvent, session| matches!(event.what, What::Disconnected { who, .. } if who.session.0 == session);
        let place = |session| self.effects.events().iter().position(|event| ended(event, session));
        due.sort_by_key(|due| match due {
            Due::Session(session) => (Due::Session(0), place(*session)),
            other if other.is_alone() => (Due::Leg(0), None),
            other => (*other, None),
        });
        let before = if due.len() > 1 { Some(self.model.clone()) } else { None };
        self.run_model(&due);
        let verdict = self.agree();
        let (Some(before), Err(_)) = (before, &verdict) else { return self.settle(verdict) };
        let (legs, others): (Vec<Due>, Vec<Due>) = due.iter().partition(|due| due.is_alone());
        let (told, untold): (Vec<Due>, Vec<Due>) =
            legs.iter().partition(|&&leg| self.effects.events().iter().any(|event| before.is_of(leg, &event.what)));
        for order in orders(&others) {
            for all in [[&told, &order, &untold], [&legs, &order, &vec![]], [&vec![], &order, &legs]] {
                self.model = before.clone();
                self.run_model(&all.into_iter().flatten().copied().collect::<Vec<_>>());
                if let Ok(()) = self.agree() {
                    return self.settle(Ok(()));
                }
            }
        }
        self.settle(verdict)
    }

    fn run_model(&mut self, first: &[Due]) {
        first.iter().for_each(|&due| self.model.run(self.now, due));
        for _ in 0..AT_ONCE {
            let due = self.model.due(self.now);
            due.into_iter().for_each(|due| self.model.run(self.now, due));
        }
    }

    fn reload(&mut self, setup: &Setup) -> Outcome {
        self.note(Taped::Replace(setup.clone()));
        self.core.handle(moment(self.now), Input::Replace(Box::new(setup.config())), &mut self.effects);
        self.model.reload(self.now, setup.clone());
        self.setup = setup.clone();
        self.compare()
    }

    fn send(&mut self, path: Path, bytes: Vec<u8>) -> Outcome {
        self.advance(self.now)?;
        self.note(Taped::Datagram(path, bytes.clone()));
        self.core.handle(moment(self.now), Input::Datagram { path, bytes: &bytes }, &mut self.effects);
        self.model.datagram(self.now, path, &bytes);
        for (to, message) in rendered(&self.effects) {
            if bytes.starts_with(b"RPTL") && message.starts_with(b"RPTACK") && to == path {
                let id = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
                let salt = message[6..].try_into().unwrap();
                self.clients.iter_mut().filter(|client| client.id == id).for_each(|client| client.salt = salt);
            }
        }
        self.compare()
            .map_err(|error| TestCaseError::fail(format!("{error}\nafter {} from {path:?}", bytes.escape_ascii())))
    }

    fn note(&mut self, taped: Taped) {
        if let Some(tape) = &mut self.tape {
            tape.push((moment(self.now), taped));
        }
    }

    fn compare(&mut self) -> Outcome {
        let verdict = self.agree();
        self.settle(verdict)
    }

    fn settle(&mut self, verdict: Result<(), String>) -> Outcome {
        self.seen.extend(self.effects.events().iter().map(|event| event.what));
        self.effects.clear();
        self.model.clear();
        verdict.map_err(TestCaseError::fail)
    }

    /// Whether core and model did the same.
    fn agree(&mut self) -> Result<(), String> {
        self.same_datagrams()?;
        let mut wanted = self.model.events.clone();
        for event in self.effects.events() {
            let found = wanted.iter().position(|what| *what == event.what);
            let Some(place) = found else {
                return Err(format!("the core reports {:?}, the model {wanted:?}", event.what));
            };
            wanted.swap_remove(place);
            if event.at != moment(self.now).wall {
                return Err(format!("{event:?} has the wrong time"));
            }
        }
        if !wanted.is_empty() {
            return Err(format!("the core does not report {wanted:?}"));
        }
        let refusals: BTreeMap<&str, u64> = self.core.refusals().occurred().collect();
        if refusals != self.model.refusals {
            return Err(format!("refusals of the core {refusals:?}\nof the model {:?}", self.model.refusals));
        }
        let s = self.core.table_sizes();
        let sizes = [s.sessions, s.subscriptions, s.conferences, s.streams, s.live_calls, s.echoes];
        if sizes != self.model.sizes() || self.core.running_sessions() != self.model.running() {
            return Err(format!("table sizes of the core {s:?}, of the model {:?}", self.model.sizes()));
        }
        let made = &self.model.made;
        let most = 2 * made.sessions + made.calls + made.legs + made.echoes + 2;
        if s.deadlines as u64 > most {
            return Err(format!("{} entries in the heap of deadlines", s.deadlines));
        }
        if self.effects.drained() && !self.model.drained {
            return Err("the core is drained too early".into());
        }
        Ok(())
    }

    /// The same datagrams to each line of each receiver, in order.
    fn same_datagrams(&mut self) -> Result<(), String> {
        type Place = (SocketAddr, SocketId, u8);
        let lane = |bytes: &[u8]| if bytes.starts_with(b"DMRD") { 1 + (bytes[15] >> 7) } else { 0 };
        let place = |path: &Path, bytes: &[u8]| -> Place { (path.remote, path.socket, lane(bytes)) };
        let mut got = rendered(&self.effects);
        got.sort_by_key(|(path, bytes)| place(path, bytes));
        let mut wanted = std::mem::take(&mut self.model.sent);
        wanted.sort_by_key(|sent| match sent {
            Sent::Control(path, bytes) => place(path, bytes),
            Sent::Challenge(path, _) => place(path, &[]),
            Sent::Frame(path, bytes) | Sent::Playback(path, bytes, _) => place(path, bytes),
        });
        let wrong = || format!("the core sends {}\nthe model {}", show(&got), show_sent(&wanted));
        if got.len() != wanted.len() {
            return Err(wrong());
        }
        for ((path, bytes), sent) in got.iter().zip(&wanted) {
            let same = match sent {
                Sent::Control(to, message) => to == path && message == bytes,
                Sent::Frame(to, frame) => to == path && frame[..] == bytes[..],
                Sent::Challenge(to, client) => {
                    let salt = bytes.strip_prefix(b"RPTACK").and_then(|salt| salt.try_into().ok());
                    to == path && salt.is_some_and(|salt| self.model.learn_salt(*to, *client, salt))
                }
                Sent::Playback(to, frame, echo) => {
                    let stream = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
                    let known = self.model.playback_streams.clone();
                    let fresh = stream != 0 && !known.iter().any(|(other, id)| other != echo && *id == stream);
                    let mut frame = *frame;
                    frame[16..20].copy_from_slice(&bytes[16..20]);
                    let kept = *self.model.playback_streams.entry(*echo).or_insert(stream) == stream;
                    to == path && frame[..] == bytes[..] && fresh && kept
                }
            };
            if !same {
                return Err(wrong());
            }
        }
        Ok(())
    }
}

fn show(sent: &[(Path, Vec<u8>)]) -> String {
    let one = |(path, bytes): &(Path, Vec<u8>)| format!("\n  to {} {}", path.remote, words(bytes));
    sent.iter().map(one).collect()
}

fn show_sent(sent: &[Sent]) -> String {
    let one = |sent: &Sent| match sent {
        Sent::Control(path, bytes) => format!("\n  to {} {}", path.remote, words(bytes)),
        Sent::Frame(path, bytes) => format!("\n  to {} {}", path.remote, words(bytes)),
        Sent::Playback(path, bytes, echo) => format!("\n  to {} echo {echo} {}", path.remote, words(bytes)),
        Sent::Challenge(path, client) => format!("\n  to {} a challenge for {client}", path.remote),
    };
    sent.iter().map(one).collect()
}

fn words(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match bytes {
        [b'D', b'M', b'R', b'D', ..] if bytes.len() == 55 => {
            format!("DMRD {} {} {} {}", hex(&bytes[4..15]), hex(&bytes[15..20]), hex(&bytes[20..53]), hex(&bytes[53..]))
        }
        _ => bytes.escape_ascii().to_string(),
    }
}

/// All orders of up to five things.
fn orders(things: &[Due]) -> Vec<Vec<Due>> {
    if things.len() > 5 {
        return vec![things.to_vec(), things.iter().rev().copied().collect()];
    }
    let Some((&first, rest)) = things.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for place in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(place, first);
            all.push(longer);
        }
    }
    all
}
