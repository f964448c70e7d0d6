//! `behaviour.md` 11.4: what is rewritten on the way, and what never is.

use crate::support::client::{path_from, usual_id};
use crate::support::coding::{FullLc, full_lc_burst, group_lc, put_fragment};
use crate::support::{A, B, C, D, Heard, Kind, Name, World, call, vectors};
use ragchew_core::config::{ClientOverride, MappedAlias, TgMap};
use ragchew_core::id::{ClientId, ConferenceTg, RfTg, Slot};

fn with<const N: usize>(clients: [(Name, &str); N]) -> World {
    let mut w = World::new();
    for (name, options) in clients {
        w.login_with(name, options);
    }
    w
}

/// A world in which `name` knows `conference` as `rf_tg` on slot 2.
fn with_map(name: Name, rf_tg: u32, conference: u32) -> World {
    World::with(|config| {
        config.listeners[0].clients = vec![ClientOverride {
            client: ClientId(usual_id(name)),
            map: vec![TgMap { slot: Slot::Two, rf_tg: RfTg(rf_tg), conference: ConferenceTg(conference) }],
            ..ClientOverride::default()
        }];
    })
}

#[test]
fn s_114_the_slot_bit_changes_only_for_whoever_listens_on_the_other_slot() {
    let mut w = with([(A, ""), (B, "TS1=91"), (C, "TS2=91")]);
    let sent = w.call(A, call(91, 2, 0x11400, 2));
    w.assert_reaches(&sent, &[(B, 91, 1), (C, 91, 2)]);
    assert!(w.heard(B).iter().zip(&sent.frames).all(|(heard, (_, frame))| heard.bytes[15] == frame[15] & 0x7f));
    assert!(w.heard(C).iter().zip(&sent.frames).all(|(heard, (_, frame))| heard.bytes[15] == frame[15]));
}

#[test]
fn s_115_the_payload_of_an_unmapped_talkgroup_is_not_touched() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "TS1=91")]);
    let sent = w.call(A, call(91, 2, 0x11500, 3));
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 91, 1)]);
    for name in [B, C] {
        assert!(w.heard(name).iter().zip(&sent.frames).all(|(heard, (_, frame))| heard.bytes[16..] == frame[16..]));
    }
}

#[test]
fn s_116_talkgroup_9_of_the_reflector_is_rewritten_both_ways() {
    let mut w = with([(A, "DIAL=91"), (B, "TS2=91"), (C, "TS1=91"), (D, "DIAL=91")]);
    let from_a = w.call(A, call(9, 2, 0x11600, 3));
    w.assert_reaches(&from_a, &[(B, 91, 2), (C, 91, 1), (D, 9, 2)]);
    w.wait(6_000);
    let from_b = w.call(B, call(91, 2, 0x11601, 3));
    w.assert_reaches(&from_b, &[(A, 9, 2), (C, 91, 1), (D, 9, 2)]);
}

#[test]
fn s_116_a_mapped_talkgroup_is_rewritten_both_ways() {
    let mut w = with_map(A, 8, 2350);
    w.login(A);
    w.login_with(B, "TS2=2350");
    w.login_with(C, "TS1=2350");
    let from_a = w.call(A, call(8, 2, 0x11610, 3));
    w.assert_reaches(&from_a, &[(B, 2350, 2), (C, 2350, 1)]);
    w.wait(6_000);
    let from_c = w.call(C, call(2350, 1, 0x11611, 3));
    w.assert_reaches(&from_c, &[(A, 8, 2), (B, 2350, 2)]);
}

#[test]
fn s_116_the_rewritten_bursts_are_those_of_the_vectors() {
    let mut w = with_map(B, 235, 91);
    w.login(B);
    w.login_full(A, 2_345_678, path_from("10.1.1.1:62031".parse().unwrap()), None);
    let (path, names) = (w.client(A).path, ["head", "A", "B", "C", "D", "E", "F", "term"]);
    for (n, name) in names.iter().enumerate() {
        w.schedule(100 + 60 * n as u64, path, vectors::hex(&format!("dmrd.grp_ts2.{name}")));
    }
    w.run_until(1_000);
    let heard = w.heard(B);
    assert_eq!(heard.len(), names.len());
    for (heard, name) in heard.iter().zip(names) {
        let wanted = match name {
            "A" | "F" => vectors::burst(&format!("dmrd.grp_ts2.{name}")).to_vec(),
            "D" => continue, // There is no vector of it; the other tests check it.
            name => vectors::hex(&format!("rewrite.tg91_to_tg235.{name}")),
        };
        assert_eq!((heard.tg, heard.burst.as_slice()), (235, wanted.as_slice()), "burst {name}");
    }
}

