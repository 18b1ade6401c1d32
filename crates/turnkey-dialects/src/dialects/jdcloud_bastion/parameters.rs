//! What the parameters of an operation ask for (§3 of jdcloud-bastion.md).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use turnkey_core::storefront::{InstancesLook, REGION, Tested, Ticket};
use turnkey_core::{
    Account, ChangePlan, Digest, Fault, InstanceId, Intent, Look, OrderId, OrderKey, OrderRef,
    Period, Purchase, Reason, Storefront, Unit, UtcMillis,
};

use super::{
    AZ, DESC, DESC_CHARS_MAX, EXPIRED, IP_VERSION, Operation, PUBLIC_ACCESS, RUNNING, Route,
    SUBNET, TOKEN_CHARS_MAX, TOKEN_HEADER, VPC, ZERO, instance_id,
};
use crate::jdcloud::members::{Members, Parameters, malformed, out_of_range};
use crate::jdcloud::{self, Proof};
use crate::text::quoted;

/// A request whose sender is known.
pub(super) struct Asked<'a> {
    pub(super) route: &'a Route,
    pub(super) query: &'a Parameters,
    pub(super) body: Members<'a>,
    pub(super) proof: &'a Proof<'a, 'a>,
    pub(super) account: &'a Account,
    pub(super) front: &'a Storefront,
    pub(super) now: UtcMillis,
}

