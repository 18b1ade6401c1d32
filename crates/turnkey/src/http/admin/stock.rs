//! `stock`: licences and accounts that wait to be handed out. Their secret part comes in and never
//! goes out here.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::event::About;
use turnkey_core::{Access, EventKind, Fault, Product, StockId, StockLevel, StockRow};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::access::AccessBody;
use crate::http::admin::wire::{Answer, Json, Page, Query, limit, stamp};
use crate::http::admin::{Admin, Caller};

/// Items for the stock of one product: all of them are added, or none.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockAddBody {
    /// For which product.
    pub product: String,
    /// The items, in the order in which they are to be handed out.
    pub items: Vec<NewStockBody>,
}

/// One item to be added.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStockBody {
    /// The line of the file that it came from, to name it where it is refused.
    pub line: u64,
    /// The only plan that it may be handed out for; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What the buyer gets.
    pub access: AccessBody,
}

/// What became of an addition.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StockAddedView {
    /// How many items were added.
    pub added: usize,
    /// How many of them go to orders that waited, oldest first.
    pub reserved: usize,
}

/// How much there is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StockLevelView {
    /// Which product.
    pub product: String,
    /// Which plan; absent: items for any.
    pub plan: Option<String>,
    /// Items that can still be handed out.
    pub free: u64,
    /// Items that an instance has or had.
    pub taken: u64,
}

/// One item, without its secret part.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StockView {
    /// Its id.
    pub id: String,
    /// Of which product.
    pub product: String,
    /// The only plan that it may be handed out for; absent: any.
    pub plan: Option<String>,
    /// `free`, `taken`, or `erased` with the instance that had it.
    pub state: String,
    /// When it was added.
    pub added_at: String,
    /// Who has it.
    pub instance: Option<String>,
}

/// Which items are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StockQuery {
    /// Only of this product.
    product: Option<String>,
    /// Rows on a page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Items, newest first, without their secret part.
#[utoipa::path(get, path = "/api/v1/stock", tag = "stock",
    responses((status = OK, body = Page<StockView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<StockQuery>,
) -> Answer<Page<StockView>> {
    let limit = limit(query.limit)?;
    let after = query.after.map(StockId::new);
    // One more tells whether there is another page.
    let mut rows = admin
        .store
        .stock_list(query.product, after, limit + 1)
        .await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map(|row| row.id.to_string());
    Ok(Json(Page {
        items: rows.into_iter().map(view).collect(),
        next: next.filter(|_| is_more),
    }))
}

/// How much there is, by product and plan.
#[utoipa::path(get, path = "/api/v1/stock/levels", tag = "stock", operation_id = "levels",
    responses((status = OK, body = Page<StockLevelView>)))]
pub(super) async fn levels(State(admin): State<Arc<Admin>>) -> Answer<Page<StockLevelView>> {
    let level = |level: StockLevel| StockLevelView {
        product: level.product,
        plan: level.plan,
        free: level.free,
        taken: level.taken,
    };
    let levels = admin.store.stock_levels().await?;
    Ok(Json(Page {
        items: levels.into_iter().map(level).collect(),
        next: None,
    }))
}

/// Adds items. Orders that wait for one are served at once, oldest first.
#[utoipa::path(post, path = "/api/v1/stock", tag = "stock", request_body = StockAddBody,
    responses((status = OK, body = StockAddedView)))]
pub(super) async fn add(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Json(body): Json<StockAddBody>,
) -> Answer<StockAddedView> {
    let product = admin.stocked(&body.product)?;
    let mut items = Vec::with_capacity(body.items.len());
    for item in body.items {
        if let Some(plan) = item
            .plan
            .as_ref()
            .filter(|p| !product.plans.contains_key(*p))
        {
            let message = format!(
                "line {}: product {:?} has no plan {plan:?}",
                item.line, product.name
            );
            return Err(Fault::malformed("plan_undefined", message).into());
        }
        let access = Access::from(item.access);
        if access == Access::default() {
            let message = format!("line {} hands nothing over", item.line);
            return Err(Fault::malformed("stock_empty", message).into());
        }
        items.push((item.line, item.plan, access));
    }
    // Kept first: nothing is done by hand that nobody hears of.
    let message = format!(
        "asked to add {} items to the stock of {}",
        items.len(),
        product.name
    );
    let kind = EventKind::OperatorActed;
    admin.note(&caller, kind, About::default(), message).await?;
    let added = admin.desk.stock_add(product.name.clone(), items).await?;
    Ok(Json(StockAddedView {
        added: added.added,
        reserved: added.reserved,
    }))
}

impl Admin {
    /// The product `name`, when it is delivered out of a stock.
    fn stocked(&self, name: &str) -> Result<Arc<Product>, Fault> {
        let mut products = self.sold.iter().map(|sold| sold.listed.listing());
        let product = products
            .find(|listing| listing.product.name == name)
            .map(|listing| Arc::clone(&listing.product))
            .ok_or_else(|| {
                let message = format!("there is no product {name:?} that a listing sells");
                Fault::unknown("product_unknown", message)
            })?;
        let immediate = product.driver.immediate();
        if !immediate.is_some_and(|immediate| immediate.takes_stock()) {
            let message = format!(
                "product {name:?} is not delivered out of a stock; its driver would be \"pool\""
            );
            return Err(Fault::conflict("product_without_stock", message));
        }
        Ok(product)
    }
}

fn view(row: StockRow) -> StockView {
    let state = match (&row.instance, row.is_erased) {
        (None, _) => "free",
        (Some(_), false) => "taken",
        (Some(_), true) => "erased",
    };
    StockView {
        id: row.id.to_string(),
        product: row.product,
        plan: row.plan,
        state: state.to_owned(),
        added_at: stamp(row.added_at),
        instance: row.instance.map(|instance| instance.to_string()),
    }
}
