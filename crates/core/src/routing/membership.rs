//! How a client's talkgroups come, pause and go: statics from its settings, user-activated ones by keying up, single mode,
//! TG 4000, and exact expiry. Never delivers. Source: `behaviour.md` 1.4 to 1.9, R-060 to R-064, S-011 to S-070.

use super::Routing;
use super::station::Feed;
use crate::access::options::Wanted;
use crate::access::settings::Settings;
use crate::id::{ConferenceTg, RfTg, Slot};
use crate::limits::{MAX_USER_ACTIVATED, STREAM_TIMEOUT, SUBSCRIPTION_LOOK};
use crate::refs::{SessionRef, SubscriptionRef};
use crate::refusal::Refusal;
use crate::report::{SubscriptionEnd, SubscriptionSource, What};
use crate::time::{Moment, Mono};
use crate::turn::{Due, Turn};

/// Talkgroup of dialled conferences on RF.
pub(super) const DIAL_TG: RfTg = RfTg(9);
/// Group calls to it drop talkgroups.
pub(super) const UNLINK_TG: RfTg = RfTg(4000);
/// The echo.
pub(super) const ECHO_TG: ConferenceTg = ConferenceTg(9990);

/// What a talkgroup on RF means to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its subscription says so, though single mode may have paused it.
    Subscribed(ConferenceTg),
    /// A conference that keying up joins.
    Joins(ConferenceTg),
    /// The echo.
    Echo,
    /// A number that controls or means nothing here.
    Nowhere,
}

impl Meaning {
    /// The conference under which the stream is remembered.
    pub(super) fn conference(self, rf_tg: RfTg) -> ConferenceTg {
        match self {
            Self::Subscribed(conference) | Self::Joins(conference) => conference,
            Self::Echo => ECHO_TG,
            Self::Nowhere => ConferenceTg(rf_tg.0),
        }
    }
}

impl Routing {
    /// What `rf_tg` means on a line: first its subscriptions, then the special numbers (`behaviour.md` 1.9).
    pub(super) fn meaning(&self, session: SessionRef, slot: Slot, rf_tg: RfTg) -> Meaning {
        let found = self.subscriptions.find(session, slot, rf_tg);
        if let Some(record) = found.and_then(|subscription| self.subscriptions.get(subscription)) {
            return match record.conference_tg {
                ECHO_TG => Meaning::Echo,
                conference => Meaning::Subscribed(conference),
            };
        }
        match rf_tg.0 {
            9990 => Meaning::Echo,
            0..=4 | 9 | 4000 | 5000 | 9991..=9999 | 16_777_215.. => Meaning::Nowhere,
            direct => Meaning::Joins(ConferenceTg(direct)),
        }
    }

    /// Makes the statics, maps and default reflector of a line what the settings say. What stays is not touched.
    pub(super) fn set_statics(&mut self, turn: &mut Turn<'_>, session: SessionRef, settings: &Settings) {
        let wanted = wanted(settings);
        for slot in Slot::BOTH {
            for subscription in self.subscriptions.of_line(session, slot).to_vec() {
                let Some(record) = self.subscriptions.get_mut(subscription) else { continue };
                let same = wanted.iter().find(|(w, _)| {
                    (w.slot, w.rf_tg, w.conference) == (record.slot, record.rf_tg, record.conference_tg)
                });
                let user = record.source == SubscriptionSource::UserActivated;
                match same {
                    Some(&(_, source)) => {
                        let changed = record.source != source;
                        record.source = source;
                        if user {
                            record.until = None;
                        }
                        if changed && record.is_active() {
                            self.report_begin(turn, subscription);
                        }
                    }
                    None if user && !is_taken(&wanted, record.slot, record.rf_tg) => {}
                    None => self.drop_subscription(turn, subscription, SubscriptionEnd::Removed),
                }
            }
        }
        for (one, source) in wanted {
            if self.subscriptions.find(session, one.slot, one.rf_tg).is_none() {
                self.subscribe(turn, session, one, source);
            }
        }
    }

