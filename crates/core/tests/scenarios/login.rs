//! `wire.md` 1.3, 1.4 and 1.6: what the scenarios of `behaviour.md` take for granted about logging in and leaving.

use crate::support::calls::SentCall;
use crate::support::client::{path_from, rptc, rptk, rpto, usual_id, usual_path, with_id};
use crate::support::world::PASSPHRASE;
use crate::support::{A, B, C, World, call};
use ragchew_core::access::acl::{Acl, MAX_CLIENT};
use ragchew_core::config::{ClientOverride, Passphrase};
use ragchew_core::id::ClientId;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, SessionEnd, What};

/// Ends of sessions, with their causes.
fn ends(w: &World) -> Vec<(u64, u32, SessionEnd)> {
    let end = |&(at, what): &(u64, What)| match what {
        What::Disconnected { who, cause, .. } => Some((at, who.client.0, cause)),
        _ => None,
    };
    w.events.iter().filter_map(end).collect()
}

/// B heard the first `frames` of the call and then an end that the server made, at `at`.
fn assert_cut_off(w: &World, sent: &SentCall, frames: usize, at: u64) {
    let heard = w.heard_of(B, sent.call.stream);
    assert_eq!(heard.len(), frames + 1);
    assert_eq!(heard[frames].at, at);
    w.assert_made_terminator(&heard[frames], sent, frames - 1, 91, 2);
}

#[test]
fn a_repeated_request_gets_the_same_challenge() {
    let mut w = World::new();
    let (id, path) = (usual_id(A), usual_path(A));
    let salt = w.challenge(id, path);
    w.wait(1_000);
    assert_eq!(w.challenge(id, path), salt);
    assert_ne!(w.challenge(id, usual_path(B)), salt, "it is bound to the address");
    assert_ne!(w.challenge(usual_id(B), path), salt, "and to the ID");
}

#[test]
fn a_challenge_is_good_for_a_minute_and_not_for_two() {
    for (millis, answer) in [(59_000, "RPTACK"), (121_000, "MSTNAK")] {
        let mut w = World::new();
        let (id, path) = (usual_id(A), usual_path(A));
        let salt = w.challenge(id, path);
        w.wait(millis);
        assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [with_id(answer, id)], "after {millis} ms");
    }
}

#[test]
fn messages_whose_answer_was_lost_are_answered_again_and_change_nothing() {
    let mut w = World::new();
    let (id, path) = (usual_id(A), usual_path(A));
    let salt = w.challenge(id, path);
    let ack = with_id("RPTACK", id);
    for _ in 0..3 {
        assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [ack.as_slice()]);
    }
    for _ in 0..3 {
        assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), [ack.as_slice()]);
    }
    assert_eq!(w.count(|what| matches!(what, What::Authenticated { .. })), 1);
    assert_eq!(w.count(|what| matches!(what, What::Connected { .. })), 1);
    assert_eq!((w.core.running_sessions(), ends(&w)), (1, vec![]));
}

#[test]
fn a_wrong_passphrase_is_refused_and_a_client_may_have_one_of_its_own() {
    let mut w = World::with(|config| {
        config.listeners[0].clients = vec![ClientOverride {
            client: ClientId(usual_id(A)),
            passphrase: Some(Passphrase::new(b"mine".as_slice())),
            ..ClientOverride::default()
        }];
    });
    let mut answer = |name, passphrase: &[u8]| {
        let (id, path) = (usual_id(name), usual_path(name));
        let salt = w.challenge(id, path);
        let answers = w.answers(path, &rptk(id, &salt, passphrase));
        assert_eq!(answers.len(), 1);
        answers[0][..6].to_vec()
    };
    assert_eq!(answer(A, PASSPHRASE), b"MSTNAK");
    assert_eq!(answer(A, b"mine"), b"RPTACK");
    assert_eq!(answer(B, b"mine"), b"MSTNAK");
    assert_eq!(answer(B, PASSPHRASE), b"RPTACK");
}

