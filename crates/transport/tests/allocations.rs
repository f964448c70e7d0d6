//! Once warm, a datagram costs no allocation: receive, core, rings, send. Source: design §2 property 2.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ragchew_core::config::{Defaults, Listener, ListenerAcl, Passphrase};
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, ListenerId, RfTg, Slot};
use ragchew_core::net::SocketId;
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::wire::hbp::login_hash;
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span};
use ragchew_transport::capture::Capture;
use ragchew_transport::record::{Begin, Tape, create, recording};
use ragchew_transport::{Command, PacketPlane, Reactor, Settings};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Counts the allocations of each thread apart, because tests allocate as they like.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is the system allocator's; counting in a thread-local without destructor allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of the reactor's thread while `rounds` datagrams are answered, each with four bursts, an event that is
/// taken and a deadline.
fn allocations_of(server: &Server, allocations: &AtomicU64, rounds: usize, datagram: &[u8]) -> u64 {
    let client = client("127.0.0.1:0");
    let mut buffer = [0; 64];
    let mut before = None;
    for _ in 0..rounds {
        client.send_to(datagram, server.addresses[0]).unwrap();
        for _ in 0..5 {
            client.recv(&mut buffer).unwrap();
        }
        server.ends.events.recv_timeout(BOUND).unwrap();
        before.get_or_insert_with(|| allocations.load(Ordering::SeqCst));
    }
    allocations.load(Ordering::SeqCst) - before.unwrap()
}

/// A recording into a file of its own, and the thread that writes it.
fn recorded(file: &Path) -> (Tape, JoinHandle<()>) {
    let now = Now::default();
    let snapshot = Core::new(Config::default(), Seed::Key([0; 32]), now).snapshot();
    let begin = Begin { program: "ragchew test".into(), now, snapshot, sockets: Vec::new() };
    let (tape, writer) = recording(create(file).unwrap(), begin);
    (tape, std::thread::spawn(move || writer.run().unwrap()))
}

#[test]
fn the_warm_path_of_a_recorded_datagram_allocates_nothing() {
    let file = std::env::temp_dir().join(format!("ragchew-allocations-{}", std::process::id()));
    let _ = std::fs::remove_file(&file); // Of a process that had this number.
    let (tape, writing) = recorded(&file);
    let allocations = Arc::new(AtomicU64::new(0));
    let rule = four_bursts(Arc::clone(&allocations));
    let server = Server::start_taped(&["127.0.0.1:0"], Settings::default(), rule, |_| (), Some(tape));
    allocations_of(&server, &allocations, 100, b"DMRD");
    assert_eq!(allocations_of(&server, &allocations, 1_000, b"DMRD"), 0);
    assert!(allocations_of(&server, &allocations, 10, SPEND) >= 9);
    server.stop();
    writing.join().unwrap();
    let packets = Capture::open(&file).unwrap().datagrams.len();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(packets, 1_110 * 6, "everything was recorded");
}

/// A datagram on which the double allocates.
const SPEND: &[u8] = b"SPEND";

#[test]
fn the_warm_path_of_a_datagram_allocates_nothing() {
    for batched in [true, false] {
        let allocations = Arc::new(AtomicU64::new(0));
        let server = Server::start(&["127.0.0.1:0"], batched, four_bursts(Arc::clone(&allocations)));
        allocations_of(&server, &allocations, 100, b"DMRD");
        assert_eq!(allocations_of(&server, &allocations, 1_000, b"DMRD"), 0);
        // The count is of the right thread: a core that does allocate is noticed.
        assert!(allocations_of(&server, &allocations, 10, SPEND) >= 9);
        server.stop();
    }
}

/// The core on a clock that goes 60 ms a datagram, and what its thread allocated.
struct Counted {
    core: Core,
    now: Now,
    count: Arc<AtomicU64>,
}

impl PacketPlane for Counted {
    fn handle(&mut self, _: Now, input: Input<'_>, effects: &mut Effects) {
        self.now.mono = self.now.mono + Span::millis(60);
        if matches!(input, Input::Drain) {
            // Nobody asks for its deadlines, without which its own orderly end does not go on.
            return effects.set_drained();
        }
        self.core.handle(self.now, input, effects);
        self.count.store(ALLOCATIONS.get(), Ordering::SeqCst);
    }

    fn next_deadline(&self) -> Option<Mono> {
        None
    }
}

