//! The JSON that drivers outside this process are spoken to in, and answer in (design §7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turnkey_core::ports::Work;
use turnkey_core::{Access, Login, UtcMillis};

/// What a program or a hook is asked.
#[derive(Serialize)]
pub(crate) struct Ask<'a> {
    operation: &'a str,
    kind: &'static str,
    dry_run: bool,
    attempt: u32,
    instance: AskInstance<'a>,
    order: Option<AskOrder<'a>>,
    access: Option<Spoken>,
}

#[derive(Serialize)]
struct AskInstance<'a> {
    id: &'a str,
    product: &'a str,
    plan: &'a str,
    params: serde_json::Value,
    buyer: &'a str,
    term: AskTerm,
    context: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct AskTerm {
    starts_at: Option<String>,
    ends_at: Option<String>,
}

#[derive(Serialize)]
struct AskOrder<'a> {
    key: &'a str,
    listing: &'a str,
    unit: u32,
    period: &'a str,
}

/// An access, as it is spoken.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Spoken {
    #[serde(default, skip_serializing_if = "SpokenLogin::is_empty")]
    front_end: SpokenLogin,
    #[serde(default, skip_serializing_if = "SpokenLogin::is_empty")]
    admin: SpokenLogin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_url: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, String>,
}

#[derive(Default, Serialize, Deserialize)]
struct SpokenLogin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// What a program or a hook answers: an access where it is done, a message where it says no.
#[derive(Default, Deserialize)]
pub(crate) struct Answered {
    pub(crate) access: Option<Spoken>,
    pub(crate) message: Option<String>,
}

impl<'a> Ask<'a> {
    /// `work`, with the `params` of its plan.
    pub(crate) fn new(work: &'a Work, params: serde_json::Value) -> Self {
        Self {
            operation: work.operation.as_str(),
            kind: work.kind.name(),
            dry_run: work.dry_run,
            attempt: work.attempt,
            instance: AskInstance {
                id: work.instance.as_str(),
                product: &work.product,
                plan: &work.plan,
                params,
                buyer: &work.buyer,
                term: AskTerm {
                    starts_at: rfc3339(work.term.starts_at),
                    ends_at: rfc3339(work.term.ends_at),
                },
                context: &work.context,
            },
            order: work.order.as_ref().map(|order| AskOrder {
                key: order.key.as_str(),
                listing: &work.listing,
                unit: 1,
                period: &order.period,
            }),
            access: work.access.clone().map(Spoken::from),
        }
    }
}

impl From<Spoken> for Access {
    fn from(spoken: Spoken) -> Self {
        let login = |l: SpokenLogin| Login {
            url: l.url,
            username: l.username,
            password: l.password,
        };
        Self {
            front_end: login(spoken.front_end),
            admin: login(spoken.admin),
            auth_url: spoken.auth_url,
            extra: spoken.extra,
        }
    }
}

impl From<Access> for Spoken {
    fn from(access: Access) -> Self {
        let login = |l: Login| SpokenLogin {
            url: l.url,
            username: l.username,
            password: l.password,
        };
        Self {
            front_end: login(access.front_end),
            admin: login(access.admin),
            auth_url: access.auth_url,
            extra: access.extra,
        }
    }
}

impl SpokenLogin {
    fn is_empty(&self) -> bool {
        self.url.is_none() && self.username.is_none() && self.password.is_none()
    }
}

fn rfc3339(at: UtcMillis) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.0)
        .ok()
        .map(|at| at.to_string())
}
