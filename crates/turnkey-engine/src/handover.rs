//! How the desk hands work to the runner that the admitting commit has leased to it already.
//!
//! It saves the claim: a commit, and reading again what was only now written. Whatever is not
//! handed over (no room, a retry, a restart) is due, and the runner claims it.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnkey_core::ports::Work;

/// The way to a runner, and how much room it has.
#[derive(Clone)]
pub(crate) struct Room {
    places: Arc<Semaphore>,
    // As many as there are places.
    hand: UnboundedSender<Handed>,
    lease_ms: u64,
}

/// A place at the runner, taken before there is work for it.
pub(crate) struct Place {
    pub(crate) lease_ms: u64,
    permit: OwnedSemaphorePermit,
    hand: UnboundedSender<Handed>,
}

/// Work that was handed over, with the place that it takes.
pub(crate) struct Handed {
    pub(crate) work: Work,
    pub(crate) place: OwnedSemaphorePermit,
}

impl Room {
    /// Room for `concurrent_max` works; each is leased for `lease_ms`.
    pub(crate) fn new(concurrent_max: usize, lease_ms: u64) -> (Self, UnboundedReceiver<Handed>) {
        let (hand, handed) = unbounded_channel();
        let places = Arc::new(Semaphore::new(concurrent_max.min(Semaphore::MAX_PERMITS)));
        (
            Self {
                places,
                hand,
                lease_ms,
            },
            handed,
        )
    }

    /// A place, while there is one.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place {
            lease_ms: self.lease_ms,
            permit,
            hand: self.hand.clone(),
        })
    }

    /// Half of the places that are left, for a claim: the other half stays for calls that come
    /// meanwhile. `None` when there is none.
    pub(crate) fn half(&self) -> Option<OwnedSemaphorePermit> {
        let half = u32::try_from(self.places.available_permits().div_ceil(2)).ok()?;
        let places = Arc::clone(&self.places).try_acquire_many_owned(half).ok()?;
        (half > 0).then_some(places)
    }
}

impl Place {
    /// Hands `work` over. A runner that has stopped leaves it to the next start, where every lease
    /// is void.
    pub(crate) fn hand(self, work: Work) {
        let _ = self.hand.send(Handed {
            work,
            place: self.permit,
        });
    }
}
