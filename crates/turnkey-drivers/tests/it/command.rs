use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use turnkey_core::OperationKind;
use turnkey_core::ports::{Driver as _, Verdict, Work};
use turnkey_drivers::{CommandDriver, CommandSettings};

use crate::work;

fn settings(folder: &TempDir, argv: &[&str]) -> CommandSettings {
    CommandSettings {
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        working_directory: folder.path().to_owned(),
        lock_directory: folder.path().join("locks"),
        time_limit: Duration::from_secs(30),
        params: BTreeMap::from([("team".to_owned(), json!({"seats": 10}))]),
    }
}

fn driver(folder: &TempDir, script: &str) -> CommandDriver {
    CommandDriver::new(settings(folder, &["sh", "-c", script]))
}

async fn answered(script: &str, work: Work) -> Verdict {
    let folder = tempfile::tempdir().expect("a folder");
    driver(&folder, script).drive(work).await
}

async fn provisioned(script: &str) -> Verdict {
    answered(script, work(OperationKind::Provision)).await
}

fn note(verdict: Verdict) -> String {
    match verdict {
        Verdict::Retry(note) => note,
        Verdict::Done(_) | Verdict::NotYet(_) | Verdict::No(_) => panic!("{verdict:?}"),
    }
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap_or_default()
}

#[tokio::test]
async fn it_is_asked_in_one_json_object_and_twice_in_the_same_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let driver = driver(&folder, r#"cat >>asked; printf '{"access":{}}'"#);
    for _ in 0..2 {
        let verdict = driver.drive(work(OperationKind::Provision)).await;
        assert!(matches!(verdict, Verdict::Done(Some(_))), "{verdict:?}");
    }
    let asked = read(&folder, "asked");
    let asked: Vec<Value> = asked
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(asked[0], asked[1]);
    assert_eq!(
        asked[0],
        json!({
            "operation": "op-1",
            "kind": "provision",
            "dry_run": false,
            "attempt": 1,
            "instance": {
                "id": "i-1",
                "product": "notes",
                "plan": "team",
                "params": {"seats": 10},
                "buyer": "usr-\"1\"\n",
                "term": {"starts_at": "2026-01-31T04:00:00Z", "ends_at": "2026-02-28T04:00:00Z"},
                "context": {"region": "北京"},
            },
            "order": {"key": "mord-1", "listing": "notes-market", "unit": 1, "period": "1_month"},
            "access": null,
        })
    );
}

