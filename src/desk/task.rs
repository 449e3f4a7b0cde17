//! The task that owns the engine of one pool.
//!
//! It takes the requests that wait, a bounded number at a time, and runs them in one unit of the writer;
//! everybody is answered after the commit. Between requests it sleeps until the engine or a door wants to be
//! woken. When a unit fails the engine has run ahead of the store: it is thrown away and rebuilt, and the
//! requests are tried again one by one, so that only the one at fault is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::kernel::bus::Notice;
use crate::kernel::db::DbError;
use crate::kernel::ids::{AccountId, ContactId, DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::routing::{Channel, Explanation, Skill};

use super::acts::{Act, Answer};
use super::engine::{Engine, Known};
use super::handle::{Door, Parts, Standing};
use super::restore::{Source, restore};
use super::run::Unit;
use super::setup::Setup;

/// Requests that may wait for the task; one more is answered `busy`.
pub const JOBS_MAX: usize = 1024;

/// Requests in one unit of the writer; the next ones wait for its commit.
pub const JOBS_AT_ONCE: usize = 64;

/// The longest wait before an engine that could not be rebuilt is tried again; the first is a tenth of it.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What the task is sent.
pub(super) enum Job {
    Act(Act, oneshot::Sender<Answer>),
    /// The last sign of a socket: nobody waits for an answer.
    Disconnected(AccountId),
    Ask(Question),
}

/// A question that needs no transaction. It is answered after the acts that came with it.
pub(super) enum Question {
    Standing(ContactId, oneshot::Sender<Option<Standing>>),
    Door(DeskId, Channel, Vec<Skill>, oneshot::Sender<Option<Door>>),
    Explain(ContactId, oneshot::Sender<Option<Explanation>>),
}

/// 503: there is no room, or no engine at the moment.
pub(super) const fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
}

type Reply = oneshot::Sender<Answer>;

/// The task.
pub(super) struct Task {
    parts: Arc<Parts>,
    pool: PoolId,
    jobs: mpsc::Receiver<Job>,
    notices: broadcast::Receiver<Notice>,
    /// `None` while it could not be rebuilt.
    engine: Option<Engine>,
    /// As of the latest commit.
    known: Known,
    /// Open sockets by agent.
    sockets: BTreeMap<AccountId, u32>,
    settings_changed: bool,
    /// Units that failed one after the other.
    failures: u32,
    serving: Arc<AtomicBool>,
}

impl Task {
    /// Rebuilds the engine at the start of the program.
    ///
    /// # Errors
    /// When the store fails or holds what this program cannot have written.
    pub async fn start(
        parts: Arc<Parts>,
        pool: PoolId,
        jobs: mpsc::Receiver<Job>,
        open_desks: BTreeSet<DeskId>,
        serving: Arc<AtomicBool>,
    ) -> Result<Self, DbError> {
        let notices = parts.db.bus().subscribe();
        let known = Known { open_desks, connected: BTreeSet::new() };
        let mut task = Self {
            parts,
            pool,
            jobs,
            notices,
            engine: None,
            known,
            sockets: BTreeMap::new(),
            settings_changed: false,
            failures: 0,
            serving,
        };
        task.rebuild(true).await?;
        Ok(task)
    }

