//! Snapshots that somebody made up: sound digest, extreme values. Whatever they say is refused, or goes on without a panic, an
//! overflow or a loop. Design §2 rule 2, §4.

use crate::support::client::{rptc, rptk, rpto, usual_id, usual_path, with_id};
use crate::support::world::{Taped, seed, usual_config};
use crate::support::{A, B, C, D, World, call};
use blake2::digest::consts::U16;
use blake2::{Blake2s, Digest};
use ragchew_core::config::MappedAlias;
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRequest, Cursor, RequestId};
use ragchew_core::{Core, Effects, Input, Now, Snapshot, SnapshotError, Span};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes before the state: magic, form, length, digest.
const HEAD: usize = 8 + 2 + 8 + 16;

/// What may stand in the place of a number: the largest of each width, and none.
const EXTREMES: [&[u8]; 5] = [
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0x03],
    &[0xff],
    &[0],
];

/// A state under a head that fits it.
fn forged(state: &[u8], like: &Snapshot) -> Snapshot {
    let digest = Blake2s::<U16>::digest(state);
    let bytes = [&like.as_bytes()[..10], &(state.len() as u64).to_be_bytes(), &digest, state].concat();
    Snapshot::from_bytes(bytes).unwrap()
}

/// A moment of a server, and what reached it from there on.
struct Moment {
    name: &'static str,
    snapshot: Snapshot,
    tape: Vec<Taped>,
}

/// Two servers' lives: one in which everything goes on that has a number or a time, one that is stopped.
fn moments() -> Vec<Moment> {
    let mut w = World::with(|config| config.policy.mapped_alias = MappedAlias::Keep);
    let mut moments: Vec<Moment> = Vec::new();
    let mut take = |w: &mut World, name| {
        let tape = w.tape.replace(Vec::new()).unwrap_or_default();
        moments.iter_mut().for_each(|moment: &mut Moment| moment.tape.extend(tape.iter().cloned()));
        moments.push(Moment { name, snapshot: w.core.snapshot(), tape: Vec::new() });
    };
    begin(&mut w);
    take(&mut w, "in mid-call");
    go_on(&mut w);
    take(&mut w, "while an echo plays");
    grow_old(&mut w);
    w.drain();
    w.wait(25);
    take(&mut w, "while it stops");
    w.wait(200);
    assert_eq!(w.drained.len(), 1);
    take(&mut w, "at the end");
    moments.pop();
    moments
}

/// A talks and is heard under another number too, C speaks to the echo, D waits for its RPTC, F guesses.
fn begin(w: &mut World) {
    w.login_with(A, "TS2=91;KEY=sesame-42");
    w.login_with(B, "TS2=92;DIAL=91;TIMER=1");
    w.login_with(C, "TS1=91");
    let salt = w.challenge(usual_id(D), usual_path(D));
    w.send(usual_path(D), &rptk(usual_id(D), &salt, b"passw0rd"));
    guess(w, 2);
    let (speech, echo) = (call(91, 2, 0x77, 2).frames(usual_id(A)), call(9990, 1, 0x78, 1).frames(usual_id(C)));
    for (n, frame) in speech.iter().enumerate().take(8) {
        w.send(usual_path(A), frame);
        echo.get(n).filter(|_| n < 5).map(|frame| w.send(usual_path(C), frame));
        w.wait(60);
    }
}

fn guess(w: &mut World, times: u8) {
    for n in 0..times {
        let id = usual_id('F');
        w.send(usual_path('F'), &[with_id("RPTK", id), vec![n; 32]].concat());
    }
}

fn go_on(w: &mut World) {
    let (speech, echo) = (call(91, 2, 0x77, 2).frames(usual_id(A)), call(9990, 1, 0x78, 1).frames(usual_id(C)));
    w.send(usual_path(A), &[b"DMRA", &usual_id(A).to_be_bytes()[1..], &[0], b"G0ABC A"].concat());
    // The last of them is not to come: the echo makes an end of its own.
    for n in 8..speech.len() - 1 {
        w.send(usual_path(A), &speech[n]);
        w.send(usual_path(A), &speech[n - 3]);
        echo.get(n - 3).filter(|_| n < 10).map(|frame| w.send(usual_path(C), frame));
        w.wait(60);
    }
    w.send(usual_path(A), speech.last().unwrap());
    // At an address that has one, on a talkgroup that has some.
    w.login_full('E', usual_id('E'), usual_path(A), Some("TS2=91"));
    w.send(usual_path(D), &rptc(usual_id(D), "G0ABC", '3'));
    w.send(usual_path(D), &rpto(usual_id(D), "TS2=91"));
    guess(w, 2);
    for garbage in [b"RPTC\0\x23\xb8\x69" as &[u8], b"DMRD", b"what?", b"RPTSBKN"] {
        w.send(usual_path(A), garbage);
    }
    w.wait(7_000);
    assert!(w.core.table_sizes().echoes == 1 && w.sent.iter().any(|sent| sent.path == usual_path(C)));
}

