//! A shop with everything but the wire: store, desk, runner, a driver, and a clock that moves when
//! everything waits for it.

use std::pin::pin;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use turnkey_core::decide::{Backoff, Outcome};
use turnkey_core::ports::{Boxed, Clock as _, Driver, Store, Verdict, Work};
use turnkey_core::{
    Call, Fault, Instance, InstanceId, Intent, Listing, Operation, Order, UtcMillis,
};
use turnkey_engine::{Answer, Calendar, Desk, Runner, RunnerLimits, Sweeper, Waiting};
use turnkey_store::{BoundListing, MasterKey, Options, SqliteStore};
use turnkey_testkit::{ManualClock, ScriptedDriver, sample};

use crate::spy::{self, Spy};
use crate::still::Stillness;
use crate::watched::{Watch, Watched};

/// For how long a call waits in these tests.
pub(crate) const WAIT_MS: u64 = 12_000;

/// More moments than any test has: what takes longer never ends.
const MOMENTS_MAX: usize = 10_000;

/// How a shop is set up.
pub(crate) struct Setting {
    clock: ManualClock,
    driver: Arc<dyn Driver>,
    tune: fn(&mut Listing),
    limits: RunnerLimits,
    runs: bool,
}

/// An open shop.
pub(crate) struct Shop {
    pub(crate) clock: ManualClock,
    pub(crate) spy: Arc<Spy>,
    pub(crate) store: Arc<Watched>,
    pub(crate) listing: Arc<Listing>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) calendar: Arc<Calendar>,
    stillness: Arc<Stillness>,
    stop: watch::Sender<bool>,
    stops: watch::Receiver<bool>,
    _folder: Arc<TempDir>,
}

impl Setting {
    /// A shop whose work is done by `driver`.
    pub(crate) fn new(driver: Arc<impl Driver>) -> Self {
        Self::timed(|_| driver)
    }

    /// A shop whose work is done by a driver that takes its time, by the shop's clock.
    pub(crate) fn timed<D: Driver>(driver: impl FnOnce(&ManualClock) -> Arc<D>) -> Self {
        let clock = ManualClock::at(sample::NOON);
        Self {
            driver: driver(&clock),
            clock,
            tune: |_| {},
            limits: limits(),
            runs: true,
        }
    }

    /// The listing is not quite the usual one.
    pub(crate) fn listing(self, tune: fn(&mut Listing)) -> Self {
        Self { tune, ..self }
    }

    /// The runner has other bounds.
    pub(crate) fn limits(self, limits: RunnerLimits) -> Self {
        Self { limits, ..self }
    }

    /// The runner starts later.
    pub(crate) fn without_runner(self) -> Self {
        Self {
            runs: false,
            ..self
        }
    }

    /// Opens the shop and plays `test` in it. Fails when work is left over that `test` does not
    /// say: it returns how many operations it leaves.
    pub(crate) fn play<F: Future<Output = usize>>(self, test: impl FnOnce(Arc<Shop>) -> F) {
        let stillness = Arc::new(Stillness::default());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let life = stillness.clone();
        stillness.run(async move {
            let shop = Arc::new(Shop::open(&self, &folder, &life));
            if self.runs {
                shop.start();
            }
            let left = test(Arc::clone(&shop)).await;
            let operations = shop.operations().await;
            assert_eq!(operations.len(), left, "work is left over: {operations:#?}");
        });
    }
}

