//! `turnkey event list`: what a person may want to know of.

use crate::cli::admin_client::AdminArgs;
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::{Exit, Lang};
use crate::http::admin::events::EventView;

#[derive(clap::Args)]
pub(super) struct Event {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Events, newest first.
    List(Filter),
}

#[derive(clap::Args)]
struct Filter {
    #[command(flatten)]
    list: ListArgs,
    /// Only of this kind, such as alarm_raised, access_read, operator_acted.
    #[arg(long)]
    kind: Option<String>,
    /// Only about this listing.
    #[arg(long)]
    listing: Option<String>,
    /// Only about this instance.
    #[arg(long)]
    instance: Option<String>,
}

impl Event {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        let Command::List(filter) = self.command;
        Ok(client.run(|client| filter.list.tell(client, is_json, &filter.list_of(lang))))
    }
}

impl Filter {
    fn list_of(&self, lang: Lang) -> List<'static, EventView, 4> {
        List {
            path: "/events",
            filter: vec![
                ("kind", self.kind.clone()),
                ("listing", self.listing.clone()),
                ("instance", self.instance.clone()),
            ],
            heads: lang.pick(
                ["WHEN", "KIND", "BY", "WHAT"],
                ["时间", "类型", "操作者", "内容"],
            ),
            row: |e| {
                let by = e.by.unwrap_or_else(|| "-".to_owned());
                [moment(&e.at), e.kind, by, e.message]
            },
            empty: lang.pick(
                "nothing happened that a person must know of",
                "没有需要人知道的事",
            ),
        }
    }
}
