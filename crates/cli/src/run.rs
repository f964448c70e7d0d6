//! `ragchew run`: everything that may fail is done before the first datagram is read, then the reactor has the main
//! thread. Joins core, transport and offload with channels; decides nothing of what they do. Source: design §1, 5, 6.

mod keeper;
mod sockets;
mod thread;

use super::args::{Args, RunArgs};
use super::config::{self, Finding, Line, Numbers, Plan, Severity, Source};
use super::{Exit, hotspot, load, source, state, wants_colour, write_findings};
use crossbeam_channel::{Receiver, Sender, bounded};
use keeper::Keeper;
use ragchew_core::config::Config;
use ragchew_core::id::ListenerId;
use ragchew_core::report::ReportEvent;
use ragchew_core::{Core, Now};
use ragchew_offload::log::{Level, LogItem, LogSender, LogWriter, Names, Output, TraceToLog};
use ragchew_transport::{BoundSocket, Notice, Reactor, Wiring, clock, record};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thread::Thread;

/// Report events that may wait for the log: 2 MiB, and about a second of a full server.
const EVENT_SLOTS: usize = 16_384;
/// Notices of the reactor that may wait for the keeper.
const NOTICE_SLOTS: usize = 64;
/// Configurations that may wait to be freed.
const RETIRED_SLOTS: usize = 8;
/// How long each thread may take to finish after the reactor's end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why nothing was started.
struct Refused {
    exit: Exit,
    lines: Vec<String>,
}

impl Refused {
    fn line(exit: Exit, line: String) -> Self {
        Self { exit, lines: vec![line] }
    }
}

/// Runs the server until its orderly end.
pub(super) fn run(args: &Args, run: &RunArgs) -> Exit {
    match prepare(args, run) {
        Ok(server) => server.serve(),
        Err(refused) => {
            let mut err = io::stderr().lock();
            for line in &refused.lines {
                let _ = writeln!(err, "{line}");
            }
            let _ = writeln!(err, "ragchew: nothing was started");
            refused.exit
        }
    }
}

/// Where the configuration comes from, at the start and at every reload.
#[derive(Clone, Debug)]
struct Origin {
    named: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Origin {
    fn read(&self, numbers: &mut Numbers) -> (Source, Result<Plan, Vec<Finding>>, Option<Kept>) {
        let source = source(self.named.as_deref());
        let kept = RefCell::new(None);
        let plan = load(&source, numbers, &|| {
            let dir = self.state.as_deref().ok_or_else(|| "no state directory is known; use --state DIR".to_owned());
            let generated = dir.and_then(state::passphrase);
            let passphrase = generated.as_ref().map(|generated| generated.passphrase.clone()).map_err(Clone::clone);
            *kept.borrow_mut() = Some(generated);
            passphrase
        });
        (source, plan, kept.into_inner())
    }
}

/// The generated passphrase, when it was asked for.
type Kept = Result<state::Generated, String>;

/// A server with all its sockets, that has not read from them yet.
struct Server {
    reactor: Reactor,
    log: LogSender,
    writer: LogWriter,
    threads: Vec<Thread>,
}

fn prepare(args: &Args, run: &RunArgs) -> Result<Server, Refused> {
    let origin = Origin { named: args.config.clone(), state: state::directory(args.state.as_deref()) };
    let mut numbers = Numbers::default();
    let (source, plan, kept) = origin.read(&mut numbers);
    let plan = plan.map_err(|findings| refuse(&source, &findings, kept.as_ref()))?;
    let settings = sockets::settings(&plan.runtime);
    let opened = sockets::open(&plan.sockets, &settings);
    let (bound, missing) = opened.map_err(|lines| Refused { exit: Exit::CannotBind, lines })?;
    let recording = run.record.as_deref().map(create_recording).transpose()?;
    let (writer, log) = start_log(&plan, &source)?;
    say_start(&log, &source, &plan, &bound, &missing);
    if let Some(Ok(generated)) = kept {
        greet(&plan, &generated);
    }

    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| Refused::line(Exit::CannotStart, format!("{what}: {error}"))
    };
    let (events, event_queue) = bounded(EVENT_SLOTS);
    let (notices, notice_queue) = bounded(NOTICE_SLOTS);
    let (retired, retired_queue) = bounded(RETIRED_SLOTS);
    let open = bound.iter().map(BoundSocket::id).collect();
    let seed = clock::seed().map_err(failed("the system gives no random seed"))?;
    let now = clock::now();
    let core = Core::new(plan.config, seed, now);
    let taped = recording.map(|file| record::recording(file, begin(&core, now, &bound)));
    let tell_end = notices.clone();
    let wiring = Wiring { events, notices, retired };
    let (mut reactor, handle) =
        Reactor::new(core, bound, &settings, wiring).map_err(failed("the poll cannot be set up"))?;
    let keeper = Keeper::new(origin, numbers, open, plan.runtime, handle, log.clone());
    let tell = log.clone();
    let recorder = taped.map(|(tape, writer)| {
        reactor.record_to(tape);
        Thread::start("recording", move || write_recording(writer, &tell_end))
    });
    let threads = [
        Thread::start("events", move || forward(&event_queue, &tell)),
        Thread::start("keeper", move || keeper.run(&notice_queue, &retired_queue)),
    ];
    // The recording ends first: the keeper hears of its end.
    let threads =
        recorder.into_iter().chain(threads).collect::<io::Result<_>>().map_err(failed("a thread cannot be started"))?;
    Ok(Server { reactor, log, writer, threads })
}

