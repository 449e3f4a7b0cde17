//! WebSockets as lean as they can be: what both sides of every comparison are held with.

use std::net::SocketAddr;

use axum::http::header;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Connections that are opened at the same time.
pub const AT_ONCE: usize = 50;

/// Bytes of a socket's reading buffer where nothing else is said: the program's own number for visitors.
pub const BUFFER: usize = madoguchi::chat::limits::SOCKET_BUFFER;

/// The settings of the bare sockets; only the reading buffer differs from those of the crate.
pub fn config(buffer: usize) -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(buffer).write_buffer_size(0)
}

/// The near end of a WebSocket.
pub struct Line(WebSocketStream<TcpStream>);

impl Line {
    /// Opens a socket; `cookie` says who it is when it is not empty.
    pub async fn open(address: SocketAddr, path: &str, cookie: &str) -> Self {
        let tcp = TcpStream::connect(address).await.expect("a connection");
        tcp.set_nodelay(true).expect("an option of the connection");
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        let origin = format!("http://{address}").parse().expect("an origin");
        request.headers_mut().insert(header::ORIGIN, origin);
        if !cookie.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookie.parse().expect("a cookie"));
        }
        let opened = tokio_tungstenite::client_async_with_config(request, tcp, Some(config(BUFFER))).await;
        Self(opened.expect("the socket opens").0)
    }

    pub async fn say(&mut self, text: impl Into<Utf8Bytes>) {
        self.0.send(Message::Text(text.into())).await.expect("the frame leaves");
    }

    /// The next text.
    pub async fn heard(&mut self) -> Utf8Bytes {
        self.try_heard().await.expect("a frame before the end")
    }

    /// The next text; `None` when the other side has closed.
    pub async fn try_heard(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Some(text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The first text that holds `mark`.
    pub async fn until(&mut self, mark: &str) -> Utf8Bytes {
        loop {
            let text = self.heard().await;
            if text.contains(mark) {
                return text;
            }
        }
    }
}
