//! Why a store could not be opened.

use std::path::PathBuf;

/// Why a store could not be opened. Each message names the thing, the rule and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns it.
    #[error("the store `{}` is in use: one process owns it; stop the other one first", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The system refused a file.
    #[error("failed to open the store `{}`: its folder must exist and be writable", path.display())]
    File {
        /// The database file, or one beside it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is some other file.
    #[error("`{}` is not a Turnkey store; name another file in [store] url", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file system cannot share memory between processes.
    #[error(
        "the store `{}` cannot use write-ahead logging; move it to a local disk",
        path.display()
    )]
    NoWal {
        /// The database file.
        path: PathBuf,
    },
    /// A later program wrote it.
    #[error(
        "the store `{}` has schema {found}, this program knows {known}; \
         use the newer program, or restore the copy that was made before the upgrade",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema that is known.
        known: usize,
    },
    /// No copy could be put aside, so nothing was migrated.
    #[error("failed to copy the store to `{}` before an upgrade; is there room?", copy.display())]
    Backup {
        /// Where the copy was to go.
        copy: PathBuf,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// A migration failed; the file is as it was before that step.
    #[error("failed to bring the store to schema {to}")]
    Migrate {
        /// The schema that was not reached.
        to: usize,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// Its secrets cannot be read.
    #[error(
        "the store `{}` is sealed with the master key {wanted}, the given one is {given}; \
         name the right one in [secrets] master_key",
        path.display()
    )]
    WrongKey {
        /// The database file.
        path: PathBuf,
        /// The id of the key that reads it.
        wanted: String,
        /// The id of the key that was given.
        given: String,
    },
    /// The canary could not be sealed or read.
    #[error("failed to check the master key; if the file is damaged, restore a backup")]
    Canary {
        /// What became of it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Orders of a listing would be left without anybody to answer for them.
    #[error(
        "the store holds orders of the listing `{name}`, which the file lacks; \
         if it was renamed, say so in the new one: formerly = [\"{name}\"]"
    )]
    ListingMissing {
        /// The listing.
        name: String,
    },
    /// Two listings would become one.
    #[error(
        "the listing `{new}` was formerly `{old}`, but both have orders or a table of their own; \
         take `{old}` out of formerly, and keep both tables"
    )]
    ListingTwice {
        /// The former name.
        old: String,
        /// The present name.
        new: String,
    },
    /// A thread could not be started.
    #[error("failed to start a thread for the store")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused something else.
    #[error("failed to {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: rusqlite::Error,
    },
}

/// An [`OpenError::Database`] that says what was being done.
pub(super) fn doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> OpenError {
    move |source| OpenError::Database { doing, source }
}
