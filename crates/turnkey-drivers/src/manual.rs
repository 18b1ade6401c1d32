//! Provisions by a person: nothing is done until somebody says that it is.

use turnkey_core::OperationKind;
use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};

/// How often the runner looks whether the driver has changed its mind. It never does: a person's
/// word ends the work in the store.
const LOOK_AGAIN_MS: u64 = 3_600_000;

/// Provisions by a person. A renewal asks nothing of them: the term is ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct ManualDriver;

impl Driver for ManualDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        let verdict = match work.kind {
            OperationKind::Renew => Verdict::Done(None),
            OperationKind::Provision
            | OperationKind::ChangePlan
            | OperationKind::Suspend
            | OperationKind::Resume
            | OperationKind::Release => Verdict::NotYet(Some(LOOK_AGAIN_MS)),
        };
        Box::pin(std::future::ready(verdict))
    }
}
