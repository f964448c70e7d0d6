//! A simulated hotspot: logs in as the real ones do, pings, and speaks with correctly coded bursts. Owns one socket; never
//! waits. Source: `wire.md` 1.2, 1.3, 1.7, 5.

use super::script::{KeyUp, PEOPLE, Person, radio};
use ragchew_core::dmr::{
    AliasFormat, Burst, ColourCode, FullLcCoding, LinkControl, burst::SILENCE, header_burst, talker_alias,
    terminator_burst, voice_burst,
};
use ragchew_core::id::{ClientId, RadioId, RfTg, Slot, StreamId};
use ragchew_core::limits::FRAME_INTERVAL;
use ragchew_core::time::{Mono, Span};
use ragchew_core::wire::MAX_DATAGRAM;
use ragchew_core::wire::hbp::{
    BurstIndex, ClientMessage, ConfigView, Dmrd, FrameKind, RepeaterConfig, ServerMessage, Slots, Text, login_hash,
};
use std::io;
use std::net::{SocketAddr, UdpSocket};

const PING_INTERVAL: Span = Span::secs(5);
const RETRY_AFTER: Span = Span::secs(2);

/// How far the login is; answers look alike, only this tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Challenge,
    Authorisation,
    Config,
    Options,
    Running,
}

/// A call that is being spoken.
#[derive(Clone, Debug)]
struct Speech {
    key_up: KeyUp,
    stream: StreamId,
    began: Mono,
    /// Bursts said so far, the header included.
    said: u32,
    plain: FullLcCoding,
    alias: [LinkControl; 4],
}

/// One simulated hotspot with its user.
pub(super) struct Hotspot {
    socket: UdpSocket,
    person: Person,
    client: ClientId,
    radio: RadioId,
    passphrase: Vec<u8>,
    state: State,
    next_at: Mono,
    speech: Option<Speech>,
    streams: u32,
}

impl Hotspot {
    /// Number `n` of the people, who will log in to `server`.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub(super) fn new(n: usize, server: SocketAddr, passphrase: &[u8], now: Mono) -> io::Result<Self> {
        let socket = UdpSocket::bind((server.ip(), 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let person = PEOPLE[n % PEOPLE.len()];
        Ok(Self {
            socket,
            person,
            client: ClientId(radio(n).0),
            radio: radio(n),
            passphrase: passphrase.to_vec(),
            state: State::Challenge,
            // One after the other: what limits logins of one address limits the demonstration too.
            next_at: now + Span::millis(150 * n as u64),
            speech: None,
            streams: n as u32 * 0x0101_0000,
        })
    }

    /// Whether the user speaks.
    pub(super) fn is_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// The user presses the button.
    pub(super) fn key_up(&mut self, key_up: KeyUp, now: Mono) {
        if self.state != State::Running || self.is_speaking() {
            return;
        }
        self.streams += 1;
        let plain = FullLcCoding::new(LinkControl::group(RfTg(key_up.tg), self.radio));
        let alias = talker_alias::encode(&format!("{} {}", self.person.callsign, self.person.name), AliasFormat::Utf8);
        self.speech = Some(Speech { key_up, stream: StreamId(self.streams), began: now, said: 0, plain, alias });
    }

    /// Does what is due: takes answers, repeats what was not answered, pings, speaks.
    pub(super) fn step(&mut self, now: Mono) {
        let mut buffer = [0; MAX_DATAGRAM];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            match ServerMessage::parse(buffer.get(..length).unwrap_or(&[])) {
                Ok(ServerMessage::Ack(octets)) => self.acknowledged(octets, now),
                Ok(ServerMessage::Nak(_) | ServerMessage::Close(_)) => {
                    (self.state, self.next_at, self.speech) = (State::Challenge, now + RETRY_AFTER, None);
                }
                _ => {}
            }
        }
        if now >= self.next_at {
            self.repeat(now);
        }
        self.speak(now);
    }

    /// Logs out.
    pub(super) fn close(&self) {
        self.send(&ClientMessage::Close { client: self.client });
    }

