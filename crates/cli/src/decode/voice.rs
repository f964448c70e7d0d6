//! A voice call put together from its bursts: who, whom, how long, how complete, and what its codes and its embedded LC say.
//! Never touches the voice itself. Source: `wire.md` 1.7, 5.

use super::Lens;
use super::bridge::Journey;
use super::entry::{Entry, Few, count};
use super::flow::Flow;
use super::frame::{self, Frame};
use super::lc;
use crate::limits::TOLD_LIST;
use ragchew_core::dmr::{Flco, GpsInfo, LinkControl, TalkerAliasAssembler};
use ragchew_core::id::ClientId;
use ragchew_core::time::Wall;
use ragchew_core::wire::hbp::{BurstIndex, Dmrd, FrameKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Voice bits of a burst that count into its bit errors (`wire.md` 1.7).
const CHECKED_BITS: u64 = 141;

/// Readings of one kind of LC.
#[derive(Clone, Copy, Debug, Default)]
struct Readings {
    sound: u64,
    corrected: u64,
    unreadable: u64,
}

impl Readings {
    fn take(&mut self, corrected: Option<u32>) {
        match corrected {
            Some(bits) => {
                self.sound += 1;
                self.corrected += u64::from(bits);
            }
            None => self.unreadable += 1,
        }
    }

    fn words(&self, name: &str) -> Option<String> {
        let total = self.sound + self.unreadable;
        let read = match (self.sound, self.unreadable) {
            (_, 0) if self.corrected == 0 => "sound".to_owned(),
            (_, 0) => format!("{} corrected", count(self.corrected, "bit")),
            (0, _) => "unreadable".to_owned(),
            (_, bad) => format!("{bad} unreadable, {} corrected", count(self.corrected, "bit")),
        };
        let name = if total == 1 { name.to_owned() } else { format!("{total} {name}") };
        (total > 0).then(|| format!("{name} ({read})"))
    }

    fn json(&self) -> Value {
        json!({ "read": self.sound, "corrected_bits": self.corrected, "unreadable": self.unreadable })
    }
}

/// A call that goes on.
#[derive(Debug)]
pub(super) struct VoiceCall {
    entry: Entry,
    first: Dmrd,
    first_kind: FrameKind,
    last: Wall,
    flow: Flow,
    headers: u64,
    superframes: u64,
    pub(super) ended: bool,
    header: Readings,
    terminator: Readings,
    embedded: Readings,
    voice_lc: Option<LinkControl>,
    fragments: ([u32; 4], usize),
    alias: TalkerAliasAssembler,
    position: Option<GpsInfo>,
    colour_codes: BTreeSet<u8>,
    contradictions: Few<String>,
    options: BTreeSet<String>,
    enciphered: bool,
    /// Bursts with voice, and their errors.
    voice: u64,
    errors: u64,
    levels: (u64, u64),
    ids: Few<u32>,
    journey: Option<Journey>,
}

impl VoiceCall {
    pub(super) fn begin(frame: &Frame<'_>) -> Self {
        let entry = Entry::new(frame.at, frame.wire.clone(), "voice", "");
        let mut call = Self {
            entry: frame::with_addressing(entry, &frame.view),
            first: frame.view.into(),
            first_kind: frame.view.kind(),
            last: frame.at,
            flow: Flow::default(),
            headers: 0,
            superframes: 0,
            ended: false,
            header: Readings::default(),
            terminator: Readings::default(),
            embedded: Readings::default(),
            voice_lc: None,
            fragments: ([0; 4], 0),
            alias: TalkerAliasAssembler::new(),
            position: None,
            colour_codes: BTreeSet::new(),
            contradictions: Few::default(),
            options: BTreeSet::new(),
            enciphered: false,
            voice: 0,
            errors: 0,
            levels: (0, 0),
            ids: Few::default(),
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
        self.ids.insert(frame.view.client().0);
        if let (Some(journey), Some(origin)) = (&mut self.journey, frame.origin) {
            journey.take(origin, frame.at);
        }
        if !self.flow.take(frame.view.seq(), frame.at) {
            return;
        }
        let burst = frame.burst();
        if (frame.view.source(), frame.view.destination_raw()) != (self.first.source, self.first.destination) {
            self.contradictions.insert(format!("the call changes: {}", frame::addressing(&frame.view)));
        }
        match frame.view.kind() {
            FrameKind::Voice(index) => {
                self.measure(frame);
                self.superframes += u64::from(index == BurstIndex::A);
                if index != BurstIndex::A {
                    self.embedded(frame, index);
                }
            }
            kind => {
                self.colour_codes.extend(burst.slot_type().ok().map(|slot_type| slot_type.colour_code.get()));
                self.headers += u64::from(kind == FrameKind::VoiceHeader);
                self.ended |= kind == FrameKind::Terminator;
                self.enciphered |= kind == FrameKind::PiHeader;
                let read = lc::full(kind, &burst);
                match kind {
                    FrameKind::VoiceHeader => self.header.take(read.map(|(_, bits)| bits)),
                    FrameKind::Terminator => self.terminator.take(read.map(|(_, bits)| bits)),
                    _ => {}
                }
                if let Some((lc, _)) = read {
                    self.voice_lc(lc, frame);
                }
            }
        }
    }

    fn measure(&mut self, frame: &Frame<'_>) {
        self.voice += 1;
        self.errors += u64::from(frame.view.ber());
        if frame.view.rssi() > 0 {
            self.levels = (self.levels.0 + 1, self.levels.1 + u64::from(frame.view.rssi()));
        }
    }

    /// Bursts B to F: the EMB, and a fragment of an LC if the four come in order.
    fn embedded(&mut self, frame: &Frame<'_>, index: BurstIndex) {
        let burst = frame.burst();
        if let Ok(emb) = burst.emb() {
            self.colour_codes.insert(emb.colour_code.get());
            self.enciphered |= emb.privacy;
        }
        let (fragments, filled) = &mut self.fragments;
        let place = index.index() - 1;
        if place == 0 {
            *filled = 0;
        }
        match fragments.get_mut(place) {
            Some(fragment) if *filled == place => {
                *fragment = burst.fragment();
                *filled += 1;
            }
            _ => return,
        }
        // Four empty fragments are no LC of zeros: some senders have none.
        if *filled < 4 || *fragments == [0; 4] {
            return;
        }
        *filled = 0;
        let read = lc::embedded(*fragments);
        self.embedded.take(read.map(|(_, bits)| bits));
        let Some((lc, _)) = read else { return };
        match lc.flco() {
            Flco::GroupVoice | Flco::UnitVoice => self.voice_lc(lc, frame),
            Flco::TalkerAlias(_) => {
                self.alias.push(lc);
            }
            Flco::GpsInfo => self.position = GpsInfo::from_lc(lc).or(self.position),
            Flco::Other(_) => {}
        }
    }

    fn voice_lc(&mut self, lc: LinkControl, frame: &Frame<'_>) {
        if !lc.is_voice() || lc.protected() {
            self.enciphered |= lc.protected();
            return;
        }
        self.voice_lc.get_or_insert(lc);
        self.options.extend(lc::service_options(lc));
        self.enciphered |= lc.privacy();
        if let Some(contradiction) = lc::contradiction(lc, &frame.view) {
            self.contradictions.insert(contradiction);
        }
    }

    /// The call as it was.
    pub(super) fn finish(mut self, lens: &Lens, clients: Option<&BTreeSet<ClientId>>) -> Entry {
        self.describe(lens);
        self.judge(clients);
        self.fill();
        self.entry
    }

    fn describe(&mut self, lens: &Lens) {
        let duration = self.last.0.saturating_sub(self.entry.at.0);
        let kind = if self.first.unit { "radio" } else { "TG" };
        self.entry.headline = format!(
            "voice {} to {kind} {}, slot {}, {}.{:02} s, {}, {}",
            self.first.source,
            self.first.destination,
            self.first.slot,
            duration / 1_000_000_000,
            duration / 10_000_000 % 100,
            count(self.flow.frames, "frame"),
            self.flow.order(),
        );
        let (lc, radio) = (self.link_control(), self.radio());
        let details = &mut self.entry.details;
        let parts = [
            (self.headers > 0)
                .then(|| if self.headers == 1 { "header".into() } else { format!("{} headers", self.headers) }),
            Some(count(self.superframes, "superframe")),
            self.ended.then(|| "terminator".into()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        details.push(format!(
            "from {} to {}, stream {:08x}: {}",
            self.entry.wire.from,
            self.entry.wire.to,
            self.first.stream.0,
            parts.join(", ")
        ));
        details.extend(self.flow.rhythm());
        details.extend(lc);
        let options: Vec<_> = self.options.iter().cloned().collect();
        details.extend((!options.is_empty()).then(|| format!("service options: {}", options.join(", "))));
        details.extend(radio);
        details.extend(self.alias.text().map(|alias| format!("talker alias: {alias}")));
        if let Some(position) = self.position {
            details.push(match lens.positions {
                true => format!(
                    "position: {}",
                    degrees(position.latitude_microdegrees(), position.longitude_microdegrees())
                ),
                false => "position sent; --positions shows it".to_owned(),
            });
        }
    }

    /// What the LC says, and how well it could be read.
    fn link_control(&self) -> Option<String> {
        let (header, embedded) = (self.header.words("header"), self.embedded.words("embedded"));
        let readings: Vec<String> =
            [header, embedded, self.terminator.words("terminator")].into_iter().flatten().collect();
        let lc = self.voice_lc.map_or_else(|| "none of the call".to_owned(), lc::words);
        (!readings.is_empty()).then(|| format!("LC {lc}: {}", readings.join(", ")))
    }

    /// Colour code, bit errors, level.
    fn radio(&self) -> Option<String> {
        let codes: Vec<_> = self.colour_codes.iter().map(u8::to_string).collect();
        let parts = [
            (!codes.is_empty()).then(|| format!("colour code {}", codes.join(" and "))),
            self.error_rate().map(|tenths| format!("bit errors {}.{} %", tenths / 10, tenths % 10)),
            self.level().map(|level| format!("RSSI -{level} dBm")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Tenths of a percent; `None` when no burst tells.
    fn error_rate(&self) -> Option<u64> {
        (self.errors > 0).then(|| self.errors * 1_000 / (self.voice * CHECKED_BITS).max(1))
    }

    /// Mean magnitude in -dBm.
    fn level(&self) -> Option<u64> {
        self.levels.1.checked_div(self.levels.0)
    }

    fn judge(&mut self, clients: Option<&BTreeSet<ClientId>>) {
        let flags = &mut self.entry.flags;
        flags.extend(self.flow.fault());
        if self.headers == 0 {
            flags.push(format!("late entry: begins with {}", frame::kind_name(self.first_kind)));
        }
        if !self.ended {
            flags.push("no terminator".to_owned());
        }
        if self.enciphered {
            flags.push("enciphered".to_owned());
        }
        if self.first.stream.0 == 0 {
            flags.push("stream ID 0".to_owned());
        }
        if self.colour_codes.len() > 1 {
            flags.push("the colour code changes".to_owned());
        }
        flags.extend(self.contradictions.iter().cloned());
        if self.contradictions.more {
            flags.push(format!("and more contradictions than these {TOLD_LIST}"));
        }
        let strange = self.ids.iter().filter(|got| clients.is_some_and(|clients| !clients.contains(&ClientId(**got))));
        flags.extend(strange.map(|got| format!("frames bear ID {got}, which is not the client's")));
        if self.ids.more {
            flags.push(format!("frames bear more than {TOLD_LIST} IDs"));
        }
    }

    fn fill(&mut self) {
        let (error_rate, level) = (self.error_rate(), self.level());
        let fields = &mut self.entry.fields;
        self.flow.fields(fields);
        let duration = self.last.0.saturating_sub(self.entry.at.0);
        let lc = self.voice_lc.map(|lc| json!({ "words": lc::words(lc), "bytes": frame::hex(&lc.0) }));
        let more = [
            ("duration_ms", super::entry::json_millis(duration)),
            ("headers", self.headers.into()),
            ("superframes", self.superframes.into()),
            ("terminator", self.ended.into()),
            ("late_entry", (self.headers == 0).into()),
            ("enciphered", self.enciphered.into()),
            ("lc", lc.into()),
            (
                "fec",
                json!({
                    "header": self.header.json(),
                    "embedded": self.embedded.json(),
                    "terminator": self.terminator.json(),
                }),
            ),
            ("service_options", self.options.iter().cloned().collect::<Vec<_>>().into()),
            ("colour_codes", self.colour_codes.iter().copied().collect::<Vec<_>>().into()),
            ("bit_error_percent", error_rate.map(|tenths| tenths as f64 / 10.0).into()),
            ("rssi_dbm", level.map(|level| -(level as i64)).into()),
            ("talker_alias", self.alias.text().map(|alias| alias.as_str().to_owned()).into()),
            ("ids", self.ids.iter().copied().collect::<Vec<_>>().into()),
        ];
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
        if let Some(journey) = self.journey.take() {
            journey.finish(&mut self.entry);
        }
    }
}

/// Latitude and longitude of micro-degrees.
pub(super) fn degrees(latitude: i32, longitude: i32) -> String {
    let one = |micro: i32, positive: char, negative: char| {
        let size = micro.unsigned_abs();
        format!("{}.{:04} {}", size / 1_000_000, size % 1_000_000 / 100, if micro < 0 { negative } else { positive })
    };
    format!("{}, {}", one(latitude, 'N', 'S'), one(longitude, 'E', 'W'))
}
