//! Calls sent again, as a person types it, at a server that runs.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use turnkey::config::{self, Mode};
use turnkey::http::server::DoorLimits;
use turnkey_engine::SystemClock;

use crate::admin::cli::Demo;
use crate::app::{App, DEMO, KEY, NOTES, OPERATOR, TOKENS, VIEWER, settled};
use crate::binary::PROGRAM;
use crate::cli::said;
use crate::wire::{exchange, get};

/// An app whose clock shows what everybody's does: whoever signs anew has no other.
async fn app() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = format!("{NOTES}{DEMO}{TOKENS}");
    let settings = settled(config::parse(&toml, Mode::Demo, folder.path()));
    App::start_at(
        folder,
        &settings,
        DoorLimits::default(),
        SystemClock::wall(),
    )
    .await
}

/// Exit code, stdout and stderr of a command typed at `app` with `token`.
async fn typed(app: &App, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("LC_ALL", "C")
        .env("TURNKEY_ADMIN_URL", format!("http://{}", app.admin))
        .env("TURNKEY_ADMIN_TOKEN", token)
        .env("LISTING_KEY", KEY)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it runs");
    said(&output)
}

/// `calls tail --follow` beside `app`: the child, and the lines that it prints.
fn following(app: &App) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(PROGRAM)
        .args(["calls", "tail", "--follow", "--json", "-n", "1"])
        .env("LC_ALL", "C")
        .env("TURNKEY_ADMIN_URL", format!("http://{}", app.admin))
        .env("TURNKEY_ADMIN_TOKEN", VIEWER)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let stdout = child.stdout.take().expect("a pipe");
    (child, BufReader::new(stdout).lines())
}

/// The order of the next call that is printed.
async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = lines.next_line().await.expect("a pipe").expect("a line");
    let call: Value = serde_json::from_str(&line).expect("JSON");
    call["order"].as_str().expect("an order").to_owned()
}

#[tokio::test]
async fn calls_are_followed_until_somebody_ends_it_or_the_server_is_gone() {
    let app = app().await;
    app.create("mord-1", "1_year").await;
    app.create("mord-2", "1_year").await;
    let (mut ended, mut lines) = following(&app);
    assert_eq!(next(&mut lines).await, "mord-2");
    app.create("mord-3", "1_year").await;
    app.create("mord-4", "1_year").await;
    assert_eq!(next(&mut lines).await, "mord-3");
    assert_eq!(next(&mut lines).await, "mord-4");
    let id = ended.id().and_then(|id| i32::try_from(id).ok());
    let process = id.and_then(Pid::from_raw).expect("it runs");
    kill_process(process, Signal::INT).expect("it can be signalled");
    assert_eq!(ended.wait().await.expect("it ends").code(), Some(0));

    let (lost, mut lines) = following(&app);
    assert_eq!(next(&mut lines).await, "mord-4");
    app.stop().await;
    let output = lost.wait_with_output().await.expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the server went away"), "{stderr}");
}

/// The name of the newest call.
async fn newest(app: &App) -> String {
    let calls = app.seen("/api/v1/calls?limit=1").await;
    calls["items"][0]["id"].as_str().expect("a call").to_owned()
}

fn notes(app: &App) -> String {
    format!("http://{}/spi/notes", app.address)
}

#[tokio::test]
async fn a_create_sent_again_as_it_was_makes_nothing_new() {
    let app = app().await;
    let told = app.create("mord-1", "1_year").await;
    let (id, password) = (
        told.instance(),
        told.json()["instanceInfo"]["password"].clone(),
    );
    let password = password.as_str().expect("a password");
    let (call, to) = (newest(&app).await, notes(&app));

    let (code, stdout, stderr) = typed(&app, OPERATOR, &["replay", &call, "--to", &to]).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.starts_with("<- 200 application/json   "), "{stdout}");
    assert!(stdout.contains("as recorded (200)"), "{stdout}");
    assert!(stdout.contains(&id), "the same instance: {stdout}");
    assert!(stderr.contains(&format!("-> GET {to}?action=")), "{stderr}");
    assert!(stderr.contains("signature=********"), "{stderr}");
    assert!(!format!("{stdout}{stderr}").contains(password));
    let (orders, instances, _) = app.everything().await;
    assert_eq!((orders.len(), instances.len()), (1, 1));

    // Who looked is kept.
    let events = app.seen("/api/v1/events").await;
    let event = &events["items"][0];
    assert_eq!(
        (&event["kind"], &event["by"]),
        (&"operator_acted".into(), &"otto".into())
    );
    assert!(event["message"].as_str().expect("words").contains(&call));

    // After the window it proves nothing any more.
    app.clock.advance(301_000);
    let (code, stdout, stderr) = typed(&app, OPERATOR, &["replay", &call, "--to", &to]).await;
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(
        stdout.contains("it was 200") && stdout.contains(" s old"),
        "{stdout}"
    );
    assert!(stderr.contains("--resign signs it"), "{stderr}");
    app.stop().await;
}

