//! What code of ours and of libraries says with the `tracing` macros, as lines of the log. Keeps no spans and no state;
//! never waits. Source: design §5.

use super::{Level, LogItem, LogSender, wall};
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A `tracing` subscriber that sends lines to the log.
#[derive(Debug)]
pub struct TraceToLog {
    log: LogSender,
    least: Level,
}

impl TraceToLog {
    /// Lines that matter at least as much as `least` go to `log`.
    pub fn new(log: LogSender, least: Level) -> Self {
        Self { log, least }
    }
}

fn level(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warning,
        tracing::Level::INFO => Level::Info,
        _ => Level::Debug,
    }
}

impl Subscriber for TraceToLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level(metadata) <= self.least
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let text = text.message + &text.fields;
        self.log.send(LogItem::Line { at: wall(), level: level(event.metadata()), text });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name if value.contains(' ') => write!(self.fields, " {name}={value:?}"),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::sync::Arc;

    #[test]
    fn what_is_traced_becomes_a_line_and_what_matters_less_does_not() {
        let (items, queue) = bounded(8);
        let log = LogSender { items, shared: Arc::default() };
        tracing::subscriber::with_default(TraceToLog::new(log, Level::Info), || {
            tracing::warn!(socket = 3, name = "a b", "short of {}", "buffers");
            tracing::debug!("unheard");
            let _span = tracing::info_span!("unheard").entered();
        });
        let said: Vec<_> = queue.try_iter().collect();
        let [LogItem::Line { level, text, .. }] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!((*level, text.as_str()), (Level::Warning, "short of buffers socket=3 name=\"a b\""));
    }
}
