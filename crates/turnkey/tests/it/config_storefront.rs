//! What is wrong with a storefront's configuration is said by key, rule and remedy.

use std::path::Path;
use std::time::Duration;

use turnkey::config::{self, Mode};
use turnkey_core::{Money, Payment, Period};

use crate::config::findings;

/// A storefront that is good.
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
driver = "demo"
[product.notes.plan.small]
[product.notes.plan.large]
[listing.bastion]
dialect = "jdcloud-bastion"
product = "notes"
regions = { cn-north-1 = ["cn-north-1a", "cn-north-1b"] }
payment = "required"
[[listing.bastion.offer]]
spec = "basic"
plan = "small"
price = { month = "300.10", year = "3000.00", currency = "CNY" }
[[listing.bastion.offer]]
spec = "premium"
plan = "large"
price = { month = "600", currency = "CNY" }
[account.acme]
access_key = "AK-acme"
secret_key = { value = "acme-secret" }
"#;

/// The same with a QingCloud listing, where a marketplace is in charge.
fn market() -> String {
    let (head, rest) = GOOD.split_once("[listing.bastion]").expect("a listing");
    let (_, accounts) = rest.split_once("[account.acme]").expect("an account");
    format!(
        "{head}[listing.market]\ndialect = \"qingcloud-market\"\nproduct = \"notes\"\n\
         keys = [{{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }}]\nany_plan = \"small\"\n\
         [account.acme]{accounts}"
    )
}

/// Every finding of `toml`, each with its code, in both languages.
fn said(toml: &str) -> Vec<String> {
    let checked = config::parse(toml, Mode::Demo, Path::new("nowhere"));
    for finding in checked.findings {
        let said = finding.said;
        assert!(said.en.is_ascii() && !said.zh.is_ascii(), "{said:?}");
        assert!(!said.en.contains("acme-secret"), "{said:?}");
    }
    findings(toml, Mode::Demo)
}

#[test]
fn a_good_storefront_is_good_and_reads_as_it_is_written() {
    assert_eq!(said(GOOD), [""; 0]);
    let settings = config::parse(GOOD, Mode::Demo, Path::new("nowhere")).settings;
    let settings = settings.expect("it is good");
    let [listing] = &settings.listings[..] else {
        panic!("one listing: {settings:?}");
    };
    let front = listing.front.as_ref().expect("a storefront");
    assert_eq!(front.payment, Payment::Required);
    assert_eq!(front.unpaid_after, Duration::from_secs(24 * 3600));
    assert_eq!(front.regions["cn-north-1"], ["cn-north-1a", "cn-north-1b"]);
    let grace = listing.own_terms.expect("terms of our own").grace_ms;
    assert_eq!(grace, 7 * 24 * 3600 * 1000);
    assert_eq!(listing.path, "/v1");
    let price = |plan: &str, period: &str| {
        let period = Period::spelled(period).expect("a period");
        listing.offers.price_of(plan, period).map(|m| m.to_string())
    };
    assert_eq!(price("small", "2_month").as_deref(), Some("600.20 CNY"));
    assert_eq!(price("small", "1_year").as_deref(), Some("3000.00 CNY"));
    assert_eq!(price("large", "1_year").as_deref(), Some("7200.00 CNY"));
    assert!(!format!("{settings:?}").contains("acme-secret"));
}

