//! Batched UDP over IPv4 with chosen source addresses and the kernel's own receive stamps: one socket plays thousands of
//! clients. Owns the memory of its batches. Source: recvmmsg(2), sendmmsg(2), ip(7), socket(7).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Datagrams that one call moves at most: as the server's.
pub const BATCH: usize = 64;
/// Bytes that fit one datagram: as the server's, with one more to see longer ones.
pub const LONGEST: usize = 513;
const CONTROL: usize = 128;

/// A UDP socket that never blocks unless it says so.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    port: u16,
}

/// A socket address for the kernel.
pub fn name(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    }
}

impl From<OwnedFd> for Socket {
    /// A socket that somebody else bound; its port is not known.
    fn from(fd: OwnedFd) -> Self {
        Self { fd, port: 0 }
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl Socket {
    /// Binds; port 0 lets the system choose.
    pub fn bind(address: SocketAddrV4) -> io::Result<Self> {
        // SAFETY: socket(2) has no pointers; the descriptor is ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?) };
        let wanted = name(address);
        let mut bound = wanted;
        let mut length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        // SAFETY: pointers and lengths are those of live variables.
        unsafe {
            check(libc::bind(fd.as_raw_fd(), (&raw const wanted).cast(), length))?;
            check(libc::getsockname(fd.as_raw_fd(), (&raw mut bound).cast(), &raw mut length))?;
        }
        Ok(Self { fd, port: u16::from_be(bound.sin_port) })
    }

    /// Another descriptor of the same socket.
    pub fn share(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// For calls of others.
    pub fn raw(&self) -> libc::c_int {
        self.fd.as_raw_fd()
    }

    /// setsockopt(2) with an integer; whether it worked.
    pub fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> bool {
        // SAFETY: pointer and length are those of `value`.
        unsafe {
            libc::setsockopt(self.raw(), level, option, (&raw const value).cast(), size_of::<libc::c_int>() as _) == 0
        }
    }

    /// Asks for kernel buffers as the server does, or larger where we may.
    pub fn buffers(&self, bytes: libc::c_int, force: bool) {
        for (option, forced) in [(libc::SO_RCVBUF, libc::SO_RCVBUFFORCE), (libc::SO_SNDBUF, libc::SO_SNDBUFFORCE)] {
            let _ = (force && self.set(libc::SOL_SOCKET, forced, bytes)) || self.set(libc::SOL_SOCKET, option, bytes);
        }
    }

    /// Which of our addresses each datagram was sent to.
    pub fn tell_local(&self) {
        self.set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1);
    }

    /// When the kernel queued each datagram.
    pub fn tell_time(&self) {
        self.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    }

    /// Waits until something can be read, at most so many milliseconds.
    pub fn wait(sockets: &[&Self], milliseconds: i32) {
        let mut polled: Vec<_> =
            sockets.iter().map(|s| libc::pollfd { fd: s.raw(), events: libc::POLLIN, revents: 0 }).collect();
        // SAFETY: pointer and length are those of `polled`.
        unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as _, milliseconds) };
    }
}

/// Nanoseconds since 1970, as the kernel's stamps have them.
pub fn wall() -> u64 {
    // SAFETY: a timespec is integers, for which zero is valid; the pointer is that of a live variable.
    unsafe {
        let mut time: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Memory for datagrams to or from one place.
pub struct Batch {
    bytes: Box<[[u8; LONGEST]; BATCH]>,
    names: [libc::sockaddr_in; BATCH],
    controls: [Control; BATCH],
    lengths: [usize; BATCH],
    told: [(Ipv4Addr, u64); BATCH],
}

/// What came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The address of ours it was sent to, if the socket tells.
    pub local: Ipv4Addr,
    /// Nanoseconds since 1970 when the kernel queued it, if the socket tells.
    pub at: u64,
}

/// A datagram to be sent from an address of ours.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// From where.
    pub from: Ipv4Addr,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            bytes: Box::new([[0; LONGEST]; BATCH]),
            names: [name(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)); BATCH],
            controls: [Control([0; CONTROL]); BATCH],
            lengths: [0; BATCH],
            told: [(Ipv4Addr::UNSPECIFIED, 0); BATCH],
        }
    }
}

