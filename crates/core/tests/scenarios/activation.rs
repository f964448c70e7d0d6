//! `behaviour.md` 11.2: talkgroups that users activate by keying up.

use crate::support::{A, B, C, D, Name, SentCall, World, call};
use ragchew_core::config::{BusyJoin, FirstCall};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{Destination, SubscriptionEnd, SubscriptionSource, What};
use std::collections::BTreeSet;

const MINUTE: u64 = 60_000;

fn legs<const N: usize>(list: [(u8, u32, u32); N]) -> BTreeSet<(u8, u32, u32)> {
    BTreeSet::from(list)
}

fn with<const N: usize>(clients: [(Name, &str); N]) -> World {
    let mut w = World::new();
    for (name, options) in clients {
        match options {
            "" => w.login(name),
            options => w.login_with(name, options),
        }
    }
    w
}

/// `name` hears `tg` until `end`, and from `end` on no more.
fn assert_expires(w: &mut World, name: Name, tg: u32, end: u64) {
    w.login('P');
    w.run_until(end - 1);
    assert_eq!(w.left(name, tg), []);
    assert!(w.listeners_now(tg).iter().any(|(listener, ..)| *listener == name), "{name} still listens at {}", end - 1);
    assert_eq!(w.left(name, tg), [(end, SubscriptionEnd::Expired)]);
    assert!(w.listeners(tg).iter().all(|(listener, ..)| *listener != name), "{name} listens no more");
}

/// The call went nowhere, and left no trace.
fn assert_not_routed(w: &World, sent: &SentCall) {
    w.assert_reaches_nobody(sent);
    let starts = w.starts(sent.call.stream);
    assert_eq!(starts.len(), 1);
    assert!(matches!(starts[0].1.destination, Destination::Nowhere(_)), "{:?}", starts[0].1.destination);
}

#[test]
fn s_041_a_call_on_an_unused_talkgroup_reaches_nobody_and_activates_it() {
    let mut w = with([(A, ""), (B, ""), (C, "")]);
    let sent = w.call(A, call(91, 2, 0x4100, 2));
    w.assert_reaches_nobody(&sent);
    let activated = |what: &What| match what {
        What::Subscribed { who, slot, source, .. } => {
            (who.client.0, slot.number(), *source) == (2_341_001, 2, SubscriptionSource::UserActivated)
        }
        _ => false,
    };
    assert_eq!(w.count(activated), 1);
    assert_eq!((w.legs(A), w.joined(A, 91)), (legs([(2, 91, 91)]), vec![sent.start()]));
    assert_expires(&mut w, A, 91, sent.end() + 10 * MINUTE);
}

#[test]
fn s_042_the_first_call_is_delivered_and_activates() {
    let mut w = with([(A, ""), (B, "TS2=91"), (C, "")]);
    let sent = w.call(A, call(91, 2, 0x4200, 2));
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    let answer = w.key(B, w.time() + 400, call(91, 2, 0x4201, 1));
    w.run_until(answer.end());
    w.assert_reaches(&answer, &[(A, 91, 2)]);
}

#[test]
fn s_043_with_activate_only_the_first_call_only_activates_at_its_end() {
    let mut w = World::with(|config| config.policy.first_call = FirstCall::ActivateOnly);
    w.login(A);
    w.login_with(B, "TS2=91");
    let first = w.key(A, 100, call(91, 2, 0x4300, 2));
    w.run_until(first.end() - 1);
    assert_eq!(w.legs(A), legs([]));
    w.run_until(first.end());
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    w.assert_reaches_nobody(&first);
    let second = w.key(A, first.end() + 1_000, call(91, 2, 0x4301, 2));
    w.run_until(second.end());
    w.assert_reaches(&second, &[(B, 91, 2)]);
}

#[test]
fn s_044_traffic_is_delivered_and_does_not_extend_the_timer() {
    let mut w = with([(A, ""), (B, ""), (C, "")]);
    let own = w.call(A, call(91, 2, 0x4400, 1));
    w.run_until(own.end() + 5 * MINUTE);
    let other = w.call(B, call(91, 1, 0x4401, 2));
    w.assert_reaches(&other, &[(A, 91, 2)]);
    assert_expires(&mut w, A, 91, own.end() + 10 * MINUTE);
}

#[test]
fn s_045_a_leg_on_slot_1_is_served_on_slot_1_only() {
    let mut w = with([(A, ""), (B, ""), (C, "")]);
    w.call(A, call(91, 1, 0x4500, 1));
    w.wait(6_000);
    let sent = w.call(B, call(91, 2, 0x4501, 2));
    w.assert_reaches(&sent, &[(A, 91, 1)]);
}

