//! What happened to an instance: one row for each committed change.

use crate::id::{InstanceId, OrderId};
use crate::operation::OperationKind;
use crate::time::Now;

/// One committed change of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Which instance.
    pub instance: InstanceId,
    /// The instance's version after the change: no two rows share it.
    pub version: u64,
    /// When, on both clocks.
    pub at: Now,
    /// What kind of work it was about.
    pub kind: OperationKind,
    /// How far that work came.
    pub step: Step,
    /// For which order, where there is one.
    pub order: Option<OrderId>,
}

/// How far a piece of work came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Admitted; the driver has still to do it.
    Accepted,
    /// Done by the driver, or nothing was left to do.
    Done,
    /// The driver said a final no.
    Refused,
    /// Given up; needs a person.
    Dead,
    /// Taken up again by a person.
    Reopened,
    /// Taken back before it began.
    Dropped,
    /// Done elsewhere, and taken over by a person.
    Imported,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Done,
        Self::Refused,
        Self::Dead,
        Self::Reopened,
        Self::Dropped,
        Self::Imported,
    ];

    /// The step's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Dead => "dead",
            Self::Reopened => "reopened",
            Self::Dropped => "dropped",
            Self::Imported => "imported",
        }
    }
}
