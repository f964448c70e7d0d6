//! Strangers: random, truncated and forged datagrams at a bounded rate, from their own addresses and from those of live
//! clients. Owns one thread while it lives.

use ragchew_benches::net::{Batch, Departure, Socket};
use ragchew_benches::plan::{address, id};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Datagrams that are made beforehand and come again.
const DIFFERENT: usize = 8_192;
/// Datagrams sent at once.
const AT_ONCE: usize = 32;
/// No flood is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// A flood that flows until it is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    started: Instant,
    thread: Option<JoinHandle<()>>,
}

struct Forged {
    from: Ipv4Addr,
    bytes: Vec<u8>,
}

/// xorshift64: the same flood in every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next(256) as u8).collect()
    }
}

/// One datagram of the flood, and whether it comes from the address of a live client.
fn forge(random: &mut Random, clients: usize) -> (Forged, bool) {
    let stranger = Ipv4Addr::new(127, 200 + random.next(50) as u8, random.next(256) as u8, 1 + random.next(250) as u8);
    let victim = random.next(clients);
    let name = id(victim).to_be_bytes();
    let live = random.next(2) == 0;
    let opcodes: [&[u8]; 7] = [b"RPTL", b"RPTK", b"RPTC", b"RPTO", b"RPTPING", b"DMRD", b"DMRA"];
    let opcode = opcodes[random.next(opcodes.len())];
    let (bytes, live) = match random.next(6) {
        0 => {
            let count = random.next(600);
            (random.bytes(count), false)
        }
        // Cut somewhere, with the ID of a live client.
        1 => {
            let whole = [opcode, &name[..], &random.bytes(40)].concat();
            (whole[..random.next(whole.len())].to_vec(), false)
        }
        2 => ([b"RPTL", &name[..]].concat(), live),
        3 => ([b"RPTPING", &name[..]].concat(), live),
        4 => ([b"RPTK", &name[..], &random.bytes(32)].concat(), live),
        _ => ([b"DMRD", &random.bytes(7)[..], &name[..], &random.bytes(40)].concat(), false),
    };
    (Forged { from: if live { address(victim) } else { stranger }, bytes }, live)
}

impl Flood {
    /// `live` are descriptors of the sockets that play the clients, with the socket of each client told by `socket_of`.
    pub fn start(
        to: SocketAddrV4,
        per_second: f64,
        clients: usize,
        live: Vec<OwnedFd>,
        socket_of: &dyn Fn(usize) -> usize,
    ) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // One run of datagrams per socket: strangers first, then each of those that play clients.
        let mut runs: Vec<Vec<Forged>> = (0..=live.len()).map(|_| Vec::new()).collect();
        for _ in 0..DIFFERENT {
            let (forged, is_live) = forge(&mut random, clients);
            let client = ragchew_benches::plan::client_at(forged.from);
            runs[if is_live { 1 + socket_of(client) } else { 0 }].push(forged);
        }
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (stop.clone(), sent.clone());
        let started = Instant::now();
        let thread = spawn(move || {
            let strangers = Socket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).expect("no free port");
            let sockets: Vec<Socket> = std::iter::once(strangers).chain(live.into_iter().map(Socket::from)).collect();
            flow(to, per_second, &sockets, &runs, &stopped, &counted);
        });
        Self { stop, sent, started, thread: Some(thread) }
    }

    /// Ends it; datagrams per second that it reached.
    pub fn stop(mut self) -> f64 {
        let took = self.started.elapsed();
        self.end();
        self.sent.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end();
    }
}

fn flow(
    to: SocketAddrV4,
    per_second: f64,
    sockets: &[Socket],
    runs: &[Vec<Forged>],
    stop: &AtomicBool,
    sent: &AtomicU64,
) {
    let mut batch = Batch::default();
    let chunks: Vec<(usize, Vec<Departure<'_>>)> = runs
        .iter()
        .enumerate()
        .flat_map(|(socket, run)| run.chunks(AT_ONCE).map(move |chunk| (socket, chunk)))
        .map(|(socket, chunk)| (socket, chunk.iter().map(|f| Departure { from: f.from, bytes: &f.bytes }).collect()))
        .collect();
    // Strangers and live clients mixed: every step takes a chunk far from the last one.
    let stride = (chunks.len() / 3) | 1;
    let (started, mut done, mut at) = (Instant::now(), 0_u64, 0);
    while !stop.load(Ordering::Relaxed) && started.elapsed() < LONGEST {
        if done as f64 > per_second * started.elapsed().as_secs_f64() {
            sleep(Duration::from_micros(50));
            continue;
        }
        at = (at + stride) % chunks.len();
        let (socket, chunk) = &chunks[at];
        done += batch.send(&sockets[*socket], to, chunk) as u64;
        sent.store(done, Ordering::Relaxed);
    }
}