impl Batch {
    /// Fetches what is there, at most [`BATCH`]; how many.
    pub fn receive(&mut self, socket: &Socket, tells: bool) -> usize {
        // SAFETY: both are integers and pointers, for which zero is valid.
        let (mut vectors, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { zeroed() };
        for at in 0..BATCH {
            vectors[at] = libc::iovec { iov_base: self.bytes[at].as_mut_ptr().cast(), iov_len: LONGEST };
            messages[at].msg_hdr.msg_iov = &raw mut vectors[at];
            messages[at].msg_hdr.msg_iovlen = 1;
            if tells {
                messages[at].msg_hdr.msg_control = (&raw mut self.controls[at]).cast();
                messages[at].msg_hdr.msg_controllen = CONTROL as _;
            }
        }
        // SAFETY: every header points to live memory of the length that it says.
        let got = unsafe {
            libc::recvmmsg(
                socket.raw(),
                messages.as_mut_ptr(),
                BATCH as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let got = usize::try_from(got).unwrap_or(0);
        for (at, message) in messages.iter().enumerate().take(got) {
            self.lengths[at] = message.msg_len as usize;
            if tells {
                self.told[at] = told(&message.msg_hdr);
            }
        }
        got
    }

    /// The datagram at that place of the last batch.
    pub fn get(&self, at: usize) -> Arrival<'_> {
        let (local, time) = self.told[at];
        Arrival { bytes: &self.bytes[at][..self.lengths[at]], local, at: time }
    }

    /// Sends the first [`BATCH`] of `datagrams` to `to`; how many went.
    pub fn send(&mut self, socket: &Socket, to: SocketAddrV4, datagrams: &[Departure<'_>]) -> usize {
        // SAFETY: both are integers and pointers, for which zero is valid.
        let (mut vectors, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { zeroed() };
        let count = datagrams.len().min(BATCH);
        for (at, datagram) in datagrams.iter().enumerate().take(count) {
            self.names[at] = name(to);
            vectors[at] =
                libc::iovec { iov_base: datagram.bytes.as_ptr().cast_mut().cast(), iov_len: datagram.bytes.len() };
            let header = &mut messages[at].msg_hdr;
            header.msg_iov = &raw mut vectors[at];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut self.names[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as _;
            header.msg_control = (&raw mut self.controls[at]).cast();
            header.msg_controllen = write_source(&mut self.controls[at], datagram.from) as _;
        }
        // SAFETY: every header points to live memory of the length that it says; the kernel only reads it.
        let sent = unsafe { libc::sendmmsg(socket.raw(), messages.as_mut_ptr(), count as _, libc::MSG_NOSIGNAL as _) };
        usize::try_from(sent).unwrap_or(0)
    }
}

fn write_source(control: &mut Control, from: Ipv4Addr) -> usize {
    // SAFETY: the buffer is aligned for a header and longer than header and info together.
    unsafe {
        let header: *mut libc::cmsghdr = (&raw mut control.0).cast();
        (*header).cmsg_level = libc::IPPROTO_IP;
        (*header).cmsg_type = libc::IP_PKTINFO;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as _) as _;
        let mut info: libc::in_pktinfo = zeroed();
        info.ipi_spec_dst.s_addr = u32::from_ne_bytes(from.octets());
        libc::CMSG_DATA(header).cast::<libc::in_pktinfo>().write_unaligned(info);
        libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as _) as usize
    }
}

fn told(header: &libc::msghdr) -> (Ipv4Addr, u64) {
    let (mut local, mut time) = (Ipv4Addr::UNSPECIFIED, 0);
    // SAFETY: the kernel wrote whole control messages of the length that the header says.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(header);
        while !next.is_null() {
            let data = libc::CMSG_DATA(next);
            match ((*next).cmsg_level, (*next).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    local = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let stamp = data.cast::<libc::timespec>().read_unaligned();
                    time = stamp.tv_sec as u64 * 1_000_000_000 + stamp.tv_nsec as u64;
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(header, next);
        }
    }
    (local, time)
}
