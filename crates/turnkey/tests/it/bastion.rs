//! The storefront through the real door of a demo: a buyer at a terminal, many at once, and
//! whatever else comes in.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use turnkey_dialects::jdcloud::Version;
use turnkey_engine::SystemClock;

use crate::admin::cli::Demo;
use crate::openapi::{Account, raw, refusal};
use crate::wire::{Answer, exchange};

/// The door of `demo`.
fn door(demo: &Demo) -> SocketAddr {
    let host = demo.url.strip_prefix("http://").expect("a URL");
    let host = host.split('/').next().expect("a host");
    host.parse().expect("an address")
}

/// The demo's account.
const DEMO: Account<'_> = Account {
    version: Version::V3,
    access_key: "demo-ak",
    secret: "demo-sk",
};

/// A request, signed by the demo's account and then changed by `change`.
fn request(
    method: &str,
    target: &str,
    body: &[u8],
    nonce: &str,
    change: impl Fn(&'static str, String) -> Option<String>,
) -> Vec<u8> {
    let at = SystemClock::wall();
    let signed = DEMO.signed((method, target), "shop", body, nonce, at);
    let changed = signed
        .into_iter()
        .filter_map(|(name, value)| Some((name, change(name, value)?)));
    raw((method, target), changed, body)
}

fn as_it_is(_: &'static str, value: String) -> Option<String> {
    Some(value)
}

fn purchase(quantity: u32, token: Option<&str>) -> Vec<u8> {
    let order = json!({
        "instanceSpec": {"az": "cn-north-1a", "vpcId": "vpc-1", "subnetId": "subnet-1",
            "spec": "basic", "quantity": quantity, "ipVersion": "v4"},
        "clientToken": token,
    });
    order.to_string().into_bytes()
}

const CREATE: &str = "/v1/regions/cn-north-1/instances";

/// The row of a refusal in the protocol's own envelope.
fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, refusal(answer).0)
}

async fn nothing_was_bought(demo: &Demo) {
    let (_, stdout, _) = demo.type_in(&["order", "list", "--json"]).await;
    let orders: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(orders["items"], json!([]));
}

#[tokio::test]
async fn whatever_comes_in_is_refused_with_its_row() {
    let mut demo = Demo::start(&[]).await;
    let to = door(&demo);
    let good = purchase(1, None);
    let tampered = |what: &'static str| {
        move |name: &'static str, value: String| match (what, name) {
            ("no authorization", "authorization") | ("no date", "x-jdcloud-date") => None,
            ("another day", "authorization") => {
                let (head, rest) = value.split_once("demo-ak/").expect("a credential");
                Some(format!("{head}demo-ak/20200101{}", rest.get(8..)?))
            }
            ("a header that is absent", "authorization") => {
                Some(value.replace("SignedHeaders=", "SignedHeaders=accept;"))
            }
            ("nobody's key", "authorization") => Some(value.replace("demo-ak", "no-ak")),
            _ => Some(value),
        }
    };
    let unauthentic = (401, "ACCESS_ERROR");
    let malformed = (400, "INVALID_ARGUMENT");
    let deep = "[".repeat(200_000);
    let long = "x".repeat(9_000);
    let all: Vec<(&str, Vec<u8>, (u16, &str))> = vec![
        (
            "nothing",
            request("POST", CREATE, &good, "1", tampered("no authorization")),
            unauthentic,
        ),
        (
            "no date",
            request("POST", CREATE, &good, "2", tampered("no date")),
            unauthentic,
        ),
        (
            "another day",
            request("POST", CREATE, &good, "3", tampered("another day")),
            unauthentic,
        ),
        (
            "absent",
            request(
                "POST",
                CREATE,
                &good,
                "4",
                tampered("a header that is absent"),
            ),
            unauthentic,
        ),
        (
            "nobody",
            request("POST", CREATE, &good, "5", tampered("nobody's key")),
            unauthentic,
        ),
        (
            "a list",
            request("GET", CREATE, b"", "6", as_it_is),
            (404, "NOT_FOUND"),
        ),
        (
            "another region",
            request("GET", "/v1/regions/cn-east-2/bastions", b"", "7", as_it_is),
            (404, "NOT_FOUND"),
        ),
        (
            "no method of it",
            request("PUT", CREATE, &good, "8", as_it_is),
            (404, "NOT_FOUND"),
        ),
        (
            "no JSON",
            request("POST", CREATE, b"{", "9", as_it_is),
            malformed,
        ),
        (
            "deep",
            request("POST", CREATE, deep.as_bytes(), "10", as_it_is),
            malformed,
        ),
        (
            "too many",
            request("POST", CREATE, &purchase(51, None), "11", as_it_is),
            (400, "OUT_OF_RANGE"),
        ),
        (
            "a page",
            request(
                "GET",
                "/v1/regions/cn-north-1/bastions?pageSize=9",
                b"",
                "12",
                as_it_is,
            ),
            (400, "OUT_OF_RANGE"),
        ),
        (
            "a long query",
            request(
                "GET",
                &format!("/v1/regions/cn-north-1/bastions?x={long}"),
                b"",
                "13",
                as_it_is,
            ),
            (414, "HTTP_URI_TOO_LONG"),
        ),
    ];
    for (what, raw, (code, status)) in all {
        let answer = exchange(to, &raw).await;
        assert_eq!(
            refused(&answer),
            (code, status.to_owned()),
            "{what}: {answer:?}"
        );
    }
    // The body of another purchase under the signature of this one.
    let mut swapped = request("POST", CREATE, &good, "14", as_it_is);
    let begin = swapped.len() - good.len();
    swapped.splice(begin.., purchase(9, None));
    let answer = exchange(to, &swapped).await;
    assert_eq!(refused(&answer), (401, "ACCESS_ERROR".to_owned()));
    // Twenty megabytes are refused by their announcement.
    let huge = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: 20971520\r\n\r\n"
    );
    let answer = exchange(to, huge.as_bytes()).await;
    assert_eq!(
        refused(&answer),
        (413, "HTTP_REQUEST_ENTITY_TOO_LARGE".to_owned())
    );
    nothing_was_bought(&demo).await;
    demo.stop().await;
}

