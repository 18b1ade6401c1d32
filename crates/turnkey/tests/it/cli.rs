//! The commands as a person types them: what they print, and what they exit with.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::binary::{PROGRAM, Served, Site, run};

pub(crate) fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A running `turnkey demo`, and its notification URL for the market.
pub(crate) async fn demo(arguments: &[&str]) -> (Child, String) {
    // It leaves word for whoever runs the shop: not in the folder of whoever runs the tests.
    let nowhere = std::env::temp_dir().join("turnkey-test-demo-without-word");
    demo_in(&nowhere, arguments).await
}

/// The same, with `runtime` as its user's runtime folder.
pub(crate) async fn demo_in(runtime: &Path, arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(PROGRAM)
        .args(["demo", "--listen", "127.0.0.1:0", "--lang", "en"])
        .args(["--admin-listen", "127.0.0.1:0"])
        .args(arguments)
        .env("XDG_RUNTIME_DIR", runtime)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut url = None;
    while let Some(line) = lines.next_line().await.expect("it prints text") {
        let mut words = line.split_whitespace();
        let found = words.find(|word| word.contains("/spi/qingcloud-market/"));
        url = url.or(found.map(str::to_owned));
        if line.starts_with("ready in ") {
            // What is printed later must find a reader.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, url.expect("a notification URL"));
        }
    }
    panic!("it ended before it was ready");
}

async fn trigger(url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [&["trigger", "qingcloud-market"], arguments, &["--to", url]].concat();
    said(&run(folder.path(), &arguments).await)
}

