//! How the reactor tells what happens and answers operators, turn by turn. Owns a double of the core that notes what it is
//! asked; never runs a thread, and no turn of it blocks. Source: design §5.

use super::*;
use crate::record::{Begin, Outcome, create, play, recording};
use crossbeam_channel::bounded;
use ragchew_core::control::{ControlCommand, Cursor, RequestId};
use ragchew_core::id::{ClientId, ListenerId, SessionNo};
use ragchew_core::report::{Class, Numbered, ReportEvent, SessionTag, What};
use ragchew_core::{Seed, Wall};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tells sessions 0 to `last` in pages of so many, and notes what it was asked.
struct Sessions {
    last: u64,
    page: u64,
    asked: Vec<ControlRequest>,
    deadline: Option<Mono>,
}

impl Sessions {
    fn told(&self, command: ControlCommand, mut tell: impl FnMut(What)) -> ControlOutcome {
        match command {
            ControlCommand::Resync(cursor) => {
                let SessionNo(first) = cursor.session;
                if first == 0 {
                    tell(What::ResyncBegan { epoch: cursor.epoch });
                }
                let next = first + self.page;
                (first..next.min(self.last + 1)).for_each(|session| tell(state(session)));
                let more = next <= self.last;
                ControlOutcome::Told(more.then_some(Cursor { session: SessionNo(next), ..cursor }))
            }
            ControlCommand::Retell(cursor) => {
                tell(state(cursor.session.0));
                ControlOutcome::Told(None)
            }
            _ => ControlOutcome::Kicked(1),
        }
    }
}

impl PacketPlane for Sessions {
    fn handle(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        self.deadline = None;
        let Input::Control(request) = input else { return };
        self.asked.push(request);
        let event = |what| ReportEvent { at: now.wall, retold: true, what };
        let outcome = self.told(request.command, |what| effects.push_event(event(what)));
        effects.push_reply(ControlReply { id: request.id, outcome });
    }

    fn next_deadline(&self) -> Option<Mono> {
        self.deadline
    }

    fn refusals(&self) -> Vec<(&'static str, u64)> {
        vec![("login_rate", 3)]
    }

    fn tables(&self) -> Vec<(&'static str, u64)> {
        vec![("sessions", 12)]
    }
}

fn state(session: u64) -> What {
    What::Retold { who: SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(1) } }
}

const EDGE: What = What::Reloaded { kept: 0, closed: 0 };
const KICK: ControlCommand = ControlCommand::Kick { client: ClientId(1), listener: None };

/// A reactor without sockets whose turns the test makes, and what a hub holds.
struct Bench {
    reactor: Reactor<Sessions>,
    handle: Handle,
    events: Receiver<Numbered>,
    answer: Sender<ControlReply>,
    answered: Receiver<ControlReply>,
    /// How often the bell rang, and how many answers were there when it rang last.
    rung: Arc<[AtomicUsize; 2]>,
}

impl Bench {
    /// With room for `capacity` events.
    fn new(capacity: usize) -> Self {
        let (to_hub, events) = bounded(capacity);
        let (answer, answered) = bounded::<ControlReply>(4);
        let rung = Arc::<[AtomicUsize; 2]>::default();
        let (ring, there) = (Arc::clone(&rung), answered.clone());
        let bell = move || {
            ring[0].fetch_add(1, Ordering::Relaxed);
            ring[1].store(there.len(), Ordering::Relaxed);
        };
        let wiring =
            Wiring { events: to_hub, bell: Some(Box::new(bell)), notices: bounded(4).0, retired: bounded(1).0 };
        let plane = Sessions { last: 2, page: 1, asked: Vec::new(), deadline: None };
        let (reactor, handle) = Reactor::new(plane, Vec::new(), &Settings::default(), wiring).unwrap();
        Self { reactor, handle, events, answer, answered, rung }
    }

    fn tell(&mut self, what: What, times: usize) {
        (0..times).for_each(|_| self.reactor.teller.tell(&ReportEvent { at: Wall(7), retold: false, what }));
    }

