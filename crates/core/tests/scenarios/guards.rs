//! `behaviour.md` 3.4 and 3.5: what a running call, a line and the memory of streams are guarded against: frames that do not
//! belong, repeats, floods of calls, copies by another way.

use crate::support::client::usual_id;
use crate::support::{A, B, C, Name, World, call};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, What};
use std::collections::BTreeSet;

const RADIO_1: u32 = 2_342_221;
const RADIO_2: u32 = 2_342_222;

fn with<const N: usize>(clients: [(Name, &str); N]) -> World {
    let mut w = World::new();
    for (name, options) in clients {
        w.login_with(name, options);
    }
    w
}

/// How many frames of `stream` are told as refused because of `why`; it is told once.
fn refused(w: &World, stream: u32, why: Refusal) -> usize {
    w.count(|what| matches!(*what, What::CallRefused { stream: s, why: w, .. } if s.0 == stream && w == why))
}

#[test]
fn another_source_or_talkgroup_under_the_same_stream_is_refused_and_does_not_touch_the_call() {
    const STREAM: u32 = 0x30100;
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "TS2=92")]);
    let path = w.client(A).path;
    let sent = w.key(A, 1_000, call(91, 2, STREAM, 6).without_terminator());
    let others = [call(92, 2, STREAM, 1), call(91, 2, STREAM, 1).by(RADIO_1), call(92, 2, STREAM, 1).by(RADIO_1)];
    let others = others.map(|other| other.first_seq(90).frames(usual_id(A)));
    for (n, frame) in others.iter().flatten().enumerate() {
        w.schedule(1_330 + 60 * n as u64, path, frame.clone());
    }
    for n in 1..=48 {
        let frame = &others[n % 3][n % 8];
        w.schedule(sent.end() + 100 * n as u64, path, frame.clone());
    }
    w.run_until(sent.end() + 4_999);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!((w.core.refusals().get(Refusal::OtherAddressing), w.ends(STREAM)), (24 + 48, vec![]));
    w.run_until(sent.end() + 5_000);
    let ends = w.ends(STREAM);
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].at, ends[0].cause), (sent.end() + 5_000, CallEnd::Timeout));
    assert_eq!((ends[0].frames as usize, ends[0].lost, ends[0].reordered), (sent.frames.len(), 0, 0));
    assert_eq!((w.starts(STREAM).len(), refused(&w, STREAM, Refusal::OtherAddressing)), (1, 1));
    assert_eq!(w.legs(A), BTreeSet::from([(2, 91, 91)]));
    w.assert_silent(C);
}

/// Frames of `stream` as they are not to be counted: ten that come too late, never heard before, and copies of the last one.
fn late_and_repeated(stream: u32) -> (Vec<Vec<u8>>, Vec<u8>) {
    let frames = call(91, 2, stream, 2).by(RADIO_1).without_terminator().frames(usual_id(A));
    let late = frames[1..11].iter().cloned().map(|mut frame| {
        frame[28] ^= 0xff;
        frame
    });
    (late.collect(), frames[12].clone())
}

#[test]
fn repeats_and_late_frames_do_not_put_off_the_timeout() {
    const STREAM: u32 = 0x30200;
    let mut w = with([(A, ""), (B, "TS2=91")]);
    let path = w.client(A).path;
    let sent = w.call(A, call(91, 2, STREAM, 2).by(RADIO_1).without_terminator());
    let (late, last) = late_and_repeated(STREAM);
    for (n, frame) in late.into_iter().enumerate() {
        w.schedule(sent.end() + 90 * (n as u64 + 1), path, frame);
    }
    for n in 1..50 {
        w.schedule(sent.end() + 100 * n, path, last.clone());
    }
    w.run_until(sent.end() + 4_999);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.ends(STREAM), []);
    w.run_until(sent.end() + 5_000);
    let ends = w.ends(STREAM);
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].at, ends[0].cause), (sent.end() + 5_000, CallEnd::Timeout));
    assert_eq!((ends[0].frames as usize, ends[0].lost, ends[0].reordered), (sent.frames.len(), 0, 10));
    assert_eq!(ends[0].millis, sent.end() - sent.start());
    assert_eq!(w.core.refusals().get(Refusal::Duplicate), 49);
}

