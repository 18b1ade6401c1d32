//! `turnkey order list|show|pay|cancel`: paid things to do.

use crate::cli::admin_client::{AdminArgs, Told, say_json, segment};
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::terminal::card;
use crate::cli::{Exit, Lang, say};
use crate::http::admin::orders::{OrderDetail, OrderView};

#[derive(clap::Args)]
pub(super) struct Order {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Orders, newest first.
    List(Filter),
    /// One order.
    Show {
        /// Its id, such as o-01…
        id: String,
    },
    /// Take an order that waits for payment as paid: it is delivered now.
    Pay {
        /// Its id.
        id: String,
    },
    /// Take an order back that waits for payment.
    Cancel {
        /// Its id.
        id: String,
    },
}

#[derive(clap::Args)]
struct Filter {
    #[command(flatten)]
    list: ListArgs,
    /// Only of this listing.
    #[arg(long)]
    listing: Option<String>,
    /// Only in this state: awaiting_payment, accepted, fulfilled, failed, cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only of this kind: create, renew, change_plan.
    #[arg(long)]
    kind: Option<String>,
    /// Only about this instance.
    #[arg(long)]
    instance: Option<String>,
    /// Only with this key of the marketplace.
    #[arg(long)]
    key: Option<String>,
}

impl Order {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List(filter) => filter.list.tell(client, is_json, &filter.list_of(lang)),
            Command::Show { id } => {
                let order: OrderDetail = client.get(&format!("/orders/{}", segment(&id)), &[])?;
                tell(order, is_json, lang)
            }
            Command::Pay { id } => {
                let path = format!("/orders/{}/pay", segment(&id));
                tell(client.post(&path, &())?, is_json, lang)
            }
            Command::Cancel { id } => {
                let path = format!("/orders/{}/cancel", segment(&id));
                tell(client.post(&path, &())?, is_json, lang)
            }
        }))
    }
}

impl Filter {
    fn list_of(&self, lang: Lang) -> List<'static, OrderView, 8> {
        List {
            path: "/orders",
            filter: vec![
                ("listing", self.listing.clone()),
                ("state", self.state.clone()),
                ("kind", self.kind.clone()),
                ("instance", self.instance.clone()),
                ("key", self.key.clone()),
            ],
            heads: lang.pick(
                [
                    "ORDER", "KEY", "LISTING", "KIND", "STATE", "PRICE", "INSTANCE", "ACCEPTED",
                ],
                [
                    "订单",
                    "市场订单号",
                    "商品",
                    "类型",
                    "状态",
                    "价格",
                    "实例",
                    "受理时间",
                ],
            ),
            row: |o| {
                let at = moment(&o.accepted_at);
                let price = o.price.map_or_else(|| "-".to_owned(), |price| price.text);
                [
                    o.id, o.key, o.listing, o.kind, o.state, price, o.instance, at,
                ]
            },
            empty: lang.pick(
                "no order yet; be the marketplace: turnkey trigger qingcloud-market create",
                "还没有订单；可以扮演云市场试一试：turnkey trigger qingcloud-market create",
            ),
        }
    }
}

fn tell(order: OrderDetail, is_json: bool, lang: Lang) -> Told {
    if is_json {
        say_json(&order);
    } else {
        say(&shown(order, lang));
    }
    Ok(Exit::Good)
}

fn shown(detail: OrderDetail, lang: Lang) -> String {
    let order = detail.order;
    card([
        (lang.pick("order", "订单"), Some(order.id)),
        (lang.pick("listing", "商品"), Some(order.listing)),
        (lang.pick("kind", "类型"), Some(order.kind)),
        (lang.pick("key", "市场订单号"), Some(order.key)),
        (lang.pick("state", "状态"), Some(order.state)),
        (lang.pick("refusal", "拒绝原因"), detail.refusal),
        (lang.pick("plan", "套餐"), Some(order.plan)),
        (lang.pick("period", "时长"), Some(order.period)),
        (lang.pick("purchase", "购买"), detail.purchase),
        (
            lang.pick("price", "价格"),
            order.price.map(|price| price.text),
        ),
        (
            lang.pick("to be paid until", "付款期限"),
            order.unpaid_until,
        ),
        (lang.pick("instance", "实例"), Some(order.instance)),
        (lang.pick("operation", "操作"), Some(detail.operation)),
        (lang.pick("accepted", "受理时间"), Some(order.accepted_at)),
        (
            lang.pick("accepted (business)", "受理时间（业务时钟）"),
            Some(detail.accepted_at_business),
        ),
    ])
}