impl Asked<'_> {
    pub(super) fn intent(&self) -> Result<Intent, Fault> {
        let id = || instance_id(&self.route.id);
        let amend = |name: &str, value: &str| {
            let words = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            Ok(Intent::Amend(id(), words))
        };
        let switch = |is_on: bool| if is_on { "true" } else { "false" };
        match self.route.operation {
            Operation::Create => self.purchase().map(Intent::Buy),
            Operation::Source => Ok(Intent::Look(Look::Order(OrderId::new(&self.route.id)))),
            Operation::List => self.list().map(|look| Intent::Look(Look::Instances(look))),
            Operation::Bastion => Ok(Intent::Look(Look::Instance(id()))),
            Operation::Instance => Ok(Intent::Look(Look::Detail(id()))),
            Operation::Desc => {
                let desc = self.body.text(DESC)?;
                let desc = desc.ok_or_else(|| malformed(DESC, "must be a string"))?;
                amend(DESC, checked_desc(desc)?)
            }
            Operation::Resize => self.resize().map(Intent::ChangePlan),
            Operation::ExpireOrStart => match self.body.required_integer("status")? {
                EXPIRED => Ok(Intent::Suspend(id(), Reason::Marketplace)),
                RUNNING => Ok(Intent::Resume(id(), Reason::Marketplace)),
                _ => Err(malformed("status", "must be 1 or 13")),
            },
            Operation::PublicAccess => {
                amend(PUBLIC_ACCESS, switch(self.body.required_boolean("status")?))
            }
            Operation::Zero => amend(ZERO, switch(self.body.required_boolean("status")?)),
            Operation::Delete => Ok(Intent::Release(id())),
            Operation::Pins => {
                let named =
                    |name: &str| matches!(name, "valid" | "upgrade").then_some(Tested::Word("pin"));
                self.query.filters(named, instance_id)?;
                self.query.newest_first()?;
                Ok(Intent::Look(Look::Caller))
            }
            Operation::Sign => {
                let id = instance_id(self.query.required("bastionId")?);
                let ticket = self.ticket(&id);
                Ok(Intent::Look(Look::Ticket(id, ticket)))
            }
        }
    }

    pub(super) fn charge_pays(&self) -> Result<bool, Fault> {
        let charge = self.body.object("chargeSpec")?;
        let pays = charge.map(|charge| charge.boolean("autoPay")).transpose()?;
        Ok(pays.flatten().unwrap_or(false))
    }

    /// §3.1.
    fn purchase(&self) -> Result<Purchase, Fault> {
        let spec = self.body.required_object("instanceSpec")?;
        let az = spec.required(AZ)?;
        let zones = self.front.regions.get(&self.route.region);
        if !zones.is_some_and(|zones| zones.iter().any(|zone| zone == az)) {
            let rule = format!("{} is no zone of region {}", quoted(az), self.route.region);
            return Err(malformed(AZ, &rule));
        }
        let (vpc, subnet) = (spec.required(VPC)?, spec.required(SUBNET)?);
        let size = spec.required("spec")?;
        let quantity = spec.required_integer("quantity")?;
        let ip_version = spec.required(IP_VERSION)?;
        if !matches!(ip_version, "v4" | "v4&v6") {
            return Err(malformed(IP_VERSION, "must be v4 or v4&v6"));
        }
        let desc = spec.text(DESC)?.map(checked_desc).transpose()?;
        let charge = Charge::read(self.body.object("chargeSpec")?)?;
        let count = quantity.to_string();
        let mut content = vec![
            (AZ, Some(az)),
            (VPC, Some(vpc)),
            (SUBNET, Some(subnet)),
            ("spec", Some(size)),
            ("quantity", Some(count.as_str())),
            (IP_VERSION, Some(ip_version)),
            (DESC, desc),
        ];
        let period = charge.period.to_string();
        content.push(("period", Some(&period)));
        content.push(("autoRenew", charge.renews.then_some("true")));
        content.push(("buyScenario", charge.scenario));
        let mut context = BTreeMap::from([
            (REGION.to_owned(), self.route.region.clone()),
            (AZ.to_owned(), az.to_owned()),
            (VPC.to_owned(), vpc.to_owned()),
            (SUBNET.to_owned(), subnet.to_owned()),
            (IP_VERSION.to_owned(), ip_version.to_owned()),
        ]);
        let optional = [(DESC, desc), ("buyScenario", charge.scenario)];
        let said = optional
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)));
        context.extend(said.map(|(name, text)| (name.to_owned(), text.to_owned())));
        Ok(Purchase {
            order: self.order(Digest::of(&content))?,
            spec: size.to_owned(),
            // What does not fit is refused by the core, like every number that is too large.
            quantity: u32::try_from(quantity).unwrap_or(0),
            period: charge.period,
            renews: charge.renews,
            context,
        })
    }

    /// §3.7.
    fn resize(&self) -> Result<ChangePlan, Fault> {
        let spec = self.body.required("spec")?;
        let instance = instance_id(&self.route.id);
        let content = [
            ("instanceId", Some(instance.as_str())),
            ("spec", Some(spec)),
        ];
        Ok(ChangePlan {
            order: self.order(Digest::of(&content))?,
            spec: spec.to_owned(),
            package: None,
            // Handed to the driver; a resize has none of its own.
            period: Period::MONTH,
            instance,
        })
    }

    /// §7: the token, or what makes this request one.
    fn order(&self, content: Digest) -> Result<OrderRef, Fault> {
        let in_header = self.proof.signed_header(TOKEN_HEADER);
        let token = self.body.text("clientToken")?.or(in_header.as_deref());
        let token = token.filter(|token| !token.is_empty());
        if token.is_some_and(|token| token.chars().count() > TOKEN_CHARS_MAX) {
            let rule = format!("must have at most {TOKEN_CHARS_MAX} characters");
            return Err(malformed("clientToken", &rule));
        }
        let nonce = self.proof.nonce();
        let key = match (token, &nonce) {
            (Some(token), _) if is_own(token) => OrderKey::new(token),
            (Some(token), _) => own_key(&[&self.account.name, "token", token]),
            (None, Some(nonce)) => own_key(&[self.proof.access_key, nonce, self.proof.date]),
            (None, None) => own_key(&[self.proof.access_key, self.proof.signature]),
        };
        Ok(OrderRef { key, content })
    }

    /// §3.3.
    fn list(&self) -> Result<InstancesLook, Fault> {
        /// Pages that can be turned to: beyond what any account has.
        const PAGES_MAX: i64 = 1_000_000;
        let page = self.query.number("pageNumber", 1, PAGES_MAX, 1)?;
        let size = self.query.number("pageSize", 10, 100, 20)?;
        let named = |name: &str| match name {
            "bid" | "instanceId" => Some(Tested::Id),
            // §3.3: the model has no name, so that it is the description.
            "name" => Some(Tested::Word(DESC)),
            _ => None,
        };
        let (page, limit) = (page.unsigned_abs(), size.unsigned_abs());
        Ok(InstancesLook {
            tests: self.query.filters(named, instance_id)?,
            newest_first: self.query.newest_first()?,
            skip: (page - 1) * limit,
            limit,
        })
    }

    /// §3.13: a ticket that whoever knows the account's secret can check. The secret is not in it.
    fn ticket(&self, id: &InstanceId) -> Ticket {
        let at_s = self.now.0.div_euclid(1000);
        let pin = self.query.get("pin").unwrap_or(&self.account.name);
        let proof = |what: &str| {
            let message = format!("{what}\n{}\n{pin}\n{at_s}", id.as_str());
            crate::sign::hmac_sha256_base64(self.proof.key.secret(), &message)
        };
        Ticket {
            sign: proof("sign"),
            sk: proof("sk"),
            at_s,
        }
    }
}

