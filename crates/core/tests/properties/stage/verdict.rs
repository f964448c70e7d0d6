//! Whether core and model did the same: datagrams, events, refusals, sizes of tables. Changes neither of them, but for the
//! salts and stream IDs that the model learns from the core.

use super::{Stage, moment, rendered};
use crate::model::Sent;
use ragchew_core::net::{Path, SocketId};
use std::collections::BTreeMap;
use std::net::SocketAddr;

impl Stage {
    /// Whether core and model did the same.
    pub(super) fn agree(&mut self) -> Result<(), String> {
        self.same_datagrams()?;
        let mut wanted = self.model.events.clone();
        for event in self.effects.events() {
            let found = wanted.iter().position(|what| *what == event.what);
            let Some(place) = found else {
                return Err(format!("the core reports {:?}, the model {wanted:?}", event.what));
            };
            wanted.swap_remove(place);
            if event.at != moment(self.now).wall {
                return Err(format!("{event:?} has the wrong time"));
            }
        }
        if !wanted.is_empty() {
            return Err(format!("the core does not report {wanted:?}"));
        }
        let refusals: BTreeMap<&str, u64> = self.core.refusals().occurred().collect();
        if refusals != self.model.refusals {
            return Err(format!("refusals of the core {refusals:?}\nof the model {:?}", self.model.refusals));
        }
        let s = self.core.table_sizes();
        let sizes = [s.sessions, s.subscriptions, s.conferences, s.streams, s.live_calls, s.echoes];
        if sizes != self.model.sizes() || self.core.running_sessions() != self.model.running() {
            return Err(format!("table sizes of the core {s:?}, of the model {:?}", self.model.sizes()));
        }
        let made = &self.model.made;
        let most = 2 * made.sessions + made.calls + made.legs + made.echoes + 2;
        if s.deadlines as u64 > most {
            return Err(format!("{} entries in the heap of deadlines", s.deadlines));
        }
        if self.effects.drained() && !self.model.drained {
            return Err("the core is drained too early".into());
        }
        Ok(())
    }

    /// The same datagrams to each line of each receiver, in order.
    pub(super) fn same_datagrams(&mut self) -> Result<(), String> {
        type Place = (SocketAddr, SocketId, u8);
        let lane = |bytes: &[u8]| if bytes.starts_with(b"DMRD") { 1 + (bytes[15] >> 7) } else { 0 };
        let place = |path: &Path, bytes: &[u8]| -> Place { (path.remote, path.socket, lane(bytes)) };
        let mut got = rendered(&self.effects);
        got.sort_by_key(|(path, bytes)| place(path, bytes));
        let mut wanted = std::mem::take(&mut self.model.sent);
        wanted.sort_by_key(|sent| match sent {
            Sent::Control(path, bytes) => place(path, bytes),
            Sent::Challenge(path, _) => place(path, &[]),
            Sent::Frame(path, bytes) | Sent::Playback(path, bytes, _) => place(path, bytes),
        });
        let wrong = || format!("the core sends {}\nthe model {}", show(&got), show_sent(&wanted));
        if got.len() != wanted.len() {
            return Err(wrong());
        }
        for ((path, bytes), sent) in got.iter().zip(&wanted) {
            let same = match sent {
                Sent::Control(to, message) => to == path && message == bytes,
                Sent::Frame(to, frame) => to == path && frame[..] == bytes[..],
                Sent::Challenge(to, client) => {
                    let salt = bytes.strip_prefix(b"RPTACK").and_then(|salt| salt.try_into().ok());
                    to == path && salt.is_some_and(|salt| self.model.learn_salt(*to, *client, salt))
                }
                Sent::Playback(to, frame, echo) => {
                    let stream = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
                    let known = self.model.playback_streams.clone();
                    let fresh = stream != 0 && !known.iter().any(|(other, id)| other != echo && *id == stream);
                    let mut frame = *frame;
                    frame[16..20].copy_from_slice(&bytes[16..20]);
                    let kept = *self.model.playback_streams.entry(*echo).or_insert(stream) == stream;
                    to == path && frame[..] == bytes[..] && fresh && kept
                }
            };
            if !same {
                return Err(wrong());
            }
        }
        Ok(())
    }
}

fn show(sent: &[(Path, Vec<u8>)]) -> String {
    let one = |(path, bytes): &(Path, Vec<u8>)| format!("\n  to {} {}", path.remote, words(bytes));
    sent.iter().map(one).collect()
}

fn show_sent(sent: &[Sent]) -> String {
    let one = |sent: &Sent| match sent {
        Sent::Control(path, bytes) => format!("\n  to {} {}", path.remote, words(bytes)),
        Sent::Frame(path, bytes) => format!("\n  to {} {}", path.remote, words(bytes)),
        Sent::Playback(path, bytes, echo) => format!("\n  to {} echo {echo} {}", path.remote, words(bytes)),
        Sent::Challenge(path, client) => format!("\n  to {} a challenge for {client}", path.remote),
    };
    sent.iter().map(one).collect()
}

fn words(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match bytes {
        [b'D', b'M', b'R', b'D', ..] if bytes.len() == 55 => {
            format!("DMRD {} {} {} {}", hex(&bytes[4..15]), hex(&bytes[15..20]), hex(&bytes[20..53]), hex(&bytes[53..]))
        }
        _ => bytes.escape_ascii().to_string(),
    }
}
