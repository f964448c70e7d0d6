//! The one loop: poll, give the core what came and what is due, carry out what it wants. Owns the thread's order of work
//! and the orderly end; never decides what is sent, never logs, and blocks only in the poll. Source: design §3, §4.

use crate::busy::Busy;
use crate::clock;
use crate::counters::{Counters, SocketCounters};
use crate::endpoint::Endpoint;
use crate::limits::{
    COMMAND_BUDGET, DRAIN_LIMIT, FIRST_LOOK, FLUSH_LIMIT, OFFER_AGAIN, RECEIVE_BUDGET, SECOND_SIGNAL_AFTER,
    TRANSMIT_CAPACITY,
};
use crate::outbox::Outbox;
use crate::record::Tape;
use crate::signals::{Heard, TakenSignals};
use crate::socket::{BoundSocket, Settings};
use crate::sys::batch::{ReceiveBatch, SendBatch};
use crate::teller::{OWN, Teller};
use crate::wiring::{Command, CutShort, Handle, Notice, Wiring};
use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Poll, Token, Waker};
use ragchew_core::control::{ControlOutcome, ControlReply, ControlRequest};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::net::SocketId;
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Witness};
use std::io;
use std::time::Duration;

const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);
const FIRST_SOCKET: usize = 2;
const POLL_EVENTS: usize = 256;

/// What the reactor drives: [`Core`], or a double in tests and tools.
pub trait PacketPlane {
    /// As [`Core::handle`].
    fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects);
    /// As [`Core::next_deadline`].
    fn next_deadline(&self) -> Option<Mono>;
    /// What was refused since the start, by name.
    fn refusals(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    /// Records that are held, by name.
    fn tables(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    /// As [`Core::witness`]; only for recordings.
    fn witness(&self) -> Option<Witness> {
        None
    }
}

impl PacketPlane for Core {
    fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        Core::handle(self, now, input, effects);
    }

    fn next_deadline(&self) -> Option<Mono> {
        Core::next_deadline(self)
    }

    fn witness(&self) -> Option<Witness> {
        Core::witness(self)
    }

    fn refusals(&self) -> Vec<(&'static str, u64)> {
        Core::refusals(self).occurred().collect()
    }

    fn tables(&self) -> Vec<(&'static str, u64)> {
        let sizes = self.table_sizes();
        let all = [
            ("running", self.running_sessions()),
            ("sessions", sizes.sessions),
            ("subscriptions", sizes.subscriptions),
            ("conferences", sizes.conferences),
            ("streams", sizes.streams),
            ("live_calls", sizes.live_calls),
            ("echoes", sizes.echoes),
            ("deadlines", sizes.deadlines),
        ];
        all.map(|(name, count)| (name, count as u64)).into()
    }
}

/// How far the orderly end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The core tells everybody, at most until then.
    Draining(Mono),
    /// What waits is sent, at most until then.
    Flushing(Mono),
    Ended,
}

/// The transport's thread, ready to run.
pub struct Reactor<P = Core> {
    plane: P,
    effects: Effects,
    poll: Poll,
    polled: Events,
    signals: TakenSignals,
    commands: Receiver<Command>,
    notices: Sender<Notice>,
    retired: Sender<Box<Config>>,
    /// Where everything is recorded, if it is.
    tape: Option<Tape>,
    endpoints: Vec<Endpoint>,
    receiving: ReceiveBatch,
    sending: SendBatch,
    /// The last look at the clock; `None` when work was done since that may have taken time.
    looked: Option<Now>,
    stage: Stage,
    /// When the orderly end began.
    ending_since: Option<Mono>,
    /// The core said that everybody was told.
    drained: bool,
    /// Whose turn it is to be read first.
    first: usize,
    /// What sockets counted that are closed by now.
    closed: SocketCounters,
    turns: u64,
    teller: Teller,
    busy: Busy,
    outbox: Outbox,
    unroutable: u64,
}

impl<P: PacketPlane> Reactor<P> {
    /// Takes over `sockets` and the signals TERM, INT, HUP and USR1 of the process. Nothing is received before
    /// [`Self::run`], but datagrams wait in the kernel from here on.
    ///
    /// # Errors
    /// When the system refuses a poll, a waker or signal handlers, or two sockets have the same number.
    pub fn new(plane: P, sockets: Vec<BoundSocket>, settings: &Settings, wiring: Wiring) -> io::Result<(Self, Handle)> {
        Self::with_signals(plane, sockets, settings, wiring, TakenSignals::take()?)
    }

