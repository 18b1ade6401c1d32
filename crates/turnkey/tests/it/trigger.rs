//! `turnkey trigger` with faults and with scenarios, against the real demo and against vendors that
//! do it wrong.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use regex_lite::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use turnkey_dialects::query::Query;

use crate::binary::PROGRAM;
use crate::cli::demo_in;

/// Every fault, and whether a vendor must survive it.
const FAULTS: [(&str, bool); 13] = [
    ("duplicate", true),
    ("parallel", true),
    ("reorder", true),
    ("slow-read", true),
    ("lost-answer", true),
    ("unknown-field", true),
    ("bad-signature", false),
    ("tampered", false),
    ("repeated-field", false),
    ("stale-time", false),
    ("future-time", false),
    ("broken-encoding", false),
    ("wrong-method", false),
];

/// The scenarios that come with the program, each with the protocols that it names.
const SCENARIOS: [(&str, &[&str]); 4] = [
    (
        "a-year-in-the-life",
        &["qingcloud-market", "qingcloud-appcenter"],
    ),
    ("a-bad-day", &["qingcloud-market", "qingcloud-appcenter"]),
    (
        "a-fraud-attempt",
        &["qingcloud-market", "qingcloud-appcenter"],
    ),
    ("a-buyer-at-the-cloud", &["jdcloud-bastion"]),
];

/// A demo with a runtime folder of its own, where the commands find its admin API.
struct Stage {
    folder: TempDir,
    /// `http://` and its address.
    origin: String,
    _demo: Child,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (demo, url) = demo_in(folder.path(), &[]).await;
        let (origin, _) = url.split_once("/spi/").expect("a notification URL");
        Self {
            origin: origin.to_owned(),
            folder,
            _demo: demo,
        }
    }

    /// Where `dialect` is served.
    fn url(&self, dialect: &str) -> String {
        match dialect {
            "jdcloud-bastion" => self.origin.clone(),
            _ => format!("{}/spi/{dialect}/demo", self.origin),
        }
    }

    async fn trigger(&self, dialect: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let to = self.url(dialect);
        trigger(
            self.folder.path(),
            &[&[dialect, "--to", &to], arguments].concat(),
        )
        .await
    }
}

/// Runs `turnkey trigger`; the exit code and what it printed.
async fn trigger(runtime: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM)
        .arg("trigger")
        .args(arguments)
        .current_dir(runtime)
        .env("XDG_RUNTIME_DIR", runtime)
        .env_remove("LANG")
        .env_remove("LC_ALL")
        .output()
        .await
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// `text` with ids, times and ports replaced by their order of appearance.
fn normal(text: &str) -> String {
    let changing = concat!(
        r"\b[ip]-[0-9a-hjkmnp-tv-z]{26}\b",
        r"|\d{4}-\d\d-\d\dT[0-9:.]+Z",
        r"|127\.0\.0\.1:\d+"
    );
    let mut names: HashMap<String, String> = HashMap::new();
    let changing = Regex::new(changing).expect("a pattern");
    let normal = changing.replace_all(text, |found: &regex_lite::Captures<'_>| {
        let next = format!("#{}", names.len() + 1);
        names.entry(found[0].to_owned()).or_insert(next).clone()
    });
    normal.into_owned()
}

#[tokio::test]
async fn every_scenario_passes_and_tells_the_same_for_the_same_seed() {
    for (name, dialects) in SCENARIOS {
        for dialect in dialects {
            let mut told = Vec::new();
            for _ in 0..2 {
                let stage = Stage::new().await;
                let (code, stdout, stderr) = stage
                    .trigger(dialect, &["--scenario", name, "--seed", "41"])
                    .await;
                assert_eq!(code, Some(0), "{name} {dialect}:\n{stdout}{stderr}");
                assert!(stdout.ends_with("0 not tried: PASS\n"), "{stdout}");
                assert_eq!(stderr, "", "{name} {dialect}");
                told.push(normal(&stdout));
            }
            assert_eq!(told[0], told[1], "{name} {dialect}");
        }
    }
}

#[tokio::test]
async fn another_seed_is_another_story_with_other_orders() {
    let stage = Stage::new().await;
    let mut orders = Vec::new();
    for seed in ["1", "2", "1"] {
        let arguments = ["create", "--seed", seed, "--json"];
        let (_, stdout, _) = stage.trigger("qingcloud-market", &arguments).await;
        let told: Value = serde_json::from_str(&stdout).expect("JSON");
        orders.push(told["order"].clone());
    }
    assert_eq!(orders[0], orders[2]);
    assert_ne!(orders[0], orders[1]);
}

