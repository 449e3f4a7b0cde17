//! How a desk answers the phone: kept, refused and written down, on the running program and in the store.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use madoguchi::kernel::ids::DeskId;
use madoguchi::media::g711::Law;
use madoguchi::media::wav::{self, Coding};
use madoguchi::phone::prompts::{Library, own};
use madoguchi::phone::settings::store;
use serde_json::{Value, json};

use crate::admin::{last_act, refused};
use crate::support::client::{Answer, Person};
use crate::support::seed;
use crate::{both_databases, on_both_servers};

const DESKS: &str = "/api/v1/admin/phone";

async fn desk_of(admin: &Person, desk: DeskId) -> Value {
    let list = admin.get(DESKS).await.ok();
    let items = list["items"].as_array().expect("desks").clone();
    items.into_iter().find(|d| d["desk"] == desk.to_string()).expect("the desk")
}

async fn save(admin: &Person, settings: &Value) -> Answer {
    admin.put(&format!("{DESKS}/{}", settings["desk"].as_str().expect("a desk")), settings).await
}

fn with(settings: &Value, field: &str, value: Value) -> Value {
    let mut settings = settings.clone();
    settings[field] = value;
    settings
}

fn prompt(desk: DeskId, name: &str, language: &str) -> String {
    format!("{DESKS}/prompts/{desk}/{name}/{language}")
}

/// Sends a file as a body.
async fn send_file(person: &Person, path: &str, kind: &str, file: Vec<u8>) -> Answer {
    let mut request = person.request(&Method::PUT, path, None);
    request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().expect("a type"));
    *request.body_mut() = Full::new(Bytes::from(file));
    person.send(request).await
}

/// A second of a saw tooth, 16 bits, 8 kHz, one channel.
fn sound() -> Vec<u8> {
    let data: Vec<u8> = (0..8000_i16).flat_map(|n| ((n % 80 - 40) * 200).to_le_bytes()).collect();
    let mut file = Coding::Pcm16.header(1, Some(16_000));
    file.extend(data);
    file
}

/// What is heard at an address of a prompt, as μ-law.
async fn heard(admin: &Person, path: &str) -> Vec<u8> {
    let answer = admin.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_eq!(answer.headers[header::CONTENT_TYPE], "audio/wav");
    wav::read(&answer.body).expect("a WAV file").into_iter().map(|s| Law::Mu.encode(s)).collect()
}

async fn listed(admin: &Person, desk: DeskId, name: &str, language: &str) -> Option<Value> {
    let list = admin.get(&format!("{DESKS}/prompts?desk={desk}")).await.ok();
    let items = list["items"].as_array().expect("prompts").clone();
    items.into_iter().find(|p| p["name"] == name && p["language"] == language)
}

