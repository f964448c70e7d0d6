//! One past each limit of `limits.rs` that no other scenario goes past; `tests/limits.txt` says which test that is for each.

use crate::support::calls::FRAME;
use crate::support::client::{path_from, rptk, usual_id, usual_path, with_id};
use crate::support::world::{PASSPHRASE, Sent};
use crate::support::{A, B, Kind, Name, World, call};
use ragchew_core::config::{ClientOverride, TgMap};
use ragchew_core::id::{ClientId, ConferenceTg, RfTg, Slot};
use ragchew_core::limits::{
    CODED_NUMBERS, DEADLINES_PER_TURN, ECHO_FRAMES, ECHO_FRAMES_PER_TURN, MAX_ALIAS_PER_CALL, MAX_ECHOES, MAX_STATIC,
    MAX_USER_ACTIVATED, NAK_TOTAL, STRANGER_EVENTS,
};
use ragchew_core::net::Path;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{Destination, SubscriptionEnd, What};
use ragchew_core::{Mono, Span};
use std::net::SocketAddr;

/// `count` clients beside A to Z.
fn many(count: usize) -> Vec<Name> {
    (0x4e00..).filter_map(char::from_u32).take(count).collect()
}

/// Stranger `n`, each at an address of its own.
fn stranger(n: u32) -> (u32, Path) {
    (3_000_000 + n, path_from(SocketAddr::from(([10, 9, (n >> 8) as u8, n as u8], 62_000))))
}

#[test]
fn the_65th_static_talkgroup_of_a_slot_is_void_and_the_other_slot_has_its_own_64() {
    let mut w = World::new();
    w.login_with(A, "TS1=100-162,163,164;TS2=200-263");
    let in_force = w.options_in_force(A);
    assert_eq!((in_force.statics, in_force.voided), ([MAX_STATIC as u16; 2], 1));
    let legs = w.legs(A);
    assert!(legs.contains(&(1, 163, 163)) && !legs.contains(&(1, 164, 164)) && legs.contains(&(2, 263, 263)));
    assert_eq!(legs.len(), 2 * MAX_STATIC);
}

#[test]
fn the_33rd_user_activated_talkgroup_of_a_slot_takes_the_place_of_the_oldest() {
    let mut w = World::new();
    w.login_with(A, "TS2=91;TIMER=0");
    let activate = |w: &mut World, n: u32| {
        w.call(A, call(1_000 + n, 2, 0x50100 + n, 1));
        w.wait(1_000);
    };
    for n in 0..MAX_USER_ACTIVATED as u32 {
        activate(&mut w, n);
    }
    assert_eq!((w.legs(A).len(), w.left(A, 1_000)), (MAX_USER_ACTIVATED + 1, vec![]));
    activate(&mut w, MAX_USER_ACTIVATED as u32);
    assert_eq!(w.left(A, 1_000).iter().map(|&(_, why)| why).collect::<Vec<_>>(), [SubscriptionEnd::Oldest]);
    assert_eq!((w.left(A, 1_001), w.left(A, 91)), (vec![], vec![]), "nothing else goes");
    assert_eq!(w.legs(A).len(), MAX_USER_ACTIVATED + 1);
}

#[test]
fn the_65th_echo_at_once_is_busy_and_there_is_a_place_as_soon_as_one_has_been_played() {
    let mut w = World::new();
    let names = many(MAX_ECHOES + 1);
    names.iter().for_each(|&name| w.login(name));
    let start = w.time() + 100;
    for (n, &name) in names.iter().enumerate() {
        w.key(name, start + n as u64, call(9990, 2, 0x50200 + n as u32, 1));
    }
    w.run_until(start + 300);
    let destination = |w: &World, stream: u32| w.starts(stream)[0].1.destination;
    assert_eq!(destination(&w, 0x50200 + MAX_ECHOES as u32 - 1), Destination::Echo);
    assert_eq!(destination(&w, 0x50200 + MAX_ECHOES as u32), Destination::Nowhere(Refusal::EchoBusy));
    assert_eq!(w.core.table_sizes().echoes, MAX_ECHOES);
    w.wait(10_000);
    assert_eq!(w.count(|what| matches!(what, What::EchoStarted { .. })), MAX_ECHOES);
    w.call(names[MAX_ECHOES], call(9990, 2, 0x50300, 1));
    assert_eq!(destination(&w, 0x50300), Destination::Echo);
}

