//! SIP over TLS.

use std::path::Path;
use std::process::Stdio;

use madoguchi::phone::trunk::{Caller, EndCause, HangUp, Transport, TrunkEvent};
use tokio::process::Command;

use super::support::{ANSWER, at, desk_with, dial, free_port, sdp, sipp};

/// A self-signed certificate for 127.0.0.1, as the operator would make one.
async fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
    assert!(made.success());
}

fn tls(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "tls_authorities = '{dir}/certificate.pem'\n\
         tls = {{ listen = '127.0.0.1:{}', certificate = '{dir}/certificate.pem', key = '{dir}/key.pem' }}",
        free_port()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path()).await;
    let mut desk = desk_with(&tls(dir.path()), "addresses = ['127.0.0.1']\ntransport = 'tls'").await;
    // This peer is heard over TLS only.
    sipp("stranger", desk.at, &[]).well().await;
    desk.trunk.reload_tls().unwrap();

    let target = at(&desk.trunk, Transport::Tls);
    let config = "module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule_app account.so\n\
        module_app menu.so\naudio_player nothing\naudio_source nothing\nsip_verify_server no\n";
    std::fs::write(dir.path().join("config"), config).unwrap();
    std::fs::write(dir.path().join("contacts"), "").unwrap();
    let account = "<sip:0312345678@localhost;transport=tls>;regint=0\n";
    std::fs::write(dir.path().join("accounts"), account).unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut baresip = Command::new("baresip")
        .args(["-f", dir.path().to_str().unwrap(), "-t", "30"])
        .args(["-e", &format!("/dial sip:0501234567@{target};transport=tls")])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("baresip is installed");
    let (call, caller, dialled, offer) = desk.incoming().await;
    assert_eq!((caller, dialled.as_str()), (Caller::Number("0312345678".into()), "0501234567"));
    assert!(offer.unwrap().contains("PCMU"));
    desk.trunk.answer(call, ANSWER.into()).unwrap();
    assert_eq!(desk.next().await, TrunkEvent::Acknowledged { call, answer: None });
    desk.trunk.reoffer(call, sdp(2)).unwrap();
    assert!(matches!(desk.next().await, TrunkEvent::ReofferAnswered { .. }));
    desk.trunk.hang_up(call, HangUp::Normal).unwrap();
    desk.ended(call, EndCause::Ours).await;
    baresip.kill().await.unwrap();
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_trunks_speak_tls() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path()).await;
    let mut called = desk_with(&tls(dir.path()), "addresses = ['127.0.0.1']\ntransport = 'tls'").await;
    let target = at(&called.trunk, Transport::Tls).port();
    let peer = format!("addresses = []\ntarget = 'localhost:{target}'\ntransport = 'tls'");
    let mut calling = desk_with(&tls(dir.path()), &peer).await;
    for ends in [true, false] {
        let out = calling.trunk.dial(dial(Some("0398765432"))).unwrap();
        let (call, caller, ..) = called.incoming().await;
        assert_eq!(caller, Caller::Number("0398765432".into()));
        called.trunk.answer(call, ANSWER.into()).unwrap();
        assert!(matches!(calling.next().await, TrunkEvent::Answered { .. }));
        assert!(matches!(called.next().await, TrunkEvent::Acknowledged { .. }));
        calling.trunk.reoffer(out, sdp(2)).unwrap();
        assert_eq!(called.next().await, TrunkEvent::Reoffer { call, sdp: Some(sdp(2)) });
        called.trunk.answer_reoffer(call, Ok(sdp(3))).unwrap();
        assert_eq!(calling.next().await, TrunkEvent::ReofferAnswered { call: out, sdp: sdp(3) });
        let (one, other) = if ends { (&mut calling, &mut called) } else { (&mut called, &mut calling) };
        let (first, second) = if ends { (out, call) } else { (call, out) };
        one.trunk.hang_up(first, HangUp::Normal).unwrap();
        one.ended(first, EndCause::Ours).await;
        other.ended(second, EndCause::Far).await;
    }
    // A certificate nobody vouches for is not spoken to.
    let other = tempfile::tempdir().unwrap();
    certificate(other.path()).await;
    let mut wary = desk_with(&tls(other.path()), &peer).await;
    wary.trunk.dial(dial(None)).unwrap();
    let TrunkEvent::Refused { code: 503, reason, .. } = wary.next().await else { panic!("not refused") };
    assert!(reason.contains("certificate"), "{reason}");
    wary.stop().await;
    calling.stop().await;
    called.stop().await;
}
