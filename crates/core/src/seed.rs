//! What the core's secrets come from. The shell takes it from the system; a replay takes the salts from its capture.
//! Source: design §2, `wire.md` 1.3.

use crate::id::{ClientId, StreamId};
use crate::limits::CHALLENGE_EPOCH;
use crate::net::{LocalIp, Path};
use crate::table::TableKey;
use crate::time::Mono;
use blake2::Blake2sMac;
use blake2::digest::consts::U32;
use blake2::digest::{KeyInit, Mac};
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where secrets come from.
#[derive(Clone)]
pub enum Seed {
    /// 32 bytes that nobody else knows.
    Key([u8; 32]),
    /// Challenges as another server gave them, in order of time; everything else from a fixed key.
    ScriptedSalts(Vec<ScriptedSalt>),
}

/// A challenge in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptedSalt {
    /// When it was given.
    pub at: Mono,
    /// To which client
    pub client: ClientId,
    /// at which address.
    pub remote: SocketAddr,
    /// Its bytes.
    pub salt: [u8; 4],
}

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(_) => f.write_str("Key(..)"),
            Self::ScriptedSalts(salts) => write!(f, "ScriptedSalts({})", salts.len()),
        }
    }
}

/// Challenges of each client at each address, in order of time.
type Script = BTreeMap<(ClientId, SocketAddr), Vec<(Mono, [u8; 4])>>;

fn script(salts: Vec<ScriptedSalt>) -> Script {
    let mut script = Script::new();
    for ScriptedSalt { at, client, remote, salt } in salts {
        script.entry((client, remote)).or_default().push((at, salt));
    }
    script
}

/// The secrets of this server, each derived from the seed under a name of its own.
#[derive(Clone)]
pub(crate) struct Secrets {
    key: [u8; 32],
    scripted: Option<Script>,
    numbers: StreamNumbers,
}

/// Stream IDs that the server gives out. They protect nothing, and a snapshot carries them on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StreamNumbers {
    key: [u8; 32],
    given: u64,
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    pub(crate) fn new(seed: Seed) -> Self {
        let (key, scripted) = match seed {
            Seed::Key(key) => (key, None),
            Seed::ScriptedSalts(salts) => ([0; 32], Some(script(salts))),
        };
        let numbers = StreamNumbers { key: mac(&key, b"stream").finalize().into_bytes().into(), given: 0 };
        Self { key, scripted, numbers }
    }

    /// The stream IDs given out so far, for a snapshot.
    pub(crate) fn numbers(&self) -> &StreamNumbers {
        &self.numbers
    }

    /// Goes on where a snapshot ended.
    pub(crate) fn set_numbers(&mut self, numbers: StreamNumbers) {
        self.numbers = numbers;
    }

    /// The challenges that are valid for `client` on `path`: the one to give out now, and the one before.
    ///
    /// Stateless: a keyed hash over ID, path and epoch, so that there is no table to fill (`wire.md` 1.3).
    pub(crate) fn salts(&self, client: ClientId, path: &Path, now: Mono) -> [Option<[u8; 4]>; 2] {
        if let Some(scripted) = &self.scripted {
            let all = scripted.get(&(client, path.remote)).map_or(&[][..], Vec::as_slice);
            let until = all.partition_point(|(at, _)| *at <= now);
            let mut given = all.iter().take(until).rev().map(|(_, salt)| *salt);
            return [given.next(), given.next()];
        }
        let epoch = now.0 / CHALLENGE_EPOCH.0;
        let salt = |epoch: u64| {
            let mut mac = self.mac(b"challenge");
            mac.update(&epoch.to_be_bytes());
            mac.update(&client.to_bytes());
            update_with_path(&mut mac, path);
            first_four(&mac.finalize().into_bytes())
        };
        [Some(salt(epoch)), epoch.checked_sub(1).map(salt)]
    }

    /// Key of the table called `name`; never leaves the process.
    pub(crate) fn table_key(&self, name: &[u8]) -> TableKey {
        self.key_of(b"table", name)
    }

    /// Key of hashes that what happens depends on: a snapshot carries it, so that the same happens elsewhere.
    pub(crate) fn working_key(&self, name: &[u8]) -> TableKey {
        self.key_of(b"working", name)
    }

    fn key_of(&self, kind: &[u8], name: &[u8]) -> TableKey {
        let mut mac = self.mac(kind);
        mac.update(name);
        let bytes = mac.finalize().into_bytes();
        let mut key = [0; 16];
        key.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
        TableKey(key)
    }

    /// A stream ID that was not given out before; never 0.
    pub(crate) fn next_stream(&mut self) -> StreamId {
        loop {
            self.numbers.given = self.numbers.given.wrapping_add(1);
            let mut mac = mac(&self.numbers.key, b"id");
            mac.update(&self.numbers.given.to_be_bytes());
            let id = StreamId::from_bytes(first_four(&mac.finalize().into_bytes()));
            if id != StreamId(0) {
                return id;
            }
        }
    }

    fn mac(&self, purpose: &[u8]) -> Blake2sMac<U32> {
        mac(&self.key, purpose)
    }
}

fn mac(key: &[u8; 32], purpose: &[u8]) -> Blake2sMac<U32> {
    let mut mac = Blake2sMac::<U32>::new(&(*key).into());
    mac.update(purpose);
    mac
}

/// The same bytes on every machine, unlike `Hash`, whose lengths and byte order are the machine's.
fn update_with_path(mac: &mut Blake2sMac<U32>, path: &Path) {
    mac.update(&path.socket.0.to_be_bytes());
    match path.local {
        LocalIp::Unknown => mac.update(&[0]),
        LocalIp::V4(address) => {
            mac.update(&[4]);
            mac.update(&address);
        }
        LocalIp::V6 { address, interface } => {
            mac.update(&[6]);
            mac.update(&address);
            mac.update(&interface.to_be_bytes());
        }
    }
    match path.remote.ip() {
        IpAddr::V4(address) => mac.update(&address.octets()),
        IpAddr::V6(address) => mac.update(&address.octets()),
    }
    mac.update(&path.remote.port().to_be_bytes());
}

fn first_four(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}
