//! Opening UDP sockets: options, kernel buffers, and errors that say what to do. Never receives or sends.
//! Source: design §4 and §2 rule 6, socket(7), ip(7), ipv6(7), udp(7).

use crate::sys;
use ragchew_core::net::SocketId;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

/// Which socket to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSpec {
    /// Its number towards the core. Never that of another open socket, not even of one that is about to close.
    pub id: SocketId,
    /// Where to listen; port 0 lets the system choose.
    pub address: SocketAddr,
}

/// How the transport uses the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes asked of the kernel for datagrams that wait to be read, per socket; 0 leaves the system's default.
    pub receive_buffer: usize,
    /// Bytes asked of the kernel for datagrams that wait to be sent, per socket; 0 leaves the system's default.
    pub send_buffer: usize,
    /// Whether to move many datagrams in one call where the system can.
    pub batched: bool,
}

impl Default for Settings {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self { receive_buffer: 4 * MIB, send_buffer: 4 * MIB, batched: true }
    }
}

/// A kernel buffer, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// What was asked for; 0: nothing.
    pub asked: usize,
    /// What the kernel gave; half of what it reports, because it counts its own bookkeeping too.
    pub given: usize,
}

impl Buffer {
    /// Whether the kernel gave less than was asked for.
    pub fn is_short(&self) -> bool {
        self.given < self.asked
    }
}

/// The kernel buffers of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferReport {
    /// For datagrams that wait to be read.
    pub receive: Buffer,
    /// For datagrams that wait to be sent.
    pub send: Buffer,
}

impl BufferReport {
    /// The command that lets the kernel give what was asked for; `None` when it did.
    pub fn cure(&self) -> Option<String> {
        let limits = [("net.core.rmem_max", self.receive), ("net.core.wmem_max", self.send)];
        let short = limits.iter().filter(|(_, buffer)| buffer.is_short());
        let command =
            short.fold(String::from("sysctl -w"), |line, (key, buffer)| format!("{line} {key}={}", buffer.asked));
        command.contains('=').then_some(command)
    }
}

/// A socket that is open and has not received anything yet.
#[derive(Debug)]
pub struct BoundSocket {
    id: SocketId,
    local: SocketAddr,
    buffers: BufferReport,
    socket: UdpSocket,
}

impl BoundSocket {
    /// Its number towards the core.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Its kernel buffers.
    pub fn buffers(&self) -> BufferReport {
        self.buffers
    }

    pub(crate) fn into_inner(self) -> UdpSocket {
        self.socket
    }
}

