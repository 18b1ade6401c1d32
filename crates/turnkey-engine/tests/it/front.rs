//! A storefront with everything but the wire, whose driver does its work on the spot: nothing waits
//! for time to go on, so the test moves the clock.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::Notify;
use turnkey_core::ports::{Claim, Clock as _, Report, Store, Verdict, Work};
use turnkey_core::storefront::REGION;
use turnkey_core::{
    Bill, Call, Caller, Digest, Fault, Instance, InstanceId, Intent, Listing, Order, OrderId,
    OrderKey, OrderRef, Period, Purchase, Subscription, UtcMillis,
};
use turnkey_engine::{Answer, Calendar, Desk, End, Sweeper, TermEnds, Waiting};
use turnkey_store::{BoundListing, MasterKey, Options, SqliteStore};
use turnkey_testkit::{ImmediateDriver, ManualClock, sample};

/// Advances that end midway in a row: more than any test needs.
const ADVANCES_MAX: usize = 100;

/// What a test says of a listing.
pub(crate) type Tune = fn(&mut Listing);

/// The storefronts of a file of data, and their clock.
pub(crate) struct Front {
    pub(crate) clock: ManualClock,
    pub(crate) listings: Vec<Arc<Listing>>,
    answer: fn(&Work) -> Verdict,
    folder: TempDir,
}

/// The same while it is open: what a start makes of them.
pub(crate) struct Open {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) desk: Desk,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) calendar: Calendar,
}

impl Front {
    /// Closed yet; its clocks show `at`. A listing for each of `tunes`.
    pub(crate) fn at(at: UtcMillis, answer: fn(&Work) -> Verdict, tunes: &[Tune]) -> Self {
        Self {
            clock: ManualClock::at(at),
            listings: tunes.iter().map(|tune| listing(answer, *tune)).collect(),
            answer,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The same with its one listing configured anew.
    pub(crate) fn tuned(self, tune: Tune) -> Self {
        Self {
            listings: vec![listing(self.answer, tune)],
            ..self
        }
    }

    /// Plays `test` until its end.
    pub(crate) fn play(self, test: impl AsyncFnOnce(Self)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test(self));
    }

    /// Starts it; whoever starts it again has dropped the start before.
    pub(crate) fn open(&self) -> Open {
        let bound = |listing: &Arc<Listing>| BoundListing {
            name: listing.name.clone(),
            formerly: Vec::new(),
        };
        let key = MasterKey::from_bytes(&[7; 32]);
        let path = self.folder.path().join("turnkey.db");
        let store = SqliteStore::open(Options {
            listings: self.listings.iter().map(bound).collect(),
            cache_bytes: 1 << 22,
            ..Options::new(path, key, self.clock.now())
        });
        let store = Arc::new(store.unwrap());
        let port: Arc<dyn Store> = store.clone();
        let clock = Arc::new(self.clock.clone());
        let (waiting, nudge) = (Waiting::default(), Arc::new(Notify::new()));
        let sweeper = Arc::new(Sweeper::new(
            Arc::clone(&port),
            clock.clone(),
            self.listings.clone(),
            Arc::clone(&nudge),
        ));
        Open {
            desk: Desk::new(
                Arc::clone(&port),
                clock.clone(),
                waiting.clone(),
                Arc::clone(&nudge),
            ),
            calendar: Calendar::new(
                port,
                clock,
                waiting,
                Arc::clone(&sweeper),
                self.listings.clone(),
            ),
            sweeper,
            store,
        }
    }
}

impl Open {
    /// Moves the business clock to `until`, however many advances that takes.
    pub(crate) async fn advance(&self, until: UtcMillis) {
        for _ in 0..ADVANCES_MAX {
            match self.calendar.advance(until, &TermEnds).await.unwrap().end {
                End::Arrived => return,
                End::Midway => {}
                End::Waits(operation) => panic!("it waits for {operation:?}"),
            }
        }
        panic!("it never arrives");
    }

    /// Puts a call of the account `account`.
    pub(crate) async fn call(
        &self,
        listing: &Arc<Listing>,
        caller: &Caller,
        intent: Intent,
    ) -> Result<Answer, Fault> {
        let call = Call {
            caller: Some(caller.clone()),
            intent,
            dry_run: false,
            signed_at: None,
        };
        self.desk.submit(listing, Arc::new(call), 0).await
    }

    /// Does what is due, as a runner does; how much it was.
    pub(crate) async fn run_due(&self, front: &Front) -> usize {
        let now = front.clock.now();
        let claim = Claim {
            now,
            limit: 100,
            lease_ms: 30_000,
        };
        let works = self.store.operation_claim(claim).await.unwrap().works;
        for work in &works {
            let listing = front.listings.iter().find(|l| l.name == work.listing);
            let report = Report {
                listing: Arc::clone(listing.unwrap()),
                instance: work.instance.clone(),
                operation: work.operation.clone(),
                fence: work.fence,
                verdict: (front.answer)(work),
                now,
                again_in_ms: 1_000,
            };
            self.store.operation_report(report).await.unwrap();
        }
        works.len()
    }

    pub(crate) async fn instance(&self, id: &InstanceId) -> Instance {
        self.store.instance_get(id.clone()).await.unwrap().unwrap()
    }

    pub(crate) async fn subscription(&self, id: &InstanceId) -> Subscription {
        let found = self.store.subscription_get(id.clone()).await;
        found.unwrap().unwrap()
    }

    pub(crate) async fn order(&self, id: &OrderId) -> Order {
        self.store.order_by_id(id.clone()).await.unwrap().unwrap()
    }

    pub(crate) async fn bill(&self, id: &OrderId) -> Bill {
        self.store.bill_get(id.clone()).await.unwrap().unwrap()
    }
}

fn listing(answer: fn(&Work) -> Verdict, tune: Tune) -> Arc<Listing> {
    let mut listing = sample::storefront(Arc::new(ImmediateDriver::new(answer)));
    tune(&mut listing);
    Arc::new(listing)
}

/// A caller who pays with the call.
pub(crate) fn caller(account: &str, region: &str) -> Caller {
    Caller {
        account: account.to_owned(),
        region: region.to_owned(),
        pays: true,
    }
}

/// `quantity` units of `spec` for `period`, for `caller`'s region.
pub(crate) fn purchase(
    key: &str,
    caller: &Caller,
    spec: &str,
    quantity: u32,
    period: Period,
    renews: bool,
) -> Purchase {
    let told = format!("{spec} {quantity} {period} {renews}");
    Purchase {
        order: OrderRef {
            key: OrderKey::new(key),
            content: Digest::of(&[("told", Some(&told))]),
        },
        spec: spec.to_owned(),
        quantity,
        period,
        renews,
        context: [(REGION.to_owned(), caller.region.clone())].into(),
    }
}
