//! Tickets in the store: merging, making, rules, timeline, earlier tickets, answers.

mod find;
mod web;

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use jiff::civil::date;
use jiff::tz::TimeZone;
use madoguchi::app::Hooks;
use madoguchi::desk::events::Event;
use madoguchi::desk::log;
use madoguchi::desk::ports::{AgentMessage, ChannelPort, Ports, Reader};
use madoguchi::desk::protocol::Message;
use madoguchi::desk::words::{EndedBy, MarkKind, Sender};
use madoguchi::kernel::clock::Chance;
use madoguchi::kernel::db::{Db, DbError, Tx};
use madoguchi::kernel::ids::{AccountId, ContactId, MessageId, SessionId, TicketId};
use madoguchi::kernel::problem::Problem;
use madoguchi::kernel::time::Timestamp;
use madoguchi::on_db;
use madoguchi::routing::Outcome as ContactOutcome;
use madoguchi::security::{Identity, Role, Stage, audit};
use madoguchi::tickets::{
    self, Act, Fields, ListQuery, MatchReason, NewText, NewTicket, Status, Ticket, TicketByHand, TicketPage,
    TicketPatch, TimelineItem,
};

use crate::both_databases;
use crate::support::seed::{self, Seed};

/// 2026-11-25, 10:00 in Tokyo.
const NOW: i64 = 1_795_568_400_000;

/// A seeded store and somebody in it.
struct House {
    db: Db,
    seed: Seed,
    chance: Chance,
}

impl House {
    async fn new(db: Db) -> Self {
        let seed = seed::fill(&db).await;
        Self { db, seed, chance: Chance::seeded(7) }
    }

    fn identity(&self, n: usize, role: Role) -> Identity {
        Identity {
            account: if role == Role::Agent { self.seed.agents[n] } else { self.seed.supervisor },
            pool: self.seed.pool,
            role,
            name: "N".to_owned(),
            ui_language: "ja".to_owned(),
            desks: Vec::new(),
            session: SessionId(1),
            stage: Stage::Done,
        }
    }

    fn act(&self, n: usize, later_ms: i64) -> Act {
        Act { me: self.identity(n, Role::Agent), now: Timestamp(NOW + later_ms), today: date(2026, 11, 25) }
    }

    fn reader(&self, n: usize) -> Reader {
        Reader { account: self.seed.agents[n], supervisor: false }
    }

    async fn make(&self, n: usize, later_ms: i64, fields: Fields) -> Ticket {
        self.try_make(n, later_ms, &format!("c{:026x}", self.chance.bits() >> 28), fields).await.unwrap().0
    }

    async fn try_make(
        &self,
        n: usize,
        later_ms: i64,
        client_id: &str,
        fields: Fields,
    ) -> Result<(Ticket, bool), Problem> {
        let (act, chance) = (self.act(n, later_ms), self.chance.bits());
        let wanted = TicketByHand {
            client_id: client_id.to_owned(),
            desk: self.seed.workers,
            channel: "phone".to_owned(),
            resumes: None,
            fields,
        };
        self.db
            .write(move |tx| {
                Box::pin(async move { tickets::create_by_hand(tx, &act, chance, &wanted).await })
            })
            .await
    }

    async fn change(
        &self,
        n: usize,
        ticket: &Ticket,
        editor: &str,
        fields: Fields,
    ) -> Result<Ticket, Problem> {
        let patch = TicketPatch { version: ticket.version, editor: Some(editor.to_owned()), fields };
        let (act, id) = (self.act(n, 1000), ticket.id);
        self.db.write(move |tx| Box::pin(async move { tickets::change(tx, &act, id, &patch).await })).await
    }

    async fn list(&self, reader: Reader, query: &ListQuery) -> Result<TicketPage, Problem> {
        let mut tx = self.db.read().await?;
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        tickets::list(&mut tx, self.seed.pool, reader, &zone, date(2026, 11, 25), query).await
    }

    async fn numbers(&self, query: &ListQuery) -> Vec<String> {
        let page = self.list(self.reader(0), query).await.unwrap();
        page.items.into_iter().map(|row| row.number).collect()
    }

