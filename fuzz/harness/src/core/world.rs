//! Carries a script out: owns the clock, the core, and what each client knows. Hands every input to the oracle, and notes
//! what was reached. At the end everybody falls silent and the tables must become empty.

use super::clients::{self, IDS, OPTIONS};
use super::oracle::{Asked, Oracle, Sent, rendered};
use super::script::{Call, Control, Frame, Header, Login, Step};
use crate::messages::kind_of_client;
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRequest, Cursor, RequestId};
use ragchew_core::id::{ClientId, ListenerId, RfTg, SessionNo, Slot};
use ragchew_core::net::Path;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SessionEnd, What};
use ragchew_core::time::Span;
use ragchew_core::wire::hbp::{ClientMessage, DmrdView};
use ragchew_core::{Core, Effects, Input, Mono, Now, Seed, TableSizes, Wall};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash};
use std::mem::discriminant;

/// The machine booted an hour before.
const BEGAN: Mono = Mono(3_600_000_000_000);
const WALL: u64 = 1_700_000_000_000_000_000;
/// Inputs of one script at most.
const MOST_INPUTS: usize = 8_192;
/// Inputs at one moment without one from outside: more is a core that asks for the same moment for ever.
const MOST_AT_ONCE: usize = 10_000;
/// Long times, in milliseconds: each passes one more limit.
const LONG: [u64; 9] = [361, 1_100, 2_100, 5_100, 10_100, 30_100, 61_000, 181_000, 660_000];
const PING_INTERVAL: u64 = 10_000;
const FRAME_INTERVAL: u64 = 60;
/// After this silence nothing may be left but timers.
const SILENCE: u64 = 900_000;

/// What a script reached.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Kinds of messages that parsed.
    pub recognised: BTreeSet<&'static str>,
    /// Kinds of messages in which the core found nothing to refuse.
    pub accepted: BTreeSet<&'static str>,
    /// Names of the refusals that occurred.
    pub refused: BTreeSet<&'static str>,
    /// Sessions that came to run.
    pub running: usize,
    /// Bursts to other clients than the one that sent them,
    pub delivered: usize,
    /// those of them under another talkgroup number,
    pub mapped: usize,
    /// and those with a header made for whoever joins late.
    pub late: usize,
    /// Bursts of an echo.
    pub echoed: usize,
    /// Talker alias datagrams passed on.
    pub aliases: usize,
    /// Sessions that moved to another address.
    pub moved: usize,
    /// Calls that began.
    pub calls: usize,
    /// Reloads that took effect.
    pub reloads: usize,
    /// Sessions that ended, by how.
    pub ends: [usize; 7],
    /// Requests of an operator that were carried out.
    pub obeyed: usize,
    /// Sessions that were told again, and told as gone.
    pub retold: usize,
    /// Resyncs of more than one page.
    pub pages: usize,
    /// Whether the orderly end was complete.
    pub drained: bool,
    /// Inputs of the core.
    pub inputs: usize,
}

struct Client {
    id: u32,
    path: Path,
    salt: [u8; 4],
    /// It believes that it is logged in.
    logged_in: bool,
}

pub(super) struct World {
    core: Core,
    effects: Effects,
    oracle: Oracle,
    now: Mono,
    wall_step: i64,
    header: Header,
    variant: u8,
    clients: Vec<Client>,
    next_ping: u64,
    draining: bool,
    reached: Reached,
    hasher: DefaultHasher,
    requests: u64,
    /// Where the next page begins.
    next_page: Option<Cursor>,
    /// The first event of each kind.
    told: Vec<What>,
}

