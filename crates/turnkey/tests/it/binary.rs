//! The real program, as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::app::KEY;
use crate::vendor::Vendor;
use crate::wire::{Answer, get, signed};
use turnkey_engine::SystemClock;

/// The program that this test-suite was built with.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_turnkey");

/// A running `turnkey serve`.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
    /// Changes with every line that is logged.
    lines: watch::Receiver<()>,
}

/// A folder with a configuration for `turnkey serve`, whose listing `notes` is provisioned by a
/// vendor's program.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) vendor: Vendor,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (vendor, toml) = Vendor::in_folder(&folder);
        let toml = toml
            .replace(
                "[server]",
                "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"",
            )
            .replace(
                &format!("{{ value = \"{KEY}\" }}"),
                "{ file = \"prod.key\" }",
            );
        std::fs::write(folder.path().join("turnkey.toml"), toml).expect("the configuration");
        std::fs::write(folder.path().join("prod.key"), format!("{KEY}\n")).expect("the key");
        Self { folder, vendor }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// `turnkey serve` here, ready.
    pub(crate) async fn serve(&self) -> Served {
        Served::start(self.command(), &self.log()).await
    }

    /// `turnkey serve` here, not yet started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("serve")
            .current_dir(self.folder.path())
            .env("TURNKEY__LOG__LEVEL", "debug");
        command
    }
}

impl Served {
    /// Starts `command`; what it logs is kept in `log`.
    pub(crate) async fn start(mut command: Command, log: &Path) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (address, lines) = ready_at(stderr, log.to_owned()).await;
        Self {
            address,
            child,
            log: log.to_owned(),
            lines,
        }
    }

    /// A signed call at listing `notes`, signed now.
    pub(crate) async fn call(&self, parameters: &[(&str, &str)]) -> Answer {
        call(self.address, parameters).await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let process = id.and_then(Pid::from_raw).expect("it runs");
        kill_process(process, signal).expect("it can be signalled");
    }

    /// Waits until it has logged `text` so many times.
    pub(crate) async fn has_logged(&mut self, text: &str, times: usize) {
        let log = self.log.clone();
        let counted = || {
            let log = std::fs::read_to_string(&log).expect("a log");
            log.matches(text).count()
        };
        while counted() < times {
            self.lines.changed().await.expect("it logs on");
        }
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        self.child.wait().await.expect("it ends")
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }
}

/// A signed call at listing `notes` of whoever listens at `address`.
pub(crate) async fn call(address: SocketAddr, parameters: &[(&str, &str)]) -> Answer {
    let query = signed(parameters, KEY, SystemClock::wall());
    get(address, &format!("/spi/notes?{query}")).await
}

/// A create of plan `team` for a year under `order`.
pub(crate) fn create(order: &str) -> [(&str, &str); 7] {
    [
        ("action", "CreateInstance"),
        ("order_id", order),
        ("qingcloud_uid", "usr-u5JDC3MS"),
        ("product_code", "prod-1"),
        ("spec", "规格"),
        ("package", "套餐"),
        ("duration", "1_year"),
    ]
}

/// Runs the program with `arguments` in `folder` to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("LANG")
        .env_remove("LC_ALL");
    command
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it runs")
}

/// The address in the first line that says "ready at", and what changes with every later line; all
/// go into `log`.
async fn ready_at(
    from: impl AsyncRead + Unpin + Send + 'static,
    log: PathBuf,
) -> (SocketAddr, watch::Receiver<()>) {
    let mut lines = BufReader::new(from).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.expect("it logs text") {
        keep(&log, &line);
        if let Some((_, address)) = line.split_once("ready at http://") {
            let address = address.split(' ').next().and_then(|a| a.parse().ok());
            // Whoever does not read a pipe to its end stops the writer.
            let (more, watched) = watch::channel(());
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    keep(&log, &line);
                    // Nobody needs to watch.
                    let _ = more.send(());
                }
            });
            return (address.expect("an address"), watched);
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("it ended before it was ready:\n{said}");
}

fn keep(log: &Path, line: &str) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .expect("a log");
    writeln!(file, "{line}").expect("room for a log");
}

#[tokio::test]
async fn told_to_stop_it_sends_the_answers_that_were_begun() {
    let site = Site::new();
    let served = site.serve().await;
    let address = served.address;
    let calling = tokio::spawn(async move { call(address, &create("mord-1")).await });
    site.vendor.began("provision").await;
    served.signal(Signal::TERM);
    site.vendor.go("");
    let answer = calling.await.expect("the call ends");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(served.ended().await.success());
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_resumed_by_the_next_start() {
    let site = Site::new();
    let served = site.serve().await;
    let address = served.address;
    let calling = tokio::spawn(async move { call(address, &create("mord-1")).await });
    site.vendor.began("provision").await;
    served.kill().await;
    assert_eq!(
        calling.await.expect("the call ends").status,
        0,
        "nobody was left to answer"
    );

    let served = site.serve().await;
    site.vendor.go("");
    let answer = served.call(&create("mord-1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let keys: std::collections::BTreeSet<_> = site
        .vendor
        .runs()
        .into_iter()
        .map(|(_, operation)| operation)
        .collect();
    assert_eq!(keys.len(), 1, "asked again under the same key");
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
}

#[tokio::test]
async fn a_second_serve_on_the_same_store_exits_3() {
    let site = Site::new();
    let served = site.serve().await;
    let second = site.command().output().await.expect("it runs");
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use"), "{said}");
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
}

#[tokio::test]
async fn without_its_master_key_an_old_store_is_not_opened() {
    let site = Site::new();
    let served = site.serve().await;
    site.vendor.go("");
    assert_eq!(served.call(&create("mord-1")).await.status, 200);
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
    let key = site.folder.path().join("test.key");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).expect("a key"));
    assert_eq!(mode & 0o777, 0o600);

    let right = std::fs::read_to_string(&key).expect("a key");
    std::fs::remove_file(&key).expect("it can be lost");
    let refused = site.command().output().await.expect("it runs");
    assert_eq!(refused.status.code(), Some(3));
    assert!(!key.exists(), "no new key is made over an old store");

    std::fs::write(&key, "0".repeat(64)).expect("a wrong key");
    let refused = site.command().output().await.expect("it runs");
    assert_eq!(refused.status.code(), Some(3));

    std::fs::write(&key, right).expect("the right key");
    let served = site.serve().await;
    assert_eq!(served.call(&create("mord-1")).await.status, 200);
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
}
