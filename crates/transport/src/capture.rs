//! Reads recorded traffic: pcap and pcapng files, over Ethernet, Linux cooked, loopback or bare IP, into the UDP datagrams
//! in them. Owns no socket and sends nothing. A file that breaks off or is damaged gives what lies before the break, and
//! the break's name. Source: design §9; the pcap and pcapng formats of `draft-ietf-opsawg-pcap` and `-pcapng`.

mod link;
mod records;

use link::Skip;
use ragchew_core::time::{Span, Wall};
use records::{Records, Step};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;

pub use crate::limits::{LONGEST_CAPTURE, LONGEST_PAUSE, LONGEST_RECORD, MOST_DATAGRAMS};

/// One UDP datagram as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Nanoseconds since 1970 by the clock of whoever captured it; may step back.
    pub at: Wall,
    /// Who sent it; never a v4-mapped IPv6 address.
    pub source: SocketAddr,
    /// Who got it; never a v4-mapped IPv6 address.
    pub destination: SocketAddr,
    /// Its bytes.
    pub payload: Box<[u8]>,
}

/// Records that hold no datagram which could be replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not UDP over IP, a link layer that is not known, or without a time.
    pub foreign: u64,
    /// Fragments of IP packets.
    pub fragments: u64,
    /// Cut by the capturing program's limit of bytes per packet.
    pub cut: u64,
}

/// Where and why a file could not be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Which record: the file header is 0, the first packet of a pcap or the second block of a pcapng is 1.
    pub record: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file ends in the middle of it.
    CutOff,
    /// Neither a pcap nor a pcapng file.
    Unknown,
    /// It says that it is longer than [`LONGEST_RECORD`]: this many bytes.
    TooLong(u64),
    /// It contradicts the format.
    Malformed(String),
    /// There are more than [`MOST_DATAGRAMS`].
    TooMany,
    /// The clock steps forward by more than [`LONGEST_PAUSE`].
    Pause,
    /// The clock goes on for more than [`LONGEST_CAPTURE`] in all.
    TooLate,
    /// The system could not read the file.
    Unreadable(String),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} at byte {}: {}", self.record, self.offset, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("the file ends in the middle of it"),
            Self::Unknown => f.write_str("neither a pcap nor a pcapng file"),
            Self::TooLong(length) => write!(f, "{length} bytes, and at most {LONGEST_RECORD} are read"),
            Self::Malformed(why) => f.write_str(why),
            Self::TooMany => write!(f, "more than {MOST_DATAGRAMS} datagrams"),
            Self::Pause => f.write_str("a pause of more than 24 hours before it"),
            Self::TooLate => f.write_str("more than 7 days after the first"),
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Break {}

/// The datagrams of a capture, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// What could be read.
    pub datagrams: Vec<Datagram>,
    /// What was left out.
    pub skipped: Skipped,
    /// Where reading ended, when that was not the end of the file.
    pub broken: Option<Break>,
}

impl Capture {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Those of opening it; what is wrong inside is a [`Break`].
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(|file| Self::read(BufReader::new(file)))
    }

    /// Reads record by record until the end or a break.
    pub fn read(input: impl Read) -> Self {
        let mut capture = Self::default();
        capture.broken = capture.fill(input).err();
        capture
    }

    fn fill(&mut self, input: impl Read) -> Result<(), Break> {
        let mut records = Records::open(input)?;
        let mut passed = Span(0);
        loop {
            let (record, offset) = records.position();
            let broken = |fault| Break { record, offset, fault };
            let packet = match records.step()? {
                Step::Packet(packet) => packet,
                Step::Untimed => {
                    self.skipped.foreign += 1;
                    continue;
                }
                Step::Other => continue,
                Step::End => return Ok(()),
            };
            match link::datagram(packet) {
                Ok(_) if self.datagrams.len() >= MOST_DATAGRAMS => return Err(broken(Fault::TooMany)),
                Ok(datagram) => {
                    let before = self.datagrams.last().map_or(datagram.at, |last| last.at);
                    let pause = Span(datagram.at.0.saturating_sub(before.0));
                    if pause > LONGEST_PAUSE {
                        return Err(broken(Fault::Pause));
                    }
                    passed = Span(passed.0.saturating_add(pause.0));
                    if passed > LONGEST_CAPTURE {
                        return Err(broken(Fault::TooLate));
                    }
                    self.datagrams.push(datagram);
                }
                Err(Skip::Foreign) => self.skipped.foreign += 1,
                Err(Skip::Fragment) => self.skipped.fragments += 1,
                Err(Skip::Cut) => self.skipped.cut += 1,
            }
        }
    }
}
