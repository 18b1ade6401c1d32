//! QingCloud AppCenter: the "SaaS 应用 SPI" of the QingCloud documentation, both faces.
//!
//! Every call is a GET whose query carries an `action`, the parameters, an ISO 8601 `time_stamp` and
//! a `signature` over all of it, which stands in the header `app_signature` too. Names are base64 of
//! UTF-8. Success is status 200, the bare `application/json` and `success: true` within 15 s; so is
//! a final no, with `success: false`, and everything else is called again.
//!
//! | action | intent | content that its order is known by |
//! | --- | --- | --- |
//! | CreateAppInstance | create | user_id, app_id, spec, spec_package, period |
//! | RenewAppInstance | renew | instance_id, spec, spec_package, period |
//! | UpgradeAppInstance | change plan | instance_id, spec, spec_package, period |
//! | ExpireAppInstance | suspend | – |
//! | DeleteAppInstance | release | – |
//! | TestConnection | ping, before every other action | – |
//!
//! Four things are unlike the market:
//!
//! - **Two ways to sign.** The documentation signs the parameters, the official sample the
//!   parameters behind `GET\n`. Both are accepted; `signing` = `documented`, `method-prefixed` or
//!   `as-sent` in the `extra` of [`Ask::ask`] chooses how to ask.
//! - **`order_id` may be missing** from a create or an upgrade: older documentation has none. Such a
//!   call is known for good by all of its decoded parameters, the time included, so that it is the
//!   same one however it is ordered, encoded or signed. The platform's own repeat has another time
//!   and cannot be told from a second purchase.
//! - **`debug` is no dry run**: a debugging instance is a real one that is not billed. The driver
//!   learns it from the context.
//! - **`cloud_info`** says where the platform itself is called on behalf of an instance. It is kept
//!   in the context as received, decoded.
//!
//! A space in base64 is a `+` that its sender forgot to escape. Padding may be left out.
//!
//! "Overview", "convention", "security", "create" and so on below name the pages of that
//! documentation. What each rule looks like on the wire is in `fixtures/qingcloud-appcenter/`.

mod explain;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use turnkey_core::decide::Outcome;
use turnkey_core::limits::{INSTANCE_ID_BYTES_MAX, ORDER_KEY_BYTES_MAX, TEXT_BYTES_MAX, cut};
use turnkey_core::{
    Access, Call, ChangePlan, Create, Digest, Fault, FaultKind, InstanceId, Intent, Listing, Login,
    OrderKey, OrderRef, Period, Reason, Renew, UtcMillis,
};

use crate::query::{Parameters, Query};
use crate::sign::Form;
use crate::text::quoted;
use crate::{
    Action, Ask, BODY_BYTES_MAX, Card, Dialect, ExchangeId, Faces, Listen, Overture, OwnedRequest,
    Reply, Request, Resigner, Telling, answer, coded, moment, own_key, period, resign, sign,
};

pub(super) const DIALECT: &dyn Dialect = &QingcloudAppcenter;

const CREATE: &str = "CreateAppInstance";
const RENEW: &str = "RenewAppInstance";
const UPGRADE: &str = "UpgradeAppInstance";
const EXPIRE: &str = "ExpireAppInstance";
const DELETE: &str = "DeleteAppInstance";
const TEST: &str = "TestConnection";

/// "Create": the parameter that names the application; a word of the context too.
const APP_ID: &str = "app_id";

/// "Create": where the platform is called; a word of the context too.
const CLOUD_INFO: &str = "cloud_info";

/// The parameter that makes a debugging instance; a word of the context too.
const DEBUG: &str = "debug";

/// "Overview" and "retry": what is called, how often again after a failure, and how long it may
/// take; the URL must be HTTPS. The platform's reference test waits 6 s for an answer.
static CARD: Card = Card {
    name: "qingcloud-appcenter",
    title: "QingCloud AppCenter (应用开发平台 SaaS 应用 SPI)",
    source: "QingCloud documentation, \"应用开发平台 / SaaS 应用开发指南 / SPI\", checked 2026-11",
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
    reply_within_ms: 5_000,
    overture: Overture::Ping,
    product_code: Some(APP_ID),
    https_only: true,
};

/// "Security": the header that repeats the signature.
const APP_SIGNATURE: &str = "app_signature";

/// What may stand before the parameters when they are signed: nothing as documented, the method as
/// in the official sample.
const PREFIXES: [&str; 2] = [DOCUMENTED, METHOD];
const DOCUMENTED: &str = Form::DOCUMENTED.prefix;
const METHOD: &str = "GET\n";

