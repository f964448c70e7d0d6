//! From `ragchew.yaml` to the checked configuration that the core, the sockets and the log work from. Everything that is
//! wrong is found at once and has its place; a configuration with an error yields nothing at all. Never binds, never
//! writes. Source: design §6.

pub mod difference;
mod findings;
pub mod keys;
mod listeners;
mod locate;
mod numbers;
mod secret;
mod talkgroups;
#[cfg(test)]
mod tests;
mod tree;
mod walker;
mod workers;

pub use crate::limits::{MAX_BYTES, MAX_DEPTH};
pub use findings::{Finding, Findings, Line, Severity};
pub use locate::{PLACES, Source, locate};
pub use numbers::Numbers;
pub use ragchew_offload::supervise::Numbers as Supervision;
pub use tree::Position;
pub use workers::{Control, Database, Reporting, SqlPlan};

use crate::file;
use listeners::Draft;
use ragchew_core::config::{
    BusyJoin, Config, Defaults, FirstCall, Listener, ListenerAcl, MappedAlias, Passphrase, Policy, Server,
};
use ragchew_core::id::ServerId;
use ragchew_core::net::SocketId;
use ragchew_offload::log::Format;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tree::{Node, Value};
use walker::{Opened, Walker};

/// UDP port on which hotspots expect a server.
pub const HBP_PORT: u16 = 62_031;
/// Name of the listener of the built-in default.
pub const BUILT_IN_LISTENER: &str = "hotspots";

/// What a configuration may ask of the world around it.
pub struct Surroundings<'a> {
    /// Paths in the file are relative to this directory.
    pub base: &'a Path,
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The generated passphrase, asked for only when the file names no listener.
    pub generated: &'a dyn Fn() -> Result<Passphrase, String>,
}

/// Everything that a server is started from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For the core.
    pub config: Config,
    /// What to bind, in the order of the file.
    pub sockets: Vec<Socket>,
    /// For the shell.
    pub runtime: Runtime,
    /// Whether the listener and its passphrase are the built-in ones.
    pub built_in: bool,
    /// What the operator should know.
    pub warnings: Vec<Finding>,
}

/// An address to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Stable as long as the address is.
    pub id: SocketId,
    /// Address and port.
    pub address: SocketAddr,
    /// All IPv6 addresses beside an IPv4 one: a machine without IPv6 serves without it.
    pub optional: bool,
}

/// What the shell is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Bytes of SO_RCVBUF; none: the transport's own choice.
    pub receive_buffer: Option<usize>,
    /// Bytes of SO_SNDBUF; none: the transport's own choice.
    pub send_buffer: Option<usize>,
    /// Form of log lines.
    pub log_format: Format,
    /// Where they go; none: standard output.
    pub log_file: Option<PathBuf>,
    /// What tells the world.
    pub reporting: Reporting,
    /// How workers are kept well.
    pub supervision: Supervision,
    /// The socket of operators.
    pub control: Control,
}

