//! Signing in: steps, delays, ends, and what another site cannot do.

use axum::http::{HeaderMap, Method, header};
use madoguchi::app::World;
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::db::Db;
use madoguchi::kernel::time::Millis;
use madoguchi::on_db;
use madoguchi::security::{audit, sessions};
use serde_json::{Value, json};

use crate::on_both_servers;
use crate::support::TestDb;
use crate::support::client::{Answer, Person, totp};
use crate::support::seed::{AGENTS, PASSWORD};
use crate::support::server::{Options, TestServer};

/// Makes the password of an account one that somebody else made.
pub const MUST_CHANGE: &str = "UPDATE accounts SET password_must_change = TRUE WHERE login = $1";

/// What becomes different about a request's headers.
type Alter = fn(&mut HeaderMap);

async fn begin(person: &Person, login: &str, password: &str) -> Answer {
    person.post("/api/v1/session", &json!({ "login": login, "password": password })).await
}

pub async fn change(db: &Db, sql: &'static str, login: &'static str) {
    db.write::<(), madoguchi::kernel::db::DbError, _>(move |tx| {
        Box::pin(async move {
            on_db!(tx, |conn| sqlx::query(sql).bind(login).execute(conn).await.map(drop))?;
            Ok(())
        })
    })
    .await
    .expect("the change is written");
}

async fn actions(db: &Db) -> Vec<(String, String)> {
    let mut tx = db.read().await.expect("a reader");
    on_db!(tx, |conn| sqlx::query_as("SELECT action, detail FROM audit ORDER BY seq").fetch_all(conn).await)
        .expect("the trail")
}

