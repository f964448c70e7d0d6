//! The echo on TG 9990: records one call of a line and plays it back to that line alone, 2 s after its end, frame by frame
//! at the pace at which it was spoken. Owns the recordings; who is allowed to speak is decided elsewhere.
//! Source: `behaviour.md` 7.9, S-213, S-214.

use crate::access::session::SessionRef;
use crate::dmr::{ColourCode, LinkControl, terminator_burst};
use crate::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use crate::limits::{ECHO_DELAY, ECHO_FRAMES, ECHO_PATIENCE, FRAME_INTERVAL, MAX_ECHOES};
use crate::report::What;
use crate::routing::station::{Bid, Feed, Stations};
use crate::time::{Mono, Span};
use crate::turn::{Due, Turn};
use crate::wire::hbp::{Dmrd, DmrdView, FrameKind};
use slotmap::{SlotMap, new_key_type};

new_key_type! {
    /// Reference to an echo; a dead one finds nothing.
    pub(crate) struct EchoRef;
}

/// Buffers kept for the next recordings, 120 KB each.
const SPARE_BUFFERS: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Recorded {
    /// Frames since the first one, missing ones included.
    offset: u16,
    kind: FrameKind,
    burst: [u8; 33],
    ber: u8,
    rssi: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Recording {
        last_seq: u8,
    },
    /// Until when it waits for its line.
    Waiting {
        until: Mono,
    },
    Playing {
        next: usize,
        began: Mono,
    },
}

#[derive(Clone, Debug)]
struct Echo {
    session: SessionRef,
    slot: Slot,
    rf_tg: RfTg,
    source: RadioId,
    stream: StreamId,
    frames: Vec<Recorded>,
    stage: Stage,
}

/// All echoes; at most [`MAX_ECHOES`].
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    echoes: SlotMap<EchoRef, Echo>,
    /// Buffers of former recordings, for the next ones.
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
            stream: StreamId(0),
            frames,
            stage: Stage::Recording { last_seq: frame.seq() },
        }))
    }

    /// Whether an echo is being played.
    pub(crate) fn is_playing(&self, echo: EchoRef) -> bool {
        self.echoes.get(echo).is_some_and(|echo| matches!(echo.stage, Stage::Playing { .. }))
    }

    /// Adds a frame to a recording.
    pub(crate) fn record(&mut self, echo: EchoRef, frame: &DmrdView<'_>) {
        let Some(echo) = self.echoes.get_mut(echo) else { return };
        let Stage::Recording { last_seq } = &mut echo.stage else { return };
        // A pause restarts the numbers: it is played as no pause.
        let step = match frame.seq().wrapping_sub(*last_seq) {
            step @ 1..=127 => u16::from(step),
            _ => 1,
        };
        let offset = echo.frames.last().map_or(0, |last| last.offset + step);
        if usize::from(offset) >= ECHO_FRAMES {
            return;
        }
        *last_seq = frame.seq();
        echo.frames.push(Recorded {
            offset,
            kind: frame.kind(),
            burst: *frame.burst(),
            ber: frame.ber(),
            rssi: frame.rssi(),
        });
    }

    /// Ends a recording; its playback is due a moment later.
    pub(crate) fn finish(&mut self, turn: &mut Turn<'_>, reference: EchoRef) {
        let Some(echo) = self.echoes.get_mut(reference) else { return };
        let Some(last) = echo.frames.last() else { return self.remove(reference) };
        if last.kind != FrameKind::Terminator {
            let offset = last.offset + 1;
            let lc = LinkControl::group(echo.rf_tg, echo.source);
            let burst = *terminator_burst(lc, ColourCode::ONE).as_bytes();
            echo.frames.push(Recorded { offset, kind: FrameKind::Terminator, burst, ber: 0, rssi: 0 });
        }
        let at = turn.now.mono + ECHO_DELAY;
        echo.stage = Stage::Waiting { until: at + ECHO_PATIENCE };
        echo.stream = turn.shared.secrets.next_stream();
        turn.due(at, Due::Echo(reference));
    }

    /// Plays what is due of an echo; a line that is taken makes it wait, and skip once it has begun.
    pub(crate) fn play(&mut self, turn: &mut Turn<'_>, stations: &mut Stations, reference: EchoRef) {
        let now = turn.now.mono;
        let Some(echo) = self.echoes.get_mut(reference) else { return };
        let Some(station) = stations.get_mut(echo.session) else { return self.remove(reference) };
        let bid = Bid { feed: Feed::Echo(reference), rf_tg: echo.rf_tg, source: echo.source };
        let free = station.line(echo.slot).admits(bid, station.hang_time, now);
        if let Stage::Waiting { until } = echo.stage {
            if let Err(why) = free {
                turn.refuse(why);
                if now >= until {
                    return self.end(stations, reference);
                }
                return turn.due(now + FRAME_INTERVAL, Due::Echo(reference));
            }
            echo.stage = Stage::Playing { next: 0, began: now };
            let frames = echo.frames.len() as u32;
            turn.report(What::EchoStarted { who: station.info.who, slot: echo.slot, rf_tg: echo.rf_tg, frames });
        }
        let Stage::Playing { mut next, began } = echo.stage else { return };
        let due = |frame: &Recorded| began + Span(FRAME_INTERVAL.0 * u64::from(frame.offset));
        while let Some(frame) = echo.frames.get(next).filter(|frame| due(frame) <= now) {
            next += 1;
            match free {
                Ok(()) => {
                    let shared = turn.effects.push_frame(echo.frame(frame).emit());
                    turn.effects.push_voice(station.info.path, shared, station.info.who.client, echo.slot);
                    station.line_mut(echo.slot).send(bid, now);
                }
                Err(why) => turn.refuse(why),
            }
        }
        echo.stage = Stage::Playing { next, began };
        match echo.frames.get(next) {
            Some(frame) => turn.due(due(frame), Due::Echo(reference)),
            None => self.end(stations, reference),
        }
    }

    /// Ends an echo at whatever stage, and leaves its line.
    pub(crate) fn end(&mut self, stations: &mut Stations, reference: EchoRef) {
        let Some(echo) = self.echoes.get(reference) else { return };
        if let Some(station) = stations.get_mut(echo.session) {
            let line = station.line_mut(echo.slot);
            line.hang_up(Feed::Echo(reference));
            line.echo = line.echo.filter(|&other| other != reference);
        }
        self.remove(reference);
    }

    /// Forgets an echo and keeps its buffer.
    pub(crate) fn remove(&mut self, reference: EchoRef) {
        if let Some(mut echo) = self.echoes.remove(reference) {
            echo.frames.clear();
            if self.spare.len() < SPARE_BUFFERS {
                self.spare.push(echo.frames);
            }
        }
    }

    /// Echoes at any stage.
    pub(crate) fn len(&self) -> usize {
        self.echoes.len()
    }
}

impl Echo {
    fn frame(&self, recorded: &Recorded) -> Dmrd {
        Dmrd {
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
        }
    }
}
