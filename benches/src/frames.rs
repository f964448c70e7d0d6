//! Bursts of calls as hotspots send them (`wire.md` 1.7): silence with a correct link control. Owns no numbers of clients.

use ragchew_core::dmr::burst::SILENCE;
use ragchew_core::dmr::{Burst, ColourCode, FullLcCoding, LinkControl, header_burst, terminator_burst, voice_burst};
use ragchew_core::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use ragchew_core::wire::hbp::{BurstIndex, Dmrd, FrameKind};

/// Bytes of a frame on the wire.
pub const FRAME_LEN: usize = 55;
/// A frame.
pub type Frame = [u8; FRAME_LEN];

/// Who speaks where.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// The hotspot, and its user.
    pub client: u32,
    /// The talkgroup on slot 2.
    pub talkgroup: u32,
}

/// The frames of any call of one speaker; only sequence and stream differ.
#[derive(Clone, Debug)]
pub struct Template {
    header: Frame,
    voice: [Frame; 6],
    terminator: Frame,
}

/// Which frame of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Header,
    /// Voice frame of that number, from 0.
    Voice(usize),
    /// The last.
    Terminator,
}

impl Part {
    /// A whole call with so many voice frames.
    pub fn call(voice: usize) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Header).chain((0..voice).map(Self::Voice)).chain([Self::Terminator])
    }
}

impl Template {
    /// Codes the bursts once.
    pub fn new(speaker: Speaker) -> Self {
        let lc = LinkControl::group(RfTg(speaker.talkgroup), RadioId(speaker.client));
        let coding = FullLcCoding::new(lc);
        let frame = |kind, burst: Burst| {
            Dmrd {
                seq: 0,
                source: RadioId(speaker.client),
                destination: speaker.talkgroup,
                client: ClientId(speaker.client),
                slot: Slot::Two,
                unit: false,
                kind,
                stream: StreamId(1),
                burst: *burst.as_bytes(),
                ber: 0,
                rssi: 0,
            }
            .emit()
        };
        let voice = BurstIndex::ALL.map(|index| {
            let burst = voice_burst(&[SILENCE; 3], index.index() as u8, &coding, ColourCode::ONE);
            frame(FrameKind::Voice(index), burst)
        });
        Self {
            header: frame(FrameKind::VoiceHeader, header_burst(lc, ColourCode::ONE)),
            voice,
            terminator: frame(FrameKind::Terminator, terminator_burst(lc, ColourCode::ONE)),
        }
    }

    /// One frame of the call `stream`.
    pub fn frame(&self, part: Part, seq: u8, stream: u32) -> Frame {
        let mut frame = match part {
            Part::Header => self.header,
            Part::Voice(number) => self.voice[number % 6],
            Part::Terminator => self.terminator,
        };
        frame[4] = seq;
        frame[16..20].copy_from_slice(&stream.to_be_bytes());
        frame
    }
}

/// Sequence number and stream of a frame that came in; `None` when it is none.
pub fn identify(bytes: &[u8]) -> Option<(u32, u8)> {
    if bytes.len() != FRAME_LEN || !bytes.starts_with(b"DMRD") {
        return None;
    }
    Some((u32::from_be_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]), bytes[4]))
}
