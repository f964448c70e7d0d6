//! Many datagrams in one call, into and out of memory that is fixed after start, with a plain fallback that gives equal
//! results. Never decides what becomes of a datagram or an error. Source: recvmmsg(2), sendmmsg(2), design §4.

use super::address::{Control, Name, Told};
use crate::limits::{BATCH, LONGEST_DATAGRAM};
use crate::ring::Outgoing;
use core::mem::MaybeUninit;
use ragchew_core::net::LocalIp;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A datagram that came in.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// The sender; `None` when the system gave no IP address.
    pub(crate) remote: Option<SocketAddr>,
    /// Our address.
    pub(crate) local: LocalIp,
    /// Datagrams that the socket lost before this one since it was opened, modulo 2^32.
    pub(crate) drops: Option<u32>,
    /// Its bytes; `None` when there are more than [`LONGEST_DATAGRAM`].
    pub(crate) bytes: Option<&'a [u8]>,
}

/// Whether to use the batched calls. Falls to `Single` for good when the system has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    Many,
    Single,
}

impl Calls {
    fn new(batched: bool) -> Self {
        if batched { Self::Many } else { Self::Single }
    }
}

#[derive(Clone, Copy)]
struct Arrival {
    bytes: [u8; LONGEST_DATAGRAM + 1],
    name: Name,
    control: Control,
    len: usize,
    cut: bool,
    remote: Option<SocketAddr>,
    told: Told,
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            bytes: [0; LONGEST_DATAGRAM + 1],
            name: Name::default(),
            control: Control::default(),
            len: 0,
            cut: false,
            remote: None,
            told: Told::default(),
        }
    }
}

/// Memory for one batch of datagrams that come in.
pub(crate) struct ReceiveBatch {
    arrivals: Box<[Arrival]>,
    calls: Calls,
}

impl ReceiveBatch {
    pub(crate) fn new(batched: bool) -> Self {
        Self { arrivals: vec![Arrival::default(); BATCH].into(), calls: Calls::new(batched) }
    }

    /// Fetches up to `want` datagrams, at most [`BATCH`], without waiting; their number.
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, want: usize) -> io::Result<usize> {
        let want = want.min(BATCH);
        let mut headers = Headers::new();
        for arrival in self.arrivals.iter_mut().take(want) {
            let message = headers.add((&raw mut arrival.bytes).cast(), arrival.bytes.len());
            message.msg_name = (&raw mut arrival.name).cast();
            message.msg_namelen = Name::LEN;
            message.msg_control = (&raw mut arrival.control).cast();
            message.msg_controllen = Control::LEN as _;
        }
        let messages = headers.messages();
        let got = self.fetch(fd, messages)?;
        for (arrival, message) in self.arrivals.iter_mut().zip(messages.iter()).take(got) {
            arrival.len = message.msg_len as usize;
            arrival.cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            arrival.remote = arrival.name.get(message.msg_hdr.msg_namelen);
            arrival.told = arrival.control.read(message.msg_hdr.msg_controllen as usize);
        }
        Ok(got)
    }

    /// The datagram at `index` of the last batch.
    pub(crate) fn get(&self, index: usize) -> Option<Incoming<'_>> {
        let arrival = self.arrivals.get(index)?;
        let bytes = if arrival.cut || arrival.len > LONGEST_DATAGRAM { None } else { arrival.bytes.get(..arrival.len) };
        Some(Incoming { remote: arrival.remote, local: arrival.told.local, drops: arrival.told.drops, bytes })
    }

    fn fetch(&mut self, fd: BorrowedFd<'_>, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
        if self.calls == Calls::Many {
            // SAFETY: `messages` holds as many headers as we say; each points to a name, a vector with one buffer and
            // a control buffer with their true lengths, which nobody else touches before the call returns.
            let result = unsafe {
                libc::recvmmsg(
                    fd.as_raw_fd(),
                    messages.as_mut_ptr(),
                    messages.len() as _,
                    libc::MSG_DONTWAIT as _,
                    core::ptr::null_mut(),
                )
            };
            match moved(result as isize) {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => self.calls = Calls::Single,
                result => return result,
            }
        }
        one_by_one(messages, |message| {
            // SAFETY: as above, for this one header.
            unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message.msg_hdr, libc::MSG_DONTWAIT) }
        })
    }
}

