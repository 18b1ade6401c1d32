//! Immediate drivers: their work is born done, in the admitting commit; the runner never sees it.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Verdict, Work};
use turnkey_core::{InstanceState, OperationKind};
use turnkey_testkit::{ImmediateDriver, done, sample};

use crate::shop::Setting;
use crate::watched::Job;

#[test]
fn a_life_takes_one_commit_a_call_and_no_runner() {
    let setting = Setting::new(Arc::new(ImmediateDriver::willing()));
    setting.play(async |shop| {
        shop.still().await;
        let claims = shop.spy.seen(Job::Claim);
        let id = shop.bought("a").await;
        let asks = [
            sample::change_plan("c", &id),
            sample::suspend(&id),
            sample::resume(&id),
            sample::release(&id),
        ];
        for (n, ask) in asks.into_iter().enumerate() {
            let answer = shop.ask(ask).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
            assert_eq!(shop.spy.seen(Job::Admit), n + 2);
        }
        shop.still().await;
        assert_eq!(shop.spy.seen(Job::Report), 0);
        assert_eq!(shop.spy.seen(Job::Claim), claims, "the runner sleeps on");
        assert_eq!(shop.instance(&id).await.state, InstanceState::Released);
        assert_eq!(shop.elapsed_ms(), 0);
        0
    });
}

#[test]
fn an_immediate_no_is_the_answer_and_stays_it() {
    let no = |_: &_| Verdict::No("out of stock".to_owned());
    Setting::new(Arc::new(ImmediateDriver::new(no))).play(async |shop| {
        for _ in 0..2 {
            let fault = shop.ask(sample::create("a")).await.unwrap_err();
            assert_eq!(fault.message, "out of stock");
        }
        assert_eq!(shop.orders().await.len(), 1);
        0
    });
}

#[test]
fn what_an_immediate_driver_cannot_do_at_once_is_done_by_the_runner() {
    let slow = |work: &Work| {
        if work.attempt == 1 {
            return Verdict::NotYet(Some(3_000));
        }
        done(work)
    };
    Setting::new(Arc::new(ImmediateDriver::new(slow))).play(async |shop| {
        shop.bought("a").await;
        assert_eq!(shop.elapsed_ms(), 3_000);
        assert_eq!(shop.orders().await.len(), 1);
        0
    });
}

#[test]
fn a_resume_that_comes_with_a_renewal_is_not_forgotten() {
    let slow = |work: &Work| {
        // What no runner has claimed has no fence.
        if work.kind == OperationKind::Resume && work.fence == 0 {
            return Verdict::NotYet(None);
        }
        done(work)
    };
    Setting::new(Arc::new(ImmediateDriver::new(slow))).play(async |shop| {
        let id = shop.bought("a").await;
        shop.ask(sample::suspend(&id)).await.unwrap();
        shop.ask(sample::renew("r", &id)).await.unwrap();
        shop.still().await;
        assert_eq!(shop.instance(&id).await.suspended_at, None);
        assert_eq!(shop.elapsed_ms(), 0);
        0
    });
}
