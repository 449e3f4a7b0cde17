//! A browser reduced to its protocols: HTTP with a cookie and a CSRF token, WebSockets with an origin.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::server::PATIENCE;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The code of the problem; empty when there is none.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body, after proving that the answer is 2xx.
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }
}

/// Somebody at a browser.
#[derive(Clone)]
pub struct Person {
    pub address: SocketAddr,
    /// The value of the request's `Cookie` header; empty before signing in.
    pub cookie: String,
    pub csrf: String,
    /// Answers of the interface are worded in it.
    pub language: String,
    /// The secret of the second factor, in base 32, once enrolled.
    pub totp: Option<String>,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Person {
    /// Somebody without a session.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookie: String::new(),
            csrf: String::new(),
            language: "en".to_owned(),
            totp: None,
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The origin of the pages this person has open.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A request as the console would send it; `body` is JSON when given. Alter it, then [`Self::send`] it.
    pub fn request(&self, method: &Method, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin()))
            .header(header::ACCEPT_LANGUAGE, &self.language);
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if method != Method::GET {
            request = request.header(header::ORIGIN, self.origin()).header("x-csrf-token", &self.csrf);
        }
        let bytes = match body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        request.body(Full::new(bytes)).expect("a request")
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// The answer; `None` when the other side is gone before it is whole.
    pub async fn try_send(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let whole = async {
            let (parts, body) = self.http.request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(PATIENCE, whole).await.expect("an answer in time")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(&Method::GET, path, None)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(&Method::POST, path, Some(body))).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(&Method::PUT, path, Some(body))).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(&Method::PATCH, path, Some(body))).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(&Method::DELETE, path, None)).await
    }

    /// Signs in and goes through every further step; the person holds the finished session afterwards.
    pub async fn sign_in(&mut self, login: &str, password: &str) {
        let answer = self.post("/api/v1/session", &json!({ "login": login, "password": password })).await;
        let mut next = self.take_step(&answer);
        while next != "done" {
            next = match next.as_str() {
                "enrol_totp" => self.enrol().await,
                "totp" => self.say_code().await,
                other => panic!("a step that stories do not know: {other}"),
            };
        }
    }

    /// Keeps what a step of the sign-in handed out and tells what comes next.
    pub fn take_step(&mut self, answer: &Answer) -> String {
        let body = answer.ok();
        if let Some(cookie) = answer.headers.get(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("a plain cookie");
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        if let Some(csrf) = body["csrf"].as_str() {
            csrf.clone_into(&mut self.csrf);
        }
        body["next"].as_str().expect("the next step").to_owned()
    }

    async fn enrol(&mut self) -> String {
        let enrolment = self.post("/api/v1/session/enrol", &json!({})).await.ok();
        self.totp = Some(enrolment["secret"].as_str().expect("a secret").to_owned());
        let code = self.totp_code();
        let answer = self.post("/api/v1/session/enrol/confirm", &json!({ "code": code })).await;
        self.take_step(&answer)
    }

    async fn say_code(&mut self) -> String {
        let code = self.totp_code();
        let answer = self.post("/api/v1/session/totp", &json!({ "code": code })).await;
        self.take_step(&answer)
    }

    /// The code that an authenticator shows now.
    pub fn totp_code(&self) -> String {
        let secret = self.totp.as_deref().expect("an enrolled second factor");
        totp(secret, madoguchi::kernel::clock::Clock::system().now().0 / 30_000)
    }

    /// Opens the agents' socket and says hello; the answer is the first frame.
    pub async fn socket(&self, since_seq: Option<i64>) -> (Socket, Value) {
        let mut socket = self.open_socket("/ws/agent").await.expect("the socket opens");
        let hello = since_seq
            .map_or_else(|| json!({ "type": "hello" }), |seq| json!({ "type": "hello", "since_seq": seq }));
        socket.say(&hello).await;
        let first = socket.next().await;
        (socket, first)
    }

    /// Opens a socket without a word, with this person's cookie and origin.
    pub async fn open_socket(&self, path: &str) -> Result<Socket, tungstenite::Error> {
        self.open_socket_from(path, &self.origin()).await
    }

    /// Opens a socket as a page of `origin` would.
    pub async fn open_socket_from(&self, path: &str, origin: &str) -> Result<Socket, tungstenite::Error> {
        let line = TcpStream::connect(self.address).await?;
        let mut request = format!("ws://{}{path}", self.address).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert(header::ORIGIN, origin.parse().expect("an origin"));
        if !self.cookie.is_empty() {
            headers.insert(header::COOKIE, self.cookie.parse().expect("a cookie"));
        }
        let (stream, _) = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(line)).await?;
        Ok(Socket { stream, commands: 0, passed: Vec::new() })
    }
}

