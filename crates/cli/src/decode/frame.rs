//! A burst on its way, whatever protocol carries it, and the words for what it is and whom it is for.

use super::Lens;
use super::bridge::Origin;
use super::entry::{Entry, Wire};
use super::lc;
use ragchew_core::dmr::{Burst, Csbk, CsbkOpcode, DataFormat, DataHeader, bptc, trellis34};
use ragchew_core::time::Wall;
use ragchew_core::wire::hbp::{BurstIndex, DmrdView, FrameKind};
use serde_json::{Value, json};

/// One burst of one datagram.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) at: Wall,
    pub(super) wire: Wire,
    pub(super) view: DmrdView<'a>,
    /// What a link between servers adds.
    pub(super) origin: Option<Origin>,
}

impl Frame<'_> {
    pub(super) fn burst(&self) -> Burst {
        Burst(*self.view.burst())
    }
}

/// `2345200 to TG 3100, slot 2`.
pub(super) fn addressing(view: &DmrdView<'_>) -> String {
    let kind = if view.is_unit() { "radio" } else { "TG" };
    format!("{} to {kind} {}, slot {}", view.source(), view.destination_raw(), view.slot())
}

/// The same as fields.
pub(super) fn with_addressing(entry: Entry, view: &DmrdView<'_>) -> Entry {
    entry
        .with("stream", format!("{:08x}", view.stream().0))
        .with("slot", view.slot().number())
        .with("source", view.source().0)
        .with("destination", view.destination_raw())
        .with("private", view.is_unit())
}

/// What a burst is, in words.
pub(super) fn kind_name(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::PiHeader => "PI header",
        FrameKind::VoiceHeader => "voice header",
        FrameKind::Terminator => "terminator",
        FrameKind::Csbk => "CSBK",
        FrameKind::MbcHeader => "MBC header",
        FrameKind::MbcContinuation => "MBC continuation",
        FrameKind::DataHeader => "data header",
        FrameKind::Rate12 => "rate 1/2 block",
        FrameKind::Rate34 => "rate 3/4 block",
        FrameKind::Idle => "idle",
        FrameKind::Rate1 => "rate 1 block",
        FrameKind::Reserved(_) => "reserved data type",
        FrameKind::Voice(BurstIndex::A) => "voice A",
        FrameKind::Voice(BurstIndex::B) => "voice B",
        FrameKind::Voice(BurstIndex::C) => "voice C",
        FrameKind::Voice(BurstIndex::D) => "voice D",
        FrameKind::Voice(BurstIndex::E) => "voice E",
        FrameKind::Voice(BurstIndex::F) => "voice F",
        FrameKind::Invalid => "invalid frame type",
    }
}

/// What a CSBK says.
pub(super) fn csbk_words(csbk: Csbk) -> String {
    let words = match csbk.opcode() {
        CsbkOpcode::UnitVoiceRequest => "unit voice request".to_owned(),
        CsbkOpcode::UnitVoiceAnswer => "unit voice answer".to_owned(),
        CsbkOpcode::Nack => "negative acknowledgement".to_owned(),
        CsbkOpcode::DownlinkActivate => "downlink activation".to_owned(),
        CsbkOpcode::Preamble => {
            format!("preamble, {} follow", if csbk.preamble_data_follows() { "data" } else { "CSBKs" })
        }
        CsbkOpcode::Other(opcode) => format!("opcode {opcode:#04x}, feature set {:#04x}", csbk.fid()),
    };
    if csbk.protected() { format!("{words}, enciphered") } else { words }
}

/// What a data header says.
pub(super) fn header_words(header: DataHeader) -> String {
    let format = match header.format() {
        DataFormat::Unified => "unified transport".to_owned(),
        DataFormat::Response => "response".to_owned(),
        DataFormat::Unconfirmed => "unconfirmed".to_owned(),
        DataFormat::Confirmed => "confirmed".to_owned(),
        DataFormat::ShortDefined => "short, defined".to_owned(),
        DataFormat::ShortRaw => "short, raw or status".to_owned(),
        DataFormat::Proprietary => "proprietary".to_owned(),
        DataFormat::Other(format) => format!("format {format}"),
    };
    if header.format() == DataFormat::Proprietary {
        return format;
    }
    let blocks = header.blocks_to_follow().map_or_else(String::new, |n| format!(", {n} blocks"));
    let answer = if header.response_requested() { ", response requested" } else { "" };
    format!("{format}, SAP {}{blocks}{answer}", header.sap())
}

/// What a data block holds, if its code can be read; `None` for bursts that are no block.
pub(super) fn block(kind: FrameKind, burst: &Burst) -> Option<Option<Vec<u8>>> {
    match kind {
        FrameKind::Rate12 => Some(bptc::decode(burst.info()).ok().map(|block| block.to_vec())),
        FrameKind::Rate34 => Some(trellis34::decode(burst.info()).ok().map(|block| block.to_vec())),
        _ => None,
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One line for one burst, what it holds included.
pub(super) fn message(frame: &Frame<'_>, lens: &Lens) -> Entry {
    let (view, burst) = (&frame.view, frame.burst());
    let (holds, field) = contents(view, &burst);
    let origin = frame.origin.map_or_else(String::new, |origin| format!("; {}", origin.words(frame.at, lens)));
    let words = format!(
        "{} #{} of {:08x}, {}{holds}{origin}",
        kind_name(view.kind()),
        view.seq(),
        view.stream().0,
        addressing(view)
    );
    let entry = Entry::new(frame.at, frame.wire.clone(), "burst", words)
        .with("seq", view.seq())
        .with("kind", kind_name(view.kind()))
        .with("id", view.client().0);
    let mut entry = with_addressing(entry, view);
    if let Some(origin) = frame.origin {
        entry.fields.insert("bridge".into(), origin.fields(frame.at));
    }
    entry.fields.extend(field.map(|(name, value)| (name.to_owned(), value)));
    entry
}

/// What a burst holds, in words after a colon and as a field.
fn contents(view: &DmrdView<'_>, burst: &Burst) -> (String, Option<(&'static str, Value)>) {
    match view.kind() {
        kind @ (FrameKind::Rate12 | FrameKind::Rate34) => match block(kind, burst).flatten() {
            Some(bytes) => (format!(": {}", hex(&bytes)), Some(("block", hex(&bytes).into()))),
            None => (": unreadable".to_owned(), Some(("block", Value::Null))),
        },
        FrameKind::Csbk => match Csbk::decode(burst.info()) {
            Ok(csbk) => (format!(": {}", csbk_words(csbk)), Some(("csbk", csbk_words(csbk).into()))),
            Err(why) => (format!(": {why}"), None),
        },
        FrameKind::DataHeader => match DataHeader::decode(burst.info()) {
            Ok(header) => (format!(": {}", header_words(header)), Some(("header", header_words(header).into()))),
            Err(why) => (format!(": {why}"), None),
        },
        FrameKind::VoiceHeader | FrameKind::Terminator => match lc::full(view.kind(), burst) {
            Some((lc, corrected)) => {
                let words = lc::words(lc);
                (format!(": {words}"), Some(("lc", json!({ "words": words, "corrected": corrected }))))
            }
            None => (": LC unreadable".to_owned(), None),
        },
        _ => (String::new(), None),
    }
}
