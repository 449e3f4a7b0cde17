//! Passwords: how they are kept (Argon2id), which are taken, and one-time ones that a person can read out.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::kernel::clock::Chance;
use crate::kernel::problem::Problem;

/// Shortest password, characters.
pub const CHARS_MIN: usize = 12;

/// Longest password, characters; a longer one is refused, so that nobody makes the server hash a book.
pub const CHARS_MAX: usize = 128;

/// Memory of one hash, KiB (OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;

/// Hashes computed at the same time, so at most `HASHES_MAX` × [`MEMORY_KIB`]; more wait.
pub const HASHES_MAX: usize = 4;

/// Hashes that are computed or wait; one more is refused with 503 `busy`.
pub const HASHES_WAITING_MAX: usize = 256;

/// Words that no password may be made of, whatever digits and signs stand around them.
const OBVIOUS: &[&str] = &[
    "password",
    "passw0rd",
    "qwerty",
    "asdfgh",
    "zxcvbn",
    "madoguchi",
    "administrator",
    "admin",
    "letmein",
    "welcome",
    "iloveyou",
    "sakura",
    "nihon",
    "japan",
    "tokyo",
    "abc",
    "test",
    "user",
    "secret",
    "changeme",
];

/// Letters and digits of one-time passwords: none that look alike.
const READABLE: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Groups of four of a one-time password: 16 of 31 signs are 79 bits.
const GROUPS: usize = 4;

static PLACES: Semaphore = Semaphore::const_new(HASHES_MAX);
static WAITING: Semaphore = Semaphore::const_new(HASHES_WAITING_MAX);

/// What an unknown login's password is compared with, so that the answer takes as long as for a known one.
static NOBODYS: LazyLock<Option<String>> =
    LazyLock::new(|| hash_with(&strong(), &[0; 16], "nobody has this password").ok());

fn strong() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default()
}

fn hash_with(
    params: &Params,
    salt: &[u8; 16],
    password: &str,
) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(salt)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    Ok(argon.hash_password(password.as_bytes(), &salt)?.to_string())
}

fn matches(stored: &str, password: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &stored).is_ok()
}

/// The hash to keep for `password`, as a PHC string.
///
/// # Errors
/// 503 `busy` when too many wait.
pub async fn hash(chance: &Chance, password: String) -> Result<String, Problem> {
    let salt = chance.bytes::<16>();
    aside(move || hash_with(&strong(), &salt, &password)).await?.map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Problem::internal()
    })
}

/// A hash with almost no cost: for tests and benchmarks that make many accounts. It verifies like any other.
///
/// # Errors
/// Never for passwords that [`check_policy`] takes.
pub fn hash_cheaply(chance: &Chance, password: &str) -> Result<String, argon2::password_hash::Error> {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap_or_default();
    hash_with(&params, &chance.bytes::<16>(), password)
}

/// Whether `password` belongs to `stored`; without a stored hash (an unknown login) the same work is done and
/// the answer is no.
///
/// # Errors
/// 503 `busy` when too many wait.
pub async fn verify(stored: Option<String>, password: String) -> Result<bool, Problem> {
    if password.chars().count() > CHARS_MAX {
        return Ok(false);
    }
    aside(move || match stored {
        Some(stored) => matches(&stored, &password),
        None => {
            let _ = NOBODYS.as_deref().is_some_and(|stored| matches(stored, &password));
            false
        }
    })
    .await
}

/// Runs `work` on a thread of its own, a few at a time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy");
    let _waiting = WAITING.try_acquire().map_err(|_| busy())?;
    let place = PLACES.acquire().await.map_err(|_| busy())?;
    tokio::task::spawn_blocking(move || {
        // The place is held until the work is done, also when the one who asked has gone away.
        let _place = place;
        work()
    })
    .await
    .map_err(|error| {
        tracing::error!(%error, "hashing failed");
        Problem::internal()
    })
}

