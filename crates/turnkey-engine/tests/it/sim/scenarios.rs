//! The stories.

use turnkey_core::{OperationKind as Kind, Slow};

use super::market::Ask::{ChangePlan, Create, Release, Renew, Resume, Suspend};
use super::market::Step::{All, Dead, Echo, Knock, Reopen, Settled, Stock};
use super::market::{Ask, Step};
use super::vendor::Manner;
use super::world::{By, Scenario};

/// Longer than any story.
const DAY_MS: u64 = 24 * 3_600_000;

fn story(steps: impl IntoIterator<Item = Step>) -> Scenario {
    let mut steps: Vec<Step> = steps.into_iter().collect();
    steps.extend([Settled, Echo]);
    Scenario {
        steps,
        manners: &[],
        slow: Slow::Wait,
        by: By::Vendor,
        give_up_after_ms: DAY_MS,
    }
}

fn one(ask: Ask) -> Step {
    All(vec![ask])
}

fn whole_life() -> [Step; 6] {
    [
        one(Create("a")),
        one(Renew("r1", "a")),
        one(ChangePlan("c1", "a")),
        one(Suspend("a")),
        one(Renew("r2", "a")),
        one(Release("a")),
    ]
}

#[test]
fn a_create() {
    story([one(Create("a"))]).survives(60);
}

#[test]
fn duplicates_in_parallel() {
    let duplicates = All(vec![Create("a"); 4]);
    story([duplicates]).survives(40);
}

#[test]
fn two_buyers_at_once() {
    let both = All(vec![Create("a"), Create("b")]);
    let next = All(vec![Renew("r", "a"), Release("b")]);
    story([both, next]).survives(20);
}

#[test]
fn a_whole_life() {
    story(whole_life()).survives(60);
}

#[test]
fn a_whole_life_with_an_immediate_driver() {
    Scenario {
        by: By::Function,
        ..story(whole_life())
    }
    .survives(20);
}

#[test]
fn a_stock_that_runs_out_and_is_filled_again() {
    Scenario {
        by: By::Stock,
        ..story([
            Stock(&["one"]),
            one(Create("a")),
            Knock(Create("b")),
            Knock(Create("c")),
            one(Release("c")),
            Knock(Create("d")),
            Stock(&["two", "three"]),
            All(vec![Create("b"), Create("d")]),
            Stock(&["four"]),
            one(Create("e")),
            one(Release("b")),
        ])
    }
    .survives(60);
}

#[test]
fn many_at_once_for_a_stock_of_two() {
    let all = || All(vec![Create("a"), Create("b"), Create("c"), Create("a")]);
    Scenario {
        by: By::Stock,
        ..story([
            Stock(&["one", "two"]),
            Knock(Create("x")),
            Stock(&["three", "four"]),
            all(),
        ])
    }
    .survives(20);
}

#[test]
fn a_release_while_it_is_provisioned() {
    Scenario {
        manners: &[(Kind::Provision, Manner::NotYet(9))],
        ..story([Knock(Create("a")), one(Release("a"))])
    }
    .survives(20);
}

#[test]
fn an_upgrade_and_a_renewal_in_flight_together() {
    let both = All(vec![ChangePlan("c", "a"), Renew("r", "a")]);
    Scenario {
        manners: &[(Kind::ChangePlan, Manner::Takes(20_000))],
        ..story([one(Create("a")), both])
    }
    .survives(20);
}

#[test]
fn a_driver_that_fails_twice() {
    Scenario {
        manners: &[(Kind::Provision, Manner::Fails(2))],
        ..story([one(Create("a"))])
    }
    .survives(20);
}

#[test]
fn a_driver_that_says_not_yet() {
    Scenario {
        manners: &[(Kind::Provision, Manner::NotYet(3))],
        ..story([one(Create("a"))])
    }
    .survives(20);
}

#[test]
fn a_driver_that_is_slower_than_a_lease() {
    Scenario {
        manners: &[(Kind::Provision, Manner::Takes(45_000))],
        ..story([one(Create("a")), one(Renew("r", "a"))])
    }
    .survives(20);
}

#[test]
fn a_final_no_and_a_retry() {
    Scenario {
        manners: &[(Kind::Provision, Manner::RefusesUntilTold)],
        ..story([one(Create("a")), Reopen(Create("a")), one(Create("a"))])
    }
    .survives(20);
}

#[test]
fn a_final_no_to_what_was_paid() {
    Scenario {
        manners: &[
            (Kind::Renew, Manner::Refuses),
            (Kind::ChangePlan, Manner::Refuses),
        ],
        ..story([
            one(Create("a")),
            one(Renew("r", "a")),
            one(ChangePlan("c", "a")),
        ])
    }
    .survives(20);
}

#[test]
fn a_driver_that_is_given_up_and_a_retry() {
    Scenario {
        manners: &[(Kind::Provision, Manner::FailsUntilTold)],
        give_up_after_ms: 30_000,
        ..story([
            Knock(Create("a")),
            Dead(Create("a")),
            Reopen(Create("a")),
            one(Create("a")),
        ])
    }
    .survives(20);
}

#[test]
fn a_suspend_passes_the_dead() {
    Scenario {
        manners: &[(Kind::Renew, Manner::FailsUntilTold)],
        give_up_after_ms: 30_000,
        ..story([
            one(Create("a")),
            one(Renew("r", "a")),
            Dead(Renew("r", "a")),
            one(Suspend("a")),
            one(Resume("a")),
            one(ChangePlan("c", "a")),
            Reopen(Renew("r", "a")),
        ])
    }
    .survives(20);
}

#[test]
fn a_slow_create_that_is_held() {
    Scenario {
        manners: &[(Kind::Provision, Manner::Takes(600_000))],
        slow: Slow::Hold,
        ..story([All(vec![Create("a"); 2]), Settled, one(Create("a"))])
    }
    .survives(20);
}

#[test]
fn a_held_create_that_is_given_up_and_a_retry() {
    Scenario {
        manners: &[(Kind::Provision, Manner::FailsUntilTold)],
        slow: Slow::Hold,
        give_up_after_ms: 300_000,
        ..story([
            one(Create("a")),
            Dead(Create("a")),
            Reopen(Create("a")),
            Settled,
            one(Create("a")),
        ])
    }
    .survives(20);
}
