//! The measurements: the real binary and the bare forwarder in turn, under the same load. Owns what is compared with what;
//! the numbers go to `table`.

use crate::child::{Program, pin_load};
use crate::flood::Flood;
use crate::load::{Load, Paced};
use crate::table::Table;
use ragchew_benches::plan::Plan;
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Interleaved pairs of drains.
    pub pairs: usize,
    /// Rounds of frames of a drain.
    pub rounds: usize,
    /// Pairs of paced calls, and voice frames of each.
    pub paced: (usize, usize),
    /// Paired runs under a flood, and voice frames of each.
    pub floods: (usize, usize),
    /// Clients whose memory is measured.
    pub clients: usize,
}

impl Effort {
    /// What the targets are stated for.
    pub const FULL: Self = Self { pairs: 15, rounds: 16, paced: (9, 100), floods: (9, 48), clients: 10_000 };
    /// Enough to see a mistake.
    pub const QUICK: Self = Self { pairs: 3, rounds: 16, paced: (3, 48), floods: (3, 32), clients: 2_000 };
}

/// Both programs and the load before them.
struct Pair {
    load: Load,
    server: Program,
    forwarder: Program,
    turn: usize,
    pinged: Instant,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Server,
    Forwarder,
}

impl Pair {
    fn new(binary: &Path, plan: Plan) -> Self {
        let mut load = Load::new(plan);
        let server = Program::server(binary);
        let forwarder = Program::forwarder(plan, &load.ports());
        load.log_in(server.address, 500);
        Self { load, server, forwarder, turn: 0, pinged: Instant::now() }
    }

    fn program(&self, who: Who) -> &Program {
        match who {
            Who::Server => &self.server,
            Who::Forwarder => &self.forwarder,
        }
    }

    /// Measures both, one right after the other, each first in every second turn.
    fn both<T>(&mut self, mut measure: impl FnMut(&mut Self, Who) -> T) -> (T, T) {
        if self.pinged.elapsed().as_secs() >= 15 {
            self.load.ping(self.server.address);
            self.pinged = Instant::now();
        }
        self.turn += 1;
        if self.turn % 2 == 0 {
            let forwarder = measure(self, Who::Forwarder);
            (measure(self, Who::Server), forwarder)
        } else {
            let server = measure(self, Who::Server);
            (server, measure(self, Who::Forwarder))
        }
    }
}

/// The value in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// Packets per second that each drains at fan-out 10. Gives the forwarder's.
pub fn throughput(binary: &Path, effort: Effort, table: &mut Table) -> f64 {
    let mut pair = Pair::new(binary, Plan { groups: 1_000, receivers: 10 });
    let drain = |pair: &mut Pair, who: Who| {
        let (to, mut marks) = (pair.program(who).address, Vec::new());
        let Pair { load, server, forwarder, .. } = pair;
        let program = if who == Who::Server { server } else { forwarder };
        let drained = load.drain(to, effort.rounds, || marks.push(program.cpu()));
        let busy = (marks[1] - marks[0]) as f64;
        let rate = drained.delivered as f64 / drained.took.as_secs_f64();
        (rate, busy / drained.delivered as f64, drained.delivered, busy / drained.took.as_nanos() as f64)
    };
    // One turn to fill caches and buffers.
    pair.both(drain);
    let runs: Vec<_> = (0..effort.pairs).map(|_| pair.both(drain)).collect();
    let expected = 1_000 * 10 * effort.rounds;
    let ratios: Vec<f64> = runs.iter().map(|(s, f)| s.0 / f.0).collect();
    let forwarder = median(runs.iter().map(|r| r.1.0));
    table.note("throughput, fan-out 10: forwarder", forwarder, "packets/s");
    table.note("throughput, fan-out 10: server", median(runs.iter().map(|r| r.0.0)), "packets/s");
    table.at_least("throughput ratio, median of pairs", median(ratios.iter().copied()), 0.80, "");
    table.note("  lowest pair", ratios.iter().copied().fold(f64::INFINITY, f64::min), "");
    table.note("  highest pair", ratios.iter().copied().fold(0.0, f64::max), "");
    table.note("  CPU per packet while draining: forwarder", median(runs.iter().map(|r| r.1.1)), "ns");
    table.note("  CPU per packet while draining: server", median(runs.iter().map(|r| r.0.1)), "ns");
    table.note("  CPU ratio while draining", median(runs.iter().map(|r| r.0.1 / r.1.1)), "");
    table.note("  share of a core that the forwarder had", median(runs.iter().map(|r| r.1.3)), "");
    table.note("  share of a core that the server had", median(runs.iter().map(|r| r.0.3)), "");
    let missing = |d: usize| 1.0 - d as f64 / expected as f64;
    table.note("  lost: forwarder", median(runs.iter().map(|r| missing(r.1.2))), "of 1");
    table.note("  lost: server", median(runs.iter().map(|r| missing(r.0.2))), "of 1");
    forwarder
}