#[tokio::test]
async fn our_vendor_makes_of_every_fault_what_it_should() {
    let stage = Stage::new().await;
    let faults: Vec<_> = FAULTS
        .iter()
        .flat_map(|(name, _)| ["--fault", name])
        .collect();
    for dialect in ["qingcloud-market", "qingcloud-appcenter", "jdcloud-bastion"] {
        let arguments = [&["create", "--json"], faults.as_slice()].concat();
        let (code, stdout, stderr) = stage.trigger(dialect, &arguments).await;
        assert_eq!(code, Some(0), "{dialect}: {stdout}{stderr}");
        let told: Value = serde_json::from_str(&stdout).expect("JSON");
        assert_eq!(
            told["faults"].as_array().expect("a list").len(),
            FAULTS.len()
        );
        let ids: Vec<_> = told["faults"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(FAULTS)
            .collect();
        let ids = ids.iter().filter(|(_, (_, is_survived))| *is_survived);
        let mut ids: Vec<_> = ids.map(|(seen, _)| seen["came_back"].clone()).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "one order is one instance: {ids:?}");
    }
}

/// A vendor on the market who believes everything, but for what `refuses` a query for, and names a
/// new instance each time.
async fn naive(refuses: impl Fn(&str) -> bool + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let refuses = Arc::new(refuses);
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            count += 1;
            let refuses = Arc::clone(&refuses);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let status = if refuses(&head) { "400 no" } else { "200 OK" };
                let body = json!({"spiVersion": "1", "instanceId": format!("i-{count}"),
                    "instanceInfo": {"frontEndUrl": "https://a.example"}});
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// Whether the query in `head` has a parameter that nobody documents.
fn is_unheard_of(head: &str) -> bool {
    let query = head.split(['?', ' ']).nth(2).unwrap_or_default();
    Query::parse(query).is_ok_and(|query| query.get("turnkey_unknown").is_some())
}

#[tokio::test]
async fn a_vendor_who_believes_everything_is_found_out() {
    let address = naive(is_unheard_of).await;
    let (folder, to) = (
        tempfile::tempdir().expect("a folder"),
        format!("http://{address}/spi"),
    );
    for (fault, _) in FAULTS {
        let arguments = ["qingcloud-market", "create", "--to", &to, "--fault", fault];
        let (code, stdout, stderr) = trigger(folder.path(), &arguments).await;
        // A slow line alone shows no second instance.
        let is_found = fault != "slow-read";
        let verdict = if is_found { "FAIL" } else { "PASS" };
        assert_eq!(code, Some(i32::from(is_found)), "{fault}: {stdout}{stderr}");
        assert!(stdout.contains(verdict), "{fault}: {stdout}");
    }
    // Whoever hangs up has not refused.
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = format!("http://{}/spi", nobody.local_addr().expect("an address"));
    drop(nobody);
    let arguments = [
        "qingcloud-market",
        "create",
        "--to",
        &to,
        "--fault",
        "bad-signature",
    ];
    let (code, stdout, _) = trigger(folder.path(), &arguments).await;
    assert_eq!(code, Some(1), "{stdout}");
}

#[tokio::test]
async fn a_schedule_is_kept_fast_or_as_marketplaces_keep_it() {
    let address = naive(|_| true).await;
    let (folder, to) = (
        tempfile::tempdir().expect("a folder"),
        format!("http://{address}/spi"),
    );
    let common = [
        "qingcloud-market",
        "create",
        "--to",
        &to,
        "--no-debug",
        "--json",
    ];
    let arguments = [common.as_slice(), &["--schedule", "fast"]].concat();
    let (code, stdout, _) = trigger(folder.path(), &arguments).await;
    let told: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, &told["calls"]), (Some(1), &json!(4)), "{told}");
}

