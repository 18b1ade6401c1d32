//! Answers within the time that the marketplace waits, however slow the driver is.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Clock as _, Verdict};
use turnkey_core::{FaultKind, InstanceId, Intent, OperationKind, OrderState};
use turnkey_testkit::{ScriptedDriver, done, sample};

use crate::shop::{Setting, Shop, WAIT_MS, at, backing_off, delivered, not_ready, slow};
use crate::spy;
use crate::watched::Job;

/// The bought instance is there at once, everything else takes a minute.
fn slow_but_for_creates() -> Setting {
    Setting::timed(|clock| {
        let clock = clock.clone();
        let asked = move |work: &turnkey_core::ports::Work| {
            let takes_ms = match work.kind {
                OperationKind::Provision => 0,
                OperationKind::Renew
                | OperationKind::ChangePlan
                | OperationKind::Suspend
                | OperationKind::Resume
                | OperationKind::Release => 60_000,
            };
            let (sleep, verdict) = (clock.sleep(takes_ms), done(work));
            let answer: turnkey_core::ports::Boxed<'static, Verdict> = Box::pin(async move {
                sleep.await;
                verdict
            });
            answer
        };
        Arc::new(ScriptedDriver::unhurried(asked))
    })
}

#[test]
fn a_create_that_is_slow_is_not_ready() {
    let setting = Setting::timed(|clock| slow(clock, 60_000, done));
    setting.play(async |shop| {
        let answer = shop.ask(sample::create("a")).await.unwrap();
        let id = not_ready(&answer);
        assert_eq!(shop.elapsed_ms(), WAIT_MS);

        shop.advance(60_000).await;
        let asked_at = shop.elapsed_ms();
        let repeat = shop.ask(sample::create("a")).await.unwrap();
        assert_eq!(delivered(&repeat), id);
        assert_eq!(shop.elapsed_ms(), asked_at, "it is there: nobody waits");
        0
    });
}

#[test]
fn everything_else_that_is_slow_is_done() {
    let asks: [fn(&InstanceId) -> Intent; 5] = [
        |id| sample::renew("r", id),
        |id| sample::change_plan("c", id),
        sample::suspend,
        sample::resume,
        sample::release,
    ];
    for ask in asks {
        slow_but_for_creates().play(async |shop| {
            let id = shop.bought("a").await;
            if matches!(ask(&id), Intent::Resume(..)) {
                shop.ask(sample::suspend(&id)).await.unwrap();
                shop.advance(60_000).await;
            }
            let asked_at = shop.elapsed_ms();
            let answer = shop.ask(ask(&id)).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
            assert_eq!(shop.elapsed_ms(), asked_at + WAIT_MS);
            shop.advance(60_000).await;
            0
        });
    }
}

#[test]
fn whoever_does_not_wait_is_answered_at_once() {
    let setting = Setting::timed(|clock| slow(clock, 60_000, done));
    setting.play(async |shop| {
        for _ in 0..2 {
            let call = sample::call(sample::create("a"), shop.clock.now());
            let answer = shop.put(call, 0).await.unwrap().unwrap();
            not_ready(&answer);
        }
        assert_eq!(shop.elapsed_ms(), 0);
        shop.advance(60_000).await;
        0
    });
}

#[test]
fn what_the_commit_took_is_not_waited_again() {
    let setting = Setting::timed(|clock| slow(clock, 60_000, done));
    setting.play(async |shop| {
        let mut held = shop.spy.hold(Job::Admit);
        let answer = shop.send(sample::create("a"));
        held.come().await;
        shop.advance(5_000).await;
        held.go();
        not_ready(&shop.answer(answer).await.unwrap());
        assert_eq!(shop.elapsed_ms(), WAIT_MS);
        shop.advance(60_000).await;
        0
    });
}

#[test]
fn a_final_no_in_time_is_the_answer_and_stays_it() {
    let no = |_: &_| Verdict::No("no seat is left".to_owned());
    let driver = Arc::new(ScriptedDriver::new(no));
    Setting::new(driver.clone()).play(async |shop| {
        for _ in 0..3 {
            let fault = shop.ask(sample::create("a")).await.unwrap_err();
            assert_eq!(
                (fault.kind, fault.code),
                (FaultKind::Upstream, "driver_refused")
            );
            assert_eq!(fault.message, "no seat is left");
        }
        assert_eq!(
            driver.asked().len(),
            1,
            "a refused order is not asked again"
        );
        assert_eq!(shop.orders().await[0].state, OrderState::Failed);
        assert_eq!(shop.elapsed_ms(), 0);
        0
    });
}