/// Whether `password` may be taken for the account that signs in as `login`.
///
/// # Errors
/// 400 `password_refused`, with the reason at the field `new`: `too_short`, `too_long`, `like_login` or
/// `too_obvious`.
pub fn check_policy(login: &str, password: &str) -> Result<(), Problem> {
    let length = password.chars().count();
    let reason = if length < CHARS_MIN {
        "too_short"
    } else if length > CHARS_MAX {
        "too_long"
    } else if is_like_login(login, password) {
        "like_login"
    } else if is_obvious(password) {
        "too_obvious"
    } else {
        return Ok(());
    };
    Err(Problem::invalid("password_refused").field("new", reason))
}

/// The letters alone, in lower case: what is left of `Password-2026!` is `password`.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

fn is_like_login(login: &str, password: &str) -> bool {
    let (login, password) = (login.to_lowercase(), password.to_lowercase());
    password.contains(&login) && password.chars().count() < login.chars().count() + CHARS_MIN
}

/// Few different signs, a run of the keyboard or of digits, or obvious words and nothing else.
fn is_obvious(password: &str) -> bool {
    let lower = password.to_lowercase();
    let mut signs: Vec<char> = lower.chars().collect();
    signs.sort_unstable();
    signs.dedup();
    let mut rest = letters(password);
    for word in OBVIOUS {
        rest = rest.replace(word, "");
    }
    signs.len() < 5 || rest.is_empty() || is_run(&lower)
}

/// Whether most neighbours follow each other (`123456789012`, `abcdefghijkl`).
fn is_run(text: &str) -> bool {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let steps = codes.windows(2).filter(|pair| pair[1].abs_diff(pair[0]) <= 1).count();
    steps * 4 >= codes.len().saturating_sub(1) * 3
}

/// A one-time password that can be read out, e.g. `k7mp-x2rq-9fdw-tn4c`: whoever gets it must change it.
#[must_use]
pub fn temporary(chance: &Chance) -> String {
    let sign = || {
        let at = usize::try_from(chance.below(READABLE.len() as u64)).unwrap_or_default();
        char::from(READABLE[at])
    };
    let groups: Vec<String> = (0..GROUPS).map(|_| (0..4).map(|_| sign()).collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let chance = Chance::seeded(1);
        let stored = hash(&chance, "correct horse battery".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hash(&chance, "correct horse battery".to_owned()).await.unwrap());
        assert!(verify(Some(stored.clone()), "correct horse battery".to_owned()).await.unwrap());
        for wrong in ["correct horse batterx", "", &"x".repeat(100_000)] {
            assert!(!verify(Some(stored.clone()), wrong.to_owned()).await.unwrap());
        }
        assert!(!verify(None, "nobody has this password".to_owned()).await.unwrap());
        assert!(!verify(Some("damaged".to_owned()), "x".to_owned()).await.unwrap());
        let cheap = hash_cheaply(&chance, "correct horse battery").unwrap();
        assert!(verify(Some(cheap), "correct horse battery".to_owned()).await.unwrap());
    }

    #[test]
    fn the_policy_names_its_reason() {
        let refusal = |password: &str| {
            check_policy("tanaka", password).err().and_then(|p| p.fields.get("new").copied())
        };
        for good in ["correct horse battery", "窓口の花瓶に三輪の薔薇を", "k7mp-x2rq-9fdw-tn4c"] {
            assert_eq!(refusal(good), None, "{good}");
        }
        for (bad, reason) in [
            ("short", "too_short"),
            (&"long word ".repeat(20) as &str, "too_long"),
            ("Tanaka-2026-11", "like_login"),
            ("Password-2026!!", "too_obvious"),
            ("madoguchi12345", "too_obvious"),
            ("aaaaaaaaaaaa", "too_obvious"),
            ("123456789012", "too_obvious"),
            ("abcdefghijklm", "too_obvious"),
            ("202611250405", "too_obvious"),
        ] {
            assert_eq!(refusal(bad), Some(reason), "{bad}");
        }
    }

    #[test]
    fn one_time_passwords_differ_and_pass_the_policy() {
        let chance = Chance::seeded(1);
        for _ in 0..1000 {
            let password = temporary(&chance);
            assert_eq!(password.len(), 19);
            assert_eq!(check_policy("tanaka", &password), Ok(()), "{password}");
        }
        assert_ne!(temporary(&chance), temporary(&chance));
    }
}
