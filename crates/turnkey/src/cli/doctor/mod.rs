//! `turnkey doctor`: what is wrong between the marketplace and this machine.
//!
//! ```text
//! files ──── the store and what seals it: whose, readable by whom, its newest time
//! doors ──── who listens where Turnkey should
//! passage ── what comes through `public_url`: a clock to compare with, and signed test calls,
//!            each beside the same bytes sent to the door itself
//! ```
//!
//! It changes nothing: the test calls store no order, and every request has a time limit.

mod doors;
mod files;
mod passage;
mod says;

use std::path::PathBuf;

use serde_json::json;

use crate::cli::config_check::spoken;
use crate::cli::serve::runtime;
use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, say};
use crate::config::{self, Checked, Finding, Settings};
use crate::words::Said;
use says::Told;

#[derive(clap::Args)]
pub(super) struct Doctor {
    /// The configuration file.
    #[arg(long, short, default_value = "turnkey.toml")]
    config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Default)]
struct Report(Vec<Entry>);

enum Entry {
    /// A person should know.
    Found(Finding),
    /// It was looked at and is well.
    Well(&'static str, Told),
    /// It could not be looked at, and that may be as it should.
    Unseen(&'static str, Told),
}

impl Report {
    fn error(&mut self, path: impl Into<String>, said: Said) {
        self.found(true, path.into(), said);
    }

    fn warn(&mut self, path: impl Into<String>, said: Said) {
        self.found(false, path.into(), said);
    }

    fn found(&mut self, is_error: bool, path: String, said: Said) {
        self.0.push(Entry::Found(Finding {
            is_error,
            path,
            said,
        }));
    }

    fn well(&mut self, path: &'static str, told: Told) {
        self.0.push(Entry::Well(path, told));
    }

    fn unseen(&mut self, path: &'static str, told: Told) {
        self.0.push(Entry::Unseen(path, told));
    }

    fn is_good(&self) -> bool {
        self.0.iter().all(|entry| match entry {
            Entry::Found(finding) => !finding.is_error,
            Entry::Well(..) | Entry::Unseen(..) => true,
        })
    }
}

impl Doctor {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let Checked { settings, findings } = config::load(&self.config);
        let mut report = Report(findings.into_iter().map(Entry::Found).collect());
        if let Some(settings) = &settings {
            runtime()?.block_on(examine(settings, &mut report))?;
        }
        if self.json {
            let findings: Vec<_> = report.0.iter().map(|entry| as_json(entry, lang)).collect();
            say(&json!({ "ok": report.is_good(), "findings": findings }).to_string());
        } else {
            for entry in &report.0 {
                say(&line(entry, lang));
            }
        }
        Ok(match report.is_good() {
            true => Exit::Good,
            false => Exit::Problems,
        })
    }
}

async fn examine(settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    let is_store_in_use = files::look(settings, report);
    let runs = doors::look(settings, is_store_in_use, report).await?;
    passage::look(settings, runs, report).await
}

fn line(entry: &Entry, lang: Lang) -> String {
    let (level, path, told) = match entry {
        Entry::Found(finding) => return shown(&spoken(finding, lang)),
        Entry::Well(path, told) => (lang.pick("ok    ", "正常 "), path, told),
        Entry::Unseen(path, told) => (lang.pick("note  ", "说明 "), path, told),
    };
    let between = lang.pick(": ", "：");
    shown(&format!("{level} {path}{between}{}", told.words(lang)))
}

/// Fit for a terminal: some of it was said by whoever answers. What a configuration's reader says
/// has lines.
fn shown(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(escaped).collect();
    lines.join("\n")
}

fn as_json(entry: &Entry, lang: Lang) -> serde_json::Value {
    let (level, code, path, message) = match entry {
        Entry::Found(Finding {
            is_error,
            path,
            said,
        }) => {
            let level = if *is_error { "error" } else { "warning" };
            (level, Some(said.code), path.as_str(), said.words(lang))
        }
        Entry::Well(path, told) => ("ok", None, *path, told.words(lang)),
        Entry::Unseen(path, told) => ("note", None, *path, told.words(lang)),
    };
    json!({ "level": level, "code": code, "path": path, "message": message })
}
