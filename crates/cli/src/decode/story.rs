//! The story of a capture, in the order of its beginning: every message given to the room that understands it, calls kept
//! open until they end. Owns the ends of calls and the folding of repeats; knows no words. Source: `wire.md` 1.7, 6 (trap 12).

use super::bridge::{self, Origin};
use super::data::DataCall;
use super::entry::{Entry, Wire, clean};
use super::frame::{self, Frame};
use super::links::{Links, Message};
use super::session::{self, Session, Told};
use super::voice::VoiceCall;
use super::{Detail, Lens};
use ragchew_core::id::{ClientId, Slot, StreamId};
use ragchew_core::time::{Span, Wall};
use ragchew_core::wire::hbp::{ClientMessage, DmrdView, FrameKind, Local, ServerMessage};
use ragchew_transport::capture::{Capture, Datagram};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

/// A longer silence ends a voice call.
const VOICE_GAP: Span = Span::secs(2);
/// A longer silence ends a data call.
const DATA_GAP: Span = Span::secs(3);

/// What frames of sessions and of the local dialect count as; others have their link's protocol.
const HBP: &str = "HBP";

/// A direction between two addresses.
type Lane = (SocketAddr, SocketAddr);
/// Lane, protocol, slot, stream.
type VoiceKey = (Lane, &'static str, Slot, StreamId);
/// Lane, protocol, slot, source, destination, private.
type DataKey = (Lane, &'static str, Slot, u32, u32, bool);

/// Why, from which port and to which: how many datagrams are not understood.
pub(super) type Unknown = BTreeMap<(&'static str, u16, u16), u64>;

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
                teller.entries.drain(..).try_for_each(|entry| sink(&entry))?;
            }
        }
        let (entries, unknown) = teller.finish();
        entries.iter().try_for_each(sink)?;
        Ok(Ending { unknown, calls: entries.iter().filter(|entry| entry.is_call()).count() as u64 })
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
    entries: Vec<Entry>,
    sessions: BTreeMap<Lane, Session>,
    voice: BTreeMap<VoiceKey, VoiceCall>,
    data: BTreeMap<DataKey, DataCall>,
    /// The entry into which the next repeat goes.
    folds: BTreeMap<(Lane, String), usize>,
    unknown: Unknown,
}

impl<'a> Teller<'a> {
    fn new(lens: &'a Lens, links: &'a Links) -> Self {
        Self {
            lens,
            links,
            entries: Vec::new(),
            sessions: BTreeMap::new(),
            voice: BTreeMap::new(),
            data: BTreeMap::new(),
            folds: BTreeMap::new(),
            unknown: BTreeMap::new(),
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
                self.fold(entry);
            }
            Message::Client(ClientMessage::Local(local)) => {
                let entry = local_entry(*at, wire(None), &local);
                self.fold(entry);
            }
            Message::Client(message) => {
                let wire = wire(message.client());
                let session = self.sessions.entry((*source, *destination)).or_default();
                let ping = matches!(message, ClientMessage::Ping { .. });
                let told = session.client(*at, wire, &message, self.lens);
                self.told(told, (*source, *destination), ping);
            }
            Message::Server(message) => {
                let wire = wire(server_id(&message));
                let session = self.sessions.entry((*destination, *source)).or_default();
                let pong = matches!(message, ServerMessage::Pong(_));
                let told = session.server(*at, wire, &message, self.lens);
                self.told(told, (*destination, *source), pong);
            }
            Message::Unknown(why) => {
                *self.unknown.entry((why.name(), source.port(), destination.port())).or_default() += 1;
            }
        }
    }

    /// What a session told; anything but pings and their answers ends a run of pings.
    fn told(&mut self, told: Told, lane: Lane, keepalive: bool) {
        if !keepalive {
            self.settle(lane);
        }
        match told {
            Told::Entry(entry) => self.entries.push(*entry),
            Told::FirstPing(entry) => {
                let place = self.entries.len();
                self.entries.push(*entry);
                if let Some(pings) = self.sessions.get_mut(&lane).and_then(|session| session.pings.as_mut()) {
                    pings.entry = place;
                }
            }
            Told::Folded => {}
        }
    }

    fn settle(&mut self, lane: Lane) {
        let pings = self.sessions.get_mut(&lane).and_then(|session| session.pings.take());
        if let Some(pings) = pings.filter(|_| self.lens.detail != Detail::Messages) {
            if let Some(entry) = self.entries.get_mut(pings.entry) {
                pings.settle(entry);
            }
        }
    }

    /// Adds an entry, or counts it to the same one before.
    fn fold(&mut self, entry: Entry) {
        let key = ((entry.wire.from, entry.wire.to), entry.headline.clone());
        let place = self.folds.get(&key).copied().filter(|_| self.lens.detail != Detail::Messages);
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(first) => {
                first.times += 1;
                first.last = entry.at;
            }
            None => {
                self.folds.insert(key, self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    fn bridged(&mut self, at: Wall, wire: Wire, view: DmrdView<'_>, origin: Origin) {
        self.frame(&Frame { at, wire, view, origin: Some(origin) });
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        if self.lens.detail == Detail::Messages {
            self.entries.push(frame::message(frame, self.lens));
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
                *self.unknown.entry((why, lane.0.port(), lane.1.port())).or_default() += 1;
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
        if let Some(over) = self.voice.insert(key, VoiceCall::begin(frame)) {
            self.voice_over(key, over);
        }
    }

    fn voice_over(&mut self, ((from, to), protocol, ..): VoiceKey, call: VoiceCall) {
        let clients = self.links.clients(from, to).filter(|_| protocol == HBP);
        let entry = call.finish(self.lens, clients);
        self.entries.push(entry);
    }

    fn data_frame(&mut self, frame: &Frame<'_>, key: DataKey) {
        if let Some(call) = self.data.get_mut(&key) {
            if frame.at.0.saturating_sub(call.last().0) <= DATA_GAP.0 {
                call.take(frame);
                return;
            }
        }
        if let Some(over) = self.data.insert(key, DataCall::begin(frame)) {
            self.entries.push(over.finish());
        }
    }

    fn finish(mut self) -> (Vec<Entry>, Unknown) {
        for lane in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.settle(lane);
        }
        for (key, call) in std::mem::take(&mut self.voice) {
            self.voice_over(key, call);
        }
        for (_, call) in std::mem::take(&mut self.data) {
            self.entries.push(call.finish());
        }
        if self.lens.detail == Detail::Calls {
            self.entries.retain(Entry::is_call);
        }
        // A stable sort: what is of the same moment stays in the order in which it was told.
        self.entries.sort_by_key(|entry| entry.at);
        (self.entries, self.unknown)
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
