//! `behaviour.md` 11.9: strangers, clocks, replay and endurance.

use crate::support::client::{path_from, rptc, rptk, rpto, usual_id, usual_path, with_id};
use crate::support::random::Random;
use crate::support::world::{PASSPHRASE, Sent, Taped, rendered, seed, usual_config};
use crate::support::{A, B, C, Call, Kind, Name, World, call};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SubscriptionEnd, What};
use ragchew_core::{Core, Effects, Input};
use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};

const OPCODES: [&[u8]; 16] = [
    b"RPTL", b"RPTK", b"RPTC", b"RPTCL", b"RPTO", b"RPTPING", b"RPTG", b"DMRD", b"DMRA", b"DMRG", b"DMRE", b"BCKA",
    b"MSTPONG", b"RPTACK", b"PRIN", b"MSTNAK",
];

/// A datagram of 0 to 600 bytes; often with the beginning of a message, sometimes with A's ID where it belongs.
fn noise(random: &mut Random) -> Vec<u8> {
    let length = random.below(601) as usize;
    let mut bytes = random.bytes(length);
    if random.below(2) == 0 {
        let opcode = random.pick(&OPCODES);
        let lengths = [8, 9, 10, 11, 15, 19, 40, 53, 55, 71, 302];
        if random.below(2) == 0 {
            let length = random.pick(&lengths);
            bytes = random.bytes(length);
        }
        let id = usual_id(A).to_be_bytes();
        for (at, part) in [(0, opcode), (if opcode == b"DMRD" { 11 } else { opcode.len() }, &id[..])] {
            if bytes.len() >= at + part.len() && (at == 0 || random.below(2) == 0) {
                bytes[at..at + part.len()].copy_from_slice(part);
            }
        }
    }
    bytes
}

#[test]
fn s_234_noise_of_strangers_neither_stops_the_server_nor_stays_in_it() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login_with(B, "TS2=91");
    w.wait(1_000);
    let (before, mut random) = (w.core.table_sizes(), Random(0x234));
    for n in 0..200_000u32 {
        let stranger = SocketAddr::from((
            [10, random.below(4) as u8, random.below(256) as u8, random.below(256) as u8],
            1 + random.below(60_000) as u16,
        ));
        for sent in w.send(path_from(stranger), &noise(&mut random)) {
            assert_eq!(sent.path.remote, stranger, "answers go back");
            assert!(sent.bytes.len() <= 15, "a stranger gets short answers");
        }
        if n % 10 == 9 {
            w.wait(3);
        }
    }
    assert_eq!(w.time(), 61_000);
    assert_eq!((w.core.table_sizes(), w.core.running_sessions()), (before, 2));
    let sent = w.call(A, call(91, 2, 0x23400, 2));
    w.assert_reaches(&sent, &[(B, 91, 2)]);
}

#[test]
fn s_234_noise_of_a_client_is_gone_with_its_session() {
    let mut w = World::new();
    let (before, mut random) = (w.core.table_sizes(), Random(0x2340));
    w.login(A);
    w.login_with(B, "TS2=91");
    let path = w.client(A).path;
    for n in 0..20_000u32 {
        let mut bytes = noise(&mut random);
        if n % 2 == 0 {
            bytes = call(random.pick(&[9, 91, 92, 9990, 4000]), 2, random.below(50) as u32, 1).frames(usual_id(A))
                [random.below(8) as usize]
                .clone();
            bytes[random.pick(&[4, 5, 8, 10, 15, 16, 30])] = random.next() as u8;
        }
        w.send(path, &bytes);
        w.wait(random.below(20));
    }
    w.silence(A);
    w.silence(B);
    w.wait(10 * 60_000);
    assert_eq!((w.core.table_sizes(), w.core.running_sessions()), (before, 0));
}

#[test]
fn s_234_a_client_that_leaves_and_stays_in_turn_does_not_fill_the_tables() {
    let mut w = World::new();
    w.login(A);
    let path = w.client(A).path;
    let before = w.core.table_sizes();
    for _ in 0..1_000 {
        w.send(path, &with_id("RPTCL", usual_id(A)));
        w.ping(A);
    }
    let after = w.core.table_sizes();
    assert!(after.deadlines <= before.deadlines + 2, "{} entries in the heap of deadlines", after.deadlines);
    w.wait(3_000);
    assert_eq!((w.core.table_sizes(), w.core.running_sessions()), (before, 1));
}

