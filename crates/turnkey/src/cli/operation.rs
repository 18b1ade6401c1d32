//! `turnkey operation list|show|retry`: work that is left to do.

use crate::cli::admin_client::{AdminArgs, say_json, segment};
use crate::cli::list::{List, ListArgs, moment};
use crate::cli::terminal::{card, escaped};
use crate::cli::{Exit, Lang, say};
use crate::http::admin::operations::{OperationDetail, OperationView, Retried};

#[derive(clap::Args)]
pub(super) struct Operation {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Operations that are left to do, newest first.
    List(Filter),
    /// One operation.
    Show {
        /// Its id, such as op-01…
        id: String,
    },
    /// Take a dead operation up again, or a failed order by its operation.
    Retry {
        /// The operation's id; `turnkey order show` names that of a failed order.
        id: String,
    },
}

#[derive(clap::Args)]
struct Filter {
    #[command(flatten)]
    list: ListArgs,
    /// Only in this state: queued, due, leased, retrying, dead.
    #[arg(long)]
    state: Option<String>,
    /// Only of this kind: provision, renew, change_plan, suspend, resume, release.
    #[arg(long)]
    kind: Option<String>,
    /// Only on this instance.
    #[arg(long)]
    instance: Option<String>,
}

impl Operation {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::List(filter) => filter.list.tell(client, is_json, &filter.list_of(lang)),
            Command::Show { id } => {
                let path = format!("/operations/{}", segment(&id));
                let operation: OperationDetail = client.get(&path, &[])?;
                if is_json {
                    say_json(&operation);
                } else {
                    say(&shown(operation, lang));
                }
                Ok(Exit::Good)
            }
            Command::Retry { id } => {
                let path = format!("/operations/{}/retry", segment(&id));
                let retried: Retried = client.post(&path, &())?;
                if is_json {
                    say_json(&retried);
                } else {
                    let id = escaped(&retried.operation);
                    say(&match lang {
                        Lang::En => format!("{id} is taken up again"),
                        Lang::Zh => format!("{id} 已重新执行"),
                    });
                }
                Ok(Exit::Good)
            }
        }))
    }
}

impl Filter {
    fn list_of(&self, lang: Lang) -> List<'static, OperationView, 6> {
        List {
            path: "/operations",
            filter: vec![
                ("state", self.state.clone()),
                ("kind", self.kind.clone()),
                ("instance", self.instance.clone()),
            ],
            heads: lang.pick(
                ["OPERATION", "KIND", "STATE", "ASKED", "DUE", "INSTANCE"],
                ["操作", "类型", "状态", "已尝试", "到期", "实例"],
            ),
            row: |o| {
                let due = o.due_at.as_deref().map_or_else(|| "-".to_owned(), moment);
                [
                    o.id,
                    o.kind,
                    o.state,
                    o.attempt.to_string(),
                    due,
                    o.instance,
                ]
            },
            empty: lang.pick(
                "no work is left to do; what was done is in: turnkey instance show ID",
                "没有待办的操作；做过的事见：turnkey instance show ID",
            ),
        }
    }
}

fn shown(detail: OperationDetail, lang: Lang) -> String {
    let operation = detail.operation;
    card([
        (lang.pick("operation", "操作"), Some(operation.id)),
        (lang.pick("kind", "类型"), Some(operation.kind)),
        (lang.pick("state", "状态"), Some(operation.state)),
        (lang.pick("instance", "实例"), Some(operation.instance)),
        (lang.pick("order", "订单"), operation.order),
        (lang.pick("plan", "套餐"), detail.plan),
        (
            lang.pick("asked", "已尝试"),
            Some(operation.attempt.to_string()),
        ),
        (lang.pick("first asked", "首次尝试"), detail.began_at),
        (lang.pick("due", "到期"), operation.due_at),
        (lang.pick("note", "备注"), detail.note),
    ])
}
