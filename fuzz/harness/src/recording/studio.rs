//! Makes the seeds of recordings: a core that is recorded as the server does it, in the form of the target. Decides nothing.

use super::{Kind, Mark, Note};
use crate::core::{self, config, state};
use ragchew_core::config::Passphrase;
use ragchew_core::control::{ControlCommand, ControlRequest, Cursor, RequestId};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::ClientId;
use ragchew_core::net::Path;
use ragchew_core::time::Span;
use ragchew_core::{Core, Effects, Input, Mono, Now, Seed, Wall, snapshot};
use ragchew_transport::record::mask;

struct Studio {
    core: Core,
    effects: Effects,
    now: Now,
    /// What was recorded, once it is.
    blocks: Option<Vec<u8>>,
    counted: [u64; 2],
}

impl Studio {
    fn new() -> Self {
        let now = Now { mono: Mono(3_600_000_000_000), wall: Wall(1_700_000_000_000_000_000) };
        let core = Core::new(config(0, 0), Seed::Key([7; 32]), now);
        Self { core, effects: Effects::with_capacity(64), now, blocks: None, counted: [0; 2] }
    }

    fn begin(&mut self) {
        self.blocks = Some(Vec::new());
        self.block(Kind::Section, &[]);
        self.block(Kind::Interface, &[]);
        let snapshot = self.core.snapshot();
        let clocks = self.clocks();
        self.block(Kind::Begin, &[&clocks, state(&snapshot)].concat());
    }

    fn clocks(&self) -> [u8; 16] {
        let mut clocks = [0; 16];
        clocks[..8].copy_from_slice(&self.now.mono.0.to_be_bytes());
        clocks[8..].copy_from_slice(&self.now.wall.0.to_be_bytes());
        clocks
    }

    fn block(&mut self, kind: Kind, body: &[u8]) {
        let Some(blocks) = &mut self.blocks else { return };
        blocks.push(kind as u8);
        blocks.extend((body.len() as u16).to_be_bytes());
        blocks.extend(body);
    }

    fn note(&mut self, note: &Note<'_>) {
        self.block(Kind::Note, &note.bytes());
    }

    fn packet(&mut self, kind: Kind, path: Path, witness: Option<ragchew_core::Witness>, bytes: &[u8]) {
        let mark = postcard::to_allocvec(&Mark { mono: self.now.mono.0, path, witness }).expect("memory");
        let wall = self.now.wall.0.to_be_bytes();
        self.block(kind, &[&[mark.len() as u8], &mark[..], &wall, bytes].concat());
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Vec<u8>> {
        let (Mono(mono), Wall(wall)) = (self.now.mono, self.now.wall);
        self.counted[0] += u64::from(self.blocks.is_some());
        match &input {
            Input::Deadline => self.note(&Note::Deadline { mono, wall }),
            Input::Control(request) => self.note(&Note::Control { mono, wall, request: *request }),
            Input::Drain => self.note(&Note::Drain { mono, wall }),
            Input::Replace(config) => {
                self.block(Kind::Replace, &[&self.clocks(), &snapshot::encode_config(config)[..]].concat());
            }
            Input::Datagram { .. } => {}
        }
        let came = match input {
            Input::Datagram { path, bytes } => Some((path, bytes.to_vec())),
            _ => None,
        };
        self.core.handle(self.now, input, &mut self.effects);
        if let Some((path, bytes)) = came {
            let witness = self.core.witness();
            let mut masked = Vec::new();
            mask(&bytes, &mut masked);
            self.packet(Kind::Came, path, witness, &masked);
        }
        self.carry_out()
    }

    fn carry_out(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        for transmit in self.effects.transmits().to_vec() {
            let mut buffer = [0; FRAME_LEN];
            let length = self.effects.render(&transmit, &mut buffer);
            self.packet(Kind::Sent, transmit.path, None, &buffer[..length]);
            sent.push(buffer[..length].to_vec());
        }
        self.counted[1] += if self.blocks.is_some() { sent.len() as u64 } else { 0 };
        self.effects.clear();
        sent
    }

    fn from(&mut self, client: u8, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.input(Input::Datagram { path: core::path(client, 0), bytes })
    }

    fn pass(&mut self, span: Span) {
        let until = self.now.mono + span;
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= until) {
            self.step_to(due.max(self.now.mono));
            self.input(Input::Deadline);
        }
        self.step_to(until);
    }

