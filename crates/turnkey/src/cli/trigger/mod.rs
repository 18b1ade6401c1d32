//! `turnkey trigger`: is the marketplace. Its overture, its real signature, its time limit and its
//! retries, with the faults of a bad network on request.

mod tell;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use turnkey_core::{
    Call, ChangePlan, Create, Digest, InstanceId, Intent, OrderKey, OrderRef, Period, Reason,
    Renew, Unit, UtcMillis,
};
use turnkey_dialects::{Action, Dialect, Overture};
use turnkey_drivers::market::{Delivery, Market, Schedule};
use turnkey_engine::SystemClock;

use crate::cli::signing::Source;
use crate::cli::{Exit, Lang, complain};
use crate::market::{self, known_by};
use crate::words::start;
use tell::Tally;

/// More at once than any marketplace, and than the door takes.
const PARALLEL_MAX: usize = 1000;

/// The key of `turnkey demo`: no secret.
const DEMO_KEY: &str = "demo-key";

#[derive(clap::Args)]
pub(super) struct Trigger {
    /// The protocol, such as qingcloud-market.
    dialect: Option<String>,
    /// The action, such as create.
    action: Option<String>,
    /// The notification URL; by default that of `turnkey demo`.
    #[arg(long)]
    to: Option<String>,
    /// The key that signs. Anybody who lists processes reads it: prefer the other three.
    #[arg(long, group = "signing")]
    key: Option<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", group = "signing")]
    key_env: Option<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE", group = "signing")]
    key_file: Option<PathBuf>,
    /// The order's id; by default a new one.
    #[arg(long)]
    order: Option<String>,
    /// Set a parameter of the call, by its name on the wire; the signature covers it.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
    /// Deliver the same call so many times.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    times: u32,
    /// So many at a time.
    #[arg(long, default_value_t = 1)]
    parallel: usize,
    /// Throw away so many answers, as if the network had: the marketplace calls again.
    #[arg(long, default_value_t = 0, value_name = "N")]
    lose_answer: u32,
    /// Decides which answers are lost, and the new order's id; a run can so be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Only the debug calls, where they are dry runs.
    #[arg(long, conflicts_with = "no_debug")]
    debug_only: bool,
    /// Nothing before the call itself: no debug call, no connection test.
    #[arg(long)]
    no_debug: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Trigger {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let Some((dialect, action)) = self.chosen(lang) else {
            return Ok(Exit::Usage);
        };
        if self.parallel == 0 || self.parallel > PARALLEL_MAX {
            complain(&match lang {
                Lang::En => format!("--parallel must be between 1 and {PARALLEL_MAX}"),
                Lang::Zh => format!("--parallel 必须在 1 和 {PARALLEL_MAX} 之间"),
            });
            return Ok(Exit::Usage);
        }
        if self.lose_answer > self.times {
            complain(lang.pick(
                "--lose-answer cannot lose more answers than --times asks for",
                "--lose-answer 不能多于 --times 的次数",
            ));
            return Ok(Exit::Usage);
        }
        let name = dialect.card().name;
        if self.debug_only && dialect.card().overture != Overture::DryRun {
            complain(&match lang {
                Lang::En => format!("--debug-only: {name} has no dry run"),
                Lang::Zh => format!("--debug-only：{name} 没有只检查不执行的调试调用"),
            });
            return Ok(Exit::Usage);
        }
        let key = self.signing_key(lang)?;
        let seed = self.seed.unwrap_or_else(rand::random);
        let order = self.order.clone().unwrap_or_else(|| new_order(seed));
        let Some(intent) = self.intent(action, &order, lang) else {
            return Ok(Exit::Usage);
        };
        let to = self.to.clone();
        let to = to.unwrap_or_else(|| format!("http://127.0.0.1:8686/spi/{name}/demo"));
        let clock = Arc::new(SystemClock::new(0, UtcMillis(0)));
        let known = Arc::new(known_by(key));
        let market = market::open(dialect, known, clock, &to, self.set.clone(), Schedule::REAL)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let tally = runtime
            .with_context(|| start::system_refused("cannot start the runtime", "不能启动运行时"))?
            .block_on(self.play(
                market,
                action,
                intent,
                Tally::new(name, action, order, seed),
                lang,
            ));
        Ok(tally.tell(self.json, lang))
    }

    /// The dialect and the action, or a list of what there is.
    fn chosen(&self, lang: Lang) -> Option<(&'static dyn Dialect, &'static Action)> {
        let named = self.dialect.as_deref().and_then(turnkey_dialects::find);
        let is_storefront = |dialect: &&dyn Dialect| dialect.card().root.is_some();
        if let Some(dialect) = named.filter(is_storefront) {
            let name = dialect.card().name;
            complain(&match lang {
                Lang::En => format!(
                    "{name} is called by buyers and not by a marketplace: use `turnkey buy`"
                ),
                Lang::Zh => format!("{name} 由买家调用，不是云市场：请用 `turnkey buy`"),
            });
            return None;
        }
        let dialect = named;
        let named = self.action.as_deref();
        let action = dialect.and_then(|dialect| {
            dialect
                .card()
                .actions
                .iter()
                .find(|action| Some(action.name) == named)
        });
        if let (Some(dialect), Some(action)) = (dialect, action) {
            return Some((dialect, action));
        }
        complain(lang.pick(
            "which marketplace, and what should it do?",
            "哪个云市场，做什么？",
        ));
        for dialect in turnkey_dialects::all().iter().filter(|d| !is_storefront(d)) {
            let actions: Vec<_> = dialect.card().actions.iter().map(|a| a.name).collect();
            complain(&format!(
                "  turnkey trigger {} {}",
                dialect.card().name,
                actions.join("|")
            ));
        }
        None
    }

