//! `behaviour.md` 11.4: streams: beginnings, ends, sequence, and what may not collide.

use crate::support::calls::{FRAME, dmrd};
use crate::support::client::usual_id;
use crate::support::{A, B, C, D, Kind, Name, SentCall, World, call, coding, vectors};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, What};

const RADIO_1: u32 = 2_342_221;
const RADIO_2: u32 = 2_342_222;

fn with<const N: usize>(clients: [(Name, &str); N]) -> World {
    let mut w = World::new();
    for (name, options) in clients {
        w.login_with(name, options);
    }
    w
}

/// A speaks, B listens on slot 2, C listens to nothing.
fn usual() -> World {
    with([(A, "TS2=91"), (B, "TS2=91"), (C, "TS2=3100")])
}

/// What the one end of the call says: cause, frames accepted, lost, reordered.
fn end_of(w: &World, sent: &SentCall) -> (CallEnd, u32, u32, u32) {
    let ends = w.ends(sent.call.stream);
    assert_eq!(ends.len(), 1, "ends of stream {:x}: {ends:?}", sent.call.stream);
    (ends[0].cause, ends[0].frames, ends[0].lost, ends[0].reordered)
}

#[test]
fn s_099_a_call_without_header_is_delivered_from_its_first_frame_on() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "DIAL=91"), (D, "TS1=91")]);
    let sent = w.call(A, call(91, 2, 0x9900, 4).beginning_with(3).first_seq(40).with_options(0x04));
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 9, 2), (D, 91, 1)]);
    let late = |what: &What| matches!(what, What::CallStarted { late_entry: true, .. });
    assert_eq!(w.count(late), 1);
}

#[test]
fn s_099_a_client_that_joins_a_running_call_begins_with_a_header_and_burst_a() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, ""), (D, "")]);
    let sent = w.key(A, 100, call(91, 2, 0x9901, 6).first_seq(250).with_options(0x04));
    w.run_until(1_010);
    w.options(C, "TS2=91");
    w.options(D, "DIAL=91");
    w.run_until(sent.end());
    w.assert_hears(B, &sent, 0..sent.frames.len(), 91, 2);
    w.assert_joins(C, &sent, sent.next_burst_a(1_010), 91, 2);
    w.assert_joins(D, &sent, sent.next_burst_a(1_010), 9, 2);
}

#[test]
fn s_099_the_service_options_without_a_header_are_those_of_the_policy() {
    let mut w = World::with(|config| config.policy.late_entry_options = 0x20);
    w.login(A);
    w.login_with(B, "DIAL=91");
    let sent = w.call(A, call(91, 2, 0x9902, 1).beginning_with(0));
    let heard = w.heard(B);
    let mut wanted = heard[7 - 1].burst;
    coding::put_full_lc(&mut wanted, coding::FullLc::Terminator, coding::group_lc(0x20, 9, sent.source));
    assert_eq!((heard.len(), heard[6].kind, heard[6].burst), (7, Kind::Terminator, wanted));
}

#[test]
fn s_100_the_service_options_of_the_header_are_kept_in_every_lc() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "DIAL=91")]);
    let sent = w.call(A, call(91, 2, 0x10000, 2).with_options(0x04));
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 9, 2)]); // The LCs for C are made anew, with 0x04.
}

#[test]
fn s_100_a_group_call_keeps_the_lc_of_a_group_whatever_its_header_says() {
    let mut w = with([(A, ""), (B, "DIAL=91")]);
    let unit = |frames: &mut Vec<(u64, Vec<u8>)>| {
        let mut lc = coding::group_lc(0x04, 91, usual_id(A));
        lc[0] = 3;
        frames[0].1[20..53].copy_from_slice(&coding::full_lc_burst(coding::FullLc::Header, lc));
    };
    let sent = w.key_edited(A, 100, call(91, 2, 0x10010, 2).with_options(0x04), unit);
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 9, 2)]);
}

