//! `turnkey why`: what a code means, who must act, and what to do. It asks nobody: the pages are in
//! the program.

use serde_json::json;

use crate::cli::{Exit, Lang, complain, say};
use crate::config::nearest;
use crate::words::catalogue::{CATALOGUE, Row, find};

#[derive(clap::Args)]
pub(super) struct Why {
    /// The code, such as signature_wrong; without one, all are listed.
    code: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(super) fn run(self, lang: Lang) -> Exit {
        let Some(code) = &self.code else {
            self.list(lang);
            return Exit::Good;
        };
        let Some(row) = find(code) else {
            let near = nearest(code, CATALOGUE.iter().map(|row| row.code));
            complain(&unknown(code, near, lang));
            return Exit::Usage;
        };
        if self.json {
            say(&as_json(row, lang).to_string());
        } else {
            say(row.page(lang).trim_end());
        }
        Exit::Good
    }

    fn list(&self, lang: Lang) {
        if self.json {
            let rows: Vec<_> = CATALOGUE.iter().map(|row| as_json(row, lang)).collect();
            say(&json!(rows).to_string());
            return;
        }
        let widest = CATALOGUE.iter().map(|row| row.code.len()).max();
        let width = widest.unwrap_or_default();
        for row in CATALOGUE {
            say(&format!("{:width$}  {}", row.code, row.title(lang)));
        }
    }
}

fn as_json(row: &Row, lang: Lang) -> serde_json::Value {
    json!({ "code": row.code, "title": row.title(lang), "page": row.page(lang) })
}

fn unknown(code: &str, near: Option<&str>, lang: Lang) -> String {
    let code: String = code.chars().flat_map(char::escape_debug).collect();
    match (near, lang) {
        (Some(near), Lang::En) => format!("there is no code {code}; did you mean {near}?"),
        (Some(near), Lang::Zh) => format!("没有代码 {code}；是不是想写 {near}？"),
        (None, Lang::En) => format!("there is no code {code}; `turnkey why` lists them"),
        (None, Lang::Zh) => format!("没有代码 {code}；`turnkey why` 会列出全部"),
    }
}
