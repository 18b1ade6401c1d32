//! The brake: nothing is removed while nobody can tell whether the clock is right, or while more is
//! due than ever falls due by chance; everything else goes on.

use turnkey_core::decide::Outcome;
use turnkey_core::ports::Store as _;
use turnkey_core::{AlarmKind, InstanceId, InstanceState, Intent, Period, Unit, UtcMillis};
use turnkey_testkit::{done, sample};

use crate::front::{Front, Open, caller, purchase};

const DAY_MS: u64 = 86_400_000;

/// Buys `quantity` units for a month; their instances.
async fn buy(
    front: &Front,
    open: &Open,
    key: &str,
    quantity: u32,
    renews: bool,
) -> Vec<InstanceId> {
    let who = caller("sample", "cn-north-1");
    let month = Period::new(1, Unit::Month).unwrap();
    let wanted = purchase(key, &who, "basic", quantity, month, renews);
    let answer = open
        .call(&front.listings[0], &who, Intent::Buy(wanted))
        .await;
    let Outcome::Ordered { orders, .. } = answer.unwrap().outcome else {
        panic!("it is ordered");
    };
    let mut instances = Vec::new();
    for order in orders {
        instances.push(open.order(&order).await.instance);
    }
    instances
}

async fn states(open: &Open, instances: &[InstanceId]) -> Vec<InstanceState> {
    let mut states = Vec::new();
    for id in instances {
        states.push(open.instance(id).await.state);
    }
    states.dedup();
    states
}

/// The message of the brake's alarm.
async fn alarm(open: &Open) -> Option<String> {
    let alarms = open.store.alarm_list(10).await.unwrap();
    assert!(alarms.len() <= 1, "{alarms:?}");
    let alarm = alarms.into_iter().next()?;
    assert_eq!(alarm.kind, AlarmKind::SweeperStopped);
    Some(alarm.message)
}

fn front() -> Front {
    Front::at(sample::NOON, done, &[|_| {}])
}

#[test]
fn a_jump_of_a_year_releases_nothing_until_somebody_says_so() {
    front().play(async |front| {
        let open = front.open();
        let ends = buy(&front, &open, "ends", 3, false).await;
        let renews = buy(&front, &open, "renews", 2, true).await;
        open.sweeper.pass().await.unwrap();
        assert_eq!(alarm(&open).await, None);
        front.clock.jump(365 * DAY_MS);
        open.sweeper.pass().await.unwrap();
        // Everything else goes on: what is over stands still, what renews itself is renewed.
        assert_eq!(states(&open, &ends).await, [InstanceState::Suspended]);
        assert_eq!(states(&open, &renews).await, [InstanceState::Running]);
        let told = alarm(&open).await.unwrap();
        assert!(told.contains("jumped by about 8760 h"), "{told}");
        for _ in 0..3 {
            front.clock.advance(8 * DAY_MS);
            open.sweeper.pass().await.unwrap();
        }
        assert_eq!(states(&open, &ends).await, [InstanceState::Suspended]);
        assert!(open.sweeper.stopped().is_some());
        open.sweeper.resume().await.unwrap();
        assert_eq!((open.sweeper.stopped(), alarm(&open).await), (None, None));
        open.sweeper.pass().await.unwrap();
        assert_eq!(states(&open, &ends).await, [InstanceState::Released]);
        assert_eq!(states(&open, &renews).await, [InstanceState::Running]);
        assert_eq!(alarm(&open).await, None);
    });
}

#[test]
fn the_clock_may_be_corrected_by_less_than_an_hour_and_tick_for_years() {
    front().play(async |front| {
        let open = front.open();
        let ends = buy(&front, &open, "ends", 3, false).await;
        open.sweeper.pass().await.unwrap();
        front.clock.jump(3_600_000);
        open.sweeper.pass().await.unwrap();
        front.clock.advance(31 * DAY_MS);
        open.sweeper.pass().await.unwrap();
        front.clock.advance(365 * DAY_MS);
        open.sweeper.pass().await.unwrap();
        assert_eq!(states(&open, &ends).await, [InstanceState::Released]);
        assert_eq!(alarm(&open).await, None);
    });
}

#[test]
fn the_brake_survives_a_restart() {
    front().play(async |front| {
        let open = front.open();
        let ends = buy(&front, &open, "ends", 1, false).await;
        open.sweeper.pass().await.unwrap();
        front.clock.jump(60 * DAY_MS);
        open.sweeper.pass().await.unwrap();
        drop(open);
        front.clock.advance(8 * DAY_MS);
        let open = front.open();
        open.sweeper.pass().await.unwrap();
        assert!(open.sweeper.stopped().is_some());
        assert_eq!(states(&open, &ends).await, [InstanceState::Suspended]);
        open.sweeper.resume().await.unwrap();
        drop(open);
        // What a person decided survives it too.
        let open = front.open();
        open.sweeper.pass().await.unwrap();
        assert_eq!(states(&open, &ends).await, [InstanceState::Released]);
        assert_eq!(alarm(&open).await, None);
    });
}

/// Buys `due` units that end and `others` that do not; stops while the grace passes, and starts
/// again. How those stand that end.
async fn after_a_stop(
    front: &Front,
    due: u32,
    others: u32,
) -> (Option<String>, Vec<InstanceState>) {
    let open = front.open();
    let ends = buy(front, &open, "ends", due, false).await;
    for n in 0..others / 50 {
        buy(front, &open, &format!("renews {n}"), 50, true).await;
    }
    let over = open.instance(&ends[0]).await.term.ends_at;
    open.advance(over).await;
    assert_eq!(states(&open, &ends).await, [InstanceState::Suspended]);
    drop(open);
    front.clock.advance(8 * DAY_MS);
    let open = front.open();
    open.sweeper.pass().await.unwrap();
    (alarm(&open).await, states(&open, &ends).await)
}

#[test]
fn ten_removals_at_once_after_a_stop_are_never_too_many() {
    front().play(async |front| {
        let after = after_a_stop(&front, 10, 0).await;
        assert_eq!(after, (None, vec![InstanceState::Released]));
    });
}

#[test]
fn eleven_of_few_are_too_many_after_a_stop() {
    front().play(async |front| {
        let (told, states) = after_a_stop(&front, 11, 200).await;
        assert!(
            told.unwrap()
                .contains("11 of 211 instances of listing \"bastion\"")
        );
        assert_eq!(states, [InstanceState::Suspended]);
    });
}

#[test]
fn eleven_of_many_are_not() {
    front().play(async |front| {
        let after = after_a_stop(&front, 11, 250).await;
        assert_eq!(after, (None, vec![InstanceState::Released]));
    });
}

#[test]
fn without_a_stop_as_many_are_removed_as_are_due() {
    front().play(async |front| {
        let open = front.open();
        let ends = buy(&front, &open, "ends", 50, false).await;
        let over = open.instance(&ends[0]).await.term.ends_at;
        open.advance(UtcMillis(over.0).plus_ms(7 * DAY_MS)).await;
        assert_eq!(states(&open, &ends).await, [InstanceState::Released]);
        assert_eq!(alarm(&open).await, None);
    });
}
