//! `turnkey account create|list|show|enable|disable|rotate`: who may buy at the storefronts.

use crate::cli::admin_client::{AdminArgs, AdminClient, Told, say_json, segment};
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::terminal::card;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::accounts::{AccountBody, AccountSecretMade, AccountView};

#[derive(clap::Args)]
pub(super) struct Account {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make an account, with an access key and a secret, which is printed this once.
    Create {
        /// Its name, for ever: a-z, 0-9, - and _.
        name: String,
    },
    /// Accounts, by name.
    List(ListArgs),
    /// One account.
    Show {
        /// Its name.
        name: String,
    },
    /// Have its calls taken again.
    Enable {
        /// Its name.
        name: String,
    },
    /// Have its calls refused from now on; what it bought stays.
    Disable {
        /// Its name.
        name: String,
    },
    /// Give it a second secret, which is printed this once; both are good until the older is
    /// dropped.
    Rotate {
        /// Its name.
        name: String,
        /// Drop the older of its two secrets, to end a rotation.
        #[arg(long)]
        drop_old: bool,
    },
}

impl Account {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::Create { name } => made(
                client,
                is_json,
                client.post("/accounts", &AccountBody { name })?,
            ),
            Command::List(list) => list.tell(client, is_json, &list_in(lang)),
            Command::Show { name } => {
                let path = format!("/accounts/{}", segment(&name));
                told(client, is_json, &client.get(&path, &[])?)
            }
            Command::Enable { name } => {
                told(client, is_json, &client.post(&step(&name, "enable"), &())?)
            }
            Command::Disable { name } => {
                told(client, is_json, &client.post(&step(&name, "disable"), &())?)
            }
            Command::Rotate {
                name,
                drop_old: false,
            } => made(client, is_json, client.post(&step(&name, "rotate"), &())?),
            Command::Rotate {
                name,
                drop_old: true,
            } => told(
                client,
                is_json,
                &client.post(&step(&name, "drop-old"), &())?,
            ),
        }))
    }
}

fn step(name: &str, step: &str) -> String {
    format!("/accounts/{}/{step}", segment(name))
}

fn list_in(lang: Lang) -> List<'static, AccountView, 5> {
    List {
        path: "/accounts",
        filter: Vec::new(),
        heads: lang.pick(
            ["ACCOUNT", "ACCESS KEY", "STATE", "FROM", "LAST CALL"],
            ["账号", "ACCESS KEY", "状态", "来源", "上次调用"],
        ),
        row: |account| {
            let last = last_call(&account);
            [
                account.name,
                account.access_key,
                state(account.enabled).to_owned(),
                account.origin,
                last.as_deref().map_or_else(|| "-".to_owned(), moment),
            ]
        },
        empty: lang.pick(
            "nobody may buy yet: turnkey account create NAME, or [account.NAME] in the configuration",
            "还没有账号：turnkey account create 名称，或在配置里写 [account.名称]",
        ),
    }
}

fn state(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "disabled" }
}

/// Stamps are as long as one another, so that the latest is the greatest.
fn last_call(account: &AccountView) -> Option<String> {
    let used = account.secrets.iter().map(|s| s.last_used_at.clone());
    used.max().flatten()
}

fn told(client: &AdminClient, is_json: bool, account: &AccountView) -> Told {
    if is_json {
        say_json(account);
    } else {
        say(&shown(account, None, client.lang()));
    }
    Ok(Exit::Good)
}

fn made(client: &AdminClient, is_json: bool, made: AccountSecretMade) -> Told {
    let lang = client.lang();
    if is_json {
        say_json(&made);
    } else {
        say(&shown(&made.account, Some(made.secret_key), lang));
        complain(lang.pick(
            "the secret key is shown this once, and cannot be read again: give it to the buyer now",
            "密钥只显示这一次，以后读不到：请现在交给买家",
        ));
        if made.account.secrets.len() > 1 {
            let name = &made.account.name;
            complain(&match lang {
                Lang::En => format!(
                    "both secrets are good; once the buyer uses the new one: turnkey account rotate {name} --drop-old"
                ),
                Lang::Zh => format!(
                    "新旧两个密钥都有效；买家换用新的之后：turnkey account rotate {name} --drop-old"
                ),
            });
        }
    }
    Ok(Exit::Good)
}

fn shown(account: &AccountView, secret_key: Option<String>, lang: Lang) -> String {
    let never = || lang.pick("never used", "从未使用").to_owned();
    let secret = |n: usize| {
        let secret = account.secrets.get(n)?;
        let used = secret.last_used_at.as_deref().map_or_else(never, moment);
        Some(format!("{} ({}) {used}", secret.fingerprint, secret.source))
    };
    card([
        (lang.pick("account", "账号"), Some(account.name.clone())),
        ("access key", Some(account.access_key.clone())),
        ("secret key", secret_key),
        (
            lang.pick("state", "状态"),
            Some(state(account.enabled).to_owned()),
        ),
        (lang.pick("from", "来源"), Some(account.origin.clone())),
        (
            lang.pick("made", "创建时间"),
            account.made_at.as_deref().map(moment),
        ),
        (lang.pick("fingerprint", "密钥指纹"), secret(0)),
        (lang.pick("next fingerprint", "新密钥指纹"), secret(1)),
    ])
}
