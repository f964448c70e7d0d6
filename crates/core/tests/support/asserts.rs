//! What a client hears, and the judgements on it: who heard a call and who did not, and that nothing outside the
//! declared ranges of a frame was changed. Source: `behaviour.md` 3.8, `wire.md` 5.7.

use super::calls::{SentCall, call};
use super::client::{Name, PROBE};
use super::coding::{Burst, FullLc, bit, full_lc_burst, group_lc, put_fragment, put_full_lc};
use super::world::World;
use std::ops::Range;

/// What a frame is, by its bits byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 is burst A.
    Voice(u8),
    Header,
    Terminator,
    Data(u8),
    Invalid,
}

/// A frame that reached a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: u64,
    pub(crate) seq: u8,
    pub(crate) source: u32,
    pub(crate) tg: u32,
    pub(crate) slot: u8,
    pub(crate) kind: Kind,
    pub(crate) stream: u32,
    pub(crate) burst: Burst,
    pub(crate) trailer: [u8; 2],
    pub(crate) bytes: Vec<u8>,
}

/// Bits of a frame that may differ.
const CLIENT_BITS: Range<usize> = 88..120;
const SLOT_BIT: Range<usize> = 120..121;
const DESTINATION_BITS: Range<usize> = 64..88;
const FULL_LC_BITS: [Range<usize>; 2] = [160..258, 326..424];
const FRAGMENT_BITS: Range<usize> = 276..308;
const TRAILER_BITS: Range<usize> = 424..440;

/// The kind that a bits byte says.
pub(crate) fn kind_of(bits: u8) -> Kind {
    match (bits >> 4 & 3, bits & 15) {
        (1, 0) => Kind::Voice(0),
        (0, n @ 1..=5) => Kind::Voice(n),
        (2, 1) => Kind::Header,
        (2, 2) => Kind::Terminator,
        (2, n) => Kind::Data(n),
        _ => Kind::Invalid,
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u32::from(byte))
}

impl Heard {
    fn new(at: u64, bytes: &[u8]) -> Self {
        Self {
            at,
            seq: bytes[4],
            source: number(&bytes[5..8]),
            tg: number(&bytes[8..11]),
            slot: 1 + (bytes[15] >> 7),
            kind: kind_of(bytes[15]),
            stream: number(&bytes[16..20]),
            burst: bytes[20..53].try_into().unwrap(),
            trailer: bytes[53..].try_into().unwrap(),
            bytes: bytes.to_vec(),
        }
    }
}

/// Bit for bit, `heard` is `sent` outside of `declared` (bits of the whole datagram); bytes that `sent` lacks count as 0.
pub(crate) fn assert_untouched(heard: &[u8], sent: &[u8], declared: &[Range<usize>]) {
    assert_eq!(heard.len(), 55, "frames to clients have 55 bytes");
    let mut sent = sent.to_vec();
    sent.resize(55, 0);
    for n in 0..440 {
        let may_differ = declared.iter().any(|range| range.contains(&n));
        assert!(may_differ || bit(heard, n) == bit(&sent, n), "bit {} of byte {} was changed", n % 8, n / 8);
    }
}

/// What may differ in the frame `sent` on its way to `tg` on `slot`.
fn declared(sent: &[u8], tg: u32, slot: u8) -> Vec<Range<usize>> {
    let mut ranges = vec![CLIENT_BITS];
    if 1 + (sent[15] >> 7) != slot {
        ranges.push(SLOT_BIT);
    }
    if number(&sent[8..11]) != tg {
        ranges.push(DESTINATION_BITS);
        match kind_of(sent[15]) {
            Kind::Header | Kind::Terminator => ranges.extend(FULL_LC_BITS),
            Kind::Voice(1..=4) => ranges.push(FRAGMENT_BITS),
            _ => {}
        }
    }
    if sent.len() == 53 {
        ranges.push(TRAILER_BITS);
    }
    ranges
}

