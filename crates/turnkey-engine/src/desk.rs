//! The front: takes a call, has it decided and committed, waits for its work as long as the
//! marketplace waits, answers.

use std::sync::Arc;

use tokio::sync::Notify;
use turnkey_core::decide::{Admitted, Flag, Outcome};
use turnkey_core::ports::{Admission, Clock, Store, Verdict, Work};
use turnkey_core::{Call, Fault, Intent, Listing, OperationId, decide};

use crate::ids::Ids;
use crate::waiting::{Wait, Waiting};

/// The front desk.
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    waiting: Waiting,
    nudge: Arc<Notify>,
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
            ids: Ids::default(),
        }
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
        /// How often a call may find that the work which it joined has just ended and that other
        /// work is under way. Each time takes a commit of somebody else, so more is a loop.
        const JOINS_MAX: usize = 8;
        let mut time_is_up = self.clock.sleep(wait_ms);
        let now = self.clock.now();
        let fresh = self.ids.fresh(now.wall);
        // Whoever waits is in the queue before the work exists, so that no end is missed.
        let mut waits: Vec<Wait> = if call.dry_run || listing.product.driver.immediate().is_some() {
            Vec::new()
        } else {
            let own = [fresh.order.operation(), fresh.operation.clone()];
            own.map(|operation| self.waiting.wait(operation)).into()
        };
        let admission = Admission {
            listing: Arc::clone(listing),
            call,
            fresh,
            now,
        };
        let mut admitted = self.admit(admission.clone()).await?;
        if let Some(work) = admitted.dry_work.take() {
            ask_dry(listing, time_is_up, *work).await?;
            return answer(admitted.answer, admitted.flags);
        }
        for _ in 0..JOINS_MAX {
            let Some(operation) = &admitted.waits_for else {
                break;
            };
            if let Some(wait) = waits.iter_mut().find(|wait| wait.is_for(operation)) {
                let ended = tokio::select! {
                    biased;
                    end = wait.end() => end,
                    () = &mut time_is_up => None,
                };
                return answer(ended.unwrap_or(admitted.answer), admitted.flags);
            }
            // An earlier call began this work, and it may have ended before this call was in the
            // queue for it. So the call is put once more: a repeat changes nothing.
            waits.push(self.waiting.wait(operation.clone()));
            admitted = self.admit(admission.clone()).await?;
        }
        answer(admitted.answer, admitted.flags)
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

    async fn admit(&self, admission: Admission) -> Result<Admitted, Fault> {
        // A renewal may bring a resume along, which nobody waits for.
        let is_renewal = matches!(admission.call.intent, Intent::Renew(_));
        let mut nudge = Nudge((!admission.call.dry_run).then_some(&self.nudge));
        let admitted = self.store.admit(admission).await;
        let is_work_left = |admitted: &Admitted| admitted.waits_for.is_some() || is_renewal;
        if !admitted.as_ref().is_ok_and(is_work_left) {
            nudge.0 = None;
        }
        admitted
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
        verdict = listing.product.driver.drive(work) => verdict,
        () = limit => return Err(slow()),
    };
    match verdict {
        Verdict::Done(_) | Verdict::NotYet(_) => Ok(()),
        Verdict::No(message) => Err(decide::refusal(Some(&message))),
        Verdict::Retry(note) => Err(slow().noted(note)),
    }
}
