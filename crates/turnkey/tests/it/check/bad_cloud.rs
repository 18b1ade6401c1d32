//! The bastion API, checked: our own cloud has no FAIL and no WARN, and of a cloud that is bad in known
//! ways each fault is found.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use turnkey::check::report::Mark;
use turnkey::check::{BuyerAt, Limits, Needs, Plan, checks, run};
use turnkey::http::server::DoorLimits;
use turnkey_core::InstanceState;

use crate::app::App;
use crate::binary::run as program;
use crate::check::{dialect, ids};
use crate::cli::{demo, said};

const NAME: &str = "jdcloud-bastion";

const CLOUD: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.bastion]
    driver = "demo"
    [product.bastion.plan.std]
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "bastion"
    regions = { cn-north-1 = ["cn-north-1a"] }
    payment = "trusted"
    offer = [{ spec = "basic", plan = "std" }]
    [account.check]
    access_key = "check-ak"
    secret_key = { value = "check-sk" }
"#;

async fn cloud() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, CLOUD, DoorLimits::default()).await
}

fn plan(app: &App, at: SocketAddr, live: bool) -> Plan {
    Plan {
        dialect: dialect(NAME),
        url: format!("http://{at}"),
        key: "check-sk".to_owned().into(),
        other_key: "another-sk".to_owned().into(),
        other_url: None,
        product_code: None,
        spec: "basic".to_owned(),
        package: String::new(),
        set: Vec::new(),
        live,
        only: Vec::new(),
        seed: 7,
        buyer: Some(BuyerAt {
            access_key: "check-ak".to_owned(),
            region: "cn-north-1".to_owned(),
        }),
        clock: Arc::new(app.clock.clone()),
        limits: Limits::of(dialect(NAME)),
    }
}

#[tokio::test]
async fn our_own_cloud_passes_everything_and_keeps_nothing_of_it() {
    let app = cloud().await;
    for live in [false, true] {
        let report = run(plan(&app, app.address, live)).await.expect("it runs");
        let text = report.as_text(turnkey::cli::Lang::En);
        assert_eq!(ids(&report, Mark::Fail), [""; 0], "{text}");
        assert_eq!(ids(&report, Mark::Warn), [""; 0], "{text}");
        let skipped = checks(NAME).iter();
        let skipped = skipped.filter(|check| check.needs == Needs::Live && !live);
        let skipped: Vec<_> = skipped.map(|check| check.id).collect();
        assert_eq!(ids(&report, Mark::Skip), skipped, "{text}");
        assert_eq!(report.left, [""; 0], "{text}");
        let (_, instances, _) = app.everything().await;
        assert_eq!(instances.is_empty(), !live, "it makes some with leave only");
        let is_gone = |state| state == InstanceState::Released;
        assert!(instances.iter().all(|instance| is_gone(instance.state)));
    }
    app.stop().await;
}

#[tokio::test]
async fn the_program_checks_the_cloud_of_a_demo() {
    let (_demo, market) = demo(&[]).await;
    let (url, _) = market.split_once("/spi/").expect("a URL");
    let folder = tempfile::tempdir().expect("a folder");
    for live in [&[][..], &["--allow-live"]] {
        let arguments = [&["check", url, "--dialect", NAME, "--json"], live].concat();
        let (code, stdout, stderr) = said(&program(folder.path(), &arguments).await);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let report: Value = serde_json::from_str(&stdout).expect("JSON");
        assert_eq!(
            (&report["failed"], &report["warned"]),
            (&json!(0), &json!(0)),
            "{stdout}"
        );
        assert_eq!(report["left"], json!([]), "{stdout}");
        assert_eq!(report["skipped"] == json!(0), !live.is_empty(), "{stdout}");
    }
}

/// What is wrong with a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Html,
    NoRequestId,
    CodeIsText,
    NotFoundIs200,
    AnySignature,
    AnyTime,
    NoV3,
    PinsAreTexts,
    CountIsText,
    NullForNone,
    PageOf500,
    UnknownDeleteIsDone,
    AnyRoute,
    OtherMethod500,
    Malformed500,
    StrictBody,
    NoBuyId,
    NewOrderForRepeats,
    OtherRegion,
    SpecMissing,
    LooksFor404,
    GarbledText,
    AlwaysRunning,
    EarlyDelete,
    SameSize,
    /// Not to be found by one check: the first answer to each purchase is a failure, and so is the first
    /// to each end of an instance.
    StumblesOnce,
}

