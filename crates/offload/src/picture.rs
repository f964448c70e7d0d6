//! The hub's own picture of the packet plane, made of events alone: who is logged in, who is on which talkgroup, what is on
//! the air and what was. Owns the copy that lists are answered from and that a new listener is told; asks the core nothing
//! and steers nothing. What was lost leaves it incomplete until a resync is through. Source: design §5, R-228, R-240 to R-242.

mod session;
mod tell;
#[cfg(test)]
mod tests;

pub use session::{Options, Session, Subscription};
pub use tell::{Page, Place};

use crate::limits::HEARD_CALLS;
use ragchew_core::id::{CallNo, ConferenceTg, RfTg, SessionNo, Slot};
use ragchew_core::limits::{MAX_SESSIONS, MAX_STREAMS, MAX_SUBSCRIPTIONS};
use ragchew_core::report::{CallEnd, CallTag, SessionTag, What};
use ragchew_core::time::{Span, Wall};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A call on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnAir {
    /// Who speaks where.
    pub call: CallTag,
    /// When it began.
    pub since: Wall,
    /// It was joined after its begin.
    pub late_entry: bool,
    /// The resync that told it last.
    told: u32,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who spoke where.
    pub call: CallTag,
    /// When it began.
    pub since: Wall,
    /// It was joined after its begin.
    pub late_entry: bool,
    /// When it ended; of an end that was lost, when that was found out.
    pub ended: Wall,
    /// How long it was.
    pub duration: Span,
    /// Why it ended; none when its end was lost.
    pub cause: Option<CallEnd>,
    /// Frames that came, were missing, came too late.
    pub frames: [u32; 3],
}

/// A member of a conference: a slot of a session that has one or more talkgroups there.
type Member = (ConferenceTg, SessionNo, Slot);

/// The picture.
#[derive(Debug, Default)]
pub struct Picture {
    /// Boxed: the nodes of the map stay small where they are half empty.
    sessions: BTreeMap<SessionNo, Box<Session>>,
    members: BTreeSet<Member>,
    /// Members of each conference.
    conferences: BTreeMap<ConferenceTg, u32>,
    on_air: BTreeMap<CallNo, OnAir>,
    heard: VecDeque<Heard>,
    /// Sessions that are logged in; the others are known by a part of their state only.
    connected: u32,
    last_call: CallNo,
    resync: Option<u32>,
    /// Something was lost since the last whole resync, or since the start.
    incomplete: bool,
    /// Events that found no room.
    overflowed: u64,
}

