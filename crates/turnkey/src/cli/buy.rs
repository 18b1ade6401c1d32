//! `turnkey buy`: is a buyer of the bastion API. Places the order, finds it again whatever the
//! network does, and waits until everything is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use turnkey_core::decide::Outcome;
use turnkey_core::{
    Call, Caller, Digest, Fault, FaultKind, Intent, Look, OrderId, OrderKey, OrderRef, Period,
    Purchase, Standing, Unit, View,
};
use turnkey_drivers::market::{Market, Schedule};
use turnkey_engine::SystemClock;

use crate::cli::serve::runtime;
use crate::cli::signing::{DEMO_ACCOUNT, Source};
use crate::cli::terminal::table;
use crate::cli::{Exit, Lang, complain, say};
use crate::market::{self, account_at, place};
use crate::words::start;

/// The protocol that is spoken.
const DIALECT: &str = "jdcloud-bastion";

/// How often an order is placed whose answer did not come: its token makes it one.
const TRIES: u32 = 5;

/// Between two looks, and before an order is placed again.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(super) struct Buy {
    /// Where the API is; by default that of `turnkey demo`.
    #[arg(long, default_value = "http://127.0.0.1:8686")]
    endpoint: String,
    /// The access key of the account.
    #[arg(long, default_value = DEMO_ACCOUNT.0)]
    ak: String,
    /// The secret that signs. Anybody who lists processes reads it: prefer the other three.
    #[arg(long, group = "secret")]
    sk: Option<String>,
    /// The environment variable that holds the secret.
    #[arg(long, value_name = "NAME", group = "secret")]
    sk_env: Option<String>,
    /// The file that holds the secret.
    #[arg(long, value_name = "FILE", group = "secret")]
    sk_file: Option<PathBuf>,
    /// The region.
    #[arg(long, default_value = "cn-north-1")]
    region: String,
    /// The zone; by default the region's first.
    #[arg(long)]
    az: Option<String>,
    /// The private network.
    #[arg(long, default_value = "vpc-default")]
    vpc: String,
    /// Its subnet.
    #[arg(long, default_value = "subnet-default")]
    subnet: String,
    /// The size, such as basic.
    #[arg(long)]
    spec: String,
    /// How many.
    #[arg(long, default_value_t = 1)]
    quantity: u32,
    /// MONTH or YEAR.
    #[arg(long, default_value = "MONTH", value_parser = unit)]
    unit: Unit,
    /// How many of them.
    #[arg(long, default_value_t = 1)]
    duration: u32,
    /// Renew each at the end of its term.
    #[arg(long)]
    auto_renew: bool,
    /// Pay with the order.
    #[arg(long)]
    auto_pay: bool,
    /// A description.
    #[arg(long)]
    desc: Option<String>,
    /// What makes the purchase one however often it is placed; by default a new one.
    #[arg(long)]
    token: Option<String>,
    /// Which signature to make: v2 or v3.
    #[arg(long, default_value = "v2")]
    signing: String,
    /// How long to wait until everything is there; 0s does not wait.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn unit(text: &str) -> Result<Unit, String> {
    match text.to_ascii_uppercase().as_str() {
        "MONTH" => Ok(Unit::Month),
        "YEAR" => Ok(Unit::Year),
        _ => Err("MONTH or YEAR".to_owned()),
    }
}

/// What was bought.
#[derive(Serialize)]
struct Bought {
    buy_id: String,
    token: String,
    instances: Vec<Item>,
}

/// One unit of it.
#[derive(Serialize)]
struct Item {
    source_id: String,
    instance_id: Option<String>,
    status: &'static str,
    ends_at: Option<String>,
    url: Option<String>,
}

