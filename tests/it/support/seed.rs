//! The people and desks that stories meet: written straight into a fresh database, before the program starts.

use argon2::password_hash::{PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use madoguchi::desk::calendar::Hours;
use madoguchi::desk::settings::{DeskSettings, PoolSettings};
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::db::{Db, DbError, Tx};
use madoguchi::kernel::ids::{AccountId, DeskId, PoolId};
use madoguchi::kernel::time::Timestamp;
use madoguchi::on_db;
use madoguchi::routing::{Capacity, Level, Skill, SkillLevel};
use madoguchi::security::Role;

/// The password of everybody in [`Seed`].
pub const PASSWORD: &str = "umbrella lantern seven bridges";

/// Sign-in names of the agents: all of them serve the desk `workers`.
pub const AGENTS: [&str; 3] = ["aoi", "binh", "chika"];

/// The ids of what was written.
#[derive(Clone, Debug)]
pub struct Seed {
    pub pool: PoolId,
    /// Always open; takes chats; the agents and the supervisor serve it.
    pub workers: DeskId,
    /// Always open; takes chats; the supervisor alone serves it.
    pub companies: DeskId,
    /// A topic's id.
    pub topic: &'static str,
    /// In the order of [`AGENTS`]. The first speaks ja and en, the second ja and vi, the third ja and id.
    pub agents: Vec<AccountId>,
    pub supervisor: AccountId,
    pub administrator: AccountId,
    pub officer: AccountId,
}

struct Person<'a> {
    login: &'a str,
    role: Role,
    desks: Vec<DeskId>,
    languages: &'a [&'a str],
}

/// Fills an empty database.
pub async fn fill(db: &Db) -> Seed {
    fill_with(db, DeskSettings::default()).await
}

/// Like [`fill`], the desks having `settings`.
pub async fn fill_with(db: &Db, settings: DeskSettings) -> Seed {
    let (now, chance) = (Clock::system().now(), Chance::system());
    let seed = Seed {
        pool: PoolId::compose(now, chance.bits()),
        workers: DeskId::compose(now, chance.bits()),
        companies: DeskId::compose(now, chance.bits()),
        topic: "residence",
        agents: AGENTS.iter().map(|_| AccountId::compose(now, chance.bits())).collect(),
        supervisor: AccountId::compose(now, chance.bits()),
        administrator: AccountId::compose(now, chance.bits()),
        officer: AccountId::compose(now, chance.bits()),
    };
    let written = seed.clone();
    db.write(move |tx| Box::pin(async move { write(tx, &written, &settings, now).await }))
        .await
        .expect("the seed is written");
    seed
}

async fn write(tx: &mut Tx, seed: &Seed, settings: &DeskSettings, now: Timestamp) -> Result<(), DbError> {
    let pool_settings = serde_json::to_string(&PoolSettings::default()).expect("settings are JSON");
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO pools (id, name, event_seq, settings, version) VALUES ($1, 'Pool', 0, $2, 1)",
        )
        .bind(seed.pool.to_string())
        .bind(&pool_settings)
        .execute(conn)
        .await
        .map(drop)
    })?;
    desk(tx, seed.pool, seed.workers, "workers", settings).await?;
    desk(tx, seed.pool, seed.companies, "companies", settings).await?;
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO topics (id, parent_id, name_ja, name_en, position, active, version)
             VALUES ($1, NULL, '在留手続き', 'Residence', 1, $2, 1)",
        )
        .bind(seed.topic)
        .bind(true)
        .execute(conn)
        .await
        .map(drop)
    })?;
    let both = || vec![seed.workers, seed.companies];
    let languages: [&[&str]; 3] = [&["ja", "en"], &["ja", "vi"], &["ja", "id"]];
    for ((login, id), languages) in AGENTS.iter().zip(&seed.agents).zip(languages) {
        let agent = Person { login, role: Role::Agent, desks: vec![seed.workers], languages };
        account(tx, seed.pool, *id, &agent, now).await?;
    }
    for (id, login, role) in [
        (seed.supervisor, "shiori", Role::Supervisor),
        (seed.administrator, "anri", Role::Administrator),
        (seed.officer, "osamu", Role::Officer),
    ] {
        let desks = if role == Role::Supervisor { both() } else { Vec::new() };
        account(tx, seed.pool, id, &Person { login, role, desks, languages: &["ja"] }, now).await?;
    }
    Ok(())
}

async fn desk(
    tx: &mut Tx,
    pool: PoolId,
    id: DeskId,
    slug: &str,
    settings: &DeskSettings,
) -> Result<(), DbError> {
    let hours = serde_json::to_string(&Hours::always()).expect("hours are JSON");
    let settings = serde_json::to_string(settings).expect("settings are JSON");
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO desks (id, pool_id, slug, name_ja, name_en, position, active, hours, settings,
                version)
             VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, 1)",
        )
        .bind(id.to_string())
        .bind(pool.to_string())
        .bind(slug)
        .bind(format!("{slug}窓口"))
        .bind(format!("Desk for {slug}"))
        .bind(true)
        .bind(&hours)
        .bind(&settings)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

async fn account(
    tx: &mut Tx,
    pool: PoolId,
    id: AccountId,
    person: &Person<'_>,
    now: Timestamp,
) -> Result<(), DbError> {
    let skills: Vec<SkillLevel> = person
        .languages
        .iter()
        .map(|tag| SkillLevel { skill: Skill::language(tag).expect("a tag"), level: Level::clamped(3) })
        .collect();
    let chat = if person.role.answers() { 2 } else { 0 };
    let capacity = Capacity { phone: 0, meeting: 0, chat };
    let json = |value: serde_json::Result<String>| value.expect("plain values are JSON");
    on_db!(tx, |conn| {
        sqlx::query(
            "INSERT INTO accounts (id, pool_id, login, name, role, ui_language, desks, skills, capacity,
                translation, password_hash, password_must_change, totp_secret, totp_confirmed,
                totp_last_step, failed_count, locked_until, active, created_at, version)
             VALUES ($1, $2, $3, $4, $5, 'en', $6, $7, $8, $9, $10, $11, NULL, $12, 0, 0, 0, $13, $14, 1)",
        )
        .bind(id.to_string())
        .bind(pool.to_string())
        .bind(person.login)
        .bind(format!("Name of {}", person.login))
        .bind(person.role.as_str())
        .bind(json(serde_json::to_string(&person.desks)))
        .bind(json(serde_json::to_string(&skills)))
        .bind(json(serde_json::to_string(&capacity)))
        .bind(false)
        .bind(cheap_hash(PASSWORD))
        .bind(false)
        .bind(false)
        .bind(true)
        .bind(now.0)
        .execute(conn)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// A hash that verifies like every other, with parameters that cost a test nothing.
fn cheap_hash(password: &str) -> String {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).expect("parameters");
    let salt = SaltString::encode_b64(b"salt of the tests").expect("a salt");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes(), &salt)
        .expect("a hash")
        .to_string()
}
