//! Once warm, a datagram costs no allocation: receive, core, rings, send. Source: design §2 property 2.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use ragchew_core::effects::FRAME_LEN;
use ragchew_core::id::{ClientId, Slot};
use ragchew_core::report::{ReportEvent, What};
use ragchew_core::{Config, Core, Effects, Input, Mono, Now, Seed, Span};
use ragchew_transport::Settings;
use ragchew_transport::capture::Capture;
use ragchew_transport::record::{Begin, Tape, create, recording};
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
