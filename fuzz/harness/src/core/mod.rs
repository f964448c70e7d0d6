//! The whole core on raw datagrams from many addresses with time passing. A script of bytes drives it (`script`), a
//! world carries it out (`world`), an oracle judges every input's effects (`oracle`). Source: design 2, 8, 9.

mod clients;
mod oracle;
mod script;
mod snapshot;
mod world;

pub use script::{Call, Control, Frame, Header, Login, Step, encode};
pub use world::Reached;

pub(crate) use clients::{KINDS, OPTIONS, config, dmrd, id, path, valid};
pub(crate) use script::Script;
pub use snapshot::revives;
pub(crate) use snapshot::{seeds as snapshots, snapshot, state, wrapped};

use ragchew_core::report::What;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use world::World;

/// Runs any bytes as a script.
pub(crate) fn any_script(data: &[u8]) {
    let script = Script::read(data);
    let once = play(&script);
    if script.header.twice {
        let again = play(&script);
        assert_eq!(once.1, again.1, "the same inputs give the same effects");
    }
}

/// Runs a script and says what it reached.
pub fn reached(data: &[u8]) -> Reached {
    play(&Script::read(data)).0
}

fn play(script: &Script) -> (Reached, u64) {
    let mut world = World::new(script.header);
    for step in &script.steps {
        if !world.step(step) {
            break;
        }
    }
    let (reached, effects): (_, DefaultHasher) = world.finish();
    (reached, effects.finish())
}

/// A valid message of every kind that a client can send, with a name for its file.
pub(crate) fn valid_messages() -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..KINDS).map(|kind| (format!("valid.{kind}"), clients::valid(kind, clients::id(0), [1, 2, 3, 4])))
}

/// One event of every kind that scripts make, by name.
pub(crate) fn events<'a>(scripts: impl IntoIterator<Item = &'a [u8]>) -> Vec<What> {
    let mut kinds = BTreeMap::new();
    for bytes in scripts {
        let script = Script::read(bytes);
        let mut world = World::new(script.header);
        script.steps.iter().take_while(|step| world.step(step)).for_each(drop);
        for what in world.told() {
            let name = serde_json::to_value(what)
                .expect("an event is JSON")
                .as_object()
                .and_then(|o| o.keys().next().cloned());
            kinds.entry(name).or_insert(what);
        }
    }
    kinds.into_values().collect()
}
