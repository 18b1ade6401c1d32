//! Stock: what was made beforehand goes to one instance each, in the order in which it came.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Reported, Store};
use turnkey_core::{
    Access, Fault, FaultKind, InstanceId, InstanceState, NewStock, OperationState, OrderKind,
    OrderState, StockAdded, StockAddition, StockId, StockLevel,
};
use turnkey_testkit::ImmediateDriver;
use turnkey_testkit::sample::{create, release, suspend};

use super::{AGAIN_IN_MS, Backend, Shop, access};

fn pool<S: Store>(backend: &impl Backend<Store = S>) -> Shop<S> {
    Shop::new(backend, Arc::new(ImmediateDriver::from_stock()))
}

impl<S: Store> Shop<S> {
    /// Adds items with the passwords `passwords` for `plan`.
    async fn stock(&self, plan: Option<&str>, passwords: &[&str]) -> Result<StockAdded, Fault> {
        let new = |(line, password): (u64, &&str)| NewStock {
            id: StockId::new(format!("s-{password}")),
            line,
            plan: plan.map(str::to_owned),
            access: access(password),
        };
        let addition = StockAddition {
            product: "notes".to_owned(),
            items: (2..).zip(passwords).map(new).collect(),
            now: self.now,
        };
        self.store.stock_add(addition).await
    }

    /// Free and taken, all plans together.
    async fn level(&self) -> (u64, u64) {
        let levels = self.store.stock_levels().await.unwrap();
        let sum = |part: fn(&StockLevel) -> u64| levels.iter().map(part).sum();
        (sum(|level| level.free), sum(|level| level.taken))
    }

    async fn access(&self, id: &InstanceId) -> Option<Access> {
        self.instance(id).await.access
    }

    /// Does everything that is due.
    async fn run(&self) -> Vec<Reported> {
        let mut reported = Vec::new();
        for work in self.claim(100).await.works {
            let verdict = self.listing.product.driver.drive(work.clone()).await;
            reported.push(self.report(&work, verdict).await);
        }
        reported
    }
}

pub(crate) async fn an_item_goes_to_one_instance_and_repeats_name_it(backend: &impl Backend) {
    let shop = pool(backend);
    let added = shop.stock(None, &["one", "two"]).await.unwrap();
    assert_eq!((added.added, added.reserved), (2, 0));
    assert_eq!(shop.level().await, (2, 0));
    for _ in 0..2 {
        for (key, password) in [("a", "one"), ("b", "two")] {
            let admitted = shop.admit(create(key)).await.unwrap();
            let Ok(Outcome::Delivered { access: got, .. }) = admitted.answer else {
                panic!("{admitted:?}");
            };
            assert_eq!(got, access(password));
        }
        assert_eq!(shop.level().await, (0, 2));
    }
    assert_eq!(shop.operations().await, []);
}

pub(crate) async fn work_that_waits_is_served_oldest_first(backend: &impl Backend) {
    let mut shop = pool(backend);
    let (a, b) = (shop.create("a").await, shop.create("b").await);
    let c = shop.create("c").await;
    assert_eq!(shop.run().await, [const { Reported::Again }; 3]);
    for operation in shop.operations().await {
        assert_eq!(operation.state, OperationState::Due);
        assert!(operation.is_unbegun(), "nothing was asked of anybody");
        let again = shop.now.wall.plus_ms(AGAIN_IN_MS);
        assert_eq!(operation.due_at, Some(again));
    }
    let added = shop.stock(None, &["one", "two"]).await.unwrap();
    assert_eq!((added.added, added.reserved), (2, 2));
    assert_eq!(
        shop.run().await.len(),
        2,
        "they need not wait for their time"
    );
    assert_eq!(shop.access(&a).await, Some(access("one")));
    assert_eq!(shop.access(&b).await, Some(access("two")));
    assert_eq!(shop.instance(&c).await.state, InstanceState::Provisioning);
    // Nobody gives it up, however long it takes.
    for _ in 0..3 {
        shop.wait(48 * 3_600_000);
        assert_eq!(shop.run().await, [Reported::Again]);
    }
    shop.stock(None, &["three"]).await.unwrap();
    shop.run().await;
    assert_eq!(shop.access(&c).await, Some(access("three")));
    assert_eq!(shop.level().await, (0, 3));
}

