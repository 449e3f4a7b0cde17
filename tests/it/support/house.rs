//! A small installation: one pool, two desks, three agents, a supervisor, a clock that tests move.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use madoguchi::app::Hooks;
use madoguchi::chat::ChatPort;
use madoguchi::desk::calendar::Hours;
use madoguchi::desk::events::{Event, LoggedEvent};
use madoguchi::desk::ports::{Arrival, ContactHooks, Ports, Reader};
use madoguchi::desk::protocol::ClientCommand;
use madoguchi::desk::settings::{DeskSettings, PoolSettings};
use madoguchi::desk::words::Inquirer;
use madoguchi::desk::{Desk, Parts, log};
use madoguchi::kernel::clock::{Chance, Clock};
use madoguchi::kernel::db::Db;
use madoguchi::kernel::ids::{AccountId, ContactId, DeskId, OfferId, PoolId};
use madoguchi::kernel::lifecycle::Lifecycle;
use madoguchi::kernel::problem::Problem;
use madoguchi::kernel::telemetry::Metrics;
use madoguchi::kernel::time::Timestamp;
use madoguchi::language::Detector;
use madoguchi::on_db;
use madoguchi::routing::{AgentState, Channel};
use tokio::sync::broadcast;

/// How long a test waits for an event that must come, before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Wednesday, 25 November 2026, 10:00 in Tokyo.
pub const TEN: Timestamp = Timestamp(1_795_568_400_000);

/// The installation as rows; [`House::open`] starts a desk on it.
pub struct House {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub pool: PoolId,
    /// Always open.
    pub workers: DeskId,
    /// Monday to Friday, 9:00 to 17:00.
    pub companies: DeskId,
    /// Serve both desks: Japanese and Vietnamese; Japanese; Vietnamese.
    pub agents: [AccountId; 3],
    pub supervisor: AccountId,
    pub hooks: Arc<dyn ContactHooks>,
}

/// A desk at work.
pub struct Open {
    pub desk: Desk,
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
}

impl Open {
    /// Stops the desk; what was acknowledged is on disk.
    pub async fn close(self) {
        self.lifecycle.stop().await;
    }
}

impl House {
    pub async fn new(db: Db) -> Self {
        let (chance, zone) = (Chance::seeded(7), tokyo());
        let id = |n: u128| TEN.0.cast_unsigned() as u128 * 1000 + n;
        let house = Self {
            db,
            clock: Clock::manual(TEN),
            chance: chance.clone(),
            pool: PoolId(id(1)),
            workers: DeskId(id(2)),
            companies: DeskId(id(3)),
            agents: [AccountId(id(4)), AccountId(id(5)), AccountId(id(6))],
            supervisor: AccountId(id(7)),
            hooks: Arc::new(Hooks { chance, zone }),
        };
        house.insert_pool().await;
        house.insert_desk(house.workers, "workers", &Hours::always(), &DeskSettings::default()).await;
        house
            .insert_desk(house.companies, "companies", &Hours::office(540, 1020), &DeskSettings::default())
            .await;
        for (agent, languages) in house.agents.iter().zip([&["ja", "vi"][..], &["ja"], &["vi"]]) {
            house.insert_account(*agent, "agent", languages).await;
        }
        house.insert_account(house.supervisor, "supervisor", &[]).await;
        house
    }

    /// Starts a desk on the rows as they are.
    pub async fn open(&self) -> Open {
        let (lifecycle, metrics) = (Lifecycle::default(), Metrics::default());
        let parts = Parts {
            db: self.db.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            zone: tokyo(),
            ports: self.ports(&metrics),
            lifecycle: lifecycle.clone(),
            metrics: metrics.clone(),
        };
        Open { desk: Desk::start(parts).await.expect("the desk starts"), lifecycle, metrics }
    }

    fn ports(&self, metrics: &Metrics) -> Ports {
        let chat = ChatPort {
            db: self.db.clone(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            detector: Arc::new(Detector::new()),
            metrics: metrics.clone(),
        };
        Ports { hooks: Arc::clone(&self.hooks), chat: Arc::new(chat) }
    }

    /// A worker's chat at the desk that is always open.
    pub fn arrival(&self, language: &str) -> Arrival {
        Arrival {
            contact: ContactId::compose(self.clock.now(), self.chance.bits()),
            desk: self.workers,
            channel: Channel::Chat,
            language: language.to_owned(),
            language_source: "chosen".to_owned(),
            language_confidence: None,
            topic: None,
            inquirer: Inquirer::Worker,
            priority: None,
            arrived_at: None,
            preferred: None,
            resumes: None,
            token_hash: None,
            address_key: None,
            display_name: None,
            visitor_language: None,
            reply_to: String::new(),
            extra: None,
        }
    }

    /// Connects an agent and makes it available.
    pub async fn sign_in(&self, desk: &Desk, agent: AccountId) {
        desk.agent_connected(self.pool, agent).await.expect("the agent is known");
        self.say(desk, agent, available()).await.expect("the agent becomes available");
    }

    /// Gives an agent's command.
    pub async fn say(&self, desk: &Desk, agent: AccountId, command: ClientCommand) -> Result<(), Problem> {
        desk.act(Reader { account: agent, supervisor: agent == self.supervisor }, command).await
    }

    /// The whole log.
    pub async fn events(&self) -> Vec<LoggedEvent> {
        let mut tx = self.db.read().await.expect("a reader");
        log::read_after(&mut tx, self.pool, 0, 10_000).await.expect("the log")
    }

    /// The kinds of events of one contact, in order.
    pub async fn story(&self, contact: ContactId) -> Vec<&'static str> {
        let mut tx = self.db.read().await.expect("a reader");
        let events = log::of_contact(&mut tx, contact, 0, 10_000).await.expect("the log");
        events.iter().map(|e| e.event.kind()).collect()
    }

