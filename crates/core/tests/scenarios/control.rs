//! What an operator asks for: kick, unlink, last calls; who is told and who is not. Source, design §1, §5.

use crate::support::client::{path_from, usual_id, usual_path, with_id};
use crate::support::world::listener;
use crate::support::{A, B, C, D, World, call};
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRefusal, Cursor};
use ragchew_core::id::{ClientId, ListenerId, RfTg, SessionNo, Slot};
use ragchew_core::limits::{CONTROL_ROWS, MAX_USER_ACTIVATED};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, SessionEnd, SubscriptionEnd, What};

fn kick(id: u32) -> ControlCommand {
    ControlCommand::Kick { client: ClientId(id), listener: None }
}

fn unlink(id: u32, slot: Option<Slot>, rf_tg: Option<u32>) -> ControlCommand {
    ControlCommand::Unlink { client: ClientId(id), slot, rf_tg: rf_tg.map(RfTg) }
}

fn refused(why: ControlRefusal) -> ControlOutcome {
    ControlOutcome::Refused(why)
}

#[test]
fn a_kick_tells_the_client_and_ends_its_call_for_those_who_hear_it_and_nobody_else_is_told() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.login_with(C, "TS2=92");
    let talk = w.key(A, 100, call(91, 2, 0x2001, 5));
    w.run_until(talk.start() + 610);
    w.forget();
    let at = w.time();
    assert_eq!(w.control(kick(usual_id(A))), ControlOutcome::Kicked(1));
    assert_eq!(w.notices(A), [(at, with_id("MSTCL", usual_id(A)))]);
    let heard = w.heard(B);
    assert_eq!(heard.len(), 1);
    w.assert_made_terminator(&heard[0], &talk, 10, 91, 2);
    w.assert_silent(C);
    assert_eq!((w.notices(B), w.notices(C)), (vec![], vec![]));
    let told: Vec<_> = w.events.iter().map(|&(_, what)| what).collect();
    assert!(matches!(told[0], What::Kicked { who } if who.client.0 == usual_id(A)), "{told:?}");
    assert!(matches!(told[1], What::CallEnded { cause: CallEnd::SessionEnded, .. }), "{told:?}");
    assert!(matches!(told[2], What::Disconnected { cause: SessionEnd::Kicked, .. }), "{told:?}");
    assert_eq!((told.len(), w.core.running_sessions()), (3, 2));
}

#[test]
fn a_client_that_was_kicked_may_log_in_again_at_once() {
    let mut w = World::new();
    w.login(A);
    assert_eq!(w.control(kick(usual_id(A))), ControlOutcome::Kicked(1));
    w.login(A);
    assert_eq!(w.core.running_sessions(), 1);
}

#[test]
fn a_kick_says_nothing_to_an_address_at_which_another_session_runs() {
    let mut w = World::new();
    let path = path_from(([10, 9, 9, 9], 62_000).into());
    w.login_full(A, usual_id(A), path, None);
    w.login_full(B, usual_id(B), path, None);
    w.forget();
    assert_eq!(w.control(kick(usual_id(A))), ControlOutcome::Kicked(1));
    assert!(w.sent.is_empty(), "MSTCL would log B out: {:?}", w.sent);
    assert_eq!(w.core.refusals().get(Refusal::FromLiveAddress), 1);
    assert_eq!(w.control(kick(usual_id(B))), ControlOutcome::Kicked(1));
    assert_eq!(w.sent.len(), 1);
}

#[test]
fn a_kick_goes_to_one_listener_or_to_all_and_of_a_stranger_it_is_refused() {
    let mut w = World::with(|config| config.listeners.push(listener(2, "guests", 1)));
    let both = |w: &mut World| {
        w.login(A);
        let mut path = usual_path(B);
        path.socket.0 = 1;
        w.login_full(B, usual_id(A), path, None);
        w.forget();
    };
    both(&mut w);
    let guests = ControlCommand::Kick { client: ClientId(usual_id(A)), listener: Some(ListenerId(2)) };
    assert_eq!(w.control(guests), ControlOutcome::Kicked(1));
    assert_eq!((w.notices(A).len(), w.notices(B).len()), (0, 1));
    assert_eq!(w.control(guests), refused(ControlRefusal::NoSuchClient));
    w.wait(11_000);
    both(&mut w);
    assert_eq!(w.control(kick(usual_id(A))), ControlOutcome::Kicked(2));
    assert_eq!(w.control(kick(usual_id(C))), refused(ControlRefusal::NoSuchClient));
    assert_eq!(w.core.running_sessions(), 0);
}

