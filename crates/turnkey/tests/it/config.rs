//! What is wrong with a configuration is said by key, rule and remedy.

use std::path::Path;

use turnkey::config::{self, Mode};

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
driver = "command"
[product.notes.command]
argv = ["sh", "provision.sh"]
timeout = "30s"
[product.notes.plan.team]
params = { seats = 10 }
[listing.notes]
dialect = "qingcloud-market"
product = "notes"
keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
any_plan = "team"
"#;

pub(crate) fn findings(toml: &str, mode: Mode) -> Vec<String> {
    let checked = config::parse(toml, mode, Path::new("nowhere"));
    let said: Vec<String> = checked
        .findings
        .iter()
        .map(|f| format!("{} {f}", if f.is_error { "error" } else { "warn" }))
        .collect();
    let has_errors = said.iter().any(|line| line.starts_with("error"));
    assert_eq!(checked.settings.is_none(), has_errors);
    said
}

#[test]
fn a_good_file_is_good() {
    assert_eq!(findings(GOOD, Mode::Demo), Vec::<String>::new());
}

#[test]
fn every_mistake_is_named_with_its_rule() {
    for (good, bad, said) in [
        (
            "[server]",
            "[server]\nadmin_listen = \"0.0.0.0:8687\"",
            "server.admin_listen: 0.0.0.0:8687 can be reached from outside",
        ),
        (
            "[server]",
            "[server]\nadmin_listen = \"127.0.0.1:8686\"",
            "server.admin_listen: is where marketplaces call",
        ),
        (
            "[store]",
            "[admin.token.ops]\nrole = \"boss\"\ntoken = { value = \"x\" }\n[store]",
            "admin.token.ops.role",
        ),
        (
            "[store]",
            "[admin.token.ops]\nrole = \"viewer\"\ntoken = { value = \"0123456789abcdef0123456789abcde\" }\n[store]",
            "admin.token.ops.token: the token has fewer than 128 bits",
        ),
        (
            "[store]",
            "[admin.token.a]\nrole = \"viewer\"\ntoken = { value = \"0123456789abcdef0123456789abcdef\" }\n\
             [admin.token.b]\nrole = \"viewer\"\ntoken = { value = \"0123456789abcdef0123456789abcdef\" }\n[store]",
            "admin.token.b.token: is the token \"a\" too",
        ),
        (
            "public_url =",
            "public_ulr =",
            r#"unknown key "public_ulr"; did you mean "public_url"?"#,
        ),
        (
            "timeout = \"30s\"",
            "timeuot = \"30s\"",
            r#"product.notes.command: unknown key "timeuot"; did you mean "timeout"?"#,
        ),
        (
            "timeout = \"30s\"",
            "timeout = \"soon\"",
            r#""soon" is not a time such as "12s", "5m" or "7d""#,
        ),
        (
            "https://deliver.example.com",
            "deliver.example.com",
            "server.public_url: \"deliver.example.com\" is not an http(s) address",
        ),
        (
            "sqlite:turnkey.db",
            "mysql:turnkey",
            "store.url: write sqlite:<file>",
        ),
        (
            "qingcloud-market",
            "qingcloud-markt",
            r#"there is no dialect "qingcloud-markt"; did you mean "qingcloud-market"?"#,
        ),
        (
            "product = \"notes\"",
            "product = \"note\"",
            r#"listing.notes.product: there is no product "note"; did you mean "notes"?"#,
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"teem\"",
            r#"product "notes" has no plan "teem"; did you mean "team"?"#,
        ),
        ("any_plan = \"team\"", "", "listing.notes: sells nothing"),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\npath = \"/v1/x\"",
            "paths under /v1 are Turnkey's own",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\npath = \"/i/x\"",
            "paths under /i are Turnkey's own",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\npath = \"spi\"",
            "a path begins with /",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\nslow = \"never\"",
            "slow: \"never\" is none of hold, wait",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\nreply_within = \"15s\"",
            "15s is too long: QingCloud Market",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\nclock_skew = \"2h\"",
            "must be more than 0 and at most 15m",
        ),
        (
            "any_plan = \"team\"",
            "any_plan = \"team\"\ntime_zone = \"Mars/Base\"",
            "there is no time zone \"Mars/Base\"",
        ),
        (
            "[{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]",
            "[]",
            "listing.notes.keys: names no key",
        ),
        (
            "[{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]",
            "[{ value = \"\" }]",
            "listing.notes.keys[0]: the secret is empty",
        ),
        (
            "[{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]",
            "[{ env = \"NO_SUCH_VARIABLE\" }]",
            "listing.notes.keys[0]: the environment variable NO_SUCH_VARIABLE is not set",
        ),
        (
            "[{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]",
            "[{ file = \"gone.key\" }]",
            "cannot read nowhere/gone.key",
        ),
        (
            "[product.notes.plan.team]\nparams = { seats = 10 }",
            "",
            "product.notes.plan: has no plan",
        ),
        (
            "argv = [\"sh\", \"provision.sh\"]",
            "argv = []",
            "product.notes.command.argv: names no program",
        ),
        (
            "driver = \"command\"",
            "driver = \"demo\"",
            "product.notes.command: belongs to another driver",
        ),
    ] {
        let toml = GOOD.replace(good, bad);
        assert_ne!(toml, GOOD, "{good}");
        let findings = findings(&toml, Mode::Demo);
        assert!(
            findings.iter().any(|f| f.contains(said)),
            "{bad}: {findings:#?}"
        );
    }
}

