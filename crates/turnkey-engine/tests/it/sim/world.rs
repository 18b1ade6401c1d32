//! What outlives every life, and how a scenario is played on it.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::watch;
use turnkey_core::ports::{Clock as _, Driver, Store as _};
use turnkey_core::{OperationKind, OrderKind, Slow};
use turnkey_testkit::{ManualClock, sample};

use super::life::{Employed, Events, Life, pool, pure};
use super::market::{Market, Step};
use super::promises::{Ledger, Rows};
use super::vendor::{Manner, Vendor};
use crate::shop::{limits, open_store, staff};
use crate::still::Stillness;
use crate::watched::{Watch, Watched};

/// More moments than any life has: what takes longer never ends.
const MOMENTS_MAX: usize = 5_000;

/// A story, and the vendor that it is played with.
pub(crate) struct Scenario {
    /// What the market and the operator do.
    pub(crate) steps: Vec<Step>,
    /// How the vendor takes it.
    pub(crate) manners: &'static [(OperationKind, Manner)],
    /// Who delivers.
    pub(crate) by: By,
    /// How long an operation is retried before it needs a person, in milliseconds.
    pub(crate) give_up_after_ms: u64,
    /// What a create is answered with that is slow.
    pub(crate) slow: Slow,
}

/// Who delivers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// The vendor's system, when it is asked.
    Vendor,
    /// A pure function.
    Function,
    /// A stock.
    Stock,
}

/// What outlives every life.
struct World<'a> {
    scenario: &'a Scenario,
    folder: TempDir,
    clock: ManualClock,
    vendor: Arc<Vendor>,
    ledger: Arc<Ledger>,
    market: Arc<Market>,
}

/// How a life went.
struct Lived {
    trace: Vec<String>,
    is_finished: bool,
}

impl Scenario {
    /// Plays the story without a crash, then with one after each event in turn, then with pairs.
    pub(crate) fn survives(&self, pairs: usize) {
        let (undisturbed, traces) = self.play(&[]);
        let trace = &traces[0];
        for first in 1..=trace.len() {
            self.survives_at(&[first], &undisturbed, trace);
        }
        let mut chance = Chance(0x7475_726e_6b65_7931);
        for _ in 0..pairs {
            let crashes = [chance.up_to(trace.len()), chance.up_to(trace.len())];
            self.survives_at(&crashes, &undisturbed, trace);
        }
    }

    fn survives_at(&self, crashes: &[usize], undisturbed: &[String], trace: &[String]) {
        let story = format!("with a crash after {crashes:?} events of a life");
        let (end, traces) = self.play(crashes);
        let until_crash = &trace[..crashes[0]];
        assert_eq!(traces[0], until_crash, "{story} it is another story");
        assert_eq!(end, undisturbed, "{story} it ends differently");
    }

    /// Plays the story with a crash after so many events of each life. Returns how it ended, and
    /// what happened in each life.
    fn play(&self, crashes: &[usize]) -> (Vec<String>, Vec<Vec<String>>) {
        let ledger = Arc::<Ledger>::default();
        let world = World {
            scenario: self,
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::at(sample::NOON),
            vendor: Arc::new(Vendor::new(self.manners)),
            market: Arc::new(Market::new(&self.steps, Arc::clone(&ledger))),
            ledger,
        };
        let mut traces = Vec::new();
        for crash_after in crashes.iter().copied().map(Some).chain([None]) {
            let lived = world.live(crash_after);
            let broken = world.ledger.broken();
            let trace = &lived.trace;
            assert!(
                broken.is_empty(),
                "promises are broken with crashes after {crashes:?}: {broken:#?}\n{trace:#?}"
            );
            traces.push(lived.trace);
            if lived.is_finished {
                return (world.end(), traces);
            }
            world.clock.advance(1_000);
        }
        panic!("the last life did not finish the story");
    }
}