/// The official sample's form.
const AS_IN_THE_SAMPLE: Form = Form {
    name: "method-prefixed",
    prefix: METHOD,
    ..Form::DOCUMENTED
};

/// "Create": the addresses of the public cloud, for a create that comes from nowhere else.
const PUBLIC_CLOUD: &str =
    r#"{"sso_server": "https://account.qingcloud.com", "api_server": "https://api.qingcloud.com"}"#;

/// How long the platform is asked to wait before it calls again: most drivers need less.
const RETRY_AFTER_S: u32 = 5;

struct QingcloudAppcenter;

impl Dialect for QingcloudAppcenter {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn faces(&self) -> Faces<'_> {
        Faces {
            listen: Some(self),
            ask: Some(self),
            explain: Some(&explain::EXPLAIN),
        }
    }
}

impl Listen for QingcloudAppcenter {
    /// Whoever cannot sign learns no more than that the query is none, or that the signature is
    /// wrong: everything else is looked at behind that.
    fn read(
        &self,
        request: &Request<'_>,
        listing: &Listing,
        now: UtcMillis,
    ) -> Result<Call, Fault> {
        let query = Query::parse(request.query)?;
        let in_query = query.get("signature").filter(|text| !text.is_empty());
        let signature = in_query.or_else(|| request.header(APP_SIGNATURE));
        let key = sign::authenticate(&query, signature, &PREFIXES, listing)?;
        let signed_at = signed_at(&query, listing, now)?;
        key.used(now);
        sign::check_product(&query, APP_ID, listing)?;
        let intent = intent(&query)?;
        // Only a create makes use of it, but what is no boolean is none anywhere.
        is_debug(&query)?;
        Ok(Call {
            intent,
            dry_run: false,
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
            // The documentation requires the id, so that this would be no answer.
            (Outcome::Done | Outcome::Gone, true)
            | (Outcome::Ordered { .. } | Outcome::Shown(_) | Outcome::Listed(..), _) => {
                self.refuse(&Fault::bug("the protocol has no such answer"), exchange)
            }
        }
    }

    /// "Convention" and "retry": what conforms is final, also when it says no; another status is
    /// called again. So the status says whether calling again may help.
    fn refuse(&self, fault: &Fault, _exchange: &ExchangeId) -> Reply {
        let status = match fault.kind {
            FaultKind::Malformed
            | FaultKind::Unknown
            | FaultKind::Conflict
            | FaultKind::Unsupported
            | FaultKind::Upstream => 200,
            FaultKind::Unauthentic => 401,
            FaultKind::Bug => 500,
            FaultKind::Busy => 503,
        };
        let failure = Finished {
            success: false,
            message: Some(cut(&fault.message)),
        };
        Reply {
            retry_after_s: (fault.kind == FaultKind::Busy).then_some(RETRY_AFTER_S),
            ..Reply::json(status, &failure)
        }
    }
}

impl Ask for QingcloudAppcenter {
    /// Spells the parameters in the order of the documentation's example and tables; whatever
    /// `extra` names replaces them, the signature included. `signing` in `extra` is not sent: it
    /// chooses the form that signs.
    fn ask(
        &self,
        call: &Call,
        listing: &Listing,
        own_query: &str,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let (form, extra) =
            Form::named(Form::DOCUMENTED, &[AS_IN_THE_SAMPLE, Form::AS_SENT], extra)?;
        let query = parameters(call, listing, now)?.spelt(own_query, &extra, &CARD)?;
        let (query, signature) = sign::signed(query, form, listing)?;
        Ok(OwnedRequest {
            headers: vec![(APP_SIGNATURE, signature)],
            ..OwnedRequest::get(query)
        })
    }

    fn resign(
        &self,
        request: &Request<'_>,
        by: &Resigner<'_>,
        set: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let (form, set) = Form::named(Form::DOCUMENTED, &[AS_IN_THE_SAMPLE, Form::AS_SENT], set)?;
        let at = ("time_stamp", moment::now(now)?);
        let query = resign::changed(request.query, at, &set)?;
        let (query, signature) = sign::signed_by(query, form, by.secret)?;
        Ok(OwnedRequest {
            headers: vec![(APP_SIGNATURE, signature)],
            ..OwnedRequest::get(query)
        })
    }

    fn telling(&self) -> &'static Telling {
        &Telling {
            values: "action spec spec_package period debug time_stamp",
            listed: "",
            path: "",
        }
    }

