//! A core, its clock, and what came out of it. The clock moves only when a test says so; on its way it stops at every
//! deadline of the core and at everything that clients have scheduled. Decides nothing.

use super::client::{Client, Name};
use ragchew_core::config::{Listener, ListenerAcl, Passphrase};
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRequest, RequestId};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::ListenerId;
use ragchew_core::net::{Path, SocketId};
use ragchew_core::report::{CallEnd, CallTag, ReportEvent, SubscriptionEnd, What};
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span, Wall};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const PASSPHRASE: &[u8] = b"passw0rd";
const BOOTED_BEFORE: Mono = Mono(1_234_567_000_000_000);
const WALL: u64 = 1_790_000_000_000_000_000;
/// Deadline inputs that one moment may take: more means that the core asks for the same moment for ever.
const DEADLINES_AT_ONCE: usize = 1_000;

/// A datagram that the core sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) path: Path,
    pub(crate) bytes: Vec<u8>,
}

/// An input of the core, to be played again.
#[derive(Clone, Debug)]
pub(crate) struct Taped {
    pub(crate) now: Now,
    pub(crate) datagram: Option<(Path, Vec<u8>)>,
}

/// The server and its clients. Times are milliseconds since the world began.
pub(crate) struct World {
    pub(crate) core: Core,
    effects: Effects,
    began: Mono,
    now: Mono,
    /// Added to the wall clock; a test may step it.
    pub(crate) wall_step: i64,
    clients: BTreeMap<Name, Client>,
    queue: BTreeMap<(u64, u64), (Path, Vec<u8>)>,
    order: u64,
    pub(crate) sent: Vec<Sent>,
    /// What happened; what was told once more is not among it.
    pub(crate) events: Vec<(u64, What)>,
    /// All that the core reported, as it came.
    pub(crate) reported: Vec<ReportEvent>,
    pub(crate) tape: Option<Vec<Taped>>,
    pub(crate) probes: u32,
    requests: u64,
    /// When the core said that its orderly end is complete.
    pub(crate) drained: Vec<u64>,
    /// The most datagrams that came of one input.
    pub(crate) most_sent: usize,
    config: Config,
}

/// The fixture's configuration: one listener on socket 0, everything else as built in.
pub(crate) fn usual_config() -> Config {
    Config { listeners: vec![listener(1, "hotspots", 0)], ..Config::default() }
}

