//! Logins as a story: challenge, answer, configuration, options, keepalive, refusal and end, of one client at one server.
//! Owns what a reply answers; shows neither hashes nor passphrases, and places only when asked. Source: `wire.md` 1.2-1.6.

use super::entry::{Entry, Wire, clean, json_millis, millis};
use super::options;
use super::voice::degrees;
use super::{Detail, Lens};
use ragchew_core::dmr::{Flco, GpsInfo, LinkControl};
use ragchew_core::id::ClientId;
use ragchew_core::time::Wall;
use ragchew_core::wire::hbp::{
    ClientMessage, ConfigView, GpsMessage, GpsView, ServerMessage, Slots, TalkerAliasMessage, TalkerAliasView,
    login_hash,
};
use serde_json::{Value, json};

/// Which answer is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Due {
    #[default]
    Nothing,
    Challenge,
    Answer,
    Config,
    Options,
    Ping,
}

impl Due {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "something that is not in the capture",
            Self::Challenge => "the login",
            Self::Answer => "the answer",
            Self::Config => "the configuration",
            Self::Options => "the options",
            Self::Ping => "the ping",
        }
    }
}

/// Pings that follow each other, folded into one entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pings {
    /// Where the entry stands.
    pub(super) entry: usize,
    sent: u64,
    answered: u64,
    slowest: u64,
    last: Wall,
}

impl Pings {
    /// Pings and answers.
    pub(super) fn datagrams(&self) -> u64 {
        self.sent + self.answered
    }

    /// Completes the entry of these pings.
    pub(super) fn settle(self, entry: &mut Entry) {
        let all = match (self.sent, self.answered) {
            (1, 1) => "ping, answered".to_owned(),
            (1, 0) => "ping, not answered".to_owned(),
            (sent, answered) if sent == answered => format!("{sent} pings, all answered"),
            (sent, answered) => format!("{sent} pings, {answered} answered"),
        };
        let within = if self.answered > 0 { format!(" within {}", millis(self.slowest)) } else { String::new() };
        entry.headline = all + &within;
        entry.last = self.last;
        entry.times = self.sent;
        entry.fields.insert("answered".into(), self.answered.into());
        entry.fields.insert("slowest_ms".into(), json_millis(self.slowest));
    }
}

/// One client at one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    due: Due,
    salt: Option<[u8; 4]>,
    pub(super) pings: Option<Pings>,
}

/// What to do with an entry for a ping or its answer.
pub(super) enum Told {
    /// A new entry.
    Entry(Box<Entry>),
    /// The first of a run of pings: the place of its entry goes into [`Session::pings`].
    FirstPing(Box<Entry>),
    /// Folded into the entry that is there.
    Folded,
}

impl Session {
    /// A message of the client; frames are told elsewhere.
    pub(super) fn client(&mut self, at: Wall, wire: Wire, message: &ClientMessage<'_>, lens: &Lens) -> Told {
        let again = if self.due == Due::of(message) && self.due != Due::Ping { " again" } else { "" };
        self.due = match Due::of(message) {
            // A ping, or what has no answer, does not keep an answer from coming.
            Due::Nothing | Due::Ping if self.due != Due::Nothing => self.due,
            due => due,
        };
        let entry = |event, words: String| Entry::new(at, wire.clone(), event, words);
        let told = match message {
            ClientMessage::Login { .. } => entry("login", format!("asks to log in{again}")),
            ClientMessage::Answer { hash, .. } => {
                let verdict = self.verdict(hash, lens);
                entry("answer", format!("answers the challenge{again}: {verdict}")).with("passphrase", verdict)
            }
            ClientMessage::Config { config, .. } => configuration(entry("configuration", String::new()), config, lens),
            ClientMessage::Options { text, .. } => {
                let explained = options::explain(text);
                let mut told =
                    entry("options", format!("options: {}", explained.words)).with("options", explained.fields);
                told.flags.extend(explained.void.iter().map(|void| format!("void: {void}")));
                told
            }
            ClientMessage::Close { .. } => entry("client_closes", "closes the session".to_owned()),
            ClientMessage::Ping { .. } => return self.ping(at, wire, lens),
            other => rare(entry("rare", String::new()), other, lens),
        };
        Told::Entry(Box::new(told))
    }

