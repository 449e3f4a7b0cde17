//! Canned texts: prepared answers in several languages, called by a shortcut, with placeholders that the
//! console fills (`{inquirer_name}`, `{agent_name}`, `{desk_name}`, `{ticket_number}`).
//!
//! Owns the table `canned_texts`. A shortcut has at most one text for each language.

pub mod http;
mod store;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kernel::db::Tx;
use crate::kernel::ids::TextId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::LangTag;
use crate::security::Identity;
use crate::security::audit::{self, Entry};

/// Characters of a shortcut: it is typed after a slash.
pub const SHORTCUT_MAX: usize = 40;

/// Characters of a title.
pub const TITLE_MAX: usize = 80;

/// Characters of a text: as many as a message of a chat may have.
pub const BODY_MAX: usize = 4000;

/// Texts of an installation; one more is refused with `limit_reached`.
pub const TEXTS_MAX: usize = 2000;

/// Largest place in the list.
pub const POSITION_MAX: i64 = 100_000;

/// The language whose texts stand in where another has none.
const FALLBACK: &str = "ja";

/// A text as agents see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CannedText {
    #[schema(value_type = TextId)]
    pub id: String,
    /// What is typed after a slash to call it.
    pub shortcut: String,
    /// BCP 47.
    pub language: String,
    pub title: String,
    pub body: String,
}

/// A text as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow, ToSchema)]
pub struct AdminText {
    #[schema(value_type = TextId)]
    pub id: String,
    pub shortcut: String,
    pub language: String,
    pub title: String,
    pub body: String,
    /// Its place in the list, from 0.
    pub position: i64,
    pub version: i64,
}

impl From<AdminText> for CannedText {
    fn from(text: AdminText) -> Self {
        let AdminText { id, shortcut, language, title, body, .. } = text;
        Self { id, shortcut, language, title, body }
    }
}

/// A text to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewCannedText {
    pub shortcut: String,
    pub language: String,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub position: i64,
}

/// What shall become different about a text; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CannedTextChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub shortcut: Option<String>,
    pub language: Option<String>,
    pub title: Option<String>,
    pub body: Option<String>,
    pub position: Option<i64>,
}

/// The texts for a conversation in `language`: its own, and Japanese ones for the shortcuts it lacks.
///
/// # Errors
/// When the store fails.
pub async fn for_language(tx: &mut Tx, language: &str) -> Result<Vec<CannedText>, Problem> {
    let own = store::in_language(tx, language).await?;
    let shortcuts: BTreeSet<String> = own.iter().map(|text| text.shortcut.clone()).collect();
    let others = if language == FALLBACK { Vec::new() } else { store::in_language(tx, FALLBACK).await? };
    let others = others.into_iter().filter(|text| !shortcuts.contains(&text.shortcut));
    Ok(own.into_iter().chain(others).map(CannedText::from).collect())
}

/// Makes a text.
///
/// # Errors
/// `invalid_input`, `shortcut_taken`, `limit_reached`, or the store's failure.
pub async fn create(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    id: TextId,
    new: NewCannedText,
) -> Result<AdminText, Problem> {
    if store::count(tx).await? >= TEXTS_MAX {
        return Err(Problem::conflict("limit_reached").with("max", TEXTS_MAX));
    }
    let NewCannedText { shortcut, language, title, body, position } = new;
    let mut text = AdminText { id: id.to_string(), shortcut, language, title, body, position, version: 1 };
    check(&mut text)?;
    store::insert(tx, &text).await.map_err(taken)?;
    record(tx, me, now, "text.create", (&Value::Null, &value_of(&text)), &text.id).await?;
    Ok(text)
}

/// Changes a text.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the text as it stands, `invalid_input`, `shortcut_taken`, or the
/// store's failure.
pub async fn change(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    id: TextId,
    change: CannedTextChange,
) -> Result<AdminText, Problem> {
    let before = store::get(tx, id).await?.ok_or_else(Problem::not_found)?;
    if before.version != change.version {
        return Err(changed_elsewhere(&before));
    }
    let old = before.clone();
    let mut after = AdminText {
        id: old.id,
        shortcut: change.shortcut.unwrap_or(old.shortcut),
        language: change.language.unwrap_or(old.language),
        title: change.title.unwrap_or(old.title),
        body: change.body.unwrap_or(old.body),
        position: change.position.unwrap_or(old.position),
        version: old.version,
    };
    check(&mut after)?;
    if after == before {
        return Ok(after);
    }
    after.version += 1;
    if !store::update(tx, before.version, &after).await.map_err(taken)? {
        return Err(changed_elsewhere(&before));
    }
    record(tx, me, now, "text.change", (&value_of(&before), &value_of(&after)), &after.id).await?;
    Ok(after)
}

/// Removes a text.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the text as it stands, or the store's failure.
pub async fn delete(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    id: TextId,
    version: i64,
) -> Result<(), Problem> {
    let before = store::get(tx, id).await?.ok_or_else(Problem::not_found)?;
    if !store::delete(tx, id, version).await? {
        return Err(changed_elsewhere(&before));
    }
    record(tx, me, now, "text.delete", (&value_of(&before), &Value::Null), &before.id).await
}

async fn record(
    tx: &mut Tx,
    me: &Identity,
    now: Timestamp,
    action: &'static str,
    (before, after): (&Value, &Value),
    id: &str,
) -> Result<(), Problem> {
    tx.settings_changed();
    let entry = Entry::of(me, action, "text", id).detail(audit::changes(before, after));
    audit::record(tx, now, entry).await?;
    Ok(())
}

/// Trims a text and collects every fault.
fn check(text: &mut AdminText) -> Result<(), Problem> {
    let mut problem = Problem::invalid("invalid_input");
    for field in [&mut text.shortcut, &mut text.title, &mut text.body, &mut text.language] {
        *field = field.trim().to_owned();
    }
    for (name, value, max) in [
        ("shortcut", &text.shortcut, SHORTCUT_MAX),
        ("title", &text.title, TITLE_MAX),
        ("body", &text.body, BODY_MAX),
    ] {
        if value.is_empty() {
            problem = problem.field(name, "required");
        } else if value.chars().count() > max {
            problem = problem.field(name, "too_long");
        }
    }
    if text.shortcut.contains(char::is_whitespace) || text.shortcut.starts_with('/') {
        problem = problem.field("shortcut", "invalid");
    }
    match text.language.parse::<LangTag>() {
        Ok(tag) => text.language = tag.to_string(),
        Err(_) => problem = problem.field("language", "invalid"),
    }
    if [&text.title, &text.body, &text.shortcut].iter().any(|t| t.contains('\0')) {
        problem = problem.field("body", "invalid");
    }
    if !(0..=POSITION_MAX).contains(&text.position) {
        problem = problem.field("position", "out_of_range");
    }
    if problem.fields.is_empty() { Ok(()) } else { Err(problem) }
}

fn taken(error: crate::kernel::db::DbError) -> Problem {
    if error.is_unique_violation() {
        Problem::conflict("shortcut_taken").field("shortcut", "taken")
    } else {
        error.into()
    }
}

fn changed_elsewhere(current: &AdminText) -> Problem {
    Problem::conflict("changed_elsewhere").current(value_of(current))
}

fn value_of(text: &AdminText) -> Value {
    serde_json::json!(text)
}
