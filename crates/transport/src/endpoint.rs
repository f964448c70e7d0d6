//! One open UDP socket of the reactor: what it may read, what waits to be sent, and what it asks of the poll. Never looks
//! into a datagram and never calls the core. Source: design §4, `freedmr2-design.md` 18.2.

use crate::counters::SocketCounters;
use crate::limits::{BATCH, RETRY_AFTER};
use crate::ring::{Flushed, Outgoing, Rings, Sender};
use crate::socket::BoundSocket;
use crate::sys::batch::{Incoming, ReceiveBatch, SendBatch};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use ragchew_core::Mono;
use ragchew_core::effects::{Effects, Payload, Transmit};
use ragchew_core::net::{Path, SocketId};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

/// Whether the kernel takes datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlet {
    Open,
    /// The poll tells when it opens.
    UntilWritable,
    /// Nobody tells; worth another try at that time.
    Until(Mono),
}

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: SocketId,
    pub(crate) counters: SocketCounters,
    socket: UdpSocket,
    rings: Rings,
    outlet: Outlet,
    /// There may be more to read: the poll says so once only, until a read finds nothing.
    readable: bool,
    /// After a failed read: worth another try at that time.
    read_again: Option<Mono>,
    /// The kernel's own count of lost datagrams when it last told.
    kernel_drops: u32,
    interest: Option<Interest>,
    receiving: bool,
}

impl Endpoint {
    pub(crate) fn new(bound: BoundSocket) -> Self {
        Self {
            id: bound.id(),
            counters: SocketCounters::default(),
            socket: UdpSocket::from_std(bound.into_inner()),
            rings: Rings::new(),
            outlet: Outlet::Open,
            readable: false,
            read_again: None,
            kernel_drops: 0,
            interest: None,
            receiving: true,
        }
    }

