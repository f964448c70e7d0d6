//! Access: listeners and the clients on them. Owns login, keepalive, OPTIONS, access lists and their limits; never decides
//! who hears whom. Answers leave on the path of the request. Source: `wire.md` 1.2–1.8, `behaviour.md` 1 and 6, R-020 to R-043.

pub mod acl;
mod login;
mod operator;
pub mod options;
mod said;
pub(crate) mod session;
pub(crate) mod settings;
mod strangers;

use crate::config::{Config, Listener};
use crate::id::{ClientId, ListenerId, RadioId};
use crate::limits::{CLOSE_GRACE, OPTIONS_RATE, SESSION_TIMEOUT};
use crate::net::Path;
use crate::refs::SessionRef;
use crate::refusal::Refusal;
use crate::report::{SessionEnd, What};
use crate::routing::Routing;
use crate::seed::Secrets;
use crate::table::{TableFull, TableKey};
use crate::time::{Moment, Mono};
use crate::turn::{Due, Turn};
use crate::wire::Malformed;
use crate::wire::hbp::{ClientMessage, DmrdView, ServerMessage, TalkerAliasMessage};
use options::Options;
use serde::{Deserialize, Serialize};
use session::{Digest, LoginState, Sessions};
use strangers::Strangers;

/// The access side: all listeners and sessions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    sessions: Sessions,
    strangers: Strangers,
    /// Listener of each socket, by socket number.
    by_socket: Vec<Option<u16>>,
    /// Digests of RPTC, to recognise one that comes again.
    config_key: TableKey,
    /// Digests of answers and OPTIONS, which hold secrets: the key never leaves the process.
    #[serde(skip)]
    text_key: TableKey,
    /// What is recognised by [`Self::text_key`], so that a snapshot meets its seed again.
    text_mark: u64,
}

impl Access {
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Self {
        let text_key = secrets.table_key(b"texts");
        let mut access = Self {
            sessions: Sessions::new(secrets),
            strangers: Strangers::new(secrets),
            by_socket: Vec::new(),
            config_key: secrets.working_key(b"descriptions"),
            text_key,
            text_mark: mark_of(text_key),
        };
        access.index_sockets(config);
        access
    }

    /// Gives the tables of a snapshot their keys.
    pub(crate) fn settle(&mut self, secrets: &Secrets) -> Result<(), TableFull> {
        self.text_key = secrets.table_key(b"texts");
        self.sessions.settle(secrets)
    }

