//! Automation: `cargo xtask check` is what CI runs, `cargo xtask test` what the README says.
//!
//! It is *not* a build system: every step is a command that could be typed, and is shown.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for people at a terminal says what it does"
)]

mod needs;
mod new_dialect;
mod peers;
mod run;
mod tidy;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::run::{cargo, step};

/// Automation for the Turnkey workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need beyond Rust, run every test, then tidy.
    Test,
    /// Everything that CI checks: format, lints, documentation, tests, tidy.
    Check,
    /// The rules about crates and files that no compiler checks.
    Tidy,
    /// Rewrite the golden files with what the tests see now; review the diff.
    Bless,
    /// Write the skeleton of a dialect: its file and its folder of fixtures.
    NewDialect {
        /// Its name in configuration and commands, such as `aliyun-market`.
        name: String,
    },
}

fn main() -> ExitCode {
    match perform(&Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task) -> Result<()> {
    match task {
        Task::Test => test(),
        Task::Check => check(),
        Task::Tidy => tidy::all(),
        Task::Bless => {
            prepare()?;
            step(every_test().env("BLESS", "1"))
        }
        Task::NewDialect { name } => new_dialect::write(name),
    }
}

/// Everything that the tests need beyond Rust.
fn prepare() -> Result<()> {
    needs::meet()?;
    peers::meet()
}

fn test() -> Result<()> {
    prepare()?;
    step(&mut every_test())?;
    step(cargo("test").args(["--doc", "--workspace"]))?;
    tidy::all()
}

fn check() -> Result<()> {
    step(cargo("fmt").args(["--all", "--check"]))?;
    step(&mut dialects_format()?)?;
    step(cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step(
        cargo("doc")
            .args(["--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    test()
}

/// cargo fmt does not see a file whose `mod` a macro writes, as the registry of dialects does.
fn dialects_format() -> Result<Command> {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024"]);
    let folder = run::root().join(tidy::registry::SOURCES);
    for entry in std::fs::read_dir(folder).context("cannot list the dialects")? {
        let path = entry.context("cannot list the dialects")?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            rustfmt.arg(path);
        }
    }
    rustfmt.current_dir(run::root());
    Ok(rustfmt)
}

/// cargo-nextest runs the binaries side by side; without it the tests are the same, only slower.
fn every_test() -> Command {
    if run::succeeds("cargo", &["nextest", "--version"]) {
        let mut nextest = cargo("nextest");
        nextest.args(["run", "--workspace"]);
        return nextest;
    }
    let mut test = cargo("test");
    test.args(["--workspace", "--all-targets"]);
    test
}
