//! What operators ask of lines: to drop talkgroups, and to tell what is on them once more. Decides nothing about sessions.
//! Source: design §5, R-240 to R-246.

use super::Routing;
use crate::control::{ControlOutcome, ControlRefusal};
use crate::id::{RfTg, Slot};
use crate::operator::Page;
use crate::refs::SessionRef;
use crate::report::{SubscriptionEnd, SubscriptionSource, What};
use crate::turn::Turn;

impl Routing {
    /// Drops what the clients of `sessions` keyed up themselves: on one slot and of one number, where those are named. A
    /// call on it goes on; its end does not bring the talkgroup back.
    pub(crate) fn unlink(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &[SessionRef],
        slot: Option<Slot>,
        rf_tg: Option<RfTg>,
    ) -> ControlOutcome {
        if !sessions.iter().any(|&session| self.stations.contains_key(session)) {
            return ControlOutcome::Refused(ControlRefusal::NoSuchClient);
        }
        let (page, mut dropped) = (Page::new(turn), 0);
        let lines = sessions.iter().flat_map(|&session| Slot::BOTH.map(|slot| (session, slot)));
        for (session, slot) in lines.filter(|&(_, one)| slot.is_none_or(|only| only == one)) {
            for subscription in self.subscriptions.of_line(session, slot).to_vec() {
                let Some(record) = self.subscriptions.get(subscription) else { continue };
                let wanted = rf_tg.is_none_or(|only| only == record.rf_tg);
                if wanted && record.source == SubscriptionSource::UserActivated && page.fits(turn, 1) {
                    self.drop_subscription(turn, subscription, SubscriptionEnd::Unlinked);
                    dropped += 1;
                }
            }
        }
        match dropped {
            0 => ControlOutcome::Refused(ControlRefusal::NoSuchTalkgroup),
            dropped => ControlOutcome::Unlinked(dropped),
        }
    }

    /// Calls whose end was not told yet.
    pub(crate) fn calls_on_the_air(&self) -> u32 {
        let live = self.calls.values().filter(|call| !call.too_long).count();
        u32::try_from(live).unwrap_or(u32::MAX)
    }

    /// Tells the calls of a client that are on the air.
    pub(crate) fn tell_calls(&self, turn: &mut Turn<'_>, session: SessionRef) {
        let Some(station) = self.stations.get(session) else { return };
        let calls = station.lines.iter().filter_map(|line| self.calls.get(line.speaking?));
        for call in calls.filter(|call| !call.too_long) {
            let started = What::CallStarted { call: call.tag, late_entry: call.late_entry };
            turn.retell(Some(call.began), started);
        }
    }

    /// Tells the active subscriptions of a client from the place that `left` names, as far as the page goes; the place of
    /// the first that is still to be told. New ones are put behind the others and their lines are told backwards, so
    /// whatever comes or goes between two pages, none is passed over.
    pub(crate) fn tell_subscriptions(
        &self,
        turn: &mut Turn<'_>,
        session: SessionRef,
        left: Option<(Slot, u32)>,
        page: Page,
    ) -> Option<(Slot, u32)> {
        let who = self.stations.get(session)?.info.who;
        let (first, most) = left.unwrap_or((Slot::Two, u32::MAX));
        for slot in [Slot::Two, Slot::One].into_iter().skip_while(|&slot| slot != first) {
            let line = self.subscriptions.of_line(session, slot);
            let most = if slot == first { most as usize } else { usize::MAX };
            for (at, &subscription) in line.iter().enumerate().take(most).rev() {
                let Some(record) = self.subscriptions.get(subscription).filter(|r| r.is_active()) else { continue };
                if !page.fits(turn, 1) {
                    return Some((slot, u32::try_from(at + 1).unwrap_or(u32::MAX)));
                }
                let (rf_tg, conference, source) = (record.rf_tg, record.conference_tg, record.source);
                turn.retell(None, What::Subscribed { who, slot, rf_tg, conference, source });
            }
        }
        None
    }
}