#[test]
fn every_mistake_of_a_storefront_is_named_with_its_rule() {
    let month = "month = \"300.10\"";
    let with_month = |text: &str| format!("month = \"{text}\"");
    let account = "access_key = \"AK-acme\"";
    let secret = "secret_key = { value = \"acme-secret\" }";
    let long_key = format!("access_key = \"{}\"", "k".repeat(129));
    let three = "secret_keys = [{ value = \"a\" }, { value = \"b\" }, { value = \"c\" }]";
    let same = "secret_keys = [{ value = \"twice\" }, { value = \"twice\" }]";
    let both =
        "secret_key = { value = \"a\" }\nsecret_keys = [{ value = \"b\" }, { value = \"c\" }]";
    let twin =
        "[account.zeta]\naccess_key = \"AK-acme\"\nsecret_key = { value = \"z\" }\n[account.acme]";
    let second = "[listing.other]\ndialect = \"jdcloud-bastion\"\nproduct = \"notes\"\n\
                  regions = { cn-north-1 = [\"a\"] }\npayment = \"trusted\"\n\
                  offer = [{ spec = \"basic\", plan = \"small\" }]\n[listing.bastion]";
    let plus = with_month("+300");
    let minus = with_month("-300.00");
    let fine = with_month("300.001");
    let separated = with_month("3_00");
    let open = with_month("300.");
    let power = with_month("3e2");
    let none = with_month("");
    let beyond = with_month("92233720368547758.08");
    let amount = "error listing.bastion.offer[0].price.month:";
    for (good, bad, said_so) in [
        (
            "payment = \"required\"\n",
            "",
            "error listing.bastion.payment: say who pays: \"trusted\" takes every order of the API as paid, so who may call may buy; \"required\" leaves",
        ),
        ("\"required\"", "\"requird\"", "requird"),
        (
            "payment =",
            "path = \"/spi/bastion\"\npayment =",
            "error listing.bastion.path",
        ),
        (
            "payment =",
            "keys = [{ value = \"k\" }]\npayment =",
            "error listing.bastion.keys: buyers sign with the secrets of their accounts; write [account.NAME]",
        ),
        (
            "payment =",
            "expiry = \"marketplace\"\npayment =",
            "error listing.bastion.expiry: no marketplace is in charge",
        ),
        (
            "payment =",
            "unpaid_after = \"0s\"\npayment =",
            "error listing.bastion.unpaid_after: an order would be cancelled before",
        ),
        (
            "payment = \"required\"",
            "unpaid_after = \"1h\"\npayment = \"trusted\"",
            "warn listing.bastion.unpaid_after: payment is trusted here",
        ),
        (
            "payment =",
            "any_plan = \"small\"\npayment =",
            "error listing.bastion.any_plan: a storefront sells sizes in an order",
        ),
        (
            "[\"cn-north-1a\", \"cn-north-1b\"]",
            "[]",
            "error listing.bastion.regions: write the regions that are sold in",
        ),
        (
            "{ cn-north-1 = [\"cn-north-1a\", \"cn-north-1b\"] }",
            "{}",
            "error listing.bastion.regions: write the regions that are sold in",
        ),
        (
            "\"cn-north-1b\"",
            "\"cn-north-1a\"",
            "error listing.bastion.regions.cn-north-1: zone \"cn-north-1a\" is there twice",
        ),
        (
            "\"cn-north-1b\"",
            "\"a/b\"",
            "error listing.bastion.regions.cn-north-1: \"a/b\" is no region or zone",
        ),
        (
            "\"cn-north-1b\"",
            "\"\"",
            "error listing.bastion.regions.cn-north-1: \"\" is no region or zone",
        ),
        (
            "plan = \"large\"",
            "plan = \"small\"",
            "error listing.bastion.offer[1].plan: plan \"small\" has an offer already",
        ),
        (
            "spec = \"premium\"",
            "spec = \"basic\"",
            "error listing.bastion.offer[1].spec: spec \"basic\" has an offer already",
        ),
        (
            "spec = \"premium\"",
            "spec = \"premium\"\npackage = \"x\"",
            "error listing.bastion.offer[1].package: a storefront has specs and no packages",
        ),
        (
            "\"600\", currency = \"CNY\"",
            "\"600\", currency = \"USD\"",
            "error listing.bastion.offer: the offers of one storefront are priced in one currency",
        ),
        (
            "year = \"3000.00\", currency = \"CNY\"",
            "currency = \"RMB\"",
            "error listing.bastion.offer[0].price.currency: \"RMB\" is no currency of ISO 4217",
        ),
        (
            "year = \"3000.00\", currency = \"CNY\"",
            "currency = \"cny\"",
            "error listing.bastion.offer[0].price.currency: \"cny\" is no currency",
        ),
        (
            "year = \"3000.00\", currency = \"CNY\"",
            "currency = \"JPY\"",
            "error listing.bastion.offer[0].price.currency: \"JPY\" is no currency of ISO 4217 with two places",
        ),
        (
            "month = \"600\", ",
            "",
            "error listing.bastion.offer[1].price: write what a month costs",
        ),
        (
            "month = \"300.10\", ",
            "",
            "warn listing.bastion.offer[0].price.month: a year has a price and a month has none",
        ),
        (
            "price = { month = \"600\", currency = \"CNY\" }",
            "",
            "warn listing.bastion.offer[1].price: others here have a price and this has none",
        ),
        (month, "month = 300.10", "listing.bastion.offer"),
        (month, &plus, amount),
        (month, &minus, amount),
        (month, &fine, amount),
        (month, &separated, amount),
        (month, &open, amount),
        (month, &power, amount),
        (month, &none, amount),
        (month, &beyond, amount),
        (
            account,
            "access_key = \"\"",
            "error account.acme.access_key: an access key is 1 to 128 printable",
        ),
        (
            account,
            "access_key = \"a/b\"",
            "error account.acme.access_key: an access key is",
        ),
        (
            account,
            "access_key = \"a,b\"",
            "error account.acme.access_key: an access key is",
        ),
        (
            account,
            "access_key = \"a=b\"",
            "error account.acme.access_key: an access key is",
        ),
        (
            account,
            "access_key = \"a b\"",
            "error account.acme.access_key: an access key is",
        ),
        (
            account,
            &long_key,
            "error account.acme.access_key: an access key is",
        ),
        (
            secret,
            "",
            "error account.acme.secret_key: an account has one secret_key, or up to 2",
        ),
        (
            secret,
            three,
            "error account.acme.secret_key: an account has one secret_key, or up to 2",
        ),
        (
            secret,
            both,
            "error account.acme.secret_key: an account has one secret_key, or up to 2",
        ),
        (
            secret,
            same,
            "error account.acme.secret_keys: both secrets are the same one",
        ),
        (secret, "secret = \"x\"", "unknown key \"secret\""),
        (
            "[account.acme]",
            twin,
            "access_key: is the access key of account \"acme\" too",
        ),
        ("[account.acme]", "[account.ACME]", "error account.ACME"),
        (
            "[listing.bastion]",
            second,
            "nothing tells their calls apart",
        ),
    ] {
        let toml = GOOD.replacen(good, bad, 1);
        assert_ne!(toml, GOOD, "{good}");
        let found = said(&toml);
        let fits = |line: &String| line.contains(said_so);
        assert!(found.iter().any(fits), "{bad}\n{said_so}: {found:#?}");
    }
}

