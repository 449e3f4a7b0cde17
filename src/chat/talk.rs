//! What a visitor may do in her conversation, whichever way her request came.

use crate::desk::Correction;
use crate::desk::protocol::Message;
use crate::desk::words::{MarkKind, Sender, Side};
use crate::kernel::bus::Notice;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{ContactId, MessageId, PoolId};
use crate::kernel::problem::Problem;
use crate::language::detect::SWITCH_CONFIDENCE;
use crate::language::{Conversation as Running, LangTag, Suggestion, routing_group};
use crate::routing::{ContactState, Outcome};
use crate::tickets;

use super::limits::PAGE_MAX;
use super::protocol::{Conversation, Said, StateView, VisitorMessage, VisitorState};
use super::reception::{Reception, is_over, readable_until};
use super::store::{self, NewMessage, Talk};
use super::text::{self, Spoken};

/// Messages looked back at to tell in which language she writes.
const LOOK_BACK: i64 = 8;

impl Reception {
    /// Stores a message of the visitor; the answer comes after the commit. The same `client_id` is the same
    /// message.
    ///
    /// # Errors
    /// `invalid_input`, `message_empty`, `message_too_long`, `too_many_messages`, or the store's failure.
    pub(super) async fn say(&self, talk: &Talk, client_id: &str, body: &str) -> Result<Said, Problem> {
        text::client_id(client_id)?;
        let body = text::message(body)?;
        if let Err(wait) = self.limits.message(&talk.contact.to_string(), self.now()) {
            // What is stored already is acknowledged however often it is asked for.
            let mut tx = self.parts.db.read().await?;
            let known = store::find(&mut tx, talk.contact, Sender::Visitor, client_id).await?;
            return known.map(|message| said(message, None)).ok_or(wait);
        }
        let chosen: Option<LangTag> = talk.visitor_language.parse().ok();
        let detected = self.parts.detector.detect(&body, chosen.as_ref());
        let new = NewMessage {
            id: MessageId::compose(self.now(), self.parts.chance.bits()),
            contact: talk.contact,
            sender: Sender::Visitor,
            account: None,
            client_id: client_id.to_owned(),
            body,
            spoken: Spoken::of(&detected),
            at: self.now(),
        };
        let message = self.store_once(talk, new).await?;
        let suggestion = match detected.known() {
            Some((tag, confidence)) => self.weigh_language(talk, tag, confidence).await,
            None => None,
        };
        Ok(said(message, suggestion))
    }