    /// The platform takes 200, exactly `application/json` and `success: true` for success.
    ///
    /// `success: false` is final. A create that is not ready, and whatever else may go better next
    /// time, is `Busy`.
    fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        if reply.status != 200 {
            return Err(answer::refused(reply));
        }
        let body = answer::bare_json_object(reply)?;
        answer::check_success(&body)?;
        if body.get("success") != Some(&Value::Bool(true)) {
            return Err(answer::not_understood("success must be true"));
        }
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

// Reading: the time, and what is encoded.

/// The signed time, when it lies within the listing's window on either side of `now`.
fn signed_at(query: &Query<'_>, listing: &Listing, now: UtcMillis) -> Result<UtcMillis, Fault> {
    let text = query.required("time_stamp", TEXT_BYTES_MAX)?;
    let signed_at = moment::parse("time_stamp", text)?;
    sign::check_window("time_stamp", text, signed_at, listing.clock_skew_ms, now)?;
    Ok(signed_at)
}

/// "Create": kept as received, because later calls to the platform go where it says.
fn cloud_info(query: &Query<'_>) -> Result<String, Fault> {
    let text = coded::decode(CLOUD_INFO, query.required(CLOUD_INFO, TEXT_BYTES_MAX)?)?;
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(_) => Ok(text),
        Err(_) => {
            let message = format!("{CLOUD_INFO} {}: must be a JSON object", quoted(&text));
            Err(Fault::malformed("cloud_info_malformed", message))
        }
    }
}

fn is_debug(query: &Query<'_>) -> Result<bool, Fault> {
    match query.get(DEBUG) {
        Some("true" | "1") => Ok(true),
        Some("false" | "0") | None => Ok(false),
        Some(other) => {
            let message = format!("{DEBUG} {}: must be true or false", quoted(other));
            Err(Fault::malformed("debug_malformed", message))
        }
    }
}

// Reading: the parameters.

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
    let buyer = query.required("user_id", TEXT_BYTES_MAX)?;
    let app_id = query.required(APP_ID, TEXT_BYTES_MAX)?;
    let bought = Bought::read(query)?;
    let content = bought.content(&[("user_id", Some(buyer)), (APP_ID, Some(app_id))]);
    let mut context = BTreeMap::from([
        (APP_ID.to_owned(), app_id.to_owned()),
        (CLOUD_INFO.to_owned(), cloud_info(query)?),
    ]);
    if is_debug(query)? {
        context.insert(DEBUG.to_owned(), "true".to_owned());
    }
    Ok(Create {
        order: OrderRef { key, content },
        buyer: buyer.to_owned(),
        spec: bought.spec,
        package: bought.package,
        period: bought.period,
        context,
    })
}

fn renew(query: &Query<'_>) -> Result<Renew, Fault> {
    let key = query.required("order_id", ORDER_KEY_BYTES_MAX)?;
    let (order, instance, bought) = on_instance(query, OrderKey::new(key))?;
    Ok(Renew {
        order,
        instance,
        spec: bought.spec,
        package: bought.package,
        period: bought.period,
    })
}

fn upgrade(query: &Query<'_>) -> Result<ChangePlan, Fault> {
    let (order, instance, bought) = on_instance(query, order_key(query)?)?;
    Ok(ChangePlan {
        order,
        instance,
        spec: bought.spec,
        package: bought.package,
        period: bought.period,
    })
}

fn on_instance(query: &Query<'_>, key: OrderKey) -> Result<(OrderRef, InstanceId, Bought), Fault> {
    let instance = instance(query)?;
    let bought = Bought::read(query)?;
    let content = bought.content(&[("instance_id", Some(instance.as_str()))]);
    Ok((OrderRef { key, content }, instance, bought))
}

fn instance(query: &Query<'_>) -> Result<InstanceId, Fault> {
    query
        .required("instance_id", INSTANCE_ID_BYTES_MAX)
        .map(InstanceId::new)
}

/// The platform's key, or one of ours.
fn order_key(query: &Query<'_>) -> Result<OrderKey, Fault> {
    let given = query.optional("order_id", ORDER_KEY_BYTES_MAX)?;
    Ok(given.map_or_else(|| own_key::of(query), OrderKey::new))
}

/// What every order says: spec, package and period, decoded.
struct Bought {
    spec: String,
    /// Missing from the documentation's own examples.
    package: Option<String>,
    period: Period,
}

impl Bought {
    fn read(query: &Query<'_>) -> Result<Self, Fault> {
        let spec = query.required("spec", TEXT_BYTES_MAX)?;
        let package = query.optional("spec_package", TEXT_BYTES_MAX)?;
        let period = query.required("period", TEXT_BYTES_MAX)?;
        Ok(Self {
            spec: coded::decode("spec", spec)?,
            package: package
                .map(|coded| coded::decode("spec_package", coded))
                .transpose()?,
            period: period::parse("period", period)?,
        })
    }

