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
}
