//! What a run came to, for a person at a terminal and for a program.

use serde_json::{Value, json};

use super::probe::Exchange;
use super::{Check, Finding, Note, Severity, pick};
use crate::cli::Lang;
use crate::cli::terminal::escaped;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The dialect's name.
    pub dialect: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Where its facts come from.
    pub source: &'static str,
    /// The endpoint, without what is secret in it.
    pub url: String,
    /// Whether instances might be made.
    pub is_live: bool,
    /// Whether the dialect has dry runs.
    pub has_dry_runs: bool,
    /// Whether it is bought from, and not called as a marketplace calls.
    pub is_storefront: bool,
    /// Whether anybody answered at all.
    pub is_reachable: bool,
    /// What decided the ids of orders.
    pub seed: u32,
    /// One for each check, in order.
    pub rows: Vec<Row>,
    /// Instances that were made and could not be removed, and orders of which nobody knows whether they
    /// made one.
    pub left: Vec<String>,
}

/// What one check came to.
#[derive(Clone, Debug)]
pub struct Row {
    /// The check.
    pub check: &'static Check,
    /// How it ended.
    pub result: Mark,
    /// What was found, where it does not hold.
    pub finding: Option<Finding>,
    /// Why it was skipped, where it was.
    pub why: Option<Note>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It holds.
    Pass,
    /// It must hold and does not.
    Fail,
    /// It should hold and does not.
    Warn,
    /// It was not looked at.
    Skip,
}

impl Mark {
    /// Its word, the same in every language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Warn => "WARN",
            Self::Skip => "SKIP",
        }
    }
}

impl Row {
    /// What is wrong, or why nobody looked; empty where all is well.
    #[must_use]
    pub fn told(&self, lang: Lang) -> &str {
        let got = self.finding.as_ref().map(|finding| &finding.got);
        got.or(self.why.as_ref())
            .map_or("", |note| note.words(lang))
    }
}

