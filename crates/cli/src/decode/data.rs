//! A data call put together from CSBKs, headers and blocks, whose streams differ within one call. Counts blocks; shows what
//! they hold only message by message. Source: `wire.md` 5.10, 5.11, 6 (trap 11).

use super::bridge::Journey;
use super::entry::{Entry, count};
use super::flow::Flow;
use super::frame::{self, Frame};
use crate::limits::TOLD_LIST;
use ragchew_core::dmr::{Csbk, DataFormat, DataHeader};
use ragchew_core::id::StreamId;
use ragchew_core::time::Wall;
use ragchew_core::wire::hbp::{Dmrd, FrameKind};
use serde_json::json;
use std::collections::BTreeMap;

/// A call that goes on.
#[derive(Debug)]
pub(super) struct DataCall {
    entry: Entry,
    first: Dmrd,
    last: Wall,
    stream: StreamId,
    flow: Flow,
    csbks: BTreeMap<String, u64>,
    headers: Vec<String>,
    /// CSBKs and headers that found no place in the two.
    unlisted: u64,
    expected: Option<u8>,
    blocks: BTreeMap<&'static str, u64>,
    unreadable: u64,
    colour_codes: std::collections::BTreeSet<u8>,
    journey: Option<Journey>,
}

impl DataCall {
    pub(super) fn begin(frame: &Frame<'_>) -> Self {
        let entry = Entry::new(frame.at, frame.wire.clone(), "data", "");
        let mut call = Self {
            entry: frame::with_addressing(entry, &frame.view),
            first: frame.view.into(),
            last: frame.at,
            stream: frame.view.stream(),
            flow: Flow::default(),
            csbks: BTreeMap::new(),
            headers: Vec::new(),
            unlisted: 0,
            expected: None,
            blocks: BTreeMap::new(),
            unreadable: 0,
            colour_codes: Default::default(),
            journey: frame.origin.map(Journey::new),
        };
        call.take(frame);
        call
    }

    pub(super) fn last(&self) -> Wall {
        self.last
    }

    pub(super) fn take(&mut self, frame: &Frame<'_>) {
        self.last = frame.at;
        if let (Some(journey), Some(origin)) = (&mut self.journey, frame.origin) {
            journey.take(origin, frame.at);
        }
        if frame.view.stream() != self.stream {
            self.stream = frame.view.stream();
            self.flow.new_stream();
        }
        if !self.flow.take(frame.view.seq(), frame.at) {
            return;
        }
        let (kind, burst) = (frame.view.kind(), frame.burst());
        self.colour_codes.extend(burst.slot_type().ok().map(|slot_type| slot_type.colour_code.get()));
        match kind {
            FrameKind::Csbk => match Csbk::decode(burst.info()) {
                Ok(csbk) => self.csbk(frame::csbk_words(csbk)),
                Err(_) => self.unreadable += 1,
            },
            FrameKind::DataHeader => match DataHeader::decode(burst.info()) {
                Ok(header) => {
                    let blocks = header.blocks_to_follow().filter(|_| header.format() != DataFormat::Proprietary);
                    self.expected = self.expected.or(blocks);
                    match self.headers.len() < TOLD_LIST {
                        true => self.headers.push(frame::header_words(header)),
                        false => self.unlisted += 1,
                    }
                }
                Err(_) => self.unreadable += 1,
            },
            _ => {
                *self.blocks.entry(frame::kind_name(kind)).or_default() += 1;
                self.unreadable += u64::from(frame::block(kind, &burst) == Some(None));
            }
        }
    }

    fn csbk(&mut self, words: String) {
        let full = self.csbks.len() >= TOLD_LIST;
        match self.csbks.get_mut(&words) {
            Some(times) => *times += 1,
            None if full => self.unlisted += 1,
            None => drop(self.csbks.insert(words, 1)),
        }
    }

    /// The call as it was.
    pub(super) fn finish(mut self) -> Entry {
        let duration = self.last.0.saturating_sub(self.entry.at.0);
        let kind = if self.first.unit { "radio" } else { "TG" };
        let got: u64 = self.blocks.values().sum();
        let word = if self.headers.is_empty() && got == 0 { "control" } else { "data" };
        self.entry.headline = format!(
            "{word} {} to {kind} {}, slot {}, {}.{:02} s, {}, {}",
            self.first.source,
            self.first.destination,
            self.first.slot,
            duration / 1_000_000_000,
            duration / 10_000_000 % 100,
            count(self.flow.frames, "frame"),
            self.flow.order(),
        );
        let details = &mut self.entry.details;
        details.push(format!(
            "from {} to {}, first stream {:08x}",
            self.entry.wire.from, self.entry.wire.to, self.first.stream.0
        ));
        details.extend(self.csbks.iter().map(|(words, times)| format!("CSBK: {words}; {}", count(*times, "time"))));
        details.extend(self.headers.iter().map(|words| format!("header: {words}")));
        details.extend((self.unlisted > 0).then(|| format!("and {} more CSBKs and headers", self.unlisted)));
        details.extend(self.blocks.iter().map(|(name, times)| format!("{times} of {name}")));
        details.extend(self.flow.rhythm());
        let flags = &mut self.entry.flags;
        flags.extend(self.flow.fault());
        if self.unreadable > 0 {
            flags.push(format!("{} unreadable", count(self.unreadable, "burst")));
        }
        if let Some(expected) = self.expected.filter(|expected| u64::from(*expected) != got) {
            flags.push(format!("{expected} blocks announced, {got} came"));
        }
        self.fill(duration, got);
        self.entry
    }

    fn fill(&mut self, duration: u64, got: u64) {
        self.flow.fields(&mut self.entry.fields);
        let more = [
            ("duration_ms", super::entry::json_millis(duration)),
            ("csbks", json!(self.csbks)),
            ("data_headers", json!(self.headers)),
            ("blocks", json!(self.blocks)),
            ("blocks_received", got.into()),
            ("blocks_announced", self.expected.into()),
            ("unreadable", self.unreadable.into()),
            ("colour_codes", self.colour_codes.iter().copied().collect::<Vec<_>>().into()),
        ];
        self.entry.fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
        if let Some(journey) = self.journey.take() {
            journey.finish(&mut self.entry);
        }
    }
}
