//! The rules that no compiler checks. A failure says the rule and the fix.
//!
//! ```text
//! arrows ─────── which crate may use which            cargo metadata
//! dependencies ─ each has a row and a user            Cargo.toml, docs/dependencies.md
//! registry ───── a dialect is a word, file and folder the dialects crate
//! text ───────── what no file may say                 every file that git knows or would take
//! words ──────── a code has a row and a page          the sources, docs/errors
//! ```

mod arrows;
mod dependencies;
pub(crate) mod registry;
mod text;
mod words;

use std::fmt;

use anyhow::{Context as _, Result, ensure};

use crate::run::{output, root};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Broken {
    /// Where: a file with its line, or a crate.
    place: String,
    /// Which rule.
    rule: String,
    /// What to do about it.
    fix: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  fix: {}", self.place, self.rule, self.fix)
    }
}

/// One file of the repository.
struct File {
    /// Its path from the root, with `/`.
    path: String,
    /// What it says.
    text: String,
}

/// Checks every rule.
pub(crate) fn all() -> Result<()> {
    println!("\n$ cargo xtask tidy");
    let files = files()?;
    let crates = arrows::crates()?;
    let mut broken = arrows::check(&crates);
    broken.extend(dependencies::check(&files, &crates));
    broken.extend(text::check(&files));
    broken.extend(registry::check(&files));
    broken.extend(words::check(&files));
    for broken in &broken {
        eprintln!("{broken}\n");
    }
    ensure!(
        broken.is_empty(),
        "tidy found {} broken rules",
        broken.len()
    );
    println!("tidy: {} files, every rule holds", files.len());
    Ok(())
}

/// Every text file that git knows, or would take.
fn files() -> Result<Vec<File>> {
    let listed = output(
        "git",
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    )
    .context("tidy asks git which files there are")?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A file that is deleted but not yet committed is none, and binary files say nothing.
        let Ok(bytes) = std::fs::read(root().join(path)) else {
            continue;
        };
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        files.push(File {
            path: path.to_owned(),
            text,
        });
    }
    Ok(files)
}