#[tokio::test]
async fn every_exit_means_what_the_table_says() {
    let full = r#"{"access":{"front_end":{"url":"u","username":"n","password":"p"},"admin":{"url":"a"},"auth_url":"s","extra":{"k":"v"}}}"#;
    let Verdict::Done(Some(access)) = provisioned(&format!("printf '{full}'")).await else {
        panic!("not done");
    };
    assert_eq!(access.front_end.password.as_deref(), Some("p"));
    assert_eq!(access.extra.get("k").map(String::as_str), Some("v"));

    assert_eq!(provisioned("exit 75").await, Verdict::NotYet(None));
    assert_eq!(
        provisioned(r#"printf '{"message":"sold out"}'; exit 65"#).await,
        Verdict::No("sold out".to_owned())
    );
    assert_eq!(provisioned("exit 65").await, Verdict::No(String::new()));
    assert!(note(provisioned("exit 1").await).contains("exit status: 1"));
    assert!(note(provisioned("exit 127").await).contains("127"));
    assert!(note(provisioned("kill -9 $$").await).contains("signal: 9"));
    assert_eq!(
        answered("true", work(OperationKind::Renew)).await,
        Verdict::Done(None)
    );
    assert!(matches!(provisioned("true").await, Verdict::Done(Some(_))));
}

#[tokio::test]
async fn what_it_says_wrongly_is_tried_again_and_never_quoted() {
    let said = note(provisioned(r#"printf '{"access":"hunter22"}'"#).await);
    assert!(
        said.contains("not the JSON expected") && !said.contains("hunter22"),
        "{said}"
    );
    let long = note(provisioned("head -c 70000 /dev/zero | tr '\\0' x").await);
    assert!(long.contains("more than 65536 bytes"), "{long}");
    let loud = note(provisioned("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1").await);
    assert!(loud.len() < 3_000, "{}", loud.len());
    let gone = CommandDriver::new(settings(&tempfile::tempdir().expect("a folder"), &["gone"]));
    note(gone.drive(work(OperationKind::Provision)).await);
}

#[tokio::test]
async fn the_operators_note_has_no_secret_in_it() {
    let mut work = work(OperationKind::Renew);
    let mut access = turnkey_core::Access::default();
    access.front_end.password = Some("hunter22".to_owned());
    work.access = Some(access);
    let script =
        "echo 'no hunter22 for https://u:p4ss@host/ api_key=abc123, disk full' >&2; exit 1";
    let said = note(answered(script, work).await);
    assert!(said.contains("disk full"), "{said}");
    for secret in ["hunter22", "p4ss", "abc123"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn its_environment_is_clean() {
    let folder = tempfile::tempdir().expect("a folder");
    driver(&folder, "env | cut -d= -f1 | sort >names")
        .drive(work(OperationKind::Renew))
        .await;
    let names = read(&folder, "names");
    let ours: Vec<_> = names
        .lines()
        .filter(|name| !["PWD", "SHLVL", "_"].contains(name))
        .collect();
    assert_eq!(ours, ["LANG", "PATH"]);
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "sh -c 'echo $$ >child; exec sleep 600' & echo $$ >leader; wait";
    let time_limit = Duration::from_millis(500);
    let driver = CommandDriver::new(CommandSettings {
        time_limit,
        ..settings(&folder, &["sh", "-c", script])
    });
    let said = note(driver.drive(work(OperationKind::Provision)).await);
    assert!(said.contains("longer than its limit"), "{said}");
    for name in ["leader", "child"] {
        gone(read(&folder, name).trim()).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_outlive_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"sh -c 'echo $$ >child; exec sleep 600' & while [ ! -s child ]; do sleep 0.01; done; printf '{}'"#;
    let verdict = driver(&folder, script)
        .drive(work(OperationKind::Renew))
        .await;
    assert_eq!(verdict, Verdict::Done(None));
    gone(read(&folder, "child").trim()).await;
}

#[tokio::test]
async fn a_program_of_an_earlier_life_is_ended_before_its_successor_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    // A life that ends without a word: the lock and the program are left, as after SIGKILL.
    std::fs::create_dir(folder.path().join("locks")).expect("a folder");
    let leave = r#"
        exec 3>>locks/op-1.lock
        flock 3
        set -m
        sh -c 'echo $$ >&3; echo $$ >old; exec sleep 600' >/dev/null 2>&1 &
        while [ ! -s old ]; do sleep 0.01; done
    "#;
    let left = std::process::Command::new("bash")
        .args(["-c", leave])
        .current_dir(folder.path())
        .status()
        .expect("bash runs");
    assert!(left.success());
    let old = read(&folder, "old").trim().to_owned();
    assert!(is_alive(&old), "the old program runs");

    let script = format!(
        "if [ -d /proc/{old} ] && [ \"$(cut -d' ' -f3 /proc/{old}/stat)\" != Z ]; then echo met >met; fi"
    );
    let verdict = driver(&folder, &script)
        .drive(work(OperationKind::Renew))
        .await;
    assert_eq!(verdict, Verdict::Done(None));
    assert_eq!(read(&folder, "met"), "", "it met its predecessor");
    assert!(!is_alive(&old));
}

#[tokio::test]
async fn a_dropped_ask_ends_its_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let driver = driver(&folder, "echo $$ >leader; sleep 600");
    let asked = driver.drive(work(OperationKind::Provision));
    tokio::select! {
        verdict = asked => panic!("{verdict:?}"),
        () = written(&folder, "leader") => {}
    }
    gone(read(&folder, "leader").trim()).await;
}

#[tokio::test]
async fn a_long_question_arrives_whole() {
    let mut work = work(OperationKind::Provision);
    work.context.insert("long".to_owned(), "x".repeat(100_000));
    let folder = tempfile::tempdir().expect("a folder");
    let verdict = driver(&folder, "wc -c >size; printf '{}'")
        .drive(work)
        .await;
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    assert!(
        read(&folder, "size")
            .trim()
            .parse::<u32>()
            .expect("a number")
            > 100_000
    );
}

#[tokio::test]
async fn a_plan_that_is_not_configured_is_said() {
    let mut work = work(OperationKind::Provision);
    work.plan = "gone".to_owned();
    assert_eq!(
        note(answered("true", work).await),
        "plan \"gone\" is not configured"
    );
}

/// Whether a process runs: one that only waits to be reaped does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn gone(pid: &str) {
    assert!(!pid.is_empty());
    while is_alive(pid) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn written(folder: &TempDir, name: &str) {
    while !read(folder, name).ends_with('\n') {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
