//! The board: who waits, who talks, how the day goes. A pure function of the event log.
//!
//! [`Board::apply`] takes one event after the other; nothing else changes a board. So a board that was
//! fetched once and kept up to date with events equals a board computed afresh, here and in the
//! console's TypeScript reducer, which is tested on the same fixtures (`tests/fixtures/board`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, TicketId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{AgentState, AwayReason, Channel, ContactState, Outcome, Wish};

use super::calendar::{local_day, quarter_of};
use super::events::{Event, LoggedEvent};
use super::words::{Inquirer, MarkKind, Sender, Side};

/// The state of a pool as everybody on duty may see it: no names, no texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Board {
    /// The latest event it knows.
    pub seq: i64,
    /// When that event happened.
    pub at: Timestamp,
    /// The day that `quarters` and `totals` count, `YYYY-MM-DD` in `zone`.
    pub day: String,
    /// IANA name of the installation's zone.
    pub zone: String,
    /// An answer within this time counts as answered in target.
    pub service_level_ms: Millis,
    /// Open contacts, in the order of their ids.
    #[serde(with = "as_list")]
    #[schema(value_type = Vec<BoardContact>)]
    pub contacts: BTreeMap<ContactId, BoardContact>,
    /// Agents that ever had a state, in the order of their ids.
    #[serde(with = "as_list")]
    #[schema(value_type = Vec<BoardAgent>)]
    pub agents: BTreeMap<AccountId, BoardAgent>,
    /// Only those in which something happened, in order.
    #[serde(with = "as_list")]
    #[schema(value_type = Vec<Quarter>)]
    pub quarters: BTreeMap<QuarterKey, Quarter>,
    pub totals: Totals,
    /// Desks that are open now, in the order of their ids.
    pub open_desks: BTreeSet<DeskId>,
}

/// An open contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardContact {
    pub id: ContactId,
    pub desk: DeskId,
    pub channel: Channel,
    pub state: ContactState,
    pub language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    pub inquirer: Inquirer,
    pub priority: i64,
    pub arrived_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<BoardOffer>,
    /// When the present agent took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap_up_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Messages of the visitor that the agent has not read.
    pub unread: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Timestamp>,
    /// It went back to the head of the queue.
    pub boosted: bool,
    /// An agent has answered it once; it is not counted as answered again.
    pub answered: bool,
}

/// An offer that is out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardOffer {
    pub id: OfferId,
    pub agent: AccountId,
    pub expires_at: Timestamp,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardAgent {
    pub id: AccountId,
    pub state: AgentState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AwayReason>,
    pub since: Timestamp,
    pub connected: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Wish>,
    /// Contacts that are with the agent, in the order of their ids.
    pub contacts: BTreeSet<ContactId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferId>,
}

impl BoardAgent {
    const fn new(id: AccountId, at: Timestamp) -> Self {
        Self {
            id,
            state: AgentState::Offline,
            reason: None,
            since: at,
            connected: false,
            pending: None,
            contacts: BTreeSet::new(),
            offer: None,
        }
    }
}

/// What is counted together: a quarter of an hour (0 from midnight to 95), a desk, a channel.
pub type QuarterKey = (u8, DeskId, Channel);

/// What happened in a quarter of an hour, counted at the time of the event itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarter {
    /// 0 (from midnight) to 95.
    pub quarter: u8,
    pub desk: DeskId,
    pub channel: Channel,
    pub arrived: i64,
    pub answered: i64,
    pub answered_in_target: i64,
    pub abandoned: i64,
    pub diverted: i64,
}

/// The day so far. A contact counts when the step happens, so yesterday's arrival may be answered today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    pub arrived: i64,
    pub answered: i64,
    pub answered_in_target: i64,
    pub abandoned: i64,
    pub diverted: i64,
    /// Contacts that an agent answered and that are over, wrap-up included.
    pub closed: i64,
    /// Waits of the answered contacts.
    pub wait_ms_sum: i64,
    /// Talking time of the closed contacts.
    pub handle_ms_sum: i64,
}

/// What a step adds to the figures.
#[derive(Clone, Copy)]
enum Count {
    Arrived,
    Answered { waited: Millis },
    Abandoned,
    Diverted,
}

impl Board {
    /// A pool in which nothing has happened yet. An unknown `zone` is read as UTC.
    #[must_use]
    pub fn empty(zone: &str, service_level: Millis) -> Self {
        Self {
            seq: 0,
            at: Timestamp::EPOCH,
            day: String::new(),
            zone: zone.to_owned(),
            service_level_ms: service_level,
            contacts: BTreeMap::new(),
            agents: BTreeMap::new(),
            quarters: BTreeMap::new(),
            totals: Totals::default(),
            open_desks: BTreeSet::new(),
        }
    }

