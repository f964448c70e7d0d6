//! The keeper thread: reads the configuration again when asked, tells what happened to the reactor, and frees what it no
//! longer needs. A reload opens new sockets first; any refusal before the reactor took it over leaves all as it was.
//! Source: design §5 (keeper), §6 (reload).

use super::{Origin, listener_names, log_findings, sockets};
use crate::config::{Numbers, Plan, Runtime, Severity, Socket};
use crossbeam_channel::{Receiver, never, select};
use ragchew_core::config::Config;
use ragchew_core::net::SocketId;
use ragchew_offload::log::{Level, LogItem, LogSender};
use ragchew_transport::{BoundSocket, Command, Counters, Handle, Notice};
use std::collections::BTreeSet;
use std::fmt::Write;

pub(super) struct Keeper {
    origin: Origin,
    numbers: Numbers,
    open: BTreeSet<SocketId>,
    runtime: Runtime,
    handle: Handle,
    log: LogSender,
    /// What the reactor was asked to take over and has not answered yet.
    pending: Option<Pending>,
    /// Another reload was asked for meanwhile.
    again: bool,
}

struct Pending {
    numbers: Numbers,
    open: BTreeSet<SocketId>,
}

impl Keeper {
    pub(super) fn new(
        origin: Origin,
        numbers: Numbers,
        open: BTreeSet<SocketId>,
        runtime: Runtime,
        handle: Handle,
        log: LogSender,
    ) -> Self {
        Self { origin, numbers, open, runtime, handle, log, pending: None, again: false }
    }

    /// Works until the reactor is gone.
    pub(super) fn run(mut self, notices: &Receiver<Notice>, retired: &Receiver<Box<Config>>) {
        let (closed, mut retired) = (never(), retired);
        loop {
            select! {
                recv(notices) -> notice => match notice {
                    Ok(notice) => self.heed(notice),
                    Err(_) => return,
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
            Notice::ReloadRequested => self.reload(),
            Notice::Replaced => {
                if let Some(Pending { numbers, open }) = self.pending.take() {
                    (self.numbers, self.open) = (numbers, open);
                }
                self.log.line(Level::Info, "the configuration was reloaded");
                self.reload_again();
            }
            Notice::ReplaceRefused(error) => {
                self.pending = None;
                self.refuse(&format!("new sockets cannot be taken over: {error}"));
                self.reload_again();
            }
            Notice::DrainStarted => self.log.line(Level::Info, "stopping: calls are ended and clients told"),
            Notice::DrainCutShort(why) => self.log.line(Level::Warning, format!("stopped before all was said: {why}")),
            Notice::RecordingEnded(error) => {
                self.log.line(Level::Error, format!("the recording was ended, everything else goes on: {error}"));
            }
            Notice::Counters(counters) => say_counters(&self.log, &counters),
        }
    }

    fn reload_again(&mut self) {
        if std::mem::take(&mut self.again) {
            self.reload();
        }
    }

    fn refuse(&self, why: &str) {
        self.log.line(Level::Error, format!("{why}; nothing was changed"));
    }

    fn reload(&mut self) {
        let mut numbers = self.numbers.clone();
        let (source, read, _) = self.origin.read(&mut numbers);
        let plan = match read {
            Ok(plan) => plan,
            Err(findings) => {
                log_findings(&self.log, &source, &findings);
                let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
                return self.refuse(&format!("{source} has {errors} errors"));
            }
        };
        log_findings(&self.log, &source, &plan.warnings);
        if plan.runtime != self.runtime {
            self.log.line(Level::Warning, format!("{source}: what changed in runtime takes effect at the next start"));
        }
        if let Err(lines) = self.replace(plan, numbers) {
            for line in lines {
                self.log.line(Level::Error, line);
            }
            self.refuse(&format!("{source} cannot be put in force"));
        }
    }

    /// Opens what is new and asks the reactor to take it over.
    fn replace(&mut self, plan: Plan, numbers: Numbers) -> Result<(), Vec<String>> {
        let (new, close) = difference(&self.open, &plan.sockets);
        // Sockets keep the sizes that the process began with.
        let settings = sockets::settings(&self.runtime);
        let (bound, missing) = sockets::open(new, &settings).map_err(|mut lines| {
            lines.push("an address that this server itself still holds is free only after a restart".to_owned());
            lines
        })?;
        for line in missing {
            self.log.line(Level::Warning, line);
        }
        sockets::say_open(&self.log, &plan.config, &bound);
        self.log.send(LogItem::Listeners(listener_names(&plan.config)));
        let kept = self.open.iter().copied().filter(|id| !close.contains(id));
        let open = kept.chain(bound.iter().map(BoundSocket::id)).collect();
        let command = Command::Replace { config: Box::new(plan.config), open: bound, close };
        self.handle.send(command).map_err(|_| vec!["the server is busy with other commands".to_owned()])?;
        self.pending = Some(Pending { numbers, open });
        Ok(())
    }
}

/// Which sockets of `wanted` are not open, and which open ones are not wanted.
fn difference<'s>(open: &BTreeSet<SocketId>, wanted: &'s [Socket]) -> (Vec<&'s Socket>, Vec<SocketId>) {
    let new = wanted.iter().filter(|socket| !open.contains(&socket.id)).collect();
    let close = open.iter().copied().filter(|id| wanted.iter().all(|socket| socket.id != *id)).collect();
    (new, close)
}

/// Says what the transport counted, in one line.
pub(super) fn say_counters(log: &LogSender, counters: &Counters) {
    log.line(Level::Info, counters_line(counters));
}

fn counters_line(counters: &Counters) -> String {
    let total = &counters.total;
    let mut line = format!("counters received={} sent={}", total.received, total.sent);
    let rest = [
        ("too_long", total.too_long),
        ("bad_source", total.bad_source),
        ("kernel_drops", total.kernel_drops),
        ("refused_control", total.refused_control),
        ("dropped_old_voice", total.dropped_old_voice),
        ("dropped_full_voice", total.dropped_full_voice),
        ("receive_errors", total.receive_errors.total()),
        ("send_errors", total.send_errors.total()),
        ("unroutable", counters.unroutable),
        ("events_lost", counters.events_lost),
        ("notices_lost", counters.notices_lost),
    ];
    for (name, count) in rest.into_iter().filter(|&(_, count)| count > 0) {
        let _ = write!(line, " {name}={count}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_opens_only_what_is_new_and_closes_only_what_is_gone() {
        let socket = |id| Socket { id: SocketId(id), address: ([127, 0, 0, 1], id).into(), optional: false };
        let wanted = [socket(1), socket(2)];
        let (new, close) = difference(&[SocketId(0), SocketId(1)].into(), &wanted);
        assert_eq!((new, close), (vec![&wanted[1]], vec![SocketId(0)]));
    }

    #[test]
    fn counters_are_one_line_that_leaves_out_what_did_not_happen() {
        let mut counters = Counters { events_lost: 4, ..Counters::default() };
        (counters.total.received, counters.total.sent, counters.total.too_long) = (3, 2, 1);
        assert_eq!(counters_line(&counters), "counters received=3 sent=2 too_long=1 events_lost=4");
    }
}
