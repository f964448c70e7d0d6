//! From a packet of some link layer to the UDP datagram in it. Owns which link layers are known; does not put fragments
//! together and does not look at checksums, which captures of the own machine often do not have yet.

use super::Datagram;
use super::records::Packet;
use etherparse::err::packet::SliceError;
use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use pcap_file::DataLink;
use std::net::{IpAddr, SocketAddr};

/// Why a packet gives no datagram.
pub(super) enum Skip {
    Foreign,
    Fragment,
    Cut,
}

/// Bytes before the IP header on BSD loopback: the address family.
const LOOPBACK_HEADER: usize = 4;
/// Bytes of the second Linux cooked header; its first two are the EtherType.
const COOKED_2_HEADER: usize = 20;

/// The UDP datagram of a packet.
pub(super) fn datagram(packet: Packet<'_>) -> Result<Datagram, Skip> {
    let unread = if packet.cut { Skip::Cut } else { Skip::Foreign };
    let Some(Ok(sliced)) = slice(packet.link, &packet.bytes) else { return Err(unread) };
    if sliced.is_ip_payload_fragmented() {
        return Err(Skip::Fragment);
    }
    let (from, to): (IpAddr, IpAddr) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        _ => return Err(Skip::Foreign),
    };
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else { return Err(Skip::Foreign) };
    Ok(Datagram {
        at: packet.at,
        source: SocketAddr::new(from.to_canonical(), udp.source_port()),
        destination: SocketAddr::new(to.to_canonical(), udp.destination_port()),
        payload: udp.payload().into(),
    })
}

fn slice(link: DataLink, bytes: &[u8]) -> Option<Result<SlicedPacket<'_>, SliceError>> {
    match link {
        DataLink::ETHERNET => Some(SlicedPacket::from_ethernet(bytes)),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Some(SlicedPacket::from_ip(bytes)),
        DataLink::NULL | DataLink::LOOP => bytes.get(LOOPBACK_HEADER..).map(SlicedPacket::from_ip),
        DataLink::LINUX_SLL => Some(SlicedPacket::from_linux_sll(bytes)),
        DataLink::LINUX_SLL2 => {
            let kind = EtherType(u16::from_be_bytes(*bytes.first_chunk()?));
            bytes.get(COOKED_2_HEADER..).map(|rest| SlicedPacket::from_ether_type(kind, rest))
        }
        _ => None,
    }
}