    fn ping(&mut self, at: Wall, wire: Wire, lens: &Lens) -> Told {
        match &mut self.pings {
            Some(pings) => {
                pings.sent += 1;
                pings.last = at;
                match lens.detail {
                    Detail::Messages => Told::Entry(Box::new(Entry::new(at, wire, "ping", "ping"))),
                    Detail::Story | Detail::Calls => Told::Folded,
                }
            }
            None => {
                self.pings = Some(Pings { entry: usize::MAX, sent: 1, answered: 0, slowest: 0, last: at });
                Told::FirstPing(Box::new(Entry::new(at, wire, "ping", "ping")))
            }
        }
    }

    /// A message of the server.
    pub(super) fn server(&mut self, at: Wall, wire: Wire, message: &ServerMessage<'_>, lens: &Lens) -> Told {
        let due = match message {
            ServerMessage::Pong(_) if self.due != Due::Ping => self.due,
            ServerMessage::Beacon(_) | ServerMessage::Trunking(_) | ServerMessage::Frame(_) => self.due,
            _ => std::mem::take(&mut self.due),
        };
        let entry = |event, words: String| Entry::new(at, wire.clone(), event, words);
        Told::Entry(Box::new(match message {
            ServerMessage::Ack(salt) if due == Due::Challenge => {
                self.salt = *salt;
                entry("challenge", "challenge".to_owned())
            }
            ServerMessage::Ack(_) => {
                let words = match due {
                    Due::Answer => "answer accepted",
                    Due::Config => "configuration accepted: logged in",
                    Due::Options => "options accepted",
                    _ => "acknowledges something that is not in the capture",
                };
                entry("accepted", words.to_owned()).with("what", due.name())
            }
            ServerMessage::Nak(_) => entry("refused", format!("refuses {}", due.name())).with("what", due.name()),
            ServerMessage::Pong(_) => match &mut self.pings {
                Some(pings) if pings.answered < pings.sent => {
                    pings.answered += 1;
                    let after = at.0.saturating_sub(pings.last.0);
                    pings.slowest = pings.slowest.max(after);
                    if lens.detail != Detail::Messages {
                        return Told::Folded;
                    }
                    entry("pong", format!("answers the ping after {}", millis(after)))
                        .with("after_ms", json_millis(after))
                }
                _ => entry("pong", "answers a ping that is not in the capture".to_owned()),
            },
            ServerMessage::Close(_) => entry("server_closes", "ends the session".to_owned()),
            ServerMessage::Beacon(_) => entry("beacon", "asks for a beacon".to_owned()),
            ServerMessage::Trunking(_) => entry("trunking", "message of the trunking dialect".to_owned()),
            ServerMessage::Frame(_) => entry("burst", "burst".to_owned()),
        }))
    }

    /// Whether an answer is right, as far as one can tell.
    fn verdict(&self, hash: &[u8; 32], lens: &Lens) -> &'static str {
        match self.salt {
            _ if lens.passphrases.is_empty() => "not checked",
            None => "the challenge is not in the capture",
            // A recording of ours has asterisks in its place.
            Some(_) if *hash == [b'*'; 32] => "the answer is not in the recording",
            Some(salt) if lens.passphrases.iter().any(|p| login_hash(salt, p) == *hash) => "right passphrase",
            Some(_) => "wrong passphrase",
        }
    }
}

impl Due {
    fn of(message: &ClientMessage<'_>) -> Self {
        match message {
            ClientMessage::Login { .. } => Self::Challenge,
            ClientMessage::Answer { .. } => Self::Answer,
            ClientMessage::Config { .. } => Self::Config,
            ClientMessage::Options { .. } => Self::Options,
            ClientMessage::Ping { .. } => Self::Ping,
            _ => Self::Nothing,
        }
    }
}

