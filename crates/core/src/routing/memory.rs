//! Which streams are known: those on the air, and those that ended a while ago, so that a late copy or a copy by another
//! way does not start a call again. Bounded; the one that ended first goes. Source, `behaviour.md` 3.5,
//! `wire.md` 6 trap 12.

use crate::id::{ClientId, ConferenceTg, ListenerId, Slot, StreamId};
use crate::limits::{MAX_STREAMS, STREAM_LIVE, STREAM_MEMORY, STREAM_RESTART};
use crate::refusal::Refusal;
use crate::report::CallEnd;
use crate::seed::Secrets;
use crate::table::{Table, TableFull};
use crate::time::Mono;
use crate::wire::hbp::{BurstIndex, FrameKind};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What identifies a call in the network.
pub(crate) type StreamKey = (StreamId, ConferenceTg);

/// Where a stream enters. A client that logs in again is the same origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) listener: ListenerId,
    pub(crate) client: ClientId,
    pub(crate) slot: Slot,
}

/// Streams for which there is room from the start.
const USUAL_STREAMS: usize = 1_024;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ended {
    at: Mono,
    last_frame: Mono,
    /// It may resume with any frame: nobody said that it was over.
    soft: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Known {
    origin: Origin,
    ended: Option<Ended>,
}

/// The streams that are known.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StreamMemory {
    known: Table<StreamKey, Known>,
    /// Ended streams in the order of their ends; one that began again stands here for each of its ends.
    ended: VecDeque<(Mono, StreamKey)>,
    /// Whether somebody will come for the oldest end.
    armed: bool,
}

