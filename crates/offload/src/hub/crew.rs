//! The workers as the hub has them: each with its queue, its incarnation and what it last said. Carries out what the
//! supervisor decides and tells it what happened; decides nothing about lives itself. Source: design §5, `runtime.md` S1,
//! S2-09, S4.

use crate::event::{Health, QueueName, Told, Trouble};
use crate::limits::{MAX_TOLD, REAP_AGAIN, WINDOW};
use crate::log::Level;
use crate::queue::Queue;
use crate::supervise::{
    Action, Ending, Group, Input, Numbers, Refused, RestartPolicy, State, Status, Supervisor, WorkerName,
};
use crate::worker::{
    Answer, Ask, Begin, FromWorker, Host, PROTOCOL, Placement, RequestNo, SqlSettings, ToWorker, Workshop,
};
use mio::{Registry, Token};
use ragchew_core::Mono;
use ragchew_core::id::ListenerId;
use ragchew_core::report::Class;
use std::collections::BTreeMap;

/// One worker, as the configuration wants it.
#[derive(Clone, Debug)]
pub struct WorkerPlan {
    /// Its role.
    pub role: WorkerName,
    /// Where it runs.
    pub placement: Placement,
    /// Bytes of memory that a process of it may have.
    pub memory: u64,
    /// Settings of the `sql` role.
    pub sql: SqlSettings,
}

/// Which start of which server this is.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// Sixteen hexadecimal digits.
    pub id: String,
    /// Of the configuration; 0 for none.
    pub server_id: u32,
}

/// Something that the hub has to do something about.
#[derive(Debug)]
pub(crate) enum News {
    /// To be told to everybody.
    Health(Health),
    /// For the log.
    Line(Level, String),
    /// The answer to a question of an operator.
    Answer(WorkerName, RequestNo, Result<Answer, String>),
    /// A worker that was asked something is gone.
    Gone(WorkerName),
    /// What an operator wanted is not done.
    Refused(Option<WorkerName>, Refused),
    /// The rolling restart is at its end, or stuck at this worker.
    Rolled(Option<WorkerName>),
    /// No worker is left.
    AllStopped,
}

/// One worker.
pub(crate) struct Member {
    pub(crate) plan: WorkerPlan,
    pub(crate) queue: Queue,
    pub(crate) trouble: Option<(Trouble, String)>,
    token: Token,
    host: Option<Host>,
    ready: bool,
    /// It was killed by us.
    killed: bool,
    /// The health check that is under way.
    check: Option<RequestNo>,
}

impl Member {
    /// Number of its process, if it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.host.as_ref().and_then(Host::pid)
    }
}

/// All of them.
pub(crate) struct Crew {
    supervisor: Supervisor,
    members: Vec<Member>,
    workshop: Workshop,
    boot: Boot,
    names: Vec<(ListenerId, String)>,
    news: Vec<News>,
    checks: u64,
    /// Messages of incarnations that are over.
    stale: u64,
    /// Somebody has said more than one turn takes.
    unread: bool,
    /// The server ends.
    ending: bool,
}

/// Numbers of health checks; those of operators lie below.
const CHECKS: u64 = 1 << 63;

impl Crew {
    /// Nobody is started yet. The first worker's socket has this token, the others those behind it.
    pub(crate) fn new(plans: Vec<WorkerPlan>, numbers: Numbers, workshop: Workshop, boot: Boot, first: Token) -> Self {
        let members = plans.into_iter().enumerate().map(|(place, plan)| Member {
            queue: Queue::new(QueueName::Worker(plan.role)),
            plan,
            trouble: None,
            token: Token(first.0 + place),
            host: None,
            ready: false,
            killed: false,
            check: None,
        });
        Self {
            supervisor: Supervisor::new(numbers),
            members: members.collect(),
            workshop,
            boot,
            names: Vec::new(),
            news: Vec::new(),
            checks: CHECKS,
            stale: 0,
            unread: false,
            ending: false,
        }
    }

    /// Starts everybody.
    pub(crate) fn start(&mut self, now: Mono, registry: &Registry) {
        let workers: Vec<_> = self.members.iter().map(|member| member.plan.role).collect();
        for &worker in &workers {
            let (group, policy) = (Group::Reporting, RestartPolicy::Restart);
            self.happened(now, registry, Input::Register { worker, group, policy });
        }
        for worker in workers {
            self.happened(now, registry, Input::Start { worker });
        }
    }

    /// What there is to do for the hub since the last time.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Everybody, in the order of the configuration.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// How a worker stands.
    pub(crate) fn status(&self, worker: WorkerName) -> Option<Status> {
        self.supervisor.worker(worker)
    }