/// A has a static on slot 2, a default reflector, and keyed up talkgroups on both slots; B keyed up one of them.
fn linked() -> World {
    let mut w = World::new();
    w.login_with(A, "TS2=93;DIAL=400");
    w.login(B);
    for (name, tg, slot, stream) in [(A, 91, 2, 1), (A, 92, 2, 2), (A, 91, 1, 3), (B, 91, 2, 4)] {
        w.call(name, call(tg, slot, 0x2100 + stream, 1));
    }
    w.forget();
    w
}

#[test]
fn an_unlink_drops_what_the_client_keyed_up_and_neither_its_statics_nor_its_reflector_nor_what_others_have() {
    let mut w = linked();
    assert_eq!(w.control(unlink(usual_id(A), None, None)), ControlOutcome::Unlinked(3));
    let at = w.time();
    assert_eq!(w.left(A, 91), [(at, SubscriptionEnd::Unlinked); 2]);
    assert_eq!(w.left(A, 92), [(at, SubscriptionEnd::Unlinked)]);
    assert_eq!((w.left(A, 93), w.left(A, 400), w.left(B, 91)), (vec![], vec![], vec![]));
    assert_eq!(w.listeners(91), [(B, 91, 2)]);
    assert_eq!(w.listeners(93), [(A, 93, 2)]);
    assert_eq!(w.listeners(400), [(A, 9, 2)]);
    assert_eq!(w.control(unlink(usual_id(A), None, None)), refused(ControlRefusal::NoSuchTalkgroup));
    assert_eq!(w.control(unlink(usual_id(A), None, Some(93))), refused(ControlRefusal::NoSuchTalkgroup));
    assert_eq!(w.control(unlink(usual_id(D), None, None)), refused(ControlRefusal::NoSuchClient));
}

#[test]
fn an_unlink_may_name_a_slot_or_a_talkgroup() {
    let mut w = linked();
    assert_eq!(w.control(unlink(usual_id(A), Some(Slot::One), None)), ControlOutcome::Unlinked(1));
    assert_eq!(w.listeners(91), [(A, 91, 2), (B, 91, 2)]);
    assert_eq!(w.control(unlink(usual_id(A), None, Some(91))), ControlOutcome::Unlinked(1));
    assert_eq!(w.listeners(91), [(B, 91, 2)]);
    assert_eq!(w.listeners(92), [(A, 92, 2)]);
}

#[test]
fn a_call_on_a_talkgroup_that_is_unlinked_goes_on_and_its_end_does_not_bring_it_back() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let talk = w.key(A, 0, call(91, 2, 0x2201, 3));
    w.run_until(talk.start() + 400);
    assert_eq!(w.control(unlink(usual_id(A), None, None)), ControlOutcome::Unlinked(1));
    w.run_until(talk.end() + 1);
    w.assert_reaches(&talk, &[(B, 91, 2)]);
    assert_eq!(w.listeners(91), [(B, 91, 2)]);
}

#[test]
fn whoever_hears_a_call_by_a_talkgroup_that_is_unlinked_hears_it_end() {
    let mut w = World::new();
    w.login(A);
    w.call(A, call(91, 2, 0x2301, 1));
    w.login_with(B, "TS2=91");
    w.login_with(C, "TS2=91");
    w.wait(6_000);
    let talk = w.key(B, w.time(), call(91, 2, 0x2302, 3));
    w.run_until(talk.start() + 610);
    w.forget();
    assert_eq!(w.control(unlink(usual_id(A), None, None)), ControlOutcome::Unlinked(1));
    let heard = w.heard(A);
    assert_eq!(heard.len(), 1);
    w.assert_made_terminator(&heard[0], &talk, 10, 91, 2);
    w.assert_silent(C);
    w.run_until(talk.end());
    assert_eq!((w.heard(A).len(), w.heard(C).len()), (1, talk.frames.len() - 11));
}