impl Shop {
    fn open(setting: &Setting, folder: &Arc<TempDir>, stillness: &Arc<Stillness>) -> Self {
        let clock = &setting.clock;
        let mut listing = sample::listing(Arc::clone(&setting.driver));
        (setting.tune)(&mut listing);
        let listing = Arc::new(listing);
        let spy = spy::idle();
        let watch: Arc<dyn Watch> = spy.clone();
        let store = Arc::new(Watched {
            inner: Arc::new(open_store(folder, clock)),
            stillness: Arc::clone(stillness),
            watch,
        });
        let waiting = Waiting::default();
        let (mut desk, runner) = staff_telling(
            store.clone(),
            clock,
            &listing,
            setting.limits,
            waiting.clone(),
        );
        if setting.runs {
            desk = desk.handing_to(&runner);
        }
        let (stop, stops) = watch::channel(false);
        Self {
            clock: clock.clone(),
            spy,
            store: Arc::clone(&store),
            listing: Arc::clone(&listing),
            desk: Arc::new(desk),
            runner: Arc::new(runner),
            calendar: Arc::new(Calendar::new(
                Arc::clone(&store) as Arc<dyn Store>,
                Arc::new(clock.clone()),
                waiting,
                Arc::new(Sweeper::new(
                    store,
                    Arc::new(clock.clone()),
                    [Arc::clone(&listing)],
                    Arc::default(),
                )),
                [listing],
            )),
            stillness: Arc::clone(stillness),
            stop,
            stops,
            _folder: Arc::clone(folder),
        }
    }

    /// Sets the runner to work.
    pub(crate) fn start(&self) -> JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.runner).run(self.stops.clone()))
    }

    /// Tells the runner to stop.
    pub(crate) fn stop(&self) {
        self.stop.send(true).unwrap();
    }

    /// Puts a call, and lets time go on until it is answered.
    pub(crate) async fn ask(&self, intent: Intent) -> Result<Answer, Fault> {
        let answer = self.send(intent);
        self.answer(answer).await
    }

    /// Puts a dry call, and lets time go on until it is answered.
    pub(crate) async fn ask_dry(&self, intent: Intent) -> Result<Answer, Fault> {
        let call = Call {
            dry_run: true,
            ..sample::call(intent, self.clock.now())
        };
        let answer = self.put(call, WAIT_MS);
        self.answer(answer).await
    }

    /// Puts a call that waits the usual time.
    pub(crate) fn send(&self, intent: Intent) -> JoinHandle<Result<Answer, Fault>> {
        self.put(sample::call(intent, self.clock.now()), WAIT_MS)
    }

    /// Puts a call that waits for `wait_ms`.
    pub(crate) fn put(&self, call: Call, wait_ms: u64) -> JoinHandle<Result<Answer, Fault>> {
        let (desk, listing) = (Arc::clone(&self.desk), Arc::clone(&self.listing));
        tokio::spawn(async move { desk.submit(&listing, Arc::new(call), wait_ms).await })
    }

    /// Lets time go on until the call is answered.
    pub(crate) async fn answer(
        &self,
        answer: JoinHandle<Result<Answer, Fault>>,
    ) -> Result<Answer, Fault> {
        self.moving(answer).await.expect("the call was not ended")
    }

    /// Buys an instance and has it delivered.
    pub(crate) async fn bought(&self, key: &str) -> InstanceId {
        let answer = self.ask(sample::create(key)).await;
        delivered(&answer.expect("it is delivered"))
    }

    /// Ends when everything waits for time to go on.
    pub(crate) async fn still(&self) {
        self.stillness.still().await;
    }

    /// Lets time go on by `ms`, from moment to moment.
    pub(crate) async fn advance(&self, ms: u64) {
        let until = self.clock.now().wall.plus_ms(ms);
        self.still().await;
        while let Some(next) = self.clock.next_wake().filter(|next| *next <= until) {
            self.clock.advance(next.ms_since(self.clock.now().wall));
            self.still().await;
        }
        self.clock.advance(until.ms_since(self.clock.now().wall));
        self.still().await;
    }

    /// Lets time go on, from moment to moment, until `future` ends.
    pub(crate) async fn moving<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for _ in 0..MOMENTS_MAX {
            tokio::select! {
                biased;
                out = &mut future => return out,
                () = self.still() => {}
            }
            let next = self
                .clock
                .next_wake()
                .expect("somebody waits for some time");
            self.clock.advance(next.ms_since(self.clock.now().wall));
        }
        panic!("it never ends");
    }

    /// Milliseconds since the shop opened.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.clock.now().wall.ms_since(sample::NOON)
    }

    pub(crate) async fn operations(&self) -> Vec<Operation> {
        self.store.inner.operation_list(None, 1_000).await.unwrap()
    }

    pub(crate) async fn orders(&self) -> Vec<Order> {
        self.store.inner.order_list(None, 1_000).await.unwrap()
    }

    pub(crate) async fn instance(&self, id: &InstanceId) -> Instance {
        let instance = self.store.inner.instance_get(id.clone()).await.unwrap();
        instance.expect("the instance is stored")
    }
}

