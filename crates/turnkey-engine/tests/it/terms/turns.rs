//! Reminders, renewals, the end of a term, and what follows it.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Clock as _, Settlement, Store as _, Verdict, Work};
use turnkey_core::{
    InstanceState, Intent, OperationKind, OrderKind, OrderState, Reason, Reasons, Stage,
};
use turnkey_testkit::{done, sample};

use crate::front::{Front, Tune, purchase};

use super::till::{DAY_MS, Shop, at, exact, months, required, trusted, who};

#[test]
fn a_term_is_reminded_of_once_at_each_of_its_days_and_by_whoever_comes_late() {
    trusted().play(async |front| {
        let shop = Shop::of(&front);
        let three = purchase("t", &who(), "basic", 1, months(2), false);
        let (_, orders) = shop.order(&who(), Intent::Buy(three)).await.unwrap();
        let id = shop.open.order(&orders[0]).await.instance;
        let ends = shop.open.instance(&id).await.term.ends_at;
        assert_eq!(ends, at(59 * DAY_MS));
        shop.open.advance(at(45 * DAY_MS)).await;
        for _ in 0..3 {
            shop.open.sweeper.pass().await.unwrap();
        }
        let told = |days: u64| {
            let unit = if days == 1 { "day" } else { "days" };
            let words = format!(
                "the term of instance {id} ends in {days} {unit}: it does not renew itself"
            );
            (59 * DAY_MS - days * DAY_MS, words)
        };
        assert_eq!(shop.reminders(&id).await, [told(30), told(15)]);
        // Nobody looks for some days.
        front.clock.advance(10 * DAY_MS);
        shop.open.sweeper.pass().await.unwrap();
        assert_eq!(shop.reminders(&id).await, [told(30), told(15), told(4)]);
        shop.open.advance(ends).await;
        let all = [30, 15, 4, 3, 1].map(told);
        assert_eq!(shop.reminders(&id).await, all);
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
    });
}

#[test]
fn grace_is_counted_from_the_suspension_and_a_renewal_restores() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        let ends = at(28 * DAY_MS);
        shop.open.advance(at(25 * DAY_MS - 1)).await;
        assert_eq!(shop.orders(&id, OrderKind::Renew).await, []);
        shop.open.advance(ends).await;
        let raised = shop.orders(&id, OrderKind::Renew).await;
        assert_eq!(raised.len(), 1);
        assert_eq!(raised[0].state, OrderState::AwaitingPayment);
        assert_eq!(raised[0].accepted_at.business, at(25 * DAY_MS));
        assert_eq!(shop.price(&raised[0].id).await, Some(30_000));
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        // Paid within the grace: it runs again, and the period is counted from now.
        shop.open.advance(at(30 * DAY_MS)).await;
        shop.settle(&raised[0].id, Settlement::Pay).await.unwrap();
        shop.settle(&raised[0].id, Settlement::Pay).await.unwrap();
        let renewed = shop.open.instance(&id).await;
        assert_eq!(
            (renewed.state, renewed.reasons),
            (InstanceState::Running, Reasons::NONE)
        );
        // NOON is 31 January; 30 days later is 2 March.
        assert_eq!(renewed.term.ends_at, at(61 * DAY_MS));
        let subscription = shop.open.subscription(&id).await;
        assert_eq!(
            (subscription.stage, subscription.period_from),
            (Stage::Term, at(30 * DAY_MS))
        );
        // Paid before the end: from the end on, and nothing stands still.
        shop.open.advance(at(59 * DAY_MS)).await;
        let raised = shop.orders(&id, OrderKind::Renew).await;
        let waits = raised
            .iter()
            .find(|o| o.state == OrderState::AwaitingPayment)
            .unwrap();
        shop.settle(&waits.id, Settlement::Pay).await.unwrap();
        assert_eq!(shop.open.instance(&id).await.term.ends_at, at(91 * DAY_MS));
        shop.open.advance(at(90 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Running);
        // Not paid at all: gone with the grace, and the order with it.
        shop.open.advance(at(98 * DAY_MS - 1)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        shop.open.advance(at(98 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Released);
        let last = shop.orders(&id, OrderKind::Renew).await;
        let states: Vec<_> = last.iter().map(|order| order.state).collect();
        let (cancelled, fulfilled) = (OrderState::Cancelled, OrderState::Fulfilled);
        assert_eq!(states, [cancelled, fulfilled, fulfilled]);
        let refused = shop.settle(&last[0].id, Settlement::Pay).await.unwrap_err();
        assert_eq!(refused.code, "order_state");
    });
}

