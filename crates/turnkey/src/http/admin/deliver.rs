//! `instances/{id}/deliver`: a person did what the instance waits for.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::event::About;
use turnkey_core::{Access, Fault, InstanceId};
use utoipa::ToSchema;

use crate::http::admin::access::AccessBody;
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
    let id = InstanceId::new(id);
    let unknown = || {
        let message = format!("instance {:?} is not known here", id.as_str());
        Fault::unknown("instance_unknown", message)
    };
    let instance = admin.store.instance_get(id.clone()).await?;
    let instance = instance.ok_or_else(unknown)?;
    let mut listings = admin.sold.iter().map(|sold| sold.listed.listing());
    let listing = listings
        .find(|listing| listing.name == instance.listing)
        .ok_or_else(unknown)?;
    let access = body.access.map(Access::from);
    let by_hand = admin.desk.deliver(listing, id.clone(), access).await?;
    let kind = by_hand.kind.name();
    let about = About {
        listing: Some(instance.listing),
        instance: Some(id.clone()),
        operation: Some(by_hand.operation.clone()),
        ..About::default()
    };
    let message = format!("the {kind} of instance {id} was done by hand");
    admin.acted(&caller, about, &message).await;
    Ok(Json(DeliveredView {
        instance: id.to_string(),
        operation: by_hand.operation.to_string(),
        kind: kind.to_owned(),
    }))
}