#[test]
fn s_046_legs_on_both_slots_are_both_served() {
    let mut w = with([(A, ""), (B, ""), (C, "")]);
    w.call(A, call(91, 1, 0x4600, 1));
    w.wait(6_000);
    w.call(A, call(91, 2, 0x4601, 1));
    w.wait(6_000);
    let sent = w.call(B, call(91, 2, 0x4602, 2));
    w.assert_reaches(&sent, &[(A, 91, 1), (A, 91, 2)]);
}

#[test]
fn s_047_a_leg_ends_exactly_with_its_timer() {
    let mut w = with([(A, ""), (B, "")]);
    let sent = w.call(A, call(91, 2, 0x4700, 1));
    let end = sent.end() + 600_000;
    w.run_until(end - 1_000);
    assert_eq!(w.listeners_now(91), [(A, 91, 2)]);
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    w.run_until(end);
    assert_eq!(w.listeners_now(91), []);
    assert_eq!(w.left(A, 91), [(end, SubscriptionEnd::Expired)]);
}

#[test]
fn s_048_a_leg_does_not_end_while_its_user_talks_and_counts_anew_afterwards() {
    let mut w = with([(A, ""), (B, "TS2=91")]);
    let first = w.call(A, call(91, 2, 0x4800, 1));
    let second = w.key(A, first.end() + 598_000, call(91, 2, 0x4801, 16));
    assert!(second.end() > first.end() + 603_000);
    w.run_until(second.end());
    w.assert_reaches(&second, &[(B, 91, 2)]);
    assert_expires(&mut w, A, 91, second.end() + 600_000);
}

#[test]
fn s_048_a_call_longer_than_the_timer_does_not_end_its_own_leg() {
    let mut w = with([(A, "TIMER=1"), (B, "TS2=91")]);
    let sent = w.call(A, call(91, 2, 0x4810, 400));
    assert!(sent.end() - sent.start() > 2 * MINUTE);
    w.assert_reaches(&sent, &[(B, 91, 2)]);
    assert_expires(&mut w, A, 91, sent.end() + MINUTE);
}

#[test]
fn s_049_a_lost_terminator_activates_and_counts_from_the_timeout() {
    let mut w = with([(A, ""), (B, "")]);
    let sent = w.call(A, call(91, 2, 0x4900, 1).without_terminator());
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    assert_expires(&mut w, A, 91, sent.end() + 5_000 + 10 * MINUTE);
}

#[test]
fn s_050_single_mode_drops_the_other_talkgroup_at_the_first_frame() {
    let mut w = with([(A, "SINGLE=1"), (B, "")]);
    w.call(A, call(91, 2, 0x5000, 1));
    let sent = w.key(A, w.time() + 6_000, call(92, 2, 0x5001, 1));
    w.run_until(sent.start());
    assert_eq!(w.legs(A), legs([(2, 92, 92)]));
    assert_eq!(w.left(A, 91), [(sent.start(), SubscriptionEnd::Displaced)]);
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![], vec![(A, 92, 2)]));
}

#[test]
fn s_051_single_mode_counts_per_slot() {
    let mut w = with([(A, "SINGLE=1"), (B, "")]);
    w.call(A, call(91, 1, 0x5100, 1));
    w.call(A, call(92, 2, 0x5101, 1));
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![(A, 91, 1)], vec![(A, 92, 2)]));
}

#[test]
fn s_052_without_single_mode_both_stay_active() {
    let mut w = with([(A, "SINGLE=0"), (B, "")]);
    w.call(A, call(91, 2, 0x5200, 1));
    w.call(A, call(92, 2, 0x5201, 1));
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![(A, 91, 2)], vec![(A, 92, 2)]));
}

#[test]
fn s_053_single_mode_pauses_a_static_until_the_timer_ends() {
    let mut w = with([(A, "SINGLE=1;TS2=2350"), (B, "")]);
    let sent = w.key(A, w.time() + 100, call(91, 2, 0x5300, 1));
    w.run_until(sent.start());
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    assert_eq!(w.left(A, 2350), [(sent.start(), SubscriptionEnd::Suspended)]);
    w.run_until(sent.end());
    assert_eq!(w.listeners(2350), []);
    let back = sent.end() + 10 * MINUTE;
    w.run_until(back - 1);
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    w.run_until(back);
    assert_eq!(w.legs(A), legs([(2, 2350, 2350)]));
    assert_eq!(w.joined(A, 2350)[1..], [back]);
    assert_eq!((w.listeners(2350), w.listeners(91)), (vec![(A, 2350, 2)], vec![]));
}

