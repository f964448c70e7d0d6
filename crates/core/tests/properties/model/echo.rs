//! The echo: one call of a line recorded, and played back to it 2 s after its end. Source: `behaviour.md` 7.9.

use super::frame::{Frame, Kind, frame_bytes, full_lc_burst, lc, type_bits};
use super::{Feed, Model, Passed, Route, Sent};
use crate::coding::{Burst, FullLc};
use ragchew_core::id::{RfTg, Slot};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::What;

#[derive(Clone, Debug)]
struct Recorded {
    /// Frames since the first one, missing ones included.
    offset: u64,
    kind: Kind,
    burst: Burst,
    trailer: [u8; 2],
}

#[derive(Clone, Debug)]
enum Stage {
    Recording,
    /// Next try, and the last one.
    Waiting(u64, u64),
    /// Since when.
    Playing(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Echo {
    pub(super) number: u64,
    session: u64,
    slot: usize,
    rf: u32,
    source: u32,
    stage: Stage,
    last_seq: u8,
    frames: Vec<Recorded>,
    played: usize,
}

impl Echo {
    pub(super) fn due(&self) -> Option<u64> {
        match self.stage {
            Stage::Recording => None,
            Stage::Waiting(next, _) => Some(next),
            Stage::Playing(began) => Some(began + 60 * self.frames[self.played].offset),
        }
    }
}

impl Model {
    fn echo_of(&self, session: u64, slot: usize) -> Option<&Echo> {
        self.echoes.iter().find(|echo| echo.session == session && echo.slot == slot)
    }

    fn echo_mut(&mut self, number: u64) -> &mut Echo {
        self.echoes.iter_mut().find(|echo| echo.number == number).unwrap()
    }

    /// A call to the echo: into a new recording, unless one is being played, or the client has one on its other slot.
    pub(super) fn open_echo(&mut self, session: u64, frame: &Frame) -> Route {
        if self.echo_of(session, frame.slot).is_some_and(|echo| matches!(echo.stage, Stage::Playing(_))) {
            return Route::Nowhere(Refusal::EchoBusy);
        }
        self.drop_echo(session, frame.slot);
        if self.echo_of(session, 1 - frame.slot).is_some() {
            self.made.second_echoes += 1;
            return Route::Nowhere(Refusal::EchoBusy);
        }
        self.made.echoes += 1;
        self.echoes.push(Echo {
            number: self.made.echoes,
            session,
            slot: frame.slot,
            rf: frame.tg,
            source: frame.source,
            stage: Stage::Recording,
            last_seq: frame.seq,
            frames: Vec::new(),
            played: 0,
        });
        Route::Echo(self.made.echoes)
    }

    pub(super) fn drop_echo(&mut self, session: u64, slot: usize) {
        if let Some(number) = self.echo_of(session, slot).map(|echo| echo.number) {
            self.end_echo(number);
        }
    }

    fn end_echo(&mut self, number: u64) {
        let echo = self.echo_mut(number);
        let (session, slot) = (echo.session, echo.slot);
        let line = &mut self.s_mut(session).lines[slot];
        line.feed = line.feed.filter(|&feed| feed != Feed::Echo(number));
        self.echoes.retain(|echo| echo.number != number);
    }

    /// A frame of the call that is recorded; 180 s of them at most.
    pub(super) fn record(&mut self, number: u64, frame: &Frame) {
        let echo = self.echo_mut(number);
        let ahead = frame.seq.wrapping_sub(echo.last_seq);
        let step = if (1..=127).contains(&ahead) { u64::from(ahead) } else { 1 };
        let offset = echo.frames.last().map_or(0, |last| last.offset + step);
        if offset < 3_000 {
            echo.last_seq = frame.seq;
            let (kind, burst, trailer) = (frame.kind, frame.burst, frame.trailer);
            echo.frames.push(Recorded { offset, kind, burst, trailer });
        }
    }

    /// The call is over: it gets a terminator if it has none.
    pub(super) fn recorded(&mut self, number: u64) {
        let now = self.now;
        let echo = self.echo_mut(number);
        let Some(last) = echo.frames.last() else { return self.end_echo(number) };
        if last.kind != Kind::Terminator {
            let burst = full_lc_burst(FullLc::Terminator, lc([0; 3], echo.rf, echo.source));
            let offset = last.offset + 1;
            echo.frames.push(Recorded { offset, kind: Kind::Terminator, burst, trailer: [0; 2] });
        }
        echo.stage = Stage::Waiting(now + 2_000, now + 12_000);
    }

    pub(super) fn echo_is_due(&mut self, number: u64) {
        let now = self.now;
        let Echo { session, slot, rf, source, stage, .. } = self.echo_mut(number).clone();
        let feed = Feed::Echo(number);
        let free = self.admits(session, slot, feed, rf, source);
        if let Stage::Waiting(_, until) = stage {
            if let Err(why) = free {
                self.refuse(why);
                if now >= until {
                    return self.end_echo(number);
                }
                self.echo_mut(number).stage = Stage::Waiting(now + 60, until);
                return;
            }
            self.end_former(session, slot);
            let echo = self.echo_mut(number);
            echo.stage = Stage::Playing(now);
            let frames = echo.frames.len() as u32;
            let who = self.s(session).tag();
            self.events.push(What::EchoStarted { who, slot: Slot::BOTH[slot], rf_tg: RfTg(rf), frames });
        }
        // What is late is made up for at once; a line that is taken skips.
        loop {
            let echo = self.echo_mut(number);
            if echo.played == echo.frames.len() {
                return self.end_echo(number);
            }
            if echo.due().unwrap() > now {
                return;
            }
            let Recorded { offset, kind, burst, trailer } = echo.frames[echo.played].clone();
            echo.played += 1;
            if let Err(why) = free {
                self.refuse(why);
                continue;
            }
            let record = self.s_mut(session);
            let bits = type_bits(kind) | (slot as u8) << 7;
            let bytes = frame_bytes(offset as u8, source, rf, record.client, bits, 0, &burst, trailer);
            record.lines[slot].feed = Some(feed);
            record.lines[slot].sent = Some(Passed { at: now, tg: rf, source });
            let path = record.path;
            self.sent.push(Sent::Playback(path, bytes, number));
        }
    }
}
