//! What is logged, for tests that look for a line.

use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The lines that this thread logs while the guard lives.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Line>>>);

/// One line: its level, and its fields as text, `message` among them.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    fields: Vec<(&'static str, String)>,
}

impl Log {
    /// Begins to listen.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// The lines that have the field `name`, with its value.
    pub(crate) fn with(&self, name: &str) -> Vec<(Line, String)> {
        let lines = self.0.lock().unwrap();
        let own = lines.iter().filter_map(|line| {
            let value = line.field(name)?.to_owned();
            Some((line.clone(), value))
        });
        own.collect()
    }
}

impl Line {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut own = self.fields.iter();
        own.find(|(own, _)| *own == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.push((field.name(), format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), value.to_owned()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            fields: Vec::new(),
        };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
