//! Signing in, step by step. Each step that succeeds gives the session a new secret.

use serde_json::json;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, SessionId};
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};

use super::audit::{self, Entry};
use super::client::Client;
use super::identity::{Identity, Role, Stage};
use super::sessions::{ACCOUNT_DELAYS, SESSIONS_MAX, SIGN_IN_WAIT, SessionToken, Sessions};
use super::settings::SecuritySettings;
use super::store::{self, Account};
use super::totp::Secret;
use super::{password, totp};

use axum::http::StatusCode;

/// Characters of a login that are looked at; a longer one belongs to nobody.
const LOGIN_CHARS_MAX: usize = 64;

/// The session after a step.
#[derive(Clone, Debug)]
pub struct Step {
    pub token: SessionToken,
    pub next: Stage,
}

/// What an app needs to show codes.
#[derive(Clone, Debug)]
pub struct Enrolment {
    pub otpauth_url: String,
    pub qr_svg: String,
    pub secret: String,
}

fn unauthorized(code: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code)
}

fn wrong_stage() -> Problem {
    Problem::conflict("wrong_stage")
}

fn delayed(wait: Millis) -> Problem {
    Problem::too_many("sign_in_delayed", wait.0.div_euclid(1000) + 1)
}

/// What stands between the password and the desk, after the second factor.
fn next_stage(account: &Account, role: Role, settings: &SecuritySettings) -> Stage {
    if account.password_must_change {
        Stage::ChangePassword
    } else if !account.totp_confirmed && (role.needs_second_factor() || settings.totp_for_all) {
        Stage::EnrolTotp
    } else {
        Stage::Done
    }
}

fn expiry(next: Stage, now: Timestamp, settings: &SecuritySettings) -> Timestamp {
    if next == Stage::Done { now + settings.absolute() } else { now + SIGN_IN_WAIT }
}

impl Sessions {
    /// The first step: login and password. Unknown logins and wrong passwords look and last the same.
    ///
    /// # Errors
    /// 401 `wrong_credentials`, 429 `sign_in_delayed`, 503 `busy`.
    pub(super) async fn sign_in(
        &self,
        client: Client,
        before: Option<SessionToken>,
        login: &str,
        password: String,
    ) -> Result<Step, Problem> {
        let login = login.trim();
        let address = client.address_key(&self.parts.key);
        let now = self.now();
        self.guards.logins.try_once(login, now).map_err(delayed)?;
        if let Err(wait) = self.guards.addresses.try_once(&address, now) {
            self.guards.logins.excuse(login);
            return Err(delayed(wait));
        }
        let account = self.account_named(login).await?;
        if let Some(wait) = account.as_ref().and_then(|a| still_locked(a, now)) {
            return Err(delayed(wait));
        }
        let stored = account.as_ref().map(|a| a.password_hash.clone());
        let right = password::verify(stored, password).await.inspect_err(|_| {
            self.guards.logins.excuse(login);
            self.guards.addresses.excuse(&address);
        })?;
        match account {
            Some(account) if right => {
                let step = self.open(account, before).await?;
                self.guards.logins.succeeded(login);
                self.guards.addresses.excuse(&address);
                Ok(step)
            }
            account => {
                self.refuse(account, "password").await?;
                Err(unauthorized("wrong_credentials"))
            }
        }
    }

    async fn account_named(&self, login: &str) -> Result<Option<Account>, Problem> {
        let possible = !login.is_empty() && login.chars().count() <= LOGIN_CHARS_MAX && !login.contains('\0');
        let mut tx = self.parts.db.read().await?;
        Ok(if possible { store::by_login(&mut tx, login).await? } else { None })
    }

