//! One life of the program: from a start to its end, or to the event after which it is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::{Mutex, Notify};
use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Boxed, Clock as _, Driver, Immediate, Verdict, Work};
use turnkey_core::{Fault, Listing};
use turnkey_engine::Desk;
use turnkey_store::SqliteStore;
use turnkey_testkit::{ImmediateDriver, ManualClock};

use super::market::Ask;
use super::promises::{Ledger, Rows};
use super::vendor::Vendor;
use crate::still::Stillness;
use crate::watched::{Job, Turn, Watch};

/// One life, as its market sees it.
pub(crate) struct Life {
    pub(crate) clock: ManualClock,
    pub(crate) desk: Desk,
    pub(crate) listing: Arc<Listing>,
    pub(crate) events: Arc<Events>,
}

/// Notes what happens, checks the promises each time, and ends the life when its hour has come.
pub(crate) struct Events {
    /// Not kept alive from here: the driver knows the events, and jobs know the driver.
    store: Weak<SqliteStore>,
    pub(crate) stillness: Arc<Stillness>,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) ledger: Arc<Ledger>,
    crash_after: Option<usize>,
    trace: std::sync::Mutex<Vec<String>>,
    is_over: AtomicBool,
    crash: Notify,
    turn: Arc<Mutex<()>>,
}

impl Events {
    pub(crate) fn new(
        store: &Arc<SqliteStore>,
        stillness: Arc<Stillness>,
        vendor: Arc<Vendor>,
        ledger: Arc<Ledger>,
        crash_after: Option<usize>,
    ) -> Self {
        Self {
            store: Arc::downgrade(store),
            stillness,
            vendor,
            ledger,
            crash_after,
            trace: std::sync::Mutex::default(),
            is_over: AtomicBool::new(false),
            crash: Notify::new(),
            turn: Arc::default(),
        }
    }

    /// What happened, in order.
    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }

    /// Ends when the life does.
    pub(crate) async fn crash(&self) {
        self.crash.notified().await;
    }

    /// Ends when it is the caller's turn and nothing else happens meanwhile. In a life that is
    /// over it never does.
    pub(crate) async fn turn(&self) -> Turn {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.is_over.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Some(turn)
    }

    /// What is stored, when it is the caller's turn.
    pub(crate) async fn rows(&self) -> Rows {
        let _outside = self.stillness.outside();
        let store = self.store.upgrade().expect("the life goes on");
        Rows::of(&store).await
    }

    /// Something happened; it was the caller's turn.
    async fn happened(&self, what: &str) {
        let rows = self.rows().await;
        let is_well = self.ledger.check(&rows, &self.vendor, what);
        let count = {
            let mut trace = self.trace.lock().unwrap();
            trace.push(what.to_owned());
            trace.len()
        };
        if !is_well || self.crash_after == Some(count) {
            self.end().await;
        }
    }

    /// The market is answered.
    pub(crate) async fn answered(&self, ask: Ask, answer: &Result<Outcome, Fault>) {
        let _turn = self.turn().await;
        let rows = self.rows().await;
        if !self.ledger.answered(ask, answer, &rows, &self.vendor) {
            self.end().await;
        }
    }

    /// Ends the life.
    async fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.crash.notify_one();
        std::future::pending::<()>().await;
    }

    async fn rest(&self) {
        let _outside = self.stillness.outside();
        self.stillness.at_rest().await;
    }
}

impl Watch for Events {
    fn before(&self, _: Job) -> Boxed<'_, Result<Turn, Fault>> {
        Box::pin(async { Ok(self.turn().await) })
    }

    fn after(&self, job: Job, wrote: bool) -> Boxed<'_, ()> {
        Box::pin(async move {
            self.rest().await;
            if wrote {
                self.happened(&format!("{job:?}")).await;
            }
        })
    }
}

/// The driver of one life: asks the vendor, with an event before and one after.
pub(crate) struct Employed {
    pub(crate) clock: ManualClock,
    pub(crate) events: Arc<Events>,
}

impl Driver for Employed {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move {
            let event = async |what: &str| {
                let _turn = self.events.turn().await;
                self.events.rest().await;
                let kind = work.kind.name();
                self.events.happened(&format!("{kind} {what}")).await;
            };
            event("asked").await;
            self.clock.sleep(self.events.vendor.thinks_ms(&work)).await;
            let verdict = self.events.vendor.answer(&work);
            event("answered").await;
            verdict
        })
    }
}

/// The driver of a life whose vendor is a pure function.
pub(crate) fn pure() -> Arc<dyn Driver> {
    Arc::new(ImmediateDriver::willing())
}

/// The driver of a life whose vendor is a stock.
pub(crate) fn pool() -> Arc<dyn Driver> {
    Arc::new(ImmediateDriver::from_stock())
}