    fn step_to(&mut self, mono: Mono) {
        self.now = Now { mono, wall: Wall(self.now.wall.0 + mono.since(self.now.mono).0) };
    }

    fn log_in(&mut self, client: u8) {
        let message = |kind, salt| core::valid(kind, core::id(client), salt);
        let sent = self.from(client, &message(0, [0; 4]));
        let salt = sent[0][6..10].try_into().expect("a challenge");
        self.from(client, &message(1, salt));
        self.from(client, &message(2, salt));
        self.from(client, &message(4, salt));
    }

    fn talk(&mut self, client: u8, bursts: u8) {
        let voice = (0..bursts).map(|n| 0x80 | [0x10, 1, 2, 3, 4, 5][usize::from(n % 6)]);
        for (seq, bits) in [0xA1].into_iter().chain(voice).enumerate() {
            let id = core::id(client);
            self.from(client, &core::dmrd(id, bits, 91, 0x77, seq as u8, id, 55));
            self.pass(Span::millis(60));
        }
    }

    fn ask(&mut self, command: ControlCommand) {
        self.input(Input::Control(ControlRequest { id: RequestId(3), command }));
    }

    fn end(mut self) -> Vec<u8> {
        self.input(Input::Drain);
        self.pass(Span::secs(1));
        let [inputs, sent] = self.counted;
        self.note(&Note::End { inputs, sent });
        self.blocks.unwrap_or_default()
    }
}

/// Recordings in the form of the target; those named `equal` replay to their end.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut quiet = Studio::new();
    quiet.begin();
    let quiet = quiet.end();

    let mut usual = Studio::new();
    (0..3).for_each(|client| usual.log_in(client));
    usual.talk(0, 4);
    usual.begin();
    usual.talk(0, 3);
    usual.log_in(4);
    usual.from(1, &core::valid(9, core::id(1), [0; 4]));
    usual.from(5, &core::valid(5, core::id(5), [0; 4]));
    let usual = usual.end();

    let mut asked = Studio::new();
    asked.begin();
    (0..2).for_each(|client| asked.log_in(client));
    asked.talk(1, 2);
    asked.ask(ControlCommand::Resync(Cursor::default()));
    asked.ask(ControlCommand::Kick { client: ClientId(core::id(0)), listener: None });
    let mut other = config(2, 0x7f);
    other.listeners[0].passphrase = Passphrase::new(*b"another one");
    asked.input(Input::Replace(Box::new(other)));
    asked.from(1, &core::valid(5, core::id(1), [0; 4]));
    let asked = asked.end();

    let cut = usual[..usual.len() - 40].to_vec();
    let raw = [b"r", &super::file(&quiet)[..]].concat();
    let gap = [&quiet[..], &note(&Note::Gap { records: 3, bytes: 9 })].concat();
    // A packet that is none, with a right digest.
    let any = [&[Kind::Section as u8, 0, 0, Kind::Any as u8, 0, 8], &super::PACKET.to_le_bytes()[..], &[1; 4]].concat();
    let named = |(name, bytes): (&str, Vec<u8>)| (name.to_owned(), bytes);
    [("equal.quiet", quiet), ("equal.usual", usual), ("equal.asked", asked), ("cut", cut)]
        .into_iter()
        .chain([("raw", raw), ("gap", gap), ("any_block", any)])
        .map(named)
        .collect()
}

/// A note in the form of the target.
fn note(note: &Note<'_>) -> Vec<u8> {
    let bytes = note.bytes();
    [&[Kind::Note as u8], &(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()
}
