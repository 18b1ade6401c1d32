//! The report as JUnit XML, for whatever shows test results. A warning passes, with its words beside it:
//! JUnit knows none.

use askama::Template;

use super::report::{Mark, Report, Row, came_back};
use super::{Finding, pick};
use crate::cli::Lang;
use crate::cli::terminal::escaped;

#[derive(Template)]
#[template(path = "check.xml")]
struct Junit {
    name: String,
    tests: usize,
    failures: usize,
    skipped: usize,
    cases: Vec<Case>,
    left: Option<String>,
}

struct Case {
    name: String,
    failure: Option<(String, String)>,
    skipped: Option<String>,
    warning: Option<String>,
}

/// The report as JUnit XML.
///
/// # Errors
/// When the template cannot be filled, which takes a bug.
pub fn junit(report: &Report, lang: Lang) -> Result<String, askama::Error> {
    let page = Junit {
        name: escaped(&format!("turnkey check {} {}", report.dialect, report.url)),
        tests: report.rows.len(),
        failures: report.count(Mark::Fail),
        skipped: report.count(Mark::Skip),
        cases: report.rows.iter().map(|row| case(row, lang)).collect(),
        left: report.left_behind(lang),
    };
    page.render()
}

fn case(row: &Row, lang: Lang) -> Case {
    // XML has no control characters, however they are spelt: escaped is what a person sees.
    let told = || escaped(row.told(lang));
    let details = |finding: &Finding| evidence(row, finding, lang).join("\n");
    let finding = row.finding.as_ref();
    Case {
        name: format!("{} {}", row.check.id, pick(row.check.rule.title, lang)),
        failure: finding
            .filter(|_| row.result == Mark::Fail)
            .map(|finding| (told(), details(finding))),
        skipped: (row.result == Mark::Skip).then(told),
        warning: finding.filter(|_| row.result == Mark::Warn).map(details),
    }
}

/// What was sent, what came back, what was expected and how to fix it, a line each.
fn evidence(row: &Row, finding: &Finding, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    for exchange in &finding.exchanges {
        lines.push(format!("-> {}", escaped(&exchange.sent)));
        lines.push(format!("<- {}", escaped(&came_back(exchange, lang))));
    }
    let line = |name: &str, text: &str| format!("{name}{}", escaped(text));
    let (expected, got) = (&finding.expected, &finding.got);
    lines.push(line(
        lang.pick("expected: ", "应为："),
        expected.words(lang),
    ));
    lines.push(line(lang.pick("got: ", "实际："), got.words(lang)));
    lines.push(line(
        lang.pick("how to fix: ", "怎么改："),
        pick(row.check.rule.fix, lang),
    ));
    lines.push(line(
        lang.pick("page: ", "出处："),
        &row.check.clause.words(lang),
    ));
    lines
}