/// Clients that log in, talk at random, leave and come back.
pub(crate) fn busy_minute(w: &mut World, seed: u64) {
    let mut random = Random(seed);
    let names: Vec<Name> = ('A'..='H').collect();
    for &name in &names {
        w.login_with(name, random.pick(&["TS2=91", "TS1=91,92;SINGLE=1;TIMER=1", "DIAL=91", "TS2=92,91;TIMER=1"]));
    }
    for n in 0..120 {
        let name = random.pick(&names);
        let mut talk: Call = call(
            random.pick(&[9, 91, 92, 93, 4000, 9990, 50]),
            1 + random.below(2) as u8,
            0x23500 + n,
            1 + random.below(3) as usize,
        );
        talk.first_seq = random.next() as u8;
        talk.terminator = random.below(4) != 0;
        w.key(name, w.time() + random.below(700), talk);
        w.wait(random.below(1_000));
        let stranger = path_from(SocketAddr::from(([10, 200, 0, random.below(8) as u8], 4_000)));
        w.send(stranger, &noise(&mut random));
    }
    w.close(C);
    w.wait(15_000);
    w.login_with(C, "TS2=91");
    w.wait(200_000);
}

/// Plays `tape` to a new core; everything it sends and reports, and what it waits for, in words.
fn play(tape: &[Taped]) -> Vec<String> {
    let mut core = Core::new(usual_config(), seed(), tape[0].now);
    let mut effects = Effects::with_capacity(1);
    let mut outcome = Vec::new();
    for Taped { now, datagram } in tape {
        let input = datagram.as_ref().map_or(Input::Deadline, |(path, bytes)| Input::Datagram { path: *path, bytes });
        core.handle(*now, input, &mut effects);
        outcome.push(format!("{:?} {:?} {:?}", rendered(&effects), effects.events(), core.next_deadline()));
        effects.clear();
    }
    outcome
}

#[test]
fn s_235_the_same_inputs_give_the_same_bytes() {
    let mut w = World::new();
    w.tape = Some(Vec::new());
    busy_minute(&mut w, 0x235);
    let tape = w.tape.take().unwrap();
    assert!(tape.len() > 2_000 && w.sent.len() > 2_000, "{} inputs, {} transmits", tape.len(), w.sent.len());
    assert!(w.count(|what| matches!(what, What::EchoStarted { .. })) > 0);
    let (first, second) = (play(&tape), play(&tape));
    for (n, (first, second)) in first.iter().zip(&second).enumerate() {
        assert_eq!(first, second, "input {n}: {:?}", tape[n]);
    }
}

/// How many of the datagrams are answered, each with a challenge or the like and never with a refusal.
fn answered(w: &mut World, datagrams: &[(Path, Vec<u8>)]) -> usize {
    let mut answers = 0;
    for (path, bytes) in datagrams {
        for answer in w.answers(*path, bytes) {
            assert_eq!(&answer[..6], b"RPTACK");
            answers += 1;
        }
    }
    answers
}

#[test]
fn s_236_logins_of_one_client_are_limited_to_3_and_1_per_10_s() {
    let mut w = World::new();
    let rptl = (usual_path(A), with_id("RPTL", usual_id(A)));
    let many = vec![rptl.clone(); 5];
    assert_eq!(answered(&mut w, &many), 3);
    w.wait(9_999);
    assert_eq!(answered(&mut w, &many), 0);
    w.wait(1);
    assert_eq!(answered(&mut w, &many), 1);
    w.wait(30_000);
    assert_eq!(answered(&mut w, &many), 3, "nobody is banned");
}

#[test]
fn s_236_logins_of_one_source_are_limited_to_10_and_2_per_s_and_running_sessions_are_not_affected() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login(B);
    w.wait(60_000);
    let home = w.client(A).path;
    let from = |n: u32| Path { remote: SocketAddr::new(home.remote.ip(), 1_000 + n as u16), ..home };
    let flood = |ids: std::ops::Range<u32>| ids.map(|n| (from(n), with_id("RPTL", 3_000_000 + n))).collect::<Vec<_>>();
    assert_eq!(answered(&mut w, &flood(0..14)), 10);
    w.ping(A);
    w.wait(499);
    assert_eq!(answered(&mut w, &flood(20..24)), 0);
    w.wait(1);
    assert_eq!(answered(&mut w, &flood(30..34)), 1);
    w.wait(1_000);
    assert_eq!(answered(&mut w, &flood(40..44)), 2);
    let talk = w.key(B, w.time() + 100, call(91, 2, 0x23600, 10));
    for n in 0..40 {
        w.wait(100);
        answered(&mut w, &flood(1_000 + 10 * n..1_010 + 10 * n));
        w.ping(A);
    }
    w.assert_reaches(&talk, &[(A, 91, 2)]);
    assert_eq!(answered(&mut w, &[(usual_path(C), with_id("RPTL", usual_id(C)))]), 1, "other sources are served");
}

