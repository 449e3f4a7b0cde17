//! The bare server that the program is compared with: tokio-tungstenite and nothing else. It sends back what
//! it hears; what begins with [`ALL`] goes to everybody.

use std::net::SocketAddr;
use std::process::Stdio;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::net;

/// The first letters of a text for everybody.
pub const ALL: &str = "all:";

/// The first argument that makes this binary the bare server.
pub const ARGUMENT: &str = "bare-server";

/// Texts kept for a slow socket.
const KEPT: usize = 4096;

/// Serves in this process until it ends.
pub async fn start(buffer: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(accept(listener, buffer));
    address
}

/// Serves as a process of its own, which says its address first.
pub async fn be(buffer: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    accept(listener, buffer).await;
}

async fn accept(listener: TcpListener, buffer: usize) {
    let everybody = broadcast::Sender::new(KEPT);
    while let Ok((tcp, _)) = listener.accept().await {
        tokio::spawn(serve(tcp, buffer, everybody.clone()));
    }
}

async fn serve(tcp: TcpStream, buffer: usize, everybody: broadcast::Sender<Utf8Bytes>) {
    tcp.set_nodelay(true).expect("an option of the connection");
    let mut heard_by_all = everybody.subscribe();
    let opened = tokio_tungstenite::accept_async_with_config(tcp, Some(net::config(buffer))).await;
    let Ok(mut socket) = opened else { return };
    loop {
        let text = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) if text.starts_with(ALL) => {
                    let _ = everybody.send(text);
                    continue;
                }
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            Ok(text) = heard_by_all.recv() => text,
        };
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
}

/// This binary once more, as the bare server.
pub struct Process {
    pub address: SocketAddr,
    child: Child,
}

impl Process {
    pub async fn start(buffer: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args([ARGUMENT, &buffer.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the bare server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next_line().await.expect("a line").expect("its address");
        Self { address: line.parse().expect("an address"), child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }
}
