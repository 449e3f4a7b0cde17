//! Calls that we make.

use madoguchi::phone::trunk::{Dial, EndCause, HangUp, TrunkError, TrunkEvent};

use super::support::{Desk, Sipp, desk_with, dial, free_port, sipp_called};

/// A trunk whose carrier is the given called side.
async fn desk_calling(name: &str, mode: &str) -> (Desk, Sipp) {
    let far = sipp_called(name, mode).await;
    let transport = if mode == "u1" { "udp" } else { "tcp" };
    let peer = format!("addresses = []\ntarget = 'localhost:{}'\ntransport = '{transport}'", far.port);
    (desk_with("", &peer).await, far)
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_and_are_answered() {
    for mode in ["u1", "t1"] {
        let (mut desk, far) = desk_calling("answer", mode).await;
        let call = desk.trunk.dial(dial(Some("03-9876-5432"))).unwrap();
        assert_eq!(desk.next().await, TrunkEvent::Progress { call, code: 180, sdp: None });
        let TrunkEvent::Answered { sdp, .. } = desk.next().await else { panic!("not answered") };
        assert!(sdp.contains("o=sipp"));
        desk.trunk.hang_up(call, HangUp::Normal).unwrap();
        desk.ended(call, EndCause::Ours).await;
        far.well().await;
        desk.stop().await;
    }
    let (mut desk, far) = desk_calling("answer_then_bye", "u1").await;
    let call = desk.trunk.dial(dial(None)).unwrap();
    let TrunkEvent::Progress { code: 183, sdp: Some(early), .. } = desk.next().await else {
        panic!("no early media")
    };
    assert_eq!(desk.next().await, TrunkEvent::Answered { call, sdp: early });
    desk.ended(call, EndCause::Far).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_in_vain() {
    let (mut desk, far) = desk_calling("answer_busy", "u1").await;
    let call = desk.trunk.dial(dial(None)).unwrap();
    assert_eq!(desk.next().await, TrunkEvent::Refused { call, code: 486, reason: "Busy Here".into() });
    far.well().await;
    desk.stop().await;

    let (mut desk, far) = desk_calling("answer_cancelled", "u1").await;
    let call = desk.trunk.dial(dial(None)).unwrap();
    assert!(matches!(desk.next().await, TrunkEvent::Progress { .. }));
    desk.trunk.cancel(call).unwrap();
    desk.ended(call, EndCause::Ours).await;
    far.well().await;
    desk.stop().await;

    // Nobody there at all: 64*T1.
    let port = free_port();
    let mut desk = desk_with("", &format!("addresses = []\ntarget = '127.0.0.1:{port}'")).await;
    let call = desk.trunk.dial(dial(None)).unwrap();
    let TrunkEvent::Refused { code, .. } = desk.next().await else { panic!("not refused") };
    assert_eq!((code, desk.trunk.status().calls), (408, 0));
    assert!(desk.trunk.cancel(call).is_err());
    let bad = Dial { number: "1\r\nVia: x".into(), ..dial(None) };
    assert!(matches!(desk.trunk.dial(bad), Err(TrunkError::BadNumber)));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_called_side_may_want_longer_sessions() {
    let far = sipp_called("answer_longer_session", "u1").await;
    let peer = format!("addresses = []\ntarget = '127.0.0.1:{}'", far.port);
    let mut desk = desk_with("session = { default_secs = 90 }", &peer).await;
    let call = desk.trunk.dial(dial(None)).unwrap();
    assert!(matches!(desk.next().await, TrunkEvent::Answered { .. }));
    desk.trunk.hang_up(call, HangUp::Failure).unwrap();
    desk.ended(call, EndCause::Ours).await;
    far.well().await;
    desk.stop().await;
}
