//! Our own server has no FAIL and no WARN, and nothing of the check is left there.

use std::sync::Arc;

use serde_json::Value;
use turnkey::check::report::{Mark, Report};
use turnkey::check::{Needs, Plan, checks, run, run_until};
use turnkey::http::server::DoorLimits;
use turnkey_core::InstanceState;

use crate::app::App;
use crate::binary::run as program;
use crate::check::{QINGCLOUD, ids, plan};
use crate::cli::{demo, said};

/// Two products at each marketplace.
const SHOP: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes]
    driver = "demo"
    [product.notes.plan.team]
    [listing.qingcloud-market]
    dialect = "qingcloud-market"
    product = "notes"
    product_code = "code-check"
    any_plan = "team"
    keys = [{ value = "check-key-1" }]
    [listing.qingcloud-market-other]
    dialect = "qingcloud-market"
    product = "notes"
    product_code = "code-other"
    any_plan = "team"
    keys = [{ value = "check-key-2" }]
    [listing.qingcloud-appcenter]
    dialect = "qingcloud-appcenter"
    product = "notes"
    app_id = "code-check"
    any_plan = "team"
    keys = [{ value = "check-key-1" }]
    [listing.qingcloud-appcenter-other]
    dialect = "qingcloud-appcenter"
    product = "notes"
    app_id = "code-other"
    any_plan = "team"
    keys = [{ value = "check-key-2" }]
"#;

async fn shop() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, SHOP, DoorLimits::default()).await
}

fn plan_for(app: &App, name: &str) -> Plan {
    let url = format!("http://{}/spi/{name}", app.address);
    let other = format!("{url}-other");
    plan(name, url, other, Arc::new(app.clock.clone()))
}

fn assert_clean(report: &Report, skipped: &[&str]) {
    let text = report.as_text(turnkey::cli::Lang::En);
    assert_eq!(ids(report, Mark::Fail), [""; 0], "{text}");
    assert_eq!(ids(report, Mark::Warn), [""; 0], "{text}");
    assert_eq!(ids(report, Mark::Skip), skipped, "{text}");
    assert_eq!(report.left, [""; 0], "{text}");
    assert!(report.is_good(), "{text}");
}

#[tokio::test]
async fn our_own_server_passes_everything_and_keeps_nothing_of_it() {
    let app = shop().await;
    for name in QINGCLOUD {
        let report = run(plan_for(&app, name)).await.expect("it runs");
        assert_clean(&report, &[]);
        assert_eq!(report.count(Mark::Pass), checks(name).len());
    }
    let (_, instances, _) = app.everything().await;
    assert!(instances.len() > 10, "it did make some");
    let left: Vec<_> = instances
        .iter()
        .filter(|instance| instance.state != InstanceState::Released)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    app.stop().await;
}

#[tokio::test]
async fn without_leave_it_makes_nothing_and_says_what_it_did_not_test() {
    let app = shop().await;
    for name in QINGCLOUD {
        let plan = Plan {
            live: false,
            ..plan_for(&app, name)
        };
        let report = run(plan).await.expect("it runs");
        let live = checks(name)
            .iter()
            .filter(|check| check.needs == Needs::Live);
        let live: Vec<_> = live.map(|check| check.id).collect();
        assert_clean(&report, &live);
        let untested = report.untested(turnkey::cli::Lang::En).expect("a line");
        assert!(live.iter().all(|id| untested.contains(id)), "{untested}");
    }
    let (orders, instances, _) = app.everything().await;
    assert!(orders.is_empty() && instances.is_empty(), "nothing is made");
    app.stop().await;
}

#[tokio::test]
async fn told_to_stop_it_finishes_one_check_and_removes_what_that_made() {
    let app = shop().await;
    let plan = Plan {
        only: vec!["QM-36".to_owned(), "QM-40".to_owned()],
        ..plan_for(&app, "qingcloud-market")
    };
    let stopped = std::future::ready(());
    let report = run_until(plan, stopped, std::future::pending())
        .await
        .expect("it runs");
    assert_eq!(ids(&report, Mark::Pass), ["QM-36"]);
    assert_eq!(ids(&report, Mark::Skip), ["QM-40"]);
    let (_, instances, _) = app.everything().await;
    let states: Vec<_> = instances.iter().map(|instance| instance.state).collect();
    assert_eq!(states, [InstanceState::Released]);
    app.stop().await;
}

