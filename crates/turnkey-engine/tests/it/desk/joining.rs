//! Calls for work that is under way already: they join it, and miss nothing.

use std::sync::Arc;

use turnkey_core::decide::{Flag, Outcome};
use turnkey_core::ports::Verdict;
use turnkey_core::{FaultKind, InstanceState, Intent, OperationKind};
use turnkey_testkit::{ScriptedDriver, done, sample};

use crate::shop::{Setting, WAIT_MS, delivered, limits, not_ready, slow, staff};
use crate::spy;
use crate::watched::Job;

#[test]
fn duplicates_get_the_answer_of_the_first_when_it_is_there() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let first = shop.send(sample::create("a"));
        shop.advance(1_000).await;
        let second = shop.send(sample::create("a"));
        let third = shop.send(sample::create("a"));
        let first = shop.answer(first).await.unwrap();
        assert_eq!(shop.elapsed_ms(), 5_000);
        assert_eq!(first.flags, []);
        for repeat in [second, third] {
            let repeat = shop.answer(repeat).await.unwrap();
            assert_eq!(repeat.outcome, first.outcome);
            assert_eq!(repeat.flags, [Flag::Repeat]);
        }
        assert_eq!(shop.elapsed_ms(), 5_000);
        assert_eq!(shop.orders().await.len(), 1);
        0
    });
}

#[test]
fn duplicates_get_the_no_of_the_first() {
    let no = |_: &_| Verdict::No("no seat is left".to_owned());
    Setting::timed(|clock| slow(clock, 5_000, no)).play(async |shop| {
        let calls = [(); 3].map(|()| shop.send(sample::create("a")));
        for call in calls {
            let fault = shop.answer(call).await.unwrap_err();
            assert_eq!(fault.message, "no seat is left");
        }
        assert_eq!(shop.elapsed_ms(), 5_000);
        0
    });
}

#[test]
fn a_duplicate_misses_no_end_between_its_commit_and_its_wait() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let first = shop.send(sample::create("a"));
        shop.advance(1_000).await;
        let mut held = shop.spy.hold(Job::Admit);
        let second = shop.send(sample::create("a"));
        held.come().await;
        let first = shop.answer(first).await.unwrap();
        held.go();
        let second = shop.answer(second).await.unwrap();
        assert_eq!(second.outcome, first.outcome);
        assert_eq!(shop.elapsed_ms(), 5_000, "it is there: nobody waits");
        0
    });
}

/// A suspend is refused the first time, and everything takes five seconds.
fn no_suspend_at_first() -> Setting {
    let mut asked = 0;
    Setting::timed(|clock| {
        slow(clock, 5_000, move |work| {
            asked += u32::from(work.kind == OperationKind::Suspend);
            if work.kind == OperationKind::Suspend && asked == 1 {
                return Verdict::No("not while a backup runs".to_owned());
            }
            done(work)
        })
    })
}

#[test]
fn a_duplicate_that_cannot_look_again_is_told_what_it_found() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let first = shop.send(sample::create("a"));
        shop.advance(1_000).await;
        let mut held = shop.spy.hold(Job::Admit);
        let second = shop.send(sample::create("a"));
        held.come().await;
        shop.spy.fail(Job::Admit, 1, &spy::unwell());
        held.go();
        let second = shop.answer(second).await.unwrap();
        let id = not_ready(&second);
        assert_eq!(second.flags, [Flag::Repeat]);
        assert_eq!(shop.elapsed_ms(), 1_000);
        assert_eq!(delivered(&shop.answer(first).await.unwrap()), id);
        0
    });
}

#[test]
fn a_suspend_that_joins_another_ends_with_it_and_is_not_put_again() {
    no_suspend_at_first().play(async |shop| {
        let id = shop.bought("a").await;
        let begun_at = shop.elapsed_ms();
        let first = shop.send(sample::suspend(&id));
        shop.advance(1_000).await;
        let mut held = shop.spy.hold(Job::Admit);
        let second = shop.send(sample::suspend(&id));
        held.come().await;
        let fault = shop.answer(first).await.unwrap_err();
        assert_eq!(fault.message, "not while a backup runs");
        held.go();
        assert_eq!(shop.answer(second).await.unwrap_err(), fault);
        assert_eq!(shop.elapsed_ms(), begun_at + 5_000);
        assert_eq!(shop.instance(&id).await.state, InstanceState::Running);

        shop.ask(sample::suspend(&id)).await.unwrap();
        assert_eq!(shop.instance(&id).await.state, InstanceState::Suspended);
        0
    });
}

