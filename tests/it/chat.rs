//! Chats over the network: what a visitor's page and an agent's console see of each other, and what holds
//! when the line is cut, the sender repeats itself, or somebody means harm.

use futures_util::SinkExt as _;
use madoguchi::app::World;
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::on_db;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Raw;

use crate::support::TestDb;
use crate::support::client::Socket;
use crate::support::server::{Options, TestServer, with_server_as};
use crate::support::visitor::Visitor;

/// A Wednesday noon in Tokyo.
const NOON: Timestamp = Timestamp(1_795_489_200_000);

const TRANSCRIPTS_READ: &str = "SELECT COUNT(*) FROM audit
    WHERE action = 'contact.transcript' AND object_id = $1";
const MESSAGES_LOGGED: &str = "SELECT COUNT(*) FROM contact_events
    WHERE kind = 'message_stored' AND contact_id = $1";
const SCORES_LOGGED: &str = "SELECT COUNT(*) FROM contact_events
    WHERE kind = 'satisfaction_given' AND contact_id = $1";
const LANGUAGE: &str = "SELECT language_source || ' ' || language FROM contacts WHERE id = $1";
const CLOSE: &str = "UPDATE desks SET hours = $1 WHERE slug = 'workers'";
const ANSWER_AWAITED: &str = "SELECT COUNT(*) FROM tickets t JOIN contacts c ON c.ticket_id = t.id
    WHERE t.reply_waiting AND c.id = $1";

