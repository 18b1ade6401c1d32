//! What goes wrong on purpose: each mischief is done to one call, and says what a vendor should make
//! of it.

use std::sync::Arc;

use clap::ValueEnum;
use serde::Deserialize;
use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, Intent, Period, UtcMillis};
use turnkey_dialects::{OwnedRequest, Reply};
use turnkey_drivers::market::Market;

use super::slowly;

/// How many deliveries of one call meet at the vendor.
const AT_ONCE: usize = 8;

/// Farther than any vendor's clock may be off, in milliseconds: a day.
const FAR_MS: i64 = 86_400_000;

/// By how much one of two calls is older than the other, in milliseconds: well within any vendor's
/// window.
const OLDER_MS: i64 = 2_000;

/// What a signature looks like that nobody made.
const FORGED: &str = "Zm9yZ2VkLWJ5LXR1cm5rZXktdHJpZ2dlci10by10cnk=";

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mischief {
    /// The network delivers the very same bytes twice.
    Duplicate,
    /// Eight deliveries of the call meet at the vendor.
    Parallel,
    /// A repeat arrives before the call that it repeats.
    Reorder,
    /// Request and answer pass slowly, byte by byte.
    SlowRead,
    /// The vendor has answered, nobody heard, and the call is made again.
    LostAnswer,
    /// A parameter that no documentation has.
    UnknownField,
    /// Signed by somebody without the key.
    BadSignature,
    /// Changed after it was signed: for another time, or about another instance.
    Tampered,
    /// A parameter is given twice.
    RepeatedField,
    /// Signed well, a day ago.
    StaleTime,
    /// Signed well, for tomorrow.
    FutureTime,
    /// Bytes that are no text.
    BrokenEncoding,
    /// Another method than the protocol's.
    WrongMethod,
}

/// What a call with a mischief came to.
pub(super) struct Seen {
    /// What was done.
    pub(super) mischief: Mischief,
    /// Each answer, as the caller hears it, or would if it had come through.
    pub(super) heard: Vec<Result<Outcome, Fault>>,
    /// The answers that came, as they were.
    pub(super) replies: Vec<Reply>,
    /// Whether two answers to one call have the same bytes in this protocol.
    is_verbatim: bool,
    /// Why it could not be done here, so that nothing is known of the vendor.
    pub(super) untried: Option<[&'static str; 2]>,
}

impl Mischief {
    /// The name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether a vendor must survive it, and answer as ever. The others it must refuse.
    pub(super) fn is_survived(self) -> bool {
        match self {
            Self::Duplicate
            | Self::Parallel
            | Self::Reorder
            | Self::SlowRead
            | Self::LostAnswer
            | Self::UnknownField => true,
            Self::BadSignature
            | Self::Tampered
            | Self::RepeatedField
            | Self::StaleTime
            | Self::FutureTime
            | Self::BrokenEncoding
            | Self::WrongMethod => false,
        }
    }

    /// Makes `call`, and does this to it.
    pub(super) async fn done(self, market: &Arc<Market>, call: &Call) -> Seen {
        let requests = self.requests(market, call);
        let untried = self.untried(market, call, requests.as_deref().unwrap_or_default());
        let replies = match requests {
            Ok(_) if untried.is_some() => Vec::new(),
            Ok(requests) => self.sent(market, requests).await,
            Err(fault) => vec![Err(fault)],
        };
        let heard = |reply: &Result<Reply, Fault>| match reply {
            Ok(reply) => market.hear(call, reply),
            Err(fault) => Err(fault.clone()),
        };
        Seen {
            mischief: self,
            heard: replies.iter().map(heard).collect(),
            replies: replies.into_iter().flatten().collect(),
            is_verbatim: !market.names_exchanges(),
            untried,
        }
    }

    /// Why nothing could be learnt of it here.
    fn untried(
        self,
        market: &Market,
        call: &Call,
        requests: &[OwnedRequest],
    ) -> Option<[&'static str; 2]> {
        let has_body = requests.iter().any(|request| !request.body.is_empty());
        if self == Self::SlowRead && market.url().starts_with("https:") {
            return Some(slowly::OVER_HTTP_ONLY);
        }
        // jdcloud-openapi §2: of a parameter of the query that is given twice the first counts.
        let may_repeat = call.caller.is_some() && !has_body;
        (self == Self::RepeatedField && may_repeat).then_some([
            "this protocol's queries may give a parameter twice",
            "该协议的查询串允许参数重复",
        ])
    }