#[test]
fn s_101_another_radio_on_a_busy_slot_is_dropped_and_harms_nobody() {
    let mut w = usual();
    let sent = w.key(A, 1_000, call(91, 2, 0x10100, 6).by(RADIO_1));
    let intruder = w.key(A, 1_500 + 20, call(91, 2, 0x10101, 1).by(RADIO_2));
    let intruder_elsewhere = w.key(A, 2_200 + 20, call(3100, 2, 0x10102, 1).by(RADIO_2));
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    w.assert_reaches_nobody(&intruder);
    w.assert_reaches_nobody(&intruder_elsewhere);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, sent.frames.len() as u32, 0, 0));
    assert_eq!(w.core.refusals().get(Refusal::SlotBusy), 16);
    assert_eq!(w.count(|what| matches!(what, What::CallRefused { why: Refusal::SlotBusy, .. })), 2);
}

#[test]
fn s_102_a_new_call_of_the_same_radio_takes_over_and_ends_the_old_one() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=91"), (C, "DIAL=91")]);
    let old = w.key(A, 100, call(91, 2, 0x10200, 2).without_terminator());
    let new = w.key(A, old.end() + FRAME, call(91, 2, 0x10201, 2));
    w.run_until(new.end());
    w.assert_reaches(&new, &[(B, 91, 2), (C, 9, 2)]);
    let last = old.frames.len() - 1;
    for (name, tg) in [(B, 91), (C, 9)] {
        let heard = w.heard_of(name, 0x10200);
        assert_eq!(heard.len(), old.frames.len() + 1, "the old call and its end");
        w.assert_made_terminator(&heard[last + 1], &old, last, tg, 2);
        assert_eq!(heard[last + 1].at, new.start());
        let order: Vec<_> = w.heard(name).iter().map(|frame| frame.stream).collect();
        assert!(order.is_sorted(), "the end of the old call comes before the new call");
    }
    assert_eq!(end_of(&w, &old).0, CallEnd::Replaced);
}

#[test]
fn s_103_after_360_ms_of_silence_another_radio_may_begin() {
    let mut w = usual();
    let old = w.key(A, 100, call(91, 2, 0x10300, 2).by(RADIO_1).without_terminator());
    let new = w.key(A, old.end() + 400, call(91, 2, 0x10301, 2).by(RADIO_2));
    w.run_until(new.end());
    assert_eq!(w.starts(0x10301).len(), 1);
    w.assert_reaches(&new, &[(B, 91, 2)]);
}

#[test]
fn s_104_a_slot_is_as_busy_after_burst_c_as_after_any_other() {
    let mut w = usual();
    let sent = w.key(A, 100, call(91, 2, 0x10400, 2).by(RADIO_1).ending_with(2));
    let intruder = w.key(A, sent.end() + 10, call(91, 2, 0x10401, 1).by(RADIO_2).ending_with(4));
    assert!(intruder.end() < sent.end() + 360);
    w.run_until(intruder.end());
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    w.assert_reaches_nobody(&intruder);
    assert_eq!(w.starts(0x10401), []);
}

#[test]
fn s_120_the_sequence_wraps_without_loss() {
    let mut w = usual();
    let sent = w.call(A, call(91, 2, 0x12000, 2).first_seq(250));
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, 14, 0, 0));
}

#[test]
fn s_121_frames_lost_at_the_wrap_are_counted_and_mute_nothing() {
    let mut w = usual();
    let lose = |frames: &mut Vec<(u64, Vec<u8>)>| frames.retain(|(_, frame)| frame[4] > 1);
    let sent = w.key_edited(A, 100, call(91, 2, 0x12100, 2).first_seq(250), lose);
    w.run_until(sent.end());
    assert_eq!(sent.frames.len(), 12);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, 12, 2, 0));
}

#[test]
fn s_122_the_same_sequence_number_again_is_a_duplicate() {
    let mut w = usual();
    let mut sent = w.key_edited(A, 100, call(91, 2, 0x12200, 2).first_seq(5), |frames| {
        let (at, mut copy) = frames[5].clone();
        assert_eq!(copy[4], 10);
        copy[28] ^= 0xff;
        frames.insert(6, (at + 10, copy));
    });
    w.run_until(sent.end());
    sent.frames.remove(6);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.core.refusals().get(Refusal::Duplicate), 1);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, 14, 0, 0));
}

#[test]
fn s_123_a_late_frame_is_dropped_and_counted() {
    let mut w = usual();
    let mut sent = w.key_edited(A, 100, call(91, 2, 0x12300, 2).first_seq(5), |frames| {
        let (eleven, twelve) = (frames[6].1.clone(), frames[7].1.clone());
        assert_eq!((eleven[4], twelve[4]), (11, 12));
        (frames[6].1, frames[7].1) = (twelve, eleven);
    });
    w.run_until(sent.end());
    sent.frames.remove(7);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, 13, 1, 1));
}

