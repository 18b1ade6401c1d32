//! What goes wrong around the runner: a store that is not well, answers that it cannot take,
//! drivers that panic.

use std::sync::Arc;

use turnkey_core::ports::{Boxed, Verdict};
use turnkey_core::{OperationState, OrderState};
use turnkey_testkit::{ScriptedDriver, done, sample};

use crate::log::Log;
use crate::shop::{Setting, delivered, not_ready};
use crate::spy;
use crate::watched::Job;

#[test]
fn an_answer_is_reported_again_while_the_store_is_unwell() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        shop.spy.fail(Job::Report, 3, &spy::unwell());
        shop.bought("a").await;
        assert_eq!(shop.elapsed_ms(), 3_000, "a second between the tries");
        assert_eq!(shop.spy.seen(Job::Report), 4);
        assert_eq!(driver.asked().len(), 1, "the answer is kept meanwhile");
        0
    });
}

#[test]
fn a_store_that_is_unwell_for_longer_than_a_lease_costs_a_second_ask() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        shop.spy.fail(Job::Report, 40, &spy::unwell());
        let id = not_ready(&shop.ask(sample::create("a")).await.unwrap());
        shop.advance(120_000).await;
        assert_eq!(delivered(&shop.ask(sample::create("a")).await.unwrap()), id);
        let asked = driver.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].operation, asked[1].operation);
        0
    });
}

#[test]
fn work_is_claimed_again_once_the_store_is_well() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        // The work of an order is handed over; a suspend has to be claimed.
        let id = shop.bought("a").await;
        shop.still().await;
        shop.spy.fail(Job::Claim, 3, &spy::unwell());
        shop.ask(sample::suspend(&id)).await.unwrap();
        assert_eq!(shop.elapsed_ms(), 3_000);
        0
    });
}

#[test]
fn an_answer_that_cannot_be_taken_is_a_failed_attempt() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        shop.spy.fail(Job::Report, 1, &spy::broken());
        shop.send(sample::create("a"));
        shop.still().await;
        let [operation] = &shop.operations().await[..] else {
            panic!("it is retried");
        };
        assert_eq!(operation.state, OperationState::Retrying);
        let note = operation.note.as_deref().unwrap();
        assert!(note.contains("cannot commit the driver's answer"), "{note}");
        shop.bought("a").await;
        assert_eq!(shop.elapsed_ms(), 1_000);
        assert_eq!(driver.asked().len(), 2);
        0
    });
}

#[test]
fn an_answer_that_cannot_be_taken_at_all_is_fetched_again_when_the_lease_ends() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        shop.spy.fail(Job::Report, 2, &spy::broken());
        not_ready(&shop.ask(sample::create("a")).await.unwrap());
        assert_eq!(shop.spy.seen(Job::Report), 2);
        shop.advance(18_000).await;
        shop.bought("a").await;
        assert_eq!(shop.elapsed_ms(), 30_000);
        assert_eq!(driver.asked().len(), 2);
        0
    });
}

#[test]
fn a_driver_that_panics_stops_nobody() {
    let driver = ScriptedDriver::unhurried(|work| {
        let verdict = done(work);
        let is_first = work.attempt == 1;
        let key = work.order.as_ref().unwrap().key.to_string();
        let answer: Boxed<'static, Verdict> = Box::pin(async move {
            assert!(!is_first || key != "a", "password=SECRET");
            verdict
        });
        answer
    });
    let driver = Arc::new(driver);
    let (log, _guard) = Log::listen();
    Setting::new(driver.clone()).play(async |shop| {
        let id = not_ready(&shop.ask(sample::create("a")).await.unwrap());
        assert_eq!(shop.runner.at_work(), 0);
        let lines = format!("{:?}", log.with("message"));
        assert!(lines.contains("a driver panicked"), "{lines}");
        assert!(!lines.contains("SECRET"), "its words are nobody's: {lines}");
        shop.bought("b").await;
        let before = shop.elapsed_ms();
        assert!(before < 30_000);
        shop.advance(30_000 - before).await;
        let orders = shop.orders().await;
        assert!(orders.iter().all(|o| o.state == OrderState::Fulfilled));
        assert_eq!(shop.bought("a").await, id);
        assert_eq!(driver.asked().len(), 3);
        0
    });
}
