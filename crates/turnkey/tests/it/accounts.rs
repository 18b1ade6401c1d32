//! Accounts of a storefront: their secrets change while calls go on, and buyers come and go.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Command;
use turnkey::config::{self, Mode};
use turnkey::http::server::DoorLimits;
use turnkey::keys::Reloaded;
use turnkey_core::UtcMillis;
use turnkey_dialects::jdcloud::Version;
use turnkey_engine::SystemClock;

use crate::admin::asked;
use crate::admin::cli::Demo;
use crate::app::{App, OPERATOR, TOKENS, VIEWER, settled};
use crate::binary::{PROGRAM, Served};
use crate::keys::Load;
use crate::openapi::{Account, raw};
use crate::sdk::SHOP;
use crate::secrets::admin_of;
use crate::wire::{Answer, exchange};

/// A buyer looks at what it has, signed at `at`.
async fn look(to: SocketAddr, access_key: &str, secret: &str, at: UtcMillis) -> Answer {
    let account = Account {
        version: Version::V3,
        access_key,
        secret,
    };
    let call = ("GET", "/v1/regions/cn-north-1/bastions");
    let signed = account.signed(call, &to.to_string(), b"", "a-nonce", at);
    exchange(to, &raw(call, signed, b"")).await
}

/// [`SHOP`], whose account has two secrets, each in its file.
fn two_secrets(folder: &Path) {
    let one = r#"secret_key = { file = "demo.sk" }"#;
    assert!(SHOP.contains(one));
    let two = r#"secret_keys = [{ file = "demo.sk" }, { file = "next.sk" }]"#;
    std::fs::write(folder.join("turnkey.toml"), SHOP.replace(one, two)).expect("the configuration");
}

fn write_secrets(folder: &Path, [current, next]: [&str; 2]) {
    std::fs::write(folder.join("demo.sk"), current).expect("a secret");
    std::fs::write(folder.join("next.sk"), next).expect("a secret");
}

#[tokio::test]
async fn a_configured_accounts_secret_is_rotated_under_load_and_no_call_is_refused() {
    const OLD: &str = "the-old-secret-5NbR7uYh";
    const NEW: &str = "the-new-secret-2LrB7uYh";
    const NEWER: &str = "the-newer-secret-9Zt3vQ";
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, log) = (folder.path(), folder.path().join("serve.log"));
    two_secrets(folder);
    write_secrets(folder, [OLD, NEW]);
    let mut command = Command::new(PROGRAM);
    command.arg("serve").current_dir(folder);
    command.env("TURNKEY__LOG__LEVEL", "debug");
    let mut served = Served::start(command, &log).await;
    let address = served.address;
    let call = move |secret| look(address, "demo-ak", secret, SystemClock::wall());
    let mut load = Load::of(OLD, move |_, secret| call(secret));
    load.goes_on().await;
    load.sign_with(NEW);
    load.goes_on().await;

    write_secrets(folder, [NEW, NEWER]);
    served.signal(Signal::HUP);
    served.has_logged("secrets are reloaded", 1).await;
    load.goes_on().await;
    assert_eq!(call(OLD).await.status, 401, "the dropped one opens no more");
    load.sign_with(NEWER);
    load.goes_on().await;

    load.end().await;
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("listing bastion has other secrets"), "{log}");
    for secret in [OLD, NEW, NEWER] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// [`SHOP`] with its account's secrets in the open, and a token for each role.
fn open_shop(secrets: &str) -> String {
    let one = r#"secret_key = { file = "demo.sk" }"#;
    let shop = SHOP.replace(one, &format!("secret_keys = [{secrets}]"));
    format!("{shop}{TOKENS}")
}

async fn shop() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = open_shop(r#"{ value = "demo-sk" }"#);
    App::start_in(folder, &toml, DoorLimits::default()).await
}

impl App {
    /// The status of a look with these, signed now.
    async fn look(&self, access_key: &str, secret: &str) -> u16 {
        let answer = look(self.address, access_key, secret, self.now().wall).await;
        answer.status
    }
}

