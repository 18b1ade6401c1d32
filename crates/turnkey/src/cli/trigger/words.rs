//! What is asked: an action of a protocol and what it is about, as a call.

use std::collections::BTreeMap;

use turnkey_core::storefront::{InstancesLook, Ticket};
use turnkey_core::{
    Call, Caller, ChangePlan, Create, Digest, InstanceId, Intent, Look, OrderId, OrderKey,
    OrderRef, Period, Purchase, Reason, Renew,
};
use turnkey_dialects::Action;

use crate::market::place;

/// As many as the lists of JD Cloud give without being asked (jdcloud-bastion §3.3).
const PAGE: u64 = 20;

/// Parameters that a storefront's actions take from `--set`, since they decide what is asked; the
/// others are members of its body.
const DECIDES: [&str; 2] = ["status", "desc"];

/// What an action is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The key of the order; for a look at an order, its id.
    pub(super) order: &'a str,
    /// The instance, where there is one.
    pub(super) instance: Option<&'a str>,
    /// What is bought.
    pub(super) spec: &'a str,
    /// The package within it, where the protocol knows packages.
    pub(super) package: &'a str,
    /// For how long.
    pub(super) period: Period,
    /// Parameters by their names on the wire.
    pub(super) set: &'a [(String, String)],
}

impl About<'_> {
    /// The parameters that the call does not say by itself.
    pub(super) fn extra(&self, caller: Option<&Caller>) -> Vec<(String, String)> {
        let is_said =
            |(name, _): &&(String, String)| caller.is_some() && DECIDES.contains(&name.as_str());
        let extra = self.set.iter().filter(|pair| !is_said(pair));
        extra.cloned().collect()
    }

    fn set(&self, name: &str) -> Option<&str> {
        let (_, value) = self.set.iter().find(|(set, _)| set == name)?;
        Some(value)
    }

    fn instance(&self) -> Option<InstanceId> {
        let named = self.instance.or_else(|| self.set("instance_id"));
        named.map(InstanceId::new)
    }

    fn order(&self) -> OrderRef {
        OrderRef {
            key: OrderKey::new(self.order),
            content: Digest::of(&[]),
        }
    }
}

/// The call that `action` makes about `about`: a buyer's where there is a `caller`, otherwise the
/// marketplace's. `None` when it needs an instance, and none is named.
pub(super) fn call(action: &Action, about: &About<'_>, caller: Option<&Caller>) -> Option<Call> {
    let intent = match caller {
        Some(caller) => bought(action, about, caller),
        None => called(action, about),
    };
    Some(Call {
        intent: intent?,
        dry_run: false,
        signed_at: None,
        caller: caller.cloned(),
    })
}

/// What a marketplace asks; the protocol's `ask` face puts it in the marketplace's words.
fn called(action: &Action, about: &About<'_>) -> Option<Intent> {
    let (order, period) = (about.order(), about.period);
    let (spec, package) = (about.spec.to_owned(), Some(about.package.to_owned()));
    let instance = about.instance();
    Some(match action.name {
        "create" => Intent::Create(Create {
            order,
            buyer: "usr-demo".to_owned(),
            spec,
            package,
            period,
            context: BTreeMap::new(),
        }),
        "renew" => Intent::Renew(Renew {
            order,
            instance: instance?,
            spec,
            package,
            period,
        }),
        "upgrade" => Intent::ChangePlan(ChangePlan {
            order,
            instance: instance?,
            spec,
            package,
            period,
        }),
        "expire" => Intent::Suspend(instance?, Reason::Marketplace),
        "delete" => Intent::Release(instance?),
        _ => Intent::Ping,
    })
}

/// What a buyer asks of a storefront.
fn bought(action: &Action, about: &About<'_>, caller: &Caller) -> Option<Intent> {
    let instance = about.instance();
    let word = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let is_on = || {
        if about.set("status") == Some("false") {
            "false"
        } else {
            "true"
        }
    };
    Some(match action.name {
        "create" => Intent::Buy(Purchase {
            order: about.order(),
            spec: about.spec.to_owned(),
            quantity: 1,
            period: about.period,
            renews: false,
            context: place(
                &caller.region,
                &format!("{}a", caller.region),
                "vpc-default",
                "subnet-default",
            ),
        }),
        "source" => Intent::Look(Look::Order(OrderId::new(about.order))),
        "list" => Intent::Look(Look::Instances(InstancesLook {
            tests: Vec::new(),
            newest_first: true,
            skip: 0,
            limit: PAGE,
        })),
        "bastion" => Intent::Look(Look::Instance(instance?)),
        "instance" => Intent::Look(Look::Detail(instance?)),
        "desc" => Intent::Amend(
            instance?,
            word("desc", about.set("desc").unwrap_or_default()),
        ),
        "resize" => Intent::ChangePlan(ChangePlan {
            order: about.order(),
            instance: instance?,
            spec: about.spec.to_owned(),
            package: None,
            period: about.period,
        }),
        // jdcloud-bastion §3.8: 1 restores the service, 13 ends it.
        "expire-or-start" if about.set("status") == Some("1") => {
            Intent::Resume(instance?, Reason::Marketplace)
        }
        "expire-or-start" => Intent::Suspend(instance?, Reason::Marketplace),
        "public-access" => Intent::Amend(instance?, word("publicAccess", is_on())),
        "zero" => Intent::Amend(instance?, word("zeroStatus", is_on())),
        "delete" => Intent::Release(instance?),
        "sign" => Intent::Look(Look::Ticket(instance?, no_ticket())),
        _ => Intent::Look(Look::Caller),
    })
}

/// Who asks for a ticket has none.
fn no_ticket() -> Ticket {
    Ticket {
        sign: String::new(),
        sk: String::new(),
        at_s: 0,
    }
}
