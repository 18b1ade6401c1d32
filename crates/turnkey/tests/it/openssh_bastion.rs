//! The example in `examples/openssh-bastion`: a real sshd is bought, gone through with `ssh -J` to a
//! second real sshd, suspended, resumed and removed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use turnkey_engine::SystemClock;

use crate::admin::asked;
use crate::binary::{PROGRAM, Served};
use crate::secrets::admin_of;
use crate::vendor::exists;
use crate::wire::{Answer, Parameters, get, signed};

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/openssh-bastion"
);

/// An account of every Debian that nobody needs: tests that run as root become it, since the
/// example refuses to be root.
const ACCOUNT: &str = "games";

/// How many ports a test gives to the example.
const PORTS: u16 = 8;

/// How often is looked, 20 ms apart, until something must have come true.
const LOOKS_MAX: usize = 1_500;

/// A folder with bastions and an sshd behind them. What is left running ends with it.
struct Site {
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
    async fn new() -> Self {
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

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn instance_folder(&self, id: &str) -> PathBuf {
        self.at("bastions/instances").join(id)
    }

    /// The arguments of the example.
    fn arguments(&self) -> Vec<String> {
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
    async fn ask(&self, ask: &Value) -> Output {
        let run = self.begun(ask).await;
        run.wait_with_output().await.expect("it ends")
    }

    /// A run of the example that has its question, in a process group of its own.
    async fn begun(&self, ask: &Value) -> Child {
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
    async fn done(&self, ask: &Value) -> Value {
        let output = self.ask(ask).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        serde_json::from_slice(&output.stdout).expect("an answer in JSON")
    }

    /// Provisions, and lets `ssh` know what the buyer got.
    async fn provision(&self, id: &str, params: &Value) -> Value {
        let access = self.done(&ask("provision", "op-1", id, params)).await["access"].take();
        let extra = |name: &str| access["extra"][name].as_str().expect("text").to_owned();
        self.know(id, &extra("private_key"), &extra("known_hosts"));
        access
    }

    /// Writes down for `ssh`: the bastion `id` and, behind it, the target.
    fn know(&self, id: &str, private_key: &str, known_hosts: &str) {
        let key = self.at(&format!("{id}.key"));
        std::fs::write(&key, private_key).expect("a key");
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("a mode");
        let target_port = last_port(&self.reserved);
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
    fn know_from_folder(&self, id: &str) {
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
    fn ssh(&self, id: &str, arguments: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.at(&format!("{id}.ssh")));
        ssh.args(arguments).kill_on_drop(true);
        ssh.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh
    }

    /// Goes through the bastion to the target and comes back: `ssh -J bastion target`.
    async fn through(&self, id: &str) -> Result<(), String> {
        let output = self.ssh(id, &THROUGH).output().await.expect("ssh");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The target says its banner, lets in, and its sftp ends with what it is sent.
        (output.status.success() && said.contains(BANNER))
            .then_some(())
            .ok_or(said)
    }

    /// Goes through and stays there.
    async fn stay(&self, id: &str) -> Child {
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

    fn session_log(&self, id: &str) -> String {
        std::fs::read_to_string(self.instance_folder(id).join("sessions.log")).expect("a log")
    }

    /// Process and title of everything that runs for the instances that are, or were, here.
    fn running(&self) -> Vec<(i32, String)> {
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
    fn listeners(&self) -> Vec<i32> {
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

fn kill(process: i32) {
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

fn ask(kind: &str, operation: &str, id: &str, params: &Value) -> Value {
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
fn everywhere() -> Value {
    json!({"permit_open": ["127.0.0.1:*"], "sessions": 50})
}

/// Looks until `condition` holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} never came true");
}

#[tokio::test]
async fn whoever_asks_twice_gets_one_bastion_and_goes_through_it() {
    let site = Site::new().await;
    let plan = everywhere();
    let first = site.provision("i-1", &plan).await;
    let again = site.provision("i-1", &plan).await;
    assert_eq!(first, again, "the second ask repeats the first answer");
    assert_eq!(site.through("i-1").await, Ok(()));
    assert_eq!(site.listeners().len(), 1);
    let port = last_port(&site.reserved);
    let went = format!("target 127.0.0.1 port {port}");
    until("the session log", || {
        let log = site.session_log("i-1");
        log.contains("Accepted publickey for") && log.contains(&went) && log.starts_with("20")
    })
    .await;

    let shell = site.ssh("i-1", &["bastion"]).output().await.expect("ssh");
    assert!(!shell.status.success() || shell.stdout.starts_with(b"This is a jump host"));

    let other = site.provision("i-2", &plan).await;
    assert_ne!(first["front_end"]["url"], other["front_end"]["url"]);
    assert_ne!(first["extra"], other["extra"]);
    let stranger = site.ask(&ask("provision", "op-2", "i-1", &plan)).await;
    assert_eq!(stranger.status.code(), Some(65), "{stranger:?}");
}

#[tokio::test]
async fn asked_eight_times_at_once_it_makes_one_bastion() {
    let site = Site::new().await;
    let asked = ask("provision", "op-1", "i-1", &everywhere());
    let asks = (0..8).map(|_| site.done(&asked));
    let all = futures_util::future::join_all(asks).await;
    assert!(all.iter().all(|answer| answer == &all[0]), "{all:?}");
    assert_eq!(site.listeners().len(), 1);
    site.provision("i-1", &everywhere()).await;
    assert_eq!(site.through("i-1").await, Ok(()));
}

#[tokio::test]
async fn killed_at_any_moment_it_repeats_its_answer_and_makes_one_bastion() {
    let site = Site::new().await;
    let plan = everywhere();
    for (kind, operation) in [
        ("provision", "op-1"),
        ("suspend", "op-2"),
        ("resume", "op-3"),
    ] {
        let asked = ask(kind, operation, "i-1", &plan);
        for moment in 0..10 {
            let mut run = site.begun(&asked).await;
            // A run takes about a tenth of a second.
            tokio::time::sleep(Duration::from_millis(moment * 12)).await;
            let group = run.id().and_then(|id| i32::try_from(id).ok());
            if let Some(group) = group.and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process_group(group, Signal::KILL);
            }
            run.wait().await.expect("it ends");
        }
        assert_eq!(site.done(&asked).await, site.done(&asked).await);
        let listeners = usize::from(kind != "suspend");
        assert_eq!(site.listeners().len(), listeners, "after {kind}");
    }
    site.provision("i-1", &plan).await;
    assert_eq!(site.through("i-1").await, Ok(()));
}

#[tokio::test]
async fn a_plan_says_where_it_leads_and_another_plan_says_so_at_once() {
    let site = Site::new().await;
    let port = last_port(&site.reserved);
    let narrow = json!({"permit_open": ["127.0.0.1:1"]});
    site.provision("i-1", &narrow).await;
    let refused = site.through("i-1").await.expect_err("it is not permitted");
    assert!(refused.contains("administratively prohibited"), "{refused}");
    until("the log of the refusal", || {
        site.session_log("i-1").contains("was denied")
    })
    .await;

    let wide = json!({"permit_open": [format!("127.0.0.1:{port}")]});
    let changed = site.done(&ask("change_plan", "op-2", "i-1", &wide)).await;
    assert_eq!(
        changed,
        json!({"access": {}}),
        "the buyer keeps what they have"
    );
    assert_eq!(site.through("i-1").await, Ok(()));
    // Whoever is inside is not thrown out by another plan.
    let mut inside = site.stay("i-1").await;
    site.done(&ask("change_plan", "op-3", "i-1", &narrow)).await;
    site.through("i-1")
        .await
        .expect_err("it is not permitted any more");
    assert!(inside.try_wait().expect("a status").is_none());
    // A repeat of what is over changes nothing.
    site.done(&ask("change_plan", "op-2", "i-1", &wide)).await;
    site.through("i-1")
        .await
        .expect_err("it is not permitted any more");

    let wrong = json!({"permit_open": ["127.0.0.1:22\nPermitTTY yes"]});
    let wrong = site.ask(&ask("change_plan", "op-4", "i-1", &wrong)).await;
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("host:port is wanted"));
}

#[tokio::test]
async fn no_more_sessions_than_were_bought() {
    let site = Site::new().await;
    let plan = json!({"permit_open": ["127.0.0.1:*"], "sessions": 1});
    site.provision("i-1", &plan).await;
    let mut inside = site.stay("i-1").await;
    let refused = site
        .through("i-1")
        .await
        .expect_err("the only place is taken");
    assert!(refused.contains("Permission denied"), "{refused}");
    assert!(site.session_log("i-1").contains("all 1 sessions are taken"));
    drop(inside.stdin.take());
    assert!(inside.wait().await.expect("it ends").success());
    // The place is free once the process of the connection is gone.
    let mut looks = 0..LOOKS_MAX;
    while let Err(refused) = site.through("i-1").await {
        assert!(looks.next().is_some(), "{refused}");
    }
}

#[tokio::test]
async fn suspended_it_ends_what_goes_on_and_refuses_until_it_is_resumed() {
    let site = Site::new().await;
    let plan = everywhere();
    site.provision("i-1", &plan).await;
    let mut inside = site.stay("i-1").await;
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    assert!(!inside.wait().await.expect("it ends").success());
    let refused = site.through("i-1").await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");
    assert_eq!(site.running(), [], "nothing of it runs");

    // A repeat of the provision answers what it answered, and wakes nothing.
    site.provision("i-1", &plan).await;
    site.through("i-1").await.expect_err("nobody listens");

    site.done(&ask("renew", "op-3", "i-1", &plan)).await;
    site.done(&ask("resume", "op-4", "i-1", &plan)).await;
    assert_eq!(
        site.through("i-1").await,
        Ok(()),
        "with the same key, at the same port"
    );
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    assert_eq!(
        site.through("i-1").await,
        Ok(()),
        "a suspend that comes late is over"
    );
}

#[tokio::test]
async fn an_sshd_that_died_is_started_by_whatever_is_asked_next() {
    let site = Site::new().await;
    let plan = everywhere();
    let first = site.provision("i-1", &plan).await;
    let inside = site.stay("i-1").await;
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    site.through("i-1").await.expect_err("nobody listens");
    assert_eq!(site.provision("i-1", &plan).await, first);
    assert_eq!(site.through("i-1").await, Ok(()));

    // Sessions whose sshd died are found all the same.
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    site.done(&ask("suspend", "op-2", "i-1", &plan)).await;
    let ended = inside.wait_with_output().await.expect("it ends");
    assert!(!ended.status.success());

    // After a reboot: those that ran, and no others.
    site.provision("i-2", &plan).await;
    for listener in site.listeners() {
        kill(listener);
    }
    until("its end", || site.listeners().is_empty()).await;
    let mut start = Command::new("python3");
    start
        .args(site.arguments())
        .arg("--start")
        .stdin(Stdio::null());
    assert!(start.status().await.expect("it runs").success());
    assert_eq!(site.through("i-2").await, Ok(()));
    site.through("i-1").await.expect_err("it is suspended");
}

#[tokio::test]
async fn released_it_leaves_nothing_and_never_comes_back() {
    let site = Site::new().await;
    let plan = everywhere();
    site.provision("i-1", &plan).await;
    let inside = site.stay("i-1").await;
    let folder = site.instance_folder("i-1");
    assert!(folder.exists());
    let private = std::fs::metadata(folder.join("client_key"))
        .expect("a key")
        .permissions();
    assert_eq!(private.mode() & 0o777, 0o600);
    let release = ask("release", "op-2", "i-1", &plan);
    let running = site.running().len();
    assert!(running >= 2, "a listener and a session");
    site.done(&release).await;
    assert!(
        !inside
            .wait_with_output()
            .await
            .expect("it ends")
            .status
            .success()
    );
    let left = std::fs::read_dir(site.at("bastions/instances"))
        .expect("a folder")
        .count();
    assert_eq!(left, 0, "no folder");
    assert_eq!(
        std::fs::read_dir(site.at("bastions/ports"))
            .expect("a folder")
            .count(),
        0
    );
    until("the end of all", || site.running().is_empty()).await;
    let refused = site.through("i-1").await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");

    site.done(&release).await;
    site.done(&ask("release", "op-1", "i-never", &plan)).await;
    let late = site.ask(&ask("provision", "op-1", "i-1", &plan)).await;
    assert_eq!(late.status.code(), Some(65), "{late:?}");
    assert!(!folder.exists());
}

/// A signed call of the market at `served`.
async fn call(served: &Served, parameters: Parameters<'_>) -> Answer {
    let query = signed(parameters, "k9Zt3vQeXw2LrB7uYh5N", SystemClock::wall());
    get(served.address, &format!("/spi/bastion-market?{query}")).await
}

/// Who moves the clock, and renews by hand.
const ADMIN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The example as it stands in the repository, but for the ports and the folder.
async fn sold(site: &Site) -> Served {
    let toml = std::fs::read_to_string(format!("{EXAMPLE}/turnkey.toml")).expect("it");
    std::fs::write(site.at("turnkey.toml"), toml).expect("a configuration");
    for (file, secret) in [
        ("market.key", "k9Zt3vQeXw2LrB7uYh5N"),
        ("buyer.sk", "buyer-sk"),
        ("admin.token", ADMIN),
    ] {
        std::fs::write(site.at(file), secret).expect("a secret");
    }
    let mut argv = vec!["python3".to_owned()];
    argv.extend(site.arguments());
    let mut command = Command::new(PROGRAM);
    command
        .arg("serve")
        .current_dir(site.folder.path())
        .env("TURNKEY__SERVER__LISTEN", "127.0.0.1:0")
        .env("TURNKEY__SERVER__ADMIN_LISTEN", "127.0.0.1:0")
        .env("TURNKEY__ADMIN__TOKEN__OPS__ROLE", "admin")
        .env("TURNKEY__ADMIN__TOKEN__OPS__TOKEN__FILE", "admin.token")
        .env("TURNKEY__CLOCK__VIRTUAL", "true")
        .env(
            "TURNKEY__PRODUCT__BASTION__COMMAND__ARGV",
            json!(argv).to_string(),
        );
    Served::start(command, &site.at("serve.log")).await
}

#[tokio::test]
async fn a_bastion_is_bought_expires_is_renewed_and_goes() {
    let site = Site::new().await;
    let served = sold(&site).await;
    let paid = [
        ("spec", "standard"),
        ("package", "monthly"),
        ("duration", "1_month"),
    ];
    let create = [
        ("action", "CreateInstance"),
        ("order_id", "mord-1"),
        ("qingcloud_uid", "usr-u5JDC3MS"),
        ("product_code", "prod-bastion"),
        ("debug", "0"),
    ];
    let answer = call(&served, &[&create[..], &paid[..]].concat()).await;
    let id = answer.instance();
    let url = answer.json()["instanceInfo"]["frontEndUrl"].clone();
    let text = std::fs::read_to_string(site.instance_folder(&id).join("sshd_config"));
    let port = url.as_str().and_then(|url| url.rsplit(':').next());
    let listens = format!("ListenAddress 127.0.0.1:{}", port.expect("a port"));
    assert!(text.expect("a configuration").contains(&listens), "{url}");
    // This market hands on no key: the vendor does.
    site.know_from_folder(&id);
    assert_eq!(
        site.through(&id).await,
        Ok(()),
        "it outlives the run that made it"
    );

    let act = |action| [("action", action), ("instance_id", id.as_str())];
    assert_eq!(call(&served, &act("ExpireInstance")).await.status, 200);
    until("the suspension", || site.listeners().is_empty()).await;
    let refused = site.through(&id).await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");

    let renew = [
        ("action", "RenewInstance"),
        ("order_id", "mord-2"),
        ("instance_id", &id),
    ];
    let renewed = call(&served, &[&renew[..], &paid[..]].concat()).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    until("the resumption", || !site.listeners().is_empty()).await;
    assert_eq!(site.through(&id).await, Ok(()));

    assert_eq!(call(&served, &act("DeleteInstance")).await.status, 200);
    until("the end of it", || {
        !site.instance_folder(&id).exists() && site.running().is_empty()
    })
    .await;
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
}

/// What a buyer does with the official SDK: `buy`, or the status that `instance` is to have.
const BUYER: &str = r#"
import json, sys
from lifecycle import Buyer, buy, expire_or_start, instance
what, buyer = sys.argv[1], Buyer(*sys.argv[2:5])
if what == "buy":
    id = buy(buyer, "standard", 1)[0]["instanceId"]
    print(json.dumps(buyer.done(instance, id)["bastion"]))
else:
    buyer.true(expire_or_start, sys.argv[5], int(what))
"#;

/// What the buyer's program prints at `served`.
async fn buyer(served: &Served, arguments: [&str; 2]) -> String {
    let [what, instance] = arguments;
    let output = crate::sdk::python(&["-c", BUYER, what])
        .args([
            &served.address.to_string(),
            "buyer-ak",
            "buyer-sk",
            instance,
        ])
        .output()
        .await
        .expect("python3 is missing; `cargo xtask test` installs it");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn a_bastion_is_bought_with_the_python_sdk_and_gone_through() {
    let site = Site::new().await;
    let served = sold(&site).await;
    let bought = buyer(&served, ["buy", ""]).await;
    let bought: Value = serde_json::from_str(&bought).expect("an instance");
    let id = bought["instanceId"].as_str().expect("an id");
    let extra = |name: &str| bought["access"]["extra"][name].as_str().expect("text");
    site.know(id, extra("private_key"), extra("known_hosts"));
    assert_eq!(site.through(id).await, Ok(()));

    buyer(&served, ["13", id]).await;
    until("the suspension", || site.listeners().is_empty()).await;
    let refused = site.through(id).await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");

    buyer(&served, ["1", id]).await;
    until("the resumption", || !site.listeners().is_empty()).await;
    assert_eq!(site.through(id).await, Ok(()));

    let admin = admin_of(&site.at("serve.log"));
    let ask = async |path: &str, body: Value| {
        let answer = asked(admin, "POST", path, Some(ADMIN), &body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    // Beyond the month that was bought, and within the seven days after it.
    let until_then = SystemClock::wall().plus_ms(33 * 86_400_000);
    let until_then = jiff::Timestamp::from_millisecond(until_then.0).expect("a time");
    let advanced = ask(
        "/api/v1/clock/advance",
        json!({"until": until_then.to_string()}),
    )
    .await;
    assert_eq!(advanced["done"], true, "{advanced}");
    until("the end of the term", || site.listeners().is_empty()).await;
    let refused = site.through(id).await.expect_err("nobody listens");
    assert!(refused.contains("Connection refused"), "{refused}");
    let month = json!({"unit": "MONTH", "duration": 1, "key": "by phone"});
    let renewed = ask(&format!("/api/v1/instances/{id}/renew"), month).await;
    assert_eq!(renewed["instance"]["state"], "running", "{renewed}");
    until("the renewal", || !site.listeners().is_empty()).await;
    assert_eq!(site.through(id).await, Ok(()));
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
}
