//! Nouns to rows: every change of a decision in one synced transaction.
//!
//! Its place on the line: receive → read → decide → **commit** → drive → write.
//!
//! ```text
//!  admit · claim · report · reopen              get · list · dry runs
//!        │ jobs, bounded queue                        │
//!   writer thread: one transaction for all       reader threads: a connection each
//!   that wait, each undone alone                      │
//!        │ load → decide → write                      │ load (→ decide)
//!        └────────────── one SQLite file ─────────────┘
//! ```
//!
//! It is *not* where anything is decided: the rules are `turnkey_core::decide`, called by the jobs
//! on rows that they have just loaded. It knows no marketplace and no wire format.

mod calls;
mod seal;
mod sqlite;
mod stored;

pub use calls::{
    CallFilter, CallLog, CallLogError, CallLogLimits, CallNumber, CallRecord, LoggedCall,
    REQUEST_BYTES_KEPT,
};
pub use seal::{MasterKey, MasterKeyError};
pub use sqlite::{BoundListing, Glance, OpenError, Options, SqliteStore, StoredClock, glance};
