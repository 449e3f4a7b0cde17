//! Topics: two levels of what a consultation is about. A topic is closed, never deleted: records name it.

mod first;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::problem::Problem;
use crate::on_db;

use super::check::Faults;
use super::desks::POSITION_MAX;
use super::{Act, changed_elsewhere, limit_reached, value_of};

/// Topics of an installation; one more is refused.
pub const TOPICS_MAX: usize = 500;

/// Topics of the first level from this number on stand at the end of the list whatever is added (99: other
/// matters); the program gives numbers below it first.
const LAST_NUMBERS: u32 = 90;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminTopic {
    /// `1` for a topic, `1-2` for one below it. Given by the program and never changed.
    #[schema(example = "5-2")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    pub name_ja: String,
    pub name_en: String,
    /// Its place beside its siblings, from 0.
    pub position: i64,
    /// One that is not active is offered to nobody; records that name it keep it.
    pub active: bool,
    /// Tickets that name it.
    pub tickets: i64,
    pub version: i64,
}

/// All topics: each topic is followed by those below it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TopicList {
    pub items: Vec<AdminTopic>,
}

/// A topic to be made; it stands last among its siblings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewTopic {
    /// Absent: a topic of the first level.
    #[serde(default)]
    pub parent_id: Option<String>,
    pub name_ja: String,
    pub name_en: String,
}

/// What shall become different about a topic; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TopicChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub name_ja: Option<String>,
    pub name_en: Option<String>,
    pub position: Option<i64>,
    pub active: Option<bool>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    parent_id: Option<String>,
    name_ja: String,
    name_en: String,
    position: i64,
    active: bool,
    tickets: i64,
    version: i64,
}

impl From<Row> for AdminTopic {
    fn from(row: Row) -> Self {
        let Row { id, parent_id, name_ja, name_en, position, active, tickets, version } = row;
        Self { id, parent_id, name_ja, name_en, position, active, tickets, version }
    }
}

/// All topics, each followed by those below it.
///
/// # Errors
/// When the store fails.
pub async fn list(tx: &mut Tx) -> Result<Vec<AdminTopic>, DbError> {
    let rows: Vec<Row> = on_db!(tx, |conn| {
        sqlx::query_as(
            "SELECT t.id, t.parent_id, t.name_ja, t.name_en, t.position, t.active, t.version,
               (SELECT COUNT(*) FROM ticket_topics k WHERE k.topic_id = t.id) AS tickets
             FROM topics t ORDER BY t.position, t.id",
        )
        .fetch_all(conn)
        .await
    })?;
    let (tops, below): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.parent_id.is_none());
    let mut below: Vec<Option<Row>> = below.into_iter().map(Some).collect();
    let mut topics = Vec::with_capacity(tops.len() + below.len());
    for top in tops {
        let parent = Some(top.id.clone());
        topics.push(top.into());
        for slot in &mut below {
            if slot.as_ref().is_some_and(|row| row.parent_id == parent) {
                topics.extend(slot.take().map(AdminTopic::from));
            }
        }
    }
    Ok(topics)
}

/// Makes a topic.
///
/// # Errors
/// `invalid_input`, `limit_reached`, or the store's failure.
pub async fn create(tx: &mut Tx, act: &Act, new: NewTopic) -> Result<AdminTopic, Problem> {
    let all = list(tx).await?;
    if all.len() >= TOPICS_MAX {
        return Err(limit_reached(TOPICS_MAX));
    }
    let siblings = || all.iter().filter(|t| t.parent_id == new.parent_id);
    let mut topic = AdminTopic {
        id: next_id(&all, new.parent_id.as_deref()),
        position: siblings().filter(|t| !stays_last(&t.id)).map(|t| t.position + 1).max().unwrap_or(0),
        parent_id: new.parent_id.clone(),
        name_ja: new.name_ja,
        name_en: new.name_en,
        active: true,
        tickets: 0,
        version: 1,
    };
    let mut faults = Faults::default();
    let top = |id: &String| all.iter().any(|t| t.id == *id && t.parent_id.is_none());
    faults.demand(new.parent_id.as_ref().is_none_or(top), "parent_id", "unknown");
    check(&mut topic, faults)?;
    insert(tx, &topic).await.map_err(faster)?;
    act.record(tx, "topic.create", ("topic", &topic.id), &Value::Null, &value_of(&topic)).await?;
    Ok(topic)
}

/// Makes the first set of topics, for an installation that has none; answers how many.
///
/// # Errors
/// When the store fails or a topic exists.
pub async fn plant(tx: &mut Tx, act: &Act) -> Result<usize, DbError> {
    let topics = first::topics();
    for topic in &topics {
        insert(tx, topic).await?;
    }
    let ids: Vec<&str> = topics.iter().map(|t| t.id.as_str()).collect();
    act.record(tx, "topic.plant", ("topic", ""), &Value::Null, &value_of(&ids)).await?;
    Ok(topics.len())
}

