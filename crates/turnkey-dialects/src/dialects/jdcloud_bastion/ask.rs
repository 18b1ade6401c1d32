//! A buyer's side: every operation asked, every answer understood.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use turnkey_core::decide::Outcome;
use turnkey_core::storefront::{Comparison, InstancesLook, REGION, Test, Tested};
use turnkey_core::{
    Access, Call, Caller, ChangePlan, Fault, InstanceId, Intent, Listing, Login, Look, OrderId,
    Period, Purchase, PurchaseId, Standing, Term, Unit, UtcMillis, View,
};

use super::{
    ADDRESSES, AZ, CARD, DESC, EXPIRED, INNER, IP_VERSION, JdcloudBastion, PUBLIC_ACCESS, RUNNING,
    SERVICE, SUBNET, TOKEN_HEADER, VPC, ZERO, bid, status,
};
use crate::jdcloud::{self, Signer, Unsigned, Version, envelope};
use crate::{Ask, OwnedRequest, Reply, Request, Resigner, Telling, moment, query, resign};

/// The methods of a request that can be signed: also those that no operation has, for whoever asks to
/// be refused.
const SIGNABLE: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Ask for JdcloudBastion {
    /// Asks as the caller, an account of the listing, at the host of its public URL. `signing` in
    /// `extra` is `v2` (the default) or `v3`, `nonce` what makes the request one; whatever else is
    /// there is a member of the body.
    fn ask(
        &self,
        call: &Call,
        listing: &Listing,
        _own_query: &str,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let Some(caller) = &call.caller else {
            return Err(CARD.unsupported("it is asked by an account, for a region"));
        };
        let account = listing.storefront.as_ref();
        let account = account.and_then(|front| front.accounts.named(&caller.account));
        let secret = account.and_then(|account| account.secrets.first());
        let (Some(account), Some(secret)) = (account, secret) else {
            return Err(CARD.unsupported("it needs an account to ask as"));
        };
        let mut settings = Settings::of(extra)?;
        let mut spelt = spelt(call, caller)?;
        for (name, value) in settings.members {
            spelt.body.insert(name, Value::String(value));
        }
        let body = match spelt.method {
            "GET" | "DELETE" => Vec::new(),
            _ => serde_json::to_vec(&spelt.body).unwrap_or_default(),
        };
        let token = spelt.token.map(|token| (TOKEN_HEADER, token));
        let token: Vec<_> = token
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let signer = Signer {
            version: settings.version,
            access_key: &account.access_key,
            secret: secret.secret(),
            region: &caller.region,
            service: SERVICE,
        };
        let unsigned = Unsigned {
            method: spelt.method,
            path: &spelt.path,
            query: &spelt.query,
            host: host(&listing.public_url),
            headers: &token,
            body: &body,
        };
        let nonce = settings.nonce.take();
        let nonce = nonce.unwrap_or_else(|| own_nonce(call, now));
        Ok(OwnedRequest {
            headers: jdcloud::sign(&signer, &unsigned, &nonce, now)?,
            method: spelt.method,
            path: spelt.path,
            query: spelt.query,
            body,
        })
    }

    /// `signing` and `nonce` in `set` are settings, as in an ask; whatever else is there is a member
    /// of the body by its path, such as `instanceSpec.quantity`, or a parameter of the query where a
    /// request has no body. The signature's version, region and product stay what they were. Of the
    /// headers those that mean something are kept.
    fn resign(
        &self,
        request: &Request<'_>,
        by: &Resigner<'_>,
        set: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let (access_key, scope) = jdcloud::claimed(request)?;
        let usual = match scope.version {
            Version::V2 => "v2",
            Version::V3 => "v3",
        };
        let usual = ("signing".to_owned(), usual.to_owned());
        let settings = Settings::of(&[vec![usual], set.to_vec()].concat())?;
        let method = SIGNABLE.iter().find(|known| **known == request.method);
        let method = method.ok_or_else(|| CARD.unsupported("nobody signs that method"))?;
        let (query, body) = match *method {
            "GET" | "DELETE" => (
                resign::with(request.query, &settings.members)?,
                request.body.to_vec(),
            ),
            _ => (
                request.query.to_owned(),
                with_members(request.body, &settings.members)?,
            ),
        };
        let kept = ["content-type", TOKEN_HEADER];
        let kept = kept
            .into_iter()
            .filter_map(|name| Some((name, request.header(name)?)));
        let kept: Vec<_> = kept.collect();
        let signer = Signer {
            version: settings.version,
            access_key: by.access_key.unwrap_or(access_key),
            secret: by.secret,
            region: scope.region,
            service: scope.service,
        };
        let unsigned = Unsigned {
            method,
            path: request.path,
            query: &query,
            host: by.host,
            headers: &kept,
            body: &body,
        };
        let nonce = settings.nonce.unwrap_or_else(|| {
            let body = String::from_utf8_lossy(&body);
            nonce_of(&format!("{} {query} {body} {}", request.path, now.0))
        });
        Ok(OwnedRequest {
            headers: jdcloud::sign(&signer, &unsigned, &nonce, now)?,
            method,
            path: request.path.to_owned(),
            query,
            body,
        })
    }

    fn telling(&self) -> &'static Telling {
        &Telling {
            values: "regionId az spec ipVersion chargeMode chargeUnit buyScenario status",
            listed: "name operator direction",
            path: "v1 regions instances order bastions bastion instance publicAccess zero pins sign modifyInstanceSpec modifyInstanceExpireOrStart",
        }
    }

    fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        let result = envelope::result(reply)?;
        let missing = |what: &str| {
            let message = format!("the cloud's answer has no {what}");
            Fault::busy("reply_malformed", message)
        };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let bought = || {
            let id = text(result.get("buyId")).ok_or_else(|| missing("buyId"))?;
            Ok::<_, Fault>(PurchaseId::new(id))
        };
        match &call.intent {
            Intent::Buy(_) => {
                let sources = result.get("sourceIds").and_then(Value::as_array);
                let sources = sources.ok_or_else(|| missing("sourceIds"))?.iter();
                let order = |source: &Value| text(source.get("sourceId")).map(OrderId::new);
                let orders: Option<Vec<_>> = sources.map(order).collect();
                Ok(Outcome::Ordered {
                    purchase: bought()?,
                    orders: orders.ok_or_else(|| missing("sourceId"))?,
                })
            }
            Intent::ChangePlan(_) => {
                let purchase = bought()?;
                let orders = vec![purchase.first_order()];
                Ok(Outcome::Ordered { purchase, orders })
            }
            Intent::Look(Look::Instances(_)) => {
                let rows = result.get("bastions").and_then(Value::as_array);
                let rows = rows.ok_or_else(|| missing("bastions"))?.iter();
                let views: Option<Vec<_>> = rows.map(heard).collect();
                let total = result.get("totalCount").and_then(Value::as_u64);
                let total = total.ok_or_else(|| missing("totalCount"))?;
                Ok(Outcome::Listed(views.ok_or_else(|| missing("id"))?, total))
            }
            Intent::Look(Look::Instance(_) | Look::Detail(_) | Look::Order(_)) => {
                let view = result.get("bastion").and_then(heard);
                let view = view.ok_or_else(|| missing("bastion"))?;
                Ok(Outcome::Shown(Box::new(view)))
            }
            Intent::Look(Look::Caller | Look::Ticket(..)) => Ok(Outcome::Done),
            Intent::Suspend(..) | Intent::Resume(..) | Intent::Release(_) | Intent::Amend(..) => {
                match result.get("result") {
                    Some(Value::Bool(true)) => Ok(Outcome::Done),
                    _ => Err(missing("true result")),
                }
            }
            Intent::Create(_) | Intent::Renew(_) | Intent::Ping => Err(not_said()),
        }
    }
}

