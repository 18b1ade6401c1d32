//! A vendor of its own, independent of Turnkey's code: both QingCloud protocols, an in-memory book,
//! and one fault where one is planted. Without a fault it is a good vendor.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use turnkey_engine::SystemClock;

use super::faults::Fault;
use super::spelling::{decode, form, hmac, java, pairs};

/// A vendor that listens.
pub(crate) struct BadVendor {
    pub(crate) address: SocketAddr,
    shop: Arc<Shop>,
}

struct Shop {
    is_market: bool,
    fault: Option<Fault>,
    book: Mutex<Book>,
    is_dead: AtomicBool,
    /// Where a vendor who races holds the creates that come at once.
    start_line: Barrier,
}

#[derive(Default)]
struct Book {
    next: u64,
    /// By product, kind and order: what was ordered, and how it was answered.
    orders: HashMap<(usize, String, String), (String, Value)>,
    instances: HashMap<String, (usize, State)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Expired,
    Deleted,
}

/// Key and code of each product, which is at `/0` and `/1`.
const PRODUCTS: [(&str, &str); 2] = [("check-key-1", "code-check"), ("check-key-2", "code-other")];

/// How many creates of one order the check sends at once.
const AT_ONCE: usize = 8;

/// One answer; a vendor that hangs up has none.
type Answer = Option<(u16, String, String)>;

impl BadVendor {
    pub(crate) async fn start(is_market: bool, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shop = Arc::new(Shop {
            is_market,
            fault,
            book: Mutex::default(),
            is_dead: AtomicBool::new(false),
            start_line: Barrier::new(AT_ONCE),
        });
        let serving = Arc::clone(&shop);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&serving), stream));
            }
        });
        Self { address, shop }
    }

    /// How many instances are not deleted.
    pub(crate) fn there(&self) -> usize {
        let book = self.shop.book.lock().expect("a book");
        let states = book.instances.values();
        states.filter(|(_, state)| *state != State::Deleted).count()
    }
}

async fn serve(shop: Arc<Shop>, mut stream: TcpStream) {
    let mut raw = Vec::new();
    while !raw.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(n) => raw.extend_from_slice(&part[..n]),
        }
    }
    let head = String::from_utf8_lossy(&raw).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let header = lines.find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("app_signature")
            .then(|| value.to_owned())
    });
    let answer = Call {
        shop: &shop,
        method,
        header,
    }
    .answer(target)
    .await;
    let Some((status, content_type, body)) = answer else {
        return;
    };
    let sent = if method == "HEAD" { "" } else { &body };
    let reply = format!(
        "HTTP/1.1 {status} OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{sent}",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes()).await;
}

struct Call<'a> {
    shop: &'a Shop,
    method: &'a str,
    header: Option<String>,
}