#[test]
fn only_the_right_passphrase_moves_a_session_and_only_then_the_old_address_is_told() {
    let mut w = World::new();
    w.login_with(A, "TS2=91");
    w.login(B);
    let (id, old, new) = (usual_id(A), usual_path(A), path_from("10.7.7.7:5000".parse().unwrap()));
    let salt = w.challenge(id, new);
    assert_eq!(w.answers(new, &rptk(id, &salt, b"wrong")), [with_id("MSTNAK", id)]);
    assert_eq!(ends(&w), []);
    let sent = w.send(new, &rptk(id, &salt, PASSPHRASE));
    let mut sent: Vec<_> = sent.into_iter().map(|s| (s.path, s.bytes)).collect();
    sent.sort_by_key(|(path, _)| *path == old);
    assert_eq!(sent, [(new, with_id("RPTACK", id)), (old, with_id("MSTCL", id))]);
    assert_eq!(ends(&w), [(0, id, SessionEnd::LoggedInAgain)]);
    assert_eq!(
        w.count(|what| matches!(what, What::Moved { from, to, .. } if (*from, *to) == (old.remote, new.remote))),
        1
    );
    assert_eq!(w.answers(new, &rptc(id, "G0ABC", '3')), [with_id("RPTACK", id)]);
    w.silence(A);
    let from_b = w.call(B, call(91, 2, 0x1001, 1));
    w.assert_reaches_nobody(&from_b);
    assert!(w.sent.iter().all(|s| !s.bytes.starts_with(b"DMRD")), "what the old session subscribed to is gone");
}

#[test]
fn an_id_moves_at_most_once_in_10_s() {
    let mut w = World::new();
    w.login(A);
    let id = usual_id(A);
    let moves_to = |w: &mut World, host: u8| {
        let path = path_from(std::net::SocketAddr::from(([10, 7, 7, host], 5_000)));
        let salt = w.challenge(id, path);
        w.send(path, &rptk(id, &salt, PASSPHRASE)).iter().any(|s| s.bytes.starts_with(b"RPTACK"))
    };
    assert!(moves_to(&mut w, 1));
    w.wait(9_900);
    assert!(!moves_to(&mut w, 2));
    w.wait(200);
    assert!(moves_to(&mut w, 3));
}

#[test]
fn no_refusal_goes_to_the_address_of_a_running_session() {
    let mut w = World::with(|config| {
        config.listeners[0].acl.register = Acl::parse("DENY:2341003", MAX_CLIENT).unwrap();
    });
    w.login(A);
    let path = usual_path(A);
    for stranger in [usual_id(B), usual_id(C)] {
        for message in [with_id("RPTPING", stranger), rptc(stranger, "G0ABC", '3'), rptk(stranger, b"salt", b"x")] {
            assert_eq!(w.answers(path, &message), [] as [Vec<u8>; 0]);
        }
    }
    assert_eq!(w.answers(path, &with_id("RPTL", usual_id(C))), [] as [Vec<u8>; 0], "denied by the list");
    assert!(w.core.refusals().get(Refusal::FromLiveAddress) >= 7);
    assert_eq!(w.challenge(usual_id(A), path).len(), 4, "a restarted client gets in");
    w.ping(A);
    assert_eq!(w.core.running_sessions(), 1);
}

#[test]
fn refusals_are_limited_to_5_a_second_and_source() {
    let mut w = World::new();
    let path = usual_path(C);
    let naks = |w: &mut World, n: usize| {
        (0..n).map(|_| w.answers(path, &with_id("RPTPING", usual_id(C))).len()).sum::<usize>()
    };
    assert_eq!(naks(&mut w, 20), 5);
    w.wait(200);
    assert_eq!(naks(&mut w, 20), 1);
    w.wait(1_000);
    assert_eq!(naks(&mut w, 20), 5);
}

#[test]
fn options_are_heard_5_times_and_then_once_a_second_and_repeats_cost_nothing() {
    let mut w = World::new();
    w.login(A);
    let (id, path) = (usual_id(A), usual_path(A));
    let answered = |w: &mut World, tg: u32| !w.answers(path, &rpto(id, format!("TS1={tg}"))).is_empty();
    w.wait(10_000);
    assert_eq!(
        [91, 92, 93, 94, 95, 95, 96].map(|tg| answered(&mut w, tg)),
        [true, true, true, true, true, true, false]
    );
    assert_eq!(w.options_in_force(A).statics, [1, 0]);
    w.wait(1_000);
    assert!(answered(&mut w, 97) && !answered(&mut w, 98));
    assert_eq!(w.listeners(97), [(A, 97, 1)]);
}

