//! Frames of calls as a hotspot sends them, with a correct link control. Owns no socket.

use ragchew_core::dmr::burst::SILENCE;
use ragchew_core::dmr::{Burst, ColourCode, FullLcCoding, LinkControl, header_burst, terminator_burst, voice_burst};
use ragchew_core::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use ragchew_core::wire::hbp::{BurstIndex, Dmrd, FrameKind};

pub(crate) type Frame = [u8; 55];

/// Everything that one speaker ever says on a talkgroup of slot 2; stream and number are put in as it is sent.
pub(crate) struct Voice {
    header: Frame,
    voice: Vec<Frame>,
    terminator: Frame,
}

impl Voice {
    pub(crate) fn new(client: u32, talkgroup: u32) -> Self {
        let lc = LinkControl::group(RfTg(talkgroup), RadioId(client));
        let coding = FullLcCoding::new(lc);
        let frame = |kind, burst: Burst| {
            let whole = Dmrd {
                seq: 0,
                source: RadioId(client),
                destination: talkgroup,
                client: ClientId(client),
                slot: Slot::Two,
                unit: false,
                kind,
                stream: StreamId(0),
                burst: *burst.as_bytes(),
                ber: 0,
                rssi: 0,
            };
            whole.emit()
        };
        let voice = BurstIndex::ALL.map(|index| {
            let burst = voice_burst(&[SILENCE; 3], index.index() as u8, &coding, ColourCode::ONE);
            frame(FrameKind::Voice(index), burst)
        });
        Self {
            header: frame(FrameKind::VoiceHeader, header_burst(lc, ColourCode::ONE)),
            voice: voice.to_vec(),
            terminator: frame(FrameKind::Terminator, terminator_burst(lc, ColourCode::ONE)),
        }
    }

    /// Frame `place` of a call of `length` frames, terminator included.
    pub(crate) fn frame(&self, place: usize, length: usize, stream: u32) -> Frame {
        let mut frame = match place {
            0 => self.header,
            _ if place + 1 == length => self.terminator,
            _ => self.voice[(place - 1) % self.voice.len()],
        };
        frame[4] = place as u8;
        frame[16..20].copy_from_slice(&stream.to_be_bytes());
        frame
    }
}

/// What the receiver `id` of a frame gets: the same but for its own ID.
pub(crate) fn for_receiver(mut frame: Frame, id: u32) -> Frame {
    frame[11..15].copy_from_slice(&id.to_be_bytes());
    frame
}
