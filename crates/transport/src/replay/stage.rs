//! Where a replay happens: a core, the parties around it and the clock of the capture. Owns the order of inputs; compares
//! nothing. Source: design §2.

use super::scene::{Course, Line, Scene};
use super::{FarEnd, Login, Party, SOCKET, Sent, Setup, Timed, statics, with_client};
use crate::limits::AFTERMATH;
use ragchew_core::config::{ClientOverride, Passphrase};
use ragchew_core::id::ClientId;
use ragchew_core::net::{LocalIp, Path};
use ragchew_core::refusal::Refusals;
use ragchew_core::report::{SessionEnd, What};
use ragchew_core::time::{Mono, Now, Span, Wall};
use ragchew_core::wire::hbp::client::{ANSWER, LOGIN, PING};
use ragchew_core::wire::hbp::server::PONG;
use ragchew_core::wire::hbp::{DmrdView, config, login_hash};
use ragchew_core::{Config, Core, Effects, Input, ScriptedSalt, Seed};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The core's clock at the first datagram: what lies before is room for the far end's login.
const START: Span = Span::secs(3_600);
/// How long before the first datagram the far end logs in, and how long it waits between the steps.
const EARLY: Span = Span::secs(1);
const STEP: Span = Span::millis(10);
/// Time between pings of the far end (`wire.md` 1.6).
const PING_INTERVAL: Span = Span::secs(10);
const FAR_END_SALT: [u8; 4] = *b"salt";
const FAR_END_PASSPHRASE: &[u8] = b"far end";

pub(super) struct Stage<'s, 'c> {
    scene: &'s Scene<'c>,
    core: Core,
    effects: Effects,
    local: LocalIp,
    /// The clients of the scene, then the far end.
    parties: Vec<Party>,
    by_address: BTreeMap<SocketAddr, usize>,
    elsewhere: Vec<(SocketAddr, Sent)>,
    far_end: FarEnd,
    now: Now,
    next_ping: Mono,
    counted: Refusals,
}

impl<'s, 'c> Stage<'s, 'c> {
    pub(super) fn new(scene: &'s Scene<'c>, setup: &Setup) -> Self {
        let first_wall = scene.lines.first().map_or(Wall(0), |line| line.at.wall);
        let begin = Mono(START.0 - EARLY.0);
        let now = Now { mono: begin, wall: Wall(first_wall.0.saturating_sub(EARLY.0)) };
        let far_end = setup.far_end;
        let mut parties: Vec<_> = scene.clients.iter().map(|client| Party::new(client.id, client.address)).collect();
        parties.push(Party::new(Some(far_end.client), far_end.address));
        let by_address = parties.iter().enumerate().map(|(n, party)| (party.address, n)).collect();
        Self {
            scene,
            core: Core::new(config(setup, scene), seed(scene, &far_end, begin), now),
            effects: Effects::with_capacity(64),
            local: local(scene.server.ip()),
            parties,
            by_address,
            elsewhere: Vec::new(),
            far_end,
            now,
            next_ping: begin + PING_INTERVAL,
            counted: Refusals::default(),
        }
    }

    /// Everything in its order, and the aftermath.
    pub(super) fn play(&mut self) {
        self.far_end_logs_in();
        let scene = self.scene;
        for (index, line) in scene.lines.iter().enumerate() {
            self.run_to(moment(line.at));
            match line.course {
                Course::Up { .. } => self.say(line.client, line.bytes, Some(index)),
                Course::FarEnd => self.far_end_speaks(line),
                Course::Down => {}
            }
        }
        let last = self.now;
        self.run_to(Now { mono: last.mono + AFTERMATH, wall: last.wall + AFTERMATH });
    }

    /// The clients, the far end, and what went to anybody else.
    pub(super) fn into_parts(mut self) -> (Vec<Party>, Party, Vec<(SocketAddr, Sent)>) {
        let far_end = self.parties.pop().unwrap_or_else(|| Party::new(None, self.far_end.address));
        (self.parties, far_end, self.elsewhere)
    }

    fn far_end_index(&self) -> usize {
        self.scene.clients.len()
    }

