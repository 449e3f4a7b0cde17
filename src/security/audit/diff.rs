//! What became different between two values, for the trail.

use serde_json::{Map, Value, json};

/// Characters of one text value in the trail; the rest is cut.
const TEXT_MAX: usize = 120;

/// Fields that say nothing by themselves.
const SILENT: [&str; 1] = ["version"];

/// The fields that differ between two JSON objects, as `path → {"from": …, "to": …}`; paths of nested
/// objects are joined by dots, lists are compared whole, long texts are cut.
#[must_use]
pub fn changes(before: &Value, after: &Value) -> Value {
    let mut found = Map::new();
    walk("", before, after, &mut found);
    Value::Object(found)
}

fn walk(path: &str, before: &Value, after: &Value, found: &mut Map<String, Value>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        found.insert(path.to_owned(), json!({ "from": short(before), "to": short(after) }));
        return;
    };
    let fresh = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(fresh).filter(|key| !SILENT.contains(&key.as_str())) {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let side = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
        walk(&inner, &side(old), &side(new), found);
    }
}

fn short(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > TEXT_MAX => {
            Value::String(text.chars().take(TEXT_MAX).chain(['…']).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named_by_its_path() {
        let before = json!({ "a": 1, "b": { "c": [1], "d": 2 }, "gone": true, "version": 1 });
        let after = json!({ "a": 1, "b": { "c": [1, 2], "d": 2 }, "new": "x", "version": 2 });
        assert_eq!(
            changes(&before, &after),
            json!({
                "b.c": { "from": [1], "to": [1, 2] },
                "gone": { "from": true, "to": null },
                "new": { "from": null, "to": "x" },
            })
        );
        assert_eq!(changes(&before, &before), json!({}));
    }

    #[test]
    fn long_texts_are_cut() {
        let found = changes(&json!({ "t": "" }), &json!({ "t": "あ".repeat(500) }));
        assert_eq!(found["t"]["to"].as_str().unwrap().chars().count(), TEXT_MAX + 1);
    }
}
