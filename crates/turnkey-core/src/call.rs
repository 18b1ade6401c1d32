//! One authenticated request, in our words.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::id::InstanceId;
use crate::instance::Reason;
use crate::order::OrderKind;
use crate::storefront::{Caller, Look};
use crate::term::Period;
use crate::time::UtcMillis;

/// One authenticated request: what a dialect's `read` yields and the desk takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub intent: Intent,
    /// Whether it is only asked whether it could be done (promise 4).
    pub dry_run: bool,
    /// The time that the caller signed, where the protocol has one.
    pub signed_at: Option<UtcMillis>,
    /// Who calls, where that is a buyer and not the marketplace.
    pub caller: Option<Caller>,
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Bought and paid: deliver one instance.
    Create(Create),
    /// A buyer orders some of one kind at a storefront.
    Buy(Purchase),
    /// Extend the term.
    Renew(Renew),
    /// Move the instance to another plan.
    ChangePlan(ChangePlan),
    /// Stop the service, keep the data.
    Suspend(InstanceId, Reason),
    /// Start the service again.
    Resume(InstanceId, Reason),
    /// Remove the instance.
    Release(InstanceId),
    /// Say something else about the instance: these words of its context.
    Amend(InstanceId, BTreeMap<String, String>),
    /// A buyer wants to see something; nothing changes.
    Look(Look),
    /// Is anybody there, and is the key right?
    Ping,
}

/// What a create says, in the marketplace's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Which order, with which content.
    pub order: OrderRef,
    /// Who paid.
    pub buyer: String,
    /// The marketplace's word for the specification.
    pub spec: String,
    /// The marketplace's word for the package within it.
    pub package: Option<String>,
    /// For how long.
    pub period: Period,
    /// What else the driver should know, such as `cloud_info`.
    pub context: BTreeMap<String, String>,
}

/// What a buyer orders at a storefront with one call: some units of one kind, each its own order
/// with its own instance. Who buys is the call's caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Which purchase, with which content: the key is that of its first order, and has no `.`.
    pub order: OrderRef,
    /// The storefront's word for the specification.
    pub spec: String,
    /// How many.
    pub quantity: u32,
    /// For how long.
    pub period: Period,
    /// Whether each is renewed at the end of its term.
    pub renews: bool,
    /// What else the driver should know.
    pub context: BTreeMap<String, String>,
}

impl Purchase {
    /// The key of the unit at `index`, from 0: every unit is an order of its own.
    #[must_use]
    pub fn unit_key(&self, index: usize) -> OrderKey {
        match index {
            0 => self.order.key.clone(),
            index => OrderKey::new(format!("{}.{}", self.order.key, index + 1)),
        }
    }
}

/// What a renewal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renew {
    /// Which order, with which content.
    pub order: OrderRef,
    /// Which instance.
    pub instance: InstanceId,
    /// The marketplace's word for the specification.
    pub spec: String,
    /// The marketplace's word for the package within it.
    pub package: Option<String>,
    /// For how much longer.
    pub period: Period,
}

/// What a change of plan says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePlan {
    /// Which order, with which content.
    pub order: OrderRef,
    /// Which instance.
    pub instance: InstanceId,
    /// The marketplace's word for the new specification.
    pub spec: String,
    /// The marketplace's word for the new package within it.
    pub package: Option<String>,
    /// Handed to the driver; the term does not change.
    pub period: Period,
}

/// The marketplace's name for an order, with the digest of what it bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRef {
    /// The key that the marketplace de-duplicates by.
    pub key: OrderKey,
    /// What must be the same whenever the key is.
    pub content: Digest,
}

/// The marketplace's key for an order. Unique within listing and intent kind, in binary order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(String);

impl OrderKey {
    /// Takes the marketplace's key as it is.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as the bytes that it is compared by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A SHA-256 over the fields that a dialect names as an order's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of named values, in the order given; an absent value differs from an empty one.
    #[must_use]
    pub fn of(fields: &[(&str, Option<&str>)]) -> Self {
        let mut hash = Sha256::new();
        let mut part = |tag: u8, text: &str| {
            hash.update([tag]);
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        for (name, value) in fields {
            part(b'n', name);
            match value {
                Some(value) => part(b'v', value),
                None => part(b'0', ""),
            }
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// What must be loaded before a call can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The order that may exist already.
    pub order: Option<(OrderKind, &'a OrderKey)>,
    /// The instance that the call names.
    pub instance: Option<&'a InstanceId>,
}

impl Call {
    /// A call that nobody signed: our own clock's, or a person's.
    #[must_use]
    pub fn ours(intent: Intent) -> Self {
        Self {
            intent,
            dry_run: false,
            signed_at: None,
            caller: None,
        }
    }

    /// What must be loaded before this call can be decided. A dry run never looks at orders: one
    /// that exists is answered like a new one (promise 4).
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        let subject = match &self.intent {
            Intent::Create(create) => Subject {
                order: Some((OrderKind::Create, &create.order.key)),
                instance: None,
            },
            Intent::Buy(purchase) => Subject {
                order: Some((OrderKind::Create, &purchase.order.key)),
                instance: None,
            },
            Intent::Renew(renew) => Subject {
                order: Some((OrderKind::Renew, &renew.order.key)),
                instance: Some(&renew.instance),
            },
            Intent::ChangePlan(change) => Subject {
                order: Some((OrderKind::ChangePlan, &change.order.key)),
                instance: Some(&change.instance),
            },
            Intent::Suspend(instance, _)
            | Intent::Resume(instance, _)
            | Intent::Release(instance)
            | Intent::Amend(instance, _) => Subject {
                order: None,
                instance: Some(instance),
            },
            Intent::Look(_) | Intent::Ping => Subject {
                order: None,
                instance: None,
            },
        };
        if self.dry_run {
            Subject {
                order: None,
                ..subject
            }
        } else {
            subject
        }
    }
}

impl Intent {
    /// The intent's name, for logs and metrics: one of a closed list.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Buy(_) => "buy",
            Self::Renew(_) => "renew",
            Self::ChangePlan(_) => "change_plan",
            Self::Suspend(..) => "suspend",
            Self::Resume(..) => "resume",
            Self::Release(_) => "release",
            Self::Amend(..) => "amend",
            Self::Look(_) => "look",
            Self::Ping => "ping",
        }
    }
}
