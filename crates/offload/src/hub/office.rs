//! What operators want of the hub, from their request to its one answer: asks whoever has to answer, gathers what comes, and
//! keeps the streams of those who watch. Owns the requests that are under way; decides nothing about workers or the packet
//! plane. Source: design §5, `runtime.md` S2-05 to S2-09, S4-12, S4-34.

mod gather;
mod streams;

use super::FIRST_DESK;
use super::crew::{Boot, Crew, News};
use super::outside::{Figures, Heard, Outside, Reloaded};
use crate::desk::{
    Asker, Change, Command, Complaint, ConnectionRef, Desk, Done, Errand, Facts, Peer, Pending, Queue, ReloadAnswer,
    Request, Response, Served, Settled, Status, Ticket, WorkerAction, outcome, serve,
};
use crate::event::{Health, Told};
use crate::limits::{
    DRAIN_SETTLES, DRAIN_USUALLY, EVENTS_TO_HUB, FIGURES_KEPT, OUTSIDE_LOOK, PAGES_A_TURN, STATUS_WAITS,
};
use crate::log::{Level, LogSender, wall};
use crate::picture::Picture;
use crate::supervise::{Input, WorkerName};
use crate::worker::{Answer, RequestNo};
use gather::Gathered;
use mio::event::Event;
use mio::{Registry, Token};
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRequest, RequestId};
use ragchew_core::id::ListenerId;
use ragchew_core::{Mono, Wall};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use streams::Streams;

/// What the office works with in a turn.
pub(super) struct Around<'a> {
    pub(super) now: Mono,
    pub(super) registry: &'a Registry,
    pub(super) crew: &'a mut Crew,
    pub(super) outside: &'a mut dyn Outside,
    pub(super) picture: &'a Picture,
    pub(super) log: &'a LogSender,
    /// How the hub itself fares.
    pub(super) hub: &'a crate::desk::PerfRow,
}

/// The office.
pub(super) struct Office {
    desk: Option<Desk>,
    known: Known,
    pending: Pending<Gathered>,
    changes: BTreeMap<Ticket, Change>,
    streams: Streams,
    /// Requests that wait for the packet plane's figures.
    figures: Vec<Ticket>,
    draining: Option<Draining>,
    /// When the figures came last.
    looked: Option<Mono>,
}

/// The server stops when no call is on the air, or at that time.
#[derive(Clone, Copy, Debug)]
struct Draining {
    until: Mono,
    /// From here on what the core counted has reached the hub's copy.
    from: Mono,
}

/// What the office knows by itself of the server.
struct Known {
    boot: Boot,
    name: String,
    version: String,
    started: Wall,
    listeners: Vec<(ListenerId, String)>,
    workers: Vec<WorkerName>,
    /// How the workers stand, as of this turn.
    states: BTreeMap<crate::supervise::State, u32>,
    queue: Queue,
    last_calls: bool,
    stopping: bool,
}

impl Facts for Known {
    fn status(&self) -> Status {
        let started_ms = self.started.0 / 1_000_000;
        Status {
            name: self.name.clone(),
            version: self.version.clone(),
            boot_id: self.boot.id.clone(),
            server_id: self.boot.server_id,
            pid: std::process::id(),
            started_ms,
            uptime_s: (wall().0 / 1_000_000).saturating_sub(started_ms) / 1_000,
            workers: self.states.clone(),
            queue: self.queue,
            last_calls: self.last_calls,
            stopping: self.stopping,
            ..Status::default()
        }
    }

    fn listeners(&self) -> &[(ListenerId, String)] {
        &self.listeners
    }

    fn workers(&self) -> &[WorkerName] {
        &self.workers
    }
}

