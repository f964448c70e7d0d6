//! The blocks of a recording: pcapng, little-endian, with a digest in each of ours that covers everything before it. Owns
//! the bytes on the disk; knows nothing of the core. Source: `draft-ietf-opsawg-pcapng`.
//!
//! Packets are enhanced packet blocks over LINKTYPE_RAW, one interface per socket, whose last option is a custom one
//! (2989): the enterprise number, the mark, zeros up to four octets, the digest. Everything else is a custom block (0xBAD):
//! the enterprise number, the magic, the note, zeros up to four octets, the digest.

use crate::limits::PART;
use blake2::{Blake2s256, Digest};

/// Section header, interface description, enhanced packet, custom block.
pub(super) const SECTION: u32 = 0x0A0D_0D0A;
pub(super) const INTERFACE: u32 = 1;
pub(super) const PACKET: u32 = 6;
pub(super) const CUSTOM: u32 = 0x0BAD;

/// The enterprise number that is reserved for examples (RFC 5612): we have none of our own.
pub(super) const ENTERPRISE: [u8; 4] = 32_473u32.to_le_bytes();
/// What our custom blocks begin with behind that number, which others may use too.
pub(super) const MAGIC: [u8; 8] = *b"ragchew\0";

const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const LINKTYPE_RAW: u16 = 101;
const OPTION_END: [u8; 4] = [0; 4];
const OPTION_COMMENT: u16 = 1;
const OPTION_NAME: u16 = 2;
const OPTION_FLAGS: u16 = 2;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_CUSTOM: u16 = 2989;

/// Octets of a digest in a block.
pub(super) const DIGEST: usize = 8;
/// Octets of a block around its body: type, length, and the length again.
pub(super) const AROUND: usize = 12;
/// Octets of the longest block: a part of a snapshot and what stands around it.
pub(super) const LONGEST: usize = PART + 4_096;

/// The digest of everything so far.
#[derive(Clone, Default)]
pub(super) struct Chain([u8; 32]);

impl Chain {
    /// Adds a block, with zeros in the place of its digest; the digest.
    pub(super) fn add(&mut self, block: &[u8]) -> [u8; DIGEST] {
        self.0 = Blake2s256::new().chain_update(self.0).chain_update(block).finalize().into();
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

/// Where in a block of this type and length the digest stands.
pub(super) fn digest_place(kind: u32, length: usize) -> Option<std::ops::Range<usize>> {
    let behind = match kind {
        PACKET => 4 + OPTION_END.len(),
        CUSTOM => 4,
        _ => return None,
    };
    let end = length.checked_sub(behind)?;
    Some(end.checked_sub(DIGEST)?..end)
}

/// Builds one block after the other in the same memory.
#[derive(Default)]
pub(super) struct Builder {
    block: Vec<u8>,
    chain: Chain,
}

/// A packet.
pub(super) struct Packet<'a> {
    pub(super) interface: u32,
    pub(super) wall: u64,
    pub(super) inbound: bool,
    /// IP, UDP and what it carries.
    pub(super) bytes: &'a [u8],
    /// For people.
    pub(super) comment: Option<&'a str>,
    /// For us.
    pub(super) mark: &'a [u8],
}

impl Builder {
    /// The section header.
    pub(super) fn section(&mut self, application: &str) -> &[u8] {
        self.begin(SECTION);
        self.block.extend(BYTE_ORDER.to_le_bytes());
        self.block.extend([1, 0, 0, 0]);
        self.block.extend(u64::MAX.to_le_bytes());
        self.option(OPTION_USER_APPLICATION, application.as_bytes());
        self.block.extend(OPTION_END);
        self.end(SECTION)
    }

    /// An interface whose times are nanoseconds.
    pub(super) fn interface(&mut self, name: &str) -> &[u8] {
        self.begin(INTERFACE);
        self.block.extend(LINKTYPE_RAW.to_le_bytes());
        self.block.extend([0; 6]);
        self.option(OPTION_NAME, name.as_bytes());
        self.option(OPTION_RESOLUTION, &[9]);
        self.block.extend(OPTION_END);
        self.end(INTERFACE)
    }

