//! The task that keeps one connection going: socket, timers, events.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::UdpSocket;
use tokio::sync::{Notify, watch};

use super::sdp::Offer;
use super::session::{Kind, Session, State, is_passing};
use super::{Packet, PeerConfig, PeerError, PeerEvent, PeerStats, Sink, ports};
use crate::kernel::clock::Chance;

/// Longer datagrams are cut and then fail their check: DTLS and RTP of one audio stream stay below 1500
/// bytes.
const DATAGRAM_MAX: usize = 2048;
/// Datagrams taken from the socket at once before others get their turn.
const BURST: usize = 32;
/// A timer of the library that is due is not looked at more often than this.
const TICK_MIN: Duration = Duration::from_millis(1);
/// How long to wait when the library has no timer at all.
const TICK_MAX: Duration = Duration::from_secs(1);

/// What the owner's handle and the task have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// `None` once it is over. Held for microseconds, never across a wait.
    line: Mutex<Option<Line>>,
    connected: AtomicBool,
    dropped_out: AtomicU64,
    last: Mutex<PeerStats>,
    stop: Notify,
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct Line {
    session: Session,
    socket: Arc<UdpSocket>,
}

/// Opens the socket, answers and starts the task.
pub(super) async fn start(
    config: &PeerConfig,
    chance: &Chance,
    offer: Offer,
    sink: Arc<dyn Sink>,
) -> Result<(Arc<Shared>, String), PeerError> {
    let socket = ports::bind(config.bind, config.ports)?;
    let socket = UdpSocket::from_std(socket).map_err(|e| PeerError::Socket(e.kind()))?;
    let port = socket.local_addr().map_err(|e| PeerError::Socket(e.kind()))?.port();
    let ssrc = u32::from_be_bytes(chance.bytes());
    let settings = config.clone();
    let now = now();
    // On a thread of its own for the key pair, and so that a fault in the library's reader ends as an error.
    let negotiated =
        tokio::task::spawn_blocking(move || Session::negotiate(&settings, port, &offer, ssrc, now));
    let (session, answer) =
        negotiated.await.map_err(|_| PeerError::Refused("the offer could not be read".into()))??;
    let socket = Arc::new(socket);
    let shared = Arc::new(Shared {
        line: Mutex::new(Some(Line { session, socket: Arc::clone(&socket) })),
        connected: AtomicBool::new(false),
        dropped_out: AtomicU64::new(0),
        last: Mutex::new(PeerStats::default()),
        stop: Notify::new(),
        ended: watch::Sender::new(false),
    });
    let driver = Driver { shared: Arc::clone(&shared), sink, heard: Vec::new() };
    tokio::spawn(driver.run(socket, now + config.connect_within));
    Ok((shared, answer))
}

