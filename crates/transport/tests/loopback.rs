//! The running reactor against real sockets on loopback, with a double in place of the core. Source: design §4.
#![allow(clippy::unwrap_used)] // Helpers of tests, too.

mod common;

use common::*;
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, Slot};
use ragchew_core::net::{LocalIp, SocketId};
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::{Effects, Input, Mono, Now, Span};
use ragchew_transport::{Command, CutShort, LONGEST_DATAGRAM, Notice, RECEIVE_BUDGET, Settings, VOICE_SLOTS};
use std::cell::Cell;
use std::net::{Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

#[test]
fn a_datagram_reaches_the_core_with_its_path_and_the_answer_comes_back() {
    for batched in [true, false] {
        let (tell, seen) = seen_channel();
        let server = Server::start(&["127.0.0.1:0"], batched, telling_echo(tell));
        let client = client("127.0.0.1:0");
        client.send_to(b"RPTL1234", server.addresses[0]).unwrap();
        assert_eq!(next(&client), (b"RPTL1234".to_vec(), server.addresses[0]));
        let (path, bytes) = seen.recv_timeout(BOUND).unwrap();
        assert_eq!((path.socket, path.local, bytes), (SocketId(0), v4([127, 0, 0, 1]), b"RPTL1234".to_vec()));
        assert_eq!(path.remote, client.local_addr().unwrap());
        let counters = server.stop();
        assert_eq!((counters.total.received, counters.total.sent), (1, 1));
        assert_eq!(counters.sockets, [(SocketId(0), counters.total)]);
    }
}

#[test]
fn ipv6_works_like_ipv4() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return; // A machine without IPv6.
    }
    for batched in [true, false] {
        let (tell, seen) = seen_channel();
        let server = Server::start(&["[::]:0"], batched, telling_echo(tell));
        let client = client("[::1]:0");
        let to = (Ipv6Addr::LOCALHOST, server.addresses[0].port()).into();
        client.send_to(b"hello", to).unwrap();
        assert_eq!(next(&client), (b"hello".to_vec(), to));
        let (path, _) = seen.recv_timeout(BOUND).unwrap();
        assert_eq!(path.local, LocalIp::V6 { address: Ipv6Addr::LOCALHOST.octets(), interface: 0 });
        assert_eq!(path.remote, client.local_addr().unwrap());
        server.stop();
    }
}

#[test]
fn the_answer_leaves_from_the_address_that_was_asked() {
    for batched in [true, false] {
        let (tell, seen) = seen_channel();
        let server = Server::start(&["0.0.0.0:0"], batched, telling_echo(tell));
        let client = client("127.0.0.1:0");
        for last in [2, 1, 3] {
            let to = ([127, 0, 0, last], server.addresses[0].port()).into();
            client.send_to(b"x", to).unwrap();
            assert_eq!(next(&client).1, to);
            assert_eq!(seen.recv_timeout(BOUND).unwrap().0.local, v4([127, 0, 0, last]));
        }
        server.stop();
    }
}

#[test]
fn a_datagram_longer_than_any_frame_is_counted_and_never_seen() {
    for batched in [true, false] {
        let (tell, seen) = seen_channel();
        let server = Server::start(&["127.0.0.1:0"], batched, telling_echo(tell));
        let client = client("127.0.0.1:0");
        for len in [LONGEST_DATAGRAM + 1, 1_400, LONGEST_DATAGRAM] {
            client.send_to(&vec![7; len], server.addresses[0]).unwrap();
        }
        assert_eq!(seen.recv_timeout(BOUND).unwrap().1.len(), LONGEST_DATAGRAM);
        let counters = server.stop();
        assert!(seen.is_empty());
        assert_eq!((counters.total.received, counters.total.too_long), (3, 2));
    }
}

