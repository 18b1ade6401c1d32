//! How long a runner waits before it asks a driver again.

use proptest::prelude::*;
use turnkey_core::decide::Backoff;

const BACKOFF: Backoff = Backoff {
    first_ms: 1000,
    longest_ms: 60_000,
};

#[test]
fn waits_double_up_to_the_longest() {
    let waits: Vec<u64> = (0..9).map(|attempt| BACKOFF.after(attempt, 0.0)).collect();
    assert_eq!(
        waits,
        [1000, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    );
}

#[test]
fn jitter_shortens_by_up_to_a_half() {
    assert_eq!(BACKOFF.after(3, 0.5), 3000);
    assert_eq!(BACKOFF.after(3, 1.0), 2000);
}

#[test]
fn a_jitter_that_is_none_shortens_nothing() {
    assert_eq!(BACKOFF.after(3, f64::NAN), 4000);
    assert_eq!(BACKOFF.after(3, -7.0), 4000);
    assert_eq!(BACKOFF.after(3, 7.0), 2000);
}

proptest! {
    #[test]
    fn waits_stay_within_their_bounds(
        first_ms in any::<u64>(),
        longest_ms in any::<u64>(),
        attempt in any::<u32>(),
        jitter in 0.0..=1.0_f64,
    ) {
        let backoff = Backoff { first_ms, longest_ms };
        let whole = backoff.after(attempt, 0.0);
        let wait = backoff.after(attempt, jitter);
        prop_assert!(whole <= longest_ms);
        prop_assert!(wait <= whole);
        // A float does not hold every millisecond of half a billion years.
        prop_assert!(wait >= whole / 2 - whole / 1_000_000_000);
        prop_assert!(backoff.after(attempt.saturating_add(1), 0.0) >= whole);
    }
}
