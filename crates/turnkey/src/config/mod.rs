//! One file configures everything (design §8): the file, then the environment, then one check.
//!
//! It is *not* allowed to touch the world beyond the files that it names: `turnkey config check`
//! runs exactly this.

mod admin;
mod check;
mod driver;
mod file;
mod front;
mod paths;
pub mod runtime;
mod says;
mod secret;
mod spi;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format as _, Toml};
use secrecy::SecretString;
use turnkey_core::{Ends, Offers, OwnTerms, Slow};
use turnkey_dialects::Dialect;
use turnkey_drivers::{SpiSettings, WebhookSecret};

use crate::words::Said;
pub use admin::{AdminSettings, Role, TokenSettings, token_hash};
pub use check::is_name;
use file::File;
pub use front::{AccountSettings, FrontSettings};
pub use secret::{KeySource, MasterKeySource, environment, locale};

/// The commented starter file that `turnkey init` writes.
pub const STARTER: &str = include_str!("starter.toml");

/// The provisioning program that goes with it.
pub const STARTER_PROGRAM: &str = include_str!("provision.sh");

/// What `turnkey demo` runs on.
const DEMO: &str = include_str!("demo.toml");

/// Whether this is a demonstration: then, and only then, keys may stand in the open and the `demo`
/// driver may deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real orders.
    Serve,
    /// `turnkey demo`.
    Demo,
}

/// A configuration that was checked.
#[derive(Debug)]
pub struct Settings {
    /// Where marketplaces call.
    pub listen: String,
    /// Where the admin API listens, and who may use it.
    pub admin: AdminSettings,
    /// Where buyers find this server.
    pub public_url: String,
    /// Where relative paths begin.
    pub folder: PathBuf,
    /// The database file.
    pub database: PathBuf,
    /// Most jobs in one transaction.
    pub batch_max: usize,
    /// Who sells, as buyers see it.
    pub vendor: VendorSettings,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// How much is logged, and how.
    pub log: LogSettings,
    /// Whether the business clock may be moved by hand.
    pub is_clock_virtual: bool,
    /// What is delivered.
    pub products: Vec<ProductSettings>,
    /// Where it is sold.
    pub listings: Vec<ListingSettings>,
    /// Who buys at a storefront.
    pub accounts: Vec<AccountSettings>,
}

/// Who sells, as buyers see it on the pages of holding links.
#[derive(Clone, Debug, Default)]
pub struct VendorSettings {
    /// The vendor's name.
    pub name: Option<String>,
    /// Where buyers turn to: an address of any kind.
    pub contact: Option<String>,
}

/// How much is logged, and how.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A filter such as `info` or `info,turnkey=debug`.
    pub level: String,
    /// Whether each line is a JSON object.
    pub is_json: bool,
}

/// A product that was checked.
#[derive(Debug)]
pub struct ProductSettings {
    /// Its name.
    pub name: String,
    /// Its plans and what they tell the driver.
    pub plans: Vec<(String, serde_json::Value)>,
    /// Its driver.
    pub driver: DriverSettings,
    /// Whether the driver is asked on dry runs.
    pub dry_run: bool,
    /// How long an operation is retried.
    pub give_up_after: Duration,
}

/// A driver that was checked.
#[derive(Clone, Debug)]
pub enum DriverSettings {
    /// An in-process fake.
    Demo {
        /// How long every ask takes.
        delay: Duration,
        /// The share of asks that fail, 0 to 1.
        failure_rate: f64,
    },
    /// A program.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Where it runs.
        directory: PathBuf,
        /// How long one run may take.
        timeout: Duration,
    },
    /// The vendor's hook.
    Webhook {
        /// Where it is.
        url: String,
        /// What calls are signed with.
        secret: Arc<WebhookSecret>,
        /// How long it may say "not yet".
        timeout: Duration,
    },
    /// A stock of licences or accounts.
    Pool {
        /// With fewer free items than this, somebody should buy more; 0 is never.
        stock_low: u64,
    },
    /// A person.
    Manual,
    /// Another vendor.
    Spi(SpiSettings),
}

