//! `behaviour.md` 11.1: sessions, OPTIONS, statics.

use crate::support::client::{path_from, rptc, rptk, usual_id, usual_path, with_id};
use crate::support::world::{PASSPHRASE, listener};
use crate::support::{A, B, C, D, World, call};
use ragchew_core::config::UaTimer;
use ragchew_core::id::RfTg;
use ragchew_core::net::{Path, SocketId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SessionEnd, SubscriptionEnd, What};
use std::collections::BTreeSet;

fn legs<const N: usize>(list: [(u8, u32, u32); N]) -> BTreeSet<(u8, u32, u32)> {
    BTreeSet::from(list)
}

/// A world in which every session begins with 91 on slot 1.
fn with_static_91() -> World {
    World::with(|config| config.listeners[0].defaults.statics[0] = vec![RfTg(91)])
}

#[test]
fn s_001_a_configuration_before_the_challenge_is_answered_is_refused_and_changes_nothing() {
    let mut w = World::new();
    let (id, path) = (usual_id(A), usual_path(A));
    let salt = w.challenge(id, path);
    assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), [with_id("MSTNAK", id)]);
    assert_eq!(w.core.running_sessions(), 0);
    assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [with_id("RPTACK", id)]);
    assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), [with_id("RPTACK", id)]);
    assert_eq!(w.core.running_sessions(), 1);
}

#[test]
fn s_002_a_frame_of_a_client_from_another_address_is_dropped_without_answer() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    for remote in ["10.0.0.65:62001", "10.9.9.9:62000"] {
        let path = path_from(remote.parse().unwrap());
        for frame in call(91, 2, 0x0200, 1).frames(usual_id(A)) {
            assert_eq!(w.send(path, &frame), []);
        }
    }
    assert_eq!(w.starts(0x0200), []);
    assert_eq!(w.core.refusals().get(Refusal::OtherAddress), 16);
    assert_eq!(w.legs(A), legs([]));
    let sent = w.call(A, call(91, 2, 0x0201, 1));
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.heard(B).len(), sent.frames.len());
}

#[test]
fn s_003_a_ping_of_a_client_from_another_address_is_refused_there_and_the_client_is_unaffected() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login(B);
    let stranger = path_from("10.9.9.9:4711".parse().unwrap());
    assert_eq!(w.answers(stranger, &with_id("RPTPING", usual_id(A))), [with_id("MSTNAK", usual_id(A))]);
    w.ping(A);
    let sent = w.call(B, call(91, 2, 0x0300, 1));
    w.assert_reaches(&sent, &[(A, 91, 2)]);
    assert_eq!(w.count(|what| matches!(what, What::Moved { .. } | What::Disconnected { .. })), 0);
}

#[test]
fn s_004_a_silent_session_is_closed_60_s_after_its_last_packet_and_told() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login(B);
    w.silence(A);
    w.run_until(31_234);
    w.ping(A);
    w.silence(A);
    w.sent.clear();
    w.run_until(91_233);
    assert_eq!((w.notices(A), w.core.running_sessions()), (vec![], 2));
    w.run_until(91_234);
    assert_eq!(w.notices(A), [(91_234, with_id("MSTCL", usual_id(A)))]);
    assert_eq!(w.core.running_sessions(), 1);
    assert_eq!(w.count(|what| matches!(what, What::Disconnected { cause: SessionEnd::TimedOut, .. })), 1);
    let sent = w.call(B, call(91, 2, 0x0400, 1));
    w.assert_reaches_nobody(&sent);
}

#[test]
fn s_005_voice_alone_keeps_a_session() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.silence(A);
    w.sent.clear();
    let first = w.call(A, call(91, 2, 0x0500, 111)); // 40 s, as the scenario says …
    assert_eq!(w.core.running_sessions(), 2);
    let second = w.call(A, call(91, 2, 0x0501, 111)); // … and past the 60 s after which silence would end it.
    assert!(w.time() > 75_000);
    assert_eq!((w.notices(A), w.core.running_sessions()), (vec![], 2));
    w.assert_reaches(&first, &[(B, 91, 2)]);
    w.assert_reaches(&second, &[(B, 91, 2)]);
}

#[test]
fn s_006_stream_0_is_no_stream() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let sent = w.call(A, call(91, 2, 0, 1));
    w.assert_reaches_nobody(&sent);
    w.assert_silent(B);
    assert_eq!((w.starts(0), w.legs(A)), (vec![], legs([])));
    assert_eq!(w.core.refusals().get(Refusal::NullStream), sent.frames.len() as u64);
}