impl Office {
    /// An office behind this command socket, if there is one.
    ///
    /// # Errors
    /// The socket cannot be polled.
    pub(super) fn new(
        mut desk: Option<Desk>,
        boot: Boot,
        (name, version): (String, String),
        listeners: Vec<(ListenerId, String)>,
        workers: Vec<WorkerName>,
        registry: &Registry,
    ) -> io::Result<Self> {
        if let Some(desk) = &mut desk {
            desk.register(registry, Token(FIRST_DESK))?;
        }
        let queue = Queue { capacity: EVENTS_TO_HUB as u32, ..Queue::default() };
        let states = BTreeMap::new();
        let (last_calls, stopping, started) = (false, false, wall());
        let known = Known { boot, name, version, started, listeners, workers, states, queue, last_calls, stopping };
        Ok(Self {
            desk,
            known,
            pending: Pending::default(),
            changes: BTreeMap::new(),
            streams: Streams::default(),
            figures: Vec::new(),
            draining: None,
            looked: None,
        })
    }

    /// Of the program.
    pub(super) fn version(&self) -> &str {
        &self.known.version
    }

    /// Of the configuration in force.
    pub(super) fn listeners(&self) -> &[(ListenerId, String)] {
        &self.known.listeners
    }

    /// The poll says that something happened at the command socket.
    pub(super) fn ready(&mut self, now: Mono, event: &Event) {
        if let Some(desk) = &mut self.desk {
            desk.ready(now, event.token(), event.is_write_closed());
        }
    }

