//! `turnkey check`: a report on how far anybody's endpoint does what a marketplace asks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use turnkey_core::UtcMillis;
use turnkey_dialects::Dialect;
use turnkey_engine::SystemClock;

use crate::check::{BuyerAt, Limits, Plan, checks, dialects, html, junit, run_until};
use crate::cli::serve::runtime;
use crate::cli::signing::{DEMO_ACCOUNT, Source, demo_key, tell_keyless};
use crate::cli::{Exit, Lang, complain, misused, say};
use crate::words::start;

/// A key that no vendor has.
const STRANGERS_KEY: &str = "turnkey-check-strangers-key";

#[derive(clap::Args)]
pub(super) struct Check {
    /// The notification URL, with its own query where it has one.
    url: String,
    /// The protocol, such as qingcloud-market.
    #[arg(long)]
    dialect: String,
    /// The key that signs. Anybody who lists processes reads it: prefer the other three.
    #[arg(long, group = "signing")]
    key: Option<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", group = "signing")]
    key_env: Option<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE", group = "signing")]
    key_file: Option<PathBuf>,
    /// The notification URL of another product of the same vendor, which must not know our instances.
    #[arg(long, value_name = "URL", requires = "others")]
    other_url: Option<String>,
    /// The key of another product, which must not sign here.
    #[arg(long, group = "others")]
    other_key: Option<String>,
    /// The environment variable that holds the other key.
    #[arg(long, value_name = "NAME", group = "others")]
    other_key_env: Option<String>,
    /// The file that holds the other key.
    #[arg(long, value_name = "FILE", group = "others")]
    other_key_file: Option<PathBuf>,
    /// The product's code (product_code, app_id), as the vendor expects it.
    #[arg(long, value_name = "CODE")]
    product_code: Option<String>,
    /// Where a buyer calls: the access key of its account; its secret is the key.
    #[arg(long, default_value = DEMO_ACCOUNT.0)]
    ak: String,
    /// Where a buyer calls: the region.
    #[arg(long, default_value = "cn-north-1")]
    region: String,
    /// The specification to buy: one that is sold there; by default one of `turnkey demo`.
    #[arg(long)]
    spec: Option<String>,
    /// The package to buy: one that is sold there.
    #[arg(long, default_value = "套餐")]
    package: String,
    /// Set a parameter of every call, by its name on the wire; the signature covers it.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::trigger::name_and_value)]
    set: Vec<(String, String)>,
    /// Make instances and remove them again: without it, only calls that change nothing.
    #[arg(long)]
    allow_live: bool,
    /// Only this check, such as QM-07; may be given more than once.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Decides the ids of orders; by default new ones.
    #[arg(long)]
    seed: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Write the report as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as a page that needs nothing else, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Ends on Ctrl-C: what was made is still to be removed.
async fn told_to_stop(is_stopped: &AtomicBool, lang: Lang) {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    is_stopped.store(true, Ordering::Relaxed);
    complain(lang.pick(
        "stopping: what was made is removed first; Ctrl-C once more leaves it there",
        "正在中止：先删除已创建的实例；再按一次 Ctrl-C 则不删除",
    ));
}

/// Ends on a Ctrl-C that comes while what was made is removed.
async fn told_to_give_up(lang: Lang) {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    complain(lang.pick(
        "giving up: what is still there is listed",
        "不再删除：列出还在的实例",
    ));
}

impl Check {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let plan = match self.plan(lang) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Ok(Exit::Usage),
            Err(error) => return Ok(misused(&error, lang)),
        };
        let is_stopped = AtomicBool::new(false);
        let (stop, give_up) = (told_to_stop(&is_stopped, lang), told_to_give_up(lang));
        let report = runtime()?.block_on(run_until(plan, stop, give_up))?;
        if self.json {
            say(&report.as_json(lang).to_string());
        } else {
            say(&report.as_text(lang));
        }
        let pages = [
            (&self.junit, junit(&report, lang)),
            (&self.html, html(&report, lang)),
        ];
        for (file, page) in pages {
            if let Some(file) = file {
                std::fs::write(file, page?).with_context(|| start::cannot_write(file))?;
            }
        }
        if !report.is_reachable {
            return Ok(Exit::Refused);
        }
        Ok(if report.is_good() && !is_stopped.load(Ordering::Relaxed) {
            Exit::Good
        } else {
            Exit::Problems
        })
    }

    /// What to do, or `None` where it was asked for wrongly.
    fn plan(&self, lang: Lang) -> anyhow::Result<Option<Plan>> {
        let known = checks(&self.dialect);
        let dialect = turnkey_dialects::find(&self.dialect).filter(|_| !known.is_empty());
        let Some(dialect) = dialect else {
            let names: Vec<_> = dialects().map(|dialect| dialect.card().name).collect();
            let names = names.join(", ");
            complain(&match lang {
                Lang::En => format!("--dialect: there are checks for {names}"),
                Lang::Zh => format!("--dialect：可以检查 {names}"),
            });
            return Ok(None);
        };
        let is_known = |id: &&String| known.iter().any(|check| check.id.eq_ignore_ascii_case(id));
        if let Some(id) = self.only.iter().find(|id| !is_known(id)) {
            let id = crate::cli::terminal::escaped(id);
            complain(&match lang {
                Lang::En => format!("--only: {} has no check {id}", self.dialect),
                Lang::Zh => format!("--only：{} 没有检查 {id}", self.dialect),
            });
            return Ok(None);
        }
        let is_web = url::Url::parse(&self.url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_web {
            complain(lang.pick(
                "the URL must begin with http:// or https://",
                "URL 必须以 http:// 或 https:// 开头",
            ));
            return Ok(None);
        }
        let is_storefront = dialect.card().root.is_some();
        let has_more =
            url::Url::parse(&self.url).is_ok_and(|url| url.path() != "/" || url.query().is_some());
        if is_storefront && has_more {
            complain(lang.pick(
                "the URL of a storefront is its server alone, such as https://HOST: the protocol has its own paths",
                "该协议自带路径：URL 只写服务器，例如 https://主机",
            ));
            return Ok(None);
        }
        let buyer = is_storefront.then(|| BuyerAt {
            access_key: self.ak.clone(),
            region: self.region.clone(),
        });
        Ok(Some(Plan {
            dialect,
            url: self.url.clone(),
            key: self.key(dialect, lang)?,
            other_key: self.other_key(lang)?,
            other_url: self.other_url.clone(),
            product_code: self.product_code.clone(),
            spec: self.spec.clone().unwrap_or_else(|| {
                let usual = if buyer.is_some() { "basic" } else { "规格" };
                usual.to_owned()
            }),
            package: self.package.clone(),
            set: self.set.clone(),
            live: self.allow_live,
            only: self.only.clone(),
            seed: self.seed.unwrap_or_else(rand::random),
            buyer,
            clock: Arc::new(SystemClock::new(0, UtcMillis(0))),
            limits: Limits::of(dialect),
        }))
    }

    fn key(&self, dialect: &dyn Dialect, lang: Lang) -> anyhow::Result<secrecy::SecretString> {
        if self.key.is_none() && self.key_env.is_none() && self.key_file.is_none() {
            tell_keyless(&self.url, lang);
        }
        let source = Source {
            flag: "--key",
            outright: self.key.as_deref(),
            env: self.key_env.as_deref(),
            file: self.key_file.as_ref(),
            demo: demo_key(dialect),
        };
        source.read(lang)
    }

    fn other_key(&self, lang: Lang) -> anyhow::Result<secrecy::SecretString> {
        let source = Source {
            flag: "--other-key",
            outright: self.other_key.as_deref(),
            env: self.other_key_env.as_deref(),
            file: self.other_key_file.as_ref(),
            demo: STRANGERS_KEY,
        };
        source.read(lang)
    }
}
