//! The keeper thread: reads the configuration again when asked, tells what happened to the reactor, and frees what it no
//! longer needs. A reload opens new sockets first; any refusal before the reactor took it over leaves all as it was.
//! Source: design §5 (keeper), §6 (reload).

use super::counters::say_counters;
use super::outside::{Ear, ReloadAsked};
use super::{Origin, finding_lines, listener_names, log_findings, sockets};
use crate::config::difference::{self, Addresses};
use crate::config::{Numbers, Plan, Runtime, Severity, Socket, Source};
use crossbeam_channel::{Receiver, bounded, never, select};
use ragchew_core::config::Config;
use ragchew_core::control::RequestId;
use ragchew_core::id::ListenerId;
use ragchew_core::net::SocketId;
use ragchew_offload::hub::{Heard, Reloaded};
use ragchew_offload::log::{Level, LogItem, LogSender};
use ragchew_transport::{BoundSocket, Command, Handle, Notice};
use std::collections::BTreeSet;
use std::io;

pub(super) struct Keeper {
    origin: Origin,
    running: Running,
    runtime: Runtime,
    handle: Handle,
    log: LogSender,
    /// What the reactor was asked to take over and has not answered yet.
    pending: Option<Pending>,
    /// Another reload was asked for meanwhile.
    again: bool,
    /// Where operators hear what came of their wishes.
    operators: Ear,
}

/// What is in force, as far as the next reload has to know it.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) numbers: Numbers,
    pub(super) open: BTreeSet<SocketId>,
    /// The listeners are those of the built-in default.
    pub(super) built_in: bool,
    /// What the core works from.
    pub(super) config: Config,
    /// Where its sockets are.
    pub(super) addresses: Addresses,
}

/// The addresses of a plan, by the numbers of their sockets.
pub(super) fn addresses(plan: &Plan) -> Addresses {
    plan.sockets.iter().map(|socket| (socket.id, socket.address)).collect()
}

struct Pending {
    running: Running,
    source: Source,
    answer: Receiver<io::Result<()>>,
    /// To be told when the reactor took it over.
    names: Vec<(ListenerId, String)>,
    lines: Vec<(Level, String)>,
    /// An operator asked for it, and hears this.
    asked: Option<(RequestId, Reloaded)>,
}

impl Keeper {
    pub(super) fn new(
        origin: Origin,
        running: Running,
        runtime: Runtime,
        handle: Handle,
        log: LogSender,
        operators: Ear,
    ) -> Self {
        Self { origin, running, runtime, handle, log, pending: None, again: false, operators }
    }

    /// Works until the reactor is gone.
    pub(super) fn run(
        mut self,
        notices: &Receiver<Notice>,
        retired: &Receiver<Box<Config>>,
        asked: &Receiver<ReloadAsked>,
    ) {
        let (closed, silent) = (never(), never());
        let (mut retired, mut asked) = (retired, asked);
        loop {
            let answer = self.pending.as_ref().map_or_else(never, |pending| pending.answer.clone());
            select! {
                recv(answer) -> answer => self.heed_answer(answer.unwrap_or_else(|_| Err(io::Error::other("it has ended")))),
                recv(notices) -> notice => match notice {
                    Ok(notice) => self.heed(notice),
                    Err(_) => return,
                },
                recv(asked) -> ask => match ask {
                    Ok(ask) => self.asked(ask),
                    Err(_) => asked = &silent,
                },
                recv(retired) -> config => match config {
                    Ok(config) => drop(config),
                    Err(_) => retired = &closed,
                },
            }
        }
    }

    fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::ReloadRequested if self.pending.is_some() => self.again = true,
            Notice::ReloadRequested => {
                let _ = self.reload(None);
            }
            Notice::DrainStarted => {
                self.log.line(Level::Info, "stopping: calls are ended and clients told");
                self.operators.tell(Heard::Stopping);
            }
            Notice::DrainCutShort(why) => self.log.line(Level::Warning, format!("stopped before all was said: {why}")),
            Notice::RecordingEnded(error) => {
                self.log.line(Level::Error, format!("the recording was ended, everything else goes on: {error}"));
            }
            Notice::Counters(counters) => say_counters(&self.log, &counters),
        }
    }

    fn heed_answer(&mut self, answer: io::Result<()>) {
        let Some(pending) = self.pending.take() else { return };
        match answer {
            Ok(()) => {
                self.log.send(LogItem::Listeners(pending.names.clone()));
                self.operators.tell(Heard::Listeners(pending.names));
                if let Some((id, reloaded)) = pending.asked {
                    self.operators.tell(Heard::Reloaded(id, Ok(reloaded)));
                }
                pending.lines.into_iter().for_each(|(level, line)| self.log.line(level, line));
                self.log.line(Level::Info, format!("the configuration was reloaded from {}", pending.source));
                self.origin.settle(&pending.source);
                self.running = pending.running;
            }
            Err(error) => {
                let why = self.refuse(&format!("new sockets cannot be taken over: {error}"));
                if let Some((id, _)) = pending.asked {
                    self.operators.tell(Heard::Reloaded(id, Err(vec![why])));
                }
            }
        }
        if std::mem::take(&mut self.again) {
            let _ = self.reload(None);
        }
    }

    /// An operator wants the configuration read again, or to know what that would change.
    fn asked(&mut self, ask: ReloadAsked) {
        let answer = if ask.dry_run {
            self.read().map(|read| Some(read.reloaded))
        } else if self.pending.is_some() {
            Err(vec!["a reload is under way; try again".to_owned()])
        } else {
            // What comes of it is said when the reactor has answered.
            self.reload(Some(ask.id)).map(|()| None)
        };
        match answer {
            Ok(None) => {}
            Ok(Some(reloaded)) => self.operators.tell(Heard::Reloaded(ask.id, Ok(reloaded))),
            Err(lines) => self.operators.tell(Heard::Reloaded(ask.id, Err(lines))),
        }
    }

    /// Logs that nothing was done; the line.
    fn refuse(&self, why: &str) -> String {
        let line = format!("{why}; nothing was changed");
        self.log.line(Level::Error, line.clone());
        line
    }

    /// Reads the configuration and says what it would change. Changes nothing and logs nothing.
    fn read(&self) -> Result<Read, Vec<String>> {
        let mut numbers = self.running.numbers.clone();
        let (source, read, _) = self.origin.read(&mut numbers);
        let plan = read.map_err(|findings| {
            let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            let mut lines = finding_lines(&source, &findings);
            lines.push((Level::Error, format!("{source} has {errors} errors")));
            lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()
        })?;
        if plan.built_in && !self.running.built_in {
            return Err(vec![format!("{source} is empty or has no listeners any more, which only a restart accepts")]);
        }
        let known = (&self.running.config, &self.running.addresses);
        let mut changes = difference::changes(known, (&plan.config, &addresses(&plan)));
        if plan.runtime != self.runtime {
            changes.push("reporting or runtime: what changed there takes effect at the next start".to_owned());
        }
        let findings = finding_lines(&source, &plan.warnings).into_iter().map(|(_, line)| line).collect();
        Ok(Read { plan, numbers, source, reloaded: Reloaded { changes, findings } })
    }

    /// Reads the configuration and puts it in force.
    fn reload(&mut self, asked: Option<RequestId>) -> Result<(), Vec<String>> {
        let read = self.read();
        if let Ok(read) = &read {
            self.log.line(Level::Info, format!("reading the configuration again from {}", read.source));
        }
        let done = read.and_then(|read| {
            log_findings(&self.log, &read.source, &read.plan.warnings);
            if read.plan.runtime != self.runtime {
                let line =
                    format!("{}: what changed in reporting or runtime takes effect at the next start", read.source);
                self.log.line(Level::Warning, line);
            }
            let (source, reloaded) = (read.source, asked.map(|id| (id, read.reloaded)));
            self.replace(read.plan, read.numbers, &source, reloaded).map_err(|mut lines| {
                lines.push(format!("{source} cannot be put in force"));
                lines
            })
        });
        done.map_err(|mut lines| {
            let last = lines.pop().unwrap_or_default();
            lines.iter().for_each(|line| self.log.line(Level::Error, line.clone()));
            lines.push(self.refuse(&last));
            lines
        })
    }

    /// Opens what is new and asks the reactor to take it over.
    fn replace(
        &mut self,
        plan: Plan,
        numbers: Numbers,
        source: &Source,
        asked: Option<(RequestId, Reloaded)>,
    ) -> Result<(), Vec<String>> {
        let (new, close) = difference(&self.running.open, &plan.sockets);
        // Sockets keep the sizes that the process began with.
        let settings = sockets::settings(&self.runtime);
        let (bound, missing) = sockets::open(new, &settings).map_err(|mut lines| {
            lines.push("an address that this server itself still holds is free only after a restart".to_owned());
            lines
        })?;
        let mut lines: Vec<_> = missing.into_iter().map(|line| (Level::Warning, line)).collect();
        lines.extend(sockets::open_lines(&plan.config, &bound));
        let names = listener_names(&plan.config);
        let kept = self.running.open.iter().copied().filter(|id| !close.contains(id));
        let open = kept.chain(bound.iter().map(BoundSocket::id)).collect();
        let (config, addresses) = (plan.config.clone(), addresses(&plan));
        let running = Running { numbers, open, built_in: plan.built_in, config, addresses };
        let (answer, answered) = bounded(1);
        let command = Command::Replace { config: Box::new(plan.config), open: bound, close, answer };
        self.handle.send(command).map_err(|_| vec!["the server is busy with other commands".to_owned()])?;
        self.pending = Some(Pending { running, source: source.clone(), answer: answered, names, lines, asked });
        Ok(())
    }
}

