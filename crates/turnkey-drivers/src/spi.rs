//! Provisions by asking another vendor, as the marketplace that it knows would (design §7): the
//! dialect's overture, then the call, its time limit, its repeats, its success rule.
//!
//! | an attempt ends with | means |
//! | --- | --- |
//! | success | done; a create's instance id is kept beside its access |
//! | a create that holds the place of an instance still to come | done: its links are the access |
//! | a no that conforms to the protocol | a final no, with the vendor's words |
//! | the same to a create that was called before | retry, then dead: an unheard call may have made it |
//! | anything else, after the protocol's repeats | retry, then dead |
//!
//! One attempt of an operation is one whole schedule, and the outgoing order key is the operation
//! key, so that a vendor sees one order however often it is asked. Only the call itself may end an
//! order for good: what a dry run or a connection test is answered with says nothing of an order
//! that an earlier attempt may have placed.
//!
//! A held create is done, because the protocols have no word for "later": the vendor's answer is
//! final, and its links lead the buyer on once the instance is there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret as _, SecretString};
use turnkey_core::decide::Outcome;
use turnkey_core::limits::cut;
use turnkey_core::ports::{Boxed, Clock, Driver, Immediate, Verdict, Work};
use turnkey_core::{
    Access, Call, ChangePlan, Create, Digest, Fault, FaultKind, InstanceId, Intent, OperationKind,
    OrderKey, OrderRef, Period, Reason, Renew,
};
use turnkey_dialects::{Action, Dialect, Overture};

use crate::market::{Delivery, Market, MarketError, Schedule, guarded_client, known};
use crate::reach::{Lookup, Reach, system};
use crate::redact::redact;

/// Where the vendor's name of an instance is kept: among what else its access holds. So it is sealed
/// at rest, goes when the instance does, and an import can bring it.
pub const VENDOR_INSTANCE_ID: &str = "vendor_instance_id";

/// How another vendor is asked.
#[derive(Clone)]
pub struct SpiSettings {
    /// The protocol.
    pub dialect: &'static dyn Dialect,
    /// The vendor's notification URL.
    pub url: String,
    /// What calls are signed with. It may be swapped for another; a call has one of the two.
    pub key: Arc<ArcSwap<SecretString>>,
    /// What the vendor knows the product by.
    pub product_code: Option<String>,
    /// Where it may be although that is not public.
    pub reach: Reach,
    /// What the vendor calls each plan, by the plan's name.
    pub plans: BTreeMap<String, PlanWords>,
    /// How long it waits between two calls.
    pub schedule: Schedule,
}

/// What a vendor calls a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanWords {
    /// The specification.
    pub spec: String,
    /// The package of it.
    pub package: String,
}

/// Provisions by asking another vendor.
pub struct SpiDriver {
    settings: SpiSettings,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SpiSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpiSettings")
            .field("dialect", &self.dialect.card().name)
            .field("reach", &self.reach)
            .field("plans", &self.plans)
            .finish_non_exhaustive()
    }
}

/// Whether `dialect` can be asked for instances, call by call. One with a root is a storefront's:
/// there an account buys, and by quantity.
#[must_use]
pub fn speaks_of_instances(dialect: &dyn Dialect) -> bool {
    dialect.faces().ask.is_some() && dialect.card().root.is_none()
}

/// Why no call is made.
enum Unasked {
    /// There is nothing to say: it is so already.
    Done,
    /// The protocol has no words for it.
    No(String),
    /// Something is missing that a person may bring.
    Retry(String),
}

impl SpiDriver {
    /// A driver that asks the vendor of `settings`; `clock` stamps what is signed.
    ///
    /// # Errors
    /// When the dialect has no face that asks, or the system gives no HTTP client.
    pub fn new(settings: SpiSettings, clock: Arc<dyn Clock>) -> Result<Self, MarketError> {
        Self::looking_up(settings, clock, system())
    }

