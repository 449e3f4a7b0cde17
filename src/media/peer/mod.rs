//! The WebRTC audio connection between the server and one browser: an agent's standing line, a supervisor
//! who listens, a visitor's web call.
//!
//! This drawer owns the description (JSEP, RFC 8829), ICE (RFC 8445), DTLS-SRTP (RFC 5764) and one UDP socket
//! per connection; whoever bridges calls may use it. It speaks G.711 (RFC 3551 §4.5.14) and telephone-event
//! (RFC 4733) only, and it neither decodes nor re-times: what comes in is handed over, what is sent goes out
//! with the sequence and the timestamp it was given. Those must run on without a step back for the life of a
//! connection, or the browser throws the audio away in silence (RFC 3550 §5.1, RFC 3711 §3.3.1).
//!
//! The protocol core is `rtc`, the part of webrtc-rs that does no input and output of its own. One task per
//! connection reads the socket; [`Peer::send`] writes to it from the caller's task. No type of that library
//! is seen from outside.

mod count;
mod drive;
#[cfg(test)]
mod offerer;
mod ports;
mod queue;
mod reports;
mod sdp;
mod session;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::kernel::clock::Chance;
use drive::Shared;
pub use queue::PeerEvents;
use queue::Queue;

/// G.711 μ-law on the wire (RFC 3551 table 4).
pub const PCMU: u8 = 0;
/// G.711 A-law on the wire (RFC 3551 table 4).
pub const PCMA: u8 = 8;
/// telephone-event at 8000 Hz (RFC 4733). The number is ours: a browser that offers another one is
/// translated.
pub const TELEPHONE_EVENT: u8 = 126;

/// How a connection is set up. Everything has a default but the address.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// The local address of the socket. An unspecified one (`0.0.0.0`, `::`) needs [`PeerConfig::public`].
    pub bind: IpAddr,
    /// First and last port that may be taken, one per connection; `(0, 0)` leaves it to the system.
    pub ports: (u16, u16),
    /// The addresses told to the browser, which a NAT maps 1:1 to `bind`, port for port. Empty: `bind`
    /// itself.
    pub public: Vec<IpAddr>,
    /// A longer offer is refused unread. Chromium's audio offer is about 3 kB.
    pub max_sdp_bytes: usize,
    /// An answered offer that does not become a connection in this time fails.
    pub connect_within: Duration,
    /// Without a sign of life for this long: [`PeerEvent::Disconnected`] (RFC 7675).
    pub disconnected_after: Duration,
    /// Disconnected for this much longer: [`PeerEvent::Failed`], and the connection is over.
    pub failed_after: Duration,
    /// How many events [`PeerEvents`] keeps for a slow reader; beyond, the oldest audio is dropped and
    /// counted. 250 packets are five seconds.
    pub queue: usize,
}

impl PeerConfig {
    /// The defaults, on `bind`.
    #[must_use]
    pub const fn new(bind: IpAddr) -> Self {
        Self {
            bind,
            ports: (0, 0),
            public: Vec::new(),
            max_sdp_bytes: 16 * 1024,
            connect_within: Duration::from_secs(20),
            disconnected_after: Duration::from_secs(5),
            failed_after: Duration::from_secs(15),
            queue: 250,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PeerError {
    #[error("the offer has {bytes} bytes, more than {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("line {line} of the offer is not SDP")]
    NotSdp { line: usize },
    #[error("the offer must have exactly one media section, of audio")]
    NotOneAudio,
    #[error("the offer has neither PCMU nor PCMA")]
    NoG711,
    #[error("the offer lacks or garbles {0}")]
    Lacks(&'static str),
    #[error("the offer was refused: {0}")]
    Refused(String),
    #[error("the address to bind is unspecified and no public address is given")]
    NoAddress,
    #[error("no free UDP port from {0} to {1}")]
    NoPort(u16, u16),
    #[error("the socket could not be opened: {0}")]
    Socket(std::io::ErrorKind),
}

/// One RTP packet without its source (RFC 3550 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// [`PCMU`], [`PCMA`] or [`TELEPHONE_EVENT`].
    pub payload_type: u8,
    /// May skip where the browser sent nothing but padding.
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    /// Never empty.
    pub payload: Bytes,
}

/// What happens on a connection, in order. `Closed` is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// Media may flow; said again after a `Disconnected` that passed.
    Connected,
    Audio(Packet),
    /// No sign of life for [`PeerConfig::disconnected_after`]. It may come back.
    Disconnected,
    /// It will not come back. `Closed` follows by itself.
    Failed,
    /// Over, by whichever side; the port is free.
    Closed,
}

/// Takes the events where they happen, on the connection's own task: do not wait in it, hand over or relay.
/// It may call [`Peer::send`] of any connection, this one included.
pub trait Sink: Send + Sync + 'static {
    fn take(&self, event: PeerEvent);
}

impl<F: Fn(PeerEvent) + Send + Sync + 'static> Sink for F {
    fn take(&self, event: PeerEvent) {
        self(event);
    }
}

