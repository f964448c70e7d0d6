//! What the core reports on its way out of the reactor: every event gets its number, and when the channel fills up the less
//! important are left out. Owns the numbers and what has to be told again; never waits, and costs nothing while nothing
//! happens. Source: design §5 (classes, watermarks, resync), R-214 to.

use crate::limits::{DIRTY_SESSIONS, ROOM_FOR_SAMPLES, ROOM_FOR_STATES, ROOM_TO_TELL_AGAIN};
use crate::wiring::Bell;
use crossbeam_channel::{Sender, TrySendError};
use ragchew_core::control::{ControlCommand, ControlOutcome, Cursor, RequestId};
use ragchew_core::id::SessionNo;
use ragchew_core::report::{Class, Numbered, ReportEvent};
use std::collections::BTreeSet;

/// Requests of the teller have this bit in their number, so that none is taken for one of an operator.
pub(crate) const OWN: RequestId = RequestId(1 << 63);
/// Resyncs of the core are numbered below this; those above are the hub's own.
const EPOCHS: u32 = (1 << 31) - 1;

/// The reactor's end of the channel of events.
pub(crate) struct Teller {
    events: Sender<Numbered>,
    bell: Option<Bell>,
    /// The number given out last.
    seq: u64,
    /// What was refused, by class.
    refused: [u64; 3],
    most: usize,
    again: Again,
    /// Something was left out that a whole resync has not covered yet: nobody who listens knows what it was, and believes
    /// no resync in which something is missing.
    gap: bool,
    /// A page was told, and this is where the next one begins.
    going_on: Option<ControlCommand>,
    epoch: u32,
    /// Something is new since the bell was rung: events, or an answer.
    rings: bool,
}

/// What has to be told again.
enum Again {
    Sessions(BTreeSet<SessionNo>),
    Everything,
    /// Whoever listened is gone, and nobody else can come: to tell it again would never end.
    Nothing,
}

impl Teller {
    pub(crate) fn new(events: Sender<Numbered>, bell: Option<Bell>) -> Self {
        let (again, going_on) = (Again::Sessions(BTreeSet::new()), None);
        Self { events, bell, seq: 0, refused: [0; 3], most: 0, again, gap: false, going_on, epoch: 0, rings: false }
    }

    /// Passes an event on, or leaves it out; its number is used up either way.
    pub(crate) fn tell(&mut self, event: &ReportEvent) {
        self.seq += 1;
        let class = event.what.class();
        let waiting = self.events.len();
        if waiting < self.room(class) {
            match self.events.try_send(Numbered { seq: self.seq, event: *event }) {
                Ok(()) => {
                    self.most = self.most.max(waiting + 1);
                    self.rings = true;
                    return;
                }
                Err(TrySendError::Disconnected(_)) => self.again = Again::Nothing,
                Err(TrySendError::Full(_)) => {}
            }
        }
        self.refused[class.index()] += 1;
        self.gap = true;
        match (class, event.what.session()) {
            (Class::Sample, _) => {}
            (Class::State, Some(session)) => self.tell_again(session),
            (Class::State, None) | (Class::Edge, _) => self.tell_everything_again(),
        }
    }

    /// Events up to which one of this class is taken.
    fn room(&self, class: Class) -> usize {
        let capacity = self.capacity();
        match class {
            Class::Sample => capacity * ROOM_FOR_SAMPLES / 100,
            Class::State => capacity * ROOM_FOR_STATES / 100,
            // Only the channel refuses these, which also tells whether anybody is there.
            Class::Edge => usize::MAX,
        }
    }

    fn capacity(&self) -> usize {
        self.events.capacity().unwrap_or(usize::MAX / 100)
    }

    fn tell_again(&mut self, session: SessionNo) {
        let Again::Sessions(sessions) = &mut self.again else { return };
        if sessions.len() < DIRTY_SESSIONS || sessions.contains(&session) {
            sessions.insert(session);
        } else {
            self.tell_everything_again();
        }
    }

    fn tell_everything_again(&mut self) {
        if !matches!(self.again, Again::Nothing) {
            self.again = Again::Everything;
        }
    }

    /// Whether something has to be told again.
    pub(crate) fn is_behind(&self) -> bool {
        match &self.again {
            Again::Sessions(sessions) => self.gap || self.going_on.is_some() || !sessions.is_empty(),
            Again::Everything => true,
            Again::Nothing => false,
        }
    }

