//! Faults that were found by looking for them, each kept as a test.

use crate::support::client::{rptk, usual_id, usual_path, with_id};
use crate::support::coding::{FullLc, put_full_lc};
use crate::support::world::PASSPHRASE;
use crate::support::{A, B, C, Kind, World, call};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, Destination, SessionEnd, What};

#[test]
fn legs_that_never_expire_leave_nothing_behind_in_the_heap_when_they_are_displaced() {
    let mut w = World::new();
    w.login_with(A, "SINGLE=1;TIMER=0");
    for n in 0..300u32 {
        w.call(A, call(if n % 2 == 0 { 91 } else { 92 }, 2, 0x10000 + n, 1));
        w.wait(1_500);
    }
    w.wait(70_000);
    let sizes = w.core.table_sizes();
    assert!(sizes.deadlines <= 4, "{sizes:?}");
}

#[test]
fn refused_streams_are_told_of_at_a_bounded_rate_and_still_counted_one_by_one() {
    let mut w = World::new();
    w.login(A);
    let path = w.client(A).path;
    let unit = |stream: u32, seq: u8| {
        let mut frame = call(91, 2, stream, 1).frames(usual_id(A))[1].clone();
        (frame[4], frame[15]) = (seq, frame[15] | 0x40);
        frame
    };
    w.forget();
    for n in 0..1_000u32 {
        w.send(path, &unit(7 + n % 2, n as u8));
    }
    assert_eq!(w.count(|what| matches!(what, What::CallRefused { .. })), 2);
    for n in 0..10_000u32 {
        w.send(path, &unit(1_000 + n, n as u8));
    }
    assert_eq!(w.count(|what| matches!(what, What::CallRefused { .. })), 8);
    assert_eq!(w.core.refusals().get(Refusal::UnitCall), 11_000);
}

#[test]
fn a_terminator_passes_the_rate_guard_so_that_whoever_heard_the_call_hears_it_end() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let sent = w.key_edited(A, w.time(), call(91, 2, 0x55, 8), |frames| {
        let began = frames[0].0;
        frames.iter_mut().enumerate().for_each(|(n, frame)| frame.0 = began + n as u64 * 5);
    });
    w.run_until(sent.end() + 1_000);
    let heard = w.heard(B);
    assert_eq!(heard.len(), 19);
    assert_eq!(heard.iter().filter(|frame| frame.kind == Kind::Terminator).count(), 1);
}

#[test]
fn no_mstcl_goes_to_an_address_where_another_session_runs() {
    let mut w = World::new();
    let path = usual_path(A);
    w.login_full(A, 234_100_101, path, None);
    w.silence(A);
    w.wait(20_000);
    // The same hotspot comes back on the same port under another ID.
    w.login_full(B, 234_100_102, path, None);
    w.forget();
    w.wait(60_000);
    assert_eq!(w.sent.iter().filter(|sent| sent.bytes.starts_with(b"MSTCL")).count(), 0);
    let timed_out = |what: &What| matches!(what, What::Disconnected { cause: SessionEnd::TimedOut, .. });
    assert_eq!((w.count(timed_out), w.core.running_sessions()), (1, 1));
}

#[test]
fn a_header_that_speaks_of_another_call_is_made_anew_for_every_receiver() {
    for foreign in [[3, 0, 0, 0x23, 0xca, 0xce, 1, 2, 3], [0, 0, 4, 0, 0, 92, 0x23, 0xb8, 0x89]] {
        let mut w = World::new();
        w.login(A);
        w.login_with(B, "TS2=91");
        let sent = w.key_edited(A, w.time(), call(91, 2, 0x56, 1), |frames| {
            let mut burst: [u8; 33] = frames[0].1[20..53].try_into().unwrap();
            put_full_lc(&mut burst, FullLc::Header, foreign);
            frames[0].1[20..53].copy_from_slice(&burst);
        });
        w.run_until(sent.end() + 1_000);
        let heard = w.heard(B);
        assert_eq!(heard.len(), sent.frames.len());
        let mut expected: [u8; 33] = sent.frames[0].1[20..53].try_into().unwrap();
        let [_, _, source @ ..] = (heard[0].source as u64 | 91 << 24).to_be_bytes();
        put_full_lc(
            &mut expected,
            FullLc::Header,
            [[0, foreign[1], foreign[2]].as_slice(), &source].concat().try_into().unwrap(),
        );
        assert_eq!(heard[0].burst, expected, "an LC of the call, with the header's service options");
        for (heard, (_, sent)) in heard.iter().zip(&sent.frames).skip(1) {
            assert_eq!(heard.burst[..], sent[20..53]);
        }
    }
}