#[test]
fn s_053_statics_stay_in_single_mode_if_the_policy_says_so() {
    let mut w = World::with(|config| config.policy.single_suspends_statics = false);
    w.login_with(A, "SINGLE=1;TS2=2350,2351");
    w.call(A, call(91, 2, 0x5310, 1));
    w.call(A, call(2351, 2, 0x5311, 1));
    assert_eq!(w.legs(A), legs([(2, 2350, 2350), (2, 2351, 2351)]));
    assert_eq!((w.left(A, 2350), w.left(A, 2351)), (vec![], vec![]));
}

#[test]
fn s_053_a_paused_static_waits_for_the_end_of_the_last_other_call() {
    let mut w = with([(A, "SINGLE=1;TS2=2350"), (B, "")]);
    w.call(A, call(91, 2, 0x5320, 1));
    w.wait(5 * MINUTE);
    let last = w.call(A, call(92, 2, 0x5321, 1));
    let back = last.end() + 10 * MINUTE;
    w.run_until(back);
    assert_eq!(w.joined(A, 2350)[1..], [back]);
}

#[test]
fn s_054_keying_a_paused_static_brings_it_back_at_once() {
    let mut w = with([(A, "SINGLE=1;TS2=2350"), (B, "TS2=2350")]);
    let first = w.call(A, call(91, 2, 0x5400, 1));
    let sent = w.key(A, first.end() + 60, call(2350, 2, 0x5401, 2));
    w.run_until(sent.start());
    assert_eq!(w.legs(A), legs([(2, 2350, 2350)]));
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 2350, 2)]);
    assert_eq!((w.listeners(91), w.listeners(2350)), (vec![], vec![(A, 2350, 2), (B, 2350, 2)]));
}

#[test]
fn s_055_without_single_mode_statics_stay() {
    let mut w = with([(A, "TS2=2350"), (B, "")]);
    w.call(A, call(91, 2, 0x5500, 1));
    assert_eq!(w.left(A, 2350), []);
    assert_eq!((w.listeners(2350), w.listeners(91)), (vec![(A, 2350, 2)], vec![(A, 91, 2)]));
}

#[test]
fn s_056_in_single_mode_4000_drops_and_pauses_everything_of_its_slot() {
    let mut w = with([(A, "SINGLE=1;TS2=2350"), (B, "TS2=91"), (C, "TS2=4000")]);
    w.call(A, call(91, 2, 0x5600, 1));
    assert_eq!(w.legs(A), legs([(2, 91, 91)]));
    w.wait(1_000);
    let sent = w.key(A, w.time() + 100, call(4000, 2, 0x5601, 1));
    w.run_until(sent.start());
    assert_eq!(w.legs(A), legs([]));
    w.run_until(sent.end());
    assert_not_routed(&w, &sent);
    w.assert_silent(A);
    assert_eq!((w.listeners(91), w.listeners(2350)), (vec![(B, 91, 2)], vec![]));
    let back = sent.end() + 10 * MINUTE;
    w.run_until(back);
    assert_eq!(w.joined(A, 2350)[1..], [back], "2350 comes back 10 min after the end of the call");
    assert_eq!(w.legs(A), legs([(2, 2350, 2350)]));
}

#[test]
fn s_057_without_single_mode_4000_drops_what_the_user_activated_on_its_slot() {
    let mut w = with([(A, "TS2=2350"), (C, "TS2=4000")]);
    for (n, (tg, slot)) in [(91, 2), (92, 2), (93, 1)].into_iter().enumerate() {
        w.call(A, call(tg, slot, 0x5700 + n as u32, 1));
        w.wait(1_000);
    }
    assert_eq!(w.legs(A).len(), 4);
    let sent = w.call(A, call(4000, 2, 0x5710, 1));
    assert_not_routed(&w, &sent);
    assert_eq!(w.legs(A), legs([(1, 93, 93), (2, 2350, 2350)]));
    assert_eq!(w.left(A, 91), [(sent.start(), SubscriptionEnd::Unlinked)]);
    assert_eq!((w.listeners(91), w.listeners(92)), (vec![], vec![]));
    assert_eq!((w.listeners(93), w.listeners(2350)), (vec![(A, 93, 1)], vec![(A, 2350, 2)]));
}

