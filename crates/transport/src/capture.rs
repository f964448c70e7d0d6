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
    /// The clock steps forward by more than [`LONGEST_PAUSE`], and the capture is to be replayed.
    Pause,
    /// The clock goes on for more than [`LONGEST_CAPTURE`] in all, and the capture is to be replayed.
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
            Self::Pause => f.write_str("a pause of more than 24 hours before it, which no replay lives through"),
            Self::TooLate => f.write_str("more than 7 days after the first, which no replay lives through"),
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

    /// The same for a replay, which lives through the time between datagrams: too much of it is a break.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn open_for_replay(path: &Path) -> io::Result<Self> {
        File::open(path).map(|file| Self::read_for_replay(BufReader::new(file)))
    }

    /// Reads record by record until the end or a break. The clock may leap: that of a machine without a battery does so
    /// when it hears the time.
    pub fn read(input: impl Read) -> Self {
        Self::collect(input, |_| Ok(()))
    }

    /// The same for a replay, see [`Capture::open_for_replay`].
    pub fn read_for_replay(input: impl Read) -> Self {
        let mut pace = Pace::default();
        Self::collect(input, |at| pace.step(at))
    }

    fn collect(input: impl Read, step: impl FnMut(Wall) -> Result<(), Fault>) -> Self {
        let mut capture = Self::default();
        capture.broken = capture.fill(input, step).err();
        capture
    }

    fn fill(&mut self, input: impl Read, mut step: impl FnMut(Wall) -> Result<(), Fault>) -> Result<(), Break> {
        let mut records = Records::open(input)?;
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
                    step(datagram.at).map_err(broken)?;
                    self.datagrams.push(datagram);
                }
                Err(Skip::Foreign) => self.skipped.foreign += 1,
                Err(Skip::Fragment) => self.skipped.fragments += 1,
                Err(Skip::Cut) => self.skipped.cut += 1,
            }
        }
    }
}

/// The time that a replay lives through.
#[derive(Default)]
struct Pace {
    last: Option<Wall>,
    passed: Span,
}

impl Pace {
    fn step(&mut self, at: Wall) -> Result<(), Fault> {
        let pause = Span(at.0.saturating_sub(self.last.replace(at).unwrap_or(at).0));
        if pause > LONGEST_PAUSE {
            return Err(Fault::Pause);
        }
        self.passed = Span(self.passed.0.saturating_add(pause.0));
        if self.passed > LONGEST_CAPTURE { Err(Fault::TooLate) } else { Ok(()) }
    }
}