#[test]
fn a_farewell_counts_after_2_s_unless_the_client_shows_life() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.close(A);
    w.wait(1_999);
    assert_eq!(ends(&w), []);
    w.ping(A);
    w.wait(30_000);
    assert_eq!((ends(&w), w.core.running_sessions()), (vec![], 2));
    let talk = w.key(A, w.time() + 100, call(91, 2, 0x1002, 9));
    w.run_until(talk.start() + 500);
    w.close(A); // Forged: A goes on talking.
    w.run_until(talk.end());
    w.assert_reaches(&talk, &[(B, 91, 2)]);
    w.wait(20_000);
    assert_eq!((ends(&w), w.core.running_sessions()), (vec![], 2));
    w.close(A);
    w.wait(2_000);
    assert_eq!(ends(&w), [(w.time(), usual_id(A), SessionEnd::Closed)]);
}

#[test]
fn a_session_that_ends_ends_its_call_for_those_who_hear_it() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let talk = w.key(A, 100, call(91, 2, 0x1003, 1).without_terminator());
    w.run_until(talk.end() + 10);
    w.close(A);
    w.wait(30_000);
    let end = talk.end() + 10 + 2_000;
    assert_cut_off(&w, &talk, talk.frames.len(), end);
    let call_ends = w.ends(0x1003);
    assert_eq!(call_ends.iter().map(|e| (e.at, e.cause)).collect::<Vec<_>>(), [(end, CallEnd::SessionEnded)]);
}

#[test]
fn a_configuration_of_98_bytes_will_do_and_a_shorter_one_will_not() {
    for (length, answer) in [(97, "MSTNAK"), (98, "RPTACK"), (303, "RPTACK"), (306, "RPTACK")] {
        let mut w = World::new();
        let (id, path) = (usual_id(A), usual_path(A));
        let salt = w.challenge(id, path);
        w.answers(path, &rptk(id, &salt, PASSPHRASE));
        let mut message = rptc(id, "G0ABC", '3');
        message.resize(length, 0);
        assert_eq!(w.answers(path, &message), [with_id(answer, id)], "{length} bytes");
        assert_eq!(w.core.running_sessions(), usize::from(answer == "RPTACK"));
    }
}

#[test]
fn a_simplex_hotspot_is_served_on_slot_2_only() {
    let mut w = World::new();
    let (id, path) = (usual_id(A), usual_path(A));
    w.login_with(A, "TS1=91;TS2=91");
    assert_eq!(w.answers(path, &rptc(id, "G0ABC", '4')), [with_id("RPTACK", id)]);
    w.login(B);
    let sent = w.call(B, call(91, 1, 0x1004, 1));
    w.assert_reaches(&sent, &[(A, 91, 2)]);
}

#[test]
fn frames_of_strangers_are_not_answered() {
    let mut w = World::new();
    w.login_with(B, "TS2=91");
    for frame in call(91, 2, 0x1005, 1).frames(usual_id(A)) {
        assert_eq!(w.answers(usual_path(A), &frame), [] as [Vec<u8>; 0]);
    }
    w.assert_silent(B);
    assert_eq!(w.core.refusals().get(Refusal::NoSession), 8);
}

#[test]
fn the_orderly_end_ends_calls_and_tells_each_client_three_times() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    let talk = w.key(A, 100, call(91, 2, 0x1006, 5));
    w.run_until(talk.start() + 610);
    w.sent.retain(|s| s.bytes.starts_with(b"DMRD"));
    let at = w.time();
    w.drain();
    w.wait(1_000);
    assert_cut_off(&w, &talk, 11, at);
    for name in [A, B] {
        let told = w.notices(name);
        let close = with_id("MSTCL", usual_id(name));
        assert_eq!(told, [0, 20, 40].map(|n| (at + n, close.clone())), "to {name}");
    }
    assert!(w.drained);
    assert_eq!(w.core.running_sessions(), 0);
    assert_eq!(w.answers(usual_path(C), &with_id("RPTL", usual_id(C))), [] as [Vec<u8>; 0]);
    assert_eq!(ends(&w).iter().filter(|(.., cause)| *cause == SessionEnd::Drained).count(), 2);
}
