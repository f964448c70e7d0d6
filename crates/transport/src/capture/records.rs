//! The records of a capture file, one after the other. Owns the window of the file that is in memory, which holds one
//! record at a time; knows nothing of what is in a packet.

use super::{Break, Fault};
use crate::limits::LONGEST_RECORD;
use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::PcapNgParser;
use pcap_file::pcapng::blocks::Block;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};
use ragchew_core::time::Wall;
use std::borrow::Cow;
use std::io::Read;

const PCAP_HEADER: usize = 24;
const PCAP_RECORD_HEADER: usize = 16;
const BLOCK_HEADER: usize = 12;
/// Block type of a section header; reads the same in both byte orders.
const SECTION: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
/// Magic of a section header, big-endian.
const SECTION_BIG: [u8; 4] = [0x1A, 0x2B, 0x3C, 0x4D];
const NANOSECONDS: u128 = 1_000_000_000;

/// One packet.
pub(super) struct Packet<'a> {
    pub(super) at: Wall,
    pub(super) link: DataLink,
    /// Not all of it was captured.
    pub(super) cut: bool,
    pub(super) bytes: Cow<'a, [u8]>,
}

/// What a record is.
pub(super) enum Step<'a> {
    Packet(Packet<'a>),
    /// A packet without a time of its own.
    Untimed,
    /// No packet.
    Other,
    /// The file is over.
    End,
}

enum Format {
    Pcap(PcapParser),
    PcapNg(PcapNgParser),
}

/// Reads one record after the other.
pub(super) struct Records<R> {
    input: R,
    window: Vec<u8>,
    /// Where the next record begins in the window
    start: usize,
    /// and in the file.
    offset: u64,
    record: u64,
    format: Format,
}

impl<R: Read> Records<R> {
    /// Reads the header of the file.
    pub(super) fn open(mut input: R) -> Result<Self, Break> {
        let mut window = Vec::new();
        let begin = |fault| Break { record: 0, offset: 0, fault };
        let (format, taken) = header(&mut input, &mut window).map_err(begin)?;
        Ok(Self { input, window, start: taken, offset: taken as u64, record: 1, format })
    }

    /// Number and place of the next record.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.record, self.offset)
    }

    /// Reads the next record.
    pub(super) fn step(&mut self) -> Result<Step<'_>, Break> {
        let (record, offset) = self.position();
        let broken = |fault| Break { record, offset, fault };
        self.window.drain(..self.start);
        self.start = 0;
        let head = match self.format {
            Format::Pcap(_) => PCAP_RECORD_HEADER,
            Format::PcapNg(_) => BLOCK_HEADER,
        };
        fill(&mut self.input, &mut self.window, head).map_err(broken)?;
        if self.window.is_empty() {
            return Ok(Step::End);
        }
        let length = match &self.format {
            Format::Pcap(parser) => number_at(&self.window, 8, parser.header().endianness).map(|n| n + head as u64),
            Format::PcapNg(parser) => block_length(&self.window, parser.section().endianness),
        };
        let length = bounded(length).map_err(broken)?;
        fill(&mut self.input, &mut self.window, length).map_err(broken)?;
        let bytes = self.window.get(..length).ok_or_else(|| broken(Fault::CutOff))?;
        self.start = length;
        self.offset += length as u64;
        self.record += 1;
        match &mut self.format {
            Format::Pcap(parser) => pcap_packet(parser, bytes),
            Format::PcapNg(parser) => block(parser, bytes),
        }
        .map_err(broken)
    }
}

/// Reads until the window holds `length` bytes or the file is over.
fn fill(input: &mut impl Read, window: &mut Vec<u8>, length: usize) -> Result<(), Fault> {
    let missing = length.saturating_sub(window.len());
    input.take(missing as u64).read_to_end(window).map(drop).map_err(|error| Fault::Unreadable(error.to_string()))
}

fn header(input: &mut impl Read, window: &mut Vec<u8>) -> Result<(Format, usize), Fault> {
    fill(input, window, BLOCK_HEADER)?;
    if window.starts_with(&SECTION) {
        let length = bounded(block_length(window, Endianness::Big))?;
        fill(input, window, length)?;
        let (_, parser) = PcapNgParser::new(window).map_err(fault)?;
        return Ok((Format::PcapNg(parser), length));
    }
    fill(input, window, PCAP_HEADER)?;
    match PcapParser::new(window) {
        Ok((_, parser)) => Ok((Format::Pcap(parser), PCAP_HEADER)),
        Err(PcapError::IncompleteBuffer) => Err(Fault::CutOff),
        Err(_) => Err(Fault::Unknown),
    }
}