impl Report {
    /// How many ended so.
    #[must_use]
    pub fn count(&self, result: Mark) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }

    /// Whether nothing failed and nothing was left behind.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.is_reachable && self.count(Mark::Fail) == 0 && self.left.is_empty()
    }

    /// Which calls were made.
    #[must_use]
    pub fn scope(&self, lang: Lang) -> &'static str {
        if self.is_storefront {
            return match self.is_live {
                true => lang.pick(
                    "live: places orders, and ends and deletes what they made",
                    "真实调用：会下单，并停用、删除买到的实例",
                ),
                false => lang.pick(
                    "looks, signatures and malformed calls only: nothing is ordered",
                    "只有查询、签名和畸形调用：不下单",
                ),
            };
        }
        match (self.is_live, self.has_dry_runs) {
            (true, true) => lang.pick(
                "live: makes instances and removes them",
                "真实调用：会创建实例并删除",
            ),
            (true, false) => lang.pick(
                "live: makes debugging instances and removes them",
                "真实调用：会创建调试实例并删除",
            ),
            (false, true) => lang.pick(
                "debug calls only (debug=1): nothing is made",
                "只有调试调用（debug=1）：不创建任何东西",
            ),
            (false, false) => lang.pick(
                "connection tests, signatures and malformed calls only: nothing is made",
                "只有连接测试、签名和畸形调用：不创建任何东西",
            ),
        }
    }

    /// How many of each, in a sentence.
    #[must_use]
    pub fn summary(&self, lang: Lang) -> String {
        let [passed, failed, warned, skipped] =
            [Mark::Pass, Mark::Fail, Mark::Warn, Mark::Skip].map(|mark| self.count(mark));
        match lang {
            Lang::En => {
                let s = if warned == 1 { "" } else { "s" };
                format!("{passed} passed, {failed} failed, {warned} warning{s}, {skipped} skipped")
            }
            Lang::Zh => {
                format!("通过 {passed}，未通过 {failed}，警告 {warned}，跳过 {skipped}")
            }
        }
    }

    /// For a person at a terminal: what is not well, each with its evidence, and the sum.
    #[must_use]
    pub fn as_text(&self, lang: Lang) -> String {
        let mut lines = vec![format!(
            "{}   {}   {}",
            self.dialect,
            self.scope(lang),
            match lang {
                Lang::En => format!("{} checks, seed {}", self.rows.len(), self.seed),
                Lang::Zh => format!("{} 项检查，种子 {}", self.rows.len(), self.seed),
            }
        )];
        let notable = self.rows.iter().filter(|row| row.result != Mark::Pass);
        lines.extend(notable.map(|row| {
            format!(
                "  {}  {}  {}   {}",
                row.result.word(),
                row.check.id,
                pick(row.check.rule.title, lang),
                escaped(row.told(lang))
            )
        }));
        let mut has_details = false;
        for row in &self.rows {
            if let Some(finding) = &row.finding {
                has_details = true;
                lines.push(String::new());
                lines.extend(details(row, finding, lang));
            }
        }
        if has_details {
            lines.push(String::new());
        }
        lines.push(self.summary(lang));
        lines.extend(self.untested(lang));
        lines.extend(self.left_behind(lang));
        lines.join("\n")
    }

    /// What nobody can know after this run.
    #[must_use]
    pub fn untested(&self, lang: Lang) -> Option<String> {
        let skipped = self.rows.iter().filter(|row| row.result == Mark::Skip);
        let ids: Vec<_> = skipped.map(|row| row.check.id).collect();
        let ids = ids.join(" ");
        (!ids.is_empty()).then(|| match lang {
            Lang::En => format!("not tested: {ids}"),
            Lang::Zh => format!("没有检查：{ids}"),
        })
    }

    /// What has to be removed by hand.
    #[must_use]
    pub fn left_behind(&self, lang: Lang) -> Option<String> {
        let left = escaped(&self.left.join(" "));
        (!self.left.is_empty()).then(|| match lang {
            Lang::En => format!("could not be removed, please do so by hand: {left}"),
            Lang::Zh => format!("没能删除，请手工删除：{left}"),
        })
    }

    /// For a program.
    #[must_use]
    pub fn as_json(&self, lang: Lang) -> Value {
        let of = |mark: Mark| self.count(mark);
        json!({
            "dialect": self.dialect,
            "source": self.source,
            "url": self.url,
            "live": self.is_live,
            "reachable": self.is_reachable,
            "seed": self.seed,
            "passed": of(Mark::Pass),
            "failed": of(Mark::Fail),
            "warned": of(Mark::Warn),
            "skipped": of(Mark::Skip),
            "left": self.left,
            "ok": self.is_good(),
            "checks": self.rows.iter().map(|row| row.as_json(lang)).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn as_json(&self, lang: Lang) -> Value {
        let check = self.check;
        let finding = self.finding.as_ref();
        let exchanges = finding.map(|finding| finding.exchanges.iter().map(as_json));
        json!({
            "id": check.id,
            "title": pick(check.rule.title, lang),
            "severity": match check.severity {
                Severity::Must => "must",
                Severity::Should => "should",
            },
            "page": pick(check.clause.page, lang),
            "section": check.clause.section,
            "result": self.result.word().to_lowercase(),
            "why": self.why.as_ref().map(|why| why.words(lang)),
            "expected": finding.map(|finding| finding.expected.words(lang)),
            "got": finding.map(|finding| finding.got.words(lang)),
            "fix": finding.map(|_| pick(check.rule.fix, lang)),
            "exchanges": exchanges.map(Iterator::collect::<Vec<_>>).unwrap_or_default(),
        })
    }
}

fn as_json(exchange: &Exchange) -> Value {
    json!({
        "sent": exchange.sent,
        "status": exchange.status,
        "content_type": exchange.content_type,
        "body": exchange.body,
        "took_ms": exchange.took_ms,
    })
}

/// What came back, in one line.
#[must_use]
pub fn came_back(exchange: &Exchange, lang: Lang) -> String {
    let took_ms = exchange.took_ms;
    match exchange.status {
        Some(status) => {
            let content_type = match exchange.content_type.as_str() {
                "" => lang.pick("(no content type)", "（没有 Content-Type）"),
                other => other,
            };
            format!("{status} {content_type}   {took_ms} ms   {}", exchange.body)
        }
        None => format!("{}   {took_ms} ms", lang.pick("nothing", "没有应答")),
    }
}

fn details(row: &Row, finding: &Finding, lang: Lang) -> Vec<String> {
    let check = row.check;
    let label = |en: &'static str, zh: &'static str| lang.pick(en, zh);
    let mut lines = vec![format!("{}  {}", check.id, pick(check.rule.title, lang))];
    for exchange in &finding.exchanges {
        let sent = escaped(&exchange.sent);
        lines.push(format!("  {} {sent}", label("sent      ", "发送：")));
        let back = escaped(&came_back(exchange, lang));
        lines.push(format!("  {} {back}", label("came back ", "收到：")));
    }
    let rows = [
        (
            label("expected  ", "应为："),
            escaped(finding.expected.words(lang)),
        ),
        (
            label("got       ", "实际："),
            escaped(finding.got.words(lang)),
        ),
        (
            label("how to fix", "怎么改："),
            pick(check.rule.fix, lang).to_owned(),
        ),
        (label("says who  ", "出处："), check.clause.words(lang)),
    ];
    lines.extend(rows.map(|(name, text)| format!("  {name} {text}")));
    lines
}
