//! The table is gone through, and what is no transition changes nothing.

use super::*;
use crate::limits::MAX_WORKERS;
use crate::supervise::table::{TABLE, step};

#[test]
fn every_row_of_the_table_is_gone_through_and_told_of_once() {
    for (from, cause, to) in TABLE {
        let mut world = reach(from, cause);
        happen(&mut world, cause);
        assert_eq!(world.state('a'), to, "{from:?} {cause:?}");
        let told = world.look().iter().filter(|a| matches!(a, Action::Changed { .. })).count();
        assert_eq!(told, usize::from(from != to), "{from:?} {cause:?}");
    }
}

#[test]
fn what_the_table_refuses_changes_nothing_and_an_operator_is_told_why() {
    let mut refused = 0;
    for from in State::ALL {
        for cause in [Cause::Start, Cause::Ready, Cause::Verdict] {
            let Err(why) = step(from, cause) else { continue };
            let mut world = reach(from, Cause::Start);
            let before = world.status('a');
            happen(&mut world, cause);
            assert_eq!(world.status('a'), before, "{from:?} {cause:?}");
            let wanted =
                if cause == Cause::Start { vec![Action::Refused { worker: Some('a'), why }] } else { Vec::new() };
            assert_eq!(world.look(), wanted, "{from:?} {cause:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 13);
}

#[test]
fn a_stale_incarnation_is_ignored() {
    let mut world = World::running();
    world.end('a', Ending::Exit(1));
    world.until_due();
    world.settle('a');
    let (before, _) = (world.status('a'), world.look());
    let (worker, incarnation) = ('a', 1);
    let stale = [
        Input::Spawned { worker, incarnation },
        Input::NotSpawned { worker, incarnation, errno: 11 },
        Input::Ready { worker, incarnation },
        Input::Vitals { worker, incarnation, vitals: BUSY, limit: 1 },
        Input::NoAnswer { worker, incarnation },
        Input::Maintenance { worker, incarnation, for_ms: 1 },
        Input::Garbage { worker, incarnation },
        Input::Finished { worker, incarnation },
        Input::Ended { worker, incarnation, ending: Ending::Exit(1) },
    ];
    stale.iter().for_each(|&input| world.tell(input));
    assert_eq!((world.status('a'), world.look(), world.supervisor.stale()), (before, vec![], 9));
    assert!(world.supervisor.is_live('a', 2) && !world.supervisor.is_live('a', 1));
}

#[test]
fn an_end_is_taken_once() {
    let mut world = World::running();
    world.end('a', Ending::Exit(1));
    let before = world.status('a');
    world.end('a', Ending::Signal(9));
    assert_eq!((world.status('a'), world.supervisor.stale()), (before, 1));
}

#[test]
fn names_are_registered_once_and_there_is_a_limit_to_them() {
    let mut world = World::with_one();
    world.register('a', Group::Root);
    assert_eq!(world.look(), [Action::Refused { worker: Some('a'), why: Refused::AlreadyKnown }]);
    for worker in ('b'..).take(MAX_WORKERS - 1) {
        world.register(worker, Group::Root);
    }
    assert_eq!((world.look(), world.supervisor.workers().count()), (vec![], MAX_WORKERS));
    world.register('!', Group::Root);
    assert_eq!(world.look(), [Action::Refused { worker: Some('!'), why: Refused::TooMany }]);
    world.tell(Input::Stop { worker: '!' });
    assert_eq!(world.look(), [Action::Refused { worker: Some('!'), why: Refused::Unknown }]);
}
