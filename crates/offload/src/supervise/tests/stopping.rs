//! Stops, restarts by an operator, groups, rolls and the end of the server.

use super::*;

#[test]
fn a_worker_that_does_not_stop_in_time_is_killed_and_named() {
    let mut world = World::running();
    world.tell(Input::Stop { worker: 'a' });
    assert_eq!(world.look(), [changed(State::Stopping, 1, None), ask_stop('a', 1)]);
    world.wait(999);
    world.tell(Input::Tick);
    world.tell(Input::Stop { worker: 'a' });
    assert_eq!(world.look(), [], "asking again makes it no later");
    world.wait(1);
    world.tell(Input::Tick);
    assert_eq!(world.look(), [Action::Late { worker: 'a', incarnation: 1, finished: false }, kill('a', 1)]);
    assert_eq!(world.supervisor.next(), None);
    world.end('a', Ending::Signal(9));
    assert_eq!(world.look(), [changed(State::Stopped, 1, Some(Ending::Killed))]);
}

#[test]
fn a_worker_that_kept_everything_and_hangs_then_is_named_as_such() {
    let mut world = World::running();
    world.tell(Input::Stop { worker: 'a' });
    world.tell(Input::Finished { worker: 'a', incarnation: 1 });
    world.look();
    world.until_due();
    assert_eq!(world.look()[0], Action::Late { worker: 'a', incarnation: 1, finished: true });
}

#[test]
fn a_restart_breaks_before_it_makes_and_does_not_count() {
    let mut world = World::running();
    world.tell(Input::Restart { worker: 'a' });
    assert_eq!(world.deeds(), [ask_stop('a', 1)]);
    world.end('a', Ending::Exit(0));
    assert_eq!(world.look(), [changed(State::Starting, 2, Some(Ending::Exit(0))), spawn('a', 2)]);
    assert_eq!((world.status('a').restarts, world.status('a').attempts), (0, 0));
}

#[test]
fn who_asks_last_decides_whether_a_stopping_worker_comes_back() {
    let mut world = World::running();
    world.tell(Input::Restart { worker: 'a' });
    world.tell(Input::Stop { worker: 'a' });
    world.end('a', Ending::Exit(0));
    assert_eq!(world.state('a'), State::Stopped);
    world.bring_up('a');
    world.tell(Input::Stop { worker: 'a' });
    world.tell(Input::Start { worker: 'a' });
    world.end('a', Ending::Exit(0));
    assert_eq!((world.state('a'), world.incarnation('a')), (State::Starting, 3));
}

#[test]
fn a_worker_that_waits_for_its_restart_can_be_stopped_and_stays_down() {
    let mut world = World::running();
    world.end('a', Ending::Exit(1));
    world.tell(Input::Stop { worker: 'a' });
    assert_eq!((world.state('a'), world.supervisor.next()), (State::Stopped, None));
    world.wait(100_000);
    world.tell(Input::Tick);
    assert_eq!(world.state('a'), State::Stopped);
}

/// Three running workers, each in a group of its own beside the others, and one above them.
fn family() -> World {
    let mut world = World::new(Numbers::default());
    let groups = [('r', Group::Root), ('a', Group::Reporting), ('b', Group::Control), ('c', Group::Tables)];
    for (worker, group) in groups {
        world.register(worker, group);
        world.bring_up(worker);
    }
    world.wait(50);
    world.look();
    world
}

#[test]
fn groups_are_a_tree_under_one_root() {
    for group in Group::ALL {
        assert_eq!(group.parent().is_none(), group == Group::Root);
        assert_eq!(group.is_below(Group::Root), group != Group::Root);
        assert!(!group.is_below(group));
    }
    assert!(!Group::Control.is_below(Group::Reporting));
}

#[test]
fn leaves_stop_first_and_siblings_at_the_same_time() {
    let mut world = family();
    world.tell(Input::StopAll);
    assert_eq!(world.deeds(), ['a', 'b', 'c'].map(|worker| ask_stop(worker, 1)));
    world.end('a', Ending::Exit(0));
    world.end('c', Ending::Exit(0));
    assert_eq!(world.deeds(), [], "the root waits for the last of them");
    world.until_due();
    assert_eq!(world.deeds(), [Action::Late { worker: 'b', incarnation: 1, finished: false }, kill('b', 1)]);
    world.end('b', Ending::Signal(9));
    assert_eq!(world.deeds(), [ask_stop('r', 1)]);
    world.end('r', Ending::Exit(0));
    assert_eq!(world.deeds(), [Action::AllStopped]);
    world.tell(Input::StopAll);
    world.tell(Input::Tick);
    assert_eq!((world.deeds(), world.supervisor.next()), (vec![], None), "said once");
}

