//! Health checks, grace and maintenance.

use super::*;
use crate::limits::MAX_MAINTENANCE;

#[test]
fn three_failed_checks_and_not_two_replace_a_worker() {
    let mut world = World::running();
    world.check(BUSY);
    world.check(LARGE);
    assert_eq!(world.deeds(), [ask('a', 1), ask('a', 1)]);
    assert_eq!((world.state('a'), world.status('a').unhealthy), (State::Unhealthy, 2));
    world.check(WELL);
    assert_eq!((world.state('a'), world.status('a').unhealthy), (State::Running, 0));
    world.check(BUSY);
    world.check(BUSY);
    world.look();
    world.check(BUSY);
    assert_eq!(world.look(), [ask('a', 1), changed(State::Stopping, 1, None), ask_stop('a', 1)]);
    world.end('a', Ending::Exit(0));
    assert_eq!(world.look(), [changed(State::Failed, 1, Some(Ending::Exit(0)))]);
    world.until_due();
    assert_eq!(world.look(), [changed(State::Starting, 2, None), spawn('a', 2)]);
    assert_eq!(world.status('a').restarts, 1);
}

#[test]
fn a_question_without_an_answer_is_a_failed_check_when_the_next_is_due() {
    let mut world = World::running();
    world.until_due();
    assert_eq!(world.state('a'), State::Running, "only asked");
    for _ in 0..2 {
        world.until_due();
        assert_eq!(world.state('a'), State::Unhealthy);
    }
    world.look();
    world.until_due();
    assert_eq!(world.look(), [changed(State::Stopping, 1, None), ask_stop('a', 1)]);
}

#[test]
fn a_question_that_cannot_be_brought_is_a_failed_check_at_once_and_only_one() {
    let mut world = World::running();
    world.until_due();
    let gone = Input::NoAnswer { worker: 'a', incarnation: 1 };
    world.tell(gone);
    world.tell(gone);
    assert_eq!((world.state('a'), world.status('a').unhealthy), (State::Unhealthy, 1));
    world.check(WELL);
    assert_eq!(world.state('a'), State::Running);
}

#[test]
fn a_late_answer_counts_once() {
    let mut world = World::running();
    world.until_due();
    world.until_due();
    assert_eq!(world.status('a').unhealthy, 1);
    world.answer('a', WELL);
    world.answer('a', BUSY);
    assert_eq!((world.state('a'), world.status('a').unhealthy), (State::Running, 0));
}

#[test]
fn saying_once_more_that_it_is_ready_makes_no_worker_well() {
    let mut world = World::running();
    world.check(BUSY);
    world.tell(Input::Ready { worker: 'a', incarnation: 1 });
    assert_eq!((world.state('a'), world.status('a').unhealthy), (State::Unhealthy, 1));
}

#[test]
fn exactly_the_limit_is_well_and_a_limit_of_nothing_is_none() {
    let mut world = World::running();
    world.check(WELL);
    assert_eq!(world.status('a').unhealthy, 0);
    world.check(LARGE);
    assert_eq!(world.status('a').unhealthy, 1);
    world.until_due();
    world.tell(Input::Vitals { worker: 'a', incarnation: 1, vitals: Vitals { memory: u64::MAX, ..WELL }, limit: 0 });
    assert_eq!(world.status('a').unhealthy, 0);
    assert_eq!(world.status('a').vitals.map(|vitals| vitals.memory), Some(u64::MAX));
}

#[test]
fn none_within_grace() {
    let mut world = World::with_one();
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::Spawned { worker: 'a', incarnation: 1 });
    let started = world.now;
    assert_eq!(world.supervisor.next(), Some(started + Span::secs(30)));
    world.look();
    for _ in 0..5 {
        world.wait(5_999);
        world.tell(Input::Tick);
        world.answer('a', BUSY);
    }
    assert_eq!((world.look(), world.status('a').unhealthy), (vec![], 0));
    world.wait(5);
    world.tell(Input::Tick);
    assert_eq!(world.look(), [changed(State::Unhealthy, 1, None)], "it never said that it is ready");
}

#[test]
fn a_worker_that_never_becomes_ready_is_replaced() {
    let mut world = World::with_one();
    world.tell(Input::Start { worker: 'a' });
    world.look();
    (0..3).for_each(|_| world.until_due());
    let stopping = [changed(State::Unhealthy, 1, None), changed(State::Stopping, 1, None), ask_stop('a', 1)];
    assert_eq!(world.look(), stopping);
}

#[test]
fn after_a_long_sleep_of_the_machine_one_check_is_missing_and_not_many() {
    let mut world = World::running();
    world.until_due();
    world.wait(3_600_000);
    world.tell(Input::Tick);
    assert_eq!(world.status('a').unhealthy, 1);
    assert_eq!(world.supervisor.next(), Some(world.now + Span::secs(5)));
}

#[test]
fn maintenance_excuses_business_and_silence_but_not_memory() {
    let mut world = World::running();
    world.until_due();
    world.tell(Input::Maintenance { worker: 'a', incarnation: 1, for_ms: 60_000 });
    world.answer('a', BUSY);
    assert_eq!(world.status('a').unhealthy, 0);
    world.look();
    (0..3).for_each(|_| world.until_due());
    assert_eq!(world.look(), [ask('a', 1)], "asked once, and not again while the answer may be late");
    assert_eq!(world.status('a').unhealthy, 0);
    world.answer('a', LARGE);
    assert_eq!(world.status('a').unhealthy, 1);
}

#[test]
fn maintenance_ends_when_it_said_it_would() {
    let mut world = World::running();
    world.until_due();
    world.tell(Input::Maintenance { worker: 'a', incarnation: 1, for_ms: 5_000 });
    world.now = world.now + Span(4_999_999_999);
    world.answer('a', BUSY);
    assert_eq!(world.status('a').unhealthy, 0);
    world.check(BUSY);
    assert_eq!(world.status('a').unhealthy, 1);
}

#[test]
fn a_worker_may_take_its_time_before_it_is_ready_when_it_says_so() {
    let mut world = World::with_one();
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::Maintenance { worker: 'a', incarnation: 1, for_ms: 300_000 });
    while world.now < Mono(295_000_000_000) {
        world.until_due();
    }
    assert_eq!(world.state('a'), State::Starting);
    world.tell(Input::Ready { worker: 'a', incarnation: 1 });
    world.check(WELL);
    assert_eq!(world.state('a'), State::Running);
}

#[test]
fn maintenance_is_cut_to_its_limit_however_often_it_is_announced() {
    let mut world = World::running();
    let began = world.now;
    while world.state('a') == State::Running {
        world.tell(Input::Maintenance { worker: 'a', incarnation: 1, for_ms: u32::MAX });
        world.until_due();
        assert!(world.now.since(began) < Span::secs(620), "it never ends");
    }
    assert!(world.now.since(began) >= MAX_MAINTENANCE);
    // A check that is passed afterwards makes room for another one.
    world.answer('a', WELL);
    world.tell(Input::Maintenance { worker: 'a', incarnation: 1, for_ms: 60_000 });
    world.check(BUSY);
    assert_eq!(world.state('a'), State::Running);
}