    /// What a transmission on `rf_tg` does to the talkgroups of its line, at its first frame and again at its end: its own
    /// is joined or kept, and in single mode the others go or pause.
    pub(super) fn keyed(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionRef,
        slot: Slot,
        rf_tg: RfTg,
        joins: Option<ConferenceTg>,
    ) -> Option<SubscriptionRef> {
        self.clear_line(turn, session, slot, rf_tg);
        let timer = self.stations.get(session)?.ua_timer;
        let subscription = match self.subscriptions.find(session, slot, rf_tg) {
            Some(known) => known,
            None => self.join(turn, session, slot, rf_tg, joins?)?,
        };
        let record = self.subscriptions.get_mut(subscription)?;
        record.until =
            (record.source == SubscriptionSource::UserActivated).then_some(Moment::at(turn.now.mono + timer));
        if !record.is_active() {
            self.resume(turn, subscription);
        }
        self.arm(turn, subscription);
        Some(subscription)
    }

    fn join(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionRef,
        slot: Slot,
        rf_tg: RfTg,
        conference: ConferenceTg,
    ) -> Option<SubscriptionRef> {
        let users = |r: &Self| {
            let line = r.subscriptions.of_line(session, slot);
            let user = |s: &&SubscriptionRef| {
                r.subscriptions.get(**s).is_some_and(|s| s.source == SubscriptionSource::UserActivated)
            };
            (line.iter().filter(user).count(), line.iter().find(user).copied())
        };
        if let (MAX_USER_ACTIVATED.., Some(oldest)) = users(self) {
            self.drop_subscription(turn, oldest, SubscriptionEnd::Oldest);
        }
        let one = Wanted { slot, rf_tg, conference };
        self.subscribe(turn, session, one, SubscriptionSource::UserActivated)
    }

    /// Single mode and TG 4000: what happens to the other talkgroups of the line. Those that were dialled are touched by
    /// TG 9 only.
    fn clear_line(&mut self, turn: &mut Turn<'_>, session: SessionRef, slot: Slot, keyed: RfTg) {
        let Some(station) = self.stations.get(session) else { return };
        let (single, back) = (station.single, turn.now.mono + station.ua_timer);
        let unlinks = keyed == UNLINK_TG && (single || self.policy.tg4000_unlinks);
        if !single && !unlinks {
            return;
        }
        let suspends = single && self.policy.single_suspends_statics;
        for at in (0..self.subscriptions.of_line(session, slot).len()).rev() {
            let Some(&subscription) = self.subscriptions.of_line(session, slot).get(at) else { continue };
            let Some(record) = self.subscriptions.get_mut(subscription) else { continue };
            if record.rf_tg == keyed || (record.is_dial() && keyed != DIAL_TG) {
                continue;
            }
            if record.source == SubscriptionSource::UserActivated {
                let cause = if unlinks { SubscriptionEnd::Unlinked } else { SubscriptionEnd::Displaced };
                self.drop_subscription(turn, subscription, cause);
            } else if suspends {
                record.until = Some(Moment::at(back));
                self.suspend(turn, subscription);
            }
        }
    }

    fn suspend(&mut self, turn: &mut Turn<'_>, subscription: SubscriptionRef) {
        if self.subscriptions.get(subscription).is_some_and(|record| record.is_active()) {
            self.stop_feed(turn, subscription);
            self.subscriptions.deactivate(subscription);
            self.report_end(turn, subscription, SubscriptionEnd::Suspended);
        }
        self.arm(turn, subscription);
    }

    fn resume(&mut self, turn: &mut Turn<'_>, subscription: SubscriptionRef) {
        self.subscriptions.activate(subscription);
        self.report_begin(turn, subscription);
    }

    fn subscribe(
        &mut self,
        turn: &mut Turn<'_>,
        session: SessionRef,
        one: Wanted,
        source: SubscriptionSource,
    ) -> Option<SubscriptionRef> {
        let made = self.subscriptions.subscribe(session, one.slot, one.rf_tg, one.conference, source);
        match made {
            Ok(subscription) => {
                self.report_begin(turn, subscription);
                Some(subscription)
            }
            Err(_) => {
                turn.refuse(Refusal::TooManySubscriptions);
                None
            }
        }
    }

    pub(super) fn drop_subscription(
        &mut self,
        turn: &mut Turn<'_>,
        subscription: SubscriptionRef,
        cause: SubscriptionEnd,
    ) {
        self.stop_feed(turn, subscription);
        self.report_end(turn, subscription, cause);
        self.subscriptions.remove(subscription);
    }

