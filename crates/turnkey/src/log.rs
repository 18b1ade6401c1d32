//! Structured logs, to stderr: data belongs on stdout.
//!
//! No secret comes here. Nouns that hold one redact themselves, queries and bodies are never
//! logged, and of the libraries below only warnings are heard: their debug lines quote requests. A
//! panic is logged by its place, never by its words: they may quote what somebody sent.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

use crate::config::LogSettings;
use crate::words::start;

/// Crates of ours: the level that is configured is theirs.
const OURS: [&str; 5] = [
    "turnkey",
    "turnkey_engine",
    "turnkey_store",
    "turnkey_drivers",
    "turnkey_dialects",
];

/// Sends this process's logs to stderr, as `settings` say; panics are logged from now on.
///
/// # Errors
/// When the level is none.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let level = &settings.level;
    let ours = OURS.map(|name| format!("{name}={level}")).join(",");
    let filter =
        EnvFilter::try_new(format!("warn,{ours}")).map_err(|_| start::log_level_unknown(level))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if settings.is_json {
        lines.json().init();
    } else if std::io::stderr().is_terminal() {
        // Whether in colours, `NO_COLOR` says.
        lines.init();
    } else {
        lines.with_ansi(false).init();
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Without the payload, whatever it is. A backtrace names functions and lines, and is there where
/// `RUST_BACKTRACE` asks for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        code = "bug",
        thread,
        backtrace = backtrace.as_ref().map(tracing::field::display),
        "a rule of ours is broken: a panic at {place}"
    );
}