    /// The ticket of a chat that carries on `earlier`.
    async fn arrived(&self, earlier: TicketId, reply_to: &'static str, at: i64) -> TicketId {
        let (pool, desk, chance) = (self.seed.pool, self.seed.workers, self.chance.bits());
        let made = self.db.write(move |tx| {
            Box::pin(async move {
                let new = NewTicket {
                    chance,
                    day: date(2026, 11, 25),
                    pool,
                    desk,
                    channel: "chat",
                    inquirer: "company",
                    inquirer_name: "",
                    language: "ja",
                    topic: None,
                    reply_to,
                    reply_waiting: false,
                    owner: None,
                    resumes: Some(earlier),
                };
                tickets::create_for_contact(tx, Timestamp(at), &new).await
            })
        });
        made.await.unwrap().0
    }

    async fn contact(&self, ticket: TicketId, at: i64) -> ContactId {
        self.contact_over("phone", ticket, at).await
    }

    /// A contact of `ticket` that was held and ended.
    async fn contact_over(&self, channel: &'static str, ticket: TicketId, at: i64) -> ContactId {
        let contact = ContactId::compose(Timestamp(at), self.chance.bits());
        let (pool, desk, agent) = (self.seed.pool, self.seed.workers, self.seed.agents[0]);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let ids = [contact.to_string(), pool.to_string(), desk.to_string(), ticket.to_string()];
                    contact_row(tx, ids, channel, at).await?;
                    let end = Event::ContactEnded { by: EndedBy::Agent, outcome: ContactOutcome::Handled };
                    log::append(tx, pool, Timestamp(at), Some(contact), &Event::ContactHeld {}).await?;
                    log::append(tx, pool, Timestamp(at + 10), Some(contact), &end).await?;
                    log::append(tx, pool, Timestamp(at), None, &Event::AgentConnected { agent }).await?;
                    Ok::<_, Problem>(())
                })
            })
            .await
            .unwrap();
        contact
    }

    async fn trail(&self) -> Vec<audit::Row> {
        let mut tx = self.db.read().await.unwrap();
        on_db!(tx, |conn| sqlx::query_as("SELECT * FROM audit ORDER BY seq").fetch_all(conn).await).unwrap()
    }
}

async fn contact_row(tx: &mut Tx, ids: [String; 4], channel: &str, at: i64) -> Result<(), Problem> {
    let [contact, pool, desk, ticket] = ids;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO contacts (id, pool_id, desk_id, channel, state, inquirer, language, language_source,
               wanted, priority, boosted, insists, wrap_up_extensions, arrived_at, ended_at, ticket_id,
               visitor_read_seq, visitor_seen_seq, agent_read_seq)
             VALUES ($1, $2, $3, $4, 'closed', 'worker', 'vi', 'chosen', '[]', 5, FALSE, FALSE, 0, $5, $6, $7,
               0, 0, 0)",
        )
        .bind(&contact)
        .bind(&pool)
        .bind(&desk)
        .bind(channel)
        .bind(at)
        .bind(at + 10)
        .bind(&ticket)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

fn summary(text: &str) -> Fields {
    Fields { summary: Some(text.to_owned()), ..Fields::default() }
}