    fn far_end_logs_in(&mut self) {
        let far_end = self.far_end_index();
        let id = self.far_end.client.to_bytes();
        self.say(far_end, &[LOGIN.as_slice(), &id].concat(), None);
        let sent = self.parties.get(far_end).and_then(|party| party.sent.last());
        let salt = sent.and_then(|sent| sent.bytes.get(6..)?.first_chunk().copied());
        let Some(salt) = salt else { return };
        self.advance(STEP);
        let hash = login_hash(salt, FAR_END_PASSPHRASE);
        self.say(far_end, &[ANSWER.as_slice(), &id, &hash].concat(), None);
        self.advance(STEP);
        self.say(far_end, &far_end_config(self.far_end.client), None);
    }

    fn far_end_speaks(&mut self, line: &Line<'_>) {
        if let Ok(frame) = DmrdView::parse(line.bytes) {
            self.say(self.far_end_index(), &with_client(&frame, self.far_end.client), None);
        }
    }

    fn advance(&mut self, span: Span) {
        self.run_to(Now { mono: self.now.mono + span, wall: self.now.wall + span });
    }

    /// Works off what is due until `to`, and the far end's pings.
    fn run_to(&mut self, to: Now) {
        let from = self.now;
        let passed = |at: Mono| Now { mono: at, wall: from.wall + at.since(from.mono) };
        loop {
            let due = self.core.next_deadline().filter(|&due| due <= to.mono);
            let ping = Some(self.next_ping).filter(|&ping| ping <= to.mono);
            match (due, ping) {
                (Some(due), ping) if ping.is_none_or(|ping| due <= ping) => {
                    self.now = passed(due.max(self.now.mono));
                    self.core.handle(self.now, Input::Deadline, &mut self.effects);
                    self.collect(None, None);
                }
                (_, Some(ping)) => {
                    self.now = passed(ping.max(self.now.mono));
                    self.next_ping = ping + PING_INTERVAL;
                    let bytes = [PING.as_slice(), &self.far_end.client.to_bytes()].concat();
                    self.say(self.far_end_index(), &bytes, None);
                }
                _ => break,
            }
        }
        self.now = to;
    }

    /// One party says something; `line` is the line of the capture that it is.
    fn say(&mut self, party: usize, bytes: &[u8], line: Option<usize>) {
        let Some(speaker) = self.parties.get_mut(party) else { return };
        if let Ok(frame) = DmrdView::parse(bytes) {
            *speaker.said.entry(frame.stream()).or_insert(0) += 1;
        }
        let path = Path { socket: SOCKET, local: self.local, remote: speaker.address };
        self.core.handle(self.now, Input::Datagram { path, bytes }, &mut self.effects);
        self.collect(Some(party), line);
    }

    /// Takes what the core wants done to those whom it concerns.
    fn collect(&mut self, cause: Option<usize>, line: Option<usize>) {
        let at_ms = self.at_ms();
        for transmit in self.effects.transmits() {
            let mut buffer = [0; ragchew_core::effects::FRAME_LEN];
            let length = self.effects.render(transmit, &mut buffer);
            let bytes = buffer.get(..length).unwrap_or(&[]).to_vec();
            let to = self.by_address.get(&transmit.path.remote).copied();
            if to == Some(self.far_end_index()) && bytes.starts_with(PONG) {
                // The far end pings only to stay: of a long capture nothing else would be left to read.
                continue;
            }
            let answers = line.filter(|_| to == cause && DmrdView::parse(&bytes).is_err());
            let sent = Sent { at_ms, bytes, answers };
            match to.and_then(|to| self.parties.get_mut(to)) {
                Some(party) => party.sent.push(sent),
                None => self.elsewhere.push((transmit.path.remote, sent)),
            }
        }
        self.note_logins(at_ms);
        if let Some(party) = cause.and_then(|cause| self.parties.get_mut(cause)) {
            let before: BTreeMap<_, _> = self.counted.occurred().collect();
            for (name, times) in self.core.refusals().occurred() {
                let new = times - before.get(name).copied().unwrap_or(0);
                if new > 0 {
                    *party.refused.entry(name).or_insert(0) += new;
                }
            }
        }
        self.counted = self.core.refusals().clone();
        self.effects.clear();
    }

