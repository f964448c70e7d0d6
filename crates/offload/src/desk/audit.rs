//! Who asked for a change, and what came of it: one line for each, also when it was refused. Owns its words; writes nothing.
//! Source: R-245, `runtime.md` S4-34.

use super::protocol::{Command, Complaint, WorkerAction};
use std::fmt;

/// Who is at the other end, as the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User number.
    pub uid: u32,
    /// Process number when it connected; 0 when it cannot be seen from here.
    pub pid: u32,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// User number of who asked.
    pub uid: u32,
    /// Process number of it.
    pub pid: u32,
    /// What was asked, in words.
    pub command: String,
    /// What came of it, in words.
    pub outcome: String,
}

impl Audit {
    /// Of a change that was refused before it was understood.
    pub(super) fn refused(peer: Peer, command: &str, complaint: &Complaint) -> Self {
        Change { peer, command: command.to_owned() }.settle(Err(complaint))
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, pid, command, outcome } = self;
        write!(f, "*CONTROL* {command}: {outcome} (asked by user {uid}, process {pid})")
    }
}

/// A change on its way. It has to be settled once: that makes the line for the log.
#[must_use = "settle it when its outcome is known: that makes the line of the audit"]
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    peer: Peer,
    command: String,
}

impl Change {
    /// Of a command, if it is one that changes something.
    pub(super) fn of(peer: Peer, command: &Command) -> Option<Self> {
        command.is_change().then(|| Self { peer, command: words(command) })
    }

    /// The line for the log: what was done, or why nothing was.
    pub fn settle(self, outcome: Result<&str, &Complaint>) -> Audit {
        let outcome = match outcome {
            Ok(done) => done.to_owned(),
            // Whoever was asked may have done it all the same.
            Err(complaint) if matches!(&*complaint.code, "timeout" | "worker_gone") => {
                format!("not answered, and perhaps done, {}: {}", complaint.code, complaint.why)
            }
            Err(complaint) => format!("refused, {}: {}", complaint.code, complaint.why),
        };
        Audit { uid: self.peer.uid, pid: self.peer.pid, command: self.command, outcome }
    }
}

/// A change in words.
fn words(command: &Command) -> String {
    let mut words = command.name().to_owned();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words += &format!(" {name} {value}");
        }
    };
    match command {
        Command::Kick { client, listener } => {
            add("client", Some(client.to_string()));
            add("listener", listener.as_deref().map(|name| Complaint::cut(name).to_owned()));
        }
        Command::Unlink { client, slot, talkgroup } => {
            add("client", Some(client.to_string()));
            add("slot", slot.map(|slot| slot.to_string()));
            add("talkgroup", talkgroup.map(|tg| tg.to_string()));
        }
        Command::Worker { worker, action } => {
            let action = match action {
                WorkerAction::Start => "start",
                WorkerAction::Stop => "stop",
                WorkerAction::Restart => "restart",
            };
            add(action, Some(Complaint::cut(worker).to_owned()));
        }
        Command::Drain { wait_s } => add("wait_s", wait_s.map(|wait| wait.to_string())),
        _ => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::id::ClientId;

    #[test]
    fn a_change_is_written_down_with_who_asked_and_what_came_of_it() {
        let peer = Peer { uid: 1_000, pid: 77 };
        let kick = Command::Kick { client: ClientId(2_345_001), listener: Some("hotspots".into()) };
        let line = |outcome| Change::of(peer, &kick).unwrap().settle(outcome).to_string();
        assert_eq!(
            line(Ok("1 session closed")),
            "*CONTROL* kick client 2345001 listener hotspots: 1 session closed (asked by user 1000, process 77)"
        );
        let complaint = Complaint::new("no_such_client", "no client of this ID is logged in there");
        assert!(line(Err(&complaint)).contains(": refused, no_such_client: no client"));
    }

    #[test]
    fn what_only_asks_is_not_written_down() {
        let peer = Peer { uid: 0, pid: 1 };
        for command in [Command::Status, Command::Watch, Command::Reload { dry_run: true }] {
            assert_eq!(Change::of(peer, &command), None);
        }
        assert!(Change::of(peer, &Command::Reload { dry_run: false }).is_some());
        assert!(Change::of(peer, &Command::Stop).is_some());
    }

    #[test]
    fn a_name_that_goes_on_for_ever_does_not_fill_the_log() {
        let worker = Command::Worker { worker: "x".repeat(60_000), action: WorkerAction::Stop };
        let change = Change::of(Peer { uid: 0, pid: 1 }, &worker).unwrap();
        assert!(change.settle(Ok("")).to_string().len() < 300);
    }
}
