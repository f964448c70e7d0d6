//! The story of a capture, in the order of its beginning: every message given to the room that understands it, calls kept
//! open until they end. Owns the ends of calls and runs of pings; knows no words. Source: `wire.md` 1.7, 6 (trap 12).

use super::bridge::{self, Origin};
use super::data::DataCall;
use super::entry::{Entry, Wire, clean};
use super::frame::{self, Frame};
use super::keep::{Kept, Lane, Placed, Unknown};
use super::links::{Links, Message};
use super::session::{self, Session, Told};
use super::voice::VoiceCall;
use super::{Detail, Lens};
use crate::limits::TOLD_PARTIES;
use ragchew_core::id::{ClientId, Slot, StreamId};
use ragchew_core::time::{Span, Wall};
use ragchew_core::wire::hbp::{ClientMessage, DmrdView, FrameKind, Local, ServerMessage};
use ragchew_transport::capture::{Capture, Datagram};
use std::collections::BTreeMap;
use std::io;

/// A longer silence ends a voice call.
const VOICE_GAP: Span = Span::secs(2);
/// A longer silence ends a data call.
const DATA_GAP: Span = Span::secs(3);

/// What frames of sessions and of the local dialect count as; others have their link's protocol.
const HBP: &str = "HBP";

/// Lane, protocol, slot, stream.
type VoiceKey = (Lane, &'static str, Slot, StreamId);
/// Lane, protocol, slot, source, destination, private.
type DataKey = (Lane, &'static str, Slot, u32, u32, bool);

/// A capture of which it is known who is who.
pub(super) struct Story<'a> {
    pub(super) capture: &'a Capture,
    lens: &'a Lens,
    pub(super) links: Links,
    /// Datagrams that are told.
    pub(super) datagrams: u64,
    /// When the first and the last of them were captured.
    pub(super) span: Option<(Wall, Wall)>,
}

/// What is known when everything is told.
pub(super) struct Ending {
    pub(super) unknown: Unknown,
    /// Voice and data calls.
    pub(super) calls: u64,
    /// Datagrams that are understood and not told, because the story holds what it may.
    pub(super) left_out: u64,
}

impl<'a> Story<'a> {
    /// Learns who is who.
    pub(super) fn open(capture: &'a Capture, lens: &'a Lens) -> Self {
        let links = Links::find(wanted(capture, lens));
        let mut story = Self { capture, lens, links, datagrams: 0, span: None };
        for datagram in wanted(capture, lens) {
            story.datagrams += 1;
            story.span = Some((story.span.map_or(datagram.at, |(first, _)| first), datagram.at));
        }
        story
    }

    /// Tells everything to `sink`, in order of time; message by message it is the order of the file, and nothing is kept.
    ///
    /// # Errors
    /// The first of `sink`, after which nothing more is told.
    pub(super) fn tell(&self, sink: &mut dyn FnMut(&Entry) -> io::Result<()>) -> io::Result<Ending> {
        let mut teller = Teller::new(self.lens, &self.links);
        for datagram in wanted(self.capture, self.lens) {
            teller.datagram(datagram);
            if self.lens.detail == Detail::Messages {
                teller.kept.drain().try_for_each(|entry| sink(&entry))?;
            }
        }
        let (kept, unknown) = teller.finish();
        let (entries, left_out) = kept.finish();
        entries.iter().try_for_each(sink)?;
        Ok(Ending { unknown, calls: entries.iter().filter(|entry| entry.is_call()).count() as u64, left_out })
    }
}

/// The datagrams that are told.
fn wanted<'a>(capture: &'a Capture, lens: &Lens) -> impl Iterator<Item = &'a Datagram> + use<'a> {
    let port = lens.port;
    let wanted = move |datagram: &&Datagram| {
        port.is_none_or(|port| [datagram.source.port(), datagram.destination.port()].contains(&port))
    };
    capture.datagrams.iter().filter(wanted)
}

struct Teller<'a> {
    lens: &'a Lens,
    links: &'a Links,
    kept: Kept,
    sessions: BTreeMap<Lane, Session>,
    voice: BTreeMap<VoiceKey, VoiceCall>,
    data: BTreeMap<DataKey, DataCall>,
    unknown: Unknown,
}

