//! Calls that come in, and what is no call.

use std::net::UdpSocket;

use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::lifecycle::Lifecycle;
use madoguchi::phone::trunk::{
    Caller, Dial, EndCause, HangUp, Transport, Trunk, TrunkError, TrunkEvent, Withheld,
};

use super::support::{ANSWER, PATIENCE, at, desk, sipp};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_answered_and_ended_by_either_side() {
    for over in [Transport::Udp, Transport::Tcp] {
        let mut desk = desk("").await;
        let target = at(&desk.trunk, over);
        let mode = if over == Transport::Udp { "u1" } else { "t1" };

        let far = sipp("call_far_ends", target, &["-t", mode]);
        let (call, caller, dialled, offer) = desk.incoming().await;
        assert_eq!(caller, Caller::Number("0312345678".into()));
        assert_eq!(dialled, "0501234567");
        assert!(offer.unwrap().starts_with("v=0"));
        desk.trunk.ring(call, None).unwrap();
        desk.trunk.answer(call, ANSWER.into()).unwrap();
        assert_eq!(desk.next().await, TrunkEvent::Acknowledged { call, answer: None });
        assert_eq!(desk.trunk.status().calls, 1);
        desk.ended(call, EndCause::Far).await;
        far.well().await;

        let far = sipp("call_we_end", target, &["-t", mode]);
        let call = desk.up().await;
        desk.trunk.hang_up(call, HangUp::Normal).unwrap();
        desk.ended(call, EndCause::Ours).await;
        far.well().await;
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_give_up_or_be_refused() {
    let mut desk = desk("").await;
    let far = sipp("call_cancelled", desk.at, &[]);
    let (call, ..) = desk.incoming().await;
    desk.trunk.ring(call, None).unwrap();
    assert_eq!(desk.next().await, TrunkEvent::Cancelled { call });
    far.well().await;

    let far = sipp("call_refused", desk.at, &[]);
    let (call, ..) = desk.incoming().await;
    assert!(matches!(desk.trunk.refuse(call, 200, None), Err(TrunkError::BadCode(200))));
    desk.trunk.refuse(call, 486, Some(7)).unwrap();
    desk.ended(call, EndCause::Ours).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_nobody_confirms_is_cleaned_up() {
    let mut desk = desk("").await;
    let far = sipp("call_no_ack", desk.at, &[]);
    let (call, ..) = desk.incoming().await;
    desk.trunk.answer(call, ANSWER.into()).unwrap();
    desk.ended(call, EndCause::NoAck).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_may_come_late() {
    let mut desk = desk("").await;
    let far = sipp("call_late_offer", desk.at, &[]);
    let (call, _, _, offer) = desk.incoming().await;
    assert_eq!(offer, None);
    desk.trunk.answer(call, ANSWER.into()).unwrap();
    let TrunkEvent::Acknowledged { answer: Some(answer), .. } = desk.next().await else {
        panic!("no answer")
    };
    assert!(answer.contains("o=sipp 5 5"));
    desk.ended(call, EndCause::Far).await;
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_outside_calls_get_their_codes() {
    let desk = desk("").await;
    for name in ["options", "unknown_method", "message_405", "stray_bye", "required_420", "wrong_body_415"] {
        sipp(name, desk.at, &[]).well().await;
        sipp(name, at(&desk.trunk, Transport::Tcp), &["-t", "t1"]).well().await;
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limits_callers_are_told_when_to_try_again() {
    let mut desk = desk("limits = { calls_peer = 1 }").await;
    let far = sipp("call_we_end", desk.at, &[]);
    let call = desk.up().await;
    sipp("over_limit", desk.at, &[]).well().await;
    let offered = Dial { through: "carrier".into(), number: "110".into(), shown: None, sdp: ANSWER.into() };
    assert!(matches!(desk.trunk.dial(offered), Err(TrunkError::NoRoute)));
    assert_eq!(desk.trunk.status().peers[0].over_limit, 1);
    desk.trunk.hang_up(call, HangUp::Normal).unwrap();
    desk.ended(call, EndCause::Ours).await;
    far.well().await;
    desk.stop().await;

    let mut desk = self::desk("limits = { calls_per_second_peer = 1 }").await;
    let far = sipp("call_far_ends", desk.at, &[]);
    let (call, ..) = desk.incoming().await;
    sipp("over_limit", desk.at, &[]).well().await;
    desk.trunk.answer(call, ANSWER.into()).unwrap();
    far.well().await;
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withheld_numbers_have_their_reason() {
    let mut desk = desk("").await;
    let cases = [
        ("caller_asserted", Caller::Number("+819012345678".into())),
        ("caller_anonymous", Caller::Withheld(Withheld::Anonymous)),
        ("caller_payphone", Caller::Withheld(Withheld::Payphone)),
    ];
    for (name, expected) in cases {
        let far = sipp(name, desk.at, &[]);
        let (call, caller, ..) = desk.incoming().await;
        assert_eq!(caller, expected);
        desk.trunk.refuse(call, 480, None).unwrap();
        desk.ended(call, EndCause::Ours).await;
        far.well().await;
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_every_call_hears_goodbye() {
    let mut desk = desk("").await;
    let far = sipp("call_we_end", desk.at, &[]);
    let call = desk.up().await;
    let lifecycle = desk.lifecycle.clone();
    let stopped = tokio::spawn(async move { lifecycle.stop().await });
    assert_eq!(desk.next().await, TrunkEvent::Ended { call, cause: EndCause::Ours });
    far.well().await;
    tokio::time::timeout(PATIENCE, stopped).await.unwrap().unwrap();
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_work_is_refused() {
    let start = async |text: &str| {
        let config = toml::from_str(text).unwrap();
        Trunk::start(config, Clock::system(), Chance::seeded(1), Lifecycle::default()).await.err()
    };
    assert!(matches!(start("udp = ['0.0.0.0:0']\ntcp = []").await, Some(TrunkError::Config(_))));
    assert!(matches!(start("udp = []\ntcp = []").await, Some(TrunkError::Config(_))));
    assert!(matches!(start("session = { min_secs = 10 }").await, Some(TrunkError::Config(_))));
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = format!("udp = ['{}']\ntcp = []", taken.local_addr().unwrap());
    assert!(matches!(start(&text).await, Some(TrunkError::Listen(..))));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_leave_nothing_behind() {
    let limits = "limits = { calls_per_second_peer = 1000, calls_per_second = 1000, calls = 300, \
        calls_peer = 300, messages_per_second_peer = 10000 }";
    let mut desk = desk(limits).await;
    let far = sipp("call_far_ends", desk.at, &["-m", "300", "-r", "100", "-l", "300", "-d", "0"]);
    let (mut ended, mut confirmed) = (0, 0);
    while ended < 300 {
        match desk.next().await {
            TrunkEvent::Incoming { call, .. } => desk.trunk.answer(call, ANSWER.into()).unwrap(),
            TrunkEvent::Acknowledged { .. } => confirmed += 1,
            TrunkEvent::Ended { cause, .. } => {
                assert_eq!(cause, EndCause::Far);
                ended += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    // A BYE on the heels of the ACK may overtake it; the call ends all the same.
    assert!((250..=300).contains(&confirmed), "{confirmed}");
    far.well().await;
    desk.stop().await;
}

/// At `INFO` the stack writes whole messages: the trunk does not run under such a filter.
#[tokio::test]
async fn it_does_not_run_where_messages_would_be_logged() {
    for (filter, runs) in [("info", false), ("info,rsipstack=warn", true), ("warn", true)] {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(std::io::sink)
            .finish();
        let _held = tracing::subscriber::set_default(subscriber);
        let config = toml::from_str("udp = ['127.0.0.1:0']\ntcp = []").unwrap();
        let lifecycle = Lifecycle::default();
        let started = Trunk::start(config, Clock::system(), Chance::seeded(1), lifecycle.clone()).await;
        assert_eq!(started.is_ok(), runs, "{filter}");
        assert!(runs || matches!(started, Err(TrunkError::LogsTooMuch)));
        lifecycle.stop().await;
    }
}