    /// The kinds of events after number `after`, in order.
    pub async fn since(&self, after: i64) -> Vec<&'static str> {
        self.events().await.iter().filter(|e| e.seq > after).map(|e| e.event.kind()).collect()
    }

    /// The latest offer of a contact, and whom it was made to.
    pub async fn ringing(&self, contact: ContactId) -> (OfferId, AccountId) {
        let offers = self.events().await.into_iter().filter(|e| e.contact == Some(contact));
        offers
            .filter_map(|e| match e.event {
                Event::OfferMade { offer, agent, .. } => Some((offer, agent)),
                _ => None,
            })
            .next_back()
            .expect("an offer was made")
    }

    /// The number of the latest event.
    pub async fn seq(&self) -> i64 {
        let mut tx = self.db.read().await.expect("a reader");
        log::last_seq(&mut tx, self.pool).await.expect("the log")
    }

    /// One text of a contact's row.
    pub async fn column(&self, contact: ContactId, column: &'static str) -> Option<String> {
        let text = format!("SELECT {column} FROM contacts WHERE id = $1");
        let mut tx = self.db.read().await.expect("a reader");
        on_db!(tx, |conn| sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .bind(contact.to_string())
            .fetch_one(conn)
            .await)
        .expect("the row")
    }

    /// Changes settings as an administrator's form does.
    pub async fn change(&self, statement: &'static str, value: String, id: String) {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    on_db!(tx, |conn| sqlx::query(statement)
                        .bind(&value)
                        .bind(&id)
                        .execute(conn)
                        .await
                        .map(drop))?;
                    tx.settings_changed();
                    Ok::<_, madoguchi::kernel::db::DbError>(())
                })
            })
            .await
            .expect("the settings are written");
    }

    async fn insert_pool(&self) {
        let (id, settings) = (self.pool.to_string(), json(&PoolSettings::default()));
        self.insert(
            "INSERT INTO pools (id, name, event_seq, settings, version) VALUES ($1, 'pool', 0, $2, 1)",
            vec![id, settings],
        )
        .await;
    }

    async fn insert_desk(&self, desk: DeskId, slug: &str, hours: &Hours, settings: &DeskSettings) {
        self.insert(
            "INSERT INTO desks (id, pool_id, slug, name_ja, name_en, position, active, hours, settings,
                 version)
             VALUES ($1, $2, $3, $3, $3, 0, TRUE, $4, $5, 1)",
            vec![desk.to_string(), self.pool.to_string(), slug.to_owned(), json(hours), json(settings)],
        )
        .await;
    }

    async fn insert_account(&self, account: AccountId, role: &str, languages: &[&str]) {
        let skills: Vec<serde_json::Value> = languages
            .iter()
            .map(|tag| serde_json::json!({"skill": {"type": "language", "tag": tag}, "level": 3}))
            .collect();
        let desks = json(&[self.workers, self.companies]);
        let capacity = r#"{"phone":1,"meeting":1,"chat":1}"#.to_owned();
        self.insert(
            "INSERT INTO accounts (id, pool_id, login, name, role, ui_language, desks, skills, capacity,
                 translation, password_hash, password_must_change, totp_confirmed, totp_last_step,
                 failed_count, locked_until, active, created_at, version)
             VALUES ($1, $2, $1, $1, $3, 'ja', $4, $5, $6, FALSE, '', FALSE, FALSE, 0, 0, 0, TRUE, 0, 1)",
            vec![account.to_string(), self.pool.to_string(), role.to_owned(), desks, json(&skills), capacity],
        )
        .await;
    }

    async fn insert(&self, statement: &'static str, values: Vec<String>) {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    on_db!(tx, |conn| {
                        let mut query = sqlx::query(statement);
                        for value in &values {
                            query = query.bind(value);
                        }
                        query.execute(conn).await.map(drop)
                    })?;
                    Ok::<_, madoguchi::kernel::db::DbError>(())
                })
            })
            .await
            .expect("the row is written");
    }
}

/// The zone of the house.
pub fn tokyo() -> TimeZone {
    TimeZone::get("Asia/Tokyo").expect("the zone")
}

pub fn available() -> ClientCommand {
    ClientCommand::SetState { state: AgentState::Available, reason: None }
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// Follows a pool's events.
pub struct Follow(broadcast::Receiver<Arc<LoggedEvent>>);

impl Follow {
    pub fn new(desk: &Desk, pool: PoolId) -> Self {
        Self(desk.listen(pool).expect("the pool"))
    }

    /// The next event of this kind; others are passed over.
    pub async fn until(&mut self, kind: &str) -> Arc<LoggedEvent> {
        let found = async {
            loop {
                let event = self.0.recv().await.expect("the feed goes on");
                if event.event.kind() == kind {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no {kind} came"))
    }

    /// Passes over everything up to this number.
    pub async fn reach(&mut self, seq: i64) {
        let reached = async { while self.0.recv().await.expect("the feed goes on").seq < seq {} };
        tokio::time::timeout(PATIENCE, reached).await.expect("the feed follows the log");
    }
}
