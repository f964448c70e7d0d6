//! The login: RPTL, RPTK, RPTC. Stateless challenges, answers that may be repeated, and an ID that only the right
//! passphrase can take over. Source: `wire.md` 1.3, 1.4; S-001 to S-010, S-236, S-237.

use super::Access;
use super::said::Said;
use super::session::{AccessSession, Digest, LoginState};
use super::settings::Settings;
use super::strangers::Step;
use crate::config::Listener;
use crate::id::ClientId;
use crate::limits::{OPTIONS_RATE, SESSION_TIMEOUT, TAKEOVER_INTERVAL};
use crate::net::Path;
use crate::rate::Bucket;
use crate::refs::SessionRef;
use crate::refusal::Refusal;
use crate::report::{SessionEnd, SessionTag, What};
use crate::routing::Routing;
use crate::routing::station::StationInfo;
use crate::time::{Moment, Mono};
use crate::turn::{Due, Turn};
use crate::wire::hbp::{ConfigView, ServerMessage, Slots, login_hash};
use subtle::ConstantTimeEq;

impl Access {
    /// RPTL: gives a challenge. Costs nothing that stays, so there is nothing to fill.
    pub(super) fn login(&mut self, turn: &mut Turn<'_>, listener: &Listener, path: &Path, client: ClientId) {
        if turn.shared.last_calls {
            return turn.refuse(Refusal::Draining);
        }
        let now = turn.now.mono;
        if self.strangers.is_ignored(client, path.remote, now) {
            return turn.refuse(Refusal::FailedLogins);
        }
        if !self.strangers.may(Step::Challenge, client, path.remote, now) {
            return turn.refuse(Refusal::LoginRate);
        }
        if let Err(why) = self.admits(listener, client) {
            return self.refuse_login(turn, listener, path, client, why);
        }
        if let [Some(salt), _] = turn.salts(client, path) {
            turn.answer(*path, ServerMessage::challenge(salt));
            if self.strangers.may_tell(now) {
                turn.report(What::LoginStarted { listener: listener.id, client, remote: path.remote });
            }
        }
    }

    /// RPTK: the passphrase is checked before anything of a running session changes.
    pub(super) fn answer(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        client: ClientId,
        hash: &[u8; 32],
    ) {
        let now = turn.now.mono;
        if client == ClientId::PROBE {
            return self.refuse_login(turn, listener, path, client, Refusal::StatusProbe);
        }
        let digest = Digest::of(turn.digest(self.text_key, hash));
        if self.is_repeated_answer(listener, path, client, digest) {
            return turn.answer(*path, ServerMessage::acknowledge(client));
        }
        if turn.shared.last_calls {
            return turn.refuse(Refusal::Draining);
        }
        if self.strangers.is_ignored(client, path.remote, now) {
            return turn.refuse(Refusal::FailedLogins);
        }
        if !self.strangers.may(Step::Answer, client, path.remote, now) {
            return turn.refuse(Refusal::LoginRate);
        }
        if let Err(why) = self.admits(listener, client) {
            return self.refuse_login(turn, listener, path, client, why);
        }
        if !is_right(turn, listener, path, client, hash) {
            self.strangers.failed(client, path.remote, now);
            return self.refuse_login(turn, listener, path, client, Refusal::NoChallenge);
        }
        self.strangers.succeeded(client, path.remote);
        match self.make_room(turn, listener, routing, path, client) {
            Ok(took_over) => self.admit(turn, listener, path, client, digest, took_over),
            Err(why) => self.refuse_login(turn, listener, path, client, why),
        }
    }

    /// RPTC: the login is complete; the same once more is acknowledged once more.
    pub(super) fn configure(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        client: ClientId,
        config: &ConfigView<'_>,
    ) {
        let Some(session) = self.sessions.find(listener.id, client) else {
            return self.nak(turn, path, client, Refusal::NoSession);
        };
        if !self.sessions.get(session).is_some_and(|record| record.path.same_endpoint(path)) {
            return self.nak(turn, path, client, Refusal::OtherAddress);
        }
        self.note_path(turn, routing, session, path);
        let digest = Digest::of(self.config_key.hash_bytes(config.bytes()));
        let Some(record) = self.sessions.get_mut(session) else { return };
        if record.config != Some(digest) {
            if !record.options_bucket.take(OPTIONS_RATE, turn.now.mono) {
                return turn.refuse(Refusal::OptionsRate);
            }
            record.config = Some(digest);
            self.connect(turn, routing, session, config);
        }
        turn.answer(*path, ServerMessage::acknowledge(client));
    }

    /// An RPTC without room for what it must say: the login is over.
    pub(super) fn bad_config(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        client: ClientId,
    ) {
        let session = self.sessions.find(listener.id, client);
        let waiting = session.filter(|&session| {
            self.sessions
                .get(session)
                .is_some_and(|r| r.state == LoginState::Authenticated && r.path.same_endpoint(path))
        });
        if let Some(session) = waiting {
            self.end(turn, routing, session, SessionEnd::Refused);
        }
        self.refuse_login(turn, listener, path, client, Refusal::BadConfig);
    }

