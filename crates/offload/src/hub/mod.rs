//! The hub: the one thread where events, workers and operators meet. Takes events from the reactor's channel, keeps a copy of
//! what there is, passes events on to the log, to the workers and to whoever watches, and carries out what operators ask.
//! No packet passes it, and the reactor never waits for it. Source: design §5, `runtime.md` S2.
//!
//! One turn: wait for the bell, a socket or a deadline → events → the world outside → operators → workers → what is to be told
//! again. Each of them has a budget, so that nobody starves the others.

mod crew;
mod office;
mod outside;
mod stream;
mod words;

pub use crew::{Boot, WorkerPlan};
pub use outside::{Bell, Busy, Figures, Heard, Outside, Reloaded};

use crate::desk::{Desk, PerfRow};
use crate::event::{Health, QueueName, Told};
use crate::limits::{
    EVENT_BUDGET, EVENTS_TO_HUB, HUB_FEED, HUB_GATHER, HUB_LIMIT, HUB_SLEEP, LOSS_PAUSE, MAX_WORKERS, OUTSIDE_LOOK,
    PAGES_A_TURN,
};
use crate::log::{Level, LogItem, LogSender, wall};
use crate::picture::{Picture, Place};
use crate::supervise::Numbers;
use crate::worker::Workshop;
use crew::{Crew, News};
use crossbeam_channel::{Receiver, TryRecvError};
use mio::{Events, Poll, Token, Waker};
use office::{Around, Office};
use ragchew_core::id::ListenerId;
use ragchew_core::report::{Numbered, What};
use ragchew_core::{Mono, Span};
use std::io;
use std::time::{Duration, Instant};
use stream::Stream;

const BELL: Token = Token(0);
const FIRST_WORKER: usize = 1;
const FIRST_DESK: usize = FIRST_WORKER + MAX_WORKERS;
const POLL_EVENTS: usize = 128;

/// What a hub is started with.
pub struct HubPlan {
    /// Which start of which server.
    pub boot: Boot,
    /// What the configuration calls the server.
    pub name: String,
    /// Of the program.
    pub version: String,
    /// The workers that the configuration wants.
    pub workers: Vec<WorkerPlan>,
    /// How they are kept well.
    pub numbers: Numbers,
    /// How they are made.
    pub workshop: Workshop,
    /// The listeners of the configuration.
    pub listeners: Vec<(ListenerId, String)>,
    /// The command socket, if there is one.
    pub desk: Option<Desk>,
}

/// What a hub hears from.
pub struct Ears {
    /// What the core reports; its end is the end of the server.
    pub events: Receiver<Numbered>,
    /// Lines of the log as they were written, for those who follow it.
    pub lines: Receiver<String>,
    /// The packet plane and the configuration's keeper.
    pub outside: Box<dyn Outside>,
}

/// Where a hub waits; made before it, because who wakes it is made before it too.
#[derive(Debug)]
pub struct Ground {
    poll: Poll,
    bell: Bell,
}

impl Ground {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no poll.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Bell::new(Waker::new(poll.registry(), BELL)?);
        Ok(Self { poll, bell })
    }

    /// What wakes the hub.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

/// The hub, ready to run on a thread of its own.
pub struct Hub {
    clock: Clock,
    poll: Poll,
    polled: Events,
    bell: Bell,
    ears: Ears,
    log: LogSender,
    stream: Stream,
    picture: Picture,
    crew: Crew,
    office: Office,
    again: Option<Again>,
    /// The reactor is telling everything again.
    core_resync: bool,
    /// Resyncs out of the copy, since the start.
    resyncs: u32,
    /// Queues that the core's resync serves as well.
    waiting: Vec<QueueName>,
    lost: Lost,
    /// The most events that waited.
    deepest: u32,
    /// Events came, so that more may follow: until then nobody has to ring for them.
    gathers: Option<Mono>,
    /// The orderly end was told.
    stopping: bool,
    stage: Stage,
}

