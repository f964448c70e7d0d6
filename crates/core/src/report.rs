//! What may be observed: events of sessions, subscriptions and calls, as plain `Copy` data without heap, their classes and
//! their number in the stream. The versioned contract of everything that tells the world; `docs/events.md` describes it.
//! Observes only; never steers anything. Source: `freedmr2-design.md` §12 and 18.7, design §5.

mod text;

pub use text::Text;

use crate::id::{CallNo, ClientId, ConferenceTg, ListenerId, RadioId, RfTg, SessionNo, Slot, StreamId};
use crate::net::endpoint;
use crate::refusal::Refusal;
use crate::time::{Span, Wall};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Version of this contract: one more whenever an event or a field of one changes its meaning or goes away. New events and
/// new fields leave it as it is.
pub const SCHEMA: u16 = 1;

/// How much an event matters when there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// One of many of its kind; goes first.
    Sample,
    /// How something is now. The newest counts: what was lost is told again when there is room.
    State,
    /// A begin or an end, which nothing later repeats; kept longest.
    Edge,
}

impl Class {
    /// Every class, from the one that goes first.
    pub const ALL: [Self; 3] = [Self::Sample, Self::State, Self::Edge];

    /// 0 to 2, for tables of three.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// An event with its place in the stream of one boot. A number that is missing is an event that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// 1 for the first, then one more each.
    pub seq: u64,
    /// What happened.
    pub event: ReportEvent,
}

/// Something that happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportEvent {
    /// Wall-clock time of the input that caused it; of an event that is told again, of the first one where it is known.
    pub at: Wall,
    /// It is not new: it says once more how things are, because somebody may have missed it.
    pub retold: bool,
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
#[serde(rename_all = "snake_case")]
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
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// An operator closed it.
    Kicked,
    /// The server stops.
    Drained,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The fields are named by their types.
pub enum What {
    /// A client asked for a challenge and got it.
    LoginStarted {
        listener: ListenerId,
        client: ClientId,
        #[serde(with = "endpoint")]
        remote: SocketAddr,
    },
    /// A login was refused.
    LoginRefused {
        listener: ListenerId,
        client: ClientId,
        #[serde(with = "endpoint")]
        remote: SocketAddr,
        why: Refusal,
    },
    /// The passphrase was right.
    Authenticated {
        who: SessionTag,
        #[serde(with = "endpoint")]
        remote: SocketAddr,
    },
    /// The login is complete.
    Connected {
        who: SessionTag,
        #[serde(with = "endpoint")]
        remote: SocketAddr,
        callsign: Text<8>,
        rx_hz: u32,
        tx_hz: u32,
        colour_code: u8,
        /// The digit in which the client says it: 1, 2, 3 (both), 4 (simplex), `?` for none of them. In JSON the number.
        #[serde(with = "digit")]
        slots: u8,
    },
    /// What the client runs.
    Software { who: SessionTag, software: Text<40>, package: Text<40> },
    /// What the client says of itself.
    Described { who: SessionTag, callsign: Text<8>, location: Text<20>, description: Text<19> },
    /// OPTIONS took effect; `voided` items were not understood.
    Options {
        who: SessionTag,
        statics: [u16; 2],
        single: bool,
        dial: ConferenceTg,
        #[serde(rename = "ua_timer_ms", with = "millis")]
        ua_timer: Span,
        voided: u16,
    },
    /// OPTIONS were refused whole.
    OptionsRefused { who: SessionTag, why: Refusal },
    /// A session ended.
    Disconnected {
        who: SessionTag,
        #[serde(with = "endpoint")]
        remote: SocketAddr,
        cause: SessionEnd,
    },
    /// A client is now at another address; the old one was told.
    Moved {
        who: SessionTag,
        #[serde(with = "endpoint")]
        from: SocketAddr,
        #[serde(with = "endpoint")]
        to: SocketAddr,
    },
    /// A subscription began, a paused one came back, or one has another source now.
    Subscribed { who: SessionTag, slot: Slot, rf_tg: RfTg, conference: ConferenceTg, source: SubscriptionSource },
    /// A subscription ended or paused. Those of a session that ends go with it and are not told one by one.
    Unsubscribed { who: SessionTag, slot: Slot, rf_tg: RfTg, conference: ConferenceTg, cause: SubscriptionEnd },
    /// A call began.
    CallStarted { call: CallTag, late_entry: bool },
    /// A call ended. `frames` were accepted, `lost` missed, `reordered` came too late.
    CallEnded {
        call: CallTag,
        cause: CallEnd,
        #[serde(rename = "duration_ms", with = "millis")]
        duration: Span,
        frames: u32,
        lost: u32,
        reordered: u32,
    },
    /// Frames of a stream were refused; said once per stream and reason.
    CallRefused { who: SessionTag, stream: StreamId, source: RadioId, slot: Slot, destination: u32, why: Refusal },
    /// An operator had the session closed; [`What::Disconnected`] follows.
    Kicked { who: SessionTag },
    /// What follows about this session replaces everything that was known of it.
    Retold { who: SessionTag },
    /// There is no such session any more: its end was lost.
    Gone { session: SessionNo },
    /// Everything that there is will be told once more: what is not told until [`What::ResyncEnded`] is gone.
    ResyncBegan { epoch: u32 },
    /// Everything was told that there is.
    ResyncEnded { epoch: u32 },
    /// The server plays an echo back.
    EchoStarted { who: SessionTag, slot: Slot, rf_tg: RfTg, frames: u32 },
    /// The new configuration is in force.
    Reloaded { kept: u32, closed: u32 },
}

