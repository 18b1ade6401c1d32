//! How a purchase stands, for everything that its units can be.

use turnkey_core::purchase::{PurchaseState, UnitState};
use turnkey_core::{OrderState, OrderState as O};

/// One letter for each unit state, in the order of [`UnitState::ALL`]: Waiting, Underway, There,
/// Failed, Cancelled.
const LETTERS: &str = "WUTFC";

/// Every set of unit states, and what a purchase of them is.
const TABLE: [(&str, &str); 6] = [
    (
        "delivering",
        "U WU UT UF UC WUT WUF WUC UTF UTC UFC WUTF WUTC WUFC UTFC WUTFC",
    ),
    ("waiting", "W WT WF WC WTF WTC WFC WTFC"),
    ("partly_delivered", "TF TFC"),
    ("delivered", "T TC"),
    ("failed", "F FC"),
    ("cancelled", "C"),
];

#[test]
fn every_set_of_units_has_its_state() {
    let mut sets = 0;
    for (name, rows) in TABLE {
        for row in rows.split(' ') {
            sets += 1;
            let is_in = |n: &usize| LETTERS.get(*n..=*n).is_some_and(|l| row.contains(l));
            let units: Vec<UnitState> = UnitState::ALL
                .into_iter()
                .enumerate()
                .filter_map(|(n, unit)| is_in(&n).then_some(unit))
                .collect();
            assert_eq!(units.len(), row.len(), "{row}");
            assert_eq!(PurchaseState::of(&units).name(), name, "{row}");
            let twice: Vec<_> = units.iter().rev().chain(&units).copied().collect();
            assert_eq!(PurchaseState::of(&twice).name(), name, "{row} twice");
        }
    }
    assert_eq!(sets, 31, "every set but the empty one");
    assert_eq!(TABLE.map(|(name, _)| name).len(), PurchaseState::ALL.len());
}

#[test]
fn a_unit_stands_as_its_order_does_unless_its_work_was_given_up() {
    for (order, alive, dead) in [
        (O::AwaitingPayment, UnitState::Waiting, UnitState::Waiting),
        (O::Accepted, UnitState::Delivering, UnitState::Failed),
        (O::Fulfilled, UnitState::Delivered, UnitState::Delivered),
        (O::Failed, UnitState::Failed, UnitState::Failed),
        (O::Cancelled, UnitState::Cancelled, UnitState::Cancelled),
    ] {
        assert_eq!(UnitState::of(order, false), alive);
        assert_eq!(UnitState::of(order, true), dead);
    }
    assert_eq!(OrderState::ALL.len(), 5);
}
