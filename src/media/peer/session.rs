//! The protocol core of one connection, without sockets and without waiting.
//!
//! Whoever holds it feeds datagrams and time, and takes datagrams, packets and states out. The only file that
//! names types of the library.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::ice::candidate::CandidateConfig;
use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_PCMA, MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{SettingEngine, SettingEngineBuilder};
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{
    CandidateHostConfig, RTCDtlsTransportState, RTCIceCandidate, RTCIceCandidateInit,
};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::statistics::StatsSelector;
use rtc::statistics::report::RTCStatsReportEntry;

use super::count::Reception;
use super::reports::{Ear, Overheard};
use super::sdp::{self, Offer};
use super::{PCMA, PCMU, Packet, PeerConfig, PeerError, PeerStats, TELEPHONE_EVENT};

/// The browser's addresses that are remembered; one connection uses one or two (a laptop that changes
/// networks).
const MAX_KNOWN: usize = 16;
/// How often a living path is probed (RFC 8445 §11); a browser does so every few seconds itself.
const KEEPALIVE: Duration = Duration::from_secs(2);
const CLOCK_RATE: u32 = 8000;
/// Next to the wire of what `configure_rtcp_reports` puts in.
const EAR: Slot = Slot::Custom(9_000);

/// What became of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connected,
    Disconnected,
    Failed,
    /// The browser said good-bye.
    Left,
}

/// What a datagram was (RFC 7983 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Media only: no state has changed.
    Media,
    Control,
    /// Not from the other side of this connection; nothing was done.
    Stranger,
}

pub(super) struct Session {
    core: Box<RTCPeerConnection>,
    sender: RTCRtpSenderId,
    ssrc: u32,
    /// What the library takes for the socket's address.
    local: SocketAddr,
    ufrag: Vec<u8>,
    /// Where authenticated checks came from.
    known: Vec<SocketAddr>,
    dtmf: Option<u8>,
    since: Instant,
    reception: Reception,
    packets_out: u64,
    strangers: u64,
    overheard: Arc<Overheard>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Session {
    /// Reads the offer and writes the answer (RFC 8829 §5.3). Costs a key pair and some milliseconds.
    pub(super) fn negotiate(
        config: &PeerConfig,
        port: u16,
        offer: &Offer,
        ssrc: u32,
        now: Instant,
    ) -> Result<(Self, String), PeerError> {
        let addresses = if config.public.is_empty() { vec![config.bind] } else { config.public.clone() };
        let Some(first) = addresses.first().filter(|ip| !ip.is_unspecified()) else {
            return Err(PeerError::NoAddress);
        };
        let local = SocketAddr::new(*first, port);
        let refused = |error: Error| PeerError::Refused(error.to_string());
        let overheard = Arc::new(Overheard::new());
        let ear = Ear::new(ssrc, Arc::clone(&overheard));
        let (core, sender, answer) =
            build(config, &addresses, port, offer, ssrc, ear, now).map_err(refused)?;
        let Some(ufrag) = sdp::attribute(&answer, "ice-ufrag") else {
            return Err(PeerError::Refused("the answer has no ice-ufrag".into()));
        };
        let session = Self {
            core: Box::new(core),
            sender,
            ssrc,
            local,
            ufrag: ufrag.as_bytes().to_vec(),
            known: Vec::with_capacity(MAX_KNOWN),
            dtmf: offer.dtmf,
            since: now,
            reception: Reception::default(),
            packets_out: 0,
            strangers: 0,
            overheard,
        };
        Ok((session, answer))
    }

    /// Takes one datagram of the socket in.
    pub(super) fn take_in(&mut self, now: Instant, from: SocketAddr, datagram: BytesMut) -> Kind {
        let media = datagram.first().is_some_and(|b| (128..=191).contains(b));
        if !(self.known.contains(&from) || self.is_request_to_us(&datagram)) {
            self.strangers += 1;
            return Kind::Stranger;
        }
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: from,
            ecn: None,
            transport_protocol: TransportProtocol::UDP,
        };
        // The library logs what it cannot use and goes on; so do we.
        let _ = self.core.handle_read(TaggedBytesMut { now, transport, message: datagram });
        if media { Kind::Media } else { Kind::Control }
    }

    /// A binding request that names us (RFC 8445 §7.2.2). The library checks its integrity; this keeps noise
    /// from the open network away from it.
    fn is_request_to_us(&self, datagram: &[u8]) -> bool {
        datagram.starts_with(&[0, 1]) && datagram.windows(self.ufrag.len()).any(|w| w == self.ufrag)
    }

