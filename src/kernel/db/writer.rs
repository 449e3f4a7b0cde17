//! The writer: one task, one transaction at a time, as many units of work in it as are waiting.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Bus, DbError, Held, Pools, Tx};

/// Units of work in one transaction; the next ones wait for the next commit.
pub const WRITE_BATCH_MAX: usize = 256;

/// Units of work that may wait; one more is answered [`DbError::Busy`].
pub const WRITE_QUEUE_MAX: usize = 4096;

/// A unit of work with its result type hidden, so that units of all kinds share one queue.
trait Unit: Send {
    /// Runs the work; `true` when its changes shall stay.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool>;
    /// Hands the result back, or the store's failure.
    fn finish(self: Box<Self>, committed: Result<(), DbError>);
}

struct Job<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Unit for Job<T, E, F>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
            let result = outcome.unwrap_or_else(|_| Err(DbError::Panicked.into()));
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn finish(self: Box<Self>, committed: Result<(), DbError>) {
        let answer = match (committed, self.result) {
            // A unit that failed by itself keeps its own reason, whatever became of the others.
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(store), _) => Err(store.into()),
            (Ok(()), None) => Err(DbError::Stopped.into()),
        };
        // The caller may have gone away; the work is done all the same.
        let _ = self.reply.send(answer);
    }
}

/// The way in; taken away when the writer stops.
type Entrance = Option<mpsc::Sender<Box<dyn Unit>>>;

#[derive(Clone)]
pub(super) struct Writer {
    queue: Arc<std::sync::RwLock<Entrance>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(super) fn start(pools: Pools, bus: Bus) -> Self {
        let (sender, receiver) = mpsc::channel(WRITE_QUEUE_MAX);
        let task = tokio::spawn(serve(pools, bus, receiver));
        Self { queue: Arc::new(std::sync::RwLock::new(Some(sender))), task: Arc::new(Mutex::new(Some(task))) }
    }

    pub(super) async fn submit<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { work: Some(work), result: None, reply };
        let sender = self
            .queue
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
            .ok_or_else(|| E::from(DbError::Stopped))?;
        match sender.try_send(Box::new(job)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(DbError::Busy.into()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(DbError::Stopped.into()),
        }
        drop(sender);
        answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into()))
    }

    pub(super) async fn stop(&self) {
        self.queue.write().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

async fn serve(pools: Pools, bus: Bus, mut receiver: mpsc::Receiver<Box<dyn Unit>>) {
    let mut batch = Vec::with_capacity(WRITE_BATCH_MAX);
    while receiver.recv_many(&mut batch, WRITE_BATCH_MAX).await > 0 {
        let (finished, committed) = run_batch(&pools, &bus, std::mem::take(&mut batch)).await;
        let mut committed = Some(committed);
        let failed = committed.as_ref().is_some_and(Result::is_err);
        for unit in finished {
            // Only the first unit can own the real error; the others are told that nothing was kept.
            let outcome = committed.take().unwrap_or(if failed { Err(DbError::Busy) } else { Ok(()) });
            unit.finish(outcome);
        }
    }
}

async fn run_batch(
    pools: &Pools,
    bus: &Bus,
    mut batch: Vec<Box<dyn Unit>>,
) -> (Vec<Box<dyn Unit>>, Result<(), DbError>) {
    let mut tx = match begin(pools).await {
        Ok(tx) => tx,
        Err(error) => return (batch, Err(error)),
    };
    // A lone unit needs no savepoint: when it fails, the whole transaction is its own.
    if let [only] = batch.as_mut_slice() {
        let outcome = if only.run(&mut tx).await { tx.commit(bus).await } else { tx.rollback().await };
        return (batch, outcome);
    }
    let mut savepoint = "SAVEPOINT unit";
    for unit in &mut batch {
        if let Err(error) = run_in_savepoint(&mut tx, savepoint, unit.as_mut()).await {
            return (batch, Err(error));
        }
        // In one trip to the database. The last one goes with the transaction.
        savepoint = "RELEASE SAVEPOINT unit; SAVEPOINT unit";
    }
    let committed = tx.commit(bus).await;
    (batch, committed)
}

async fn run_in_savepoint(tx: &mut Tx, savepoint: &'static str, unit: &mut dyn Unit) -> Result<(), DbError> {
    let announced = tx.appended.len();
    let settings = tx.settings_changed;
    let ended = tx.sessions_ended.len();
    tx.savepoint(savepoint).await?;
    if !unit.run(tx).await {
        tx.appended.truncate(announced);
        tx.settings_changed = settings;
        tx.sessions_ended.truncate(ended);
        tx.savepoint("ROLLBACK TO SAVEPOINT unit").await?;
    }
    Ok(())
}

async fn begin(pools: &Pools) -> Result<Tx, DbError> {
    Ok(Tx::new(match pools {
        Pools::Sqlite { writer, .. } => Held::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
        Pools::Postgres(pool) => Held::Postgres(pool.begin().await?),
    }))
}
