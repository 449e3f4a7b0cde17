use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::offerer::{Offerer, Seen};
use super::{Packet, Peer, PeerConfig, PeerError, PeerEvent, PeerEvents};
use crate::kernel::clock::Chance;

/// As Chromium writes it, shortened.
const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
a=group:BUNDLE 0\r\n\
a=extmap-allow-mixed\r\na=msid-semantic: WMS x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2113937151 10.0.0.1 5000 typ host\r\n\
a=ice-ufrag:Fk1W\r\na=ice-pwd:bzaUUvw8NFHVvnZw3nB9ZIFk\r\na=ice-options:trickle\r\na=fingerprint:sha-256 \
12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0\r\n\
a=setup:actpass\r\na=mid:0\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=sendrecv\r\na=msid:x y\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n\
a=rtcp-fb:111 transport-cc\r\n\
a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
a=rtpmap:126 telephone-event/8000\r\na=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\n";

fn config() -> PeerConfig {
    PeerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

async fn refusal(offer: &str) -> PeerError {
    Peer::answer(&config(), &Chance::seeded(1), offer).await.map(|_| ()).expect_err(offer)
}

#[tokio::test]
async fn a_good_offer_is_answered_with_g711_only() {
    let mut config = config();
    config.public = vec!["203.0.113.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    let (peer, answer, mut events) = Peer::answer(&config, &Chance::seeded(1), OFFER).await.unwrap();
    assert!(answer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0 8 126\r\n"), "{answer}");
    for absent in ["opus", "extmap", "transport-cc", "ptime", "127.0.0.1", "10.0.0.1"] {
        assert!(!answer.contains(absent), "{absent} in {answer}");
    }
    for present in [" 203.0.113.7 ", " 2001:db8::7 ", "a=setup:active", "a=sendrecv", "a=rtcp-mux"] {
        assert!(answer.contains(present), "no {present} in {answer}");
    }
    assert!(!peer.send(0, 1, 160, true, Bytes::from_static(&[0xff; 160])), "nobody is connected");
    peer.close().await;
    peer.close().await;
    assert_eq!(events.recv().await, Some(PeerEvent::Closed));
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn offers_of_others_are_refused_by_name() {
    let long = "a=x:".to_owned() + &"y".repeat(2000) + "\r\n";
    let cases = [
        (String::new(), PeerError::NotSdp { line: 1 }),
        ("hello".into(), PeerError::NotSdp { line: 1 }),
        (OFFER.replace("v=0", "v=1"), PeerError::NotSdp { line: 1 }),
        (OFFER.replace("s=-", "s=\u{1b}[2J"), PeerError::NotSdp { line: 3 }),
        (OFFER.replace("t=0 0\r\n", &long), PeerError::NotSdp { line: 4 }),
        (OFFER.to_owned() + &"a=x\r\n".repeat(500), PeerError::NotSdp { line: 401 }),
        (OFFER.to_owned() + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", PeerError::NotOneAudio),
        (OFFER.replace("m=audio", "m=video"), PeerError::NotOneAudio),
        (OFFER.replace("SAVPF 111 63 9 0 8", "SAVPF 111 63 9"), PeerError::NoG711),
        (OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), PeerError::Lacks("UDP/TLS/RTP/SAVPF")),
        (OFFER.replace("a=ice-ufrag:Fk1W", "a=ice-ufrag:F"), PeerError::Lacks("ice-ufrag")),
        (OFFER.replace("a=ice-pwd:bzaU", "a=ice-pwd:bz<U"), PeerError::Lacks("ice-pwd")),
        (OFFER.replace("a=ice-pwd", "a=ice-pw"), PeerError::Lacks("ice-pwd")),
        (OFFER.replace("sha-256", "sha-1"), PeerError::Lacks("a sha-256 fingerprint")),
        (OFFER.replace("a=mid:0", "a=mid:"), PeerError::Lacks("mid")),
        (OFFER.replace("a=rtcp-mux\r\n", ""), PeerError::Lacks("rtcp-mux")),
        ("v=0\r\n".repeat(10_000), PeerError::TooLarge { bytes: 50_000, max: 16 * 1024 }),
    ];
    for (offer, why) in cases {
        assert_eq!(refusal(&offer).await, why, "{offer:.200}");
    }
    let mut nowhere = config();
    nowhere.bind = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let answered = Peer::answer(&nowhere, &Chance::seeded(1), OFFER).await.map(|_| ());
    assert_eq!(answered, Err(PeerError::NoAddress));
}

/// Whatever is done to an offer, there is an answer or an error, and nothing is left open.
#[tokio::test]
async fn a_garbled_offer_never_panics() {
    let chance = Chance::seeded(20_261_125);
    let (mut answered, before) = (0, open_files());
    for round in 0..1500_u32 {
        let mut lines: Vec<String> = OFFER.split("\r\n").map(str::to_owned).collect();
        for _ in 0..=chance.below(3) {
            let at = usize::try_from(chance.below(lines.len() as u64)).unwrap();
            let line = &mut lines[at];
            let cut = usize::try_from(chance.below(line.len() as u64 + 1)).unwrap();
            match chance.below(6) {
                0 => line.truncate(cut),
                1 => line.insert(cut, char::from(u8::try_from(33 + chance.below(94)).unwrap())),
                2 => *line = line.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect(),
                3 => *line = line.to_uppercase(),
                4 => drop(lines.remove(at)),
                _ => {
                    let other = usize::try_from(chance.below(lines.len() as u64)).unwrap();
                    lines.swap(at, other);
                }
            }
        }
        let offer = lines.join("\r\n");
        match Peer::answer(&config(), &chance, &offer).await {
            Ok((peer, _, _)) => {
                answered += 1;
                peer.close().await;
            }
            Err(PeerError::Refused(why)) => {
                assert!(!why.contains("could not be read"), "the library panicked, round {round}: {offer}");
            }
            Err(_) => {}
        }
    }
    assert!(answered > 100, "{answered} were still good");
    assert!(open_files() < before + 25);
}

struct Call {
    peer: Peer,
    events: PeerEvents,
    seen: Arc<Seen>,
    packets: mpsc::UnboundedSender<(u8, u16)>,
    browser: JoinHandle<()>,
}

async fn call(config: &PeerConfig) -> Call {
    let offerer = Offerer::new().await;
    let (peer, answer, mut events) = Peer::answer(config, &Chance::system(), offerer.offer()).await.unwrap();
    assert!(answer.contains("SAVPF 0 8 101\r\n"), "{answer} to {}", offerer.offer());
    let (packets, queue) = mpsc::unbounded_channel();
    let seen = Arc::new(Seen::default());
    let browser = tokio::spawn(offerer.run(answer, queue, Arc::clone(&seen)));
    assert_eq!(next(&mut events).await, PeerEvent::Connected);
    Call { peer, events, seen, packets, browser }
}

async fn next(events: &mut PeerEvents) -> PeerEvent {
    let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
    event.expect("an event in time").expect("not closed")
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[tokio::test]
async fn packets_pass_both_ways_as_they_are() {
    let mut call = call(&config()).await;
    for (payload_type, sequence) in [(0, 65_534), (0, 65_535), (8, 0), (101, 1), (8, 3)] {
        call.packets.send((payload_type, sequence)).unwrap();
    }
    for (payload_type, sequence) in [(0, 65_534), (0, 65_535), (8, 0), (126, 1), (8, 3)] {
        let PeerEvent::Audio(packet) = next(&mut call.events).await else { panic!("audio") };
        let payload = Bytes::from_static(&[0x55; 160]);
        let timestamp = u32::from(sequence) * 160;
        assert_eq!(packet, Packet { payload_type, sequence, timestamp, marker: false, payload });
    }
    while !call.seen.connected.load(Ordering::Acquire) {
        tokio::task::yield_now().await;
    }
    let payload = Bytes::from_static(&[0x2a; 160]);
    for (payload_type, sequence) in [(0, 5_u16), (8, 6), (126, 7)] {
        assert!(call.peer.send(payload_type, sequence, u32::from(sequence) * 160, false, payload.clone()));
    }
    assert!(!call.peer.send(111, 8, 0, false, payload.clone()), "not ours");
    while call.seen.received.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    let stats = call.peer.stats();
    assert_eq!((stats.packets_in, stats.packets_out, stats.lost_in), (5, 3, 1));
    call.seen.left.notify_one();
    assert_eq!(next(&mut call.events).await, PeerEvent::Closed);
    assert!(!call.peer.send(0, 9, 0, false, payload));
    call.peer.close().await;
    assert_eq!(call.peer.stats().packets_in, 5, "kept after the end");
    call.browser.await.unwrap();
}

#[tokio::test]
async fn strangers_are_not_heard() {
    let mut config = config();
    config.ports = (47_330, 47_330);
    let mut call = call(&config).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for first in [0x80_u8, 20, 0, 64, 255] {
        let mut datagram = vec![0x11; 172];
        datagram[0] = first;
        stranger.send_to(&datagram, "127.0.0.1:47330").await.unwrap();
    }
    stranger.send_to(&[], "127.0.0.1:47330").await.unwrap();
    while call.peer.stats().strangers < 6 {
        tokio::task::yield_now().await;
    }
    call.packets.send((0, 1)).unwrap();
    assert!(matches!(next(&mut call.events).await, PeerEvent::Audio(_)));
    call.peer.close().await;
    assert_eq!(next(&mut call.events).await, PeerEvent::Closed);
    assert!(UdpSocket::bind("127.0.0.1:47330").await.is_ok(), "the port is free");
}

#[tokio::test]
async fn silence_is_disconnected_then_failed_and_frees_the_port() {
    let mut config = config();
    config.ports = (47_331, 47_331);
    config.disconnected_after = Duration::from_millis(500);
    config.failed_after = Duration::from_millis(500);
    let mut call = call(&config).await;
    drop(call.packets);
    call.browser.await.unwrap();
    assert_eq!(next(&mut call.events).await, PeerEvent::Disconnected);
    assert_eq!(next(&mut call.events).await, PeerEvent::Failed);
    assert_eq!(next(&mut call.events).await, PeerEvent::Closed);
    assert!(UdpSocket::bind("127.0.0.1:47331").await.is_ok(), "the port is free");
    // Nobody ever comes.
    config.connect_within = Duration::from_millis(300);
    let (peer, _, mut events) = Peer::answer(&config, &Chance::system(), OFFER).await.unwrap();
    let full = Peer::answer(&config, &Chance::system(), OFFER).await.map(|_| ());
    assert_eq!(full, Err(PeerError::NoPort(47_331, 47_331)));
    assert_eq!(next(&mut events).await, PeerEvent::Failed);
    assert_eq!(next(&mut events).await, PeerEvent::Closed);
    drop(peer);
}

#[tokio::test]
async fn fifty_connections_leave_nothing_behind() {
    let mut config = config();
    config.ports = (47_340, 47_341);
    call(&config).await.peer.close().await;
    let before = open_files();
    for round in 0..50 {
        let call = call(&config).await;
        match round % 3 {
            0 => call.peer.close().await,
            1 => tokio::join!(call.peer.close(), call.peer.close()).0,
            _ => {
                let mut events = call.events;
                drop(call.peer);
                while events.recv().await.is_some() {}
            }
        }
        drop(call.packets);
        call.browser.await.unwrap();
    }
    // Other tests of this process open and close files meanwhile; a leak would be fifty.
    assert!(open_files() < before + 25, "{before} -> {}", open_files());
    for port in [47_340, 47_341] {
        assert!(UdpSocket::bind(("127.0.0.1", port)).await.is_ok());
    }
}
