//! The configuration of a case, in a form that both sides read: the core as its checked `Config`, the model as it stands.
//! Decides nothing. Source: `behaviour.md` 0.5, 6.1.

use ragchew_core::Config;
use ragchew_core::Span;
use ragchew_core::access::acl::{Acl, MAX_CLIENT, MAX_ID};
use ragchew_core::config::{
    self, BusyJoin, ClientOverride, Defaults, FirstCall, ListenerAcl, MappedAlias, Passphrase, Policy, TgMap, UaTimer,
};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RfTg, Slot};
use ragchew_core::net::SocketId;

/// Everything that a case configures.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) policy: Policy,
}

/// A listener on one socket.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) id: u16,
    pub(crate) socket: u16,
    pub(crate) passphrase: &'static str,
    pub(crate) max_clients: u32,
    pub(crate) checks_speakers: bool,
    pub(crate) register: &'static str,
    pub(crate) subscriber: &'static str,
    pub(crate) talkgroups: [&'static str; 2],
    pub(crate) statics: [Vec<u32>; 2],
    pub(crate) dial: Option<u32>,
    pub(crate) single: bool,
    pub(crate) ua_minutes: u64,
    pub(crate) hang_ms: u64,
    pub(crate) own: Vec<Own>,
}

/// What differs for one client.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) client: u32,
    pub(crate) passphrase: Option<&'static str>,
    pub(crate) statics_2: Option<Vec<u32>>,
    pub(crate) single: Option<bool>,
    /// Slot (0 or 1), number on RF, conference.
    pub(crate) map: Vec<(usize, u32, u32)>,
}

impl Listener {
    pub(crate) fn own(&self, client: u32) -> Option<&Own> {
        self.own.iter().find(|own| own.client == client)
    }

    pub(crate) fn passphrase_of(&self, client: u32) -> &'static str {
        self.own(client).and_then(|own| own.passphrase).unwrap_or(self.passphrase)
    }

    fn checked(&self) -> config::Listener {
        let tgs = |list: &[u32]| list.iter().map(|&tg| RfTg(tg)).collect::<Vec<_>>();
        let list = |text, max| Acl::parse(text, max).unwrap();
        let mut clients: Vec<_> = self.own.iter().map(own_checked).collect();
        clients.sort_by_key(|own| own.client);
        config::Listener {
            id: ListenerId(self.id),
            name: format!("listener {}", self.id).into(),
            sockets: vec![SocketId(self.socket)],
            passphrase: Passphrase::new(self.passphrase.as_bytes()),
            max_clients: self.max_clients,
            acl: ListenerAcl {
                enabled: self.checks_speakers,
                register: list(self.register, MAX_CLIENT),
                subscriber: list(self.subscriber, MAX_ID),
                talkgroups: self.talkgroups.map(|text| list(text, MAX_ID)),
            },
            defaults: Defaults {
                statics: [tgs(&self.statics[0]), tgs(&self.statics[1])],
                dial: self.dial.map(ConferenceTg),
                single: self.single,
                ua_timer: UaTimer::from_minutes(self.ua_minutes),
                hang_time: Span::millis(self.hang_ms),
                ..Defaults::default()
            },
            clients,
        }
    }
}

fn own_checked(own: &Own) -> ClientOverride {
    ClientOverride {
        client: ClientId(own.client),
        passphrase: own.passphrase.map(|text| Passphrase::new(text.as_bytes())),
        statics: [None, own.statics_2.as_ref().map(|list| list.iter().map(|&tg| RfTg(tg)).collect())],
        single: own.single,
        map: own.map.iter().map(|&(slot, rf, conference)| map(slot, rf, conference)).collect(),
        ..ClientOverride::default()
    }
}

fn map(slot: usize, rf: u32, conference: u32) -> TgMap {
    TgMap { slot: Slot::BOTH[slot], rf_tg: RfTg(rf), conference: ConferenceTg(conference) }
}

impl Setup {
    /// As the core takes it.
    pub(crate) fn config(&self) -> Config {
        let listeners = self.listeners.iter().map(Listener::checked).collect();
        Config { listeners, policy: self.policy, ..Config::default() }
    }

    pub(crate) fn on_socket(&self, socket: u16) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.socket == socket)
    }
}

/// A list of `behaviour.md` 6.1 as it reads: does it admit `number`?
pub(crate) fn admits(list: &str, number: u32, max: u32) -> bool {
    let (action, entries) = list.split_once(':').unwrap();
    let listed = entries.split(',').any(|entry| match entry.split_once('-') {
        _ if entry == "ALL" => (1..=max).contains(&number),
        Some((low, high)) => (low.parse().unwrap()..=high.parse().unwrap()).contains(&number),
        None => entry.parse::<u32>().unwrap() == number,
    });
    listed == (action == "PERMIT")
}

/// The policies, by number.
pub(crate) fn policy(
    first_call: bool,
    busy_join: bool,
    tg4000: bool,
    suspends: bool,
    options: u8,
    alias: bool,
    other_slot: bool,
) -> Policy {
    Policy {
        first_call: if first_call { FirstCall::Pass } else { FirstCall::ActivateOnly },
        busy_join: if busy_join { BusyJoin::Silent } else { BusyJoin::Contend },
        tg4000_unlinks: tg4000,
        single_suspends_statics: suspends,
        late_entry_options: options,
        mapped_alias: if alias { MappedAlias::Keep } else { MappedAlias::Drop },
        self_other_slot: other_slot,
    }
}
