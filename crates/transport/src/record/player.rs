//! Replays a recording: the core of its snapshot is given every input again, at its time, and everything that it sends is
//! compared with what was sent. Owns the comparison; opens no socket and needs no passphrase. Source: design §4, §9.

use super::reader::{Block, Fault, Reader, Stop};
use super::{FORMAT, Mark, Note};
use crate::limits::{MOST_CARRIED, MOST_UNCOMPARED, PROGRAM_NAME};
use blake2::{Blake2s256, Digest};
use etherparse::{SlicedPacket, TransportSlice};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::ClientId;
use ragchew_core::net::Path;
use ragchew_core::shown::is_hidden;
use ragchew_core::wire::hbp::login_hash;
use ragchew_core::{
    Config, Core, Effects, Input, Mono, Now, Seed, Snapshot, SnapshotError, Span, Wall, Witness, snapshot,
};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

/// Bytes at the start of a file in which the name of the recording program is looked for.
const LOOK: u64 = 64;

/// The first difference between a recording and its replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The block of the recording at which it shows.
    pub record: u64,
    /// When, since the recording began.
    pub at: Span,
    /// What was recorded: where it went, and its bytes.
    pub recorded: Option<(Path, Vec<u8>)>,
    /// What this core sends.
    pub sent: Option<(Path, Vec<u8>)>,
    /// The client whose answer the core judges otherwise by the secrets that it was given, and what was said then.
    pub answer: Option<(ClientId, bool)>,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as recorded, to the end.
    Equal,
    /// It is not.
    Different(Box<Difference>),
    /// Everything up to there is as recorded; there it could not go on.
    Stopped(Stop),
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Name and version of the recording program.
    pub program: String,
    /// When the recording began.
    pub began: Wall,
    /// How long it is, as far as it was replayed.
    pub length: Span,
    /// Inputs that the core was given.
    pub inputs: u64,
    /// Datagrams that were compared.
    pub compared: u64,
    /// Clients that were logged in where it ended.
    pub running: usize,
    /// How it ended.
    pub outcome: Outcome,
}

/// Whether `path` is a recording of ours, or the beginning of one.
///
/// # Errors
/// Those of opening and reading it.
pub fn is_recording(path: &std::path::Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(LOOK).read_to_end(&mut head)?;
    Ok(head.starts_with(&super::blocks::SECTION.to_le_bytes()) && head.windows(8).any(|found| found == b"ragchew "))
}

/// Replays what `input` holds. Without `secrets`, what was said of the answers of clients is believed. With them, a
/// configuration with its passphrases, right answers are made again from the recorded challenges and the core has to find
/// them right by itself, and the others wrong. Whether the passphrases are those of then cannot be told: a recording from
/// which that could be told would be one from which they could be guessed.
pub fn play(input: impl Read, secrets: Option<&Config>) -> Played {
    let mut player = Player {
        secrets,
        core: None,
        began: Now::default(),
        program: String::new(),
        length: Span(0),
        effects: Effects::with_capacity(64),
        queue: VecDeque::new(),
        carried: Carried::Nothing,
        bytes: Vec::new(),
        inputs: 0,
        compared: 0,
    };
    let outcome = match player.run(&mut Reader::new(input)) {
        Ok(()) => Outcome::Equal,
        Err(End::Different(difference)) => Outcome::Different(difference),
        Err(End::Stopped(stop)) => Outcome::Stopped(stop),
    };
    Played {
        program: player.program,
        began: player.began.wall,
        length: player.length,
        inputs: player.inputs,
        compared: player.compared,
        running: player.core.as_ref().map_or(0, Core::running_sessions),
        outcome,
    }
}

/// Why a replay does not go on.
enum End {
    Different(Box<Difference>),
    Stopped(Stop),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// What comes in parts.
enum Carried {
    Nothing,
    /// So many bytes of a snapshot.
    Snapshot(u64),
    /// So many bytes of a configuration with this digest.
    Config(Now, [u8; 32], u64),
}

struct Player<'a> {
    secrets: Option<&'a Config>,
    core: Option<Core>,
    began: Now,
    program: String,
    length: Span,
    effects: Effects,
    /// What the core sent and has not been compared; at most [`MOST_UNCOMPARED`].
    queue: VecDeque<(Path, Vec<u8>)>,
    carried: Carried,
    bytes: Vec<u8>,
    inputs: u64,
    compared: u64,
}

/// What a block comes to.
enum Next {
    On,
    End,
    Fault(Fault),
    Differs(Box<Difference>),
}

