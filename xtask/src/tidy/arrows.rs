//! Which crate may use which. A crate exists to enforce an absence: these are the absences.

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::run::root;
use crate::tidy::Broken;

/// What a crate may use.
struct Room {
    name: &'static str,
    /// Crates of this workspace that it may use.
    uses: &'static [&'static str],
    /// Crates of this workspace that its tests may use besides; the test kit always.
    tests_use: &'static [&'static str],
    /// Crates from outside that it must not use, with the absence that they would end.
    never: &'static [&'static str],
    /// The absence.
    knows_nothing_of: &'static str,
}

const TESTKIT: &str = "turnkey-testkit";

const ROOMS: &[Room] = &[
    Room {
        name: "turnkey-core",
        uses: &[],
        tests_use: &[],
        never: &[
            "axum",
            "hyper",
            "rand",
            "reqwest",
            "rusqlite",
            "serde",
            "serde_json",
            "tokio",
        ],
        knows_nothing_of: "I/O, the clock, randomness, an async runtime, wire formats",
    },
    Room {
        name: "turnkey-dialects",
        uses: &["turnkey-core"],
        tests_use: &[],
        never: &["axum", "hyper", "rand", "reqwest", "rusqlite", "tokio"],
        knows_nothing_of: "async, I/O, SQL, HTTP libraries, the clock",
    },
    Room {
        name: "turnkey-store",
        uses: &["turnkey-core"],
        tests_use: &[],
        never: &["axum", "hyper", "reqwest"],
        knows_nothing_of: "dialects, HTTP",
    },
    Room {
        name: "turnkey-drivers",
        // What asks another vendor does so through a dialect, as its marketplace would.
        uses: &["turnkey-core", "turnkey-dialects"],
        tests_use: &[],
        never: &["axum", "rusqlite"],
        knows_nothing_of: "transactions, how a dialect listens",
    },
    Room {
        name: "turnkey-engine",
        uses: &["turnkey-core"],
        // Its simulation crashes a real store: there is no third one to keep honest.
        tests_use: &["turnkey-store"],
        never: &["axum", "hyper", "rusqlite"],
        knows_nothing_of: "SQL, HTTP, any dialect",
    },
    Room {
        name: "turnkey",
        uses: &[
            "turnkey-core",
            "turnkey-dialects",
            "turnkey-drivers",
            "turnkey-engine",
            "turnkey-store",
        ],
        tests_use: &[],
        never: &[],
        knows_nothing_of: "nothing: it is the only program",
    },
    Room {
        name: TESTKIT,
        uses: &["turnkey-core"],
        tests_use: &[],
        never: &["axum", "hyper", "rusqlite"],
        knows_nothing_of: "the crates that are tested with it",
    },
    Room {
        name: "turnkey-bench",
        uses: &[
            "turnkey",
            "turnkey-core",
            "turnkey-dialects",
            "turnkey-drivers",
            "turnkey-engine",
            "turnkey-store",
        ],
        tests_use: &[],
        never: &[],
        knows_nothing_of: "nothing: it measures from outside",
    },
    Room {
        name: "xtask",
        uses: &[],
        tests_use: &[],
        never: &["axum", "hyper", "reqwest", "rusqlite", "tokio"],
        knows_nothing_of: "the program: it only starts other programs",
    },
];

/// Where errors may lose their type: at the edge, where only a person reads them.
const ANYHOW: &[&str] = &["turnkey", "turnkey-bench", "xtask"];

/// A crate with what it uses.
pub(super) struct Crate {
    name: String,
    uses: Vec<Use>,
}

impl Crate {
    /// Everything that it uses, also for its tests.
    pub(super) fn used(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(|used| used.name.as_str())
    }

    #[cfg(test)]
    pub(super) fn sample(name: &str, uses: &[&str]) -> Self {
        let used = |name: &&str| Use {
            name: (*name).to_owned(),
            in_tests: false,
        };
        Self {
            name: name.to_owned(),
            uses: uses.iter().map(used).collect(),
        }
    }
}

struct Use {
    name: String,
    in_tests: bool,
}

/// The crates of this workspace.
pub(super) fn crates() -> Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("tidy asks cargo which crates there are")?;
    let used = |dependency: &cargo_metadata::Dependency| Use {
        name: dependency.name.clone(),
        in_tests: dependency.kind == DependencyKind::Development,
    };
    let krate = |package: &cargo_metadata::Package| Crate {
        name: package.name.to_string(),
        uses: package.dependencies.iter().map(used).collect(),
    };
    Ok(metadata.packages.iter().map(krate).collect())
}

/// Every arrow that no room allows.
pub(super) fn check(crates: &[Crate]) -> Vec<Broken> {
    let is_ours = |name: &str| crates.iter().any(|krate| krate.name == name);
    let mut broken = Vec::new();
    for krate in crates {
        let Some(room) = ROOMS.iter().find(|room| room.name == krate.name) else {
            broken.push(Broken {
                place: krate.name.clone(),
                rule: "a crate exists only to enforce an absence, and none is written down".into(),
                fix: "make it a module, or add its room to xtask/src/tidy/arrows.rs".into(),
            });
            continue;
        };
        for used in &krate.uses {
            let rule = if is_ours(&used.name) {
                of_workspace(room, used)
            } else {
                of_outside(room, used)
            };
            broken.extend(rule.map(|(rule, fix)| Broken {
                place: format!("{}/Cargo.toml", krate.name),
                rule,
                fix,
            }));
        }
    }
    broken
}

