//! The queue of one worker in the hub: what it is to be told, what it was given, and what it has not kept yet. When there is
//! no room for all, the less important goes first, and what went is known: states are told again, the rest is counted. Owns
//! the entries until the worker says that they are safe; sends nothing and knows no incarnation. Source: design §5, R-218,
//!

use crate::event::{Health, QueueName, Subject, Told};
use crate::limits::{QUEUE_AGAIN, QUEUE_CALM, QUEUE_CAPACITY, QUEUE_DIRTY, QUEUE_KEPT, QUEUE_SAMPLES, QUEUE_STATES};
use ragchew_core::id::SessionNo;
use ragchew_core::report::Class;
use std::collections::{BTreeSet, VecDeque};

/// Places that are taken by a share of a queue.
const fn share(percent: usize) -> usize {
    QUEUE_CAPACITY * percent / 100
}

/// The queue of one worker.
#[derive(Debug)]
pub struct Queue {
    name: QueueName,
    /// The oldest first: `outstanding` of them were given to the worker.
    entries: VecDeque<Told>,
    outstanding: usize,
    /// The highest number that any incarnation was given.
    reached: u64,
    /// The number that should come next, once there was one.
    expected: Option<u64>,
    counts: Counts,
    pressure: Option<Pressure>,
    again: Again,
    /// Something was refused that no resync has covered yet.
    gap: bool,
}

/// What a queue counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were taken.
    pub taken: u64,
    /// Events for which there was no room, by class as in [`Class::ALL`].
    pub refused: [u64; 3],
    /// Numbers that were missing in what came: they were lost before this queue.
    pub gaps: u64,
    /// The most entries that it ever held.
    pub most: usize,
}

/// A time in which events are refused.
#[derive(Clone, Copy, Debug)]
struct Pressure {
    /// The most important class that was refused.
    class: Class,
    /// By class.
    refused: [u64; 3],
}

/// What has to be told again.
#[derive(Debug)]
enum Again {
    /// The states of these sessions.
    Sessions(BTreeSet<SessionNo>),
    /// Everything.
    All,
}

impl Queue {
    /// An empty one.
    pub const fn new(name: QueueName) -> Self {
        Self {
            name,
            entries: VecDeque::new(),
            outstanding: 0,
            reached: 0,
            expected: None,
            counts: Counts { taken: 0, refused: [0; 3], gaps: 0, most: 0 },
            pressure: None,
            again: Again::Sessions(BTreeSet::new()),
            gap: false,
        }
    }

    /// Takes an event, or refuses it when there is no room for its class. Numbers must rise. Yields a health event when a
    /// class is refused that was not refused before; it is to be told to everybody.
    pub fn offer(&mut self, told: Told) -> Option<Health> {
        let expected = self.expected.unwrap_or(told.seq);
        self.counts.gaps += told.seq.saturating_sub(expected);
        self.expected = Some(told.seq.saturating_add(1));
        let class = told.what.class();
        if self.entries.len() >= Self::room(class) {
            return self.refuse(&told, class);
        }
        self.entries.push_back(told);
        self.counts.taken += 1;
        self.counts.most = self.counts.most.max(self.entries.len());
        None
    }

    /// Entries up to which an event of this class is taken.
    const fn room(class: Class) -> usize {
        match class {
            Class::Sample => share(QUEUE_SAMPLES),
            Class::State => share(QUEUE_STATES),
            Class::Edge => QUEUE_CAPACITY,
        }
    }

    fn refuse(&mut self, told: &Told, class: Class) -> Option<Health> {
        self.counts.refused[class.index()] += 1;
        self.gap = true;
        match class {
            Class::Sample => {}
            Class::State => match &told.what {
                Subject::Core(what) => self.tell_again(what.session()),
                Subject::Health(_) => {}
            },
            // No session tells that a call ended; a resync tells which ones go on.
            Class::Edge => self.again = Again::All,
        }
        let before = self.pressure.map(|pressure| pressure.class);
        let pressure = self.pressure.get_or_insert(Pressure { class, refused: [0; 3] });
        pressure.refused[class.index()] += 1;
        pressure.class = pressure.class.max(class);
        let is_new = before.is_none_or(|before| before < class);
        is_new.then_some(Health::QueuePressure { queue: self.name, class })
    }

