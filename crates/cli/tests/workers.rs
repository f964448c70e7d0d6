//! Whatever happens to a worker, calls go on as if nothing was: it is killed, stopped, slowed, its disk is full, its file
//! deleted, each in the middle of twenty calls of the real server. Afterwards it works again and has every call once.
//!
//! `RAGCHEW_CHAOS=50` does each fifty times instead of ten, and is strict about late frames, for which the machine has to be
//! quiet; `--nocapture` shows the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Helpers of tests, too.

mod support;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::control::{Control, Watch, is_state};
use support::records::{calls, not_whole, wait_for_table};
use support::traffic::{Spoken, Told, Traffic, listeners};
use support::{IN_TIME, Server, free_port, until};

/// A phase with a fault, and the one without that it is held against, are at least this long.
const PHASE: Duration = Duration::from_millis(700);
/// Frames that arrive in a phase, at least; some of them were sent before it.
const FRAMES: usize = 120;
/// By how much the usual late frame may be later with faults than without, where nothing else runs.
const LATER: Duration = Duration::from_millis(1);
/// The same where other programs run, among them the worker that starts again: less than the shortest wait for a worker
/// (200 ms), which is what a frame must never be held up by.
const MUCH_LATER: Duration = Duration::from_millis(80);
/// How often the phases are repeated when a machine with other work spoilt the measurement.
const ROUNDS: usize = 3;
/// By how much the memory of the server may grow meanwhile, in KiB.
const GROWTH: u64 = 24 * 1_024;

/// How soon a worker is replaced: after so many health checks, 200 ms apart, that it does not answer.
const SOON: u8 = 3;
/// Not because the machine let it stand still for a while.
const LATE: u8 = 100;

fn numbers(max_unhealthy: u8) -> String {
    format!(
        "runtime: {{ join_timeout_ms: 200, health: {{ interval_ms: 200, max_unhealthy: {max_unhealthy}, grace_ms: 500 }}, \
         restart: {{ delay_ms: 50, delay_cap_ms: 200, max_attempts: 200 }} }}\n"
    )
}

/// How often each fault is made, and how much later frames may be meanwhile.
fn measure() -> (usize, Duration) {
    let times = std::env::var("RAGCHEW_CHAOS").ok().and_then(|times| times.parse().ok());
    times.map_or((10, MUCH_LATER), |times| (times, LATER))
}

/// A server whose worker is about to have a bad time.
struct Scene {
    server: Server,
    control: Control,
    watch: Watch,
    /// Where the database is.
    file: PathBuf,
}

impl Scene {
    fn new(name: &str, port: u16, max_unhealthy: u8, file: Option<&Path>) -> Self {
        let place = file.map(|file| format!("reporting: {{ sql: {{ file: {} }} }}\n", file.display()));
        let config = format!("{}{}{}", listeners(port), place.unwrap_or_default(), numbers(max_unhealthy));
        let server = Server::start(name, &config);
        server.wait_for("serving");
        let mut control = Control::open(&server);
        let watch = Watch::open(&server);
        until("the worker runs", || control.worker()["state"] == "running");
        let file = file.map_or_else(|| server.dir.join("state/ragchew.db"), Path::to_owned);
        wait_for_table(&file);
        Self { server, control, watch, file }
    }

    /// Sends a signal to the worker, whichever it is by now.
    fn signal(&mut self, signal: Signal) -> Pid {
        let mut sent = None;
        until("the worker gets the signal", || {
            let pid = self.control.worker()["pid"].as_i64().and_then(|pid| Pid::from_raw(pid as i32));
            sent = pid.filter(|pid| kill_process(*pid, signal).is_ok());
            sent.is_some()
        });
        sent.unwrap()
    }

    fn incarnation(&mut self) -> u64 {
        self.control.worker()["incarnation"].as_u64().unwrap()
    }

    /// Waits for the next incarnation.
    fn back(&mut self, before: u64) {
        let is_new = |event: &Value| event["body"]["incarnation"].as_u64().is_some_and(|now| now > before);
        self.watch.wait("it runs again", |event| is_state(event, "running") && is_new(event));
    }

    fn trouble(&mut self, event: &str, trouble: &str) {
        let what = format!("{event} {trouble}");
        self.watch.wait(&what, |told| told["event"] == event && told["body"]["trouble"] == trouble);
    }

