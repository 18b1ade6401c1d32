//! Single stories, named for what they show. Every one of them went wrong once.

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Reported, Verdict};
use turnkey_core::{
    FaultKind, Instance, InstanceId, InstanceState, Intent, OperationKind, OperationState,
    OrderState, Reason,
};
use turnkey_testkit::sample;

use crate::invariants;
use crate::world::{World, done};

/// A running instance in a world whose driver is asked by a runner.
fn running() -> (World, InstanceId) {
    let mut world = World::driven();
    world.call(sample::create("k")).unwrap();
    world.run(None);
    let id = world.instances.keys().next().unwrap().clone();
    (world, id)
}

fn instance<'a>(world: &'a World, id: &InstanceId) -> &'a Instance {
    &world.instances[id]
}

fn kinds(world: &World, id: &InstanceId) -> Vec<(OperationKind, OperationState)> {
    let own = world.operations_of(id);
    own.iter().map(|o| (o.kind, o.state)).collect()
}

fn operator_suspends(id: &InstanceId) -> Intent {
    Intent::Suspend(id.clone(), Reason::Operator)
}

fn no() -> Verdict {
    Verdict::No("not today".to_owned())
}

/// The driver fails for longer than anybody waits.
fn dies(world: &mut World) {
    let broken = Verdict::Retry("connection refused".to_owned());
    world.run(Some(&broken));
    world.advance(25 * 3_600_000);
    assert_eq!(
        world.run(Some(&broken)),
        [Reported::Dead {
            in_name_only: false
        }]
    );
}

fn drained(mut world: World) -> World {
    world.drain();
    invariants::check(&world);
    invariants::check_drained(&world);
    world
}

#[test]
fn a_late_answer_from_before_a_reopen_is_stale() {
    let mut world = World::driven();
    world.call(sample::create("k")).unwrap();
    let lost = world.claim().remove(0);
    world.advance(40_000);
    world.run(Some(&no()));
    world.reopen(&lost.operation).unwrap();
    let held = world.claim().remove(0);
    assert_eq!(held.operation, lost.operation, "the key is the same");
    assert_eq!(world.report(&lost, &no()), Reported::Stale);
    assert!(matches!(
        world.report(&held, &done(&held)),
        Reported::Over { end: Ok(_), .. }
    ));
}

#[test]
fn a_refused_suspend_takes_every_reason_with_it() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.call(operator_suspends(&id)).unwrap();
    world.run(Some(&no()));
    assert_eq!(instance(&world, &id).state, InstanceState::Running);
    world.call(operator_suspends(&id)).unwrap();
    world.run(None);
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn a_refused_suspend_does_not_undo_a_later_one() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.call(sample::resume(&id)).unwrap();
    world.call(sample::suspend(&id)).unwrap();
    world.run(Some(&no()));
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn a_refused_resume_does_not_undo_a_later_one() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    world.call(sample::resume(&id)).unwrap();
    world.call(sample::suspend(&id)).unwrap();
    world.call(sample::resume(&id)).unwrap();
    world.run(Some(&no()));
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Running);
}

#[test]
fn two_refusals_in_a_row_go_back_to_what_was_before_both() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.call(sample::resume(&id)).unwrap();
    world.run(Some(&no()));
    world.run(Some(&no()));
    assert_eq!(instance(&world, &id).state, InstanceState::Running);
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    world.call(sample::resume(&id)).unwrap();
    world.call(sample::suspend(&id)).unwrap();
    world.run(Some(&no()));
    world.run(Some(&no()));
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn a_suspend_outlives_the_dead_resume_that_it_passed() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    world.call(sample::resume(&id)).unwrap();
    dies(&mut world);
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    assert_eq!(kinds(&world, &id), [], "nobody wants that resume any more");
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn a_suspend_does_not_pass_a_dead_delivery() {
    let mut world = World::driven();
    world.call(sample::create("k")).unwrap();
    dies(&mut world);
    let id = world.instances.keys().next().unwrap().clone();
    world.call(sample::suspend(&id)).unwrap();
    let left = [
        (OperationKind::Provision, OperationState::Dead),
        (OperationKind::Suspend, OperationState::Queued),
    ];
    assert_eq!(kinds(&world, &id), left);
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn a_refused_release_forgets_the_suspend_that_it_dropped() {
    let (mut world, id) = running();
    world.call(sample::change_plan("c", &id)).unwrap();
    world.call(sample::suspend(&id)).unwrap();
    world.call(sample::release(&id)).unwrap();
    world.run(Some(&no()));
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Running);
}

#[test]
fn a_refused_release_restores_what_the_resume_that_it_dropped_had_lifted() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    world.call(sample::change_plan("c", &id)).unwrap();
    world.claim();
    world.call(sample::resume(&id)).unwrap();
    world.call(sample::release(&id)).unwrap();
    let plan_change = world.claimed.last().unwrap().clone();
    world.report(&plan_change, &done(&plan_change));
    world.run(Some(&no()));
    let world = drained(world);
    assert_eq!(instance(&world, &id).state, InstanceState::Suspended);
}

