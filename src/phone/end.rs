//! The far end of a call: over the carrier's trunk, or a visitor's browser.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::kernel::clock::Clock;
use crate::media::far::{Expect, Learn};
use crate::media::g711::Law;
use crate::media::peer::{Peer, PeerEvent};
use crate::media::sdp::{Agreed, Direction, SdpError, Session};
use crate::media::socket::{Event, RtpSocket, Settings, SocketError};

use super::call::run::Happening;
use super::exchange::Phone;
use super::sound::leg::{Formats, Leg};
use super::trunk::{CallId, HangUp, TrunkEvent};

/// Why an end cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Sdp(#[from] SdpError),
}

impl EndError {
    /// The SIP answer.
    #[must_use]
    pub const fn sip_status(&self) -> u16 {
        match self {
            Self::Socket(_) => 503,
            Self::Sdp(error) => error.sip_status(),
        }
    }
}

enum Reach {
    Carrier { call: Option<CallId>, socket: Arc<RtpSocket>, sdp: Box<Session> },
    Web,
}

/// See the module. Dropping it frees its ports; it does not hang up.
pub struct End {
    pub leg: Arc<Leg>,
    /// Keys that the far side pressed.
    pub keys: mpsc::UnboundedReceiver<char>,
    reach: Reach,
    tasks: Vec<AbortHandle>,
}

impl Drop for End {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        drop(self.leg.connect(None));
    }
}

impl End {
    /// The carrier's end of a call; `inbox` is told when its sound stops coming.
    ///
    /// # Errors
    /// No port is free.
    pub async fn carrier(
        phone: &Phone,
        call: Option<CallId>,
        inbox: &mpsc::Sender<Happening>,
    ) -> Result<Self, EndError> {
        let (clock, chance) = (&phone.parts.clock, &phone.parts.chance);
        let ssrc = u32::from_be_bytes(chance.bytes());
        let cname = format!("{:08x}", u32::from_be_bytes(chance.bytes()));
        let silence = phone.parts.config.silence();
        let settings = Settings { ssrc, cname, learn: Learn::SameHost, silence };
        let config = &phone.parts.config;
        let socket = RtpSocket::bind(config.bind(), &phone.ports, settings, clock.now()).await?;
        let local = std::net::SocketAddr::new(config.reach(), socket.local().port());
        let socket = Arc::new(socket);
        let sdp = Box::new(Session::new(u64::from_be_bytes(chance.bytes()), local, None));
        let formats = Formats { law: Law::Mu, pt: Law::Mu.pt(), event_pt: None };
        let (leg, keys) = Leg::carrier(Arc::clone(&socket), formats, ssrc, chance);
        let mut end = Self { leg, keys, reach: Reach::Carrier { call, socket, sdp }, tasks: Vec::new() };
        end.serve(clock, inbox);
        Ok(end)
    }

    fn serve(&mut self, clock: &Clock, inbox: &mpsc::Sender<Happening>) {
        let Reach::Carrier { socket, .. } = &self.reach else { return };
        let (hearing, leg, time) = (Arc::clone(socket), Arc::clone(&self.leg), clock.clone());
        let ear = tokio::spawn(async move {
            let error = hearing.receive(&time, |packet, now| leg.hear_carrier(&packet, now)).await;
            tracing::error!(kind = ?error.kind(), "a carrier's socket broke");
        });
        let (watching, time, inbox) = (Arc::clone(socket), clock.clone(), inbox.clone());
        let source = self.leg.source();
        let watch = tokio::spawn(async move {
            loop {
                if let Event::Silent(_) = watching.next_event(&time).await
                    && inbox.send(Happening::Silent(source)).await.is_err()
                {
                    return;
                }
            }
        });
        self.tasks.extend([ear.abort_handle(), watch.abort_handle()]);
    }