#[test]
fn s_124_a_frame_that_is_sent_again_later_is_dropped() {
    let mut w = usual();
    let mut sent = w.key_edited(A, 100, call(91, 2, 0x12400, 2), |frames| {
        let (_, again) = frames[4].clone();
        let at = frames[7].0 + 10;
        frames.insert(8, (at, again));
    });
    w.run_until(sent.end());
    sent.frames.remove(8);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    let (cause, frames, lost, _) = end_of(&w, &sent);
    assert_eq!((cause, frames, lost), (CallEnd::Terminator, 14, 0));
}

#[test]
fn s_124_a_frame_that_is_sent_again_after_a_pause_is_dropped() {
    let mut w = usual();
    let mut sent = w.key_edited(A, 100, call(91, 2, 0x12410, 2), |frames| {
        frames.iter_mut().skip(10).for_each(|(at, _)| *at += 1_500);
        let (at, again) = (frames[10].0 - 30, frames[4].1.clone());
        frames.insert(10, (at, again));
    });
    w.run_until(sent.end());
    sent.frames.remove(10);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.core.refusals().get(Refusal::Duplicate), 1);
}

#[test]
fn s_125_silence_repeats_itself_and_is_delivered() {
    let mut w = usual();
    let sent = w.key_edited(A, 100, call(91, 2, 0x12500, 4), |frames| {
        for (_, frame) in frames.iter_mut().filter(|(_, frame)| frame[15] & 0x20 == 0) {
            frame[20..29].copy_from_slice(&vectors::burst("dmrd.grp_ts2.A")[..9]);
        }
        assert_eq!(frames[1].1[15..], frames[7].1[15..], "two superframes are alike");
        let alike = frames[1].1[15..].to_vec();
        for (_, frame) in &mut frames[2..7] {
            frame.truncate(15);
            frame.extend_from_slice(&alike);
        }
    });
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, 26, 0, 0));
}

#[test]
fn s_126_the_sequence_of_a_call_that_timed_out_does_not_mute_the_next() {
    let mut w = usual();
    let old = w.call(A, call(91, 2, 0x12600, 2).first_seq(188).without_terminator());
    assert_eq!(old.frames[12].1[4], 200);
    w.wait(5_500);
    let new = w.call(A, call(91, 2, 0x12601, 2).first_seq(2));
    w.assert_reaches(&new, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &new), (CallEnd::Terminator, 14, 0, 0));
}

#[test]
fn s_127_a_stream_that_is_too_fast_is_thinned_until_its_average_falls() {
    let mut w = usual();
    let sent = w.key_edited(A, 100, call(91, 2, 0x12700, 40), |frames| {
        for (n, (at, _)) in frames.iter_mut().enumerate() {
            *at = 100 + if n < 40 { 12 * n as u64 } else { 468 + FRAME * (n as u64 - 39) };
        }
    });
    w.run_until(sent.end());
    let heard = w.heard_of(B, 0x12700);
    let early: Vec<_> = heard.iter().filter(|h| h.at <= 600).map(|h| h.seq).collect();
    assert_eq!(early, (0..18).collect::<Vec<u8>>(), "of the first 40 frames in half a second");
    assert_eq!(w.core.refusals().get(Refusal::RateGuard), (sent.frames.len() - heard.len()) as u64);
    let late: Vec<_> = heard.iter().filter(|h| h.at > 5_100).map(|h| (h.at, h.seq)).collect();
    let wanted: Vec<_> = sent.frames.iter().filter(|(at, _)| *at > 5_100).map(|(at, frame)| (*at, frame[4])).collect();
    assert!(wanted.len() > 100);
    assert_eq!(late, wanted, "frames after the average fell");
}