/// What the hub tells once more out of its copy.
struct Again {
    place: Place,
    queues: Vec<QueueName>,
}

/// Events that did not reach the hub, until they are told of.
#[derive(Default)]
struct Lost {
    count: u64,
    told: Option<Mono>,
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The reactor is gone: workers are given what there still is, at most until then.
    Feeding(Mono),
    /// Workers end, at most until then.
    Stopping(Mono),
    Ended,
}

/// The hub's own clock.
struct Clock {
    began: Instant,
    idle: Duration,
    turns: u64,
    longest: Duration,
}

impl Clock {
    fn now(&self) -> Mono {
        // Not zero: that is what an empty record holds.
        Mono(1) + Span(self.began.elapsed().as_nanos() as u64)
    }

    /// How the hub fares, with what waits for it now and at most.
    fn row(&self, queue_depth: u32, queue_high_water: u32) -> PerfRow {
        let passed = self.began.elapsed();
        let busy = passed.saturating_sub(self.idle).as_nanos() * 1_000 / passed.as_nanos().max(1);
        PerfRow {
            name: "hub".to_owned(),
            turns: self.turns,
            busy: busy.min(1_000) as u16,
            longest_turn_us: self.longest.as_micros() as u64,
            queue_depth,
            queue_high_water,
            queue_capacity: EVENTS_TO_HUB as u32,
        }
    }
}

impl Hub {
    /// A hub that has not begun.
    ///
    /// # Errors
    /// The command socket cannot be polled.
    pub fn new(Ground { poll, bell }: Ground, plan: HubPlan, ears: Ears, log: LogSender) -> io::Result<Self> {
        let now = Instant::now();
        let plan_workers = plan.workers.iter().map(|worker| worker.role).collect();
        let crew = Crew::new(plan.workers, plan.numbers, plan.workshop, plan.boot.clone(), Token(FIRST_WORKER));
        let workers = plan_workers;
        let office =
            Office::new(plan.desk, plan.boot, (plan.name, plan.version), plan.listeners, workers, poll.registry())?;
        Ok(Self {
            clock: Clock { began: now, idle: Duration::ZERO, turns: 0, longest: Duration::ZERO },
            poll,
            polled: Events::with_capacity(POLL_EVENTS),
            bell,
            ears,
            log,
            stream: Stream::default(),
            picture: Picture::default(),
            crew,
            office,
            again: None,
            core_resync: false,
            resyncs: 0,
            waiting: Vec::new(),
            lost: Lost::default(),
            deepest: 0,
            gathers: None,
            stopping: false,
            stage: Stage::Running,
        })
    }

    /// Works until the reactor is gone and every worker has ended, at most [`HUB_LIMIT`] after the reactor.
    pub fn run(mut self) {
        let now = self.clock.now();
        self.crew.start(now, self.poll.registry());
        let names = self.office.listeners().to_vec();
        self.crew.set_names(now, &names);
        self.say(Health::ServerStarted { version: self.office.version().to_owned() });
        while self.stage != Stage::Ended {
            self.wait();
            let began = Instant::now();
            self.turn();
            self.clock.turns += 1;
            self.clock.longest = self.clock.longest.max(began.elapsed());
        }
    }

    fn turn(&mut self) {
        // Before everything else: who rings later has something that this turn may have passed by.
        self.bell.look();
        let now = self.clock.now();
        self.take_events(now);
        self.hear_outside(now);
        while let Ok(line) = self.ears.lines.try_recv() {
            self.office.line(now, line);
        }
        self.with_office(now, |office, around| office.turn(around));
        self.crew.turn(now, self.poll.registry());
        self.heed_news(now);
        self.tell_again();
        self.tell_losses(now);
        self.advance(now);
    }

