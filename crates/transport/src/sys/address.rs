//! Socket addresses and control messages in the kernel's form. Owns their memory; never makes a socket call.
//! Source: ip(7), ipv6(7), cmsg(3), socket(7) (SO_RXQ_OVFL).

use ragchew_core::net::LocalIp;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// A socket address as the kernel reads and writes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union Name {
    any: libc::sockaddr,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Default for Name {
    fn default() -> Self {
        // SAFETY: all fields are plain integers and arrays of them, for which zero bytes are valid.
        unsafe { core::mem::zeroed() }
    }
}

impl Name {
    /// The longest form that fits.
    pub(super) const LEN: libc::socklen_t = size_of::<Self>() as libc::socklen_t;

    /// Takes over `address`; the length of the form that was written.
    pub(super) fn set(&mut self, address: SocketAddr) -> libc::socklen_t {
        *self = Self::default();
        match address {
            SocketAddr::V4(address) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: in_addr(address.ip().octets()),
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(address) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    /// The address of the first `len` bytes; v4-mapped ones come out as IPv4. `None` for a form that is no IP address.
    pub(super) fn get(&self, len: libc::socklen_t) -> Option<SocketAddr> {
        let len = len as usize;
        if len < size_of::<libc::sa_family_t>() {
            return None;
        }
        // SAFETY: every field of the union is plain integers that start with the family; the memory was initialised
        // with zeroes, so that whatever the kernel wrote, all of it may be read as any of them.
        let (family, v4, v6) = unsafe { (i32::from(self.any.sa_family), self.v4, self.v6) };
        match family {
            libc::AF_INET if len >= size_of::<libc::sockaddr_in>() => {
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if len >= size_of::<libc::sockaddr_in6>() => {
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(match ip.to_ipv4_mapped() {
                    Some(ip) => SocketAddrV4::new(ip, port).into(),
                    None => SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into(),
                })
            }
            _ => None,
        }
    }
}

/// Bytes for control messages: in6_pktinfo with its header takes 40, the drop count 24.
const CONTROL_LEN: usize = 128;

/// Memory for the control messages of one datagram.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control([u8; CONTROL_LEN]);

impl Default for Control {
    fn default() -> Self {
        Self([0; CONTROL_LEN])
    }
}

/// What the kernel said beside a datagram.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// Our address.
    pub(super) local: LocalIp,
    /// Datagrams that this socket lost since it was opened, modulo 2^32.
    pub(super) drops: Option<u32>,
}

impl Control {
    /// The longest message that fits.
    pub(super) const LEN: usize = CONTROL_LEN;

    /// Reads the messages in the first `len` bytes.
    pub(super) fn read(&self, len: usize) -> Told {
        let mut told = Told::default();
        let header = header((&raw const self.0).cast_mut(), len);
        // SAFETY: `header` describes memory of ours, aligned for cmsghdr, and at most all of it.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
        while !next.is_null() {
            // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give only pointers to whole headers inside the buffer.
            let message = unsafe { next.read_unaligned() };
            let payload = payload_len(&message);
            // SAFETY: the data of a message begins behind its header; `read_if` reads no more than the message holds,
            // which NXTHDR and the kernel keep inside the buffer.
            unsafe {
                let data = libc::CMSG_DATA(next);
                match (message.cmsg_level, message.cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        if let Some(info) = read_if::<libc::in_pktinfo>(data, payload) {
                            told.local = LocalIp::V4(info.ipi_spec_dst.s_addr.to_ne_bytes());
                        }
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        if let Some(info) = read_if::<libc::in6_pktinfo>(data, payload) {
                            told.local = local_v6(info.ipi6_addr.s6_addr, info.ipi6_ifindex as u32);
                        }
                    }
                    (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => told.drops = read_if::<u32>(data, payload),
                    _ => {}
                }
                next = libc::CMSG_NXTHDR(&raw const header, next);
            }
        }
        told
    }

    /// Writes the message that makes a datagram leave from `local`; its length, 0 when the system may choose.
    pub(super) fn write(&mut self, local: LocalIp) -> usize {
        *self = Self::default();
        match local {
            LocalIp::Unknown => 0,
            LocalIp::V4(address) => {
                let info =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: in_addr(address), ipi_addr: in_addr([0; 4]) };
                self.put(libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            LocalIp::V6 { address, interface } => {
                let info =
                    libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: address }, ipi6_ifindex: interface as _ };
                self.put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
        }
    }

    fn put<T: Copy>(&mut self, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
        let size = size_of::<T>() as libc::c_uint;
        // SAFETY: CMSG_SPACE and CMSG_LEN only compute.
        let (space, len) = unsafe { (libc::CMSG_SPACE(size), libc::CMSG_LEN(size)) };
        if space as usize > Self::LEN {
            return 0;
        }
        let header = header(&raw mut self.0, space as usize);
        // SAFETY: the buffer is aligned for cmsghdr and holds `space` bytes, which is room for one header and a `T`
        // behind it, so that CMSG_FIRSTHDR is not null; `self` is borrowed mutably, so nobody else looks at it.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            (*message).cmsg_level = level;
            (*message).cmsg_type = kind;
            (*message).cmsg_len = len as _;
            libc::CMSG_DATA(message).cast::<T>().write_unaligned(value);
        }
        space as usize
    }
}

/// The form in which the macros of cmsg(3) take the first `len` bytes of a control buffer.
fn header(buffer: *mut [u8; CONTROL_LEN], len: usize) -> libc::msghdr {
    // SAFETY: a msghdr is integers and pointers, for which zero bytes are valid.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_control = buffer.cast();
    header.msg_controllen = len.min(CONTROL_LEN) as _;
    header
}

/// Bytes behind the header of a message.
fn payload_len(message: &libc::cmsghdr) -> usize {
    // SAFETY: CMSG_LEN only computes.
    (message.cmsg_len as usize).saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize)
}

