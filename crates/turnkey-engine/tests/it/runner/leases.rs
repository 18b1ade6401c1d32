//! Leases: held while a driver is at work, and fenced when they are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use turnkey_core::ports::{Boxed, Claim, Clock as _, Report, Reported, Store as _, Verdict};
use turnkey_core::{Now, OperationState};
use turnkey_testkit::{ScriptedDriver, done, sample};

use crate::shop::{Setting, at, delivered, not_ready, slow};
use crate::spy;
use crate::watched::Job;

#[test]
fn a_lease_is_held_for_as_long_as_the_driver_takes() {
    let setting = Setting::timed(|clock| slow(clock, 100_000, done));
    setting.play(async |shop| {
        let id = not_ready(&shop.ask(sample::create("a")).await.unwrap());
        for _ in 0..8 {
            shop.advance(10_000).await;
            let [operation] = &shop.operations().await[..] else {
                panic!("it is under way");
            };
            assert_eq!(operation.state, OperationState::Leased);
            assert_eq!((operation.attempt, operation.fence), (1, 1));
            let until = operation.due_at.unwrap();
            let left_ms = until.ms_since(shop.clock.now().wall);
            assert!(
                (20_000..=30_000).contains(&left_ms),
                "{left_ms} ms are left"
            );
        }
        assert_eq!(shop.runner.at_work(), 1);
        shop.advance(10_000).await;
        assert_eq!(shop.runner.at_work(), 0);
        assert_eq!(delivered(&shop.ask(sample::create("a")).await.unwrap()), id);
        assert_eq!(shop.spy.seen(Job::RenewLease), 9);
        0
    });
}

#[test]
fn a_store_that_is_unwell_for_a_while_costs_no_lease() {
    let driver = |clock: &_| slow(clock, 25_000, done);
    Setting::timed(driver).play(async |shop| {
        shop.spy.fail(Job::RenewLease, 2, &spy::unwell());
        shop.send(sample::create("a"));
        shop.advance(25_000).await;
        shop.bought("a").await;
        assert_eq!(shop.elapsed_ms(), 25_000);
        assert_eq!(shop.spy.seen(Job::RenewLease), 2);
        0
    });
}

/// Counts the drivers that are over, however they ended.
struct Over(Arc<AtomicUsize>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_driver_whose_lease_is_lost_is_abandoned() {
    let over = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&over);
    let setting = Setting::timed(|clock| {
        let clock = clock.clone();
        Arc::new(ScriptedDriver::unhurried(move |work| {
            let (sleep, verdict) = (clock.sleep(60_000), done(work));
            let over = Over(Arc::clone(&count));
            let answer: Boxed<'static, Verdict> = Box::pin(async move {
                let _over = over;
                sleep.await;
                verdict
            });
            answer
        }))
    });
    setting.play(async |shop| {
        shop.ask(sample::create("a")).await.unwrap();
        // Another replica, whose clock is ahead, takes the operation for abandoned.
        let ahead = Now {
            wall: at(50_000),
            business: at(50_000),
        };
        let claim = Claim {
            now: ahead,
            limit: 1,
            lease_ms: 30_000,
        };
        let claimed = shop.store.inner.operation_claim(claim).await.unwrap();
        let [work] = &claimed.works[..] else {
            panic!("the operation is taken");
        };
        assert_eq!(work.fence, 2);
        assert_eq!(over.load(Ordering::Relaxed), 0);
        shop.advance(10_000).await;
        assert_eq!(over.load(Ordering::Relaxed), 1);
        assert_eq!(shop.runner.at_work(), 0);
        assert_eq!(shop.spy.seen(Job::Report), 0);

        let report = Report {
            listing: Arc::clone(&shop.listing),
            instance: work.instance.clone(),
            operation: work.operation.clone(),
            fence: work.fence,
            verdict: done(work),
            now: ahead,
            again_in_ms: 0,
        };
        let reported = shop.store.inner.operation_report(report).await.unwrap();
        assert!(matches!(reported, Reported::Over { end: Ok(_), .. }));
        shop.bought("a").await;
        0
    });
}

#[test]
fn a_result_that_comes_after_the_lease_was_lost_is_ignored() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, |_| Verdict::No("no".to_owned())));
    setting.play(async |shop| {
        let call = shop.send(sample::create("a"));
        shop.still().await;
        let claim = Claim {
            now: Now {
                wall: at(40_000),
                business: at(40_000),
            },
            limit: 1,
            lease_ms: 30_000,
        };
        let claimed = shop.store.inner.operation_claim(claim).await.unwrap();
        assert_eq!(claimed.works.len(), 1);
        // The answer comes before the next renewal could find out.
        not_ready(&shop.answer(call).await.unwrap());
        let [operation] = &shop.operations().await[..] else {
            panic!("the refusal is ignored");
        };
        assert_eq!(operation.state, OperationState::Leased);
        assert_eq!(operation.fence, 2);
        1
    });
}