    fn note_logins(&mut self, at_ms: i64) {
        for event in self.effects.events() {
            let (remote, step) = match event.what {
                What::LoginStarted { remote, .. } => (remote, Login::Challenged),
                What::Authenticated { remote, .. } => (remote, Login::Authenticated),
                What::Connected { remote, callsign, .. } => (remote, Login::Running(printable(callsign.as_bytes()))),
                What::LoginRefused { remote, why, .. } => (remote, Login::Refused(why)),
                What::Disconnected { remote, cause, .. } => (remote, Login::Ended(name_of(cause))),
                _ => continue,
            };
            let Some(party) = self.by_address.get(&remote).and_then(|&party| self.parties.get_mut(party)) else {
                continue;
            };
            match step {
                Login::Running(_) => party.running = true,
                Login::Ended(_) => party.running = false,
                _ => {}
            }
            party.logins.push((at_ms, step));
        }
    }

    fn at_ms(&self) -> i64 {
        (self.now.mono.0 / 1_000_000) as i64 - START.as_millis() as i64
    }
}

fn moment(at: Timed) -> Now {
    Now { mono: Mono(START.0) + at.since, wall: at.wall }
}

/// The configuration with its first listener on the one socket, and with the far end in it.
fn config(setup: &Setup, scene: &Scene<'_>) -> Config {
    let mut config = setup.config.clone();
    config.listeners.truncate(1);
    for listener in &mut config.listeners {
        listener.sockets = vec![SOCKET];
        let [ts1, ts2] = statics(&scene.talkgroups);
        let far_end = ClientOverride {
            client: setup.far_end.client,
            passphrase: Some(Passphrase::new(FAR_END_PASSPHRASE)),
            statics: [Some(ts1), Some(ts2)],
            single: Some(false),
            dial: Some(None),
            ..ClientOverride::default()
        };
        match listener.clients.binary_search_by_key(&far_end.client, |client| client.client) {
            Ok(place) => listener.clients.splice(place..=place, [far_end]).for_each(drop),
            Err(place) => listener.clients.insert(place, far_end),
        }
    }
    config
}

/// The challenges of the capture, each from the moment at which it was asked for.
fn seed(scene: &Scene<'_>, far_end: &FarEnd, begin: Mono) -> Seed {
    let own = ScriptedSalt { at: begin, client: far_end.client, remote: far_end.address, salt: FAR_END_SALT };
    let recorded = scene.challenges().filter_map(|(line, client, salt)| {
        let remote = scene.clients.get(line.client)?.address;
        Some(ScriptedSalt { at: moment(line.at).mono, client, remote, salt })
    });
    Seed::ScriptedSalts(std::iter::once(own).chain(recorded).collect())
}

fn local(address: IpAddr) -> LocalIp {
    match address {
        IpAddr::V4(address) => LocalIp::V4(address.octets()),
        IpAddr::V6(address) => LocalIp::V6 { address: address.octets(), interface: 0 },
    }
}

/// An RPTC that says as little as possible: a callsign, and that both slots are heard.
fn far_end_config(client: ClientId) -> [u8; config::LENGTH] {
    let mut bytes = [b' '; config::LENGTH];
    bytes[..4].copy_from_slice(config::OPCODE);
    bytes[config::CLIENT].copy_from_slice(&client.to_bytes());
    bytes[config::CALLSIGN].copy_from_slice(b"FAR END ");
    bytes[config::SLOTS].copy_from_slice(b"3");
    bytes
}

fn printable(callsign: &[u8]) -> String {
    let text: String = callsign
        .iter()
        .map(|&c| if c.is_ascii_alphanumeric() || b" -/".contains(&c) { c as char } else { '?' })
        .collect();
    text.trim_end_matches(['?', ' ']).to_owned()
}

fn name_of(cause: SessionEnd) -> &'static str {
    match cause {
        SessionEnd::Closed => "closed",
        SessionEnd::TimedOut => "timed out",
        SessionEnd::LoggedInAgain => "logged in again",
        SessionEnd::Refused => "refused",
        SessionEnd::Removed => "removed",
        SessionEnd::Kicked => "kicked",
        SessionEnd::Drained => "drained",
    }
}
