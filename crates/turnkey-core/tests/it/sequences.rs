//! Everything that can happen, in every order, to a few instances at once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use turnkey_core::decide::{Admitted, Change, Flag, Outcome};
use turnkey_core::ports::{Reported, Verdict, Work};
use turnkey_core::{
    Call, Digest, Fault, FaultKind, InstanceId, Intent, OrderKey, OrderRef, Period, Reason, Unit,
    UtcMillis,
};
use turnkey_testkit::sample;

use crate::invariants;
use crate::world::{World, done};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody calls.
    Call(Ask, bool),
    /// The runner takes everything that is due.
    Claim,
    /// The driver answers the newest work handed out, or an older one.
    Report(usize, Verdict),
    /// The runner takes everything, and the driver answers all of it.
    Run(Verdict),
    /// The process dies and starts again.
    Restart,
    /// A person takes something up again.
    Reopen(usize),
    /// Time passes.
    Advance(u64),
    /// An immediate driver changes its mind.
    Mood(Verdict),
}

/// What is asked, with small numbers where names will stand: so calls meet.
#[derive(Clone, Debug)]
struct Ask {
    what: What,
    /// Which instance, of those that exist; beyond them: one that does not.
    instance: usize,
    /// Which order key.
    key: u8,
    /// Bit 0: which plan. The rest: other content.
    content: u8,
    period: (u32, Unit),
    by: Reason,
    /// When it was signed, in milliseconds from now; an operator signs nothing.
    signed: i64,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Create,
    Renew,
    ChangePlan,
    Suspend,
    Resume,
    Release,
    Ping,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        3 => Just(What::Create),
        3 => Just(What::Renew),
        3 => Just(What::ChangePlan),
        4 => Just(What::Suspend),
        4 => Just(What::Resume),
        2 => Just(What::Release),
        1 => Just(What::Ping),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let unit = prop_oneof![Just(Unit::Day), Just(Unit::Month), Just(Unit::Year)];
    let by = prop_oneof![
        3 => Just(Reason::Marketplace),
        1 => Just(Reason::Operator),
        1 => Just(Reason::Term),
    ];
    let content = prop_oneof![8 => 0..2_u8, 1 => 2..4_u8];
    let signed = prop_oneof![4 => Just(0), 1 => -200_000..200_000_i64];
    (
        what(),
        0..4_usize,
        0..6_u8,
        content,
        (1..40_u32, unit),
        by,
        signed,
    )
        .prop_map(|(what, instance, key, content, period, by, signed)| Ask {
            what,
            instance,
            key,
            content,
            period,
            by,
            signed,
        })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        6 => Just(Verdict::Done(None)),
        3 => Just(Verdict::No("sold out".to_owned())),
        1 => Just(Verdict::NotYet(None)),
        1 => (0..100_000_u64).prop_map(|ms| Verdict::NotYet(Some(ms))),
        3 => Just(Verdict::Retry("connection refused".to_owned())),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (ask(), prop::bool::weighted(0.1)).prop_map(|(ask, dry)| Event::Call(ask, dry)),
        2 => Just(Event::Claim),
        3 => (0..4_usize, verdict()).prop_map(|(back, verdict)| Event::Report(back, verdict)),
        6 => verdict().prop_map(Event::Run),
        1 => Just(Event::Restart),
        3 => (0..12_usize).prop_map(Event::Reopen),
        2 => prop_oneof![Just(1000_u64), Just(40_000), Just(25 * 3_600_000), Just(40 * 86_400_000)]
            .prop_map(Event::Advance),
        1 => verdict().prop_map(Event::Mood),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_driven_world_keeps_its_promises(events in prop::collection::vec(event(), 1..60)) {
        play(World::driven(), events);
    }

    #[test]
    fn an_immediate_world_keeps_its_promises(events in prop::collection::vec(event(), 1..60)) {
        play(World::immediate(), events);
    }
}

fn play(mut world: World, events: Vec<Event>) {
    let mut named = BTreeMap::new();
    for event in events {
        match event {
            Event::Call(ask, dry_run) => call(&mut world, &ask, dry_run, &mut named),
            Event::Claim => {
                world.claim();
            }
            Event::Report(back, verdict) => report(&mut world, back, &verdict),
            Event::Run(Verdict::Done(_)) => {
                world.run(None);
            }
            Event::Run(verdict) => {
                world.run(Some(&verdict));
            }
            Event::Restart => world.restart(),
            Event::Reopen(n) => {
                let ids = world.reopenable();
                if let Some(id) = ids.iter().nth(n) {
                    // What can be reopened and what not, `cases` tells; here it only must not
                    // break anything.
                    let _ = world.reopen(id);
                }
            }
            Event::Advance(ms) => world.advance(ms),
            Event::Mood(verdict) => world.mood(verdict),
        }
        invariants::check(&world);
    }
    world.drain();
    invariants::check(&world);
    invariants::check_drained(&world);
}

fn report(world: &mut World, back: usize, verdict: &Verdict) {
    let Some(work) = world.claimed.iter().rev().nth(back).cloned() else {
        return;
    };
    let verdict = match verdict {
        Verdict::Done(_) => done(&work),
        Verdict::NotYet(_) | Verdict::No(_) | Verdict::Retry(_) => verdict.clone(),
    };
    let is_newest = |other: &Work| other.operation != work.operation || other.fence <= work.fence;
    let is_newest = world.claimed.iter().all(is_newest);
    let reported = world.report(&work, &verdict);
    assert!(
        is_newest || reported == Reported::Stale,
        "only the newest claim counts"
    );
    assert_eq!(
        world.report(&work, &verdict),
        Reported::Stale,
        "a report counts once"
    );
}