/// Why a socket could not be opened. Its text is one line that says what to do.
#[derive(Debug)]
pub enum BindError {
    /// Another program, or another line of the configuration, has this port.
    InUse(SocketAddr),
    /// The port is one of those that need a privilege.
    NoPrivilege(SocketAddr),
    /// No interface of this machine has the address.
    NotHere(SocketAddr),
    /// The system was built or started without this family of addresses.
    NoFamily(SocketAddr),
    /// The process has as many open files as it may have.
    FileLimit(SocketAddr),
    /// Something else failed.
    Other {
        /// Where to listen.
        address: SocketAddr,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(at) => write!(
                f,
                "UDP {at} is in use: stop what holds it (`ss -ulpn 'sport = :{port}'` names it) or choose another port",
                port = at.port()
            ),
            Self::NoPrivilege(at) => write!(
                f,
                "UDP {at} needs a privilege: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE \
                 (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)"
            ),
            Self::NotHere(at) => write!(
                f,
                "UDP {at}: this machine has no address {ip}: choose one that `ip address` lists, or {any} for all",
                ip = at.ip(),
                any = if at.is_ipv4() { "0.0.0.0" } else { "[::]" }
            ),
            Self::NoFamily(at) => write!(
                f,
                "UDP {at}: {family} is switched off on this machine: remove this address, or switch {family} on",
                family = if at.is_ipv4() { "IPv4" } else { "IPv6" }
            ),
            Self::FileLimit(at) => write!(
                f,
                "UDP {at}: too many open files: raise the limit (systemd: LimitNOFILE=, shell: `ulimit -n`) \
                 or listen on fewer addresses"
            ),
            Self::Other { address, doing, source } => write!(f, "UDP {address}: {doing} failed: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl BindError {
    fn new(address: SocketAddr, doing: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => Self::InUse(address),
            Some(libc::EACCES | libc::EPERM) if address.port() < 1024 => Self::NoPrivilege(address),
            Some(libc::EADDRNOTAVAIL) => Self::NotHere(address),
            Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => Self::NoFamily(address),
            Some(libc::EMFILE | libc::ENFILE) => Self::FileLimit(address),
            _ => Self::Other { address, doing, source },
        }
    }
}

/// Opens a socket that tells at which address of ours each datagram arrived. The port is never shared with another
/// program (no SO_REUSEADDR or SO_REUSEPORT), so that a second server is noticed.
///
/// # Errors
/// As [`BindError`] says; nothing stays open then.
pub fn bind(spec: SocketSpec, settings: &Settings) -> Result<BoundSocket, BindError> {
    let address = SocketAddr::new(spec.address.ip().to_canonical(), spec.address.port());
    let address = if address.is_ipv6() { spec.address } else { address };
    let failed = |doing| move |source| BindError::new(address, doing, source);

    let socket =
        Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).map_err(failed("opening"))?;
    socket.set_nonblocking(true).map_err(failed("making it nonblocking"))?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(failed("setting IPV6_V6ONLY"))?;
    }
    ask_for_packet_information(&socket, address).map_err(failed("asking for destination addresses"))?;
    if address.is_ipv4() {
        // Nothing that we send is long enough to be cut on its way; a datagram that may not be cut needs no number, and
        // numbering is a twentieth of what sending costs. Where that cannot be set, it is only slower.
        let _ = sys::set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE);
    }
    // Some systems do not count (user-mode emulation); then kernel drops stay 0.
    let _ = sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
    let buffers = set_buffers(&socket, settings).map_err(failed("setting its buffers"))?;

    socket.bind(&address.into()).map_err(failed("binding"))?;
    let socket = UdpSocket::from(socket);
    let local = socket.local_addr().map_err(failed("asking for its address"))?;
    Ok(BoundSocket { id: spec.id, local, buffers, socket })
}

fn ask_for_packet_information(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let (level, name) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    sys::set_option(socket.as_fd(), level, name, 1)
}