    /// Tells the poll what is of interest now: reading until the drain, writing only while the kernel is full.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let writable = (self.outlet == Outlet::UntilWritable).then_some(Interest::WRITABLE);
        let wanted = match (self.receiving.then_some(Interest::READABLE), writable) {
            (Some(read), Some(write)) => Some(read | write),
            (read, write) => read.or(write),
        };
        if wanted == self.interest {
            return Ok(());
        }
        match (self.interest, wanted) {
            (None, Some(interest)) => registry.register(&mut self.socket, token, interest)?,
            (Some(_), Some(interest)) => registry.reregister(&mut self.socket, token, interest)?,
            (_, None) => registry.deregister(&mut self.socket)?,
        }
        self.interest = wanted;
        Ok(())
    }

    /// As [`Self::register`]; when the poll refuses, the kernel is asked again instead.
    pub(crate) fn follow(&mut self, registry: &Registry, token: Token, now: Mono) {
        if self.register(registry, token).is_err() && self.outlet == Outlet::UntilWritable {
            self.outlet = Outlet::Until(now + RETRY_AFTER);
        }
    }

    /// Takes the socket out of the poll.
    pub(crate) fn deregister(&mut self, registry: &Registry) {
        if self.interest.take().is_some() {
            // The socket closes next, which takes it out in any case.
            let _ = registry.deregister(&mut self.socket);
        }
    }

    pub(crate) fn became_readable(&mut self) {
        self.readable = self.receiving;
    }

    pub(crate) fn became_writable(&mut self) {
        self.outlet = Outlet::Open;
    }

    /// Nothing more reaches the core from here.
    pub(crate) fn stop_receiving(&mut self) {
        self.receiving = false;
        self.readable = false;
        self.read_again = None;
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Datagrams that wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.rings.len()
    }

    /// When to try again what failed without the poll telling about its end.
    pub(crate) fn retry_at(&self) -> Option<Mono> {
        let send = match self.outlet {
            Outlet::Until(at) => Some(at),
            _ => None,
        };
        [send, self.read_again].into_iter().flatten().min()
    }

    /// Begins again what was to be tried again by `now`.
    pub(crate) fn retry(&mut self, now: Mono) {
        if matches!(self.outlet, Outlet::Until(at) if at <= now) {
            self.outlet = Outlet::Open;
        }
        if self.read_again.is_some_and(|at| at <= now) {
            self.read_again = None;
            self.readable = true;
        }
    }

    /// Fetches up to `want` datagrams into `batch`; their number. The socket stays readable until there are no more: fewer
    /// than were wanted were all, and whatever comes later makes the poll say so again. That saves the call which would
    /// only find nothing.
    pub(crate) fn receive(&mut self, batch: &mut ReceiveBatch, want: usize, now: Mono) -> usize {
        match batch.receive(self.socket.as_fd(), want) {
            Ok(got) => {
                self.readable = got >= want.min(BATCH);
                self.counters.received += got as u64;
                got
            }
            Err(error) => {
                self.readable = false;
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.counters.receive_errors.count(&error);
                    self.read_again = Some(now + RETRY_AFTER);
                }
                0
            }
        }
    }

    /// The path of a datagram that the core may see, or nothing and a count.
    pub(crate) fn admit<'a>(&mut self, incoming: &Incoming<'a>) -> Option<(Path, &'a [u8])> {
        if let Some(drops) = incoming.drops {
            self.counters.kernel_drops += u64::from(drops.wrapping_sub(self.kernel_drops));
            self.kernel_drops = drops;
        }
        let Some(remote) = incoming.remote.filter(can_be_answered) else {
            self.counters.bad_source += 1;
            return None;
        };
        let Some(bytes) = incoming.bytes else {
            self.counters.too_long += 1;
            return None;
        };
        Some((Path { socket: self.id, local: incoming.local, remote }, bytes))
    }

    /// Puts a datagram into its ring. A full ring is first flushed: one input may have more receivers than it has slots.
    pub(crate) fn push(&mut self, effects: &Effects, transmit: &Transmit, now: Mono, batch: &mut SendBatch) {
        let voice = matches!(transmit.payload, Payload::Voice { .. });
        if (voice && self.rings.voice_is_full()) || (!voice && self.rings.control_is_full()) {
            self.flush(now, batch);
        }
        let Path { remote, local, .. } = transmit.path;
        let datagram = Outgoing::written(remote, local, now, |bytes| effects.render(transmit, bytes));
        if voice {
            self.rings.push_voice(datagram, &mut self.counters);
        } else {
            self.rings.push_control(datagram, &mut self.counters);
        }
    }

    /// As if the kernel had no buffers until then: loopback is never full.
    #[cfg(test)]
    pub(crate) fn pretend_full(&mut self, until: Mono) {
        self.outlet = Outlet::Until(until);
    }

    /// Sends what waits, unless the kernel is known to be full.
    pub(crate) fn flush(&mut self, now: Mono, batch: &mut SendBatch) {
        if self.outlet != Outlet::Open || self.rings.is_empty() {
            return;
        }
        let mut sender = Kernel { fd: self.socket.as_fd(), batch };
        self.outlet = match self.rings.flush(now, &mut sender, &mut self.counters) {
            Flushed::Empty => Outlet::Open,
            Flushed::Full => Outlet::UntilWritable,
            Flushed::NoBuffers => Outlet::Until(now + RETRY_AFTER),
        };
    }
}

struct Kernel<'a> {
    fd: BorrowedFd<'a>,
    batch: &'a mut SendBatch,
}

impl Sender for Kernel<'_> {
    fn send<'a>(&mut self, datagrams: impl Iterator<Item = &'a Outgoing>) -> io::Result<usize> {
        self.batch.send(self.fd, datagrams)
    }
}

