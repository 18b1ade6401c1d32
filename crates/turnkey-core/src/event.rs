//! What a person may want to know of, kept: who looked at an access, what was alarming and when it
//! was over, what somebody did by hand.
//!
//! It is *not* the history of an instance ([`crate::history`] has every change of one, for ever)
//! and not the call log. Events are few, bounded in number, newest first, and hold no secret.

use crate::alarm::Alarm;
use crate::id::{EventId, InstanceId, OperationId, OrderId};
use crate::limits::cut;
use crate::time::Now;

/// Events that are kept at the most: some years' worth of a busy shop, some dozen megabytes.
pub const EVENTS_KEPT_MAX: usize = 100_000;

/// How long an event is kept, in milliseconds: a year and a month, so that a yearly renewal can
/// still be compared with the one before.
pub const EVENTS_KEPT_MS: u64 = 400 * 86_400_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time-ordered, so that the newest come first.
    pub id: EventId,
    /// When, on both clocks.
    pub at: Now,
    /// What happened.
    pub kind: EventKind,
    /// What it is about.
    pub about: About,
    /// Who did it: the name of an admin token. Nobody did what happened by itself.
    pub by: Option<String>,
    /// In words, for the operator. Never a secret.
    pub message: String,
}

/// What an event or an alarm is about; whatever is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct About {
    /// The listing's name.
    pub listing: Option<String>,
    /// The instance.
    pub instance: Option<InstanceId>,
    /// The order.
    pub order: Option<OrderId>,
    /// The operation.
    pub operation: Option<OperationId>,
}

/// What kind of thing happened: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Something needs a person.
    AlarmRaised,
    /// It needs nobody any more.
    AlarmCleared,
    /// The bearer of a holding link was shown account and password.
    AccessRevealed,
    /// Somebody read an access through the admin API.
    AccessRead,
    /// A call was answered with holding links, and then its delivery failed.
    DeliveredInNameOnly,
    /// A key was used for the first time since it was configured.
    KeyFirstUsed,
    /// Keys were read again.
    KeysReloaded,
    /// Somebody changed something by hand: a retry, a release, an import, a delivery, stock.
    OperatorActed,
    /// A term ends soon.
    Reminder,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::AlarmRaised,
        Self::AlarmCleared,
        Self::AccessRevealed,
        Self::AccessRead,
        Self::DeliveredInNameOnly,
        Self::KeyFirstUsed,
        Self::KeysReloaded,
        Self::OperatorActed,
        Self::Reminder,
    ];

    /// The kind's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AlarmRaised => "alarm_raised",
            Self::AlarmCleared => "alarm_cleared",
            Self::AccessRevealed => "access_revealed",
            Self::AccessRead => "access_read",
            Self::DeliveredInNameOnly => "delivered_in_name_only",
            Self::KeyFirstUsed => "key_first_used",
            Self::KeysReloaded => "keys_reloaded",
            Self::OperatorActed => "operator_acted",
            Self::Reminder => "reminder",
        }
    }
}

/// Which events are asked for: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only about this listing.
    pub listing: Option<String>,
    /// Only about this instance.
    pub instance: Option<InstanceId>,
    /// Only about this order.
    pub order: Option<OrderId>,
    /// Only about this operation.
    pub operation: Option<OperationId>,
}

impl Event {
    /// An event whose id follows from what it is about: a rule can make one without randomness,
    /// and the same one made twice is one. `once` tells apart what may happen several times in one
    /// millisecond to the same thing.
    #[must_use]
    pub fn new(
        at: Now,
        kind: EventKind,
        about: About,
        once: &str,
        message: impl AsRef<str>,
    ) -> Self {
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let parts = [
            kind.name().to_owned(),
            part(about.listing.as_deref()),
            part(about.instance.as_ref().map(InstanceId::as_str)),
            part(about.order.as_ref().map(OrderId::as_str)),
            part(about.operation.as_ref().map(OperationId::as_str)),
            once.to_owned(),
        ];
        Self {
            id: EventId::of(at.wall, parts.iter().map(String::as_str)),
            at,
            kind,
            about,
            by: None,
            message: cut(message.as_ref()),
        }
    }

    /// The same event, done by the holder of the admin token `name`.
    #[must_use]
    pub fn by(mut self, name: &str) -> Self {
        self.by = Some(cut(name));
        self
    }

    /// The event that tells of `alarm`.
    #[must_use]
    pub fn raised(alarm: &Alarm) -> Self {
        Self::of_alarm(alarm, alarm.since, EventKind::AlarmRaised)
    }

    /// The event that tells that `alarm` was over at `at`.
    #[must_use]
    pub fn cleared(alarm: &Alarm, at: Now) -> Self {
        Self::of_alarm(alarm, at, EventKind::AlarmCleared)
    }

    fn of_alarm(alarm: &Alarm, at: Now, kind: EventKind) -> Self {
        let name = alarm.kind.name();
        let once = format!("{name} {}", alarm.subject);
        let message = format!("{name}: {}", alarm.message);
        Self::new(at, kind, alarm.about.clone(), &once, message)
    }
}
