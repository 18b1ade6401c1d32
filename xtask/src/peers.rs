//! Real clients that the tests call the server with, and how they get here: from the languages'
//! registries, at the versions and hashes that stand in `crates/turnkey/tests/sdk`, into `target/sdk`.
//! What is there already is not asked for again, so that the tests run without a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run::{root, step};

/// Where the versions and hashes stand.
const PINNED: &str = "crates/turnkey/tests/sdk";

/// Written last: what was installed, word for word.
const STAMP: &str = "installed";

/// One client.
struct Peer {
    /// Its folder in `target/sdk`.
    name: &'static str,
    /// The files that say what it is, in [`PINNED`].
    pins: &'static [&'static str],
    /// The commands that install it into a folder, from another one with copies of its pins.
    install: fn(folder: &Path) -> Vec<Command>,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "python",
        pins: &["build.txt", "requirements.txt"],
        install: python,
    },
    Peer {
        name: "node",
        pins: &["package.json", "package-lock.json"],
        install: node,
    },
];

/// Makes sure that every client is there as it is pinned.
pub(crate) fn meet() -> Result<()> {
    PEERS.iter().try_for_each(|peer| {
        let folder = root().join("target/sdk").join(peer.name);
        let wanted = pinned(peer)?;
        if fs::read_to_string(folder.join(STAMP)).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        println!("installing the {} client of the tests", peer.name);
        begin_anew(&folder, peer)?;
        for mut command in (peer.install)(&folder) {
            step(command.current_dir(&folder))?;
        }
        fs::write(folder.join(STAMP), wanted).context("cannot note what was installed")
    })
}

/// The pins of `peer`, word for word.
fn pinned(peer: &Peer) -> Result<String> {
    let read = |pin: &&str| {
        let file = root().join(PINNED).join(pin);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    peer.pins.iter().map(read).collect()
}

/// An empty folder with copies of the pins.
fn begin_anew(folder: &Path, peer: &Peer) -> Result<()> {
    let cannot = || format!("cannot make {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(cannot)?;
    }
    fs::create_dir_all(folder).with_context(cannot)?;
    for pin in peer.pins {
        fs::copy(root().join(PINNED).join(pin), folder.join(pin)).with_context(cannot)?;
    }
    Ok(())
}

/// The SDK comes as source. Its builder is pinned as well, so it is installed first, and pip may not
/// fetch one of its own.
fn python(folder: &Path) -> Vec<Command> {
    let builder = folder.join("builder");
    let pip = |pins: &str, into: &Path| {
        let mut pip = Command::new("python3");
        pip.args("-m pip install --disable-pip-version-check --quiet --no-deps".split(' '))
            .args("--require-hashes --no-compile --use-pep517 --no-build-isolation".split(' '))
            .args(["--requirement", pins, "--target"])
            .arg(into)
            .env("PYTHONPATH", &builder);
        pip
    };
    vec![
        pip("build.txt", &builder),
        pip("requirements.txt", &folder.join("packages")),
    ]
}

/// npm compares every package with the hash in the lock file, and runs none of their scripts.
fn node(_: &Path) -> Vec<Command> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    vec![npm]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_pinned_to_a_hash() {
        for peer in PEERS {
            let pins = pinned(peer).unwrap();
            let (versions, hashes) = match peer.name {
                "python" => (
                    pins.matches("==").count(),
                    pins.matches("--hash=sha256:").count(),
                ),
                _ => (
                    pins.matches("\n    \"node_modules/").count(),
                    pins.matches("\n      \"integrity\": \"sha512-").count(),
                ),
            };
            assert!(versions > 0);
            assert_eq!(versions, hashes, "{}", peer.name);
            assert!(
                !pins.contains("\"resolved\""),
                "a registry is everybody's own"
            );
        }
    }
}
