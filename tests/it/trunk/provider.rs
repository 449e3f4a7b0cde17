//! Kamailio as the provider: registration, its failures, and calls through it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use madoguchi::phone::trunk::{Dial, EndCause, HangUp, RegistrationState, TrunkEvent};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::support::{ANSWER, Desk, PATIENCE, desk_with, dial, free_port, sipp, sipp_called};

/// Kamailio as the provider: registrar with digest whose nonces live a second, and proxy with Record-Route
/// that asks for credentials too (407). `0501234567` leads to the account `desk`, every other number to
/// `far`.
struct Provider {
    child: Child,
    at: SocketAddr,
    /// What it logs, line by line.
    said: mpsc::UnboundedReceiver<String>,
    /// All of it.
    log: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

impl Provider {
    /// It listens when this returns.
    async fn start(at: SocketAddr, far: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = include_str!("../../sipp/kamailio.cfg")
            .replace("@AT@", &at.to_string())
            .replace("@FAR@", &format!("127.0.0.1:{far}"));
        std::fs::write(dir.path().join("kamailio.cfg"), config).unwrap();
        let mut child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f", "kamailio.cfg", "-Y", ".", "-w", "."])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kamailio is installed");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, said) = mpsc::unbounded_channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line.clone());
                // Nobody listens any more when the test is over.
                let _ = tell.send(line);
            }
        });
        let mut provider = Self { child, at, said, log, _dir: dir };
        provider.says("[listening]").await;
        provider
    }

    /// Waits until it logs this word of its configuration.
    async fn says(&mut self, word: &str) {
        let said = async { while !self.said.recv().await.expect("kamailio runs").contains(word) {} };
        tokio::time::timeout(PATIENCE, said).await.expect("kamailio says it in time");
    }

    async fn stop(&mut self) {
        let id = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log.lock().unwrap().join("\n"));
        }
    }
}

impl Desk {
    /// The next state of the registration.
    async fn registration(&mut self) -> RegistrationState {
        match self.next().await {
            TrunkEvent::Registration { name, state } => {
                assert_eq!(name, "provider");
                state
            }
            other => panic!("not a registration: {other:?}"),
        }
    }
}

fn account(at: SocketAddr, transport: &str, password: &str) -> String {
    format!(
        "[[registrations]]\nname = 'provider'\nregistrar = 'localhost:{}'\nusername = 'desk'\n\
         password = '{password}'\nexpires_secs = 4\nretry_secs = 1\nretry_max_secs = 2\n\
         transport = '{transport}'\n",
        at.port()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_registered_with_and_found_again() {
    for transport in ["udp", "tcp"] {
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut provider = Provider::start(at, 9).await;
        let mut desk = desk_with(&account(at, transport, "right"), "addresses = []").await;
        assert!(matches!(desk.registration().await, RegistrationState::Registered { .. }));
        let first = desk.trunk.status().registrations[0].last_success.unwrap();
        // Renewed, with a new nonce, without a word; whoever comes a third time has noted the second.
        for _ in 0..3 {
            provider.says("[registered]").await;
        }
        assert!(desk.trunk.status().registrations[0].last_success > Some(first), "not renewed");
        // Its restart is seen, and survived.
        provider.stop().await;
        assert!(matches!(desk.registration().await, RegistrationState::Failed { .. }));
        let _again = Provider::start(provider.at, 9).await;
        while !matches!(desk.registration().await, RegistrationState::Registered { .. }) {}
        let status = desk.trunk.status().registrations.remove(0);
        assert!(status.last_failure.is_some() && status.last_success > Some(first));
        desk.lifecycle.begin_stop();
        assert_eq!(desk.registration().await, RegistrationState::Ended);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told() {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let _provider = Provider::start(at, 9).await;
    let mut desk = desk_with(&account(at, "udp", "wrong"), "addresses = []").await;
    let RegistrationState::Failed { reason, .. } = desk.registration().await else { panic!("not failed") };
    assert_eq!(reason, "401 Unauthorized");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_through_a_provider_both_ways() {
    for transport in ["udp", "tcp"] {
        let far = sipp_called("answer_proxied", "u1").await;
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let _provider = Provider::start(at, far.port).await;
        let mut desk = desk_with(&account(at, transport, "right"), "addresses = []").await;
        assert!(matches!(desk.registration().await, RegistrationState::Registered { .. }));

        let call = desk.trunk.dial(Dial { through: "provider".into(), ..dial(None) }).unwrap();
        assert!(matches!(desk.next().await, TrunkEvent::Progress { code: 180, .. }));
        assert!(matches!(desk.next().await, TrunkEvent::Answered { .. }));
        desk.trunk.hang_up(call, HangUp::Normal).unwrap();
        desk.ended(call, EndCause::Ours).await;
        far.well().await;

        let far = sipp("call_proxied", at, &[]);
        let TrunkEvent::Incoming { call, dialled, peer, .. } = desk.next().await else { panic!("no call") };
        assert_eq!((dialled.as_str(), peer.as_str()), ("0501234567", "provider"));
        desk.trunk.answer(call, ANSWER.into()).unwrap();
        assert!(matches!(desk.next().await, TrunkEvent::Acknowledged { .. }));
        desk.ended(call, EndCause::Far).await;
        far.well().await;
        desk.stop().await;
    }
}
