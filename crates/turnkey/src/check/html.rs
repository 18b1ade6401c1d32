//! The report as one page that needs nothing else: it can be mailed. The template escapes whatever
//! comes from outside.

use askama::Template;

use super::report::{Mark, Report, Row, came_back};
use super::{Severity, pick};
use crate::cli::Lang;
use crate::cli::terminal::escaped;

/// The page's style sheet.
const STYLE: &str = include_str!("../../templates/check.css");

#[derive(Template)]
#[template(path = "check.html")]
struct Page<'a> {
    lang: &'static str,
    style: &'static str,
    title: String,
    heading: String,
    url: String,
    scope: &'static str,
    source: &'a str,
    summary: String,
    left: Option<String>,
    rows: Vec<Shown>,
    labels: Labels,
}

struct Labels {
    sent: &'static str,
    back: &'static str,
    expected: &'static str,
    got: &'static str,
    fix: &'static str,
    page: &'static str,
}

struct Shown {
    id: &'static str,
    mark: &'static str,
    class: &'static str,
    title: &'static str,
    told: String,
    severity: &'static str,
    page: String,
    found: Option<Found>,
}

struct Found {
    exchanges: Vec<(String, String)>,
    expected: String,
    got: String,
    fix: &'static str,
}

/// The report as a page.
///
/// # Errors
/// When the template cannot be filled, which takes a bug.
pub fn html(report: &Report, lang: Lang) -> Result<String, askama::Error> {
    let page = Page {
        lang: lang.pick("en", "zh-CN"),
        style: STYLE,
        title: format!("turnkey check · {}", report.dialect),
        heading: report.title.to_owned(),
        url: escaped(&report.url),
        scope: report.scope(lang),
        source: report.source,
        summary: report.summary(lang),
        left: report.left_behind(lang),
        rows: report.rows.iter().map(|row| shown(row, lang)).collect(),
        labels: Labels {
            sent: lang.pick("Sent", "发送"),
            back: lang.pick("Came back", "收到"),
            expected: lang.pick("Expected", "应为"),
            got: lang.pick("Got", "实际"),
            fix: lang.pick("How to fix", "怎么改"),
            page: lang.pick("Documentation page", "文档页"),
        },
    };
    page.render()
}

fn shown(row: &Row, lang: Lang) -> Shown {
    let check = row.check;
    Shown {
        id: check.id,
        mark: row.result.word(),
        class: match row.result {
            Mark::Pass => "pass",
            Mark::Fail => "fail",
            Mark::Warn => "warn",
            Mark::Skip => "skip",
        },
        title: pick(check.rule.title, lang),
        told: escaped(row.told(lang)),
        severity: match check.severity {
            Severity::Must => lang.pick("must", "必须"),
            Severity::Should => lang.pick("should", "应该"),
        },
        page: check.clause.words(lang),
        found: row.finding.as_ref().map(|finding| Found {
            exchanges: finding
                .exchanges
                .iter()
                .map(|exchange| {
                    let back = came_back(exchange, lang);
                    (escaped(&exchange.sent), escaped(&back))
                })
                .collect(),
            expected: escaped(finding.expected.words(lang)),
            got: escaped(finding.got.words(lang)),
            fix: pick(check.rule.fix, lang),
        }),
    }
}
