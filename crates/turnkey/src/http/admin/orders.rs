//! `orders`: paid things to do, one row each.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::OrderFilter;
use turnkey_core::{InstanceId, Order, OrderId, OrderKey, OrderKind, OrderState};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::Admin;
use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, named, page, stamp};

/// One paid thing to do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Our name for it.
    pub id: String,
    /// Where it was bought.
    pub listing: String,
    /// `create`, `renew` or `change_plan`.
    pub kind: String,
    /// The marketplace's name for it.
    pub key: String,
    /// `awaiting_payment`, `accepted`, `fulfilled`, `failed` or `cancelled`.
    pub state: String,
    /// The instance that it made or points at.
    pub instance: String,
    /// The plan that it bought.
    pub plan: String,
    /// The period that it bought.
    pub period: String,
    /// When it was accepted, by the wall clock.
    pub accepted_at: String,
}

/// One order with what only one view shows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderDetail {
    /// The order.
    #[serde(flatten)]
    pub order: OrderView,
    /// When it was accepted, by the business clock.
    pub accepted_at_business: String,
    /// The driver's words, when it said a final no.
    pub refusal: Option<String>,
    /// The operation that fulfils it, or did: what `retry` takes.
    pub operation: String,
    /// How often this row changed.
    pub version: u64,
}

/// Which orders.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only of this listing.
    listing: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only about this instance.
    instance: Option<String>,
    /// Only with this key of the marketplace.
    key: Option<String>,
}

impl OrderQuery {
    pub(super) fn filter(self) -> Result<OrderFilter, Failure> {
        Ok(OrderFilter {
            listing: self.listing,
            kind: named("kind", self.kind, &OrderKind::ALL, OrderKind::name)?,
            state: named("state", self.state, &OrderState::ALL, OrderState::name)?,
            instance: self.instance.map(InstanceId::new),
            key: self.key.map(OrderKey::new),
        })
    }
}

/// Orders, newest first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(OrderQuery),
    responses((status = OK, body = Page<OrderView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<OrderQuery>,
) -> Answer<Page<OrderView>> {
    let (limit, before) = (limit(query.limit)?, query.after.clone().map(OrderId::new));
    let found = admin
        .store
        .order_find(query.filter()?, before, limit)
        .await?;
    Ok(Json(page(&found, view, OrderId::as_str)))
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = String, Path)),
    responses((status = OK, body = OrderDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<OrderDetail> {
    let found = admin.store.order_by_id(OrderId::new(&id)).await?;
    let order = found.ok_or_else(|| {
        let message = format!("there is no order {id:?}");
        Failure::new(StatusCode::NOT_FOUND, "order_unknown", message)
    })?;
    Ok(Json(OrderDetail {
        accepted_at_business: stamp(order.accepted_at.business),
        refusal: order.refusal.clone(),
        operation: order.id.operation().to_string(),
        version: order.version,
        order: view(&order),
    }))
}

pub(super) fn view(order: &Order) -> OrderView {
    OrderView {
        id: order.id.to_string(),
        listing: order.listing.clone(),
        kind: order.kind.name().to_owned(),
        key: order.key.to_string(),
        state: order.state.name().to_owned(),
        instance: order.instance.to_string(),
        plan: order.plan.clone(),
        period: order.period.clone(),
        accepted_at: stamp(order.accepted_at.wall),
    }
}
