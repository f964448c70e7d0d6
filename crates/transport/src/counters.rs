//! What the transport counts, per socket and in all. Observes only; the core is not told. Source: design §4.

use ragchew_core::Mono;
use ragchew_core::net::SocketId;
use std::io;
use std::ops::AddAssign;

/// Different error numbers that are told apart; further ones count as "other".
const ERROR_KINDS: usize = 8;

/// Failed calls by the system's error number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorCounts {
    kinds: [(i32, u64); ERROR_KINDS],
    other: u64,
}

impl ErrorCounts {
    /// Counts `error`; one without a number of the system counts as "other".
    pub(crate) fn count(&mut self, error: &io::Error) {
        self.add(error.raw_os_error().unwrap_or(0), 1);
    }

    fn add(&mut self, errno: i32, times: u64) {
        let place = self.kinds.iter_mut().find(|(known, count)| *known == errno || *count == 0);
        match place {
            Some(kind) if errno != 0 => *kind = (errno, kind.1 + times),
            _ => self.other += times,
        }
    }

    /// Error numbers that occurred, and how often.
    pub fn by_errno(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.kinds.iter().copied().filter(|(_, count)| *count > 0)
    }

    /// Errors beyond the eight kinds that are told apart.
    pub fn other(&self) -> u64 {
        self.other
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_errno().map(|(_, count)| count).sum::<u64>() + self.other
    }
}

impl AddAssign for ErrorCounts {
    fn add_assign(&mut self, rhs: Self) {
        rhs.by_errno().for_each(|(errno, count)| self.add(errno, count));
        self.other += rhs.other;
    }
}

/// What one socket did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketCounters {
    /// Datagrams that came in, those that were dropped here included.
    pub received: u64,
    /// Of those: longer than any legal frame.
    pub too_long: u64,
    /// Of those: from port 0, or an address that nobody can send from.
    pub bad_source: u64,
    /// Datagrams that the kernel dropped because nobody fetched them in time; 0 where the system does not tell.
    pub kernel_drops: u64,
    /// Datagrams that the kernel took.
    pub sent: u64,
    /// Control datagrams that were refused because their ring was full.
    pub refused_control: u64,
    /// Bursts that were dropped because they had waited too long.
    pub dropped_old_voice: u64,
    /// Bursts that were dropped for newer ones because their ring was full.
    pub dropped_full_voice: u64,
    /// Datagrams that still waited when a reload closed the socket.
    pub dropped_at_close: u64,
    /// Failed receive calls.
    pub receive_errors: ErrorCounts,
    /// Datagrams that were dropped because the kernel refused them.
    pub send_errors: ErrorCounts,
}

impl AddAssign for SocketCounters {
    fn add_assign(&mut self, rhs: Self) {
        self.received += rhs.received;
        self.too_long += rhs.too_long;
        self.bad_source += rhs.bad_source;
        self.kernel_drops += rhs.kernel_drops;
        self.sent += rhs.sent;
        self.refused_control += rhs.refused_control;
        self.dropped_old_voice += rhs.dropped_old_voice;
        self.dropped_full_voice += rhs.dropped_full_voice;
        self.dropped_at_close += rhs.dropped_at_close;
        self.receive_errors += rhs.receive_errors;
        self.send_errors += rhs.send_errors;
    }
}

/// Everything that the transport counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of all sockets, those that are closed by now included.
    pub total: SocketCounters,
    /// Of each open socket.
    pub sockets: Vec<(SocketId, SocketCounters)>,
    /// Turns of the loop.
    pub turns: u64,
    /// Report events that were left out because their channel was filling up, full or gone.
    pub events_lost: u64,
    /// The same by class, as in [`ragchew_core::report::Class::ALL`].
    pub events_refused: [u64; 3],
    /// What the core refused, by name.
    pub refusals: Vec<(&'static str, u64)>,
    /// Records that the core holds, by name.
    pub tables: Vec<(&'static str, u64)>,
    /// How busy the thread is.
    pub perf: Perf,
    /// Notices that were not taken: those that still wait for room, and those that nobody was there for.
    pub notices_lost: u64,
    /// Datagrams for a socket that is not open.
    pub unroutable: u64,
    /// When the orderly end began, if it did.
    pub ending_since: Option<Mono>,
}

/// How busy the reactor's thread is, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Perf {
    /// Nanoseconds that were watched.
    pub observed_ns: u64,
    /// Nanoseconds of them outside of the poll.
    pub busy_ns: u64,
    /// Nanoseconds of the longest turn.
    pub longest_turn_ns: u64,
    /// Report events that wait.
    pub queue_depth: u64,
    /// The most that ever waited.
    pub queue_high_water: u64,
    /// Report events that may wait.
    pub queue_capacity: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_beyond_the_table_are_counted_as_other_and_none_is_lost() {
        let mut counts = ErrorCounts::default();
        for errno in 1..=10 {
            counts.count(&io::Error::from_raw_os_error(errno));
        }
        counts.count(&io::Error::from_raw_os_error(3));
        counts.count(&io::Error::other("no number"));
        assert!(counts.by_errno().any(|kind| kind == (3, 2)));
        assert_eq!((counts.by_errno().count(), counts.other(), counts.total()), (8, 3, 12));
    }

    #[test]
    fn sums_keep_every_field() {
        let mut one = SocketCounters { received: 1, too_long: 2, bad_source: 3, kernel_drops: 4, ..Default::default() };
        one.send_errors.count(&io::Error::from_raw_os_error(libc::EPERM));
        let mut sum = SocketCounters { sent: 5, refused_control: 6, dropped_old_voice: 7, ..Default::default() };
        sum.dropped_full_voice = 8;
        sum.receive_errors.count(&io::Error::from_raw_os_error(libc::ENOMEM));
        sum.dropped_at_close = 9;
        let before = sum;
        sum += one;
        assert_eq!(sum.dropped_at_close, 9);
        sum += SocketCounters { dropped_at_close: 1, ..Default::default() };
        assert_eq!(sum.dropped_at_close, 10);
        assert_eq!((sum.received, sum.too_long, sum.bad_source, sum.kernel_drops), (1, 2, 3, 4));
        assert_eq!((sum.sent, sum.refused_control, sum.dropped_old_voice, sum.dropped_full_voice), (5, 6, 7, 8));
        assert_eq!((sum.send_errors, sum.receive_errors), (one.send_errors, before.receive_errors));
    }
}
