//! What storefronts add to orders: prices, and until when they may be paid.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use turnkey_core::{Bill, Fault, Listing, Money, Order};
use utoipa::ToSchema;

use crate::http::admin::Admin;

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoneyView {
    /// How much, in the minor unit of the currency.
    #[schema(examples(30000))]
    pub minor: i64,
    /// The currency's three letters, as ISO 4217 has them.
    #[schema(examples("CNY"))]
    pub currency: String,
    /// The same for people.
    #[schema(examples("300.00 CNY"))]
    pub text: String,
}

impl From<&Money> for MoneyView {
    fn from(money: &Money) -> Self {
        Self {
            minor: money.minor,
            currency: money.currency.clone(),
            text: money.to_string(),
        }
    }
}

impl Admin {
    /// The listing called `name`.
    pub(super) fn listing(&self, name: &str) -> Option<Arc<Listing>> {
        let mut all = self.sold.iter().map(|sold| sold.listed.listing());
        all.find(|listing| listing.name == name)
    }

    /// The bill of `order`. Only storefronts write bills, so for others nobody looks.
    pub(super) async fn bill(&self, order: &Order) -> Result<Option<Bill>, Fault> {
        let listing = self.listing(&order.listing);
        if listing.is_none_or(|listing| listing.own_terms.is_none()) {
            return Ok(None);
        }
        self.store.bill_get(order.id.clone()).await
    }

    /// Every one of `orders` with its bill.
    pub(super) async fn billed(
        &self,
        orders: Vec<Order>,
    ) -> Result<Vec<(Order, Option<Bill>)>, Fault> {
        let mut billed = Vec::with_capacity(orders.len());
        for order in orders {
            let bill = self.bill(&order).await?;
            billed.push((order, bill));
        }
        Ok(billed)
    }
}
