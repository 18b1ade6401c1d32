//! A watch that counts, makes the store fail when told, and holds answers back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use turnkey_core::Fault;
use turnkey_core::ports::Boxed;

use crate::watched::{Job, Turn, Watch};

/// A watch that does what a test tells it.
#[derive(Default)]
pub(crate) struct Spy(Mutex<Orders>);

#[derive(Default)]
struct Orders {
    seen: HashMap<Job, usize>,
    faults: HashMap<Job, Vec<Fault>>,
    held: HashMap<Job, Vec<Hold>>,
}

/// Where it is told that an answer is held back, and where it is told to go.
type Hold = (oneshot::Sender<()>, oneshot::Receiver<()>);

/// An answer that is held back until this is let go.
pub(crate) struct Held {
    pub(crate) come: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Spy {
    /// How many of these jobs were sent so far.
    pub(crate) fn seen(&self, job: Job) -> usize {
        self.0.lock().unwrap().seen.get(&job).copied().unwrap_or(0)
    }

    /// The next `times` of these jobs fail with `fault`, without reaching the store.
    pub(crate) fn fail(&self, job: Job, times: usize, fault: &Fault) {
        let faults = std::iter::repeat_n(fault.clone(), times);
        let mut orders = self.0.lock().unwrap();
        orders.faults.entry(job).or_default().extend(faults);
    }

    /// Holds back the answer of the next such job.
    pub(crate) fn hold(&self, job: Job) -> Held {
        let (come, has_come) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        let mut orders = self.0.lock().unwrap();
        orders.held.entry(job).or_default().push((come, may_go));
        Held { come: has_come, go }
    }
}

impl Held {
    /// Ends when the job is done and its answer is held back.
    pub(crate) async fn come(&mut self) {
        (&mut self.come).await.expect("the job was sent");
    }

    /// Lets the answer go.
    pub(crate) fn go(self) {
        // Whoever waited for it may have hung up.
        let _ = self.go.send(());
    }
}

impl Watch for Spy {
    fn before(&self, job: Job) -> Boxed<'_, Result<Turn, Fault>> {
        let mut orders = self.0.lock().unwrap();
        *orders.seen.entry(job).or_default() += 1;
        let fault = orders.faults.get_mut(&job).and_then(Vec::pop);
        Box::pin(std::future::ready(fault.map_or(Ok(None), Err)))
    }

    fn after(&self, job: Job, _: bool) -> Boxed<'_, ()> {
        let held = self.0.lock().unwrap().held.get_mut(&job).and_then(Vec::pop);
        Box::pin(async move {
            if let Some((come, may_go)) = held {
                let _ = come.send(());
                let _ = may_go.await;
            }
        })
    }
}

/// The fault of a store that is not well.
pub(crate) fn unwell() -> Fault {
    Fault::busy("store_unavailable", "the store cannot write just now")
}

/// A fault that no waiting mends.
pub(crate) fn broken() -> Fault {
    Fault::bug("a row is not as the rules left it")
}

/// A spy that has been told nothing.
pub(crate) fn idle() -> Arc<Spy> {
    Arc::default()
}
