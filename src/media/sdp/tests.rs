use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::kernel::clock::Chance;

const OFFER: &str = "v=0\r\no=carrier 99 7 IN IP4 203.0.113.9\r\ns=call\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 18 8 0 96\r\na=rtpmap:18 G729/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ptime:30\r\na=sendrecv\r\n";

fn session(prefer: Option<Law>) -> Session {
    Session::new(2000, "192.0.2.1:40000".parse().unwrap(), prefer)
}

fn far(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rtp: SocketAddr = text.parse().unwrap();
    Some((rtp, SocketAddr::new(rtp.ip(), rtp.port() + 1)))
}

fn status(offer: &str) -> u16 {
    session(None).answer(offer.as_bytes()).unwrap_err().sip_status()
}

#[test]
fn an_offer_is_answered() {
    let (agreed, text) = session(None).answer(OFFER.as_bytes()).unwrap();
    let want = Agreed {
        far: far("203.0.113.9:30000"),
        law: Law::A,
        pt: 8,
        event_pt: Some(96),
        direction: Direction::SendRecv,
        ptime_ms: Some(30),
    };
    assert_eq!(agreed, want);
    assert_eq!(
        text,
        "v=0\r\no=- 1000 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n\
         a=fmtp:96 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(session(Some(Law::Mu)).answer(OFFER.as_bytes()).unwrap().0.law, Law::Mu);
    let only = OFFER.replace(" 18 8 0 ", " 8 ");
    assert_eq!(session(Some(Law::Mu)).answer(only.as_bytes()).unwrap().0.law, Law::A, "takes what there is");
}

#[test]
fn other_lines_are_refused_in_their_place() {
    let offer = OFFER.replace("m=audio", "m=video 5000 RTP/AVP 97\r\nm=audio 7 RTP/SAVP 0\r\nm=audio")
        + "m=image 6000 udptl t38\r\n";
    let mut session = session(None);
    let (_, text) = session.answer(offer.as_bytes()).unwrap();
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
    };
    let want =
        ["m=video 0 RTP/AVP 97", "m=audio 0 RTP/SAVP 0", "m=audio 40000 RTP/AVP 8 96", "m=image 0 udptl t38"];
    assert_eq!(lines(&text), want);
    assert_eq!(lines(&session.offer(Direction::SendOnly)), want, "a later offer keeps them");
    assert_eq!(session.answer(OFFER.as_bytes()).unwrap_err(), SdpError::Mismatch("the offer dropped a line"));
}

#[test]
fn the_far_side_holds_and_comes_back() {
    let mut session = session(None);
    session.answer(OFFER.as_bytes()).unwrap();
    let held = OFFER.replace("a=sendrecv", "a=sendonly");
    let (agreed, text) = session.answer(held.as_bytes()).unwrap();
    assert_eq!(agreed.direction, Direction::RecvOnly);
    assert!(text.contains("o=- 1000 2 ") && text.contains("a=recvonly"), "{text}");
    assert_eq!(session.answer(held.as_bytes()).unwrap().1, text, "a refresh changes no version");
    let old = OFFER.replace("c=IN IP4 203.0.113.9", "c=IN IP4 0.0.0.0");
    let (agreed, text) = session.answer(old.as_bytes()).unwrap();
    assert_eq!((agreed.far, agreed.direction), (None, Direction::RecvOnly));
    assert!(text.contains("a=recvonly"));
    let (agreed, text) = session.answer(OFFER.as_bytes()).unwrap();
    assert_eq!(agreed.direction, Direction::SendRecv);
    assert!(text.contains("o=- 1000 3 "), "{text}");
    for (theirs, ours) in [("recvonly", "sendonly"), ("inactive", "inactive")] {
        let offer = OFFER.replace("a=sendrecv", &format!("a={theirs}"));
        assert!(session.answer(offer.as_bytes()).unwrap().1.contains(&format!("a={ours}")));
    }
    // At the session's level, overruled by the line.
    let offer = OFFER.replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n");
    assert_eq!(session.answer(offer.as_bytes()).unwrap().0.direction, Direction::SendRecv);
    let offer = offer.replace("a=sendrecv\r\n", "");
    assert_eq!(session.answer(offer.as_bytes()).unwrap().0.direction, Direction::Inactive);
}

#[test]
fn we_offer_hold_and_keep_the_law() {
    let mut us = session(Some(Law::Mu));
    let first = us.offer(Direction::SendRecv);
    assert!(first.contains("RTP/AVP 0 8 101"), "{first}");
    let mut them = Session::new(4, "198.51.100.7:5004".parse().unwrap(), Some(Law::A));
    let (_, answer) = them.answer(first.as_bytes()).unwrap();
    let agreed = us.apply_answer(answer.as_bytes()).unwrap();
    assert_eq!((agreed.law, agreed.far, agreed.event_pt), (Law::A, far("198.51.100.7:5004"), Some(101)));
    let hold = us.offer(Direction::SendOnly);
    assert!(hold.contains("o=- 1000 2 ") && hold.contains("RTP/AVP 8 101") && hold.contains("a=sendonly"));
    let (agreed, answer) = them.answer(hold.as_bytes()).unwrap();
    assert_eq!(agreed.direction, Direction::RecvOnly);
    assert_eq!(us.apply_answer(answer.as_bytes()).unwrap().direction, Direction::SendOnly);
    assert_eq!(us.offer(Direction::SendOnly), hold);
    let refused = answer.replace("m=audio 5004", "m=audio 0");
    assert_eq!(us.apply_answer(refused.as_bytes()), Err(SdpError::NoAudio));
    let more = answer + "m=video 0 RTP/AVP 97\r\n";
    assert!(matches!(us.apply_answer(more.as_bytes()), Err(SdpError::Mismatch(_))));
    assert_eq!(us.agreed().unwrap().direction, Direction::SendOnly, "an error changes nothing");
}

