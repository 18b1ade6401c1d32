//! `turnkey instance list|show|renew|release|deliver|import`: what buyers got.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::admin_client::{AdminArgs, AdminClient, Told, say_json, segment};
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::stock::read_bounded;
use crate::cli::terminal::{card, escaped, table};
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::access::{AccessBody, LoginBody};
use crate::http::admin::deliver::{DeliverBody, DeliveredView};
use crate::http::admin::imports::{
    IMPORTED_AT_ONCE_MAX, ImportBody, ImportView, ImportedBody, ImportedView,
};
use crate::http::admin::instances::{InstanceDetail, InstanceView, SubscriptionView};
use crate::http::admin::renewals::{RenewAsk, RenewedView};
use crate::words::{Said, stock as says};

/// Longest file of instances that were delivered elsewhere: some ten thousand of them.
const IMPORT_BYTES_MAX: u64 = 16 << 20;

/// Longest access that a person writes down: that of a driver.
const ACCESS_BYTES_MAX: u64 = 64 * 1024;

#[derive(clap::Args)]
pub(super) struct Instance {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Instances, newest first.
    List(Filter),
    /// One instance with its history.
    Show {
        /// Its id, such as i-01…
        id: String,
        /// Show what the buyer logs in with; that somebody looked is kept as an event.
        #[arg(long)]
        access: bool,
    },
    /// Take over instances that were delivered elsewhere; the same one twice is one.
    Import {
        /// A JSON file: an array of {id, listing, plan, buyer, order_key, term: {starts_at,
        /// ends_at}, access}; `-` is stdin.
        file: PathBuf,
    },
    /// Renew an instance whose term is ours to keep; it is billed as paid.
    Renew {
        /// Its id.
        id: String,
        /// MONTH, YEAR or DAY.
        #[arg(long, default_value = "MONTH")]
        unit: String,
        /// How many of them.
        #[arg(long, default_value_t = 1)]
        duration: u32,
        /// What makes it one renewal however often it is asked for; by default a new one.
        #[arg(long)]
        key: Option<String>,
    },
    /// Release an instance, as the marketplace would.
    Release {
        /// Its id.
        id: String,
    },
    /// Say that a person did what an instance waits for.
    Deliver {
        /// Its id.
        id: String,
        /// A file with what the buyer logs in with, or - for the standard input:
        /// {"front_end":{"url":…,"username":…,"password":…},"admin":{…},"auth_url":…,"extra":{…}}
        #[arg(long, value_name = "FILE")]
        access: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Filter {
    #[command(flatten)]
    list: ListArgs,
    /// Only of this listing.
    #[arg(long)]
    listing: Option<String>,
    /// Only in this state: provisioning, running, suspended, failed, releasing, released.
    #[arg(long)]
    state: Option<String>,
    /// Only of this buyer.
    #[arg(long)]
    buyer: Option<String>,
}

impl Instance {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let access = match &self.command {
            Command::Deliver {
                access: Some(file), ..
            } => Some(access_in(&read_bounded(file, ACCESS_BYTES_MAX)?)?),
            Command::Deliver { access: None, .. }
            | Command::List(_)
            | Command::Show { .. }
            | Command::Import { .. }
            | Command::Renew { .. }
            | Command::Release { .. } => None,
        };
        let instances = match &self.command {
            Command::Import { file } => imported_in(&read_bounded(file, IMPORT_BYTES_MAX)?)?,
            Command::List(_)
            | Command::Show { .. }
            | Command::Renew { .. }
            | Command::Release { .. }
            | Command::Deliver { .. } => Vec::new(),
        };
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List(filter) => filter.list.tell(client, is_json, &filter.list_of(lang)),
            Command::Show { id, access: false } => show(client, &id, is_json),
            Command::Show { id, access: true } => show_access(client, &id, is_json),
            Command::Import { .. } => import(client, instances, is_json),
            Command::Renew {
                id,
                unit,
                duration,
                key,
            } => {
                let path = format!("/instances/{}/renew", segment(&id));
                let key = key.unwrap_or_else(new_key);
                let ask = RenewAsk {
                    unit,
                    duration,
                    key,
                };
                let renewed: RenewedView = client.post(&path, &ask)?;
                if is_json {
                    say_json(&renewed);
                } else {
                    say(&shown_renewal(renewed, lang));
                }
                Ok(Exit::Good)
            }
            Command::Release { id } => {
                let path = format!("/instances/{}/release", segment(&id));
                let released: InstanceView = client.post(&path, &())?;
                if is_json {
                    say_json(&released);
                } else {
                    say(&format!("{} {}", escaped(&released.id), released.state));
                }
                Ok(Exit::Good)
            }
            Command::Deliver { id, .. } => {
                let path = format!("/instances/{}/deliver", segment(&id));
                let done: DeliveredView = client.post(&path, &DeliverBody { access })?;
                if is_json {
                    say_json(&done);
                } else {
                    let (id, kind) = (escaped(&done.instance), done.kind);
                    say(&match lang {
                        Lang::En => format!("{id}: {kind} is done"),
                        Lang::Zh => format!("{id}：{kind} 已完成"),
                    });
                }
                Ok(Exit::Good)
            }
        }))
    }
}

