//! The signals TERM, INT, HUP and USR1 of the process, from the moment at which they are taken. Owns what was heard and not
//! heeded yet; decides nothing. Source: design §4, §5 (one shutdown path).

use mio::{Interest, Registry, Token};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// The signals, taken: none of them kills the process any more, and a reactor that comes later heeds those that came
/// before it.
pub struct TakenSignals(Signals);

/// What was heard since the last look, however often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// TERM or INT.
    pub(crate) end: bool,
    /// HUP.
    pub(crate) reload: bool,
    /// USR1.
    pub(crate) report: bool,
}

impl TakenSignals {
    /// Takes them.
    ///
    /// # Errors
    /// The system refuses handlers or the pipe behind them.
    pub fn take() -> io::Result<Self> {
        Signals::new([libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1]).map(Self)
    }

    /// Lets the poll tell of them, of earlier ones at once.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.0, token, Interest::READABLE)
    }

    pub(crate) fn heard(&mut self) -> Heard {
        let mut heard = Heard::default();
        for signal in self.0.pending() {
            match signal {
                libc::SIGTERM | libc::SIGINT => heard.end = true,
                libc::SIGHUP => heard.reload = true,
                libc::SIGUSR1 => heard.report = true,
                _ => {}
            }
        }
        heard
    }
}
