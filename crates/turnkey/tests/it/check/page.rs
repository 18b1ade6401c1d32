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
