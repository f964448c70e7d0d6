//! What the server's secrets said about one datagram, without the secrets: noted while it is worked off, and given back
//! when a recording is replayed. Owns no decision. Source: design §4 (`--record`).

use crate::id::ClientId;
use crate::net::Path;
use crate::table::TableKey;
use crate::turn::Turn;
use serde::{Deserialize, Serialize};

/// What secrets said about a datagram; all `None` for one that has nothing to do with them. Nothing in it helps to log in
/// or to guess a passphrase: salts crossed the network in the open, and digests are keyed by the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The challenges that were valid for this client on this path, the newest first.
    pub salts: [Option<[u8; 4]>; 2],
    /// Whether an RPTK was right; none when nobody had to know.
    pub right: Option<bool>,
    /// Keyed digest of the hash of an RPTK, or of the text of an RPTO.
    pub digest: Option<u64>,
    /// Keyed digest of the KEY that an RPTO shows.
    pub key: Option<u64>,
}

/// Secrets are asked here, and nowhere else while a datagram is worked off.
impl Turn<'_> {
    /// The challenges that are valid for `client` on `path`.
    pub(crate) fn salts(&mut self, client: ClientId, path: &Path) -> [Option<[u8; 4]>; 2] {
        let salts = match self.shared.testimony {
            Some(told) => told.salts,
            None => self.shared.secrets.salts(client, path, self.now.mono),
        };
        self.shared.witness.salts = salts;
        salts
    }

    /// Whether an answer is right: `check` is asked with the valid challenges, unless it is told.
    pub(crate) fn is_right(&mut self, client: ClientId, path: &Path, check: impl Fn([u8; 4]) -> bool) -> bool {
        let salts = self.salts(client, path);
        let right = self.shared.testimony.and_then(|told| told.right).unwrap_or_else(|| {
            // Both are always looked at: the time must not tell which one it was.
            salts.into_iter().flatten().fold(false, |right, salt| right | check(salt))
        });
        self.shared.witness.right = Some(right);
        right
    }

    /// Keyed digest of something secret that this datagram says.
    pub(crate) fn digest(&mut self, key: TableKey, secret: &[u8]) -> u64 {
        let told = self.shared.testimony.and_then(|told| told.digest);
        let digest = told.unwrap_or_else(|| key.hash_bytes(secret));
        self.shared.witness.digest = Some(digest);
        digest
    }

    /// Keyed digest of the KEY in a text of OPTIONS.
    pub(crate) fn key_digest(&mut self, key: TableKey, shown: Option<&[u8]>) -> Option<u64> {
        let digest = match self.shared.testimony {
            Some(told) if told.digest.is_some() => told.key,
            _ => shown.map(|shown| key.hash_bytes(shown)),
        };
        self.shared.witness.key = digest;
        digest
    }
}
