//! The agents' live side over the network: directory, board, the socket and its rules.

use madoguchi::kernel::db::Db;
use madoguchi::on_db;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::on_both_servers;
use crate::support::client::{Person, Socket};
use crate::support::server::TestServer;

/// A worker begins a chat; gives her contact and token.
async fn chat(server: &TestServer, desk: &str, language: &str) -> (String, String) {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let begun = server
        .anon()
        .post(
            "/api/v1/chat",
            &json!({
                "client_id": format!("story-of-a-worker-{n:06}"), "desk": desk, "language": language,
                "inquirer": "worker", "consent": true, "first_message": "Hello, I have a question.",
            }),
        )
        .await
        .ok();
    let text = |name: &str| begun[name].as_str().expect("a text").to_owned();
    (text("contact"), text("token"))
}

/// An agent at work: welcome is read, the state is available.
async fn at_work(person: &Person) -> Socket {
    let (mut socket, first) = person.socket(None).await;
    assert_eq!(first["type"], "welcome", "{first}");
    socket.done(&json!({ "type": "set_state", "state": "available" })).await;
    socket
}

async fn count(db: &Db, sql: &'static str, value: String) -> i64 {
    let mut tx = db.read().await.expect("a reader");
    on_db!(tx, |conn| sqlx::query_scalar(sql).bind(&value).fetch_one(conn).await).expect("a count")
}

/// The numbers of the events among `frames`.
fn numbers(frames: &[Value]) -> Vec<i64> {
    frames.iter().filter(|f| f["type"] == "event").filter_map(|f| f["seq"].as_i64()).collect()
}

