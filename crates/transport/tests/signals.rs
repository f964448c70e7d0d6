//! Signals of the process. A program of its own with one test at a time, because every reactor of a process hears them.
//! Source: design §4, §5 (one shutdown path).
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, too.

mod common;

use common::*;
use ragchew_core::{Effects, Input};
use ragchew_transport::{CutShort, Notice, Reactor, SECOND_SIGNAL_AFTER, Settings, TakenSignals};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::raise;
use std::sync::{Mutex, PoisonError};

/// One reactor at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_reload_and_a_drain_that_find_no_room_for_their_notices_are_told_later() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start(&["127.0.0.1:0"], true, |_, _, _: &mut Effects, _| {});
    server.fill_notices();
    raise(SIGHUP).unwrap();
    // The answer shows that the signal was heard: each turn heeds signals before it obeys.
    assert!(server.replace(Vec::new(), Vec::new()).is_ok());
    raise(SIGTERM).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| server.ends.notices.recv_timeout(BOUND).ok()).collect();
    let places = [
        told.iter().position(|notice| matches!(notice, Notice::ReloadRequested)),
        told.iter().position(|notice| matches!(notice, Notice::DrainStarted)),
        told.iter().position(|notice| matches!(notice, Notice::DrainCutShort(CutShort::Core))),
    ];
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{told:?}");
    assert_eq!(server.join().0.notices_lost, 0);
}

/// A reactor that hears of everything by signals; why its drain was cut short.
fn told_by_signals() -> CutShort {
    // This core never drains, so that only the later signal, which it raises itself, can end it early.
    let server = Server::start(&["127.0.0.1:0"], true, |now, input, _, deadline| match input {
        Input::Drain => *deadline = Some(now.mono + SECOND_SIGNAL_AFTER),
        Input::Deadline => {
            *deadline = None;
            raise(SIGINT).unwrap();
        }
        _ => {}
    });
    raise(SIGHUP).unwrap();
    assert!(matches!(server.next_notice(), Notice::ReloadRequested));
    raise(SIGUSR1).unwrap();
    assert!(matches!(server.next_notice(), Notice::Counters(counters) if counters.turns > 0));
    raise(SIGTERM).unwrap();
    raise(SIGINT).unwrap();
    assert!(matches!(server.next_notice(), Notice::DrainStarted));
    raise(SIGHUP).unwrap();
    let (_, ends) = server.join();
    let Ok(Notice::DrainCutShort(why)) = ends.notices.try_recv() else { panic!("the drain was not cut short") };
    assert!(ends.notices.is_empty(), "a reload was asked for while draining");
    why
}

#[test]
fn signals_reload_count_drain_and_a_later_one_ends_at_once() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // A reactor that is held up until the drain is over by itself has no use for the later one.
    assert!((0..10).any(|_| told_by_signals() == CutShort::SecondSignal));
}

#[test]
fn signals_that_came_before_the_reactor_are_heeded_by_it() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let signals = TakenSignals::take().unwrap();
    raise(SIGHUP).unwrap();
    raise(SIGTERM).unwrap();
    let (wiring, ends) = wiring(4);
    let plane = Double { rule: echo, deadline: None };
    let (reactor, _handle) = Reactor::with_signals(plane, Vec::new(), &Settings::default(), wiring, signals).unwrap();
    reactor.run().unwrap();
    let told: Vec<_> = ends.notices.try_iter().collect();
    assert!(matches!(told[..], [Notice::ReloadRequested, Notice::DrainStarted]), "{told:?}");
}