    /// The same, with `lookup` in the place of the system's.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn looking_up(
        settings: SpiSettings,
        clock: Arc<dyn Clock>,
        lookup: Lookup,
    ) -> Result<Self, MarketError> {
        let card = settings.dialect.card();
        if settings.dialect.faces().ask.is_none() {
            return Err(MarketError::OneFaced(card.title));
        }
        let time_limit = Duration::from_millis(card.time_limit_ms);
        let client = guarded_client(time_limit, settings.reach.clone(), lookup)
            .map_err(MarketError::Client)?;
        Ok(Self {
            settings,
            client,
            clock,
        })
    }

    /// One schedule.
    async fn ask(&self, work: &Work) -> Result<Verdict, Unasked> {
        let intent = self.intent(work)?;
        let market = self.market()?;
        let within = self.settings.reach.check_literal(market.url());
        within.map_err(|refused| Unasked::Retry(refused.to_string()))?;
        let action = self.action(action_name(work.kind))?;
        if let Some((overture, call)) = self.overture(&market, action, &intent)? {
            let delivery = market.deliver(overture, &call, false).await;
            if let Err(fault) = &delivery.outcome {
                // A dry run is nothing but this, and its no is the answer.
                let is_no = work.dry_run && fault.kind == FaultKind::Upstream;
                let what = said(&delivery, fault, Some(market.overture()));
                return Err(if is_no {
                    Unasked::No(fault.message.clone())
                } else {
                    Unasked::Retry(what)
                });
            }
        }
        if work.dry_run {
            return Err(Unasked::Done);
        }
        let call = call(intent, false);
        let delivery = market.deliver(action, &call, false).await;
        Ok(verdict(work, &delivery))
    }

    /// The marketplace that the vendor knows, with the key as it is now.
    fn market(&self) -> Result<Market, Unasked> {
        let SpiSettings {
            dialect,
            url,
            key,
            product_code,
            schedule,
            ..
        } = &self.settings;
        let key = SecretString::clone(&key.load());
        let known = known("spi", key, product_code.clone());
        let market = Market::through(
            *dialect,
            Arc::new(known),
            Arc::clone(&self.clock),
            url,
            Vec::new(),
            *schedule,
            self.client.clone(),
        );
        market.map_err(|error| Unasked::Retry(error.to_string()))
    }

    /// What is called before `action`, where something is.
    fn overture(
        &self,
        market: &Market,
        action: &'static Action,
        intent: &Intent,
    ) -> Result<Option<(&'static Action, Call)>, Unasked> {
        Ok(match market.overture() {
            Overture::DryRun => Some((action, call(intent.clone(), true))),
            Overture::Ping => Some((self.action("test")?, call(Intent::Ping, false))),
            Overture::None => None,
        })
    }

    fn action(&self, name: &str) -> Result<&'static Action, Unasked> {
        let card = self.settings.dialect.card();
        let action = card.actions.iter().find(|action| action.name == name);
        action.ok_or_else(|| Unasked::No(format!("{} has no words for {name}", card.title)))
    }

    /// What the vendor is asked, in our words.
    fn intent(&self, work: &Work) -> Result<Intent, Unasked> {
        Ok(match work.kind {
            OperationKind::Provision => {
                let PlanWords { spec, package } = self.words(work)?;
                Intent::Create(Create {
                    order: order(work),
                    buyer: work.buyer.clone(),
                    spec,
                    package: Some(package),
                    period: period(work)?,
                    context: work.context.clone(),
                })
            }
            OperationKind::Renew => Intent::Renew(self.renewal(work)?),
            OperationKind::ChangePlan => {
                let Renew {
                    order,
                    instance,
                    spec,
                    package,
                    period,
                } = self.renewal(work)?;
                Intent::ChangePlan(ChangePlan {
                    order,
                    instance,
                    spec,
                    package,
                    period,
                })
            }
            OperationKind::Suspend => Intent::Suspend(instance(work)?, Reason::Marketplace),
            OperationKind::Resume => return Err(self.resume(work)),
            OperationKind::Release if is_refused(work) => return Err(Unasked::Done),
            OperationKind::Release => Intent::Release(instance(work)?),
        })
    }

    /// These protocols bring an instance back by renewing it. A resume that a renewal brings along
    /// stands behind that renewal, which the vendor has then carried out.
    fn resume(&self, work: &Work) -> Unasked {
        if work.renewal.is_some() {
            return Unasked::Done;
        }
        let title = self.settings.dialect.card().title;
        Unasked::No(format!(
            "{title} has no resume: the vendor brings an instance back when it is renewed"
        ))
    }

    fn renewal(&self, work: &Work) -> Result<Renew, Unasked> {
        let PlanWords { spec, package } = self.words(work)?;
        Ok(Renew {
            order: order(work),
            instance: instance(work)?,
            spec,
            package: Some(package),
            period: period(work)?,
        })
    }

    fn words(&self, work: &Work) -> Result<PlanWords, Unasked> {
        let words = self.settings.plans.get(&work.plan).cloned();
        words.ok_or_else(|| Unasked::Retry(format!("plan {:?} is not configured", work.plan)))
    }

    /// What is said, without anything secret in it.
    fn redacted(&self, what: &str, work: &Work) -> String {
        let key = self.settings.key.load();
        let access = work.access.iter().flat_map(Access::secrets);
        cut(&redact(what, access.chain([key.expose_secret()])))
    }
}

