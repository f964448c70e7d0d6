//! Judges what the core does with one input: where datagrams go, how large they are, that what it says and what it does
//! agree. Follows sessions by the report events alone, so that it shares no state with the core. Source: design 2, 8.

use ragchew_core::Core;
use ragchew_core::config::Policy;
use ragchew_core::control::{ControlCommand, ControlOutcome, ControlRefusal, ControlRequest};
use ragchew_core::dmr::{Burst, Flco, LcCarrier, full_lc};
use ragchew_core::effects::{Effects, FRAME_LEN, Payload};
use ragchew_core::id::{RfTg, Slot};
use ragchew_core::limits::{CONTROL_ROWS, EFFECTS_SOFT_LIMIT, MAX_ECHOES, MAX_STATIC, MAX_USER_ACTIVATED};
use ragchew_core::net::Path;
use ragchew_core::report::{CallTag, What};
use ragchew_core::wire::hbp::{DmrdView, FrameKind, ServerMessage, TalkerAliasView};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::clients::IDS;

/// What the core was asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    Datagram(Path, &'a [u8]),
    Deadline,
    Replace,
    Control(ControlRequest),
    Drain,
}

/// A running session, as the events tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) client: u32,
    pub(super) path: Path,
}

/// One datagram that leaves.
#[derive(Clone, Debug, Hash)]
pub(super) struct Sent {
    pub(super) path: Path,
    pub(super) bytes: Vec<u8>,
    /// Receiver and slot of a burst.
    pub(super) voice: Option<(u32, Slot)>,
}

/// Sessions and calls as the events tell.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) running: BTreeMap<u64, Live>,
    calls: BTreeSet<u64>,
    /// Every call that ever began.
    begun: Vec<CallTag>,
    /// Lines that an echo was played to; also those of sessions that ended since, perhaps in the same late turn.
    echoes: BTreeSet<(u64, Slot)>,
    draining: bool,
    /// Whether a client hears its own call on its other slot, when it is subscribed there.
    own_other_slot: bool,
    /// How often each address was told that a client's session is closed since the end began.
    pub(super) told: BTreeMap<(SocketAddr, u32), usize>,
}

/// Everything in `effects` that is to be sent.
pub(super) fn rendered(effects: &Effects) -> Vec<Sent> {
    let render = |transmit: &ragchew_core::effects::Transmit| {
        let mut buffer = [0; FRAME_LEN];
        let length = effects.render(transmit, &mut buffer);
        let voice = match transmit.payload {
            Payload::Voice { client, slot, .. } => Some((client.0, slot)),
            Payload::Control(_) => None,
        };
        Sent { path: transmit.path, bytes: buffer[..length].to_vec(), voice }
    };
    effects.transmits().iter().map(render).collect()
}

impl Oracle {
    /// An oracle that saw nothing yet.
    pub(super) fn new(policy: Policy) -> Self {
        Self { own_other_slot: policy.self_other_slot, ..Self::default() }
    }

    /// Judges one input and learns from it.
    pub(super) fn judge(&mut self, asked: Asked<'_>, core: &Core, effects: &Effects, sent: &[Sent]) {
        let before = self.running.clone();
        if self.draining && matches!(asked, Asked::Datagram(..) | Asked::Replace) {
            assert!(
                sent.is_empty() && effects.events().is_empty(),
                "nothing is done for anybody while the server stops"
            );
        }
        self.reply(asked, effects, sent);
        self.draining |= matches!(asked, Asked::Drain);
        let (mut moved, mut ended) = (false, false);
        for event in effects.events() {
            moved |= matches!(event.what, What::Moved { .. });
            ended |= matches!(event.what, What::Disconnected { .. });
            match event.retold {
                true => self.recognise(event.what),
                false => self.learn(asked, event.what),
            }
        }
        bounded(asked, effects, before.len());
        for one in sent {
            legible(one);
            match one.voice {
                Some(receiver) => self.voice(asked, &before, one, receiver),
                None => self.control(&before, one),
            }
        }
        if let Asked::Datagram(path, bytes) = asked {
            stranger(path, bytes, sent, &before, ended);
            answers_go_back(path, sent, moved);
            if let Ok(frame) = DmrdView::parse(bytes) {
                sent.iter().for_each(|one| carried(path, bytes, &frame, one));
            }
        }
        self.tables(core);
    }

