//! Reads the blocks of a recording, one at a time, and trusts none before its digest has covered it and all before. Owns
//! the place in the file; knows nothing of the core. Source: design §4 (a trace that was cut or edited).

use super::blocks::{self, AROUND, CUSTOM, Chain, INTERFACE, LONGEST, PACKET, PacketBody, SECTION};
use super::{Mark, Note};
use ragchew_core::SnapshotError;
use std::fmt;
use std::io::Read;

/// Where and why a recording could not be replayed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which block; the section header is 0.
    pub record: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// Why a recording cannot be replayed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file ends in the middle of a block.
    CutOff,
    /// The file ends between two blocks, before the recording does.
    NoEnd,
    /// The digest of the block, or of one before it that has none, is another one.
    Edited,
    /// The block contradicts the form.
    Malformed,
    /// The recording was made in another form, this one, by this program.
    Format(u16, String),
    /// So many records, of so many bytes, were lost while it was made.
    Gap(u64, u64),
    /// What it carries is no state, or no configuration, of this core.
    Content(SnapshotError),
    /// The core sends more, before the recording says what was sent, than any server does before it flushes.
    Uncompared,
    /// Something follows its end.
    AfterEnd,
    /// The system could not read the file.
    Unreadable(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} at byte {}: {}", self.record, self.offset, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("the file ends in the middle of it"),
            Self::NoEnd => f.write_str("the file ends here, and the recording does not"),
            Self::Edited => {
                f.write_str("the recording was edited or damaged here or just before: its digest is another one")
            }
            Self::Malformed => f.write_str(
                "no recording of `ragchew run --record` has such a block here; it was edited, or another program wrote it",
            ),
            Self::Format(found, program) => {
                write!(f, "{program} made it in form {found}, and this program reads form {}", super::FORMAT)
            }
            Self::Gap(records, bytes) => write!(
                f,
                "a gap: {records} records with {bytes} bytes were lost while the recording was made; what follows cannot be replayed"
            ),
            Self::Content(error) => write!(f, "{error}"),
            Self::Uncompared => {
                let most = crate::limits::MOST_UNCOMPARED;
                write!(f, "more than {most} datagrams were to be sent here, and the recording names none of them")
            }
            Self::AfterEnd => f.write_str("something follows the end of the recording"),
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

/// What a block says.
pub(super) enum Block<'a> {
    /// Nothing that a replay needs.
    Other,
    Packet(Mark, PacketBody<'a>),
    Note(Note),
}

pub(super) struct Reader<R> {
    input: R,
    block: Vec<u8>,
    chain: Chain,
    /// The block that was read last, and where it begins.
    record: u64,
    offset: u64,
    /// Where the next one begins.
    next: u64,
    begun: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, block: Vec::new(), chain: Chain::default(), record: 0, offset: 0, next: 0, begun: false }
    }

    /// Number of the last block.
    pub(super) fn record(&self) -> u64 {
        self.record
    }

    /// A fault of the last block.
    pub(super) fn stop(&self, fault: Fault) -> Stop {
        Stop { record: self.record, offset: self.offset, fault }
    }

    /// The next block, or nothing at the end of the file.
    pub(super) fn step(&mut self) -> Result<Option<Block<'_>>, Stop> {
        self.record += u64::from(self.begun);
        self.offset = self.next;
        let (record, offset) = (self.record, self.offset);
        let stop = |fault| Stop { record, offset, fault };
        match self.read_block().map_err(stop)? {
            None => Ok(None),
            Some(kind) => self.check(kind).map(Some).map_err(stop),
        }
    }

    /// Reads a block as it stands; its type.
    fn read_block(&mut self) -> Result<Option<u32>, Fault> {
        self.block.clear();
        self.fill(8)?;
        if self.block.is_empty() {
            return Ok(None);
        }
        let kind = word(&self.block, 0).ok_or(Fault::CutOff)?;
        let length = word(&self.block, 4).ok_or(Fault::CutOff)? as usize;
        if (kind == SECTION) == self.begun || !(AROUND..=LONGEST).contains(&length) || length % 4 != 0 {
            return Err(if self.begun { Fault::Edited } else { Fault::Malformed });
        }
        self.fill(length)?;
        if self.block.len() < length {
            return Err(Fault::CutOff);
        }
        if word(&self.block, length - 4) != Some(length as u32) {
            return Err(Fault::Edited);
        }
        self.next += length as u64;
        self.begun = true;
        Ok(Some(kind))
    }

    fn fill(&mut self, length: usize) -> Result<(), Fault> {
        let missing = length.saturating_sub(self.block.len());
        let read = (&mut self.input).take(missing as u64).read_to_end(&mut self.block);
        read.map(drop).map_err(|error| Fault::Unreadable(error.to_string()))
    }

    fn check(&mut self, kind: u32) -> Result<Block<'_>, Fault> {
        let length = self.block.len();
        if let Some(place) = blocks::digest_place(kind, length) {
            let place = self.block.get_mut(place).ok_or(Fault::Malformed)?;
            let told = place.to_vec();
            place.fill(0);
            if self.chain.add(&self.block).as_slice() != told {
                return Err(Fault::Edited);
            }
        } else {
            self.chain.add(&self.block);
        }
        let body = self.block.get(8..length.saturating_sub(4)).ok_or(Fault::Malformed)?;
        match kind {
            SECTION | INTERFACE => Ok(Block::Other),
            PACKET => {
                let packet = blocks::packet_body(body).ok_or(Fault::Malformed)?;
                let (mark, _) = postcard::take_from_bytes(packet.mark).map_err(|_| Fault::Malformed)?;
                Ok(Block::Packet(mark, packet))
            }
            CUSTOM => {
                let note = blocks::custom_body(body).ok_or(Fault::Malformed)?;
                postcard::take_from_bytes(note).map(|(note, _)| Block::Note(note)).map_err(|_| Fault::Malformed)
            }
            _ => Err(Fault::Edited),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
