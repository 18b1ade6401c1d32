//! A buyer's calls at a storefront: signed in their headers, with a path and a body of their own.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::task::JoinSet;
use turnkey_core::{
    Call, Caller, InstanceId, Intent, Look, OrderId, Period, Purchase, Reason, UtcMillis,
};
use turnkey_dialects::OwnedRequest;

use super::wire::{Sent, exchanged};
use super::{Heard, Probe, Silence, order_ref};
use crate::check::Note;
use crate::check::verdict::Stop;
use crate::market::{account_at, place};

/// Asks who asks: it changes nothing and needs nothing.
pub const WHO: Intent = Intent::Look(Look::Caller);

/// How often an order is looked at until its instance runs.
const LOOKS_MAX: u32 = 100;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The number of an instance that runs (jdcloud-bastion §2.2).
const RUNNING: i64 = 1;

/// How a call is signed and what it says besides.
#[derive(Clone, Default)]
pub struct Way<'a> {
    /// Members of the body, and settings of the dialect.
    pub extra: &'a [(&'a str, &'a str)],
    /// How far from now it is signed, in milliseconds.
    pub ahead_ms: i64,
    /// Another access key.
    pub access_key: Option<&'a str>,
    /// Another secret.
    pub secret: Option<SecretString>,
}

impl Probe {
    /// `intent` as the buyer asks it, signed now.
    pub fn ask(&self, intent: Intent) -> Result<OwnedRequest, Stop> {
        self.ask_so(intent, &Way::default())
    }

    /// `intent` as the buyer asks it, in the given way.
    pub fn ask_so(&self, intent: Intent, way: &Way<'_>) -> Result<OwnedRequest, Stop> {
        let Some(buyer) = &self.plan.buyer else {
            return Err(Stop(Note::new("no account", "没有账户")));
        };
        let access_key = way.access_key.unwrap_or(&buyer.access_key);
        let secret = way.secret.clone().unwrap_or_else(|| self.plan.key.clone());
        let known = account_at(&self.plan.url, access_key, secret);
        let call = Call {
            intent,
            dry_run: false,
            signed_at: None,
            caller: Some(Caller {
                account: access_key.to_owned(),
                region: buyer.region.clone(),
                pays: true,
            }),
        };
        let extra = way.extra.iter();
        let extra: Vec<_> = extra
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let at = UtcMillis(self.now().0.saturating_add(way.ahead_ms));
        Ok(self.ask.ask(&call, &known, "", &extra, at)?)
    }

    /// The purchase of one of `spec`, under the token of `label`.
    pub fn purchase(&self, label: &str, spec: &str) -> Intent {
        let region = self.plan.buyer.as_ref().map(|buyer| buyer.region.clone());
        let region = region.unwrap_or_default();
        Intent::Buy(Purchase {
            order: order_ref(&self.order(label)),
            spec: spec.to_owned(),
            quantity: 1,
            period: Period::MONTH,
            renews: false,
            context: place(&region, &format!("{region}a"), "vpc-check", "subnet-check"),
        })
    }

    /// Sends `request` as it is.
    pub async fn pass(&self, request: OwnedRequest) -> Heard {
        let heard = exchanged(self.client.clone(), self.sent(request.clone())).await;
        self.noticed(&request, &heard);
        heard
    }

    /// Sends each of `requests` at once.
    pub async fn pass_at_once(&self, requests: Vec<OwnedRequest>) -> Vec<Heard> {
        let mut calls = JoinSet::new();
        for request in requests {
            let sent = exchanged(self.client.clone(), self.sent(request.clone()));
            calls.spawn(async move { (request, sent.await) });
        }
        let heard = calls.join_all().await.into_iter();
        heard
            .map(|(request, heard)| {
                self.noticed(&request, &heard);
                heard
            })
            .collect()
    }

    /// Sends `request` and hangs up before its answer.
    pub async fn pass_unheard(&self, request: OwnedRequest) -> Heard {
        let heard = self.dropped(self.sent(request.clone())).await;
        self.noticed(&request, &heard);
        heard
    }

    fn sent(&self, request: OwnedRequest) -> Sent {
        Sent {
            method: request.method,
            url: format!("{}{}", self.plan.url.trim_end_matches('/'), request.path),
            query: request.query,
            headers: request.headers,
            body: request.body,
        }
    }