/// Reads what `source` names. Numbers are given only when nothing is wrong.
///
/// # Errors
/// Every finding, in the order of the file; at least one is an error.
pub fn load(source: &Source, around: &Surroundings<'_>, numbers: &mut Numbers) -> Result<Plan, Vec<Finding>> {
    let Source::File(path) = source else { return read("", around, numbers) };
    let fail = |at: Option<Position>, message: String| {
        vec![Finding { severity: Severity::Error, at, key: String::new(), message }]
    };
    let read = file::read(path, MAX_BYTES as u64);
    let (about, bytes) = read.map_err(|error| fail(None, format!("the file cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
        fail(Some(Position { line, column: 1 }), "this line is not UTF-8".to_owned())
    })?;
    read_with_mode(&text, about.mode(), around, numbers)
}

/// Reads the text of a configuration; an empty one is the built-in default.
///
/// # Errors
/// As [`load`].
pub fn read(text: &str, around: &Surroundings<'_>, numbers: &mut Numbers) -> Result<Plan, Vec<Finding>> {
    read_with_mode(text, 0, around, numbers)
}

fn read_with_mode(
    text: &str,
    mode: u32,
    around: &Surroundings<'_>,
    numbers: &mut Numbers,
) -> Result<Plan, Vec<Finding>> {
    let mut w = Walker::default();
    let root = match tree::parse(text) {
        Ok(root) => root,
        Err(error) => {
            w.findings.error(error.at, "", error.what);
            return Err(w.findings.sorted());
        }
    };
    let parts = parts(&mut w, &root, around);
    if let (Some(at), true) = (w.inline_secret, mode & 0o004 != 0) {
        w.findings.warning(at, "", "a passphrase stands here and the file is readable by everyone; chmod 640 it");
    }
    if !w.findings.failed() {
        let mut next = numbers.clone();
        match number(&parts.listeners, &mut next) {
            Some((listeners, sockets)) => {
                *numbers = next;
                let config = Config { server: parts.server, listeners, policy: parts.policy };
                let warnings = w.findings.sorted();
                return Ok(Plan { config, sockets, runtime: parts.runtime, built_in: parts.built_in, warnings });
            }
            None => {
                let message = "too many different listeners or addresses since the start; a restart is needed";
                w.findings.add(Severity::Error, None, "listeners", message.to_owned());
            }
        }
    }
    Err(w.findings.sorted())
}

struct Parts {
    server: Server,
    listeners: Vec<Draft>,
    built_in: bool,
    policy: Policy,
    runtime: Runtime,
}

fn parts(w: &mut Walker, root: &Node, around: &Surroundings<'_>) -> Parts {
    let file = match root.value {
        Value::Null => None,
        _ => w.open(root, "", &keys::FILE),
    };
    let file = file.as_ref();
    let server = server(w, file);
    let listed = file.and_then(|file| file.get("listeners"));
    let listeners = match listed {
        Some(item) => listeners::listeners(w, item, around),
        None => built_in_listener(w, around),
    };
    let policy = policy(w, file);
    let opened = w.open_at(file, "runtime", &keys::RUNTIME);
    let reporting = workers::reporting(w, file, opened.as_ref(), around);
    let runtime = Runtime { reporting, ..runtime(w, opened.as_ref(), around) };
    if let Some(file) = file {
        workers::apart(w, file, around.base);
    }
    Parts { server, listeners, built_in: listed.is_none(), policy, runtime }
}

fn built_in_listener(w: &mut Walker, around: &Surroundings<'_>) -> Vec<Draft> {
    if w.findings.failed() {
        return Vec::new();
    }
    let passphrase = match (around.generated)() {
        Ok(passphrase) => passphrase,
        Err(message) => {
            w.findings.add(Severity::Error, None, "", message);
            return Vec::new();
        }
    };
    let addresses = [(Ipv4Addr::UNSPECIFIED, HBP_PORT).into(), (Ipv6Addr::UNSPECIFIED, HBP_PORT).into()];
    vec![Draft {
        name: BUILT_IN_LISTENER.to_owned(),
        binds: addresses.into_iter().map(listeners::Bind::built_in).collect(),
        passphrase,
        max_clients: crate::limits::DEFAULT_CLIENTS,
        acl: ListenerAcl::default(),
        defaults: Defaults::default(),
        clients: Vec::new(),
    }]
}

fn number(drafts: &[Draft], numbers: &mut Numbers) -> Option<(Vec<Listener>, Vec<Socket>)> {
    let (mut listeners, mut sockets) = (Vec::new(), Vec::new());
    for draft in drafts {
        let has_ipv4 = draft.binds.iter().any(|bind| bind.address.is_ipv4());
        let mut served_by = Vec::new();
        for bind in &draft.binds {
            let address = bind.address;
            let id = numbers.socket(address)?;
            let optional = has_ipv4 && address.is_ipv6() && address.ip().is_unspecified();
            served_by.push(id);
            sockets.push(Socket { id, address, optional });
        }
        listeners.push(Listener {
            id: numbers.listener(&draft.name)?,
            name: draft.name.as_str().into(),
            sockets: served_by,
            passphrase: draft.passphrase.clone(),
            max_clients: draft.max_clients,
            acl: draft.acl.clone(),
            defaults: draft.defaults.clone(),
            clients: draft.clients.clone(),
        });
    }
    Some((listeners, sockets))
}

fn server(w: &mut Walker, file: Option<&Opened<'_>>) -> Server {
    let mut server = Server { id: None, name: "Ragchew".into() };
    let Some(opened) = w.open_at(file, "server", &keys::SERVER) else { return server };
    server.id = opened.get("id").and_then(|item| w.number32(item, 1_000..=9_999_999)).map(ServerId);
    if let Some(name) = opened.get("name").and_then(|item| w.line(item, 1..=64)) {
        server.name = name.into();
    }
    server
}

fn policy(w: &mut Walker, file: Option<&Opened<'_>>) -> Policy {
    let mut policy = Policy::default();
    let Some(opened) = w.open_at(file, "policy", &keys::POLICY) else { return policy };
    fn choose<T: Copy>(w: &mut Walker, opened: &Opened<'_>, name: &str, words: &[(&str, T)], into: &mut T) {
        if let Some(value) = opened.get(name).and_then(|item| w.choice(item, words)) {
            *into = value;
        }
    }
    fn flag(w: &mut Walker, opened: &Opened<'_>, name: &str, into: &mut bool) {
        if let Some(value) = opened.get(name).and_then(|item| w.flag(item)) {
            *into = value;
        }
    }
    let first_call = [("pass", FirstCall::Pass), ("activate_only", FirstCall::ActivateOnly)];
    choose(w, &opened, "first_call", &first_call, &mut policy.first_call);
    let busy_join = [("silent", BusyJoin::Silent), ("contend", BusyJoin::Contend)];
    choose(w, &opened, "busy_join", &busy_join, &mut policy.busy_join);
    let mapped_alias = [("keep", MappedAlias::Keep), ("drop", MappedAlias::Drop)];
    choose(w, &opened, "mapped_alias", &mapped_alias, &mut policy.mapped_alias);
    let late_entry = [("standard", 0x00), ("legacy", 0x20)];
    choose(w, &opened, "late_entry_options", &late_entry, &mut policy.late_entry_options);
    flag(w, &opened, "tg4000_unlinks", &mut policy.tg4000_unlinks);
    flag(w, &opened, "single_suspends_statics", &mut policy.single_suspends_statics);
    flag(w, &opened, "self_other_slot", &mut policy.self_other_slot);
    policy
}

fn runtime(w: &mut Walker, opened: Option<&Opened<'_>>, around: &Surroundings<'_>) -> Runtime {
    let mut runtime = Runtime::default();
    let Some(opened) = opened else { return runtime };
    let bytes = |w: &mut Walker, name: &str| {
        let item = opened.get(name)?;
        w.number(item, 65_536..=268_435_456).and_then(|bytes| usize::try_from(bytes).ok())
    };
    runtime.receive_buffer = bytes(w, "receive_buffer");
    runtime.send_buffer = bytes(w, "send_buffer");
    runtime.supervision = workers::supervision(w, opened);
    runtime.control = workers::control(w, opened, around);
    let Some(log) = w.open_at(Some(opened), "log", &keys::LOG) else { return runtime };
    let formats = [("text", Format::Text), ("compat", Format::Compat), ("json", Format::Json)];
    runtime.log_format = log.get("format").and_then(|item| w.choice(item, &formats)).unwrap_or_default();
    runtime.log_file = log.get("file").and_then(|item| w.line(item, 1..=4_096)).map(|path| around.base.join(path));
    runtime
}