    /// Whether an answer of the packet plane or the keeper is awaited.
    pub(super) fn waits_for_outside(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether somebody follows the log.
    pub(super) fn is_followed(&self) -> bool {
        self.streams.follow()
    }

    /// When the next turn is wanted at the latest.
    pub(super) fn next(&self, now: Mono) -> Option<Mono> {
        let desk = self.desk.as_ref().and_then(|desk| desk.next(now));
        // A reader that has no room is looked after again, but not all the time.
        let paging = self.streams.is_paging().then_some(now + OUTSIDE_LOOK);
        let drain =
            self.draining.map(|Draining { until, from }| if now < from { from } else { until.max(now + OUTSIDE_LOOK) });
        [desk, self.pending.next(), drain, paging].into_iter().flatten().min()
    }

    /// One turn: requests are taken and carried out, what is over time is answered.
    pub(super) fn turn(&mut self, around: &mut Around<'_>) {
        self.look(around);
        let Some(mut desk) = self.desk.take() else { return };
        desk.step(around.now);
        for audit in desk.take_audits() {
            around.log.line(Level::Warning, audit.to_string());
        }
        let requests = desk.take_requests();
        self.desk = Some(desk);
        for (to, peer, request) in requests {
            self.request(around, to, peer, &request);
        }
        for settled in self.pending.settled().into_iter().chain(self.pending.expired(around.now)) {
            self.settle(around, settled);
        }
        self.drain(around);
        if let Some(desk) = &mut self.desk {
            for _ in 0..PAGES_A_TURN {
                self.streams.page(around.now, desk, around.picture, &self.known.boot);
            }
        }
    }

    /// Looks how the workers stand and what the queue to the hub holds.
    fn look(&mut self, around: &Around<'_>) {
        self.known.states.clear();
        for member in around.crew.members() {
            if let Some(status) = around.crew.status(member.plan.role) {
                *self.known.states.entry(status.state).or_default() += 1;
            }
        }
        self.known.queue.depth = around.hub.queue_depth;
        self.known.queue.high_water = self.known.queue.high_water.max(around.hub.queue_high_water);
    }

    fn request(&mut self, around: &mut Around<'_>, to: ConnectionRef, peer: Peer, request: &Request) {
        let stale = self.looked.is_none_or(|looked| around.now >= looked + FIGURES_KEPT);
        if stale && matches!(request.command, Command::Status) {
            let asker = Asker { to, id: request.id, within: STATUS_WAITS };
            let gathered = Gathered::Status(peer, Box::new(request.clone()));
            if let Ok(ticket) = self.pending.open(around.now, asker, ["reactor"], gathered) {
                if around.outside.figures().is_ok() {
                    self.figures.push(ticket);
                }
                return;
            }
        }
        match serve(peer, request, around.picture, &self.known) {
            Served::Answered { response, audit } => {
                if let Some(audit) = audit {
                    around.log.line(Level::Warning, audit.to_string());
                }
                self.respond(around.now, to, &response);
            }
            Served::Sent { errand, change, within } => {
                let asker = Asker { to, id: request.id, within };
                self.run(around, asker, errand, change);
            }
        }
    }

    /// Does what a request wants, or has it done.
    fn run(&mut self, around: &mut Around<'_>, asker: Asker, errand: Errand, change: Option<Change>) {
        match errand {
            Errand::AskWorker { worker, ask } => {
                let Some(ticket) = self.open(around, asker, [worker.name()], Gathered::Nothing, change) else { return };
                if around.crew.ask(around.now, worker, RequestNo(ticket.0), ask).is_err() {
                    for settled in self.pending.gone(worker.name()) {
                        self.settle(around, settled);
                    }
                }
            }
            Errand::Workers => self.ask_everybody(around, asker, Gathered::Workers(BTreeMap::new())),
            Errand::Perf => self.ask_everybody(around, asker, Gathered::Perf(Vec::new())),
            Errand::Counters => self.ask_everybody(around, asker, Gathered::Counters(BTreeMap::new())),
            Errand::Control(command) => self.control(around, asker, command, change),
            Errand::Reload { dry_run } => {
                let nothing = Gathered::Reload { dry_run, done: None };
                let Some(ticket) = self.open(around, asker, ["keeper"], nothing, change) else { return };
                if around.outside.reload(RequestId(ticket.0), dry_run).is_err() {
                    self.busy(around, ticket);
                }
            }
            Errand::Drain { wait } => {
                let drain = Gathered::Drain { until: around.now + wait.unwrap_or(DRAIN_USUALLY), done: None };
                let Some(ticket) = self.open(around, asker, ["reactor"], drain, change) else { return };
                self.ask_core(around, ticket, ControlCommand::LastCalls(true));
            }
            Errand::Stop => {
                let done = around.outside.stop().map(|()| Done { what: "the server is stopping".to_owned() });
                self.finish(around, asker, change, done.map_err(|_| busy()));
            }
            Errand::Worker { worker, action } => {
                let done = supervise(around, worker, action);
                self.finish(around, asker, change, done);
            }
            Errand::Logs { lines, follow } => {
                let Some(desk) = &mut self.desk else { return };
                self.streams.show_log(around.now, desk, asker, lines, follow);
            }
            Errand::Watch => self.streams.watch(asker),
        }
    }

    fn control(&mut self, around: &mut Around<'_>, asker: Asker, command: ControlCommand, change: Option<Change>) {
        let Some(ticket) = self.open(around, asker, ["reactor"], Gathered::Nothing, change) else { return };
        self.ask_core(around, ticket, command);
    }

    fn ask_core(&mut self, around: &mut Around<'_>, ticket: Ticket, command: ControlCommand) {
        let request = ControlRequest { id: RequestId(ticket.0), command };
        if around.outside.control(request).is_err() {
            self.busy(around, ticket);
        }
    }

    /// A question that the reactor (if it counts) and every worker that runs has to answer.
    fn ask_everybody(&mut self, around: &mut Around<'_>, asker: Asker, gathered: Gathered) {
        let ask = gathered.ask();
        let asks_reactor = gathered.wants_figures();
        let workers: Vec<WorkerName> =
            self.known.workers.iter().copied().filter(|worker| around.crew.is_ready(*worker)).collect();
        let names = workers.iter().map(|worker| worker.name()).chain(asks_reactor.then_some("reactor"));
        let Some(ticket) = self.open(around, asker, names, gathered, None) else { return };
        for worker in workers {
            if around.crew.ask(around.now, worker, RequestNo(ticket.0), ask.clone()).is_err() {
                for settled in self.pending.gone(worker.name()) {
                    self.settle(around, settled);
                }
            }
        }
        if asks_reactor && around.outside.figures().is_ok() {
            self.figures.push(ticket);
        }
    }

    fn open<'n>(
        &mut self,
        around: &Around<'_>,
        asker: Asker,
        waits_for: impl IntoIterator<Item = &'n str>,
        gathered: Gathered,
        change: Option<Change>,
    ) -> Option<Ticket> {
        match self.pending.open(around.now, asker, waits_for, gathered) {
            Ok(ticket) => {
                if let Some(change) = change {
                    self.changes.insert(ticket, change);
                }
                Some(ticket)
            }
            Err((complaint, _)) => {
                self.finish::<Done>(around, asker, change, Err(complaint));
                None
            }
        }
    }

