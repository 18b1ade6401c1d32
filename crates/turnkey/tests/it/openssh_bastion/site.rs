//! A folder with real bastions and a real sshd behind them, and what a buyer does there.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::vendor::exists;

pub(super) const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/openssh-bastion"
);

/// An account of every Debian that nobody needs: tests that run as root become it, since the
/// example refuses to be root.
const ACCOUNT: &str = "games";

/// How many ports a test gives to the example.
const PORTS: u16 = 8;

/// How often is looked, 20 ms apart, until something must have come true.
pub(super) const LOOKS_MAX: usize = 1_500;

/// A folder with bastions and an sshd behind them. What is left running ends with it.
pub(super) struct Site {
    folder: TempDir,
    /// Who the bastions belong to.
    user: User,
    /// The first of the ports, held so that no other test uses those behind it.
    reserved: TcpListener,
    /// What the titles of the bastions' processes begin with.
    names: RefCell<BTreeSet<String>>,
    _target: Child,
}

struct User {
    name: String,
    /// Who to become, as root only.
    ids: Option<(u32, u32)>,
}

impl User {
    fn new() -> Self {
        let accounts = std::fs::read_to_string("/etc/passwd").expect("accounts");
        let own = rustix::process::getuid();
        let account = accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let account = account.into_iter().find(|account| {
            if own.is_root() {
                account[0] == ACCOUNT
            } else {
                account[2] == own.as_raw().to_string()
            }
        });
        let account = account.expect("an account");
        let id = |at: usize| account[at].parse().expect("a number");
        Self {
            name: account[0].to_owned(),
            ids: own.is_root().then(|| (id(2), id(3))),
        }
    }

    /// A command that runs as this user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

impl Site {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (user, reserved) = (User::new(), ports());
        // The account comes through to its own folder, and reads nothing else.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
        let home = folder.path().join("target");
        std::fs::create_dir(&home).expect("a folder");
        std::os::unix::fs::chown(&home, user.ids.map(|i| i.0), user.ids.map(|i| i.1)).expect("it");
        let target = target(&user, &home, last_port(&reserved)).await;
        Self {
            folder,
            user,
            reserved,
            names: RefCell::default(),
            _target: target,
        }
    }