    /// Queues an event for everybody.
    pub(crate) fn tell(&mut self, told: &Told) {
        for member in &mut self.members {
            if let Some(health) = member.queue.offer(told.clone()) {
                self.news.push(News::Health(health));
            }
        }
    }

    /// The listeners that are in force from now on.
    pub(crate) fn set_names(&mut self, now: Mono, names: &[(ListenerId, String)]) {
        self.names = names.to_vec();
        for member in self.members.iter_mut().filter(|member| member.ready) {
            if let Some(host) = &mut member.host {
                host.send(now, &ToWorker::Names(self.names.clone()));
            }
        }
    }

    /// Asks a worker something; what comes of it is news.
    ///
    /// # Errors
    /// The worker does not run.
    pub(crate) fn ask(&mut self, now: Mono, worker: WorkerName, no: RequestNo, ask: Ask) -> Result<(), State> {
        let state = self.status(worker).map_or(State::Registered, |status| status.state);
        let member = self.members.iter_mut().find(|member| member.plan.role == worker && member.ready);
        // Behind what has not left yet, another question would only wait.
        let host = member.and_then(|member| member.host.as_mut()).filter(|host| !host.is_full());
        host.ok_or(state).map(|host| host.send(now, &ToWorker::Ask(no, ask)))
    }

    /// When the next turn is wanted at the latest.
    pub(crate) fn next(&self, now: Mono) -> Option<Mono> {
        let hosts = self.members.iter().filter_map(|member| member.host.as_ref().map(|host| (member, host)));
        // Nothing tells of the end of a process but its closed socket, which comes a moment before.
        let reaps = hosts.clone().any(|(member, host)| member.killed || host.is_closed());
        let steps = hosts.filter_map(|(_, host)| host.next());
        let at_once = self.unread.then_some(now);
        steps.chain(self.supervisor.next()).chain(reaps.then_some(now + REAP_AGAIN)).chain(at_once).min()
    }

    /// An operator wants something; why it is refused, if it is.
    pub(crate) fn operator(&mut self, now: Mono, registry: &Registry, input: Input) -> Option<Refused> {
        self.happened(now, registry, input);
        let at = self.news.iter().position(|news| matches!(news, News::Refused(..)))?;
        match self.news.remove(at) {
            News::Refused(_, why) => Some(why),
            _ => None,
        }
    }

    /// Whether a worker can be asked something.
    pub(crate) fn is_ready(&self, worker: WorkerName) -> bool {
        self.members.iter().any(|member| member.plan.role == worker && member.ready)
    }