#[test]
fn s_007_a_full_listener_refuses_and_its_client_keeps_calls_legs_and_key() {
    let mut w = World::with(|config| {
        config.listeners[0].max_clients = 1;
        config.listeners.push(listener(2, "other", 1));
    });
    w.login_with(A, "TS2=91;KEY=abc");
    w.login_full(B, usual_id(B), Path { socket: SocketId(1), ..usual_path(B) }, Some("TS2=91"));
    let from_a = w.key(A, 100, call(91, 2, 0x0700, 3));
    w.run_until(700);
    assert_eq!(w.answers(usual_path(D), &with_id("RPTL", usual_id(D))), [with_id("MSTNAK", usual_id(D))]);
    w.run_until(from_a.end());
    w.assert_reaches(&from_a, &[(B, 91, 2)]);
    w.wait(1_000);
    let from_b = w.call(B, call(91, 2, 0x0701, 1));
    w.assert_reaches(&from_b, &[(A, 91, 2)]);
    w.options(A, "TS2=92");
    assert_eq!(w.legs(A), legs([(2, 91, 91)]), "the KEY is still asked for");
    assert_eq!(w.core.running_sessions(), 2);
}

#[test]
fn s_011_options_take_effect_at_once() {
    let mut w = World::new();
    w.login(A);
    w.options(A, "TS1=91,92;TS2=2350;SINGLE=1;TIMER=15"); // The answer is checked there.
    assert_eq!(w.legs(A), legs([(1, 91, 91), (1, 92, 92), (2, 2350, 2350)]));
    let options = w.options_in_force(A);
    assert_eq!((options.statics, options.single, options.ua_minutes, options.voided), ([2, 1], true, 15, 0));
    assert_eq!(w.listeners(91), [(A, 91, 1)]);
    assert_eq!(w.listeners(92), [(A, 92, 1)]);
    assert_eq!(w.listeners(2350), [(A, 2350, 2)]);
    let sent = w.call(A, call(3100, 2, 0x1100, 1));
    assert_eq!(w.legs(A), legs([(1, 91, 91), (1, 92, 92), (2, 3100, 3100)]), "SINGLE pauses 2350");
    w.run_until(sent.end() + 15 * 60_000);
    assert_eq!(w.left(A, 3100), [(sent.end() + 15 * 60_000, SubscriptionEnd::Expired)]);
}

#[test]
fn s_012_options_that_keep_a_static_do_not_interrupt_its_call() {
    let mut w = World::new();
    w.login_with(A, "TS1=91,92;TS2=2350;SINGLE=1;TIMER=15");
    w.login(C);
    let sent = w.key(C, 100, call(2350, 1, 0x1200, 6));
    w.run_until(1_000);
    w.options(A, "TS2=2350");
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(A, 2350, 2)]);
    assert_eq!((w.joined(A, 2350).len(), w.left(A, 2350)), (1, vec![]));
    assert_eq!(w.legs(A), legs([(2, 2350, 2350)]));
    let options = w.options_in_force(A);
    assert_eq!((options.statics, options.single, options.ua_minutes), ([0, 1], true, 15));
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![], vec![]));
}

#[test]
fn s_013_the_same_options_again_change_nothing() {
    let text = "TS1=91,92;TS2=2350;SINGLE=1;TIMER=15";
    let mut w = World::new();
    w.login_with(A, text);
    let sent = w.call(A, call(3100, 2, 0x1300, 1));
    let before = w.legs(A);
    w.wait(60_000);
    let events = |w: &World| w.count(|what| matches!(what, What::Subscribed { .. } | What::Unsubscribed { .. }));
    let events_before = events(&w);
    w.options(A, text);
    assert_eq!((w.legs(A), events(&w)), (before, events_before));
    let end = sent.end() + 15 * 60_000;
    w.run_until(end);
    assert_eq!(w.left(A, 3100), [(end, SubscriptionEnd::Expired)], "the timer went on as it was");
    assert_eq!(w.legs(A), legs([(1, 91, 91), (1, 92, 92), (2, 2350, 2350)]));
}

#[test]
fn s_014_an_empty_list_means_no_statics() {
    let mut w = World::new();
    w.login_with(A, "TS1=91");
    assert_eq!(w.listeners(91), [(A, 91, 1)]);
    w.options(A, "TS1=");
    assert_eq!((w.legs(A), w.listeners(91)), (legs([]), vec![]));
}

