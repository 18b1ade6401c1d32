//! The front: takes a call, has it decided and committed, waits for its work as long as the
//! marketplace waits, answers.

use std::sync::Arc;

use tokio::sync::Notify;
use turnkey_core::decide::{Admitted, Flag, Outcome};
use turnkey_core::ports::{Admission, Clock, Store, Verdict, Work};
use turnkey_core::{Call, Fault, Listing, OperationId, decide};

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

    /// Has `call` decided and committed, then waits up to `wait_ms` for its work.
    ///
    /// # Errors
    /// With the fault that the caller is to be told.
    pub async fn submit(
        &self,
        listing: &Arc<Listing>,
        call: Arc<Call>,
        wait_ms: u64,
    ) -> Result<Answer, Fault> {
        let now = self.clock.now();
        let fresh = self.ids.fresh(now.wall);
        // Whoever waits is in the queue before the work exists, so that no end is missed.
        let waits = if call.dry_run || listing.product.driver.immediate().is_some() {
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
        let mut admitted = self.store.admit(admission.clone()).await?;
        if let Some(work) = admitted.dry_work.take() {
            ask_dry(listing, self.clock.sleep(wait_ms), *work).await?;
        }
        let Some(operation) = admitted.waits_for.clone() else {
            return answer(admitted.answer, admitted.flags);
        };
        self.nudge.notify_one();
        match waits.into_iter().find(|wait| wait.is_for(&operation)) {
            Some(wait) => self.wait(wait, admitted, wait_ms).await,
            None => self.join(operation, admission, wait_ms).await,
        }
    }

    /// Waits for work that an earlier call began. It may have ended before this call was in the
    /// queue for it, so the call is put once more: a repeat changes nothing.
    async fn join(
        &self,
        operation: OperationId,
        admission: Admission,
        wait_ms: u64,
    ) -> Result<Answer, Fault> {
        let wait = self.waiting.wait(operation);
        let admitted = self.store.admit(admission).await?;
        if admitted
            .waits_for
            .as_ref()
            .is_some_and(|operation| wait.is_for(operation))
        {
            return self.wait(wait, admitted, wait_ms).await;
        }
        answer(admitted.answer, admitted.flags)
    }

    async fn wait(
        &self,
        mut wait: Wait,
        admitted: Admitted,
        wait_ms: u64,
    ) -> Result<Answer, Fault> {
        let ended = tokio::select! {
            biased;
            end = wait.end() => end,
            () = self.clock.sleep(wait_ms) => None,
        };
        answer(ended.unwrap_or(admitted.answer), admitted.flags)
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
