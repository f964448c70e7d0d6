//! Notices that wait for room in their channel. Owns them until somebody takes them; what is asked twice is told once, so
//! that it stays small and nothing that must be heard is lost. Source: design §5 (keeper).

use crate::wiring::Notice;
use crossbeam_channel::{Sender, TrySendError};
use std::collections::VecDeque;
use std::mem::discriminant;

/// The waiting notices, oldest first: at most one of each kind, and as many [`Notice::DrainCutShort`] as a drain has stages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Notice>,
    lost: u64,
}

impl Outbox {
    /// Adds `notice`; an older one of its kind says nothing that it does not say, and goes.
    pub(crate) fn push(&mut self, notice: Notice) {
        if !matches!(notice, Notice::DrainCutShort(_)) {
            self.waiting.retain(|older| discriminant(older) != discriminant(&notice));
        }
        self.waiting.push_back(notice);
    }

    /// Hands over what `channel` takes.
    pub(crate) fn offer(&mut self, channel: &Sender<Notice>) {
        while let Some(notice) = self.waiting.pop_front() {
            match channel.try_send(notice) {
                Ok(()) => {}
                Err(TrySendError::Full(notice)) => return self.waiting.push_front(notice),
                Err(TrySendError::Disconnected(_)) => self.lost += 1,
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notices that nobody was there for, and those that wait: at the end, they are lost too.
    pub(crate) fn untold(&self) -> u64 {
        self.lost + self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counters;
    use crate::wiring::CutShort;
    use crossbeam_channel::bounded;

    fn counters(turns: u64) -> Notice {
        Notice::Counters(Box::new(Counters { turns, ..Counters::default() }))
    }

    #[test]
    fn what_finds_the_channel_full_waits_and_the_newest_of_each_kind_is_told() {
        let (channel, heard) = bounded(1);
        channel.send(Notice::DrainStarted).unwrap();
        let mut outbox = Outbox::default();
        for turns in 0..1_000 {
            outbox.push(counters(turns));
            outbox.push(Notice::ReloadRequested);
            outbox.offer(&channel);
        }
        assert_eq!(outbox.untold(), 2);
        assert!(matches!(heard.try_recv(), Ok(Notice::DrainStarted)));
        outbox.offer(&channel);
        assert!(matches!(heard.try_recv(), Ok(Notice::Counters(counters)) if counters.turns == 999));
        outbox.offer(&channel);
        assert!(matches!(heard.try_recv(), Ok(Notice::ReloadRequested)));
        assert!(outbox.is_empty() && outbox.untold() == 0);
    }

    #[test]
    fn each_reason_of_a_drain_that_was_cut_short_is_told() {
        let (channel, heard) = bounded(4);
        let mut outbox = Outbox::default();
        outbox.push(Notice::DrainCutShort(CutShort::Core));
        outbox.push(Notice::DrainCutShort(CutShort::Rings(3)));
        outbox.offer(&channel);
        assert_eq!(heard.try_iter().count(), 2);
    }

    #[test]
    fn what_nobody_hears_is_counted() {
        let (channel, heard) = bounded(1);
        drop(heard);
        let mut outbox = Outbox::default();
        outbox.push(Notice::ReloadRequested);
        outbox.offer(&channel);
        assert!(outbox.is_empty() && outbox.untold() == 1);
    }
}
