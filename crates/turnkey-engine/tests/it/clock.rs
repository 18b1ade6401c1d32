//! The two clocks: business is wall plus an offset, and never goes back.

use std::sync::Arc;
use std::time::Duration;

use turnkey_core::UtcMillis;
use turnkey_core::ports::{BusinessClock as _, Clock as _};
use turnkey_engine::SystemClock;

const HOUR_MS: u64 = 3_600_000;

#[test]
fn business_is_the_wall_plus_the_offset() {
    for offset_ms in [0, 1, 400 * 24 * 3_600_000, -5_000] {
        let clock = SystemClock::new(offset_ms, UtcMillis(0));
        let now = clock.now();
        assert_eq!(now.business.0 - now.wall.0, offset_ms);
    }
}

#[test]
fn business_never_shows_less_than_was_committed() {
    // What a start finds whose wall clock was set back by an hour: the store has seen more.
    let floor = SystemClock::wall().plus_ms(HOUR_MS);
    let clock = SystemClock::new(0, floor);
    for _ in 0..3 {
        let now = clock.now();
        assert_eq!(now.business, floor);
        assert!(now.wall < floor, "the wall clock is what it is");
    }
}

#[test]
fn a_floor_in_the_past_holds_nothing_up() {
    let wall = SystemClock::wall();
    let clock = SystemClock::new(0, UtcMillis(wall.0 - 1));
    assert!(clock.now().business >= wall);
}

#[test]
fn business_never_goes_back_for_anybody() {
    let clock = Arc::new(SystemClock::new(7, UtcMillis(0)));
    let watch = || {
        let clock = Arc::clone(&clock);
        std::thread::spawn(move || {
            let mut last = UtcMillis(0);
            for _ in 0..10_000 {
                let business = clock.now().business;
                assert!(business >= last);
                last = business;
            }
        })
    };
    let threads: Vec<_> = (0..4).map(|_| watch()).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn an_offset_beyond_all_time_stays_at_the_end_of_it() {
    let clock = SystemClock::new(i64::MAX, UtcMillis(0));
    assert_eq!(clock.now().business, UtcMillis(i64::MAX));
}

#[tokio::test(start_paused = true)]
async fn a_sleep_takes_as_long_as_it_says() {
    let clock = SystemClock::new(0, UtcMillis(0));
    let before = tokio::time::Instant::now();
    clock.sleep(12_000).await;
    assert_eq!(before.elapsed(), Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn a_sleep_is_counted_from_when_it_is_asked_for() {
    let clock = SystemClock::new(0, UtcMillis(0));
    let before = tokio::time::Instant::now();
    let sleep = clock.sleep(12_000);
    clock.sleep(5_000).await;
    sleep.await;
    assert_eq!(before.elapsed(), Duration::from_secs(12));
}

#[test]
fn business_rests_where_it_was_put_until_the_wall_has_come() {
    let clock = SystemClock::new(0, UtcMillis(0));
    let wall = SystemClock::wall();
    let year = wall.plus_ms(365 * 24 * HOUR_MS);
    clock.rest_at(year, wall.plus_ms(HOUR_MS));
    assert_eq!(clock.now().business, year);
    assert_eq!(clock.now().business, year);
    assert!(
        clock.now().wall < wall.plus_ms(HOUR_MS),
        "the wall clock is never moved"
    );
    // Let go, it ticks on from there.
    clock.rest_at(year, SystemClock::wall());
    let now = clock.now();
    assert!(now.business >= year);
    assert!(now.business.0 - now.wall.0 <= year.0 - wall.0);
}

#[test]
fn business_does_not_go_back_when_it_is_told_to() {
    let clock = SystemClock::new(0, UtcMillis(0));
    let before = clock.now().business;
    clock.rest_at(UtcMillis(5), before.plus_ms(HOUR_MS));
    assert!(clock.now().business >= before);
}
