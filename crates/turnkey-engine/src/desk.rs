//! The front: takes a call, has it decided and committed, waits for its work as long as the
//! marketplace waits, answers.

use std::sync::Arc;

use tokio::sync::Notify;
use turnkey_core::decide::{Admitted, Flag, Outcome};
use turnkey_core::ports::{
    Admission, ByHand, Clock, Delivery, Hold, Import, Imported, Settlement, Settling, Store,
    Verdict, Work,
};
use turnkey_core::stock::STOCK_ADDED_AT_ONCE_MAX;
use turnkey_core::storefront::PURCHASE_QUANTITY_MAX;
use turnkey_core::{
    Access, Call, Caller, Fault, FaultKind, InstanceId, Intent, Listing, Look, NewStock, Now,
    OperationId, OrderId, Slow, StockAdded, StockAddition, View, decide,
};

use crate::handover::Room;
use crate::ids::{Ids, fresh_links};
use crate::runner::Runner;
use crate::waiting::{News, Wait, Waiting};

/// The front desk.
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    waiting: Waiting,
    nudge: Arc<Notify>,
    room: Option<Room>,
    ids: Ids,
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The outcome, in our words.
    pub outcome: Outcome,
    /// What an operator should know about the call.
    pub flags: Vec<Flag>,
}