/// A program that believes what a proxy says about addresses.
fn options(clock: Clock) -> Options {
    Options {
        world: World { clock, chance: Chance::system() },
        variables: vec![("MADOGUCHI_HTTP__TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned())],
        ..Options::default()
    }
}

/// Two tests of each story, whose clock stands still until the story moves it.
macro_rules! on_both {
    ($($story:ident)*) => {$(
        mod $story {
            use super::*;

            async fn tell(db: TestDb) {
                let clock = Clock::manual(NOON);
                let hand = clock.clone();
                let story = async move |server: &mut TestServer| super::$story(server, hand).await;
                with_server_as(db, options(clock), story).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                tell(TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(db) = TestDb::postgres().await {
                    tell(db).await;
                }
            }
        }
    )*};
}

on_both! {
    a_worker_and_an_agent_talk
    a_lost_answer_is_asked_for_again
    a_page_that_was_cut_off_gets_what_it_missed
    each_limit_says_what_it_is
    hostile_bytes_do_no_harm
    a_message_left_is_answered_on_its_private_page
    a_closed_desk_takes_messages_only
    a_score_is_given_once
    whoever_tires_of_waiting_leaves_a_message
    another_language_is_suggested_and_looked_for
    who_is_gone_counts_as_abandoned_and_the_link_expires
    many_senders_who_repeat_themselves_are_each_heard_once_in_order
}

fn visitor(server: &TestServer, n: u8) -> Visitor {
    Visitor::new(server.address, &format!("203.0.113.{n}"))
}

/// Who has begun to wait.
async fn waiting(server: &TestServer, n: u8, change: &Value) -> Visitor {
    let mut visitor = visitor(server, n);
    visitor.begin(&format!("page-of-a-visitor-{n:03}"), change).await;
    visitor
}

/// The agent who speaks Vietnamese, ready.
async fn agent_at_work(server: &TestServer) -> Socket {
    let agent = server.agent(1).await;
    let (mut socket, _) = agent.socket(None).await;
    socket.done(&json!({ "type": "set_state", "state": "available" })).await;
    socket
}

/// The same agent at lunch: nothing rings.
async fn agent_at_work_but_away(server: &TestServer) -> Socket {
    let (mut socket, _) = server.agent(1).await.socket(None).await;
    socket.done(&json!({ "type": "set_state", "state": "away", "reason": "meal" })).await;
    socket
}

/// Accepts what rings and opens it; gives the answer to `open`.
async fn take(agent: &mut Socket, contact: &str) -> Value {
    let made = agent.until(|f| f["event"]["type"] == "offer_made" && f["contact"] == contact).await;
    agent.done(&json!({ "type": "accept", "offer": made["event"]["offer"] })).await;
    agent.say(&json!({ "type": "open", "contact": contact, "cmd": "open" })).await;
    agent.frame("opened").await
}

async fn number(server: &TestServer, sql: &'static str, value: &str) -> i64 {
    let mut tx = server.db.read().await.expect("a reader");
    on_db!(tx, |conn| sqlx::query_scalar(sql).bind(value.to_owned()).fetch_one(conn).await).expect("a number")
}

async fn text(server: &TestServer, sql: &'static str, value: &str) -> Option<String> {
    let mut tx = server.db.read().await.expect("a reader");
    on_db!(tx, |conn| sqlx::query_scalar(sql).bind(value.to_owned()).fetch_one(conn).await).expect("a text")
}

fn bodies(messages: &Value) -> Vec<&str> {
    messages.as_array().into_iter().flatten().filter_map(|m| m["body"].as_str()).collect()
}

async fn a_worker_and_an_agent_talk(server: &mut TestServer, _clock: Clock) {
    let mut agent = agent_at_work(server).await;
    let her = waiting(server, 1, &json!({ "first_message": "Chào anh chị", "display_name": "Mai" })).await;
    let (mut page, welcome) = her.socket(0).await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    assert_eq!(bodies(&welcome["messages"]), ["Chào anh chị"]);
    assert_eq!((&welcome["standing"]["state"], &welcome["language"]), (&json!("waiting"), &json!("vi")));
    assert!(welcome["number"].as_str().is_some_and(|n| n.starts_with('R')), "{welcome}");
    let opened = take(&mut agent, &her.contact).await;
    assert_eq!(bodies(&opened["messages"]), ["Chào anh chị"]);
    assert_eq!(opened["visitor"]["display_name"], "Mai");
    let state = page.until(|f| f["type"] == "state" && f["state"] == "active").await;
    assert_eq!(state["agent_name"], "Name");

    page.say(&json!({ "type": "send", "client_id": "m1", "body": "Tôi có câu hỏi về hợp đồng" })).await;
    let ack = page.frame("ack").await;
    assert_eq!(
        (&ack["client_id"], &ack["message"]["body"]),
        (&json!("m1"), &json!("Tôi có câu hỏi về hợp đồng"))
    );
    let shown = agent.frame("message").await;
    assert_eq!((&shown["message"]["seq"], &shown["message"]["language"]), (&ack["seq"], &json!("vi")));
    let seq = ack["seq"].as_i64().expect("a number");
    let marks = page.until(|f| f["type"] == "marks" && f["delivered_seq"].as_i64() >= Some(seq)).await;
    assert!(marks["read_seq"].as_i64() < Some(seq), "{marks}");
    agent.done(&json!({ "type": "read", "contact": her.contact, "up_to_seq": seq })).await;
    page.until(|f| f["type"] == "marks" && f["read_seq"].as_i64() == Some(seq)).await;

    agent.say(&json!({ "type": "typing", "contact": her.contact })).await;
    page.frame("typing").await;
    page.say(&json!({ "type": "typing" })).await;
    agent.frame("typing").await;
    agent
        .done(&json!({ "type": "send", "contact": her.contact, "client_id": "a1", "body": "Xin chào" }))
        .await;
    let answer = page.until(|f| f["type"] == "message" && f["message"]["sender"] == "agent").await;
    assert_eq!(
        (&answer["message"]["body"], &answer["message"]["agent_name"]),
        (&json!("Xin chào"), &json!("Name"))
    );
    page.say(&json!({ "type": "read", "up_to_seq": answer["message"]["seq"] })).await;
    let read = agent.event("messages_read").await;
    assert!(read["event"]["side"] == "visitor" || read["event"]["side"] == "agent");

    agent.done(&json!({ "type": "end", "contact": her.contact })).await;
    let end = page.until(|f| f["type"] == "state" && f["state"] == "ended").await;
    assert_eq!((&end["ended_by"], &end["outcome"]), (&json!("agent"), &json!("handled")));
    page.say(&json!({ "type": "rate", "score": 5 })).await;
    assert_eq!(page.frame("done").await["what"], "rate");
    let transcript = her.get("/api/v1/chat/transcript").await;
    let transcript = String::from_utf8(transcript.body.to_vec()).expect("text");
    assert!(transcript.contains("Tôi có câu hỏi") && transcript.contains("Name: Xin chào"), "{transcript}");
    let me = her.get("/api/v1/chat/me").await.ok();
    assert_eq!((&me["satisfaction"], &me["answered_later"]), (&json!(5), &json!(true)));
    let staff = server.agent(1).await;
    let path = format!("/api/v1/contacts/{}/transcript", her.contact);
    assert_eq!(staff.get(&path).await.status, 200);
    assert_eq!(server.anon().get(&path).await.status, 401);
    let audited = number(server, TRANSCRIPTS_READ, &her.contact);
    assert_eq!(audited.await, 1);
}

async fn a_lost_answer_is_asked_for_again(server: &mut TestServer, _clock: Clock) {
    let mut her = visitor(server, 2);
    let first = her.begin("page-with-a-weak-line", &json!({ "first_message": "Hello" })).await;
    let again = her.begin("page-with-a-weak-line", &json!({ "first_message": "Hello" })).await;
    assert_eq!(first, again);
    let elsewhere = visitor(server, 3).begin("page-with-a-weak-line", &json!({})).await;
    assert_ne!(first["token"], elsewhere["token"], "another network knows nothing");
    let said = futures_util::future::join_all((0..8).map(|_| her.say("same", "Only once"))).await;
    let seqs: Vec<Value> = said.iter().map(|answer| answer.ok()["seq"].clone()).collect();
    assert!(seqs.iter().all(|seq| *seq == seqs[0]), "{seqs:?}");
    let count = number(server, "SELECT COUNT(*) FROM messages WHERE contact_id = $1", &her.contact).await;
    assert_eq!(count, 2);
    let logged = number(server, MESSAGES_LOGGED, &her.contact);
    assert_eq!(logged.await, 2, "nothing is logged twice");
}

async fn a_page_that_was_cut_off_gets_what_it_missed(server: &mut TestServer, _clock: Clock) {
    let mut agent = agent_at_work(server).await;
    let her = waiting(server, 4, &json!({ "first_message": "Xin hỏi một chút" })).await;
    take(&mut agent, &her.contact).await;
    let (page, welcome) = her.socket(0).await;
    let last = welcome["messages"][0]["seq"].as_i64().expect("a number");
    drop(page);
    for n in 0..3 {
        let body = format!("Answer {n}");
        let id = format!("a{n}");
        let send = json!({ "type": "send", "contact": her.contact, "client_id": id, "body": body });
        agent.done(&send).await;
    }
    let (mut page, welcome) = her.socket(last).await;
    assert_eq!(bodies(&welcome["messages"]), ["Answer 0", "Answer 1", "Answer 2"]);
    let mut stream = her.stream(last).await;
    let over_the_stream = stream.frame("welcome").await;
    assert_eq!(over_the_stream["messages"], welcome["messages"]);
    her.say("m1", "Cảm ơn").await.ok();
    let (one, other) = (page.frame("message").await, stream.frame("message").await);
    assert_eq!((&one, &one["message"]["body"]), (&other, &json!("Cảm ơn")));
    server.stop().await;
    assert_eq!(page.frame("bye").await["reason"], "stopping");
    assert_eq!(stream.frame("bye").await["reason"], "stopping");
}

async fn each_limit_says_what_it_is(server: &mut TestServer, clock: Clock) {
    let door = visitor(server, 5);
    for (change, code) in [
        (json!({ "consent": false }), "consent_needed"),
        (json!({ "desk": "nowhere" }), "not_found"),
        (json!({ "language": "klingon" }), "invalid_input"),
        (json!({ "client_id": "short" }), "invalid_input"),
        (json!({ "topic": "nonsense" }), "invalid_input"),
        (json!({ "first_message": "あ".repeat(4001) }), "message_too_long"),
    ] {
        let wish = Visitor::wish("page-at-the-door-0001", &change);
        assert_eq!(door.post("/api/v1/chat", &wish).await.code(), code, "{change}");
    }
    let mut her = waiting(server, 5, &json!({ "language": "ja" })).await;
    her.person.language = "vi".to_owned();
    let long = her.say("long", &"あ".repeat(4001)).await;
    assert_eq!((long.code().as_str(), &long.json()["params"]["max"]), ("message_too_long", &json!("4000")));
    assert!(long.json()["message"].as_str().is_some_and(|m| m.contains("4000") && !m.contains("characters")));
    assert!(her.say("fits", &"あ".repeat(4000)).await.status.is_success());
    assert_eq!(her.say("blank", " \u{3000}\n").await.code(), "message_empty");
    for n in 1..20 {
        her.say(&format!("n{n}"), "text").await.ok();
    }
    let refused = her.say("n20", "text").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "too_many_messages"));
    assert!(refused.headers.contains_key("retry-after"));
    assert!(her.say("n3", "text").await.status.is_success(), "what is stored is acknowledged");
    clock.advance(Millis::from_secs(3));
    assert!(her.say("n20", "text").await.status.is_success());
    for n in 1..5 {
        visitor(server, 5).begin(&format!("another-page-{n:08}"), &json!({})).await;
    }
    let sixth = door.post("/api/v1/chat", &Visitor::wish("a-sixth-page-000", &json!({}))).await;
    assert_eq!((sixth.status.as_u16(), sixth.code().as_str()), (429, "open_chats"));
    for n in 0..10 {
        let answer =
            door.post("/api/v1/chat", &Visitor::wish(&format!("many-a-page-{n:08}"), &json!({}))).await;
        if n > 4 {
            assert_eq!(answer.code(), "rate_limited");
        }
    }
}

async fn hostile_bytes_do_no_harm(server: &mut TestServer, _clock: Clock) {
    let her = waiting(server, 6, &json!({ "first_message": "a\u{0}b\u{7}\r\nc" })).await;
    let (mut page, welcome) = her.socket(0).await;
    assert_eq!(bodies(&welcome["messages"]), ["ab\nc"]);
    for bad in [
        "",
        "{",
        "[]",
        "null",
        r#"{"type":"send"}"#,
        r#"{"type":"hello","token":"again"}"#,
        r#"{"type":"send","client_id":"x","body":"\ud800"}"#,
        r#"{"type":"rate","score":9}"#,
        r#"{"type":"send","client_id":"a b","body":"x"}"#,
        r#"{"type":"language","language":"<script>"}"#,
        r#"{"type":"send","client_id":"e","body":"\u0000"}"#,
    ] {
        page.say_raw(Raw::text(bad)).await;
        let refused = page.frame("refused").await;
        assert!(refused["problem"]["code"].is_string(), "{bad}: {refused}");
    }
    page.say(&json!({ "type": "read", "up_to_seq": i64::MAX })).await;
    page.say(&json!({ "type": "read", "up_to_seq": -5 })).await;
    page.say(&json!({ "type": "send", "client_id": "ok", "body": "still\u{202e} here" })).await;
    page.frame("ack").await;
    page.say_raw(Raw::binary(vec![0, 159, 146, 150])).await;
    assert_eq!(page.frame("bye").await["reason"], "refused");
    let (mut page, _) = her.socket(0).await;
    // The program may hang up before the whole frame has left.
    let _ = page.stream.send(Raw::text("a".repeat(600_000))).await;
    page.drain().await;
    for token in ["", "nonsense", &"A".repeat(43), &"A".repeat(10_000)] {
        let mut stranger = her.clone();
        token.clone_into(&mut stranger.token);
        let (mut page, first) = stranger.socket(0).await;
        assert_eq!(first["problem"]["code"], "not_found", "{first}");
        assert_eq!(page.frame("bye").await["reason"], "refused");
        let status = stranger.get("/api/v1/chat/me").await.status.as_u16();
        assert_eq!(status, if token.is_empty() { 401 } else { 404 });
    }
    let key = her.post("/api/v1/chat/ticket", &json!({})).await.ok();
    let key = key["key"].as_str().expect("a key");
    let other = waiting(server, 7, &json!({})).await;
    let forged = key.replace(&her.contact, &other.contact);
    for bad in ["", "x", "a.b.c", &forged, &format!("{key}x")] {
        let answer = her.get(&format!("/api/v1/chat/stream?key={bad}")).await;
        assert_eq!(answer.status, 401, "{bad}");
    }
}

async fn a_message_left_is_answered_on_its_private_page(server: &mut TestServer, clock: Clock) {
    let mut her = visitor(server, 8);
    let wish = Visitor::wish(
        "page-that-leaves-a-message",
        &json!({ "message": "Xin trả lời sau", "reply_to": "mai@example.jp" }),
    );
    let left = her.post("/api/v1/chat/leave", &wish).await.ok();
    assert_eq!(left, her.post("/api/v1/chat/leave", &wish).await.ok(), "once, however often it is sent");
    her.keep(&left);
    assert_eq!(left["link"], json!(format!("/chat/thread#{}", her.token)));
    let me = her.get("/api/v1/chat/me").await.ok();
    assert_eq!((&me["standing"]["state"], &me["answered_later"]), (&json!("left"), &json!(true)));
    let waits = "SELECT COUNT(*) FROM tickets WHERE reply_waiting AND number = $1";
    let ticket_number = left["number"].as_str().expect("a number").to_owned();
    assert_eq!(number(server, waits, &ticket_number).await, 1);
    let ticket = text(server, "SELECT ticket_id FROM contacts WHERE id = $1", &her.contact).await;
    let path = format!("/api/v1/tickets/{}/reply", ticket.expect("a ticket"));
    let agent = server.agent(0).await;
    agent.post(&path, &json!({ "client_id": "r1", "body": "Answer from the desk" })).await.ok();
    assert_eq!(number(server, waits, &ticket_number).await, 0);
    let me = her.get("/api/v1/chat/me").await.ok();
    assert_eq!(bodies(&me["messages"]), ["Xin trả lời sau", "Answer from the desk"]);
    her.say("m2", "Một câu hỏi nữa").await.ok();
    assert_eq!(number(server, waits, &ticket_number).await, 1, "she waits for an answer again");
    clock.advance(Millis::from_mins(29 * 24 * 60));
    her.get("/api/v1/chat/me").await.ok();
    clock.advance(Millis::from_mins(2 * 24 * 60));
    let late = her.get("/api/v1/chat/me").await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (410, "expired_link"));
}