    /// After [`Self::settle`]: forgets what only another seed could recognise.
    pub(crate) fn meet_seed(&mut self) {
        let mark = mark_of(self.text_key);
        if mark != self.text_mark {
            self.text_mark = mark;
            self.sessions.forget_digests();
        }
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Works off one datagram: answers it, or passes a burst on to routing.
    pub(crate) fn receive(
        &mut self,
        turn: &mut Turn<'_>,
        config: &Config,
        routing: &mut Routing,
        path: Path,
        bytes: &[u8],
    ) {
        let Some(listener) = self.listener(config, &path) else { return turn.refuse(Refusal::UnknownSocket) };
        let message = match ClientMessage::parse(bytes) {
            Ok(message) => message,
            Err(why) => return self.malformed(turn, listener, routing, &path, bytes, why),
        };
        match message {
            ClientMessage::Frame(frame) => self.frame(turn, listener, routing, &path, &frame),
            ClientMessage::Ping { client } => self.ping(turn, listener, routing, &path, client),
            ClientMessage::Login { client } => self.login(turn, listener, &path, client),
            ClientMessage::Answer { client, hash } => self.answer(turn, listener, routing, &path, client, hash),
            ClientMessage::Config { client, config } => self.configure(turn, listener, routing, &path, client, &config),
            ClientMessage::Options { client, text } => self.options(turn, listener, routing, &path, client, text),
            ClientMessage::Close { client } => self.close(turn, listener, &path, client),
            ClientMessage::TalkerAlias(_) => self.talker_alias(turn, listener, routing, &path, bytes),
            // Positions are personal data and nobody asked us for them: they only show that the client lives.
            ClientMessage::Gps(_) | ClientMessage::Position(_) => self.note_life(turn, listener, &path, bytes),
            ClientMessage::Rssi(_)
            | ClientMessage::Interrupt(_)
            | ClientMessage::Local(_)
            | ClientMessage::Trunking(_)
            | ClientMessage::Proxy(_) => turn.refuse(Refusal::NotForServers),
        }
    }

    /// A burst: the hot path. Whoever passes here runs, speaks from its own address, and has sane numbers.
    fn frame(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        frame: &DmrdView<'_>,
    ) {
        let session = match self.running(listener.id, path, frame.client()) {
            Ok(session) => session,
            Err(why) => return turn.refuse(why),
        };
        if frame.stream().0 == 0 {
            return turn.refuse(Refusal::NullStream);
        }
        if !(1..=RadioId::MAX.0).contains(&frame.source().0) {
            return turn.refuse(Refusal::BadSource);
        }
        if frame.destination_raw() == 0 {
            return turn.refuse(Refusal::BadDestination);
        }
        if let Some(record) = self.sessions.get_mut(session) {
            record.alive(turn.now.mono);
        }
        routing.frame(turn, listener, session, frame);
    }

    fn ping(&mut self, turn: &mut Turn<'_>, listener: &Listener, routing: &mut Routing, path: &Path, client: ClientId) {
        match self.running(listener.id, path, client) {
            Ok(session) => {
                self.note_path(turn, routing, session, path);
                turn.answer(*path, ServerMessage::Pong(client));
            }
            // This is how clients come back after a restart: in 10 s in place of 60 (`wire.md` 6, trap 6).
            Err(why) => self.nak(turn, path, client, why),
        }
    }

    /// RPTCL is obeyed after a moment without a sign of life: a forged one ends no call. Never answered.
    fn close(&mut self, turn: &mut Turn<'_>, listener: &Listener, path: &Path, client: ClientId) {
        let Some(session) = self.sessions.find(listener.id, client) else { return turn.refuse(Refusal::NoSession) };
        let Some(record) = self.sessions.get_mut(session) else { return };
        if !record.path.same_endpoint(path) {
            return turn.refuse(Refusal::OtherAddress);
        }
        if record.closing.is_none() {
            let at = turn.now.mono + CLOSE_GRACE;
            record.closing = Some(Moment::at(at));
            if record.close_armed.is_none() {
                record.close_armed = Some(Moment::at(at));
                turn.due(at, Due::Session(session));
            }
        }
    }

    fn options(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        client: ClientId,
        text: &[u8],
    ) {
        let session = match self.running(listener.id, path, client) {
            Ok(session) => session,
            Err(why) => return self.nak(turn, path, client, why),
        };
        self.note_path(turn, routing, session, path);
        let key = self.text_key;
        let Some(record) = self.sessions.get_mut(session) else { return };
        let digest = Digest::of(turn.digest(key, text));
        if record.options != Some(digest) && !options::is_blank(text) {
            if !record.options_bucket.take(OPTIONS_RATE, turn.now.mono) {
                return turn.refuse(Refusal::OptionsRate);
            }
            let options = Options::parse(text);
            let shown = turn.key_digest(key, options.key.as_deref()).map(Digest::of);
            let who = record.tag();
            if record.key.is_some() && record.key != shown {
                turn.refuse(Refusal::OptionsKey);
                turn.report(What::OptionsRefused { who, why: Refusal::OptionsKey });
            } else {
                record.key = shown.or(record.key);
                record.options = Some(digest);
                record.settings.apply(&options);
                turn.report(options_event(record, options.voided));
                let asked = record.asked.take().unwrap_or_default();
                record.asked = Some(Box::new(Options { statics: Vec::new(), ..asked.then(options) }));
                routing.configure(turn, session, &record.settings);
            }
        }
        // Also when the text was refused: a client without an answer repeats it until it gives up (`wire.md` 1.5).
        turn.answer(*path, ServerMessage::acknowledge(client));
    }

    fn talker_alias(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        bytes: &[u8],
    ) {
        let Some(session) = self.speaker(listener.id, path, bytes) else { return turn.refuse(Refusal::AliasRefused) };
        let Some(record) = self.sessions.get_mut(session) else { return };
        record.alive(turn.now.mono);
        match TalkerAliasMessage::classify(bytes, record.client) {
            Ok(alias) => routing.talker_alias(turn, session, &alias),
            Err(why) => turn.shared.refusals.count_malformed(why),
        }
    }

    fn note_life(&mut self, turn: &mut Turn<'_>, listener: &Listener, path: &Path, bytes: &[u8]) {
        let session = self.speaker(listener.id, path, bytes);
        match session.and_then(|session| self.sessions.get_mut(session)) {
            Some(record) => record.alive(turn.now.mono),
            None => turn.refuse(Refusal::NoSession),
        }
    }

    /// An RPTC too short to be one is answered, everything else that is malformed is not.
    fn malformed(
        &mut self,
        turn: &mut Turn<'_>,
        listener: &Listener,
        routing: &mut Routing,
        path: &Path,
        bytes: &[u8],
        why: Malformed,
    ) {
        turn.shared.refusals.count_malformed(why);
        let client = bytes.get(4..).and_then(|rest| rest.first_chunk()).copied().map(ClientId::from_bytes);
        if let (Malformed::ConfigLength, Some(client)) = (why, client) {
            self.bad_config(turn, listener, routing, path, client);
        }
    }

    /// Notes a sign of life, and the address of ours by which the client reaches us now: voice has to leave from there.
    fn note_path(&mut self, turn: &Turn<'_>, routing: &mut Routing, session: SessionRef, path: &Path) {
        let Some(record) = self.sessions.get_mut(session) else { return };
        record.alive(turn.now.mono);
        if record.path != *path {
            record.path = *path;
            routing.repath(session, *path);
        }
    }

    /// The running session of `client`, if it lives on `path`.
    fn running(&self, listener: ListenerId, path: &Path, client: ClientId) -> Result<SessionRef, Refusal> {
        let session = self.sessions.find(listener, client).ok_or(Refusal::NoSession)?;
        let record = self.sessions.get(session).ok_or(Refusal::NoSession)?;
        if !record.path.same_endpoint(path) {
            return Err(Refusal::OtherAddress);
        }
        match record.state {
            LoginState::Running => Ok(session),
            LoginState::Authenticated => Err(Refusal::WrongState),
        }
    }

    /// The session behind a DMRA, DMRG or RPTG. Most layouts name the client at octet 4; one has the radio there, and is
    /// told from the others by nobody of that ID being logged in at this address (`wire.md` 1.9).
    fn speaker(&self, listener: ListenerId, path: &Path, bytes: &[u8]) -> Option<SessionRef> {
        let named = bytes.get(4..)?.first_chunk().copied().map(ClientId::from_bytes)?;
        self.running(listener, path, named).ok().or_else(|| {
            let session = self.sessions.at(&path.remote)?;
            let record = self.sessions.get(session)?;
            (record.listener == listener && record.path.same_endpoint(path)).then_some(session)
        })
    }

    /// Refuses with MSTNAK where that can do no harm: clients do not check the ID in it, so one sent to the address of a
    /// running session would log that session out.
    fn nak(&mut self, turn: &mut Turn<'_>, path: &Path, client: ClientId, why: Refusal) {
        self.try_nak(turn, path, client, why);
    }

    /// The same, and says whether MSTNAK was sent.
    fn try_nak(&mut self, turn: &mut Turn<'_>, path: &Path, client: ClientId, why: Refusal) -> bool {
        turn.refuse(why);
        if self.sessions.is_live(&path.remote) {
            turn.refuse(Refusal::FromLiveAddress);
            return false;
        }
        if !self.strangers.may_nak(path.remote, turn.now.mono) {
            turn.refuse(Refusal::NakRate);
            return false;
        }
        turn.answer(*path, ServerMessage::Nak(Some(client)));
        true
    }

    /// An entry of the heap that was set for `at` has come up for a session.
    pub(crate) fn due(&mut self, turn: &mut Turn<'_>, routing: &mut Routing, session: SessionRef, at: Mono) {
        let Some(record) = self.sessions.get_mut(session) else { return };
        let deadline = record.deadline();
        if deadline <= turn.now.mono {
            let cause = if record.closing.is_some() { SessionEnd::Closed } else { SessionEnd::TimedOut };
            return self.end(turn, routing, session, cause);
        }
        if record.close_armed == Some(Moment::at(at)) {
            // The RPTCL was taken back; perhaps there was another since.
            record.close_armed = record.closing;
            if let Some(closing) = record.closing {
                turn.due(closing.mono(), Due::Session(session));
            }
        } else if at == record.armed {
            record.armed = record.heard + SESSION_TIMEOUT;
            turn.due(record.armed, Due::Session(session));
        }
    }

    /// Ends a session; a client that does not know it yet is told.
    pub(crate) fn end(&mut self, turn: &mut Turn<'_>, routing: &mut Routing, session: SessionRef, cause: SessionEnd) {
        let Some(record) = self.sessions.remove(session) else { return };
        routing.detach(turn, session);
        if matches!(cause, SessionEnd::TimedOut | SessionEnd::Removed | SessionEnd::Kicked) {
            self.farewell(turn, record.path, record.client);
        }
        turn.report(What::Disconnected { who: record.tag(), remote: record.path.remote, cause });
    }

    /// Says MSTCL where it can do no harm: clients do not check the ID in it, so at an address where another session runs it
    /// would log out that one.
    fn farewell(&mut self, turn: &mut Turn<'_>, path: Path, client: ClientId) {
        if self.sessions.is_live(&path.remote) {
            return turn.refuse(Refusal::FromLiveAddress);
        }
        turn.answer(path, ServerMessage::Close(Some(client)));
    }

    /// Takes a new configuration: sessions that it no longer admits end, the others keep what their OPTIONS gave them or
    /// take the new defaults. Returns how many were kept and closed.
    pub(crate) fn replace(&mut self, turn: &mut Turn<'_>, config: &Config, routing: &mut Routing) -> (u32, u32) {
        self.index_sockets(config);
        let (mut kept, mut closed) = (0, 0);
        for session in self.sessions.refs() {
            let Some(record) = self.sessions.get_mut(session) else { continue };
            let listener = config.listeners.iter().find(|l| l.id == record.listener);
            let admitted =
                listener.filter(|l| l.sockets.contains(&record.path.socket) && l.acl.register.admits(record.client.0));
            let Some(listener) = admitted else {
                self.end(turn, routing, session, SessionEnd::Removed);
                closed += 1;
                continue;
            };
            kept += 1;
            record.settings.renew(listener, record.client, record.asked.as_deref());
            if record.state == LoginState::Running {
                routing.configure(turn, session, &record.settings);
            }
        }
        (kept, closed)
    }

    fn index_sockets(&mut self, config: &Config) {
        self.by_socket.clear();
        for (at, listener) in config.listeners.iter().enumerate() {
            for socket in &listener.sockets {
                let place = usize::from(socket.0);
                if self.by_socket.len() <= place {
                    self.by_socket.resize(place + 1, None);
                }
                if let Some(entry) = self.by_socket.get_mut(place) {
                    *entry = u16::try_from(at).ok();
                }
            }
        }
    }

    fn listener<'c>(&self, config: &'c Config, path: &Path) -> Option<&'c Listener> {
        let at = self.by_socket.get(usize::from(path.socket.0)).copied().flatten()?;
        config.listeners.get(usize::from(at))
    }
}

fn mark_of(key: TableKey) -> u64 {
    key.hash_bytes(b"whose digests are these")
}

fn options_event(record: &session::AccessSession, voided: u16) -> What {
    let count = |slot| record.settings.statics.iter().filter(|wanted| wanted.slot == slot).count() as u16;
    What::Options {
        who: record.tag(),
        statics: crate::id::Slot::BOTH.map(count),
        single: record.settings.single,
        dial: record.settings.dial.unwrap_or_default(),
        ua_timer: record.settings.ua_timer.0,
        voided,
    }
}
