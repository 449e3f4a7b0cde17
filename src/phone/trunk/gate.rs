//! The gate: every message from outside is judged here on its raw bytes before any state is made for it.
//! Strangers and broken messages cost one scan of the head, and at most one small answer.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rsipstack::platform::net::UdpSocket as StackSocket;
use rsipstack::sip::SipMessage;

use super::config::{Strangers, Transport, TrunkConfig};
use super::peers::{Bucket, Peers, lock};
use super::wire::{ALLOW, Head, head_end};
use crate::kernel::clock::Clock;

/// Answers a second to strangers, all together; what is above gets silence.
const STRANGER_ANSWERS_PER_SECOND: u32 = 5;
/// Answers a second to broken messages of peers.
const FAULT_ANSWERS_PER_SECOND: u32 = 50;
/// Largest datagram UDP can bring.
const DATAGRAM_MAX: usize = 65_535;
/// Rest after the socket failed to read, so that a lasting fault does not spin.
const AFTER_FAULT: Duration = Duration::from_millis(50);

/// How often, and how far apart, it is seen whether the stack has let go of a socket.
const CLOSE_LOOKS: u32 = 200;
const CLOSE_REST: Duration = Duration::from_millis(5);

pub(super) enum Verdict {
    /// To the stack as it is.
    Pass,
    /// To the stack, with its length written in (UDP may leave it out, RFC 3261 §18.3).
    Patched(Vec<u8>),
    /// Send this back and forget.
    Answer(Vec<u8>),
    Drop,
}

pub(super) struct Gate {
    peers: Arc<Peers>,
    clock: Clock,
    strangers: Strangers,
    size: usize,
    stranger_answers: Mutex<Bucket>,
    fault_answers: Mutex<Bucket>,
    pub refused: AtomicU64,
    pub broken: AtomicU64,
}

impl Gate {
    pub fn new(config: &TrunkConfig, peers: Arc<Peers>, clock: Clock) -> Self {
        let now = clock.now();
        Self {
            peers,
            clock,
            strangers: config.strangers,
            size: config.limits.message_bytes,
            stranger_answers: Mutex::new(Bucket::new(STRANGER_ANSWERS_PER_SECOND, now)),
            fault_answers: Mutex::new(Bucket::new(FAULT_ANSWERS_PER_SECOND, now)),
            refused: AtomicU64::new(0),
            broken: AtomicU64::new(0),
        }
    }

    /// Largest message in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn knows(&self, ip: std::net::IpAddr) -> bool {
        let known = self.peers.known(ip);
        if !known {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        known
    }

    pub fn judge(&self, packet: &[u8], from: SocketAddr, over: Transport) -> Verdict {
        let now = self.clock.now();
        let Some(peer) = self.peers.at(from.ip(), over == Transport::Tls) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let open = self.strangers == Strangers::Refuse && lock(&self.stranger_answers).take(now);
            let head = if open { Head::read(&packet[..packet.len().min(self.size)]) } else { None };
            let answer = head.and_then(|h| h.answer(403, from, ""));
            return answer.map_or(Verdict::Drop, Verdict::Answer);
        };
        if !peer.may_speak(now) {
            return Verdict::Drop;
        }
        // RFC 5626 §4.4.1 keep-alives; the stack answers them.
        if packet.iter().all(u8::is_ascii_whitespace) {
            return if packet.len() <= 4 { Verdict::Pass } else { Verdict::Drop };
        }
        let Some(head) = Head::read(&packet[..packet.len().min(self.size)]) else {
            self.broken.fetch_add(1, Ordering::Relaxed);
            return Verdict::Drop;
        };
        let body = packet.len() - head.body_at;
        let verdict = if packet.len() > self.size { Err(413) } else { head.check(body) };
        match verdict {
            Ok(()) if body > 0 && head.length() == Ok(None) => {
                let mut whole = packet[..head.body_at - 2].to_vec();
                whole.extend_from_slice(format!("Content-Length: {body}\r\n\r\n").as_bytes());
                whole.extend_from_slice(&packet[head.body_at..]);
                Verdict::Patched(whole)
            }
            Ok(()) => Verdict::Pass,
            Err(code) => self.fault(&head, code, from),
        }
    }

    fn fault(&self, head: &Head<'_>, code: u16, from: SocketAddr) -> Verdict {
        self.broken.fetch_add(1, Ordering::Relaxed);
        if !lock(&self.fault_answers).take(self.clock.now()) {
            return Verdict::Drop;
        }
        let extra = if code == 405 { format!("Allow: {ALLOW}\r\n") } else { String::new() };
        head.answer(code, from, &extra).map_or(Verdict::Drop, Verdict::Answer)
    }

    /// The answer to a message that is too large to be read whole (RFC 3261 §21.4.11).
    pub fn too_large(&self, packet: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let head = Head::read(packet)?;
        match self.fault(&head, 413, from) {
            Verdict::Answer(bytes) => Some(bytes),
            Verdict::Pass | Verdict::Patched(_) | Verdict::Drop => None,
        }
    }
}

