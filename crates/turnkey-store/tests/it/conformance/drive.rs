//! Operations: claimed once, in order, under a lease; what failed can be taken up again.

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Reported, Store, Verdict};
use turnkey_core::{
    FaultKind, InstanceState, OperationKind, OperationState, OrderKind, OrderState, Step,
};
use turnkey_testkit::sample::{change_plan, create, release, renew, suspend};

use super::{AGAIN_IN_MS, Backend, LEASE_MS, Shop, access};

pub(crate) async fn a_create_in_two_commits(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let work = shop.claim_one().await;
    assert_eq!(work.kind, OperationKind::Provision);
    assert_eq!(
        (&work.instance, work.attempt, work.dry_run),
        (&instance, 1, false)
    );
    assert_eq!(work.order.as_ref().unwrap().key.as_str(), "order-1");
    let reported = shop
        .report(&work, Verdict::Done(Some(access("secret"))))
        .await;
    let delivered = Outcome::Delivered {
        instance: instance.clone(),
        access: access("secret"),
    };
    assert_eq!(
        reported,
        Reported::Over {
            end: Ok(delivered.clone()),
            is_next_due: false,
            in_name_only: false
        }
    );
    assert_eq!(shop.operations().await, []);
    let repeat = shop.admit(create("order-1")).await.unwrap();
    assert_eq!((repeat.answer, repeat.waits_for), (Ok(delivered), None));
    let order = shop.order(OrderKind::Create, "order-1").await.unwrap();
    assert_eq!((order.state, order.version), (OrderState::Fulfilled, 2));
}

pub(crate) async fn two_claimers_never_get_the_same_operation(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    for n in 0..20 {
        shop.create(&format!("order-{n}")).await;
    }
    let (a, b, c) = tokio::join!(shop.claim(8), shop.claim(8), shop.claim(8));
    let mut got: Vec<_> = [a, b, c]
        .into_iter()
        .flat_map(|claimed| claimed.works)
        .map(|work| work.operation)
        .collect();
    assert_eq!(got.len(), 20);
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 20, "nobody got what another has");
}

pub(crate) async fn a_claim_says_when_the_next_one_is_due(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    assert_eq!(shop.claim(10).await.next_due_at, None);
    shop.create("order-1").await;
    shop.create("order-2").await;
    let first = shop.claim(1).await;
    assert_eq!(first.works.len(), 1);
    assert_eq!(first.next_due_at, Some(shop.now.wall));
    let second = shop.claim(10).await;
    assert_eq!(second.works.len(), 1);
    assert_eq!(second.next_due_at, Some(shop.now.wall.plus_ms(LEASE_MS)));
}

pub(crate) async fn a_lease_that_ran_out_lets_another_claim(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let late = shop.claim_one().await;
    shop.wait(LEASE_MS - 1);
    assert_eq!(shop.claim(10).await.works, []);
    shop.wait(1);
    let next = shop.claim_one().await;
    assert_eq!(
        next.operation, late.operation,
        "the key is the same on every attempt"
    );
    assert!(next.fence > late.fence);
    assert_eq!(next.attempt, 2);
    let before = shop.contents().await;
    let stale = shop.report(&late, Verdict::No("too late".to_owned())).await;
    assert_eq!(stale, Reported::Stale);
    assert_eq!(shop.contents().await, before);
    let reported = shop.report(&next, Verdict::Done(None)).await;
    assert!(
        matches!(reported, Reported::Over { end: Ok(_), .. }),
        "{reported:?}"
    );
    assert_eq!(shop.instance(&instance).await.state, InstanceState::Running);
    let again = shop.report(&next, Verdict::Done(None)).await;
    assert_eq!(again, Reported::Stale, "what is over is over");
}

pub(crate) async fn a_renewed_lease_is_kept(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    shop.create("order-1").await;
    let work = shop.claim_one().await;
    let until = shop.now.wall.plus_ms(2 * LEASE_MS);
    let held = [(work.operation.clone(), work.fence)];
    let still = shop.store.operation_renew_lease(held.to_vec(), until).await;
    assert_eq!(still.unwrap(), std::slice::from_ref(&work.operation));
    shop.wait(LEASE_MS);
    assert_eq!(shop.claim(10).await.works, []);
    shop.wait(LEASE_MS);
    shop.claim_one().await;
    let still = shop.store.operation_renew_lease(held.to_vec(), until).await;
    assert_eq!(still.unwrap(), [], "it has another fence now");
}

pub(crate) async fn operations_of_an_instance_are_done_in_order(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    shop.admit(change_plan("change", &instance)).await.unwrap();
    shop.admit(suspend(&instance)).await.unwrap();
    shop.create("order-2").await;
    assert_eq!(shop.claim(10).await.works.len(), 2, "one for each instance");
    shop.wait(LEASE_MS);
    let mut done = Vec::new();
    for _ in 0..3 {
        let works = shop.claim(10).await.works;
        let work = works.iter().find(|work| work.instance == instance).unwrap();
        done.push(work.kind);
        shop.report(work, Verdict::Done(None)).await;
    }
    use OperationKind as K;
    assert_eq!(done, [K::Provision, K::ChangePlan, K::Suspend]);
    let stored = shop.instance(&instance).await;
    assert_eq!(
        (stored.plan.as_str(), stored.state),
        ("solo", InstanceState::Suspended)
    );
}

