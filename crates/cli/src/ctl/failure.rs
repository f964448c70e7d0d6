//! Why something was not done, with the exit code that says so. Owns the codes of `ctl` and `top`. Source: design §7.

use ragchew_offload::desk::Complaint;
use std::path::Path;
use std::process::ExitCode;

/// How a command for a running server ended; the numbers are promised in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ended {
    /// It is done.
    Done = 0,
    /// The server refused it.
    Refused = 1,
    /// No server was reached.
    NoServer = 3,
    /// No answer in time, or a part of it is missing.
    NoAnswer = 4,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(ended as u8)
    }
}

/// It was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) ended: Ended,
    /// What was wrong and what to do, for people; may have several lines.
    pub(crate) why: String,
}

/// Codes of complaints that say that an answer is missing, rather than that it is refused.
const UNANSWERED: [&str; 3] = ["timeout", "worker_gone", "no_answer"];

impl Failure {
    /// No server was reached.
    pub(crate) fn no_server(why: impl Into<String>) -> Self {
        Self { ended: Ended::NoServer, why: why.into() }
    }

    /// The server did not answer.
    pub(crate) fn no_answer(why: impl Into<String>) -> Self {
        Self { ended: Ended::NoAnswer, why: why.into() }
    }

    /// The server complained.
    pub(crate) fn complaint(complaint: &Complaint) -> Self {
        let unanswered = UNANSWERED.contains(&complaint.code.as_str());
        let ended = if unanswered { Ended::NoAnswer } else { Ended::Refused };
        Self { ended, why: format!("{} ({})", complaint.why, complaint.code) }
    }

    /// The server, or whoever listens there, ended the conversation.
    pub(crate) fn closed(path: &Path) -> Self {
        let path = path.display();
        Self::no_answer(format!(
            "{path}: the server closed the connection before its answer was complete; it may have stopped: look into its log"
        ))
    }

    /// What came is nothing that this version understands.
    pub(crate) fn garbage(path: &Path, what: &str) -> Self {
        let (path, version) = (path.display(), env!("CARGO_PKG_VERSION"));
        Self::no_answer(format!(
            "{path}: what answers there says nothing that this version ({version}) understands: {what}. Use the ragchew \
             that the server runs"
        ))
    }
}
