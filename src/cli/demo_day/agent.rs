//! One agent of the demo: takes what is offered, answers with prepared words, finishes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Stage;
use super::net::{Browser, Line};

/// Pause before a lost connection is opened again.
const PAUSE: Duration = Duration::from_secs(3);

/// Commands that may wait for their moment; a further one is dropped.
const LATER_MAX: usize = 256;

/// Plays one agent until the day ends.
pub(super) async fn play(stage: Arc<Stage>, login: String, password: String) {
    loop {
        if let Err(error) = work(&stage, &login, &password).await {
            tracing::warn!(error = %error, "an agent of the demo could not work");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn sign_in(stage: &Stage, login: &str, password: &str) -> anyhow::Result<Browser> {
    let mut browser = stage.server.browser(None);
    let answer = browser.post("/api/v1/session", &json!({ "login": login, "password": password })).await?;
    anyhow::ensure!(answer.body["next"] == "done", "the sign-in of this account has further steps");
    if let Some(cookie) = answer.headers.get(header::SET_COOKIE).and_then(|c| c.to_str().ok()) {
        let pair = cookie.split(';').next().unwrap_or_default();
        browser.headers.insert(header::COOKIE, HeaderValue::from_str(pair)?);
    }
    Ok(browser)
}

async fn work(stage: &Arc<Stage>, login: &str, password: &str) -> anyhow::Result<()> {
    let browser = sign_in(stage, login, password).await?;
    let mut line = browser.socket("/ws/agent").await?;
    line.say(&json!({ "type": "hello" })).await?;
    let (later, mut due) = mpsc::channel(LATER_MAX);
    let mut shift = Shift { stage: Arc::clone(stage), me: Value::Null, later, talks: BTreeMap::new() };
    loop {
        tokio::select! {
            frame = line.next() => {
                let Some(frame) = frame else { anyhow::bail!("the line broke") };
                shift.hear(&mut line, &frame).await?;
            }
            step = due.recv() => {
                let Some(step) = step else { return Ok(()) };
                if shift.still_wanted(&step) {
                    line.say(&step.command).await?;
                }
            }
        }
    }
}

/// What an agent will do when a human time has passed.
struct Step {
    command: Value,
    /// Only while the visitor has said nothing since: the conversation, and how often she was answered.
    silent: Option<(String, usize)>,
}

/// A conversation: the language of its visitor, and how often she was answered.
struct Talk {
    language: String,
    answers: usize,
}

struct Shift {
    stage: Arc<Stage>,
    me: Value,
    later: mpsc::Sender<Step>,
    talks: BTreeMap<String, Talk>,
}

impl Shift {
    /// Says `command` after a human time.
    fn later(&self, from: u64, to: u64, command: Value) {
        self.step_later(from, to, Step { command, silent: None });
    }

    /// Ends a conversation whose visitor has said nothing more: she is gone.
    fn end_if_silent(&self, contact: &Value) {
        let id = contact.as_str().unwrap_or_default().to_owned();
        let Some(talk) = self.talks.get(&id) else { return };
        let silent = Some((id, talk.answers));
        self.step_later(60, 90, Step { command: json!({ "type": "end", "contact": contact }), silent });
    }

    fn still_wanted(&self, step: &Step) -> bool {
        let Some((contact, answers)) = &step.silent else { return true };
        self.talks.get(contact).is_some_and(|talk| talk.answers == *answers)
    }

    fn step_later(&self, from: u64, to: u64, command: Step) {
        let (later, pause) = (self.later.clone(), self.stage.between(from, to));
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // The shift may be over by then.
            let _ = later.try_send(command);
        });
    }

    async fn hear(&mut self, line: &mut Line, frame: &Value) -> anyhow::Result<()> {
        match frame["type"].as_str().unwrap_or_default() {
            "welcome" => {
                self.me = frame["me"]["agent"].clone();
                line.say(&json!({ "type": "set_state", "state": "available" })).await?;
                self.take_over(line, &frame["board"]["contacts"]).await?;
            }
            "offer_detail" => {
                let answer = if self.stage.one_in(15) { "decline" } else { "accept" };
                self.later(2, 6, json!({ "type": answer, "offer": frame["offer"] }));
            }
            "event" => self.follow(line, frame).await?,
            "opened" => self.open(frame),
            "message" if frame["message"]["sender"] == "visitor" => self.answer(&frame["message"]),
            _ => {}
        }
        Ok(())
    }

    /// What was this agent's before the day began.
    async fn take_over(&self, line: &mut Line, contacts: &Value) -> anyhow::Result<()> {
        for contact in contacts.as_array().into_iter().flatten().filter(|c| c["agent"] == self.me) {
            let step = if contact["state"] == "wrap_up" { "wrap_up_done" } else { "open" };
            line.say(&json!({ "type": step, "contact": contact["id"] })).await?;
        }
        Ok(())
    }

    async fn follow(&mut self, line: &mut Line, frame: &Value) -> anyhow::Result<()> {
        let (event, contact) = (&frame["event"], &frame["contact"]);
        if event["agent"] != self.me {
            return Ok(());
        }
        match event["type"].as_str().unwrap_or_default() {
            "contact_accepted" => line.say(&json!({ "type": "open", "contact": contact })).await?,
            "wrap_up_started" => {
                self.talks.remove(contact.as_str().unwrap_or_default());
                line.say(&json!({ "type": "close", "contact": contact })).await?;
                self.later(4, 12, json!({ "type": "wrap_up_done", "contact": contact }));
            }
            // Nobody looks at the screen of this agent: an offer that ran out is no reason to stop.
            "agent_state" if event["state"] == "not_answering" => {
                self.later(5, 10, json!({ "type": "set_state", "state": "available" }));
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, frame: &Value) {
        let id = frame["contact"].as_str().unwrap_or_default().to_owned();
        let visitor = &frame["visitor"];
        let language = visitor["visitor_language"].as_str().or(visitor["language"].as_str());
        let language = language.unwrap_or("ja").to_owned();
        self.talks.insert(id, Talk { language, answers: 0 });
        if let Some(last) = frame["messages"].as_array().and_then(|m| m.last()) {
            self.answer(last);
        } else {
            self.end_if_silent(&frame["contact"]);
        }
    }

    /// Reads a message and answers it in its writer's language.
    fn answer(&mut self, message: &Value) {
        let Some(talk) = self.talks.get_mut(message["contact"].as_str().unwrap_or_default()) else { return };
        let Some(sayings) = self.stage.words.of(&talk.language) else { return };
        let text = sayings.answers.get(talk.answers).or(sayings.answers.last()).cloned();
        talk.answers += 1;
        let contact = message["contact"].clone();
        let id = format!("a{:032x}", self.stage.chance.bits());
        self.later(1, 2, json!({ "type": "read", "contact": contact, "up_to_seq": message["seq"] }));
        self.later(2, 3, json!({ "type": "typing", "contact": contact }));
        self.later(5, 12, json!({ "type": "send", "contact": contact, "client_id": id, "body": text }));
        self.end_if_silent(&message["contact"]);
    }
}