#[tokio::test]
async fn a_scenario_of_ones_own_is_read_or_refused_by_name() {
    let stage = Stage::new().await;
    let file = stage.folder.path().join("mine.toml");
    let head = "dialects = [\"qingcloud-market\"]\nname = { en = \"Mine\", zh = \"我的\" }\n\
                about = { en = \"\", zh = \"\" }\n";
    let path = file.to_str().expect("text");
    for (steps, code, wanted) in [
        (
            "[[step]]\ncall = \"create\"\ninstance = \"one\"\n",
            0,
            "PASS",
        ),
        (
            "[[step]]\ncall = \"expire\"\ninstance = \"none\"\n",
            1,
            "NOT AS EXPECTED",
        ),
        (
            "[[step]]\ncall = \"create\"\ninstance = \"one\"\nexpect = \"refused\"\n",
            1,
            "FAIL",
        ),
        (
            "[[step]]\ncall = \"create\"\nfault = \"nix\"\n",
            2,
            "mine.toml\", step 1: fault has no \"nix\": there are duplicate, ",
        ),
        (
            "[[step]]\ncall = \"create\"\nadvance = \"1d\"\n",
            2,
            "step 1: a step has one of",
        ),
        (
            "[[step]]\ncal = \"create\"\n",
            2,
            "step 1: the file has no \"cal\": there are call, ",
        ),
        (
            "[[step]]\ncall = \"test\"\n[[step]]\ncall = \"creat\"\n",
            2,
            "step 2: qingcloud-market has no \"creat\": there are create, ",
        ),
        (
            "[[step]]\ncall = \"renew\"\n",
            2,
            "step 1: renew is about an instance, and names none",
        ),
        (
            "[[step]]\ninstance = \"one\"\nstate = \"flying\"\n",
            2,
            "step 1: state has no \"flying\": there are provisioning, running, ",
        ),
        (
            "[[step]]\nadvance = \"soon\"\n",
            2,
            "step 1: advance \"soon\" is no length of time",
        ),
        (
            "[[step]]\ncall = \"create\"\nperiod = \"1_moon\"\n",
            2,
            "step 1: period",
        ),
        (
            "[[step]]\ncall = \"create\"\norder = \"a\"\ninstance = \"one\"\n\
             [[step]]\ncall = \"create\"\norder = \"b\"\ninstance = \"one\"\n",
            1,
            "one was i-",
        ),
    ] {
        std::fs::write(&file, format!("{head}{steps}")).expect("a file");
        let (ended, stdout, stderr) = stage
            .trigger("qingcloud-market", &["--scenario", path])
            .await;
        assert_eq!(ended, Some(code), "{steps}: {stdout}{stderr}");
        assert!(
            format!("{stdout}{stderr}").contains(wanted),
            "{stdout}{stderr}"
        );
        // What is malformed is found before anything is played.
        assert!(code != 2 || stdout.is_empty(), "{stdout}");
    }
    std::fs::write(&file, format!("{head}[[step]]\ncall = \"test\"\n")).expect("a file");
    let (code, _, stderr) = stage
        .trigger("jdcloud-bastion", &["--scenario", path])
        .await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("qingcloud-market"), "{stderr}");
    let (code, _, stderr) = stage
        .trigger("qingcloud-market", &["--scenario", "nix"])
        .await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("a-bad-day"), "{stderr}");
}

#[tokio::test]
async fn a_buyer_calls_every_operation() {
    let stage = Stage::new().await;
    let dialect = turnkey_dialects::find("jdcloud-bastion").expect("it is there");
    let (code, stdout, _) = stage
        .trigger(
            "jdcloud-bastion",
            &["create", "--order", "token-1", "--json"],
        )
        .await;
    assert_eq!(code, Some(0), "{stdout}");
    let told: Value = serde_json::from_str(&stdout).expect("JSON");
    let purchase = told["instances"][0].as_str().expect("a purchase");
    let instance = purchase.replacen("p-", "i-", 1);
    let order = purchase.replacen("p-", "o-", 1);
    for action in dialect.card().actions {
        let arguments: &[&str] = match action.name {
            "create" => continue,
            "source" => &["--order", &order],
            "resize" => &["--spec", "standard"],
            "desc" => &["--set", "desc=新"],
            // Before its end it is refused.
            "delete" => continue,
            _ => &[],
        };
        let arguments = [&[action.name, "--instance", &instance], arguments].concat();
        let (code, stdout, stderr) = stage.trigger("jdcloud-bastion", &arguments).await;
        assert_eq!(code, Some(0), "{}: {stdout}{stderr}", action.name);
    }
    let gone = ["delete", "--instance", &instance];
    let (code, stdout, stderr) = stage.trigger("jdcloud-bastion", &gone).await;
    assert_eq!(code, Some(0), "expired above: {stdout}{stderr}");
    let (code, ..) = stage.trigger("jdcloud-bastion", &gone).await;
    assert_eq!(code, Some(1));
}

#[tokio::test]
async fn what_a_lost_answer_made_is_counted() {
    let address = naive(is_unheard_of).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = format!("http://{address}/spi");
    let whom = ["qingcloud-market", "create", "--no-debug", "--to", &to];
    let lost = ["--lose-answer", "1", "--schedule", "fast", "--json"];
    let (code, stdout, _) = trigger(folder.path(), &[whom.as_slice(), &lost].concat()).await;
    let told: Value = serde_json::from_str(&stdout).expect("JSON");
    let ids = told["instances"].as_array().expect("a list");
    assert_eq!((code, ids.len(), &told["calls"]), (Some(1), 2, &json!(2)));
    // A lost answer is one of the protocol's calls, not one more.
    let refusing = naive(|_| true).await;
    let to = format!("http://{refusing}/spi");
    let whom = ["qingcloud-market", "create", "--no-debug", "--to", &to];
    let (code, stdout, _) = trigger(folder.path(), &[whom.as_slice(), &lost].concat()).await;
    let told: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, &told["calls"]), (Some(1), &json!(4)), "{told}");
}

