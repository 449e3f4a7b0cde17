//! The administrator's pages: each noun made, changed, refused and written down, on the running program.

mod accounts;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::on_both_servers;
use crate::support::client::{Answer, Person};

/// A desk's hours as the console sends them.
fn office_hours() -> Value {
    let day = json!([{ "from_min": 600, "to_min": 1020 }]);
    json!({ "weekly": [day, day, day, day, day, [], []], "closed_on_holidays": true })
}

fn new_desk(slug: &str) -> Value {
    json!({ "slug": slug, "name_ja": "試験の窓口", "name_en": "Exams", "hours": office_hours() })
}

/// The fields that an answer refuses, with their reasons.
pub fn faults(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.json());
    assert_eq!(answer.code(), "invalid_input");
    let body = answer.json();
    let fields = body["fields"].as_object().expect("fields").clone();
    fields.into_iter().map(|(field, code)| (field, code.as_str().unwrap_or_default().to_owned())).collect()
}

/// Proves that exactly this field is refused for this reason.
pub fn refused(answer: &Answer, field: &str, reason: &str) {
    assert_eq!(faults(answer), [(field.to_owned(), reason.to_owned())]);
}

/// The newest entry of the trail about an object.
pub async fn last_act(admin: &Person, kind: &str, id: &str) -> Value {
    let path = format!("/api/v1/admin/audit?object_kind={kind}&object_id={id}&limit=1");
    admin.get(&path).await.ok()["items"][0].clone()
}