fn grow_old(w: &mut World) {
    w.wait(3_000);
    for (name, tg, stream) in [(B, 95, 0x91), (B, 96, 0x92), (A, 91, 0x93), (B, 4000, 0x94), (D, 91, 0x95)] {
        for frame in call(tg, 2, stream, 1).frames(usual_id(name)) {
            w.send(usual_path(name), &frame);
            w.wait(60);
        }
        w.wait(6_000);
    }
    w.close(B);
    w.wait(3_000);
    w.login_with(B, "TS2=91;SINGLE=1");
    for name in [A, C] {
        w.silence(name);
    }
    w.wait(200_000);
}

/// Gives `core` the rest of its tape, then everything else that there is. A panic is what the caller looks for.
fn drive(mut core: Core, tape: &[Taped]) {
    let mut effects = Effects::with_capacity(1);
    let mut now = Now::default();
    for Taped { now: at, datagram } in tape {
        now = *at;
        let input = datagram.as_ref().map_or(Input::Deadline, |(path, bytes)| Input::Datagram { path: *path, bytes });
        core.handle(now, input, &mut effects);
        effects.clear();
    }
    let mut cursor = Some(Cursor::default());
    for id in 0..100 {
        let Some(at) = cursor else { break };
        let request = ControlRequest { id: RequestId(id), command: ControlCommand::Resync(at) };
        core.handle(now, Input::Control(request), &mut effects);
        cursor = match effects.replies().last().unwrap().outcome {
            ControlOutcome::Told(next) => next,
            _ => None,
        };
        effects.clear();
    }
    assert_eq!(cursor, None, "a few sessions are told in less than a hundred pages");
    core.handle(now, Input::Replace(Box::new(usual_config())), &mut effects);
    core.handle(now, Input::Drain, &mut effects);
    for _ in 0..300 {
        effects.clear();
        core.handle(now, Input::Deadline, &mut effects);
        now.mono = now.mono + Span::millis(2);
    }
}

/// Bytes of the number that begins at `at`.
fn width(state: &[u8], at: usize) -> usize {
    1 + state[at..].iter().take_while(|byte| **byte >= 0x80).count().min(state.len() - at - 1)
}

/// One of so many forgeries is tried, unless `RAGCHEW_CASES` asks for this many of them: all are 36,000, and take a minute.
const USUAL: usize = 2_500;

/// Every forgery of a moment: where, and what stands there.
fn forgeries(moment: &Moment) -> impl Iterator<Item = (usize, &'static [u8])> {
    (HEAD..moment.snapshot.as_bytes().len()).flat_map(|at| EXTREMES.map(|extreme| (at - HEAD, extreme)))
}

#[test]
#[allow(clippy::disallowed_methods)] // This test asks the environment; the core does not.
fn no_extreme_value_in_a_snapshot_makes_the_core_panic() {
    let moments = moments();
    let all: usize = moments.iter().map(|moment| forgeries(moment).count()).sum();
    let wanted = std::env::var("RAGCHEW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(USUAL);
    // No multiple of the number of extremes, so that each of them has its turn.
    let step = (all / wanted.clamp(1, all)).next_multiple_of(EXTREMES.len()).saturating_sub(EXTREMES.len()) + 1;
    let (mut went_on, mut refused, mut fell) = (0, 0, Vec::new());
    for moment in &moments {
        let state = &moment.snapshot.as_bytes()[HEAD..];
        drive(Core::restore(&moment.snapshot, seed(), Some(&usual_config())).unwrap(), &moment.tape);
        for (at, extreme) in forgeries(moment).step_by(step) {
            let changed = [&state[..at], extreme, &state[at + width(state, at)..]].concat();
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let core = Core::restore(&forged(&changed, &moment.snapshot), seed(), Some(&usual_config()));
                core.map(|core| drive(core, &moment.tape))
            }));
            match tried {
                Ok(Ok(())) => went_on += 1,
                Ok(Err(_)) => refused += 1,
                Err(_) => fell.push((moment.name, at, extreme)),
            }
        }
    }
    assert!(fell.is_empty(), "{} fell: {fell:?}", fell.len());
    assert!(went_on > 500 && refused > 500, "{went_on} went on, {refused} were refused");
}

#[test]
fn a_state_with_more_places_than_there_can_be_is_refused() {
    // A vacant place is two bytes here, and a whole record in memory.
    const PLACES: [u8; 3] = [0xa0, 0xac, 0x4f];
    let vacant = [&PLACES[..], &[0; 2 * 1_300_000]].concat();
    let snapshot = World::new().core.snapshot();
    let state = &snapshot.as_bytes()[HEAD..];
    // Where nobody is, each map has the one place that is never used.
    let empty: Vec<_> = (0..state.len()).filter(|&at| state[at..].starts_with(&[1, 0, 0])).collect();
    assert!(
        empty.len() >= 7,
        "sessions, stations, subscriptions and their lines, conferences, calls, echoes: {empty:?}"
    );
    for at in empty {
        let changed = [&state[..at], &vacant, &state[at + 3..]].concat();
        let restored = Core::restore(&forged(&changed, &snapshot), seed(), Some(&usual_config()));
        assert_eq!(restored.err(), Some(SnapshotError::Content), "octet {at}");
    }
}
