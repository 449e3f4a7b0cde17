//! The second factor: one-time codes by time (RFC 6238, over RFC 4226), as the common apps make them.

use hmac::{Hmac, Mac as _};
use qrcode::QrCode;
use qrcode::render::svg;
use sha1::Sha1;

use crate::kernel::clock::Chance;
use crate::kernel::ids::AccountId;
use crate::kernel::problem::Problem;
use crate::kernel::time::Timestamp;

use super::keys::InstallKey;
use super::tokens;

/// Bytes of a secret: as many as SHA-1 gives (RFC 4226 §4, R6).
pub const SECRET_BYTES: usize = 20;

/// Digits of a code.
pub const DIGITS: usize = 6;

/// Length of a step, milliseconds.
pub const STEP_MS: i64 = 30_000;

/// Steps that a code may be early or late: clocks of phones go astray.
pub const STEPS_ASIDE: i64 = 1;

/// The name that apps show beside the code.
const ISSUER: &str = "Madoguchi";

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret shared with an app. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn place(account: AccountId) -> String {
    format!("totp:{account}")
}

impl Secret {
    #[must_use]
    pub fn fresh(chance: &Chance) -> Self {
        Self(chance.bytes())
    }

    /// Encrypted for the column `totp_secret` of its account.
    ///
    /// # Errors
    /// 500 when the cipher refuses, which it does not for so short a text.
    pub fn seal(&self, key: &InstallKey, chance: &Chance, account: AccountId) -> Result<String, Problem> {
        key.seal(chance, &place(account), &self.0).ok_or_else(Problem::internal)
    }

    /// What [`Self::seal`] made; `None` under another key or for another account.
    #[must_use]
    pub fn open(key: &InstallKey, account: AccountId, sealed: &str) -> Option<Self> {
        key.open(&place(account), sealed)?.try_into().ok().map(Self)
    }

    /// RFC 4648 base 32 without padding: what a person types into an app.
    #[must_use]
    pub fn base32(&self) -> String {
        let mut out = String::with_capacity(SECRET_BYTES * 8 / 5);
        for chunk in self.0.chunks(5) {
            let bits = chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            // Twenty bytes are four whole groups of five: no group is short.
            for shift in (0..8).rev() {
                out.push(char::from(BASE32[usize::try_from(bits >> (shift * 5) & 31).unwrap_or_default()]));
            }
        }
        out
    }

    /// Reads what [`Self::base32`] wrote; small letters, spaces and hyphens do not matter.
    #[must_use]
    pub fn from_base32(text: &str) -> Option<Self> {
        let letters = text.bytes().filter(|b| !matches!(b, b' ' | b'-')).map(|b| b.to_ascii_uppercase());
        let (mut bytes, mut held, mut bits) = (Vec::with_capacity(SECRET_BYTES), 0_u32, 0_u32);
        // More letters than there may be: a longer text is then too long, not cut.
        for letter in letters.take(SECRET_BYTES * 2) {
            let value = BASE32.iter().position(|b| *b == letter)?;
            held = (held << 5) | u32::try_from(value).ok()?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(held >> bits & 0xFF).ok()?);
                held &= (1 << bits) - 1;
            }
        }
        if bits > 0 {
            return None;
        }
        bytes.try_into().ok().map(Self)
    }

    /// The address that an app reads from the picture (Key URI Format).
    #[must_use]
    pub fn otpauth_url(&self, login: &str) -> String {
        let (label, secret) = (escape(login), self.base32());
        format!(
            "otpauth://totp/{ISSUER}:{label}?secret={secret}&issuer={ISSUER}\
             &algorithm=SHA1&digits={DIGITS}&period=30"
        )
    }

    /// The code of a step.
    #[must_use]
    pub fn code(&self, step: i64) -> String {
        code(&self.0, step)
    }

    /// The step that `typed` belongs to, among those around `now` that come after `last_step`; `None` when
    /// the code is wrong or was used before. The caller stores the step, so that no code is taken twice.
    #[must_use]
    pub fn accept(&self, typed: &str, now: Timestamp, last_step: i64) -> Option<i64> {
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let middle = step_of(now);
        let mut found = None;
        // Every step is computed and compared, so that the time taken tells nothing.
        for step in middle - STEPS_ASIDE..=middle + STEPS_ASIDE {
            if tokens::same(&self.code(step), &typed) && step > last_step {
                found = Some(step);
            }
        }
        found
    }
}