impl Buy {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let Ok(period) = Period::new(self.duration, self.unit) else {
            complain(lang.pick(
                "--duration must be 1 or more, and not a century",
                "--duration 必须是 1 以上，也不能太长",
            ));
            return Ok(Exit::Usage);
        };
        let buyer = self.buyer(lang)?;
        let token = self.token.clone().unwrap_or_else(new_token);
        let ended = runtime()?.block_on(async {
            let ordered = buyer.place(&self.purchase(period, &token)).await?;
            let Outcome::Ordered { purchase, orders } = ordered else {
                return Err(Fault::bug("an order was answered with something else"));
            };
            let instances = buyer.watch(&orders, self.wait, lang).await;
            Ok(Bought {
                buy_id: purchase.as_str().to_owned(),
                token: token.clone(),
                instances,
            })
        });
        Ok(match ended {
            Ok(bought) => self.tell(&bought, lang),
            Err(fault) => {
                complain(&refused(&fault, lang));
                if fault.kind == FaultKind::Busy {
                    complain(&match lang {
                        Lang::En => format!(
                            "nobody knows whether it was ordered: the same command with --token {token} finds out and never buys twice"
                        ),
                        Lang::Zh => format!(
                            "不知道有没有下单：请用同样的命令加上 --token {token}，它会找到订单，不会买第二次"
                        ),
                    });
                }
                Exit::Refused
            }
        })
    }

    fn buyer(&self, lang: Lang) -> anyhow::Result<Buyer> {
        let source = Source {
            flag: "--sk",
            outright: self.sk.as_deref(),
            env: self.sk_env.as_deref(),
            file: self.sk_file.as_ref(),
            demo: DEMO_ACCOUNT.1,
        };
        let listing = account_at(&self.endpoint, &self.ak, source.read(lang)?);
        let dialect = turnkey_dialects::find(DIALECT);
        let dialect = dialect.ok_or_else(|| {
            start::system_refused("the protocol is not in this program", "程序里没有这个协议")
        })?;
        let wall = SystemClock::wall();
        let clock = Arc::new(SystemClock::new(0, wall));
        let set = vec![("signing".to_owned(), self.signing.clone())];
        let endpoint = self.endpoint.trim_end_matches('/');
        Ok(Buyer {
            market: market::open(
                dialect,
                Arc::new(listing),
                clock,
                endpoint,
                set,
                Schedule::REAL,
            )?,
            caller: Caller {
                account: self.ak.clone(),
                region: self.region.clone(),
                pays: self.auto_pay,
            },
        })
    }

    fn purchase(&self, period: Period, token: &str) -> Intent {
        let az = self
            .az
            .clone()
            .unwrap_or_else(|| format!("{}a", self.region));
        let mut context = place(&self.region, &az, &self.vpc, &self.subnet);
        context.extend(self.desc.clone().map(|desc| ("desc".to_owned(), desc)));
        Intent::Buy(Purchase {
            order: OrderRef {
                key: OrderKey::new(token),
                content: Digest::of(&[]),
            },
            spec: self.spec.clone(),
            quantity: self.quantity,
            period,
            renews: self.auto_renew,
            context,
        })
    }

    fn tell(&self, bought: &Bought, lang: Lang) -> Exit {
        let is_there = |unit: &&Item| unit.status == "running";
        let running = bought.instances.iter().filter(is_there).count();
        let is_bad = bought.instances.iter().any(|unit| unit.status == "failed");
        if self.json {
            let text = serde_json::to_string(bought).unwrap_or_default();
            say(&text);
        } else {
            let heads = lang.pick(
                ["ORDER", "INSTANCE", "STATUS", "ENDS", "URL"],
                ["订单", "实例", "状态", "到期", "地址"],
            );
            let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let row = |unit: &Item| {
                [
                    unit.source_id.clone(),
                    cell(&unit.instance_id),
                    unit.status.to_owned(),
                    cell(&unit.ends_at),
                    cell(&unit.url),
                ]
            };
            say(&table(heads, bought.instances.iter().map(row)));
            let (all, id) = (bought.instances.len(), &bought.buy_id);
            complain(&match lang {
                Lang::En => format!("purchase {id}: {running} of {all} run"),
                Lang::Zh => format!("购买 {id}：{all} 个里有 {running} 个在运行"),
            });
        }
        if is_bad { Exit::Problems } else { Exit::Good }
    }
}

/// An account at an endpoint.
struct Buyer {
    market: Market,
    caller: Caller,
}

impl Buyer {
    async fn ask(&self, intent: Intent) -> Result<Outcome, Fault> {
        let call = Call {
            intent,
            dry_run: false,
            signed_at: None,
            caller: Some(self.caller.clone()),
        };
        let request = self.market.spell(&call)?;
        let reply = self.market.send(self.market.url(), request).await?;
        self.market.hear(&call, &reply)
    }

    /// Places the order until an answer comes; the token makes it one.
    async fn place(&self, purchase: &Intent) -> Result<Outcome, Fault> {
        let mut tries = 1;
        loop {
            match self.ask(purchase.clone()).await {
                Err(fault) if fault.kind == FaultKind::Busy && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                answered => return answered,
            }
        }
    }

    /// Looks at each order until what it made runs or failed, for `wait` at the most.
    async fn watch(&self, orders: &[OrderId], wait: Duration, lang: Lang) -> Vec<Item> {
        let until = Instant::now() + wait;
        let mut told = Vec::with_capacity(orders.len());
        for order in orders {
            let unit = loop {
                let unit = self.look(order, lang).await;
                if matches!(unit.status, "running" | "failed") || Instant::now() >= until {
                    break unit;
                }
                tokio::time::sleep(PAUSE).await;
            };
            told.push(unit);
        }
        told
    }

    async fn look(&self, order: &OrderId, lang: Lang) -> Item {
        let view = match self.ask(Intent::Look(Look::Order(order.clone()))).await {
            Ok(Outcome::Shown(view)) => Some(*view),
            Ok(_) => None,
            Err(fault) => {
                complain(&refused(&fault, lang));
                None
            }
        };
        Item::of(order, view.as_ref())
    }
}

impl Item {
    fn of(order: &OrderId, view: Option<&View>) -> Self {
        let url = view.and_then(|view| view.access.as_ref()?.extra.get("domain").cloned());
        let ends_at = view.and_then(|view| {
            let at = jiff::Timestamp::from_millisecond(view.term.ends_at.0).ok()?;
            Some(at.to_string())
        });
        Self {
            source_id: order.as_str().to_owned(),
            instance_id: view.map(|view| view.instance.as_str().to_owned()),
            status: match view.map(|view| view.standing) {
                None => "unknown",
                Some(Standing::Provisioning) => "provisioning",
                Some(Standing::Running) => "running",
                Some(Standing::Stopped) => "stopped",
                Some(Standing::Failed) => "failed",
                Some(Standing::Expired) => "expired",
            },
            ends_at,
            url,
        }
    }
}

fn refused(fault: &Fault, lang: Lang) -> String {
    let what = lang.pick(
        "turnkey: the order was not taken: ",
        "turnkey：没有下成单：",
    );
    format!("{what}{} [{}]", fault.message, fault.code)
}

/// A token of this purchase alone.
fn new_token() -> String {
    let hex = |byte: u8| format!("{byte:02x}");
    format!("buy-{}", rand::random::<[u8; 16]>().map(hex).concat())
}