#[test]
fn an_unlink_drops_at_most_64_talkgroups_at_once() {
    let mut w = World::with(|config| config.listeners.push(listener(2, "guests", 1)));
    w.login(A);
    let mut path = usual_path(B);
    path.socket.0 = 1;
    w.login_full(B, usual_id(A), path, None);
    let mut stream = 0x3000;
    for n in 0..MAX_USER_ACTIVATED as u32 {
        for (name, slot) in [(A, 1), (A, 2), (B, 1)] {
            stream += 1;
            let frames = call(100 + n, slot, stream, 0).frames(usual_id(A));
            let path = w.client(name).path;
            frames.iter().for_each(|frame| drop(w.send(path, frame)));
        }
        w.wait(1_000);
    }
    let more = ControlOutcome::Unlinked(MAX_USER_ACTIVATED as u32);
    w.forget();
    assert_eq!(w.control(unlink(usual_id(A), None, None)), ControlOutcome::Unlinked(CONTROL_ROWS as u32));
    assert_eq!(w.reported.len(), CONTROL_ROWS);
    assert_eq!(w.control(unlink(usual_id(A), None, None)), more);
    assert_eq!(w.control(unlink(usual_id(A), None, None)), refused(ControlRefusal::NoSuchTalkgroup));
}

#[test]
fn after_the_last_calls_new_ones_and_logins_are_refused_and_what_runs_goes_on() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.login(C);
    let talk = w.key(A, 0, call(91, 2, 0x2401, 5));
    w.run_until(talk.start() + 610);
    assert_eq!(w.control(ControlCommand::LastCalls(true)), ControlOutcome::LastCalls { calls: 1 });
    w.run_until(talk.end() + 1);
    w.assert_reaches(&talk, &[(B, 91, 2)]);
    w.forget();
    let late = w.call(C, call(91, 2, 0x2402, 1));
    w.assert_reaches_nobody(&late);
    let told = |what: &What| matches!(what, What::CallRefused { why: Refusal::Draining, .. });
    assert_eq!((w.count(told), w.starts(0x2402)), (1, vec![]), "told once, and it never began");
    assert_eq!(w.answers(usual_path(D), &with_id("RPTL", usual_id(D))), [] as [Vec<u8>; 0]);
    w.ping(A);
    assert_eq!(w.control(ControlCommand::LastCalls(false)), ControlOutcome::LastCalls { calls: 0 });
    w.wait(11_000);
    w.login(D);
    let again = w.call(C, call(91, 2, 0x2403, 1));
    w.assert_reaches(&again, &[(A, 91, 2), (B, 91, 2)]);
}

#[test]
fn a_challenge_of_before_the_last_calls_lets_nobody_in_and_a_repeated_answer_is_acknowledged() {
    let mut w = World::new();
    let (id, path) = (usual_id(A), usual_path(A));
    let salt = w.challenge(id, path);
    let mine = crate::support::client::rptk(id, &salt, crate::support::world::PASSPHRASE);
    assert_eq!(w.answers(path, &mine), [with_id("RPTACK", id)]);
    let (other, theirs) = (usual_id(B), usual_path(B));
    let salt = w.challenge(other, theirs);
    w.control(ControlCommand::LastCalls(true));
    assert_eq!(w.answers(path, &mine), [with_id("RPTACK", id)]);
    let answer = crate::support::client::rptk(other, &salt, crate::support::world::PASSPHRASE);
    assert_eq!(w.answers(theirs, &answer), [] as [Vec<u8>; 0]);
    assert_eq!(w.core.refusals().get(Refusal::Draining), 1);
    assert_eq!(w.core.table_sizes().sessions, 1);
}

#[test]
fn while_the_server_stops_nothing_is_obeyed_and_what_there_is_is_still_told() {
    let mut w = World::new();
    w.login(A);
    w.drain();
    w.forget();
    let session = SessionNo(1);
    for command in [kick(usual_id(A)), unlink(usual_id(A), None, None), ControlCommand::LastCalls(false)] {
        assert_eq!(w.control(command), refused(ControlRefusal::Draining));
    }
    assert!(w.reported.is_empty());
    let retell = ControlCommand::Retell(Cursor { session, ..Cursor::default() });
    assert_eq!(w.control(retell), ControlOutcome::Told(None));
    assert!(matches!(w.reported[0].what, What::Retold { who } if who.session == session));
}