#[test]
fn repeats_and_late_frames_do_not_keep_a_slot_for_their_radio() {
    const STREAM: u32 = 0x30300;
    let mut w = with([(A, ""), (B, "TS2=91")]);
    let path = w.client(A).path;
    let sent = w.call(A, call(91, 2, STREAM, 2).by(RADIO_1).without_terminator());
    let (late, last) = late_and_repeated(STREAM);
    w.schedule(sent.end() + 340, path, late[3].clone());
    w.schedule(sent.end() + 350, path, last);
    let other = w.key(A, sent.end() + 360, call(91, 2, STREAM + 1, 2).by(RADIO_2));
    w.run_until(other.end());
    assert_eq!(w.starts(STREAM + 1).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [other.start()]);
    w.assert_reaches(&other, &[(B, 91, 2)]);
}

#[test]
fn repeats_and_late_frames_do_not_keep_a_client_from_hearing_others() {
    const STREAM: u32 = 0x30400;
    let mut w = with([(A, "TS2=91"), (B, "TS2=91"), (C, "TS2=91")]);
    let path = w.client(A).path;
    let sent = w.call(A, call(91, 2, STREAM, 2).by(RADIO_1).without_terminator());
    let (late, last) = late_and_repeated(STREAM);
    w.schedule(sent.end() + 340, path, late[3].clone());
    w.schedule(sent.end() + 350, path, last);
    let other = w.key(B, sent.end() + 360, call(91, 2, STREAM + 1, 2));
    w.run_until(other.end());
    w.assert_reaches(&other, &[(A, 91, 2), (C, 91, 2)]);
}

/// `name` sends the header of a new stream now; whether that begins a call.
fn begins(w: &mut World, name: Name, slot: u8, stream: u32) -> bool {
    w.call(name, call(91, slot, stream, 1).cut_to(1));
    w.starts(stream).len() == 1
}

#[test]
fn the_ninth_call_within_a_second_is_refused_by_name_and_other_slots_are_not_affected() {
    let mut w = with([(A, "TS1=91;TS2=91"), (B, "TS2=91")]);
    w.wait(1_000);
    for n in 1..=8 {
        assert!(begins(&mut w, A, 2, 0x30500 + n), "call {n}");
    }
    assert!(!begins(&mut w, A, 2, 0x30509));
    assert_eq!((refused(&w, 0x30509, Refusal::StreamStarts), w.core.refusals().get(Refusal::StreamStarts)), (1, 1));
    assert_eq!(w.ends(0x30508), [], "the call on the air is not harmed");
    assert!(begins(&mut w, A, 1, 0x30511) && begins(&mut w, B, 2, 0x30512));
    w.wait(999);
    assert!(!begins(&mut w, A, 2, 0x30521));
    w.wait(1);
    assert!(begins(&mut w, A, 2, 0x30522) && !begins(&mut w, A, 2, 0x30523));
    w.wait(8_000);
    for n in 1..=8 {
        assert!(begins(&mut w, A, 2, 0x30530 + n), "call {n} after a pause");
    }
    assert!(!begins(&mut w, A, 2, 0x30539));
}

#[test]
fn frames_that_may_not_begin_a_call_do_not_use_up_the_calls_of_their_slot() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=91")]);
    let path = w.client(A).path;
    let sent = w.call(A, call(91, 2, 0x30600, 1));
    w.wait(10_000);
    for _ in 0..20 {
        assert_eq!(w.send(path, &sent.frames[3].1), []);
    }
    assert_eq!(w.core.refusals().get(Refusal::AfterEnd), 20);
    for n in 1..=8 {
        assert!(begins(&mut w, A, 2, 0x30600 + n), "call {n}");
    }
}

#[test]
fn a_copy_of_an_ended_stream_by_another_client_is_a_loop_until_180_s_after_its_end() {
    const STREAM: u32 = 0x30700;
    let copy = || call(91, 2, STREAM, 2);
    for original in [copy(), copy().without_terminator()] {
        let mut w = with([(A, ""), (B, ""), (C, "TS2=91")]);
        w.call(A, original);
        w.wait(5_000);
        let end = w.ends(STREAM)[0].at;
        w.sent.clear();
        let first = w.key(B, end + 100_000, copy());
        w.key(B, end + 179_999, copy().cut_to(1));
        w.run_until(end + 179_999);
        w.assert_silent(C);
        assert_eq!(w.core.refusals().get(Refusal::Loop), first.frames.len() as u64 + 1);
        assert_eq!((refused(&w, STREAM, Refusal::Loop), w.starts(STREAM).len()), (1, 1));
        assert_eq!(w.legs(B), BTreeSet::new());
        let last = w.key(B, end + 180_000, copy());
        w.run_until(last.end());
        w.assert_reaches(&last, &[(A, 91, 2), (C, 91, 2)]); // A joined by its own call.
        assert_eq!(w.starts(STREAM).len(), 2);
    }
}
