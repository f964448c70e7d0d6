//! `behaviour.md` 11.8: the echo.

use crate::support::calls::FRAME;
use crate::support::{A, B, C, Heard, Kind, SentCall, World, asserts, call};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{Destination, What};

/// `heard` is what was sent, from `start` on: each frame at its place in the sequence, under a stream ID of the server's.
fn assert_played(heard: &[Heard], sent: &SentCall, start: u64) {
    let first = sent.frames[0].1[4];
    assert_eq!(heard.len(), sent.frames.len(), "frames played");
    for (heard, (_, frame)) in heard.iter().zip(&sent.frames) {
        let offset = frame[4].wrapping_sub(first);
        assert_eq!((heard.seq, heard.at), (offset, start + FRAME * u64::from(offset)));
        assert_ne!(heard.stream, sent.call.stream);
        asserts::assert_untouched(&heard.bytes, frame, &[32..40, 128..160]); // Sequence number and stream ID.
    }
    let stream = heard[0].stream;
    assert!(stream != 0 && heard.iter().all(|heard| heard.stream == stream));
}

#[test]
fn s_213_a_call_to_the_echo_comes_back_2_s_after_its_end_to_its_speaker_alone() {
    for slot in [1, 2] {
        let mut w = World::new();
        for name in [A, B, C] {
            w.login(name);
        }
        let sent = w.call(A, call(9990, slot, 0x21300, 14).with_ber_rssi(3, 60));
        assert!(sent.end() - sent.start() >= 5_000);
        assert_eq!(w.starts(0x21300)[0].1.destination, Destination::Echo);
        w.run_until(sent.end() + 1_999);
        w.assert_silent(A);
        w.run_until(sent.end() + 30_000);
        assert_played(&w.heard(A), &sent, sent.end() + 2_000);
        let frames = sent.frames.len() as u32;
        assert_eq!(w.count(|what| matches!(*what, What::EchoStarted { frames: n, .. } if n == frames)), 1);
        w.assert_silent(B);
        w.assert_silent(C);
        assert_eq!(w.core.table_sizes().echoes, 0);
    }
}

#[test]
fn s_213_frames_that_were_lost_leave_their_gap_in_the_echo() {
    let mut w = World::new();
    w.login(A);
    let lose = |frames: &mut Vec<(u64, Vec<u8>)>| drop(frames.drain(7..9));
    let sent = w.key_edited(A, 100, call(9990, 2, 0x21310, 3).first_seq(250), lose);
    w.run_until(sent.end() + 30_000);
    assert_played(&w.heard(A), &sent, sent.end() + 2_000);
}

#[test]
fn s_213_a_call_without_terminator_is_played_after_its_timeout() {
    let mut w = World::new();
    w.login(A);
    let sent = w.call(A, call(9990, 2, 0x21320, 3).without_terminator());
    w.run_until(sent.end() + 30_000);
    let mut heard = w.heard(A);
    assert!(heard.len() <= sent.frames.len() + 1, "at most a terminator is added");
    if heard.len() > sent.frames.len() {
        assert_eq!(heard.pop().map(|last| last.kind), Some(Kind::Terminator));
    }
    assert_played(&heard, &sent, sent.end() + 5_000 + 2_000);
}

#[test]
fn s_213_a_call_to_the_echo_while_it_plays_is_not_recorded() {
    let mut w = World::new();
    w.login(A);
    let sent = w.call(A, call(9990, 2, 0x21340, 14));
    let again = w.key(A, sent.end() + 3_000, call(9990, 2, 0x21341, 2));
    w.run_until(again.end());
    assert_eq!(w.core.table_sizes().echoes, 1, "the one that plays");
    w.run_until(sent.end() + 60_000);
    assert_eq!(w.core.table_sizes().echoes, 0);
    assert_eq!(w.starts(0x21341)[0].1.destination, Destination::Nowhere(Refusal::EchoBusy));
    assert_eq!(w.count(|what| matches!(what, What::EchoStarted { .. })), 1);
    let heard = w.heard(A);
    let talking = again.start()..again.end() + 360;
    assert!(heard.iter().all(|heard| !talking.contains(&heard.at)), "whoever talks hears nothing");
    let wanted = sent.frames.iter().map(|(_, frame)| sent.end() + 2_000 + FRAME * u64::from(frame[4]));
    assert!(heard.iter().map(|heard| heard.at).eq(wanted.filter(|at| !talking.contains(at))), "the rest goes on");
}

