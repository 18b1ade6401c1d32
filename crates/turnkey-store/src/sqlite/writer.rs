//! The writer: one thread that owns the writing connection and commits in groups.
//!
//! ```text
//! wait for a job → take all that wait → begin → job* → commit, one sync → answer all
//! ```
//!
//! A job that fails must leave nothing behind. Nearly always it fails before it has written
//! anything, because the rules come before the rows; then there is nothing to undo. Should one fail
//! later, the whole batch is rolled back and done again with a savepoint for each job. (Savepoints
//! all the time would cost a fifth of a create: for each, SQLite copies the pages that the job is
//! the first to touch.)
//!
//! Jobs that arrive during a commit form the next batch, so batches grow with the load and nobody
//! waits for a timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::params;
use turnkey_core::{Fault, UtcMillis};

use super::failure::unwritable;
use super::lane::{Job, Ran, Settled};
use super::mover::{Mover, log_length, move_log};
use super::rows::Rows;
use super::sql;

/// How often a writer that could not write tries whether it can: long enough not to load a full
/// disk, short enough for readiness.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What a probe writes and takes back: a few pages, so that it finds out whether there is room.
const PROBE_BYTES: usize = 64 * 1024;

/// When the write-ahead log is moved into the file, in pages.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// So many are worth a move. Fewer mean shorter syncs beside the writer's own, more do not mean
    /// more creates.
    pub(super) move_at: i64,
    /// At so many the log is begun anew: what a start after a crash has to read again.
    pub(super) renew_at: i64,
}

impl Default for Pace {
    /// 4 MiB and 64 MiB.
    fn default() -> Self {
        Self {
            move_at: 1_000,
            renew_at: 16_000,
        }
    }
}

/// The stored business floor may lag so far behind the newest row; orders carry their own time.
const FLOOR_STEP_MS: u64 = 10_000;

/// How what a failed job wrote is undone.
#[derive(Clone, Copy)]
enum Undo {
    /// It is not: the batch is done again.
    Nothing,
    /// By the job's own savepoint.
    ByJob,
}

/// Why a batch did not come to its end.
enum Cut {
    /// A job failed after it had written, with nothing to undo it.
    Torn,
    /// The disk's or the file's fault.
    Unwritable(rusqlite::Error),
}

impl From<rusqlite::Error> for Cut {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl Cut {
    fn fault(&self) -> Fault {
        match self {
            Self::Torn => Fault::bug("a batch with savepoints was torn"),
            Self::Unwritable(error) => unwritable(error),
        }
    }
}

pub(super) struct Writer {
    pub(super) rows: Rows,
    pub(super) batch_max: usize,
    pub(super) is_healthy: Arc<AtomicBool>,
    pub(super) stored_floor: UtcMillis,
    pub(super) mover: Mover,
    pub(super) pace: Pace,
}

impl Writer {
    pub(super) fn start(
        self,
        jobs: Receiver<Box<dyn Job>>,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || self.work(&jobs))?;
        Ok(vec![thread])
    }

    fn work(mut self, jobs: &Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(self.batch_max);
        while self.collect(jobs, &mut batch) {
            self.commit(&mut batch);
            self.checkpoint();
        }
        // The floor is only a hint for the next start; the orders have it too.
        let _ = self.store_floor();
    }

    /// Waits for a job and takes what else waits. An unhealthy writer does not wait for long: its
    /// empty batch is a probe. `false` when there will be no more.
    fn collect(&self, jobs: &Receiver<Box<dyn Job>>, batch: &mut Vec<Box<dyn Job>>) -> bool {
        let first = if self.is_healthy.load(Ordering::Relaxed) {
            jobs.recv().map_err(RecvTimeoutError::from)
        } else {
            jobs.recv_timeout(PROBE_EVERY)
        };
        match first {
            Ok(job) => batch.push(job),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        // Whoever is about to ask gets the processor once more before the batch is closed: where
        // processors are scarce that makes batches larger, where they are not it costs nothing.
        loop {
            let room = self.batch_max.saturating_sub(batch.len());
            let before = batch.len();
            batch.extend(jobs.try_iter().take(room));
            if batch.len() == before || batch.len() >= self.batch_max {
                break;
            }
            thread::yield_now();
        }
        true
    }

    pub(super) fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let done = match self.transact(batch, Undo::Nothing) {
            Err(Cut::Torn) => {
                self.roll_back();
                self.transact(batch, Undo::ByJob)
            }
            done => done,
        };
        let fault = done.err().map(|cut| {
            self.roll_back();
            cut.fault()
        });
        self.is_healthy.store(fault.is_none(), Ordering::Relaxed);
        let jobs = std::mem::take(batch);
        Settled { jobs, fault }.tell();
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>], undo: Undo) -> Result<(), Cut> {
        self.rows.run(sql::BEGIN_WRITE, [])?;
        for job in batch {
            match undo {
                Undo::Nothing => self.run_bare(job.as_mut())?,
                Undo::ByJob => self.run_saved(job.as_mut())?,
            }
        }
        if !self.is_healthy.load(Ordering::Relaxed) {
            self.probe()?;
        }
        let floor = self.rows.business_floor.get();
        if floor.ms_since(self.stored_floor) >= FLOOR_STEP_MS {
            self.store_floor()?;
        }
        self.rows.run(sql::COMMIT, [])?;
        Ok(())
    }

    /// Runs a job; one that fails must not have written anything.
    fn run_bare(&self, job: &mut dyn Job) -> Result<(), Cut> {
        let before = self.rows.connection.total_changes();
        match job.run(&self.rows)? {
            Ran::Badly if self.rows.connection.total_changes() != before => Err(Cut::Torn),
            Ran::Badly | Ran::Well => Ok(()),
        }
    }

    /// Runs a job in a savepoint; what one that fails has written goes.
    fn run_saved(&self, job: &mut dyn Job) -> Result<(), Cut> {
        self.rows.run(sql::SAVEPOINT, [])?;
        if job.run(&self.rows)? == Ran::Badly {
            self.rows.run(sql::ROLLBACK_TO, [])?;
        }
        self.rows.run(sql::RELEASE, [])?;
        Ok(())
    }

    fn roll_back(&self) {
        // SQLite may have rolled back by itself; then there is nothing left to roll back.
        let _ = self.rows.run(sql::ROLLBACK, []);
    }

    fn store_floor(&mut self) -> Result<(), rusqlite::Error> {
        let floor = self.rows.business_floor.get();
        self.rows
            .run(sql::META_SET, params![super::BUSINESS_FLOOR, floor.0])?;
        self.stored_floor = floor;
        Ok(())
    }

    fn probe(&self) -> Result<(), rusqlite::Error> {
        let zeros = rusqlite::types::Value::Blob(vec![0; PROBE_BYTES]);
        self.rows.run(sql::META_SET, params!["probe", zeros])?;
        self.rows.run(sql::META_DELETE, ["probe"])?;
        Ok(())
    }

    /// Has the log moved into the file when there is enough of it. Once it is long, what is left of
    /// it is moved from here: only a log that is moved to its end is begun anew, and while the
    /// writer writes the mover never gets there.
    pub(super) fn checkpoint(&self) {
        if self.mover.is_busy() {
            return;
        }
        let connection = &self.rows.connection;
        let log = log_length(connection).unwrap_or_default();
        if log.waiting >= self.pace.move_at {
            self.mover.ask();
        } else if log.pages >= self.pace.renew_at {
            // A failure is met again by the next commit, which says so.
            let _ = move_log(connection);
        }
    }
}
