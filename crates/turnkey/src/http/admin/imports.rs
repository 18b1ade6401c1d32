//! Taking over instances that were delivered elsewhere: each on its own, so that one that cannot be
//! keeps no other out, and as often as one likes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::ports::{Import, Imported};
use turnkey_core::{Fault, InstanceId, OrderKey, UtcMillis};
use utoipa::ToSchema;

use crate::http::admin::access::AccessBody;
use crate::http::admin::failure::{ErrorView, Failure};
use crate::http::admin::wire::{Answer, Json};
use crate::http::admin::{Admin, Caller};

/// Instances in one request: each is a commit of its own, and a request must end.
pub const IMPORTED_AT_ONCE_MAX: usize = 100;

/// Instances to be taken over.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// At most a hundred.
    pub instances: Vec<ImportedBody>,
}

/// An instance that was delivered elsewhere.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedBody {
    /// What it is called, here and at the marketplace.
    pub id: String,
    /// The listing that answers for it from now on.
    pub listing: String,
    /// The plan that it has.
    pub plan: String,
    /// Who paid.
    pub buyer: String,
    /// The marketplace's name for the order that made it.
    pub order_key: String,
    /// For how long it is paid for.
    pub term: TermBody,
    /// What the buyer logs in with.
    #[serde(default)]
    pub access: AccessBody,
    /// What else the driver should know.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

/// From when to when.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermBody {
    /// Its begin, as in RFC 3339.
    #[schema(examples("2026-01-31T12:00:00+08:00"))]
    pub starts_at: String,
    /// Its end, as in RFC 3339.
    pub ends_at: String,
}

/// What became of each, in the order in which they were sent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// One for each.
    pub items: Vec<ImportedView>,
}

/// What became of one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportedView {
    /// The instance.
    pub id: String,
    /// `imported`, `unchanged` where the same one was here before, or `refused`.
    pub outcome: String,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<ErrorView>,
}

/// Takes instances over that were delivered elsewhere. The same one twice is one; what differs from
/// what is here already is refused and changes nothing.
#[utoipa::path(post, path = "/api/v1/instances", tag = "instances", operation_id = "import",
    request_body = ImportBody, responses((status = OK, body = ImportView)))]
pub(super) async fn import(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Json(body): Json<ImportBody>,
) -> Answer<ImportView> {
    if body.instances.len() > IMPORTED_AT_ONCE_MAX {
        let message = format!("at most {IMPORTED_AT_ONCE_MAX} instances are imported at once");
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "import_wrong",
            message,
        ));
    }
    let mut items = Vec::with_capacity(body.instances.len());
    for one in body.instances {
        let id = one.id.clone();
        let (outcome, error) = match admin.import(&caller, one).await {
            Ok(Imported::Now) => ("imported", None),
            Ok(Imported::Before) => ("unchanged", None),
            Err(fault) => ("refused", Some(Failure::from(fault).view())),
        };
        items.push(ImportedView {
            id,
            outcome: outcome.to_owned(),
            error,
        });
    }
    Ok(Json(ImportView { items }))
}

impl Admin {
    async fn import(&self, caller: &Caller, one: ImportedBody) -> Result<Imported, Fault> {
        let mut listings = self.sold.iter().map(|sold| sold.listed.listing());
        let listing = listings.find(|listing| listing.name == one.listing);
        let listing = listing.ok_or_else(|| {
            Fault::malformed(
                "import_wrong",
                format!("there is no listing {:?}", one.listing),
            )
        })?;
        let (starts_at, ends_at) = (moment(&one.term.starts_at)?, moment(&one.term.ends_at)?);
        let import = |order, now| Import {
            listing,
            instance: InstanceId::new(one.id),
            plan: one.plan,
            buyer: one.buyer,
            key: OrderKey::new(one.order_key),
            starts_at,
            ends_at,
            access: one.access.into(),
            context: one.context,
            order,
            by: caller.name.clone(),
            now,
        };
        self.desk.import(import).await
    }
}

fn moment(text: &str) -> Result<UtcMillis, Fault> {
    let parsed = text.parse::<jiff::Timestamp>();
    let parsed = parsed.map(|at| UtcMillis(at.as_millisecond()));
    parsed.map_err(|_| {
        let message = format!("{text:?} is no moment such as 2026-01-31T12:00:00+08:00");
        Fault::malformed("import_wrong", message)
    })
}
