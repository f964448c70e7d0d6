//! Events as lines, where there is no live view. Owns the names that lines need; the lines are those of the log.
//! Source: design §7 (`demo`, `top`).

use ragchew_core::id::ListenerId;
use ragchew_core::report::ReportEvent;
use ragchew_offload::log::{Format, Names, render};

/// Makes lines of events.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    names: Names,
}

impl Lines {
    /// The listener of this number has this name.
    pub(crate) fn name(&mut self, listener: ListenerId, name: String) {
        self.names.set_listeners([(listener, name)]);
    }

    /// The line of an event; none of one that is told once more.
    pub(crate) fn line(&mut self, event: &ReportEvent) -> Option<String> {
        self.names.learn(event);
        let line = render(event, &self.names, Format::Text);
        self.names.forget(event);
        line
    }
}
