//! An agent's standing line: one browser connection that outlives calls, and one leg that outlives
//! connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::watch;

use crate::kernel::clock::{Chance, Clock};
use crate::kernel::ids::AccountId;
use crate::media::peer::{Peer, PeerConfig, PeerError, PeerEvent};

use super::sound::leg::Leg;

/// See the module.
#[derive(Debug)]
pub struct Line {
    pub account: AccountId,
    pub leg: Arc<Leg>,
    up: watch::Sender<bool>,
    /// Grows with each connection: what an earlier one still says is not listened to.
    generation: AtomicU64,
}

impl Line {
    /// A line without a connection.
    #[must_use]
    pub fn new(account: AccountId, chance: &Chance) -> Arc<Self> {
        let (leg, _keys) = Leg::browser(chance);
        let up = watch::Sender::new(false);
        Arc::new(Self { account, leg, up, generation: AtomicU64::new(0) })
    }

    /// Whether the agent hears and is heard.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Tells when the line comes and goes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Answers a browser's offer; its connection replaces the earlier one, and whatever call goes on
    /// with it.
    ///
    /// # Errors
    /// When the offer is not one of a browser with G.711, or no port is free.
    pub async fn attach(
        self: &Arc<Self>,
        config: &PeerConfig,
        clock: &Clock,
        chance: &Chance,
        offer: &str,
    ) -> Result<String, PeerError> {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        let sink = Sink { line: Arc::downgrade(self), clock: clock.clone(), generation };
        let (peer, answer) = Peer::answer_into(config, chance, offer, Arc::new(sink)).await?;
        if self.generation.load(Ordering::Acquire) == generation {
            self.up.send_replace(peer.is_connected());
            drop(self.leg.connect(Some(Arc::new(peer))));
        }
        Ok(answer)
    }

    /// Ends the connection, if there is one.
    pub fn detach(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.up.send_replace(false);
        drop(self.leg.connect(None));
    }
}

struct Sink {
    line: Weak<Line>,
    clock: Clock,
    generation: u64,
}

impl crate::media::peer::Sink for Sink {
    fn take(&self, event: PeerEvent) {
        let Some(line) = self.line.upgrade() else { return };
        if line.generation.load(Ordering::Acquire) != self.generation {
            return;
        }
        match event {
            PeerEvent::Audio(packet) => line.leg.hear_browser(&packet, self.clock.now()),
            PeerEvent::Connected => {
                line.up.send_replace(true);
            }
            PeerEvent::Disconnected | PeerEvent::Failed | PeerEvent::Closed => {
                line.up.send_replace(false);
            }
        }
    }
}