    /// The worker does its work, and nothing is wrong with it.
    fn assert_well(&mut self) {
        until("the worker is well", || {
            let row = self.control.worker();
            row["state"] == "running" && row["trouble"].is_null() && row["loss"].is_null()
        });
    }

    fn health(&self, event: &str) -> usize {
        self.watch.health.iter().filter(|told| told["event"] == event).count()
    }
}

/// KiB that the server has in use.
fn resident(server: &Server) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A time in which faults were made or not.
struct Phase {
    from: Instant,
    to: Instant,
}

impl Phase {
    /// The latency that one frame in a hundred exceeds.
    fn p99(&self, told: &Told) -> Duration {
        let of_phase = told.latencies.iter().filter(|(sent, _)| (self.from..self.to).contains(sent));
        let mut all: Vec<_> = of_phase.map(|(_, took)| *took).collect();
        assert!(all.len() > 50, "a phase of {} frames", all.len());
        all.sort_unstable();
        all[all.len() * 99 / 100]
    }
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// Makes the same fault again and again while everybody talks, and shows that nobody noticed.
fn chaos(name: &str, scene: &mut Scene, port: u16, mut fault: impl FnMut(&mut Scene, usize)) {
    let (times, later) = measure();
    let (mut figures, mut spoken) = (Vec::new(), Vec::new());
    while figures.len() < ROUNDS {
        let traffic = Traffic::start(&scene.server, port);
        traffic.go_on_for(200);
        let (before, mut most) = (resident(&scene.server), 0);
        let mut phases = Vec::new();
        for number in 0..times {
            let bad = phase(scene, &traffic, PHASE, |scene| fault(scene, number));
            scene.assert_well();
            let calm = phase(scene, &traffic, bad.to - bad.from, |_| {});
            phases.extend([(true, bad), (false, calm)]);
            most = most.max(resident(&scene.server));
        }
        traffic.last_calls();
        let told = traffic.finish();
        assert_eq!(told.lost, [""; 0], "{name}: frames were lost");
        let of = |is_fault| {
            let phases = phases.iter().filter(|(fault, _)| *fault == is_fault);
            median(phases.map(|(_, phase)| phase.p99(&told)).collect())
        };
        let (with, without) = (of(true), of(false));
        println!(
            "{name}: {times} times in {:.1} s, {} frames of {} calls, none lost; p99 {with:?} with, {without:?} without; \
             {before} KiB before, at most {most} KiB",
            phases.iter().map(|(_, phase)| phase.to - phase.from).sum::<Duration>().as_secs_f64(),
            told.latencies.len(),
            told.spoken.len(),
        );
        assert!(most < before + GROWTH, "{name}: the server grew from {before} to {most} KiB");
        spoken.extend(told.spoken);
        if with <= without + later {
            return assert_kept(name, scene, &spoken);
        }
        figures.push((with, without));
    }
    panic!("{name}: frames are late: {figures:?}");
}

/// A time of at least this length and of enough frames, in which this is done.
fn phase(scene: &mut Scene, traffic: &Traffic, length: Duration, what: impl FnOnce(&mut Scene)) -> Phase {
    let (from, heard) = (Instant::now(), traffic.heard());
    what(scene);
    scene.watch.listen(length.saturating_sub(from.elapsed()));
    traffic.have_heard(heard + FRAMES);
    Phase { from, to: Instant::now() }
}

/// Waits until the table has every call once, whole, and looks whether that is so after the end of the server.
fn assert_kept(name: &str, scene: &mut Scene, spoken: &[Spoken]) {
    let file = &scene.file;
    until("every call is kept", || not_whole(file, spoken).is_empty());
    scene.server.signal("TERM");
    let asked = Instant::now();
    assert_eq!(scene.server.end(), (Some(0), String::new()));
    assert!(asked.elapsed() < IN_TIME, "{:?}", asked.elapsed());
    assert_eq!(not_whole(&scene.file, spoken), [""; 0], "{name}");
    let in_all: usize = calls(&scene.file).values().map(Vec::len).sum();
    assert_eq!(in_all, spoken.len(), "{name}: calls that nobody made");
}

#[test]
fn a_worker_that_is_killed_in_mid_call_costs_no_frame_and_no_record() {
    let port = free_port();
    let mut scene = Scene::new("killed", port, LATE, None);
    chaos("killed", &mut scene, port, |scene, _| {
        let before = scene.incarnation();
        scene.signal(Signal::KILL);
        let signal = |event: &Value| event["body"]["ending"]["signal"] == 9;
        scene.watch.wait("it was killed", |event| is_state(event, "failed") && signal(event));
        scene.back(before);
    });
}

#[test]
fn a_worker_that_stands_still_in_mid_call_is_replaced_and_costs_no_frame_and_no_record() {
    let port = free_port();
    let mut scene = Scene::new("stopped", port, SOON, None);
    chaos("stopped", &mut scene, port, |scene, _| {
        let before = scene.incarnation();
        scene.signal(Signal::STOP);
        scene.watch.wait("it does not answer", |event| is_state(event, "unhealthy"));
        scene.back(before);
    });
}

#[test]
fn a_worker_that_is_slowed_in_mid_call_costs_no_frame_and_no_record() {
    let port = free_port();
    let mut scene = Scene::new("slowed", port, LATE, None);
    chaos("slowed", &mut scene, port, |scene, number| {
        if number % 2 == 0 {
            // Another program holds the database.
            let other = Connection::open(&scene.file).unwrap();
            other.busy_timeout(Duration::from_secs(5)).unwrap();
            other.execute_batch("BEGIN EXCLUSIVE").unwrap();
            scene.trouble("worker_trouble", "locked");
            other.execute_batch("ROLLBACK").unwrap();
            drop(other);
            scene.trouble("worker_well", "locked");
        } else {
            // It has a fifth of the time.
            let end = Instant::now() + PHASE;
            while Instant::now() < end {
                let pid = scene.signal(Signal::STOP);
                scene.watch.listen(Duration::from_millis(40));
                let _ = kill_process(pid, Signal::CONT);
                scene.watch.listen(Duration::from_millis(10));
            }
        }
    });
}

/// A small disk of its own, as far as this may be had.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn mount() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("ragchew-disk-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=16m", "ragchew-test"]).arg(&folder).output();
        match mount {
            Ok(done) if done.status.success() => Ok(Self { folder }),
            other => {
                let _ = fs::remove_dir(&folder);
                Err(other.map_or_else(|e| e.to_string(), |done| String::from_utf8_lossy(&done.stderr).into_owned()))
            }
        }
    }

    /// Takes all room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.folder.join("filler");
        let mut file = File::create(&path).unwrap();
        let mut piece = 64 * 1_024;
        while piece > 0 {
            match file.write_all(&vec![7; piece]) {
                Ok(()) => {}
                Err(_) => piece /= 2,
            }
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        let _ = fs::remove_dir(&self.folder);
    }
}