#[tokio::test]
async fn a_list_tells_which_secret_of_an_account_was_used_when_and_a_reload_forgets_none() {
    let app = shop().await;
    let lines = || {
        let lines = app.keys.list().into_iter();
        lines
            .filter(|line| line.listing == "bastion")
            .collect::<Vec<_>>()
    };
    let [line] = lines().try_into().expect("one secret");
    assert_eq!(
        (line.account.as_deref(), line.place, line.role),
        (Some("demo"), 1, "current")
    );
    assert_eq!((line.source.as_str(), line.last_used_ms), ("demo", None));
    assert_eq!(app.look("demo-ak", "demo-sk").await, 200);
    let now = app.now().wall;

    let reload = |secrets: &str| {
        let checked = config::parse(&open_shop(secrets), Mode::Demo, Path::new("nowhere"));
        app.keys.reload(&settled(checked)).remove("bastion")
    };
    let both = r#"{ value = "brand-new" }, { value = "demo-sk" }"#;
    assert_eq!(reload(both), Some(Reloaded::Swapped));
    let shown: Vec<_> = lines()
        .into_iter()
        .map(|l| (l.role, l.last_used_ms))
        .collect();
    assert_eq!(shown, [("current", None), ("next", Some(now.0))]);
    assert_eq!(lines()[1].fingerprint, line.fingerprint);
    assert_eq!(reload(both), Some(Reloaded::Same));
    for secret in ["demo-sk", "brand-new"] {
        assert_eq!(app.look("demo-ak", secret).await, 200);
    }
    let told = app.seen("/api/v1/secrets").await;
    assert_eq!(
        (&told["items"][0]["account"], &told["items"][1]["place"]),
        (&"demo".into(), &2.into())
    );
    let told = format!("{told}{:?}{:?}", app.keys.list(), app.keys);
    assert!(
        !told.contains("brand-new") && !told.contains("demo-sk"),
        "{told}"
    );

    // A later process finds it in the store.
    app.keys.flush().await.expect("a healthy store");
    let stored = app.store.key_use_list().await.expect("a healthy store");
    assert!(
        stored
            .iter()
            .any(|u| u.fingerprint == line.fingerprint && u.at == now),
        "{stored:?}"
    );

    assert_eq!(
        reload(r#"{ value = "brand-new" }"#),
        Some(Reloaded::Swapped)
    );
    assert_eq!(app.look("demo-ak", "demo-sk").await, 401);
    app.stop().await;
}

/// An account as an operator is shown it when it is made: its access key and its secret.
fn shown(made: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (
        text(&made["account"]["access_key"]),
        text(&made["secret_key"]),
    )
}

impl App {
    /// An operator's act at `/api/v1/accounts{path}`: its status, and the answer or the code.
    async fn act(&self, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/api/v1/accounts{path}");
        let answer = self.admin("POST", &path, Some(OPERATOR), body).await;
        let mut json = answer.json();
        let said = match json.get_mut("error") {
            Some(error) => error["code"].take(),
            None => json,
        };
        (answer.status, said)
    }

    async fn acted(&self, path: &str, body: &str) -> Value {
        let (status, said) = self.act(path, body).await;
        assert_eq!(status, 200, "{path}: {said}");
        said
    }
}

#[tokio::test]
async fn an_account_is_made_rotated_disabled_and_enabled_and_each_holds_at_once() {
    let app = shop().await;
    let (access_key, old) = shown(&app.acted("", r#"{"name":"acme"}"#).await);
    let key = access_key.strip_prefix("AK").expect("an access key");
    let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    assert!(key.len() == 18 && key.chars().all(is_plain), "{access_key}");
    assert!(old.len() == 64 && old.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(app.look(&access_key, &old).await, 200);
    assert_eq!(app.look(&access_key, "demo-sk").await, 401);

    let (same, new) = shown(&app.acted("/acme/rotate", "").await);
    assert_eq!(same, access_key);
    assert_ne!(old, new);
    for secret in [&old, &new] {
        assert_eq!(app.look(&access_key, secret).await, 200);
    }
    let now = turnkey::http::admin::stamp(app.now().wall);
    let seen = app.seen("/api/v1/accounts/acme").await;
    for secret in [&seen["secrets"][0], &seen["secrets"][1]] {
        assert_eq!(
            secret["last_used_at"],
            now.as_str(),
            "the older is the same key"
        );
    }
    let refused = app.act("/acme/rotate", "").await;
    assert_eq!(refused, (409, "account_rotating".into()));
    let left = app.acted("/acme/drop-old", "").await;
    assert_eq!(left["secrets"].as_array().map(Vec::len), Some(1));
    assert_eq!(left["secrets"][0], seen["secrets"][1]);
    let refused = app.act("/acme/drop-old", "").await;
    assert_eq!(refused, (409, "account_not_rotating".into()));
    assert_eq!(app.look(&access_key, &old).await, 401);
    assert_eq!(app.look(&access_key, &new).await, 200);

    for (step, is_enabled, status) in [("disable", false, 401), ("enable", true, 200)] {
        for _ in 0..2 {
            let account = app.acted(&format!("/acme/{step}"), "").await;
            assert_eq!(account["enabled"], is_enabled);
            assert_eq!(app.look(&access_key, &new).await, status);
        }
    }
    assert_eq!(
        app.look("demo-ak", "demo-sk").await,
        200,
        "the other one goes on"
    );

    // A reload takes none of it back.
    let toml = open_shop(r#"{ value = "demo-sk" }"#);
    let checked = config::parse(&toml, Mode::Demo, Path::new("nowhere"));
    assert_eq!(
        app.secrets.swap(&settled(checked))["bastion"],
        Reloaded::Same
    );
    assert_eq!(app.look(&access_key, &new).await, 200);

    let events = app.seen("/api/v1/events?kind=operator_acted").await;
    let said = events["items"].as_array().expect("events").iter();
    let said: Vec<_> = said
        .map(|event| event["message"].as_str().expect("words"))
        .collect();
    for act in [
        "make account acme",
        "add a secret to account acme",
        "drop the older secret of account acme",
        "disable account acme",
        "enable account acme",
    ] {
        assert!(
            said.contains(&format!("asked to {act}").as_str()),
            "{act}: {said:?}"
        );
    }
    let lists = app.seen("/api/v1/accounts").await;
    let told = format!(
        "{events}{lists}{seen}{}{:?}",
        app.seen("/api/v1/secrets").await,
        app.keys
    );
    assert!(!told.contains(&old) && !told.contains(&new), "{told}");
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_with_an_account_is_refused_by_its_code() {
    let app = shop().await;
    app.acted("", r#"{"name":"acme"}"#).await;
    for (path, body, status, code) in [
        ("", r#"{"name":"acme"}"#, 409, "account_taken"),
        ("", r#"{"name":"demo"}"#, 409, "account_taken"),
        ("", r#"{"name":"Acme Inc"}"#, 400, "name_malformed"),
        ("", r#"{"name":""}"#, 400, "name_malformed"),
        ("", r#"{"name":"a","secret_key":"mine"}"#, 422, "body_wrong"),
        ("/nobody/rotate", "", 404, "account_unknown"),
        ("/demo/rotate", "", 409, "account_configured"),
        ("/demo/drop-old", "", 409, "account_configured"),
        ("/demo/disable", "", 409, "account_configured"),
        ("/demo/enable", "", 409, "account_configured"),
    ] {
        assert_eq!(
            app.act(path, body).await,
            (status, code.into()),
            "{path} {body}"
        );
    }
    let names = |page: &Value| -> Vec<String> {
        let rows = page["items"].as_array().expect("rows").iter();
        rows.map(|row| format!("{} {}", row["name"], row["origin"]))
            .collect()
    };
    let first = app.seen("/api/v1/accounts?limit=1").await;
    assert_eq!(names(&first), [r#""acme" "made""#]);
    assert_eq!(first["next"], "acme");
    let rest = app.seen("/api/v1/accounts?limit=1&after=acme").await;
    assert_eq!(names(&rest), [r#""demo" "configured""#]);
    assert_eq!(rest.get("next"), None);
    let unknown = app
        .admin("GET", "/api/v1/accounts/nobody", Some(VIEWER), "")
        .await;
    assert_eq!(unknown.status, 404);

    // Where nothing is sold like that, nobody may buy like that.
    app.stop().await;
    let app = App::start().await;
    let refused = app.act("", r#"{"name":"acme"}"#).await;
    assert_eq!(refused, (409, "account_unused".into()));
    app.stop().await;
}

#[tokio::test]
async fn accounts_outlive_the_process_and_the_configuration_goes_before_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let tokens = r#"
        [admin.token.otto]
        role = "operator"
        token = { file = "otto.token" }
    "#;
    let toml = format!("{SHOP}{tokens}");
    std::fs::write(folder.join("turnkey.toml"), &toml).expect("the configuration");
    std::fs::write(folder.join("demo.sk"), "demo-sk").expect("a secret");
    std::fs::write(folder.join("otto.token"), OPERATOR).expect("a token");
    let serve = async |log: &str| {
        let log = folder.join(log);
        let mut command = Command::new(PROGRAM);
        command.arg("serve").current_dir(folder);
        let mut served = Served::start(command, &log).await;
        served.has_logged("admin API at", 1).await;
        (served, admin_of(&log))
    };
    let (served, admin) = serve("first.log").await;
    let act = async |admin, path: &str, body: &str| {
        let path = format!("/api/v1/accounts{path}");
        let answer = asked(admin, "POST", &path, Some(OPERATOR), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let (access_key, old) = shown(&act(admin, "", r#"{"name":"acme"}"#).await);
    let (_, new) = shown(&act(admin, "/acme/rotate", "").await);
    served.kill().await;

    let (served, admin) = serve("second.log").await;
    let status = async |served: &Served, secret: &str| {
        let answer = look(served.address, &access_key, secret, SystemClock::wall()).await;
        answer.status
    };
    assert_eq!(
        (status(&served, &old).await, status(&served, &new).await),
        (200, 200)
    );
    act(admin, "/acme/drop-old", "").await;
    act(admin, "/acme/disable", "").await;
    served.kill().await;

    let (served, admin) = serve("third.log").await;
    assert_eq!(
        (status(&served, &old).await, status(&served, &new).await),
        (401, 401)
    );
    act(admin, "/acme/enable", "").await;
    assert_eq!(
        (status(&served, &old).await, status(&served, &new).await),
        (401, 200)
    );
    served.kill().await;

    // Whoever takes an account into the configuration says there what holds.
    let configured = format!(
        "{toml}\n[account.acme]\naccess_key = \"{access_key}\"\nsecret_key = {{ file = \"acme.sk\" }}\n"
    );
    std::fs::write(folder.join("turnkey.toml"), configured).expect("the configuration");
    std::fs::write(folder.join("acme.sk"), "acme-sk").expect("a secret");
    let (served, _) = serve("fourth.log").await;
    assert_eq!(
        (
            status(&served, &new).await,
            status(&served, "acme-sk").await
        ),
        (401, 200)
    );
    served.kill().await;
    let log = std::fs::read_to_string(folder.join("fourth.log")).expect("a log");
    assert!(log.contains("account acme was made here"), "{log}");
}

#[tokio::test]
async fn accounts_are_run_from_the_command_line() {
    let mut demo = Demo::start(&[]).await;
    let (code, stdout, stderr) = demo.type_in(&["account", "create", "acme"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    let cell = |text: &str, head: &str| {
        let line = text.lines().find(|line| line.starts_with(head));
        let words = line.and_then(|line| line.split_whitespace().last());
        words.unwrap_or_else(|| panic!("{head}: {text}")).to_owned()
    };
    let (access_key, secret) = (cell(&stdout, "access key"), cell(&stdout, "secret key"));
    assert!(stderr.contains("shown this once"), "{stderr}");
    let address: SocketAddr = demo
        .url
        .strip_prefix("http://")
        .and_then(|url| url.split('/').next())
        .and_then(|address| address.parse().ok())
        .expect("an address");
    let status = async |secret: &str| {
        look(address, &access_key, secret, SystemClock::wall())
            .await
            .status
    };
    assert_eq!(status(&secret).await, 200);

    let (code, stdout, _) = demo.type_in(&["account", "rotate", "acme", "--json"]).await;
    assert_eq!(code, Some(0));
    let (_, next) = shown(&serde_json::from_str(&stdout).expect("JSON"));
    assert_eq!((status(&secret).await, status(&next).await), (200, 200));
    let (code, stdout, _) = demo
        .type_in(&["account", "rotate", "acme", "--drop-old"])
        .await;
    assert_eq!((code, status(&secret).await), (Some(0), 401));
    assert!(!stdout.contains(&next), "{stdout}");

    let (_, stdout, _) = demo.type_in(&["account", "list"]).await;
    let lines: Vec<_> = stdout.lines().collect();
    assert!(
        lines[0].starts_with("ACCOUNT") && lines[1].contains(&access_key),
        "{stdout}"
    );
    assert!(
        lines[2].contains("demo-ak") && lines[2].contains("configured"),
        "{stdout}"
    );
    for step in ["disable", "enable", "show"] {
        let (code, stdout, _) = demo
            .type_in(&["account", step, "acme", "--lang", "zh"])
            .await;
        assert_eq!(code, Some(0));
        assert!(stdout.contains("密钥指纹"), "{stdout}");
    }
    let (code, _, stderr) = demo
        .type_in(&["account", "disable", "demo", "--lang", "zh"])
        .await;
    assert_eq!(code, Some(3));
    assert!(
        stderr.contains("账号写在配置里") && stderr.contains("[account_configured]"),
        "{stderr}"
    );
    demo.stop().await;
}