on_both_servers! {
    async fn an_agent_signs_in_and_out(server: &mut TestServer) {
        let mut aoi = server.anon();
        assert_eq!(aoi.get("/api/v1/session").await.code(), "sign_in_first");
        let answer = begin(&aoi, AGENTS[0], PASSWORD).await;
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("madoguchi=") && cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        assert_eq!(aoi.take_step(&answer), "done");
        let view = aoi.get("/api/v1/session").await.ok();
        assert_eq!((&view["stage"], &view["me"]["role"]), (&json!("done"), &json!("agent")));
        assert_eq!(view["csrf"], json!(aoi.csrf));
        assert_eq!(view["me"]["desks"], json!([server.seed.workers]));
        let secret = aoi.cookie.split_once('=').unwrap().1;
        let stored: Vec<(String,)> = {
            let mut tx = server.db.read().await.unwrap();
            on_db!(tx, |conn| sqlx::query_as("SELECT secret_hash FROM sessions")
                .fetch_all(conn).await).unwrap()
        };
        assert!(!stored.is_empty() && stored.iter().all(|(hash,)| hash != secret), "only the hash is kept");

        assert_eq!(aoi.patch("/api/v1/session", &json!({ "ui_language": "ja" })).await.status, 204);
        assert_eq!(aoi.get("/api/v1/session").await.ok()["me"]["ui_language"], "ja");
        let refused = aoi.patch("/api/v1/session", &json!({ "ui_language": "fr" })).await;
        assert_eq!(refused.json()["fields"], json!({ "ui_language": "invalid" }));

        let gone = aoi.delete("/api/v1/session").await;
        assert_eq!(gone.status, 204);
        assert!(gone.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(aoi.get("/api/v1/session").await.code(), "sign_in_first");
        let trail: Vec<String> = actions(&server.db).await.into_iter().map(|(action, _)| action).collect();
        assert_eq!(trail, ["session.signed_in", "session.signed_out"]);
        assert_eq!(audit::verify(&server.db).await.unwrap().fault, None);
    }

    async fn a_supervisor_needs_a_code_and_each_code_counts_once(server: &mut TestServer) {
        let mut shiori = server.anon();
        assert_eq!(shiori.take_step(&begin(&shiori, "shiori", PASSWORD).await), "enrol_totp");
        assert_eq!(shiori.get("/api/v1/tickets").await.code(), "second_factor_needed");
        let early = shiori.post("/api/v1/session/totp", &json!({ "code": "000000" })).await;
        assert_eq!(early.code(), "wrong_stage");

        let made = shiori.post("/api/v1/session/enrol", &json!({})).await.ok();
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(made["qr_svg"].as_str().unwrap().contains("<svg"));
        assert!(made["otpauth_url"].as_str().unwrap().contains(&secret));
        let wrong = shiori.post("/api/v1/session/enrol/confirm", &json!({ "code": "12345" })).await;
        assert_eq!(wrong.code(), "wrong_code");

        let step = Clock::system().now().0 / 30_000;
        let code = json!({ "code": totp(&secret, step) });
        let before = shiori.clone();
        let confirmed = shiori.post("/api/v1/session/enrol/confirm", &code).await;
        assert_eq!(shiori.take_step(&confirmed), "done");
        assert_eq!(before.get("/api/v1/session").await.code(), "sign_in_first", "the old cookie is dead");
        assert_eq!(shiori.post("/api/v1/session/enrol", &json!({})).await.code(), "wrong_stage");

        let mut again = server.anon();
        assert_eq!(again.take_step(&begin(&again, "shiori", PASSWORD).await), "totp");
        assert_eq!(again.post("/api/v1/session/enrol", &json!({})).await.code(), "wrong_stage");
        assert_eq!(again.post("/api/v1/session/totp", &code).await.code(), "wrong_code", "used before");
        // The clocks of phones go astray: the next code is taken already.
        let next = json!({ "code": totp(&secret, step + 1) });
        let answer = again.post("/api/v1/session/totp", &next).await;
        assert_eq!(again.take_step(&answer), "done");
        assert_eq!(again.get("/api/v1/session").await.ok()["stage"], "done");

        let stored: (String,) = {
            let mut tx = server.db.read().await.unwrap();
            on_db!(tx, |conn| sqlx::query_as("SELECT totp_secret FROM accounts WHERE login = 'shiori'")
                .fetch_one(conn).await).unwrap()
        };
        assert!(!stored.0.contains(&secret), "the secret is sealed");
    }

    async fn a_password_given_by_somebody_else_is_changed_first(server: &mut TestServer) {
        change(&server.db, MUST_CHANGE, AGENTS[0]).await;
        let mut aoi = server.anon();
        assert_eq!(aoi.take_step(&begin(&aoi, AGENTS[0], PASSWORD).await), "change_password");
        assert_eq!(aoi.get("/api/v1/tickets").await.code(), "password_change_needed");
        let mut other = server.anon();
        other.take_step(&begin(&other, AGENTS[0], PASSWORD).await);

        let set = async |person: &Person, current: &str, new: &str| {
            person.post("/api/v1/session/password", &json!({ "current": current, "new": new })).await
        };
        let fresh = "seven quiet rivers at noon";
        assert_eq!(set(&aoi, "not this one at all", fresh).await.code(), "wrong_credentials");
        for (bad, reason) in
            [("short", "too_short"), (PASSWORD, "not_new"), ("password1234", "too_obvious")]
        {
            let refused = set(&aoi, PASSWORD, bad).await;
            assert_eq!(refused.code(), "password_refused");
            assert_eq!(refused.json()["fields"]["new"], reason);
        }
        let before = aoi.clone();
        let answer = set(&aoi, PASSWORD, fresh).await;
        assert_eq!(aoi.take_step(&answer), "done");
        assert_eq!(aoi.get("/api/v1/session").await.ok()["stage"], "done");
        for dead in [before, other] {
            assert_eq!(dead.get("/api/v1/session").await.code(), "sign_in_first");
        }
        assert_eq!(begin(&server.anon(), AGENTS[0], PASSWORD).await.code(), "wrong_credentials");
        assert_eq!(begin(&server.anon(), AGENTS[0], fresh).await.ok()["next"], "done");
    }

    async fn another_site_and_a_missing_token_are_refused(server: &mut TestServer) {
        let aoi = server.agent(0).await;
        let body = json!({ "ui_language": "ja" });
        let send = async |alter: Alter| {
            let mut request = aoi.request(&Method::PATCH, "/api/v1/session", Some(&body));
            alter(request.headers_mut());
            aoi.send(request).await
        };
        let cases: [(Alter, &str); 6] = [
            (|h| { h.remove("x-csrf-token"); }, "csrf_mismatch"),
            (|h| { h.insert("x-csrf-token", "x".parse().unwrap()); }, "csrf_mismatch"),
            (|h| { h.insert(header::ORIGIN, "https://evil.example".parse().unwrap()); }, "wrong_origin"),
            (|h| { h.insert(header::ORIGIN, "null".parse().unwrap()); }, "wrong_origin"),
            (|h| { h.remove(header::ORIGIN); h.insert("sec-fetch-site", "cross-site".parse().unwrap()); },
             "wrong_origin"),
            (|h| { h.remove(header::ORIGIN); }, ""),
        ];
        for (alter, code) in cases {
            assert_eq!(send(alter).await.code(), code);
        }
        // Signing in needs no token, but a page of another site may not do it for somebody.
        let mut login = server.anon().request(&Method::POST, "/api/v1/session",
            Some(&json!({ "login": AGENTS[1], "password": PASSWORD })));
        login.headers_mut().insert(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert_eq!(server.anon().send(login).await.code(), "wrong_origin");
    }

    async fn a_closed_account_is_out_at_once(server: &mut TestServer) {
        let aoi = server.agent(0).await;
        assert_eq!(aoi.get("/api/v1/tickets").await.status, 200);
        change(&server.db, "UPDATE accounts SET active = FALSE WHERE login = $1", AGENTS[0]).await;
        assert_eq!(aoi.get("/api/v1/tickets").await.code(), "sign_in_first");
        assert_eq!(begin(&server.anon(), AGENTS[0], PASSWORD).await.code(), "wrong_credentials");
    }

    async fn an_administrator_puts_somebody_out_of_every_window(server: &mut TestServer) {
        let (aoi, binh, anri) = (server.agent(0).await, server.agent(1).await, server.administrator().await);
        let (socket, _) = aoi.socket(None).await;
        let (mut other, _) = binh.socket(None).await;
        let path = format!("/api/v1/admin/accounts/{}/deactivate", server.seed.agents[0]);
        anri.post(&path, &json!({ "version": 1 })).await.ok();
        let last = socket.drain().await.pop().expect("a last word");
        assert_eq!((&last["type"], &last["reason"]), (&json!("bye"), &json!("signed_out")));
        assert_eq!(aoi.get("/api/v1/session").await.code(), "sign_in_first");
        other.say(&json!({ "type": "ping" })).await;
        other.frame("pong").await;
    }

    async fn what_makes_no_sense_is_refused_in_the_readers_language(server: &mut TestServer) {
        let mut anon = server.anon();
        let mut request = anon.request(&Method::POST, "/api/v1/session", Some(&json!({ "login": "x" })));
        request.headers_mut().insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
        let answer = anon.send(request).await;
        assert!(!answer.headers.contains_key(header::CONTENT_ENCODING));
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_input"));
        assert!(answer.json()["trace"].as_str().unwrap().starts_with("trc_"));

        "ja".clone_into(&mut anon.language);
        let long = json!({ "login": "x".repeat(300_000), "password": "x" });
        let answer = anon.post("/api/v1/session", &long).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
        assert_eq!(answer.json()["message"], "送信内容が大きすぎます。");

        for (method, path, status, code) in [
            (Method::GET, "/api/v1/nowhere", 404, "not_found"),
            (Method::PUT, "/api/v1/session", 405, "method_not_allowed"),
        ] {
            let answer = anon.send(anon.request(&method, path, None)).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
        }
        let page = anon.get("/nowhere").await;
        assert_eq!(page.status, 404);
        assert_eq!(page.json(), Value::Null);
    }
}

/// A server whose clock stands still until the story moves it.
async fn standing_still(test_db: TestDb) -> (TestServer, Clock) {
    let clock = Clock::manual(Clock::system().now());
    let world = World { clock: clock.clone(), chance: Chance::system() };
    (TestServer::start(test_db, Options { world, ..Options::default() }).await, clock)
}

/// Nobody learns which logins exist, and nobody guesses fast.
async fn failures_are_delayed(test_db: TestDb) {
    let (server, clock) = standing_still(test_db).await;
    let anon = server.anon();
    let mut told = Vec::new();
    for login in [AGENTS[1], "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let answer = begin(&anon, login, "wrong wrong wrong").await;
            answers.push((answer.status.as_u16(), answer.code()));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0][5], (401, "wrong_credentials".to_owned()));
    assert_eq!(told[0][6], (429, "sign_in_delayed".to_owned()));
    let delayed = begin(&anon, AGENTS[1], PASSWORD).await;
    assert_eq!(delayed.code(), "sign_in_delayed", "the right password waits too");
    assert!(delayed.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(begin(&anon, AGENTS[0], PASSWORD).await.status, 200, "another account is not affected");
    let trail = actions(&server.db).await;
    assert_eq!(trail.iter().filter(|(action, _)| action == "session.refused").count(), 12);
    clock.advance(Millis::from_secs(2));
    assert_eq!(begin(&anon, AGENTS[1], PASSWORD).await.status, 200, "nobody is locked out for good");
    server.finish().await;
}

/// More requests than any console makes are refused until a while has passed.
async fn one_account_cannot_flood_the_desk(test_db: TestDb) {
    let (server, clock) = standing_still(test_db).await;
    let (aoi, binh) = (server.agent(0).await, server.agent(1).await);
    let mut taken = 0;
    while aoi.get("/api/v1/session").await.status == 200 {
        taken += 1;
    }
    assert_eq!(taken, sessions::ACCOUNT_RATE.burst);
    assert_eq!(aoi.get("/api/v1/session").await.code(), "rate_limited");
    assert_eq!(binh.get("/api/v1/session").await.status, 200);
    clock.advance(Millis::from_secs(1));
    assert_eq!(aoi.get("/api/v1/session").await.status, 200);
    server.finish().await;
}

/// A session ends when nobody uses it, and at the latest when its time is over.
async fn sessions_run_out(test_db: TestDb) {
    let (server, clock) = standing_still(test_db).await;
    let signed_in = async |person: &Person| person.get("/api/v1/session").await.status == 200;

    let idle = server.agent(0).await;
    clock.advance(Millis::from_mins(29));
    assert!(signed_in(&idle).await);
    clock.advance(Millis::from_mins(29));
    assert!(signed_in(&idle).await, "using it keeps it");
    clock.advance(Millis::from_mins(30));
    assert!(!signed_in(&idle).await, "half an hour of rest ends it");

    let busy = server.agent(0).await;
    for _ in 0..35 {
        clock.advance(Millis::from_mins(20));
        assert!(signed_in(&busy).await);
    }
    clock.advance(Millis::from_mins(20));
    assert!(!signed_in(&busy).await, "twelve hours end it in any case");

    let mut late = server.anon();
    assert_eq!(late.take_step(&begin(&late, "shiori", PASSWORD).await), "enrol_totp");
    clock.advance(Millis::from_mins(15));
    assert!(!signed_in(&late).await, "a sign-in that is not finished is forgotten");
    server.finish().await;
}

macro_rules! on_both {
    ($($story:ident)*) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story(crate::support::TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(test_db) = crate::support::TestDb::postgres().await {
                    super::$story(test_db).await;
                }
            }
        }
    )*};
}

on_both! { failures_are_delayed one_account_cannot_flood_the_desk sessions_run_out }