    /// As [`Self::new`], with signals that were taken earlier: those that came meanwhile are heeded in the first turn.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_signals(
        plane: P,
        sockets: Vec<BoundSocket>,
        settings: &Settings,
        wiring: Wiring,
        mut signals: TakenSignals,
    ) -> io::Result<(Self, Handle)> {
        let poll = Poll::new()?;
        let (handle, commands) = Handle::new(Waker::new(poll.registry(), WAKER)?);
        signals.register(poll.registry(), SIGNALS)?;
        let mut reactor = Self {
            plane,
            effects: Effects::with_capacity(TRANSMIT_CAPACITY),
            poll,
            polled: Events::with_capacity(POLL_EVENTS),
            signals,
            commands,
            notices: wiring.notices,
            retired: wiring.retired,
            tape: None,
            endpoints: Vec::new(),
            receiving: ReceiveBatch::new(settings.batched),
            sending: SendBatch::new(settings.batched),
            looked: None,
            stage: Stage::Running,
            ending_since: None,
            drained: false,
            first: 0,
            closed: SocketCounters::default(),
            turns: 0,
            teller: Teller::new(wiring.events, wiring.bell),
            busy: Busy::default(),
            outbox: Outbox::default(),
            unroutable: 0,
        };
        reactor.adopt(sockets)?;
        Ok((reactor, handle))
    }

    /// Records from here on. The recording begins with a snapshot of the core as it is now, and with the sockets that
    /// are open now.
    pub fn record_to(&mut self, tape: Tape) {
        self.tape = Some(tape);
    }

    /// Runs until the orderly end, by SIGTERM, SIGINT or [`Command::Drain`]; a second signal
    /// [`SECOND_SIGNAL_AFTER`] ends it at once. After the
    /// begin of the end it takes at most [`DRAIN_LIMIT`] and [`FLUSH_LIMIT`]. Gives what was counted.
    ///
    /// # Errors
    /// When the poll itself fails; all sockets are closed then too.
    pub fn run(mut self) -> io::Result<Counters> {
        while self.stage != Stage::Ended {
            self.turn()?;
        }
        Ok(self.counters())
    }

    fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        self.turns += 1;
        self.receive();
        self.meet_deadline();
        self.obey();
        self.tell_again();
        self.settle();
        Ok(())
    }

    /// Blocks until something happened or is due, and marks what it was.
    fn wait(&mut self) -> io::Result<()> {
        let before = self.now();
        self.busy.worked_until(before.mono);
        let timeout = self.timeout(before.mono);
        self.looked = None;
        let mut signalled = false;
        match self.poll.poll(&mut self.polled, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(()) => {
                for event in &self.polled {
                    match event.token() {
                        // Commands are looked for in every turn.
                        WAKER => {}
                        SIGNALS => signalled = true,
                        Token(socket) => {
                            let found = self.endpoints.iter_mut().find(|e| token(e.id) == Token(socket));
                            if let Some(endpoint) = found {
                                if event.is_readable() || event.is_error() {
                                    endpoint.became_readable();
                                }
                                if event.is_writable() || event.is_error() {
                                    endpoint.became_writable();
                                }
                            }
                        }
                    }
                }
            }
        }
        let now = self.now();
        self.busy.rested_until(now.mono);
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.retry(now.mono));
        if signalled {
            let heard = self.signals.heard();
            self.heed(heard, now);
        }
        Ok(())
    }

    /// This moment. The clock is read once between two pieces of work, not for each of those who ask.
    fn now(&mut self) -> Now {
        *self.looked.get_or_insert_with(clock::now)
    }

    /// How long the poll may block; `None`: until something happens.
    fn timeout(&self, now: Mono) -> Option<Duration> {
        if !self.commands.is_empty() || self.endpoints.iter().any(Endpoint::is_readable) {
            return Some(Duration::ZERO);
        }
        let (core, end) = match self.stage {
            Stage::Running => (self.plane.next_deadline(), None),
            Stage::Draining(until) => (self.plane.next_deadline(), Some(until)),
            Stage::Flushing(until) => (None, Some(until)),
            Stage::Ended => (None, Some(now)),
        };
        let retries = self.endpoints.iter().filter_map(Endpoint::retry_at).min();
        let notices = (!self.outbox.is_empty()).then_some(now + OFFER_AGAIN);
        // Who is behind goes on at once, or as soon as there may be room again.
        let telling = self.teller.is_behind().then(|| if self.teller.has_room() { now } else { now + OFFER_AGAIN });
        let next = [core, end, retries, notices, telling].into_iter().flatten().min()?;
        Some(Duration::from_nanos(next.since(now).0))
    }

    #[cold]
    fn heed(&mut self, heard: Heard, now: Now) {
        if heard.report {
            self.report_counters();
        }
        if heard.reload && self.stage == Stage::Running {
            self.notify(Notice::ReloadRequested);
        }
        if heard.end && self.stage == Stage::Running {
            self.drain(now);
        } else if heard.end && self.ending_since.is_some_and(|since| now.mono >= since + SECOND_SIGNAL_AFTER) {
            self.notify(Notice::DrainCutShort(CutShort::SecondSignal));
            self.stage = Stage::Ended;
        }
    }

    /// Lets every readable socket bring its share, each turn beginning with another one.
    fn receive(&mut self) {
        let count = self.endpoints.len();
        for step in 0..count {
            self.receive_from((self.first + step) % count);
        }
        self.first = self.first.wrapping_add(1) % count.max(1);
    }

    fn receive_from(&mut self, index: usize) {
        let mut budget = RECEIVE_BUDGET;
        while budget > 0 {
            let now = self.now();
            let Some(endpoint) = self.endpoints.get_mut(index).filter(|endpoint| endpoint.is_readable()) else {
                return;
            };
            let want = if budget == RECEIVE_BUDGET { FIRST_LOOK } else { budget };
            let got = endpoint.receive(&mut self.receiving, want, now.mono);
            budget = budget.saturating_sub(got);
            for place in 0..got {
                self.hand_in(index, place, now);
            }
            self.carry_out(now);
        }
    }

    /// Gives one datagram of the batch to the core.
    fn hand_in(&mut self, index: usize, place: usize, now: Now) {
        let (Some(endpoint), Some(incoming)) = (self.endpoints.get_mut(index), self.receiving.get(place)) else {
            return;
        };
        if let Some((path, bytes)) = endpoint.admit(&incoming) {
            self.plane.handle(now, Input::Datagram { path, bytes }, &mut self.effects);
            if let Some(tape) = &mut self.tape {
                tape.came(now, &path, bytes, self.plane.witness());
            }
            if self.effects.past_soft_limit() {
                self.carry_out(now);
            }
        }
    }

    fn meet_deadline(&mut self) {
        let now = self.now();
        let active = matches!(self.stage, Stage::Running | Stage::Draining(_));
        if active && self.plane.next_deadline().is_some_and(|at| at <= now.mono) {
            self.plane.handle(now, Input::Deadline, &mut self.effects);
            if let Some(tape) = &mut self.tape {
                tape.deadline(now);
            }
            self.carry_out(now);
        }
    }

    fn obey(&mut self) {
        for _ in 0..COMMAND_BUDGET {
            let Ok(command) = self.commands.try_recv() else { return };
            self.execute(command);
        }
    }

    #[cold]
    fn execute(&mut self, command: Command) {
        match command {
            Command::Drain => {
                let now = self.now();
                self.drain(now);
            }
            Command::Control { request, answer } => {
                if let Some(reply) = self.control(request) {
                    // Who left no room for it does not want it.
                    let _ = answer.try_send(reply);
                }
                self.teller.answered();
            }
            Command::Counters { answer: None } => self.report_counters(),
            Command::Counters { answer: Some(answer) } => {
                let _ = answer.try_send(Box::new(self.counters()));
                self.teller.answered();
            }
            Command::Replace { config, open, close, answer } => {
                let done = self.replace(config, open, &close);
                // Who left no room for it does not want it.
                let _ = answer.try_send(done);
            }
        }
    }

    /// Gives the core a request of an operator, or of the teller; its answer.
    #[cold]
    fn control(&mut self, request: ControlRequest) -> Option<ControlReply> {
        let now = self.now();
        self.plane.handle(now, Input::Control(request), &mut self.effects);
        if let Some(tape) = &mut self.tape {
            tape.control(now, request);
        }
        let reply = self.effects.replies().iter().rfind(|reply| reply.id == request.id).copied();
        self.carry_out(now);
        reply
    }

    /// One page of what was left out, if there is room for it.
    fn tell_again(&mut self) {
        if let Some(command) = self.teller.wants() {
            let reply = self.control(ControlRequest { id: OWN, command });
            let outcome = reply.map_or(ControlOutcome::Told(None), |reply| reply.outcome);
            self.teller.told(command, outcome);
        }
    }

    /// The end of a turn: what waits is sent, the poll learns what is of interest, the orderly end goes on.
    fn settle(&mut self) {
        let now = self.now();
        for endpoint in &mut self.endpoints {
            endpoint.flush(now.mono, &mut self.sending);
            endpoint.follow(self.poll.registry(), token(endpoint.id), now.mono);
        }
        self.advance(now.mono);
        if let Some(tape) = &mut self.tape {
            tape.turn_ends();
        }
        self.outbox.offer(&self.notices);
        self.teller.turn_ends();
    }

    /// Puts what the core wants where it belongs and forgets it.
    fn carry_out(&mut self, now: Now) {
        self.looked = None;
        self.drained |= self.effects.drained();
        self.record_transmits(now);
        let mut index = 0;
        for transmit in self.effects.transmits() {
            let id = transmit.path.socket;
            // Transmits come in runs for one socket.
            if self.endpoints.get(index).is_none_or(|endpoint| endpoint.id != id) {
                index = self.endpoints.iter().position(|endpoint| endpoint.id == id).unwrap_or(usize::MAX);
            }
            match self.endpoints.get_mut(index) {
                Some(endpoint) => endpoint.push(&self.effects, transmit, now.mono, &mut self.sending),
                None => self.unroutable += 1,
            }
        }
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.flush(now.mono, &mut self.sending));
        for event in self.effects.events() {
            self.teller.tell(event);
        }
        self.effects.take_retired().into_iter().for_each(|config| self.retire(config));
        self.effects.clear();
    }

    fn record_transmits(&mut self, now: Now) {
        let Some(tape) = &mut self.tape else { return };
        for transmit in self.effects.transmits() {
            let mut buffer = [0; FRAME_LEN];
            let length = self.effects.render(transmit, &mut buffer);
            tape.sent(now, &transmit.path, buffer.get(..length).unwrap_or_default());
        }
    }

    /// Begins the orderly end. From here on the core sees no datagrams.
    #[cold]
    fn drain(&mut self, now: Now) {
        if self.stage != Stage::Running {
            return;
        }
        self.stage = Stage::Draining(now.mono + DRAIN_LIMIT);
        self.ending_since = Some(now.mono);
        self.notify(Notice::DrainStarted);
        self.endpoints.iter_mut().for_each(Endpoint::stop_receiving);
        self.plane.handle(now, Input::Drain, &mut self.effects);
        if let Some(tape) = &mut self.tape {
            tape.drain(now);
        }
        self.carry_out(now);
    }

    fn advance(&mut self, now: Mono) {
        if let Stage::Draining(until) = self.stage {
            if !self.drained && now < until {
                return;
            }
            if !self.drained {
                self.notify(Notice::DrainCutShort(CutShort::Core));
            }
            // A stage that was late leaves less to the next: the end as a whole has one limit.
            self.stage = Stage::Flushing((now + FLUSH_LIMIT).min(until + FLUSH_LIMIT));
        }
        if let Stage::Flushing(until) = self.stage {
            let left: usize = self.endpoints.iter().map(Endpoint::waiting).sum();
            if left > 0 && now < until {
                return;
            }
            if left > 0 {
                self.notify(Notice::DrainCutShort(CutShort::Rings(left)));
            }
            self.stage = Stage::Ended;
        }
    }

    #[cold]
    fn replace(&mut self, config: Box<Config>, open: Vec<BoundSocket>, close: &[SocketId]) -> io::Result<()> {
        let adopted = match self.stage {
            Stage::Running => self.adopt(open),
            _ => Err(io::Error::other("the server is about to stop")),
        };
        if let Err(error) = adopted {
            self.retire(config);
            return Err(error);
        }
        self.looked = None;
        let now = self.now();
        if let Some(tape) = &mut self.tape {
            tape.replace(now, &config);
        }
        self.plane.handle(now, Input::Replace(config), &mut self.effects);
        self.carry_out(now);
        for endpoint in self.endpoints.iter_mut().filter(|endpoint| close.contains(&endpoint.id)) {
            endpoint.deregister(self.poll.registry());
            endpoint.counters.dropped_at_close += endpoint.waiting() as u64;
            self.closed += endpoint.counters;
        }
        self.endpoints.retain(|endpoint| !close.contains(&endpoint.id));
        Ok(())
    }

    /// Takes over all of `sockets` or none.
    fn adopt(&mut self, sockets: Vec<BoundSocket>) -> io::Result<()> {
        let before = self.endpoints.len();
        for bound in sockets {
            if let Err(error) = self.adopt_one(bound) {
                for mut endpoint in self.endpoints.drain(before..) {
                    endpoint.deregister(self.poll.registry());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn adopt_one(&mut self, bound: BoundSocket) -> io::Result<()> {
        let id = bound.id();
        let local = bound.local_addr();
        if self.endpoints.iter().any(|endpoint| endpoint.id == id) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there are two sockets number {}", id.0)));
        }
        let mut endpoint = Endpoint::new(bound);
        endpoint.register(self.poll.registry(), token(id))?;
        self.endpoints.push(endpoint);
        if let Some(tape) = &mut self.tape {
            tape.socket(id, local);
        }
        Ok(())
    }

    /// Freeing a large table takes time, so somebody else does it if he can.
    #[cold]
    fn retire(&mut self, config: Box<Config>) {
        drop(self.retired.try_send(config));
    }

    #[cold]
    fn notify(&mut self, notice: Notice) {
        self.outbox.push(notice);
        self.outbox.offer(&self.notices);
    }

    #[cold]
    fn report_counters(&mut self) {
        let counters = Box::new(self.counters());
        self.notify(Notice::Counters(counters));
    }

    fn counters(&self) -> Counters {
        let mut total = self.closed;
        self.endpoints.iter().for_each(|endpoint| total += endpoint.counters);
        Counters {
            total,
            sockets: self.endpoints.iter().map(|endpoint| (endpoint.id, endpoint.counters)).collect(),
            turns: self.turns,
            events_lost: self.teller.refused().iter().sum(),
            events_refused: self.teller.refused(),
            refusals: self.plane.refusals(),
            tables: self.plane.tables(),
            perf: self.busy.perf(self.teller.depth()),
            notices_lost: self.outbox.untold(),
            unroutable: self.unroutable,
            ending_since: self.ending_since,
        }
    }
}

fn token(id: SocketId) -> Token {
    Token(FIRST_SOCKET + usize::from(id.0))
}

#[cfg(test)]
mod telling;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{SocketSpec, bind};
    use crossbeam_channel::bounded;
    use ragchew_core::Span;
    use ragchew_core::net::{LocalIp, Path};
    use std::net::{SocketAddr, UdpSocket};

    /// Tells one client that the server stops, and is drained.
    struct Farewell(SocketAddr);

    impl PacketPlane for Farewell {
        fn handle(&mut self, _: Now, input: Input<'_>, effects: &mut Effects) {
            if matches!(input, Input::Drain) {
                let path = Path { socket: SocketId(0), local: LocalIp::Unknown, remote: self.0 };
                effects.push_control(path, b"MSTCL");
                effects.set_drained();
            }
        }

        fn next_deadline(&self) -> Option<Mono> {
            None
        }
    }

    /// A reactor with one socket that tells `client` of its end, and its notices.
    fn farewell_reactor(client: SocketAddr) -> (Reactor<Farewell>, Handle, Receiver<Notice>) {
        let settings = Settings::default();
        let spec = SocketSpec { id: SocketId(0), address: "127.0.0.1:0".parse().unwrap() };
        let socket = bind(spec, &settings).unwrap();
        let (notices, heard) = bounded(4);
        let wiring = Wiring { events: bounded(1).0, bell: None, notices, retired: bounded(1).0 };
        let (reactor, handle) = Reactor::new(Farewell(client), vec![socket], &settings, wiring).unwrap();
        (reactor, handle, heard)
    }

    /// Drains while the kernel takes nothing for `full`; what was counted, why it was cut short, and what the client got.
    fn drain_while_full(full: Span) -> (Counters, Option<CutShort>, bool) {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let (mut reactor, handle, heard) = farewell_reactor(client.local_addr().unwrap());
        reactor.endpoints[0].pretend_full(clock::now().mono + full);
        handle.send(Command::Drain).unwrap();
        let counters = reactor.run().unwrap();
        let cut = heard.try_iter().find_map(|notice| match notice {
            Notice::DrainCutShort(why) => Some(why),
            _ => None,
        });
        // What was sent may be on its way still.
        client.set_nonblocking(counters.total.sent == 0).unwrap();
        (counters, cut, client.recv(&mut [0; 8]).is_ok())
    }

    #[test]
    fn a_drain_waits_until_the_kernel_took_what_is_left() {
        let (counters, cut, told) = drain_while_full(Span::millis(30));
        assert_eq!((counters.total.sent, cut, told), (1, None, true));
        assert!(counters.turns < 20, "{} turns: the poll does not block", counters.turns);
    }

    #[test]
    fn a_kernel_that_stays_full_ends_the_drain_at_its_limit() {
        let (counters, cut, told) = drain_while_full(Span::minutes(1));
        assert_eq!((counters.total.sent, cut, told), (0, Some(CutShort::Rings(1)), false));
    }

    #[test]
    fn a_second_signal_ends_the_drain_only_when_it_comes_some_time_after_the_first() {
        let (mut reactor, _handle, _heard) = farewell_reactor("127.0.0.1:9".parse().unwrap());
        let now = clock::now();
        let end = Heard { end: true, ..Heard::default() };
        let later = |after: Span| Now { mono: now.mono + after, ..now };
        for after in [Span::millis(0), Span::millis(0), Span::millis(3), Span(SECOND_SIGNAL_AFTER.0 - 1)] {
            reactor.heed(end, later(after));
            assert_eq!(reactor.stage, Stage::Draining(now.mono + DRAIN_LIMIT), "{after:?}");
        }
        reactor.heed(end, later(SECOND_SIGNAL_AFTER));
        assert_eq!(reactor.stage, Stage::Ended);
    }

    #[test]
    fn what_waits_at_a_socket_that_a_reload_closes_is_counted() {
        let (mut reactor, _handle, _heard) = farewell_reactor("127.0.0.1:9".parse().unwrap());
        let now = clock::now();
        reactor.endpoints[0].pretend_full(now.mono + Span::minutes(1));
        reactor.plane.handle(now, Input::Drain, &mut reactor.effects);
        reactor.carry_out(now);
        reactor.replace(Box::default(), Vec::new(), &[SocketId(0)]).unwrap();
        let counters = reactor.counters();
        assert_eq!((counters.total.dropped_at_close, counters.total.sent, counters.sockets.len()), (1, 0, 0));
    }

    #[test]
    fn the_reactor_of_the_core_may_run_on_a_thread_of_its_own() {
        fn sendable<T: Send + 'static>() {}
        sendable::<Reactor<Core>>();
        sendable::<Handle>();
    }

    #[test]
    fn a_drain_that_was_late_does_not_put_off_the_end_of_the_flush() {
        let (mut reactor, _handle, _heard) = farewell_reactor("127.0.0.1:9".parse().unwrap());
        let now = clock::now();
        reactor.endpoints[0].pretend_full(now.mono + Span::minutes(1));
        reactor.drain(now);
        reactor.drained = false;
        let limit = now.mono + DRAIN_LIMIT;
        reactor.advance(limit + Span::millis(700));
        assert_eq!(reactor.stage, Stage::Flushing(limit + FLUSH_LIMIT));
        reactor.advance(limit + FLUSH_LIMIT);
        assert_eq!((reactor.stage, reactor.counters().ending_since), (Stage::Ended, Some(now.mono)));
    }
}
