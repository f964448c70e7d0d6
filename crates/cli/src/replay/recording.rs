//! `ragchew replay` of a recording that `ragchew run --record` made: what it held, and the first difference. Source: design §4.

use super::{ReplayArgs, Verdict, from_file};
use ragchew_transport::record::{Outcome, Played, play};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufReader, Write};

/// What of the command line has no meaning for a recording.
fn misplaced(args: &ReplayArgs) -> Option<&'static str> {
    let given = [
        ("--passphrase", args.passphrase.is_some()),
        ("--passphrase-file", args.passphrase_file.is_some()),
        ("--server", args.server.is_some()),
        ("--golden", args.golden.is_some()),
        ("--write-golden", args.write_golden.is_some()),
        ("--compare-recorded", args.compare_recorded),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
}

/// Replays a recording, writes what came of it, and says how it ended.
///
/// # Errors
/// Wrong usage, or a file that cannot be opened.
pub(super) fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<Verdict, (Verdict, String)> {
    if let Some(name) = misplaced(args) {
        let why = format!("{name} is for captures; a recording of ours is always compared with itself");
        return Err((Verdict::Usage, why));
    }
    let secrets = args.secrets.as_deref().map(|path| from_file(path, None)).transpose();
    let secrets = secrets.map_err(|why| (Verdict::Usage, why))?;
    let file = args.capture.display();
    let input = File::open(&args.capture).map_err(|error| (Verdict::Unreadable, format!("{file}: {error}")))?;
    let played = play(BufReader::with_capacity(1 << 16, input), secrets.as_ref());
    let verdict = match played.outcome {
        Outcome::Equal => Verdict::Equal,
        Outcome::Different(_) => Verdict::Different,
        Outcome::Stopped(_) => Verdict::Unreadable,
    };
    // Nobody is left to tell when standard output is closed.
    let _ = if args.json {
        writeln!(out, "{}", crate::words::json(&report(&played, args, verdict)))
    } else {
        write_report(out, &played, args)
    };
    Ok(verdict)
}

fn write_report(out: &mut impl Write, played: &Played, args: &ReplayArgs) -> io::Result<()> {
    let file = args.capture.display();
    let (seconds, millis) = (played.length.as_millis() / 1_000, played.length.as_millis() % 1_000);
    let Played { program, inputs, compared, running, .. } = played;
    if !program.is_empty() {
        writeln!(out, "{file}: recorded by {program}; {seconds}.{millis:03} s, {inputs} inputs")?;
        writeln!(out, "{compared} datagrams compared, {running} clients logged in where it ends")?;
    }
    match &played.outcome {
        Outcome::Equal => writeln!(out, "equal, byte for byte"),
        Outcome::Different(difference) => writeln!(out, "{file}: differs first in {difference}"),
        Outcome::Stopped(stop) => writeln!(out, "{file}: {stop}; everything before is equal"),
    }
}

fn report(played: &Played, args: &ReplayArgs, verdict: Verdict) -> Value {
    let (difference, stopped) = match &played.outcome {
        Outcome::Equal => (None, None),
        Outcome::Different(difference) => (Some(difference.to_string()), None),
        Outcome::Stopped(stop) => (None, Some(stop.to_string())),
    };
    json!({
        "exit": verdict as u8,
        "recording": args.capture.display().to_string(),
        "program": played.program,
        "began_ns": played.began.0,
        "length_ms": played.length.as_millis(),
        "inputs": played.inputs,
        "compared": played.compared,
        "running": played.running,
        "difference": difference,
        "stopped": stopped,
    })
}
