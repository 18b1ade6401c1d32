//! Back-off: it grows, it is bounded, and it ends with a person.

use std::sync::Arc;

use turnkey_core::ports::{Clock as _, Verdict};
use turnkey_core::{Listing, OperationState, Step};
use turnkey_engine::RunnerLimits;
use turnkey_testkit::{ScriptedDriver, done, sample};

use crate::log::Log;
use crate::shop::{Setting, Shop, backing_off, not_ready};

fn fails(_: &turnkey_core::ports::Work) -> Verdict {
    Verdict::Retry("the vendor's system is down".to_owned())
}

/// The waits between the first attempts, in milliseconds.
async fn waits(shop: &Shop, count: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    shop.send(sample::create("a"));
    shop.still().await;
    while waits.len() < count {
        let [operation] = &shop.operations().await[..] else {
            panic!("it is retried");
        };
        assert_eq!(operation.state, OperationState::Retrying);
        assert_eq!(usize::try_from(operation.attempt), Ok(waits.len() + 1));
        let wait = operation.due_at.unwrap().ms_since(shop.clock.now().wall);
        waits.push(wait);
        shop.advance(wait).await;
    }
    waits
}

#[test]
fn waits_double_up_to_the_longest() {
    let setting = Setting::new(Arc::new(ScriptedDriver::new(fails)));
    setting
        .limits(backing_off(1_000, 10_000))
        .play(async |shop| {
            let waits = waits(&shop, 7).await;
            assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
            1
        });
}

#[test]
fn jitter_shortens_waits_by_up_to_a_half() {
    let jittered = RunnerLimits {
        jitter: || 1.0,
        ..backing_off(1_000, 10_000)
    };
    let setting = Setting::new(Arc::new(ScriptedDriver::new(fails)));
    setting.limits(jittered).play(async |shop| {
        let waits = waits(&shop, 6).await;
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        1
    });
}

#[test]
fn the_usual_waits_are_within_the_usual_bounds() {
    let limits = RunnerLimits::default();
    for _ in 0..1_000 {
        assert!((0.0..1.0).contains(&(limits.jitter)()));
    }
    let first_six_ms: u64 = (1..=4).map(|n| limits.backoff.after(n, 0.0)).sum();
    assert!(first_six_ms > 12_000, "four repeats outlast a marketplace");
    assert!(limits.backoff.after(1, 0.0) + limits.backoff.after(2, 0.0) < 5_000);
    assert_eq!(
        limits.backoff.after(u32::MAX, 0.0),
        limits.backoff.longest_ms
    );
}

#[test]
fn the_note_of_the_newest_failure_is_kept() {
    Setting::new(Arc::new(ScriptedDriver::new(fails))).play(async |shop| {
        waits(&shop, 2).await;
        let [operation] = &shop.operations().await[..] else {
            panic!("it is retried");
        };
        let note = operation.note.as_deref();
        assert_eq!(note, Some("the vendor's system is down"));
        1
    });
}

#[test]
fn what_is_given_up_raises_an_alarm_and_is_asked_no_more() {
    let driver = Arc::new(ScriptedDriver::new(fails));
    let setting = Setting::new(driver.clone()).listing(|listing| {
        Arc::get_mut(&mut listing.product).unwrap().give_up_after_ms = 7_000;
    });
    setting
        .limits(backing_off(1_000, 4_000))
        .play(async |shop| {
            let (log, _listening) = Log::listen();
            let id = not_ready(&shop.ask(sample::create("a")).await.unwrap());
            let [operation] = &shop.operations().await[..] else {
                panic!("it needs a person");
            };
            assert_eq!(operation.state, OperationState::Dead);
            assert_eq!(operation.due_at, None);
            let alarms = log.with("alarm");
            let [(line, alarm)] = &alarms[..] else {
                panic!("one alarm is raised: {alarms:?}");
            };
            assert_eq!(
                (line.level, alarm.as_str()),
                (tracing::Level::ERROR, "dead_letter")
            );
            assert_eq!(line.field("operation.id"), Some(operation.id.as_str()));
            assert_eq!(line.field("instance.id"), Some(id.as_str()));

            // At 0, 1, 3 and 7 seconds, and never again.
            assert_eq!(driver.asked().len(), 4);
            shop.advance(24 * 3_600_000).await;
            assert_eq!(driver.asked().len(), 4);
            let history = turnkey_core::ports::Store::history_list(&*shop.store, id, 0, 10).await;
            let steps: Vec<Step> = history.unwrap().iter().map(|row| row.step).collect();
            assert_eq!(steps, [Step::Accepted, Step::Dead]);
            1
        });
}

#[test]
fn not_yet_has_a_limit_of_its_own_or_none() {
    fn limited(listing: &mut Listing) {
        let product = Arc::get_mut(&mut listing.product).unwrap();
        product.give_up_after_ms = 1_000;
        product.not_yet_for_ms = Some(20_000);
    }
    fn for_ever(listing: &mut Listing) {
        let product = Arc::get_mut(&mut listing.product).unwrap();
        product.give_up_after_ms = 1_000;
        product.not_yet_for_ms = None;
    }
    let cases: [(fn(&mut Listing), _, _); 2] = [(limited, 5, true), (for_ever, 25, false)];
    for (limit, asked_by_then, ends) in cases {
        let never = |_: &turnkey_core::ports::Work| Verdict::NotYet(Some(5_000));
        let driver = Arc::new(ScriptedDriver::new(never));
        let setting = Setting::new(driver.clone()).listing(limit);
        setting.play(async |shop| {
            shop.send(sample::create("a"));
            for _ in 1..25 {
                shop.advance(5_000).await;
            }
            assert_eq!(driver.asked().len(), asked_by_then);
            let [operation] = &shop.operations().await[..] else {
                panic!("it is there");
            };
            let is_dead = operation.state == OperationState::Dead;
            assert_eq!(is_dead, ends);
            assert_eq!(operation.note.is_some(), is_dead, "and says why");
            1
        });
    }
}

#[test]
fn a_driver_is_asked_again_when_it_said() {
    let says = |ms: Option<u64>| {
        move |work: &turnkey_core::ports::Work| match work.attempt {
            1 => Verdict::NotYet(ms),
            _ => done(work),
        }
    };
    const HOUR_MS: u64 = 3_600_000;
    let cases = [
        (None, 1_000),
        (Some(7_000), 7_000),
        // One that says "now" over and over, and one that would not be missed for years.
        (Some(0), 1_000),
        (Some(u64::MAX), HOUR_MS),
    ];
    for (said, wanted_ms) in cases {
        let driver = Arc::new(ScriptedDriver::new(says(said)));
        Setting::new(driver.clone()).play(async |shop| {
            shop.send(sample::create("a"));
            shop.advance(wanted_ms - 1).await;
            assert_eq!(driver.asked().len(), 1, "{said:?}");
            shop.advance(1).await;
            assert_eq!(driver.asked().len(), 2, "{said:?}");
            0
        });
    }
}