/// The same configuration, delivered through a hook.
fn with_webhook() -> String {
    GOOD.replace("driver = \"command\"", "driver = \"webhook\"")
        .replace("[product.notes.command]", "[product.notes.webhook]")
        .replace(
            "argv = [\"sh\", \"provision.sh\"]",
            "url = \"https://saas.example.com/turnkey?v=1\"\n\
             secret = { value = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\" }",
        )
}

#[test]
fn a_hook_that_is_good_is_good_and_every_mistake_is_named() {
    let good = with_webhook();
    assert_eq!(findings(&good, Mode::Demo), Vec::<String>::new());
    let local = good.replace("https://saas.example.com", "http://127.0.0.1:9000");
    assert_eq!(findings(&local, Mode::Demo), Vec::<String>::new());
    for (right, wrong, said) in [
        (
            "https://saas",
            "ftp://saas",
            "error product.notes.webhook.url: \"ftp://saas.example.com/turnkey?v=1\" is not an http(s) address",
        ),
        (
            "https://saas",
            "https://me:hunter22@saas",
            "error product.notes.webhook.url: an account does not stand in an address",
        ),
        (
            "https://saas",
            "http://saas",
            "warn product.notes.webhook.url: is not https",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "hunter22hunter22hunter22hunter22",
            "error product.notes.webhook.secret: a webhook secret is written whsec_",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_aHVudGVyMjI=",
            "error product.notes.webhook.secret: a webhook secret has 24 to 64 bytes, this one has 8",
        ),
        (
            "timeout = \"30s\"",
            "timeout = \"0s\"",
            "error product.notes.webhook.timeout: a driver needs some time",
        ),
        (
            "timeout = \"30s\"",
            "retries = 3",
            "product.notes.webhook: unknown key \"retries\"; known here: url, secret, timeout",
        ),
        (
            "[product.notes.webhook]",
            "[product.notes.command]",
            "product.notes.command",
        ),
        ("driver = \"webhook\"", "driver = \"webhok\"", "webhok"),
    ] {
        let toml = good.replace(right, wrong);
        assert_ne!(toml, good, "{right}");
        let said_all = findings(&toml, Mode::Demo);
        assert!(
            said_all.iter().any(|f| f.contains(said)),
            "{wrong}: {said_all:#?}"
        );
        assert!(
            said_all.iter().all(|f| !f.contains("hunter22")),
            "{said_all:#?}"
        );
    }
    let sections: Vec<_> = good.split("[product.notes.webhook]").collect();
    let (_, rest) = sections[1]
        .split_once("[product.notes.plan")
        .expect("a plan");
    let without = format!("{}[product.notes.plan{rest}", sections[0]);
    let said = findings(&without, Mode::Demo).join("\n");
    let wanted = "product.notes.webhook: add [product.notes.webhook] with its url and secret";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn every_finding_has_a_code_and_both_languages() {
    let bad = GOOD
        .replace("public_url =", "public_ulr =")
        .replace("qingcloud-market", "qingcloud-markt");
    for toml in [
        bad.as_str(),
        &GOOD.replace("[product.notes.plan.team]\nparams = { seats = 10 }", ""),
    ] {
        let checked = config::parse(toml, Mode::Demo, Path::new("nowhere"));
        assert!(!checked.findings.is_empty());
        for finding in checked.findings {
            let said = finding.said;
            assert!(said.code.contains('_'), "{said:?}");
            assert!(said.en.is_ascii() && !said.zh.is_ascii(), "{said:?}");
        }
    }
}

#[test]
fn a_pool_and_a_person_need_little() {
    let (head, rest) = GOOD
        .split_once("[product.notes.command]")
        .expect("a section");
    let (_, rest) = rest.split_once("[product.notes.plan").expect("a plan");
    let toml = |driver: &str, section: &str| {
        format!("{head}{section}\n[product.notes.plan{rest}")
            .replace("\"command\"", &format!("\"{driver}\""))
    };
    let pool = "[product.notes.pool]\nstock_low = 10";
    let none = Vec::<String>::new();
    assert_eq!(findings(&toml("pool", ""), Mode::Demo), none);
    assert_eq!(findings(&toml("pool", pool), Mode::Demo), none);
    let slow = findings(&toml("manual", ""), Mode::Demo);
    assert!(
        slow.iter().all(|said| said.starts_with("warn ")),
        "{slow:?}"
    );
    for (driver, section, said) in [
        (
            "manual",
            pool,
            "product.notes.pool: belongs to another driver",
        ),
        (
            "pool",
            "[product.notes.pool]\nlow = 10",
            "unknown key \"low\"",
        ),
        ("pool", "[product.notes.pool]\nstock_low = -1", "stock_low"),
        ("pool", "[product.notes.webhook]\nurl = \"\"", "secret"),
    ] {
        let found = findings(&toml(driver, section), Mode::Demo).join("\n");
        assert!(found.contains(said), "{section}: {found}");
    }
}

#[test]
fn secrets_and_demonstrations_are_refused_where_orders_are_real() {
    let said = findings(GOOD, Mode::Serve);
    assert!(
        said[0].contains("a secret does not stand in the file itself"),
        "{said:?}"
    );
    let demo = GOOD.replace("driver = \"command\"", "driver = \"demo\"");
    let said = findings(&demo, Mode::Serve).join("\n");
    assert!(
        said.contains("only `turnkey demo` uses it") || said.contains("belongs to"),
        "{said}"
    );
}

#[test]
fn an_admin_api_for_the_outside_is_meant_to_be() {
    let open = "[server]\nadmin_listen = \"0.0.0.0:8687\"\nadmin_public = true";
    assert_eq!(
        findings(&GOOD.replace("[server]", open), Mode::Demo),
        [""; 0]
    );
}

#[test]
fn listings_do_not_share_a_path_and_are_warned_of_a_shared_key() {
    let twin = GOOD.replace(
        "[listing.notes]",
        "[listing.twin]\ndialect = \"qingcloud-market\"\nproduct = \"notes\"\nany_plan = \"team\"\n\
         path = \"/spi/notes\"\nkeys = [{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]\n[listing.notes]",
    );
    let said = findings(&twin, Mode::Demo).join("\n");
    assert!(
        said.contains("\"/spi/notes\" is the path of listing \"notes\" too"),
        "{said}"
    );
    assert!(
        said.contains("warn listing.notes.keys: shares a key with listing \"twin\""),
        "{said}"
    );
}

#[test]
fn a_driver_that_may_outlast_the_marketplace_is_warned_of() {
    let slow = GOOD.replace("30s", "10m");
    assert_eq!(findings(&slow, Mode::Demo), [""; 0], "it holds");
    let slow = slow.replace("any_plan", "slow = \"wait\"\nany_plan");
    let said = findings(&slow, Mode::Demo).join("\n");
    assert!(
        said.contains("warn listing.notes.slow: the driver of product \"notes\" may take"),
        "{said}"
    );
}

/// `product_code` or `app_id`: the key that the marketplace's own documentation has.
#[test]
fn a_product_has_the_code_that_its_dialect_knows() {
    let appcenter = GOOD.replace("qingcloud-market", "qingcloud-appcenter");
    for (toml, key, wrong) in [
        (GOOD, "product_code", None),
        (
            GOOD,
            "app_id",
            Some("error listing.notes.app_id: qingcloud-market calls it product_code"),
        ),
        (&appcenter, "app_id", None),
        (
            &appcenter,
            "product_code",
            Some("error listing.notes.product_code: qingcloud-appcenter calls it app_id"),
        ),
    ] {
        let toml = toml.replace("product = ", &format!("{key} = \"code-1\"\nproduct = "));
        let checked = config::parse(&toml, Mode::Demo, Path::new("nowhere"));
        let code = checked
            .settings
            .map(|settings| settings.listings[0].product_code.clone());
        assert_eq!(code.is_some(), wrong.is_none(), "{toml}");
        assert!(code.is_none_or(|code| code.as_deref() == Some("code-1")));
        let said = findings(&toml, Mode::Demo);
        let errors: Vec<_> = said
            .iter()
            .filter(|line| line.starts_with("error"))
            .collect();
        assert_eq!(errors, wrong.iter().collect::<Vec<_>>());
    }
}

/// A dialect that owns a root is served there, and nowhere else.
#[test]
fn a_dialect_with_a_root_has_one_listing_and_no_path() {
    let front = "regions = { cn-north-1 = [\"cn-north-1a\"] }\npayment = \"trusted\"\n\
         [[listing.notes.offer]]\nspec = \"basic\"\nplan = \"team\"\n[account.acme]\n\
         access_key = \"acme-ak\"\nsecret_key = { value = \"0qf1b8JcVh5TgW2xsecret\" }";
    let bastion = GOOD
        .replace("qingcloud-market", "jdcloud-bastion")
        .replace("keys = [{ value = \"k9Zt3vQeXw2LrB7uYh5N\" }]\n", "")
        .replace("any_plan = \"team\"", front);
    let checked = config::parse(&bastion, Mode::Demo, Path::new("nowhere"));
    let path = checked
        .settings
        .map(|settings| settings.listings[0].path.clone());
    assert_eq!(path.as_deref(), Some("/v1"), "{:?}", checked.findings);

    let elsewhere = bastion.replace("payment", "path = \"/spi/notes\"\npayment");
    let said = findings(&elsewhere, Mode::Demo).join("\n");
    let expect = "error listing.notes.path: jdcloud-bastion is served at /v1, where its callers";
    assert!(said.contains(expect), "{said}");

    let (_, listing) = bastion.split_once("[listing.notes]").unwrap();
    let (listing, _) = listing.split_once("[account.acme]").unwrap();
    let twin = listing.replace("listing.notes", "listing.twin");
    let said = findings(&format!("{bastion}\n[listing.twin]{twin}"), Mode::Demo).join("\n");
    let expect = "error listing.twin.dialect: listing \"notes\" is served at /v1 too";
    assert!(said.contains(expect), "{said}");

    // The root stays reserved: nobody else's path is below it.
    let below = GOOD.replace("any_plan", "path = \"/v1/notes\"\nany_plan");
    let said = findings(&below, Mode::Demo).join("\n");
    assert!(said.contains("paths under /v1 are Turnkey's own"), "{said}");
}
