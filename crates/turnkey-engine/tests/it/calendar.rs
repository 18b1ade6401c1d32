//! The business clock is moved from one due moment to the next, and rests at each until the work
//! there is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use turnkey_core::ports::{Boxed, BusinessClock as _, Clock as _, Store as _, Verdict};
use turnkey_core::{Fault, Instance, InstanceId, Intent, Listing, Period, Renew, Unit, UtcMillis};
use turnkey_engine::{Advanced, Diary, End, Next, TermEnds};
use turnkey_testkit::{ScriptedDriver, sample};

use crate::shop::{Setting, Shop, at, slow};

const DAY_MS: u64 = 24 * 3_600_000;

/// A diary with a page for each instance: what the marketplace asks when.
struct Script(Mutex<Pages>, Arc<Shop>);

type Pages = BTreeMap<InstanceId, Vec<(UtcMillis, &'static str)>>;

impl Script {
    fn of(shop: &Arc<Shop>, lines: &[(&InstanceId, u64, &'static str)]) -> Self {
        let mut pages = Pages::new();
        for (instance, ms, what) in lines.iter().rev() {
            let page = pages.entry((*instance).clone()).or_default();
            page.push((at(*ms), *what));
        }
        Self(Mutex::new(pages), Arc::clone(shop))
    }
}

impl Diary for Script {
    type Entry = &'static str;
    type Done = bool;

    fn next<'a>(&'a self, instance: &'a Instance, _: UtcMillis) -> Next<'a, &'static str> {
        let pages = self.0.lock().unwrap();
        let next = pages
            .get(&instance.id)
            .and_then(|page| page.last().copied());
        Box::pin(std::future::ready(Ok(next)))
    }

    fn act<'a>(&'a self, instance: &'a Instance, entry: &'a &'static str) -> Boxed<'a, bool> {
        let intent = match *entry {
            "suspend" => sample::suspend(&instance.id),
            "release" => sample::release(&instance.id),
            // Nothing is done, so that it is due again.
            "again" => return Box::pin(std::future::ready(false)),
            key => month(key, &instance.id),
        };
        let answer = self.1.send(intent);
        Box::pin(async move {
            let answer = answer.await.unwrap();
            self.0.lock().unwrap().get_mut(&instance.id).unwrap().pop();
            answer.is_ok()
        })
    }
}

/// A renewal by a month under `key`.
fn month(key: &str, instance: &InstanceId) -> Intent {
    let Intent::Renew(renew) = sample::renew(key, instance) else {
        panic!("it is a renewal");
    };
    Intent::Renew(Renew {
        period: Period::new(1, Unit::Month).unwrap(),
        ..renew
    })
}

async fn advance<D: Diary>(
    shop: &Shop,
    ms: u64,
    diary: &D,
) -> Result<Advanced<D::Entry, D::Done>, Fault> {
    let until = shop.clock.now().business.plus_ms(ms);
    shop.moving(shop.calendar.advance(until, diary)).await
}

/// Everything that happened to `id`: the moment after the shop opened, the kind, the step.
async fn history(shop: &Shop, id: &InstanceId) -> Vec<String> {
    let rows = shop.store.inner.history_list(id.clone(), 0, 100).await;
    let told = |row: &turnkey_core::HistoryRow| {
        let ms = row.at.business.ms_since(sample::NOON);
        format!("{ms} {} {}", row.kind.name(), row.step.name())
    };
    rows.unwrap().iter().map(told).collect()
}

#[test]
fn it_rests_at_every_due_moment_and_then_ticks_again() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        let ids = [shop.bought("a").await, shop.bought("b").await];
        let ends = shop.instance(&ids[0]).await.term.ends_at;
        let advanced = advance(&shop, 400 * DAY_MS, &TermEnds).await.unwrap();
        assert_eq!(advanced.end, End::Arrived);
        let kept: Vec<_> = advanced
            .entries
            .iter()
            .map(|k| (k.at, &k.instance.id))
            .collect();
        assert_eq!(kept, [(ends, &ids[0]), (ends, &ids[1])]);
        let now = shop.clock.now();
        assert_eq!(now.business, at(400 * DAY_MS));
        assert_eq!(now.wall, at(0), "the wall clock is never moved");
        assert_eq!(advanced.now, now);
        shop.clock.advance(1_000);
        assert_eq!(shop.clock.now().business, at(400 * DAY_MS + 1_000));
        0
    });
}