    /// A request, and nothing else, has one answer; telling again sends nothing, and while the server stops nothing else is
    /// done for operators.
    fn reply(&self, asked: Asked<'_>, effects: &Effects, sent: &[Sent]) {
        let Asked::Control(request) = asked else {
            return assert!(effects.replies().is_empty() && effects.events().iter().all(|event| !event.retold));
        };
        let [reply] = effects.replies() else { panic!("{} answers to {request:?}", effects.replies().len()) };
        assert_eq!(reply.id, request.id);
        let tells = matches!(request.command, ControlCommand::Resync(_) | ControlCommand::Retell(_));
        match reply.outcome {
            ControlOutcome::Told(_) => assert!(tells && sent.is_empty() && effects.events().len() <= CONTROL_ROWS),
            ControlOutcome::Refused(why) => {
                assert!(!tells && sent.is_empty() && effects.events().is_empty(), "{request:?}");
                assert_eq!(why == ControlRefusal::Draining, self.draining);
            }
            ControlOutcome::Kicked(0) | ControlOutcome::Unlinked(0) => panic!("nothing is not done"),
            _ => assert!(!self.draining && !tells, "{request:?}"),
        }
    }

    /// What is told again is so.
    fn recognise(&self, what: What) {
        match what {
            What::Gone { session } => assert!(!self.running.contains_key(&session.0), "{session:?} runs"),
            What::CallStarted { call, .. } => assert!(self.calls.contains(&call.call.0), "{call:?} is over"),
            _ => {
                let session = what.session().expect("it is told of a session");
                assert!(self.running.contains_key(&session.0), "{what:?} of nobody");
            }
        }
    }

    fn learn(&mut self, asked: Asked<'_>, what: What) {
        match what {
            What::Connected { who, remote, .. } => {
                let Asked::Datagram(path, _) = asked else { panic!("connected without a datagram") };
                assert_eq!(path.remote, remote);
                let live = Live { client: who.client.0, path };
                if let Some(known) = self.running.insert(who.session.0, live) {
                    assert!(known.client == live.client && known.path.same_endpoint(&path), "a session moved");
                }
            }
            What::Disconnected { who, .. } => {
                self.running.remove(&who.session.0);
            }
            What::CallStarted { call, .. } => {
                assert!(self.running.contains_key(&call.from.session.0), "a call of nobody");
                assert!(self.calls.insert(call.call.0), "a call begins once");
                self.begun.push(call);
            }
            What::CallEnded { call, .. } => assert!(self.calls.remove(&call.call.0), "a call ends once"),
            What::EchoStarted { who, slot, .. } => {
                assert!(self.running.contains_key(&who.session.0), "an echo to nobody");
                self.echoes.insert((who.session.0, slot));
            }
            _ => {}
        }
    }

