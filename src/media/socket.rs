//! The sockets of one carrier leg: an RTP port and the RTCP port beside it.
//!
//! Two tasks serve a leg, so that a packet wakes nothing but the relay:
//! - [`RtpSocket::receive`] hands each good packet to a closure, out of its own buffer, at once;
//! - [`RtpSocket::next_event`] does the rest: RTCP, the clock, and what the call has to know.
//!
//! Sending never waits: a datagram that the kernel does not take is counted and forgotten, as UDP may.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::far::{Expect, Far, Learn, Verdict};
use super::ports::{Lease, PortError, PortRange};
use super::rtcp::{self, Report, Rtcp, SenderInfo};
use super::rtp::{DATAGRAM_MAX, Header, Order, Packet, Reception, RtpError, Totals, is_rtcp};
use super::ticks;
use crate::kernel::clock::Clock;
use crate::kernel::time::{Millis, Timestamp};

/// Between two RTCP reports (RFC 3550 §6.2).
pub const REPORT_EVERY: Millis = Millis(5000);
/// Pairs that are tried when another program has bound ours.
const BIND_TRIES: usize = 16;

/// Why a leg has no sockets.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(transparent)]
    Ports(#[from] PortError),
    #[error("no pair of ports can be bound")]
    Bind(#[source] io::Error),
}

/// What a leg is told at its birth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the stream that we send; the same as its rewriter's.
    pub ssrc: u32,
    /// Names us in RTCP; random, tells nothing about the host (RFC 7022).
    pub cname: String,
    pub learn: Learn,
    /// No packet for so long, though some are due, is [`Event::Silent`].
    pub silence: Millis,
}

/// What the call has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The far side's address was learnt, or learnt anew.
    Learned(SocketAddr),
    /// Nothing has come for so long. Reported once, until something comes.
    Silent(Millis),
    /// Something came after a silence.
    Resumed,
    /// The far side said farewell in RTCP; the SIP dialog decides, not this.
    Bye,
}

/// Counts since the leg began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Of the sender that speaks now.
    pub got: Totals,
    /// Packets taken, over all senders.
    pub taken: u64,
    /// From another address than the far side's.
    pub foreign: u64,
    /// No RTP, or of a payload type that was not agreed.
    pub bad: u64,
    pub sent: u32,
    /// Not taken by the kernel, or with nowhere to go.
    pub unsent: u64,
    /// What the far side last said of our stream.
    pub theirs: Option<Report>,
    /// There and back.
    pub round_trip: Option<Millis>,
}

/// One leg's sockets. Dropping it frees the ports.
#[derive(Debug)]
pub struct RtpSocket {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    local: SocketAddr,
    settings: Settings,
    state: Mutex<State>,
    news: Notify,
    _lease: Lease,
}

#[derive(Debug)]
struct State {
    far: Far,
    got: Reception,
    stats: Stats,
    /// The last packet, or the moment from which packets are due.
    heard: Timestamp,
    silent: bool,
    sent: SenderInfo,
    sent_at: Timestamp,
    /// `sent.packets` at the last report and the one before it: who was quiet for two is a receiver only.
    sent_before: [u32; 2],
    their_sr: Option<(u64, Timestamp)>,
    report_at: Timestamp,
    learned: Option<SocketAddr>,
    resumed: bool,
    bye: bool,
}

impl RtpSocket {
    /// Takes a pair of ports from the range and binds it on `ip`; passes over pairs that are bound elsewhere.
    ///
    /// # Errors
    /// [`SocketError`]; refuse the call.
    pub async fn bind(
        ip: IpAddr,
        ports: &PortRange,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Self, SocketError> {
        let mut busy = Vec::new();
        loop {
            let lease = ports.lease()?;
            match bind_pair(ip, lease.port()).await {
                Ok((rtp, rtcp)) => {
                    let local = rtp.local_addr().map_err(SocketError::Bind)?;
                    let state = Mutex::new(State::new(settings.learn, now));
                    let news = Notify::new();
                    return Ok(Self { rtp, rtcp, local, settings, state, news, _lease: lease });
                }
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && busy.len() < BIND_TRIES => busy.push(lease),
                Err(e) => return Err(SocketError::Bind(e)),
            }
        }
    }

    /// The address of the RTP port.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes what SDP said, at the beginning and after each re-offer. A silence counts from here.
    pub fn expect(&self, expect: &Expect, now: Timestamp) {
        self.with(|state| {
            state.far.expect(expect);
            (state.heard, state.silent) = (now, false);
        });
        self.news.notify_one();
    }

    /// Where we send to at present.
    #[must_use]
    pub fn far(&self) -> Option<SocketAddr> {
        self.with(|state| state.far.rtp())
    }

    /// The counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.with(|state| Stats { got: state.got.totals(), sent: state.sent.packets, ..state.stats })
    }

