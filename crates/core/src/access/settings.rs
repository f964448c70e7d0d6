//! What a session's talkgroups and habits are: the listener's defaults, what differs for the client, and its OPTIONS on
//! top. Owns the merging; the configuration itself is never changed. Source: `behaviour.md` 1.7, 1.8 and fault F-58.

use crate::access::options::{Options, Wanted};
use crate::config::{Language, Listener, TgMap, UaTimer};
use crate::id::{ClientId, ConferenceTg, RfTg, Slot};
use crate::time::Span;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The settings of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Static talkgroups, in order.
    pub(crate) statics: SmallVec<[Wanted; 1]>,
    /// Talkgroup maps of the configuration; OPTIONS do not touch them.
    pub(crate) maps: Box<[TgMap]>,
    /// Default reflector.
    pub(crate) dial: Option<ConferenceTg>,
    pub(crate) single: bool,
    pub(crate) ua_timer: UaTimer,
    pub(crate) hang_time: Span,
    pub(crate) language: Language,
    pub(crate) ident: bool,
    pub(crate) ident_tg: Option<RfTg>,
}

impl Settings {
    /// What a session of `client` begins with.
    pub(crate) fn of(listener: &Listener, client: ClientId) -> Self {
        let defaults = &listener.defaults;
        let own = listener.client(client);
        let statics = Slot::BOTH
            .into_iter()
            .flat_map(|slot| {
                let at = slot.index();
                let list = own.and_then(|o| o.statics[at].as_ref()).unwrap_or(&defaults.statics[at]);
                list.iter().map(move |&rf_tg| Wanted { slot, rf_tg, conference: ConferenceTg(rf_tg.0) })
            })
            .collect();
        Self {
            statics,
            maps: own.map(|o| o.map.as_slice().into()).unwrap_or_default(),
            dial: own.and_then(|o| o.dial).unwrap_or(defaults.dial),
            single: own.and_then(|o| o.single).unwrap_or(defaults.single),
            ua_timer: own.and_then(|o| o.ua_timer).unwrap_or(defaults.ua_timer),
            hang_time: own.and_then(|o| o.hang_time).unwrap_or(defaults.hang_time),
            language: own.and_then(|o| o.language).unwrap_or(defaults.language),
            ident: own.and_then(|o| o.ident).unwrap_or(defaults.ident),
            ident_tg: defaults.ident_tg,
        }
    }

    /// Begins anew under another configuration, with what the client has `asked` for on top; the statics of its last text
    /// stand here already.
    pub(crate) fn renew(&mut self, listener: &Listener, client: ClientId, asked: Option<&Options>) {
        let former = core::mem::replace(self, Self::of(listener, client));
        if let Some(asked) = asked {
            self.apply(asked);
            self.statics = former.statics;
        }
    }

    /// Puts `options` on top: what they do not name stays, but for the statics, which they always set.
    pub(crate) fn apply(&mut self, options: &Options) {
        self.statics = options.statics.as_slice().into();
        if let Some(dial) = options.dial {
            self.dial = dial;
        }
        if let Some(ident_tg) = options.ident_tg {
            self.ident_tg = ident_tg;
        }
        self.single = options.single.unwrap_or(self.single);
        self.ua_timer = options.ua_timer.unwrap_or(self.ua_timer);
        self.ident = options.ident.unwrap_or(self.ident);
        self.language = options.language.unwrap_or(self.language);
    }
}
