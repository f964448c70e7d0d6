//! What is wrong with a configuration, and where: collected, put in the order of the file and written for people. Never
//! holds a secret. Source: design §6.

use super::tree::Position;
use crate::limits::MAX_FINDINGS;
use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts, and a reload changes nothing.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it stops the server.
    pub severity: Severity,
    /// Where in the file; none when it is about no place in it.
    pub at: Option<Position>,
    /// The key, such as `listeners[0].acl.ts1`; empty for the whole file.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    failed: bool,
    /// Findings beyond [`MAX_FINDINGS`].
    more: usize,
}

impl Findings {
    /// Adds an error at a place of the file.
    pub fn error(&mut self, at: Position, key: &str, message: impl Into<String>) {
        self.add(Severity::Error, Some(at), key, message.into());
    }

    /// Adds a warning at a place of the file.
    pub fn warning(&mut self, at: Position, key: &str, message: impl Into<String>) {
        self.add(Severity::Warning, Some(at), key, message.into());
    }

    /// Adds something that is about no place in the file.
    pub fn add(&mut self, severity: Severity, at: Option<Position>, key: &str, message: String) {
        self.failed |= severity == Severity::Error;
        if self.list.len() < MAX_FINDINGS {
            self.list.push(Finding { severity, at, key: key.to_owned(), message });
        } else {
            self.more += 1;
        }
    }

    /// Whether further findings are only counted, so that looking for them all is no longer worth it.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MAX_FINDINGS
    }

    /// Whether there is an error.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Everything in the order of the file.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| (finding.at, finding.severity));
        if self.more > 0 {
            let severity = if self.failed { Severity::Error } else { Severity::Warning };
            let message = format!("{} further findings, or more, are not shown", self.more);
            self.list.push(Finding { severity, at: None, key: String::new(), message });
        }
        self.list
    }
}

/// A finding as one line, `FILE:LINE:COLUMN: KEY: MESSAGE`.
pub struct Line<'a> {
    /// The file's name as the operator gave it.
    pub file: &'a str,
    /// What to write.
    pub finding: &'a Finding,
    /// Whether to colour it for a terminal.
    pub colour: bool,
}

impl Line<'_> {
    /// As the line of a log, which says itself how much it matters; never coloured.
    pub fn without_severity(&self) -> String {
        let finding = Finding { severity: Severity::Error, ..self.finding.clone() };
        Line { file: self.file, finding: &finding, colour: false }.to_string()
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, at, key, message } = self.finding;
        let (bold, shade, plain) = match (self.colour, severity) {
            (false, _) => ("", "", ""),
            (true, Severity::Error) => ("\x1b[1m", "\x1b[31m", "\x1b[0m"),
            (true, Severity::Warning) => ("\x1b[1m", "\x1b[33m", "\x1b[0m"),
        };
        write!(f, "{bold}{}", self.file)?;
        if let Some(Position { line, column }) = at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ":{plain} ")?;
        if *severity == Severity::Warning {
            write!(f, "{shade}warning:{plain} ")?;
        }
        if !key.is_empty() {
            write!(f, "{shade}{key}{plain}: ")?;
        }
        f.write_str(message)
    }
}

/// The name among `known` that `found` was most likely meant to be: at most two letters off, or one in short names.
pub(super) fn nearest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let found = found.to_ascii_lowercase().replace('-', "_");
    let allowed = if found.chars().count() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (distance(&found, name), name))
        .filter(|&(away, _)| away <= allowed)
        .min_by_key(|&(away, _)| away)
        .map(|(_, name)| name)
}

/// Letters to add, drop, change or swap with their neighbour until `a` is `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_with_file_line_column_key_and_message() {
        let mut findings = Findings::default();
        findings.warning(Position { line: 20, column: 1 }, "policy", "odd");
        findings.error(
            Position { line: 12, column: 9 },
            "listeners[0].max_clents",
            "unknown key; did you mean max_clients?",
        );
        findings.add(Severity::Error, None, "", "the file cannot be read".into());
        assert!(findings.failed());
        let lines: Vec<_> = findings
            .sorted()
            .iter()
            .map(|finding| Line { file: "ragchew.yaml", finding, colour: false }.to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "ragchew.yaml: the file cannot be read",
                "ragchew.yaml:12:9: listeners[0].max_clents: unknown key; did you mean max_clients?",
                "ragchew.yaml:20:1: warning: policy: odd",
            ]
        );
    }

    #[test]
    fn findings_beyond_the_limit_are_counted_and_still_fail() {
        let mut findings = Findings::default();
        (0..MAX_FINDINGS).for_each(|line| findings.warning(Position { line, column: 1 }, "k", "odd"));
        assert!(!findings.failed());
        findings.error(Position::START, "k", "wrong");
        assert!(findings.failed());
        let list = findings.sorted();
        assert_eq!((list.len(), list.last().unwrap().severity), (MAX_FINDINGS + 1, Severity::Error));
        assert!(list.last().unwrap().message.starts_with("1 further"));
    }

    #[test]
    fn a_line_is_coloured_only_when_asked() {
        let finding = Finding { severity: Severity::Warning, at: None, key: String::new(), message: "odd".into() };
        assert!(Line { file: "f", finding: &finding, colour: true }.to_string().contains("\x1b[33mwarning:"));
        assert!(!Line { file: "f", finding: &finding, colour: false }.to_string().contains('\x1b'));
    }

    #[test]
    fn a_line_of_the_log_leaves_the_severity_to_the_log() {
        let at = Some(Position { line: 2, column: 51 });
        let finding = Finding { severity: Severity::Warning, at, key: "k".into(), message: "odd".into() };
        assert_eq!(Line { file: "f", finding: &finding, colour: false }.without_severity(), "f:2:51: k: odd");
    }

    #[test]
    fn the_nearest_name_is_found_by_typing_errors_and_never_guessed_from_afar() {
        let known = ["max_clients", "acl", "ts1", "ts2", "bind"];
        assert_eq!(nearest("max_clents", known), Some("max_clients"));
        assert_eq!(nearest("Max-Clients", known), Some("max_clients"));
        assert_eq!(nearest("bnid", known), Some("bind"));
        assert_eq!(nearest("ts3", known), Some("ts1"));
        assert_eq!(nearest("passphrase", known), None);
        assert_eq!(nearest("zzz", known), None);
    }
}
