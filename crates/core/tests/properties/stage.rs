//! Carries a plan out: the core and the model get the same inputs at the same times, and after each of them everything
//! that can be observed is compared. The clock stops at every deadline of either. Owns core, model and clock.

mod clients;
mod verdict;

use super::actions::{Action, CLIENTS, Plan};
use super::model::frame::{frame_bytes, template};
use super::model::{Due, Model};
use super::setup::Setup;
use clients::{Client, path_of, rptc, with_id};
use proptest::test_runner::TestCaseError;
use ragchew_core::control::{ControlCommand, ControlReply, ControlRequest, RequestId};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, ListenerId, RfTg, Slot};
use ragchew_core::net::{LocalIp, Path};
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::{Core, Effects, Input, Mono, Now, Seed, Snapshot, Wall};
use std::collections::BTreeMap;

/// Milliseconds that the machine has run when a case begins: not a whole minute, so that challenges change in mid-case.
pub(crate) const BEGAN: u64 = 1_234_567_890;
/// Deadline inputs that one moment may take.
const AT_ONCE: usize = 50;
/// Every byte of the seed of a case.
const CASE_SEED: u8 = 7;
/// A client pings this often.
const PING: u64 = 25_000;

pub(crate) type Outcome = Result<(), TestCaseError>;

/// An input of the core, to be played again.
#[derive(Clone, Debug)]
pub(crate) enum Taped {
    Datagram(Path, Vec<u8>),
    Deadline,
    Replace(Setup),
    Control(ControlRequest),
    Restore,
    Drain,
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
    pub(crate) restores: u64,
    requests: u64,
}

pub(crate) fn moment(millis: u64) -> Now {
    Now { mono: Mono((BEGAN + millis) * 1_000_000), wall: Wall((1_790_000_000_000 + millis) * 1_000_000) }
}

/// The core as it comes out of a snapshot of itself.
pub(crate) fn revived(core: &Core, setup: &Setup, seed: u8) -> Core {
    let snapshot = Snapshot::from_bytes(core.snapshot().as_bytes()).unwrap();
    let revived = Core::restore(&snapshot, Seed::Key([seed; 32]), Some(&setup.config())).unwrap();
    assert_eq!(revived.snapshot(), snapshot, "a restored core is the core that was written");
    revived
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
            core: Core::new(setup.config(), Seed::Key([CASE_SEED; 32]), moment(0)),
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
            restores: 0,
            requests: 0,
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
        match self.core.table_sizes().deadlines {
            0 => Ok(()),
            left => Err(TestCaseError::fail(format!("{left} entries are left in the heap of deadlines"))),
        }
    }

    fn act(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Login { who, away, socket, right, steps, twice, short, slots, text } => {
                self.login(*who, path_of(*who, *away, *socket), *right, *steps, *twice, *short, *slots, text)
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
            Action::Hop { who } => self.hop(*who),
            Action::Displace { who, slot } => self.displace(*who, *slot),
            Action::Data { who, slot, tg, bits, zero, times } => (0..*times).try_for_each(|_| {
                let stream = if *zero == 1 { 0 } else { self.next_stream() };
                let (id, source) = (self.clients[*who].id, if *zero == 2 { 0 } else { self.clients[*who].id });
                let bits = bits | if *slot == 2 { 0x80 } else { 0 };
                let frame = frame_bytes(0, source, *tg, id, bits, stream, &template("A"), [0, 0]);
                self.send(self.way(*who, 0), frame.to_vec())
            }),
            Action::Alias { who, source, long, block } => {
                let id = self.clients[*who].id;
                let id_part = if *long { id.to_be_bytes().to_vec() } else { Vec::new() };
                let radio = (id + 1_000 * *source as u32).to_be_bytes();
                self.send(self.way(*who, 0), [b"DMRA", &id_part[..], &radio[1..], &[*block], b"M0ABC B"].concat())
            }
            Action::Noise { socket, what } => {
                let noise =
                    [vec![], b"NOISEnoise".to_vec(), b"DMRD1234567".to_vec(), [b"DMRD".to_vec(), vec![0; 50]].concat()];
                let bytes = noise.get(*what).cloned().unwrap_or_else(|| with_id("RPTL", u32::MAX));
                self.send(path_of(*what, 2, *socket), bytes)
            }
            Action::Wait(millis) => self.wait(*millis),
            Action::Settle(after) => {
                let last = self.queue.keys().next_back().map_or(self.now, |&(at, _)| at);
                self.wait(last - self.now + after)
            }
            Action::Reload(setup) => self.reload(setup),
            Action::Kick { who, listener } => {
                let client = ClientId(self.clients[*who].id);
                self.control(ControlCommand::Kick { client, listener: listener.map(ListenerId) })
            }
            Action::Unlink { who, slot, tg } => {
                let client = ClientId(self.clients[*who].id);
                let slot = slot.map(|slot| Slot::BOTH[usize::from(slot) - 1]);
                self.control(ControlCommand::Unlink { client, slot, rf_tg: tg.map(RfTg) })
            }
            Action::LastCalls(on) => self.control(ControlCommand::LastCalls(*on)),
            Action::Restore => self.restore(),
            Action::Drain => {
                self.note(Taped::Drain);
                self.core.handle(moment(self.now), Input::Drain, &mut self.effects);
                self.model.begin_drain(self.now);
                self.compare()?;
                self.advance(self.now)
            }
        }
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
            // Talkgroups of one line that come and go at one moment: their order is the order of later deliveries.
            other if other.is_alone() => {
                (Due::Leg(0), self.effects.events().iter().position(|e| self.model.is_of(*other, &e.what)))
            }
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

    /// An operator asks for something.
    fn control(&mut self, command: ControlCommand) -> Outcome {
        self.advance(self.now)?;
        self.requests += 1;
        let request = ControlRequest { id: RequestId(self.requests), command };
        self.note(Taped::Control(request));
        self.core.handle(moment(self.now), Input::Control(request), &mut self.effects);
        let outcome = self.model.operate(self.now, command);
        let wanted = [ControlReply { id: request.id, outcome }];
        if self.effects.replies() != wanted {
            let why = format!("the core answers {:?}, the model {wanted:?}", self.effects.replies());
            return Err(TestCaseError::fail(why));
        }
        self.compare()
    }

    /// Whoever comes out of a snapshot must go on as if nothing had happened.
    fn restore(&mut self) -> Outcome {
        self.note(Taped::Restore);
        self.restores += 1;
        self.core = revived(&self.core, &self.setup, CASE_SEED);
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
