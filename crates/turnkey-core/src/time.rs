//! Moments: UTC milliseconds, and the two clocks that give them.

/// A moment in UTC, in milliseconds since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// This moment, `ms` milliseconds later; stays at the end of the scale instead of wrapping.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// This moment, `ms` milliseconds earlier; stays at the begin of the scale.
    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this moment; zero when `earlier` is not earlier.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// What both clocks show at one moment (design: "two clocks").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: signature windows, leases, back-off, time limits, logs. Never virtual.
    pub wall: UtcMillis,
    /// The business clock: terms and grace. The wall clock plus a stored offset; never goes back.
    pub business: UtcMillis,
}
