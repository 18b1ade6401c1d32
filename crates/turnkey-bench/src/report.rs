//! From rounds to ratios, and whether they are what they should be.

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::measure::{Measured, Plan, Round, Series, Starts};
use crate::scenario::{Host, Kind};
use crate::stats::median;

/// Everything that `--json` prints.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    create_over_verify: Option<f64>,
    create_two_commits_over_verify: Option<f64>,
    duplicate_over_verify: Option<f64>,
    floor_over_verify: Option<f64>,
    openapi_create_over_openapi_verify: Option<f64>,
    group_commit_over_own_transaction: Option<f64>,
    p99_over_verify_p99: Option<f64>,
    ordered_over_empty: Option<f64>,
    random_over_empty: Option<f64>,
    rss_mib_empty: Option<f64>,
    rss_mib_rows: Option<f64>,
    start_to_ready_ms: Option<f64>,
    connections: usize,
    rounds: usize,
    seconds: f64,
    rows: u64,
    is_pinned: bool,
    checks: Vec<Check>,
    scenarios: &'a [Series],
    starts: &'a [Starts],
}

/// A figure that should be at least, or at most, another.
#[derive(Serialize)]
struct Check {
    figure: &'static str,
    wanted: f64,
    is_at_most: bool,
    got: f64,
    is_met: bool,
}

impl<'a> Report<'a> {
    /// The ratios in what was measured.
    pub(crate) fn new(plan: &Plan, measured: &'a Measured) -> Self {
        let all = Ratios(&measured.series);
        let create = |over| all.of(Kind::Create, over, |round| round.per_second);
        let over_verify = |kind| all.of(kind, Kind::Verify, |round| round.per_second);
        let over_empty = |kind| all.of(kind, Kind::Create, |round| round.per_second);
        let starts = measured.starts.iter().filter_map(|s| median(s.ms.clone()));
        let mut report = Self {
            create_over_verify: create(Kind::Verify),
            create_two_commits_over_verify: over_verify(Kind::CreateTwoCommits),
            duplicate_over_verify: over_verify(Kind::Duplicate),
            floor_over_verify: over_verify(Kind::Floor),
            openapi_create_over_openapi_verify: all.of(
                Kind::OpenapiCreate,
                Kind::OpenapiVerify,
                |round| round.per_second,
            ),
            group_commit_over_own_transaction: create(Kind::CreateOwnTransaction),
            p99_over_verify_p99: all.of(Kind::Create, Kind::Verify, |round| round.p99_ms),
            ordered_over_empty: over_empty(Kind::CreateRowsOrdered),
            random_over_empty: over_empty(Kind::CreateRowsRandom),
            rss_mib_empty: all.rss_mib(|host| host == Host::Plain),
            rss_mib_rows: all.rss_mib(|host| matches!(host, Host::Loaded(_))),
            start_to_ready_ms: starts.max_by(f64::total_cmp),
            connections: plan.connections,
            rounds: plan.rounds,
            seconds: plan.lasting.as_secs_f64(),
            rows: plan.rows,
            is_pinned: plan.cores.is_some(),
            checks: Vec::new(),
            scenarios: &measured.series,
            starts: &measured.starts,
        };
        report.checks = report.checks();
        report
    }

