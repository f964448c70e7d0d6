//! `ragchew decode`: a capture in words, or as JSON. Owns the command's words, its exit codes and the order of work; sends
//! nothing, starts nothing, and shows no secret: neither passphrases nor what was computed from them. Source: `wire.md`.

mod bridge;
mod data;
mod entry;
#[cfg(test)]
mod floods;
mod flow;
mod frame;
mod keep;
mod lc;
mod links;
mod options;
mod session;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod voice;

use clap::Parser;
use ragchew_core::wire::mac::LinkKey;
use ragchew_transport::capture::Capture;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use story::Story;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  the capture was read to its end
  2  wrong usage of the command line
  3  the capture cannot be read, or not to its end; what lies before the break is shown";

/// The capture was read to its end.
const READ: u8 = 0;
/// It could not be.
const UNREADABLE: u8 = 3;

/// What `ragchew decode` is told.
#[derive(Clone, Debug, Parser)]
pub struct DecodeArgs {
    /// The capture: pcap or pcapng
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// One line for every datagram: bursts by number, and what data blocks hold as hexadecimal digits
    #[arg(long, conflicts_with = "calls")]
    messages: bool,
    /// Only calls
    #[arg(long)]
    calls: bool,
    /// Only datagrams from or to this UDP port
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Check answers to challenges, and the codes of links, with this passphrase; may be given several times. It is never
    /// printed
    #[arg(long, value_name = "P")]
    passphrase: Vec<String>,
    /// Show where stations say that they are: personal data
    #[arg(long)]
    positions: bool,
}

/// What is shown of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Control messages, repeats folded, and calls.
    Story,
    /// Every datagram.
    Messages,
    /// Calls.
    Calls,
}

/// What decoding goes by.
struct Lens {
    detail: Detail,
    port: Option<u16>,
    positions: bool,
    passphrases: Vec<Box<[u8]>>,
    /// One or two for each passphrase: by the rule of FreeDMR, and as it is.
    keys: Vec<LinkKey>,
}

impl Lens {
    fn new(args: &DecodeArgs) -> Self {
        let passphrases: Vec<Box<[u8]>> = args.passphrase.iter().map(|text| text.as_bytes().into()).collect();
        let keys = passphrases.iter().flat_map(|text| [Some(LinkKey::legacy(text)), LinkKey::raw(text)]);
        let detail = match (args.messages, args.calls) {
            (true, _) => Detail::Messages,
            (_, true) => Detail::Calls,
            _ => Detail::Story,
        };
        Self { detail, port: args.port, positions: args.positions, keys: keys.flatten().collect(), passphrases }
    }
}

/// Decodes and prints.
pub(crate) fn run(args: &DecodeArgs) -> ExitCode {
    let file = args.capture.display().to_string();
    let capture = match Capture::open(&args.capture) {
        Ok(capture) => capture,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ragchew decode: {file}: {error}");
            return ExitCode::from(UNREADABLE);
        }
    };
    let stdout = io::stdout();
    let colour = crate::wants_colour(&stdout);
    let mut out = io::BufWriter::new(stdout.lock());
    // Nobody is left to tell when standard output is closed.
    let _ = tell(&capture, &file, args, colour, &mut out).and_then(|()| out.flush());
    ExitCode::from(if capture.broken.is_some() { UNREADABLE } else { READ })
}

/// Writes what `args` ask to know of `capture`, which was read from `file`.
///
/// # Errors
/// Those of `out`.
pub fn tell(capture: &Capture, file: &str, args: &DecodeArgs, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let lens = Lens::new(args);
    let story = Story::open(capture, &lens);
    match args.json {
        true => text::json_lines(out, file, &story),
        false => text::write(out, file, &story, colour),
    }
}
