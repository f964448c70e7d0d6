//! From an admitted burst to a call: is it voice for a group, does it go on with a call or begin one, is it in order. Every
//! refusal ends the walk with a counted, named reason. Source: `behaviour.md` 3.1 to 3.5, S-099 to S-136.

use super::Routing;
use super::call::{Call, Route};
use super::membership::Meaning;
use super::memory::Origin;
use super::presentation::Presentation;
use super::progress::Progress;
use super::station::Passed;
use crate::config::{BusyJoin, FirstCall, Listener};
use crate::id::{ConferenceTg, RfTg};
use crate::limits::{STREAM_LIVE, STREAM_RESTART, STREAM_STARTS, STREAM_TIMEOUT, TALK_LIMIT};
use crate::refs::{CallRef, ConferenceRef, SessionRef};
use crate::refusal::Refusal;
use crate::report::{CallEnd, CallTag, Destination, What};
use crate::time::Moment;
use crate::turn::{Due, Turn};
use crate::wire::hbp::{DmrdView, FrameKind};

impl Routing {
    /// Takes a burst of a running client.
    pub(crate) fn frame(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        session: SessionRef,
        frame: &DmrdView<'_>,
    ) {
        if let Err(why) = carried(frame) {
            return self.refuse(turn, session, frame, why);
        }
        let Some(station) = self.stations.get(session) else { return turn.refuse(Refusal::WrongState) };
        let current = station.line(frame.slot()).speaking;
        match current.and_then(|call| Some((call, self.calls.get(call)?))) {
            Some((call, record)) if record.tag.stream == frame.stream() => {
                if record.too_long {
                    self.still_too_long(turn, call, frame);
                } else if record.tag.source != frame.source() || record.tag.rf_tg.0 != frame.destination_raw() {
                    self.refuse(turn, session, frame, Refusal::OtherAddressing);
                } else if turn.now.mono >= record.started + TALK_LIMIT {
                    self.finish(turn, call, CallEnd::TooLong);
                    self.still_too_long(turn, call, frame);
                } else if frame.kind() == FrameKind::VoiceHeader && turn.now.mono.since(record.last) > STREAM_RESTART {
                    // Some clients keep one ID for several calls (`wire.md` 6, trap 12).
                    self.finish(turn, call, CallEnd::Timeout);
                    self.begin(turn, listener, session, frame);
                } else {
                    self.go_on(turn, call, frame, false);
                }
            }
            _ => self.begin(turn, listener, session, frame),
        }
    }

    /// A stream that the line does not have: may it begin, and what does it mean there?
    fn begin(&mut self, turn: &mut Turn<'_>, listener: &Listener, session: SessionRef, frame: &DmrdView<'_>) {
        let rf_tg = RfTg(frame.destination_raw());
        let meaning = self.meaning(session, frame.slot(), rf_tg);
        let conference = meaning.conference(rf_tg);
        let checked = admitted(listener, frame, conference)
            .and_then(|()| self.line_is_free(turn, session, frame))
            .and_then(|()| self.claim(turn, session, frame, conference));
        if let Err(why) = checked {
            return self.refuse(turn, session, frame, why);
        }
        let former = self.stations.get(session).and_then(|station| station.line(frame.slot()).speaking);
        // The end of the former call may take away, in single mode, what this one was about to use.
        let (meaning, conference) = match former {
            Some(former) => {
                self.finish(turn, former, CallEnd::Replaced);
                let meaning = self.meaning(session, frame.slot(), rf_tg);
                (meaning, meaning.conference(rf_tg))
            }
            None => (meaning, conference),
        };
        if let Some(call) = self.open(turn, session, frame, meaning, conference) {
            self.go_on(turn, call, frame, true);
        }
    }

    /// Whether the line may begin another stream now.
    fn line_is_free(&self, turn: &Turn<'_>, session: SessionRef, frame: &DmrdView<'_>) -> Result<(), Refusal> {
        let current = self.stations.get(session).and_then(|station| station.line(frame.slot()).speaking);
        let Some(call) = current.and_then(|call| self.calls.get(call)) else { return Ok(()) };
        let silent = turn.now.mono.since(call.last);
        if call.too_long && silent < STREAM_TIMEOUT {
            return Err(Refusal::TooLongCall);
        }
        // The same radio may begin anew at once: its terminator was lost.
        if silent < STREAM_LIVE && call.tag.source != frame.source() {
            return Err(Refusal::SlotBusy);
        }
        Ok(())
    }