/// CPU per forwarded packet at 50 paced calls of fan-out 10.
pub fn cpu(binary: &Path, effort: Effort, table: &mut Table) {
    let mut pair = Pair::new(binary, Plan { groups: 50, receivers: 10 });
    let paced = |pair: &mut Pair, who: Who| {
        let to = pair.program(who).address;
        let before = pair.program(who).cpu();
        let paced = pair.load.paced(to, effort.paced.1);
        (pair.program(who).cpu() - before) as f64 / paced.latencies.len().max(1) as f64
    };
    pair.both(paced);
    let runs: Vec<_> = (0..effort.paced.0).map(|_| pair.both(paced)).collect();
    table.note("CPU per packet, 50 paced calls: forwarder", median(runs.iter().map(|r| r.1)), "ns");
    table.note("CPU per packet, 50 paced calls: server", median(runs.iter().map(|r| r.0)), "ns");
    table.at_most("CPU ratio, median of pairs", median(runs.iter().map(|r| r.0 / r.1)), 1.25, "");
}

/// Latency at 20 calls and 400 sessions.
pub fn latency(binary: &Path, effort: Effort, table: &mut Table) {
    let mut pair = Pair::new(binary, Plan { groups: 20, receivers: 19 });
    let (mut server, mut forwarder) = (Paced::default(), Paced::default());
    let mut added = Vec::new();
    for _ in 0..effort.paced.0 {
        let (s, f) = pair.both(|pair, who| {
            let to = pair.program(who).address;
            pair.load.paced(to, effort.paced.1)
        });
        added.push(s.percentile(99.0) - f.percentile(99.0));
        server.add(s);
        forwarder.add(f);
    }
    for (name, paced) in [("forwarder", &forwarder), ("server", &server)] {
        table.note(&format!("latency p50: {name}"), paced.percentile(50.0), "us");
        table.note(&format!("latency p99: {name}"), paced.percentile(99.0), "us");
        table.note(&format!("  lost: {name}"), paced.lost(), "of 1");
    }
    table.at_most("added p99, median of pairs", median(added), 500.0, "us");
}

/// Bytes that a server may have, without clients and for each of them.
const ALLOWED: [f64; 2] = [12e6, 1_500.0];

/// Servers of each size, of which the median counts: what an allocator keeps of a storm depends on how its requests met.
const CROWDS: usize = 3;

/// Memory without clients and with them, and how long it takes that all log in at once.
pub fn memory(binary: &Path, effort: Effort, table: &mut Table) {
    let [full, half] = [effort.clients, effort.clients / 2].map(|clients| {
        let mut crowds: Vec<_> = (0..CROWDS).map(|_| Crowd::gather(binary, clients)).collect();
        crowds.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
        crowds
    });
    // Least of all is kept where it met best, so that this is what the clients themselves need.
    let more = (full[0].bytes - half[0].bytes) / (full[0].clients - half[0].clients) as f64;
    let [full, half] = [full, half].map(|crowds| crowds[CROWDS / 2]);
    let [base, each] = ALLOWED;
    table.at_most("idle memory, proportional share", full.idle / 1e6, base / 1e6, "MB");
    table.note("  resident", full.resident as f64 * 1024.0 / 1e6, "MB");
    for crowd in [&half, &full] {
        let clients = crowd.clients;
        table.note(&format!("login storm, {clients} clients at once"), crowd.took.as_secs_f64() * 1e3, "ms");
        table.note("  datagrams repeated", crowd.repeated as f64, "");
        table.note("  CPU per login", crowd.cpu, "us");
        let allowed = base + each * clients as f64;
        table.at_most(&format!("memory with {clients} clients"), crowd.bytes / 1e6, allowed / 1e6, "MB");
        table.note("  grown from idle, per client", (crowd.bytes - crowd.idle) / clients as f64, "bytes");
        table.note("  clients alive after it", crowd.alive as f64, "");
    }
    let name = "memory of each client of the second half";
    match full.clients >= Effort::FULL.clients {
        // Fewer clients are less than what two servers differ by.
        true => table.at_most(name, more, 1_600.0, "bytes"),
        false => table.note(name, more, "bytes"),
    }
}

