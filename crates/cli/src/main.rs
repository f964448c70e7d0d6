//! The `ragchew` binary: reads the command line and ends with the exit code of what it did. Source: design §7.
#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    ragchew_cli::execute(&ragchew_cli::args::Args::parse())
}
