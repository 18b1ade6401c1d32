//! A dialect is one word in the registry, one file and one folder of fixtures.

use std::collections::BTreeSet;

use crate::tidy::{Broken, File};

/// Where the words stand.
pub(crate) const REGISTRY: &str = "crates/turnkey-dialects/src/dialects/mod.rs";

/// Where the files lie, each called like its word.
pub(crate) const SOURCES: &str = "crates/turnkey-dialects/src/dialects/";

/// Where the folders lie, each called like its word with `-` for `_`.
pub(crate) const FIXTURES: &str = "crates/turnkey-dialects/fixtures/";

/// Every dialect that is not whole.
pub(super) fn check(files: &[File]) -> Vec<Broken> {
    let Some(registry) = files.iter().find(|file| file.path == REGISTRY) else {
        return vec![Broken {
            place: REGISTRY.to_owned(),
            rule: "the registry lists every dialect".to_owned(),
            fix: "bring it back".to_owned(),
        }];
    };
    let words = words(&registry.text);
    let paths = || files.iter().map(|file| file.path.as_str());
    let sources: BTreeSet<&str> = paths()
        .filter_map(|path| path.strip_prefix(SOURCES))
        .map(|file| file.split_once('/').map_or(file, |(folder, _)| folder))
        .map(|file| file.strip_suffix(".rs").unwrap_or(file))
        .filter(|file| *file != "mod")
        .collect();
    let folders: BTreeSet<String> = paths()
        .filter_map(|path| path.strip_prefix(FIXTURES)?.split_once('/'))
        .map(|(folder, _)| folder.replace('-', "_"))
        .collect();
    let mut broken = Vec::new();
    let mut say = |word: &str, rule: &str, fix: String| {
        broken.push(Broken {
            place: format!("{REGISTRY}: {word}"),
            rule: rule.to_owned(),
            fix,
        });
    };
    for word in &words {
        if !sources.contains(word) {
            say(
                word,
                "every word has its file",
                format!("add {SOURCES}{word}.rs"),
            );
        }
        if !folders.contains(*word) {
            let folder = word.replace('_', "-");
            say(
                word,
                "every word has its fixtures",
                format!("add {FIXTURES}{folder}/"),
            );
        }
    }
    for source in sources.iter().filter(|source| !words.contains(**source)) {
        say(
            source,
            "every file has its word",
            format!("add `{source}` to dialects! {{ … }}"),
        );
    }
    for folder in folders
        .iter()
        .filter(|folder| !words.contains(folder.as_str()))
    {
        say(
            folder,
            "every folder of fixtures has its word",
            "delete the folder".to_owned(),
        );
    }
    broken
}

/// The words between the braces of `dialects! { … }`.
fn words(registry: &str) -> BTreeSet<&str> {
    let behind = registry.split("\ndialects! {").nth(1).unwrap_or_default();
    let inside = behind.split('}').next().unwrap_or_default();
    let code = inside
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.split([' ', ',']))
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(registry: &str, others: &[&str]) -> Vec<File> {
        let mut files = vec![File {
            path: REGISTRY.to_owned(),
            text: registry.to_owned(),
        }];
        files.extend(others.iter().map(|path| File {
            path: (*path).to_owned(),
            text: String::new(),
        }));
        files
    }

    #[track_caller]
    fn check_rules(registry: &str, others: &[&str], expected: &[&str]) {
        let broken = check(&repository(registry, others));
        let rules: Vec<&str> = broken.iter().map(|broken| broken.rule.as_str()).collect();
        assert_eq!(rules, expected);
    }

    const ONE: &str = "use x;\n\ndialects! {\n    qingcloud_market // the first\n}\n\nfn f() {}\n";
    const SOURCE: &str = "crates/turnkey-dialects/src/dialects/qingcloud_market.rs";
    const FIXTURE: &str = "crates/turnkey-dialects/fixtures/qingcloud-market/create.txt";

    #[test]
    fn words_are_read_as_a_person_reads_them() {
        let read = |text| words(text).into_iter().collect::<Vec<_>>();
        assert_eq!(read(ONE), ["qingcloud_market"]);
        assert_eq!(read("\ndialects! {\n    a,\n    b\n}\n"), ["a", "b"]);
        assert_eq!(read("\ndialects! { a b }\n"), ["a", "b"]);
        assert_eq!(read("macro_rules! dialects {}\n"), Vec::<&str>::new());
    }

    #[test]
    fn a_whole_dialect_is_fine() {
        check_rules(ONE, &[SOURCE, FIXTURE], &[]);
        let folder = "crates/turnkey-dialects/src/dialects/qingcloud_market/sign.rs";
        check_rules(ONE, &[SOURCE, folder, FIXTURE], &[]);
        // A file beside the folders belongs to all of them.
        let vectors = "crates/turnkey-dialects/fixtures/vectors.json";
        check_rules(ONE, &[SOURCE, FIXTURE, vectors], &[]);
    }

    #[test]
    fn what_is_missing_is_named() {
        check_rules(ONE, &[FIXTURE], &["every word has its file"]);
        check_rules(ONE, &[SOURCE], &["every word has its fixtures"]);
        check_rules(
            "\ndialects! {\n}\n",
            &[SOURCE, FIXTURE],
            &[
                "every file has its word",
                "every folder of fixtures has its word",
            ],
        );
    }

    #[test]
    fn without_a_registry_there_is_nothing_to_check() {
        let broken = check(&[]);
        assert_eq!(broken.len(), 1);
    }
}