/// The step that `now` lies in.
#[must_use]
pub const fn step_of(now: Timestamp) -> i64 {
    now.0.div_euclid(STEP_MS)
}

/// RFC 4226 §5.3: the last nibble of the digest says where its 31 bits are taken from.
fn code(secret: &[u8], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest.last().copied().unwrap_or_default() & 15);
    let bits = digest.iter().skip(at).take(4).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
    format!("{:06}", (bits & 0x7FFF_FFFF) % 1_000_000)
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0').to_ascii_uppercase();
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
        out
    })
}

/// The address as a picture to be scanned, black on white whatever the page's colours are.
///
/// # Errors
/// 500 when the address does not fit into a picture; logins are too short for that.
pub fn picture(otpauth_url: &str) -> Result<String, Problem> {
    let code = QrCode::new(otpauth_url.as_bytes()).map_err(|error| {
        tracing::error!(%error, "the address of a second factor does not fit into a picture");
        Problem::internal()
    })?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: Secret = Secret(*b"12345678901234567890");

    #[test]
    fn the_codes_are_those_of_the_standards() {
        // RFC 4226, appendix D.
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583"];
        for (step, expected) in (0..).zip(codes) {
            assert_eq!(RFC.code(step), expected, "{step}");
        }
        // RFC 6238, appendix B (SHA-1), the last six of its eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(RFC.code(step_of(Timestamp(seconds * 1000))), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_near_its_time_only() {
        let now = Timestamp(1_795_478_400_000);
        let step = step_of(now);
        for aside in -3..=3 {
            let accepted = RFC.accept(&RFC.code(step + aside), now, 0);
            assert_eq!(accepted, (aside.abs() <= STEPS_ASIDE).then_some(step + aside), "{aside}");
        }
        assert_eq!(RFC.accept(&RFC.code(step), now, step), None, "used before");
        assert_eq!(RFC.accept(&RFC.code(step - 1), now, step), None, "older than the last one used");
        assert_eq!(RFC.accept(&RFC.code(step + 1), now, step), Some(step + 1));
        let spaced = format!(" {} {} ", &RFC.code(step)[..3], &RFC.code(step)[3..]);
        assert_eq!(RFC.accept(&spaced, now, 0), Some(step));
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(RFC.accept(wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_secret_reaches_the_app_and_the_store_in_their_forms() {
        // RFC 4648: base 32 of "12345678901234567890".
        assert_eq!(RFC.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Secret::from_base32("gezd gnbv-GY3TQOJQGEZDGNBVGY3TQOJQ"), Some(RFC));
        for bad in ["", "GEZD", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", &"A".repeat(33), &"A".repeat(9999)] {
            assert_eq!(Secret::from_base32(bad), None, "{bad}");
        }
        let url = RFC.otpauth_url("山田 t/a");
        assert!(url.starts_with("otpauth://totp/Madoguchi:%E5%B1%B1%E7%94%B0%20t%2Fa?secret=GEZD"), "{url}");
        assert!(picture(&url).unwrap().contains("<svg"));

        let (key, chance) = (InstallKey::from_bytes([1; 32]), Chance::seeded(1));
        let sealed = RFC.seal(&key, &chance, AccountId(1)).unwrap();
        assert_eq!(Secret::open(&key, AccountId(1), &sealed), Some(RFC));
        assert_eq!(Secret::open(&key, AccountId(2), &sealed), None);
        assert_eq!(format!("{RFC:?}"), "Secret(…)");
    }
}
