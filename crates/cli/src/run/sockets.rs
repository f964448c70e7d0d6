//! The sockets of a plan: all of them open, or none, and a clear line for each that cannot be. Source: design §4, 6.

use crate::config::{Runtime, Socket};
use ragchew_core::config::Config;
use ragchew_offload::log::{Level, LogSender};
use ragchew_transport::{BindError, BoundSocket, Settings, SocketSpec};
use std::collections::BTreeSet;

/// What the transport is told.
pub(super) fn settings(runtime: &Runtime) -> Settings {
    let default = Settings::default();
    Settings {
        receive_buffer: runtime.receive_buffer.unwrap_or(default.receive_buffer),
        send_buffer: runtime.send_buffer.unwrap_or(default.send_buffer),
        ..default
    }
}

/// Opens all of `wanted`, and says which optional ones this machine cannot have.
///
/// # Errors
/// A line for each that cannot be opened; nothing stays open then.
pub(super) fn open<'s>(
    wanted: impl IntoIterator<Item = &'s Socket>,
    settings: &Settings,
) -> Result<(Vec<BoundSocket>, Vec<String>), Vec<String>> {
    let (mut bound, mut missing, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for socket in wanted {
        match ragchew_transport::bind(SocketSpec { id: socket.id, address: socket.address }, settings) {
            Ok(open) => bound.push(open),
            Err(error @ (BindError::NoFamily(_) | BindError::NotHere(_))) if socket.optional => {
                missing.push(format!("served without IPv6: {error}"));
            }
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() { Ok((bound, missing)) } else { Err(failed) }
}

/// Says where each listener listens, and what the system gave less than asked.
pub(super) fn say_open(log: &LogSender, config: &Config, bound: &[BoundSocket]) {
    open_lines(config, bound).into_iter().for_each(|(level, line)| log.line(level, line));
}

/// What [`say_open`] says.
pub(super) fn open_lines(config: &Config, bound: &[BoundSocket]) -> Vec<(Level, String)> {
    let (mut lines, mut cures) = (Vec::new(), BTreeSet::new());
    for socket in bound {
        let of = config.listeners.iter().find(|listener| listener.sockets.contains(&socket.id()));
        let name = of.map_or("", |listener| &*listener.name);
        lines.push((Level::Info, format!("({name}) listening on UDP {}", socket.local_addr())));
        cures.extend(socket.buffers().cure());
    }
    for cure in cures {
        let line = format!("the system gives smaller socket buffers than asked for; `{cure}` cures it");
        lines.push((Level::Warning, line));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::net::SocketId;
    use std::net::{SocketAddr, UdpSocket};

    fn socket(id: u16, address: SocketAddr, optional: bool) -> Socket {
        Socket { id: SocketId(id), address, optional }
    }

    #[test]
    fn one_address_that_is_taken_opens_nothing_and_has_its_line() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        let wanted = [socket(0, ([127, 0, 0, 1], 0).into(), false), socket(1, taken, true)];
        let lines = open(&wanted, &Settings::default()).unwrap_err();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(&taken.to_string()), "{lines:?}");
        drop(holder);
        assert_eq!(open(&wanted, &Settings::default()).unwrap().0.len(), 2);
    }

    #[test]
    fn an_address_that_the_machine_has_not_stops_only_where_it_is_needed() {
        // 192.0.2.1 is reserved for documentation: no machine has it.
        let elsewhere = ([192, 0, 2, 1], 1).into();
        let (bound, missing) = open(&[socket(0, elsewhere, true)], &Settings::default()).unwrap();
        assert!(bound.is_empty() && missing[0].starts_with("served without IPv6: "), "{missing:?}");
        assert!(open(&[socket(0, elsewhere, false)], &Settings::default()).is_err());
    }
}
