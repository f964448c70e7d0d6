//! What the committed corpora hold and reach, without a fuzzer: every vector, every kind of message, every state of the
//! core. `RAGCHEW_WRITE_SEEDS=1 cargo test` writes the files that are made from vectors and scripts anew.

use ragchew_core::refusal::Refusal;
use ragchew_core::wire::hbp::{ClientMessage, ServerMessage};
use ragchew_fuzz_harness::seeds::{self, Seed};
use ragchew_fuzz_harness::{
    CLIENT_KINDS, PLANTED, TARGETS, commands_and_events, core, frames_replayed, is_whole_conversation, kind_of_client,
    kind_of_link, kind_of_server, played, played_with_secrets, revives, run, told,
};
use ragchew_transport::record::{Fault, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target)
}

/// Every committed file of a target's corpus by its name.
fn files(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = fs::read_dir(corpus(target)).unwrap_or_else(|error| panic!("corpus of {target}: {error}"));
    let file = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    folder.map(|entry| file(entry.unwrap().path())).collect()
}

fn write_seeds(seeds: &[Seed]) {
    for seed in seeds {
        fs::create_dir_all(corpus(seed.target)).unwrap();
        fs::write(corpus(seed.target).join(&seed.name), &seed.bytes).unwrap();
    }
}

#[test]
fn the_committed_seeds_are_those_that_are_made() {
    let seeds = seeds::all();
    if std::env::var_os("RAGCHEW_WRITE_SEEDS").is_some() {
        write_seeds(&seeds);
    }
    let names: BTreeSet<_> = seeds.iter().map(|seed| (seed.target, &seed.name)).collect();
    assert_eq!(names.len(), seeds.len(), "each name once");
    let mut committed: BTreeMap<_, _> = TARGETS.iter().map(|(target, _)| (*target, files(target))).collect();
    for Seed { target, name, bytes } in &seeds {
        let file = committed.get_mut(target).and_then(|files| files.remove(name));
        assert!(file.as_ref() == Some(bytes), "{target}/{name} is not what is made; RAGCHEW_WRITE_SEEDS=1 writes it");
    }
    // What else lies there is what a fuzzer found.
    for name in committed.values().flat_map(BTreeMap::keys) {
        assert!(name.starts_with("found."), "{name} is made by nobody");
    }
}

#[test]
fn every_vector_of_every_kind_is_in_a_corpus() {
    let vectors = seeds::vectors();
    assert_eq!(vectors.len(), 145);
    let mut bare = 0;
    for vector in vectors {
        let homes = seeds::homes(&vector.kind);
        assert!(!homes.is_empty(), "{}: nobody reads the kind {}", vector.id, vector.kind);
        let content: Vec<_> = seeds::content(&vector).into_iter().filter(|bytes| !bytes.is_empty()).collect();
        assert!(!content.is_empty(), "{} has no content", vector.id);
        for target in homes {
            let files = files(target);
            for bytes in &content {
                assert!(files.values().any(|file| file == bytes), "{} is not in the corpus of {target}", vector.id);
            }
        }
        let whole = content.iter().any(|bytes| !vector.bytes.is_empty() && bytes.ends_with(&vector.bytes));
        bare += usize::from(!whole);
    }
    // Embedded LCs, talker aliases and tables of words are put into bursts; two replies are the absence of one.
    assert_eq!(bare, 12 + 3 + 2 + 3);
}

#[test]
fn every_seed_passes_its_target() {
    for (target, _) in TARGETS {
        let files = files(target);
        assert!(files.len() >= 3, "{} seeds of {target}", files.len());
        for (name, bytes) in files {
            let passed = std::panic::catch_unwind(|| run(target, &bytes));
            assert!(passed.is_ok(), "{target}/{name}");
        }
    }
}

