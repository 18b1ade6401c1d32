//! `turnkey sweeper show|resume`: whether our own clock removes what is over.

use crate::cli::admin_client::{AdminArgs, say_json};
use crate::cli::list::moment;
use crate::cli::terminal::{card, table};
use crate::cli::{Exit, Lang, say};
use crate::http::admin::sweeper::SweeperView;

#[derive(clap::Args)]
pub(super) struct Sweeper {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Whether it removes what is over, and what is due.
    Show,
    /// Go on with removals, after a look at what is due.
    Resume,
}

impl Sweeper {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| {
            let sweeper: SweeperView = match self.command {
                Command::Show => client.get("/sweeper", &[])?,
                Command::Resume => client.post("/sweeper/resume", &())?,
            };
            if is_json {
                say_json(&sweeper);
            } else {
                say(&shown(sweeper, lang));
            }
            Ok(Exit::Good)
        }))
    }
}

fn shown(sweeper: SweeperView, lang: Lang) -> String {
    let next = match sweeper.next_due_at {
        Some(at) => moment(&at),
        None => lang.pick("nothing", "无").to_owned(),
    };
    let mut shown = card([
        (lang.pick("state", "状态"), Some(sweeper.state)),
        (lang.pick("reason", "原因"), sweeper.reason),
        (lang.pick("next due", "下次到期"), Some(next)),
    ]);
    if !sweeper.removals.is_empty() {
        let heads = lang.pick(["LISTING", "TO REMOVE", "OF"], ["商品", "待删除", "总数"]);
        let removals = sweeper.removals.into_iter();
        let rows = removals.map(|r| [r.listing, r.due.to_string(), r.of.to_string()]);
        shown += &format!("\n\n{}", table(heads, rows));
    }
    shown
}