/// The key of a renewal that nobody named.
fn new_key() -> String {
    let hex = |byte: u8| format!("{byte:02x}");
    rand::random::<[u8; 16]>().map(hex).concat()
}

/// What the buyer logs in with, as a person wrote it down. What is wrong is told by its place only:
/// the rest is secret.
fn access_in(text: &str) -> Result<AccessBody, Said> {
    serde_json::from_str(text).map_err(|error| says::access_malformed(&error))
}

impl Filter {
    fn list_of(&self, lang: Lang) -> List<'static, InstanceView, 6> {
        List {
            path: "/instances",
            filter: vec![
                ("listing", self.listing.clone()),
                ("state", self.state.clone()),
                ("buyer", self.buyer.clone()),
            ],
            heads: lang.pick(
                ["INSTANCE", "LISTING", "PLAN", "BUYER", "STATE", "ENDS"],
                ["实例", "商品", "套餐", "买家", "状态", "到期时间"],
            ),
            row: |i| {
                let ends = moment(&i.term_ends_at);
                [i.id, i.listing, i.plan, i.buyer, i.state, ends]
            },
            empty: lang.pick(
                "no instance yet; be the marketplace: turnkey trigger qingcloud-market create",
                "还没有实例；可以扮演云市场试一试：turnkey trigger qingcloud-market create",
            ),
        }
    }
}

fn show(client: &AdminClient, id: &str, is_json: bool) -> Told {
    let instance: InstanceDetail = client.get(&format!("/instances/{}", segment(id)), &[])?;
    if is_json {
        say_json(&instance);
    } else {
        say(&shown(instance, client.lang()));
    }
    Ok(Exit::Good)
}

fn show_access(client: &AdminClient, id: &str, is_json: bool) -> Told {
    let path = format!("/instances/{}/access", segment(id));
    let access: AccessBody = client.get(&path, &[])?;
    if is_json {
        say_json(&access);
    } else {
        say(&shown_access(access, client.lang()));
    }
    Ok(Exit::Good)
}

/// Sends them in so many requests as it takes; the first that is not answered ends it.
fn import(client: &AdminClient, instances: Vec<ImportedBody>, is_json: bool) -> Told {
    let lang = client.lang();
    let mut items: Vec<ImportedView> = Vec::with_capacity(instances.len());
    let mut instances = instances.into_iter().peekable();
    while instances.peek().is_some() {
        let instances = instances.by_ref().take(IMPORTED_AT_ONCE_MAX).collect();
        let view: ImportView = client.post("/instances", &ImportBody { instances })?;
        items.extend(view.items);
    }
    let is_good = items.iter().all(|item| item.error.is_none());
    if is_json {
        say_json(&ImportView { items });
    } else if items.is_empty() {
        complain(lang.pick("the file names no instance", "文件里没有实例"));
    } else {
        let row = |item: ImportedView| {
            let why = item.error.map(|e| format!("{} [{}]", e.message, e.code));
            [item.id, item.outcome, why.unwrap_or_default()]
        };
        let heads = lang.pick(["INSTANCE", "OUTCOME", "WHY"], ["实例", "结果", "原因"]);
        say(&table(heads, items.into_iter().map(row)));
    }
    Ok(if is_good { Exit::Good } else { Exit::Problems })
}

/// The instances in a file. What is wrong is told by its place only: the rest is secret.
fn imported_in(text: &str) -> Result<Vec<ImportedBody>, Said> {
    serde_json::from_str(text).map_err(|error| says::import_malformed(&error))
}