/// A client of `server` that has logged in.
fn logged_in(id: u32, server: std::net::SocketAddr) -> std::net::UdpSocket {
    let client = client("127.0.0.1:0");
    let id = ClientId(id).to_bytes();
    let ask = |message: &[u8]| {
        client.send_to(message, server).unwrap();
        next(&client).0
    };
    let salt = ask(&[b"RPTL", &id[..]].concat())[6..10].try_into().unwrap();
    ask(&[b"RPTK", &id[..], &login_hash(salt, b"passw0rd")].concat());
    let mut described = vec![b' '; 302];
    described[..8].copy_from_slice(&[b"RPTC", &id[..]].concat());
    described[97] = b'3';
    assert!(ask(&described).starts_with(b"RPTACK"));
    client
}

#[test]
fn a_forwarded_burst_of_the_core_allocates_nothing_while_its_events_are_reported() {
    let listener = Listener {
        id: ListenerId(0),
        name: "hotspots".into(),
        sockets: vec![SocketId(0)],
        passphrase: Passphrase::new(*b"passw0rd"),
        max_clients: 100,
        acl: ListenerAcl::default(),
        defaults: Defaults { statics: [Vec::new(), vec![RfTg(91)]], ..Defaults::default() },
        clients: Vec::new(),
    };
    let config = Config { listeners: vec![listener], ..Config::default() };
    let (now, count) = (Now { mono: Mono(7_000_000_000_000), ..Now::default() }, Arc::new(AtomicU64::new(0)));
    let plane = Counted { core: Core::new(config, Seed::Key([5; 32]), now), now, count: Arc::clone(&count) };
    let socket = open(0, "127.0.0.1:0");
    let server = socket.local_addr();
    let (wiring, ends) = wiring(64);
    let (reactor, handle) = Reactor::new(plane, vec![socket], &Settings::default(), wiring).unwrap();
    let thread = std::thread::spawn(move || reactor.run().unwrap());
    let [speaker, hearer] = [2_341_001, 2_341_002].map(|id| logged_in(id, server));
    let mut frame = [0u8; 55];
    frame[..4].copy_from_slice(b"DMRD");
    frame[5..8].copy_from_slice(&2_341_001u32.to_be_bytes()[1..]);
    frame[10] = 91;
    frame[11..15].copy_from_slice(&2_341_001u32.to_be_bytes());
    frame[16..20].copy_from_slice(&[0, 0, 0, 9]);
    // A stream between two clients is refused, which is told.
    let mut refused = frame;
    refused[15] = 0x61;
    let mut refuse = |stream: u32| {
        refused[16..20].copy_from_slice(&stream.to_be_bytes());
        speaker.send_to(&refused, server).unwrap();
    };
    let mut pass = |burst: u32| {
        frame[4] = burst as u8;
        frame[15] = 0x80 | if burst % 6 == 0 { 0x10 } else { (burst % 6) as u8 };
        frame[20..24].copy_from_slice(&burst.to_be_bytes());
        speaker.send_to(&frame, server).unwrap();
        assert_eq!(next(&hearer).0[20..24], burst.to_be_bytes());
        count.load(Ordering::SeqCst)
    };
    let told = || ends.events.try_iter().filter(|it| matches!(it.event.what, What::CallRefused { .. })).count();
    refuse(1_000);
    let warm = (0..200).map(&mut pass).last().unwrap();
    assert_eq!(told(), 1, "the first refusal of a line is told, and may take memory");
    let mut after = warm;
    for round in 0..10 {
        refuse(1_001 + round);
        after = (200 + round * 100..300 + round * 100).map(&mut pass).last().unwrap();
        assert_eq!(told(), 1, "an event was told while these bursts passed");
    }
    assert_eq!(after - warm, 0, "allocations of 1,000 bursts");
    drop(ends);
    handle.send(Command::Drain).unwrap();
    thread.join().unwrap();
}

/// Answers each datagram with four bursts, an event, the datagram itself and a deadline, and tells what was allocated.
fn four_bursts(count: Arc<AtomicU64>) -> impl FnMut(Now, Input<'_>, &mut Effects, &mut Option<Mono>) + Send + 'static {
    move |now, input, effects, deadline| {
        match input {
            Input::Datagram { path, bytes } => {
                if bytes == SPEND {
                    std::hint::black_box(bytes.to_vec());
                }
                let frame = effects.push_frame([0; FRAME_LEN]);
                for client in 0..4 {
                    effects.push_voice(path, frame, ClientId(client), Slot::One);
                }
                effects.push_control(path, bytes);
                let what = What::Reloaded { kept: 0, closed: 0 };
                effects.push_event(ReportEvent { at: now.wall, retold: false, what });
                *deadline = Some(now.mono + Span::millis(1));
            }
            Input::Deadline => *deadline = None,
            Input::Drain => effects.set_drained(),
            Input::Replace(_) | Input::Control(_) => {}
        }
        count.store(ALLOCATIONS.get(), Ordering::SeqCst);
    }
}