#[test]
fn a_noisy_socket_does_not_starve_another_and_what_is_left_is_served_later() {
    for batched in [true, false] {
        // Few enough for the smallest buffer that a system gives by default.
        const NOISE: usize = 2 * RECEIVE_BUDGET;
        let (tell, seen) = seen_channel();
        let client = client("127.0.0.1:0");
        // Everything waits before the first turn, so that the poll never tells of it again.
        let settings = Settings { batched, ..Settings::default() };
        let both = ["127.0.0.1:0", "127.0.0.1:0"];
        let server = Server::start_after(&both, settings, telling_echo(tell), |addresses| {
            for _ in 0..NOISE {
                client.send_to(b"noise", addresses[0]).unwrap();
            }
            client.send_to(b"quiet", addresses[1]).unwrap();
        });
        let order: Vec<_> = (0..=NOISE).map(|_| seen.recv_timeout(BOUND).unwrap().0.socket).collect();
        let quiet = order.iter().position(|socket| *socket == SocketId(1)).unwrap();
        assert!(quiet <= RECEIVE_BUDGET, "the quiet socket was served after {quiet} datagrams");
        let counters = server.stop();
        assert_eq!(counters.total.received as usize, NOISE + 1);
    }
}

#[test]
fn what_the_kernel_had_to_drop_is_counted() {
    const SENT: u64 = 200;
    let settings = Settings { receive_buffer: 4_096, ..Settings::default() };
    let client = client("127.0.0.1:0");
    let server = Server::start_after(&["127.0.0.1:0"], settings, echo, |addresses| {
        for _ in 0..SENT {
            client.send_to(b"x", addresses[0]).unwrap();
        }
    });
    // The kernel tells beside the next datagram that it keeps.
    let sent = Cell::new(SENT);
    let told = server.counters_when(|counters| {
        let is_whole = counters.total.received + counters.total.kernel_drops == sent.get();
        if !is_whole {
            client.send_to(b"x", server.addresses[0]).unwrap();
            sent.set(sent.get() + 1);
        }
        is_whole
    });
    assert!(told.total.kernel_drops > 0 && sent.get() > SENT, "{told:?}");
    server.stop();
}

#[test]
fn control_leaves_before_voice_of_the_same_turn() {
    let server = Server::start(&["127.0.0.1:0"], true, |_, input, effects: &mut Effects, _| match input {
        Input::Datagram { path, .. } => {
            let frame = effects.push_frame([0; FRAME_LEN]);
            effects.push_voice(path, frame, ClientId(0x0102_0304), Slot::Two);
            effects.push_control(path, b"control");
        }
        Input::Drain => effects.set_drained(),
        _ => {}
    });
    let client = client("127.0.0.1:0");
    client.send_to(b"x", server.addresses[0]).unwrap();
    assert_eq!(next(&client).0, b"control");
    let (voice, _) = next(&client);
    assert_eq!((voice.len(), &voice[11..15]), (FRAME_LEN, &[1, 2, 3, 4][..]));
    assert_eq!(voice[15] & 0x80, 0x80);
    server.stop();
}

#[test]
fn one_input_may_have_more_receivers_than_the_rings_have_slots() {
    const RECEIVERS: usize = VOICE_SLOTS + 1_000;
    for batched in [true, false] {
        let server = Server::start(&["127.0.0.1:0"], batched, |_, input, effects: &mut Effects, _| match input {
            Input::Datagram { path, .. } => {
                let frame = effects.push_frame([0; FRAME_LEN]);
                for client in 0..RECEIVERS as u32 {
                    effects.push_voice(path, frame, ClientId(client), Slot::One);
                    effects.push_control(path, b"control");
                }
            }
            Input::Drain => effects.set_drained(),
            _ => {}
        });
        // It keeps its port while answers are on their way to it.
        let client = client("127.0.0.1:0");
        client.send_to(b"x", server.addresses[0]).unwrap();
        let all = 2 * RECEIVERS as u64;
        let counters = server.counters_when(|counters| counters.total.sent + counters.total.send_errors.total() >= all);
        assert_eq!((counters.total.refused_control, counters.total.dropped_full_voice), (0, 0));
        server.stop();
    }
}

#[test]
fn a_receiver_that_the_kernel_refuses_does_not_hold_up_the_others() {
    for batched in [true, false] {
        let server = Server::start(&["127.0.0.1:0"], batched, |_, input, effects: &mut Effects, _| match input {
            Input::Datagram { path, .. } => {
                let mut nowhere = path;
                nowhere.local = v4([192, 0, 2, 1]);
                effects.push_control(path, b"before");
                effects.push_control(nowhere, b"nowhere");
                effects.push_control(path, b"behind");
                let mut unknown = path;
                unknown.socket = SocketId(77);
                effects.push_control(unknown, b"unknown");
            }
            Input::Drain => effects.set_drained(),
            _ => {}
        });
        let client = client("127.0.0.1:0");
        client.send_to(b"x", server.addresses[0]).unwrap();
        assert_eq!([next(&client).0, next(&client).0], [b"before".to_vec(), b"behind".to_vec()]);
        let counters = server.stop();
        // Which error depends on the system's routes.
        assert_eq!(counters.total.send_errors.by_errno().map(|(_, count)| count).collect::<Vec<_>>(), [1]);
        assert_eq!((counters.total.sent, counters.unroutable), (2, 1));
    }
}

