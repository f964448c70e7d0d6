//! Every limit of the core, with unit and reason. Owns the numbers; never the state they bound. Source: design §8,
//! `behaviour.md` 0.6, `wire.md` 1.3.

use crate::rate::Rate;
use crate::time::Span;

/// A stream counts as live for contention this long after its last frame (STREAM_TO).
pub const STREAM_LIVE: Span = Span::millis(360);
/// A stream without frames ends after this; until then it may resume.
pub const STREAM_TIMEOUT: Span = Span::secs(5);
/// How long an ended stream is remembered, so that late copies do not start it again.
pub const STREAM_MEMORY: Span = Span::secs(180);
/// A stream without frames for this long may be started again by burst A under the same id.
pub const STREAM_RESTART: Span = Span::secs(2);
/// After this long without an accepted frame any sequence number is accepted.
pub const SEQUENCE_RESYNC: Span = Span::secs(1);
/// Longest transmission.
pub const TALK_LIMIT: Span = Span::secs(180);
/// Frames of a stream before its rate is looked at.
pub const RATE_GUARD_FREE_FRAMES: u64 = 18;
/// Highest average rate of a stream, frames per second (nominal: 16.7).
pub const RATE_GUARD_PER_SECOND: u64 = 25;
/// Frames of a stream whose content is remembered, to recognise repeats.
pub const RECENT_FRAMES: usize = 64;
/// Streams remembered in all, live ones included; the one that ended first goes.
pub const MAX_STREAMS: usize = 65_536;
/// New streams that one slot of a client may begin: a burst, then one per second. Kerchunking is legal, flooding the
/// stream memory is not.
pub const STREAM_STARTS: Rate = Rate::new(8, Span::secs(1));

/// A session without a valid packet for this long is closed (six pings of a client).
pub const SESSION_TIMEOUT: Span = Span::secs(60);
/// RPTCL is obeyed after this, unless the session shows life: a forged one must not end a call.
pub const CLOSE_GRACE: Span = Span::secs(2);
/// Sessions in all, over all listeners.
pub const MAX_SESSIONS: usize = 65_536;
/// Length of a challenge epoch; a challenge is valid for one to two of them.
pub const CHALLENGE_EPOCH: Span = Span::secs(60);
/// A client ID may move to another address once in this time.
pub const TAKEOVER_INTERVAL: Span = Span::secs(10);
/// RPTL and, apart, RPTK per source (an IPv4 address or an IPv6 /64).
pub const LOGIN_PER_SOURCE: Rate = Rate::new(10, Span::millis(500));
/// RPTL and, apart, RPTK per client ID and address.
pub const LOGIN_PER_CLIENT: Rate = Rate::new(3, Span::secs(10));
/// Failed RPTK of one client ID and address before it is ignored for [`FAILED_LOGIN_PAUSE`].
pub const FAILED_LOGINS: u8 = 5;
/// How long a client ID and address that guessed wrong is ignored.
pub const FAILED_LOGIN_PAUSE: Span = Span::secs(30);
/// MSTNAK per source.
pub const NAK_PER_SOURCE: Rate = Rate::new(5, Span::millis(200));
/// MSTNAK in all.
pub const NAK_TOTAL: Rate = Rate::new(1_000, Span::millis(1));
/// Events about strangers, in all.
pub const STRANGER_EVENTS: Rate = Rate::new(200, Span::millis(20));
/// Rows of four buckets in each table of strangers (64 bytes a row).
pub const STRANGER_ROWS: usize = 2_048;
/// OPTIONS of a session.
pub const OPTIONS_RATE: Rate = Rate::new(5, Span::secs(1));

/// Static talkgroups per client and slot.
pub const MAX_STATIC: usize = 64;
/// User-activated talkgroups per client and slot; the oldest goes.
pub const MAX_USER_ACTIVATED: usize = 32;
/// Subscriptions in all.
pub const MAX_SUBSCRIPTIONS: usize = 1_048_576;
/// Talker alias datagrams (DMRA) passed on per call: four blocks, four times.
pub const MAX_ALIAS_PER_CALL: u8 = 16;

/// Echoes at once, else busy.
pub const MAX_ECHOES: usize = 64;
/// Silence between the end of a call to the echo and its playback.
pub const ECHO_DELAY: Span = Span::secs(2);
/// How long a playback waits for its slot to become free before it is given up.
pub const ECHO_PATIENCE: Span = Span::secs(10);
/// Frames of one echo: the talk limit at 60 ms a frame.
pub const ECHO_FRAMES: usize = (TALK_LIMIT.0 / FRAME_INTERVAL.0) as usize;
/// One burst of one slot.
pub const FRAME_INTERVAL: Span = Span::millis(60);

/// Entries of the deadline heap that one input works off.
pub const DEADLINES_PER_TURN: usize = 256;
/// Transmits after which the shell flushes, also inside a batch.
pub const EFFECTS_SOFT_LIMIT: usize = 2_048;
/// Copies of MSTCL that a client gets when the server stops.
pub const DRAIN_COPIES: u8 = 3;
/// Time between those copies.
pub const DRAIN_INTERVAL: Span = Span::millis(20);