#[test]
fn work_is_stamped_with_the_moment_at_which_it_fell_due() {
    Setting::timed(|clock| slow(clock, 3_000, turnkey_testkit::done)).play(async |shop| {
        let id = shop.bought("a").await;
        let script = Script::of(
            &shop,
            &[
                (&id, DAY_MS, "suspend"),
                (&id, 2 * DAY_MS, "r1"),
                (&id, 3 * DAY_MS, "release"),
            ],
        );
        let advanced = advance(&shop, 4 * DAY_MS, &script).await.unwrap();
        assert_eq!(advanced.end, End::Arrived);
        assert!(advanced.entries.iter().all(|kept| kept.done));
        let told = history(&shop, &id).await;
        let day = |n: u64| n * DAY_MS;
        assert_eq!(
            told,
            [
                "0 provision accepted".to_owned(),
                "3000 provision done".to_owned(),
                format!("{} suspend accepted", day(1)),
                format!("{} suspend done", day(1)),
                format!("{} renew accepted", day(2)),
                format!("{} renew done", day(2)),
                format!("{} resume done", day(2)),
                format!("{} release accepted", day(3)),
                format!("{} release done", day(3)),
            ],
        );
        0
    });
}

#[test]
fn what_is_under_way_is_finished_before_the_clock_moves() {
    Setting::timed(|clock| slow(clock, 20_000, turnkey_testkit::done)).play(async |shop| {
        let answer = shop.ask(sample::create("a")).await.unwrap();
        let id = crate::shop::not_ready(&answer);
        advance(&shop, 400 * DAY_MS, &TermEnds).await.unwrap();
        let told = history(&shop, &id).await;
        assert_eq!(told, ["0 provision accepted", "12000 provision done"]);
        0
    });
}

#[test]
fn work_that_does_not_end_stops_the_clock_where_it_is() {
    Setting::timed(|clock| slow(clock, 300_000, turnkey_testkit::done)).play(async |shop| {
        shop.ask(sample::create("a")).await.unwrap();
        let before = shop.clock.now().business;
        let advanced = advance(&shop, 400 * DAY_MS, &TermEnds).await.unwrap();
        let End::Waits(operation) = advanced.end else {
            panic!("it went on: {:?}", advanced.end);
        };
        assert_eq!(operation.id, shop.operations().await[0].id);
        assert_eq!(advanced.now.business, before);
        // The next one goes on as soon as the work is over.
        let again = advance(&shop, DAY_MS, &TermEnds);
        shop.advance(280_000).await;
        assert_eq!(again.await.unwrap().end, End::Arrived);
        0
    });
}

#[test]
fn much_is_done_in_parts_and_the_clock_rests_between_them() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        let id = shop.bought("a").await;
        let key = |n: u64| if n.is_multiple_of(2) { "r0" } else { "r1" };
        let lines: Vec<_> = (1..=1_002).map(|n| (&id, n * 1_000, key(n))).collect();
        let script = Script::of(&shop, &lines);
        let until = at(DAY_MS);
        let first = shop
            .moving(shop.calendar.advance(until, &script))
            .await
            .unwrap();
        assert_eq!((first.end, first.entries.len()), (End::Midway, 1_000));
        shop.clock.advance(5_000);
        assert_eq!(shop.clock.now().business, at(1_000_000));
        let second = shop
            .moving(shop.calendar.advance(until, &script))
            .await
            .unwrap();
        let moments: Vec<_> = second.entries.iter().map(|kept| kept.at).collect();
        assert_eq!(moments, [at(1_001_000), at(1_002_000)]);
        assert_eq!(
            (second.end, shop.clock.now().business),
            (End::Arrived, until)
        );
        0
    });
}