async fn a_closed_desk_takes_messages_only(server: &mut TestServer, _clock: Clock) {
    server.stop().await;
    let hours = json!({ "weekly": [[], [], [], [], [], [], []], "closed_on_holidays": true }).to_string();
    let closed: i64 = server
        .db
        .write(move |tx| {
            Box::pin(async move {
                let done = on_db!(tx, |conn| sqlx::query(CLOSE)
                    .bind(&hours)
                    .execute(conn)
                    .await
                    .map(|d| d.rows_affected()))?;
                Ok::<i64, madoguchi::kernel::db::DbError>(i64::try_from(done).unwrap_or(0))
            })
        })
        .await
        .expect("written");
    assert_eq!(closed, 1);
    server.restart().await;
    let her = visitor(server, 9);
    let status = her.get("/api/v1/chat/status?desk=workers&language=vi").await.ok();
    assert_eq!(status["desks"][0]["open"], false, "{status}");
    let refused = her.post("/api/v1/chat", &Visitor::wish("page-after-closing", &json!({}))).await;
    assert_eq!(refused.code(), "desk_closed");
    let wish = Visitor::wish("page-after-closing", &json!({ "message": "Later, please" }));
    her.post("/api/v1/chat/leave", &wish).await.ok();
}

async fn a_score_is_given_once(server: &mut TestServer, _clock: Clock) {
    let her = waiting(server, 10, &json!({})).await;
    her.post("/api/v1/chat/end", &json!({})).await.ok();
    assert_eq!(her.post("/api/v1/chat/end", &json!({})).await.code(), "closed");
    for bad in [0, 6] {
        assert_eq!(her.post("/api/v1/chat/rate", &json!({ "score": bad })).await.code(), "invalid_input");
    }
    let rate = |score: u8| {
        let her = her.clone();
        async move { her.post("/api/v1/chat/rate", &json!({ "score": score })).await }
    };
    assert_eq!(rate(4).await.status, 204);
    assert_eq!(rate(4).await.status, 204, "a retry is no second score");
    assert_eq!(rate(2).await.code(), "already_rated");
    let logged = number(server, SCORES_LOGGED, &her.contact);
    assert_eq!(logged.await, 1);
}

