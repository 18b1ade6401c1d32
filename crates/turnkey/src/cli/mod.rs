//! The command line. Data goes to stdout, everything else to stderr; the exit code is decided
//! here.

mod account;
mod admin_client;
mod buy;
mod calls;
mod check;
mod clock;
mod config_check;
mod demo;
mod doctor;
mod event;
mod explain;
mod init;
mod instance;
mod lang;
mod list;
mod listing;
mod operation;
mod order;
mod product;
mod purchase;
mod replay;
mod secret;
mod serve;
mod signing;
mod stock;
mod sweeper;
pub(crate) mod terminal;
mod trigger;
mod why;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};

use crate::words::Said;
pub use lang::Lang;

/// How a command ended: the exit codes of design §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Good.
    Good,
    /// It found problems.
    Problems,
    /// It was used wrongly.
    Usage,
    /// It was refused.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::from(0),
            Exit::Problems => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Refused => Self::from(3),
        }
    }
}

/// Turns paid cloud-marketplace orders into running instances: exactly one each.
#[derive(Parser)]
#[command(name = "turnkey", version, after_help = "Begin with: turnkey demo")]
struct Cli {
    /// Speak English or Chinese; the locale decides unless this does.
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it out: no configuration, no account, data in a temporary folder.
    Demo(demo::Demo),
    /// Write a commented starter file, and a program for it to run.
    Init(init::Init),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Take orders: the server.
    Serve(WithConfig),
    /// Find what is wrong between the marketplace and this machine.
    Doctor(doctor::Doctor),
    /// Be the marketplace: its overture, its signature, its time limit, its retries.
    Trigger(trigger::Trigger),
    /// Check anybody's endpoint against what a marketplace asks of it.
    Check(check::Check),
    /// Be a buyer: order instances at a storefront, and wait until they run.
    Buy(buy::Buy),
    /// Move the clock that terms are counted on: a year in a moment.
    Clock(clock::Clock),
    /// Run the shop: what was bought.
    Purchase(purchase::Purchase),
    /// Run the shop: paid things to do.
    Order(order::Order),
    /// Run the shop: what buyers got.
    Instance(instance::Instance),
    /// Run the shop: work that is left to do.
    Operation(operation::Operation),
    /// Run the shop: what a person may want to know of.
    Event(event::Event),
    /// Run the shop: what is sold where.
    Listing(listing::Listing),
    /// Run the shop: what is delivered.
    Product(product::Product),
    /// Run the shop: who may buy at the storefronts.
    Account(account::Account),
    /// Run the shop: which keys there are, and when each was last used.
    Secret(secret::Secret),
    /// Run the shop: what the pool driver hands out.
    Stock(stock::Stock),
    /// Run the shop: whether our own clock removes what is over.
    Sweeper(sweeper::Sweeper),
    /// Look at real traffic: what was asked and how it was answered.
    Calls(calls::Calls),
    /// Send a call that came in once more, as it was or newly signed.
    Replay(replay::Replay),
    /// Say why a signature does not match, and which known mistake makes it.
    Explain(Box<explain::Explain>),
    /// Say what a code means, who must act, and what to do.
    Why(why::Why),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Say what is wrong with it; touches nothing outside.
    Check(config_check::ConfigCheck),
}

#[derive(clap::Args)]
struct WithConfig {
    /// The configuration file.
    #[arg(long, short, default_value = "turnkey.toml")]
    config: PathBuf,
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    // Clap prints its own words, and exits with 2 where the arguments are wrong.
    let cli = Cli::parse();
    let lang = cli.lang.unwrap_or_else(Lang::of_locale);
    let ended = match cli.command {
        Command::Demo(demo) => demo.run(lang),
        Command::Init(init) => init.run(lang),
        Command::Config(ConfigCommand::Check(check)) => check.run(lang),
        Command::Serve(with) => serve::run(&with.config, lang),
        Command::Doctor(doctor) => doctor.run(lang),
        Command::Trigger(trigger) => trigger.run(lang),
        Command::Check(check) => check.run(lang),
        Command::Buy(buy) => buy.run(lang),
        Command::Clock(clock) => clock.run(lang),
        Command::Purchase(purchase) => purchase.run(lang),
        Command::Order(order) => order.run(lang),
        Command::Instance(instance) => instance.run(lang),
        Command::Operation(operation) => operation.run(lang),
        Command::Event(event) => event.run(lang),
        Command::Listing(listing) => listing.run(lang),
        Command::Product(product) => product.run(lang),
        Command::Secret(secret) => secret.run(lang),
        Command::Calls(calls) => calls.run(lang),
        Command::Replay(replay) => replay.run(lang),
        Command::Explain(explain) => explain.run(lang),
        Command::Why(why) => Ok(why.run(lang)),
        Command::Account(account) => account.run(lang),
        Command::Stock(stock) => stock.run(lang),
        Command::Sweeper(sweeper) => sweeper.run(lang),
    };
    let exit = ended.unwrap_or_else(|error| {
        told_why(&error, lang);
        Exit::Refused
    });
    // Who got half of an answer must not take it for the whole.
    let is_heard = !IS_UNHEARD.load(Ordering::Relaxed);
    let exit = if is_heard { exit } else { Exit::Refused };
    exit.into()
}

/// Tells why what was typed cannot be done: it names what there is not, or what is malformed.
fn misused(error: &anyhow::Error, lang: Lang) -> Exit {
    told_why(error, lang);
    Exit::Usage
}

fn told_why(error: &anyhow::Error, lang: Lang) {
    complain(&format!("turnkey: {}", why(error, lang)));
    if let Some(said) = error.downcast_ref::<Said>() {
        let next = lang.pick("what to do: turnkey why", "怎么办：turnkey why");
        complain(&format!("{next} {}", said.code));
    }
}

/// Why a command could not go on: what was being done, in `lang` and with its code where it has
/// one, then what the world said to it.
fn why(error: &anyhow::Error, lang: Lang) -> String {
    let Some(said) = error.downcast_ref::<Said>() else {
        return format!("{error:#}");
    };
    let colon = lang.pick(": ", "：");
    let causes = error.chain().skip(1).map(|cause| format!("{colon}{cause}"));
    let causes: String = causes.collect();
    format!("{}{causes} [{}]", said.words(lang), said.code)
}

/// Whether something that was printed went nowhere, since a disk was full for example.
static IS_UNHEARD: AtomicBool = AtomicBool::new(false);

/// Prints data.
fn say(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
        && !IS_UNHEARD.swap(true, Ordering::Relaxed)
    {
        complain(&format!("turnkey: stdout: {error}"));
    }
}

/// Prints everything else. Where nobody reads that, there is nobody left to tell.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