impl World {
    /// Every frame that `name` was sent so far, in order. Other datagrams than DMRD are not among them.
    pub(crate) fn heard(&self, name: Name) -> Vec<Heard> {
        let client = self.client(name);
        let frames = self.sent.iter().filter(|s| s.path == client.path && s.bytes.starts_with(b"DMRD"));
        let check = |bytes: &[u8]| {
            assert_eq!(bytes.len(), 55, "frames to clients have 55 bytes");
            assert_eq!(number(&bytes[11..15]), client.id, "frames to {name} carry its ID");
        };
        frames.inspect(|s| check(&s.bytes)).map(|s| Heard::new(s.at, &s.bytes)).collect()
    }

    /// The frames of `stream` among them.
    pub(crate) fn heard_of(&self, name: Name, stream: u32) -> Vec<Heard> {
        self.heard(name).into_iter().filter(|heard| heard.stream == stream).collect()
    }

    /// Other datagrams than DMRD that `name` was sent, without answers to pings.
    pub(crate) fn notices(&self, name: Name) -> Vec<(u64, Vec<u8>)> {
        let path = self.client(name).path;
        let other = |bytes: &[u8]| !bytes.starts_with(b"DMRD") && !bytes.starts_with(b"MSTPONG");
        self.sent.iter().filter(|s| s.path == path && other(&s.bytes)).map(|s| (s.at, s.bytes.clone())).collect()
    }

    /// `name` was sent no frame at all.
    pub(crate) fn assert_silent(&self, name: Name) {
        let heard = self.heard(name);
        assert!(heard.is_empty(), "{name} should hear nothing, heard {} frames, first {:?}", heard.len(), heard[0]);
    }

    /// The whole call reached exactly those in `to` (client, talkgroup, slot), each frame once, in order and at once;
    /// every other client heard nothing of it.
    pub(crate) fn assert_reaches(&self, sent: &SentCall, to: &[(Name, u32, u8)]) {
        self.assert_frames_reach(sent, 0..sent.frames.len(), to);
    }

    /// The same for some frames of a call, of which the others reached nobody.
    pub(crate) fn assert_frames_reach(&self, sent: &SentCall, frames: Range<usize>, to: &[(Name, u32, u8)]) {
        for &(name, tg, slot) in to {
            self.assert_hears(name, sent, frames.clone(), tg, slot);
        }
        for (name, _) in self.clients() {
            let heard = self.heard_of(name, sent.call.stream).len();
            let wanted = frames.len() * to.iter().filter(|(other, ..)| *other == name).count();
            assert_eq!(heard, wanted, "frames of stream {:x} that {name} heard", sent.call.stream);
        }
    }

    /// Nobody heard any frame of the call.
    pub(crate) fn assert_reaches_nobody(&self, sent: &SentCall) {
        self.assert_reaches(sent, &[]);
    }

    /// On `slot`, `name` heard exactly `frames` of the call as `tg`, with nothing changed but what must be.
    pub(crate) fn assert_hears(&self, name: Name, sent: &SentCall, frames: Range<usize>, tg: u32, slot: u8) {
        let mut heard = self.heard_of(name, sent.call.stream);
        heard.retain(|frame| frame.slot == slot);
        let times: Vec<_> = heard.iter().map(|frame| (frame.at, frame.seq)).collect();
        let wanted: Vec<_> = sent.frames[frames.clone()].iter().map(|(at, frame)| (*at, frame[4])).collect();
        assert_eq!(times, wanted, "time and sequence number of the frames that {name} heard on slot {slot}");
        for (heard, (_, sent_frame)) in heard.iter().zip(&sent.frames[frames]) {
            self.assert_frame(name, heard, sent, sent_frame, tg, slot);
        }
    }

