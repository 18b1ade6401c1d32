//! `turnkey doctor` as a person types it: before a real server, behind a small proxy that keeps the
//! query or does not.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use turnkey::config::{self, Mode};
use turnkey::http::server::DoorLimits;
use turnkey_core::UtcMillis;
use turnkey_dialects::query::Query;
use turnkey_engine::SystemClock;

use crate::app::{App, KEY, settled};
use crate::binary::run;
use crate::cli::said;

/// A shop at `LISTEN` behind `PUBLIC`, whose secrets are files.
const SHOP: &str = r#"
    [server]
    listen = "LISTEN"
    admin_listen = "ADMIN"
    public_url = "PUBLIC"
    [vendor]
    contact = "support@example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes]
    driver = "manual"
    [product.notes.plan.team]
    [listing.market]
    dialect = "qingcloud-market"
    product = "notes"
    product_code = "prod-1"
    any_plan = "team"
    keys = [{ file = "prod.key" }]
    [listing.other]
    dialect = "qingcloud-market"
    product = "notes"
    product_code = "prod-2"
    any_plan = "team"
    keys = [{ file = "prod.key" }]
"#;

const APPCENTER: &str = r#"
    [listing.app]
    dialect = "qingcloud-appcenter"
    product = "notes"
    app_id = "app-1"
    any_plan = "team"
    keys = [{ file = "prod.key" }]
"#;

/// A request as it is passed on, and the answer as it is passed back.
type Change = fn(&str) -> String;

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

/// The query taken apart and built anew, as many gateways do.
fn rebuilt(head: &str) -> String {
    let Some((before, rest)) = head.split_once('?') else {
        return head.to_owned();
    };
    let (query, after) = rest.split_once(' ').expect("a request line");
    let query = Query::parse(query).expect("a query").canonical("");
    format!("{before}?{query} {after}")
}

fn with_one_more(head: &str) -> String {
    head.replacen('?', "?utm_source=cdn&", 1)
}

fn elsewhere(head: &str) -> String {
    head.replacen("/spi/", "/api/spi/", 1)
}

fn an_hour_ago(answer: &str) -> String {
    let wall = SystemClock::wall().0 - 3_600_000;
    let past = jiff::Timestamp::from_millisecond(wall).expect("a time");
    let past = past.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let lines = answer
        .split("\r\n")
        .map(|line| match line.to_lowercase().starts_with("date: ") {
            true => format!("date: {past}"),
            false => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\r\n")
}

/// A proxy that takes one request on each connection.
async fn proxy(listener: TcpListener, to: SocketAddr, request: Change, answer: Change) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = client.read_u8().await else {
                break;
            };
            head.push(byte);
        }
        let head = request(std::str::from_utf8(&head).expect("a head"));
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let mut server = TcpStream::connect(to).await.expect("the shop");
        server.write_all(head.as_bytes()).await.expect("a request");
        let mut said = Vec::new();
        server.read_to_end(&mut said).await.expect("an answer");
        let said = answer(std::str::from_utf8(&said).expect("text"));
        // Whoever asked may have gone.
        let _ = client.write_all(said.as_bytes()).await;
    }
}

async fn port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

/// A folder with a configuration and its keys.
fn site(listen: SocketAddr, admin: SocketAddr, public: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = SHOP.replace("LISTEN", &listen.to_string());
    let toml = toml.replace("ADMIN", &admin.to_string());
    let toml = toml.replace("PUBLIC", public) + more;
    std::fs::write(folder.path().join("turnkey.toml"), toml).expect("the configuration");
    own(folder.path(), "prod.key", KEY);
    folder
}

fn own(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(file, mode).expect("its mode");
}

/// The findings of `turnkey doctor` in `folder`, and what it exits with.
async fn examined(folder: &Path) -> (Option<i32>, Vec<Value>) {
    let (code, stdout, stderr) = said(&run(folder, &["doctor", "--json"]).await);
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    assert_eq!(told["ok"], code == Some(0), "{told}");
    (code, told["findings"].as_array().expect("findings").clone())
}

/// Level, code and path of whatever is neither well nor a note.
fn troubles(findings: &[Value]) -> Vec<String> {
    let found = findings
        .iter()
        .filter(|finding| finding["code"].is_string());
    let told = found.map(|f| {
        let text = |name: &str| f[name].as_str().expect("text").to_owned();
        format!("{} {} {}", text("level"), text("code"), text("path"))
    });
    told.collect()
}

fn message<'a>(findings: &'a [Value], code: &str) -> &'a str {
    let finding = findings.iter().find(|finding| finding["code"] == code);
    let finding = finding.unwrap_or_else(|| panic!("no {code} in {findings:?}"));
    finding["message"].as_str().expect("a message")
}

