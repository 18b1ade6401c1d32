//! `purchases`: what one ordering call of a storefront bought, one row for all of its orders. A
//! QingCloud create is a purchase of one (design §3).

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::OrderFilter;
use turnkey_core::purchase::{PurchaseState, UnitState};
use turnkey_core::{
    Bill, Fault, Money, OperationState, Order, OrderId, OrderKey, OrderKind, OrderState, PurchaseId,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::Admin;
use crate::http::admin::bills::MoneyView;
use crate::http::admin::failure::Failure;
use crate::http::admin::orders::{self, OrderView};
use crate::http::admin::wire::{Answer, Json, PAGE_MAX, Page, Path, Query, limit, named, stamp};

/// Pages of orders that are looked at for one of purchases, so that a filter which fits nothing
/// holds nobody up: it may hold fewer rows than asked for, and still say where to go on.
const LOOKS_MAX: usize = 10;

/// What one ordering call bought.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PurchaseView {
    /// Our name for it, and what a storefront calls `buyId`.
    pub id: String,
    /// Where it was bought.
    pub listing: String,
    /// The marketplace's name for it.
    pub key: String,
    /// `waiting`, `delivering`, `delivered`, `partly_delivered`, `failed` or `cancelled`.
    pub state: String,
    /// How many units.
    pub quantity: u32,
    /// What all of them cost, where the offer has a price.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<MoneyView>,
    /// Who bought it.
    pub buyer: Option<String>,
    /// The plan that was bought.
    pub plan: String,
    /// The period that was bought.
    pub period: String,
    /// When it was accepted, by the wall clock; until it is paid, when it was placed.
    pub accepted_at: String,
}

/// One purchase with its orders.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PurchaseDetail {
    /// The purchase.
    #[serde(flatten)]
    pub purchase: PurchaseView,
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
    let (all, name) = (&PurchaseState::ALL, PurchaseState::name);
    let wanted = named("state", query.state, all, name)?;
    let is_wanted = |state| wanted.is_none_or(|wanted| wanted == state);
    let filter = OrderFilter {
        listing: query.listing,
        kind: Some(OrderKind::Create),
        state: wanted.and_then(|wanted| admin.order_state(wanted)),
        instance: None,
        key: query.key.map(OrderKey::new),
    };
    let mut before = query.after.map(|id| PurchaseId::new(id).first_order());
    let limit = limit(query.limit)?;
    let mut items = Vec::with_capacity(limit);
    for _ in 0..LOOKS_MAX {
        let left = limit.saturating_sub(items.len());
        // What is filtered by its state is looked at in full pages.
        let rows = if wanted.is_some() { PAGE_MAX } else { left };
        let store = &admin.store;
        let found = store.order_find(filter.clone(), before, rows).await?;
        before = found.next;
        for order in found.rows {
            let id = order.id.clone();
            if let Some(bought) = admin.bought_first(order).await?
                && is_wanted(bought.state())
            {
                items.push(admin.purchase_view(&bought).await?);
                if items.len() == limit {
                    before = Some(id);
                    break;
                }
            }
        }
        if items.len() == limit || before.is_none() {
            break;
        }
    }
    let next = before.map(|order| order.purchase().to_string());
    Ok(Json(Page { items, next }))
}

/// One purchase.
#[utoipa::path(get, path = "/api/v1/purchases/{id}", tag = "purchases",
    params(("id" = String, Path)), responses((status = OK, body = PurchaseDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<PurchaseDetail> {
    let first = PurchaseId::new(&id).first_order();
    let found = admin.store.order_by_id(first).await?;
    let order = found.filter(|order| order.kind == OrderKind::Create && id.starts_with("p-"));
    let bought = match order {
        Some(order) => admin.bought_first(order).await?,
        None => None,
    };
    let bought = bought.ok_or_else(|| {
        let message = format!("there is no purchase {id:?}");
        Failure::new(StatusCode::NOT_FOUND, "purchase_unknown", message)
    })?;
    let units = bought.units.iter();
    Ok(Json(PurchaseDetail {
        purchase: admin.purchase_view(&bought).await?,
        orders: units
            .map(|unit| orders::view(&unit.order, unit.bill.as_ref()))
            .collect(),
    }))
}

/// What was bought together.
struct Bought {
    first: Order,
    units: Vec<Unit>,
}

struct Unit {
    order: Order,
    bill: Option<Bill>,
    state: UnitState,
}

impl Bought {
    fn state(&self) -> PurchaseState {
        let states: Vec<_> = self.units.iter().map(|unit| unit.state).collect();
        PurchaseState::of(&states)
    }

    /// What all units cost; `None` where one has no price.
    fn price(&self) -> Option<Money> {
        let mut prices = self
            .units
            .iter()
            .map(|unit| unit.bill.as_ref()?.price.clone());
        let first = prices.next()??;
        prices.try_fold(first, |sum, price| sum.plus(&price?))
    }
}

impl Admin {
    /// The purchase whose first order `order` is; `None` when it is another unit of one.
    async fn bought_first(&self, order: Order) -> Result<Option<Bought>, Fault> {
        let purchase = order.id.purchase();
        let orders = match self.bill(&order).await? {
            Some(bill) if bill.purchase != purchase => return Ok(None),
            Some(_) => self.store.purchase_orders(purchase).await?,
            None => Vec::new(),
        };
        let mut orders: Vec<_> = orders
            .into_iter()
            .map(|(o, bill)| (o, Some(bill)))
            .collect();
        if orders.is_empty() {
            orders.push((order.clone(), None));
        }
        let mut units = Vec::with_capacity(orders.len());
        for (order, bill) in orders {
            let is_dead = order.state == OrderState::Accepted && self.is_dead(&order.id).await?;
            let state = UnitState::of(order.state, is_dead);
            units.push(Unit { order, bill, state });
        }
        let first = order;
        Ok(Some(Bought { first, units }))
    }

    async fn is_dead(&self, order: &OrderId) -> Result<bool, Fault> {
        let operation = self.store.operation_get(order.operation()).await?;
        Ok(operation.is_some_and(|operation| operation.state == OperationState::Dead))
    }

    async fn purchase_view(&self, bought: &Bought) -> Result<PurchaseView, Fault> {
        let order = &bought.first;
        let instance = self.store.instance_get(order.instance.clone()).await?;
        Ok(PurchaseView {
            id: order.id.purchase().to_string(),
            listing: order.listing.clone(),
            key: order.key.to_string(),
            state: bought.state().name().to_owned(),
            quantity: u32::try_from(bought.units.len()).unwrap_or(u32::MAX),
            price: bought.price().as_ref().map(MoneyView::from),
            buyer: instance.map(|instance| instance.buyer),
            plan: order.plan.clone(),
            period: order.period.clone(),
            accepted_at: stamp(order.accepted_at.wall),
        })
    }

    /// The state that the first order of every purchase in state `purchase` has, where one can be
    /// told: while no storefront sells, every purchase is of one.
    fn order_state(&self, purchase: PurchaseState) -> Option<OrderState> {
        let mut listings = self.sold.iter().map(|sold| sold.listed.listing());
        if listings.any(|listing| listing.own_terms.is_some()) {
            return None;
        }
        match purchase {
            PurchaseState::Waiting => Some(OrderState::AwaitingPayment),
            PurchaseState::Delivering => Some(OrderState::Accepted),
            PurchaseState::Delivered => Some(OrderState::Fulfilled),
            PurchaseState::Cancelled => Some(OrderState::Cancelled),
            // Its order failed, or was accepted and given up.
            PurchaseState::Failed | PurchaseState::PartlyDelivered => None,
        }
    }
}
