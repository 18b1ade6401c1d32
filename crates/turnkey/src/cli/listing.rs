//! `turnkey listing list`: what is sold where.

use crate::cli::admin_client::{AdminArgs, say_json};
use crate::cli::terminal::table;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::Page;
use crate::http::admin::listings::ListingView;

#[derive(clap::Args)]
pub(super) struct Listing {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// What is sold where.
    List,
}

impl Listing {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List => {
                let page: Page<ListingView> = client.get("/listings", &[])?;
                if is_json {
                    say_json(&page);
                } else if page.items.is_empty() {
                    complain(lang.pick(
                        "nothing is listed: add [listing.<name>] to the configuration, then: turnkey config check",
                        "还没有商品：请在配置里加上 [listing.<名称>]，然后：turnkey config check",
                    ));
                } else {
                    say(&shown(page.items, lang));
                }
                Ok(Exit::Good)
            }
        }))
    }
}

fn shown(listings: Vec<ListingView>, lang: Lang) -> String {
    let heads = lang.pick(
        ["LISTING", "DIALECT", "PRODUCT", "URL"],
        ["商品", "协议", "产品", "通知地址"],
    );
    table(
        heads,
        listings
            .into_iter()
            .map(|l| [l.name, l.dialect, l.product, l.url]),
    )
}
