//! What runs when: bounds on how much at once, the order on one instance, what falls due later.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use turnkey_core::ports::{Boxed, Clock as _, Verdict, Work};
use turnkey_core::{InstanceId, OperationKind, OrderState};
use turnkey_engine::RunnerLimits;
use turnkey_testkit::{ManualClock, ScriptedDriver, done, sample};

use crate::shop::{Setting, limits, slow};

/// A driver that takes a second over everything, with the most that were at work at once.
fn counting(clock: &ManualClock, most: &Arc<AtomicUsize>) -> Arc<ScriptedDriver> {
    let (clock, most) = (clock.clone(), Arc::clone(most));
    let at_work = Arc::new(AtomicUsize::new(0));
    Arc::new(ScriptedDriver::unhurried(move |work| {
        let (sleep, verdict) = (clock.sleep(1_000), done(work));
        let at_work = Arc::clone(&at_work);
        let now = at_work.fetch_add(1, Ordering::Relaxed) + 1;
        most.fetch_max(now, Ordering::Relaxed);
        let answer: Boxed<'static, Verdict> = Box::pin(async move {
            sleep.await;
            at_work.fetch_sub(1, Ordering::Relaxed);
            verdict
        });
        answer
    }))
}

#[test]
fn no_more_drivers_are_at_work_than_allowed() {
    let most = Arc::new(AtomicUsize::new(0));
    let two = RunnerLimits {
        concurrent_max: 2,
        ..limits()
    };
    let setting = Setting::timed(|clock| counting(clock, &most)).limits(two);
    setting.play(async |shop| {
        let calls = ["a", "b", "c", "d", "e"].map(|key| shop.send(sample::create(key)));
        shop.still().await;
        assert_eq!(shop.runner.at_work(), 2);
        for call in calls {
            shop.answer(call).await.unwrap();
        }
        assert_eq!(most.load(Ordering::Relaxed), 2);
        assert_eq!(shop.elapsed_ms(), 3_000, "none waits while there is room");
        assert_eq!(shop.runner.at_work(), 0);
        0
    });
}

#[test]
fn one_instance_is_worked_on_in_commit_order_and_one_at_a_time() {
    let most = Arc::new(AtomicUsize::new(0));
    let driver = Arc::new(Mutex::new(None));
    let setting = Setting::timed(|clock| {
        let counting = counting(clock, &most);
        *driver.lock().unwrap() = Some(Arc::clone(&counting));
        counting
    });
    setting.play(async |shop| {
        let create = shop.send(sample::create("a"));
        shop.still().await;
        let id = shop.orders().await[0].instance.clone();
        let asks = [
            sample::renew("r1", &id),
            sample::change_plan("c", &id),
            sample::suspend(&id),
            sample::renew("r2", &id),
            sample::release(&id),
        ];
        let mut calls = vec![create];
        for ask in asks {
            calls.push(shop.send(ask));
            shop.still().await;
        }
        for call in calls {
            // What the release takes back is answered too.
            let _ = shop.answer(call).await;
        }
        let asked = driver.lock().unwrap().take().unwrap().asked();
        let kinds: Vec<OperationKind> = asked.iter().map(|work| work.kind).collect();
        assert_eq!(kinds, [OperationKind::Provision, OperationKind::Release]);
        assert_eq!(most.load(Ordering::Relaxed), 1);
        0
    });
}

#[test]
fn what_waits_is_done_without_a_pause_when_its_turn_comes() {
    let most = Arc::new(AtomicUsize::new(0));
    let driver = Arc::new(Mutex::new(None));
    let setting = Setting::timed(|clock| {
        let counting = counting(clock, &most);
        *driver.lock().unwrap() = Some(Arc::clone(&counting));
        counting
    });
    setting.play(async |shop| {
        let create = shop.send(sample::create("a"));
        shop.still().await;
        let id = shop.orders().await[0].instance.clone();
        let mut calls = vec![create];
        let asks = [
            sample::renew("r1", &id),
            sample::change_plan("c", &id),
            sample::suspend(&id),
            sample::resume(&id),
        ];
        for ask in asks {
            calls.push(shop.send(ask));
            shop.still().await;
        }
        for call in calls {
            shop.answer(call).await.unwrap();
        }
        let asked = driver.lock().unwrap().take().unwrap().asked();
        let kinds: Vec<OperationKind> = asked.iter().map(|work| work.kind).collect();
        use OperationKind as K;
        assert_eq!(
            kinds,
            [K::Provision, K::Renew, K::ChangePlan, K::Suspend, K::Resume]
        );
        assert_eq!(most.load(Ordering::Relaxed), 1);
        assert_eq!(shop.elapsed_ms(), 5_000);
        0
    });
}

#[test]
fn instances_do_not_wait_for_one_another() {
    let takes = |work: &Work| done(work);
    Setting::timed(|clock| slow(clock, 1_000, takes)).play(async |shop| {
        let keys: Vec<String> = (0..20).map(|n| format!("o{n}")).collect();
        let calls: Vec<_> = keys
            .iter()
            .map(|key| shop.send(sample::create(key)))
            .collect();
        for call in calls {
            shop.answer(call).await.unwrap();
        }
        assert_eq!(shop.elapsed_ms(), 1_000);
        0
    });
}

#[test]
fn what_a_release_takes_back_is_never_asked() {
    let one = RunnerLimits {
        concurrent_max: 1,
        ..limits()
    };
    let setting = Setting::timed(|clock| slow(clock, 5_000, done)).limits(one);
    setting.play(async |shop| {
        let first = shop.send(sample::create("a"));
        shop.still().await;
        let second = shop.send(sample::create("b"));
        shop.still().await;
        let ids: BTreeMap<String, InstanceId> = (shop.orders().await.iter())
            .map(|order| (order.key.to_string(), order.instance.clone()))
            .collect();
        shop.ask(sample::release(&ids["b"])).await.unwrap();
        assert_eq!(shop.elapsed_ms(), 0, "nothing is there to be removed");
        shop.answer(first).await.unwrap();
        let fault = shop.answer(second).await.unwrap_err();
        assert_eq!(fault.code, "order_cancelled");
        assert!(shop.elapsed_ms() <= 5_000, "whoever waited is told");
        let orders = shop.orders().await;
        let cancelled = orders.iter().find(|o| o.instance == ids["b"]).unwrap();
        assert_eq!(cancelled.state, OrderState::Cancelled);
        0
    });
}
