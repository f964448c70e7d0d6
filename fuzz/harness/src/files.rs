//! Targets of the two file formats that an operator hands us: the configuration and captures. Neither may panic, hang,
//! or hold more than the input justifies; findings never show a planted passphrase. Source: design 4, 6, 9.

use ragchew_cli::config::{self, Finding, Numbers, Severity, Surroundings};
use ragchew_core::config::Passphrase;
use ragchew_transport::capture::Capture;
use std::io::{self, Read};
use std::path::Path;

/// The passphrase that no finding may show, nor half of it.
pub const PLANTED: &str = "Kw7planted-Zq9secret";

/// Findings that are kept, and the line that says how many are not.
const MOST_FINDINGS: usize = 1_001;

/// Any text as a configuration. The first octet says where it stands: `t`, after a listener with the planted passphrase;
/// `v`, around the planted passphrase in the place of one; anything else, alone.
pub(crate) fn config_yaml(data: &[u8]) {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    match data {
        [b't', tail @ ..] => {
            let head =
                format!("listeners:\n  - name: one\n    bind: [\"127.0.0.1:62031\"]\n    passphrase: {PLANTED}\n");
            load(&(head + &text(tail)), !holds_planted(&text(tail)));
        }
        [b'v', around @ ..] => {
            let around = text(around).replace(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ");
            let (before, after) = around.split_once('|').unwrap_or(("", &around));
            // A name of a file or of a variable may be shown: it is no secret. So may the keys of a mapping, and what
            // stands behind an anchor, if it is put to another place; this text has no other.
            let names =
                around.contains("file") || around.contains("env") || around.contains(['{', '?', ':', '&', '\\']);
            let value = format!("{before}{PLANTED}{after}");
            let planted = !names && !holds_planted(&around);
            load(&format!("listeners:\n  - passphrase: {value}\n    name: one\n"), planted);
        }
        _ => {
            load(&text(data), false);
        }
    }
}

/// Whether either half of the planted passphrase stands in `text`: a fuzzer copies it to places where anything is shown.
pub(crate) fn holds_planted(text: &str) -> bool {
    let (first, second) = PLANTED.split_at(PLANTED.len() / 2);
    text.contains(first) || text.contains(second)
}

/// Loads `text` twice with the same result.
fn load(text: &str, planted: bool) {
    let once = read(text);
    assert_eq!(once, read(text), "the same text gives the same findings");
    let findings = match &once {
        Ok(warnings) => warnings,
        Err(findings) => {
            assert!(findings.iter().any(|finding| finding.severity == Severity::Error), "refused without an error");
            findings
        }
    };
    assert!(findings.len() <= MOST_FINDINGS, "{} findings", findings.len());
    // A carriage return alone ends a line of YAML, too.
    let lines = text.split(['\n', '\r']).count();
    for finding in findings {
        let size = finding.key.len() + finding.message.len();
        assert!(size <= 4_096 + 12 * text.len(), "a finding of {size} octets");
        if let Some(at) = finding.at {
            assert!(at.line >= 1 && at.line <= lines + 1, "line {} of {lines}", at.line);
        }
        let shown = format!("{} {}", finding.key, finding.message);
        assert!(!planted || !holds_planted(&shown), "shown: {shown}");
    }
}

/// The warnings of what is taken, or the findings of what is refused.
fn read(text: &str) -> Result<Vec<Finding>, Vec<Finding>> {
    let generated = || Ok(Passphrase::new(*b"generated"));
    let env = |_: &str| None;
    // A folder that is not there: no text leads to a file of this machine by a relative name.
    let around = Surroundings { base: Path::new("/nonexistent"), env: &env, generated: &generated };
    let plan = config::read(text, &around, &mut Numbers::default())?;
    assert!(!plan.config.listeners.is_empty() && !plan.sockets.is_empty());
    for listener in &plan.config.listeners {
        let sorted = listener.clients.windows(2).all(|pair| pair[0].client < pair[1].client);
        assert!(sorted, "clients are found by binary search");
    }
    Ok(plan.warnings)
}

/// Gives one octet at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(1);
        self.0.read(&mut buffer[..n])
    }
}

/// Any bytes as a capture file.
pub(crate) fn capture(data: &[u8]) {
    let capture = Capture::read(data);
    let payload: usize = capture.datagrams.iter().map(|datagram| datagram.payload.len()).sum();
    assert!(payload <= data.len(), "{payload} octets of payload in {} of file", data.len());
    // The shortest record of a packet takes sixteen octets.
    let records =
        capture.datagrams.len() as u64 + capture.skipped.foreign + capture.skipped.fragments + capture.skipped.cut;
    assert!(records <= data.len() as u64 / 12, "{records} records in {} octets", data.len());
    if let Some(broken) = &capture.broken {
        assert!(broken.offset <= data.len() as u64, "{broken}");
        assert!(broken.to_string().len() <= 1_000, "{broken}");
    }
    let lived = Capture::read_for_replay(data);
    assert!(capture.datagrams.starts_with(&lived.datagrams), "a replay reads the same, perhaps less");
    assert!(lived == capture || lived.datagrams.len() < capture.datagrams.len() || lived.broken.is_some());
    for datagram in &capture.datagrams {
        let mapped = |address: std::net::SocketAddr| address.ip().to_canonical() != address.ip();
        assert!(!mapped(datagram.source) && !mapped(datagram.destination));
    }
    if data.len() <= 4_096 {
        assert_eq!(Capture::read(Trickle(data)), capture, "however slowly the file comes");
    }
}
