//! Accounts: the people who sign in, what they may do and what they can take.

mod store;

pub use store::set_second_factor;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::fold;
use crate::kernel::ids::{AccountId, DeskId};
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;
use crate::language::tag::LangTag;
use crate::routing::{CHAT_CAPACITY_MAX, Capacity, Skill, SkillLevel};
use crate::security::{Role, end_sessions};

use super::check::{Faults, page_size};
use super::{Act, changed_elsewhere, desks, limit_reached, topics, value_of};

/// Accounts of one pool, closed ones included; one more is refused.
pub const ACCOUNTS_MAX: usize = 5000;

/// Characters of a sign-in name.
pub const LOGIN_MAX: usize = 40;

/// Skills of one account; more are refused, as the engine would.
pub const SKILLS_MAX: usize = 64;

/// Accounts of one page, when none is named and at most.
const PAGE_USUAL: i64 = 50;
const PAGE_MAX: i64 = 200;

/// An account as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminAccount {
    pub id: AccountId,
    /// The sign-in name: lower-case letters, digits, `.`, `-` and `_`.
    #[schema(example = "sato")]
    pub login: String,
    /// The name that colleagues see and inquirers are told.
    pub name: String,
    pub role: Role,
    /// `ja` or `en`.
    pub ui_language: String,
    pub desks: Vec<DeskId>,
    pub skills: Vec<SkillLevel>,
    pub capacity: Capacity,
    /// Whether the person may be given contacts in a foreign language through translation.
    pub translation: bool,
    /// Whether a second factor is set up.
    pub second_factor: bool,
    /// Whether a new password must be chosen at the next sign-in.
    pub password_must_change: bool,
    pub active: bool,
    pub created_at: Timestamp,
    pub version: i64,
}

/// A page of accounts, ordered by sign-in name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountPage {
    pub items: Vec<AdminAccount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    pub total: i64,
    /// Whether there are more than `total`.
    pub total_capped: bool,
}

/// An account to be made. It is active at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAccount {
    pub login: String,
    pub name: String,
    pub role: Role,
    /// Absent: `ja`.
    #[serde(default)]
    pub ui_language: Option<String>,
    #[serde(default)]
    pub desks: Vec<DeskId>,
    #[serde(default)]
    pub skills: Vec<SkillLevel>,
    #[serde(default)]
    pub capacity: Capacity,
    #[serde(default)]
    pub translation: bool,
}

/// What shall become different about an account; an absent field stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AccountChange {
    /// The version that the change was made from.
    #[schema(required = true)]
    pub version: i64,
    pub login: Option<String>,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub ui_language: Option<String>,
    pub desks: Option<Vec<DeskId>>,
    pub skills: Option<Vec<SkillLevel>>,
    pub capacity: Option<Capacity>,
    pub translation: Option<bool>,
}

/// The version that an act was decided on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct AtVersion {
    pub version: i64,
}

/// An account with the password that was just made for it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountWithPassword {
    pub account: AdminAccount,
    /// Shown this once; must be changed at the first sign-in.
    pub temporary_password: String,
}

/// Which accounts are asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Found in the sign-in name or the name.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub active: Option<bool>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 200; absent: 50.
    pub limit: Option<i64>,
}

/// A page of the accounts of the pool.
///
/// # Errors
/// When the store fails or holds what this program cannot have written.
pub async fn page(tx: &mut Tx, act: &Act, query: &AccountQuery) -> Result<AccountPage, DbError> {
    let terms = fold::terms(query.search.as_deref().unwrap_or_default());
    let found: Vec<AdminAccount> = store::list(tx, act.pool)
        .await?
        .into_iter()
        .filter(|account| query.role.is_none_or(|role| account.role == role))
        .filter(|account| query.active.is_none_or(|active| account.active == active))
        .filter(|account| {
            let text = fold::fold(&format!("{} {}", account.login, account.name));
            terms.iter().all(|term| text.contains(term))
        })
        .collect();
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let size = usize::try_from(page_size(query.limit, PAGE_USUAL, PAGE_MAX)).unwrap_or(1);
    let after = query.cursor.as_deref().unwrap_or_default();
    let mut rest = found.into_iter().filter(|account| account.login.as_str() > after);
    let items: Vec<AdminAccount> = rest.by_ref().take(size).collect();
    let next_cursor = rest.next().and_then(|_| items.last().map(|account| account.login.clone()));
    Ok(AccountPage { items, next_cursor, total, total_capped: false })
}

/// A password as the store keeps it, and whether its owner must choose another at the next sign-in.
#[derive(Clone)]
pub struct FirstPassword {
    pub hash: String,
    pub must_change: bool,
}

