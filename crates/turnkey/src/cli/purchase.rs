//! `turnkey purchase list|show`: what one ordering call of a storefront bought.

use crate::cli::admin_client::{AdminArgs, say_json, segment};
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::terminal::{card, table};
use crate::cli::{Exit, Lang, say};
use crate::http::admin::purchases::{PurchaseDetail, PurchaseView};

#[derive(clap::Args)]
pub(super) struct Purchase {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Purchases, newest first.
    List(Filter),
    /// One purchase with its orders.
    Show {
        /// Its id, such as p-01…
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
    /// Only in this state: waiting, delivering, delivered, partly_delivered, failed,
    /// cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only with this key of the marketplace.
    #[arg(long)]
    key: Option<String>,
}

impl Purchase {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List(filter) => filter.list.tell(client, is_json, &filter.list_of(lang)),
            Command::Show { id } => {
                let path = format!("/purchases/{}", segment(&id));
                let purchase: PurchaseDetail = client.get(&path, &[])?;
                if is_json {
                    say_json(&purchase);
                } else {
                    say(&shown(purchase, lang));
                }
                Ok(Exit::Good)
            }
        }))
    }
}

impl Filter {
    fn list_of(&self, lang: Lang) -> List<'static, PurchaseView, 8> {
        List {
            path: "/purchases",
            filter: vec![
                ("listing", self.listing.clone()),
                ("state", self.state.clone()),
                ("key", self.key.clone()),
            ],
            heads: lang.pick(
                ["PURCHASE", "KEY", "LISTING", "BUYER", "QUANTITY", "PRICE", "STATE", "ACCEPTED"],
                ["购买", "市场订单号", "商品", "买家", "数量", "总价", "状态", "受理时间"],
            ),
            row: |p| {
                let (quantity, at) = (p.quantity.to_string(), moment(&p.accepted_at));
                let price = p.price.map_or_else(|| "-".to_owned(), |price| price.text);
                let buyer = p.buyer.unwrap_or_else(|| "-".to_owned());
                [p.id, p.key, p.listing, buyer, quantity, price, p.state, at]
            },
            empty: lang.pick(
                "nothing was bought yet; be the marketplace: turnkey trigger qingcloud-market create",
                "还没有人购买；可以扮演云市场试一试：turnkey trigger qingcloud-market create",
            ),
        }
    }
}

fn shown(detail: PurchaseDetail, lang: Lang) -> String {
    let purchase = detail.purchase;
    let head = card([
        (lang.pick("purchase", "购买"), Some(purchase.id)),
        (lang.pick("listing", "商品"), Some(purchase.listing)),
        (lang.pick("key", "市场订单号"), Some(purchase.key)),
        (lang.pick("state", "状态"), Some(purchase.state)),
        (lang.pick("buyer", "买家"), purchase.buyer),
        (
            lang.pick("quantity", "数量"),
            Some(purchase.quantity.to_string()),
        ),
        (
            lang.pick("price", "总价"),
            purchase.price.map(|price| price.text),
        ),
        (lang.pick("plan", "套餐"), Some(purchase.plan)),
        (lang.pick("period", "时长"), Some(purchase.period)),
        (
            lang.pick("accepted", "受理时间"),
            Some(purchase.accepted_at),
        ),
    ]);
    let heads = lang.pick(
        ["ORDER", "STATE", "PRICE", "INSTANCE"],
        ["订单", "状态", "价格", "实例"],
    );
    let orders = detail.orders.into_iter().map(|o| {
        let price = o.price.map_or_else(|| "-".to_owned(), |price| price.text);
        [o.id, o.state, price, o.instance]
    });
    format!("{head}\n\n{}", table(heads, orders))
}
