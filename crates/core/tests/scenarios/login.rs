//! `wire.md` 1.3, 1.4 and 1.6: what the scenarios of `behaviour.md` take for granted about logging in and leaving.

use crate::support::calls::SentCall;
use crate::support::client::{path_from, rptc, rptk, rpto, usual_id, usual_path, with_id};
use crate::support::world::PASSPHRASE;
use crate::support::{A, B, C, D, Name, World, call};
use ragchew_core::access::acl::{Acl, MAX_CLIENT};
use ragchew_core::config::{ClientOverride, Passphrase};
use ragchew_core::id::ClientId;
use ragchew_core::limits::EFFECTS_SOFT_LIMIT;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, SessionEnd, What};
use std::collections::BTreeMap;

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
fn a_client_at_another_address_ends_its_call_there_and_moves_again_only_after_10_s() {
    let mut w = World::new();
    w.login(A);
    w.login_with(B, "TS2=91");
    w.login_with(C, "DIAL=91");
    let (id, old) = (usual_id(A), usual_path(A));
    let [new, third] = ["10.7.7.7:5000", "10.7.7.8:5000"].map(|remote| path_from(remote.parse().unwrap()));
    let talk = w.key(A, 100, call(91, 2, 0x1014, 9).with_options(0x04));
    w.run_until(talk.start() + 610);
    w.silence(A);
    w.sent.retain(|s| s.bytes.starts_with(b"DMRD"));
    let (moved, salt) = (w.time(), w.challenge(id, new));
    w.send(new, &rptk(id, &salt, PASSPHRASE));
    assert_eq!(w.answers(new, &rptc(id, "G0ABC", '3')), [with_id("RPTACK", id)]);
    w.run_until(talk.end()); // The old address goes on talking.
    for (name, tg) in [(B, 91), (C, 9)] {
        let heard = w.heard_of(name, 0x1014);
        assert_eq!((heard.len(), heard[11].at), (12, moved));
        w.assert_made_terminator(&heard[11], &talk, 10, tg, 2);
    }
    let call_ends = w.ends(0x1014);
    assert_eq!(call_ends.iter().map(|e| (e.at, e.cause)).collect::<Vec<_>>(), [(moved, CallEnd::SessionEnded)]);
    let closed = |w: &World, path| w.sent.iter().filter(|s| s.path == path && s.bytes == with_id("MSTCL", id)).count();
    assert_eq!((w.notices(A), closed(&w, old)), (vec![(moved, with_id("MSTCL", id))], 1));
    w.run_until(moved + 9_999);
    let its_salt = w.challenge(id, third);
    assert_eq!(w.answers(third, &rptk(id, &its_salt, PASSPHRASE)), [with_id("MSTNAK", id)]);
    assert_eq!(w.core.refusals().get(Refusal::TakeoverTooSoon), 1);
    assert_eq!(w.answers(new, &with_id("RPTPING", id)), [with_id("MSTPONG", id)], "nothing has changed");
    w.wait(1);
    w.send(third, &rptk(id, &its_salt, PASSPHRASE));
    assert_eq!(w.answers(third, &rptc(id, "G0ABC", '3')), [with_id("RPTACK", id)]);
    assert_eq!([old, new, third].map(|path| closed(&w, path)), [1, 1, 0]);
    assert_eq!(ends(&w), [moved, moved + 10_000].map(|at| (at, id, SessionEnd::LoggedInAgain)));
    assert_eq!(w.core.running_sessions(), 3);
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
fn the_same_options_are_acknowledged_a_hundred_times_and_cost_and_change_nothing() {
    let text = "TS1=91;TS2=92;TIMER=15;DIAL=93";
    let mut w = World::new();
    w.login_with(A, text);
    w.call(A, call(3100, 2, 0x1010, 1));
    w.wait(10_000);
    let (legs, events) = (w.legs(A), w.events.len());
    for _ in 0..100 {
        w.options(A, text); // The answer is checked there.
    }
    assert_eq!((w.legs(A), w.events.len()), (legs, events));
    for tg in 101..=105 {
        w.options(A, format!("TS1={tg}"));
    }
    let (id, path, events) = (usual_id(A), usual_path(A), w.events.len());
    assert_eq!(w.answers(path, &rpto(id, "TS1=106")), [] as [Vec<u8>; 0], "the sixth change within a second");
    assert_eq!((w.core.refusals().get(Refusal::OptionsRate), w.events.len()), (1, events));
    w.wait(1_000);
    w.options(A, "TS1=106");
    assert!(w.legs(A).contains(&(1, 106, 106)) && !w.legs(A).contains(&(1, 105, 105)));
}

#[test]
fn another_configuration_of_a_running_client_changes_its_slots_and_interrupts_no_call() {
    let mut w = World::new();
    w.login_with(A, "TS1=91;TS2=92");
    w.login(B);
    w.login(C);
    w.login_with(D, "TS2=93");
    let (id, path, ack) = (usual_id(A), usual_path(A), [with_id("RPTACK", usual_id(A))]);
    assert_eq!(w.answers(path, &rptc(id, "G0ABC", '4')), ack, "simplex");
    let one = w.key(B, 1_000, call(91, 1, 0x1011, 8));
    let two = w.key(C, 1_000, call(92, 2, 0x1012, 8));
    w.run_until(2_010);
    assert_eq!(w.heard_of(A, 0x1011), [], "slot 1 is not served");
    let is_end =
        |what: &What| matches!(what, What::CallEnded { .. } | What::Unsubscribed { .. } | What::Disconnected { .. });
    assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), ack, "duplex");
    let events = w.events.len();
    for _ in 0..20 {
        assert_eq!(w.answers(path, &rptc(id, "G0ABC", '3')), ack, "the same again");
    }
    assert_eq!((w.events.len(), w.count(is_end)), (events, 0));
    w.run_until(one.end());
    w.assert_joins(A, &one, one.next_burst_a(2_010), 91, 1);
    w.assert_hears(A, &two, 0..two.frames.len(), 92, 2);
    let own = w.key(A, w.time() + 6_000, call(93, 2, 0x1013, 4));
    w.run_until(own.start() + 610);
    assert_eq!(w.answers(path, &rptc(id, "G0ABD", '3')), ack);
    w.run_until(own.end());
    w.assert_reaches(&own, &[(D, 93, 2)]);
    assert_eq!((w.starts(0x1013).len(), w.ends(0x1013).len(), w.core.running_sessions()), (1, 1, 4));
}

