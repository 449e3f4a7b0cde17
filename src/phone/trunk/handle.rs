//! The trunk as the rest of the program holds it, and what its parts share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rsipstack::transaction::TransactionReceiver;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::Command;
use super::caller::number;
use super::config::{Transport, TrunkConfig};
use super::gate::Gate;
use super::peers::{Peers, lock};
use super::stack::Stack;
use super::timer::Wish;
use super::{
    CallId, Dial, HangUp, PeerStatus, RegistrationState, RegistrationStatus, TrunkError, TrunkEvent,
    TrunkStatus, inbound, outbound, register,
};
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::lifecycle::Lifecycle;

/// Events that may wait for the program. When it falls behind further, the calls wait, not the network.
const EVENTS_WAITING: usize = 1024;
/// At the end: how long goodbyes may take before the listeners close anyway.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// What the calls, the registrations and the handle share.
pub(super) struct Core {
    pub config: TrunkConfig,
    pub clock: Clock,
    pub chance: Chance,
    pub peers: Arc<Peers>,
    pub gate: Arc<Gate>,
    pub lifecycle: Lifecycle,
    /// Cancelled when the listeners close.
    pub closed: CancellationToken,
    /// Everything that still has something to say to the far side.
    pub tasks: TaskTracker,
    pub registrations: Mutex<Vec<RegistrationStatus>>,
    events: mpsc::Sender<TrunkEvent>,
    calls: Mutex<HashMap<CallId, mpsc::UnboundedSender<Command>>>,
    /// Call-IDs of the calls we made, while they last.
    outgoing: Mutex<HashSet<String>>,
    last_call: AtomicU64,
    serving: AtomicBool,
    /// Gone after the end, and the sockets with it.
    stack: Mutex<Option<Stack>>,
}

impl Core {
    pub async fn tell(&self, event: TrunkEvent) {
        // Nobody listens any more only when the program ends.
        let _ = self.events.send(event).await;
    }

    pub fn stack(&self) -> Option<Stack> {
        lock(&self.stack).clone()
    }

    pub fn wish(&self) -> Wish {
        Wish { min_secs: self.config.session.min_secs, default_secs: self.config.session.default_secs }
    }

    /// Makes a call known and gives what the program says about it.
    pub fn open_call(&self) -> (CallId, mpsc::UnboundedReceiver<Command>) {
        let call = CallId(self.last_call.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.calls).insert(call, sender);
        (call, receiver)
    }

    pub fn close_call(&self, call: CallId) {
        lock(&self.calls).remove(&call);
    }

    /// Remembers the Call-ID of a call we make, until the mark is dropped.
    pub fn mark_outgoing(self: &Arc<Self>, call_id: &str) -> Outgoing {
        lock(&self.outgoing).insert(call_id.to_owned());
        Outgoing { core: Arc::clone(self), call_id: call_id.to_owned() }
    }

    pub fn is_outgoing(&self, call_id: &str) -> bool {
        lock(&self.outgoing).contains(call_id)
    }

    fn command(&self, call: CallId, command: Command) -> Result<(), TrunkError> {
        let sender = lock(&self.calls).get(&call).cloned().ok_or(TrunkError::NoSuchCall)?;
        sender.send(command).map_err(|_| TrunkError::NoSuchCall)
    }

    /// Runs `work` until it ends or the listeners close; the end of the program waits for it, within limits.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let closed = self.closed.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = closed.cancelled() => {}
            }
        });
    }

    /// Like [`Core::spawn`], for work the end of the program need not wait for.
    pub fn spawn_aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let closed = self.closed.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                () = closed.cancelled() => {}
            }
        });
    }
}

/// The mark of a call we make.
pub(super) struct Outgoing {
    core: Arc<Core>,
    call_id: String,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        lock(&self.core.outgoing).remove(&self.call_id);
    }
}

/// The trunk. Clones speak to the same one. No command blocks.
#[derive(Clone)]
pub struct Trunk(Arc<Core>);