#[tokio::test]
async fn told_to_give_up_it_leaves_what_is_there_and_lists_it() {
    let app = shop().await;
    let plan = Plan {
        only: vec!["QM-36".to_owned()],
        ..plan_for(&app, "qingcloud-market")
    };
    // It is looked at for the first time when the checks are over.
    let (never, at_once) = (std::future::pending(), std::future::ready(()));
    let report = run_until(plan, never, at_once).await.expect("it runs");
    let (_, instances, _) = app.everything().await;
    let ids: Vec<_> = instances
        .iter()
        .map(|instance| instance.id.to_string())
        .collect();
    assert_eq!(report.left, ids);
    assert!(!report.is_good());
    app.stop().await;
}

#[tokio::test]
async fn what_it_does_without_leave_is_written_down() {
    let skipped = |name: &str| {
        let live = checks(name)
            .iter()
            .filter(|check| check.needs == Needs::Live);
        live.map(|check| check.id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        skipped("qingcloud-market"),
        "QM-35 QM-36 QM-37 QM-38 QM-39 QM-40 QM-41 QM-42 QM-43 QM-44 QM-45 QM-46 QM-47 QM-48 QM-49 QM-50"
    );
    assert_eq!(
        skipped("qingcloud-appcenter"),
        "QA-22 QA-23 QA-24 QA-25 QA-26 QA-27 QA-28 QA-29 QA-30 QA-31 QA-32 QA-34 QA-35 QA-36 QA-37 \
         QA-38 QA-39 QA-40 QA-41 QA-42 QA-43 QA-44 QA-45 QA-46 QA-47 QA-48 QA-49"
    );
}

#[tokio::test]
async fn the_program_checks_a_demo_from_outside() {
    let (_demo, market) = demo(&[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    for name in QINGCLOUD {
        let url = market.replace("qingcloud-market", name);
        for live in [&[][..], &["--allow-live"]] {
            let files = ["--junit", "check.xml", "--html", "check.html"];
            let arguments = [&["check", &url, "--dialect", name, "--json"], live, &files].concat();
            let (code, stdout, stderr) = said(&program(folder.path(), &arguments).await);
            assert_eq!(code, Some(0), "{stdout}{stderr}");
            let report: Value = serde_json::from_str(&stdout).expect("JSON");
            assert_eq!(report["failed"], 0, "{stdout}");
            assert_eq!(report["warned"], 0, "{stdout}");
            assert_eq!(report["left"], serde_json::json!([]), "{stdout}");
            let read = |file: &str| std::fs::read_to_string(folder.path().join(file));
            assert!(
                read("check.xml")
                    .expect("a file")
                    .contains("failures=\"0\"")
            );
            assert!(
                read("check.html")
                    .expect("a file")
                    .starts_with("<!doctype html>")
            );
            if !live.is_empty() {
                // A demo has one product, and takes any code.
                assert_eq!(report["skipped"], 2, "{stdout}");
            }
        }
    }
}

#[tokio::test]
async fn where_nobody_answers_it_exits_3_and_where_it_is_used_wrongly_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let url = format!("http://{closed}/spi");
    let arguments = ["check", &url, "--dialect", "qingcloud-market"];
    let (code, stdout, _) = said(&program(folder.path(), &arguments).await);
    assert_eq!(code, Some(3), "{stdout}");
    for wrong in [
        &["check", &url, "--dialect", "nobody"][..],
        &[
            "check",
            "ftp://example.com",
            "--dialect",
            "qingcloud-market",
        ],
        &[
            "check",
            &url,
            "--dialect",
            "qingcloud-market",
            "--only",
            "QM-99",
        ],
        &["check", &url],
        // A storefront has paths of its own.
        &["check", &url, "--dialect", "jdcloud-bastion"],
        &[
            "check",
            &url,
            "--dialect",
            "qingcloud-market",
            "--key-env",
            "NO_SUCH_KEY",
        ],
    ] {
        let (code, stdout, stderr) = said(&program(folder.path(), wrong).await);
        assert_eq!(code, Some(2), "{wrong:?}: {stdout}{stderr}");
    }
}
