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
    /// Bytes that may wait for a worker's socket; then it gets no more events until some have left.
    LINK_FULL: usize = 256 * 1_024, "bytes";
    /// Stack of a worker that is a thread.
    WORKER_STACK: usize = 1 << 20, "bytes";
    /// Files that a worker process may have open.
    WORKER_FILES: u64 = 64, "files";
    /// Pause before another look whether a process has ended whose socket is closed.
    REAP_AGAIN: Span = Span::millis(5);

    /// Events that the hub takes in one turn.
    EVENT_BUDGET: usize = 1_024, "events";
    /// Between two looks at what comes from the packet plane, while something is awaited.
    OUTSIDE_LOOK: Span = Span::millis(10);
    /// How long the hub sleeps at most: nobody rings when the reactor is gone.
    HUB_SLEEP: Span = Span::millis(100);
    /// Between two words about events that were lost on the way to the hub.
    LOSS_PAUSE: Span = Span::secs(1);
    /// How long workers are given what there still is, once the reactor is gone.
    HUB_FEED: Span = Span::millis(300);
    /// How long the hub may take to its end, once the reactor is gone.
    HUB_LIMIT: Span = Span::millis(1_400);

    /// Workers that the supervisor knows.
    MAX_WORKERS: usize = 32, "workers";
    /// How long a worker may look busy at a time because it said so.
    MAX_MAINTENANCE: Span = Span::minutes(10);
    /// Events that may wait for one worker, those included that it was given and has not kept yet: 3 MiB.
    QUEUE_CAPACITY: usize = 16_384, "events";
    /// Share of a worker's queue above which samples are refused. Below it, what was refused of states is told again.
    QUEUE_SAMPLES: usize = 50, "% of QUEUE_CAPACITY";
    /// Share of a worker's queue above which states are refused; ends and begins may use all of it.
    QUEUE_STATES: usize = 80, "% of QUEUE_CAPACITY";
    /// Share of a worker's queue below which its pressure is over: well below the mark, so that a queue that hovers there
    /// does not say so with every batch.
    QUEUE_CALM: usize = 40, "% of QUEUE_CAPACITY";
    /// Sessions whose refused states are told again one by one; with more, everything is told again.
    QUEUE_DIRTY: usize = 4_096, "sessions";

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