    /// What is sent, in the order in which it is.
    fn requests(self, market: &Market, call: &Call) -> Result<Vec<OwnedRequest>, Fault> {
        let now = market.now();
        let at = |ms: i64| market.spell_at(call, &[], UtcMillis(now.0.saturating_add(ms)));
        let with = |name: &str, value: &str| {
            market.spell_at(call, &[(name.to_owned(), value.to_owned())], now)
        };
        // Otherwise a vendor may refuse it for its signature, and never look at the rest.
        let signed = |spoilt: OwnedRequest| market.sign_as_spelt(call, &spoilt).unwrap_or(spoilt);
        Ok(match self {
            Self::Duplicate => {
                let request = at(0)?;
                vec![request.clone(), request]
            }
            // Whoever calls again signs again.
            Self::LostAnswer => vec![at(-OLDER_MS)?, at(0)?],
            Self::Parallel => vec![at(0)?; AT_ONCE],
            Self::Reorder => vec![at(0)?, at(-OLDER_MS)?],
            Self::SlowRead => vec![at(0)?],
            Self::UnknownField => vec![with("turnkey_unknown", "1")?],
            Self::BadSignature => vec![forged(at(0)?, || with("signature", FORGED))?],
            Self::Tampered => vec![tampered(
                at(0)?,
                &market.spell_at(&another(call), &[], now)?,
            )],
            Self::RepeatedField => vec![signed(repeated(at(0)?))],
            Self::StaleTime => vec![at(-FAR_MS)?],
            Self::FutureTime => vec![at(FAR_MS)?],
            Self::BrokenEncoding => vec![signed(broken(at(0)?))],
            Self::WrongMethod => vec![signed(with_other_method(at(0)?, call))],
        })
    }

