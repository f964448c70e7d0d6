//! Target of recordings, replayed and read as captures. The bytes are blocks without their lengths, padding and digests,
//! which are put around them here: whoever hands us a recording can compute those, and a fuzzer cannot. A replay may not
//! panic, hang, or believe more than was recorded. Source: design 4; `draft-ietf-opsawg-pcapng`.

mod studio;

use crate::core::{config, wrapped};
use crate::input::Bytes;
use blake2::{Blake2s256, Digest};
use ragchew_core::Witness;
use ragchew_core::control::ControlRequest;
use ragchew_core::net::Path;
use ragchew_core::shown::is_hidden;
use ragchew_transport::capture::Capture;
use ragchew_transport::record::{FORMAT, Outcome, Played, play};
use serde::{Serialize, Serializer};

pub(crate) use studio::seeds;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const CUSTOM: u32 = 0x0BAD;
/// Before every option and block of ours.
const ENTERPRISE: [u8; 4] = 32_473u32.to_le_bytes();
const MAGIC: &[u8; 8] = b"ragchew\0";
const DIGEST: usize = 8;

/// What a block is made of.
#[derive(Clone, Copy)]
enum Kind {
    Section,
    Interface,
    /// Length of the mark, the mark, eight octets of wall clock, the datagram.
    Came,
    Sent,
    /// A note as it is.
    Note,
    /// Two clocks and the state of a core: the beginning, and all parts of it.
    Begin,
    /// Two clocks and a configuration: its announcement, and all parts of it.
    Replace,
    /// The type of the block, and its body.
    Any,
}

impl From<u8> for Kind {
    fn from(octet: u8) -> Self {
        use Kind::*;
        [Section, Interface, Came, Sent, Note, Begin, Replace, Any][usize::from(octet % 8)]
    }
}

/// Our notes, as `ragchew_transport::record` writes them.
#[derive(Serialize)]
enum Note<'a> {
    Begin {
        format: u16,
        program: &'a str,
        snapshot_bytes: u64,
        mono: u64,
        wall: u64,
    },
    #[serde(serialize_with = "part")]
    Part(&'a [u8]),
    Deadline {
        mono: u64,
        wall: u64,
    },
    Replace {
        mono: u64,
        wall: u64,
        digest: [u8; 32],
        config_bytes: u64,
    },
    Control {
        mono: u64,
        wall: u64,
        request: ControlRequest,
    },
    Drain {
        mono: u64,
        wall: u64,
    },
    Gap {
        records: u64,
        bytes: u64,
    },
    End {
        inputs: u64,
        sent: u64,
    },
}

fn part<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(*bytes)
}

impl Note<'_> {
    fn bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("memory takes everything")
    }
}

/// What stands beside a datagram.
#[derive(Serialize)]
struct Mark {
    mono: u64,
    path: Path,
    witness: Option<Witness>,
}

/// Any blocks as a recording. After an `r`, the bytes are a file as it is.
pub(crate) fn recording(data: &[u8]) {
    let file = whole(data);
    let (blind, knowing) = (play(file.as_slice(), None), play(file.as_slice(), Some(&config(0, 0))));
    for played in [&blind, &knowing] {
        // The shortest block has twelve octets.
        assert!(played.inputs + played.compared <= file.len() as u64 / 12, "{played:?}");
        let shown = match &played.outcome {
            Outcome::Stopped(stop) => format!("{} {stop}", played.program),
            Outcome::Different(difference) => format!("{} {difference}", played.program),
            Outcome::Equal => played.program.clone(),
        };
        assert!(!shown.contains(|c: char| is_hidden(c)), "{shown:?} would reach a terminal");
    }
    let capture = Capture::read(file.as_slice());
    assert!(capture.datagrams.len() <= file.len() / 32);
    if blind.outcome == Outcome::Equal {
        assert_eq!(capture.broken, None, "what replays to its end is a whole capture");
    }
}

/// What comes of a target's bytes in a replay without secrets.
pub fn played(data: &[u8]) -> Played {
    play(whole(data).as_slice(), None)
}

/// The same with the passphrases of the recorded server.
pub fn played_with_secrets(data: &[u8]) -> Played {
    play(whole(data).as_slice(), Some(&config(0, 0)))
}

