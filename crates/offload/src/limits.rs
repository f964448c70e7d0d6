//! Every limit of the offload side, with unit and reason, as constants and as one table that the manual is tested against.
//! Owns the numbers; never what they bound. Source: design §5, §8.

use ragchew_core::time::Span;

ragchew_core::limits! {
    /// Items that may wait for the writer: about a second of everything that a full server says at its busiest.
    LOG_CAPACITY: usize = 8_192, "items";
    /// Bytes that are collected for one write; a queue that is empty is written at once.
    LOG_BUFFER: usize = 8 * 1_024, "bytes";
    /// How often an idle writer looks whether it is to finish or to open its file again.
    LOG_IDLE: Span = Span::millis(200);

    /// Bytes of one message between hub and worker, at most.
    LONGEST_MESSAGE: usize = 1 << 20, "bytes";
    /// Bytes that are read from a worker's socket at once.
    READ_PIECE: usize = 64 * 1_024, "bytes";
    /// Events in one message to a worker.
    MAX_TOLD: usize = 512, "events";
    /// How long a worker waits for a message at most before it looks around.
    LONGEST_WORKER_WAIT: Span = Span::secs(1);
}
