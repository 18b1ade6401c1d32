//! The example behind a real Turnkey: bought at the market, and with the official SDK.

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use turnkey_engine::SystemClock;

use super::site::{EXAMPLE, Site, until};
use crate::admin::asked;
use crate::binary::{PROGRAM, Served};
use crate::secrets::admin_of;
use crate::wire::{Answer, Parameters, get, signed};

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
        .current_dir(site.folder())
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
