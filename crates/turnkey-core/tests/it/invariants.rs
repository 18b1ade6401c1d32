//! What is so after every step, whatever happened before.

use std::collections::BTreeSet;

use turnkey_core::{Instance, InstanceState, OperationState, OrderKind, OrderState};

use crate::world::World;

/// Fails when something is so that must never be.
pub(crate) fn check(world: &World) {
    orders(world);
    operations(world);
    world.instances.values().for_each(instance);
    for instance in world.instances.values() {
        let rows = world
            .history
            .iter()
            .filter(|row| row.instance == instance.id);
        let versions: Vec<u64> = rows.map(|row| row.version).collect();
        let expected: Vec<u64> = (1..=instance.version).collect();
        assert_eq!(versions, expected, "one history row for each version");
    }
}

/// Fails when the vendor's world differs from what was decided, now that nothing is left to do.
pub(crate) fn check_drained(world: &World) {
    assert!(world.operations.is_empty());
    for order in world.orders.values() {
        assert_ne!(order.state, OrderState::Accepted, "{order:?} is forgotten");
    }
    for instance in world.instances.values() {
        let done = world.done.get(&instance.id).cloned().unwrap_or_default();
        let seen = (done.there, done.suspended, done.removed);
        let expected = match instance.state {
            InstanceState::Running => (true, false, false),
            InstanceState::Suspended => (true, true, false),
            InstanceState::Released => seen,
            InstanceState::Failed => (false, false, false),
            InstanceState::Provisioning | InstanceState::Releasing => {
                panic!("{} is still {}", instance.id, instance.state.name())
            }
        };
        assert_eq!(seen, expected, "the vendor and {instance:#?}");
        if instance.state == InstanceState::Released && done.there {
            assert!(done.removed, "the vendor still has {}", instance.id);
        }
        if done.there && !done.removed {
            assert_eq!(done.plan, instance.plan, "the plan of {}", instance.id);
            let stands = instance.state == InstanceState::Suspended;
            assert_eq!(
                instance.suspended_at.is_some(),
                stands,
                "grace of {instance:?}"
            );
        }
    }
}

fn orders(world: &World) {
    for order in world.orders.values() {
        let made = |i: &&Instance| i.order == order.id;
        let made = world.instances.values().filter(made).count();
        let expected = usize::from(order.kind == OrderKind::Create);
        assert_eq!(made, expected, "a create makes one instance: {order:?}");
        assert!(world.instances.contains_key(&order.instance));
        let work = world.operations.get(&order.id.operation());
        let accepted = order.state == OrderState::Accepted;
        assert_eq!(
            accepted,
            work.is_some(),
            "an accepted order has its work: {order:?}"
        );
        if let Some(work) = work {
            assert_eq!(work.order.as_ref(), Some(&order.id));
            assert_eq!(work.instance, order.instance);
        }
        let refused = order.refusal.is_some();
        assert_eq!(refused, order.state == OrderState::Failed, "{order:?}");
    }
}

fn operations(world: &World) {
    let mut places = BTreeSet::new();
    let mut busy = BTreeSet::new();
    for operation in world.operations.values() {
        let state = operation.state;
        assert!(
            !matches!(state, OperationState::Done | OperationState::Dropped),
            "no row is {}",
            state.name()
        );
        let under_way = state.is_under_way();
        assert_eq!(operation.due_at.is_some(), under_way, "{operation:?}");
        assert!(
            !under_way || busy.insert(&operation.instance),
            "two operations of {} are under way",
            operation.instance
        );
        assert!(
            places.insert((&operation.instance, operation.seq)),
            "two operations of {} have place {}",
            operation.instance,
            operation.seq
        );
        if let Some(order) = &operation.order {
            assert_eq!(
                operation.id,
                order.operation(),
                "an order's work has its key"
            );
            assert_eq!(world.orders[order].state, OrderState::Accepted);
        }
    }
    for instance in world.instances.values() {
        let own = world.operations_of(&instance.id);
        let is_idle = !own.is_empty() && !own.iter().any(|o| o.state.is_under_way());
        let is_held = instance.state == InstanceState::Failed
            || own.iter().any(|o| o.state == OperationState::Dead);
        assert!(!is_idle || is_held, "nobody goes on with {own:#?}");
    }
}

fn instance(instance: &Instance) {
    match instance.state {
        InstanceState::Running => assert!(instance.delivered && instance.reasons.is_empty()),
        InstanceState::Suspended => assert!(instance.delivered && !instance.reasons.is_empty()),
        InstanceState::Provisioning | InstanceState::Failed => assert!(!instance.delivered),
        InstanceState::Releasing => {}
        InstanceState::Released => assert_eq!(instance.access, None),
    }
}