#[test]
fn s_236_an_ipv6_network_of_64_bits_is_one_source() {
    let mut w = World::new();
    let local = LocalIp::V6 { address: Ipv6Addr::LOCALHOST.octets(), interface: 0 };
    let from = |net: u16, n: u16| {
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, n, 1);
        Path { socket: SocketId(0), local, remote: SocketAddr::from((ip, 62_031)) }
    };
    let flood =
        |net: u16| (0..14).map(|n| (from(net, n), with_id("RPTL", 3_000_000 + u32::from(n)))).collect::<Vec<_>>();
    assert_eq!(answered(&mut w, &flood(1)), 10);
    assert_eq!(answered(&mut w, &flood(2)), 10);
}

#[test]
fn s_236_after_five_wrong_answers_a_client_and_address_are_ignored_for_30_s() {
    let mut w = World::new();
    w.login(A);
    let home = w.client(A).path;
    let path = Path { remote: SocketAddr::new(home.remote.ip(), 4_711), ..home };
    let (id, nak) = (usual_id(B), with_id("MSTNAK", usual_id(B)));
    for n in 0..5 {
        w.wait(10_100);
        let salt = w.challenge(id, path);
        assert_eq!(w.answers(path, &rptk(id, &salt, b"wrong")), [nak.as_slice()], "wrong answer {n}");
    }
    let (rptl, other) = ((path, with_id("RPTL", id)), (path, with_id("RPTL", id + 1)));
    assert_eq!(answered(&mut w, std::slice::from_ref(&rptl)), 0);
    assert_eq!(answered(&mut w, &[other]), 1, "other clients are served");
    w.ping(A);
    w.wait(29_900);
    assert_eq!(answered(&mut w, &[rptl]), 0);
    w.wait(200);
    let salt = w.challenge(id, path);
    assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [with_id("RPTACK", id)]);
    assert_eq!(w.core.running_sessions(), 1);
}

#[test]
fn s_236_a_right_answer_forgives_the_wrong_ones_before_it_and_the_fifth_in_a_row_costs_exactly_30_s() {
    let mut w = World::new();
    let (id, path, elsewhere) = (usual_id(A), usual_path(A), usual_path(B));
    let answers_with = |w: &mut World, passphrase: &[u8], times: usize, answer: &str| {
        for n in 0..times {
            w.wait(10_000); // Within the rate of logins.
            let salt = w.challenge(id, path);
            assert_eq!(w.answers(path, &rptk(id, &salt, passphrase)), [with_id(answer, id)], "answer {n}");
        }
    };
    answers_with(&mut w, b"wrong", 4, "MSTNAK");
    answers_with(&mut w, PASSPHRASE, 1, "RPTACK");
    answers_with(&mut w, b"wrong", 4, "MSTNAK");
    assert_eq!(w.core.refusals().get(Refusal::FailedLogins), 0);
    answers_with(&mut w, b"wrong", 1, "MSTNAK");
    let (fifth, rptl) = (w.time(), (path, with_id("RPTL", id)));
    assert_eq!(answered(&mut w, std::slice::from_ref(&rptl)), 0);
    w.run_until(fifth + 29_999);
    let salt = w.challenge(id, elsewhere);
    assert_eq!(w.answers(path, &rptk(id, &salt, b"x")), [] as [Vec<u8>; 0]);
    assert_eq!(answered(&mut w, std::slice::from_ref(&rptl)), 0);
    assert_eq!(w.core.refusals().get(Refusal::FailedLogins), 3);
    w.run_until(fifth + 30_000);
    assert_eq!(answered(&mut w, &[rptl]), 1);
    answers_with(&mut w, b"wrong", 4, "MSTNAK"); // Counted from the beginning.
    answers_with(&mut w, PASSPHRASE, 1, "RPTACK");
}

#[test]
fn s_237_without_a_login_nothing_from_a_new_address_counts_as_the_client() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login_with(B, "TS2=91");
    let legs = w.legs(A);
    let id = usual_id(A);
    for stranger in ["10.0.0.65:62001", "10.77.0.1:62000"] {
        let path = path_from(stranger.parse().unwrap());
        let nak = with_id("MSTNAK", id);
        assert_eq!(w.answers(path, &with_id("RPTPING", id)), [nak.as_slice()]);
        assert_eq!(w.answers(path, &rpto(id, "TS2=92")), [nak.as_slice()]);
        assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), [nak.as_slice()]);
        assert_eq!(w.answers(path, &rptk(id, b"salt", PASSPHRASE)), [nak.as_slice()]);
        assert_eq!(w.answers(path, &with_id("RPTCL", id)), [] as [Vec<u8>; 0]);
        for frame in call(91, 2, 0x23700, 1).frames(id) {
            assert_eq!(w.answers(path, &frame), [] as [Vec<u8>; 0]);
        }
        assert_eq!(w.challenge(id, path).len(), 4, "an unanswered challenge moves nothing");
        w.wait(5_000);
    }
    w.assert_silent(B);
    assert_eq!((w.legs(A), w.core.running_sessions()), (legs, 2));
    assert!(w.core.refusals().get(Refusal::OtherAddress) > 0);
    let sent = w.call(B, call(91, 2, 0x23701, 2));
    w.assert_reaches(&sent, &[(A, 91, 2)]);
}

