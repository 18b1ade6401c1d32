//! The file as it is written: every key that there is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::config::admin::Role;
use crate::config::front::{Account, ExpiryName, PaymentName, PriceText};
use crate::config::secret::SecretRef;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) server: Server,
    pub(super) store: Store,
    pub(super) secrets: Secrets,
    #[serde(default)]
    pub(super) vendor: Vendor,
    #[serde(default)]
    pub(super) admin: Admin,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) clock: Clock,
    #[serde(default)]
    pub(super) product: BTreeMap<String, Product>,
    #[serde(default)]
    pub(super) listing: BTreeMap<String, Listing>,
    #[serde(default)]
    pub(super) account: BTreeMap<String, Account>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    #[serde(default = "default_listen")]
    pub(super) listen: String,
    #[serde(default = "default_admin_listen")]
    pub(super) admin_listen: String,
    #[serde(default)]
    pub(super) admin_public: bool,
    pub(super) public_url: String,
}

fn default_listen() -> String {
    "127.0.0.1:8686".to_owned()
}

pub(super) fn default_admin_listen() -> String {
    "127.0.0.1:8687".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) token: BTreeMap<String, AdminToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminToken {
    pub(super) role: Role,
    pub(super) token: SecretRef,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: String,
    #[serde(default = "default_batch_max")]
    pub(super) batch_max: usize,
}

fn default_batch_max() -> usize {
    1024
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Vendor {
    pub(super) name: Option<String>,
    pub(super) contact: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets {
    pub(super) master_key: SecretRef,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Clock {
    #[serde(rename = "virtual")]
    pub(super) is_virtual: bool,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    pub(super) driver: DriverName,
    #[serde(default)]
    pub(super) dry_run: bool,
    #[serde(default = "default_give_up_after")]
    pub(super) give_up_after: Span,
    pub(super) command: Option<Command>,
    pub(super) webhook: Option<Webhook>,
    pub(super) spi: Option<Spi>,
    pub(super) pool: Option<Pool>,
    pub(super) demo: Option<Demo>,
    #[serde(default)]
    pub(super) plan: BTreeMap<String, Plan>,
}

fn default_give_up_after() -> Span {
    Span(Duration::from_secs(24 * 3600))
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DriverName {
    Demo,
    Command,
    Webhook,
    Pool,
    Manual,
    Spi,
}

impl DriverName {
    /// The name of the driver and of its section.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Command => "command",
            Self::Webhook => "webhook",
            Self::Pool => "pool",
            Self::Manual => "manual",
            Self::Spi => "spi",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub(super) argv: Vec<String>,
    #[serde(default = "default_command_timeout")]
    pub(super) timeout: Span,
    pub(super) directory: Option<PathBuf>,
}

fn default_command_timeout() -> Span {
    Span(Duration::from_secs(300))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: SecretRef,
    #[serde(default = "default_webhook_timeout")]
    pub(super) timeout: Span,
}

fn default_webhook_timeout() -> Span {
    Span(Duration::from_secs(600))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spi {
    pub(super) dialect: String,
    pub(super) url: String,
    pub(super) key: SecretRef,
    pub(super) product_code: Option<String>,
    pub(super) app_id: Option<String>,
    #[serde(default)]
    pub(super) reach: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pool {
    pub(super) stock_low: u64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Demo {
    pub(super) delay: Span,
    pub(super) failure_rate: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    #[serde(default)]
    pub(super) params: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    pub(super) dialect: String,
    pub(super) product: String,
    pub(super) product_code: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) keys: Vec<SecretRef>,
    pub(super) any_plan: Option<String>,
    #[serde(default)]
    pub(super) offer: Vec<Offer>,
    pub(super) reply_within: Option<Span>,
    pub(super) clock_skew: Option<Span>,
    #[serde(default)]
    pub(super) slow: SlowName,
    pub(super) reveal_for: Option<Span>,
    pub(super) silence_after: Option<Span>,
    pub(super) time_zone: Option<String>,
    #[serde(default)]
    pub(super) ends: EndsName,
    pub(super) expiry: Option<ExpiryName>,
    pub(super) grace: Option<Span>,
    pub(super) regions: Option<BTreeMap<String, Vec<String>>>,
    pub(super) payment: Option<PaymentName>,
    pub(super) unpaid_after: Option<Span>,
    #[serde(default)]
    pub(super) formerly: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    pub(super) spec: String,
    pub(super) package: Option<String>,
    pub(super) plan: String,
    pub(super) price: Option<PriceText>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SlowName {
    #[default]
    Hold,
    Wait,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EndsName {
    #[default]
    Exact,
    EndOfDay,
}

/// A stretch of time such as `12s`, `5m` or `7d`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            let message =
                format!("{text:?} is not a time such as \"12s\", \"5m\" or \"7d\": {error}");
            serde::de::Error::custom(message)
        })
    }
}