    /// Whoever should do it cannot take more now.
    fn busy(&mut self, around: &mut Around<'_>, ticket: Ticket) {
        for name in ["reactor", "keeper"] {
            let settled = self.pending.answered(ticket, name, |gathered| *gathered = Gathered::Passed(Err(busy())));
            if let Some(settled) = settled {
                self.settle(around, settled);
            }
        }
    }

    /// Everybody has answered, or the time is over.
    fn settle(&mut self, around: &mut Around<'_>, settled: Settled<Gathered>) {
        let change = self.changes.remove(&settled.ticket);
        self.figures.retain(|ticket| *ticket != settled.ticket);
        let asker = settled.asker;
        if let Gathered::Status(peer, request) = &settled.collected {
            if let Served::Answered { response, .. } = serve(*peer, request, around.picture, &self.known) {
                self.respond(around.now, asker.to, &response);
            }
            return;
        }
        if let Gathered::Drain { until, done } = &settled.collected {
            let from = match done {
                Some((ControlOutcome::LastCalls { calls: 0 }, _)) => Some(around.now),
                // An answer that is late changes nothing of what the core was told: no new call begins from here on.
                Some((ControlOutcome::LastCalls { .. }, _)) | None => Some(around.now + DRAIN_SETTLES),
                Some(_) => None,
            };
            if let Some(from) = from {
                self.draining = Some(Draining { until: *until, from });
                self.known.last_calls = true;
            }
        }
        let value = gather::value(settled, around);
        self.answer(around, asker, change, value);
    }

    fn finish<T: Serialize>(
        &mut self,
        around: &Around<'_>,
        asker: Asker,
        change: Option<Change>,
        done: Result<T, Complaint>,
    ) {
        let value = done.and_then(|done| gather::to_value(&done));
        self.answer(around, asker, change, value);
    }

    /// The one answer of a request, and the line of a change.
    fn answer(
        &mut self,
        around: &Around<'_>,
        asker: Asker,
        change: Option<Change>,
        value: Result<serde_json::Value, Complaint>,
    ) {
        if let Some(change) = change {
            let done = value.as_ref().map(|value| value.get("what").and_then(|what| what.as_str()).unwrap_or("done"));
            around.log.line(Level::Warning, change.settle(done).to_string());
        }
        let response = match value {
            Ok(value) => Response::Ok { id: asker.id, value },
            Err(complaint) => Response::Error { id: Some(asker.id), complaint },
        };
        self.respond(around.now, asker.to, &response);
    }

    fn respond(&mut self, now: Mono, to: ConnectionRef, response: &Response) {
        if let Some(desk) = &mut self.desk {
            // Who has left does not want it any more.
            let _ = desk.answer(now, to, response);
        }
    }

    /// Something came from the packet plane or the keeper.
    pub(super) fn heard(&mut self, around: &mut Around<'_>, heard: Heard) {
        let settled = match heard {
            Heard::Reply(reply) => {
                let done = outcome(reply.outcome).and_then(|done| gather::to_value(&done));
                self.pending.answered(Ticket(reply.id.0), "reactor", |gathered| match gathered {
                    Gathered::Drain { done: place, .. } => *place = Some((reply.outcome, done)),
                    other => *other = Gathered::Passed(done),
                })
            }
            Heard::Reloaded(id, done) => self.pending.answered(Ticket(id.0), "keeper", |gathered| {
                if let Gathered::Reload { done: place, .. } = gathered {
                    *place = Some(done);
                }
            }),
            Heard::Figures(figures) => return self.figures(around, &figures),
            Heard::Listeners(listeners) => {
                around.crew.set_names(around.now, &listeners);
                self.known.listeners = listeners;
                None
            }
            Heard::Stopping => {
                self.known.stopping = true;
                None
            }
        };
        if let Some(settled) = settled {
            self.settle(around, settled);
        }
    }

