//! Every operation of the document, tried by everybody: the table of `web::access` is what happens.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use madoguchi::web::access::{ACCESS, Who};
use madoguchi::web::openapi;
use serde_json::json;

use crate::on_both_servers;
use crate::support::client::{Answer, Person};
use crate::support::seed::{AGENTS, PASSWORD};
use crate::support::server::TestServer;

/// (method, path template) of every operation of the document.
fn operations() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(openapi::document()).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &serde_json::Value)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn the_table_and_the_document_name_the_same_operations() {
    let table: BTreeSet<(String, String)> =
        ACCESS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(table.len(), ACCESS.len(), "an operation stands twice in the table");
    let document = operations();
    let only_table: Vec<_> = table.difference(&document).collect();
    let only_document: Vec<_> = document.difference(&table).collect();
    assert!(
        only_table.is_empty() && only_document.is_empty(),
        "in src/web/access.rs only: {only_table:#?}\nin the document only: {only_document:#?}"
    );
}

/// What somebody is to the table.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    Nobody,
    /// Signed in, but not to the end.
    Unfinished(&'static str),
    Done(Who),
}

/// The code of the refusal that the table demands; `None` when they must be let in.
fn refusal(who: Who, standing: Standing) -> Option<&'static str> {
    use Who::{Administrator, Agent, Figures, Public, Session, Staff, Supervisor, Visitor};
    match (who, standing) {
        (Public, _) | (Session, Standing::Unfinished(_) | Standing::Done(_)) => None,
        // No session opens what belongs to a visitor.
        (Visitor, _) => Some("token_needed"),
        (_, Standing::Nobody) => Some("sign_in_first"),
        (_, Standing::Unfinished(code)) => Some(code),
        (Staff, Standing::Done(_)) => None,
        (Agent, Standing::Done(role)) => (!matches!(role, Agent | Supervisor)).then_some("forbidden"),
        (Figures, Standing::Done(role)) => (role == Administrator).then_some("forbidden"),
        (Supervisor | Administrator, Standing::Done(role)) => (role != who).then_some("forbidden"),
    }
}

/// A well-formed id of nothing: whoever gets "not found" was let in.
fn with_ids(template: &str) -> String {
    let kinds = [
        ("/contacts/", "con_"),
        ("/tickets/", "tkt_"),
        ("/desks/", "dsk_"),
        ("/accounts/", "acc_"),
        ("/texts/", "txt_"),
        ("/recordings/", "rec_"),
    ];
    let prefix = kinds.iter().find(|(part, _)| template.contains(part)).map_or("", |(_, prefix)| prefix);
    let filled = template.replace("{id}", &format!("{prefix}{}", "0".repeat(26)));
    let filled = filled.replace("{desk}", &format!("dsk_{}", "0".repeat(26)));
    filled.replace("{name}", "greeting").replace("{language}", "ja")
}

async fn attempt(person: &Person, method: &str, template: &str) -> Answer {
    let method: Method = method.parse().expect("a method");
    let body = json!({});
    let body = (method != Method::GET && method != Method::DELETE).then_some(&body);
    person.send(person.request(&method, &with_ids(template), body)).await
}

/// The people of the walk. Those who stop on the way sign in before the account is complete elsewhere.
async fn people(server: &TestServer) -> Vec<(&'static str, Standing, Person)> {
    let begin = async |login: &str| {
        let mut person = server.anon();
        let answer = person.post("/api/v1/session", &json!({ "login": login, "password": PASSWORD })).await;
        let next = person.take_step(&answer);
        (person, next)
    };
    let (enrolling, next) = begin("anri").await;
    assert_eq!(next, "enrol_totp");
    let supervisor = server.supervisor().await;
    let (coding, next) = begin("shiori").await;
    assert_eq!(next, "totp");
    crate::signin::change(&server.db, crate::signin::MUST_CHANGE, AGENTS[2]).await;
    let (changing, next) = begin(AGENTS[2]).await;
    assert_eq!(next, "change_password");
    vec![
        ("nobody", Standing::Nobody, server.anon()),
        ("an administrator without a second factor", Standing::Unfinished("second_factor_needed"), enrolling),
        ("a supervisor before the code", Standing::Unfinished("second_factor_needed"), coding),
        ("an agent with a given password", Standing::Unfinished("password_change_needed"), changing),
        ("agent", Standing::Done(Who::Agent), server.agent(0).await),
        ("supervisor", Standing::Done(Who::Supervisor), supervisor),
        ("administrator", Standing::Done(Who::Administrator), server.administrator().await),
        // The officer reads figures and nothing else.
        ("officer", Standing::Done(Who::Figures), server.officer().await),
    ]
}

on_both_servers! {
    async fn everybody_gets_in_where_the_table_says(server: &mut TestServer) {
        let people = people(server).await;
        let mut breaches = Vec::new();
        // Signing out comes last: it ends what the walk needs.
        let ends = |(method, path, _): &&(&str, &str, Who)| *method == "DELETE" && path.ends_with("/session");
        let walk = ACCESS.iter().filter(|row| !ends(row)).chain(ACCESS.iter().filter(ends));
        for (method, path, who) in walk {
            for (name, standing, person) in &people {
                let answer = attempt(person, method, path).await;
                let code = answer.code();
                let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                    && code != "wrong_credentials";
                let right = match refusal(*who, *standing) {
                    Some(wanted) => refused && code == wanted,
                    None => !refused && !answer.status.is_server_error(),
                };
                if !right {
                    breaches.push(format!("{method} {path} as {name}: {} {code}", answer.status));
                }
            }
        }
        assert!(breaches.is_empty(), "{breaches:#?}");
    }

    async fn a_visitor_without_a_token_is_refused(server: &mut TestServer) {
        for (method, path, who) in ACCESS {
            if *who == Who::Visitor {
                let answer = attempt(&server.anon(), method, path).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.code());
            }
        }
    }

    async fn nobody_opens_the_agents_socket_from_outside(server: &mut TestServer) {
        assert!(server.anon().open_socket("/ws/agent").await.is_err(), "nobody is signed in");
        let aoi = server.agent(0).await;
        assert!(aoi.open_socket_from("/ws/agent", "https://evil.example").await.is_err());
        assert!(server.administrator().await.open_socket("/ws/agent").await.is_err(), "no cases for them");
        assert!(aoi.open_socket("/ws/agent").await.is_ok());
    }
}
