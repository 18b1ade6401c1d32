//! Load over real sockets, quoted as ratios (design §9).
//!
//! ```text
//! requests: sign → load: send, listen → measure: rounds → report: ratios, checks
//!                    │
//!              server: the real `turnkey demo`, a child process on a real disk
//!              preload: a folder with N orders in it, made once through the store's own door
//! ```
//!
//! Every round runs every scenario back to back, so that whatever else the machine does meets all
//! of them; ratios are taken within a round and their median is quoted. It is *not* a test: nothing
//! here runs in the test-suite, and requests per second of one machine say nothing about another.

mod load;
mod measure;
mod openapi;
mod pin;
mod preload;
mod report;
mod requests;
mod scenario;
mod server;
mod stats;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// Measures `turnkey demo`, interleaved, and quotes ratios.
#[derive(Parser)]
#[command(name = "turnkey-bench", version)]
struct Args {
    /// Keep-alive connections; each has one request under way.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds; each runs every scenario once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each scenario runs in each round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also measure stores that hold so many orders already.
    #[arg(long)]
    rows: Option<u64>,
    /// The order keys of those stores.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["ordered", "random"])]
    keys: Vec<Keys>,
    /// Make those stores anew, instead of copying the ones that an earlier run left.
    #[arg(long)]
    fresh_rows: bool,
    /// Measure only these scenarios, and verify.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<scenario::Kind>,
    /// The program to measure, instead of the one beside this.
    #[arg(long)]
    turnkey: Option<PathBuf>,
    /// Keep data in this folder, instead of `bench-data` in the build folder. A real disk, please.
    #[arg(long)]
    data_root: Option<PathBuf>,
    /// Let server and load share all cores, instead of giving each its own.
    #[arg(long)]
    no_pin: bool,
    /// End well even if a figure is not what it should be.
    #[arg(long)]
    no_check: bool,
    /// Print a JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// How order keys follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Keys {
    /// Each greater than the one before.
    Ordered,
    /// As if drawn from a hat.
    Random,
}

impl Keys {
    /// The name, for folders.
    fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Random => "random",
        }
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            note(&format!("turnkey-bench: {error:#}"));
            ExitCode::from(3)
        }
    }
}

/// Measures and reports. Whether every figure is what it should be, or nobody minds.
fn run(args: &Args) -> anyhow::Result<bool> {
    anyhow::ensure!(
        args.connections > 0 && args.rounds > 0 && args.seconds > 0.0,
        "--connections, --rounds and --seconds must be more than nothing"
    );
    let program = program(args.turnkey.as_ref())?;
    let root = data_root(args.data_root.as_ref())?;
    let cores = pin::cores(args.no_pin)?;
    if cores.is_none() {
        note("server and load share the cores: figures are comparable with other such runs only");
    }
    note(&format!("data in {}", root.display()));
    let plan = measure::Plan {
        program,
        root,
        cores,
        connections: args.connections,
        rounds: args.rounds,
        lasting: Duration::from_secs_f64(args.seconds),
        kinds: scenario::chosen(&args.only, args.rows.is_some(), &args.keys),
        rows: args.rows.unwrap_or(0),
        fresh_rows: args.fresh_rows,
    };
    let measured = measure::measure(&plan)?;
    let report = report::Report::new(&plan, &measured);
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        say(&report.tables());
    }
    Ok(args.no_check || report.is_good())
}

/// The program to measure.
fn program(given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let program = match given {
        Some(given) => given.clone(),
        None => std::env::current_exe()
            .context("cannot find this program's own file")?
            .with_file_name("turnkey"),
    };
    anyhow::ensure!(
        program.is_file(),
        "there is no program {}: build it with `cargo build --release -p turnkey`, \
         or name it with --turnkey",
        program.display()
    );
    Ok(program)
}

/// The folder under which all data goes: by default on the disk that the build is on.
fn data_root(given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let root = match given {
        Some(given) => given.clone(),
        None => {
            let own = std::env::current_exe().context("cannot find this program's own file")?;
            let build = own.parent().and_then(|folder| folder.parent());
            build
                .context("this program's file is in no folder")?
                .join("bench-data")
        }
    };
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    Ok(root)
}

/// Prints data.
#[expect(clippy::print_stdout, reason = "data goes to stdout, through here")]
fn say(text: &str) {
    println!("{text}");
}

/// Prints everything else.
#[expect(
    clippy::print_stderr,
    reason = "everything else goes to stderr, through here"
)]
fn note(text: &str) {
    eprintln!("{text}");
}