impl World {
    pub(super) fn new(header: Header) -> Self {
        let path = |n: usize| clients::path(n as u8, 0);
        let client = |(n, &id)| Client { id, path: path(n), salt: [0; 4], logged_in: false };
        let config = clients::config(0, header.policy);
        let now = Now { mono: BEGAN, wall: Wall(WALL) };
        let oracle = Oracle::new(config.policy);
        Self {
            core: Core::new(config, Seed::Key([7; 32]), now),
            effects: Effects::with_capacity(64),
            oracle,
            now: BEGAN,
            wall_step: 0,
            header,
            variant: 0,
            clients: IDS.iter().enumerate().map(client).collect(),
            next_ping: PING_INTERVAL,
            draining: false,
            reached: Reached::default(),
            hasher: DefaultHasher::new(),
            requests: 0,
            next_page: None,
            told: Vec::new(),
        }
    }

    /// Carries out one step; whether there may be another.
    pub(super) fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Raw(address, socket, bytes) => self.send(clients::path(*address, *socket), bytes),
            Step::Mutated(address, socket, client, kind, edits, longer) => {
                let path =
                    if *socket & 0x80 == 0 { clients::path(*address, *socket) } else { self.client(*client).path };
                let mut bytes = clients::valid(*kind, clients::id(*client), self.client(*client).salt);
                edit(&mut bytes, edits.iter().map(|&(at, value)| (usize::from(at), value)));
                let length = bytes.len().saturating_add_signed(isize::from(*longer));
                bytes.resize(length, 0);
                self.send(path, &bytes);
            }
            Step::Login(client, address, socket, how, wrong) => {
                self.login(*client, clients::path(*address, *socket), *how, *wrong);
            }
            Step::Frame(frame) => self.frame(frame),
            Step::Call(call) => self.call(*call),
            Step::Wait(millis) => self.wait(u64::from(*millis), false),
            Step::Long(which, late) => {
                let millis = LONG[usize::from(which & 0x7f) % LONG.len()];
                if *late { self.late(millis) } else { self.wait(millis, which & 0x80 != 0) }
            }
            Step::Options(client, text) => {
                let text = match text {
                    Ok(which) => OPTIONS[usize::from(*which) % OPTIONS.len()].as_bytes(),
                    Err(text) => text.as_slice(),
                };
                self.from(*client, |id| clients::message("RPTO", id, text));
            }
            Step::Ping(client) => self.from(*client, |id| clients::message("RPTPING", id, b"")),
            Step::Close(client) => self.from(*client, |id| clients::message("RPTCL", id, b"")),
            Step::Reload(variant) => self.reload(*variant),
            Step::Drain => self.drain(),
            Step::Alias(client, source, block, layout) => self.alias(*client, *source, *block, *layout),
            Step::PingAll => self.ping_all(),
            Step::WallStep(seconds) => self.wall_step += i64::from(*seconds) * 1_000_000_000,
            Step::Control(control) => self.operate(*control),
            Step::Flood(strangers) => (0..*strangers).for_each(|n| {
                self.send(clients::stranger(n), &clients::message("RPTL", 1_000_000 + u32::from(n), b""));
            }),
        }
        self.reached.inputs < MOST_INPUTS
    }

    /// The first event of each kind so far.
    pub(super) fn told(&self) -> impl Iterator<Item = What> {
        self.told.iter().copied()
    }

    /// The core as it is now.
    pub(super) fn into_core(self) -> Core {
        self.core
    }

    /// Everybody falls silent. First what belongs to somebody goes, then the last timer.
    pub(super) fn finish(mut self) -> (Reached, DefaultHasher) {
        if self.draining {
            self.wait(1_000, false);
            assert!(self.reached.drained, "the orderly end ends");
            assert_eq!(self.core.running_sessions(), 0);
        }
        self.wait(SILENCE, false);
        assert_eq!(self.core.table_sizes(), TableSizes::default(), "after a long silence nothing is left");
        let refusals = self.core.refusals();
        self.reached.refused =
            Refusal::ALL.iter().filter(|&&why| refusals.get(why) > 0).map(|why| why.name()).collect();
        (self.reached, self.hasher)
    }

    fn client(&self, number: u8) -> &Client {
        &self.clients[usize::from(number) % IDS.len()]
    }

    fn from(&mut self, number: u8, message: impl FnOnce(u32) -> Vec<u8>) {
        let Client { id, path, .. } = *self.client(number);
        self.send(path, &message(id));
    }

    fn login(&mut self, number: u8, path: Path, how: Login, wrong: bool) {
        let id = clients::id(number);
        let at = usize::from(number) % IDS.len();
        if matches!(how, Login::Ask | Login::Whole) {
            let answers = self.input(Asked::Datagram(path, &clients::message("RPTL", id, b"")));
            let salt = answers.iter().find_map(|sent| sent.bytes.strip_prefix(b"RPTACK")?.try_into().ok());
            self.clients[at].salt = salt.unwrap_or_default();
        }
        if matches!(how, Login::Answer | Login::Whole) {
            let passphrase = if wrong { b"wrong" } else { clients::passphrase(id) };
            self.send(path, &clients::answer(id, self.clients[at].salt, passphrase));
        }
        if matches!(how, Login::Describe | Login::Whole) {
            self.send(path, &clients::description(id));
            if self.oracle.running.values().any(|live| live.client == id && live.path.same_endpoint(&path)) {
                (self.clients[at].path, self.clients[at].logged_in) = (path, true);
            }
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let Client { id, path, .. } = *self.client(frame.client);
        let (source, stream) = (radio(frame.source, id), u32::from(frame.stream));
        let mut bytes = clients::dmrd(id, frame.bits, clients::tg(frame.tg), stream, frame.seq, source, 55);
        edit(&mut bytes, frame.edits.iter().map(|&(at, value)| (usize::from(at), value)));
        self.send(path, &bytes);
    }

    fn call(&mut self, call: Call) {
        let on = |bit: u8| call.flags >> bit & 1 == 1;
        let Client { id, path, .. } = *self.client(call.client);
        let slot = if on(0) { 0x80 } else { 0 };
        let length = if on(3) { 53 } else { 55 };
        let voice = (0..usize::from(call.bursts)).map(|n| [0x10, 1, 2, 3, 4, 5][n % 6]);
        let header = (!on(1)).then_some(0x21);
        let terminator = (!on(2)).then_some(0x22);
        for (n, bits) in header.into_iter().chain(voice).chain(terminator).enumerate() {
            if on(4) && n % 5 == 4 {
                self.wait(FRAME_INTERVAL, true);
                continue;
            }
            let stream = 0x100 + u32::from(call.stream);
            let bytes = clients::dmrd(id, slot | bits, clients::tg(call.tg), stream, n as u8, id & 0xff_ffff, length);
            for _ in 0..1 + usize::from(on(6)) {
                self.send(path, &bytes);
            }
            if on(5) && n % 6 == 2 {
                self.alias(call.client, 0, (n / 6) as u8, 0);
            }
            // So sparse that the talk limit comes before the frames are spent.
            self.wait(if on(7) { 4_000 } else { FRAME_INTERVAL }, true);
        }
    }

    fn alias(&mut self, client: u8, source: u8, block: u8, layout: u8) {
        let [_, a, b, c] = radio(source, clients::id(client)).to_be_bytes();
        let content = [a, b, c, block % 5, 0xae, b'M', b'0', b'A', b'B', b'C', b' '];
        self.from(client, |id| match layout % 3 {
            0 => [&b"DMRA"[..], &content].concat(),
            1 => clients::message("DMRA", id, &content),
            _ => clients::message("DMRA", id, &content[..7]),
        });
    }

    fn ping_all(&mut self) {
        for at in 0..self.clients.len() {
            if self.clients[at].logged_in {
                self.from(at as u8, |id| clients::message("RPTPING", id, b""));
            }
        }
    }

    fn reload(&mut self, variant: u8) {
        self.variant = variant;
        self.input(Asked::Replace);
        assert_eq!(self.effects.take_retired().len(), 1, "one table leaves for one that comes");
    }

    fn drain(&mut self) {
        let running: Vec<_> = self.oracle.running.values().copied().collect();
        let first = !self.draining;
        self.draining = true;
        self.input(Asked::Drain);
        if first {
            self.wait(1_000, false);
            assert!(self.reached.drained, "the orderly end takes less than a second");
            for live in running {
                let told = self.oracle.told.get(&(live.path.remote, live.client)).copied().unwrap_or(0);
                assert!(told >= 3, "{live:?} was told {told} times");
            }
        }
    }

    /// An operator asks for something; pages go on where the one before ended.
    fn operate(&mut self, control: Control) {
        let client = ClientId(clients::id(control.which));
        let slot = [None, Some(Slot::One), Some(Slot::Two)][usize::from(control.more % 3)];
        let rf_tg = (control.more & 0x80 != 0).then(|| RfTg(clients::tg(control.more >> 3)));
        let listener = (control.more & 0x80 != 0).then(|| ListenerId(u16::from(control.more & 3)));
        let anywhere = || Cursor {
            session: SessionNo(u64::from(control.which)),
            left: slot.map(|slot| (slot, u32::from(control.more >> 2))),
            epoch: u32::from(control.more),
        };
        let command = match control.what % 8 {
            0 => ControlCommand::Kick { client, listener },
            1 => ControlCommand::Unlink { client, slot, rf_tg },
            2 => ControlCommand::LastCalls(true),
            3 => ControlCommand::LastCalls(false),
            4 => ControlCommand::Resync(Cursor { epoch: u32::from(control.more), ..Cursor::default() }),
            5 => self.next_page.map_or(ControlCommand::Retell(anywhere()), ControlCommand::Resync),
            6 => ControlCommand::Retell(anywhere()),
            _ => ControlCommand::Resync(anywhere()),
        };
        self.requests += 1;
        let request = ControlRequest { id: RequestId(self.requests), command };
        self.input(Asked::Control(request));
        let outcome = self.effects.replies().last().map(|reply| reply.outcome);
        self.next_page = match (command, outcome) {
            (ControlCommand::Resync(_), Some(ControlOutcome::Told(next))) => next,
            _ => self.next_page,
        };
        self.reached.pages += usize::from(matches!(outcome, Some(ControlOutcome::Told(Some(_)))));
        self.reached.obeyed += usize::from(!matches!(outcome, Some(ControlOutcome::Refused(_))));
    }

    fn send(&mut self, path: Path, bytes: &[u8]) {
        self.input(Asked::Datagram(path, bytes));
    }

    fn time(&self) -> u64 {
        self.now.since(BEGAN).as_millis()
    }

    /// Lets time pass, every timer in time.
    fn wait(&mut self, millis: u64, pings: bool) {
        let end = self.now + Span::millis(millis);
        let ping = |next_ping: u64| BEGAN + Span::millis(next_ping);
        while pings && ping(self.next_ping) <= end {
            self.run_until(ping(self.next_ping).max(self.now));
            self.ping_all();
            self.next_ping = self.time() + PING_INTERVAL;
        }
        self.run_until(end);
    }

    /// Lets time pass at a stroke: every timer comes late.
    fn late(&mut self, millis: u64) {
        self.now = self.now + Span::millis(millis);
        self.run_until(self.now);
    }

    fn run_until(&mut self, end: Mono) {
        let mut at_once = 0;
        while let Some(due) = self.core.next_deadline().filter(|&due| due <= end) {
            at_once = if due > self.now { 0 } else { at_once + 1 };
            assert!(at_once < MOST_AT_ONCE, "the core asks for {due:?} again and again");
            self.now = self.now.max(due);
            self.input(Asked::Deadline);
        }
        self.now = end;
    }

    fn input(&mut self, asked: Asked<'_>) -> Vec<Sent> {
        let wall = (WALL + self.now.since(BEGAN).0.min(WALL)).saturating_add_signed(self.wall_step);
        let now = Now { mono: self.now, wall: Wall(wall) };
        self.effects.clear();
        // Asked of datagrams alone: a script has many more deadlines.
        let datagram = matches!(asked, Asked::Datagram(..));
        let refused = if datagram { self.refusals() } else { 0 };
        let input = match asked {
            Asked::Datagram(path, bytes) => Input::Datagram { path, bytes },
            Asked::Deadline => Input::Deadline,
            Asked::Replace => Input::Replace(Box::new(clients::config(self.variant, self.header.policy))),
            Asked::Control(request) => Input::Control(request),
            Asked::Drain => Input::Drain,
        };
        self.core.handle(now, input, &mut self.effects);
        let sent = rendered(&self.effects);
        self.oracle.judge(asked, &self.core, &self.effects, &sent);
        self.note(asked, &sent, datagram && refused == self.refusals());
        sent
    }

    fn refusals(&self) -> u64 {
        self.core.refusals().occurred().map(|(_, n)| n).sum()
    }

    fn note(&mut self, asked: Asked<'_>, sent: &[Sent], taken: bool) {
        if self.header.twice {
            (
                sent,
                format!("{:?} {:?}", self.effects.events(), self.effects.replies()),
                self.core.next_deadline().map(|at| at.0),
            )
                .hash(&mut self.hasher);
        }
        let reached = &mut self.reached;
        reached.inputs += 1;
        reached.drained |= self.effects.drained();
        for event in self.effects.events() {
            let kind = discriminant(&event.what);
            if self.told.iter().all(|told| discriminant(told) != kind) {
                self.told.push(event.what);
            }
        }
        for event in self.effects.events() {
            match event.what {
                What::Connected { .. } if !event.retold => reached.running += 1,
                What::Moved { .. } => reached.moved += 1,
                What::CallStarted { .. } if !event.retold => reached.calls += 1,
                What::Retold { .. } | What::Gone { .. } => reached.retold += 1,
                What::Reloaded { .. } => reached.reloads += 1,
                What::Disconnected { cause, .. } => reached.ends[end(cause)] += 1,
                _ => {}
            }
        }
        reached.aliases += sent.iter().filter(|one| one.bytes.starts_with(b"DMRA")).count();
        let voice = sent.iter().filter(|one| one.voice.is_some());
        let Asked::Datagram(_, bytes) = asked else {
            reached.echoed += voice.filter(|one| one.bytes[15] & 0x3f != 0x22).count();
            return;
        };
        let Ok(message) = ClientMessage::parse(bytes) else { return };
        let kind = kind_of_client(&message);
        reached.recognised.insert(kind);
        if taken {
            reached.accepted.insert(kind);
        }
        if let Ok(frame) = DmrdView::parse(bytes) {
            for one in voice {
                reached.delivered += 1;
                reached.mapped += usize::from(one.bytes[8..11] != bytes[8..11]);
                reached.late += usize::from(one.bytes[4] != frame.seq() && one.bytes[15] & 0x3f == 0x21);
            }
        }
    }
}

fn end(cause: SessionEnd) -> usize {
    match cause {
        SessionEnd::Closed => 0,
        SessionEnd::TimedOut => 1,
        SessionEnd::LoggedInAgain => 2,
        SessionEnd::Removed => 3,
        SessionEnd::Drained => 4,
        SessionEnd::Refused => 5,
        SessionEnd::Kicked => 6,
    }
}

/// The client's own ID, or another radio.
fn radio(number: u8, id: u32) -> u32 {
    if number == 0 { id & 0xff_ffff } else { 2_340_000 + u32::from(number) }
}

fn edit(bytes: &mut [u8], edits: impl Iterator<Item = (usize, u8)>) {
    for (at, value) in edits {
        let length = bytes.len().max(1);
        if let Some(octet) = bytes.get_mut(at % length) {
            *octet = value;
        }
    }
}
