//! The queue of one worker in the hub: what it is to be told, what it was given, and what it has not kept yet. When there is
//! no room for all, the less important goes first, and what went is known: states are told again, the rest is counted. Owns
//! the entries until the worker says that they are safe; sends nothing and knows no incarnation. Source: design §5, R-218,
//!

use crate::event::{Health, QueueName, Subject, Told};
use crate::limits::{QUEUE_CALM, QUEUE_CAPACITY, QUEUE_DIRTY, QUEUE_SAMPLES, QUEUE_STATES};
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

    /// Whether it has room for what is told again.
    pub fn has_room(&self) -> bool {
        self.entries.len() < share(QUEUE_SAMPLES)
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
