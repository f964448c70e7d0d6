//! Records everything that reaches the core and everything that it sends, as a pcapng file that Wireshark opens and
//! [`play`] replays. Owns the file and its form; holds up no packet: the reactor puts records into buffers that a thread
//! of its own writes, and what finds none is lost to the recording only. Source: design §4 (`--record`).

mod blocks;
mod mask;
mod player;
mod reader;
mod tape;
#[cfg(test)]
mod tests;
mod writer;

pub use crate::limits::{CHUNK_BYTES, CHUNKS};
pub use mask::mask;
pub use player::{Difference, Outcome, Played, is_recording, play};
pub use reader::{Fault, Stop};
pub use tape::Tape;
pub use writer::{Begin, Writer, create};

use ragchew_core::Witness;
use ragchew_core::control::ControlRequest;
use serde::{Deserialize, Serialize};
use std::fs::File;

/// Number of the form of our custom blocks and options; one more whenever it changes.
pub const FORMAT: u16 = 3;

/// What our own blocks say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Note {
    /// The first of all, with the moment at which the recording begins.
    Begin { format: u16, program: String, snapshot_bytes: u64, mono: u64, wall: u64 },
    /// A part of what is announced: the snapshot of [`Note::Begin`], or the configuration of [`Note::Replace`].
    Part { bytes: Vec<u8> },
    /// The core was told that something is due.
    Deadline { mono: u64, wall: u64 },
    /// The core was given another configuration: its BLAKE2s-256, and how many bytes of [`Note::Part`] follow.
    Replace { mono: u64, wall: u64, digest: [u8; 32], config_bytes: u64 },
    /// The core was asked for something by an operator, or to tell something again.
    Control { mono: u64, wall: u64, request: ControlRequest },
    /// The core was asked for its orderly end.
    Drain { mono: u64, wall: u64 },
    /// So many records, with so many bytes, are missing here.
    Gap { records: u64, bytes: u64 },
    /// The recording was ended in order, after so many inputs and datagrams sent.
    End { inputs: u64, sent: u64 },
}

/// What an option of a packet says of it, besides what Wireshark shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    mono: u64,
    path: ragchew_core::net::Path,
    /// What secrets said about a datagram that came in.
    witness: Option<Witness>,
}

/// A recording into `file`: what the reactor writes to, and what has to run on a thread of its own.
pub fn recording(file: File, begin: Begin) -> (Tape, Writer) {
    let (tape, reel) = tape::new();
    (tape, Writer::new(file, begin, reel))
}
