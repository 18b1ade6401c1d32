//! The call log: what was asked and how it was answered, for a person to look at.
//!
//! ```text
//!  a call ── record ── bounded queue ── one thread ── a file of its own, not synced
//!                 └ full: dropped and counted
//!  a stranger's ── the last of each listing in memory, one a second goes on to the file
//! ```
//!
//! It is a tool and not the ledger: nobody waits for it, a crash may lose its last moments, and
//! what it holds is sealed like everything else, since a request carries a signature.

mod file;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use turnkey_core::UtcMillis;

use crate::seal::MasterKey;
use crate::sqlite::OpenError;
use file::File;

/// Calls that may wait for the thread: more than come while calls are gathered at the highest pace
/// that was measured; a megabyte or two.
const QUEUE_MAX: usize = 1024;

/// The thread's niceness, the most there is: where processors are scarce, whoever answers calls goes
/// first, and what finds no room here is counted instead.
const NICENESS: i32 = 19;

/// How long calls are gathered before they are written. Longer than a wake-up, which a call would
/// pay for; shorter than anybody needs to type `turnkey calls tail`.
const GATHER: Duration = Duration::from_millis(20);

/// Calls in one transaction.
const BATCH_MAX: usize = 1024;

/// Strangers' calls that are kept in memory for each listing (design §6).
const STRANGERS_KEPT: usize = 200;

/// Of strangers' calls at most one in so many milliseconds is written, for each listing.
const STRANGER_EVERY_MS: u64 = 1_000;

/// Bytes of one request that are kept: more than any real one has; the rest is cut.
pub const REQUEST_BYTES_KEPT: usize = 16 * 1024;

/// How long a look waits for what is on its way to the file.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// One call and its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Its place in the log; given by [`CallLog::record`].
    pub number: CallNumber,
    /// When it was answered, on the wall clock.
    pub at: UtcMillis,
    /// Where it came in.
    pub listing: String,
    /// What it asked: one of a closed list.
    pub action: &'static str,
    /// How it ended: one of a closed list.
    pub result: &'static str,
    /// The marketplace's key for the order.
    pub order_key: Option<String>,
    /// The instance that it named, or that was answered.
    pub instance: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The fault's code.
    pub code: Option<&'static str>,
    /// What an operator should know, by name.
    pub flags: Vec<&'static str>,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// From its first byte to its answer, in microseconds.
    pub elapsed_us: u64,
    /// What the operator was told.
    pub note: Option<String>,
    /// The request as received, in the form of HTTP/1.1, cut at [`REQUEST_BYTES_KEPT`]. Secret: a
    /// view must mask it.
    pub request: Vec<u8>,
}

/// A call as it is found again: names are no longer of closed lists, they may be older than we.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedCall {
    /// Its place in the log.
    pub number: CallNumber,
    /// When it was answered, on the wall clock.
    pub at: UtcMillis,
    /// Where it came in.
    pub listing: String,
    /// What it asked.
    pub action: String,
    /// How it ended.
    pub result: String,
    /// The marketplace's key for the order.
    pub order_key: Option<String>,
    /// The instance.
    pub instance: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The fault's code.
    pub code: Option<String>,
    /// What an operator should know.
    pub flags: Vec<String>,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// From its first byte to its answer, in microseconds.
    pub elapsed_us: u64,
    /// What the operator was told.
    pub note: Option<String>,
    /// The request as received; only when one call is asked for. Secret: a view must mask it.
    pub request: Option<Vec<u8>>,
}

/// Where a call stands in the log: time-ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallNumber(i64);

/// Bits of a number that count within a millisecond.
const COUNT_BITS: u32 = 20;

impl CallNumber {
    fn new(at: UtcMillis, count: u32) -> Self {
        let count = i64::from(count & ((1 << COUNT_BITS) - 1));
        Self(at.0.clamp(0, i64::MAX >> COUNT_BITS) << COUNT_BITS | count)
    }

    /// The number that `text` spells, as [`CallNumber`] spells itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("c-")?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 16 || !digits.bytes().all(is_digit) {
            return None;
        }
        i64::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl std::fmt::Display for CallNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c-{:016x}", self.0)
    }
}