/// Reads a `T` when the message has room for one.
///
/// # Safety
/// `data` must be valid for reading `len` bytes, and every bit pattern must be a valid `T`.
unsafe fn read_if<T: Copy>(data: *const u8, len: usize) -> Option<T> {
    // SAFETY: by the caller's promise, `T` lies within `len`.
    (len >= size_of::<T>()).then(|| unsafe { data.cast::<T>().read_unaligned() })
}

fn in_addr(octets: [u8; 4]) -> libc::in_addr {
    libc::in_addr { s_addr: u32::from_ne_bytes(octets) }
}

/// A global address leaves by any interface, a link-local one is only unique on its own.
fn local_v6(address: [u8; 16], interface: u32) -> LocalIp {
    let link_local = Ipv6Addr::from(address).is_unicast_link_local();
    LocalIp::V6 { address, interface: if link_local { interface } else { 0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernels_form() {
        for text in ["192.0.2.1:62031", "[2001:db8::1]:62031", "[fe80::1%7]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut name = Name::default();
            let len = name.set(address);
            assert_eq!(name.get(len), Some(address));
            assert_eq!(name.get(len - 1), None);
        }
    }

    #[test]
    fn a_v4_mapped_address_comes_out_as_ipv4() {
        let mut name = Name::default();
        let len = name.set("[::ffff:192.0.2.1]:9".parse().unwrap());
        assert_eq!(name.get(len), Some("192.0.2.1:9".parse().unwrap()));
    }

    #[test]
    fn a_name_that_is_no_ip_address_is_none() {
        assert_eq!(Name::default().get(Name::LEN), None);
        assert_eq!(Name::default().get(0), None);
    }

    #[test]
    fn control_messages_survive_the_kernels_form() {
        let address = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        for local in [LocalIp::V4([127, 0, 0, 2]), LocalIp::V6 { address, interface: 3 }, LocalIp::Unknown] {
            let mut control = Control::default();
            let len = control.write(local);
            assert_eq!(len == 0, local == LocalIp::Unknown);
            // What is sent names the source as spec_dst, and what is received is read there.
            assert_eq!(control.read(len).local, local);
        }
    }

    #[test]
    fn only_a_link_local_address_keeps_its_interface() {
        let global = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
        assert_eq!(local_v6(global, 3), LocalIp::V6 { address: global, interface: 0 });
    }

    #[test]
    fn the_drop_count_is_read_and_a_message_cut_short_is_not() {
        let mut control = Control::default();
        let len = control.put(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 0xDEAD_BEEF_u32);
        assert_eq!(control.read(len).drops, Some(0xDEAD_BEEF));
        assert_eq!(control.read(8).drops, None);
        let len = control.put(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 7_u16);
        assert_eq!(control.read(len).drops, None);
    }
}
