//! Every limit of configuration, channels, the orderly end and captures in words, with unit and reason, as constants and as one table that the
//! manual is tested against. Owns the numbers; never what they bound. Source: design §6, §8.

use ragchew_core::time::Span;

ragchew_core::limits! {
    /// Largest configuration file: 20,000 clients with settings of their own fit. The tree takes some sixty times as much
    /// memory.
    MAX_BYTES: usize = 4 * 1024 * 1024, "bytes";
    /// Lists and mappings of a configuration inside each other, at most.
    MAX_DEPTH: usize = 32, "levels";
    /// Findings that are kept; who has more errors than this has one cause for them.
    MAX_FINDINGS: usize = 1_000, "findings";
    /// Listeners of one server.
    MAX_LISTENERS: usize = 256, "listeners";
    /// Addresses of one listener.
    MAX_BINDS: usize = 16, "addresses";
    /// Clients of a listener at once, unless the file says otherwise.
    DEFAULT_CLIENTS: u32 = 10_000, "clients";
    /// Bytes of a passphrase file, at most.
    LONGEST_PASSPHRASE: u64 = 4_096, "bytes";
    /// Bytes of the path of a socket: what the system takes.
    LONGEST_SOCKET_PATH: usize = 107, "bytes";

    /// Answers of the reactor that may wait for the hub.
    ANSWER_SLOTS: usize = 64, "answers";
    /// Reloads that operators may have asked for and the keeper not begun.
    RELOAD_SLOTS: usize = 4, "reloads";
    /// What the keeper has to tell operators and the hub has not taken.
    HEARD_SLOTS: usize = 16, "words";
    /// Lines of the log that may wait for those who follow it.
    TAIL_SLOTS: usize = 1_024, "lines";
    /// Notices of the reactor that may wait for the keeper.
    NOTICE_SLOTS: usize = 64, "notices";
    /// How long the recording's end may wait for a place among the notices.
    TELLING: Span = Span::millis(500);
    /// Configurations that may wait to be freed.
    RETIRED_SLOTS: usize = 8, "configurations";

    /// The orderly end: from the signal to the end of the process.
    END_LIMIT: Span = Span::secs(5);
    /// How long all threads together may take after the reactor.
    THREADS_LIMIT: Span = Span::millis(1_550);
    /// How long the log may take after them.
    LOG_LIMIT: Span = Span::millis(400);

    /// Bytes of one line from a server that `ctl` takes: the largest answer has 1 MiB.
    ANSWER_BYTES: usize = 4 * 1024 * 1024, "bytes";
    /// How long `ctl` waits for an answer beyond the time that the server has for it.
    ANSWER_GRACE: Span = Span::secs(1);
    /// Pages of one list that `ctl` puts together: more than there are sessions or talkgroups.
    MOST_PAGES: u32 = 10_000, "pages";
    /// Between two attempts of `top` to reach a server that has gone.
    RECONNECT: Span = Span::secs(1);
    /// Between two pictures of the live view: enough to see a call begin.
    PICTURE_PACE: Span = Span::millis(100);

    /// Messages that a capture in words holds, repeats folded; what follows is counted and left out. With `--messages`
    /// nothing is held.
    TOLD_MESSAGES: usize = 65_536, "entries";
    /// Calls that a capture in words holds, apart from the messages, so that a flood of logins leaves them their room.
    TOLD_CALLS: usize = 32_768, "calls";
    /// A repeat that comes later than this after the one before is told anew: it is another story.
    FOLD_WITHIN: Span = Span::secs(120);
    /// Pairs of addresses, IDs and sessions of which a capture in words remembers who they are, each.
    TOLD_PARTIES: usize = 65_536, "parties";
    /// Reasons and ports of datagrams that are not understood; what follows is counted together.
    TOLD_UNKNOWN: usize = 4_096, "rows";
    /// Entries of one list in a capture in words: IDs of a pair of addresses or of a call, what contradicts itself in it,
    /// headers and CSBKs.
    TOLD_LIST: usize = 32, "entries";
}
