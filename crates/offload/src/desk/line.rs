//! From bytes to requests: lines are cut out of what comes in, however it comes, and each is read or refused with a code.
//! Owns what is not a line yet, at most [`LINE_BYTES`] of it. Source: design §5, R-245.

use super::protocol::{Command, Complaint, Request};
use crate::limits::LINE_BYTES;
use serde_json::Value;

/// Cuts lines. What is longer than [`LINE_BYTES`] is thrown away up to its end and told as one line that is too long.
#[derive(Debug, Default)]
pub struct Lines {
    held: Vec<u8>,
    too_long: bool,
}

/// A line, or what there was instead of one.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its line break.
    Whole(Vec<u8>),
    /// Longer than a line may be.
    TooLong,
}

/// Bytes of a buffer that are kept while nothing is in it.
const IDLE_BYTES: usize = 4 * 1_024;

impl Lines {
    /// The next line that `bytes` complete; takes from them what it has used.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Line> {
        let Some(at) = bytes.iter().position(|&byte| byte == b'\n') else {
            self.hold(bytes);
            *bytes = &[];
            return None;
        };
        let (end, rest) = bytes.split_at(at);
        *bytes = rest.get(1..).unwrap_or_default();
        self.hold(end);
        if std::mem::take(&mut self.too_long) {
            return Some(Line::TooLong);
        }
        let line = self.held.clone();
        self.held.clear();
        self.held.shrink_to(IDLE_BYTES);
        Some(Line::Whole(line))
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.too_long || self.held.len() + bytes.len() > LINE_BYTES {
            self.too_long = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }
}

/// A line that is no request.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Of the request, when the line has one.
    pub id: Option<u64>,
    /// Why.
    pub complaint: Complaint,
    /// It was no request at all, rather than one that cannot be served.
    pub garbage: bool,
    /// The command, when it is one that changes something.
    pub change: Option<&'static str>,
}

impl Rejected {
    fn garbage(code: &str, why: &str) -> Self {
        Self { id: None, complaint: Complaint::new(code, why), garbage: true, change: None }
    }

    /// Of [`Line::TooLong`].
    pub fn too_long() -> Self {
        Self::garbage("line_too_long", &format!("a request has at most {LINE_BYTES} bytes"))
    }
}

/// Commands with their parameters.
const COMMANDS: [(&str, &[&str]); 17] = [
    ("status", &[]),
    ("sessions", &["limit", "after", "client"]),
    ("talkgroups", &["limit", "after"]),
    ("calls", &[]),
    ("workers", &[]),
    ("worker", &["worker", "action"]),
    ("perf", &[]),
    ("counters", &[]),
    ("records", &RECORD_QUERY),
    ("session_records", &RECORD_QUERY),
    ("logs", &["lines", "follow"]),
    ("watch", &[]),
    ("kick", &["client", "listener"]),
    ("unlink", &["client", "slot", "talkgroup"]),
    ("reload", &["dry_run"]),
    ("drain", &["wait_s"]),
    ("stop", &[]),
];
const RECORD_QUERY: [&str; 6] = ["client", "talkgroup", "source", "last_heard", "limit", "after"];