    /// Whether there is room to tell it.
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < self.capacity() * ROOM_TO_TELL_AGAIN / 100
    }

    /// What the core shall tell again now: one page a turn, and only while there is room beside it.
    pub(crate) fn wants(&mut self) -> Option<ControlCommand> {
        if !self.is_behind() || !self.has_room() {
            return None;
        }
        // Sessions first: they are few. Then everything, once, whatever it was that was left out; and anew when something was
        // left out of that.
        let settled = matches!(&self.again, Again::Sessions(sessions) if sessions.is_empty()) && !self.retells();
        if matches!(self.again, Again::Everything) || (self.gap && settled) {
            self.again = Again::Sessions(BTreeSet::new());
            (self.gap, self.going_on) = (false, None);
            self.epoch = self.epoch % EPOCHS + 1;
            return Some(ControlCommand::Resync(Cursor { epoch: self.epoch, ..Cursor::default() }));
        }
        self.going_on.take().or_else(|| {
            let Again::Sessions(sessions) = &mut self.again else { return None };
            sessions.pop_first().map(|session| ControlCommand::Retell(Cursor { session, ..Cursor::default() }))
        })
    }

    /// Whether the pages of one session are under way.
    fn retells(&self) -> bool {
        matches!(self.going_on, Some(ControlCommand::Retell(_)))
    }

    /// What came of the command that was wanted.
    pub(crate) fn told(&mut self, command: ControlCommand, outcome: ControlOutcome) {
        self.going_on = match (command, outcome) {
            (ControlCommand::Resync(_), ControlOutcome::Told(Some(next))) => Some(ControlCommand::Resync(next)),
            (_, ControlOutcome::Told(Some(next))) => Some(ControlCommand::Retell(next)),
            _ => None,
        };
    }

    /// The end of a turn: whoever listens learns that there is something.
    pub(crate) fn turn_ends(&mut self) {
        if std::mem::take(&mut self.rings)
            && let Some(bell) = &self.bell
        {
            bell();
        }
    }

    /// Whoever listens shall look at the end of this turn: an answer is there.
    pub(crate) fn answered(&mut self) {
        self.rings = true;
    }

    /// What was refused, by class as in [`Class::ALL`].
    pub(crate) fn refused(&self) -> [u64; 3] {
        self.refused
    }

    /// Events that wait, that waited at most, and that may wait.
    pub(crate) fn depth(&self) -> [u64; 3] {
        [self.events.len(), self.most, self.capacity()].map(|count| count as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};
    use ragchew_core::Wall;
    use ragchew_core::id::{ClientId, ListenerId};
    use ragchew_core::refusal::Refusal;
    use ragchew_core::report::{SessionTag, What};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn teller(capacity: usize) -> (Teller, Receiver<Numbered>) {
        let (events, heard) = bounded(capacity);
        (Teller::new(events, None), heard)
    }

    fn event(what: What) -> ReportEvent {
        ReportEvent { at: Wall(7), retold: false, what }
    }

    fn sample() -> ReportEvent {
        let remote = ([192, 0, 2, 1], 1).into();
        event(What::LoginRefused { listener: ListenerId(0), client: ClientId(1), remote, why: Refusal::LoginRate })
    }

    fn state(session: u64) -> ReportEvent {
        let who = SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(1) };
        event(What::Retold { who })
    }

    fn edge() -> ReportEvent {
        event(What::Reloaded { kept: 0, closed: 0 })
    }

    fn fill(teller: &mut Teller, events: usize) {
        (0..events).for_each(|_| teller.tell(&edge()));
    }

    #[test]
    fn each_class_is_refused_exactly_at_its_mark() {
        for (of, mark) in [(sample(), 10), (state(1), 16), (edge(), 20)] {
            let (mut teller, _heard) = teller(20);
            fill(&mut teller, mark - 1);
            teller.tell(&of);
            assert_eq!(teller.refused(), [0; 3], "{of:?}");
            teller.tell(&of);
            assert_eq!(teller.refused()[of.what.class().index()], 1, "{of:?}");
        }
    }

    #[test]
    fn a_number_is_used_up_by_what_is_left_out() {
        let (mut teller, heard) = teller(2);
        fill(&mut teller, 3);
        assert_eq!(heard.try_iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
        teller.tell(&edge());
        assert_eq!(heard.recv().unwrap().seq, 4);
    }

    fn resync(epoch: u32) -> Option<ControlCommand> {
        Some(ControlCommand::Resync(Cursor { epoch, ..Cursor::default() }))
    }

    #[test]
    fn lost_states_are_told_again_one_by_one_and_then_everything_once() {
        let (mut teller, heard) = teller(20);
        fill(&mut teller, 16);
        [5, 3, 5].into_iter().for_each(|session| teller.tell(&state(session)));
        assert!(teller.is_behind());
        assert_eq!(teller.wants(), None, "above the mark nothing more is put in");
        heard.try_iter().for_each(drop);
        let retell =
            |session| Some(ControlCommand::Retell(Cursor { session: SessionNo(session), ..Cursor::default() }));
        assert_eq!([teller.wants(), teller.wants()], [retell(3), retell(5)]);
        assert_eq!([teller.wants(), teller.wants()], [resync(1), None]);
        assert!(!teller.is_behind());
    }

    #[test]
    fn a_lost_sample_has_everything_told_once_because_nobody_knows_what_it_was() {
        let (mut teller, heard) = teller(20);
        fill(&mut teller, 16);
        teller.tell(&sample());
        heard.try_iter().for_each(drop);
        assert_eq!([teller.wants(), teller.wants()], [resync(1), None]);
        fill(&mut teller, 21);
        heard.try_iter().for_each(drop);
        assert_eq!([teller.wants(), teller.wants()], [resync(2), None]);
    }

    #[test]
    fn a_sample_that_is_lost_during_a_resync_begins_it_anew() {
        let (mut teller, heard) = teller(20);
        fill(&mut teller, 21);
        heard.try_iter().for_each(drop);
        let first = teller.wants().unwrap();
        teller.told(first, ControlOutcome::Told(Some(Cursor { session: SessionNo(9), left: None, epoch: 1 })));
        fill(&mut teller, 10);
        teller.tell(&sample());
        heard.try_iter().for_each(drop);
        assert_eq!(teller.wants(), resync(2));
    }

    #[test]
    fn what_is_told_again_leaves_room_for_what_is_new() {
        let (mut teller, heard) = teller(20);
        fill(&mut teller, 21);
        heard.try_iter().for_each(drop);
        fill(&mut teller, 5);
        assert_eq!(teller.wants(), None);
        heard.recv().unwrap();
        assert_eq!(teller.wants(), resync(1));
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let (mut teller, heard) = teller(4);
        fill(&mut teller, 5);
        heard.try_iter().for_each(drop);
        let first = teller.wants().unwrap();
        let next = Cursor { session: SessionNo(9), left: None, epoch: 1 };
        teller.told(first, ControlOutcome::Told(Some(next)));
        assert!(teller.is_behind());
        assert_eq!(teller.wants(), Some(ControlCommand::Resync(next)));
        teller.told(ControlCommand::Resync(next), ControlOutcome::Told(None));
        assert!(!teller.is_behind());
    }

    #[test]
    fn an_edge_that_is_lost_during_a_resync_begins_it_anew_under_another_number() {
        let (mut teller, heard) = teller(4);
        fill(&mut teller, 5);
        heard.try_iter().for_each(drop);
        let first = teller.wants().unwrap();
        teller.told(first, ControlOutcome::Told(Some(Cursor { session: SessionNo(9), left: None, epoch: 1 })));
        fill(&mut teller, 5);
        heard.try_iter().for_each(drop);
        assert_eq!(teller.wants(), resync(2));
    }

    #[test]
    fn more_sessions_than_are_remembered_have_everything_told() {
        let (mut teller, heard) = teller(10);
        for (sessions, everything) in [(DIRTY_SESSIONS, false), (DIRTY_SESSIONS + 1, true)] {
            fill(&mut teller, 10 - heard.len());
            (0..sessions as u64).for_each(|session| teller.tell(&state(session)));
            teller.tell(&state(0));
            heard.try_iter().for_each(drop);
            assert_eq!(matches!(teller.wants(), Some(ControlCommand::Resync(_))), everything, "{sessions}");
        }
    }

    #[test]
    fn resyncs_are_numbered_from_one_and_never_as_the_hubs_own() {
        let (mut teller, _heard) = teller(4);
        let mut next = |before| {
            (teller.epoch, teller.again) = (before, Again::Everything);
            teller.wants()
        };
        for (before, epoch) in [(0, 1), (1, 2), ((1 << 31) - 2, (1 << 31) - 1), ((1 << 31) - 1, 1)] {
            assert_eq!(next(before), Some(ControlCommand::Resync(Cursor { epoch, ..Cursor::default() })));
        }
    }

    #[test]
    fn the_bell_rings_once_a_turn_and_only_for_what_is_new() {
        let rung = Arc::new(AtomicU32::new(0));
        let ring = Arc::clone(&rung);
        let (events, _heard) = bounded(8);
        let bell = move || {
            ring.fetch_add(1, Ordering::Relaxed);
        };
        let mut teller = Teller::new(events, Some(Box::new(bell)));
        teller.turn_ends();
        fill(&mut teller, 3);
        teller.turn_ends();
        teller.turn_ends();
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_a_listener_events_are_counted_as_lost_and_never_told_again() {
        for waiting in [0, 4, 8] {
            let (mut teller, heard) = teller(8);
            fill(&mut teller, waiting);
            [1, 2].into_iter().for_each(|session| teller.tell(&state(session)));
            drop(heard);
            let before = teller.refused();
            fill(&mut teller, 3);
            (0..=DIRTY_SESSIONS as u64).for_each(|session| teller.tell(&state(session)));
            assert_eq!(teller.refused()[2], before[2] + 3);
            assert!(!teller.is_behind(), "with {waiting} waiting");
            assert_eq!(teller.wants(), None);
        }
    }
}
