//! What can go wrong in a job, told apart by whom it takes down: the job, or its whole batch.

use turnkey_core::Fault;

use crate::seal::SealError;

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The job's own: it alone is rolled back, and told.
    Job(Fault),
    /// The disk's or the file's: nothing of the batch can be kept.
    Batch(rusqlite::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Job(fault)
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::Job(Fault::bug(error.to_string()))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(code) if !is_about_the_statement(code) => Self::Batch(error),
            Some(_) | None => Self::Job(Fault::bug(error.to_string())),
        }
    }
}

/// Whether another job's statements could still succeed. Everything else (full, I/O, damaged,
/// locked, out of memory) would meet them too.
fn is_about_the_statement(code: rusqlite::ErrorCode) -> bool {
    use rusqlite::ErrorCode as C;
    matches!(
        code,
        C::ConstraintViolation
            | C::TypeMismatch
            | C::TooBig
            | C::ApiMisuse
            | C::ParameterOutOfRange
            | C::Unknown
    )
}

/// What everybody in a batch is told that could not be written.
pub(super) fn unwritable(error: &rusqlite::Error) -> Fault {
    Fault::busy(
        "store_unavailable",
        "the store cannot write just now; try again later",
    )
    .noted(format!("nothing of the batch was kept: {error}"))
}

/// What a job is told that finds the queue full.
pub(super) fn queue_full() -> Fault {
    Fault::busy(
        "store_queue_full",
        "too many requests wait for the store; try again later",
    )
}

/// What a job is told that comes when the store is closing.
pub(super) fn stopped() -> Fault {
    Fault::busy("store_stopped", "the store is stopping; try again later")
}

/// What a look-up is told that could not read.
pub(super) fn unreadable(error: &rusqlite::Error) -> Fault {
    Fault::busy(
        "store_unavailable",
        "the store cannot be read just now; try again later",
    )
    .noted(error.to_string())
}
