//! What the server says of itself, as lines of the log. Owns the sentences; each names what was lost and what cures it.
//! Source: design §5, R-218.

use crate::event::{Health, QueueName};
use crate::log::Level;
use crate::supervise::{Ending, State};
use ragchew_core::report::Class;

/// The line of a health event.
pub(crate) fn line(health: &Health) -> (Level, String) {
    match health {
        Health::ServerStarted { version } => (Level::Info, format!("(REPORT) Ragchew {version} serves")),
        Health::ServerStopping => (Level::Info, "(REPORT) the server is about to stop".to_owned()),
        Health::QueuePressure { queue, class } => {
            let what = match class {
                Class::Sample => "samples are left out",
                Class::State => "samples are left out and states put off until there is room",
                Class::Edge => "even calls are not recorded any more",
            };
            (
                Level::Warning,
                format!("(REPORT) the queue {} is filling up: {what}; calls are not touched", name(*queue)),
            )
        }
        Health::QueueRecovered { queue, refused: [samples, states, edges] } => (
            Level::Info,
            format!(
                "(REPORT) the queue {} has room again; left out: {samples} samples, {edges} begins and ends of calls; \
                 put off: {states} states",
                name(*queue)
            ),
        ),
        Health::EventsLost { queue, count } => {
            (Level::Warning, format!("(REPORT) {count} events were lost on the way {}", name(*queue)))
        }
        Health::Resynced { queue } => (Level::Info, format!("(REPORT) what is now was told again {}", name(*queue))),
        Health::WorkerState { worker, state, incarnation, ending } => {
            let level = match state {
                State::Unhealthy | State::Failed => Level::Warning,
                State::Broken => Level::Error,
                _ => Level::Info,
            };
            let how = ending.map(|ending| format!(" ({})", ended(ending))).unwrap_or_default();
            let cure = match state {
                State::Broken => {
                    format!("; it stays down until `ragchew ctl workers start {worker}`: {}", worker.loss())
                }
                State::Failed => format!("; it is started again: meanwhile {}", worker.loss()),
                _ => String::new(),
            };
            (level, format!("(REPORT) the worker {worker} #{incarnation} is {}{how}{cure}", state.name()))
        }
        Health::WorkerTrouble { worker, trouble } => {
            (Level::Error, format!("(REPORT) {worker}: {}; {}", trouble.text(), trouble.cure()))
        }
        Health::WorkerWell { worker, trouble } => {
            (Level::Info, format!("(REPORT) {worker}: no more so: {}", trouble.text()))
        }
    }
}

fn name(queue: QueueName) -> String {
    match queue {
        QueueName::Reactor => "from the reactor to the hub".to_owned(),
        QueueName::Worker(worker) => format!("from the hub to the worker {worker}"),
    }
}

/// How a worker ended, for people.
pub(crate) fn ended(ending: Ending) -> String {
    match ending {
        Ending::Exit(0) => "it ended in order".to_owned(),
        Ending::Exit(code) => format!("it ended with code {code}"),
        Ending::Signal(signal) => format!("it was ended by signal {signal}"),
        Ending::Killed => "it did not end in time and was killed".to_owned(),
        Ending::Panic => "it panicked; this is a fault of the program".to_owned(),
        Ending::NoStart(errno) => {
            format!("it could not be started: {}", std::io::Error::from_raw_os_error(errno))
        }
        Ending::Garbage => "it said something that this version does not understand".to_owned(),
    }
}
