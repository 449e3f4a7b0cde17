//! Canned texts in SQL.

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::TextId;
use crate::on_db;

use super::AdminText;

/// Every text, shortcut by shortcut in the order of the list.
///
/// # Errors
/// When the store fails.
pub async fn all(tx: &mut Tx) -> Result<Vec<AdminText>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT id, shortcut, language, title, body, position, version FROM canned_texts
         ORDER BY position, shortcut, language"
    )
    .fetch_all(conn)
    .await)?)
}

/// The texts of one language in the order of the list.
///
/// # Errors
/// When the store fails.
pub async fn in_language(tx: &mut Tx, language: &str) -> Result<Vec<AdminText>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT id, shortcut, language, title, body, position, version FROM canned_texts
         WHERE language = $1 ORDER BY position, shortcut"
    )
    .bind(language)
    .fetch_all(conn)
    .await)?)
}

/// How many texts there are.
///
/// # Errors
/// When the store fails.
pub async fn count(tx: &mut Tx) -> Result<usize, DbError> {
    let count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar("SELECT COUNT(*) FROM canned_texts").fetch_one(conn).await)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// One text.
///
/// # Errors
/// When the store fails.
pub async fn get(tx: &mut Tx, id: TextId) -> Result<Option<AdminText>, DbError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(
        "SELECT id, shortcut, language, title, body, position, version FROM canned_texts WHERE id = $1"
    )
    .bind(id.to_string())
    .fetch_optional(conn)
    .await)?)
}

/// Writes a new text.
///
/// # Errors
/// A unique violation when the shortcut has a text in this language; otherwise the store's failure.
pub async fn insert(tx: &mut Tx, text: &AdminText) -> Result<(), DbError> {
    on_db!(tx, |conn| sqlx::query(
        "INSERT INTO canned_texts (id, shortcut, language, title, body, position, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    .bind(&text.id)
    .bind(&text.shortcut)
    .bind(&text.language)
    .bind(&text.title)
    .bind(&text.body)
    .bind(text.position)
    .bind(text.version)
    .execute(conn)
    .await
    .map(drop))?;
    Ok(())
}

/// Writes `text` over what stands at version `from`, and answers whether it still stood there.
///
/// # Errors
/// A unique violation when the shortcut has a text in this language; otherwise the store's failure.
pub async fn update(tx: &mut Tx, from: i64, text: &AdminText) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query(
        "UPDATE canned_texts SET shortcut = $3, language = $4, title = $5, body = $6, position = $7,
            version = $8
         WHERE id = $1 AND version = $2"
    )
    .bind(&text.id)
    .bind(from)
    .bind(&text.shortcut)
    .bind(&text.language)
    .bind(&text.title)
    .bind(&text.body)
    .bind(text.position)
    .bind(text.version)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Removes the text when it stands at `version`, and answers whether it did.
///
/// # Errors
/// When the store fails.
pub async fn delete(tx: &mut Tx, id: TextId, version: i64) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| sqlx::query("DELETE FROM canned_texts WHERE id = $1 AND version = $2")
        .bind(id.to_string())
        .bind(version)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