    fn tell_again(&mut self, session: Option<SessionNo>) {
        let Again::Sessions(sessions) = &mut self.again else { return };
        match session {
            Some(session) if sessions.len() < QUEUE_DIRTY || sessions.contains(&session) => {
                sessions.insert(session);
            }
            _ => self.again = Again::All,
        }
    }

    /// What may be given to the worker now, in order, so that at most `window` events are given and not safe.
    pub fn take(&mut self, window: usize) -> Vec<Told> {
        let more = window.saturating_sub(self.outstanding).min(self.waiting());
        let given: Vec<_> = self.entries.iter().skip(self.outstanding).take(more).cloned().collect();
        self.outstanding += given.len();
        self.reached = given.last().map_or(self.reached, |last| self.reached.max(last.seq));
        given
    }

    /// The worker has kept everything up to this number. A number that no incarnation was given keeps nothing. Yields a
    /// health event when the pressure is over.
    pub fn safe(&mut self, seq: u64) -> Option<Health> {
        let up_to = seq.min(self.reached);
        while self.entries.front().is_some_and(|told| told.seq <= up_to) {
            self.entries.pop_front();
            // What a former incarnation kept may stand before what this one was given.
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        if self.entries.is_empty() && self.entries.capacity() > QUEUE_KEPT {
            // What a storm of logins needed is not needed all day.
            self.entries.shrink_to(QUEUE_KEPT);
        }
        if self.entries.len() >= share(QUEUE_CALM) {
            return None;
        }
        let pressure = self.pressure.take()?;
        Some(Health::QueueRecovered { queue: self.name, refused: pressure.refused })
    }

    /// The incarnation ended: whatever is not safe will be given to the next one.
    pub fn rewind(&mut self) {
        self.outstanding = 0;
    }

    /// Sessions whose states were refused and are to be told again: at most so many, once each, and none before the queue is
    /// below half.
    pub fn dirty(&mut self, most: usize) -> Vec<SessionNo> {
        match &mut self.again {
            Again::Sessions(sessions) if self.entries.len() < share(QUEUE_SAMPLES) => {
                std::iter::from_fn(|| sessions.pop_first()).take(most).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether everything is to be told again; said once, and not before the queue is below half.
    pub fn needs_resync(&mut self) -> bool {
        let needs = matches!(self.again, Again::All) && self.entries.len() < share(QUEUE_SAMPLES);
        if needs {
            self.again = Again::Sessions(BTreeSet::new());
        }
        needs
    }

    /// Everything is to be told again: what the worker had kept is lost.
    pub fn tell_all_again(&mut self) {
        self.again = Again::All;
    }

    /// Whether something was refused since the last time, and there is room again: the worker knows that something is missing
    /// and not what, and believes no resync in which that was.
    pub fn has_gap(&mut self) -> bool {
        self.has_room() && std::mem::take(&mut self.gap)
    }

    /// Whether it has room for what is told again.
    pub fn has_room(&self) -> bool {
        self.entries.len() < share(QUEUE_AGAIN)
    }

    /// Entries that it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that the worker was given and has not kept yet.
    pub const fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Entries that the worker was not given yet.
    pub fn waiting(&self) -> usize {
        self.entries.len() - self.outstanding
    }

    /// What it counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::Role;
    use ragchew_core::id::{ClientId, ListenerId};
    use ragchew_core::report::{SessionTag, What};
    use ragchew_core::time::Wall;

    const NAME: QueueName = QueueName::Worker(Role::Sql);
    const HALF: u64 = 8_192;
    const STATES: u64 = 13_107;
    const ALL: u64 = 16_384;

    fn told(seq: u64, what: Subject) -> Told {
        Told { seq, at: Wall(0), retold: false, what }
    }

    fn edge(seq: u64) -> Told {
        told(seq, Subject::Core(What::Reloaded { kept: 0, closed: 0 }))
    }

    fn tag(session: u64) -> SessionTag {
        SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(1) }
    }

    fn state(seq: u64, session: u64) -> Told {
        told(seq, Subject::Core(What::Retold { who: tag(session) }))
    }

    fn sample(seq: u64) -> Told {
        let remote = ([127, 0, 0, 1], 9).into();
        told(seq, Subject::Core(What::Authenticated { who: tag(1), remote }))
    }

    fn pressure(class: Class) -> Option<Health> {
        Some(Health::QueuePressure { queue: NAME, class })
    }

    /// A queue with so many edges, numbered from 1.
    fn holding(count: u64) -> Queue {
        let mut queue = Queue::new(NAME);
        for seq in 1..=count {
            assert_eq!(queue.offer(edge(seq)), None);
        }
        queue
    }

    fn seqs(told: &[Told]) -> Vec<u64> {
        told.iter().map(|told| told.seq).collect()
    }

    /// Everything up to this number was given and kept.
    fn keep(queue: &mut Queue, seq: u64) -> Option<Health> {
        queue.take(QUEUE_CAPACITY);
        queue.safe(seq)
    }

    #[test]
    fn the_marks_are_the_shares_of_the_capacity_and_each_is_exact() {
        assert_eq!(
            [HALF, STATES, ALL].map(|n| n as usize),
            [share(QUEUE_SAMPLES), share(QUEUE_STATES), QUEUE_CAPACITY]
        );
        let mut queue = holding(HALF - 1);
        assert_eq!(queue.offer(sample(HALF)), None);
        assert_eq!(queue.offer(sample(HALF + 1)), pressure(Class::Sample));
        let mut queue = holding(STATES - 1);
        assert_eq!(queue.offer(state(STATES, 1)), None);
        assert_eq!(queue.offer(state(STATES + 1, 1)), pressure(Class::State));
        let mut queue = holding(ALL - 1);
        assert_eq!(queue.offer(edge(ALL)), None);
        assert_eq!(queue.offer(edge(ALL + 1)), pressure(Class::Edge));
        assert_eq!(
            (queue.len(), queue.counts().refused, queue.counts().most),
            (QUEUE_CAPACITY, [0, 0, 1], QUEUE_CAPACITY)
        );
    }

    #[test]
    fn however_much_comes_no_more_is_held_than_the_capacity() {
        let mut queue = Queue::new(NAME);
        for seq in 1..=3 * ALL {
            let _ = queue.offer([sample, edge, |seq| state(seq, seq)][(seq % 3) as usize](seq));
            assert!(queue.len() <= QUEUE_CAPACITY);
        }
        let counts = queue.counts();
        assert_eq!(counts.taken + counts.refused.iter().sum::<u64>(), 3 * ALL);
        assert!(queue.entries.capacity() <= 2 * QUEUE_CAPACITY);
    }

    #[test]
    fn pressure_is_told_once_for_each_class_and_its_end_once_with_what_was_refused() {
        let mut queue = holding(STATES);
        let mut said = Vec::new();
        for seq in STATES + 1..STATES + 5 {
            said.extend(queue.offer(sample(seq)));
            said.extend(queue.offer(state(seq, 7)));
        }
        said.extend(queue.offer(sample(STATES + 5)));
        assert_eq!(said, [pressure(Class::Sample), pressure(Class::State)].map(Option::unwrap));
        let calm = STATES - share(QUEUE_CALM) as u64;
        assert_eq!(keep(&mut queue, calm), None, "exactly at the mark");
        assert_eq!(queue.safe(calm + 1), Some(Health::QueueRecovered { queue: NAME, refused: [5, 4, 0] }));
        assert_eq!(queue.safe(STATES), None);
        assert_eq!(queue.counts().refused, [5, 4, 0]);
    }

    #[test]
    fn a_queue_that_hovers_at_its_mark_tells_of_its_pressure_once() {
        let mut queue = holding(HALF);
        let mut said = Vec::new();
        for seq in HALF + 1..HALF + 200 {
            said.extend(queue.offer(sample(seq)));
            said.extend(keep(&mut queue, seq - HALF));
            said.extend(queue.offer(edge(seq)));
        }
        assert_eq!(said.len(), 1);
    }

    #[test]
    fn sessions_of_refused_states_are_told_again_once_when_half_the_room_is_free() {
        let mut queue = holding(STATES);
        for session in [7, 5, 7, 6] {
            let _ = queue.offer(state(STATES + 1, session));
        }
        assert_eq!(queue.dirty(10), []);
        keep(&mut queue, STATES - HALF);
        assert_eq!((queue.len() as u64, queue.dirty(10)), (HALF, vec![]));
        queue.safe(STATES - HALF + 1);
        assert_eq!(
            (queue.dirty(2), queue.dirty(2), queue.dirty(2)),
            (vec![SessionNo(5), SessionNo(6)], vec![SessionNo(7)], vec![])
        );
        assert!(!queue.needs_resync());
    }

    #[test]
    fn more_dirty_sessions_than_there_is_room_for_ask_for_everything() {
        let mut queue = holding(STATES);
        for session in 0..QUEUE_DIRTY as u64 {
            let _ = queue.offer(state(STATES + 1, session));
        }
        let _ = queue.offer(state(STATES + 1, 3));
        assert!(matches!(&queue.again, Again::Sessions(all) if all.len() == QUEUE_DIRTY));
        let _ = queue.offer(state(STATES + 1, QUEUE_DIRTY as u64));
        assert!(!queue.needs_resync(), "not before there is room");
        keep(&mut queue, STATES);
        assert_eq!(queue.dirty(10), []);
        assert!(queue.needs_resync() && !queue.needs_resync());
    }

    #[test]
    fn a_lost_edge_is_counted_and_asks_for_everything() {
        let mut queue = holding(ALL);
        assert_eq!(queue.offer(edge(ALL + 1)), pressure(Class::Edge));
        assert_eq!(queue.offer(state(ALL + 2, 1)), None, "the more important class was told of");
        assert_eq!(keep(&mut queue, ALL), Some(Health::QueueRecovered { queue: NAME, refused: [0, 1, 1] }));
        assert!(queue.needs_resync());
    }

    #[test]
    fn no_more_is_given_than_the_window_allows_and_it_stays_until_it_is_safe() {
        let mut queue = holding(10);
        assert_eq!(seqs(&queue.take(4)), [1, 2, 3, 4]);
        assert_eq!(seqs(&queue.take(4)), [0; 0]);
        assert_eq!((queue.len(), queue.outstanding(), queue.waiting()), (10, 4, 6));
        queue.safe(3);
        assert_eq!(seqs(&queue.take(4)), [5, 6, 7]);
        assert_eq!(seqs(&queue.take(2)), [0; 0], "a smaller window takes nothing back");
        queue.safe(7);
        assert_eq!(seqs(&queue.take(100)), [8, 9, 10]);
        queue.safe(10);
        assert!(queue.is_empty() && queue.outstanding() == 0);
    }

    #[test]
    fn what_is_not_safe_is_given_to_the_next_incarnation_again() {
        let mut queue = holding(6);
        queue.take(5);
        queue.safe(2);
        queue.rewind();
        assert_eq!(queue.outstanding(), 0);
        assert_eq!(seqs(&queue.take(3)), [3, 4, 5]);
        queue.safe(5);
        assert_eq!(seqs(&queue.take(3)), [6]);
    }

    #[test]
    fn the_next_incarnation_may_say_at_once_what_the_one_before_had_kept() {
        let mut queue = holding(6);
        queue.take(4);
        queue.rewind();
        queue.safe(4);
        assert_eq!((queue.outstanding(), seqs(&queue.take(9))), (0, vec![5, 6]));
    }

    #[test]
    fn a_number_that_was_never_given_keeps_nothing() {
        let mut queue = holding(6);
        queue.safe(u64::MAX);
        assert_eq!(queue.len(), 6);
        queue.take(2);
        queue.safe(u64::MAX);
        assert_eq!(seqs(&queue.take(9)), [3, 4, 5, 6]);
    }

    #[test]
    fn numbers_that_were_lost_before_are_counted_and_refused_ones_are_not_lost_twice() {
        let mut queue = Queue::new(NAME);
        for seq in [5, 6, 9, 10, 20] {
            let _ = queue.offer(edge(seq));
        }
        assert_eq!(queue.counts().gaps, 2 + 9, "where it begins is no gap");
        let mut queue = holding(ALL);
        let _ = queue.offer(edge(ALL + 1));
        let _ = queue.offer(edge(ALL + 2));
        assert_eq!(queue.counts().gaps, 0);
    }
}
