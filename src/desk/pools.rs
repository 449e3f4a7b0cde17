//! Every pool with its task and its feed; a pool made while the program runs gets its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{broadcast, mpsc};

use crate::kernel::bus::Notice;
use crate::kernel::db::DbError;
use crate::kernel::ids::PoolId;

use super::feed::{self, Feed};
use super::handle::Parts;
use super::setup;
use super::task::{JOBS_MAX, Job, Task};
use super::watch::{Hub, Signal};

/// The way to one pool.
#[derive(Clone)]
pub(super) struct Line {
    pub jobs: mpsc::Sender<Job>,
    pub feed: Feed,
    serving: Arc<AtomicBool>,
}

/// All of them.
pub(super) struct Pools {
    pub parts: Arc<Parts>,
    pub hub: Hub,
    lines: RwLock<BTreeMap<PoolId, Line>>,
}

impl Pools {
    /// Starts a task and a feed for every pool there is, and a watch for those to come.
    ///
    /// # Errors
    /// When the store fails or holds what this program cannot have written.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, DbError> {
        let notices = parts.db.bus().subscribe();
        let pools = Arc::new(Self { parts: Arc::new(parts), hub: Hub::default(), lines: RwLock::default() });
        pools.start_missing().await?;
        let lifecycle = pools.parts.lifecycle.clone();
        let listener = Arc::clone(&pools);
        lifecycle.spawn(async move { listener.listen(notices).await });
        Ok(pools)
    }

    /// The line of a pool.
    pub fn line(&self, pool: PoolId) -> Option<Line> {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).get(&pool).cloned()
    }

    /// The one pool of an installation that has no other.
    pub fn only(&self) -> Option<PoolId> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.keys().next().copied().filter(|_| lines.len() == 1)
    }

    /// All lines, in the order of their pools.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether every pool has an engine that agrees with the store.
    pub fn is_serving(&self) -> bool {
        self.lines().iter().all(|line| line.serving.load(Ordering::Acquire))
    }

    async fn start_missing(&self) -> Result<(), DbError> {
        let all = {
            let mut tx = self.parts.db.read().await?;
            setup::pools(&mut tx).await?
        };
        for pool in all {
            if self.line(pool).is_none() {
                self.start_pool(pool).await?;
            }
        }
        Ok(())
    }

    async fn start_pool(&self, pool: PoolId) -> Result<(), DbError> {
        let zone = self.parts.zone.iana_name().unwrap_or("UTC").to_owned();
        let (feed, follower) = feed::start(self.parts.db.clone(), pool, zone, self.hub.clone()).await?;
        let (sender, jobs) = mpsc::channel(JOBS_MAX);
        let serving = Arc::new(AtomicBool::new(false));
        let open = feed.board().open_desks.clone();
        let task = Task::start(Arc::clone(&self.parts), pool, jobs, open, Arc::clone(&serving)).await?;
        let lifecycle = &self.parts.lifecycle;
        lifecycle.spawn(task.run());
        lifecycle.spawn(follower.run(lifecycle.clone()));
        let line = Line { jobs: sender, feed, serving };
        self.lines.write().unwrap_or_else(PoisonError::into_inner).insert(pool, line);
        Ok(())
    }

    /// Passes signs of typing on, and starts pools that are new.
    async fn listen(&self, mut notices: broadcast::Receiver<Notice>) {
        loop {
            let notice = tokio::select! {
                () = self.parts.lifecycle.stopping() => return,
                notice = notices.recv() => notice,
            };
            match notice {
                Ok(Notice::Typing { contact, from_agent }) => {
                    self.hub.tell(contact, &Signal::Typing { from_agent });
                }
                Ok(Notice::SettingsChanged) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    if let Err(error) = self.start_missing().await {
                        tracing::error!(%error, "a new pool could not be started");
                    }
                }
                Ok(Notice::Appended { .. } | Notice::CallChanged { .. } | Notice::SessionsEnded { .. }) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}
