//! How a call looks to those who know its talkgroup under another number, or who join it late: the LC of the call, coded
//! once per number, and the frames made from it. Owns no state of receivers. Source: `behaviour.md` 3.2, 3.8, 3.9,
//! `wire.md` 5.5 to 5.8.

use crate::config::{MappedAlias, Policy};
use crate::dmr::{
    Burst, ColourCode, EmbeddedLcAssembler, Flco, FullLcCoding, LcCarrier, LinkControl, full_lc, header_burst,
    terminator_burst,
};
use crate::effects::{Effects, FRAME_LEN};
use crate::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use crate::routing::rewrite;
use crate::wire::hbp::{BurstIndex, Dmrd, DmrdView, FrameKind};
use serde::{Deserialize, Serialize};

/// Numbers under which one call is kept coded at once; with more, the oldest coding is made anew when it is needed.
const VARIANTS: usize = 4;

/// A call under one number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Variant {
    rf_tg: RfTg,
    coding: FullLcCoding,
    /// The frame of this turn, shared by its receivers.
    #[serde(skip)]
    frame: Option<u32>,
    /// The header of this turn for those who join late.
    #[serde(skip)]
    header: Option<u32>,
}

/// The LC of a call and what it is sent as.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Presentation {
    stream: StreamId,
    source: RadioId,
    rf_tg: RfTg,
    /// FLCO, feature set and service options: from the header if one was heard.
    head: [u8; 3],
    header_heard: bool,
    colour_code: ColourCode,
    variants: [Option<Variant>; VARIANTS],
    oldest: u8,
    /// Some receiver knows the talkgroup under another number: only then is the embedded LC listened to.
    mapped: bool,
    keep_alias: bool,
    assembler: EmbeddedLcAssembler,
    alias: [Option<[u32; 4]>; 4],
    superframe: u32,
    last_index: usize,
    /// The alias block that this superframe carries in place of the talkgroup.
    shown_alias: Option<usize>,
}

impl Presentation {
    /// The presentation of a call that begins with `frame`.
    pub(crate) fn new(frame: &DmrdView<'_>, policy: &Policy) -> Self {
        let mut presentation = Self {
            stream: frame.stream(),
            source: frame.source(),
            rf_tg: RfTg(frame.destination_raw()),
            head: [0, 0, policy.late_entry_options],
            header_heard: false,
            colour_code: ColourCode::ONE,
            variants: [None; VARIANTS],
            oldest: 0,
            mapped: false,
            keep_alias: policy.mapped_alias == MappedAlias::Keep,
            assembler: EmbeddedLcAssembler::new(),
            alias: [None; 4],
            superframe: 0,
            last_index: 0,
            shown_alias: None,
        };
        presentation.learn_header(frame);
        presentation
    }

    /// Takes note of an accepted frame before it is delivered.
    pub(crate) fn begin_frame(&mut self, frame: &DmrdView<'_>) {
        for variant in self.variants.iter_mut().flatten() {
            (variant.frame, variant.header) = (None, None);
        }
        match frame.kind() {
            FrameKind::VoiceHeader if !self.header_heard => self.learn_header(frame),
            FrameKind::Voice(index) => self.begin_burst(index, frame),
            _ => {}
        }
    }

    /// The frame as `rf_tg`, made once a turn.
    pub(crate) fn mapped(&mut self, effects: &mut Effects, frame: &DmrdView<'_>, rf_tg: RfTg) -> u32 {
        self.mapped = true;
        let alias = self.shown_alias.and_then(|block| self.alias.get(block).copied().flatten());
        let variant = self.variant(rf_tg);
        if let Some(made) = variant.frame {
            return made;
        }
        let fragments = alias.unwrap_or(variant.coding.fragments());
        let mut bytes = frame.to_frame();
        rewrite::map_talkgroup(&mut bytes, frame.kind(), rf_tg, &variant.coding, &fragments);
        let made = effects.push_frame(bytes);
        variant.frame = Some(made);
        made
    }

    /// A header as `rf_tg` for those who join at burst A, with the sequence number before that burst; made once a turn.
    pub(crate) fn header(&mut self, effects: &mut Effects, frame: &DmrdView<'_>, rf_tg: RfTg) -> u32 {
        let colour_code = self.colour_code;
        let variant = self.variant(rf_tg);
        if let Some(made) = variant.header {
            return made;
        }
        let burst = header_burst(variant.coding.lc(), colour_code);
        let made = self.share(effects, rf_tg, frame.seq().wrapping_sub(1), FrameKind::VoiceHeader, burst);
        self.variant(rf_tg).header = Some(made);
        made
    }