/// A running shop, its configuration in the folder, and a proxy before it.
async fn shop(request: Change, answer: Change) -> (App, tempfile::TempDir) {
    let folder = site(nobody(9), nobody(10), "http://127.0.0.1:1", "");
    // The tests' doors choose their own ports; what is written down later names them.
    let toml = folder.path().join("turnkey.toml");
    let text = std::fs::read_to_string(&toml).expect("the configuration");
    let settings = settled(config::parse(&text, Mode::Serve, folder.path()));
    let data = tempfile::TempDir::new_in(folder.path()).expect("a folder");
    let app = App::start_at(data, &settings, DoorLimits::default(), SystemClock::wall()).await;
    let listener = port().await;
    let public = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(proxy(listener, app.address, request, answer));
    let text = text.replace("127.0.0.2:9\"", &format!("{}\"", app.address));
    let text = text.replace("127.0.0.2:10\"", &format!("{}\"", app.admin));
    let text = text.replace("http://127.0.0.1:1", &public);
    std::fs::write(toml, text).expect("the configuration");
    (app, folder)
}

/// An address that nothing listens at.
fn nobody(port: u16) -> SocketAddr {
    ([127, 0, 0, 2], port).into()
}

#[tokio::test]
async fn a_proxy_that_keeps_everything_is_well() {
    let (app, folder) = shop(as_it_is, as_it_is).await;
    let (code, findings) = examined(folder.path()).await;
    assert_eq!(
        (code, troubles(&findings)),
        (Some(0), vec![]),
        "{findings:?}"
    );
    let well = findings.iter().filter(|finding| finding["level"] == "ok");
    let well: Vec<_> = well.map(|f| f["path"].as_str().expect("a path")).collect();
    let expect = [
        "secrets.master_key",
        "store.url",
        "server.listen",
        "server.admin_listen",
        "clock",
        "server.public_url",
        "server.public_url",
    ];
    assert_eq!(well, expect, "{findings:?}");

    let (code, stdout, _) = said(&run(folder.path(), &["doctor", "--lang", "zh"]).await);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("原样到达"), "{stdout}");
    assert!(!stdout.contains(KEY), "{stdout}");
    let (orders, instances, _) = app.everything().await;
    assert!(
        orders.is_empty() && instances.is_empty(),
        "nothing is stored"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_proxy_that_rebuilds_queries_is_named_with_what_it_does_not_keep() {
    let (app, folder) = shop(rebuilt, as_it_is).await;
    let (code, findings) = examined(folder.path()).await;
    let expect = ["market", "other"].map(|l| format!("error query_rewritten listing.{l}"));
    assert_eq!((code, troubles(&findings)), (Some(1), expect.to_vec()));
    let message = message(&findings, "query_rewritten");
    assert!(
        message.contains("it does not keep `%2f`, `%7E`, `*`, `a%20b`;"),
        "{message}"
    );
    let stored = app.everything().await.0;
    assert!(stored.is_empty(), "nothing is stored");
    app.stop().await;
}

#[tokio::test]
async fn a_proxy_that_adds_a_parameter_breaks_even_the_plainest_call() {
    let (app, folder) = shop(with_one_more, as_it_is).await;
    let (code, findings) = examined(folder.path()).await;
    assert_eq!(code, Some(1));
    let message = message(&findings, "query_rewritten");
    assert!(message.contains("not even a plain one"), "{message}");
    app.stop().await;
}

#[tokio::test]
async fn a_proxy_that_changes_the_path_is_told_from_one_that_changes_the_query() {
    let (app, folder) = shop(elsewhere, as_it_is).await;
    let (code, findings) = examined(folder.path()).await;
    let expect = ["market", "other"].map(|l| format!("error passage_changed listing.{l}"));
    assert_eq!((code, troubles(&findings)), (Some(1), expect.to_vec()));
    assert!(message(&findings, "passage_changed").contains("404"));
    app.stop().await;
}

#[tokio::test]
async fn a_clock_is_compared_with_that_of_whoever_answers() {
    let (app, folder) = shop(as_it_is, an_hour_ago).await;
    let (code, findings) = examined(folder.path()).await;
    let expect = vec!["error clock_off clock".to_owned()];
    assert_eq!((code, troubles(&findings)), (Some(1), expect));
    let message = message(&findings, "clock_off");
    assert!(message.contains("clock is 59m"), "{message}");
    assert!(message.contains("ahead of the `Date`"), "{message}");
    assert!(
        message.contains("whatever machine answers there"),
        "{message}"
    );
    app.stop().await;
}

#[tokio::test]
async fn files_that_others_can_read_are_named() {
    let (app, folder) = shop(as_it_is, as_it_is).await;
    for (file, mode) in [("test.key", 0o644), ("prod.key", 0o640), ("test.db", 0o604)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path().join(file), mode).expect("a mode");
    }
    let (code, findings) = examined(folder.path()).await;
    let expect = [
        "error file_exposed secrets.master_key",
        "warning file_exposed listing.market.keys",
        "warning file_exposed listing.other.keys",
        "warning file_exposed store.url",
    ];
    assert_eq!(troubles(&findings), expect);
    assert_eq!(code, Some(1));
    assert!(message(&findings, "file_exposed").contains("mode 0644"));
    app.stop().await;
}

