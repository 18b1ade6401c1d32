use turnkey_core::OperationKind;
use turnkey_core::ports::{Driver as _, Verdict};
use turnkey_drivers::DemoDriver;

use crate::work;

fn driver(seed: u8, delay_ms: u64, failure_rate: f64) -> DemoDriver {
    DemoDriver::new([seed; 32], delay_ms, failure_rate)
}

#[tokio::test]
async fn immediate_only_while_it_is_neither_slow_nor_failing() {
    assert!(driver(1, 0, 0.0).immediate().is_some());
    assert!(driver(1, 1, 0.0).immediate().is_none());
    assert!(driver(1, 0, 0.1).immediate().is_none());
}

#[tokio::test]
async fn the_second_ask_repeats_the_first_answer_and_the_slow_face_the_quick_one() {
    let work = work(OperationKind::Provision);
    let quick = driver(1, 0, 0.0);
    let at_once = quick.immediate().expect("it is immediate").answer(&work);
    assert_eq!(quick.drive(work.clone()).await, at_once);
    assert_eq!(driver(1, 1, 0.0).drive(work.clone()).await, at_once);
    assert_ne!(
        driver(2, 0, 0.0).drive(work).await,
        at_once,
        "another seed, another password"
    );
    let Verdict::Done(Some(access)) = at_once else {
        panic!("not delivered")
    };
    assert_eq!(
        access.front_end.password.as_ref().map(String::len),
        Some(20)
    );
}

#[tokio::test]
async fn it_fails_as_often_as_it_is_told_and_repeats_itself() {
    let driver = driver(1, 1, 0.5);
    let mut failed = 0;
    for attempt in 1..=100 {
        let mut work = work(OperationKind::Provision);
        work.attempt = attempt;
        let verdict = driver.drive(work.clone()).await;
        assert_eq!(driver.drive(work).await, verdict);
        failed += u32::from(matches!(verdict, Verdict::Retry(_)));
    }
    assert!((30..=70).contains(&failed), "{failed}");
}
