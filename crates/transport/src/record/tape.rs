//! The reactor's end of a recording: records in buffers that were allocated once. Never waits and never allocates for a
//! packet; owns no file. Source: design §4 (bounded queue, gaps).

use super::Mark;
use crate::limits::{CHUNK_BYTES, CHUNK_PATIENCE, CHUNKS};
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use ragchew_core::control::ControlRequest;
use ragchew_core::net::{Path, SocketId};
use ragchew_core::{Config, Now, Witness, snapshot};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buffers below which one is handed over only when it is full, so that a slow disk gets large pieces.
const PLENTY: usize = CHUNKS / 2;
/// Bytes before the payload of a record: two lengths.
const HEAD: usize = 8;
/// Bytes of the longest record head.
const LONGEST_ENTRY: usize = 192;

/// What a record is; datagrams and configurations follow it as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    Came { mark: Mark, wall: u64 },
    Sent { mark: Mark, wall: u64 },
    Deadline { mono: u64, wall: u64 },
    Replace { mono: u64, wall: u64 },
    Control { mono: u64, wall: u64, request: ControlRequest },
    Drain { mono: u64, wall: u64 },
    Socket { id: SocketId, address: SocketAddr },
    Gap { records: u64, bytes: u64 },
}

/// Where the reactor records.
#[derive(Debug)]
pub struct Tape {
    chunk: Option<Vec<u8>>,
    full: Sender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    /// Records and bytes that found no buffer since the last that did.
    lost: (u64, u64),
    ended: bool,
    unsaid: Arc<Unsaid>,
}

/// Records and bytes that were lost at the very end, when there was no buffer left to say so.
#[derive(Debug, Default)]
pub(super) struct Unsaid {
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Unsaid {
    /// What was lost; complete when the tape is gone.
    pub(super) fn get(&self) -> (u64, u64) {
        (self.records.load(Ordering::Acquire), self.bytes.load(Ordering::Acquire))
    }

    fn add(&self, records: u64, bytes: u64) {
        self.records.fetch_add(records, Ordering::Release);
        self.bytes.fetch_add(bytes, Ordering::Release);
    }
}

/// The writer's end of a tape.
pub(super) struct Reel {
    pub(super) full: Receiver<Vec<u8>>,
    pub(super) empty: Sender<Vec<u8>>,
    pub(super) unsaid: Arc<Unsaid>,
}

/// A tape and its other end.
pub(super) fn new() -> (Tape, Reel) {
    let (full, written) = bounded(CHUNKS);
    let (give_back, empty) = bounded(CHUNKS);
    // As many as there are places.
    (0..CHUNKS).for_each(|_| drop(give_back.try_send(Vec::with_capacity(CHUNK_BYTES))));
    let unsaid = Arc::new(Unsaid::default());
    let reel = Reel { full: written, empty: give_back, unsaid: Arc::clone(&unsaid) };
    (Tape { chunk: None, full, empty, lost: (0, 0), ended: false, unsaid }, reel)
}

impl Tape {
    /// A datagram that the core was given, and what it noted about it.
    pub(crate) fn came(&mut self, now: Now, path: &Path, bytes: &[u8], witness: Option<Witness>) {
        let mark = Mark { mono: now.mono.0, path: *path, witness };
        self.put(&Entry::Came { mark, wall: now.wall.0 }, bytes);
    }

    /// A datagram that the core wants sent.
    pub(crate) fn sent(&mut self, now: Now, path: &Path, bytes: &[u8]) {
        let mark = Mark { mono: now.mono.0, path: *path, witness: None };
        self.put(&Entry::Sent { mark, wall: now.wall.0 }, bytes);
    }

    pub(crate) fn deadline(&mut self, now: Now) {
        self.put(&Entry::Deadline { mono: now.mono.0, wall: now.wall.0 }, &[]);
    }

    /// Allocates: once per reload.
    pub(crate) fn replace(&mut self, now: Now, config: &Config) {
        let bytes = snapshot::encode_config(config);
        self.put(&Entry::Replace { mono: now.mono.0, wall: now.wall.0 }, &bytes);
    }

    pub(crate) fn control(&mut self, now: Now, request: ControlRequest) {
        self.put(&Entry::Control { mono: now.mono.0, wall: now.wall.0, request }, &[]);
    }

    pub(crate) fn drain(&mut self, now: Now) {
        self.put(&Entry::Drain { mono: now.mono.0, wall: now.wall.0 }, &[]);
    }

    /// A socket that is read from now on.
    pub(crate) fn socket(&mut self, id: SocketId, address: SocketAddr) {
        self.put(&Entry::Socket { id, address }, &[]);
    }

    /// The end of a turn: what is there is handed over, unless buffers are short.
    pub(crate) fn turn_ends(&mut self) {
        if self.lost.0 > 0 {
            self.make_room(0);
        }
        if self.empty.len() >= PLENTY {
            self.hand_over();
        }
    }

    fn put(&mut self, entry: &Entry, bytes: &[u8]) {
        if self.ended {
            return;
        }
        let needed = HEAD + LONGEST_ENTRY + bytes.len();
        let written = self.make_room(needed) && self.chunk.as_mut().is_some_and(|chunk| append(chunk, entry, bytes));
        if !written {
            self.lost = (self.lost.0.saturating_add(1), self.lost.1.saturating_add(bytes.len() as u64));
        }
    }

