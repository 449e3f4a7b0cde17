//! The feed of one pool: follows the log, folds it into the board, and hands every event on, in order, once.
//!
//! The bus only says that there is something to read; what is read comes from the store. A board that was
//! kept with the number of its event ([`super::rows::save_board`]) saves a start the reading of the whole
//! log:
//! the board is a fold, so going on from a kept one gives the same as beginning afresh.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

use crate::kernel::bus::Notice;
use crate::kernel::db::{Db, DbError};
use crate::kernel::ids::{ContactId, DeskId, PoolId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::time::Millis;
use crate::routing::ContactState;

use super::board::Board;
use super::events::{Event, LoggedEvent};
use super::watch::{Hub, Signal};
use super::{log, rows, setup};

/// Events kept for a slow listener; one that falls further behind is told so and reads the store.
pub const EVENTS_MAX: usize = 4096;

/// Events after which the board is kept anew. A start reads at most about as many.
pub const KEEP_EVERY: i64 = 2000;

/// How long the feed waits before it asks a failing store again.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// What the rest of the program sees of a feed.
#[derive(Clone)]
pub(super) struct Feed {
    board: Arc<RwLock<Arc<Board>>>,
    events: broadcast::Sender<Arc<LoggedEvent>>,
}

impl Feed {
    /// The board now.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Listens from now on. Whoever listens first and takes the board then, misses nothing.
    pub fn listen(&self) -> broadcast::Receiver<Arc<LoggedEvent>> {
        self.events.subscribe()
    }

    /// The board goes first: an event that was handed on is in it.
    fn publish(&self, board: Board, events: &[Arc<LoggedEvent>]) {
        *self.board.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(board);
        for event in events {
            // Nobody listening is not an error.
            let _ = self.events.send(Arc::clone(event));
        }
    }
}

/// The task behind a [`Feed`].
pub(super) struct Follower {
    db: Db,
    pool: PoolId,
    zone: String,
    hub: Hub,
    feed: Feed,
    notices: broadcast::Receiver<Notice>,
    kept_at: i64,
}

/// Builds the board from the log.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub(super) async fn start(db: Db, pool: PoolId, zone: String, hub: Hub) -> Result<(Feed, Follower), DbError> {
    // Listening begins before reading: what is written in between is announced.
    let notices = db.bus().subscribe();
    let level = service_level(&db, pool).await?;
    let mut board = kept(&db, pool, &zone, level).await?.unwrap_or_else(|| Board::empty(&zone, level));
    let kept_at = board.seq;
    while !read(&db, pool, &mut board).await?.is_empty() {}
    let feed =
        Feed { board: Arc::new(RwLock::new(Arc::new(board))), events: broadcast::Sender::new(EVENTS_MAX) };
    let follower = Follower { db, pool, zone, hub, feed: feed.clone(), notices, kept_at };
    Ok((feed, follower))
}

async fn service_level(db: &Db, pool: PoolId) -> Result<Millis, DbError> {
    let mut tx = db.read().await?;
    Ok(setup::pool_settings(&mut tx, pool).await?.service_level_ms)
}

/// The board that was kept, if it counts by the same rules.
async fn kept(db: &Db, pool: PoolId, zone: &str, level: Millis) -> Result<Option<Board>, DbError> {
    let mut tx = db.read().await?;
    let Some(body) = rows::board(&mut tx, pool).await? else { return Ok(None) };
    let reached = log::last_seq(&mut tx, pool).await?;
    match serde_json::from_str::<Board>(&body) {
        Ok(board) if board.zone == zone && board.service_level_ms == level && board.seq <= reached => {
            Ok(Some(board))
        }
        Ok(_) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "the kept board cannot be read; the log is read from its beginning");
            Ok(None)
        }
    }
}

/// Folds the next page of the log into the board.
async fn read(db: &Db, pool: PoolId, board: &mut Board) -> Result<Vec<LoggedEvent>, DbError> {
    let mut tx = db.read().await?;
    let events = log::read_after(&mut tx, pool, board.seq, log::PAGE_MAX).await?;
    for event in &events {
        board.apply(event);
    }
    Ok(events)
}

/// What the notices that waited said.
#[derive(Default)]
struct Heard {
    appended: bool,
    settings: bool,
    /// The program's part of the bus is gone.
    over: bool,
}

impl Follower {
    /// Follows the log until the program stops.
    pub async fn run(mut self, lifecycle: Lifecycle) {
        let mut heard = Heard { appended: true, ..Heard::default() };
        loop {
            if let Err(error) = self.follow(&heard).await {
                tracing::error!(%error, pool = %self.pool, "the feed could not read the log");
                tokio::select! {
                    () = lifecycle.stopping() => break,
                    () = tokio::time::sleep(ASK_AGAIN) => continue,
                }
            }
            tokio::select! {
                () = lifecycle.stopping() => break,
                next = self.hear() => heard = next,
            }
            if heard.over {
                break;
            }
        }
        self.keep(0).await;
        self.hub.close();
    }

