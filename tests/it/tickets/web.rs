//! Tickets over HTTP: who may, what an answer looks like, what malformed requests get.

use axum::http::Method;
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::on_both_servers;
use crate::support::server::TestServer;

fn by_hand(server: &TestServer, client_id: &str) -> Value {
    json!({
        "client_id": client_id, "desk": server.seed.workers.to_string(), "channel": "phone",
        "inquirer_name": "Mai", "due_on": "2026-12-01", "topics": [server.seed.topic],
    })
}

on_both_servers! {
    async fn two_tabs_meet_over_http(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let made = agent.post("/api/v1/tickets", &by_hand(server, "c1")).await;
        assert_eq!(made.status, 201);
        let ticket = made.ok();
        let again = agent.post("/api/v1/tickets", &by_hand(server, "c1")).await;
        assert_eq!((again.status.as_u16(), again.ok()), (200, ticket.clone()));
        let path = format!("/api/v1/tickets/{}", ticket["id"].as_str().unwrap());
        assert_eq!(agent.get(&path).await.ok(), ticket);

        let one = json!({ "version": 1, "editor": "tab-1", "summary": "a", "due_on": null, "owner": null });
        let changed = agent.patch(&path, &one).await.ok();
        assert_eq!((&changed["due_on"], &changed["owner"]), (&Value::Null, &Value::Null), "null empties");
        let clash = json!({ "version": 1, "editor": "tab-2", "summary": "b", "answer": "c" });
        let refused = agent.patch(&path, &clash).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "changed_elsewhere"));
        let body = refused.json();
        assert_eq!(body["current"], changed);
        assert_eq!(body["fields"], json!({ "summary": "changed_elsewhere" }));
        assert!(body["message"].as_str().is_some_and(|m| !m.is_empty()));

        let note = json!({ "client_id": "n1", "body": "memo" });
        assert_eq!(agent.post(&format!("{path}/notes"), &note).await.status, 201);
        assert_eq!(agent.post(&format!("{path}/notes"), &note).await.status, 200);
        let timeline = agent.get(&format!("{path}/timeline")).await.ok();
        let kinds: Vec<_> = timeline["items"].as_array().unwrap().iter().map(|i| i["kind"].clone()).collect();
        assert_eq!(kinds, ["note", "change", "change"]);
        assert_eq!(agent.post(&format!("{path}/reply"), &note).await.code(), "no_thread");
        let list = agent.get("/api/v1/tickets?q=mai&status=open&owner=none&limit=1").await.ok();
        assert_eq!((&list["total"], &list["items"][0]["number"]), (&json!(1), &ticket["number"]));
    }

    async fn cases_are_for_those_who_answer(server: &mut TestServer) {
        let path = format!("/api/v1/tickets/{}", madoguchi::kernel::ids::TicketId(7));
        for person in [server.administrator().await, server.officer().await] {
            for path in ["/api/v1/tickets", &path, &format!("{path}/timeline")] {
                assert_eq!(person.get(path).await.code(), "forbidden", "{path}");
            }
            let made = person.post("/api/v1/tickets", &by_hand(server, "c1")).await;
            assert_eq!(made.code(), "forbidden");
        }
        assert_eq!(server.anon().get("/api/v1/tickets").await.status, 401);
        let agent = server.agent(0).await;
        for unknown in [path.as_str(), "/api/v1/tickets/tkt_x", "/api/v1/contacts/con_1/history"] {
            assert_eq!(agent.get(unknown).await.status, 404, "{unknown}");
        }
    }

    async fn malformed_requests_are_told_what_is_wrong(server: &mut TestServer) {
        let agent = server.agent(0).await;
        let ticket = agent.post("/api/v1/tickets", &by_hand(server, "c1")).await.ok();
        let path = format!("/api/v1/tickets/{}", ticket["id"].as_str().unwrap());
        for body in [
            json!([]),
            json!({ "version": "1" }),
            json!({ "version": 1, "status": "lost" }),
            json!({ "version": 1, "topics": "residence" }),
            json!({ "version": 0, "summary": "x" }),
            json!({ "version": 1, "summary": "a\u{0}b" }),
            json!({ "version": 1, "summary": "長".repeat(30_000) }),
            json!({ "version": 1, "editor": "x".repeat(41) }),
        ] {
            let refused = agent.patch(&path, &body).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_input"), "{body}");
        }
        let huge = json!({ "version": 1, "summary": "x".repeat(300 * 1024) });
        assert_eq!(agent.patch(&path, &huge).await.code(), "body_too_large");
        let mut request = agent.request(&Method::PATCH, &path, Some(&json!({})));
        *request.body_mut() = Full::new(Bytes::from_static(b"{\"version\":1,\"summary\":\"\xff\"}"));
        assert_eq!(agent.send(request).await.status, 400);
        for query in ["limit=x", "overdue=perhaps", "sort=id", "cursor=%00", "from=2026-13-01"] {
            let refused = agent.get(&format!("/api/v1/tickets?{query}")).await;
            assert_eq!(refused.code(), "invalid_input", "{query}");
        }
        assert_eq!(agent.get(&path).await.ok(), ticket, "nothing of all that was kept");
    }
}
