//! The words of `ragchew ctl` and `ragchew top`. Owns them and their help; does nothing. Source: design §7.

use ragchew_core::id::{ClientId, ConferenceTg, RadioId};
use ragchew_offload::desk::{Command, WorkerAction};
use ragchew_offload::worker::RecordQuery;
use std::path::PathBuf;

/// Exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the server refused it, and says why
  2  wrong usage of the command line
  3  no server was reached
  4  no answer in time, or a part of it is missing";

/// What `ragchew ctl` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct CtlArgs {
    #[command(flatten)]
    pub(super) way: Way,
    /// Print what the server answers: one JSON object, of logs and watch one a line
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// What is asked or wanted.
    #[command(subcommand)]
    pub(super) what: What,
}

/// How the server is reached.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Way {
    /// Command socket of the server [default: runtime.control.socket of the configuration, else control.sock in the
    /// state directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// How long an answer may take [default: 5]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) within: Option<u64>,
}

/// What `ragchew top` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct TopArgs {
    #[command(flatten)]
    pub(crate) way: Way,
    /// Print the events as lines in place of the live view; the default without a terminal
    #[arg(long)]
    pub(crate) plain: bool,
}

/// What can be asked of a running server.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum What {
    /// The server in a few lines
    Status,
    /// Who is logged in, with talkgroups
    Sessions {
        /// At most so many rows [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
        /// Of this client alone
        #[arg(long, value_name = "ID")]
        client: Option<u32>,
    },
    /// Talkgroups with their members
    Talkgroups {
        /// At most so many rows [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Calls on the air, and the last ones that ended
    Calls,
    /// Every worker with its state; or starts, stops or restarts one
    Workers {
        /// What to do with one.
        #[command(subcommand)]
        action: Option<Worker>,
    },
    /// How busy everybody is, and how full the queues are
    Perf,
    /// What was counted since the start, by everybody
    Counters,
    /// Calls that the database holds, the newest first
    Records(RecordArgs),
    /// Sessions that the database holds, the newest first
    SessionRecords(RecordArgs),
    /// The last lines of the log
    Logs {
        /// Go on with the lines that come, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// At most so many old ones [default: 50]
        #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
        lines: Option<u32>,
    },
    /// Every event that comes, a line each, until Ctrl-C; with --json everything that there is comes first
    Watch,
    /// Closes the sessions of a client; it may log in again
    Kick {
        /// DMR ID of the client
        #[arg(value_name = "ID")]
        client: u32,
        /// On this listener alone
        #[arg(long, value_name = "NAME")]
        listener: Option<String>,
    },
    /// Drops talkgroups that a client keyed up; static ones stay
    Unlink {
        /// DMR ID of the client
        #[arg(value_name = "ID")]
        client: u32,
        /// On this slot alone
        #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
        slot: Option<u8>,
        /// This talkgroup alone, as the radio has it
        #[arg(long, value_name = "N")]
        tg: Option<u32>,
    },
    /// Reads the configuration again; with an error in it nothing changes
    Reload {
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Refuses new calls and logins, waits for the end of the calls on the air, then stops
    Drain {
        /// Wait so long at most [default: as long as a call may last]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
        wait: Option<u32>,
    },
    /// Ends the server in order, now
    Stop,
}

/// What to do with a worker.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Worker {
    /// Starts it, also one that is broken
    Start {
        /// Which
        name: String,
    },
    /// Ends it in order; it stays down
    Stop {
        /// Which
        name: String,
    },
    /// Ends it in order and starts it again
    Restart {
        /// Which, or `all`: each, one after the other
        name: String,
    },
}

/// Which records are wanted.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RecordArgs {
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Of this client alone
    #[arg(long, value_name = "ID")]
    pub(super) client: Option<u32>,
    /// On this talkgroup alone
    #[arg(long, value_name = "N")]
    pub(super) tg: Option<u32>,
    /// Of this radio alone
    #[arg(long, value_name = "ID")]
    pub(super) source: Option<u32>,
    /// Each radio once, with its last call
    #[arg(long)]
    pub(super) last_heard: bool,
}

impl RecordArgs {
    fn query(&self) -> RecordQuery {
        RecordQuery {
            client: self.client.map(ClientId),
            talkgroup: self.tg.map(ConferenceTg),
            source: self.source.map(RadioId),
            last_heard: self.last_heard,
            limit: self.limit,
            after: None,
        }
    }
}

impl What {
    /// As the socket takes it. `limit` of what is paged is that of all pages together.
    pub(super) fn command(&self) -> Command {
        match self {
            Self::Status => Command::Status,
            Self::Sessions { limit, client } => {
                Command::Sessions { limit: *limit, after: None, client: client.map(ClientId) }
            }
            Self::Talkgroups { limit } => Command::Talkgroups { limit: *limit, after: None },
            Self::Calls => Command::Calls,
            Self::Workers { action: None } => Command::Workers,
            Self::Workers { action: Some(worker) } => worker.command(),
            Self::Perf => Command::Perf,
            Self::Counters => Command::Counters,
            Self::Records(args) => Command::Records(args.query()),
            Self::SessionRecords(args) => Command::SessionRecords(args.query()),
            Self::Logs { follow, lines } => Command::Logs { lines: *lines, follow: *follow },
            Self::Watch => Command::Watch,
            Self::Kick { client, listener } => Command::Kick { client: ClientId(*client), listener: listener.clone() },
            Self::Unlink { client, slot, tg } => {
                Command::Unlink { client: ClientId(*client), slot: *slot, talkgroup: *tg }
            }
            Self::Reload { dry_run } => Command::Reload { dry_run: *dry_run },
            Self::Drain { wait } => Command::Drain { wait_s: *wait },
            Self::Stop => Command::Stop,
        }
    }
}

impl Worker {
    fn command(&self) -> Command {
        let (worker, action) = match self {
            Self::Start { name } => (name, WorkerAction::Start),
            Self::Stop { name } => (name, WorkerAction::Stop),
            Self::Restart { name } => (name, WorkerAction::Restart),
        };
        Command::Worker { worker: worker.clone(), action }
    }
}