#[test]
fn addresses() {
    let six = OFFER.replace("IP4 203.0.113.9", "IP6 2001:db8::9");
    let mut session6 = Session::new(0, "[2001:db8::1]:40000".parse().unwrap(), None);
    let (agreed, text) = session6.answer(six.as_bytes()).unwrap();
    assert_eq!(agreed.far, far("[2001:db8::9]:30000"));
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"));
    assert_eq!(status(&six), 488, "another family");
    for bad in ["IP4 media.example.net", "IP4 224.1.2.3/127", "IP4 255.255.255.255"] {
        assert_eq!(status(&OFFER.replace("IP4 203.0.113.9", bad)), 488, "{bad}");
    }
    let own = OFFER.replace("a=ptime:30", "c=IN IP4 203.0.113.10\r\na=rtcp:30009 IN IP4 203.0.113.11");
    let far = session(None).answer(own.as_bytes()).unwrap().0.far.unwrap();
    assert_eq!(far, ("203.0.113.10:30000".parse().unwrap(), "203.0.113.11:30009".parse().unwrap()));
    let ip: IpAddr = "192.0.2.1".parse().unwrap();
    let rtcp = OFFER.replace("a=ptime:30", "a=rtcp:0");
    assert_eq!(parse(rtcp.as_bytes()).unwrap().media[0].far(ip).unwrap().unwrap().1.port(), 30001);
}

#[test]
fn errors_have_their_reply() {
    assert_eq!(status(""), 400);
    assert_eq!(status(&OFFER.replace("v=0", "v=1")), 400);
    assert_eq!(status(&OFFER.replace("o=carrier", "x=carrier")), 400);
    assert_eq!(status(&OFFER.replace("s=call", "call")), 400);
    assert_eq!(status(&OFFER.replace("c=IN IP4 203.0.113.9\r\n", "")), 400);
    assert_eq!(status(&OFFER.replace("audio 30000", "audio 70000")), 400);
    assert_eq!(status(&OFFER.replace("IN IP4 203.0.113.9\r\nt", "IN IP6 203.0.113.9\r\nt")), 400);
    assert_eq!(status(&OFFER.replace(" 18 8 0 96", "")), 400);
    assert_eq!(status(&OFFER.replace(" 18 8 0 96", " 18 96")), 488);
    assert_eq!(status(&OFFER.replace("RTP/AVP", "RTP/SAVP")), 488);
    assert_eq!(status(&OFFER.replace("audio 30000", "audio 0")), 488);
    assert_eq!(status(&format!("{OFFER}{}", "a=x\r\n".repeat(SDP_MAX / 5))), 413);
    assert_eq!(status(&format!("{OFFER}{}", "m=x 1 y z\r\n".repeat(LINES_MAX))), 413);
}

#[test]
fn payload_types_are_mapped() {
    for (map, want) in [
        ("a=rtpmap:18 pcmu/8000/1", Some((18, Law::Mu))),
        ("a=rtpmap:18 PCMU/16000", Some((8, Law::A))),
        ("a=rtpmap:18 PCMU/8000/2", Some((8, Law::A))),
        ("a=rtpmap:8 L16/8000", Some((0, Law::Mu))),
        ("a=rtpmap:8", Some((8, Law::A))),
    ] {
        let offer = OFFER.replace("a=rtpmap:18 G729/8000\r\na=rtpmap:8 PCMA/8000", map);
        assert_eq!(parse(offer.as_bytes()).unwrap().media[0].voice(None), want, "{map}");
    }
    let none = OFFER.replace("telephone-event/8000", "telephone-event/48000");
    let (agreed, text) = session(None).answer(none.as_bytes()).unwrap();
    assert!(agreed.event_pt.is_none() && !text.contains("telephone-event"));
}

#[test]
fn random_bytes_never_panic() {
    let chance = Chance::seeded(3);
    for _ in 0..5_000 {
        let mut bytes = OFFER.as_bytes().to_vec();
        for _ in 0..chance.below(8) {
            if bytes.len() < 2 {
                break;
            }
            let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
            match chance.below(3) {
                0 => bytes[at] = chance.bytes::<1>()[0],
                1 => {
                    bytes.remove(at);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok((_, text)) = session(None).answer(&bytes) {
            let again = parse(text.as_bytes()).unwrap();
            assert_eq!(again.media.len(), parse(&bytes).unwrap().media.len());
        }
        let _ = parse(&chance.bytes::<64>());
    }
}