/// A server with many clients.
#[derive(Clone, Copy)]
struct Crowd {
    clients: usize,
    /// Bytes before they came, and after.
    idle: f64,
    bytes: f64,
    /// KiB before they came.
    resident: u64,
    took: Duration,
    repeated: usize,
    cpu: f64,
    alive: usize,
}

impl Crowd {
    /// A server of its own to which all of them log in at once.
    fn gather(binary: &Path, clients: usize) -> Self {
        let server = Program::server(binary);
        let (idle, resident) = server.memory_at_rest();
        let plan = Plan { groups: clients / 10, receivers: 9 };
        let mut load = Load::new(plan);
        let before = server.cpu();
        let (took, repeated) = load.log_in(server.address, clients);
        let cpu = (server.cpu() - before) as f64 / 1e3 / plan.clients() as f64;
        let bytes = server.memory_at_rest().0 as f64 * 1024.0;
        let alive = load.ping(server.address);
        Self { clients: plan.clients(), idle: idle as f64 * 1024.0, resident, bytes, took, repeated, cpu, alive }
    }
}

/// Calls while strangers flood, at half the rate that the forwarder drains.
pub fn flood(binary: &Path, effort: Effort, drains: f64, table: &mut Table) {
    let mut pair = Pair::new(binary, Plan { groups: 20, receivers: 19 });
    let wanted = drains / 2.0;
    // The flood is made by a machine of its own, as far as that goes here.
    pair.server.pin();
    pair.forwarder.pin();
    pin_load();
    let measure = |pair: &mut Pair, who: Who| {
        let to = pair.program(who).address;
        let calm = pair.load.paced(to, effort.floods.1);
        let shared = pair.load.sockets.iter().map(|s| s.share().expect("no more descriptors")).collect();
        let (plan, sockets) = (pair.load.plan, pair.load.sockets.len());
        let flood = Flood::start(to, wanted, plan.clients(), shared, &|client| plan.socket(client, sockets));
        let (before, started) = (pair.program(who).cpu(), Instant::now());
        let flooded = pair.load.paced(to, effort.floods.1);
        let busy = (pair.program(who).cpu() - before) as f64 / started.elapsed().as_nanos() as f64;
        let rate = flood.stop();
        (calm, flooded, rate, busy)
    };
    let warm = pair.both(measure);
    let before = pair.server.memory().1;
    let runs: Vec<_> = (0..effort.floods.0).map(|_| pair.both(measure)).collect();
    let after = pair.server.memory().1;
    drop(warm);
    table.note("flood: strangers' datagrams", median(runs.iter().map(|r| r.0.2)), "per s");
    table.note("  wanted", wanted, "per s");
    table.note("  frames lost: forwarder", median(runs.iter().map(|r| r.1.1.lost())), "of 1");
    table.note("  frames lost: server", median(runs.iter().map(|r| r.0.1.lost())), "of 1");
    let more = median(runs.iter().map(|r| r.0.1.lost() - r.1.1.lost()));
    table.at_most("flood: more lost than by the forwarder, median of pairs", more, 0.0, "of 1");
    let p99 = |run: &Paced| run.percentile(99.0);
    table.note("  p99: server, calm", median(runs.iter().map(|r| p99(&r.0.0))), "us");
    table.note("  p99: server, flooded", median(runs.iter().map(|r| p99(&r.0.1))), "us");
    table.note("  p99: forwarder, calm", median(runs.iter().map(|r| p99(&r.1.0))), "us");
    table.note("  p99: forwarder, flooded", median(runs.iter().map(|r| p99(&r.1.1))), "us");
    table.note("  p99 ratio: forwarder", median(runs.iter().map(|r| p99(&r.1.1) / p99(&r.1.0))), "");
    let busy = |part: fn(&(Paced, Paced, f64, f64)) -> f64, of_server: bool| {
        median(runs.iter().map(|r| if of_server { part(&r.0) } else { part(&r.1) }))
    };
    table.note("  share of a core: forwarder, flooded", busy(|r| r.3, false), "");
    table.note("  share of a core: server, flooded", busy(|r| r.3, true), "");
    let ratio = median(runs.iter().map(|r| p99(&r.0.1) / p99(&r.0.0)));
    table.at_most("flood: p99 of calls against calm, median of runs", ratio, 2.0, "");
    table.at_most("flood: memory grown", (after as f64 - before as f64) / 1024.0, 0.25, "MiB");
    let lost = pair.load.plan.clients() - pair.load.ping(pair.server.address);
    table.at_most("flood: sessions lost", lost as f64, 0.0, "");
}