#[test]
fn what_only_a_storefront_has_is_refused_elsewhere() {
    let market = market();
    let found = said(&market);
    let unused = "error account: accounts buy at a storefront, and no listing is one";
    assert!(found.iter().any(|l| l.contains(unused)), "{found:#?}");
    let (market, _) = market.split_once("[account.acme]").expect("an account");
    assert_eq!(said(market), [""; 0]);
    for (key, said_so) in [
        ("payment = \"trusted\"", "error listing.market.payment"),
        ("unpaid_after = \"1h\"", "error listing.market.unpaid_after"),
        (
            "regions = { cn-north-1 = [\"a\"] }",
            "error listing.market.regions",
        ),
        (
            "grace = \"7d\"",
            "error listing.market.grace: the marketplace decides what follows the end of a term here; set expiry",
        ),
    ] {
        let found = said(&market.replace("any_plan", &format!("{key}\nany_plan")));
        let fits = |line: &String| line.starts_with(said_so);
        assert!(found.iter().any(fits), "{key}: {found:#?}");
    }
    let own = market.replace("any_plan", "expiry = \"own\"\ngrace = \"3d\"\nany_plan");
    assert_eq!(said(&own), [""; 0]);
    let settings = config::parse(&own, Mode::Demo, Path::new("nowhere")).settings;
    let own = settings.expect("it is good").listings[0].own_terms;
    assert_eq!(own.expect("its own").grace_ms, 3 * 24 * 3600 * 1000);
}

/// The starter's example, with its comment signs taken away, is one that works.
#[test]
fn the_starters_storefront_is_good() {
    let (head, example) = config::STARTER
        .split_once("# [listing.bastion]")
        .expect("an example");
    let line = |line: &str| line.strip_prefix("# ").unwrap_or_default().to_owned() + "\n";
    let example: String = example.lines().skip(1).map(line).collect();
    let toml = format!("{head}\n[listing.bastion]\n{example}");
    let toml = toml
        .replace(
            "{ env = \"PROD_KEY\" }",
            "{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }",
        )
        .replace("{ env = \"ACME_SK\" }", "{ value = \"acme-secret\" }");
    assert_eq!(said(&toml), [""; 0], "{toml}");
    let settings = config::parse(&toml, Mode::Demo, Path::new("nowhere")).settings;
    let settings = settings.expect("it is good");
    assert_eq!(settings.listings.len(), 2);
    let period = Period::spelled("1_month").expect("a month");
    let money = Money {
        minor: 30_000,
        currency: "CNY".to_owned(),
    };
    let front = settings.listings.iter().find(|l| l.front.is_some());
    let front = front.expect("a storefront");
    assert_eq!(front.offers.price_of("team", period), Some(money));
    let found = findings(&toml, Mode::Serve).join("\n");
    assert!(found.contains("account.acme.secret_key: a secret does not stand in the file"));
}
