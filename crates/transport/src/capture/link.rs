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

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;
    use ragchew_core::time::Wall;

    const V4: (&str, &str) = ("192.0.2.7:4000", "192.0.2.1:62031");
    const V6: (&str, &str) = ("[2001:db8::7]:4000", "[2001:db8::1]:62031");

    fn ip(ends: (&str, &str)) -> Vec<u8> {
        let (from, to): (SocketAddr, SocketAddr) = (ends.0.parse().unwrap(), ends.1.parse().unwrap());
        let mut bytes = Vec::new();
        let builder = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 9),
            (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 9),
            _ => unreachable!(),
        };
        builder.udp(from.port(), to.port()).write(&mut bytes, b"RPTPING!").unwrap();
        bytes
    }

    fn framed(header: &[u8], ends: (&str, &str)) -> Vec<u8> {
        [header, &ip(ends)].concat()
    }

    fn read(link: DataLink, bytes: &[u8], cut: bool) -> Result<(String, String), Skip> {
        let datagram = datagram(Packet { at: Wall(5), link, cut, bytes: bytes.into() })?;
        assert_eq!((datagram.at, &*datagram.payload), (Wall(5), b"RPTPING!".as_slice()));
        Ok((datagram.source.to_string(), datagram.destination.to_string()))
    }

    #[test]
    fn every_known_link_layer_gives_the_datagram_in_it() {
        let cooked = |kind: [u8; 2]| [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], kind.as_slice()].concat();
        let cooked_2 = |kind: [u8; 2]| [&kind, [0u8; 18].as_slice()].concat();
        let ethernet = |kind: [u8; 2]| [[2u8; 12].as_slice(), &kind].concat();
        let vlan = |kind: [u8; 2]| [[2u8; 12].as_slice(), &[0x81, 0, 0, 5], &kind].concat();
        for (ends, kind) in [(V4, [0x08, 0x00]), (V6, [0x86, 0xDD])] {
            let packets = [
                (DataLink::ETHERNET, framed(&ethernet(kind), ends)),
                (DataLink::ETHERNET, framed(&vlan(kind), ends)),
                (DataLink::RAW, ip(ends)),
                (if ends == V4 { DataLink::IPV4 } else { DataLink::IPV6 }, ip(ends)),
                (DataLink::NULL, framed(&[2, 0, 0, 0], ends)),
                (DataLink::LINUX_SLL, framed(&cooked(kind), ends)),
                (DataLink::LINUX_SLL2, framed(&cooked_2(kind), ends)),
            ];
            for (link, bytes) in packets {
                let Ok((from, to)) = read(link, &bytes, false) else { panic!("{link:?} {ends:?}") };
                assert_eq!((from.as_str(), to.as_str()), ends, "{link:?}");
            }
        }
    }

    #[test]
    fn mapped_addresses_are_made_canonical() {
        let mapped = ip(("[::ffff:192.0.2.7]:4000", "[::ffff:192.0.2.1]:62031"));
        let Ok((from, to)) = read(DataLink::RAW, &mapped, false) else { panic!() };
        assert_eq!((from.as_str(), to.as_str()), V4);
    }

    #[test]
    fn what_is_cut_or_a_fragment_or_foreign_is_told_apart() {
        let whole = ip(V4);
        let mut fragment = whole.clone();
        fragment[6] = 0x20;
        let mut tcp = whole.clone();
        tcp[9] = 6;
        assert!(matches!(read(DataLink::RAW, &whole[..30], true), Err(Skip::Cut)));
        assert!(matches!(read(DataLink::RAW, &whole[..30], false), Err(Skip::Foreign)));
        assert!(matches!(read(DataLink::RAW, &fragment, false), Err(Skip::Fragment)));
        assert!(matches!(read(DataLink::RAW, &tcp, false), Err(Skip::Foreign)));
        assert!(matches!(read(DataLink::IEEE802_11, &whole, false), Err(Skip::Foreign)));
    }

    #[test]
    fn no_packet_of_any_length_panics() {
        for link in [DataLink::ETHERNET, DataLink::RAW, DataLink::NULL, DataLink::LINUX_SLL, DataLink::LINUX_SLL2] {
            for length in 0..=36 {
                assert!(read(link, &ip(V6)[..length], false).is_err());
            }
        }
    }
}
