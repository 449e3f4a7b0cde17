//! How a conversation begins: at the door, into the line, or as a message left.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::desk::ports::{Arrival, ArrivalExtra};
use crate::desk::settings::DeskSettings;
use crate::desk::words::{Inquirer, Sender};
use crate::desk::{language_wish, topic_wish};
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, MessageId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::{LangTag, Texts};
use crate::routing::{Channel, Skill};
use crate::security::{Client, tokens};

use super::limits::OPEN_CHATS_MAX;
use super::protocol::{ChatBegun, DeskStatus, MessageLeft, NewChat, NewMessageLeft, Status};
use super::reception::Reception;
use super::store::{self, DeskRow, NewMessage, Talk};
use super::text::{self, Spoken};

/// The `client_id` of a message that came with the beginning.
pub const FIRST_CLIENT_ID: &str = "first";

/// What both ways of beginning ask for, checked.
struct Wanted {
    desk: DeskRow,
    language: LangTag,
    inquirer: Inquirer,
    display_name: Option<String>,
    topic: Option<String>,
    reply_to: String,
    first: Option<String>,
    token: String,
    address_key: String,
    resumes: Option<crate::kernel::ids::TicketId>,
}

/// What a browser sends, whichever way.
struct Asked<'a> {
    purpose: &'static str,
    client_id: &'a str,
    desk: &'a str,
    language: &'a str,
    inquirer: Inquirer,
    display_name: Option<&'a str>,
    topic: Option<&'a str>,
    consent: bool,
    first: Option<&'a str>,
    reply_to: Option<&'a str>,
    resumes: Option<&'a str>,
}

impl Reception {
    /// Puts a visitor into the line. The same `client_id` from the same address is the same conversation,
    /// so that a request whose answer was lost may be sent again.
    ///
    /// # Errors
    /// `consent_needed`, `invalid_input`, `message_too_long`, `open_chats`, `rate_limited`, `not_found` for
    /// an unknown desk, `desk_closed`, `channel_closed`, or the store's failure.
    pub(super) async fn begin(&self, new: &NewChat, client: Client) -> Result<ChatBegun, Problem> {
        let first = new.first_message.as_deref().filter(|text| !text.trim().is_empty());
        let asked = Asked {
            purpose: "chat",
            client_id: &new.client_id,
            desk: &new.desk,
            language: &new.language,
            inquirer: new.inquirer,
            display_name: new.display_name.as_deref(),
            topic: new.topic.as_deref(),
            consent: new.consent,
            first,
            reply_to: None,
            resumes: new.resumes.as_deref(),
        };
        let wanted = self.check(&asked, client).await?;
        let _gate = self.gate(&wanted.address_key).await;
        let talk = match self.begun(&wanted.token).await? {
            Some(talk) => talk,
            None => {
                self.room_for_one_more(&wanted.address_key).await?;
                let contact = self.parts.desk.arrive(self.arrival(&wanted)).await?.contact;
                super::feed::load(self, contact).await?
            }
        };
        self.presence.touch(talk.contact);
        Ok(ChatBegun { token: wanted.token, contact: talk.contact, number: talk.number })
    }

    /// Takes a message without anybody waiting for an answer now, whether the desk is open or not.
    ///
    /// # Errors
    /// As [`Self::begin`], but for the closed desk.
    pub(super) async fn leave(&self, new: &NewMessageLeft, client: Client) -> Result<MessageLeft, Problem> {
        let asked = Asked {
            purpose: "leave",
            client_id: &new.client_id,
            desk: &new.desk,
            language: &new.language,
            inquirer: new.inquirer,
            display_name: new.display_name.as_deref(),
            topic: new.topic.as_deref(),
            consent: new.consent,
            first: Some(&new.message),
            reply_to: new.reply_to.as_deref(),
            resumes: None,
        };
        let wanted = self.check(&asked, client).await?;
        let _gate = self.gate(&wanted.address_key).await;
        let talk = match self.begun(&wanted.token).await? {
            Some(talk) => talk,
            None => {
                self.limits.new_chat(&wanted.address_key, self.now())?;
                let contact = self.parts.desk.leave(self.arrival(&wanted)).await?.contact;
                super::feed::load(self, contact).await?
            }
        };
        Ok(MessageLeft {
            link: format!("/chat/thread#{}", wanted.token),
            token: wanted.token,
            contact: talk.contact,
            number: talk.number,
        })
    }

    async fn check(&self, asked: &Asked<'_>, client: Client) -> Result<Wanted, Problem> {
        if !asked.consent {
            return Err(Problem::invalid("consent_needed").field("consent", "required"));
        }
        text::secret_id(asked.client_id)?;
        let language = text::language(asked.language)?;
        let first = asked.first.map(text::message).transpose()?;
        let display_name = text::display_name(asked.display_name)?;
        let reply_to = text::reply_to(asked.reply_to)?;
        let address_key = client.address_key(&self.parts.key);
        let earlier = match asked.resumes {
            Some(token) => self.open(token, client).await.ok(),
            None => None,
        };
        let mut tx = self.parts.db.read().await?;
        let desk = store::desks(&mut tx, Some(asked.desk)).await?.pop().ok_or_else(Problem::not_found)?;
        if let Some(topic) = asked.topic
            && !store::topic_exists(&mut tx, topic).await?
        {
            return Err(Problem::invalid("invalid_input").field("topic", "unknown"));
        }
        Ok(Wanted {
            desk,
            language,
            inquirer: asked.inquirer,
            display_name,
            topic: asked.topic.map(str::to_owned),
            reply_to,
            first,
            token: self.token_for(asked.purpose, asked.client_id, &address_key),
            address_key,
            resumes: earlier.and_then(|talk: Talk| talk.ticket),
        })
    }

