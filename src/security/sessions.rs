//! Sessions: who holds one, until when, and how it ends.
//!
//! A browser holds a secret in a cookie; the store keeps its hash. Every request reads its session and its
//! account anew, so that an end, a closed account or a changed role takes effect at once. Connections that
//! stay open wait for [`Sessions::ended`].

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use tokio::sync::broadcast::error::RecvError;

use crate::kernel::bus::Notice;
use crate::kernel::clock::{Chance, Clock};
use crate::kernel::db::{Db, DbError, Tx};
use crate::kernel::ids::{AccountId, SessionId};
use crate::kernel::problem::Problem;
use crate::kernel::time::{Millis, Timestamp};

use super::identity::Stage;
use super::keys::InstallKey;
use super::limits::{DelayRule, Delays, Rate, RateLimiter};
use super::{origin, store, tokens};

/// The cookie's name when browsers come through TLS: the prefix makes them refuse one that another host of
/// the same domain set.
const SECURE_COOKIE: &str = "__Host-madoguchi";
const PLAIN_COOKIE: &str = "madoguchi";

/// What the CSRF token is derived for.
const CSRF: &str = "csrf";

/// Sessions of one account at the same time; a further sign-in ends the oldest.
pub const SESSIONS_MAX: i64 = 10;

/// A sign-in that is not complete after this long begins anew.
pub const SIGN_IN_WAIT: Millis = Millis::from_mins(15);

/// A session's last use is written when the one on record is this old.
pub const SEEN_EVERY: Millis = Millis::from_mins(1);

/// How often an open connection asks whether its session has run out by itself.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Failures of one login (known or not), and of the codes of one account: from the sixth on the next try
/// waits. At the longest delay, 1,440 guesses fit into a day.
pub const ACCOUNT_DELAYS: DelayRule = DelayRule {
    free: 5,
    first: Millis::from_secs(2),
    longest: Millis::from_mins(1),
    forget_after: Millis::from_mins(60),
};

/// Failures from one address: an office shares one, so more of them are free.
pub const ADDRESS_DELAYS: DelayRule = DelayRule {
    free: 30,
    first: Millis::from_secs(1),
    longest: Millis::from_mins(5),
    forget_after: Millis::from_mins(60),
};

/// Requests of one account; more are refused with `rate_limited`. A busy console makes about 60 a minute.
pub const ACCOUNT_RATE: Rate = Rate::per_minute(600);

/// Requests of the staff's interface from one address: a hundred consoles behind one router.
pub const ADDRESS_RATE: Rate = Rate::per_minute(6000);

/// The secret in the cookie. `Debug` hides it.
#[derive(Clone)]
pub struct SessionToken(pub(super) String);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

impl SessionToken {
    pub(super) fn fresh(chance: &Chance) -> Self {
        Self(tokens::fresh(chance))
    }

    /// What a page must send along with every change.
    pub(super) fn csrf(&self) -> String {
        tokens::derived(&self.0, CSRF)
    }

    pub(super) fn secrets(&self) -> store::Secrets {
        store::Secrets { secret_hash: tokens::hash(&self.0), csrf_hash: tokens::hash(&self.csrf()) }
    }
}

/// What sessions are made from.
#[derive(Clone, Debug)]
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub chance: Chance,
    pub key: InstallKey,
    /// Whether browsers come through TLS: cookies are Secure then.
    pub secure: bool,
    /// The address people type; empty when it is whatever they asked for.
    pub public_url: String,
}

pub(super) struct Guards {
    pub logins: Delays,
    pub codes: Delays,
    pub addresses: Delays,
    pub account_rate: RateLimiter,
    pub address_rate: RateLimiter,
}

/// The sessions of the installation. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pub(super) parts: Parts,
    pub(super) guards: Arc<Guards>,
}

