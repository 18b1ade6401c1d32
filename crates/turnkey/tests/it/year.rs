//! A year that is played is the same as a year that goes by (design §5, "two clocks").

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use turnkey::config::{self, Mode};
use turnkey::http::server::DoorLimits;
use turnkey::wire_up::open_store;
use turnkey_core::ports::{Clock as _, Store};
use turnkey_core::{
    Call, ChangePlan, Create, Digest, InstanceId, Intent, OrderKey, OrderRef, Period, Reason,
    Renew, Unit, UtcMillis,
};
use turnkey_testkit::{ImmediateDriver, sample};

use crate::admin::cli::Demo;
use crate::app::{ADMIN, App, TOKENS, settled};
use crate::vendor::Vendor;
use crate::wire::get;

const DAY_MS: u64 = 24 * 3_600_000;

/// The whole year of an instance that is bought for months.
const YEAR: [&str; 16] = [
    "renew", "renew", "renew", "renew", "renew", "renew", "renew", "renew", "renew", "renew",
    "renew", "expire", "renew", "upgrade", "expire", "delete",
];

/// One call of a marketplace at its real time.
struct Scene {
    at: UtcMillis,
    dialect: &'static str,
    path: String,
    /// The number of the instance, from 0.
    instance: usize,
    action: String,
    order: String,
}

/// The calls that were played, with the creates before them.
fn scenes(creates: Vec<Scene>, ids: &[String], advanced: &Value) -> Vec<Scene> {
    let number = |id: &str| ids.iter().position(|known| known == id).expect("known");
    let mut scenes = creates;
    for scene in advanced["scenes"].as_array().expect("scenes") {
        let text = |name: &str| scene[name].as_str().unwrap_or_default().to_owned();
        let instance = number(&text("instance"));
        let created = &scenes[instance];
        let at: jiff::Timestamp = text("at").parse().expect("a moment");
        scenes.push(Scene {
            at: UtcMillis(at.as_millisecond()),
            dialect: created.dialect,
            path: created.path.clone(),
            instance,
            action: text("action"),
            order: text("order"),
        });
    }
    scenes
}

/// Everything that happened in a shop, with numbers in the place of ids and without the wall clock.
async fn told(store: &dyn Store) -> String {
    let instances = store.instance_list(None, 100).await.expect("instances");
    let orders = store.order_list(None, 1_000).await.expect("orders");
    let numbers: BTreeMap<&str, String> = instances
        .iter()
        .enumerate()
        .map(|(n, instance)| (instance.id.as_str(), format!("i{n}")))
        .collect();
    let numbered = |text: &str| {
        let replace = |text: String, (id, n): (&&str, &String)| text.replace(*id, n);
        numbers.iter().fold(text.to_owned(), replace)
    };
    let mut told = String::new();
    for order in &orders {
        writeln!(
            told,
            "{} {} {} {} {} {:?} {}",
            order.accepted_at.business.0,
            order.listing,
            numbered(order.instance.as_str()),
            order.kind.name(),
            numbered(order.key.as_str()),
            order.state,
            order.period,
        )
        .expect("text");
    }
    for instance in &instances {
        let id = &instance.id;
        let rows = store.history_list(id.clone(), 0, 100).await.expect("rows");
        for row in rows {
            let of_row = |order: &&turnkey_core::Order| Some(&order.id) == row.order.as_ref();
            let key = orders.iter().find(of_row).map(|order| order.key.as_str());
            writeln!(
                told,
                "{} {} {} {} {} {}",
                numbered(id.as_str()),
                row.version,
                row.at.business.0,
                row.kind.name(),
                row.step.name(),
                numbered(key.unwrap_or("-")),
            )
            .expect("text");
        }
        writeln!(
            told,
            "{} {} {} {} {:?} {:?} delivered={} access={} suspended={:?} v{}",
            numbered(id.as_str()),
            instance.product,
            instance.plan,
            instance.buyer,
            instance.state,
            instance.term,
            instance.delivered,
            instance.access.is_some(),
            instance.suspended_at,
            instance.version,
        )
        .expect("text");
    }
    told
}

