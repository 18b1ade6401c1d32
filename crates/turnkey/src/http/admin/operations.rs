//! `operations`: work that is left to do, and a person's word to take it up again.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::OperationFilter;
use turnkey_core::{
    About, Event, EventKind, Fault, InstanceId, Operation, OperationId, OperationKind,
    OperationState,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, named, page, stamp};
use crate::http::admin::{Admin, Caller};

/// Work that is left to do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationView {
    /// The key that its driver is called with, on every attempt.
    pub id: String,
    /// On which instance.
    pub instance: String,
    /// `provision`, `renew`, `change_plan`, `suspend`, `resume` or `release`.
    pub kind: String,
    /// `queued`, `due`, `leased`, `retrying` or `dead`.
    pub state: String,
    /// How often its driver was asked.
    pub attempt: u32,
    /// When it may be taken next; absent while it waits for another one, or for a person.
    pub due_at: Option<String>,
    /// The order that it fulfils.
    pub order: Option<String>,
}

/// One operation with what only one view shows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationDetail {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationView,
    /// When its driver was first asked.
    pub began_at: Option<String>,
    /// The plan that it moves to.
    pub plan: Option<String>,
    /// Why the newest attempt failed.
    pub note: Option<String>,
}

/// Which operations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OperationQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only on this instance.
    instance: Option<String>,
}

/// What became of a retry.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// The operation, which is due again or waits for its turn.
    pub operation: String,
}

/// Operations, newest first. What is done has no row: see the history of its instance.
#[utoipa::path(get, path = "/api/v1/operations", tag = "operations", params(OperationQuery),
    responses((status = OK, body = Page<OperationView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<OperationQuery>,
) -> Answer<Page<OperationView>> {
    let filter = OperationFilter {
        kind: named("kind", query.kind, &OperationKind::ALL, OperationKind::name)?,
        state: named(
            "state",
            query.state,
            &OperationState::ALL,
            OperationState::name,
        )?,
        instance: query.instance.map(InstanceId::new),
    };
    let before = query.after.map(OperationId::new);
    let limit = limit(query.limit)?;
    let found = admin.store.operation_find(filter, before, limit).await?;
    Ok(Json(page(&found, view, OperationId::as_str)))
}

/// One operation, while it is left to do.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations",
    params(("id" = String, Path)), responses((status = OK, body = OperationDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<OperationDetail> {
    let found = admin.store.operation_get(OperationId::new(&id)).await?;
    let operation = found.ok_or_else(|| unknown(&id))?;
    Ok(Json(OperationDetail {
        began_at: operation.began_at.map(stamp),
        plan: operation.plan.clone(),
        note: operation.note.clone(),
        operation: view(&operation),
    }))
}

/// Takes a dead operation, or a failed order by its operation, up again.
#[utoipa::path(post, path = "/api/v1/operations/{id}/retry", tag = "operations",
    params(("id" = String, Path)), responses((status = OK, body = Retried)))]
pub(super) async fn retry(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Retried> {
    let operation = OperationId::new(&id);
    let about = admin.about_work(&operation).await?;
    let about = about.ok_or_else(|| unknown(&id))?;
    // Kept first: nothing is done by hand that nobody hears of.
    let message = format!("asked to take up {id} again");
    admin
        .note(&caller, EventKind::OperatorActed, about, message)
        .await?;
    admin.desk.reopen(operation).await?;
    Ok(Json(Retried { operation: id }))
}

/// What is done has no row either.
fn unknown(id: &str) -> Failure {
    let message = format!("there is no operation {id:?} left to do");
    Failure::new(StatusCode::NOT_FOUND, "operation_unknown", message)
}

impl Admin {
    /// What an event about `operation` is about: it may be gone, while its order is there.
    async fn about_work(&self, operation: &OperationId) -> Result<Option<About>, Fault> {
        let found = self.store.operation_get(operation.clone()).await?;
        let instance = match found {
            Some(found) => Some(found.instance),
            None => {
                let order = self.store.order_by_id(operation.order()).await?;
                order.map(|order| order.instance)
            }
        };
        Ok(instance.map(|instance| About {
            instance: Some(instance),
            operation: Some(operation.clone()),
            ..About::default()
        }))
    }

    /// Keeps an event that says what `caller` did, or is about to do.
    pub(super) async fn note(
        &self,
        caller: &Caller,
        kind: EventKind,
        about: About,
        message: String,
    ) -> Result<(), Fault> {
        let event = Event::new(self.clock.now(), kind, about, &caller.name, message);
        self.store.event_add(event.by(&caller.name)).await
    }
}

pub(super) fn view(operation: &Operation) -> OperationView {
    OperationView {
        id: operation.id.to_string(),
        instance: operation.instance.to_string(),
        kind: operation.kind.name().to_owned(),
        state: operation.state.name().to_owned(),
        attempt: operation.attempt,
        due_at: operation.due_at.map(stamp),
        order: operation.order.as_ref().map(ToString::to_string),
    }
}
