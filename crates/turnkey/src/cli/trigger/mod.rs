//! `turnkey trigger`: is the marketplace. Its overture, its real signature, its time limit and its
//! retries, with the faults of a bad network on request.

mod mischief;
mod player;
mod scenario;
mod slowly;
mod tell;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Semaphore;
use turnkey_core::{Call, Intent, Period};
use turnkey_dialects::{Action, Dialect, Overture};
use turnkey_drivers::market::{Delivery, Market, Schedule};

use crate::cli::admin_client::AdminArgs;
use crate::cli::serve::runtime;
use crate::cli::signing::{DEMO_ACCOUNT, tell_keyless};
use crate::cli::{Exit, Lang, complain, misused};
use mischief::Mischief;
use player::Player;
use tell::Tally;
use words::About;

/// More at once than any marketplace, and than the door takes.
const PARALLEL_MAX: usize = 1000;

#[derive(clap::Args)]
pub(super) struct Trigger {
    /// The protocol, such as qingcloud-market.
    dialect: Option<String>,
    /// The action, such as create.
    action: Option<String>,
    /// The notification URL; by default that of `turnkey demo`.
    #[arg(long)]
    to: Option<String>,
    /// The key that signs, or `-` to read it from stdin; a buyer's is the secret of its account. Anybody
    /// who lists processes reads what is typed here: prefer the other ways.
    #[arg(long, group = "signing")]
    key: Option<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", group = "signing")]
    key_env: Option<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE", group = "signing")]
    key_file: Option<PathBuf>,
    /// Where a buyer calls: the access key of its account.
    #[arg(long, default_value = DEMO_ACCOUNT.0)]
    ak: String,
    /// Where a buyer calls: the region.
    #[arg(long, default_value = "cn-north-1")]
    region: String,
    /// The order's id; by default a new one.
    #[arg(long)]
    order: Option<String>,
    /// The instance that it is about.
    #[arg(long)]
    instance: Option<String>,
    /// What is bought; by default something that `turnkey demo` sells.
    #[arg(long)]
    spec: Option<String>,
    /// The package within it.
    #[arg(long)]
    package: Option<String>,
    /// For how long.
    #[arg(long, default_value = "1_month", value_parser = period)]
    period: Period,
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
    /// Have this go wrong with the call, and see what the vendor makes of it. May be repeated.
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = ["times", "parallel", "lose_answer", "debug_only"])]
    fault: Vec<Mischief>,
    /// How long it waits between a failure and the next call: as marketplaces do, or not at all.
    #[arg(long, value_enum, default_value_t = Pace::Real)]
    schedule: Pace,
    /// Play a scenario: one of those that come with this program, or a file of your own.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["action", "order", "instance", "set", "times", "parallel", "lose_answer", "fault", "debug_only"])]
    scenario: Option<String>,
    /// Decides which answers are lost, and the ids of orders; a run can so be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Only the debug calls, where they are dry runs.
    #[arg(long, conflicts_with = "no_debug")]
    debug_only: bool,
    /// Nothing before the call itself: no debug call, no connection test.
    #[arg(long)]
    no_debug: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// How fast a schedule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pace {
    /// As marketplaces do.
    Real,
    /// Without a pause, for a vendor on the own machine.
    Fast,
}

impl Pace {
    fn schedule(self) -> Schedule {
        match self {
            Self::Real => Schedule::REAL,
            Self::Fast => Schedule::FAST,
        }
    }
}