/// Figures of a connection since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// RTP packets from the browser, padding included.
    pub packets_in: u64,
    pub packets_out: u64,
    /// Packets from the browser that never came (RFC 3550 §A.3); late doubles can make it fall.
    pub lost_in: i64,
    /// Interarrival jitter of the browser's audio (RFC 3550 §A.8).
    pub jitter_in_ms: f64,
    /// What the browser reports about our audio (RFC 3550 §6.4.2); `None` before its first report.
    pub far: Option<FarReport>,
    /// Of the last connectivity check (RFC 8445 §7); `None` before the first answer.
    pub round_trip: Option<Duration>,
    /// Audio that a slow reader of [`PeerEvents`] never saw.
    pub dropped_in: u64,
    /// Datagrams that the system did not take.
    pub dropped_out: u64,
    /// Datagrams from strangers, thrown away unread.
    pub strangers: u64,
}

/// The browser's last receiver report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FarReport {
    pub lost: i64,
    pub jitter_ms: f64,
}

/// One audio connection with one browser. Dropping it closes it.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<Shared>,
    queue: Option<Arc<Queue>>,
}

impl Peer {
    /// Answers a complete (non-trickle) offer: the connection, the answer to give back, and what will happen.
    ///
    /// # Errors
    /// When the offer is not one of a browser with G.711, or when no socket can be had.
    pub async fn answer(
        config: &PeerConfig,
        chance: &Chance,
        offer: &str,
    ) -> Result<(Self, String, PeerEvents), PeerError> {
        let queue = Arc::new(Queue::new(config.queue));
        let (mut peer, answer) = Self::answer_into(config, chance, offer, Arc::clone(&queue) as _).await?;
        peer.queue = Some(Arc::clone(&queue));
        Ok((peer, answer, PeerEvents::new(queue)))
    }

    /// Like [`Peer::answer`], without the queue: each event goes straight to `sink`. The cheapest way to
    /// relay.
    ///
    /// # Errors
    /// As [`Peer::answer`].
    pub async fn answer_into(
        config: &PeerConfig,
        chance: &Chance,
        offer: &str,
        sink: Arc<dyn Sink>,
    ) -> Result<(Self, String), PeerError> {
        let offer = sdp::read(offer, config.max_sdp_bytes)?;
        let (shared, answer) = drive::start(config, chance, offer, sink).await?;
        Ok((Self { shared, queue: None }, answer))
    }

    /// Sends one RTP packet; `false` when it cannot go now: not connected yet or any more, a payload type the
    /// browser did not offer, or the system's buffer is full. The SSRC stays the same for the life of the
    /// peer.
    pub fn send(
        &self,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload: Bytes,
    ) -> bool {
        self.shared.send(Packet { payload_type, sequence, timestamp, marker, payload })
    }

    /// Whether [`Peer::send`] reaches the browser. Stays true while merely disconnected: it may be one-way.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    /// The figures so far; those that only the connection knows are gone once it is closed.
    #[must_use]
    pub fn stats(&self) -> PeerStats {
        let mut stats = self.shared.stats();
        stats.dropped_in = self.queue.as_ref().map_or(0, |queue| queue.dropped());
        stats
    }

    /// Tells the browser (DTLS close_notify, RFC 8446 §6.1) and frees the port; returns when it is free. May
    /// be called again and by several at once.
    pub async fn close(&self) {
        self.shared.stop();
        self.shared.ended().await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

#[cfg(test)]
mod tests;
