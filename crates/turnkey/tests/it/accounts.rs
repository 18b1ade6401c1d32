//! Accounts of a storefront: their secrets change while calls go on, and buyers come and go.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;
use secrecy::SecretString;
use tokio::process::Command;
use turnkey::config::{self, Mode};
use turnkey::http::server::DoorLimits;
use turnkey::keys::Reloaded;
use turnkey_core::UtcMillis;
use turnkey_dialects::jdcloud::{Signer, Unsigned, Version, sign};
use turnkey_engine::SystemClock;

use crate::app::{App, TOKENS, settled};
use crate::binary::{PROGRAM, Served};
use crate::keys::Load;
use crate::sdk::SHOP;
use crate::wire::{Answer, exchange};

/// A buyer looks at what it has, signed at `at`.
async fn look(to: SocketAddr, access_key: &str, secret: &str, at: UtcMillis) -> Answer {
    let (path, host) = ("/v1/regions/cn-north-1/bastions", to.to_string());
    let signer = Signer {
        version: Version::V3,
        access_key,
        secret: &SecretString::from(secret),
        region: "cn-north-1",
        service: "bastion",
    };
    let unsigned = Unsigned {
        method: "GET",
        path,
        query: "",
        host: &host,
        headers: &[],
        body: b"",
    };
    let headers = sign(&signer, &unsigned, "a-nonce", at).expect("a signed request");
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    exchange(to, request.as_bytes()).await
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
