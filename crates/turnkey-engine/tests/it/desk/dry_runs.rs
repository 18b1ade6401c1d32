//! Dry runs leave no trace, and reach a driver only where its product opts in (promise 4).

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Driver, Verdict, Work};
use turnkey_core::{Access, FaultKind, Intent, Listing, OperationKind, OrderKey};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, done, sample};

use crate::shop::{Setting, Shop, WAIT_MS, delivered, slow};

fn opts_in(listing: &mut Listing) {
    Arc::get_mut(&mut listing.product).unwrap().dry_run = true;
}

async fn leaves_no_trace(shop: &Shop) {
    assert_eq!(shop.orders().await, []);
    assert_eq!(shop.operations().await, []);
}

#[test]
fn a_dry_create_is_answered_without_the_driver() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        for _ in 0..2 {
            let answer = shop.ask_dry(sample::create("a")).await.unwrap();
            let id = delivered(&answer);
            assert!(id.is_dry_of("notes-market"), "{id}");
            let Outcome::Delivered { access, .. } = answer.outcome else {
                panic!("it is delivered");
            };
            let url = Some("https://deliver.example.com");
            assert_eq!(access.front_end.url.as_deref(), url);
            assert_eq!(access.front_end.password, None);
        }
        leaves_no_trace(&shop).await;
        assert_eq!(driver.asked(), []);
        assert_eq!(shop.elapsed_ms(), 0);
        0
    });
}

#[test]
fn every_dry_action_on_a_dry_instance_is_done_without_the_driver() {
    let driver = Arc::new(ScriptedDriver::willing());
    let setting = Setting::new(driver.clone()).listing(opts_in);
    setting.play(async |shop| {
        let id = turnkey_core::InstanceId::dry("notes-market", &OrderKey::new("a"));
        let asks: [Intent; 5] = [
            sample::renew("r", &id),
            sample::change_plan("c", &id),
            sample::suspend(&id),
            sample::resume(&id),
            sample::release(&id),
        ];
        for ask in asks {
            let answer = shop.ask_dry(ask.clone()).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
            let fault = shop.ask(ask).await.unwrap_err();
            assert_eq!(fault.kind, FaultKind::Unknown);
        }
        leaves_no_trace(&shop).await;
        assert_eq!(driver.asked(), []);
        0
    });
}

#[test]
fn a_dry_run_on_a_real_instance_changes_nothing() {
    let driver = Arc::new(ScriptedDriver::willing());
    let setting = Setting::new(driver.clone()).listing(opts_in);
    setting.play(async |shop| {
        let id = shop.bought("a").await;
        let before = shop.instance(&id).await;
        let asks = [
            sample::renew("r", &id),
            sample::change_plan("c", &id),
            sample::suspend(&id),
            sample::release(&id),
        ];
        for ask in asks {
            let answer = shop.ask_dry(ask).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
        }
        assert_eq!(shop.instance(&id).await, before);
        assert_eq!(shop.orders().await.len(), 1);
        let asked: Vec<_> = driver.asked();
        let dry: Vec<_> = asked.iter().filter(|work| work.dry_run).collect();
        let kinds: Vec<_> = dry.iter().map(|work| work.kind).collect();
        assert_eq!(
            kinds,
            [
                OperationKind::Renew,
                OperationKind::ChangePlan,
                OperationKind::Suspend,
                OperationKind::Release
            ]
        );
        assert_eq!(asked.len() - dry.len(), 1);
        0
    });
}

#[test]
fn a_dry_run_of_an_order_that_exists_is_answered_like_a_new_one() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        let before = shop.ask_dry(sample::create("a")).await.unwrap();
        shop.bought("a").await;
        let after = shop.ask_dry(sample::create("a")).await.unwrap();
        assert_eq!(before, after);
        0
    });
}

/// What a driver that takes dry runs says, and what the caller is told.
#[test]
fn a_driver_that_takes_dry_runs_has_a_say() {
    let verdicts: [(Verdict, Option<(FaultKind, &str)>); 4] = [
        (Verdict::Done(None), None),
        (Verdict::NotYet(Some(5_000)), None),
        (
            Verdict::No("no seat is left".to_owned()),
            Some((FaultKind::Upstream, "driver_refused")),
        ),
        (
            Verdict::Retry("down".to_owned()),
            Some((FaultKind::Busy, "driver_unreachable")),
        ),
    ];
    for (verdict, wanted) in verdicts {
        let say = verdict.clone();
        let driver = Arc::new(ScriptedDriver::new(move |_| say.clone()));
        let asked = driver.clone();
        let setting = Setting::new(driver).listing(opts_in);
        setting.play(async |shop| {
            let answer = shop.ask_dry(sample::create("a")).await;
            let told = answer.as_ref().err().map(|fault| (fault.kind, fault.code));
            assert_eq!(told, wanted, "{verdict:?}");
            if let Ok(answer) = &answer {
                assert!(delivered(answer).is_dry_of("notes-market"));
            }
            leaves_no_trace(&shop).await;
            let [work] = &asked.asked()[..] else {
                panic!("it is asked once");
            };
            assert!(work.dry_run);
            assert_eq!(work.kind, OperationKind::Provision);
            0
        });
    }
}

#[test]
fn a_driver_that_cannot_say_in_time_is_not_waited_for() {
    let setting = Setting::timed(|clock| slow(clock, 60_000, done)).listing(opts_in);
    setting.play(async |shop| {
        let fault = shop.ask_dry(sample::create("a")).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.code),
            (FaultKind::Busy, "driver_unreachable")
        );
        assert_eq!(shop.elapsed_ms(), WAIT_MS);
        leaves_no_trace(&shop).await;
        0
    });
}

#[test]
fn an_immediate_driver_is_asked_without_opting_in() {
    let in_stock = |work: &Work| Verdict::Done(work.dry_run.then(Access::default));
    let sold_out = |_: &Work| Verdict::No("out of stock".to_owned());
    let drivers = [
        (ImmediateDriver::new(in_stock), true),
        (ImmediateDriver::new(sold_out), false),
    ];
    for (driver, is_possible) in drivers {
        let driver = Arc::new(driver);
        assert!(driver.immediate().is_some());
        Setting::new(driver).play(async |shop| {
            let answer = shop.ask_dry(sample::create("a")).await;
            match answer {
                Ok(answer) => {
                    assert!(is_possible && delivered(&answer).is_dry_of("notes-market"));
                }
                Err(fault) => assert!(!is_possible && fault.message == "out of stock"),
            }
            leaves_no_trace(&shop).await;
            0
        });
    }
}
