//! Structured logs, to stderr: data belongs on stdout.
//!
//! No secret comes here. Nouns that hold one redact themselves, queries and bodies are never
//! logged, and of the libraries below only warnings are heard: their debug lines quote requests.

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

/// Sends this process's logs to stderr, as `settings` say.
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
    } else {
        lines.init();
    }
    Ok(())
}
