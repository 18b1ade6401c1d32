//! What a person does by hand counts as a driver's done.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{ByHand, Delivery, Reported, Store, Verdict};
use turnkey_core::{
    Access, Fault, FaultKind, InstanceId, InstanceState, OperationKind, OrderKind, OrderState,
};
use turnkey_testkit::sample::suspend;

use super::{Backend, Shop, access};

impl<S: Store> Shop<S> {
    /// The same shop, whose product waits for a person.
    fn for_a_person(mut self) -> Self {
        let listing = Arc::get_mut(&mut self.listing).expect("nobody has it yet");
        let product = Arc::get_mut(&mut listing.product).expect("nobody has it yet");
        product.not_yet_for_ms = None;
        self
    }

    async fn deliver(
        &self,
        instance: &InstanceId,
        access: Option<Access>,
    ) -> Result<ByHand, Fault> {
        let delivery = Delivery {
            listing: Arc::clone(&self.listing),
            instance: instance.clone(),
            access,
            now: self.now,
        };
        self.store.instance_deliver(delivery).await
    }
}

pub(crate) async fn what_a_person_did_is_done(backend: &impl Backend) {
    let shop = Shop::slow(backend).for_a_person();
    let id = shop.create("a").await;
    let fault = shop.deliver(&id, None).await.unwrap_err();
    assert_eq!(fault.code, "access_missing");
    shop.admit(suspend(&id)).await.unwrap();
    let by_hand = shop.deliver(&id, Some(access("one"))).await.unwrap();
    assert_eq!(by_hand.kind, OperationKind::Provision);
    assert!(by_hand.is_next_due, "the suspend may go now");
    let Outcome::Delivered { access: got, .. } = by_hand.end else {
        panic!("{by_hand:?}");
    };
    assert_eq!(got, access("one"));
    let instance = shop.instance(&id).await;
    assert_eq!(instance.state, InstanceState::Suspended);
    let order = shop.order(OrderKind::Create, "a").await.unwrap();
    assert_eq!(order.state, OrderState::Fulfilled);

    let by_hand = shop.deliver(&id, None).await.unwrap();
    assert_eq!(by_hand.kind, OperationKind::Suspend);
    assert_eq!(shop.instance(&id).await.access, Some(access("one")));
    let fault = shop.deliver(&id, None).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.code),
        (FaultKind::Conflict, "nothing_to_deliver")
    );
    let fault = shop
        .deliver(&InstanceId::new("i-gone"), None)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
}

pub(crate) async fn a_person_ends_what_is_dead(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    let id = shop.create("a").await;
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::Retry("down".to_owned())).await;
    shop.wait(shop.listing.product.give_up_after_ms);
    let work = shop.claim_one().await;
    let dead = shop.report(&work, Verdict::Retry("down".to_owned())).await;
    assert!(matches!(dead, Reported::Dead { .. }));
    shop.deliver(&id, Some(access("one"))).await.unwrap();
    assert_eq!(shop.instance(&id).await.state, InstanceState::Running);
    assert_eq!(shop.operations().await, []);
}

pub(crate) async fn nobody_delivers_what_a_driver_is_at(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let id = shop.create("a").await;
    for _ in 0..2 {
        let fault = shop.deliver(&id, Some(access("one"))).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.code),
            (FaultKind::Conflict, "driver_at_work")
        );
        shop.claim(1).await;
    }
    assert_eq!(shop.instance(&id).await.state, InstanceState::Provisioning);
}

pub(crate) async fn a_late_answer_to_what_a_person_did_is_stale(backend: &impl Backend) {
    let shop = Shop::slow(backend).for_a_person();
    let id = shop.create("a").await;
    let work = shop.claim_one().await;
    shop.deliver(&id, Some(access("one"))).await.unwrap();
    let late = Verdict::Done(Some(access("late")));
    assert_eq!(shop.report(&work, late).await, Reported::Stale);
    assert_eq!(shop.instance(&id).await.access, Some(access("one")));
}
