//! A session of the picture with its subscriptions. Owns their form in memory, which is kept small: a full server has tens of
//! thousands. Source: design §5.

use ragchew_core::id::{ConferenceTg, RfTg, Slot};
use ragchew_core::report::{SessionTag, SubscriptionSource, Text};
use ragchew_core::time::{Span, Wall};
use smallvec::SmallVec;
use std::net::{Ipv4Addr, SocketAddr};

/// What a session is subscribed to; one or two need no memory of their own.
pub(super) type Few = SmallVec<[Subscription; 2]>;

/// A client's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, listener and client.
    pub who: SessionTag,
    /// Since when it is logged in.
    pub since: Wall,
    /// Its address.
    pub remote: SocketAddr,
    /// What it calls itself.
    pub callsign: Text<8>,
    /// Receive frequency in Hz.
    pub rx_hz: u32,
    /// Transmit frequency in Hz.
    pub tx_hz: u32,
    /// Its colour code.
    pub colour_code: u8,
    /// The character in which it says which slots it has; `?` when it says nothing.
    pub slots: u8,
    /// What it runs.
    pub software: Text<40>,
    /// The package that this is of.
    pub package: Text<40>,
    /// Where it says that it is.
    pub location: Text<20>,
    /// What it says of itself.
    pub description: Text<19>,
    /// What its OPTIONS made of it.
    pub options: Option<Options>,
    /// Whether its login was told; until then only a part of its state is known.
    pub(super) is_connected: bool,
    /// Whether its software was told.
    pub(super) has_software: bool,
    /// Whether its description was told.
    pub(super) is_described: bool,
    /// The resync that told it last.
    pub(super) told: u32,
    /// By slot and talkgroup.
    pub(super) subscriptions: Few,
}

/// What OPTIONS made of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Static talkgroups on slot 1 and on slot 2.
    pub statics: [u16; 2],
    /// One user-activated talkgroup at a time.
    pub single: bool,
    /// Default reflector; 0 for none.
    pub dial: ConferenceTg,
    /// How long a user-activated talkgroup lasts.
    pub ua_timer: Span,
    /// Items that were not understood.
    pub voided: u16,
}

/// A subscription of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// On which slot.
    pub slot: Slot,
    /// The talkgroup on RF.
    pub rf_tg: RfTg,
    /// The conference that it means.
    pub conference: ConferenceTg,
    /// Whence it came.
    pub source: SubscriptionSource,
}

impl Subscription {
    /// What names it within its session.
    pub const fn key(&self) -> (Slot, RfTg) {
        (self.slot, self.rf_tg)
    }
}

impl Session {
    /// One of which nothing is known but its name.
    pub(super) fn new(who: SessionTag) -> Self {
        Self {
            who,
            since: Wall::default(),
            remote: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            callsign: Text::default(),
            rx_hz: 0,
            tx_hz: 0,
            colour_code: 0,
            slots: b'?',
            software: Text::default(),
            package: Text::default(),
            location: Text::default(),
            description: Text::default(),
            options: None,
            is_connected: false,
            has_software: false,
            is_described: false,
            told: 0,
            subscriptions: Few::new(),
        }
    }

    /// Its subscriptions by slot and talkgroup.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The subscription of that name.
    pub fn subscription(&self, slot: Slot, rf_tg: RfTg) -> Option<&Subscription> {
        let at = self.subscriptions.binary_search_by_key(&(slot, rf_tg), Subscription::key).ok()?;
        self.subscriptions.get(at)
    }

    /// Puts a subscription in its place; the one that was there before, when it meant another conference.
    pub(super) fn put(&mut self, subscription: Subscription) -> Option<Subscription> {
        match self.subscriptions.binary_search_by_key(&subscription.key(), Subscription::key) {
            Ok(at) => {
                let place = self.subscriptions.get_mut(at)?;
                let before = std::mem::replace(place, subscription);
                (before.conference != subscription.conference).then_some(before)
            }
            Err(at) => {
                self.subscriptions.insert(at, subscription);
                None
            }
        }
    }

    /// Takes a subscription out.
    pub(super) fn take(&mut self, slot: Slot, rf_tg: RfTg) -> Option<Subscription> {
        let at = self.subscriptions.binary_search_by_key(&(slot, rf_tg), Subscription::key).ok()?;
        Some(self.subscriptions.remove(at))
    }

    /// Forgets what will be told once more, but for what is shown until then; gives up its subscriptions.
    pub(super) fn begin_again(&mut self) -> Few {
        (self.has_software, self.is_described, self.options) = (false, false, None);
        (self.software, self.package) = Default::default();
        (self.location, self.description) = Default::default();
        std::mem::take(&mut self.subscriptions)
    }
}