    /// The digest of the order that bought it for `whom`. The period counts as we spell it, so that
    /// `01_month` and `1_month` under one order key are one purchase.
    fn content(&self, whom: &[(&str, Option<&str>)]) -> Digest {
        let period = self.period.to_string();
        let what = [
            ("spec", Some(self.spec.as_str())),
            ("spec_package", self.package.as_deref()),
            ("period", Some(&period)),
        ];
        Digest::of(&[whom, &what].concat())
    }
}

// Writing.

/// The answer to a create. All keys are always there, `null` where there is nothing: so does the
/// documentation's own example say that there is no message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    success: bool,
    message: Option<&'a str>,
    instance_id: &'a str,
    app_info: AppInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppInfo<'a> {
    front_end: Account<'a>,
    admin: Account<'a>,
    auth_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Account<'a> {
    url: Option<&'a str>,
    username: Option<&'a str>,
    password: Option<&'a str>,
}

/// The answer to everything else, and to everything that failed.
#[derive(Serialize)]
struct Finished {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

const SUCCESS: Finished = Finished {
    success: true,
    message: None,
};

impl<'a> Created<'a> {
    fn new(instance: &'a InstanceId, access: &'a Access) -> Self {
        let account = |login: &'a Login| Account {
            url: login.url.as_deref(),
            username: login.username.as_deref(),
            password: login.password.as_deref(),
        };
        Self {
            success: true,
            message: None,
            instance_id: instance.as_str(),
            app_info: AppInfo {
                front_end: account(&access.front_end),
                admin: account(&access.admin),
                auth_url: access.auth_url.as_deref(),
            },
        }
    }
}

// Asking.

/// The parameters of `call` but the signature: a create's in the order of the documentation's
/// example, the others' in that of its tables. What the call does not say is `None`.
fn parameters(call: &Call, listing: &Listing, now: UtcMillis) -> Result<Parameters, Fault> {
    if call.dry_run {
        return Err(CARD.unsupported("it has no dry run, debug=true makes a real instance"));
    }
    let time =
        moment::spell(now).ok_or_else(|| CARD.unsupported("it has no words for such a time"))?;
    let mut parameters = Parameters::default();
    let mut put = |name: &str, value: Option<&str>| parameters.put(name, value);
    match &call.intent {
        Intent::Create(create) => {
            let context = |name: &str| create.context.get(name).map(String::as_str);
            let app_id = listing.product_code.as_deref().or_else(|| context(APP_ID));
            let cloud_info = context(CLOUD_INFO).unwrap_or(PUBLIC_CLOUD);
            put("user_id", Some(&create.buyer));
            put("action", Some(CREATE));
            put("time_stamp", Some(&time));
            put("spec", Some(&coded::encode(&create.spec)));
            if let Some(package) = &create.package {
                put("spec_package", Some(&coded::encode(package)));
            }
            put(CLOUD_INFO, Some(&coded::encode(cloud_info)));
            put("period", Some(&create.period.to_string()));
            put(APP_ID, app_id);
            if !own_key::is_own(&create.order.key) {
                put("order_id", Some(create.order.key.as_str()));
            }
            if context(DEBUG) == Some("true") {
                put(DEBUG, Some("true"));
            }
            return Ok(parameters);
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
            if is_renewal || !own_key::is_own(&order.key) {
                put("order_id", Some(order.key.as_str()));
            }
            put("instance_id", Some(instance.as_str()));
            put("spec", Some(&coded::encode(spec)));
            if let Some(package) = package {
                put("spec_package", Some(&coded::encode(package)));
            }
            put("period", Some(&period.to_string()));
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
    put("time_stamp", Some(&time));
    Ok(parameters)
}

// Hearing.

/// "Create": the response.
fn delivered(body: &Map<String, Value>) -> Result<Outcome, Fault> {
    let instance = answer::instance_id(body)?;
    let nothing = Map::new();
    let info = answer::object(body, "appInfo")?.unwrap_or(&nothing);
    let login = |name: &str| {
        let account = answer::object(info, name)?.unwrap_or(&nothing);
        Ok(Login {
            url: answer::text(account, "url")?,
            username: answer::text(account, "username")?,
            password: answer::text(account, "password")?,
        })
    };
    Ok(answer::created(
        instance,
        Access {
            front_end: login("frontEnd")?,
            admin: login("admin")?,
            auth_url: answer::text(info, "authUrl")?,
            ..Access::default()
        },
    ))
}
