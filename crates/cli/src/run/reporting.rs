//! How the hub of a server is put together from its configuration: which workers, the command socket, the names of this start.
//! What cannot be had of it is said and costs only itself: a server without a database still serves. Source: design §5, §6.

use super::outside::{Ear, Hands, ReloadAsked};
use super::{listener_names, state};
use crate::config::{Plan, Runtime};
use crate::limits::{HEARD_SLOTS, RELOAD_SLOTS};
use crossbeam_channel::{Receiver, bounded};
use ragchew_core::Seed;
use ragchew_core::report::Numbered;
use ragchew_offload::desk::Desk;
use ragchew_offload::hub::{Boot, Ears, Ground, Hub, HubPlan, WorkerPlan};
use ragchew_offload::log::{Level, LogSender};
use ragchew_offload::supervise::Role;
use ragchew_offload::worker::{SqlSettings, Workshop};
use ragchew_transport::{Handle, clock};
use std::io;
use std::path::Path;

/// The word after which this program works as a worker.
pub(crate) const WORKER: &str = "worker";

/// The keeper's ends of its channels with the hub.
pub(super) struct Keeping {
    /// What operators ask for.
    pub(super) asked: Receiver<ReloadAsked>,
    /// What comes of it.
    pub(super) ear: Ear,
}

/// What the hub is made of, before the reactor is there.
pub(super) struct Prepared {
    plan: HubPlan,
}

/// Looks for everything that the hub needs. Nothing is started.
///
/// # Errors
/// The system gives no random number.
pub(super) fn prepare(plan: &Plan, state: Option<&Path>, log: &LogSender) -> io::Result<Prepared> {
    let state = state.filter(|state| match state::make(state) {
        Ok(()) => true,
        Err(error) => {
            let line = format!("the state directory {} cannot be used: {error}", state.display());
            log.line(Level::Error, format!("{line}; there is no command socket, and records are kept in memory only"));
            false
        }
    });
    let boot = Boot { id: boot_id()?, server_id: plan.config.server.id.map_or(0, |id| id.0) };
    let plan = HubPlan {
        boot,
        name: plan.config.server.name.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workers: workers(&plan.runtime, state),
        numbers: plan.runtime.supervision,
        workshop: workshop(),
        listeners: listener_names(&plan.config),
        desk: desk(&plan.runtime, state, log),
    };
    Ok(Prepared { plan })
}

/// How workers of this program are made.
pub(crate) fn workshop() -> Workshop {
    Workshop { make: ragchew_offload::worker::make, word: WORKER }
}

fn workers(runtime: &Runtime, state: Option<&Path>) -> Vec<WorkerPlan> {
    let sql = runtime.reporting.sql.iter().map(|sql| {
        let in_memory = || SqlSettings { file: None, keep_days: sql.keep_days, views: sql.views.clone() };
        let mut settings = state.map_or_else(in_memory, |state| sql.settings(state));
        // A process works in another directory than the server. What has no absolute form is no path, and the worker says so.
        settings.file = settings.file.map(|file| std::path::absolute(&file).unwrap_or(file));
        WorkerPlan { role: Role::Sql, placement: sql.placement, memory: sql.memory, sql: settings }
    });
    sql.collect()
}

fn desk(runtime: &Runtime, state: Option<&Path>, log: &LogSender) -> Option<Desk> {
    let path = runtime.control.path(state?)?;
    match Desk::open(&path, runtime.control.mode) {
        Ok(desk) => Some(desk),
        Err(error) => {
            log.line(
                Level::Error,
                format!("no command socket at {}: {error}; `ragchew ctl` cannot be used", path.display()),
            );
            None
        }
    }
}

fn boot_id() -> io::Result<String> {
    let Seed::Key(key) = clock::seed()? else { return Err(io::Error::other("no key")) };
    Ok(key.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

impl Prepared {
    /// The hub, now that the reactor is there, and what the keeper needs to hear of it.
    ///
    /// # Errors
    /// The system gives no poll.
    pub(super) fn join(
        self,
        ground: Ground,
        events: Receiver<Numbered>,
        lines: Receiver<String>,
        reactor: Handle,
        log: LogSender,
    ) -> io::Result<(Hub, Keeping)> {
        let (ask, asked) = bounded(RELOAD_SLOTS);
        let (tell, told) = bounded(HEARD_SLOTS);
        let ear = Ear::new(tell, ground.bell());
        let outside = Box::new(Hands::new(reactor, ask, told));
        let hub = Hub::new(ground, self.plan, Ears { events, lines, outside }, log)?;
        Ok((hub, Keeping { asked, ear }))
    }
}
