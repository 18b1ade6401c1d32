//! `turnkey check`: whether anybody's endpoint does what a marketplace's documentation asks.
//!
//! A [`Check`] is a row of its dialect's visible table: a stable id, how much it matters, and the page
//! of the documentation that it comes from. What it does is its [`Rule`], which dialects that have
//! something in common share. Rules send through a [`Probe`], which spells calls with the dialect's
//! ask face and remembers what has to be removed afterwards; [`run()`] goes through the table.
//!
//! It is *not* the marketplace ([`crate::cli`]'s `trigger` is): it never repeats a call because it
//! failed, and it says things that no marketplace would say.

mod html;
mod jdcloud;
mod jdcloud_bastion;
mod junit;
pub mod probe;
mod qingcloud;
mod qingcloud_appcenter;
mod qingcloud_market;
pub mod report;
mod run;
mod verdict;

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;

use turnkey_dialects::Dialect;

use crate::cli::Lang;
pub use html::html;
pub use junit::junit;
use probe::Probe;
pub use run::{BuyerAt, Limits, Plan, run, run_until};
pub use verdict::{Finding, Stop, Verdict};

/// The same in English and in Chinese, known beforehand.
pub type Words = [&'static str; 2];

/// The one of `words` that is in `lang`.
#[must_use]
pub fn pick(words: Words, lang: Lang) -> &'static str {
    let [english, chinese] = words;
    lang.pick(english, chinese)
}

/// The same in English and in Chinese, made on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In English.
    pub en: String,
    /// 中文。
    pub zh: String,
}

impl Note {
    /// Says it in both languages.
    #[must_use]
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
        }
    }

    /// The one in `lang`.
    #[must_use]
    pub fn words(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

impl From<Words> for Note {
    fn from([en, zh]: Words) -> Self {
        Self::new(en, zh)
    }
}

/// How much a check matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The marketplace, or a buyer's money, depends on it: FAIL.
    Must,
    /// Advice, or what only a careful marketplace asks: WARN.
    Should,
}

/// What a check cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Calls that change nothing.
    Nothing,
    /// Calls that make and remove instances: `--allow-live`.
    Live,
}

/// What a rule comes to, in the end.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Stop>> + Send + 'a>>;

/// What is looked at, whatever the dialect calls it.
#[derive(Debug)]
pub struct Rule {
    /// What should hold.
    pub title: Words,
    /// What to do where it does not.
    pub fix: Words,
    /// Looks.
    pub run: for<'a> fn(&'a Probe) -> Run<'a>,
}

/// Where a check comes from.
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// The page of the marketplace's documentation ([`turnkey_dialects::Card::source`]).
    pub page: Words,
    /// Where this repository tells what that page asks: the file and its section.
    pub section: &'static str,
}

impl Clause {
    /// Both, for a person.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        format!("{} · {}", pick(self.page, lang), self.section)
    }
}

/// One numbered check of a dialect.
#[derive(Debug)]
pub struct Check {
    /// Its id, the same for ever, such as `QM-07`.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Where it comes from.
    pub clause: Clause,
    /// What it cannot do without.
    pub needs: Needs,
    /// What it looks at.
    pub rule: &'static Rule,
}

impl Check {
    const fn must(id: &'static str, clause: Clause, rule: &'static Rule) -> Self {
        Self {
            id,
            severity: Severity::Must,
            clause,
            needs: Needs::Nothing,
            rule,
        }
    }

    const fn should(id: &'static str, clause: Clause, rule: &'static Rule) -> Self {
        Self {
            severity: Severity::Should,
            ..Self::must(id, clause, rule)
        }
    }

    const fn live(self) -> Self {
        Self {
            needs: Needs::Live,
            ..self
        }
    }
}

/// The checks of `dialect`, in the order in which they run; empty where there are none yet.
#[must_use]
pub fn checks(dialect: &str) -> &'static [Check] {
    match dialect {
        "qingcloud-market" => qingcloud_market::CHECKS,
        "qingcloud-appcenter" => qingcloud_appcenter::CHECKS,
        "jdcloud-bastion" => jdcloud_bastion::CHECKS,
        _ => &[],
    }
}

/// The dialects that have checks.
pub fn dialects() -> impl Iterator<Item = &'static dyn Dialect> {
    let all = turnkey_dialects::all().iter().copied();
    all.filter(|dialect| !checks(dialect.card().name).is_empty())
}

/// All checks of all dialects as tables in Markdown: what `docs/check.md` holds.
#[must_use]
pub fn as_markdown() -> String {
    let mut page = String::new();
    for dialect in dialects() {
        let card = dialect.card();
        // Writing into a text cannot fail.
        let _ = write!(
            page,
            "### {}\n\n{}. [How Turnkey speaks it](dialects/{}.md).\n\n\
             | id | what should hold | 检查内容 | if not | needs | page 文档 |\n\
             | --- | --- | --- | --- | --- | --- |\n",
            card.name, card.source, card.name
        );
        for check in checks(card.name) {
            let [en, zh] = check.rule.title;
            let [page_en, page_zh] = check.clause.page;
            let section = check.clause.section.trim_start_matches("docs/");
            let result = match check.severity {
                Severity::Must => "FAIL",
                Severity::Should => "WARN",
            };
            let needs = match check.needs {
                Needs::Nothing => "",
                Needs::Live => "`--allow-live`",
            };
            let _ = writeln!(
                page,
                "| {} | {en} | {zh} | {result} | {needs} | [{page_en} {page_zh}]({section}) |",
                check.id
            );
        }
        page.push('\n');
    }
    page
}
