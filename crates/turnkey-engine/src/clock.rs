//! The two clocks of the machine.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turnkey_core::ports::{Boxed, BusinessClock, Clock};
use turnkey_core::{Now, UtcMillis};

/// The machine's wall clock, and the business clock that runs beside it.
#[derive(Debug)]
pub struct SystemClock {
    offset_ms: AtomicI64,
    /// The latest business time shown: that clock never goes back, whatever the wall clock does.
    floor_ms: AtomicI64,
    began: Instant,
}

impl SystemClock {
    /// A business clock `offset_ms` ahead of the wall clock that never shows less than `floor`.
    #[must_use]
    pub fn new(offset_ms: i64, floor: UtcMillis) -> Self {
        Self {
            offset_ms: AtomicI64::new(offset_ms),
            floor_ms: AtomicI64::new(floor.0),
            began: ticking(),
        }
    }

    /// The wall clock alone, for what must know the time before there is a store.
    #[must_use]
    pub fn wall() -> UtcMillis {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that everybody else asks"
        )]
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

fn ticking() -> Instant {
    Instant::now()
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = Self::wall();
        let business = wall
            .0
            .saturating_add(self.offset_ms.load(Ordering::Relaxed));
        let before = self.floor_ms.fetch_max(business, Ordering::Relaxed);
        Now {
            wall,
            business: UtcMillis(business.max(before)),
        }
    }

    fn steady_ms(&self) -> u64 {
        let ticked = ticking().saturating_duration_since(self.began);
        u64::try_from(ticked.as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, ms: u64) -> Boxed<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}

impl BusinessClock for SystemClock {
    /// The floor holds it where it is, until the wall clock and the offset have caught up.
    fn rest_at(&self, at: UtcMillis, until: UtcMillis) {
        let at = at.max(self.now().business);
        self.floor_ms.fetch_max(at.0, Ordering::Relaxed);
        let offset_ms = at.0.saturating_sub(until.0);
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}
