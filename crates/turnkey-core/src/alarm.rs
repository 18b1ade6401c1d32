//! What needs a person: raised once, there until it is over, cleared once.
//!
//! A stored alarm *is* the state "somebody must look"; that it began and ended are two events.

use crate::event::About;
use crate::limits::cut;
use crate::time::Now;

/// One thing that needs a person. There is at most one of a kind and subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// With what: the id or name that makes it one alarm and not two.
    pub subject: String,
    /// What is known of it.
    pub about: About,
    /// Since when, on both clocks.
    pub since: Now,
    /// In words, for the operator: the thing and the rule. Never a secret.
    pub message: String,
}

/// What can be alarming: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// An order is not done, and its marketplace or our patience is about to give it up.
    GivingUp,
    /// A listing that was called is not called any more.
    Silence,
    /// An operation was given up.
    DeadLetter,
    /// Calls are refused for the same reason more often than by chance.
    SignaturesRefused,
    /// A product's stock is nearly used up.
    StockLow,
    /// A call was answered with holding links, and then its delivery failed.
    DeliveredInNameOnly,
    /// An operation's row cannot be read, so its work cannot be done.
    Unclaimable,
    /// Our own clock removes nothing any more until a person has looked.
    SweeperStopped,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::GivingUp,
        Self::Silence,
        Self::DeadLetter,
        Self::SignaturesRefused,
        Self::StockLow,
        Self::DeliveredInNameOnly,
        Self::Unclaimable,
        Self::SweeperStopped,
    ];

    /// The kind's name: as stored, in logs, and as the label of a metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GivingUp => "giving_up",
            Self::Silence => "silence",
            Self::DeadLetter => "dead_letter",
            Self::SignaturesRefused => "signatures_refused",
            Self::StockLow => "stock_low",
            Self::DeliveredInNameOnly => "delivered_in_name_only",
            Self::Unclaimable => "unclaimable",
            Self::SweeperStopped => "sweeper_stopped",
        }
    }
}

impl Alarm {
    /// An alarm about `subject`, which is raised at `since`.
    #[must_use]
    pub fn new(
        kind: AlarmKind,
        subject: impl Into<String>,
        about: About,
        since: Now,
        message: impl AsRef<str>,
    ) -> Self {
        Self {
            kind,
            subject: subject.into(),
            about,
            since,
            message: cut(message.as_ref()),
        }
    }
}