impl Picture {
    /// Takes an event in.
    pub fn apply(&mut self, at: Wall, what: &What) {
        match *what {
            What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code, slots } => {
                let Some(session) = self.session_of(who) else { return };
                let first = !session.is_connected;
                // Told again, or once more by its client: it is the same login.
                session.since = if first { at } else { session.since.min(at) };
                session.is_connected = true;
                (session.remote, session.callsign) = (remote, callsign);
                (session.rx_hz, session.tx_hz) = (rx_hz, tx_hz);
                (session.colour_code, session.slots) = (colour_code, slots);
                self.connected += u32::from(first);
            }
            What::Software { who, software, package } => {
                if let Some(session) = self.session_of(who) {
                    (session.software, session.package, session.has_software) = (software, package, true);
                }
            }
            What::Described { who, location, description, .. } => {
                if let Some(session) = self.session_of(who) {
                    (session.location, session.description, session.is_described) = (location, description, true);
                }
            }
            What::Options { who, statics, single, dial, ua_timer, voided } => {
                if let Some(session) = self.session_of(who) {
                    session.options = Some(Options { statics, single, dial, ua_timer, voided });
                }
            }
            What::Moved { who, to, .. } => {
                if let Some(session) = self.session_of(who) {
                    session.remote = to;
                }
            }
            What::Subscribed { who, slot, rf_tg, conference, source } => {
                self.subscribe(who, Subscription { slot, rf_tg, conference, source });
            }
            What::Unsubscribed { who, slot, rf_tg, .. } => self.unsubscribe(who.session, slot, rf_tg),
            What::Disconnected { who, .. } => self.forget(who.session),
            What::Gone { session } => self.forget(session),
            What::Retold { who } => self.begin_again(who),
            What::ResyncBegan { epoch } => self.resync = Some(epoch),
            What::ResyncEnded { epoch } => self.sweep(at, epoch),
            What::CallStarted { call, late_entry } => self.start_call(at, call, late_entry),
            What::CallEnded { call, cause, duration, frames, lost, reordered } => {
                let figures = [frames, lost, reordered];
                self.end_call(at, call, Some(cause), duration, figures);
            }
            What::LoginStarted { .. }
            | What::LoginRefused { .. }
            | What::Authenticated { .. }
            | What::OptionsRefused { .. }
            | What::CallRefused { .. }
            | What::Kicked { .. }
            | What::EchoStarted { .. }
            | What::Reloaded { .. } => {}
        }
    }

    /// Events were lost: a resync that runs may have lost some of its own, so that its end proves nothing.
    pub fn lost(&mut self) {
        self.incomplete = true;
        self.resync = None;
    }

    /// Whether nothing is missing in it.
    pub const fn is_complete(&self) -> bool {
        !self.incomplete
    }

    /// Events that found no room, since the start.
    pub const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// Clients that are logged in.
    pub const fn session_count(&self) -> u32 {
        self.connected
    }

    /// Conferences with a member.
    pub fn conference_count(&self) -> u32 {
        self.conferences.len() as u32
    }

    /// Members of all conferences.
    pub fn member_count(&self) -> u32 {
        self.members.len() as u32
    }

    /// Calls on the air.
    pub fn on_air_count(&self) -> u32 {
        self.on_air.len() as u32
    }

    /// Calls since the start of the server: their numbers count from one.
    pub const fn calls(&self) -> u64 {
        self.last_call.0
    }

    /// A session that is logged in.
    pub fn session(&self, number: SessionNo) -> Option<&Session> {
        self.sessions.get(&number).map(Box::as_ref).filter(|session| session.is_connected)
    }

    /// Sessions that are logged in, in the order of their numbers, from behind `after`.
    pub fn sessions(&self, after: Option<SessionNo>) -> impl Iterator<Item = &Session> {
        let from = after.map_or(0, |after| after.0.saturating_add(1));
        let sessions = self.sessions.range(SessionNo(from)..);
        sessions.map(|(_, session)| session.as_ref()).filter(|session| session.is_connected)
    }

    /// Conferences with the number of their members, in order, from behind `after`.
    pub fn conferences(&self, after: Option<ConferenceTg>) -> impl Iterator<Item = (ConferenceTg, u32)> {
        let from = after.map_or(0, |after| after.0.saturating_add(1));
        self.conferences.range(ConferenceTg(from)..).map(|(&conference, &members)| (conference, members))
    }

    /// Who is on a conference, by session and slot.
    pub fn members(&self, conference: ConferenceTg) -> impl Iterator<Item = (&Session, &Subscription)> {
        let first = (conference, SessionNo(0), Slot::One);
        let last = (conference, SessionNo(u64::MAX), Slot::Two);
        let sessions =
            self.members.range(first..=last).filter_map(|&(_, number, slot)| Some((self.session(number)?, slot)));
        sessions.flat_map(move |(session, slot)| {
            let there = session.subscriptions().iter().filter(move |it| (it.slot, it.conference) == (slot, conference));
            there.map(move |it| (session, it))
        })
    }

    /// Calls on the air, the oldest first.
    pub fn on_air(&self) -> impl Iterator<Item = &OnAir> {
        self.on_air.values()
    }

    /// Calls that have ended, the newest first.
    pub fn heard(&self) -> impl Iterator<Item = &Heard> {
        self.heard.iter()
    }

    /// The record of a session; a new one when it was not known, because its begin was lost or comes later.
    fn session_of(&mut self, who: SessionTag) -> Option<&mut Session> {
        let full = self.sessions.len() >= MAX_SESSIONS && !self.sessions.contains_key(&who.session);
        if full {
            self.overflow();
            return None;
        }
        let session = self.sessions.entry(who.session).or_insert_with(|| Box::new(Session::new(who)));
        // Whatever is told of it shows that it is there.
        session.told = self.resync.unwrap_or(session.told);
        Some(session)
    }

    fn subscribe(&mut self, who: SessionTag, subscription: Subscription) {
        if self.members.len() >= MAX_SUBSCRIPTIONS {
            return self.overflow();
        }
        let Some(session) = self.session_of(who) else { return };
        let replaced = session.put(subscription);
        if let Some(replaced) = replaced {
            self.leave(who.session, replaced);
        }
        let Subscription { slot, conference, .. } = subscription;
        if self.members.insert((conference, who.session, slot)) {
            *self.conferences.entry(conference).or_default() += 1;
        }
    }

    fn unsubscribe(&mut self, session: SessionNo, slot: Slot, rf_tg: RfTg) {
        let removed = self.sessions.get_mut(&session).and_then(|session| session.take(slot, rf_tg));
        if let Some(removed) = removed {
            self.leave(session, removed);
        }
    }

    /// Takes a member out of its conference, unless another subscription of that slot means the same one.
    fn leave(&mut self, session: SessionNo, subscription: Subscription) {
        let Subscription { slot, conference, .. } = subscription;
        let stays =
            |session: &Session| session.subscriptions.iter().any(|it| (it.slot, it.conference) == (slot, conference));
        if self.sessions.get(&session).is_some_and(|session| stays(session)) {
            return;
        }
        if !self.members.remove(&(conference, session, slot)) {
            return;
        }
        if let Some(members) = self.conferences.get_mut(&conference) {
            *members -= 1;
            if *members == 0 {
                self.conferences.remove(&conference);
            }
        }
    }

    fn forget(&mut self, number: SessionNo) {
        let Some(session) = self.sessions.remove(&number) else { return };
        self.connected -= u32::from(session.is_connected);
        for subscription in session.subscriptions {
            self.leave(number, subscription);
        }
    }

    /// Everything about a session follows once more.
    fn begin_again(&mut self, who: SessionTag) {
        let Some(session) = self.session_of(who) else { return };
        for subscription in session.begin_again() {
            self.leave(who.session, subscription);
        }
    }

    fn start_call(&mut self, at: Wall, call: CallTag, late_entry: bool) {
        self.last_call = self.last_call.max(call.call);
        let told = self.resync.unwrap_or_default();
        if let Some(known) = self.on_air.get_mut(&call.call) {
            known.told = told;
            return;
        }
        if self.on_air.len() >= MAX_STREAMS {
            return self.overflow();
        }
        self.on_air.insert(call.call, OnAir { call, since: at, late_entry, told });
    }

    fn end_call(&mut self, at: Wall, call: CallTag, cause: Option<CallEnd>, duration: Span, frames: [u32; 3]) {
        self.last_call = self.last_call.max(call.call);
        let began = self.on_air.remove(&call.call);
        let since = began.map_or(Wall(at.0.saturating_sub(duration.0)), |began| began.since);
        let late_entry = began.is_some_and(|began| began.late_entry);
        self.heard.truncate(HEARD_CALLS - 1);
        self.heard.push_front(Heard { call, since, late_entry, ended: at, duration, cause, frames });
    }

    /// What the resync did not tell is gone. Of a resync whose begin was not heard nothing follows.
    fn sweep(&mut self, at: Wall, epoch: u32) {
        if self.resync != Some(epoch) {
            return;
        }
        self.resync = None;
        self.incomplete = false;
        let gone: Vec<SessionNo> =
            self.sessions.iter().filter(|(_, session)| session.told != epoch).map(|(&number, _)| number).collect();
        for number in gone {
            self.forget(number);
        }
        let ended: Vec<CallTag> =
            self.on_air.values().filter(|call| call.told != epoch).map(|on_air| on_air.call).collect();
        for call in ended {
            let began = self.on_air.get(&call.call).map_or(at, |began| began.since);
            self.end_call(at, call, None, Span(at.0.saturating_sub(began.0)), [0; 3]);
        }
    }

    fn overflow(&mut self) {
        self.overflowed += 1;
        self.incomplete = true;
    }
}