/// Makes an account.
///
/// # Errors
/// `invalid_input`, `limit_reached`, or the store's failure.
pub async fn create(
    tx: &mut Tx,
    act: &Act,
    id: AccountId,
    new: NewAccount,
    password: &FirstPassword,
) -> Result<AdminAccount, Problem> {
    if store::count(tx, act.pool).await? >= ACCOUNTS_MAX {
        return Err(limit_reached(ACCOUNTS_MAX));
    }
    let mut account = AdminAccount {
        id,
        login: new.login,
        name: new.name,
        role: new.role,
        ui_language: new.ui_language.unwrap_or_else(|| "ja".to_owned()),
        desks: new.desks,
        skills: new.skills,
        capacity: new.capacity,
        translation: new.translation,
        second_factor: false,
        password_must_change: password.must_change,
        active: true,
        created_at: act.now,
        version: 1,
    };
    check(tx, act, &mut account).await?;
    store::insert(tx, act.pool, &account, &password.hash).await.map_err(login_taken)?;
    record(tx, act, "account.create", None, &account).await?;
    Ok(account)
}

/// Changes an account.
///
/// # Errors
/// `not_found`, `changed_elsewhere` with the account as it stands, `invalid_input`, `last_administrator`,
/// `not_yourself` for one's own role, or the store's failure.
pub async fn change(
    tx: &mut Tx,
    act: &Act,
    id: AccountId,
    change: AccountChange,
) -> Result<AdminAccount, Problem> {
    let before = at_version(tx, act, id, change.version).await?;
    let old = before.clone();
    let mut after = AdminAccount {
        login: change.login.unwrap_or(old.login),
        name: change.name.unwrap_or(old.name),
        role: change.role.unwrap_or(old.role),
        ui_language: change.ui_language.unwrap_or(old.ui_language),
        desks: change.desks.unwrap_or(old.desks),
        skills: change.skills.unwrap_or(old.skills),
        capacity: change.capacity.unwrap_or(old.capacity),
        translation: change.translation.unwrap_or(old.translation),
        ..before.clone()
    };
    check(tx, act, &mut after).await?;
    if after == before {
        return Ok(after);
    }
    if after.role != before.role {
        not_oneself(act, id)?;
        end_sessions(tx, id).await?;
    }
    keep(tx, act, "account.change", &before, after).await
}

/// Closes an account: nobody signs in with it any more, and whoever is signed in is put out.
///
/// # Errors
/// `not_found`, `changed_elsewhere`, `last_administrator`, `not_yourself`, or the store's failure.
pub async fn deactivate(
    tx: &mut Tx,
    act: &Act,
    id: AccountId,
    at: AtVersion,
) -> Result<AdminAccount, Problem> {
    let before = at_version(tx, act, id, at.version).await?;
    not_oneself(act, id)?;
    if !before.active {
        return Ok(before);
    }
    end_sessions(tx, id).await?;
    let after = AdminAccount { active: false, ..before.clone() };
    keep(tx, act, "account.deactivate", &before, after).await
}

/// Opens a closed account again; its password and second factor are those of before.
///
/// # Errors
/// `not_found`, `changed_elsewhere`, or the store's failure.
pub async fn activate(tx: &mut Tx, act: &Act, id: AccountId, at: AtVersion) -> Result<AdminAccount, Problem> {
    let before = at_version(tx, act, id, at.version).await?;
    if before.active {
        return Ok(before);
    }
    let after = AdminAccount { active: true, ..before.clone() };
    keep(tx, act, "account.activate", &before, after).await
}

/// Replaces a password by one that must be changed at the next sign-in; delays after failures end, and
/// whoever is signed in is put out.
///
/// # Errors
/// `not_found`, `changed_elsewhere`, `not_yourself` (one changes one's own with the old one), or the
/// store's failure.
pub async fn reset_password(
    tx: &mut Tx,
    act: &Act,
    id: AccountId,
    at: AtVersion,
    hash: &str,
) -> Result<AdminAccount, Problem> {
    let before = at_version(tx, act, id, at.version).await?;
    not_oneself(act, id)?;
    store::set_password(tx, id, hash).await?;
    end_sessions(tx, id).await?;
    let after = AdminAccount { password_must_change: true, ..before.clone() };
    keep(tx, act, "account.reset_password", &before, after).await
}

