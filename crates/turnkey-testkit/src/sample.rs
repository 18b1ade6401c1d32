//! A listing to try things on, and calls for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use turnkey_core::ports::{Admission, Driver, FreshIds, UnitIds};
use turnkey_core::storefront::PURCHASE_QUANTITY_MAX;
use turnkey_core::{
    Account, Call, ChangePlan, Create, Digest, Ends, InstanceId, Intent, Listing, Now, Offer,
    Offers, OperationId, OrderId, OrderKey, OrderRef, OwnTerms, Payment, Period, Plan, Price,
    Product, Reason, Renew, Slow, Storefront, Unit, UtcMillis,
};

/// 2026-01-31 04:00:00 UTC, which is noon in Shanghai.
pub const NOON: UtcMillis = UtcMillis(1_769_832_000_000);

/// The listing `notes-market`: plans `team` (spec 规格, package 套餐) and `solo` (spec solo, any
/// package), key `sample-key`, a day of patience with the driver.
#[must_use]
pub fn listing(driver: Arc<dyn Driver>) -> Listing {
    let plan = |params: &str| Plan {
        params: params.to_owned(),
    };
    let plans = [("team", plan(r#"{"seats":10}"#)), ("solo", plan("{}"))];
    let offer = |spec: &str, package: Option<&str>, plan: &str| Offer {
        spec: spec.to_owned(),
        package: package.map(str::to_owned),
        plan: plan.to_owned(),
        price: None,
    };
    Listing {
        name: "notes-market".to_owned(),
        product: Arc::new(Product {
            name: "notes".to_owned(),
            plans: plans.map(|(name, plan)| (name.to_owned(), plan)).into(),
            driver,
            dry_run: false,
            give_up_after_ms: 24 * 3_600_000,
            not_yet_for_ms: Some(24 * 3_600_000),
            stock_low: 0,
        }),
        product_code: None,
        keys: vec!["sample-key".to_owned().into()],
        offers: Offers::Listed(vec![
            offer("规格", Some("套餐"), "team"),
            offer("solo", None, "solo"),
        ]),
        public_url: "https://deliver.example.com".to_owned(),
        reply_within_ms: 12_000,
        clock_skew_ms: 300_000,
        slow: Slow::Wait,
        reveal_for_ms: 7 * 86_400_000,
        time_zone: jiff::tz::TimeZone::get("Asia/Shanghai").expect("the zone is bundled"),
        ends: Ends::Exact,
        own_terms: None,
        storefront: None,
    }
}

/// The listing `bastion`, a storefront: specs basic < standard < premium at 300, 600 and 900 yuan a
/// month, ten times that a year; regions cn-north-1 (zones a, b) and cn-south-1; account `sample`
/// (sample-ak, sample-sk) and `other` (other-ak, other-sk); orders are taken as paid.
#[must_use]
pub fn storefront(driver: Arc<dyn Driver>) -> Listing {
    let offer = |spec: &str, month: i64| Offer {
        spec: spec.to_owned(),
        package: None,
        plan: format!("{spec}-plan"),
        price: Some(Price {
            month: Some(month),
            year: Some(10 * month),
            currency: "CNY".to_owned(),
        }),
    };
    let offers = [("basic", 30_000), ("standard", 60_000), ("premium", 90_000)];
    let account = |name: &str| Account {
        name: name.to_owned(),
        access_key: format!("{name}-ak"),
        secrets: vec![format!("{name}-sk").into()],
        is_enabled: true,
    };
    let region = |name: &str| {
        let zones = ["a", "b"].map(|zone| format!("{name}{zone}"));
        (name.to_owned(), zones.to_vec())
    };
    let listing = listing(driver);
    let plans = offers.map(|(spec, _)| (format!("{spec}-plan"), Plan::default()));
    let product = Arc::new(Product {
        name: "bastion".to_owned(),
        plans: plans.into(),
        driver: Arc::clone(&listing.product.driver),
        dry_run: false,
        give_up_after_ms: listing.product.give_up_after_ms,
        not_yet_for_ms: listing.product.not_yet_for_ms,
        stock_low: 0,
    });
    Listing {
        name: "bastion".to_owned(),
        product,
        keys: Vec::new(),
        offers: Offers::Listed(offers.map(|(spec, month)| offer(spec, month)).into()),
        clock_skew_ms: 900_000,
        ends: Ends::EndOfDay,
        own_terms: Some(OwnTerms {
            grace_ms: 7 * 86_400_000,
        }),
        storefront: Some(Storefront {
            accounts: ["sample", "other"].map(account).into_iter().collect(),
            regions: ["cn-north-1", "cn-south-1"].map(region).into(),
            payment: Payment::Trusted,
            unpaid_after_ms: 86_400_000,
        }),
        ..listing
    }
}

/// A paid create of plan `team` for a year under `key`.
#[must_use]
pub fn create(key: &str) -> Intent {
    Intent::Create(Create {
        order: order(key, "team"),
        buyer: "usr-u5JDC3MS".to_owned(),
        spec: "规格".to_owned(),
        package: Some("套餐".to_owned()),
        period: year(),
        context: BTreeMap::new(),
    })
}

/// A paid renewal by a year under `key`.
#[must_use]
pub fn renew(key: &str, instance: &InstanceId) -> Intent {
    Intent::Renew(Renew {
        order: order(key, "team"),
        instance: instance.clone(),
        spec: "规格".to_owned(),
        package: Some("套餐".to_owned()),
        period: year(),
    })
}

/// A paid move to plan `solo` under `key`.
#[must_use]
pub fn change_plan(key: &str, instance: &InstanceId) -> Intent {
    Intent::ChangePlan(ChangePlan {
        order: order(key, "solo"),
        instance: instance.clone(),
        spec: "solo".to_owned(),
        package: None,
        period: year(),
    })
}

/// The marketplace's suspend.
#[must_use]
pub fn suspend(instance: &InstanceId) -> Intent {
    Intent::Suspend(instance.clone(), Reason::Marketplace)
}

/// The marketplace's resume.
#[must_use]
pub fn resume(instance: &InstanceId) -> Intent {
    Intent::Resume(instance.clone(), Reason::Marketplace)
}

/// The marketplace's release.
#[must_use]
pub fn release(instance: &InstanceId) -> Intent {
    Intent::Release(instance.clone())
}

/// A real call of `intent`, signed at `now`.
#[must_use]
pub fn call(intent: Intent, now: Now) -> Call {
    Call {
        caller: None,
        intent,
        dry_run: false,
        signed_at: Some(now.wall),
    }
}

/// `call` at `listing`, with the `n`th set of fresh ids.
#[must_use]
pub fn admission(listing: &Arc<Listing>, call: Call, now: Now, n: u64) -> Admission {
    Admission {
        listing: Arc::clone(listing),
        call: Arc::new(call),
        fresh: fresh(n),
        now,
        lease_ms: None,
    }
}

/// The `n`th set of fresh ids: 26 characters each, in order.
#[must_use]
pub fn fresh(n: u64) -> FreshIds {
    FreshIds {
        units: (1..=u128::from(PURCHASE_QUANTITY_MAX))
            .map(|unit| u128::from(n) * 100 + unit)
            .map(|unit| UnitIds {
                order: OrderId::new(format!("o-{unit:026}")),
                instance: InstanceId::new(format!("i-{unit:026}")),
            })
            .collect(),
        order: OrderId::new(format!("o-{n:026}")),
        instance: InstanceId::new(format!("i-{n:026}")),
        operation: OperationId::new(format!("op-9{n:025}")),
    }
}

fn order(key: &str, content: &str) -> OrderRef {
    let content = Digest::of(&[("plan", Some(content))]);
    OrderRef {
        key: OrderKey::new(key),
        content,
    }
}

fn year() -> Period {
    Period::new(1, Unit::Year).expect("a year is a period")
}
