//! What design §3 ("term") and §5 ("sweeper") say becomes of an instance, computed anew: with
//! calendar arithmetic of its own, and one instance at a time. Nothing here knows the rules' code.

/// A day, in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// How far Shanghai is ahead of UTC: it has had no summer time since 1991.
const AHEAD: i64 = 8 * 3_600_000;

/// How many days ahead of an end a reminder is due.
const REMINDERS: [i64; 5] = [30, 15, 7, 3, 1];

/// What was bought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bought {
    /// When, in UTC milliseconds.
    pub(super) at: i64,
    /// For how many months.
    pub(super) months: i64,
    /// Whether terms end with the local day.
    pub(super) whole_days: bool,
    /// Whether it renews itself.
    pub(super) renews: bool,
    /// How long it is kept after its end.
    pub(super) grace: i64,
}

/// What has become of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) ends: i64,
    /// When the period that runs now began.
    pub(super) from: i64,
    pub(super) state: &'static str,
    /// When it was renewed.
    pub(super) renewed: Vec<i64>,
    /// When it was reminded of.
    pub(super) reminded: Vec<i64>,
    /// What happened to it, and when.
    pub(super) history: Vec<(&'static str, i64)>,
}

/// The fate of what was `bought`, at `now`.
pub(super) fn fate(bought: Bought, now: i64) -> Fate {
    let end = |periods: i64| later(bought.at, periods * bought.months, bought.whole_days);
    let mut fate = Fate {
        ends: end(1),
        from: bought.at,
        state: "running",
        renewed: Vec::new(),
        reminded: Vec::new(),
        history: vec![("provision", bought.at)],
    };
    for periods in 2.. {
        let reminders = REMINDERS.map(|days| fate.ends - days * DAY);
        let due = reminders
            .into_iter()
            .filter(|at| *at > fate.from && *at <= now);
        fate.reminded.extend(due);
        if fate.ends > now {
            break;
        }
        if !bought.renews {
            fate.state = "suspended";
            fate.history.push(("suspend", fate.ends));
            if fate.ends + bought.grace <= now {
                fate.state = "released";
                fate.history.push(("release", fate.ends + bought.grace));
            }
            break;
        }
        fate.renewed.push(fate.ends);
        fate.history.push(("renew", fate.ends));
        fate.from = fate.ends;
        fate.ends = end(periods);
    }
    fate
}

/// `months` after `at` by the local calendar: the same day and time, or the last day of a month
/// that is shorter; or the midnight that ends that day.
pub(super) fn later(at: i64, months: i64, whole_days: bool) -> i64 {
    let local = at + AHEAD;
    let (year, month, day) = date(local.div_euclid(DAY));
    let months = year * 12 + month - 1 + months;
    let (year, month) = (months / 12, months % 12 + 1);
    let day = number(year, month, day.min(length(year, month)));
    let time = if whole_days {
        DAY
    } else {
        local.rem_euclid(DAY)
    };
    day * DAY + time - AHEAD
}

/// The moment of a local date and time of day.
pub(super) fn local(year: i64, month: i64, day: i64, time: i64) -> i64 {
    number(year, month, day) * DAY + time - AHEAD
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day, counted from 1 January 1970, one month and one year at a time.
fn number(year: i64, month: i64, day: i64) -> i64 {
    let years = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 });
    let months = (1..month).map(|month| length(year, month));
    years.sum::<i64>() + months.sum::<i64>() + day - 1
}

fn date(mut number: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    loop {
        for month in 1..=12 {
            if number < length(year, month) {
                return (year, month, number + 1);
            }
            number -= length(year, month);
        }
        year += 1;
    }
}

#[test]
fn the_model_has_the_calendar_of_the_contract() {
    let noon = DAY / 2;
    let begin = local(2026, 1, 31, noon);
    assert_eq!(begin, 1_769_832_000_000, "2026-01-31T04:00:00Z");
    assert_eq!(later(begin, 1, false), local(2026, 2, 28, noon));
    assert_eq!(later(begin, 2, false), local(2026, 3, 31, noon));
    assert_eq!(later(begin, 25, false), local(2028, 2, 29, noon));
    // The worked example of jdcloud-bastion.md §2.3.
    let begin = local(2017, 8, 2, 10 * 3_600_000);
    assert_eq!(later(begin, 6, true), local(2018, 2, 3, 0));
}