#[test]
fn a_deadline_is_met_at_its_time_and_not_before() {
    let (tell, told) = crossbeam_channel::bounded(1);
    let mut wanted = None;
    let server = Server::start(&["127.0.0.1:0"], true, move |now, input, effects, deadline| match input {
        Input::Datagram { .. } => {
            wanted = Some(now.mono + Span::millis(30));
            *deadline = wanted;
        }
        Input::Deadline => {
            *deadline = None;
            tell.send((wanted, now.mono)).unwrap();
        }
        Input::Drain => effects.set_drained(),
        Input::Replace(_) | Input::Control(_) => {}
    });
    client("127.0.0.1:0").send_to(b"x", server.addresses[0]).unwrap();
    let (wanted, met) = told.recv_timeout(BOUND).unwrap();
    assert!(met >= wanted.unwrap());
    let counters = server.stop();
    assert!(counters.turns < 20, "{} turns: the poll does not block", counters.turns);
}

#[test]
fn events_that_find_the_channel_full_are_lost_and_counted() {
    let server = Server::start(&["127.0.0.1:0"], true, |now, input, effects: &mut Effects, _| match input {
        Input::Datagram { path, bytes } => {
            for kept in 0..6 {
                effects.push_event(ReportEvent {
                    at: now.wall,
                    retold: false,
                    what: What::Reloaded { kept, closed: 0 },
                });
            }
            effects.push_control(path, bytes);
        }
        Input::Drain => effects.set_drained(),
        _ => {}
    });
    let client = client("127.0.0.1:0");
    client.send_to(b"x", server.addresses[0]).unwrap();
    next(&client);
    server.handle.send(Command::Drain).unwrap();
    let (counters, ends) = server.join();
    let kept: Vec<_> = ends.events.try_iter().map(|event| event.event.what).collect();
    assert_eq!(kept, [0, 1, 2, 3].map(|kept| What::Reloaded { kept, closed: 0 }));
    assert_eq!(counters.events_lost, 2);
}

#[test]
fn a_replacement_opens_the_new_sockets_before_it_closes_the_old_ones() {
    let server = Server::start(&["127.0.0.1:0"], true, |now, input, effects: &mut Effects, deadline| match input {
        Input::Replace(config) => effects.push_retired(config),
        input => echo(now, input, effects, deadline),
    });
    let client = client("127.0.0.1:0");
    let old = server.addresses[0];
    client.send_to(b"1", old).unwrap();
    next(&client);
    let fresh = open(1, "127.0.0.1:0");
    let new = fresh.local_addr();
    let close = vec![SocketId(0), SocketId(99)];
    assert!(server.replace(vec![fresh], close).is_ok());
    server.ends.retired.recv_timeout(BOUND).unwrap();
    assert!(UdpSocket::bind(old).is_ok(), "the old socket is still open");
    client.send_to(b"2", new).unwrap();
    assert_eq!(next(&client), (b"2".to_vec(), new));
    let counters = server.stop();
    assert_eq!((counters.total.received, counters.sockets[0].1.received), (2, 1));
    assert_eq!(counters.sockets.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [SocketId(1)]);
}

#[test]
fn a_replacement_is_answered_while_nobody_takes_the_notices() {
    let server = Server::start(&["127.0.0.1:0"], true, echo);
    server.fill_notices();
    assert!(server.replace(vec![open(1, "127.0.0.1:0")], Vec::new()).is_ok());
    server.stop();
}

