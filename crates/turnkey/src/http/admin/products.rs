//! `products`: what is delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::Product;
use utoipa::ToSchema;

use crate::http::admin::Admin;
use crate::http::admin::wire::{Answer, Json, Page};

/// What is delivered: plans, and a driver.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProductView {
    /// Its name.
    pub name: String,
    /// Its plans and what they tell the driver.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub plans: BTreeMap<String, serde_json::Value>,
    /// Whether it is delivered within the call, without a driver that takes time.
    pub immediate: bool,
    /// Whether its driver is asked on dry runs.
    pub dry_run: bool,
    /// How long an operation is retried, in milliseconds.
    pub give_up_after_ms: u64,
    /// The listings that sell it.
    pub listings: Vec<String>,
}

/// What is delivered, by name. A product that no listing sells is not shown.
#[utoipa::path(get, path = "/api/v1/products", tag = "products",
    responses((status = OK, body = Page<ProductView>)))]
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer<Page<ProductView>> {
    let mut products: BTreeMap<String, ProductView> = BTreeMap::new();
    for sold in &admin.sold {
        let listing = sold.listed.listing();
        let product = &listing.product;
        products
            .entry(product.name.clone())
            .or_insert_with(|| view(product))
            .listings
            .push(listing.name.clone());
    }
    Ok(Json(Page {
        items: products.into_values().collect(),
        next: None,
    }))
}

fn view(product: &Product) -> ProductView {
    let plan = |(name, plan): (&String, &turnkey_core::Plan)| {
        let params = serde_json::from_str(&plan.params).unwrap_or_default();
        (name.clone(), params)
    };
    ProductView {
        name: product.name.clone(),
        plans: product.plans.iter().map(plan).collect(),
        immediate: product.driver.immediate().is_some(),
        dry_run: product.dry_run,
        give_up_after_ms: product.give_up_after_ms,
        listings: Vec::new(),
    }
}
