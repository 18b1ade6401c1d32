//! `docs/check.md` lists the checks that there are.

use std::collections::BTreeSet;

use turnkey::check::{as_markdown, checks, dialects};

use crate::pages::page;

#[test]
fn the_page_lists_every_check() {
    let page = page("docs/check.md");
    let table = as_markdown();
    assert!(
        page.contains(table.trim_end()),
        "docs/check.md must hold this, just as it stands:\n{table}"
    );
}

#[test]
fn every_id_is_given_once() {
    let mut seen = BTreeSet::new();
    for dialect in dialects() {
        for check in checks(dialect.card().name) {
            assert!(seen.insert(check.id), "{} twice", check.id);
        }
    }
}

#[test]
fn every_check_names_a_section_that_is_there() {
    for dialect in dialects() {
        for check in checks(dialect.card().name) {
            let section = check.clause.section;
            let (file, anchor) = section.split_once('#').expect("a section");
            let page = page(file);
            let headings = page.lines().filter(|line| line.starts_with('#'));
            let mut anchors = headings.map(|heading| {
                let text = heading.trim_start_matches('#').trim().to_lowercase();
                text.replace('`', "").replace(' ', "-")
            });
            assert!(anchors.any(|known| known == anchor), "{section}");
        }
    }
}
