//! No delivered password, key or token is found by a byte search over the database files, the logs
//! at debug level, what the admin API lists, and what is left of a crash.

use std::net::SocketAddr;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use turnkey::config::LogSettings;
use turnkey::http::admin::document;

use crate::admin::asked;
use crate::app::{KEY, OPERATOR, VIEWER};
use crate::binary::{Served, Site, create};
use crate::wire::{get, signed};

/// A vendor whose every word is a secret.
const PROGRAM: &str = r#"
set -eu
ask=$(cat)
if [ ! -e failed ]; then
    : >failed
    printf 'cannot reach https://admin:SECRET-userinfo@db.internal/ with password=SECRET-stderr\n' >&2
    exit 1
fi
printf '{"access":{"front_end":{"url":"https://saas.example/?token=SECRET-url","username":"SECRET-user","password":"SECRET-password"},"admin":{"url":"https://saas.example/SECRET-admin"},"auth_url":"https://saas.example/SECRET-sso","extra":{"licence":"SECRET-licence"}}}'
"#;

/// The same, who never delivers.
const LATE: &str = r"
cat >/dev/null
printf 'cannot reach https://admin:SECRET-userinfo@db.internal/ with password=SECRET-stderr\n' >&2
exit 1
";

/// What else there is to list: a stock, an order that is held while its driver fails, and whoever
/// may look.
const MORE: &str = r#"
    [product.licence]
    driver = "pool"
    [product.licence.plan.team]
    [listing.licences]
    dialect = "qingcloud-market"
    product = "licence"
    any_plan = "team"
    keys = [{ file = "prod.key" }]
    [product.late]
    driver = "command"
    [product.late.command]
    argv = ["sh", "late.sh"]
    directory = "vendor"
    [product.late.plan.team]
    [listing.late]
    dialect = "qingcloud-market"
    product = "late"
    any_plan = "team"
    keys = [{ file = "prod.key" }]
    slow = "hold"
    reply_within = "50ms"
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "late"
    regions = { cn-north-1 = ["cn-north-1a"] }
    payment = "trusted"
    [[listing.bastion.offer]]
    spec = "basic"
    plan = "team"
    [account.acme]
    access_key = "acme-ak"
    secret_key = { file = "acme.sk" }
    [admin.token.vera]
    role = "viewer"
    token = { file = "vera.token" }
    [admin.token.otto]
    role = "operator"
    token = { file = "otto.token" }
"#;

/// Files that hold a secret because that is what they are for.
const OWN_FILES: [&str; 5] = [
    "test.key",
    "prod.key",
    "vera.token",
    "otto.token",
    "acme.sk",
];

fn found(folder: &Path, secret: &str) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() && !path.ends_with("vendor") {
            places.extend(found(&path, secret));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            if bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
            {
                places.push(path.display().to_string());
            }
        }
    }
    places
}

/// Where the admin API of what logs into `log` listens.
pub(crate) fn admin_of(log: &Path) -> SocketAddr {
    let log = std::fs::read_to_string(log).expect("a log");
    let (_, behind) = log.split_once("admin API at http://").expect("its line");
    let address = behind.split('/').next().expect("an address");
    address.parse().expect("an address")
}

