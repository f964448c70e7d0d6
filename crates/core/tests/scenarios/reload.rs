//! Design §6: a new configuration while the server runs: who goes, and that the others notice nothing.

use crate::support::client::{usual_id, usual_path, with_id};
use crate::support::world::listener;
use crate::support::{A, B, C, D, Name, World, call};
use ragchew_core::access::acl::{Acl, MAX_CLIENT};
use ragchew_core::id::RfTg;
use ragchew_core::net::{Path, SocketId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, SessionEnd, SubscriptionEnd, What};
use std::collections::BTreeSet;

/// A client of the other listener.
const E: Name = 'E';

/// A and E are to go. B has OPTIONS and a talkgroup that it keyed up; C has the defaults and one too; D listens.
fn before() -> World {
    let mut w = World::with(|config| {
        config.server.name = "before".into();
        config.listeners[0].defaults.statics[0] = vec![RfTg(94)];
        config.listeners.insert(0, listener(2, "other", 1));
    });
    w.login_with(A, "TS1=96");
    w.login_with(B, "TS1=95;TS2=91");
    w.login(C);
    w.login_with(D, "TS2=95");
    w.login_full(E, usual_id(E), Path { socket: SocketId(1), ..usual_path(E) }, Some("TS2=91"));
    w
}

/// A is not admitted any more, the other listener is gone, the statics of the one that stays are others.
fn reload(w: &mut World) {
    let retired = w.replace(|config| {
        config.server.name = "after".into();
        config.listeners.remove(0);
        config.listeners[0].acl.register = Acl::parse("DENY:2341001", MAX_CLIENT).unwrap();
        config.listeners[0].defaults.statics[0] = vec![RfTg(93)];
    });
    assert_eq!(&*retired.server.name, "before");
    w.silence(A);
    w.silence(E);
}

#[test]
fn clients_that_are_not_admitted_any_more_are_told_and_their_calls_end_where_they_are_heard() {
    let mut w = before();
    let talk = w.key(A, 1_000, call(91, 2, 0x40100, 9));
    w.run_until(talk.start() + 610);
    w.forget();
    let at = w.time();
    reload(&mut w);
    for name in [A, E] {
        assert_eq!(w.notices(name), [(at, with_id("MSTCL", usual_id(name)))]);
    }
    let gone = |what: &What| matches!(what, What::Disconnected { cause: SessionEnd::Removed, .. });
    assert_eq!((w.count(gone), w.core.running_sessions()), (2, 3));
    assert_eq!(w.events.last().map(|(_, what)| *what), Some(What::Reloaded { kept: 3, closed: 2 }));
    let heard = w.heard(B);
    assert_eq!((heard.len(), heard[0].at), (1, at));
    w.assert_made_terminator(&heard[0], &talk, 10, 91, 2);
    let ends = w.ends(0x40100);
    assert_eq!(ends.iter().map(|e| (e.at, e.cause)).collect::<Vec<_>>(), [(at, CallEnd::SessionEnded)]);
    w.forget();
    w.run_until(talk.end() + 10_000); // A goes on talking.
    w.assert_reaches_nobody(&talk);
    assert_eq!((w.notices(A), w.notices(E)), (vec![], vec![]));
    let (id, path) = (usual_id(A), usual_path(A));
    assert_eq!(w.answers(path, &with_id("RPTL", id)), [with_id("MSTNAK", id)]);
    let path = w.client(E).path;
    assert_eq!(w.answers(path, &with_id("RPTL", usual_id(E))), [] as [Vec<u8>; 0]);
    assert_eq!(w.core.refusals().get(Refusal::UnknownSocket), 1);
}

#[test]
fn clients_that_stay_keep_calls_options_and_what_they_keyed_up_and_take_new_defaults_if_they_sent_no_options() {
    let mut w = before();
    let by_b = w.call(B, call(3100, 2, 0x40200, 1));
    let by_c = w.call(C, call(3200, 2, 0x40201, 1));
    w.wait(60_000);
    let talk = w.key(C, w.time() + 100, call(95, 1, 0x40202, 9));
    w.run_until(talk.start() + 610);
    let at = w.time();
    reload(&mut w);
    assert_eq!(w.legs(B), BTreeSet::from([(1, 95, 95), (2, 91, 91), (2, 3100, 3100)]));
    assert_eq!(w.legs(C), BTreeSet::from([(1, 93, 93), (1, 95, 95), (2, 3200, 3200)]));
    assert_eq!((w.left(C, 94), w.joined(C, 93)), (vec![(at, SubscriptionEnd::Removed)], vec![at]));
    let events = w.events.len();
    assert_eq!(&*w.replace(|_| {}).server.name, "after");
    let told: Vec<_> = w.events[events..].iter().map(|(_, what)| *what).collect();
    assert_eq!(told, [What::Reloaded { kept: 3, closed: 0 }], "the same again changes nothing");
    w.run_until(talk.end());
    w.assert_reaches(&talk, &[(B, 95, 1), (D, 95, 2)]);
    assert_eq!((w.starts(0x40202).len(), w.ends(0x40202)[0].cause), (1, CallEnd::Terminator));
    assert_eq!((w.listeners(93), w.listeners(94)), (vec![(C, 93, 1)], vec![]));
    assert_eq!((w.listeners(91), w.listeners(3100)), (vec![(B, 91, 2)], vec![(B, 3100, 2)]));
    w.run_until(by_c.end() + 600_000);
    assert_eq!(w.left(B, 3100), [(by_b.end() + 600_000, SubscriptionEnd::Expired)], "its time goes on");
    assert_eq!(w.left(C, 3200), [(by_c.end() + 600_000, SubscriptionEnd::Expired)]);
    assert_eq!((w.left(B, 91), w.left(B, 95), w.left(D, 95)), (vec![], vec![], vec![]));
}