impl What {
    /// How much it matters.
    pub const fn class(&self) -> Class {
        match self {
            Self::CallStarted { .. }
            | Self::CallEnded { .. }
            | Self::Kicked { .. }
            | Self::Reloaded { .. }
            | Self::ResyncBegan { .. }
            | Self::ResyncEnded { .. } => Class::Edge,
            Self::Connected { .. }
            | Self::Software { .. }
            | Self::Described { .. }
            | Self::Options { .. }
            | Self::Disconnected { .. }
            | Self::Moved { .. }
            | Self::Retold { .. }
            | Self::Gone { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribed { .. } => Class::State,
            Self::LoginStarted { .. }
            | Self::LoginRefused { .. }
            | Self::Authenticated { .. }
            | Self::OptionsRefused { .. }
            | Self::CallRefused { .. }
            | Self::EchoStarted { .. } => Class::Sample,
        }
    }

    /// The session whose state it tells, if it is of [`Class::State`]: what has to be told again when it is lost.
    pub const fn session(&self) -> Option<SessionNo> {
        match self {
            Self::Connected { who, .. }
            | Self::Software { who, .. }
            | Self::Described { who, .. }
            | Self::Options { who, .. }
            | Self::Disconnected { who, .. }
            | Self::Moved { who, .. }
            | Self::Retold { who }
            | Self::Subscribed { who, .. }
            | Self::Unsubscribed { who, .. } => Some(who.session),
            Self::Gone { session } => Some(*session),
            _ => None,
        }
    }
}

/// A digit as a number where people read it, 0 for what is none; as it is elsewhere.
mod digit {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digit: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        let number = char::from(*digit).to_digit(10).unwrap_or(0) as u8;
        let readable = serializer.is_human_readable();
        serializer.serialize_u8(if readable { number } else { *digit })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        let readable = deserializer.is_human_readable();
        let number = u8::deserialize(deserializer)?;
        Ok(match number {
            _ if !readable => number,
            1..=9 => b'0' + number,
            _ => b'?',
        })
    }
}

/// A length of time as whole milliseconds where people read it, as nanoseconds elsewhere.
mod millis {
    use crate::time::Span;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = serializer.is_human_readable();
        serializer.serialize_u64(if readable { span.as_millis() } else { span.0 })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let readable = deserializer.is_human_readable();
        let number = u64::deserialize(deserializer)?;
        Ok(if readable { Span::millis(number) } else { Span(number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_copied_in_at_most_128_bytes() {
        fn copied<T: Copy + Send + 'static>() -> usize {
            size_of::<T>()
        }
        assert!(copied::<Numbered>() <= 128, "{}", copied::<Numbered>());
    }
}
