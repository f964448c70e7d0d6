//! The words of the field for what the core reports: names of causes, the marks that operators search for, figures of a
//! call. Pure. Source: `reporting.md` 8.

use super::Level;
use ragchew_core::refusal::Refusal;
use ragchew_core::report::{SessionEnd, SubscriptionEnd, SubscriptionSource};
use ragchew_core::time::Span;

pub(super) fn source_name(source: SubscriptionSource) -> &'static str {
    match source {
        SubscriptionSource::Static => "static",
        SubscriptionSource::Map => "map",
        SubscriptionSource::DefaultReflector => "default_reflector",
        SubscriptionSource::UserActivated => "user_activated",
    }
}

/// Name and marker of the end of a subscription.
pub(super) fn subscription_end(cause: SubscriptionEnd) -> (&'static str, &'static str) {
    match cause {
        SubscriptionEnd::Expired => ("expired", "(ROUTER) Conference Bridge TIMEOUT"),
        SubscriptionEnd::Displaced => ("displaced", "(ROUTER) Conference Bridge DEACTIVATE"),
        SubscriptionEnd::Unlinked => ("unlinked", "(ROUTER) Conference Bridge DEACTIVATE"),
        SubscriptionEnd::Removed => ("removed", "(ROUTER) Conference Bridge DEACTIVATE"),
        SubscriptionEnd::Oldest => ("oldest", "(ROUTER) Conference Bridge DEACTIVATE"),
        SubscriptionEnd::Suspended => ("suspended", "(ROUTER) Conference Bridge SUSPENDED"),
    }
}

/// What operators grep for, by the kind of the reason.
pub(super) fn refusal_marker(why: Refusal) -> &'static str {
    match why {
        Refusal::SubscriberAcl | Refusal::TalkgroupAcl => "CALL DROPPED BY SYSTEM ACL",
        Refusal::Loop => "*LoopControl*",
        Refusal::RateGuard
        | Refusal::TooLongCall
        | Refusal::Duplicate
        | Refusal::Late
        | Refusal::StreamStarts
        | Refusal::TooManyStreams
        | Refusal::OtherAddressing => "*PacketControl*",
        Refusal::NullStream | Refusal::BadFrameType | Refusal::BadSource | Refusal::BadDestination => "*ProtoControl*",
        _ => "Call not routed",
    }
}

/// Length, rate and loss of a call with two decimals, as the field writes them.
pub(super) struct CallFigures {
    /// Seconds.
    pub(super) seconds: String,
    /// Frames per second.
    pub(super) rate: String,
    /// Per cent.
    pub(super) loss: String,
}

impl CallFigures {
    pub(super) fn new(duration: Span, frames: u32, lost: u32) -> Self {
        let seconds = duration.0 as f64 / 1e9;
        let rate = if duration.0 == 0 { 0.0 } else { f64::from(frames) / seconds };
        let sent = f64::from(frames) + f64::from(lost);
        let loss = if sent == 0.0 { 0.0 } else { f64::from(lost) * 100.0 / sent };
        Self { seconds: format!("{seconds:.2}"), rate: format!("{rate:.2}"), loss: format!("{loss:.2}") }
    }
}

/// Name, marker and level of the end of a session.
pub(super) fn session_end(cause: SessionEnd) -> (&'static str, &'static str, Level) {
    match cause {
        SessionEnd::Closed => ("closed", "is closing down", Level::Info),
        SessionEnd::TimedOut => ("timed_out", "has timed out and is being removed", Level::Info),
        SessionEnd::LoggedInAgain => ("logged_in_again", "logged in again", Level::Info),
        SessionEnd::Refused => {
            ("refused", "sent a configuration that could not be taken and is being removed", Level::Warning)
        }
        SessionEnd::Removed => ("removed", "is no longer admitted and is being removed", Level::Warning),
        SessionEnd::Kicked => ("kicked", "is disconnected by an operator", Level::Warning),
        SessionEnd::Drained => ("drained", "De-Registration sent to Peer", Level::Info),
    }
}
