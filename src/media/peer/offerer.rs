//! A stand-in for a browser, for tests and measurements: offers G.711, sends packets, counts what comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc};

pub struct Offerer {
    core: Box<RTCPeerConnection>,
    sender: RTCRtpSenderId,
    socket: UdpSocket,
    local: SocketAddr,
    offer: String,
}

/// What the running offerer shows and obeys.
#[derive(Default)]
pub struct Seen {
    pub connected: AtomicBool,
    pub received: AtomicU64,
    pub gaps: AtomicU64,
    pub left: Notify,
}

const SSRC: u32 = 77;
const TYPES: [(&str, u8); 3] = [("audio/PCMU", 0), ("audio/PCMA", 8), ("audio/telephone-event", 101)];

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Offerer {
    pub async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        let mut engine = MediaEngine::default();
        let codec = |name: &str| RTCRtpCodec {
            mime_type: name.into(),
            clock_rate: 8000,
            channels: 1,
            ..Default::default()
        };
        for (name, payload_type) in TYPES {
            let one = RTCRtpCodecParameters { rtp_codec: codec(name), payload_type };
            engine.register_codec(one, RtpCodecKind::Audio).unwrap();
        }
        let mut core = RTCPeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .build(now())
            .unwrap();
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
            codec: codec("audio/PCMU"),
            active: true,
            ..Default::default()
        };
        let track =
            MediaStreamTrack::new("s".into(), "t".into(), "l".into(), RtpCodecKind::Audio, vec![coding]);
        let sender = core.add_track(track).unwrap();
        let base_config = CandidateConfig {
            network: "udp".into(),
            address: local.ip().to_string(),
            port: local.port(),
            component: 1,
            ..Default::default()
        };
        let candidate =
            CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host().unwrap();
        let offer = core.create_offer(None).unwrap();
        core.set_local_description(now(), offer.clone()).unwrap();
        core.add_local_candidate(RTCIceCandidate::from(&candidate).to_json().unwrap()).unwrap();
        // The library offers the one codec of the track; a browser offers all it has.
        let offer = offer
            .sdp
            .replace("SAVPF 0\r\n", "SAVPF 0 8 101\r\n")
            .replace("a=rtpmap:0", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:0");
        Self { core: Box::new(core), sender, socket, local, offer }
    }

    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Runs until `seen.left` is notified (says good-bye) or the channel of payloads with it is dropped (goes
    /// silent). Each `(payload type, sequence)` is sent as a packet of 160 bytes.
    pub async fn run(
        mut self,
        answer: String,
        mut packets: mpsc::UnboundedReceiver<(u8, u16)>,
        seen: Arc<Seen>,
    ) {
        self.core.set_remote_description(now(), RTCSessionDescription::answer(answer).unwrap()).unwrap();
        let mut last = None;
        let mut buffer = BytesMut::new();
        let mut deadline = now();
        loop {
            while let Some(out) = self.core.poll_write() {
                let _ = self.socket.try_send_to(&out.message, out.transport.peer_addr);
            }
            buffer.reserve(2048);
            let media = tokio::select! {
                () = seen.left.notified() => break,
                packet = packets.recv() => match packet {
                    Some((payload_type, sequence)) => { self.write(payload_type, sequence); true }
                    None => return,
                },
                received = self.socket.recv_buf_from(&mut buffer) => {
                    let Ok((_, peer_addr)) = received else { continue };
                    let transport = TransportContext {
                        local_addr: self.local,
                        peer_addr,
                        ecn: None,
                        transport_protocol: TransportProtocol::UDP,
                    };
                    let media = (128..192).contains(&buffer[0]);
                    let datagram = TaggedBytesMut { now: now(), transport, message: buffer.split() };
                    let _ = self.core.handle_read(datagram);
                    media
                }
                () = tokio::time::sleep_until(deadline.into()) => {
                    let _ = self.core.handle_timeout(now());
                    false
                }
            };
            self.note(&seen, &mut last, media);
            if !media {
                let next = self.core.poll_timeout().unwrap_or_else(|| now() + Duration::from_secs(1));
                deadline = next.clamp(now() + Duration::from_millis(1), now() + Duration::from_secs(1));
            }
        }
        let _ = self.core.close();
        while let Some(out) = self.core.poll_write() {
            let _ = self.socket.try_send_to(&out.message, out.transport.peer_addr);
        }
    }

    fn note(&mut self, seen: &Seen, last: &mut Option<u16>, media: bool) {
        while let Some(message) = self.core.poll_media_read() {
            let RTCMessage::RtpPacket(_, packet) = message.message else { continue };
            seen.received.fetch_add(1, Ordering::Relaxed);
            let sequence = packet.header.sequence_number;
            if last.is_some_and(|last: u16| last.wrapping_add(1) != sequence) {
                seen.gaps.fetch_add(1, Ordering::Relaxed);
            }
            *last = Some(sequence);
        }
        while !media && let Some(event) = self.core.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) =
                event
            {
                seen.connected.store(true, Ordering::Release);
            }
        }
    }

    fn write(&mut self, payload_type: u8, sequence: u16) {
        let header = rtc::rtp::Header {
            version: 2,
            payload_type,
            sequence_number: sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: SSRC,
            ..Default::default()
        };
        let packet = rtc::rtp::Packet { header, payload: Bytes::from_static(&[0x55; 160]) };
        let _ = self.core.rtp_sender(self.sender).unwrap().write_rtp(now(), packet);
    }
}