    /// A burst goes to a client that runs, or ran until this input, and never back to the line that it came from.
    fn voice(&self, asked: Asked<'_>, before: &BTreeMap<u64, Live>, one: &Sent, (client, slot): (u32, Slot)) {
        let is_it = |live: &Live| live.client == client && live.path.same_endpoint(&one.path);
        let receiver = before.iter().chain(&self.running).find(|(_, live)| is_it(live));
        let Some((session, _)) = receiver else { panic!("voice to {client} at {:?}, who does not run", one.path) };
        let frame = DmrdView::parse(&one.bytes).expect("voice is a DMRD");
        assert_eq!((frame.client().0, frame.slot()), (client, slot));
        assert!(frame.stream().0 != 0 && !frame.is_unit(), "{frame:?}");
        match asked {
            Asked::Datagram(path, bytes) => {
                if let Ok(asked) = DmrdView::parse(bytes) {
                    let own = asked.client().0 == client && path.same_endpoint(&one.path);
                    let line = asked.slot() == slot || !self.own_other_slot;
                    // Keying up may take away, in single mode, the talkgroup that was being heard: that call is heard to end.
                    // It may bear the same stream number, but comes from somebody else.
                    let others = frame.stream() != asked.stream() || self.spoke_elsewhere(&frame, asked.client().0);
                    let ends = frame.kind() == FrameKind::Terminator && others;
                    assert!(!(own && line) || ends, "voice back to the line, or the client, that it came from");
                }
            }
            Asked::Deadline => {
                let echo = self.echoes.contains(&(*session, slot));
                assert!(echo || frame.kind() == FrameKind::Terminator, "{:?} out of nothing", frame.kind());
            }
            Asked::Replace | Asked::Drain | Asked::Control(_) => assert_eq!(frame.kind(), FrameKind::Terminator),
        }
    }

    /// Whether another client than `client` began a call with the stream and the radio of `frame`.
    fn spoke_elsewhere(&self, frame: &DmrdView<'_>, client: u32) -> bool {
        let is_it = |call: &&CallTag| (call.stream, call.source) == (frame.stream(), frame.source());
        self.begun.iter().filter(is_it).any(|call| call.from.client.0 != client)
    }

    fn control(&mut self, before: &BTreeMap<u64, Live>, one: &Sent) {
        let live = |live: &Live| live.path.remote == one.path.remote;
        match ServerMessage::parse(&one.bytes) {
            Ok(ServerMessage::Nak(client)) => {
                assert!(client.is_some(), "a refusal names the client");
                assert!(!before.values().any(live), "MSTNAK to the live address {}", one.path.remote);
            }
            Ok(ServerMessage::Close(client)) if self.draining => {
                let client = client.expect("a notice names the client");
                *self.told.entry((one.path.remote, client.0)).or_default() += 1;
            }
            Ok(ServerMessage::Ack(_) | ServerMessage::Pong(_) | ServerMessage::Close(_)) => {}
            Err(_) => {
                assert!(TalkerAliasView::parse(&one.bytes).is_ok());
                let runs = before.values().any(|live| live.path.same_endpoint(&one.path));
                assert!(runs, "a talker alias to somebody who does not run");
            }
            other => panic!("a server like this does not send {other:?}"),
        }
    }

    fn tables(&self, core: &Core) {
        let sizes = core.table_sizes();
        assert_eq!(core.running_sessions(), self.running.len(), "sessions that run, as the events tell");
        assert!(sizes.sessions >= self.running.len() && sizes.sessions <= 2 * IDS.len(), "{sizes:?}");
        let of_a_line = MAX_STATIC + MAX_USER_ACTIVATED + 4;
        assert!(sizes.subscriptions <= 2 * of_a_line * self.running.len(), "{sizes:?}");
        assert!(sizes.conferences <= sizes.subscriptions + sizes.live_calls, "{sizes:?}");
        assert!(sizes.live_calls <= 2 * self.running.len(), "{sizes:?}");
        assert!(self.calls.len() <= sizes.live_calls, "{sizes:?}, {} calls told", self.calls.len());
        assert!(sizes.echoes <= MAX_ECHOES.min(2 * self.running.len()), "{sizes:?}");
    }
}

/// No input makes more effects than those whom it concerns.
fn bounded(asked: Asked<'_>, effects: &Effects, running: usize) {
    // Two lines of every client, each with the end of a call, a header and a frame.
    let everybody = 8 + 6 * running;
    let (transmits, events) = match asked {
        Asked::Datagram(..) => (everybody, 1_024),
        Asked::Deadline => (EFFECTS_SOFT_LIMIT + everybody, 4_096),
        Asked::Replace | Asked::Drain | Asked::Control(_) => (everybody * (1 + running), 1_024 * (1 + running)),
    };
    assert!(effects.transmits().len() <= transmits, "{} transmits of {asked:?}", effects.transmits().len());
    assert!(effects.events().len() <= events, "{} events of {asked:?}", effects.events().len());
}