    /// `heard` is the frame of the call as `name` must get it: as `tg` on `slot`, otherwise unchanged.
    pub(crate) fn assert_frame(&self, name: Name, heard: &Heard, sent: &SentCall, frame: &[u8], tg: u32, slot: u8) {
        assert_eq!((heard.tg, heard.slot), (tg, slot), "talkgroup and slot for {name}");
        assert_untouched(&heard.bytes, frame, &declared(frame, tg, slot));
        if frame.len() == 53 {
            assert_eq!(heard.trailer, [0, 0]);
        }
        if tg != sent.call.tg {
            let mut wanted = heard.burst;
            let lc = mapped_lc(sent, tg);
            match heard.kind {
                Kind::Header => put_full_lc(&mut wanted, FullLc::Header, lc),
                Kind::Terminator => put_full_lc(&mut wanted, FullLc::Terminator, lc),
                Kind::Voice(n @ 1..=4) => put_fragment(&mut wanted, usize::from(n) - 1, lc),
                _ => {}
            }
            assert_eq!(heard.burst, wanted, "{:?} for {name} carries the LC of TG {tg}", heard.kind);
        }
    }

    /// `name` joined the running call at frame `from`: a header made for it, numbered before that frame, then the rest.
    pub(crate) fn assert_joins(&self, name: Name, sent: &SentCall, from: usize, tg: u32, slot: u8) {
        let heard = self.heard_of(name, sent.call.stream);
        let (at, frame) = &sent.frames[from];
        assert!(!heard.is_empty(), "{name} should join at {at}, heard nothing");
        assert_eq!(kind_of(frame[15]), Kind::Voice(0), "one joins at burst A");
        let header = &heard[0];
        assert_eq!((header.at, header.kind, header.seq), (*at, Kind::Header, frame[4].wrapping_sub(1)));
        assert_eq!((header.tg, header.slot, header.source), (tg, slot, sent.source));
        assert_eq!(header.burst, full_lc_burst(FullLc::Header, mapped_lc(sent, tg)), "header made for {name}");
        assert_eq!(heard.len() - 1, sent.frames.len() - from, "frames after the header");
        for (heard, (at, frame)) in heard[1..].iter().zip(&sent.frames[from..]) {
            assert_eq!((heard.at, heard.seq), (*at, frame[4]));
            self.assert_frame(name, heard, sent, frame, tg, slot);
        }
    }

    /// `heard` is a terminator of the call that the server made: numbered after `frame`, its LC that of `tg`.
    pub(crate) fn assert_made_terminator(&self, heard: &Heard, sent: &SentCall, frame: usize, tg: u32, slot: u8) {
        let last = sent.frames[frame].1[4];
        assert_eq!((heard.kind, heard.seq), (Kind::Terminator, last.wrapping_add(1)));
        assert_eq!((heard.tg, heard.slot, heard.source, heard.stream), (tg, slot, sent.source, sent.call.stream));
        assert_eq!(heard.burst, full_lc_burst(FullLc::Terminator, mapped_lc(sent, tg)));
    }

    /// Who listens to conference `tg` right now, and as what: found out by a call of a client of its own.
    pub(crate) fn listeners_now(&mut self, tg: u32) -> Vec<(Name, u32, u8)> {
        if !self.clients().any(|(name, _)| name == PROBE) {
            self.login(PROBE);
        }
        self.probes += 1;
        let sent = self.call(PROBE, call(tg, 1, 0xf000_0000 + self.probes, 1));
        let mut found = Vec::new();
        for (name, _) in self.clients() {
            let heard = self.heard_of(name, sent.call.stream);
            found.extend(heard.iter().filter(|h| h.at == sent.start()).map(|h| (name, h.tg, h.slot)));
        }
        found.sort_unstable();
        found
    }

    /// The same after a pause in which every hang time ends.
    pub(crate) fn listeners(&mut self, tg: u32) -> Vec<(Name, u32, u8)> {
        self.wait(6_000);
        self.listeners_now(tg)
    }
}

/// The LC that the call gets for a receiver who knows it as `tg`.
fn mapped_lc(sent: &SentCall, tg: u32) -> [u8; 9] {
    let options = if sent.call.header { sent.call.options } else { 0 };
    group_lc(options, tg, sent.source)
}
