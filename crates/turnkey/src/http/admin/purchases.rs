//! `purchases`: what one ordering call of a storefront bought. A QingCloud create is a purchase of
//! one (design §3), so here a purchase is its order, and its state follows from that of the order.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::OrderFilter;
use turnkey_core::{Instance, Order, OrderId, OrderKey, OrderKind, OrderState};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::Admin;
use crate::http::admin::failure::Failure;
use crate::http::admin::orders::{self, OrderView};
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, page, stamp};

/// What one ordering call bought.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PurchaseView {
    /// Our name for it.
    pub id: String,
    /// Where it was bought.
    pub listing: String,
    /// The marketplace's name for it.
    pub key: String,
    /// `waiting`, `delivering`, `delivered`, `failed` or `cancelled`.
    pub state: String,
    /// How many units.
    pub quantity: u32,
    /// The plan that was bought.
    pub plan: String,
    /// The period that was bought.
    pub period: String,
    /// When it was accepted, by the wall clock.
    pub accepted_at: String,
}

/// One purchase with its orders.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PurchaseDetail {
    /// The purchase.
    #[serde(flatten)]
    pub purchase: PurchaseView,
    /// Who paid.
    pub buyer: Option<String>,
    /// Its orders, one for each unit.
    pub orders: Vec<OrderView>,
}

/// Which purchases.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PurchaseQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only of this listing.
    listing: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only with this key of the marketplace.
    key: Option<String>,
}

/// Purchases, newest first.
#[utoipa::path(get, path = "/api/v1/purchases", tag = "purchases", params(PurchaseQuery),
    responses((status = OK, body = Page<PurchaseView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<PurchaseQuery>,
) -> Answer<Page<PurchaseView>> {
    let state = query.state.as_deref().map(order_state).transpose()?;
    let filter = OrderFilter {
        listing: query.listing,
        kind: Some(OrderKind::Create),
        state,
        instance: None,
        key: query.key.map(OrderKey::new),
    };
    let before = query.after.as_deref().map(order_id);
    let limit = limit(query.limit)?;
    let found = admin.store.order_find(filter, before, limit).await?;
    let mut page = page(&found, view, OrderId::as_str);
    page.next = page.next.map(|order| purchase_id(&order));
    Ok(Json(page))
}

/// One purchase.
#[utoipa::path(get, path = "/api/v1/purchases/{id}", tag = "purchases",
    params(("id" = String, Path)), responses((status = OK, body = PurchaseDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<PurchaseDetail> {
    let found = admin.store.order_by_id(order_id(&id)).await?;
    let order = found.filter(|order| order.kind == OrderKind::Create && id.starts_with("p-"));
    let order = order.ok_or_else(|| {
        let message = format!("there is no purchase {id:?}");
        Failure::new(StatusCode::NOT_FOUND, "purchase_unknown", message)
    })?;
    let instance: Option<Instance> = admin.store.instance_get(order.instance.clone()).await?;
    Ok(Json(PurchaseDetail {
        purchase: view(&order),
        buyer: instance.map(|instance| instance.buyer),
        orders: vec![orders::view(&order, admin.bill(&order).await?.as_ref())],
    }))
}

fn view(order: &Order) -> PurchaseView {
    PurchaseView {
        id: purchase_id(order.id.as_str()),
        listing: order.listing.clone(),
        key: order.key.to_string(),
        state: state_of(order.state).to_owned(),
        quantity: 1,
        plan: order.plan.clone(),
        period: order.period.clone(),
        accepted_at: stamp(order.accepted_at.wall),
    }
}

/// The state of a purchase of one.
fn state_of(order: OrderState) -> &'static str {
    match order {
        OrderState::AwaitingPayment => "waiting",
        OrderState::Accepted => "delivering",
        OrderState::Fulfilled => "delivered",
        OrderState::Failed => "failed",
        OrderState::Cancelled => "cancelled",
    }
}

fn order_state(state: &str) -> Result<OrderState, Failure> {
    let mut all = OrderState::ALL.into_iter();
    all.find(|order| state_of(*order) == state).ok_or_else(|| {
        let known: Vec<_> = OrderState::ALL.into_iter().map(state_of).collect();
        let message = format!("state {state:?} is none of {}", known.join(", "));
        Failure::new(StatusCode::BAD_REQUEST, "query_wrong", message)
    })
}

fn purchase_id(order: &str) -> String {
    format!("p-{}", order.strip_prefix("o-").unwrap_or(order))
}

fn order_id(purchase: &str) -> OrderId {
    let bare = purchase.strip_prefix("p-").unwrap_or(purchase);
    OrderId::new(format!("o-{bare}"))
}
