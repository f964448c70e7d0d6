//! Deaths: delays, quick failures and the breaker.

use super::*;

/// `a` dies so often that its breaker opens.
fn broken() -> World {
    let mut world = World::running();
    for _ in 0..10 {
        world.end('a', Ending::Signal(11));
        assert_eq!(world.state('a'), State::Failed);
        world.until_due();
        world.wait(20);
    }
    world.look();
    world.end('a', Ending::Signal(11));
    assert_eq!(world.look(), [changed(State::Broken, 11, Some(Ending::Signal(11)))]);
    world
}

#[test]
fn the_breaker_closes_only_by_an_operator() {
    for open in [Input::Start { worker: 'a' }, Input::Restart { worker: 'a' }] {
        let mut world = broken();
        assert_eq!((world.supervisor.next(), world.status('a').attempts), (None, 10));
        world.wait(86_400_000);
        for input in [
            Input::Tick,
            Input::RollAll,
            Input::Stop { worker: 'a' },
            Input::Ready { worker: 'a', incarnation: 11 },
            Input::Ended { worker: 'a', incarnation: 11, ending: Ending::Exit(0) },
        ] {
            world.tell(input);
            assert_eq!(world.state('a'), State::Broken, "{input:?}");
        }
        world.look();
        world.tell(open);
        assert_eq!(world.look(), [changed(State::Starting, 12, None), spawn('a', 12)]);
        assert_eq!(world.status('a').attempts, 0);
        world.wait(20);
        world.end('a', Ending::Signal(11));
        assert_eq!(world.status('a').delay, Some(Span::millis(500)), "it has all its attempts again");
    }
}

#[test]
fn the_delay_doubles_up_to_its_cap_and_then_the_breaker_opens() {
    let mut world = World::running();
    let mut delays = Vec::new();
    loop {
        world.end('a', Ending::Panic);
        let status = world.status('a');
        if status.state == State::Broken {
            break;
        }
        assert_eq!(status.due, status.delay.map(|delay| world.now + delay));
        delays.push(status.delay.unwrap().as_millis());
        world.until_due();
        world.wait(20);
    }
    assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    assert_eq!(world.status('a').restarts, 10);
}

#[test]
fn no_number_of_attempts_makes_the_delay_wrap() {
    let mut world = World::new(Numbers { max_restarts: 255, ..Numbers::default() });
    world.register('a', Group::Root);
    world.bring_up('a');
    for attempt in 0..255 {
        world.wait(20);
        world.end('a', Ending::Panic);
        assert!(attempt < 7 || world.status('a').delay == Some(Span::secs(60)), "{attempt}");
        world.until_due();
    }
    world.wait(20);
    world.end('a', Ending::Panic);
    assert_eq!(world.state('a'), State::Broken);
}

#[test]
fn a_grace_period_of_passed_checks_resets_the_delay_and_less_does_not() {
    for (checks, delay) in [(6, 1_000), (7, 500)] {
        let mut world = World::running();
        world.end('a', Ending::Exit(1));
        world.until_due();
        world.settle('a');
        (0..checks).for_each(|_| world.check(WELL));
        world.end('a', Ending::Exit(1));
        assert_eq!(world.status('a').delay, Some(Span::millis(delay)), "{checks}");
    }
}

#[test]
fn a_worker_that_hangs_after_every_start_opens_the_breaker_too() {
    let mut world = World::running();
    for _ in 0..100 {
        if world.state('a') == State::Broken {
            break;
        }
        match world.state('a') {
            State::Starting => world.settle('a'),
            _ => world.until_due(),
        }
        if let Some(Action::Kill { .. }) = world.wanted.last() {
            world.end('a', Ending::Signal(9));
        }
    }
    assert_eq!((world.state('a'), world.status('a').ending), (State::Broken, Some(Ending::Killed)));
}

#[test]
fn a_quick_failure_is_restarted_at_once_the_first_time_and_then_counts() {
    let mut world = World::with_one();
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::Spawned { worker: 'a', incarnation: 1 });
    world.look();
    world.now = world.now + Span(9_999_999);
    world.end('a', Ending::Exit(1));
    let at_once = [changed(State::Failed, 1, Some(Ending::Exit(1))), changed(State::Starting, 2, None), spawn('a', 2)];
    assert_eq!(world.look(), at_once);
    assert_eq!((world.status('a').restarts, world.status('a').attempts), (1, 0));
    world.end('a', Ending::Exit(1));
    assert_eq!((world.state('a'), world.status('a').attempts), (State::Failed, 1));
    assert_eq!(world.status('a').delay, Some(Span::millis(500)));
}

#[test]
fn ten_milliseconds_are_not_quick() {
    let mut world = World::with_one();
    world.bring_up('a');
    world.wait(10);
    world.end('a', Ending::Exit(1));
    assert_eq!((world.state('a'), world.status('a').delay), (State::Failed, Some(Span::millis(500))));
}

#[test]
fn a_worker_that_cannot_be_started_is_tried_again_and_its_error_is_kept() {
    let mut world = World::with_one();
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::NotSpawned { worker: 'a', incarnation: 1, errno: 11 });
    assert_eq!((world.state('a'), world.incarnation('a')), (State::Starting, 2), "at once, the first time");
    world.look();
    world.tell(Input::NotSpawned { worker: 'a', incarnation: 2, errno: 11 });
    assert_eq!(world.look(), [changed(State::Failed, 2, Some(Ending::NoStart(11)))]);
}

#[test]
fn a_worker_that_only_raises_an_alarm_is_not_started_again() {
    let mut world = World::new(Numbers::default());
    world.tell(Input::Register { worker: 'a', group: Group::Root, policy: RestartPolicy::AlarmOnly });
    world.bring_up('a');
    world.end('a', Ending::Exit(1));
    assert_eq!((world.state('a'), world.supervisor.next()), (State::Broken, None));
}

#[test]
fn garbage_is_killed_at_once_and_counts_as_a_death() {
    let mut world = World::running();
    world.tell(Input::Garbage { worker: 'a', incarnation: 1 });
    world.tell(Input::Garbage { worker: 'a', incarnation: 1 });
    assert_eq!(world.look(), [changed(State::Stopping, 1, None), kill('a', 1)]);
    world.end('a', Ending::Signal(9));
    assert_eq!(world.look(), [changed(State::Failed, 1, Some(Ending::Garbage))]);
    assert_eq!(world.status('a').attempts, 1);
}