both_databases! {
    async fn two_tabs_merge_what_does_not_meet_and_are_asked_about_what_does(db: Db) {
        let house = House::new(db).await;
        let first = house.make(0, 0, Fields::default()).await;
        assert_eq!((first.version, first.owner), (1, Some(house.seed.agents[0])));
        let one = house.change(0, &first, "tab-1", summary("残業代の相談")).await.unwrap();
        let answered = Fields { answer: Some("説明した".to_owned()), ..Fields::default() };
        let two = house.change(1, &first, "tab-2", answered).await.unwrap();
        assert_eq!((two.version, two.summary.as_str(), two.answer.as_str()), (3, "残業代の相談", "説明した"));

        let clash = Fields { topics: Some(vec!["residence".to_owned()]), ..summary("別の要旨") };
        let refused = house.change(1, &first, "tab-2", clash).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (409, "changed_elsewhere"));
        assert_eq!(refused.fields.keys().collect::<Vec<_>>(), ["summary"]);
        let current: Ticket = serde_json::from_value(*refused.current.unwrap()).unwrap();
        assert_eq!(current, two, "nothing of the refused request is kept");

        let again = house.change(0, &first, "tab-1", summary("残業代と休日")).await.unwrap();
        assert_eq!((again.version, again.summary.as_str()), (4, "残業代と休日"));
        // Another tab of the same person is another editor, and so is a borrowed name.
        for (who, editor) in [(0, "tab-9"), (1, "tab-1"), (0, "")] {
            let refused = house.change(who, &one, editor, summary("x")).await.unwrap_err();
            assert_eq!(refused.code, "changed_elsewhere", "{who} {editor}");
        }
        let same = house.change(1, &first, "tab-3", summary("残業代と休日")).await.unwrap();
        assert_eq!(same, again, "what says the same is no change");
        let ahead = Ticket { version: 99, ..again };
        let refused = house.change(0, &ahead, "tab-1", summary("y")).await.unwrap_err();
        assert_eq!(refused.fields["version"], "unknown");
    }

    async fn a_change_is_told_to_the_pool_and_its_fields_to_the_trail(db: Db) {
        let house = House::new(db).await;
        let ticket = house.make(0, 0, Fields::default()).await;
        let contact = house.contact(ticket.id, NOW).await;
        let secret = Fields { reply_to: Some("mai@example.jp".to_owned()), ..summary("秘密の話") };
        house.change(0, &ticket, "t", secret).await.unwrap();
        let (act, id) = (house.act(1, 2000), ticket.id);
        house.db.write(move |tx| Box::pin(async move { tickets::open(tx, &act, id).await })).await.unwrap();

        let mut tx = house.db.read().await.unwrap();
        let events = log::read_after(&mut tx, house.seed.pool, 0, 100).await.unwrap();
        let told: Vec<_> = events
            .iter()
            .filter_map(|e| match e.event {
                Event::TicketChanged { ticket, version } => Some((ticket, version, e.contact)),
                _ => None,
            })
            .collect();
        assert_eq!(told, [(ticket.id, 1, None), (ticket.id, 2, Some(contact))]);
        drop(tx);

        let trail = house.trail().await;
        let acts: Vec<_> = trail.iter().map(|row| (row.action.as_str(), row.actor.as_str())).collect();
        let (one, two) = (house.seed.agents[0].to_string(), house.seed.agents[1].to_string());
        let expected = [("ticket.create", one.as_str()), ("ticket.change", &one), ("ticket.read", &two)];
        assert_eq!(acts, expected);
        assert_eq!(trail[1].detail, r#"{"fields":["reply_to","summary"],"version":2}"#);
        assert!(trail.iter().all(|row| !row.detail.contains("秘密") && !row.detail.contains("mai@")));
    }

    async fn a_ticket_sent_twice_is_one(db: Db) {
        let house = House::new(db).await;
        let (first, new) = house.try_make(0, 0, "call-1", summary("a")).await.unwrap();
        let (second, repeated) = house.try_make(0, 5, "call-1", summary("b")).await.unwrap();
        assert!(new && !repeated);
        assert_eq!(first, second);
        let (other, new) = house.try_make(1, 5, "call-1", summary("c")).await.unwrap();
        assert!(new && other.id != first.id, "the id is the sender's own");
        assert_eq!((first.number.as_str(), other.number.as_str()), ("R8-000001", "R8-000002"));
        for bad in ["", "with space", &"x".repeat(41), "a\0b"] {
            let refused = house.try_make(0, 0, bad, Fields::default()).await.unwrap_err();
            assert_eq!(refused.fields["client_id"], "invalid");
        }
    }

    async fn rules_refuse_by_field_and_close_whole_tickets_only(db: Db) {
        let house = House::new(db).await;
        let ticket = house.make(0, 0, Fields::default()).await;
        let wrong = Fields {
            corporate_number: Some("4000012090002".to_owned()),
            prefecture: Some("48".to_owned()),
            nationality: Some("XX".to_owned()),
            due_on: Some("2026-02-30".to_owned()),
            owner: Some(house.seed.administrator.to_string()),
            topics: Some(vec!["no-such\0topic".to_owned()]),
            language: Some("not a language".to_owned()),
            inquirer: Some("president".to_owned()),
            answer: Some("x".repeat(100_000)),
            inquirer_name: Some("a\0b".to_owned()),
            status: Some(Status::Closed),
            ..Fields::default()
        };
        let refused = house.change(0, &ticket, "t", wrong).await.unwrap_err();
        let found: Vec<_> = refused.fields.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(
            found,
            [
                ("answer", "too_long"),
                ("corporate_number", "check_digit"),
                ("due_on", "day"),
                ("inquirer", "unknown"),
                ("inquirer_name", "character"),
                ("language", "unknown"),
                ("nationality", "unknown"),
                ("owner", "unknown"),
                ("prefecture", "unknown"),
                ("status", "incomplete"),
                ("topics", "unknown"),
            ]
        );
        let whole = Fields {
            topics: Some(vec!["residence".to_owned()]),
            status: Some(Status::Closed),
            corporate_number: Some("４０００-０１２０-９０００１".to_owned()),
            ..summary("番号は 1234 5678 9018 と言われた")
        };
        let closed = house.change(0, &ticket, "t", whole).await.unwrap();
        assert_eq!(closed.closed_at, Some(Timestamp(NOW + 1000)));
        assert_eq!(closed.corporate_number, "4000012090001");
        assert_eq!((closed.warnings.len(), closed.warnings[0].field.as_str()), (1, "summary"));
        let reopened = Fields { status: Some(Status::Open), ..Fields::default() };
        assert_eq!(house.change(0, &closed, "t", reopened).await.unwrap().closed_at, None);
    }

    async fn the_timeline_has_everything_once_in_order(db: Db) {
        let house = House::new(db).await;
        let ticket = house.make(0, 0, Fields::default()).await;
        let contact = house.contact(ticket.id, NOW + 100).await;
        house.change(0, &ticket, "t", summary("x")).await.unwrap();
        for n in 0..150 {
            let (act, chance, id) = (house.act(1, 1000 + n / 50), house.chance.bits(), ticket.id);
            let note = NewText { client_id: format!("n{}", n % 149), body: format!("note {n}") };
            house
                .db
                .write(move |tx| {
                    Box::pin(async move { tickets::add_note(tx, &act, chance, id, &note).await })
                })
                .await
                .unwrap();
        }
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let (act, ports, id) = (house.act(1, 0), ports(Arc::default()), ticket.id);
            let from = cursor.take();
            let page = house
                .db
                .write(move |tx| {
                    Box::pin(async move { tickets::timeline(tx, &ports, &act, id, from.as_deref()).await })
                })
                .await
                .unwrap();
            assert!(page.items.len() <= 100);
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let count = |wanted: fn(&TimelineItem) -> bool| items.iter().filter(|i| wanted(i)).count();
        assert_eq!(count(|i| matches!(i, TimelineItem::Note { .. })), 149, "one was sent twice");
        assert_eq!(count(|i| matches!(i, TimelineItem::Change { .. })), 2);
        assert_eq!(count(|i| matches!(i, TimelineItem::Event { .. })), 2, "the contact's, not the pool's");
        let at = |item: &TimelineItem| match item {
            TimelineItem::Event { at, .. }
            | TimelineItem::Message { at, .. }
            | TimelineItem::Change { at, .. }
            | TimelineItem::Note { at, .. } => at.0,
        };
        assert!(items.windows(2).all(|w| at(&w[0]) >= at(&w[1])), "the newest first");
        let last = items.last().unwrap();
        assert!(matches!(last, TimelineItem::Change { version: 1, .. }), "it began by hand");
        assert!(items.iter().any(|i| matches!(i, TimelineItem::Event { contact: c, .. } if *c == contact)));
    }

    async fn an_answer_goes_into_the_chat_and_the_ticket_waits_no_more(db: Db) {
        let house = House::new(db).await;
        let waiting = Fields { reply_waiting: Some(true), ..Fields::default() };
        let ticket = house.make(0, 0, waiting).await;
        assert!(ticket.reply_waiting);
        let chat = Arc::new(Chat::default());
        let answer = NewText { client_id: "r1".to_owned(), body: " ご連絡ありがとうございます。 ".to_owned() };
        let say = |act: Act| {
            let (ports, answer) = (ports(Arc::clone(&chat)), answer.clone());
            let db = house.db.clone();
            async move { tickets::reply(&db, &ports, act, ticket.id, &answer).await }
        };
        assert_eq!(say(house.act(0, 1)).await.unwrap_err().code, "no_thread");
        let contact = house.contact_over("chat", ticket.id, NOW).await;
        say(house.act(0, 2)).await.unwrap();
        say(house.act(0, 3)).await.unwrap();
        let told: Vec<_> = {
            let replies = chat.replies.lock().unwrap();
            replies.iter().map(|r| (r.contact, r.client_id.clone(), r.body.clone())).collect()
        };
        let body = " ご連絡ありがとうございます。".to_owned();
        assert_eq!(told, vec![(contact, "r1".to_owned(), body); 2], "the chat knows a message by its id");
        let page = house.list(house.reader(0), &ListQuery::default()).await.unwrap();
        assert!(!page.items[0].reply_waiting);
        assert!(house.trail().await.iter().any(|row| row.action == "ticket.reply" && row.detail.is_empty()));
    }

    async fn earlier_tickets_are_found_for_their_reasons(db: Db) {
        let house = House::new(db).await;
        let from = |reply_to: &str, organisation: &str, number: &str| Fields {
            reply_to: Some(reply_to.to_owned()),
            organisation: Some(organisation.to_owned()),
            corporate_number: Some(number.to_owned()),
            ..Fields::default()
        };
        let stranger = house.make(0, 0, from("", "山崎鉄工所", "")).await;
        let company = house.make(0, 1, from("", "（株）山﨑・製作所", "")).await;
        let phone = house.make(0, 2, from("03-6838-0058", "", "4000012090001")).await;
        let thread = house.make(0, 3, Fields::default()).await;
        let pool = house.seed.pool;
        let own = house.arrived(thread.id, "+81 3 6838 0058", NOW + 4).await;
        let contact = house.contact(own, NOW + 5).await;
        let (act, patch) = (
            house.act(0, 6),
            TicketPatch {
                version: 1,
                editor: None,
                fields: Fields {
                    organisation: Some("株式会社山崎製作所".to_owned()),
                    corporate_number: Some("4000012090001".to_owned()),
                    ..Fields::default()
                },
            },
        );
        house
            .db
            .write(move |tx| Box::pin(async move { tickets::change(tx, &act, own, &patch).await }))
            .await
            .unwrap();
        house.make(0, 9, from("0368380058", "山崎製作所", "")).await;

        let mut tx = house.db.read().await.unwrap();
        let today = date(2026, 11, 25);
        let found = tickets::earlier(&mut tx, pool, house.reader(0), today, contact).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|e| (e.ticket.number, e.reasons)).collect();
        assert_eq!(
            found,
            [
                (thread.number, vec![MatchReason::SameThread]),
                (phone.number, vec![MatchReason::SameReplyTo, MatchReason::SameCorporateNumber]),
                (company.number, vec![MatchReason::SameOrganisation]),
            ],
            "not {}, nor what came later",
            stranger.number
        );
        let nobody = ContactId(1);
        let refused = tickets::earlier(&mut tx, pool, house.reader(0), today, nobody).await.unwrap_err();
        assert_eq!(refused.code, "not_found");
    }

}

