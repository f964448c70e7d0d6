//! Every limit of the core, with unit and reason, as constants and as one table that the manual is tested against. Owns the
//! numbers; never the state they bound. Source: design §8, `behaviour.md` 0.6, `wire.md` 1.3.

use crate::rate::Rate;
use crate::time::Span;

/// A limit, as the manual shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name of the constant.
    pub name: &'static str,
    /// Its value with its unit.
    pub value: String,
    /// What it bounds and why.
    pub reason: &'static str,
}

/// A value that can be said with its unit.
pub trait Said {
    /// With `unit`, where the value has none of its own.
    fn said(&self, unit: &str) -> String;
}

impl Said for Span {
    fn said(&self, _unit: &str) -> String {
        match self.as_millis() {
            0 => format!("{} ns", self.0),
            millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
            millis => format!("{millis} ms"),
        }
    }
}

impl Said for Rate {
    fn said(&self, unit: &str) -> String {
        format!("{}, then one per {}", self.burst, self.per_token.said(unit))
    }
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {
        $(impl Said for $number {
            fn said(&self, unit: &str) -> String {
                format!("{self} {unit}").trim_end().to_owned()
            }
        })*
    };
}
whole_numbers!(u8 u32 u64 usize);

/// Makes constants, and `limits()` that lists them.
#[macro_export]
macro_rules! limits {
    ($($(#[doc = $reason:literal])+ $name:ident: $kind:ty = $value:expr $(, $unit:literal)?;)+) => {
        $($(#[doc = $reason])+ pub const $name: $kind = $value;)+

        /// Every limit of this room, in the order of the file.
        pub fn limits() -> Vec<$crate::limits::Limit> {
            vec![$($crate::limits::Limit {
                name: stringify!($name),
                value: $crate::limits::Said::said(&$name, concat!($($unit)?)),
                reason: concat!($($reason),+).trim(),
            },)+]
        }
    };
}

limits! {
    /// A stream counts as live for contention this long after its last frame (STREAM_TO).
    STREAM_LIVE: Span = Span::millis(360);
    /// A stream without frames ends after this; until then it may resume.
    STREAM_TIMEOUT: Span = Span::secs(5);
    /// How long an ended stream is remembered, so that late copies do not start it again.
    STREAM_MEMORY: Span = Span::secs(180);
    /// A stream without frames for this long may be started again by burst A under the same id.
    STREAM_RESTART: Span = Span::secs(2);
    /// After this long without an accepted frame any sequence number is accepted.
    SEQUENCE_RESYNC: Span = Span::secs(1);
    /// Longest transmission.
    TALK_LIMIT: Span = Span::secs(180);
    /// Frames of a stream before its rate is looked at.
    RATE_GUARD_FREE_FRAMES: u64 = 18, "frames";
    /// Highest average rate of a stream, frames per second (nominal: 16.7).
    RATE_GUARD_PER_SECOND: u64 = 25, "frames per second";
    /// Frames of a stream that may come at once, whatever its average: a stall of three seconds that is caught up.
    RATE_GUARD_BURST: Rate = Rate::new(50, Span::millis(40));
    /// Frames of a stream whose content is remembered, to recognise repeats.
    RECENT_FRAMES: usize = 64, "frames";
    /// Streams remembered in all, live ones included; the one that ended first goes.
    MAX_STREAMS: usize = 65_536, "streams";
    /// Calls in all: one on each slot of each session. With the places of former ones, more are not read from a snapshot.
    MAX_CALLS: usize = 2 * MAX_SESSIONS, "calls";
    /// New streams that one slot of a client may begin: a burst, then one per second. Kerchunking is legal, flooding the
    /// stream memory is not.
    STREAM_STARTS: Rate = Rate::new(8, Span::secs(1));

    /// A session without a valid packet for this long is closed (six pings of a client).
    SESSION_TIMEOUT: Span = Span::secs(60);
    /// RPTCL is obeyed after this, unless the session shows life: a forged one must not end a call.
    CLOSE_GRACE: Span = Span::secs(2);
    /// Sessions in all, over all listeners.
    MAX_SESSIONS: usize = 65_536, "sessions";
    /// Length of a challenge epoch; a challenge is valid for one to two of them.
    CHALLENGE_EPOCH: Span = Span::secs(60);
    /// A client ID may move to another address once in this time.
    TAKEOVER_INTERVAL: Span = Span::secs(10);
    /// RPTL and, apart, RPTK per source (an IPv4 address or an IPv6 /64).
    LOGIN_PER_SOURCE: Rate = Rate::new(10, Span::millis(500));
    /// RPTL and, apart, RPTK per client ID and address.
    LOGIN_PER_CLIENT: Rate = Rate::new(3, Span::secs(10));
    /// Failed RPTK of one client ID and address before it is ignored for FAILED_LOGIN_PAUSE.
    FAILED_LOGINS: u8 = 5, "answers";
    /// After this long without another one, failed RPTK are forgotten.
    FAILED_LOGIN_MEMORY: Span = Span::secs(600);
    /// How long a client ID and address that guessed wrong is ignored.
    FAILED_LOGIN_PAUSE: Span = Span::secs(30);
    /// MSTNAK per source.
    NAK_PER_SOURCE: Rate = Rate::new(5, Span::millis(200));
    /// MSTNAK in all.
    NAK_TOTAL: Rate = Rate::new(1_000, Span::millis(1));
    /// Events about strangers, in all.
    STRANGER_EVENTS: Rate = Rate::new(200, Span::millis(20));
    /// Rows of four buckets in each table of strangers (64 bytes a row).
    STRANGER_ROWS: usize = 2_048, "rows";
    /// OPTIONS of a session.
    OPTIONS_RATE: Rate = Rate::new(5, Span::secs(1));

    /// Static talkgroups per client and slot.
    MAX_STATIC: usize = 64, "talkgroups";
    /// Maps of one client, at most.
    MAX_MAPS: usize = 64, "maps";
    /// User-activated talkgroups per client and slot; the oldest goes.
    MAX_USER_ACTIVATED: usize = 32, "talkgroups";
    /// How far ahead a subscription's time is put into the heap of deadlines; until then it is looked at anew.
    SUBSCRIPTION_LOOK: Span = Span::secs(60);
    /// Subscriptions in all.
    MAX_SUBSCRIPTIONS: usize = 1_048_576, "subscriptions";
    /// Events about refused streams, per slot of a client.
    REFUSAL_EVENTS: Rate = Rate::new(8, Span::secs(1));
    /// Refused streams per slot that are remembered as told.
    TOLD_REFUSALS: usize = 4, "streams";
    /// Numbers under which one call is kept coded, in pairs that share a place; with more, the older of a pair goes.
    CODED_NUMBERS: usize = 16, "numbers";
    /// Talker alias datagrams (DMRA) passed on per call: four blocks, four times.
    MAX_ALIAS_PER_CALL: u8 = 16, "datagrams";

    /// Echoes at once, else busy.
    MAX_ECHOES: usize = 64, "echoes";
    /// Frames of an echo that one turn plays when it is late.
    ECHO_FRAMES_PER_TURN: usize = 8, "frames";
    /// Buffers of former echoes that are kept for the next ones, 120 KB each.
    SPARE_ECHOES: usize = 8, "buffers";
    /// Silence between the end of a call to the echo and its playback.
    ECHO_DELAY: Span = Span::secs(2);
    /// How long a playback waits for its slot to become free before it is given up.
    ECHO_PATIENCE: Span = Span::secs(10);
    /// Frames of one echo: the talk limit at 60 ms a frame.
    ECHO_FRAMES: usize = (TALK_LIMIT.0 / FRAME_INTERVAL.0) as usize, "frames";
    /// One burst of one slot.
    FRAME_INTERVAL: Span = Span::millis(60);

    /// Entries of the deadline heap that one input works off.
    DEADLINES_PER_TURN: usize = 256, "entries";
    /// Transmits after which the shell flushes, also inside a batch.
    EFFECTS_SOFT_LIMIT: usize = 2_048, "transmits";
    /// Events that one request of an operator may cause.
    CONTROL_ROWS: usize = 64, "rows";
    /// Copies of MSTCL that a client gets when the server stops.
    DRAIN_COPIES: u8 = 3, "copies";
    /// Time between those copies.
    DRAIN_INTERVAL: Span = Span::millis(20);
}
