//! `turnkey stock add|list`: what the `pool` driver hands out.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::cli::admin_client::{AdminArgs, AdminClient, Refusal, Told, say_json};
use crate::cli::terminal::table;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::Page;
use crate::http::admin::access::AccessBody;
use crate::http::admin::stock::{
    NewStockBody, StockAddBody, StockAddedView, StockLevelView, StockView,
};
use crate::words::{Said, stock as says};

/// Longest file: what the admin API takes at once, in CSV.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(clap::Args)]
pub(super) struct Stock {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Add licences or accounts, in the order in which they are to be handed out; all or none.
    Add {
        /// For which product.
        product: String,
        /// A CSV file, or - for the standard input. Its first line names the columns:
        /// front_end_url, username, password, admin_url, admin_username, admin_password, auth_url,
        /// plan; any other column goes to `extra` under its own name.
        file: PathBuf,
    },
    /// How much there is, and which items; never what they are.
    List {
        /// Only of this product.
        product: Option<String>,
        /// The newest items, at the most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        /// Print the items as CSV, for a spreadsheet.
        #[arg(long)]
        csv: bool,
    },
}

impl Stock {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let is_json = self.admin.json;
        match self.command {
            Command::Add { product, file } => {
                let text = read_bounded(&file, FILE_BYTES_MAX)?;
                let items = items(&text)?;
                let body = StockAddBody { product, items };
                let client = self.admin.client(lang)?;
                Ok(client.run(|client| {
                    let added: StockAddedView = client.post("/stock", &body)?;
                    if is_json {
                        say_json(&added);
                    } else {
                        say(&told(&added, lang));
                    }
                    Ok(Exit::Good)
                }))
            }
            Command::List {
                product,
                limit,
                csv,
            } => {
                let client = self.admin.client(lang)?;
                Ok(client
                    .run(|client| list(client, product.as_ref(), limit.into(), (is_json, csv))))
            }
        }
    }
}

fn told(added: &StockAddedView, lang: Lang) -> String {
    let StockAddedView { added, reserved } = added;
    match lang {
        Lang::En => format!("added {added}; {reserved} of them go to orders that waited"),
        Lang::Zh => format!("已添加 {added} 个，其中 {reserved} 个给了等待中的订单"),
    }
}

fn list(
    client: &AdminClient,
    product: Option<&String>,
    limit: usize,
    (is_json, is_csv): (bool, bool),
) -> Told {
    let lang = client.lang();
    let levels: Page<StockLevelView> = client.get("/stock/levels", &[])?;
    let is_wanted = |level: &StockLevelView| product.is_none_or(|p| *p == level.product);
    let levels: Vec<_> = levels.items.into_iter().filter(is_wanted).collect();
    let items: Page<StockView> =
        client.list("/stock", &[("product", product.cloned())], None, limit)?;
    if is_json {
        say_json(&json!({ "levels": levels, "items": items.items, "next": items.next }));
    } else if is_csv {
        let csv = exported(&items.items).map_err(|error| Refusal::nobody(error.to_string()))?;
        say(csv.trim_end());
    } else if levels.is_empty() {
        complain(lang.pick(
            "nothing is in stock: turnkey stock add PRODUCT FILE.csv",
            "库存是空的：turnkey stock add 产品 文件.csv",
        ));
    } else {
        let any = || lang.pick("any", "任意").to_owned();
        let heads = lang.pick(
            ["PRODUCT", "PLAN", "FREE", "TAKEN"],
            ["产品", "套餐", "可用", "已用"],
        );
        let row = |level: StockLevelView| {
            let (free, taken) = (level.free.to_string(), level.taken.to_string());
            [level.product, level.plan.unwrap_or_else(any), free, taken]
        };
        say(&table(heads, levels.into_iter().map(row)));
        say("");
        let heads = lang.pick(
            ["ITEM", "PRODUCT", "PLAN", "STATE", "INSTANCE", "ADDED"],
            ["条目", "产品", "套餐", "状态", "实例", "添加时间"],
        );
        let row = |item: StockView| {
            let plan = item.plan.unwrap_or_else(any);
            let instance = item.instance.unwrap_or_default();
            [
                item.id,
                item.product,
                plan,
                item.state,
                instance,
                item.added_at,
            ]
        };
        say(&table(heads, items.items.into_iter().map(row)));
    }
    Ok(Exit::Good)
}

