//! What the tests of the running reactor share: a double of the core, a server on a thread, and clients on loopback.
//! Every wait has a bound and nothing sleeps.
#![allow(dead_code)] // Each test program uses its own part.
#![allow(clippy::unwrap_used)] // As in tests.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::report::Numbered;
use ragchew_core::{Config, Effects, Input, Mono, Now};
use ragchew_transport::record::Tape;
use ragchew_transport::{
    BoundSocket, Command, Counters, Handle, Notice, PacketPlane, Reactor, Settings, SocketSpec, Wiring, bind,
};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The bound of every wait.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A core that does what `rule` says. The rule sets when it wants [`Input::Deadline`].
pub(crate) struct Double<F> {
    pub(crate) rule: F,
    pub(crate) deadline: Option<Mono>,
}

impl<F: FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>)> PacketPlane for Double<F> {
    fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        (self.rule)(now, input, effects, &mut self.deadline);
    }

    fn next_deadline(&self) -> Option<Mono> {
        self.deadline
    }
}

/// What the double saw of a datagram.
pub(crate) type Seen = (Path, Vec<u8>);

/// Sends every datagram back and is drained at once.
pub(crate) fn echo(_: Now, input: Input<'_>, effects: &mut Effects, _: &mut Option<Mono>) {
    match input {
        Input::Datagram { path, bytes } => effects.push_control(path, bytes),
        Input::Drain => effects.set_drained(),
        _ => {}
    }
}

/// As [`echo`], and tells the test what came.
pub(crate) fn telling_echo(
    seen: Sender<Seen>,
) -> impl FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>) + Send + 'static {
    move |now, input, effects, deadline| {
        if let Input::Datagram { path, bytes } = &input {
            seen.send((*path, bytes.to_vec())).unwrap();
        }
        echo(now, input, effects, deadline);
    }
}

/// The ends of the wiring that the rest of the process holds.
pub(crate) struct Ends {
    pub(crate) events: Receiver<Numbered>,
    pub(crate) notices: Receiver<Notice>,
    pub(crate) retired: Receiver<Box<Config>>,
}

/// Channels with room for `events` events.
pub(crate) fn wiring(events: usize) -> (Wiring, Ends) {
    let (events, events_end) = bounded(events);
    let (notices, notices_end) = bounded(16);
    let (retired, retired_end) = bounded(4);
    (
        Wiring { events, bell: None, notices, retired },
        Ends { events: events_end, notices: notices_end, retired: retired_end },
    )
}

/// A reactor on its own thread.
pub(crate) struct Server {
    pub(crate) handle: Handle,
    pub(crate) ends: Ends,
    pub(crate) addresses: Vec<SocketAddr>,
    thread: JoinHandle<io::Result<Counters>>,
}

impl Server {
    /// Starts with the default settings, or those with the plain calls.
    pub(crate) fn start<F>(addresses: &[&str], batched: bool, rule: F) -> Self
    where
        F: FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>) + Send + 'static,
    {
        Self::start_after(addresses, Settings { batched, ..Settings::default() }, rule, |_| ())
    }

    /// Starts with `settings`, and does `before` when the sockets are open and nothing has been read.
    pub(crate) fn start_after<F>(
        addresses: &[&str],
        settings: Settings,
        rule: F,
        before: impl FnOnce(&[SocketAddr]),
    ) -> Self
    where
        F: FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>) + Send + 'static,
    {
        Self::start_taped(addresses, settings, rule, before, None)
    }

    /// The same, recorded on `tape`.
    pub(crate) fn start_taped<F>(
        addresses: &[&str],
        settings: Settings,
        rule: F,
        before: impl FnOnce(&[SocketAddr]),
        tape: Option<Tape>,
    ) -> Self
    where
        F: FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>) + Send + 'static,
    {
        let specs = (0..).zip(addresses).map(|(id, address)| spec(id, address));
        let sockets: Vec<_> = specs.map(|spec| bind(spec, &settings).unwrap()).collect();
        let addresses: Vec<_> = sockets.iter().map(BoundSocket::local_addr).collect();
        let (wiring, ends) = wiring(4);
        let plane = Double { rule, deadline: None };
        let (mut reactor, handle) = Reactor::new(plane, sockets, &settings, wiring).unwrap();
        if let Some(tape) = tape {
            reactor.record_to(tape);
        }
        before(&addresses);
        let thread = std::thread::spawn(move || reactor.run());
        Self { handle, ends, addresses, thread }
    }

    /// Drains, and gives what was counted.
    pub(crate) fn stop(self) -> Counters {
        self.handle.send(Command::Drain).unwrap();
        self.join().0
    }

    /// Waits for the end.
    pub(crate) fn join(self) -> (Counters, Ends) {
        (self.thread.join().unwrap().unwrap(), self.ends)
    }

    /// Asks for a replacement, and gives the answer.
    pub(crate) fn replace(&self, open: Vec<BoundSocket>, close: Vec<SocketId>) -> io::Result<()> {
        self.ask_to_replace(open, close).recv_timeout(BOUND).unwrap()
    }

    /// Asks for a replacement; the answer comes there.
    pub(crate) fn ask_to_replace(&self, open: Vec<BoundSocket>, close: Vec<SocketId>) -> Receiver<io::Result<()>> {
        let (answer, answered) = bounded(1);
        self.handle.send(Command::Replace { config: Box::default(), open, close, answer }).unwrap();
        answered
    }

    /// Leaves no room for notices, and no command waiting.
    pub(crate) fn fill_notices(&self) {
        let end = Instant::now() + BOUND;
        while !self.ends.notices.is_full() {
            let told = self.ends.notices.len();
            self.handle.send(Command::Counters { answer: None }).unwrap();
            while self.ends.notices.len() == told {
                assert!(Instant::now() < end, "the notices are never full");
                std::thread::yield_now();
            }
        }
    }

    pub(crate) fn next_notice(&self) -> Notice {
        self.ends.notices.recv_timeout(BOUND).unwrap()
    }

    /// The counters once `enough` of them holds.
    pub(crate) fn counters_when(&self, enough: impl Fn(&Counters) -> bool) -> Counters {
        let end = Instant::now() + BOUND;
        loop {
            self.handle.send(Command::Counters { answer: None }).unwrap();
            let Notice::Counters(counters) = self.next_notice() else { continue };
            if enough(&counters) {
                return *counters;
            }
            assert!(Instant::now() < end, "{counters:?}");
        }
    }
}

fn spec(id: u16, address: &str) -> SocketSpec {
    SocketSpec { id: SocketId(id), address: address.parse().unwrap() }
}

/// A socket with the number `id`.
pub(crate) fn open(id: u16, address: &str) -> BoundSocket {
    bind(spec(id, address), &Settings::default()).unwrap()
}

/// A client that waits for answers as long as [`BOUND`].
pub(crate) fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket
}

/// The next datagram and whence it came.
pub(crate) fn next(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    loop {
        match client.recv_from(&mut buffer) {
            Ok((len, from)) => return (buffer[..len].to_vec(), from),
            // A wait with a bound does not go on by itself after a process was stopped.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted, "{error}"),
        }
    }
}

/// For what the double saw.
pub(crate) fn seen_channel() -> (Sender<Seen>, Receiver<Seen>) {
    unbounded()
}

pub(crate) fn v4(address: [u8; 4]) -> LocalIp {
    LocalIp::V4(address)
}
