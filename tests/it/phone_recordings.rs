//! Recordings outlive the program, are heard by those who may and never untold, and go when their time comes.

use madoguchi::kernel::clock::Chance;
use madoguchi::kernel::db::{Db, DbError};
use madoguchi::kernel::ids::{ContactId, DeskId, RecordingId};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::on_db;
use madoguchi::phone::record::store::{self, Kind, New};
use madoguchi::phone::record::vault::{CHUNK_BYTES, FOLDER};
use madoguchi::phone::record::{KEEP, Vault, keep};
use madoguchi::security::keys::InstallKey;
use serde_json::{Value, json};

use crate::support::house::House;
use crate::support::server::TestServer;
use crate::support::visitor::Visitor;
use crate::{both_databases, on_both_servers};

/// A row as it stands when the program is killed.
async fn begun(db: &Db, (id, contact, desk): (RecordingId, ContactId, DeskId), kind: Kind, at: Timestamp) {
    let new = New { id, contact, desk, kind, started_at: at, delete_at: at + KEEP };
    db.write::<_, DbError, _>(move |tx| Box::pin(async move { store::insert(tx, &new).await }))
        .await
        .unwrap();
}

/// Two chunks, the second after a pause and short, and the beginning of a third.
fn torn(vault: &Vault, dir: &std::path::Path, id: RecordingId) {
    let mut writer = vault.create(id).unwrap();
    writer.chunk(&vec![0x00; CHUNK_BYTES], false).unwrap();
    writer.chunk(&vec![0xff; CHUNK_BYTES / 3], true).unwrap();
    let path = dir.join(FOLDER).join(id.to_string());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(5000_u32.to_le_bytes());
    bytes.extend([7; 100]);
    std::fs::write(&path, bytes).unwrap();
}

async fn acts(db: &Db, action: &'static str) -> Vec<(String, String, String)> {
    let mut tx = db.read().await.unwrap();
    on_db!(tx, |conn| sqlx::query_as(
        "SELECT actor, object_id, detail FROM audit WHERE action = $1 ORDER BY seq"
    )
    .bind(action)
    .fetch_all(conn)
    .await)
    .unwrap()
}

both_databases! {
    async fn a_killed_program_loses_the_last_chunk_at_most_and_old_recordings_go(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::new(dir.path(), InstallKey::from_bytes([1; 32]), Chance::seeded(1));
        let contact = open.desk.leave(house.arrival("ja")).await.unwrap().contact;
        let (kept, empty, orphan) = (RecordingId(1), RecordingId(2), RecordingId(3));
        let began = house.clock.now();
        begun(&house.db, (kept, contact, house.workers), Kind::Call, began).await;
        begun(&house.db, (empty, contact, house.workers), Kind::Call, began + Millis(1)).await;
        begun(&house.db, (orphan, ContactId(9), house.workers), Kind::Message, began).await;
        torn(&vault, dir.path(), kept);
        torn(&vault, dir.path(), orphan);

        keep::take_up(&house.db, &vault).await.unwrap();
        let mut tx = house.db.read().await.unwrap();
        let rows = store::of_contact(&mut tx, house.pool, contact).await.unwrap();
        let facts: Vec<_> =
            rows.iter().map(|r| (r.state.as_str(), r.ms, r.pauses.as_str(), r.peaks.len())).collect();
        assert_eq!(facts, [("done", 4000, "[3000]", 200), ("done", 0, "[]", 0)]);
        assert_eq!((rows[0].peaks[0], rows[0].peaks[199]), (250, 0), "loud, then silent");
        assert_eq!(store::orphans(&mut tx).await.unwrap(), [(ContactId(9), house.workers)]);
        assert!(store::left_over(&mut tx).await.unwrap().is_empty());
        drop(tx);

        let early = keep::delete_due(&house.db, &vault, began + KEEP + Millis(-1)).await.unwrap();
        assert_eq!((early, acts(&house.db, "recording.delete").await.len()), (0, 0));
        assert_eq!(keep::delete_due(&house.db, &vault, began + KEEP).await.unwrap(), 2);
        assert_eq!(keep::delete_due(&house.db, &vault, began + KEEP + Millis(1)).await.unwrap(), 1);
        assert_eq!(keep::delete_due(&house.db, &vault, began + KEEP + Millis(1)).await.unwrap(), 0);
        assert!(vault.open(kept).is_err() && vault.open(orphan).is_err());
        let told = acts(&house.db, "recording.delete").await;
        assert!(told.iter().all(|(actor, ..)| actor == "system"), "{told:?}");
        assert_eq!(told[0].2, json!({ "reason": "retention" }).to_string());
        let mut tx = house.db.read().await.unwrap();
        let row = store::get(&mut tx, house.pool, kept).await.unwrap().expect("the row stays");
        assert_eq!((row.deleted_at, row.bytes, row.peaks.len()), (Some((began + KEEP).0), 0, 0));
        drop(tx);
        open.close().await;
    }
}

/// A recording that the program finds when it starts, and the ticket that it belongs to.
async fn recorded(server: &mut TestServer, id: RecordingId) -> (ContactId, Value) {
    let mut her = Visitor::new(server.address, "10.0.0.8");
    let wish = Visitor::wish("page-that-leaves", &json!({ "message": "x", "reply_to": "mai@example.jp" }));
    let left = her.post("/api/v1/chat/leave", &wish).await.ok();
    her.keep(&left);
    let contact: ContactId = her.contact.parse().unwrap();
    let list = server.agent(0).await.get("/api/v1/tickets").await.ok();
    let at = Timestamp(list["items"][0]["created_at"].as_i64().unwrap());
    begun(&server.db, (id, contact, server.seed.workers), Kind::Message, at).await;
    (contact, list["items"][0].clone())
}

