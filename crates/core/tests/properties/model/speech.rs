//! Voice: what a burst means to its stream, who hears it, as what, and how a call ends. Source: `behaviour.md` 3.

use super::frame::{Frame, Kind, embedded_lc, fragment, frame_bytes, full_lc_burst, lc, lc_of};
use super::{Bucket, Call, Ended, Feed, Known, Model, Passed, Route, Sent};
use crate::coding::{Burst, FullLc, put_fragment, put_full_lc};
use crate::setup::{Listener, admits};
use ragchew_core::Span;
use ragchew_core::config::{BusyJoin, FirstCall, MappedAlias, Policy};
use ragchew_core::id::{ConferenceTg, RadioId, Slot, StreamId};
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{CallEnd, Destination, What};
use std::collections::BTreeMap;

/// How a stream gets on (`behaviour.md` 3.4).
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    last: Option<(u8, u64)>,
    seen: u64,
    accepted: u32,
    lost: u32,
    reordered: u32,
    at_once: Bucket,
    in_bulk: u64,
    /// The last frame of each sequence number modulo 64.
    recent: BTreeMap<u8, (u8, u8, Vec<u8>)>,
}

impl Progress {
    fn accept(&mut self, frame: &Frame, started: u64, now: u64) -> Result<(), Refusal> {
        let content = (frame.seq, frame.bits, frame.burst.to_vec());
        if let Some((last, at)) = self.last {
            if self.recent.get(&(frame.seq % 64)) == Some(&content) {
                return Err(Refusal::Duplicate);
            }
            if now - at < 1_000 {
                match frame.seq.wrapping_sub(last) {
                    0 => return Err(Refusal::Duplicate),
                    128.. => {
                        self.reordered += 1;
                        return Err(Refusal::Late);
                    }
                    ahead => self.lost += u32::from(ahead) - 1,
                }
            }
        }
        self.last = Some((frame.seq, now));
        self.recent.insert(frame.seq % 64, content);
        self.seen += 1;
        let in_bulk = !self.at_once.take(50, 40, now);
        let fast = self.seen > 18 && self.seen * 1_000 > 25 * (now - started);
        self.in_bulk += u64::from(in_bulk && !fast);
        if in_bulk || fast {
            return Err(Refusal::RateGuard);
        }
        self.accepted += 1;
        Ok(())
    }

    fn next_seq(&self) -> u8 {
        self.last.map_or(0, |(seq, _)| seq.wrapping_add(1))
    }
}

/// How a call looks under other numbers: the head of its LC, and the speaker's alias.
#[derive(Clone, Debug)]
pub(super) struct Look {
    head: [u8; 3],
    header_heard: bool,
    mapped: bool,
    keep_alias: bool,
    gathered: Vec<Vec<bool>>,
    alias: BTreeMap<u8, [u8; 9]>,
    superframe: usize,
    last_index: u8,
    shown: Option<[u8; 9]>,
}

impl Look {
    /// A call keeps the policy that it began with.
    fn new(frame: &Frame, policy: &Policy) -> Self {
        let mut look = Self {
            head: [0, 0, policy.late_entry_options],
            header_heard: false,
            mapped: false,
            keep_alias: policy.mapped_alias == MappedAlias::Keep,
            gathered: Vec::new(),
            alias: BTreeMap::new(),
            superframe: 0,
            last_index: 0,
            shown: None,
        };
        look.hear_header(frame);
        look
    }

    /// Feature set and options are those of the first header; a group call has the FLCO of one.
    fn hear_header(&mut self, frame: &Frame) {
        if frame.kind == Kind::Header && !self.header_heard {
            let [flco, fid, options, ..] = lc_of(&frame.burst);
            self.head = [flco & 0xc0, fid, options];
            self.header_heard = true;
        }
    }

    /// Superframes alternate between the talkgroup and the blocks of the alias, once somebody gets the call mapped.
    fn hear(&mut self, frame: &Frame) {
        self.hear_header(frame);
        let Kind::Voice(index) = frame.kind else { return };
        if index <= self.last_index {
            self.superframe += 1;
            let blocks: Vec<_> = self.alias.values().collect();
            let turn = self.superframe % 2 == 1 && !blocks.is_empty();
            self.shown = turn.then(|| *blocks[self.superframe / 2 % blocks.len()]);
        }
        self.last_index = index;
        if !self.mapped || !self.keep_alias || index == 0 {
            return;
        }
        if index == 1 || usize::from(index) != self.gathered.len() + 1 || index == 5 {
            self.gathered.clear();
        }
        if usize::from(index) == self.gathered.len() + 1 && index < 5 {
            self.gathered.push(fragment(&frame.burst));
        }
        if self.gathered.len() == 4 {
            let lc = embedded_lc(&self.gathered);
            self.gathered.clear();
            if let Some(lc) = lc.filter(|lc| (4..8).contains(&(lc[0] & 0x3f))) {
                self.alias.insert((lc[0] & 0x3f) - 4, lc);
            }
        }
    }
}

