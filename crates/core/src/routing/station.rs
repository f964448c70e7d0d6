//! Stations: what routing knows of a running client. Two lines (slots), each with what was last heard from it and last sent
//! to it, and the rules of who may have it now. Exists only while the session runs, so that voice cannot reach anybody
//! else. Source: `behaviour.md` 3.7, R-100, R-101.

use crate::id::{RadioId, RfTg, Slot, StreamId};
use crate::limits::{REFUSAL_EVENTS, STREAM_LIVE, TOLD_REFUSALS};
use crate::net::Path;
use crate::rate::Bucket;
use crate::refs::{CallRef, EchoRef, SessionRef};
use crate::refusal::Refusal;
use crate::report::SessionTag;
use crate::time::{Moment, Mono, Span};
use serde::{Deserialize, Serialize};
use slotmap::SecondaryMap;

/// What access tells of a client that begins to run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StationInfo {
    pub(crate) who: SessionTag,
    pub(crate) path: Path,
    /// Slots on which it listens.
    pub(crate) hears: [bool; 2],
}

/// A running client. What each frame needs of a recipient lies close together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[repr(C)]
pub(crate) struct Station {
    pub(crate) info: StationInfo,
    pub(crate) hang_time: Span,
    pub(crate) lines: [Line; 2],
    pub(crate) ua_timer: Span,
    pub(crate) single: bool,
}

/// All stations, found as their sessions are.
pub(crate) type Stations = SecondaryMap<SessionRef, Station>;

/// Who is being delivered to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Feed {
    /// A call of some client.
    Call(CallRef),
    /// The server's own playback.
    Echo(EchoRef),
}

/// A talkgroup and when its last frame passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Passed {
    pub(crate) at: Moment,
    pub(crate) rf_tg: RfTg,
    pub(crate) source: RadioId,
}

/// One slot of a client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[repr(C)]
pub(crate) struct Line {
    /// Last frame from it.
    pub(crate) received: Option<Passed>,
    /// Last frame to it.
    pub(crate) sent: Option<Passed>,
    /// Who has begun to be delivered to it and has not ended.
    pub(crate) feed: Option<Feed>,
    /// Its own user's call, until that has ended.
    pub(crate) speaking: Option<CallRef>,
    /// The echo of this line, at whatever stage.
    pub(crate) echo: Option<EchoRef>,
    /// How fast its user may begin calls.
    pub(crate) starts: Bucket,
    /// What was told of its refused streams; most lines never have one.
    told: Option<Box<Told>>,
}

/// Refused streams of a line that were told of.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Told {
    /// How fast they may be told.
    bucket: Bucket,
    /// The last of them.
    streams: [StreamId; TOLD_REFUSALS],
    /// And why, in the same order.
    why: [Option<Refusal>; TOLD_REFUSALS],
}

/// What wants to be delivered to a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bid {
    pub(crate) feed: Feed,
    pub(crate) rf_tg: RfTg,
    pub(crate) source: RadioId,
}

impl Line {
    /// Whether `bid` may have the line at `now`; the first rule that forbids it names the reason. Hang time and liveness
    /// count from the last frame and do not end with a call, but for the speaker's own talkgroup.
    pub(crate) fn admits(&self, bid: Bid, hang_time: Span, now: Mono) -> Result<(), Refusal> {
        let age = |passed: Passed| now.since(passed.at.mono());
        if let Some(heard) = self.received {
            if heard.rf_tg != bid.rf_tg && age(heard) < hang_time {
                return Err(Refusal::TargetHeardOther);
            }
            if age(heard) < STREAM_LIVE && (heard.rf_tg == bid.rf_tg || self.speaking.is_some()) {
                return Err(Refusal::TargetTalking);
            }
        }
        if let Some(sent) = self.sent {
            if sent.rf_tg != bid.rf_tg && age(sent) < hang_time {
                return Err(Refusal::TargetSentOther);
            }
            // One line carries one call: another that is under way keeps it, and so does this one under another number.
            let taken = self.feed.is_some_and(|feed| feed != bid.feed || sent.rf_tg != bid.rf_tg);
            if age(sent) < STREAM_LIVE && (taken || (sent.rf_tg == bid.rf_tg && sent.source != bid.source)) {
                return Err(Refusal::TargetSentAnother);
            }
        }
        Ok(())
    }

    /// Notes that a frame of `bid` goes out.
    pub(crate) fn send(&mut self, bid: Bid, now: Mono) {
        self.feed = Some(bid.feed);
        self.sent = Some(Passed { at: Moment::at(now), rf_tg: bid.rf_tg, source: bid.source });
    }

    /// Whether a refusal is to be told: once per stream and reason, and not faster than its rate.
    pub(crate) fn tells(&mut self, stream: StreamId, why: Refusal, now: Mono) -> bool {
        let told = self.told.get_or_insert_default();
        let known = told.streams.iter().zip(&told.why).any(|known| known == (&stream, &Some(why)));
        let tells = !known && told.bucket.take(REFUSAL_EVENTS, now);
        if tells {
            told.streams.rotate_right(1);
            told.why.rotate_right(1);
            if let (Some(first), Some(reason)) = (told.streams.first_mut(), told.why.first_mut()) {
                (*first, *reason) = (stream, Some(why));
            }
        }
        tells
    }

