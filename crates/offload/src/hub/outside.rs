//! What the hub needs of the world around it, in words of its own: the packet plane, and whoever keeps the configuration. Owns
//! the words; the binary joins both sides. Source: design §1 (imports), §5, `runtime.md` S2-20.

use crate::desk::PerfRow;
use mio::Waker;
use ragchew_core::control::{ControlReply, ControlRequest, RequestId};
use ragchew_core::id::ListenerId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whoever was asked can take no more; to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// What the hub asks for. Nothing here waits; what comes of it is heard later.
pub trait Outside: Send {
    /// Hands a request to the core; heard as [`Heard::Reply`].
    ///
    /// # Errors
    /// [`Busy`].
    fn control(&mut self, request: ControlRequest) -> Result<(), Busy>;
    /// Asks for what the packet plane counted; heard as [`Heard::Figures`].
    ///
    /// # Errors
    /// [`Busy`].
    fn figures(&mut self) -> Result<(), Busy>;
    /// Has the configuration read again, or only said what would change; heard as [`Heard::Reloaded`] of this number.
    ///
    /// # Errors
    /// [`Busy`].
    fn reload(&mut self, id: RequestId, dry_run: bool) -> Result<(), Busy>;
    /// Begins the orderly end.
    ///
    /// # Errors
    /// [`Busy`].
    fn stop(&mut self) -> Result<(), Busy>;
    /// The next thing that came of it, if there is one.
    fn heard(&mut self) -> Option<Heard>;
}

/// What comes of it.
#[derive(Debug)]
pub enum Heard {
    /// Of the core.
    Reply(ControlReply),
    /// Of the packet plane.
    Figures(Figures),
    /// Of a reload: what changed or would change, and what was found; or why nothing was done.
    Reloaded(RequestId, Result<Reloaded, Vec<String>>),
    /// The listeners of the configuration that is in force now.
    Listeners(Vec<(ListenerId, String)>),
    /// The orderly end has begun.
    Stopping,
}

/// What a reload did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// One line each.
    pub changes: Vec<String>,
    /// Warnings about the configuration, one line each.
    pub findings: Vec<String>,
}

/// How the packet plane fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Its loop and the queue to the hub.
    pub perf: PerfRow,
    /// Names and counts.
    pub counters: BTreeMap<String, u64>,
    /// Events that the queue to the hub refused, by class.
    pub refused: [u64; 3],
}

/// Wakes a hub that sleeps. Costs a look at a flag when it is awake.
#[derive(Clone, Debug)]
pub struct Bell {
    asleep: Arc<AtomicBool>,
    /// It rang since the hub began to look around.
    rang: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Bell {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { asleep: Arc::default(), rang: Arc::default(), waker: Arc::new(waker) }
    }

    /// To be called after something was put where the hub looks.
    pub fn ring(&self) {
        self.rang.store(true, Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            // A wake-up that fails costs a moment: the hub looks around by itself, too.
            let _ = self.waker.wake();
        }
    }

    /// The hub looks everywhere from here on: what was rung for before, it finds.
    pub(crate) fn look(&self) {
        self.rang.store(false, Ordering::SeqCst);
    }

    /// From here on the hub has to be woken. Whether it may sleep: not when the bell rang since it began to look.
    pub(crate) fn sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !self.rang.load(Ordering::SeqCst)
    }

    /// It is awake.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};

    #[test]
    fn a_ring_between_the_last_look_and_the_sleep_is_not_lost() {
        let poll = Poll::new().unwrap();
        let bell = Bell::new(Waker::new(poll.registry(), Token(0)).unwrap());
        bell.look();
        assert!(bell.sleep(), "nobody rang");
        bell.awake();
        bell.look();
        bell.ring();
        assert!(!bell.sleep(), "it rang after the look");
        bell.awake();
        bell.ring();
        bell.look();
        assert!(bell.sleep(), "what was rung for before the look is found by it");
    }
}