/// Every fault, with the checks that may fail because of it: one of them does, and no other.
const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::Html, &["JB-02"]),
    (Fault::NoRequestId, &["JB-02", "JB-03"]),
    (Fault::CodeIsText, &["JB-03"]),
    (
        Fault::NotFoundIs200,
        &["JB-03", "JB-17", "JB-18", "JB-19", "JB-22", "JB-35"],
    ),
    (
        Fault::AnySignature,
        &[
            "JB-06", "JB-07", "JB-08", "JB-09", "JB-10", "JB-11", "JB-12", "JB-13",
        ],
    ),
    (Fault::AnyTime, &["JB-12", "JB-13"]),
    (Fault::NoV3, &["JB-05"]),
    (Fault::PinsAreTexts, &["JB-14"]),
    (Fault::CountIsText, &["JB-15"]),
    (Fault::NullForNone, &["JB-15"]),
    (Fault::PageOf500, &["JB-16"]),
    (Fault::UnknownDeleteIsDone, &["JB-17"]),
    (Fault::AnyRoute, &["JB-18"]),
    (Fault::OtherMethod500, &["JB-19"]),
    (Fault::Malformed500, &["JB-20", "JB-21", "JB-24"]),
    (Fault::StrictBody, &["JB-22"]),
    (Fault::NoBuyId, &["JB-23"]),
    (Fault::NewOrderForRepeats, &["JB-26", "JB-27", "JB-28"]),
    (Fault::OtherRegion, &["JB-25"]),
    (Fault::SpecMissing, &["JB-25"]),
    (Fault::LooksFor404, &["JB-30"]),
    (Fault::GarbledText, &["JB-31"]),
    (Fault::AlwaysRunning, &["JB-34"]),
    (Fault::EarlyDelete, &["JB-33"]),
    (Fault::SameSize, &["JB-32"]),
];

struct Asked {
    method: String,
    path: String,
    query: String,
    head: String,
    body: String,
}

struct Answer {
    status: u16,
    content_type: String,
    body: Value,
}

/// A cloud with `fault`, whose good half is the one at `to`.
async fn bad_cloud(to: SocketAddr, fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let bought: Arc<Mutex<HashSet<String>>> = Arc::default();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let bought = Arc::clone(&bought);
            tokio::spawn(carried(caller, to, fault, bought));
        }
    });
    address
}

async fn carried(
    mut caller: TcpStream,
    to: SocketAddr,
    fault: Fault,
    bought: Arc<Mutex<HashSet<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if caller.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = header(&head, "content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    caller.read_exact(&mut body).await.ok()?;

    let mut cloud = TcpStream::connect(to).await.ok()?;
    let closing = head.replace("connection: close\r\n", "");
    let closing = format!("{}connection: close\r\n\r\n", &closing[..closing.len() - 2]);
    cloud.write_all(closing.as_bytes()).await.ok()?;
    cloud.write_all(&body).await.ok()?;
    let mut said = Vec::new();
    cloud.read_to_end(&mut said).await.ok()?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let (answer_head, answer_body) = said.split_once("\r\n\r\n")?;
    let answer = Answer {
        status: answer_head.split(' ').nth(1)?.parse().ok()?,
        content_type: header(answer_head, "content-type").unwrap_or_default(),
        body: serde_json::from_str(answer_body).unwrap_or_default(),
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        head,
    };
    let answer = damaged(fault, &asked, answer, &bought);
    let text = answer.body.to_string();
    let whole = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        answer.status,
        answer.content_type,
        text.len()
    );
    caller.write_all(whole.as_bytes()).await.ok()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `json!` makes")]
fn done(result: Value) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"requestId": "r-1", "result": result}),
    }
}

