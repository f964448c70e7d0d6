//! The live relations with clients: who is logged in, from where, since when alive. Owns the table of sessions with its
//! two indexes (listener and ID; live addresses); decides no answers and routes nothing. Source: design §2, R-020 to R-029.

use crate::access::options::Options;
use crate::access::said::Said;
use crate::access::settings::Settings;
use crate::carried::at_most;
use crate::id::{ClientId, ListenerId, SessionNo};
use crate::limits::{MAX_SESSIONS, MAX_STATIC, SESSION_TIMEOUT};
use crate::net::{Endpoint, Path};
use crate::rate::Bucket;
use crate::refs::SessionRef;
use crate::report::SessionTag;
use crate::seed::Secrets;
use crate::table::{Table, TableFull};
use crate::time::{Moment, Mono, Wall};
use core::net::SocketAddr;
use core::num::NonZeroU64;
use serde::{Deserialize, Serialize};
use slotmap::SlotMap;
use std::collections::BTreeMap;

/// How far a login is. There is no state for a challenge: those are stateless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LoginState {
    /// The passphrase was right; waiting for RPTC.
    Authenticated,
    /// Logged in: only now does voice flow.
    Running,
}

/// A keyed hash of something that a client said, to recognise it when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest(NonZeroU64);

impl Digest {
    /// Zero and one are taken for the same: "none" needs no octets of its own then.
    pub(crate) const fn of(hash: u64) -> Self {
        match NonZeroU64::new(hash) {
            Some(hash) => Self(hash),
            None => Self(NonZeroU64::MIN),
        }
    }
}

/// One client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessSession {
    pub(crate) number: SessionNo,
    pub(crate) listener: ListenerId,
    pub(crate) client: ClientId,
    pub(crate) path: Path,
    pub(crate) state: LoginState,
    /// Keyed hash of the RPTK that let it in: a retransmission of it is answered alike.
    pub(crate) accepted: Option<Digest>,
    /// Last valid packet.
    pub(crate) heard: Mono,
    /// Announced end (RPTCL), unless life is seen before.
    pub(crate) closing: Option<Moment>,
    /// Time of its entry in the heap of deadlines.
    pub(crate) armed: Mono,
    /// Time of a second entry there, for an announced end.
    pub(crate) close_armed: Option<Moment>,
    /// When it took the ID over from another address.
    pub(crate) took_over: Option<Moment>,
    /// Keyed hash of the RPTC in force.
    pub(crate) config: Option<Digest>,
    /// Keyed hash of the last OPTIONS text.
    pub(crate) options: Option<Digest>,
    /// Keyed hash of the KEY that later OPTIONS must show.
    pub(crate) key: Option<Digest>,
    /// What its OPTIONS asked for, all texts together: it goes on top of a new configuration, too. Its statics stand in the
    /// settings alone.
    pub(crate) asked: Option<Box<Options>>,
    pub(crate) options_bucket: Bucket,
    /// When it logged in.
    pub(crate) since: Wall,
    /// What its RPTC said, as far as it is told.
    pub(crate) said: Said,
    pub(crate) settings: Settings,
}

impl AccessSession {
    /// How events name it.
    pub(crate) fn tag(&self) -> SessionTag {
        SessionTag { session: self.number, listener: self.listener, client: self.client }
    }

    /// Notes a valid packet.
    pub(crate) fn alive(&mut self, now: Mono) {
        self.heard = now;
        self.closing = None;
    }

    /// When it ends if nothing more comes.
    pub(crate) fn deadline(&self) -> Mono {
        let silent = self.heard + SESSION_TIMEOUT;
        self.closing.map_or(silent, |closing| closing.mono().min(silent))
    }
}

/// All sessions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sessions {
    #[serde(deserialize_with = "at_most::<_, _, { MAX_SESSIONS + 1 }>")]
    records: SlotMap<SessionRef, AccessSession>,
    /// In the order of their logins.
    #[serde(skip)]
    by_number: BTreeMap<SessionNo, SessionRef>,
    by_client: Table<(ListenerId, ClientId), SessionRef>,
    /// How many sessions run at an address, and the newest of them: no MSTNAK may go there.
    live: Table<Endpoint, (u32, SessionRef)>,
    /// Sessions by listener number.
    per_listener: Vec<u32>,
    running: usize,
}

