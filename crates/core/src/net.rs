//! Where a datagram came from and where an answer goes, as plain data. Owns no socket. Source: design §2 rule 6.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    #[serde(with = "endpoint")]
    pub remote: SocketAddr,
}

impl Path {
    /// Whether `other` is the same endpoint on the same socket of ours, whatever address of ours it used.
    pub fn same_endpoint(&self, other: &Self) -> bool {
        self.socket == other.socket && self.remote == other.remote
    }
}

/// An address and a port in the fewest bytes, with the scope (interface index) that a link-local IPv6 address is nobody's
/// without. The flow label of IPv6 is left out: it belongs to a datagram, not to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Endpoint {
    V4([u8; 4], u16),
    V6([u8; 16], u16, u32),
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::V4(v4.ip().octets(), v4.port()),
            SocketAddr::V6(v6) => Self::V6(v6.ip().octets(), v6.port(), v6.scope_id()),
        }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::V4(octets, port) => (Ipv4Addr::from(octets), port).into(),
            Endpoint::V6(octets, port, scope) => SocketAddrV6::new(Ipv6Addr::from(octets), port, 0, scope).into(),
        }
    }
}

/// [`SocketAddr`] for serde: text for people, [`Endpoint`] elsewhere. Serde's own binary form forgets the scope.
pub(crate) mod endpoint {
    use super::{Deserialize, Deserializer, Endpoint, Serialize, Serializer, SocketAddr};

    pub(crate) fn serialize<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => address.serialize(serializer),
            false => Endpoint::from(*address).serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
        match deserializer.is_human_readable() {
            true => SocketAddr::deserialize(deserializer),
            false => Endpoint::deserialize(deserializer).map(SocketAddr::from),
        }
    }
}

/// What limits per source are counted by: an IPv4 address, or the /64 of an IPv6 address; for a link-local one, the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourcePrefix(u64, bool);

impl SourcePrefix {
    /// Family and prefix as bytes, big-endian.
    pub fn to_bytes(self) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        [u8::from(self.1), a, b, c, d, e, f, g, h]
    }
}

impl From<SocketAddr> for SourcePrefix {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self(u64::from(v4.ip().to_bits()), false),
            // On a link anybody may choose the rest of the prefix.
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
                Self(0xfe80 << 48 | u64::from(v6.scope_id()), true)
            }
            SocketAddr::V6(v6) => Self((v6.ip().to_bits() >> 64) as u64, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_link_keeps_its_interface_in_bytes_and_in_text() {
        for text in ["[fe80::1%3]:62031", "[fe80::1%4]:62031", "[2001:db8::1]:1", "192.0.2.1:65535"] {
            let path = Path { socket: SocketId(7), local: LocalIp::Unknown, remote: text.parse().unwrap() };
            let bytes = postcard::to_allocvec(&path).unwrap();
            assert_eq!(postcard::from_bytes(&bytes), Ok(path), "{text}");
            let json = serde_json::to_string(&path).unwrap();
            assert!(json.contains(&format!("{text:?}")), "{json}");
            assert_eq!(serde_json::from_str::<Path>(&json).unwrap(), path);
        }
    }

    #[test]
    fn one_ipv6_network_or_link_counts_as_one_source_and_two_ipv4_hosts_as_two() {
        let prefix = |text: &str| SourcePrefix::from(text.parse::<SocketAddr>().unwrap());
        assert_eq!(prefix("[2001:db8::1]:1"), prefix("[2001:db8::ffff:1]:2"));
        assert_ne!(prefix("[2001:db8::1]:1"), prefix("[2001:db8:0:1::1]:1"));
        assert_ne!(prefix("192.0.2.1:1"), prefix("192.0.2.2:1"));
        assert_ne!(prefix("0.0.0.1:1"), prefix("[::1]:1"));
        assert_eq!(prefix("[fe80::1%3]:1"), prefix("[fe80::2%3]:1"));
        assert_ne!(prefix("[fe80::1%3]:1"), prefix("[fe80::1%4]:1"));
        assert_eq!(prefix("[fe80::1%4]:1"), prefix("[fe80:0:0:3::1%4]:1"));
    }
}
