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

use crate::explain::qingcloud::Family;
use crate::query::{Parameters, Query};
use crate::sign::Form;
use crate::text::quoted;
use crate::{
    Action, Ask, BODY_BYTES_MAX, Card, Dialect, ExchangeId, Faces, Listen, Overture, OwnedRequest,
    Reply, Request, Resigner, Telling, answer, period, resign, sign,
};

pub(super) const DIALECT: &dyn Dialect = &QingcloudMarket;

const CREATE: &str = "CreateInstance";
const RENEW: &str = "RenewInstance";
const UPGRADE: &str = "UpgradeInstance";
const EXPIRE: &str = "ExpireInstance";
const DELETE: &str = "DeleteInstance";
const TEST: &str = "TestConnection";

/// "Create": the parameter that names the product.
const PRODUCT_CODE: &str = "product_code";

/// "Overview": what is called, how often again after a failure, and how long it may take.
static CARD: Card = Card {
    name: "qingcloud-market",
    title: "QingCloud Market (云市场 SaaS 类商品 SPI)",
    source: "QingCloud documentation, \"云市场 / SaaS 类商品 SPI 开发指南\", checked 2026-11",
    methods: &["GET"],
    root: None,
    body_bytes_max: BODY_BYTES_MAX,
    names_exchanges: false,
    actions: &[
        Action::new("create", CREATE, 3),
        Action::new("renew", RENEW, 3),
        Action::new("upgrade", UPGRADE, 3),
        Action::new("expire", EXPIRE, 3),
        Action::new("delete", DELETE, 3),
        Action::new("test", TEST, 2),
    ],
    time_limit_ms: 15_000,
    reply_within_ms: 12_000,
    overture: Overture::DryRun,
    product_code: Some(PRODUCT_CODE),
    https_only: false,
};

/// "Security": the parameter that holds the time.
const TIMESTAMP: &str = "timestamp";

/// How long the market is asked to wait before it calls again: most drivers need less.
const RETRY_AFTER_S: u32 = 5;

/// "Security": what is signed, for whoever asks why a signature does not match.
static EXPLAIN: Family = Family {
    prefixes: &[""],
    time: TIMESTAMP,
    parse_time: unix_seconds,
    spell_time: |at| Some(at.0.div_euclid(1000).to_string()),
    other_time: |text| Some(format!("{text}000")),
    documented: &[
        "action",
        "debug",
        "duration",
        "instance_id",
        "order_id",
        "package",
        PRODUCT_CODE,
        "qingcloud_uid",
        "spec",
        TIMESTAMP,
    ],
    base64: &[],
    product_code: PRODUCT_CODE,
    header: None,
};

struct QingcloudMarket;

impl Dialect for QingcloudMarket {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn faces(&self) -> Faces<'_> {
        Faces {
            listen: Some(self),
            ask: Some(self),
            explain: Some(&EXPLAIN),
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
        let key = sign::authenticate(&query, query.get("signature"), &[""], listing)?;
        let signed_at = signed_at(&query, listing, now)?;
        key.used(now);
        sign::check_product(&query, PRODUCT_CODE, listing)?;
        Ok(Call {
            intent: intent(&query)?,
            dry_run: is_debug(&query)?,
            signed_at: Some(signed_at),
            caller: None,
        })
    }

    /// "Create", "renewal", and so on: the response.
    fn write(&self, call: &Call, outcome: &Outcome, exchange: &ExchangeId) -> Reply {
        let is_create = matches!(call.intent, Intent::Create(_));
        match (outcome, is_create) {
            (Outcome::Delivered { instance, access }, true) => {
                Reply::json(200, &Created::new(instance, access))
            }
            // There is no word for "not yet": it is a success whose addresses are links of ours.
            (Outcome::Held { instance, links }, true) => {
                Reply::json(200, &Created::new(instance, links))
            }
            (
                Outcome::Delivered { .. } | Outcome::Held { .. } | Outcome::Done | Outcome::Gone,
                false,
            ) => Reply::json(200, &SUCCESS),
            (Outcome::NotReady { .. }, _) => {
                let message = "the instance is not ready yet; call again";
                self.refuse(&Fault::busy("not_ready", message), exchange)
            }
            // The market would take a 200 without an instance id for a delivery.
            (Outcome::Done | Outcome::Gone, true) => self.refuse(
                &Fault::bug("a create was answered without an instance"),
                exchange,
            ),
            (Outcome::Ordered { .. } | Outcome::Shown(_) | Outcome::Listed(..), _) => self.refuse(
                &Fault::bug("a marketplace was answered like a buyer"),
                exchange,
            ),
        }
    }