#[test]
fn a_final_no_that_comes_late_is_told_to_repeats() {
    let no = |_: &_| Verdict::No("no seat is left".to_owned());
    Setting::timed(|clock| slow(clock, 20_000, no)).play(async |shop| {
        not_ready(&shop.ask(sample::create("a")).await.unwrap());
        let fault = shop.ask(sample::create("a")).await.unwrap_err();
        assert_eq!(fault.message, "no seat is left");
        assert_eq!(shop.elapsed_ms(), 20_000);
        let asked_at = shop.elapsed_ms();
        assert_eq!(shop.ask(sample::create("a")).await.unwrap_err(), fault);
        assert_eq!(shop.elapsed_ms(), asked_at);
        0
    });
}

/// A shop whose driver never succeeds; what is not done after five seconds needs a person.
fn hopeless() -> Setting {
    let fail = |_: &_| Verdict::Retry("the vendor's system is down".to_owned());
    Setting::new(Arc::new(ScriptedDriver::new(fail)))
        .listing(|listing| {
            let product = Arc::get_mut(&mut listing.product).unwrap();
            product.give_up_after_ms = 5_000;
        })
        .limits(backing_off(1_000, 2_000))
}

#[test]
fn whoever_waits_for_what_dies_is_told_at_once() {
    hopeless().play(async |shop| {
        let first = shop.send(sample::create("a"));
        let second = shop.send(sample::create("a"));
        let id = not_ready(&shop.answer(first).await.unwrap());
        assert_eq!(not_ready(&shop.answer(second).await.unwrap()), id);
        assert_eq!(shop.elapsed_ms(), 5_000);
        1
    });
}

#[test]
fn nobody_waits_for_what_is_dead() {
    hopeless().play(async |shop| {
        let id = not_ready(&shop.ask(sample::create("a")).await.unwrap());
        let dead_since = shop.elapsed_ms();
        for _ in 0..2 {
            let repeat = shop.ask(sample::create("a")).await.unwrap();
            assert_eq!(not_ready(&repeat), id);
        }
        // What waits behind the dead waits for the same person.
        let renewed = shop.ask(sample::renew("r", &id)).await.unwrap();
        assert_eq!(renewed.outcome, Outcome::Done);
        assert_eq!(shop.elapsed_ms(), dead_since);
        2
    });
}

#[test]
fn what_is_reopened_is_taken_up_at_once() {
    let mut is_up = false;
    let driver = ScriptedDriver::new(move |work| {
        if std::mem::replace(&mut is_up, true) {
            done(work)
        } else {
            Verdict::No("no seat is left".to_owned())
        }
    });
    Setting::new(Arc::new(driver)).play(async |shop| {
        shop.ask(sample::create("a")).await.unwrap_err();
        let order = shop.orders().await[0].clone();
        shop.desk.reopen(order.id.operation()).await.unwrap();
        shop.still().await;
        assert_eq!(shop.orders().await[0].state, OrderState::Fulfilled);
        assert_eq!(shop.bought("a").await, order.instance);
        assert_eq!(shop.elapsed_ms(), 0);
        let fault = shop.desk.reopen(order.id.operation()).await.unwrap_err();
        assert_eq!(fault.code, "operation_unknown");
        0
    });
}

#[test]
fn a_store_that_is_not_well_is_the_answer() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        shop.spy.fail(Job::Admit, 1, &spy::unwell());
        let fault = shop.ask(sample::create("a")).await.unwrap_err();
        assert_eq!(fault, spy::unwell());
        assert_eq!(driver.asked(), []);
        shop.bought("a").await;
        0
    });
}

#[test]
fn a_refused_call_does_not_wake_the_runner() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        shop.still().await;
        let claims = shop.spy.seen(Job::Claim);
        let nobody = InstanceId::new("i-nobody");
        let fault = shop.ask(sample::release(&nobody)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown);
        shop.still().await;
        assert_eq!(shop.spy.seen(Job::Claim), claims);
        0
    });
}

#[test]
fn a_caller_that_hangs_up_during_the_commit_does_not_stop_the_work() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop: Arc<Shop>| {
        shop.still().await;
        let mut held = shop.spy.hold(Job::Admit);
        let call = shop.send(sample::create("a"));
        held.come().await;
        assert_eq!(driver.asked(), []);
        call.abort();
        held.go();
        shop.still().await;
        assert_eq!(driver.asked().len(), 1);
        assert_eq!(shop.clock.now().wall, at(0));
        0
    });
}
