//! The official SDKs of JD Cloud, as they are, live through a bastion's whole life.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use crate::binary::{PROGRAM, Served};
use crate::cli::demo;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk");

/// Where `cargo xtask test` installs the SDKs.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/sdk");

/// How long a whole life may take: it waits for nothing but us.
const LIFE_MAX: Duration = Duration::from_secs(120);

/// A storefront as `turnkey serve` opens one, with the account and the specs of the demo.
pub(crate) const SHOP: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    admin_listen = "127.0.0.1:0"
    public_url = "http://127.0.0.1:8686"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.bastion]
    driver = "command"
    [product.bastion.command]
    argv = ["true"]
    [product.bastion.plan.basic]
    [product.bastion.plan.standard]
    [product.bastion.plan.premium]
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "bastion"
    regions = { cn-north-1 = ["cn-north-1a", "cn-north-1b"] }
    payment = "trusted"
    ends = "end-of-day"
    grace = "7d"
    [[listing.bastion.offer]]
    spec = "basic"
    plan = "basic"
    price = { month = "300.00", year = "3000.00", currency = "CNY" }
    [[listing.bastion.offer]]
    spec = "standard"
    plan = "standard"
    price = { month = "600.00", year = "6000.00", currency = "CNY" }
    [[listing.bastion.offer]]
    spec = "premium"
    plan = "premium"
    price = { month = "900.00", year = "9000.00", currency = "CNY" }
    [account.demo]
    access_key = "demo-ak"
    secret_key = { file = "demo.sk" }
"#;

/// Python with its SDK, and [`SCRIPTS`] to import from.
pub(crate) fn python(arguments: &[&str]) -> Command {
    let mut python = Command::new("python3");
    let path = format!("{INSTALLED}/python/packages:{SCRIPTS}");
    python
        .args(arguments)
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    python
}

fn python_life() -> Command {
    python(&[concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/sdk/lifecycle.py"
    )])
}

/// Node.js with its SDK.
fn node() -> Command {
    let mut node = Command::new("node");
    node.arg(format!("{SCRIPTS}/lifecycle.js"))
        .env("NODE_PATH", format!("{INSTALLED}/node/node_modules"));
    node
}

/// Lives the whole life at `endpoint`.
async fn lives(mut sdk: Command, endpoint: &str) {
    sdk.args([endpoint, "demo-ak", "demo-sk"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIFE_MAX, sdk.output()).await;
    let output = output
        .expect("it comes to an end")
        .expect("the language is missing; `cargo xtask test` installs it");
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("the whole life"), "{said}");
}

/// The address of a demo whose notification URL is `url`.
fn address(url: &str) -> &str {
    let rest = url.strip_prefix("http://").expect("a URL");
    rest.split('/').next().expect("an address")
}

#[tokio::test]
async fn the_python_sdk_lives_a_whole_life_at_a_demo() {
    let (_demo, url) = demo(&[]).await;
    lives(python_life(), address(&url)).await;
}

#[tokio::test]
async fn the_node_sdk_lives_a_whole_life_at_a_demo() {
    let (_demo, url) = demo(&[]).await;
    lives(node(), address(&url)).await;
}

/// `turnkey serve` with [`SHOP`], whose driver is a program.
async fn shop() -> (TempDir, Served) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("turnkey.toml"), SHOP).expect("a configuration");
    std::fs::write(folder.path().join("demo.sk"), "demo-sk\n").expect("a secret");
    let mut command = Command::new(PROGRAM);
    command.arg("serve").current_dir(folder.path());
    let served = Served::start(command, &folder.path().join("serve.log")).await;
    (folder, served)
}

#[tokio::test]
async fn both_sdks_live_a_whole_life_at_a_shop() {
    for sdk in [python_life(), node()] {
        let (_folder, served) = shop().await;
        lives(sdk, &served.address.to_string()).await;
        served.signal(Signal::TERM);
        assert!(served.ended().await.success());
    }
}