/// A UDP socket that hands the stack only what the gate lets through.
pub(super) struct GatedSocket {
    /// Gone after the end: transactions of the stack may hold this object for a while, but no longer the
    /// port.
    socket: Mutex<Option<Arc<tokio::net::UdpSocket>>>,
    local: SocketAddr,
    gate: Arc<Gate>,
    scratch: tokio::sync::Mutex<Vec<u8>>,
}

impl GatedSocket {
    pub fn new(socket: tokio::net::UdpSocket, gate: Arc<Gate>) -> std::io::Result<Self> {
        let local = socket.local_addr()?;
        let socket = Mutex::new(Some(Arc::new(socket)));
        Ok(Self { socket, local, gate, scratch: tokio::sync::Mutex::new(vec![0; DATAGRAM_MAX]) })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Closes the socket, and waits for the stack to let go of it.
    pub async fn close(&self) {
        let held = lock(&self.socket).take();
        for _ in 0..CLOSE_LOOKS {
            if held.as_ref().is_none_or(|socket| Arc::strong_count(socket) == 1) {
                return;
            }
            tokio::time::sleep(CLOSE_REST).await;
        }
    }

    fn open(&self) -> Option<Arc<tokio::net::UdpSocket>> {
        lock(&self.socket).clone()
    }

    async fn next(&self, out: &mut [u8]) -> (usize, SocketAddr) {
        let mut scratch = self.scratch.lock().await;
        // After the end nothing comes; the stack is told by its own token.
        let Some(socket) = self.open() else { return std::future::pending().await };
        loop {
            let Ok((len, from)) = socket.recv_from(&mut scratch).await else {
                tokio::time::sleep(AFTER_FAULT).await;
                continue;
            };
            let packet = &scratch[..len];
            let passed = match self.gate.judge(packet, from, Transport::Udp) {
                Verdict::Pass => packet,
                Verdict::Patched(ref whole) if whole.len() <= out.len() => {
                    out[..whole.len()].copy_from_slice(whole);
                    return (whole.len(), from);
                }
                Verdict::Answer(bytes) => {
                    // An answer that cannot be sent is as good as lost on the way.
                    let _ = socket.try_send_to(&bytes, from);
                    continue;
                }
                Verdict::Patched(_) | Verdict::Drop => continue,
            };
            if passed.len() <= out.len() {
                out[..len].copy_from_slice(passed);
                return (len, from);
            }
        }
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = rsipstack::Result<T>> + Send + 'a>>;

impl StackSocket for GatedSocket {
    fn recv_from<'s, 'b, 'f>(&'s self, out: &'b mut [u8]) -> Answer<'f, (usize, SocketAddr)>
    where
        's: 'f,
        'b: 'f,
    {
        Box::pin(async move { Ok(self.next(out).await) })
    }

    fn send_to<'s, 'b, 'f>(&'s self, bytes: &'b [u8], to: SocketAddr) -> Answer<'f, usize>
    where
        's: 'f,
        'b: 'f,
    {
        Box::pin(async move {
            match self.open() {
                Some(socket) => Ok(socket.send_to(bytes, to).await?),
                None => Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into()),
            }
        })
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.local)
    }
}

/// How many bytes of a stream make up the message at its front.
pub(super) enum Frame {
    /// Not all there yet.
    Wait,
    /// This many bytes of line ends between messages (RFC 3261 §7.5; RFC 5626 keep-alive).
    Blank(usize),
    /// A message of this many bytes.
    Whole(usize),
    /// The head is there and the message will be larger than allowed.
    TooLarge,
    /// No message can be found in this stream any more.
    Lost,
}

impl Gate {
    /// Finds the message at the front of a stream by its Content-Length (RFC 3261 §18.3).
    pub fn frame(&self, bytes: &[u8]) -> Frame {
        let blank = bytes.iter().take_while(|b| **b == b'\r' || **b == b'\n').count();
        if blank > 0 {
            return Frame::Blank(blank);
        }
        let Some(end) = head_end(&bytes[..bytes.len().min(self.size)]) else {
            return if bytes.len() >= self.size { Frame::Lost } else { Frame::Wait };
        };
        let Some(head) = Head::read(&bytes[..end]) else { return Frame::Lost };
        // Streams must say the length; without it the message ends with its head.
        let Ok(length) = head.length() else { return Frame::Lost };
        let whole = end.saturating_add(length.unwrap_or(0));
        if whole > self.size {
            Frame::TooLarge
        } else if bytes.len() < whole {
            Frame::Wait
        } else {
            Frame::Whole(whole)
        }
    }
}

/// The gate and the stack's reader behind it without a network: for tests that make up hostile bytes.
pub struct Judge(Gate);

/// What becomes of one made-up message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing: not even an answer.
    Dropped,
    /// The gate answers with these bytes, and nothing is remembered.
    Answered(Vec<u8>),
    /// The stack gets it; whether it can read it too.
    Passed { read: bool },
}