#[derive(Clone, Copy, Default)]
struct Departure {
    name: Name,
    control: Control,
}

/// Memory for one batch of datagrams that go out.
pub(crate) struct SendBatch {
    departures: Box<[Departure]>,
    calls: Calls,
}

impl SendBatch {
    pub(crate) fn new(batched: bool) -> Self {
        Self { departures: vec![Departure::default(); BATCH].into(), calls: Calls::new(batched) }
    }

    /// Hands the first [`BATCH`] of `datagrams` to the kernel without waiting; how many of them it took, from the head.
    ///
    /// # Errors
    /// When the head was refused; the kernel took none then.
    pub(crate) fn send<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        datagrams: impl Iterator<Item = &'a Outgoing>,
    ) -> io::Result<usize> {
        let mut headers = Headers::new();
        for (departure, datagram) in self.departures.iter_mut().zip(datagrams) {
            let bytes = datagram.bytes();
            let message = headers.add(bytes.as_ptr().cast_mut().cast(), bytes.len());
            message.msg_namelen = departure.name.set(datagram.remote);
            message.msg_name = (&raw mut departure.name).cast();
            let control = departure.control.write(datagram.local);
            if control > 0 {
                message.msg_control = (&raw mut departure.control).cast();
                message.msg_controllen = control as _;
            }
        }
        let messages = headers.messages();
        if messages.is_empty() {
            return Ok(0);
        }
        self.hand_over(fd, messages)
    }

    fn hand_over(&mut self, fd: BorrowedFd<'_>, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
        if self.calls == Calls::Many {
            // SAFETY: `messages` holds as many headers as we say; each points to a name, a vector with one buffer and
            // a control buffer with their true lengths, all alive until the call returns; the kernel only reads them.
            let result = unsafe {
                libc::sendmmsg(
                    fd.as_raw_fd(),
                    messages.as_mut_ptr(),
                    messages.len() as _,
                    (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
                )
            };
            match moved(result as isize) {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => self.calls = Calls::Single,
                result => return result,
            }
        }
        one_by_one(messages, |message| {
            // SAFETY: as above, for this one header.
            unsafe {
                libc::sendmsg(fd.as_raw_fd(), &raw const message.msg_hdr, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            }
        })
    }
}

/// The kernel's view of a batch, on the stack. Only what is added is written: for a small batch the rest would be most of
/// the work.
struct Headers {
    vectors: [MaybeUninit<libc::iovec>; BATCH],
    messages: [MaybeUninit<libc::mmsghdr>; BATCH],
    count: usize,
}

impl Headers {
    fn new() -> Self {
        Self {
            vectors: [const { MaybeUninit::uninit() }; BATCH],
            messages: [const { MaybeUninit::uninit() }; BATCH],
            count: 0,
        }
    }

    /// A message of one piece. The memory of its place is written anew when there is no place left, which nobody asks for.
    fn add(&mut self, base: *mut libc::c_void, len: usize) -> &mut libc::msghdr {
        let place = self.count.min(BATCH - 1);
        self.count = place + 1;
        self.vectors[place].write(libc::iovec { iov_base: base, iov_len: len });
        // SAFETY: a mmsghdr is integers and pointers, for which zero bytes are valid.
        let message = self.messages[place].write(unsafe { core::mem::zeroed() });
        message.msg_hdr.msg_iovlen = 1;
        &mut message.msg_hdr
    }

    /// All that were added, each pointing to its piece. Nothing moves any more while they are in use.
    fn messages(&mut self) -> &mut [libc::mmsghdr] {
        for (message, vector) in self.messages.iter_mut().zip(&mut self.vectors).take(self.count) {
            // SAFETY: the first `count` messages were written.
            unsafe { message.assume_init_mut() }.msg_hdr.msg_iov = vector.as_mut_ptr();
        }
        // SAFETY: the first `count` messages were written, and `count` is at most their number; MaybeUninit has the layout
        // of what it holds.
        unsafe { core::slice::from_raw_parts_mut(self.messages.as_mut_ptr().cast(), self.count) }
    }
}

fn moved(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Does what the batched calls do: stops at the first failure, which is an error only at the head.
fn one_by_one(messages: &mut [libc::mmsghdr], mut call: impl FnMut(&mut libc::mmsghdr) -> isize) -> io::Result<usize> {
    let mut count = 0;
    for message in messages {
        match moved(call(message)) {
            Ok(len) => message.msg_len = len as _,
            Err(error) if count == 0 => return Err(error),
            Err(_) => break,
        }
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::Mono;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    fn pair() -> (UdpSocket, UdpSocket) {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        (bind(), bind())
    }

    /// Receives until all are there, at most so many at once.
    fn receive_all(
        batch: &mut ReceiveBatch,
        socket: &UdpSocket,
        wanted: usize,
        at_once: usize,
    ) -> Vec<(SocketAddr, Option<Vec<u8>>)> {
        let mut all = Vec::new();
        let end = Instant::now() + Duration::from_secs(30);
        while all.len() < wanted && Instant::now() < end {
            let got = match batch.receive(socket.as_fd(), at_once) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            };
            assert!(got <= at_once);
            for index in 0..got {
                let incoming = batch.get(index).unwrap();
                all.push((incoming.remote.unwrap(), incoming.bytes.map(<[u8]>::to_vec)));
            }
        }
        all
    }

    #[test]
    fn batched_and_single_calls_give_equal_results() {
        let results = [true, false].map(|batched| {
            let (here, there) = pair();
            let to = there.local_addr().unwrap();
            let outgoing: Vec<_> = (0..70_u8).map(|n| Outgoing::new(&[n; 20], to, LocalIp::Unknown, Mono(0))).collect();
            let mut send = SendBatch::new(batched);
            let first = send.send(here.as_fd(), outgoing.iter()).unwrap();
            let second = send.send(here.as_fd(), outgoing.iter().skip(first)).unwrap();
            assert_eq!((first, second), (BATCH, 70 - BATCH));
            let received = receive_all(&mut ReceiveBatch::new(batched), &there, 70, BATCH);
            assert!(received.iter().all(|(from, _)| *from == here.local_addr().unwrap()));
            received.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
        });
        assert_eq!(results[0].len(), 70);
        assert_eq!(results[0], results[1]);
    }

    #[test]
    fn the_longest_datagram_arrives_whole_and_a_longer_one_is_recognised() {
        for batched in [true, false] {
            let (here, there) = pair();
            let to = there.local_addr().unwrap();
            for len in [0, LONGEST_DATAGRAM, LONGEST_DATAGRAM + 1, LONGEST_DATAGRAM + 2] {
                here.send_to(&vec![7; len], to).unwrap();
            }
            let received = receive_all(&mut ReceiveBatch::new(batched), &there, 4, BATCH);
            let lengths: Vec<_> = received.iter().map(|(_, bytes)| bytes.as_ref().map(Vec::len)).collect();
            assert_eq!(lengths, [Some(0), Some(LONGEST_DATAGRAM), None, None]);
        }
    }

    #[test]
    fn a_refused_datagram_in_the_middle_ends_the_batch_and_is_an_error_at_the_head() {
        for batched in [true, false] {
            let (here, there) = pair();
            let good = there.local_addr().unwrap();
            let bad = "127.0.0.1:0".parse().unwrap();
            let outgoing = [good, good, bad, good].map(|to| Outgoing::new(b"x", to, LocalIp::Unknown, Mono(0)));
            let mut send = SendBatch::new(batched);
            assert_eq!(send.send(here.as_fd(), outgoing.iter()).unwrap(), 2);
            let error = send.send(here.as_fd(), outgoing.iter().skip(2)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
            assert_eq!(send.send(here.as_fd(), outgoing.iter().skip(3)).unwrap(), 1);
        }
    }

    #[test]
    fn no_more_is_fetched_than_wanted_and_an_empty_socket_would_block() {
        for batched in [true, false] {
            let (here, there) = pair();
            for _ in 0..5 {
                here.send_to(b"x", there.local_addr().unwrap()).unwrap();
            }
            let mut batch = ReceiveBatch::new(batched);
            assert_eq!(receive_all(&mut batch, &there, 5, 3).len(), 5);
            assert_eq!(batch.receive(there.as_fd(), 3).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }
}