pub(crate) async fn what_was_postponed_is_asked_again(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    shop.create("order-1").await;
    let work = shop.claim_one().await;
    let note = "stderr: connection refused";
    assert_eq!(
        shop.report(&work, Verdict::Retry(note.to_owned())).await,
        Reported::Again
    );
    let operation = shop.operations().await.remove(0);
    assert_eq!(operation.state, OperationState::Retrying);
    assert_eq!(operation.due_at, Some(shop.now.wall.plus_ms(AGAIN_IN_MS)));
    assert_eq!(operation.note.as_deref(), Some(note));
    assert_eq!(shop.claim(10).await.works, []);
    shop.wait(AGAIN_IN_MS);
    let work = shop.claim_one().await;
    assert_eq!(work.attempt, 2);
    assert_eq!(
        shop.report(&work, Verdict::NotYet(Some(5_000))).await,
        Reported::Again
    );
    assert_eq!(
        shop.claim(10).await.next_due_at,
        Some(shop.now.wall.plus_ms(5_000))
    );
}

pub(crate) async fn what_is_dead_can_be_reopened(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    shop.create("order-1").await;
    let first = shop.claim_one().await;
    shop.wait(shop.listing.product.give_up_after_ms);
    let work = shop.claim_one().await;
    assert_eq!(
        shop.report(&work, Verdict::Retry("down".to_owned())).await,
        Reported::Dead {
            in_name_only: false
        }
    );
    assert_eq!(shop.claim(10).await.works, []);
    assert_eq!(shop.operations().await[0].state, OperationState::Dead);
    shop.store
        .operation_reopen(work.operation.clone(), shop.now)
        .await
        .unwrap();
    let reopened = shop.claim_one().await;
    assert_eq!(reopened.operation, first.operation);
    assert!(reopened.fence > work.fence);
    let reported = shop.report(&reopened, Verdict::Done(None)).await;
    assert!(
        matches!(reported, Reported::Over { end: Ok(_), .. }),
        "{reported:?}"
    );
    let over = shop.store.operation_reopen(work.operation, shop.now).await;
    assert_eq!(over.unwrap_err().kind, FaultKind::Unknown);
}

pub(crate) async fn what_was_refused_can_be_reopened(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let work = shop.claim_one().await;
    let reported = shop.report(&work, Verdict::No("sold out".to_owned())).await;
    let Reported::Over {
        end: Err(refusal), ..
    } = reported
    else {
        panic!("a no is a no: {reported:?}");
    };
    let order = shop.order(OrderKind::Create, "order-1").await.unwrap();
    assert_eq!(order.state, OrderState::Failed);
    assert_eq!(order.refusal.as_deref(), Some("sold out"));
    let repeat = shop.admit(create("order-1")).await.unwrap();
    assert_eq!(repeat.answer, Err(refusal), "repeats get the same failure");

    shop.store
        .operation_reopen(work.operation.clone(), shop.now)
        .await
        .unwrap();
    let joined = shop.admit(create("order-1")).await.unwrap();
    assert_eq!(
        joined.waits_for.as_ref(),
        Some(&work.operation),
        "a repeat joins the work"
    );
    let again = shop.claim_one().await;
    assert_eq!(
        (&again.operation, &again.instance),
        (&work.operation, &instance)
    );
    assert!(again.fence > work.fence, "an answer from before is stale");
    assert_eq!(
        shop.report(&work, Verdict::Done(None)).await,
        Reported::Stale
    );
    shop.report(&again, Verdict::Done(Some(access("secret"))))
        .await;
    let order = shop.order(OrderKind::Create, "order-1").await.unwrap();
    assert_eq!((order.state, order.refusal), (OrderState::Fulfilled, None));
    let nobody = turnkey_core::OperationId::new("op-nobody");
    let unknown = shop.store.operation_reopen(nobody, shop.now).await;
    assert_eq!(unknown.unwrap_err().kind, FaultKind::Unknown);
}

pub(crate) async fn a_queued_change_is_dropped_by_a_release(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let provision = shop.claim_one().await;
    shop.admit(change_plan("change", &instance)).await.unwrap();
    shop.admit(release(&instance)).await.unwrap();
    let order = shop.order(OrderKind::ChangePlan, "change").await.unwrap();
    assert_eq!(order.state, OrderState::Cancelled);
    shop.report(&provision, Verdict::Done(Some(access("secret"))))
        .await;
    assert_eq!(shop.claim_one().await.kind, OperationKind::Release);
}

pub(crate) async fn a_release_erases_the_access(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let instance = shop.create("order-1").await;
    shop.admit(renew("renewal", &instance)).await.unwrap();
    shop.admit(release(&instance)).await.unwrap();
    let stored = shop.instance(&instance).await;
    assert_eq!(
        (stored.state, stored.access),
        (InstanceState::Released, None)
    );
    let gone = shop.admit(release(&instance)).await.unwrap();
    assert_eq!(gone.answer, Ok(Outcome::Gone));
    let history = shop.store.history_list(instance, 2, 10).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(
        (history[0].kind, history[0].step),
        (OperationKind::Release, Step::Done)
    );
}
