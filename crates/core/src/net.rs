//! Where a datagram came from and where an answer goes, as plain data. Owns no socket. Source: design §2 rule 6.

use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};

/// Number of a bound UDP socket, given by the shell and stable for the socket's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SocketId(pub u16);

/// The address of ours to which a datagram was sent (IP_PKTINFO, IPV6_PKTINFO), from which the answer must leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LocalIp {
    /// The system did not say: the answer leaves as the system chooses.
    #[default]
    Unknown,
    /// IPv4 address, as four bytes.
    V4([u8; 4]),
    /// IPv6 address and the interface index that a link-local one needs (0: none).
    V6 {
        /// As sixteen bytes.
        address: [u8; 16],
        /// Interface index of the system.
        interface: u32,
    },
}

/// The way between a client and us: answers leave on the path of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    /// Our socket.
    pub socket: SocketId,
    /// Our address.
    pub local: LocalIp,
    /// The other end; never a v4-mapped IPv6 address (the shell makes those canonical).
    pub remote: SocketAddr,
}

impl Path {
    /// Whether `other` is the same endpoint on the same socket of ours, whatever address of ours it used.
    pub fn same_endpoint(&self, other: &Self) -> bool {
        self.socket == other.socket && self.remote == other.remote
    }
}

/// What limits per source are counted by: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourcePrefix(u64, bool);

impl SourcePrefix {
    /// Family and prefix as bytes, big-endian.
    pub fn to_bytes(self) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        [u8::from(self.1), a, b, c, d, e, f, g, h]
    }
}

impl From<IpAddr> for SourcePrefix {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits()), false),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_counts_as_one_source_and_two_ipv4_hosts_as_two() {
        let prefix = |text: &str| SourcePrefix::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(prefix("2001:db8::1"), prefix("2001:db8::ffff:1"));
        assert_ne!(prefix("2001:db8::1"), prefix("2001:db8:0:1::1"));
        assert_ne!(prefix("192.0.2.1"), prefix("192.0.2.2"));
        assert_ne!(prefix("0.0.0.1"), prefix("::1"));
    }
}
