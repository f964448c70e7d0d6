//! The whole state of a core as bytes that hold no secret, and back. Owns their form and its number; decides nothing about
//! when. What is not carried: the seed, passphrases (labels stand for them), the hash of any RPTK. Digests of KEYs and
//! answers are keyed by the seed and useless without it. Source: design §2, §4.

use crate::access::Access;
use crate::carried::HIGHEST;
use crate::config::Config;
use crate::drain::Drain;
use crate::refusal::Refusals;
use crate::routing::Routing;
use crate::seed::{Secrets, Seed, StreamNumbers};
use crate::time::Deadlines;
use crate::turn::{Due, Shared};
use crate::{Core, Witness};
use blake2::digest::consts::U16;
use blake2::{Blake2s, Digest};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Number of the form; one more whenever a type that is carried changes.
pub const FORMAT: u16 = 4;

const MAGIC: [u8; 8] = *b"rgc-snap";
const HEAD: usize = MAGIC.len() + 2 + 8 + DIGEST;
const DIGEST: usize = 16;

/// The state of a core at one moment. The bytes are the same for the same state on every machine: eight of magic, the
/// [`FORMAT`] (two, big-endian), the length of the state (eight, big-endian), its BLAKE2s-128, the state.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(Vec<u8>);

/// Why bytes are no snapshot, or a snapshot no core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// They do not begin as one.
    NoSnapshot,
    /// They are of another form, this one.
    Format(u16),
    /// They are fewer, or more, than they say.
    Length,
    /// They are not what was written.
    Digest,
    /// What was written is not the state of a core.
    Content,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot => f.write_str("this is no snapshot"),
            Self::Format(found) => write!(f, "a snapshot of form {found}, and this program reads form {FORMAT}"),
            Self::Length => f.write_str("the snapshot is shorter or longer than it says"),
            Self::Digest => f.write_str("the snapshot is damaged: its digest is another one"),
            Self::Content => f.write_str("the snapshot is not the state of a core"),
        }
    }
}

impl core::error::Error for SnapshotError {}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} bytes)", self.0.len())
    }
}

/// What is carried, by reference.
#[derive(Serialize)]
struct StateRef<'a> {
    config: &'a Config,
    deadlines: &'a Deadlines<Due>,
    refusals: &'a Refusals,
    numbers: &'a StreamNumbers,
    given: [u64; 2],
    last_calls: bool,
    access: &'a Access,
    routing: &'a Routing,
    drain: &'a Option<Drain>,
}

/// The same, owned.
#[derive(Deserialize)]
struct State {
    config: Config,
    deadlines: Deadlines<Due>,
    refusals: Refusals,
    numbers: StreamNumbers,
    given: [u64; 2],
    last_calls: bool,
    access: Access,
    routing: Routing,
    drain: Option<Drain>,
}

impl Snapshot {
    /// The bytes, to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes bytes back after checking all that can be checked without reading the state.
    ///
    /// # Errors
    /// All of [`SnapshotError`] but [`SnapshotError::Content`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, SnapshotError> {
        let bytes = bytes.into();
        let rest = bytes.strip_prefix(&MAGIC).ok_or(SnapshotError::NoSnapshot)?;
        let (format, rest) = rest.split_first_chunk().ok_or(SnapshotError::Length)?;
        let format = u16::from_be_bytes(*format);
        if format != FORMAT {
            return Err(SnapshotError::Format(format));
        }
        let (length, rest) = rest.split_first_chunk().ok_or(SnapshotError::Length)?;
        let (digest, state) = rest.split_first_chunk().ok_or(SnapshotError::Length)?;
        if u64::try_from(state.len()) != Ok(u64::from_be_bytes(*length)) {
            return Err(SnapshotError::Length);
        }
        if *digest != digest_of(state) {
            return Err(SnapshotError::Digest);
        }
        Ok(Self(bytes))
    }

    fn of(state: &StateRef<'_>) -> Self {
        // Writing to memory does not fail, and every type here knows its length.
        let state = postcard::to_allocvec(state).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEAD + state.len());
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_be_bytes());
        bytes.extend((state.len() as u64).to_be_bytes());
        bytes.extend(digest_of(&state));
        bytes.extend(state);
        Self(bytes)
    }

    fn state(&self) -> Result<State, SnapshotError> {
        let state = self.0.get(HEAD..).unwrap_or_default();
        match postcard::take_from_bytes(state) {
            Ok((state, [])) => Ok(state),
            _ => Err(SnapshotError::Content),
        }
    }
}

fn digest_of(state: &[u8]) -> [u8; DIGEST] {
    Blake2s::<U16>::digest(state).into()
}

impl Core {
    /// The whole state, without secrets. Costs what the tables hold; not for the packet path.
    pub fn snapshot(&self) -> Snapshot {
        let Self { config, shared, access, routing, drain } = self;
        Snapshot::of(&StateRef {
            config: &config.labelled(),
            deadlines: &shared.deadlines,
            refusals: &shared.refusals,
            numbers: shared.secrets.numbers(),
            given: shared.given(),
            last_calls: shared.last_calls,
            access,
            routing,
            drain,
        })
    }

