//! What every back end must do, in small named cases. A back end joins by implementing [`Backend`]
//! and calling [`conformance!`] once.

pub(crate) mod accounts;
pub(crate) mod admit;
pub(crate) mod by_hand;
pub(crate) mod drive;
pub(crate) mod find;
pub(crate) mod hold;
pub(crate) mod keep;
pub(crate) mod stock;
pub(crate) mod watch;

use std::cell::Cell;
use std::sync::Arc;

use turnkey_core::decide::{Admitted, Outcome};
use turnkey_core::ports::{
    Claim, Claimed, Driver, Immediate, Report, Reported, Store, Verdict, Work,
};
use turnkey_core::{
    Access, Call, Fault, HistoryRow, Instance, InstanceId, Intent, Listing, Login, Now, Operation,
    Order, OrderKey, OrderKind,
};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, sample};

/// The listings that every place is opened with.
pub(crate) const LISTINGS: [&str; 2] = ["notes-market", "notes-other"];

/// The lease of every claim here.
pub(crate) const LEASE_MS: u64 = 30_000;

/// When a report here wants to be asked again.
pub(crate) const AGAIN_IN_MS: u64 = 1_000;

/// An empty place for a store, which can be opened again and again.
pub(crate) trait Backend {
    /// What is opened there.
    type Store: Store;

    /// Opens the place with [`LISTINGS`]; what an earlier life left is still there.
    fn open(&self, now: Now) -> Self::Store;
}

/// Every case, on the back end that `$make` makes an empty place for.
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance::cases! { $make:
            admit {
                a_create_makes_one_instance,
                a_create_for_a_slow_driver_leaves_work,
                a_repeat_gets_the_same_answer,
                a_repeat_waits_for_the_same_work,
                other_content_under_the_same_key_is_a_conflict,
                keys_are_unique_in_binary_order,
                the_same_key_of_another_kind_or_listing_is_another_order,
                parallel_duplicates_make_one_instance,
                a_failing_job_leaves_the_others_alone,
                a_panic_is_one_jobs_bug,
                an_instance_is_known_to_its_listing_only,
                a_dry_run_writes_nothing,
                a_listing_that_was_not_bound_is_a_bug,
            }
            drive {
                a_create_in_two_commits,
                two_claimers_never_get_the_same_operation,
                a_claim_says_when_the_next_one_is_due,
                a_lease_that_ran_out_lets_another_claim,
                a_renewed_lease_is_kept,
                operations_of_an_instance_are_done_in_order,
                what_was_postponed_is_asked_again,
                what_is_dead_can_be_reopened,
                what_was_refused_can_be_reopened,
                a_queued_change_is_dropped_by_a_release,
                a_release_erases_the_access,
            }
            stock {
                an_item_goes_to_one_instance_and_repeats_name_it,
                work_that_waits_is_served_oldest_first,
                whoever_comes_later_does_not_overtake,
                an_item_for_a_plan_goes_to_that_plan_only,
                what_is_there_already_adds_nothing,
                a_release_erases_the_item_for_good,
                a_release_takes_back_what_waits_for_stock,
                a_release_while_stock_is_looked_for_comes_through,
                a_dry_run_looks_and_takes_nothing,
                lists_show_newest_first_and_no_secret,
                stock_survives_reopening,
            }
            by_hand {
                what_a_person_did_is_done,
                a_person_ends_what_is_dead,
                nobody_delivers_what_a_driver_is_at,
                a_late_answer_to_what_a_person_did_is_stale,
            }
            hold {
                links_are_made_once_and_found_again,
                what_came_meanwhile_needs_no_links,
                an_account_is_shown_counted_and_told,
                a_held_delivery_that_fails_is_an_alarm,
            }
            keep {
                everything_survives_reopening,
                leases_are_void_after_reopening,
                history_has_one_row_for_each_version,
                lists_are_paged_in_the_order_of_ids,
                every_value_round_trips,
                what_keys_were_used_for_is_remembered,
            }
            accounts {
                an_account_is_made_once_and_changed_step_by_step,
                accounts_survive_reopening_with_their_secrets,
            }
            find {
                orders_are_found_newest_first,
                instances_are_found_newest_first,
                operations_are_found_newest_first,
                a_walk_meets_every_row_once_while_rows_are_added,
                a_filter_that_fits_nothing_still_gets_on,
            }
            watch {
                events_are_listed_newest_first,
                events_are_found_by_what_they_are_about,
                the_same_event_twice_is_one,
                old_events_are_forgotten,
                an_alarm_is_raised_once_and_cleared_once,
            }
        }
    };
}

macro_rules! cases {
    ($make:path: $($module:ident { $($case:ident),* $(,)? })*) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $case() {
                $crate::conformance::$module::$case(&$make()).await;
            })*
        })*
    };
}

pub(crate) use {cases, conformance};

/// A store with a listing, a clock that stands, and fresh ids.
pub(crate) struct Shop<S> {
    pub(crate) store: S,
    pub(crate) listing: Arc<Listing>,
    pub(crate) now: Now,
    used: Cell<u64>,
}

impl<S: Store> Shop<S> {
    /// A shop whose driver does everything at once.
    pub(crate) fn quick(backend: &impl Backend<Store = S>) -> Self {
        Self::new(backend, Arc::new(ImmediateDriver::willing()))
    }

    /// A shop whose driver must be called.
    pub(crate) fn slow(backend: &impl Backend<Store = S>) -> Self {
        Self::new(backend, Arc::new(ScriptedDriver::willing()))
    }

    pub(crate) fn new(backend: &impl Backend<Store = S>, driver: Arc<dyn Driver>) -> Self {
        let now = Now {
            wall: sample::NOON,
            business: sample::NOON,
        };
        Self {
            store: backend.open(now),
            listing: Arc::new(sample::listing(driver)),
            now,
            used: Cell::new(0),
        }
    }