/// Changes a topic.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the topic as it stands, `invalid_input`, or the store's failure.
pub async fn change(tx: &mut Tx, act: &Act, id: &str, change: TopicChange) -> Result<AdminTopic, Problem> {
    let before = list(tx).await?.into_iter().find(|t| t.id == id).ok_or_else(Problem::not_found)?;
    if before.version != change.version {
        return Err(changed_elsewhere(&before));
    }
    let old = before.clone();
    let mut after = AdminTopic {
        name_ja: change.name_ja.unwrap_or(old.name_ja),
        name_en: change.name_en.unwrap_or(old.name_en),
        position: change.position.unwrap_or(old.position),
        active: change.active.unwrap_or(old.active),
        id: old.id,
        parent_id: old.parent_id,
        tickets: old.tickets,
        version: old.version,
    };
    check(&mut after, Faults::default())?;
    if after == before {
        return Ok(after);
    }
    after.version += 1;
    if !update(tx, before.version, &after).await? {
        return Err(changed_elsewhere(&before));
    }
    act.record(tx, "topic.change", ("topic", id), &value_of(&before), &value_of(&after)).await?;
    Ok(after)
}

async fn insert(tx: &mut Tx, topic: &AdminTopic) -> Result<(), DbError> {
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO topics (id, parent_id, name_ja, name_en, position, active, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&topic.id)
        .bind(&topic.parent_id)
        .bind(&topic.name_ja)
        .bind(&topic.name_en)
        .bind(topic.position)
        .bind(topic.active)
        .bind(topic.version)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// Whether the row still stood at `version`.
async fn update(tx: &mut Tx, version: i64, topic: &AdminTopic) -> Result<bool, DbError> {
    let rows = on_db!(tx, |conn| {
        sqlx::query(
            "UPDATE topics SET name_ja = $3, name_en = $4, position = $5, active = $6, version = $7
             WHERE id = $1 AND version = $2",
        )
        .bind(&topic.id)
        .bind(version)
        .bind(&topic.name_ja)
        .bind(&topic.name_en)
        .bind(topic.position)
        .bind(topic.active)
        .bind(topic.version)
        .execute(conn)
        .await
        .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

fn check(topic: &mut AdminTopic, mut faults: Faults) -> Result<(), Problem> {
    faults.name("name_ja", &mut topic.name_ja);
    faults.name("name_en", &mut topic.name_en);
    faults.demand((0..=POSITION_MAX).contains(&topic.position), "position", "out_of_range");
    faults.result()
}

/// Two administrators were given the same number at once.
fn faster(error: DbError) -> Problem {
    if error.is_unique_violation() { Problem::conflict("changed_elsewhere") } else { error.into() }
}

/// The number of a topic among its siblings: 2 for `2` and for `5-2`.
fn number_of(id: &str) -> Option<u32> {
    id.rsplit('-').next().and_then(|digits| digits.parse().ok())
}

fn stays_last(id: &str) -> bool {
    !id.contains('-') && number_of(id).is_some_and(|number| number >= LAST_NUMBERS)
}

/// The id after the highest one among the siblings.
fn next_id(all: &[AdminTopic], parent: Option<&str>) -> String {
    let numbers: Vec<u32> =
        all.iter().filter(|t| t.parent_id.as_deref() == parent).filter_map(|t| number_of(&t.id)).collect();
    let Some(parent) = parent else {
        let lowest = numbers.iter().filter(|n| **n < LAST_NUMBERS - 1).max().map_or(1, |n| n + 1);
        let free = (lowest..).find(|n| !numbers.contains(n)).unwrap_or(lowest);
        return free.to_string();
    };
    format!("{parent}-{}", numbers.iter().max().map_or(1, |n| n + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: &str, parent: Option<&str>) -> AdminTopic {
        AdminTopic {
            id: id.to_owned(),
            parent_id: parent.map(str::to_owned),
            name_ja: String::new(),
            name_en: String::new(),
            position: 0,
            active: true,
            tickets: 0,
            version: 1,
        }
    }

    #[test]
    fn the_next_id_follows_its_siblings_and_leaves_the_last_numbers_alone() {
        let all = [topic("1", None), topic("15", None), topic("99", None), topic("5-2", Some("5"))];
        assert_eq!(next_id(&all, None), "16");
        assert_eq!(next_id(&all, Some("5")), "5-3");
        assert_eq!(next_id(&all, Some("1")), "1-1");
        assert_eq!(next_id(&[], None), "1");
        let full = [topic("88", None), topic("89", None), topic("99", None)];
        assert_eq!(next_id(&full, None), "90");
    }
}
