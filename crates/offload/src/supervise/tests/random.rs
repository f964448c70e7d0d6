//! Whatever happens in whatever order: what must hold always.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What random tests do.
#[derive(Clone, Copy, Debug)]
enum Move {
    Operator(u8, u8),
    Roll,
    /// Milliseconds, then a tick.
    Pass(u64),
    /// To the next deadline.
    Due,
    /// Something of a worker, of its incarnation or, when the last is true, of the one before.
    Said(u8, u8, bool),
    Answer(u8, bool),
    End(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..4u8, 0..3u8).prop_map(|(worker, what)| Move::Operator(worker, what)),
        1 => Just(Move::Roll),
        3 => (0..40_000u64).prop_map(Move::Pass),
        2 => (0..12u64).prop_map(Move::Pass),
        6 => Just(Move::Due),
        8 => (0..4u8, 0..6u8, any::<bool>()).prop_map(|(worker, what, stale)| Move::Said(worker, what, stale)),
        4 => (0..4u8, any::<bool>()).prop_map(|(worker, well)| Move::Answer(worker, well)),
        4 => (0..4u8).prop_map(Move::End),
    ];
    prop::collection::vec(one, 0..200)
}

/// The world as the actions make it.
#[derive(Default)]
struct Model {
    /// Incarnations that live.
    live: BTreeMap<char, u32>,
    last: BTreeMap<char, u32>,
    /// Incarnations that may be killed.
    doomed: BTreeMap<char, u32>,
    to_kill: Vec<(char, u32)>,
    all_stopped: usize,
}

impl Model {
    fn obey(&mut self, wanted: Vec<Action<char>>) {
        for action in wanted {
            match action {
                Action::Spawn { worker, incarnation } => {
                    assert_eq!(self.live.insert(worker, incarnation), None, "two live incarnations");
                    assert!(self.last.insert(worker, incarnation).is_none_or(|last| last < incarnation));
                }
                Action::AskStop { worker, incarnation } => {
                    assert_eq!(self.live.get(&worker), Some(&incarnation));
                    self.doomed.insert(worker, incarnation);
                }
                Action::Kill { worker, incarnation } => {
                    assert_eq!(self.live.get(&worker), Some(&incarnation));
                    assert_eq!(self.doomed.get(&worker), Some(&incarnation), "killed without a word");
                    self.to_kill.push((worker, incarnation));
                }
                Action::AskVitals { worker, incarnation } => {
                    assert_eq!(self.live.get(&worker), Some(&incarnation));
                }
                Action::AllStopped => {
                    assert!(self.live.is_empty());
                    self.all_stopped += 1;
                }
                _ => {}
            }
        }
    }

    fn make(&mut self, world: &mut World, step: Move) {
        let name = |worker: u8| char::from(b'a' + worker);
        match step {
            Move::Operator(worker, what) => {
                let worker = name(worker);
                let inputs = [Input::Start { worker }, Input::Stop { worker }, Input::Restart { worker }];
                world.tell(inputs[usize::from(what)]);
            }
            Move::Roll => world.tell(Input::RollAll),
            Move::Pass(millis) => {
                world.wait(millis);
                world.tell(Input::Tick);
            }
            Move::Due if world.supervisor.next().is_some() => world.until_due(),
            Move::Due => {}
            Move::Said(worker, what, is_stale) => {
                let worker = name(worker);
                let incarnation = self.last.get(&worker).copied().unwrap_or(0).wrapping_sub(u32::from(is_stale));
                let inputs = [
                    Input::Spawned { worker, incarnation },
                    Input::Ready { worker, incarnation },
                    Input::NoAnswer { worker, incarnation },
                    Input::Maintenance { worker, incarnation, for_ms: 20_000 },
                    Input::Finished { worker, incarnation },
                    Input::Garbage { worker, incarnation },
                ];
                let input = inputs[usize::from(what)];
                if matches!(input, Input::Garbage { .. }) && self.live.get(&worker) == Some(&incarnation) {
                    self.doomed.insert(worker, incarnation);
                }
                world.tell(input);
            }
            Move::Answer(worker, is_well) => {
                let (worker, vitals) = (name(worker), if is_well { WELL } else { BUSY });
                let incarnation = self.last.get(&worker).copied().unwrap_or(0);
                world.tell(Input::Vitals { worker, incarnation, vitals, limit: LIMIT });
            }
            Move::End(worker) => {
                let worker = name(worker);
                if let Some(incarnation) = self.live.remove(&worker) {
                    world.tell(Input::Ended { worker, incarnation, ending: Ending::Exit(1) });
                }
            }
        }
        self.obey(world.look());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_worker_lives_twice_none_is_killed_without_a_word_and_the_end_comes(steps in moves()) {
        let mut world = World::new(Numbers::default());
        let groups = [('a', Group::Root), ('b', Group::Reporting), ('c', Group::Control), ('d', Group::Reporting)];
        for (worker, group) in groups {
            world.register(worker, group);
            world.tell(Input::Start { worker });
        }
        let mut model = Model::default();
        model.obey(world.look());
        for step in steps {
            model.make(&mut world, step);
        }
        world.tell(Input::StopAll);
        model.obey(world.look());
        for _ in 0..20 {
            for (worker, incarnation) in std::mem::take(&mut model.to_kill) {
                if model.live.get(&worker) == Some(&incarnation) {
                    model.live.remove(&worker);
                    world.tell(Input::Ended { worker, incarnation, ending: Ending::Signal(9) });
                    model.obey(world.look());
                }
            }
            if world.supervisor.next().is_some() {
                world.until_due();
                model.obey(world.look());
            }
        }
        prop_assert_eq!((model.all_stopped, model.live.len()), (1, 0));
    }
}