    /// Who was hearing a call by this subscription hears it end.
    fn stop_feed(&mut self, turn: &mut Turn<'_>, subscription: SubscriptionRef) {
        let Some(record) = self.subscriptions.get(subscription) else { return };
        let Some(line) = self.stations.get(record.session).map(|station| station.line(record.slot)) else { return };
        let by_this = line.sent.is_some_and(|sent| sent.rf_tg == record.rf_tg);
        let (session, slot, rf_tg) = (record.session, record.slot, record.rf_tg);
        if let (true, Some(Feed::Call(call))) = (by_this, line.feed) {
            self.hang_up(turn, call, session, slot, rf_tg);
        }
    }

    /// Sees to it that the heap has an entry for the subscription's time, or for a look at it on the way there: a talkgroup
    /// that goes long before its time must not leave an entry behind for as long.
    fn arm(&mut self, turn: &mut Turn<'_>, subscription: SubscriptionRef) {
        let Some(record) = self.subscriptions.get_mut(subscription) else { return };
        let Some(until) = record.until.map(Moment::mono) else { return };
        let at = until.min(turn.now.mono + SUBSCRIPTION_LOOK);
        if record.armed.is_none_or(|armed| at < armed.mono()) {
            record.armed = Some(Moment::at(at));
            turn.due(at, Due::Subscription(subscription));
        }
    }

    /// An entry of the heap that was set for `at` has come up for a subscription.
    pub(crate) fn subscription_due(&mut self, turn: &mut Turn<'_>, subscription: SubscriptionRef, at: Mono) {
        let Some(record) = self.subscriptions.get_mut(subscription) else { return };
        if record.armed != Some(Moment::at(at)) {
            return;
        }
        record.armed = None;
        // While its own client speaks on it nothing ends; the end of the call sets the time anew.
        let Some(until) = record.until.filter(|_| !record.speaking).map(Moment::mono) else { return };
        if until > turn.now.mono {
            return self.arm(turn, subscription);
        }
        if record.is_active() {
            return self.drop_subscription(turn, subscription, SubscriptionEnd::Expired);
        }
        let line = self.stations.get(record.session).map(|station| station.line(record.slot));
        if line.is_some_and(|line| line.speaking.is_some()) {
            // A paused one does not come back into its client's own transmission.
            record.until = Some(Moment::at(turn.now.mono + STREAM_TIMEOUT));
            return self.arm(turn, subscription);
        }
        record.until = None;
        self.resume(turn, subscription);
    }

    fn report_begin(&self, turn: &mut Turn<'_>, subscription: SubscriptionRef) {
        let Some(record) = self.subscriptions.get(subscription) else { return };
        let Some(station) = self.stations.get(record.session) else { return };
        turn.report(What::Subscribed {
            who: station.info.who,
            slot: record.slot,
            rf_tg: record.rf_tg,
            conference: record.conference_tg,
            source: record.source,
        });
    }

    fn report_end(&self, turn: &mut Turn<'_>, subscription: SubscriptionRef, cause: SubscriptionEnd) {
        let Some(record) = self.subscriptions.get(subscription) else { return };
        let Some(station) = self.stations.get(record.session) else { return };
        turn.report(What::Unsubscribed {
            who: station.info.who,
            slot: record.slot,
            rf_tg: record.rf_tg,
            conference: record.conference_tg,
            cause,
        });
    }
}

/// What the settings ask for, each line and number once: maps before the default reflector before statics.
fn wanted(settings: &Settings) -> Vec<(Wanted, SubscriptionSource)> {
    let maps = settings.maps.iter().map(|map| {
        let one = Wanted { slot: map.slot, rf_tg: map.rf_tg, conference: map.conference };
        (one, SubscriptionSource::Map)
    });
    let dial = settings.dial.map(|conference| {
        (Wanted { slot: Slot::Two, rf_tg: DIAL_TG, conference }, SubscriptionSource::DefaultReflector)
    });
    let statics = settings.statics.iter().map(|&one| {
        let direct = one.rf_tg.0 == one.conference.0;
        (one, if direct { SubscriptionSource::Static } else { SubscriptionSource::Map })
    });
    let mut all: Vec<(Wanted, SubscriptionSource)> = Vec::new();
    for one in maps.chain(dial).chain(statics) {
        if !is_taken(&all, one.0.slot, one.0.rf_tg) {
            all.push(one);
        }
    }
    all
}

fn is_taken(wanted: &[(Wanted, SubscriptionSource)], slot: Slot, rf_tg: RfTg) -> bool {
    wanted.iter().any(|(one, _)| (one.slot, one.rf_tg) == (slot, rf_tg))
}
