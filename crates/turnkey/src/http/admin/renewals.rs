//! `instances/{id}/renew`: an instance whose term is ours to keep is renewed by hand, as its buyer
//! would at a marketplace.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::OrderFilter;
use turnkey_core::{
    Call, Digest, EventKind, Intent, OrderKey, OrderKind, OrderRef, Period, Renew, Unit,
};
use utoipa::ToSchema;

use crate::http::admin::failure::Failure;
use crate::http::admin::instances::{self, InstanceView};
use crate::http::admin::wire::{Answer, Json, Path};
use crate::http::admin::{Admin, Caller};

/// What marks the key of an order that a person made.
const BY_HAND: &str = "by-hand:";

/// Longest key that a person gives: what a store keeps as it is, and shows.
const KEY_CHARS_MAX: usize = 48;

/// For how long an instance is renewed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewAsk {
    /// `MONTH`, `YEAR` or `DAY`.
    #[schema(examples("MONTH"))]
    pub unit: String,
    /// How many of them.
    #[schema(minimum = 1, examples(1))]
    pub duration: u32,
    /// What makes it one renewal however often it is asked for.
    #[schema(examples("2026-11-26 by phone"))]
    pub key: String,
}

/// What a renewal made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RenewedView {
    /// The order of the renewal.
    pub order: String,
    /// What it costs, where that is our business.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(examples("300.00 CNY"))]
    pub price: Option<String>,
    /// The instance, as it is now.
    pub instance: InstanceView,
}

/// Renews an instance whose term is ours to keep. It is billed, and taken as paid.
#[utoipa::path(post, path = "/api/v1/instances/{id}/renew", tag = "instances",
    params(("id" = String, Path)), responses((status = OK, body = RenewedView)))]
pub(super) async fn renew(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(ask): Json<RenewAsk>,
) -> Answer<RenewedView> {
    let instance = admin.instance(&id).await?;
    let listing = admin.listing(&instance.listing);
    let listing = listing.ok_or_else(|| instances::unknown(&id))?;
    if listing.own_terms.is_none() {
        let message = format!(
            "the marketplace keeps the terms of listing {:?}: it is renewed there",
            listing.name
        );
        let conflict = StatusCode::CONFLICT;
        return Err(Failure::new(conflict, "terms_elsewhere", message));
    }
    let period = ask.period()?;
    let key = ask.order_key()?;
    let text = period.to_string();
    let renew = Renew {
        order: OrderRef {
            key: key.clone(),
            content: Digest::of(&[("instance", Some(&id)), ("period", Some(&text))]),
        },
        instance: instance.id.clone(),
        spec: listing.offers.spec_of(&instance.plan).to_owned(),
        package: None,
        period,
    };
    let call = Call::ours(Intent::Renew(renew));
    // Kept first: nothing is done by hand that nobody hears of.
    let (kind, about) = (EventKind::OperatorActed, instances::about(&instance));
    let message = format!("asked to renew {id} for {text}");
    admin.note(&caller, kind, about, message).await?;
    // It is committed when this returns; the driver may take its time.
    admin.desk.submit(&listing, Arc::new(call), 0).await?;
    let filter = OrderFilter {
        listing: Some(listing.name.clone()),
        kind: Some(OrderKind::Renew),
        key: Some(key),
        ..OrderFilter::default()
    };
    let found = admin.store.order_find(filter, None, 1).await?;
    let order = found.rows.into_iter().next();
    let order = order.ok_or_else(|| instances::unknown(&id))?.id;
    let bill = admin.store.bill_get(order.clone()).await?;
    let price = bill.and_then(|bill| bill.price);
    Ok(Json(RenewedView {
        order: order.to_string(),
        price: price.map(|price| price.to_string()),
        instance: instances::view(&admin.instance(&id).await?),
    }))
}

impl RenewAsk {
    fn period(&self) -> Result<Period, Failure> {
        let unit = self.unit.to_ascii_lowercase();
        let unit = Unit::ALL.into_iter().find(|known| known.name() == unit);
        let period = unit.and_then(|unit| Period::new(self.duration, unit).ok());
        period.ok_or_else(|| {
            wrong(format!(
                "{} {:?} is no time to renew for",
                self.duration, self.unit
            ))
        })
    }

    fn order_key(&self) -> Result<OrderKey, Failure> {
        let is_key = (1..=KEY_CHARS_MAX).contains(&self.key.chars().count());
        if !is_key {
            let message = format!(
                "key is not 1 to {KEY_CHARS_MAX} characters: it tells one renewal from the next"
            );
            return Err(wrong(message));
        }
        Ok(OrderKey::new(format!("{BY_HAND}{}", self.key)))
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "body_wrong", message)
}
