//! The two rings of a socket: datagrams that wait for the kernel to take them, in memory that is fixed after start.
//! Owns who waits and who is dropped; never makes a system call and never asks for the time. Source: design §4.

use crate::counters::SocketCounters;
use crate::limits::{CONTROL_SLOTS, VOICE_AGE, VOICE_SLOTS};
use ragchew_core::Mono;
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::net::LocalIp;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

/// A datagram that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// The receiver.
    pub(crate) remote: SocketAddr,
    /// Our address to send from.
    pub(crate) local: LocalIp,
    at: Mono,
    len: u8,
    bytes: [u8; FRAME_LEN],
}

impl Outgoing {
    /// A datagram that began to wait at `at`, written where it will wait; `write` gives its length.
    pub(crate) fn written(
        remote: SocketAddr,
        local: LocalIp,
        at: Mono,
        write: impl FnOnce(&mut [u8; FRAME_LEN]) -> usize,
    ) -> Self {
        let mut outgoing = Self { remote, local, at, len: 0, bytes: [0; FRAME_LEN] };
        outgoing.len = write(&mut outgoing.bytes).min(FRAME_LEN) as u8;
        outgoing
    }

    #[cfg(test)]
    pub(crate) fn new(message: &[u8], remote: SocketAddr, local: LocalIp, at: Mono) -> Self {
        Self::written(remote, local, at, |bytes| {
            bytes[..message.len()].copy_from_slice(message);
            message.len()
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Who takes datagrams from the rings: the kernel, or a double in tests.
pub(crate) trait Sender {
    /// Takes some of `datagrams` from the head; their number, 0 only when there are none. An error is the head's.
    fn send<'a>(&mut self, datagrams: impl Iterator<Item = &'a Outgoing>) -> io::Result<usize>;
}

/// How a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing waits any more.
    Empty,
    /// The socket's send buffer is full; it becomes writable.
    Full,
    /// The system has no memory or the device's queue is full; nobody tells when that ends.
    NoBuffers,
}

/// What waits at one socket.
#[derive(Debug)]
pub(crate) struct Rings {
    control: VecDeque<Outgoing>,
    voice: VecDeque<Outgoing>,
}

impl Rings {
    pub(crate) fn new() -> Self {
        Self { control: VecDeque::with_capacity(CONTROL_SLOTS), voice: VecDeque::with_capacity(VOICE_SLOTS) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.voice.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.control.len() + self.voice.len()
    }

    pub(crate) fn control_is_full(&self) -> bool {
        self.control.len() >= CONTROL_SLOTS
    }

    pub(crate) fn voice_is_full(&self) -> bool {
        self.voice.len() >= VOICE_SLOTS
    }

    /// Adds a control datagram, or refuses it when the ring is full.
    pub(crate) fn push_control(&mut self, datagram: Outgoing, counters: &mut SocketCounters) {
        if self.control_is_full() {
            counters.refused_control += 1;
        } else {
            self.control.push_back(datagram);
        }
    }

    /// Adds a burst, in place of the oldest when the ring is full.
    pub(crate) fn push_voice(&mut self, datagram: Outgoing, counters: &mut SocketCounters) {
        if self.voice_is_full() {
            self.voice.pop_front();
            counters.dropped_full_voice += 1;
        }
        self.voice.push_back(datagram);
    }

    /// Sends what waits, control before voice, as far as `sender` takes it.
    pub(crate) fn flush(&mut self, now: Mono, sender: &mut impl Sender, counters: &mut SocketCounters) -> Flushed {
        self.drop_old_voice(now, counters);
        while !self.is_empty() {
            match sender.send(self.control.iter().chain(&self.voice)) {
                Ok(0) => return Flushed::Full,
                Ok(taken) => {
                    self.forget(taken);
                    counters.sent += taken as u64;
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Flushed::Full,
                    Some(libc::ENOBUFS) => return Flushed::NoBuffers,
                    Some(libc::EINTR) => {}
                    _ => {
                        self.forget(1);
                        counters.send_errors.count(&error);
                    }
                },
            }
        }
        Flushed::Empty
    }

    /// Bursts wait in order of time, so that the old ones stand at the head.
    fn drop_old_voice(&mut self, now: Mono, counters: &mut SocketCounters) {
        while self.voice.front().is_some_and(|burst| now.since(burst.at) > VOICE_AGE) {
            self.voice.pop_front();
            counters.dropped_old_voice += 1;
        }
    }

    fn forget(&mut self, count: usize) {
        let control = count.min(self.control.len());
        self.control.drain(..control);
        let voice = (count - control).min(self.voice.len());
        self.voice.drain(..voice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::Span;

    /// Takes at most `grip` datagrams a call and answers `script` first.
    struct Double {
        taken: Vec<Vec<u8>>,
        grip: usize,
        script: VecDeque<Result<usize, i32>>,
        calls: usize,
    }

    impl Double {
        fn new(grip: usize, script: impl IntoIterator<Item = Result<usize, i32>>) -> Self {
            Self { taken: Vec::new(), grip, script: script.into_iter().collect(), calls: 0 }
        }
    }

    impl Sender for Double {
        fn send<'a>(&mut self, datagrams: impl Iterator<Item = &'a Outgoing>) -> io::Result<usize> {
            self.calls += 1;
            let grip = self.script.pop_front().unwrap_or(Ok(self.grip)).map_err(io::Error::from_raw_os_error)?;
            let before = self.taken.len();
            self.taken.extend(datagrams.take(grip).map(|datagram| datagram.bytes().to_vec()));
            Ok(self.taken.len() - before)
        }
    }

    fn datagram(number: usize, at: Mono) -> Outgoing {
        let remote = "192.0.2.1:62031".parse().unwrap();
        Outgoing::new(&(number as u32).to_be_bytes(), remote, LocalIp::Unknown, at)
    }

    fn numbers(double: &Double) -> Vec<usize> {
        double.taken.iter().map(|b| u32::from_be_bytes(b.as_slice().try_into().unwrap()) as usize).collect()
    }

    fn filled(control: &[usize], voice: &[usize]) -> (Rings, SocketCounters) {
        let (mut rings, mut counters) = (Rings::new(), SocketCounters::default());
        voice.iter().for_each(|n| rings.push_voice(datagram(*n, Mono(0)), &mut counters));
        control.iter().for_each(|n| rings.push_control(datagram(*n, Mono(0)), &mut counters));
        (rings, counters)
    }

    #[test]
    fn control_leaves_before_voice_and_each_in_order() {
        let (mut rings, mut counters) = filled(&[10, 11, 12], &[1, 2, 3]);
        let mut double = Double::new(64, []);
        assert_eq!(rings.flush(Mono(0), &mut double, &mut counters), Flushed::Empty);
        assert_eq!(numbers(&double), [10, 11, 12, 1, 2, 3]);
        assert_eq!(counters, SocketCounters { sent: 6, ..Default::default() });
    }

    #[test]
    fn a_partial_send_goes_on_where_it_stopped() {
        let (mut rings, mut counters) = filled(&[10, 11], &[1, 2, 3]);
        let mut double = Double::new(64, [Ok(3), Err(libc::EAGAIN)]);
        assert_eq!(rings.flush(Mono(0), &mut double, &mut counters), Flushed::Full);
        assert_eq!((numbers(&double), rings.len()), (vec![10, 11, 1], 2));
        rings.push_control(datagram(12, Mono(0)), &mut counters);
        assert_eq!(rings.flush(Mono(0), &mut double, &mut counters), Flushed::Empty);
        assert_eq!(numbers(&double), [10, 11, 1, 12, 2, 3]);
        assert_eq!(counters.sent, 6);
    }

    #[test]
    fn a_head_that_alone_fails_is_dropped_and_counted_by_errno() {
        let (mut rings, mut counters) = filled(&[10], &[1, 2]);
        let mut double = Double::new(1, [Err(libc::EPERM), Err(libc::EINTR), Ok(1), Err(libc::ENETUNREACH)]);
        assert_eq!(rings.flush(Mono(0), &mut double, &mut counters), Flushed::Empty);
        assert_eq!(numbers(&double), [1]);
        let errors: Vec<_> = counters.send_errors.by_errno().collect();
        assert_eq!(errors, [(libc::EPERM, 1), (libc::ENETUNREACH, 1)]);
        assert_eq!(counters.sent, 1);
    }

    #[test]
    fn a_full_kernel_drops_nothing() {
        for (errno, outcome) in [(libc::EAGAIN, Flushed::Full), (libc::ENOBUFS, Flushed::NoBuffers)] {
            let (mut rings, mut counters) = filled(&[10], &[1]);
            let mut double = Double::new(64, [Err(errno)]);
            assert_eq!(rings.flush(Mono(0), &mut double, &mut counters), outcome);
            assert_eq!((rings.len(), double.calls), (2, 1));
            assert_eq!(counters, SocketCounters::default());
        }
    }

    #[test]
    fn a_full_control_ring_refuses_the_newest() {
        let all: Vec<usize> = (0..CONTROL_SLOTS + 3).collect();
        let (mut rings, mut counters) = filled(&all, &[]);
        assert_eq!(counters.refused_control, 3);
        let mut double = Double::new(64, []);
        rings.flush(Mono(0), &mut double, &mut counters);
        assert_eq!(numbers(&double), all[..CONTROL_SLOTS]);
    }

    #[test]
    fn a_full_voice_ring_drops_the_oldest() {
        let all: Vec<usize> = (0..VOICE_SLOTS + 3).collect();
        let (mut rings, mut counters) = filled(&[], &all);
        assert_eq!(counters.dropped_full_voice, 3);
        let mut double = Double::new(64, []);
        rings.flush(Mono(0), &mut double, &mut counters);
        assert_eq!(numbers(&double), all[3..]);
    }

    #[test]
    fn a_burst_older_than_360_ms_is_not_sent_but_old_control_is() {
        let (mut rings, mut counters) = (Rings::new(), SocketCounters::default());
        rings.push_control(datagram(10, Mono(0)), &mut counters);
        for (number, at) in [(1, Span::millis(0)), (2, Span::millis(1)), (3, Span::millis(300))] {
            rings.push_voice(datagram(number, Mono(0) + at), &mut counters);
        }
        let mut double = Double::new(64, []);
        rings.flush(Mono(0) + Span::millis(361), &mut double, &mut counters);
        assert_eq!(numbers(&double), [10, 2, 3]);
        assert_eq!(counters.dropped_old_voice, 1);
    }

    #[test]
    fn the_memory_of_the_rings_never_grows() {
        let (mut rings, mut counters) = (Rings::new(), SocketCounters::default());
        let before = (rings.control.capacity(), rings.voice.capacity());
        for number in 0..3 * VOICE_SLOTS {
            rings.push_voice(datagram(number, Mono(0)), &mut counters);
            rings.push_control(datagram(number, Mono(0)), &mut counters);
        }
        assert_eq!((rings.control.capacity(), rings.voice.capacity()), before);
    }
}
