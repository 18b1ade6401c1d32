//! A key that calls are signed with, and when it last proved one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::SecretString;

use crate::time::UtcMillis;

/// What stands for "never"; no call is that old.
const NEVER: i64 = i64::MIN;

/// One of a listing's keys. Copies are the same key: what one is used for, all know.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    secret: SecretString,
    last_used: AtomicI64,
}

impl Key {
    /// The key itself.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0.secret
    }

    /// It proved a call at `at`, on the wall clock. Costs an atomic maximum at the most, so that
    /// a call may note it.
    pub fn used(&self, at: UtcMillis) {
        // Most calls of a busy listing come within one millisecond of another.
        if self.0.last_used.load(Ordering::Relaxed) < at.0 {
            self.0.last_used.fetch_max(at.0, Ordering::Relaxed);
        }
    }

    /// When it last proved a call, as far as is known.
    #[must_use]
    pub fn last_used(&self) -> Option<UtcMillis> {
        let at = self.0.last_used.load(Ordering::Relaxed);
        (at != NEVER).then_some(UtcMillis(at))
    }
}

impl From<SecretString> for Key {
    fn from(secret: SecretString) -> Self {
        Self(Arc::new(Inner {
            secret,
            last_used: AtomicI64::new(NEVER),
        }))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        SecretString::from(text).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}