/// Whoever gets it can read it.
fn legible(one: &Sent) {
    let message = ServerMessage::parse(&one.bytes);
    let alias = TalkerAliasView::parse(&one.bytes);
    assert!(message.is_ok() || alias.is_ok(), "nobody can read {:02x?}", one.bytes);
    let unspecified = one.path.remote.ip().is_unspecified() || one.path.remote.port() == 0;
    assert!(!unspecified && one.bytes.len() <= FRAME_LEN);
}

/// A stranger gets at most one answer, hardly longer than the question, and nothing else moves but when it proves to be
/// a client that it takes over.
fn stranger(path: Path, bytes: &[u8], sent: &[Sent], before: &BTreeMap<u64, Live>, ended: bool) {
    if before.values().any(|live| live.path.remote == path.remote) {
        return;
    }
    let back: usize = sent.iter().filter(|one| one.path.remote == path.remote).map(|one| one.bytes.len()).sum();
    assert!(back <= bytes.len() + 2, "{back} octets to a stranger who sent {}", bytes.len());
    assert!(sent.len() <= 1 || ended, "{} datagrams because of a stranger", sent.len());
    assert!(ended || sent.iter().all(|one| one.voice.is_none()), "voice because of a stranger");
}

/// Answers leave on the path of the question; what goes elsewhere is a notice of a takeover or an alias.
fn answers_go_back(path: Path, sent: &[Sent], moved: bool) {
    for one in sent.iter().filter(|one| one.voice.is_none() && one.path != path) {
        let closes = moved && one.bytes.starts_with(b"MSTCL");
        assert!(closes || one.bytes.starts_with(b"DMRA"), "{:02x?} goes to {:?}", one.bytes, one.path);
    }
}

/// A frame that is passed on is the one that came, but for declared ranges.
fn carried(path: Path, bytes: &[u8], frame: &DmrdView<'_>, one: &Sent) {
    let Ok(out) = DmrdView::parse(&one.bytes) else { return };
    let same = (out.stream(), out.seq(), out.bits() & 0x7f) == (frame.stream(), frame.seq(), frame.bits() & 0x7f);
    if !same {
        return;
    }
    assert_eq!(
        (out.source(), out.ber(), out.rssi()),
        (frame.source(), frame.ber(), frame.rssi()),
        "{path:?} {bytes:02x?}"
    );
    let (came, left) = (Burst(*frame.burst()), Burst(*out.burst()));
    if out.destination_raw() == frame.destination_raw() && !speaks_of_another_call(frame) {
        assert_eq!(left, came, "unchanged under the same number");
        return;
    }
    assert!(!speaks_of_another_call(&out), "no radio is told of another call");
    let mut restored = left;
    match frame.kind() {
        FrameKind::VoiceHeader | FrameKind::Terminator => restored.set_info(came.info()),
        FrameKind::Voice(_) => restored.set_fragment(came.fragment()),
        _ => {}
    }
    assert_eq!(restored, came, "nothing but the link control changes under another number");
}

/// Whether the LC of a header or terminator can be read and is of another call than its DMRD.
fn speaks_of_another_call(frame: &DmrdView<'_>) -> bool {
    let carrier = match frame.kind() {
        FrameKind::VoiceHeader => LcCarrier::Header,
        FrameKind::Terminator => LcCarrier::Terminator,
        _ => return false,
    };
    let Ok(lc) = full_lc::decode(Burst(*frame.burst()).info(), carrier) else { return false };
    let destination = RfTg(frame.destination_raw()).to_bytes();
    (lc.flco(), lc.destination(), lc.source()) != (Flco::GroupVoice, destination, frame.source())
}
