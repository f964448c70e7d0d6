//! What joins the hub with the packet plane and the keeper: requests go out over their channels, what comes of them is put
//! into the hub's own words. Owns the channels of the answers; decides nothing. Source: design §1 (imports), §5.

use super::keeper::{ReloadAsked, counts};
use crate::limits::ANSWER_SLOTS;
use crossbeam_channel::{Receiver, Sender, bounded};
use ragchew_core::control::{ControlReply, ControlRequest, RequestId};
use ragchew_offload::desk::PerfRow;
use ragchew_offload::hub::{Bell, Busy, Figures, Heard, Outside};
use ragchew_transport::{Command, Counters, Handle};
use std::collections::BTreeMap;

/// The hub's hands.
pub(super) struct Hands {
    reactor: Handle,
    keeper: Sender<ReloadAsked>,
    replies: (Sender<ControlReply>, Receiver<ControlReply>),
    counters: (Sender<Box<Counters>>, Receiver<Box<Counters>>),
    told: Receiver<Heard>,
}

impl Hands {
    /// `told` is where the keeper answers.
    pub(super) fn new(reactor: Handle, keeper: Sender<ReloadAsked>, told: Receiver<Heard>) -> Self {
        Self { reactor, keeper, replies: bounded(ANSWER_SLOTS), counters: bounded(ANSWER_SLOTS), told }
    }
}

/// Where the keeper tells the hub something.
pub(super) struct Ear {
    tell: Sender<Heard>,
    bell: Bell,
}

impl Ear {
    /// The other end of `tell` is with the hub that `bell` wakes.
    pub(super) fn new(tell: Sender<Heard>, bell: Bell) -> Self {
        Self { tell, bell }
    }

    /// Who asks waits with a bound, so that what finds no room is only late.
    pub(super) fn tell(&self, heard: Heard) {
        let _ = self.tell.try_send(heard);
        self.bell.ring();
    }
}

impl Outside for Hands {
    fn control(&mut self, request: ControlRequest) -> Result<(), Busy> {
        let answer = self.replies.0.clone();
        self.reactor.send(Command::Control { request, answer }).map_err(|_| Busy)
    }

    fn figures(&mut self) -> Result<(), Busy> {
        let answer = self.counters.0.clone();
        self.reactor.send(Command::Counters { answer: Some(answer) }).map_err(|_| Busy)
    }

    fn reload(&mut self, id: RequestId, dry_run: bool) -> Result<(), Busy> {
        self.keeper.try_send(ReloadAsked { id, dry_run }).map_err(|_| Busy)
    }

    fn stop(&mut self) -> Result<(), Busy> {
        self.reactor.send(Command::Drain).map_err(|_| Busy)
    }

    fn heard(&mut self) -> Option<Heard> {
        let reply = self.replies.1.try_recv().ok().map(Heard::Reply);
        let figures = || self.counters.1.try_recv().ok().map(|counters| Heard::Figures(figures(&counters)));
        reply.or_else(figures).or_else(|| self.told.try_recv().ok())
    }
}

/// What the packet plane counted, in the words of operators.
fn figures(counters: &Counters) -> Figures {
    let perf = &counters.perf;
    let busy = u128::from(perf.busy_ns) * 1_000 / u128::from(perf.observed_ns.max(1));
    Figures {
        perf: PerfRow {
            name: "reactor".to_owned(),
            turns: counters.turns,
            busy: busy.min(1_000) as u16,
            longest_turn_us: perf.longest_turn_ns / 1_000,
            queue_depth: perf.queue_depth as u32,
            queue_high_water: perf.queue_high_water as u32,
            queue_capacity: perf.queue_capacity as u32,
        },
        counters: named(counters),
        refused: counters.events_refused,
    }
}

fn named(counters: &Counters) -> BTreeMap<String, u64> {
    let own = counts(counters).map(|(name, count)| (name.to_owned(), count));
    let refused = counters.refusals.iter().map(|&(name, count)| (format!("refused.{name}"), count));
    let held = counters.tables.iter().map(|&(name, count)| (format!("held.{name}"), count));
    own.into_iter().chain(refused).chain(held).collect()
}