/// Whether the LC speaks of another call than DMRD does: radios would believe it.
fn is_foreign(frame: &Frame) -> bool {
    let carries = matches!(frame.kind, Kind::Header | Kind::Terminator);
    let [flco, _, _, numbers @ ..] = lc_of(&frame.burst);
    carries && (flco & 0x3f != 0 || numbers[..] != lc([0; 3], frame.tg, frame.source)[3..])
}

enum Meaning {
    /// The conference, and whether the line has a leg in it already, though it may be paused.
    Conference(u32, bool),
    Echo,
    Nowhere,
}

impl Model {
    pub(super) fn refuse_frame(&mut self, session: u64, frame: &Frame, why: Refusal) {
        self.refuse(why);
        let now = self.now;
        let record = self.s_mut(session);
        let who = record.tag();
        let line = &mut record.lines[frame.slot];
        let silent = matches!(why, Refusal::AfterEnd | Refusal::StrayTerminator | Refusal::IdleFrame);
        if silent || line.told.contains(&(frame.stream, why)) {
            return;
        }
        if !line.tells.take(8, 1_000, now) {
            self.made.untold += 1;
            return;
        }
        line.told.insert(0, (frame.stream, why));
        line.told.truncate(4);
        self.events.push(What::CallRefused {
            who,
            stream: StreamId(frame.stream),
            source: RadioId(frame.source),
            slot: Slot::BOTH[frame.slot],
            destination: frame.tg,
            why,
        });
    }

    /// A voice burst for a group, of a running session.
    pub(super) fn speech(&mut self, listener: &Listener, session: u64, frame: &Frame) {
        let current = self.speaking(session, frame.slot).filter(|call| call.stream == frame.stream).cloned();
        let Some(call) = current else { return self.begin(listener, session, frame) };
        if call.too_long {
            self.refuse(Refusal::TooLongCall);
            if frame.kind == Kind::Terminator {
                self.calls.retain(|other| other.number != call.number);
            } else {
                // The slot is in use, though nothing of it passes.
                let (now, passed) = (self.now, Passed { at: self.now, tg: call.rf, source: call.source });
                self.call_mut(call.number).last = now;
                self.s_mut(session).lines[frame.slot].received = Some(passed);
            }
        } else if (call.source, call.rf) != (frame.source, frame.tg) {
            self.refuse_frame(session, frame, Refusal::OtherAddressing);
        } else if frame.kind == Kind::Header && self.now - call.last > 2_000 {
            self.finish(call.number, CallEnd::Timeout);
            self.begin(listener, session, frame);
        } else {
            self.go_on(call.number, frame, false);
        }
    }

    fn meaning(&self, session: u64, slot: usize, tg: u32) -> Meaning {
        match (self.leg_of(session, slot, tg), tg) {
            (Some(leg), _) if leg.conference == 9_990 => Meaning::Echo,
            (Some(leg), _) => Meaning::Conference(leg.conference, true),
            (None, 9_990) => Meaning::Echo,
            (None, 0..=4 | 9 | 4_000 | 5_000 | 9_991..=9_999 | 16_777_215..) => Meaning::Nowhere,
            (None, _) => Meaning::Conference(tg, false),
        }
    }

    fn begin(&mut self, listener: &Listener, session: u64, frame: &Frame) {
        let meaning = self.meaning(session, frame.slot, frame.tg);
        let conference = match meaning {
            Meaning::Conference(conference, _) => conference,
            Meaning::Echo => 9_990,
            Meaning::Nowhere => frame.tg,
        };
        if let Err(why) = self.may_begin(listener, session, frame, conference) {
            return self.refuse_frame(session, frame, why);
        }
        if let Some(former) = self.speaking(session, frame.slot).map(|call| call.number) {
            self.finish(former, CallEnd::Replaced);
        }
        // The end of the former call may have taken away, in single mode, what this one was about to use.
        let joined = matches!(meaning, Meaning::Conference(_, true));
        let meaning = self.meaning(session, frame.slot, frame.tg);
        self.made.meanings_changed += u64::from(joined && matches!(meaning, Meaning::Conference(_, false)));
        let call = self.open(session, frame, meaning, conference);
        self.go_on(call, frame, true);
    }