#[test]
fn a_full_listener_has_a_place_again_as_soon_as_a_session_ends() {
    let mut w = World::with(|config| config.listeners[0].max_clients = 3);
    w.login(A);
    w.login(B);
    let (id, path, nak) = (usual_id(D), usual_path(D), [with_id("MSTNAK", usual_id(D))]);
    let salt = w.challenge(id, path);
    let (waiting, waiting_path) = (usual_id(C), usual_path(C));
    let its_salt = w.challenge(waiting, waiting_path);
    w.answers(waiting_path, &rptk(waiting, &its_salt, PASSPHRASE));
    assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), nak, "a login under way has the last place");
    assert_eq!(w.answers(path, &with_id("RPTL", id)), nak);
    let full =
        |what: &What| matches!(*what, What::LoginRefused { client, why: Refusal::ListenerFull, .. } if client.0 == id);
    assert_eq!((w.count(full), w.core.refusals().get(Refusal::ListenerFull)), (2, 2));
    assert_eq!((w.core.table_sizes().sessions, w.core.running_sessions()), (3, 2));
    w.wait(30_000);
    w.login(A); // Who is known gets in.
    let mut short = rptc(waiting, "G0ABC", '3');
    short.truncate(97);
    assert_eq!(w.answers(waiting_path, &short), [with_id("MSTNAK", waiting)], "the login under way fails");
    w.login(C);
    w.close(B);
    w.wait(1_999);
    assert_eq!(w.answers(path, &with_id("RPTL", id)), nak, "RPTCL counts after 2 s");
    w.wait(1);
    w.login(D);
    w.wait(30_000);
    let (id, path) = (usual_id(B), usual_path(B));
    assert_eq!(w.answers(path, &with_id("RPTL", id)), [with_id("MSTNAK", id)], "full again");
    w.silence(A);
    w.wait(60_000); // A times out.
    assert_eq!(w.core.running_sessions(), 2);
    w.login(B);
    assert_eq!((w.core.table_sizes().sessions, w.core.running_sessions()), (3, 3));
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
        // A moment after the call: control goes before voice.
        assert_eq!(told, [20, 40, 60].map(|n| (at + n, close.clone())), "to {name}");
    }
    assert_eq!(w.drained, [at + 60]);
    assert_eq!(w.core.running_sessions(), 0);
    assert_eq!(w.answers(usual_path(C), &with_id("RPTL", usual_id(C))), [] as [Vec<u8>; 0]);
    assert_eq!(ends(&w).iter().filter(|(.., cause)| *cause == SessionEnd::Drained).count(), 2);
}

#[test]
fn the_orderly_end_of_thousands_goes_in_steps_and_tells_each_running_client_three_times() {
    let mut w = World::with(|config| config.listeners[0].max_clients = 10_000);
    let names: Vec<Name> = (0..3_500).filter_map(|n| char::from_u32(0x4e00 + n)).collect();
    names.iter().for_each(|&name| w.login(name));
    let in_mid_login: Vec<Name> = (0..20).filter_map(|n| char::from_u32(0x6000 + n)).collect();
    for &name in &in_mid_login {
        let (id, path) = (usual_id(name), usual_path(name));
        let salt = w.challenge(id, path);
        assert_eq!(w.answers(path, &rptk(id, &salt, PASSPHRASE)), [with_id("RPTACK", id)]);
    }
    w.wait(1_000);
    w.forget();
    w.most_sent = 0;
    let at = w.time();
    w.drain();
    w.wait(30);
    w.drain(); // Asking twice changes nothing.
    w.wait(1_000);
    let mut told = BTreeMap::<_, Vec<_>>::new();
    for sent in &w.sent {
        told.entry(sent.path.remote).or_default().push((sent.at, sent.bytes.clone()));
    }
    for &name in &names {
        let close = with_id("MSTCL", usual_id(name));
        assert_eq!(told.remove(&usual_path(name).remote), Some([0, 20, 40].map(|n| (at + n, close.clone())).to_vec()));
    }
    assert!(told.is_empty(), "who is in mid-login is told nothing: {told:?}");
    let step = EFFECTS_SOFT_LIMIT / 2;
    assert!(w.most_sent < EFFECTS_SOFT_LIMIT + step, "{} datagrams of one input", w.most_sent);
    assert_eq!(w.drained, [at + 40]);
    assert_eq!((w.core.table_sizes().sessions, w.core.running_sessions()), (0, 0));
    assert_eq!(ends(&w).len(), names.len() + in_mid_login.len());
    assert!(ends(&w).iter().all(|&(when, _, cause)| (when, cause) == (at + 40, SessionEnd::Drained)));
}
