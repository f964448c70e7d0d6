//! The program whose instructions are counted: a core with many sessions, and warm calls of one minute's sixteenth to 1, 10
//! and 100 receivers. Counts nothing itself: callgrind does, between the marks. Source: design §9 (cost).
//!
//! `counted OTHERS`: with so many sessions that listen elsewhere. Prints `name delivered` for each mark.

use ragchew_benches::frames::{Frame, Part, Speaker, Template};
use ragchew_benches::valgrind;
use ragchew_core::config::{ClientOverride, Listener, Passphrase, TgMap};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RfTg, Slot};
use ragchew_core::net::{LocalIp, Path, SocketId};
use ragchew_core::wire::hbp::login_hash;
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span, Wall};
use std::hint::black_box;
use std::net::SocketAddr;

const PASSPHRASE: &[u8] = b"passw0rd";
/// Voice frames of a call: ten superframes.
const VOICE: usize = 60;
/// Lines of the simulated last-level cache, twice.
const EVICTING: usize = 2 * (1 << 20);
/// IDs of those who listen elsewhere begin here.
const OTHERS: u32 = 3_000_000;

/// A talkgroup with one speaker and so many receivers, to whom it may go by another number.
#[derive(Clone, Copy)]
struct Group {
    index: u32,
    receivers: u32,
    mapped: bool,
}

impl Group {
    const fn talkgroup(self) -> u32 {
        100 + self.index
    }

    /// The speaker is the first.
    const fn client(self, n: u32) -> u32 {
        2_000_000 + 1_000 * self.index + n
    }

    fn name(self) -> String {
        format!("{}{}", if self.mapped { "mapped" } else { "plain" }, self.receivers)
    }

    fn overrides(self) -> impl Iterator<Item = ClientOverride> {
        (0..=self.receivers).map(move |n| {
            let mapped = self.mapped && n > 0;
            let statics = if mapped { Vec::new() } else { vec![RfTg(self.talkgroup())] };
            let map = TgMap { slot: Slot::Two, rf_tg: RfTg(8), conference: ConferenceTg(self.talkgroup()) };
            ClientOverride {
                client: ClientId(self.client(n)),
                statics: [None, Some(statics)],
                map: if mapped { vec![map] } else { Vec::new() },
                ..ClientOverride::default()
            }
        })
    }
}

const GROUPS: [Group; 6] = [
    Group { index: 0, receivers: 1, mapped: false },
    Group { index: 1, receivers: 10, mapped: false },
    Group { index: 2, receivers: 100, mapped: false },
    Group { index: 3, receivers: 1, mapped: true },
    Group { index: 4, receivers: 10, mapped: true },
    Group { index: 5, receivers: 100, mapped: true },
];

struct Bench {
    core: Core,
    effects: Effects,
    now: Mono,
    evicting: Vec<u8>,
}

/// Every client at an address of its own.
fn path(client: u32) -> Path {
    let [_, b, c, d] = client.to_be_bytes();
    let remote = SocketAddr::from(([10, b, c, d], 62_031));
    Path { socket: SocketId(0), local: LocalIp::V4([192, 0, 2, 254]), remote }
}

fn listener(others: u32) -> Listener {
    let elsewhere = (0..others).map(|n| ClientOverride {
        client: ClientId(OTHERS + n),
        statics: [Some(vec![RfTg(10_000 + n % 1_000)]), Some(vec![RfTg(20_000 + n % 700)])],
        ..ClientOverride::default()
    });
    Listener {
        id: ListenerId(0),
        name: "hotspots".into(),
        sockets: vec![SocketId(0)],
        passphrase: Passphrase::new(PASSPHRASE),
        max_clients: 65_536,
        acl: Default::default(),
        defaults: Default::default(),
        clients: GROUPS.into_iter().flat_map(Group::overrides).chain(elsewhere).collect(),
    }
}

impl Bench {
    fn new(others: u32) -> Self {
        let config = Config { listeners: vec![listener(others)], ..Config::default() };
        let now = Mono(Span::secs(1_000).0);
        let core = Core::new(config, Seed::Key([7; 32]), Now { mono: now, wall: Wall(0) });
        Self { core, effects: Effects::with_capacity(4_096), now, evicting: vec![1; EVICTING] }
    }

