//! The readers: threads with connections of their own, for look-ups, lists and dry runs. The
//! writer never waits for them, and they never wait for the writer.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::failure::unreadable;
use super::lane::{Job, Settled};
use super::rows::Rows;
use super::sql;

/// Starts a thread for each of `readers`; they share the queue.
pub(super) fn start(
    readers: Vec<Rows>,
    jobs: Receiver<Box<dyn Job>>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let jobs = Arc::new(Mutex::new(jobs));
    let start = |rows| {
        let jobs = Arc::clone(&jobs);
        thread::Builder::new()
            .name("store-reader".to_owned())
            .spawn(move || work(&rows, &jobs))
    };
    readers.into_iter().map(start).collect()
}

fn work(rows: &Rows, jobs: &Mutex<Receiver<Box<dyn Job>>>) {
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(mut job) = next() {
        let fault = look(rows, job.as_mut())
            .err()
            .map(|error| unreadable(&error));
        Settled {
            jobs: vec![job],
            fault,
        }
        .tell();
    }
}

/// One transaction, so that all its look-ups see the same moment.
fn look(rows: &Rows, job: &mut dyn Job) -> Result<(), rusqlite::Error> {
    rows.run(sql::BEGIN_READ, [])?;
    let ran = job.run(rows);
    rows.run(sql::ROLLBACK, [])?;
    ran.map(drop)
}
