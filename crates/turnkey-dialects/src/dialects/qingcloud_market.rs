//! QingCloud Market: the "SaaS 类商品 SPI" of the QingCloud documentation, both faces.
//!
//! Every call is a GET whose query carries an `action`, the parameters, a UNIX `timestamp` and a
//! `signature` over all of it; `debug=1` makes it a dry run. Success is status 200 and JSON within
//! 15 s. There is no body for a failure, so that a failure is never 200.
//!
//! | action | intent | content that its order is known by |
//! | --- | --- | --- |
//! | CreateInstance | create | qingcloud_uid, product_code, spec, package, duration |
//! | RenewInstance | renew | instance_id, spec, package, duration |
//! | UpgradeInstance | change plan | instance_id, spec, package, duration |
//! | ExpireInstance | suspend | – |
//! | DeleteInstance | release | – |
//! | TestConnection | ping | – |
//!
//! "Overview", "security", "create" and so on below name the pages of that documentation. What each
//! rule looks like on the wire is in `fixtures/qingcloud-market/`.

use serde::Serialize;
use serde_json::{Map, Value};
use turnkey_core::decide::Outcome;
use turnkey_core::limits::{INSTANCE_ID_BYTES_MAX, ORDER_KEY_BYTES_MAX, TEXT_BYTES_MAX, cut};
use turnkey_core::{
    Access, Call, ChangePlan, Create, Digest, Fault, FaultKind, InstanceId, Intent, Listing, Login,
    OrderKey, OrderRef, Period, Reason, Renew, UtcMillis,
};

use crate::query::{Query, pair};
use crate::text::quoted;
use crate::{
    Action, Ask, Card, Dialect, Faces, Listen, Overture, OwnedRequest, Reply, Request, answer,
    period, sign,
};

pub(super) const DIALECT: &dyn Dialect = &QingcloudMarket;

const CREATE: &str = "CreateInstance";
const RENEW: &str = "RenewInstance";
const UPGRADE: &str = "UpgradeInstance";
const EXPIRE: &str = "ExpireInstance";
const DELETE: &str = "DeleteInstance";
const TEST: &str = "TestConnection";

/// "Overview": what is called, how often again after a failure, and how long it may take.
static CARD: Card = Card {
    name: "qingcloud-market",
    title: "QingCloud Market (云市场 SaaS 类商品 SPI)",
    source: "QingCloud documentation, \"云市场 / SaaS 类商品 SPI 开发指南\", checked 2026-11",
    method: "GET",
    actions: &[
        action("create", CREATE, 3),
        action("renew", RENEW, 3),
        action("upgrade", UPGRADE, 3),
        action("expire", EXPIRE, 3),
        action("delete", DELETE, 3),
        action("test", TEST, 2),
    ],
    time_limit_ms: 15_000,
    reply_within_ms: 12_000,
    overture: Overture::DryRun,
};

const fn action(name: &'static str, wire: &'static str, retries: u32) -> Action {
    Action {
        name,
        wire,
        retries,
    }
}

/// "Create": an instance id has at most so many characters.
const INSTANCE_ID_CHARS_MAX: usize = 128;

/// The bare type: the market's own checks compare the whole header.
const JSON: &str = "application/json";

/// How long the market is asked to wait before it calls again: most drivers need less.
const RETRY_AFTER_S: u32 = 5;

struct QingcloudMarket;

impl Dialect for QingcloudMarket {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn faces(&self) -> Faces<'_> {
        Faces {
            listen: Some(self),
            ask: Some(self),
        }
    }
}

impl Listen for QingcloudMarket {
    /// Whoever cannot sign learns no more than that the query is none, or that the signature is
    /// wrong: everything else is looked at behind that.
    fn read(
        &self,
        request: &Request<'_>,
        listing: &Listing,
        now: UtcMillis,
    ) -> Result<Call, Fault> {
        let query = Query::parse(request.query)?;
        authenticate(&query, listing)?;
        let signed_at = signed_at(&query, listing, now)?;
        check_product(&query, listing)?;
        Ok(Call {
            intent: intent(&query)?,
            dry_run: is_debug(&query)?,
            signed_at: Some(signed_at),
        })
    }

    /// "Create", "renewal", and so on: the response.
    fn write(&self, call: &Call, outcome: &Outcome) -> Reply {
        let is_create = matches!(call.intent, Intent::Create(_));
        match (outcome, is_create) {
            (Outcome::Delivered { instance, access }, true) => {
                json(200, &Created::new(instance, access))
            }
            (Outcome::Delivered { .. } | Outcome::Done | Outcome::Gone, false) => {
                json(200, &SUCCESS)
            }
            (Outcome::NotReady { .. }, _) => {
                let message = "the instance is not ready yet; call again";
                self.refuse(&Fault::busy("not_ready", message))
            }
            // The market would take a 200 without an instance id for a delivery.
            (Outcome::Done | Outcome::Gone, true) => {
                self.refuse(&Fault::bug("a create was answered without an instance"))
            }
        }
    }