    /// The bastion that the order `source` made, once it runs.
    ///
    /// # Errors
    /// When it never does.
    pub async fn bastion(&self, source: &str) -> Result<(Heard, Value), Stop> {
        let look = || Intent::Look(Look::Order(OrderId::new(source)));
        for _ in 0..LOOKS_MAX {
            let heard = self.pass(self.ask(look())?).await;
            let bastion = result(&heard).and_then(|result| result.get("bastion").cloned());
            match bastion {
                Some(bastion) if has_status(&bastion, RUNNING) => return Ok((heard, bastion)),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(Stop(Note::new(
            "what was ordered never runs",
            "买到的实例一直没有运行",
        )))
    }

    /// An instance of its own for a check, under the token of `label`.
    ///
    /// # Errors
    /// When there is none: another check says why.
    pub async fn bought(&self, label: &str) -> Result<String, Stop> {
        let bought = self.purchase(label, &self.plan.spec);
        let heard = self.pass(self.ask(bought)?).await;
        let source = sources(&heard).into_iter().next();
        let source = source.ok_or_else(|| {
            Stop(Note::new(
                "needs an instance, and createInstance named no order",
                "需要一个实例，但 createInstance 没有返回订单",
            ))
        })?;
        let (_, bastion) = self.bastion(&source).await?;
        instance_of(&bastion).ok_or_else(|| {
            Stop(Note::new(
                "the bastion has no instanceId",
                "实例没有 instanceId",
            ))
        })
    }

    /// Tries to end and to delete what the order `source` made; the last answer, and whether it is gone.
    pub(super) async fn given_back(&self, source: &str) -> (Heard, bool) {
        let nobody = || Heard::new("", Err(Silence::Broken), Duration::ZERO);
        let look = Intent::Look(Look::Order(OrderId::new(source)));
        let Ok(request) = self.ask(look) else {
            return (nobody(), false);
        };
        let shown = self.pass(request).await;
        let Some(result) = result(&shown) else {
            let is_gone = is_unknown(&shown);
            return (shown, is_gone);
        };
        let id = result.get("bastion").and_then(instance_of);
        let id = InstanceId::new(id.unwrap_or_default());
        let mut last = shown;
        for intent in [
            Intent::Suspend(id.clone(), Reason::Marketplace),
            Intent::Release(id),
        ] {
            let Ok(request) = self.ask(intent) else {
                return (last, false);
            };
            last = self.pass(request).await;
            if is_unknown(&last) {
                return (last, true);
            }
            if !is_done(&last) {
                return (last, false);
            }
        }
        (last, true)
    }
}

/// Whether nobody knows it any more.
fn is_unknown(heard: &Heard) -> bool {
    let answer = heard.answer.as_ref();
    answer.is_ok_and(|answer| answer.status == 404)
}

/// Whether `request` buys something.
pub(super) fn is_purchase(request: &OwnedRequest) -> bool {
    request.method == "POST" && request.path.ends_with("/instances")
}

/// What a purchase is known by.
pub(super) fn purchase_token(request: &OwnedRequest) -> String {
    let mut headers = request.headers.iter();
    let token = headers.find(|(name, _)| name.ends_with("purchase-token"));
    token.map_or_else(|| "without a token".to_owned(), |(_, token)| token.clone())
}

fn has_status(bastion: &Value, status: i64) -> bool {
    bastion.get("status").and_then(Value::as_i64) == Some(status)
}

fn instance_of(bastion: &Value) -> Option<String> {
    bastion.get("instanceId")?.as_str().map(str::to_owned)
}

/// The result of an answer that says yes (jdcloud-openapi §2).
pub fn result(heard: &Heard) -> Option<Value> {
    let answer = heard.answer.as_ref().ok()?;
    let body = heard.json()?;
    if answer.status != 200 || body.get("error").is_some_and(|error| !error.is_null()) {
        return None;
    }
    body.get("result").cloned()
}

/// Whether an answer is the full form of a boolean yes (jdcloud-bastion §1).
pub fn is_done(heard: &Heard) -> bool {
    result(heard).is_some_and(|result| result.get("result") == Some(&Value::Bool(true)))
}

/// The orders that a purchase was answered with.
pub fn sources(heard: &Heard) -> Vec<String> {
    let result = result(heard).unwrap_or_default();
    let sources = result.get("sourceIds").and_then(Value::as_array).cloned();
    let sources = sources.unwrap_or_default().into_iter();
    sources
        .filter_map(|source| source.get("sourceId")?.as_str().map(str::to_owned))
        .collect()
}