fn vault(server: &TestServer) -> Vault {
    let key = InstallKey::load_or_create(server.data_dir(), &Chance::seeded(1)).unwrap();
    Vault::new(server.data_dir(), key, Chance::seeded(2))
}

on_both_servers! {
    async fn a_recording_is_heard_and_told_and_deleted_by_a_supervisor(server: &mut TestServer) {
        let id = RecordingId(77);
        let (contact, ticket) = recorded(server, id).await;
        torn(&vault(server), server.data_dir(), id);
        let aoi = server.agent(0).await;
        let (list, audio) = (
            format!("/api/v1/phone/recordings?contact={contact}"),
            format!("/api/v1/phone/recordings/{id}/audio"),
        );
        assert_eq!(aoi.get(&list).await.ok()["items"][0]["state"], "running");
        assert_eq!(aoi.get(&audio).await.code(), "recording_running");

        server.restart().await;
        let aoi = server.agent(0).await;
        let of_ticket = format!("/api/v1/phone/recordings?ticket={}", ticket["id"].as_str().unwrap());
        let listed = aoi.get(&list).await.ok();
        assert_eq!(listed, aoi.get(&of_ticket).await.ok());
        let item = &listed["items"][0];
        assert_eq!((&item["state"], &item["kind"]), (&json!("done"), &json!("message")));
        assert_eq!(item["ms"], 4000);
        assert_eq!((&item["pauses"], item["peaks"].as_array().unwrap().len()), (&json!([3000]), 200));
        let both = format!("?contact={contact}&ticket={}", ticket["id"].as_str().unwrap());
        for wrong in ["", "?contact=con_1", &both] {
            assert_eq!(aoi.get(&format!("/api/v1/phone/recordings{wrong}")).await.status, 400, "{wrong}");
        }

        assert!(acts(&server.db, "recording.hear").await.is_empty());
        let heard = aoi.get(&audio).await;
        assert_eq!(heard.status, 200);
        assert_eq!(heard.headers["content-type"], "audio/wav");
        let sound = CHUNK_BYTES + CHUNK_BYTES / 3;
        assert_eq!(heard.headers["content-length"], (58 + sound).to_string());
        assert_eq!(heard.headers["cache-control"], "no-store");
        assert_eq!(heard.body.len(), 58 + sound);
        assert_eq!(&heard.body[20..24], [7, 0, 2, 0], "μ-law, two channels");
        assert!(heard.body[58..58 + CHUNK_BYTES].iter().all(|byte| *byte == 0));
        let told = acts(&server.db, "recording.hear").await;
        assert_eq!(told, [(server.seed.agents[0].to_string(), id.to_string(), String::new())]);

        // A sensitive ticket is its owner's and the supervisors'.
        let path = format!("/api/v1/tickets/{}", ticket["id"].as_str().unwrap());
        let version = aoi.get(&path).await.ok()["version"].clone();
        let change = json!({ "version": version, "sensitive": true, "owner": server.seed.agents[0] });
        aoi.patch(&path, &change).await.ok();
        let binh = server.agent(1).await;
        for path in [&list, &audio] {
            assert_eq!(binh.get(path).await.code(), "not_your_contact");
        }
        assert_eq!(aoi.get(&audio).await.status, 200);
        assert_eq!(acts(&server.db, "recording.hear").await.len(), 2);

        let shiori = server.supervisor().await;
        let one = format!("/api/v1/phone/recordings/{id}");
        let wish = |reason: &str| json!({ "reason": reason });
        let delete = async |person: &crate::support::client::Person, body: Value| {
            person.send(person.request(&axum::http::Method::DELETE, &one, Some(&body))).await
        };
        assert_eq!(delete(&aoi, wish("asked")).await.code(), "forbidden");
        assert_eq!(delete(&shiori, wish("because")).await.code(), "invalid_input");
        assert_eq!(delete(&shiori, wish("asked")).await.status, 204);
        assert_eq!(delete(&shiori, wish("asked")).await.status, 410);
        assert_eq!(aoi.get(&audio).await.code(), "recording_deleted");
        let gone = aoi.get(&list).await.ok();
        assert_eq!((&gone["items"][0]["state"], &gone["items"][0]["peaks"]), (&json!("deleted"), &json!([])));
        assert!(vault(server).open(id).is_err());
        let told = acts(&server.db, "recording.delete").await;
        let (who, detail) = (server.seed.supervisor.to_string(), wish("asked").to_string());
        assert_eq!(told, [(who, id.to_string(), detail)]);
    }

    async fn a_damaged_recording_is_refused_and_nobody_heard_it(server: &mut TestServer) {
        let id = RecordingId(78);
        recorded(server, id).await;
        torn(&vault(server), server.data_dir(), id);
        server.restart().await;
        let path = server.data_dir().join(FOLDER).join(id.to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let aoi = server.agent(0).await;
        let refused = aoi.get(&format!("/api/v1/phone/recordings/{id}/audio")).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "recording_damaged"));
        assert!(acts(&server.db, "recording.hear").await.is_empty());
        let unknown = format!("/api/v1/phone/recordings/{}/audio", RecordingId(1));
        assert_eq!(aoi.get(&unknown).await.status, 404);
    }
}
