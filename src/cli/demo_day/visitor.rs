//! One visitor: asks, waits as long as patience lasts, talks, thanks, goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Stage;
use super::net::{Browser, Line};
use super::words::Sayings;

/// How long visitors wait for somebody, on average.
const PATIENCE: Duration = Duration::from_secs(100);

/// After this long without a word of the agent a visitor goes.
const SILENCE: Duration = Duration::from_secs(120);

/// How a visit ended.
enum End {
    Answered,
    GaveUp,
    Left,
}

/// Plays one visitor and counts how it went.
pub(super) async fn play(stage: Arc<Stage>, number: u32, desk: String) {
    stage.tally.came.fetch_add(1, Ordering::Relaxed);
    let count = match visit(&stage, number, &desk).await {
        Ok(End::Answered) => &stage.tally.answered,
        Ok(End::GaveUp) => &stage.tally.gave_up,
        Ok(End::Left) => &stage.tally.left,
        Err(error) => {
            tracing::debug!(error = %error, "a visitor was lost");
            &stage.tally.failed
        }
    };
    count.fetch_add(1, Ordering::Relaxed);
}

async fn visit(stage: &Stage, number: u32, desk: &str) -> anyhow::Result<End> {
    let browser = stage.server.visitor(number);
    let Some(sayings) = stage.words.of_a_visitor(stage) else { anyhow::bail!("no words") };
    let question = stage.pick(&sayings.questions).map_or("", String::as_str);
    let inquirer = if desk == "companies" { "company" } else { "worker" };
    let id = |name: &str| format!("demo-day-{:032x}-{name}", stage.chance.bits());
    let mut form = json!({
        "client_id": id("visit"), "desk": desk, "language": sayings.tag, "inquirer": inquirer,
            "consent": true,
    });
    if stage.one_in(2) {
        form["display_name"] = json!(stage.pick(&sayings.names));
    }
    if stage.one_in(12) {
        form["message"] = json!(question);
        form["reply_to"] = json!(format!("visitor{number}@example.com"));
        browser.post("/api/v1/chat/leave", &form).await?;
        return Ok(End::Left);
    }
    form["first_message"] = json!(question);
    let begun = browser.post("/api/v1/chat", &form).await?.body;
    let token = begun["token"].as_str().unwrap_or_default();
    Talk { stage, sayings, next: 0 }.run(&browser, token).await
}

struct Talk<'a> {
    stage: &'a Stage,
    sayings: &'a Sayings,
    /// What is said next, after the question.
    next: usize,
}

impl Talk<'_> {
    async fn run(mut self, browser: &Browser, token: &str) -> anyhow::Result<End> {
        let mut line = browser.socket("/ws/visitor").await?;
        line.say(&json!({ "type": "hello", "token": token, "language": self.sayings.tag })).await?;
        let mut leaves_at = Instant::now() + self.stage.random(PATIENCE);
        let mut talking = false;
        loop {
            let frame = tokio::select! {
                frame = line.next() => frame,
                () = sleep_until(leaves_at) => return self.leave(&mut line, talking).await,
            };
            let Some(frame) = frame else { anyhow::bail!("the line broke") };
            match state_of(&frame) {
                Some("active") if !talking => {
                    talking = true;
                    leaves_at = Instant::now() + SILENCE;
                }
                Some("ended") => return Ok(if talking { End::Answered } else { End::GaveUp }),
                Some("left") => return Ok(End::Left),
                _ => {}
            }
            if frame["type"] == "message" && frame["message"]["sender"] == "agent" {
                leaves_at = Instant::now() + SILENCE;
                if !self.answer(&mut line, &frame["message"]["seq"]).await? {
                    return Ok(End::Answered);
                }
            }
        }
    }

    /// Reads, thinks, types, says the next thing; `false` when all is said.
    async fn answer(&mut self, line: &mut Line, seq: &Value) -> anyhow::Result<bool> {
        line.say(&json!({ "type": "read", "up_to_seq": seq })).await?;
        tokio::time::sleep(self.stage.between(1, 4)).await;
        line.say(&json!({ "type": "typing" })).await?;
        tokio::time::sleep(self.stage.between(2, 6)).await;
        let (more, last) = match self.sayings.follow_ups.get(self.next) {
            Some(text) => (text, false),
            None => (&self.sayings.thanks, true),
        };
        self.next += if self.stage.one_in(3) { 2 } else { 1 };
        let id = format!("m{:032x}", self.stage.chance.bits());
        line.say(&json!({ "type": "send", "client_id": id, "body": more })).await?;
        if last {
            tokio::time::sleep(self.stage.between(2, 5)).await;
            line.say(&json!({ "type": "end" })).await?;
            line.say(&json!({ "type": "rate", "score": 3 + self.stage.chance.below(3) })).await?;
            // Whatever is still on its way is answered before the page is closed.
            let _ = tokio::time::timeout(Duration::from_secs(3), line.next()).await;
        }
        Ok(!last)
    }

    async fn leave(&self, line: &mut Line, talking: bool) -> anyhow::Result<End> {
        let diverts = !talking && self.stage.one_in(3);
        line.say(&json!({ "type": if diverts { "divert" } else { "end" } })).await?;
        let _ = tokio::time::timeout(Duration::from_secs(3), line.next()).await;
        Ok(match (talking, diverts) {
            (true, _) => End::Answered,
            (false, true) => End::Left,
            (false, false) => End::GaveUp,
        })
    }
}

/// Where the conversation stands, when the frame says so.
fn state_of(frame: &Value) -> Option<&str> {
    match frame["type"].as_str()? {
        "state" => frame["state"].as_str(),
        "welcome" => frame["standing"]["state"].as_str(),
        _ => None,
    }
}