#[tokio::test]
async fn whatever_is_tampered_with_is_another_request() {
    let stage = Stage::new().await;
    for (dialect, arguments) in [
        ("qingcloud-market", &["test"][..]),
        ("qingcloud-appcenter", &["test"]),
        ("jdcloud-bastion", &["list"]),
        ("qingcloud-market", &["create", "--period", "9_month"]),
        ("qingcloud-market", &["create", "--set", "duration=1_year"]),
        ("jdcloud-bastion", &["create", "--period", "9_month"]),
    ] {
        let arguments = [arguments, &["--fault", "tampered"]].concat();
        let (code, stdout, stderr) = stage.trigger(dialect, &arguments).await;
        assert_eq!(code, Some(0), "{dialect} {arguments:?}: {stdout}{stderr}");
    }
}

#[tokio::test]
async fn what_is_spoilt_is_signed_so_that_nobody_refuses_it_for_its_signature() {
    let stage = Stage::new().await;
    for (dialect, fault, wanted) in [
        ("qingcloud-market", "repeated-field", "is given twice"),
        ("qingcloud-market", "broken-encoding", "must be UTF-8"),
        ("qingcloud-market", "wrong-method", "405"),
        ("qingcloud-appcenter", "repeated-field", "is given twice"),
        ("jdcloud-bastion", "repeated-field", "a parameter twice"),
        ("jdcloud-bastion", "broken-encoding", "400"),
        ("jdcloud-bastion", "wrong-method", "no route"),
    ] {
        let arguments = ["create", "--fault", fault, "--json"];
        let (code, stdout, stderr) = stage.trigger(dialect, &arguments).await;
        let told: Value = serde_json::from_str(&stdout).expect("JSON");
        let came_back = told["faults"][0]["came_back"].as_str().expect("text");
        assert_eq!(code, Some(0), "{dialect} {fault}: {stderr}");
        assert!(came_back.contains(wanted), "{dialect} {fault}: {came_back}");
    }
}

#[tokio::test]
async fn what_a_protocol_lets_pass_is_not_tried() {
    let stage = Stage::new().await;
    let arguments = ["list", "--fault", "repeated-field"];
    let (code, stdout, _) = stage.trigger("jdcloud-bastion", &arguments).await;
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("not tried"), "{stdout}");
}

#[tokio::test]
async fn a_scenario_at_a_stranger_moves_no_clock_of_ours() {
    let stage = Stage::new().await;
    let address = naive(is_unheard_of).await;
    let file = stage.folder.path().join("stranger.toml");
    let steps = "dialects = [\"qingcloud-market\"]\nname = { en = \"S\", zh = \"S\" }\n\
                 about = { en = \"\", zh = \"\" }\n[[step]]\nadvance = \"30d\"\n\
                 [[step]]\ncall = \"create\"\ninstance = \"one\"\n\
                 [[step]]\ninstance = \"one\"\nstate = \"running\"\n";
    std::fs::write(&file, steps).expect("a file");
    let scenario = ["--scenario", file.to_str().expect("text")];
    let to = format!("http://{address}/spi");
    let whom = ["qingcloud-market", "--to", &to];
    let arguments = [whom.as_slice(), &scenario].concat();
    let (code, stdout, stderr) = trigger(stage.folder.path(), &arguments).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("2 not tried: PASS"), "{stdout}");
    assert!(stderr.starts_with("no key given: "), "{stderr}");
    // At our own the same file is played whole.
    let (code, stdout, stderr) = stage.trigger("qingcloud-market", &scenario).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains(" 0 not tried: PASS"), "{stdout}");
    // What should be there and is not is no step that could not be tried.
    let lost = steps.replace(
        "call = \"create\"\n",
        "call = \"expire\"\nexpect = \"refused\"\n",
    );
    std::fs::write(&file, lost).expect("a file");
    let (code, stdout, _) = stage.trigger("qingcloud-market", &scenario).await;
    assert_eq!(code, Some(1), "{stdout}");
}

#[tokio::test]
async fn what_a_vendor_answers_repaints_no_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = format!("http://{}/spi", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let body = json!({"spiVersion": "1", "instanceId": "\u{1b}[2Jx",
                "instanceInfo": {"frontEndUrl": "https://a.example/\u{1b}[2J"}});
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    for more in [&[][..], &["--fault", "unknown-field"], &["--times", "2"]] {
        let whom = ["qingcloud-market", "create", "--to", &to];
        let arguments = [whom.as_slice(), more].concat();
        let (_, stdout, stderr) = trigger(folder.path(), &arguments).await;
        assert!(
            !format!("{stdout}{stderr}").contains('\u{1b}'),
            "{stdout}{stderr}"
        );
    }
}
