//! Design §2 rule 6, `wire.md` 1.2: by which way clients reach the server, and that everything leaves by the same.

use crate::support::client::{usual_id, with_id};
use crate::support::{A, B, World, call};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::report::What;
use std::net::{Ipv6Addr, SocketAddr};

/// From host `host` of network `net` (64 bits) to address `local` of the first listener.
fn v6(net: u16, host: u16, local: u16) -> Path {
    let address = |net, host| Ipv6Addr::new(0x2001, 0xdb8, 0, net, host, 0, 0, 1);
    let local = LocalIp::V6 { address: address(0xffff, local).octets(), interface: 0 };
    Path { socket: SocketId(0), local, remote: SocketAddr::from((address(net, host), 62_031)) }
}

#[test]
fn clients_of_one_ipv6_network_share_the_limit_of_logins_and_those_of_another_do_not() {
    let mut w = World::new();
    let asks = |w: &mut World, path: Path, n: u32| !w.answers(path, &with_id("RPTL", 3_000_000 + n)).is_empty();
    for n in 0..5 {
        assert!(asks(&mut w, v6(2, 0, 1), n) && asks(&mut w, v6(2, 0x8000, 1), 100 + n), "{n} each");
    }
    assert!(!asks(&mut w, v6(2, 0, 1), 5) && !asks(&mut w, v6(2, 0x8000, 1), 105));
    w.login_full(A, usual_id(A), v6(3, 0, 1), None);
    w.login_full(B, usual_id(B), v6(3, 0x8000, 1), None);
    w.wait(500);
    assert!(asks(&mut w, v6(2, 0x8000, 1), 106) && !asks(&mut w, v6(2, 0, 1), 6));
    assert_eq!(w.core.running_sessions(), 2);
}

#[test]
fn voice_leaves_by_the_address_of_ours_at_which_the_last_ping_arrived() {
    let mut w = World::new();
    let (old, new) = (v6(1, 1, 1), v6(1, 1, 2));
    w.login_full(A, usual_id(A), old, Some("TS2=91"));
    w.login(B);
    let talk = w.key(B, 1_000, call(91, 2, 0x50100, 6));
    w.run_until(2_010);
    w.client_mut(A).path = new;
    w.ping(A); // The answer leaves by the new address; that is checked there.
    w.run_until(talk.end());
    let voice: Vec<_> = w.sent.iter().filter(|s| s.bytes.starts_with(b"DMRD")).map(|s| (s.at, s.path)).collect();
    let wanted = talk.frames.iter().map(|&(at, _)| (at, if at < 2_010 { old } else { new }));
    assert_eq!(voice, wanted.collect::<Vec<_>>());
    assert_eq!(w.count(|what| matches!(what, What::Moved { .. } | What::Disconnected { .. })), 0);
    w.silence(A);
    w.run_until(62_010);
    assert_eq!(w.notices(A), [(62_010, with_id("MSTCL", usual_id(A)))], "and so does the end");
}