impl Judge {
    /// A gate that knows one peer, `192.0.2.1`, and lets it say as much as it likes.
    ///
    /// # Errors
    /// Never, unless a name of the configuration changes.
    pub fn new(clock: Clock) -> Result<Self, toml::de::Error> {
        let config: TrunkConfig = toml::from_str(
            "limits = { messages_per_second_peer = 4294967295 }
            [[peers]]
            name = 'peer'
            addresses = ['192.0.2.1']",
        )?;
        let peers = Arc::new(Peers::new(&config, clock.now()));
        Ok(Self(Gate::new(&config, peers, clock)))
    }

    /// Judges one datagram of the peer, or of a stranger.
    pub fn datagram(&self, bytes: &[u8], stranger: bool) -> Judged {
        let from = SocketAddr::from(([192, 0, 2, if stranger { 2 } else { 1 }], 5060));
        let reads = |bytes: &[u8]| Judged::Passed { read: SipMessage::try_from(bytes).is_ok() };
        match self.0.judge(bytes, from, Transport::Udp) {
            Verdict::Pass => reads(bytes),
            Verdict::Patched(whole) => reads(&whole),
            Verdict::Answer(bytes) => Judged::Answered(bytes),
            Verdict::Drop => Judged::Dropped,
        }
    }

    /// Judges what comes over a connection of the peer; gives each whole message's end.
    pub fn stream(&self, bytes: &[u8]) -> Vec<Judged> {
        let (mut judged, mut at) = (Vec::new(), 0);
        loop {
            match self.0.frame(&bytes[at..]) {
                Frame::Blank(count) => at += count,
                Frame::Whole(length) => {
                    judged.push(self.datagram(&bytes[at..at + length], false));
                    at += length;
                }
                Frame::Wait | Frame::TooLarge | Frame::Lost => return judged,
            }
        }
    }
}
