//! From when to when an instance is paid for. Cases are data: `zone | begun | steps → ends`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use turnkey_core::{Ends, Fault, FaultKind, Period, Term, Unit, UtcMillis};

fn at(local: &str, zone: &TimeZone) -> UtcMillis {
    let local: jiff::civil::DateTime = local.parse().unwrap();
    UtcMillis(
        local
            .to_zoned(zone.clone())
            .unwrap()
            .timestamp()
            .as_millisecond(),
    )
}

fn shown(at: UtcMillis, zone: &TimeZone) -> String {
    let zoned = Timestamp::from_millisecond(at.0)
        .unwrap()
        .to_zoned(zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}

fn period(text: &str) -> Period {
    let (count, unit) = text.split_once('_').unwrap();
    let unit = Unit::ALL.into_iter().find(|u| u.name() == unit).unwrap();
    Period::new(count.parse().unwrap(), unit).unwrap()
}

/// Begins at the first moment and buys the first period; each further step is a renewal, made one
/// minute after the begin unless it says `@ moment`.
fn check(zone: &str, ends: Ends, begun: &str, steps: &[(&str, &str)]) {
    let zone = TimeZone::get(zone).unwrap();
    let begun = at(begun, &zone);
    let mut term: Option<Term> = None;
    for (bought, expected) in steps {
        let (bought, now) = match bought.split_once(" @ ") {
            Some((bought, now)) => (bought, at(now, &zone)),
            None => (*bought, begun.plus_ms(60_000)),
        };
        let longer = match term {
            None => Term::begin(begun, period(bought), &zone, ends),
            Some(term) => term.extend(now, period(bought), &zone, ends),
        };
        let longer = longer.unwrap();
        assert_eq!(
            shown(longer.ends_at, &zone),
            *expected,
            "after {bought} of {steps:?}"
        );
        assert_eq!(longer.starts_at, begun);
        term = Some(longer);
    }
}

fn exact(zone: &str, begun: &str, steps: &[(&str, &str)]) {
    check(zone, Ends::Exact, begun, steps);
}

fn end_of_day(zone: &str, begun: &str, steps: &[(&str, &str)]) {
    check(zone, Ends::EndOfDay, begun, steps);
}

const SHANGHAI: &str = "Asia/Shanghai";
const NEW_YORK: &str = "America/New_York";

#[test]
fn months_are_counted_from_the_anchor() {
    exact(
        SHANGHAI,
        "2026-01-31T12:00",
        &[
            ("1_month", "2026-02-28 12:00"),
            ("1_month", "2026-03-31 12:00"),
            ("1_month", "2026-04-30 12:00"),
            ("8_month", "2026-12-31 12:00"),
        ],
    );
    exact(
        SHANGHAI,
        "2026-01-30T12:00",
        &[
            ("1_month", "2026-02-28 12:00"),
            ("1_month", "2026-03-30 12:00"),
        ],
    );
}

#[test]
fn leap_years_give_and_take_a_day() {
    exact(
        SHANGHAI,
        "2028-01-31T12:00",
        &[
            ("1_month", "2028-02-29 12:00"),
            ("1_month", "2028-03-31 12:00"),
        ],
    );
    exact(
        SHANGHAI,
        "2028-02-29T12:00",
        &[
            ("1_year", "2029-02-28 12:00"),
            ("1_year", "2030-02-28 12:00"),
            ("2_year", "2032-02-29 12:00"),
        ],
    );
    exact(
        SHANGHAI,
        "2096-02-29T12:00",
        &[("4_year", "2100-02-28 12:00")],
    );
}

#[test]
fn days_make_the_new_end_the_anchor() {
    exact(
        SHANGHAI,
        "2026-01-31T12:00",
        &[
            ("1_month", "2026-02-28 12:00"),
            ("1_day", "2026-03-01 12:00"),
            // Counted from 1 March now, no longer from 31 January.
            ("1_month", "2026-04-01 12:00"),
            ("30_day", "2026-05-01 12:00"),
        ],
    );
}

#[test]
fn a_renewal_before_the_end_extends_from_the_end() {
    exact(
        SHANGHAI,
        "2026-01-31T12:00",
        &[
            ("1_month", "2026-02-28 12:00"),
            ("1_month @ 2026-02-28T11:59", "2026-03-31 12:00"),
            // At the very end it is not over yet.
            ("1_month @ 2026-03-31T12:00", "2026-04-30 12:00"),
        ],
    );
}

#[test]
fn a_renewal_after_the_end_extends_from_now_and_anchors_there() {
    exact(
        SHANGHAI,
        "2026-01-31T12:00",
        &[
            ("1_month", "2026-02-28 12:00"),
            ("1_month @ 2026-03-30T09:30", "2026-04-30 09:30"),
            ("1_month @ 2026-03-30T09:31", "2026-05-30 09:30"),
        ],
    );
}

#[test]
fn end_of_day_ends_when_the_last_local_day_is_over() {
    end_of_day(
        SHANGHAI,
        "2026-01-31T12:00",
        &[
            ("1_month", "2026-03-01 00:00"),
            ("1_month", "2026-04-01 00:00"),
            ("1_day", "2026-04-02 00:00"),
            ("1_day", "2026-04-03 00:00"),
            ("1_month", "2026-05-03 00:00"),
        ],
    );
    end_of_day(
        SHANGHAI,
        "2026-01-31T00:00",
        &[("1_day", "2026-02-02 00:00")],
    );
}

#[test]
fn what_begins_in_an_hour_that_comes_twice_ends_at_its_time_of_day() {
    exact(
        NEW_YORK,
        "2025-11-02T01:30",
        &[
            ("1_day", "2025-11-03 01:30"),
            ("1_month", "2025-12-03 01:30"),
        ],
    );
}

#[test]
fn an_end_in_an_hour_that_does_not_come_is_an_hour_later_once() {
    exact(
        NEW_YORK,
        "2026-02-08T02:30",
        &[
            ("1_month", "2026-03-08 03:30"),
            ("1_month", "2026-04-08 02:30"),
        ],
    );
}

#[test]
fn days_are_local_days_across_a_clock_change() {
    // 23 hours, then 25 hours; a day all the same.
    exact(
        NEW_YORK,
        "2026-03-07T12:00",
        &[("1_day", "2026-03-08 12:00")],
    );
    exact(
        NEW_YORK,
        "2026-10-31T12:00",
        &[("1_day", "2026-11-01 12:00")],
    );
}

#[test]
fn a_day_without_midnight_ends_where_the_next_begins() {
    // In Havana the clocks go forward at midnight: 8 March 2026 begins at one.
    end_of_day(
        "America/Havana",
        "2026-03-06T12:00",
        &[("1_day", "2026-03-08 01:00")],
    );
}

#[test]
fn a_century_many_times_is_refused_not_survived_by_luck() {
    let zone = TimeZone::get(SHANGHAI).unwrap();
    for (unit, count) in [(Unit::Year, 100), (Unit::Month, 1200), (Unit::Day, 36_600)] {
        let period = Period::new(count, unit).unwrap();
        for ends in [Ends::Exact, Ends::EndOfDay] {
            let begun = at("2026-01-31T12:00", &zone);
            let mut term = Term::begin(begun, period, &zone, ends);
            let mut years = 0;
            while let Ok(now) = term {
                term = now.extend(begun, period, &zone, ends);
                years += 100;
            }
            let fault = term.unwrap_err();
            assert_eq!(
                (fault.kind, fault.code),
                (FaultKind::Conflict, "term_too_long")
            );
            assert_eq!(years, 7900);
        }
    }
}

#[test]
fn moments_that_no_calendar_has_are_refused() {
    let zone = TimeZone::get(SHANGHAI).unwrap();
    for edge in [i64::MIN, i64::MAX] {
        let term = Term::begin(UtcMillis(edge), period("1_day"), &zone, Ends::Exact);
        assert_eq!(term.map_err(|f: Fault| f.code), Err("term_too_long"));
    }
}

#[test]
fn periods_are_at_least_one_unit_and_at_most_a_century() {
    for unit in Unit::ALL {
        assert!(Period::new(0, unit).is_err());
        assert!(Period::new(u32::MAX, unit).is_err());
        assert_eq!(
            Period::new(1, unit).unwrap().to_string(),
            format!("1_{}", unit.name())
        );
    }
    assert!(Period::new(101, Unit::Year).is_err());
    assert!(Period::new(1201, Unit::Month).is_err());
    assert!(Period::new(36_601, Unit::Day).is_err());
}

fn any_period() -> impl Strategy<Value = Period> {
    let unit = prop_oneof![Just(Unit::Day), Just(Unit::Month), Just(Unit::Year)];
    let count = prop_oneof![4 => 1..40_u32, 1 => Just(100)];
    (count, unit).prop_map(|(count, unit)| Period::new(count, unit).unwrap())
}

fn any_zone() -> impl Strategy<Value = TimeZone> {
    let names = [
        SHANGHAI,
        NEW_YORK,
        "America/Havana",
        "Pacific/Apia",
        "Australia/Lord_Howe",
    ];
    prop::sample::select(names.to_vec()).prop_map(|name| TimeZone::get(name).unwrap())
}

proptest! {
    #[test]
    fn terms_never_move_backwards(
        zone in any_zone(),
        begun in 0..4_102_444_800_000_i64,
        bought in prop::collection::vec((any_period(), 0..90_000_000_000_u64, any::<bool>()), 1..12),
    ) {
        let mut now = UtcMillis(begun);
        let mut term: Option<Term> = None;
        for (period, later_ms, end_of_day) in bought {
            let ends = if end_of_day { Ends::EndOfDay } else { Ends::Exact };
            let longer = match term {
                None => Term::begin(now, period, &zone, ends),
                Some(term) => term.extend(now, period, &zone, ends),
            };
            let longer = match longer {
                Ok(longer) => longer,
                Err(fault) => {
                    prop_assert_eq!(fault.code, "term_too_long");
                    break;
                }
            };
            prop_assert!(longer.ends_at > now, "what was bought lies ahead");
            prop_assert_eq!(longer.starts_at, UtcMillis(begun));
            if let Some(term) = term {
                prop_assert!(longer.ends_at >= term.ends_at);
            }
            term = Some(longer);
            now = now.plus_ms(later_ms);
        }
    }

    #[test]
    fn months_bought_singly_are_months_bought_together(
        begun in 0..4_102_444_800_000_i64,
        months in 1..60_u32,
    ) {
        let zone = TimeZone::get(SHANGHAI).unwrap();
        let now = UtcMillis(begun);
        let month = Period::new(1, Unit::Month).unwrap();
        let mut term = Term::begin(now, month, &zone, Ends::Exact).unwrap();
        for _ in 1..months {
            term = term.extend(now, month, &zone, Ends::Exact).unwrap();
        }
        let whole = Period::new(months, Unit::Month).unwrap();
        prop_assert_eq!(term, Term::begin(now, whole, &zone, Ends::Exact).unwrap());
    }
}

/// What was sold elsewhere goes on as if it had been sold here.
#[test]
fn a_term_between_two_moments_is_the_one_that_was_bought() {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    for ends in [Ends::Exact, Ends::EndOfDay] {
        for begun in ["2026-01-31T12:00", "2026-02-28T00:00", "2028-02-29T23:59"] {
            for bought in ["1_month", "3_month", "12_month", "36_month"] {
                let sold = Term::begin(at(begun, &zone), period(bought), &zone, ends).unwrap();
                let taken = Term::between(sold.starts_at, sold.ends_at, &zone, ends);
                assert_eq!(taken, sold, "{begun} {bought} {ends:?}");
            }
        }
    }
    // No number of months: its end is what later months are counted from.
    let (starts, end) = (at("2026-01-31T12:00", &zone), at("2026-03-05T08:00", &zone));
    let odd = Term::between(starts, end, &zone, Ends::Exact);
    assert_eq!((odd.ends_at, odd.anchor_at, odd.months), (end, end, 0));
    let next = odd.extend(starts, period("1_month"), &zone, Ends::Exact);
    assert_eq!(shown(next.unwrap().ends_at, &zone), "2026-04-05 08:00");
}
