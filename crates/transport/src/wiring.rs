//! What joins the transport with the rest of the process: bounded channels, and a handle that wakes the poll. Owns no
//! sockets and decides nothing. Source: design §1 (imports), §4, §5.

use crate::counters::Counters;
use crate::limits::COMMAND_SLOTS;
use crate::socket::BoundSocket;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;
use ragchew_core::Config;
use ragchew_core::control::{ControlReply, ControlRequest};
use ragchew_core::net::SocketId;
use ragchew_core::report::Numbered;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Wakes somebody; called on the reactor's thread, so that it may neither wait nor do much.
pub type Bell = Box<dyn Fn() + Send>;

/// Where the reactor puts what others do. It only tries, so that nobody slow can hold up a packet: an event that finds its
/// channel full is lost and counted, a notice waits.
pub struct Wiring {
    /// What the core reports. When it fills up, the less important events are left out first.
    pub events: Sender<Numbered>,
    /// Rung at most once a turn, at its end, after something was put there or a request was answered, so that whoever takes
    /// it may sleep in a poll of its own.
    pub bell: Option<Bell>,
    /// What happens to the reactor itself. Of the notices of one kind that find it full, the newest is told later.
    pub notices: Sender<Notice>,
    /// Tables that were replaced, to be freed where it may take time; when full, the reactor frees them itself.
    pub retired: Sender<Box<Config>>,
}

/// Something that happened to the reactor.
#[derive(Debug)]
pub enum Notice {
    /// SIGHUP: the configuration should be read again.
    ReloadRequested,
    /// The orderly end began, by a signal or a command.
    DrainStarted,
    /// The orderly end did not become complete.
    DrainCutShort(CutShort),
    /// The recording was ended by an error; everything else goes on.
    RecordingEnded(io::Error),
    /// SIGUSR1 or [`Command::Counters`]: what was counted so far.
    Counters(Box<Counters>),
}

/// Why an orderly end did not become complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutShort {
    /// A second SIGTERM or SIGINT.
    SecondSignal,
    /// The core did not say in time that everybody was told.
    Core,
    /// So many datagrams were not taken by the kernel in time.
    Rings(usize),
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondSignal => f.write_str("a second signal ended the drain at once"),
            Self::Core => f.write_str("not every client was told in time"),
            Self::Rings(left) => write!(f, "{left} datagrams were not taken by the kernel in time"),
        }
    }
}

/// What may be asked of the reactor.
#[derive(Debug)]
pub enum Command {
    /// A new checked configuration and the sockets that it changes. The new ones are taken over first, then the core
    /// gets the configuration and what it has to say is sent, then the old ones close.
    Replace {
        /// For the core.
        config: Box<Config>,
        /// Sockets that are new, under numbers that no open socket has.
        open: Vec<BoundSocket>,
        /// Sockets that are no longer wanted; unknown ones are ignored.
        close: Vec<SocketId>,
        /// Where the answer goes, with room for it: the new configuration is in force and the old sockets are closed, or
        /// the new sockets could not be taken over and all is as it was.
        answer: Sender<io::Result<()>>,
    },
    /// Orderly end.
    Drain,
    /// Something that an operator asks of the core.
    Control {
        /// What.
        request: ControlRequest,
        /// Where the answer goes, with room for it.
        answer: Sender<ControlReply>,
    },
    /// What was counted so far is wanted.
    Counters {
        /// Where it goes; none: it is told as [`Notice::Counters`].
        answer: Option<Sender<Box<Counters>>>,
    },
}

/// Sends commands to a reactor from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: Sender<Command>,
    waker: Arc<Waker>,
}

impl Handle {
    pub(crate) fn new(waker: Waker) -> (Self, Receiver<Command>) {
        let (commands, receiver) = bounded(COMMAND_SLOTS);
        (Self { commands, waker: Arc::new(waker) }, receiver)
    }

    /// Hands `command` over without waiting.
    ///
    /// # Errors
    /// Gives the command back when [`COMMAND_SLOTS`] are waiting already or the reactor has ended.
    pub fn send(&self, command: Command) -> Result<(), Command> {
        match self.commands.try_send(command) {
            Ok(()) => {
                // A wake-up that fails leaves the command in the queue, where the next turn finds it.
                let _ = self.waker.wake();
                Ok(())
            }
            Err(TrySendError::Full(command) | TrySendError::Disconnected(command)) => Err(command),
        }
    }
}
