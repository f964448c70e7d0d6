//! The echo on TG 9990: records one call of a line, to be played back to that line alone, 2 s after its end, frame by frame at
//! the pace at which it was spoken. Owns the recordings; who may speak, and when a line is free, is decided in routing.
//! Source: `behaviour.md` 7.9, S-213, S-214.

use crate::carried::at_most;
use crate::dmr::{ColourCode, LinkControl, terminator_burst};
use crate::effects::FRAME_LEN;
use crate::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use crate::limits::{ECHO_DELAY, ECHO_FRAMES, ECHO_PATIENCE, FRAME_INTERVAL, MAX_ECHOES, SPARE_ECHOES};
use crate::refs::{EchoRef, SessionRef};
use crate::time::{Mono, Span};
use crate::wire::hbp::{Dmrd, DmrdView, FrameKind};
use serde::{Deserialize, Serialize};
use slotmap::SlotMap;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Recorded {
    /// Frames since the first one, missing ones included.
    offset: u16,
    kind: FrameKind,
    #[serde(with = "crate::carried::array")]
    burst: [u8; 33],
    ber: u8,
    rssi: u8,
}

/// How far an echo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The call is on the air.
    Recording {
        /// Of the last frame taken.
        last_seq: u8,
    },
    /// The playback waits for its line.
    Waiting {
        /// Not longer than that.
        until: Mono,
    },
    /// The playback has begun.
    Playing {
        /// Index of the next frame.
        next: usize,
        /// When the first one was due.
        began: Mono,
    },
}

/// One recording and its playback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Echo {
    pub(crate) session: SessionRef,
    pub(crate) slot: Slot,
    pub(crate) rf_tg: RfTg,
    pub(crate) source: RadioId,
    pub(crate) stage: Stage,
    stream: StreamId,
    frames: Vec<Recorded>,
}

/// All echoes; at most [`MAX_ECHOES`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Echoes {
    #[serde(deserialize_with = "at_most::<_, _, { MAX_ECHOES + 1 }>")]
    echoes: SlotMap<EchoRef, Echo>,
    /// Buffers of former recordings, for the next ones.
    #[serde(skip)]
    spare: Vec<Vec<Recorded>>,
}

impl Echoes {
    /// Begins a recording; none when too many are under way.
    pub(crate) fn open(&mut self, session: SessionRef, frame: &DmrdView<'_>) -> Option<EchoRef> {
        if self.echoes.len() >= MAX_ECHOES {
            return None;
        }
        let frames = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(ECHO_FRAMES + 1));
        Some(self.echoes.insert(Echo {
            session,
            slot: frame.slot(),
            rf_tg: RfTg(frame.destination_raw()),
            source: frame.source(),
            stage: Stage::Recording { last_seq: frame.seq() },
            stream: StreamId(0),
            frames,
        }))
    }

    pub(crate) fn get(&self, echo: EchoRef) -> Option<&Echo> {
        self.echoes.get(echo)
    }

    pub(crate) fn get_mut(&mut self, echo: EchoRef) -> Option<&mut Echo> {
        self.echoes.get_mut(echo)
    }

    /// Forgets an echo and keeps its buffer.
    pub(crate) fn remove(&mut self, echo: EchoRef) {
        let Some(mut echo) = self.echoes.remove(echo) else { return };
        echo.frames.clear();
        if self.spare.len() < SPARE_ECHOES {
            self.spare.push(echo.frames);
        }
    }

    /// Echoes at any stage.
    pub(crate) fn len(&self) -> usize {
        self.echoes.len()
    }
}

impl Echo {
    /// Whether it is being played.
    pub(crate) fn is_playing(&self) -> bool {
        matches!(self.stage, Stage::Playing { .. })
    }

    /// Adds a frame to the recording.
    pub(crate) fn record(&mut self, frame: &DmrdView<'_>) {
        let Stage::Recording { last_seq } = &mut self.stage else { return };
        // A pause restarts the numbers: it is played as no pause.
        let step = match frame.seq().wrapping_sub(*last_seq) {
            step @ 1..=127 => u16::from(step),
            _ => 1,
        };
        let offset = self.frames.last().map_or(0, |last| last.offset.saturating_add(step));
        if usize::from(offset) >= ECHO_FRAMES {
            return;
        }
        *last_seq = frame.seq();
        let (kind, burst) = (frame.kind(), *frame.burst());
        self.frames.push(Recorded { offset, kind, burst, ber: frame.ber(), rssi: frame.rssi() });
    }

