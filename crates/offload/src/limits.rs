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
    /// Events that the hub has outstanding with a worker, and so the most that a worker holds while it cannot keep them: two
    /// seconds of the busiest server.
    WINDOW: usize = 2_048, "events";
    /// How long an event waits for others before it is written: what an operator may see late.
    SQL_BATCH_AFTER: Span = Span::millis(250);
    /// Events after which a batch is written at once.
    SQL_BATCH: usize = 500, "events";
    /// How long a statement waits for another program that holds the database; the worker answers nothing meanwhile.
    SQL_LOCK_WAIT: Span = Span::millis(250);
    /// The same at the orderly end, where several such waits must fit into a second.
    SQL_LAST_WAIT: Span = Span::millis(100);
    /// Before the first new attempt after a failure; doubles with each further one.
    SQL_RETRY: Span = Span::millis(250);
    /// The longest such pause: so late may a database be noticed that works again.
    SQL_RETRY_CAP: Span = Span::secs(8);
    /// How often a worker without events looks whether its database is still where it was.
    SQL_WATCH: Span = Span::secs(2);
    /// A batch that takes longer is slow: by then four more are due.
    SQL_SLOW: Span = Span::secs(1);
    /// Slow batches in a row after which it is said; one alone is a disk that had other work.
    SQL_SLOW_ROW: u32 = 3, "batches";
    /// Records of one answer.
    SQL_RECORDS: usize = 1_000, "records";
    /// Calls that are looked through for an answer that names each radio of a client or talkgroup once.
    SQL_WALK: usize = 500_000, "calls";
    /// Rows that are forgotten at once, so that events never wait long.
    SQL_PRUNE: usize = 500, "rows";
    /// Between two such steps.
    SQL_PRUNE_PAUSE: Span = Span::millis(100);
    /// How often it is looked whether something is old enough to be forgotten.
    SQL_PRUNE_EVERY: Span = Span::secs(3_600);
    /// Databases that were set aside and lie beside the one in use; more would fill a disk that damages them again and again.
    SQL_SET_ASIDE: usize = 8, "databases";
    /// What remains of the write-ahead log after it was emptied.
    SQL_JOURNAL: u64 = 16 * 1_048_576, "bytes";
}