    fn may_begin(&mut self, listener: &Listener, session: u64, frame: &Frame, as_tg: u32) -> Result<(), Refusal> {
        const MAX: u32 = 16_776_415;
        let now = self.now;
        if listener.checks_speakers {
            let list = listener.talkgroups[frame.slot];
            if !admits(listener.subscriber, frame.source, MAX) {
                return Err(Refusal::SubscriberAcl);
            }
            if !admits(list, frame.tg, MAX) || !admits(list, as_tg, MAX) {
                return Err(Refusal::TalkgroupAcl);
            }
        }
        if let Some(call) = self.speaking(session, frame.slot) {
            if call.too_long && now - call.last < 5_000 {
                return Err(Refusal::TooLongCall);
            }
            if now - call.last < 360 && call.source != frame.source {
                return Err(Refusal::SlotBusy);
            }
        }
        let record = self.s(session);
        let origin = (record.listener, record.client, frame.slot);
        let key = (frame.stream, as_tg);
        match self.known.get_mut(&key) {
            None if frame.kind == Kind::Terminator => return Err(Refusal::StrayTerminator),
            None => {}
            Some(known) if known.origin != origin => return Err(Refusal::Loop),
            Some(Known { ended: None, .. }) => return Err(Refusal::AfterEnd),
            Some(Known { ended: Some(ended), .. }) => {
                let silent = now - ended.last_frame;
                ended.last_frame = now;
                let begins = match frame.kind {
                    Kind::Terminator => false,
                    _ if ended.soft => true,
                    Kind::Header => now - ended.at > 360,
                    Kind::Voice(0) => silent >= 2_000,
                    _ => false,
                };
                if !begins {
                    return Err(Refusal::AfterEnd);
                }
            }
        }
        if self.last_calls {
            self.made.too_late += 1;
            return Err(Refusal::Draining);
        }
        if !self.s_mut(session).lines[frame.slot].starts.take(8, 1_000, now) {
            return Err(Refusal::StreamStarts);
        }
        self.known.insert(key, Known { origin, ended: None });
        Ok(())
    }

    fn open(&mut self, session: u64, frame: &Frame, meaning: Meaning, known_as: u32) -> u64 {
        let (slot, now) = (frame.slot, self.now);
        let joins = match meaning {
            Meaning::Conference(conference, false) => Some(conference),
            _ => None,
        };
        let waits = joins.is_some() && self.setup.policy.first_call == FirstCall::ActivateOnly;
        let paused = self.leg_of(session, slot, frame.tg).is_some_and(|leg| !leg.active);
        let leg = if waits { None } else { self.keyed(session, slot, frame.tg, joins) };
        if let Some(leg) = leg.and_then(|leg| self.leg_mut(leg)) {
            leg.speaking = true;
        }
        self.made.paused_keyed += u64::from(paused);
        let route = match meaning {
            Meaning::Echo => self.open_echo(session, frame),
            Meaning::Nowhere => Route::Nowhere(Refusal::NotRouted),
            Meaning::Conference(..) if waits => Route::Nowhere(Refusal::FirstCall),
            Meaning::Conference(conference, joined) if !joined && self.is_busy(conference) => {
                Route::Nowhere(Refusal::BusyTalkgroup)
            }
            Meaning::Conference(conference, _) => Route::Conference(conference),
        };
        if !matches!(route, Route::Echo(_) | Route::Nowhere(Refusal::EchoBusy)) {
            self.drop_echo(session, slot);
        }
        let destination = match route {
            Route::Conference(conference) => Destination::Conference(ConferenceTg(conference)),
            Route::Echo(_) => Destination::Echo,
            Route::Nowhere(why) => Destination::Nowhere(why),
        };
        let tag = self.call_tag(frame, session, destination);
        self.calls.push(Call {
            tag,
            number: tag.call.0,
            session,
            slot,
            rf: frame.tg,
            source: frame.source,
            stream: frame.stream,
            known_as,
            route,
            leg,
            joins: joins.filter(|_| waits),
            started: now,
            last: now,
            too_long: false,
            hasty_end: false,
            progress: Progress::default(),
            look: Look::new(frame, &self.setup.policy),
            aliases_left: 16,
        });
        self.events.push(What::CallStarted { call: tag, late_entry: frame.kind != Kind::Header });
        tag.call.0
    }