    /// Serves until the program stops.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(JOBS_AT_ONCE);
        while self.next(&mut jobs).await {
            let turn = AssertUnwindSafe(self.turn(std::mem::take(&mut jobs))).catch_unwind().await;
            if turn.is_err() {
                // Who waited for an answer learns it from the dropped sender.
                tracing::error!(pool = %self.pool, "the desk's task panicked");
                self.lose_engine();
            }
        }
        self.serving.store(false, Ordering::Release);
    }

    /// Waits for something to do; `false` when there will be nothing any more.
    async fn next(&mut self, jobs: &mut Vec<Job>) -> bool {
        let lifecycle = self.parts.lifecycle.clone();
        if lifecycle.is_stopping() {
            self.jobs.close();
        }
        let clock = self.parts.clock.clone();
        let (wake, failures) = (self.engine.as_ref().and_then(Engine::next_wake), self.failures);
        let alarm = async move {
            match wake {
                _ if failures > 0 => tokio::time::sleep(RETRY_MAX.min(RETRY_MAX / 10 * failures)).await,
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = self.jobs.recv_many(jobs, JOBS_AT_ONCE) => received > 0,
            notice = self.notices.recv() => {
                self.hear(&notice);
                true
            }
            () = alarm => true,
            // What waits is still served; then the queue reads as ended.
            () = lifecycle.stopping(), if !lifecycle.is_stopping() => true,
        }
    }

    fn hear(&mut self, notice: &Result<Notice, broadcast::error::RecvError>) {
        match notice {
            Ok(Notice::SettingsChanged) | Err(broadcast::error::RecvError::Lagged(_)) => {
                self.settings_changed = true;
            }
            Ok(
                Notice::Appended { .. }
                | Notice::Typing { .. }
                | Notice::CallChanged { .. }
                | Notice::SessionsEnded { .. },
            )
            | Err(broadcast::error::RecvError::Closed) => {}
        }
    }

    /// Settings that were committed before a request was sent are known to it.
    fn hear_all(&mut self) {
        loop {
            match self.notices.try_recv() {
                Ok(notice) => self.hear(&Ok(notice)),
                Err(broadcast::error::TryRecvError::Lagged(n)) => {
                    self.hear(&Err(broadcast::error::RecvError::Lagged(n)));
                }
                Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => return,
            }
        }
    }

    async fn turn(&mut self, jobs: Vec<Job>) {
        self.hear_all();
        let (mut acts, mut replies, mut questions) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Act(act, reply) => {
                    if let Act::Connected(agent) = act {
                        *self.sockets.entry(agent).or_default() += 1;
                    }
                    acts.push(act);
                    replies.push(reply);
                }
                Job::Disconnected(agent) => self.count_down(agent),
                Job::Ask(question) => questions.push(question),
            }
        }
        if self.engine.is_none() {
            self.try_rebuild().await;
        }
        if self.has_work(&acts) {
            self.carry_out(acts, replies).await;
        }
        for question in questions {
            self.answer(question);
        }
    }

    fn count_down(&mut self, agent: AccountId) {
        if let Some(open) = self.sockets.get_mut(&agent) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.sockets.remove(&agent);
            }
        }
    }

    fn connected(&self) -> BTreeSet<AccountId> {
        self.sockets.keys().copied().collect()
    }

    fn has_work(&self, acts: &[Act]) -> bool {
        let due =
            self.engine.as_ref().and_then(Engine::next_wake).is_some_and(|at| at <= self.parts.clock.now());
        !acts.is_empty() || due || self.settings_changed || self.connected() != self.known.connected
    }

    async fn carry_out(&mut self, acts: Vec<Act>, replies: Vec<Reply>) {
        match self.unit(acts.clone()).await {
            Ok(answers) => self.give(answers, replies, &acts),
            // Alone in its unit: the fault is its own, or the store's.
            Err(error) if acts.len() == 1 => {
                let answers = vec![Err(Problem::from(error))];
                self.give(answers, replies, &acts);
            }
            Err(error) => {
                tracing::warn!(%error, acts = acts.len(), "a unit failed; its requests are tried one by one");
                for (act, reply) in acts.into_iter().zip(replies) {
                    let answers = match self.unit(vec![act.clone()]).await {
                        Ok(answers) => answers,
                        Err(error) => vec![Err(Problem::from(error))],
                    };
                    self.give(answers, vec![reply], &[act]);
                }
            }
        }
    }

    fn give(&mut self, answers: Vec<Answer>, replies: Vec<Reply>, acts: &[Act]) {
        for ((answer, reply), act) in answers.into_iter().zip(replies).zip(acts) {
            if let (Act::Connected(agent), Err(_)) = (act, &answer) {
                self.count_down(*agent);
            }
            // The asker may have gone away; the work is done all the same.
            let _ = reply.send(answer);
        }
    }

    /// Runs one unit and leaves an engine that agrees with the store, if that can be had.
    async fn unit(&mut self, acts: Vec<Act>) -> Result<Vec<Answer>, DbError> {
        let setup = if self.settings_changed { self.new_setup().await } else { None };
        let told = setup.is_some();
        let Some(mut engine) = self.engine.take() else { return Err(DbError::Busy) };
        let unit = Unit { at: self.parts.clock.now(), setup, connected: self.connected(), acts };
        let work = self.parts.db.write(move |tx| {
            Box::pin(async move {
                let answers = engine.run(tx, unit).await?;
                Ok::<_, DbError>((engine, answers))
            })
        });
        match work.await {
            Ok((engine, answers)) => {
                self.known.clone_from(&engine.known);
                self.engine = Some(engine);
                self.settings_changed &= !told;
                self.failures = 0;
                Ok(answers)
            }
            Err(error) => {
                self.lose_engine();
                self.try_rebuild().await;
                Err(error)
            }
        }
    }

    fn lose_engine(&mut self) {
        self.engine = None;
        self.failures = self.failures.saturating_add(1);
    }

    async fn try_rebuild(&mut self) {
        if let Err(error) = self.rebuild(false).await {
            tracing::error!(%error, pool = %self.pool, "the engine could not be rebuilt; it is tried again");
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Settings that cannot be read leave the old ones in force; they are read again with the next unit.
    async fn new_setup(&self) -> Option<Setup> {
        let read = self.load_setup().await;
        if let Err(error) = &read {
            tracing::error!(%error, pool = %self.pool, "the changed settings could not be read");
        }
        read.ok()
    }

    async fn load_setup(&self) -> Result<Setup, DbError> {
        let mut tx = self.parts.db.read().await?;
        Setup::load(&mut tx, self.pool, &self.parts.zone).await
    }

    async fn rebuild(&mut self, start: bool) -> Result<(), DbError> {
        self.serving.store(false, Ordering::Release);
        let source = Source {
            pool: self.pool,
            at: self.parts.clock.now(),
            setup: self.load_setup().await?,
            known: self.known.clone(),
            ports: self.parts.ports.clone(),
            start,
        };
        let engine =
            self.parts.db.write(move |tx| Box::pin(async move { restore(tx, source).await })).await?;
        self.known.clone_from(&engine.known);
        self.engine = Some(engine);
        self.serving.store(true, Ordering::Release);
        if !start {
            self.parts.metrics.engine_restores.inc();
        }
        Ok(())
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Standing(contact, reply) => {
                let _ = reply.send(self.standing(contact));
            }
            Question::Door(desk, channel, wanted, reply) => {
                let _ = reply.send(self.door(desk, channel, &wanted));
            }
            Question::Explain(contact, reply) => {
                let now = self.parts.clock.now();
                let _ = reply.send(self.engine.as_ref().and_then(|e| e.router.explain(contact, now)));
            }
        }
    }

    fn standing(&self, contact: ContactId) -> Option<Standing> {
        let router = &self.engine.as_ref()?.router;
        Some(Standing {
            state: router.contact_state(contact)?,
            position: router.position(contact),
            expected_wait: router.expected_wait_of(contact),
        })
    }

    fn door(&self, desk: DeskId, channel: Channel, wanted: &[Skill]) -> Option<Door> {
        let engine = self.engine.as_ref()?;
        let setup = engine.setup.desks.get(&desk)?;
        let now = self.parts.clock.now();
        let takes = setup.takes(channel);
        Some(Door {
            open: takes && engine.router.is_open(desk),
            opens_at: setup.calendar.opens_at(now).filter(|_| takes),
            closes_at: setup.calendar.closes_at(now).filter(|_| takes),
            waiting: engine.router.waiting(desk, channel),
            expected_wait: engine.router.expected_wait(desk, channel, wanted).filter(|_| takes),
        })
    }
}