    /// Sleeps until something happened or is due. After events it first lets more of them gather, and nobody has to wake it
    /// for those.
    fn wait(&mut self) {
        let now = self.clock.now();
        self.crew.follow(self.poll.registry());
        self.gathers = self.gathers.filter(|until| *until > now && self.stage == Stage::Running);
        let rang = self.gathers.is_none() && !self.bell.sleep();
        let pending = rang || !self.ears.events.is_empty() || !self.ears.lines.is_empty();
        let timeout = match (self.timeout(now), self.gathers) {
            _ if self.ears.events.len() >= EVENT_BUDGET => Duration::ZERO,
            (timeout, Some(until)) => timeout.min(Duration::from_nanos(until.since(now).0)),
            _ if pending => Duration::ZERO,
            (timeout, None) => timeout,
        };
        let before = Instant::now();
        // A poll that fails is one that came back early: every turn looks at everything.
        let _ = self.poll.poll(&mut self.polled, Some(timeout));
        self.clock.idle += before.elapsed();
        self.bell.awake();
        for event in &self.polled {
            if event.token().0 >= FIRST_DESK {
                self.office.ready(now, event);
            }
        }
    }

    fn timeout(&self, now: Mono) -> Duration {
        let stage = match self.stage {
            Stage::Running => None,
            Stage::Feeding(until) | Stage::Stopping(until) => Some(until.min(now + OUTSIDE_LOOK)),
            Stage::Ended => Some(now),
        };
        // What comes from outside rings no bell of its own.
        let outside = self.office.waits_for_outside().then_some(now + OUTSIDE_LOOK);
        let again = self.again.as_ref().map(|_| now + OUTSIDE_LOOK);
        let losses = (self.lost.count > 0).then_some(now + LOSS_PAUSE);
        let parts = [stage, outside, again, losses, self.crew.next(now), self.office.next(now)];
        let next = parts.into_iter().flatten().min();
        // Whoever follows the log is told without a bell.
        let longest = if self.office.is_followed() { OUTSIDE_LOOK } else { HUB_SLEEP };
        let next = next.map_or(longest, |next| next.since(now).min(longest));
        Duration::from_nanos(next.0)
    }

    /// What came of what was asked of the world outside.
    fn hear_outside(&mut self, now: Mono) {
        while let Some(heard) = self.ears.outside.heard() {
            if matches!(heard, Heard::Stopping) {
                self.say_stopping();
            }
            self.with_office(now, |office, around| office.heard(around, heard));
        }
    }

    /// Lets the office work with everything that it may touch.
    fn with_office(&mut self, now: Mono, work: impl FnOnce(&mut Office, &mut Around<'_>)) {
        let depth = self.ears.events.len() as u32;
        self.deepest = self.deepest.max(depth);
        let hub = self.clock.row(depth, self.deepest);
        let mut around = Around {
            now,
            registry: self.poll.registry(),
            crew: &mut self.crew,
            outside: self.ears.outside.as_mut(),
            picture: &self.picture,
            log: &self.log,
            hub: &hub,
        };
        work(&mut self.office, &mut around);
    }

    /// Takes what the reactor has reported.
    fn take_events(&mut self, now: Mono) {
        for _ in 0..EVENT_BUDGET {
            match self.ears.events.try_recv() {
                Ok(numbered) => {
                    self.gathers = Some(now + HUB_GATHER);
                    self.take(&numbered);
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    if self.stage == Stage::Running {
                        self.say_stopping();
                        self.stage = Stage::Feeding(now + HUB_FEED);
                    }
                    return;
                }
            }
        }
    }

    /// The orderly end has begun; said once.
    fn say_stopping(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.say(Health::ServerStopping);
        }
    }

