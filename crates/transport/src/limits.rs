//! Every limit of the transport, with unit and reason, as constants and as one table that the manual is tested against. Owns
//! the numbers; never what they bound. Source: design §4, §8.

use ragchew_core::limits::{EFFECTS_SOFT_LIMIT, MAX_SESSIONS, STREAM_LIVE};
use ragchew_core::time::Span;

ragchew_core::limits! {
    /// Bytes that a datagram may have; one more is received, so that longer ones are recognised.
    LONGEST_DATAGRAM: usize = 512, "bytes";
    /// Datagrams that one call moves at most.
    BATCH: usize = 64, "datagrams";
    /// Datagrams that one socket may bring in a turn; then the others have theirs.
    RECEIVE_BUDGET: usize = 2 * BATCH, "datagrams";
    /// Datagrams that a turn asks for at first. Most turns of a server that is not busy have one, and preparing for a
    /// full
    /// batch would cost more than fetching it.
    FIRST_LOOK: usize = 8, "datagrams";

    /// Control datagrams that may wait; then the newest is refused, because the older ones answer older requests.
    CONTROL_SLOTS: usize = 512, "datagrams";
    /// Bursts that may wait; then the oldest is dropped, because it is the least worth hearing.
    VOICE_SLOTS: usize = 2_048, "bursts";
    /// A burst that waited longer is not sent: the receiver has given up its stream by then.
    VOICE_AGE: Span = STREAM_LIVE;
    /// Pause before another try of a call that failed without the poll telling when it may work again.
    RETRY_AFTER: Span = Span::millis(5);
    /// Transmits for which there is room from the start.
    TRANSMIT_CAPACITY: usize = 2 * EFFECTS_SOFT_LIMIT, "transmits";

    /// Share of the channel of events above which nothing is told again: what is new has room beside it.
    ROOM_TO_TELL_AGAIN: usize = 25, "% of the channel";
    /// Share of it above which samples are left out.
    ROOM_FOR_SAMPLES: usize = 50, "% of the channel";
    /// Share of it above which states are left out; ends and begins may use all of it.
    ROOM_FOR_STATES: usize = 80, "% of the channel";
    /// Sessions whose lost states are told again one by one; with more, everything is told again.
    DIRTY_SESSIONS: usize = 1_024, "sessions";

    /// Commands that may wait for the reactor.
    COMMAND_SLOTS: usize = 16, "commands";
    /// Commands that are obeyed in a turn.
    COMMAND_BUDGET: usize = 4, "commands";
    /// Pause before another try of a channel that was full.
    OFFER_AGAIN: Span = Span::millis(20);

    /// How long the core may take to tell everybody that the server stops.
    DRAIN_LIMIT: Span = Span::secs(2);
    /// How long the kernel may take, after that, to accept what still waits.
    FLUSH_LIMIT: Span = Span::secs(1);
    /// A TERM or INT that comes so soon after the begin of the orderly end is the same wish once more (a service
    /// manager that signals the process and its group, two keys pressed); a later one ends it at once.
    SECOND_SIGNAL_AFTER: Span = Span::millis(500);

    /// Bytes of one buffer of a recording.
    CHUNK_BYTES: usize = 128 * 1024, "bytes";
    /// Buffers of a recording: together the 8 MiB that a disk may be behind, about ten seconds of a busy server.
    CHUNKS: usize = 64, "buffers";
    /// How long the last buffer of a recording may wait for its place when the reactor ends.
    CHUNK_PATIENCE: Span = Span::millis(400);
    /// Octets of a snapshot or configuration in one block.
    PART: usize = 128 * 1_024, "bytes";
    /// Bytes of the largest state or configuration that is read: a snapshot of 65,536 sessions is smaller.
    MOST_CARRIED: u64 = 256 << 20, "bytes";
    /// Datagrams that a replayed core may send before the recording names one of them: what a batch may hold when it is
    /// flushed, and after it one input that sends three (the end of a call, a header, a burst) to both slots of everybody.
    MOST_UNCOMPARED: usize = EFFECTS_SOFT_LIMIT + 3 * 2 * MAX_SESSIONS, "datagrams";

    /// Bytes of the longest record that is read: a packet of 262,144 bytes, the largest that capturing programs take,
    /// and what a pcapng block holds around it.
    LONGEST_RECORD: usize = 262_144 + 65_536, "bytes";
    /// Datagrams that are read from one file; what follows is a break. A busy server of 1,000 clients sends so many in
    /// about ten minutes, and they are held in memory.
    MOST_DATAGRAMS: usize = 1 << 22, "datagrams";
    /// A longer step of the clock between two datagrams ends the replay of a capture: every deadline in it would have to
    /// be worked off.
    LONGEST_PAUSE: Span = Span::secs(24 * 3_600);
    /// The replay of a capture that goes on for longer ends here, for the same reason: many pauses cost what one costs.
    LONGEST_CAPTURE: Span = Span::secs(7 * 24 * 3_600);
    /// Requests of a captured client that may wait for their answers; the oldest then goes unanswered.
    CAPTURED_REQUESTS: usize = 64, "requests";
    /// Characters of the name of the program that made a recording, as far as they are shown.
    PROGRAM_NAME: usize = 80, "characters";
    /// How long the clock runs on after the last datagram of the capture.
    AFTERMATH: Span = Span::secs(10);
}
