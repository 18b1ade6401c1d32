//! `turnkey calls tail --follow`: calls as they come.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use unicode_width::UnicodeWidthStr as _;

use crate::cli::admin_client::{AdminClient, Refusal, Told, say_json};
use crate::cli::calls::{heads, row};
use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::Page;
use crate::http::admin::calls::CallView;

/// Between two looks: sooner than a person looks up.
const PAUSE: Duration = Duration::from_millis(500);

/// Calls at each look, and before the first one that is printed: a call may be written a little
/// later than one that was answered after it.
const OVERLAP: usize = 200;

/// Prints the newest `limit` calls that fit `filter`, then every one that comes.
pub(super) fn run(
    client: &AdminClient,
    filter: &[(&str, Option<String>)],
    limit: usize,
    is_json: bool,
) -> Told {
    let interrupted = client.block_on(async { signal(SignalKind::interrupt()) });
    let mut interrupted = interrupted.map_err(|error| Refusal::nobody(error.to_string()))?;
    let mut seen = Seen::default();
    let all = client.list::<CallView>("/calls", filter, None, limit.max(OVERLAP))?;
    let first: Vec<_> = seen.new_of(all.items);
    let hidden = first.len().saturating_sub(limit);
    let lang = client.lang();
    if !is_json {
        say(&line(heads(lang).map(str::to_owned)));
    }
    tell(first.into_iter().skip(hidden), is_json, lang);
    loop {
        let end = async { tokio::time::timeout(PAUSE, interrupted.recv()).await };
        if client.block_on(end).is_ok() {
            return Ok(Exit::Good);
        }
        match since(client, filter, &mut seen) {
            Ok(calls) => tell(calls.into_iter(), is_json, lang),
            Err(refusal) => {
                refusal.told(client);
                complain(client.lang().pick(
                    "no more calls are seen: the server went away",
                    "看不到后面的调用了：服务已断开",
                ));
                return Ok(Exit::Problems);
            }
        }
    }
}

/// The calls that are not in `seen`, oldest first.
fn since(
    client: &AdminClient,
    filter: &[(&str, Option<String>)],
    seen: &mut Seen,
) -> Result<Vec<CallView>, Refusal> {
    let (mut calls, mut after) = (Vec::new(), None);
    loop {
        let mut query = filter.to_vec();
        query.push(("limit", Some(OVERLAP.to_string())));
        query.push(("after", after));
        let page: Page<CallView> = client.get("/calls", &query)?;
        let reaches_back = page.items.iter().any(|call| seen.has(&call.id));
        calls.extend(page.items);
        after = page.next.filter(|_| !reaches_back);
        if after.is_none() {
            return Ok(seen.new_of(calls));
        }
    }
}

/// The names of calls that were printed. They are in the order of time.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    /// Older ones are old, whether they are remembered or not.
    floor: String,
}

impl Seen {
    fn has(&self, name: &str) -> bool {
        name <= self.floor.as_str() || self.names.contains(name)
    }

    /// Those of `calls`, which come newest first, that are new, oldest first; they no longer are.
    fn new_of(&mut self, mut calls: Vec<CallView>) -> Vec<CallView> {
        calls.retain(|call| !self.has(&call.id));
        calls.reverse();
        self.names.extend(calls.iter().map(|call| call.id.clone()));
        while self.names.len() > OVERLAP {
            self.floor = self.names.pop_first().unwrap_or_default();
        }
        calls
    }
}

fn tell(calls: impl Iterator<Item = CallView>, is_json: bool, lang: Lang) {
    for call in calls {
        if is_json {
            say_json(&call);
        } else {
            say(&line(row(call, lang).map(|cell| escaped(&cell))));
        }
    }
}

/// Cells one beside the other, as wide as such a cell usually is: what comes later is not known.
fn line(cells: [String; 9]) -> String {
    const WIDTHS: [usize; 9] = [24, 14, 11, 20, 6, 7, 13, 28, 0];
    let pad = |(cell, width): (String, usize)| {
        let cell = if cell.is_empty() {
            "-".to_owned()
        } else {
            cell
        };
        let missing = width.saturating_sub(cell.width());
        format!("{cell}{}", " ".repeat(missing))
    };
    let cells: Vec<_> = cells.into_iter().zip(WIDTHS).map(pad).collect();
    cells.join("  ").trim_end().to_owned()
}