/// The text in `file`, or on the standard input where it is `-`; at most `bytes_max` of it.
pub(super) fn read_bounded(file: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        let stdin = std::io::stdin().lock();
        stdin.take(bytes_max + 1).read_to_string(&mut text)
    } else {
        let open = std::fs::File::open(file);
        open.and_then(|open| open.take(bytes_max + 1).read_to_string(&mut text))
    };
    read.with_context(|| crate::words::start::cannot_read(file))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > bytes_max) {
        return Err(says::too_long(bytes_max).into());
    }
    Ok(text)
}

/// The items of a CSV file whose first line names the columns.
fn items(text: &str) -> Result<Vec<NewStockBody>, Said> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| says::malformed(&error))?;
    let header: Vec<String> = header.iter().map(str::to_owned).collect();
    for (n, name) in header.iter().enumerate() {
        if name.is_empty() || header.iter().take(n).any(|earlier| earlier == name) {
            return Err(says::column_unclear(name));
        }
    }
    let mut items = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| says::malformed(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut item = NewStockBody {
            line,
            plan: None,
            access: AccessBody::default(),
        };
        for (name, value) in header.iter().zip(&record) {
            if !value.is_empty() {
                put(&mut item, name, value.to_owned());
            }
        }
        items.push(item);
    }
    match items.as_slice() {
        [] => Err(says::no_line()),
        [_, ..] => Ok(items),
    }
}

fn put(item: &mut NewStockBody, column: &str, value: String) {
    let access = &mut item.access;
    let place = match column {
        "front_end_url" => &mut access.front_end.url,
        "username" => &mut access.front_end.username,
        "password" => &mut access.front_end.password,
        "admin_url" => &mut access.admin.url,
        "admin_username" => &mut access.admin.username,
        "admin_password" => &mut access.admin.password,
        "auth_url" => &mut access.auth_url,
        "plan" => &mut item.plan,
        other => {
            access.extra.insert(other.to_owned(), value);
            return;
        }
    };
    *place = Some(value);
}

/// The items as CSV. A spreadsheet runs what begins like a formula, so that such a cell begins with
/// an apostrophe (promise 8).
fn exported(items: &[StockView]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "product", "plan", "state", "instance", "added_at"])?;
    for item in items {
        let cells = [
            item.id.as_str(),
            &item.product,
            item.plan.as_deref().unwrap_or_default(),
            &item.state,
            item.instance.as_deref().unwrap_or_default(),
            &item.added_at,
        ];
        writer.write_record(cells.map(guarded))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn guarded(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        Some(_) | None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_the_rest_is_extra() {
        let text = "\u{feff}password, licence ,front_end_url,plan,username\n\
                    \"a,\"\"b\"\"\nc\",AAAA,https://x/,team,root\n\
                    ,BBBB,,,\n";
        let items = items(text).unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!((items[0].line, items[1].line), (2, 4));
        let access = &items[0].access;
        assert_eq!(access.front_end.password.as_deref(), Some("a,\"b\"\nc"));
        assert_eq!(access.front_end.url.as_deref(), Some("https://x/"));
        assert_eq!(access.extra["licence"], "AAAA");
        assert_eq!(items[0].plan.as_deref(), Some("team"));
        assert_eq!(
            (&items[1].plan, &items[1].access.front_end.url),
            (&None, &None)
        );
        assert_eq!(items[1].access.extra["licence"], "BBBB");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_and_not_quoted() {
        for (text, code) in [
            ("", "stock_file_empty"),
            ("username,password\n", "stock_file_empty"),
            ("username,username\na,b\n", "stock_column_unclear"),
            ("username,,password\na,b,c\n", "stock_column_unclear"),
            ("username,password\na,hunter22,c\n", "stock_file_malformed"),
        ] {
            let said = items(text).map(|_| ()).unwrap_err();
            assert_eq!(said.code, code, "{text:?}");
            assert!(!format!("{said:?}").contains("hunter22"));
        }
    }

    #[test]
    fn no_cell_of_an_export_is_a_formula() {
        let item = |product: &str| StockView {
            id: "s-1".to_owned(),
            product: product.to_owned(),
            plan: None,
            state: "free".to_owned(),
            added_at: "2026".to_owned(),
            instance: Some("@SUM(A1)".to_owned()),
        };
        let text = exported(&[item("=cmd()"), item("plain,\"quoted\"")]).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "s-1,'=cmd(),,free,'@SUM(A1),2026");
        assert_eq!(
            lines[2],
            "s-1,\"plain,\"\"quoted\"\"\",,free,'@SUM(A1),2026"
        );
    }
}
