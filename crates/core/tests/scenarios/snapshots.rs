//! Snapshots: what was carried goes on as if nothing had been, byte for byte, and holds no secret. Design §2, §4.

use super::robustness::busy_minute;
use crate::support::client::{rpto, usual_id, with_id};
use crate::support::random::Random;
use crate::support::world::{PASSPHRASE, Taped, rendered, seed, usual_config};
use crate::support::{A, B, World, call};
use ragchew_core::net::Path;
use ragchew_core::refusal::Refusal;
use ragchew_core::wire::hbp::login_hash;
use ragchew_core::{Config, Core, Effects, Input, Now, Seed, Snapshot, SnapshotError, Span, Witness};

const KEY: &str = "sesame-42";

/// A long random history: logins, options with a KEY, calls, echoes, strangers, timers.
fn history() -> Vec<Taped> {
    let mut w = World::new();
    w.tape = Some(Vec::new());
    w.login_with('Z', &format!("TS2=91;KEY={KEY}"));
    busy_minute(&mut w, 0x5eed);
    let path = w.client('Z').path;
    for text in ["TS2=92;KEY=sesame-42", "TS2=93", "TS2=93;KEY=other"] {
        w.send(path, &rpto(usual_id('Z'), text));
        w.wait(2_000);
    }
    w.tape.take().unwrap()
}

/// What an input came to, in words.
fn outcome(core: &Core, effects: &mut Effects) -> String {
    let words = format!("{:?} {:?} {:?}", rendered(effects), effects.events(), core.next_deadline());
    effects.clear();
    words
}

/// Runs every input, a reload and the orderly end, with `between` before each; what came of them, and the witnesses.
fn run(
    tape: &[Taped],
    core: &mut Core,
    mut between: impl FnMut(usize, &mut Core),
    mut hand: impl FnMut(usize, &mut Core, Now, Path, &[u8], &mut Effects),
) -> (Vec<String>, Vec<Option<Witness>>) {
    let mut effects = Effects::with_capacity(1);
    let (mut outcomes, mut witnesses) = (Vec::new(), Vec::new());
    for (n, Taped { now, datagram }) in tape.iter().enumerate() {
        between(n, core);
        match datagram {
            None => core.handle(*now, Input::Deadline, &mut effects),
            Some((path, bytes)) => hand(n, core, *now, *path, bytes, &mut effects),
        }
        witnesses.push(core.witness());
        outcomes.push(outcome(core, &mut effects));
    }
    let mut now = tape.last().unwrap().now;
    let mut changed = usual_config();
    changed.listeners[0].defaults.statics[1].push(ragchew_core::id::RfTg(98));
    core.handle(now, Input::Replace(Box::new(changed)), &mut effects);
    outcomes.push(outcome(core, &mut effects));
    core.handle(now, Input::Drain, &mut effects);
    while !effects.drained() {
        outcomes.push(outcome(core, &mut effects));
        now.mono = now.mono + Span::millis(5);
        core.handle(now, Input::Deadline, &mut effects);
    }
    outcomes.push(outcome(core, &mut effects));
    (outcomes, witnesses)
}

fn plain(_: usize, core: &mut Core, now: Now, path: Path, bytes: &[u8], effects: &mut Effects) {
    core.handle(now, Input::Datagram { path, bytes }, effects);
}

fn fresh(tape: &[Taped]) -> Core {
    Core::new(usual_config(), seed(), tape[0].now)
}

fn assert_equal(tape: &[Taped], straight: &[String], other: &[String]) {
    assert_eq!(straight.len(), other.len());
    for (n, (straight, other)) in straight.iter().zip(other).enumerate() {
        assert_eq!(straight, other, "input {n}: {:?}", tape.get(n));
    }
}

/// Through bytes, as a file would carry it.
fn carried(core: &Core) -> Snapshot {
    Snapshot::from_bytes(core.snapshot().as_bytes()).unwrap()
}

