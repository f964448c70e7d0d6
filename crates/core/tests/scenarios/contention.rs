//! `behaviour.md` 11.4: who is served when a slot is wanted twice.

use crate::support::{A, B, C, D, Name, World, call};
use ragchew_core::config::FirstCall;
use ragchew_core::refusal::Refusal;
use ragchew_core::{Mono, Span};

fn with<const N: usize>(clients: [(Name, &str); N]) -> World {
    let mut w = World::new();
    for (name, options) in clients {
        w.login_with(name, options);
    }
    w
}

#[test]
fn s_105_after_an_own_call_another_talkgroup_waits_for_the_hang_time_and_begins_with_a_header() {
    let mut w = with([(B, "TS2=91,92"), (C, ""), (D, "TS2=91")]);
    let own = w.call(B, call(92, 2, 0x10500, 2));
    let other = w.key(C, own.end() + 3_000, call(91, 2, 0x10501, 14));
    w.run_until(other.end());
    w.assert_joins(B, &other, other.next_burst_a(own.end() + 5_000), 91, 2);
    w.assert_hears(D, &other, 0..other.frames.len(), 91, 2);
}

#[test]
fn s_105_a_call_that_begins_after_the_hang_time_is_delivered_whole() {
    let mut w = with([(B, "TS2=91,92"), (C, "")]);
    let own = w.call(B, call(92, 2, 0x10510, 2));
    let other = w.key(C, own.end() + 5_100, call(91, 2, 0x10511, 2));
    w.run_until(other.end());
    w.assert_reaches(&other, &[(B, 91, 2)]);
}

#[test]
fn s_106_after_a_delivered_call_another_talkgroup_waits() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=91,92"), (C, ""), (D, "")]);
    let first = w.call(D, call(92, 1, 0x10600, 2));
    w.assert_reaches(&first, &[(B, 92, 2)]);
    let other = w.key(C, first.end() + 3_000, call(91, 1, 0x10601, 2));
    w.run_until(other.end());
    w.assert_reaches(&other, &[(A, 91, 2)]);
}

#[test]
fn s_106_another_speaker_on_the_same_talkgroup_need_not_wait() {
    let mut w = with([(B, "TS2=91,92"), (C, ""), (D, "")]);
    let first = w.call(D, call(92, 1, 0x10610, 2));
    let other = w.key(C, first.end() + 3_000, call(92, 2, 0x10611, 2));
    w.run_until(other.end());
    w.assert_reaches(&other, &[(B, 92, 2), (D, 92, 1)]);
}

#[test]
fn s_107_another_speaker_waits_for_360_ms_of_silence() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=91"), (C, "TS2=91")]);
    let first = w.key(A, 100, call(91, 2, 0x10700, 2));
    let other = w.key(C, first.end() + 200, call(91, 2, 0x10701, 4));
    w.run_until(other.end());
    w.assert_hears(B, &first, 0..first.frames.len(), 91, 2);
    let from = other.next_burst_a(first.end() + 360);
    w.assert_joins(B, &other, from, 91, 2);
    w.assert_joins(A, &other, from, 91, 2);
    w.assert_hears(C, &first, 0..first.frames.len(), 91, 2);
}

#[test]
fn s_108_whoever_talks_is_not_talked_to_until_360_ms_later() {
    let mut w = with([(B, "TS2=91"), (C, "TS2=91")]);
    let own = w.key(B, 100, call(91, 2, 0x10800, 4));
    let other = w.key(C, own.end() - 500, call(91, 2, 0x10801, 6));
    w.run_until(other.end());
    w.assert_joins(B, &other, other.next_burst_a(own.end() + 360), 91, 2);
}

#[test]
fn s_109_a_busy_slot_does_not_hold_up_the_other() {
    let mut w = with([(A, ""), (B, "TS1=92;TS2=91"), (C, ""), (D, "")]);
    let own = w.key(B, 100, call(92, 1, 0x10900, 4));
    let other = w.key(C, 300, call(91, 2, 0x10901, 2));
    w.run_until(own.end());
    w.assert_reaches(&other, &[(B, 91, 2)]);
    w.wait(6_000);
    let to_slot_1 = w.key(D, w.time(), call(92, 1, 0x10902, 4));
    let to_slot_2 = w.key(A, w.time() + 200, call(91, 1, 0x10903, 2));
    w.run_until(to_slot_1.end());
    w.assert_reaches(&to_slot_1, &[(B, 92, 1)]);
    w.assert_reaches(&to_slot_2, &[(B, 91, 2), (C, 91, 2)]);
}

