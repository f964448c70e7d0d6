//! Every limit of the offload side, with unit and reason, as constants and as one table that the manual is tested against.
//! Owns the numbers; never what they bound. Source: design §5, §8.

use ragchew_core::time::Span;

ragchew_core::limits! {
    /// Items that may wait for the writer: half a megabyte, and some hundred milliseconds of a full server at its busiest.
    LOG_CAPACITY: usize = 4_096, "items";
    /// Bytes that are collected for one write; a queue that is empty is written at once.
    LOG_BUFFER: usize = 8 * 1_024, "bytes";
    /// How often an idle writer looks whether it is to open its file again, which a signal asks for.
    LOG_IDLE: Span = Span::secs(1);

    /// Bytes of one message between hub and worker, at most.
    LONGEST_MESSAGE: usize = 1 << 20, "bytes";
    /// Bytes that are read from a worker's socket at once.
    READ_PIECE: usize = 16 * 1_024, "bytes";
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
    /// How often a worker's socket is read in one turn; then the others have theirs.
    WORKER_READS: usize = 16, "reads";
    /// Pages of what is told again in one turn.
    PAGES_A_TURN: usize = 16, "pages";
    /// Pause before another look whether a process has ended whose socket is closed.
    REAP_AGAIN: Span = Span::millis(5);

    /// Report events that may wait for the hub: 2 MiB, and about a second of a full server. Below the mark for states there is
    /// room for the ends of 10,000 sessions at once, which nobody could tell again.
    EVENTS_TO_HUB: usize = 16_384, "events";
    /// How long `ctl drain` waits for the end of calls when it is not told: longer than a call may last.
    DRAIN_USUALLY: Span = Span::secs(190);
    /// After the core said how many calls are on the air: until the hub's copy has them too.
    DRAIN_SETTLES: Span = Span::millis(500);
    /// How old what the packet plane counted may be in a status.
    FIGURES_KEPT: Span = Span::secs(1);
    /// How long a status waits for newer figures.
    STATUS_WAITS: Span = Span::millis(500);
    /// Events that the hub takes in one turn.
    EVENT_BUDGET: usize = 1_024, "events";
    /// Between two looks at what comes from the packet plane, while something is awaited.
    OUTSIDE_LOOK: Span = Span::millis(10);
    /// How long the hub lets events gather before it takes more of them: what a watcher may see late. Waking it for each one
    /// costs more than the event.
    HUB_GATHER: Span = Span::millis(20);
    /// How long the hub sleeps at most: nobody rings for a process that has ended without a word.
    HUB_SLEEP: Span = Span::millis(500);
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
    /// Share of a worker's queue above which nothing is told again: what is new has room beside it.
    QUEUE_AGAIN: usize = 25, "% of QUEUE_CAPACITY";
    /// Places that an empty queue keeps.
    QUEUE_KEPT: usize = 1_024, "events";
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
    /// Calls that have ended and are remembered for `ctl calls`; older ones are in the database.
    HEARD_CALLS: usize = 256, "calls";
    /// Events of one page of everything that there is, as a new worker or watcher is told it.
    TOLD_ROWS: usize = 64, "events";
    /// Connections of the command socket at once; the next one is told `busy` and closed.
    CONNECTIONS: usize = 64, "connections";
    /// Bytes of a request; a longer line is thrown away and refused.
    LINE_BYTES: usize = 64 * 1_024, "bytes";
    /// Requests of one connection that may be open at once; the next one is refused as `busy`.
    OPEN_REQUESTS: usize = 16, "requests";
    /// Bytes that may wait for a connection to read them; an answer that does not fit closes it.
    CONNECTION_WAITING: usize = 1_024 * 1_024, "bytes";
    /// Bytes up to which lines of the log and events may wait for a slow reader, so that answers still find room; then it
    /// loses them and is told how many.
    ITEMS_WAITING: usize = 768 * 1_024, "bytes";
    /// Bytes below which a reader that lost items gets new ones again, and may be told more of everything that there is.
    ITEMS_AGAIN: usize = 256 * 1_024, "bytes";
    /// Bytes that the system is given at once for a connection. It takes more when a piece or two were read, by which a slow
    /// reader is told from a deaf one.
    WRITE_PIECE: usize = 4 * 1_024, "bytes";
    /// A connection without an open request that sends no request for so long is closed, and so is one that for so long reads
    /// less than one of WRITE_PIECE of what waits for it. One that reads two stays.
    CONNECTION_SILENCE: Span = Span::secs(30);
    /// Lines in a row that are no request, after which a connection is closed.
    GARBAGE_LINES: u32 = 3, "lines";
    /// Bytes that are read from one connection in a turn; then the others have theirs.
    READ_BUDGET: usize = 16 * 1_024, "bytes";
    /// Connections that are taken in a turn.
    ACCEPT_BUDGET: usize = 16, "connections";
    /// Pause before connections are taken again when the system had no room for one.
    ACCEPT_AGAIN: Span = Span::millis(100);
    /// Lines of the audit that may wait for the hub; until it takes them, no request is read.
    AUDITS_WAITING: usize = 256, "lines";
    /// How long an answer may take, unless the request says otherwise.
    ANSWER_WITHIN: Span = Span::secs(5);
    /// The most that a request may say there.
    ANSWER_AT_MOST: Span = Span::secs(60);
    /// Bytes of the command socket's path: what the system takes (107), less what its first name needs.
    SOCKET_PATH: usize = 90, "bytes";
    /// Records of a page from the database, when nothing else was asked.
    USUAL_RECORDS: u32 = 100, "records";
    /// Records of a page from the database, at most.
    MOST_RECORDS: u32 = 1_000, "records";
    /// Old lines that `ctl logs` shows, when nothing else was asked.
    USUAL_LOG_LINES: u32 = 50, "lines";
    /// Lines of the log that are kept for `ctl logs`.
    MOST_LOG_LINES: u32 = 1_000, "lines";
    /// How long a drain may be asked to wait for the calls on the air.
    LONGEST_DRAIN: Span = Span::secs(86_400);
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
