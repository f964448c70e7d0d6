//! Logins, keepalive, OPTIONS, closing, reload. Source: `wire.md` 1.3 to 1.9, `behaviour.md` 1.1, 1.7, 1.8, 6.

use super::frame::{Frame, Kind, number};
use super::{Bucket, Failures, Model, Route, Sent, Session, options};
use crate::setup::{Listener, Setup, admits};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId};
use ragchew_core::net::Path;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SessionEnd, Text, What};
use sha2::{Digest, Sha256};

const PROBE: u32 = u32::MAX;

fn same_endpoint(a: &Path, b: &Path) -> bool {
    a.socket == b.socket && a.remote == b.remote
}

fn padded<const N: usize>(text: &[u8]) -> Text<N> {
    let end = text.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |at| at + 1);
    let mut bytes = [0; N];
    bytes[..end].copy_from_slice(&text[..end]);
    Text::new(&bytes)
}

fn decimal(text: &[u8]) -> u32 {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

impl Model {
    /// A datagram arrives.
    pub(crate) fn datagram(&mut self, now: u64, path: Path, bytes: &[u8]) {
        self.now = now;
        if self.drain.is_some() {
            return self.refuse(Refusal::Draining);
        }
        let Some(listener) = self.setup.on_socket(path.socket.0).cloned() else {
            return self.refuse(Refusal::UnknownSocket);
        };
        match bytes {
            _ if bytes.len() < 8 => self.malformed("too_short"),
            [b'D', b'M', b'R', b'D', ..] if bytes.len() < 53 => self.malformed("too_short"),
            [b'D', b'M', b'R', b'D', ..] if [53, 55, 71].contains(&bytes.len()) => self.burst(&listener, path, bytes),
            [b'D', b'M', b'R', b'D', ..] => self.malformed("frame_length"),
            [b'D', b'M', b'R', b'A', ..] => self.alias(&listener, path, bytes),
            [b'R', b'P', b'T', b'L', id @ ..] => self.rptl(&listener, path, number(id)),
            [b'R', b'P', b'T', b'K', rest @ ..] => self.rptk(&listener, path, number(&rest[..4]), &rest[4..]),
            [b'R', b'P', b'T', b'P', b'I', b'N', b'G', id @ ..] => self.ping(&listener, path, number(id)),
            [b'R', b'P', b'T', b'C', b'L', id @ ..] if bytes.len() == 9 => self.rptcl(&listener, path, number(id)),
            [b'R', b'P', b'T', b'C', rest @ ..] => self.rptc(&listener, path, number(&rest[..4]), bytes),
            [b'R', b'P', b'T', b'O', rest @ ..] => self.rpto(&listener, path, number(&rest[..4]), &rest[4..]),
            _ => self.malformed("unknown_opcode"),
        }
    }

    fn malformed(&mut self, why: &'static str) {
        *self.refusals.entry(why).or_default() += 1;
    }

    fn find(&self, listener: &Listener, client: u32) -> Option<&Session> {
        self.sessions().find(|s| s.listener == listener.id && s.client == client)
    }

    /// The running session of a client, if it lives on that path.
    fn running_on(&self, listener: &Listener, path: Path, client: u32) -> Result<u64, Refusal> {
        let session = self.find(listener, client).ok_or(Refusal::NoSession)?;
        match session.running {
            _ if !same_endpoint(&session.path, &path) => Err(Refusal::OtherAddress),
            true => Ok(session.number),
            false => Err(Refusal::WrongState),
        }
    }

    fn alive(&mut self, session: u64) {
        let now = self.now;
        let session = self.s_mut(session);
        session.heard = now;
        session.closing = None;
    }

    fn is_live(&self, path: Path) -> bool {
        self.sessions().any(|s| s.running && s.path.remote == path.remote)
    }

    /// MSTCL, unless it would log out another session at that address: clients do not check the ID in it.
    fn farewell(&mut self, path: Path, client: u32) {
        if self.is_live(path) {
            self.made.withheld += 1;
            return self.refuse(Refusal::FromLiveAddress);
        }
        self.control(path, "MSTCL", client);
    }

    /// MSTNAK, unless a session runs at that address or too many were sent.
    fn nak(&mut self, path: Path, client: u32, why: Refusal) -> bool {
        self.refuse(why);
        if self.is_live(path) {
            self.refuse(Refusal::FromLiveAddress);
            return false;
        }
        let now = self.now;
        let source = self.strangers.naks.entry(path.remote.ip()).or_default();
        if !(source.take(5, 200, now) && self.strangers.all_naks.take(1_000, 1, now)) {
            self.refuse(Refusal::NakRate);
            return false;
        }
        self.control(path, "MSTNAK", client);
        true
    }

    fn refuse_login(&mut self, listener: &Listener, path: Path, client: u32, why: Refusal) {
        if self.nak(path, client, why) && self.strangers.events.take(200, 20, self.now) {
            let (listener, client, remote) = (ListenerId(listener.id), ClientId(client), path.remote);
            self.events.push(What::LoginRefused { listener, client, remote, why });
        }
    }

    fn would_admit(&self, listener: &Listener, client: u32) -> Result<(), Refusal> {
        if client != PROBE && !admits(listener.register, client, u32::MAX) {
            return Err(Refusal::RegisterAcl);
        }
        let there = self.sessions().filter(|s| s.listener == listener.id).count() as u32;
        let full = there >= listener.max_clients && self.find(listener, client).is_none();
        if client != PROBE && full { Err(Refusal::ListenerFull) } else { Ok(()) }
    }

    fn is_ignored(&self, path: Path, client: u32) -> bool {
        self.strangers.failures.get(&(client, path.remote.ip())).is_some_and(|f| self.now < f.ignored_until)
    }

    fn rptl(&mut self, listener: &Listener, path: Path, client: u32) {
        if self.last_calls {
            self.made.too_late += 1;
            return self.refuse(Refusal::Draining);
        }
        let (now, ip) = (self.now, path.remote.ip());
        if self.is_ignored(path, client) {
            return self.refuse(Refusal::FailedLogins);
        }
        let strangers = &mut self.strangers;
        let may = strangers.challenge_client.entry((client, ip)).or_default().take(3, 10_000, now)
            && strangers.challenge_source.entry(ip).or_default().take(10, 500, now);
        if !may {
            return self.refuse(Refusal::LoginRate);
        }
        if let Err(why) = self.would_admit(listener, client) {
            return self.refuse_login(listener, path, client, why);
        }
        self.sent.push(Sent::Challenge(path, client));
        if self.strangers.events.take(200, 20, now) {
            let (listener, client, remote) = (ListenerId(listener.id), ClientId(client), path.remote);
            self.events.push(What::LoginStarted { listener, client, remote });
        }
    }

    fn epoch(&self) -> u64 {
        (self.began + self.now) / 60_000
    }

    fn salt_key(path: Path, client: u32, epoch: u64) -> (u32, u16, String, u64) {
        (client, path.socket.0, format!("{:?} {}", path.local, path.remote), epoch)
    }

    /// The server gave this salt; false when it gave another one before in this minute.
    pub(crate) fn learn_salt(&mut self, path: Path, client: u32, salt: [u8; 4]) -> bool {
        *self.salts.entry(Self::salt_key(path, client, self.epoch())).or_insert(salt) == salt
    }

    fn is_right(&self, listener: &Listener, path: Path, client: u32, hash: &[u8]) -> bool {
        let passphrase = listener.passphrase_of(client).as_bytes();
        [self.epoch(), self.epoch() - 1].into_iter().any(|epoch| {
            let salt = self.salts.get(&Self::salt_key(path, client, epoch));
            salt.is_some_and(|salt| Sha256::digest([salt, passphrase].concat())[..] == *hash)
        })
    }

    fn rptk(&mut self, listener: &Listener, path: Path, client: u32, hash: &[u8]) {
        let (now, ip) = (self.now, path.remote.ip());
        if client == PROBE {
            return self.refuse_login(listener, path, client, Refusal::StatusProbe);
        }
        if self.find(listener, client).is_some_and(|s| same_endpoint(&s.path, &path) && s.accepted == *hash) {
            return self.control(path, "RPTACK", client);
        }
        if self.last_calls {
            self.made.too_late += 1;
            return self.refuse(Refusal::Draining);
        }
        if self.is_ignored(path, client) {
            return self.refuse(Refusal::FailedLogins);
        }
        let strangers = &mut self.strangers;
        let may = strangers.answer_client.entry((client, ip)).or_default().take(3, 10_000, now)
            && strangers.answer_source.entry(ip).or_default().take(10, 500, now);
        if !may {
            return self.refuse(Refusal::LoginRate);
        }
        if let Err(why) = self.would_admit(listener, client) {
            return self.refuse_login(listener, path, client, why);
        }
        let right = self.is_right(listener, path, client, hash);
        let failures = self.strangers.failures.entry((client, ip)).or_default();
        if !right {
            let count = if now >= failures.last + 600_000 { 1 } else { failures.count + 1 };
            *failures = match count {
                5 => Failures { count: 0, last: now, ignored_until: now + 30_000 },
                _ => Failures { count, last: now, ..*failures },
            };
            return self.refuse_login(listener, path, client, Refusal::NoChallenge);
        }
        *failures = Failures::default();
        let mut moved = None;
        if let Some(old) = self.find(listener, client).cloned() {
            if !same_endpoint(&old.path, &path) {
                if old.moved.is_some_and(|at| now < at + 10_000) {
                    return self.refuse_login(listener, path, client, Refusal::TakeoverTooSoon);
                }
                moved = Some(now);
            }
            self.end(old.number, SessionEnd::LoggedInAgain);
            if moved.is_none() {
                moved = old.moved;
                self.made.intervals_kept += u64::from(moved.is_some_and(|at| now < at + 10_000));
            } else {
                self.farewell(old.path, client);
                self.events.push(What::Moved { who: old.tag(), from: old.path.remote, to: path.remote });
            }
        }
        self.admit(listener, path, client, hash, moved);
    }

    fn admit(&mut self, listener: &Listener, path: Path, client: u32, hash: &[u8], moved: Option<u64>) {
        self.made.sessions += 1;
        let session = Session {
            number: self.made.sessions,
            listener: listener.id,
            client,
            path,
            running: false,
            accepted: hash.try_into().unwrap(),
            heard: self.now,
            closing: None,
            moved,
            rptc: None,
            rpto: None,
            asked: Vec::new(),
            key: None,
            wishes: Bucket::default(),
            settings: options::Settings::of(listener, client),
            hears: [true; 2],
            lines: Default::default(),
        };
        self.control(path, "RPTACK", client);
        self.events.push(What::Authenticated { who: session.tag(), remote: path.remote });
        self.sessions.push(session);
    }

    fn rptc(&mut self, listener: &Listener, path: Path, client: u32, bytes: &[u8]) {
        if bytes.len() < 98 {
            self.malformed("config_length");
            let waiting = self.find(listener, client).filter(|s| !s.running && same_endpoint(&s.path, &path));
            if let Some(number) = waiting.map(|s| s.number) {
                self.end(number, SessionEnd::Refused);
            }
            return self.refuse_login(listener, path, client, Refusal::BadConfig);
        }
        let Some(session) = self.find(listener, client).map(|s| s.number) else {
            self.nak(path, client, Refusal::NoSession);
            return;
        };
        if !same_endpoint(&self.s(session).path, &path) {
            self.nak(path, client, Refusal::OtherAddress);
            return;
        }
        self.alive(session);
        self.s_mut(session).path = path;
        if self.s(session).rptc.as_deref() != Some(bytes) {
            let now = self.now;
            if !self.s_mut(session).wishes.take(5, 1_000, now) {
                return self.refuse(Refusal::OptionsRate);
            }
            self.s_mut(session).rptc = Some(bytes.to_vec());
            self.connect(session, bytes);
        }
        self.control(path, "RPTACK", client);
    }

    fn connect(&mut self, session: u64, rptc: &[u8]) {
        let text = |from: usize, to: usize| &rptc[from..to];
        let (rx_hz, tx_hz) = (decimal(text(16, 25)), decimal(text(25, 34)));
        let slots = rptc[97];
        let record = self.s_mut(session);
        if !record.running {
            record.running = true;
            let (remote, number) = (record.path.remote, record.number);
            self.newest_at.insert(remote, number);
        }
        let record = self.s_mut(session);
        // The field of slots counts; only without one do equal frequencies mean a simplex hotspot (`wire.md` 1.4).
        let simplex = slots == b'4' || (!(b'1'..=b'3').contains(&slots) && rx_hz == tx_hz);
        record.hears = [!simplex, true];
        let (who, remote) = (record.tag(), record.path.remote);
        let callsign = padded(text(8, 16));
        let colour_code = decimal(text(36, 38)) as u8;
        self.events.push(What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code, slots });
        let (software, package) = (padded(text(222, 262)), padded(text(262, 302)));
        self.events.push(What::Software { who, software, package });
        let (location, description) = (padded(text(58, 78)), padded(text(78, 97)));
        self.events.push(What::Described { who, callsign, location, description });
        self.settle(session);
    }

    fn rpto(&mut self, listener: &Listener, path: Path, client: u32, text: &[u8]) {
        let session = match self.running_on(listener, path, client) {
            Ok(session) => session,
            Err(why) => {
                self.nak(path, client, why);
                return;
            }
        };
        self.alive(session);
        self.s_mut(session).path = path;
        let text = std::str::from_utf8(text).unwrap().trim_end_matches('\0');
        let blank = text.chars().all(|c| c == ' ' || c == ';');
        if self.s(session).rpto.as_deref() != Some(text.as_bytes()) && !blank {
            let now = self.now;
            if !self.s_mut(session).wishes.take(5, 1_000, now) {
                return self.refuse(Refusal::OptionsRate);
            }
            self.wish(session, text);
        }
        self.control(path, "RPTACK", client);
    }

    fn wish(&mut self, session: u64, text: &str) {
        let shown = options::key(text);
        let record = self.s_mut(session);
        let who = record.tag();
        if record.key.is_some() && record.key != shown {
            self.refuse(Refusal::OptionsKey);
            return self.events.push(What::OptionsRefused { who, why: Refusal::OptionsKey });
        }
        record.key = shown.or(record.key.take());
        record.rpto = Some(text.as_bytes().to_vec());
        record.asked.push(text.to_owned());
        let voided = record.settings.apply(text);
        let settings = &record.settings;
        let statics = [0, 1].map(|slot| settings.statics.iter().filter(|wish| wish.0 == slot).count() as u16);
        let (single, dial) = (settings.single, ConferenceTg(settings.dial.unwrap_or(0)));
        let ua_timer = ragchew_core::Span::millis(settings.ua);
        self.events.push(What::Options { who, statics, single, dial, ua_timer, voided });
        self.settle(session);
    }

    fn ping(&mut self, listener: &Listener, path: Path, client: u32) {
        match self.running_on(listener, path, client) {
            Ok(session) => {
                self.alive(session);
                self.s_mut(session).path = path;
                self.control(path, "MSTPONG", client);
            }
            Err(why) => {
                self.nak(path, client, why);
            }
        }
    }

    fn rptcl(&mut self, listener: &Listener, path: Path, client: u32) {
        let Some(session) = self.find(listener, client).map(|s| s.number) else {
            return self.refuse(Refusal::NoSession);
        };
        if !same_endpoint(&self.s(session).path, &path) {
            return self.refuse(Refusal::OtherAddress);
        }
        let at = self.now + 2_000;
        self.s_mut(session).closing.get_or_insert(at);
    }

    fn burst(&mut self, listener: &Listener, path: Path, bytes: &[u8]) {
        let frame = Frame::read(bytes);
        let session = match self.running_on(listener, path, frame.client) {
            Ok(session) => session,
            Err(why) => return self.refuse(why),
        };
        if frame.stream == 0 {
            return self.refuse(Refusal::NullStream);
        }
        if frame.source == 0 || frame.source > 16_776_415 {
            return self.refuse(Refusal::BadSource);
        }
        if frame.tg == 0 {
            return self.refuse(Refusal::BadDestination);
        }
        self.alive(session);
        let refusal = match frame.kind {
            Kind::Invalid => Some(Refusal::BadFrameType),
            Kind::Idle => Some(Refusal::IdleFrame),
            Kind::Data => Some(Refusal::DataCall),
            _ if frame.unit => Some(Refusal::UnitCall),
            _ => None,
        };
        match refusal {
            Some(why) => self.refuse_frame(session, &frame, why),
            None => self.speech(listener, session, &frame),
        }
    }

    /// DMRA: to those who hear the call of that radio, without the client's ID; at most 16 a call.
    fn alias(&mut self, listener: &Listener, path: Path, bytes: &[u8]) {
        let named = number(&bytes[4..8]);
        let newest = self.newest_at.get(&path.remote).copied();
        let by_address = newest
            .filter(|&n| self.session(n).is_some_and(|s| s.listener == listener.id && same_endpoint(&s.path, &path)));
        let Some(session) = self.running_on(listener, path, named).ok().or(by_address) else {
            return self.refuse(Refusal::AliasRefused);
        };
        self.alive(session);
        let client = self.s(session).client;
        let text = match bytes.len() {
            19 => &bytes[8..],
            _ if named == client => return self.refuse(Refusal::AliasRefused),
            _ => &bytes[4..],
        };
        if text[3] > 3 {
            return self.malformed("talker_alias_block");
        }
        let source = number(&text[..3]);
        let of_radio = |call: &&mut super::Call| call.source == source && call.aliases_left > 0;
        let mut calls: Vec<_> = self.calls.iter_mut().filter(|call| call.session == session).collect();
        calls.sort_by_key(|call| call.slot);
        let Some(call) = calls.into_iter().find(of_radio) else { return self.refuse(Refusal::AliasRefused) };
        call.aliases_left -= 1;
        let (number, route) = (call.number, call.route);
        if let Route::Conference(conference) = route {
            for leg in self.members_of(conference) {
                let record = self.s(leg.session);
                let line = &record.lines[leg.slot];
                let hears = line.feed == Some(super::Feed::Call(number));
                if hears && line.sent.is_some_and(|sent| sent.tg == leg.rf) {
                    self.sent.push(Sent::Control(record.path, [b"DMRA", text].concat()));
                }
            }
        }
    }

    /// A session's silence, or its announced end.
    pub(super) fn session_is_over(&mut self, session: u64) {
        let closing = self.s(session).closing.is_some();
        self.end(session, if closing { SessionEnd::Closed } else { SessionEnd::TimedOut });
    }

    /// Ends a session: its calls end, its legs go with it untold; the client hears of it where it cannot know.
    pub(super) fn end(&mut self, number: u64, cause: SessionEnd) {
        if self.s(number).running {
            self.leave(number);
        }
        let session = self.take_out(number);
        if matches!(cause, SessionEnd::TimedOut | SessionEnd::Removed | SessionEnd::Kicked) {
            self.farewell(session.path, session.client);
        }
        self.events.push(What::Disconnected { who: session.tag(), remote: session.path.remote, cause });
    }

    fn take_out(&mut self, number: u64) -> Session {
        let place = self.sessions.iter().position(|s| s.number == number).unwrap();
        let session = self.sessions.remove(place);
        if !self.is_live(session.path) {
            self.newest_at.remove(&session.path.remote);
        }
        session
    }

    /// A new configuration: who is no longer admitted goes; all that OPTIONS ever asked for stays on top of the rest.
    pub(crate) fn reload(&mut self, now: u64, setup: Setup) {
        self.now = now;
        if self.drain.is_some() {
            return;
        }
        self.setup = setup;
        let (mut kept, mut closed) = (0, 0);
        let sessions: Vec<u64> = self.sessions().map(|s| s.number).collect();
        for number in sessions {
            let session = self.s(number).clone();
            let listener = self.setup.listeners.iter().find(|l| l.id == session.listener);
            let listener = listener
                .filter(|l| l.socket == session.path.socket.0 && admits(l.register, session.client, u32::MAX))
                .cloned();
            let Some(listener) = listener else {
                self.end(number, SessionEnd::Removed);
                closed += 1;
                continue;
            };
            kept += 1;
            let mut settings = options::Settings::of(&listener, session.client);
            self.made.asked_again += u64::from(!session.asked.is_empty());
            for text in &session.asked {
                settings.apply(text);
            }
            self.s_mut(number).settings = settings;
            if session.running {
                self.settle(number);
            }
        }
        self.events.push(What::Reloaded { kept, closed });
    }
}
