//! Clients: who they are, their datagrams, and the login as a hotspot does it. Source: `wire.md` 1.3 to 1.6.

use super::world::{PASSPHRASE, World};
use ragchew_core::id::ClientId;
use ragchew_core::net::{LocalIp, Path, SocketId};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

/// A client by its letter; A is 2341001, B 2341002 and so on.
pub(crate) type Name = char;
pub(crate) const A: Name = 'A';
pub(crate) const B: Name = 'B';
pub(crate) const C: Name = 'C';
pub(crate) const D: Name = 'D';
/// A client that only finds out who listens where.
pub(crate) const PROBE: Name = 'P';

/// Milliseconds between two pings of a client.
const PING_INTERVAL: u64 = 10_000;

/// A client as the test knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) id: u32,
    pub(crate) path: Path,
    pub(crate) next_ping: Option<u64>,
}

/// The usual ID of `name`.
pub(crate) fn usual_id(name: Name) -> u32 {
    2_341_001 + (u32::from(name) - u32::from('A'))
}

/// The usual way of `name` to the first listener.
pub(crate) fn usual_path(name: Name) -> Path {
    let n = u32::from(name);
    path_from(SocketAddr::from(([10, (n >> 16) as u8, (n >> 8) as u8, n as u8], 62_000)))
}

/// From `remote` to the first listener.
pub(crate) fn path_from(remote: SocketAddr) -> Path {
    Path { socket: SocketId(0), local: LocalIp::V4([192, 0, 2, 1]), remote }
}

/// A message of `opcode` and the client's ID.
pub(crate) fn with_id(opcode: &str, id: u32) -> Vec<u8> {
    [opcode.as_bytes(), &ClientId(id).to_bytes()].concat()
}

/// The answer to `salt`.
pub(crate) fn rptk(id: u32, salt: &[u8], passphrase: &[u8]) -> Vec<u8> {
    let hash = Sha256::digest([salt, passphrase].concat());
    [with_id("RPTK", id).as_slice(), &hash[..]].concat()
}

/// OPTIONS.
pub(crate) fn rpto(id: u32, text: impl AsRef<[u8]>) -> Vec<u8> {
    [with_id("RPTO", id).as_slice(), text.as_ref()].concat()
}

/// The configuration message, 302 bytes, of a client with `slots` (1, 2, 3 both, 4 simplex).
pub(crate) fn rptc(id: u32, callsign: &str, slots: char) -> Vec<u8> {
    let mut text = format!("{callsign:<8}434000000439000000");
    text += "0101";
    text += "51.50000-0.120000";
    text += "010";
    text += &format!(
        "{:<20}{:<19}{slots}{:<124}{:<40}{:<40}",
        "London", "Test", "https://example.net", "20210617", "MMDVM"
    );
    let message = [with_id("RPTC", id).as_slice(), text.as_bytes()].concat();
    assert_eq!(message.len(), 302);
    message
}

impl World {
    /// Logs `name` in, without OPTIONS.
    pub(crate) fn login(&mut self, name: Name) {
        self.login_full(name, usual_id(name), usual_path(name), None);
    }

    /// Logs `name` in with OPTIONS.
    pub(crate) fn login_with(&mut self, name: Name, options: &str) {
        self.login_full(name, usual_id(name), usual_path(name), Some(options));
    }

    /// The whole exchange, every answer checked. The client pings from then on.
    pub(crate) fn login_full(&mut self, name: Name, id: u32, path: Path, options: Option<&str>) {
        let ack = with_id("RPTACK", id);
        let salt = self.challenge(id, path);
        assert_eq!(self.answers(path, &rptk(id, &salt, PASSPHRASE)), [ack.as_slice()], "RPTK of {name}");
        assert_eq!(self.answers(path, &rptc(id, "G0ABC", '3')), [ack.as_slice()], "RPTC of {name}");
        self.add_client(name, Client { id, path, next_ping: Some(self.time() + PING_INTERVAL) });
        if let Some(text) = options {
            self.options(name, text);
        }
    }

    /// Asks for a challenge and returns the salt.
    pub(crate) fn challenge(&mut self, id: u32, path: Path) -> [u8; 4] {
        let answers = self.answers(path, &with_id("RPTL", id));
        assert_eq!(answers.len(), 1, "one answer to RPTL of {id}: {answers:?}");
        assert_eq!(&answers[0][..6], b"RPTACK");
        answers[0][6..].try_into().unwrap()
    }

    /// Sends OPTIONS of `name`; the answer must be there at once.
    pub(crate) fn options(&mut self, name: Name, text: impl AsRef<[u8]>) {
        let Client { id, path, .. } = self.client(name);
        assert_eq!(self.answers(path, &rpto(id, text)), [with_id("RPTACK", id)], "RPTO of {name}");
    }

    /// `name` sends a ping, which must be answered.
    pub(crate) fn ping(&mut self, name: Name) {
        let Client { id, path, .. } = self.client(name);
        assert_eq!(self.answers(path, &with_id("RPTPING", id)), [with_id("MSTPONG", id)], "ping of {name}");
        self.client_mut(name).next_ping = Some(self.time() + PING_INTERVAL);
    }

    /// `name` falls silent: no more pings.
    pub(crate) fn silence(&mut self, name: Name) {
        self.client_mut(name).next_ping = None;
    }

    /// `name` says that it leaves, and falls silent.
    pub(crate) fn close(&mut self, name: Name) {
        let Client { id, path, .. } = self.client(name);
        self.silence(name);
        self.send(path, &with_id("RPTCL", id));
    }
}
