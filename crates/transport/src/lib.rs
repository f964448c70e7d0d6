//! Ragchew's transport: making it happen. One thread with one poll over UDP sockets, the core's deadlines, signals and a
//! waker. Never decides what is sent, never logs, never opens a file, and blocks nowhere but in the poll. Linux only.
//! Beside that thread, and never on it: reading captures, and replaying them against a core of their own.
//! Source: design §4, §9, `freedmr2-design.md` 18.2.
#![deny(unsafe_code)]

pub mod capture;
pub mod clock;
pub mod counters;
mod endpoint;
mod reactor;
pub mod record;
pub mod replay;
mod ring;
mod socket;
mod sys;
mod wiring;

pub use counters::{Counters, ErrorCounts, SocketCounters};
pub use endpoint::RETRY_AFTER;
pub use reactor::{COMMAND_BUDGET, DRAIN_LIMIT, FLUSH_LIMIT, PacketPlane, RECEIVE_BUDGET, Reactor, TRANSMIT_CAPACITY};
pub use ring::{CONTROL_SLOTS, VOICE_AGE, VOICE_SLOTS};
pub use socket::{BindError, BoundSocket, Buffer, BufferReport, LONGEST_DATAGRAM, Settings, SocketSpec, bind};
pub use wiring::{COMMAND_SLOTS, Command, CutShort, Handle, Notice, Wiring};
