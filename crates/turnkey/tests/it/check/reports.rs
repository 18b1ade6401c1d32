//! The reports of one fixed run, as each reader gets it. What came from outside is hostile.

use std::path::Path;

use turnkey::check::probe::Exchange;
use turnkey::check::report::{Mark, Report, Row};
use turnkey::check::{Finding, Note, checks, html, junit};
use turnkey::cli::Lang;
use turnkey_testkit::golden;

fn row(id: &str, result: Mark, finding: Option<Finding>, why: Option<Note>) -> Row {
    let mut all = checks("qingcloud-market").iter();
    Row {
        check: all.find(|check| check.id == id).expect("a check"),
        result,
        finding,
        why,
    }
}

fn finding(body: &str) -> Finding {
    Finding {
        expected: Note::new("a refusal, and nothing done", "拒绝，并且什么都不做"),
        got: Note::new("accepted", "被接受了"),
        exchanges: vec![
            Exchange {
                sent: "GET http://v.example/spi?action=TestConnection&signature=********"
                    .to_owned(),
                status: Some(200),
                content_type: "application/json".to_owned(),
                body: body.to_owned(),
                took_ms: 12,
            },
            Exchange {
                sent: "HEAD http://v.example/spi".to_owned(),
                status: None,
                content_type: String::new(),
                body: String::new(),
                took_ms: 30_000,
            },
        ],
    }
}

fn report() -> Report {
    let hostile =
        "{\"message\":\"<script>alert('1')</script> ]]> \u{1b}[2J \u{202e} \u{ffff} & \0\"}";
    let live = Note::new("needs --allow-live", "需要 --allow-live");
    let card = crate::check::dialect("qingcloud-market").card();
    Report {
        dialect: card.name,
        title: card.title,
        source: card.source,
        url: "http://v.example/spi?tenant=<7>".to_owned(),
        is_live: false,
        is_storefront: false,
        has_dry_runs: true,
        is_reachable: true,
        seed: 7,
        rows: vec![
            row("QM-01", Mark::Pass, None, None),
            row("QM-07", Mark::Fail, Some(finding(hostile)), None),
            row("QM-13", Mark::Warn, Some(finding("{}")), None),
            row("QM-36", Mark::Skip, None, Some(live)),
        ],
        left: vec!["i-<1>\u{7}".to_owned()],
    }
}

#[test]
fn a_report_reads_the_same_for_ever_in_both_languages() {
    let report = report();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check");
    for (name, lang) in [("en", Lang::En), ("zh", Lang::Zh)] {
        let json = serde_json::to_string_pretty(&report.as_json(lang)).expect("JSON");
        let text = report.as_text(lang);
        let xml = junit(&report, lang).expect("XML");
        let page = html(&report, lang).expect("a page");
        for text in [&text, &xml, &page] {
            let is_unseen =
                |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{ffff}'].contains(&c);
            assert!(!text.contains(is_unseen), "{text}");
        }
        assert!(!page.contains("<script") && !xml.contains("<script"));
        for outside in ["src=", "href=", "url(", "@import"] {
            assert!(
                !page.contains(outside),
                "the page needs nothing else: {outside}"
            );
        }
        for (kind, text) in [("json", json), ("txt", text), ("xml", xml), ("html", page)] {
            golden::check(
                &folder.join(format!("report.{name}.{kind}")),
                &format!("{text}\n"),
            );
        }
    }
}
