//! A stop abandons what is under way; the next life takes it up under the same key.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use turnkey_core::OperationState;
use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Clock as _, Store, Work};
use turnkey_testkit::{ManualClock, ScriptedDriver, done, sample};

use crate::shop::{Setting, limits, not_ready, open_store, slow, staff};
use crate::spy;
use crate::still::Stillness;
use crate::watched::Watched;

#[test]
fn a_stop_ends_the_runner_at_once() {
    let setting = Setting::timed(|clock| slow(clock, 60_000, done));
    setting.without_runner().play(async |shop| {
        let runner = shop.start();
        not_ready(&shop.ask(sample::create("a")).await.unwrap());
        assert_eq!(shop.runner.at_work(), 1);
        shop.stop();
        runner.await.unwrap();
        shop.still().await;
        assert_eq!(shop.runner.at_work(), 0);
        let [operation] = &shop.operations().await[..] else {
            panic!("it is left for the next life");
        };
        assert_eq!(operation.state, OperationState::Leased);
        1
    });
}

#[test]
fn a_runner_whose_stop_is_gone_stops() {
    let stillness = Arc::new(Stillness::default());
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(sample::NOON);
    let store: Arc<dyn Store> = Arc::new(open_store(&folder, &clock));
    let listing = Arc::new(sample::listing(Arc::new(ScriptedDriver::willing())));
    stillness.run(async {
        let (_, runner) = staff(store, &clock, &listing, limits());
        let (stop, stops) = watch::channel(false);
        drop(stop);
        Arc::new(runner).run(stops).await;
    });
}

#[test]
fn the_next_life_takes_up_what_was_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(sample::NOON);
    let asked: Arc<Mutex<Vec<Work>>> = Arc::default();
    let live = |never_answers: bool| -> Outcome {
        let seen = Arc::clone(&asked);
        let driver = ScriptedDriver::unhurried(move |work| {
            seen.lock().unwrap().push(work.clone());
            let verdict = done(work);
            if never_answers {
                return Box::pin(std::future::pending());
            }
            Box::pin(std::future::ready(verdict))
        });
        let listing = Arc::new(sample::listing(Arc::new(driver)));
        let stillness = Arc::new(Stillness::default());
        let store: Arc<dyn Store> = Arc::new(Watched {
            inner: Arc::new(open_store(&folder, &clock)),
            stillness: Arc::clone(&stillness),
            watch: spy::idle(),
        });
        stillness.run(async {
            let (desk, runner) = staff(store, &clock, &listing, limits());
            let (stop, stops) = watch::channel(false);
            let runner = tokio::spawn(Arc::new(runner).run(stops));
            let call = Arc::new(sample::call(sample::create("a"), clock.now()));
            let answer = tokio::spawn(async move { desk.submit(&listing, call, 1).await });
            stillness.still().await;
            clock.advance(1);
            stillness.still().await;
            stop.send(true).unwrap();
            runner.await.unwrap();
            answer.await.unwrap().unwrap().outcome
        })
    };
    let (first, second) = (live(true), live(false));
    let Outcome::NotReady { instance } = first else {
        panic!("it was not ready but {first:?}");
    };
    let Outcome::Delivered {
        instance: delivered,
        ..
    } = second
    else {
        panic!("it is not delivered but {second:?}");
    };
    assert_eq!(instance, delivered);
    let asked = asked.lock().unwrap();
    let [before, after] = &asked[..] else {
        panic!("each life asks once: {asked:#?}");
    };
    assert_eq!(before.operation, after.operation);
    assert_eq!((before.attempt, after.attempt), (1, 2));
    assert!(after.fence > before.fence);
}