impl Driver for SpiDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move {
            match self.ask(&work).await {
                Ok(Verdict::Retry(what)) | Err(Unasked::Retry(what)) => {
                    Verdict::Retry(self.redacted(&what, &work))
                }
                Ok(Verdict::No(what)) | Err(Unasked::No(what)) => {
                    Verdict::No(self.redacted(&what, &work))
                }
                Ok(verdict @ (Verdict::Done(_) | Verdict::NotYet(_))) => verdict,
                Err(Unasked::Done) => Verdict::Done(None),
            }
        })
    }
}

fn call(intent: Intent, dry_run: bool) -> Call {
    Call {
        caller: None,
        intent,
        dry_run,
        signed_at: None,
    }
}

/// The action that does work of `kind`; the dialects share its name.
fn action_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Provision => "create",
        OperationKind::Renew => "renew",
        OperationKind::ChangePlan => "upgrade",
        OperationKind::Suspend => "expire",
        OperationKind::Resume => "resume",
        OperationKind::Release => "delete",
    }
}

/// The outgoing order: the same on every attempt.
fn order(work: &Work) -> OrderRef {
    OrderRef {
        key: OrderKey::new(work.operation.as_str()),
        content: Digest::of(&[]),
    }
}

/// The period that was bought.
fn period(work: &Work) -> Result<Period, Unasked> {
    let order = work.order.as_ref();
    let period = order.and_then(|order| Period::spelled(&order.period));
    period.ok_or_else(|| Unasked::Retry("the order behind it names no period".to_owned()))
}

/// What the vendor calls the instance.
fn instance(work: &Work) -> Result<InstanceId, Unasked> {
    let access = work.access.as_ref();
    let id = access.and_then(|access| access.extra.get(VENDOR_INSTANCE_ID));
    id.map(InstanceId::new).ok_or_else(|| {
        Unasked::Retry(format!(
            "nobody knows what the vendor calls this instance: look there, do it by hand, then say \
             `turnkey instance deliver {}`",
            work.instance
        ))
    })
}

/// Whether the vendor refused to make the instance, so that it has none to remove.
fn is_refused(work: &Work) -> bool {
    work.access.is_none() && work.order.as_ref().is_some_and(|order| order.is_refused)
}

/// A create whose first call came to no clear answer may have made an instance, whatever is said
/// later: to end the order for good would leave that one to nobody. So its no is tried again until a
/// person looks.
fn verdict(work: &Work, delivery: &Delivery) -> Verdict {
    let kind = work.kind;
    let may_have_made =
        kind == OperationKind::Provision && (work.attempt > 1 || delivery.calls > 1);
    let made = |instance: &InstanceId, access: &Access| {
        let mut access = access.clone();
        let id = instance.as_str().to_owned();
        access.extra.insert(VENDOR_INSTANCE_ID.to_owned(), id);
        Verdict::Done(Some(access))
    };
    match &delivery.outcome {
        Ok(
            Outcome::Delivered { instance, access }
            | Outcome::Held {
                instance,
                links: access,
            },
        ) if kind == OperationKind::Provision => made(instance, access),
        Ok(Outcome::Done | Outcome::Gone) if kind != OperationKind::Provision => {
            Verdict::Done(None)
        }
        Ok(
            Outcome::Delivered { .. }
            | Outcome::Held { .. }
            | Outcome::Done
            | Outcome::Gone
            | Outcome::NotReady { .. }
            | Outcome::Ordered { .. }
            | Outcome::Shown(_)
            | Outcome::Listed(..),
        ) => Verdict::Retry(format!(
            "{}: the vendor answered something else",
            delivery.action.wire
        )),
        Err(fault) if fault.kind == FaultKind::Upstream && !may_have_made => {
            Verdict::No(fault.message.clone())
        }
        Err(fault) if fault.kind == FaultKind::Upstream => Verdict::Retry(format!(
            "{}; an earlier call came to no answer and may have made the instance: look there",
            said(delivery, fault, None)
        )),
        Err(fault) => Verdict::Retry(said(delivery, fault, None)),
    }
}

/// What became of a call, for the operator.
fn said(delivery: &Delivery, fault: &Fault, overture: Option<Overture>) -> String {
    let Delivery { action, calls, .. } = delivery;
    let before = match overture {
        Some(Overture::DryRun) => " (the dry run before it)",
        Some(Overture::Ping | Overture::None) | None => "",
    };
    let reply = delivery.reply.as_ref();
    let redirect = match reply.is_some_and(|reply| (300..400).contains(&reply.status)) {
        true => "; redirects are not followed",
        false => "",
    };
    let times = match calls {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        calls => format!("{calls} times"),
    };
    let what = &fault.message;
    format!("{}{before}, called {times}: {what}{redirect}", action.wire)
}