#[test]
fn s_057_4000_does_nothing_without_single_mode_if_the_policy_says_so() {
    let mut w = World::with(|config| config.policy.tg4000_unlinks = false);
    w.login_with(A, "SINGLE=0;TS2=2350");
    w.call(A, call(91, 2, 0x5720, 1));
    w.wait(1_000);
    let sent = w.call(A, call(4000, 2, 0x5721, 1));
    assert_not_routed(&w, &sent);
    assert_eq!(w.legs(A), legs([(2, 91, 91), (2, 2350, 2350)]));
}

#[test]
fn s_058_group_4000_leaves_the_reflector_linked() {
    for single in ["SINGLE=0;DIAL=91", "SINGLE=1;DIAL=91"] {
        let mut w = with([(A, single), (B, "")]);
        let sent = w.call(A, call(4000, 2, 0x5800, 1));
        assert_not_routed(&w, &sent);
        assert_eq!(w.legs(A), legs([(2, 9, 91)]));
        assert_eq!(w.listeners(91), [(A, 9, 2)]);
    }
}

#[test]
fn s_059_single_mode_leaves_the_reflector_linked_when_another_talkgroup_is_keyed() {
    let mut w = with([(A, "SINGLE=1;DIAL=91"), (B, "TS2=2350")]);
    let sent = w.call(A, call(2350, 2, 0x5900, 1));
    w.assert_reaches(&sent, &[(B, 2350, 2)]);
    assert_eq!(w.legs(A), legs([(2, 9, 91), (2, 2350, 2350)]));
    assert_eq!(w.listeners(91), [(A, 9, 2)]);
}

#[test]
fn s_060_keying_the_reflector_in_single_mode_drops_the_users_talkgroup() {
    let mut w = with([(A, "SINGLE=1;DIAL=91"), (B, "TS1=91"), (C, "")]);
    w.call(A, call(92, 2, 0x6000, 1));
    let sent = w.key(A, w.time() + 1_000, call(9, 2, 0x6001, 2));
    w.run_until(sent.start());
    assert_eq!(w.legs(A), legs([(2, 9, 91)]));
    w.run_until(sent.end());
    w.assert_reaches(&sent, &[(B, 91, 1)]);
    assert_eq!(w.listeners(92), []);
}

#[test]
fn s_061_local_numbers_go_nowhere_and_make_no_conference() {
    let mut w = with([(A, ""), (B, ""), (C, "DIAL=91")]);
    let before = w.core.table_sizes().conferences;
    for (n, (tg, slot)) in [(3, 2), (9, 1), (9, 2), (1, 1), (2, 2), (4, 1)].into_iter().enumerate() {
        let sent = w.call(A, call(tg, slot, 0x6100 + n as u32, 1));
        assert_not_routed(&w, &sent);
        w.wait(1_000);
    }
    assert_eq!((w.legs(A), w.core.table_sizes().conferences), (legs([]), before));
    w.assert_silent(B);
    w.assert_silent(C);
}

#[test]
fn s_062_a_talkgroup_below_79_is_a_local_conference() {
    let mut w = with([(A, ""), (B, ""), (C, "")]);
    w.call(B, call(50, 2, 0x6200, 1));
    w.wait(1_000);
    let sent = w.call(A, call(50, 2, 0x6201, 2));
    w.assert_reaches(&sent, &[(B, 50, 2)]);
    assert_eq!(w.starts(0x6201)[0].1.destination, Destination::Conference(ragchew_core::id::ConferenceTg(50)));
}

#[test]
fn s_063_talkgroups_5_to_8_are_local_conferences() {
    for tg in 5..=8 {
        let mut w = with([(A, ""), (B, ""), (C, "")]);
        w.call(B, call(tg, 2, 0x6300, 1));
        w.wait(1_000);
        let sent = w.call(A, call(tg, 2, 0x6301, 1));
        w.assert_reaches(&sent, &[(B, tg, 2)]);
    }
}

#[test]
fn s_064_group_5000_makes_no_conference_and_goes_nowhere() {
    let mut w = with([(A, ""), (B, "TS2=5000")]);
    let before = w.core.table_sizes().conferences;
    let sent = w.call(A, call(5000, 2, 0x6400, 1));
    assert_not_routed(&w, &sent);
    assert_eq!((w.legs(A), w.core.table_sizes().conferences), (legs([]), before));
}

#[test]
fn s_065_all_call_is_denied() {
    let mut w = with([(A, ""), (B, "TS2=91")]);
    let sent = w.call(A, call(16_777_215, 2, 0x6500, 1));
    w.assert_reaches_nobody(&sent);
    assert_eq!((w.starts(0x6500), w.legs(A)), (vec![], legs([])));
    assert_eq!(w.core.refusals().get(Refusal::TalkgroupAcl), sent.frames.len() as u64);
}

