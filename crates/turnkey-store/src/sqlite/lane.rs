//! A bounded queue of jobs with the threads that work it off.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use turnkey_core::Fault;

use super::failure::{Failure, queue_full, stopped};
use super::rows::Rows;

/// A job in a queue: what is to be done, and who waits for the answer.
pub(super) trait Job: Send {
    /// Does the work and keeps the answer to itself. An error is the whole batch's. A batch that
    /// is done again runs its jobs again.
    fn run(&mut self, rows: &Rows) -> Result<Ran, rusqlite::Error>;

    /// Tells whoever waits: the answer that was kept, or `fault` when the batch came to nothing.
    /// They are handed the `rest`, to tell the others.
    fn settle(self: Box<Self>, fault: Option<&Fault>, rest: Settled);
}

/// Jobs that are over. Dropping it tells everybody who waits.
///
/// To wake a task from outside its runtime is dear, and on a busy machine the two threads take
/// turns for every single one. So one is woken from here, and wakes the others from inside.
pub(super) struct Settled {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) fault: Option<Fault>,
}

impl Settled {
    fn nobody() -> Self {
        Self {
            jobs: Vec::new(),
            fault: None,
        }
    }

    /// Tells one, who tells the others.
    pub(super) fn tell(mut self) {
        if let Some(first) = self.jobs.pop() {
            let fault = self.fault.clone();
            first.settle(fault.as_ref(), self);
        }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        for job in self.jobs.drain(..) {
            job.settle(self.fault.as_ref(), Self::nobody());
        }
    }
}

/// What became of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It has written what it wanted to write.
    Well,
    /// It failed by itself: whatever it wrote must go.
    Badly,
}

/// The way to some threads.
pub(super) struct Lane {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Lane {
    /// A queue that holds up to `queue_max` jobs, worked off by whatever `start` starts.
    pub(super) fn new(
        queue_max: usize,
        start: impl FnOnce(Receiver<Box<dyn Job>>) -> std::io::Result<Vec<JoinHandle<()>>>,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(queue_max);
        Ok(Self {
            jobs: Some(jobs),
            threads: start(queue)?,
        })
    }

    /// Queues `work` and waits for its answer. Whoever stops waiting does not stop the work.
    pub(super) async fn ask<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnMut(&Rows) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Task {
            work,
            kept: None,
            reply,
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(task).map_err(|refused| match refused {
            TrySendError::Full(_) => queue_full(),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        let (answer, rest) = answer.await.map_err(|_| stopped())?;
        drop(rest);
        answer
    }
}

impl Drop for Lane {
    /// Whatever is queued is still done.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

struct Task<T, W> {
    work: W,
    kept: Option<Result<T, Fault>>,
    reply: oneshot::Sender<(Result<T, Fault>, Settled)>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnMut(&Rows) -> Result<T, Failure> + Send,
{
    fn run(&mut self, rows: &Rows) -> Result<Ran, rusqlite::Error> {
        // A rule that panics is a bug of one job, not the end of all of them.
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(rows)));
        let (kept, ran) = match done {
            Ok(Ok(answer)) => (Ok(answer), Ran::Well),
            Ok(Err(Failure::Job(fault))) => (Err(fault), Ran::Badly),
            Ok(Err(Failure::Batch(error))) => return Err(error),
            // Without the words of the panic: they may quote a row.
            Err(_) => (Err(Fault::bug("a job panicked")), Ran::Badly),
        };
        self.kept = Some(kept);
        Ok(ran)
    }

    fn settle(self: Box<Self>, fault: Option<&Fault>, rest: Settled) {
        let Self { work, kept, reply } = *self;
        // Before the answer: what the work holds may hold the store, whose end this thread would
        // then wait for in vain.
        drop(work);
        let answer = match (fault, kept) {
            (Some(fault), _) => Err(fault.clone()),
            (None, Some(kept)) => kept,
            (None, None) => Err(stopped()),
        };
        // Whoever does not wait any more needs no answer; the rest is told when it is dropped.
        let _ = reply.send((answer, rest));
    }
}