#[test]
fn s_128_a_transmission_ends_after_180_s_and_stays_blocked_until_it_pauses() {
    let mut w = usual();
    let sent = w.call(A, call(91, 2, 0x12800, 842));
    assert!(sent.end() - sent.start() > 300_000);
    let heard = w.heard_of(B, 0x12800);
    let limit = sent.start() + 180_000;
    let voice: Vec<_> = heard.iter().filter(|h| h.kind != Kind::Terminator).map(|h| h.at).collect();
    assert_eq!(voice.iter().filter(|&&at| at < limit).count(), 3_000, "one frame each 60 ms");
    assert!(voice.iter().all(|&at| at <= limit));
    assert!(heard.len() - voice.len() <= 1, "at most one end");
    let ends = w.ends(0x12800);
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].at, ends[0].cause), (limit, CallEnd::TooLong));
    assert_eq!(w.starts(0x12800).len(), 1);
    w.wait(5_100);
    let next = w.call(A, call(91, 2, 0x12801, 2));
    w.assert_reaches(&next, &[(B, 91, 2)]);
}

#[test]
fn s_128_a_new_stream_without_a_pause_does_not_get_past_the_limit() {
    let mut w = usual();
    let sent = w.call(A, call(91, 2, 0x12810, 502).without_terminator());
    assert_eq!(w.ends(0x12810).len(), 1);
    let again = w.key(A, sent.end() + 1_000, call(91, 2, 0x12811, 1));
    w.run_until(again.end());
    w.assert_reaches_nobody(&again);
    assert_eq!(w.starts(0x12811), []);
}

#[test]
fn s_129_a_second_terminator_is_absorbed() {
    let mut w = usual();
    let sent = w.key_edited(A, 100, call(91, 2, 0x12900, 2), |frames| {
        let (at, mut again) = frames[13].clone();
        again[4] += 1;
        frames.push((at + FRAME, again));
    });
    w.run_until(sent.end() + 6_000);
    w.assert_frames_reach(&sent, 0..14, &[(B, 91, 2)]);
    assert_eq!(end_of(&w, &sent).0, CallEnd::Terminator);
    assert_eq!(w.starts(0x12900).len(), 1);
}

/// A call, then frames of the same stream: a header or none, and voice from burst `skip` on, `pause` after the terminator.
fn resumed_after(pause: u64, with_header: bool, skip: usize) -> (World, SentCall) {
    let mut w = usual();
    let first = w.call(A, call(91, 2, 0x13000, 2));
    w.assert_reaches(&first, &[(B, 91, 2)]);
    let mut more = call(91, 2, 0x13000, 2).first_seq(14);
    if !with_header {
        more = more.beginning_with(skip);
    }
    let more = w.key(A, first.end() + pause, more);
    w.sent.clear();
    w.run_until(more.end() + 6_000);
    (w, more)
}

#[test]
fn s_130_voice_of_the_same_stream_after_its_terminator_is_dropped() {
    for skip in 0..6 {
        let (w, more) = resumed_after(FRAME, false, skip);
        w.assert_reaches_nobody(&more);
        assert_eq!((w.starts(0x13000).len(), w.ends(0x13000).len()), (1, 1));
    }
}

#[test]
fn s_130_a_header_begins_a_new_call_only_360_ms_after_the_terminator() {
    let (w, more) = resumed_after(350, true, 0);
    w.assert_reaches_nobody(&more);
    assert_eq!(w.starts(0x13000).len(), 1);
    let (w, more) = resumed_after(420, true, 0);
    w.assert_reaches(&more, &[(B, 91, 2)]);
    assert_eq!((w.starts(0x13000).len(), w.ends(0x13000).len()), (2, 2));
}

#[test]
fn s_130_burst_a_begins_a_new_call_only_after_2_s_without_frames() {
    let (w, more) = resumed_after(1_900, false, 0);
    w.assert_reaches_nobody(&more);
    assert_eq!(w.starts(0x13000).len(), 1);
    let (w, more) = resumed_after(2_100, false, 0);
    w.assert_reaches(&more, &[(B, 91, 2)]);
    assert_eq!(w.starts(0x13000).len(), 2);
    let (w, more) = resumed_after(2_100, false, 1);
    w.assert_reaches_nobody(&more);
}

#[test]
fn s_131_a_call_that_stops_after_burst_c_ends_by_timeout() {
    let mut w = usual();
    let sent = w.call(A, call(91, 2, 0x13100, 2).ending_with(2));
    w.run_until(sent.end() + 4_999);
    assert_eq!(w.ends(0x13100), []);
    w.run_until(sent.end() + 5_000);
    assert_eq!(end_of(&w, &sent), (CallEnd::Timeout, sent.frames.len() as u32, 0, 0));
    assert_eq!(w.ends(0x13100)[0].at, sent.end() + 5_000);
}