#[tokio::test]
async fn a_call_is_saved_as_a_fixture_that_tells_of_nobody() {
    let app = app().await;
    let told = app.create("mord-live7", "1_year").await;
    let (id, json) = (told.instance(), told.json());
    let password = json["instanceInfo"]["password"].as_str();
    let password = password.expect("a password").to_owned();
    let to = notes(&app);
    let market = turnkey_dialects::find("qingcloud-market").expect("it is there");
    let listing =
        turnkey_drivers::market::known("recorded", turnkey_dialects::recorded::KEY.into(), None);
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().to_str().expect("text");
    for asks in ["create", "refusal"] {
        if asks == "refusal" {
            app.create("mord-live7", "2_year").await;
        }
        let call = newest(&app).await;
        let save = ["replay", &call, "--to", &to, "--save-fixture", at];
        let (_, stdout, stderr) = typed(&app, OPERATOR, &save).await;
        let path = stderr.lines().last().expect("a path");
        let text = std::fs::read_to_string(path).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
        let checked = turnkey_dialects::recorded::check(market, &text, &listing);
        assert_eq!(checked, Ok(()), "{text}");
        for secret in ["live7", &id, &password, KEY, &app.address.to_string()] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        // What lies there is not written over, and that is known before anything is sent.
        let (code, _, stderr) = typed(&app, OPERATOR, &save).await;
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("there is a file of that name"), "{stderr}");
        assert!(!stderr.contains("-> GET"), "{stderr}");
    }
    assert!(folder.path().join("create-ok.txt").exists());
    app.stop().await;
}

#[tokio::test]
async fn a_buyers_call_is_saved_as_a_fixture_that_tells_of_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_demo, url) = crate::cli::demo_in(folder.path(), &[]).await;
    let (origin, _) = url.split_once("/spi/").expect("a notification URL");
    let run = async |arguments: &[&str]| {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("LC_ALL", "C")
            .output()
            .await
            .expect("it runs");
        let (code, stdout, stderr) = said(&output);
        assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
        (stdout, stderr)
    };
    let whom = ["trigger", "jdcloud-bastion", "create", "--to", origin];
    run(&[&whom[..], &["--order", "token-live7"]].concat()).await;
    let (calls, _) = run(&["calls", "tail", "-n", "1", "--json"]).await;
    let calls: Value = serde_json::from_str(&calls).expect("JSON");
    let call = calls["items"][0]["id"].as_str().expect("a call");
    let save = ["replay", call, "--to", origin, "--save-fixture", "saved"];
    let (_, stderr) = run(&save).await;
    assert!(
        stderr.ends_with("saved/post-instances-ok.txt\n"),
        "{stderr}"
    );
    let text = std::fs::read_to_string(folder.path().join("saved/post-instances-ok.txt"));
    let text = text.expect("a fixture");
    for secret in ["live7", "demo-ak", "demo-sk", origin] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let listing = turnkey_drivers::market::known("recorded", "k".to_owned().into(), None);
    let dialect = turnkey_dialects::find("jdcloud-bastion").expect("it is there");
    assert_eq!(
        turnkey_dialects::recorded::check(dialect, &text, &listing),
        Ok(())
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let app = app().await;
    for arguments in [
        &["calls", "tail", "--action", "bogus"][..],
        &["calls", "tail", "--result", "bogus"],
        &["replay", "c-1", "--key-env", "LISTING_KEY"],
        &["trigger", "qingcloud-market", "test", "--to", "127.0.0.1:1"],
        &[
            "trigger",
            "--scenario",
            "a-bad-day",
            "--to",
            "localhost/spi",
        ],
    ] {
        let (code, stdout, stderr) = typed(&app, OPERATOR, arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}: {stdout}{stderr}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_create_signed_anew_for_another_order_makes_another_instance() {
    let (app, other) = (app().await, app().await);
    app.create("mord-1", "1_year").await;
    let call = newest(&app).await;
    let replay = async |to: &str, more: &[&str]| {
        let usual = ["replay", call.as_str(), "--to", to, "--json"];
        let (code, stdout, stderr) = typed(&app, OPERATOR, &[&usual, more].concat()).await;
        let told: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{code:?} {stdout} {stderr}"));
        (code, told)
    };
    let signed = ["--resign", "--key-env", "LISTING_KEY"];
    let anew = [&signed[..], &["--set", "order_id=mord-2"]].concat();
    let (code, told) = replay(&notes(&app), &anew).await;
    assert_eq!((code, &told["resigned"]), (Some(0), &true.into()), "{told}");
    let (orders, instances, _) = app.everything().await;
    assert_eq!((orders.len(), instances.len()), (2, 2));
    let id = instances
        .iter()
        .find(|i| told["body"]["instanceId"] == i.id.as_str());
    assert!(id.is_some(), "{told}");

    // Elsewhere it is a new order altogether.
    let (code, told) = replay(&notes(&other), &signed).await;
    assert_eq!(
        (code, &told["same_status"]),
        (Some(0), &true.into()),
        "{told}"
    );
    assert_eq!(other.everything().await.0.len(), 1);

    // What is broken on purpose is refused.
    let broken = [&signed[..], &["--set", "signature=broken"]].concat();
    let (code, told) = replay(&notes(&app), &broken).await;
    assert_eq!((code, &told["status"]), (Some(1), &401.into()), "{told}");
    app.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_said() {
    let app = app().await;
    app.create("mord-1", "1_year").await;
    let (call, to) = (newest(&app).await, notes(&app));
    let set = ["replay", &call, "--to", &to, "--set", "order_id=mord-2"];
    let (code, _, stderr) = typed(&app, OPERATOR, &set).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("add --resign"), "{stderr}");
    let (code, _, stderr) = typed(&app, VIEWER, &["replay", &call, "--to", &to]).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("[role_low]"), "{stderr}");
    for address in ["spi", "ftp://a.example/", "http://a.example/?a=b"] {
        let (code, _, stderr) = typed(&app, OPERATOR, &["replay", &call, "--to", address]).await;
        assert_eq!(code, Some(2), "{address}: {stderr}");
    }
    let nobody = ["replay", &call, "--to", "http://127.0.0.1:1/spi"];
    let (code, _, stderr) = typed(&app, OPERATOR, &nobody).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("[no_answer]"), "{stderr}");
    let unknown = ["replay", "c-0000000000000000"];
    let (code, _, stderr) = typed(&app, OPERATOR, &unknown).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("[call_unknown]"), "{stderr}");

    // A request of which the log kept the beginning.
    let long = "x".repeat(15_000);
    let request = format!(
        "GET /spi/notes?action=TestConnection HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
         x-long: {long}\r\nx-longer: {}\r\n\r\n",
        &long[..4_000]
    );
    exchange(app.address, request.as_bytes()).await;
    let (code, _, stderr) = typed(&app, OPERATOR, &["replay", &newest(&app).await]).await;
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("[call_cut]"), "{stderr}");
    app.stop().await;
}

