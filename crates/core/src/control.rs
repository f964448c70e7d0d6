//! What operators may ask of the packet plane, and the one answer to each. Owns the words; every action is carried out by the
//! owner of the state. At most [`CONTROL_ROWS`] rows are told for one request, so that a list never holds up a packet.
//! Source: design §1 (`control`), §5, R-240 to R-246.

use crate::id::{ClientId, ListenerId, RfTg, SessionNo, Slot};
use crate::limits::CONTROL_ROWS;
use serde::{Deserialize, Serialize};

/// Number of a request, chosen by whoever asks; the answer carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// One thing that is asked of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRequest {
    /// For the answer.
    pub id: RequestId,
    /// What to do.
    pub command: ControlCommand,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlCommand {
    /// Closes the sessions of a client and tells it (MSTCL); it may log in again.
    Kick {
        /// Whom.
        client: ClientId,
        /// On this listener alone.
        listener: Option<ListenerId>,
    },
    /// Drops user-activated talkgroups of a client, as a group call to TG 4000 would on one slot; at most [`CONTROL_ROWS`]
    /// of them.
    Unlink {
        /// Whose.
        client: ClientId,
        /// On this slot alone.
        slot: Option<Slot>,
        /// This talkgroup alone.
        rf_tg: Option<RfTg>,
    },
    /// From now on new calls and logins are refused as [`crate::refusal::Refusal::Draining`]; what runs goes on. `false`
    /// takes it back.
    LastCalls(bool),
    /// Tells one page of everything that there is, between `ResyncBegan` and `ResyncEnded`. The answer says where the next
    /// page begins.
    Resync(Cursor),
    /// Tells everything about one session once more, from this place in it; of a session that is gone, that it is.
    Retell(Cursor),
}

/// Where a page begins. The default is the very beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The session at which to go on: this one, or the first behind it.
    pub session: SessionNo,
    /// The slot whose subscriptions are being told, from the last to the first so that nothing that comes or goes meanwhile
    /// makes one be passed over, and how many of them are left. None: all of both slots, and the session itself.
    pub left: Option<(Slot, u32)>,
    /// Number of the resync, told in its first and last event.
    pub epoch: u32,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// Of the request.
    pub id: RequestId,
    /// What came of it.
    pub outcome: ControlOutcome,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlOutcome {
    /// So many sessions were closed.
    Kicked(u32),
    /// So many talkgroups were dropped.
    Unlinked(u32),
    /// New calls and logins are refused, or no more so; so many calls are on the air.
    LastCalls {
        /// Calls that go on.
        calls: u32,
    },
    /// A page was told; where the next one begins, if there is one.
    Told(Option<Cursor>),
    /// Nothing was done.
    Refused(ControlRefusal),
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlRefusal {
    /// No client of this ID is logged in (there).
    NoSuchClient,
    /// The client has no user-activated talkgroup of that number there.
    NoSuchTalkgroup,
    /// The server is about to stop.
    Draining,
}

impl ControlRefusal {
    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoSuchClient => "no client of this ID is logged in there",
            Self::NoSuchTalkgroup => {
                "the client has no talkgroup there that it keyed up itself; statics are changed in the configuration or in its OPTIONS"
            }
            Self::Draining => "the server is about to stop",
        }
    }
}

const _: () = assert!(CONTROL_ROWS <= 64, "design §5: at most 64 rows a request");
