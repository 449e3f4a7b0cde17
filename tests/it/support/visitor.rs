//! A visitor's page reduced to its protocol: requests with a token, the socket, the stream.

use std::net::SocketAddr;

use axum::http::{Method, Request, header};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Answer, Person, Socket};
use super::server::PATIENCE;

/// Somebody on a page, from an address of her own.
#[derive(Clone)]
pub struct Visitor {
    pub person: Person,
    /// The program must trust 127.0.0.1 as a proxy to believe it.
    pub address: String,
    pub token: String,
    pub contact: String,
}

impl Visitor {
    /// A visitor who has not begun.
    pub fn new(server: SocketAddr, address: &str) -> Self {
        Self {
            person: Person::new(server),
            address: address.to_owned(),
            token: String::new(),
            contact: String::new(),
        }
    }

    /// What the page sends to begin, with what `change` says otherwise.
    pub fn wish(client_id: &str, change: &Value) -> Value {
        let mut wish = json!({
            "client_id": client_id, "desk": "workers", "language": "vi", "inquirer": "worker",
            "consent": true,
        });
        for (key, value) in change.as_object().into_iter().flatten() {
            wish[key] = value.clone();
        }
        wish
    }

    /// Begins to wait and keeps the token.
    pub async fn begin(&mut self, client_id: &str, change: &Value) -> Value {
        let begun = self.post("/api/v1/chat", &Self::wish(client_id, change)).await.ok();
        self.keep(&begun);
        begun
    }

    /// Keeps what an answer says about the conversation.
    pub fn keep(&mut self, begun: &Value) {
        begun["token"].as_str().expect("a token").clone_into(&mut self.token);
        begun["contact"].as_str().expect("a contact").clone_into(&mut self.contact);
    }

    fn request(&self, method: &Method, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
        let mut request = self.person.request(method, path, body);
        let headers = request.headers_mut();
        headers.insert("x-forwarded-for", self.address.parse().expect("an address"));
        if !self.token.is_empty() {
            let bearer = format!("Bearer {}", self.token);
            headers.insert(header::AUTHORIZATION, bearer.parse().expect("a token"));
        }
        request
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.person.send(self.request(&Method::GET, path, None)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.person.send(self.request(&Method::POST, path, Some(body))).await
    }

    /// Sends a message over HTTP.
    pub async fn say(&self, client_id: &str, body: &str) -> Answer {
        self.post("/api/v1/chat/send", &json!({ "client_id": client_id, "body": body })).await
    }

    /// Opens the socket and says hello; the answer is the first frame.
    pub async fn socket(&self, after: i64) -> (Socket, Value) {
        let mut socket = self.person.open_socket("/ws/visitor").await.expect("the socket opens");
        socket.say(&json!({ "type": "hello", "token": self.token, "after": after })).await;
        let first = socket.next().await;
        (socket, first)
    }

    /// Opens the stream.
    pub async fn stream(&self, after: i64) -> Stream {
        let key = self.post("/api/v1/chat/ticket", &json!({})).await.ok();
        let path = format!("/api/v1/chat/stream?key={}&after={after}", key["key"].as_str().expect("a key"));
        let mut tcp = TcpStream::connect(self.person.address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.person.address);
        tcp.write_all(request.as_bytes()).await.expect("the request leaves");
        Stream { tcp, text: String::new(), raw: Vec::new() }
    }
}

/// Server-sent events as they come in.
pub struct Stream {
    tcp: TcpStream,
    text: String,
    raw: Vec<u8>,
}

impl Stream {
    /// The next event of this type; those before it are dropped.
    pub async fn frame(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return serde_json::from_str(data).expect("events are JSON");
                }
                continue;
            }
            let mut piece = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.tcp.read(&mut piece)).await.expect("in time");
            let count = read.expect("the connection holds");
            assert!(count > 0, "the stream ended; left over: {}", self.text);
            self.raw.extend_from_slice(&piece[..count]);
            let whole = std::str::from_utf8(&self.raw).map_or_else(|e| e.valid_up_to(), str::len);
            let rest = self.raw.split_off(whole);
            self.text.push_str(std::str::from_utf8(&self.raw).expect("valid up to here"));
            self.raw = rest;
        }
    }
}
