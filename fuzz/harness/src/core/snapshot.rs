//! Target of snapshots and of the configurations in recordings: any state behind a right digest, because whoever hands us a
//! recording can compute one. What is taken must live on: be kept again as the same bytes, and work off inputs and
//! deadlines without a panic or an end. Source: design 2, 4.

use super::clients;
use super::world::World;
use super::{Header, Script};
use crate::input::Bytes;
use blake2::digest::consts::U16;
use blake2::{Blake2s, Digest};
use ragchew_core::control::{ControlCommand, ControlRequest, Cursor, RequestId};
use ragchew_core::id::{ClientId, SessionNo};
use ragchew_core::snapshot::{FORMAT, decode_config, encode_config};
use ragchew_core::time::Span;
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Snapshot, Wall};

const MAGIC: &[u8; 8] = b"rgc-snap";
/// Octets before the state.
const HEAD: usize = 8 + 2 + 8 + 16;
/// Deadlines that are worked off after the inputs.
const AFTERMATH: usize = 64;
/// Deadlines at one moment.
const MOST_AT_ONCE: usize = 4_096;
const KEY: [u8; 32] = [7; 32];

/// How the rest of the bytes is meant.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Whole,
    Config,
    Restart,
    Replay,
}

impl From<u8> for Mode {
    fn from(octet: u8) -> Self {
        match octet % 4 {
            0 => Self::Whole,
            1 => Self::Config,
            2 => Self::Restart,
            _ => Self::Replay,
        }
    }
}

/// The first octet says what the bytes are; the second, how many octets of inputs follow before them.
pub(crate) fn snapshot(data: &[u8]) {
    let (core, inputs) = read(data);
    let Some(core) = core else { return };
    let again = kept(&core);
    let one = Life::new(core).live(inputs);
    let two = Life::new(again).live(inputs);
    assert_eq!(one.said, two.said, "a state that was kept and taken back has the same future");
}

/// Bursts that are delivered in the life of the core that the bytes become, if they become one.
pub fn revives(data: &[u8]) -> Option<usize> {
    let (core, inputs) = read(data);
    core.map(|core| Life::new(core).live(inputs).delivered)
}

fn read(data: &[u8]) -> (Option<Core>, &[u8]) {
    let mut bytes = Bytes::new(data);
    let mode = Mode::from(bytes.byte());
    let length = usize::from(bytes.byte());
    let inputs = bytes.take(length);
    (revive(mode, bytes.rest()), inputs)
}

/// The core of the bytes, if they are one.
fn revive(mode: Mode, bytes: &[u8]) -> Option<Core> {
    let secrets = clients::config(0, 0);
    match mode {
        Mode::Whole => Snapshot::from_bytes(bytes)
            .ok()
            .and_then(|snapshot| Core::restore(&snapshot, Seed::Key(KEY), Some(&secrets)).ok()),
        Mode::Config => decode_config(bytes).ok().map(configured),
        Mode::Restart => Core::restore(&wrapped(bytes), Seed::Key(KEY), Some(&secrets)).ok(),
        Mode::Replay => Core::restore_for_replay(&wrapped(bytes), Seed::Key(KEY), Some(&secrets)).ok(),
    }
}

/// A core that gets this configuration while a client is logged in. Written and read again it is the same.
fn configured(mut config: Config) -> Core {
    let written = encode_config(&config);
    let read = decode_config(&written).expect("what is written is legible");
    assert_eq!(encode_config(&read), written);
    let login = super::Step::Login(0, 0, 0, super::Login::Whole, false);
    let script = Script { header: Header::default(), steps: vec![login] };
    let mut core = world(&script).into_core();
    config.unlabel(&clients::config(0, 0));
    core.handle(Life::BEGAN, Input::Replace(Box::new(config)), &mut Effects::with_capacity(64));
    core
}

fn world(script: &Script) -> World {
    let mut world = World::new(script.header);
    script.steps.iter().take_while(|step| world.step(step)).for_each(drop);
    world
}

/// The state with a head that fits it.
pub(crate) fn wrapped(state: &[u8]) -> Snapshot {
    let digest: [u8; 16] = Blake2s::<U16>::digest(state).into();
    let length = (state.len() as u64).to_be_bytes();
    let bytes = [&MAGIC[..], &FORMAT.to_be_bytes(), &length, &digest, state].concat();
    Snapshot::from_bytes(bytes).expect("the head fits")
}

/// The state of a snapshot without its head.
pub(crate) fn state(snapshot: &Snapshot) -> &[u8] {
    &snapshot.as_bytes()[HEAD..]
}

/// The core, kept and taken back.
fn kept(core: &Core) -> Core {
    let snapshot = core.snapshot();
    let secrets = clients::config(0, 0);
    let again =
        Core::restore_for_replay(&snapshot, Seed::Key(KEY), Some(&secrets)).expect("what is kept is taken back");
    assert_eq!(again.snapshot(), snapshot, "kept again, it is the same");
    again
}

/// A core with a clock.
struct Life {
    core: Core,
    effects: Effects,
    now: Now,
    /// Everything that it said.
    said: Vec<String>,
    delivered: usize,
}

impl Life {
    /// When the scripts begin, which the committed states come from.
    const BEGAN: Now = Now { mono: Mono(3_600_000_000_000), wall: Wall(1_700_000_000_000_000_000) };

