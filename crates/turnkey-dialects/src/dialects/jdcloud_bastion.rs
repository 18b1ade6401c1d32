//! JD Cloud Bastion (堡垒机): the OpenAPI `v1` of the JD Cloud documentation and SDKs, both faces.
//!
//! Here we are the cloud, and buyers call: every path below `/v1`, signed with the secret of an
//! account. What is documented and what was read in the SDKs is in jdcloud-bastion.md and
//! jdcloud-openapi.md; "§" below is a section of the former unless it says "openapi".
//!
//! | operation | asks for | content that its order is known by |
//! | --- | --- | --- |
//! | CreateInstance | buy | instanceSpec, chargeSpec |
//! | ModifyInstanceSpec | change plan | instanceId, spec |
//! | ModifyInstanceExpireOrStart | suspend (13), resume (1) | – |
//! | DeleteInstance | release | – |
//! | UpdateBastionDesc, SetInstancePublicAccess, SetInstanceZeroEnable | amend | – |
//! | DescribeSourceId, DescribeBastions, DescribeBastion, DescribeInstance, DescribePins, DescribeSign | look | – |
//!
//! An order's key is the buyer's purchase token where there is one (`clientToken` in the body, or
//! the signed header `x-turnkey-purchase-token`), else what makes the signed request one: access
//! key, nonce and date where the nonce is signed, else the signature (§7).
//!
//! One id has two spellings: `instanceId` is ours (`i-…`), `bid` the same with a `b`. Either is
//! taken wherever one is named (§2.1).

use serde_json::{Value, json};
use turnkey_core::decide::Outcome;
use turnkey_core::{
    Call, Caller, Fault, InstanceId, Intent, Listing, Look, OrderId, Standing, UtcMillis, View,
};

use crate::jdcloud::members::{self, Members, Parameters};
use crate::jdcloud::{self, envelope};
use crate::{Action, Card, Dialect, ExchangeId, Faces, Listen, Overture, Reply, Request, moment};

mod ask;
mod parameters;

pub(super) const DIALECT: &dyn Dialect = &JdcloudBastion;

/// The service's name in the credential scope.
const SERVICE: &str = "bastion";

/// §3, §9 of openapi: the SDKs give up after 10 to 20 s, and Java's alone sends again by itself.
static CARD: Card = Card {
    name: "jdcloud-bastion",
    title: "JD Cloud Bastion (京东云堡垒机 OpenAPI)",
    source: "JD Cloud documentation, \"堡垒机 / 创建实例\", and the SDKs' models, checked 2026-11",
    methods: &["GET", "POST", "PATCH", "DELETE"],
    root: Some("/v1"),
    body_bytes_max: 1024 * 1024,
    names_exchanges: true,
    actions: &[
        Action::new("create", "createInstance", 0),
        Action::new("source", "describeSourceId", 0),
        Action::new("list", "describeBastions", 0),
        Action::new("bastion", "describeBastion", 0),
        Action::new("instance", "describeInstance", 0),
        Action::new("desc", "updateBastionDesc", 0),
        Action::new("resize", "modifyInstanceSpec", 0),
        Action::new("expire-or-start", "modifyInstanceExpireOrStart", 0),
        Action::new("public-access", "setInstancePublicAccess", 0),
        Action::new("zero", "setInstanceZeroEnable", 0),
        Action::new("delete", "deleteInstance", 0),
        Action::new("pins", "describePins", 0),
        Action::new("sign", "describeSign", 0),
    ],
    time_limit_ms: 10_000,
    reply_within_ms: 0,
    overture: Overture::None,
    product_code: None,
    https_only: false,
};

/// The header that carries a purchase token (§7); believed only where it is signed.
const TOKEN_HEADER: &str = "x-turnkey-purchase-token";

/// Longest purchase token: as long as other products' `clientToken` (openapi §8).
const TOKEN_CHARS_MAX: usize = 64;

/// §3.1: JD's general limit of a description, in characters.
const DESC_CHARS_MAX: usize = 256;

/// Words of a context, as this API has them.
const AZ: &str = "az";
const VPC: &str = "vpcId";
const SUBNET: &str = "subnetId";
const IP_VERSION: &str = "ipVersion";
const DESC: &str = "desc";
const PUBLIC_ACCESS: &str = "publicAccess";
const ZERO: &str = "zeroStatus";

/// Addresses that a driver may hand over as `extra` fields of an access, under these names (§2).
const ADDRESSES: [&str; 10] = [
    "publicIp",
    "logIp",
    "logPip",
    "relayIp0",
    "relayIp1",
    "relayIp2",
    "relayPip0",
    "relayPip1",
    "relayPip2",
    "domain",
];
/// The same, of `Instance` only.
const INNER: [&str; 2] = ["innerIp", "innerDomain"];