impl Player<'_> {
    fn run<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), End> {
        loop {
            let record = reader.record() + 1;
            let next = match reader.step()? {
                None => Next::Fault(Fault::NoEnd),
                Some(Block::Other) => Next::On,
                Some(Block::Packet(mark, packet)) => match payload(packet.bytes) {
                    None => Next::Fault(Fault::Malformed),
                    Some(bytes) if packet.inbound => self.came(record, &mark, packet.wall, bytes),
                    Some(bytes) => self.sent(record, &mark, bytes),
                },
                Some(Block::Note(note)) => self.note(record, note),
            };
            match next {
                Next::On => {}
                Next::Fault(fault) => return Err(reader.stop(fault).into()),
                Next::Differs(difference) => return Err(End::Different(difference)),
                Next::End => {
                    return match reader.step()? {
                        None => Ok(()),
                        Some(_) => Err(reader.stop(Fault::AfterEnd).into()),
                    };
                }
            }
        }
    }

    fn note(&mut self, record: u64, note: Note) -> Next {
        let now = |mono, wall| Now { mono: Mono(mono), wall: Wall(wall) };
        match note {
            Note::Begin { format, program, .. } if format != FORMAT => {
                Next::Fault(Fault::Format(format, shown(&program)))
            }
            Note::Begin { program, snapshot_bytes, mono, wall, .. } => {
                if self.core.is_some() || !self.program.is_empty() {
                    return Next::Fault(Fault::Malformed);
                }
                (self.program, self.began) = (shown(&program), now(mono, wall));
                self.carry(Carried::Snapshot(snapshot_bytes))
            }
            Note::Part { bytes } => self.part(record, &bytes),
            Note::Deadline { mono, wall } => self.input(record, now(mono, wall), Input::Deadline),
            Note::Control { mono, wall, request } => self.input(record, now(mono, wall), Input::Control(request)),
            Note::Drain { mono, wall } => self.input(record, now(mono, wall), Input::Drain),
            Note::Replace { mono, wall, digest, config_bytes } => {
                self.carry(Carried::Config(now(mono, wall), digest, config_bytes))
            }
            Note::Gap { records, bytes } => Next::Fault(Fault::Gap(records, bytes)),
            Note::End { inputs, sent } => {
                if let Some(missing) = self.left_over(record) {
                    return missing;
                }
                let complete = inputs == self.inputs && sent == self.compared && self.core.is_some();
                if complete { Next::End } else { Next::Fault(Fault::Malformed) }
            }
        }
    }

    /// Something begins that comes in parts.
    fn carry(&mut self, what: Carried) -> Next {
        let (Carried::Snapshot(bytes) | Carried::Config(_, _, bytes)) = what else { return Next::On };
        if !matches!(self.carried, Carried::Nothing) || bytes > MOST_CARRIED || bytes == 0 {
            return Next::Fault(Fault::Malformed);
        }
        self.bytes.clear();
        self.carried = what;
        Next::On
    }

    fn part(&mut self, record: u64, part: &[u8]) -> Next {
        let (Carried::Snapshot(length) | Carried::Config(_, _, length)) = self.carried else {
            return Next::Fault(Fault::Malformed);
        };
        self.bytes.extend_from_slice(part);
        match (self.bytes.len() as u64).cmp(&length) {
            std::cmp::Ordering::Less => Next::On,
            std::cmp::Ordering::Greater => Next::Fault(Fault::Malformed),
            std::cmp::Ordering::Equal => self.arrived(record),
        }
    }

    fn arrived(&mut self, record: u64) -> Next {
        let bytes = std::mem::take(&mut self.bytes);
        match std::mem::replace(&mut self.carried, Carried::Nothing) {
            Carried::Snapshot(_) => {
                // Whatever the secrets of the recorded core said is told by the witnesses.
                let restored = Snapshot::from_bytes(bytes)
                    .and_then(|snapshot| Core::restore_for_replay(&snapshot, Seed::Key([0; 32]), self.secrets));
                match restored {
                    Ok(core) => self.core = Some(core),
                    Err(error) => return Next::Fault(Fault::Content(error)),
                }
                Next::On
            }
            Carried::Config(now, digest, _) => {
                if <[u8; 32]>::from(Blake2s256::digest(&bytes)) != digest {
                    return Next::Fault(Fault::Content(SnapshotError::Digest));
                }
                match snapshot::decode_config(&bytes) {
                    Ok(mut config) => {
                        if let Some(secrets) = self.secrets {
                            config.unlabel(secrets);
                        }
                        self.input(record, now, Input::Replace(Box::new(config)))
                    }
                    Err(error) => Next::Fault(Fault::Content(error)),
                }
            }
            Carried::Nothing => Next::Fault(Fault::Malformed),
        }
    }

    fn input(&mut self, record: u64, now: Now, input: Input<'_>) -> Next {
        if let Err(next) = self.before_input(record, now) {
            return next;
        }
        let Some(core) = self.core.as_mut() else { return Next::Fault(Fault::Malformed) };
        core.handle(now, input, &mut self.effects);
        self.bounded()
    }

    /// What an input sends waits for its comparison, as the rest of its batch did; what it tells is for nobody.
    fn bounded(&mut self) -> Next {
        self.effects.keep_transmits_only();
        if self.effects.transmits().len() > MOST_UNCOMPARED { Next::Fault(Fault::Uncompared) } else { Next::On }
    }

    fn came(&mut self, record: u64, mark: &Mark, wall: u64, bytes: &[u8]) -> Next {
        let now = Now { mono: Mono(mark.mono), wall: Wall(wall) };
        if let Err(next) = self.before_input(record, now) {
            return next;
        }
        let Some(core) = self.core.as_mut() else { return Next::Fault(Fault::Malformed) };
        let (mut witness, mut bytes) = (mark.witness, bytes.to_vec());
        let right = witness.and_then(|witness| witness.right);
        if self.secrets.is_some() {
            if let Some(witness) = &mut witness {
                answer_again(core.config(), &mark.path, witness, &mut bytes);
                witness.right = None;
            }
        }
        core.handle_witnessed(now, mark.path, &bytes, witness, &mut self.effects);
        let said = core.witness().and_then(|witness| witness.right);
        match right.filter(|right| said != Some(*right)) {
            None => self.bounded(),
            Some(right) => {
                let client = client_of(&bytes).unwrap_or_default();
                self.differs(record, |difference| difference.answer = Some((client, right)))
            }
        }
    }

    fn before_input(&mut self, record: u64, now: Now) -> Result<(), Next> {
        if self.core.is_none() || !matches!(self.carried, Carried::Nothing) {
            return Err(Next::Fault(Fault::Malformed));
        }
        // Those of the inputs of one batch are sent together; what is left of a batch before is missing.
        if let Some(sent) = self.queue.pop_front() {
            return Err(self.differs(record, |difference| difference.sent = Some(sent)));
        }
        self.inputs += 1;
        self.length = now.mono.since(self.began.mono);
        Ok(())
    }

    fn sent(&mut self, record: u64, mark: &Mark, bytes: &[u8]) -> Next {
        if self.queue.is_empty() {
            self.take_transmits();
        }
        self.compared += 1;
        let recorded = (mark.path, bytes.to_vec());
        match self.queue.pop_front() {
            Some(sent) if sent == recorded => Next::On,
            sent => self.differs(record, |difference| (difference.recorded, difference.sent) = (Some(recorded), sent)),
        }
    }

    fn take_transmits(&mut self) {
        for transmit in self.effects.transmits() {
            let mut buffer = [0; FRAME_LEN];
            let length = self.effects.render(transmit, &mut buffer);
            self.queue.push_back((transmit.path, buffer.get(..length).unwrap_or_default().to_vec()));
        }
        self.effects.clear();
    }

    /// What this core sends and the recording has not.
    fn left_over(&mut self, record: u64) -> Option<Next> {
        if self.queue.is_empty() {
            self.take_transmits();
        }
        let sent = self.queue.pop_front()?;
        Some(self.differs(record, |difference| difference.sent = Some(sent)))
    }

    fn differs(&self, record: u64, fill: impl FnOnce(&mut Difference)) -> Next {
        let mut difference = Difference { record, at: self.length, recorded: None, sent: None, answer: None };
        fill(&mut difference);
        Next::Differs(Box::new(difference))
    }
}

