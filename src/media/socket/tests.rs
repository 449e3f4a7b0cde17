use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::media::rtcp::parse;

const SILENCE: Millis = Millis(20_000);

fn settings() -> Settings {
    Settings { ssrc: 7, cname: "x".to_owned(), learn: Learn::SameHost, silence: SILENCE }
}

fn head(seq: u16) -> Header {
    Header { marker: false, pt: 0, seq, ts: u32::from(seq) * 160, ssrc: 99 }
}

/// A leg with its receiver running, and a far side of two bare sockets.
struct Scene {
    leg: Arc<RtpSocket>,
    clock: Clock,
    came: mpsc::UnboundedReceiver<(Header, usize, Timestamp)>,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

async fn scene(ports: (u16, u16)) -> Scene {
    let clock = Clock::manual(Timestamp(1_000_000));
    let range = PortRange::new(ports.0, ports.1).unwrap();
    let ip: IpAddr = "127.0.0.1".parse().unwrap();
    let leg = Arc::new(RtpSocket::bind(ip, &range, settings(), clock.now()).await.unwrap());
    let (rtp, rtcp) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let far = Some((rtp.local_addr().unwrap(), rtcp.local_addr().unwrap()));
    leg.expect(&Expect { far, pts: (0, Some(101)), receives: true }, clock.now());
    let (tx, came) = mpsc::unbounded_channel();
    let (task_leg, task_clock) = (leg.clone(), clock.clone());
    tokio::spawn(async move {
        task_leg
            .receive(&task_clock, |packet, at| {
                let _ = tx.send((packet.head, packet.payload.len(), at));
            })
            .await
    });
    Scene { leg, clock, came, rtp, rtcp }
}

impl Scene {
    async fn say(&self, seq: u16) {
        let packet = Packet { head: head(seq), payload: &[0xff; 160] }.to_vec();
        self.rtp.send_to(&packet, self.leg.local()).await.unwrap();
    }
}

#[tokio::test]
async fn packets_go_both_ways_and_strangers_are_ignored() {
    let mut s = scene((21_000, 21_099)).await;
    s.say(1).await;
    assert_eq!(s.came.recv().await, Some((head(1), 160, Timestamp(1_000_000))));
    assert_eq!(s.leg.next_event(&s.clock).await, Event::Learned(s.rtp.local_addr().unwrap()));
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other_type = Packet { head: Header { pt: 9, ..head(2) }, payload: &[1] }.to_vec();
    stranger.send_to(&Packet { head: head(3), payload: &[1] }.to_vec(), s.leg.local()).await.unwrap();
    s.rtp.send_to(&other_type, s.leg.local()).await.unwrap();
    s.rtp.send_to(b"hello", s.leg.local()).await.unwrap();
    let long = Packet { head: head(2), payload: &[1; DATAGRAM_MAX] }.to_vec();
    s.rtp.send_to(&long, s.leg.local()).await.unwrap();
    s.say(3).await;
    assert_eq!(s.came.recv().await.map(|(head, ..)| head.seq), Some(3), "and nothing before it");
    let stats = s.leg.stats();
    assert_eq!((stats.taken, stats.foreign, stats.bad), (2, 1, 3));

    let packet = Packet { head: Header { ssrc: 7, ..head(50) }, payload: &[5; 160] };
    assert!(s.leg.send(&packet, s.clock.now()));
    let mut buffer = [0; 2000];
    let size = s.rtp.recv(&mut buffer).await.unwrap();
    assert_eq!(Packet::parse(&buffer[..size]), Ok(packet));
    assert!(!s.leg.send(&Packet { payload: &[0; DATAGRAM_MAX], ..packet }, s.clock.now()));
    s.leg.expect(&Expect { far: None, ..Expect::default() }, s.clock.now());
    assert!(!s.leg.send(&packet, s.clock.now()), "on hold");
    assert_eq!((s.leg.stats().sent, s.leg.stats().unsent), (1, 2));
}

#[tokio::test]
async fn silence_is_reported_once_and_only_when_sound_is_due() {
    let mut s = scene((21_100, 21_199)).await;
    let wait = async |s: &Scene, by: i64| {
        let (event, ()) = tokio::join!(s.leg.next_event(&s.clock), async { s.clock.advance(Millis(by)) });
        event
    };
    assert_eq!(wait(&s, 20_000).await, Event::Silent(Millis(20_000)));
    s.say(1).await;
    s.came.recv().await.unwrap();
    assert!(matches!(s.leg.next_event(&s.clock).await, Event::Learned(_)));
    assert_eq!(s.leg.next_event(&s.clock).await, Event::Resumed);
    assert_eq!(wait(&s, 20_001).await, Event::Silent(Millis(20_001)));
    let held = Expect { far: None, pts: (0, None), receives: false };
    s.leg.expect(&held, s.clock.now());
    s.clock.advance(Millis(600_000));
    s.rtcp.send_to(&rtcp::bye(99, "far", None), s.leg_rtcp()).await.unwrap();
    assert_eq!(s.leg.next_event(&s.clock).await, Event::Bye, "and no silence during hold");
}

impl Scene {
    fn leg_rtcp(&self) -> SocketAddr {
        let local = self.leg.local();
        SocketAddr::new(local.ip(), local.port() + 1)
    }
}

#[tokio::test]
async fn reports_go_out_every_five_seconds() {
    let mut s = scene((21_200, 21_299)).await;
    for seq in [1, 2, 4, 5] {
        s.say(seq).await;
        s.came.recv().await.unwrap();
    }
    s.leg.next_event(&s.clock).await;
    let sent = Packet { head: Header { ssrc: 7, ..head(50) }, payload: &[5; 160] };
    assert!(s.leg.send(&sent, s.clock.now()));
    let (leg, clock) = (s.leg.clone(), s.clock.clone());
    tokio::spawn(async move {
        loop {
            leg.next_event(&clock).await;
        }
    });
    let mut buffer = [0; 2000];
    s.clock.advance(REPORT_EVERY);
    let size = s.rtcp.recv(&mut buffer).await.unwrap();
    let packets = parse(&buffer[..size]).unwrap();
    let [Rtcp::Sender { ssrc: 7, info, reports }] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!((info.packets, info.octets, info.ts), (1, 160, 50 * 160 + 40_000));
    assert_eq!(
        (reports[0].ssrc, reports[0].lost, reports[0].fraction_lost, reports[0].highest),
        (99, 1, 51, 5)
    );
    // The far side answers; nothing is sent any more, and after two intervals we only receive.
    let report = Report { ssrc: 7, last_sr: rtcp::ntp_middle(info.ntp), delay: 65_536, ..Report::default() };
    s.rtcp.send_to(&rtcp::report(99, "far", Some(info), &[report]), s.leg_rtcp()).await.unwrap();
    let mut kinds = Vec::new();
    for _ in 0..3 {
        s.clock.advance(REPORT_EVERY);
        let size = s.rtcp.recv(&mut buffer).await.unwrap();
        kinds.push(matches!(parse(&buffer[..size]).unwrap()[0], Rtcp::Sender { .. }));
    }
    assert_eq!(kinds, [true, false, false]);
    let stats = s.leg.stats();
    assert_eq!(stats.theirs, Some(report));
    assert!(stats.round_trip.is_some());
}

#[tokio::test]
async fn a_bound_port_is_passed_over_and_a_full_range_is_an_error() {
    let ip: IpAddr = "127.0.0.1".parse().unwrap();
    let _other = UdpSocket::bind((ip, 19_301)).await.unwrap();
    let range = PortRange::new(19_300, 19_303).unwrap();
    let leg = RtpSocket::bind(ip, &range, settings(), Timestamp(0)).await.unwrap();
    assert_eq!((leg.local().port(), range.in_use()), (19_302, 1));
    let full = RtpSocket::bind(ip, &range, settings(), Timestamp(0)).await;
    assert!(matches!(full, Err(SocketError::Ports(PortError::None))));
    drop(leg);
    assert_eq!(range.in_use(), 0);
}

#[tokio::test]
async fn ipv6_addresses_are_bound() {
    let ip = IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
    if let Err(reason) = UdpSocket::bind((ip, 0)).await {
        println!("left out: this machine has no IPv6 loopback ({reason})");
        return;
    }
    let range = PortRange::new(19_304, 19_307).unwrap();
    let leg = RtpSocket::bind(ip, &range, settings(), Timestamp(0)).await.unwrap();
    assert!(leg.local().is_ipv6());
}