    /// P-2: somebody is on the air there.
    fn is_busy(&self, conference: u32) -> bool {
        let live = |call: &Call| call.route == Route::Conference(conference) && self.now - call.last < 360;
        self.setup.policy.busy_join == BusyJoin::Silent && self.calls.iter().any(live)
    }

    fn go_on(&mut self, number: u64, frame: &Frame, first: bool) {
        let now = self.now;
        let call = self.call_mut(number);
        let mut verdict = call.progress.accept(frame, call.started, now);
        if verdict == Err(Refusal::RateGuard) && frame.kind == Kind::Terminator {
            // Whoever heard the call is to hear it end.
            verdict = Ok(());
            call.hasty_end = true;
        }
        if let Err(why @ (Refusal::Duplicate | Refusal::Late)) = verdict {
            return self.refuse(why);
        }
        call.last = now;
        let (session, slot, route) = (call.session, call.slot, call.route);
        let passed = Passed { at: now, tg: call.rf, source: call.source };
        self.s_mut(session).lines[slot].received = Some(passed);
        match (verdict, route) {
            (Err(why), _) => self.refuse_frame(session, frame, why),
            (Ok(()), Route::Conference(conference)) => self.deliver(number, conference, frame, first),
            (Ok(()), Route::Echo(echo)) => self.record(echo, frame),
            (Ok(()), Route::Nowhere(why)) => self.refuse(why),
        }
        if frame.kind == Kind::Terminator {
            self.finish(number, CallEnd::Terminator);
        }
    }

