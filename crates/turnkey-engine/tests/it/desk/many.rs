//! Many calls at once for one instance: none is lost, none counts twice.

use std::sync::Arc;

use turnkey_core::decide::{Flag, Outcome};
use turnkey_core::ports::Driver;
use turnkey_core::{InstanceId, Intent, OrderState, Period, Term, Unit};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, sample};

use crate::shop::{Setting, Shop};

const MANY: u32 = 50;

fn renewal(key: &str, id: &InstanceId, unit: Unit) -> Intent {
    let Intent::Renew(renew) = sample::renew(key, id) else {
        panic!("a renewal is a renewal");
    };
    let period = Period::new(1, unit).unwrap();
    Intent::Renew(turnkey_core::Renew { period, ..renew })
}

/// The term that a year and `count` more units bought at once come to.
fn term(shop: &Shop, count: u32, unit: Unit) -> Term {
    let (zone, ends) = (&shop.listing.time_zone, shop.listing.ends);
    let year = Period::new(1, Unit::Year).unwrap();
    let term = Term::begin(sample::NOON, year, zone, ends).unwrap();
    let more = Period::new(count, unit).unwrap();
    term.extend(sample::NOON, more, zone, ends).unwrap()
}

fn renewals_add_up(driver: Arc<impl Driver>, unit: Unit) {
    Setting::new(driver).play(async |shop| {
        let id = shop.bought("a").await;
        let calls: Vec<_> = (0..MANY)
            .map(|n| shop.send(renewal(&format!("r{n}"), &id, unit)))
            .collect();
        for call in calls {
            let answer = shop.answer(call).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
            assert_eq!(answer.flags, []);
        }
        let orders = shop.orders().await;
        assert_eq!(orders.len(), 1 + usize::try_from(MANY).unwrap());
        let open: Vec<_> = (orders.iter())
            .filter(|order| order.state != OrderState::Fulfilled)
            .collect();
        assert!(open.is_empty(), "{open:#?}");
        assert_eq!(shop.instance(&id).await.term, term(&shop, MANY, unit));
        assert_eq!(shop.elapsed_ms(), 0);
        0
    });
}

#[test]
fn fifty_renewals_at_once_add_up() {
    for unit in [Unit::Year, Unit::Month] {
        renewals_add_up(Arc::new(ScriptedDriver::willing()), unit);
        renewals_add_up(Arc::new(ImmediateDriver::willing()), unit);
    }
}

#[test]
fn fifty_duplicates_of_a_renewal_count_once() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        let id = shop.bought("a").await;
        let calls: Vec<_> = (0..MANY)
            .map(|_| shop.send(sample::renew("r", &id)))
            .collect();
        let mut first = 0;
        for call in calls {
            let answer = shop.answer(call).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Done);
            first += usize::from(answer.flags != [Flag::Repeat]);
        }
        assert_eq!(first, 1);
        assert_eq!(shop.orders().await.len(), 2);
        assert_eq!(shop.instance(&id).await.term, term(&shop, 1, Unit::Year));
        assert_eq!(driver.asked().len(), 2);
        0
    });
}

#[test]
fn fifty_duplicates_of_a_create_make_one_instance() {
    let driver = Arc::new(ScriptedDriver::willing());
    Setting::new(driver.clone()).play(async |shop| {
        let calls: Vec<_> = (0..MANY).map(|_| shop.send(sample::create("a"))).collect();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(shop.answer(call).await.unwrap().outcome);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "every answer is the same");
        assert_eq!(shop.orders().await.len(), 1);
        assert_eq!(driver.asked().len(), 1);
        0
    });
}