    fn take(&mut self, numbered: &Numbered) {
        let (told, lost) = self.stream.core(numbered);
        if lost > 0 {
            self.lost.count += lost;
            self.picture.lost();
        }
        match numbered.event.what {
            What::ResyncBegan { .. } => {
                self.core_resync = true;
                // What the reactor tells is newer, and serves whoever waits for our copy as well.
                if let Some(again) = self.again.take() {
                    self.waiting.extend(again.queues);
                }
            }
            What::ResyncEnded { .. } => self.core_resync = false,
            _ => {}
        }
        self.picture.apply(numbered.event.at, &numbered.event.what);
        self.log.send(LogItem::Event(numbered.event));
        self.pass_on(&told);
        if matches!(numbered.event.what, What::ResyncEnded { .. }) {
            self.say(Health::Resynced { queue: QueueName::Reactor });
            for queue in std::mem::take(&mut self.waiting) {
                self.say(Health::Resynced { queue });
            }
        }
    }

    /// Says something of the server itself.
    fn say(&mut self, health: Health) {
        // A trouble has been logged with what the system said of it.
        if !matches!(health, Health::WorkerTrouble { .. }) {
            let (level, line) = words::line(&health);
            self.log.line(level, line);
        }
        let told = self.stream.own(wall(), health);
        self.pass_on(&told);
    }

    fn pass_on(&mut self, told: &Told) {
        self.crew.tell(told);
        let now = self.clock.now();
        self.office.event(now, told);
    }

    /// What happened to workers, until nothing more comes of it.
    fn heed_news(&mut self, now: Mono) {
        loop {
            let news = self.crew.take_news();
            if news.is_empty() {
                return;
            }
            for one in news {
                match one {
                    News::Health(health) => self.say(health),
                    News::Line(level, line) => self.log.line(level, line),
                    News::AllStopped => self.stage = Stage::Ended,
                    other => self.with_office(now, |office, around| office.heed(around, other)),
                }
            }
        }
    }

    /// States that did not fit into a queue are told to everybody out of the copy, a page at a time, when there is room.
    fn tell_again(&mut self) {
        if self.stage != Stage::Running || self.core_resync {
            return;
        }
        if self.again.is_none() {
            let queues = self.crew.wants_resync();
            if queues.is_empty() {
                return;
            }
            self.resyncs = self.resyncs.wrapping_add(1);
            self.again = Some(Again { place: Place::start(self.resyncs), queues });
        }
        for _ in 0..PAGES_A_TURN {
            if self.crew.has_room() {
                self.tell_page();
            }
        }
    }

    fn tell_page(&mut self) {
        let Some(again) = self.again.take() else { return };
        let page = self.picture.rows(wall(), again.place);
        for (at, what) in page.events {
            let told = self.stream.again(at, what);
            self.pass_on(&told);
        }
        match page.next {
            Some(place) => self.again = Some(Again { place, ..again }),
            None => {
                for queue in again.queues {
                    self.say(Health::Resynced { queue });
                }
            }
        }
    }

    /// What was lost before the hub is told of, not more often than a reader can take.
    fn tell_losses(&mut self, now: Mono) {
        let due = self.lost.told.is_none_or(|told| now >= told + LOSS_PAUSE);
        if self.lost.count > 0 && due {
            let count = std::mem::take(&mut self.lost.count);
            self.lost.told = Some(now);
            self.say(Health::EventsLost { queue: QueueName::Reactor, count });
        }
    }

    fn advance(&mut self, now: Mono) {
        match self.stage {
            Stage::Feeding(until) if self.ears.events.is_empty() && (self.crew.is_fed() || now >= until) => {
                self.crew.stop(now, self.poll.registry());
                self.stage = Stage::Stopping(until + Span(HUB_LIMIT.0 - HUB_FEED.0));
                self.heed_news(now);
            }
            Stage::Stopping(until) if now >= until => {
                let late: Vec<_> = self.crew.up().map(|worker| worker.to_string()).collect();
                let line = format!("(REPORT) left behind at the end: {}", late.join(", "));
                self.log.line(Level::Error, line);
                self.stage = Stage::Ended;
            }
            _ => {}
        }
    }
}
