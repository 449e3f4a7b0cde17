//! What an agent's console asks for, carried out and answered.

use std::sync::Arc;

use axum::extract::ws::Message as Frame;
use serde::Deserialize;

use crate::desk::content::{self, Content, Owned, Trail};
use crate::desk::ports::{AgentMessage, ChannelPort, Reader};
use crate::desk::protocol::{CMD_MAX, ClientCommand, ClientFrame, ServerEvent};
use crate::desk::words::MarkKind;
use crate::kernel::bus::Notice;
use crate::kernel::ids::ContactId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Millis;
use crate::security::Role;
use crate::security::sessions::SEEN_EVERY;

use super::talk::{Ended, Opened, Step, Talk};
use super::{FLOOD_MAX, OPEN_MAX};

/// Why a command was not carried out.
enum Stopped {
    Refused(Problem),
    Ended(Ended),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<crate::kernel::db::DbError> for Stopped {
    fn from(error: crate::kernel::db::DbError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Ended> for Stopped {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

/// The id of a command that could not be read otherwise.
#[derive(Deserialize, Default)]
struct Named {
    #[serde(default)]
    cmd: String,
}

fn name_of(text: &str) -> String {
    let named = serde_json::from_str::<Named>(text).unwrap_or_default();
    if named.cmd.len() <= CMD_MAX { named.cmd } else { String::new() }
}

impl Talk {
    /// Takes one frame of the other side.
    pub(super) async fn hear(&mut self, frame: Frame) -> Step {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
            Frame::Close(_) => return Err(Ended::Gone),
            Frame::Binary(_) => "".into(),
        };
        if let Err(wait) = self.rate.check("", self.hall.live.clock.now()) {
            return self.limit(text.as_str(), wait).await;
        }
        self.limited_in_a_row = 0;
        let unreadable = Problem::invalid("invalid_input");
        let Ok(frame) = serde_json::from_str::<ClientFrame>(text.as_str()) else {
            return self.refuse(name_of(text.as_str()), &unreadable).await;
        };
        if frame.cmd.len() > CMD_MAX {
            return self.refuse(String::new(), &unreadable.field("cmd", "too_long")).await;
        }
        self.note_use(&frame.command).await;
        match self.carry_out(frame.command).await {
            Ok(()) if frame.cmd.is_empty() => Ok(()),
            Ok(()) => self.say(&ServerEvent::Done { cmd: frame.cmd }).await,
            Err(Stopped::Refused(problem)) => self.refuse(frame.cmd, &problem).await,
            Err(Stopped::Ended(ended)) => Err(ended),
        }
    }

    async fn limit(&mut self, text: &str, wait: Millis) -> Step {
        self.limited_in_a_row += 1;
        if self.limited_in_a_row > FLOOD_MAX {
            return Err(Ended::Gone);
        }
        let seconds = wait.0.div_euclid(1000) + 1;
        self.refuse(name_of(text), &Problem::too_many("rate_limited", seconds)).await
    }

    /// What a person did keeps the session alive; what the page says by itself does not.
    async fn note_use(&mut self, command: &ClientCommand) {
        let by_itself = matches!(
            command,
            ClientCommand::Hello { .. }
                | ClientCommand::Ping {}
                | ClientCommand::Open { .. }
                | ClientCommand::Close { .. }
                | ClientCommand::Read { .. }
        );
        if !by_itself {
            self.keep_session().await;
        }
    }

    /// Notes that the session is in use.
    pub(super) async fn keep_session(&mut self) {
        let now = self.hall.live.clock.now();
        if now.since(self.touched_at) < SEEN_EVERY {
            return;
        }
        self.touched_at = now;
        if let Err(error) = self.hall.live.sessions.touch(self.me.session).await {
            tracing::warn!(error = %error, "a session in use was not noted");
        }
    }

    async fn carry_out(&mut self, command: ClientCommand) -> Result<(), Stopped> {
        match command {
            ClientCommand::Hello { .. } => Err(Problem::invalid("invalid_input").into()),
            ClientCommand::Ping {} => Ok(self.say(&ServerEvent::Pong {}).await?),
            ClientCommand::Open { contact } => self.open(contact).await,
            ClientCommand::Close { contact } => {
                self.opened.remove(&contact);
                Ok(())
            }
            ClientCommand::Send { contact, client_id, body } => self.write(contact, client_id, body).await,
            ClientCommand::Read { contact, up_to_seq } => self.read(contact, up_to_seq).await,
            ClientCommand::Typing { contact } => {
                self.type_in(contact);
                Ok(())
            }
            engine => {
                let supervisor = self.me.role == Role::Supervisor;
                let who = Reader { account: self.me.account, supervisor };
                Ok(self.hall.live.desk.act(who, engine).await?)
            }
        }
    }

    async fn open(&mut self, contact: ContactId) -> Result<(), Stopped> {
        if self.opened.len() >= OPEN_MAX && !self.opened.contains_key(&contact) {
            return Err(Problem::conflict("too_many_open").with("max", OPEN_MAX).into());
        }
        let live = Arc::clone(&self.hall.live);
        let (owned, content) = content::open(&live, &self.me, contact, Trail::Others).await?;
        let Content { messages, visitor, ticket, explanation, .. } = content;
        // With no message yet, every later one is new.
        let sent = messages.last().map_or(0, |message| message.seq);
        self.opened.insert(contact, Opened { channel: owned.channel, sent });
        self.note_shown(contact, &messages);
        Ok(self.say(&ServerEvent::Opened { contact, messages, visitor, ticket, explanation }).await?)
    }

    async fn write(&mut self, contact: ContactId, client_id: String, body: String) -> Result<(), Stopped> {
        let (owned, port) = self.own(contact).await?;
        owned.talking()?;
        let message = AgentMessage { contact, agent: self.me.account, client_id, body };
        port.send(message).await?;
        Ok(())
    }

    async fn read(&mut self, contact: ContactId, up_to_seq: i64) -> Result<(), Stopped> {
        let (_, port) = self.own(contact).await?;
        Ok(port.mark(contact, self.me.account, up_to_seq, MarkKind::Read).await?)
    }

    fn type_in(&self, contact: ContactId) {
        if self.is_mine(contact) {
            self.hall.live.db.bus().publish(Notice::Typing { contact, from_agent: true });
        }
    }

    /// The contact, when it is this agent's and its channel has content.
    async fn own(&mut self, contact: ContactId) -> Result<(Owned, Arc<dyn ChannelPort>), Problem> {
        let live = &self.hall.live;
        let mut tx = live.db.read().await?;
        let owned = content::find(&mut tx, self.me.pool, contact).await?.ok_or_else(Problem::not_found)?;
        drop(tx);
        owned.by(self.me.account)?;
        let port = live.ports.of(owned.channel).ok_or_else(|| Problem::conflict("wrong_state"))?;
        Ok((owned, Arc::clone(port)))
    }
}
