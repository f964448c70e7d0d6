//! Replays a capture against a core of its own: the clients of the capture say what they said, at the times at which they
//! said it; a virtual client, the far end, hears them and says what the recorded server sent them from elsewhere. Owns the
//! clock of the replay and what came of it; opens no socket. Source: design §2 (scripted salts), §9; `wire.md` 1.2, 1.7.

mod compare;
mod golden;
mod scene;
mod stage;

use crate::capture::{Break, Capture};
use ragchew_core::Config;
use ragchew_core::access::acl::Acl;
use ragchew_core::config::{Defaults, Listener, ListenerAcl, Passphrase, may_be_static};
use ragchew_core::id::{ClientId, ListenerId, RfTg, StreamId};
use ragchew_core::limits::MAX_STATIC;
use ragchew_core::net::SocketId;
use ragchew_core::refusal::Refusal;
use ragchew_core::time::{Span, Wall};
use ragchew_core::wire::hbp::{DmrdView, dmrd};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

pub use compare::{Difference, Frames};
pub use golden::{FirstDifference, REVIEW, first_difference};
pub use scene::SceneError;

use scene::Scene;
use stage::Stage;

/// The socket of ours on which everything in a replay arrives.
pub const SOCKET: SocketId = SocketId(0);

/// The virtual client that is everybody who is not in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarEnd {
    /// Its address: by default one that is reserved for documentation (RFC 5737).
    pub address: SocketAddr,
    /// Its ID: by default 1, which no real client may have (`wire.md` 1.1).
    pub client: ClientId,
}

impl Default for FarEnd {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 62_031)), client: ClientId(1) }
    }
}

/// What a replay needs besides the capture.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server's address; none: where the clients log in.
    pub server: Option<SocketAddr>,
    /// The configuration. Its first listener gets everything, on [`SOCKET`]; the others have no part.
    pub config: Config,
    /// The far end.
    pub far_end: FarEnd,
}

/// Nanoseconds since the first datagram of the capture, and the capture's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timed {
    since: Span,
    wall: Wall,
}

impl Timed {
    fn start(wall: Wall) -> Self {
        Self { since: Span(0), wall }
    }
}

/// A step of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// It got a challenge.
    Challenged,
    /// Its passphrase was right.
    Authenticated,
    /// It is logged in; its callsign, unprintable bytes shown as `?`.
    Running(String),
    /// It was refused.
    Refused(Refusal),
    /// Its session ended, and why.
    Ended(&'static str),
}

/// A datagram that the core sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Milliseconds since the first datagram of the capture; negative while the far end logs in.
    pub at_ms: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The datagram of the capture that it answers.
    answers: Option<usize>,
}

/// A client of the capture, or the far end.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its ID, if it ever said one.
    pub client: Option<ClientId>,
    /// Its address.
    pub address: SocketAddr,
    /// What became of its logins, with milliseconds since the first datagram of the capture.
    pub logins: Vec<(i64, Login)>,
    /// Whether it was logged in at the end.
    pub running: bool,
    /// Frames that it said, by stream.
    pub said: BTreeMap<StreamId, u64>,
    /// What it was sent, in order.
    pub sent: Vec<Sent>,
    /// What was refused while its datagrams were worked off, by name.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Party {
    fn new(client: Option<ClientId>, address: SocketAddr) -> Self {
        Self {
            client,
            address,
            logins: Vec::new(),
            running: false,
            said: BTreeMap::new(),
            sent: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Frames that it was sent.
    pub fn frames(&self) -> impl Iterator<Item = DmrdView<'_>> {
        self.sent.iter().filter_map(|sent| DmrdView::parse(&sent.bytes).ok())
    }

    /// Frames that it was sent, by stream.
    pub fn heard(&self) -> BTreeMap<StreamId, u64> {
        let mut heard = BTreeMap::new();
        for frame in self.frames() {
            *heard.entry(frame.stream()).or_insert(0) += 1;
        }
        heard
    }
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The server of the capture.
    pub server: SocketAddr,
    /// Group talkgroups of the capture, on slot 1 and slot 2.
    pub talkgroups: [BTreeSet<u32>; 2],
    /// The clients of the capture, in the order in which they appear.
    pub clients: Vec<Party>,
    /// The far end.
    pub far_end: Party,
    /// What was sent to anybody else; a core without fault sends nothing there.
    pub elsewhere: Vec<(SocketAddr, Sent)>,
    /// In what the core's answers and frames differ from the recorded ones.
    pub differences: Vec<Difference>,
    /// Where the capture broke off; everything before was replayed.
    pub broken: Option<Break>,
}

/// A configuration for a capture without one: a listener with `passphrase`, whose clients are subscribed to every
/// talkgroup of the capture that may be static.
///
/// # Errors
/// When the capture shows no server, or several and none is named.
pub fn default_config(
    capture: &Capture,
    server: Option<SocketAddr>,
    passphrase: Passphrase,
) -> Result<Config, SceneError> {
    let scene = Scene::of(capture, server)?;
    let listener = Listener {
        id: ListenerId(0),
        name: "replay".into(),
        sockets: vec![SOCKET],
        passphrase,
        max_clients: u32::MAX,
        acl: ListenerAcl { register: Acl::permit_all_clients(), ..ListenerAcl::default() },
        defaults: Defaults { statics: statics(&scene.talkgroups), ..Defaults::default() },
        clients: Vec::new(),
    };
    Ok(Config { listeners: vec![listener], ..Config::default() })
}

/// Replays `capture`.
///
/// # Errors
/// When the capture shows no server, or several and none is named; when the far end is somebody of the capture.
pub fn replay(capture: &Capture, setup: &Setup) -> Result<Replay, SceneError> {
    let scene = Scene::of(capture, setup.server)?;
    let far_end = &setup.far_end;
    if scene.clients.iter().any(|c| c.address == far_end.address || c.id == Some(far_end.client)) {
        return Err(SceneError::FarEndTaken);
    }
    let mut stage = Stage::new(&scene, setup);
    stage.play();
    let (clients, far_end, elsewhere) = stage.into_parts();
    let differences = compare::differences(&scene, &clients, &far_end);
    Ok(Replay {
        server: scene.server,
        talkgroups: scene.talkgroups,
        clients,
        far_end,
        elsewhere,
        differences,
        broken: capture.broken.clone(),
    })
}

fn statics(talkgroups: &[BTreeSet<u32>; 2]) -> [Vec<RfTg>; 2] {
    [0, 1].map(|slot| {
        let all = talkgroups.get(slot).into_iter().flatten();
        all.filter(|&&tg| may_be_static(tg)).take(MAX_STATIC).map(|&tg| RfTg(tg)).collect()
    })
}

/// A frame in the form that is sent, with another client in bytes 11–14.
fn with_client(frame: &DmrdView<'_>, client: ClientId) -> [u8; dmrd::LENGTH] {
    let mut bytes = frame.to_frame();
    bytes[dmrd::CLIENT].copy_from_slice(&client.to_bytes());
    bytes
}