    /// Everything that waits is heard.
    fn hear(&self) -> Vec<Numbered> {
        self.events.try_iter().collect()
    }

    /// Turns with an input each, so that the poll does not block.
    fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.reactor.plane.deadline = Some(Mono(0));
            self.reactor.turn().unwrap();
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.reactor.timeout(clock::now().mono)
    }

    fn asked(&self) -> Vec<ControlCommand> {
        self.reactor.plane.asked.iter().map(|request| request.command).collect()
    }

    fn ask(&self, id: u64) {
        let request = ControlRequest { id: RequestId(id), command: KICK };
        self.handle.send(Command::Control { request, answer: self.answer.clone() }).unwrap();
    }

    fn rung(&self) -> [usize; 2] {
        [&self.rung[0], &self.rung[1]].map(|count| count.load(Ordering::Relaxed))
    }
}

fn retell(session: u64) -> ControlCommand {
    ControlCommand::Retell(Cursor { session: SessionNo(session), ..Cursor::default() })
}

fn resync(session: u64, epoch: u32) -> ControlCommand {
    ControlCommand::Resync(Cursor { session: SessionNo(session), left: None, epoch })
}

#[test]
fn when_nobody_listens_the_poll_blocks_and_the_core_is_asked_nothing() {
    let mut bench = Bench::new(8);
    bench.events = crossbeam_channel::never();
    bench.tell(EDGE, 1);
    bench.turns(2);
    assert_eq!((bench.timeout(), bench.asked()), (None, Vec::new()));
    assert_eq!(bench.reactor.counters().events_lost, 1);
}

#[test]
fn sessions_whose_state_was_lost_are_asked_for_one_a_turn_while_there_is_room_and_everything_after_them() {
    let mut bench = Bench::new(20);
    bench.tell(EDGE, 16);
    [5, 3].into_iter().for_each(|session| bench.tell(state(session), 1));
    assert_eq!(bench.events.try_iter().take(11).count(), 11);
    bench.turns(1);
    assert_eq!((bench.asked(), bench.events.len()), (Vec::new(), 5), "a quarter is not below a quarter");
    assert_eq!(bench.timeout(), Some(Duration::from_nanos(OFFER_AGAIN.0)));
    assert!(bench.events.try_recv().is_ok());
    assert_eq!(bench.timeout(), Some(Duration::ZERO));
    bench.turns(1);
    assert_eq!(bench.asked(), [retell(3)]);
    bench.hear();
    bench.turns(1);
    assert_eq!(bench.asked(), [retell(3), retell(5)]);
    bench.hear();
    bench.turns(2);
    assert_eq!(bench.asked()[2..], [resync(0, 1), resync(1, 1)]);
    bench.hear();
    bench.turns(2);
    assert_eq!((bench.asked().len(), bench.timeout()), (5, None));
}

#[test]
fn a_lost_edge_leaves_a_gap_in_seq_and_has_everything_told_one_page_a_turn() {
    let mut bench = Bench::new(8);
    bench.tell(EDGE, 9);
    assert_eq!(bench.hear().last().unwrap().seq, 8);
    let mut heard = Vec::new();
    for pages in 1..=3 {
        bench.turns(1);
        assert_eq!(bench.asked().len(), pages);
        heard.extend(bench.hear());
    }
    bench.turns(1);
    assert_eq!(bench.asked(), [resync(0, 1), resync(1, 1), resync(2, 1)]);
    assert!(bench.reactor.plane.asked.iter().all(|request| request.id.0 >> 63 == 1));
    assert_eq!((heard[0].seq, heard[0].event.what), (10, What::ResyncBegan { epoch: 1 }));
    assert_eq!(heard.len(), 4);
    assert_eq!(bench.timeout(), None);
}