impl<'a> Teller<'a> {
    fn new(lens: &'a Lens, links: &'a Links) -> Self {
        Self {
            lens,
            links,
            kept: Kept::new(lens.detail),
            sessions: BTreeMap::new(),
            voice: BTreeMap::new(),
            data: BTreeMap::new(),
            unknown: Unknown::default(),
        }
    }

    fn datagram(&mut self, datagram: &Datagram) {
        let Datagram { at, source, destination, payload } = datagram;
        let wire = |id: Option<ClientId>| self.links.wire(*source, *destination, id);
        let bridge = |network: Option<ClientId>| self.links.bridge(*source, *destination, network);
        match Message::read(payload) {
            Message::Frame(view)
            | Message::Client(ClientMessage::Frame(view))
            | Message::Server(ServerMessage::Frame(view)) => {
                let wire = wire(Some(view.client()));
                self.frame(&Frame { at: *at, wire, view, origin: None });
            }
            Message::OpenBridge(view) => {
                let origin = Origin::openbridge(&view, self.lens);
                self.bridged(*at, bridge(Some(origin.network)), view.frame(), origin);
            }
            Message::Fbp(view) => {
                let origin = Origin::fbp(&view, self.lens);
                self.bridged(*at, bridge(Some(origin.network)), view.frame(), origin);
            }
            Message::Retired(view) => {
                let origin = Origin::retired(&view, self.lens);
                self.bridged(*at, bridge(Some(origin.network)), view.frame(), origin);
            }
            Message::Control(view) => {
                let entry = bridge::control(*at, bridge(None), &view, self.lens);
                self.kept.usual(entry);
            }
            Message::Client(ClientMessage::Local(local)) => {
                let entry = local_entry(*at, wire(None), &local);
                self.kept.usual(entry);
            }
            Message::Client(message) => {
                let wire = wire(message.client());
                let ping = matches!(message, ClientMessage::Ping { .. });
                self.said((*source, *destination), ping, |session, lens| session.client(*at, wire, &message, lens));
            }
            Message::Server(message) => {
                let wire = wire(server_id(&message));
                let pong = matches!(message, ServerMessage::Pong(_));
                self.said((*destination, *source), pong, |session, lens| session.server(*at, wire, &message, lens));
            }
            Message::Unknown(why) => {
                self.unknown.count(why.name(), source.port(), destination.port());
            }
        }
    }

    /// A message of a session. One for which there is no room is told, if at all, as if it were the first of its session.
    fn said(&mut self, lane: Lane, keepalive: bool, tell: impl FnOnce(&mut Session, &Lens) -> Told) {
        if self.lens.detail == Detail::Calls {
            return;
        }
        let mut passing = Session::default();
        let room = self.sessions.len() < TOLD_PARTIES || self.sessions.contains_key(&lane);
        let session = if room { self.sessions.entry(lane).or_default() } else { &mut passing };
        let told = tell(session, self.lens);
        if !room && self.lens.detail == Detail::Story {
            self.kept.leave_out(1);
            return;
        }
        self.told(told, lane, keepalive);
    }

    /// What a session told; anything new but pings and their answers ends a run of pings.
    fn told(&mut self, told: Told, lane: Lane, keepalive: bool) {
        match told {
            Told::Entry(entry) => {
                let placed = self.kept.message(*entry);
                if !keepalive && placed != Placed::Folded {
                    self.settle(lane);
                }
            }
            Told::FirstPing(entry) => {
                let placed = self.kept.alone(*entry);
                let pings = self.sessions.get_mut(&lane).and_then(|session| session.pings.as_mut());
                if let (Placed::New(place), Some(pings)) = (placed, pings) {
                    pings.entry = place;
                }
            }
            Told::Folded => {}
        }
    }

    fn settle(&mut self, lane: Lane) {
        let pings = self.sessions.get_mut(&lane).and_then(|session| session.pings.take());
        let Some(pings) = pings.filter(|_| self.lens.detail == Detail::Story) else { return };
        match self.kept.entry(pings.entry) {
            Some(entry) => pings.settle(entry),
            // The first of them was counted when it came.
            None => self.kept.leave_out(pings.datagrams() - 1),
        }
    }

