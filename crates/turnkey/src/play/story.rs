//! The story that `turnkey clock advance --play` tells of every instance: what its marketplace asks
//! for, and when.
//!
//! ```text
//!  bought ──┤ end: renew ──┤ … ──┤ end: expire ─ late ─ renew, which resumes ─ a day ─ upgrade ──┤ end: expire ─ keep ─ delete
//!            └─ `renewals` times ┘
//! ```
//!
//! It is pure: from an instance and how far its story has come follows what is next. So a story that
//! was broken off goes on where it was, and nothing of it is remembered outside of the orders.

use std::time::Duration;

use turnkey_core::{Instance, InstanceState, OrderKey, UtcMillis};

/// From the renewal that resumes to the upgrade.
const UPGRADE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Most renewals of one story: nearly ten years of months.
pub(crate) const RENEWALS_MAX: u32 = 119;

/// Longest pause in a story.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// How the story goes. By default a year of months with all that follows fits into 400 days, leap
/// year or not: 366 + 2 + 31 + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    /// How often it is renewed in time.
    pub(crate) renewals: u32,
    /// How long after its first expiry it is renewed once more.
    pub(crate) late: Duration,
    /// How long after its second expiry it is deleted.
    pub(crate) keep: Duration,
}

impl Default for Story {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self {
            renewals: 11,
            late: days(2),
            keep: days(1),
        }
    }
}

/// What the marketplace asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The how-manieth renewal, from 1. The one after the last in time resumes.
    Renew(u32),
    /// Another plan, where there is one.
    Upgrade,
    /// The term is over.
    Expire,
    /// The buyer does not want it any more.
    Delete,
}

impl Step {
    /// The action of the dialects that says it.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::Renew(_) => "renew",
            Self::Upgrade => "upgrade",
            Self::Expire => "expire",
            Self::Delete => "delete",
        }
    }

    /// The marketplace's key for the order, where it is one: the same whenever the story is told.
    pub(crate) fn order(self, instance: &Instance) -> Option<OrderKey> {
        let id = &instance.id;
        match self {
            Self::Renew(n) => Some(OrderKey::new(format!("play-{id}-r{n}"))),
            Self::Upgrade => Some(OrderKey::new(format!("play-{id}-u1"))),
            Self::Expire | Self::Delete => None,
        }
    }
}

/// How far the story of an instance has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SoFar {
    /// Renewals that were taken.
    pub(crate) renewals: u32,
    /// When the newest of them was, on the business clock.
    pub(crate) renewed_at: UtcMillis,
    /// Whether the upgrade was taken.
    pub(crate) is_upgraded: bool,
}

