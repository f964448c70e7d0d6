//! The warm packet path of the core allocates nothing: a counting allocator around calls with ten receivers, mapped and
//! unmapped, repeated frames, pings, refusals and timers. And what a client costs.

#![allow(clippy::unwrap_used)]

use ragchew_core::config::{ClientOverride, Defaults, Listener, Passphrase, TgMap};
use ragchew_core::dmr::{ColourCode, FullLcCoding, LinkControl, header_burst, terminator_burst, voice_burst};
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RadioId, RfTg, Slot, StreamId};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::wire::hbp::{BurstIndex, Dmrd, FrameKind, login_hash};
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span, Wall};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

struct Counting;

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// So many bytes more are held; a block costs the system's allocator 8 on top and comes in steps of 16.
fn hold(bytes: i64) {
    let rounded = if bytes == 0 { 0 } else { bytes.signum() * ((bytes.abs() + 8 + 15) / 16 * 16).max(32) };
    let _ = HELD.try_with(|held| held.set(held.get() + rounded));
}

fn count() {
    let _ = COUNTED.try_with(|counted| counted.set(counted.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size() as i64);
        // SAFETY: as promised to us.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        hold(-(layout.size() as i64));
        // SAFETY: as promised to us.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        hold(size as i64);
        hold(-(layout.size() as i64));
        // SAFETY: as promised to us.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PASSPHRASE: &[u8] = b"passw0rd";
const SPEAKER: u32 = 1;
const STRANGER: u32 = 99;

/// What a usual hotspot says of itself.
const SAID: [(usize, &str); 7] = [
    (8, "M0ABCDE"),
    (16, "4395000004310000000101"),
    (58, "Newtown, Wiltshire"),
    (78, "Pi-Star of M0ABCDE"),
    (97, "3"),
    (222, "20210617_Pi-Star_v4"),
    (262, "MMDVM_MMDVM_HS_Dual_Hat"),
];

struct Bench {
    core: Core,
    effects: Effects,
    now: Mono,
    transmits: usize,
}

fn client(n: u32) -> ClientId {
    ClientId(2_341_000 + n)
}

fn path(n: u32) -> Path {
    let remote = SocketAddr::from(([192, 0, 2, n as u8], 50_000));
    Path { socket: SocketId(0), local: LocalIp::V4([192, 0, 2, 254]), remote }
}

/// Every second client knows TG 91 as TG 8.
fn listener(clients: u32) -> Listener {
    let mapped = |n| ClientOverride {
        client: client(n),
        statics: [None, Some(Vec::new())],
        map: vec![TgMap { slot: Slot::Two, rf_tg: RfTg(8), conference: ConferenceTg(91) }],
        ..ClientOverride::default()
    };
    Listener {
        id: ListenerId(0),
        name: "hotspots".into(),
        sockets: vec![SocketId(0)],
        passphrase: Passphrase::new(PASSPHRASE),
        max_clients: 1_000,
        acl: Default::default(),
        defaults: Defaults { statics: [Vec::new(), vec![RfTg(91)]], ..Defaults::default() },
        clients: (1..=clients).filter(|n| n % 2 == 0).map(mapped).collect(),
    }
}

fn ping(n: u32) -> [u8; 11] {
    let mut ping = *b"RPTPING....";
    ping[7..].copy_from_slice(&client(n).to_bytes());
    ping
}

/// Header, `superframes` of silence, terminator.
fn voice(tg: u32, stream: u32, superframes: usize) -> Vec<[u8; 55]> {
    let source = RadioId(client(SPEAKER).0);
    let lc = LinkControl::group(RfTg(tg), source);
    let coding = FullLcCoding::new(lc);
    let silence = [ragchew_core::dmr::burst::SILENCE; 3];
    let mut bursts = vec![(FrameKind::VoiceHeader, header_burst(lc, ColourCode::ONE))];
    for index in std::iter::repeat_n(BurstIndex::ALL, superframes).flatten() {
        let burst = voice_burst(&silence, index.index() as u8, &coding, ColourCode::ONE);
        bursts.push((FrameKind::Voice(index), burst));
    }
    bursts.push((FrameKind::Terminator, terminator_burst(lc, ColourCode::ONE)));
    let frame = |(seq, (kind, burst)): (usize, (FrameKind, ragchew_core::dmr::Burst))| {
        Dmrd {
            seq: seq as u8,
            source,
            destination: tg,
            client: client(SPEAKER),
            slot: Slot::Two,
            unit: false,
            kind,
            stream: StreamId(stream),
            burst: *burst.as_bytes(),
            ber: 0,
            rssi: 0,
        }
        .emit()
    };
    bursts.into_iter().enumerate().map(frame).collect()
}

impl Bench {
    fn new(clients: u32) -> Self {
        let config = Config { listeners: vec![listener(clients)], ..Config::default() };
        let now = Mono(Span::secs(1_000).0);
        let core = Core::new(config, Seed::Key([7; 32]), Now { mono: now, wall: Wall(0) });
        let mut bench = Self { core, effects: Effects::with_capacity(4_096), now, transmits: 0 };
        (1..=clients).for_each(|n| bench.log_in(n));
        assert_eq!(bench.core.running_sessions(), clients as usize);
        bench
    }

    fn ask(&mut self, n: u32, bytes: &[u8]) -> Vec<u8> {
        let now = Now { mono: self.now, wall: Wall(0) };
        self.core.handle(now, Input::Datagram { path: path(n), bytes }, &mut self.effects);
        let mut buffer = [0; 55];
        let answer = self.effects.transmits().last().map(|transmit| self.effects.render(transmit, &mut buffer));
        self.effects.clear();
        buffer[..answer.unwrap_or(0)].to_vec()
    }

    fn log_in(&mut self, n: u32) {
        let id = client(n).to_bytes();
        let challenge = self.ask(n, &[b"RPTL", &id[..]].concat());
        let salt = challenge[6..10].try_into().unwrap();
        self.ask(n, &[b"RPTK", &id[..], &login_hash(salt, PASSPHRASE)].concat());
        let mut config = vec![b' '; 302];
        config[..8].copy_from_slice(&[b"RPTC", &id[..]].concat());
        for (at, text) in SAID {
            config[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        assert_eq!(self.ask(n, &config), [b"RPTACK", &id[..]].concat());
    }

    /// Gives a datagram, lets everything happen that is due, and renders what goes out.
    fn step(&mut self, n: u32, bytes: &[u8]) {
        let now = Now { mono: self.now, wall: Wall(0) };
        self.core.handle(now, Input::Datagram { path: path(n), bytes }, &mut self.effects);
        while self.core.next_deadline().is_some_and(|at| at <= self.now) {
            self.core.handle(now, Input::Deadline, &mut self.effects);
        }
        let mut buffer = [0; 55];
        for transmit in self.effects.transmits() {
            self.transmits += usize::from(self.effects.render(transmit, &mut buffer) > 0);
        }
        self.effects.clear();
    }

    /// A call, with each frame repeated, and pings of the clients in turn and of a stranger between its frames.
    fn call(&mut self, frames: &[[u8; 55]]) {
        let clients = self.core.running_sessions() as u32;
        for (n, frame) in (0..clients).map(|n| n + 1).cycle().zip(frames) {
            self.step(SPEAKER, frame);
            self.step(SPEAKER, frame);
            self.step(n, &ping(n));
            self.step(STRANGER, &ping(n));
            self.now = self.now + Span::millis(60);
        }
    }
}

#[test]
fn a_call_to_ten_receivers_mapped_and_unmapped_allocates_nothing_once_warm() {
    let mut bench = Bench::new(11);
    let calls: Vec<_> = (1..=6).map(|stream| voice(91, stream, 30)).collect();
    for frames in &calls[..3] {
        bench.call(frames);
    }
    let sent = bench.transmits;
    let before = COUNTED.get();
    for frames in &calls[3..] {
        bench.call(frames);
    }
    let allocated = COUNTED.get() - before;
    let sent = bench.transmits - sent;
    // 182 frames to ten receivers, and a pong for each; the stranger's refusals are limited.
    assert!(sent >= 3 * 182 * 11, "only {sent} datagrams went out");
    assert_eq!(allocated, 0, "{allocated} allocations for {sent} datagrams");
}

#[test]
fn an_echo_allocates_nothing_once_its_buffer_is_there() {
    let mut bench = Bench::new(2);
    let calls: Vec<_> = (1..=4).map(|stream| voice(9990, stream, 10)).collect();
    let run = |bench: &mut Bench, frames: &[[u8; 55]]| {
        let before = (bench.transmits, COUNTED.get());
        bench.call(frames);
        for _ in 0..200 {
            bench.step(2, &ping(2));
            bench.now = bench.now + Span::millis(60);
        }
        (bench.transmits - before.0, COUNTED.get() - before.1)
    };
    run(&mut bench, &calls[0]);
    run(&mut bench, &calls[1]);
    let (sent, allocated) = run(&mut bench, &calls[2]);
    assert!(sent >= 62 + 62 + 200, "only {sent} datagrams went out");
    assert_eq!(allocated, 0);
}

/// Bytes that a client costs, its OPTIONS with a talkgroup on each slot included.
fn cost_of_a_client(clients: u32) -> i64 {
    let config = Config { listeners: vec![Listener { max_clients: clients, ..listener(0) }], ..Config::default() };
    let now = Now { mono: Mono(Span::secs(1_000).0), wall: Wall(0) };
    let core = Core::new(config, Seed::Key([7; 32]), now);
    let mut bench = Bench { core, effects: Effects::with_capacity(4_096), now: now.mono, transmits: 0 };
    let before = HELD.get();
    for n in 1..=clients {
        bench.now = bench.now + Span::millis(500);
        bench.log_in(n);
        bench.ask(n, &[b"RPTO", &client(n).to_bytes()[..], b"TS1=235;TS2=91"].concat());
        // Nobody is silent for a minute.
        (1..=n).for_each(|n| drop(bench.ask(n, &ping(n))));
    }
    assert_eq!(bench.core.running_sessions(), clients as usize);
    (HELD.get() - before) / i64::from(clients)
}

#[test]
fn a_client_with_a_talkgroup_on_each_slot_costs_the_core_at_most_1536_bytes() {
    // As many as just fit into hash tables, which double when they are seven eighths full.
    let bytes = cost_of_a_client(224);
    eprintln!("{bytes} bytes a client");
    assert!(bytes <= 1_536, "{bytes} bytes");
}

#[test]
fn with_every_table_just_doubled_a_client_costs_the_core_at_most_2176_bytes() {
    // One more than fills the lists, which double later than the hash tables. Half of that is room which nobody has
    // touched yet, and of which the system gives none before.
    let bytes = cost_of_a_client(257);
    eprintln!("{bytes} bytes a client");
    assert!(bytes <= 2_176, "{bytes} bytes");
}