    fn bridged(&mut self, at: Wall, wire: Wire, view: DmrdView<'_>, origin: Origin) {
        self.frame(&Frame { at, wire, view, origin: Some(origin) });
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        if self.lens.detail == Detail::Messages {
            self.kept.alone(frame::message(frame, self.lens));
            return;
        }
        let (view, lane) = (&frame.view, (frame.wire.from, frame.wire.to));
        let protocol = frame.origin.map_or(HBP, |origin| origin.protocol);
        match view.kind() {
            kind if kind.is_voice() => self.voice_frame(frame, (lane, protocol, view.slot(), view.stream())),
            kind if kind.is_data() || matches!(kind, FrameKind::Reserved(_)) => {
                let key = (lane, protocol, view.slot(), view.source().0, view.destination_raw(), view.is_unit());
                self.data_frame(frame, key);
            }
            kind => {
                let why = if kind == FrameKind::Idle { "idle_frame" } else { "bad_frame_type" };
                self.unknown.count(why, lane.0.port(), lane.1.port());
            }
        }
    }

    fn voice_frame(&mut self, frame: &Frame<'_>, key: VoiceKey) {
        if let Some(call) = self.voice.get_mut(&key) {
            let again = call.ended && frame.view.kind() == FrameKind::VoiceHeader;
            if !again && frame.at.0.saturating_sub(call.last().0) <= VOICE_GAP.0 {
                call.take(frame);
                return;
            }
        }
        if !self.kept.call_begins() {
            return;
        }
        if let Some(over) = self.voice.insert(key, VoiceCall::begin(frame)) {
            self.voice_over(key, over);
        }
    }

    fn voice_over(&mut self, ((from, to), protocol, ..): VoiceKey, call: VoiceCall) {
        let clients = self.links.clients(from, to).filter(|_| protocol == HBP);
        let entry = call.finish(self.lens, clients);
        self.kept.call(entry);
    }

    fn data_frame(&mut self, frame: &Frame<'_>, key: DataKey) {
        if let Some(call) = self.data.get_mut(&key) {
            if frame.at.0.saturating_sub(call.last().0) <= DATA_GAP.0 {
                call.take(frame);
                return;
            }
        }
        if !self.kept.call_begins() {
            return;
        }
        if let Some(over) = self.data.insert(key, DataCall::begin(frame)) {
            self.kept.call(over.finish());
        }
    }

    fn finish(mut self) -> (Kept, Unknown) {
        for lane in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.settle(lane);
        }
        for (key, call) in std::mem::take(&mut self.voice) {
            self.voice_over(key, call);
        }
        for (_, call) in std::mem::take(&mut self.data) {
            self.kept.call(call.finish());
        }
        (self.kept, self.unknown)
    }
}

/// The client's ID in a message of a server. What stands there after a challenge is a salt, which is nobody's ID.
fn server_id(message: &ServerMessage<'_>) -> Option<ClientId> {
    match message {
        ServerMessage::Ack(id) => id.map(ClientId::from_bytes),
        ServerMessage::Nak(id) | ServerMessage::Close(id) => *id,
        ServerMessage::Pong(id) => Some(*id),
        ServerMessage::Beacon(_) | ServerMessage::Frame(_) | ServerMessage::Trunking(_) => None,
    }
}

/// A message between MMDVMHost and its gateway.
fn local_entry(at: Wall, wire: Wire, local: &Local<'_>) -> Entry {
    match local {
        Local::Ping => Entry::new(at, wire, "local_ping", "ping of the gateway (DMRP)"),
        Local::Beacon => Entry::new(at, wire, "local_beacon", "asks for a beacon (DMRB)"),
        Local::Config(view) => {
            let config = ragchew_core::wire::hbp::LocalConfig::from(*view);
            let (callsign, software) = (clean(config.callsign.as_bytes()), clean(config.software.as_bytes()));
            let slots = session::slots_words(config.slots);
            let words = format!("configuration of MMDVMHost (DMRC): {callsign}, {slots}, software {software}");
            Entry::new(at, wire, "local_configuration", words)
                .with("callsign", callsign)
                .with("slots", slots)
                .with("software", software)
                .with("rx_hz", config.rx_frequency)
                .with("tx_hz", config.tx_frequency)
        }
    }
}
