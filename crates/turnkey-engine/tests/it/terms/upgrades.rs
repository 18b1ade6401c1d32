//! Another spec: only upwards, and for what is left of the period; and what was bought elsewhere.

use std::sync::Arc;

use turnkey_core::ports::{Clock as _, Import, Settlement, Store as _};
use turnkey_core::{Access, InstanceId, InstanceState, OrderId, OrderKey, OrderKind, OrderState};
use turnkey_testkit::sample;

use super::till::{DAY_MS, Shop, at, later, months, required, trusted, who};

#[test]
fn only_upwards_and_for_what_is_left_of_the_period() {
    trusted().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(false).await;
        shop.open.advance(at(7 * DAY_MS)).await;
        for spec in ["basic", "none"] {
            let refused = shop.upgrade(&who(), &id, spec).await.unwrap_err();
            let code = if spec == "none" {
                "plan_unknown"
            } else {
                "plan_not_larger"
            };
            assert_eq!(refused.code, code);
        }
        // 300 yuan more a month, for 21 of 28 days.
        let order = shop.upgrade(&who(), &id, "standard").await.unwrap();
        assert_eq!(shop.price(&order).await, Some(22_500));
        assert_eq!(shop.upgrade(&who(), &id, "standard").await.unwrap(), order);
        let upgraded = shop.open.instance(&id).await;
        assert_eq!(upgraded.plan, "standard-plan");
        assert_eq!(
            upgraded.term.ends_at,
            at(28 * DAY_MS),
            "the term does not change"
        );
        shop.open.advance(at(28 * DAY_MS)).await;
        let refused = shop.upgrade(&who(), &id, "premium").await.unwrap_err();
        assert_eq!(refused.code, "term_over");
    });
}

#[test]
fn an_upgrade_waits_for_its_payment_and_never_makes_smaller() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        shop.open.advance(at(14 * DAY_MS)).await;
        let standard = shop.upgrade(&later(), &id, "standard").await.unwrap();
        let premium = shop.upgrade(&later(), &id, "premium").await.unwrap();
        assert_eq!(shop.price(&standard).await, Some(15_000));
        assert_eq!(shop.price(&premium).await, Some(30_000));
        assert_eq!(shop.open.instance(&id).await.plan, "basic-plan");
        shop.settle(&premium, Settlement::Pay).await.unwrap();
        assert_eq!(shop.open.instance(&id).await.plan, "premium-plan");
        let refused = shop.settle(&standard, Settlement::Pay).await.unwrap_err();
        assert_eq!(refused.code, "plan_not_larger");
        assert_eq!(shop.open.instance(&id).await.plan, "premium-plan");
        // What is not paid in a day is taken back, and the instance is as it was.
        shop.open.advance(at(15 * DAY_MS)).await;
        assert_eq!(
            shop.open.order(&standard).await.state,
            OrderState::Cancelled
        );
        assert_eq!(shop.state(&id).await, InstanceState::Running);
        // The next period is one of the plan that it has.
        shop.open.advance(at(25 * DAY_MS)).await;
        let raised = &shop.orders(&id, OrderKind::Renew).await[0];
        assert_eq!(shop.price(&raised.id).await, Some(90_000));
        // Whoever has renewed ahead pays for everything that is left: 3 days of this month of 28,
        // and the next of 31.
        shop.settle(&raised.id, Settlement::Pay).await.unwrap();
        let subscription = shop.open.subscription(&id).await;
        assert_eq!(subscription.period_from, at(28 * DAY_MS));
    });
}

#[test]
fn whoever_renewed_ahead_pays_for_all_that_is_left() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        shop.open.advance(at(25 * DAY_MS)).await;
        let raised = &shop.orders(&id, OrderKind::Renew).await[0];
        shop.settle(&raised.id, Settlement::Pay).await.unwrap();
        // 3 days more than the period of 31 days that will run to the end.
        let order = shop.upgrade(&who(), &id, "standard").await.unwrap();
        let price = (30_000 * 34_i64 * 2 + 31) / (2 * 31);
        assert_eq!(shop.price(&order).await, Some(price));
    });
}

#[test]
fn what_is_taken_over_ends_by_our_own_clock() {
    trusted().play(async |front| {
        let shop = Shop::of(&front);
        let id = InstanceId::new("i-from-elsewhere");
        let import = Import {
            listing: Arc::clone(&shop.listing),
            instance: id.clone(),
            plan: "basic-plan".to_owned(),
            buyer: "sample".to_owned(),
            key: OrderKey::new("elsewhere"),
            starts_at: sample::NOON,
            ends_at: at(28 * DAY_MS),
            access: Access::default(),
            context: [("region".to_owned(), "cn-north-1".to_owned())].into(),
            order: OrderId::new("o-from-elsewhere"),
            by: "ops".to_owned(),
            now: front.clock.now(),
        };
        shop.open.store.instance_import(import).await.unwrap();
        let subscription = shop.open.subscription(&id).await;
        assert_eq!(subscription.period, months(1));
        let order = shop.upgrade(&who(), &id, "standard").await.unwrap();
        assert_eq!(shop.price(&order).await, Some(30_000));
        shop.open.advance(at(28 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        shop.open.advance(at(35 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Released);
    });
}