/// RPTC in short; places only when asked.
fn configuration(mut entry: Entry, config: &ConfigView<'_>, lens: &Lens) -> Entry {
    let mhz = |hertz: Option<u32>| match hertz {
        Some(hertz) => format!("{}.{:06} MHz", hertz / 1_000_000, hertz % 1_000_000),
        None => "?".to_owned(),
    };
    let (callsign, software) = (clean(config.callsign()), clean(config.software()));
    let package = clean(config.package());
    let slots = slots_words(config.slots());
    entry.headline = format!(
        "configuration: {callsign}, receives {}, transmits {}, {slots}, colour code {}, software {software}, package {package}",
        mhz(config.rx_frequency()),
        mhz(config.tx_frequency()),
        config.colour_code().map_or_else(|| "?".to_owned(), |code| code.to_string()),
    );
    let simplex = config.is_simplex() && config.slots() != Some(Slots::Simplex);
    let mut entry = entry
        .with("callsign", callsign)
        .with("rx_hz", config.rx_frequency())
        .with("tx_hz", config.tx_frequency())
        .with("slots", slots)
        .with("colour_code", config.colour_code())
        .with("software", software)
        .with("package", package)
        .flagged(simplex.then_some("simplex by its frequencies: hears slot 2 only"));
    if lens.positions {
        let (location, height) = (clean(config.location()), config.height());
        let place = config.latitude().zip(config.longitude());
        let words =
            place.map_or_else(|| "no coordinates".to_owned(), |(latitude, longitude)| degrees(latitude, longitude));
        entry.details.push(format!(
            "location: {}, {words}, height {} m",
            if location.is_empty() { "not named" } else { &location },
            height.unwrap_or(0)
        ));
        entry = entry.with("location", location).with("height_m", height).with("position", position(place));
    }
    entry
}

pub(super) fn slots_words(slots: Option<Slots>) -> &'static str {
    match slots {
        Some(Slots::One) => "slot 1",
        Some(Slots::Two) => "slot 2",
        Some(Slots::Both) => "both slots",
        Some(Slots::Simplex) => "simplex",
        Some(Slots::Unspecified) | None => "slots not said",
    }
}

/// Micro-degrees as degrees for JSON.
fn position(place: Option<(i32, i32)>) -> Value {
    place.map_or(Value::Null, |(latitude, longitude)| {
        json!([f64::from(latitude) / 1_000_000.0, f64::from(longitude) / 1_000_000.0])
    })
}

/// The messages that hardly anybody sends.
fn rare(mut entry: Entry, message: &ClientMessage<'_>, lens: &Lens) -> Entry {
    // Whether the ID stands in the message is told by comparing it with the client's.
    let client = ClientId(entry.wire.who.parse().unwrap_or_default());
    let (event, words) = match message {
        ClientMessage::TalkerAlias(view) => ("talker_alias", alias_words(view, client)),
        ClientMessage::Gps(view) => ("gps", gps_words(view, client, lens)),
        ClientMessage::Position(view) => {
            let place = view.latitude().zip(view.longitude()).filter(|_| lens.positions);
            if place.is_some() {
                entry = entry.with("position", position(place));
            }
            let words = place.map_or_else(|| "--positions shows it".to_owned(), |(lat, long)| degrees(lat, long));
            ("position", format!("position of a mobile station (RPTG): {words}"))
        }
        ClientMessage::Rssi(rssi) => {
            let level = clean(rssi.level);
            ("rssi", format!("signal on slot {}: {level} dBm (RPTRSSI)", rssi.slot))
        }
        ClientMessage::Interrupt(wish) => ("interrupt", format!("stop the call on slot {} (RPTINTR)", wish.slot)),
        ClientMessage::Trunking(_) => ("trunking", "message of the trunking dialect".to_owned()),
        ClientMessage::Proxy(_) => ("proxy", "message of the FreeDMR proxy".to_owned()),
        _ => ("rare", "message".to_owned()),
    };
    entry.event = event;
    entry.headline = words;
    entry
}

fn alias_words(view: &TalkerAliasView<'_>, client: ClientId) -> String {
    match TalkerAliasMessage::classify(view.bytes(), client) {
        Ok(
            TalkerAliasMessage::Bare { source, block, .. }
            | TalkerAliasMessage::WithClient { source, block, .. }
            | TalkerAliasMessage::Truncated { source, block, .. },
        ) => format!("talker alias of {source}, block {block} (DMRA)"),
        Err(why) => format!("talker alias (DMRA), {why}"),
    }
}

fn gps_words(view: &GpsView<'_>, client: ClientId, lens: &Lens) -> String {
    match GpsMessage::classify(view.bytes(), client) {
        Ok(GpsMessage::Bare { source, position } | GpsMessage::WithClient { source, position, .. }) => {
            let lc = LinkControl::from_payload(Flco::GpsInfo, position);
            let place = GpsInfo::from_lc(lc).filter(|_| lens.positions);
            let words = place.map_or_else(
                || "--positions shows it".to_owned(),
                |at| degrees(at.latitude_microdegrees(), at.longitude_microdegrees()),
            );
            format!("position of {source} (DMRG): {words}")
        }
        Ok(GpsMessage::Truncated { source, .. }) => format!("position of {source} (DMRG), cut short"),
        Err(why) => format!("position (DMRG), {why}"),
    }
}