#[test]
fn a_disk_that_is_full_in_mid_call_costs_no_frame_and_no_record() {
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(why) => {
            println!("skipped: no small disk can be had here: {}", why.trim());
            return;
        }
    };
    let port = free_port();
    let file = disk.folder.join("ragchew.db");
    let mut scene = Scene::new("full", port, LATE, Some(&file));
    chaos("disk full", &mut scene, port, |scene, _| {
        // A write-ahead log that was not emptied has room of its own.
        let other = Connection::open(&scene.file).unwrap();
        other.busy_timeout(Duration::from_secs(5)).unwrap();
        other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(other);
        let filler = disk.fill();
        scene.trouble("worker_trouble", "disk_full");
        fs::remove_file(filler).unwrap();
        scene.trouble("worker_well", "disk_full");
    });
}

#[test]
fn a_database_that_is_deleted_in_mid_call_costs_no_frame_and_no_record() {
    let port = free_port();
    let mut scene = Scene::new("deleted", port, LATE, None);
    chaos("file deleted", &mut scene, port, |scene, _| {
        for end in ["", "-wal", "-shm"] {
            let mut name = scene.file.clone().into_os_string();
            name.push(end);
            // The log beside it may be missing just now.
            let _ = fs::remove_file(name);
        }
        scene.trouble("worker_trouble", "removed");
        scene.trouble("worker_well", "removed");
        assert!(scene.file.exists());
    });
    assert!(scene.health("worker_trouble") >= measure().0);
}