impl World<'_> {
    /// One life: until the story is told, or until it is killed after `crash_after` events.
    fn live(&self, crash_after: Option<usize>) -> Lived {
        let stillness = Arc::new(Stillness::default());
        let inner = Arc::new(open_store(&self.folder, &self.clock));
        let events = Arc::new(Events::new(
            &inner,
            Arc::clone(&stillness),
            Arc::clone(&self.vendor),
            Arc::clone(&self.ledger),
            crash_after,
        ));
        let driver: Arc<dyn Driver> = match self.scenario.by {
            By::Function => pure(),
            By::Stock => pool(),
            By::Vendor => Arc::new(Employed {
                clock: self.clock.clone(),
                events: Arc::clone(&events),
            }),
        };
        let mut listing = sample::listing(driver);
        let product = Arc::get_mut(&mut listing.product).expect("nobody else has it yet");
        product.give_up_after_ms = self.scenario.give_up_after_ms;
        listing.slow = self.scenario.slow;
        let listing = Arc::new(listing);
        let watch: Arc<dyn Watch> = events.clone();
        let store = Arc::new(Watched {
            inner,
            stillness: Arc::clone(&stillness),
            watch,
        });
        let (desk, runner) = staff(store, &self.clock, &listing, limits());
        let life = Arc::new(Life {
            clock: self.clock.clone(),
            desk: desk.handing_to(&runner),
            listing,
            events: Arc::clone(&events),
        });
        let is_finished = stillness.run(async {
            let (_stop, stops) = watch::channel(false);
            tokio::spawn(Arc::new(runner).run(stops));
            tokio::select! {
                biased;
                () = events.crash() => false,
                () = self.market.go_on(&life) => true,
                () = self.keep_time(&stillness) => unreachable!("time never ends"),
            }
        });
        Lived {
            trace: events.trace(),
            is_finished,
        }
    }

    /// Moves the clock whenever everything waits for it.
    async fn keep_time(&self, stillness: &Stillness) {
        for _ in 0..MOMENTS_MAX {
            stillness.still().await;
            let next = self.clock.next_wake();
            let next = next.expect("somebody waits for some time");
            self.clock.advance(next.ms_since(self.clock.now().wall));
        }
        panic!("the story never ends");
    }

    /// Everything that must be as if nothing had happened.
    fn end(&self) -> Vec<String> {
        let stillness = Arc::new(Stillness::default());
        let store = open_store(&self.folder, &self.clock);
        let rows = stillness.run(Rows::of(&store));
        assert!(rows.operations.is_empty(), "work is left unfinished");
        let mut lines = self.market.answers();
        lines.extend(rows.orders.iter().map(|order| {
            let (kind, key, state) = (order.kind.name(), &order.key, order.state.name());
            format!("{kind} {key}: {state} {:?}", order.refusal)
        }));
        let made = self.vendor.made();
        for instance in &rows.instances {
            let mut orders = rows.orders.iter();
            let order = orders.find(|order| order.id == instance.order).unwrap();
            assert_eq!(order.kind, OrderKind::Create);
            assert_eq!(instance.term.anchor_at, instance.term.starts_at);
            let at_vendor = made.get(&instance.id);
            let is_there = instance.access.is_some();
            if let (true, Some(made)) = (is_there, at_vendor) {
                assert_eq!(instance.access.as_ref(), Some(&made.access));
            }
            let at_vendor = at_vendor.map(|made| {
                let plan = &made.plan;
                let (suspended, removed) = (made.suspended, made.removed);
                format!(
                    "{plan}, {} renewals, suspended {suspended}, removed {removed}",
                    made.renewals
                )
            });
            let history = rows.history[&instance.id].iter();
            let history = history.map(|row| format!("{} {}", row.kind.name(), row.step.name()));
            lines.push(format!(
                "instance of {}: {} {} {:?} delivered {} suspended {} for {} months, access \
                 {is_there}; vendor: {at_vendor:?}; {}",
                order.key,
                instance.state.name(),
                instance.plan,
                instance.reasons,
                instance.delivered,
                instance.suspended_at.is_some(),
                instance.term.months,
                history.collect::<Vec<_>>().join(", "),
            ));
        }
        assert_eq!(made.len(), self.vendor.provisioned().len());
        lines.push(format!("the vendor made {}", made.len()));
        let levels = stillness.run(store.stock_levels()).unwrap();
        lines.push(format!("in stock: {levels:?}"));
        lines
    }
}

/// Numbers that look like chance and are always the same.
struct Chance(u64);

impl Chance {
    fn up_to(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + usize::try_from(self.0 >> 32).unwrap() % max
    }
}