    /// A terminator as `rf_tg`, for a call that ends without its own.
    pub(crate) fn terminator(&mut self, effects: &mut Effects, rf_tg: RfTg, seq: u8) -> u32 {
        let burst = terminator_burst(self.variant(rf_tg).coding.lc(), self.colour_code);
        self.share(effects, rf_tg, seq, FrameKind::Terminator, burst)
    }

    fn share(&self, effects: &mut Effects, rf_tg: RfTg, seq: u8, kind: FrameKind, burst: Burst) -> u32 {
        effects.push_frame(
            Dmrd {
                seq,
                source: self.source,
                destination: rf_tg.0,
                client: ClientId(0),
                slot: Slot::One,
                unit: false,
                kind,
                stream: self.stream,
                burst: *burst.as_bytes(),
                ber: 0,
                rssi: 0,
            }
            .emit(),
        )
    }

    /// The IDs always come from DMRD, the rest from the header when it can be read (`wire.md` 5.6, trap 17).
    fn learn_header(&mut self, frame: &DmrdView<'_>) {
        if frame.kind() != FrameKind::VoiceHeader {
            return;
        }
        let burst = Burst(*frame.burst());
        if let Ok(slot_type) = burst.slot_type() {
            self.colour_code = slot_type.colour_code;
        }
        if let Ok(lc) = full_lc::decode(burst.info(), LcCarrier::Header) {
            let [flco, fid, options, ..] = lc.0;
            // A group call has the FLCO of one, whatever its header says.
            self.head = [flco & 0xC0, fid, options];
            self.header_heard = true;
            self.variants = [None; VARIANTS];
        }
    }

    fn begin_burst(&mut self, index: BurstIndex, frame: &DmrdView<'_>) {
        if index.index() <= self.last_index {
            self.superframe = self.superframe.wrapping_add(1);
            self.shown_alias = self.next_alias();
        }
        self.last_index = index.index();
        if !(self.mapped && self.keep_alias) {
            return;
        }
        let lc = self.assembler.push_indexed(index.index() as u8, Burst(*frame.burst()).fragment());
        if let Some((lc, Flco::TalkerAlias(block))) = lc.map(|lc| (lc, lc.flco())) {
            if let Some(place) = self.alias.get_mut(usize::from(block)) {
                *place = Some(crate::dmr::embedded_lc::encode(lc));
            }
        }
    }

    /// Superframes alternate: the talkgroup, then the next block of the alias that is known.
    fn next_alias(&self) -> Option<usize> {
        let known = self.alias.iter().flatten().count();
        if self.superframe % 2 == 0 || known == 0 {
            return None;
        }
        let turn = (self.superframe as usize / 2) % known;
        self.alias.iter().enumerate().filter(|(_, block)| block.is_some()).nth(turn).map(|(at, _)| at)
    }

    fn variant(&mut self, rf_tg: RfTg) -> &mut Variant {
        let known = self.variants.iter().position(|v| v.is_some_and(|v| v.rf_tg == rf_tg));
        let at = known.unwrap_or_else(|| {
            let free = self.variants.iter().position(Option::is_none);
            free.unwrap_or_else(|| {
                self.oldest = self.oldest.wrapping_add(1) % VARIANTS as u8;
                usize::from(self.oldest)
            })
        });
        let head = self.head;
        let source = self.source;
        let fresh = || {
            let ([d0, d1, d2], [s0, s1, s2]) = (rf_tg.to_bytes(), source.to_bytes());
            let lc = LinkControl([head[0], head[1], head[2], d0, d1, d2, s0, s1, s2]);
            Variant { rf_tg, coding: FullLcCoding::new(lc), frame: None, header: None }
        };
        let place = &mut self.variants[at % VARIANTS];
        if known.is_none() {
            *place = None;
        }
        place.get_or_insert_with(fresh)
    }

    /// The talkgroup as the speaker knows it.
    pub(crate) fn rf_tg(&self) -> RfTg {
        self.rf_tg
    }
}

const _: () = assert!(FRAME_LEN == crate::wire::hbp::dmrd::LENGTH);