/// A listener on one socket with the usual passphrase.
pub(crate) fn listener(id: u16, name: &str, socket: u16) -> Listener {
    Listener {
        id: ListenerId(id),
        name: name.into(),
        sockets: vec![SocketId(socket)],
        passphrase: Passphrase::new(PASSPHRASE),
        max_clients: 1_000,
        acl: ListenerAcl::default(),
        defaults: Default::default(),
        clients: Vec::new(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The usual configuration, changed by `change`.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::beginning_at(BOOTED_BEFORE, change)
    }

    /// The same on a machine that booted `began` ago.
    pub(crate) fn beginning_at(began: Mono, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = usual_config();
        change(&mut config);
        Self {
            core: Core::new(config.clone(), seed(), moment(began, began, 0)),
            effects: Effects::with_capacity(64),
            began,
            now: began,
            wall_step: 0,
            clients: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
            sent: Vec::new(),
            events: Vec::new(),
            reported: Vec::new(),
            tape: None,
            probes: 0,
            requests: 0,
            drained: Vec::new(),
            most_sent: 0,
            config,
        }
    }

    /// Milliseconds since the beginning.
    pub(crate) fn time(&self) -> u64 {
        self.now.since(self.began).as_millis()
    }

    pub(crate) fn client(&self, name: Name) -> Client {
        self.clients[&name]
    }
    pub(crate) fn client_mut(&mut self, name: Name) -> &mut Client {
        self.clients.get_mut(&name).unwrap()
    }
    pub(crate) fn add_client(&mut self, name: Name, client: Client) {
        self.clients.insert(name, client);
    }
    pub(crate) fn clients(&self) -> impl Iterator<Item = (Name, Client)> + '_ {
        self.clients.iter().map(|(&name, &client)| (name, client))
    }

    /// `bytes` will arrive on `path` at `at`.
    pub(crate) fn schedule(&mut self, at: u64, path: Path, bytes: Vec<u8>) {
        assert!(at >= self.time(), "{at} lies in the past");
        self.order += 1;
        self.queue.insert((at, self.order), (path, bytes));
    }

    /// `bytes` arrive on `path` now; what the core sends because of them.
    pub(crate) fn send(&mut self, path: Path, bytes: &[u8]) -> Vec<Sent> {
        self.advance(self.now);
        self.input(Some((path, bytes)))
    }

    /// The same, where everything sent must go back to where the datagram came from.
    pub(crate) fn answers(&mut self, path: Path, bytes: &[u8]) -> Vec<Vec<u8>> {
        let sent = self.send(path, bytes);
        assert!(sent.iter().all(|s| s.path == path), "an answer leaves on the path of its request: {sent:?}");
        sent.into_iter().map(|s| s.bytes).collect()
    }

    /// Lets the clock run to `time`.
    pub(crate) fn run_until(&mut self, time: u64) {
        loop {
            let scheduled = self.queue.keys().next().map(|&(at, _)| at);
            let ping = self.clients.iter().filter_map(|(&name, c)| Some((c.next_ping?, name))).min();
            let next = scheduled.into_iter().chain(ping.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|&next| next <= time) else { break };
            self.advance(self.began + Span::millis(next));
            match ping.filter(|&(at, _)| at == next) {
                Some((_, name)) => self.scheduled_ping(name),
                None => {
                    let (_, (path, bytes)) = self.queue.pop_first().unwrap();
                    self.input(Some((path, &bytes)));
                }
            }
        }
        self.advance(self.began + Span::millis(time));
    }

    /// Lets the clock run for `millis`.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.run_until(self.time() + millis);
    }

    /// The machine stands still for `millis`; then the core is asked once for what is due.
    pub(crate) fn stand_still(&mut self, millis: u64) -> Vec<Sent> {
        self.now = self.now + Span::millis(millis);
        self.input(None)
    }

    /// Forgets what was sent and reported so far.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
        self.reported.clear();
    }

    /// Asks the core for its orderly end.
    pub(crate) fn drain(&mut self) {
        self.advance(self.now);
        self.core.handle(moment(self.now, self.began, self.wall_step), Input::Drain, &mut self.effects);
        self.collect();
    }

    /// Asks the core for something; what came of it.
    pub(crate) fn control(&mut self, command: ControlCommand) -> ControlOutcome {
        self.advance(self.now);
        self.requests += 1;
        let id = RequestId(self.requests);
        let input = Input::Control(ControlRequest { id, command });
        self.core.handle(moment(self.now, self.began, self.wall_step), input, &mut self.effects);
        let replies = self.effects.replies().to_vec();
        self.collect();
        assert_eq!(replies.len(), 1, "one answer to {command:?}");
        assert_eq!(replies[0].id, id);
        replies[0].outcome
    }

    /// Gives the core its configuration as changed by `change`; what came out is the former one.
    pub(crate) fn replace(&mut self, change: impl FnOnce(&mut Config)) -> Config {
        self.advance(self.now);
        change(&mut self.config);
        let input = Input::Replace(Box::new(self.config.clone()));
        self.core.handle(moment(self.now, self.began, self.wall_step), input, &mut self.effects);
        let mut retired = self.effects.take_retired();
        self.collect();
        assert_eq!(retired.len(), 1, "one configuration is replaced by one");
        *retired.remove(0)
    }

    fn scheduled_ping(&mut self, name: Name) {
        let at = self.time();
        let client = self.client_mut(name);
        client.next_ping = Some(at + 10_000);
        let Client { id, path, .. } = *client;
        self.input(Some((path, &super::client::with_id("RPTPING", id))));
    }

    fn advance(&mut self, to: Mono) {
        let mut at_once = 0;
        while let Some(due) = self.core.next_deadline().filter(|&due| due <= to) {
            at_once = if due > self.now { 0 } else { at_once + 1 };
            assert!(at_once < DEADLINES_AT_ONCE, "the core asks for {due:?} again and again");
            self.now = self.now.max(due);
            self.input(None);
        }
        self.now = to;
    }

    fn input(&mut self, datagram: Option<(Path, &[u8])>) -> Vec<Sent> {
        let now = moment(self.now, self.began, self.wall_step);
        if let Some(tape) = &mut self.tape {
            tape.push(Taped { now, datagram: datagram.map(|(path, bytes)| (path, bytes.to_vec())) });
        }
        let input = datagram.map_or(Input::Deadline, |(path, bytes)| Input::Datagram { path, bytes });
        self.core.handle(now, input, &mut self.effects);
        self.collect()
    }

    /// Takes what came out of the core.
    fn collect(&mut self) -> Vec<Sent> {
        let at = self.time();
        let sent: Vec<_> = rendered(&self.effects).into_iter().map(|(path, bytes)| Sent { at, path, bytes }).collect();
        let new = self.effects.events().iter().filter(|event| !event.retold);
        self.events.extend(new.map(|event| (at, event.what)));
        self.reported.extend(self.effects.events());
        self.drained.extend(self.effects.drained().then_some(at));
        self.most_sent = self.most_sent.max(sent.len());
        self.effects.clear();
        self.sent.extend(sent.iter().cloned());
        sent
    }
}

