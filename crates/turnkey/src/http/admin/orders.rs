//! `orders`: paid things to do, one row each, and a person's word that one is paid or taken back.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::{Found, OrderFilter};
use turnkey_core::ports::Settlement;
use turnkey_core::{
    About, Bill, EventKind, InstanceId, Order, OrderId, OrderKey, OrderKind, OrderState,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::bills::MoneyView;
use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, named, page, stamp};
use crate::http::admin::{Admin, Caller};

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
    /// What it costs, where the offer has a price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<MoneyView>,
    /// Until when it may be paid, by the business clock; absent once it is, or needs not be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unpaid_until: Option<String>,
    /// When it was accepted, by the wall clock; until it is paid, when it was placed.
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
    /// The purchase that it is part of, at a storefront.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub purchase: Option<String>,
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
    let Found { rows, next } = found;
    let rows = admin.billed(rows).await?;
    let view = |(order, bill): &(Order, Option<Bill>)| view(order, bill.as_ref());
    Ok(Json(page(&Found { rows, next }, view, OrderId::as_str)))
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = String, Path)),
    responses((status = OK, body = OrderDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<OrderDetail> {
    Ok(Json(admin.order_detail(&id).await?))
}

/// Takes an order that waits for payment as paid: its term begins, and it is delivered. One that
/// is paid stays so.
#[utoipa::path(post, path = "/api/v1/orders/{id}/pay", tag = "orders",
    params(("id" = String, Path)), responses((status = OK, body = OrderDetail)))]
pub(super) async fn pay(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<OrderDetail> {
    Ok(Json(admin.settle(&caller, &id, Settlement::Pay).await?))
}

/// Takes an order back that waits for payment. One that was taken back stays so.
#[utoipa::path(post, path = "/api/v1/orders/{id}/cancel", tag = "orders",
    params(("id" = String, Path)), responses((status = OK, body = OrderDetail)))]
pub(super) async fn cancel(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<OrderDetail> {
    Ok(Json(admin.settle(&caller, &id, Settlement::Cancel).await?))
}

impl Admin {
    async fn order(&self, id: &str) -> Result<Order, Failure> {
        let found = self.store.order_by_id(OrderId::new(id)).await?;
        found.ok_or_else(|| {
            let message = format!("there is no order {id:?}");
            Failure::new(StatusCode::NOT_FOUND, "order_unknown", message)
        })
    }

    async fn order_detail(&self, id: &str) -> Result<OrderDetail, Failure> {
        let order = self.order(id).await?;
        let bill = self.bill(&order).await?;
        Ok(OrderDetail {
            accepted_at_business: stamp(order.accepted_at.business),
            refusal: order.refusal.clone(),
            purchase: bill.as_ref().map(|bill| bill.purchase.to_string()),
            operation: order.id.operation().to_string(),
            version: order.version,
            order: view(&order, bill.as_ref()),
        })
    }

    async fn settle(
        &self,
        caller: &Caller,
        id: &str,
        how: Settlement,
    ) -> Result<OrderDetail, Failure> {
        let order = self.order(id).await?;
        let listing = self.listing(&order.listing).ok_or_else(|| {
            let message = format!("order {id} was bought at a listing that is not served");
            Failure::new(StatusCode::NOT_FOUND, "order_unknown", message)
        })?;
        // Kept first: nothing is done by hand that nobody hears of.
        let message = match how {
            Settlement::Pay => format!("asked to take order {id} as paid"),
            Settlement::Cancel => format!("asked to take order {id} back"),
        };
        let about = About {
            listing: Some(order.listing.clone()),
            instance: Some(order.instance.clone()),
            order: Some(order.id.clone()),
            ..About::default()
        };
        let kind = EventKind::OperatorActed;
        self.note(caller, kind, about, message).await?;
        self.desk.settle(listing, order.id, how).await?;
        self.order_detail(id).await
    }
}

pub(super) fn view(order: &Order, bill: Option<&Bill>) -> OrderView {
    let price = bill.and_then(|bill| bill.price.as_ref());
    OrderView {
        id: order.id.to_string(),
        listing: order.listing.clone(),
        kind: order.kind.name().to_owned(),
        key: order.key.to_string(),
        state: order.state.name().to_owned(),
        instance: order.instance.to_string(),
        plan: order.plan.clone(),
        period: order.period.clone(),
        price: price.map(MoneyView::from),
        unpaid_until: bill.and_then(|bill| bill.unpaid_until).map(stamp),
        accepted_at: stamp(order.accepted_at.wall),
    }
}