    async fn open(&self, account: Account, before: Option<SessionToken>) -> Result<Step, Problem> {
        let now = self.now();
        let token = SessionToken::fresh(&self.parts.chance);
        let session = SessionId::compose(now, self.parts.chance.bits());
        let (id, role, secrets) = (account.id()?, account.role()?, token.secrets());
        let next = self
            .parts
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(before) = before {
                        store::end_by_secret(tx, &before.secrets().secret_hash).await?;
                    }
                    let (settings, _) = SecuritySettings::load(tx).await?;
                    let next = if account.totp_confirmed {
                        Stage::Totp
                    } else {
                        next_stage(&account, role, &settings)
                    };
                    store::set_failures(tx, id, 0, Timestamp::EPOCH).await?;
                    store::tidy(tx, id, now, SESSIONS_MAX - 1).await?;
                    store::insert(tx, session, id, &secrets, next, now, expiry(next, now, &settings)).await?;
                    let action = if next == Stage::Done { "session.signed_in" } else { "session.begun" };
                    let entry = Entry::by(id, role, action, "session", session.to_string());
                    audit::record(tx, now, entry.detail(json!({ "next": next }))).await?;
                    Ok::<_, DbError>(next)
                })
            })
            .await?;
        Ok(Step { token, next })
    }

    /// Puts a failure on record. What was typed as the login is not kept: it may be a password.
    async fn refuse(&self, account: Option<Account>, reason: &'static str) -> Result<(), Problem> {
        let now = self.now();
        self.parts
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let mut object = String::new();
                    if let Some(account) = account {
                        let id = account.id()?;
                        let count = account.failed_count.saturating_add(1);
                        let wait = ACCOUNT_DELAYS.after(u32::try_from(count).unwrap_or(u32::MAX));
                        store::set_failures(tx, id, count, now + wait).await?;
                        object = id.to_string();
                    }
                    let entry = Entry::unknown("session.refused", "account", object);
                    audit::record(tx, now, entry.detail(json!({ "reason": reason }))).await.map(drop)
                })
            })
            .await
            .map_err(|error: DbError| error.into())
    }

    /// The second factor's code.
    ///
    /// # Errors
    /// 401 `wrong_code`, 409 `wrong_stage`, 429 `sign_in_delayed`.
    pub(super) async fn take_code(&self, me: &Identity, typed: &str) -> Result<Step, Problem> {
        if me.stage != Stage::Totp {
            return Err(wrong_stage());
        }
        let account = self.account(me.account).await?;
        let sealed = account.totp_secret.clone().unwrap_or_default();
        let step = self.check_code(&account, me, &sealed, typed, account.totp_last_step).await?;
        let used = Done { action: "session.code_taken", totp: Some(Totp::Used(step)), password: None };
        self.advance(me, account, used).await
    }

    /// Compares a code with `sealed`; wrong ones are delayed and put on record.
    async fn check_code(
        &self,
        account: &Account,
        me: &Identity,
        sealed: &str,
        typed: &str,
        last_step: i64,
    ) -> Result<i64, Problem> {
        let key = me.account.to_string();
        let now = self.now();
        self.guards.codes.try_once(&key, now).map_err(delayed)?;
        let Some(secret) = Secret::open(&self.parts.key, me.account, sealed) else {
            tracing::error!("a second factor cannot be opened: is the installation's key another one?");
            return Err(Problem::internal());
        };
        if let Some(step) = secret.accept(typed, now, last_step) {
            self.guards.codes.succeeded(&key);
            return Ok(step);
        }
        self.refuse_code(account, me).await?;
        Err(unauthorized("wrong_code"))
    }

    async fn refuse_code(&self, account: &Account, me: &Identity) -> Result<(), Problem> {
        let (now, id, role) = (self.now(), account.id()?, me.role);
        self.parts
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let entry = Entry::by(id, role, "session.refused", "account", id.to_string());
                    audit::record(tx, now, entry.detail(json!({ "reason": "code" }))).await.map(drop)
                })
            })
            .await
            .map_err(|error: DbError| error.into())
    }

    /// Makes a new secret for an app. It counts once [`Self::confirm`] has seen its first code.
    ///
    /// # Errors
    /// 409 `wrong_stage` when a second factor stands already or the password comes first.
    pub(super) async fn enrol(&self, me: &Identity) -> Result<Enrolment, Problem> {
        let account = self.account(me.account).await?;
        if !may_enrol(me, &account) {
            return Err(wrong_stage());
        }
        let secret = Secret::fresh(&self.parts.chance);
        let sealed = secret.seal(&self.parts.key, &self.parts.chance, me.account)?;
        let id = me.account;
        let kept: bool = self
            .parts
            .db
            .write(move |tx| Box::pin(async move { store::propose_totp(tx, id, &sealed).await }))
            .await
            .map_err(|error: DbError| Problem::from(error))?;
        if !kept {
            return Err(wrong_stage());
        }
        let otpauth_url = secret.otpauth_url(&account.login);
        Ok(Enrolment { qr_svg: totp::picture(&otpauth_url)?, secret: secret.base32(), otpauth_url })
    }

    /// The first code of a new second factor.
    ///
    /// # Errors
    /// 401 `wrong_code`, 409 `wrong_stage`, 429 `sign_in_delayed`.
    pub(super) async fn confirm(&self, me: &Identity, typed: &str) -> Result<Step, Problem> {
        let mut account = self.account(me.account).await?;
        let Some(sealed) = account.totp_secret.clone().filter(|_| may_enrol(me, &account)) else {
            return Err(wrong_stage());
        };
        let step = self.check_code(&account, me, &sealed, typed, 0).await?;
        account.totp_confirmed = true;
        let done =
            Done { action: "account.enrolled", totp: Some(Totp::Confirmed(sealed, step)), password: None };
        self.advance(me, account, done).await
    }

    /// Replaces the password and ends the account's other sessions.
    ///
    /// # Errors
    /// 400 `password_refused`, 401 `wrong_credentials`, 409 `wrong_stage`, 429 `sign_in_delayed`.
    pub(super) async fn change_password(
        &self,
        me: &Identity,
        current: String,
        new: String,
    ) -> Result<Step, Problem> {
        if !matches!(me.stage, Stage::ChangePassword | Stage::Done) {
            return Err(wrong_stage());
        }
        let mut account = self.account(me.account).await?;
        self.guards.logins.try_once(&account.login, self.now()).map_err(delayed)?;
        if !password::verify(Some(account.password_hash.clone()), current.clone()).await? {
            self.refuse(Some(account), "password").await?;
            return Err(unauthorized("wrong_credentials"));
        }
        self.guards.logins.succeeded(&account.login);
        password::check_policy(&account.login, &new)?;
        if new == current {
            return Err(Problem::invalid("password_refused").field("new", "not_new"));
        }
        let hash = password::hash(&self.parts.chance, new).await?;
        account.password_must_change = false;
        let done = Done { action: "account.password_changed", totp: None, password: Some(hash) };
        self.advance(me, account, done).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn sign_out(&self, me: &Identity) -> Result<(), Problem> {
        let (now, me) = (self.now(), me.clone());
        self.parts
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if store::end(tx, me.session).await? {
                        tx.sessions_ended(me.account);
                        let entry = Entry::of(&me, "session.signed_out", "session", me.session.to_string());
                        audit::record(tx, now, entry).await?;
                    }
                    Ok(())
                })
            })
            .await
            .map_err(|error: DbError| error.into())
    }

    async fn account(&self, id: AccountId) -> Result<Account, Problem> {
        let mut tx = self.parts.db.read().await?;
        store::by_id(&mut tx, id).await?.ok_or_else(Problem::sign_in_first)
    }

    /// Keeps what a step achieved and gives the session a new secret and its next stage.
    async fn advance(&self, me: &Identity, account: Account, done: Done) -> Result<Step, Problem> {
        let now = self.now();
        let token = SessionToken::fresh(&self.parts.chance);
        let (me, secrets) = (me.clone(), token.secrets());
        let next = self
            .parts
            .db
            .write(move |tx| {
                Box::pin(async move {
                    keep(tx, &me, &account, &done).await?;
                    let (settings, _) = SecuritySettings::load(tx).await?;
                    let next = next_stage(&account, me.role, &settings);
                    let expires = expiry(next, now, &settings);
                    if !store::rotate(tx, me.session, me.stage, next, &secrets, now, expires).await? {
                        return Err(wrong_stage());
                    }
                    let entry = Entry::of(&me, done.action, "account", me.account.to_string());
                    audit::record(tx, now, entry).await?;
                    if next == Stage::Done && me.stage != Stage::Done {
                        let session = me.session.to_string();
                        let entry = Entry::of(&me, "session.signed_in", "session", session);
                        audit::record(tx, now, entry.detail(json!({ "next": next }))).await?;
                    }
                    Ok(next)
                })
            })
            .await?;
        Ok(Step { token, next })
    }
}

