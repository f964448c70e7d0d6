//! The whole core beside a naive model of it, both driven by the same random clients: logins, OPTIONS, calls, loss, time,
//! reloads, orderly ends. Failures shrink, and their seeds stand beside this file. `RAGCHEW_CASES=100000 cargo test
//! --release -p ragchew-core --test properties` runs more of them. Source: design §9, `behaviour.md`, `wire.md` 1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // This is test code throughout.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The runner counts behind a cell and asks the environment.

mod actions;
#[path = "../support/coding.rs"]
#[allow(dead_code)] // What only the scenarios need of it.
mod coding;
mod coverage;
mod model;
mod setup;
mod stage;
#[path = "../support/vectors.rs"]
mod vectors;

use actions::{Plan, plan};
use coverage::Coverage;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestError, TestRunner};
use ragchew_core::{Core, Effects, Input, Seed};
use setup::Setup;
use stage::{Stage, Taped, moment, rendered, revived};
use std::cell::RefCell;

/// Cases of one run of `./test`.
const CASES: u32 = 1_000;
/// Actions of a case at most.
const ACTIONS: usize = 48;

/// As many as the environment says. Without its say the same cases in every run, so that a test that passed passes again.
fn config(cases: u32) -> Config {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let asked = number("RAGCHEW_CASES").map(|n| n as u32);
    let seed = number("RAGCHEW_SEED").or(if asked.is_some() { None } else { Some(0x5eed) });
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties/regressions.txt");
    Config {
        cases: asked.map_or(cases, |asked| asked.max(cases)),
        rng_seed: seed.map_or(RngSeed::Random, RngSeed::Fixed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}

fn fail(error: &TestError<Plan>) -> ! {
    match error {
        TestError::Fail(why, plan) => panic!("{why}\nwith {plan:#?}"),
        TestError::Abort(why) => panic!("{why}"),
    }
}

#[test]
fn the_core_does_what_the_naive_model_does() {
    let coverage = RefCell::new(Coverage::default());
    let result = TestRunner::new(config(CASES)).run(&plan(ACTIONS), |plan| {
        let mut stage = Stage::new(&plan.setup);
        stage.play(&plan)?;
        coverage.borrow_mut().count(&stage);
        Ok(())
    });
    if let Err(error) = result {
        fail(&error);
    }
    eprintln!("{}", coverage.borrow());
    assert_eq!(coverage.borrow().missing(), [""; 0], "these were never reached");
}

/// A core that plays a tape, and what it did, in bytes and words.
struct Replay {
    core: Core,
    effects: Effects,
    setup: Setup,
    seed: u8,
    /// Whether it goes through snapshots where the tape says so.
    restores: bool,
}

impl Replay {
    fn new(plan: &Plan, seed: u8, restores: bool) -> Self {
        let core = Core::new(plan.setup.config(), Seed::Key([seed; 32]), moment(0));
        Self { core, effects: Effects::with_capacity(1), setup: plan.setup.clone(), seed, restores }
    }

    fn play(&mut self, (now, taped): &(ragchew_core::Now, Taped)) -> String {
        let input = match taped {
            Taped::Datagram(path, bytes) => Input::Datagram { path: *path, bytes },
            Taped::Deadline => Input::Deadline,
            Taped::Replace(setup) => {
                self.setup = setup.clone();
                Input::Replace(Box::new(setup.config()))
            }
            Taped::Control(request) => Input::Control(*request),
            Taped::Restore => {
                if self.restores {
                    self.core = revived(&self.core, &self.setup, self.seed);
                }
                return String::new();
            }
            Taped::Drain => Input::Drain,
        };
        self.effects.clear();
        self.core.handle(*now, input, &mut self.effects);
        let (sent, events, replies) = (rendered(&self.effects), self.effects.events(), self.effects.replies());
        format!("{sent:?} {events:?} {replies:?} {:?} {:?}", self.core.next_deadline(), self.core.table_sizes())
    }
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes_through_snapshots_and_whatever_another_core_does() {
    let result = TestRunner::new(Config { cases: 24, ..config(24) }).run(&plan(ACTIONS), |plan| {
        let mut stage = Stage::new(&plan.setup);
        stage.tape = Some(Vec::new());
        stage.play(&plan)?;
        let tape = stage.tape.take().unwrap();
        let (mut one, mut two, mut other) =
            (Replay::new(&plan, 7, false), Replay::new(&plan, 7, true), Replay::new(&plan, 9, true));
        let alone: Vec<String> = tape.iter().map(|input| one.play(input)).collect();
        for (at, (input, alone)) in tape.iter().zip(&alone).enumerate() {
            if at % 3 > 0 {
                other.play(input);
            }
            proptest::prop_assert_eq!(&two.play(input), alone, "input {}: {:?}", at, input);
        }
        Ok(())
    });
    if let Err(error) = result {
        fail(&error);
    }
}
