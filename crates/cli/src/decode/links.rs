//! Who is who in a capture, by what they say and never by their ports: clients and servers of HBP, MMDVMHost and its
//! gateway, servers of a link. One pass over the capture before it is told. Source: `wire.md` 0, 1.9, 3.

use super::entry::{Way, Wire};
use crate::limits::{TOLD_LIST, TOLD_PARTIES};
use ragchew_core::id::ClientId;
use ragchew_core::wire::hbp::{ClientMessage, DmrdView, Local, ServerMessage};
use ragchew_core::wire::{Malformed, bridge_control, fbp, openbridge};
use ragchew_transport::capture::Datagram;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// A datagram by its content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message<'a> {
    Client(ClientMessage<'a>),
    Server(ServerMessage<'a>),
    Frame(DmrdView<'a>),
    OpenBridge(openbridge::OpenBridgeView<'a>),
    Fbp(fbp::FbpView<'a>),
    Retired(fbp::RetiredView<'a>),
    Control(bridge_control::BridgeControlView<'a>),
    Unknown(Malformed),
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let read = match bytes {
            [b'D', b'M', b'R', b'E', ..] => fbp::FbpView::parse(bytes).map(Self::Fbp),
            [b'D', b'M', b'R', b'F', ..] => fbp::RetiredView::parse(bytes).map(Self::Retired),
            [b'D', b'M', b'R', b'D', ..] if bytes.len() == openbridge::LENGTH => {
                openbridge::OpenBridgeView::parse(bytes).map(Self::OpenBridge)
            }
            [b'D', b'M', b'R', b'D', ..] => DmrdView::parse(bytes).map(Self::Frame),
            [b'B', b'C', ..] => bridge_control::BridgeControlView::parse(bytes).map(Self::Control),
            [b'M', b'S', b'T', ..] => ServerMessage::parse(bytes).map(Self::Server),
            _ if bytes.starts_with(b"RPTACK") || bytes.starts_with(b"RPTSBKN") => {
                ServerMessage::parse(bytes).map(Self::Server)
            }
            _ => ClientMessage::parse(bytes).map(Self::Client),
        };
        read.unwrap_or_else(Self::Unknown)
    }

    /// Network ID of the sender, in a frame between servers.
    fn network(&self) -> Option<ClientId> {
        match self {
            Self::OpenBridge(view) => Some(view.network()),
            Self::Fbp(view) => Some(view.network()),
            Self::Retired(view) => Some(view.frame().client()),
            _ => None,
        }
    }
}

/// Digits of most IDs.
const USUAL_WIDTH: usize = 7;

/// What two addresses have to do with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A client of HBP and its server.
    Session { client: SocketAddr, server: SocketAddr },
    /// MMDVMHost and its gateway.
    Local { host: SocketAddr, gateway: SocketAddr },
    /// Two servers.
    Link,
}

/// Two addresses, the lower one first.
type Pair = (SocketAddr, SocketAddr);

fn pair(a: SocketAddr, b: SocketAddr) -> Pair {
    if a <= b { (a, b) } else { (b, a) }
}

/// Everybody in a capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    roles: BTreeMap<Pair, Role>,
    servers: BTreeSet<SocketAddr>,
    /// Client IDs of sessions and local links.
    clients: BTreeMap<Pair, BTreeSet<ClientId>>,
    /// Network IDs of servers.
    networks: BTreeMap<SocketAddr, ClientId>,
    /// IDs in `clients`, over all pairs.
    ids: usize,
    /// Whether the capture has more of one of these than there is room for.
    more: bool,
}

impl Links {
    /// Learns from all of `datagrams`.
    pub(super) fn find<'a>(datagrams: impl Iterator<Item = &'a Datagram>) -> Self {
        let mut links = Self::default();
        for Datagram { source, destination, payload, .. } in datagrams {
            let message = Message::read(payload);
            let between = pair(*source, *destination);
            let (role, client) = match message {
                Message::Client(ClientMessage::Local(Local::Config(view))) => {
                    (Role::Local { host: *source, gateway: *destination }, Some(view.client()))
                }
                Message::Client(ClientMessage::Local(_) | ClientMessage::Trunking(_) | ClientMessage::Proxy(_)) => {
                    continue;
                }
                Message::Client(ClientMessage::TalkerAlias(_) | ClientMessage::Gps(_)) => continue,
                Message::Client(said) => (Role::Session { client: *source, server: *destination }, said.client()),
                Message::Server(_) => (Role::Session { client: *destination, server: *source }, None),
                Message::OpenBridge(_) | Message::Fbp(_) | Message::Retired(_) | Message::Control(_) => {
                    (Role::Link, None)
                }
                Message::Frame(_) | Message::Unknown(_) => continue,
            };
            if links.learn(between, role) {
                client.into_iter().for_each(|client| links.client(between, client));
                message.network().into_iter().for_each(|network| links.network(*source, network));
            }
        }
        links
    }

    /// Takes what two addresses have to do with each other, if there is room to know it.
    fn learn(&mut self, between: Pair, role: Role) -> bool {
        if self.roles.len() >= TOLD_PARTIES && !self.roles.contains_key(&between) {
            self.more = true;
            return false;
        }
        if let Role::Session { server, .. } = role {
            // Both ends of every pair, at most.
            self.servers.insert(server);
        }
        self.roles.entry(between).or_insert(role);
        true
    }

    fn client(&mut self, between: Pair, client: ClientId) {
        let known = self.clients.get(&between).is_some_and(|clients| clients.contains(&client));
        if !known && self.ids >= TOLD_PARTIES {
            self.more = true;
        } else if !known {
            self.ids += 1;
            self.clients.entry(between).or_default().insert(client);
        }
    }

    fn network(&mut self, server: SocketAddr, network: ClientId) {
        if self.networks.len() >= TOLD_PARTIES && !self.networks.contains_key(&server) {
            self.more = true;
        } else {
            self.networks.insert(server, network);
        }
    }

    /// The names and the way of a datagram; `id` is the one in its frame, if it has one.
    pub(super) fn wire(&self, from: SocketAddr, to: SocketAddr, id: Option<ClientId>) -> Wire {
        let between = pair(from, to);
        let way = match self.roles.get(&between) {
            Some(Role::Session { client: up, .. } | Role::Local { host: up, .. }) if *up == from => Way::Up,
            Some(Role::Session { .. } | Role::Local { .. }) => Way::Down,
            Some(Role::Link) => Way::Across,
            None if self.servers.contains(&to) => Way::Up,
            None if self.servers.contains(&from) => Way::Down,
            None => Way::Across,
        };
        // Several clients may share an address; an ID that none of them has is not believed, where all are known.
        let known = match self.clients.get(&between) {
            Some(clients) => id.filter(|id| self.more || clients.contains(id)).or(clients.first().copied()),
            None => id,
        };
        Wire { who: known.map_or_else(|| from.to_string(), |id| id.to_string()), from, to, way }
    }

    /// The same between servers, which may share the addresses of a session. `network` is the one in its frame.
    pub(super) fn bridge(&self, from: SocketAddr, to: SocketAddr, network: Option<ClientId>) -> Wire {
        let network = network.or(self.networks.get(&from).copied());
        Wire { who: network.map_or_else(|| from.to_string(), |id| id.to_string()), from, to, way: Way::Across }
    }

    /// The IDs that frames between two addresses may bear, if it is known of all.
    pub(super) fn clients(&self, from: SocketAddr, to: SocketAddr) -> Option<&BTreeSet<ClientId>> {
        self.clients.get(&pair(from, to)).filter(|_| !self.more)
    }

    /// Characters of the longest ID of somebody; that of most IDs if there is none.
    pub(super) fn width(&self) -> usize {
        let ids = self.clients.values().flatten().chain(self.networks.values());
        ids.map(|id| id.to_string().len()).max().unwrap_or(USUAL_WIDTH)
    }

    /// One line for each pair that has a role.
    pub(super) fn lines(&self) -> Vec<String> {
        let named = |address: &SocketAddr| match self.networks.get(address) {
            Some(network) => format!("{network} at {address}"),
            None => address.to_string(),
        };
        let line = |(between, role): (&Pair, &Role)| {
            let id = self.clients.get(between).map_or_else(String::new, some_of);
            match role {
                Role::Session { client, server } => format!("HBP client{id} at {client}, server at {server}"),
                Role::Local { host, gateway } => format!("MMDVMHost{id} at {host}, DMRGateway at {gateway}"),
                Role::Link => format!("link of {} and {}", named(&between.0), named(&between.1)),
            }
        };
        let more =
            self.more.then(|| format!("more addresses or IDs than {TOLD_PARTIES}; the others are not named here"));
        self.roles.iter().map(line).chain(more).collect()
    }
}

/// The IDs of a pair, as many as a line may have.
fn some_of(ids: &BTreeSet<ClientId>) -> String {
    let words: String = ids.iter().take(TOLD_LIST).map(|id| format!(" {id}")).collect();
    match ids.len().saturating_sub(TOLD_LIST) {
        0 => words,
        more => format!("{words} and {more} more"),
    }
}