    async fn store_once(&self, talk: &Talk, new: NewMessage) -> Result<Message, Problem> {
        let (contact, client_id) = (new.contact, new.client_id.clone());
        let unit = (talk.pool, new);
        let stored =
            self.parts.db.write(move |tx| Box::pin(async move { visitor_says(tx, &unit).await })).await;
        match stored {
            Ok(message) => {
                self.parts.metrics.messages_stored.inc();
                Ok(message)
            }
            // It is stored already: the constraint says so.
            Err(error) if error.is_unique_violation() => {
                let mut tx = self.parts.db.read().await?;
                let found = store::find(&mut tx, contact, Sender::Visitor, &client_id).await?;
                found.ok_or_else(Problem::internal)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Two sure messages in a row in another language: ask her whether to switch, and, while she waits, look
    /// for somebody who speaks it. What she chose herself, or an agent corrected, is not overruled.
    async fn weigh_language(&self, talk: &Talk, tag: LangTag, confidence: f32) -> Option<String> {
        let chosen: LangTag = talk.visitor_language.parse().ok()?;
        if confidence < SWITCH_CONFIDENCE || routing_group(&tag) == routing_group(&chosen) {
            return None;
        }
        let seen = match self.look_back(talk).await {
            Ok(seen) => seen,
            Err(problem) => {
                tracing::warn!(code = problem.code, "the language of a conversation was not weighed");
                return None;
            }
        };
        let (_, before) = seen.split_last()?;
        let offer = newly_offered(chosen, before, tag, confidence)?;
        let waits = matches!(talk.state, ContactState::Waiting | ContactState::Offered);
        let language: Option<LangTag> = talk.language.parse().ok();
        let is_news = language.is_none_or(|l| routing_group(&l) != routing_group(&offer));
        if waits && is_news && talk.language_source != "corrected" {
            let correction = Correction {
                language: Some(offer.as_str().to_owned()),
                language_source: Some("detected".to_owned()),
                language_confidence: Some(f64::from(confidence)),
                topic: None,
            };
            if let Err(problem) = self.parts.desk.correct(talk.contact, correction).await {
                tracing::info!(code = problem.code, "a detected language was not taken over");
            }
        }
        Some(offer.as_str().to_owned())
    }

    async fn look_back(&self, talk: &Talk) -> Result<Vec<(String, f64)>, Problem> {
        Ok(store::spoken(&mut self.parts.db.read().await?, talk.contact, LOOK_BACK).await?)
    }

    /// Passes a sign of typing on.
    pub(super) fn typing(&self, talk: &Talk) {
        if !is_over(talk.state) && self.limits.typing(&talk.contact.to_string(), self.now()) {
            self.parts.db.bus().publish(Notice::Typing { contact: talk.contact, from_agent: false });
        }
    }

    /// Notes how far the visitor has got with the agent's messages.
    pub(super) async fn mark(&self, talk: &Talk, up_to_seq: i64, kind: MarkKind) -> Result<(), Problem> {
        let (pool, contact, at) = (talk.pool, talk.contact, self.now());
        let mark = (up_to_seq, kind);
        let unit = self.parts.db.write(move |tx| {
            Box::pin(async move { store::mark(tx, pool, at, contact, Side::Visitor, mark).await })
        });
        Ok(unit.await?)
    }

    /// Stores the visitor's score.
    ///
    /// # Errors
    /// `invalid_input` for a score that is none, `already_rated`, or the store's failure.
    pub(super) async fn rate(&self, talk: &Talk, score: u8) -> Result<(), Problem> {
        if !(1..=5).contains(&score) {
            return Err(Problem::invalid("invalid_input").field("score", "out_of_range"));
        }
        let (pool, contact, at) = (talk.pool, talk.contact, self.now());
        let unit = self.parts.db.write(move |tx| {
            Box::pin(async move { store::rate(tx, pool, at, contact, i64::from(score)).await })
        });
        if unit.await.map_err(|error: DbError| Problem::from(error))? {
            Ok(())
        } else {
            Err(Problem::conflict("already_rated"))
        }
    }

    /// The visitor's own choice of language: for her page, and for whom she is put through to.
    ///
    /// # Errors
    /// `invalid_input`, or the store's failure.
    pub(super) async fn choose_language(&self, talk: &Talk, language: &str) -> Result<LangTag, Problem> {
        let tag = text::language(language)?;
        let contact = talk.contact;
        let unit = self.parts.db.write(move |tx| {
            Box::pin(async move { store::set_page_language(tx, contact, tag.as_str()).await })
        });
        unit.await.map_err(|error: DbError| Problem::from(error))?;
        let correction = Correction {
            language: Some(tag.as_str().to_owned()),
            language_source: Some("chosen".to_owned()),
            ..Correction::default()
        };
        match self.parts.desk.correct(contact, correction).await {
            // A conversation that is over has nobody to be put through to.
            Err(problem) if problem.code != "closed" => Err(problem),
            _ => Ok(tag),
        }
    }

    /// Everything about the conversation, with the messages after `after`.
    pub(super) async fn view(&self, talk: &Talk, after: i64) -> Result<Conversation, Problem> {
        let mut found = self.messages(talk.contact, after).await?;
        let full = usize::try_from(PAGE_MAX).unwrap_or(usize::MAX);
        let more = found.len() > full;
        found.truncate(full);
        Ok(Conversation {
            contact: talk.contact,
            number: talk.number.clone(),
            desk: talk.desk.clone(),
            language: talk.visitor_language.clone(),
            standing: self.standing(talk).await?,
            messages: found,
            more,
            delivered_seq: talk.agent_seen_seq,
            read_seq: talk.agent_read_seq,
            satisfaction: talk.satisfaction,
            answered_later: is_over(talk.state),
            readable_until: readable_until(talk),
            server_time: self.now(),
        })
    }

    /// One more than a page, when there are so many.
    pub(super) async fn messages(
        &self,
        contact: ContactId,
        after: i64,
    ) -> Result<Vec<VisitorMessage>, Problem> {
        let mut tx = self.parts.db.read().await?;
        let found = store::messages_after(&mut tx, contact, after, PAGE_MAX + 1).await?;
        Ok(found.into_iter().map(|(message, name)| store::for_visitor(message, name)).collect())
    }

    /// Where the conversation stands.
    pub(super) async fn standing(&self, talk: &Talk) -> Result<StateView, Problem> {
        let mut view = StateView {
            state: match talk.state {
                ContactState::Arriving | ContactState::Waiting | ContactState::Offered => {
                    VisitorState::Waiting
                }
                ContactState::Active | ContactState::Held => VisitorState::Active,
                ContactState::WrapUp | ContactState::Closed if talk.outcome == Some(Outcome::Diverted) => {
                    VisitorState::Left
                }
                ContactState::WrapUp | ContactState::Closed => VisitorState::Ended,
            },
            position: None,
            expected_wait_ms: None,
            agent_name: talk.agent_name.clone(),
            outcome: talk.outcome,
            ended_by: None,
            reason: None,
        };
        if view.state == VisitorState::Waiting {
            view.agent_name = None;
            if let Some(now) = self.parts.desk.standing(talk.contact).await {
                view.position = now.position;
                view.expected_wait_ms = now.expected_wait;
            }
        } else if is_over(talk.state) {
            let mut tx = self.parts.db.read().await?;
            (view.ended_by, view.reason) = store::ending(&mut tx, talk.contact).await?;
        }
        Ok(view)
    }
}

/// The unit of one message: the message, and the ticket that waits for an answer again when the talk is
/// over. A message that is stored already breaks a constraint and undoes the unit.
async fn visitor_says(tx: &mut Tx, (pool, new): &(PoolId, NewMessage)) -> Result<Message, DbError> {
    let message = store::insert(tx, *pool, new).await?;
    if let Some((_, state, Some(ticket))) = store::stand(tx, new.contact).await?
        && is_over(state)
    {
        tickets::mark_reply_waiting(tx, new.at, ticket, true).await?;
    }
    Ok(message)
}

/// The language to offer after a message in `tag`, unless the messages `before` it led to the same offer.
fn newly_offered(
    chosen: LangTag,
    before: &[(String, f64)],
    tag: LangTag,
    confidence: f32,
) -> Option<LangTag> {
    let mut running = Running::new(chosen);
    let mut last = Suggestion::Keep;
    for (language, confidence) in before {
        if let Ok(tag) = language.parse() {
            last = running.observe_known(tag, narrow(*confidence));
        }
    }
    match (last, running.observe_known(tag, confidence)) {
        (Suggestion::OfferSwitch(earlier), Suggestion::OfferSwitch(offer))
            if routing_group(&earlier) == routing_group(&offer) =>
        {
            None
        }
        (_, Suggestion::OfferSwitch(offer)) => Some(offer),
        (_, Suggestion::Keep) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a confidence between 0 and 1 needs no second half")]
const fn narrow(confidence: f64) -> f32 {
    confidence as f32
}

fn said(message: Message, suggest_language: Option<String>) -> Said {
    let message = store::for_visitor(message, None);
    Said {
        client_id: message.client_id.clone().unwrap_or_default(),
        seq: message.seq,
        message,
        suggest_language,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::tag::tags;

    #[test]
    fn a_language_is_offered_once_when_two_sure_messages_follow_each_other() {
        let seen = |all: &[(&str, f64)]| all.iter().map(|(l, c)| ((*l).to_owned(), *c)).collect::<Vec<_>>();
        let offer = |before: &[(&str, f64)]| newly_offered(tags::JA, &seen(before), tags::VI, 0.9);
        assert_eq!(offer(&[]), None);
        assert_eq!(offer(&[("ja", 0.9), ("vi", 0.9)]), Some(tags::VI));
        assert_eq!(offer(&[("vi", 0.7)]), None);
        assert_eq!(offer(&[("vi", 0.9), ("vi", 0.9)]), None, "asked already");
    }
}