#[test]
fn a_core_that_is_carried_on_at_random_moments_does_what_it_would_have_done() {
    let tape = history();
    let (straight, _) = run(&tape, &mut fresh(&tape), |_, _| (), plain);
    let mut random = Random(0xca44);
    let (mut calls, mut echoes, mut times) = (0, 0, 0);
    let carry = |_: usize, core: &mut Core| {
        if random.below(50) == 0 {
            let sizes = core.table_sizes();
            (calls, echoes, times) = (calls + sizes.live_calls, echoes + sizes.echoes, times + 1);
            *core = Core::restore(&carried(core), seed(), Some(&usual_config())).unwrap();
            assert_eq!(core.table_sizes(), sizes);
        }
    };
    let (other, _) = run(&tape, &mut fresh(&tape), carry, plain);
    assert!(times > 30 && calls > 10 && echoes > 0, "{times} times, {calls} calls, {echoes} echoes");
    assert_equal(&tape, &straight, &other);
}

#[test]
fn with_another_seed_and_without_any_secret_the_witnesses_make_a_replay_the_same() {
    let tape = history();
    let (straight, witnesses) = run(&tape, &mut fresh(&tape), |_, _| (), plain);
    let mut random = Random(0xbeef);
    let carry = |n: usize, core: &mut Core| {
        if n == 0 || random.below(100) == 0 {
            *core = Core::restore_for_replay(&carried(core), Seed::Key([n as u8; 32]), None).unwrap();
        }
    };
    let mut masked = 0;
    let hand = |n: usize, core: &mut Core, now, path, bytes: &[u8], effects: &mut Effects| {
        let mut bytes = bytes.to_vec();
        if bytes.starts_with(b"RPTK") && bytes.len() > 8 {
            bytes[8..].fill(0);
            masked += 1;
        }
        if let Some(at) = bytes.windows(4).position(|w| w == b"KEY=") {
            let end = bytes[at..].iter().position(|&b| b == b';').map_or(bytes.len(), |end| at + end);
            bytes.splice(at + 4..end, *b"*");
            masked += 1;
        }
        core.handle_witnessed(now, path, &bytes, witnesses[n], effects);
    };
    let (other, _) = run(&tape, &mut fresh(&tape), carry, hand);
    assert!(masked > 12, "only {masked} secrets were replaced");
    assert_equal(&tape, &straight, &other);
}

/// A world with two clients in mid-call.
fn in_mid_call() -> World {
    let mut w = World::new();
    w.login_with(A, "TS2=91;KEY=sesame-42");
    w.login_with(B, "TS2=91");
    w.wait(1_000);
    let frames = call(91, 2, 0x77, 3).frames(usual_id(A));
    let path = w.client(A).path;
    for frame in &frames[..8] {
        w.send(path, frame);
        w.wait(60);
    }
    w
}

#[test]
fn with_another_seed_everything_goes_on_but_old_challenges() {
    let mut w = in_mid_call();
    w.core = Core::restore(&carried(&w.core), Seed::Key([99; 32]), Some(&usual_config())).unwrap();
    let path = w.client(A).path;
    let rest = &call(91, 2, 0x77, 3).frames(usual_id(A))[8..];
    for frame in rest {
        let sent = w.send(path, frame);
        assert_eq!(sent.len(), 1, "B goes on hearing the call");
        w.wait(60);
    }
    // The KEY is chosen anew, as after a restart, and a newcomer logs in.
    w.send(path, &rpto(usual_id(A), "TS2=92;KEY=another"));
    assert_eq!(w.core.refusals().get(Refusal::OptionsKey), 0);
    w.login_with('C', "TS2=91");
    assert_eq!(w.core.running_sessions(), 3);
}

#[test]
fn a_core_without_the_passphrases_lets_nobody_in_not_even_by_the_label() {
    let mut w = in_mid_call();
    w.core = Core::restore(&carried(&w.core), Seed::Key([99; 32]), None).unwrap();
    let path = crate::support::client::usual_path('C');
    for passphrase in [PASSPHRASE, b"listener:hotspots", b""] {
        w.wait(11_000);
        let challenge = w.answers(path, &with_id("RPTL", usual_id('C')));
        let salt = challenge[0][6..10].try_into().unwrap();
        let answer = [with_id("RPTK", usual_id('C')), login_hash(salt, passphrase).to_vec()].concat();
        assert!(w.answers(path, &answer)[0].starts_with(b"MSTNAK"));
    }
    assert_eq!(w.core.refusals().get(Refusal::NoChallenge), 3);
}

