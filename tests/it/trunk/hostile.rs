//! Strangers, noise and broken messages.

use madoguchi::kernel::clock::Chance;
use madoguchi::phone::trunk::{Transport, TrunkEvent};

use crate::support::noise::mutate;

use super::support::{ANSWER, PATIENCE, at, desk, desk_with, invite, options, sipp};

/// What parsers of SIP have stumbled over.
const WORDS: &[&[u8]] =
    &[b"Content-Length: 99999999999", b"\r\nVia: ", b";tag=", b"sip:[::1", b"4294967296", b"%ff%"];

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_or_not_heard() {
    let desk = desk_with("", "addresses = ['192.0.2.0/24']").await;
    sipp("stranger", desk.at, &[]).well().await;
    let closed = tokio::net::TcpStream::connect(at(&desk.trunk, Transport::Tcp)).await.unwrap();
    closed.readable().await.unwrap();
    // An end or a reset, in any case no byte.
    assert_eq!(closed.try_read(&mut [0; 1]).unwrap_or(0), 0);
    assert!(desk.trunk.status().strangers >= 2);
    // Many of them get few answers.
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for n in 0..200 {
        let before = desk.trunk.status().strangers;
        socket.send_to(options(&socket, n).as_bytes(), desk.at).await.unwrap();
        while desk.trunk.status().strangers == before {
            assert!(tokio::time::Instant::now() < deadline, "not read");
            tokio::task::yield_now().await;
        }
    }
    // On one machine an answer that was sent has arrived.
    let mut buffer = [0; 2048];
    let answers = std::iter::from_fn(|| socket.try_recv(&mut buffer).ok()).count();
    assert!(answers <= 10, "{answers} answers");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_leave_it_serving() {
    let limits = "limits = { messages_per_second_peer = 1000000, calls_per_second_peer = 1000000, \
        calls_per_second = 1000000, calls = 50, calls_peer = 50 }";
    let mut desk = desk(limits).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let chance = Chance::seeded(7);
    let trunk = desk.trunk.clone();
    let drain = tokio::spawn(async move {
        while let Some(event) = desk.events.recv().await {
            if let TrunkEvent::Incoming { call, .. } = event {
                // Ring, answer or refuse: whatever the mutation made of it.
                let _ = trunk.ring(call, None);
                let _ = if call.0 % 2 == 0 {
                    trunk.answer(call, ANSWER.into())
                } else {
                    trunk.refuse(call, 486, Some(1))
                };
            }
        }
    });
    for n in 0..6000_u64 {
        let mut bytes =
            if n % 5 == 0 { chance.bytes::<300>().to_vec() } else { invite(here, n).into_bytes() };
        for _ in 0..chance.below(6) {
            mutate(&mut bytes, WORDS, &chance);
        }
        socket.send_to(&bytes, desk.at).await.unwrap();
        if n % 50 == 0 {
            // Let the receiving side keep up, so that the bytes are read and not lost.
            socket.send_to(options(&socket, u32::try_from(n).unwrap()).as_bytes(), desk.at).await.unwrap();
            let mut buffer = vec![0; 65_536];
            let wanted = format!("Call-ID: options{n}\r\n");
            tokio::time::timeout(PATIENCE, async {
                loop {
                    let len = socket.recv(&mut buffer).await.unwrap();
                    if String::from_utf8_lossy(&buffer[..len]).contains(&wanted) {
                        break;
                    }
                }
            })
            .await
            .expect("still answers");
        }
    }
    let tcp = at(&desk.trunk, Transport::Tcp);
    for n in 0..200_u64 {
        let mut bytes = invite(here, 100_000 + n).into_bytes();
        for _ in 0..chance.below(6) {
            mutate(&mut bytes, WORDS, &chance);
        }
        let stream = tokio::net::TcpStream::connect(tcp).await.unwrap();
        let _ = stream.try_write(&bytes);
    }
    assert!(desk.trunk.status().serving);
    assert!(desk.trunk.status().broken > 100);
    sipp("options", desk.at, &[]).well().await;
    sipp("options", tcp, &["-t", "t1"]).well().await;
    tokio::time::timeout(PATIENCE, desk.lifecycle.stop()).await.unwrap();
    drain.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_torn_gets_its_code() {
    let desk = desk("").await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let long = invite(here, 1).replace("Content-Length: 5", "Content-Length: 20000") + &"a".repeat(20_000);
    let torn = invite(here, 2).replace("Content-Length: 5", "Content-Length: 500");
    let mut buffer = [0; 2048];
    for (text, code) in [(long.clone(), "413"), (torn, "400")] {
        socket.send_to(text.as_bytes(), desk.at).await.unwrap();
        let len = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&buffer[..len]).into_owned();
        assert!(answer.starts_with(&format!("SIP/2.0 {code} ")), "{answer}");
    }
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(at(&desk.trunk, Transport::Tcp)).await.unwrap();
    stream.write_all(long.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end: we did not read all of it.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"SIP/2.0 413 "), "{}", String::from_utf8_lossy(&answer));
    desk.stop().await;
}
