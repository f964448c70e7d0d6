//! What is gathered for a request until everybody has answered, and the value that it makes. Owns the forms; asks nobody.
//! Source: `runtime.md` S2-05 to S2-07, S4-12.

use super::{Around, passed, reload_answer};
use crate::desk::{Complaint, Counters, Peer, Perf, PerfRow, Queue, Request, Settled, TroubleRow, WorkerRow, Workers};
use crate::hub::outside::{Figures, Reloaded};
use crate::limits::QUEUE_CAPACITY;
use crate::supervise::{State, WorkerName};
use crate::worker::{Answer, Ask, Vitals};
use ragchew_core::Mono;
use ragchew_core::control::ControlOutcome;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What came so far.
#[derive(Debug)]
pub(super) enum Gathered {
    /// Nothing; whoever answers makes it the answer.
    Nothing,
    /// The answer.
    Passed(Result<Value, Complaint>),
    /// Of a reload.
    Reload {
        /// As asked.
        dry_run: bool,
        /// What came of it.
        done: Option<Result<Reloaded, Vec<String>>>,
    },
    /// Of a drain: until when calls may go on, and what the core said.
    Drain {
        /// At the latest.
        until: Mono,
        /// As it came, and as it is passed on.
        done: Option<(ControlOutcome, Result<Value, Complaint>)>,
    },
    /// A question for the status, which is answered when the packet plane's figures are fresh.
    Status(Peer, Box<Request>),
    /// How each worker is.
    Workers(BTreeMap<WorkerName, Vitals>),
    /// How busy everybody is.
    Perf(Vec<PerfRow>),
    /// What everybody counted.
    Counters(BTreeMap<String, BTreeMap<String, u64>>),
}

impl Gathered {
    /// What workers are asked for it.
    pub(super) fn ask(&self) -> Ask {
        if matches!(self, Self::Counters(_)) { Ask::Counters } else { Ask::Vitals }
    }

    /// Whether the packet plane has to answer too.
    pub(super) fn wants_figures(&self) -> bool {
        matches!(self, Self::Perf(_) | Self::Counters(_))
    }

    /// A worker has answered.
    pub(super) fn answer(&mut self, worker: WorkerName, answer: Result<Answer, String>) {
        match (self, answer) {
            (Self::Workers(all), Ok(Answer::Vitals(vitals))) => drop(all.insert(worker, vitals)),
            (Self::Perf(rows), Ok(Answer::Vitals(vitals))) => rows.push(PerfRow {
                name: worker.name().to_owned(),
                turns: vitals.turns,
                busy: vitals.busy,
                longest_turn_us: vitals.longest_turn_us,
                ..PerfRow::default()
            }),
            (Self::Counters(by), Ok(Answer::Counters(counters))) => {
                by.insert(worker.name().to_owned(), counters.into_iter().collect());
            }
            (gathered @ Self::Nothing, answer) => *gathered = Self::Passed(passed(answer)),
            _ => {}
        }
    }

    /// The packet plane has answered.
    pub(super) fn figures(&mut self, figures: &Figures) {
        match self {
            Self::Perf(rows) => rows.insert(0, figures.perf.clone()),
            Self::Counters(by) => drop(by.insert("reactor".to_owned(), figures.counters.clone())),
            _ => {}
        }
    }
}

/// As JSON.
pub(super) fn to_value(value: &impl Serialize) -> Result<Value, Complaint> {
    serde_json::to_value(value).map_err(|e| Complaint::new("internal", format!("the answer cannot be written: {e}")))
}

/// The value of a settled request.
pub(super) fn value(settled: Settled<Gathered>, around: &Around<'_>) -> Result<Value, Complaint> {
    let complaint = settled.complaint();
    let missing = settled.missing;
    match settled.collected {
        Gathered::Passed(value) => value,
        Gathered::Nothing => Err(complaint.unwrap_or_else(|| Complaint::new("internal", "nobody answered"))),
        Gathered::Drain { done: Some((_, value)), .. } => value,
        Gathered::Drain { done: None, .. } | Gathered::Status(..) => {
            Err(complaint.unwrap_or_else(|| Complaint::new("internal", "nobody answered")))
        }
        Gathered::Reload { dry_run, done: Some(done) } => to_value(&reload_answer(dry_run, done)?),
        Gathered::Reload { done: None, .. } => {
            Err(complaint.unwrap_or_else(|| Complaint::new("internal", "nobody answered")))
        }
        Gathered::Workers(vitals) => to_value(&Workers { rows: rows(&vitals, around), missing }),
        Gathered::Perf(mut rows) => {
            let place = rows.iter().position(|row| row.name == "reactor").map_or(0, |at| at + 1);
            rows.insert(place, around.hub.clone());
            for row in &mut rows {
                let member = around.crew.members().iter().find(|member| member.plan.role.name() == row.name);
                if let Some(member) = member {
                    let queue = queue(member);
                    (row.queue_depth, row.queue_high_water) = (queue.depth, queue.high_water);
                    row.queue_capacity = queue.capacity;
                }
            }
            to_value(&Perf { rows, missing })
        }
        Gathered::Counters(mut by) => {
            by.insert("hub".to_owned(), around.crew.counters());
            to_value(&Counters { by, missing })
        }
    }
}

fn queue(member: &crate::hub::crew::Member) -> Queue {
    let counts = member.queue.counts();
    Queue {
        depth: member.queue.len() as u32,
        high_water: counts.most as u32,
        capacity: QUEUE_CAPACITY as u32,
        refused: counts.refused.into(),
    }
}

fn rows(vitals: &BTreeMap<WorkerName, Vitals>, around: &Around<'_>) -> Vec<WorkerRow> {
    let row = |member: &crate::hub::crew::Member| {
        let worker = member.plan.role;
        let status = around.crew.status(worker);
        let state = status.map_or(State::Registered, |status| status.state);
        let last = vitals.get(&worker).copied().or(status.and_then(|status| status.vitals));
        WorkerRow {
            name: worker.name().to_owned(),
            state,
            incarnation: status.map_or(0, |status| status.incarnation),
            placement: member.plan.placement.word().to_owned(),
            pid: member.pid(),
            restarts: status.map_or(0, |status| status.restarts),
            memory: last.map(|vitals| vitals.memory),
            memory_limit: member.plan.memory,
            busy: last.map(|vitals| vitals.busy),
            queue: queue(member),
            last_ending: status.and_then(|status| status.ending),
            trouble: member.trouble.as_ref().map(|(trouble, detail)| TroubleRow::new(*trouble, detail.clone())),
            loss: (!state.is_up()).then(|| worker.loss().to_owned()),
        }
    };
    around.crew.members().iter().map(row).collect()
}