#[tokio::test]
async fn nothing_but_its_own_route_shows_a_request_whole() {
    let app = app().await;
    let query = crate::wire::signed(&[("action", "TestConnection")], KEY, app.now().wall);
    get(app.address, &format!("/spi/notes?{query}")).await;
    let signature = query.split("signature=").nth(1).expect("a signature");
    let call = newest(&app).await;
    for at in [
        "/api/v1/calls",
        &format!("/api/v1/calls/{call}"),
        "/api/v1/events",
    ] {
        assert!(!app.seen(at).await.to_string().contains(signature), "{at}");
    }
    let raw = app.seen(&format!("/api/v1/calls/{call}/request")).await;
    assert_eq!(raw["dialect"], "qingcloud-market");
    assert_eq!(raw["url"], "https://deliver.example.com/spi/notes");
    app.stop().await;
}

/// The bastion's signatures are in headers, over the host and the body.
#[tokio::test]
async fn a_purchase_at_the_storefront_is_sent_again_in_both_versions() {
    let mut demo = Demo::start(&[]).await;
    let spi = demo.url.find("/spi").expect("a listing's path");
    let endpoint = demo.url[..spi].to_owned();
    for version in ["v2", "v3"] {
        let buy = [
            "buy",
            "--endpoint",
            &endpoint,
            "--spec",
            "basic",
            "--signing",
            version,
        ];
        let (code, stdout, stderr) = demo.type_in(&buy).await;
        assert!(matches!(code, Some(0 | 1)), "{stdout}{stderr}");
        let tail = ["calls", "tail", "--action", "buy", "-n", "1", "--json"];
        let (_, stdout, _) = demo.type_in(&tail).await;
        let calls: Value = serde_json::from_str(&stdout).expect("JSON");
        let call = calls["items"][0]["id"].as_str().expect("a call").to_owned();
        let count = async || {
            let (_, stdout, _) = demo.type_in(&["order", "list", "--json"]).await;
            let orders: Value = serde_json::from_str(&stdout).expect("JSON");
            orders["items"].as_array().expect("rows").len()
        };
        let before = count().await;
        // Its own address is the default.
        let (code, stdout, stderr) = demo.type_in(&["replay", &call]).await;
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(
            stderr.contains(&format!("-> POST {endpoint}/v1/regions/")),
            "{stderr}"
        );
        assert_eq!(count().await, before, "nothing new");
        let more = [
            "replay",
            &call,
            "--resign",
            "--set",
            "instanceSpec.quantity=2",
            "--set",
        ];
        let token = format!("clientToken=again-{version}");
        let more = [&more[..], &[token.as_str()]].concat();
        let (code, stdout, stderr) = demo.type_in(&more).await;
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert_eq!(count().await, before + 2);
    }
    demo.stop().await;
}