    /// Claims the stream for this origin, if it is nobody else's and not over.
    fn claim(
        &mut self,
        turn: &Turn<'_>,
        session: SessionRef,
        frame: &DmrdView<'_>,
        conference: ConferenceTg,
    ) -> Result<(), Refusal> {
        let station = self.stations.get_mut(session).ok_or(Refusal::WrongState)?;
        let who = station.info.who;
        let origin = Origin { listener: who.listener, client: who.client, slot: frame.slot() };
        let key = (frame.stream(), conference);
        let now = turn.now.mono;
        self.memory.may_begin(key, origin, frame.kind(), now)?;
        if turn.shared.last_calls {
            return Err(Refusal::Draining);
        }
        if !station.line_mut(frame.slot()).starts.take(STREAM_STARTS, now) {
            return Err(Refusal::StreamStarts);
        }
        self.memory.begin(key, origin)
    }

    /// Makes the record of a call, and what keying up does to the speaker's talkgroups.
    fn open(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionRef,
        frame: &DmrdView<'_>,
        meaning: Meaning,
        conference: ConferenceTg,
    ) -> Option<CallRef> {
        let (slot, rf_tg, now) = (frame.slot(), RfTg(frame.destination_raw()), turn.now.mono);
        let joins = match meaning {
            Meaning::Joins(conference) => Some(conference),
            _ => None,
        };
        let waits = joins.is_some() && self.policy.first_call == FirstCall::ActivateOnly;
        let subscription = if waits { None } else { self.keyed(turn, session, slot, rf_tg, joins) };
        if let Some(record) = subscription.and_then(|s| self.subscriptions.get_mut(s)) {
            record.speaking = true;
        }
        let route = match meaning {
            Meaning::Echo => self.open_echo(session, frame),
            Meaning::Nowhere => Route::Nowhere(Refusal::NotRouted),
            _ if waits => Route::Nowhere(Refusal::FirstCall),
            _ => match subscription.and_then(|s| self.subscriptions.get(s)).map(|s| s.conference) {
                None => Route::Nowhere(Refusal::TooManySubscriptions),
                // P-2: who joins a running conversation listens first.
                Some(conference) if joins.is_some() && self.is_busy(turn, conference) => {
                    Route::Nowhere(Refusal::BusyTalkgroup)
                }
                Some(conference) => Route::Conference(conference),
            },
        };
        self.cancel_echo(session, slot, route);
        let station = self.stations.get(session)?;
        let tag = CallTag {
            call: turn.next_call(),
            from: station.info.who,
            stream: frame.stream(),
            source: frame.source(),
            slot,
            rf_tg,
            destination: match route {
                Route::Conference(_) => Destination::Conference(conference),
                Route::Echo(_) => Destination::Echo,
                Route::Nowhere(why) => Destination::Nowhere(why),
            },
        };
        let late_entry = frame.kind() != FrameKind::VoiceHeader;
        let call = self.calls.insert(Call {
            tag,
            session,
            slot,
            key: (frame.stream(), conference),
            route,
            subscription,
            joins: joins.filter(|_| waits),
            started: now,
            began: turn.now.wall,
            late_entry,
            last: now,
            too_long: false,
            progress: Progress::new(now),
            presentation: Presentation::new(frame, &self.policy),
            alias_left: Call::ALIASES,
        });
        if let Route::Conference(conference) = route {
            self.subscriptions.add_call(conference, call);
        }
        self.stations.get_mut(session)?.line_mut(slot).speaking = Some(call);
        turn.due(self.calls.get(call)?.deadline(), Due::Call(call));
        turn.report(What::CallStarted { call: tag, late_entry });
        Some(call)
    }

