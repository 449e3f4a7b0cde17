//! What changes while a call lasts, and how a silent one ends.

use madoguchi::phone::trunk::{EndCause, HangUp, TrunkEvent};

use super::support::{desk, sdp, sipp};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_changes_while_it_lasts() {
    let mut desk = desk("reoffer_secs = 1").await;
    let far = sipp("call_changes", desk.at, &[]);
    let call = desk.up().await;
    // Hold and resume; the third re-INVITE says the same again and is answered without the program.
    for (round, mark) in [(2, "sendonly"), (3, "o=sipp 1 3"), (5, "o=sipp 1 5")] {
        let TrunkEvent::Reoffer { sdp: Some(offer), .. } = desk.next().await else {
            panic!("no offer {round}")
        };
        assert!(offer.contains(mark), "{offer}");
        desk.trunk.answer_reoffer(call, Ok(sdp(round))).unwrap();
    }
    let info = TrunkEvent::Info {
        call,
        content_type: "application/dtmf-relay".into(),
        body: "Signal=5\r\nDuration=160\r\n".into(),
    };
    assert_eq!(desk.next().await, info);
    // Not answered in time: 488, and the call goes on.
    assert!(matches!(desk.next().await, TrunkEvent::Reoffer { .. }));
    desk.ended(call, EndCause::Far).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_change_the_session() {
    let mut desk = desk("").await;
    let far = sipp("reoffer_we", desk.at, &[]);
    let call = desk.up().await;
    desk.trunk.reoffer(call, sdp(2)).unwrap();
    let TrunkEvent::ReofferAnswered { sdp: answer, .. } = desk.next().await else { panic!("not answered") };
    assert!(answer.contains("recvonly"));
    desk.trunk.reoffer(call, sdp(3)).unwrap();
    assert_eq!(desk.next().await, TrunkEvent::ReofferRefused { call, code: 488 });
    desk.trunk.hang_up(call, HangUp::Failure).unwrap();
    desk.ended(call, EndCause::Ours).await;
    far.well().await;
    desk.stop().await;
}

const SHORT: &str = "session = { min_secs = 1, default_secs = 4, below_floor = true }";

#[tokio::test(flavor = "multi_thread")]
async fn session_intervals_have_a_floor() {
    let mut desk = desk("").await;
    let far = sipp("session_too_small", desk.at, &[]);
    let call = desk.up().await;
    desk.ended(call, EndCause::Far).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_refresh_by_update_or_invite() {
    let mut desk = desk(SHORT).await;
    let far = sipp("session_we_refresh_update", desk.at, &[]);
    let call = desk.up().await;
    desk.ended(call, EndCause::Far).await;
    far.well().await;

    let far = sipp("session_we_refresh_invite", desk.at, &[]);
    let call = desk.up().await;
    desk.ended(call, EndCause::Far).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_falls_silent_ends_the_call() {
    let mut desk = desk(SHORT).await;
    let far = sipp("session_far_refreshes", desk.at, &[]);
    let call = desk.up().await;
    desk.ended(call, EndCause::SessionExpired).await;
    far.well().await;

    let far = sipp("session_refresh_lost", desk.at, &[]);
    let call = desk.up().await;
    desk.ended(call, EndCause::Lost).await;
    far.well().await;
    desk.stop().await;
}
