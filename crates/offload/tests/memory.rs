//! What the hub's picture of a full server costs: an allocator that counts what is in use.

#![allow(clippy::unwrap_used)]

use ragchew_core::id::{ClientId, ConferenceTg, ListenerId, RfTg, SessionNo, Slot};
use ragchew_core::report::{SessionTag, SubscriptionSource, Text, What};
use ragchew_core::{Span, Wall};
use ragchew_offload::picture::Picture;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static IN_USE: Cell<i64> = const { Cell::new(0) };
}

/// As the usual allocators give it: eight bytes more, in steps of sixteen.
fn count(size: usize, sign: i64) {
    let rounded = ((size + 8 + 15) & !15).max(32) as i64;
    let _ = IN_USE.try_with(|counted| counted.set(counted.get() + sign * rounded));
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: as promised to us.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as promised to us.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SESSIONS: u64 = 10_000;

/// A client with a full description, its OPTIONS and two talkgroups of its own taste.
fn login(session: u64) -> Vec<What> {
    let who = SessionTag { session: SessionNo(session), listener: ListenerId(0), client: ClientId(session as u32) };
    let (callsign, remote) = (Text::new(b"M0TST"), ([192, 0, 2, 1], 62_031).into());
    let (rx_hz, tx_hz, ua_timer, dial) = (430_000_000, 439_000_000, Span::minutes(10), ConferenceTg(0));
    let mut told = vec![
        What::Connected { who, remote, callsign, rx_hz, tx_hz, colour_code: 1, slots: b'3' },
        What::Software { who, software: Text::new(&[b's'; 40]), package: Text::new(&[b'p'; 40]) },
        What::Described { who, callsign, location: Text::new(&[b'l'; 20]), description: Text::new(&[b'd'; 19]) },
        What::Options { who, statics: [1, 1], single: false, dial, ua_timer, voided: 0 },
    ];
    for (slot, tg) in [(Slot::One, 91), (Slot::Two, 1_000 + (session * 7_919 % 500) as u32)] {
        let (rf_tg, conference, source) = (RfTg(tg), ConferenceTg(tg), SubscriptionSource::Static);
        told.push(What::Subscribed { who, slot, rf_tg, conference, source });
    }
    told
}

#[test]
fn a_session_with_two_subscriptions_costs_less_than_400_bytes() {
    let before = IN_USE.get();
    let mut picture = Picture::default();
    for what in (1..=SESSIONS).flat_map(login) {
        picture.apply(Wall(1), &what);
    }
    let per_session = (IN_USE.get() - before) as u64 / SESSIONS;
    assert_eq!((picture.session_count(), picture.member_count()), (10_000, 20_000));
    assert!(per_session < 400, "{per_session}");
    drop(picture);
    assert_eq!(IN_USE.get(), before, "everything is given back");
    println!("{per_session} bytes a session with two subscriptions");
}
