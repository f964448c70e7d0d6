//! Signals of the process. A program of its own with one test, because every reactor of a process hears them.
//! Source: design §4, §5 (one shutdown path).

mod common;

use common::*;
use ragchew_core::Effects;
use ragchew_transport::{CutShort, Notice};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::raise;
use std::time::Instant;

#[test]
fn signals_reload_count_drain_and_the_second_one_ends_at_once() {
    // This core never drains, so that only the second signal can end it early.
    let server = Server::start(&["127.0.0.1:0"], true, |_, _, _: &mut Effects, _| {});
    raise(SIGHUP).unwrap();
    assert!(matches!(server.next_notice(), Notice::ReloadRequested));
    raise(SIGUSR1).unwrap();
    assert!(matches!(server.next_notice(), Notice::Counters(counters) if counters.turns > 0));
    raise(SIGTERM).unwrap();
    assert!(matches!(server.next_notice(), Notice::DrainStarted));
    let begin = Instant::now();
    raise(SIGHUP).unwrap();
    raise(SIGINT).unwrap();
    let (_, ends) = server.join();
    assert!(begin.elapsed() < BOUND / 5, "the second signal did not end it at once");
    assert!(matches!(ends.notices.try_recv(), Ok(Notice::DrainCutShort(CutShort::SecondSignal))));
    assert!(ends.notices.is_empty(), "a reload was asked for while draining");
}