    /// Takes the next event. An event it already knows changes nothing.
    pub fn apply(&mut self, logged: &LoggedEvent) {
        if logged.seq <= self.seq {
            return;
        }
        self.seq = logged.seq;
        self.at = logged.at;
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let day = local_day(&zone, logged.at).to_string();
        if day > self.day {
            self.day = day;
            self.quarters.clear();
            self.totals = Totals::default();
        }
        match (logged.contact, &logged.event) {
            (Some(contact), event) => self.apply_to_contact(&zone, contact, logged.at, event),
            (None, event) => self.apply_to_pool(logged.at, event),
        }
    }

    fn apply_to_pool(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::AgentState { agent, state, reason, since, pending } => {
                let agent = self.agent(*agent, at);
                agent.state = *state;
                agent.reason = *reason;
                agent.since = *since;
                agent.pending = *pending;
            }
            Event::AgentConnected { agent } => self.agent(*agent, at).connected = true,
            Event::AgentDisconnected { agent, .. } => self.agent(*agent, at).connected = false,
            Event::DeskOpened { desk } => {
                self.open_desks.insert(*desk);
            }
            Event::DeskClosed { desk } => {
                self.open_desks.remove(desk);
            }
            _ => {}
        }
    }

    fn apply_to_contact(&mut self, zone: &TimeZone, id: ContactId, at: Timestamp, event: &Event) {
        match event {
            Event::ContactArrived { .. } => self.arrive(zone, id, at, event),
            Event::OfferMade { agent, offer, expires_at, .. } => {
                self.make_offer(id, at, &BoardOffer { id: *offer, agent: *agent, expires_at: *expires_at });
            }
            Event::OfferEnded { agent, offer, .. } => self.end_offer(id, *agent, *offer),
            Event::ContactAccepted { agent, waited_ms, .. } => {
                self.accept(zone, id, at, *agent, *waited_ms);
            }
            Event::ContactRequeued { head, desk, .. } => self.requeue(id, *head, *desk),
            Event::ContactDiverted { .. } => self.count(zone, id, at, Count::Diverted),
            Event::ContactEnded { outcome: Outcome::Abandoned, .. } => {
                self.count(zone, id, at, Count::Abandoned);
            }
            Event::ContactClosed { handled_ms, .. } => self.close(id, *handled_ms),
            _ => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    apply_to_row(contact, at, event);
                }
            }
        }
    }

    fn arrive(&mut self, zone: &TimeZone, id: ContactId, at: Timestamp, event: &Event) {
        let Event::ContactArrived {
            desk,
            channel,
            language,
            topic,
            inquirer,
            priority,
            arrived_at,
            ticket,
            ..
        } = event
        else {
            return;
        };
        let contact = BoardContact {
            id,
            desk: *desk,
            channel: *channel,
            state: ContactState::Waiting,
            language: language.clone(),
            topic: topic.clone(),
            inquirer: *inquirer,
            priority: *priority,
            arrived_at: *arrived_at,
            agent: None,
            offer: None,
            accepted_at: None,
            wrap_up_until: None,
            ticket: *ticket,
            unread: 0,
            last_message_at: None,
            boosted: false,
            answered: false,
        };
        self.contacts.insert(id, contact);
        self.count(zone, id, at, Count::Arrived);
    }

    fn make_offer(&mut self, id: ContactId, at: Timestamp, offer: &BoardOffer) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.state = ContactState::Offered;
        contact.offer = Some(offer.clone());
        self.agent(offer.agent, at).offer = Some(offer.id);
    }

    fn end_offer(&mut self, id: ContactId, agent: AccountId, offer: OfferId) {
        if let Some(agent) = self.agents.get_mut(&agent)
            && agent.offer == Some(offer)
        {
            agent.offer = None;
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.offer.as_ref().is_some_and(|o| o.id == offer) {
            contact.offer = None;
            if contact.state == ContactState::Offered {
                contact.state = ContactState::Waiting;
            }
        }
    }

    fn accept(&mut self, zone: &TimeZone, id: ContactId, at: Timestamp, agent: AccountId, waited: Millis) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let offer = contact.offer.take();
        let first = !std::mem::replace(&mut contact.answered, true);
        contact.state = ContactState::Active;
        contact.agent = Some(agent);
        contact.accepted_at = Some(at);
        self.agent(agent, at).contacts.insert(id);
        if let Some(offer) = offer
            && let Some(offered) = self.agents.get_mut(&offer.agent)
            && offered.offer == Some(offer.id)
        {
            offered.offer = None;
        }
        if first {
            self.count(zone, id, at, Count::Answered { waited });
        }
    }

    fn requeue(&mut self, id: ContactId, head: bool, desk: Option<DeskId>) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.state = ContactState::Waiting;
        contact.accepted_at = None;
        contact.wrap_up_until = None;
        contact.boosted |= head;
        contact.desk = desk.unwrap_or(contact.desk);
        let (agent, offer) = (contact.agent.take(), contact.offer.take());
        if let Some(agent) = agent.and_then(|a| self.agents.get_mut(&a)) {
            agent.contacts.remove(&id);
        }
        if let Some(agent) = offer.as_ref().and_then(|o| self.agents.get_mut(&o.agent))
            && agent.offer == offer.map(|o| o.id)
        {
            agent.offer = None;
        }
    }

    fn close(&mut self, id: ContactId, handled: Millis) {
        let Some(contact) = self.contacts.remove(&id) else { return };
        if let Some(agent) = contact.agent.and_then(|a| self.agents.get_mut(&a)) {
            agent.contacts.remove(&id);
        }
        if let Some(offer) = contact.offer
            && let Some(agent) = self.agents.get_mut(&offer.agent)
            && agent.offer == Some(offer.id)
        {
            agent.offer = None;
        }
        if contact.answered {
            self.totals.closed += 1;
            self.totals.handle_ms_sum += handled.0;
        }
    }

    fn agent(&mut self, id: AccountId, at: Timestamp) -> &mut BoardAgent {
        self.agents.entry(id).or_insert_with(|| BoardAgent::new(id, at))
    }

    fn count(&mut self, zone: &TimeZone, id: ContactId, at: Timestamp, count: Count) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let (desk, channel, number) = (contact.desk, contact.channel, quarter_of(zone, at));
        let quarter = self.quarters.entry((number, desk, channel)).or_insert_with(|| Quarter {
            quarter: number,
            desk,
            channel,
            arrived: 0,
            answered: 0,
            answered_in_target: 0,
            abandoned: 0,
            diverted: 0,
        });
        match count {
            Count::Arrived => {
                quarter.arrived += 1;
                self.totals.arrived += 1;
            }
            Count::Answered { waited } => {
                let in_target = i64::from(waited <= self.service_level_ms);
                quarter.answered += 1;
                quarter.answered_in_target += in_target;
                self.totals.answered += 1;
                self.totals.answered_in_target += in_target;
                self.totals.wait_ms_sum += waited.0;
            }
            Count::Abandoned => {
                quarter.abandoned += 1;
                self.totals.abandoned += 1;
            }
            Count::Diverted => {
                quarter.diverted += 1;
                self.totals.diverted += 1;
            }
        }
    }
}