/// §2.2: what `status` says.
const RUNNING: i64 = 1;
const EXPIRED: i64 = 13;

struct JdcloudBastion;

impl Dialect for JdcloudBastion {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn faces(&self) -> Faces<'_> {
        Faces {
            listen: Some(self),
            ask: Some(self),
            explain: Some(&crate::explain::jdcloud::DOCTOR),
        }
    }
}

impl Listen for JdcloudBastion {
    /// §4: authentication, route, JSON, parameters; existence and state are the core's to check.
    fn read(
        &self,
        request: &Request<'_>,
        listing: &Listing,
        now: UtcMillis,
    ) -> Result<Call, Fault> {
        let front = listing.storefront.as_ref();
        let account = |key: &str| front.and_then(|front| front.accounts.by_access_key(key));
        let keys_of = |key: &str| account(key).map(|account| account.secrets.as_slice());
        let proof = jdcloud::authenticate(request, keys_of, listing.clock_skew_ms, now)?;
        let (Some(front), Some(account)) = (front, account(proof.access_key)) else {
            return Err(Fault::bug("a listing of a storefront has none"));
        };
        let query = Parameters::read(&proof.query)?;
        let route = route(request, &query)?;
        if proof.scope.service != SERVICE || !front.regions.contains_key(&route.region) {
            return Err(no_route());
        }
        let body = members::body(request.body)?;
        let asked = parameters::Asked {
            route: &route,
            query: &query,
            body: Members::of(&body),
            proof: &proof,
            account,
            front,
            now,
        };
        Ok(Call {
            intent: asked.intent()?,
            dry_run: false,
            signed_at: Some(proof.signed_at),
            caller: Some(Caller {
                account: account.name.clone(),
                pays: asked.body.boolean("autoPay")?.unwrap_or(false) || asked.charge_pays()?,
                region: route.region.clone(),
            }),
        })
    }

    /// §1: the results.
    fn write(&self, call: &Call, outcome: &Outcome, exchange: &ExchangeId) -> Reply {
        let region = call.caller.as_ref().map_or("", |caller| &caller.region);
        let result = match (outcome, &call.intent) {
            (Outcome::Ordered { purchase, .. }, Intent::ChangePlan(_)) => {
                json!({"buyId": purchase.as_str()})
            }
            (Outcome::Ordered { purchase, orders }, _) => {
                let source = |order: &OrderId| json!({"sourceId": order.as_str()});
                let sources: Vec<_> = orders.iter().map(source).collect();
                json!({"buyId": purchase.as_str(), "sourceIds": sources})
            }
            (Outcome::Shown(_), Intent::Look(Look::Ticket(_, ticket))) => {
                json!({"sign": {"sign": ticket.sign, "ts": ticket.at_s, "sk": ticket.sk}})
            }
            (Outcome::Shown(view), Intent::Look(Look::Detail(_))) => {
                json!({"bastion": shown(view, region, true)})
            }
            (Outcome::Shown(view), _) => json!({"bastion": shown(view, region, false)}),
            (Outcome::Listed(views, total), _) => {
                let all: Vec<_> = views
                    .iter()
                    .map(|view| shown(view, region, false))
                    .collect();
                json!({"bastions": all, "totalCount": total})
            }
            (Outcome::Done, Intent::Look(Look::Caller)) => {
                let account = call.caller.as_ref().map_or("", |caller| &caller.account);
                json!({"pins": [{"pin": account}]})
            }
            // §1: every other operation says true or fails.
            (
                Outcome::Done
                | Outcome::Gone
                | Outcome::Delivered { .. }
                | Outcome::Held { .. }
                | Outcome::NotReady { .. },
                _,
            ) => json!({"result": true}),
        };
        envelope::success(&result, exchange)
    }

    fn refuse(&self, fault: &Fault, exchange: &ExchangeId) -> Reply {
        envelope::failure(fault, exchange)
    }
}

// Reading: the route (§1).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Source,
    List,
    Bastion,
    Instance,
    Desc,
    Resize,
    ExpireOrStart,
    PublicAccess,
    Zero,
    Delete,
    Pins,
    Sign,
}

struct Route {
    operation: Operation,
    region: String,
    /// The id in the path, where the operation has one.
    id: String,
}

fn no_route() -> Fault {
    Fault::unknown(
        "api_unknown",
        "there is no such operation, or not in this region",
    )
}