    /// The core of a snapshot: its inverse. With the same seed, the same inputs give the same effects, byte for byte, as
    /// they would have before. With another seed challenges differ; a client that repeats its RPTK is refused, repeated
    /// OPTIONS are worked off again, and a KEY may be chosen anew, as after a restart.
    ///
    /// Passphrases come from `secrets`, by the names of listeners and the IDs of clients; a label for which there is none
    /// lets nobody in.
    ///
    /// # Errors
    /// [`SnapshotError::Content`].
    pub fn restore(snapshot: &Snapshot, seed: Seed, secrets: Option<&Config>) -> Result<Self, SnapshotError> {
        let mut core = Self::restore_for_replay(snapshot, seed, secrets)?;
        core.access.meet_seed();
        Ok(core)
    }

    /// The same for a replay, where [`Core::handle_witnessed`] tells what the secrets of the recorded core said: whatever
    /// the seed, nothing is forgotten.
    ///
    /// # Errors
    /// [`SnapshotError::Content`].
    pub fn restore_for_replay(
        snapshot: &Snapshot,
        seed: Seed,
        secrets: Option<&Config>,
    ) -> Result<Self, SnapshotError> {
        let State { mut config, deadlines, refusals, numbers, given, last_calls, mut access, mut routing, drain } =
            snapshot.state()?;
        if !config.is_within_limits() {
            return Err(SnapshotError::Content);
        }
        if let Some(from) = secrets {
            config.unlabel(from);
        }
        let mut secrets = Secrets::new(seed);
        secrets.set_numbers(numbers);
        access.settle(&secrets).map_err(|_| SnapshotError::Content)?;
        routing.settle(&secrets).map_err(|_| SnapshotError::Content)?;
        let in_use = [access.sessions().highest().0, routing.highest_call().0];
        if given.iter().zip(in_use).any(|(&given, in_use)| given > HIGHEST || in_use > given) {
            return Err(SnapshotError::Content);
        }
        let shared = Shared::restored(secrets, deadlines, refusals, given, last_calls);
        Ok(Self { config: Box::new(config), shared, access, routing, drain })
    }

    /// What the secrets said about the last input, if it had to do with them.
    pub fn witness(&self) -> Option<Witness> {
        (self.shared.witness != Witness::default()).then_some(self.shared.witness)
    }
}

/// The form in which a recording carries a configuration: labels in place of passphrases.
pub fn encode_config(config: &Config) -> Vec<u8> {
    postcard::to_allocvec(&config.labelled()).unwrap_or_default()
}

/// Reads it back.
///
/// # Errors
/// [`SnapshotError::Content`].
pub fn decode_config(bytes: &[u8]) -> Result<Config, SnapshotError> {
    match postcard::take_from_bytes::<Config>(bytes) {
        Ok((config, [])) if config.is_within_limits() => Ok(config),
        _ => Err(SnapshotError::Content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClientOverride, Defaults, Listener, ListenerAcl, Passphrase, TgMap};
    use crate::id::{ConferenceTg, ListenerId, RfTg, Slot};
    use crate::limits::{MAX_MAPS, MAX_STATIC};
    use crate::time::Now;

    #[test]
    fn a_configuration_with_one_static_or_map_more_than_there_may_be_is_refused() {
        let read = |statics: usize, own: usize, maps: usize| {
            let list = |length: usize| vec![RfTg(91); length];
            let client = ClientOverride {
                statics: [None, Some(list(own))],
                map: vec![TgMap { slot: Slot::One, rf_tg: RfTg(9), conference: ConferenceTg(91) }; maps],
                ..ClientOverride::default()
            };
            let defaults = Defaults { statics: [list(statics), Vec::new()], ..Defaults::default() };
            let listener = Listener { defaults, clients: vec![client], ..listener() };
            decode_config(&encode_config(&Config { listeners: vec![listener], ..Config::default() })).map(|_| ())
        };
        assert_eq!(read(MAX_STATIC, MAX_STATIC, MAX_MAPS), Ok(()));
        let one_more = [(MAX_STATIC + 1, 0, 0), (0, MAX_STATIC + 1, 0), (0, 0, MAX_MAPS + 1)];
        for (statics, own, maps) in one_more {
            assert_eq!(read(statics, own, maps), Err(SnapshotError::Content));
        }
    }

    fn listener() -> Listener {
        Listener {
            id: ListenerId(0),
            name: "a".into(),
            sockets: Vec::new(),
            passphrase: Passphrase::default(),
            max_clients: 1,
            acl: ListenerAcl::default(),
            defaults: Defaults::default(),
            clients: Vec::new(),
        }
    }

    #[test]
    fn numbers_that_nobody_can_have_given_out_are_refused() {
        let restored = |given: [u64; 2]| {
            let mut core = Core::new(Config::default(), Seed::Key([0; 32]), Now::default());
            let secrets = Secrets::new(Seed::Key([0; 32]));
            core.shared = Shared::restored(secrets, Deadlines::default(), Refusals::default(), given, false);
            Core::restore(&core.snapshot(), Seed::Key([0; 32]), None).map(|core| core.shared.given())
        };
        assert_eq!(restored([HIGHEST, HIGHEST]), Ok([HIGHEST, HIGHEST]));
        for given in [[HIGHEST + 1, 0], [0, HIGHEST + 1], [u64::MAX, u64::MAX]] {
            assert_eq!(restored(given), Err(SnapshotError::Content), "{given:?}");
        }
    }
}