/// A chat that keeps what it is told.
#[derive(Default)]
struct Chat {
    replies: Mutex<Vec<AgentMessage>>,
}

impl ChannelPort for Chat {
    fn send(&self, _message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        Box::pin(async { Err(Problem::internal()) })
    }

    fn reply(&self, message: AgentMessage) -> BoxFuture<'_, Result<Message, Problem>> {
        self.replies.lock().unwrap().push(message.clone());
        let AgentMessage { contact, agent, client_id, body } = message;
        let message = Message {
            id: MessageId(1),
            contact,
            seq: 1,
            sender: Sender::Agent,
            account: Some(agent),
            client_id,
            body,
            language: None,
            language_confidence: None,
            at: Timestamp(NOW),
        };
        Box::pin(async { Ok(message) })
    }

    fn mark(
        &self,
        _contact: ContactId,
        _agent: AccountId,
        _up_to_seq: i64,
        _kind: MarkKind,
    ) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    fn messages<'a>(
        &'a self,
        _tx: &'a mut Tx,
        _contact: ContactId,
        _after: i64,
        _limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Message>, DbError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn ports(chat: Arc<Chat>) -> Ports {
    Ports { hooks: Arc::new(Hooks { chance: Chance::seeded(1), zone: TimeZone::UTC }), chat }
}