#[test]
fn a_replacement_that_cannot_be_taken_over_leaves_all_as_it_was() {
    let server = Server::start(&["127.0.0.1:0"], true, |now, input, effects: &mut Effects, deadline| {
        assert!(!matches!(input, Input::Replace(_)), "the core heard of a refused replacement");
        echo(now, input, effects, deadline);
    });
    let (good, twice) = (open(1, "127.0.0.1:0"), open(0, "127.0.0.1:0"));
    let refused = [good.local_addr(), twice.local_addr()];
    assert!(server.replace(vec![good, twice], vec![SocketId(0)]).is_err());
    assert!(server.ends.retired.try_recv().is_ok());
    assert!(refused.iter().all(|address| UdpSocket::bind(address).is_ok()), "a refused socket is still open");
    let client = client("127.0.0.1:0");
    client.send_to(b"x", server.addresses[0]).unwrap();
    assert_eq!(next(&client).0, b"x");
    server.stop();
}

/// A drain while a datagram arrives: whether it went on to its end. One that the reactor is held up in for too long is cut
/// short.
fn drains_while_a_datagram_arrives() -> bool {
    let (tell, told) = crossbeam_channel::unbounded();
    let (client, late) = (client("127.0.0.1:0"), client("127.0.0.1:0"));
    let arrives = late.try_clone().unwrap();
    let mut client_path = None;
    let mut left = 3;
    let rule = move |now: Now, input: Input<'_>, effects: &mut Effects, deadline: &mut Option<Mono>| match input {
        Input::Datagram { path, bytes } => {
            client_path = Some(path);
            tell.send(bytes.to_vec()).unwrap();
        }
        Input::Drain => {
            arrives.send(b"late").unwrap();
            *deadline = Some(now.mono + Span::millis(1));
        }
        Input::Deadline => {
            effects.push_control(client_path.unwrap(), b"MSTCL");
            left -= 1;
            *deadline = (left > 0).then(|| now.mono + Span::millis(1));
            if left == 0 {
                effects.set_drained();
            }
        }
        Input::Replace(_) | Input::Control(_) => {}
    };
    let server = Server::start_after(&["127.0.0.1:0"], Settings::default(), rule, |addresses| {
        late.connect(addresses[0]).unwrap();
    });
    client.send_to(b"first", server.addresses[0]).unwrap();
    assert_eq!(told.recv_timeout(BOUND).unwrap(), b"first");
    server.handle.send(Command::Drain).unwrap();
    assert!(matches!(server.next_notice(), Notice::DrainStarted));
    let handle = server.handle.clone();
    let (counters, ends) = server.join();
    assert!(told.is_empty(), "a datagram reached the core after the drain");
    assert!(matches!(handle.send(Command::Drain), Err(Command::Drain)));
    if let Ok(notice) = ends.notices.try_recv() {
        assert!(matches!(notice, Notice::DrainCutShort(CutShort::Core)), "{notice:?}");
        return false;
    }
    assert_eq!([(); 3].map(|()| next(&client).0), [(); 3].map(|()| b"MSTCL".to_vec()));
    assert_eq!((counters.total.received, counters.total.sent), (1, 3));
    true
}

#[test]
fn a_drain_hears_no_more_datagrams_and_waits_for_the_core_to_tell_everybody() {
    assert!((0..5).any(|_| drains_while_a_datagram_arrives()), "the drain was cut short");
}

/// How long a server takes to its end whose core never ends its drain.
fn drains_for_ever() -> Duration {
    let (go_on, wait) = crossbeam_channel::bounded::<()>(1);
    let server = Server::start(&["127.0.0.1:0"], true, move |_, input, _: &mut Effects, _| {
        if matches!(input, Input::Drain) {
            wait.recv_timeout(BOUND).unwrap();
        }
    });
    let begin = Instant::now();
    server.handle.send(Command::Drain).unwrap();
    // While it drains, a replacement is refused.
    let refused = server.ask_to_replace(vec![open(5, "127.0.0.1:0")], Vec::new());
    go_on.send(()).unwrap();
    assert!(matches!(server.next_notice(), Notice::DrainStarted));
    assert!(refused.recv_timeout(BOUND).unwrap().is_err());
    let (counters, ends) = server.join();
    assert!(matches!(ends.notices.try_recv(), Ok(Notice::DrainCutShort(CutShort::Core))));
    assert!(counters.turns < 20, "{} turns: the poll does not block", counters.turns);
    begin.elapsed()
}

#[test]
fn a_core_that_never_ends_its_drain_is_cut_short_within_five_seconds() {
    // The best of five: the machine has other work, too.
    assert!((0..5).any(|_| drains_for_ever() < Duration::from_secs(5)));
}
