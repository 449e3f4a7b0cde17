//! One end of a conversation: a carrier's RTP stream, or a browser's connection.
//!
//! A leg hears (packets come in and go to whatever its ear is pointed at) and is spoken to (packets of any
//! source go out through its one rewriter, so that clock and sequence never step back).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::kernel::clock::Chance;
use crate::kernel::time::Timestamp;
use crate::media::dtmf::Decoder;
use crate::media::g711::Law;
use crate::media::peer::{self, PCMU, Peer, TELEPHONE_EVENT};
use crate::media::rewriter::{Rewriter, SourceId};
use crate::media::rtp::{Header, Packet};
use crate::media::sdp::Agreed;
use crate::media::socket::RtpSocket;

use super::new_source;
use super::room::Room;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Voice(Law),
    /// A key (RFC 4733).
    Event,
}

/// Where what a leg says goes to.
#[derive(Clone, Debug, Default)]
pub enum Ear {
    #[default]
    Nobody,
    /// One other leg, packet by packet.
    Leg(Weak<Leg>),
    /// A room, which mixes.
    Room(Weak<Room>),
}

/// Listens in on one leg without changing anything: for recordings.
pub trait Tap: Send + Sync {
    fn voice(&self, head: &Header, law: Law, payload: &[u8]);
    fn event(&self, head: &Header, payload: &[u8]);
}

/// The formats of a carrier's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    pub law: Law,
    pub pt: u8,
    pub event_pt: Option<u8>,
}

impl From<&Agreed> for Formats {
    fn from(agreed: &Agreed) -> Self {
        Self { law: agreed.law, pt: agreed.pt, event_pt: agreed.event_pt }
    }
}

enum Wire {
    Carrier {
        socket: Arc<RtpSocket>,
        formats: Mutex<Formats>,
    },
    /// `None` while the browser is away: the leg outlives its connection.
    Browser(Mutex<Option<Arc<Peer>>>),
}

/// See the module.
pub struct Leg {
    source: SourceId,
    wire: Wire,
    out: Mutex<Rewriter>,
    ear: Mutex<Ear>,
    tap: Mutex<Option<Arc<dyn Tap>>>,
    decoder: Mutex<Decoder>,
    /// Keys that this side pressed.
    keys: mpsc::UnboundedSender<char>,
}