impl Story {
    /// What is next, and when; nothing once the instance is over, or when it never came to be.
    pub(crate) fn next(&self, instance: &Instance, so_far: SoFar) -> Option<(UtcMillis, Step)> {
        let ends_at = instance.term.ends_at;
        let is_resumed = so_far.renewals > self.renewals;
        let after = |at: UtcMillis, pause: Duration| {
            at.plus_ms(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
        };
        match instance.state {
            InstanceState::Running if so_far.renewals < self.renewals => {
                Some((ends_at, Step::Renew(so_far.renewals + 1)))
            }
            InstanceState::Running if is_resumed && !so_far.is_upgraded => {
                let at = after(so_far.renewed_at, UPGRADE_AFTER);
                Some((at.min(ends_at), Step::Upgrade))
            }
            InstanceState::Running => Some((ends_at, Step::Expire)),
            InstanceState::Suspended => {
                let since = instance.suspended_at.unwrap_or(ends_at);
                Some(match is_resumed {
                    false => (after(since, self.late), Step::Renew(so_far.renewals + 1)),
                    true => (after(since, self.keep), Step::Delete),
                })
            }
            InstanceState::Provisioning
            | InstanceState::Failed
            | InstanceState::Releasing
            | InstanceState::Released => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnkey_core::{Ends, InstanceId, OrderId, Period, Reasons, Term, Unit};
    use turnkey_testkit::sample::NOON;

    const DAY_MS: u64 = 24 * 3_600_000;

    fn month() -> Period {
        Period::new(1, Unit::Month).unwrap()
    }

    fn zone() -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn bought(at: UtcMillis) -> Instance {
        Instance {
            id: InstanceId::new("i-1"),
            listing: "notes".to_owned(),
            product: "notes".to_owned(),
            plan: "team".to_owned(),
            buyer: "usr-1".to_owned(),
            context: std::collections::BTreeMap::new(),
            access: None,
            term: Term::begin(at, month(), &zone(), Ends::Exact).unwrap(),
            state: InstanceState::Running,
            reasons: Reasons::NONE,
            order: OrderId::new("o-1"),
            delivered: true,
            suspended_at: None,
            lifted_signed_at: None,
            version: 1,
        }
    }

    /// Tells the whole story of an instance that is bought at `at`; every step is taken at its
    /// moment. Each line is the day, counted from there, and the step.
    fn told(story: Story, at: UtcMillis) -> Vec<(u64, Step)> {
        let (mut instance, mut so_far, mut told) = (bought(at), SoFar::default(), Vec::new());
        while let Some((now, step)) = story.next(&instance, so_far) {
            told.push((now.ms_since(at).div_ceil(DAY_MS), step));
            match step {
                Step::Renew(n) => {
                    so_far.renewals = n;
                    so_far.renewed_at = now;
                    let term = instance.term.extend(now, month(), &zone(), Ends::Exact);
                    instance.term = term.unwrap();
                    instance.state = InstanceState::Running;
                    instance.suspended_at = None;
                }
                Step::Upgrade => so_far.is_upgraded = true,
                Step::Expire => {
                    instance.state = InstanceState::Suspended;
                    instance.suspended_at = Some(now);
                }
                Step::Delete => instance.state = InstanceState::Released,
            }
        }
        told
    }

    #[test]
    fn a_story_is_a_year_an_expiry_a_resume_an_upgrade_and_a_deletion() {
        let story = Story {
            renewals: 2,
            ..Story::default()
        };
        // It is bought on the 31st of January 2026.
        assert_eq!(
            told(story, NOON),
            [
                (28, Step::Renew(1)),
                (59, Step::Renew(2)),
                (89, Step::Expire),
                (91, Step::Renew(3)),
                (92, Step::Upgrade),
                (122, Step::Expire),
                (123, Step::Delete),
            ],
        );
    }

    #[test]
    fn the_usual_story_of_months_fits_into_400_days_whenever_it_begins() {
        // Four years have every length that a year can have, and every month.
        for day in 0..4 * 366 {
            let story = told(Story::default(), NOON.plus_ms(day * DAY_MS));
            assert_eq!(story.len(), 16, "{story:?}");
            let (last, step) = story[15];
            assert_eq!(step, Step::Delete);
            assert!(last <= 400, "begun on day {day}: {story:?}");
        }
    }

    #[test]
    fn a_story_without_renewals_in_time_begins_with_the_expiry() {
        let story = Story {
            renewals: 0,
            ..Story::default()
        };
        let steps: Vec<_> = told(story, NOON)
            .into_iter()
            .map(|(_, step)| step)
            .collect();
        let end = [Step::Upgrade, Step::Expire, Step::Delete];
        assert_eq!(steps[..2], [Step::Expire, Step::Renew(1)]);
        assert_eq!(steps[2..], end);
    }

    #[test]
    fn what_somebody_else_expired_is_renewed_late_and_goes_on() {
        let mut instance = bought(NOON);
        instance.state = InstanceState::Suspended;
        instance.suspended_at = Some(NOON);
        let next = Story::default().next(&instance, SoFar::default());
        assert_eq!(next, Some((NOON.plus_ms(2 * DAY_MS), Step::Renew(1))));
    }

    #[test]
    fn nothing_is_told_of_what_never_came_to_be_or_is_gone() {
        for state in [
            InstanceState::Provisioning,
            InstanceState::Failed,
            InstanceState::Releasing,
            InstanceState::Released,
        ] {
            let instance = Instance {
                state,
                ..bought(NOON)
            };
            assert_eq!(Story::default().next(&instance, SoFar::default()), None);
        }
    }

    #[test]
    fn orders_have_the_same_key_whenever_the_story_is_told() {
        let key = |step: Step| step.order(&bought(NOON)).map(|key| key.as_str().to_owned());
        assert_eq!(key(Step::Renew(3)).as_deref(), Some("play-i-1-r3"));
        assert_eq!(key(Step::Upgrade).as_deref(), Some("play-i-1-u1"));
        assert_eq!(key(Step::Expire), None);
    }
}