    /// The token of what a page begins under its own secret id: the same for the same page and network, and
    /// computable here alone.
    fn token_for(&self, purpose: &str, client_id: &str, address_key: &str) -> String {
        let secret = self.parts.key.pseudonym("chat token", client_id.as_bytes());
        tokens::derived(&secret, &format!("{purpose}.{address_key}"))
    }

    async fn begun(&self, token: &str) -> Result<Option<Talk>, Problem> {
        Ok(store::by_token(&mut self.parts.db.read().await?, &tokens::hash(token)).await?)
    }

    async fn room_for_one_more(&self, address_key: &str) -> Result<(), Problem> {
        self.limits.new_chat(address_key, self.now())?;
        let open = store::open_chats(&mut self.parts.db.read().await?, address_key).await?;
        if open >= OPEN_CHATS_MAX {
            let status = axum::http::StatusCode::TOO_MANY_REQUESTS;
            return Err(Problem::new(status, "open_chats").with("max", OPEN_CHATS_MAX));
        }
        Ok(())
    }

    fn arrival(&self, wanted: &Wanted) -> Arrival {
        let chance = &self.parts.chance;
        let first = wanted.first.as_ref().map(|body| {
            let spoken = Spoken::of(&self.parts.detector.detect(body, Some(&wanted.language)));
            let id = MessageId::compose(self.now(), chance.bits());
            let first: Arc<dyn ArrivalExtra> = Arc::new(FirstMessage { id, body: body.clone(), spoken });
            first
        });
        Arrival {
            contact: ContactId::compose(self.now(), chance.bits()),
            desk: wanted.desk.id,
            channel: Channel::Chat,
            language: wanted.language.as_str().to_owned(),
            language_source: "chosen".to_owned(),
            language_confidence: None,
            topic: wanted.topic.clone(),
            inquirer: wanted.inquirer,
            priority: None,
            arrived_at: None,
            preferred: None,
            resumes: wanted.resumes,
            token_hash: Some(tokens::hash(&wanted.token)),
            address_key: Some(wanted.address_key.clone()),
            display_name: wanted.display_name.clone(),
            visitor_language: Some(wanted.language.as_str().to_owned()),
            reply_to: wanted.reply_to.clone(),
            extra: first,
        }
    }

    /// The doors of the desks for somebody with these wishes.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn status(
        &self,
        desk: Option<&str>,
        language: Option<&str>,
        topic: Option<&str>,
    ) -> Result<Status, Problem> {
        let (desks, topics) = {
            let mut tx = self.parts.db.read().await?;
            (store::desks(&mut tx, desk).await?, store::topics(&mut tx).await?)
        };
        let mut doors = Vec::with_capacity(desks.len());
        for desk in desks {
            doors.extend(self.door(desk, language, topic).await);
        }
        Ok(Status { desks: doors, topics, server_time: self.now() })
    }

    /// `None` for a desk that takes no chats.
    async fn door(&self, desk: DeskRow, language: Option<&str>, topic: Option<&str>) -> Option<DeskStatus> {
        let settings: DeskSettings = serde_json::from_str(&desk.settings).unwrap_or_default();
        if !settings.channels.contains(&Channel::Chat) {
            return None;
        }
        let wish = language.and_then(language_wish);
        let known = topic.filter(|_| settings.route_by_topic).and_then(topic_wish);
        let wanted: Vec<Skill> = wish.into_iter().chain(known).collect();
        let door = self.parts.desk.door(desk.id, Channel::Chat, wanted).await;
        let languages = if settings.languages.is_empty() {
            Texts::languages().map(|tag| tag.as_str().to_owned()).collect()
        } else {
            settings.languages
        };
        Some(DeskStatus {
            slug: desk.slug,
            name_ja: desk.name_ja,
            name_en: desk.name_en,
            open: door.is_some_and(|door| door.open),
            opens_at: door.and_then(|door| door.opens_at),
            closes_at: door.and_then(|door| door.closes_at),
            waiting: door.map_or(0, |door| door.waiting),
            expected_wait_ms: door.and_then(|door| door.expected_wait),
            languages,
        })
    }
}

/// A message written in the transaction of the arrival.
struct FirstMessage {
    id: MessageId,
    body: String,
    spoken: Spoken,
}

impl ArrivalExtra for FirstMessage {
    fn write<'a>(
        &'a self,
        tx: &'a mut Tx,
        contact: ContactId,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            // The row of the contact is written: the desk calls after that.
            let Some((pool, _, _)) = store::stand(tx, contact).await? else { return Ok(()) };
            let new = NewMessage {
                id: self.id,
                contact,
                sender: Sender::Visitor,
                account: None,
                client_id: FIRST_CLIENT_ID.to_owned(),
                body: self.body.clone(),
                spoken: self.spoken.clone(),
                at,
            };
            store::insert(tx, pool, &new).await.map(drop)
        })
    }
}