    fn signing_key(&self, lang: Lang) -> anyhow::Result<SecretString> {
        let source = Source {
            flag: "--key",
            outright: self.key.as_deref(),
            env: self.key_env.as_deref(),
            file: self.key_file.as_ref(),
            demo: DEMO_KEY,
        };
        source.read(lang)
    }

    /// What the marketplace asks; the protocol's `ask` face puts it in the marketplace's words.
    fn intent(&self, action: &Action, order: &str, lang: Lang) -> Option<Intent> {
        let order = OrderRef {
            key: OrderKey::new(order),
            content: Digest::of(&[]),
        };
        let period = Period::new(1, Unit::Month).ok()?;
        let set = |name: &str| {
            self.set
                .iter()
                .find(|(set, _)| set == name)
                .map(|(_, v)| v.clone())
        };
        let (spec, package) = ("规格".to_owned(), Some("套餐".to_owned()));
        let instance = set("instance_id");
        let named = || {
            if instance.is_none() {
                complain(&match lang {
                    Lang::En => format!(
                        "{} is about an instance: add --set instance_id=… (create prints it)",
                        action.name
                    ),
                    Lang::Zh => format!(
                        "{} 需要一个实例：请加上 --set instance_id=…（create 会打印它）",
                        action.name
                    ),
                });
            }
            instance.clone().map(InstanceId::new)
        };
        match action.name {
            "create" => Some(Intent::Create(Create {
                order,
                buyer: "usr-demo".to_owned(),
                spec,
                package,
                period,
                context: std::collections::BTreeMap::new(),
            })),
            "renew" => Some(Intent::Renew(Renew {
                order,
                instance: named()?,
                spec,
                package,
                period,
            })),
            "upgrade" => Some(Intent::ChangePlan(ChangePlan {
                order,
                instance: named()?,
                spec,
                package,
                period,
            })),
            "expire" => Some(Intent::Suspend(named()?, Reason::Marketplace)),
            "delete" => Some(Intent::Release(named()?)),
            _ => Some(Intent::Ping),
        }
    }

    /// What the marketplace calls before the real call, and what that is called for people.
    fn overture(
        &self,
        market: &Market,
        action: &'static Action,
        intent: &Intent,
        lang: Lang,
    ) -> Option<(&'static Action, Call, &'static str)> {
        if *intent == Intent::Ping || self.no_debug || self.debug_only {
            return None;
        }
        let (action, intent, dry_run, what) = match market.overture() {
            Overture::DryRun => {
                let what = lang.pick("debug call", "调试调用");
                (action, intent.clone(), true, what)
            }
            Overture::Ping => {
                let what = lang.pick("connection test", "连接测试");
                (market.test()?, Intent::Ping, false, what)
            }
            Overture::None => return None,
        };
        let call = Call {
            caller: None,
            intent,
            dry_run,
            signed_at: None,
        };
        Some((action, call, what))
    }

    /// The overture, then the deliveries.
    async fn play(
        &self,
        market: Market,
        action: &'static Action,
        intent: Intent,
        mut tally: Tally,
        lang: Lang,
    ) -> Tally {
        tally.debug_only = self.debug_only;
        let is_single = self.times == 1 && !self.json;
        if let Some((action, call, what)) = self.overture(&market, action, &intent, lang) {
            let overture = market.deliver(action, &call, false).await;
            if is_single {
                tell::delivery(&market, &overture, what);
            }
            let is_refused = overture.outcome.is_err();
            tally.overture(overture);
            if is_refused {
                return tally;
            }
        }
        let call = Arc::new(Call {
            caller: None,
            intent,
            dry_run: self.debug_only,
            signed_at: None,
        });
        let market = Arc::new(market);
        let places = Arc::new(Semaphore::new(self.parallel));
        let mut deliveries = tokio::task::JoinSet::new();
        for is_lost in self.lost(tally.seed) {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let (market, call) = (Arc::clone(&market), Arc::clone(&call));
            deliveries.spawn(async move {
                let delivery = market.deliver(action, &call, is_lost).await;
                drop(place);
                delivery
            });
            while let Some(Ok(delivery)) = deliveries.try_join_next() {
                tally.add(delivery);
            }
        }
        while let Some(joined) = deliveries.join_next().await {
            let Ok(delivery): Result<Delivery, _> = joined else {
                continue;
            };
            if is_single {
                tell::delivery(&market, &delivery, "");
            }
            tally.add(delivery);
        }
        tally
    }

    /// For each delivery, whether its first answer is lost.
    fn lost(&self, seed: u64) -> Vec<bool> {
        let mut lost: Vec<bool> = (0..self.times).map(|n| n < self.lose_answer).collect();
        lost.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        lost
    }
}

/// An order id that looks like the marketplace's.
fn new_order(seed: u64) -> String {
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    format!("mord-{:08x}", random.random::<u32>())
}