#[test]
fn s_015_local_numbers_are_no_statics_and_the_rest_of_the_list_counts() {
    let mut w = World::new();
    w.login_with(A, "TS1=9,4,91");
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    assert_eq!(w.listeners(91), [(A, 91, 1)]);
}

#[test]
fn s_016_echo_playback_all_call_and_0_are_no_statics() {
    let mut w = World::new();
    w.login_with(A, "TS1=9990,9991,16777215,0");
    assert_eq!((w.legs(A), w.options_in_force(A).statics), (legs([]), [0, 0]));
}

#[test]
fn s_017_numbered_statics_override_the_list() {
    let mut w = World::new();
    w.login_with(A, "TS1_1=91;TS1_2=92;TS1_9=93;TS1=4000");
    assert_eq!(w.legs(A), legs([(1, 91, 91), (1, 92, 92), (1, 93, 93)]));
    assert_eq!(w.listeners(93), [(A, 93, 1)]);
}

#[test]
fn s_018_numbered_statics_without_the_first_do_not_count() {
    let mut w = World::new();
    w.login_with(A, "TS1_2=92");
    assert_eq!((w.legs(A), w.listeners(92)), (legs([]), vec![]));
}

#[test]
fn s_019_startref_sets_the_default_reflector_and_relinktime_the_timer() {
    let mut w = World::new();
    w.login_with(A, "StartRef=4400;RelinkTime=20;UserLink=1");
    let options = w.options_in_force(A);
    assert_eq!((options.dial, options.ua_minutes), (4400, 20));
    assert_eq!(w.legs(A), legs([(2, 9, 4400)]));
    assert_eq!(w.listeners(4400), [(A, 9, 2)]);
    w.login_with(B, "TS1=4400");
    w.wait(6_000);
    let sent = w.call(A, call(9, 2, 0x1900, 2));
    w.assert_reaches(&sent, &[(B, 4400, 1), ('P', 4400, 1)]);
}

#[test]
fn s_020_startref_wins_over_dial() {
    let mut w = World::new();
    w.login_with(A, "DIAL=91;StartRef=4400");
    assert_eq!(w.legs(A), legs([(2, 9, 4400)]));
    assert_eq!((w.listeners(91), w.listeners(4400)), (vec![], vec![(A, 9, 2)]));
}

#[test]
fn s_021_a_local_number_is_no_default_reflector_and_the_previous_one_stays() {
    let mut w = World::new();
    w.login_with(A, "DIAL=91");
    w.options(A, "DIAL=9");
    assert_eq!(w.legs(A), legs([(2, 9, 91)]));
    assert_eq!(w.listeners(91), [(A, 9, 2)]);
}

#[test]
fn s_022_the_default_reflector_stays_unless_it_is_named_and_0_ends_it_for_its_session_only() {
    let mut w = World::new();
    w.login_with(A, "DIAL=91");
    w.login_with(B, "DIAL=91");
    w.options(A, "SINGLE=0");
    assert_eq!(w.listeners(91), [(A, 9, 2), (B, 9, 2)]);
    w.options(A, "DIAL=0");
    assert_eq!((w.legs(A), w.legs(B)), (legs([]), legs([(2, 9, 91)])));
    assert_eq!(w.listeners(91), [(B, 9, 2)]);
    assert_eq!(w.left(B, 91), []);
}

#[test]
fn s_023_another_default_reflector_replaces_the_first() {
    let mut w = World::new();
    w.login_with(A, "DIAL=91");
    w.options(A, "DIAL=2350");
    assert_eq!(w.legs(A), legs([(2, 9, 2350)]));
    assert_eq!((w.listeners(91), w.listeners(2350)), (vec![], vec![(A, 9, 2)]));
}

#[test]
fn s_024_timer_0_means_never() {
    let mut w = World::new();
    w.login_with(A, "TIMER=0");
    assert_eq!(w.options_in_force(A).ua_minutes, UaTimer::INFINITE_MINUTES);
    w.call(A, call(91, 2, 0x2400, 1));
    w.wait(24 * 3_600_000);
    assert_eq!(w.listeners_now(91), [(A, 91, 2)]);
}

#[test]
fn s_025_a_bad_item_is_void_alone() {
    let mut w = World::new();
    w.login_with(A, "TIMER=abc;TS1=91");
    let options = w.options_in_force(A);
    assert_eq!((options.ua_minutes, options.voided), (10, 1));
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
}