on_both_servers! {
    async fn settings_are_saved_once_and_written_down(server: &mut TestServer) {
        let admin = server.administrator().await;
        let workers = server.seed.workers;
        let standard = desk_of(&admin, workers).await;
        assert_eq!((&standard["version"], &standard["numbers"]), (&json!(0), &json!([])));
        assert_eq!(standard["greeting"], json!(["greeting"]));
        assert_eq!(standard["menus"].as_array().unwrap().len(), 1, "none of the prompt's topics is here");

        let mut wanted = standard.clone();
        wanted["numbers"] = json!(["03-6838-0058", "+81 50 1234 5678"]);
        wanted["recording"] = json!(true);
        wanted["menus"][0]["choices"][0]["topic"] = json!(server.seed.topic);
        let kept = save(&admin, &wanted).await.ok();
        assert_eq!(kept["version"], 1);
        assert_eq!(kept["numbers"], json!(["0368380058", "+815012345678"]));
        assert_eq!(desk_of(&admin, workers).await, kept, "what was answered is what is read");
        assert_eq!(save(&admin, &kept).await.ok()["version"], 1, "a change that changes nothing");

        let late = save(&admin, &wanted).await;
        assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "changed_elsewhere".to_owned()));
        assert_eq!(late.json()["current"], kept);
        let second = save(&admin, &with(&kept, "announce_s", json!(90))).await.ok();
        assert_eq!(second["version"], 2);
        let act = last_act(&admin, "phone", &workers.to_string()).await;
        assert_eq!((&act["action"], &act["actor"]), (&json!("phone.change"),
            &json!(server.seed.administrator.to_string())));
        assert_eq!(act["detail"], json!({ "announce_s": { "from": 60, "to": 90 } }));

        let two = tokio::join!(
            async { save(&admin, &with(&second, "announce_s", json!(30))).await },
            async { save(&admin, &with(&second, "announce_s", json!(40))).await },
        );
        let fine: Vec<StatusCode> = [two.0.status, two.1.status].into();
        assert!(fine.contains(&StatusCode::OK) && fine.contains(&StatusCode::CONFLICT), "{fine:?}");
    }

    async fn a_number_leads_to_one_desk(server: &mut TestServer) {
        let admin = server.administrator().await;
        let (workers, companies) = (server.seed.workers, server.seed.companies);
        let first = desk_of(&admin, workers).await;
        let first = save(&admin, &with(&first, "numbers", json!(["0312345678"]))).await.ok();
        let other = desk_of(&admin, companies).await;
        let both = json!(["0120000000", "+81-3-1234-5678"]);
        refused(&save(&admin, &with(&other, "numbers", both.clone())).await, "numbers", "taken");
        assert_eq!(desk_of(&admin, companies).await["version"], 0, "nothing of it was kept");
        save(&admin, &with(&first, "numbers", json!([]))).await.ok();
        assert_eq!(save(&admin, &with(&other, "numbers", both)).await.ok()["version"], 1);
    }

    async fn faults_are_named_field_by_field(server: &mut TestServer) {
        let admin = server.administrator().await;
        let fine = desk_of(&admin, server.seed.workers).await;
        let menu = |choice: Value| json!([{ "say": ["menu_topic"], "choices": [choice] }]);
        for (field, value, at, reason) in [
            ("numbers", json!(["desk@example"]), "numbers", "invalid"),
            ("numbers", json!(["0312345678", "81312345678"]), "numbers", "taken"),
            ("shown", json!("x"), "shown", "invalid"),
            ("language", json!("tlh"), "language", "unknown"),
            ("greeting", json!(["nothing"]), "greeting", "unknown"),
            ("greeting", json!(["../texts"]), "greeting", "unknown"),
            ("announce_s", json!(9), "announce_s", "out_of_range"),
            ("callback_tries", json!(6), "callback_tries", "out_of_range"),
            ("callback_pause_s", json!(1), "callback_pause_s", "out_of_range"),
            ("announce_s", json!(-1), "announce_s", "invalid"),
            ("menus", menu(json!({ "key": "1", "topic": "404" })), "menus.0.choices.0.topic", "unknown"),
            ("menus", menu(json!({ "key": "1", "language": "x" })), "menus.0.choices.0.language", "invalid"),
            ("menus", menu(json!({ "key": "x" })), "menus.0.choices.0.key", "invalid"),
            ("menus", json!([{ "say": ["hm"], "choices": [{ "key": "1" }] }]), "menus.0.say", "unknown"),
            ("desk", json!(server.seed.companies), "desk", "invalid"),
        ] {
            let answer = admin
                .put(&format!("{DESKS}/{}", server.seed.workers), &with(&fine, field, value.clone()))
                .await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field} {value}");
            refused(&answer, at, reason);
        }
        let nobody = "dsk_00000000000000000000000000";
        assert_eq!(save(&admin, &with(&fine, "desk", json!(nobody))).await.code(), "not_found");
        assert_eq!(desk_of(&admin, server.seed.workers).await, fine);
    }

    async fn an_own_prompt_replaces_the_built_in_one_and_is_taken_back(server: &mut TestServer) {
        let admin = server.administrator().await;
        let workers = server.seed.workers;
        let path = prompt(workers, "greeting", "ja");
        let built_in = &Library::get().recording("greeting", "ja").unwrap().ulaw;
        assert_eq!(heard(&admin, &path).await, built_in.as_ref());
        let before = listed(&admin, workers, "greeting", "ja").await.unwrap();
        assert!(before["text"].as_str().unwrap().contains("相談窓口") && before["own"] == false, "{before}");

        let kept = send_file(&admin, &path, "audio/wav", sound()).await.ok();
        assert_eq!((&kept["own"], &kept["seconds"], &kept["voice"]), (&json!(true), &json!(1.0), &json!("")));
        assert_eq!(listed(&admin, workers, "greeting", "ja").await.unwrap(), kept);
        assert_eq!(heard(&admin, &path).await.len(), 8000);
        let act = last_act(&admin, "phone", &workers.to_string()).await;
        assert_eq!(act["action"], "phone.prompt");
        assert_eq!(act["detail"], json!({ "name": "greeting", "language": "ja", "seconds": 1.0 }));
        assert_eq!(listed(&admin, server.seed.companies, "greeting", "ja").await.unwrap(), before);

        assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(admin.delete(&path).await.code(), "not_found");
        assert_eq!(heard(&admin, &path).await, built_in.as_ref());
        for gone in [prompt(workers, "greeting", "km"), prompt(workers, "nothing", "ja"),
            prompt(workers, "greeting", "x"), prompt(workers, "Greeting", "ja"),
            prompt("dsk_00000000000000000000000000".parse().unwrap(), "greeting", "ja")] {
            assert_eq!(admin.get(&gone).await.code(), "not_found", "{gone}");
        }
    }

    async fn a_new_prompt_may_be_said_and_then_stays(server: &mut TestServer) {
        let admin = server.administrator().await;
        let workers = server.seed.workers;
        let fine = with(&desk_of(&admin, workers).await, "greeting", json!(["greeting", "detour@ne"]));
        refused(&save(&admin, &fine).await, "greeting", "unknown");
        let path = prompt(workers, "detour", "ne");
        send_file(&admin, &path, "audio/x-wav; x=1", sound()).await.ok();
        assert_eq!(listed(&admin, workers, "detour", "ne").await.unwrap()["text"], "");
        let kept = save(&admin, &fine).await.ok();
        let refused = admin.delete(&path).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "prompt_in_use".to_owned()));
        save(&admin, &with(&kept, "greeting", json!([]))).await.ok();
        assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    }

    async fn a_hostile_file_is_refused_and_nothing_is_kept(server: &mut TestServer) {
        let admin = server.administrator().await;
        let workers = server.seed.workers;
        let path = prompt(workers, "greeting", "vi");
        let mut rate = sound();
        rate[24..28].copy_from_slice(&1_u32.to_le_bytes());
        let mut endless = sound();
        endless[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        for (file, reason) in [
            (Vec::new(), "invalid"),
            (b"RIFF".to_vec(), "invalid"),
            (b"ID3\x04not a sound".repeat(999), "invalid"),
            (sound()[..58].to_vec(), "empty"),
            (rate, "rate"),
        ] {
            let answer = send_file(&admin, &path, "audio/wav", file).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "wav_unusable".to_owned()));
            assert_eq!(answer.json()["fields"], json!({ "wav": reason }));
        }
        let huge = send_file(&admin, &path, "audio/wav", vec![0; own::WAV_BYTES_MAX + 1]).await;
        assert_eq!((huge.status, huge.code()), (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large".to_owned()));
        let whole = send_file(&admin, &path, "audio/wav", vec![0; own::WAV_BYTES_MAX]).await;
        assert_eq!(whole.code(), "wav_unusable", "2 MiB are read");
        let text = send_file(&admin, &path, "application/json", sound()).await;
        assert_eq!((text.status, text.code()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wav_needed".to_owned()));
        assert_eq!(listed(&admin, workers, "greeting", "vi").await.unwrap()["own"], false);
        send_file(&admin, &path, "audio/wav", endless).await.ok();
    }

    async fn only_an_administrator_gets_in(server: &mut TestServer) {
        let workers = server.seed.workers;
        let fine = desk_of(&server.administrator().await, workers).await;
        for person in [server.agent(0).await, server.supervisor().await, server.officer().await] {
            assert_eq!(person.get(DESKS).await.code(), "forbidden");
            assert_eq!(save(&person, &fine).await.code(), "forbidden");
            let path = prompt(workers, "greeting", "ja");
            assert_eq!(send_file(&person, &path, "audio/wav", sound()).await.code(), "forbidden");
            assert_eq!(person.get(&path).await.code(), "forbidden");
            assert_eq!(person.delete(&path).await.code(), "forbidden");
        }
        assert_eq!(server.anon().get(DESKS).await.code(), "sign_in_first");
    }
}

both_databases! {
    async fn the_store_keeps_what_a_call_asks_for(db: Db) {
        let seed = seed::fill(&db).await;
        let (workers, companies) = (seed.workers, seed.companies);
        let mut tx = db.read().await.expect("a reader");
        let standard = store::read(&mut tx, workers).await.expect("the standard settings");
        let all = store::list(&mut tx, seed.pool).await.expect("all desks");
        assert_eq!(all.iter().map(|d| d.desk).collect::<BTreeSet<_>>(), [workers, companies].into());
        assert!(all.contains(&standard) && standard.version == 0);
        assert_eq!(store::desk_of_number(&mut tx, "0312345678").await.expect("an answer"), None);
        drop(tx);

        let mut first = standard.clone();
        first.numbers = vec!["0312345678".into(), "+84312345678".into()];
        first.version = 1;
        let saved = first.clone();
        let kept = db.write(move |tx| Box::pin(async move { store::save(tx, 0, &saved).await })).await;
        assert_eq!(kept, Ok(true));
        let stale = first.clone();
        let late = db.write(move |tx| Box::pin(async move { store::save(tx, 0, &stale).await })).await;
        assert_eq!(late, Ok(false), "somebody saved it first");
        let mut other = madoguchi::phone::settings::PhoneDesk { desk: companies, ..first.clone() };
        other.numbers = vec!["+81 3 1234 5678".into()];
        let taken = db.write(move |tx| Box::pin(async move { store::save(tx, 0, &other).await })).await;
        assert_eq!(taken.unwrap_err().fields["numbers"], "taken");

        let mut tx = db.read().await.expect("a reader");
        assert_eq!(store::read(&mut tx, workers).await.expect("settings"), first);
        assert_eq!(store::read(&mut tx, companies).await.expect("settings").version, 0);
        for dialled in ["0312345678", "+81312345678", "81312345678", "84312345678"] {
            let found = store::desk_of_number(&mut tx, dialled).await.expect("an answer");
            assert_eq!(found, Some(workers), "{dialled}");
        }
        for unknown in ["", "anonymous", "312345678", "0312345679"] {
            assert_eq!(store::desk_of_number(&mut tx, unknown).await.expect("an answer"), None, "{unknown}");
        }
        assert!(own::list(&mut tx, workers).await.expect("own prompts").is_empty());
    }
}
