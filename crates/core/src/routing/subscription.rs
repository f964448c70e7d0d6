//! Subscriptions: which client, on which slot and under which number, is in which conference. Owns the three indexes and
//! the recipient list of each conference; never asks whence a subscription came when it routes. This is the one place
//! where a talkgroup on RF becomes a conference. Source, `behaviour.md` 1.2 to 1.6.

use crate::carried::at_most;
use crate::id::{ConferenceTg, RfTg, Slot};
use crate::limits::{MAX_MAPS, MAX_SESSIONS, MAX_STATIC, MAX_SUBSCRIPTIONS, MAX_USER_ACTIVATED};
use crate::refs::{CallRef, ConferenceRef, SessionRef, SubscriptionRef};
use crate::report::SubscriptionSource;
use crate::seed::Secrets;
use crate::table::{Table, TableFull};
use crate::time::Moment;
use serde::{Deserialize, Serialize};
use slotmap::{SecondaryMap, SlotMap};
use smallvec::SmallVec;

/// Membership of one (client, slot, talkgroup on RF) in one conference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) session: SessionRef,
    pub(crate) slot: Slot,
    pub(crate) rf_tg: RfTg,
    pub(crate) conference: ConferenceRef,
    pub(crate) conference_tg: ConferenceTg,
    pub(crate) source: SubscriptionSource,
    /// When it ends (user-activated) or comes back (suspended); none: as it is.
    pub(crate) until: Option<Moment>,
    /// Time of its entry in the heap of deadlines.
    pub(crate) armed: Option<Moment>,
    /// Its own client is speaking on it: it does not end before that.
    pub(crate) speaking: bool,
    /// Place in the conference's recipients; none while suspended.
    place: Option<u32>,
}

impl Subscription {
    /// Whether traffic of the conference is delivered to it.
    pub(crate) fn is_active(&self) -> bool {
        self.place.is_some()
    }

    /// Whether it is of the dialled kind, which only TG 9 touches (`behaviour.md` 1.5).
    pub(crate) fn is_dial(&self) -> bool {
        self.source == SubscriptionSource::DefaultReflector
    }
}

/// One recipient of a conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) session: SessionRef,
    pub(crate) slot: Slot,
    pub(crate) rf_tg: RfTg,
    subscription: SubscriptionRef,
}

/// A talkgroup of the network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conference {
    pub(crate) tg: ConferenceTg,
    /// Active subscriptions, in recorded order.
    pub(crate) members: Vec<Member>,
    /// Calls on it.
    pub(crate) calls: Vec<CallRef>,
    /// Subscriptions, suspended ones included.
    subscriptions: u32,
}

/// The table of subscriptions is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// At least as many as may come about on a line: mapped, dialled, static and user-activated ones, with room for as many statics
/// again.
const MOST_ON_LINE: usize = MAX_MAPS + 1 + 2 * MAX_STATIC + MAX_USER_ACTIVATED;

/// The subscriptions of a line. Most have one or two, which need no memory of their own.
type Few = SmallVec<[SubscriptionRef; 2]>;

/// All subscriptions and conferences.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Subscriptions {
    #[serde(deserialize_with = "at_most::<_, _, { MAX_SUBSCRIPTIONS + 1 }>")]
    records: SlotMap<SubscriptionRef, Subscription>,
    /// Each has an entry in `by_tg`.
    #[serde(deserialize_with = "at_most::<_, _, { MAX_SUBSCRIPTIONS + 1 }>")]
    conferences: SlotMap<ConferenceRef, Conference>,
    by_tg: Table<ConferenceTg, ConferenceRef>,
    by_key: Table<(SessionRef, Slot, RfTg), SubscriptionRef>,
    #[serde(deserialize_with = "at_most::<_, _, { MAX_SESSIONS + 1 }>")]
    by_line: SecondaryMap<SessionRef, [Few; 2]>,
}