    async fn follow(&mut self, heard: &Heard) -> Result<(), DbError> {
        if heard.settings {
            self.count_anew_if_needed().await?;
        }
        if heard.appended {
            while self.catch_up().await? {}
            self.keep(KEEP_EVERY).await;
        }
        Ok(())
    }

    /// Waits for a notice and takes those behind it, too.
    async fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        let first = self.notices.recv().await.map_err(|error| match error {
            broadcast::error::RecvError::Lagged(_) => broadcast::error::TryRecvError::Lagged(0),
            broadcast::error::RecvError::Closed => broadcast::error::TryRecvError::Closed,
        });
        let mut next = first;
        loop {
            match next {
                Ok(Notice::Appended { pool, .. }) => heard.appended |= pool == self.pool,
                Ok(Notice::SettingsChanged) => heard.settings = true,
                Ok(Notice::Typing { .. } | Notice::CallChanged { .. } | Notice::SessionsEnded { .. }) => {}
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    heard.appended = true;
                    heard.settings = true;
                }
                Err(broadcast::error::TryRecvError::Empty) => return heard,
                Err(broadcast::error::TryRecvError::Closed) => {
                    heard.over = true;
                    return heard;
                }
            }
            next = self.notices.try_recv();
        }
    }

    /// Takes one page of the log; `true` when there was one.
    async fn catch_up(&mut self) -> Result<bool, DbError> {
        let before = self.feed.board();
        let mut board = Board::clone(&before);
        let events: Vec<Arc<LoggedEvent>> =
            read(&self.db, self.pool, &mut board).await?.into_iter().map(Arc::new).collect();
        if events.is_empty() {
            return Ok(false);
        }
        self.feed.publish(board, &events);
        for event in &events {
            if let Some(contact) = event.contact {
                self.hub.tell(contact, &Signal::Event(Arc::clone(event)));
            }
        }
        self.tell_lines(&before, &events);
        Ok(true)
    }

    /// Tells those who wait in a line that moved.
    fn tell_lines(&self, before: &Board, events: &[Arc<LoggedEvent>]) {
        let after = self.feed.board();
        let mut moved = Moved::default();
        for event in events {
            moved.note(event, before, &after);
        }
        if moved.everywhere || !moved.desks.is_empty() {
            self.hub.tell_those(&Signal::Moved, |contact| moved.concerns(&after, contact));
        }
    }

    /// Counts the whole log anew when an answer "in time" means something else now.
    async fn count_anew_if_needed(&self) -> Result<(), DbError> {
        let level = service_level(&self.db, self.pool).await?;
        let reached = self.feed.board();
        if level == reached.service_level_ms {
            return Ok(());
        }
        let mut board = Board::empty(&self.zone, level);
        while board.seq < reached.seq {
            let mut tx = self.db.read().await?;
            let limit = log::PAGE_MAX.min(reached.seq - board.seq);
            let events = log::read_after(&mut tx, self.pool, board.seq, limit).await?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                board.apply(event);
            }
        }
        self.feed.publish(board, &[]);
        Ok(())
    }

    /// Keeps the board when more than `after` events were folded since the last time.
    async fn keep(&mut self, after: i64) {
        let board = self.feed.board();
        if board.seq <= self.kept_at + after {
            return;
        }
        let Ok(body) = serde_json::to_string(&*board) else { return };
        let (pool, seq) = (self.pool, board.seq);
        let kept: Result<(), DbError> = self
            .db
            .write(move |tx| Box::pin(async move { rows::save_board(tx, pool, seq, &body).await }))
            .await;
        match kept {
            Ok(()) => self.kept_at = seq,
            Err(error) => tracing::warn!(%error, "the board was not kept; the next start reads more"),
        }
    }
}

/// Which lines moved.
#[derive(Default)]
struct Moved {
    desks: BTreeSet<DeskId>,
    /// Who is at work changed: every expected wait may be another.
    everywhere: bool,
}

impl Moved {
    fn note(&mut self, logged: &LoggedEvent, before: &Board, after: &Board) {
        match &logged.event {
            Event::ContactArrived { desk, .. } => {
                self.desks.insert(*desk);
            }
            Event::OfferMade { .. }
            | Event::OfferEnded { .. }
            | Event::ContactAccepted { .. }
            | Event::ContactRequeued { .. }
            | Event::ContactCorrected { .. }
            | Event::ContactDiverted { .. }
            | Event::ContactEnded { .. }
            | Event::ContactClosed { .. } => {
                for board in [before, after] {
                    let contact = logged.contact.and_then(|id| board.contacts.get(&id));
                    self.desks.extend(contact.map(|c| c.desk));
                }
            }
            Event::AgentState { .. } => self.everywhere = true,
            _ => {}
        }
    }

    fn concerns(&self, board: &Board, contact: ContactId) -> bool {
        let Some(contact) = board.contacts.get(&contact) else { return false };
        let waits = matches!(contact.state, ContactState::Waiting | ContactState::Offered);
        waits && (self.everywhere || self.desks.contains(&contact.desk))
    }
}