    /// A failure has no documented body, and a 200 counts as success, so that the status says it.
    fn refuse(&self, fault: &Fault, _exchange: &ExchangeId) -> Reply {
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
            ..Reply::json(status, &failure)
        }
    }
}

impl Ask for QingcloudMarket {
    /// Spells the parameters in the order of the documentation's tables; whatever `extra` names
    /// replaces them, the signature included. `signing` in `extra` is not sent: it chooses the form
    /// that signs, `documented` or `as-sent`.
    fn ask(
        &self,
        call: &Call,
        listing: &Listing,
        own_query: &str,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let (form, extra) = Form::named(Form::DOCUMENTED, &[Form::AS_SENT], extra)?;
        let query = parameters(call, listing, now)?.spelt(own_query, &extra, &CARD)?;
        let (query, _) = sign::signed(query, form, listing)?;
        Ok(OwnedRequest::get(query))
    }

    fn resign(
        &self,
        request: &Request<'_>,
        by: &Resigner<'_>,
        set: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let (form, set) = Form::named(Form::DOCUMENTED, &[Form::AS_SENT], set)?;
        let at = ("timestamp", now.0.div_euclid(1000).to_string());
        let query = resign::changed(request.query, at, &set)?;
        let (query, _) = sign::signed_by(query, form, by.secret)?;
        Ok(OwnedRequest::get(query))
    }

    fn telling(&self) -> &'static Telling {
        &Telling {
            values: "action spec package duration debug timestamp",
            listed: "",
            path: "",
        }
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
            Intent::Buy(_) | Intent::Amend(..) | Intent::Look(_) => Err(CARD.no_storefront()),
        }
    }
}

// Reading: "security".

/// The signed time, when it lies within the listing's window on either side of `now`.
fn signed_at(query: &Query<'_>, listing: &Listing, now: UtcMillis) -> Result<UtcMillis, Fault> {
    let text = query.required(TIMESTAMP, TEXT_BYTES_MAX)?;
    let signed_at = unix_seconds(text)?;
    sign::check_window(TIMESTAMP, text, signed_at, listing.clock_skew_ms, now)?;
    Ok(signed_at)
}

fn unix_seconds(text: &str) -> Result<UtcMillis, Fault> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = text.parse().ok().and_then(|s: i64| s.checked_mul(1000));
    ms.filter(|_| is_number).map(UtcMillis).ok_or_else(|| {
        let message = format!("timestamp {}: must be UNIX seconds", quoted(text));
        Fault::malformed("timestamp_malformed", message)
    })
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
        other => Err(CARD.action_unknown(other)),
    }
}

fn create(query: &Query<'_>) -> Result<Create, Fault> {
    let key = order_key(query)?;
    let buyer = query.required("qingcloud_uid", TEXT_BYTES_MAX)?;
    let product_code = query.required(PRODUCT_CODE, TEXT_BYTES_MAX)?;
    let (spec, package, period) = bought(query)?;
    let content = Digest::of(&[
        ("qingcloud_uid", Some(buyer)),
        (PRODUCT_CODE, Some(product_code)),
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
        context: [(PRODUCT_CODE.to_owned(), product_code.to_owned())].into(),
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

// Asking.

/// The parameters of `call` but the signature, in the order of the documentation's tables. What the
/// call does not say is `None`.
fn parameters(call: &Call, listing: &Listing, now: UtcMillis) -> Result<Parameters, Fault> {
    let mut parameters = Parameters::default();
    let mut put = |name: &str, value: Option<&str>| parameters.put(name, value);
    match &call.intent {
        Intent::Create(create) => {
            let own_code = || create.context.get(PRODUCT_CODE);
            let product_code = listing.product_code.as_ref().or_else(own_code);
            put("action", Some(CREATE));
            put("order_id", Some(create.order.key.as_str()));
            put("qingcloud_uid", Some(&create.buyer));
            put(PRODUCT_CODE, product_code.map(String::as_str));
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
            return Err(CARD.unsupported("it has no resume, a renewal does that"));
        }
        Intent::Buy(_) | Intent::Amend(..) | Intent::Look(_) => return Err(CARD.no_storefront()),
    }
    put("debug", Some(if call.dry_run { "1" } else { "0" }));
    put("timestamp", Some(&now.0.div_euclid(1000).to_string()));
    Ok(parameters)
}

// Hearing.

/// "Create": the response.
fn delivered(body: &Map<String, Value>) -> Result<Outcome, Fault> {
    let instance = answer::instance_id(body)?;
    let Some(Value::Object(info)) = body.get("instanceInfo") else {
        return Err(answer::not_understood("instanceInfo must be an object"));
    };
    Ok(answer::created(
        instance,
        Access {
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
    ))
}
