//! Those who work while the program is killed. Each one's turn ends when the program is gone; what had no
//! answer then is said again, in the same words and under the same id, in the next turn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use axum::http::Method;
use futures_util::SinkExt as _;
use madoguchi::kernel::clock::Chance;
use madoguchi::kernel::ids::AccountId;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::program::Acks;
use crate::support::client::{Answer, Person, Socket};

/// Messages of one visitor in one turn; the program takes 20 a minute.
const SAID_MAX: usize = 15;
/// Answers of an agent before the conversation ends.
const ANSWERS: usize = 3;

/// A message that the program said it has.
#[derive(Debug)]
pub struct Promise {
    pub contact: String,
    pub seq: i64,
    pub body: String,
}

async fn say(socket: &mut Socket, frame: &Value) -> Option<()> {
    socket.stream.send(Message::text(frame.to_string())).await.ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// ── visitors ──────────────────────────────────────────────────────────────────────────────────────

/// Somebody who asks, and asks again when she was answered.
pub struct Visitor {
    n: usize,
    chats: usize,
    /// Token and contact of the conversation that goes on.
    chat: Option<(String, String)>,
    /// Id and text of the message that has no answer yet.
    unsaid: Option<(String, String)>,
    /// Contacts that were begun.
    pub begun: Vec<String>,
    pub said: Vec<Promise>,
}

impl Visitor {
    pub fn new(n: usize) -> Self {
        Self { n, chats: 0, chat: None, unsaid: None, begun: Vec::new(), said: Vec::new() }
    }

    /// Whether a conversation may have begun without the answer having arrived.
    pub fn begins(&self) -> bool {
        self.chat.is_none()
    }

    /// Contact and place, when she waits.
    pub async fn place(&self, address: SocketAddr) -> Option<(String, i64)> {
        let (token, contact) = self.chat.as_ref()?;
        let (_socket, welcome) = hello(address, token).await.expect("nobody kills it now");
        let standing = &welcome["standing"];
        (standing["state"] == "waiting")
            .then(|| (contact.clone(), standing["position"].as_i64().unwrap_or(-1)))
    }

    /// Writes until the program is gone.
    pub async fn visit(&mut self, address: SocketAddr, acks: &Acks) {
        while self.turn(address, acks).await.is_some() {}
    }

    async fn turn(&mut self, address: SocketAddr, acks: &Acks) -> Option<()> {
        if self.chat.is_none() {
            self.begin(address, acks).await?;
        }
        let (token, contact) = self.chat.clone()?;
        let (mut socket, welcome) = hello(address, &token).await?;
        let mut over = welcome["standing"]["state"] == "ended";
        for _ in 0..SAID_MAX {
            if over && self.unsaid.is_none() {
                self.chat = None;
                return Some(());
            }
            over |= self.speak(&mut socket, &contact, acks).await?;
        }
        // Enough for one turn: listen until it ends.
        while !over {
            over = is_over(&socket.read().await?);
        }
        self.chat = None;
        Some(())
    }

    /// Begins a conversation; asked again, it is the same one.
    pub async fn begin(&mut self, address: SocketAddr, acks: &Acks) -> Option<()> {
        let body = json!({
            "client_id": format!("visitor-{:04}-chat-{:06}", self.n, self.chats), "desk": "workers",
            "language": "ja", "inquirer": "worker", "consent": true,
        });
        let person = Person::new(address);
        let mut request = person.request(&Method::POST, "/api/v1/chat", Some(&body));
        let own = format!("203.0.113.{}", self.n + 1);
        request.headers_mut().insert("x-forwarded-for", own.parse().expect("an address"));
        let begun = person.try_send(request).await?.ok();
        self.chats += 1;
        self.begun.push(text(&begun["contact"]));
        self.chat = Some((text(&begun["token"]), text(&begun["contact"])));
        acks.add();
        Some(())
    }

    /// Sends a message and waits for its acknowledgement; tells whether the conversation is over.
    async fn speak(&mut self, socket: &mut Socket, contact: &str, acks: &Acks) -> Option<bool> {
        let count = self.said.len();
        let (id, body) = self
            .unsaid
            .get_or_insert_with(|| (format!("m{count}"), format!("訪問者{} 発言{count}", self.n)))
            .clone();
        say(socket, &json!({ "type": "send", "client_id": id, "body": body })).await?;
        let mut over = false;
        loop {
            let frame = socket.read().await?;
            over |= is_over(&frame);
            assert!(frame["type"] != "refused", "{frame}");
            if frame["type"] == "ack" && frame["client_id"] == json!(id) {
                let seq = frame["seq"].as_i64().expect("a number");
                self.said.push(Promise { contact: contact.to_owned(), seq, body });
                self.unsaid = None;
                acks.add();
                return Some(over);
            }
        }
    }
}

fn is_over(frame: &Value) -> bool {
    frame["type"] == "state" && frame["state"] == "ended"
}

/// Opens a visitor's socket; `None` when the program is gone.
async fn hello(address: SocketAddr, token: &str) -> Option<(Socket, Value)> {
    let mut socket = Person::new(address).open_socket("/ws/visitor").await.ok()?;
    say(&mut socket, &json!({ "type": "hello", "token": token })).await?;
    let welcome = socket.read().await?;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    Some((socket, welcome))
}

// ── agents ────────────────────────────────────────────────────────────────────────────────────────

/// What an agent waits to hear about.
enum Asked {
    Accept(String),
    Say { contact: String, body: String },
    End(String),
    Other,
}

/// Takes what rings, answers a few times, ends.
pub struct Agent {
    id: String,
    pub session: (String, String),
    count: usize,
    /// Conversations that were accepted and that nobody has begun to end.
    pub talks: BTreeSet<String>,
    /// Answers in each conversation so far.
    answers: BTreeMap<String, usize>,
    /// Id and text of the answer that has no acknowledgement yet.
    unsaid: BTreeMap<String, (String, String)>,
    pub said: Vec<Promise>,
}

impl Agent {
    pub fn new(id: AccountId) -> Self {
        Self {
            id: id.to_string(),
            session: (String::new(), String::new()),
            count: 0,
            talks: BTreeSet::new(),
            answers: BTreeMap::new(),
            unsaid: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// Works until the program is gone.
    pub async fn work(&mut self, address: SocketAddr, acks: &Acks) {
        let _gone = self.shift(address, acks).await;
    }

    async fn shift(&mut self, address: SocketAddr, acks: &Acks) -> Option<()> {
        let mut socket = self.person(address).open_socket("/ws/agent").await.ok()?;
        say(&mut socket, &json!({ "type": "hello" })).await?;
        let welcome = socket.read().await?;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let mut asked = BTreeMap::new();
        let mine = self.check_return(&welcome["board"]["contacts"]);
        self.command(
            &mut socket,
            &mut asked,
            Asked::Other,
            json!({ "type": "set_state", "state": "available" }),
        )
        .await?;
        for (contact, state) in mine {
            if state == "wrap_up" {
                self.wrap_up(&mut socket, &mut asked, &contact).await?;
            } else {
                self.answer(&mut socket, &mut asked, &contact).await?;
            }
        }
        loop {
            let frame = socket.read().await?;
            match frame["type"].as_str() {
                Some("event") => self.hear(&mut socket, &mut asked, &frame).await?,
                Some("done" | "refused") => self.heard(&mut socket, &mut asked, &frame, acks).await?,
                Some("message") => self.note(&frame["message"]),
                _ => {}
            }
        }
    }

    fn person(&self, address: SocketAddr) -> Person {
        let mut person = Person::new(address);
        (person.cookie, person.csrf) = self.session.clone();
        person
    }

    /// Every accepted conversation is still this agent's; gives contact and state of all that are.
    fn check_return(&self, contacts: &Value) -> Vec<(String, String)> {
        let all: Vec<Value> = contacts.as_array().cloned().unwrap_or_default();
        for contact in &self.talks {
            let row = all.iter().find(|row| row["id"] == json!(contact)).expect("it is on the board");
            assert_eq!((&row["agent"], &row["state"]), (&json!(self.id), &json!("active")), "{row}");
        }
        let mine = all.iter().filter(|row| row["agent"] == json!(self.id));
        mine.map(|row| (text(&row["id"]), text(&row["state"]))).collect()
    }

    async fn command(
        &mut self,
        socket: &mut Socket,
        asked: &mut BTreeMap<String, Asked>,
        what: Asked,
        mut frame: Value,
    ) -> Option<()> {
        self.count += 1;
        let cmd = format!("c{}", self.count);
        frame["cmd"] = json!(cmd);
        asked.insert(cmd, what);
        say(socket, &frame).await
    }

    async fn hear(
        &mut self,
        socket: &mut Socket,
        asked: &mut BTreeMap<String, Asked>,
        frame: &Value,
    ) -> Option<()> {
        let event = &frame["event"];
        if event["type"] == "offer_made" && event["agent"] == json!(self.id) {
            let accept = json!({ "type": "accept", "offer": event["offer"] });
            return self.command(socket, asked, Asked::Accept(text(&frame["contact"])), accept).await;
        }
        Some(())
    }

    async fn heard(
        &mut self,
        socket: &mut Socket,
        asked: &mut BTreeMap<String, Asked>,
        frame: &Value,
        acks: &Acks,
    ) -> Option<()> {
        let done = frame["type"] == "done";
        match asked.remove(frame["cmd"].as_str().unwrap_or_default()) {
            Some(Asked::Accept(contact)) if done => {
                self.talks.insert(contact.clone());
                acks.add();
                self.answer(socket, asked, &contact).await
            }
            Some(Asked::Say { contact, body }) => {
                assert!(done, "{body}: {frame}");
                self.unsaid.remove(&contact);
                *self.answers.entry(contact.clone()).or_default() += 1;
                self.said.push(Promise { contact: contact.clone(), seq: 0, body });
                acks.add();
                self.answer(socket, asked, &contact).await
            }
            Some(Asked::End(contact)) if done => {
                acks.add();
                self.wrap_up(socket, asked, &contact).await
            }
            _ => Some(()),
        }
    }

    /// The next answer, or the end after [`ANSWERS`].
    async fn answer(
        &mut self,
        socket: &mut Socket,
        asked: &mut BTreeMap<String, Asked>,
        contact: &str,
    ) -> Option<()> {
        if self.answers.get(contact).copied().unwrap_or_default() >= ANSWERS {
            self.talks.remove(contact);
            let end = json!({ "type": "end", "contact": contact });
            return self.command(socket, asked, Asked::End(contact.to_owned()), end).await;
        }
        self.count += 1;
        let new = (format!("a{}", self.count), format!("対応者{} 回答{}", self.id, self.count));
        let (id, body) = self.unsaid.entry(contact.to_owned()).or_insert(new).clone();
        let send = json!({ "type": "send", "contact": contact, "client_id": id, "body": body });
        let what = Asked::Say { contact: contact.to_owned(), body };
        self.command(socket, asked, what, send).await
    }

    async fn wrap_up(
        &mut self,
        socket: &mut Socket,
        asked: &mut BTreeMap<String, Asked>,
        contact: &str,
    ) -> Option<()> {
        let done = json!({ "type": "wrap_up_done", "contact": contact });
        self.command(socket, asked, Asked::Other, done).await
    }

    /// The number of a promised message, when it is told.
    fn note(&mut self, message: &Value) {
        let body = text(&message["body"]);
        if let Some(promise) = self.said.iter_mut().find(|promise| promise.body == body) {
            promise.seq = message["seq"].as_i64().unwrap_or_default();
        }
    }
}

// ── the record ────────────────────────────────────────────────────────────────────────────────────

/// Writes into tickets all the time.
#[derive(Default)]
pub struct Clerk {
    pub session: (String, String),
    count: usize,
    /// Ticket, version and text of the change that has no answer yet.
    pub sent: Option<(String, i64, String)>,
    /// Version and text of each ticket as acknowledged last.
    pub kept: BTreeMap<String, (i64, String)>,
}

impl Clerk {
    /// Writes until the program is gone.
    pub async fn write(&mut self, address: SocketAddr, acks: &Acks, chance: &Chance) {
        let mut person = Person::new(address);
        (person.cookie, person.csrf) = self.session.clone();
        while self.turn(&person, acks, chance).await.is_some() {}
    }

    /// `None` also when there is no ticket yet: the next turn will find one.
    async fn turn(&mut self, person: &Person, acks: &Acks, chance: &Chance) -> Option<()> {
        if self.sent.is_none() {
            let list = get(person, "/api/v1/tickets?limit=10").await?.ok();
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let n = usize::try_from(chance.below(items.len() as u64)).unwrap_or_default();
            let row = items.get(n)?;
            let version = row["version"].as_i64().expect("a version");
            self.check(row, version);
            self.count += 1;
            self.sent = Some((text(&row["id"]), version, format!("要旨{}", self.count)));
        }
        let (ticket, version, summary) = self.sent.clone()?;
        let patch = json!({ "version": version, "editor": "clerk", "summary": summary });
        let path = format!("/api/v1/tickets/{ticket}");
        let changed = person.try_send(person.request(&Method::PATCH, &path, Some(&patch))).await?.ok();
        assert_eq!(changed["summary"], json!(summary));
        assert_eq!(changed["version"], json!(version + 1), "one change, sent once or twice, is one version");
        self.kept.insert(ticket, (version + 1, summary));
        self.sent = None;
        acks.add();
        Some(())
    }

    /// The list shows what was acknowledged.
    fn check(&self, row: &Value, version: i64) {
        if let Some((kept, summary)) = self.kept.get(row["id"].as_str().unwrap_or_default()) {
            assert_eq!((version, &row["summary"]), (*kept, &json!(summary)));
        }
    }
}

async fn get(person: &Person, path: &str) -> Option<Answer> {
    person.try_send(person.request(&Method::GET, path, None)).await
}