/// What an operator is told at `path`.
async fn told(admin: SocketAddr, path: &str) -> String {
    let answer = asked(admin, "GET", path, Some(OPERATOR), "").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

/// The rows that are listed at `path`, waiting for the first: some are written beside the answer.
async fn listed(admin: SocketAddr, path: &str) -> Vec<Value> {
    for _ in 0..3_000 {
        let page: Value = serde_json::from_str(&told(admin, path).await).expect("JSON");
        match page["items"].as_array() {
            Some(items) if items.is_empty() => {}
            Some(items) => return items.clone(),
            None => panic!("{path} is no list: {page}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing is listed at {path}");
}

/// Everything that can be looked at through the admin API, except what shows an access on purpose:
/// every route of the document, each row of a list on its own page too, and the metrics.
async fn everything_shown(admin: SocketAddr) -> Vec<(String, String)> {
    let document = serde_json::to_value(document()).expect("a document");
    let mut paths = vec!["/metrics".to_owned()];
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item["get"].is_null() || path.ends_with("/access") {
            continue;
        }
        let Some((list, rest)) = path.split_once("/{") else {
            paths.push(path.clone());
            continue;
        };
        let (called, rest) = rest.split_once('}').expect("a parameter");
        for row in listed(admin, list).await {
            let id = row[called].to_string();
            let id = id.trim_matches('"');
            paths.push(format!("{list}/{id}{rest}"));
        }
    }
    let mut shown = Vec::new();
    for path in paths {
        let text = told(admin, &path).await;
        shown.push((path, text));
    }
    shown
}

/// Buys at every listing: delivered at once, out of the stock, held. The secret part of what is
/// handed out while it is held.
async fn buy_everywhere(served: &Served, admin: SocketAddr) -> (String, String) {
    let id = served.call(&create("mord-1")).await.instance();
    assert_eq!(served.call(&create("mord-1")).await.instance(), id);

    let account = json!({"url": "https://saas.example/SECRET-stock", "username": "SECRET-user",
        "password": "SECRET-password"});
    let item = |line| json!({"line": line, "access": {"front_end": account, "extra": {"licence": format!("SECRET-{line}")}}});
    let stock = json!({"product": "licence", "items": [item(1), item(2)]}).to_string();
    let added = asked(admin, "POST", "/api/v1/stock", Some(OPERATOR), &stock).await;
    assert_eq!(added.status, 200, "{added:?}");
    let buy = async |listing: &str, order: &str| {
        let query = signed(&create(order), KEY, turnkey_engine::SystemClock::wall());
        let answer = get(served.address, &format!("/spi/{listing}?{query}")).await;
        answer.instance();
        answer.json()["instanceInfo"]["frontEndUrl"]
            .as_str()
            .expect("a URL")
            .to_owned()
    };
    assert!(buy("licences", "mord-2").await.contains("SECRET-stock"));
    let link = buy("late", "mord-3").await;
    let token = link.split("/i/").nth(1).expect("a holding link");
    let token = token.trim_matches('/').to_owned();
    assert!(token.len() > 20, "{link}");
    (id, token)
}

/// Makes an account and rotates it; both of its secrets.
async fn secrets_of_an_account(admin: SocketAddr) -> [String; 2] {
    let body = r#"{"name":"globex"}"#;
    let mut secrets = Vec::new();
    for (path, body) in [("accounts", body), ("accounts/globex/rotate", "null")] {
        let path = format!("/api/v1/{path}");
        let made = asked(admin, "POST", &path, Some(OPERATOR), body).await;
        assert_eq!(made.status, 200, "{made:?}");
        let secret = made.json()["secret_key"].as_str().map(str::to_owned);
        secrets.push(secret.expect("a secret"));
    }
    secrets.try_into().expect("two secrets")
}

#[tokio::test]
async fn nothing_secret_is_in_the_data_files_or_in_the_log_or_in_a_list() {
    let site = Site::new();
    let folder = site.folder.path();
    std::fs::write(site.vendor.folder.join("program.sh"), PROGRAM).expect("the program");
    std::fs::write(site.vendor.folder.join("late.sh"), LATE).expect("the program");
    let toml = folder.join("turnkey.toml");
    let text = std::fs::read_to_string(&toml).expect("a configuration") + MORE;
    std::fs::write(&toml, text).expect("a configuration");
    std::fs::write(folder.join("vera.token"), VIEWER).expect("a token");
    std::fs::write(folder.join("otto.token"), OPERATOR).expect("a token");
    std::fs::write(folder.join("acme.sk"), "SECRET-of-acme").expect("a secret");
    let mut served = site.serve().await;
    served.has_logged("admin API at", 1).await;
    let admin = admin_of(&site.log());
    let (id, link) = buy_everywhere(&served, admin).await;
    let [made, rotated] = secrets_of_an_account(admin).await;
    let wrong = signed(
        &create("mord-2"),
        "SECRET-wrong-key",
        turnkey_engine::SystemClock::wall(),
    );
    let signature = wrong
        .split_once("signature=")
        .expect("a signature")
        .1
        .to_owned();
    let refused = get(served.address, &format!("/spi/notes?{wrong}")).await;
    assert_eq!(refused.status, 401);
    let wrong = Some("SECRET-wrong-token-of-somebody-else");
    let refused = asked(admin, "GET", "/api/v1/orders", wrong, "").await;
    assert_eq!(refused.status, 401);

    let master = std::fs::read_to_string(folder.join("test.key")).expect("a key");
    for file in OWN_FILES {
        std::fs::remove_file(folder.join(file)).expect("its own file");
    }
    let secrets = [
        "SECRET",
        "saas.example",
        KEY,
        master.trim(),
        &signature,
        VIEWER,
        OPERATOR,
        &link,
        &made,
        &rotated,
    ];
    let nowhere = |when: &str| {
        for secret in secrets {
            let places = found(folder, secret);
            assert!(places.is_empty(), "{secret:?} {when}: {places:?}");
        }
    };
    let on_purpose = told(admin, &format!("/api/v1/instances/{id}/access")).await;
    assert!(on_purpose.contains("SECRET-password"), "{on_purpose}");
    let shown = everything_shown(admin).await;
    let of = |part: &'static str| shown.iter().filter(move |(path, _)| path.contains(part));
    for (path, text) in &shown {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret:?} at {path}: {text}");
        }
    }
    for part in [
        "/instances/i-",
        "/calls/",
        "/operations/",
        "/stock",
        "/accounts/globex",
    ] {
        assert!(of(part).count() > 0, "{part} was looked at");
    }
    assert!(
        of("/operations/").any(|(_, text)| text.contains("cannot reach")),
        "the operator learns why it fails: {shown:?}"
    );
    nowhere("in the write-ahead log, while it runs");
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
    nowhere("after it was closed");
    let log = std::fs::read_to_string(site.log()).expect("a log");
    assert!(
        log.contains("DEBUG") && log.contains("mord-1"),
        "the log is at debug level: {log}"
    );
    assert!(
        log.contains("cannot reach"),
        "the operator learns why it failed: {log}"
    );
}

