//! `listings`: what is sold where.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::Offers;
use utoipa::ToSchema;

use crate::http::admin::wire::{Answer, Json, Page};
use crate::http::admin::{Admin, Sold};

/// A product offered through one marketplace at one path. Its keys are not shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ListingView {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub dialect: String,
    /// What it sells.
    pub product: String,
    /// The marketplace's code for it.
    pub product_code: Option<String>,
    /// Where the marketplace calls.
    pub url: String,
    /// How many keys verify; the first one signs.
    pub keys: usize,
    /// What can be bought; absent where whatever is bought is `any_plan`.
    pub offers: Vec<OfferView>,
    /// The plan that anything buys.
    pub any_plan: Option<String>,
    /// How long a call may wait for its driver, in milliseconds.
    pub reply_within_ms: u64,
}

/// How a marketplace's words map to a plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OfferView {
    /// The marketplace's word for the specification.
    pub spec: String,
    /// The marketplace's word for the package; absent: any.
    pub package: Option<String>,
    /// The plan that it buys.
    pub plan: String,
}

/// What is sold where, by name.
#[utoipa::path(get, path = "/api/v1/listings", tag = "listings",
    responses((status = OK, body = Page<ListingView>)))]
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer<Page<ListingView>> {
    Ok(Json(Page {
        items: admin.sold.iter().map(view).collect(),
        next: None,
    }))
}

fn view(sold: &Sold) -> ListingView {
    let listing = sold.listed.listing();
    let (offers, any_plan) = match &listing.offers {
        Offers::AnyPlan(plan) => (Vec::new(), Some(plan.clone())),
        Offers::Listed(offers) => {
            let view = |offer: &turnkey_core::Offer| OfferView {
                spec: offer.spec.clone(),
                package: offer.package.clone(),
                plan: offer.plan.clone(),
            };
            (offers.iter().map(view).collect(), None)
        }
    };
    ListingView {
        name: listing.name.clone(),
        dialect: sold.dialect.card().name.to_owned(),
        product: listing.product.name.clone(),
        product_code: listing.product_code.clone(),
        url: format!("{}{}", listing.public_url, sold.path),
        keys: listing.keys.len(),
        offers,
        any_plan,
        reply_within_ms: listing.reply_within_ms,
    }
}
