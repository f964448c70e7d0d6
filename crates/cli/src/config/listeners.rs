//! The `listeners` of the configuration: where clients log in, who may, and what their sessions begin with. Checks each
//! listener and then all against each other. Source: design §6, `behaviour.md` 6 and 8.6.

use super::tree::{Node, Position, Value};
use super::walker::{Item, Opened, Walker, path_of_unknown, whole};
use super::{Surroundings, keys, secret, talkgroups};
use crate::limits::{DEFAULT_CLIENTS, MAX_BINDS, MAX_LISTENERS};
use ragchew_core::access::acl::{Acl, MAX_CLIENT, MAX_ID};
use ragchew_core::config::{ClientOverride, Defaults, Language, ListenerAcl, Passphrase, UaTimer};
use ragchew_core::id::{ClientId, ConferenceTg, RfTg};
use ragchew_core::limits::MAX_SESSIONS;
use ragchew_core::time::Span;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// A listener as it stands in the file, before it gets its numbers.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) binds: Vec<Bind>,
    pub(super) passphrase: Passphrase,
    pub(super) max_clients: u32,
    pub(super) acl: ListenerAcl,
    pub(super) defaults: Defaults,
    pub(super) clients: Vec<ClientOverride>,
}

/// An address and where it stands.
pub(super) struct Bind {
    pub(super) address: SocketAddr,
    pub(super) at: Position,
    path: String,
}

impl Bind {
    /// An address of the built-in default.
    pub(super) fn built_in(address: SocketAddr) -> Self {
        Self { address, at: Position::START, path: String::new() }
    }
}

/// Reads the list and checks the listeners against each other.
pub(super) fn listeners(w: &mut Walker, item: &Item<'_>, around: &Surroundings<'_>) -> Vec<Draft> {
    let Some(entries) = w.list(item, MAX_LISTENERS) else { return Vec::new() };
    if entries.is_empty() {
        w.unexpected(item);
    }
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut drafts = Vec::new();
    for entry in &entries {
        let Some(opened) = w.open(entry.node, &entry.path, &keys::LISTENER) else { continue };
        let draft = listener(w, &opened, around);
        if let Some(name) = opened.get("name").filter(|_| !draft.name.is_empty()) {
            if let Some(line) = names.insert(draft.name.clone(), name.at().line) {
                w.error(name, format!("the listener in line {line} has this name already"));
            }
        }
        drafts.push(draft);
    }
    check_overlaps(w, &drafts);
    let clients: u64 = drafts.iter().map(|draft| u64::from(draft.max_clients)).sum();
    if drafts.len() > 1 && clients > MAX_SESSIONS as u64 {
        w.warning(item, format!("max_clients add up to {clients}; the server carries {MAX_SESSIONS} sessions in all"));
    }
    drafts
}

fn listener(w: &mut Walker, opened: &Opened<'_>, around: &Surroundings<'_>) -> Draft {
    let name = opened.get("name").and_then(|item| name(w, item)).unwrap_or_default();
    let binds = opened.get("bind").map(|item| binds(w, item)).unwrap_or_default();
    let passphrase = opened.get("passphrase").and_then(|item| secret::passphrase(w, item, around));
    let max_clients = opened.get("max_clients").and_then(|item| w.number32(item, 1..=MAX_SESSIONS as u32));
    let acl = acl(w, opened);
    let defaults = defaults(w, opened);
    let clients = opened.get("clients").map(|item| clients(w, item, around)).unwrap_or_default();
    Draft {
        name,
        binds,
        passphrase: passphrase.unwrap_or_default(),
        max_clients: max_clients.unwrap_or(DEFAULT_CLIENTS),
        acl,
        defaults,
        clients,
    }
}

fn name(w: &mut Walker, item: &Item<'_>) -> Option<String> {
    let text = w.line(item, 1..=32)?;
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Some(text.to_owned());
    }
    w.unexpected(item);
    None
}

fn binds(w: &mut Walker, item: &Item<'_>) -> Vec<Bind> {
    let entries = match &item.node.value {
        Value::Scalar { .. } => vec![item.clone()],
        _ => w.list(item, MAX_BINDS).unwrap_or_default(),
    };
    if matches!(&item.node.value, Value::List(nodes) if nodes.is_empty()) {
        w.unexpected(item);
    }
    entries.iter().filter_map(|entry| bind(w, entry)).collect()
}

fn bind(w: &mut Walker, item: &Item<'_>) -> Option<Bind> {
    let text = w.text(item)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        w.unexpected(item);
        return None;
    };
    let wrong = match address.ip() {
        IpAddr::V4(ip) if ip.is_multicast() || ip.is_broadcast() => Some("not an address that a server can have"),
        IpAddr::V6(ip) if ip.is_multicast() => Some("not an address that a server can have"),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => Some("an IPv4 address in IPv6 form; write it as IPv4"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        w.error(item, format!("{text} is {wrong}"));
    } else if address.port() == 0 {
        w.warning(item, "port 0: the system chooses another port at every start");
    }
    Some(Bind { address, at: item.at(), path: item.path.clone() })
}

/// Two sockets cannot have the same port of the same address, nor of all addresses and one of them.
fn check_overlaps(w: &mut Walker, drafts: &[Draft]) {
    let mut ports: HashMap<(u16, bool), Vec<&Bind>> = HashMap::new();
    for bind in drafts.iter().flat_map(|draft| &draft.binds) {
        let before = ports.entry((bind.address.port(), bind.address.is_ipv4())).or_default();
        let other = before.iter().find(|other| {
            let (a, b) = (bind.address.ip(), other.address.ip());
            a == b || (bind.address.port() != 0 && (a.is_unspecified() || b.is_unspecified()))
        });
        if let Some(other) = other {
            let message = format!("{} is already taken by {} in line {}", bind.address, other.address, other.at.line);
            w.findings.error(bind.at, &bind.path, message);
        }
        before.push(bind);
    }
}