async fn triggered(url: &str, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = trigger(url, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    serde_json::from_str(&stdout).expect("one JSON object")
}

#[tokio::test]
async fn the_first_five_minutes() {
    let (_demo, url) = demo(&[]).await;
    let (code, stdout, stderr) = trigger(&url, &["create", "--order", "mord-1"]).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("CreateInstance debug call\n"), "{stdout}");
    assert!(
        stdout.contains("delivered: order mord-1 -> instance i-"),
        "{stdout}"
    );
    assert!(stdout.contains(r#""password":"********""#), "{stdout}");

    let created = triggered(&url, &["create", "--order", "mord-1"]).await;
    let instance = format!(
        "instance_id={}",
        created["instances"][0].as_str().expect("an id")
    );
    for action in ["renew", "upgrade", "expire", "delete"] {
        let done = triggered(&url, &[action, "--order", "mord-1", "--set", &instance]).await;
        assert_eq!(done["ok"], true, "{done}");
    }
    assert_eq!(triggered(&url, &["test"]).await["ok"], true);
}

/// AppCenter: a connection test before every other action, and debug is no dry run.
#[tokio::test]
async fn the_appcenter_plays_its_own_overture() {
    let (_demo, url) = demo(&[]).await;
    let url = url.replace("qingcloud-market", "qingcloud-appcenter");
    let folder = tempfile::tempdir().expect("a folder");
    let trigger = async |arguments: &[&str]| {
        let to = ["--to", &url];
        let arguments = [&["trigger", "qingcloud-appcenter"], arguments, &to].concat();
        said(&run(folder.path(), &arguments).await)
    };
    let create = ["create", "--order", "appor-1", "--set", "debug=true"];
    let (code, stdout, stderr) = trigger(&create).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let at = |text: &str| {
        stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {stdout}"))
    };
    assert!(at("TestConnection connection test\n") < at("CreateAppInstance\n"));
    assert!(stdout.contains("delivered: order appor-1 -> instance i-"));

    let prefixed = ["--set", "signing=method-prefixed", "--json"];
    let created = trigger(&[&create[..3], &prefixed].concat()).await.1;
    let created: Value = serde_json::from_str(&created).expect("one JSON object");
    let id = created["instances"][0].as_str().expect("an id");
    assert!(stdout.contains(id), "{id}: {stdout}");
    let instance = format!("instance_id={id}");
    for action in ["renew", "upgrade", "expire", "delete"] {
        let (code, stdout, _) = trigger(&[action, "--set", &instance, "--json"]).await;
        assert_eq!(code, Some(0), "{stdout}");
    }
    let (code, stdout, _) = trigger(&["expire", "--set", "instance_id=i-nobodys"]).await;
    assert_eq!(code, Some(1), "{stdout}");
    assert!(
        stdout.contains("failed after 1 calls"),
        "a final no is not called again: {stdout}"
    );
    let (code, _, stderr) = trigger(&["create", "--debug-only"]).await;
    assert_eq!(code, Some(2), "{stderr}");
}

#[tokio::test]
async fn a_bad_network_makes_one_instance_and_one_answer() {
    let (_demo, url) = demo(&["--delay", "50ms", "--failure-rate", "0"]).await;
    let wild = [
        "create",
        "--order",
        "X",
        "--times",
        "200",
        "--parallel",
        "50",
        "--lose-answer",
        "40",
    ];
    let done = triggered(&url, &[&wild[..], &["--seed", "41"]].concat()).await;
    assert_eq!(done["deliveries"], 200);
    assert_eq!(
        (&done["calls"], &done["answers_lost"]),
        (&240.into(), &40.into())
    );
    assert_eq!(done["instances"].as_array().map(Vec::len), Some(1));
    assert_eq!(done["different_answers"], 1);
    let (code, stdout, _) = trigger(&url, &wild).await;
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("instances created   1\n"), "{stdout}");
    assert!(stdout.contains("exactly once: PASS"), "{stdout}");
}

#[tokio::test]
async fn a_driver_that_fails_now_and_then_delivers_in_the_end() {
    let (_demo, url) = demo(&["--delay", "5ms", "--failure-rate", "0.3"]).await;
    for order in 0..5 {
        let done = triggered(&url, &["create", "--order", &format!("mord-{order}")]).await;
        assert_eq!(done["instances"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn debug_calls_create_nothing() {
    let (_demo, url) = demo(&[]).await;
    let debug = [
        "create",
        "--order",
        "X",
        "--debug-only",
        "--times",
        "50",
        "--parallel",
        "5",
    ];
    let done = triggered(&url, &debug).await;
    assert_eq!(
        (&done["debug_only"], &done["different_answers"]),
        (&true.into(), &1.into())
    );
    assert!(
        done["instances"][0]
            .as_str()
            .expect("an id")
            .starts_with("i-dry")
    );
}

#[tokio::test]
async fn a_key_that_is_wrong_is_refused_and_exits_1() {
    let (_demo, url) = demo(&[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wrong.key"), "not-the-key\n").expect("a key");
    let arguments = [
        "trigger",
        "qingcloud-market",
        "test",
        "--to",
        &url,
        "--key-file",
        "wrong.key",
    ];
    let (code, stdout, _) = said(&run(folder.path(), &arguments).await);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("<- 401 application/json"), "{stdout}");
    assert!(
        stdout.contains("failed after 3 calls"),
        "the market calls a test three times: {stdout}"
    );
}

#[tokio::test]
async fn what_is_used_wrongly_exits_2_and_says_how() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, hint) in [
        (&["trigger"][..], "create|renew|upgrade|expire|delete|test"),
        (
            &["trigger", "qingcloud-market", "explode"],
            "create|renew|upgrade|expire|delete|test",
        ),
        (&["trigger", "qingcloud-market", "renew"], "--instance ID"),
        (
            &["trigger", "qingcloud-market", "create", "--set", "x"],
            "name=value",
        ),
        (
            &[
                "trigger",
                "qingcloud-market",
                "create",
                "--lose-answer",
                "2",
            ],
            "--lose-answer",
        ),
        (&["explode"], "explode"),
        (&["clock", "advance", "400"], "such as 400d or 12h"),
    ] {
        let (code, stdout, stderr) = said(&run(folder.path(), arguments).await);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {stderr}"
        );
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn an_address_without_a_listing_leads_to_the_right_one() {
    let (_demo, url) = demo(&[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = format!("{url}-elsewhere");
    let arguments = ["trigger", "qingcloud-market", "test", "--to", &to];
    let (code, stdout, stderr) = said(&run(folder.path(), &arguments).await);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(
        stdout.contains("   there is no listing at this path\n"),
        "without the line's end spelled out: {stdout}"
    );
    assert!(stderr.contains("--to"), "{stderr}");
}

#[tokio::test]
async fn what_is_read_only_in_part_is_no_crash() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(PROGRAM)
        .arg("why")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .await
        .expect("it runs");
    let (code, _, stderr) = said(&output);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_log_that_no_terminal_shows_has_no_colours() {
    let site = Site::new();
    let served = site.serve().await;
    served.kill().await;
    let log = std::fs::read_to_string(site.log()).expect("a log");
    assert!(log.contains("ready at"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn what_stops_a_command_names_its_page() {
    let (_demo, url) = demo(&[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = url.trim_start_matches("http://").split('/').next();
    let arguments = ["demo", "--listen", address.expect("an address")];
    let (code, _, stderr) = said(&run(folder.path(), &arguments).await);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.ends_with("[address_taken]\nwhat to do: turnkey why address_taken\n"),
        "{stderr}"
    );
}

#[tokio::test]
async fn init_then_check_then_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, stderr) = said(&run(folder.path(), &["init"]).await);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("turnkey.toml") && stderr.contains("provision.sh"),
        "{stderr}"
    );
    let (code, _, stderr) = said(&run(folder.path(), &["init"]).await);
    assert_eq!(code, Some(3), "nothing is overwritten: {stderr}");

    let (code, stdout, _) = said(&run(folder.path(), &["config", "check", "--json"]).await);
    assert_eq!(code, Some(1));
    let found: Value = serde_json::from_str(&stdout).expect("one JSON object");
    let first = &found["findings"][0];
    assert_eq!(first["path"], "listing.notes-market.keys[0]");
    assert_eq!(first["code"], "variable_missing");
    let (_, stdout, _) = said(&run(folder.path(), &["config", "check", "--lang", "zh"]).await);
    assert_eq!(
        stdout,
        "错误  listing.notes-market.keys[0]：没有设置环境变量 PROD_KEY [variable_missing]\n"
    );

    let good = Command::new(PROGRAM)
        .args(["config", "check", "--lang", "en"])
        .current_dir(folder.path())
        .env("PROD_KEY", "k9Zt3vQeXw2LrB7uYh5N")
        .output()
        .await
        .expect("it runs");
    let (code, stdout, stderr) = said(&good);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let at = "https://deliver.example.com/spi/notes-market";
    assert!(stdout.contains(at), "{stdout}");
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
        .collect();
    assert_eq!(names.len(), 2, "a check writes nothing: {names:?}");
}

#[tokio::test]
async fn the_environment_comes_before_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), &["init"]).await.status.code(), Some(0));
    let checked = Command::new(PROGRAM)
        .args(["config", "check", "--json"])
        .current_dir(folder.path())
        .env("PROD_KEY", "k9Zt3vQeXw2LrB7uYh5N")
        .env("TURNKEY__SERVER__LISTEN", "nowhere")
        .env("TURNKEY__SERVER__LISTEM", "127.0.0.1:1")
        .output()
        .await
        .expect("it runs");
    let (code, stdout, _) = said(&checked);
    assert_eq!(code, Some(1));
    assert!(stdout.contains(r#"did you mean \"listen\"?"#), "{stdout}");
}

#[tokio::test]
async fn what_init_writes_delivers() {
    let site = tempfile::tempdir().expect("a folder");
    assert_eq!(run(site.path(), &["init"]).await.status.code(), Some(0));
    let program = site.path().join("provision.sh");
    let ask = |operation: &str| {
        let ask = format!(
            r#"{{"operation":"{operation}","kind":"provision","dry_run":false,"attempt":1,"instance":{{"id":"i-1"}}}}"#
        );
        let mut child = std::process::Command::new("sh")
            .arg(&program)
            .current_dir(site.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, ask.as_bytes()).expect("it listens");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).expect("one JSON object")
    };
    let first = ask("op-1");
    assert!(
        first["access"]["front_end"]["password"]
            .as_str()
            .is_some_and(|p| p.len() == 24)
    );
    assert_eq!(
        ask("op-1"),
        first,
        "the second ask repeats the first answer"
    );
    assert_ne!(ask("op-2"), first);
}

/// Found by following the README: `serve` beside the files, as everybody starts, ran no program.
#[tokio::test]
async fn what_init_writes_serves_and_delivers_where_it_stands() {
    let site = tempfile::tempdir().expect("a folder");
    assert_eq!(run(site.path(), &["init"]).await.status.code(), Some(0));
    let mut serve = Command::new(PROGRAM);
    serve
        .arg("serve")
        .current_dir(site.path())
        .env("PROD_KEY", "k9Zt3vQeXw2LrB7uYh5N")
        .env("TURNKEY__SERVER__LISTEN", "127.0.0.1:0")
        .env("TURNKEY__SERVER__ADMIN_LISTEN", "127.0.0.1:0");
    let served = Served::start(serve, &site.path().join("serve.log")).await;
    std::fs::write(site.path().join("prod.key"), "k9Zt3vQeXw2LrB7uYh5N").expect("a key");
    let url = format!("http://{}/spi/notes-market", served.address);
    let create = ["create", "--key-file", "prod.key", "--to", &url];
    let words = ["--set", "spec=规格", "--set", "package=套餐"];
    let arguments = [&["trigger", "qingcloud-market"], &create[..], &words].concat();
    let (code, stdout, stderr) = said(&run(site.path(), &arguments).await);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("delivered: order mord-"), "{stdout}");
    served.signal(rustix::process::Signal::TERM);
    assert!(served.ended().await.success());
}

#[tokio::test]
async fn a_code_is_explained_offline_in_either_language() {
    let folder = tempfile::tempdir().expect("a folder");
    let why =
        async |arguments: &[&str]| said(&run(folder.path(), &[&["why"], arguments].concat()).await);
    let (code, stdout, _) = why(&["signature_wrong"]).await;
    assert_eq!(code, Some(0));
    let english = "# signature_wrong\n\n**The signature does not match.**";
    assert!(
        stdout.starts_with(english) && !stdout.contains("中文"),
        "{stdout}"
    );
    let (_, stdout, _) = why(&["signature_wrong", "--lang", "zh"]).await;
    assert!(
        stdout.starts_with("# signature_wrong\n\n**签名不符。**"),
        "{stdout}"
    );
    let (code, stdout, _) = why(&["--json"]).await;
    assert_eq!(code, Some(0));
    let all: Vec<Value> = serde_json::from_str(&stdout).expect("one JSON array");
    assert!(all.iter().any(|row| row["code"] == "plan_unknown"));
    let (code, _, stderr) = why(&["signature_wrnog"]).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean signature_wrong?"), "{stderr}");
}

#[tokio::test]
async fn chinese_is_spoken_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, _, stderr) = said(&run(folder.path(), &["--lang", "zh", "trigger"]).await);
    assert!(stderr.contains("哪个云市场"), "{stderr}");
}
