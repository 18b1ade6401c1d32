//! What is wrong with a product that another vendor delivers is said by key, rule and remedy.

use turnkey::config::Mode;

use crate::config::findings;

/// A configuration that is good.
const GOOD: &str = r#"
[server]
public_url = "https://deliver.example.com"
[vendor]
contact = "support@example.com"
[store]
url = "sqlite:turnkey.db"
[secrets]
master_key = { file = "turnkey.key" }
[product.notes]
driver = "spi"
[product.notes.spi]
dialect = "qingcloud-market"
url = "https://vendor.example.com/spi?tenant=7"
key = { value = "k9Zt3vQeXw2LrB7uYh5N" }
product_code = "prod-yha6rswd"
[product.notes.plan.team]
params = { spec = "规格", package = "套餐" }
[listing.notes]
dialect = "qingcloud-market"
product = "notes"
keys = [{ value = "another-key-of-our-own" }]
any_plan = "team"
"#;

const URL: &str = "https://vendor.example.com/spi?tenant=7";

#[track_caller]
fn check(toml: &str, expected: &[&str]) {
    let found = findings(toml, Mode::Demo);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}

fn appcenter() -> String {
    GOOD.replacen("qingcloud-market", "qingcloud-appcenter", 1)
        .replace("product_code", "app_id")
}

#[test]
fn a_vendor_that_is_good_is_good_in_both_dialects() {
    check(GOOD, &[]);
    check(&appcenter(), &[]);
}

#[test]
fn every_mistake_about_a_vendor_is_named() {
    for (right, wrong, said) in [
        (
            "dialect = \"qingcloud-market\"\nurl",
            "dialect = \"jdcloud-bastion\"\nurl",
            "error product.notes.spi.dialect: no vendor is asked for an instance in \
             jdcloud-bastion; qingcloud-market, qingcloud-appcenter can be",
        ),
        (
            "dialect = \"qingcloud-market\"\nurl",
            "dialect = \"qingcloud-markt\"\nurl",
            "did you mean \"qingcloud-market\"?",
        ),
        (
            "product_code = \"prod-yha6rswd\"",
            "",
            "error product.notes.spi.product_code: the key \"product_code\" is missing",
        ),
        (
            "key = { value = \"k9Zt3vQeXw2LrB7uYh5N\" }",
            "key = { env = \"TURNKEY_TEST_NO_SUCH_KEY\" }",
            "error product.notes.spi.key: ",
        ),
        (
            ", package = \"套餐\"",
            "",
            "error product.notes.plan.team.params: write what the vendor calls this plan",
        ),
        (
            "package = \"套餐\"",
            "package = \"套餐\", seats = 10",
            "error product.notes.plan.team.params: write what the vendor calls this plan",
        ),
        (
            URL,
            "ftp://vendor.example.com/",
            "error product.notes.spi.url: \"ftp://vendor.example.com/\" is not an http(s) address",
        ),
        (
            URL,
            "https://me:hunter22@vendor.example.com/",
            "error product.notes.spi.url: an account does not stand in an address",
        ),
        (
            URL,
            "http://vendor.example.com/",
            "warn product.notes.spi.url: is not https",
        ),
        (
            URL,
            "https://10.1.2.3/spi",
            "error product.notes.spi.url: 10.1.2.3 is private: it is not called unless `reach`",
        ),
        (
            URL,
            "https://0x7f.1/spi",
            "error product.notes.spi.url: 127.0.0.1 is loopback",
        ),
        (
            "product_code =",
            "reach = [\"10.0.0.0/40\"]\nproduct_code =",
            "error product.notes.spi.reach: \"10.0.0.0/40\" is no address, block of addresses or",
        ),
        (
            "product_code =",
            "timeout = \"1m\"\nproduct_code =",
            "product.notes.spi: unknown key \"timeout\"",
        ),
    ] {
        let toml = GOOD.replace(right, wrong);
        assert_ne!(toml, GOOD, "{right}");
        check(&toml, &[said]);
    }
    let without = GOOD.replace("driver = \"spi\"", "driver = \"manual\"");
    check(&without, &["product.notes.spi: belongs to another driver"]);
}

#[test]
fn what_the_platform_calls_by_https_only_may_be_near() {
    let plain = appcenter().replace(URL, "http://vendor.internal/spi");
    check(
        &plain,
        &[
            "error product.notes.spi.url: QingCloud AppCenter (应用开发平台 SaaS 应用 SPI) calls https only",
        ],
    );
    let reach = |entry: &str| plain.replace("app_id", &format!("reach = [\"{entry}\"]\napp_id"));
    check(
        &reach("vendor.internal"),
        &["warn product.notes.spi.url: is not https"],
    );
    // Where its name leads is not known before it is called.
    check(&reach("10.0.0.0/8"), &["calls https only"]);
    let here = reach("127.0.0.1").replace("vendor.internal", "127.0.0.1:8686");
    check(&here, &[]);
}