    /// What was counted here.
    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::from([("stale_messages".to_owned(), self.stale)]);
        for member in &self.members {
            let (name, counts) = (member.plan.role.name(), member.queue.counts());
            all.insert(format!("{name}.told"), counts.taken);
            all.insert(format!("{name}.gaps"), counts.gaps);
            for (class, refused) in Class::ALL.into_iter().zip(counts.refused) {
                all.insert(format!("{name}.refused.{}", format!("{class:?}").to_lowercase()), refused);
            }
        }
        all
    }

    /// Hears everybody, lets the supervisor think, and sends what there is to send.
    pub(crate) fn turn(&mut self, now: Mono, registry: &Registry) {
        self.unread = false;
        for at in 0..self.members.len() {
            self.hear(now, registry, at);
            self.reap(now, registry, at);
        }
        self.happened(now, registry, Input::Tick);
        self.feed(now);
    }

    /// Before the hub sleeps: the poll learns whose socket is to take more.
    pub(crate) fn follow(&mut self, registry: &Registry) {
        for member in &mut self.members {
            if let Some(host) = &mut member.host {
                host.follow(registry, member.token);
            }
        }
    }

    /// Something happened, by an operator or by itself.
    pub(crate) fn happened(&mut self, now: Mono, registry: &Registry, input: Input) {
        let mut actions = Vec::new();
        self.supervisor.handle(now, input, &mut actions);
        for action in actions {
            self.carry_out(now, registry, action);
        }
    }

    /// Everybody is asked to end; [`News::AllStopped`] follows.
    pub(crate) fn stop(&mut self, now: Mono, registry: &Registry) {
        self.ending = true;
        for member in self.members.iter().filter(|member| member.queue.waiting() > 0) {
            let (worker, left) = (member.plan.role, member.queue.waiting());
            let line =
                format!("(REPORT) {left} events were not given to the worker {worker} before the end and are missing");
            self.news.push(News::Line(Level::Warning, line));
        }
        self.happened(now, registry, Input::StopAll);
    }

    /// Who has not ended.
    pub(crate) fn up(&self) -> impl Iterator<Item = WorkerName> {
        self.members.iter().filter(|member| member.host.is_some()).map(|member| member.plan.role)
    }

    /// Whether every worker that is there was given everything; it keeps what it has when it is asked to end.
    pub(crate) fn is_fed(&self) -> bool {
        self.members.iter().all(|member| member.host.is_none() || member.queue.waiting() == 0)
    }

    /// Whether somebody missed states, and there is room to tell them again.
    pub(crate) fn wants_resync(&mut self) -> Vec<QueueName> {
        let wanting = self.members.iter_mut().filter_map(|member| {
            let whole = member.queue.has_gap() | member.queue.needs_resync();
            let wants = !member.queue.dirty(usize::MAX).is_empty() || whole;
            wants.then_some(QueueName::Worker(member.plan.role))
        });
        wanting.collect()
    }

    /// Whether every queue has room for more of what is told again.
    pub(crate) fn has_room(&self) -> bool {
        self.members.iter().all(|member| member.queue.has_room())
    }

    fn carry_out(&mut self, now: Mono, registry: &Registry, action: Action) {
        match action {
            Action::Spawn { worker, incarnation } => self.spawn(now, registry, worker, incarnation),
            Action::AskStop { worker, .. } => self.with(worker, |member| {
                if let Some(host) = &mut member.host {
                    host.send(now, &ToWorker::Stop);
                }
                // From here on it is given nothing more.
                member.ready = false;
            }),
            Action::Kill { worker, .. } => self.with(worker, |member| {
                if let Some(host) = &mut member.host {
                    host.kill();
                }
                (member.killed, member.ready) = (true, false);
            }),
            Action::AskVitals { worker, incarnation } => {
                self.checks += 1;
                let no = RequestNo(self.checks);
                self.with(worker, |member| member.check = Some(no));
                if self.ask(now, worker, no, Ask::Vitals).is_err() {
                    self.happened(now, registry, Input::NoAnswer { worker, incarnation });
                }
            }
            Action::Changed { worker, state, incarnation, ending } => {
                self.news.push(News::Health(Health::WorkerState { worker, state, incarnation, ending }));
            }
            Action::Late { worker, finished, .. } => {
                let kept = match (finished, self.ending) {
                    (true, _) => "it had kept everything",
                    (false, false) => "what it held is given to the next one",
                    (false, true) => "what it held may be missing",
                };
                let text = format!("(REPORT) the worker {worker} did not end in time and is killed; {kept}");
                self.news.push(News::Line(Level::Warning, text));
            }
            Action::Refused { worker, why } => self.news.push(News::Refused(worker, why)),
            Action::Rolled { stuck } => self.news.push(News::Rolled(stuck)),
            Action::AllStopped => self.news.push(News::AllStopped),
        }
    }

    fn spawn(&mut self, now: Mono, registry: &Registry, worker: WorkerName, incarnation: u32) {
        let Some(member) = self.members.iter_mut().find(|member| member.plan.role == worker) else { return };
        let begin = Begin {
            protocol: PROTOCOL,
            role: worker,
            incarnation,
            boot_id: self.boot.id.clone(),
            server_id: self.boot.server_id,
            memory: member.plan.memory,
            sql: member.plan.sql.clone(),
        };
        member.queue.rewind();
        (member.ready, member.killed, member.check) = (false, false, None);
        let started = Host::start(member.plan.placement, begin, self.workshop, now, (registry, member.token));
        match started {
            Ok(host) => {
                member.host = Some(host);
                self.happened(now, registry, Input::Spawned { worker, incarnation });
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(0);
                self.happened(now, registry, Input::NotSpawned { worker, incarnation, errno });
            }
        }
    }

    fn with(&mut self, worker: WorkerName, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.iter_mut().find(|member| member.plan.role == worker) {
            change(member);
        }
    }

    fn hear(&mut self, now: Mono, registry: &Registry, at: usize) {
        let Some(member) = self.members.get_mut(at) else { return };
        let (worker, Some(host)) = (member.plan.role, &mut member.host) else { return };
        host.step(now);
        host.flush();
        let (incarnation, mut heard) = (host.incarnation(), Vec::new());
        let more = host.hear(&mut heard);
        self.unread |= more == Ok(true);
        let garbage = more.is_err();
        for (from, said) in heard {
            // What an incarnation before this one had on its way counts for nothing.
            if from == incarnation {
                self.heed(now, registry, at, incarnation, said);
                continue;
            }
            self.stale += 1;
            if let FromWorker::Panic(text) = said {
                self.news.push(News::Line(Level::Error, format!("(REPORT) the worker {worker} panicked: {text}")));
            }
        }
        if garbage {
            self.happened(now, registry, Input::Garbage { worker, incarnation });
        }
    }

    fn heed(&mut self, now: Mono, registry: &Registry, at: usize, incarnation: u32, said: FromWorker) {
        let Some(member) = self.members.get_mut(at) else { return };
        let worker = member.plan.role;
        match said {
            FromWorker::Ready { protocol } if protocol == PROTOCOL => {
                // One that is to end already is given nothing more.
                let state = self.supervisor.worker(worker).map(|status| status.state);
                member.ready = !member.killed && state.is_some_and(|state| state.is_up() && state != State::Stopping);
                if incarnation > 1 {
                    // What was there before may be gone: its memory, or a file that was moved meanwhile.
                    member.queue.tell_all_again();
                }
                if let Some(host) = &mut member.host {
                    host.send(now, &ToWorker::Names(self.names.clone()));
                }
                self.happened(now, registry, Input::Ready { worker, incarnation });
            }
            FromWorker::Ready { .. } => self.happened(now, registry, Input::Garbage { worker, incarnation }),
            FromWorker::Safe { seq } => {
                if let Some(health) = member.queue.safe(seq) {
                    self.news.push(News::Health(health));
                }
            }
            FromWorker::Answer(no, answer) if no.0 >= CHECKS => {
                self.checked(now, registry, at, incarnation, no, answer)
            }
            FromWorker::Answer(no, answer) => self.news.push(News::Answer(worker, no, answer)),
            FromWorker::Trouble { trouble, detail } => {
                let text = format!("(REPORT) {worker}: {}: {detail}; {}", trouble.text(), trouble.cure());
                self.news.push(News::Line(Level::Error, text));
                member.trouble = Some((trouble, detail));
                if matches!(trouble, Trouble::Corrupt | Trouble::Removed) {
                    member.queue.tell_all_again();
                }
                self.news.push(News::Health(Health::WorkerTrouble { worker, trouble }));
            }
            FromWorker::Well { trouble } => {
                member.trouble.take_if(|(was, _)| *was == trouble);
                self.news.push(News::Health(Health::WorkerWell { worker, trouble }));
            }
            FromWorker::Maintenance { for_ms } => {
                self.happened(now, registry, Input::Maintenance { worker, incarnation, for_ms });
            }
            FromWorker::Finished => self.happened(now, registry, Input::Finished { worker, incarnation }),
            FromWorker::Panic(text) => {
                self.news.push(News::Line(Level::Error, format!("(REPORT) the worker {worker} panicked: {text}")));
            }
        }
    }

    /// The answer to a health check; one that comes late is nobody's any more.
    fn checked(
        &mut self,
        now: Mono,
        registry: &Registry,
        at: usize,
        incarnation: u32,
        no: RequestNo,
        answer: Result<Answer, String>,
    ) {
        let Some(member) = self.members.get_mut(at) else { return };
        let (Some(_), Ok(Answer::Vitals(vitals))) = (member.check.take_if(|check| *check == no), answer) else {
            return;
        };
        // A thread's memory is that of the whole server.
        let limit = if member.plan.placement == Placement::Process { member.plan.memory } else { 0 };
        let worker = member.plan.role;
        self.happened(now, registry, Input::Vitals { worker, incarnation, vitals, limit });
    }

    /// Finds out whether it has ended.
    fn reap(&mut self, now: Mono, registry: &Registry, at: usize) {
        let Some(member) = self.members.get_mut(at) else { return };
        let Some(host) = &mut member.host else { return };
        let left_behind = member.killed && host.is_left_behind();
        let Some(ending) = host.ended().or(left_behind.then_some(Ending::Killed)) else { return };
        let ending = if member.killed { Ending::Killed } else { ending };
        // What it said before its end may still be on its way.
        self.hear(now, registry, at);
        let Some(member) = self.members.get_mut(at) else { return };
        let Some(mut host) = member.host.take() else { return };
        let incarnation = host.incarnation();
        host.deregister(registry);
        drop(host);
        (member.ready, member.killed) = (false, false);
        member.queue.rewind();
        let worker = member.plan.role;
        self.news.push(News::Gone(worker));
        self.happened(now, registry, Input::Ended { worker, incarnation, ending });
    }

    /// Sends everybody what it may have now.
    fn feed(&mut self, now: Mono) {
        for member in self.members.iter_mut().filter(|member| member.ready) {
            let Some(host) = &mut member.host else { continue };
            if host.is_full() || member.queue.waiting() == 0 {
                continue;
            }
            let mut told = member.queue.take(WINDOW);
            while !told.is_empty() {
                let rest = told.split_off(told.len().min(MAX_TOLD));
                host.send(now, &ToWorker::Told(told));
                told = rest;
            }
        }
    }
}