fn bounded(length: Option<u64>) -> Result<usize, Fault> {
    let length = length.ok_or(Fault::CutOff)?;
    match usize::try_from(length) {
        Ok(short) if short <= LONGEST_RECORD => Ok(short),
        _ => Err(Fault::TooLong(length)),
    }
}

fn number_at(bytes: &[u8], at: usize, order: Endianness) -> Option<u64> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u64::from(match order {
        Endianness::Big => u32::from_be_bytes(*field),
        Endianness::Little => u32::from_le_bytes(*field),
    }))
}

/// Length of a pcapng block; a section header brings its own byte order.
fn block_length(bytes: &[u8], order: Endianness) -> Option<u64> {
    let magic = bytes.get(8..12)?;
    let order = match (bytes.starts_with(&SECTION), magic == SECTION_BIG) {
        (false, _) => order,
        (true, true) => Endianness::Big,
        (true, false) => Endianness::Little,
    };
    // The parser asks for more of a block that is shorter than its frame, for ever.
    number_at(bytes, 4, order).map(|length| length.max(BLOCK_HEADER as u64))
}

fn pcap_packet<'a>(parser: &PcapParser, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
    let (_, raw) = parser.next_raw_packet(bytes).map_err(fault)?;
    let unit = match parser.header().ts_resolution {
        TsResolution::MicroSecond => 1_000,
        TsResolution::NanoSecond => 1,
    };
    let fraction = u64::from(raw.ts_frac) * unit;
    if u128::from(fraction) >= NANOSECONDS {
        return Err(Fault::Malformed("its time has more than a second of fraction".to_owned()));
    }
    let at = Wall(u64::from(raw.ts_sec) * NANOSECONDS as u64 + fraction);
    let cut = raw.incl_len < raw.orig_len;
    Ok(Step::Packet(Packet { at, link: parser.header().datalink, cut, bytes: raw.data }))
}

fn block<'a>(parser: &mut PcapNgParser, bytes: &'a [u8]) -> Result<Step<'a>, Fault> {
    let (_, block) = parser.next_block(bytes).map_err(fault)?;
    match block {
        Block::EnhancedPacket(packet) => {
            let interface = parser.packet_interface(&packet).ok_or_else(|| {
                Fault::Malformed(format!("it names interface {}, which is not described", packet.interface_id))
            })?;
            // The parser gives the units of the interface as if they were nanoseconds.
            let at = nanoseconds(packet.timestamp.as_nanos(), interface)
                .ok_or_else(|| Fault::Malformed("its interface has a time unit that is no time".to_owned()))?;
            let cut = (packet.data.len() as u64) < u64::from(packet.original_len);
            Ok(Step::Packet(Packet { at, link: interface.linktype, cut, bytes: packet.data }))
        }
        Block::SimplePacket(_) | Block::Packet(_) => Ok(Step::Untimed),
        _ => Ok(Step::Other),
    }
}

/// The time of a packet from the units of its interface: microseconds unless that says otherwise.
fn nanoseconds(units: u128, interface: &InterfaceDescriptionBlock<'_>) -> Option<Wall> {
    let (mut per_second, mut offset) = (1_000_000u128, 0);
    for option in &interface.options {
        match *option {
            InterfaceDescriptionOption::IfTsResol(resolution) => {
                let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
                per_second = base.checked_pow(u32::from(resolution & 0x7F))?;
            }
            InterfaceDescriptionOption::IfTsOffset(seconds) => offset = i128::from(seconds as i64),
            _ => {}
        }
    }
    let fine = i128::try_from(units.checked_mul(NANOSECONDS)? / per_second).ok()?;
    u64::try_from(fine + offset * NANOSECONDS as i128).ok().map(Wall)
}

fn fault(error: PcapError) -> Fault {
    match error {
        // The whole record was there, so that what is missing is missing inside it.
        PcapError::IncompleteBuffer => Fault::Malformed("a field reaches beyond its end".to_owned()),
        error => Fault::Malformed(error.to_string()),
    }
}