#[test]
fn s_110_without_hang_time_another_talkgroup_may_follow_at_once() {
    let mut w = World::with(|config| config.listeners[0].defaults.hang_time = Span::secs(0));
    w.login_with(B, "TS2=91,92,93");
    w.login(C);
    let own = w.key(B, 100, call(92, 2, 0x11000, 2));
    let second = w.key(C, own.end() + 60, call(91, 2, 0x11001, 2));
    let third = w.key(C, second.end() + 60, call(93, 2, 0x11002, 2));
    w.run_until(third.end());
    w.assert_reaches(&second, &[(B, 91, 2)]);
    w.assert_reaches(&third, &[(B, 93, 2)]);
}

#[test]
fn s_110_without_hang_time_one_slot_still_carries_one_call_at_a_time() {
    let mut w = World::with(|config| config.listeners[0].defaults.hang_time = Span::secs(0));
    w.login_with(B, "TS2=91,92");
    w.login(C);
    w.login(D);
    let first = w.key(C, 100, call(91, 2, 0x11010, 3));
    let second = w.key(D, 400, call(92, 2, 0x11011, 8));
    w.run_until(second.end());
    w.assert_reaches(&first, &[(B, 91, 2)]);
    w.assert_joins(B, &second, second.next_burst_a(first.end() + 1), 92, 2);
}

#[test]
fn s_079_a_conference_under_two_numbers_on_one_slot_is_delivered_under_one() {
    let mut w = with([(A, "TS2=91;DIAL=91"), (B, "")]);
    let sent = w.call(B, call(91, 1, 0x7900, 3));
    let heard = w.heard(A);
    assert_eq!(heard.len(), sent.frames.len());
    let tg = heard[0].tg;
    assert!(tg == 91 || tg == 9);
    w.assert_reaches(&sent, &[(A, tg, 2)]);
}

#[test]
fn s_079_a_conference_under_two_numbers_on_one_slot_ends_once() {
    for options in ["TS2=91;DIAL=91", "DIAL=91;TS2=91,92"] {
        let mut w = with([(A, options), (B, "")]);
        let sent = w.call(B, call(91, 1, 0x7910, 3).without_terminator());
        w.wait(10_000);
        let heard = w.heard(A);
        assert_eq!(heard.len(), sent.frames.len() + 1);
        let last = sent.frames.len() - 1;
        w.assert_made_terminator(&heard[last + 1], &sent, last, heard[0].tg, 2);
    }
}

#[test]
fn s_111_a_call_right_after_the_start_is_delivered() {
    for began in [Mono(0), Mono(1), Mono(0) + Span::secs(1)] {
        let mut w = World::beginning_at(began, |config| config.policy.first_call = FirstCall::Pass);
        w.login(A);
        w.login_with(B, "TS2=91");
        let sent = w.call(A, call(91, 2, 0x11100, 1));
        assert_eq!(sent.start(), 0);
        w.assert_reaches(&sent, &[(B, 91, 2)]);
    }
}

#[test]
fn a_stream_that_another_client_already_brings_is_a_loop() {
    let mut w = with([(A, ""), (B, ""), (C, "TS2=91"), (D, "TS1=91")]);
    let first = w.key(A, 100, call(91, 2, 0x11190, 3));
    let copy = w.key(B, 130, call(91, 2, 0x11190, 3).by(first.source));
    w.run_until(copy.end());
    w.wait(6_000);
    w.assert_hears(C, &first, 0..first.frames.len(), 91, 2);
    w.assert_hears(D, &first, 0..first.frames.len(), 91, 1);
    assert_eq!((w.starts(0x11190).len(), w.ends(0x11190).len()), (1, 1));
    assert_eq!(w.core.refusals().get(Refusal::Loop), copy.frames.len() as u64);
}

#[test]
fn s_112_of_two_calls_at_once_the_first_is_heard() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=91"), (C, "TS2=91"), (D, "TS1=91")]);
    let first = w.key(A, 100, call(91, 2, 0x11200, 3));
    let second = w.key(B, 110, call(91, 2, 0x11201, 3));
    w.run_until(second.end());
    w.assert_hears(C, &first, 0..first.frames.len(), 91, 2);
    w.assert_hears(D, &first, 0..first.frames.len(), 91, 1);
    w.assert_hears(B, &first, 0..1, 91, 2); // Its header came before B keyed up.
    w.assert_silent(A);
    w.assert_reaches_nobody(&second);
    assert_eq!((w.starts(0x11200).len(), w.starts(0x11201).len()), (1, 1), "both are calls");
}