pub(crate) async fn whoever_comes_later_does_not_overtake(backend: &impl Backend) {
    let shop = pool(backend);
    let first = shop.create("first").await;
    shop.run().await;
    shop.stock(None, &["one"]).await.unwrap();
    let later = shop.create("later").await;
    assert_eq!(shop.instance(&later).await.access, None);
    shop.run().await;
    assert_eq!(shop.access(&first).await, Some(access("one")));
    assert_eq!(shop.access(&later).await, None);
}

pub(crate) async fn an_item_for_a_plan_goes_to_that_plan_only(backend: &impl Backend) {
    let shop = pool(backend);
    shop.stock(Some("solo"), &["solo"]).await.unwrap();
    let waits = shop.create("a").await;
    assert_eq!(shop.access(&waits).await, None);
    shop.run().await;
    shop.stock(None, &["any"]).await.unwrap();
    shop.stock(Some("team"), &["team"]).await.unwrap();
    shop.run().await;
    assert_eq!(shop.access(&waits).await, Some(access("any")));
    let own = shop.create("b").await;
    assert_eq!(shop.access(&own).await, Some(access("team")));
    assert_eq!(shop.level().await, (1, 2));
}

pub(crate) async fn what_is_there_already_adds_nothing(backend: &impl Backend) {
    let shop = pool(backend);
    shop.stock(None, &["one"]).await.unwrap();
    for (again, lines) in [
        (&["two", "one"][..], "line 3 already"),
        (&["two", "two"], "line 3 already"),
        (&["one", "two", "two"], "line 2, 4 already"),
    ] {
        let fault = shop.stock(None, again).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Conflict);
        assert!(fault.message.contains(lines), "{fault}");
        assert_eq!(shop.level().await, (1, 0), "none of them was added");
    }
    let sold = shop.create("a").await;
    shop.admit(release(&sold)).await.unwrap();
    let fault = shop.stock(None, &["one"]).await.unwrap_err();
    assert_eq!(
        fault.code, "stock_duplicate",
        "what was sold is not sold again"
    );
}

pub(crate) async fn a_release_erases_the_item_for_good(backend: &impl Backend) {
    let shop = pool(backend);
    shop.stock(None, &["one", "two"]).await.unwrap();
    let id = shop.create("a").await;
    shop.admit(suspend(&id)).await.unwrap();
    shop.admit(release(&id)).await.unwrap();
    let gone = shop.instance(&id).await;
    assert_eq!((gone.state, gone.access), (InstanceState::Released, None));
    let rows = shop.store.stock_list(None, None, 10).await.unwrap();
    let used: Vec<_> = rows
        .iter()
        .map(|row| (row.instance.is_some(), row.is_erased))
        .collect();
    assert_eq!(used.iter().filter(|used| **used == (true, true)).count(), 1);
    assert_eq!(
        used.iter().filter(|used| **used == (false, false)).count(),
        1
    );
    let next = shop.create("b").await;
    assert_eq!(shop.access(&next).await, Some(access("two")));
}

pub(crate) async fn a_release_takes_back_what_waits_for_stock(backend: &impl Backend) {
    let shop = pool(backend);
    let id = shop.create("a").await;
    shop.run().await;
    shop.stock(None, &["one"]).await.unwrap();
    assert_eq!(shop.level().await, (0, 1), "it is reserved");
    let admitted = shop.admit(release(&id)).await.unwrap();
    assert_eq!(admitted.answer, Ok(Outcome::Done));
    assert_eq!(shop.instance(&id).await.state, InstanceState::Released);
    assert_eq!(shop.operations().await, []);
    assert_eq!(
        shop.level().await,
        (1, 0),
        "and free again, since nobody had it"
    );
    let order = shop.order(OrderKind::Create, "a").await.unwrap();
    assert_eq!(order.state, OrderState::Cancelled);
}