fn call(world: &mut World, ask: &Ask, dry_run: bool, named: &mut BTreeMap<OrderKey, InstanceId>) {
    let call = spell(world, ask, dry_run);
    let order = call.subject().order.map(|(kind, key)| (kind, key.clone()));
    let known = order.and_then(|(kind, key)| {
        let fits = |o: &&turnkey_core::Order| o.kind == kind && o.key == key;
        world.orders.values().find(fits).cloned()
    });
    let first = world.admit(call.clone());
    if dry_run {
        leaves_no_trace(&first);
        return;
    }
    if let Some(known) = known {
        let (content, _) = order_of(&call.intent).expect("it has an order");
        let writes = first.as_ref().is_ok_and(|(_, changes)| !changes.is_empty());
        assert!(!writes, "a known order changes nothing");
        let mismatch = first
            .as_ref()
            .is_err_and(|f| f.code == "order_content_differs");
        assert_eq!(mismatch, known.content != content, "{first:?}");
    }
    let Ok((admitted, _)) = &first else { return };
    if let Ok(Outcome::Delivered { instance, .. } | Outcome::NotReady { instance }) =
        &admitted.answer
    {
        let (_, key) = order_of(&call.intent).expect("only a create is told an instance");
        let first = named.entry(key).or_insert_with(|| instance.clone());
        assert_eq!(first, instance, "every answer names the same instance");
    }
    repeat_is_idle(world, call, admitted);
}

fn leaves_no_trace(answer: &Result<(Admitted, Vec<Change>), Fault>) {
    let Ok((admitted, changes)) = answer else {
        return;
    };
    assert_eq!(changes, &[], "a dry run writes nothing");
    assert_eq!(admitted.waits_for, None, "a dry run waits for nothing");
    if let Ok(Outcome::Delivered { instance, .. }) = &admitted.answer {
        assert!(instance.is_dry_of("notes-market"));
    }
}

/// The same call once more, before anything else happens.
fn repeat_is_idle(world: &mut World, call: Call, first: &Admitted) {
    let has_order = order_of(&call.intent).is_some();
    if first.answer.is_err() && !has_order {
        // A final no puts it back, so that a repeat does it again.
        return;
    }
    let is_release = matches!(call.intent, Intent::Release(_));
    let again = world.admit(call);
    match (again, &first.answer) {
        (Ok((again, changes)), answer) => {
            assert_eq!(changes, [], "a repeat changes nothing");
            if is_release && again.answer == Ok(Outcome::Gone) {
                return;
            }
            assert_eq!(&again.answer, answer, "a repeat is answered alike");
            if has_order {
                assert!(again.flags.contains(&Flag::Repeat));
            }
        }
        (Err(again), Err(fault)) => assert_eq!(&again, fault, "a repeat fails alike"),
        (Err(again), Ok(_)) => panic!("{again:?} after success"),
    }
}

fn order_of(intent: &Intent) -> Option<(Digest, OrderKey)> {
    let order = match intent {
        Intent::Create(create) => &create.order,
        Intent::Buy(purchase) => &purchase.order,
        Intent::Renew(renew) => &renew.order,
        Intent::ChangePlan(change) => &change.order,
        Intent::Suspend(..)
        | Intent::Resume(..)
        | Intent::Release(_)
        | Intent::Amend(..)
        | Intent::Look(_)
        | Intent::Ping => return None,
    };
    Some((order.content, order.key.clone()))
}

fn spell(world: &World, ask: &Ask, dry_run: bool) -> Call {
    let nobody = InstanceId::new("i-nobody");
    let id = world.instances.keys().nth(ask.instance).unwrap_or(&nobody);
    let (count, unit) = ask.period;
    let period = Period::new(count, unit).unwrap();
    let (spec, package) = if ask.content & 1 == 0 {
        ("规格", Some("套餐"))
    } else {
        ("solo", None)
    };
    let package = package.map(str::to_owned);
    let key = format!("k-{}", ask.key);
    let content = format!("{}/{}/{period}", ask.content, id);
    let order = OrderRef {
        key: OrderKey::new(&key),
        content: Digest::of(&[("all", Some(&content))]),
    };
    let intent = match ask.what {
        What::Create => {
            let Intent::Create(mut create) = sample::create(&key) else {
                unreachable!()
            };
            create.order.content = Digest::of(&[("plan", Some(&ask.content.to_string()))]);
            (create.spec, create.package) = (spec.to_owned(), package);
            Intent::Create(create)
        }
        What::Renew => {
            let Intent::Renew(mut renew) = sample::renew(&key, id) else {
                unreachable!()
            };
            (renew.order, renew.period) = (order, period);
            Intent::Renew(renew)
        }
        What::ChangePlan => {
            let Intent::ChangePlan(mut change) = sample::change_plan(&key, id) else {
                unreachable!()
            };
            (change.order, change.period) = (order, period);
            (change.spec, change.package) = (spec.to_owned(), package);
            Intent::ChangePlan(change)
        }
        What::Suspend => Intent::Suspend(id.clone(), ask.by),
        What::Resume => Intent::Resume(id.clone(), ask.by),
        What::Release => Intent::Release(id.clone()),
        What::Ping => Intent::Ping,
    };
    let signed_at: Option<UtcMillis> =
        (ask.by == Reason::Marketplace).then(|| world.signed(ask.signed));
    Call {
        caller: None,
        intent,
        dry_run,
        signed_at,
    }
}

#[test]
fn a_call_that_names_nobody_is_unknown() {
    let mut world = World::driven();
    let nobody = InstanceId::new("i-nobody");
    let intents = [
        sample::renew("k", &nobody),
        sample::change_plan("k", &nobody),
        sample::suspend(&nobody),
        sample::resume(&nobody),
        sample::release(&nobody),
    ];
    for intent in intents {
        let fault = world.call(intent).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unknown);
    }
}