impl Desk {
    /// A desk before `store`; `nudge` wakes the runner, who tells `waiting` how work ended.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        waiting: Waiting,
        nudge: Arc<Notify>,
    ) -> Self {
        Self {
            store,
            clock,
            waiting,
            nudge,
            room: None,
            ids: Ids::default(),
        }
    }

    /// The same desk, which hands new work to `runner` while it has room.
    #[must_use]
    pub fn handing_to(mut self, runner: &Runner) -> Self {
        self.room = Some(runner.room().clone());
        self
    }

    /// Has `call` decided and committed, then waits for its work until `wait_ms` are over, counted
    /// from here: what the commit took is not there to wait.
    ///
    /// # Errors
    /// With the fault that the caller is to be told.
    pub async fn submit(
        &self,
        listing: &Arc<Listing>,
        call: Arc<Call>,
        wait_ms: u64,
    ) -> Result<Answer, Fault> {
        /// How often an order may be put once more while its caller waits. Each time takes a
        /// commit of somebody else for the same instance, so more is a storm.
        const LOOKS_MAX: usize = 8;
        let mut time_is_up = self.clock.sleep(wait_ms);
        let now = self.clock.now();
        if let Intent::Look(look) = &call.intent {
            let outcome = self.look(listing, &call, look).await?;
            return answer(Ok(outcome), Vec::new());
        }
        let fresh = if let Intent::Buy(purchase) = &call.intent {
            let most = purchase.quantity.min(PURCHASE_QUANTITY_MAX);
            self.ids.fresh_units(now.wall, most)
        } else {
            self.ids.fresh(now.wall)
        };
        // Whoever waits does so before there is work, so that no end is missed. The order of an
        // immediate driver leaves no work; what a former driver left is found below.
        let leaves_none =
            listing.product.driver.immediate().is_some() && call.subject().order.is_some();
        let about = call.subject().instance.unwrap_or(&fresh.instance).clone();
        let mut wait = (!leaves_none).then(|| self.waiting.wait(about.clone()));
        let admission = Admission {
            listing: Arc::clone(listing),
            call,
            fresh,
            now,
            lease_ms: None,
        };
        let mut admitted = self.admit(admission.clone()).await?;
        if let Some(work) = admitted.dry_work.take() {
            ask_dry(listing, &mut time_is_up, *work).await?;
        }
        let flags = std::mem::take(&mut admitted.flags);
        for _ in 0..LOOKS_MAX {
            let Some(operation) = &admitted.waits_for else {
                break;
            };
            // A create that repeats another learns only now which instance it is about.
            let about = match &admitted.answer {
                Ok(Outcome::NotReady { instance }) => instance,
                Ok(_) | Err(_) => &about,
            };
            match wait.as_mut().filter(|wait| wait.is_for(about)) {
                None => wait = Some(self.waiting.wait(about.clone())),
                Some(wait) => {
                    let ended = tokio::select! {
                        biased;
                        ended = end_of(operation, wait, &admission.call) => ended,
                        () = &mut time_is_up => break,
                    };
                    match ended {
                        End::Over(end) => return answer(end, flags),
                        End::GivenUp => break,
                        End::LookAgain => {}
                    }
                }
            }
            match self.admit(admission.clone()).await {
                Ok(again) => admitted = again,
                // What was found before is on disk, however the store is now.
                Err(fault) if fault.kind == FaultKind::Busy => break,
                Err(fault) => return Err(fault),
            }
        }
        let held = match admitted.answer {
            Ok(Outcome::NotReady { instance }) if listing.slow == Slow::Hold => {
                self.hold(listing, instance).await
            }
            other => other,
        };
        answer(held, flags)
    }

    /// What a buyer wants to see. Whoever is nobody's sees nothing.
    async fn look(
        &self,
        listing: &Arc<Listing>,
        call: &Call,
        look: &Look,
    ) -> Result<Outcome, Fault> {
        let Some(caller) = &call.caller else {
            return Err(Fault::bug("only a caller looks"));
        };
        match look {
            Look::Caller => Ok(Outcome::Done),
            Look::Instance(id) | Look::Detail(id) | Look::Ticket(id, _) => {
                self.view(listing, caller, id).await
            }
            Look::Order(id) => {
                let order = self.store.order_by_id(id.clone()).await?;
                let order = order.filter(|order| order.listing == listing.name);
                match order {
                    Some(order) => self.view(listing, caller, &order.instance).await,
                    None => Err(not_seen("order", id.as_str())),
                }
            }
            Look::Instances(wanted) => {
                let (account, region) = (caller.account.clone(), caller.region.clone());
                let name = listing.name.clone();
                let most = INSTANCES_LOOKED_AT_MAX;
                let all = self
                    .store
                    .instances_of_buyer(name, account, region, most)
                    .await?;
                let views: Vec<View> = all
                    .iter()
                    .filter_map(|(instance, own)| View::of(listing, instance, Some(own)))
                    .collect();
                let (page, total) = wanted.page(views);
                Ok(Outcome::Listed(page, total))
            }
        }
    }

    async fn view(
        &self,
        listing: &Listing,
        caller: &Caller,
        id: &InstanceId,
    ) -> Result<Outcome, Fault> {
        let instance = self.store.instance_get(id.clone()).await?;
        let instance = instance
            .filter(|instance| instance.listing == listing.name && caller.owns(instance))
            .ok_or_else(|| not_seen("instance", id.as_str()))?;
        let own = self.store.subscription_get(id.clone()).await?;
        let view = View::of(listing, &instance, own.as_ref())
            .ok_or_else(|| not_seen("instance", id.as_str()))?;
        Ok(Outcome::Shown(Box::new(view)))
    }

    /// Has the order called `id` paid, or taken back.
    ///
    /// # Errors
    /// When it does not wait for payment.
    pub async fn settle(
        &self,
        listing: Arc<Listing>,
        order: OrderId,
        how: Settlement,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        let settling = Settling {
            listing,
            order,
            how,
            fresh: self.ids.fresh(now.wall),
            now,
        };
        let settled = self.store.order_settle(settling).await?;
        if settled.is_work_due {
            self.nudge.notify_one();
        }
        Ok(())
    }

    /// What a create is answered with whose time is up: links that hold the place of `instance`. A
    /// store that is not well makes none, and the marketplace's own repeat asks again.
    async fn hold(&self, listing: &Arc<Listing>, instance: InstanceId) -> Result<Outcome, Fault> {
        let hold = Hold {
            listing: Arc::clone(listing),
            instance: instance.clone(),
            fresh: fresh_links(),
        };
        match self.store.instance_hold(hold).await {
            Err(fault) if fault.kind == FaultKind::Busy => Ok(Outcome::NotReady { instance }),
            held => held,
        }
    }

    /// Takes a dead operation, or a failed order, up again: what an operator's retry is.
    ///
    /// # Errors
    /// When it is neither, or its instance is past it.
    pub async fn reopen(&self, operation: OperationId) -> Result<(), Fault> {
        let _nudge = Nudge(Some(&self.nudge));
        let now = self.clock.now();
        self.store.operation_reopen(operation, now).await
    }

    /// Ends the work that `instance` of `listing` waits for: a person did it, and says what its
    /// buyer logs in with where that is new.
    ///
    /// # Errors
    /// When nothing waits, when a driver is still at it, or when a delivery hands nothing over.
    pub async fn deliver(
        &self,
        listing: Arc<Listing>,
        instance: InstanceId,
        access: Option<Access>,
    ) -> Result<ByHand, Fault> {
        let _nudge = Nudge(Some(&self.nudge));
        let delivery = Delivery {
            listing,
            instance: instance.clone(),
            access,
            now: self.clock.now(),
        };
        let by_hand = self.store.instance_deliver(delivery).await?;
        let end = Some(Ok(by_hand.end.clone()));
        self.waiting
            .tell(&instance, News::End(by_hand.operation.clone(), end));
        self.waiting.tell(&instance, News::LookAgain);
        Ok(by_hand)
    }

    /// Takes over an instance that was delivered elsewhere; its order's id and the time come from
    /// here.
    ///
    /// # Errors
    /// When something of it cannot be, or its key or id is taken.
    pub async fn import(
        &self,
        import: impl FnOnce(OrderId, Now) -> Import,
    ) -> Result<Imported, Fault> {
        let now = self.clock.now();
        let order = self.ids.fresh(now.wall).order;
        self.store.instance_import(import(order, now)).await
    }

    /// Adds `items` to the stock of `product`, each with the line that it came from and the only
    /// plan that it is for; whoever waits for one is served at once.
    ///
    /// # Errors
    /// When one was there before, or there are more than one job may add; then none is added.
    pub async fn stock_add(
        &self,
        product: String,
        items: Vec<(u64, Option<String>, Access)>,
    ) -> Result<StockAdded, Fault> {
        if items.len() > STOCK_ADDED_AT_ONCE_MAX {
            let message = format!(
                "{} items are more than the {STOCK_ADDED_AT_ONCE_MAX} that are added at once",
                items.len()
            );
            return Err(Fault::malformed("stock_too_long", message));
        }
        let _nudge = Nudge(Some(&self.nudge));
        let now = self.clock.now();
        let new = |(line, plan, access)| NewStock {
            id: self.ids.stock(now.wall),
            line,
            plan,
            access,
        };
        let items = items.into_iter().map(new).collect();
        let addition = StockAddition {
            product,
            items,
            now,
        };
        self.store.stock_add(addition).await
    }

    async fn admit(&self, admission: Admission) -> Result<Admitted, Fault> {
        let call = Arc::clone(&admission.call);
        let mut nudge = Nudge((!call.dry_run).then_some(&self.nudge));
        let (admitted, is_handed) = self.admit_and_hand(admission).await;
        if let Intent::Release(instance) = &call.intent {
            // It may have taken back what others wait for.
            self.waiting.tell(instance, News::LookAgain);
        }
        // A renewal may bring a resume along, which nobody waits for; nor does anybody for what is
        // bought at a storefront.
        let is_renewal = matches!(call.intent, Intent::Renew(_) | Intent::Buy(_));
        let is_work_left = |admitted: &Admitted| admitted.waits_for.is_some() || is_renewal;
        if is_handed || !admitted.as_ref().is_ok_and(is_work_left) {
            nudge.0 = None;
        }
        admitted
    }

    /// Has `admission` committed, and the work of a new order handed to the runner; whether it was.
    async fn admit_and_hand(&self, admission: Admission) -> (Result<Admitted, Fault>, bool) {
        let call = &admission.call;
        let is_immediate = admission.listing.product.driver.immediate().is_some();
        let is_one = !matches!(call.intent, Intent::Buy(_));
        let makes_work = is_one && !call.dry_run && !is_immediate && call.subject().order.is_some();
        let place = self
            .room
            .as_ref()
            .filter(|_| makes_work)
            .and_then(Room::place);
        let Some(place) = place else {
            return (self.store.admit(admission).await, false);
        };
        let admission = Admission {
            lease_ms: Some(place.lease_ms),
            ..admission
        };
        let store = Arc::clone(&self.store);
        // A task of its own: a caller that hangs up must not take leased work with it.
        let admitting = tokio::spawn(async move {
            let mut admitted = store.admit(admission).await;
            let work = admitted
                .as_mut()
                .ok()
                .and_then(|admitted| admitted.work.take());
            let is_handed = work.is_some();
            if let Some(work) = work {
                place.hand(*work);
            }
            (admitted, is_handed)
        });
        let panicked = |_| (Err(Fault::bug("an admission panicked")), false);
        admitting.await.unwrap_or_else(panicked)
    }
}