impl Sessions {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self {
            records: SlotMap::with_key(),
            by_number: BTreeMap::new(),
            by_client: Table::new(secrets.table_key(b"sessions"), MAX_SESSIONS),
            live: Table::new(secrets.table_key(b"live addresses"), MAX_SESSIONS),
            per_listener: Vec::new(),
            running: 0,
        }
    }

    pub(crate) fn find(&self, listener: ListenerId, client: ClientId) -> Option<SessionRef> {
        self.by_client.get(&(listener, client)).copied()
    }

    pub(crate) fn get(&self, session: SessionRef) -> Option<&AccessSession> {
        self.records.get(session)
    }

    pub(crate) fn get_mut(&mut self, session: SessionRef) -> Option<&mut AccessSession> {
        self.records.get_mut(session)
    }

    /// Whether a session runs at `remote`.
    pub(crate) fn is_live(&self, remote: &SocketAddr) -> bool {
        self.live.get(&Endpoint::from(*remote)).is_some()
    }

    /// The newest session that runs at `remote`.
    pub(crate) fn at(&self, remote: &SocketAddr) -> Option<SessionRef> {
        self.live.get(&Endpoint::from(*remote)).map(|&(_, newest)| newest)
    }

    /// Sessions of `listener`, those that are not yet running included.
    pub(crate) fn count(&self, listener: ListenerId) -> u32 {
        self.per_listener.get(usize::from(listener.0)).copied().unwrap_or(0)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.by_client.is_full()
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds a session; the caller has made sure that there is room and that the ID is free.
    pub(crate) fn insert(&mut self, session: AccessSession) -> Option<SessionRef> {
        let (listener, client) = (session.listener, session.client);
        if self.is_full() || self.find(listener, client).is_some() {
            return None;
        }
        let at = usize::from(listener.0);
        if self.per_listener.len() <= at {
            self.per_listener.resize(at + 1, 0);
        }
        if let Some(count) = self.per_listener.get_mut(at) {
            *count = count.saturating_add(1);
        }
        let number = session.number;
        let session = self.records.insert(session);
        self.by_number.insert(number, session);
        self.by_client.insert((listener, client), session).ok()?;
        Some(session)
    }

    /// Marks a session as running since `now`.
    pub(crate) fn set_running(&mut self, session: SessionRef, now: Wall) {
        let Some(record) = self.records.get_mut(session) else { return };
        if record.state == LoginState::Running {
            return;
        }
        (record.state, record.since) = (LoginState::Running, now);
        self.running = self.running.saturating_add(1);
        let remote = Endpoint::from(record.path.remote);
        match self.live.get_mut(&remote) {
            Some((count, newest)) => (*count, *newest) = (count.saturating_add(1), session),
            // Never full: it holds at most one entry per session.
            None => drop(self.live.insert(remote, (1, session))),
        }
    }

    pub(crate) fn remove(&mut self, session: SessionRef) -> Option<AccessSession> {
        let record = self.records.remove(session)?;
        self.by_number.remove(&record.number);
        self.by_client.remove(&(record.listener, record.client));
        if let Some(count) = self.per_listener.get_mut(usize::from(record.listener.0)) {
            *count = count.saturating_sub(1);
        }
        if record.state == LoginState::Running {
            self.running = self.running.saturating_sub(1);
            let remote = Endpoint::from(record.path.remote);
            let left = self.live.get_mut(&remote).map_or(0, |(count, _)| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 {
                self.live.remove(&remote);
            }
        }
        Some(record)
    }

    /// Every session, in the order of their logins. Not that of their places: a restored table gives those out otherwise.
    pub(crate) fn refs(&self) -> Vec<SessionRef> {
        self.by_number.values().copied().collect()
    }

    /// The session of this number, or the first behind it.
    pub(crate) fn from(&self, number: SessionNo) -> Option<(SessionNo, SessionRef)> {
        self.by_number.range(number..).next().map(|(&number, &session)| (number, session))
    }

    /// The highest number that is in use.
    pub(crate) fn highest(&self) -> SessionNo {
        let indexed = self.by_number.keys().next_back().copied();
        self.records.values().map(|record| record.number).chain(indexed).max().unwrap_or_default()
    }

    /// Gives the tables of a snapshot their keys.
    pub(crate) fn settle(&mut self, secrets: &Secrets) -> Result<(), TableFull> {
        let wants_too_much = |record: &AccessSession| record.settings.statics.len() > 2 * MAX_STATIC;
        if self.records.len() > MAX_SESSIONS || self.records.values().any(wants_too_much) {
            return Err(TableFull);
        }
        self.by_number = self.records.iter().map(|(session, record)| (record.number, session)).collect();
        self.by_client.settle(secrets.table_key(b"sessions"), MAX_SESSIONS)?;
        self.live.settle(secrets.table_key(b"live addresses"), MAX_SESSIONS)
    }

    /// Forgets what was told by the secrets of another seed: nobody can repeat those texts, and a KEY is shown anew.
    pub(crate) fn forget_digests(&mut self) {
        for record in self.records.values_mut() {
            (record.accepted, record.key) = (None, None);
            record.options = record.options.map(|_| Digest::of(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Listener, Passphrase};
    use crate::net::{LocalIp, SocketId};
    use crate::seed::Seed;

    fn session(client: u32) -> AccessSession {
        let listener = Listener {
            id: ListenerId(0),
            name: "a".into(),
            sockets: Vec::new(),
            passphrase: Passphrase::new(b"x".as_slice()),
            max_clients: u32::MAX,
            acl: Default::default(),
            defaults: Default::default(),
            clients: Vec::new(),
        };
        AccessSession {
            number: SessionNo(u64::from(client)),
            listener: ListenerId(0),
            client: ClientId(client),
            path: Path { socket: SocketId(0), local: LocalIp::Unknown, remote: ([192, 0, 2, 1], 1).into() },
            state: LoginState::Authenticated,
            accepted: None,
            heard: Mono(0),
            closing: None,
            armed: Mono(0),
            close_armed: None,
            took_over: None,
            config: None,
            options: None,
            key: None,
            asked: None,
            options_bucket: Bucket::default(),
            since: Wall(0),
            said: Said::default(),
            settings: Settings::of(&listener, ClientId(client)),
        }
    }

    #[test]
    fn with_all_places_taken_another_session_is_refused_until_one_ends() {
        let mut sessions = Sessions::new(&Secrets::new(Seed::Key([0; 32])));
        let first = sessions.insert(session(0)).unwrap();
        assert!((1..MAX_SESSIONS).all(|n| sessions.insert(session(n as u32)).is_some()));
        assert!(sessions.is_full());
        assert_eq!((sessions.insert(session(MAX_SESSIONS as u32)), sessions.len()), (None, MAX_SESSIONS));
        sessions.remove(first);
        assert!(!sessions.is_full() && sessions.insert(session(MAX_SESSIONS as u32)).is_some());
    }

    #[test]
    fn a_state_with_one_session_too_many_is_refused() {
        let secrets = Secrets::new(Seed::Key([0; 32]));
        let mut sessions = Sessions::new(&secrets);
        for n in 0..MAX_SESSIONS {
            sessions.records.insert(session(n as u32));
        }
        assert_eq!(sessions.settle(&secrets), Ok(()));
        sessions.records.insert(session(MAX_SESSIONS as u32));
        assert_eq!(sessions.settle(&secrets), Err(TableFull));
    }

    #[test]
    fn counters_that_are_full_stay_full() {
        let mut sessions = Sessions::new(&Secrets::new(Seed::Key([0; 32])));
        let first = sessions.insert(session(1)).unwrap();
        sessions.set_running(first, Wall(0));
        let remote = Endpoint::from(session(1).path.remote);
        *sessions.live.get_mut(&remote).unwrap() = (u32::MAX, first);
        (sessions.running, sessions.per_listener[0]) = (usize::MAX, u32::MAX);
        let second = sessions.insert(session(2)).unwrap();
        sessions.set_running(second, Wall(0));
        assert_eq!((sessions.running(), sessions.count(ListenerId(0))), (usize::MAX, u32::MAX));
        assert_eq!(sessions.live.get(&remote), Some(&(u32::MAX, second)));
    }
}