    /// Whether `feed` is being delivered.
    pub(crate) fn hears(&self, feed: Feed) -> bool {
        self.feed == Some(feed)
    }

    /// Ends the delivery of `feed`; whether there was one.
    pub(crate) fn hang_up(&mut self, feed: Feed) -> bool {
        let heard = self.hears(feed);
        if heard {
            self.feed = None;
        }
        heard
    }
}

impl Station {
    pub(crate) fn line(&self, slot: Slot) -> &Line {
        &self.lines[slot.index()]
    }

    pub(crate) fn line_mut(&mut self, slot: Slot) -> &mut Line {
        &mut self.lines[slot.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    const HANG: Span = Span::secs(5);
    const NOW: Mono = Mono(1_000_000_000_000);

    fn ago(millis: u64, tg: u32, source: u32) -> Option<Passed> {
        Some(Passed { at: Moment::at(Mono(NOW.0 - Span::millis(millis).0)), rf_tg: RfTg(tg), source: RadioId(source) })
    }

    fn calls() -> (CallRef, CallRef) {
        let mut calls = SlotMap::<CallRef, ()>::with_key();
        (calls.insert(()), calls.insert(()))
    }

    fn admits(line: impl core::borrow::Borrow<Line>, tg: u32, source: u32, hang: Span) -> Result<(), Refusal> {
        let bid = Bid { feed: Feed::Call(calls().0), rf_tg: RfTg(tg), source: RadioId(source) };
        line.borrow().admits(bid, hang, NOW)
    }

    #[test]
    fn the_fifth_refused_stream_makes_the_first_be_told_again() {
        let mut line = Line::default();
        let mut tells = |stream: usize| line.tells(StreamId(stream as u32), Refusal::UnitCall, NOW);
        assert!((1..=TOLD_REFUSALS).all(&mut tells));
        assert!(!(1..=TOLD_REFUSALS).any(&mut tells));
        assert!(tells(TOLD_REFUSALS + 1) && !tells(2), "the first one goes");
        assert!(tells(1));
    }

    #[test]
    fn a_line_that_was_never_used_takes_anything() {
        assert_eq!(admits(Line::default(), 91, 1, HANG), Ok(()));
    }

    #[test]
    fn another_talkgroup_waits_for_the_hang_time_after_either_direction() {
        let heard = Line { received: ago(4_999, 92, 7), ..Line::default() };
        let sent = Line { sent: ago(4_999, 92, 7), ..Line::default() };
        assert_eq!(admits(&heard, 91, 1, HANG), Err(Refusal::TargetHeardOther));
        assert_eq!(admits(&sent, 91, 1, HANG), Err(Refusal::TargetSentOther));
        assert_eq!(admits(Line { received: ago(5_000, 92, 7), ..sent.clone() }, 92, 1, HANG), Ok(()));
        assert_eq!(admits(Line { received: ago(5_000, 92, 7), ..Line::default() }, 91, 1, HANG), Ok(()));
        assert_eq!(admits(&heard, 91, 1, Span(0)), Ok(()));
        assert_eq!(admits(&sent, 91, 1, Span(0)), Ok(()));
    }

    #[test]
    fn the_same_talkgroup_waits_until_the_line_is_silent() {
        let heard = Line { received: ago(359, 91, 7), ..Line::default() };
        assert_eq!(admits(&heard, 91, 1, HANG), Err(Refusal::TargetTalking));
        assert_eq!(admits(Line { received: ago(360, 91, 7), ..Line::default() }, 91, 1, HANG), Ok(()));
        let sent = Line { sent: ago(359, 91, 7), ..Line::default() };
        assert_eq!(admits(&sent, 91, 1, HANG), Err(Refusal::TargetSentAnother));
        assert_eq!(admits(&sent, 91, 7, HANG), Ok(()));
        assert_eq!(admits(Line { sent: ago(360, 91, 7), ..Line::default() }, 91, 1, HANG), Ok(()));
    }

    #[test]
    fn one_line_carries_one_call_even_without_hang_time() {
        let (this, other) = calls();
        let under_way = |feed| Line { sent: ago(60, 92, 7), feed: Some(Feed::Call(feed)), ..Line::default() };
        assert_eq!(admits(under_way(other), 91, 7, Span(0)), Err(Refusal::TargetSentAnother));
        assert_eq!(admits(under_way(this), 91, 7, Span(0)), Err(Refusal::TargetSentAnother));
        assert_eq!(admits(under_way(this), 92, 7, Span(0)), Ok(()));
        let speaking = Line { received: ago(60, 92, 7), speaking: Some(other), ..Line::default() };
        assert_eq!(admits(speaking, 91, 7, Span(0)), Err(Refusal::TargetTalking));
    }
}
