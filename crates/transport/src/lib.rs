//! Ragchew's transport: making it happen. One thread with one poll over UDP sockets, the core's deadlines, signals and a
//! waker. Never decides what is sent, never logs, never opens a file, and blocks nowhere but in the poll. Linux only.
//! Beside that thread, and never on it: reading captures, and replaying them against a core of their own.
//! Source: design §4, §9, `freedmr2-design.md` 18.2.
#![deny(unsafe_code)]

mod busy;
pub mod capture;
pub mod clock;
pub mod counters;
mod endpoint;
mod inherited;
pub mod limits;
mod outbox;
mod reactor;
pub mod record;
pub mod replay;
mod ring;
mod signals;
mod socket;
mod sys;
mod teller;
mod wiring;

pub use counters::{Counters, ErrorCounts, Perf, SocketCounters};
pub use inherited::keep_from_children;
pub use limits::{
    COMMAND_BUDGET, COMMAND_SLOTS, CONTROL_SLOTS, DRAIN_LIMIT, FLUSH_LIMIT, LONGEST_DATAGRAM, RECEIVE_BUDGET,
    RETRY_AFTER, SECOND_SIGNAL_AFTER, TRANSMIT_CAPACITY, VOICE_AGE, VOICE_SLOTS,
};
pub use reactor::{PacketPlane, Reactor};
pub use signals::TakenSignals;
pub use socket::{BindError, BoundSocket, Buffer, BufferReport, Settings, SocketSpec, bind};
pub use wiring::{Bell, Command, CutShort, Handle, Notice, Wiring};