    async fn sent(
        self,
        market: &Arc<Market>,
        requests: Vec<OwnedRequest>,
    ) -> Vec<Result<Reply, Fault>> {
        let mut replies = Vec::with_capacity(requests.len());
        match self {
            Self::Parallel => {
                let mut calls = tokio::task::JoinSet::new();
                for request in requests {
                    let market = Arc::clone(market);
                    calls.spawn(async move { market.send(market.url(), request).await });
                }
                replies = calls.join_all().await;
            }
            Self::SlowRead => {
                for request in requests {
                    replies.push(slowly::sent(market, request).await);
                }
            }
            // The lost answer is heard by us, who compare it with the one that came through.
            Self::LostAnswer
            | Self::Duplicate
            | Self::Reorder
            | Self::UnknownField
            | Self::BadSignature
            | Self::Tampered
            | Self::RepeatedField
            | Self::StaleTime
            | Self::FutureTime
            | Self::BrokenEncoding
            | Self::WrongMethod => {
                for request in requests {
                    replies.push(market.send(market.url(), request).await);
                }
            }
        }
        replies
    }
}

impl Seen {
    /// What the vendor named: the instance of a create, the purchase of an order.
    pub(super) fn ids(&self) -> Vec<String> {
        let ids = self.heard.iter().flatten().filter_map(named);
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether the vendor made of it what it should, as far as could be seen; `None` where it could not
    /// be tried.
    pub(super) fn is_good(&self) -> Option<bool> {
        self.untried.is_none().then(|| self.is_as_it_should())
    }

    fn is_as_it_should(&self) -> bool {
        if !self.mischief.is_survived() {
            let is_refused = |heard: &Result<Outcome, Fault>| {
                heard.as_ref().is_err_and(|fault| fault.code != "no_answer")
            };
            return self.heard.iter().all(is_refused);
        }
        let mut bodies: Vec<_> = self.replies.iter().map(|reply| &reply.body).collect();
        bodies.dedup();
        let is_one = !self.is_verbatim || bodies.len() <= 1;
        self.heard.iter().all(Result::is_ok) && self.ids().len() <= 1 && is_one
    }

    /// The first refusal.
    pub(super) fn refusal(&self) -> Option<&Fault> {
        self.heard.iter().find_map(|heard| heard.as_ref().err())
    }
}

/// What an answer names.
pub(super) fn named(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Delivered { instance, .. } | Outcome::Held { instance, .. } => {
            Some(instance.to_string())
        }
        Outcome::Ordered { purchase, .. } => Some(purchase.as_str().to_owned()),
        Outcome::NotReady { .. }
        | Outcome::Done
        | Outcome::Gone
        | Outcome::Shown(_)
        | Outcome::Listed(..) => None,
    }
}

/// `request` with a signature that nobody made: in its header where there is one, otherwise as the
/// parameter of `in_query`.
fn forged(
    mut request: OwnedRequest,
    in_query: impl FnOnce() -> Result<OwnedRequest, Fault>,
) -> Result<OwnedRequest, Fault> {
    let header = request
        .headers
        .iter_mut()
        .find(|(name, _)| *name == "authorization");
    let Some((_, value)) = header else {
        return in_query();
    };
    let kept = value.len().saturating_sub(64);
    value.truncate(kept);
    value.push_str(&"0".repeat(64));
    Ok(request)
}

/// The same call, of something else: for another time, or about another instance.
fn another(call: &Call) -> Call {
    let mut call = call.clone();
    let other = |period: &mut Period| {
        let count = if period.count() == 9 { 8 } else { 9 };
        if let Ok(other) = Period::new(count, period.unit()) {
            *period = other;
        }
    };
    match &mut call.intent {
        Intent::Create(create) => other(&mut create.period),
        Intent::Buy(purchase) => other(&mut purchase.period),
        Intent::Renew(renew) => other(&mut renew.period),
        Intent::ChangePlan(change) => other(&mut change.period),
        Intent::Suspend(id, _) | Intent::Resume(id, _) | Intent::Release(id) => {
            *id = turnkey_core::InstanceId::new("i-another");
        }
        Intent::Amend(..) | Intent::Look(_) | Intent::Ping => {}
    }
    call
}

/// What `signed` is signed for, with the content of `other`; where that is the same, with a parameter
/// more.
fn tampered(mut signed: OwnedRequest, other: &OwnedRequest) -> OwnedRequest {
    const SIGNATURE: &str = "&signature=";
    let says = |request: &OwnedRequest| {
        let query = request.query.rsplit_once(SIGNATURE);
        let query = query.map_or(request.query.clone(), |(content, _)| content.to_owned());
        (request.path.clone(), query, request.body.clone())
    };
    if says(&signed) == says(other) {
        add(&mut signed.query, "turnkey_tampered=1");
        return signed;
    }
    let query = match (
        signed.query.rsplit_once(SIGNATURE),
        other.query.rsplit_once(SIGNATURE),
    ) {
        (Some((_, signature)), Some((content, _))) => format!("{content}{SIGNATURE}{signature}"),
        _ => other.query.clone(),
    };
    OwnedRequest {
        method: other.method,
        path: other.path.clone(),
        query,
        headers: signed.headers,
        body: other.body.clone(),
    }
}

/// The first parameter once more; in a body that is its first member.
fn repeated(mut request: OwnedRequest) -> OwnedRequest {
    let body = serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(&request.body);
    if let Some((name, value)) = body.ok().and_then(|members| members.into_iter().next()) {
        let member = format!("{{{}:{value},", serde_json::Value::String(name));
        request.body.splice(..1, member.into_bytes());
        return request;
    }
    let first = request.query.split('&').next().unwrap_or_default();
    let first = if first.is_empty() { "a=1&a=1" } else { first };
    let first = first.to_owned();
    add(&mut request.query, &first);
    request
}

/// Puts `segment` behind the others.
fn add(query: &mut String, segment: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(segment);
}

/// Text that ends in the middle of a character, or a body in the middle of itself.
fn broken(mut request: OwnedRequest) -> OwnedRequest {
    if request.body.is_empty() {
        add(&mut request.query, "broken=%E4%B8");
    } else {
        request.body.pop();
    }
    request
}

/// A buyer's API has an operation for every method but one.
fn with_other_method(mut request: OwnedRequest, call: &Call) -> OwnedRequest {
    request.method = match call.caller {
        Some(_) => "PUT",
        None => "POST",
    };
    request
}