fn whole(data: &[u8]) -> Vec<u8> {
    match data {
        [b'r', rest @ ..] => rest.to_vec(),
        _ => file(data),
    }
}

/// The file of a target's blocks.
fn file(data: &[u8]) -> Vec<u8> {
    let (mut bytes, mut writer) = (Bytes::new(data), Writer::default());
    while !bytes.is_empty() {
        let kind = Kind::from(bytes.byte());
        let length = usize::from(bytes.short());
        writer.put(kind, bytes.take(length));
    }
    writer.file
}

/// Puts lengths, padding and digests around bodies.
#[derive(Default)]
struct Writer {
    file: Vec<u8>,
    chain: [u8; 32],
}

impl Writer {
    fn put(&mut self, kind: Kind, body: &[u8]) {
        let mut body = Bytes::new(body);
        match kind {
            Kind::Section => {
                self.block(SECTION, &[&0x1A2B_3C4Du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
            }
            Kind::Interface => self.block(INTERFACE, &[101, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]),
            Kind::Came => self.packet(1, body),
            Kind::Sent => self.packet(2, body),
            Kind::Note => self.note(body.rest()),
            Kind::Begin => {
                let [mono, wall] = [body.array(), body.array()].map(u64::from_be_bytes);
                let snapshot = wrapped(body.rest());
                let bytes = snapshot.as_bytes();
                let snapshot_bytes = bytes.len() as u64;
                let begin = Note::Begin { format: FORMAT, program: "ragchew", snapshot_bytes, mono, wall };
                self.note(&begin.bytes());
                self.note(&Note::Part(bytes).bytes());
            }
            Kind::Replace => {
                let [mono, wall] = [body.array(), body.array()].map(u64::from_be_bytes);
                let bytes = body.rest();
                let (digest, config_bytes) = (Blake2s256::digest(bytes).into(), bytes.len() as u64);
                self.note(&Note::Replace { mono, wall, digest, config_bytes }.bytes());
                self.note(&Note::Part(bytes).bytes());
            }
            Kind::Any => {
                let kind = u32::from_le_bytes(body.array());
                self.block(kind, &padded(body.rest()));
            }
        }
    }

    fn note(&mut self, note: &[u8]) {
        self.block(CUSTOM, &[&ENTERPRISE, &MAGIC[..], &padded(note), &[0; DIGEST]].concat());
    }

    fn packet(&mut self, direction: u8, mut body: Bytes<'_>) {
        let length = usize::from(body.byte());
        let (mark, wall, payload) = (padded(body.take(length)), body.array::<8>(), body.rest());
        let packet = ip(payload);
        let [high, low] = [&wall[..4], &wall[4..]].map(|half| u32::from_be_bytes(half.try_into().expect("four")));
        let head = [0, high, low, packet.len() as u32, packet.len() as u32].map(u32::to_le_bytes).concat();
        let custom = ((ENTERPRISE.len() + mark.len() + DIGEST) as u16).to_le_bytes();
        let options = [&[2, 0, 4, 0, direction, 0, 0, 0][..], &2_989u16.to_le_bytes(), &custom, &ENTERPRISE, &mark];
        self.block(PACKET, &[&head, &padded(&packet)[..], &options.concat(), &[0; DIGEST], &[0; 4]].concat());
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = (body.len() as u32 + 12).to_le_bytes();
        let mut block = [&kind.to_le_bytes(), &length[..], body, &length].concat();
        self.chain = Blake2s256::new().chain_update(self.chain).chain_update(&block).finalize().into();
        let behind = match kind {
            PACKET => Some(8),
            CUSTOM => Some(4),
            _ => None,
        };
        if let Some(place) = behind.and_then(|behind| block.len().checked_sub(behind + DIGEST)) {
            block[place..place + DIGEST].copy_from_slice(&self.chain[..DIGEST]);
        }
        self.file.extend(block);
    }
}

/// IPv4 and UDP around a datagram; who it is from and to stands in its mark.
fn ip(payload: &[u8]) -> Vec<u8> {
    let [whole, udp] = [28 + payload.len(), 8 + payload.len()].map(|length| (length as u16).to_be_bytes());
    let head = [0x45, 0, whole[0], whole[1], 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&head[..], &[0xF2, 0x4F, 0xF2, 0x4F, udp[0], udp[1], 0, 0], payload].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}
