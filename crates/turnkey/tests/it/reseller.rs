//! The example in `examples/reseller`: what the official SDK buys at one Turnkey, another delivers,
//! over a network that loses, doubles and delays.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::admin::asked;
use crate::app::OPERATOR;
use crate::bad_network::BadNetwork;
use crate::binary::{PROGRAM, Served};
use crate::sdk::python;
use crate::secrets::admin_of;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/reseller");

/// How many orders are placed through each dialect.
const ORDERS: usize = 200;

/// How long they may take: a call that nobody answers takes the marketplace's 15 s, several in a
/// row can meet one order, and the runner's back-off stands between schedules.
const ALL_WITHIN: Duration = Duration::from_secs(280);

/// What the fault of one call in ten comes to, at least, over this many orders.
const FAULTS_MIN: u32 = 15;

/// A token for the admin API, which the example has none of.
const TOKEN: &str = r#"
[admin.token.otto]
role  = "operator"
token = { file = "otto.token" }
"#;

/// The example's files, and its keys.
fn copied() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for name in ["cloud.toml", "vendor.toml", "provision.sh", "buy.py"] {
        std::fs::copy(format!("{EXAMPLE}/{name}"), at(name)).expect("a copy");
    }
    for name in ["cloud.toml", "vendor.toml"] {
        let toml = std::fs::read_to_string(at(name)).expect("a copy");
        std::fs::write(at(name), toml + TOKEN).expect("a token");
    }
    for (name, secret) in [
        ("market.key", "8c4ad1e3f7b24a9d8f5e6c7b9a0d1e2f"),
        ("appcenter.key", "1f2e3d4c5b6a79880716253443526170"),
        ("buyer.sk", "5a5b5c5d5e5f60616263646566676869"),
        ("otto.token", OPERATOR),
    ] {
        std::fs::write(at(name), secret).expect("a secret");
    }
    folder
}

/// `turnkey serve --config FILE` in `folder`, on ports of its own and with `settings`.
async fn serve(folder: &Path, file: &str, settings: &[(&str, &str)]) -> (Served, SocketAddr) {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--config", file])
        .current_dir(folder)
        .env("TURNKEY__SERVER__LISTEN", "127.0.0.1:0")
        .env("TURNKEY__SERVER__ADMIN_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied());
    let log = folder.join(format!("{file}.log"));
    let mut served = Served::start(command, &log).await;
    served.has_logged("admin API at http://", 1).await;
    let admin = admin_of(&log);
    (served, admin)
}

async fn told(admin: SocketAddr, path: &str) -> Value {
    let answer = asked(admin, "GET", path, Some(OPERATOR), "").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// Every instance that is known at `admin`, in every state.
async fn instances(admin: SocketAddr) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = told(admin, &format!("/api/v1/instances?limit=100{after}")).await;
        all.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Buys [`ORDERS`] at the cloud, which asks the vendor as `product` does.
async fn sold_through(product: &str, path: &str, seed: u64) {
    let folder = copied();
    let (vendor, vendor_admin) = serve(folder.path(), "vendor.toml", &[]).await;
    let network = BadNetwork::before(vendor.address, seed).await;
    let url = format!("http://{}{path}", network.address);
    let url_at = format!("TURNKEY__PRODUCT__{}__SPI__URL", product.to_uppercase());
    let settings = [
        ("TURNKEY__LISTING__CLOUD__PRODUCT", product),
        (url_at.as_str(), url.as_str()),
    ];
    let (cloud, cloud_admin) = serve(folder.path(), "cloud.toml", &settings).await;

    let script = folder.path().join("buy.py");
    let (orders, within) = (ORDERS.to_string(), ALL_WITHIN.as_secs().to_string());
    let output = python(&[script.to_str().expect("text")])
        .current_dir(folder.path())
        .args(["--endpoint", &cloud.address.to_string()])
        .args(["--orders", &orders, "--wait", &within])
        .output()
        .await
        .expect("python3 is missing; `cargo xtask test` installs it");
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complained}");
    let bought: Vec<Value> = serde_json::from_slice(&output.stdout).expect("what was bought");

    let weather = network.weather();
    let faults = [weather.lost, weather.doubled, weather.slow];
    assert!(faults.iter().all(|n| *n >= FAULTS_MIN), "{weather:?}");

    let orders: BTreeSet<_> = bought.iter().map(|each| text(&each["order"])).collect();
    let ids: BTreeSet<_> = bought
        .iter()
        .map(|each| text(&each["instanceId"]))
        .collect();
    assert_eq!((orders.len(), ids.len()), (ORDERS, ORDERS));
    let at_cloud = instances(cloud_admin).await.into_iter();
    let at_cloud: BTreeSet<_> = at_cloud.map(|each| text(&each["id"])).collect();
    assert_eq!(
        at_cloud, ids,
        "the cloud has what was bought and nothing else"
    );

    let named: Vec<_> = bought.iter().map(vendors_name).collect();
    let once: BTreeSet<_> = named.iter().cloned().collect();
    assert_eq!(named.len(), once.len(), "none is referenced twice");
    let at_vendor = instances(vendor_admin).await;
    let running = at_vendor.iter().all(|each| each["state"] == "running");
    assert!(running, "{at_vendor:?}");
    let at_vendor: BTreeSet<_> = at_vendor.iter().map(|each| text(&each["id"])).collect();
    assert_eq!(at_vendor, once, "none is unreferenced");

    for served in [cloud, vendor] {
        served.signal(Signal::TERM);
        assert!(served.ended().await.success());
    }
}

/// What the vendor calls the instance that was `bought`.
fn vendors_name(bought: &Value) -> String {
    text(&bought["access"]["extra"]["vendor_instance_id"])
}

#[tokio::test]
async fn two_hundred_orders_are_delivered_by_a_vendor_on_the_market() {
    sold_through("by_market", "/spi/market", 5).await;
}

#[tokio::test]
async fn two_hundred_orders_are_delivered_by_a_vendor_on_the_appcenter() {
    sold_through("by_appcenter", "/spi/appcenter", 6).await;
}