/// Forgets a second factor, which is then set up anew at the next sign-in where one is required.
///
/// # Errors
/// `not_found`, `changed_elsewhere`, `not_yourself`, or the store's failure.
pub async fn reset_totp(
    tx: &mut Tx,
    act: &Act,
    id: AccountId,
    at: AtVersion,
) -> Result<AdminAccount, Problem> {
    let before = at_version(tx, act, id, at.version).await?;
    not_oneself(act, id)?;
    store::forget_second_factor(tx, id).await?;
    end_sessions(tx, id).await?;
    let after = AdminAccount { second_factor: false, ..before.clone() };
    keep(tx, act, "account.reset_totp", &before, after).await
}

async fn at_version(tx: &mut Tx, act: &Act, id: AccountId, version: i64) -> Result<AdminAccount, Problem> {
    let account = store::find(tx, act.pool, id).await?.ok_or_else(Problem::not_found)?;
    if account.version == version { Ok(account) } else { Err(changed_elsewhere(&account)) }
}

fn not_oneself(act: &Act, id: AccountId) -> Result<(), Problem> {
    if act.is_by(id) { Err(Problem::conflict("not_yourself")) } else { Ok(()) }
}

/// Writes the account as it has become, with its trace.
async fn keep(
    tx: &mut Tx,
    act: &Act,
    action: &'static str,
    before: &AdminAccount,
    mut after: AdminAccount,
) -> Result<AdminAccount, Problem> {
    after.version += 1;
    if !store::update(tx, before.version, &after).await.map_err(login_taken)? {
        return Err(changed_elsewhere(before));
    }
    record(tx, act, action, Some(before), &after).await?;
    // Counted after the trail's lock is held: two administrators who close each other's accounts on two
    // nodes cannot both succeed.
    let was = before.role == Role::Administrator && before.active;
    let is = after.role == Role::Administrator && after.active;
    if was && !is && store::administrators(tx, act.pool).await? == 0 {
        return Err(Problem::conflict("last_administrator"));
    }
    Ok(after)
}

async fn record(
    tx: &mut Tx,
    act: &Act,
    action: &'static str,
    before: Option<&AdminAccount>,
    after: &AdminAccount,
) -> Result<(), DbError> {
    let before = before.map_or(Value::Null, value_of);
    act.record(tx, action, ("account", &after.id.to_string()), &before, &value_of(after)).await
}

fn login_taken(error: DbError) -> Problem {
    if error.is_unique_violation() {
        return Problem::invalid("invalid_input").field("login", "taken");
    }
    error.into()
}

async fn check(tx: &mut Tx, act: &Act, account: &mut AdminAccount) -> Result<(), Problem> {
    let mut faults = Faults::default();
    check_words(&mut faults, account);
    account.desks.sort_unstable();
    account.desks.dedup();
    let known: Vec<DeskId> = desks::list(tx, act.pool).await?.into_iter().map(|d| d.id).collect();
    faults.demand(account.desks.iter().all(|id| known.contains(id)), "desks", "unknown");
    let known: Vec<String> = topics::list(tx).await?.into_iter().map(|t| t.id).collect();
    check_skills(&mut faults, account, &known);
    let Capacity { phone, meeting, chat } = account.capacity;
    faults.demand(phone <= 1 && meeting <= 1 && chat <= CHAT_CAPACITY_MAX, "capacity", "out_of_range");
    faults.result()
}

fn check_words(faults: &mut Faults, account: &mut AdminAccount) {
    account.login = account.login.trim().to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    faults.demand(account.login.chars().count() <= LOGIN_MAX, "login", "too_long");
    faults.demand(account.login.chars().all(plain) && account.login.starts_with(edge), "login", "invalid");
    faults.demand(!account.login.is_empty(), "login", "required");
    faults.name("name", &mut account.name);
    faults.demand(matches!(&*account.ui_language, "ja" | "en"), "ui_language", "invalid");
}

/// Each skill once, with languages that are language tags and topics that exist.
fn check_skills(faults: &mut Faults, account: &mut AdminAccount, topics: &[String]) {
    account.skills.sort_unstable();
    let twice = account.skills.windows(2).any(|pair| pair[0].skill == pair[1].skill);
    faults.demand(!twice, "skills", "twice");
    faults.demand(account.skills.len() <= SKILLS_MAX, "skills", "too_many");
    for SkillLevel { skill, .. } in &account.skills {
        match skill {
            Skill::Language { tag } => {
                let canonical = tag.as_str().parse::<LangTag>().is_ok_and(|t| t.as_str() == tag.as_str());
                faults.demand(canonical, "skills", "invalid");
            }
            Skill::Topic { tag } => {
                faults.demand(topics.iter().any(|id| id == tag.as_str()), "skills", "unknown");
            }
        }
    }
}