/// Two calls, a leg that expires and a session that times out; the wall clock may step back in the middle.
fn with_wall_step(step: i64) -> (Vec<Sent>, Vec<(u64, What)>) {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.login_with(C, "TS2=91");
    let sent = w.key(A, 1_000, call(91, 2, 0x23900, 4));
    w.run_until(1_500);
    w.wall_step = step;
    w.run_until(sent.end() + 100);
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 91, 2)]);
    w.call(A, call(9990, 2, 0x23901, 2).without_terminator());
    w.silence(C);
    w.wait(11 * 60_000);
    assert_eq!(w.left(A, 91), [(sent.end() + 10 * 60_000, SubscriptionEnd::Expired)]);
    (w.sent, w.events)
}

#[test]
fn s_239_a_step_of_the_wall_clock_moves_no_timer() {
    let (sent, events) = with_wall_step(0);
    assert!(sent.len() > 100);
    for step in [-10_000_000_000, 3_600_000_000_000] {
        let (stepped_sent, stepped_events) = with_wall_step(step);
        assert!(stepped_sent == sent, "every datagram leaves as if nothing had happened");
        assert_eq!(stepped_events, events);
    }
}

/// Watches that nobody hears what is not meant for it: vocoder bits under another stream's name, its own voice outside of
/// an echo, or two calls interleaved on one slot.
#[derive(Default)]
struct MixUps {
    speakers: BTreeMap<u32, Name>,
    lines: BTreeMap<(Name, u8), [(u32, u64); 2]>,
    frames: usize,
}

impl MixUps {
    fn watch(&mut self, w: &World, name: Name) {
        for heard in w.heard(name) {
            self.frames += 1;
            if matches!(heard.kind, Kind::Voice(_)) {
                let spoken = u32::from_be_bytes(heard.burst[..4].try_into().unwrap());
                let speaker = self.speakers[&spoken];
                let echo = heard.stream != spoken;
                assert_eq!(speaker == name, echo, "{name} hears {heard:?} of {speaker}");
            }
            let [last, before] = self.lines.entry((name, heard.slot)).or_default();
            if last.0 != heard.stream {
                let interleaved = before.0 == heard.stream && heard.at - before.1 < 360;
                assert!(!interleaved, "{:x} and {:x} at once to {name}", last.0, heard.stream);
                *before = *last;
            }
            *last = (heard.stream, heard.at);
        }
    }
}

#[test]
fn s_240_after_an_hour_of_talk_the_tables_are_as_before() {
    let mut w = World::new();
    let mut random = Random(0x240);
    let names: Vec<Name> = (0..100).filter_map(|n| char::from_u32(0x4e00 + n)).collect();
    for &name in &names {
        w.login_with(
            name,
            random.pick(&["TS2=91;TIMER=1", "TS1=92;TIMER=1;SINGLE=1", "DIAL=91;TIMER=1", "TS2=92,93;TS1=91;TIMER=1"]),
        );
    }
    w.wait(1_000);
    let before = w.core.table_sizes();
    let mut mix_ups = MixUps::default();
    for n in 0..1_800u32 {
        let mut talk = call(
            random.pick(&[9, 91, 92, 93, 94, 95, 4000, 9990]),
            1 + random.below(2) as u8,
            0x24_0000 + n,
            1 + random.below(4) as usize,
        );
        talk.first_seq = random.next() as u8;
        talk.terminator = random.below(5) != 0;
        let speaker = random.pick(&names);
        mix_ups.speakers.insert(talk.stream, speaker);
        w.key(speaker, w.time() + random.below(1_000), talk);
        w.wait(2_000);
        names.iter().for_each(|&name| mix_ups.watch(&w, name));
        w.forget();
    }
    assert!(mix_ups.frames > 100_000, "{} frames", mix_ups.frames);
    assert_ne!(w.core.table_sizes(), before);
    w.wait(300_000);
    assert_eq!(w.core.running_sessions(), 100);
    assert_eq!(w.core.table_sizes(), before);
}