    /// Where the sshd behind the bastions listens.
    pub(super) fn target_port(&self) -> u16 {
        last_port(&self.reserved)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn instance_folder(&self, id: &str) -> PathBuf {
        self.at("bastions/instances").join(id)
    }

    /// The arguments of the example.
    pub(super) fn arguments(&self) -> Vec<String> {
        let first = self.reserved.local_addr().expect("an address").port() + 1;
        let mut all = vec![
            format!("{EXAMPLE}/bastion.py"),
            "--state".to_owned(),
            self.at("bastions").display().to_string(),
            "--ports".to_owned(),
            format!("{first}-{}", first + PORTS - 1),
        ];
        if self.user.ids.is_some() {
            all.extend(["--user".to_owned(), self.user.name.clone()]);
        }
        all
    }

    /// Runs the example as the `command` driver does.
    pub(super) async fn ask(&self, ask: &Value) -> Output {
        let run = self.begun(ask).await;
        run.wait_with_output().await.expect("it ends")
    }

    /// A run of the example that has its question, in a process group of its own.
    pub(super) async fn begun(&self, ask: &Value) -> Child {
        let mut child = Command::new("python3")
            .args(self.arguments())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("python3 is missing; `cargo xtask test` installs it");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin
            .write_all(ask.to_string().as_bytes())
            .await
            .expect("it reads");
        child
    }

    /// The answer to what must succeed.
    pub(super) async fn done(&self, ask: &Value) -> Value {
        let output = self.ask(ask).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        serde_json::from_slice(&output.stdout).expect("an answer in JSON")
    }

    /// Provisions, and lets `ssh` know what the buyer got.
    pub(super) async fn provision(&self, id: &str, params: &Value) -> Value {
        let access = self.done(&ask("provision", "op-1", id, params)).await["access"].take();
        let extra = |name: &str| access["extra"][name].as_str().expect("text").to_owned();
        self.know(id, &extra("private_key"), &extra("known_hosts"));
        access
    }

    /// Writes down for `ssh`: the bastion `id` and, behind it, the target.
    pub(super) fn know(&self, id: &str, private_key: &str, known_hosts: &str) {
        let key = self.at(&format!("{id}.key"));
        std::fs::write(&key, private_key).expect("a key");
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("a mode");
        let target_port = self.target_port();
        let target_key = self.at("target/host_key.pub");
        let target_key = std::fs::read_to_string(target_key).expect("a key");
        let known = format!("{known_hosts}[127.0.0.1]:{target_port} {target_key}");
        std::fs::write(self.at(&format!("{id}.known")), known).expect("known hosts");
        let (_, port) = known_hosts.split_once("]:").expect("a port");
        let (port, _) = port.split_once(' ').expect("a port");
        let mut config = format!(
            "Host *\n HostName 127.0.0.1\n User {}\n BatchMode yes\n IdentitiesOnly yes\n \
             UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n \
             ConnectTimeout 20\n",
            self.user.name,
            self.at(&format!("{id}.known")).display(),
        );
        for (host, port, key) in [
            ("bastion", port, key),
            ("target", &target_port.to_string(), self.client_key()),
        ] {
            let key = key.display();
            writeln!(config, "Host {host}\n Port {port}\n IdentityFile {key}").expect("text");
        }
        std::fs::write(self.at(&format!("{id}.ssh")), config).expect("a configuration");
    }

    /// The same, from what the vendor has of the bastion `id`.
    pub(super) fn know_from_folder(&self, id: &str) {
        let folder = self.instance_folder(id);
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        let config = text("sshd_config");
        let mut words = config.split_whitespace();
        let address = words.find(|word| word.starts_with("127.0.0.1:"));
        let port = address.and_then(|address| address.split(':').nth(1));
        let port = port.expect("a port");
        let known = format!("[127.0.0.1]:{port} {}", text("host_key.pub"));
        self.know(id, &text("client_key"), &known);
    }

    /// The key that opens the target, where only we read it.
    fn client_key(&self) -> PathBuf {
        let own = self.at("target.key");
        if !own.exists() {
            std::fs::copy(self.at("target/client_key"), &own).expect("a key");
            std::fs::set_permissions(&own, PermissionsExt::from_mode(0o600)).expect("a mode");
        }
        own
    }

    /// `ssh` with what the buyer of `id` got.
    pub(super) fn ssh(&self, id: &str, arguments: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.at(&format!("{id}.ssh")));
        ssh.args(arguments).kill_on_drop(true);
        ssh.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh
    }

    /// Goes through the bastion to the target and comes back: `ssh -J bastion target`.
    pub(super) async fn through(&self, id: &str) -> Result<(), String> {
        let output = self.ssh(id, &THROUGH).output().await.expect("ssh");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The target says its banner, lets in, and its sftp ends with what it is sent.
        (output.status.success() && said.contains(BANNER))
            .then_some(())
            .ok_or(said)
    }

    /// Goes through and stays there.
    pub(super) async fn stay(&self, id: &str) -> Child {
        let mut ssh = self.ssh(id, &THROUGH);
        let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut said = String::new();
        while let Some(line) = lines.next_line().await.expect("text") {
            if line.contains(BANNER) {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return child;
            }
            said.push_str(&line);
        }
        panic!("it did not come through: {said}");
    }

    pub(super) fn session_log(&self, id: &str) -> String {
        std::fs::read_to_string(self.instance_folder(id).join("sessions.log")).expect("a log")
    }

