//! What the transport counted, as people read it: a line of the log, and the figures of `ragchew ctl`. Owns the names and
//! their order; counts nothing. Source: design §5.

use ragchew_offload::desk::PerfRow;
use ragchew_offload::hub::Figures;
use ragchew_offload::log::{Level, LogSender};
use ragchew_transport::Counters;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Says what the transport counted, in one line.
pub(super) fn say_counters(log: &LogSender, counters: &Counters) {
    log.line(Level::Info, counters_line(counters));
}

/// What the transport counted, by name, in the order in which people read it.
fn counts(counters: &Counters) -> [(&'static str, u64); 14] {
    let total = &counters.total;
    [
        ("received", total.received),
        ("sent", total.sent),
        ("too_long", total.too_long),
        ("bad_source", total.bad_source),
        ("kernel_drops", total.kernel_drops),
        ("refused_control", total.refused_control),
        ("dropped_old_voice", total.dropped_old_voice),
        ("dropped_full_voice", total.dropped_full_voice),
        ("dropped_at_close", total.dropped_at_close),
        ("receive_errors", total.receive_errors.total()),
        ("send_errors", total.send_errors.total()),
        ("unroutable", counters.unroutable),
        ("events_lost", counters.events_lost),
        ("notices_lost", counters.notices_lost),
    ]
}

fn counters_line(counters: &Counters) -> String {
    let mut line = "counters".to_owned();
    let shown = |&(name, count): &(&str, u64)| count > 0 || matches!(name, "received" | "sent");
    for (name, count) in counts(counters).into_iter().filter(shown) {
        let _ = write!(line, " {name}={count}");
    }
    line
}

/// What the packet plane counted, in the words of operators.
pub(super) fn figures(counters: &Counters) -> Figures {
    let perf = &counters.perf;
    let busy = u128::from(perf.busy_ns) * 1_000 / u128::from(perf.observed_ns.max(1));
    Figures {
        perf: PerfRow {
            name: "reactor".to_owned(),
            turns: counters.turns,
            busy: busy.min(1_000) as u16,
            longest_turn_us: perf.longest_turn_ns / 1_000,
            queue_depth: perf.queue_depth as u32,
            queue_high_water: perf.queue_high_water as u32,
            queue_capacity: perf.queue_capacity as u32,
        },
        counters: named(counters),
        refused: counters.events_refused,
    }
}

fn named(counters: &Counters) -> BTreeMap<String, u64> {
    let own = counts(counters).map(|(name, count)| (name.to_owned(), count));
    let refused = counters.refusals.iter().map(|&(name, count)| (format!("refused.{name}"), count));
    let held = counters.tables.iter().map(|&(name, count)| (format!("held.{name}"), count));
    own.into_iter().chain(refused).chain(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_one_line_that_leaves_out_what_did_not_happen() {
        let mut counters = Counters { events_lost: 4, ..Counters::default() };
        (counters.total.received, counters.total.sent, counters.total.too_long) = (3, 2, 1);
        assert_eq!(counters_line(&counters), "counters received=3 sent=2 too_long=1 events_lost=4");
    }
}