#[test]
fn s_132_after_a_timeout_each_target_gets_one_terminator_of_its_own() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "DIAL=91"), (D, "TS1=91")]);
    let sent = w.call(A, call(91, 2, 0x13200, 2).first_seq(243).without_terminator().with_options(0x04));
    w.run_until(sent.end() + 20_000);
    let last = sent.frames.len() - 1;
    for (name, tg, slot) in [(B, 91, 2), (C, 9, 2), (D, 91, 1)] {
        let heard = w.heard(name);
        assert_eq!(heard.len(), sent.frames.len() + 1, "frames that {name} heard");
        assert_eq!(heard[last + 1].at, sent.end() + 5_000);
        w.assert_made_terminator(&heard[last + 1], &sent, last, tg, slot);
    }
    w.assert_silent(A);
}

#[test]
fn s_133_a_call_that_resumes_within_5_s_is_the_same_call() {
    let mut w = usual();
    let sent = w.key_edited(A, 100, call(91, 2, 0x13300, 4), |frames| {
        for (at, _) in frames.iter_mut().skip(10) {
            *at += 3_000 - FRAME;
        }
    });
    w.run_until(sent.end());
    assert_eq!(sent.frames[10].0 - sent.frames[9].0, 3_000);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.starts(0x13300).len(), 1);
    assert_eq!(end_of(&w, &sent), (CallEnd::Terminator, sent.frames.len() as u32, 0, 0));
}

#[test]
fn s_133_after_a_second_of_silence_the_sequence_may_go_on_anywhere() {
    for (pause, dropped) in [(900, 2), (1_000, 0)] {
        let mut w = usual();
        let mut sent = w.key_edited(A, 100, call(91, 2, 0x13320, 4).first_seq(100), |frames| {
            for (at, frame) in frames.iter_mut().skip(10) {
                (*at, frame[4]) = (*at + pause - FRAME, frame[4] - 60);
            }
        });
        w.run_until(sent.end());
        sent.frames.drain(10..10 + dropped); // They come before the second is over.
        w.assert_reaches(&sent, &[(B, 91, 2)]);
        assert_eq!(w.core.refusals().get(Refusal::Late), dropped as u64);
    }
}

#[test]
fn s_133_a_stream_that_comes_back_after_its_timeout_is_a_new_call_from_any_frame_on() {
    let mut w = usual();
    let first = w.call(A, call(91, 2, 0x13310, 2).without_terminator());
    w.wait(7_000);
    assert_eq!(end_of(&w, &first).0, CallEnd::Timeout);
    w.sent.clear();
    let more = w.call(A, call(91, 2, 0x13310, 3).beginning_with(2).first_seq(100));
    w.assert_reaches(&more, &[(B, 91, 2)]);
    assert_eq!((w.starts(0x13310).len(), w.ends(0x13310).len()), (2, 2));
}

#[test]
fn s_133_a_header_after_more_than_2_s_of_silence_begins_a_new_call_and_a_burst_goes_on_with_the_old_one() {
    for (pause, with_header, begins) in
        [(2_000, true, false), (2_001, true, true), (2_001, false, false), (4_999, true, true), (4_999, false, false)]
    {
        let mut w = usual();
        let first = w.call(A, call(91, 2, 0x13330, 2).without_terminator());
        let mut more = call(91, 2, 0x13330, 2).first_seq(13);
        if !with_header {
            more = more.beginning_with(0);
        }
        let more = w.key(A, first.end() + pause, more);
        w.run_until(more.end());
        let (start, end) = (more.start(), more.end());
        let told: Vec<_> = w
            .events
            .iter()
            .filter_map(|&(at, what)| match what {
                What::CallStarted { .. } => Some((at, "start")),
                What::CallEnded { .. } => Some((at, "end")),
                _ => None,
            })
            .collect();
        let between: &[_] = if begins { &[(start, "end"), (start, "start")] } else { &[] };
        let wanted = [&[(first.start(), "start")], between, &[(end, "end")]].concat();
        assert_eq!(told, wanted, "{pause} ms, with header: {with_header}");
        let mut heard = w.heard(B);
        assert_eq!(heard.len(), first.frames.len() + more.frames.len() + usize::from(begins));
        if begins {
            w.assert_made_terminator(&heard[13], &first, 12, 91, 2);
            assert_eq!(heard.remove(13).at, start);
        }
        for (heard, (at, frame)) in heard.iter().zip(first.frames.iter().chain(&more.frames)) {
            assert_eq!((heard.at, heard.seq), (*at, frame[4]));
            w.assert_frame(B, heard, &more, frame, 91, 2);
        }
        let frames: Vec<_> = w.ends(0x13330).iter().map(|end| end.frames as usize).collect();
        let (one, two) = (first.frames.len(), more.frames.len());
        assert_eq!(frames, if begins { vec![one, two] } else { vec![one + two] });
    }
}

