//! Bearer tokens: 256 bits of chance, shown once, kept only as their hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::kernel::clock::Chance;

/// Characters of a token: 32 bytes in base64url without padding.
pub const TOKEN_CHARS: usize = 43;

/// A new token.
#[must_use]
pub fn fresh(chance: &Chance) -> String {
    URL_SAFE_NO_PAD.encode(chance.bytes::<32>())
}

/// What is stored instead of a token: SHA-256 of its text in base64url. A fast hash is enough, because a
/// token cannot be guessed.
#[must_use]
pub fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

/// Whether two texts are equal, in a time that does not tell where they differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Whether `text` has the shape of a token; anything else need not be looked up.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A second token that only the holder of `token` and this program can compute (HMAC-SHA-256).
#[must_use]
pub fn derived(token: &str, purpose: &str) -> String {
    URL_SAFE_NO_PAD.encode(mac(token.as_bytes(), &[purpose.as_bytes()]))
}

/// HMAC-SHA-256 over `parts`, each preceded by its length, so that parts cannot flow into each other.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        // HMAC takes keys of any length (RFC 2104); the type cannot say so.
        Err(_) => Hmac::<Sha256>::new(&Default::default()),
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_look_like_tokens() {
        let chance = Chance::seeded(1);
        let (a, b) = (fresh(&chance), fresh(&chance));
        assert_ne!(a, b);
        assert!(looks_like_one(&a) && looks_like_one(&hash(&a)) && looks_like_one(&derived(&a, "x")));
        for bad in ["", "a", &"あ".repeat(43), &format!("{}=", &a[..42]), &format!("{}\0", &a[..42])] {
            assert!(!looks_like_one(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // FIPS 180-4 example "abc": ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad.
        assert_eq!(hash("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn derived_tokens_depend_on_both_parts() {
        assert_ne!(derived("a", "csrf"), derived("b", "csrf"));
        assert_ne!(derived("a", "csrf"), derived("a", "other"));
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("abc", "ab"));
        assert_ne!(mac(b"k", &[b"ab", b"c"]), mac(b"k", &[b"a", b"bc"]));
    }
}