    /// Process and title of everything that runs for the instances that are, or were, here.
    pub(super) fn running(&self) -> Vec<(i32, String)> {
        let folder = self.at("bastions/instances").display().to_string();
        let mut names = self.names.borrow_mut();
        for instance in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            // A link to sshd, named as its processes are.
            let files = std::fs::read_dir(instance.path()).into_iter().flatten();
            let links = files.flatten().filter(|file| file.path().is_symlink());
            names.extend(links.map(|link| format!("{}: ", link.file_name().to_string_lossy())));
        }
        let processes = std::fs::read_dir("/proc").expect("processes").flatten();
        let process = |entry: std::fs::DirEntry| {
            let id = entry.file_name().to_string_lossy().parse().ok()?;
            let title = std::fs::read(entry.path().join("cmdline")).ok()?;
            let title = String::from_utf8_lossy(&title).replace('\0', " ");
            let own = title.contains(&folder) || names.iter().any(|n| title.starts_with(n));
            own.then_some((id, title))
        };
        processes.filter_map(process).collect()
    }

    /// The processes that listen.
    pub(super) fn listeners(&self) -> Vec<i32> {
        let all = self.running().into_iter();
        all.filter(|(_, title)| is_listener(title))
            .map(|(id, _)| id)
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for (id, _) in self.running() {
            kill(id);
        }
    }
}

/// Whether `title` is of an sshd that lets in: whoever serves a session was started with -R, and then
/// has a title of its own.
fn is_listener(title: &str) -> bool {
    title.contains(" -D -e -f ") && !title.contains(" -R")
}

pub(super) fn kill(process: i32) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(process).expect("an id"), Signal::KILL);
}

/// What a buyer types; the target serves files and nothing else.
const THROUGH: [&str; 5] = ["-J", "bastion", "-s", "target", "sftp"];

/// What only the target says.
const BANNER: &str = "You came through to the target.";

/// The lowest of a row of ports, held for as long as they are used. They lie below those that the
/// system gives away.
fn ports() -> TcpListener {
    let size = PORTS + 2;
    let rows = (32_000 - 20_000) / size;
    let first = u16::try_from(std::process::id() % u32::from(rows)).expect("a row");
    let mut rows = (first..rows).chain(0..first);
    let held = rows.find_map(|row| TcpListener::bind(("127.0.0.1", 20_000 + row * size)).ok());
    held.expect("a port")
}

/// The last port of the row, where the target listens.
fn last_port(reserved: &TcpListener) -> u16 {
    reserved.local_addr().expect("an address").port() + PORTS + 1
}

/// An sshd behind the bastions. It says its banner, and then serves files: for that an account
/// needs no shell.
async fn target(user: &User, home: &Path, port: u16) -> Child {
    let at = |name: &str| home.join(name).display().to_string();
    for key in ["host_key", "client_key"] {
        let mut keygen = user.command("ssh-keygen");
        keygen.args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "target",
            "-f",
            &at(key),
        ]);
        let made = keygen.output().await;
        let made = made.expect("ssh-keygen is missing; `cargo xtask test` installs it");
        assert!(made.status.success(), "{made:?}");
    }
    std::fs::write(home.join("banner"), format!("{BANNER}\n")).expect("a banner");
    let config = format!(
        "ListenAddress 127.0.0.1:{port}\nPidFile {}\nHostKey {}\nAuthorizedKeysFile {}\n\
         Banner {}\nSubsystem sftp internal-sftp\nUsePAM no\nStrictModes no\n\
         AuthenticationMethods publickey\n",
        at("pid"),
        at("host_key"),
        at("client_key.pub"),
        at("banner"),
    );
    std::fs::write(home.join("sshd_config"), config).expect("a configuration");
    let mut sshd = user.command("/usr/sbin/sshd");
    sshd.args(["-D", "-f", &at("sshd_config"), "-E", &at("log")]);
    let child = sshd
        .spawn()
        .expect("sshd is missing; `cargo xtask test` installs it");
    exists(&home.join("pid")).await;
    child
}

pub(super) fn ask(kind: &str, operation: &str, id: &str, params: &Value) -> Value {
    json!({
        "operation": operation, "kind": kind, "dry_run": false, "attempt": 1,
        "instance": {
            "id": id, "product": "bastion", "plan": "standard", "params": params,
            "buyer": "usr-1", "context": {},
            "term": {"starts_at": "2026-01-31T04:00:00Z", "ends_at": "2027-01-31T04:00:00Z"},
        },
        "order": null, "access": null,
    })
}

/// A plan that leads to every port of this machine.
pub(super) fn everywhere() -> Value {
    json!({"permit_open": ["127.0.0.1:*"], "sessions": 50})
}

/// Looks until `condition` holds.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} never came true");
}
