//! Provisions by taking the next item from a stock of licences or accounts.
//!
//! It is immediate: the writer's job loads the item, `decide` asks here, and taking it is part of
//! the same commit. So no item goes twice, and none is lost by a crash.

use turnkey_core::OperationKind;
use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};

/// Provisions out of the product's stock.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolDriver;

impl Immediate for PoolDriver {
    fn answer(&self, work: &Work) -> Verdict {
        match (work.kind, &work.stock) {
            (OperationKind::Provision, Some(item)) => Verdict::Done(Some(item.clone())),
            (OperationKind::Provision, None) => Verdict::NotYet(None),
            // What was handed out works as it is; there is nobody to tell.
            (
                OperationKind::Renew
                | OperationKind::ChangePlan
                | OperationKind::Suspend
                | OperationKind::Resume
                | OperationKind::Release,
                _,
            ) => Verdict::Done(None),
        }
    }

    fn takes_stock(&self) -> bool {
        true
    }
}

impl Driver for PoolDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }

    /// For work that waited. No stock can be seen from here, so that a provision is "not yet": the
    /// report of it asks once more, inside its transaction.
    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(std::future::ready(self.answer(&work)))
    }
}
