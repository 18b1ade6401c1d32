//! What the tests need beyond Rust, and how it gets here: from the distribution's packages.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::run::{output, step, succeeds};

/// One thing that the tests need beyond Rust.
struct Need {
    /// What it is.
    name: &'static str,
    /// What fails without it.
    why: &'static str,
    /// The packages that bring it, as Debian and Ubuntu call them.
    packages: &'static [&'static str],
    /// A command that ends well exactly when it is there.
    probe: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need {
        name: "a C compiler (cc)",
        why: "SQLite is bundled as C and compiled with the store",
        packages: &["gcc", "libc6-dev"],
        // Not only the compiler: also the headers that it is of no use without.
        probe: &[
            "cc",
            "-fsyntax-only",
            "-x",
            "c",
            "-include",
            "stdio.h",
            "/dev/null",
        ],
    },
    Need {
        name: "python3",
        why: "the tests call the server with a signer written independently of it, in Python, and sell the example vendor, which is in Python too",
        packages: &["python3"],
        probe: &[
            "python3",
            "-c",
            "import hmac, json, sqlite3, urllib.request; from hashlib import scrypt",
        ],
    },
    Need {
        name: "pip",
        why: "it installs the official Python SDK of JD Cloud, which the tests call the server with",
        packages: &["python3-pip"],
        probe: &["python3", "-m", "pip", "--version"],
    },
    Need {
        name: "Node.js with npm",
        why: "the tests call the server with the official Node.js SDK of JD Cloud",
        packages: &["nodejs", "npm"],
        probe: &["sh", "-c", "node --version && npm --version"],
    },
    Need {
        name: "curl",
        why: "the commands that open the dialects' pages are pasted into a shell, and call with it",
        packages: &["curl", "ca-certificates"],
        probe: &["curl", "--version"],
    },
    Need {
        name: "openssl",
        why: "the same commands sign with it, and the proxies need certificates",
        packages: &["openssl"],
        probe: &["openssl", "version"],
    },
    Need {
        name: "nginx",
        why: "docs/behind-a-proxy.md is tried with a real one (its package may start a server at \
              port 80, which the tests do not need)",
        packages: &["nginx"],
        // Where Debian has it, not everybody looks.
        probe: &["sh", "-c", "PATH=$PATH:/usr/sbin nginx -v"],
    },
    Need {
        name: "caddy",
        why: "docs/behind-a-proxy.md is tried with a real one (its package may start a server at \
              port 80, which the tests do not need)",
        packages: &["caddy"],
        probe: &["caddy", "version"],
    },
    Need {
        name: "OpenSSH",
        why: "the example bastion is a real sshd, and the tests go through it with ssh (its package \
              may start a server at port 22, which the tests do not need)",
        packages: &["openssh-server", "openssh-client"],
        probe: &[
            "sh",
            "-c",
            "PATH=$PATH:/usr/sbin; command -v sshd && command -v ssh && command -v ssh-keygen",
        ],
    },
];

/// Who may install packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// We are root.
    Root,
    /// `sudo` asks for no password.
    Sudo,
    /// Nobody that could be asked without a person.
    Nobody,
    /// There is no apt-get.
    NoAptGet,
}

/// Makes sure that everything is there, installing what is missing.
pub(crate) fn meet() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("missing: {}\n  why: {}", need.name, need.why);
    }
    let packages = packages(&missing);
    let commands = commands(standing(), &missing)?;
    println!("installing from the distribution: {}", packages.join(", "));
    for words in commands {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        step(command.args(words))?;
    }
    let still = self::missing();
    let names: Vec<_> = still.iter().map(|need| need.name).collect();
    ensure!(
        still.is_empty(),
        "still missing after {} was installed: {}",
        packages.join(", "),
        names.join(", ")
    );
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    let is_there = |need: &&Need| match need.probe {
        [program, args @ ..] => succeeds(program, args),
        [] => true,
    };
    NEEDS.iter().filter(|need| !is_there(need)).collect()
}

fn standing() -> Standing {
    if !succeeds("apt-get", &["--version"]) {
        Standing::NoAptGet
    } else if output("id", &["-u"]).is_ok_and(|id| id.trim() == "0") {
        Standing::Root
    } else if succeeds("sudo", &["-n", "true"]) {
        Standing::Sudo
    } else {
        Standing::Nobody
    }
}

fn packages(missing: &[&Need]) -> Vec<&'static str> {
    missing
        .iter()
        .flat_map(|need| need.packages)
        .copied()
        .collect()
}

/// The commands that install what is missing, or what a person has to do instead.
fn commands(standing: Standing, missing: &[&Need]) -> Result<Vec<Vec<String>>> {
    let packages = packages(missing).join(" ");
    let sudo = match standing {
        Standing::Root => "",
        Standing::Sudo => "sudo -n ",
        Standing::Nobody | Standing::NoAptGet => {
            let needs: Vec<_> = missing
                .iter()
                .map(|n| format!("{} ({})", n.name, n.why))
                .collect();
            let needs = needs.join("; ");
            if standing == Standing::NoAptGet {
                bail!(
                    "the tests need {needs}, and there is no apt-get here to install it: bring it \
                     with this system's packages (Debian calls them {packages}), then run \
                     `cargo xtask test` again"
                );
            }
            bail!(
                "the tests need {needs}, and installing it needs root: run \
                 `sudo apt-get update && sudo apt-get install {packages}`, then \
                 `cargo xtask test` again"
            );
        }
    };
    let apt_get = format!("{sudo}env DEBIAN_FRONTEND=noninteractive apt-get");
    let lines = [
        format!("{apt_get} update"),
        format!("{apt_get} install --yes --no-install-recommends {packages}"),
    ];
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect();
    Ok(lines.into_iter().map(words).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(standing: Standing) -> Vec<String> {
        let all: Vec<&Need> = NEEDS.iter().collect();
        let commands = commands(standing, &all).unwrap();
        commands.iter().map(|words| words.join(" ")).collect()
    }

    fn refused(standing: Standing) -> String {
        let all: Vec<&Need> = NEEDS.iter().collect();
        commands(standing, &all).unwrap_err().to_string()
    }

    #[test]
    fn root_updates_once_and_installs_everything() {
        let expected = [
            "env DEBIAN_FRONTEND=noninteractive apt-get update",
            "env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
             gcc libc6-dev python3 python3-pip nodejs npm curl ca-certificates openssl nginx caddy openssh-server \
             openssh-client",
        ];
        assert_eq!(shown(Standing::Root), expected);
    }

    #[test]
    fn sudo_is_never_asked_for_a_password() {
        for line in shown(Standing::Sudo) {
            assert!(line.starts_with("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get "));
        }
    }

    #[test]
    fn who_may_not_install_is_told_what_why_and_how() {
        let told = refused(Standing::Nobody);
        for part in [
            "python3 (the tests call the server",
            "SQLite is bundled",
            "`sudo apt-get update && sudo apt-get install gcc libc6-dev python3 python3-pip nodejs npm curl ca-certificates openssl nginx caddy openssh-server openssh-client`",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn without_apt_get_the_packages_are_named() {
        let told = refused(Standing::NoAptGet);
        assert!(
            told.contains("no apt-get here")
                && told.contains("gcc libc6-dev python3 python3-pip nodejs npm curl ca-certificates openssl nginx caddy openssh-server openssh-client")
        );
    }

    #[test]
    fn every_need_says_everything() {
        for need in NEEDS {
            assert!(!need.name.is_empty() && !need.why.is_empty());
            assert!(!need.packages.is_empty() && !need.probe.is_empty());
        }
    }
}