#[test]
fn s_116_a_header_that_is_first_heard_in_mid_call_gives_its_service_options_to_what_follows() {
    let mut w = with([(A, ""), (B, "DIAL=91"), (C, ""), (D, "TS1=91")]);
    let late_header = |frames: &mut Vec<(u64, Vec<u8>)>| {
        frames[..10].rotate_left(1);
        for (n, (at, frame)) in frames.iter_mut().enumerate() {
            (*at, frame[4]) = (100 + 60 * n as u64, n as u8);
        }
    };
    let talk = call(91, 2, 0x11620, 4).without_terminator().with_options(0x24);
    let sent = w.key_edited(A, 100, talk, late_header);
    w.run_until(sent.frames[9].0 + 10);
    w.options(C, "DIAL=91");
    w.run_until(sent.end() + 10);
    w.assert_hears(D, &sent, 0..sent.frames.len(), 91, 1);
    w.assert_joins(C, &sent, 13, 9, 2);
    let heard = w.heard(B);
    assert_eq!((heard.len(), heard[9].kind), (sent.frames.len(), Kind::Header));
    for (n, heard) in heard.iter().enumerate() {
        let lc = group_lc(if n < 9 { 0 } else { 0x24 }, 9, sent.source);
        let mut wanted: [u8; 33] = sent.frames[n].1[20..53].try_into().unwrap();
        match heard.kind {
            Kind::Header => wanted = full_lc_burst(FullLc::Header, lc),
            Kind::Voice(index @ 1..=4) => put_fragment(&mut wanted, usize::from(index) - 1, lc),
            _ => {}
        }
        assert_eq!(heard.burst, wanted, "frame {n}, {:?}", heard.kind);
    }
    w.run_until(sent.end() + 5_000);
    let last = sent.frames.len() - 1;
    w.assert_made_terminator(&w.heard(B)[last + 1], &sent, last, 9, 2);
    w.assert_made_terminator(&w.heard(D)[last + 1], &sent, last, 91, 1);
}

#[test]
fn s_118_a_talker_alias_in_the_voice_of_an_unmapped_talkgroup_arrives() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "TS1=91")]);
    let blocks = ["ta0", "ta1", "ta2"].map(|name| Some(vectors::lc(&format!("fec.emblc.{name}"))));
    let sent = w.call(A, call(91, 2, 0x11800, 6).with_aliases(vec![None, blocks[0], None, blocks[1], None, blocks[2]]));
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 91, 1)]);
}

/// The LCs that the superframes carry, of those in `known`; what is none of them is `None`.
fn embedded_lcs(heard: &[Heard], known: &[[u8; 9]]) -> Vec<Option<usize>> {
    let voice: Vec<_> = heard.iter().filter(|h| matches!(h.kind, Kind::Voice(1..=4))).collect();
    let carries = |superframe: &[&Heard], lc: [u8; 9]| {
        superframe.iter().enumerate().all(|(n, heard)| {
            let mut burst = heard.burst;
            put_fragment(&mut burst, n, lc);
            burst == heard.burst
        })
    };
    voice.chunks(4).map(|superframe| known.iter().position(|&lc| carries(superframe, lc))).collect()
}

#[test]
fn s_118_a_talker_alias_survives_a_mapped_talkgroup_and_alternates_with_it() {
    let alias = ["ta0", "ta1", "ta2"].map(|name| vectors::lc(&format!("fec.emblc.{name}")));
    let sent_lcs = vec![
        None,
        Some(alias[0]),
        None,
        Some(alias[1]),
        None,
        Some(alias[2]),
        None,
        Some(alias[0]),
        None,
        None,
        None,
        None,
    ];
    for keep in [MappedAlias::Keep, MappedAlias::Drop] {
        let mut w = World::with(|config| config.policy.mapped_alias = keep);
        w.login(A);
        w.login_with(B, "DIAL=91");
        let sent = w.call(A, call(91, 2, 0x11810, 12).with_aliases(sent_lcs.clone()));
        let known = [group_lc(0, 9, sent.source), alias[0], alias[1], alias[2]];
        let shown = embedded_lcs(&w.heard(B), &known);
        assert_eq!(shown.len(), 12);
        assert!(shown.iter().all(Option::is_some), "each superframe carries one whole LC: {shown:?}");
        assert_eq!(shown[0], Some(0), "it begins with the talkgroup");
        assert!(shown.windows(2).all(|pair| pair.contains(&Some(0))), "the talkgroup every other time: {shown:?}");
        for block in 1..=3 {
            assert_eq!(
                shown.contains(&Some(block)),
                keep == MappedAlias::Keep,
                "block {block} of the alias: {shown:?}"
            );
        }
    }
}

#[test]
fn s_119_a_talker_alias_datagram_goes_to_whoever_hears_the_call() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "TS2=92"), (D, "TS1=91")]);
    let alias = |source: u32| [b"DMRA", &source.to_be_bytes()[1..], &[0], b"G0ABC A"].concat();
    let path = w.client(A).path;
    assert_eq!(w.send(path, &alias(usual_id(A))), [], "without a call nobody gets it");
    let sent = w.key(A, 1_000, call(91, 2, 0x11900, 3));
    w.run_until(1_100);
    w.sent.clear();
    let mut got: Vec<_> = w.send(path, &alias(usual_id(A))).into_iter().map(|s| (s.path, s.bytes)).collect();
    got.sort_by_key(|(path, _)| path.remote);
    assert_eq!(got, [(w.client(B).path, alias(usual_id(A))), (w.client(D).path, alias(usual_id(A)))]);
    w.run_until(sent.end());
    assert_eq!((w.notices(A), w.notices(C)), (vec![], vec![]));
}

#[test]
fn s_119_a_talker_alias_datagram_does_not_go_to_a_subscriber_who_does_not_hear_the_call() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "TS2=91,92")]);
    let before = w.call(A, call(91, 2, 0x11910, 1));
    w.assert_reaches(&before, &[(B, 91, 2), (C, 91, 2)]);
    w.wait(1_000);
    let own = w.call(C, call(92, 2, 0x11911, 1));
    let sent = w.key(A, own.end() + 1_000, call(91, 2, 0x11912, 3));
    w.run_until(sent.start() + 100);
    let (path, source) = (w.client(A).path, usual_id(A));
    let alias = [b"DMRA", &source.to_be_bytes()[1..], &[0], b"G0ABC A"].concat();
    let got: Vec<_> = w.send(path, &alias).into_iter().map(|s| s.path).collect();
    assert_eq!(got, [w.client(B).path]);
}
