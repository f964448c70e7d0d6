//! `ragchew replay`: a capture against a core of its own; a table of what everybody was sent, and the comparison with a
//! golden and with the recording. Sends nothing and starts no server. Source: design §7, §9.

mod recording;

use crate::config::{Line, Numbers, Source};
use crate::file;
use clap::Parser;
use ragchew_core::Config;
use ragchew_core::config::Passphrase;
use ragchew_core::id::StreamId;
use ragchew_transport::capture::{Capture, Skipped};
use ragchew_transport::record::is_recording;
use ragchew_transport::replay::{
    FarEnd, FirstDifference, Login, Party, Replay, Setup, default_config, first_difference, replay,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  the replay is what it was compared with, or was compared with nothing
  1  it differs
  2  wrong usage: the command line, the configuration, a golden that cannot be read or written
  3  the capture cannot be read, or not to its end: it is cut, edited, of another version or has a gap; what lies before
     was replayed";

/// What `ragchew replay` is told.
#[derive(Clone, Debug, Parser)]
pub struct ReplayArgs {
    /// The capture (pcap or pcapng), or a recording of `ragchew run --record`
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    /// The passphrase of the captured clients, in place of the one in the configuration; everybody on this machine can see
    /// it while the command runs, so give one that is in use by --passphrase-file
    #[arg(long, value_name = "P", conflicts_with = "passphrase_file")]
    passphrase: Option<String>,
    /// A file whose one line is that passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Address of the recorded server [default: where the clients log in]
    #[arg(long, value_name = "ADDR")]
    server: Option<SocketAddr>,
    /// Compare with this golden
    #[arg(long, value_name = "FILE", conflicts_with = "write_golden")]
    golden: Option<PathBuf>,
    /// Write the golden, to be reviewed by somebody
    #[arg(long, value_name = "FILE")]
    write_golden: Option<PathBuf>,
    /// Compare with what the recorded server sent; with --golden the differences that it lists are expected
    #[arg(long)]
    compare_recorded: bool,
    /// For a recording: make the answers of clients again from the passphrases of this configuration, and check them
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Equal = 0,
    Different = 1,
    Usage = 2,
    Unreadable = 3,
}

/// What came of it all.
struct Outcome {
    capture: Capture,
    replay: Replay,
    golden: Option<Option<FirstDifference>>,
}

/// Replays; `config` is the file named by `--config`. Without one the clients are subscribed to every talkgroup of the
/// capture.
pub(crate) fn run(config: Option<&Path>, args: &ReplayArgs) -> ExitCode {
    let attempted = match is_recording(&args.capture) {
        Ok(true) => return recorded(args),
        // A file that cannot be opened is named where it is opened.
        _ => attempt(config, args),
    };
    let verdict = match attempted {
        Ok(outcome) => {
            let mut out = io::stdout().lock();
            let verdict = verdict(&outcome, args);
            // Nobody is left to tell when standard output is closed.
            let _ = if args.json {
                writeln!(out, "{}", crate::words::json(&report(&outcome, args, verdict)))
            } else {
                write_report(&mut out, &outcome, args)
            };
            verdict
        }
        Err((verdict, why)) => {
            let _ = writeln!(io::stderr(), "ragchew replay: {why}");
            verdict
        }
    };
    ExitCode::from(verdict as u8)
}

fn recorded(args: &ReplayArgs) -> ExitCode {
    let verdict = recording::replay(args, &mut io::stdout().lock()).unwrap_or_else(|(verdict, why)| {
        let _ = writeln!(io::stderr(), "ragchew replay: {why}");
        verdict
    });
    ExitCode::from(verdict as u8)
}

fn attempt(config: Option<&Path>, args: &ReplayArgs) -> Result<Outcome, (Verdict, String)> {
    let usage = |why: String| (Verdict::Usage, why);
    if args.secrets.is_some() {
        return Err(usage("--secrets is for recordings of ragchew run --record; a capture takes --config".to_owned()));
    }
    let named = args.capture.display();
    let golden = match &args.golden {
        Some(path) => Some(fs::read_to_string(path).map_err(|error| usage(format!("{}: {error}", path.display())))?),
        None => None,
    };
    let passphrase = passphrase(args).map_err(usage)?;
    let capture =
        Capture::open_for_replay(&args.capture).map_err(|error| (Verdict::Unreadable, format!("{named}: {error}")))?;
    let nothing = |why: &dyn std::fmt::Display| match &capture.broken {
        Some(broken) if capture.datagrams.is_empty() => (Verdict::Unreadable, format!("{named}: {broken}")),
        Some(broken) => (Verdict::Unreadable, format!("{named}: {broken}; and before it: {why}")),
        None => usage(format!("{named}: {why}")),
    };
    let config = match config {
        Some(path) => Some(from_file(path, passphrase.as_ref()).map_err(usage)?),
        None => None,
    };
    let config = match (config, passphrase) {
        (Some(config), _) => config,
        (None, Some(passphrase)) => default_config(&capture, args.server, passphrase).map_err(|why| nothing(&why))?,
        (None, None) => {
            return Err(usage("--passphrase-file, --passphrase or --config is needed to check the logins".to_owned()));
        }
    };
    let setup = Setup { server: args.server, config, far_end: FarEnd::default() };
    let replay = replay(&capture, &setup).map_err(|why| nothing(&why))?;
    let text = replay.golden();
    if let Some(path) = &args.write_golden {
        fs::write(path, &text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    }
    Ok(Outcome { golden: golden.map(|golden| first_difference(&golden, &text)), capture, replay })
}

/// The passphrase of the command line, or of the file that it names.
fn passphrase(args: &ReplayArgs) -> Result<Option<Passphrase>, String> {
    if let Some(passphrase) = &args.passphrase {
        return Ok(Some(Passphrase::new(passphrase.as_bytes())));
    }
    let Some(path) = &args.passphrase_file else { return Ok(None) };
    let wrong = |why: &dyn std::fmt::Display| format!("the passphrase file {}: {why}", path.display());
    let (_, bytes) = file::read(path, crate::limits::LONGEST_PASSPHRASE).map_err(|error| wrong(&error))?;
    let line = file::one_line(&bytes).ok_or_else(|| wrong(&"expected one line"))?;
    Ok(Some(Passphrase::new(line)))
}

/// The configuration of a file, with the passphrase of the command line in its first listener.
fn from_file(path: &Path, passphrase: Option<&Passphrase>) -> Result<Config, String> {
    let source = Source::File(path.to_owned());
    let generated = || Ok(Passphrase::default());
    let plan = crate::load(&source, &mut Numbers::default(), &generated).map_err(|findings| {
        let file = source.to_string();
        let lines = findings.iter().map(|finding| format!("\n{}", Line { file: &file, finding, colour: false }));
        format!("the configuration has errors:{}", lines.collect::<String>())
    })?;
    let mut config = plan.config;
    if let (Some(passphrase), Some(listener)) = (passphrase, config.listeners.first_mut()) {
        listener.passphrase = passphrase.clone();
        listener.clients.iter_mut().for_each(|client| client.passphrase = None);
    }
    Ok(config)
}

fn verdict(outcome: &Outcome, args: &ReplayArgs) -> Verdict {
    let not_golden = matches!(outcome.golden, Some(Some(_)));
    // A golden lists in what the recording may differ.
    let not_recorded = args.compare_recorded && args.golden.is_none() && !outcome.replay.differences.is_empty();
    match (&outcome.replay.broken, not_golden || not_recorded) {
        (Some(_), _) => Verdict::Unreadable,
        (None, true) => Verdict::Different,
        (None, false) => Verdict::Equal,
    }
}

fn write_report(out: &mut impl Write, outcome: &Outcome, args: &ReplayArgs) -> io::Result<()> {
    let Outcome { capture, replay, golden } = outcome;
    writeln!(
        out,
        "{}: {} datagrams, server {}{}",
        args.capture.display(),
        capture.datagrams.len(),
        replay.server,
        skipped(capture.skipped)
    )?;
    if let Some(broken) = &replay.broken {
        writeln!(out, "{}: {broken}; what lies before it was replayed", args.capture.display())?;
    }
    writeln!(out, "\n{:<11} {:<23} {:<28} {:<28} was sent", "client", "address", "login", "said")?;
    for (role, party) in parties(replay) {
        let who = if role == "client" { id(party) } else { format!("{} ({role})", id(party)) };
        let lines = rows(&party.said, &party.heard());
        for (n, (said, heard)) in lines.iter().enumerate() {
            let (who, address, login) = match n {
                0 => (who.clone(), party.address.to_string(), login(party)),
                _ => Default::default(),
            };
            writeln!(out, "{}", format!("{who:<11} {address:<23} {login:<28} {said:<28} {heard}").trim_end())?;
        }
    }
    writeln!(out)?;
    for (_, party) in parties(replay) {
        for (name, times) in &party.refused {
            writeln!(out, "refused to {}: {name}, {times} times", id(party))?;
        }
    }
    for (address, _) in &replay.elsewhere {
        writeln!(out, "sent to {address}, which is nobody of the capture")?;
    }
    if args.compare_recorded {
        let all = &replay.differences;
        writeln!(out, "recorded: {}", if all.is_empty() { "no difference" } else { "differs" })?;
        all.iter().try_for_each(|difference| writeln!(out, "  {difference}"))?;
    }
    match golden {
        Some(None) => writeln!(out, "golden: equal"),
        Some(Some(first)) => writeln!(out, "golden: differs first in {first}"),
        None => Ok(()),
    }
}

fn skipped(skipped: Skipped) -> String {
    let parts = [(skipped.foreign, "no UDP"), (skipped.fragments, "fragments"), (skipped.cut, "cut short")];
    let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}"));
    parts.collect()
}

fn parties(replay: &Replay) -> impl Iterator<Item = (&'static str, &Party)> {
    let clients = replay.clients.iter().map(|party| ("client", party));
    clients.chain([("far end", &replay.far_end)])
}

fn id(party: &Party) -> String {
    party.client.map_or_else(|| "-".to_owned(), |client| client.to_string())
}

/// How the last login went.
fn login(party: &Party) -> String {
    let logins = party.logins.iter().filter(|(_, step)| matches!(step, Login::Running(_))).count();
    match party.logins.last() {
        None => "none".to_owned(),
        Some((_, step)) if logins > 1 => format!("{step}, {logins} times"),
        Some((_, step)) => step.to_string(),
    }
}

/// Said and heard side by side, at least one row.
fn rows(said: &BTreeMap<StreamId, u64>, heard: &BTreeMap<StreamId, u64>) -> Vec<(String, String)> {
    let words = |(stream, n): (&StreamId, &u64)| format!("{n} frames of {:08x}", stream.0);
    let (said, heard): (Vec<_>, Vec<_>) = (said.iter().map(words).collect(), heard.iter().map(words).collect());
    let row = |column: &[String], n: usize| column.get(n).cloned().unwrap_or_else(|| "-".to_owned());
    (0..said.len().max(heard.len()).max(1)).map(|n| (row(&said, n), row(&heard, n))).collect()
}

fn report(outcome: &Outcome, args: &ReplayArgs, verdict: Verdict) -> Value {
    let Outcome { capture, replay, golden } = outcome;
    let streams = |frames: BTreeMap<StreamId, u64>| -> BTreeMap<String, u64> {
        frames.into_iter().map(|(stream, n)| (format!("{:08x}", stream.0), n)).collect()
    };
    let parties: Vec<_> = parties(replay)
        .map(|(role, party)| {
            let logins = party.logins.iter().map(|(at, step)| json!({ "at_ms": at, "step": step.to_string() }));
            json!({
                "role": role,
                "client": party.client.map(|client| client.0),
                "address": party.address.to_string(),
                "running": party.running,
                "logins": logins.collect::<Vec<_>>(),
                "said": streams(party.said.clone()),
                "was_sent": streams(party.heard()),
                "datagrams": party.sent.len(),
                "refused": party.refused,
            })
        })
        .collect();
    let difference = golden.as_ref().and_then(Option::as_ref);
    json!({
        "exit": verdict as u8,
        "capture": args.capture.display().to_string(),
        "server": replay.server.to_string(),
        "datagrams": capture.datagrams.len(),
        "skipped": {
            "foreign": capture.skipped.foreign,
            "fragments": capture.skipped.fragments,
            "cut": capture.skipped.cut,
        },
        "broken": replay.broken.as_ref().map(ToString::to_string),
        "parties": parties,
        "elsewhere": replay.elsewhere.len(),
        "differences": replay.differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "golden": golden.as_ref().map(|_| json!({
            "equal": difference.is_none(),
            "line": difference.map(|first| first.line),
            "golden": difference.and_then(|first| first.golden.clone()),
            "replay": difference.and_then(|first| first.replay.clone()),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn testdata(file: &str) -> String {
        format!("{}/../../testdata/captures/{file}", env!("CARGO_MANIFEST_DIR"))
    }

    fn tried(words: &[&str]) -> (Verdict, String) {
        let args = ReplayArgs::try_parse_from([&["replay"], words].concat()).unwrap();
        match attempt(None, &args) {
            Ok(outcome) => {
                let mut out = Vec::new();
                write_report(&mut out, &outcome, &args).unwrap();
                (verdict(&outcome, &args), String::from_utf8(out).unwrap())
            }
            Err(failed) => failed,
        }
    }

    #[test]
    fn a_replay_that_equals_its_golden_ends_with_0_and_another_with_1() {
        let (capture, golden) = (testdata("hblink3_mmdvmhost.pcap"), testdata("hblink3_mmdvmhost.golden"));
        let (verdict, text) = tried(&[&capture, "--passphrase", "bench-pass", "--golden", &golden]);
        assert_eq!(verdict, Verdict::Equal, "{text}");
        assert!(text.contains("complete as G9BF") && text.contains("14 frames of 23340909"), "{text}");
        let (verdict, text) = tried(&[&capture, "--passphrase", "other", "--golden", &golden]);
        assert_eq!(verdict, Verdict::Different);
        assert!(text.contains("golden: differs first in line 5"), "{text}");
        assert!(text.contains("refused to 2340121: no_challenge"), "{text}");
    }

    #[test]
    fn a_difference_from_the_recording_counts_unless_the_golden_lists_it() {
        let (capture, golden) = (testdata("adn_adn-peer.pcap"), testdata("adn_adn-peer.golden"));
        let words = [capture.as_str(), "--passphrase", "inner-pass", "--compare-recorded"];
        let (verdict, text) = tried(&words);
        assert_eq!(verdict, Verdict::Different);
        assert!(text.contains("RPTPING at 30000 ms: recorded MSTNAK 0023b633, sent MSTPONG 0023b633"), "{text}");
        assert_eq!(tried(&[words.as_slice(), &["--golden", &golden]].concat()).0, Verdict::Equal);
        assert_eq!(tried(&words[..3]).0, Verdict::Equal);
    }

    #[test]
    fn what_cannot_be_read_ends_with_3_and_wrong_usage_with_2() {
        let (verdict, why) = tried(&[&testdata("README.md"), "--passphrase", "x"]);
        assert_eq!(verdict, Verdict::Unreadable);
        assert!(why.ends_with("README.md: record 0 at byte 0: neither a pcap nor a pcapng file"), "{why}");
        assert_eq!(tried(&[&testdata("no-such.pcap"), "--passphrase", "x"]).0, Verdict::Unreadable);
        let capture = testdata("hblink3_mmdvmhost.pcap");
        assert_eq!(tried(&[&capture]).0, Verdict::Usage);
        assert_eq!(tried(&[&capture, "--passphrase", "x", "--server", "192.0.2.9:1"]).0, Verdict::Usage);
        assert_eq!(tried(&[&capture, "--passphrase", "x", "--golden", "no-such.golden"]).0, Verdict::Usage);
        assert!(ReplayArgs::try_parse_from(["replay", "a", "--golden", "b", "--write-golden", "c"]).is_err());
    }

    #[test]
    fn the_report_for_scripts_holds_everybody_and_the_verdict() {
        let capture = testdata("hblink3_mmdvmhost-wrong-password.pcap");
        let args = ReplayArgs::try_parse_from(["replay", &capture, "--passphrase", "bench-pass", "--json"]).unwrap();
        let Ok(outcome) = attempt(None, &args) else { panic!() };
        let report = report(&outcome, &args, verdict(&outcome, &args));
        assert_eq!((report["exit"].as_u64(), report["datagrams"].as_u64()), (Some(0), Some(8)));
        let [client, far_end] = report["parties"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!((client["client"].as_u64(), client["running"].as_bool()), (Some(2_340_621), Some(false)));
        assert_eq!(client["refused"]["no_challenge"].as_u64(), Some(2));
        assert_eq!((far_end["role"].as_str(), far_end["running"].as_bool()), (Some("far end"), Some(true)));
    }
}
