//! Canned texts: an administrator keeps them, agents get those of a language.

use serde_json::{Value, json};

use crate::on_both_servers;

fn shortcuts(list: &Value) -> Vec<(&str, &str)> {
    list["items"]
        .as_array()
        .expect("texts")
        .iter()
        .map(|text| {
            (text["shortcut"].as_str().expect("a shortcut"), text["language"].as_str().expect("a tag"))
        })
        .collect()
}

on_both_servers! {
    async fn texts_are_made_changed_and_found(server: &mut TestServer) {
        let anri = server.administrator().await;
        let make = async |shortcut: &str, language: &str, position: i64| {
            let body = json!({ "shortcut": shortcut, "language": language, "position": position,
                "title": "T", "body": "B {agent_name}" });
            anri.post("/api/v1/admin/texts", &body).await
        };
        for (shortcut, language, position) in [("bye", "ja", 2), ("hello", "ja", 1), ("hello", "vi", 1)] {
            make(shortcut, language, position).await.ok();
        }
        assert_eq!(make("hello", "ja", 0).await.code(), "shortcut_taken");
        let refused = make("two words", "no language", -1).await.json();
        let fields: Vec<&String> = refused["fields"].as_object().expect("fields").keys().collect();
        assert_eq!(fields, ["language", "position", "shortcut"]);

        let aoi = server.agent(0).await;
        let found = aoi.get("/api/v1/texts?language=vi").await.ok();
        assert_eq!(shortcuts(&found), [("hello", "vi"), ("bye", "ja")], "Japanese stands in");
        let found = aoi.get("/api/v1/texts?language=ja").await.ok();
        assert_eq!(shortcuts(&found), [("hello", "ja"), ("bye", "ja")]);
        assert_eq!(aoi.get("/api/v1/texts").await.code(), "invalid_input");

        let all = anri.get("/api/v1/admin/texts").await.ok();
        let bye = &all["items"][2];
        let path = format!("/api/v1/admin/texts/{}", bye["id"].as_str().expect("an id"));
        assert_eq!(bye["shortcut"], "bye");
        let changed = anri.patch(&path, &json!({ "version": 1, "title": "Goodbye" })).await.ok();
        assert_eq!((&changed["title"], &changed["version"]), (&json!("Goodbye"), &json!(2)));
        let late = anri.patch(&path, &json!({ "version": 1, "title": "Later" })).await;
        assert_eq!(late.code(), "changed_elsewhere");
        assert_eq!(late.json()["current"]["title"], "Goodbye");
        assert_eq!(anri.delete(&format!("{path}?version=1")).await.code(), "changed_elsewhere");
        assert_eq!(anri.delete(&format!("{path}?version=2")).await.status, 204);
        assert_eq!(anri.delete(&format!("{path}?version=2")).await.code(), "not_found");
    }
}