#[tokio::test]
async fn a_server_with_other_keys_is_told_apart_from_a_proxy() {
    let (app, folder) = shop(as_it_is, as_it_is).await;
    own(folder.path(), "prod.key", "another-key-than-the-servers");
    let (code, findings) = examined(folder.path()).await;
    let expect = ["market", "other"].map(|l| format!("error listing_unserved listing.{l}"));
    assert_eq!((code, troubles(&findings)), (Some(1), expect.to_vec()));
    app.stop().await;
}

#[tokio::test]
async fn before_the_first_start_nothing_is_wrong_and_nothing_is_made() {
    let (listen, admin) = (port().await, port().await);
    let at = |listener: &TcpListener| listener.local_addr().expect("an address");
    let folder = site(at(&listen), at(&admin), "https://127.0.0.1:1", APPCENTER);
    drop((listen, admin));
    let (code, findings) = examined(folder.path()).await;
    assert_eq!(
        (code, troubles(&findings)),
        (Some(0), vec![]),
        "{findings:?}"
    );
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 2, "the configuration and a key");
}

#[tokio::test]
async fn a_stranger_at_the_door_and_a_plain_address_are_found() {
    let (listen, admin) = (port().await, port().await);
    let at = |listener: &TcpListener| listener.local_addr().expect("an address");
    let folder = site(at(&listen), at(&admin), "http://127.0.0.1:1", APPCENTER);
    // Whoever hangs up without a word.
    for stranger in [listen, admin] {
        tokio::spawn(async move { while stranger.accept().await.is_ok() {} });
    }
    let (code, findings) = examined(folder.path()).await;
    let expect = [
        "error address_taken server.listen",
        "error address_taken server.admin_listen",
        "error public_url_plain server.public_url",
    ];
    assert_eq!(troubles(&findings), expect);
    assert_eq!(code, Some(1));
}

/// `turnkey demo` answers at the same address by default.
#[tokio::test]
async fn a_turnkey_with_another_store_is_a_stranger_too() {
    let demo = App::start().await;
    let public = format!("http://{}", demo.address);
    let folder = site(demo.address, demo.admin, &public, "");
    let (code, findings) = examined(folder.path()).await;
    assert_eq!(code, Some(1));
    let expect = ["listen", "admin_listen"].map(|k| format!("error address_taken server.{k}"));
    assert_eq!(troubles(&findings), expect);
    assert!(message(&findings, "address_taken").contains("another store"));
    demo.stop().await;
}

/// The clock of the machine was a day ahead when the order came.
#[tokio::test]
async fn an_order_from_the_future_tells_of_a_clock_that_was_wrong() {
    let folder = site(nobody(9), nobody(10), "https://127.0.0.1:1", "");
    let text = std::fs::read_to_string(folder.path().join("turnkey.toml")).expect("a file");
    let text = text.replace("\"manual\"", "\"demo\"");
    let settings = settled(config::parse(&text, Mode::Demo, folder.path()));
    let ahead = UtcMillis(SystemClock::wall().0 + 86_400_000);
    let data = tempfile::tempdir().expect("a folder");
    let app = App::start_at(data, &settings, DoorLimits::default(), ahead).await;
    let create = [
        ("action", "CreateInstance"),
        ("order_id", "mord-1"),
        ("qingcloud_uid", "usr-u5JDC3MS"),
        ("product_code", "prod-1"),
        ("spec", "x"),
        ("package", "y"),
        ("duration", "1_year"),
    ];
    let query = crate::wire::signed(&create, KEY, ahead);
    let path = format!("/spi/market?{query}");
    assert_eq!(crate::wire::get(app.address, &path).await.status, 200);
    app.stop().await;

    let (code, findings) = examined(folder.path()).await;
    assert_eq!(code, Some(1));
    let message = message(&findings, "store_ahead");
    assert!(
        message.contains("ahead of this machine's clock"),
        "{message}"
    );
    let files = std::fs::read_dir(folder.path())
        .expect("a folder")
        .flatten();
    let mut files: Vec<_> = files
        .map(|f| f.file_name().into_string().expect("text"))
        .collect();
    files.retain(|name| name.starts_with("test.db"));
    files.sort();
    assert_eq!(
        files,
        ["test.db", "test.db.calls", "test.db.lock"],
        "looking leaves nothing behind"
    );
}
