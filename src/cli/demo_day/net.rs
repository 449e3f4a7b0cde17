//! A page's side of HTTP and WebSockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Server {
    host: String,
}

/// Somebody at a browser.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    server: Server,
    /// The address to come from.
    from: Option<IpAddr>,
    pub headers: HeaderMap,
}

impl Server {
    /// The server at an address like `http://127.0.0.1:8080`.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("not an address: {url}"))?;
        if uri.scheme_str() != Some("http") {
            bail!("the day is played over plain HTTP: use an address that begins with http://");
        }
        let authority = uri.authority().with_context(|| format!("no host in {url}"))?;
        let host = if authority.port().is_some() { authority.to_string() } else { format!("{authority}:80") };
        Ok(Self { host })
    }

    /// The browser of visitor number `n`. On this machine every visitor has an address of their own, as
    /// on the street: limits for one address are not in their way.
    pub fn visitor(&self, n: u32) -> Browser {
        let [.., a, b] = (n % 60_000).to_be_bytes();
        let own = IpAddr::V4(Ipv4Addr::new(127, 1, a, b.max(1)));
        let local = self.host.starts_with("127.") || self.host.starts_with("localhost:");
        self.browser(local.then_some(own))
    }

    /// A browser at the desk's own place.
    pub fn browser(&self, from: Option<IpAddr>) -> Browser {
        let mut headers = HeaderMap::new();
        if let Ok(origin) = HeaderValue::from_str(&format!("http://{}", self.host)) {
            headers.insert(header::ORIGIN, origin);
        }
        Browser { server: self.clone(), from, headers }
    }
}

/// An answer: its headers, and its body as JSON.
pub(super) struct Answer {
    pub headers: HeaderMap,
    pub body: Value,
}

impl Browser {
    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let mut found = tokio::net::lookup_host(&self.server.host).await?;
        let to =
            found.find(SocketAddr::is_ipv4).with_context(|| format!("no such host: {}", self.server.host))?;
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        Ok(socket.connect(to).await?)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.ask(&Method::GET, path, None).await?.body)
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.ask(&Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let line = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.server.host)
            .body(Full::new(body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()))))?;
        request.headers_mut().extend(self.headers.clone());
        if body.is_some() {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answer = tokio::time::timeout(ANSWER_WAIT, async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            anyhow::Ok((parts, body.collect().await?.to_bytes()))
        });
        let (parts, bytes) = answer.await.context("no answer in time")??;
        line.abort();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !parts.status.is_success() {
            bail!("{} {}", parts.status, body["code"].as_str().unwrap_or_default());
        }
        Ok(Answer { headers: parts.headers, body })
    }

    /// Opens a socket.
    pub async fn socket(&self, path: &str) -> anyhow::Result<Line> {
        let mut request = format!("ws://{}{path}", self.server.host).into_client_request()?;
        request.headers_mut().extend(self.headers.clone());
        let (stream, _) = tokio_tungstenite::client_async(request, self.connect().await?).await?;
        Ok(Line(stream))
    }
}

/// An open socket that speaks JSON.
pub(super) struct Line(WebSocketStream<TcpStream>);

impl Line {
    pub async fn say(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame; `None` when the other side has closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood_or_refused() {
        assert_eq!(Server::at("http://desk.example.jp").unwrap().host, "desk.example.jp:80");
        assert!(Server::at("https://desk.example.jp").is_err());
        assert!(Server::at("nonsense").is_err());
        let here = Server::at("http://127.0.0.1:8080").unwrap();
        assert_ne!(here.visitor(1).from, here.visitor(2).from);
        assert_eq!(Server::at("http://desk.example.jp").unwrap().visitor(1).from, None);
    }
}