#[test]
fn what_a_call_displaces_at_its_begin_does_not_take_its_own_talkgroup_away() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=92");
    w.call(A, call(92, 2, 1, 1));
    w.wait(1_000);
    w.call(A, call(91, 2, 2, 1).without_terminator());
    w.options(A, "SINGLE=1");
    w.wait(100);
    let sent = w.call(A, call(92, 2, 3, 1));
    w.wait(100);
    assert_eq!(w.heard_of(B, 3).len(), sent.frames.len());
    assert!(matches!(w.starts(3)[..], [(_, call)] if matches!(call.destination, Destination::Conference(_))));
}

#[test]
fn what_a_slow_stream_has_saved_up_is_not_paid_out_at_once() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let frames = call(91, 2, 9, 400).frames(usual_id(A));
    let path = w.client(A).path;
    let mut next = frames.iter();
    while w.time() < 150_000 {
        w.send(path, next.next().unwrap());
        w.wait(4_900);
    }
    w.forget();
    for frame in next.by_ref().take(2_000) {
        w.send(path, frame);
    }
    assert_eq!(w.heard(B).len(), 50);
}

#[test]
fn a_static_that_single_mode_paused_does_not_come_back_into_its_clients_own_transmission() {
    let mut w = World::new();
    w.login_with(A, "TS2=2350;SINGLE=1;TIMER=1");
    w.forget();
    let sent = w.call(A, call(91, 2, 9, 320));
    assert_eq!(w.joined(A, 2350), [] as [u64; 0], "not before the end at {}", sent.end());
    w.wait(59_000);
    assert_eq!(w.joined(A, 2350), [] as [u64; 0]);
    w.wait(2_000);
    assert_eq!(w.joined(A, 2350), [sent.end() + 60_000]);
}

#[test]
fn a_login_that_ends_at_a_bad_configuration_is_told_to_have_ended() {
    let mut w = World::new();
    let path = usual_path(A);
    let salt = w.challenge(usual_id(A), path);
    w.answers(path, &rptk(usual_id(A), &salt, PASSPHRASE));
    assert_eq!(w.answers(path, &with_id("RPTC", usual_id(A))), [with_id("MSTNAK", usual_id(A))]);
    assert_eq!(w.count(|what| matches!(what, What::Disconnected { cause: SessionEnd::Refused, .. })), 1);
    assert_eq!(w.core.table_sizes().sessions, 0);
}

#[test]
fn a_line_that_goes_over_to_another_call_hears_the_silent_one_end_first() {
    let mut w = World::new();
    w.login(A);
    w.login(C);
    w.login_with(B, "TS2=91");
    let silent = w.call(A, call(91, 2, 0x71, 2).without_terminator());
    w.wait(1_000);
    w.call(C, call(91, 2, 0x72, 1));
    let heard = w.heard(B);
    let turn = heard.iter().position(|frame| frame.stream == 0x72).unwrap();
    let last = &heard[turn - 1];
    assert_eq!((last.stream, last.kind, last.tg), (0x71, Kind::Terminator, 91));
    assert_eq!(last.at, heard[turn].at);
    assert_eq!(heard[turn].kind, Kind::Header);
    w.wait(5_000);
    let ends = w.heard(B).iter().filter(|f| f.stream == 0x71 && f.kind == Kind::Terminator).count();
    assert_eq!(ends, 1, "and not again when the call times out");
    assert_eq!(w.ends(0x71)[0].cause, CallEnd::Timeout);
    assert!(silent.frames.len() > 1);
}

#[test]
fn an_echo_of_a_transmission_at_the_talk_limit_waits_until_its_user_is_silent() {
    let mut w = World::new();
    w.login(A);
    let sent = w.call(A, call(9990, 2, 0x73, 505));
    w.wait(10_000);
    let heard = w.heard(A);
    assert!(heard.iter().all(|frame| frame.at > sent.end()), "{:?} before {}", heard[0].at, sent.end());
}

#[test]
fn a_client_has_one_echo_at_a_time() {
    let mut w = World::new();
    w.login(A);
    w.key(A, w.time(), call(9990, 1, 0x74, 2));
    let other = w.key(A, w.time(), call(9990, 2, 0x75, 2));
    w.run_until(other.end() + 6_000);
    let slots: Vec<u8> = w.heard(A).iter().map(|frame| frame.slot).collect();
    assert_eq!(slots, [1; 14]);
}

#[test]
fn what_the_options_of_a_client_left_open_follows_a_new_configuration() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login_with(B, "TS2=91;SINGLE=0");
    w.replace(|config| config.listeners[0].defaults.single = true);
    for name in [A, B] {
        w.call(name, call(92, 2, 0x80 + name as u32, 1));
        w.wait(6_000);
    }
    assert_eq!(w.left(A, 91).len(), 1, "single mode pauses the static of A");
    assert_eq!(w.left(B, 91).len(), 0, "B asked for none");
}