/// Why a call is refused.
struct No(u16, &'static str);

impl Call<'_> {
    fn has(&self, fault: Fault) -> bool {
        self.shop.fault == Some(fault)
    }

    async fn answer(&self, target: &str) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let product = usize::from(path.ends_with("/1"));
        if self.has(Fault::Slow) {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let is_broken = pairs(query).is_none();
        let decoded = decode(query).unwrap_or_default();
        let hangs_up = (self.has(Fault::HangsUpOnBroken) && is_broken)
            || (self.has(Fault::HangsUpOnEmoji) && decoded.contains('🚀'))
            || (self.has(Fault::HangsUpOnNul) && decoded.contains('\0'))
            || (self.has(Fault::HangsUpOnLong) && query.len() > 10_000);
        if hangs_up {
            return None;
        }
        if self.has(Fault::DiesOfBroken) && is_broken {
            self.shop.is_dead.store(true, Ordering::SeqCst);
        }
        let fails = self.shop.is_dead.load(Ordering::SeqCst)
            || (self.has(Fault::FailsOnBroken) && is_broken)
            || (self.has(Fault::FailsOnEmpty) && query.is_empty());
        if fails {
            return self.said(500, &json!({"success": false}));
        }
        match self.done(product, query).await {
            Ok(body) => self.said(200, &body),
            Err(No(status, message)) => self.refused(status, message),
        }
    }

    fn said(&self, status: u16, body: &Value) -> Answer {
        let content_type = if self.has(Fault::Html) {
            "text/html"
        } else if self.has(Fault::Charset) || (self.has(Fault::RefusalCharset) && status != 200) {
            "application/json; charset=utf-8"
        } else {
            "application/json"
        };
        Some((status, content_type.to_owned(), body.to_string()))
    }

    fn refused(&self, status: u16, message: &str) -> Answer {
        let body = json!({"spiVersion": "1", "success": false, "message": message});
        let is_200 = self.has(Fault::RefusesWith200);
        self.said(if is_200 { 200 } else { status }, &body)
    }

    async fn done(&self, product: usize, query: &str) -> Result<Value, No> {
        if self.method != "GET" && !self.has(Fault::AnyMethod) {
            return Err(No(405, "GET only"));
        }
        let pairs = pairs(query).ok_or(No(400, "broken query"))?;
        let said = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        for (n, (name, _)) in pairs.iter().enumerate() {
            let is_repeated = pairs[..n].iter().any(|(other, _)| other == name);
            let is_let = self.has(Fault::RepeatedParameter) && name != "signature"
                || self.has(Fault::RepeatedSignature) && name == "signature";
            if is_repeated && !is_let {
                return Err(No(400, "repeated parameter"));
            }
        }
        self.check_signature(product, query, &pairs)?;
        self.check_time(&said)?;
        if self.has(Fault::RefusesUnknown) && said("turnkey_check").is_some() {
            return Err(No(400, "unknown parameter"));
        }
        if self.has(Fault::NeedsDebug) && said("debug").is_none() {
            return Err(No(400, "debug is missing"));
        }
        let action = said("action").filter(|action| !action.is_empty());
        let action = action.ok_or(No(400, "no action"))?;
        let kind = ["Create", "Renew", "Upgrade", "Expire", "Delete"]
            .into_iter()
            .find(|kind| action == format!("{kind}{}", self.suffix()));
        match kind {
            Some("Create") => self.create(product, &said).await,
            Some(kind) => self.change(product, kind, &said),
            None if action == "TestConnection" => Ok(match self.has(Fault::NoSuccess) {
                true => json!({"spiVersion": "1"}),
                false => success(),
            }),
            None if self.has(Fault::UnknownActionSucceeds) => Ok(success()),
            None => Err(No(400, "unknown action")),
        }
    }

    fn suffix(&self) -> &'static str {
        match self.shop.is_market {
            true => "Instance",
            false => "AppInstance",
        }
    }

    fn check_signature(
        &self,
        product: usize,
        query: &str,
        pairs: &[(String, String)],
    ) -> Result<(), No> {
        let in_query = pairs.iter().filter(|(name, _)| name == "signature");
        let mut given: Vec<String> = in_query.map(|(_, value)| value.clone()).collect();
        if self.has(Fault::WantsHeader) && self.header.is_none() {
            return Err(No(401, "no header"));
        }
        if given.is_empty() && !self.shop.is_market && !self.has(Fault::IgnoresHeader) {
            given.extend(self.header.clone());
        }
        given.retain(|text| !text.is_empty());
        if given.is_empty() {
            let is_let = self.has(Fault::MissingSignature);
            return if is_let {
                Ok(())
            } else {
                Err(No(401, "no signature"))
            };
        }
        if self.has(Fault::AnySignature) {
            return Ok(());
        }
        let raw: Vec<&str> = query
            .split('&')
            .filter(|raw| !raw.starts_with("signature="))
            .collect();
        let joined = |mut parts: Vec<String>| {
            parts.sort();
            parts.join("&")
        };
        let spelt = |encode: fn(&str) -> String, without: &str| {
            let kept = pairs
                .iter()
                .filter(|(n, _)| n != "signature" && n != without);
            joined(
                kept.map(|(n, v)| format!("{}={}", encode(n), encode(v)))
                    .collect(),
            )
        };
        let as_sent = joined(raw.iter().map(|part| (*part).to_owned()).collect());
        let mut messages = match self.shop.fault {
            Some(Fault::OnlyItsOwnEncoding) => vec![spelt(form, "")],
            Some(Fault::JavasEncoding) => vec![spelt(java, "")],
            Some(Fault::SignsWhatItKnows) => vec![as_sent, spelt(form, "order_id")],
            _ => vec![as_sent, spelt(form, "")],
        };
        if !self.shop.is_market && !self.has(Fault::NoPrefix) {
            let prefixed: Vec<_> = messages.iter().map(|text| format!("GET\n{text}")).collect();
            messages.extend(prefixed);
        }
        let keys = match self.has(Fault::AnyKey) {
            true => PRODUCTS.map(|(key, _)| key).to_vec(),
            false => vec![PRODUCTS[product].0],
        };
        let fits = |message: &String| {
            let mut made = keys.iter().map(|key| hmac(key, message));
            made.any(|signature| given.contains(&signature))
        };
        match messages.iter().any(fits) {
            true => Ok(()),
            false => Err(No(401, "bad signature")),
        }
    }

    fn check_time<'q>(&self, said: &impl Fn(&str) -> Option<&'q str>) -> Result<(), No> {
        let now = SystemClock::wall().0 / 1000;
        let time = match self.shop.is_market {
            true => said("timestamp").and_then(|text| text.parse::<i64>().ok()),
            false => said("time_stamp")
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                .map(jiff::Timestamp::as_second),
        };
        let Some(time) = time else {
            let is_let = self.has(Fault::TimeOptional);
            return if is_let {
                Ok(())
            } else {
                Err(No(401, "no time"))
            };
        };
        let ignores = self.has(Fault::IgnoresTime);
        if now - time > 300 && !ignores {
            return Err(No(401, "stale"));
        }
        if time - now > 300 && !ignores && !self.has(Fault::IgnoresFuture) {
            return Err(No(401, "from the future"));
        }
        Ok(())
    }

    async fn create<'q>(
        &self,
        product: usize,
        said: &impl Fn(&str) -> Option<&'q str>,
    ) -> Result<Value, No> {
        if self.has(Fault::NoCreates) {
            return Err(No(503, "sold out"));
        }
        let (code, period, needed): (_, _, &[&str]) = match self.shop.is_market {
            true => (
                "product_code",
                "duration",
                &[
                    "qingcloud_uid",
                    "product_code",
                    "spec",
                    "package",
                    "duration",
                ],
            ),
            false => (
                "app_id",
                "period",
                &["user_id", "app_id", "spec", "cloud_info", "period"],
            ),
        };
        let is_let = |name: &&&str| self.has(Fault::SpecOptional) && **name == "spec";
        let mut needed = needed.iter().filter(|name| !is_let(name));
        if needed.any(|name| said(name).is_none_or(str::is_empty)) {
            return Err(No(400, "something is missing"));
        }
        if self.has(Fault::NeedsPackage) && said("spec_package").is_none() {
            return Err(No(400, "spec_package is missing"));
        }
        if said(code) != Some(PRODUCTS[product].1) && !self.has(Fault::IgnoresProduct) {
            return Err(No(401, "not our product"));
        }
        if !is_period(said(period).unwrap_or_default()) && !self.has(Fault::AnyPeriod) {
            return Err(No(400, "bad period"));
        }
        let content = format!("{:?}{:?}{:?}", said("spec"), said(code), said(period));
        let order = match said("order_id") {
            Some(order) => order.to_owned(),
            None if self.has(Fault::OrderOptional) => "none".to_owned(),
            None if self.shop.is_market || self.has(Fault::OrderNeeded) => {
                return Err(No(400, "order_id is missing"));
            }
            None => format!("own-{:?}", said("time_stamp")),
        };
        let is_dry = self.shop.is_market && said("debug") == Some("1");
        if is_dry && !self.has(Fault::DebugCreates) {
            let is_second = self.has(Fault::DryRunsOnce) && !self.first_dry(product, &order);
            return match is_second {
                true => Err(No(409, "seen before")),
                false => Ok(self.created(&self.id(999_999), "")),
            };
        }
        let key = (product, self.kind("Create"), order);
        let found = self
            .shop
            .book
            .lock()
            .expect("a book")
            .orders
            .get(&key)
            .cloned();
        let races = self.has(Fault::Race) && key.2.ends_with("-parallel");
        if races {
            // Each has looked before one writes: what it found is old by the time it is used.
            self.shop.start_line.wait().await;
        }
        let mut book = self.shop.book.lock().expect("a book");
        let found = match races {
            true => found,
            false => book.orders.get(&key).cloned(),
        };
        if let Some((before, answer)) = found.filter(|_| !self.has(Fault::NewOnRepeat)) {
            if before != content && !self.has(Fault::IgnoresContent) {
                return Err(No(409, "other content"));
            }
            let id = answer["instanceId"].as_str().unwrap_or_default().to_owned();
            return Ok(match self.has(Fault::OtherBody) {
                true => self.created(&id, "another"),
                false => answer,
            });
        }
        book.next += 1;
        let id = self.id(book.next);
        book.instances.insert(id.clone(), (product, State::Running));
        let answer = self.created(&id, "p");
        book.orders.insert(key, (content, answer.clone()));
        match self.has(Fault::FailsOnceMade) {
            true => Err(No(500, "made, and then stumbled")),
            false => Ok(answer),
        }
    }

    fn id(&self, n: u64) -> String {
        match self.shop.fault {
            Some(Fault::OneIdForAll) => "i-one".to_owned(),
            Some(Fault::NumberAsId) => n.to_string(),
            Some(Fault::LongId) => format!("{n:0>200}"),
            _ => format!("i-{n}"),
        }
    }

    fn first_dry(&self, product: usize, order: &str) -> bool {
        let mut book = self.shop.book.lock().expect("a book");
        let key = (product, "dry".to_owned(), order.to_owned());
        book.orders
            .insert(key, (String::new(), Value::Null))
            .is_none()
    }

    /// What orders are told apart by beside their id.
    fn kind(&self, kind: &str) -> String {
        match self.has(Fault::OrderIdOnly) {
            true => String::new(),
            false => kind.to_owned(),
        }
    }

    fn created(&self, id: &str, password: &str) -> Value {
        let url = match self.has(Fault::BareAddress) {
            true => "console.example.com",
            false => "https://console.example.com",
        };
        let id = match id.parse::<u64>() {
            Ok(number) if self.has(Fault::NumberAsId) => json!(number),
            _ => json!(id),
        };
        let mut body = match self.shop.is_market {
            true => json!({"spiVersion": "1", "instanceId": id, "instanceInfo": {
                "frontEndUrl": url, "adminUrl": "", "username": "u", "password": password}}),
            false => json!({"success": true, "message": null, "instanceId": id, "appInfo": {
                "frontEnd": {"url": url, "username": "u", "password": password},
                "admin": {"url": null}, "authUrl": null}}),
        };
        let info = if self.shop.is_market {
            "instanceInfo"
        } else {
            "appInfo"
        };
        if self.has(Fault::InfoIsText) {
            body[info] = "u/p".into();
        }
        body
    }

    fn change<'q>(
        &self,
        product: usize,
        kind: &str,
        said: &impl Fn(&str) -> Option<&'q str>,
    ) -> Result<Value, No> {
        let needed: &[&str] = match (kind, self.shop.is_market) {
            ("Renew", true) => &["order_id", "instance_id", "spec", "package", "duration"],
            ("Renew", false) => &["order_id", "instance_id", "spec", "period"],
            ("Upgrade", true) => &["order_id", "instance_id", "spec", "package"],
            ("Upgrade", false) => &["instance_id", "spec"],
            _ => &["instance_id"],
        };
        if kind == "Expire" && said("instance_id").is_none() && self.has(Fault::ExpiresNothing) {
            return Ok(success());
        }
        if needed
            .iter()
            .any(|name| said(name).is_none_or(str::is_empty))
        {
            return Err(No(400, "something is missing"));
        }
        let id = said("instance_id").unwrap_or_default();
        let mut book = self.shop.book.lock().expect("a book");
        let found = book.instances.get(id).copied();
        let found = found.filter(|(owner, _)| *owner == product || self.has(Fault::AnyProducts));
        let Some((owner, state)) = found else {
            let is_let = match kind {
                "Renew" => self.has(Fault::RenewsUnknown),
                "Upgrade" => self.has(Fault::UpgradesUnknown),
                "Expire" => self.has(Fault::ExpiresUnknown),
                _ => self.has(Fault::DeletesUnknown),
            };
            return if is_let {
                Ok(success())
            } else {
                Err(No(404, "no such instance"))
            };
        };
        if self.shop.is_market && said("debug") == Some("1") {
            return Ok(success());
        }
        let key = (
            product,
            self.kind(kind),
            said("order_id").unwrap_or_default().to_owned(),
        );
        let period = said("duration").or(said("period"));
        let content = format!("{id}{:?}{period:?}", said("spec"));
        let is_order = matches!(kind, "Renew" | "Upgrade") && said("order_id").is_some();
        if let Some((before, answer)) = book.orders.get(&key).filter(|_| is_order) {
            if kind == "Renew" && self.has(Fault::RenewsOnce) {
                return Err(No(409, "renewed before"));
            }
            let is_same = *before == content || self.has(Fault::OrderIdOnly);
            return match is_same || self.has(Fault::IgnoresContent) {
                true => Ok(answer.clone()),
                false => Err(No(409, "other content")),
            };
        }
        let is_done = match kind {
            "Expire" => state != State::Running && self.has(Fault::ExpiresOnce),
            "Delete" => state == State::Deleted && self.has(Fault::DeletesOnce),
            "Upgrade" => self.has(Fault::NoUpgradeToTheSame),
            _ => {
                state == State::Deleted
                    || (state == State::Expired && self.has(Fault::StaysExpired))
            }
        };
        if is_done {
            return Err(No(500, "not again"));
        }
        let next = match (kind, state) {
            (_, State::Deleted) | ("Delete", _) => State::Deleted,
            ("Expire", _) => State::Expired,
            ("Renew", _) => State::Running,
            (_, state) => state,
        };
        book.instances.insert(id.to_owned(), (owner, next));
        if is_order {
            book.orders.insert(key, (content, success()));
        }
        Ok(success())
    }
}

fn success() -> Value {
    json!({"spiVersion": "1", "success": true})
}

fn is_period(text: &str) -> bool {
    let Some((count, unit)) = text.split_once('_') else {
        return false;
    };
    count.parse::<u32>().is_ok_and(|count| count > 0) && ["day", "month", "year"].contains(&unit)
}
