//! `turnkey product list`: what is delivered.

use crate::cli::admin_client::{AdminArgs, say_json};
use crate::cli::terminal::table;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::Page;
use crate::http::admin::products::ProductView;

#[derive(clap::Args)]
pub(super) struct Product {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// What is delivered.
    List,
}

impl Product {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List => {
                let page: Page<ProductView> = client.get("/products", &[])?;
                if is_json {
                    say_json(&page);
                } else if page.items.is_empty() {
                    complain(lang.pick(
                        "no product is sold: add [product.<name>] and a [listing.<name>] that sells it",
                        "没有在售的产品：请加上 [product.<名称>] 和出售它的 [listing.<名称>]",
                    ));
                } else {
                    say(&shown(page.items, lang));
                }
                Ok(Exit::Good)
            }
        }))
    }
}

fn shown(products: Vec<ProductView>, lang: Lang) -> String {
    let heads = lang.pick(["PRODUCT", "PLANS", "SOLD AT"], ["产品", "套餐", "出售于"]);
    let row = |product: ProductView| {
        let plans: Vec<_> = product.plans.into_keys().collect();
        [product.name, plans.join(", "), product.listings.join(", ")]
    };
    table(heads, products.into_iter().map(row))
}
