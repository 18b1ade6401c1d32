//! `instances/{id}/deliver`: a person did what the instance waits for.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::{Access, EventKind};
use utoipa::ToSchema;

use crate::http::admin::access::AccessBody;
use crate::http::admin::instances::{about, unknown};
use crate::http::admin::wire::{Answer, Json, Path};
use crate::http::admin::{Admin, Caller};

/// What a person did.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverBody {
    /// What the buyer logs in with: needed for a delivery, new for anything else.
    #[serde(default)]
    pub access: Option<AccessBody>,
}

/// What that ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveredView {
    /// The instance.
    pub instance: String,
    /// The operation that is done now.
    pub operation: String,
    /// What it was: `provision`, `change_plan`, `suspend`, `resume` or `release`.
    pub kind: String,
}

/// Ends the work that an instance waits for. A product of the driver `manual` waits for this; the
/// work of another driver must have been given up first.
#[utoipa::path(post, path = "/api/v1/instances/{id}/deliver", tag = "instances",
    operation_id = "deliver", params(("id" = String, Path, description = "The instance.")),
    request_body = DeliverBody, responses((status = OK, body = DeliveredView)))]
pub(super) async fn deliver(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<DeliverBody>,
) -> Answer<DeliveredView> {
    let instance = admin.instance(&id).await?;
    let mut listings = admin.sold.iter().map(|sold| sold.listed.listing());
    let listing = listings.find(|listing| listing.name == instance.listing);
    let listing = listing.ok_or_else(|| unknown(&id))?;
    // Kept first: nothing is done by hand that nobody hears of.
    let (kind, message) = (EventKind::OperatorActed, format!("asked to deliver {id}"));
    admin.note(&caller, kind, about(&instance), message).await?;
    let access = body.access.map(Access::from);
    let by_hand = admin.desk.deliver(listing, instance.id, access).await?;
    Ok(Json(DeliveredView {
        instance: id,
        operation: by_hand.operation.to_string(),
        kind: by_hand.kind.name().to_owned(),
    }))
}
