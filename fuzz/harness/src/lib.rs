//! The fuzz targets as plain functions: each takes any bytes, does with them what the server would, and panics when
//! something that must hold does not. Owns the oracles and the committed seeds; knows no fuzzer, so that the same bodies
//! run in `cargo test`. Source: design 8, 9.

mod burst;
pub mod core;
mod decode;
mod desk;
mod files;
mod hbp;
pub mod input;
mod links;
mod messages;
mod recording;
mod replay;
pub mod seeds;
mod text;

/// What a target does with any bytes.
pub type Body = fn(&[u8]);

/// Every target by its name, which is also that of its file in `fuzz_targets` and its folder in `corpus`.
pub const TARGETS: [(&str, Body); 19] = [
    ("hbp_client", hbp::client),
    ("hbp_server", hbp::server),
    ("links", links::links),
    ("dmrd", hbp::dmrd),
    ("rptc", hbp::rptc),
    ("options", text::options),
    ("acl", text::acl),
    ("dmr_burst", burst::dmr_burst),
    ("talker_alias", burst::talker_alias),
    ("config_yaml", files::config_yaml),
    ("capture", files::capture),
    ("decode", decode::decode),
    ("command", desk::command),
    ("worker", desk::worker),
    ("snapshot", core::snapshot),
    ("recording", recording::recording),
    ("replay", replay::replay),
    ("mask", replay::mask),
    ("core", core::any_script),
];

/// Runs one target.
///
/// # Panics
/// When an oracle fails, or when there is no target of this name.
pub fn run(target: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, body) = found.unwrap_or_else(|| panic!("no target {target}"));
    body(data);
}

pub use crate::core::revives;
pub use decode::told;
pub use desk::{commands_and_events, is_whole_conversation};
pub use files::PLANTED;
pub use links::kind as kind_of_link;
pub use messages::{CLIENT_KINDS, kind_of_client, kind_of_server};
pub use recording::{played, played_with_secrets};
pub use replay::frames_replayed;
