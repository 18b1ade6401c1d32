//! Knows when nothing moves: a runtime on one thread that says when all its tasks wait. Tests move
//! the clock exactly then, so they neither sleep nor guess.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Builder;
use tokio::sync::Notify;

/// Whether anything moves on a runtime of [`Stillness::run`].
#[derive(Default)]
pub(crate) struct Stillness {
    /// How much is under way outside the runtime: the store's writer is a thread of its own.
    outside: AtomicUsize,
    at_rest: Notify,
    still: Notify,
}

/// Something is under way outside the runtime for as long as this lives.
pub(crate) struct Outside<'a>(&'a Stillness);

impl Stillness {
    /// Runs `future` on a runtime of its own. Whatever it spawned is gone when this returns.
    pub(crate) fn run<T>(self: &Arc<Self>, future: impl Future<Output = T>) -> T {
        let stillness = Arc::clone(self);
        let park = move || {
            stillness.at_rest.notify_waiters();
            if stillness.outside.load(Ordering::Relaxed) == 0 {
                stillness.still.notify_waiters();
            }
        };
        let runtime = Builder::new_current_thread().on_thread_park(park).build();
        runtime.expect("a runtime can be built").block_on(future)
    }

    /// Marks that something is under way outside the runtime.
    pub(crate) fn outside(&self) -> Outside<'_> {
        self.outside.fetch_add(1, Ordering::Relaxed);
        Outside(self)
    }

    /// Ends when every task waits, be it for something outside.
    pub(crate) async fn at_rest(&self) {
        self.at_rest.notified().await;
    }

    /// Ends when every task waits and nothing is under way outside: only time can help now.
    pub(crate) async fn still(&self) {
        self.still.notified().await;
    }
}

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.outside.fetch_sub(1, Ordering::Relaxed);
    }
}