/// Opens the store in `folder`, as a start does.
pub(crate) fn open_store(folder: &TempDir, clock: &ManualClock) -> SqliteStore {
    let key = MasterKey::from_bytes(&[7; 32]);
    let path = folder.path().join("turnkey.db");
    SqliteStore::open(Options {
        listings: vec![BoundListing {
            name: "notes-market".to_owned(),
            formerly: Vec::new(),
        }],
        cache_bytes: 1 << 20,
        ..Options::new(path, key, clock.now())
    })
    .unwrap()
}

/// A desk and a runner that know each other.
pub(crate) fn staff(
    store: Arc<dyn Store>,
    clock: &ManualClock,
    listing: &Arc<Listing>,
    limits: RunnerLimits,
) -> (Desk, Runner) {
    staff_telling(store, clock, listing, limits, Waiting::default())
}

/// A desk and a runner that tell `waiting` how work ended.
fn staff_telling(
    store: Arc<dyn Store>,
    clock: &ManualClock,
    listing: &Arc<Listing>,
    limits: RunnerLimits,
    waiting: Waiting,
) -> (Desk, Runner) {
    let clock = Arc::new(clock.clone());
    let nudge = Arc::new(Notify::new());
    let runner = Runner::new(
        Arc::clone(&store),
        clock.clone(),
        &[Arc::clone(listing)],
        waiting.clone(),
        Arc::clone(&nudge),
        limits,
    );
    (Desk::new(store, clock, waiting, nudge), runner)
}

/// The usual bounds, without chance.
pub(crate) fn limits() -> RunnerLimits {
    RunnerLimits {
        jitter: || 0.0,
        ..RunnerLimits::default()
    }
}

/// The usual bounds, with other waits.
pub(crate) fn backing_off(first_ms: u64, longest_ms: u64) -> RunnerLimits {
    RunnerLimits {
        backoff: Backoff {
            first_ms,
            longest_ms,
        },
        ..limits()
    }
}

/// The instance that an answer says is there.
pub(crate) fn delivered(answer: &Answer) -> InstanceId {
    let Outcome::Delivered { instance, .. } = &answer.outcome else {
        panic!("it is not delivered but {:?}", answer.outcome);
    };
    instance.clone()
}

/// The instance that an answer says will be there.
pub(crate) fn not_ready(answer: &Answer) -> InstanceId {
    let Outcome::NotReady { instance } = &answer.outcome else {
        panic!("it is not \"not ready\" but {:?}", answer.outcome);
    };
    instance.clone()
}

/// A driver that answers what `script` says, `ms` after it was asked.
pub(crate) fn slow(
    clock: &ManualClock,
    ms: u64,
    mut script: impl FnMut(&Work) -> Verdict + Send + 'static,
) -> Arc<ScriptedDriver> {
    let clock = clock.clone();
    Arc::new(ScriptedDriver::unhurried(move |work| {
        let (verdict, sleep) = (script(work), clock.sleep(ms));
        let answer: Boxed<'static, Verdict> = Box::pin(async move {
            sleep.await;
            verdict
        });
        answer
    }))
}

/// `ms` after the shop opened.
pub(crate) fn at(ms: u64) -> UtcMillis {
    sample::NOON.plus_ms(ms)
}