#[test]
fn a_snapshot_holds_neither_seed_nor_passphrase_nor_answer_nor_key() {
    let mut config = usual_config();
    config.listeners[0].clients = vec![ragchew_core::config::ClientOverride {
        client: ragchew_core::id::ClientId(7),
        passphrase: Some(ragchew_core::config::Passphrase::new(*b"swordfish-9")),
        ..Default::default()
    }];
    let now = Now::default();
    let mut core = Core::new(config, Seed::Key(*b"the seed of the core, 32 bytes!!"), now);
    let path = crate::support::client::usual_path(A);
    let mut effects = Effects::with_capacity(1);
    let mut ask = |bytes: &[u8]| {
        core.handle(now, Input::Datagram { path, bytes }, &mut effects);
        let answer = rendered(&effects).pop().map(|(_, bytes)| bytes).unwrap_or_default();
        effects.clear();
        answer
    };
    let salt = ask(&with_id("RPTL", usual_id(A)))[6..10].try_into().unwrap();
    let hash = login_hash(salt, PASSPHRASE);
    assert!(ask(&[with_id("RPTK", usual_id(A)), hash.to_vec()].concat()).starts_with(b"RPTACK"));
    ask(&crate::support::client::rptc(usual_id(A), "M0TST", '3'));
    ask(&rpto(usual_id(A), "TS2=91;KEY=sesame-42"));
    assert_eq!(core.running_sessions(), 1);
    let snapshot = core.snapshot();
    let holds = |secret: &[u8]| snapshot.as_bytes().windows(secret.len()).any(|found| found == secret);
    assert!(holds(b"listener:hotspots") && holds(b"client:7"), "what must not be found would be");
    for secret in [b"the seed of the core" as &[u8], PASSPHRASE, b"swordfish-9", &hash[..8], KEY.as_bytes()] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
}

#[test]
fn what_is_cut_longer_damaged_or_of_another_form_is_refused_by_name() {
    let whole = in_mid_call().core.snapshot().as_bytes().to_vec();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let error = Snapshot::from_bytes(&whole[..length]).unwrap_err();
        assert!(matches!(error, SnapshotError::NoSnapshot | SnapshotError::Length), "{length}: {error}");
    }
    assert_eq!(Snapshot::from_bytes([&whole[..], b"x"].concat()), Err(SnapshotError::Length));
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(Snapshot::from_bytes(flipped).is_err(), "byte {at}");
    }
    let mut other = whole.clone();
    other[9] = 77;
    assert_eq!(Snapshot::from_bytes(other), Err(SnapshotError::Format(77)));
}

#[test]
fn a_configuration_is_carried_with_labels_and_takes_its_passphrases_back_by_name() {
    let config = usual_config();
    let bytes = ragchew_core::snapshot::encode_config(&config);
    assert!(!bytes.windows(PASSPHRASE.len()).any(|found| found == PASSPHRASE));
    let mut back = ragchew_core::snapshot::decode_config(&bytes).unwrap();
    assert!(back.listeners[0].passphrase.is_label());
    back.unlabel(&Config::default());
    assert!(back.listeners[0].passphrase.is_label());
    back.unlabel(&config);
    assert!(back.listeners[0].passphrase == config.listeners[0].passphrase);
    assert!(ragchew_core::snapshot::decode_config(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn who_comes_after_a_restore_is_told_of_the_end_in_the_same_order() {
    let told = |leaving: [char; 2], carry: bool| {
        let mut w = World::new();
        for name in 'A'..='D' {
            w.login_with(name, "TS2=91");
        }
        for name in leaving {
            w.close(name);
            w.wait(3_000);
        }
        if carry {
            w.core = Core::restore(&carried(&w.core), seed(), Some(&usual_config())).unwrap();
        }
        for name in ['E', 'F'] {
            w.login_with(name, "TS2=91");
        }
        w.forget();
        w.drain();
        w.wait(1_000);
        w.sent.iter().map(|sent| sent.path.remote).collect::<Vec<_>>()
    };
    for leaving in [['B', 'C'], ['C', 'B']] {
        let straight = told(leaving, false);
        assert_eq!(straight.len(), 4 * 3);
        assert_eq!(told(leaving, true), straight);
    }
}