fn failed() -> Answer {
    Answer {
        status: 500,
        content_type: "application/json".to_owned(),
        body: json!({"requestId": "r-1", "error": {"code": 500, "status": "INTERNAL", "message": "x"}}),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a fault leaves alone whatever it is not about"
)]
fn damaged(
    fault: Fault,
    asked: &Asked,
    mut answer: Answer,
    bought: &Mutex<HashSet<String>>,
) -> Answer {
    let is_ok = answer.status == 200;
    let is_create = asked.method == "POST" && asked.path.ends_with("/instances");
    let is_one = asked.path.contains("/bastion/");
    let result = &mut answer.body["result"];
    match fault {
        Fault::Html => "text/html".clone_into(&mut answer.content_type),
        Fault::NoRequestId => {
            answer.body["requestId"] = Value::Null;
        }
        Fault::CodeIsText if !is_ok => {
            answer.body["error"]["code"] = answer.status.to_string().into();
        }
        Fault::NotFoundIs200 if answer.status == 404 => answer.status = 200,
        Fault::AnySignature if answer.status == 401 => return done(json!({})),
        Fault::AnyTime if answer.status == 401 && asked.head.contains("Signature=") => {
            // Only the time is wrong where the day is another than the others' have.
            let date = header(&asked.head, "x-jdcloud-date").unwrap_or_default();
            let days = bought.lock().expect("no panic");
            let today = days.iter().find(|known| known.starts_with("day ")).cloned();
            if today.is_some_and(|day| day != format!("day {}", &date[..8])) {
                return done(json!({"pins": []}));
            }
        }
        Fault::AnyTime if is_ok => {
            let date = header(&asked.head, "x-jdcloud-date").unwrap_or_default();
            let day = format!("day {}", &date[..8]);
            bought.lock().expect("no panic").insert(day);
        }
        Fault::NoV3 if asked.head.contains("JDCLOUD3") => {
            answer.status = 401;
        }
        Fault::PinsAreTexts if asked.path.ends_with("/pins") && is_ok => {
            result["pins"] = json!(["check"]);
        }
        Fault::CountIsText if asked.path.ends_with("/bastions") && is_ok => {
            result["totalCount"] = "0".into();
        }
        Fault::NullForNone if asked.path.ends_with("/bastions") && is_ok => {
            result["bastions"] = Value::Null;
        }
        Fault::PageOf500 if asked.query.contains("pageSize=1000000") => return failed(),
        Fault::UnknownDeleteIsDone if asked.method == "DELETE" && answer.status == 404 => {
            return done(json!({"result": true}));
        }
        Fault::AnyRoute if asked.method == "GET" && asked.path.ends_with("/instances") => {
            return done(json!({}));
        }
        Fault::OtherMethod500 if asked.method == "POST" && asked.path.ends_with("/pins") => {
            return failed();
        }
        Fault::Malformed500 if is_create && answer.status == 400 => return failed(),
        Fault::StrictBody if asked.body.contains("turnkeyUnknown") => answer.status = 400,
        Fault::NoBuyId if is_create && is_ok => {
            result["buyId"] = Value::Null;
        }
        Fault::StumblesOnce if is_ok && (is_create || asked.path.contains("ExpireOrStart")) => {
            let token = header(&asked.head, "x-turnkey-purchase-token").unwrap_or_default();
            let is_first = bought
                .lock()
                .expect("no panic")
                .insert(format!("{} {token}", asked.path));
            if is_first {
                return failed();
            }
        }
        Fault::NewOrderForRepeats if is_create && is_ok => {
            let source = result["sourceIds"][0]["sourceId"].clone();
            let source = source.as_str().unwrap_or_default().to_owned();
            let mut bought = bought.lock().expect("no panic");
            if !bought.insert(source.clone()) {
                let another = format!("{source}-{}", bought.len());
                bought.insert(another.clone());
                result["sourceIds"][0]["sourceId"] = another.into();
            }
        }
        Fault::OtherRegion if asked.path.contains("/order/") && is_ok => {
            result["bastion"]["regionId"] = "cn-east-2".into();
        }
        Fault::SpecMissing if asked.path.contains("/order/") && is_ok => {
            result["bastion"]["spec"] = Value::Null;
        }
        Fault::LooksFor404 if asked.path.contains("/instance/") && asked.method == "GET" => {
            answer.status = 404;
        }
        Fault::GarbledText if is_one && is_ok => {
            result["bastion"]["desc"] = "???".into();
        }
        Fault::AlwaysRunning if is_one && is_ok => {
            result["bastion"]["status"] = 1.into();
        }
        Fault::EarlyDelete if asked.method == "DELETE" && answer.status == 400 => {
            return done(json!({"result": true}));
        }
        Fault::SameSize if asked.path.contains("modifyInstanceSpec") && answer.status == 400 => {
            return done(json!({"buyId": "p-1"}));
        }
        _ => {}
    }
    answer
}

#[tokio::test]
async fn every_fault_of_a_bad_cloud_is_found_by_its_checks_and_no_other() {
    let mut checked = HashSet::new();
    for (fault, may_fail) in FAULTS {
        let app = cloud().await;
        let at = bad_cloud(app.address, *fault).await;
        let report = run(plan(&app, at, true)).await.expect("it runs");
        let text = report.as_text(turnkey::cli::Lang::En);
        let found = [ids(&report, Mark::Fail), ids(&report, Mark::Warn)].concat();
        assert!(!found.is_empty(), "{fault:?} is not found: {text}");
        let is_listed = |id: &&str| may_fail.contains(id);
        assert!(found.iter().all(is_listed), "{fault:?}: {found:?}\n{text}");
        checked.extend(found);
    }
    assert!(FAULTS.len() >= 20, "{}", FAULTS.len());
    assert!(checked.len() > 20, "{checked:?}");
}

#[tokio::test]
async fn what_a_cloud_sold_though_it_said_otherwise_is_given_back() {
    let app = cloud().await;
    let at = bad_cloud(app.address, Fault::StumblesOnce).await;
    let report = run(plan(&app, at, true)).await.expect("it runs");
    let text = report.as_text(turnkey::cli::Lang::En);
    assert!(report.count(Mark::Fail) > 0, "{text}");
    assert_eq!(report.left, [""; 0], "{text}");
    let (_, instances, _) = app.everything().await;
    assert!(instances.len() > 5, "{}", instances.len());
    let is_gone = |state| state == InstanceState::Released;
    assert!(instances.iter().all(|instance| is_gone(instance.state)));
    app.stop().await;
}
