//! What no file may say, and how long it may be.

use crate::tidy::{Broken, File};

/// Words that no Rust file may say, taken apart so that this file does not say them either.
const BANNED: &[(&str, &str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "a test that does not run proves nothing",
        "make it run, or delete it",
    ),
    (
        concat!("#[", "should_panic"),
        "a test that expects a panic passes for any panic",
        "check the value or the error instead",
    ),
    (
        concat!("todo", "!("),
        "nothing half done is committed",
        "finish it, or open an issue",
    ),
    (
        concat!("unimplemented", "!("),
        "nothing half done is committed",
        "finish it, or answer Fault::Unsupported",
    ),
];

/// How a Rust file reads the environment.
const ENVIRONMENT: &str = concat!("env", "::var");

/// Where the environment may be read. The list may only shrink.
const ENVIRONMENT_READERS: &[(&str, &str)] = &[
    ("crates/turnkey/src/config/", "one page lists them all"),
    (
        "crates/turnkey-testkit/src/golden.rs",
        "BLESS is for tests and configures nothing",
    ),
];

/// Rooms in which nothing waits.
const WITHOUT_ASYNC: &[&str] = &["crates/turnkey-core/src/", "crates/turnkey-dialects/src/"];

/// Longest file that one still holds in the head.
const LINES_MAX: usize = 600;

/// A file that is longer, for a reason.
struct Long {
    path: &'static str,
    lines_max: usize,
    reason: &'static str,
}

/// The files that are longer. The list may only shrink, and so may its numbers.
const LONG: &[Long] = &[];

/// Every rule that a file breaks.
pub(super) fn check(files: &[File]) -> Vec<Broken> {
    let rust = || files.iter().filter(|file| file.path.ends_with(".rs"));
    let mut broken: Vec<Broken> = rust().flat_map(lines).collect();
    broken.extend(rust().filter_map(|file| length(file, LONG)));
    broken.extend(LONG.iter().filter_map(|long| still_long(long, files)));
    broken.extend(news(files));
    broken
}

fn lines(file: &File) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let mut say = |rule: &str, fix: &str| {
            broken.push(Broken {
                place: format!("{}:{number}", file.path),
                rule: rule.to_owned(),
                fix: fix.to_owned(),
            });
        };
        for (word, rule, fix) in BANNED {
            if line.contains(word) {
                say(rule, fix);
            }
        }
        let may_read = |(path, _): &(&str, &str)| file.path.starts_with(path);
        if line.contains(ENVIRONMENT) && !ENVIRONMENT_READERS.iter().any(may_read) {
            say(
                "environment variables are read in crates/turnkey/src/config only",
                "read it there and pass it on as a value",
            );
        }
        if WITHOUT_ASYNC.iter().any(|room| file.path.starts_with(room)) && waits(line) {
            say(
                "nothing in this crate waits",
                "return what is to be done; the engine says when",
            );
        }
    }
    broken
}

/// Whether a line of code, not of a comment, is asynchronous.
fn waits(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let words = ["async fn", "async move", "async {", "async |", ".await"];
    words.iter().any(|word| code.contains(word))
}

fn length(file: &File, longer: &[Long]) -> Option<Broken> {
    let is_source = file.path.contains("/src/");
    let lines = file.text.lines().count();
    let known = longer.iter().find(|long| long.path == file.path);
    let lines_max = known.map_or(LINES_MAX, |long| long.lines_max);
    (is_source && lines > lines_max).then(|| Broken {
        place: file.path.clone(),
        rule: format!("{lines} lines; {lines_max} are the most"),
        fix: match known {
            Some(long) => format!("cut it: it is long because {}", long.reason),
            None => "cut it in two along what it knows".to_owned(),
        },
    })
}

/// A list of exceptions that does not shrink with its files is a list of permissions.
fn still_long(long: &Long, files: &[File]) -> Option<Broken> {
    let file = files.iter().find(|file| file.path == long.path);
    let lines = file.map_or(0, |file| file.text.lines().count());
    let fix = if lines <= LINES_MAX {
        "take it off the list"
    } else if lines < long.lines_max {
        "lower its number on the list to its lines"
    } else {
        return None;
    };
    Some(Broken {
        place: "xtask/src/tidy/text.rs".to_owned(),
        rule: format!(
            "{} has {lines} lines now: the list may only shrink",
            long.path
        ),
        fix: fix.to_owned(),
    })
}