    /// Whether the listener would take `client` at all. A status probe gets its challenge in any case.
    fn admits(&self, listener: &Listener, client: ClientId) -> Result<(), Refusal> {
        if client == ClientId::PROBE {
            return Ok(());
        }
        if !listener.acl.register.admits(client.0) {
            return Err(Refusal::RegisterAcl);
        }
        let known = self.sessions.find(listener.id, client).is_some();
        let full = self.sessions.count(listener.id) >= listener.max_clients || self.sessions.is_full();
        if full && !known { Err(Refusal::ListenerFull) } else { Ok(()) }
    }

    /// Whether this is the RPTK again that let the session in: its answer was lost.
    fn is_repeated_answer(&self, listener: &Listener, path: &Path, client: ClientId, digest: Digest) -> bool {
        let record = self.sessions.find(listener.id, client).and_then(|session| self.sessions.get(session));
        record.is_some_and(|record| record.path.same_endpoint(path) && record.accepted == Some(digest))
    }

    /// Ends what the ID had before: silently at the same address, with MSTCL at another one, and that not too often.
    /// Returns when the ID moved last.
    fn make_room(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        client: ClientId,
    ) -> Result<Option<Mono>, Refusal> {
        let Some(old) = self.sessions.find(listener.id, client) else { return Ok(None) };
        let Some(record) = self.sessions.get(old) else { return Ok(None) };
        let (who, from, took_over) = (record.tag(), record.path, record.took_over.map(Moment::mono));
        let moves = !from.same_endpoint(path);
        if moves && took_over.is_some_and(|at| turn.now.mono.since(at) < TAKEOVER_INTERVAL) {
            return Err(Refusal::TakeoverTooSoon);
        }
        self.end(turn, routing, old, SessionEnd::LoggedInAgain);
        if !moves {
            return Ok(took_over);
        }
        self.farewell(turn, from, client);
        turn.report(What::Moved { who, from: from.remote, to: path.remote });
        Ok(Some(turn.now.mono))
    }

    fn admit(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        path: &Path,
        client: ClientId,
        digest: Digest,
        took_over: Option<Mono>,
    ) {
        let now = turn.now.mono;
        let armed = now + SESSION_TIMEOUT;
        let number = turn.next_session();
        let session = self.sessions.insert(AccessSession {
            number,
            listener: listener.id,
            client,
            path: *path,
            state: LoginState::Authenticated,
            accepted: Some(digest),
            heard: now,
            closing: None,
            armed,
            close_armed: None,
            took_over: took_over.map(Moment::at),
            config: None,
            options: None,
            asked: None,
            key: None,
            options_bucket: Bucket::default(),
            since: turn.now.wall,
            said: Said::default(),
            settings: Settings::of(listener, client),
        });
        let Some(session) = session else {
            return self.refuse_login(turn, listener, path, client, Refusal::ListenerFull);
        };
        turn.due(armed, Due::Session(session));
        turn.answer(*path, ServerMessage::acknowledge(client));
        let who = SessionTag { session: number, listener: listener.id, client };
        turn.report(What::Authenticated { who, remote: path.remote });
    }

    /// The session runs: routing learns of it, or of what changed.
    fn connect(&mut self, turn: &mut Turn<'_>, routing: &mut Routing, session: SessionRef, config: &ConfigView<'_>) {
        self.sessions.set_running(session, turn.now.wall);
        let Some(record) = self.sessions.get_mut(session) else { return };
        record.said = Said::of(config);
        let info = StationInfo { who: record.tag(), path: record.path, hears: heard_slots(config) };
        record.said.events(record.tag(), record.path.remote).into_iter().for_each(|what| turn.report(what));
        routing.attach(turn, session, info, &record.settings);
    }

    fn refuse_login(&mut self, turn: &mut Turn<'_>, listener: &Listener, path: &Path, client: ClientId, why: Refusal) {
        if self.try_nak(turn, path, client, why) && self.strangers.may_tell(turn.now.mono) {
            turn.report(What::LoginRefused { listener: listener.id, client, remote: path.remote, why });
        }
    }
}

/// Whether `hash` answers the challenge of this epoch or of the one before.
fn is_right(turn: &mut Turn<'_>, listener: &Listener, path: &Path, client: ClientId, hash: &[u8; 32]) -> bool {
    let passphrase = listener.passphrase_of(client);
    let fits = |salt| bool::from(login_hash(salt, passphrase.expose()).ct_eq(hash));
    turn.is_right(client, path, |salt| !passphrase.is_label() && fits(salt))
}

/// A simplex hotspot only uses slot 2 and discards slot 1 (`wire.md` 1.4). The field of slots is trusted first: software
/// peers often announce equal frequencies, or one slot, and carry both.
fn heard_slots(config: &ConfigView<'_>) -> [bool; 2] {
    let simplex = match config.slots() {
        Some(Slots::Simplex) => true,
        Some(Slots::One | Slots::Two | Slots::Both) => false,
        Some(Slots::Unspecified) | None => config.is_simplex(),
    };
    [!simplex, true]
}