    /// A failure has no documented body, and a 200 counts as success, so that the status says it.
    fn refuse(&self, fault: &Fault) -> Reply {
        let status = match fault.kind {
            FaultKind::Malformed | FaultKind::Unsupported => 400,
            FaultKind::Unauthentic => 401,
            FaultKind::Unknown => 404,
            FaultKind::Conflict => 409,
            FaultKind::Bug => 500,
            FaultKind::Upstream => 502,
            FaultKind::Busy => 503,
        };
        let failure = Finished {
            spi_version: "1",
            success: false,
            message: Some(cut(&fault.message)),
        };
        Reply {
            retry_after_s: (fault.kind == FaultKind::Busy).then_some(RETRY_AFTER_S),
            ..json(status, &failure)
        }
    }
}

impl Ask for QingcloudMarket {
    /// Spells the parameters in the order of the documentation's tables; whatever `extra` names
    /// replaces them, the signature included.
    fn ask(
        &self,
        call: &Call,
        listing: &Listing,
        own_query: &str,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let mut parameters = parameters(call, listing, now)?;
        for (name, value) in extra {
            match parameters.iter_mut().find(|(known, _)| known == name) {
                Some((_, replaced)) => *replaced = Some(value.clone()),
                None => parameters.push((name.clone(), Some(value.clone()))),
            }
        }
        let mut query = own_query.to_owned();
        for (name, value) in parameters {
            let value = value.ok_or_else(|| {
                unsupported(&format!("a call without {name} cannot be put in its words"))
            })?;
            append(&mut query, &name, &value);
        }
        let unsigned = Query::parse(&query)?;
        if unsigned.get("signature").is_none() {
            let key = listing.keys.first().ok_or_else(|| {
                Fault::bug(format!("listing {} has no key to sign with", listing.name))
            })?;
            let signature = sign::hmac_sha256_base64(key, &unsigned.canonical("signature"));
            append(&mut query, "signature", &signature);
        }
        Ok(OwnedRequest {
            query,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// The market takes 200 and JSON for success. We also want to see what is documented: an
    /// instance for a create, and no `success` that says otherwise for the rest.
    ///
    /// A create that is not ready, and whatever else may go better next time, is `Busy`.
    fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        if reply.status != 200 {
            return Err(answer::refused(reply));
        }
        let body = answer::json_object(reply)?;
        answer::check_success(&body)?;
        match call.intent {
            Intent::Create(_) => delivered(&body),
            Intent::Renew(_)
            | Intent::ChangePlan(_)
            | Intent::Suspend(..)
            | Intent::Resume(..)
            | Intent::Release(_)
            | Intent::Ping => Ok(Outcome::Done),
        }
    }
}

// Reading: "security".

/// Senders differ in what they escape, so the pairs are tried exactly as they stand on the wire,
/// then as the documentation encodes them. The un-encoded form is never tried: a value with `&` in
/// it could be taken for two parameters.
fn authenticate(query: &Query<'_>, listing: &Listing) -> Result<(), Fault> {
    let Some(signature) = query.get("signature").filter(|text| !text.is_empty()) else {
        let message = "parameter \"signature\" is missing";
        return Err(Fault::unauthentic("signature_missing", message));
    };
    let signs = |message: &str| sign::is_signed(&listing.keys, message, signature);
    if signs(&query.as_received("signature")) || signs(&query.canonical("signature")) {
        return Ok(());
    }
    let keys = listing.keys.len();
    let note = format!(
        "neither the query as received nor its canonical form fits any of {keys} key(s); \
         `turnkey explain` shows the first difference"
    );
    Err(Fault::unauthentic("signature_wrong", "signature does not match").noted(note))
}

/// The signed time, when it lies within the listing's window on either side of `now`.
fn signed_at(query: &Query<'_>, listing: &Listing, now: UtcMillis) -> Result<UtcMillis, Fault> {
    let text = query.required("timestamp", TEXT_BYTES_MAX)?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = text.parse().ok().and_then(|s: i64| s.checked_mul(1000));
    let signed_at = ms.filter(|_| is_number).map(UtcMillis).ok_or_else(|| {
        let message = format!("timestamp {}: must be UNIX seconds", quoted(text));
        Fault::malformed("timestamp_malformed", message)
    })?;
    sign::check_window("timestamp", text, signed_at, listing, now)?;
    Ok(signed_at)
}

/// Two products may share a key; this is what keeps their calls apart (promise 5).
fn check_product(query: &Query<'_>, listing: &Listing) -> Result<(), Fault> {
    let Some(wanted) = &listing.product_code else {
        return Ok(());
    };
    match query.optional("product_code", TEXT_BYTES_MAX)? {
        Some(code) if code != wanted => {
            let message = format!("product_code {} is not sold here", quoted(code));
            Err(Fault::unauthentic("product_code_wrong", message)
                .noted(format!("listing {} sells {wanted}", listing.name)))
        }
        Some(_) | None => Ok(()),
    }
}

// Reading: the parameters.

fn is_debug(query: &Query<'_>) -> Result<bool, Fault> {
    match query.get("debug") {
        Some("1") => Ok(true),
        Some("0") | None => Ok(false),
        Some(other) => {
            let message = format!("debug {}: must be 1 or 0", quoted(other));
            Err(Fault::malformed("debug_malformed", message))
        }
    }
}

fn intent(query: &Query<'_>) -> Result<Intent, Fault> {
    match query.required("action", TEXT_BYTES_MAX)? {
        CREATE => create(query).map(Intent::Create),
        RENEW => renew(query).map(Intent::Renew),
        UPGRADE => upgrade(query).map(Intent::ChangePlan),
        EXPIRE => instance(query).map(|id| Intent::Suspend(id, Reason::Marketplace)),
        DELETE => instance(query).map(Intent::Release),
        TEST => Ok(Intent::Ping),
        other => {
            let known: Vec<_> = CARD.actions.iter().map(|action| action.wire).collect();
            let message = format!(
                "action {}: must be one of {}",
                quoted(other),
                known.join(", ")
            );
            Err(Fault::new(
                FaultKind::Unsupported,
                "action_unknown",
                message,
            ))
        }
    }
}

fn create(query: &Query<'_>) -> Result<Create, Fault> {
    let key = order_key(query)?;
    let buyer = query.required("qingcloud_uid", TEXT_BYTES_MAX)?;
    let product_code = query.required("product_code", TEXT_BYTES_MAX)?;
    let (spec, package, period) = bought(query)?;
    let content = Digest::of(&[
        ("qingcloud_uid", Some(buyer)),
        ("product_code", Some(product_code)),
        ("spec", Some(spec)),
        ("package", Some(package)),
        ("duration", Some(&period.to_string())),
    ]);
    Ok(Create {
        order: OrderRef { key, content },
        buyer: buyer.to_owned(),
        spec: spec.to_owned(),
        package: Some(package.to_owned()),
        period,
        context: [("product_code".to_owned(), product_code.to_owned())].into(),
    })
}

fn renew(query: &Query<'_>) -> Result<Renew, Fault> {
    let key = order_key(query)?;
    let instance = instance(query)?;
    let (spec, package, period) = bought(query)?;
    let content = Digest::of(&[
        ("instance_id", Some(instance.as_str())),
        ("spec", Some(spec)),
        ("package", Some(package)),
        ("duration", Some(&period.to_string())),
    ]);
    Ok(Renew {
        order: OrderRef { key, content },
        instance,
        spec: spec.to_owned(),
        package: Some(package.to_owned()),
        period,
    })
}

/// An upgrade has the parameters of a renewal.
fn upgrade(query: &Query<'_>) -> Result<ChangePlan, Fault> {
    let Renew {
        order,
        instance,
        spec,
        package,
        period,
    } = renew(query)?;
    Ok(ChangePlan {
        order,
        instance,
        spec,
        package,
        period,
    })
}

fn order_key(query: &Query<'_>) -> Result<OrderKey, Fault> {
    query
        .required("order_id", ORDER_KEY_BYTES_MAX)
        .map(OrderKey::new)
}

fn instance(query: &Query<'_>) -> Result<InstanceId, Fault> {
    query
        .required("instance_id", INSTANCE_ID_BYTES_MAX)
        .map(InstanceId::new)
}

/// Spec, package and duration. Digests take the duration as we spell it, so that `01_month` and
/// `1_month` under one order key are one purchase.
fn bought<'a>(query: &'a Query<'_>) -> Result<(&'a str, &'a str, Period), Fault> {
    let spec = query.required("spec", TEXT_BYTES_MAX)?;
    let package = query.required("package", TEXT_BYTES_MAX)?;
    let duration = query.required("duration", TEXT_BYTES_MAX)?;
    Ok((spec, package, period::parse("duration", duration)?))
}

// Writing.

/// The answer to a create. All four keys are always there, empty where there is nothing: the
/// documentation requires the object without saying which of its keys may be left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    spi_version: &'static str,
    instance_id: &'a str,
    instance_info: Info<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    front_end_url: &'a str,
    admin_url: &'a str,
    username: &'a str,
    password: &'a str,
}