/// Everything in `effects` that is to be sent.
pub(crate) fn rendered(effects: &Effects) -> Vec<(Path, Vec<u8>)> {
    let render = |transmit| {
        let mut buffer = [0; FRAME_LEN];
        let length = effects.render(transmit, &mut buffer);
        buffer[..length].to_vec()
    };
    effects.transmits().iter().map(|transmit| (transmit.path, render(transmit))).collect()
}

pub(crate) fn seed() -> Seed {
    Seed::Key([7; 32])
}

fn moment(mono: Mono, began: Mono, wall_step: i64) -> Now {
    Now { mono, wall: Wall((WALL + mono.since(began).0).saturating_add_signed(wall_step)) }
}

/// What the events say.
impl World {
    /// The subscriptions of `name` that began and did not end: slot, number on RF, conference.
    pub(crate) fn legs(&self, name: Name) -> BTreeSet<(u8, u32, u32)> {
        let id = self.client(name).id;
        let mut legs = BTreeSet::new();
        for (_, what) in &self.events {
            match *what {
                What::Subscribed { who, slot, rf_tg, conference, .. } if who.client.0 == id => {
                    legs.insert((slot.number(), rf_tg.0, conference.0));
                }
                What::Unsubscribed { who, slot, rf_tg, conference, .. } if who.client.0 == id => {
                    legs.remove(&(slot.number(), rf_tg.0, conference.0));
                }
                What::Disconnected { who, .. } if who.client.0 == id => legs.clear(),
                _ => {}
            }
        }
        legs
    }

    /// When subscriptions of `name` to `conference` began or came back.
    pub(crate) fn joined(&self, name: Name, conference: u32) -> Vec<u64> {
        let id = self.client(name).id;
        let of = |what: &What| matches!(what, What::Subscribed { who, conference: c, .. } if who.client.0 == id && c.0 == conference);
        self.events.iter().filter(|(_, what)| of(what)).map(|&(at, _)| at).collect()
    }

    /// When, and why, subscriptions of `name` to `conference` ended or paused.
    pub(crate) fn left(&self, name: Name, conference: u32) -> Vec<(u64, SubscriptionEnd)> {
        let id = self.client(name).id;
        let of = |&(at, what): &(u64, What)| match what {
            What::Unsubscribed { who, conference: c, cause, .. } if who.client.0 == id && c.0 == conference => {
                Some((at, cause))
            }
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// What the last OPTIONS of `name` came to.
    pub(crate) fn options_in_force(&self, name: Name) -> InForce {
        let id = self.client(name).id;
        let of = |&(_, what): &(u64, What)| match what {
            What::Options { who, statics, single, dial, ua_timer, voided } if who.client.0 == id => {
                let minutes = ua_timer.as_millis() / 60_000;
                Some(InForce { statics, single, dial: dial.0, ua_minutes: minutes, voided })
            }
            _ => None,
        };
        self.events.iter().rev().find_map(of).expect("OPTIONS took effect")
    }

    /// How many events are as `wanted`.
    pub(crate) fn count(&self, wanted: impl Fn(&What) -> bool) -> usize {
        self.events.iter().filter(|(_, what)| wanted(what)).count()
    }

    /// The starts of calls with `stream`: when, and the call.
    pub(crate) fn starts(&self, stream: u32) -> Vec<(u64, CallTag)> {
        let start = |&(at, what): &(u64, What)| match what {
            What::CallStarted { call, .. } if call.stream.0 == stream => Some((at, call)),
            _ => None,
        };
        self.events.iter().filter_map(start).collect()
    }

    /// The ends of calls with `stream`.
    pub(crate) fn ends(&self, stream: u32) -> Vec<Ended> {
        let end = |&(at, what): &(u64, What)| match what {
            What::CallEnded { call, cause, duration, frames, lost, reordered } if call.stream.0 == stream => {
                Some(Ended { at, cause, millis: duration.as_millis(), frames, lost, reordered })
            }
            _ => None,
        };
        self.events.iter().filter_map(end).collect()
    }
}

/// What OPTIONS came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) statics: [u16; 2],
    pub(crate) single: bool,
    pub(crate) dial: u32,
    pub(crate) ua_minutes: u64,
    pub(crate) voided: u16,
}

/// What the end of a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) at: u64,
    pub(crate) cause: CallEnd,
    pub(crate) millis: u64,
    pub(crate) frames: u32,
    pub(crate) lost: u32,
    pub(crate) reordered: u32,
}