    /// A visitor's browser: gives the answer to its offer.
    ///
    /// # Errors
    /// As [`Peer::answer`].
    pub async fn web(
        phone: &Phone,
        offer: &str,
        inbox: &mpsc::Sender<Happening>,
    ) -> Result<(Self, String), crate::media::peer::PeerError> {
        let (clock, chance) = (phone.parts.clock.clone(), &phone.parts.chance);
        let (leg, keys) = Leg::browser(chance);
        let (hearing, inbox) = (Arc::downgrade(&leg), inbox.clone());
        let sink = move |event: PeerEvent| match event {
            PeerEvent::Audio(packet) => {
                if let Some(leg) = hearing.upgrade() {
                    leg.hear_browser(&packet, clock.now());
                }
            }
            // A full inbox: the call is told by the next one.
            PeerEvent::Connected => drop(inbox.try_send(Happening::WebUp)),
            PeerEvent::Failed | PeerEvent::Closed => drop(inbox.try_send(Happening::WebGone)),
            PeerEvent::Disconnected => {}
        };
        let config = phone.parts.config.peer();
        let (peer, answer) = Peer::answer_into(&config, chance, offer, Arc::new(sink)).await?;
        drop(leg.connect(Some(Arc::new(peer))));
        Ok((Self { leg, keys, reach: Reach::Web, tasks: Vec::new() }, answer))
    }

    /// The trunk's number of this call.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match &self.reach {
            Reach::Carrier { call, .. } => *call,
            Reach::Web => None,
        }
    }

    /// Names the call that was dialled for this end.
    pub const fn dialled(&mut self, id: CallId) {
        if let Reach::Carrier { call, .. } = &mut self.reach {
            *call = Some(id);
        }
    }

    /// Answers an offer, or makes ours when there is none; gives the text to send.
    ///
    /// # Errors
    /// What is wrong with the offer.
    pub fn describe(&mut self, clock: &Clock, offer: Option<&str>) -> Result<String, SdpError> {
        let Reach::Carrier { sdp, .. } = &mut self.reach else { return Err(SdpError::NoAudio) };
        let Some(offer) = offer else { return Ok(sdp.offer(Direction::SendRecv)) };
        let (agreed, text) = sdp.answer(offer.as_bytes())?;
        self.agreed(clock, &agreed);
        Ok(text)
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// What is wrong with it; what was agreed before still stands.
    pub fn apply(&mut self, clock: &Clock, answer: &str) -> Result<(), SdpError> {
        let Reach::Carrier { sdp, .. } = &mut self.reach else { return Ok(()) };
        let agreed = sdp.apply_answer(answer.as_bytes())?;
        self.agreed(clock, &agreed);
        Ok(())
    }

    fn agreed(&self, clock: &Clock, agreed: &Agreed) {
        if let Reach::Carrier { socket, .. } = &self.reach {
            socket.expect(&Expect::from(agreed), clock.now());
            self.leg.agree(agreed);
        }
    }

    /// Takes an event of this end's own dialog that concerns its session alone. `false` when it is
    /// another kind.
    pub fn settle(&mut self, phone: &Phone, event: &TrunkEvent) -> bool {
        let clock = &phone.parts.clock;
        match event {
            TrunkEvent::Reoffer { call, sdp } => {
                let answer = self.describe(clock, sdp.as_deref()).map_err(|error| error.sip_status());
                // The call may be over by now.
                let _ = phone.trunk().map(|trunk| trunk.answer_reoffer(*call, answer));
                true
            }
            TrunkEvent::ReofferAnswered { sdp, .. } => {
                let _ = self.apply(clock, sdp);
                true
            }
            TrunkEvent::ReofferRefused { .. } => true,
            _ => false,
        }
    }

    /// Ends the call.
    pub fn hang_up(&self, phone: &Phone, why: HangUp) {
        match &self.reach {
            Reach::Carrier { call: Some(call), .. } => {
                if let Some(trunk) = phone.trunk() {
                    // It may be over by now.
                    let _ = trunk.hang_up(*call, why);
                    phone.forget(*call);
                }
            }
            Reach::Carrier { call: None, .. } => {}
            Reach::Web => drop(self.leg.connect(None)),
        }
    }
}

/// A value that several tasks look at and one changes.
#[derive(Debug, Default)]
pub struct Shown<T>(Mutex<T>);

impl<T: Clone + PartialEq> Shown<T> {
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub fn get(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it was another one before.
    pub fn set(&self, value: T) -> bool {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == value {
            return false;
        }
        *now = value;
        true
    }
}