/// Reads a line.
///
/// # Errors
/// [`Rejected`], with what was wrong and what is to be done.
pub fn parse(line: &[u8]) -> Result<Request, Rejected> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|e| Rejected::garbage("not_json", &format!("a request is one JSON object on one line: {e}")))?;
    let Value::Object(fields) = &value else {
        return Err(Rejected::garbage("not_json", "a request is a JSON object: {\"id\": 1, \"command\": \"status\"}"));
    };
    let Some(id) = fields.get("id").and_then(Value::as_u64) else {
        return Err(Rejected::garbage("bad_request", "a request has an `id`: a whole number from 0, of your choice"));
    };
    let Some(word) = fields.get("command").and_then(Value::as_str) else {
        let rejected = Rejected::garbage("bad_request", "a request has a `command`");
        return Err(Rejected { id: Some(id), ..rejected });
    };
    let Some(&(command, parameters)) = COMMANDS.iter().find(|(name, _)| *name == word) else {
        let known = COMMANDS.map(|(name, _)| name).join(", ");
        let why = format!("there is no command {:?}; there are {known}", Complaint::cut(word));
        let complaint = Complaint::new("unknown_command", why);
        return Err(Rejected { id: Some(id), complaint, garbage: false, change: None });
    };
    let bad = |why: String| {
        let change = Command::changes(command).then_some(command);
        Rejected { id: Some(id), complaint: Complaint::new("bad_parameter", why), garbage: false, change }
    };
    // A misspelt parameter that is passed over would make a command reach further than was meant.
    let of_all = ["id", "within_ms", "command"];
    let known = |name: &&String| of_all.contains(&name.as_str()) || parameters.contains(&name.as_str());
    if let Some(other) = fields.keys().find(|name| !known(name)) {
        let has = if parameters.is_empty() { "none".to_owned() } else { parameters.join(", ") };
        return Err(bad(format!("`{command}` has no parameter {:?}; it has {has}", Complaint::cut(other))));
    }
    serde_json::from_value(value).map_err(|e| bad(format!("`{command}`: {}", Complaint::cut(&e.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::WorkerAction;
    use crate::worker::RecordQuery;
    use ragchew_core::id::{ClientId, ConferenceTg, RadioId};

    fn lines(parts: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for mut part in parts.iter().copied() {
            while let Some(line) = lines.next(&mut part) {
                found.push(line);
            }
        }
        found
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let text = b"one\n\ntwo\nthree";
        for cut in 0..text.len() {
            let (first, second) = text.split_at(cut);
            assert_eq!(lines(&[first, second]), [whole("one"), whole(""), whole("two")]);
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&single).len(), 3);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_costs_no_more_than_a_line() {
        let part = vec![b'x'; LINE_BYTES / 2 + 1];
        let mut cutter = Lines::default();
        for _ in 0..100 {
            assert_eq!(cutter.next(&mut &part[..]), None);
            assert!(cutter.held.capacity() <= LINE_BYTES);
        }
        let mut rest = &b"y\nnext\n"[..];
        assert_eq!(cutter.next(&mut rest), Some(Line::TooLong));
        assert_eq!(cutter.next(&mut rest), Some(whole("next")));
        let longest = [vec![b'x'; LINE_BYTES], b"\n".to_vec()].concat();
        assert!(matches!(&lines(&[&longest])[..], [Line::Whole(line)] if line.len() == LINE_BYTES));
    }

    /// Each command with every parameter that it has.
    fn full_commands() -> Vec<Command> {
        let client = Some(ClientId(1));
        let (talkgroup, source) = (Some(ConferenceTg(91)), Some(RadioId(7)));
        let query = RecordQuery { client, talkgroup, source, last_heard: true, limit: 3, after: Some(9) };
        vec![
            Command::Status,
            Command::Sessions { limit: Some(1), after: Some(2), client },
            Command::Talkgroups { limit: Some(1), after: Some(2) },
            Command::Calls,
            Command::Workers,
            Command::Worker { worker: "sql".into(), action: WorkerAction::Restart },
            Command::Perf,
            Command::Counters,
            Command::Records(query.clone()),
            Command::SessionRecords(query),
            Command::Logs { lines: Some(3), follow: true },
            Command::Watch,
            Command::Kick { client: ClientId(1), listener: Some("hotspots".into()) },
            Command::Unlink { client: ClientId(1), slot: Some(2), talkgroup: Some(91) },
            Command::Reload { dry_run: true },
            Command::Drain { wait_s: Some(5) },
            Command::Stop,
        ]
    }

    #[test]
    fn every_command_is_known_with_all_its_parameters_and_comes_back_as_it_was() {
        assert_eq!(full_commands().len(), COMMANDS.len());
        for (command, (name, parameters)) in full_commands().into_iter().zip(COMMANDS) {
            assert_eq!(command.name(), name);
            let request = Request { id: u64::MAX, within_ms: Some(1), command };
            let value = serde_json::to_value(&request).unwrap();
            let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
            let mut known = [&["command", "id", "within_ms"], parameters].concat();
            keys.sort_unstable();
            known.sort_unstable();
            assert_eq!(keys, known);
            assert_eq!(parse(value.to_string().as_bytes()).unwrap(), request);
        }
    }

    fn refused(line: &str) -> (String, Option<u64>, bool, Option<&'static str>) {
        let rejected = parse(line.as_bytes()).unwrap_err();
        assert!(rejected.complaint.why.len() < 600, "{}", rejected.complaint.why);
        (rejected.complaint.code, rejected.id, rejected.garbage, rejected.change)
    }

    #[test]
    fn what_is_no_request_is_told_from_one_that_cannot_be_served() {
        assert_eq!(refused("hello"), ("not_json".into(), None, true, None));
        assert_eq!(refused("[1]"), ("not_json".into(), None, true, None));
        assert_eq!(refused(r#"{"command":"status"}"#), ("bad_request".into(), None, true, None));
        assert_eq!(refused(r#"{"id":-1,"command":"status"}"#), ("bad_request".into(), None, true, None));
        assert_eq!(refused(r#"{"id":5}"#), ("bad_request".into(), Some(5), true, None));
        assert_eq!(refused(r#"{"id":5,"command":"dance"}"#), ("unknown_command".into(), Some(5), false, None));
        assert_eq!(refused(r#"{"id":5,"command":"kick"}"#), ("bad_parameter".into(), Some(5), false, Some("kick")));
        let misspelt = r#"{"id":5,"command":"kick","client":1,"listner":"hotspots"}"#;
        assert_eq!(refused(misspelt), ("bad_parameter".into(), Some(5), false, Some("kick")));
        assert_eq!(refused(r#"{"id":5,"command":"calls","limit":1}"#), ("bad_parameter".into(), Some(5), false, None));
        let long = format!(r#"{{"id":5,"command":{:?}}}"#, "x".repeat(50_000));
        assert_eq!(refused(&long).0, "unknown_command");
    }

    #[test]
    fn parameters_that_may_be_left_out_are_left_out() {
        let request = parse(br#"{"id":1,"command":"records"}"#).unwrap();
        assert_eq!(request, Request { id: 1, within_ms: None, command: Command::Records(RecordQuery::default()) });
        assert!(parse(br#"{"id":1,"command":"unlink","client":2345001}"#).is_ok());
    }
}
