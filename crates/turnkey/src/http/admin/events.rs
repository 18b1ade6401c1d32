//! `events`: what a person may want to know of.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::{Event, EventFilter, EventId, EventKind, InstanceId, OperationId, OrderId};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::Admin;
use crate::http::admin::wire::{Answer, Json, Page, Query, limit, named, stamp};

/// One thing that happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its name.
    pub id: String,
    /// When, by the wall clock.
    pub at: String,
    /// When, by the business clock.
    pub at_business: String,
    /// What happened, one of a closed list.
    pub kind: String,
    /// About which listing.
    pub listing: Option<String>,
    /// About which instance.
    pub instance: Option<String>,
    /// About which order.
    pub order: Option<String>,
    /// About which operation.
    pub operation: Option<String>,
    /// Who did it: the name of a token.
    pub by: Option<String>,
    /// In words.
    pub message: String,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only about this listing.
    listing: Option<String>,
    /// Only about this instance.
    instance: Option<String>,
    /// Only about this order.
    order: Option<String>,
    /// Only about this operation.
    operation: Option<String>,
}

/// Events, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = OK, body = Page<EventView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<EventQuery>,
) -> Answer<Page<EventView>> {
    let filter = EventFilter {
        kind: named("kind", query.kind, &EventKind::ALL, EventKind::name)?,
        listing: query.listing,
        instance: query.instance.map(InstanceId::new),
        order: query.order.map(OrderId::new),
        operation: query.operation.map(OperationId::new),
    };
    let (limit, before) = (limit(query.limit)?, query.after.map(EventId::new));
    let events = admin.store.event_list(filter, before, limit).await?;
    let last = events.last().filter(|_| events.len() >= limit);
    Ok(Json(Page {
        next: last.map(|event| event.id.to_string()),
        items: events.iter().map(view).collect(),
    }))
}

fn view(event: &Event) -> EventView {
    EventView {
        id: event.id.to_string(),
        at: stamp(event.at.wall),
        at_business: stamp(event.at.business),
        kind: event.kind.name().to_owned(),
        listing: event.about.listing.clone(),
        instance: event.about.instance.as_ref().map(ToString::to_string),
        order: event.about.order.as_ref().map(ToString::to_string),
        operation: event.about.operation.as_ref().map(ToString::to_string),
        by: event.by.clone(),
        message: event.message.clone(),
    }
}
