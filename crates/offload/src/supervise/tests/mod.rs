//! What the supervisor does with whatever happens, on a clock of the tests.

mod health;
mod random;
mod restarts;
mod stopping;
mod table;

use super::*;
use crate::worker::Vitals;
use ragchew_core::time::{Mono, Span};

const WELL: Vitals = Vitals { busy: 980, memory: 950, turns: 1, longest_turn_us: 1, taken: 1, held: 0 };
const BUSY: Vitals = Vitals { busy: 981, ..WELL };
const LARGE: Vitals = Vitals { memory: 951, ..WELL };
const LIMIT: u64 = 1_000;

/// A supervisor, its time, and what it wanted done since somebody looked.
struct World {
    supervisor: Supervisor<char>,
    now: Mono,
    wanted: Vec<Action<char>>,
}

impl World {
    fn new(numbers: Numbers) -> Self {
        Self { supervisor: Supervisor::new(numbers), now: Mono(1_000_000_000), wanted: Vec::new() }
    }

    /// With one worker `a`.
    fn with_one() -> Self {
        let mut world = Self::new(Numbers::default());
        world.register('a', Group::Reporting);
        world
    }

    /// With `a` running, long enough not to have died quickly.
    fn running() -> Self {
        let mut world = Self::with_one();
        world.bring_up('a');
        world.wait(50);
        world.look();
        world
    }

    fn register(&mut self, worker: char, group: Group) {
        self.tell(Input::Register { worker, group, policy: RestartPolicy::Restart });
    }

    fn bring_up(&mut self, worker: char) {
        self.tell(Input::Start { worker });
        self.settle(worker);
    }

    /// The spawn of this worker is carried out and it is ready.
    fn settle(&mut self, worker: char) {
        let incarnation = self.incarnation(worker);
        self.tell(Input::Spawned { worker, incarnation });
        self.tell(Input::Ready { worker, incarnation });
        assert_eq!(self.state(worker), State::Running);
    }

    fn tell(&mut self, input: Input<char>) {
        self.supervisor.handle(self.now, input, &mut self.wanted);
    }

    /// Time passes without a tick.
    fn wait(&mut self, millis: u64) {
        self.now = self.now + Span::millis(millis);
    }

    /// Time passes to the next deadline.
    fn until_due(&mut self) {
        self.now = self.now.max(self.supervisor.next().expect("a deadline"));
        self.tell(Input::Tick);
    }

    fn end(&mut self, worker: char, ending: Ending) {
        let incarnation = self.incarnation(worker);
        self.tell(Input::Ended { worker, incarnation, ending });
    }

    fn answer(&mut self, worker: char, vitals: Vitals) {
        let incarnation = self.incarnation(worker);
        self.tell(Input::Vitals { worker, incarnation, vitals, limit: LIMIT });
    }

    /// The next check comes and is answered so.
    fn check(&mut self, vitals: Vitals) {
        self.until_due();
        assert!(matches!(self.wanted.last(), Some(Action::AskVitals { .. })), "{:?}", self.wanted);
        self.answer('a', vitals);
    }

    fn status(&self, worker: char) -> Status<char> {
        self.supervisor.worker(worker).expect("a worker")
    }

    fn state(&self, worker: char) -> State {
        self.status(worker).state
    }

    fn incarnation(&self, worker: char) -> u32 {
        self.status(worker).incarnation
    }

    fn look(&mut self) -> Vec<Action<char>> {
        std::mem::take(&mut self.wanted)
    }

    /// What it wants done but for telling of it.
    fn deeds(&mut self) -> Vec<Action<char>> {
        self.look().into_iter().filter(|action| !matches!(action, Action::Changed { .. })).collect()
    }
}

const fn spawn(worker: char, incarnation: u32) -> Action<char> {
    Action::Spawn { worker, incarnation }
}

const fn ask_stop(worker: char, incarnation: u32) -> Action<char> {
    Action::AskStop { worker, incarnation }
}

const fn kill(worker: char, incarnation: u32) -> Action<char> {
    Action::Kill { worker, incarnation }
}

const fn ask(worker: char, incarnation: u32) -> Action<char> {
    Action::AskVitals { worker, incarnation }
}

const fn changed(state: State, incarnation: u32, ending: Option<Ending>) -> Action<char> {
    Action::Changed { worker: 'a', state, incarnation, ending }
}

/// A world in which `a` is in this state, and this cause can come next as the table means it.
fn reach(from: State, cause: Cause) -> World {
    let numbers = Numbers { max_restarts: if cause == Cause::GaveUp { 0 } else { 10 }, ..Numbers::default() };
    let mut world = World::new(numbers);
    world.register('a', Group::Reporting);
    if from == State::Registered {
        return world;
    }
    world.tell(Input::Start { worker: 'a' });
    world.tell(Input::Spawned { worker: 'a', incarnation: 1 });
    world.wait(20);
    match from {
        State::Unhealthy if cause == Cause::Ready => world.until_due(),
        State::Unhealthy => {
            world.tell(Input::Ready { worker: 'a', incarnation: 1 });
            world.check(BUSY);
        }
        State::Running => world.tell(Input::Ready { worker: 'a', incarnation: 1 }),
        State::Stopping => world.tell(match cause {
            Cause::EndedToReturn => Input::Restart { worker: 'a' },
            Cause::Died | Cause::GaveUp => Input::Garbage { worker: 'a', incarnation: 1 },
            _ => Input::Stop { worker: 'a' },
        }),
        State::Stopped => {
            world.tell(Input::Stop { worker: 'a' });
            world.end('a', Ending::Exit(0));
        }
        State::Failed => world.end('a', Ending::Exit(1)),
        State::Broken => {
            world = World::new(Numbers { max_restarts: 0, ..numbers });
            world.register('a', Group::Reporting);
            world.tell(Input::Start { worker: 'a' });
            world.wait(20);
            world.end('a', Ending::Exit(1));
        }
        State::Registered | State::Starting => {}
    }
    assert_eq!(world.state('a'), from, "{cause:?}");
    world.look();
    world
}

/// This cause comes.
fn happen(world: &mut World, cause: Cause) {
    let incarnation = world.incarnation('a');
    match cause {
        Cause::Start => world.tell(Input::Start { worker: 'a' }),
        Cause::Stop => world.tell(Input::Stop { worker: 'a' }),
        Cause::Restart => world.tell(Input::Restart { worker: 'a' }),
        Cause::Ready => world.tell(Input::Ready { worker: 'a', incarnation }),
        Cause::Verdict => world.tell(Input::Garbage { worker: 'a', incarnation }),
        Cause::CheckFailed if world.state('a') == State::Starting => world.until_due(),
        Cause::CheckFailed => world.check(BUSY),
        Cause::CheckPassed => world.check(WELL),
        Cause::EndedToStay | Cause::EndedToReturn | Cause::Died | Cause::GaveUp => world.end('a', Ending::Exit(3)),
        Cause::Due => world.until_due(),
    }
}
