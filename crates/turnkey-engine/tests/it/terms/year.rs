//! More than a year of a thousand instances, against a model that computes the life of each by
//! itself from design §3.

use std::collections::BTreeMap;
use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::find::OrderFilter;
use turnkey_core::ports::{Clock as _, Store as _};
use turnkey_core::{
    Ends, EventFilter, EventKind, InstanceState, Intent, Listing, OrderId, OrderKind, OrderState,
    Period, Stage, Unit, UtcMillis,
};
use turnkey_testkit::done;

use super::model::{Bought, DAY, fate, local};
use crate::front::{Front, Open, caller, purchase};

/// How long the listings keep what is over: one of them not the usual week, but so long that some
/// of it is still there at the end.
const GRACES: [i64; 2] = [7 * DAY, 40 * DAY + 1];

/// What a month costs, in fen.
const SPECS: [(&str, i64); 3] = [("basic", 30_000), ("standard", 60_000), ("premium", 90_000)];

/// When the buyers come: on ends of months of a leap year, at the first and the last millisecond of
/// a local day, at noon and at some time.
fn begins() -> [i64; 6] {
    [
        local(2028, 1, 29, 0),
        local(2028, 1, 30, DAY - 1),
        local(2028, 1, 31, DAY / 2),
        local(2028, 2, 29, 12_345_678),
        local(2028, 3, 31, DAY - 1),
        local(2028, 4, 15, 3_600_000),
    ]
}

fn periods() -> impl Iterator<Item = Period> {
    let of = |unit, most| (1..=most).map(move |count| Period::new(count, unit).unwrap());
    of(Unit::Month, 9).chain(of(Unit::Year, 3))
}

/// One order of the purchases, and what the model has to know of it.
struct Sold {
    order: OrderId,
    listing: usize,
    bought: Bought,
    /// What a period costs, in fen.
    price: i64,
    period: Period,
}

/// Everybody who comes at `at` buys one of everything.
async fn sell(open: &Open, listings: &[Arc<Listing>], at: i64, sold: &mut Vec<Sold>) {
    for (which, listing) in listings.iter().enumerate() {
        for (n, period) in periods().enumerate() {
            for renews in [true, false] {
                let turn = sold.len() + n;
                let (spec, month) = SPECS[turn % SPECS.len()];
                let quantity = u32::try_from(turn % 7).unwrap() + 1;
                let account = if turn.is_multiple_of(2) {
                    "sample"
                } else {
                    "other"
                };
                let who = caller(account, "cn-north-1");
                let key = format!("{at} {period} {renews}");
                let wanted = purchase(&key, &who, spec, quantity, period, renews);
                let answer = open.call(listing, &who, Intent::Buy(wanted)).await;
                let Outcome::Ordered { orders, .. } = answer.unwrap().outcome else {
                    panic!("it is ordered");
                };
                assert_eq!(orders.len(), usize::try_from(quantity).unwrap());
                let count = i64::from(period.count());
                let (months, price) = match period.unit() {
                    Unit::Month => (count, count * month),
                    Unit::Year => (12 * count, count * 10 * month),
                    Unit::Day => panic!("nobody sells days"),
                };
                sold.extend(orders.into_iter().map(|order| Sold {
                    order,
                    listing: which,
                    bought: Bought {
                        at,
                        months,
                        whole_days: listing.ends == Ends::EndOfDay,
                        renews,
                        grace: GRACES[which],
                    },
                    price,
                    period,
                }));
            }
        }
    }
}