/// Whether somebody may be there: such sources are forged or broken, and answering them would be worse.
fn can_be_answered(remote: &SocketAddr) -> bool {
    let ip = remote.ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    remote.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{Settings, SocketSpec, bind};
    use ragchew_core::net::LocalIp;

    fn endpoint() -> Endpoint {
        let spec = SocketSpec { id: SocketId(4), address: "127.0.0.1:0".parse().unwrap() };
        Endpoint::new(bind(spec, &Settings::default()).unwrap())
    }

    fn incoming(remote: Option<&str>, drops: Option<u32>) -> Incoming<'static> {
        let remote = remote.map(|text| text.parse().unwrap());
        Incoming { remote, local: LocalIp::V4([127, 0, 0, 1]), drops, bytes: Some(b"x") }
    }

    #[test]
    fn nobody_can_be_behind_these_sources() {
        let mut endpoint = endpoint();
        let bad = ["192.0.2.1:0", "0.0.0.0:9", "[::]:9", "255.255.255.255:9", "224.0.0.1:9", "[ff02::1]:9"];
        for remote in bad {
            assert!(endpoint.admit(&incoming(Some(remote), None)).is_none(), "{remote}");
        }
        assert!(endpoint.admit(&incoming(None, None)).is_none());
        assert_eq!(endpoint.counters.bad_source, bad.len() as u64 + 1);
        for remote in ["192.0.2.1:9", "[2001:db8::1]:9", "127.0.0.1:1"] {
            let (path, bytes) = endpoint.admit(&incoming(Some(remote), None)).unwrap();
            assert_eq!((path.socket, path.remote, bytes), (SocketId(4), remote.parse().unwrap(), &b"x"[..]));
            assert_eq!(path.local, LocalIp::V4([127, 0, 0, 1]));
        }
    }

    /// What a socket gives that is sent datagrams and asked for some, and whether it counts as readable after it.
    fn taken() -> [(usize, bool); 5] {
        let mut poll = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(8);
        let (mut endpoint, mut batch) = (endpoint(), ReceiveBatch::new(true));
        endpoint.register(poll.registry(), Token(9)).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        [(3, 64), (4, 2), (0, 2), (0, 2), (1, 64)].map(|(sent, want)| {
            for _ in 0..sent {
                peer.send_to(b"x", endpoint.socket.local_addr().unwrap()).unwrap();
            }
            if sent > 0 {
                poll.poll(&mut events, Some(std::time::Duration::from_secs(30))).unwrap();
                assert!(events.iter().any(|event| event.token() == Token(9) && event.is_readable()));
                endpoint.became_readable();
            }
            (endpoint.receive(&mut batch, want, Mono(0)), endpoint.is_readable())
        })
    }

    #[test]
    fn a_socket_that_gave_fewer_datagrams_than_wanted_is_not_asked_again_before_the_poll_says_so() {
        let expected = [(3, false), (2, true), (2, true), (0, false), (1, false)];
        // Now and then a busy kernel brings a datagram a moment after it was sent.
        assert!((0..5).any(|_| taken() == expected));
    }

    #[test]
    fn kernel_drops_are_the_sum_of_what_was_told_also_when_its_counter_wraps() {
        let mut endpoint = endpoint();
        for (told, sum) in [(None, 0), (Some(3), 3), (Some(3), 3), (Some(10), 10), (None, 10)] {
            endpoint.admit(&incoming(Some("192.0.2.1:9"), told));
            assert_eq!(endpoint.counters.kernel_drops, sum);
        }
        endpoint.kernel_drops = u32::MAX;
        endpoint.admit(&incoming(Some("192.0.2.1:9"), Some(1)));
        assert_eq!(endpoint.counters.kernel_drops, 12);
    }

    #[test]
    fn writing_is_of_interest_only_while_the_kernel_is_full() {
        let mut poll = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(8);
        let mut endpoint = endpoint();
        let mut writable = |endpoint: &mut Endpoint| {
            endpoint.follow(poll.registry(), Token(9), Mono(0));
            poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
            events.iter().any(|event| event.token() == Token(9) && event.is_writable())
        };
        assert!(!writable(&mut endpoint));
        endpoint.outlet = Outlet::UntilWritable;
        assert!(writable(&mut endpoint));
        endpoint.became_writable();
        assert!(!writable(&mut endpoint));
        assert_eq!(endpoint.interest, Some(Interest::READABLE));
        endpoint.stop_receiving();
        assert!(!writable(&mut endpoint));
        assert_eq!(endpoint.interest, None);
        endpoint.outlet = Outlet::UntilWritable;
        assert!(writable(&mut endpoint));
        assert_eq!(endpoint.interest, Some(Interest::WRITABLE));
    }

    #[test]
    fn what_failed_is_tried_again_at_its_time_and_not_before() {
        let mut endpoint = endpoint();
        endpoint.outlet = Outlet::Until(Mono(10));
        endpoint.read_again = Some(Mono(20));
        assert_eq!(endpoint.retry_at(), Some(Mono(10)));
        endpoint.retry(Mono(9));
        assert_eq!(endpoint.outlet, Outlet::Until(Mono(10)));
        endpoint.retry(Mono(10));
        assert_eq!(
            (endpoint.outlet, endpoint.is_readable(), endpoint.retry_at()),
            (Outlet::Open, false, Some(Mono(20)))
        );
        endpoint.retry(Mono(20));
        assert_eq!((endpoint.is_readable(), endpoint.retry_at()), (true, None));
    }
}
