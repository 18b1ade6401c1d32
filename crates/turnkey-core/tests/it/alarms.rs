//! What needs a person is raised once, and cleared once it is over.

use turnkey_core::decide::alarms::{Heard, Open, REFUSALS_MANY, Refused, Seen, alarms};
use turnkey_core::{
    About, Alarm, AlarmKind, InstanceId, Now, Operation, OperationId, OperationKind,
    OperationState, Reasons, StockLevel, UtcMillis,
};

const HOUR_MS: u64 = 3_600_000;

fn now() -> Now {
    Now {
        wall: UtcMillis(1_800_000_000_000),
        business: UtcMillis(1_900_000_000_000),
    }
}

/// Work that began `hours` ago and may take a day.
fn open(state: OperationState, hours: u64) -> Open {
    let began = now().wall.0 - i64::try_from(hours * HOUR_MS).expect("small");
    Open {
        operation: Operation {
            id: OperationId::new("op-1"),
            instance: InstanceId::new("i-1"),
            kind: OperationKind::Provision,
            seq: 1,
            order: None,
            state,
            attempt: 1,
            due_at: None,
            began_at: Some(UtcMillis(began)),
            fence: 1,
            plan: None,
            period: None,
            reasons: Reasons::NONE,
            note: None,
        },
        listing: "notes".to_owned(),
        limit_ms: Some(24 * HOUR_MS),
    }
}

fn working(open: Open) -> Seen {
    Seen {
        open: vec![open],
        is_all: true,
        ..Seen::default()
    }
}

fn heard(days: Option<u64>) -> Seen {
    let ago = |days| UtcMillis(now().wall.0 - i64::try_from(days * 24 * HOUR_MS).expect("small"));
    Seen {
        heard: vec![Heard {
            listing: "notes".to_owned(),
            last_at: days.map(ago),
            silence_after_ms: 30 * 24 * HOUR_MS,
        }],
        ..Seen::default()
    }
}

fn refused(count: u64) -> Seen {
    Seen {
        refused: vec![Refused {
            listing: "notes".to_owned(),
            reason: "signature_wrong",
            count,
        }],
        ..Seen::default()
    }
}

fn stocked(free: u64) -> Seen {
    let level = StockLevel {
        product: "licence".to_owned(),
        plan: Some("team".to_owned()),
        free,
        taken: 7,
    };
    Seen {
        stock: vec![(level, 3)],
        ..Seen::default()
    }
}

#[test]
fn each_is_raised_at_its_bound_and_not_before() {
    use OperationState as S;
    let never = Open {
        limit_ms: None,
        ..open(S::Retrying, 9_999)
    };
    for (seen, raised) in [
        (working(open(S::Retrying, 11)), None),
        (working(open(S::Retrying, 12)), Some("giving_up op-1")),
        (working(open(S::Leased, 30)), Some("giving_up op-1")),
        (working(never), None),
        (working(open(S::Dead, 0)), Some("dead_letter op-1")),
        (heard(None), None),
        (heard(Some(29)), None),
        (heard(Some(30)), Some("silence notes")),
        (refused(REFUSALS_MANY - 1), None),
        (
            refused(REFUSALS_MANY),
            Some("signatures_refused notes signature_wrong"),
        ),
        (stocked(3), None),
        (stocked(2), Some("stock_low licence, plan team")),
    ] {
        let turn = alarms(&seen, &[], now());
        let said: Vec<_> = turn
            .raise
            .iter()
            .map(|alarm| format!("{} {}", alarm.kind.name(), alarm.subject))
            .collect();
        assert_eq!(said, Vec::from_iter(raised.map(str::to_owned)), "{seen:?}");
        assert_eq!(turn.clear, []);

        // What is raised is raised once, and over when nothing is to be seen of it.
        assert!(alarms(&seen, &turn.raise, now()).raise.is_empty());
        let all = Seen {
            is_all: true,
            ..Seen::default()
        };
        let over = alarms(&all, &turn.raise, now());
        let was = |alarm: &Alarm| (alarm.kind, alarm.subject.clone());
        assert_eq!(over.clear, turn.raise.iter().map(was).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_is_over_that_was_not_looked_at_or_is_anothers() {
    let alarm = |kind| Alarm::new(kind, "op-1", About::default(), now(), "x");
    let raised = AlarmKind::ALL.map(alarm);
    let cleared = |is_all| {
        let seen = Seen {
            is_all,
            ..Seen::default()
        };
        let turn = alarms(&seen, &raised, now());
        turn.clear
            .into_iter()
            .map(|(kind, _)| kind)
            .collect::<Vec<_>>()
    };
    let by_state = [
        AlarmKind::Silence,
        AlarmKind::SignaturesRefused,
        AlarmKind::StockLow,
    ];
    assert_eq!(cleared(false), by_state);
    let of_work = [
        AlarmKind::GivingUp,
        AlarmKind::Silence,
        AlarmKind::DeadLetter,
    ];
    assert_eq!(cleared(true)[..3], of_work);
    assert_eq!(cleared(true).len(), 5);
}
