//! A trunk, and sipp at the other end.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::lifecycle::Lifecycle;
use madoguchi::phone::trunk::{
    CallId, Caller, Dial, EndCause, HangUp, Transport, Trunk, TrunkError, TrunkEvent,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub const ANSWER: &str = "v=0\r\no=desk 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

pub fn sdp(version: u32) -> String {
    ANSWER.replace("o=desk 1 1", &format!("o=desk 1 {version}"))
}

/// A port that is free for UDP and TCP, below those that the system gives out by itself, and given out once.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub struct Desk {
    pub trunk: Trunk,
    pub events: mpsc::Receiver<TrunkEvent>,
    pub lifecycle: Lifecycle,
    pub at: SocketAddr,
}

/// A trunk that listens on one free port and knows the peer `carrier`; `more` is configuration of the test.
pub async fn desk(more: &str) -> Desk {
    desk_with(more, "addresses = ['127.0.0.1']").await
}

pub async fn desk_with(more: &str, peer: &str) -> Desk {
    let text = format!(
        "udp = ['127.0.0.1:0']\ntcp = ['127.0.0.1:0']\nt1_ms = 50\n{more}\n\
         [[peers]]\nname = 'carrier'\n{peer}\n"
    );
    let lifecycle = Lifecycle::default();
    let config = toml::from_str(&text).unwrap();
    let (trunk, events) =
        Trunk::start(config, Clock::system(), Chance::seeded(1), lifecycle.clone()).await.unwrap();
    let at = at(&trunk, Transport::Udp);
    Desk { trunk, events, lifecycle, at }
}

pub fn at(trunk: &Trunk, over: Transport) -> SocketAddr {
    trunk.addresses().into_iter().find(|(t, _)| *t == over).unwrap().1
}

impl Desk {
    pub async fn next(&mut self) -> TrunkEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .expect("no event came")
            .expect("events go on")
    }

    pub async fn incoming(&mut self) -> (CallId, Caller, String, Option<String>) {
        match self.next().await {
            TrunkEvent::Incoming { call, caller, dialled, peer, offer } => {
                assert_eq!(peer, "carrier");
                (call, caller, dialled, offer)
            }
            other => panic!("not a call: {other:?}"),
        }
    }

    /// Takes a call up to its confirmation.
    pub async fn up(&mut self) -> CallId {
        let (call, ..) = self.incoming().await;
        self.trunk.ring(call, None).unwrap();
        self.trunk.answer(call, ANSWER.into()).unwrap();
        assert_eq!(self.next().await, TrunkEvent::Acknowledged { call, answer: None });
        call
    }

    pub async fn ended(&mut self, call: CallId, cause: EndCause) {
        assert_eq!(self.next().await, TrunkEvent::Ended { call, cause });
        assert!(matches!(self.trunk.hang_up(call, HangUp::Normal), Err(TrunkError::NoSuchCall)));
    }

    pub async fn stop(self) {
        tokio::time::timeout(PATIENCE, self.lifecycle.stop()).await.expect("the trunk stops");
        assert_eq!(self.trunk.status().calls, 0, "no call is left in the counts");
        assert!(self.trunk.addresses().is_empty());
        // The port is free again.
        drop(UdpSocket::bind(self.at).unwrap());
    }
}

pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(format!("{name}.xml"))
}

/// A running sipp; its word is its exit code.
pub struct Sipp {
    pub child: Child,
    pub name: String,
    pub port: u16,
    pub dir: tempfile::TempDir,
    /// Held open, so that sipp can go on writing into it.
    figures: Option<pipe::Receiver>,
}

/// sipp as the calling side, with what else it is to be told.
pub fn sipp(name: &str, target: SocketAddr, more: &[&str]) -> Sipp {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Command::new("sipp")
        .args(["-sf", scenario(name).to_str().unwrap(), "-i", "127.0.0.1", "-p", &port.to_string()])
        .args(["-m", "1", "-nostdin", "-timeout", "35", "-timeout_error", "-trace_err", "-trace_msg"])
        .args(["-s", "0501234567", "-d", "300"])
        .args(more)
        .arg(target.to_string())
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp is installed (apt-get install sip-tester)");
    Sipp { child, name: name.to_owned(), port, dir, figures: None }
}

/// sipp as the called side, over UDP (`u1`) or TCP (`t1`); it listens when this returns.
pub async fn sipp_called(name: &str, mode: &str) -> Sipp {
    // Its figures go into a pipe: the first line of them comes once the listener is open.
    let pipes = tempfile::tempdir().unwrap();
    let path = pipes.path().join("figures");
    let mode_bits = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode_bits, 0).unwrap();
    // Open for both, so that it does not read as ended before sipp has opened it.
    let mut figures = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut far = sipp(name, nowhere, &["-t", mode, "-trace_stat", "-stf", path.to_str().unwrap()]);
    tokio::time::timeout(PATIENCE, figures.read_u8()).await.expect("sipp listens").unwrap();
    far.figures = Some(figures);
    far
}

impl Drop for Sipp {
    /// What sipp saw, when the test has failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for file in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
                eprintln!("{}:\n{}", self.name, std::fs::read_to_string(file.path()).unwrap_or_default());
            }
        }
    }
}

impl Sipp {
    pub async fn well(mut self) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("sipp ends").unwrap();
        assert!(status.success(), "scenario {} failed ({status})", self.name);
    }
}

pub fn dial(shown: Option<&str>) -> Dial {
    Dial {
        through: "carrier".into(),
        number: "03-1111-2222".into(),
        shown: shown.map(str::to_owned),
        sdp: ANSWER.into(),
    }
}

pub fn options(socket: &tokio::net::UdpSocket, n: u32) -> String {
    let here = socket.local_addr().unwrap();
    format!(
        "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKo{n};rport\r\n\
         From: <sip:a@{here}>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: options{n}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

pub fn invite(here: SocketAddr, n: u64) -> String {
    format!(
        "INVITE sip:050@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKi{n};rport\r\n\
         From: \"A, b\" <sip:a%41;x=y@{here}>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: invite{n}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@{here}>\r\nSupported: timer\r\nSession-Expires: 1800\r\n\
         Record-Route: <sip:1.2.3.4;lr>, <sip:b.invalid;lr>\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    )
}