    /// Whether every figure is what it should be.
    pub(crate) fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.is_met)
    }

    /// What the figures should be; those that were not measured are left out.
    fn checks(&self) -> Vec<Check> {
        let least = |figure, wanted, got: Option<f64>| (figure, wanted, false, got);
        let most = |figure, wanted, got: Option<f64>| (figure, wanted, true, got);
        [
            least("create ÷ verify", 0.35, self.create_over_verify),
            least(
                "create, two commits ÷ verify",
                0.2,
                self.create_two_commits_over_verify,
            ),
            least(
                "openapi create ÷ openapi verify",
                0.3,
                self.openapi_create_over_openapi_verify,
            ),
            most(
                "p99 of create ÷ p99 of verify",
                10.0,
                self.p99_over_verify_p99,
            ),
            least(
                "group commit ÷ own transaction",
                5.0,
                self.group_commit_over_own_transaction,
            ),
            least(
                "create, ordered rows ÷ create",
                0.9,
                self.ordered_over_empty,
            ),
            least("create, random rows ÷ create", 0.5, self.random_over_empty),
            most("resident MiB, empty", 64.0, self.rss_mib_empty),
            most("resident MiB, with rows", 128.0, self.rss_mib_rows),
            most("start to ready, ms", 100.0, self.start_to_ready_ms),
        ]
        .into_iter()
        .filter_map(|(figure, wanted, is_at_most, got)| {
            let got = got?;
            let is_met = if is_at_most {
                got <= wanted
            } else {
                got >= wanted
            };
            Some(Check {
                figure,
                wanted,
                is_at_most,
                got,
                is_met,
            })
        })
        .collect()
    }

    /// The report for people.
    pub(crate) fn tables(&self) -> String {
        let Self {
            connections,
            rounds,
            seconds,
            rows,
            ..
        } = self;
        let pinned = match self.is_pinned {
            true => "server and load on a core each",
            false => "server and load on the same cores",
        };
        format!(
            "{connections} connections, {rounds} rounds of {seconds} s each, {rows} rows stored \
             before, {pinned}; medians over the rounds\n\n{}\n\n\
             Requests per second and milliseconds mean nothing on another machine; ratios do.\n\n\
             {}\n\n{}",
            self.scenario_table(),
            self.start_table(),
            self.check_table(),
        )
    }

    fn scenario_table(&self) -> Table {
        let all = Ratios(self.scenarios);
        let head = [
            "scenario",
            "÷ verify",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "p99 ÷ verify's",
            "CPU µs each",
            "resident MiB (peak)",
        ];
        let mut table = table(&head);
        for one in self.scenarios {
            let verify = |of: fn(&Round) -> f64| all.of(one.scenario, Kind::Verify, of);
            let memory = one.memory;
            table.add_row(cells([
                one.scenario.name().to_owned(),
                number(verify(|round| round.per_second), 2),
                number(one.median(|round| round.per_second), 0),
                number(one.median(|round| round.p50_ms), 2),
                number(one.median(|round| round.p99_ms), 2),
                number(one.median(|round| round.p999_ms), 2),
                number(verify(|round| round.p99_ms), 1),
                number(one.median(|round| round.cpu_us), 1),
                memory.map_or_else(String::new, |memory| {
                    format!("{:.0} ({:.0})", memory.rss_mib, memory.peak_mib)
                }),
            ]));
        }
        table
    }

    fn start_table(&self) -> Table {
        let mut table = table(&["start to ready, store", "median ms", "slowest ms"]);
        for starts in self.starts {
            let slowest = starts.ms.iter().copied().max_by(f64::total_cmp);
            table.add_row(cells([
                starts.store.to_owned(),
                number(median(starts.ms.clone()), 1),
                number(slowest, 1),
            ]));
        }
        table
    }

    fn check_table(&self) -> Table {
        let mut table = table(&["check", "wanted", "got", ""]);
        for check in &self.checks {
            let bound = if check.is_at_most {
                "at most"
            } else {
                "at least"
            };
            table.add_row(cells([
                check.figure.to_owned(),
                format!("{bound} {}", check.wanted),
                number(Some(check.got), 2),
                (if check.is_met { "ok" } else { "MISSED" }).to_owned(),
            ]));
        }
        table
    }
}

/// Ratios between scenarios.
struct Ratios<'a>(&'a [Series]);

impl Ratios<'_> {
    fn series(&self, kind: Kind) -> Option<&Series> {
        self.0.iter().find(|series| series.scenario == kind)
    }

    /// The median of the ratios within each round: what the machine did besides met both sides.
    fn of(&self, kind: Kind, over: Kind, figure: impl Fn(&Round) -> f64) -> Option<f64> {
        let (these, those) = (self.series(kind)?, self.series(over)?);
        let rounds = these.rounds.iter().zip(&those.rounds);
        median(
            rounds
                .map(|(this, that)| figure(this) / figure(that))
                .collect(),
        )
    }

    /// The most that a server of these hosts has resident.
    fn rss_mib(&self, is_meant: impl Fn(Host) -> bool) -> Option<f64> {
        let meant = self
            .0
            .iter()
            .filter(|series| is_meant(series.scenario.host()));
        let resident = meant
            .filter_map(|series| series.memory)
            .map(|memory| memory.rss_mib);
        resident.max_by(f64::total_cmp)
    }
}

impl Series {
    fn median(&self, figure: impl Fn(&Round) -> f64) -> Option<f64> {
        median(self.rounds.iter().map(figure).collect())
    }
}

/// A table that can be pasted into a page of documentation.
fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(head.iter().copied());
    table
}

fn cells<const N: usize>(texts: [String; N]) -> Vec<Cell> {
    let mut cells: Vec<_> = texts
        .into_iter()
        .map(|text| Cell::new(text).set_alignment(CellAlignment::Right))
        .collect();
    if let Some(first) = cells.first_mut() {
        *first = first.clone().set_alignment(CellAlignment::Left);
    }
    cells
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(scenario: Kind, per_second: &[f64]) -> Series {
        let round = |per_second: &f64| Round {
            requests: 1,
            per_second: *per_second,
            p50_ms: 1.0,
            p99_ms: 2.0,
            p999_ms: 3.0,
            cpu_us: 4.0,
        };
        Series {
            scenario,
            rounds: per_second.iter().map(round).collect(),
            memory: None,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let series = [
            series(Kind::Verify, &[100.0, 10.0, 100.0]),
            series(Kind::Create, &[50.0, 5.0, 40.0]),
        ];
        let ratio = Ratios(&series).of(Kind::Create, Kind::Verify, |round| round.per_second);
        assert_eq!(ratio, Some(0.5));
        let absent = Ratios(&series).of(Kind::Floor, Kind::Verify, |round| round.per_second);
        assert_eq!(absent, None);
    }
}