impl StreamMemory {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let mut known = Table::new(secrets.table_key(b"streams"), MAX_STREAMS);
        known.reserve(USUAL_STREAMS);
        Self { known, ended: VecDeque::with_capacity(USUAL_STREAMS), armed: false }
    }

    /// Gives the table of a snapshot its key.
    pub(crate) fn settle(&mut self, secrets: &Secrets) -> Result<(), TableFull> {
        self.known.settle(secrets.table_key(b"streams"), MAX_STREAMS)
    }

    /// Whether a frame of `kind` may begin a call of `key` from `origin`.
    pub(crate) fn may_begin(
        &mut self,
        key: StreamKey,
        origin: Origin,
        kind: FrameKind,
        now: Mono,
    ) -> Result<(), Refusal> {
        let Some(known) = self.known.get_mut(&key) else {
            return if kind == FrameKind::Terminator { Err(Refusal::StrayTerminator) } else { Ok(()) };
        };
        if known.origin != origin {
            return Err(Refusal::Loop);
        }
        let Some(ended) = known.ended.as_mut() else { return Err(Refusal::AfterEnd) };
        let begins = match kind {
            FrameKind::Terminator => false,
            _ if ended.soft => true,
            FrameKind::VoiceHeader => now.since(ended.at) > STREAM_LIVE,
            FrameKind::Voice(BurstIndex::A) => now.since(ended.last_frame) >= STREAM_RESTART,
            _ => false,
        };
        ended.last_frame = now;
        if begins { Ok(()) } else { Err(Refusal::AfterEnd) }
    }

    /// Notes that a call began.
    pub(crate) fn begin(&mut self, key: StreamKey, origin: Origin) -> Result<(), Refusal> {
        let known = Known { origin, ended: None };
        while self.known.is_full() && self.known.get(&key).is_none() {
            let Some((at, oldest)) = self.ended.pop_front() else { return Err(Refusal::TooManyStreams) };
            self.forget(at, &oldest);
        }
        self.known.insert(key, known).map(drop).map_err(|_| Refusal::TooManyStreams)
    }

    /// Notes that a call ended; when the oldest end may be forgotten, if nothing was waiting for that yet.
    pub(crate) fn end(&mut self, key: StreamKey, cause: CallEnd, now: Mono) -> Option<Mono> {
        let known = self.known.get_mut(&key)?;
        let soft = matches!(cause, CallEnd::Timeout | CallEnd::SessionEnded);
        known.ended = Some(Ended { at: now, last_frame: now, soft });
        if self.ended.len() >= MAX_STREAMS {
            if let Some((at, oldest)) = self.ended.pop_front() {
                self.forget(at, &oldest);
            }
        }
        self.ended.push_back((now, key));
        let armed = core::mem::replace(&mut self.armed, true);
        (!armed).then(|| now + STREAM_MEMORY)
    }

    /// Forgets what ended long ago; when to come again.
    pub(crate) fn expire(&mut self, now: Mono) -> Option<Mono> {
        while let Some(&(at, key)) = self.ended.front() {
            if at + STREAM_MEMORY > now {
                return Some(at + STREAM_MEMORY);
            }
            self.ended.pop_front();
            self.forget(at, &key);
        }
        self.armed = false;
        None
    }

    /// Streams known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Only if it still is the end that happened `at`: the stream may have begun again.
    fn forget(&mut self, at: Mono, key: &StreamKey) {
        if self.known.get(key).is_some_and(|known| known.ended.is_some_and(|ended| ended.at == at)) {
            self.known.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::time::Span;

    const KEY: StreamKey = (StreamId(7), ConferenceTg(91));
    const T0: Mono = Mono(1_000_000_000);

    fn origin(client: u32) -> Origin {
        Origin { listener: ListenerId(0), client: ClientId(client), slot: Slot::Two }
    }

    fn ended_by(cause: CallEnd) -> StreamMemory {
        let mut memory = StreamMemory::new(&Secrets::new(Seed::Key([0; 32])));
        memory.begin(KEY, origin(1)).unwrap();
        assert_eq!(memory.end(KEY, cause, T0), Some(T0 + STREAM_MEMORY));
        memory
    }

    fn begins(memory: &mut StreamMemory, kind: FrameKind, millis: u64) -> Result<(), Refusal> {
        memory.may_begin(KEY, origin(1), kind, T0 + Span::millis(millis))
    }

    #[test]
    fn after_a_terminator_only_a_header_or_a_pause_begins_again() {
        let a = FrameKind::Voice(BurstIndex::A);
        let mut memory = ended_by(CallEnd::Terminator);
        assert_eq!(begins(&mut memory, FrameKind::VoiceHeader, 360), Err(Refusal::AfterEnd));
        assert_eq!(begins(&mut memory, a, 400), Err(Refusal::AfterEnd));
        assert_eq!(begins(&mut memory, a, 2_399), Err(Refusal::AfterEnd));
        assert_eq!(begins(&mut memory, FrameKind::Voice(BurstIndex::B), 9_000), Err(Refusal::AfterEnd));
        assert_eq!(begins(&mut memory, a, 11_000), Ok(()));
        assert_eq!(begins(&mut ended_by(CallEnd::Terminator), FrameKind::VoiceHeader, 361), Ok(()));
    }

    #[test]
    fn after_silence_any_voice_begins_again_and_no_terminator_does() {
        let mut memory = ended_by(CallEnd::Timeout);
        assert_eq!(begins(&mut memory, FrameKind::Terminator, 10), Err(Refusal::AfterEnd));
        assert_eq!(begins(&mut memory, FrameKind::Voice(BurstIndex::D), 10), Ok(()));
    }

    #[test]
    fn another_origin_is_a_loop_until_the_stream_is_forgotten() {
        let mut memory = ended_by(CallEnd::Terminator);
        let at = |s| T0 + Span::secs(s);
        assert_eq!(memory.may_begin(KEY, origin(2), FrameKind::VoiceHeader, at(179)), Err(Refusal::Loop));
        assert_eq!(memory.expire(at(179)), Some(at(180)));
        assert_eq!(memory.expire(at(180)), None);
        assert_eq!(memory.len(), 0);
        assert_eq!(memory.may_begin(KEY, origin(2), FrameKind::VoiceHeader, at(180)), Ok(()));
    }

    #[test]
    fn a_stream_that_began_again_is_not_forgotten_by_its_first_end() {
        let mut memory = ended_by(CallEnd::Timeout);
        memory.begin(KEY, origin(1)).unwrap();
        assert_eq!(memory.expire(T0 + Span::secs(200)), None);
        assert_eq!(memory.len(), 1);
    }

    #[test]
    fn with_all_places_taken_the_stream_that_ended_first_goes_and_live_ones_stay() {
        let mut memory = StreamMemory::new(&Secrets::new(Seed::Key([0; 32])));
        let key = |n: usize| (StreamId(n as u32 + 1), ConferenceTg(91));
        for n in 0..MAX_STREAMS {
            memory.begin(key(n), origin(1)).unwrap();
        }
        assert_eq!(memory.begin(key(MAX_STREAMS), origin(1)), Err(Refusal::TooManyStreams));
        memory.end(key(5), CallEnd::Terminator, T0);
        assert_eq!(memory.begin(key(MAX_STREAMS), origin(1)), Ok(()));
        assert_eq!(memory.len(), MAX_STREAMS);
    }
}