    /// Receives for ever. `sink` is called for each packet that is let through, in the order of arrival, with
    /// a view of the socket's own buffer: what it keeps, it copies. It must not block.
    ///
    /// # Errors
    /// Returns the socket's error when it breaks.
    pub async fn receive(&self, clock: &Clock, mut sink: impl FnMut(Packet<'_>, Timestamp)) -> io::Error {
        // One byte more than is taken shows what was cut.
        let mut buffer = [0; DATAGRAM_MAX + 1];
        loop {
            match self.rtp.recv_from(&mut buffer).await {
                Ok((size, from)) => {
                    let now = clock.now();
                    if let Some(packet) = self.admit(buffer.get(..size).unwrap_or_default(), from, now) {
                        sink(packet, now);
                    }
                }
                Err(e) if is_passing(&e) => {}
                Err(e) => return e,
            }
        }
    }

    /// Judges and counts one datagram of the RTP port.
    fn admit<'a>(&self, bytes: &'a [u8], from: SocketAddr, now: Timestamp) -> Option<Packet<'a>> {
        if is_rtcp(bytes) {
            self.take_rtcp(bytes, from, now);
            return None;
        }
        let parsed = if bytes.len() > DATAGRAM_MAX { Err(RtpError::Long) } else { Packet::parse(bytes) };
        let (packet, news) = self.with(|state| {
            let Ok(packet) = parsed else {
                state.stats.bad += 1;
                return (None, false);
            };
            let verdict = state.far.judge(from, packet.head.pt, now);
            match verdict {
                Verdict::Foreign => {
                    state.stats.foreign += 1;
                    return (None, false);
                }
                Verdict::Learned => state.learned = state.far.rtp().or(Some(from)),
                Verdict::Take | Verdict::OtherType => {}
            }
            let resumed = std::mem::take(&mut state.silent);
            state.resumed |= resumed;
            state.heard = now;
            let news = resumed || verdict == Verdict::Learned;
            if state.got.note(&packet.head, now) == Order::Stray || verdict == Verdict::OtherType {
                state.stats.bad += 1;
                return (None, news);
            }
            state.stats.taken += 1;
            (Some(packet), news)
        });
        if news {
            self.news.notify_one();
        }
        packet
    }

    /// Sends a packet to the far side. `false` when it was not sent; that is counted, not retried.
    pub fn send(&self, packet: &Packet<'_>, now: Timestamp) -> bool {
        let mut buffer = [0; DATAGRAM_MAX];
        match packet.write(&mut buffer) {
            Some(size) => self.send_whole(&packet.head, buffer.get(..size).unwrap_or_default(), now),
            None => self.with(|state| {
                state.stats.unsent += 1;
                false
            }),
        }
    }

    /// Sends a datagram that `head` was already written to, as by [`Header::put_before`].
    pub fn send_whole(&self, head: &Header, datagram: &[u8], now: Timestamp) -> bool {
        let to = self.with(|state| state.far.rtp());
        let done = to.is_some_and(|to| self.rtp.try_send_to(datagram, to).is_ok());
        self.with(|state| {
            if done {
                let octets = u32::try_from(datagram.len().saturating_sub(super::rtp::HEADER)).unwrap_or(0);
                state.sent.packets = state.sent.packets.wrapping_add(1);
                state.sent.octets = state.sent.octets.wrapping_add(octets);
                (state.sent.ts, state.sent_at) = (head.ts, now);
            } else {
                state.stats.unsent += 1;
            }
        });
        done
    }

    /// Waits for what the call has to know, and meanwhile reads RTCP and sends the reports. Call it again and
    /// again; it may be dropped at any await.
    pub async fn next_event(&self, clock: &Clock) -> Event {
        let mut buffer = [0; DATAGRAM_MAX];
        loop {
            let now = clock.now();
            if let Some(event) = self.with(|state| state.event(now, self.settings.silence)) {
                return event;
            }
            self.report_if_due(now);
            let until = self.with(|state| state.deadline(self.settings.silence));
            tokio::select! {
                () = self.news.notified() => {}
                () = clock.sleep_until(until) => {}
                got = self.rtcp.recv_from(&mut buffer) => {
                    if let Ok((size, from)) = got {
                        self.take_rtcp(buffer.get(..size).unwrap_or_default(), from, clock.now());
                    }
                }
            }
        }
    }

    fn take_rtcp(&self, bytes: &[u8], from: SocketAddr, now: Timestamp) {
        let Ok(packets) = rtcp::parse(bytes) else {
            return self.with(|state| state.stats.bad += 1);
        };
        let bye = self.with(|state| {
            if !state.far.judge_rtcp(from) {
                state.stats.foreign += 1;
                return false;
            }
            for packet in packets {
                let reports = match packet {
                    Rtcp::Sender { info, reports, .. } => {
                        state.their_sr = Some((info.ntp, now));
                        reports
                    }
                    Rtcp::Receiver { reports, .. } => reports,
                    Rtcp::Bye { .. } => {
                        state.bye = true;
                        continue;
                    }
                };
                if let Some(report) = reports.into_iter().find(|report| report.ssrc == self.settings.ssrc) {
                    state.stats.round_trip = report.round_trip(now).or(state.stats.round_trip);
                    state.stats.theirs = Some(report);
                }
            }
            state.bye
        });
        if bye {
            self.news.notify_one();
        }
    }

    fn report_if_due(&self, now: Timestamp) {
        let due = self.with(|state| {
            if now < state.report_at {
                return None;
            }
            state.report_at = now + REPORT_EVERY;
            let info = state.sender_info(now);
            let [last, _] = state.sent_before;
            state.sent_before = [state.sent.packets, last];
            let report = Report::of(&mut state.got, state.their_sr, now);
            Some((state.far.rtcp()?, info, report))
        });
        if let Some((to, info, report)) = due {
            let bytes =
                rtcp::report(self.settings.ssrc, &self.settings.cname, info.as_ref(), report.as_slice());
            let _ = self.rtcp.try_send_to(&bytes, to);
        }
    }

    /// Says farewell in RTCP. The dialog's BYE is not replaced by it.
    pub fn bye(&self, now: Timestamp) {
        let (to, info) = self.with(|state| (state.far.rtcp(), state.sender_info(now)));
        if let Some(to) = to {
            let bytes = rtcp::bye(self.settings.ssrc, &self.settings.cname, info.as_ref());
            let _ = self.rtcp.try_send_to(&bytes, to);
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // A poisoned lock only means that a thread panicked elsewhere between two whole steps.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn new(learn: Learn, now: Timestamp) -> Self {
        Self {
            far: Far::new(learn),
            got: Reception::default(),
            stats: Stats::default(),
            heard: now,
            silent: false,
            sent: SenderInfo::default(),
            sent_at: now,
            sent_before: [0; 2],
            their_sr: None,
            report_at: now + REPORT_EVERY,
            learned: None,
            resumed: false,
            bye: false,
        }
    }

    fn event(&mut self, now: Timestamp, silence: Millis) -> Option<Event> {
        if let Some(far) = self.learned.take() {
            return Some(Event::Learned(far));
        }
        if std::mem::take(&mut self.resumed) {
            return Some(Event::Resumed);
        }
        if std::mem::take(&mut self.bye) {
            return Some(Event::Bye);
        }
        let quiet = now.since(self.heard);
        if self.far.expected().receives && !self.silent && quiet >= silence {
            self.silent = true;
            return Some(Event::Silent(quiet));
        }
        None
    }

    fn deadline(&self, silence: Millis) -> Timestamp {
        if self.far.expected().receives && !self.silent {
            self.report_at.min(self.heard + silence)
        } else {
            self.report_at
        }
    }

    /// What a sender report says, if we sent anything in the last two intervals (RFC 3550 §6.4).
    fn sender_info(&self, now: Timestamp) -> Option<SenderInfo> {
        let [_, before] = self.sent_before;
        (self.sent.packets != before).then(|| SenderInfo {
            ntp: rtcp::ntp(now),
            ts: self.sent.ts.wrapping_add(ticks(now.since(self.sent_at))),
            ..self.sent
        })
    }
}

async fn bind_pair(ip: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtp = UdpSocket::bind((ip, port)).await?;
    let rtcp = UdpSocket::bind((ip, port.saturating_add(1))).await?;
    // A socket that has never been polled says "would block" to the first try.
    rtp.writable().await?;
    rtcp.writable().await?;
    Ok((rtp, rtcp))
}

/// Errors that belong to a datagram that we sent, not to the socket.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}

#[cfg(test)]
mod tests;
