//! The words that stand in the tables. Owns them: they are a contract with whoever selects by them. Source: `reporting.md` 3.4.

use ragchew_core::report::{CallEnd, SessionEnd, SubscriptionSource};

/// The end was not told: it is only known that it is over.
pub(super) const LOST: &str = "lost";

pub(super) const fn call_end(cause: CallEnd) -> &'static str {
    match cause {
        CallEnd::Terminator => "terminator",
        CallEnd::Timeout => "timeout",
        CallEnd::Replaced => "replaced",
        CallEnd::TooLong => "too_long",
        CallEnd::SessionEnded => "session_ended",
    }
}

pub(super) const fn session_end(cause: SessionEnd) -> &'static str {
    match cause {
        SessionEnd::Closed => "closed",
        SessionEnd::TimedOut => "timed_out",
        SessionEnd::LoggedInAgain => "logged_in_again",
        SessionEnd::Refused => "refused",
        SessionEnd::Removed => "removed",
        SessionEnd::Kicked => "kicked",
        SessionEnd::Drained => "drained",
    }
}

pub(super) const fn source(source: SubscriptionSource) -> &'static str {
    match source {
        SubscriptionSource::Static => "static",
        SubscriptionSource::Map => "map",
        SubscriptionSource::DefaultReflector => "default_reflector",
        SubscriptionSource::UserActivated => "user_activated",
    }
}