/// Which calls are asked for: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only at this listing.
    pub listing: Option<String>,
    /// Only with this action.
    pub action: Option<String>,
    /// Only with this result.
    pub result: Option<String>,
    /// Only for this order of the marketplace.
    pub order_key: Option<String>,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the call log")]
pub struct CallLogError(#[from] rusqlite::Error);

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct CallLogLimits {
    /// For how long, in milliseconds.
    pub kept_ms: u64,
    /// In how large a file.
    pub file_bytes_max: u64,
    /// How many calls may wait to be written.
    pub queue_max: usize,
}

impl Default for CallLogLimits {
    fn default() -> Self {
        Self {
            // Longer than it takes a buyer to complain, and a marketplace to settle a month.
            kept_ms: 30 * 86_400_000,
            file_bytes_max: 1 << 30,
            queue_max: QUEUE_MAX,
        }
    }
}

/// The log. Dropping it writes what waits.
pub struct CallLog {
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    reader: Mutex<File>,
    strangers: Mutex<HashMap<String, Strangers>>,
    count: AtomicU32,
    dropped: AtomicU64,
    /// Calls on their way to the file.
    waiting: Arc<AtomicUsize>,
    queue_max: usize,
}

enum Message {
    Call(Box<CallRecord>),
    /// Everything before it is written once this is dropped.
    Settle(SyncSender<()>),
}

#[derive(Default)]
struct Strangers {
    last: VecDeque<Arc<CallRecord>>,
    written_at: Option<UtcMillis>,
}

impl CallLog {
    /// Opens or makes the log in the file at `path`. One that cannot be read is begun anew: it is a
    /// tool, and no reason not to sell.
    ///
    /// # Errors
    /// When no log can be made there either.
    pub fn open(path: &Path, key: &MasterKey, limits: CallLogLimits) -> Result<Self, OpenError> {
        let writer = File::open(path, key, limits)?;
        let reader = Mutex::new(File::open_to_read(path, key, limits)?);
        let (queue, messages) = sync_channel(limits.queue_max);
        let waiting = Arc::new(AtomicUsize::new(0));
        let at_work = Arc::clone(&waiting);
        let thread = thread::Builder::new()
            .name("call-log".to_owned())
            .spawn(move || {
                // Where the system has no such thing, the log is only less polite.
                let _ = setpriority_process(Some(gettid()), NICENESS);
                work(writer, &messages, &at_work);
            })
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            reader,
            strangers: Mutex::default(),
            count: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            waiting,
            queue_max: limits.queue_max,
        })
    }

    /// Whether there is room for another call: whoever asks first need not put one together in vain.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.queue_max
    }

    /// Counts a call that there was no room for.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the call of somebody who proved who it is. Never waits.
    pub fn record(&self, mut call: CallRecord) {
        call.number = self.next(call.at);
        self.send(call);
    }

    /// Keeps the call of a stranger: the last of its listing in memory, at most one a second in the
    /// file.
    pub fn record_stranger(&self, mut call: CallRecord) {
        call.number = self.next(call.at);
        let call = Arc::new(call);
        let mut all = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Listings are configured: the map stays as small as the file.
        let strangers = all.entry(call.listing.clone()).or_default();
        if strangers.last.len() >= STRANGERS_KEPT {
            strangers.last.pop_front();
        }
        strangers.last.push_back(Arc::clone(&call));
        let is_due = strangers
            .written_at
            .is_none_or(|at| call.at.ms_since(at) >= STRANGER_EVERY_MS);
        if is_due {
            strangers.written_at = Some(call.at);
        }
        drop(all);
        if is_due {
            self.send(CallRecord::clone(&call));
        }
    }

    /// How many calls found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Calls that fit `filter`, newest first, `limit` of them before `before`. Blocks for as long
    /// as a disk takes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(
        &self,
        filter: &CallFilter,
        before: Option<CallNumber>,
        limit: usize,
    ) -> Result<Vec<LoggedCall>, CallLogError> {
        self.settle();
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut calls = reader.list(filter, before, limit)?;
        drop(reader);
        let is_before = |call: &CallRecord| before.is_none_or(|before| call.number < before);
        let remembered = self.remembered(|call| is_before(call) && filter.fits(call));
        calls.extend(remembered.iter().map(|call| LoggedCall {
            request: None,
            ..logged(call)
        }));
        calls.sort_by_key(|call| std::cmp::Reverse(call.number));
        calls.dedup_by_key(|call| call.number);
        calls.truncate(limit);
        Ok(calls)
    }

    /// One call, with its request. Blocks for as long as a disk takes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, number: CallNumber) -> Result<Option<LoggedCall>, CallLogError> {
        self.settle();
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let found = reader.get(number)?;
        drop(reader);
        Ok(found.or_else(|| {
            let remembered = self.remembered(|call| call.number == number);
            remembered.first().map(|call| logged(call))
        }))
    }

    fn remembered(&self, fits: impl Fn(&CallRecord) -> bool) -> Vec<Arc<CallRecord>> {
        let all = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let calls = all.values().flat_map(|strangers| &strangers.last);
        calls.filter(|call| fits(call)).cloned().collect()
    }

    /// Waits until what was recorded before is in the file.
    fn settle(&self) {
        let (done, settled) = sync_channel(0);
        let is_sent = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(Message::Settle(done)).is_ok());
        if is_sent {
            // Nobody answers; the other end is dropped.
            let _ = settled.recv_timeout(SETTLE_WITHIN);
        }
    }

    fn next(&self, at: UtcMillis) -> CallNumber {
        CallNumber::new(at, self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn send(&self, call: CallRecord) {
        // Before it is sent: the thread may have taken it before this goes on.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self
            .queue
            .as_ref()
            .map(|queue| queue.try_send(Message::Call(Box::new(call))));
        if !matches!(sent, Some(Ok(()))) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.count_dropped();
        }
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

impl CallFilter {
    fn fits(&self, call: &CallRecord) -> bool {
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        fits(&self.listing, Some(&call.listing))
            && fits(&self.action, Some(call.action))
            && fits(&self.result, Some(call.result))
            && fits(&self.order_key, call.order_key.as_deref())
    }
}

impl std::fmt::Debug for CallRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallRecord({}, redacted)", self.number)
    }
}