#[test]
fn an_echo_holds_3000_frames_and_what_is_longer_ends_with_a_terminator_of_ours() {
    for more in [0, 1] {
        let mut w = World::new();
        w.login(A);
        let mut long = call(9990, 2, 0x50400, ECHO_FRAMES / 6);
        long.cut = 2 - more;
        // Faster than speech, or the talk limit would end it first.
        let sent = w.key_edited(A, 1_000, long, |frames| {
            frames.iter_mut().enumerate().for_each(|(n, frame)| frame.0 = 1_000 + 45 * n as u64);
        });
        assert_eq!(sent.frames.len(), ECHO_FRAMES + more);
        w.run_until(sent.end() + 2_000 + FRAME * (ECHO_FRAMES as u64 + 10));
        assert_eq!(w.core.refusals().get(Refusal::RateGuard), 0);
        let heard = w.heard(A);
        assert_eq!((heard.len(), heard.last().map(|last| last.kind)), (ECHO_FRAMES + more, Some(Kind::Terminator)));
        let voice = heard.iter().filter(|heard| matches!(heard.kind, Kind::Voice(_))).count();
        assert_eq!(voice, ECHO_FRAMES - 2 + more);
    }
}

#[test]
fn after_a_standstill_echoes_take_turns_of_8_frames() {
    let mut w = World::new();
    w.login(A);
    w.login(B);
    for (name, stream) in [(A, 0x50500), (B, 0x50501)] {
        w.key(name, 1_000, call(9990, 2, stream, 6));
    }
    w.run_until(1_000 + 37 * FRAME + 2_000);
    assert_eq!((w.heard(A).len(), w.heard(B).len()), (1, 1));
    let sent = w.stand_still(17 * FRAME);
    let runs: Vec<_> = sent.chunk_by(|one, next| one.path == next.path).map(<[Sent]>::len).collect();
    assert_eq!(runs, [8, 8, 8, 8, 1, 1], "17 frames each, {ECHO_FRAMES_PER_TURN} at a time");
}

#[test]
fn an_echo_whose_line_stays_taken_is_given_up_after_10_s() {
    // It looks each 60 ms, for the last time 10.02 s after the first.
    for (end, played) in [(10_019, 1), (10_020, 0)] {
        let mut w = World::with(|config| config.listeners[0].defaults.hang_time = Span(0));
        w.login_with(A, "TS2=91");
        w.login(B);
        let sent = w.call(A, call(9990, 2, 0x50600, 1));
        let due = sent.end() + 2_000;
        let frames = 30 * 6 + 2;
        let other = w.key(B, due + end - FRAME * (frames - 1), call(91, 2, 0x50601, 30));
        assert_eq!(other.end(), due + end);
        w.run_until(due + end + 20_000);
        assert!(!w.heard_of(A, 0x50601).is_empty());
        assert_eq!(w.count(|what| matches!(what, What::EchoStarted { .. })), played, "free after {end} ms");
        assert_eq!(w.core.table_sizes().echoes, 0);
    }
}

#[test]
fn with_more_numbers_than_are_kept_coded_everybody_hears_the_call_under_the_right_one() {
    let names = many(CODED_NUMBERS + 1);
    let mut w = World::with(|config| {
        let number = |n: usize, &name: &Name| ClientOverride {
            client: ClientId(usual_id(name)),
            map: vec![TgMap { slot: Slot::Two, rf_tg: RfTg(100 + n as u32), conference: ConferenceTg(2350) }],
            ..ClientOverride::default()
        };
        config.listeners[0].clients = names.iter().enumerate().map(|(n, name)| number(n, name)).collect();
        config.listeners[0].clients.sort_by_key(|one| one.client);
    });
    names.iter().for_each(|&name| w.login(name));
    w.login(B);
    let sent = w.call(B, call(2350, 2, 0x50700, 3));
    let to: Vec<_> = names.iter().enumerate().map(|(n, &name)| (name, 100 + n as u32, 2)).collect();
    w.assert_reaches(&sent, &to);
}

#[test]
fn the_17th_talker_alias_datagram_of_a_call_stays_here_and_the_next_call_has_its_own_16() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let path = w.client(A).path;
    for stream in [0x50800, 0x50801] {
        let sent = w.key(A, w.time() + 1_000, call(91, 2, stream, 4));
        w.run_until(sent.start() + 100);
        let passed = (0..=MAX_ALIAS_PER_CALL).map(|n| {
            let alias = [b"DMRA", &usual_id(A).to_be_bytes()[1..], &[n % 4], b"G0ABC A"].concat();
            w.send(path, &alias).len()
        });
        let passed: Vec<_> = passed.collect();
        assert_eq!(passed, [vec![1; usize::from(MAX_ALIAS_PER_CALL)], vec![0]].concat());
        w.run_until(sent.end());
    }
}

