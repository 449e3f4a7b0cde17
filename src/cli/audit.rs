//! `madoguchi audit verify`.

use std::io::Write;

use crate::kernel::db::Db;
use crate::security::audit;

/// Checks the trail and prints what was found and its last line.
///
/// # Errors
/// When a row does not fit, or the store fails.
pub async fn verify(db: &Db, out: &mut impl Write) -> anyhow::Result<()> {
    let verdict = audit::verify(db).await?;
    let end = verdict.anchor.as_ref().map_or_else(String::new, |a| format!("{} {}", a.seq, a.hash));
    if let Some(fault) = verdict.fault {
        anyhow::bail!(
            "the audit trail is not whole: {fault} ({} rows read; recorded end: {end})",
            verdict.rows
        );
    }
    writeln!(out, "the audit trail is whole: {} rows; keep this line elsewhere: {end}", verdict.rows)?;
    Ok(())
}