#[test]
fn four_hundred_days_of_a_thousand_instances_are_as_the_model_has_them() {
    let begins = begins();
    let exact: fn(&mut Listing) = |listing| {
        listing.name = "exact".to_owned();
        listing.ends = Ends::Exact;
        listing.own_terms.as_mut().unwrap().grace_ms = u64::try_from(GRACES[1]).unwrap();
    };
    Front::at(UtcMillis(begins[0]), done, &[|_| {}, exact]).play(async |front| {
        let open = front.open();
        let mut sold = Vec::new();
        for at in begins {
            open.advance(UtcMillis(at)).await;
            sell(&open, &front.listings, at, &mut sold).await;
        }
        assert!(sold.len() >= 1_000, "only {} were sold", sold.len());
        let wall = front.clock.now().wall;
        let now = begins[begins.len() - 1] + 400 * DAY;
        open.advance(UtcMillis(now)).await;
        assert_eq!(front.clock.now().business.0, now);
        assert_eq!(front.clock.now().wall, wall);
        let mut states = BTreeMap::new();
        for one in &sold {
            let state = compare(&open, &front.listings, one, now).await;
            *states.entry(state).or_insert(0) += 1;
        }
        // What is compared is not all of one kind.
        let kinds: Vec<_> = states.keys().copied().collect();
        assert_eq!(kinds, ["released", "running", "suspended"], "{states:?}");
        assert!(open.store.operation_list(None, 1).await.unwrap().is_empty());
        assert!(open.store.alarm_list(1).await.unwrap().is_empty());
    });
}

/// Whether everything that is stored of `sold` is as the model has it; its state.
async fn compare(open: &Open, listings: &[Arc<Listing>], sold: &Sold, now: i64) -> &'static str {
    let fate = fate(sold.bought, now);
    let first = open.order(&sold.order).await;
    let id = first.instance.clone();
    let instance = open.instance(&id).await;
    let told = format!("{:?} of {:?}", sold.bought, listings[sold.listing].name);
    assert_eq!(instance.state.name(), fate.state, "{told}");
    assert_eq!(instance.term.starts_at.0, sold.bought.at, "{told}");
    assert_eq!(instance.term.ends_at.0, fate.ends, "{told}");
    let is_gone = instance.state == InstanceState::Released;
    assert_eq!(instance.access.is_none(), is_gone, "{told}");

    let subscription = open.subscription(&id).await;
    let stage = match fate.state {
        "running" => Stage::Term,
        "suspended" => Stage::Grace,
        _ => Stage::Over,
    };
    assert_eq!(subscription.stage, stage, "{told}");
    assert_eq!(subscription.period_from.0, fate.from, "{told}");
    assert_eq!(subscription.look_at.is_none(), is_gone, "{told}");
    assert!(subscription.look_at.is_none_or(|at| at.0 > now), "{told}");

    let filter = OrderFilter {
        instance: Some(id.clone()),
        ..OrderFilter::default()
    };
    let mut orders = open
        .store
        .order_find(filter, None, 1_000)
        .await
        .unwrap()
        .rows;
    orders.sort_by_key(|order| order.accepted_at.business);
    let mut accepted = Vec::new();
    for order in &orders {
        let kind = match order.id == sold.order {
            true => OrderKind::Create,
            false => OrderKind::Renew,
        };
        assert_eq!(
            (order.kind, order.state),
            (kind, OrderState::Fulfilled),
            "{told}"
        );
        assert_eq!(order.period, sold.period.to_string(), "{told}");
        let bill = open.bill(&order.id).await;
        assert_eq!(
            bill.price.map(|price| price.minor),
            Some(sold.price),
            "{told}"
        );
        assert_eq!(bill.unpaid_until, None, "{told}");
        accepted.push(order.accepted_at.business.0);
    }
    let bought = std::iter::once(sold.bought.at);
    let expected: Vec<_> = bought.chain(fate.renewed.iter().copied()).collect();
    assert_eq!(accepted, expected, "{told}");

    let history = open.store.history_list(id.clone(), 0, 1_000).await.unwrap();
    let history: Vec<_> = history
        .iter()
        .map(|row| (row.kind.name(), row.step.name(), row.at.business.0))
        .collect();
    let expected: Vec<_> = fate
        .history
        .iter()
        .map(|(kind, at)| (*kind, "done", *at))
        .collect();
    assert_eq!(history, expected, "{told}");

    let filter = EventFilter {
        kind: Some(EventKind::Reminder),
        instance: Some(id),
        ..EventFilter::default()
    };
    let events = open.store.event_list(filter, None, 1_000).await.unwrap();
    let mut reminded: Vec<_> = events.iter().map(|event| event.at.business.0).collect();
    reminded.sort_unstable();
    let mut expected = fate.reminded;
    expected.sort_unstable();
    assert_eq!(reminded, expected, "{told}");
    fate.state
}
