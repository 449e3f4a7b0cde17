//! The exchange: what calls and lines there are, and the way from the trunk's events to their calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::http::StatusCode;
use tokio::sync::{mpsc, oneshot};

use crate::desk::Desk;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::Db;
use crate::kernel::ids::{AccountId, ContactId};
use crate::kernel::lifecycle::Lifecycle;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::media::g711::Law;
use crate::media::ports::PortRange;
use crate::media::tone;

use super::call::orders::Order;
use super::call::run::{self, Happening};
use super::call::view::CallView;
use super::config::Ready;
use super::end::Shown;
use super::line::Line;
use super::record::{self, Vault};
use super::trunk::{CallId, Dial, Trunk, TrunkError, TrunkEvent};

/// Happenings that wait for one call; a call that is further behind hears of the rest by their end.
const INBOX: usize = 256;

/// What the phone is built from.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub desk: Desk,
    pub lifecycle: Lifecycle,
    pub config: Ready,
    pub vault: Vault,
}

impl Parts {
    /// What a recorder needs.
    #[must_use]
    pub fn recording(&self) -> record::Parts {
        record::Parts {
            db: self.db.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            lifecycle: self.lifecycle.clone(),
            vault: self.vault.clone(),
        }
    }
}

/// A call that goes on, as others see it.
#[derive(Clone)]
struct Handle {
    inbox: mpsc::Sender<Happening>,
    view: Arc<Shown<CallView>>,
}

#[derive(Default)]
struct Registry {
    calls: HashMap<ContactId, Handle>,
    by_trunk: HashMap<CallId, mpsc::Sender<Happening>>,
    lines: HashMap<AccountId, Arc<Line>>,
}

/// The phone. One for the program.
pub struct Phone {
    pub parts: Parts,
    pub ports: PortRange,
    /// μ-law, looped: heard while waiting and on hold.
    pub music: Arc<[u8]>,
    trunk: OnceLock<Trunk>,
    registry: Mutex<Registry>,
}