#[test]
fn s_066_each_leg_lasts_as_long_as_its_own_session_says() {
    let mut w = with([(A, "TIMER=10"), (B, "TIMER=20"), (C, "")]);
    let from_a = w.call(A, call(91, 2, 0x6600, 1));
    w.wait(1_000);
    let from_b = w.call(B, call(91, 2, 0x6601, 1));
    assert_expires(&mut w, A, 91, from_a.end() + 10 * MINUTE);
    w.run_until(from_b.end() + 20 * MINUTE + 1);
    assert_eq!(w.left(B, 91), [(from_b.end() + 20 * MINUTE, SubscriptionEnd::Expired)]);
    assert_eq!(w.listeners(91), []);
}

#[test]
fn s_067_a_conference_without_legs_disappears_and_comes_back_with_the_next_call() {
    let mut w = with([(A, ""), (B, "")]);
    let before = w.core.table_sizes();
    let first = w.call(A, call(91, 2, 0x6700, 1));
    assert_eq!(w.core.table_sizes().conferences, before.conferences + 1);
    w.run_until(first.end() + 11 * MINUTE);
    assert_eq!(w.core.table_sizes().conferences, before.conferences);
    assert_eq!(w.core.table_sizes().subscriptions, before.subscriptions);
    w.call(B, call(91, 2, 0x6701, 1));
    w.wait(1_000);
    let third = w.call(A, call(91, 2, 0x6702, 1));
    w.assert_reaches(&third, &[(B, 91, 2)]);
}

#[test]
fn s_069_whoever_joins_a_busy_talkgroup_is_not_carried_and_hears_the_running_call_afterwards() {
    let mut w = with([(A, ""), (B, ""), (C, "TS2=91"), (D, "")]);
    let running = w.key(B, 100, call(91, 2, 0x6900, 14));
    let joining = w.key(A, 1_150, call(91, 2, 0x6901, 2));
    w.run_until(running.end());
    w.assert_reaches_nobody(&joining);
    w.assert_hears(C, &running, 0..running.frames.len(), 91, 2);
    assert_eq!((w.joined(A, 91), w.legs(A)), (vec![joining.start()], legs([(2, 91, 91)])));
    w.assert_joins(A, &running, running.next_burst_a(joining.end() + 360), 91, 2);
    w.assert_silent(B);
    w.assert_silent(D);
}

/// B talks on 91; A joins when D, who subscribes it too, has just become free but does not hear B yet.
fn joining_with_a_free_listener(policy: BusyJoin) -> (World, SentCall, SentCall) {
    let mut w = World::with(|config| config.policy.busy_join = policy);
    for (name, options) in [(B, ""), (C, "TS2=91"), (A, ""), (D, "TS2=91,3100")] {
        w.login_with(name, options);
    }
    let own = w.key(D, 100, call(3100, 2, 0x6910, 2));
    let running = w.key(B, 1_000, call(91, 2, 0x6911, 20));
    let free = own.end() + 5_000;
    let joining = w.key(A, free + 10, call(91, 2, 0x6912, 2));
    assert!(running.frames[running.next_burst_a(free)].0 > joining.start());
    w.run_until(running.end());
    w.assert_hears(C, &running, 0..running.frames.len(), 91, 2);
    assert_eq!(w.heard_of(C, 0x6912), []);
    (w, running, joining)
}

#[test]
fn s_069_whoever_joins_a_busy_talkgroup_is_not_carried_even_to_whoever_is_free() {
    let (w, running, joining) = joining_with_a_free_listener(BusyJoin::Silent);
    w.assert_reaches_nobody(&joining);
    w.assert_joins(D, &running, running.next_burst_a(joining.start()), 91, 2);
}

#[test]
fn s_069_whoever_joins_a_busy_talkgroup_is_carried_to_whoever_is_free_if_the_policy_says_so() {
    let (w, _, joining) = joining_with_a_free_listener(BusyJoin::Contend);
    w.assert_hears(D, &joining, 0..joining.frames.len(), 91, 2);
}

#[test]
fn s_070_a_users_talkgroup_becomes_a_static_one_and_ends_when_that_is_removed() {
    let mut w = with([(A, ""), (B, "")]);
    w.call(A, call(91, 2, 0x7000, 1));
    w.wait(1_000);
    w.options(A, "TS2=91");
    w.wait(120 * MINUTE);
    assert_eq!(w.listeners_now(91), [(A, 91, 2)]);
    w.options(A, "TS2=");
    assert_eq!(w.listeners(91), []);
}