#[test]
fn the_end_of_the_server_stops_what_waits_and_starts_nothing_any_more() {
    let mut world = family();
    world.end('a', Ending::Exit(1));
    world.tell(Input::Restart { worker: 'b' });
    world.look();
    world.tell(Input::StopAll);
    assert_eq!(world.state('a'), State::Stopped);
    for input in [Input::Start { worker: 'a' }, Input::Restart { worker: 'r' }] {
        world.look();
        world.tell(input);
        assert!(matches!(world.look()[..], [Action::Refused { why: Refused::ServerEnds, .. }]), "{input:?}");
    }
    world.end('b', Ending::Exit(0));
    assert_eq!(world.state('b'), State::Stopped, "its restart is off");
    // One that dies meanwhile stays down, however quickly it died.
    world.end('r', Ending::Exit(1));
    assert_eq!(world.state('r'), State::Stopped);
    world.end('c', Ending::Exit(0));
    assert_eq!(world.look().last(), Some(&Action::AllStopped));
    world.register('z', Group::Root);
    assert_eq!(world.look(), [Action::Refused { worker: Some('z'), why: Refused::ServerEnds }]);
}

#[test]
fn a_worker_that_dies_at_its_start_does_not_come_back_while_the_server_ends() {
    let mut world = World::new(Numbers::default());
    world.register('r', Group::Root);
    world.register('a', Group::Reporting);
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::Start { worker: 'r' });
    world.tell(Input::StopAll);
    world.look();
    world.end('r', Ending::Exit(1));
    assert_eq!((world.state('r'), world.deeds()), (State::Stopped, vec![]));
}

#[test]
fn a_server_without_workers_is_stopped_at_once() {
    let mut world = World::with_one();
    world.tell(Input::StopAll);
    assert_eq!(world.look(), [changed(State::Stopped, 0, None), Action::AllStopped]);
    let mut none = World::new(Numbers::default());
    none.tell(Input::StopAll);
    assert_eq!(none.look(), [Action::AllStopped]);
}

#[test]
fn a_roll_restarts_one_worker_after_the_other() {
    let mut world = family();
    world.tell(Input::RollAll);
    for worker in ['r', 'a', 'b', 'c'] {
        assert_eq!(world.deeds(), [ask_stop(worker, 1)]);
        world.end(worker, Ending::Exit(0));
        assert_eq!(world.deeds(), [spawn(worker, 2)]);
        world.tell(Input::Spawned { worker, incarnation: 2 });
        world.tell(Input::RollAll);
        assert_eq!(world.deeds(), [Action::Refused { worker: None, why: Refused::Rolling }]);
        world.tell(Input::Ready { worker, incarnation: 2 });
    }
    assert_eq!(world.deeds(), [Action::Rolled { stuck: None }]);
}

#[test]
fn a_roll_waits_for_a_worker_that_dies_and_ends_at_one_that_stays_down() {
    let mut world = family();
    world.tell(Input::Stop { worker: 'a' });
    world.end('a', Ending::Exit(0));
    world.tell(Input::RollAll);
    world.end('r', Ending::Exit(0));
    world.wait(20);
    world.end('r', Ending::Exit(1));
    world.look();
    assert_eq!(world.state('r'), State::Failed);
    world.until_due();
    world.settle('r');
    assert_eq!(world.deeds(), [spawn('r', 3), ask_stop('b', 1)], "the one that is down is left alone");
    world.tell(Input::Stop { worker: 'b' });
    world.end('b', Ending::Exit(0));
    assert_eq!(world.deeds(), [Action::Rolled { stuck: Some('b') }]);
    assert_eq!(world.incarnation('c'), 1);
    world.tell(Input::RollAll);
    assert_eq!(world.deeds(), [ask_stop('r', 3)], "another one may begin");
}