fn period(text: &str) -> Result<Period, String> {
    turnkey_dialects::parse_period("period", text).map_err(|fault| fault.message)
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Trigger {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        if let Some(to) = self.to.as_ref().filter(|to| !is_address(to)) {
            complain(&match lang {
                Lang::En => {
                    format!("--to {to:?}: write it as http://HOST/PATH or https://HOST/PATH")
                }
                Lang::Zh => format!("--to {to:?}：请写成 http://主机/路径 或 https://主机/路径"),
            });
            return Ok(Exit::Usage);
        }
        if let Some(named) = &self.scenario {
            return scenario::run(&self, named, lang);
        }
        let Some((dialect, action)) = self.chosen(lang) else {
            return Ok(Exit::Usage);
        };
        if !self.is_sound(dialect, lang) {
            return Ok(Exit::Usage);
        }
        let player = match self.player(dialect, lang) {
            Ok(player) => player,
            Err(error) => return Ok(misused(&error, lang)),
        };
        let seed = self.seed.unwrap_or_else(rand::random);
        let order = self.order.clone().unwrap_or_else(|| new_order(seed));
        let about = About {
            order: &order,
            instance: self.instance.as_deref(),
            spec: self.spec.as_deref().unwrap_or_else(|| player.usual_spec()),
            package: self.package.as_deref().unwrap_or(player::USUAL_PACKAGE),
            period: self.period,
            set: &self.set,
        };
        let Some(call) = words::call(action, &about, player.caller()) else {
            complain(&instance_missing(action, lang));
            return Ok(Exit::Usage);
        };
        let market = player.market(about.extra(player.caller()))?;
        let (name, is_json) = (dialect.card().name, self.admin.json);
        if !self.fault.is_empty() {
            let seen = runtime()?.block_on(self.misbehave(market, &call));
            return Ok(tell::mischiefs(name, action, &order, &seen, is_json, lang));
        }
        let tally = Tally::new(dialect.card(), action, order.clone(), seed, self.whereto());
        let tally = runtime()?.block_on(self.play(market, action, call, tally, lang));
        Ok(tally.tell(is_json, lang))
    }

    /// The arguments that say whom to call, and with what, to be typed once more.
    fn whereto(&self) -> String {
        let file = self
            .key_file
            .as_ref()
            .map(|file| file.display().to_string());
        let given = [
            ("--to", self.to.as_ref()),
            // What was said outright is not said again.
            ("--key", self.key.as_ref().map(|_| "…".to_owned()).as_ref()),
            ("--key-env", self.key_env.as_ref()),
            ("--key-file", file.as_ref()),
        ]
        .map(|(name, value)| value.map_or_else(String::new, |value| format!(" {name} {value}")));
        given.concat()
    }

    /// Whether the arguments fit each other and the protocol; says what does not.
    fn is_sound(&self, dialect: &dyn Dialect, lang: Lang) -> bool {
        let name = dialect.card().name;
        let wrong = if self.parallel == 0 || self.parallel > PARALLEL_MAX {
            match lang {
                Lang::En => format!("--parallel must be between 1 and {PARALLEL_MAX}"),
                Lang::Zh => format!("--parallel 必须在 1 和 {PARALLEL_MAX} 之间"),
            }
        } else if self.lose_answer > self.times {
            lang.pick(
                "--lose-answer cannot lose more answers than --times asks for",
                "--lose-answer 不能多于 --times 的次数",
            )
            .to_owned()
        } else if self.debug_only && dialect.card().overture != Overture::DryRun {
            match lang {
                Lang::En => format!("--debug-only: {name} has no dry run"),
                Lang::Zh => format!("--debug-only：{name} 没有只检查不执行的调试调用"),
            }
        } else {
            return true;
        };
        complain(&wrong);
        false
    }

    /// Who calls: the marketplace that `dialect` is of, or a buyer.
    fn player(&self, dialect: &'static dyn Dialect, lang: Lang) -> anyhow::Result<Player> {
        let is_keyless = self.key.is_none() && self.key_env.is_none() && self.key_file.is_none();
        if let Some(to) = &self.to
            && is_keyless
        {
            tell_keyless(to, lang);
        }
        let key = player::Key {
            outright: self.key.as_deref(),
            env: self.key_env.as_deref(),
            file: self.key_file.as_ref(),
        };
        let schedule = self.schedule.schedule();
        let (ak, region) = (&self.ak, &self.region);
        Player::new(
            dialect,
            &key,
            ak,
            region,
            self.to.as_deref(),
            schedule,
            lang,
        )
    }

    /// The dialect and the action, or a list of what there is.
    fn chosen(&self, lang: Lang) -> Option<(&'static dyn Dialect, &'static Action)> {
        let dialect = self.dialect.as_deref().and_then(turnkey_dialects::find);
        let named = self.action.as_deref();
        let action = dialect.and_then(|dialect| action_named(dialect, named?));
        if let (Some(dialect), Some(action)) = (dialect, action) {
            return Some((dialect, action));
        }
        complain(lang.pick(
            "which marketplace, and what should it do?",
            "哪个云市场，做什么？",
        ));
        for dialect in turnkey_dialects::all() {
            let actions: Vec<_> = dialect.card().actions.iter().map(|a| a.name).collect();
            complain(&format!(
                "  turnkey trigger {} {}",
                dialect.card().name,
                actions.join("|")
            ));
        }
        let scenarios = scenario::names().join("|");
        complain(&format!("  turnkey trigger --scenario {scenarios}"));
        None
    }

    /// Makes the call once with each fault.
    async fn misbehave(&self, market: Market, call: &Call) -> Vec<mischief::Seen> {
        let market = Arc::new(market);
        let mut seen = Vec::with_capacity(self.fault.len());
        for mischief in &self.fault {
            seen.push(mischief.done(&market, call).await);
        }
        seen
    }

    /// What comes before the real call unless the arguments say otherwise, and what that is called
    /// for people.
    fn overture(
        &self,
        market: &Market,
        action: &'static Action,
        call: &Call,
        lang: Lang,
    ) -> Option<(&'static Action, Call, &'static str)> {
        if self.no_debug || self.debug_only {
            return None;
        }
        let (action, first) = overture(market, action, call)?;
        let what = if first.dry_run {
            lang.pick("debug call", "调试调用")
        } else {
            lang.pick("connection test", "连接测试")
        };
        Some((action, first, what))
    }

    /// The overture, then the deliveries.
    async fn play(
        &self,
        market: Market,
        action: &'static Action,
        call: Call,
        mut tally: Tally,
        lang: Lang,
    ) -> Tally {
        tally.debug_only = self.debug_only;
        let is_single = self.times == 1 && !self.admin.json;
        if let Some((action, first, what)) = self.overture(&market, action, &call, lang) {
            let overture = market.deliver(action, &first, false).await;
            if is_single {
                tell::delivery(&market, &overture, what, lang);
            }
            let is_refused = overture.outcome.is_err();
            tally.overture(overture);
            if is_refused {
                return tally;
            }
        }
        let call = Arc::new(Call {
            dry_run: self.debug_only,
            ..call
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
                tell::delivery(&market, &delivery, "", lang);
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

/// Whether somebody may be called at `url`.
fn is_address(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// What the marketplace calls before `call`.
fn overture(
    market: &Market,
    action: &'static Action,
    call: &Call,
) -> Option<(&'static Action, Call)> {
    if call.intent == Intent::Ping {
        return None;
    }
    let (action, intent, dry_run) = match market.overture() {
        Overture::DryRun => (action, call.intent.clone(), true),
        Overture::Ping => (market.test()?, Intent::Ping, false),
        Overture::None => return None,
    };
    let first = Call {
        intent,
        dry_run,
        ..call.clone()
    };
    Some((action, first))
}

/// The action of `dialect` that is called `name`.
fn action_named(dialect: &'static dyn Dialect, name: &str) -> Option<&'static Action> {
    let mut actions = dialect.card().actions.iter();
    actions.find(|action| action.name == name)
}

fn instance_missing(action: &Action, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "{} is about an instance: add --instance ID (create prints it)",
            action.name
        ),
        Lang::Zh => format!(
            "{} 需要一个实例：请加上 --instance 编号（create 会打印它）",
            action.name
        ),
    }
}

/// An order id that looks like the marketplace's.
fn new_order(seed: u64) -> String {
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    format!("mord-{:08x}", random.random::<u32>())
}
