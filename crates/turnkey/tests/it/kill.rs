//! Killed at random moments, restarted at once: in the end one instance and one operation key an
//! order, none lost, and no program of an earlier life beside its successor. Once with a vendor that
//! is a program, and once with one whose hook is a process of its own, which no kill reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::binary::{Served, Site, call, create};

/// How often the server is killed in each test; there are four with each vendor.
const KILLS: usize = 75;

/// A vendor that is a program: notes who asked for what, looks whether its predecessor is still alive, takes its
/// time, and repeats its first answer.
const PROGRAM: &str = r#"
set -eu
field() { printf '%s' "$ask" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
ask=$(cat)
operation=$(field operation)
order=$(field key)
before=$(cat "pid.$operation" 2>/dev/null || true)
if [ -n "$before" ] && [ "$(readlink "/proc/$before/cwd" 2>/dev/null)" = "$PWD" ]; then
    printf '%s %s %s\n' "$operation" "$before" "$$" >>overlaps
fi
printf '%s' "$$" >"pid.$operation"
printf '%s %s\n' "$order" "$operation" >>asked
sleep "0.0$(printf '%s' "$operation" | tail -c 1 | tr -c '0-9' '7')"
if [ ! -e "made.$operation" ]; then
    printf '{"access":{"front_end":{"url":"https://saas.example/","username":"%s"}}}' "$$" >"new.$operation.$$"
    mv "new.$operation.$$" "made.$operation"
fi
cat "made.$operation"
"#;

/// A vendor with a hook: verifies as the specification says, notes who asked for what, takes its
/// time or says 202 first, and counts what it makes for each operation key.
const HOOK: &str = r#"
import base64, hashlib, hmac, json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
lock = threading.Lock()
late = set()

def note(name, *words):
    with open(name, "a") as file:
        file.write(" ".join(words) + "\n")

class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        operation, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        digest = hmac.new(key, f"{operation}.{at}.".encode() + body, hashlib.sha256).digest()
        ask = json.loads(body)
        genuine = self.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        if not genuine or ask["operation"] != operation or abs(time.time() - int(at)) > 300:
            note("forged", operation)
            return self.reply(401, b"{}")
        with lock:
            note("asked", ask["order"]["key"], operation)
        if operation[-1] in "abcdefgh" and operation not in late:
            late.add(operation)
            return self.reply(202, b"", ("retry-after", "1"))
        time.sleep(0.01 * (ord(operation[-1]) % 10))
        with lock:
            made = "made." + operation
            if not os.path.exists(made):
                note("instances", operation)
                access = {"front_end": {"url": "https://saas.example/", "username": os.urandom(8).hex()}}
                with open(made, "w") as file:
                    json.dump({"access": access}, file)
            with open(made, "rb") as file:
                answer = file.read()
        self.reply(200, answer)

    def reply(self, status, body, *headers):
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass # whoever is killed hangs up

server = Server(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Who delivers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Program,
    Hook,
}

/// Starts the vendor of `site`, as far as it is a process of its own; it ends when this is dropped.
async fn vendor(site: &Site, by: By) -> Option<Child> {
    let folder = &site.vendor.folder;
    if by == By::Program {
        std::fs::write(folder.join("program.sh"), PROGRAM).expect("the program");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", HOOK])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("python3 is missing; `cargo xtask test` installs it");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let port = lines.next_line().await.expect("text").expect("a port");
    let file = site.folder.path().join("turnkey.toml");
    let toml = std::fs::read_to_string(&file).expect("the configuration");
    let toml = toml
        .replace("\"command\"", "\"webhook\"")
        .replace("[product.notes.command]", "[product.notes.webhook]")
        .replace(
            "argv = [\"sh\", \"program.sh\"]",
            &format!("url = \"http://127.0.0.1:{port}/hook\""),
        )
        .replace(
            "directory = \"vendor\"",
            "secret = { file = \"hook.secret\" }",
        );
    assert!(toml.contains("hook.secret") && toml.contains(&port));
    std::fs::write(&file, toml).expect("the configuration");
    let secret = site.folder.path().join("hook.secret");
    std::fs::write(secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("the secret");
    Some(child)
}

/// Every id that an order was ever answered with.
type Answers = BTreeMap<String, BTreeSet<String>>;

/// Delivers every order that has no answer yet, all at once; keeps what is answered in time.
async fn deliver(served: &Served, orders: &[String], answers: &mut Answers, until: Duration) {
    let mut calls = tokio::task::JoinSet::new();
    for order in orders {
        let (order, address) = (order.clone(), served.address);
        calls.spawn(async move {
            let answer = call(address, &create(&order)).await;
            (order, answer)
        });
    }
    let collect = async {
        while let Some(Ok((order, answer))) = calls.join_next().await {
            if answer.status == 200 {
                answers.entry(order).or_default().insert(answer.instance());
            } else {
                assert!([0, 503].contains(&answer.status), "{answer:?}");
            }
        }
    };
    // What is not answered by then is not answered in this life.
    let _ = tokio::time::timeout(until, collect).await;
}

async fn killed_again_and_again(seed: u64, by: By) {
    let mut random = StdRng::seed_from_u64(seed);
    let site = Site::new();
    let _vendor = vendor(&site, by).await;
    let mut answers = Answers::new();
    let mut orders: Vec<String> = Vec::new();
    for life in 0..KILLS {
        let served = site.serve().await;
        orders.push(format!("mord-{seed}-{life}"));
        let unanswered: Vec<_> = orders
            .iter()
            .filter(|order| !answers.contains_key(*order))
            .cloned()
            .collect();
        let life_ms = random.random_range(0..150);
        deliver(
            &served,
            &unanswered,
            &mut answers,
            Duration::from_millis(life_ms),
        )
        .await;
        served.kill().await;
    }
    let served = site.serve().await;
    while answers.len() < orders.len() {
        deliver(&served, &orders, &mut answers, Duration::from_secs(60)).await;
    }
    deliver(&served, &orders, &mut answers, Duration::from_secs(60)).await;
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());

    for (order, ids) in &answers {
        assert_eq!(ids.len(), 1, "order {order} was answered with {ids:?}");
    }
    let instances: BTreeSet<_> = answers.values().flatten().collect();
    assert_eq!(
        instances.len(),
        orders.len(),
        "no two orders share an instance"
    );

    let read =
        |name: &str| std::fs::read_to_string(site.vendor.folder.join(name)).unwrap_or_default();
    assert_eq!(read("overlaps"), "", "a program met its predecessor");
    let asked: BTreeSet<(String, String)> = read("asked")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(order, operation)| (order.to_owned(), operation.to_owned()))
        .collect();
    assert_eq!(
        asked.len(),
        orders.len(),
        "one operation key an order: {asked:?}"
    );
    let made = std::fs::read_dir(&site.vendor.folder)
        .expect("the vendor's folder")
        .flatten();
    let made = made.filter(|entry| entry.file_name().to_string_lossy().starts_with("made.op-"));
    assert_eq!(
        made.count(),
        orders.len(),
        "the vendor made one instance an order"
    );
    if by == By::Hook {
        assert_eq!(read("forged"), "", "every call is signed");
        let instances = read("instances");
        let keys: BTreeSet<&str> = instances.lines().collect();
        assert_eq!(keys.len(), orders.len());
        assert_eq!(instances.lines().count(), keys.len(), "one for each key");
    }
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_1() {
    killed_again_and_again(1, By::Program).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_a_hook_and_seed_1() {
    killed_again_and_again(1, By::Hook).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_2() {
    killed_again_and_again(2, By::Program).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_a_hook_and_seed_2() {
    killed_again_and_again(2, By::Hook).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_3() {
    killed_again_and_again(3, By::Program).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_a_hook_and_seed_3() {
    killed_again_and_again(3, By::Hook).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_4() {
    killed_again_and_again(4, By::Program).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_a_hook_and_seed_4() {
    killed_again_and_again(4, By::Hook).await;
}