#[test]
fn s_213_any_other_call_on_its_slot_cancels_an_echo_that_waits() {
    for tg in [91, 9, 4000] {
        let mut w = World::new();
        w.login(A);
        let sent = w.call(A, call(9990, 2, 0x21350, 14));
        w.run_until(sent.end() + 1_000);
        assert_eq!(w.core.table_sizes().echoes, 1);
        w.call(A, call(tg, 2, 0x21351, 1));
        assert_eq!(w.core.table_sizes().echoes, 0);
        w.run_until(sent.end() + 60_000);
        w.assert_silent(A);
        assert_eq!(w.count(|what| matches!(what, What::EchoStarted { .. })), 0);
    }
}

#[test]
fn s_213_any_other_call_on_its_slot_cancels_an_echo_that_plays() {
    for tg in [91, 9, 4000] {
        let mut w = World::new();
        w.login(A);
        let sent = w.call(A, call(9990, 2, 0x21360, 14));
        w.run_until(sent.end() + 3_000 - 30);
        assert_eq!((w.heard(A).len(), w.core.table_sizes().echoes), (17, 1));
        w.call(A, call(tg, 2, 0x21361, 1));
        assert_eq!(w.core.table_sizes().echoes, 0);
        w.run_until(sent.end() + 60_000);
        assert_eq!(w.heard(A).len(), 17, "no frame after the key was pressed");
    }
}

#[test]
fn s_213_a_call_on_the_other_slot_cancels_no_echo() {
    let mut w = World::new();
    w.login(A);
    let sent = w.call(A, call(9990, 2, 0x21370, 14));
    w.key(A, sent.end() + 1_000, call(91, 1, 0x21371, 2));
    w.key(A, sent.end() + 3_000, call(91, 1, 0x21372, 2));
    w.run_until(sent.end() + 30_000);
    assert_played(&w.heard(A), &sent, sent.end() + 2_000);
}

#[test]
fn s_213_another_call_to_the_echo_takes_the_place_of_one_that_waits() {
    let mut w = World::new();
    w.login(A);
    let first = w.call(A, call(9990, 2, 0x21380, 3));
    let second = w.key(A, first.end() + 1_500, call(9990, 2, 0x21381, 5));
    w.run_until(second.end() + 60_000);
    assert_played(&w.heard(A), &second, second.end() + 2_000);
    assert_eq!(w.core.table_sizes().echoes, 0);
}

#[test]
fn s_213_the_echo_as_default_reflector_answers_on_talkgroup_9() {
    let mut w = World::new();
    w.login_with(A, "DIAL=9990");
    w.login_with(B, "DIAL=9990");
    let sent = w.call(A, call(9, 2, 0x21330, 3));
    w.run_until(sent.end() + 30_000);
    assert_played(&w.heard(A), &sent, sent.end() + 2_000);
    w.assert_silent(B);
}

#[test]
fn s_214_two_echoes_at_once_do_not_mix() {
    let mut w = World::new();
    w.login(A);
    w.login(B);
    let from_a = w.key(A, 100, call(9990, 2, 0x21400, 4));
    let from_b = w.key(B, 130, call(9990, 2, 0x21401, 4));
    w.run_until(30_000);
    assert_played(&w.heard(A), &from_a, from_a.end() + 2_000);
    assert_played(&w.heard(B), &from_b, from_b.end() + 2_000);
    assert_ne!(w.heard(A)[0].stream, w.heard(B)[0].stream);
}