#[test]
fn whoever_slept_over_the_last_days_still_raises_the_renewal() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        shop.open.sweeper.pass().await.unwrap();
        front.clock.advance(29 * DAY_MS);
        shop.open.sweeper.pass().await.unwrap();
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        let raised = shop.orders(&id, OrderKind::Renew).await;
        shop.settle(&raised[0].id, Settlement::Pay).await.unwrap();
        assert_eq!(shop.state(&id).await, InstanceState::Running);
    });
}

#[test]
fn a_listing_that_trusts_again_does_not_spin_over_an_unpaid_renewal() {
    required().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        shop.open.advance(at(27 * DAY_MS)).await;
        drop(shop);
        let front = front.tuned(exact);
        let shop = Shop::of(&front);
        shop.open.advance(at(28 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        let raised = shop.orders(&id, OrderKind::Renew).await;
        assert_eq!(raised.len(), 1);
        shop.settle(&raised[0].id, Settlement::Pay).await.unwrap();
        assert_eq!(shop.state(&id).await, InstanceState::Running);
    });
}

#[test]
fn no_grace_is_still_a_moment() {
    let none: Tune = |listing| {
        exact(listing);
        listing.own_terms.as_mut().unwrap().grace_ms = 0;
    };
    Front::at(sample::NOON, done, &[none]).play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(false).await;
        shop.open.advance(at(28 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        shop.open.advance(at(28 * DAY_MS + 1)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Released);
    });
}

#[test]
fn what_runs_again_after_its_end_is_suspended_again() {
    trusted().play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(false).await;
        shop.open.advance(at(28 * DAY_MS)).await;
        let buyer = Intent::Resume(id.clone(), Reason::Marketplace);
        let refused = shop
            .open
            .call(&shop.listing, &who(), buyer)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "term_over");
        let operator = sample::call(
            Intent::Resume(id.clone(), Reason::Operator),
            front.clock.now(),
        );
        let answer = shop
            .open
            .desk
            .submit(&shop.listing, Arc::new(operator), 0)
            .await;
        assert_eq!(answer.unwrap().outcome, Outcome::Done);
        assert_eq!(shop.state(&id).await, InstanceState::Running);
        // It runs as long as its grace would have been, and has another from then on.
        shop.open.advance(at(35 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        shop.open.advance(at(42 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Released);
    });
}

/// Says a final no to one kind of work.
fn refusing(kind: OperationKind, work: &Work) -> Verdict {
    if work.kind == kind {
        return Verdict::No("not so".to_owned());
    }
    done(work)
}

#[test]
fn a_drivers_no_to_a_renewal_does_not_undo_the_term() {
    let no = |work: &Work| refusing(OperationKind::Renew, work);
    Front::at(sample::NOON, no, &[exact]).play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(true).await;
        shop.open.advance(at(28 * DAY_MS)).await;
        let order = &shop.orders(&id, OrderKind::Renew).await[0];
        assert_eq!(order.state, OrderState::Failed);
        let instance = shop.open.instance(&id).await;
        assert_eq!(instance.state, InstanceState::Running);
        assert_eq!(instance.term.ends_at, at(59 * DAY_MS));
    });
}

#[test]
fn a_driver_that_refuses_to_remove_is_asked_again() {
    let no = |work: &Work| match work.term.ends_at.0 % 2 {
        0 => refusing(OperationKind::Release, work),
        _ => done(work),
    };
    Front::at(sample::NOON, no, &[exact]).play(async |front| {
        let shop = Shop::of(&front);
        let id = shop.bought(false).await;
        shop.open.advance(at(35 * DAY_MS)).await;
        assert_eq!(shop.state(&id).await, InstanceState::Suspended);
        shop.open.advance(at(37 * DAY_MS)).await;
        let history = shop
            .open
            .store
            .history_list(id.clone(), 0, 10)
            .await
            .unwrap();
        let refused = history.iter().filter(|row| row.step.name() == "refused");
        let moments: Vec<_> = refused.map(|row| row.at.business).collect();
        assert_eq!(moments, [35, 36, 37].map(|days| at(days * DAY_MS)));
    });
}