/// Steady time; follows the runtime's, so that a paused test clock is followed too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Shared {
    pub(super) fn send(&self, packet: Packet) -> bool {
        self.is_connected()
            && self.with(|line| {
                let datagram = line.session.protect(now(), packet);
                datagram.is_some_and(|(to, bytes)| self.post(&line.socket, to, &bytes))
            }) == Some(true)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    pub(super) fn stats(&self) -> PeerStats {
        let fresh = self.with(|line| line.session.stats(now()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fresh) = fresh {
            *last = fresh;
        }
        PeerStats { dropped_out: self.dropped_out.load(Ordering::Relaxed), ..*last }
    }

    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    pub(super) async fn ended(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// `None` when it is over.
    fn with<T>(&self, f: impl FnOnce(&mut Line) -> T) -> Option<T> {
        match self.line.lock() {
            Ok(mut line) => line.as_mut().map(f),
            // The library panicked half-way: its state is not to be touched again. The task's end tells the
            // owner.
            Err(_) => None,
        }
    }

    fn post(&self, socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) -> bool {
        let sent = socket.try_send_to(bytes, to).is_ok();
        if !sent {
            self.dropped_out.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    fn flush(&self, line: &mut Line) {
        while let Some((to, bytes)) = line.session.next_datagram() {
            self.post(&line.socket, to, &bytes);
        }
    }
}

struct Driver {
    shared: Arc<Shared>,
    sink: Arc<dyn Sink>,
    /// Taken out under the lock, handed over after it.
    heard: Vec<PeerEvent>,
}

impl Driver {
    async fn run(mut self, socket: Arc<UdpSocket>, connect_until: Instant) {
        let shared = Arc::clone(&self.shared);
        let stop = shared.stop.notified();
        let timer = tokio::time::sleep_until(now().into());
        tokio::pin!(stop, timer);
        let mut buffer = BytesMut::with_capacity(DATAGRAM_MAX);
        let mut was_connected = false;
        loop {
            buffer.reserve(DATAGRAM_MAX);
            let (look, go_on) = tokio::select! {
                biased;
                () = &mut stop => break,
                received = socket.recv_buf_from(&mut buffer) => match received {
                    Ok((_, from)) => self.receive(&socket, &mut buffer, from),
                    Err(e) => (false, is_passing(&e)),
                },
                () = &mut timer => {
                    self.shared.with(|line| line.session.on_time(now()));
                    (true, true)
                }
            };
            let next = if look { self.look() } else { Some(None) };
            self.hand_over();
            was_connected |= self.shared.is_connected();
            let Some(next) = next.filter(|_| go_on) else { break };
            if !was_connected && now() >= connect_until {
                self.sink.take(PeerEvent::Failed);
                break;
            }
            if let Some(next) = next {
                timer.as_mut().reset(next.into());
            }
        }
        self.shared.with(|line| {
            line.session.close();
            self.shared.flush(line);
        });
        // `self` is dropped here, and with it the connection.
    }

    /// Takes what has arrived in; whether more than media came, and whether the connection still stands.
    fn receive(&mut self, socket: &UdpSocket, buffer: &mut BytesMut, from: SocketAddr) -> (bool, bool) {
        let shared = Arc::clone(&self.shared);
        let outcome = shared.with(|line| {
            let mut look = line.session.take_in(now(), from, buffer.split()) == Kind::Control;
            for _ in 1..BURST {
                buffer.reserve(DATAGRAM_MAX);
                let Ok((_, from)) = socket.try_recv_buf_from(buffer) else { break };
                look |= line.session.take_in(now(), from, buffer.split()) == Kind::Control;
            }
            while let Some(packet) = line.session.next_packet() {
                self.heard.push(PeerEvent::Audio(packet));
            }
            look
        });
        outcome.map_or((false, false), |look| (look, true))
    }

    /// After anything but media: writes what is to be written, notes the states, and tells when to look
    /// again. `None` when it is over.
    fn look(&mut self) -> Option<Option<Instant>> {
        let shared = Arc::clone(&self.shared);
        let outcome = shared.with(|line| {
            let mut over = false;
            while let Some(state) = line.session.next_state() {
                match state {
                    State::Connected => {
                        shared.connected.store(true, Ordering::Release);
                        self.heard.push(PeerEvent::Connected);
                    }
                    State::Disconnected => self.heard.push(PeerEvent::Disconnected),
                    State::Failed => {
                        self.heard.push(PeerEvent::Failed);
                        over = true;
                    }
                    State::Left => over = true,
                }
                if over {
                    return None;
                }
            }
            shared.flush(line);
            let now = now();
            let next = line.session.deadline().unwrap_or(now + TICK_MAX);
            Some(Some(next.clamp(now + TICK_MIN, now + TICK_MAX)))
        });
        outcome.flatten()
    }

    fn hand_over(&mut self) {
        for event in self.heard.drain(..) {
            self.sink.take(event);
        }
    }
}

impl Drop for Driver {
    /// However the task ended, by itself, with its runtime or by a panic: the port is free and the owner
    /// knows.
    fn drop(&mut self) {
        self.shared.connected.store(false, Ordering::Release);
        self.shared.stats();
        let mut line = self.shared.line.lock().unwrap_or_else(PoisonError::into_inner);
        *line = None;
        drop(line);
        self.sink.take(PeerEvent::Closed);
        self.shared.ended.send_replace(true);
    }
}