fn not_said() -> Fault {
    CARD.unsupported("a buyer has no words for it")
}

/// How to ask.
struct Settings {
    version: Version,
    nonce: Option<String>,
    members: Vec<(String, String)>,
}

impl Settings {
    fn of(extra: &[(String, String)]) -> Result<Self, Fault> {
        let mut settings = Self {
            version: Version::V2,
            nonce: None,
            members: Vec::new(),
        };
        for (name, value) in extra {
            match (name.as_str(), value.as_str()) {
                ("signing", "v2") => settings.version = Version::V2,
                ("signing", "v3") => settings.version = Version::V3,
                ("signing", other) => {
                    let message = format!("signing {}: v2 or v3", crate::text::quoted(other));
                    return Err(Fault::malformed("signing_unknown", message));
                }
                ("nonce", nonce) => settings.nonce = Some(nonce.to_owned()),
                _ => settings.members.push((name.clone(), value.clone())),
            }
        }
        Ok(settings)
    }
}

/// The same call at the same moment is the same request.
fn own_nonce(call: &Call, now: UtcMillis) -> String {
    nonce_of(&format!("{call:?} {}", now.0))
}

fn nonce_of(what: &str) -> String {
    let digest = turnkey_core::Digest::of(&[("", Some(what))]).0;
    jdcloud::hex(&digest).chars().take(32).collect()
}