/// Makes the calls of `scenes` at their real times: both clocks go by, and everything is over
/// before the next.
async fn lived(app: &App, key: &str, specs: [&str; 2], scenes: &[Scene]) {
    let mut ids: BTreeMap<usize, String> = BTreeMap::new();
    let mut listing = sample::listing(std::sync::Arc::new(ImmediateDriver::willing()));
    listing.keys = vec![key.to_owned().into()];
    listing.product_code = Some("prod-demo".to_owned());
    for scene in scenes {
        app.clock.advance(scene.at.ms_since(app.now().wall));
        let id = ids.get(&scene.instance).cloned();
        let intent = intent(scene, id.as_deref(), specs);
        let call = Call {
            caller: None,
            intent,
            dry_run: false,
            signed_at: None,
        };
        let dialect = turnkey_dialects::find(scene.dialect).expect("a dialect");
        let ask = dialect.faces().ask.expect("it can be asked");
        let asked = ask
            .ask(&call, &listing, "", &[], app.now().wall)
            .expect("words");
        let answer = get(app.address, &format!("{}?{}", scene.path, asked.query)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        if scene.action == "create" {
            ids.insert(scene.instance, answer.instance());
        }
        while !app.everything().await.2.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

/// What the marketplace asks, in our words; order keys name the instance of this life.
fn intent(scene: &Scene, id: Option<&str>, [spec, other]: [&str; 2]) -> Intent {
    let key = match scene.order.rsplit_once('-') {
        Some((play, step)) if play.starts_with("play-") => {
            format!("play-{}-{step}", id.expect("it is there"))
        }
        Some(_) | None => scene.order.clone(),
    };
    let order = OrderRef {
        key: OrderKey::new(key),
        content: Digest::of(&[]),
    };
    let period = Period::new(1, Unit::Month).expect("a month");
    let (spec, other) = (spec.to_owned(), other.to_owned());
    let package = Some("套餐".to_owned());
    let instance = InstanceId::new(id.unwrap_or_default());
    match scene.action.as_str() {
        "create" => Intent::Create(Create {
            order,
            buyer: "usr-demo".to_owned(),
            spec,
            package,
            period,
            context: BTreeMap::new(),
        }),
        "renew" => Intent::Renew(Renew {
            order,
            instance,
            spec,
            package,
            period,
        }),
        "upgrade" => Intent::ChangePlan(ChangePlan {
            order,
            instance,
            spec: other,
            package,
            period,
        }),
        "expire" => Intent::Suspend(instance, Reason::Marketplace),
        "delete" => Intent::Release(instance),
        other => panic!("nobody plays {other}"),
    }
}

/// What was played of instance number `n`.
fn actions(scenes: &[Scene], n: usize) -> Vec<&str> {
    let of_instance = scenes.iter().filter(|scene| scene.instance == n);
    of_instance
        .skip(1)
        .map(|scene| scene.action.as_str())
        .collect()
}

/// As a person types it, at both QingCloud dialects.
#[tokio::test]
async fn a_year_that_was_played_is_the_same_as_one_that_went_by() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text").to_owned();
    let mut demo = Demo::start(&["--data", &data]).await;
    let base = demo
        .url
        .trim_end_matches("/spi/qingcloud-market/demo")
        .to_owned();
    let dialects = ["qingcloud-market", "qingcloud-appcenter"];
    for dialect in dialects {
        let to = format!("{base}/spi/{dialect}/demo");
        let order = format!("year-{dialect}");
        let create = ["trigger", dialect, "create", "--to", &to, "--order", &order];
        let (code, stdout, stderr) = demo.type_in(&create).await;
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
    let (code, stdout, stderr) = demo
        .type_in(&["clock", "advance", "400d", "--play", "--json"])
        .await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let advanced: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(
        (&advanced["done"], &advanced["ok"]),
        (&true.into(), &true.into())
    );
    let count = |name: &str| advanced[name].as_u64().expect("a number");
    assert_eq!(
        (count("calls"), count("answered"), count("late")),
        (32, 32, 0)
    );
    // The history is told on the clock that was moved, like the term beside it.
    let told_scenes = advanced["scenes"].as_array();
    let last = told_scenes.and_then(|scenes| scenes.last()).expect("one");
    let (id, at) = (last["instance"].as_str(), last["at"].as_str());
    let shown = ["instance", "show", id.expect("an id")];
    let (_, stdout, _) = demo.type_in(&shown).await;
    let moment = at.expect("a moment")[..19].replace('T', " ");
    let line = format!("{moment}Z  release      done");
    assert!(stdout.contains(&line), "{line} is not in {stdout}");
    demo.stop().await;

    let token = || ("admin.token.demo.token.value", ADMIN.to_owned());
    let settings = settled(config::demo(folder.path(), &[token()], None));
    let (store, _) = open_store(&settings).expect("the demo's store");
    let played = told(&store).await;
    let orders = store.order_list(None, 2).await.expect("orders");
    let ids: Vec<_> = orders
        .iter()
        .map(|o| o.instance.as_str().to_owned())
        .collect();
    let creates = orders.iter().zip(dialects).enumerate();
    let creates = creates.map(|(instance, (order, dialect))| Scene {
        at: order.accepted_at.business,
        dialect,
        path: format!("/spi/{dialect}/demo"),
        instance,
        action: "create".to_owned(),
        order: order.key.as_str().to_owned(),
    });
    let scenes = scenes(creates.collect(), &ids, &advanced);
    assert_eq!(actions(&scenes, 0), YEAR);
    assert_eq!(actions(&scenes, 1), YEAR);

    let folder = tempfile::tempdir().expect("a folder");
    let settings = settled(config::demo(folder.path(), &[token()], None));
    let app = App::start_at(folder, &settings, DoorLimits::default(), scenes[0].at).await;
    lived(&app, "demo-key", ["规格", "规格"], &scenes).await;
    assert_eq!(played, told(&*app.store).await);
    app.stop().await;
}

/// A storefront is nobody's stage: its buyers are people, and its terms are ours to keep.
#[tokio::test]
async fn a_played_year_leaves_a_storefront_to_our_own_clock() {
    let mut demo = Demo::start(&[]).await;
    let base = demo.url.split("/spi/").next().expect("a URL").to_owned();
    let to = format!("{base}/spi/qingcloud-market/demo");
    let create = ["trigger", "qingcloud-market", "create", "--to", &to];
    let (code, _, stderr) = demo.type_in(&create).await;
    assert_eq!(code, Some(0), "{stderr}");
    let mut bought = Vec::new();
    for renews in [&["--auto-renew"][..], &[]] {
        let buy = ["buy", "--endpoint", &base, "--spec", "basic", "--json"];
        let (code, stdout, stderr) = demo.type_in(&[&buy, renews].concat()).await;
        assert_eq!(code, Some(0), "{stderr}");
        let json: Value = serde_json::from_str(&stdout).expect("one JSON object");
        let id = json["instances"][0]["instance_id"].as_str();
        bought.push(id.expect("an instance").replacen("b-", "i-", 1));
    }
    let advance = ["clock", "advance", "400d", "--play", "--json"];
    let (code, stdout, stderr) = demo.type_in(&advance).await;
    assert_eq!(code, Some(0), "{stderr}");
    let advanced: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(advanced["calls"], advanced["answered"]);
    let scenes = advanced["scenes"].as_array().expect("scenes");
    assert!(!scenes.is_empty());
    let is_played = |id: &str| scenes.iter().any(|scene| scene["instance"] == id);
    assert!(!bought.iter().any(|id| is_played(id)), "{scenes:?}");

    let mut told = Vec::new();
    for id in &bought {
        let (_, stdout, _) = demo.type_in(&["instance", "show", id, "--json"]).await;
        let shown: Value = serde_json::from_str(&stdout).expect("JSON");
        let renewals = [
            "order",
            "list",
            "--instance",
            id,
            "--kind",
            "renew",
            "--json",
        ];
        let (_, stdout, _) = demo.type_in(&renewals).await;
        let orders: Value = serde_json::from_str(&stdout).expect("JSON");
        let orders = orders["items"].as_array().expect("orders");
        assert!(orders.iter().all(|order| order["state"] == "fulfilled"));
        let state = shown["state"].as_str().expect("a state").to_owned();
        told.push((state, orders.len()));
    }
    // 400 days are 13 months and some days, whatever the month.
    let wanted = [("running", 13), ("released", 0)];
    assert_eq!(told, wanted.map(|(state, n)| (state.to_owned(), n)));
    demo.stop().await;
}

/// The clock as `turnkey clock show` tells it.
async fn shown(demo: &Demo) -> Value {
    let (code, stdout, stderr) = demo.type_in(&["clock", "show", "--json"]).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    serde_json::from_str(&stdout).expect("one JSON object")
}

#[tokio::test]
async fn a_clock_that_was_moved_is_where_it_was_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = ["--data", folder.path().to_str().expect("text")];
    let mut demo = Demo::start(&data).await;
    let (code, stdout, _) = demo.type_in(&["clock", "advance", "30d"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("no term ended on the way"), "{stdout}");
    assert!(stdout.ends_with("(virtual, 30 days ahead)\n"), "{stdout}");
    let before = shown(&demo).await;
    demo.stop().await;
    let mut demo = Demo::start(&data).await;
    let after = shown(&demo).await;
    let business = |clock: &Value| clock["business"].as_str().expect("text").to_owned();
    assert!(business(&after) >= business(&before), "{before} {after}");
    let ahead = |clock: &Value| clock["ahead_ms"].as_i64().expect("a number");
    let moved_ms = ahead(&after).abs_diff(ahead(&before));
    assert!(moved_ms < 60_000, "{before} {after}");
    demo.stop().await;
}

/// A vendor whose program does the work, with two plans to move between.
async fn with_vendor(at: UtcMillis) -> App {
    let folder = tempfile::tempdir().expect("a folder");
    let (vendor, toml) = Vendor::in_folder(&folder);
    vendor.go("");
    let toml = format!("{toml}{TOKENS}[clock]\nvirtual = true\n");
    let settings = settled(config::parse(&toml, Mode::Demo, folder.path()));
    App::start_at(folder, &settings, DoorLimits::default(), at).await
}

async fn advanced(app: &App, days: u64, play: &str) -> crate::wire::Answer {
    let until = app.clock.now().business.plus_ms(days * DAY_MS);
    let until = turnkey::http::admin::stamp(until);
    let body = format!(r#"{{"until":"{until}"{play}}}"#);
    let path = "/api/v1/clock/advance";
    app.admin("POST", path, Some(ADMIN), &body).await
}

const PLAY: &str = r#","play":{"renewals":11,"late_ms":172800000,"keep_ms":86400000}"#;

/// The work takes a program, a suspend and a resume of its own, and another plan. It begins on a
/// 31st, so that every month is as long as it can be.
#[tokio::test]
async fn a_year_that_a_driver_takes_part_in_is_the_same_too() {
    let app = with_vendor(sample::NOON).await;
    let create = || Scene {
        at: sample::NOON,
        dialect: "qingcloud-market",
        path: "/spi/notes".to_owned(),
        instance: 0,
        action: "create".to_owned(),
        order: "mord-1".to_owned(),
    };
    lived(&app, crate::app::KEY, ["规格", "solo"], &[create()]).await;
    let id = app.everything().await.1[0].id.as_str().to_owned();
    let answer = advanced(&app, 400, PLAY).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let scenes = scenes(vec![create()], &[id], &answer.json());
    assert_eq!(actions(&scenes, 0), YEAR);
    let played = told(&*app.store).await;
    assert!(played.contains(" resume done "), "{played}");
    assert!(played.contains(" solo "), "{played}");
    app.stop().await;

    let app = with_vendor(sample::NOON).await;
    lived(&app, crate::app::KEY, ["规格", "solo"], &scenes).await;
    assert_eq!(played, told(&*app.store).await);
    app.stop().await;
}

#[tokio::test]
async fn a_play_that_was_broken_off_goes_on_where_it_was() {
    let whole = with_vendor(sample::NOON).await;
    let parts = with_vendor(sample::NOON).await;
    for app in [&whole, &parts] {
        app.create("mord-1", "1_month").await.instance();
    }
    advanced(&whole, 400, PLAY).await;
    for days in [0, 31, 1, 27, 1, 340] {
        let answer = advanced(&parts, days, PLAY).await;
        assert_eq!((answer.status, &answer.json()["done"]), (200, &true.into()));
    }
    assert_eq!(told(&*whole.store).await, told(&*parts.store).await);
    whole.stop().await;
    parts.stop().await;
}

#[tokio::test]
async fn without_a_play_nobody_calls() {
    let app = with_vendor(sample::NOON).await;
    let id = app.create("mord-1", "1_month").await.instance();
    let before = app.instance(&id).await;
    let answer = advanced(&app, 40, "").await.json();
    assert_eq!(answer["scenes"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["scenes"][0]["action"], "term_end");
    assert_eq!(answer["scenes"][0]["at"], "2026-02-28T04:00:00.000Z");
    assert_eq!(answer["clock"]["ahead_ms"], 40 * DAY_MS);
    assert_eq!(app.instance(&id).await, before);
    assert_eq!(app.seen("/api/v1/clock").await, answer["clock"]);
    let event = &app.seen("/api/v1/events").await["items"][0];
    let message = "asked to move the business clock to 2026-03-12T04:00:00.000Z";
    assert_eq!(
        (&event["by"], &event["message"]),
        (&"ada".into(), &message.into())
    );
    app.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_not_virtual_is_not_moved() {
    let app = App::start().await;
    let before = app.now();
    let answer = advanced(&app, 1, "").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], "clock_not_virtual");
    assert_eq!(app.now(), before);
    app.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_to_the_clock_is_refused_and_moves_nothing() {
    let app = with_vendor(sample::NOON).await;
    let before = app.now();
    for (body, code) in [
        (r#"{}"#, "body_wrong"),
        (r#"{"until":"soon"}"#, "body_wrong"),
        (r#"{"until":"2026-01-31T03:59:59Z"}"#, "clock_back"),
        (r#"{"until":"2999-01-01T00:00:00Z"}"#, "body_wrong"),
        (r#"{"until":"2027-01-01T00:00:00Z","by":1}"#, "body_wrong"),
        (
            r#"{"until":"2027-01-01T00:00:00Z","play":{"renewals":120,"late_ms":0,"keep_ms":0}}"#,
            "body_wrong",
        ),
        (
            r#"{"until":"2027-01-01T00:00:00Z","play":{"renewals":1,"late_ms":99999999999,"keep_ms":0}}"#,
            "body_wrong",
        ),
    ] {
        let answer = app
            .admin("POST", "/api/v1/clock/advance", Some(ADMIN), body)
            .await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
        assert_eq!(answer.json()["error"]["code"], code, "{body}");
        assert_eq!(app.now(), before);
    }
    app.stop().await;
}
