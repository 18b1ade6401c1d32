//! What went wrong, sorted by who must act.

use std::fmt;

/// Who must act, and so whether it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The caller sent something that no rule allows. Asking again changes nothing.
    Malformed,
    /// The caller did not prove who it is, or the call is too old or too new.
    Unauthentic,
    /// This listing never had the thing that the caller named.
    Unknown,
    /// What is asked contradicts what is already so.
    Conflict,
    /// The listing cannot do that.
    Unsupported,
    /// Nobody needs to act; asking again later helps.
    Busy,
    /// The driver said a final no; the vendor must act.
    Upstream,
    /// A rule of ours is broken; we must act.
    Bug,
}

impl FaultKind {
    /// Every kind, for tests and tables that must cover them all.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Unauthentic,
        Self::Unknown,
        Self::Conflict,
        Self::Unsupported,
        Self::Busy,
        Self::Upstream,
        Self::Bug,
    ];
}

/// What went wrong, told twice: once for the outsider, once for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who must act.
    pub kind: FaultKind,
    /// A stable word for the rule that was broken, such as `signature_wrong`.
    pub code: &'static str,
    /// For the outsider: the thing and the rule. Never an internal.
    pub message: String,
    /// For the operator only: what the outsider must not learn.
    pub note: Option<String>,
}

impl Fault {
    /// A fault without an operator's note.
    #[must_use]
    pub fn new(kind: FaultKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            note: None,
        }
    }

    /// The same fault with a note for the operator.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The caller sent something that no rule allows.
    #[must_use]
    pub fn malformed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Malformed, code, message)
    }

    /// The caller did not prove who it is.
    #[must_use]
    pub fn unauthentic(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unauthentic, code, message)
    }

    /// This listing never had the thing.
    #[must_use]
    pub fn unknown(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Unknown, code, message)
    }

    /// It contradicts what is already so.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Conflict, code, message)
    }

    /// Not now; later.
    #[must_use]
    pub fn busy(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Busy, code, message)
    }

    /// A rule of ours is broken: the outsider learns only that, the operator learns `note`.
    #[must_use]
    pub fn bug(note: impl Into<String>) -> Self {
        Self::new(
            FaultKind::Bug,
            "bug",
            "internal error; the operator has been told",
        )
        .noted(note)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