    /// A frame of a call that is on the air.
    fn go_on(&mut self, turn: &mut Turn<'_>, call: CallRef, frame: &DmrdView<'_>, first: bool) {
        let now = turn.now.mono;
        let Some(record) = self.calls.get_mut(call) else { return };
        let hash = self.frame_key.hash_bytes(&frame.contents());
        let mut verdict = record.progress.accept(frame.seq(), hash, now);
        if frame.kind() == FrameKind::Terminator && verdict == Err(Refusal::RateGuard) {
            // Whoever heard the call is to hear it end.
            verdict = Ok(());
        }
        if matches!(verdict, Err(Refusal::Duplicate | Refusal::Late)) {
            return verdict.err().into_iter().for_each(|why| turn.refuse(why));
        }
        record.last = now;
        let (session, slot, route) = (record.session, record.slot, record.route);
        if let Some(station) = self.stations.get_mut(session) {
            station.line_mut(slot).received =
                Some(Passed { at: Moment::at(now), rf_tg: record.tag.rf_tg, source: record.tag.source });
        }
        match (verdict, route) {
            (Err(why), _) => self.refuse(turn, session, frame, why),
            (Ok(()), Route::Conference(conference)) => self.deliver(turn, call, conference, frame, first),
            (Ok(()), Route::Echo(echo)) => self.echoes.get_mut(echo).into_iter().for_each(|echo| echo.record(frame)),
            (Ok(()), Route::Nowhere(why)) => turn.refuse(why),
        }
        if frame.kind() == FrameKind::Terminator {
            self.finish(turn, call, CallEnd::Terminator);
        }
    }

    /// A transmission that has reached the talk limit goes on: nothing of it passes until it really stops.
    fn still_too_long(&mut self, turn: &mut Turn<'_>, call: CallRef, frame: &DmrdView<'_>) {
        turn.refuse(Refusal::TooLongCall);
        if frame.kind() == FrameKind::Terminator {
            return self.release(call);
        }
        let Some(record) = self.calls.get_mut(call) else { return };
        record.last = turn.now.mono;
        let passed = Passed { at: Moment::at(turn.now.mono), rf_tg: record.tag.rf_tg, source: record.tag.source };
        if let Some(station) = self.stations.get_mut(record.session) {
            // The slot is in use, though nothing of it passes.
            station.line_mut(record.slot).received = Some(passed);
        }
    }

    /// Whether another call is on the air in a conference.
    fn is_busy(&self, turn: &Turn<'_>, conference: ConferenceRef) -> bool {
        if self.policy.busy_join == BusyJoin::Contend {
            return false;
        }
        let calls = self.subscriptions.conference(conference).map_or(&[][..], |conference| &conference.calls);
        calls.iter().filter_map(|&call| self.calls.get(call)).any(|call| turn.now.mono.since(call.last) < STREAM_LIVE)
    }

    /// Counts a refusal, and tells it once per stream and reason.
    pub(super) fn refuse(&mut self, turn: &mut Turn<'_>, session: SessionRef, frame: &DmrdView<'_>, why: Refusal) {
        turn.refuse(why);
        let Some(station) = self.stations.get_mut(session) else { return };
        let who = station.info.who;
        let line = station.line_mut(frame.slot());
        let silent = matches!(why, Refusal::AfterEnd | Refusal::StrayTerminator | Refusal::IdleFrame);
        if silent || !line.tells(frame.stream(), why, turn.now.mono) {
            return;
        }
        turn.report(What::CallRefused {
            who,
            stream: frame.stream(),
            source: frame.source(),
            slot: frame.slot(),
            destination: frame.destination_raw(),
            why,
        });
    }
}

/// Whether this kind of burst is carried: voice for groups.
fn carried(frame: &DmrdView<'_>) -> Result<(), Refusal> {
    let kind = frame.kind();
    if matches!(kind, FrameKind::Invalid) {
        return Err(Refusal::BadFrameType);
    }
    if kind == FrameKind::Idle {
        return Err(Refusal::IdleFrame);
    }
    if !kind.is_voice() {
        return Err(Refusal::DataCall);
    }
    if frame.is_unit() { Err(Refusal::UnitCall) } else { Ok(()) }
}

/// Whether the listener's lists admit speaker and talkgroup; of a mapped talkgroup both numbers.
fn admitted(listener: &Listener, frame: &DmrdView<'_>, conference: ConferenceTg) -> Result<(), Refusal> {
    let acl = &listener.acl;
    if !acl.enabled {
        return Ok(());
    }
    if !acl.subscriber.admits(frame.source().0) {
        return Err(Refusal::SubscriberAcl);
    }
    let talkgroups = &acl.talkgroups[frame.slot().index()];
    let both = talkgroups.admits(frame.destination_raw()) && talkgroups.admits(conference.0);
    if both { Ok(()) } else { Err(Refusal::TalkgroupAcl) }
}