    /// The next datagram to be sent. Ask until there is none after everything that was taken in.
    pub(super) fn next_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        let out = self.core.poll_write()?;
        let to = out.transport.peer_addr;
        // As the offer's candidates are withheld, the library only ever writes to who has passed its check.
        if !self.known.contains(&to) {
            if self.known.len() == MAX_KNOWN {
                self.known.remove(0);
            }
            self.known.push(to);
        }
        Some((to, out.message))
    }

    /// The next packet of the browser.
    pub(super) fn next_packet(&mut self) -> Option<Packet> {
        // Unlike `poll_read`, this does not sweep the whole pipeline again; there are no data channels.
        while let Some(tagged) = self.core.poll_media_read() {
            let RTCMessage::RtpPacket(_, rtp) = tagged.message else { continue };
            let payload_type = match rtp.header.payload_type {
                pt @ (PCMU | PCMA) => pt,
                pt if Some(pt) == self.dtmf => TELEPHONE_EVENT,
                _ => continue,
            };
            let (sequence, timestamp) = (rtp.header.sequence_number, rtp.header.timestamp);
            let at = tagged.now.saturating_duration_since(self.since);
            self.reception.packet(sequence, timestamp, at, payload_type != TELEPHONE_EVENT);
            if rtp.payload.is_empty() {
                continue;
            }
            let marker = rtp.header.marker;
            return Some(Packet { payload_type, sequence, timestamp, marker, payload: rtp.payload });
        }
        None
    }

    /// The next change of state.
    pub(super) fn next_state(&mut self) -> Option<State> {
        while let Some(event) = self.core.poll_event() {
            let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event else { continue };
            return Some(match state {
                RTCPeerConnectionState::Connected => State::Connected,
                RTCPeerConnectionState::Disconnected => State::Disconnected,
                RTCPeerConnectionState::Failed => State::Failed,
                RTCPeerConnectionState::Closed => State::Left,
                _ => continue,
            });
        }
        // The library raises no event for a close_notify of the other side.
        let left = self.core.rtp_sender(self.sender).is_some_and(|sender| {
            sender.transport().is_some_and(|dtls| dtls.state() == RTCDtlsTransportState::Closed)
        });
        left.then_some(State::Left)
    }

    /// When [`Session::on_time`] wants to be called.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        self.core.poll_timeout()
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        let _ = self.core.handle_timeout(now);
    }

    /// Encrypts one packet; the datagram to be sent.
    pub(super) fn protect(&mut self, now: Instant, packet: Packet) -> Option<(SocketAddr, BytesMut)> {
        let payload_type = match packet.payload_type {
            pt @ (PCMU | PCMA) => pt,
            TELEPHONE_EVENT => self.dtmf?,
            _ => return None,
        };
        let header = rtc::rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let rtp = rtc::rtp::Packet { header, payload: packet.payload };
        self.core.rtp_sender(self.sender)?.write_rtp(now, rtp).ok()?;
        // Whatever else waits to be written belongs to the driver's task; each poll sweeps the whole
        // pipeline, so one must do here.
        let datagram = self.next_datagram()?;
        self.packets_out += 1;
        Some(datagram)
    }

    pub(super) fn stats(&mut self, now: Instant) -> PeerStats {
        let mut stats = PeerStats {
            packets_in: self.reception.received(),
            packets_out: self.packets_out,
            lost_in: self.reception.lost(),
            jitter_in_ms: self.reception.jitter_ms(),
            strangers: self.strangers,
            far: self.overheard.last(),
            ..PeerStats::default()
        };
        for entry in self.core.get_stats(now, StatsSelector::None).iter() {
            if let RTCStatsReportEntry::IceCandidatePair(pair) = entry
                && pair.current_round_trip_time > 0.0
            {
                stats.round_trip = Duration::try_from_secs_f64(pair.current_round_trip_time).ok();
            }
        }
        stats
    }

    /// Says good-bye; the datagrams that do so wait in [`Session::next_datagram`].
    pub(super) fn close(&mut self) {
        let _ = self.core.close();
    }
}

fn build(
    config: &PeerConfig,
    addresses: &[IpAddr],
    port: u16,
    offer: &Offer,
    ssrc: u32,
    ear: Ear,
    now: Instant,
) -> Result<(RTCPeerConnection, RTCRtpSenderId, String), Error> {
    let mut core = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(codecs(offer.dtmf.unwrap_or(TELEPHONE_EVENT))?)
        // Nothing but receiver and sender reports: with transport-wide feedback Chromium sends padding
        // probes.
        .with_interceptor_registry(configure_rtcp_reports(Registry::new().with(EAR, ear)))
        .with_setting_engine(settings(config))
        .build(now)?;
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let track = MediaStreamTrack::new(
        "madoguchi".into(),
        "line".into(),
        "line".into(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            codec: codec(MIME_TYPE_PCMU),
            active: true,
            ..Default::default()
        }],
    );
    let sender = core.add_track(track)?;
    core.set_remote_description(now, RTCSessionDescription::offer(offer.text.clone())?)?;
    for address in addresses {
        core.add_local_candidate(host(*address, port)?)?;
    }
    core.add_local_candidate(RTCIceCandidateInit::default())?;
    let answer = core.create_answer(None)?;
    core.set_local_description(now, answer)?;
    let answer = core.local_description().ok_or(Error::ErrPeerConnStateChangeInvalid)?;
    Ok((core, sender, answer.sdp))
}

fn settings(config: &PeerConfig) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_ice_timeouts(Some(config.disconnected_after), Some(config.failed_after), Some(KEEPALIVE))
        .build()
}

fn codecs(dtmf: u8) -> Result<MediaEngine, Error> {
    let mut engine = MediaEngine::default();
    let named = [(MIME_TYPE_PCMU, PCMU), (MIME_TYPE_PCMA, PCMA), (MIME_TYPE_TELEPHONE_EVENT, dtmf)];
    for (name, payload_type) in named {
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(name), payload_type };
        engine.register_codec(parameters, RtpCodecKind::Audio)?;
    }
    Ok(engine)
}

fn codec(mime_type: &str) -> RTCRtpCodec {
    RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate: CLOCK_RATE, channels: 1, ..Default::default() }
}

/// A host candidate (RFC 8445 §5.1.1.1).
fn host(address: IpAddr, port: u16) -> Result<RTCIceCandidateInit, Error> {
    let base_config = CandidateConfig {
        network: "udp".into(),
        address: address.to_string(),
        port,
        component: 1,
        ..Default::default()
    };
    let candidate = CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host()?;
    RTCIceCandidate::from(&candidate).to_json()
}

/// An error of the socket that says nothing about the next datagram, such as an ICMP message to an earlier
/// one.
pub(super) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable | WouldBlock
    )
}