pub(crate) async fn a_release_while_stock_is_looked_for_comes_through(backend: &impl Backend) {
    let shop = pool(backend);
    let id = shop.create("a").await;
    let work = shop.claim_one().await;
    shop.admit(release(&id)).await.unwrap();
    let verdict = shop.listing.product.driver.drive(work.clone()).await;
    let reported = shop.report(&work, verdict).await;
    assert!(
        matches!(
            reported,
            Reported::Over {
                is_next_due: true,
                ..
            }
        ),
        "{reported:?}"
    );
    shop.run().await;
    assert_eq!(shop.instance(&id).await.state, InstanceState::Released);
    assert_eq!(shop.operations().await, []);
}

pub(crate) async fn a_dry_run_looks_and_takes_nothing(backend: &impl Backend) {
    let shop = pool(backend);
    let fault = shop.dry_run(create("a")).await.unwrap_err();
    assert_eq!((fault.kind, fault.code), (FaultKind::Busy, "out_of_stock"));
    shop.stock(Some("solo"), &["solo"]).await.unwrap();
    shop.dry_run(create("a")).await.unwrap_err();
    shop.stock(None, &["one"]).await.unwrap();
    for _ in 0..2 {
        let admitted = shop.dry_run(create("a")).await.unwrap();
        let Ok(Outcome::Delivered { access: shown, .. }) = admitted.answer else {
            panic!("{admitted:?}");
        };
        assert_eq!(shown.front_end.password, None);
        assert_eq!(shop.level().await, (2, 0));
    }
}

pub(crate) async fn lists_show_newest_first_and_no_secret(backend: &impl Backend) {
    let shop = pool(backend);
    shop.stock(None, &["1-hunter22"]).await.unwrap();
    shop.stock(Some("team"), &["2-hunter22", "3-hunter22"])
        .await
        .unwrap();
    let list = |product: Option<&str>, before, limit| {
        let product = product.map(str::to_owned);
        shop.store.stock_list(product, before, limit)
    };
    let all = list(None, None, 10).await.unwrap();
    let ids: Vec<_> = all.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["s-3-hunter22", "s-2-hunter22", "s-1-hunter22"]);
    let plans: Vec<_> = all.iter().map(|row| row.plan.as_deref()).collect();
    assert_eq!(plans, [Some("team"), Some("team"), None]);
    let after = Some(all[0].id.clone());
    assert_eq!(list(Some("notes"), after, 1).await.unwrap(), all[1..2]);
    assert_eq!(list(Some("other"), None, 10).await.unwrap(), []);
    let level = |plan: Option<&str>, free| StockLevel {
        product: "notes".to_owned(),
        plan: plan.map(str::to_owned),
        free,
        taken: 0,
    };
    let levels = shop.store.stock_levels().await.unwrap();
    assert_eq!(levels, [level(None, 1), level(Some("team"), 2)]);
}

pub(crate) async fn stock_survives_reopening(backend: &impl Backend) {
    let shop = pool(backend);
    let waits = shop.create("a").await;
    shop.run().await;
    shop.stock(None, &["one", "two"]).await.unwrap();
    let before = shop.store.stock_list(None, None, 10).await.unwrap();
    let shop = shop.reopened(backend);
    assert_eq!(shop.store.stock_list(None, None, 10).await.unwrap(), before);
    shop.run().await;
    assert_eq!(shop.access(&waits).await, Some(access("one")));
    assert_eq!(shop.create("a").await, waits);
    let next = shop.create("b").await;
    assert_eq!(shop.access(&next).await, Some(access("two")));
}