/// Steps that touch nothing but the contact's own line.
fn apply_to_row(contact: &mut BoardContact, at: Timestamp, event: &Event) {
    match event {
        Event::ContactHeld {} => contact.state = ContactState::Held,
        Event::ContactUnheld {} => contact.state = ContactState::Active,
        Event::ContactCorrected { language, topic, .. } => {
            contact.language.clone_from(language);
            contact.topic.clone_from(topic);
        }
        Event::WrapUpStarted { until, .. } => {
            contact.state = ContactState::WrapUp;
            contact.wrap_up_until = Some(*until);
        }
        Event::WrapUpExtended { until, .. } => contact.wrap_up_until = Some(*until),
        Event::MessageStored { sender, .. } => {
            contact.last_message_at = Some(at);
            contact.unread += i64::from(*sender == Sender::Visitor);
        }
        Event::MessagesRead { side: Side::Agent, kind: MarkKind::Read, unread, .. } => {
            contact.unread = *unread;
        }
        Event::TicketChanged { ticket, .. } => contact.ticket = Some(*ticket),
        _ => {}
    }
}

/// What a map's value is filed under.
trait Keyed<K> {
    fn key(&self) -> K;
}

impl Keyed<ContactId> for BoardContact {
    fn key(&self) -> ContactId {
        self.id
    }
}

impl Keyed<AccountId> for BoardAgent {
    fn key(&self) -> AccountId {
        self.id
    }
}

impl Keyed<QuarterKey> for Quarter {
    fn key(&self) -> QuarterKey {
        (self.quarter, self.desk, self.channel)
    }
}

/// A map on the wire is the list of its values.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Keyed;

    pub fn serialize<K, V: Serialize, S: Serializer>(map: &BTreeMap<K, V>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(map.values())
    }

    pub fn deserialize<'de, K, V, D>(d: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Ord,
        V: Keyed<K> + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<V>::deserialize(d)?.into_iter().map(|v| (v.key(), v)).collect())
    }
}