fn acl(w: &mut Walker, listener: &Opened<'_>) -> ListenerAcl {
    let mut acl = ListenerAcl::default();
    let Some(opened) = w.open_at(Some(listener), "acl", &keys::ACL) else { return acl };
    if let Some(flag) = opened.get("enabled").and_then(|item| w.flag(item)) {
        acl.enabled = flag;
    }
    let mut list = |name: &str, max: u32, into: &mut Acl| {
        let Some(item) = opened.get(name) else { return };
        let Some(text) = w.text(item) else { return };
        match Acl::parse(text, max) {
            Ok(list) => *into = list,
            Err(error) => w.error(item, error.to_string()),
        }
    };
    let [ts1, ts2] = &mut acl.talkgroups;
    list("register", MAX_CLIENT, &mut acl.register);
    list("subscriber", MAX_ID, &mut acl.subscriber);
    list("ts1", MAX_ID, ts1);
    list("ts2", MAX_ID, ts2);
    acl
}

fn defaults(w: &mut Walker, listener: &Opened<'_>) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(opened) = w.open_at(Some(listener), "defaults", &keys::DEFAULTS) else { return defaults };
    let start = SessionStart::read(w, &opened);
    let [ts1, ts2] = start.statics;
    let [to1, to2] = &mut defaults.statics;
    *to1 = ts1.unwrap_or_default();
    *to2 = ts2.unwrap_or_default();
    defaults.dial = start.dial.flatten();
    defaults.single = start.single.unwrap_or(defaults.single);
    defaults.ua_timer = start.ua_timer.unwrap_or(defaults.ua_timer);
    defaults.hang_time = start.hang_time.unwrap_or(defaults.hang_time);
    defaults.language = start.language.unwrap_or(defaults.language);
    defaults.ident = start.ident.unwrap_or(defaults.ident);
    defaults.ident_tg = opened.get("ident_tg").and_then(|item| w.number32(item, 1..=16_777_215)).map(RfTg);
    defaults
}

/// What a session begins with, as far as a section says it: the keys that a listener and a client share.
#[derive(Default)]
struct SessionStart {
    statics: [Option<Vec<RfTg>>; 2],
    dial: Option<Option<ConferenceTg>>,
    single: Option<bool>,
    ua_timer: Option<UaTimer>,
    hang_time: Option<Span>,
    language: Option<Language>,
    ident: Option<bool>,
}

impl SessionStart {
    fn read(w: &mut Walker, opened: &Opened<'_>) -> Self {
        Self {
            statics: ["ts1", "ts2"].map(|name| opened.get(name).and_then(|item| talkgroups::statics(w, item))),
            dial: opened.get("dial").and_then(|item| talkgroups::dial(w, item)),
            single: opened.get("single").and_then(|item| w.flag(item)),
            ua_timer: opened
                .get("ua_timer_min")
                .and_then(|item| w.number(item, 0..=UaTimer::INFINITE_MINUTES))
                .map(UaTimer::from_minutes),
            hang_time: opened.get("hang_time_s").and_then(|item| w.number(item, 0..=3_600)).map(Span::secs),
            language: opened.get("language").and_then(|item| language(w, item)),
            ident: opened.get("ident").and_then(|item| w.flag(item)),
        }
    }
}

fn language(w: &mut Walker, item: &Item<'_>) -> Option<Language> {
    let name = w.line(item, 1..=32)?;
    let known = Language::named(name);
    if known.is_none() {
        let known = ragchew_core::config::LANGUAGES.join(", ");
        w.warning(item, format!("no language of that name; en_GB is used. Known: {known}"));
    }
    Some(known.unwrap_or_default())
}

fn clients(w: &mut Walker, item: &Item<'_>, around: &Surroundings<'_>) -> Vec<ClientOverride> {
    let Value::Map(entries) = &item.node.value else {
        w.unexpected_shape(item);
        return Vec::new();
    };
    let mut lines: HashMap<u32, usize> = HashMap::new();
    let mut clients = Vec::new();
    for (key, node) in entries {
        if w.findings.is_full() {
            w.findings.error(key.at, "", "not looked at");
            break;
        }
        let id = whole(&key.text).and_then(|id| u32::try_from(id).ok()).filter(|id| (1..u32::MAX).contains(id));
        let Some(id) = id else {
            let path = path_of_unknown(&item.path, &key.text, node);
            w.findings.error(key.at, &path, "expected a client ID from 1 to 4294967294");
            continue;
        };
        let path = format!("{}.{id}", item.path);
        if let Some(line) = lines.insert(id, key.at.line) {
            w.findings.error(key.at, &path, format!("this client stands already in line {line}"));
        }
        if let Some(client) = client(w, ClientId(id), node, &path, around) {
            clients.push(client);
        }
    }
    clients.sort_by_key(|client| client.client);
    clients
}

fn client(w: &mut Walker, id: ClientId, node: &Node, path: &str, around: &Surroundings<'_>) -> Option<ClientOverride> {
    let opened = w.open(node, path, &keys::CLIENT)?;
    let start = SessionStart::read(w, &opened);
    Some(ClientOverride {
        client: id,
        passphrase: opened.get("passphrase").and_then(|item| secret::passphrase(w, item, around)),
        statics: start.statics,
        dial: start.dial,
        single: start.single,
        ua_timer: start.ua_timer,
        hang_time: start.hang_time,
        language: start.language,
        ident: start.ident,
        map: opened.get("map").and_then(|item| talkgroups::maps(w, item)).unwrap_or_default(),
    })
}
