//! Other words about an instance: idempotent, since they are absolute.

use std::collections::BTreeMap;

use crate::decide::{Admitted, Change, Decision, Outcome, State, named, not_while};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::InstanceState;
use crate::ports::Admission;

pub(super) fn decide(
    admission: &Admission,
    id: &InstanceId,
    words: &BTreeMap<String, String>,
    state: State,
) -> Result<Decision, Fault> {
    let instance = named(admission, id, state.instance)?;
    match instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&instance, "changed"));
        }
    }
    let mut context = instance.context.clone();
    context.extend(words.clone());
    let is_new = context != instance.context;
    let change = is_new.then_some(Change::ContextPut(instance.id, context));
    Ok(Decision {
        changes: change.into_iter().collect(),
        admitted: Admitted::now(Ok(Outcome::Done)),
    })
}
