//! The command line. Owns its words and help; does nothing. Source: design §7.

use crate::decode::{self, DecodeArgs};
use crate::demo::{self, DemoArgs};
use crate::replay::{self, ReplayArgs};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  ended in order, or nothing wrong found
  1  the configuration has errors; nothing was started or changed
  2  wrong usage of the command line
  3  an address cannot be bound; nothing was started
  4  the state directory, the log or the recording cannot be used; nothing was started
  5  the running server failed, or the result of a check cannot be written";

/// A network server for amateur-radio DMR: hotspots and repeaters log in, talkgroups connect them.
///
/// Without a configuration file it runs a complete server on UDP port 62031 with an echo on talkgroup 9990, makes up a
/// passphrase and prints what to paste into Pi-Star or WPSD.
#[derive(Debug, Parser)]
#[command(name = "ragchew", version, about, long_about, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Args {
    /// Configuration file [default: ./ragchew.yaml, else /etc/ragchew/ragchew.yaml, else built in]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory for what the server keeps [default: /var/lib/ragchew as a service or root, else
    /// $XDG_STATE_HOME/ragchew, else ~/.local/state/ragchew]
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What to do; `run` when none is given.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `ragchew run` is told.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RunArgs {
    /// Record everything that comes and goes into this new file (pcapng), for Wireshark and `ragchew replay`; it holds
    /// what people say, and no passphrase
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the server in the foreground (the default)
    ///
    /// SIGTERM and SIGINT end it in order: calls are ended and clients told. SIGHUP reads the configuration again; if it
    /// has errors they are logged and nothing changes. SIGUSR1 writes the counters of the transport into the
    /// log. SIGUSR2 opens the log file again after it was rotated.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Work for a running server; only the server itself starts this
    #[command(hide = true)]
    Worker {
        /// What to do
        role: String,
    },
    /// Check the configuration and say what would run, without starting or changing anything
    ///
    /// Every error and warning is one line, `FILE:LINE:COLUMN: KEY: MESSAGE`, in the order of the file.
    #[command(after_help = EXIT_CODES)]
    Check {
        /// Print one JSON object: ok, source, findings and summary
        #[arg(long)]
        json: bool,
    },
    /// Replay a capture of clients and a server against this server's core, without a network
    ///
    /// The captured clients log in and speak as they did; a virtual client, the far end, says what the recorded server
    /// sent from elsewhere and hears what the clients say. Salts, addresses and the clock come from the capture. With
    /// --config its first listener takes the clients; without, they are subscribed to every talkgroup of the capture.
    ///
    /// A recording of `ragchew run --record` is replayed from its own snapshot, and everything that this program sends is
    /// compared with it, byte for byte.
    #[command(after_help = replay::EXIT_CODES)]
    Replay(ReplayArgs),
    /// Watch a server at work: simulated hotspots on this machine hold a conversation
    ///
    /// A server of its own on 127.0.0.1 with twelve hotspots that log in, take turns on four talkgroups, speak to the echo, and one
    /// that does not know the passphrase. Shows live who talks to whom; ends with q.
    #[command(after_help = demo::EXIT_CODES)]
    Demo(DemoArgs),
    /// Say in words what is in a capture: logins, options, calls, links between servers
    ///
    /// Understands HBP, OpenBridge, FBP and the dialect between MMDVMHost and DMRGateway, of any software and on any
    /// port. Passphrases, and what was computed from them, are never shown.
    #[command(after_help = decode::EXIT_CODES)]
    Decode(DecodeArgs),
}