fn shown(detail: InstanceDetail, lang: Lang) -> String {
    let instance = detail.instance;
    let reasons = Some(instance.reasons.join(", ")).filter(|reasons| !reasons.is_empty());
    let has_access = match detail.has_access {
        true => lang.pick("yes; --access shows it", "有；--access 可查看"),
        false => lang.pick("none", "无"),
    };
    let mut shown = card([
        (lang.pick("instance", "实例"), Some(instance.id)),
        (lang.pick("listing", "商品"), Some(instance.listing)),
        (lang.pick("product", "产品"), Some(instance.product)),
        (lang.pick("plan", "套餐"), Some(instance.plan)),
        (lang.pick("buyer", "买家"), Some(instance.buyer)),
        (lang.pick("state", "状态"), Some(instance.state)),
        (lang.pick("suspended for", "停用原因"), reasons),
        (
            lang.pick("starts", "开始时间"),
            Some(instance.term_starts_at),
        ),
        (lang.pick("ends", "到期时间"), Some(instance.term_ends_at)),
        (lang.pick("order", "订单"), Some(instance.order)),
        (lang.pick("access", "登录信息"), Some(has_access.to_owned())),
    ]);
    if let Some(subscription) = detail.subscription {
        shown += &format!("\n\n{}", shown_subscription(subscription, lang));
    }
    let context = detail
        .context
        .iter()
        .map(|(name, value)| (name.as_str(), value));
    let context: Vec<_> = context
        .map(|(name, value)| [name.to_owned(), value.clone()])
        .collect();
    if !context.is_empty() {
        let heads = lang.pick(["CONTEXT", ""], ["上下文", ""]);
        shown += &format!("\n\n{}", table(heads, context));
    }
    if !detail.operations.is_empty() {
        let heads = lang.pick(
            ["LEFT TO DO", "KIND", "STATE", "ASKED"],
            ["待办操作", "类型", "状态", "已尝试"],
        );
        let left = detail.operations.into_iter();
        let rows = left.map(|o| [o.id, o.kind, o.state, o.attempt.to_string()]);
        shown += &format!("\n\n{}", table(heads, rows));
    }
    let heads = lang.pick(
        ["HISTORY", "KIND", "STEP", "ORDER"],
        ["历史", "类型", "结果", "订单"],
    );
    // On the clock that its term is counted on, which a trial moves.
    let rows = detail.history.into_iter().map(|row| {
        let order = row.order.unwrap_or_else(|| "-".to_owned());
        [moment(&row.at_business), row.kind, row.step, order]
    });
    shown + &format!("\n\n{}", table(heads, rows))
}

fn shown_subscription(subscription: SubscriptionView, lang: Lang) -> String {
    let renews = match subscription.renews {
        true => lang.pick("yes", "是"),
        false => lang.pick("no", "否"),
    };
    let stage = match (subscription.stage.as_str(), lang) {
        ("term", Lang::Zh) => "服务期内",
        ("grace", Lang::Zh) => "宽限期",
        ("over", Lang::Zh) => "已结束",
        (stage, Lang::En | Lang::Zh) => stage,
    };
    let grace = humantime::format_duration(Duration::from_millis(subscription.grace_ms));
    card([
        (lang.pick("renews", "自动续费"), Some(renews.to_owned())),
        (lang.pick("period", "时长"), Some(subscription.period)),
        (
            lang.pick("period from", "本期开始"),
            Some(subscription.period_from),
        ),
        (lang.pick("stage", "阶段"), Some(stage.to_owned())),
        (lang.pick("next look", "下次检查"), subscription.look_at),
        (lang.pick("terms end", "到期时刻"), Some(subscription.ends)),
        (lang.pick("grace", "宽限期"), Some(grace.to_string())),
    ])
}

fn shown_renewal(renewed: RenewedView, lang: Lang) -> String {
    let instance = renewed.instance;
    card([
        (lang.pick("instance", "实例"), Some(instance.id)),
        (lang.pick("state", "状态"), Some(instance.state)),
        (lang.pick("ends", "到期时间"), Some(instance.term_ends_at)),
        (lang.pick("order", "订单"), Some(renewed.order)),
        (lang.pick("price", "价格"), renewed.price),
    ])
}

fn shown_access(access: AccessBody, lang: Lang) -> String {
    let login = |what: &'static str, login: LoginBody| {
        [
            (format!("{what} url"), login.url),
            (format!("{what} username"), login.username),
            (format!("{what} password"), login.password),
        ]
    };
    let front = login(lang.pick("front end", "前台"), access.front_end);
    let admin = login(lang.pick("admin", "后台"), access.admin);
    let sign_on = [(
        lang.pick("sign-on url", "免密登录").to_owned(),
        access.auth_url,
    )];
    let extra = access
        .extra
        .into_iter()
        .map(|(name, value)| (name, Some(value)));
    let rows: Vec<_> = front
        .into_iter()
        .chain(admin)
        .chain(sign_on)
        .chain(extra)
        .map(|(name, value)| (escaped(&name), value))
        .collect();
    card(
        rows.iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    )
}
