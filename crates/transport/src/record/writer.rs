//! The thread that writes a recording. Owns the file; a write that fails ends the recording, once and by name, and nothing
//! else. What it is told is made into packets and notes here, off the reactor. Source: design §4.

use super::blocks::{Builder, Packet};
use super::mask::mask;
use super::tape::{Entry, Reel, entries};
use super::{FORMAT, Mark, Note};
use crate::limits::PART;
use blake2::{Blake2s256, Digest};
use etherparse::PacketBuilder;
use ragchew_core::net::{LocalIp, SocketId};
use ragchew_core::{Now, Snapshot};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Nobody but the owner may read what people said.
const MODE: u32 = 0o600;
const TTL: u8 = 64;

/// What a recording begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Name and version of the recording program.
    pub program: String,
    /// The moment of the snapshot.
    pub now: Now,
    /// The state of the core at that moment.
    pub snapshot: Snapshot,
    /// The sockets that are open.
    pub sockets: Vec<(SocketId, SocketAddr)>,
}

/// Creates the file of a recording, readable by its owner only. A device is written to as it is.
///
/// # Errors
/// There is a file of that name, or none can be made.
pub fn create(path: &Path) -> io::Result<File> {
    let device = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_char_device());
    if device {
        return OpenOptions::new().write(true).open(path);
    }
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

/// The end of a recording that writes.
pub struct Writer {
    out: BufWriter<File>,
    begin: Begin,
    reel: Reel,
    blocks: Builder,
    sockets: Vec<(SocketId, SocketAddr)>,
    masked: Vec<u8>,
    packet: Vec<u8>,
    inputs: u64,
    sent: u64,
}

impl Writer {
    pub(super) fn new(file: File, begin: Begin, reel: Reel) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 16, file),
            begin,
            reel,
            blocks: Builder::default(),
            sockets: Vec::new(),
            masked: Vec::new(),
            packet: Vec::new(),
            inputs: 0,
            sent: 0,
        }
    }

    fn write_beginning(&mut self) -> io::Result<()> {
        let Begin { program, now, snapshot, sockets } = self.begin.clone();
        self.out.write_all(self.blocks.section(&program))?;
        for (id, address) in sockets {
            self.socket(id, address)?;
        }
        let bytes = snapshot.as_bytes();
        let (snapshot_bytes, mono, wall) = (bytes.len() as u64, now.mono.0, now.wall.0);
        self.note(&Note::Begin { format: FORMAT, program, snapshot_bytes, mono, wall })?;
        self.parts(bytes)?;
        self.out.flush()
    }

    /// Writes until the reactor is gone.
    ///
    /// # Errors
    /// The first write that failed; the recording ends there.
    pub fn run(mut self) -> io::Result<()> {
        self.write_beginning()?;
        while let Ok(mut chunk) = self.reel.full.recv() {
            for (entry, bytes) in entries(&chunk) {
                self.write(&entry, bytes)?;
            }
            chunk.clear();
            // There is a place for each buffer.
            let _ = self.reel.empty.try_send(chunk);
            if self.reel.full.is_empty() {
                self.out.flush()?;
            }
        }
        let (records, bytes) = self.reel.unsaid.get();
        if records > 0 {
            self.note(&Note::Gap { records, bytes })?;
        }
        let (inputs, sent) = (self.inputs, self.sent);
        self.note(&Note::End { inputs, sent })?;
        self.out.flush()
    }

    fn write(&mut self, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        let input = !matches!(entry, Entry::Sent { .. } | Entry::Socket { .. } | Entry::Gap { .. });
        self.inputs += u64::from(input);
        match *entry {
            Entry::Came { mark, wall } => self.packet(&mark, wall, true, bytes),
            Entry::Sent { mark, wall } => {
                self.sent += 1;
                self.packet(&mark, wall, false, bytes)
            }
            Entry::Deadline { mono, wall } => self.note(&Note::Deadline { mono, wall }),
            Entry::Control { mono, wall, request } => self.note(&Note::Control { mono, wall, request }),
            Entry::Drain { mono, wall } => self.note(&Note::Drain { mono, wall }),
            Entry::Gap { records, bytes } => self.note(&Note::Gap { records, bytes }),
            Entry::Socket { id, address } => self.socket(id, address),
            Entry::Replace { mono, wall } => {
                let digest = Blake2s256::digest(bytes).into();
                self.note(&Note::Replace { mono, wall, digest, config_bytes: bytes.len() as u64 })?;
                self.parts(bytes)
            }
        }
    }

    fn note(&mut self, note: &Note) -> io::Result<()> {
        let note = postcard::to_allocvec(note).map_err(io::Error::other)?;
        self.out.write_all(self.blocks.custom(&note))
    }

    fn parts(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(PART).try_for_each(|part| self.note(&Note::Part { bytes: part.to_vec() }))
    }

    fn socket(&mut self, id: SocketId, address: SocketAddr) -> io::Result<()> {
        self.sockets.push((id, address));
        self.out.write_all(self.blocks.interface(&format!("socket {} on UDP {address}", id.0)))
    }

    fn packet(&mut self, mark: &Mark, wall: u64, inbound: bool, bytes: &[u8]) -> io::Result<()> {
        if inbound {
            mask(bytes, &mut self.masked);
        } else {
            self.masked.clear();
            self.masked.extend_from_slice(bytes);
        }
        let known = self.sockets.iter().rposition(|(id, _)| *id == mark.path.socket);
        let interface = match known {
            Some(interface) => interface,
            None => {
                // A wish to send from a socket that is closed by now.
                self.socket(mark.path.socket, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
                self.sockets.len() - 1
            }
        };
        let bound = self.sockets.get(interface).map_or(SocketAddr::from(([0; 4], 0)), |(_, address)| *address);
        let local = SocketAddr::new(address_of(mark.path.local, bound.ip()), bound.port());
        let (from, to) = if inbound { (mark.path.remote, local) } else { (local, mark.path.remote) };
        self.packet.clear();
        wrap(from, to, &self.masked, &mut self.packet)?;
        let mut buffer = [0; 192];
        let encoded = postcard::to_slice(mark, &mut buffer).map_err(io::Error::other)?;
        let comment = mark.witness.and_then(|witness| witness.right);
        let comment = comment.map(|right| if right { "the passphrase was right" } else { "the passphrase was wrong" });
        let packet = Packet { interface: interface as u32, wall, inbound, bytes: &self.packet, comment, mark: encoded };
        self.out.write_all(self.blocks.packet(&packet))
    }
}

fn address_of(local: LocalIp, bound: IpAddr) -> IpAddr {
    match local {
        LocalIp::V4(address) => address.into(),
        LocalIp::V6 { address, .. } => address.into(),
        LocalIp::Unknown => bound,
    }
}

/// IP and UDP around `payload`, as they may have been on the way. An address of the wrong family, which only a socket that
/// is closed can have, becomes the unspecified one.
fn wrap(from: SocketAddr, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let v4 = from.is_ipv4() && to.is_ipv4();
    let builder = if v4 {
        let octets = |address: SocketAddr| match address.ip() {
            IpAddr::V4(v4) => v4.octets(),
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
        };
        PacketBuilder::ipv4(octets(from), octets(to), TTL)
    } else {
        let octets = |address: SocketAddr| match address.ip() {
            IpAddr::V6(v6) => v6.octets(),
            IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED.octets(),
        };
        PacketBuilder::ipv6(octets(from), octets(to), TTL)
    };
    builder.udp(from.port(), to.port()).write(out, payload).map_err(io::Error::other)
}
