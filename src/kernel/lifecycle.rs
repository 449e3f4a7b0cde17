//! Starting and stopping: one token that asks everything to end, one tracker that waits until it has.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owned by the composition root; clones are handed to whatever runs in the background.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Runs `work` in the background and remembers it, so that [`Self::stop`] can wait for its end.
    pub fn spawn<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(work);
    }

    /// Resolves when the program was asked to stop.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    /// Whether the program was asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Asks everything to stop without waiting.
    pub fn begin_stop(&self) {
        self.token.cancel();
    }

    /// Asks everything to stop and waits until every task has ended.
    pub async fn stop(&self) {
        self.token.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
