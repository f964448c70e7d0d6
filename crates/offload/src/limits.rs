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
    /// Subscriptions that a row of `ctl sessions` lists; the row says how many there are.
    ROW_SUBSCRIPTIONS: usize = 32, "subscriptions";
    /// Members that a row of `ctl talkgroups` lists; the row says how many there are.
    ROW_MEMBERS: usize = 128, "members";
    /// Members that one page of `ctl talkgroups` lists in all; then the page ends early.
    PAGE_MEMBERS: usize = 2_048, "members";
    /// Rows of a page of sessions or talkgroups, when nothing else was asked.
    USUAL_ROWS: u32 = 64, "rows";
    /// Rows of a page of sessions or talkgroups, at most: with everything a row can hold, a page fits `CONNECTION_WAITING`.
    MOST_ROWS: u32 = 128, "rows";
    /// Calls on the air that `ctl calls` lists; the answer says how many there are.
    CALL_ROWS: usize = 256, "calls";
}
