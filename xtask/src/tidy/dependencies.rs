//! Every direct dependency has its row in the page that says why it is there, and a user.

use std::collections::BTreeSet;

use crate::tidy::arrows::Crate;
use crate::tidy::{Broken, File};

const PAGE: &str = "docs/dependencies.md";
const MANIFEST: &str = "Cargo.toml";

/// Every dependency without a row or a user, and every row without a dependency.
pub(super) fn check(files: &[File], crates: &[Crate]) -> Vec<Broken> {
    let text = |path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.map_or("", |file| file.text.as_str())
    };
    let listed = listed(text(MANIFEST));
    let rows = rows(text(PAGE));
    let used: BTreeSet<&str> = crates.iter().flat_map(Crate::used).collect();
    let mut broken = Vec::new();
    let mut say = |place: &str, name: &str, rule: &str, fix: &str| {
        broken.push(Broken {
            place: format!("{place}: {name}"),
            rule: rule.to_owned(),
            fix: fix.to_owned(),
        });
    };
    for name in listed.difference(&rows) {
        let rule = "a dependency says what it is for and why this one";
        say(PAGE, name, rule, "add its row");
    }
    for name in rows.difference(&listed) {
        say(
            PAGE,
            name,
            "this is no dependency any more",
            "take its row out",
        );
    }
    for name in listed.difference(&used) {
        say(
            MANIFEST,
            name,
            "nobody uses this",
            "take it out of [workspace.dependencies]",
        );
    }
    broken
}

/// The names in `[workspace.dependencies]`, without our own crates.
fn listed(manifest: &str) -> BTreeSet<&str> {
    let behind = manifest.split("[workspace.dependencies]").nth(1);
    let section = behind
        .unwrap_or_default()
        .split("\n[")
        .next()
        .unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split_once('='));
    let names = names.map(|(name, _)| name.trim());
    names
        .filter(|name| !name.starts_with('#') && !name.starts_with("turnkey-"))
        .collect()
}

/// The names at the beginning of the page's rows.
fn rows(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "[workspace]\n[workspace.dependencies]\n\
        turnkey-core = { path = \"x\" }\n# Why.\njiff = \"0.2\"\ntokio = { version = \"1\" }\n\
        \n[workspace.lints]\nx = 1\n";

    #[test]
    fn names_are_read_from_the_manifest_and_the_page() {
        assert_eq!(listed(CARGO), BTreeSet::from(["jiff", "tokio"]));
        let page = "# `x`\n\n| crate | job |\n| --- | --- |\n| `jiff` | times |\n";
        assert_eq!(rows(page), BTreeSet::from(["jiff"]));
    }

    #[test]
    fn rows_dependencies_and_users_are_the_same() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let page = "| `jiff` | times |\n| `chrono` | times |\n";
        let files = [file(MANIFEST, CARGO), file(PAGE, page)];
        let core = Crate::sample("turnkey-core", &["jiff"]);
        let broken = check(&files, &[core]);
        let places: Vec<&str> = broken.iter().map(|broken| broken.place.as_str()).collect();
        let expected = [
            "docs/dependencies.md: tokio",
            "docs/dependencies.md: chrono",
            "Cargo.toml: tokio",
        ];
        assert_eq!(places, expected);
    }
}
