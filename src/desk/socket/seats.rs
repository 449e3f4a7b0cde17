//! Which sockets are open, for whom, and how to reach them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::kernel::ids::{AccountId, PoolId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::telemetry::Metrics;

use super::SOCKETS_MAX;
use crate::desk::Desk;

#[derive(Default)]
struct Taken {
    /// Oldest first.
    by_account: BTreeMap<AccountId, VecDeque<Held>>,
    next: u64,
}

struct Held {
    number: u64,
    replaced: CancellationToken,
    recheck: Arc<Notify>,
}

/// The open sockets.
#[derive(Default)]
pub(super) struct Seats(Mutex<Taken>);

/// The place of one socket; given back when it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    account: AccountId,
    number: u64,
    metrics: Metrics,
    /// Cancelled when a newer socket of the same agent takes the place.
    pub replaced: CancellationToken,
    /// Woken when the session may have ended.
    pub recheck: Arc<Notify>,
}

impl Seats {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more socket of `account`; the oldest goes when there are too many.
    pub fn take(self: &Arc<Self>, account: AccountId, metrics: &Metrics) -> Seat {
        let (replaced, recheck) = (CancellationToken::new(), Arc::new(Notify::new()));
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        let own = taken.by_account.entry(account).or_default();
        while own.len() >= SOCKETS_MAX {
            if let Some(oldest) = own.pop_front() {
                oldest.replaced.cancel();
            }
        }
        own.push_back(Held { number, replaced: replaced.clone(), recheck: Arc::clone(&recheck) });
        drop(taken);
        metrics.agent_sockets.inc();
        let (seats, metrics) = (Arc::clone(self), metrics.clone());
        Seat { seats, account, number, metrics, replaced, recheck }
    }

    /// Asks the sockets of `account`, or all, to look whether their session still holds.
    pub fn recheck(&self, account: Option<AccountId>) {
        let taken = self.taken();
        let asked = taken.by_account.iter().filter(|(id, _)| account.is_none_or(|a| a == **id));
        for held in asked.flat_map(|(_, held)| held) {
            held.recheck.notify_one();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(own) = taken.by_account.get_mut(&self.account) {
            own.retain(|held| held.number != self.number);
            if own.is_empty() {
                taken.by_account.remove(&self.account);
            }
        }
        drop(taken);
        self.metrics.agent_sockets.dec();
    }
}

/// One counted connection of an agent. The desk is told when it is dropped, whatever ended the socket.
pub(super) struct Presence {
    desk: Desk,
    lifecycle: Lifecycle,
    pool: PoolId,
    agent: AccountId,
}

impl Presence {
    /// Counts the agent as connected.
    pub async fn begin(
        desk: &Desk,
        lifecycle: &Lifecycle,
        pool: PoolId,
        agent: AccountId,
    ) -> Result<Self, Problem> {
        desk.agent_connected(pool, agent).await?;
        Ok(Self { desk: desk.clone(), lifecycle: lifecycle.clone(), pool, agent })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Without a runtime the program is at its end, and the next start counts nobody as connected.
        if tokio::runtime::Handle::try_current().is_ok() {
            let (desk, pool, agent) = (self.desk.clone(), self.pool, self.agent);
            self.lifecycle.spawn(async move { desk.agent_disconnected(pool, agent).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_socket_makes_room() {
        let (seats, metrics) = (Arc::new(Seats::default()), Metrics::default());
        let mut kept: Vec<Seat> = (0..SOCKETS_MAX).map(|_| seats.take(AccountId(1), &metrics)).collect();
        let other = seats.take(AccountId(2), &metrics);
        kept.push(seats.take(AccountId(1), &metrics));
        let replaced: Vec<bool> = kept.iter().map(|seat| seat.replaced.is_cancelled()).collect();
        assert_eq!(replaced, [true, false, false, false, false, false]);
        assert!(!other.replaced.is_cancelled());
        drop(kept);
        drop(other);
        assert!(seats.taken().by_account.is_empty());
        assert_eq!(metrics.agent_sockets.get(), 0);
    }
}
