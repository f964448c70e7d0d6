//! `ragchew run`: everything that may fail is done before the first datagram is read, then the reactor has the main
//! thread. Joins core, transport and offload with channels; decides nothing of what they do. Source: design §1, 5, 6.

mod closing;
mod counters;
mod keeper;
mod outside;
pub(crate) mod reporting;
mod sockets;
mod thread;

use super::args::{Args, RunArgs};
use super::config::{self, Finding, Line, Numbers, Plan, Severity, Source};
use super::{Exit, hotspot, load, source, state, wants_colour, write_findings};
use crate::limits::{NOTICE_SLOTS, RETIRED_SLOTS, TAIL_SLOTS, TELLING};
use closing::Closing;
use crossbeam_channel::{Sender, bounded};
use keeper::{Keeper, Running};
use ragchew_core::config::Config;
use ragchew_core::id::ListenerId;
use ragchew_core::{Core, Now};
use ragchew_offload::hub::{Bell, Ground};
use ragchew_offload::limits::EVENTS_TO_HUB;
use ragchew_offload::log::{Level, LogSender, LogWriter, Names, Output, TraceToLog};
use ragchew_transport::{BoundSocket, Notice, Reactor, TakenSignals, Wiring, clock, keep_from_children, record};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thread::Thread;

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
    /// The file that is in force, once there is one: no other takes its place, and neither does the built-in default.
    file: Option<PathBuf>,
}

impl Origin {
    fn read(&self, numbers: &mut Numbers) -> (Source, Result<Plan, Vec<Finding>>, Option<Kept>) {
        let source = source(self.file.as_deref().or(self.named.as_deref()));
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

    /// From here on, `source` is in force.
    fn settle(&mut self, source: &Source) {
        if let Source::File(path) = source {
            self.file = Some(path.clone());
        }
    }
}

/// The generated passphrase, when it was asked for.
type Kept = Result<state::Generated, String>;

/// A server with all its sockets, that has not read from them yet.
struct Server {
    reactor: Reactor,
    log: LogSender,
    writer: LogWriter,
    /// Wakes the hub, so that it sees the end of the reactor.
    bell: Bell,
    threads: Vec<Thread>,
}

fn prepare(args: &Args, run: &RunArgs) -> Result<Server, Refused> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| Refused::line(Exit::CannotStart, format!("{what}: {error}"))
    };
    keep_from_children();
    let signals = take_signals().map_err(failed("signals cannot be taken"))?;
    let mut origin = Origin { named: args.config.clone(), state: state::directory(args.state.as_deref()), file: None };
    let mut numbers = Numbers::default();
    let (source, plan, kept) = origin.read(&mut numbers);
    let plan = plan.map_err(|findings| refuse(&source, &findings, kept.as_ref()))?;
    origin.settle(&source);
    let settings = sockets::settings(&plan.runtime);
    let opened = sockets::open(&plan.sockets, &settings);
    let (bound, missing) = opened.map_err(|lines| Refused { exit: Exit::CannotBind, lines })?;
    let recording = run.record.as_deref().map(create_recording).transpose()?;
    let (tail, lines) = bounded(TAIL_SLOTS);
    let (writer, log) = start_log(&plan, &source, tail)?;
    say_start(&log, &source, &plan, &bound, &missing);
    if let Some(Ok(generated)) = kept {
        generated.warnings.iter().for_each(|warning| log.line(Level::Warning, warning.as_str()));
        greet(&plan, &generated);
    }

    let reporting = reporting::prepare(&plan, origin.state.as_deref(), &log)
        .map_err(failed("the system gives no random number"))?;
    let ground = Ground::new().map_err(failed("the poll of the hub cannot be set up"))?;
    let bell = ground.bell();
    let (events, event_queue) = bounded(EVENTS_TO_HUB);
    let (notices, notice_queue) = bounded(NOTICE_SLOTS);
    let (retired, retired_queue) = bounded(RETIRED_SLOTS);
    let open = bound.iter().map(BoundSocket::id).collect();
    let seed = clock::seed().map_err(failed("the system gives no random seed"))?;
    let addresses = keeper::addresses(&plan);
    let running = Running { open, built_in: plan.built_in, numbers, config: plan.config.clone(), addresses };
    let now = clock::now();
    let core = Core::new(plan.config, seed, now);
    let taped = recording.map(|file| record::recording(file, begin(&core, now, &bound)));
    let tell_end = notices.clone();
    let ring = bell.clone();
    let wiring = Wiring { events, bell: Some(Box::new(move || ring.ring())), notices, retired };
    let (mut reactor, handle) =
        Reactor::with_signals(core, bound, &settings, wiring, signals).map_err(failed("the poll cannot be set up"))?;
    let (hub, keeping) = reporting
        .join(ground, event_queue, lines, handle.clone(), log.clone())
        .map_err(failed("the command socket cannot be polled"))?;
    let keeper = Keeper::new(origin, running, plan.runtime, handle, log.clone(), keeping.ear);
    let recorder = taped.map(|(tape, writer)| {
        reactor.record_to(tape);
        Thread::start("recording", move || write_recording(writer, &tell_end))
    });
    let threads = [
        Thread::start("hub", move || hub.run()),
        Thread::start("keeper", move || keeper.run(&notice_queue, &retired_queue, &keeping.asked)),
    ];
    // The recording ends first: the keeper hears of its end.
    let threads =
        recorder.into_iter().chain(threads).collect::<io::Result<_>>().map_err(failed("a thread cannot be started"))?;
    Ok(Server { reactor, log, writer, bell, threads })
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
        let _ = notices.send_timeout(Notice::RecordingEnded(error), Duration::from_nanos(TELLING.0));
    }
}