#[test]
fn an_input_works_off_256_deadlines_and_leaves_the_rest_to_the_next() {
    let mut w = World::new();
    let names = many(DEADLINES_PER_TURN + 1);
    for &name in &names {
        w.login(name);
        w.silence(name);
    }
    assert_eq!(w.time(), 0);
    w.run_until(59_999);
    w.forget();
    assert_eq!(w.stand_still(1).len(), DEADLINES_PER_TURN);
    assert_eq!(w.core.running_sessions(), 1);
    assert_eq!(w.stand_still(0).len(), 1);
    assert_eq!(w.core.running_sessions(), 0);
}

#[test]
fn the_1001st_refusal_at_once_is_not_sent_and_there_is_one_more_each_millisecond() {
    let mut w = World::new();
    let refused = |w: &mut World, n: u32| {
        let (id, path) = stranger(n);
        w.answers(path, &with_id("RPTPING", id)).len()
    };
    assert_eq!((0..NAK_TOTAL.burst).map(|n| refused(&mut w, n)).sum::<usize>(), NAK_TOTAL.burst as usize);
    assert_eq!(refused(&mut w, 2_000), 0);
    w.wait(1);
    assert_eq!((refused(&mut w, 2_001), refused(&mut w, 2_002)), (1, 0));
}

#[test]
fn the_201st_login_at_once_is_answered_but_not_told_and_there_is_one_more_each_20_ms() {
    let mut w = World::new();
    let told = |w: &World| w.count(|what| matches!(what, What::LoginStarted { .. }));
    for n in 0..=STRANGER_EVENTS.burst {
        let (id, path) = stranger(n);
        w.challenge(id, path);
    }
    assert_eq!(told(&w), STRANGER_EVENTS.burst as usize);
    for (millis, wanted) in [(19, 200), (1, 201), (0, 201)] {
        w.wait(millis);
        let (id, path) = stranger(1_000 + w.time() as u32 + wanted);
        w.challenge(id, path);
        assert_eq!(told(&w), wanted as usize, "after {} ms", w.time());
    }
}

#[test]
fn four_wrong_answers_are_remembered_for_600_s_after_the_last_of_them() {
    for (pause, ignored) in [(599_999, true), (600_000, false)] {
        let mut w = World::new();
        let (id, path) = (usual_id(A), usual_path(A));
        let fails = |w: &mut World| {
            let salt = w.challenge(id, path);
            assert_eq!(w.answers(path, &rptk(id, &salt, b"wrong")), [with_id("MSTNAK", id)]);
        };
        for _ in 0..4 {
            w.wait(10_000);
            fails(&mut w);
        }
        w.wait(pause);
        fails(&mut w);
        assert_eq!(w.send(path, &with_id("RPTL", id)).is_empty(), ignored, "{pause} ms after the fourth");
    }
}

#[test]
fn a_challenge_is_good_to_the_end_of_the_epoch_after_its_own() {
    let began = Mono(60_000_000_000_000); // An epoch begins here.
    for (asked, answered, answer) in
        [(0, 119_999, "RPTACK"), (0, 120_000, "MSTNAK"), (59_999, 119_999, "RPTACK"), (59_999, 120_000, "MSTNAK")]
    {
        let mut w = World::beginning_at(began, |_| {});
        let (id, path) = (usual_id(A), usual_path(A));
        w.run_until(asked);
        let salt = w.challenge(id, path);
        w.run_until(answered);
        assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [with_id(answer, id)], "{asked} to {answered}");
    }
}

#[test]
fn a_talkgroup_that_goes_long_before_its_time_is_out_of_the_heap_after_60_s() {
    let mut w = World::new();
    w.login_with(A, "TIMER=60");
    w.wait(5_000);
    let sent = w.call(A, call(91, 2, 0x50900, 1));
    w.wait(1_000);
    w.close(A);
    let mut deadlines = |at: u64| {
        w.run_until(at);
        let sizes = w.core.table_sizes();
        assert_eq!(sizes.subscriptions, 0);
        sizes.deadlines
    };
    let look = sent.start() + 60_000;
    assert_eq!([look - 1, look].map(&mut deadlines), [2, 1], "the memory of the stream is for later");
}
