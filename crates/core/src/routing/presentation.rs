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
use crate::limits::CODED_NUMBERS;
use crate::routing::rewrite;
use crate::wire::hbp::{BurstIndex, Dmrd, DmrdView, FrameKind};
use serde::{Deserialize, Serialize};

/// Numbers that share a place pairwise.
const PAIRS: usize = CODED_NUMBERS / 2;

/// A call under one number.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Variant {
    rf_tg: RfTg,
    coding: FullLcCoding,
    /// The turn in which it was used last, and to which the following belong.
    turn: u32,
    /// The frame of the turn, shared by its receivers.
    #[serde(skip)]
    frame: Option<u32>,
    /// The header of the turn for those who join late.
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
    variants: [[Option<Variant>; 2]; PAIRS],
    /// Number of the frame that is being delivered.
    turn: u32,
    /// Its LC speaks of another call than its DMRD does.
    foreign: bool,
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
        Self {
            stream: frame.stream(),
            source: frame.source(),
            rf_tg: RfTg(frame.destination_raw()),
            head: [0, 0, policy.late_entry_options],
            header_heard: false,
            colour_code: ColourCode::ONE,
            variants: [[None; 2]; PAIRS],
            turn: 0,
            foreign: false,
            mapped: false,
            keep_alias: policy.mapped_alias == MappedAlias::Keep,
            assembler: EmbeddedLcAssembler::new(),
            alias: [None; 4],
            superframe: 0,
            last_index: 0,
            shown_alias: None,
        }
    }

    /// Takes note of an accepted frame before it is delivered.
    pub(crate) fn begin_frame(&mut self, frame: &DmrdView<'_>) {
        self.turn = self.turn.wrapping_add(1);
        self.foreign = false;
        match frame.kind() {
            FrameKind::VoiceHeader => self.read_lc(frame, LcCarrier::Header),
            FrameKind::Terminator => self.read_lc(frame, LcCarrier::Terminator),
            FrameKind::Voice(index) => self.begin_burst(index, frame),
            _ => {}
        }
    }

    /// Whether the frame must be made anew even under its own number: radios believe the LC, and this one speaks of another
    /// call, or of a private one (`behaviour.md` 3.2).
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// The frame as `rf_tg`, made once a turn.
    pub(crate) fn mapped(&mut self, effects: &mut Effects, frame: &DmrdView<'_>, rf_tg: RfTg) -> u32 {
        self.mapped |= rf_tg != self.rf_tg;
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

    /// The IDs always come from DMRD, the rest from the first header that can be read (`wire.md` 5.6, trap 17).
    fn read_lc(&mut self, frame: &DmrdView<'_>, carrier: LcCarrier) {
        let burst = Burst(*frame.burst());
        let Ok(lc) = full_lc::decode(burst.info(), carrier) else { return };
        let ours =
            lc.flco() == Flco::GroupVoice && lc.destination() == self.rf_tg.to_bytes() && lc.source() == self.source;
        self.foreign = !ours;
        if carrier == LcCarrier::Terminator || self.header_heard {
            return;
        }
        self.header_heard = true;
        if let Ok(slot_type) = burst.slot_type() {
            self.colour_code = slot_type.colour_code;
        }
        let [flco, fid, options, ..] = lc.0;
        // A group call has the FLCO of one, whatever its header says.
        self.head = [flco & 0xC0, fid, options];
        self.variants = [[None; 2]; PAIRS];
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

    /// The call under `rf_tg`: coded before, or now in place of the one of its pair that was not used for longer.
    fn variant(&mut self, rf_tg: RfTg) -> &mut Variant {
        let turn = self.turn;
        let ([d0, d1, d2], [s0, s1, s2]) = (rf_tg.to_bytes(), self.source.to_bytes());
        let [h0, h1, h2] = self.head;
        let fresh = || {
            let lc = LinkControl([h0, h1, h2, d0, d1, d2, s0, s1, s2]);
            Variant { rf_tg, coding: FullLcCoding::new(lc), turn, frame: None, header: None }
        };
        let [first, second] = &mut self.variants[rf_tg.0 as usize % PAIRS];
        let is_it = |place: &Option<Variant>| place.is_some_and(|variant| variant.rf_tg == rf_tg);
        let age = |place: &Option<Variant>| place.map_or(u32::MAX, |variant| turn.wrapping_sub(variant.turn));
        let place = if is_it(first) || (!is_it(second) && age(first) >= age(second)) { first } else { second };
        if !is_it(place) {
            *place = None;
        }
        let variant = place.get_or_insert_with(fresh);
        if variant.turn != turn {
            (variant.turn, variant.frame, variant.header) = (turn, None, None);
        }
        variant
    }
}

const _: () = assert!(FRAME_LEN == crate::wire::hbp::dmrd::LENGTH);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_17th_number_takes_the_place_of_the_older_one_of_its_pair() {
        let frame = Dmrd {
            seq: 0,
            source: RadioId(1),
            destination: 100,
            client: ClientId(1),
            slot: Slot::Two,
            unit: false,
            kind: FrameKind::Voice(BurstIndex::A),
            stream: StreamId(1),
            burst: [0; 33],
            ber: 0,
            rssi: 0,
        };
        let bytes = frame.emit();
        let frame = DmrdView::parse(&bytes).unwrap();
        let mut presentation = Presentation::new(&frame, &Policy::default());
        for n in 0..=CODED_NUMBERS as u32 {
            presentation.begin_frame(&frame);
            presentation.variant(RfTg(100 + n));
        }
        let mut kept: Vec<_> = presentation.variants.iter().flatten().flatten().map(|one| one.rf_tg.0).collect();
        kept.sort_unstable();
        assert_eq!(kept, (101..=100 + CODED_NUMBERS as u32).collect::<Vec<_>>());
    }
}
