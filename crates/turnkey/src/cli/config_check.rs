//! `turnkey config check`: says what is wrong with the configuration; touches nothing outside.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::{Exit, Lang, complain, say};
use crate::config::{self, Checked, Finding};

#[derive(clap::Args)]
pub(super) struct ConfigCheck {
    /// The configuration file.
    #[arg(long, short, default_value = "turnkey.toml")]
    config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl ConfigCheck {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let Checked { settings, findings } = config::load(&self.config);
        if self.json {
            let finding = |f: &Finding| {
                let level = if f.is_error { "error" } else { "warning" };
                let message = f.said.words(lang);
                json!({ "level": level, "code": f.said.code, "path": f.path, "message": message })
            };
            let findings: Vec<_> = findings.iter().map(finding).collect();
            say(&json!({ "ok": settings.is_some(), "findings": findings }).to_string());
        } else {
            for finding in &findings {
                say(&spoken(finding, lang));
            }
            if let Some(settings) = &settings {
                for listing in &settings.listings {
                    let at = format!("{}{}", settings.public_url, listing.path);
                    let title = listing.dialect.card().title;
                    say(&match lang {
                        Lang::En => format!("ok     listing {}: {title} calls {at}", listing.name),
                        Lang::Zh => format!("正常   listing {}：{title} 调用 {at}", listing.name),
                    });
                }
                complain(lang.pick("next: turnkey serve", "下一步：turnkey serve"));
            }
        }
        Ok(if settings.is_some() {
            Exit::Good
        } else {
            Exit::Problems
        })
    }
}

/// A finding as a line for a person.
pub(super) fn spoken(finding: &Finding, lang: Lang) -> String {
    let level = match finding.is_error {
        true => lang.pick("error ", "错误 "),
        false => lang.pick("warn  ", "警告 "),
    };
    let said = &finding.said;
    let words = said.words(lang);
    let what = match (finding.path.as_str(), lang) {
        ("", _) => words.to_owned(),
        (path, Lang::En) => format!("{path}: {words}"),
        (path, Lang::Zh) => format!("{path}：{words}"),
    };
    format!("{level} {what} [{}]", said.code)
}
