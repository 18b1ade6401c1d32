//! `turnkey secret list`: which keys there are, and when each was last used.

use crate::cli::admin_client::{AdminArgs, say_json};
use crate::cli::terminal::table;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::Page;
use crate::http::admin::secrets::SecretView;

#[derive(clap::Args)]
pub(super) struct Secret {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The keys of every listing and the secrets of the accounts: never themselves, but where they
    /// come from and their last use.
    List,
}

impl Secret {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List => {
                let page: Page<SecretView> = client.get("/secrets", &[])?;
                if is_json {
                    say_json(&page);
                } else {
                    say(&shown(page.items, lang));
                    complain(lang.pick(
                        "to rotate: add the next key behind the current one, kill -HUP, and put it first once it is used",
                        "轮换：把新密钥写在当前密钥后面，kill -HUP；用起来之后再放到第一个",
                    ));
                }
                Ok(Exit::Good)
            }
        }))
    }
}

fn shown(secrets: Vec<SecretView>, lang: Lang) -> String {
    let heads = lang.pick(
        [
            "LISTING",
            "ACCOUNT",
            "KEY",
            "ROLE",
            "FINGERPRINT",
            "SOURCE",
            "LAST USED",
        ],
        ["商品", "账号", "序号", "用途", "指纹", "来源", "上次使用"],
    );
    let row = |secret: SecretView| {
        let role = match secret.role.as_str() {
            "current" => lang.pick("current", "当前"),
            "next" => lang.pick("next", "下一个"),
            other => other,
        };
        let never = lang.pick("never", "从未").to_owned();
        [
            secret.listing,
            secret.account.unwrap_or_else(|| "-".to_owned()),
            secret.place.to_string(),
            role.to_owned(),
            secret.fingerprint,
            secret.source,
            secret.last_used_at.unwrap_or(never),
        ]
    };
    table(heads, secrets.into_iter().map(row))
}