    /// The same shop at another of [`LISTINGS`].
    pub(crate) fn at(&mut self, listing: &str) {
        let mut other = sample::listing(Arc::clone(&self.listing.product.driver));
        listing.clone_into(&mut other.name);
        self.listing = Arc::new(other);
    }

    /// Closes the store and opens what it left.
    pub(crate) fn reopened(self, backend: &impl Backend<Store = S>) -> Self {
        let Self {
            store,
            listing,
            now,
            used,
        } = self;
        drop(store);
        Self {
            store: backend.open(now),
            listing,
            now,
            used,
        }
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.wall = self.now.wall.plus_ms(ms);
        self.now.business = self.now.business.plus_ms(ms);
    }

    pub(crate) fn admission(&self, call: Call) -> turnkey_core::ports::Admission {
        self.used.set(self.used.get() + 1);
        sample::admission(&self.listing, call, self.now, self.used.get())
    }

    pub(crate) async fn admit(&self, intent: Intent) -> Result<Admitted, Fault> {
        let admission = self.admission(sample::call(intent, self.now));
        self.store.admit(admission).await
    }

    pub(crate) async fn dry_run(&self, intent: Intent) -> Result<Admitted, Fault> {
        let call = Call {
            dry_run: true,
            ..sample::call(intent, self.now)
        };
        self.store.admit(self.admission(call)).await
    }

    /// Creates under `key` and says which instance the answer names.
    pub(crate) async fn create(&self, key: &str) -> InstanceId {
        let admitted = self.admit(sample::create(key)).await.expect("it is sold");
        instance_of(&admitted)
    }

    pub(crate) async fn claim(&self, limit: usize) -> Claimed {
        let claim = Claim {
            now: self.now,
            limit,
            lease_ms: LEASE_MS,
        };
        self.store.operation_claim(claim).await.expect("it claims")
    }

    /// Claims the one operation that is due.
    pub(crate) async fn claim_one(&self) -> Work {
        let mut works = self.claim(10).await.works;
        assert_eq!(works.len(), 1, "one operation is due: {works:?}");
        works.remove(0)
    }

    pub(crate) async fn report(&self, work: &Work, verdict: Verdict) -> Reported {
        let report = Report {
            listing: Arc::clone(&self.listing),
            instance: work.instance.clone(),
            operation: work.operation.clone(),
            fence: work.fence,
            verdict,
            now: self.now,
            again_in_ms: AGAIN_IN_MS,
        };
        self.store
            .operation_report(report)
            .await
            .expect("it takes reports")
    }

    /// Claims and does the one operation that is due.
    pub(crate) async fn drive(&self) -> Reported {
        let work = self.claim_one().await;
        let done = self.listing.product.driver.drive(work.clone()).await;
        self.report(&work, done).await
    }

    pub(crate) async fn instance(&self, id: &InstanceId) -> Instance {
        let instance = self.store.instance_get(id.clone()).await;
        instance.expect("it can be read").expect("it is there")
    }

    pub(crate) async fn order(&self, kind: OrderKind, key: &str) -> Option<Order> {
        let order = self
            .store
            .order_get(self.listing.name.clone(), kind, OrderKey::new(key))
            .await;
        order.expect("it can be read")
    }

    pub(crate) async fn operations(&self) -> Vec<Operation> {
        self.store
            .operation_list(None, 1000)
            .await
            .expect("it lists")
    }

    /// Everything that is stored.
    pub(crate) async fn contents(&self) -> Contents {
        let instances = self
            .store
            .instance_list(None, 1000)
            .await
            .expect("it lists");
        let mut history = Vec::new();
        for instance in &instances {
            let rows = self.store.history_list(instance.id.clone(), 0, 1000).await;
            history.extend(rows.expect("it lists"));
        }
        Contents {
            orders: self.store.order_list(None, 1000).await.expect("it lists"),
            instances,
            operations: self.operations().await,
            history,
        }
    }
}

/// Everything that a store holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contents {
    pub(crate) orders: Vec<Order>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) history: Vec<HistoryRow>,
}

/// The instance that an answer to a create names.
pub(crate) fn instance_of(admitted: &Admitted) -> InstanceId {
    match admitted.answer.as_ref().expect("it succeeded") {
        Outcome::Delivered { instance, .. }
        | Outcome::NotReady { instance }
        | Outcome::Held { instance, .. } => instance.clone(),
        Outcome::Ordered { .. }
        | Outcome::Shown(_)
        | Outcome::Listed(..)
        | Outcome::Done
        | Outcome::Gone => panic!("no create is answered so: {admitted:?}"),
    }
}

/// An access with a password to look for.
pub(crate) fn access(password: &str) -> Access {
    Access {
        front_end: Login {
            url: Some("https://saas.example/notes".to_owned()),
            username: Some("root".to_owned()),
            password: Some(password.to_owned()),
        },
        ..Access::default()
    }
}

/// An immediate driver that answers by what it closes over.
pub(crate) struct Says<F>(pub(crate) F);

impl<F: Fn(&Work) -> Verdict + Send + Sync + 'static> Immediate for Says<F> {
    fn takes_stock(&self) -> bool {
        false
    }

    fn answer(&self, work: &Work) -> Verdict {
        (self.0)(work)
    }
}

impl<F: Fn(&Work) -> Verdict + Send + Sync + 'static> Driver for Says<F> {
    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }

    fn drive(&self, work: Work) -> turnkey_core::ports::Boxed<'_, Verdict> {
        Box::pin(std::future::ready((self.0)(&work)))
    }
}