#[tokio::test]
async fn fifty_purchases_at_once_with_one_token_are_one() {
    let mut demo = Demo::start(&["--delay", "20ms"]).await;
    let to = door(&demo);
    let mut buyers = JoinSet::new();
    for n in 0..50 {
        let raw = request(
            "POST",
            CREATE,
            &purchase(3, Some("basket")),
            &format!("n-{n}"),
            as_it_is,
        );
        buyers.spawn(async move { exchange(to, &raw).await });
    }
    let answers = buyers.join_all().await;
    let told: BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["result"].to_string()
        })
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let (_, stdout, _) = demo.type_in(&["order", "list", "--json"]).await;
    let orders: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(orders["items"].as_array().map(Vec::len), Some(3));
    demo.stop().await;
}

#[tokio::test]
async fn a_buyer_at_a_terminal_gets_what_was_bought_once() {
    let mut demo = Demo::start(&[]).await;
    let endpoint = format!("http://{}", door(&demo));
    let buy = async |arguments: &[&str]| {
        let all = [&["buy", "--endpoint", &endpoint], arguments].concat();
        demo.type_in(&all).await
    };
    let (code, stdout, stderr) = buy(&["--spec", "basic", "--quantity", "2"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout.matches(" running ").count(), 2, "{stdout}");
    assert!(stderr.ends_with(": 2 of 2 run\n"), "{stderr}");

    let with_token = [
        "--spec",
        "standard",
        "--json",
        "--token",
        "basket",
        "--signing",
        "v3",
    ];
    let (code, first, stderr) = buy(&with_token).await;
    assert_eq!(code, Some(0), "{stderr}");
    let (_, again, _) = buy(&with_token).await;
    assert_eq!(first, again, "one purchase however often it is placed");
    let bought: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(bought["instances"][0]["status"], "running");
    assert!(bought["buy_id"].as_str().expect("an id").starts_with("p-"));

    let other = ["--spec", "premium", "--token", "basket"];
    for (arguments, said) in [
        (&other[..], "ALREADY_EXISTS"),
        (&["--spec", "gold"], "is not offered here"),
        (&["--spec", "basic", "--ak", "nobody"], "Invalid accessKey"),
        (
            &["--spec", "basic", "--sk", "wrong"],
            "sign result is not same",
        ),
        (
            &["--spec", "basic", "--az", "cn-east-2a"],
            "is no zone of region",
        ),
        (&["--spec", "basic", "--duration", "10"], "must be 1 to 9"),
    ] {
        let (code, stdout, stderr) = buy(arguments).await;
        assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    let nobody = ["buy", "--endpoint", "http://127.0.0.1:1", "--spec", "basic"];
    let (code, _, stderr) = demo.type_in(&nobody).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("with --token buy-"), "{stderr}");

    demo.stop().await;
}

#[tokio::test]
async fn the_same_signed_switch_is_done_as_often_as_it_comes() {
    let mut demo = Demo::start(&[]).await;
    let to = door(&demo);
    let bought = exchange(
        to,
        &request("POST", CREATE, &purchase(1, None), "buy", as_it_is),
    )
    .await;
    let order = bought.json()["result"]["sourceIds"][0]["sourceId"].clone();
    let order = order.as_str().expect("an order").to_owned();
    let look = |n: usize| {
        let target = format!("/v1/regions/cn-north-1/order/{order}");
        request("GET", &target, b"", &format!("look-{n}"), as_it_is)
    };
    let shown = exchange(to, &look(0)).await.json();
    let id = shown["result"]["bastion"]["instanceId"]
        .as_str()
        .expect("an id");
    let target = format!("/v1/regions/cn-north-1/instances/{id}:modifyInstanceExpireOrStart");
    let expire = request("POST", &target, br#"{"status":13}"#, "expire", as_it_is);
    let start = request("POST", &target, br#"{"status":1}"#, "start", as_it_is);
    for (n, (raw, status)) in [(&expire, 13), (&start, 1), (&expire, 13)]
        .iter()
        .enumerate()
    {
        let answer = exchange(to, raw).await;
        assert_eq!(answer.json()["result"], json!({"result": true}));
        let now = exchange(to, &look(n + 1)).await.json();
        assert_eq!(now["result"]["bastion"]["status"], *status);
    }
    demo.stop().await;
}