#[test]
fn an_immediate_no_is_the_answer_and_a_repeat_asks_again() {
    let mut world = World::immediate();
    world.call(sample::create("k")).unwrap();
    let id = world.instances.keys().next().unwrap().clone();
    for (spell, then) in [
        (
            sample::suspend as fn(&InstanceId) -> Intent,
            InstanceState::Suspended,
        ),
        (sample::resume, InstanceState::Running),
        (sample::release, InstanceState::Released),
    ] {
        let before = instance(&world, &id).state;
        world.mood(no());
        for _ in 0..2 {
            let fault = world.call(spell(&id)).unwrap().answer.unwrap_err();
            assert_eq!(
                (fault.kind, fault.message.as_str()),
                (FaultKind::Upstream, "not today")
            );
            assert_eq!(instance(&world, &id).state, before);
        }
        world.mood(Verdict::Done(None));
        assert_eq!(world.call(spell(&id)).unwrap().answer, Ok(Outcome::Done));
        assert_eq!(instance(&world, &id).state, then);
    }
}

#[test]
fn the_refused_order_of_a_released_instance_stays_refused() {
    let (mut world, id) = running();
    world.call(sample::renew("r", &id)).unwrap();
    world.run(Some(&no()));
    let refused = world.orders.keys().last().unwrap().operation();
    world.call(sample::release(&id)).unwrap();
    assert_eq!(
        world.reopen(&refused).unwrap_err().kind,
        FaultKind::Conflict
    );
    world.run(None);
    assert_eq!(
        world.reopen(&refused).unwrap_err().kind,
        FaultKind::Conflict
    );
    assert_eq!(kinds(&world, &id), []);
}

#[test]
fn reopened_orders_have_places_of_their_own() {
    let (mut world, id) = running();
    let mut refused = Vec::new();
    for key in ["a", "b", "c"] {
        world.call(sample::renew(key, &id)).unwrap();
        world.run(Some(&no()));
        refused.push(world.orders.keys().last().unwrap().operation());
    }
    for operation in &refused {
        world.reopen(operation).unwrap();
        invariants::check(&world);
    }
    let asked: Vec<_> = world.operations_of(&id).into_iter().map(|o| o.id).collect();
    assert_eq!(asked, refused, "in the order in which they were taken up");
    drained(world);
}

#[test]
fn a_dry_renewal_asks_about_the_renewal() {
    let mut world = World::driven().with_dry_runs();
    world.call(sample::create("k")).unwrap();
    world.run(None);
    let id = world.instances.keys().next().unwrap().clone();
    world.call(sample::suspend(&id)).unwrap();
    world.run(None);
    let mut call = sample::call(sample::renew("r", &id), world.now);
    call.dry_run = true;
    let (admitted, changes) = world.admit(call).unwrap();
    assert_eq!(changes, []);
    let work = admitted.dry_work.unwrap();
    assert_eq!((work.kind, work.dry_run), (OperationKind::Renew, true));
}

#[test]
fn a_plan_that_is_only_on_its_way_fulfils_nothing() {
    let (mut world, id) = running();
    world.call(sample::change_plan("a", &id)).unwrap();
    world.call(sample::change_plan("b", &id)).unwrap();
    world.run(Some(&no()));
    world.run(Some(&no()));
    assert_eq!(instance(&world, &id).plan, "team");
    let states: Vec<OrderState> = world.orders.values().map(|o| o.state).collect();
    assert_eq!(
        states,
        [
            OrderState::Fulfilled,
            OrderState::Failed,
            OrderState::Failed
        ]
    );
}

#[test]
fn nobody_waits_for_the_dead() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    dies(&mut world);
    let again = world.call(sample::suspend(&id)).unwrap();
    assert_eq!((again.answer, again.waits_for), (Ok(Outcome::Done), None));
    let behind = world.call(sample::renew("r", &id)).unwrap();
    assert_eq!((behind.answer, behind.waits_for), (Ok(Outcome::Done), None));
}

#[test]
fn a_repeat_waits_for_the_newest_work() {
    let (mut world, id) = running();
    world.call(sample::suspend(&id)).unwrap();
    world.call(sample::resume(&id)).unwrap();
    let newest = world.call(sample::suspend(&id)).unwrap().waits_for;
    assert!(newest.is_some());
    assert_eq!(world.call(sample::suspend(&id)).unwrap().waits_for, newest);
}

#[test]
fn what_is_reopened_goes_before_the_dead_behind_it() {
    let (mut world, id) = running();
    world.call(sample::renew("r", &id)).unwrap();
    dies(&mut world);
    let renewal = world.operations.keys().next().unwrap().clone();
    world.call(sample::suspend(&id)).unwrap();
    dies(&mut world);
    world.reopen(&renewal).unwrap();
    let left = [
        (OperationKind::Renew, OperationState::Due),
        (OperationKind::Suspend, OperationState::Dead),
    ];
    assert_eq!(kinds(&world, &id), left);
    drained(world);
}

#[test]
fn a_renewal_whose_driver_says_no_at_once_is_longer_and_refused() {
    let mut world = World::immediate();
    world.call(sample::create("k")).unwrap();
    let id = world.instances.keys().next().unwrap().clone();
    let ends_at = instance(&world, &id).term.ends_at;
    world.mood(no());
    let answer = world.call(sample::renew("r", &id)).unwrap();
    assert_eq!(answer.answer.unwrap_err().kind, FaultKind::Upstream);
    assert!(instance(&world, &id).term.ends_at > ends_at);
    let again = world.call(sample::renew("r", &id)).unwrap();
    assert_eq!(again.answer.unwrap_err().kind, FaultKind::Upstream);
}