/// A configuration that was read and may be put in force.
struct Read {
    plan: Plan,
    numbers: Numbers,
    source: Source,
    reloaded: Reloaded,
}

/// Which sockets of `wanted` are not open, and which open ones are not wanted.
fn difference<'s>(open: &BTreeSet<SocketId>, wanted: &'s [Socket]) -> (Vec<&'s Socket>, Vec<SocketId>) {
    let new = wanted.iter().filter(|socket| !open.contains(&socket.id)).collect();
    let close = open.iter().copied().filter(|id| wanted.iter().all(|socket| socket.id != *id)).collect();
    (new, close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ragchew_core::Core;
    use ragchew_offload::hub::Ground;
    use ragchew_offload::log::{Format, LogWriter, Names, Output};
    use ragchew_transport::{Reactor, Settings, Wiring, clock};
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn a_reload_opens_only_what_is_new_and_closes_only_what_is_gone() {
        let socket = |id| Socket { id: SocketId(id), address: ([127, 0, 0, 1], id).into(), optional: false };
        let wanted = [socket(1), socket(2)];
        let (new, close) = difference(&[SocketId(0), SocketId(1)].into(), &wanted);
        assert_eq!((new, close), (vec![&wanted[1]], vec![SocketId(0)]));
    }

    /// A keeper whose reactor has ended, and the text of its log after a reload.
    fn reload_without_a_reactor(dir: &Path) -> String {
        let (config, output) = (dir.join("ragchew.yaml"), dir.join("log"));
        std::fs::write(&config, "listeners:\n- { name: fresh, bind: '127.0.0.1:0', passphrase: hush-hush-77 }\n")
            .unwrap();
        let output = Output::File(output);
        let (writer, log) = LogWriter::start(&output, Format::Text, Names::default(), None).unwrap();
        let (mut numbers, origin) = (Numbers::default(), Origin { named: Some(config), state: None, file: None });
        let runtime = origin.read(&mut numbers).1.unwrap().runtime;
        let wiring = Wiring { events: bounded(1).0, bell: None, notices: bounded(1).0, retired: bounded(1).0 };
        let core = Core::new(Config::default(), clock::seed().unwrap(), clock::now());
        let (reactor, handle) = Reactor::new(core, Vec::new(), &Settings::default(), wiring).unwrap();
        drop(reactor);
        let running = Running {
            numbers: Numbers::default(),
            open: BTreeSet::new(),
            built_in: false,
            config: Config::default(),
            addresses: Addresses::new(),
        };
        let ear = Ear::new(bounded(1).0, Ground::new().unwrap().bell());
        let mut keeper = Keeper::new(origin, running, runtime, handle, log, ear);
        assert!(keeper.reload(None).is_err());
        assert!(keeper.pending.is_none());
        drop(keeper);
        assert_eq!(writer.finish(Duration::from_secs(10)).complaints(), [""; 0]);
        std::fs::read_to_string(dir.join("log")).unwrap()
    }

    #[test]
    fn a_reload_that_the_reactor_does_not_take_says_of_no_socket_that_it_listens() {
        let dir = std::env::temp_dir().join(format!("ragchew-keeper-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let text = reload_without_a_reactor(&dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(text.contains("nothing was changed") && !text.contains("listening"), "{text}");
    }
}