    /// Contention at a line (`behaviour.md` 3.7), first rule that forbids.
    pub(super) fn admits(&self, session: u64, slot: usize, feed: Feed, rf: u32, source: u32) -> Result<(), Refusal> {
        let record = self.s(session);
        let (line, hang) = (&record.lines[slot], record.settings.hang);
        if let Some(heard) = line.received {
            let age = self.now - heard.at;
            if heard.tg != rf && age < hang {
                return Err(Refusal::TargetHeardOther);
            }
            if age < 360 && (heard.tg == rf || self.speaking(session, slot).is_some()) {
                return Err(Refusal::TargetTalking);
            }
        }
        if let Some(sent) = line.sent {
            let age = self.now - sent.at;
            if sent.tg != rf && age < hang {
                return Err(Refusal::TargetSentOther);
            }
            let another = line.feed.is_some_and(|other| other != feed || sent.tg != rf);
            if age < 360 && (another || (sent.tg == rf && sent.source != source)) {
                return Err(Refusal::TargetSentAnother);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, number: u64, conference: u32, frame: &Frame, first: bool) {
        let policy = self.setup.policy;
        let call = self.call_mut(number);
        call.look.hear(frame);
        let (speaker, slot, rf, source) = (call.session, call.slot, call.rf, call.source);
        let (feed, now) = (Feed::Call(number), self.now);
        let foreign = is_foreign(frame);
        for leg in self.members_of(conference) {
            if leg.session == speaker && (!policy.self_other_slot || leg.slot == slot) {
                continue;
            }
            if !self.s(leg.session).hears[leg.slot] {
                self.refuse(Refusal::SlotNotServed);
                continue;
            }
            let free = self.admits(leg.session, leg.slot, feed, leg.rf, source);
            let line = &mut self.s_mut(leg.session).lines[leg.slot];
            let hears = line.feed == Some(feed);
            if let Err(why) = free {
                // Who loses the line to somebody else comes back as one who joins late.
                if hears && line.sent.is_some_and(|sent| sent.tg == leg.rf) {
                    line.feed = None;
                }
                self.refuse(why);
                continue;
            }
            let late = !hears && !first && frame.kind != Kind::Header;
            if late && frame.kind != Kind::Voice(0) {
                self.refuse(Refusal::AwaitsSuperframe);
                continue;
            }
            if !hears {
                self.end_former(leg.session, leg.slot);
            }
            let line = &mut self.s_mut(leg.session).lines[leg.slot];
            line.feed = Some(feed);
            line.sent = Some(Passed { at: now, tg: leg.rf, source });
            if late {
                self.made.late_joins += 1;
                self.send_made(number, leg.session, leg.slot, leg.rf, FullLc::Header, frame.seq.wrapping_sub(1));
            }
            let made = foreign || leg.rf != rf;
            let burst = if made { self.mapped_burst(number, frame, leg.rf) } else { frame.burst };
            self.made.foreign += u64::from(foreign);
            self.made.mapped += u64::from(leg.rf != rf);
            self.made.delivered += 1;
            let record = self.s(leg.session);
            let bits = frame.bits & 0x7f | (leg.slot as u8) << 7;
            let (client, stream) = (record.client, frame.stream);
            let bytes = frame_bytes(frame.seq, source, leg.rf, client, bits, stream, &burst, frame.trailer);
            self.sent.push(Sent::Frame(record.path, bytes));
        }
    }

    /// The burst with the LC of another talkgroup, or with a block of the alias in its place.
    fn mapped_burst(&mut self, number: u64, frame: &Frame, rf: u32) -> Burst {
        let call = self.call_mut(number);
        call.look.mapped |= rf != call.rf;
        let own = lc(call.look.head, rf, call.source);
        let shown = call.look.shown;
        let mut burst = frame.burst;
        match frame.kind {
            Kind::Header => put_full_lc(&mut burst, FullLc::Header, own),
            Kind::Terminator => put_full_lc(&mut burst, FullLc::Terminator, own),
            Kind::Voice(n @ 1..=4) => put_fragment(&mut burst, usize::from(n) - 1, shown.unwrap_or(own)),
            _ => {}
        }
        self.made.aliases_shown += u64::from(shown.is_some());
        burst
    }

    /// A header or terminator of the server's own.
    fn send_made(&mut self, number: u64, session: u64, slot: usize, rf: u32, kind: FullLc, seq: u8) {
        let call = self.call(number);
        let burst = full_lc_burst(kind, lc(call.look.head, rf, call.source));
        let bits = if kind == FullLc::Header { 0x21 } else { 0x22 } | (slot as u8) << 7;
        let record = self.s(session);
        let bytes = frame_bytes(seq, call.source, rf, record.client, bits, call.stream, &burst, [0, 0]);
        self.sent.push(Sent::Frame(record.path, bytes));
    }

    /// A line that goes over to another call hears the former one end first.
    pub(super) fn end_former(&mut self, session: u64, slot: usize) {
        let line = &self.s(session).lines[slot];
        if let (Some(Feed::Call(former)), Some(sent)) = (line.feed, line.sent) {
            self.made.went_over += 1;
            self.hang_up(former, session, slot, sent.tg, true);
        }
    }

    /// A line hears a call no longer; it is told by a terminator unless it got the call's own.
    pub(super) fn hang_up(&mut self, number: u64, session: u64, slot: usize, rf: u32, tell: bool) {
        let line = &mut self.s_mut(session).lines[slot];
        if line.feed != Some(Feed::Call(number)) || line.sent.is_none_or(|sent| sent.tg != rf) {
            return;
        }
        line.feed = None;
        if tell {
            self.made.made_terminators += 1;
            let seq = self.call(number).progress.next_seq();
            self.send_made(number, session, slot, rf, FullLc::Terminator, seq);
        }
    }

    pub(super) fn finish(&mut self, number: u64, cause: CallEnd) {
        let now = self.now;
        let call = self.call(number).clone();
        self.made.in_bulk += call.progress.in_bulk;
        self.made.hasty_ends += u64::from(call.hasty_end);
        if call.too_long {
            // It was told and counted when it reached the limit.
            return self.calls.retain(|other| other.number != number);
        }
        match call.route {
            Route::Conference(conference) => {
                for leg in self.members_of(conference) {
                    self.hang_up(number, leg.session, leg.slot, leg.rf, cause != CallEnd::Terminator);
                }
            }
            Route::Echo(echo) => self.recorded(echo),
            Route::Nowhere(_) => {}
        }
        if let Some(leg) = call.leg.and_then(|leg| self.leg_mut(leg)) {
            leg.speaking = false;
        }
        if cause != CallEnd::SessionEnded {
            self.keyed(call.session, call.slot, call.rf, call.joins);
        }
        let soft = matches!(cause, CallEnd::Timeout | CallEnd::SessionEnded);
        let known = self.known.get_mut(&(call.stream, call.known_as)).unwrap();
        known.ended = Some(Ended { at: now, last_frame: now, soft });
        let Progress { accepted: frames, lost, reordered, .. } = call.progress;
        let duration = Span::millis(call.last - call.started);
        self.events.push(What::CallEnded { call: call.tag, cause, duration, frames, lost, reordered });
        if cause == CallEnd::TooLong {
            let call = self.call_mut(number);
            call.too_long = true;
            call.route = Route::Nowhere(Refusal::TooLongCall);
        } else {
            self.calls.retain(|other| other.number != number);
        }
    }
}
