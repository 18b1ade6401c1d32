//! Who waits for the work on which instance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use turnkey_core::decide::Outcome;
use turnkey_core::{Fault, InstanceId, OperationId};

/// What became of the work on an instance.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once, shared by all who wait"
)]
pub(crate) enum News {
    /// This operation is over, with this answer; without one when it was given up.
    End(OperationId, Option<Result<Outcome, Fault>>),
    /// Other operations may have been taken back, or wait for a person now.
    LookAgain,
}

/// Who waits for the work on which instance, shared by desk and runner.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    by_instance: HashMap<InstanceId, Vec<Place>>,
    tickets: u64,
}

/// The number of a ticket, and where its holder is told.
type Place = (u64, UnboundedSender<Arc<News>>);

/// A place among those who wait for one instance; leaving it gives the place up.
pub(crate) struct Wait {
    board: Waiting,
    instance: InstanceId,
    ticket: u64,
    // As many as operations of one instance end during one call, which the store bounds.
    news: UnboundedReceiver<Arc<News>>,
}

impl Waiting {
    pub(crate) fn wait(&self, instance: InstanceId) -> Wait {
        let (tell, news) = unbounded_channel();
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.tickets += 1;
        let ticket = board.tickets;
        board
            .by_instance
            .entry(instance.clone())
            .or_default()
            .push((ticket, tell));
        Wait {
            board: self.clone(),
            instance,
            ticket,
            news,
        }
    }

    pub(crate) fn tell(&self, instance: &InstanceId, news: News) {
        let news = Arc::new(news);
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, tell) in board.by_instance.get(instance).into_iter().flatten() {
            // Whoever is about to leave needs no news.
            let _ = tell.send(Arc::clone(&news));
        }
    }
}

impl Wait {
    pub(crate) fn is_for(&self, instance: &InstanceId) -> bool {
        self.instance == *instance
    }

    pub(crate) async fn news(&mut self) -> Arc<News> {
        match self.news.recv().await {
            Some(news) => news,
            // The board keeps the other end for as long as this is here.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut board = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = board.by_instance.get_mut(&self.instance) {
            waiters.retain(|(ticket, _)| *ticket != self.ticket);
            if waiters.is_empty() {
                board.by_instance.remove(&self.instance);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_leaves_nothing_behind() {
        let waiting = Waiting::default();
        let instance = |n| InstanceId::new(format!("i-{n}"));
        let mut waits: Vec<Wait> = (0..6).map(|n| waiting.wait(instance(n % 2))).collect();
        assert_eq!(waiting.0.lock().unwrap().by_instance.len(), 2);
        waiting.tell(&instance(0), News::LookAgain);
        waiting.tell(&instance(7), News::LookAgain);
        for (n, wait) in waits.iter_mut().enumerate() {
            assert_eq!(wait.news.try_recv().is_ok(), n % 2 == 0);
        }
        drop(waits);
        assert!(waiting.0.lock().unwrap().by_instance.is_empty());
    }
}