    /// Ends the recording; when its playback as `stream` is due, if there is anything to play.
    pub(crate) fn finish(&mut self, stream: StreamId, now: Mono) -> Option<Mono> {
        let last = self.frames.last()?;
        if last.kind != FrameKind::Terminator {
            let offset = last.offset.saturating_add(1);
            let lc = LinkControl::group(self.rf_tg, self.source);
            let burst = *terminator_burst(lc, ColourCode::ONE).as_bytes();
            self.frames.push(Recorded { offset, kind: FrameKind::Terminator, burst, ber: 0, rssi: 0 });
        }
        let at = now + ECHO_DELAY;
        self.stream = stream;
        self.stage = Stage::Waiting { until: at + ECHO_PATIENCE };
        Some(at)
    }

    /// Begins the playback; the number of its frames.
    pub(crate) fn begin(&mut self, now: Mono) -> u32 {
        self.stage = Stage::Playing { next: 0, began: now };
        self.frames.len() as u32
    }

    /// When the next frame of the playback is due.
    pub(crate) fn next_due(&self) -> Option<Mono> {
        let Stage::Playing { next, began } = self.stage else { return None };
        self.frames.get(next).map(|frame| began + Span(FRAME_INTERVAL.0 * u64::from(frame.offset)))
    }

    /// The next frame of the playback, if it is due.
    pub(crate) fn next_frame(&mut self, now: Mono) -> Option<[u8; FRAME_LEN]> {
        if self.next_due()? > now {
            return None;
        }
        let Stage::Playing { next, .. } = &mut self.stage else { return None };
        let recorded = *self.frames.get(*next)?;
        *next += 1;
        let frame = Dmrd {
            seq: recorded.offset as u8,
            source: self.source,
            destination: self.rf_tg.0,
            client: ClientId(0),
            slot: self.slot,
            unit: false,
            kind: recorded.kind,
            stream: self.stream,
            burst: recorded.burst,
            ber: recorded.ber,
            rssi: recorded.rssi,
        };
        Some(frame.emit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hbp::BurstIndex;

    fn burst_a() -> [u8; FRAME_LEN] {
        let frame = Dmrd {
            seq: 0,
            source: RadioId(1),
            destination: 9990,
            client: ClientId(1),
            slot: Slot::Two,
            unit: false,
            kind: FrameKind::Voice(BurstIndex::A),
            stream: StreamId(1),
            burst: [0; 33],
            ber: 0,
            rssi: 0,
        };
        frame.emit()
    }

    #[test]
    fn a_recording_of_any_length_ends_and_is_played() {
        let bytes = burst_a();
        let frame = DmrdView::parse(&bytes).unwrap();
        let mut echoes = Echoes::default();
        let echo = echoes.open(SessionRef::default(), &frame).unwrap();
        let echo = echoes.get_mut(echo).unwrap();
        echo.record(&frame);
        echo.frames[0].offset = u16::MAX;
        echo.record(&frame);
        assert_eq!(echo.frames.len(), 1, "there is no room for more");
        assert!(echo.finish(StreamId(7), Mono(0)).is_some());
        assert_eq!((echo.begin(Mono(0)), echo.frames[1].offset), (2, u16::MAX));
        assert!(echo.next_frame(Mono(u64::MAX)).is_some());
    }

    #[test]
    fn of_nine_former_buffers_eight_are_kept() {
        let bytes = burst_a();
        let frame = DmrdView::parse(&bytes).unwrap();
        let mut echoes = Echoes::default();
        let open = (0..=SPARE_ECHOES).map(|_| echoes.open(SessionRef::default(), &frame).unwrap());
        let open: Vec<_> = open.collect();
        open.into_iter().for_each(|echo| echoes.remove(echo));
        assert_eq!((echoes.len(), echoes.spare.len()), (0, SPARE_ECHOES));
    }
}