fn create_recording(path: &Path) -> Result<File, Refused> {
    record::create(path).map_err(|error| {
        Refused::line(Exit::CannotStart, format!("--record: {} cannot be made: {error}", path.display()))
    })
}

fn begin(core: &Core, now: Now, bound: &[BoundSocket]) -> record::Begin {
    record::Begin {
        program: format!("ragchew {}", env!("CARGO_PKG_VERSION")),
        now,
        snapshot: core.snapshot(),
        sockets: bound.iter().map(|socket| (socket.id(), socket.local_addr())).collect(),
    }
}

/// Writes until the reactor is gone; an error is told once.
fn write_recording(writer: record::Writer, notices: &Sender<Notice>) {
    if let Err(error) = writer.run() {
        // Nobody listens any more when the server ends meanwhile.
        let _ = notices.send_timeout(Notice::RecordingEnded(error), PATIENCE);
    }
}

fn refuse(source: &Source, findings: &[Finding], kept: Option<&Kept>) -> Refused {
    let exit = if matches!(kept, Some(Err(_))) { Exit::CannotStart } else { Exit::Configuration };
    let mut text = Vec::new();
    let _ = write_findings(&mut text, source, findings, wants_colour(&io::stderr()));
    Refused { exit, lines: String::from_utf8_lossy(&text).lines().map(str::to_owned).collect() }
}

/// Starts the writer, sends what is traced to it, and lets SIGUSR2 open its file again.
fn start_log(plan: &Plan, source: &Source) -> Result<(LogWriter, LogSender), Refused> {
    let output = plan.runtime.log_file.clone().map_or(Output::Stdout, Output::File);
    let mut names = Names::default();
    names.set_listeners(listener_names(&plan.config));
    let (writer, log) = LogWriter::start(&output, plan.runtime.log_format, names).map_err(|error| {
        let place = plan.runtime.log_file.as_deref().unwrap_or(Path::new("standard output")).display();
        Refused::line(Exit::CannotStart, format!("{source}: runtime.log.file: {place} cannot be opened: {error}"))
    })?;
    // Only the first of a process counts, which in the binary is this one.
    let _ = tracing::subscriber::set_global_default(TraceToLog::new(log.clone(), Level::Info));
    if let Err(error) = reopen_on_signal(log.reopen_flag()) {
        log.line(Level::Warning, format!("SIGUSR2 cannot be taken: {error}"));
    }
    Ok((writer, log))
}

fn reopen_on_signal(flag: Arc<AtomicBool>) -> io::Result<()> {
    signal_hook::flag::register(signal_hook::consts::SIGUSR2, flag).map(drop)
}

fn listener_names(config: &Config) -> Vec<(ListenerId, String)> {
    config.listeners.iter().map(|listener| (listener.id, listener.name.to_string())).collect()
}

fn say_start(log: &LogSender, source: &Source, plan: &Plan, bound: &[BoundSocket], missing: &[String]) {
    log.line(Level::Info, format!("Ragchew {} starts with {source}", env!("CARGO_PKG_VERSION")));
    log_findings(log, source, &plan.warnings);
    for line in missing {
        log.line(Level::Warning, line.clone());
    }
    sockets::say_open(log, &plan.config, bound);
}

/// Findings as lines of the log.
fn log_findings(log: &LogSender, source: &Source, findings: &[Finding]) {
    let file = source.to_string();
    for finding in findings {
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        log.line(level, Line { file: &file, finding, colour: false }.to_string());
    }
}

/// Shows a generated passphrase to whoever started the server; never to the log.
fn greet(plan: &Plan, generated: &state::Generated) {
    if !plan.built_in || !generated.untouched {
        return;
    }
    let passphrase = String::from_utf8_lossy(generated.passphrase.expose());
    let lines = hotspot::Lines {
        server: &plan.config.server.name,
        address: hotspot::local_address(),
        port: config::HBP_PORT,
        passphrase: &passphrase,
        kept_in: &generated.path.display().to_string(),
    };
    let _ = writeln!(io::stderr(), "{lines}");
}

/// Passes on what the core reports until the reactor is gone.
fn forward(events: &Receiver<ReportEvent>, log: &LogSender) {
    for event in events {
        log.send(LogItem::Event(event));
    }
}

impl Server {
    /// Serves until the orderly end, then ends the threads in the order in which they need each other.
    fn serve(self) -> Exit {
        let Self { reactor, log, writer, threads } = self;
        log.line(Level::Info, "serving");
        let ended = reactor.run();
        for thread in threads {
            let name = thread.name();
            if !thread.join(PATIENCE) {
                log.line(Level::Warning, format!("the thread {name} was late and is left behind"));
            }
        }
        let exit = match ended {
            Ok(counters) => {
                keeper::say_counters(&log, &counters);
                Exit::Ok
            }
            Err(error) => {
                log.line(Level::Error, format!("the server failed: {error}"));
                Exit::Failed
            }
        };
        log.line(Level::Info, "ended");
        drop(log);
        if !writer.finish(PATIENCE) {
            let _ = writeln!(io::stderr(), "ragchew: the log was late; its last lines may be missing");
        }
        exit
    }
}