    /// Whether there is a buffer with room for so many bytes; a gap before it is told first.
    fn make_room(&mut self, needed: usize) -> bool {
        // A gap that has to be told comes on top.
        let needed = needed + HEAD + LONGEST_ENTRY;
        let has_room = |chunk: &Vec<u8>| chunk.is_empty() || chunk.capacity() - chunk.len() >= needed;
        if !self.chunk.as_ref().is_some_and(has_room) {
            self.hand_over();
            self.chunk = self.empty.try_recv().ok();
        }
        let Some(chunk) = self.chunk.as_mut() else { return false };
        if self.lost.0 > 0 {
            let (records, bytes) = self.lost;
            if append(chunk, &Entry::Gap { records, bytes }, &[]) {
                self.lost = (0, 0);
            }
        }
        true
    }

    fn hand_over(&mut self) {
        let Some(chunk) = self.chunk.take_if(|chunk| !chunk.is_empty()) else { return };
        match self.full.try_send(chunk) {
            Ok(()) => {}
            Err(TrySendError::Full(chunk)) => self.chunk = Some(chunk),
            // The writer has ended; it said why.
            Err(TrySendError::Disconnected(_)) => self.ended = true,
        }
    }
}

impl Drop for Tape {
    /// The reactor has ended: now there is time.
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk.take() {
            if let Err(SendTimeoutError::Timeout(chunk)) =
                self.full.send_timeout(chunk, Duration::from_nanos(CHUNK_PATIENCE.0))
            {
                self.unsaid.add(entries(&chunk).count() as u64, chunk.len() as u64);
            }
        }
        self.unsaid.add(self.lost.0, self.lost.1);
    }
}

/// Adds a record: the lengths of its two parts, and the parts.
fn append(chunk: &mut Vec<u8>, entry: &Entry, bytes: &[u8]) -> bool {
    let mut buffer = [0; LONGEST_ENTRY];
    let Ok(head) = postcard::to_slice(entry, &mut buffer) else { return false };
    chunk.extend((head.len() as u32).to_le_bytes());
    chunk.extend((bytes.len() as u32).to_le_bytes());
    chunk.extend_from_slice(head);
    chunk.extend_from_slice(bytes);
    true
}

/// The records of a buffer.
pub(super) fn entries(chunk: &[u8]) -> impl Iterator<Item = (Entry, &[u8])> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<4>()?;
        let (body, after) = after.split_first_chunk::<4>()?;
        let (head, after) = after.split_at_checked(u32::from_le_bytes(*head) as usize)?;
        let (body, after) = after.split_at_checked(u32::from_le_bytes(*body) as usize)?;
        rest = after;
        Some((postcard::from_bytes(head).ok()?, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::net::LocalIp;
    use ragchew_core::{Mono, Wall};

    fn now(n: u64) -> Now {
        Now { mono: Mono(n), wall: Wall(n) }
    }

    fn path() -> Path {
        let local = LocalIp::V6 { address: [0xff; 16], interface: u32::MAX };
        let remote = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535".parse().unwrap();
        Path { socket: SocketId(u16::MAX), local, remote }
    }

    #[test]
    fn the_longest_entry_fits() {
        let witness =
            Witness { salts: [Some([255; 4]); 2], right: Some(true), digest: Some(u64::MAX), key: Some(u64::MAX) };
        let mark = Mark { mono: u64::MAX, path: path(), witness: Some(witness) };
        assert!(append(&mut Vec::new(), &Entry::Came { mark, wall: u64::MAX }, &[]));
    }

    #[test]
    fn records_come_out_as_they_went_in_and_what_finds_no_buffer_is_one_gap() {
        let (mut tape, Reel { full, empty, .. }) = new();
        let mut fits = 0;
        while tape.lost.0 == 0 {
            tape.came(now(fits), &path(), &[7; 500], None);
            fits += 1;
        }
        fits -= 1;
        assert!(fits as usize >= CHUNKS * (CHUNK_BYTES / (HEAD + LONGEST_ENTRY + 500) - 1), "{fits}");
        tape.deadline(now(1));
        assert_eq!(tape.lost, (2, 500));
        let mut seen = 0;
        for _ in 0..CHUNKS {
            let mut chunk = full.try_recv().unwrap();
            seen += entries(&chunk).count() as u64;
            chunk.clear();
            empty.send(chunk).unwrap();
        }
        assert_eq!(seen, fits);
        tape.drain(now(9));
        tape.turn_ends();
        let chunk = full.try_recv().unwrap();
        let after: Vec<_> = entries(&chunk).map(|(entry, _)| entry).collect();
        assert_eq!(after, [Entry::Gap { records: 2, bytes: 500 }, Entry::Drain { mono: 9, wall: 9 }]);
    }

    #[test]
    fn a_writer_that_is_gone_ends_the_recording_and_nothing_else() {
        let (mut tape, reel) = new();
        drop(reel);
        tape.deadline(now(1));
        tape.turn_ends();
        assert!(tape.ended);
        tape.deadline(now(2));
        assert!(tape.chunk.is_none());
    }
}
