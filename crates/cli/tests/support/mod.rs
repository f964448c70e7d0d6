//! The real binary as a child on loopback, and hotspots that talk to it. Owns both ends of a test; stops what it started.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Each test program uses its part.

pub(crate) mod control;
pub(crate) mod frames;
pub(crate) mod records;
pub(crate) mod traffic;

use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything; far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Longest time from the wish that a server ends until it was seen to have ended: the five seconds that it has, and as much for
/// whoever looks. The five are proven by the tests of `ending`.
pub(crate) const IN_TIME: Duration = Duration::from_secs(10);

/// What a server says when it ended before its log had written everything: the system gave that thread no time.
const LATE_LOG: &str = "ragchew: the log was late; its last lines may be missing\n";

/// Waits, within bounds, for something that asking shows.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "it does not come about: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

pub(crate) struct Server {
    pub(crate) dir: PathBuf,
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
}

impl Server {
    pub(crate) fn start(name: &str, config: &str) -> Self {
        Self::start_with(name, config, &["--config", "ragchew.yaml"])
    }

    /// Finds its configuration by itself.
    pub(crate) fn start_unnamed(name: &str, config: &str) -> Self {
        Self::start_with(name, config, &[])
    }

    /// With these words on the command line.
    pub(crate) fn start_with(name: &str, config: &str, words: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_ragchew")), name, config, words)
    }

    /// By a program that leaves a file open in it.
    pub(crate) fn start_with_an_open_file(name: &str, config: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 9<ragchew.yaml && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ragchew")]);
        Self::start_by(shell, name, config, &["--config", "ragchew.yaml"])
    }

    fn start_by(mut program: Command, name: &str, config: &str, words: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("ragchew-run-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("ragchew.yaml"), config).unwrap();
        let mut child = program
            .args(words)
            .args(["--state", "state"])
            .current_dir(&dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { dir, child, lines }
    }

    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.dir.join("ragchew.yaml"), config).unwrap();
    }

    /// The next line with `words`, and all before it.
    pub(crate) fn wait_for(&self, words: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            seen.push(line);
            if seen.last().unwrap().contains(words) {
                return seen;
            }
        }
        panic!("no line with {words:?} in {seen:#?}");
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
    }

    /// Exit code and standard error, but for what a busy machine is to blame for.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let (code, text) = self.end_as_it_is();
        (code, text.replace(LATE_LOG, ""))
    }

    /// Exit code and standard error.
    pub(crate) fn end_as_it_is(&mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if Instant::now() > until => panic!("the server does not end"),
                None => thread::yield_now(),
            }
        };
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (code, text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub(crate) fn listener(name: &str, port: u16) -> String {
    format!("- {{ name: {name}, bind: '127.0.0.1:{port}', passphrase: hush-hush-77 }}\n")
}

/// A free port of nobody else's: outside the range from which the system gives ports to sockets that ask for none, and never
/// given twice by this process.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    const PORTS: u32 = 12_000;
    for _ in 0..PORTS {
        // Processes begin far from each other.
        let number = std::process::id().wrapping_mul(97).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + (number % PORTS) as u16;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// A hotspot that knows just enough to log in (`wire.md` 1).
pub(crate) struct Hotspot {
    pub(crate) socket: UdpSocket,
    pub(crate) id: [u8; 4],
}

impl Hotspot {
    pub(crate) fn at(port: u16, id: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, id: id.to_be_bytes() }
    }

    pub(crate) fn send(&self, opcode: &[u8], rest: &[u8]) {
        self.socket.send(&[opcode, &self.id, rest].concat()).unwrap();
    }

    /// The next datagram that begins with `opcode`.
    pub(crate) fn receive(&self, opcode: &[u8]) -> Vec<u8> {
        loop {
            let datagram = self.next();
            if datagram.starts_with(opcode) {
                return datagram;
            }
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut buffer = [0; 512];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => return buffer[..length].to_vec(),
                // The test itself was stopped for a while.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// Everything that waits in the socket, up to the answer to a ping.
    pub(crate) fn waiting(&self) -> Vec<Vec<u8>> {
        self.send(b"RPTPING", b"");
        std::iter::repeat_with(|| self.next()).take_while(|datagram| !datagram.starts_with(b"MSTPONG")).collect()
    }

    pub(crate) fn log_in(&self, passphrase: &[u8]) {
        self.send(b"RPTL", b"");
        let challenge = self.receive(b"RPTACK");
        self.answer(&challenge[6..10], passphrase);
        self.receive(b"RPTACK");
        self.describe();
        self.receive(b"RPTACK");
    }

    /// RPTK.
    pub(crate) fn answer(&self, salt: &[u8], passphrase: &[u8]) {
        self.send(b"RPTK", &Sha256::new().chain_update(salt).chain_update(passphrase).finalize());
    }

    /// RPTC.
    pub(crate) fn describe(&self) {
        let text = format!(
            "{:<8}{:>9}{:>9}{:>2}{:>2}{:>8}{:>9}{:>3}{:<20}{:<19}{}{:<124}{:<40}{:<40}",
            "M0TST",
            "434000000",
            "434000000",
            "01",
            "01",
            "51.5000",
            "-000.1200",
            "010",
            "London",
            "Hotspot A",
            '2',
            "",
            "20240101_PS4",
            "MMDVM_MMDVM_HS_Hat"
        );
        self.send(b"RPTC", text.as_bytes());
    }
}