async fn whoever_tires_of_waiting_leaves_a_message(server: &mut TestServer, _clock: Clock) {
    let her = waiting(server, 11, &json!({ "first_message": "Tôi chờ lâu rồi" })).await;
    let (mut page, _) = her.socket(0).await;
    page.say(&json!({ "type": "divert" })).await;
    let state = page.until(|f| f["type"] == "state" && f["state"] == "left").await;
    assert_eq!(state["reason"], "chosen");
    page.frame("done").await;
    assert_eq!(her.post("/api/v1/chat/divert", &json!({})).await.code(), "closed");
    assert_eq!(number(server, ANSWER_AWAITED, &her.contact).await, 1);
}

async fn another_language_is_suggested_and_looked_for(server: &mut TestServer, _clock: Clock) {
    let her = waiting(
        server,
        12,
        &json!({ "language": "ja", "first_message": "Tôi muốn hỏi về hợp đồng lao động" }),
    )
    .await;
    let (mut page, _) = her.socket(0).await;
    page.say(
        &json!({ "type": "send", "client_id": "v2", "body": "Công ty không trả lương cho tôi tháng này" }),
    )
    .await;
    page.frame("ack").await;
    assert_eq!(page.frame("suggest_language").await["language"], "vi");
    let source = text(server, LANGUAGE, &her.contact).await;
    assert_eq!(source.as_deref(), Some("detected vi"));
    let me = her.get("/api/v1/chat/me").await.ok();
    assert_eq!(me["language"], "ja", "her page stays as she chose it");
    page.say(&json!({ "type": "language", "language": "vi" })).await;
    assert_eq!(page.frame("done").await["what"], "language");
    let third = her.say("v3", "Tôi phải làm gì bây giờ").await.ok();
    assert_eq!(third["suggest_language"], Value::Null);
    let source = text(server, LANGUAGE, &her.contact).await;
    assert_eq!(source.as_deref(), Some("chosen vi"));
}