impl std::fmt::Debug for LoggedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoggedCall({}, redacted)", self.number)
    }
}

fn logged(call: &CallRecord) -> LoggedCall {
    LoggedCall {
        number: call.number,
        at: call.at,
        listing: call.listing.clone(),
        action: call.action.to_owned(),
        result: call.result.to_owned(),
        order_key: call.order_key.clone(),
        instance: call.instance.clone(),
        status: call.status,
        code: call.code.map(str::to_owned),
        flags: call.flags.iter().map(|flag| (*flag).to_owned()).collect(),
        dry_run: call.dry_run,
        elapsed_us: call.elapsed_us,
        note: call.note.clone(),
        request: Some(call.request.clone()),
    }
}

/// Gathers calls and writes them, until there will be no more. A call that comes while others are
/// gathered wakes nobody.
fn work(mut file: File, messages: &Receiver<Message>, waiting: &AtomicUsize) {
    let (mut batch, mut settles) = (Vec::new(), Vec::new());
    while let Ok(first) = messages.recv() {
        take(first, &mut batch, &mut settles);
        if settles.is_empty() {
            gather();
        }
        for message in messages.try_iter().take(BATCH_MAX) {
            take(message, &mut batch, &mut settles);
        }
        // A log that cannot be written is a log with a hole: the file says so in its own time.
        let _ = file.write(&batch);
        waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        batch.clear();
        settles.clear();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for but time, by a thread that nobody waits for"
)]
fn gather() {
    thread::sleep(GATHER);
}

fn take(message: Message, batch: &mut Vec<CallRecord>, settles: &mut Vec<SyncSender<()>>) {
    match message {
        Message::Call(call) => batch.push(*call),
        Message::Settle(done) => settles.push(done),
    }
}