#[test]
fn every_kind_of_message_is_parsed_by_the_corpora_of_the_parsers() {
    let client = files("hbp_client");
    let kinds: BTreeSet<_> =
        client.values().filter_map(|f| ClientMessage::parse(f).ok().as_ref().map(kind_of_client)).collect();
    assert_eq!(kinds, CLIENT_KINDS.iter().map(|(kind, _)| *kind).collect());
    let server = files("hbp_server");
    let kinds: Vec<_> =
        server.values().filter_map(|f| ServerMessage::parse(f).ok().as_ref().map(kind_of_server)).collect();
    for kind in ["RPTACK", "MSTNAK", "MSTPONG", "MSTCL", "RPTSBKN"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn every_kind_of_message_between_servers_is_parsed_by_the_corpus_of_links() {
    let files = files("links");
    let kinds: BTreeSet<_> = files.values().filter_map(|file| kind_of_link(file)).collect();
    let all = ["OpenBridge", "FBP 5", "FBP 4", "FBP 2 or 3", "BCKA", "BCSQ", "BCST", "BCVE", "BCTO"];
    assert_eq!(kinds, all.into_iter().collect());
}

#[test]
fn every_command_event_and_word_of_a_worker_is_among_the_seeds() {
    let found = files("command").values().map(|file| commands_and_events(file)).fold(
        [BTreeSet::new(), BTreeSet::new()],
        |mut all, [commands, events]| {
            all[0].extend(commands);
            all[1].extend(events);
            all
        },
    );
    let documented = |text: &str, families: &[&str]| -> BTreeSet<String> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        rows.filter(|(_, rest)| families.iter().any(|family| rest.starts_with(family)))
            .map(|(name, _)| name.into())
            .collect()
    };
    let families = ["server |", "client |", "subscription |", "call |", "health |"];
    assert_eq!(found[1], documented(include_str!("../../../docs/events.md"), &families));
    assert_eq!(found[0].len(), 17, "{:?}", found[0]);
    let (words, core) = (files("worker"), seeds::core_events());
    for name in ["to_worker", "to_hub", "to_hub.whole"] {
        assert!(is_whole_conversation(&words[name], &core), "{name}");
    }
}

#[test]
fn the_corpus_of_decode_tells_of_everything_that_there_is_to_tell() {
    let told: String = files("decode").values().map(|file| told(file)).collect();
    for words in [
        "codes verified",
        "right passphrase",
        "wrong passphrase",
        "a key or password (not shown)",
        "alias",
        "BCKA",
        "OpenBridge",
        "FBP version 5",
        "\"event\":\"voice\"",
        "\"event\":\"data\"",
    ] {
        assert!(told.contains(words), "nothing says {words:?}");
    }
}

#[test]
fn every_capture_among_the_seeds_is_replayed_and_its_clients_speak() {
    for (name, file) in files("replay").into_iter().filter(|(name, _)| !name.starts_with("found.")) {
        let frames = frames_replayed(&file);
        let silent = name.contains("wrong-password");
        assert!(frames.is_some_and(|frames| silent || frames > 0), "{name}: {frames:?} frames");
    }
}

#[test]
fn every_committed_state_and_configuration_becomes_a_core_in_which_people_talk() {
    for (name, file) in files("snapshot") {
        let delivered = revives(&file);
        let dead = delivered.is_none() && !name.starts_with("found.");
        assert!(!dead, "{name} is no state: RAGCHEW_WRITE_SEEDS=1 writes it in today's form");
        assert!(!name.starts_with("config.") || delivered > Some(1), "{name}: nobody speaks under the configuration");
    }
}

#[test]
fn recordings_of_the_harness_replay_as_those_of_the_server_do() {
    let outcome = |name: &str| played(&files("recording")[name]).outcome;
    for name in ["equal.quiet", "equal.usual", "equal.asked", "raw"] {
        assert_eq!(outcome(name), Outcome::Equal, "{name}");
        assert_eq!(played_with_secrets(&files("recording")[name]).outcome, Outcome::Equal, "{name}, with the secrets");
    }
    let fault = |name| match outcome(name) {
        Outcome::Stopped(stop) => stop.fault,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!((fault("cut"), fault("gap")), (Fault::Malformed, Fault::AfterEnd));
}

#[test]
fn the_scripts_reach_every_state_and_the_core_accepts_every_kind_of_message() {
    let (mut recognised, mut accepted, mut refused) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut reached = BTreeMap::new();
    for (name, bytes) in files("core") {
        let one = core::reached(&bytes);
        recognised.extend(one.recognised.iter().copied());
        accepted.extend(one.accepted.iter().copied());
        refused.extend(one.refused.iter().copied());
        reached.insert(name, one);
    }
    let sum = |of: fn(&core::Reached) -> usize| reached.values().map(of).sum::<usize>();
    assert!(sum(|r| r.running) > 0, "RUNNING");
    assert!(sum(|r| r.delivered) > 0, "delivery");
    assert!(sum(|r| r.mapped) > 0, "delivery under another number");
    assert!(sum(|r| r.late) > 0, "late entry");
    assert!(sum(|r| r.echoed) > 0, "echo");
    assert!(sum(|r| r.aliases) > 0, "talker alias");
    assert!(sum(|r| r.moved) > 0, "takeover");
    assert!(sum(|r| r.reloads) > 0, "reload");
    assert!(sum(|r| r.obeyed) > 0 && sum(|r| r.retold) > 0 && sum(|r| r.pages) > 0, "control");
    assert!(reached.values().any(|r| r.drained), "drain");
    // A login that ends at a bad configuration is left to the scenarios and to chance.
    for n in [0, 1, 2, 3, 4, 6] {
        assert!(reached.values().any(|r| r.ends[n] > 0), "end of a session, number {n}");
    }
    for (kind, ours) in CLIENT_KINDS {
        assert!(recognised.contains(kind), "{kind} is not among the messages");
        assert_eq!(accepted.contains(kind), ours, "{kind}");
    }
    let names = Refusal::ALL.iter().map(|why| why.name());
    let unreached: Vec<_> = names.filter(|why| !refused.contains(why)).collect();
    // These two tables hold more than a script has time to fill.
    assert_eq!(unreached, ["too_many_streams", "too_many_subscriptions"], "refusals that no script reaches");
    let inputs = sum(|r| r.inputs);
    println!("{} scripts, {inputs} inputs, {} bursts delivered", reached.len(), sum(|r| r.delivered));
}

#[test]
fn the_planted_passphrase_stands_in_the_corpus_of_the_configuration() {
    assert!(files("config_yaml").values().any(|file| String::from_utf8_lossy(file).contains(PLANTED)));
}