#[test]
fn s_134_two_clients_of_one_listener_neither_collide_nor_hear_each_other() {
    let mut w = with([(A, "TS2=91"), (B, "TS2=92"), (C, "TS2=91"), (D, "TS2=92")]);
    let from_a = w.key(A, 100, call(91, 2, 0x13400, 3));
    let from_b = w.key(B, 110, call(92, 2, 0x13401, 3));
    w.run_until(from_b.end());
    w.assert_reaches(&from_a, &[(C, 91, 2)]);
    w.assert_reaches(&from_b, &[(D, 92, 2)]);
    w.assert_silent(A);
    w.assert_silent(B);
}

#[test]
fn s_135_frames_of_53_bytes_are_delivered_with_an_empty_trailer() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "DIAL=91")]);
    let cut = |frames: &mut Vec<(u64, Vec<u8>)>| frames.iter_mut().for_each(|(_, frame)| frame.truncate(53));
    let sent = w.key_edited(A, 100, call(91, 2, 0x13500, 2).with_ber_rssi(9, 9), cut);
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 91, 2), (C, 9, 2)]);
    assert!(w.heard(B).iter().all(|heard| heard.trailer == [0, 0]));
}

#[test]
fn s_136_shorter_frames_are_dropped_and_counted() {
    let mut w = usual();
    let path = w.client(A).path;
    let whole = &call(91, 2, 0x13600, 1).frames(usual_id(A))[0];
    let refused = |w: &World| w.core.refusals().occurred().map(|(_, n)| n).sum::<u64>();
    let before = refused(&w);
    for length in 4..53 {
        assert_eq!(w.send(path, &whole[..length]), []);
    }
    assert_eq!(refused(&w), before + 49);
    assert_eq!(w.starts(0x13600), []);
    w.assert_silent(B);
}

#[test]
fn s_137_bit_errors_and_signal_strength_are_passed_on() {
    let mut w = usual();
    let sent = w.call(A, call(91, 2, 0x13700, 2).with_ber_rssi(5, 70));
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert!(w.heard(B).iter().all(|heard| heard.trailer == [0x05, 0x46]));
}

#[test]
fn s_138_the_own_call_comes_back_on_the_other_slot_only_if_that_is_wanted() {
    for wanted in [false, true] {
        let mut w = World::with(|config| config.policy.self_other_slot = wanted);
        w.login_with(A, "TS1=91;TS2=91");
        w.login_with(B, "TS2=91");
        let sent = w.call(A, call(91, 2, 0x13800, 2));
        let mut to = vec![(B, 91, 2)];
        if wanted {
            to.push((A, 91, 1));
        }
        w.assert_reaches(&sent, &to);
    }
}

#[test]
fn s_117_a_group_csbk_is_not_delivered_damaged() {
    let mut w = with([(A, "DIAL=91"), (B, "TS2=91"), (C, "DIAL=91")]);
    let path = w.client(A).path;
    let burst = vectors::burst("dmrd.csbk_group_ts2");
    for seq in 0..3 {
        let frame = dmrd(seq, usual_id(A), 9, usual_id(A), 0xa3, 0x11700 + u32::from(seq), &burst, [0, 0]);
        assert_eq!(w.send(path, &frame), []);
        w.wait(FRAME);
    }
    assert_eq!(w.core.refusals().get(Refusal::DataCall), 3);
    w.assert_silent(B);
    w.assert_silent(C);
    let sync = (0..48).map(|n| coding::bit(&burst, 108 + n));
    let sync = sync.fold(0u64, |sum, bit| sum << 1 | u64::from(bit));
    assert_eq!(sync, 0xdff5_7d75_df5d, "the frame that was sent is a data burst");
}
