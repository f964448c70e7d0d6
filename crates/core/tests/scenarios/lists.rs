//! `behaviour.md` 11.7: access control lists, as the frames meet them.

use crate::support::client::{usual_id, usual_path, with_id};
use crate::support::{A, B, C, World, call};
use ragchew_core::access::acl::{Acl, AclError, MAX_CLIENT, MAX_ID};
use ragchew_core::config::ListenerAcl;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::What;

fn list(text: &str) -> Acl {
    Acl::parse(text, MAX_ID).unwrap()
}

/// A speaks, B listens to `b`, C to nothing.
fn with_lists(change: impl FnOnce(&mut ListenerAcl), b: &str) -> World {
    let mut w = World::with(|config| change(&mut config.listeners[0].acl));
    w.login(A);
    w.login_with(B, b);
    w.login(C);
    w
}

/// Whether a call of `source` to `tg` on `slot` from A reaches B, and nobody else; or nobody at all.
fn reaches_b(w: &mut World, source: u32, tg: u32, slot: u8) -> bool {
    w.wait(6_000);
    let stream = 0x1_9400 + w.time() as u32;
    let sent = w.call(A, call(tg, slot, stream, 1).by(source));
    let heard = !w.heard_of(B, stream).is_empty();
    let to = [(B, tg, 2)];
    w.assert_reaches(&sent, &to[..usize::from(heard)]);
    assert_eq!(w.starts(stream).len(), usize::from(heard));
    heard
}

#[test]
fn s_194_radios_on_a_deny_list_are_not_heard() {
    let mut w = with_lists(|acl| acl.subscriber = list("DENY:1,1000-2000"), "TS2=91");
    let heard = [1, 999, 1000, 1500, 2000, 2001].map(|source| reaches_b(&mut w, source, 91, 2));
    assert_eq!(heard, [false, true, false, false, false, true]);
}

#[test]
fn s_195_talkgroups_beside_a_permit_list_are_not_carried() {
    let mut w = with_lists(|acl| acl.talkgroups[1] = list("PERMIT:3100-3199"), "TS2=3099,3100,3199,3200");
    let heard = [3099, 3100, 3199, 3200].map(|tg| reaches_b(&mut w, usual_id(A), tg, 2));
    assert_eq!(heard, [false, true, true, false]);
}

#[test]
fn s_196_a_range_that_begins_outside_counts_inside() {
    let mut w = with_lists(|acl| acl.talkgroups[1] = list("DENY:0-82"), "TS2=50,82,83");
    let heard = [50, 82, 83].map(|tg| reaches_b(&mut w, usual_id(A), tg, 2));
    assert_eq!(heard, [false, false, true]);
}

#[test]
fn s_197_a_list_of_numbers_that_do_not_exist_is_an_error() {
    assert_eq!(Acl::parse("PERMIT:0", MAX_ID), Err(AclError::Range { entry: "0".into(), max: MAX_ID }));
}

#[test]
fn s_198_an_empty_list_admits_everybody() {
    let empty = |acl: &mut ListenerAcl| {
        acl.subscriber = list("");
        acl.talkgroups = [list(""), list("")];
        acl.register = Acl::parse("", MAX_CLIENT).unwrap();
    };
    let mut w = with_lists(empty, "TS2=91");
    assert_eq!([1, 2_341_001, 16_776_415].map(|source| reaches_b(&mut w, source, 91, 2)), [true; 3]);
}

#[test]
fn s_199_lists_that_are_switched_off_count_for_logins_only() {
    let off = |acl: &mut ListenerAcl| {
        acl.enabled = false;
        acl.subscriber = list("DENY:2341001");
        acl.talkgroups[1] = list("DENY:91");
        acl.register = Acl::parse("DENY:2341004", MAX_CLIENT).unwrap();
    };
    let mut w = with_lists(off, "TS2=91");
    assert!(reaches_b(&mut w, 2_341_001, 91, 2));
    assert_eq!(w.answers(usual_path('D'), &with_id("RPTL", 2_341_004)), [with_id("MSTNAK", 2_341_004)]);
    assert_eq!(w.core.refusals().get(Refusal::RegisterAcl), 1);
}

#[test]
fn s_200_each_slot_has_a_list_of_its_own() {
    let mut w = with_lists(|acl| acl.talkgroups[0] = list("DENY:91"), "TS2=91");
    assert_eq!([1, 2].map(|slot| reaches_b(&mut w, usual_id(A), 91, slot)), [false, true]);
}

#[test]
fn s_202_radio_1_is_denied_unless_the_list_says_otherwise() {
    let mut w = with_lists(|_| {}, "TS2=91");
    assert_eq!([1, 2].map(|source| reaches_b(&mut w, source, 91, 2)), [false, true]);
}

#[test]
fn s_203_a_hundred_denied_frames_are_said_once() {
    let mut w = with_lists(|_| {}, "TS2=91");
    let sent = w.call(A, call(91, 2, 0x20300, 17).by(1).cut_to(100));
    assert_eq!(sent.frames.len(), 100);
    w.assert_reaches_nobody(&sent);
    assert_eq!(w.core.refusals().get(Refusal::SubscriberAcl), 100);
    assert_eq!(w.count(|what| matches!(what, What::CallRefused { why: Refusal::SubscriberAcl, .. })), 1);
    assert_eq!(w.count(|what| matches!(what, What::CallRefused { .. } | What::CallStarted { .. })), 1);
}