/// The answer to everything else, and to everything that failed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished {
    spi_version: &'static str,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

const SUCCESS: Finished = Finished {
    spi_version: "1",
    success: true,
    message: None,
};

impl<'a> Created<'a> {
    /// There is room for one account: the front end's, or the administrator's where the front end
    /// has none. Never the name of one with the password of the other.
    fn new(instance: &'a InstanceId, access: &'a Access) -> Self {
        let Access {
            front_end, admin, ..
        } = access;
        let has_account = front_end.username.is_some() || front_end.password.is_some();
        let account = if has_account { front_end } else { admin };
        let text = |part: &'a Option<String>| part.as_deref().unwrap_or_default();
        Self {
            spi_version: "1",
            instance_id: instance.as_str(),
            instance_info: Info {
                front_end_url: text(&front_end.url),
                admin_url: text(&admin.url),
                username: text(&account.username),
                password: text(&account.password),
            },
        }
    }
}

fn json(status: u16, body: &impl Serialize) -> Reply {
    Reply {
        status,
        content_type: JSON.to_owned(),
        retry_after_s: None,
        // Texts and a bool always have a JSON form; no body at all would count as a failure.
        body: serde_json::to_vec(body).unwrap_or_default(),
    }
}

// Asking.

/// The parameters of `call` but the signature, in the order of the documentation's tables. What the
/// call does not say is `None`.
fn parameters(
    call: &Call,
    listing: &Listing,
    now: UtcMillis,
) -> Result<Vec<(String, Option<String>)>, Fault> {
    let mut parameters = Vec::new();
    let mut put = |name: &str, value: Option<&str>| {
        parameters.push((name.to_owned(), value.map(str::to_owned)));
    };
    match &call.intent {
        Intent::Create(create) => {
            let own_code = || create.context.get("product_code");
            let product_code = listing.product_code.as_ref().or_else(own_code);
            put("action", Some(CREATE));
            put("order_id", Some(create.order.key.as_str()));
            put("qingcloud_uid", Some(&create.buyer));
            put("product_code", product_code.map(String::as_str));
            put("spec", Some(&create.spec));
            put("package", create.package.as_deref());
            put("duration", Some(&create.period.to_string()));
        }
        Intent::Renew(Renew {
            order,
            instance,
            spec,
            package,
            period,
        })
        | Intent::ChangePlan(ChangePlan {
            order,
            instance,
            spec,
            package,
            period,
        }) => {
            let is_renewal = matches!(call.intent, Intent::Renew(_));
            put("action", Some(if is_renewal { RENEW } else { UPGRADE }));
            put("order_id", Some(order.key.as_str()));
            put("instance_id", Some(instance.as_str()));
            put("spec", Some(spec));
            put("package", package.as_deref());
            put("duration", Some(&period.to_string()));
        }
        Intent::Suspend(instance, _) => {
            put("action", Some(EXPIRE));
            put("instance_id", Some(instance.as_str()));
        }
        Intent::Release(instance) => {
            put("action", Some(DELETE));
            put("instance_id", Some(instance.as_str()));
        }
        Intent::Ping => put("action", Some(TEST)),
        Intent::Resume(..) => {
            return Err(unsupported("it has no resume, a renewal does that"));
        }
    }
    put("debug", Some(if call.dry_run { "1" } else { "0" }));
    put("timestamp", Some(&now.0.div_euclid(1000).to_string()));
    Ok(parameters)
}

fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(&pair(name, value));
}

fn unsupported(why: &str) -> Fault {
    let message = format!("{}: {why}", CARD.name);
    Fault::new(FaultKind::Unsupported, "intent_unsupported", message)
}

// Hearing.

/// "Create": the response.
fn delivered(body: &Map<String, Value>) -> Result<Outcome, Fault> {
    let instance = answer::text(body, "instanceId")?
        .filter(|id| id.chars().count() <= INSTANCE_ID_CHARS_MAX)
        .ok_or_else(|| {
            let rule = format!("instanceId must have 1 to {INSTANCE_ID_CHARS_MAX} characters");
            answer::not_understood(&rule)
        })?;
    let Some(Value::Object(info)) = body.get("instanceInfo") else {
        return Err(answer::not_understood("instanceInfo must be an object"));
    };
    Ok(Outcome::Delivered {
        instance: InstanceId::new(instance),
        access: Access {
            front_end: Login {
                url: answer::text(info, "frontEndUrl")?,
                username: answer::text(info, "username")?,
                password: answer::text(info, "password")?,
            },
            admin: Login {
                url: answer::text(info, "adminUrl")?,
                ..Login::default()
            },
            ..Access::default()
        },
    })
}