#[test]
fn an_order_that_is_taken_back_is_told_so_to_whoever_waits() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let create = shop.send(sample::create("a"));
        shop.still().await;
        let id = shop.orders().await[0].instance.clone();
        let orders = [sample::renew("r", &id), sample::change_plan("c", &id)];
        let orders = orders.map(|order| shop.send(order));
        shop.still().await;
        let release = shop.send(sample::release(&id));
        for order in orders {
            let fault = shop.answer(order).await.unwrap_err();
            assert_eq!(
                (fault.kind, fault.code),
                (FaultKind::Conflict, "order_cancelled")
            );
        }
        assert_eq!(shop.elapsed_ms(), 0);
        assert_eq!(delivered(&shop.answer(create).await.unwrap()), id);
        assert_eq!(shop.answer(release).await.unwrap().outcome, Outcome::Done);
        assert_eq!(shop.elapsed_ms(), 10_000);
        0
    });
}

#[test]
fn nobody_waits_behind_a_delivery_that_was_refused() {
    let no = |_: &_| Verdict::No("no seat is left".to_owned());
    Setting::timed(|clock| slow(clock, 5_000, no)).play(async |shop| {
        let create = shop.send(sample::create("a"));
        shop.still().await;
        let id = shop.orders().await[0].instance.clone();
        let renewal = shop.send(sample::renew("r", &id));
        shop.answer(create).await.unwrap_err();
        let renewed = shop.answer(renewal).await.unwrap();
        assert_eq!(renewed.outcome, Outcome::Done, "it is kept for a retry");
        assert_eq!(shop.elapsed_ms(), 5_000);
        1
    });
}

#[test]
fn calls_that_are_idempotent_by_state_join() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let id = shop.bought("a").await;
        let steps: [fn(&_) -> Intent; 3] = [sample::suspend, sample::resume, sample::release];
        for step in steps {
            let begun_at = shop.elapsed_ms();
            let first = shop.send(step(&id));
            shop.advance(1_000).await;
            let second = shop.send(step(&id));
            for call in [first, second] {
                let answer = shop.answer(call).await.unwrap();
                assert_eq!(answer.outcome, Outcome::Done);
            }
            assert_eq!(shop.elapsed_ms(), begun_at + 5_000);
        }
        let gone = shop.ask(sample::release(&id)).await.unwrap();
        assert_eq!(gone.outcome, Outcome::Gone);
        0
    });
}

#[test]
fn a_renewal_that_resumes_is_answered_when_the_renewal_is_done() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.play(async |shop| {
        let id = shop.bought("a").await;
        shop.ask(sample::suspend(&id)).await.unwrap();
        let begun_at = shop.elapsed_ms();
        let answer = shop.ask(sample::renew("r", &id)).await.unwrap();
        assert_eq!(answer.outcome, Outcome::Done);
        assert_eq!(shop.elapsed_ms(), begun_at + 5_000);
        let kinds: Vec<_> = shop.operations().await.iter().map(|o| o.kind).collect();
        assert_eq!(kinds, [OperationKind::Resume], "it runs on its own");
        // Whoever wants to know when it runs again asks for just that.
        shop.ask(sample::resume(&id)).await.unwrap();
        assert_eq!(shop.elapsed_ms(), begun_at + 10_000);
        assert_eq!(shop.instance(&id).await.suspended_at, None);
        0
    });
}

#[test]
fn the_same_key_with_other_content_joins_nothing() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        let id = shop.bought("a").await;
        let mut other = sample::create("a");
        if let Intent::Create(create) = &mut other {
            create.order.content = turnkey_core::Digest::of(&[("plan", Some("solo"))]);
        }
        let fault = shop.ask(other).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.code),
            (FaultKind::Conflict, "order_content_differs")
        );
        assert_eq!(shop.bought("a").await, id);
        assert_eq!(driver.asked().len(), 1);
        0
    });
}

#[test]
fn what_somebody_elses_runner_does_is_found_by_the_next_repeat() {
    let setting = Setting::timed(|clock| slow(clock, 5_000, done));
    setting.without_runner().play(async |shop| {
        let first = shop.send(sample::create("a"));
        shop.still().await;
        // Another replica does the work, and cannot tell this desk.
        let listing = Arc::clone(&shop.listing);
        let store: Arc<dyn turnkey_core::ports::Store> = shop.store.clone();
        let (_, runner) = staff(store, &shop.clock, &listing, limits());
        let (_stop, stops) = tokio::sync::watch::channel(false);
        tokio::spawn(Arc::new(runner).run(stops));
        let first = shop.answer(first).await.unwrap();
        assert_eq!(shop.elapsed_ms(), WAIT_MS);
        let id = not_ready(&first);
        let repeat = shop.ask(sample::create("a")).await.unwrap();
        assert_eq!(delivered(&repeat), id);
        assert_eq!(shop.elapsed_ms(), WAIT_MS);
        0
    });
}
