//! What may be observed: events of sessions, subscriptions and calls, as plain `Copy` data without heap. Observes only;
//! never steers anything. Source: `freedmr2-design.md` §12 and 18.7, design §5.

use crate::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use crate::refusal::Refusal;
use crate::time::{Span, Wall};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Something that happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportEvent {
    /// Wall-clock time of the input that caused it.
    pub at: Wall,
    /// What happened.
    pub what: What,
}

/// A client's session, as events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTag {
    /// Number of the session.
    pub session: SessionNo,
    /// The listener it came by.
    pub listener: ListenerId,
    /// The client's DMR ID.
    pub client: ClientId,
}

/// The identity of a call, as events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTag {
    /// Number of the call.
    pub call: CallNo,
    /// Who brought it.
    pub from: SessionTag,
    /// Stream identity on the wire.
    pub stream: StreamId,
    /// The radio that speaks.
    pub source: RadioId,
    /// The slot on which it came.
    pub slot: Slot,
    /// The talkgroup on RF.
    pub rf_tg: RfTg,
    /// Where it goes.
    pub destination: Destination,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// To the subscribers of a conference.
    Conference(ConferenceTg),
    /// Back to the client that made it, after its end.
    Echo,
    /// Nowhere, and why.
    Nowhere(Refusal),
}

/// Whence a subscription came: data on it, not a second way of routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubscriptionSource {
    /// The configuration's statics, or the client's OPTIONS.
    Static,
    /// A talkgroup map of the configuration.
    Map,
    /// The default reflector.
    DefaultReflector,
    /// The client keyed up on it.
    UserActivated,
}

/// Why a subscription ended or paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// Its timer ran out.
    Expired,
    /// Single mode: another talkgroup was keyed.
    Displaced,
    /// Group call to TG 4000.
    Unlinked,
    /// OPTIONS or the configuration no longer name it.
    Removed,
    /// More user-activated talkgroups than a slot may have.
    Oldest,
    /// Single mode paused a static; it comes back.
    Suspended,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The client said so.
    Closed,
    /// Nothing valid came for 60 s.
    TimedOut,
    /// The client logged in anew, from the same address or another.
    LoggedInAgain,
    /// Its RPTC could not be taken.
    Refused,
    /// The configuration no longer admits it.
    Removed,
    /// The server stops.
    Drained,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// Its terminator came.
    Terminator,
    /// No frame for 5 s.
    Timeout,
    /// The same radio began another call.
    Replaced,
    /// It reached the talk limit.
    TooLong,
    /// Its session ended.
    SessionEnded,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are named by their types.
pub enum What {
    /// A client asked for a challenge and got it.
    LoginStarted { listener: ListenerId, client: ClientId, remote: SocketAddr },
    /// A login was refused.
    LoginRefused { listener: ListenerId, client: ClientId, remote: SocketAddr, why: Refusal },
    /// The passphrase was right.
    Authenticated { who: SessionTag, remote: SocketAddr },
    /// The login is complete; `callsign` is padded with NUL.
    Connected {
        who: SessionTag,
        remote: SocketAddr,
        callsign: [u8; 8],
        rx_hz: u32,
        tx_hz: u32,
        colour_code: u8,
        slots: u8,
    },
    /// What the client runs; padded with NUL.
    Software { who: SessionTag, software: [u8; 40], package: [u8; 40] },
    /// What the client says of itself; padded with NUL.
    Described { who: SessionTag, callsign: [u8; 8], location: [u8; 20], description: [u8; 19] },
    /// OPTIONS took effect; `voided` items were not understood.
    Options { who: SessionTag, statics: [u16; 2], single: bool, dial: ConferenceTg, ua_timer: Span, voided: u16 },
    /// OPTIONS were refused whole.
    OptionsRefused { who: SessionTag, why: Refusal },
    /// A session ended.
    Disconnected { who: SessionTag, remote: SocketAddr, cause: SessionEnd },
    /// A client is now at another address; the old one was told.
    Moved { who: SessionTag, from: SocketAddr, to: SocketAddr },
    /// A subscription began, a paused one came back, or one has another source now.
    Subscribed { who: SessionTag, slot: Slot, rf_tg: RfTg, conference: ConferenceTg, source: SubscriptionSource },
    /// A subscription ended or paused. Those of a session that ends go with it and are not told one by one.
    Unsubscribed { who: SessionTag, slot: Slot, rf_tg: RfTg, conference: ConferenceTg, cause: SubscriptionEnd },
    /// A call began.
    CallStarted { call: CallTag, late_entry: bool },
    /// A call ended. `frames` were accepted, `lost` missed, `reordered` came too late.
    CallEnded { call: CallTag, cause: CallEnd, duration: Span, frames: u32, lost: u32, reordered: u32 },
    /// Frames of a stream were refused; said once per stream and reason.
    CallRefused { who: SessionTag, stream: StreamId, source: RadioId, slot: Slot, destination: u32, why: Refusal },
    /// The server plays an echo back.
    EchoStarted { who: SessionTag, slot: Slot, rf_tg: RfTg, frames: u32 },
    /// The new configuration is in force.
    Reloaded { kept: u32, closed: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_copied_in_at_most_128_bytes() {
        fn copied<T: Copy + Send + 'static>() -> usize {
            size_of::<T>()
        }
        assert!(copied::<ReportEvent>() <= 128, "{}", copied::<ReportEvent>());
    }
}