fn news(files: &[File]) -> Option<Broken> {
    let is_news =
        |file: &File| file.path.starts_with("changes/unreleased/") && file.path.ends_with(".md");
    (!files.iter().any(is_news)).then(|| Broken {
        place: "changes/unreleased/".to_owned(),
        rule: "whoever upgrades is told what changed".to_owned(),
        fix: "add a file: what, why, impact, what to do (CONTRIBUTING.md)".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[track_caller]
    fn check_line(path: &str, line: &str, expected: bool) {
        let broken = lines(&file(path, &format!("\n{line}\n")));
        assert_eq!(!broken.is_empty(), expected, "{path}: {line}: {broken:?}");
        assert!(
            broken
                .iter()
                .all(|broken| broken.place == format!("{path}:2"))
        );
    }

    #[test]
    fn banned_words_are_found_where_they_stand() {
        for (word, _, _) in BANNED {
            check_line("crates/a/src/lib.rs", word, true);
        }
        check_line(
            "crates/a/src/lib.rs",
            "// what is still to do is an issue",
            false,
        );
    }

    #[test]
    fn the_environment_is_read_in_one_place() {
        let line = format!("std::{ENVIRONMENT}_os(\"X\")");
        check_line("crates/turnkey/src/config/secret.rs", &line, false);
        check_line("crates/turnkey-testkit/src/golden.rs", &line, false);
        check_line("crates/turnkey/src/cli/demo.rs", &line, true);
        check_line("crates/turnkey/tests/it/main.rs", &line, true);
        check_line(
            "crates/turnkey/src/cli/demo.rs",
            "env!(\"CARGO_PKG_VERSION\")",
            false,
        );
    }

    #[test]
    fn nothing_waits_where_nothing_may() {
        check_line("crates/turnkey-core/src/ports.rs", "async fn f() {}", true);
        check_line("crates/turnkey-dialects/src/wire.rs", "f().await", true);
        check_line(
            "crates/turnkey-core/src/ports.rs",
            "// an async fn would wait",
            false,
        );
        check_line("crates/turnkey-engine/src/desk.rs", "f().await", false);
    }

    #[test]
    fn long_files_are_found_unless_listed() {
        let long = file("crates/a/src/b.rs", &"x\n".repeat(601));
        assert!(length(&long, &[]).is_some());
        assert!(length(&file("crates/a/src/b.rs", &"x\n".repeat(600)), &[]).is_none());
        assert!(length(&file("crates/a/tests/it/b.rs", &long.text), &[]).is_none());
        let listed = |lines_max| Long {
            path: "crates/a/src/b.rs",
            lines_max,
            reason: "of a table",
        };
        assert!(length(&long, &[listed(601)]).is_none());
        assert!(
            length(
                &file("crates/a/src/b.rs", &"x\n".repeat(602)),
                &[listed(601)]
            )
            .is_some()
        );
    }

    #[test]
    fn the_list_of_long_files_shrinks() {
        let listed = Long {
            path: "crates/a/src/b.rs",
            lines_max: 700,
            reason: "of a table",
        };
        let with = |lines: usize| [file("crates/a/src/b.rs", &"x\n".repeat(lines))];
        assert_eq!(still_long(&listed, &with(700)), None);
        let fix = |lines| still_long(&listed, &with(lines)).unwrap().fix;
        assert_eq!(fix(650), "lower its number on the list to its lines");
        assert_eq!(fix(600), "take it off the list");
        assert!(still_long(&listed, &[]).is_some());
    }

    #[test]
    fn news_are_told() {
        assert!(news(&[]).is_some());
        assert!(news(&[file("changes/unreleased/.gitkeep", "")]).is_some());
        assert!(news(&[file("changes/unreleased/0001-first.md", "")]).is_none());
    }
}
