//! What the lists have in common: how many rows, where to go on, and what to say when there are
//! none.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::admin_client::{AdminClient, Told, say_json};
use crate::cli::terminal::table;
use crate::cli::{Exit, complain, say};
use crate::http::admin::Page;

#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// How many rows at the most, newest first.
    #[arg(long, default_value_t = 20, value_parser = rows)]
    limit: usize,
    /// Go on behind this row.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

fn rows(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rows) if rows > 0 => Ok(rows),
        Ok(_) | Err(_) => Err("write a number from 1 on".to_owned()),
    }
}

/// A list, and how it is told.
pub(super) struct List<'a, V, const N: usize> {
    /// Where it is.
    pub(super) path: &'a str,
    /// Which rows; absent values are not asked for.
    pub(super) filter: Vec<(&'a str, Option<String>)>,
    /// The heads of the columns.
    pub(super) heads: [&'a str; N],
    /// The cells of a row.
    pub(super) row: fn(V) -> [String; N],
    /// What to do where nothing is there at all.
    pub(super) empty: &'a str,
}

impl ListArgs {
    /// Asks for the list and tells it.
    pub(super) fn tell<V: Serialize + DeserializeOwned, const N: usize>(
        &self,
        client: &AdminClient,
        is_json: bool,
        list: &List<'_, V, N>,
    ) -> Told {
        let lang = client.lang();
        let is_filtered = list.filter.iter().any(|(_, value)| value.is_some());
        let after = self.after.clone();
        let page: Page<V> = client.list(list.path, &list.filter, after, self.limit)?;
        if is_json {
            say_json(&page);
            return Ok(Exit::Good);
        }
        if page.items.is_empty() {
            complain(match is_filtered || self.after.is_some() {
                true => lang.pick(
                    "nothing fits; leave a filter out to see more",
                    "没有符合条件的；去掉一个筛选条件可以看到更多",
                ),
                false => list.empty,
            });
            return Ok(Exit::Good);
        }
        say(&table(list.heads, page.items.into_iter().map(list.row)));
        if let Some(next) = page.next {
            let next = crate::cli::terminal::escaped(&next);
            complain(&format!("{} --after {next}", lang.pick("more:", "还有：")));
        }
        Ok(Exit::Good)
    }
}

/// A moment as it stands in tables: to the second, in UTC.
pub(super) fn moment(stamp: &str) -> String {
    match stamp.get(..19) {
        Some(second) => format!("{}Z", second.replacen('T', " ", 1)),
        None => stamp.to_owned(),
    }
}
