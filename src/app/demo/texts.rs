//! The canned texts of the demo.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

use crate::admin::Act;
use crate::kernel::clock::Chance;
use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::TextId;
use crate::on_db;

const SOURCE: &str = include_str!("texts.toml");

/// The order in which an agent meets them.
const ORDER: [&str; 7] = ["greeting", "wait", "detail", "general", "referral", "emergency", "closing"];

/// A canned text to be made.
pub(super) struct DemoText {
    shortcut: String,
    language: String,
    title: String,
    body: String,
    position: i64,
}

#[derive(Deserialize)]
struct Wording {
    title: String,
    body: String,
}

/// All texts, in order.
///
/// # Errors
/// When the file that is part of the program is broken, which a test rules out.
pub(super) fn all() -> anyhow::Result<Vec<DemoText>> {
    let mut source: BTreeMap<String, BTreeMap<String, Wording>> =
        toml::from_str(SOURCE).context("the texts of the demo")?;
    let mut texts = Vec::new();
    for (position, shortcut) in (0..).zip(ORDER) {
        for (language, Wording { title, body }) in source.remove(shortcut).unwrap_or_default() {
            texts.push(DemoText { shortcut: shortcut.to_owned(), language, title, body, position });
        }
    }
    Ok(texts)
}

pub(super) async fn insert(tx: &mut Tx, act: &Act, chance: &Chance, text: &DemoText) -> Result<(), DbError> {
    let id = TextId::compose(act.now, chance.bits());
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO canned_texts (id, shortcut, language, title, body, position, version)
             VALUES ($1, $2, $3, $4, $5, $6, 1)",
        )
        .bind(id.to_string())
        .bind(&text.shortcut)
        .bind(&text.language)
        .bind(&text.title)
        .bind(&text.body)
        .bind(text.position)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::tag::LangTag;

    #[test]
    fn every_text_is_in_order_and_names_only_what_an_agent_s_page_fills_in() {
        let texts = all().unwrap();
        let source: BTreeMap<String, BTreeMap<String, Wording>> = toml::from_str(SOURCE).unwrap();
        assert_eq!(texts.len(), source.values().map(BTreeMap::len).sum::<usize>());
        let known = ["inquirer_name", "agent_name", "desk_name", "ticket_number"];
        for text in &texts {
            assert_eq!(text.language.parse::<LangTag>().unwrap().as_str(), text.language);
            for part in text.body.split('{').skip(1) {
                let name = part.split('}').next().unwrap();
                assert!(known.contains(&name), "{}.{}: {name}", text.shortcut, text.language);
            }
        }
    }
}
