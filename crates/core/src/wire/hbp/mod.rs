//! The Homebrew protocol (HBP) between clients and servers. Owns which message a datagram is; keeps no session and never
//! decides an answer. [`ClientMessage`] reads one direction, [`ServerMessage`] the other. Source: `wire.md` 0, 1.

pub mod client;
pub mod config;
pub mod dmrd;
mod field;
pub mod login;
pub mod rare;
pub mod server;
#[cfg(test)]
mod tests;

pub use client::{ClientMessage, Local, Proxy};
pub use config::{ConfigView, LocalConfig, LocalConfigView, RepeaterConfig, Slots};
pub use dmrd::{BurstIndex, Dmrd, DmrdView, FrameKind};
pub use field::Text;
pub use login::login_hash;
pub use rare::{
    BeaconRequest, GpsMessage, GpsView, IdForm, Interrupt, Position, PositionView, Rssi, TalkerAliasMessage,
    TalkerAliasView,
};
pub use server::ServerMessage;