on_both_servers! {
    async fn a_desk_is_made_changed_and_written_down(server: &mut TestServer) {
        let admin = server.administrator().await;
        let agent = server.agent(0).await;
        let (mut socket, _) = agent.socket(None).await;

        let made = admin.post("/api/v1/admin/desks", &new_desk("exams")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
        let desk = made.ok();
        let id = desk["id"].as_str().unwrap().to_owned();
        assert_eq!((&desk["version"], &desk["active"]), (&json!(1), &json!(true)));
        // The engine has read the settings anew and says so; what an agent is told follows.
        socket.frame("settings_changed").await;
        let directory = agent.get("/api/v1/directory").await.ok();
        assert!(directory["desks"].as_array().unwrap().iter().any(|d| d["slug"] == "exams"), "{directory}");

        let path = format!("/api/v1/admin/desks/{id}");
        let change = json!({ "version": 1, "name_ja": " 技能試験の窓口 ", "active": false });
        let changed = admin.patch(&path, &change).await.ok();
        assert_eq!((&changed["name_ja"], &changed["version"]), (&json!("技能試験の窓口"), &json!(2)));
        let late = admin.patch(&path, &json!({ "version": 1, "name_en": "Late" })).await;
        assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "changed_elsewhere".to_owned()));
        assert_eq!(late.json()["current"]["name_ja"], "技能試験の窓口");

        let same = admin.patch(&path, &json!({ "version": 2, "active": false })).await.ok();
        assert_eq!(same["version"], 2, "a change that changes nothing leaves the version");
        let act = last_act(&admin, "desk", &id).await;
        assert_eq!(act["action"], "desk.change");
        assert_eq!(act["actor"], server.seed.administrator.to_string());
        let name = json!({ "from": "試験の窓口", "to": "技能試験の窓口" });
        assert_eq!(act["detail"], json!({ "name_ja": name, "active": { "from": true, "to": false } }));

        let missing = "/api/v1/admin/desks/dsk_00000000000000000000000000";
        assert_eq!(admin.patch(missing, &json!({ "version": 1 })).await.code(), "not_found");
        socket.close().await;
    }

    async fn a_desk_that_makes_no_sense_is_refused_field_by_field(server: &mut TestServer) {
        let admin = server.administrator().await;
        let with = |field: &str, value: Value| {
            let mut desk = new_desk("exams");
            desk[field] = value;
            desk
        };
        let long = "あ".repeat(81);
        let bad_hours = |day: Value| {
            json!({ "weekly": [day, [], [], [], [], [], []], "closed_on_holidays": true })
        };
        for (field, value, reason) in [
            ("slug", json!("workers"), "taken"),
            ("slug", json!("Bad Slug"), "invalid"),
            ("slug", json!(""), "required"),
            ("slug", json!("x".repeat(41)), "too_long"),
            ("name_ja", json!(long), "too_long"),
            ("name_ja", json!("窓\u{202E}口"), "invalid"),
            ("name_en", json!("a\u{0}b"), "invalid"),
            ("name_en", json!("   "), "required"),
            ("hours", json!({ "weekly": [[]], "closed_on_holidays": true }), "seven_days"),
            ("hours", bad_hours(json!([{ "from_min": 600, "to_min": 540 }])), "bad_span"),
            ("hours", bad_hours(json!([{ "from_min": -1, "to_min": 540 }])), "bad_span"),
            ("hours", bad_hours(json!([{ "from_min": 0, "to_min": 1441 }])), "bad_span"),
        ] {
            refused(&admin.post("/api/v1/admin/desks", &with(field, value)).await, field, reason);
        }
        for (settings, field, reason) in [
            (json!({ "channels": [] }), "settings.channels", "required"),
            (json!({ "languages": ["x"] }), "settings.languages", "invalid"),
            (json!({ "priorities": { "king": 1 } }), "settings.priorities", "invalid"),
            (json!({ "texts": { "greeting": { "ja": "a\u{0}" } } }), "settings.texts", "invalid"),
            (json!({ "routing": { "offer_ttl": 1 } }), "settings.routing.offer_ttl", "out_of_range"),
            (json!({ "routing": { "queue_limit": 0 } }), "settings.routing.queue_limit", "out_of_range"),
            (
                json!({ "routing": { "partner_desks": ["dsk_00000000000000000000000000"] } }),
                "settings.routing.partner_desks",
                "unknown",
            ),
        ] {
            refused(&admin.post("/api/v1/admin/desks", &with("settings", settings)).await, field, reason);
        }
        let nonsense = admin.post("/api/v1/admin/desks", &with("hours", json!("always"))).await;
        assert_eq!(nonsense.code(), "invalid_input");
        assert_eq!(admin.get("/api/v1/admin/desks").await.ok()["items"].as_array().unwrap().len(), 2);
    }

    async fn a_day_is_overridden_and_the_law_is_shown(server: &mut TestServer) {
        let admin = server.administrator().await;
        let law = admin.get("/api/v1/admin/days/law?year=2026").await.ok();
        let named = |day: &str| law["items"].as_array().unwrap().iter().find(|d| d["day"] == day).cloned();
        assert_eq!(named("2026-09-22").unwrap()["name_ja"], "国民の休日");
        assert_eq!(named("2026-12-31").unwrap()["kind"], "year_end");
        for year in ["2021", "2100", "99999", "x", ""] {
            let answer = admin.get(&format!("/api/v1/admin/days/law?year={year}")).await;
            assert_eq!(answer.code(), "invalid_input", "{year}");
        }

        let days = "/api/v1/admin/days";
        let for_all = json!({ "day": "2026-11-24", "kind": "closed", "name": "棚卸し", "version": 0 });
        assert_eq!(admin.put(days, &for_all).await.ok()["version"], 1);
        assert_eq!(admin.put(days, &for_all).await.code(), "changed_elsewhere");
        let span = json!({ "from_min": 600, "to_min": 720 });
        let workers = server.seed.workers.to_string();
        let for_one = json!({ "day": "2026-11-24", "desk": workers, "kind": "hours", "name": "",
            "span": span });
        assert_eq!(admin.put(days, &for_one).await.ok()["span"], span);
        let opened = json!({ "day": "2026-11-24", "kind": "open", "name": "やはり開ける", "version": 1 });
        assert_eq!(admin.put(days, &opened).await.ok()["version"], 2);
        let listed = admin.get("/api/v1/admin/days?year=2026").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert_eq!(admin.get("/api/v1/admin/days?year=2027").await.ok()["items"], json!([]));

        for (field, value, reason) in [
            ("day", json!("2026-02-30"), "invalid"),
            ("day", json!("2026-1-1"), "invalid"),
            ("day", json!("1999-01-01"), "out_of_range"),
            ("name", json!("x\u{7}"), "invalid"),
            ("desk", json!("dsk_00000000000000000000000000"), "unknown"),
            ("span", json!({ "from_min": 720, "to_min": 600 }), "bad_span"),
            ("span", Value::Null, "required"),
        ] {
            let mut day = json!({ "day": "2026-12-01", "kind": "hours", "name": "", "span": span });
            day[field] = value;
            refused(&admin.put(days, &day).await, field, reason);
        }

        let stale = admin.delete("/api/v1/admin/days?day=2026-11-24&version=1").await;
        assert_eq!(stale.code(), "changed_elsewhere");
        let gone = admin.delete(&format!("/api/v1/admin/days?day=2026-11-24&desk={workers}&version=1")).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        let again =
            admin.delete(&format!("/api/v1/admin/days?day=2026-11-24&desk={workers}&version=1")).await;
        assert_eq!(again.code(), "not_found");
        let id = format!("2026-11-24/{workers}");
        assert_eq!(last_act(&admin, "day", &id).await["action"], "day.delete");
    }

    async fn topics_grow_and_close_but_never_go(server: &mut TestServer) {
        let admin = server.administrator().await;
        let topics = "/api/v1/admin/topics";
        let top = admin.post(topics, &json!({ "name_ja": "試験", "name_en": "Tests" })).await.ok();
        assert_eq!(top["id"], "1");
        let below = json!({ "parent_id": "1", "name_ja": "日程", "name_en": "Dates" });
        assert_eq!(admin.post(topics, &below).await.ok()["id"], "1-1");
        assert_eq!(admin.post(topics, &below).await.ok()["id"], "1-2");
        let deeper = json!({ "parent_id": "1-1", "name_ja": "深い", "name_en": "Deep" });
        refused(&admin.post(topics, &deeper).await, "parent_id", "unknown");
        let nameless = json!({ "name_ja": "", "name_en": "x".repeat(500) });
        assert_eq!(faults(&admin.post(topics, &nameless).await).len(), 2);

        let path = "/api/v1/admin/topics/1-1";
        let closed = admin.patch(path, &json!({ "version": 1, "active": false, "position": 5 })).await.ok();
        assert_eq!((&closed["active"], &closed["version"]), (&json!(false), &json!(2)));
        let late = admin.patch(path, &json!({ "version": 1, "active": true })).await;
        assert_eq!((late.code(), &late.json()["current"]["active"]), ("changed_elsewhere".to_owned(),
            &json!(false)));
        refused(&admin.patch(path, &json!({ "version": 2, "position": -1 })).await, "position",
            "out_of_range");
        assert_eq!(admin.delete(path).await.status, StatusCode::METHOD_NOT_ALLOWED);
        let listed = admin.get(topics).await.ok();
        let ids: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [server.seed.topic, "1", "1-2", "1-1"], "each is followed by those below it");
        assert_eq!(last_act(&admin, "topic", "1-1").await["action"], "topic.change");
    }

    async fn settings_change_part_by_part(server: &mut TestServer) {
        let admin = server.administrator().await;
        let path = "/api/v1/admin/settings";
        let before = admin.get(path).await.ok();
        let mut pool = before["pool"].clone();
        pool["settings"]["target_per_day"] = json!(55);
        let after = admin.patch(path, &json!({ "pool": pool })).await.ok();
        assert_eq!(after["pool"]["settings"]["target_per_day"], 55);
        assert_eq!(after["security"], before["security"]);
        let late = admin.patch(path, &json!({ "pool": pool })).await;
        assert_eq!(late.code(), "changed_elsewhere");
        assert_eq!(late.json()["current"]["pool"]["settings"]["target_per_day"], 55);

        let mut security = before["security"].clone();
        security["settings"]["idle_min"] = json!(60);
        let after = admin.patch(path, &json!({ "security": security })).await.ok();
        assert_eq!(after["security"]["settings"]["idle_min"], 60);
        let mut wrong = after["security"].clone();
        wrong["settings"]["idle_min"] = json!(0);
        let mut pool = after["pool"].clone();
        pool["settings"]["target_per_day"] = json!(7);
        let both = admin.patch(path, &json!({ "pool": pool, "security": wrong })).await;
        refused(&both, "security.settings.idle_min", "out_of_range");
        assert_eq!(admin.get(path).await.ok(), after, "one wrong part leaves both as they were");
        let act = last_act(&admin, "settings", "security").await;
        assert_eq!(act["detail"], json!({ "idle_min": { "from": 30, "to": 60 } }));
    }

    async fn reading_the_trail_is_written_down_once_a_minute(server: &mut TestServer) {
        let admin = server.administrator().await;
        let who = server.seed.administrator;
        let readings = format!("/api/v1/admin/audit?actor={who}&action=audit.read");
        for _ in 0..3 {
            let page = admin.get(&readings).await.ok();
            assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        }
        let topics = "/api/v1/admin/topics";
        for n in 0..5 {
            let name = format!("T{n}");
            admin.post(topics, &json!({ "name_ja": name, "name_en": name })).await.ok();
        }
        let first = admin.get("/api/v1/admin/audit?action=topic&limit=3").await.ok();
        let seqs = |page: &Value| -> Vec<i64> {
            page["items"].as_array().unwrap().iter().map(|e| e["seq"].as_i64().unwrap()).collect()
        };
        let cursor = first["next_cursor"].as_str().unwrap();
        let second =
            admin.get(&format!("/api/v1/admin/audit?action=topic&limit=3&cursor={cursor}")).await.ok();
        let all = [seqs(&first), seqs(&second)].concat();
        assert_eq!(all.len(), 5);
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice: {all:?}");
        assert_eq!(second["next_cursor"], Value::Null);
        assert_eq!(first["items"][0]["actor_name"], "Name of anri");
        let future = admin.get("/api/v1/admin/audit?from=2999-01-01").await.ok();
        assert_eq!(future["items"], json!([]));
        refused(&admin.get("/api/v1/admin/audit?from=yesterday").await, "from", "invalid");
        refused(&admin.get("/api/v1/admin/audit?cursor=%27%3B--").await, "cursor", "invalid");
    }

    async fn nobody_else_gets_in(server: &mut TestServer) {
        for person in [server.agent(0).await, server.supervisor().await, server.officer().await] {
            for path in ["desks", "days?year=2026", "days/law?year=2026", "topics", "accounts",
                "settings", "audit"] {
                let answer = person.get(&format!("/api/v1/admin/{path}")).await;
                assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN,
                    "forbidden".to_owned()), "{path}");
            }
            let made = person.post("/api/v1/admin/desks", &new_desk("mine")).await;
            assert_eq!(made.code(), "forbidden");
        }
        assert_eq!(server.anon().get("/api/v1/admin/desks").await.code(), "sign_in_first");
    }
}