/// Makes the answer of a client that was right again, from the challenge and the passphrase that it has now.
fn answer_again(config: &Config, path: &Path, witness: &Witness, bytes: &mut [u8]) {
    let listener = config.listeners.iter().find(|listener| listener.sockets.contains(&path.socket));
    let (Some(true), Some(listener), Some(client)) = (witness.right, listener, client_of(bytes)) else { return };
    let Some(salt) = witness.salts.into_iter().flatten().next() else { return };
    let hash = login_hash(salt, listener.passphrase_of(client).expose());
    if let Some(place) = bytes.get_mut(8..).filter(|place| place.len() == hash.len()) {
        place.copy_from_slice(&hash);
    }
}

fn client_of(bytes: &[u8]) -> Option<ClientId> {
    bytes.get(4..)?.first_chunk().copied().map(ClientId::from_bytes)
}

/// The name of a program as people may see it: whoever made the recording chose it. Nothing that a terminal obeys, and
/// nothing that turns or hides text.
fn shown(program: &str) -> String {
    program.chars().filter(|&c| !is_hidden(c)).take(PROGRAM_NAME).collect()
}

/// What IP and UDP carry.
fn payload(packet: &[u8]) -> Option<&[u8]> {
    match SlicedPacket::from_ip(packet).ok()?.transport? {
        TransportSlice::Udp(udp) => Some(udp.payload()),
        _ => None,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.at.as_millis();
        write!(f, "block {} at {}.{:03} s: ", self.record, millis / 1_000, millis % 1_000)?;
        if let Some((client, right)) = self.answer {
            let (then, now) = if right { ("right", "wrong") } else { ("wrong", "right") };
            return write!(
                f,
                "the answer of client {client} was {then} when it was recorded, and is {now} by these secrets"
            );
        }
        let (recorded, sent) = (Told(self.recorded.as_ref()), Told(self.sent.as_ref()));
        write!(f, "recorded is {recorded}; this core sends {sent}")
    }
}

/// A datagram in words.
struct Told<'a>(Option<&'a (Path, Vec<u8>)>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((path, bytes)) = self.0 else { return f.write_str("nothing") };
        write!(f, "to {} from socket {} ", path.remote, path.socket.0)?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