impl Subscriptions {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self {
            records: SlotMap::with_key(),
            conferences: SlotMap::with_key(),
            by_tg: Table::new(secrets.table_key(b"conferences"), MAX_SUBSCRIPTIONS),
            by_key: Table::new(secrets.table_key(b"subscriptions"), MAX_SUBSCRIPTIONS),
            by_line: SecondaryMap::new(),
        }
    }

    /// Gives the tables of a snapshot their keys; refused when it holds more than could have come about, with so many `calls`:
    /// a frame would be sent to it, or looked for in it.
    pub(crate) fn settle(&mut self, secrets: &Secrets, calls: usize) -> Result<(), TableFull> {
        let all = || self.conferences.values();
        let members: usize = all().map(|conference| conference.members.len()).sum();
        let called: usize = all().map(|conference| conference.calls.len()).sum();
        let longest = self.by_line.values().flatten().map(|line| line.len()).max().unwrap_or_default();
        let held = self.records.len();
        if held > MAX_SUBSCRIPTIONS || members > held || called > calls || longest > MOST_ON_LINE {
            return Err(TableFull);
        }
        self.by_tg.settle(secrets.table_key(b"conferences"), MAX_SUBSCRIPTIONS)?;
        self.by_key.settle(secrets.table_key(b"subscriptions"), MAX_SUBSCRIPTIONS)
    }

    pub(crate) fn find(&self, session: SessionRef, slot: Slot, rf_tg: RfTg) -> Option<SubscriptionRef> {
        self.by_key.get(&(session, slot, rf_tg)).copied()
    }

    pub(crate) fn get(&self, subscription: SubscriptionRef) -> Option<&Subscription> {
        self.records.get(subscription)
    }

    pub(crate) fn get_mut(&mut self, subscription: SubscriptionRef) -> Option<&mut Subscription> {
        self.records.get_mut(subscription)
    }

    /// The subscriptions of a line, in the order in which they were made.
    pub(crate) fn of_line(&self, session: SessionRef, slot: Slot) -> &[SubscriptionRef] {
        self.by_line.get(session).map_or(&[], |lines| &lines[slot.index()])
    }

    pub(crate) fn conference(&self, conference: ConferenceRef) -> Option<&Conference> {
        self.conferences.get(conference)
    }

    /// Adds an active subscription; the caller has made sure that its key is free.
    pub(crate) fn subscribe(
        &mut self,
        session: SessionRef,
        slot: Slot,
        rf_tg: RfTg,
        conference_tg: ConferenceTg,
        source: SubscriptionSource,
    ) -> Result<SubscriptionRef, TooMany> {
        if self.by_key.is_full() || self.find(session, slot, rf_tg).is_some() {
            return Err(TooMany);
        }
        let conference = self.conference_of(conference_tg)?;
        let subscription = self.records.insert(Subscription {
            session,
            slot,
            rf_tg,
            conference,
            conference_tg,
            source,
            until: None,
            armed: None,
            speaking: false,
            place: None,
        });
        self.by_key.insert((session, slot, rf_tg), subscription).map_err(|_| TooMany)?;
        if let Some(lines) = self.by_line.entry(session).map(|entry| entry.or_default()) {
            lines[slot.index()].push(subscription);
        }
        if let Some(conference) = self.conferences.get_mut(conference) {
            conference.subscriptions = conference.subscriptions.saturating_add(1);
        }
        self.activate(subscription);
        Ok(subscription)
    }

    /// Puts a subscription among the recipients of its conference.
    pub(crate) fn activate(&mut self, subscription: SubscriptionRef) {
        let Some(record) = self.records.get_mut(subscription) else { return };
        let Some(conference) = self.conferences.get_mut(record.conference) else { return };
        if record.place.is_none() {
            record.place = Some(conference.members.len() as u32);
            let (session, slot, rf_tg) = (record.session, record.slot, record.rf_tg);
            conference.members.push(Member { session, slot, rf_tg, subscription });
        }
    }

    /// Takes a subscription out of the recipients of its conference.
    pub(crate) fn deactivate(&mut self, subscription: SubscriptionRef) {
        let Some(record) = self.records.get_mut(subscription) else { return };
        let Some(place) = record.place.take() else { return };
        let Some(conference) = self.conferences.get_mut(record.conference) else { return };
        let place = place as usize;
        if place < conference.members.len() {
            conference.members.swap_remove(place);
        }
        // The last recipient has taken the free place.
        if let Some(moved) = conference.members.get(place) {
            if let Some(record) = self.records.get_mut(moved.subscription) {
                record.place = Some(place as u32);
            }
        }
    }

    /// Removes a subscription, and its conference when nothing is left of it.
    pub(crate) fn remove(&mut self, subscription: SubscriptionRef) -> Option<Subscription> {
        self.deactivate(subscription);
        let record = self.records.remove(subscription)?;
        self.by_key.remove(&(record.session, record.slot, record.rf_tg));
        if let Some(lines) = self.by_line.get_mut(record.session) {
            lines[record.slot.index()].retain(|other| *other != subscription);
        }
        if let Some(conference) = self.conferences.get_mut(record.conference) {
            conference.subscriptions = conference.subscriptions.saturating_sub(1);
        }
        self.tidy(record.conference);
        Some(record)
    }

    /// Forgets the lines of a session; its subscriptions are gone already.
    pub(crate) fn forget(&mut self, session: SessionRef) {
        self.by_line.remove(session);
    }

    /// Notes a call on a conference, which lives as long as the call.
    pub(crate) fn add_call(&mut self, conference: ConferenceRef, call: CallRef) {
        if let Some(conference) = self.conferences.get_mut(conference) {
            conference.calls.push(call);
        }
    }

    /// Notes the end of a call.
    pub(crate) fn remove_call(&mut self, conference: ConferenceRef, call: CallRef) {
        if let Some(record) = self.conferences.get_mut(conference) {
            record.calls.retain(|&other| other != call);
        }
        self.tidy(conference);
    }

    /// Subscriptions and conferences held.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.records.len(), self.conferences.len())
    }

    fn conference_of(&mut self, tg: ConferenceTg) -> Result<ConferenceRef, TooMany> {
        if let Some(&conference) = self.by_tg.get(&tg) {
            return Ok(conference);
        }
        if self.by_tg.is_full() {
            return Err(TooMany);
        }
        let empty = Conference { tg, members: Vec::new(), calls: Vec::new(), subscriptions: 0 };
        let conference = self.conferences.insert(empty);
        self.by_tg.insert(tg, conference).map_err(|_| TooMany)?;
        Ok(conference)
    }

    fn tidy(&mut self, conference: ConferenceRef) {
        let Some(record) = self.conferences.get(conference) else { return };
        if record.subscriptions == 0 && record.calls.is_empty() {
            self.by_tg.remove(&record.tg);
            self.conferences.remove(conference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn store() -> (Subscriptions, Vec<SessionRef>) {
        let mut sessions = SlotMap::<SessionRef, ()>::with_key();
        let refs = (0..4).map(|_| sessions.insert(())).collect();
        (Subscriptions::new(&Secrets::new(Seed::Key([0; 32]))), refs)
    }

    fn members(store: &Subscriptions, tg: u32) -> Vec<(SessionRef, u8, u32)> {
        let conference = store.by_tg.get(&ConferenceTg(tg)).and_then(|&c| store.conference(c));
        conference.map_or(Vec::new(), |c| c.members.iter().map(|m| (m.session, m.slot.number(), m.rf_tg.0)).collect())
    }

    #[test]
    fn a_snapshot_with_more_recipients_than_subscriptions_is_refused() {
        let (mut store, s) = store();
        store.subscribe(s[0], Slot::Two, RfTg(91), ConferenceTg(91), SubscriptionSource::Static).unwrap();
        let secrets = Secrets::new(Seed::Key([0; 32]));
        assert_eq!(store.settle(&secrets, 0), Ok(()));
        let conference = *store.by_tg.get(&ConferenceTg(91)).unwrap();
        let members = &mut store.conferences[conference].members;
        members.push(members[0]);
        assert_eq!(store.settle(&secrets, 0), Err(TableFull));
    }

    #[test]
    fn a_snapshot_with_a_longer_line_or_more_calls_than_there_may_be_is_refused() {
        let (mut store, s) = store();
        for tg in 1..=MOST_ON_LINE as u32 {
            store.subscribe(s[0], Slot::Two, RfTg(tg), ConferenceTg(tg), SubscriptionSource::Static).unwrap();
        }
        let secrets = Secrets::new(Seed::Key([0; 32]));
        let call = SlotMap::<CallRef, ()>::with_key().insert(());
        let conference = *store.by_tg.get(&ConferenceTg(1)).unwrap();
        store.add_call(conference, call);
        assert_eq!((store.settle(&secrets, 1), store.settle(&secrets, 0)), (Ok(()), Err(TableFull)));
        store.subscribe(s[0], Slot::Two, RfTg(999), ConferenceTg(999), SubscriptionSource::Static).unwrap();
        assert_eq!(store.settle(&secrets, 1), Err(TableFull));
    }

    #[test]
    fn all_indexes_follow_a_subscription_through_its_life() {
        let (mut store, s) = store();
        let subscribe = |store: &mut Subscriptions, session, rf| {
            store.subscribe(session, Slot::Two, RfTg(rf), ConferenceTg(91), SubscriptionSource::Static).unwrap()
        };
        let a = subscribe(&mut store, s[0], 91);
        let b = subscribe(&mut store, s[1], 9);
        let c = subscribe(&mut store, s[2], 91);
        assert_eq!(members(&store, 91), [(s[0], 2, 91), (s[1], 2, 9), (s[2], 2, 91)]);
        assert_eq!(store.find(s[1], Slot::Two, RfTg(9)), Some(b));
        assert_eq!(store.of_line(s[1], Slot::Two), [b]);
        store.deactivate(a);
        store.deactivate(a);
        assert_eq!(members(&store, 91), [(s[2], 2, 91), (s[1], 2, 9)]);
        store.remove(c);
        store.activate(a);
        assert_eq!(members(&store, 91), [(s[1], 2, 9), (s[0], 2, 91)]);
        store.remove(a);
        store.remove(b);
        assert_eq!(store.sizes(), (0, 0));
        assert_eq!((store.by_key.len(), store.by_tg.len()), (0, 0));
        assert!(store.of_line(s[1], Slot::Two).is_empty());
    }

    #[test]
    fn a_conference_outlives_its_subscriptions_while_a_call_is_on_it() {
        let (mut store, s) = store();
        let only =
            store.subscribe(s[0], Slot::One, RfTg(91), ConferenceTg(91), SubscriptionSource::UserActivated).unwrap();
        let conference = store.get(only).unwrap().conference;
        store.add_call(conference, CallRef::default());
        store.remove(only);
        assert_eq!(store.sizes(), (0, 1));
        store.remove_call(conference, CallRef::default());
        assert_eq!(store.sizes(), (0, 0));
    }

    #[test]
    fn with_all_places_taken_another_subscription_is_refused_until_one_is_free() {
        let (mut store, s) = store();
        let key = |n: usize| (s[1], Slot::One, RfTg(n as u32));
        for n in 0..MAX_SUBSCRIPTIONS {
            store.by_key.insert(key(n), SubscriptionRef::default()).unwrap();
        }
        let subscribe = |store: &mut Subscriptions| {
            store.subscribe(s[0], Slot::One, RfTg(91), ConferenceTg(91), SubscriptionSource::Static)
        };
        assert_eq!((subscribe(&mut store), store.sizes()), (Err(TooMany), (0, 0)));
        store.by_key.remove(&key(7));
        assert!(subscribe(&mut store).is_ok());
    }

    #[test]
    fn a_key_is_taken_once() {
        let (mut store, s) = store();
        let subscribe = |store: &mut Subscriptions, tg| {
            store.subscribe(s[0], Slot::One, RfTg(9), ConferenceTg(tg), SubscriptionSource::Map)
        };
        assert!(subscribe(&mut store, 91).is_ok());
        assert_eq!(subscribe(&mut store, 92), Err(TooMany));
        assert_eq!(store.sizes(), (1, 1));
    }

    #[test]
    fn a_conference_of_more_subscriptions_than_can_be_counted_takes_another() {
        let (mut store, s) = store();
        let subscribe = |store: &mut Subscriptions, session| {
            store.subscribe(session, Slot::One, RfTg(91), ConferenceTg(91), SubscriptionSource::Static).unwrap()
        };
        let conference = subscribe(&mut store, s[0]);
        let conference = store.get(conference).unwrap().conference;
        store.conferences.get_mut(conference).unwrap().subscriptions = u32::MAX;
        subscribe(&mut store, s[1]);
        assert_eq!(store.conference(conference).unwrap().subscriptions, u32::MAX);
    }
}
