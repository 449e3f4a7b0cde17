//! The demo: first desks, accounts, topics and texts, made once, with passwords that are printed once.

mod people;
mod print;
mod texts;

use std::io::Write;

use clap::{Args, ValueEnum};

use crate::admin::accounts::FirstPassword;
use crate::admin::desks::{AdminDesk, NewDesk};
use crate::admin::{Act, accounts, desks, topics};
use crate::config::Config;
use crate::desk::calendar::Hours;
use crate::desk::settings::{DeskSettings, PoolSettings};
use crate::kernel::bus::Bus;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError, Tx};
use crate::kernel::ids::{AccountId, DeskId, PoolId};
use crate::kernel::problem::Problem;
use crate::on_db;
use crate::phone;
use crate::phone::settings::PhoneDesk;
use crate::routing::Channel;
use crate::security::keys::InstallKey;
use crate::security::{Role, password, totp};

/// Minutes since midnight: the office hours of the demo, weekdays 10:00 to 17:00.
const OFFICE_MIN: (i16, i16) = (10 * 60, 17 * 60);

/// The numbers of the demo's desks; nobody has numbers that begin so.
const NUMBERS: [&str; 2] = ["0300000001", "0300000002"];

/// Options of `madoguchi demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// When the desks are open: day and night, so that the demo can be tried at any hour, or on weekdays
    /// from 10:00 to 17:00 except holidays.
    #[arg(long, value_enum, default_value_t = OpenWhen::Always)]
    hours: OpenWhen,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// When the desks of the demo are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OpenWhen {
    Always,
    Office,
}

/// An account of the demo as its owner needs it.
struct Person {
    id: AccountId,
    new: accounts::NewAccount,
    password: String,
    password_hash: String,
    /// For those who must sign in with a second factor.
    secret: Option<totp::Secret>,
    sealed: Option<String>,
}

/// Fills an empty database; does nothing when it holds a pool already.
///
/// # Errors
/// When the store, the key or the file of the passwords cannot be used.
pub async fn run(config: &Config, args: &DemoArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let (clock, chance) = (Clock::system(), Chance::system());
    super::prepare_data_dir(&config.data.dir)?;
    let key = InstallKey::load_or_create(&config.data.dir, &chance)?;
    let db = Db::open(&config.data.url(), Bus::local()).await?;
    db.migrate().await?;
    let made = make(&db, &clock, &chance, &key, args.hours).await;
    db.close().await;
    let Some(made) = made? else { return print::nothing_done(args.json, out) };
    print::made(&made, args, &config.data.dir, out)
}

/// What was made.
struct Made {
    people: Vec<Person>,
    desks: Vec<AdminDesk>,
    topics: usize,
    texts: usize,
}

async fn make(
    db: &Db,
    clock: &Clock,
    chance: &Chance,
    key: &InstallKey,
    hours: OpenWhen,
) -> anyhow::Result<Option<Made>> {
    if is_set_up(&mut db.read().await?).await? {
        return Ok(None);
    }
    let now = clock.now();
    let pool = PoolId::compose(now, chance.bits());
    let desks = [(); 2].map(|()| DeskId::compose(now, chance.bits()));
    let mut people = Vec::new();
    for new in people::all(&desks)? {
        people.push(person(clock, chance, key, new).await.map_err(|problem| refused(&problem))?);
    }
    let act = Act::by_program(pool, now);
    let plan = Plan { act, chance: chance.clone(), people, texts: texts::all()?, desks, hours };
    db.write(move |tx| Box::pin(carry_out(tx, plan))).await.map_err(|problem| refused(&problem))
}

/// What shall be made, in one unit.
struct Plan {
    act: Act,
    chance: Chance,
    people: Vec<Person>,
    texts: Vec<texts::DemoText>,
    desks: [DeskId; 2],
    hours: OpenWhen,
}

async fn carry_out(tx: &mut Tx, plan: Plan) -> Result<Option<Made>, Problem> {
    let Plan { act, chance, people, texts, desks: ids, hours } = plan;
    if is_set_up(tx).await? {
        return Ok(None);
    }
    insert_pool(tx, act.pool).await?;
    let mut desks = Vec::new();
    for (id, new) in ids.into_iter().zip(new_desks(hours)) {
        desks.push(desks::create(tx, &act, id, new).await?);
    }
    let topics = topics::plant(tx, &act).await?;
    for (desk, number) in desks.iter().zip(NUMBERS) {
        let standard = phone::settings::store::read(tx, desk.id).await?;
        let reached = PhoneDesk { numbers: vec![number.to_owned()], version: 1, ..standard };
        phone::settings::store::save(tx, 0, &reached).await?;
    }
    for text in &texts {
        texts::insert(tx, &act, &chance, text).await?;
    }
    for person in &people {
        let first = FirstPassword { hash: person.password_hash.clone(), must_change: false };
        accounts::create(tx, &act, person.id, person.new.clone(), &first).await?;
        if let Some(sealed) = &person.sealed {
            accounts::set_second_factor(tx, person.id, sealed).await?;
        }
    }
    Ok(Some(Made { people, desks, topics, texts: texts.len() }))
}

/// Whether somebody has set the installation up already.
async fn is_set_up(tx: &mut Tx) -> Result<bool, DbError> {
    let pools: i64 =
        on_db!(tx, |conn| { sqlx::query_scalar("SELECT COUNT(*) FROM pools").fetch_one(conn).await })?;
    Ok(pools > 0)
}

async fn insert_pool(tx: &mut Tx, pool: PoolId) -> Result<(), DbError> {
    let settings = serde_json::to_string(&PoolSettings::default()).unwrap_or_default();
    on_db!(tx, |conn| {
        sqlx::query("INSERT INTO pools (id, name, event_seq, settings, version) VALUES ($1, $2, 0, $3, 1)")
            .bind(pool.to_string())
            .bind("main")
            .bind(&settings)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

fn new_desks(hours: OpenWhen) -> [NewDesk; 2] {
    let hours = match hours {
        OpenWhen::Always => Hours::always(),
        OpenWhen::Office => Hours::office(OFFICE_MIN.0, OFFICE_MIN.1),
    };
    let desk = |slug: &str, name_ja: &str, name_en: &str| NewDesk {
        slug: slug.to_owned(),
        name_ja: name_ja.to_owned(),
        name_en: name_en.to_owned(),
        hours: hours.clone(),
        settings: DeskSettings { channels: vec![Channel::Phone, Channel::Chat], ..DeskSettings::default() },
    };
    [
        desk("workers", "外国人材相談窓口", "Desk for foreign workers"),
        desk("companies", "事業者相談窓口", "Desk for companies"),
    ]
}

async fn person(
    clock: &Clock,
    chance: &Chance,
    key: &InstallKey,
    new: accounts::NewAccount,
) -> Result<Person, Problem> {
    let id = AccountId::compose(clock.now(), chance.bits());
    let password = password::temporary(chance);
    let password_hash = password::hash(chance, password.clone()).await?;
    let secret = new.role.needs_second_factor().then(|| totp::Secret::fresh(chance));
    let sealed = secret.as_ref().map(|secret| secret.seal(key, chance, id)).transpose()?;
    Ok(Person { id, new, password, password_hash, secret, sealed })
}

fn refused(problem: &Problem) -> anyhow::Error {
    anyhow::anyhow!("the demo could not be made: {} {:?}", problem.code, problem.fields)
}

/// What a role is called in the table.
const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Agent => "agent (対応者)",
        Role::Supervisor => "supervisor (監督者)",
        Role::Administrator => "administrator (管理者)",
        Role::Officer => "officer (担当職員)",
    }
}