/// `body` with what `set` says; as it stands where it says nothing.
fn with_members(body: &[u8], set: &[(String, String)]) -> Result<Vec<u8>, Fault> {
    if set.is_empty() {
        return Ok(body.to_vec());
    }
    let text = if body.is_empty() { b"{}" } else { body };
    let mut members: Map<String, Value> = serde_json::from_slice(text).map_err(|_| {
        Fault::malformed(
            "body_malformed",
            "the body is no JSON object to set members of",
        )
    })?;
    for (path, value) in set {
        resign::put(&mut members, path, value)?;
    }
    Ok(serde_json::to_vec(&members).unwrap_or_default())
}

/// The host of `url`, port included: what stands between `//` and the next `/`.
fn host(url: &str) -> &str {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

struct Spelt {
    method: &'static str,
    path: String,
    query: String,
    body: Map<String, Value>,
    token: Option<String>,
}

fn spelt(call: &Call, caller: &Caller) -> Result<Spelt, Fault> {
    let root = format!("/v1/regions/{}", query::encode(&caller.region));
    let at = |method, rest: &str| Spelt {
        method,
        path: format!("{root}/{rest}"),
        query: String::new(),
        body: Map::new(),
        token: None,
    };
    let named = |rest: &str, id: &str| rest.replacen("{}", &query::encode(id), 1);
    let with = |spelt: Spelt, members: Value| Spelt {
        body: members.as_object().cloned().unwrap_or_default(),
        ..spelt
    };
    Ok(match &call.intent {
        Intent::Buy(purchase) => Spelt {
            token: Some(purchase.order.key.to_string()),
            ..with(at("POST", "instances"), bought(purchase, caller))
        },
        Intent::ChangePlan(ChangePlan {
            order,
            instance,
            spec,
            ..
        }) => {
            let path = named("instances/{}%3AmodifyInstanceSpec", instance.as_str());
            let pays = caller.pays.then_some(true);
            Spelt {
                token: Some(order.key.to_string()),
                ..with(at("POST", &path), json!({"spec": spec, "autoPay": pays}))
            }
        }
        Intent::Suspend(id, _) | Intent::Resume(id, _) => {
            let is_end = matches!(call.intent, Intent::Suspend(..));
            let path = named("instances/{}%3AmodifyInstanceExpireOrStart", id.as_str());
            let status = if is_end { EXPIRED } else { RUNNING };
            with(at("POST", &path), json!({"status": status}))
        }
        Intent::Release(id) => at("DELETE", &named("instance/{}", id.as_str())),
        Intent::Amend(id, words) => {
            amended(id, words).map(|(method, path, members)| with(at(method, &path), members))?
        }
        Intent::Look(look) => looked(look, at)?,
        Intent::Create(_) | Intent::Renew(_) | Intent::Ping => return Err(not_said()),
    })
}

/// One word has one operation; several have none.
fn amended(
    id: &InstanceId,
    words: &BTreeMap<String, String>,
) -> Result<(&'static str, String, Value), Fault> {
    let mut words = words.iter();
    let (Some((name, value)), None) = (words.next(), words.next()) else {
        return Err(CARD.unsupported("it says one thing at a time"));
    };
    let is_on = json!({"status": value == "true"});
    let id_text = query::encode(id.as_str());
    match name.as_str() {
        DESC => {
            let path = format!("bastion/{}", query::encode(&bid(id)));
            Ok(("PATCH", path, json!({"desc": value})))
        }
        PUBLIC_ACCESS => Ok(("PATCH", format!("instance/{id_text}/publicAccess"), is_on)),
        ZERO => Ok(("POST", format!("instance/{id_text}/zero"), is_on)),
        _ => Err(CARD.unsupported("it has no operation for that word")),
    }
}

fn looked(look: &Look, at: impl Fn(&'static str, &str) -> Spelt) -> Result<Spelt, Fault> {
    let named = |rest: &str, id: &str| at("GET", &format!("{rest}/{}", query::encode(id)));
    Ok(match look {
        Look::Caller => at("GET", "pins"),
        Look::Instance(id) => named("bastion", &bid(id)),
        Look::Detail(id) => named("instance", id.as_str()),
        Look::Order(id) => named("order", id.as_str()),
        Look::Ticket(id, _) => Spelt {
            query: format!("bastionId={}", query::encode(id.as_str())),
            ..at("GET", "sign")
        },
        Look::Instances(look) => Spelt {
            query: listed(look)?,
            ..at("GET", "bastions")
        },
    })
}

/// The query in its canonical form, so that what is sent is what is signed (openapi §6.5).
fn listed(look: &InstancesLook) -> Result<String, Fault> {
    if look.limit == 0 || !look.skip.is_multiple_of(look.limit) {
        return Err(CARD.unsupported("it lists whole pages"));
    }
    let mut pieces = vec![
        (
            "pageNumber".to_owned(),
            (look.skip / look.limit + 1).to_string(),
        ),
        ("pageSize".to_owned(), look.limit.to_string()),
    ];
    for (index, Test { of, by, values }) in (1..).zip(&look.tests) {
        let name = match of {
            Tested::Id => "bid",
            Tested::Word(DESC) => "name",
            Tested::Word(_) => return Err(CARD.unsupported("it has no filter for that")),
        };
        pieces.push((format!("filters.{index}.name"), name.to_owned()));
        pieces.push((
            format!("filters.{index}.operator"),
            operator(*by).to_owned(),
        ));
        for (place, value) in (1..).zip(values) {
            let value = match of {
                Tested::Id => bid(&InstanceId::new(value)),
                Tested::Word(_) => value.clone(),
            };
            pieces.push((format!("filters.{index}.values.{place}"), value));
        }
    }
    let direction = if look.newest_first { "desc" } else { "asc" };
    pieces.push(("sorts.1.name".to_owned(), "createTime".to_owned()));
    pieces.push(("sorts.1.direction".to_owned(), direction.to_owned()));
    let query: Vec<_> = pieces
        .iter()
        .map(|(name, value)| query::pair(name, value))
        .collect();
    Ok(jdcloud::canonical_query(&query.join("&")))
}

fn operator(by: Comparison) -> &'static str {
    match by {
        Comparison::Equals => "in",
        Comparison::Differs => "ne",
        Comparison::Contains => "like",
        Comparison::Less => "lt",
        Comparison::AtMost => "le",
        Comparison::Greater => "gt",
        Comparison::AtLeast => "ge",
    }
}

fn bought(purchase: &Purchase, caller: &Caller) -> Value {
    let word = |name: &str| purchase.context.get(name);
    json!({
        "regionId": caller.region,
        "instanceSpec": {
            "az": word(AZ),
            "vpcId": word(VPC),
            "subnetId": word(SUBNET),
            "spec": purchase.spec,
            "quantity": purchase.quantity,
            "ipVersion": word(IP_VERSION),
            "desc": word(DESC),
        },
        "chargeSpec": {
            "chargeMode": "prepaid_by_duration",
            "chargeUnit": purchase.period.unit().name(),
            "chargeDuration": purchase.period.count(),
            "autoRenew": purchase.renews,
            "autoPay": caller.pays.then_some(true),
            "buyScenario": word("buyScenario"),
        },
    })
}

/// The whole access, for the buyer of the instance: a member of ours, which the SDKs pass over.
pub(super) fn access(access: &Access) -> Value {
    let login = |login: &Login| json!({"url": login.url, "username": login.username, "password": login.password});
    json!({
        "frontEnd": login(&access.front_end),
        "admin": login(&access.admin),
        "authUrl": access.auth_url,
        "extra": access.extra,
    })
}

/// What a `Bastion` or `Instance` says.
fn heard(value: &Value) -> Option<View> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let time = |name: &str| {
        let time = text(name).and_then(|text| moment::parse(name, text).ok());
        time.unwrap_or_default()
    };
    let unit = text("chargeUnit")?.to_ascii_lowercase();
    let unit = Unit::ALL.into_iter().find(|known| known.name() == unit);
    let count = value.get("chargeDuration").and_then(Value::as_u64);
    let count = count.and_then(|count| u32::try_from(count).ok());
    let starts_at = time("startTime");
    let said = value.get("status").and_then(Value::as_i64)?;
    let mut context = BTreeMap::new();
    for (name, wire) in [
        (REGION, "regionId"),
        (AZ, AZ),
        (VPC, VPC),
        (SUBNET, SUBNET),
        (DESC, DESC),
    ] {
        if let Some(text) = text(wire).filter(|text| !text.is_empty()) {
            context.insert(name.to_owned(), text.to_owned());
        }
    }
    for name in [PUBLIC_ACCESS, ZERO] {
        if let Some(is_on) = value.get(name).and_then(Value::as_bool) {
            context.insert(name.to_owned(), is_on.to_string());
        }
    }
    Some(View {
        instance: InstanceId::new(text("instanceId")?),
        spec: text("spec").unwrap_or_default().to_owned(),
        period: count
            .zip(unit)
            .and_then(|(count, unit)| Period::new(count, unit).ok()),
        term: Term {
            starts_at,
            ends_at: time("endTime"),
            anchor_at: starts_at,
            months: 0,
        },
        standing: Standing::ALL
            .into_iter()
            .find(|known| status(*known) == said)?,
        context,
        access: heard_access(value),
    })
}

/// The whole access where it is there, otherwise the addresses.
fn heard_access(value: &Value) -> Option<Access> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(own) = value.get("access") {
        let login = |name: &str| {
            let login = own.get(name);
            let of = |name: &str| text(login.and_then(|login| login.get(name)));
            Login {
                url: of("url"),
                username: of("username"),
                password: of("password"),
            }
        };
        let extra = own.get("extra").and_then(Value::as_object);
        let pair =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        return Some(Access {
            front_end: login("frontEnd"),
            admin: login("admin"),
            auth_url: text(own.get("authUrl")),
            extra: extra.into_iter().flatten().filter_map(pair).collect(),
        });
    }
    let named = ADDRESSES.iter().chain(&INNER);
    let extra: BTreeMap<_, _> = named
        .filter_map(|name| Some(((*name).to_owned(), text(value.get(*name))?)))
        .collect();
    (!extra.is_empty()).then(|| Access {
        extra,
        ..Access::default()
    })
}
