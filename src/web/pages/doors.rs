//! The desks' doors as a page shows them: open or not, until when, how long the wait is.

use jiff::tz::TimeZone;

use crate::chat::http::Chat;
use crate::desk::language_wish;
use crate::desk::settings::DeskSettings;
use crate::kernel::db::DbError;
use crate::kernel::ids::DeskId;
use crate::kernel::time::{Millis, Timestamp};
use crate::language::Texts;
use crate::on_db;
use crate::routing::{Channel, Skill};

/// A wait below this is none.
const SOON: Millis = Millis::from_secs(30);

/// One desk's door, in the reader's words.
#[derive(Clone, Debug)]
pub struct Door {
    pub slug: String,
    pub name: String,
    pub open: bool,
    /// "Open now, until 17:00", "Opens at …".
    pub hours: String,
    /// "Expected wait: about 5 min", or that nobody is there; absent while the desk is closed.
    pub wait: Option<String>,
}

/// A topic to choose.
#[derive(Clone, Debug)]
pub struct Topic {
    pub id: String,
    pub name: String,
}

/// The desks that answer chats, in their order.
///
/// # Errors
/// When the store fails.
pub async fn doors(chat: &Chat, texts: &'static Texts) -> Result<Vec<Door>, DbError> {
    let mut tx = chat.db.read().await?;
    let rows: Vec<(String, String, String, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, slug, name_ja, name_en, settings FROM desks WHERE active ORDER BY position, slug",
        )
        .fetch_all(conn)
        .await
    })?;
    drop(tx);
    let wishes: Vec<Skill> = language_wish(texts.tag().as_str()).into_iter().collect();
    let mut doors = Vec::new();
    for (id, slug, name_ja, name_en, settings) in rows {
        let settings: DeskSettings = serde_json::from_str(&settings).unwrap_or_default();
        let Ok(id) = id.parse::<DeskId>() else { continue };
        if !settings.channels.contains(&Channel::Chat) {
            continue;
        }
        let name = if texts.tag().language() == "ja" { name_ja } else { name_en };
        let door = chat.desk.door(id, Channel::Chat, wishes.clone()).await;
        doors.push(word(texts, chat, slug, name, door));
    }
    Ok(doors)
}

fn word(texts: &Texts, chat: &Chat, slug: String, name: String, door: Option<crate::desk::Door>) -> Door {
    let now = chat.clock.now();
    let time = |at: Timestamp| clock_time(texts, &chat.zone, now, at);
    let open = door.as_ref().is_some_and(|d| d.open);
    let hours = match &door {
        Some(d) if d.open => d.closes_at.map_or_else(
            || texts.t("open_now").to_owned(),
            |at| texts.fill("open_until", &[("time", &time(at))]).into_owned(),
        ),
        Some(d) => d.opens_at.map_or_else(
            || texts.t("closed_now").to_owned(),
            |at| {
                let opens = texts.fill("opens_at", &[("time", &time(at))]).into_owned();
                format!("{} · {opens}", texts.t("closed_now"))
            },
        ),
        None => texts.t("closed_now").to_owned(),
    };
    let wait = door.filter(|d| d.open).map(|d| wait_words(texts, d.expected_wait));
    Door { slug, name, open, hours, wait }
}

fn wait_words(texts: &Texts, wait: Option<Millis>) -> String {
    match wait {
        None => texts.t("nobody_available").to_owned(),
        Some(wait) if wait < SOON => texts.t("wait_none").to_owned(),
        Some(wait) => {
            let minutes = (wait.0 + 59_999) / 60_000;
            texts.fill("wait_about", &[("minutes", &minutes.to_string())]).into_owned()
        }
    }
}

/// A time of today by the clock, another with its day. Readers abroad are told the zone.
fn clock_time(texts: &Texts, zone: &TimeZone, now: Timestamp, at: Timestamp) -> String {
    let zoned = |t: Timestamp| jiff::Timestamp::from_millisecond(t.0).ok().map(|t| t.to_zoned(zone.clone()));
    let (Some(now), Some(at)) = (zoned(now), zoned(at)) else { return String::new() };
    let (japanese, today) = (texts.tag().language() == "ja", now.date() == at.date());
    let form = match (japanese, today) {
        (true, true) => "%-H:%M",
        (true, false) => "%-m月%-d日 %-H:%M",
        (false, true) => "%H:%M (%Z)",
        (false, false) => "%Y-%m-%d %H:%M (%Z)",
    };
    at.strftime(form).to_string()
}

/// The topics of the first level. Those of the first set have names in every language.
///
/// # Errors
/// When the store fails.
pub async fn topics(chat: &Chat, texts: &'static Texts) -> Result<Vec<Topic>, DbError> {
    let mut tx = chat.db.read().await?;
    let rows: Vec<(String, String, String)> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT id, name_ja, name_en FROM topics WHERE active AND parent_id IS NULL
             ORDER BY position, id",
        )
        .fetch_all(conn)
        .await
    })?;
    let japanese = texts.tag().language() == "ja";
    let named = |(id, ja, en): (String, String, String)| {
        let number = id.parse::<u8>().ok().filter(|n| (1..=15).contains(n) || *n == 99);
        let own = if japanese { ja } else { en };
        let name = number.map_or(own, |n| texts.topic(n).to_owned());
        Topic { id, name }
    };
    Ok(rows.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_desk_s_clock() {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        // 2026-11-24 10:00 in Tokyo.
        let now = Timestamp(1_795_482_000_000);
        let later = Timestamp(now.0 + 7 * 3_600_000);
        let tomorrow = Timestamp(now.0 + 23 * 3_600_000);
        let of = |tag: &str, at| clock_time(Texts::get(&tag.parse().unwrap()), &zone, now, at);
        assert_eq!(of("ja", later), "17:00");
        assert_eq!(of("ja", tomorrow), "11月25日 9:00");
        assert_eq!(of("vi", later), "17:00 (JST)");
        assert_eq!(of("en", tomorrow), "2026-11-25 09:00 (JST)");
    }

    #[test]
    fn a_wait_is_told_in_whole_minutes() {
        let en = Texts::get(&"en".parse().unwrap());
        assert_eq!(wait_words(en, Some(Millis(29_000))), en.t("wait_none"));
        assert!(wait_words(en, Some(Millis(61_000))).contains('2'));
        assert_eq!(wait_words(en, None), en.t("nobody_available"));
    }
}