impl Trunk {
    /// Opens the listeners, begins to register, and gives the events.
    ///
    /// # Errors
    /// A configuration that cannot work, an address in use, a certificate that cannot be read, or a log
    /// filter that would let whole SIP messages through.
    pub async fn start(
        config: TrunkConfig,
        clock: Clock,
        chance: Chance,
        lifecycle: Lifecycle,
    ) -> Result<(Self, mpsc::Receiver<TrunkEvent>), TrunkError> {
        config.check()?;
        if tracing::enabled!(target: "rsipstack::transport::udp", tracing::Level::INFO) {
            return Err(TrunkError::LogsTooMuch);
        }
        let peers = Arc::new(Peers::new(&config, clock.now()));
        let gate = Arc::new(Gate::new(&config, Arc::clone(&peers), clock.clone()));
        let closed = CancellationToken::new();
        // An error on the way must not leave a listener behind.
        let guard = closed.clone().drop_guard();
        let (stack, incoming, serving) = Stack::open(&config, &gate, &closed).await?;
        let closed = guard.disarm();
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        let registrations = config.registrations.iter().map(|r| RegistrationStatus {
            name: r.name.clone(),
            state: RegistrationState::Starting,
            last_success: None,
            last_failure: None,
        });
        let core = Arc::new(Core {
            registrations: Mutex::new(registrations.collect()),
            clock,
            chance,
            peers,
            gate,
            lifecycle: lifecycle.clone(),
            closed,
            tasks: TaskTracker::new(),
            events,
            calls: Mutex::default(),
            outgoing: Mutex::default(),
            last_call: AtomicU64::new(0),
            serving: AtomicBool::new(true),
            stack: Mutex::new(Some(stack.clone())),
            config,
        });
        let served = Arc::clone(&core);
        lifecycle.spawn(async move {
            if serving.await.is_err() || !served.closed.is_cancelled() {
                tracing::error!("the SIP stack stopped serving: calls no longer arrive");
            }
            served.serving.store(false, Ordering::Relaxed);
        });
        Self::begin(&core, stack, incoming);
        Ok((Self(core), receiver))
    }

    fn begin(core: &Arc<Core>, stack: Stack, incoming: TransactionReceiver) {
        for peer in core.config.peers.clone() {
            if let Some(target) = peer.target {
                let (names, core_) = (stack.names.clone(), Arc::clone(core));
                core.spawn_aside(async move {
                    let found = names.find(&target, peer.domain.as_deref(), peer.transport).await;
                    if let (Some(found), Some(known)) = (found, core_.peers.named(&peer.name)) {
                        known.learn(found.iter().map(std::net::SocketAddr::ip));
                    }
                });
            }
        }
        for (index, _) in core.config.registrations.iter().enumerate() {
            core.spawn(register::run(Arc::clone(core), stack.clone(), index));
        }
        core.lifecycle.spawn(inbound::run(Arc::clone(core), stack, incoming));
        core.lifecycle.spawn(stop_in_time(Arc::clone(core)));
    }

    /// Tells the caller that it rings (180), or gives early media (183) when there is SDP.
    ///
    /// # Errors
    /// [`TrunkError::NoSuchCall`], here and with every command for a call.
    pub fn ring(&self, call: CallId, early: Option<String>) -> Result<(), TrunkError> {
        self.0.command(call, Command::Ring(early))
    }

    /// Answers a call. `sdp` is the answer, or the offer when the caller made none.
    ///
    /// # Errors
    /// See [`Trunk::ring`].
    pub fn answer(&self, call: CallId, sdp: String) -> Result<(), TrunkError> {
        self.0.command(call, Command::Answer(sdp))
    }

    /// Refuses a call that was not answered.
    ///
    /// # Errors
    /// [`TrunkError::BadCode`] unless the code is 300 to 699.
    pub fn refuse(&self, call: CallId, code: u16, retry_after_secs: Option<u32>) -> Result<(), TrunkError> {
        refusal(code)?;
        self.0.command(call, Command::Refuse(code, retry_after_secs))
    }

    /// Ends a call in whatever state: BYE, CANCEL or 480.
    ///
    /// # Errors
    /// See [`Trunk::ring`].
    pub fn hang_up(&self, call: CallId, why: HangUp) -> Result<(), TrunkError> {
        self.0.command(call, Command::HangUp(why))
    }

