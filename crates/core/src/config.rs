//! The checked configuration that the core works from: plain data, made by whoever read the file. Owns defaults and the
//! rules of single values; never reads a file. Source: design §6, `behaviour.md` 0.5 and 8.

use crate::access::acl::Acl;
use crate::id::{ClientId, ConferenceTg, ListenerId, RfTg, ServerId, Slot};
use crate::limits::{MAX_MAPS, MAX_STATIC};
use crate::net::SocketId;
use crate::time::Span;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Everything that the core needs to know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// Who we are.
    pub server: Server,
    /// Where clients log in.
    pub listeners: Vec<Listener>,
    /// Choices of `behaviour.md` 0.5.
    pub policy: Policy,
}

/// Who we are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Server {
    /// Needed for links only.
    pub id: Option<ServerId>,
    /// Shown to people.
    pub name: Box<str>,
}

/// A secret of the access side. Its bytes never appear in output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Passphrase {
    bytes: Box<[u8]>,
    /// The bytes are a name that stands for a passphrase.
    label: bool,
}

impl Passphrase {
    /// From the bytes of the configuration, as they are.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self { bytes: bytes.into(), label: false }
    }
    /// What stands for a passphrase where that must not be. No answer to a challenge is right for it.
    pub fn label(name: &str) -> Self {
        Self { bytes: name.as_bytes().into(), label: true }
    }
    /// For hashing only.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
    /// Whether it only stands for a passphrase.
    pub fn is_label(&self) -> bool {
        self.label
    }
}

/// Only a label is ever written; a passphrase that was not replaced by one is left out.
impl Serialize for Passphrase {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let label = if self.label { core::str::from_utf8(&self.bytes).unwrap_or("") } else { "" };
        serializer.serialize_str(label)
    }
}

/// What is read is a label.
impl<'de> Deserialize<'de> for Passphrase {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Box<str>>::deserialize(deserializer).map(|name| Self::label(&name))
    }
}

impl Config {
    /// The same with a label in place of each passphrase: `listener:NAME`, and `client:ID` for a client that has one of
    /// its own.
    pub fn labelled(&self) -> Self {
        let mut labelled = self.clone();
        for listener in &mut labelled.listeners {
            listener.passphrase = Passphrase::label(&format!("listener:{}", listener.name));
            for client in &mut listener.clients {
                client.passphrase =
                    client.passphrase.as_ref().map(|_| Passphrase::label(&format!("client:{}", client.client)));
            }
        }
        labelled
    }

    /// Puts the passphrases of `secrets` in the place of their labels: those of listeners of the same name, and of the
    /// same clients on them.
    pub fn unlabel(&mut self, secrets: &Self) {
        for listener in &mut self.listeners {
            let Some(from) = secrets.listeners.iter().find(|from| from.name == listener.name) else { continue };
            if listener.passphrase.is_label() {
                listener.passphrase = from.passphrase.clone();
            }
            for client in &mut listener.clients {
                let own = from.client(client.client).and_then(|from| from.passphrase.clone());
                if client.passphrase.as_ref().is_some_and(Passphrase::is_label) && own.is_some() {
                    client.passphrase = own;
                }
            }
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl Config {
    /// Whether no client begins with more static talkgroups or maps than one may have. What the configuration file says is
    /// checked when it is read; this is for what comes out of a snapshot.
    pub(crate) fn is_within_limits(&self) -> bool {
        let short = |list: &Vec<RfTg>| list.len() <= MAX_STATIC;
        self.listeners.iter().all(|listener| {
            let own = listener.clients.iter().flat_map(|client| client.statics.iter().flatten());
            let mapped = listener.clients.iter().all(|client| client.map.len() <= MAX_MAPS);
            mapped && listener.defaults.statics.iter().chain(own).all(short)
        })
    }
}

/// A service endpoint that carries many clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// Stable across reloads as long as the name is.
    pub id: ListenerId,
    /// Its name in the configuration.
    pub name: Box<str>,
    /// The sockets that serve it.
    pub sockets: Vec<SocketId>,
    /// For every client that has none of its own.
    pub passphrase: Passphrase,
    /// Sessions at once.
    pub max_clients: u32,
    /// Who may log in, speak, and where.
    pub acl: ListenerAcl,
    /// What a session begins with.
    pub defaults: Defaults,
    /// What differs for single clients; sorted by ID.
    pub clients: Vec<ClientOverride>,
}

impl Listener {
    /// What differs for `client`.
    pub fn client(&self, client: ClientId) -> Option<&ClientOverride> {
        let at = self.clients.binary_search_by_key(&client, |c| c.client).ok()?;
        self.clients.get(at)
    }

    /// The passphrase that `client` must know.
    pub fn passphrase_of(&self, client: ClientId) -> &Passphrase {
        self.client(client).and_then(|c| c.passphrase.as_ref()).unwrap_or(&self.passphrase)
    }
}

/// Access lists of a listener (`behaviour.md` 6).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerAcl {
    /// Whether the lists for speakers and talkgroups count; the one for logins always does.
    pub enabled: bool,
    /// Client IDs that may log in.
    pub register: Acl,
    /// Radio IDs that may speak.
    pub subscriber: Acl,
    /// Destinations on slot 1 and slot 2.
    pub talkgroups: [Acl; 2],
}

impl Default for ListenerAcl {
    fn default() -> Self {
        Self {
            enabled: true,
            register: Acl::permit_all_clients(),
            subscriber: Acl::default_subscriber(),
            talkgroups: [Acl::permit_all_ids(), Acl::permit_all_ids()],
        }
    }
}

/// How long a user-activated talkgroup lives after the last transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UaTimer(pub Span);

impl UaTimer {
    /// What `TIMER=0` means: practically for ever.
    pub const INFINITE_MINUTES: u64 = 35_791_394;
    /// From minutes; 0 means practically for ever.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self(Span::minutes(if minutes == 0 { Self::INFINITE_MINUTES } else { minutes }))
    }
}