    fn ask(&mut self, client: u32, bytes: &[u8]) -> Vec<u8> {
        let now = Now { mono: self.now, wall: Wall(0) };
        self.core.handle(now, Input::Datagram { path: path(client), bytes }, &mut self.effects);
        let mut buffer = [0; FRAME_LEN];
        let answer = self.effects.transmits().last().map(|transmit| self.effects.render(transmit, &mut buffer));
        self.effects.clear();
        buffer[..answer.unwrap_or(0)].to_vec()
    }

    fn log_in(&mut self, client: u32) {
        let id = client.to_be_bytes();
        let challenge = self.ask(client, &[b"RPTL", &id[..]].concat());
        let salt = challenge.get(6..10).and_then(|salt| salt.try_into().ok()).expect("no challenge");
        self.ask(client, &[b"RPTK", &id[..], &login_hash(salt, PASSPHRASE)].concat());
        let mut config = vec![b' '; 302];
        config[..8].copy_from_slice(&[b"RPTC", &id[..]].concat());
        config[97] = b'3';
        assert_eq!(self.ask(client, &config), [b"RPTACK", &id[..]].concat());
    }

    /// Gives one frame and renders what goes out; how many.
    #[inline(never)]
    fn step(&mut self, from: Path, bytes: &[u8]) -> usize {
        let now = Now { mono: self.now, wall: Wall(0) };
        self.core.handle(now, Input::Datagram { path: from, bytes }, &mut self.effects);
        let mut buffer = [0; FRAME_LEN];
        let mut sent = 0;
        for transmit in self.effects.transmits() {
            sent += usize::from(self.effects.render(transmit, &mut buffer) > 0);
            black_box(&buffer);
        }
        self.effects.clear();
        sent
    }

    /// Drives everything out of the simulated caches.
    fn evict(&mut self) {
        for line in self.evicting.iter_mut().step_by(64) {
            *line = black_box(*line).wrapping_add(1);
        }
    }

    /// A call, counted or not, with cold caches before each frame or not; what was delivered.
    fn call(&mut self, group: Group, frames: &[Frame], counted: bool, cold: bool) -> usize {
        let from = path(group.client(0));
        let mut delivered = 0;
        for frame in frames {
            if cold {
                self.evict();
            }
            if counted {
                valgrind::toggle_collect();
            }
            delivered += self.step(from, frame);
            if counted {
                valgrind::toggle_collect();
            }
            self.now = self.now + Span::millis(60);
        }
        self.now = self.now + Span::secs(1);
        delivered
    }
}

fn call_of(group: Group, stream: u32) -> Vec<Frame> {
    let template = Template::new(Speaker { client: group.client(0), talkgroup: group.talkgroup() });
    Part::call(VOICE).enumerate().map(|(seq, part)| template.frame(part, seq as u8, stream)).collect()
}

fn main() {
    let others = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10);
    let mut bench = Bench::new(others);
    (0..others).for_each(|n| bench.log_in(OTHERS + n));
    for group in GROUPS {
        (0..=group.receivers).for_each(|n| bench.log_in(group.client(n)));
        let warming = call_of(group, 100 * group.index + 1);
        let delivered = bench.call(group, &warming, false, false);
        assert_eq!(delivered, (VOICE + 2) * group.receivers as usize, "{}", group.name());
    }
    valgrind::start_instrumentation();
    for group in GROUPS {
        // Two calls more, so that what is counted is warm under instrumentation too.
        for stream in 2..4 {
            bench.call(group, &call_of(group, 100 * group.index + stream), false, false);
        }
        for (stream, cold) in [(4, false), (5, true)] {
            let frames = call_of(group, 100 * group.index + stream);
            valgrind::zero();
            let delivered = bench.call(group, &frames, true, cold);
            let name = format!("{}.{}", group.name(), if cold { "cold" } else { "warm" });
            valgrind::dump(&name);
            println!("{name} {delivered}");
        }
    }
}