    /// A packet with its mark.
    pub(super) fn packet(&mut self, packet: &Packet<'_>) -> &[u8] {
        self.begin(PACKET);
        let length = (packet.bytes.len() as u32).to_le_bytes();
        self.block.extend(packet.interface.to_le_bytes());
        self.block.extend(((packet.wall >> 32) as u32).to_le_bytes());
        self.block.extend((packet.wall as u32).to_le_bytes());
        self.block.extend(length);
        self.block.extend(length);
        self.block.extend_from_slice(packet.bytes);
        self.pad();
        self.option(OPTION_FLAGS, &(if packet.inbound { 1u32 } else { 2 }).to_le_bytes());
        if let Some(comment) = packet.comment {
            self.option(OPTION_COMMENT, comment.as_bytes());
        }
        let padded = packet.mark.len().next_multiple_of(4);
        self.block.extend(OPTION_CUSTOM.to_le_bytes());
        self.block.extend(((ENTERPRISE.len() + padded + DIGEST) as u16).to_le_bytes());
        self.block.extend(ENTERPRISE);
        self.block.extend_from_slice(packet.mark);
        self.pad();
        self.block.extend([0; DIGEST]);
        self.block.extend(OPTION_END);
        self.end(PACKET)
    }

    /// A block of our own.
    pub(super) fn custom(&mut self, note: &[u8]) -> &[u8] {
        self.begin(CUSTOM);
        self.block.extend(ENTERPRISE);
        self.block.extend(MAGIC);
        self.block.extend_from_slice(note);
        self.pad();
        self.block.extend([0; DIGEST]);
        self.end(CUSTOM)
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.block.extend(kind.to_le_bytes());
        self.block.extend([0; 4]);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..value.len().min(1_024)).unwrap_or_default();
        self.block.extend(code.to_le_bytes());
        self.block.extend((value.len() as u16).to_le_bytes());
        self.block.extend_from_slice(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn end(&mut self, kind: u32) -> &[u8] {
        let length = ((self.block.len() + 4) as u32).to_le_bytes();
        self.block.extend(length);
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&length);
        }
        let digest = self.chain.add(&self.block);
        if let Some(place) = digest_place(kind, self.block.len()).and_then(|place| self.block.get_mut(place)) {
            place.copy_from_slice(&digest);
        }
        &self.block
    }
}

/// What stands in a packet block.
pub(super) struct PacketBody<'a> {
    pub(super) wall: u64,
    pub(super) inbound: bool,
    pub(super) bytes: &'a [u8],
    pub(super) mark: &'a [u8],
}

/// Reads the body of a packet block that we wrote.
pub(super) fn packet_body(body: &[u8]) -> Option<PacketBody<'_>> {
    let (_interface, rest) = word(body)?;
    let (high, rest) = word(rest)?;
    let (low, rest) = word(rest)?;
    let (length, rest) = word(rest)?;
    let (original, rest) = word(rest)?;
    if original != length {
        return None;
    }
    let (bytes, _) = rest.split_at_checked(length as usize)?;
    let (_, mut options) = rest.split_at_checked((length as usize).next_multiple_of(4))?;
    let (mut inbound, mut mark) = (None, None);
    while let Some((head, rest)) = options.split_first_chunk::<4>() {
        let [a, b, c, d] = *head;
        let (code, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        let (value, _) = rest.split_at_checked(length)?;
        match code {
            OPTION_FLAGS => inbound = Some(value.first()? & 3 == 1),
            OPTION_CUSTOM => mark = Some(value.strip_prefix(&ENTERPRISE)?.split_last_chunk::<DIGEST>()?.0),
            _ => {}
        }
        options = rest.get(length.next_multiple_of(4)..)?;
    }
    let wall = u64::from(high) << 32 | u64::from(low);
    Some(PacketBody { wall, inbound: inbound?, bytes, mark: mark? })
}

/// Reads the note in the body of a custom block; none when it is not one of ours.
pub(super) fn custom_body(body: &[u8]) -> Option<&[u8]> {
    Some(body.strip_prefix(&ENTERPRISE)?.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST>()?.0)
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*word), rest))
}