/// Asks as a privileged process may, beyond the system's limit, and then as anybody may.
fn set_buffers(socket: &Socket, settings: &Settings) -> io::Result<BufferReport> {
    let ask = |forced, plain, bytes: usize| {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX / 2);
        if bytes == 0 || sys::set_option(socket.as_fd(), libc::SOL_SOCKET, forced, bytes).is_ok() {
            return Ok(());
        }
        sys::set_option(socket.as_fd(), libc::SOL_SOCKET, plain, bytes)
    };
    ask(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, settings.receive_buffer)?;
    ask(libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, settings.send_buffer)?;
    Ok(BufferReport {
        receive: Buffer { asked: settings.receive_buffer, given: socket.recv_buffer_size()? / 2 },
        send: Buffer { asked: settings.send_buffer, given: socket.send_buffer_size()? / 2 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(address: &str) -> SocketSpec {
        SocketSpec { id: SocketId(1), address: address.parse().unwrap() }
    }

    #[test]
    fn a_port_in_use_is_noticed_and_the_line_names_it() {
        let first = bind(spec("127.0.0.1:0"), &Settings::default()).unwrap();
        let address = first.local_addr();
        for again in [address, SocketAddr::new("0.0.0.0".parse().unwrap(), address.port())] {
            let error = bind(SocketSpec { id: SocketId(2), address: again }, &Settings::default()).unwrap_err();
            assert!(matches!(error, BindError::InUse(at) if at == again), "{error:?}");
            let line = error.to_string();
            assert!(line.contains(&again.to_string()) && line.contains("is in use") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn both_families_may_have_the_same_port() {
        if UdpSocket::bind("[::1]:0").is_err() {
            return; // A machine without IPv6.
        }
        let v6 = bind(spec("[::]:0"), &Settings::default()).unwrap();
        let address = ([0, 0, 0, 0], v6.local_addr().port()).into();
        let v4 = bind(SocketSpec { id: SocketId(3), address }, &Settings::default());
        assert_eq!(v4.unwrap().local_addr(), address);
    }

    #[test]
    fn a_v4_mapped_address_is_opened_as_ipv4() {
        let bound = bind(spec("[::ffff:127.0.0.1]:0"), &Settings::default()).unwrap();
        assert_eq!(bound.local_addr().ip().to_string(), "127.0.0.1");
    }

    #[test]
    fn an_address_of_another_machine_is_refused_clearly() {
        // 192.0.2.0/24 is for documentation (RFC 5737).
        let error = bind(spec("192.0.2.1:0"), &Settings::default()).unwrap_err();
        assert!(matches!(error, BindError::NotHere(_)), "{error:?}");
        assert!(error.to_string().contains("this machine has no address 192.0.2.1"), "{error}");
    }

    #[test]
    fn every_error_of_the_system_has_one_line_that_says_what_to_do() {
        let low: SocketAddr = "[::]:53".parse().unwrap();
        let cases = [
            (libc::EADDRINUSE, "choose another port"),
            (libc::EACCES, "CAP_NET_BIND_SERVICE"),
            (libc::EADDRNOTAVAIL, "or [::] for all"),
            (libc::EAFNOSUPPORT, "IPv6 is switched off"),
            (libc::EMFILE, "LimitNOFILE="),
            (libc::ENOMEM, "binding failed"),
        ];
        for (errno, part) in cases {
            let line = BindError::new(low, "binding", io::Error::from_raw_os_error(errno)).to_string();
            assert!(line.contains(part) && line.contains("[::]:53") && !line.contains('\n'), "{line}");
        }
        // Above the privileged ports a refusal has another cause, which the system's own words name best.
        let high = "127.0.0.1:62031".parse().unwrap();
        let error = BindError::new(high, "binding", io::Error::from_raw_os_error(libc::EACCES));
        assert!(matches!(error, BindError::Other { .. }));
    }

    #[test]
    fn a_buffer_that_was_cut_names_its_cure() {
        let whole = Buffer { asked: 4096, given: 4096 };
        let short = Buffer { asked: 4_194_304, given: 212_992 };
        assert_eq!(BufferReport { receive: whole, send: whole }.cure(), None);
        assert_eq!(
            BufferReport { receive: short, send: whole }.cure().as_deref(),
            Some("sysctl -w net.core.rmem_max=4194304")
        );
        assert_eq!(
            BufferReport { receive: short, send: short }.cure().as_deref(),
            Some("sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304")
        );
    }

    #[test]
    fn the_kernels_buffers_are_set_and_read_back() {
        let settings = Settings { receive_buffer: 65_536, send_buffer: 32_768, batched: true };
        let buffers = bind(spec("127.0.0.1:0"), &settings).unwrap().buffers();
        assert_eq!(buffers.receive, Buffer { asked: 65_536, given: 65_536 });
        assert_eq!(buffers.send, Buffer { asked: 32_768, given: 32_768 });
        let untouched = Settings { receive_buffer: 0, send_buffer: 0, batched: true };
        let buffers = bind(spec("127.0.0.1:0"), &untouched).unwrap().buffers();
        assert!(buffers.receive.given > 0 && buffers.cure().is_none());
    }
}