#[test]
fn a_state_that_is_lost_while_everything_is_told_is_told_again_and_so_is_everything() {
    let mut bench = Bench::new(20);
    (bench.reactor.plane.last, bench.reactor.plane.page) = (14, 15);
    bench.tell(EDGE, 21);
    bench.hear();
    bench.tell(EDGE, 4);
    // With four and the begin there is room for eleven of fifteen states.
    bench.turns(1);
    assert_eq!((bench.asked(), bench.events.len()), (vec![resync(0, 1)], 16));
    for _ in 0..4 {
        bench.hear();
        bench.turns(1);
    }
    assert_eq!(bench.asked()[1..], [11, 12, 13, 14].map(retell));
    assert_eq!(bench.reactor.counters().events_refused, [0, 4, 1]);
    bench.hear();
    bench.turns(1);
    assert_eq!(bench.asked()[5..], [resync(0, 2)]);
}

#[test]
fn a_request_is_answered_before_the_bell_and_the_bell_rings_once_a_turn() {
    let mut bench = Bench::new(8);
    bench.turns(1);
    assert_eq!(bench.rung(), [0, 0], "nothing is new");
    (1..=3).for_each(|id| bench.ask(id));
    bench.tell(EDGE, 2);
    bench.turns(1);
    assert_eq!(bench.rung(), [1, 3]);
    let outcome = ControlOutcome::Kicked(1);
    let answers: Vec<_> = bench.answered.try_iter().collect();
    assert_eq!(answers, [1, 2, 3].map(|id| ControlReply { id: RequestId(id), outcome }));
    assert_eq!(bench.asked(), [KICK; 3]);
    bench.turns(1);
    assert_eq!(bench.rung()[0], 1);
}

#[test]
fn a_request_whose_asker_is_gone_is_carried_out_all_the_same() {
    let mut bench = Bench::new(8);
    let (answer, _) = bounded(0);
    let request = ControlRequest { id: RequestId(1), command: KICK };
    bench.handle.send(Command::Control { request, answer }).unwrap();
    bench.turns(1);
    assert_eq!(bench.asked(), [KICK]);
}

#[test]
fn counters_that_are_asked_for_go_to_the_asker_with_what_the_core_counts() {
    let mut bench = Bench::new(8);
    bench.tell(EDGE, 9);
    bench.hear();
    bench.tell(EDGE, 5);
    let (answer, answered) = bounded(1);
    bench.handle.send(Command::Counters { answer: Some(answer) }).unwrap();
    bench.turns(2);
    let counters = answered.try_recv().unwrap();
    assert_eq!((&counters.refusals[..], &counters.tables[..]), (&[("login_rate", 3)][..], &[("sessions", 12)][..]));
    assert_eq!((counters.events_lost, counters.events_refused[Class::Edge.index()]), (1, 1));
    let perf = counters.perf;
    assert_eq!((perf.queue_depth, perf.queue_high_water, perf.queue_capacity), (5, 8, 8));
    assert!(perf.busy_ns <= perf.observed_ns && bench.rung()[0] == 1);
}

#[test]
fn what_operators_and_the_teller_ask_is_recorded_with_the_other_inputs() {
    let file = std::env::temp_dir().join(format!("ragchew-telling-{}", std::process::id()));
    let _ = std::fs::remove_file(&file); // Of a process that had this number.
    let now = clock::now();
    let snapshot = Core::new(Config::default(), Seed::Key([0; 32]), now).snapshot();
    let begin = Begin { program: "ragchew test".into(), now, snapshot, sockets: Vec::new() };
    let (tape, writer) = recording(create(&file).unwrap(), begin);
    let mut bench = Bench::new(8);
    bench.reactor.record_to(tape);
    bench.tell(EDGE, 9);
    bench.hear();
    bench.ask(1);
    for _ in 0..4 {
        bench.turns(1);
        bench.hear();
    }
    assert_eq!(bench.asked().len(), 4);
    drop(bench);
    writer.run().unwrap();
    let played = play(std::fs::read(&file).unwrap().as_slice(), None);
    std::fs::remove_file(&file).unwrap();
    assert_eq!((played.outcome, played.inputs), (Outcome::Equal, 4 + 4));
}