#[test]
fn what_a_person_has_to_do_is_not_waited_for() {
    let by_hand = |listing: &mut Listing| {
        let product = Arc::get_mut(&mut listing.product).unwrap();
        product.not_yet_for_ms = None;
    };
    let patient = ScriptedDriver::new(|_| Verdict::NotYet(Some(3_600_000)));
    Setting::new(Arc::new(patient))
        .listing(by_hand)
        .play(async |shop| {
            shop.ask(sample::create("a")).await.unwrap();
            let before = shop.clock.now().wall;
            let advanced = advance(&shop, 400 * DAY_MS, &TermEnds).await.unwrap();
            assert_eq!(advanced.end, End::Arrived);
            assert_eq!(shop.clock.now().wall, before);
            1
        });
}

#[test]
fn moments_are_taken_in_their_order_over_all_instances() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        let (a, b) = (shop.bought("a").await, shop.bought("b").await);
        let script = Script::of(
            &shop,
            &[
                (&a, 5 * DAY_MS, "a1"),
                (&b, 3 * DAY_MS, "b1"),
                (&b, 7 * DAY_MS, "b2"),
                (&a, 6 * DAY_MS, "a2"),
                (&a, 9 * DAY_MS, "a3"),
            ],
        );
        let advanced = advance(&shop, 8 * DAY_MS, &script).await.unwrap();
        let kept: Vec<_> = advanced.entries.iter().map(|k| (k.at, k.entry)).collect();
        let day = |n: u64| at(n * DAY_MS);
        assert_eq!(
            kept,
            [
                (day(3), "b1"),
                (day(5), "a1"),
                (day(6), "a2"),
                (day(7), "b2")
            ],
        );
        assert_eq!(shop.clock.now().business, day(8));
        0
    });
}

#[test]
fn what_should_have_been_is_due_now_and_what_stays_due_is_left_alone() {
    Setting::new(Arc::new(ScriptedDriver::willing())).play(async |shop| {
        let (a, b) = (shop.bought("a").await, shop.bought("b").await);
        shop.clock.rest_at(at(5 * DAY_MS), at(0));
        let script = Script::of(&shop, &[(&a, DAY_MS, "again"), (&b, DAY_MS, "b1")]);
        let advanced = advance(&shop, DAY_MS, &script).await.unwrap();
        let kept: Vec<_> = advanced.entries.iter().map(|k| (k.at, k.entry)).collect();
        assert_eq!(kept, [(at(5 * DAY_MS), "again"), (at(5 * DAY_MS), "b1")]);
        assert_eq!(advanced.end, End::Arrived);
        0
    });
}

#[test]
fn it_never_goes_back_and_one_moves_it_at_a_time() {
    Setting::timed(|clock| slow(clock, 5_000, turnkey_testkit::done)).play(async |shop| {
        shop.clock.advance_business(DAY_MS);
        let back = shop.calendar.advance(at(0), &TermEnds).await;
        assert_eq!(back.unwrap_err().code, "clock_back");

        let create = shop.send(sample::create("a"));
        shop.still().await;
        let mut first = Box::pin(shop.calendar.advance(at(9 * DAY_MS), &TermEnds));
        tokio::select! {
            biased;
            _ = &mut first => panic!("the work is still under way"),
            () = shop.still() => {}
        }
        let second = shop.calendar.advance(at(3 * DAY_MS), &TermEnds).await;
        assert_eq!(second.unwrap_err().code, "clock_busy");
        // Meanwhile it rests; whoever hangs up lets it tick again.
        let resting = shop.clock.now().business;
        shop.clock.advance(1_000);
        assert_eq!(shop.clock.now().business, resting);
        drop(first);
        shop.clock.advance(1_000);
        assert_eq!(shop.clock.now().business, resting.plus_ms(1_000));
        shop.answer(create).await.unwrap();
        0
    });
}