impl std::fmt::Debug for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leg").field("source", &self.source).finish_non_exhaustive()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks, and each change is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leg {
    /// The leg of a carrier. `ssrc` is the one its socket was made with.
    #[must_use]
    pub fn carrier(
        socket: Arc<RtpSocket>,
        formats: Formats,
        ssrc: u32,
        chance: &Chance,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<char>) {
        Self::new(Wire::Carrier { socket, formats: Mutex::new(formats) }, ssrc, chance)
    }

    /// The leg of a browser that is not connected yet.
    #[must_use]
    pub fn browser(chance: &Chance) -> (Arc<Self>, mpsc::UnboundedReceiver<char>) {
        Self::new(Wire::Browser(Mutex::new(None)), u32::from_be_bytes(chance.bytes()), chance)
    }

    fn new(wire: Wire, ssrc: u32, chance: &Chance) -> (Arc<Self>, mpsc::UnboundedReceiver<char>) {
        let (keys, pressed) = mpsc::unbounded_channel();
        let seq = u16::from_be_bytes(chance.bytes());
        let ts = u32::from_be_bytes(chance.bytes());
        let leg = Self {
            source: new_source(),
            wire,
            out: Mutex::new(Rewriter::new(ssrc, seq, ts)),
            ear: Mutex::default(),
            tap: Mutex::default(),
            decoder: Mutex::default(),
            keys,
        };
        (Arc::new(leg), pressed)
    }

    /// The source that this leg is to others.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.source
    }

    /// Points the ear somewhere else.
    pub fn point(&self, ear: Ear) {
        *lock(&self.ear) = ear;
    }

    /// Lets a recording listen in, or sends it away.
    pub fn tap(&self, tap: Option<Arc<dyn Tap>>) {
        *lock(&self.tap) = tap;
    }

    /// Sends one recording away; another that has come meanwhile stays.
    pub fn untap(&self, tap: &Arc<dyn Tap>) {
        let mut now = lock(&self.tap);
        if now.as_ref().is_some_and(|now| Arc::ptr_eq(now, tap)) {
            *now = None;
        }
    }

    /// Takes the formats of a new agreement.
    pub fn agree(&self, agreed: &Agreed) {
        if let Wire::Carrier { formats, .. } = &self.wire {
            *lock(formats) = agreed.into();
        }
    }

    /// Gives a browser's leg its connection, or takes it away; gives the earlier one.
    pub fn connect(&self, peer: Option<Arc<Peer>>) -> Option<Arc<Peer>> {
        match &self.wire {
            Wire::Browser(now) => std::mem::replace(&mut lock(now), peer),
            Wire::Carrier { .. } => None,
        }
    }

    /// Whether what is said to this leg reaches somebody now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match &self.wire {
            Wire::Carrier { socket, .. } => socket.far().is_some(),
            Wire::Browser(peer) => lock(peer).as_ref().is_some_and(|peer| peer.is_connected()),
        }
    }

    /// A packet of the carrier came in.
    pub fn hear_carrier(&self, packet: &Packet<'_>, now: Timestamp) {
        let Wire::Carrier { formats, .. } = &self.wire else { return };
        let formats = *lock(formats);
        if packet.head.pt == formats.pt {
            self.hear(&packet.head, Kind::Voice(formats.law), packet.payload, now);
        } else if Some(packet.head.pt) == formats.event_pt {
            self.hear(&packet.head, Kind::Event, packet.payload, now);
        }
    }

    /// A packet of the browser came in.
    pub fn hear_browser(&self, packet: &peer::Packet, now: Timestamp) {
        let kind = match Law::of_pt(packet.payload_type) {
            Some(law) => Kind::Voice(law),
            None => Kind::Event,
        };
        // The browser's connection has one sender; its SSRC says nothing more than the source does.
        let head = Header {
            marker: packet.marker,
            pt: packet.payload_type,
            seq: packet.sequence,
            ts: packet.timestamp,
            ssrc: 0,
        };
        self.hear(&head, kind, &packet.payload, now);
    }

    fn hear(&self, head: &Header, kind: Kind, payload: &[u8], now: Timestamp) {
        if kind == Kind::Event
            && let Some(key) = lock(&self.decoder).take(&Packet { head: *head, payload })
        {
            // Nobody listens any more when the call is ending.
            let _ = self.keys.send(key.sign());
        }
        if let Some(tap) = lock(&self.tap).as_ref() {
            match kind {
                Kind::Voice(law) => tap.voice(head, law, payload),
                Kind::Event => tap.event(head, payload),
            }
        }
        let ear = lock(&self.ear).clone();
        match ear {
            Ear::Nobody => {}
            Ear::Leg(other) => {
                if let Some(other) = other.upgrade() {
                    other.say(self.source, head, kind, payload, now);
                }
            }
            Ear::Room(room) => {
                if let Some(room) = room.upgrade() {
                    room.hear(self.source, head, kind, payload);
                }
            }
        }
    }

    /// Sends a packet of `source` to this side. `false` when it did not go out.
    pub fn say(&self, source: SourceId, head: &Header, kind: Kind, payload: &[u8], now: Timestamp) -> bool {
        let mut out = lock(&self.out);
        let Some(mut head) = out.rewrite(source, head, payload.len(), now) else { return false };
        // The rewriter stays locked until the packet is out: two sources must not overtake each other.
        match &self.wire {
            Wire::Carrier { socket, formats } => {
                let formats = *lock(formats);
                match kind {
                    Kind::Event => match formats.event_pt {
                        Some(pt) => {
                            head.pt = pt;
                            socket.send(&Packet { head, payload }, now)
                        }
                        None => false,
                    },
                    Kind::Voice(law) => {
                        head.pt = formats.pt;
                        if law == formats.law {
                            return socket.send(&Packet { head, payload }, now);
                        }
                        let mut turned = payload.to_vec();
                        law.transcode(formats.law, &mut turned);
                        socket.send(&Packet { head, payload: &turned }, now)
                    }
                }
            }
            Wire::Browser(peer) => {
                let Some(peer) = lock(peer).clone() else { return false };
                // A browser that offered G.711 takes both laws at any time.
                let pt = match kind {
                    Kind::Voice(law) => law.pt(),
                    Kind::Event => TELEPHONE_EVENT,
                };
                let bytes = Bytes::copy_from_slice(payload);
                peer.send(pt, head.seq, head.ts, head.marker, bytes)
            }
        }
    }

    /// The law that costs nothing to say to this side.
    #[must_use]
    pub fn law(&self) -> Law {
        match &self.wire {
            Wire::Carrier { formats, .. } => lock(formats).law,
            Wire::Browser(_) => Law::of_pt(PCMU).unwrap_or(Law::Mu),
        }
    }
}

/// Lets two legs hear each other, packet by packet.
pub fn join(one: &Arc<Leg>, other: &Arc<Leg>) {
    one.point(Ear::Leg(Arc::downgrade(other)));
    other.point(Ear::Leg(Arc::downgrade(one)));
}