fn checked_desc(desc: &str) -> Result<&str, Fault> {
    if desc.chars().count() > DESC_CHARS_MAX {
        let rule = format!("must have at most {DESC_CHARS_MAX} characters");
        return Err(malformed(DESC, &rule));
    }
    Ok(desc)
}

/// What `chargeSpec` says, in both of its spellings (§2).
struct Charge<'a> {
    period: Period,
    renews: bool,
    scenario: Option<&'a str>,
}

impl<'a> Charge<'a> {
    /// §3.1: nothing is one month.
    fn read(charge: Option<Members<'a>>) -> Result<Self, Fault> {
        let Some(charge) = charge else {
            return Ok(Self {
                period: Period::MONTH,
                renews: false,
                scenario: None,
            });
        };
        match charge.text("chargeMode")? {
            None | Some("prepaid_by_duration" | "MONTHLY") => {}
            Some(other) => {
                let rule = format!("{}: only prepaid is sold here", quoted(other));
                return Err(malformed("chargeMode", &rule));
            }
        }
        let unit = charge.text("chargeUnit")?.unwrap_or("month");
        let (unit, most) = match unit.to_ascii_lowercase().as_str() {
            "month" => (Unit::Month, 9),
            "year" => (Unit::Year, 3),
            _ => return Err(malformed("chargeUnit", "must be MONTH or YEAR")),
        };
        let duration = charge.integer("chargeDuration")?.unwrap_or(1);
        let period = u32::try_from(duration)
            .ok()
            .filter(|_| (1..=most).contains(&duration))
            .and_then(|count| Period::new(count, unit).ok())
            .ok_or_else(|| out_of_range("chargeDuration", 1, most))?;
        let scenario = charge.text("buyScenario")?.filter(|text| !text.is_empty());
        scenario.map(check_scenario).transpose()?;
        Ok(Self {
            period,
            renews: charge.boolean("autoRenew")?.unwrap_or(false),
            scenario,
        })
    }
}

/// The seed: base64 of `{"activity": {"activityType": …, "activityIdentifier": …}}`, both required.
fn check_scenario(coded: &str) -> Result<(), Fault> {
    let wrong = |rule: &str| malformed("buyScenario", rule);
    let bytes = BASE64.decode(coded);
    let bytes = bytes.map_err(|_| wrong("must be base64"))?;
    let scenario: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|_| wrong("must be base64 of a JSON object"))?;
    let activity = scenario.get("activity").and_then(Value::as_object);
    let has = |name: &str| {
        let value = activity.and_then(|activity| activity.get(name));
        value.is_some_and(|value| !value.is_null() && *value != json!(""))
    };
    match (has("activityType"), has("activityIdentifier")) {
        (true, true) => Ok(()),
        (false, _) => Err(wrong("must name activity.activityType")),
        (true, false) => Err(wrong("must name activity.activityIdentifier")),
    }
}

/// How an order key of ours begins.
const OWN: &str = "t-";

/// Its hexadecimal digits.
const OWN_DIGITS: usize = 32;

fn own_key(parts: &[&str]) -> OrderKey {
    let fields: Vec<_> = parts.iter().map(|part| ("", Some(*part))).collect();
    let digits = jdcloud::hex(&Digest::of(&fields).0);
    OrderKey::new(format!(
        "{OWN}{}",
        digits.get(..OWN_DIGITS).unwrap_or_default()
    ))
}

/// A token that is an order key of ours already: whoever asks on passes it through.
fn is_own(token: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = token.strip_prefix(OWN);
    digits.is_some_and(|digits| digits.len() == OWN_DIGITS && digits.bytes().all(is_digit))
}