impl Phone {
    /// Opens the trunk, takes up what the last run left, and answers calls from now on.
    ///
    /// # Errors
    /// When the trunk cannot listen or the store fails.
    pub async fn start(parts: Parts) -> anyhow::Result<Arc<Self>> {
        let (low, high) = parts.config.rtp_ports;
        let phone = Arc::new(Self {
            ports: PortRange::new(low, high)?,
            music: tone::encode(&tone::hold_music(), Law::Mu),
            trunk: OnceLock::new(),
            registry: Mutex::default(),
            parts,
        });
        let Parts { clock, chance, lifecycle, config, .. } = phone.parts.clone();
        let (trunk, events) = Trunk::start(config.trunk, clock, chance, lifecycle.clone()).await?;
        let _ = phone.trunk.set(trunk);
        super::restore::take_up(&phone).await?;
        // Not waited for at the end: the trunk has its last word when nobody else listens any more.
        tokio::spawn(Arc::clone(&phone).dispatch(events));
        lifecycle.spawn(super::restore::try_again(Arc::clone(&phone)));
        Ok(phone)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Every change is whole before the lock is let go.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trunk; always there once the phone has started.
    #[must_use]
    pub fn trunk(&self) -> Option<&Trunk> {
        self.trunk.get()
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Hands each event of the trunk to its call.
    async fn dispatch(self: Arc<Self>, mut events: mpsc::Receiver<TrunkEvent>) {
        while let Some(event) = events.recv().await {
            let Some(call) = event.call() else { continue };
            if matches!(event, TrunkEvent::Incoming { .. }) {
                let (sender, inbox) = Self::inbox();
                self.registry().by_trunk.insert(call, sender.clone());
                self.parts.lifecycle.spawn(run::incoming(Arc::clone(&self), event, sender, inbox));
                continue;
            }
            let sender = self.registry().by_trunk.get(&call).cloned();
            if let Some(sender) = sender {
                // Waits only for a call that is busy with the store.
                let _ = sender.send(Happening::Trunk(event)).await;
            }
        }
    }

    /// Calls a number; the events of the call go to `inbox`.
    ///
    /// # Errors
    /// As [`Trunk::dial`].
    pub fn dial(&self, dial: Dial, inbox: &mpsc::Sender<Happening>) -> Result<CallId, TrunkError> {
        // Held until the call is known, so that its first event finds the way.
        let mut registry = self.registry();
        let call = self.trunk().ok_or(TrunkError::Stopping)?.dial(dial)?;
        registry.by_trunk.insert(call, inbox.clone());
        Ok(call)
    }

    /// The way out to the telephone network: the one named, else the first that can be called.
    #[must_use]
    pub fn route(&self, wanted: Option<&str>) -> Option<String> {
        let trunk = &self.parts.config.trunk;
        let peers = trunk.peers.iter().filter(|peer| peer.target.is_some()).map(|peer| &peer.name);
        let mut ways = peers.chain(trunk.registrations.iter().map(|one| &one.name));
        match wanted {
            Some(name) => ways.find(|way| *way == name).cloned(),
            None => ways.next().cloned(),
        }
    }

    /// Nothing of this call is wanted any more.
    pub fn forget(&self, call: CallId) {
        self.registry().by_trunk.remove(&call);
    }

    /// Refuses a call before it is one.
    pub fn refuse(&self, call: CallId, code: u16) {
        if let Some(trunk) = self.trunk() {
            // She may have hung up.
            let _ = trunk.refuse(call, code, None);
        }
        self.forget(call);
    }

    /// Room for the happenings of one call.
    #[must_use]
    pub fn inbox() -> (mpsc::Sender<Happening>, mpsc::Receiver<Happening>) {
        mpsc::channel(INBOX)
    }

    /// Makes a call known by its contact.
    pub fn enter(&self, contact: ContactId, inbox: &mpsc::Sender<Happening>, view: &Arc<Shown<CallView>>) {
        let handle = Handle { inbox: inbox.clone(), view: Arc::clone(view) };
        self.registry().calls.insert(contact, handle);
    }

    /// The call of this contact is over, unless another has taken its place.
    pub fn leave(&self, contact: ContactId, view: &Arc<Shown<CallView>>) {
        let mut registry = self.registry();
        if registry.calls.get(&contact).is_some_and(|handle| Arc::ptr_eq(&handle.view, view)) {
            registry.calls.remove(&contact);
        }
    }

    /// How a call stands; `None` when it does not go on here.
    #[must_use]
    pub fn view(&self, contact: ContactId) -> Option<CallView> {
        self.registry().calls.get(&contact).map(|handle| handle.view.get())
    }

    /// Has a call carry out an order.
    ///
    /// # Errors
    /// `closed` when the call is over, or the order's own refusal.
    pub async fn order(&self, contact: ContactId, order: Order) -> Result<(), Problem> {
        let closed = || Problem::conflict("closed");
        let inbox =
            self.registry().calls.get(&contact).map(|handle| handle.inbox.clone()).ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        inbox.send(Happening::Order(order, reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// The line of an agent, connected or not.
    #[must_use]
    pub fn line(&self, account: AccountId) -> Arc<Line> {
        let mut registry = self.registry();
        let line = registry.lines.entry(account);
        Arc::clone(line.or_insert_with(|| Line::new(account, &self.parts.chance)))
    }

    /// Answers the offer of an agent's browser.
    ///
    /// # Errors
    /// `bad_offer` with what is wrong, or `busy` when no port is free.
    pub async fn attach(&self, account: AccountId, offer: &str) -> Result<String, Problem> {
        let config = self.parts.config.peer();
        let line = self.line(account);
        line.attach(&config, &self.parts.clock, &self.parts.chance, offer)
            .await
            .map_err(|error| refused(&error))
    }
}

/// What a browser is told about its offer.
pub fn refused(error: &crate::media::peer::PeerError) -> Problem {
    use crate::media::peer::PeerError;
    match error {
        PeerError::NoAddress | PeerError::NoPort(..) | PeerError::Socket(_) => {
            tracing::error!(%error, "a browser's line has no socket");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
        }
        _ => Problem::invalid("bad_offer"),
    }
}
