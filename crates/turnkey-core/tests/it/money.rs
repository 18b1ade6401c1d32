//! What an upgrade costs: (new − old) × left ÷ period, rounded half up to the minor unit.

use proptest::prelude::*;
use turnkey_core::Money;

fn yuan(minor: i64) -> Money {
    Money {
        minor,
        currency: "CNY".to_owned(),
    }
}

fn difference(old: i64, new: i64, left_ms: u64, period_ms: u64) -> Option<i64> {
    let owed = yuan(old).difference(&yuan(new), left_ms, period_ms);
    owed.map(|money| money.minor)
}

#[test]
fn halves_are_rounded_up_and_less_than_a_half_is_not() {
    let cases = [
        // 1 × 1 ÷ 2 = 0.5; 1 × 1 ÷ 3 = 0.33…; 2 × 1 ÷ 3 = 0.66…; 5 × 3 ÷ 2 = 7.5.
        ((0, 1, 1, 2), 1),
        ((0, 1, 1, 3), 0),
        ((0, 2, 1, 3), 1),
        ((10, 15, 3, 2), 8),
        ((0, 1, 499_999, 1_000_000), 0),
        ((0, 1, 500_000, 1_000_000), 1),
        // All of it, none of it, and what would be less than nothing.
        ((30_000, 60_000, 28, 28), 30_000),
        ((30_000, 60_000, 0, 28), 0),
        ((60_000, 30_000, 14, 28), 0),
    ];
    for ((old, new, left, period), owed) in cases {
        assert_eq!(
            difference(old, new, left, period),
            Some(owed),
            "{old} → {new}"
        );
    }
}

#[test]
fn what_cannot_be_counted_has_no_price() {
    assert_eq!(difference(0, 1, 1, 0), None, "a period of nothing");
    assert_eq!(difference(0, i64::MAX, 2, 1), None, "beyond all money");
    let dollars = Money::none("USD");
    assert_eq!(dollars.difference(&yuan(1), 1, 1), None, "other money");
    assert_eq!(yuan(i64::MAX).times(2), None);
    assert_eq!(yuan(250).times(3), Some(yuan(750)));
}

proptest! {
    /// Twice the error is never more than one unit, and a tie goes up.
    #[test]
    fn it_is_as_near_as_a_minor_unit_can_be(
        old in 0_i64..1_000_000_000,
        more in 0_i64..1_000_000_000,
        left in 0_u64..100_000_000_000,
        period in 1_u64..100_000_000_000,
    ) {
        let left = left.min(period);
        let owed = i128::from(difference(old, old + more, left, period).unwrap());
        let (exact, period) = (i128::from(more) * i128::from(left), i128::from(period));
        let twice_off = 2 * (owed * period - exact);
        prop_assert!(twice_off > -period && twice_off <= period);
    }
}