/// A listing that was checked.
pub struct ListingSettings {
    /// Its name.
    pub name: String,
    /// What it was called before.
    pub formerly: Vec<String>,
    /// Its protocol.
    pub dialect: &'static dyn Dialect,
    /// The product that it sells.
    pub product: String,
    /// The marketplace's code for it.
    pub product_code: Option<String>,
    /// Where the marketplace calls.
    pub path: String,
    /// The keys: the first signs, all verify.
    pub keys: Vec<KeySettings>,
    /// What can be bought.
    pub offers: Offers,
    /// How long a call may wait for its driver.
    pub reply_within: Duration,
    /// How far a signed time may be off.
    pub clock_skew: Duration,
    /// What a create answers when the driver is slower.
    pub slow: Slow,
    /// How long after delivery a holding link shows its account.
    pub reveal_for: Duration,
    /// After how long without a call somebody should look.
    pub silence_after: Duration,
    /// Where the buyer's days begin.
    pub time_zone: jiff::tz::TimeZone,
    /// When in its last day a term ends.
    pub ends: Ends,
    /// What our own clock does at the end of a term.
    pub own_terms: Option<OwnTerms>,
    /// What makes it a storefront.
    pub front: Option<FrontSettings>,
}

/// A key that was found, and where.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// The key itself.
    pub secret: SecretString,
    /// Where it was found.
    pub source: KeySource,
}

impl fmt::Debug for ListingSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListingSettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Something about the configuration that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it keeps the server from starting.
    pub is_error: bool,
    /// The key that it is about, such as `listing.notes.keys`.
    pub path: String,
    /// The thing, the rule and the remedy.
    pub said: Said,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.said),
            path => write!(f, "{path}: {}", self.said),
        }
    }
}

/// What a check came to.
#[derive(Debug)]
pub struct Checked {
    /// The configuration; there is none when a finding is an error.
    pub settings: Option<Settings>,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

/// Reads the file at `path` and the environment, and checks them.
#[must_use]
pub fn load(path: &Path) -> Checked {
    if !path.is_file() {
        let finding = Finding {
            is_error: true,
            path: String::new(),
            said: says::no_file(path),
        };
        return Checked {
            settings: None,
            findings: vec![finding],
        };
    }
    // A name without a folder is in this one; an empty path would be none.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let figment = with_environment(Figment::new().merge(Toml::file_exact(path)));
    check_figment(&figment, Mode::Serve, &folder)
}

/// The configuration of `turnkey demo`, with its data in `folder`; the rest are its flags.
#[must_use]
pub fn demo(
    folder: &Path,
    overrides: &[(&str, String)],
    failure_rate: Option<(&str, f64)>,
) -> Checked {
    let mut figment = with_environment(Figment::new().merge(Toml::string(DEMO)));
    for (key, value) in overrides {
        figment = figment.merge((*key, value));
    }
    if let Some((key, rate)) = failure_rate {
        figment = figment.merge((key, rate));
    }
    check_figment(&figment, Mode::Demo, folder)
}

/// The configuration in `text`, with relative paths in `folder`: for tests.
#[must_use]
pub fn parse(text: &str, mode: Mode, folder: &Path) -> Checked {
    check_figment(&Figment::new().merge(Toml::string(text)), mode, folder)
}

/// Where the file at `path`, or the environment, says that the admin API listens. Nothing else of
/// it is read: whoever runs the shop need not be able to read its secrets.
#[must_use]
pub fn admin_listen(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let figment = with_environment(Figment::new().merge(Toml::file_exact(path)));
    let said = figment.extract_inner("server.admin_listen");
    Some(said.unwrap_or_else(|_| file::default_admin_listen()))
}

fn with_environment(figment: Figment) -> Figment {
    figment.merge(Env::prefixed("TURNKEY__").split("__"))
}

fn check_figment(figment: &Figment, mode: Mode, folder: &Path) -> Checked {
    match figment.extract::<File>() {
        Ok(file) => check::check(file, mode, folder),
        Err(errors) => {
            let findings = errors.into_iter().map(|error| finding(&error)).collect();
            Checked {
                settings: None,
                findings,
            }
        }
    }
}

/// Puts a reading error into the words of a finding: the key, the rule, and the nearest known key.
fn finding(error: &figment::Error) -> Finding {
    let mut path = error.path.clone();
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last() == Some(field)
    {
        path.pop();
    }
    let path = path.join(".");
    let said = match &error.kind {
        Kind::UnknownField(field, known) => {
            says::key_unknown(field, nearest(field, known.iter().copied()), known)
        }
        Kind::MissingField(field) => says::key_missing(field),
        Kind::UnknownVariant(found, known) => {
            says::value_unknown(found, nearest(found, known.iter().copied()), known)
        }
        Kind::Message(_)
        | Kind::InvalidType(..)
        | Kind::InvalidValue(..)
        | Kind::InvalidLength(..)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => says::value_malformed(error.kind.to_string().trim_end()),
    };
    Finding {
        is_error: true,
        path,
        said,
    }
}

/// The known word that looks most like `word`, when one does.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