async fn who_is_gone_counts_as_abandoned_and_the_link_expires(server: &mut TestServer, clock: Clock) {
    let (gone, stays) = (waiting(server, 13, &json!({})).await, waiting(server, 14, &json!({})).await);
    let (mut page, _) = stays.socket(0).await;
    // Somebody who could answer is in the house, or she would be sent away for that.
    let mut board = agent_at_work_but_away(server).await;
    clock.advance(Millis::from_mins(5));
    let end = board.until(|f| f["event"]["type"] == "contact_closed").await;
    assert_eq!((&end["contact"], &end["event"]["outcome"]), (&json!(gone.contact), &json!("abandoned")));
    page.say(&json!({ "type": "ping" })).await;
    page.frame("pong").await;
    assert_eq!(stays.get("/api/v1/chat/me").await.ok()["standing"]["state"], "waiting");
    let me = gone.get("/api/v1/chat/me").await.ok();
    assert_eq!(me["standing"]["state"], "ended");
    clock.advance(Millis::from_mins(24 * 60));
    assert_eq!(gone.get("/api/v1/chat/me").await.code(), "expired_link");
}

async fn many_senders_who_repeat_themselves_are_each_heard_once_in_order(
    server: &mut TestServer,
    _clock: Clock,
) {
    const VISITORS: u8 = 6;
    /// With every repetition they stay below the limit of messages.
    const MESSAGES: usize = 6;
    let chance = Chance::seeded(20_261_125);
    let talks = (0..VISITORS).map(|n| {
        let chance = chance.clone();
        let server = &*server;
        async move {
            let her = waiting(server, 20 + n, &json!({})).await;
            for m in 0..MESSAGES {
                let (id, body) = (format!("m{m}"), format!("message {m}"));
                let times = 1 + usize::try_from(chance.below(3)).unwrap_or(0);
                let answers = futures_util::future::join_all((0..times).map(|_| her.say(&id, &body))).await;
                assert!(answers.iter().all(|answer| answer.status.is_success()), "{id}");
            }
            her
        }
    });
    for her in futures_util::future::join_all(talks).await {
        let me = her.get("/api/v1/chat/me").await.ok();
        let wanted: Vec<String> = (0..MESSAGES).map(|m| format!("message {m}")).collect();
        assert_eq!(bodies(&me["messages"]), wanted);
    }
}