/// What a step achieved.
struct Done {
    action: &'static str,
    totp: Option<Totp>,
    /// The new password's hash.
    password: Option<String>,
}

enum Totp {
    /// The code of this step is used up.
    Used(i64),
    /// This secret is confirmed by the code of this step.
    Confirmed(String, i64),
}

async fn keep(tx: &mut Tx, me: &Identity, account: &Account, done: &Done) -> Result<(), Problem> {
    let code_counts = match &done.totp {
        None => true,
        Some(Totp::Used(step)) => store::use_step(tx, me.account, *step).await?,
        Some(Totp::Confirmed(sealed, step)) => store::confirm_totp(tx, me.account, sealed, *step).await?,
    };
    if !code_counts {
        return Err(unauthorized("wrong_code"));
    }
    if let Some(hash) = &done.password {
        if !store::set_password(tx, me.account, &account.password_hash, hash).await? {
            return Err(Problem::conflict("changed_elsewhere"));
        }
        store::set_failures(tx, me.account, 0, Timestamp::EPOCH).await?;
        store::end_all(tx, me.account, Some(me.session)).await?;
    }
    Ok(())
}

fn still_locked(account: &Account, now: Timestamp) -> Option<Millis> {
    let wait = Timestamp(account.locked_until).since(now);
    (wait > Millis::ZERO).then_some(wait)
}

fn may_enrol(me: &Identity, account: &Account) -> bool {
    matches!(me.stage, Stage::EnrolTotp | Stage::Done) && !account.totp_confirmed
}
