//! Purchases and their payment.

use turnkey_core::ports::{Settlement, Store as _, Verdict, Work};
use turnkey_core::{InstanceState, Intent, OperationKind, OrderId, OrderState, Reason, Stage};
use turnkey_testkit::{done, sample};

use crate::front::Front;

use super::till::{DAY_MS, Shop, at, exact, later, required, trusted, who};

/// Refuses the third unit of a purchase for good, until it is told otherwise by the plan.
fn picky(work: &Work) -> Verdict {
    let is_third = work
        .order
        .as_ref()
        .is_some_and(|order| order.key.as_str().ends_with(".3"));
    if work.kind == OperationKind::Provision && is_third && work.attempt == 1 && work.fence == 0 {
        return Verdict::No("no room".to_owned());
    }
    done(work)
}

#[test]
fn a_purchase_is_as_many_orders_and_a_repeat_is_the_same_one() {
    trusted().play(async |front| {
        let shop = Shop::of(&front);
        let first = shop.buy(&who(), "t", 5, false).await.unwrap();
        assert_eq!(first.1.len(), 5);
        assert_eq!(shop.buy(&who(), "t", 5, false).await.unwrap(), first);
        let other = shop.buy(&who(), "t", 4, false).await.unwrap_err();
        assert_eq!(other.code, "order_content_differs");
        for (quantity, code) in [(0, "quantity_out_of_range"), (51, "quantity_out_of_range")] {
            let refused = shop.buy(&who(), "u", quantity, false).await.unwrap_err();
            assert_eq!(refused.code, code);
        }
        assert_eq!(shop.buy(&who(), "v", 50, false).await.unwrap().1.len(), 50);
        let rows = shop
            .open
            .store
            .purchase_orders(first.0.clone())
            .await
            .unwrap();
        let ids: Vec<_> = rows.iter().map(|(order, _)| order.id.clone()).collect();
        assert_eq!(ids, first.1);
        for (order, bill) in rows {
            assert_eq!(order.state, OrderState::Fulfilled);
            assert_eq!(bill.purchase, first.0);
            assert_eq!(bill.price.unwrap().to_string(), "300.00 CNY");
        }
        // Only its buyer sees it, in its region.
        let seen = |buyer: &str, region: &str| {
            let (buyer, region) = (buyer.to_owned(), region.to_owned());
            shop.open
                .store
                .instances_of_buyer("bastion".to_owned(), buyer, region, 1_000)
        };
        assert_eq!(seen("sample", "cn-north-1").await.unwrap().len(), 55);
        assert_eq!(seen("other", "cn-north-1").await.unwrap(), []);
        assert_eq!(seen("sample", "cn-south-1").await.unwrap(), []);
    });
}

#[test]
fn a_unit_that_is_refused_for_good_leaves_the_others_delivered_and_can_be_repaired() {
    Front::at(sample::NOON, picky, &[exact]).play(async |front| {
        let shop = Shop::of(&front);
        let (purchase, orders) = shop.buy(&who(), "t", 5, false).await.unwrap();
        let states = async || {
            let rows = shop
                .open
                .store
                .purchase_orders(purchase.clone())
                .await
                .unwrap();
            rows.iter()
                .map(|(order, _)| order.state)
                .collect::<Vec<_>>()
        };
        let mut expected = [OrderState::Fulfilled; 5];
        expected[2] = OrderState::Failed;
        assert_eq!(states().await, expected);
        let refused = shop.open.order(&orders[2]).await;
        assert_eq!(refused.refusal.as_deref(), Some("no room"));
        assert_eq!(shop.state(&refused.instance).await, InstanceState::Failed);
        // A repeat sells nothing more.
        assert_eq!(shop.buy(&who(), "t", 5, false).await.unwrap().1, orders);
        assert_eq!(
            shop.open
                .store
                .instance_list(None, 100)
                .await
                .unwrap()
                .len(),
            5
        );
        // It fails for weeks; then a person takes it up, and its runner delivers it.
        shop.open.advance(at(9 * DAY_MS)).await;
        shop.open.desk.reopen(orders[2].operation()).await.unwrap();
        assert_eq!(shop.open.run_due(&front).await, 1);
        assert_eq!(states().await, [OrderState::Fulfilled; 5]);
        assert_eq!(shop.state(&refused.instance).await, InstanceState::Running);
        assert_eq!(
            shop.open
                .store
                .instance_list(None, 100)
                .await
                .unwrap()
                .len(),
            5
        );
    });
}

#[test]
fn what_is_not_paid_waits_begins_when_it_is_paid_and_is_taken_back_in_the_end() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let (_, orders) = shop.buy(&later(), "t", 3, false).await.unwrap();
        let first = shop.open.order(&orders[0]).await;
        assert_eq!(first.state, OrderState::AwaitingPayment);
        assert_eq!(
            shop.state(&first.instance).await,
            InstanceState::Provisioning
        );
        assert_eq!(
            shop.open.bill(&orders[0]).await.unpaid_until,
            Some(at(DAY_MS))
        );
        // Nothing of it can be used before.
        for intent in [
            Intent::Suspend(first.instance.clone(), Reason::Marketplace),
            Intent::Resume(first.instance.clone(), Reason::Marketplace),
        ] {
            let refused = shop.open.call(&shop.listing, &who(), intent).await;
            assert_eq!(refused.unwrap_err().code, "instance_state");
        }
        let refused = shop.upgrade(&who(), &first.instance, "standard").await;
        assert_eq!(refused.unwrap_err().code, "instance_state");
        shop.open.advance(at(5_000)).await;
        for _ in 0..2 {
            shop.settle(&orders[0], Settlement::Pay).await.unwrap();
            shop.settle(&orders[1], Settlement::Cancel).await.unwrap();
        }
        let paid = shop.open.instance(&first.instance).await;
        assert_eq!(paid.state, InstanceState::Running);
        assert_eq!(
            paid.term.starts_at,
            at(5_000),
            "the term begins with the payment"
        );
        assert_eq!(paid.term.ends_at, at(28 * DAY_MS + 5_000));
        assert_eq!(shop.open.bill(&orders[0]).await.unpaid_until, None);
        assert_eq!(
            shop.open.order(&orders[0]).await.accepted_at.business,
            at(5_000)
        );
        let history = shop
            .open
            .store
            .history_list(paid.id.clone(), 0, 10)
            .await
            .unwrap();
        let steps: Vec<_> = history.iter().map(|row| row.step.name()).collect();
        assert_eq!(steps, ["accepted", "done"]);
        // The others go: one was taken back, one is forgotten after a day.
        let other = shop
            .settle(&orders[0], Settlement::Cancel)
            .await
            .unwrap_err();
        assert_eq!(other.code, "order_state");
        let other = shop.settle(&orders[1], Settlement::Pay).await.unwrap_err();
        assert_eq!(other.code, "order_state");
        shop.open.advance(at(DAY_MS - 1)).await;
        assert_eq!(
            shop.open.order(&orders[2]).await.state,
            OrderState::AwaitingPayment
        );
        shop.open.advance(at(DAY_MS)).await;
        for order in &orders[1..] {
            let order = shop.open.order(order).await;
            assert_eq!(order.state, OrderState::Cancelled);
            assert_eq!(shop.state(&order.instance).await, InstanceState::Released);
            let subscription = shop.open.subscription(&order.instance).await;
            assert_eq!(
                (subscription.stage, subscription.look_at),
                (Stage::Over, None)
            );
        }
        let unknown = shop.settle(&OrderId::new("o-none"), Settlement::Pay).await;
        assert_eq!(unknown.unwrap_err().code, "order_unknown");
    });
}
