//! The mover: a thread with a connection of its own that moves the write-ahead log into the file
//! while the writer goes on writing.
//!
//! ```text
//! writer   commit → commit → commit → commit → …   the log grows
//! mover            └── move what was there ──┘     the file catches up
//! ```
//!
//! Moving is what random order keys are dear for: each dirties a page of its own, and all of these
//! are written to their places and synced. On the writer's thread everybody would wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// How long the log is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Log {
    /// Pages in it.
    pub(super) pages: i64,
    /// Pages of it that are not in the file yet.
    pub(super) waiting: i64,
}

/// The way to the thread. Dropping it ends the thread, once it has moved what it was asked to.
pub(super) struct Mover {
    asks: Option<SyncSender<()>>,
    is_busy: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mover {
    /// Starts the thread, which moves by way of `connection`.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(1);
        let is_busy = Arc::new(AtomicBool::new(false));
        let busy = Arc::clone(&is_busy);
        let thread = thread::Builder::new()
            .name("store-mover".to_owned())
            .spawn(move || {
                for () in asked {
                    // A failure is met again by the next commit, which says so.
                    let _ = move_log(&connection);
                    busy.store(false, Ordering::Release);
                }
            })?;
        Ok(Self {
            asks: Some(asks),
            is_busy,
            thread: Some(thread),
        })
    }

    /// Whether it is moving.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Has it move what is in the log now; it must not be busy.
    pub(super) fn ask(&self) {
        self.is_busy.store(true, Ordering::Release);
        let is_told = self
            .asks
            .as_ref()
            .is_some_and(|asks| asks.try_send(()).is_ok());
        if !is_told {
            self.is_busy.store(false, Ordering::Release);
        }
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

/// How long the log is, as `connection` sees it.
pub(super) fn log_length(connection: &Connection) -> Result<Log, rusqlite::Error> {
    checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Moves as much of the log as nobody reads any more; waits for nobody.
pub(super) fn move_log(connection: &Connection) -> Result<Log, rusqlite::Error> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

fn checkpoint(connection: &Connection, sql: &str) -> Result<Log, rusqlite::Error> {
    connection.prepare_cached(sql)?.query_row([], |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(Log {
            pages,
            waiting: pages - moved,
        })
    })
}
