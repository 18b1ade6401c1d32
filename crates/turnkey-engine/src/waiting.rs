//! Who waits for which operation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use turnkey_core::decide::Outcome;
use turnkey_core::{Fault, OperationId};

/// How an operation ended, for those who wait; `None` when it was given up for now.
pub(crate) type End = Option<Result<Outcome, Fault>>;

/// Who waits for which operation, shared by desk and runner.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    by_operation: HashMap<OperationId, Vec<(u64, oneshot::Sender<End>)>>,
    tickets: u64,
}

/// A place in the queue for one operation; leaving it gives the place up.
pub(crate) struct Wait {
    board: Waiting,
    operation: OperationId,
    ticket: u64,
    end: oneshot::Receiver<End>,
}

impl Waiting {
    pub(crate) fn wait(&self, operation: OperationId) -> Wait {
        let (tell, end) = oneshot::channel();
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.tickets += 1;
        let ticket = board.tickets;
        board
            .by_operation
            .entry(operation.clone())
            .or_default()
            .push((ticket, tell));
        Wait {
            board: self.clone(),
            operation,
            ticket,
            end,
        }
    }

    pub(crate) fn tell(&self, operation: &OperationId, end: &End) {
        let waiters = {
            let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            board.by_operation.remove(operation)
        };
        for (_, tell) in waiters.into_iter().flatten() {
            // Whoever left needs no answer.
            let _ = tell.send(end.clone());
        }
    }
}

impl Wait {
    pub(crate) fn is_for(&self, operation: &OperationId) -> bool {
        self.operation == *operation
    }

    pub(crate) async fn end(&mut self) -> End {
        (&mut self.end).await.unwrap_or(None)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut board = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = board.by_operation.get_mut(&self.operation) {
            waiters.retain(|(ticket, _)| *ticket != self.ticket);
            if waiters.is_empty() {
                board.by_operation.remove(&self.operation);
            }
        }
    }
}
