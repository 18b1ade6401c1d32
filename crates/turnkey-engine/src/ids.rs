//! Fresh ids: time-ordered, so that what is written together lies together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use turnkey_core::ports::{FreshIds, UnitIds};
use turnkey_core::{InstanceId, LinkToken, LinkTokens, OperationId, OrderId, StockId, UtcMillis};
use ulid::{Generator, Ulid};

/// Tokens for the links of an instance: from the generator of this thread, which the system seeds.
#[must_use]
pub(crate) fn fresh_links() -> LinkTokens {
    let token = || LinkToken::new(rand::random());
    LinkTokens {
        front_end: token(),
        admin: token(),
        sign_on: token(),
    }
}

/// Makes ids, each greater than the one before.
#[derive(Default)]
pub struct Ids(Mutex<Generator>);

impl Ids {
    /// Ids for whatever a call at `wall` may need.
    #[must_use]
    pub fn fresh(&self, wall: UtcMillis) -> FreshIds {
        let [first, second] = self.next(wall);
        let text = first.to_string().to_lowercase();
        FreshIds {
            order: OrderId::new(format!("o-{text}")),
            instance: InstanceId::new(format!("i-{text}")),
            operation: OperationId::new(format!("op-{}", second.to_string().to_lowercase())),
            units: Vec::new(),
        }
    }

    /// The same for a call that buys `quantity` units; each has ids of its own, the later one the
    /// greater.
    #[must_use]
    pub fn fresh_units(&self, wall: UtcMillis, quantity: u32) -> FreshIds {
        let fresh = self.fresh(wall);
        let unit = |_| {
            let [id] = self.next(wall);
            let text = id.to_string().to_lowercase();
            UnitIds {
                order: OrderId::new(format!("o-{text}")),
                instance: InstanceId::new(format!("i-{text}")),
            }
        };
        FreshIds {
            units: (0..quantity).map(unit).collect(),
            ..fresh
        }
    }

    /// An id for an item that is added to a stock at `wall`.
    #[must_use]
    pub fn stock(&self, wall: UtcMillis) -> StockId {
        let [id] = self.next(wall);
        StockId::new(format!("s-{}", id.to_string().to_lowercase()))
    }

    fn next<const N: usize>(&self, wall: UtcMillis) -> [Ulid; N] {
        let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(wall.0).unwrap_or(0));
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After 2^80 ids in one millisecond the generator steps into the next.
        std::array::from_fn(|_| {
            generator
                .generate_from_datetime(at)
                .unwrap_or_else(|overflow| overflow.commit_overflow_increment())
        })
    }
}
