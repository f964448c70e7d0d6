//! Talkgroups of a client: statics, maps, the default reflector, what it keyed up; single mode, TG 4000, expiry.
//! Source: `behaviour.md` 1.4 to 1.6, 1.9.

use super::options::Wish;
use super::{Due, Feed, Leg, Model};
use ragchew_core::id::{ConferenceTg, RfTg, Slot};
use ragchew_core::report::{CallEnd, SubscriptionEnd, SubscriptionSource, What};

impl Model {
    pub(super) fn leg_of(&self, session: u64, slot: usize, rf: u32) -> Option<&Leg> {
        self.legs.iter().find(|leg| (leg.session, leg.slot, leg.rf) == (session, slot, rf))
    }

    fn leg(&self, number: u64) -> &Leg {
        self.legs.iter().find(|leg| leg.number == number).unwrap()
    }

    pub(super) fn leg_mut(&mut self, number: u64) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.number == number)
    }

    pub(super) fn of_line(&self, session: u64, slot: usize) -> Vec<Leg> {
        self.legs.iter().filter(|leg| leg.session == session && leg.slot == slot).cloned().collect()
    }

    /// Those who are served of a conference, in order.
    pub(super) fn members_of(&self, conference: u32) -> Vec<Leg> {
        let members = self.members.get(&conference).cloned().unwrap_or_default();
        members.into_iter().map(|number| self.leg(number).clone()).collect()
    }

    fn activate(&mut self, number: u64) {
        let leg = self.leg_mut(number).unwrap();
        leg.active = true;
        let conference = leg.conference;
        self.members.entry(conference).or_default().push(number);
    }

    fn deactivate(&mut self, number: u64) {
        let leg = self.leg_mut(number).unwrap();
        leg.active = false;
        let conference = leg.conference;
        let members = self.members.get_mut(&conference).unwrap();
        if let Some(place) = members.iter().position(|&member| member == number) {
            members.swap_remove(place);
        }
    }

    fn add_leg(&mut self, session: u64, (slot, rf, conference): Wish, source: SubscriptionSource) -> u64 {
        self.made.legs += 1;
        let number = self.made.legs;
        let (until, alarm, active, speaking) = (None, None, false, false);
        self.legs.push(Leg { number, session, slot, rf, conference, source, active, until, alarm, speaking });
        self.activate(number);
        self.tell_begin(number);
        number
    }

    fn remove_leg(&mut self, number: u64) {
        self.deactivate(number);
        self.legs.retain(|leg| leg.number != number);
    }

    /// Ends a leg; who hears a call by it hears that end.
    pub(super) fn drop_leg(&mut self, number: u64, cause: SubscriptionEnd) {
        self.stop_hearing(number);
        self.tell_end(number, cause);
        self.remove_leg(number);
    }

    fn stop_hearing(&mut self, number: u64) {
        let leg = self.leg(number).clone();
        let line = &self.s(leg.session).lines[leg.slot];
        if let (Some(Feed::Call(call)), Some(sent)) = (line.feed, line.sent) {
            if sent.tg == leg.rf {
                self.hang_up(call, leg.session, leg.slot, leg.rf, true);
            }
        }
    }

    fn tell_begin(&mut self, number: u64) {
        let leg = self.leg(number).clone();
        let (slot, rf_tg, conference) = (Slot::BOTH[leg.slot], RfTg(leg.rf), ConferenceTg(leg.conference));
        let who = self.s(leg.session).tag();
        self.events.push(What::Subscribed { who, slot, rf_tg, conference, source: leg.source });
    }

    fn tell_end(&mut self, number: u64, cause: SubscriptionEnd) {
        let leg = self.leg(number).clone();
        let (slot, rf_tg, conference) = (Slot::BOTH[leg.slot], RfTg(leg.rf), ConferenceTg(leg.conference));
        let who = self.s(leg.session).tag();
        self.events.push(What::Unsubscribed { who, slot, rf_tg, conference, cause });
    }

    /// Makes a session's legs what its settings ask for; what stays is not touched, what its user keyed up stays too.
    pub(super) fn settle(&mut self, session: u64) {
        let wanted = self.s(session).settings.wanted();
        for slot in 0..2 {
            for leg in self.of_line(session, slot) {
                let user = leg.source == SubscriptionSource::UserActivated;
                let same = wanted.iter().find(|(wish, _)| *wish == (slot, leg.rf, leg.conference));
                let taken = wanted.iter().any(|(wish, _)| (wish.0, wish.1) == (slot, leg.rf));
                match same {
                    Some(&(_, source)) if source != leg.source => {
                        let record = self.leg_mut(leg.number).unwrap();
                        record.source = source;
                        if user {
                            record.until = None;
                        }
                        if leg.active {
                            self.tell_begin(leg.number);
                        }
                    }
                    Some(_) => {}
                    None if user && !taken => {}
                    None => self.drop_leg(leg.number, SubscriptionEnd::Removed),
                }
            }
        }
        for (wish, source) in wanted {
            if self.leg_of(session, wish.0, wish.1).is_none() {
                self.add_leg(session, wish, source);
            }
        }
    }

    /// A transmission on a talkgroup, at its first frame and at its end: in single mode, or on TG 4000, the others of that
    /// slot go or pause; its own begins, comes back, or gets its time anew. `joins`: the conference it begins, if any.
    pub(super) fn keyed(&mut self, session: u64, slot: usize, rf: u32, joins: Option<u32>) -> Option<u64> {
        self.clear_slot(session, slot, rf);
        let own = match (self.leg_of(session, slot, rf), joins) {
            (Some(leg), _) => leg.number,
            (None, None) => return None,
            (None, Some(conference)) => {
                let is_user = |leg: &Leg| leg.source == SubscriptionSource::UserActivated;
                let users: Vec<Leg> = self.of_line(session, slot).into_iter().filter(is_user).collect();
                if users.len() >= 32 {
                    self.drop_leg(users[0].number, SubscriptionEnd::Oldest);
                }
                self.add_leg(session, (slot, rf, conference), SubscriptionSource::UserActivated)
            }
        };
        let ends = self.now + self.s(session).settings.ua;
        let leg = self.leg_mut(own).unwrap();
        leg.until = Some(ends).filter(|_| leg.source == SubscriptionSource::UserActivated);
        if !leg.active {
            self.activate(own);
            self.tell_begin(own);
        }
        self.set_alarm(own);
        Some(own)
    }

    fn clear_slot(&mut self, session: u64, slot: usize, keyed: u32) {
        let settings = &self.s(session).settings;
        let (single, back) = (settings.single, self.now + settings.ua);
        let unlinks = keyed == 4_000 && (single || self.setup.policy.tg4000_unlinks);
        for leg in self.of_line(session, slot).into_iter().rev() {
            let dialled = leg.source == SubscriptionSource::DefaultReflector;
            if leg.rf == keyed || (dialled && keyed != 9) || !(single || unlinks) {
                continue;
            }
            if leg.source == SubscriptionSource::UserActivated {
                let cause = if unlinks { SubscriptionEnd::Unlinked } else { SubscriptionEnd::Displaced };
                self.drop_leg(leg.number, cause);
            } else if single && self.setup.policy.single_suspends_statics {
                if leg.active {
                    self.stop_hearing(leg.number);
                    self.deactivate(leg.number);
                    self.tell_end(leg.number, SubscriptionEnd::Suspended);
                }
                self.leg_mut(leg.number).unwrap().until = Some(back);
                self.set_alarm(leg.number);
            }
        }
    }

    /// A leg is looked at when its time was first to come, and again when it has been given more; at least every minute.
    fn set_alarm(&mut self, number: u64) {
        self.made.alarms += 1;
        let place = self.made.alarms;
        let look = self.now + 60_000;
        let leg = self.leg_mut(number).unwrap();
        let at = leg.until.map(|until| until.min(look));
        if let Some(at) = at.filter(|&at| leg.alarm.is_none_or(|(other, _)| at < other)) {
            leg.alarm = Some((at, place));
        }
    }

    pub(super) fn leg_is_due(&mut self, number: u64) {
        let now = self.now;
        let leg = self.leg_mut(number).unwrap();
        leg.alarm = None;
        // While its own client speaks on it nothing ends; the end of the call gives it its time.
        if leg.speaking {
            return;
        }
        let (session, slot, active, until) = (leg.session, leg.slot, leg.active, leg.until);
        match until {
            None => {}
            Some(until) if until > now => self.set_alarm(number),
            Some(_) if active => self.drop_leg(number, SubscriptionEnd::Expired),
            // What is paused does not come back into its client's own transmission.
            Some(_) if self.speaking(session, slot).is_some() => {
                self.made.waited += 1;
                self.leg_mut(number).unwrap().until = Some(now + 5_000);
                self.set_alarm(number);
            }
            Some(_) => {
                let leg = self.leg_mut(number).unwrap();
                leg.until = None;
                self.activate(number);
                self.tell_begin(number);
            }
        }
    }

    /// A session leaves routing: slot by slot its call ends, its echo is dropped, its legs go.
    pub(super) fn leave(&mut self, session: u64) {
        for slot in 0..2 {
            if let Some(call) = self.speaking(session, slot).map(|call| call.number) {
                self.finish(call, CallEnd::SessionEnded);
            }
            self.drop_echo(session, slot);
            for leg in self.of_line(session, slot) {
                self.remove_leg(leg.number);
            }
        }
    }
}

impl Due {
    /// Whether it only concerns its own session, so that the order among several of these does not matter to others.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Self::Leg(_) | Self::Memory)
    }
}

impl Model {
    /// Whether an event tells of this leg.
    pub(crate) fn is_of(&self, due: Due, what: &What) -> bool {
        let (who, slot, rf) = match *what {
            What::Unsubscribed { who, slot, rf_tg, .. } | What::Subscribed { who, slot, rf_tg, .. } => {
                (who, slot, rf_tg)
            }
            _ => return false,
        };
        let key = (who.session.0, slot.index(), rf.0);
        self.legs.iter().any(|leg| due == Due::Leg(leg.number) && (leg.session, leg.slot, leg.rf) == key)
    }
}