#[test]
fn s_026_a_new_timer_counts_from_the_next_restart() {
    for keys_again in [false, true] {
        let mut w = World::new();
        w.login_with(A, "TIMER=10");
        let mut sent = w.call(A, call(91, 2, 0x2600, 1));
        w.wait(120_000);
        w.options(A, "TIMER=20");
        assert_eq!(w.left(A, 91), []);
        let mut minutes = 10;
        if keys_again {
            sent = w.call(A, call(91, 2, 0x2601, 1));
            minutes = 20;
        }
        let end = sent.end() + minutes * 60_000;
        w.run_until(end + 60_000);
        assert_eq!(w.left(A, 91), [(end, SubscriptionEnd::Expired)]);
    }
}

#[test]
fn s_027_an_unknown_language_leaves_the_rest_in_force() {
    let mut w = World::new();
    w.login_with(A, "LANG=xx_XX;TS1=91;TIMER=12");
    assert_eq!((w.legs(A), w.options_in_force(A).ua_minutes), (legs([(1, 91, 91)]), 12));
}

#[test]
fn s_029_quotes_trailing_nuls_and_other_characters_are_removed_first() {
    let mut w = World::new();
    w.login(A);
    w.options(A, b"\"TS1='91,9\xc3\xa92';TS2=\xff\"93\"\0\0\0\0".as_slice());
    assert_eq!(w.legs(A), legs([(1, 91, 91), (1, 92, 92), (2, 93, 93)]));
    assert_eq!(w.options_in_force(A).voided, 0);
}

#[test]
fn s_030_options_without_the_key_are_ignored() {
    let mut w = World::new();
    w.login_with(A, "KEY=abc;TS1=91");
    w.options(A, "TS1=92");
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    w.options(A, "KEY=abd;TS1=92");
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    w.options(A, "KEY=abc;TS1=92");
    assert_eq!(w.legs(A), legs([(1, 92, 92)]));
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![], vec![(A, 92, 1)]));
}

#[test]
fn s_031_a_key_ends_with_its_session() {
    let mut w = World::new();
    w.login_with(A, "KEY=abc;TS1=91");
    w.close(A);
    w.wait(2_001);
    assert_eq!(w.core.running_sessions(), 0);
    w.login_with(A, "TS1=92");
    assert_eq!(w.legs(A), legs([(1, 92, 92)]));
}

#[test]
fn s_033_a_short_password_is_an_unknown_key_and_shows_nowhere() {
    let mut w = with_static_91();
    w.login(A);
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    w.options(A, "PASS=abc");
    assert_eq!(w.legs(A), legs([]), "OPTIONS without TS1 have no statics");
    assert!(w.events.iter().all(|event| !format!("{event:?}").contains("abc")));
}

#[test]
fn s_034_an_item_with_two_equal_signs_harms_no_other() {
    let mut w = World::new();
    w.login_with(A, "a=b=c;TS1=91");
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
}

#[test]
fn s_035_configured_statics_are_active_at_login() {
    let mut w = with_static_91();
    w.login(A);
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    let listening = w.listeners(91);
    assert_eq!(listening, [(A, 91, 1)]);
}

#[test]
fn s_036_options_without_a_list_clear_the_configured_statics() {
    let mut w = with_static_91();
    w.login_with(A, "SINGLE=1");
    assert_eq!(w.legs(A), legs([]));
    assert_eq!(w.listeners(91), []);
}

#[test]
fn s_037_statics_are_active_after_leaving_and_coming_back() {
    let mut w = World::new();
    w.login_with(A, "TS1=91");
    let left = w.time();
    w.close(A);
    w.wait(3_000);
    let closed = |&(at, what): &(u64, What)| match what {
        What::Disconnected { cause, .. } => Some((at, cause)),
        _ => None,
    };
    assert_eq!(w.events.iter().filter_map(closed).collect::<Vec<_>>(), [(left + 2_000, SessionEnd::Closed)]);
    assert_eq!(w.legs(A), legs([]));
    w.login_with(A, "TS1=91");
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    assert_eq!(w.listeners(91), [(A, 91, 1)]);
}

#[test]
fn s_038_what_a_session_changed_is_not_left_to_the_next() {
    let mut w = with_static_91();
    w.login_with(A, "TS1=92");
    assert_eq!(w.legs(A), legs([(1, 92, 92)]));
    w.close(A);
    w.wait(3_000);
    w.login(A);
    assert_eq!(w.legs(A), legs([(1, 91, 91)]));
    let listening = w.listeners(91);
    assert_eq!(listening, [(A, 91, 1)]);
    assert!(w.listeners(92).is_empty());
}
