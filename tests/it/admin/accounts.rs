//! Accounts: the temporary password, the second factor, the last administrator.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::on_both_servers;
use crate::support::client::Person;
use crate::support::seed::PASSWORD;
use crate::support::server::TestServer;

use super::{faults, last_act, refused};

const ACCOUNTS: &str = "/api/v1/admin/accounts";

fn new_account(server: &TestServer, login: &str, role: &str) -> Value {
    json!({
        "login": login, "name": "新しい 人", "role": role, "desks": [server.seed.workers],
        "skills": [{ "skill": { "type": "language", "tag": "ne" }, "level": 4 }],
        "capacity": { "phone": 0, "meeting": 0, "chat": 2 },
    })
}

async fn account(admin: &Person, login: &str) -> Value {
    let page = admin.get(&format!("{ACCOUNTS}?search={login}")).await.ok();
    page["items"][0].clone()
}

/// An act upon an account as it stands now.
async fn act(admin: &Person, login: &str, verb: &str) -> crate::support::client::Answer {
    let now = account(admin, login).await;
    let path = format!("{ACCOUNTS}/{}/{verb}", now["id"].as_str().unwrap());
    admin.post(&path, &json!({ "version": now["version"] })).await
}

on_both_servers! {
    async fn a_new_agent_signs_in_with_the_password_that_was_shown_once(server: &mut TestServer) {
        let admin = server.administrator().await;
        let made = admin.post(ACCOUNTS, &new_account(server, " Devi ", "agent")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
        let (made, text) = (made.ok(), String::from_utf8_lossy(&made.body).into_owned());
        assert_eq!(made["account"]["login"], "devi");
        assert!(!text.contains("argon2"), "{text}");
        let password = made["temporary_password"].as_str().unwrap();
        let id = made["account"]["id"].as_str().unwrap();
        let trace = last_act(&admin, "account", id).await;
        assert_eq!(trace["action"], "account.create");
        assert!(!trace.to_string().contains(password), "no secret in the trail");

        let mut devi = server.anon();
        let credentials = json!({ "login": "devi", "password": password });
        let answer = devi.post("/api/v1/session", &credentials).await;
        assert_eq!(devi.take_step(&answer), "change_password");
        assert_eq!(devi.get("/api/v1/directory").await.code(), "password_change_needed");
        let change = json!({ "current": password, "new": "a quiet river in the morning" });
        let answer = devi.post("/api/v1/session/password", &change).await;
        assert_eq!(devi.take_step(&answer), "done");
        let directory = devi.get("/api/v1/directory").await.ok();
        assert!(directory["agents"].as_array().unwrap().iter().any(|a| a["id"] == id), "{directory}");

        // Deactivated: put out at once, and not let in again.
        let closed = act(&admin, "devi", "deactivate").await.ok();
        assert_eq!(closed["active"], false);
        assert_eq!(devi.get("/api/v1/directory").await.code(), "sign_in_first");
        let again = json!({ "login": "devi", "password": "a quiet river in the morning" });
        assert_eq!(server.anon().post("/api/v1/session", &again).await.code(), "wrong_credentials");
        act(&admin, "devi", "activate").await.ok();
        server.anon().sign_in("devi", "a quiet river in the morning").await;
    }

    async fn a_lost_password_and_a_lost_second_factor_are_made_anew(server: &mut TestServer) {
        let admin = server.administrator().await;
        let watcher = server.supervisor().await;
        let reset = act(&admin, "shiori", "reset_password").await.ok();
        assert_eq!(reset["account"]["password_must_change"], true);
        assert_eq!(watcher.get("/api/v1/directory").await.code(), "sign_in_first", "put out at once");
        let old = json!({ "login": "shiori", "password": PASSWORD });
        assert_eq!(server.anon().post("/api/v1/session", &old).await.code(), "wrong_credentials");

        assert_eq!(account(&admin, "shiori").await["second_factor"], true);
        let forgotten = act(&admin, "shiori", "reset_totp").await.ok();
        assert_eq!(forgotten["second_factor"], false);
        let mut back = server.anon();
        let credentials = json!({ "login": "shiori", "password": reset["temporary_password"] });
        let answer = back.post("/api/v1/session", &credentials).await;
        let next = back.take_step(&answer);
        assert!(matches!(&*next, "change_password" | "enrol_totp"), "{next}");
        let id = server.seed.supervisor.to_string();
        assert_eq!(last_act(&admin, "account", &id).await["action"], "account.reset_totp");
        let stale = json!({ "version": 1 });
        let late = admin.post(&format!("{ACCOUNTS}/{id}/reset_password"), &stale).await;
        assert_eq!(late.code(), "changed_elsewhere");
        assert_eq!(late.json()["temporary_password"], Value::Null);
    }

    async fn the_last_administrator_stays(server: &mut TestServer) {
        let admin = server.administrator().await;
        for verb in ["deactivate", "reset_password", "reset_totp"] {
            let answer = act(&admin, "anri", verb).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "not_yourself".to_owned()),
                "{verb}");
        }
        let myself = account(&admin, "anri").await;
        let path = format!("{ACCOUNTS}/{}", myself["id"].as_str().unwrap());
        let step_down = json!({ "version": myself["version"], "role": "agent" });
        assert_eq!(admin.patch(&path, &step_down).await.code(), "not_yourself");
        let renamed = json!({ "version": myself["version"], "name": "杏里" });
        assert_eq!(admin.patch(&path, &renamed).await.ok()["name"], "杏里");

        // A second one may close the first, who may not come back and close the last.
        let made = admin.post(ACCOUNTS, &new_account(server, "berta", "administrator")).await.ok();
        let mut berta = server.anon();
        let password = made["temporary_password"].as_str().unwrap();
        let answer = berta.post("/api/v1/session", &json!({ "login": "berta", "password": password })).await;
        assert_eq!(berta.take_step(&answer), "change_password");
        let change = json!({ "current": password, "new": "a quiet river in the morning" });
        let answer = berta.post("/api/v1/session/password", &change).await;
        assert_eq!(berta.take_step(&answer), "enrol_totp");
        berta.sign_in("berta", "a quiet river in the morning").await;
        act(&berta, "anri", "deactivate").await.ok();
        assert_eq!(admin.get(ACCOUNTS).await.code(), "sign_in_first");
        assert_eq!(act(&berta, "berta", "deactivate").await.code(), "not_yourself");
    }

    async fn accounts_are_found_page_by_page(server: &mut TestServer) {
        let admin = server.administrator().await;
        let logins = |page: &Value| -> Vec<String> {

                let items = page["items"].as_array().unwrap();
                items.iter().map(|a| a["login"].as_str().unwrap().to_owned()).collect()
        };
        let first = admin.get(&format!("{ACCOUNTS}?limit=4")).await.ok();
        assert_eq!((logins(&first).join(" "), &first["total"]), ("anri aoi binh chika".to_owned(),
            &json!(6)));
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = admin.get(&format!("{ACCOUNTS}?limit=4&cursor={cursor}")).await.ok();
        assert_eq!(logins(&second), ["osamu", "shiori"]);
        assert_eq!(second["next_cursor"], Value::Null);
        let agents = admin.get(&format!("{ACCOUNTS}?role=agent&search=NAME+of+b")).await.ok();
        assert_eq!(logins(&agents), ["binh"]);
        let nobody = admin.get(&format!("{ACCOUNTS}?active=false")).await.ok();
        assert_eq!(nobody["items"], json!([]));
        assert_eq!(admin.get(&format!("{ACCOUNTS}?role=king")).await.code(), "invalid_input");
    }

    async fn an_account_that_makes_no_sense_is_refused(server: &mut TestServer) {
        let admin = server.administrator().await;
        let skill = |kind: &str, tag: &str, level: u8| json!({ "skill": { "type": kind, "tag": tag },
            "level": level });
        let twice = json!([skill("language", "ne", 1), skill("language", "ne", 2)]);
        for (field, value, reason) in [
            ("login", json!("aoi"), "taken"),
            ("login", json!("AOI"), "taken"),
            ("login", json!("a b"), "invalid"),
            ("login", json!("青井"), "invalid"),
            ("login", json!(""), "required"),
            ("login", json!("x".repeat(41)), "too_long"),
            ("name", json!("x".repeat(10_000)), "too_long"),
            ("name", json!("佐藤\u{202E}"), "invalid"),
            ("ui_language", json!("vi"), "invalid"),
            ("desks", json!(["dsk_00000000000000000000000000"]), "unknown"),
            ("skills", twice, "twice"),
            ("skills", json!([skill("language", "NE", 1)]), "invalid"),
            ("skills", json!([skill("topic", "nothing", 1)]), "unknown"),
            ("capacity", json!({ "phone": 2, "meeting": 0, "chat": 1 }), "out_of_range"),
            ("capacity", json!({ "phone": 0, "meeting": 0, "chat": 7 }), "out_of_range"),
        ] {
            let mut wrong = new_account(server, "devi", "agent");
            wrong[field] = value.clone();
            let found = faults(&admin.post(ACCOUNTS, &wrong).await);
            assert!(found.iter().any(|f| f.0 == field && f.1 == reason), "{field} {value}: {found:?}");
            assert_eq!(found.len(), 1, "{found:?}");
        }
        for (field, value) in [
            ("role", json!("king")),
            ("skills", json!([skill("language", "ne", 6)])),
            ("skills", json!([skill("language", "日本", 1)])),
            ("capacity", json!({ "phone": -1, "meeting": 0, "chat": 1 })),
        ] {
            let mut wrong = new_account(server, "devi", "agent");
            wrong[field] = value;
            assert_eq!(admin.post(ACCOUNTS, &wrong).await.code(), "invalid_input", "{field}");
        }
        let aoi = account(&admin, "aoi").await;
        let path = format!("{ACCOUNTS}/{}", aoi["id"].as_str().unwrap());
        let taken = json!({ "version": aoi["version"], "login": "binh" });
        refused(&admin.patch(&path, &taken).await, "login", "taken");
        assert_eq!(account(&admin, "aoi").await, aoi);
    }
}