/// RFC 6238 with HMAC-SHA-1, six digits.
pub fn totp(base32: &str, step: i64) -> String {
    let mut bits = 0_u64;
    let (mut filled, mut key) = (0, Vec::new());
    for symbol in base32.bytes().filter(|b| *b != b'=' && *b != b' ') {
        let value = match symbol.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit => digit - b'2' + 26,
        };
        bits = (bits << 5) | u64::from(value);
        filled += 5;
        if filled >= 8 {
            filled -= 8;
            key.push(((bits >> filled) & 0xFF) as u8);
        }
    }
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).expect("a key");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes([digest[at] & 0x7F, digest[at + 1], digest[at + 2], digest[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// The other end of a WebSocket that speaks JSON.
pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    commands: u32,
    /// Frames that were read while waiting for others, oldest first.
    passed: Vec<Value>,
}

impl Socket {
    pub async fn say(&mut self, frame: &Value) {
        self.say_raw(Message::text(frame.to_string())).await;
    }

    pub async fn say_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("the frame leaves");
    }

    /// The next frame from the network; `None` when the other side has closed.
    pub async fn read(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match frame {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("frames are JSON"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame, those that were passed over first.
    pub async fn next(&mut self) -> Value {
        if self.passed.is_empty() {
            self.read().await.expect("a frame before the end")
        } else {
            self.passed.remove(0)
        }
    }

    /// The first frame that `wanted` accepts; those before it are kept for later.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        if let Some(at) = self.passed.iter().position(&mut wanted) {
            return self.passed.remove(at);
        }
        loop {
            match self.read().await {
                Some(frame) if wanted(&frame) => return frame,
                Some(frame) => self.passed.push(frame),
                None => panic!("the other side closed; passed over: {:?}", self.passed),
            }
        }
    }

    /// The first frame of this type.
    pub async fn frame(&mut self, kind: &str) -> Value {
        self.until(|f| f["type"] == kind).await
    }

    /// The first event of this kind.
    pub async fn event(&mut self, kind: &str) -> Value {
        self.until(|f| f["type"] == "event" && f["event"]["type"] == kind).await
    }

    /// Says a command with an id of its own and gives its `done` or `refused`.
    pub async fn command(&mut self, command: &Value) -> Value {
        self.commands += 1;
        let cmd = format!("t{}", self.commands);
        let mut frame = command.clone();
        frame["cmd"] = json!(cmd);
        self.say(&frame).await;
        self.until(|f| f["cmd"] == json!(cmd)).await
    }

    /// A command that must succeed.
    pub async fn done(&mut self, command: &Value) {
        let answer = self.command(command).await;
        assert_eq!(answer["type"], "done", "{command}: {answer}");
    }

    /// A command that must be refused; gives the code.
    pub async fn refused(&mut self, command: &Value) -> String {
        let answer = self.command(command).await;
        assert_eq!(answer["type"], "refused", "{command}: {answer}");
        answer["problem"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Reads until the other side closes; gives everything that came, also what was passed over.
    pub async fn drain(mut self) -> Vec<Value> {
        while let Some(frame) = self.read().await {
            self.passed.push(frame);
        }
        self.passed
    }

    /// What was passed over so far.
    pub fn passed(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.passed)
    }

    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}