/// Splits the path on raw `/`, decodes each segment, and only then looks for the colon, which comes
/// in two spellings (openapi §1).
fn route(request: &Request<'_>, query: &Parameters) -> Result<Route, Fault> {
    let decoded = |segment: &str| {
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
        String::from_utf8(bytes).map_err(|_| no_route())
    };
    let segments: Vec<String> = request
        .path
        .split('/')
        .skip(1)
        .map(decoded)
        .collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v1", "regions", region, rest @ ..] = segments.as_slice() else {
        return Err(no_route());
    };
    let (operation, id) = match (request.method, rest) {
        ("POST", ["instances"]) => (Operation::Create, ""),
        ("GET", ["order", id]) => (Operation::Source, *id),
        ("GET", ["bastions"]) => (Operation::List, ""),
        ("GET", ["bastion", id]) => (Operation::Bastion, *id),
        ("GET", ["instance", id]) => (Operation::Instance, *id),
        ("PATCH", ["bastion", id]) => (Operation::Desc, *id),
        ("POST", ["instances", custom]) => match custom.rsplit_once(':') {
            Some((id, "modifyInstanceSpec")) => (Operation::Resize, id),
            Some((id, "modifyInstanceExpireOrStart")) => (Operation::ExpireOrStart, id),
            _ => return Err(no_route()),
        },
        ("PATCH", ["instance", id, "publicAccess"]) => (Operation::PublicAccess, *id),
        ("POST", ["instance", id, "zero"]) => (Operation::Zero, *id),
        ("DELETE", ["instance", id]) => (Operation::Delete, *id),
        ("GET", ["pins"]) => (Operation::Pins, ""),
        ("GET", ["sign"]) => (Operation::Sign, ""),
        _ => return Err(no_route()),
    };
    // §3.2: Node never fills this placeholder, and says the id in the query.
    let unfilled = id.strip_prefix('{').and_then(|id| id.strip_suffix('}'));
    let id = match unfilled {
        Some(name) => query.required(name)?,
        None => id,
    };
    Ok(Route {
        operation,
        region: (*region).to_owned(),
        id: id.to_owned(),
    })
}

/// §2.1: `bid` and `instanceId` name the same thing.
fn instance_id(text: &str) -> InstanceId {
    match text.strip_prefix("b-") {
        Some(rest) => InstanceId::new(format!("i-{rest}")),
        None => InstanceId::new(text),
    }
}

fn bid(id: &InstanceId) -> String {
    match id.as_str().strip_prefix("i-") {
        Some(rest) => format!("b-{rest}"),
        None => id.as_str().to_owned(),
    }
}

// Writing (§2).

fn status(standing: Standing) -> i64 {
    match standing {
        Standing::Provisioning => 0,
        Standing::Running => RUNNING,
        Standing::Stopped => 2,
        Standing::Failed => 3,
        Standing::Expired => EXPIRED,
    }
}

/// A `Bastion`, or an `Instance` where `is_instance`.
fn shown(view: &View, region: &str, is_instance: bool) -> Value {
    let word = |name: &str| view.context.get(name).map_or("", String::as_str);
    let is_on = |name: &str, unless_said: bool| match view.context.get(name) {
        Some(value) => value == "true",
        None => unless_said,
    };
    let time = |at: UtcMillis| moment::spell(at).unwrap_or_default();
    let mut members = json!({
        "bid": bid(&view.instance),
        "instanceId": view.instance.as_str(),
        "regionId": region,
        "az": word(AZ),
        "chargeMode": "prepaid_by_duration",
        "status": status(view.standing),
        "vpcId": word(VPC),
        "subnetId": word(SUBNET),
        "spec": view.spec,
        "startTime": time(view.term.starts_at),
        "endTime": time(view.term.ends_at),
        "desc": word(DESC),
        "publicAccess": is_on(PUBLIC_ACCESS, true),
    });
    let Some(all) = members.as_object_mut() else {
        return members;
    };
    if let Some(period) = view.period {
        all.insert("chargeUnit".to_owned(), json!(period.unit().name()));
        all.insert("chargeDuration".to_owned(), json!(period.count()));
    }
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), json!(value));
        }
    };
    if let Some(access) = &view.access {
        let extra = |name: &str| access.extra.get(name).map(String::as_str);
        for name in ADDRESSES {
            put(name, extra(name));
        }
        if is_instance {
            for name in INNER {
                put(name, extra(name));
            }
        }
        if extra("domain").is_none() {
            put("domain", access.front_end.url.as_deref());
        }
    }
    if is_instance {
        if let Some(access) = view.access.as_ref() {
            all.insert("access".to_owned(), ask::access(access));
        }
    } else {
        all.insert(ZERO.to_owned(), json!(is_on(ZERO, false)));
    }
    members
}