on_both_servers! {
    async fn names_and_figures_are_for_whom_they_are_for(server: &mut TestServer) {
        assert_eq!(server.anon().get("/api/v1/directory").await.status, 401);
        let agent = server.agent(0).await;
        let directory = agent.get("/api/v1/directory").await.ok();
        assert_eq!(directory["agents"].as_array().map(Vec::len), Some(4));
        assert_eq!(directory["desks"].as_array().map(Vec::len), Some(2));
        assert_eq!(directory["topics"][0]["id"], server.seed.topic);
        assert_eq!(directory["target_per_day"], 40);
        let officer = server.officer().await;
        assert_eq!(officer.get("/api/v1/directory").await.ok()["agents"], json!([]));
        assert_eq!(officer.get("/api/v1/board").await.code(), "forbidden");
        let figures = officer.get("/api/v1/board/figures").await.ok();
        assert_eq!((&figures["target_per_day"], &figures["waiting"]), (&json!(40), &json!([])));
        let administrator = server.administrator().await;
        assert_eq!(administrator.get("/api/v1/board/figures").await.code(), "forbidden");
        assert_eq!(agent.get("/api/v1/board").await.ok()["zone"], "Asia/Tokyo");
    }

    async fn a_console_says_hello_and_gets_the_board(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let (mut socket, welcome) = agent.socket(None).await;
        assert_eq!(welcome["type"], "welcome");
        assert_eq!(welcome["me"]["agent"], json!(server.seed.agents[0]));
        assert_eq!(welcome["board"]["contacts"], json!([]));
        socket.say(&json!({ "type": "ping" })).await;
        socket.frame("pong").await;
        assert_eq!(socket.refused(&json!({ "type": "hello" })).await, "invalid_input");
        socket.done(&json!({ "type": "set_state", "state": "available" })).await;
        let event = socket.event("agent_state").await;
        assert_eq!(event["event"]["state"], "available");
    }

    async fn only_our_own_pages_reach_the_socket(server: &mut TestServer) {
        let agent = server.agent(0).await;
        assert!(agent.open_socket_from("/ws/agent", "https://evil.example").await.is_err());
        assert!(server.anon().open_socket("/ws/agent").await.is_err());
        assert!(server.officer().await.open_socket("/ws/agent").await.is_err());
        assert_eq!(agent.get("/ws/agent").await.code(), "websocket_only");
        let mut early = agent.open_socket("/ws/agent").await.expect("the socket opens");
        early.say(&json!({ "type": "ping" })).await;
        let told = early.drain().await;
        assert_eq!(told[0]["problem"]["code"], "hello_first", "{told:?}");
    }

    async fn a_console_that_comes_back_misses_and_doubles_nothing(server: &mut TestServer) {
        let watcher = server.supervisor().await;
        let (mut socket, welcome) = watcher.socket(None).await;
        let from = welcome["board"]["seq"].as_i64().expect("a number");
        let mut seen = Vec::new();
        let mut workers = Vec::new();
        for n in 0..3 {
            let mut other = at_work(&server.agent(n).await).await;
            workers.push(tokio::spawn(async move {
                for _ in 0..15 {
                    other.done(&json!({ "type": "set_state", "state": "away", "reason": "break" })).await;
                    other.done(&json!({ "type": "set_state", "state": "available" })).await;
                }
                other
            }));
        }
        let mut last = from;
        for _ in 0..6 {
            for _ in 0..7 {
                let event = socket.until(|f| f["type"] == "event").await;
                seen.push(event["seq"].as_i64().expect("a number"));
            }
            last = *seen.last().expect("an event");
            socket.close().await;
            let (back, first) = watcher.socket(Some(last)).await;
            assert_eq!((&first["type"], &first["from_seq"]), (&json!("resumed"), &json!(last)));
            socket = back;
        }
        for worker in workers {
            worker.await.expect("a worker").close().await;
        }
        let end: i64 = count(&server.db, "SELECT event_seq FROM pools WHERE id = $1",
            server.seed.pool.to_string()).await;
        while last < end {
            last = socket.until(|f| f["type"] == "event").await["seq"].as_i64().expect("a number");
            seen.push(last);
        }
        let expected: Vec<i64> = (from + 1..=last).collect();
        assert_eq!(seen, expected);
        server.restart().await;
        let (mut back, first) = watcher.socket(Some(last)).await;
        assert_eq!(first, json!({ "type": "resumed", "from_seq": last }), "a restart is one more lost line");
        assert_eq!(back.until(|f| f["type"] == "event").await["seq"], json!(last + 1));
        let (_, fresh) = watcher.socket(Some(last + 1_000_000)).await;
        assert_eq!(fresh["type"], "welcome", "a position of another log is no position");
    }

    async fn an_offer_is_taken_answered_and_finished(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let mut socket = at_work(&agent).await;
        let (contact, _) = chat(server, "workers", "en").await;
        let made = socket.event("offer_made").await;
        let offer = made["event"]["offer"].clone();
        let detail = socket.frame("offer_detail").await;
        assert_eq!((&detail["offer"], &detail["contact"]), (&offer, &json!(contact)));
        assert_eq!(detail["why"]["rule"], "best_fit");
        socket.done(&json!({ "type": "accept", "offer": offer })).await;
        assert_eq!(socket.refused(&json!({ "type": "accept", "offer": offer })).await, "offer_over");
        socket.done(&json!({ "type": "open", "contact": contact })).await;
        let opened = socket.frame("opened").await;
        assert_eq!(opened["messages"][0]["body"], "Hello, I have a question.");
        assert_eq!(opened["visitor"]["inquirer"], "worker");
        let send = json!({ "type": "send", "contact": contact, "client_id": "a1", "body": "Good morning." });
        socket.done(&send).await;
        socket.done(&send).await;
        let message = socket.frame("message").await;
        assert_eq!((&message["message"]["body"], &message["message"]["sender"]),
            (&json!("Good morning."), &json!("agent")));
        socket.done(&json!({ "type": "read", "contact": contact, "up_to_seq": message["message"]["seq"] }))
            .await;
        socket.done(&json!({ "type": "end", "contact": contact })).await;
        assert_eq!(socket.refused(&send).await, "wrong_state");
        socket.done(&json!({ "type": "wrap_up_done", "contact": contact })).await;
        socket.event("contact_closed").await;
        let twice = socket.passed().iter().filter(|f| f["type"] == "message").count();
        assert_eq!(twice, 0, "sent again with the same id, it is the same message");
        let shown = agent.get(&format!("/api/v1/contacts/{contact}")).await.ok();
        assert_eq!(shown["messages"].as_array().map(Vec::len), Some(2));
        let why = agent.get(&format!("/api/v1/contacts/{contact}/explanations")).await.ok();
        assert_eq!(why[0]["rule"], "best_fit");
        let behind = agent.get("/api/v1/contacts?figure=answered").await.ok();
        assert_eq!(behind["items"][0]["id"], json!(contact));
        assert_eq!(agent.get("/api/v1/contacts?figure=abandoned").await.ok()["items"], json!([]));
        assert_eq!(agent.get("/api/v1/contacts?figure=names").await.status, 400);
        let figures = server.officer().await.get("/api/v1/board/figures").await.ok();
        assert_eq!(figures["totals"]["answered"], 1);
    }

    async fn two_sockets_of_one_agent_are_one_agent(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let mut first = at_work(&agent).await;
        let (mut second, _) = agent.socket(None).await;
        let (mut watcher, _) = server.supervisor().await.socket(None).await;
        let (contact, _) = chat(server, "workers", "en").await;
        let offer = first.event("offer_made").await["event"]["offer"].clone();
        second.frame("offer_detail").await;
        second.done(&json!({ "type": "accept", "offer": offer })).await;
        assert_eq!(first.refused(&json!({ "type": "accept", "offer": offer })).await, "offer_over");
        assert_eq!(first.event("contact_accepted").await["contact"], json!(contact));
        first.close().await;
        second.done(&json!({ "type": "end", "contact": contact })).await;
        watcher.event("wrap_up_started").await;
        let me = json!(server.seed.agents[0]);
        assert!(!watcher.passed().iter().any(|f| f["event"]["type"] == "agent_disconnected"
            && f["event"]["agent"] == me));
        second.close().await;
        let gone = watcher.event("agent_disconnected").await;
        assert_eq!(gone["event"]["agent"], me);
    }

    async fn the_oldest_of_too_many_sockets_goes(server: &mut TestServer) {
        let agent = server.agent(1).await;
        let (oldest, _) = agent.socket(None).await;
        let mut others = Vec::new();
        for _ in 0..5 {
            others.push(agent.socket(None).await.0);
        }
        let told = oldest.drain().await;
        assert_eq!(told.last().expect("a last word")["reason"], "replaced");
        others[0].say(&json!({ "type": "ping" })).await;
        others[0].frame("pong").await;
    }

    async fn a_contact_of_others_is_theirs(server: &mut TestServer) {
        let (elsewhere, _) = chat(server, "companies", "ja").await;
        let (waiting, _) = chat(server, "workers", "th").await;
        let mut socket = at_work(&server.agent(0).await).await;
        let open = |contact: &str| json!({ "type": "open", "contact": contact });
        assert_eq!(socket.refused(&open(&elsewhere)).await, "not_your_contact");
        assert_eq!(socket.refused(&open("con_01ARZ3NDEKTSV4RRFFQ69G5FAV")).await, "not_found");
        socket.done(&open(&waiting)).await;
        let write = json!({ "type": "send", "contact": waiting, "client_id": "x", "body": "Mine?" });
        assert_eq!(socket.refused(&write).await, "not_your_contact");
        let read = json!({ "type": "read", "contact": waiting, "up_to_seq": 1 });
        assert_eq!(socket.refused(&read).await, "not_your_contact");
        let (mut chief, _) = server.supervisor().await.socket(None).await;
        chief.done(&open(&elsewhere)).await;
        let read = "SELECT COUNT(*) FROM audit WHERE action = 'contact.read' AND object_id = $1";
        assert_eq!(count(&server.db, read, elsewhere).await, 1);
        assert_eq!(count(&server.db, read, waiting).await, 1);
    }

    async fn frames_that_are_no_commands_do_no_harm(server: &mut TestServer) {
        let agent = server.agent(2).await;
        let (mut socket, _) = agent.socket(None).await;
        let deep = "[".repeat(30_000);
        let named = r#"{"cmd":"n1","type":"accept","offer":7}"#;
        for (text, cmd) in [
            ("", ""), ("nonsense", ""), ("null", ""), ("[]", ""), ("{\"type\":\"fly\"}", ""), (&deep, ""),
            (named, "n1"), (r#"{"cmd":5,"type":"ping"}"#, ""),
        ] {
            socket.say_raw(Message::text(text)).await;
            let answer = socket.frame("refused").await;
            assert_eq!((&answer["cmd"], &answer["problem"]["code"]), (&json!(cmd), &json!("invalid_input")));
        }
        socket.say_raw(Message::binary(vec![0_u8, 159, 255])).await;
        socket.frame("refused").await;
        socket.say(&json!({ "type": "ping", "cmd": "c".repeat(41) })).await;
        assert_eq!(socket.frame("refused").await["cmd"], "");
        socket.say(&json!({ "type": "ping" })).await;
        socket.frame("pong").await;
        // Too large: the line is closed.
        let (large, _) = agent.socket(None).await;
        let mut large = large;
        let body = "x".repeat(70_000);
        let _ = futures_util::SinkExt::send(&mut large.stream, Message::text(body)).await;
        large.drain().await;
        // Too fast: refused, and closed when it does not stop.
        let (mut flood, _) = agent.socket(None).await;
        for _ in 0..150 {
            flood.say(&json!({ "type": "ping" })).await;
        }
        assert_eq!(flood.frame("refused").await["problem"]["code"], "rate_limited");
        for _ in 0..400 {
            let frame = Message::text(r#"{"type":"ping"}"#);
            if futures_util::SinkExt::send(&mut flood.stream, frame).await.is_err() {
                break;
            }
        }
        flood.drain().await;
        socket.done(&json!({ "type": "set_state", "state": "away", "reason": "meal" })).await;
    }

    async fn a_console_that_does_not_read_is_told_to_come_back(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let mut quick = at_work(&agent).await;
        let (mut watcher, _) = server.supervisor().await.socket(None).await;
        let (contact, _) = chat(server, "workers", "en").await;
        let offer = quick.event("offer_made").await["event"]["offer"].clone();
        quick.done(&json!({ "type": "accept", "offer": offer })).await;
        let body = "あ".repeat(4000);
        for n in 0..30 {
            let id = format!("long-{n}");
            quick.done(&json!({ "type": "send", "contact": contact, "client_id": id, "body": body })).await;
        }
        quick.close().await;
        let me = json!(server.seed.agents[0]);
        let gone = |f: &Value| f["event"]["type"] == "agent_disconnected" && f["event"]["agent"] == me;
        watcher.until(gone).await;
        let (mut slow, _) = agent.socket(None).await;
        for _ in 0..100 {
            slow.say(&json!({ "type": "open", "contact": contact })).await;
        }
        watcher.until(gone).await;
        let told = slow.drain().await;
        assert_eq!(told.last().expect("a last word"), &json!({ "type": "bye", "reason": "too_slow" }));
        let (_, first) = agent.socket(numbers(&told).last().copied().or(Some(1))).await;
        assert_eq!(first["type"], "resumed");
    }

    async fn signing_out_and_stopping_end_the_sockets(server: &mut TestServer) {
        let (agent, other) = (server.agent(0).await, server.agent(1).await);
        let (ending, _) = agent.socket(None).await;
        let (staying, _) = other.socket(None).await;
        assert!(agent.delete("/api/v1/session").await.status.is_success());
        let told = ending.drain().await;
        assert_eq!(told.last().expect("a last word"), &json!({ "type": "bye", "reason": "signed_out" }));
        server.stop().await;
        let told = staying.drain().await;
        assert_eq!(told.last().expect("a last word"), &json!({ "type": "bye", "reason": "stopping" }));
        assert!(numbers(&told).windows(2).all(|pair| pair[1] == pair[0] + 1));
    }
}
