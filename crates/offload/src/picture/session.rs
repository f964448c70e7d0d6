//! A session of the picture with its subscriptions. Owns their form in memory, which is kept small: a full server has tens of
//! thousands. Source: design §5.

use ragchew_core::id::{ConferenceTg, RfTg, Slot};
use ragchew_core::report::{SessionTag, SubscriptionSource, Text};
use ragchew_core::time::{Span, Wall};
use smallvec::SmallVec;
use std::net::{Ipv4Addr, SocketAddr};

/// What a session is subscribed to; one needs no memory of its own.
pub(super) type Few = SmallVec<[Subscription; 1]>;

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
    /// What it runs, and how it describes itself.
    pub(super) words: Words,
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

/// Texts of a client without their padding, which is most of them: their lengths, then their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(Box<[u8]>);

/// Texts in [`Words`].
const TEXTS: usize = 4;
/// Places of software and package.
pub(super) const SOFTWARE: usize = 0;
/// Places of location and description.
pub(super) const DESCRIPTION: usize = 2;

impl Words {
    fn bytes(&self, at: usize) -> &[u8] {
        let Some((lengths, texts)) = self.0.split_first_chunk::<TEXTS>() else { return &[] };
        let before = lengths.iter().take(at).map(|&length| usize::from(length)).sum::<usize>();
        let length = lengths.get(at).map_or(0, |&length| usize::from(length));
        texts.get(before..before + length).unwrap_or_default()
    }

    fn text<const N: usize>(&self, at: usize) -> Text<N> {
        Text::new(self.bytes(at))
    }

    /// Replaces the text at `at` and the one behind it.
    pub(super) fn put<const M: usize, const N: usize>(&mut self, at: usize, first: &Text<M>, second: &Text<N>) {
        let texts: [&[u8]; TEXTS] = std::array::from_fn(|place| match place {
            _ if place == at => unpadded(first.as_bytes()),
            _ if place == at + 1 => unpadded(second.as_bytes()),
            _ => self.bytes(place),
        });
        // The longest text has 40 octets.
        let lengths = texts.iter().map(|text| text.len() as u8);
        self.0 = lengths.chain(texts.iter().copied().flatten().copied()).collect();
    }
}

fn unpadded(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
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
            words: Words::default(),
            options: None,
            is_connected: false,
            has_software: false,
            is_described: false,
            told: 0,
            subscriptions: Few::new(),
        }
    }

    /// What it runs.
    pub fn software(&self) -> Text<40> {
        self.words.text(SOFTWARE)
    }

    /// The package that this is of.
    pub fn package(&self) -> Text<40> {
        self.words.text(SOFTWARE + 1)
    }

    /// Where it says that it is.
    pub fn location(&self) -> Text<20> {
        self.words.text(DESCRIPTION)
    }

    /// What it says of itself.
    pub fn description(&self) -> Text<19> {
        self.words.text(DESCRIPTION + 1)
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
        self.words = Words::default();
        std::mem::take(&mut self.subscriptions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_texts_leaves_the_other_alone_and_keeps_only_its_padding_out() {
        let mut words = Words::default();
        let (software, package) = (Text::<40>::new(&[b'x'; 40]), Text::<40>::new(b"MMDVM_HS"));
        words.put(SOFTWARE, &software, &package);
        words.put(DESCRIPTION, &Text::<20>::new(b""), &Text::<19>::new(b"a b\0c"));
        assert_eq!((words.text::<40>(SOFTWARE), words.text::<40>(SOFTWARE + 1)), (software, package));
        assert_eq!(words.text::<20>(DESCRIPTION), Text::default());
        assert_eq!(words.text::<19>(DESCRIPTION + 1), Text::new(b"a b\0c"));
        assert_eq!(words.0.len(), TEXTS + 40 + 8 + 5);
        words.put(SOFTWARE, &package, &software);
        assert_eq!((words.text::<40>(SOFTWARE), words.text::<40>(SOFTWARE + 1)), (package, software));
        assert_eq!(words.text::<19>(DESCRIPTION + 1), Text::new(b"a b\0c"));
    }
}