fn of_workspace(room: &Room, used: &Use) -> Option<(String, String)> {
    let name = used.name.as_str();
    if used.in_tests && (name == TESTKIT || room.tests_use.contains(&name)) {
        return None;
    }
    if name == TESTKIT {
        return Some((
            format!("{TESTKIT} is for tests only"),
            "move it to [dev-dependencies]".to_owned(),
        ));
    }
    (!room.uses.contains(&name)).then(|| {
        (
            format!("there is no arrow from {} to {name}", room.name),
            format!(
                "{} knows nothing of {}; pass what it needs through a port of turnkey-core",
                room.name, room.knows_nothing_of
            ),
        )
    })
}

fn of_outside(room: &Room, used: &Use) -> Option<(String, String)> {
    let name = used.name.as_str();
    if used.in_tests {
        return None;
    }
    if name == "anyhow" && !ANYHOW.contains(&room.name) {
        return Some((
            format!("anyhow is for {} only", ANYHOW.join(", ")),
            "say what was being done in an error type of this crate (thiserror), or use Fault"
                .to_owned(),
        ));
    }
    room.never.contains(&name).then(|| {
        (
            format!("{} must not use {name}", room.name),
            format!(
                "it knows nothing of {}; take what is needed as an argument, or do it in another crate",
                room.knows_nothing_of
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(of: &str, uses: &[&str], tests_use: &[&str]) -> Vec<Crate> {
        let used = |in_tests| {
            move |name: &&str| Use {
                name: (*name).to_owned(),
                in_tests,
            }
        };
        let mut crates: Vec<Crate> = ROOMS
            .iter()
            .map(|room| Crate {
                name: room.name.to_owned(),
                uses: Vec::new(),
            })
            .collect();
        let krate = crates.iter_mut().find(|krate| krate.name == of).unwrap();
        krate.uses.extend(uses.iter().map(used(false)));
        krate.uses.extend(tests_use.iter().map(used(true)));
        crates
    }

    #[track_caller]
    fn check_rules(of: &str, uses: &[&str], tests_use: &[&str], expected: &[&str]) {
        let broken = check(&workspace(of, uses, tests_use));
        let rules: Vec<&str> = broken.iter().map(|broken| broken.rule.as_str()).collect();
        assert_eq!(rules, expected);
    }

    #[test]
    fn the_arrows_of_the_design_are_allowed() {
        check_rules("turnkey-core", &["jiff"], &["proptest", TESTKIT], &[]);
        check_rules(
            "turnkey-store",
            &["turnkey-core", "rusqlite"],
            &[TESTKIT],
            &[],
        );
        check_rules(
            "turnkey-engine",
            &["turnkey-core", "tokio"],
            &["turnkey-store"],
            &[],
        );
        check_rules(
            "turnkey",
            &["turnkey-core", "turnkey-store", "anyhow"],
            &[TESTKIT],
            &[],
        );
    }

    #[test]
    fn other_arrows_are_not() {
        check_rules(
            "turnkey-core",
            &["turnkey-store"],
            &[],
            &["there is no arrow from turnkey-core to turnkey-store"],
        );
        check_rules(
            "turnkey-store",
            &["turnkey-dialects"],
            &["turnkey-engine"],
            &[
                "there is no arrow from turnkey-store to turnkey-dialects",
                "there is no arrow from turnkey-store to turnkey-engine",
            ],
        );
        check_rules(
            "turnkey-engine",
            &["turnkey-store"],
            &[],
            &["there is no arrow from turnkey-engine to turnkey-store"],
        );
    }

    #[test]
    fn nobody_uses_the_automation_or_the_load() {
        for room in ROOMS {
            for tool in ["xtask", "turnkey-bench"] {
                assert!(!room.uses.contains(&tool) && !room.tests_use.contains(&tool));
            }
        }
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        check_rules(
            "turnkey-engine",
            &[TESTKIT],
            &[],
            &["turnkey-testkit is for tests only"],
        );
    }

    #[test]
    fn what_ends_an_absence_is_not_used() {
        check_rules(
            "turnkey-core",
            &["tokio", "serde"],
            &[],
            &[
                "turnkey-core must not use tokio",
                "turnkey-core must not use serde",
            ],
        );
        check_rules(
            "turnkey-dialects",
            &["rand"],
            &[],
            &["turnkey-dialects must not use rand"],
        );
        // A test may: the absence is about the crate.
        check_rules("turnkey-core", &[], &["serde"], &[]);
    }

    #[test]
    fn errors_keep_their_type_inside() {
        check_rules(
            "turnkey-store",
            &["anyhow"],
            &[],
            &["anyhow is for turnkey, turnkey-bench, xtask only"],
        );
    }

    #[test]
    fn a_new_crate_says_why_it_exists() {
        let mut crates = workspace("turnkey", &[], &[]);
        crates.push(Crate::sample("turnkey-utils", &[]));
        assert_eq!(check(&crates).len(), 1);
    }
}
