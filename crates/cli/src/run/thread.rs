//! A thread whose end is waited for with a bound. Owns no work. Source: design §5 (one shutdown path).

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::io;
use std::time::Duration;

/// A running thread.
pub(super) struct Thread {
    name: &'static str,
    ended: Receiver<()>,
}

impl Thread {
    /// Starts `work`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(name: &'static str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (end, ended) = bounded(0);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Dropped at the end of the thread, also when it panics.
            let _end: crossbeam_channel::Sender<()> = end;
            work();
        })?;
        Ok(Self { name, ended })
    }

    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits for its end; whether it came within `patience`.
    pub(super) fn join(self, patience: Duration) -> bool {
        matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_is_joined_and_one_that_does_not_is_left_behind() {
        assert!(Thread::start("quick", || {}).unwrap().join(Duration::from_secs(10)));
        let (go, wait) = bounded::<()>(0);
        let late = Thread::start("late", move || {
            let _ = wait.recv();
        })
        .unwrap();
        assert!(!late.join(Duration::from_millis(1)));
        drop(go);
    }
}
