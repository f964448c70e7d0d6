//! What joins the hub with the packet plane and the keeper: requests go out over their channels, what comes of them is put
//! into the hub's own words. Owns the channels of the answers; decides nothing. Source: design §1 (imports), §5.

use super::counters::figures;
use crate::limits::ANSWER_SLOTS;
use crossbeam_channel::{Receiver, Sender, bounded};
use ragchew_core::control::{ControlReply, ControlRequest, RequestId};
use ragchew_offload::hub::{Bell, Busy, Heard, Outside};
use ragchew_transport::{Command, Counters, Handle};

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

/// What an operator may ask of the keeper; answered as [`Heard::Reloaded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReloadAsked {
    /// For the answer.
    pub(super) id: RequestId,
    /// Only what would change is wanted.
    pub(super) dry_run: bool,
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