    fn figures(&mut self, around: &mut Around<'_>, figures: &Figures) {
        self.known.queue.refused = figures.refused.into();
        self.looked = Some(around.now);
        for ticket in std::mem::take(&mut self.figures) {
            let settled = self.pending.answered(ticket, "reactor", |gathered| gathered.figures(figures));
            if let Some(settled) = settled {
                self.settle(around, settled);
            }
        }
    }

    /// Something came of a worker.
    pub(super) fn heed(&mut self, around: &mut Around<'_>, news: News) {
        match news {
            News::Answer(worker, no, answer) => {
                let put = |gathered: &mut Gathered| gathered.answer(worker, answer);
                if let Some(settled) = self.pending.answered(Ticket(no.0), worker.name(), put) {
                    self.settle(around, settled);
                }
            }
            News::Gone(worker) => {
                for settled in self.pending.gone(worker.name()) {
                    self.settle(around, settled);
                }
            }
            News::Rolled(None) => around.log.line(Level::Info, "(REPORT) every worker was restarted"),
            News::Rolled(Some(worker)) => {
                let line =
                    format!("(REPORT) the restart of the workers stopped at {worker}, which does not come up again");
                around.log.line(Level::Error, line);
            }
            News::Refused(worker, why) => {
                let name = worker.map_or("workers", WorkerName::name);
                around.log.line(Level::Warning, format!("(REPORT) {name}: {}", why.text()));
            }
            News::Health(_) | News::Line(..) | News::AllStopped => {}
        }
    }

    /// The end, once nobody speaks any more or the time is over.
    fn drain(&mut self, around: &mut Around<'_>) {
        let over = self.draining.is_some_and(|Draining { until, from }| {
            around.now >= until || (around.now >= from && around.picture.on_air_count() == 0)
        });
        if over && around.outside.stop().is_ok() {
            self.draining = None;
        }
    }

    /// A line of the log.
    pub(super) fn line(&mut self, now: Mono, line: String) {
        self.streams.line(now, self.desk.as_mut(), line);
    }

    /// An event of the stream.
    pub(super) fn event(&mut self, now: Mono, told: &Told) {
        if let crate::event::Subject::Health(Health::ServerStopping) = told.what {
            (self.known.stopping, self.draining) = (true, None);
        }
        if let Some(desk) = &mut self.desk {
            self.streams.event(now, desk, told, &self.known.boot);
        }
    }
}

fn busy() -> Complaint {
    Complaint::new("busy", "the server is busy with other commands; try again")
}

/// Has workers started, stopped or restarted; what that comes to, or why it is refused.
fn supervise(around: &mut Around<'_>, worker: Option<WorkerName>, action: WorkerAction) -> Result<Done, Complaint> {
    let (input, what) = match (worker, action) {
        (None, _) => (Input::RollAll, "every worker is restarted, one after the other".to_owned()),
        (Some(worker), WorkerAction::Start) => (Input::Start { worker }, format!("{worker} is being started")),
        (Some(worker), WorkerAction::Stop) => (Input::Stop { worker }, format!("{worker} is being stopped")),
        (Some(worker), WorkerAction::Restart) => (Input::Restart { worker }, format!("{worker} is being restarted")),
    };
    match around.crew.operator(around.now, around.registry, input) {
        None => Ok(Done { what }),
        Some(why) => Err(Complaint::new(why.name(), why.text())),
    }
}

/// What a reload comes to.
fn reload_answer(dry_run: bool, done: Result<Reloaded, Vec<String>>) -> Result<ReloadAnswer, Complaint> {
    match done {
        Ok(Reloaded { changes, findings }) => Ok(ReloadAnswer { dry_run, changes, findings }),
        Err(lines) => Err(Complaint::new("not_reloaded", lines.join("\n"))),
    }
}

/// The answer of a worker, passed on.
fn passed(answer: Result<Answer, String>) -> Result<serde_json::Value, Complaint> {
    match answer {
        Ok(Answer::Calls(page)) => gather::to_value(&page),
        Ok(Answer::Sessions(page)) => gather::to_value(&page),
        Ok(other) => Err(Complaint::new("internal", format!("the worker answered something else: {other:?}"))),
        Err(why) => Err(Complaint::new("no_answer", why)),
    }
}