    fn acknowledged(&mut self, octets: Option<[u8; 4]>, now: Mono) {
        match self.state {
            State::Challenge => {
                let hash = login_hash(octets.unwrap_or_default(), &self.passphrase);
                self.send(&ClientMessage::Answer { client: self.client, hash: &hash });
                self.state = State::Authorisation;
            }
            State::Authorisation => {
                self.describe();
                self.state = State::Config;
            }
            State::Config => {
                self.send(&ClientMessage::Options { client: self.client, text: self.person.options.as_bytes() });
                self.state = State::Options;
            }
            State::Options => self.state = State::Running,
            State::Running => return,
        }
        self.next_at = now + if self.state == State::Running { PING_INTERVAL } else { RETRY_AFTER };
    }

    fn repeat(&mut self, now: Mono) {
        if self.state == State::Running {
            self.send(&ClientMessage::Ping { client: self.client });
            self.next_at = now + PING_INTERVAL;
        } else {
            self.state = State::Challenge;
            self.send(&ClientMessage::Login { client: self.client });
            self.next_at = now + RETRY_AFTER;
        }
    }

    fn describe(&self) {
        let config = RepeaterConfig {
            client: self.client,
            callsign: Text::new(self.person.callsign.as_bytes()),
            rx_frequency: Some(438_800_000),
            tx_frequency: Some(431_200_000),
            power: Some(1),
            colour_code: Some(1),
            latitude: None,
            longitude: None,
            height: None,
            location: Text::new(b"Demo"),
            description: Text::new(self.person.name.as_bytes()),
            slots: Some(Slots::Both),
            url: Text::default(),
            software: Text::new(b"ragchew demo"),
            package: Text::new(b"simulated hotspot"),
        };
        let bytes = config.emit();
        if let Ok(config) = ConfigView::parse(&bytes) {
            self.send(&ClientMessage::Config { client: self.client, config });
        }
    }

    /// Says the bursts that are due, on an absolute schedule.
    fn speak(&mut self, now: Mono) {
        while let Some(speech) = self.speech.as_mut() {
            let due = speech.began + Span(FRAME_INTERVAL.0 * u64::from(speech.said));
            if due > now || self.state != State::Running {
                return;
            }
            let (kind, burst) = speech.burst();
            let frame = Dmrd {
                seq: speech.said as u8,
                source: self.radio,
                destination: speech.key_up.tg,
                client: self.client,
                slot: Slot::Two,
                unit: false,
                kind,
                stream: speech.stream,
                burst: *burst.as_bytes(),
                ber: 0,
                rssi: 67,
            };
            speech.said += 1;
            // What the system does not take is lost, as on the air.
            let _ = self.socket.send(&frame.emit());
            if kind == FrameKind::Terminator {
                self.speech = None;
            }
        }
    }

    fn send(&self, message: &ClientMessage<'_>) {
        let mut buffer = [0; MAX_DATAGRAM];
        let _ = self.socket.send(message.emit(&mut buffer));
    }
}

impl Speech {
    /// The next burst: a header, superframes that carry the talkgroup and the speaker's alias in turn, a terminator.
    fn burst(&self) -> (FrameKind, Burst) {
        let Some(voice) = self.said.checked_sub(1) else {
            return (FrameKind::VoiceHeader, header_burst(self.plain.lc(), ColourCode::ONE));
        };
        let (superframe, index) = (voice / 6, (voice % 6) as usize);
        if superframe >= self.key_up.superframes {
            return (FrameKind::Terminator, terminator_burst(self.plain.lc(), ColourCode::ONE));
        }
        let block = self.alias[(superframe / 2 % 4) as usize];
        let coding = if superframe % 2 == 0 { self.plain } else { FullLcCoding::new(block) };
        let burst = voice_burst(&[SILENCE; 3], index as u8, &coding, ColourCode::ONE);
        (FrameKind::Voice(BurstIndex::ALL[index]), burst)
    }
}