    fn new(core: Core) -> Self {
        Self { core, effects: Effects::with_capacity(64), now: Self::BEGAN, said: Vec::new(), delivered: 0 }
    }

    fn live(mut self, inputs: &[u8]) -> Self {
        (0..2).for_each(|client| self.log_in(client));
        self.talk(0);
        let mut bytes = Bytes::new(inputs);
        while !bytes.is_empty() {
            let (what, which) = (bytes.byte(), bytes.byte());
            self.step(what, which);
        }
        self.deadlines(AFTERMATH);
        self
    }

    /// As a real client does, with the challenge that it gets.
    fn log_in(&mut self, client: u8) {
        let id = clients::id(client);
        let mut salt = [0; 4];
        for kind in [0, 1, 2, 4] {
            self.datagram(client, &clients::valid(kind, id, salt));
            let answers = super::oracle::rendered(&self.effects);
            salt = answers.iter().find_map(|sent| sent.bytes.strip_prefix(b"RPTACK")?.try_into().ok()).unwrap_or(salt);
        }
    }

    /// A header and two bursts on the talkgroup that [`Life::log_in`] asks for.
    fn talk(&mut self, client: u8) {
        let id = clients::id(client);
        for (seq, bits) in [0xA1, 0x90, 0x81].into_iter().enumerate() {
            self.datagram(client, &clients::dmrd(id, bits, 91, 0x0BAD_CAFE, seq as u8, id, 55));
            self.pass(Span::millis(60));
        }
    }

    fn datagram(&mut self, address: u8, bytes: &[u8]) {
        self.input(Input::Datagram { path: clients::path(address, 0), bytes });
    }

    fn step(&mut self, what: u8, which: u8) {
        let client = clients::id(which & 15);
        let command = |command| Input::Control(ControlRequest { id: RequestId(u64::from(which)), command });
        match what >> 5 {
            0 => self.deadlines(usize::from(which)),
            1 => self.pass(Span::millis(u64::from(which) * 100)),
            2 if what & 1 == 0 => {
                let cursor = Cursor { session: SessionNo(u64::from(which)), ..Cursor::default() };
                self.input(command(ControlCommand::Resync(cursor)));
            }
            2 => self.input(command(ControlCommand::Unlink { client: ClientId(client), slot: None, rf_tg: None })),
            3 => self.input(command(ControlCommand::Kick { client: ClientId(client), listener: None })),
            4 if which & 0xf0 == 0xf0 => self.input(Input::Drain),
            4 => self.input(Input::Replace(Box::new(clients::config(what, which)))),
            _ => {
                self.datagram(which >> 4, &clients::valid(what, client, [0; 4]));
            }
        }
    }

    /// Works off so many deadlines, each at its time.
    fn deadlines(&mut self, most: usize) {
        let (mut left, mut at_once) = (most, 0);
        while let Some(due) = self.core.next_deadline().filter(|_| left > 0) {
            // Those of one moment count as one, and end.
            let later = due > self.now.mono;
            (left, at_once) = if later { (left - 1, 0) } else { (left, at_once + 1) };
            assert!(at_once < MOST_AT_ONCE, "the core asks for {due:?} again and again");
            self.pass(due.since(self.now.mono));
            self.input(Input::Deadline);
        }
    }

    fn pass(&mut self, span: Span) {
        let Now { mono, wall } = self.now;
        self.now = Now { mono: Mono(mono.0.saturating_add(span.0)), wall: Wall(wall.0.saturating_add(span.0)) };
    }

    fn input(&mut self, input: Input<'_>) {
        self.effects.clear();
        self.core.handle(self.now, input, &mut self.effects);
        let sent = super::oracle::rendered(&self.effects);
        self.delivered += sent.iter().filter(|one| one.voice.is_some()).count();
        let due = self.core.next_deadline();
        self.said.push(format!("{:?} {:?} {sent:?} {due:?}", self.effects.events(), self.effects.replies()));
    }
}

/// States of cores in the midst of scripts, as this target reads them: name and bytes.
pub(crate) fn seeds(scripts: &[(&'static str, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    // Time, datagrams of every kind, requests, a reload, the end.
    let mut inputs: Vec<u8> = (0..24).flat_map(|kind| [0xA0 | kind, (kind % 3) * 0x11]).collect();
    inputs.extend([0x20, 10, 0x00, 9, 0x40, 0, 0x41, 0, 0x60, 1, 0x80, 1, 0x00, 3, 0x80, 0xf0]);
    let seed = |mode: Mode, state: &[u8]| [&[mode as u8, inputs.len() as u8], &inputs[..], state].concat();
    let mut seeds = Vec::new();
    for (name, bytes) in scripts {
        let mut script = Script::read(bytes);
        // In the midst: what ends everything may be the last step.
        script.steps.truncate(script.steps.len().saturating_sub(2));
        let snapshot = world(&script).into_core().snapshot();
        seeds.push((format!("restart.{name}"), seed(Mode::Restart, state(&snapshot))));
        if *name == "crowd" {
            seeds.push((format!("replay.{name}"), seed(Mode::Replay, state(&snapshot))));
            seeds.push((format!("whole.{name}"), seed(Mode::Whole, snapshot.as_bytes())));
        }
    }
    for variant in [0, 2, 6] {
        let bytes = encode_config(&clients::config(variant, variant));
        seeds.push((format!("config.{variant}"), seed(Mode::Config, &bytes)));
    }
    seeds
}
