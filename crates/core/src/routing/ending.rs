//! The end of a call: whoever hears it hears it end, its speaker's talkgroups get their time, the stream is remembered.
//! Source: `behaviour.md` 3.5, S-128 to S-133.

use super::Routing;
use super::call::Route;
use super::station::Feed;
use crate::id::{RfTg, Slot};
use crate::refs::{CallRef, ConferenceRef, SessionRef};
use crate::refusal::Refusal;
use crate::report::{CallEnd, What};
use crate::turn::{Due, Turn};

impl Routing {
    /// Ends a call. Unless its own terminator was just delivered, its receivers get one made here.
    pub(super) fn finish(&mut self, turn: &mut Turn<'_>, call: CallRef, cause: CallEnd) {
        let Some(record) = self.calls.get(call) else { return };
        if record.too_long {
            // It was told, counted and remembered when it reached the limit.
            return self.release(call);
        }
        let (session, slot, route) = (record.session, record.slot, record.route);
        let (tag, key, joins) = (record.tag, record.key, record.joins);
        let (duration, progress) = (record.last.since(record.started), &record.progress);
        let (frames, lost, reordered) = (progress.accepted(), progress.lost(), progress.reordered());
        let subscription = record.subscription;
        if let Route::Conference(conference) = route {
            self.hang_up_all(turn, call, conference, cause);
            self.subscriptions.remove_call(conference, call);
        }
        if let Route::Echo(echo) = route {
            self.finish_echo(turn, echo);
        }
        if let Some(record) = subscription.and_then(|s| self.subscriptions.get_mut(s)) {
            record.speaking = false;
        }
        if cause != CallEnd::SessionEnded {
            self.keyed(turn, session, slot, tag.rf_tg, joins);
        }
        if let Some(at) = self.memory.end(key, cause, turn.now.mono) {
            turn.due(at, Due::StreamMemory);
        }
        turn.report(What::CallEnded { call: tag, cause, duration, frames, lost, reordered });
        match self.calls.get_mut(call) {
            Some(record) if cause == CallEnd::TooLong => {
                // Its entry in the heap goes on to wait for its silence.
                record.too_long = true;
                record.route = Route::Nowhere(Refusal::TooLongCall);
            }
            _ => self.release(call),
        }
    }

    /// Forgets the record of a call that has ended.
    pub(super) fn release(&mut self, call: CallRef) {
        let Some(record) = self.calls.remove(call) else { return };
        if let Some(station) = self.stations.get_mut(record.session) {
            let line = station.line_mut(record.slot);
            if line.speaking == Some(call) {
                line.speaking = None;
            }
        }
    }

    /// A call's silence or talk limit may be due.
    pub(crate) fn call_due(&mut self, turn: &mut Turn<'_>, call: CallRef) {
        let Some(record) = self.calls.get(call) else { return };
        let deadline = record.deadline();
        if deadline > turn.now.mono {
            return turn.due(deadline, Due::Call(call));
        }
        let silent = record.last + crate::limits::STREAM_TIMEOUT <= turn.now.mono;
        let cause = if silent { CallEnd::Timeout } else { CallEnd::TooLong };
        self.finish(turn, call, cause);
        if let Some(record) = self.calls.get(call) {
            let at = record.deadline();
            turn.due(at, Due::Call(call));
        }
    }

    /// Ends the delivery of a call to one line, with a terminator of our own.
    pub(super) fn hang_up(&mut self, turn: &mut Turn<'_>, call: CallRef, session: SessionRef, slot: Slot, rf_tg: RfTg) {
        let Some(station) = self.stations.get_mut(session) else { return };
        let (path, client) = (station.info.path, station.info.who.client);
        if !station.line_mut(slot).hang_up(Feed::Call(call)) {
            return;
        }
        if let Some(record) = self.calls.get_mut(call) {
            let seq = record.progress.next_seq();
            let frame = record.presentation.terminator(turn.effects, rf_tg, seq);
            turn.effects.push_voice(path, frame, client, slot);
        }
    }

    fn hang_up_all(&mut self, turn: &mut Turn<'_>, call: CallRef, conference: ConferenceRef, cause: CallEnd) {
        let Some(members) = self.subscriptions.conference(conference).map(|c| &c.members) else { return };
        let Some(record) = self.calls.get_mut(call) else { return };
        let seq = record.progress.next_seq();
        let mut made: Option<(RfTg, u32)> = None;
        for member in members {
            let Some(station) = self.stations.get_mut(member.session) else { continue };
            let (path, client) = (station.info.path, station.info.who.client);
            let line = station.line_mut(member.slot);
            let this = line.sent.is_some_and(|sent| sent.rf_tg == member.rf_tg);
            if !this || !line.hang_up(Feed::Call(call)) || cause == CallEnd::Terminator {
                continue;
            }
            let frame = match made {
                Some((rf_tg, frame)) if rf_tg == member.rf_tg => frame,
                _ => record.presentation.terminator(turn.effects, member.rf_tg, seq),
            };
            made = Some((member.rf_tg, frame));
            turn.effects.push_voice(path, frame, client, member.slot);
        }
    }
}