/// What is skipped in the life of this program in which it crashes: nothing, so it says which life
/// it is.
const CRASHES: &str = "the-life-in-which-it-crashes";

/// This test starts itself once more, with the program's log, and panics there in every place where
/// the server could.
#[test]
fn a_crash_says_where_and_never_what() {
    if std::env::args().any(|argument| argument == CRASHES) {
        return crash();
    }
    let output = std::process::Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "secrets::a_crash_says_where_and_never_what"])
        .args(["--nocapture", "--skip", CRASHES])
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        said.matches("a rule of ours is broken: a panic at ")
            .count(),
        3,
        "{said}"
    );
    assert!(
        said.matches("tests/it/secrets.rs:").count() >= 3,
        "the place is named: {said}"
    );
    assert!(said.contains("a-worker"), "the thread is named: {said}");
    assert!(said.contains("secrets::crash"), "a backtrace: {said}");
    assert!(!said.contains("SECRET"), "{said}");
}

fn crash() {
    let settings = LogSettings {
        level: "debug".to_owned(),
        is_json: false,
    };
    turnkey::log::start(&settings).expect("a log");
    let password = "SECRET-password".to_owned();
    let worker = std::thread::Builder::new().name("a-worker".to_owned());
    let worker = worker.spawn(move || panic!("cannot read {password}"));
    assert!(worker.expect("a thread").join().is_err());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let task = async { panic!("SECRET-token") };
    assert!(runtime.block_on(runtime.spawn(task)).is_err());
    let blocking = || std::panic::panic_any("SECRET-key".to_owned());
    let blocking: fn() = blocking;
    assert!(runtime.block_on(runtime.spawn_blocking(blocking)).is_err());
}
