//! `turnkey calls tail|show`: what was asked and how it was answered.

mod follow;

use crate::cli::admin_client::{AdminArgs, AdminClient, Told, say_json, segment};
use crate::cli::terminal::{card, escaped, table};
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::calls::{CallDetail, CallView};
use crate::watch::metrics::{ACTIONS, RESULTS};

#[derive(clap::Args)]
pub(super) struct Calls {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The newest calls, the last one at the end.
    Tail(Tail),
    /// One call, with its request; what proves who sent it is masked.
    Show {
        /// The call's name, as `tail` prints it.
        call: String,
    },
}

#[derive(clap::Args)]
struct Tail {
    /// How many.
    #[arg(long, short = 'n', visible_alias = "lines", default_value_t = 20)]
    limit: usize,
    /// Only at this listing.
    #[arg(long)]
    listing: Option<String>,
    /// Only this action.
    #[arg(long, value_parser = ACTIONS)]
    action: Option<String>,
    /// Only this result.
    #[arg(long, value_parser = RESULTS)]
    result: Option<String>,
    /// Only for this order of the marketplace.
    #[arg(long)]
    order: Option<String>,
    /// Go on with those that come, until Ctrl-C; with --json one object a line. Ends with 1 when the
    /// server goes away.
    #[arg(long, short)]
    follow: bool,
}

impl Calls {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match self.command {
            Command::Tail(tail) => tail.run(client, is_json),
            Command::Show { call } => show(client, &call, is_json),
        }))
    }
}

impl Tail {
    fn run(self, client: &AdminClient, is_json: bool) -> Told {
        let filter = [
            ("listing", self.listing),
            ("action", self.action),
            ("result", self.result),
            ("order", self.order),
        ];
        if self.follow {
            return follow::run(client, &filter, self.limit, is_json);
        }
        let mut page = client.list::<CallView>("/calls", &filter, None, self.limit)?;
        if is_json {
            say_json(&page);
            return Ok(Exit::Good);
        }
        if page.items.is_empty() {
            let none = ("no call of that kind yet", "还没有这样的调用");
            complain(client.lang().pick(none.0, none.1));
            return Ok(Exit::Good);
        }
        page.items.reverse();
        let rows = page.items.into_iter().map(|call| row(call, client.lang()));
        say(&table(heads(client.lang()), rows));
        Ok(Exit::Good)
    }
}

fn show(client: &AdminClient, call: &str, is_json: bool) -> Told {
    let found: CallDetail = client.get(&format!("/calls/{}", segment(call)), &[])?;
    if is_json {
        say_json(&found);
        return Ok(Exit::Good);
    }
    let lang = client.lang();
    let CallDetail {
        call,
        note,
        request,
    } = found;
    let is_wrong = call.code.as_deref() == Some("signature_wrong");
    let wrongly_signed = is_wrong.then(|| call.id.clone());
    let answered = format!(
        "{} {} ({:.1} ms)",
        call.status, call.result, call.elapsed_ms
    );
    say(&card([
        (lang.pick("call", "调用"), Some(call.id)),
        (lang.pick("at", "时间"), Some(call.at)),
        (lang.pick("listing", "商品"), Some(call.listing)),
        (lang.pick("action", "动作"), Some(call.action)),
        (lang.pick("answered", "应答"), Some(answered)),
        (lang.pick("order", "订单"), call.order),
        (lang.pick("instance", "实例"), call.instance),
        (lang.pick("code", "代码"), call.code),
        (lang.pick("note", "说明"), note),
        (
            lang.pick("flags", "标记"),
            Some(call.flags.join(" ")).filter(|flags| !flags.is_empty()),
        ),
        (
            lang.pick("dry run", "试运行"),
            call.dry_run.then(|| lang.pick("yes", "是").to_owned()),
        ),
    ]));
    if let Some(request) = request {
        say("");
        request.lines().for_each(|line| say(&escaped(line)));
    }
    if let Some(id) = wrongly_signed {
        say("");
        let next = lang.pick("next:", "下一步：");
        say(&format!("{next} turnkey explain --call {}", escaped(&id)));
    }
    Ok(Exit::Good)
}

fn heads(lang: Lang) -> [&'static str; 9] {
    lang.pick(
        [
            "AT", "LISTING", "ACTION", "RESULT", "STATUS", "MS", "ORDER", "INSTANCE", "CALL",
        ],
        [
            "时间", "商品", "动作", "结果", "状态", "毫秒", "订单", "实例", "调用",
        ],
    )
}

/// One call, as `tail` lists it.
fn row(call: CallView, lang: Lang) -> [String; 9] {
    let mut notes = call.flags;
    if call.dry_run {
        notes.push(lang.pick("dry run", "试运行").to_owned());
    }
    let result = match call.code {
        Some(code) => format!("{} {code}", call.result),
        None => call.result,
    };
    let result = match notes.is_empty() {
        true => result,
        false => format!("{result} ({})", notes.join(", ")),
    };
    [
        call.at,
        call.listing,
        call.action,
        result,
        call.status.to_string(),
        format!("{:.1}", call.elapsed_ms),
        call.order.unwrap_or_default(),
        call.instance.unwrap_or_default(),
        call.id,
    ]
}