impl Sessions {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let guards = Guards {
            logins: Delays::new(ACCOUNT_DELAYS),
            codes: Delays::new(ACCOUNT_DELAYS),
            addresses: Delays::new(ADDRESS_DELAYS),
            account_rate: RateLimiter::new(ACCOUNT_RATE),
            address_rate: RateLimiter::new(ADDRESS_RATE),
        };
        Self { parts, guards: Arc::new(guards) }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Whether a request comes from a page of our own (see [`origin::same_origin`]).
    ///
    /// # Errors
    /// 403 `wrong_origin`.
    pub fn same_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        origin::same_origin(headers, &self.parts.public_url)
    }

    /// Whether `session` is complete and has not ended, read from the store.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn still_valid(&self, session: SessionId) -> Result<bool, DbError> {
        let mut tx = self.parts.db.read().await?;
        let found = store::find_by_id(&mut tx, session).await?;
        let now = self.now();
        match found {
            Some(found) if found.is_alive(now) => Ok(found.identity()?.stage == Stage::Done),
            _ => Ok(false),
        }
    }

    /// Resolves when `session` ends: signed out, ended by somebody else, or run out. A connection that
    /// stays open waits for this beside its work.
    pub async fn ended(&self, session: SessionId) {
        let mut notices = self.parts.db.bus().subscribe();
        loop {
            // A store that does not answer ends nothing: it is asked again.
            if matches!(self.still_valid(session).await, Ok(false)) {
                return;
            }
            let told = async {
                loop {
                    match notices.recv().await {
                        Ok(Notice::SessionsEnded { .. }) | Err(RecvError::Lagged(_)) => return,
                        Ok(_) => {}
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            let _ = tokio::time::timeout(ASK_EVERY, told).await;
        }
    }

    /// Notes that `session` is in use, for a connection over which somebody works without requests. Call it
    /// at most once in [`SEEN_EVERY`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn touch(&self, session: SessionId) -> Result<(), DbError> {
        let now = self.now();
        self.parts.db.write(move |tx| Box::pin(store::touch(tx, session, now))).await
    }

    const fn cookie_name(&self) -> &'static str {
        if self.parts.secure { SECURE_COOKIE } else { PLAIN_COOKIE }
    }

    /// The secret that a request brings, when it looks like one.
    pub(super) fn token_of(&self, headers: &HeaderMap) -> Option<SessionToken> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == self.cookie_name() && tokens::looks_like_one(value))
            .map(|(_, value)| SessionToken(value.to_owned()))
    }

    /// The `Set-Cookie` that hands out `token`, or takes the cookie back. Without an age: it goes away with
    /// the browser. `Strict`: the console's own requests bring it, whatever site led to the console.
    pub(super) fn cookie(&self, token: Option<&SessionToken>) -> HeaderValue {
        let (value, age) = token.map_or(("", "; Max-Age=0"), |t| (t.0.as_str(), ""));
        let secure = if self.parts.secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", self.cookie_name());
        // A token consists of letters, digits, `-` and `_` only.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Ends every session of `account` in the caller's transaction: for whoever closes an account, changes its
/// role, or resets its password or second factor. Open connections end after the commit.
///
/// # Errors
/// When the store fails.
pub async fn end_all(tx: &mut Tx, account: AccountId) -> Result<(), DbError> {
    store::end_all(tx, account, None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sessions(folder: &tempfile::TempDir, secure: bool) -> Sessions {
        let url = format!("sqlite:{}", folder.path().join("db").display());
        let db = Db::open(&url, crate::kernel::bus::Bus::local()).await.unwrap();
        Sessions::new(Parts {
            db,
            clock: Clock::system(),
            chance: Chance::seeded(1),
            key: InstallKey::from_bytes([1; 32]),
            secure,
            public_url: String::new(),
        })
    }

    #[tokio::test]
    async fn the_cookie_is_closed_to_scripts_and_bound_to_this_host() {
        let folder = tempfile::tempdir().unwrap();
        let token = SessionToken("a".repeat(tokens::TOKEN_CHARS));
        for (secure, name) in [(true, "__Host-madoguchi"), (false, "madoguchi")] {
            let sessions = sessions(&folder, secure).await;
            let cookie = sessions.cookie(Some(&token)).to_str().unwrap().to_owned();
            assert!(cookie.starts_with(&format!("{name}=aaa")), "{cookie}");
            assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
            assert!(!cookie.contains("Domain"), "{cookie}");

            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, "other=1".parse().unwrap());
            headers.append(header::COOKIE, format!("{name}=short; {name}={}", token.0).parse().unwrap());
            assert_eq!(sessions.token_of(&headers).map(|t| t.0), Some(token.0.clone()));
            assert!(sessions.cookie(None).to_str().unwrap().contains("Max-Age=0"));
            sessions.parts.db.close().await;
        }
        assert!(!format!("{token:?}").contains("aaa"));
    }
}