    /// Changes the session with our offer; waits its turn when another change is under way.
    ///
    /// # Errors
    /// See [`Trunk::ring`].
    pub fn reoffer(&self, call: CallId, sdp: String) -> Result<(), TrunkError> {
        self.0.command(call, Command::Reoffer(sdp))
    }

    /// Answers [`TrunkEvent::Reoffer`], with SDP or with a refusal.
    ///
    /// # Errors
    /// [`TrunkError::BadCode`] unless the code is 300 to 699.
    pub fn answer_reoffer(&self, call: CallId, answer: Result<String, u16>) -> Result<(), TrunkError> {
        if let Err(code) = answer {
            refusal(code)?;
        }
        self.0.command(call, Command::AnswerReoffer(answer))
    }

    /// Gives up a call that we dialled and that is not answered yet.
    ///
    /// # Errors
    /// See [`Trunk::ring`].
    pub fn cancel(&self, call: CallId) -> Result<(), TrunkError> {
        self.hang_up(call, HangUp::Normal)
    }

    /// Calls a number. The events of the call tell how it goes.
    ///
    /// # Errors
    /// No such peer, no room under the limits, or not a number.
    pub fn dial(&self, dial: Dial) -> Result<CallId, TrunkError> {
        if self.0.lifecycle.is_stopping() {
            return Err(TrunkError::Stopping);
        }
        let called = number(&dial.number).ok_or(TrunkError::BadNumber)?;
        let shown = match &dial.shown {
            Some(shown) => Some(number(shown).ok_or(TrunkError::BadNumber)?),
            None => None,
        };
        let route = outbound::route(&self.0.config, &dial.through).ok_or(TrunkError::NoRoute)?;
        let peer = self.0.peers.named(&dial.through).ok_or(TrunkError::NoRoute)?;
        let slot = self.0.peers.enter(peer, false, self.0.clock.now()).ok_or(TrunkError::TooMany)?;
        let (call, commands) = self.0.open_call();
        let wanted = outbound::Wanted { route, called, shown, sdp: dial.sdp, slot };
        self.0.spawn(outbound::run(Arc::clone(&self.0), call, wanted, commands));
        Ok(call)
    }

    /// Reads the TLS certificate and key again; calls under way keep theirs.
    ///
    /// # Errors
    /// What is wrong with the files. The old certificate stays in use.
    pub fn reload_tls(&self) -> Result<(), TrunkError> {
        match self.0.stack().and_then(|s| s.tls) {
            Some(acceptor) => acceptor.reload(),
            None => Ok(()),
        }
    }

    /// Where the trunk listens, as the outside sees it; empty after the end.
    pub fn addresses(&self) -> Vec<(Transport, std::net::SocketAddr)> {
        self.0.stack().map(|s| s.reach().to_vec()).unwrap_or_default()
    }

    /// How it stands, for the health page.
    pub fn status(&self) -> TrunkStatus {
        let peers = self.0.peers.list.iter().map(|p| PeerStatus {
            name: p.name.clone(),
            calls: p.calls(),
            over_limit: p.over_limit.load(Ordering::Relaxed),
        });
        TrunkStatus {
            serving: self.0.serving.load(Ordering::Relaxed),
            calls: self.0.peers.calls(),
            peers: peers.collect(),
            registrations: lock(&self.0.registrations).clone(),
            strangers: self.0.gate.refused.load(Ordering::Relaxed),
            broken: self.0.gate.broken.load(Ordering::Relaxed),
        }
    }
}

fn refusal(code: u16) -> Result<(), TrunkError> {
    if (300..700).contains(&code) { Ok(()) } else { Err(TrunkError::BadCode(code)) }
}

/// The end: every call hears goodbye, every registration is taken back, then the listeners close.
async fn stop_in_time(core: Arc<Core>) {
    core.lifecycle.stopping().await;
    let calls: Vec<_> = lock(&core.calls).values().cloned().collect();
    for call in calls {
        // A call that is just ending needs no telling.
        let _ = call.send(Command::Stop);
    }
    core.tasks.close();
    let _ = tokio::time::timeout(STOP_LIMIT, core.tasks.wait()).await;
    core.closed.cancel();
    core.tasks.wait().await;
    let stack = lock(&core.stack).take();
    if let Some(stack) = stack {
        stack.close().await;
    }
    lock(&core.calls).clear();
}
