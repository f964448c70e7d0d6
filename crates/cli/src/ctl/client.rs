//! One connection to a server's command socket: requests out, lines in, each with its time. Owns the bytes that are no line
//! yet; knows nothing of what they mean to people. Source: design §5, R-240.

use super::failure::Failure;
use crate::limits::{ANSWER_BYTES, ANSWER_GRACE};
use ragchew_core::shown::is_hidden;
use ragchew_offload::desk::{Command, Request, Response};
use ragchew_offload::limits::ANSWER_WITHIN;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    path: PathBuf,
    held: Vec<u8>,
    /// Bytes of `held` in which there is no line break.
    looked: usize,
    /// Number of the last request.
    last: u64,
}

/// What came until a moment.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    /// A line.
    Line(Response),
    /// Nothing more.
    Nothing,
}

/// How long an answer may take in all, given what the server was told.
pub(crate) fn patience(within: Option<u64>) -> Duration {
    let server = within.map_or(Duration::from_nanos(ANSWER_WITHIN.0), Duration::from_secs);
    server + Duration::from_nanos(ANSWER_GRACE.0)
}

impl Client {
    /// Connects; a server that takes no connection is given up after `patience`.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn connect(path: &Path, patience: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Also bounds how long connecting may take: a stuck server leaves connections waiting.
        socket.set_write_timeout(Some(patience))?;
        socket.connect(&SockAddr::unix(path)?)?;
        let stream = UnixStream::from(OwnedFd::from(socket));
        Ok(Self { stream, path: path.to_owned(), held: Vec::new(), looked: 0, last: 0 })
    }

    /// Where it leads.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a request; its number.
    ///
    /// # Errors
    /// The server has gone, or takes nothing.
    pub(crate) fn send(&mut self, command: Command, within: Option<u64>) -> Result<u64, Failure> {
        self.last += 1;
        let request = Request { id: self.last, within_ms: within.map(|seconds| seconds * 1_000), command };
        let mut line = serde_json::to_vec(&request).map_err(|e| Failure::no_answer(format!("no request: {e}")))?;
        line.push(b'\n');
        match self.stream.write_all(&line) {
            Ok(()) => Ok(self.last),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(self.late()),
            // What it said before it closed may still be read, and says why.
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(self.last),
            Err(e) => Err(Failure::no_answer(format!("{}: {e}", self.path.display()))),
        }
    }

    /// The answer to a command, within its time.
    ///
    /// # Errors
    /// The server refuses, does not answer in time, leaves, or says what is not understood.
    pub(crate) fn ask(&mut self, command: Command, within: Option<u64>) -> Result<Value, Failure> {
        let until = Instant::now() + patience(within);
        let number = self.send(command, within)?;
        loop {
            match self.read(Some(until))? {
                Came::Nothing => return Err(self.late()),
                Came::Line(Response::Ok { id, value }) if id == number => return Ok(value),
                Came::Line(Response::Error { id, complaint }) if id.is_none_or(|id| id == number) => {
                    return Err(Failure::complaint(&complaint));
                }
                Came::Line(_) => {}
            }
        }
    }

    /// That no answer came in time.
    pub(super) fn late(&self) -> Failure {
        let path = self.path.display();
        Failure::no_answer(format!("{path}: the server did not answer in time; give it longer with --within SECONDS"))
    }

    /// The next line; nothing when none is complete at `until`.
    ///
    /// # Errors
    /// The server has gone, or says what is not understood.
    pub(crate) fn read(&mut self, until: Option<Instant>) -> Result<Came, Failure> {
        loop {
            if let Some(line) = self.line() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line).map(Came::Line).map_err(|e| self.garbage(&line, &e));
            }
            if self.held.len() > ANSWER_BYTES {
                return Err(Failure::garbage(&self.path, &format!("a line of more than {ANSWER_BYTES} bytes")));
            }
            if !self.fill(until)? {
                return Ok(Came::Nothing);
            }
        }
    }

    fn garbage(&self, line: &[u8], error: &serde_json::Error) -> Failure {
        let shown: String = String::from_utf8_lossy(line).chars().filter(|&c| !is_hidden(c)).take(60).collect();
        Failure::garbage(&self.path, &format!("{shown:?}: {error}"))
    }

    /// Takes a line out of what was read.
    fn line(&mut self) -> Option<Vec<u8>> {
        let rest = self.held.get(self.looked..)?;
        let Some(at) = rest.iter().position(|&byte| byte == b'\n') else {
            self.looked = self.held.len();
            return None;
        };
        let mut line: Vec<u8> = self.held.drain(..=self.looked + at).collect();
        line.pop();
        self.looked = 0;
        Some(line)
    }

    /// Reads on; `false` when nothing came in time.
    fn fill(&mut self, until: Option<Instant>) -> Result<bool, Failure> {
        let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Ok(false),
            left => left,
        };
        let failed = |e: io::Error| Failure::no_answer(format!("{}: {e}", self.path.display()));
        self.stream.set_read_timeout(left).map_err(failed)?;
        let mut piece = [0; 64 * 1_024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(Failure::closed(&self.path)),
            Ok(n) => {
                self.held.extend_from_slice(piece.get(..n).unwrap_or_default());
                Ok(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(true),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => Err(Failure::closed(&self.path)),
            Err(e) => Err(failed(e)),
        }
    }
}
