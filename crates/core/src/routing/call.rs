//! A call: one stream of voice on its way from a client's slot to wherever it goes. Owns the record; what happens to it
//! stands in `ingress`, `deliver` and `ending`. Source: `behaviour.md` 3.1 to 3.5.

use crate::id::{ConferenceTg, Slot};
use crate::limits::{MAX_ALIAS_PER_CALL, STREAM_TIMEOUT, TALK_LIMIT};
use crate::refs::{ConferenceRef, EchoRef, SessionRef, SubscriptionRef};
use crate::refusal::Refusal;
use crate::report::CallTag;
use crate::routing::memory::StreamKey;
use crate::routing::presentation::Presentation;
use crate::routing::progress::Progress;
use crate::time::{Mono, Wall};
use serde::{Deserialize, Serialize};

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Route {
    /// To the subscribers of a conference.
    Conference(ConferenceRef),
    /// Into a recording that comes back.
    Echo(EchoRef),
    /// Nowhere, and why.
    Nowhere(Refusal),
}

/// One call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) tag: CallTag,
    pub(crate) session: SessionRef,
    pub(crate) slot: Slot,
    pub(crate) key: StreamKey,
    pub(crate) route: Route,
    /// The speaker's own subscription.
    pub(crate) subscription: Option<SubscriptionRef>,
    /// P-1 `activate_only`: what the speaker joins when the call is over.
    pub(crate) joins: Option<ConferenceTg>,
    pub(crate) started: Mono,
    /// The same for people.
    pub(crate) began: Wall,
    /// It began without a header.
    pub(crate) late_entry: bool,
    /// Last frame that was new.
    pub(crate) last: Mono,
    /// It has ended by the talk limit; the record stays until the transmission really stops.
    pub(crate) too_long: bool,
    pub(crate) progress: Progress,
    pub(crate) presentation: Presentation,
    pub(crate) alias_left: u8,
}

impl Call {
    /// Alias datagrams that a call may pass on.
    pub(crate) const ALIASES: u8 = MAX_ALIAS_PER_CALL;

    /// When something happens to it if no frame comes.
    pub(crate) fn deadline(&self) -> Mono {
        let silent = self.last + STREAM_TIMEOUT;
        if self.too_long { silent } else { silent.min(self.started + TALK_LIMIT) }
    }
}
