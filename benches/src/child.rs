//! The programs that are measured, as children of ours, and what the system says of them. Stops what it started.

use ragchew_benches::plan::Plan;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The passphrase of all clients.
pub const PASSPHRASE: &[u8] = b"bench-bench";

/// A program that runs.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it receives.
    pub address: SocketAddrV4,
    folder: Option<PathBuf>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn free_port() -> u16 {
    let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free port");
    probe.local_addr().expect("a bound socket has an address").port()
}

/// Keeps this thread and those that it starts off the first processor, where there is more than one.
pub fn pin_load() {
    affinity(0, &|cpu| cpu != 0);
}

fn affinity(task: libc::pid_t, wanted: &dyn Fn(usize) -> bool) {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    // SAFETY: a cpu_set_t is an array of integers, for which zero is valid; pointer and length are those of `set`.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        (0..count).filter(|cpu| wanted(*cpu)).for_each(|cpu| libc::CPU_SET(cpu, &mut set));
        // Where there is one processor only, this fails and everybody stays there.
        libc::sched_setaffinity(task, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

impl Program {
    /// The server, serving, with a configuration of one listener.
    pub fn server(binary: &Path) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("ragchew-benches-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder takes no folder");
        let text = format!(
            "listeners:\n- name: hotspots\n  bind: '0.0.0.0:{port}'\n  passphrase: {}\n  max_clients: 65536\n",
            String::from_utf8_lossy(PASSPHRASE)
        );
        fs::write(folder.join("ragchew.yaml"), text).expect("the configuration cannot be written");
        let child = Command::new(binary)
            .args(["--config", "ragchew.yaml", "--state", "state"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let program = Self { child, address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), folder: Some(folder) };
        program.await_answer();
        program
    }

    /// The bare forwarder, ready.
    pub fn forwarder(plan: Plan, ports: &[u16]) -> Self {
        let port = free_port();
        let binary = std::env::current_exe().expect("this program has a path").with_file_name("forwarder");
        let numbers = [usize::from(port), plan.groups, plan.receivers].into_iter();
        let mut child = Command::new(binary)
            .args(numbers.chain(ports.iter().map(|port| usize::from(*port))).map(|n| n.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the forwarder does not start");
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        assert_eq!(line, "ready\n", "the forwarder did not become ready");
        Self { child, address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), folder: None }
    }

    /// A stranger's ping gets its refusal as soon as the server serves.
    fn await_answer(&self) {
        let stranger = UdpSocket::bind("127.0.0.9:0").expect("no free port");
        stranger.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout can be set");
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            let _ = stranger.send_to(b"RPTPING\0\0\0\x07", self.address);
            if stranger.recv(&mut [0; 64]).is_ok() {
                return;
            }
        }
        panic!("the server does not answer");
    }

    /// Keeps all its threads on the first processor, where there is more than one: the load has the others.
    pub fn pin(&self) {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        for task in tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()) {
            affinity(task, &|cpu| cpu == 0);
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
    }

    /// CPU time of all threads, user and system, in nanoseconds: from the scheduler's own count, which is not rounded to
    /// ticks, else from utime and stime.
    pub fn cpu(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let first = |text: String| text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        let exact: u64 =
            tasks.filter_map(|t| fs::read_to_string(t.path().join("schedstat")).ok().and_then(first)).sum();
        if exact > 0 { exact } else { self.ticks() * 10_000_000 }
    }

    /// utime and stime in ticks of 10 ms.
    pub fn ticks(&self) -> u64 {
        let stat = self.file("stat");
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
    }

    /// [`Self::memory`] once it has not grown for a second, at most ten seconds from now: a server that has just answered
    /// still starts its threads and its worker.
    pub fn memory_at_rest(&self) -> (u64, u64) {
        let started = Instant::now();
        let (mut seen, mut since) = (self.memory(), Instant::now());
        while since.elapsed() < Duration::from_secs(1) && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.memory();
            if now.1 > seen.1 {
                since = Instant::now();
            }
            seen = now;
        }
        seen
    }

    /// Memory in KiB: proportional share, and resident.
    pub fn memory(&self) -> (u64, u64) {
        let text = self.file("smaps_rollup");
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        (field("Pss:").unwrap_or(0), field("Rss:").unwrap_or(0))
    }
}