/// Languages of announcements, by their usual names (`behaviour.md` 7.1).
pub const LANGUAGES: [&str; 15] = [
    "en_GB", "en_US", "es_ES", "fr_FR", "de_DE", "dk_DK", "it_IT", "no_NO", "pl_PL", "se_SE", "pt_PT", "cy_GB",
    "el_GR", "th_TH", "CW",
];

/// A language of announcements: an index into [`LANGUAGES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language(u8);

impl Language {
    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        LANGUAGES.iter().position(|known| *known == name).map(|at| Self(at as u8))
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        LANGUAGES.get(usize::from(self.0)).copied().unwrap_or("en_GB")
    }
}

/// What a session of a listener begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Defaults {
    /// Static talkgroups of slot 1 and slot 2; at most [`crate::limits::MAX_STATIC`] each.
    pub statics: [Vec<RfTg>; 2],
    /// Default reflector.
    pub dial: Option<ConferenceTg>,
    /// Single mode: keying a talkgroup drops the others of that slot.
    pub single: bool,
    /// Life of a user-activated talkgroup.
    pub ua_timer: UaTimer,
    /// After a call only its talkgroup may follow on that slot for this long.
    pub hang_time: Span,
    /// Language of announcements.
    pub language: Language,
    /// Spoken identification.
    pub ident: bool,
    /// Talkgroup of it; none: all call.
    pub ident_tg: Option<RfTg>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            statics: [Vec::new(), Vec::new()],
            dial: None,
            single: false,
            ua_timer: UaTimer::from_minutes(10),
            hang_time: Span::secs(5),
            language: Language::default(),
            ident: false,
            ident_tg: None,
        }
    }
}

/// A talkgroup that a client sees under another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TgMap {
    /// On this slot,
    pub slot: Slot,
    /// this number on RF
    pub rf_tg: RfTg,
    /// is this conference.
    pub conference: ConferenceTg,
}

/// What differs for one client ID; what is `None` comes from the listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientOverride {
    /// The client.
    pub client: ClientId,
    /// Its own passphrase.
    pub passphrase: Option<Passphrase>,
    /// Static talkgroups of slot 1 and slot 2.
    pub statics: [Option<Vec<RfTg>>; 2],
    /// Default reflector; `Some(None)` is "none".
    pub dial: Option<Option<ConferenceTg>>,
    /// Single mode.
    pub single: Option<bool>,
    /// Life of a user-activated talkgroup.
    pub ua_timer: Option<UaTimer>,
    /// Hang time.
    pub hang_time: Option<Span>,
    /// Language of announcements.
    pub language: Option<Language>,
    /// Spoken identification.
    pub ident: Option<bool>,
    /// Talkgroup maps.
    pub map: Vec<TgMap>,
}

/// P-1: the first transmission on a talkgroup that the client is not in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstCall {
    /// Activates and is carried.
    #[default]
    Pass,
    /// Only activates, at its end ("kerchunk first").
    ActivateOnly,
}

/// P-2: the first transmission on a talkgroup that is busy elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BusyJoin {
    /// Activates, is not carried, and the running call is delivered after it.
    #[default]
    Silent,
    /// Is carried to whoever is free.
    Contend,
}

/// P-8: the talker alias in calls whose talkgroup number is rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappedAlias {
    /// Superframes alternate between the talkgroup and the speaker's alias.
    #[default]
    Keep,
    /// Only the talkgroup.
    Drop,
}

/// Choices that a sysop may make otherwise (`behaviour.md` 0.5).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// P-1.
    pub first_call: FirstCall,
    /// P-2.
    pub busy_join: BusyJoin,
    /// P-4: group TG 4000 drops the user-activated talkgroups of its slot also outside single mode.
    pub tg4000_unlinks: bool,
    /// P-6: single mode suspends the statics of the slot.
    pub single_suspends_statics: bool,
    /// P-7: service options of a voice LC for which no header was heard.
    pub late_entry_options: u8,
    /// P-8.
    pub mapped_alias: MappedAlias,
    /// A client's own call also goes to its other slot when that is subscribed (S-138).
    pub self_other_slot: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first_call: FirstCall::default(),
            busy_join: BusyJoin::default(),
            tg4000_unlinks: true,
            single_suspends_statics: true,
            late_entry_options: 0,
            mapped_alias: MappedAlias::default(),
            self_other_slot: false,
        }
    }
}

/// Whether a talkgroup may be a static one: 0–9, 9990–9999 and 16777215 may not (`behaviour.md` 1.4).
pub const fn may_be_static(tg: u32) -> bool {
    tg > 9 && !(tg >= 9_990 && tg <= 9_999) && tg < 16_777_215
}

/// Whether a conference may be a default reflector: what may be static, and the echo; numbers of seven digits are radios.
pub const fn may_be_dialled(tg: u32) -> bool {
    tg < 1_000_000 && tg != 4_000 && tg != 5_000 && (may_be_static(tg) || tg == 9_990)
}