/// Instances of one account in one region that a list looks at: more are not sold to one.
const INSTANCES_LOOKED_AT_MAX: usize = 10_000;

fn not_seen(what: &str, id: &str) -> Fault {
    Fault::unknown(
        if what == "order" {
            "order_unknown"
        } else {
            "instance_unknown"
        },
        format!("{what} {id:?} is not known here"),
    )
}

/// How the wait for an operation ended.
#[expect(clippy::large_enum_variant, reason = "one a call, moved once")]
enum End {
    Over(Result<Outcome, Fault>),
    GivenUp,
    LookAgain,
}

/// Waits for news of `operation`. Only an order is worth another look, since it may be put as often
/// as anybody likes: a suspend that is put again could undo what came after it.
async fn end_of(operation: &OperationId, wait: &mut Wait, call: &Call) -> End {
    let is_order = call.subject().order.is_some();
    loop {
        match &*wait.news().await {
            News::End(ended, end) if ended == operation => {
                return end.clone().map_or(End::GivenUp, End::Over);
            }
            News::LookAgain if is_order => return End::LookAgain,
            News::End(..) | News::LookAgain => {}
        }
    }
}

/// Wakes the runner when it is dropped. A caller that hangs up during the commit does not stop it,
/// and the runner's claim queues behind it.
struct Nudge<'a>(Option<&'a Notify>);

impl Drop for Nudge<'_> {
    fn drop(&mut self) {
        if let Some(nudge) = self.0 {
            nudge.notify_one();
        }
    }
}

fn answer(answer: Result<Outcome, Fault>, flags: Vec<Flag>) -> Result<Answer, Fault> {
    answer.map(|outcome| Answer { outcome, flags })
}

/// Asks the driver whether it could do `work` (promise 4: only where the product opts in).
async fn ask_dry(
    listing: &Listing,
    limit: impl Future<Output = ()>,
    work: Work,
) -> Result<(), Fault> {
    let slow = || {
        Fault::busy(
            "driver_unreachable",
            "the vendor's system cannot say yet whether it could",
        )
    };
    let verdict = tokio::select! {
        biased;
        verdict = listing.product.driver.drive(work) => verdict,
        () = limit => return Err(slow()),
    };
    match verdict {
        Verdict::Done(_) | Verdict::NotYet(_) => Ok(()),
        Verdict::No(message) => Err(decide::refusal(Some(&message))),
        Verdict::Retry(note) => Err(slow().noted(note)),
    }
}