/// Takes every signal that has a meaning here, before anything that takes time: none kills a server that starts.
fn take_signals() -> io::Result<TakenSignals> {
    // The log comes later and opens its file then: a wish for that, before it, is fulfilled anyway.
    reopen_on_signal(Arc::default())?;
    TakenSignals::take()
}

fn refuse(source: &Source, findings: &[Finding], kept: Option<&Kept>) -> Refused {
    let exit = if matches!(kept, Some(Err(_))) { Exit::CannotStart } else { Exit::Configuration };
    let mut text = Vec::new();
    let _ = write_findings(&mut text, source, findings, wants_colour(&io::stderr()));
    Refused { exit, lines: String::from_utf8_lossy(&text).lines().map(str::to_owned).collect() }
}

/// Starts the writer, sends what is traced to it, and lets SIGUSR2 open its file again.
fn start_log(plan: &Plan, source: &Source, tail: Sender<String>) -> Result<(LogWriter, LogSender), Refused> {
    let output = plan.runtime.log_file.clone().map_or(Output::Stdout, Output::File);
    let mut names = Names::default();
    names.set_listeners(listener_names(&plan.config));
    let (writer, log) = LogWriter::start(&output, plan.runtime.log_format, names, Some(tail)).map_err(|error| {
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
    finding_lines(source, findings).into_iter().for_each(|(level, line)| log.line(level, line));
}

/// Findings in words, each with its place.
fn finding_lines(source: &Source, findings: &[Finding]) -> Vec<(Level, String)> {
    let file = source.to_string();
    let line = |finding| {
        let level = match finding {
            &Finding { severity: Severity::Error, .. } => Level::Error,
            Finding { .. } => Level::Warning,
        };
        (level, Line { file: &file, finding, colour: false }.without_severity().to_string())
    };
    findings.iter().map(line).collect()
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

impl Server {
    /// Serves until the orderly end, then ends the threads in the order in which they need each other.
    fn serve(self) -> Exit {
        let Self { reactor, log, writer, bell, threads } = self;
        log.line(Level::Info, "serving");
        let ended = reactor.run();
        bell.ring();
        let since = ended.as_ref().ok().and_then(|counters| counters.ending_since);
        let closing = Closing::new(since, clock::now().mono);
        for thread in threads {
            let name = thread.name();
            if !thread.join(closing.thread(clock::now().mono)) {
                log.line(Level::Warning, format!("the thread {name} was late and is left behind"));
            }
        }
        let exit = match ended {
            Ok(counters) => {
                counters::say_counters(&log, &counters);
                Exit::Ok
            }
            Err(error) => {
                log.line(Level::Error, format!("the server failed: {error}"));
                Exit::Failed
            }
        };
        log.line(Level::Info, "ended");
        drop(log);
        for complaint in writer.finish(closing.log(clock::now().mono)).complaints() {
            let _ = writeln!(io::stderr(), "ragchew: {complaint}");
        }
        exit
    }
}
