//! Every code that a person may meet has a row in the catalogue and a page; none is left over.
//!
//! What is found by text is what is written as text: a code right behind one of the constructors
//! below. A code that takes another way (a variable) is only seen to be used.

use std::collections::BTreeSet;

use crate::tidy::{Broken, File};

/// Where the rows stand.
const CATALOGUE: &str = "crates/turnkey/src/words/catalogue.rs";

/// Where the pages lie.
const PAGES: &str = "docs/errors/";

/// What a code stands behind, as the source spells it without white space.
const BEHIND: &[&str] = &[
    "Fault::malformed(",
    "Fault::unauthentic(",
    "Fault::unknown(",
    "Fault::conflict(",
    "Fault::busy(",
    "FaultKind::Malformed,",
    "FaultKind::Unauthentic,",
    "FaultKind::Unknown,",
    "FaultKind::Conflict,",
    "FaultKind::Unsupported,",
    "FaultKind::Busy,",
    "FaultKind::Upstream,",
    "FaultKind::Bug,",
    "say(",
    "said(",
    "status(),",
];

/// What a code of the admin API stands behind: one of HTTP's words.
const STATUS: &str = "StatusCode::";

/// Every code without a row, row without a page, and whatever is left over.
pub(super) fn check(files: &[File]) -> Vec<Broken> {
    let Some(catalogue) = files.iter().find(|file| file.path == CATALOGUE) else {
        return vec![broken(
            CATALOGUE,
            "the catalogue lists every code",
            "bring it back",
        )];
    };
    let rows = rows(&catalogue.text);
    let pages: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix(PAGES)?.strip_suffix(".md"))
        .collect();
    let sources: Vec<&File> = files.iter().filter(|file| is_source(&file.path)).collect();
    let mut found = Vec::new();
    for file in &sources {
        for code in codes(&file.text) {
            if !rows.contains(code) {
                let fix = format!(
                    "add `{code}: …` to {CATALOGUE} and a page {PAGES}{code}.md, like their \
                     neighbours"
                );
                found.push(broken(
                    &file.path,
                    &format!("the code {code} has no row"),
                    &fix,
                ));
            }
        }
    }
    for code in &rows {
        let is_used = |file: &&File| file.text.contains(&format!("\"{code}\""));
        if !sources.iter().any(is_used) {
            let fix = "take its row and its page out, or use it";
            found.push(broken(
                CATALOGUE,
                &format!("nothing uses the code {code}"),
                fix,
            ));
        }
        if !pages.contains(code) {
            let fix = format!("write {PAGES}{code}.md");
            found.push(broken(
                CATALOGUE,
                &format!("the code {code} has no page"),
                &fix,
            ));
        }
    }
    for page in pages.iter().filter(|page| !rows.contains(*page)) {
        let place = format!("{PAGES}{page}.md");
        found.push(broken(
            &place,
            "a page has a row in the catalogue",
            "delete it",
        ));
    }
    found
}

fn broken(place: &str, rule: &str, fix: &str) -> Broken {
    Broken {
        place: place.to_owned(),
        rule: rule.to_owned(),
        fix: fix.to_owned(),
    }
}

/// Test files make up codes of their own.
fn is_source(path: &str) -> bool {
    let is_crate = path.starts_with("crates/") && path.contains("/src/");
    is_crate && path.ends_with(".rs") && !path.ends_with("tests.rs") && path != CATALOGUE
}

/// The first word of each line between the braces of `codes! { … }`.
fn rows(catalogue: &str) -> BTreeSet<&str> {
    let behind = catalogue.split("\ncodes! {").nth(1).unwrap_or_default();
    let inside = behind.split("\n}").next().unwrap_or_default();
    let word = |line: &'_ str| line.trim().split_once(": ").map(|(word, _)| word.len());
    inside
        .lines()
        .filter_map(|line| line.trim().get(..word(line)?))
        .filter(|word| is_code(word))
        .collect()
}

/// The codes that stand right behind a constructor.
fn codes(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices(STATUS) {
        let behind = source.get(at + STATUS.len()..).unwrap_or_default();
        let behind = behind.split_once(',').map(|(_, behind)| behind);
        found.extend(behind.and_then(quoted));
    }
    for opening in BEHIND {
        for (at, _) in source.match_indices(opening) {
            // `say(` is not the end of `gainsay(`.
            let before = source.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let behind = source.get(at + opening.len()..).unwrap_or_default();
            found.extend(quoted(behind));
        }
    }
    found
}

/// The code that `source` begins with, in quotes.
fn quoted(source: &str) -> Option<&str> {
    let word = source.trim_start().strip_prefix('"')?.split('"').next()?;
    is_code(word).then_some(word)
}

fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str =
        "macro_rules! codes {}\n\ncodes! {\n    // Calls.\n    a_b: Busy, \"x: y\", \"甲\";\n}\n";

    fn rules(catalogue: &str, source: &str, pages: &[&str]) -> Vec<String> {
        let file = |path: String, text: &str| File {
            path,
            text: text.to_owned(),
        };
        let mut files = vec![
            file(CATALOGUE.to_owned(), catalogue),
            file("crates/a/src/lib.rs".to_owned(), source),
        ];
        files.extend(
            pages
                .iter()
                .map(|page| file(format!("{PAGES}{page}.md"), "")),
        );
        check(&files)
            .into_iter()
            .map(|broken| broken.rule)
            .collect()
    }

    #[test]
    fn a_code_with_its_row_and_page_is_fine() {
        for source in [
            "Fault::busy(\"a_b\", x)",
            "Fault::busy(\n    \"a_b\",\n)",
            "Fault::new(FaultKind::Busy, \"a_b\", x)",
            "say(\"a_b\", en, zh)",
            "(\"a_b\", distance)",
        ] {
            assert_eq!(rules(ROWS, source, &["a_b"]), [""; 0], "{source}");
        }
    }

    #[test]
    fn what_lacks_or_is_left_over_is_named() {
        let used = "say(\"a_b\", en, zh)";
        let cases: [(&str, &[&str], &[&str]); 4] = [
            (used, &[], &["the code a_b has no page"]),
            ("", &["a_b"], &["nothing uses the code a_b"]),
            (
                used,
                &["a_b", "c_d"],
                &["a page has a row in the catalogue"],
            ),
            (
                "say(\"a_b\", x); Fault::busy(\"c_d\", x)",
                &["a_b"],
                &["the code c_d has no row"],
            ),
        ];
        for (source, pages, expected) in cases {
            assert_eq!(rules(ROWS, source, pages), expected, "{source}");
        }
    }

    #[test]
    fn sentences_and_other_words_are_no_codes() {
        let used = "say(\"a_b\", x); say(\"two words\"); gainsay(\"c_d\"); say(&format!(\"c_d\"))";
        assert_eq!(rules(ROWS, used, &["a_b"]), [""; 0]);
    }
}
